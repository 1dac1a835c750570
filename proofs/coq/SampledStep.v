(** * T14: the gain of one sampled GRPO step

    One prompt with binary rewards, a group of G >= 2 independent responses, the step (4 c/D^2) ghat along its GRPO
    estimate, J+ after the step. With gamma = 2 |g|/(sigma D), m_G of Groups.v, the covariances S1 (given right) and S0
    (given wrong) of the score, for every c >= 0,

      E J+ - J >= c m_G gamma^2 - sigma psi(c) B_G,
      B_G = gamma^2 (G - 1)/G + nu_G/G,   nu_G = (4/D^2) (tr S1 (q - q^G) + tr S0 (p - p^G)),

    and this is largest at c = ln(1 + m_G gamma^2/(sigma B_G)).

    Idea. Along any u, ghat . u is Cov(r, s . u)/sd(r) within the group, at most sd(s . u) <= w(u)/2; so |ghat| <= D/2,
    and a = 2 |ghat|/D is at most 1. T3 and psi(c a) <= a^2 psi(c) bound the gain for each group; T12 has the means. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Constants Sums Distribution Vectors Policy Psi Line Deviation Certificate Step Arcsine Tilt.
From GRPO Require Import Binomial Groups GroupMoments.
Open Scope R_scope.

Section SampledStep.
  Variables (d : nat) (x : prompt) (theta : vector) (D : R) (G : nat).

  Let p : nat -> R := policy d x theta.
  Let g : vector := gradient d x theta.

  (** The score of a response, the gradient of log pi. *)
  Definition score (y : nat) : vector :=
    fun k => feature x y k - mean (arms x) (policy d x theta) (fun y => feature x y k).

  Lemma score_dot u y : dot d (score y) u = shift d x u y - mean (arms x) p (shift d x u).
  Proof.
    unfold score, dot at 1, shift at 1, dot at 1. fold p.
    rewrite (sum_ext d _ (fun k => u k * feature x y k - mean (arms x) p (fun y => u k * feature x y k)))
      by (intros; rewrite mean_scale; ring).
    rewrite sum_minus. f_equal. unfold mean, shift, dot. rewrite sum_swap. apply sum_ext. intros. rewrite sum_scale.
    reflexivity.
  Qed.

  Lemma score_is_gradient u y :
    is_derive (fun s => ln (policy d x (add theta (scale s u)) y)) 0 (dot d (score y) u).
  Proof.
    apply (is_derive_ext (fun s => logits d x theta y + s * shift d x u y
      - log_partition (arms x) (fun y => logits d x theta y + s * shift d x u y))).
    - intros s. rewrite policy_along. unfold line, softmax, log_partition, Rdiv.
      rewrite ln_mult, ln_exp, ln_Rinv
        by (try apply Rinv_0_lt_compat; try apply softmax_total_pos; try apply exp_pos; apply some_arm).
      reflexivity.
    - rewrite score_dot. unfold p, policy. rewrite <- (line_start (arms x) (logits d x theta) (shift d x u)).
      apply (is_derive_minus (fun s => logits d x theta y + s * shift d x u y)
        (fun s => log_partition (arms x) (fun y => logits d x theta y + s * shift d x u y))).
      + auto_derive; [exact I|ring].
      + apply log_partition_derivative, some_arm.
  Qed.

  (** ** The estimate of a group *)

  (** Coordinate by coordinate: the estimate of T12. *)
  Definition estimate (ys : nat -> nat) : vector := fun k => grpo_estimate (reward x) G (fun y => score y k) ys.

  Definition sampled_step (c : R) (ys : nat -> nat) : vector := scale (STEP_UNIT * c / D ^ 2) (estimate ys).

  (** J after the step, on average over groups. *)
  Definition expected_J (c : R) : R :=
    group_mean (arms x) (policy d x theta) G (fun ys => J d x (add theta (sampled_step c ys))).

  (** tr S1 and tr S0. *)
  Definition trace_right : R :=
    sum d (fun k => covariance_right (arms x) (policy d x theta) (reward x) (fun y => score y k) (fun y => score y k)).
  Definition trace_wrong : R :=
    sum d (fun k => covariance_wrong (arms x) (policy d x theta) (reward x) (fun y => score y k) (fun y => score y k)).

  Definition noise : R :=
    4 / D ^ 2 * (trace_right * (1 - J d x theta - (1 - J d x theta) ^ G)
                 + trace_wrong * (J d x theta - J d x theta ^ G)).

  (** B_G. *)
  Definition step_cost : R := alignment d x theta D ^ 2 * ((INR G - 1) / INR G) + noise / INR G.

  (** What T14 guarantees. *)
  Definition sampled_guarantee (c : R) : R :=
    c * group_factor G (J d x theta) * alignment d x theta D ^ 2 - sigma d x theta * psi c * step_cost.

  Hypothesis right_or_wrong : binary x.
  Hypothesis sigma_pos : 0 < sigma d x theta.
  Hypothesis D_pos : 0 < D.
  Hypothesis diameter : diameter_at_most d x D.
  Hypothesis size : (2 <= G)%nat.

  Let distribution : is_distribution (arms x) p.
  Proof. apply policy_distribution. Qed.

  Let some : (0 < G)%nat.
  Proof. lia. Qed.

  Let size_R : 2 <= INR G.
  Proof. apply le_INR in size. exact size. Qed.

  Let pass_inside : 0 < J d x theta < 1.
  Proof. apply pass_rate_inside; assumption. Qed.

  Lemma estimate_dot u ys :
    dot d (estimate ys) u = grpo_estimate (reward x) G (fun y => dot d (score y) u) ys.
  Proof.
    unfold estimate, grpo_estimate, reinforce_estimate, dot at 1. unfold Rdiv.
    set (centred := fun i => reward x (ys i) - mean G (equal G) (fun i => reward x (ys i))).
    set (inverse := / deviation G (equal G) (fun i => reward x (ys i))).
    rewrite (sum_ext d _ (fun k => mean G (equal G) (fun i => centred i * (score (ys i) k * u k)) * inverse)).
    - rewrite sum_scale_r. f_equal. unfold mean. rewrite sum_swap. apply sum_ext. intros i _. rewrite sum_scale.
      f_equal. rewrite sum_scale. reflexivity.
    - intros k _. rewrite (mean_ext G (equal G) (fun i => centred i * (score (ys i) k * u k))
        (fun i => u k * (centred i * score (ys i) k))) by (intros; ring).
      rewrite mean_scale. unfold centred. ring.
  Qed.

  (** Within the group: Cov(r, s)/sd(r) is at most sd(s), at most half of a width. *)
  Lemma estimate_dot_bound u w ys :
    (forall i, (i < G)%nat -> (ys i < arms x)%nat) -> step_width_at_most d x u w ->
    dot d (estimate ys) u <= w / 2.
  Proof.
    intros inside width. rewrite estimate_dot.
    pose proof (equal_distribution G some) as equal_weights.
    set (s := fun i => dot d (score (ys i)) u). set (r := fun i => reward x (ys i)).
    assert (spread : deviation G (equal G) s <= w / 2).
    { apply deviation_le_half_width; [exact equal_weights|]. intros i j inside_i inside_j. unfold s.
      rewrite !score_dot. pose proof (width (ys i) (ys j) (inside i inside_i) (inside j inside_j)) as apart.
      unfold shift. cbv beta in apart. lra. }
    pose proof (covariance_le G (equal G) r s equal_weights) as bound.
    apply Rabs_le_between in bound. destruct bound as [_ bound].
    assert (estimate_covariance : reinforce_estimate (reward x) G (fun y => dot d (score y) u) ys
                                  = covariance G (equal G) r s).
    { rewrite (covariance_shift _ _ r s 0 equal_weights). apply mean_ext. intros i _. unfold r, s. ring. }
    unfold grpo_estimate. rewrite estimate_covariance. fold r.
    pose proof (deviation_nonneg G (equal G) s) as nonneg_s.
    destruct (Rle_lt_or_eq_dec 0 (deviation G (equal G) r) (deviation_nonneg G (equal G) r)) as [positive|zero].
    - apply Rle_trans with (deviation G (equal G) s); [|exact spread].
      apply Rmult_le_reg_r with (deviation G (equal G) r); [exact positive|].
      unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
    - rewrite <- zero. unfold Rdiv. rewrite Rinv_0, Rmult_0_r. lra.
  Qed.

  (** |ghat| <= D/2. *)
  Lemma estimate_norm ys : (forall i, (i < G)%nat -> (ys i < arms x)%nat) -> norm d (estimate ys) <= D / 2.
  Proof.
    intros inside.
    pose proof (estimate_dot_bound (estimate ys) _ ys inside (step_width_of_diameter d x (estimate ys) D diameter))
      as bound.
    rewrite <- norm_square in bound.
    destruct (Rle_lt_or_eq_dec 0 _ (norm_nonneg d (estimate ys))) as [positive|<-]; [|lra].
    apply Rmult_le_reg_r with (norm d (estimate ys)); [exact positive|]. simpl in bound. lra.
  Qed.

  (** ** One group *)

  Lemma group_gain c ys :
    0 <= c -> (forall i, (i < G)%nat -> (ys i < arms x)%nat) ->
    STEP_UNIT * c / D ^ 2 * dot d g (estimate ys) - sigma d x theta * psi c * (4 / D ^ 2 * norm d (estimate ys) ^ 2)
    <= J d x (add theta (sampled_step c ys)) - J d x theta.
  Proof.
    intros nonneg inside. pose proof (estimate_norm ys inside) as short.
    pose proof (norm_nonneg d (estimate ys)) as long.
    assert (D_square : 0 < D ^ 2) by (apply pow_lt, D_pos).
    assert (factor : 0 <= STEP_UNIT * c / D ^ 2).
    { unfold STEP_UNIT, Rdiv. apply Rmult_le_pos; [lra|left; apply Rinv_0_lt_compat, D_square]. }
    pose proof (certified_gain d x theta (sampled_step c ys) _
      (step_width_of_diameter d x (sampled_step c ys) D diameter)) as gain.
    unfold sampled_step in gain at 1 2. rewrite dot_scale_r, norm_scale, Rabs_pos_eq in gain by exact factor.
    fold g in gain. set (a := 2 * norm d (estimate ys) / D).
    assert (fraction : 0 <= a <= 1).
    { unfold a. split; apply Rmult_le_reg_r with D; try exact D_pos; unfold Rdiv;
        rewrite Rmult_assoc, Rinv_l by lra; lra. }
    replace (HALF_WIDTH * (D * (STEP_UNIT * c / D ^ 2 * norm d (estimate ys)))) with (a * c) in gain
      by (unfold HALF_WIDTH, STEP_UNIT, a; field; lra).
    pose proof (psi_scaled a c fraction nonneg) as scaled.
    apply Rmult_le_compat_l with (r := sigma d x theta) in scaled; [|lra].
    replace (4 / D ^ 2 * norm d (estimate ys) ^ 2) with (a ^ 2) by (unfold a; field; lra). lra.
  Qed.

  (** ** Means over groups *)

  Let gap (k : nat) : R := score_gap (arms x) p (reward x) (fun y => score y k).

  (** Delta = g/sigma^2. *)
  Lemma gap_gradient k : sigma d x theta ^ 2 * gap k = g k.
  Proof.
    rewrite binary_sigma by exact right_or_wrong. unfold gap.
    pose proof (covariance_gap (arms x) p (reward x) (fun y => score y k) distribution pass_inside) as covariance_is.
    change (mean (arms x) p (reward x)) with (J d x theta) in covariance_is. rewrite <- covariance_is.
    unfold g, gradient. fold p. set (centre := mean (arms x) p (fun y => feature x y k)).
    rewrite (covariance_shift _ _ _ (fun y => feature x y k) centre) by exact distribution.
    rewrite (covariance_shift _ _ _ (fun y => score y k) 0) by exact distribution. apply mean_ext. intros y _.
    unfold score. fold p centre. ring.
  Qed.

  Lemma gap_norm : sum d (fun k => gap k ^ 2) * sigma d x theta ^ 4 = norm d g ^ 2.
  Proof.
    rewrite norm_square. unfold dot. rewrite <- sum_scale_r. apply sum_ext. intros k _.
    rewrite <- (gap_gradient k). ring.
  Qed.

  Lemma expected_slope :
    group_mean (arms x) p G (fun ys => dot d g (estimate ys))
    = group_factor G (J d x theta) * (norm d g ^ 2 / sigma d x theta ^ 2).
  Proof.
    unfold dot. rewrite group_sum by exact distribution. rewrite norm_square. unfold dot, Rdiv.
    rewrite <- sum_scale_r, <- sum_scale. apply sum_ext. intros k _. rewrite group_scale.
    change (fun ys => estimate ys k) with (grpo_estimate (reward x) G (fun y => score y k)).
    rewrite (grpo_mean (arms x) G p (reward x) (fun y => score y k) distribution right_or_wrong size pass_inside).
    change (score_gap (arms x) p (reward x) (fun y => score y k)) with (gap k).
    rewrite <- (gap_gradient k). unfold J. fold p. field. lra.
  Qed.

  (** (4/D^2) E |ghat|^2 = B_G. *)
  Lemma expected_square : 4 / D ^ 2 * group_mean (arms x) p G (fun ys => norm d (estimate ys) ^ 2) = step_cost.
  Proof.
    rewrite (group_ext (arms x) p G _ (fun ys => sum d (fun k => estimate ys k * estimate ys k)))
      by (intros; apply norm_square).
    rewrite group_sum by exact distribution.
    set (P := J d x theta). set (N := INR G).
    rewrite (sum_ext d _ (fun k => gap k ^ 2 * (P * (1 - P) * ((N - 1) / N))
      + covariance_right (arms x) p (reward x) (fun y => score y k) (fun y => score y k) * ((1 - P - (1 - P) ^ G) / N)
      + covariance_wrong (arms x) p (reward x) (fun y => score y k) (fun y => score y k) * ((P - P ^ G) / N))).
    - rewrite !sum_plus, !sum_scale_r. unfold p. fold trace_right trace_wrong.
      unfold step_cost, noise, alignment. fold g P N.
      pose proof gap_norm as gaps.
      pose proof (binary_sigma d x right_or_wrong theta) as variance_is. fold P in variance_is. rewrite <- variance_is.
      replace ((2 * norm d g / (sigma d x theta * D)) ^ 2) with (4 / D ^ 2 * (norm d g ^ 2 / sigma d x theta ^ 2))
        by (field; lra).
      rewrite <- gaps. unfold N. field. lra.
    - intros k _. unfold estimate.
      rewrite (grpo_product (arms x) p (reward x) distribution right_or_wrong pass_inside G) by exact size.
      change (mean (arms x) p (reward x)) with P. fold (gap k) N. ring.
  Qed.

  (** T14. *)
  Theorem sampled_step_gain c : 0 <= c -> sampled_guarantee c <= expected_J c - J d x theta.
  Proof.
    intros nonneg.
    assert (average : group_mean (arms x) p G (fun ys =>
        STEP_UNIT * c / D ^ 2 * dot d g (estimate ys)
        - sigma d x theta * psi c * (4 / D ^ 2) * norm d (estimate ys) ^ 2)
      <= group_mean (arms x) p G (fun ys => J d x (add theta (sampled_step c ys)) - J d x theta)).
    { apply group_le; [exact distribution|]. intros ys inside. rewrite (Rmult_assoc (_ * psi c)).
      apply group_gain; assumption. }
    rewrite !group_minus, !group_scale, group_constant, expected_slope in average by exact distribution.
    rewrite Rmult_assoc, expected_square in average. unfold sampled_guarantee, expected_J. fold p.
    replace (c * group_factor G (J d x theta) * alignment d x theta D ^ 2)
      with (STEP_UNIT * c / D ^ 2 * (group_factor G (J d x theta) * (norm d g ^ 2 / sigma d x theta ^ 2)));
      [exact average|].
    unfold STEP_UNIT, alignment. fold g. field. lra.
  Qed.

  (** ** The best c *)

  Section Best.
    Hypothesis gradient_pos : 0 < norm d g.

    Lemma group_factor_pos : 0 < group_factor G (J d x theta).
    Proof.
      rewrite group_factor_adaptivity by exact size.
      destruct (adaptivity_window G (J d x theta) size) as [above _]; [lra|].
      apply Rmult_lt_0_compat; [lra|]. apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat; lra|].
      apply Rdiv_lt_0_compat; lra.
    Qed.

    (** E |ghat|^2 is at least (g . E ghat)^2/|g|^2, as E |ghat - m g|^2 is not negative for the best m. *)
    Lemma step_cost_pos : 0 < step_cost.
    Proof.
      rewrite <- expected_square. apply Rmult_lt_0_compat.
      { apply Rdiv_lt_0_compat; [lra|apply pow_lt, D_pos]. }
      set (slope := group_mean (arms x) p G (fun ys => dot d g (estimate ys))).
      set (square := group_mean (arms x) p G (fun ys => norm d (estimate ys) ^ 2)).
      assert (g_square : 0 < norm d g ^ 2) by (apply pow_lt, gradient_pos).
      assert (slope_pos : 0 < slope).
      { unfold slope. rewrite expected_slope. apply Rmult_lt_0_compat; [apply group_factor_pos|].
        apply Rdiv_lt_0_compat; [exact g_square|apply pow_lt, sigma_pos]. }
      set (m := slope / norm d g ^ 2).
      assert (nonneg : 0 <= square - 2 * m * slope + m ^ 2 * norm d g ^ 2).
      { unfold square, slope.
        rewrite <- (group_constant (arms x) p distribution G (m ^ 2 * norm d g ^ 2)), <- group_scale, <- group_minus,
          <- group_plus.
        rewrite <- (group_constant (arms x) p distribution G 0) at 1. apply group_le; [exact distribution|].
        intros ys _. set (rest := subtract (estimate ys) (scale m g)). replace (_ + _) with (dot d rest rest).
        - apply dot_self_nonneg.
        - unfold rest. rewrite !dot_subtract_l, !dot_subtract_r, !dot_scale_l, !dot_scale_r, !norm_square.
          rewrite (dot_comm d _ g). ring. }
      replace (square - 2 * m * slope + m ^ 2 * norm d g ^ 2) with (square - slope ^ 2 / norm d g ^ 2) in nonneg
        by (unfold m; field; lra).
      assert (0 < slope ^ 2 / norm d g ^ 2) by (apply Rdiv_lt_0_compat; [apply pow_lt|]; assumption). lra.
    Qed.

    Definition best_c : R :=
      ln (1 + group_factor G (J d x theta) * alignment d x theta D ^ 2 / (sigma d x theta * step_cost)).

    (** T14, the best c of the guarantee. *)
    Theorem best_c_is_best c : c <> best_c -> sampled_guarantee c < sampled_guarantee best_c.
    Proof.
      intros other. unfold sampled_guarantee, psi.
      set (gain := group_factor G (J d x theta) * alignment d x theta D ^ 2).
      set (cost := sigma d x theta * step_cost).
      assert (cost_pos : 0 < cost) by (apply Rmult_lt_0_compat; [exact sigma_pos|exact step_cost_pos]).
      assert (gain_nonneg : 0 <= gain) by (apply Rmult_le_pos; [left; apply group_factor_pos|apply pow2_ge_0]).
      assert (odds : 0 < 1 + gain / cost).
      { assert (0 <= gain / cost) by (apply Rmult_le_pos; [exact gain_nonneg|left; apply Rinv_0_lt_compat, cost_pos]).
        lra. }
      assert (at_best : cost * exp best_c = cost + gain).
      { unfold best_c. fold gain cost. rewrite exp_ln by exact odds. field. lra. }
      assert (growth : exp c = exp best_c * exp (c - best_c)) by (rewrite <- exp_plus; f_equal; ring).
      assert (tangent : (cost + gain) * (1 + (c - best_c)) < cost * exp c).
      { rewrite growth, <- Rmult_assoc, at_best. apply Rmult_lt_compat_l; [lra|]. apply exp_ineq1. lra. }
      replace (c * group_factor G (J d x theta) * alignment d x theta D ^ 2) with (c * gain) by (unfold gain; ring).
      replace (best_c * group_factor G (J d x theta) * alignment d x theta D ^ 2) with (best_c * gain)
        by (unfold gain; ring).
      replace (sigma d x theta * (exp c - 1 - c) * step_cost) with (cost * exp c - cost - cost * c)
        by (unfold cost; ring).
      replace (sigma d x theta * (exp best_c - 1 - best_c) * step_cost)
        with (cost * exp best_c - cost - cost * best_c) by (unfold cost; ring).
      rewrite at_best. lra.
    Qed.

    (** It is a step: c is not negative, and so T14 applies to it. *)
    Theorem best_c_gain : sampled_guarantee best_c <= expected_J best_c - J d x theta.
    Proof.
      apply sampled_step_gain. unfold best_c. rewrite <- ln_1. apply Rcomplements.ln_le; [lra|].
      assert (0 <= group_factor G (J d x theta) * alignment d x theta D ^ 2 / (sigma d x theta * step_cost)); [|lra].
      apply Rmult_le_pos.
      - apply Rmult_le_pos; [left; apply group_factor_pos|apply pow2_ge_0].
      - left. apply Rinv_0_lt_compat, Rmult_lt_0_compat; [exact sigma_pos|exact step_cost_pos].
    Qed.
  End Best.
End SampledStep.
