(** * T7: the true separation, two arms

    One prompt, two arms, D = 1; z is the log-odds of the right arm, p = 1/(1 + e^-z) its probability, q = 1 - p. The
    rule g/sigma^alpha flows as z' = (p q)^beta, beta = 1 - alpha/2. For every solution, as time t grows,

      alpha < 2:  q^-beta / t -> beta, so q ~ (beta t)^(-2/(2 - alpha))   (1/t for REINFORCE, 1/t^2 for GRPO),
      alpha = 2:  q / p = constant * e^-t,

    and t + constant is 2 (z + sinh z), 4 sinh (z/2), z for alpha = 0, 1, 2: the clocks. So from a small pass rate p the
    flow takes to leading order the time 1/p, 2/sqrt p, ln (1/p) to come to 1/2.

    Idea. q' = -p q z' gives (q^-beta)' = beta p^(1 + beta). As z increases this is at least a positive constant, so
    q^-beta grows without bound, q -> 0, and the slope tends to beta. For the clocks p q = 1/(2 + 2 cosh z). *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Increase Sums Distribution Vectors Policy Line Deviation TwoArms.
Open Scope R_scope.

(** ** Functions whose slope has a limit *)

(** If f' -> l then f(t)/t -> l. *)
Lemma average_slope (f f' : R -> R) (l : R) :
  (forall t, 0 < t -> is_derive f t (f' t)) -> is_lim f' p_infty l -> is_lim (fun t => f t / t) p_infty l.
Proof.
  intros derivative limit. apply is_lim_spec. intros eps. apply is_lim_spec in limit.
  destruct (limit (pos_div_2 eps)) as [late near]. simpl in near. pose proof (cond_pos eps) as eps_pos.
  set (start := Rmax 1 (late + 1)).
  assert (start_pos : 1 <= start) by apply Rmax_l. assert (start_late : late + 1 <= start) by apply Rmax_r.
  set (gap := Rabs (f start) + (Rabs l + eps) * start).
  exists (Rmax start (4 * gap / eps)). intros t after.
  assert (after_start : start < t) by (eapply Rle_lt_trans; [apply Rmax_l|exact after]).
  assert (after_gap : 4 * gap / eps < t) by (eapply Rle_lt_trans; [apply Rmax_r|exact after]).
  assert (slope : forall s, start <= s <= t -> l - eps / 2 <= f' s <= l + eps / 2).
  { intros s inside. assert (close : Rabs (f' s - l) < eps / 2) by (apply near; lra). apply Rabs_def2 in close. lra. }
  assert (upper : (l + eps / 2) * start - f start <= (l + eps / 2) * t - f t).
  { apply (increase (fun s => (l + eps / 2) * s - f s) (fun s => l + eps / 2 - f' s)); [lra| |].
    - intros s inside. apply (is_derive_minus (fun s => (l + eps / 2) * s) f).
      + auto_derive; [exact I|ring].
      + apply derivative. lra.
    - intros s inside. pose proof (slope s inside). lra. }
  assert (lower : f start - (l - eps / 2) * start <= f t - (l - eps / 2) * t).
  { apply (increase (fun s => f s - (l - eps / 2) * s) (fun s => f' s - (l - eps / 2))); [lra| |].
    - intros s inside. apply (is_derive_minus f (fun s => (l - eps / 2) * s)).
      + apply derivative. lra.
      + auto_derive; [exact I|ring].
    - intros s inside. pose proof (slope s inside). lra. }
  assert (gap_small : gap < eps / 4 * t).
  { apply Rmult_lt_compat_r with (r := eps / 4) in after_gap; [|lra].
    replace (4 * gap / eps * (eps / 4)) with gap in after_gap by (field; lra). lra. }
  assert (start_small : Rabs (f start - l * start) + eps / 2 * start <= gap).
  { unfold gap. pose proof (Rabs_triang (f start) (- (l * start))) as triangle.
    rewrite Rabs_Ropp, Rabs_mult, (Rabs_pos_eq start) in triangle by lra.
    pose proof (Rmult_le_pos eps start). unfold Rminus. lra. }
  pose proof (Rle_abs (f start - l * start)). pose proof (Rle_abs (- (f start - l * start))) as below.
  rewrite Rabs_Ropp in below.
  replace (f t / t - l) with ((f t - l * t) / t) by (field; lra).
  unfold Rdiv. rewrite Rabs_mult, (Rabs_pos_eq (/ t)) by (left; apply Rinv_0_lt_compat; lra).
  apply Rmult_lt_reg_r with t; [lra|]. rewrite Rmult_assoc, Rinv_l by lra. rewrite Rmult_1_r.
  assert (0 < eps * t) by (apply Rmult_lt_0_compat; lra).
  assert (0 < eps * start) by (apply Rmult_lt_0_compat; lra).
  apply Rabs_def1; lra.
Qed.

(** A slope of at least c > 0 makes a function grow without bound. *)
Lemma unbounded (f f' : R -> R) (c start : R) :
  0 < c -> (forall t, start <= t -> is_derive f t (f' t)) -> (forall t, start <= t -> c <= f' t) ->
  is_lim f p_infty p_infty.
Proof.
  intros positive derivative steep. apply is_lim_spec. intros M.
  exists (Rmax start (start + (M - f start) / c)). intros t after.
  assert (after_start : start < t) by (eapply Rle_lt_trans; [apply Rmax_l|exact after]).
  assert (after_M : start + (M - f start) / c < t) by (eapply Rle_lt_trans; [apply Rmax_r|exact after]).
  assert (growth : f start - c * start <= f t - c * t).
  { apply (increase (fun s => f s - c * s) (fun s => f' s - c)); [lra| |].
    - intros s inside. apply (is_derive_minus f (fun s => c * s)).
      + apply derivative. lra.
      + auto_derive; [exact I|ring].
    - intros s inside. pose proof (steep s). lra. }
  assert (far : (M - f start) / c * c < (t - start) * c) by (apply Rmult_lt_compat_r; lra).
  unfold Rdiv in far. rewrite Rmult_assoc, Rinv_l in far by lra. lra.
Qed.

(** ** Probabilities from log-odds *)

Definition logistic (z : R) : R := / (1 + exp (- z)).

Lemma logistic_pos z : 0 < logistic z.
Proof. apply Rinv_0_lt_compat. pose proof (exp_pos (- z)). lra. Qed.

Lemma logistic_complement z : 1 - logistic z = logistic (- z).
Proof.
  unfold logistic. rewrite Ropp_involutive. pose proof (exp_pos z). rewrite exp_Ropp. field. lra.
Qed.

Lemma logistic_below_one z : logistic z < 1.
Proof. pose proof (logistic_pos (- z)). rewrite <- logistic_complement in *. lra. Qed.

Lemma logistic_derivative z : is_derive logistic z (logistic z * (1 - logistic z)).
Proof.
  unfold logistic. pose proof (exp_pos (- z)). auto_derive; [lra|field; lra].
Qed.

(** p q = 1/(2 + 2 cosh z). *)
Lemma logistic_variance z : logistic z * (1 - logistic z) = / (2 + 2 * cosh z).
Proof.
  unfold logistic, cosh. pose proof (exp_pos z). rewrite exp_Ropp. field.
  assert (0 < exp z * exp z) by (apply Rmult_lt_0_compat; assumption). lra.
Qed.

(** sqrt (p q) = 1/(2 cosh (z/2)). *)
Lemma logistic_deviation z : sqrt (logistic z * (1 - logistic z)) = / (2 * cosh (z / 2)).
Proof.
  assert (positive : 0 < cosh (z / 2)).
  { unfold cosh. pose proof (exp_pos (z / 2)). pose proof (exp_pos (- (z / 2))). lra. }
  rewrite logistic_variance. replace (2 + 2 * cosh z) with ((2 * cosh (z / 2)) ^ 2).
  - rewrite <- pow_inv. apply sqrt_pow2. left. apply Rinv_0_lt_compat. lra.
  - unfold cosh. replace (exp z) with (exp (z / 2) ^ 2) by (simpl; rewrite Rmult_1_r, <- exp_plus; f_equal; field).
    replace (exp (- z)) with (exp (- (z / 2)) ^ 2) by (simpl; rewrite Rmult_1_r, <- exp_plus; f_equal; field).
    assert (inverse : exp (z / 2) * exp (- (z / 2)) = 1) by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
    replace ((2 * ((exp (z / 2) + exp (- (z / 2))) / 2)) ^ 2)
      with (exp (z / 2) ^ 2 + exp (- (z / 2)) ^ 2 + 2 * (exp (z / 2) * exp (- (z / 2)))) by field.
    rewrite inverse. field.
Qed.

(** ** The flow *)

Section Flow.
  Variables (alpha : R) (z : R -> R).

  Definition right_at (t : R) : R := logistic (z t).
  Definition wrong_at (t : R) : R := 1 - right_at t.

  Hypothesis flow : forall t, 0 < t -> is_derive z t (Rpower (right_at t * wrong_at t) (1 - alpha / 2)).

  Lemma right_between t : 0 < right_at t < 1.
  Proof. split; [apply logistic_pos|apply logistic_below_one]. Qed.

  Lemma wrong_between t : 0 < wrong_at t < 1.
  Proof. pose proof (right_between t). unfold wrong_at. lra. Qed.

  (** The clock c with c' = 1 along the flow: the time from z(s) to z(t) is c(z(t)) - c(z(s)). *)
  Lemma clock_of (c c' : R -> R) :
    (forall a, is_derive c a (c' a)) ->
    (forall a, c' a * Rpower (logistic a * (1 - logistic a)) (1 - alpha / 2) = 1) ->
    forall s t, 0 < s -> s <= t -> c (z t) - c (z s) = t - s.
  Proof.
    intros derivative unit_speed s t later order.
    assert (speed : forall r, s <= r <= t -> is_derive (fun r => c (z r)) r 1).
    { intros r inside. rewrite <- (unit_speed (z r)), Rmult_comm. apply (is_derive_comp c z); [apply derivative|].
      apply flow. lra. }
    assert (up : c (z s) - s <= c (z t) - t).
    { apply (increase (fun r => c (z r) - r) (fun _ => 1 - 1)); [exact order| |intros; lra].
      intros r inside. apply (is_derive_minus (fun r => c (z r)) (fun r => r)).
      - apply speed, inside.
      - apply (is_derive_id (K := R_AbsRing)). }
    assert (down : s - c (z s) <= t - c (z t)).
    { apply (increase (fun r => r - c (z r)) (fun _ => 1 - 1)); [exact order| |intros; lra].
      intros r inside. apply (is_derive_minus (fun r => r) (fun r => c (z r))).
      - apply (is_derive_id (K := R_AbsRing)).
      - apply speed, inside. }
    lra.
  Qed.

  Lemma flow_increases s t : 0 < s -> s <= t -> right_at s <= right_at t.
  Proof.
    intros later order.
    apply (increase right_at (fun t => Rpower (right_at t * wrong_at t) (1 - alpha / 2) * (right_at t * wrong_at t))).
    - exact order.
    - intros r inside. apply (is_derive_comp logistic z); [apply logistic_derivative|]. apply flow. lra.
    - intros r _. pose proof (right_between r). pose proof (wrong_between r).
      apply Rmult_le_pos; [left; apply exp_pos|]. apply Rmult_le_pos; lra.
  Qed.

  Section BelowTwo.
    Hypothesis below_two : alpha < 2.
    Let beta : R := 1 - alpha / 2.

    Let beta_pos : 0 < beta.
    Proof. unfold beta. lra. Qed.

    (** (q^-beta)' = beta p^(1 + beta). *)
    Lemma inverse_power_derivative t :
      0 < t -> is_derive (fun t => Rpower (wrong_at t) (- beta)) t (beta * Rpower (right_at t) (1 + beta)).
    Proof.
      intros later. pose proof (right_between t) as right_inside. pose proof (wrong_between t) as wrong_inside.
      assert (fall : is_derive wrong_at t (- (Rpower (right_at t * wrong_at t) beta * (right_at t * wrong_at t)))).
      { rewrite <- Rminus_0_l. apply (is_derive_minus (fun _ => 1) right_at).
        - auto_derive; [exact I|reflexivity].
        - apply (is_derive_comp logistic z); [apply logistic_derivative|]. apply flow, later. }
      replace (beta * Rpower (right_at t) (1 + beta))
        with (- (Rpower (right_at t * wrong_at t) beta * (right_at t * wrong_at t))
              * (- beta * / wrong_at t * Rpower (wrong_at t) (- beta))).
      - apply (is_derive_comp (fun a => Rpower a (- beta)) wrong_at); [|exact fall].
        unfold Rpower. auto_derive; [lra|ring].
      - rewrite <- Rpower_mult_distr, Rpower_plus, Rpower_1 by lra.
        assert (inverse : Rpower (wrong_at t) beta * Rpower (wrong_at t) (- beta) = 1).
        { rewrite <- Rpower_plus, Rplus_opp_r. apply Rpower_O. lra. }
        replace (- (Rpower (right_at t) beta * Rpower (wrong_at t) beta * (right_at t * wrong_at t))
                 * (- beta * / wrong_at t * Rpower (wrong_at t) (- beta)))
          with (beta * (right_at t * Rpower (right_at t) beta)
                * (Rpower (wrong_at t) beta * Rpower (wrong_at t) (- beta))) by (field; lra).
        rewrite inverse. ring.
    Qed.

    (** q^-beta grows without bound. *)
    Lemma inverse_power_unbounded : is_lim (fun t => Rpower (wrong_at t) (- beta)) p_infty p_infty.
    Proof.
      apply (unbounded _ (fun t => beta * Rpower (right_at t) (1 + beta)) (beta * Rpower (right_at 1) (1 + beta)) 1).
      - apply Rmult_lt_0_compat; [exact beta_pos|apply exp_pos].
      - intros t after. apply inverse_power_derivative. lra.
      - intros t after. apply Rmult_le_compat_l; [lra|]. apply Rle_Rpower_l; [lra|].
        split; [apply right_between|apply flow_increases; lra].
    Qed.

    Lemma wrong_vanishes : is_lim wrong_at p_infty 0.
    Proof.
      apply is_lim_spec. intros eps. pose proof (cond_pos eps) as eps_pos.
      pose proof inverse_power_unbounded as limit. apply is_lim_spec in limit.
      destruct (limit (Rpower eps (- beta))) as [late far]. exists late. intros t after.
      pose proof (wrong_between t) as inside. rewrite Rminus_0_r, Rabs_pos_eq by lra.
      apply Rnot_le_lt. intros above. apply (Rlt_not_le _ _ (far t after)).
      rewrite !Rpower_Ropp. apply Rinv_le_contravar; [apply exp_pos|]. apply Rle_Rpower_l; lra.
    Qed.

    Lemma right_is_sure : is_lim right_at p_infty 1.
    Proof.
      apply (is_lim_ext (fun t => 1 - wrong_at t)); [intros t; unfold wrong_at; ring|].
      replace (Finite 1) with (Finite (1 - 0)) by (f_equal; ring).
      apply (is_lim_minus' (fun _ => 1) wrong_at p_infty 1 0); [apply is_lim_const|apply wrong_vanishes].
    Qed.

    (** T7, alpha < 2: q^-beta / t -> beta. *)
    Theorem inverse_power_is_linear :
      is_lim (fun t => Rpower (wrong_at t) (- (1 - alpha / 2)) / t) p_infty (1 - alpha / 2).
    Proof.
      fold beta. apply (average_slope _ (fun t => beta * Rpower (right_at t) (1 + beta))).
      - apply inverse_power_derivative.
      - replace (Finite beta) with (Rbar_mult beta (Rpower 1 (1 + beta))).
        2:{ simpl. f_equal. unfold Rpower. rewrite ln_1, Rmult_0_r, exp_0. ring. }
        apply is_lim_scal_l. apply (is_lim_comp_continuous right_at (fun a => Rpower a (1 + beta)) p_infty 1).
        + apply right_is_sure.
        + apply (ex_derive_continuous (fun a => Rpower a (1 + beta))). unfold Rpower. auto_derive. lra.
    Qed.

    (** T7, alpha < 2: q ~ (beta t)^(-2/(2 - alpha)). *)
    Theorem tail : is_lim (fun t => wrong_at t / Rpower ((1 - alpha / 2) * t) (- (2 / (2 - alpha)))) p_infty 1.
    Proof.
      fold beta. replace (2 / (2 - alpha)) with (/ beta) by (unfold beta; field; lra).
      set (ratio := fun t => Rpower (wrong_at t) (- beta) / t / beta).
      apply (is_lim_ext_loc (fun t => Rpower (ratio t) (- / beta))).
      - exists 0. intros t later. pose proof (wrong_between t) as inside. unfold ratio, Rdiv.
        rewrite Rmult_assoc, <- Rinv_mult, <- Rpower_mult_distr;
          [|apply exp_pos|apply Rinv_0_lt_compat, Rmult_lt_0_compat; lra].
        rewrite Rpower_mult. replace (- beta * - / beta) with 1 by (field; lra). rewrite Rpower_1 by lra.
        f_equal. rewrite (Rmult_comm t beta). unfold Rpower. rewrite ln_Rinv by (apply Rmult_lt_0_compat; lra).
        rewrite <- exp_Ropp. f_equal. ring.
      - replace (Finite 1) with (Finite (Rpower 1 (- / beta)))
          by (f_equal; unfold Rpower; rewrite ln_1, Rmult_0_r; apply exp_0).
        apply (is_lim_comp_continuous ratio (fun a => Rpower a (- / beta)) p_infty 1).
        + replace (Finite 1) with (Rbar_mult beta (/ beta)) by (simpl; f_equal; field; lra).
          apply is_lim_scal_r. apply inverse_power_is_linear.
        + apply (ex_derive_continuous (fun a => Rpower a (- / beta))). unfold Rpower. auto_derive. lra.
    Qed.
  End BelowTwo.
End Flow.

(** ** The clocks, and the tail of alpha = 2 *)

(** REINFORCE: t + constant = 2 (z + sinh z). *)
Theorem reinforce_clock (z : R -> R) :
  (forall t, 0 < t -> is_derive z t (Rpower (right_at z t * wrong_at z t) (1 - 0 / 2))) ->
  forall s t, 0 < s -> s <= t -> 2 * (z t + sinh (z t)) - 2 * (z s + sinh (z s)) = t - s.
Proof.
  intros flow. apply (clock_of 0 z flow (fun a => 2 * (a + sinh a)) (fun a => 2 + 2 * cosh a)).
  - intros a. unfold sinh, cosh. auto_derive; [exact I|field].
  - intros a. replace (1 - 0 / 2) with 1 by field.
    assert (positive : 0 < 2 + 2 * cosh a) by (unfold cosh; pose proof (exp_pos a); pose proof (exp_pos (- a)); lra).
    rewrite logistic_variance, Rpower_1 by (apply Rinv_0_lt_compat, positive). apply Rinv_r. lra.
Qed.

(** GRPO: t + constant = 4 sinh (z/2). *)
Theorem grpo_clock (z : R -> R) :
  (forall t, 0 < t -> is_derive z t (Rpower (right_at z t * wrong_at z t) (1 - 1 / 2))) ->
  forall s t, 0 < s -> s <= t -> 4 * sinh (z t / 2) - 4 * sinh (z s / 2) = t - s.
Proof.
  intros flow. apply (clock_of 1 z flow (fun a => 4 * sinh (a / 2)) (fun a => 2 * cosh (a / 2))).
  - intros a. unfold sinh, cosh, Rdiv. auto_derive; [exact I|field].
  - intros a. replace (1 - 1 / 2) with (/ 2) by field.
    assert (positive : 0 < cosh (a / 2)).
    { unfold cosh. pose proof (exp_pos (a / 2)). pose proof (exp_pos (- (a / 2))). lra. }
    rewrite Rpower_sqrt, logistic_deviation.
    + apply Rinv_r. lra.
    + apply Rmult_lt_0_compat; [apply logistic_pos|rewrite logistic_complement; apply logistic_pos].
Qed.

Section AtTwo.
  Variable z : R -> R.
  Hypothesis flow : forall t, 0 < t -> is_derive z t (Rpower (right_at z t * wrong_at z t) (1 - 2 / 2)).

  (** g/sigma^2: t + constant = z. *)
  Theorem squared_rule_clock s t : 0 < s -> s <= t -> z t - z s = t - s.
  Proof.
    apply (clock_of 2 z flow (fun a => a) (fun _ => 1)).
    - intros a. apply (is_derive_id (K := R_AbsRing)).
    - intros a. replace (1 - 2 / 2) with 0 by field. rewrite Rpower_O; [ring|].
      apply Rmult_lt_0_compat; [apply logistic_pos|rewrite logistic_complement; apply logistic_pos].
  Qed.

  (** T7, alpha = 2: q/p = constant * e^-t. *)
  Theorem exponential_tail :
    exists constant, 0 < constant /\ forall t, 0 < t -> wrong_at z t / right_at z t = constant * exp (- t).
  Proof.
    exists (exp (1 - z 1)). split; [apply exp_pos|]. intros t later.
    assert (odds : wrong_at z t / right_at z t = exp (- z t)).
    { unfold wrong_at, right_at, logistic. pose proof (exp_pos (- z t)). field. lra. }
    rewrite odds, <- exp_plus. f_equal. destruct (Rle_lt_dec 1 t) as [after|before].
    - pose proof (squared_rule_clock 1 t). lra.
    - pose proof (squared_rule_clock t 1 later). lra.
  Qed.
End AtTwo.

(** ** The time to p = 1/2 from a small pass rate, to leading order *)

Lemma ln_below_line a : 0 < a -> ln a <= a - 1.
Proof.
  intros positive. pose proof (exp_ineq1_le (ln a)) as tangent. rewrite exp_ln in tangent by exact positive. lra.
Qed.

Lemma log_odds_of_half z : logistic z = 1 / 2 -> z = 0.
Proof.
  unfold logistic. intros half. pose proof (exp_pos (- z)).
  assert (one : exp (- z) = 1).
  { replace (exp (- z)) with (/ / (1 + exp (- z)) - 1) by (rewrite Rinv_inv; ring). rewrite half. field. }
  rewrite <- exp_0 in one. apply exp_inv in one. lra.
Qed.

Section Hitting.
  Variables (z : R -> R) (s t p : R).
  Hypothesis start : 0 < s.
  Hypothesis order : s <= t.
  Hypothesis from : right_at z s = p.
  Hypothesis until : right_at z t = 1 / 2.
  Hypothesis small : p <= 1 / 2.

  Let p_pos : 0 < p.
  Proof. rewrite <- from. apply right_between. Qed.

  Let end_odds : z t = 0.
  Proof. apply log_odds_of_half, until. Qed.

  Let start_exp : exp (- z s) = (1 - p) / p.
  Proof.
    rewrite <- from. unfold right_at, logistic. pose proof (exp_pos (- z s)). field. lra.
  Qed.

  Let start_odds : - z s = ln (1 - p) - ln p.
  Proof.
    rewrite <- (ln_exp (- z s)), start_exp. unfold Rdiv.
    rewrite ln_mult, ln_Rinv by (try apply Rinv_0_lt_compat; lra). ring.
  Qed.

  Let log_odds_between : 0 <= - z s <= - ln p.
  Proof.
    rewrite start_odds. pose proof (ln_below_line (1 - p)). pose proof (Rcomplements.ln_le p (1 - p)). lra.
  Qed.

  (** REINFORCE: 1/p. *)
  Theorem reinforce_hitting_time :
    (forall t, 0 < t -> is_derive z t (Rpower (right_at z t * wrong_at z t) (1 - 0 / 2))) ->
    Rabs (p * (t - s) - 1) <= 6 * sqrt p.
  Proof.
    intros flow. rewrite <- (reinforce_clock z flow s t start order), end_odds. unfold sinh.
    assert (start_inverse : exp (z s) = p / (1 - p)).
    { rewrite <- (Ropp_involutive (z s)), exp_Ropp, start_exp. field. lra. }
    rewrite start_exp, start_inverse, Ropp_0, exp_0.
    set (r := sqrt p). assert (r_pos : 0 < r) by (apply sqrt_lt_R0, p_pos).
    assert (square : r * r = p) by (apply sqrt_sqrt; lra).
    assert (r_small : r <= 1) by (unfold r; rewrite <- sqrt_1; apply sqrt_le_1_alt; lra).
    assert (log_small : p * (2 * - z s) <= 4 * r).
    { pose proof (ln_below_line (/ r) (Rinv_0_lt_compat _ r_pos)) as tangent. rewrite ln_Rinv in tangent by exact r_pos.
      assert (double : ln p = 2 * ln r) by (rewrite <- square, ln_mult by exact r_pos; ring).
      apply Rle_trans with (p * (4 * / r)).
      - apply Rmult_le_compat_l; lra.
      - rewrite <- square. right. field. lra. }
    assert (rest : 0 <= p * (p / (1 - p)) <= p).
    { split; [apply Rmult_le_pos; [lra|left; apply Rdiv_lt_0_compat; lra]|].
      apply Rle_trans with (p * 1); [apply Rmult_le_compat_l; [lra|]|lra].
      apply Rmult_le_reg_r with (1 - p); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
    assert (p_below : p <= r) by (pose proof (Rmult_le_compat_l r r 1); lra).
    assert (0 <= p * (2 * - z s)) by (apply Rmult_le_pos; lra).
    replace (p * (2 * (0 + (1 - 1) / 2) - 2 * (z s + (p / (1 - p) - (1 - p) / p) / 2)) - 1)
      with (p * (2 * - z s) - p - p * (p / (1 - p))) by (field; lra).
    apply Rabs_le. lra.
  Qed.

  (** GRPO: 2/sqrt p. *)
  Theorem grpo_hitting_time :
    (forall t, 0 < t -> is_derive z t (Rpower (right_at z t * wrong_at z t) (1 - 1 / 2))) ->
    Rabs (sqrt p * (t - s) - 2) <= 6 * p.
  Proof.
    intros flow. rewrite <- (grpo_clock z flow s t start order), end_odds.
    set (r := sqrt p). assert (r_pos : 0 < r) by (apply sqrt_lt_R0, p_pos).
    assert (square : r * r = p) by (apply sqrt_sqrt; lra).
    set (w := sqrt (1 - p)). assert (w_pos : 0 < w) by (apply sqrt_lt_R0; lra).
    assert (w_square : w * w = 1 - p) by (apply sqrt_sqrt; lra).
    assert (w_below : w <= 1) by (unfold w; rewrite <- sqrt_1 at 2; apply sqrt_le_1_alt; lra).
    assert (half_exp : exp (- (z s / 2)) = w / r).
    { rewrite <- (sqrt_pow2 (exp (- (z s / 2)))) by (left; apply exp_pos).
      replace (exp (- (z s / 2)) ^ 2) with (exp (- z s)) by (simpl; rewrite Rmult_1_r, <- exp_plus; f_equal; field).
      rewrite start_exp. apply sqrt_div_alt, p_pos. }
    assert (half_inverse : exp (z s / 2) = r / w).
    { rewrite <- (Ropp_involutive (z s / 2)), exp_Ropp, half_exp. field. lra. }
    unfold sinh. rewrite half_exp, half_inverse. replace (0 / 2) with 0 by field. rewrite Ropp_0, exp_0.
    replace (r * (4 * ((1 - 1) / 2) - 4 * ((r / w - w / r) / 2)) - 2) with (2 * w - 2 - 2 * (r * r / w))
      by (field; lra).
    rewrite square.
    assert (w_above : 1 - p <= w) by (pose proof (Rmult_le_compat_l w w 1); lra).
    assert (quotient : 0 <= p / w <= 2 * p).
    { split; [left; apply Rdiv_lt_0_compat; lra|]. apply Rmult_le_reg_r with w; [exact w_pos|].
      unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra.
      pose proof (Rmult_le_compat_l p (1 / 2) w ltac:(lra) ltac:(lra)). lra. }
    apply Rabs_le. lra.
  Qed.

  (** g/sigma^2: ln (1/p). *)
  Theorem squared_rule_hitting_time :
    (forall t, 0 < t -> is_derive z t (Rpower (right_at z t * wrong_at z t) (1 - 2 / 2))) ->
    Rabs (t - s - ln (/ p)) <= 2 * p.
  Proof.
    intros flow. rewrite <- (squared_rule_clock z flow s t start order), end_odds.
    unfold Rminus at 2. rewrite Rplus_0_l, start_odds, ln_Rinv by exact p_pos.
    assert (positive : 0 < / (1 - p)) by (apply Rinv_0_lt_compat; lra).
    pose proof (ln_below_line (1 - p)) as above. pose proof (ln_below_line (/ (1 - p)) positive) as below.
    rewrite ln_Rinv in below by lra.
    assert (quotient : / (1 - p) <= 1 + 2 * p).
    { apply Rmult_le_reg_r with (1 - p); [lra|]. rewrite Rinv_l by lra.
      pose proof (Rmult_le_pos p (1 - 2 * p)). lra. }
    apply Rabs_le. lra.
  Qed.
End Hitting.

(** The flow of GRPO that starts at p = 1/2: there are solutions. *)
Theorem grpo_flow_from_half t :
  let z := fun t => 2 * arcsinh (t / 4) in is_derive z t (Rpower (right_at z t * wrong_at z t) (1 - 1 / 2)).
Proof.
  intros z. unfold wrong_at, right_at.
  assert (positive : 0 < logistic (z t) * (1 - logistic (z t))).
  { rewrite logistic_complement. apply Rmult_lt_0_compat; apply logistic_pos. }
  replace (1 - 1 / 2) with (/ 2) by field. rewrite Rpower_sqrt, logistic_deviation by exact positive.
  replace (z t / 2) with (arcsinh (t / 4)) by (unfold z; field).
  replace (/ (2 * cosh (arcsinh (t / 4)))) with (2 * (1 / 4 * / sqrt ((t / 4) ^ 2 + 1))).
  - apply (is_derive_scal (fun t => arcsinh (t / 4))). apply (is_derive_comp arcsinh (fun t => t / 4)).
    + apply is_derive_Reals, derivable_pt_lim_arcsinh.
    + auto_derive; [exact I|field].
  - rewrite <- (sinh_arcsinh (t / 4)) at 1. set (a := arcsinh (t / 4)).
    assert (cosh_pos : 0 < cosh a) by (unfold cosh; pose proof (exp_pos a); pose proof (exp_pos (- a)); lra).
    replace (sinh a ^ 2 + 1) with (cosh a ^ 2).
    + rewrite sqrt_pow2 by lra. field. lra.
    + unfold cosh, sinh. rewrite exp_Ropp. pose proof (exp_pos a). field. lra.
Qed.

(** ** The policy of two arms flows so *)

Section Policy.
  Variable p : R.  (* the probability of the right arm at theta = 0 *)
  Hypothesis inside : 0 < p < 1.

  (** The log-odds at theta. *)
  Definition log_odds (theta : R) : R := theta + ln (p / (1 - p)).

  Lemma two_arms_pass_rate theta : J 1 (two_arms p) (scale theta ahead) = logistic (log_odds theta).
  Proof.
    unfold J, mean, policy, softmax, logits, dot, scale, ahead, logistic, log_odds. simpl.
    replace (- (theta + ln (p / (1 - p)))) with (ln (1 - p) + - (ln p + theta))
      by (unfold Rdiv; rewrite ln_mult, ln_Rinv by (try apply Rinv_0_lt_compat; lra); ring).
    rewrite !Rmult_0_r, !Rmult_1_r, !Rplus_0_l, !Rplus_0_r, (exp_plus (ln (1 - p))),
      exp_Ropp.
    pose proof (exp_pos (ln p + theta)). pose proof (exp_pos (ln (1 - p))). field. lra.
  Qed.

  Lemma two_arms_deviation theta :
    sigma 1 (two_arms p) (scale theta ahead) ^ 2 = logistic (log_odds theta) * (1 - logistic (log_odds theta)).
  Proof.
    rewrite binary_sigma by (intros y _; apply two_arms_binary). rewrite two_arms_pass_rate. reflexivity.
  Qed.

  Lemma two_arms_gradient theta :
    dot 1 (gradient 1 (two_arms p) (scale theta ahead)) ahead = sigma 1 (two_arms p) (scale theta ahead) ^ 2.
  Proof.
    rewrite gradient_dot, sigma_square. apply covariance_ext; [reflexivity|]. intros y _. apply two_arms_shift.
  Qed.

  (** theta' = g/sigma^alpha makes the log-odds z flow as z' = (p q)^(1 - alpha/2). *)
  Lemma policy_flow alpha (theta : R -> R) t :
    is_derive theta t (dot 1 (gradient 1 (two_arms p) (scale (theta t) ahead)) ahead
                       / Rpower (sigma 1 (two_arms p) (scale (theta t) ahead)) alpha) ->
    let z := fun t => log_odds (theta t) in is_derive z t (Rpower (right_at z t * wrong_at z t) (1 - alpha / 2)).
  Proof.
    intros derivative z. unfold z, wrong_at, right_at. rewrite <- two_arms_deviation.
    rewrite two_arms_gradient in derivative. set (deviation := sigma 1 (two_arms p) (scale (theta t) ahead)) in *.
    assert (positive : 0 < deviation).
    { pose proof (two_arms_deviation (theta t)) as square. fold deviation in square.
      assert (0 < deviation ^ 2).
      { rewrite square, logistic_complement. apply Rmult_lt_0_compat; apply logistic_pos. }
      assert (0 <= deviation) by apply sigma_nonneg.
      destruct (Rle_lt_or_eq_dec 0 deviation) as [above|zero]; [assumption|exact above|].
      rewrite <- zero in *. lra. }
    replace (Rpower (deviation ^ 2) (1 - alpha / 2)) with (deviation ^ 2 / Rpower deviation alpha + 0).
    - apply (is_derive_plus theta (fun _ => ln (p / (1 - p)))); [exact derivative|].
      auto_derive; [exact I|reflexivity].
    - rewrite Rplus_0_r, <- Rpower_pow by exact positive. unfold Rdiv.
      rewrite <- Rpower_Ropp, <- Rpower_plus, Rpower_mult.
      f_equal. simpl. field.
  Qed.

  (** T7 for the policy: what the rule g/sigma^alpha leaves of 1 - J. *)
  Theorem two_arms_tail alpha (theta : R -> R) :
    alpha < 2 ->
    (forall t, 0 < t ->
       is_derive theta t (dot 1 (gradient 1 (two_arms p) (scale (theta t) ahead)) ahead
                          / Rpower (sigma 1 (two_arms p) (scale (theta t) ahead)) alpha)) ->
    is_lim (fun t => (1 - J 1 (two_arms p) (scale (theta t) ahead))
                     / Rpower ((1 - alpha / 2) * t) (- (2 / (2 - alpha)))) p_infty 1.
  Proof.
    intros below_two derivative.
    apply (is_lim_ext (fun t => wrong_at (fun t => log_odds (theta t)) t
                                / Rpower ((1 - alpha / 2) * t) (- (2 / (2 - alpha))))).
    - intros t. unfold wrong_at, right_at. rewrite two_arms_pass_rate. reflexivity.
    - apply tail; [|exact below_two]. intros t later. apply policy_flow, derivative, later.
  Qed.

  Theorem two_arms_tail_of_squared_rule (theta : R -> R) :
    (forall t, 0 < t ->
       is_derive theta t (dot 1 (gradient 1 (two_arms p) (scale (theta t) ahead)) ahead
                          / Rpower (sigma 1 (two_arms p) (scale (theta t) ahead)) 2)) ->
    exists constant, 0 < constant /\ forall t, 0 < t ->
      1 - J 1 (two_arms p) (scale (theta t) ahead)
      = constant * exp (- t) * J 1 (two_arms p) (scale (theta t) ahead).
  Proof.
    intros derivative.
    destruct (exponential_tail (fun t => log_odds (theta t))) as [constant [positive odds]].
    - intros t later. apply policy_flow, derivative, later.
    - exists constant. split; [exact positive|]. intros t later. rewrite <- (odds t later).
      rewrite two_arms_pass_rate. unfold wrong_at, right_at.
      pose proof (logistic_pos (log_odds (theta t))). field. lra.
  Qed.
End Policy.
