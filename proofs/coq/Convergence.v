(** * T6: bounds on the average gradient norm, from the assumptions to the two rates

    Assume (1) the spans of the feature differences of different prompts are orthogonal, (2) exact gradients and steps
    on the sum over prompts, (3) D at least every diameter. With Delta the average of sup J_x - J_x(theta_0), c = STEP
    = ln 2 and c_0 = RATE = 2 ln 2 - 1:

      GRPO,      step 4 c / D^2:               (1/NT) sum |g_x|  <=  sqrt (sigma_bar D^2 Delta / (4 c_0 T))
      REINFORCE, step 4 c / (D^2 sigma_max):   (1/NT) sum |g_x|  <=  sqrt (sigma_max D^2 Delta / (4 c_0 T))

    sigma_bar is the average deviation over the prompts and iterations of the GRPO run, sigma_max is at least every
    deviation of the REINFORCE run. If sigma_max bounds the GRPO run too, GRPO's bound is at most REINFORCE's, and
    smaller if one deviation of that run is below sigma_max.

    Idea: g_x is a combination of prompt x's feature differences, so a step moves prompt x only by its part along g_x.
    By T2 and T3 each GRPO step then raises J_x by at least (4 c_0 / D^2) |g_x|^2 / sigma_x. The gains telescope to at
    most N Delta, and Cauchy-Schwarz turns sum |g|^2 / sigma into sum |g|. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Rcomplements.
From GRPO Require Import Constants Sums Distribution Vectors Policy Line Psi Certificate Deviation.
Open Scope R_scope.

(** ** Numbers *)

Lemma ln2_above_half : 1 / 2 < ln 2.
Proof.
  apply exp_lt_inv. rewrite exp_ln by lra.
  assert (square : exp (1 / 2) * exp (1 / 2) = exp 1) by (rewrite <- exp_plus; f_equal; lra).
  assert (top := exp_le_3). assert (pos := exp_pos (1 / 2)). nra.
Qed.

Lemma STEP_positive : 0 < STEP.
Proof. unfold STEP. assert (low := ln2_above_half). lra. Qed.

Lemma RATE_positive : 0 < RATE.
Proof. unfold RATE. assert (low := ln2_above_half). lra. Qed.

Lemma STEP_UNIT_positive : 0 < STEP_UNIT.
Proof. unfold STEP_UNIT. lra. Qed.

Lemma STEP_UNIT_RATE_positive : 0 < STEP_UNIT * RATE.
Proof. apply Rmult_lt_0_compat; [apply STEP_UNIT_positive|apply RATE_positive]. Qed.

(** The bracket 2 c + 1 - e^c = c - psi c of the proof, at c = STEP. *)
Lemma step_gives_rate : RATE <= STEP - psi STEP.
Proof. unfold RATE, STEP, psi. rewrite exp_ln by lra. lra. Qed.

(** Cauchy and Schwarz in the form used here: f^2 <= a b termwise gives (sum f)^2 <= (sum a) (sum b). *)
Lemma sum_cauchy_schwarz_bounds n f a b :
  (forall i, (i < n)%nat -> 0 <= f i /\ 0 <= a i /\ 0 <= b i /\ f i ^ 2 <= a i * b i) ->
  (sum n f) ^ 2 <= sum n a * sum n b.
Proof.
  intros terms. set (root := fun h (i : nat) => sqrt (h i)).
  assert (below : sum n f <= sum n (fun i => root a i * root b i)).
  { apply sum_le. intros i inside. destruct (terms i inside) as (f_nonneg & a_nonneg & b_nonneg & square).
    unfold root. rewrite <- sqrt_mult by assumption.
    rewrite <- (sqrt_pow2 (f i)) by assumption. apply sqrt_le_1_alt, square. }
  assert (squares : forall h, (forall i, (i < n)%nat -> 0 <= h i) -> sum n (fun i => root h i ^ 2) = sum n h).
  { intros h nonneg. apply sum_ext. intros i inside. apply pow2_sqrt, nonneg, inside. }
  apply Rle_trans with ((sum n (fun i => root a i * root b i)) ^ 2).
  - apply pow_incr. split; [|exact below]. apply sum_nonneg. intros i inside. apply (terms i inside).
  - eapply Rle_trans; [apply sum_cauchy_schwarz|].
    rewrite !squares by (intros i inside; apply (terms i inside)). apply Rle_refl.
Qed.

(** ** One prompt: the gradient lies in the span of the feature differences *)

(** What is orthogonal to every feature difference is orthogonal to the gradient. *)
Lemma gradient_in_span d x theta v :
  (forall y y', (y < arms x)%nat -> (y' < arms x)%nat -> dot d (subtract (feature x y) (feature x y')) v = 0) ->
  dot d (gradient d x theta) v = 0.
Proof.
  intros orthogonal. rewrite gradient_dot, (covariance_shift _ _ _ _ (shift d x v 0)) by apply policy_distribution.
  apply sum_zero. intros y inside. unfold shift.
  rewrite <- dot_subtract_r, (dot_comm d v), orthogonal by (assumption || apply some_arm). ring.
Qed.

(** The update delta moves the logits of prompt x, up to a constant, as k g_x would: all that prompt x sees of it. *)
Definition moves_like_own_step (d : nat) (x : prompt) (theta delta : vector) (k : R) : Prop :=
  forall y y', (y < arms x)%nat -> (y' < arms x)%nat ->
    dot d (subtract (feature x y) (feature x y')) delta
    = k * dot d (subtract (feature x y) (feature x y')) (gradient d x theta).

Section OnePrompt.
  Variables (d : nat) (x : prompt) (D : R) (theta : vector).
  Hypothesis D_positive : 0 < D.
  Hypothesis diameter : diameter_at_most d x D.

  Let g := gradient d x theta.
  Let s := sigma d x theta.

  (** gamma = 2 |g| / (sigma D) is at most 1. *)
  Lemma gradient_norm_slope : norm d g <= SLOPE * s * D.
  Proof.
    destruct (Rle_lt_or_eq_dec 0 (norm d g) (norm_nonneg d g)) as [pos|zero].
    - apply Rmult_le_reg_r with (norm d g); [exact pos|].
      assert (slope := gradient_slope d x theta g (D * norm d g) (step_width_of_diameter d x g D diameter)).
      fold g s in slope. rewrite <- norm_square, Rabs_pos_eq in slope by apply pow2_ge_0.
      replace (SLOPE * s * D * norm d g) with (SLOPE * s * (D * norm d g)) by ring. simpl in slope. lra.
    - rewrite <- zero. assert (s_nonneg := sigma_nonneg d x theta). fold s in s_nonneg. unfold SLOPE.
      apply Rmult_le_pos; [apply Rmult_le_pos|]; lra.
  Qed.

  (** Where the reward does not vary there is no gradient. *)
  Lemma gradient_zero : s = 0 -> norm d g = 0.
  Proof.
    intros zero. assert (slope := gradient_norm_slope). rewrite zero in slope.
    assert (nonneg := norm_nonneg d g). lra.
  Qed.

  Lemma own_step_along delta k : moves_like_own_step d x theta delta k -> dot d g delta = k * norm d g ^ 2.
  Proof.
    intros moves. rewrite norm_square.
    assert (zero : dot d g (subtract delta (scale k g)) = 0).
    { apply gradient_in_span. intros y y' inside inside'.
      rewrite dot_subtract_r, dot_scale_r, moves by assumption. fold g. ring. }
    rewrite dot_subtract_r, dot_scale_r in zero. lra.
  Qed.

  Lemma own_step_width delta k : 0 <= k -> moves_like_own_step d x theta delta k ->
    step_width_at_most d x delta (k * (D * norm d g)).
  Proof.
    intros k_nonneg moves y y' inside inside'.
    replace (dot d delta (feature x y) - dot d delta (feature x y'))
      with (k * (dot d g (feature x y) - dot d g (feature x y'))).
    - apply Rmult_le_compat_l; [exact k_nonneg|].
      exact (step_width_of_diameter d x g D diameter y y' inside inside').
    - rewrite <- !dot_subtract_r, (dot_comm d delta), moves by assumption. f_equal. apply dot_comm.
  Qed.

  (** The GRPO step times rho <= 1 raises J by at least rho (4 c_0 / D^2) |g|^2 / sigma. *)
  Lemma own_step_gain delta rho : 0 < s -> 0 <= rho <= 1 ->
    moves_like_own_step d x theta delta (STEP_UNIT * STEP / D ^ 2 * (rho / s)) ->
    STEP_UNIT * RATE / D ^ 2 * (rho * (norm d g ^ 2 / s)) <= J d x (add theta delta) - J d x theta.
  Proof.
    intros s_positive rho_range moves.
    set (k := STEP_UNIT * STEP / D ^ 2 * (rho / s)) in moves. set (gamma := 2 * norm d g / (s * D)).
    assert (c_positive := STEP_positive). assert (n_nonneg := norm_nonneg d g).
    assert (D2_positive : 0 < D ^ 2) by (apply pow_lt; exact D_positive).
    assert (sD_positive : 0 < s * D) by (apply Rmult_lt_0_compat; assumption).
    assert (k_nonneg : 0 <= k).
    { unfold k, Rdiv, STEP_UNIT. repeat apply Rmult_le_pos; try lra; left; apply Rinv_0_lt_compat; assumption. }
    assert (gamma_nonneg : 0 <= gamma).
    { unfold gamma, Rdiv. apply Rmult_le_pos; [lra|]. left. apply Rinv_0_lt_compat, sD_positive. }
    assert (gamma_at_most_1 : gamma <= 1).
    { assert (slope := gradient_norm_slope). unfold SLOPE in slope. unfold gamma.
      apply Rmult_le_reg_r with (s * D); [exact sD_positive|].
      replace (2 * norm d g / (s * D) * (s * D)) with (2 * norm d g) by (field; lra). lra. }
    assert (bound := certificate d x theta delta _ (own_step_width delta k k_nonneg moves)).
    fold g s in bound. rewrite (own_step_along delta k moves) in bound.
    replace (HALF_WIDTH * (k * (D * norm d g))) with (rho * gamma * STEP) in bound
      by (unfold HALF_WIDTH, k, gamma, STEP_UNIT; field; lra).
    assert (product_range : 0 <= rho * gamma <= 1).
    { split; [apply Rmult_le_pos; lra|]. rewrite <- (Rmult_1_r 1). apply Rmult_le_compat; lra. }
    assert (scaled := psi_scaled (rho * gamma) STEP product_range (Rlt_le _ _ c_positive)).
    assert (remainder := Rmult_le_compat_l s _ _ (Rlt_le _ _ s_positive) scaled).
    apply Rabs_le_between in bound.
    (* both sides in units of sigma gamma^2 rho *)
    set (unit := s * gamma ^ 2 * rho).
    assert (unit_nonneg : 0 <= unit).
    { unfold unit. apply Rmult_le_pos; [apply Rmult_le_pos; [lra|apply pow2_ge_0]|lra]. }
    replace (k * norm d g ^ 2) with (unit * STEP) in bound
      by (unfold k, unit, gamma, STEP_UNIT; field; lra).
    replace (s * ((rho * gamma) ^ 2 * psi STEP)) with (unit * (rho * psi STEP)) in remainder
      by (unfold unit; ring).
    replace (STEP_UNIT * RATE / D ^ 2 * (rho * (norm d g ^ 2 / s))) with (unit * RATE)
      by (unfold unit, gamma, STEP_UNIT; field; lra).
    assert (less : unit * RATE <= unit * (STEP - rho * psi STEP)).
    { apply Rmult_le_compat_l; [exact unit_nonneg|].
      assert (psi STEP * rho <= psi STEP * 1) by (apply Rmult_le_compat_l; [apply psi_nonneg|lra]).
      assert (rate := step_gives_rate). lra. }
    lra.
  Qed.

  (** A prompt whose reward does not vary loses nothing. *)
  Lemma flat_prompt_keeps delta k : s = 0 -> 0 <= k -> moves_like_own_step d x theta delta k ->
    0 <= J d x (add theta delta) - J d x theta.
  Proof.
    intros zero k_nonneg moves.
    assert (bound := certificate d x theta delta _ (own_step_width delta k k_nonneg moves)).
    fold g s in bound. rewrite (own_step_along delta k moves), zero, gradient_zero in bound by exact zero.
    apply Rabs_le_between in bound. lra.
  Qed.
End OnePrompt.

(** ** Many prompts *)

(** theta_0, theta_1, ...: each step is eta times the direction at the point reached. *)
Fixpoint run (direction : vector -> vector) (eta : R) (start : vector) (t : nat) : vector :=
  match t with
  | O => start
  | S before => let theta := run direction eta start before in add theta (scale eta (direction theta))
  end.

(** T6's bound for deviation s (sigma_bar or sigma_max), gap Delta and T iterations; STEP_UNIT * RATE is 4 c_0. *)
Definition gradient_norm_bound (s D Delta : R) (T : nat) : R := sqrt (s * D ^ 2 * Delta / (STEP_UNIT * RATE * INR T)).

Section Prompts.
  Variables (d N : nat) (x : nat -> prompt).

  (** 1/sigma_x, and 0 for a prompt with sigma_x = 0. *)
  Definition group_weight (i : nat) (theta : vector) : R :=
    if Req_EM_T (sigma d (x i) theta) 0 then 0 else / sigma d (x i) theta.

  (** The rule `group`: the sum of g_x / sigma_x. *)
  Definition group_direction (theta : vector) : vector :=
    vector_sum N (fun i => scale (group_weight i theta) (gradient d (x i) theta)).

  (** The rule `none`: the sum of g_x. *)
  Definition none_direction (theta : vector) : vector := vector_sum N (fun i => gradient d (x i) theta).

  Definition grpo_run (D : R) : vector -> nat -> vector := run group_direction (STEP_UNIT * STEP / D ^ 2).

  Definition reinforce_run (D sigma_max : R) : vector -> nat -> vector :=
    run none_direction (STEP_UNIT * STEP / (D ^ 2 * sigma_max)).

  Definition orthogonal_spans : Prop :=
    forall i j, (i < N)%nat -> (j < N)%nat -> i <> j ->
    forall y y' z z', (y < arms (x i))%nat -> (y' < arms (x i))%nat -> (z < arms (x j))%nat -> (z' < arms (x j))%nat ->
    dot d (subtract (feature (x i) y) (feature (x i) y')) (subtract (feature (x j) z) (feature (x j) z')) = 0.

  Definition diameters_at_most (D : R) : Prop := forall i, (i < N)%nat -> diameter_at_most d (x i) D.

  (** [top i] is at least the supremum of J_i, and may be the supremum. *)
  Definition values_at_most (top : nat -> R) : Prop := forall i theta, (i < N)%nat -> J d (x i) theta <= top i.

  (** Delta. *)
  Definition gap (top : nat -> R) (start : vector) : R := sum N (fun i => top i - J d (x i) start) / INR N.

  (** Averages over the prompts and the first T points of a run. *)
  Definition average_gradient_norm (T : nat) (path : nat -> vector) : R :=
    sum T (fun t => sum N (fun i => norm d (gradient d (x i) (path t)))) / (INR N * INR T).

  Definition average_deviation (T : nat) (path : nat -> vector) : R :=
    sum T (fun t => sum N (fun i => sigma d (x i) (path t))) / (INR N * INR T).

  Definition deviations_at_most (sigma_max : R) (T : nat) (path : nat -> vector) : Prop :=
    forall t i, (t < T)%nat -> (i < N)%nat -> sigma d (x i) (path t) <= sigma_max.

  Definition rewards_in_unit_interval : Prop :=
    forall i y, (i < N)%nat -> (y < arms (x i))%nat -> 0 <= reward (x i) y <= 1.

  (** *** Each prompt sees only its own step *)

  Section Directions.
    Hypothesis spans : orthogonal_spans.

    Lemma foreign_gradient theta i j y y' : (i < N)%nat -> (j < N)%nat -> i <> j ->
      (y < arms (x i))%nat -> (y' < arms (x i))%nat ->
      dot d (subtract (feature (x i) y) (feature (x i) y')) (gradient d (x j) theta) = 0.
    Proof.
      intros i_inside j_inside other inside inside'. rewrite dot_comm. apply gradient_in_span.
      intros z z' z_inside z_inside'. rewrite dot_comm. apply spans; assumption.
    Qed.

    Lemma group_moves eta theta i : (i < N)%nat ->
      moves_like_own_step d (x i) theta (scale eta (group_direction theta)) (eta * group_weight i theta).
    Proof.
      intros i_inside y y' inside inside'. unfold group_direction. rewrite dot_scale_r, dot_sum_r.
      rewrite (sum_single N _ i i_inside).
      - rewrite dot_scale_r. ring.
      - intros j j_inside other. rewrite dot_scale_r, foreign_gradient by (congruence || assumption). ring.
    Qed.

    Lemma none_moves eta theta i : (i < N)%nat ->
      moves_like_own_step d (x i) theta (scale eta (none_direction theta)) eta.
    Proof.
      intros i_inside y y' inside inside'. unfold none_direction. rewrite dot_scale_r, dot_sum_r.
      rewrite (sum_single N _ i i_inside); [reflexivity|].
      intros j j_inside other. apply foreign_gradient; congruence || assumption.
    Qed.
  End Directions.

  (** *** From gains to the average gradient norm *)

  Section Average.
    Variables (D : R) (top : nat -> R) (path : nat -> vector) (T : nat).
    Hypothesis D_positive : 0 < D.
    Hypothesis some_prompt : (0 < N)%nat.
    Hypothesis some_step : (0 < T)%nat.
    Hypothesis values : values_at_most top.

    (** [weight t i] is the deviation that divides |g|^2 in the gain of prompt i: sigma_i for GRPO, sigma_max else. *)
    Variable weight : nat -> nat -> R.
    Hypothesis weight_nonneg : forall t i, (t < T)%nat -> (i < N)%nat -> 0 <= weight t i.
    Hypothesis weight_zero : forall t i, (t < T)%nat -> (i < N)%nat -> weight t i = 0 ->
      norm d (gradient d (x i) (path t)) = 0.
    Hypothesis gains : forall t i, (t < T)%nat -> (i < N)%nat ->
      STEP_UNIT * RATE / D ^ 2 * (norm d (gradient d (x i) (path t)) ^ 2 / weight t i)
      <= J d (x i) (path (S t)) - J d (x i) (path t).

    Lemma total_gain :
      sum T (fun t => sum N (fun i => norm d (gradient d (x i) (path t)) ^ 2 / weight t i))
      <= INR N * gap top (path O) * D ^ 2 / (STEP_UNIT * RATE).
    Proof.
      assert (N_positive : 0 < INR N) by (apply lt_0_INR; exact some_prompt).
      assert (unit_positive := STEP_UNIT_RATE_positive).
      set (c := STEP_UNIT * RATE / D ^ 2).
      assert (c_positive : 0 < c) by (apply Rdiv_lt_0_compat; [exact unit_positive|apply pow_lt; exact D_positive]).
      apply Rmult_le_reg_l with c; [exact c_positive|].
      replace (c * (INR N * gap top (path O) * D ^ 2 / (STEP_UNIT * RATE)))
        with (sum N (fun i => top i - J d (x i) (path O)))
        by (unfold c, gap; field; repeat split; try lra; intro zero; rewrite zero in unit_positive; lra).
      apply Rle_trans with (sum N (fun i => sum T (fun t => J d (x i) (path (S t)) - J d (x i) (path t)))).
      - rewrite <- sum_scale, <- sum_swap. apply sum_le. intros t t_inside.
        rewrite <- sum_scale. apply sum_le. intros i i_inside. apply gains; assumption.
      - apply sum_le. intros i i_inside. rewrite (sum_telescope T (fun t => J d (x i) (path t))).
        assert (high := values i (path T) i_inside). lra.
    Qed.

    Lemma average_bound :
      average_gradient_norm T path
      <= gradient_norm_bound (sum T (fun t => sum N (weight t)) / (INR N * INR T)) D (gap top (path O)) T.
    Proof.
      assert (N_positive : 0 < INR N) by (apply lt_0_INR; exact some_prompt).
      assert (T_positive : 0 < INR T) by (apply lt_0_INR; exact some_step).
      assert (unit_positive := STEP_UNIT_RATE_positive).
      set (G := sum T (fun t => sum N (fun i => norm d (gradient d (x i) (path t))))).
      set (W := sum T (fun t => sum N (weight t))).
      set (A := sum T (fun t => sum N (fun i => norm d (gradient d (x i) (path t)) ^ 2 / weight t i))).
      assert (ratio : forall t i, (t < T)%nat -> (i < N)%nat ->
        0 <= norm d (gradient d (x i) (path t)) ^ 2 / weight t i /\
        norm d (gradient d (x i) (path t)) ^ 2 <= norm d (gradient d (x i) (path t)) ^ 2 / weight t i * weight t i).
      { intros t i t_inside i_inside.
        destruct (Rle_lt_or_eq_dec 0 (weight t i) (weight_nonneg t i t_inside i_inside)) as [pos|zero].
        - split; [apply Rmult_le_pos; [apply pow2_ge_0|left; apply Rinv_0_lt_compat, pos]|right; field; lra].
        - rewrite (weight_zero t i) by congruence. unfold Rdiv. split; right; ring. }
      assert (square : G ^ 2 <= A * W).
      { apply sum_cauchy_schwarz_bounds. intros t t_inside.
        repeat split; try (apply sum_nonneg; intros i i_inside).
        - apply norm_nonneg.
        - apply (ratio t i t_inside i_inside).
        - apply weight_nonneg; assumption.
        - apply sum_cauchy_schwarz_bounds. intros i i_inside.
          repeat split; [apply norm_nonneg| |apply weight_nonneg; assumption|]; apply (ratio t i t_inside i_inside). }
      assert (G_nonneg : 0 <= G).
      { apply sum_nonneg. intros t _. apply sum_nonneg. intros i _. apply norm_nonneg. }
      assert (W_nonneg : 0 <= W).
      { apply sum_nonneg. intros t t_inside. apply sum_nonneg. intros i i_inside. apply weight_nonneg; assumption. }
      assert (total : A * W <= INR N * gap top (path O) * D ^ 2 / (STEP_UNIT * RATE) * W).
      { apply Rmult_le_compat_r; [exact W_nonneg|apply total_gain]. }
      unfold average_gradient_norm, gradient_norm_bound. fold G W.
      assert (NT_positive : 0 < INR N * INR T) by (apply Rmult_lt_0_compat; assumption).
      rewrite <- (sqrt_pow2 (G / (INR N * INR T))).
      2: { apply Rmult_le_pos; [exact G_nonneg|left; apply Rinv_0_lt_compat, NT_positive]. }
      apply sqrt_le_1_alt.
      replace (W / (INR N * INR T) * D ^ 2 * gap top (path O) / (STEP_UNIT * RATE * INR T))
        with (INR N * gap top (path O) * D ^ 2 / (STEP_UNIT * RATE) * W / (INR N * INR T) ^ 2).
      2: { field. assert (STEP_UNIT <> 0) by (apply Rgt_not_eq, STEP_UNIT_positive).
           assert (RATE <> 0) by (apply Rgt_not_eq, RATE_positive). lra. }
      unfold Rdiv at 1. rewrite Rpow_mult_distr, pow_inv.
      apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat, pow_lt, NT_positive|]. lra.
    Qed.
  End Average.

  (** *** The two rates *)

  Section Rates.
    Variables (D : R) (top : nat -> R) (start : vector) (T : nat).
    Hypothesis D_positive : 0 < D.
    Hypothesis some_prompt : (0 < N)%nat.
    Hypothesis some_step : (0 < T)%nat.
    Hypothesis spans : orthogonal_spans.
    Hypothesis diameters : diameters_at_most D.
    Hypothesis values : values_at_most top.

    (** The gain of one prompt in one GRPO step. *)
    Lemma grpo_gain i t : (i < N)%nat ->
      STEP_UNIT * RATE / D ^ 2
      * (norm d (gradient d (x i) (grpo_run D start t)) ^ 2 / sigma d (x i) (grpo_run D start t))
      <= J d (x i) (grpo_run D start (S t)) - J d (x i) (grpo_run D start t).
    Proof.
      intros i_inside. set (theta := grpo_run D start t).
      change (grpo_run D start (S t)) with (add theta (scale (STEP_UNIT * STEP / D ^ 2) (group_direction theta))).
      assert (moves := group_moves spans (STEP_UNIT * STEP / D ^ 2) theta i i_inside). unfold group_weight in moves.
      destruct (Req_EM_T (sigma d (x i) theta) 0) as [zero|nonzero].
      - rewrite (gradient_zero d (x i) D theta D_positive (diameters i i_inside) zero). rewrite Rmult_0_r in moves.
        replace (STEP_UNIT * RATE / D ^ 2 * (0 ^ 2 / sigma d (x i) theta)) with 0 by (unfold Rdiv; ring).
        apply (flat_prompt_keeps d (x i) D theta D_positive (diameters i i_inside) _ 0); (lra || assumption).
      - rewrite <- (Rmult_1_l (_ / sigma d (x i) theta)).
        apply own_step_gain; [assumption|apply diameters, i_inside| |lra|].
        + assert (nonneg := sigma_nonneg d (x i) theta). lra.
        + replace (1 / sigma d (x i) theta) with (/ sigma d (x i) theta) by (unfold Rdiv; ring). exact moves.
    Qed.

    Theorem grpo_rate :
      average_gradient_norm T (grpo_run D start)
      <= gradient_norm_bound (average_deviation T (grpo_run D start)) D (gap top start) T.
    Proof.
      apply (average_bound D top (grpo_run D start) T D_positive some_prompt some_step values
        (fun t i => sigma d (x i) (grpo_run D start t))).
      - intros. apply sigma_nonneg.
      - intros t i _ i_inside. apply gradient_zero with D; [exact D_positive|apply diameters, i_inside].
      - intros t i _ i_inside. apply grpo_gain, i_inside.
    Qed.

    Section Reinforce.
      Variable sigma_max : R.
      Hypothesis sigma_max_positive : 0 < sigma_max.

      (** The gain of one prompt in one REINFORCE step. *)
      Lemma reinforce_gain i t : (i < N)%nat -> sigma d (x i) (reinforce_run D sigma_max start t) <= sigma_max ->
        STEP_UNIT * RATE / D ^ 2 * (norm d (gradient d (x i) (reinforce_run D sigma_max start t)) ^ 2 / sigma_max)
        <= J d (x i) (reinforce_run D sigma_max start (S t)) - J d (x i) (reinforce_run D sigma_max start t).
      Proof.
        intros i_inside below. set (theta := reinforce_run D sigma_max start t) in *.
        set (eta := STEP_UNIT * STEP / (D ^ 2 * sigma_max)).
        change (reinforce_run D sigma_max start (S t)) with (add theta (scale eta (none_direction theta))).
        assert (moves := none_moves spans eta theta i i_inside).
        assert (nonneg := sigma_nonneg d (x i) theta).
        destruct (Rle_lt_or_eq_dec 0 _ nonneg) as [positive|zero].
        - set (s := sigma d (x i) theta) in *.
          replace (norm d (gradient d (x i) theta) ^ 2 / sigma_max)
            with (s / sigma_max * (norm d (gradient d (x i) theta) ^ 2 / s)) by (field; lra).
          apply own_step_gain; [assumption|apply diameters, i_inside|exact positive| |].
          + split; [apply Rmult_le_pos; [lra|left; apply Rinv_0_lt_compat; lra]|].
            apply Rmult_le_reg_r with sigma_max; [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
          + replace (STEP_UNIT * STEP / D ^ 2 * (s / sigma_max / sigma d (x i) theta)) with eta; [exact moves|].
            fold s. unfold eta. field. lra.
        - symmetry in zero. rewrite (gradient_zero d (x i) D theta D_positive (diameters i i_inside) zero).
          replace (STEP_UNIT * RATE / D ^ 2 * (0 ^ 2 / sigma_max)) with 0 by (unfold Rdiv; ring).
          apply (flat_prompt_keeps d (x i) D theta D_positive (diameters i i_inside) _ eta); [assumption| |assumption].
          apply Rmult_le_pos.
          + left. apply Rmult_lt_0_compat; [apply STEP_UNIT_positive|apply STEP_positive].
          + left. apply Rinv_0_lt_compat, Rmult_lt_0_compat; [apply pow_lt; exact D_positive|assumption].
      Qed.

      Theorem reinforce_rate :
        deviations_at_most sigma_max T (reinforce_run D sigma_max start) ->
        average_gradient_norm T (reinforce_run D sigma_max start)
        <= gradient_norm_bound sigma_max D (gap top start) T.
      Proof.
        intros below.
        assert (N_positive : 0 < INR N) by (apply lt_0_INR; exact some_prompt).
        assert (T_positive : 0 < INR T) by (apply lt_0_INR; exact some_step).
        replace (gradient_norm_bound sigma_max)
          with (gradient_norm_bound (sum T (fun _ => sum N (fun _ => sigma_max)) / (INR N * INR T)))
          by (f_equal; rewrite !sum_constant; field; lra).
        apply (average_bound D top (reinforce_run D sigma_max start) T D_positive some_prompt some_step values
          (fun _ _ => sigma_max)).
        - intros. lra.
        - intros. lra.
        - intros t i t_inside i_inside. apply reinforce_gain; [exact i_inside|apply below; assumption].
      Qed.
    End Reinforce.

    (** Rewards in [0, 1] allow sigma_max = 1/2 before the run. *)
    Corollary reinforce_rate_a_priori :
      rewards_in_unit_interval ->
      average_gradient_norm T (reinforce_run D A_PRIORI_STD start)
      <= gradient_norm_bound A_PRIORI_STD D (gap top start) T.
    Proof.
      intros rewards. apply reinforce_rate; [unfold A_PRIORI_STD; lra|].
      intros t i _ i_inside. apply a_priori_deviation. intros y. apply rewards, i_inside.
    Qed.
  End Rates.

  (** *** The strict comparison of the two bounds *)

  Section Comparison.
    Variables (D : R) (top : nat -> R) (start : vector) (T : nat) (sigma_max : R).
    Hypothesis D_positive : 0 < D.
    Hypothesis some_prompt : (0 < N)%nat.
    Hypothesis some_step : (0 < T)%nat.
    Hypothesis sigma_max_positive : 0 < sigma_max.

    Lemma gap_nonneg : values_at_most top -> 0 <= gap top start.
    Proof.
      intros values. apply Rmult_le_pos; [|left; apply Rinv_0_lt_compat, lt_0_INR, some_prompt].
      apply sum_nonneg. intros i i_inside. assert (high := values i start i_inside). lra.
    Qed.

    Lemma average_deviation_nonneg path : 0 <= average_deviation T path.
    Proof.
      apply Rmult_le_pos.
      - apply sum_nonneg. intros t _. apply sum_nonneg. intros i _. apply sigma_nonneg.
      - left. apply Rinv_0_lt_compat, Rmult_lt_0_compat; apply lt_0_INR; assumption.
    Qed.

    (** sigma_max - sigma_bar is the average of the differences, so at least any one of them / (N T). *)
    Lemma average_deviation_slack path : deviations_at_most sigma_max T path ->
      forall t i, (t < T)%nat -> (i < N)%nat ->
      (sigma_max - sigma d (x i) (path t)) / (INR N * INR T) <= sigma_max - average_deviation T path.
    Proof.
      intros below t i t_inside i_inside.
      assert (N_positive : 0 < INR N) by (apply lt_0_INR; exact some_prompt).
      assert (T_positive : 0 < INR T) by (apply lt_0_INR; exact some_step).
      replace (sigma_max - average_deviation T path)
        with (sum T (fun t => sum N (fun i => sigma_max - sigma d (x i) (path t))) / (INR N * INR T)).
      - apply Rmult_le_compat_r.
        { left. apply Rinv_0_lt_compat, Rmult_lt_0_compat; assumption. }
        assert (slack : forall t i, (t < T)%nat -> (i < N)%nat -> 0 <= sigma_max - sigma d (x i) (path t)).
        { intros t' i' t_inside' i_inside'. assert (high := below t' i' t_inside' i_inside'). lra. }
        apply Rle_trans with (sum N (fun i => sigma_max - sigma d (x i) (path t))).
        + apply (sum_term_le N (fun i => sigma_max - sigma d (x i) (path t)) i i_inside).
          intros. apply slack; assumption.
        + apply (sum_term_le T (fun t => sum N (fun i => sigma_max - sigma d (x i) (path t))) t t_inside).
          intros. apply sum_nonneg. intros. apply slack; assumption.
      - rewrite (sum_ext T _ (fun t => INR N * sigma_max - sum N (fun i => sigma d (x i) (path t)))).
        2: { intros. rewrite <- sum_constant, <- sum_minus. reflexivity. }
        rewrite (sum_minus T (fun _ => INR N * sigma_max)), sum_constant. unfold average_deviation. field. lra.
    Qed.

    (** The squared bounds are proportional to the deviations: their ratio is sigma_bar / sigma_max. *)
    Lemma squared_bounds path : values_at_most top ->
      gradient_norm_bound (average_deviation T path) D (gap top start) T ^ 2
      = average_deviation T path / sigma_max * gradient_norm_bound sigma_max D (gap top start) T ^ 2.
    Proof.
      intros values. assert (gap_nonneg := gap_nonneg values). assert (s_nonneg := average_deviation_nonneg path).
      assert (T_positive : 0 < INR T) by (apply lt_0_INR; exact some_step).
      assert (unit_positive : 0 < STEP_UNIT * RATE * INR T).
      { apply Rmult_lt_0_compat; [apply STEP_UNIT_RATE_positive|exact T_positive]. }
      assert (inside : forall s, 0 <= s -> 0 <= s * D ^ 2 * gap top start / (STEP_UNIT * RATE * INR T)).
      { intros s nonneg. apply Rmult_le_pos; [|left; apply Rinv_0_lt_compat, unit_positive].
        apply Rmult_le_pos; [apply Rmult_le_pos; [exact nonneg|apply pow2_ge_0]|exact gap_nonneg]. }
      unfold gradient_norm_bound. rewrite !pow2_sqrt by (apply inside; lra). field.
      repeat split; try lra; intro zero; rewrite zero in unit_positive; lra.
    Qed.

    (** If sigma_max bounds the GRPO run too, GRPO's bound is at most REINFORCE's; strictly smaller if one deviation of
        that run is smaller than sigma_max and there is something to gain. *)
    Theorem strict_comparison :
      values_at_most top ->
      deviations_at_most sigma_max T (grpo_run D start) ->
      average_deviation T (grpo_run D start) / sigma_max <= 1 /\
      gradient_norm_bound (average_deviation T (grpo_run D start)) D (gap top start) T
      <= gradient_norm_bound sigma_max D (gap top start) T /\
      ((exists t i, (t < T)%nat /\ (i < N)%nat /\ sigma d (x i) (grpo_run D start t) < sigma_max) ->
       average_deviation T (grpo_run D start) / sigma_max < 1 /\
       (0 < gap top start ->
        gradient_norm_bound (average_deviation T (grpo_run D start)) D (gap top start) T
        < gradient_norm_bound sigma_max D (gap top start) T)).
    Proof.
      intros values below. set (path := grpo_run D start) in *.
      assert (N_positive : 0 < INR N) by (apply lt_0_INR; exact some_prompt).
      assert (T_positive : 0 < INR T) by (apply lt_0_INR; exact some_step).
      assert (NT_positive : 0 < / (INR N * INR T)) by (apply Rinv_0_lt_compat, Rmult_lt_0_compat; assumption).
      assert (gap_nonneg := gap_nonneg values). assert (s_nonneg := average_deviation_nonneg path).
      assert (D2_positive : 0 < D ^ 2) by (apply pow_lt; exact D_positive).
      assert (unit_positive : 0 < / (STEP_UNIT * RATE * INR T)).
      { apply Rinv_0_lt_compat, Rmult_lt_0_compat; [apply STEP_UNIT_RATE_positive|exact T_positive]. }
      assert (at_most : average_deviation T path <= sigma_max).
      { assert (slack := average_deviation_slack path below O O some_step some_prompt).
        assert (first := below O O some_step some_prompt).
        assert (0 <= (sigma_max - sigma d (x O) (path O)) / (INR N * INR T)) by (apply Rmult_le_pos; lra). lra. }
      split; [|split].
      - apply Rmult_le_reg_r with sigma_max; [assumption|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
      - apply sqrt_le_1_alt, Rmult_le_compat_r; [lra|].
        apply Rmult_le_compat_r; [exact gap_nonneg|]. apply Rmult_le_compat_r; lra.
      - intros (t & i & t_inside & i_inside & smaller).
        assert (less : average_deviation T path < sigma_max).
        { assert (slack := average_deviation_slack path below t i t_inside i_inside).
          assert (0 < (sigma_max - sigma d (x i) (path t)) / (INR N * INR T)) by (apply Rmult_lt_0_compat; lra). lra. }
        split.
        + apply Rmult_lt_reg_r with sigma_max; [assumption|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
        + intros gap_positive. apply sqrt_lt_1_alt. split.
          * apply Rmult_le_pos; [|lra]. apply Rmult_le_pos; [apply Rmult_le_pos; lra|exact gap_nonneg].
          * apply Rmult_lt_compat_r; [lra|].
            apply Rmult_lt_compat_r; [exact gap_positive|]. apply Rmult_lt_compat_r; lra.
    Qed.
  End Comparison.

  (** Rewards in [0, 1]: sigma_max = 1/2 bounds the deviations of every run, and 1 every value, so that the assumptions
      of the comparison can always be met. *)
  Lemma a_priori_deviations T path : rewards_in_unit_interval -> deviations_at_most A_PRIORI_STD T path.
  Proof.
    intros rewards t i _ i_inside. apply a_priori_deviation. intros y. apply rewards, i_inside.
  Qed.

  Lemma a_priori_values : rewards_in_unit_interval -> values_at_most (fun _ => 1).
  Proof.
    intros rewards i theta i_inside. apply (mean_between _ _ _ 0 1 (policy_distribution d (x i) theta)).
    intros y. apply rewards, i_inside.
  Qed.
End Prompts.
