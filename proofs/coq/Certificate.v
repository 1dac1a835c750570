(** * T3: the certificate

    For any update delta, of any length, with every quantity on the right taken before the step:

      |J(theta + delta) - J(theta) - g . delta| <= sigma psi(w(delta)/2).

    and 1/2 is the least factor of w that does for every prompt and every update. Averaged over prompts this bounds the
    change of the whole objective from below, whatever the rule.

    Idea. Along the segment (sigma^2)' <= w sigma^2 (T2), so sigma(s) <= sigma e^(s w/2), and T1 bounds the second
    derivative of J by sigma e^(s w/2) w^2/4, which is the second derivative of sigma psi(s w/2). Value and slope at 0
    agree. Two arms with T1's p attain the second derivative. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Constants Increase Sums Distribution Vectors Policy Psi Line TwoArms Curvature Deviation.
Open Scope R_scope.

(** The first two derivatives of the remainder along a line. *)
Section Remainder.
  Variables (d : nat) (x : prompt) (theta delta : vector) (slope : R).

  Lemma remainder_derivative s :
    is_derive (fun s => J d x (add theta (scale s delta)) - J d x theta - slope * s) s
      (dot d (gradient d x (add theta (scale s delta))) delta - slope).
  Proof.
    apply (is_derive_minus (fun s => J d x (add theta (scale s delta)) - J d x theta) (fun s => slope * s)).
    - rewrite <- (Rminus_0_r (dot d (gradient d x (add theta (scale s delta))) delta)).
      apply (is_derive_minus (fun s => J d x (add theta (scale s delta))) (fun _ => J d x theta)).
      + apply J_along.
      + auto_derive; [exact I|ring].
    - auto_derive; [exact I|ring].
  Qed.

  Lemma remainder_slope_derivative s :
    is_derive (fun s => dot d (gradient d x (add theta (scale s delta))) delta - slope) s
      (curvature_along d x (add theta (scale s delta)) delta).
  Proof.
    rewrite <- (Rminus_0_r (curvature_along d x (add theta (scale s delta)) delta)).
    apply (is_derive_minus (fun s => dot d (gradient d x (add theta (scale s delta))) delta) (fun _ => slope)).
    - apply slope_along.
    - auto_derive; [exact I|ring].
  Qed.
End Remainder.

Section Certificate.
  Variables (d : nat) (x : prompt) (theta delta : vector) (w : R).
  Hypothesis width : step_width_at_most d x delta w.

  Let at_time (s : R) : vector := add theta (scale s delta).

  (** sigma(s) <= sigma(0) e^(s w/2). *)
  Lemma sigma_growth s : 0 <= s -> sigma d x (at_time s) <= sigma d x theta * exp (HALF_WIDTH * w * s).
  Proof.
    intros later. unfold HALF_WIDTH.
    set (decayed := fun s => sigma d x (at_time s) ^ 2 * exp (- (w * s))).
    assert (decay : - decayed 0 <= - decayed s).
    { apply (increase (fun s => - decayed s) (fun s =>
        - (variance_slope d x (at_time s) delta * exp (- (w * s))
           + sigma d x (at_time s) ^ 2 * (- w * exp (- (w * s)))))).
      - exact later.
      - intros t _. apply (is_derive_opp decayed).
        apply (is_derive_mult (fun t => sigma d x (at_time t) ^ 2) (fun t => exp (- (w * t)))).
        + apply variance_along.
        + auto_derive; [exact I|ring].
        + intros. apply Rmult_comm.
      - intros t _.
        pose proof (variance_slope_le d x (at_time t) delta w width) as slope. apply Rabs_le_between in slope.
        replace (- _) with ((w * sigma d x (at_time t) ^ 2 - variance_slope d x (at_time t) delta)
          * exp (- (w * t))) by ring.
        apply Rmult_le_pos; [lra|left; apply exp_pos]. }
    unfold decayed in decay. rewrite Rmult_0_r, Ropp_0, exp_0 in decay.
    rewrite (sigma_ext d x (at_time 0) theta) in decay by apply policy_at_zero.
    apply Rsqr_incr_0_var; [|apply Rmult_le_pos; [apply sigma_nonneg|left; apply exp_pos]].
    rewrite !Rsqr_pow2, Rpow_mult_distr.
    replace (exp (1 / 2 * w * s) ^ 2) with (exp (w * s))
      by (simpl; rewrite Rmult_1_r, <- exp_plus; f_equal; field).
    apply Rmult_le_reg_r with (exp (- (w * s))); [apply exp_pos|].
    rewrite Rmult_assoc, <- exp_plus, Rplus_opp_r, exp_0. lra.
  Qed.

  (** T1 along the segment. *)
  Lemma curvature_growth s :
    0 <= s ->
    Rabs (curvature_along d x (at_time s) delta) <= sigma d x theta * ((HALF_WIDTH * w) ^ 2 * exp (HALF_WIDTH * w * s)).
  Proof.
    intros later. eapply Rle_trans; [apply curvature_along_bound, width|].
    pose proof (sigma_growth s later) as growth.
    apply Rmult_le_compat_l with (r := CURVATURE * w ^ 2) in growth;
      [|unfold CURVATURE; pose proof (pow2_ge_0 w); lra].
    replace (sigma d x theta * _) with (CURVATURE * w ^ 2 * (sigma d x theta * exp (HALF_WIDTH * w * s)))
      by (unfold HALF_WIDTH, CURVATURE; field).
    lra.
  Qed.

  (** sigma psi(s w/2) minus (sign = 1) or plus (sign = -1) the remainder is nonnegative at s = 1. *)
  Lemma remainder_below sign :
    Rabs sign = 1 ->
    0 <= sigma d x theta * psi (HALF_WIDTH * w)
         - sign * (J d x (add theta delta) - J d x theta - dot d (gradient d x theta) delta).
  Proof.
    intros sign_abs.
    set (a := HALF_WIDTH * w). set (slope := dot d (gradient d x theta) delta).
    set (gap := fun s => sigma d x theta * psi (a * s) - sign * (J d x (at_time s) - J d x theta - slope * s)).
    replace (_ - _) with (gap 1).
    2:{ unfold gap. rewrite !Rmult_1_r. rewrite (J_ext d x (at_time 1) (add theta delta)) by apply policy_at_one.
        reflexivity. }
    apply (nonneg_of_second_derivative gap
      (fun s => sigma d x theta * (a * (exp (a * s) - 1))
                - sign * (dot d (gradient d x (at_time s)) delta - slope))
      (fun s => sigma d x theta * (a ^ 2 * exp (a * s)) - sign * curvature_along d x (at_time s) delta)).
    - lra.
    - intros s _. unfold gap.
      apply (is_derive_minus (fun s => sigma d x theta * psi (a * s))
        (fun s => sign * (J d x (at_time s) - J d x theta - slope * s))).
      + unfold psi. auto_derive; [exact I|ring].
      + apply (is_derive_scal (fun s => J d x (at_time s) - J d x theta - slope * s)).
        apply remainder_derivative.
    - intros s _.
      apply (is_derive_minus (fun s => sigma d x theta * (a * (exp (a * s) - 1)))
        (fun s => sign * (dot d (gradient d x (at_time s)) delta - slope))).
      + auto_derive; [exact I|ring].
      + apply (is_derive_scal (fun s => dot d (gradient d x (at_time s)) delta - slope)).
        apply remainder_slope_derivative.
    - intros s [later _]. pose proof (curvature_growth s later) as growth. fold a in growth.
      pose proof (Rle_abs (sign * curvature_along d x (at_time s) delta)) as below.
      rewrite Rabs_mult, sign_abs, Rmult_1_l in below. lra.
    - unfold gap. rewrite (J_ext d x (at_time 0) theta), !Rmult_0_r, psi_zero by apply policy_at_zero. ring.
    - rewrite (gradient_dot_ext d x (at_time 0) theta), Rmult_0_r, exp_0 by apply policy_at_zero.
      unfold slope. ring.
  Qed.

  (** T3. *)
  Theorem certificate :
    Rabs (J d x (add theta delta) - J d x theta - dot d (gradient d x theta) delta)
    <= sigma d x theta * psi (HALF_WIDTH * w).
  Proof.
    pose proof (remainder_below 1 Rabs_R1) as above.
    assert (minus_one : Rabs (-1) = 1) by (rewrite Rabs_left by lra; ring).
    pose proof (remainder_below (-1) minus_one) as below.
    apply Rabs_le. lra.
  Qed.

  (** The gain that T3 guarantees. *)
  Lemma certified_gain :
    dot d (gradient d x theta) delta - sigma d x theta * psi (HALF_WIDTH * w)
    <= J d x (add theta delta) - J d x theta.
  Proof. pose proof (proj1 (Rabs_le_between _ _) certificate). lra. Qed.
End Certificate.

(** T3 averaged over prompts. *)
Theorem improvement_certificate d (prompts : nat) (x : nat -> prompt) (theta delta : vector) (w : nat -> R) :
  (0 < prompts)%nat ->
  (forall i, (i < prompts)%nat -> step_width_at_most d (x i) delta (w i)) ->
  sum prompts (fun i => dot d (gradient d (x i) theta) delta - sigma d (x i) theta * psi (HALF_WIDTH * w i))
    / INR prompts
  <= sum prompts (fun i => J d (x i) (add theta delta)) / INR prompts
     - sum prompts (fun i => J d (x i) theta) / INR prompts.
Proof.
  intros some width. unfold Rdiv. rewrite <- Rmult_minus_distr_r, <- sum_minus.
  apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat, lt_0_INR, some|].
  apply sum_le. intros i inside. apply certified_gain, width, inside.
Qed.

(** No smaller factor of the width does for every prompt and update: for two arms that attain T1, sigma psi(c s) less
    the remainder of a step of width s is nonnegative, so its second derivative sigma c^2 - sigma/4 at s = 0 is. *)
Theorem certificate_is_tight constant :
  0 <= constant ->
  (forall x theta delta w,
     step_width_at_most 1 x delta w ->
     Rabs (J 1 x (add theta delta) - J 1 x theta - dot 1 (gradient 1 x theta) delta)
     <= sigma 1 x theta * psi (constant * w)) ->
  HALF_WIDTH <= constant.
Proof.
  intros nonneg bound.
  destruct sharp_local_curvature_is_attained as [positive attained].
  set (x := two_arms ((2 - sqrt 2) / 4)) in *. rewrite curvature_is_second_derivative in attained.
  set (slope := dot 1 (gradient 1 x origin) ahead).
  assert (second : 0 <= sigma 1 x origin * constant ^ 2 - curvature_along 1 x origin ahead).
  { apply (second_derivative_nonneg
      (fun s => sigma 1 x origin * psi (constant * s)
                - (J 1 x (add origin (scale s ahead)) - J 1 x origin - slope * s))
      (fun s => sigma 1 x origin * (constant * (exp (constant * s) - 1))
                - (dot 1 (gradient 1 x (add origin (scale s ahead))) ahead - slope))).
    - intros s.
      apply (is_derive_minus (fun s => sigma 1 x origin * psi (constant * s))
        (fun s => J 1 x (add origin (scale s ahead)) - J 1 x origin - slope * s)).
      + unfold psi. auto_derive; [exact I|ring].
      + apply remainder_derivative.
    - apply (is_derive_minus (fun s => sigma 1 x origin * (constant * (exp (constant * s) - 1)))
        (fun s => dot 1 (gradient 1 x (add origin (scale s ahead))) ahead - slope)).
      + auto_derive; [exact I|]. rewrite Rmult_0_r, exp_0. ring.
      + rewrite <- (curvature_along_ext 1 x (add origin (scale 0 ahead)) origin ahead) by apply policy_at_zero.
        apply remainder_slope_derivative.
    - rewrite (J_ext 1 x (add origin (scale 0 ahead)) origin), !Rmult_0_r, psi_zero by apply policy_at_zero. ring.
    - rewrite (gradient_dot_ext 1 x (add origin (scale 0 ahead)) origin), Rmult_0_r, exp_0 by apply policy_at_zero.
      unfold slope. ring.
    - intros s later.
      assert (width : step_width_at_most 1 x (scale s ahead) s).
      { rewrite <- (Rmult_1_r s) at 2. apply step_width_scale; [exact later|]. apply two_arms_width. }
      pose proof (bound x origin (scale s ahead) s width) as at_s. rewrite dot_scale_r in at_s. fold slope in at_s.
      apply Rabs_le_between in at_s. lra. }
  rewrite attained in second. unfold HALF_WIDTH.
  assert (square : (1 / 2) ^ 2 <= constant ^ 2).
  { apply Rmult_le_reg_l with (sigma 1 x origin); [exact positive|]. lra. }
  apply Rsqr_incr_0_var; [rewrite !Rsqr_pow2; exact square|exact nonneg].
Qed.
