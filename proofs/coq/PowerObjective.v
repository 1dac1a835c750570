(** * T20: each rule ascends its own sum, under any overlap or conflict

    Rewards are 0 or 1, F' = sigma^(-alpha) on (0, 1), 0 <= alpha <= 2, beta = 1 - alpha/2. Along any direction u of a
    log-linear policy, with d = E[X | right] - E[X | wrong] as in T18,

      (F o J)'' = sigma^(2 beta) [ beta (1 - 2 p) d^2 + Var(X | right) - Var(X | wrong) ],   |(F o J)''| <= Lambda w^2,

    where Lambda, the greatest value of sigma^(2 beta) M(beta |1 - 2 p|), is met at |1 - 2 p| = 1/(1 + sqrt alpha) if
    alpha + sqrt alpha >= 1 and at 1/sqrt (3 - alpha) otherwise, and is the least constant. If the squares of the
    prompts' widths along u sum to at most lambda D^2 |u|^2 for every u (lambda at least the greatest eigenvalue of the
    sum of the projections on the prompts' spans does; N always does, 1 where spans are orthogonal), the step
    eta sum_x g_x/sigma_x^alpha never lowers sum_x F(J_x) for eta <= 2/(Lambda lambda D^2).

    Idea. The tangent of x^beta at the best k turns the power into a quadratic in k, which then is a square. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Constants Increase Sums Distribution Vectors Policy Psi Line TwoArms Curvature Deviation.
From GRPO Require Import Certificate Arcsine Convergence TwoArmFlow BinaryCurvature LogOdds FailureRates.
Open Scope R_scope.

(** ** The constant *)

(** sigma^(2 beta) M(beta k) at k = |1 - 2 p|. *)
Definition power_curve (beta k : R) : R := Rpower ((1 - k ^ 2) / 4) beta * curvature_shape (beta * k).

(** The k at which it is greatest. *)
Definition worst_gap (alpha : R) : R :=
  if Rle_dec 1 (alpha + sqrt alpha) then 1 / (1 + sqrt alpha) else 1 / sqrt (3 - alpha).

Definition power_curvature_constant (alpha : R) : R := power_curve (1 - alpha / 2) (worst_gap alpha).

(** x^beta lies below its tangent at c. *)
Lemma power_tangent beta c x :
  0 <= beta <= 1 -> 0 < c -> 0 < x -> Rpower x beta <= Rpower c beta * (1 - beta + beta * (x / c)).
Proof.
  intros range c_pos x_pos. assert (fraction : 0 < x / c) by (apply Rdiv_lt_0_compat; assumption).
  replace (Rpower x beta) with (Rpower c beta * Rpower (x / c) beta).
  - apply Rmult_le_compat_l; [left; apply exp_pos|]. unfold Rpower.
    pose proof (exp_below_chord beta (ln (x / c)) range) as chord. rewrite exp_ln in chord by exact fraction. exact chord.
  - rewrite Rpower_mult_distr by assumption. f_equal. field. lra.
Qed.

Lemma shape_of_small k : k <= 1 / 2 -> curvature_shape k = 1 / (4 * (1 - k)).
Proof.
  intros small. unfold curvature_shape. destruct (Rle_dec (1 / 2) k) as [large|_]; [|reflexivity].
  replace k with (1 / 2) by lra. field.
Qed.

Lemma shape_of_large k : 1 / 2 <= k -> curvature_shape k = k.
Proof. intros large. unfold curvature_shape. destruct (Rle_dec (1 / 2) k); [reflexivity|lra]. Qed.

Lemma shape_below k : k < 1 -> curvature_shape k <= 1 / (4 * (1 - k)).
Proof.
  intros below. unfold curvature_shape. destruct (Rle_dec (1 / 2) k) as [large|_]; [|apply Rle_refl].
  replace (1 / (4 * (1 - k))) with (k + (2 * k - 1) ^ 2 / (4 * (1 - k))) by (field; lra).
  assert (0 <= (2 * k - 1) ^ 2 / (4 * (1 - k))) by (apply Rdiv_le_0_compat; [apply pow2_ge_0|lra]). lra.
Qed.

Section Constant.
  Variable alpha : R.
  Hypothesis range : 0 <= alpha <= 2.

  Let beta := 1 - alpha / 2.
  Let root := sqrt alpha.

  Let beta_range : 0 <= beta <= 1.
  Proof. unfold beta. lra. Qed.

  Let root_nonneg : 0 <= root.
  Proof. apply sqrt_pos. Qed.

  Let root_square : root ^ 2 = alpha.
  Proof. apply pow2_sqrt. lra. Qed.

  (** What is to be shown of a k, with the tangent at K in place of the power. *)
  Lemma curve_below_tangent k K shape top :
    0 <= k < 1 -> 0 < K < 1 -> 0 <= shape ->
    (1 - beta + beta * ((1 - k ^ 2) / (1 - K ^ 2))) * shape <= top ->
    Rpower ((1 - k ^ 2) / 4) beta * shape <= Rpower ((1 - K ^ 2) / 4) beta * top.
  Proof.
    intros k_in K_in shape_nonneg bound.
    assert (k_square : 0 < 1 - k ^ 2).
    { replace (1 - k ^ 2) with ((1 - k) * (1 + k)) by ring. apply Rmult_lt_0_compat; lra. }
    assert (K_square : 0 < 1 - K ^ 2).
    { replace (1 - K ^ 2) with ((1 - K) * (1 + K)) by ring. apply Rmult_lt_0_compat; lra. }
    pose proof (power_tangent beta ((1 - K ^ 2) / 4) ((1 - k ^ 2) / 4) beta_range ltac:(lra) ltac:(lra)) as tangent.
    replace ((1 - k ^ 2) / 4 / ((1 - K ^ 2) / 4)) with ((1 - k ^ 2) / (1 - K ^ 2)) in tangent by (field; lra).
    apply (Rmult_le_compat_r shape _ _ shape_nonneg) in tangent.
    eapply Rle_trans; [exact tangent|]. rewrite Rmult_assoc. apply Rmult_le_compat_l; [left; apply exp_pos|exact bound].
  Qed.

  Lemma worst_gap_range : 0 < worst_gap alpha < 1.
  Proof.
    unfold worst_gap. change (sqrt alpha) with root. destruct (Rle_dec 1 (alpha + root)) as [large|small].
    - assert (root_pos : 0 < root).
      { destruct (Rle_lt_or_eq_dec 0 root root_nonneg) as [pos|zero]; [exact pos|].
        rewrite <- zero in *. simpl in root_square. lra. }
      split; [apply Rdiv_lt_0_compat; lra|].
      apply Rmult_lt_reg_r with (1 + root); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
    - assert (big : 1 < sqrt (3 - alpha)).
      { rewrite <- sqrt_1. apply sqrt_lt_1_alt. lra. }
      split; [apply Rdiv_lt_0_compat; lra|].
      apply Rmult_lt_reg_r with (sqrt (3 - alpha)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
  Qed.

  (** alpha + sqrt alpha >= 1: everything lies below the second branch of M. *)
  Lemma curve_le_low k :
    0 <= k < 1 -> 1 <= alpha + root -> power_curve beta k <= power_curvature_constant alpha.
  Proof.
    intros k_in large. pose proof worst_gap_range as K_in. unfold power_curvature_constant, power_curve.
    fold beta. set (K := worst_gap alpha) in *.
    assert (K_is : K * (1 + root) = 1).
    { unfold K, worst_gap. change (sqrt alpha) with root. destruct (Rle_dec 1 (alpha + root)); [field; lra|lra]. }
    assert (K_small : beta * K <= 1 / 2).
    { apply Rmult_le_reg_r with (1 + root); [lra|]. rewrite Rmult_assoc, K_is. unfold beta. rewrite <- root_square. lra. }
    assert (balance : 2 * K * (1 - beta * K) = 1 - K ^ 2).
    { assert (root_is : root = (1 - K) / K) by (rewrite <- K_is at 1; field; lra).
      unfold beta. rewrite <- root_square, root_is. field. lra. }
    assert (beta_k : 0 <= beta * k < 1).
    { split; [apply Rmult_le_pos; lra|]. apply Rle_lt_trans with (1 * k); [apply Rmult_le_compat_r|]; lra. }
    rewrite (shape_of_small (beta * K) K_small).
    eapply Rle_trans; [apply Rmult_le_compat_l; [left; apply exp_pos|apply shape_below, beta_k]|].
    apply curve_below_tangent; [exact k_in|exact K_in|apply Rdiv_le_0_compat; lra|].
    rewrite <- balance.
    apply Rmult_le_reg_r with (4 * (1 - beta * k)); [lra|].
    replace ((1 - beta + beta * ((1 - k ^ 2) / (2 * K * (1 - beta * K)))) * (1 / (4 * (1 - beta * k))) * (4 * (1 - beta * k)))
      with (1 - beta + beta * ((1 - k ^ 2) / (2 * K * (1 - beta * K)))) by (field; lra).
    apply Rmult_le_reg_r with (1 - beta * K); [lra|].
    replace ((1 - beta + beta * ((1 - k ^ 2) / (2 * K * (1 - beta * K)))) * (1 - beta * K))
      with ((1 - beta) * (1 - beta * K) + beta * (1 - k ^ 2) / (2 * K)) by (field; lra).
    replace (1 / (4 * (1 - beta * K)) * (4 * (1 - beta * k)) * (1 - beta * K)) with (1 - beta * k) by (field; lra).
    assert (square : 0 <= beta / (2 * K) * (k - K) ^ 2).
    { apply Rmult_le_pos; [apply Rdiv_le_0_compat; lra|apply pow2_ge_0]. }
    assert (half : (1 - beta) * (1 - beta * K) = (1 - beta) * (1 - K ^ 2) / (2 * K)) by (rewrite <- balance; field; lra).
    assert (same : 1 - beta * k - ((1 - beta) * (1 - beta * K) + beta * (1 - k ^ 2) / (2 * K))
      = beta / (2 * K) * (k - K) ^ 2 + (2 * K * (1 - beta * K) - (1 - K ^ 2)) / (2 * K)).
    { rewrite half. field. lra. }
    rewrite balance in same. lra.
  Qed.

  (** alpha + sqrt alpha < 1: the greatest value is on the first branch. *)
  Lemma curve_le_high k :
    0 <= k < 1 -> alpha + root < 1 -> power_curve beta k <= power_curvature_constant alpha.
  Proof.
    intros k_in small. pose proof worst_gap_range as K_in. unfold power_curvature_constant, power_curve.
    fold beta. set (K := worst_gap alpha) in *.
    assert (K_is : K ^ 2 * (1 + 2 * beta) = 1).
    { unfold K, worst_gap. change (sqrt alpha) with root. destruct (Rle_dec 1 (alpha + root)) as [no|_]; [lra|].
      assert (root3 : sqrt (3 - alpha) ^ 2 = 3 - alpha) by (apply pow2_sqrt; lra).
      assert (0 < sqrt (3 - alpha)) by (apply sqrt_lt_R0; lra).
      replace (1 + 2 * beta) with (sqrt (3 - alpha) ^ 2) by (rewrite root3; unfold beta; field). field. lra. }
    assert (beta_pos : 0 < beta) by (unfold beta; lra).
    assert (K_square : 1 - K ^ 2 = 2 * beta * K ^ 2) by lra.
    assert (K_pos2 : 0 < K ^ 2) by (apply pow_lt; lra).
    assert (K_large : 1 / 2 <= beta * K).
    { apply Rsqr_incr_0_var; [|apply Rmult_le_pos; lra]. rewrite !Rsqr_pow2.
      apply Rmult_le_reg_r with (1 + 2 * beta); [lra|].
      replace ((beta * K) ^ 2 * (1 + 2 * beta)) with (beta ^ 2 * (K ^ 2 * (1 + 2 * beta))) by ring. rewrite K_is.
      assert (0 <= (1 - root ^ 2 - root) * (1 - root ^ 2 + root)) by (apply Rmult_le_pos; lra).
      unfold beta. rewrite <- root_square. lra. }
    rewrite (shape_of_large (beta * K) K_large).
    assert (beta_k : 0 <= beta * k < 1).
    { split; [apply Rmult_le_pos; lra|]. apply Rle_lt_trans with (1 * k); [apply Rmult_le_compat_r|]; lra. }
    destruct (Rle_lt_dec (1 / 2) (beta * k)) as [high|low].
    - rewrite shape_of_large by exact high.
      apply curve_below_tangent; [exact k_in|exact K_in|lra|]. rewrite K_square.
      assert (cube : 0 <= beta * ((k - K) ^ 2 * (k + 2 * K)) / (2 * K ^ 2)).
      { apply Rdiv_le_0_compat; [|lra]. apply Rmult_le_pos; [lra|]. apply Rmult_le_pos; [apply pow2_ge_0|lra]. }
      assert (same : beta * K - (1 - beta + beta * ((1 - k ^ 2) / (2 * beta * K ^ 2))) * (beta * k)
        = beta * ((k - K) ^ 2 * (k + 2 * K)) / (2 * K ^ 2)
          + beta * k * (K ^ 2 * (1 + 2 * beta) - 1) / (2 * K ^ 2)) by (field; lra).
      rewrite K_is in same. lra.
    - rewrite shape_of_small by lra. set (x := beta * k) in *. set (X := beta * K) in *.
      apply curve_below_tangent; [exact k_in|exact K_in|apply Rdiv_le_0_compat; lra|]. rewrite K_square.
      apply Rmult_le_reg_r with (8 * (1 - x)); [lra|].
      assert (X_pos : 0 < X) by lra.
      replace ((1 - beta + beta * ((1 - k ^ 2) / (2 * beta * K ^ 2))) * (1 / (4 * (1 - x))) * (8 * (1 - x)))
        with (3 - x ^ 2 / X ^ 2 + (1 - K ^ 2 * (1 + 2 * beta)) / K ^ 2)
        by (unfold x, X in *; field; repeat split; lra).
      rewrite K_is.
      assert (X_cube : 1 <= 8 * X ^ 3).
      { replace 1 with (8 * (1 / 2) ^ 3) by field. apply Rmult_le_compat_l; [lra|]. apply pow_incr. lra. }
      assert (falls : 0 <= (1 / 2 - x) * (8 * X ^ 3 - (x + 1 / 2)) / X ^ 2).
      { apply Rdiv_le_0_compat; [apply Rmult_le_pos; lra|apply pow_lt; lra]. }
      assert (at_half : 0 <= (2 * X - 1) ^ 2 * (4 * X + 1) / (4 * X ^ 2)).
      { apply Rdiv_le_0_compat; [apply Rmult_le_pos; [apply pow2_ge_0|lra]|]. pose proof (pow_lt X 2 X_pos). lra. }
      assert (same : X * (8 * (1 - x)) - (3 - x ^ 2 / X ^ 2)
        = (1 / 2 - x) * (8 * X ^ 3 - (x + 1 / 2)) / X ^ 2 + (2 * X - 1) ^ 2 * (4 * X + 1) / (4 * X ^ 2)) by (field; lra).
      lra.
  Qed.

  Theorem power_curvature_constant_bounds p :
    0 < p < 1 ->
    Rpower (p * (1 - p)) beta * curvature_shape (Rabs (beta * (1 - 2 * p))) <= power_curvature_constant alpha.
  Proof.
    intros inside. set (k := Rabs (1 - 2 * p)).
    assert (square : k ^ 2 = (1 - 2 * p) ^ 2) by (unfold k; rewrite <- !Rsqr_pow2; symmetry; apply Rsqr_abs).
    assert (size : 0 <= k < 1) by (split; [apply Rabs_pos|apply Rabs_def1; lra]).
    rewrite Rabs_mult, (Rabs_pos_eq beta) by lra. fold k.
    replace (p * (1 - p)) with ((1 - k ^ 2) / 4) by lra. fold (power_curve beta k).
    destruct (Rle_lt_dec 1 (alpha + root)); [apply curve_le_low|apply curve_le_high]; assumption.
  Qed.

  Lemma power_curvature_constant_pos : 0 < power_curvature_constant alpha.
  Proof.
    apply Rmult_lt_0_compat; [apply exp_pos|]. pose proof worst_gap_range.
    pose proof (quarter_le_curvature_shape (beta * worst_gap alpha)) as quarter. fold beta.
    assert (0 <= beta * worst_gap alpha <= 1); [|assert (1 / 4 <= curvature_shape (beta * worst_gap alpha)); auto; lra].
    split; [apply Rmult_le_pos; lra|]. rewrite <- (Rmult_1_l 1). apply Rmult_le_compat; lra.
  Qed.
End Constant.

(** The values at the rules in use: sqrt 3/18, sqrt 3/12 and 1/4. *)
Theorem power_curvature_constant_of_reinforce : power_curvature_constant 0 = sqrt 3 / 18.
Proof.
  unfold power_curvature_constant, power_curve, worst_gap. rewrite sqrt_0.
  destruct (Rle_dec 1 (0 + 0)) as [no|_]; [lra|].
  replace (1 - 0 / 2) with 1 by field. replace (3 - 0) with 3 by ring.
  assert (root_pos : 0 < sqrt 3) by (apply sqrt_lt_R0; lra).
  assert (root : sqrt 3 * sqrt 3 = 3) by (apply sqrt_sqrt; lra).
  assert (gap : 1 / sqrt 3 = sqrt 3 / 3).
  { apply Rmult_eq_reg_r with (sqrt 3); [|lra]. replace (1 / sqrt 3 * sqrt 3) with 1 by (field; lra). lra. }
  rewrite gap, Rmult_1_l.
  assert (large : 1 / 2 <= sqrt 3 / 3).
  { assert (3 / 2 <= sqrt 3); [|lra]. rewrite <- (sqrt_pow2 (3 / 2)) by lra. apply sqrt_le_1_alt. lra. }
  rewrite shape_of_large by exact large.
  replace ((sqrt 3 / 3) ^ 2) with (1 / 3) by (replace ((sqrt 3 / 3) ^ 2) with (sqrt 3 * sqrt 3 / 9) by field; lra).
  rewrite Rpower_1 by lra. field.
Qed.

Theorem power_curvature_constant_of_grpo : power_curvature_constant 1 = sqrt 3 / 12.
Proof.
  unfold power_curvature_constant, power_curve, worst_gap. rewrite sqrt_1.
  destruct (Rle_dec 1 (1 + 1)) as [_|no]; [|lra].
  replace (1 - 1 / 2) with (/ 2) by field. replace (1 / (1 + 1)) with (1 / 2) by field.
  replace ((1 - (1 / 2) ^ 2) / 4) with (3 * (1 / 4) ^ 2) by field.
  rewrite Rpower_sqrt by lra. rewrite sqrt_mult, sqrt_pow2 by lra. rewrite shape_of_small by lra. field.
Qed.

Theorem power_curvature_constant_of_variance_rule : power_curvature_constant 2 = 1 / 4.
Proof.
  unfold power_curvature_constant, power_curve. pose proof (worst_gap_range 2 ltac:(lra)) as inside.
  replace (1 - 2 / 2) with 0 by field. rewrite Rmult_0_l, shape_of_small by lra.
  unfold Rpower. rewrite Rmult_0_l, exp_0. field.
Qed.

(** ** How much the prompts' widths overlap *)

(** lambda: the squared widths along any u sum to at most lambda D^2 |u|^2. *)
Definition overlap_at_most (d N : nat) (x : nat -> prompt) (D lambda : R) : Prop :=
  forall u, exists w : nat -> R,
    (forall i, (i < N)%nat -> step_width_at_most d (x i) u (w i))
    /\ sum N (fun i => w i ^ 2) <= lambda * D ^ 2 * norm d u ^ 2.

Section OverlapBounds.
  Variables (d N : nat) (x : nat -> prompt) (D : R).
  Hypothesis D_pos : 0 < D.
  Hypothesis diameters : diameters_at_most d N x D.

  Lemma overlap_of_number : overlap_at_most d N x D (INR N).
  Proof.
    intros u. exists (fun _ => D * norm d u). split.
    - intros i inside. apply step_width_of_diameter, diameters, inside.
    - rewrite sum_constant. right. ring.
  Qed.

  (** P_i u is all that prompt i sees of u; the greatest eigenvalue of the sum of the projections will do for lambda. *)
  Lemma overlap_of_projections (P : nat -> vector -> vector) lambda :
    (forall i u y y', (i < N)%nat -> (y < arms (x i))%nat -> (y' < arms (x i))%nat ->
       dot d (subtract (feature (x i) y) (feature (x i) y')) u
       = dot d (subtract (feature (x i) y) (feature (x i) y')) (P i u)) ->
    (forall u, sum N (fun i => norm d (P i u) ^ 2) <= lambda * norm d u ^ 2) ->
    overlap_at_most d N x D lambda.
  Proof.
    intros seen total u. exists (fun i => D * norm d (P i u)). split.
    - intros i inside y y' inside_y inside_y'.
      rewrite <- dot_subtract_r, dot_comm, seen, dot_comm, dot_subtract_r by assumption.
      apply (step_width_of_diameter d (x i) (P i u) D (diameters i inside) y y' inside_y inside_y').
    - rewrite (sum_ext N _ (fun i => D ^ 2 * norm d (P i u) ^ 2)) by (intros; ring). rewrite sum_scale.
      pose proof (Rmult_le_compat_l (D ^ 2) _ _ (pow2_ge_0 D) (total u)). lra.
  Qed.

  Lemma finite_choice (n : nat) (Q : nat -> nat -> Prop) :
    (forall i, (i < n)%nat -> exists k, Q i k) -> exists f, forall i, (i < n)%nat -> Q i (f i).
  Proof.
    induction n as [|n IH]; intros some; [exists (fun i => i); lia|].
    destruct IH as [f chosen]; [intros; apply some; lia|]. destruct (some n ltac:(lia)) as [k last].
    exists (fun i => if Nat.eq_dec i n then k else f i). intros i inside.
    destruct (Nat.eq_dec i n) as [-> | other]; [exact last|apply chosen; lia].
  Qed.

  (** Bessel: 1 where spans are orthogonal. *)
  Lemma overlap_of_orthogonal_spans : orthogonal_spans d N x -> overlap_at_most d N x D 1.
  Proof.
    intros spans u. set (f := fun i y => dot d u (feature (x i) y)).
    destruct (finite_choice N (fun i k => (k < arms (x i))%nat /\ forall y, (y < arms (x i))%nat -> f i k <= f i y)) as [low lows].
    { intros i _. apply (least_value (arms (x i)) (f i)), some_arm. }
    destruct (finite_choice N (fun i k => (k < arms (x i))%nat /\ forall y, (y < arms (x i))%nat -> - f i k <= - f i y))
      as [high highs].
    { intros i _. apply (least_value (arms (x i)) (fun y => - f i y)), some_arm. }
    set (e := fun i => subtract (feature (x i) (high i)) (feature (x i) (low i))).
    set (w := fun i => dot d u (e i)). exists w. split.
    - intros i inside y y' inside_y inside_y'. unfold w, e. rewrite dot_subtract_r.
      destruct (lows i inside) as [_ least]. destruct (highs i inside) as [_ greatest].
      pose proof (least y' inside_y'). pose proof (greatest y inside_y). unfold f in *. lra.
    - pose proof (pow_lt _ 2 D_pos) as square_pos.
      set (v := vector_sum N (fun i => scale (w i / D ^ 2) (e i))).
      assert (cross : dot d u v = sum N (fun i => w i ^ 2) / D ^ 2).
      { unfold v, Rdiv. rewrite dot_sum_r, <- sum_scale_r. apply sum_ext. intros i _. rewrite dot_scale_r. unfold w. ring. }
      assert (own : dot d v v <= sum N (fun i => w i ^ 2) / D ^ 2).
      { unfold v at 1. rewrite dot_sum_l. unfold Rdiv at 2. rewrite <- sum_scale_r. apply sum_le. intros i inside.
        rewrite dot_scale_l. unfold v. rewrite dot_sum_r, (sum_single N _ i inside).
        - rewrite dot_scale_r, <- norm_square.
          assert (size : norm d (e i) ^ 2 <= D ^ 2).
          { apply pow_incr. split; [apply norm_nonneg|].
            apply (diameters i inside); [apply (highs i inside)|apply (lows i inside)]. }
          assert (scaled : 0 <= (w i / D ^ 2) ^ 2) by apply pow2_ge_0.
          apply (Rmult_le_compat_l _ _ _ scaled) in size.
          replace (w i ^ 2 * / D ^ 2) with ((w i / D ^ 2) ^ 2 * D ^ 2) by (field; lra). lra.
        - intros j j_inside other. rewrite dot_scale_r. unfold e.
          rewrite spans; [ring|exact inside|exact j_inside|congruence|apply (highs i inside)|apply (lows i inside)
                         |apply (highs j j_inside)|apply (lows j j_inside)]. }
      pose proof (dot_self_nonneg d (subtract u v)) as nonneg.
      rewrite dot_subtract_l, !dot_subtract_r, (dot_comm d v u), cross in nonneg. rewrite norm_square, Rmult_1_l.
      apply Rmult_le_reg_r with (/ D ^ 2); [apply Rinv_0_lt_compat; lra|].
      replace (D ^ 2 * dot d u u * / D ^ 2) with (dot d u u) by (field; lra). unfold Rdiv in *. lra.
  Qed.
End OverlapBounds.

(** ** One prompt along a segment *)

(** sigma^(2 beta) [ beta (1 - 2 p) d^2 + Var(X | right) - Var(X | wrong) ]. *)
Definition objective_bend (alpha : R) (d : nat) (x : prompt) (theta u : vector) : R :=
  Rpower (J d x theta * (1 - J d x theta)) (1 - alpha / 2)
  * ((1 - alpha / 2) * (1 - 2 * J d x theta) * logit_slope d x theta u ^ 2
     + variance_right d x theta u - variance_wrong d x theta u).

Lemma objective_bend_ext alpha d x theta theta' u :
  policy d x theta = policy d x theta' -> objective_bend alpha d x theta u = objective_bend alpha d x theta' u.
Proof.
  intros same. unfold objective_bend, logit_slope, variance_right, variance_wrong, mean_right, mean_wrong, conditional, J.
  rewrite same. reflexivity.
Qed.

(** Without a deviation J stays where it is. *)
Lemma J_stays d x theta delta w :
  step_width_at_most d x delta w -> sigma d x theta = 0 -> J d x (add theta delta) = J d x theta.
Proof.
  intros width zero. pose proof (certificate d x theta delta w width) as stays. rewrite zero, Rmult_0_l in stays.
  assert (flat : dot d (gradient d x theta) delta = 0).
  { apply Rabs_eq_0, Rle_antisym; [|apply Rabs_pos].
    eapply Rle_trans; [apply (gradient_slope d x theta delta w width)|]. rewrite zero. lra. }
  rewrite flat in stays. pose proof (Rabs_pos (J d x (add theta delta) - J d x theta - 0)).
  assert (same : J d x (add theta delta) - J d x theta - 0 = 0) by (apply Rabs_eq_0; lra). lra.
Qed.

Section Objective.
  Variables (alpha : R) (F : R -> R).
  Hypothesis range : 0 <= alpha <= 2.

  (** F' = sigma^(-alpha): F is J, 2 arcsin (sqrt J) or logit J at alpha = 0, 1, 2. *)
  Hypothesis primitive : forall p, 0 < p < 1 -> is_derive F p (Rpower (p * (1 - p)) (- (alpha / 2))).

  Let beta := 1 - alpha / 2.
  Let Lambda := power_curvature_constant alpha.

  Section Along.
    Variables (d : nat) (x : prompt) (theta delta : vector) (w : R).
    Hypothesis right_or_wrong : binary x.
    Hypothesis sigma_pos : 0 < sigma d x theta.
    Hypothesis width : step_width_at_most d x delta w.

    Let at_time (s : R) : vector := add theta (scale s delta).
    Let p (s : R) : R := J d x (at_time s).
    Let slope (s : R) : R := dot d (gradient d x (at_time s)) delta.
    Let weight (s : R) : R := Rpower (p s * (1 - p s)) (- (alpha / 2)).

    Let bend (s : R) : R := objective_bend alpha d x (at_time s) delta.

    Let varies s : 0 < sigma d x (at_time s).
    Proof. apply (sigma_pos_everywhere d x right_or_wrong theta), sigma_pos. Qed.

    Let between s : 0 < p s < 1.
    Proof. apply pass_rate_inside; [exact right_or_wrong|apply varies]. Qed.

    Lemma objective_derivative s : is_derive (fun s => F (p s)) s (slope s * weight s).
    Proof. apply (is_derive_comp F p); [apply primitive, between|apply J_along]. Qed.

    Lemma objective_slope_derivative s : is_derive (fun s => slope s * weight s) s (bend s).
    Proof.
      pose proof (between s) as inside. assert (variance_pos : 0 < p s * (1 - p s)) by (apply Rmult_lt_0_compat; lra).
      assert (product : is_derive (fun s => slope s * weight s) s
        (curvature_along d x (at_time s) delta * weight s
         + slope s * (slope s * (- (alpha / 2) * (1 - 2 * p s) / (p s * (1 - p s)) * weight s)))).
      { apply (is_derive_mult slope weight).
        - apply slope_along.
        - apply (is_derive_comp (fun p => Rpower (p * (1 - p)) (- (alpha / 2))) p).
          + unfold Rpower. auto_derive; [exact variance_pos|]. unfold weight, Rpower, Rminus. field. lra.
          + apply J_along.
        - intros. apply Rmult_comm. }
      replace (bend s) with (curvature_along d x (at_time s) delta * weight s
         + slope s * (slope s * (- (alpha / 2) * (1 - 2 * p s) / (p s * (1 - p s)) * weight s))); [exact product|].
      assert (power : Rpower (p s * (1 - p s)) beta = p s * (1 - p s) * weight s).
      { unfold weight, beta, Rminus at 2. rewrite Rpower_plus, Rpower_1 by exact variance_pos. reflexivity. }
      unfold bend, objective_bend. fold (p s). fold beta. rewrite power.
      unfold slope. rewrite <- curvature_is_second_derivative.
      rewrite binary_curvature_split, gradient_of_odds, binary_sigma by (exact right_or_wrong || apply varies).
      fold (p s). unfold beta. field. lra.
    Qed.

    Lemma objective_bend_le s : Rabs (bend s) <= Lambda * w ^ 2.
    Proof.
      pose proof (between s) as inside. unfold bend, objective_bend. fold (p s). fold beta.
      assert (factor : -1 <= beta * (1 - 2 * p s) <= 1).
      { assert (0 <= beta <= 1) by (unfold beta; lra). apply Rabs_le_between. rewrite Rabs_mult, <- (Rmult_1_l 1).
        apply Rmult_le_compat; try apply Rabs_pos; apply Rabs_le; lra. }
      rewrite Rabs_mult, Rabs_pos_eq by (left; apply exp_pos).
      eapply Rle_trans;
        [apply Rmult_le_compat_l; [left; apply exp_pos|apply (parts_le d x (at_time s) delta right_or_wrong (varies s) w width _ factor)]|].
      rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [apply pow2_ge_0|].
      apply power_curvature_constant_bounds; assumption.
    Qed.

    Lemma objective_second_derivative :
      Derive_n (fun s => F (J d x (add theta (scale s delta)))) 2 0 = objective_bend alpha d x theta delta.
    Proof.
      rewrite <- (objective_bend_ext alpha d x (at_time 0) theta) by apply policy_at_zero.
      simpl. apply is_derive_unique. apply (is_derive_ext (fun s => slope s * weight s)).
      - intros s. symmetry. apply is_derive_unique, objective_derivative.
      - apply objective_slope_derivative.
    Qed.

    (** T20, the curvature. *)
    Theorem objective_curvature : Rabs (Derive_n (fun s => F (J d x (add theta (scale s delta)))) 2 0) <= Lambda * w ^ 2.
    Proof.
      rewrite objective_second_derivative, <- (objective_bend_ext alpha d x (at_time 0) theta) by apply policy_at_zero.
      apply objective_bend_le.
    Qed.

    Let start_weight : weight 0 = Rpower (J d x theta * (1 - J d x theta)) (- (alpha / 2)).
    Proof. unfold weight, p, at_time. rewrite (J_ext d x (add theta (scale 0 delta)) theta) by apply policy_at_zero. reflexivity. Qed.

    Lemma objective_remainder :
      dot d (gradient d x theta) delta * Rpower (J d x theta * (1 - J d x theta)) (- (alpha / 2)) - Lambda / 2 * w ^ 2
      <= F (J d x (add theta delta)) - F (J d x theta).
    Proof.
      set (gap := fun s => Lambda / 2 * w ^ 2 * s ^ 2 + (F (p s) - F (p 0) - slope 0 * weight 0 * s)).
      assert (nonneg : 0 <= gap 1).
      { apply (nonneg_of_second_derivative gap (fun s => Lambda * w ^ 2 * s + (slope s * weight s - slope 0 * weight 0))
          (fun s => Lambda * w ^ 2 + bend s)).
        - lra.
        - intros s _. unfold gap.
          apply (is_derive_plus (fun s => Lambda / 2 * w ^ 2 * s ^ 2) (fun s => F (p s) - F (p 0) - slope 0 * weight 0 * s)).
          + auto_derive; [exact I|field].
          + apply (is_derive_minus (fun s => F (p s) - F (p 0)) (fun s => slope 0 * weight 0 * s)).
            * rewrite <- (Rminus_0_r (slope s * weight s)).
              apply (is_derive_minus (fun s => F (p s)) (fun _ => F (p 0))).
              -- apply objective_derivative.
              -- auto_derive; [exact I|ring].
            * auto_derive; [exact I|ring].
        - intros s _.
          apply (is_derive_plus (fun s => Lambda * w ^ 2 * s) (fun s => slope s * weight s - slope 0 * weight 0)).
          + auto_derive; [exact I|field].
          + rewrite <- (Rminus_0_r (bend s)).
            apply (is_derive_minus (fun s => slope s * weight s) (fun _ => slope 0 * weight 0)).
            * apply objective_slope_derivative.
            * auto_derive; [exact I|ring].
        - intros s _. pose proof (objective_bend_le s) as bound. apply Rabs_le_between in bound. lra.
        - unfold gap. ring.
        - ring. }
      unfold gap in nonneg.
      assert (at_one : p 1 = J d x (add theta delta)) by (apply J_ext, policy_at_one).
      assert (at_zero : p 0 = J d x theta) by (apply J_ext, policy_at_zero).
      rewrite at_one, at_zero, start_weight in nonneg.
      assert (slope_zero : slope 0 = dot d (gradient d x theta) delta) by (apply gradient_dot_ext, policy_at_zero).
      rewrite slope_zero in nonneg. lra.
    Qed.
  End Along.

  (** ** The sum over prompts *)

  Section Sum.
    Variables (d N : nat) (x : nat -> prompt) (D lambda : R).
    Hypothesis binary_prompts : forall i, (i < N)%nat -> binary (x i).
    Hypothesis D_pos : 0 < D.
    Hypothesis lambda_pos : 0 < lambda.
    Hypothesis overlap : overlap_at_most d N x D lambda.

    (** sum_x F(J_x), and sum_x g_x/sigma_x^alpha. *)
    Definition objective (theta : vector) : R := sum N (fun i => F (J d (x i) theta)).
    Let G (theta : vector) : vector := power_direction d N x alpha theta.

    Let Lambda_pos : 0 < Lambda.
    Proof. apply power_curvature_constant_pos, range. Qed.

    Lemma weight_is i theta :
      (i < N)%nat -> 0 < sigma d (x i) theta ->
      power_weight d x alpha i theta = Rpower (J d (x i) theta * (1 - J d (x i) theta)) (- (alpha / 2)).
    Proof.
      intros inside positive. unfold power_weight. destruct (Req_EM_T (sigma d (x i) theta) 0) as [zero|_]; [lra|].
      rewrite <- binary_sigma by (apply binary_prompts, inside).
      rewrite <- (Rpower_pow 2 (sigma d (x i) theta)) by exact positive.
      rewrite Rpower_mult, <- Rpower_Ropp. f_equal. simpl. field.
    Qed.

    Lemma direction_parts theta v :
      dot d (G theta) v = sum N (fun i => power_weight d x alpha i theta * dot d (gradient d (x i) theta) v).
    Proof. unfold G, power_direction. rewrite dot_sum_l. apply sum_ext. intros i _. apply dot_scale_l. Qed.

    (** The rule's direction is the gradient of its own sum. *)
    Theorem direction_is_gradient theta u :
      is_derive (fun s => objective (add theta (scale s u))) 0 (dot d (G theta) u).
    Proof.
      rewrite direction_parts. apply (is_derive_sum N (fun i s => F (J d (x i) (add theta (scale s u))))).
      intros i inside. destruct (Rle_lt_or_eq_dec 0 _ (sigma_nonneg d (x i) theta)) as [positive|zero].
      - rewrite weight_is, Rmult_comm by assumption. apply (function_of_J d (x i) theta u F).
        apply primitive, pass_rate_inside; [apply binary_prompts, inside|exact positive].
      - apply (is_derive_ext (fun _ => F (J d (x i) theta))).
        + intros s. f_equal. symmetry. destruct (overlap (scale s u)) as [w [widths _]].
          apply (J_stays d (x i) theta (scale s u) (w i)); [apply widths, inside|symmetry; exact zero].
        + unfold power_weight. destruct (Req_EM_T (sigma d (x i) theta) 0) as [_|no]; [|lra].
          auto_derive; [exact I|ring].
    Qed.

    Lemma prompt_gain i theta delta w :
      (i < N)%nat -> step_width_at_most d (x i) delta w ->
      power_weight d x alpha i theta * dot d (gradient d (x i) theta) delta - Lambda / 2 * w ^ 2
      <= F (J d (x i) (add theta delta)) - F (J d (x i) theta).
    Proof.
      intros inside width. destruct (Rle_lt_or_eq_dec 0 _ (sigma_nonneg d (x i) theta)) as [positive|zero].
      - rewrite weight_is, (Rmult_comm (Rpower _ _)) by assumption.
        apply objective_remainder; [apply binary_prompts, inside|exact positive|exact width].
      - rewrite (J_stays d (x i) theta delta w width) by (symmetry; exact zero).
        unfold power_weight. destruct (Req_EM_T (sigma d (x i) theta) 0) as [_|no]; [|lra].
        pose proof (Rmult_le_pos (Lambda / 2) (w ^ 2) ltac:(lra) (pow2_ge_0 w)). lra.
    Qed.

    (** T20. *)
    Theorem own_sum_gain theta eta :
      eta * norm d (G theta) ^ 2 * (1 - eta * (Lambda * lambda * D ^ 2) / 2)
      <= objective (add theta (scale eta (G theta))) - objective theta.
    Proof.
      destruct (overlap (scale eta (G theta))) as [w [widths squares]].
      unfold objective. rewrite <- sum_minus.
      apply Rle_trans with (sum N (fun i =>
        power_weight d x alpha i theta * dot d (gradient d (x i) theta) (scale eta (G theta)) - Lambda / 2 * w i ^ 2)).
      - rewrite sum_minus, sum_scale, <- direction_parts, dot_scale_r, <- norm_square.
        rewrite norm_scale, Rpow_mult_distr, pow2_abs in squares.
        apply (Rmult_le_compat_l (Lambda / 2)) in squares; lra.
      - apply sum_le. intros i inside. apply prompt_gain; [exact inside|apply widths, inside].
    Qed.

    Let smoothness_pos : 0 < Lambda * lambda * D ^ 2.
    Proof. apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat; assumption|apply pow_lt, D_pos]. Qed.

    Theorem own_sum_never_falls theta eta :
      0 <= eta <= 2 / (Lambda * lambda * D ^ 2) -> objective theta <= objective (add theta (scale eta (G theta))).
    Proof.
      intros [eta_nonneg small]. pose proof (own_sum_gain theta eta) as gain.
      apply (Rmult_le_compat_r (Lambda * lambda * D ^ 2)) in small; [|lra].
      replace (2 / (Lambda * lambda * D ^ 2) * (Lambda * lambda * D ^ 2)) with 2 in small by (field; lra).
      assert (0 <= eta * norm d (G theta) ^ 2 * (1 - eta * (Lambda * lambda * D ^ 2) / 2)); [|lra].
      apply Rmult_le_pos; [apply Rmult_le_pos; [exact eta_nonneg|apply pow2_ge_0]|lra].
    Qed.

    Definition ascent_step : R := 1 / (power_curvature_constant alpha * lambda * D ^ 2).

    Theorem ascent_step_gain theta :
      norm d (G theta) ^ 2 / (2 * (Lambda * lambda * D ^ 2))
      <= objective (add theta (scale ascent_step (G theta))) - objective theta.
    Proof.
      pose proof (own_sum_gain theta ascent_step) as gain.
      replace (norm d (G theta) ^ 2 / (2 * (Lambda * lambda * D ^ 2)))
        with (ascent_step * norm d (G theta) ^ 2 * (1 - ascent_step * (Lambda * lambda * D ^ 2) / 2)); [exact gain|].
      unfold ascent_step. fold Lambda. field. split; [|split]; apply Rgt_not_eq; assumption || exact lambda_pos.
    Qed.

    (** Along a run the squares of the direction sum to at most 2 Lambda lambda D^2 times what the sum has gained. *)
    Theorem squared_directions_of_a_run start T :
      let path := power_run d N x alpha ascent_step start in
      sum T (fun t => norm d (G (path t)) ^ 2) <= 2 * (Lambda * lambda * D ^ 2) * (objective (path T) - objective start).
    Proof.
      cbv zeta. set (path := power_run d N x alpha ascent_step start).
      change (objective start) with (objective (path O)). rewrite <- (sum_telescope T (fun t => objective (path t))).
      rewrite <- sum_scale. apply sum_le. intros t _. pose proof (ascent_step_gain (path t)) as gain.
      change (add (path t) (scale ascent_step (G (path t)))) with (path (S t)) in gain.
      apply (Rmult_le_compat_l (2 * (Lambda * lambda * D ^ 2))) in gain; [|lra].
      replace (2 * (Lambda * lambda * D ^ 2) * (norm d (G (path t)) ^ 2 / (2 * (Lambda * lambda * D ^ 2))))
        with (norm d (G (path t)) ^ 2) in gain by (field; lra). exact gain.
    Qed.
  End Sum.
End Objective.

(** ** The objectives *)

(** For every alpha there is one. *)
Theorem objective_exists alpha :
  exists F, forall p, 0 < p < 1 -> is_derive F p (Rpower (p * (1 - p)) (- (alpha / 2))).
Proof.
  set (f := fun p => Rpower (p * (1 - p)) (- (alpha / 2))).
  assert (continuous_f : forall z, 0 < z < 1 -> continuous f z).
  { intros z inside. apply (ex_derive_continuous f). unfold f, Rpower. auto_derive.
    apply Rmult_lt_0_compat; lra. }
  exists (fun p => RInt f (1 / 2) p). intros p inside. apply (is_derive_RInt f _ (1 / 2)).
  - assert (near : locally p (fun y => 0 < y < 1)) by (apply (locally_interval _ p 0 1); simpl; tauto).
    revert near. apply filter_imp. intros y between. apply (RInt_correct f), (ex_RInt_continuous f).
    intros z [low high]. apply continuous_f.
    pose proof (Rmin_glb_lt (1 / 2) y 0 ltac:(lra) ltac:(lra)).
    pose proof (Rmax_lub_lt (1 / 2) y 1 ltac:(lra) ltac:(lra)). lra.
  - apply continuous_f, inside.
Qed.

Lemma arcsine_is_objective p : 0 < p < 1 -> is_derive (fun p => 2 * asin (sqrt p)) p (Rpower (p * (1 - p)) (- (1 / 2))).
Proof.
  intros inside. replace (Rpower (p * (1 - p)) (- (1 / 2))) with (1 / sqrt (p * (1 - p))).
  - apply arcsine_derivative, inside.
  - replace (1 / 2) with (/ 2) by field. rewrite Rpower_Ropp, Rpower_sqrt by (apply Rmult_lt_0_compat; lra).
    field. apply Rgt_not_eq, sqrt_lt_R0, Rmult_lt_0_compat; lra.
Qed.

(** GRPO at 4 sqrt 3/(lambda D^2). *)
Theorem grpo_own_sum_gain d N x D lambda theta :
  (forall i, (i < N)%nat -> binary (x i)) -> 0 < D -> 0 < lambda -> overlap_at_most d N x D lambda ->
  let total := objective (fun p => 2 * asin (sqrt p)) d N x in
  let G := power_direction d N x 1 theta in
  2 * sqrt 3 / (lambda * D ^ 2) * norm d G ^ 2 <= total (add theta (scale (4 * sqrt 3 / (lambda * D ^ 2)) G)) - total theta.
Proof.
  intros binary_prompts D_pos lambda_pos overlap. cbv zeta.
  pose proof (own_sum_gain 1 (fun p => 2 * asin (sqrt p)) ltac:(lra) arcsine_is_objective d N x D lambda
    binary_prompts overlap theta (4 * sqrt 3 / (lambda * D ^ 2))) as gain.
  rewrite power_curvature_constant_of_grpo in gain.
  replace (2 * sqrt 3 / (lambda * D ^ 2) * norm d (power_direction d N x 1 theta) ^ 2)
    with (4 * sqrt 3 / (lambda * D ^ 2) * norm d (power_direction d N x 1 theta) ^ 2
          * (1 - 4 * sqrt 3 / (lambda * D ^ 2) * (sqrt 3 / 12 * lambda * D ^ 2) / 2)); [exact gain|].
  replace (4 * sqrt 3 / (lambda * D ^ 2) * (sqrt 3 / 12 * lambda * D ^ 2)) with (sqrt 3 * sqrt 3 / 3) by (field; lra).
  rewrite sqrt_sqrt by lra. field. lra.
Qed.

(** ** No smaller constant *)

(** A wrong arm and two right ones; only the last has feature 1, and probability c. *)
Definition mixed_arms (p c : R) : prompt := {|
  arms := 3;
  some_arm := Nat.lt_0_succ 2;
  offset := fun y => match y with O => ln (1 - p) | 1%nat => ln (p - c) | _ => ln c end;
  feature := fun y _ => match y with 2%nat => 1 | _ => 0 end;
  reward := is_right
|}.

Section MixedArms.
  Variables p c : R.
  Hypothesis inside : 0 < c < p.
  Hypothesis below_one : p < 1.

  Lemma mixed_arms_width : step_width_at_most 1 (mixed_arms p c) ahead 1.
  Proof.
    intros y y' _ _. unfold dot, ahead. simpl. destruct y as [|[|[|y]]], y' as [|[|[|y']]]; lra.
  Qed.

  Lemma mixed_arms_mean f :
    mean 3 (policy 1 (mixed_arms p c) origin) f = (1 - p) * f O + (p - c) * f 1%nat + c * f 2%nat.
  Proof.
    unfold mean, policy, softmax, logits, dot, origin. simpl.
    rewrite !Rmult_0_l, !Rplus_0_l, !Rplus_0_r, !exp_ln by lra. field. lra.
  Qed.

  Lemma mixed_arms_J : J 1 (mixed_arms p c) origin = p.
  Proof. unfold J. simpl arms. rewrite mixed_arms_mean. simpl. ring. Qed.

  (** m = c/p: the bracket of T20 is beta (1 - 2 p) m^2 + m (1 - m). *)
  Lemma mixed_arms_bend alpha :
    objective_bend alpha 1 (mixed_arms p c) origin ahead
    = Rpower (p * (1 - p)) (1 - alpha / 2) * ((1 - alpha / 2) * (1 - 2 * p) * (c / p) ^ 2 + c / p * (1 - c / p)).
  Proof.
    unfold objective_bend. rewrite mixed_arms_J. f_equal.
    unfold logit_slope, variance_right, variance_wrong, mean_right, mean_wrong, conditional, shift. simpl arms.
    rewrite !mixed_arms_mean. unfold dot, ahead, wrong. simpl. field. lra.
  Qed.
End MixedArms.

Lemma two_arms_bend alpha p :
  0 < p < 1 ->
  objective_bend alpha 1 (two_arms p) origin ahead
  = Rpower (p * (1 - p)) (1 - alpha / 2) * ((1 - alpha / 2) * (1 - 2 * p)).
Proof.
  intros inside. unfold objective_bend. rewrite two_arms_J by exact inside. f_equal.
  unfold logit_slope, variance_right, variance_wrong, mean_right, mean_wrong, conditional, shift. simpl arms.
  rewrite !two_arms_mean by exact inside. unfold dot, ahead, wrong. simpl. field. lra.
Qed.

Lemma varies_of_J x p : binary x -> 0 < p < 1 -> J 1 x origin = p -> 0 < sigma 1 x origin.
Proof.
  intros binary_x inside value. apply Rnot_le_lt. intros none. pose proof (sigma_nonneg 1 x origin).
  pose proof (binary_sigma 1 x binary_x origin) as square. rewrite value in square.
  replace (sigma 1 x origin) with 0 in square by lra.
  assert (0 < p * (1 - p)) by (apply Rmult_lt_0_compat; lra). lra.
Qed.

Theorem power_curvature_constant_is_tight alpha F constant :
  0 <= alpha <= 2 -> (forall p, 0 < p < 1 -> is_derive F p (Rpower (p * (1 - p)) (- (alpha / 2)))) ->
  (forall x theta u w, binary x -> 0 < sigma 1 x theta -> step_width_at_most 1 x u w ->
     Rabs (Derive_n (fun s => F (J 1 x (add theta (scale s u)))) 2 0) <= constant * w ^ 2) ->
  power_curvature_constant alpha <= constant.
Proof.
  intros range primitive bound. pose proof (worst_gap_range alpha range) as gap.
  set (beta := 1 - alpha / 2). assert (beta_range : 0 <= beta <= 1) by (unfold beta; lra).
  set (K := worst_gap alpha) in *. set (p := (1 - K) / 2). assert (inside : 0 < p < 1) by (unfold p; lra).
  assert (K_is : 1 - 2 * p = K) by (unfold p; field).
  assert (variance_is : p * (1 - p) = (1 - K ^ 2) / 4) by (unfold p; field).
  assert (met : forall x, binary x -> J 1 x origin = p -> step_width_at_most 1 x ahead 1 ->
    objective_bend alpha 1 x origin ahead <= constant).
  { intros x binary_x value width.
    pose proof (bound x origin ahead 1 binary_x (varies_of_J x p binary_x inside value) width) as at_worst.
    rewrite (objective_second_derivative alpha F primitive 1 x origin ahead binary_x) in at_worst
      by exact (varies_of_J x p binary_x inside value).
    pose proof (Rle_abs (objective_bend alpha 1 x origin ahead)). lra. }
  unfold power_curvature_constant. fold beta K. unfold power_curve. rewrite <- variance_is.
  destruct (Rlt_dec (beta * K) (1 / 2)) as [low|high].
  - set (c := p / (2 * (1 - beta * K))).
    assert (c_inside : 0 < c < p).
    { unfold c. split; [apply Rdiv_lt_0_compat; lra|]. apply Rmult_lt_reg_r with (2 * (1 - beta * K)); [lra|].
      replace (p / (2 * (1 - beta * K)) * (2 * (1 - beta * K))) with (p * 1) by (field; lra).
      apply Rmult_lt_compat_l; lra. }
    rewrite shape_of_small by lra.
    replace (Rpower (p * (1 - p)) beta * (1 / (4 * (1 - beta * K))))
      with (objective_bend alpha 1 (mixed_arms p c) origin ahead).
    + apply met; [intros y _; destruct y; [left|right]; reflexivity|apply mixed_arms_J|apply mixed_arms_width]; lra.
    + rewrite mixed_arms_bend by lra. fold beta. rewrite K_is. f_equal. unfold c. field. lra.
  - rewrite shape_of_large by lra.
    replace (Rpower (p * (1 - p)) beta * (beta * K)) with (objective_bend alpha 1 (two_arms p) origin ahead).
    + apply met; [intros y _; apply two_arms_binary|apply two_arms_J, inside|apply two_arms_width].
    + rewrite two_arms_bend by exact inside. fold beta. rewrite K_is. reflexivity.
Qed.

(** Half of the constant is refused. *)
Corollary half_of_the_constant_is_not_enough alpha F :
  0 <= alpha <= 2 -> (forall p, 0 < p < 1 -> is_derive F p (Rpower (p * (1 - p)) (- (alpha / 2)))) ->
  ~ (forall x theta u w, binary x -> 0 < sigma 1 x theta -> step_width_at_most 1 x u w ->
       Rabs (Derive_n (fun s => F (J 1 x (add theta (scale s u)))) 2 0) <= power_curvature_constant alpha / 2 * w ^ 2).
Proof.
  intros range primitive bound. pose proof (power_curvature_constant_is_tight alpha F _ range primitive bound).
  pose proof (power_curvature_constant_pos alpha range). lra.
Qed.
