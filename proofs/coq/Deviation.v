(** * T2: how fast the deviation changes

      |d/du log sigma| <= w/2;   binary r: |d/du log sigma| <= |1 - 2 J| w/2;   |g . u| <= sigma w/2;

    each 1/2 is the least constant that does for every prompt. Rewards in [0, 1] have sigma <= 1/2.

    Idea. d/du log sigma = E (r - J)^2 (X - E X) / (2 sigma^2), and |X - E X| <= w. For binary r, (r - J)^2 is
    (1 - 2 J) r + J^2, and Cov(r, X), the mean of r_i (1 - r_j)(X_i - X_j) over independent arms i and j, is at most
    J (1 - J) w = sigma^2 w. Last, |Cov(r, X)| <= sigma sd(X), and a variable of width w has deviation at most w/2. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Constants Sums Distribution Vectors Policy Line TwoArms.
Open Scope R_scope.

(** Each response is right or wrong. *)
Definition binary (x : prompt) : Prop := forall y, (y < arms x)%nat -> reward x y = 0 \/ reward x y = 1.

Section Deviation.
  Variables (d : nat) (x : prompt).

  (** (sigma^2)' = E (r - J)^2 (X - E X) is at most w sigma^2. *)
  Lemma variance_slope_le theta u w :
    step_width_at_most d x u w -> Rabs (variance_slope d x theta u) <= w * sigma d x theta ^ 2.
  Proof.
    intros width.
    rewrite sigma_square, variance_square, <- mean_scale. unfold variance_slope. fold (J d x theta).
    set (p := policy d x theta).
    assert (bound : forall y, (y < arms x)%nat ->
      Rabs ((reward x y - J d x theta) ^ 2 * (shift d x u y - mean (arms x) p (shift d x u)))
      <= w * (reward x y - J d x theta) ^ 2).
    { intros y inside. rewrite Rabs_mult, (Rabs_pos_eq ((reward x y - J d x theta) ^ 2)) by apply pow2_ge_0.
      rewrite Rmult_comm. apply Rmult_le_compat_r; [apply pow2_ge_0|].
      apply centred_le_width; [apply policy_distribution|exact width|exact inside]. }
    apply Rabs_le. rewrite <- Rmult_1_l with (r := mean _ _ (fun i => w * _)), Ropp_mult_distr_l, <- !mean_scale.
    split; (apply mean_le; [apply policy_distribution|]); intros y inside;
      pose proof (proj1 (Rabs_le_between _ _) (bound y inside)); lra.
  Qed.

  Lemma sigma_derivative theta u :
    0 < sigma d x theta ->
    is_derive (fun s => sigma d x (add theta (scale s u))) 0 (variance_slope d x theta u / (2 * sigma d x theta)).
  Proof.
    intros positive.
    apply (is_derive_ext (fun s => sqrt (sigma d x (add theta (scale s u)) ^ 2))).
    { intros s. apply sqrt_pow2, sigma_nonneg. }
    unfold Rdiv.
    apply (is_derive_comp sqrt (fun s => sigma d x (add theta (scale s u)) ^ 2)).
    - rewrite (sigma_ext d x (add theta (scale 0 u)) theta) by apply policy_at_zero.
      rewrite <- (sqrt_pow2 (sigma d x theta)) at 2 by (left; exact positive).
      apply is_derive_Reals, derivable_pt_lim_sqrt, pow_lt, positive.
    - rewrite <- (variance_slope_ext d x (add theta (scale 0 u)) theta u) by apply policy_at_zero.
      apply variance_along.
  Qed.

  Lemma log_sigma_derivative theta u :
    0 < sigma d x theta ->
    is_derive (fun s => ln (sigma d x (add theta (scale s u)))) 0
      (variance_slope d x theta u / (2 * sigma d x theta ^ 2)).
  Proof.
    intros positive.
    replace (_ / _) with (variance_slope d x theta u / (2 * sigma d x theta) * / sigma d x theta) by (field; lra).
    apply (is_derive_comp ln (fun s => sigma d x (add theta (scale s u)))).
    - rewrite (sigma_ext d x (add theta (scale 0 u)) theta) by apply policy_at_zero.
      apply is_derive_Reals, derivable_pt_lim_ln, positive.
    - apply sigma_derivative, positive.
  Qed.

  (** A bound on the slope of the variance is one on the slope of log sigma. *)
  Lemma log_slope_le theta u b :
    0 < sigma d x theta -> Rabs (variance_slope d x theta u) <= b * sigma d x theta ^ 2 ->
    Rabs (variance_slope d x theta u / (2 * sigma d x theta ^ 2)) <= SLOPE * b.
  Proof.
    intros positive bound. pose proof (pow_lt _ 2 positive).
    unfold SLOPE, Rdiv. rewrite Rabs_mult, (Rabs_pos_eq (/ _)) by (left; apply Rinv_0_lt_compat; lra).
    apply Rmult_le_reg_r with (2 * sigma d x theta ^ 2); [lra|].
    rewrite Rmult_assoc, Rinv_l by lra. lra.
  Qed.

  (** T2, any reward. *)
  Theorem deviation_slope theta u w :
    0 < sigma d x theta -> step_width_at_most d x u w ->
    exists l, is_derive (fun s => ln (sigma d x (add theta (scale s u)))) 0 l /\ Rabs l <= SLOPE * w.
  Proof.
    intros positive width. exists (variance_slope d x theta u / (2 * sigma d x theta ^ 2)). split.
    - apply log_sigma_derivative, positive.
    - apply log_slope_le; [exact positive|]. apply variance_slope_le, width.
  Qed.

  (** T2, the gradient. *)
  Theorem gradient_slope theta u w :
    step_width_at_most d x u w -> Rabs (dot d (gradient d x theta) u) <= SLOPE * sigma d x theta * w.
  Proof.
    intros width. rewrite gradient_dot. eapply Rle_trans; [apply covariance_le, policy_distribution|].
    replace (SLOPE * sigma d x theta * w) with (sigma d x theta * (w / 2)) by (unfold SLOPE; field).
    apply Rmult_le_compat_l; [apply deviation_nonneg|].
    apply deviation_le_half_width; [apply policy_distribution|exact width].
  Qed.

  (** Before any run. *)
  Theorem a_priori_deviation theta :
    (forall y, (y < arms x)%nat -> 0 <= reward x y <= 1) -> sigma d x theta <= A_PRIORI_STD.
  Proof.
    intros between. apply deviation_le_half_width; [apply policy_distribution|].
    intros y y' inside inside'. pose proof (between y inside). pose proof (between y' inside'). lra.
  Qed.

  (** ** Binary rewards *)

  Section Binary.
    Hypothesis right_or_wrong : binary x.

    Lemma binary_square y : (y < arms x)%nat -> reward x y ^ 2 = reward x y.
    Proof. intros inside. destruct (right_or_wrong y inside) as [-> | ->]; ring. Qed.

    Lemma binary_between y : (y < arms x)%nat -> 0 <= reward x y <= 1.
    Proof. intros inside. destruct (right_or_wrong y inside) as [-> | ->]; lra. Qed.

    Lemma binary_J theta : 0 <= J d x theta <= 1.
    Proof. apply mean_between; [apply policy_distribution|]. intros y inside. apply binary_between, inside. Qed.

    (** sigma^2 = p q. *)
    Lemma binary_sigma theta : sigma d x theta ^ 2 = J d x theta * (1 - J d x theta).
    Proof.
      rewrite sigma_square, variance_moments by apply policy_distribution.
      rewrite (mean_ext _ _ _ (reward x)) by exact binary_square. unfold J. ring.
    Qed.

    Lemma binary_variance_slope theta u :
      variance_slope d x theta u = (1 - 2 * J d x theta) * dot d (gradient d x theta) u.
    Proof.
      rewrite gradient_dot, covariance_sym, (covariance_shift _ _ _ _ 0) by apply policy_distribution.
      unfold variance_slope. set (m := mean (arms x) (policy d x theta) (shift d x u)).
      rewrite (mean_ext _ _ _ (fun y => (1 - 2 * J d x theta) * ((shift d x u y - m) * (reward x y - 0))
        + J d x theta ^ 2 * (shift d x u y - m))).
      - rewrite mean_plus, !mean_scale. unfold m at 2. rewrite mean_centred by apply policy_distribution. ring.
      - intros y inside. rewrite <- (Rplus_0_r ((reward x y - J d x theta) ^ 2 * _)).
        replace 0 with ((reward x y ^ 2 - reward x y) * - (shift d x u y - m)) at 1
          by (rewrite (binary_square y inside); ring).
        ring.
    Qed.

    (** Cov(r, X) is the mean of r_i (1 - r_j)(X_i - X_j). *)
    Lemma binary_gradient_slope theta u w :
      step_width_at_most d x u w -> Rabs (dot d (gradient d x theta) u) <= w * sigma d x theta ^ 2.
    Proof.
      intros width. rewrite binary_sigma, gradient_dot, covariance_moments by apply policy_distribution.
      fold (J d x theta). set (p := policy d x theta). set (X := shift d x u).
      pose proof (policy_distribution d x theta) as distribution. fold p in distribution.
      set (over_wrong := fun y => mean (arms x) p (fun y' => (1 - reward x y') * (X y - X y'))).
      assert (inner : forall y, over_wrong y = X y * (1 - J d x theta)
                                               - (mean (arms x) p X - mean (arms x) p (fun y' => reward x y' * X y'))).
      { intros y. unfold over_wrong.
        rewrite (mean_ext _ _ _ (fun y' => X y - X y * reward x y' - (X y' - reward x y' * X y'))) by (intros; ring).
        rewrite !mean_minus, mean_scale, mean_constant by exact distribution. unfold J. fold p. ring. }
      assert (small : forall y, (y < arms x)%nat -> Rabs (over_wrong y) <= w * (1 - J d x theta)).
      { intros y inside.
        assert (total : mean (arms x) p (fun y' => w * (1 - reward x y')) = w * (1 - J d x theta)).
        { rewrite mean_scale, mean_minus, mean_constant by exact distribution. reflexivity. }
        apply Rabs_le. rewrite <- total, <- Rmult_1_l with (r := mean _ _ (fun y' => w * _)), Ropp_mult_distr_l,
          <- !mean_scale.
        split; (apply mean_le; [exact distribution|]); intros y' inside';
          assert (X y - X y' <= w) by (apply (width y y'); assumption);
          assert (X y' - X y <= w) by (apply (width y' y); assumption);
          destruct (right_or_wrong y' inside') as [-> | ->]; lra. }
      replace (mean (arms x) p (fun y => reward x y * X y) - J d x theta * mean (arms x) p X)
        with (mean (arms x) p (fun y => reward x y * over_wrong y)).
      2:{ rewrite (mean_ext _ _ _ (fun y => (1 - J d x theta) * (reward x y * X y)
            - (mean (arms x) p X - mean (arms x) p (fun y' => reward x y' * X y')) * reward x y))
            by (intros; rewrite inner; ring).
          rewrite mean_minus, !mean_scale. change (mean (arms x) p (reward x)) with (J d x theta). ring. }
      replace (w * (J d x theta * (1 - J d x theta)))
        with (mean (arms x) p (fun y => w * (1 - J d x theta) * reward x y))
        by (rewrite mean_scale; change (mean (arms x) p (reward x)) with (J d x theta); ring).
      apply Rabs_le. rewrite <- Rmult_1_l with (r := mean _ _ (fun y => w * _ * _)), Ropp_mult_distr_l,
        <- !mean_scale.
      split; (apply mean_le; [exact distribution|]); intros y inside;
        pose proof (proj1 (Rabs_le_between _ _) (small y inside));
        destruct (right_or_wrong y inside) as [-> | ->]; lra.
    Qed.

    (** T2, binary rewards. *)
    Theorem binary_deviation_slope theta u w :
      0 < sigma d x theta -> step_width_at_most d x u w ->
      exists l, is_derive (fun s => ln (sigma d x (add theta (scale s u)))) 0 l /\
                Rabs l <= SLOPE * Rabs (1 - 2 * J d x theta) * w.
    Proof.
      intros positive width. exists (variance_slope d x theta u / (2 * sigma d x theta ^ 2)). split.
      - apply log_sigma_derivative, positive.
      - rewrite Rmult_assoc. apply log_slope_le; [exact positive|].
        rewrite binary_variance_slope, Rabs_mult, Rmult_assoc.
        apply Rmult_le_compat_l; [apply Rabs_pos|]. apply binary_gradient_slope, width.
    Qed.
  End Binary.
End Deviation.

(** ** Tightness: two arms *)

(** The binary bound is an equality at every p: J = p, w = 1. *)
Lemma two_arms_deviation_slope p :
  0 < p < 1 -> is_derive (fun s => ln (sigma 1 (two_arms p) (add origin (scale s ahead)))) 0 (1 / 2 * (1 - 2 * p)).
Proof.
  intros inside. pose proof (two_arms_sigma_pos p inside) as positive.
  replace (1 / 2 * (1 - 2 * p))
    with (variance_slope 1 (two_arms p) origin ahead / (2 * sigma 1 (two_arms p) origin ^ 2)).
  - apply log_sigma_derivative, positive.
  - rewrite two_arms_variance_slope, two_arms_sigma, <- Rsqr_pow2, Rsqr_sqrt
      by (try exact inside; apply Rmult_le_pos; lra).
    field. lra.
Qed.

Theorem deviation_slope_is_tight constant :
  (forall x theta u w l,
     0 < sigma 1 x theta -> step_width_at_most 1 x u w ->
     is_derive (fun s => ln (sigma 1 x (add theta (scale s u)))) 0 l -> Rabs l <= constant * w) ->
  SLOPE <= constant.
Proof.
  intros bound.
  assert (every_p : forall p, 0 < p < 1 -> 1 / 2 * (1 - 2 * p) <= constant).
  { intros p inside. eapply Rle_trans; [apply Rle_abs|]. rewrite <- (Rmult_1_r constant).
    apply (bound (two_arms p) origin ahead).
    - apply two_arms_sigma_pos, inside.
    - apply two_arms_width.
    - apply two_arms_deviation_slope, inside. }
  unfold SLOPE. pose proof (every_p (1 / 2)).
  destruct (Rle_lt_dec (1 / 2) constant) as [enough|smaller]; [exact enough|].
  pose proof (every_p ((1 / 2 - constant) / 2)). lra.
Qed.

Theorem binary_deviation_slope_is_tight constant :
  (forall x theta u w l,
     binary x -> 0 < sigma 1 x theta -> step_width_at_most 1 x u w ->
     is_derive (fun s => ln (sigma 1 x (add theta (scale s u)))) 0 l ->
     Rabs l <= constant * Rabs (1 - 2 * J 1 x theta) * w) ->
  SLOPE <= constant.
Proof.
  intros bound. assert (inside : 0 < 1 / 4 < 1) by lra.
  assert (at_quarter : Rabs (1 / 2 * (1 - 2 * (1 / 4)))
                       <= constant * Rabs (1 - 2 * J 1 (two_arms (1 / 4)) origin) * 1).
  { apply (bound (two_arms (1 / 4)) origin ahead).
    - intros y _. apply two_arms_binary.
    - apply two_arms_sigma_pos, inside.
    - apply two_arms_width.
    - apply two_arms_deviation_slope, inside. }
  rewrite two_arms_J, !Rabs_pos_eq in at_quarter by lra. unfold SLOPE. lra.
Qed.

(** Met at p = 1/2, like the next. *)
Theorem gradient_slope_is_tight constant :
  (forall x theta u w,
     step_width_at_most 1 x u w -> Rabs (dot 1 (gradient 1 x theta) u) <= constant * sigma 1 x theta * w) ->
  SLOPE <= constant.
Proof.
  intros bound. assert (inside : 0 < 1 / 2 < 1) by lra.
  pose proof (bound (two_arms (1 / 2)) origin ahead 1 (two_arms_width (1 / 2))) as at_half.
  rewrite two_arms_slope, two_arms_sigma in at_half by exact inside.
  replace (1 / 2 * (1 - 1 / 2)) with ((1 / 2) ^ 2) in at_half by field.
  rewrite sqrt_pow2, Rabs_pos_eq in at_half by lra. unfold SLOPE. lra.
Qed.

Theorem a_priori_deviation_is_tight constant :
  (forall x theta, (forall y, (y < arms x)%nat -> 0 <= reward x y <= 1) -> sigma 1 x theta <= constant) ->
  A_PRIORI_STD <= constant.
Proof.
  intros bound.
  assert (at_half : sigma 1 (two_arms (1 / 2)) origin <= constant).
  { apply bound. intros y inside. apply binary_between; [|exact inside]. intros y' _. apply two_arms_binary. }
  rewrite two_arms_sigma in at_half by lra.
  replace (1 / 2 * (1 - 1 / 2)) with ((1 / 2) ^ 2) in at_half by field.
  rewrite sqrt_pow2 in at_half by lra. exact at_half.
Qed.
