(** * T15: the rates are the algorithms' own

    Exact gradients, rewards 0 or 1, the rule g/sigma^alpha at a constant step eta on the sum, beta = 1 - alpha/2,
    h = eta D^2, o = p/(1-p), quarter = (1/4)^beta. For every prompt where spans are orthogonal, 0 <= alpha < 2:

      o_0^beta + beta a p_0^(2 beta) t  <=  o_t^beta  <=  o_0^beta + (e^(beta h quarter) - 1)/quarter t,

    a = eta m^2 (1 - h quarter/8), m the margin between right and wrong features; at alpha = 2 o_t lies between
    o_0 e^(a t) and o_0 e^(h t). For the mean failure rate of N prompts, whatever their overlap:

      mean_t^(-beta) <= mean_0^(-beta) + (e^(beta h N) - 1) t.

    Idea. By T19 a step of width w changes log-odds by at most w <= h (pq)^beta, and raises them by at least
    a (pq)^beta along the prompt's own gradient. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Constants Increase Sums Distribution Vectors Policy Psi Line Curvature Deviation Certificate.
From GRPO Require Import Arcsine Convergence TwoArmFlow BinaryCurvature LogOdds.
Open Scope R_scope.

(** ** Numbers *)

Lemma exp_below_line_to c top x : 0 < top -> 0 <= x <= top -> exp (c * x) - 1 <= x * ((exp (c * top) - 1) / top).
Proof.
  intros positive [low high].
  assert (fraction : 0 <= x / top <= 1).
  { split; [apply Rdiv_le_0_compat; lra|]. apply Rmult_le_reg_r with top; [exact positive|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
  pose proof (exp_below_chord (x / top) (c * top) fraction) as chord.
  replace (x / top * (c * top)) with (c * x) in chord by (field; lra).
  replace (x * ((exp (c * top) - 1) / top)) with (x / top * (exp (c * top) - 1)) by (field; lra). lra.
Qed.

Definition odds (p : R) : R := p / (1 - p).

Lemma odds_pos p : 0 < p < 1 -> 0 < odds p.
Proof. intros inside. apply Rdiv_lt_0_compat; lra. Qed.

Section Power.
  Variable beta : R.
  Hypothesis beta_nonneg : 0 <= beta.

  Definition quarter : R := Rpower (1 / 4) beta.

  Lemma quarter_pos : 0 < quarter.
  Proof. apply exp_pos. Qed.

  Lemma variance_power_le p : 0 < p < 1 -> 0 < Rpower (p * (1 - p)) beta <= quarter.
  Proof.
    intros inside. split; [apply exp_pos|]. apply Rle_Rpower_l; [exact beta_nonneg|]. split.
    - apply Rmult_lt_0_compat; lra.
    - pose proof (pow2_ge_0 (p - 1 / 2)). lra.
  Qed.

  (** o^beta (pq)^beta = (p^2)^beta. *)
  Lemma odds_power_times p : 0 < p < 1 -> Rpower (odds p) beta * Rpower (p * (1 - p)) beta = Rpower (p ^ 2) beta.
  Proof.
    intros inside. rewrite Rpower_mult_distr; [f_equal; unfold odds; field; lra|apply odds_pos, inside|].
    apply Rmult_lt_0_compat; lra.
  Qed.

  Lemma power_below_one p : 0 < p <= 1 -> Rpower p beta <= 1.
  Proof.
    intros inside. replace 1 with (Rpower 1 beta) by (unfold Rpower; rewrite ln_1, Rmult_0_r; apply exp_0). apply Rle_Rpower_l; [exact beta_nonneg|exact inside].
  Qed.

  (** One step of the odds, from a bound on the move of the log-odds. *)
  Lemma odds_step_up p p' h :
    0 < p < 1 -> 0 <= h -> log_odds_of p' - log_odds_of p <= h * Rpower (p * (1 - p)) beta ->
    Rpower (odds p') beta <= Rpower (odds p) beta + (exp (beta * h * quarter) - 1) / quarter.
  Proof.
    intros inside h_nonneg move. pose proof (variance_power_le p inside) as range.
    set (v := Rpower (p * (1 - p)) beta) in *.
    change (Rpower (odds p') beta) with (exp (beta * log_odds_of p')).
    assert (grown : exp (beta * log_odds_of p') <= Rpower (odds p) beta * exp (beta * h * v)).
    { change (Rpower (odds p) beta) with (exp (beta * log_odds_of p)). rewrite <- exp_plus.
      assert (le : beta * log_odds_of p' <= beta * log_odds_of p + beta * h * v).
      { pose proof (Rmult_le_compat_l _ _ _ beta_nonneg move). lra. }
      destruct (Rle_lt_or_eq_dec _ _ le) as [less|same]; [left; apply exp_increasing, less|right; f_equal; exact same]. }
    eapply Rle_trans; [exact grown|].
    pose proof (exp_below_line_to (beta * h) quarter v quarter_pos ltac:(lra)) as chord.
    assert (odds_power_pos : 0 < Rpower (odds p) beta) by apply exp_pos.
    apply (Rmult_le_compat_l (Rpower (odds p) beta)) in chord; [|lra].
    rewrite <- Rmult_assoc in chord. unfold v in chord at 2. rewrite odds_power_times in chord by exact inside.
    assert (small : Rpower (p ^ 2) beta <= 1).
    { apply power_below_one. split; [apply pow_lt; lra|]. simpl. rewrite Rmult_1_r.
      apply Rle_trans with (1 * 1); [apply Rmult_le_compat|]; lra. }
    assert (slope_nonneg : 0 <= (exp (beta * h * quarter) - 1) / quarter).
    { apply Rdiv_le_0_compat; [|apply quarter_pos].
      pose proof (exp_above_tangent (beta * h * quarter)).
      assert (0 <= beta * h * quarter) by (apply Rmult_le_pos; [apply Rmult_le_pos; assumption|left; apply quarter_pos]).
      lra. }
    apply (Rmult_le_compat_r _ _ _ slope_nonneg) in small. lra.
  Qed.

  Lemma odds_step_down p p' p0 a :
    0 < p0 <= p -> p < 1 -> 0 <= a -> a * Rpower (p * (1 - p)) beta <= log_odds_of p' - log_odds_of p ->
    Rpower (odds p) beta + beta * a * Rpower (p0 ^ 2) beta <= Rpower (odds p') beta.
  Proof.
    intros [p0_pos above] below a_nonneg move. assert (inside : 0 < p < 1) by lra.
    set (v := Rpower (p * (1 - p)) beta) in *.
    assert (grown : Rpower (odds p) beta * exp (beta * a * v) <= Rpower (odds p') beta).
    { change (Rpower (odds p') beta) with (exp (beta * log_odds_of p')).
      change (Rpower (odds p) beta) with (exp (beta * log_odds_of p)). rewrite <- exp_plus.
      assert (le : beta * log_odds_of p + beta * a * v <= beta * log_odds_of p').
      { pose proof (Rmult_le_compat_l _ _ _ beta_nonneg move). lra. }
      destruct (Rle_lt_or_eq_dec _ _ le) as [less|same]; [left; apply exp_increasing, less|right; f_equal; exact same]. }
    eapply Rle_trans; [|exact grown].
    assert (odds_power_pos : 0 < Rpower (odds p) beta) by apply exp_pos.
    pose proof (Rmult_le_compat_l _ _ _ (Rlt_le _ _ odds_power_pos) (exp_above_tangent (beta * a * v))) as tangent.
    eapply Rle_trans; [|exact tangent].
    replace (Rpower (odds p) beta * (1 + beta * a * v)) with
      (Rpower (odds p) beta + beta * a * (Rpower (odds p) beta * v)) by ring.
    unfold v. rewrite odds_power_times by exact inside. apply Rplus_le_compat_l.
    apply Rmult_le_compat_l; [apply Rmult_le_pos; assumption|].
    apply Rle_Rpower_l; [exact beta_nonneg|]. split; [apply pow_lt, p0_pos|]. apply pow_incr. lra.
  Qed.
End Power.

(** ** One prompt and one step *)

Section OneStep.
  Variables (d : nat) (x : prompt) (theta delta : vector) (D eta alpha : R).
  Hypothesis right_or_wrong : binary x.
  Hypothesis sigma_pos : 0 < sigma d x theta.
  Hypothesis D_pos : 0 < D.
  Hypothesis diameter : diameter_at_most d x D.
  Hypothesis eta_nonneg : 0 <= eta.
  Hypothesis alpha_le : alpha <= 2.

  Let beta := 1 - alpha / 2.
  Let p := J d x theta.
  Let v := Rpower (p * (1 - p)) beta.

  Hypothesis moves : moves_like_own_step d x theta delta (eta / Rpower (sigma d x theta) alpha).

  (** sigma^2/sigma^alpha = (pq)^beta. *)
  Lemma variance_over_power : sigma d x theta ^ 2 / Rpower (sigma d x theta) alpha = v.
  Proof.
    unfold v, p. rewrite <- binary_sigma by exact right_or_wrong.
    rewrite <- (Rpower_pow 2 (sigma d x theta)) by exact sigma_pos.
    rewrite Rpower_mult. unfold Rdiv. rewrite <- Rpower_Ropp, <- Rpower_plus. f_equal. unfold beta. simpl. field.
  Qed.

  (** |g| <= D sigma^2. *)
  Lemma gradient_norm_variance : norm d (gradient d x theta) <= D * sigma d x theta ^ 2.
  Proof.
    set (g := gradient d x theta).
    destruct (Rle_lt_or_eq_dec 0 (norm d g) (norm_nonneg d g)) as [positive|zero].
    - pose proof (binary_gradient_slope d x right_or_wrong theta g _ (step_width_of_diameter d x g D diameter)) as slope.
      fold g in slope. rewrite <- norm_square, Rabs_pos_eq in slope by apply pow2_ge_0.
      apply Rmult_le_reg_r with (norm d g); [exact positive|]. simpl in *. lra.
    - rewrite <- zero. apply Rmult_le_pos; [lra|apply pow2_ge_0].
  Qed.

  Let k_nonneg : 0 <= eta / Rpower (sigma d x theta) alpha.
  Proof. apply Rdiv_le_0_compat; [exact eta_nonneg|apply exp_pos]. Qed.

  Lemma move_at_most : Rabs (log_odds_at d x (add theta delta) - log_odds_at d x theta) <= eta * D ^ 2 * v.
  Proof.
    eapply Rle_trans.
    - apply (log_odds_move d x right_or_wrong theta delta _ sigma_pos).
      apply (own_step_width d x D theta diameter delta _ k_nonneg moves).
    - rewrite <- variance_over_power.
      replace (eta * D ^ 2 * (sigma d x theta ^ 2 / Rpower (sigma d x theta) alpha))
        with (eta / Rpower (sigma d x theta) alpha * (D * (D * sigma d x theta ^ 2)))
        by (field; apply Rgt_not_eq, exp_pos).
      apply Rmult_le_compat_l; [exact k_nonneg|]. apply Rmult_le_compat_l; [lra|]. apply gradient_norm_variance.
  Qed.

  Variable m : R.
  Hypothesis m_nonneg : 0 <= m.
  Hypothesis gap_at_least : m <= gap_norm_at d x theta.
  Hypothesis small_step : eta * D ^ 2 * quarter beta <= 8.

  Lemma move_at_least :
    eta * m ^ 2 * (1 - eta * D ^ 2 * quarter beta / 8) * v <= log_odds_at d x (add theta delta) - log_odds_at d x theta.
  Proof.
    pose proof (own_step_log_odds_gain d x right_or_wrong theta delta D _ sigma_pos diameter k_nonneg moves) as gain.
    eapply Rle_trans; [|exact gain].
    set (s := Rpower (sigma d x theta) alpha). assert (s_pos : 0 < s) by apply exp_pos.
    replace (gap_norm_at d x theta ^ 2 * sigma d x theta ^ 2 * (eta / s) * (1 - eta / s * D ^ 2 * sigma d x theta ^ 2 / 8))
      with (eta * gap_norm_at d x theta ^ 2 * (1 - eta * D ^ 2 * (sigma d x theta ^ 2 / s) / 8) * (sigma d x theta ^ 2 / s))
      by (field; lra).
    unfold s. rewrite variance_over_power.
    assert (range : 0 < v <= quarter beta).
    { apply variance_power_le; [unfold beta; lra|]. apply pass_rate_inside; assumption. }
    apply Rmult_le_compat_r; [lra|].
    assert (h_nonneg : 0 <= eta * D ^ 2) by (apply Rmult_le_pos; [exact eta_nonneg|apply pow2_ge_0]).
    pose proof (Rmult_le_compat_l _ _ _ h_nonneg (proj2 range)).
    apply Rmult_le_compat; [apply Rmult_le_pos; [exact eta_nonneg|apply pow2_ge_0]|lra| |lra].
    apply Rmult_le_compat_l; [exact eta_nonneg|]. apply pow_incr. lra.
  Qed.
End OneStep.

(** ** The margin *)

(** Every mean of right features is at least m away from every mean of wrong ones. *)
Definition margin_at_least (d : nat) (x : prompt) (m : R) : Prop :=
  forall a b, is_distribution (arms x) a -> is_distribution (arms x) b ->
  (forall y, (y < arms x)%nat -> reward x y = 0 -> a y = 0) ->
  (forall y, (y < arms x)%nat -> reward x y = 1 -> b y = 0) ->
  m <= norm d (subtract (vector_sum (arms x) (fun y => scale (a y) (feature x y)))
                        (vector_sum (arms x) (fun y => scale (b y) (feature x y)))).

Lemma margin_le_gap d x theta m :
  binary x -> 0 < sigma d x theta -> margin_at_least d x m -> m <= gap_norm_at d x theta.
Proof.
  intros right_or_wrong sigma_pos margin.
  pose proof (pass_rate_inside d x theta right_or_wrong sigma_pos) as inside.
  set (p := policy d x theta). set (P := J d x theta) in *.
  set (a := fun y => p y * reward x y / P). set (b := fun y => p y * (1 - reward x y) / (1 - P)).
  set (Delta := subtract (vector_sum (arms x) (fun y => scale (a y) (feature x y)))
                         (vector_sum (arms x) (fun y => scale (b y) (feature x y)))).
  assert (total_right : sum (arms x) (fun y => p y * reward x y) = P) by reflexivity.
  assert (total_wrong : sum (arms x) (fun y => p y * (1 - reward x y)) = 1 - P)
    by (apply (mean_of_wrong d x theta)).
  assert (wrong_mass : mean (arms x) p (wrong x) = 1 - P) by (apply (mean_of_wrong d x theta)).
  assert (p_pos : forall y, 0 < p y) by (intros; apply policy_pos).
  assert (a_distribution : is_distribution (arms x) a).
  { split.
    - intros y inside_y. apply Rdiv_le_0_compat; [|lra]. apply Rmult_le_pos; [left; apply p_pos|].
      destruct (right_or_wrong y inside_y) as [-> | ->]; lra.
    - unfold a, Rdiv. rewrite sum_scale_r, total_right. field. lra. }
  assert (b_distribution : is_distribution (arms x) b).
  { split.
    - intros y inside_y. apply Rdiv_le_0_compat; [|lra]. apply Rmult_le_pos; [left; apply p_pos|].
      destruct (right_or_wrong y inside_y) as [-> | ->]; lra.
    - unfold b, Rdiv. rewrite sum_scale_r, total_wrong. field. lra. }
  assert (far : m <= norm d Delta).
  { apply margin; [exact a_distribution|exact b_distribution| |].
    - intros y _ wrong_y. unfold a. rewrite wrong_y. field. lra.
    - intros y _ right_y. unfold b. rewrite right_y. field. lra. }
  assert (slope : forall u, dot d Delta u = logit_slope d x theta u).
  { intros u. unfold Delta. rewrite dot_subtract_l, !dot_sum_l.
    unfold logit_slope, mean_right, mean_wrong, conditional. fold p. rewrite wrong_mass.
    change (mean (arms x) p (reward x)) with P. unfold mean, Rdiv. rewrite <- !sum_scale_r.
    apply f_equal2; apply sum_ext; intros y _; rewrite dot_scale_l, (dot_comm d (feature x y));
      unfold shift, a, b, wrong; field; lra. }
  set (g := gradient d x theta).
  assert (along : dot d g Delta = sigma d x theta ^ 2 * norm d Delta ^ 2).
  { unfold g. rewrite (gradient_of_odds d x theta Delta right_or_wrong sigma_pos), <- slope, norm_square. reflexivity. }
  pose proof (dot_le_norms d g Delta) as schwarz. rewrite along in schwarz.
  pose proof (Rle_abs (sigma d x theta ^ 2 * norm d Delta ^ 2)) as absolute.
  pose proof (pow_lt _ 2 sigma_pos) as variance_pos.
  apply Rle_trans with (norm d Delta); [exact far|]. unfold gap_norm_at. fold g.
  apply Rmult_le_reg_r with (sigma d x theta ^ 2); [exact variance_pos|].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  destruct (Rle_lt_or_eq_dec 0 (norm d Delta) (norm_nonneg d Delta)) as [positive|zero].
  - apply Rmult_le_reg_r with (norm d Delta); [exact positive|]. simpl in *. lra.
  - rewrite <- zero, Rmult_0_l. apply norm_nonneg.
Qed.

(** ** The run of a rule *)

Section Run.
  Variables (d N : nat) (x : nat -> prompt) (alpha eta D : R) (start : vector).
  Hypothesis binary_prompts : forall i, (i < N)%nat -> binary (x i).
  Hypothesis D_pos : 0 < D.
  Hypothesis diameters : diameters_at_most d N x D.
  Hypothesis eta_nonneg : 0 <= eta.

  Let beta := 1 - alpha / 2.
  Let h := eta * D ^ 2.

  (** 1/sigma^alpha, and 0 for a prompt with sigma = 0. *)
  Definition power_weight (i : nat) (theta : vector) : R :=
    if Req_EM_T (sigma d (x i) theta) 0 then 0 else / Rpower (sigma d (x i) theta) alpha.

  Definition power_direction (theta : vector) : vector :=
    vector_sum N (fun i => scale (power_weight i theta) (gradient d (x i) theta)).

  Definition power_run : nat -> vector := run power_direction eta start.

  Let path := power_run.
  Let rate (i t : nat) : R := J d (x i) (path t).

  Section Orthogonal.
    Hypothesis spans : orthogonal_spans d N x.
    Hypothesis alpha_le : alpha <= 2.
    Variable i : nat.
    Hypothesis inside : (i < N)%nat.
    Hypothesis varies : 0 < sigma d (x i) start.

    Let beta_nonneg : 0 <= beta.
    Proof. unfold beta. lra. Qed.

    Lemma varies_along t : 0 < sigma d (x i) (path t).
    Proof. apply (sigma_pos_everywhere d (x i) (binary_prompts i inside) start), varies. Qed.

    Lemma rate_inside t : 0 < rate i t < 1.
    Proof. apply pass_rate_inside; [apply binary_prompts, inside|apply varies_along]. Qed.

    Lemma power_moves t :
      moves_like_own_step d (x i) (path t) (scale eta (power_direction (path t)))
        (eta / Rpower (sigma d (x i) (path t)) alpha).
    Proof.
      intros y y' inside_y inside_y'. unfold power_direction. rewrite dot_scale_r, dot_sum_r.
      rewrite (sum_single N _ i inside).
      - rewrite dot_scale_r. unfold power_weight.
        destruct (Req_EM_T (sigma d (x i) (path t)) 0) as [zero|_].
        + pose proof (varies_along t). lra.
        + unfold Rdiv. ring.
      - intros j j_inside other.
        rewrite dot_scale_r, (foreign_gradient d N x spans) with (i := i) by (congruence || assumption). ring.
    Qed.

    Lemma move_up t : log_odds_of (rate i (S t)) - log_odds_of (rate i t) <= h * Rpower (rate i t * (1 - rate i t)) beta.
    Proof.
      pose proof (move_at_most d (x i) (path t) (scale eta (power_direction (path t))) D eta alpha
        (binary_prompts i inside) (varies_along t) D_pos (diameters i inside) eta_nonneg (power_moves t)) as move.
      apply Rabs_le_between in move. apply move.
    Qed.

    (** No faster. *)
    Theorem odds_no_faster t :
      alpha < 2 ->
      Rpower (odds (rate i t)) beta
      <= Rpower (odds (rate i 0)) beta + (exp (beta * h * quarter beta) - 1) / quarter beta * INR t.
    Proof.
      intros _. induction t as [|t IH]; [simpl; lra|].
      assert (h_nonneg : 0 <= h) by (apply Rmult_le_pos; [exact eta_nonneg|apply pow2_ge_0]).
      pose proof (odds_step_up beta beta_nonneg (rate i t) (rate i (S t)) h (rate_inside t) h_nonneg (move_up t)).
      rewrite S_INR. lra.
    Qed.

    Theorem log_odds_no_faster t : alpha = 2 -> log_odds_of (rate i t) <= log_odds_of (rate i 0) + h * INR t.
    Proof.
      intros two. induction t as [|t IH]; [simpl; lra|].
      pose proof (move_up t) as move. replace beta with 0 in move by (unfold beta; rewrite two; field).
      rewrite Rpower_O in move by (pose proof (rate_inside t); apply Rmult_lt_0_compat; lra).
      rewrite S_INR. lra.
    Qed.

    Variable m : R.
    Hypothesis m_nonneg : 0 <= m.
    Hypothesis margin : margin_at_least d (x i) m.
    Hypothesis small_step : h * quarter beta <= 8.

    Let a := eta * m ^ 2 * (1 - h * quarter beta / 8).

    Let a_nonneg : 0 <= a.
    Proof. apply Rmult_le_pos; [apply Rmult_le_pos; [exact eta_nonneg|apply pow2_ge_0]|lra]. Qed.

    Lemma move_down t : a * Rpower (rate i t * (1 - rate i t)) beta <= log_odds_of (rate i (S t)) - log_odds_of (rate i t).
    Proof.
      apply (move_at_least d (x i) (path t) (scale eta (power_direction (path t))) D eta alpha
        (binary_prompts i inside) (varies_along t) (diameters i inside) eta_nonneg alpha_le (power_moves t)).
      - exact m_nonneg.
      - apply margin_le_gap; [apply binary_prompts, inside|apply varies_along|exact margin].
      - exact small_step.
    Qed.

    (** The pass rate never falls. *)
    Lemma rate_rises t : rate i 0 <= rate i t.
    Proof.
      induction t as [|t IH]; [lra|]. apply Rle_trans with (rate i t); [exact IH|].
      rewrite <- (logistic_of_log_odds (rate i t)), <- (logistic_of_log_odds (rate i (S t))) by apply rate_inside.
      apply logistic_monotone. pose proof (move_down t) as move.
      assert (0 <= a * Rpower (rate i t * (1 - rate i t)) beta); [|lra].
      apply Rmult_le_pos; [exact a_nonneg|left; apply exp_pos].
    Qed.

    (** No slower. *)
    Theorem odds_no_slower t :
      alpha < 2 ->
      Rpower (odds (rate i 0)) beta + beta * a * Rpower (rate i 0 ^ 2) beta * INR t <= Rpower (odds (rate i t)) beta.
    Proof.
      intros _. induction t as [|t IH]; [simpl; lra|].
      pose proof (rate_inside 0). pose proof (rate_inside t). pose proof (rate_rises t).
      pose proof (odds_step_down beta beta_nonneg (rate i t) (rate i (S t)) (rate i 0) a ltac:(lra) ltac:(lra) a_nonneg
        (move_down t)).
      rewrite S_INR. lra.
    Qed.

    Theorem log_odds_no_slower t : alpha = 2 -> log_odds_of (rate i 0) + a * INR t <= log_odds_of (rate i t).
    Proof.
      intros two. induction t as [|t IH]; [simpl; lra|].
      pose proof (move_down t) as move. replace beta with 0 in move by (unfold beta; rewrite two; field).
      rewrite Rpower_O in move by (pose proof (rate_inside t); apply Rmult_lt_0_compat; lra).
      rewrite S_INR. lra.
    Qed.
  End Orthogonal.

  (** *** Whatever the overlap: the mean over prompts *)

  Section Overlap.
    Hypothesis alpha_range : 0 <= alpha < 2.
    Hypothesis some_prompt : (0 < N)%nat.

    Let failure (i t : nat) : R := 1 - rate i t.
    Definition mean_failure (t : nat) : R := sum N (fun i => 1 - J d (x i) (power_run t)) / INR N.
    Let power (q : R) : R := if Rlt_dec 0 q then Rpower q beta else 0.

    Let beta_range : 0 < beta <= 1.
    Proof. unfold beta. lra. Qed.

    Let N_pos : 0 < INR N.
    Proof. apply lt_0_INR, some_prompt. Qed.

    Let failure_between i t : (i < N)%nat -> 0 <= failure i t <= 1.
    Proof. intros inside. pose proof (binary_J d (x i) (binary_prompts i inside) (path t)). unfold failure, rate. lra. Qed.

    (** q^beta lies below its tangent at c. *)
    Lemma power_below_tangent c q : 0 < c -> 0 <= q -> power q <= Rpower c beta * (1 - beta + beta * (q / c)).
    Proof.
      intros c_pos nonneg. unfold power. pose proof (exp_pos (beta * ln c)) as power_pos.
      change (exp (beta * ln c)) with (Rpower c beta) in power_pos.
      destruct (Rlt_dec 0 q) as [positive|none].
      - assert (fraction : 0 < q / c) by (apply Rdiv_lt_0_compat; assumption).
        assert (parts : Rpower c beta * Rpower (q / c) beta = Rpower q beta).
        { rewrite (Rpower_mult_distr c (q / c) beta c_pos fraction). replace (c * (q / c)) with q by (field; lra). reflexivity. }
        rewrite <- parts.
        apply Rmult_le_compat_l; [lra|]. unfold Rpower.
        pose proof (exp_below_chord beta (ln (q / c)) ltac:(lra)) as chord. rewrite exp_ln in chord by exact fraction.
        exact chord.
      - apply Rmult_le_pos; [lra|]. replace q with 0 by lra. unfold Rdiv. rewrite Rmult_0_l. lra.
    Qed.

    (** Jensen. *)
    Lemma sum_of_powers t : 0 < mean_failure t -> sum N (fun i => power (failure i t)) <= INR N * Rpower (mean_failure t) beta.
    Proof.
      intros positive.
      apply Rle_trans with (sum N (fun i => Rpower (mean_failure t) beta * (1 - beta + beta * (failure i t / mean_failure t)))).
      - apply sum_le. intros i inside. apply power_below_tangent; [exact positive|]. apply failure_between, inside.
      - right. rewrite sum_scale, sum_plus, sum_constant, sum_scale. unfold Rdiv at 1. rewrite sum_scale_r.
        assert (total : sum N (fun i => failure i t) = mean_failure t * INR N).
        { change (mean_failure t) with (sum N (fun i => failure i t) / INR N). field. apply Rgt_not_eq, N_pos. }
        rewrite total. field. lra.
    Qed.

    (** Each prompt pushes every other by at most h q^beta. *)
    Lemma weighted_gradient_le i t :
      (i < N)%nat -> power_weight i (path t) * norm d (gradient d (x i) (path t)) <= D * power (failure i t).
    Proof.
      intros inside. unfold power_weight. destruct (Req_EM_T (sigma d (x i) (path t)) 0) as [zero|other].
      - rewrite Rmult_0_l. apply Rmult_le_pos; [lra|]. unfold power. destruct (Rlt_dec 0 _); [left; apply exp_pos|lra].
      - pose proof (sigma_nonneg d (x i) (path t)) as nonneg. assert (positive : 0 < sigma d (x i) (path t)) by lra.
        pose proof (pass_rate_inside d (x i) (path t) (binary_prompts i inside) positive) as between.
        assert (inverse_pos : 0 < / Rpower (sigma d (x i) (path t)) alpha) by apply Rinv_0_lt_compat, exp_pos.
        apply Rle_trans with (/ Rpower (sigma d (x i) (path t)) alpha * (D * sigma d (x i) (path t) ^ 2)).
        + apply Rmult_le_compat_l; [lra|]. apply gradient_norm_variance; auto.
        + replace (/ Rpower (sigma d (x i) (path t)) alpha * (D * sigma d (x i) (path t) ^ 2))
            with (D * (sigma d (x i) (path t) ^ 2 / Rpower (sigma d (x i) (path t)) alpha)) by (unfold Rdiv; ring).
          rewrite (variance_over_power d (x i) (path t) alpha (binary_prompts i inside) positive).
          apply Rmult_le_compat_l; [lra|]. fold beta. unfold power, failure, rate.
          destruct (Rlt_dec 0 (1 - J d (x i) (path t))) as [_|no]; [|lra].
          apply Rle_Rpower_l; [lra|]. split; [apply Rmult_lt_0_compat; lra|].
          rewrite <- (Rmult_1_l (1 - J d (x i) (path t))) at 2. apply Rmult_le_compat_r; lra.
    Qed.

    Lemma push_at_most j t :
      (j < N)%nat ->
      step_width_at_most d (x j) (scale eta (power_direction (path t))) (h * sum N (fun i => power (failure i t))).
    Proof.
      intros j_inside y y' inside inside'. unfold power_direction, h. rewrite !dot_scale_l, !dot_sum_l.
      rewrite <- Rmult_minus_distr_l, <- sum_minus.
      rewrite Rmult_assoc, <- (sum_scale N (D ^ 2)). apply Rmult_le_compat_l; [exact eta_nonneg|].
      apply sum_le. intros i i_inside. rewrite !dot_scale_l.
      assert (weight_nonneg : 0 <= power_weight i (path t)).
      { unfold power_weight. destruct (Req_EM_T _ 0); [lra|]. left. apply Rinv_0_lt_compat, exp_pos. }
      pose proof (step_width_of_diameter d (x j) (gradient d (x i) (path t)) D (diameters j j_inside) y y' inside inside')
        as apart. cbv beta in apart.
      apply (Rmult_le_compat_l _ _ _ weight_nonneg) in apart.
      pose proof (weighted_gradient_le i t i_inside) as push.
      apply (Rmult_le_compat_l D) in push; [|lra]. lra.
    Qed.

    Lemma failure_shrinks_at_most j t w :
      (j < N)%nat -> step_width_at_most d (x j) (scale eta (power_direction (path t))) w ->
      exp (- w) * failure j t <= failure j (S t).
    Proof.
      intros j_inside width. pose proof (step_width_nonneg d (x j) _ w width) as w_nonneg.
      pose proof (sigma_nonneg d (x j) (path t)) as nonneg.
      set (delta := scale eta (power_direction (path t))) in *.
      assert (shrink : exp (- w) <= 1).
      { rewrite <- exp_0. destruct (Req_dec w 0) as [-> | other]; [rewrite Ropp_0; lra|].
        left. apply exp_increasing. lra. }
      destruct (Rle_lt_or_eq_dec 0 _ nonneg) as [positive|zero].
      - pose proof (log_odds_move d (x j) (binary_prompts j j_inside) (path t) delta w positive width) as move.
        apply Rabs_le_between in move.
        assert (between : forall theta, 0 < sigma d (x j) theta ->
          1 - J d (x j) theta = / (1 + exp (log_odds_at d (x j) theta))).
        { intros theta varies. pose proof (pass_rate_inside d (x j) theta (binary_prompts j j_inside) varies).
          unfold log_odds_at, log_odds_of. rewrite exp_ln by (apply Rdiv_lt_0_compat; lra). field. lra. }
        unfold failure, rate. change (path (S t)) with (add (path t) delta).
        rewrite (between (path t) positive).
        rewrite (between (add (path t) delta))
          by (apply (sigma_pos_everywhere d (x j) (binary_prompts j j_inside) (path t)), positive).
        set (L := log_odds_at d (x j) (path t)) in *. set (L' := log_odds_at d (x j) (add (path t) delta)) in *.
        pose proof (exp_pos L). pose proof (exp_pos L'). pose proof (exp_pos (- w)).
        apply Rmult_le_reg_r with ((1 + exp L) * (1 + exp L')); [apply Rmult_lt_0_compat; lra|].
        replace (exp (- w) * / (1 + exp L) * ((1 + exp L) * (1 + exp L'))) with (exp (- w) + exp (- w) * exp L')
          by (field; lra).
        replace (/ (1 + exp L') * ((1 + exp L) * (1 + exp L'))) with (1 + exp L) by (field; lra).
        rewrite <- exp_plus.
        assert (exp (- w + L') <= exp L); [|lra].
        destruct (Req_dec (- w + L') L) as [-> | other]; [lra|]. left. apply exp_increasing. lra.
      - pose proof (certificate d (x j) (path t) delta w width) as stays.
        rewrite <- zero, Rmult_0_l in stays.
        assert (flat : dot d (gradient d (x j) (path t)) delta = 0).
        { apply Rabs_eq_0, Rle_antisym; [|apply Rabs_pos].
          eapply Rle_trans; [apply (gradient_slope d (x j) (path t) delta w width)|]. rewrite <- zero. lra. }
        rewrite flat in stays. pose proof (Rabs_pos (J d (x j) (add (path t) delta) - J d (x j) (path t) - 0)).
        assert (same : J d (x j) (add (path t) delta) - J d (x j) (path t) - 0 = 0) by (apply Rabs_eq_0; lra).
        pose proof (failure_between j t j_inside) as range.
        unfold failure, rate in *. change (path (S t)) with (add (path t) delta).
        apply (Rmult_le_compat_r (1 - J d (x j) (path t))) in shrink; lra.
    Qed.

    Lemma mean_failure_step t :
      0 < mean_failure t -> mean_failure t <= 1 ->
      0 < mean_failure (S t) /\ exp (- (h * (INR N * Rpower (mean_failure t) beta))) * mean_failure t <= mean_failure (S t).
    Proof.
      intros positive below. set (w := h * (INR N * Rpower (mean_failure t) beta)).
      assert (h_nonneg : 0 <= h) by (apply Rmult_le_pos; [exact eta_nonneg|apply pow2_ge_0]).
      assert (step : exp (- w) * mean_failure t <= mean_failure (S t)).
      { unfold mean_failure, Rdiv. rewrite <- Rmult_assoc, <- sum_scale.
        apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat, N_pos|].
        apply sum_le. intros i inside. apply (failure_shrinks_at_most i t w inside).
        intros y y' inside_y inside_y'.
        eapply Rle_trans; [apply (push_at_most i t inside y y' inside_y inside_y')|].
        apply Rmult_le_compat_l; [exact h_nonneg|]. apply sum_of_powers, positive. }
      split; [|exact step]. eapply Rlt_le_trans; [|exact step]. apply Rmult_lt_0_compat; [apply exp_pos|exact positive].
    Qed.

    Lemma mean_failure_le_1 t : mean_failure t <= 1.
    Proof.
      unfold mean_failure. apply Rmult_le_reg_r with (INR N); [exact N_pos|].
      unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. rewrite Rmult_1_r, Rmult_1_l.
      rewrite <- (Rmult_1_r (INR N)), <- sum_constant. apply sum_le. intros i inside.
      apply (failure_between i t inside).
    Qed.

    Theorem mean_no_faster t :
      0 < mean_failure 0 ->
      0 < mean_failure t /\
      Rpower (mean_failure t) (- beta) <= Rpower (mean_failure 0) (- beta) + (exp (beta * h * INR N) - 1) * INR t.
    Proof.
      intros start_pos. induction t as [|t [positive IH]]; [simpl; split; lra|].
      destruct (mean_failure_step t positive (mean_failure_le_1 t)) as [next_pos step].
      split; [exact next_pos|]. rewrite S_INR.
      set (v := Rpower (mean_failure t) beta) in *.
      assert (v_range : 0 <= v <= 1).
      { split; [left; apply exp_pos|]. apply power_below_one; [lra|]. split; [exact positive|apply mean_failure_le_1]. }
      assert (inverse : Rpower (mean_failure t) (- beta) * v = 1).
      { unfold v. rewrite <- Rpower_plus, Rplus_opp_l. apply Rpower_O, positive. }
      assert (grown : Rpower (mean_failure (S t)) (- beta) <= Rpower (mean_failure t) (- beta) * exp (beta * h * INR N * v)).
      { unfold Rpower. rewrite <- exp_plus.
        assert (logs : ln (mean_failure t) - h * (INR N * v) <= ln (mean_failure (S t))).
        { replace (ln (mean_failure t) - h * (INR N * v)) with (ln (exp (- (h * (INR N * v))) * mean_failure t))
            by (rewrite ln_mult, ln_exp by (apply exp_pos || exact positive); ring).
          destruct (Rle_lt_or_eq_dec _ _ step) as [less|same]; [left; apply ln_increasing|right; f_equal; exact same].
          - apply Rmult_lt_0_compat; [apply exp_pos|exact positive].
          - exact less. }
        assert (le : - beta * ln (mean_failure (S t)) <= - beta * ln (mean_failure t) + beta * h * INR N * v).
        { apply (Rmult_le_compat_l beta) in logs; [|lra]. lra. }
        destruct (Rle_lt_or_eq_dec _ _ le) as [less|same]; [left; apply exp_increasing, less|right; f_equal; exact same]. }
      pose proof (exp_below_line_to (beta * h * INR N) 1 v Rlt_0_1 v_range) as chord.
      rewrite Rmult_1_r in chord. unfold Rdiv in chord. rewrite Rinv_1, Rmult_1_r in chord.
      assert (pos : 0 < Rpower (mean_failure t) (- beta)) by apply exp_pos.
      apply (Rmult_le_compat_l (Rpower (mean_failure t) (- beta))) in chord; [|lra].
      rewrite <- Rmult_assoc, inverse in chord. lra.
    Qed.
  End Overlap.
End Run.
