(** * T4: the best certified step of one prompt is, to first order, the GRPO step

    With gamma = 2 |g|/(sigma D), which lies in (0, 1], a step of length l along g/|g| gains, by T3, at least
      l |g| - sigma psi(l D/2).
    This guarantee is largest at l = (2/D) ln(1 + gamma), where it is sigma ((1 + gamma) ln(1 + gamma) - gamma); and l
    differs from (4/D^2) |g|/sigma, the GRPO step, by at most gamma^2/D.

    Idea. With a = l D/2 the guarantee is sigma ((1 + gamma) a + 1 - e^a), and for any other
    a, e^a = (1 + gamma) e^(a - ln(1 + gamma)) is above (1 + gamma)(1 + a - ln(1 + gamma)). *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Constants Increase Sums Distribution Vectors Policy Psi Line Deviation Certificate.
Open Scope R_scope.

Lemma ln_below_tangent a : 0 <= a -> ln (1 + a) <= a.
Proof.
  intros nonneg. rewrite <- (ln_exp a) at 2. apply Rcomplements.ln_le; [lra|apply exp_above_tangent].
Qed.

Lemma ln_above_parabola a : 0 <= a -> a - a ^ 2 / 2 <= ln (1 + a).
Proof.
  intros nonneg.
  assert (0 <= ln (1 + a) - (a - a ^ 2 / 2)); [|lra].
  replace 0 with ((fun a => ln (1 + a) - (a - a ^ 2 / 2)) 0) by (rewrite Rplus_0_r, ln_1; field).
  apply (increase (fun a => ln (1 + a) - (a - a ^ 2 / 2)) (fun s => s ^ 2 / (1 + s))).
  - exact nonneg.
  - intros s [low _]. auto_derive; [lra|field; lra].
  - intros s [low _]. apply Rmult_le_pos; [apply pow2_ge_0|left; apply Rinv_0_lt_compat; lra].
Qed.

Section Step.
  Variables (d : nat) (x : prompt) (theta : vector) (D : R).
  Let g : vector := gradient d x theta.

  (** gamma, the part of the deviation that the gradient can use. *)
  Definition alignment : R := 2 * norm d g / (sigma d x theta * D).

  (** A step of length l along g/|g|, and what T3 guarantees for it. *)
  Definition step (l : R) : vector := scale (l / norm d g) g.
  Definition guarantee (l : R) : R := l * norm d g - sigma d x theta * psi (HALF_WIDTH * (l * D)).
  Definition best_length : R := 2 / D * ln (1 + alignment).

  Hypothesis D_pos : 0 < D.
  Hypothesis sigma_pos : 0 < sigma d x theta.
  Hypothesis gradient_pos : 0 < norm d g.
  Hypothesis diameter : diameter_at_most d x D.

  Lemma gradient_norm_alignment : norm d g = alignment * sigma d x theta * D / 2.
  Proof. unfold alignment. field. lra. Qed.

  (** T4 (a), from T2 along g itself. *)
  Theorem alignment_between : 0 < alignment <= 1.
  Proof.
    assert (scale_pos : 0 < sigma d x theta * D) by (apply Rmult_lt_0_compat; assumption).
    split.
    - apply Rdiv_lt_0_compat; [lra|exact scale_pos].
    - assert (slope : norm d g * norm d g <= 1 / 2 * sigma d x theta * D * norm d g).
      { pose proof (gradient_slope d x theta g (D * norm d g) (step_width_of_diameter d x g D diameter)) as bound.
        fold g in bound. rewrite <- norm_square, Rabs_pos_eq in bound by apply pow2_ge_0. unfold SLOPE in bound. lra. }
      apply Rmult_le_reg_r in slope; [|exact gradient_pos].
      unfold alignment. apply Rmult_le_reg_r with (sigma d x theta * D); [exact scale_pos|].
      unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
  Qed.

  (** T4 (b): T3 for a step along the gradient. *)
  Theorem step_guarantee l : 0 <= l -> guarantee l <= J d x (add theta (step l)) - J d x theta.
  Proof.
    intros nonneg.
    assert (norm_step : norm d (step l) = l).
    { unfold step. rewrite norm_scale, Rabs_pos_eq.
      - field. lra.
      - apply Rmult_le_pos; [exact nonneg|left; apply Rinv_0_lt_compat, gradient_pos]. }
    pose proof (certified_gain d x theta (step l) _ (step_width_of_diameter d x (step l) D diameter)) as gain.
    rewrite norm_step in gain. unfold guarantee. rewrite (Rmult_comm l D).
    replace (l * norm d g) with (dot d (gradient d x theta) (step l)); [exact gain|].
    unfold step. rewrite dot_scale_r. fold g. rewrite <- norm_square. field. lra.
  Qed.

  Lemma guarantee_in_alignment l :
    guarantee l = sigma d x theta * ((1 + alignment) * (l * D / 2) + 1 - exp (l * D / 2)).
  Proof.
    unfold guarantee, psi, HALF_WIDTH. rewrite gradient_norm_alignment.
    replace (1 / 2 * (l * D)) with (l * D / 2) by field. field.
  Qed.

  Lemma best_length_scaled : best_length * D / 2 = ln (1 + alignment).
  Proof. unfold best_length. field. lra. Qed.

  Lemma guarantee_at_best :
    guarantee best_length = sigma d x theta * ((1 + alignment) * ln (1 + alignment) - alignment).
  Proof.
    pose proof alignment_between. rewrite guarantee_in_alignment, best_length_scaled, exp_ln by lra. ring.
  Qed.

  (** T4 (b): every other length has a smaller guarantee. *)
  Theorem best_length_is_best l : l <> best_length -> guarantee l < guarantee best_length.
  Proof.
    intros other. pose proof alignment_between as between. rewrite guarantee_at_best, guarantee_in_alignment.
    apply Rmult_lt_compat_l; [exact sigma_pos|].
    set (a := l * D / 2). set (L := ln (1 + alignment)).
    assert (apart : a - L <> 0).
    { unfold a, L. rewrite <- best_length_scaled. intros same. apply other, (Rmult_eq_reg_r D); lra. }
    assert (growth : exp a = (1 + alignment) * exp (a - L)).
    { rewrite <- (exp_ln (1 + alignment)) by lra. fold L. rewrite <- exp_plus. f_equal. ring. }
    assert (tangent : (1 + alignment) * (1 + (a - L)) < exp a).
    { rewrite growth. apply Rmult_lt_compat_l; [lra|apply exp_ineq1, apart]. }
    lra.
  Qed.

  Lemma best_length_pos : 0 < best_length.
  Proof.
    pose proof alignment_between. apply Rmult_lt_0_compat; [apply Rdiv_lt_0_compat; lra|].
    rewrite <- ln_1. apply ln_increasing; lra.
  Qed.

  (** T4 (c): so this much is gained. *)
  Theorem best_step_gain :
    sigma d x theta * ((1 + alignment) * ln (1 + alignment) - alignment)
    <= J d x (add theta (step best_length)) - J d x theta.
  Proof. rewrite <- guarantee_at_best. apply step_guarantee. left. apply best_length_pos. Qed.

  (** T4 (d): to first order the length is the GRPO step's, with step size 4/D^2. *)
  Theorem best_step_is_grpo :
    Rabs (best_length - STEP_UNIT / D ^ 2 * (norm d g / sigma d x theta)) <= alignment ^ 2 / D.
  Proof.
    pose proof alignment_between as [low _].
    pose proof (ln_below_tangent alignment (Rlt_le _ _ low)) as above.
    pose proof (ln_above_parabola alignment (Rlt_le _ _ low)) as below.
    replace (best_length - STEP_UNIT / D ^ 2 * (norm d g / sigma d x theta))
      with (2 / D * (ln (1 + alignment) - alignment)).
    - rewrite Rabs_mult, Rabs_pos_eq by (left; apply Rdiv_lt_0_compat; lra).
      replace (alignment ^ 2 / D) with (2 / D * (alignment ^ 2 / 2)) by (field; lra).
      apply Rmult_le_compat_l; [left; apply Rdiv_lt_0_compat; lra|]. apply Rabs_le. lra.
    - unfold best_length, STEP_UNIT. rewrite gradient_norm_alignment. field. lra.
  Qed.
End Step.
