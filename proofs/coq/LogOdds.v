(** * T19: a certificate in log-odds

    Rewards are 0 or 1, L = ln (p/(1-p)). For any update delta of width w,

      |L(theta + delta) - L(theta) - g . delta/sigma^2| <= w^2/8,   |L(theta + delta) - L(theta)| <= w,

    and 1/8 is the least constant. Hence p after the step is at least logistic (L + g . delta/sigma^2 - w^2/8). The best
    certified step along a prompt's own gradient is (4/D^2) g/sigma^2; it raises L by at least 2 |gap|^2/D^2, where
    gap = E[phi | right] - E[phi | wrong], whatever p is.

    Idea. Along the segment L' = E[X | right] - E[X | wrong] and L'' = Var(X | right) - Var(X | wrong), and a variance of
    values in an interval of length w is at most w^2/4 (Popoviciu). *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Constants Increase Sums Distribution Vectors Policy Line TwoArms Curvature Deviation Certificate.
From GRPO Require Import Arcsine Convergence TwoArmFlow BinaryCurvature.
Open Scope R_scope.

Definition log_odds_of (p : R) : R := ln (p / (1 - p)).

(** The pass rate is the logistic function of the log-odds. *)
Lemma logistic_of_log_odds p : 0 < p < 1 -> logistic (log_odds_of p) = p.
Proof.
  intros inside. unfold logistic, log_odds_of.
  rewrite exp_Ropp, exp_ln by (apply Rdiv_lt_0_compat; lra). field. lra.
Qed.

Lemma logistic_monotone a b : a <= b -> logistic a <= logistic b.
Proof.
  intros order. apply (increase logistic (fun z => logistic z * (1 - logistic z))); [exact order| |].
  - intros s _. apply logistic_derivative.
  - intros s _. pose proof (logistic_pos s). pose proof (logistic_below_one s). apply Rmult_le_pos; lra.
Qed.

Section LogOdds.
  Variables (d : nat) (x : prompt).
  Hypothesis right_or_wrong : binary x.

  Definition log_odds_at (theta : vector) : R := log_odds_of (J d x theta).

  (** A reward that varies somewhere varies everywhere, as no probability is 0. *)
  Lemma positive_everywhere f theta theta' :
    (forall y, (y < arms x)%nat -> f y = 0 \/ f y = 1) ->
    0 < mean (arms x) (policy d x theta) f -> 0 < mean (arms x) (policy d x theta') f.
  Proof.
    intros zero_or_one positive.
    assert (some : ~ (forall y, (y < arms x)%nat -> f y = 0)).
    { intros none. unfold mean in positive. rewrite sum_zero in positive; [lra|].
      intros y inside. rewrite none by exact inside. ring. }
    apply Rnot_le_lt. intros below. apply some. intros y inside.
    destruct (zero_or_one y inside) as [zero|one]; [exact zero|].
    assert (term : policy d x theta' y * f y <= mean (arms x) (policy d x theta') f).
    { apply (sum_term_le (arms x) (fun y => policy d x theta' y * f y)); [exact inside|].
      intros i inside_i. apply Rmult_le_pos; [left; apply policy_pos|].
      destruct (zero_or_one i inside_i) as [-> | ->]; lra. }
    rewrite one in term. pose proof (policy_pos d x theta' y). lra.
  Qed.

  Lemma sigma_pos_everywhere theta theta' : 0 < sigma d x theta -> 0 < sigma d x theta'.
  Proof.
    intros positive. pose proof (pass_rate_inside d x theta right_or_wrong positive) as between.
    assert (right : 0 < J d x theta').
    { apply (positive_everywhere (reward x) theta); [exact right_or_wrong|apply between]. }
    assert (wrong_mass : 0 < mean (arms x) (policy d x theta') (wrong x)).
    { apply (positive_everywhere (wrong x) theta).
      - intros y inside. unfold wrong. destruct (right_or_wrong y inside) as [-> | ->]; lra.
      - rewrite mean_of_wrong. lra. }
    rewrite mean_of_wrong in wrong_mass.
    apply Rnot_le_lt. intros none. pose proof (sigma_nonneg d x theta').
    pose proof (binary_sigma d x right_or_wrong theta') as square.
    replace (sigma d x theta') with 0 in square by lra.
    pose proof (Rmult_lt_0_compat _ _ right wrong_mass). lra.
  Qed.

  Section Step.
    Variables (theta delta : vector) (w : R).
    Hypothesis sigma_pos : 0 < sigma d x theta.
    Hypothesis width : step_width_at_most d x delta w.

    Let at_time (s : R) : vector := add theta (scale s delta).
    Let slope (s : R) : R := logit_slope d x (at_time s) delta.
    Let bend (s : R) : R := variance_right d x (at_time s) delta - variance_wrong d x (at_time s) delta.

    Let varies s : 0 < sigma d x (at_time s).
    Proof. apply (sigma_pos_everywhere theta), sigma_pos. Qed.

    Let between s : 0 < J d x (at_time s) < 1.
    Proof. apply pass_rate_inside; [exact right_or_wrong|apply varies]. Qed.

    Let slope_is s :
      slope s = dot d (gradient d x (at_time s)) delta / (J d x (at_time s) * (1 - J d x (at_time s))).
    Proof.
      unfold slope. rewrite gradient_of_odds by (exact right_or_wrong || apply varies).
      rewrite binary_sigma by exact right_or_wrong. pose proof (between s). field. lra.
    Qed.

    Lemma log_odds_derivative s : is_derive (fun s => log_odds_at (at_time s)) s (slope s).
    Proof.
      rewrite slope_is. unfold log_odds_at, log_odds_of, Rdiv at 2. rewrite <- (Rmult_1_l (/ (_ * _))).
      apply (is_derive_comp (fun p => ln (p / (1 - p))) (fun s => J d x (at_time s))).
      - apply logit_derivative, between.
      - apply J_along.
    Qed.

    Lemma log_odds_slope_derivative s : is_derive slope s (bend s).
    Proof.
      apply (is_derive_ext (fun s => dot d (gradient d x (at_time s)) delta
        * (1 / (J d x (at_time s) * (1 - J d x (at_time s)))))).
      { intros t. rewrite slope_is. pose proof (between t) as there. simpl in *. field. lra. }
      pose proof (between s) as inside.
      replace (bend s) with (curvature_along d x (at_time s) delta * (1 / (J d x (at_time s) * (1 - J d x (at_time s))))
        + dot d (gradient d x (at_time s)) delta
          * (dot d (gradient d x (at_time s)) delta
             * (- (1 - 2 * J d x (at_time s)) / (J d x (at_time s) * (1 - J d x (at_time s))) ^ 2))).
      - apply (is_derive_mult (fun s => dot d (gradient d x (at_time s)) delta)
          (fun s => 1 / (J d x (at_time s) * (1 - J d x (at_time s))))).
        + apply slope_along.
        + apply (is_derive_comp (fun p => 1 / (p * (1 - p))) (fun s => J d x (at_time s))).
          * auto_derive; [|field; lra]. apply Rgt_not_eq, Rmult_lt_0_compat; lra.
          * apply J_along.
        + intros. apply Rmult_comm.
      - rewrite <- curvature_is_second_derivative.
        rewrite binary_curvature_split by (exact right_or_wrong || apply varies).
        rewrite gradient_of_odds by (exact right_or_wrong || apply varies).
        rewrite binary_sigma by exact right_or_wrong. unfold bend. field. lra.
    Qed.

    Lemma bend_le s : Rabs (bend s) <= w ^ 2 / 4.
    Proof.
      pose proof (parts_le d x (at_time s) delta right_or_wrong (varies s) w width 0 ltac:(lra)) as bound.
      rewrite Rmult_0_l, Rplus_0_l, Rabs_R0 in bound.
      unfold curvature_shape in bound. destruct (Rle_dec (1 / 2) 0); [lra|]. unfold bend.
      replace (w ^ 2 / 4) with (1 / (4 * (1 - 0)) * w ^ 2) by field. exact bound.
    Qed.

    Lemma slope_le s : Rabs (slope s) <= w.
    Proof.
      pose proof (binary_gradient_slope d x right_or_wrong (at_time s) delta w width) as bound.
      rewrite gradient_of_odds in bound by (exact right_or_wrong || apply varies).
      rewrite binary_sigma, Rabs_mult in bound by exact right_or_wrong. fold (slope s) in bound.
      pose proof (between s) as inside.
      assert (positive : 0 < J d x (at_time s) * (1 - J d x (at_time s))) by (apply Rmult_lt_0_compat; lra).
      rewrite Rabs_pos_eq in bound by lra.
      apply Rmult_le_reg_l with (J d x (at_time s) * (1 - J d x (at_time s))); [exact positive|]. lra.
    Qed.

    Let end_point : log_odds_at (at_time 1) = log_odds_at (add theta delta).
    Proof. unfold log_odds_at. rewrite (J_ext d x (at_time 1) (add theta delta)) by apply policy_at_one. reflexivity. Qed.

    Let start_point : log_odds_at (at_time 0) = log_odds_at theta.
    Proof. unfold log_odds_at. rewrite (J_ext d x (at_time 0) theta) by apply policy_at_zero. reflexivity. Qed.

    Let start_slope : slope 0 = dot d (gradient d x theta) delta / sigma d x theta ^ 2.
    Proof.
      rewrite slope_is, binary_sigma by exact right_or_wrong.
      rewrite (gradient_dot_ext d x (at_time 0) theta), (J_ext d x (at_time 0) theta) by apply policy_at_zero.
      reflexivity.
    Qed.

    Lemma log_odds_remainder_below sign :
      Rabs sign = 1 ->
      0 <= w ^ 2 / 8 - sign * (log_odds_at (add theta delta) - log_odds_at theta
                               - dot d (gradient d x theta) delta / sigma d x theta ^ 2).
    Proof.
      intros sign_abs. rewrite <- end_point, <- start_point, <- start_slope.
      set (gap := fun s => w ^ 2 / 8 * s ^ 2 - sign * (log_odds_at (at_time s) - log_odds_at (at_time 0) - slope 0 * s)).
      replace (_ - _) with (gap 1) by (unfold gap; ring).
      apply (nonneg_of_second_derivative gap (fun s => w ^ 2 / 4 * s - sign * (slope s - slope 0))
        (fun s => w ^ 2 / 4 - sign * bend s)).
      - lra.
      - intros s _. unfold gap.
        apply (is_derive_minus (fun s => w ^ 2 / 8 * s ^ 2)
          (fun s => sign * (log_odds_at (at_time s) - log_odds_at (at_time 0) - slope 0 * s))).
        + auto_derive; [exact I|field].
        + apply (is_derive_scal (fun s => log_odds_at (at_time s) - log_odds_at (at_time 0) - slope 0 * s)).
          apply (is_derive_minus (fun s => log_odds_at (at_time s) - log_odds_at (at_time 0)) (fun s => slope 0 * s)).
          * rewrite <- (Rminus_0_r (slope s)).
            apply (is_derive_minus (fun s => log_odds_at (at_time s)) (fun _ => log_odds_at (at_time 0))).
            -- apply log_odds_derivative.
            -- auto_derive; [exact I|ring].
          * auto_derive; [exact I|ring].
      - intros s _.
        apply (is_derive_minus (fun s => w ^ 2 / 4 * s) (fun s => sign * (slope s - slope 0))).
        + auto_derive; [exact I|field].
        + apply (is_derive_scal (fun s => slope s - slope 0)).
          rewrite <- (Rminus_0_r (bend s)). apply (is_derive_minus slope (fun _ => slope 0)).
          * apply log_odds_slope_derivative.
          * auto_derive; [exact I|ring].
      - intros s _. pose proof (bend_le s) as bound.
        pose proof (Rle_abs (sign * bend s)) as below. rewrite Rabs_mult, sign_abs, Rmult_1_l in below. lra.
      - unfold gap. ring.
      - ring.
    Qed.

    (** T19. *)
    Theorem log_odds_certificate :
      Rabs (log_odds_at (add theta delta) - log_odds_at theta
            - dot d (gradient d x theta) delta / sigma d x theta ^ 2) <= w ^ 2 / 8.
    Proof.
      pose proof (log_odds_remainder_below 1 Rabs_R1) as above.
      assert (minus_one : Rabs (-1) = 1) by (rewrite Rabs_left by lra; ring).
      pose proof (log_odds_remainder_below (-1) minus_one) as below. apply Rabs_le. lra.
    Qed.

    (** The pass rate itself, from both sides. *)
    Theorem log_odds_certificate_of_J :
      let first := log_odds_at theta + dot d (gradient d x theta) delta / sigma d x theta ^ 2 in
      logistic (first - w ^ 2 / 8) <= J d x (add theta delta) <= logistic (first + w ^ 2 / 8).
    Proof.
      cbv zeta. pose proof log_odds_certificate as bound. apply Rabs_le_between in bound.
      pose proof (pass_rate_inside d x (add theta delta) right_or_wrong (sigma_pos_everywhere theta _ sigma_pos)).
      rewrite <- (logistic_of_log_odds (J d x (add theta delta))) by assumption. fold (log_odds_at (add theta delta)).
      split; apply logistic_monotone; lra.
    Qed.

    (** A step of width w changes the log-odds by at most w. *)
    Theorem log_odds_move : Rabs (log_odds_at (add theta delta) - log_odds_at theta) <= w.
    Proof.
      rewrite <- end_point, <- start_point.
      assert (up : log_odds_at (at_time 1) - log_odds_at (at_time 0) <= w).
      { assert ((fun s => w * s - log_odds_at (at_time s)) 0 <= (fun s => w * s - log_odds_at (at_time s)) 1); [|lra].
        apply (increase (fun s => w * s - log_odds_at (at_time s)) (fun s => w - slope s)); [lra| |].
        - intros s _. apply (is_derive_minus (fun s => w * s) (fun s => log_odds_at (at_time s))).
          + auto_derive; [exact I|ring].
          + apply log_odds_derivative.
        - intros s _. pose proof (slope_le s) as bound. apply Rabs_le_between in bound. lra. }
      assert (down : - w <= log_odds_at (at_time 1) - log_odds_at (at_time 0)).
      { assert ((fun s => w * s + log_odds_at (at_time s)) 0 <= (fun s => w * s + log_odds_at (at_time s)) 1); [|lra].
        apply (increase (fun s => w * s + log_odds_at (at_time s)) (fun s => w + slope s)); [lra| |].
        - intros s _. apply (is_derive_plus (fun s => w * s) (fun s => log_odds_at (at_time s))).
          + auto_derive; [exact I|ring].
          + apply log_odds_derivative.
        - intros s _. pose proof (slope_le s) as bound. apply Rabs_le_between in bound. lra. }
      apply Rabs_le. lra.
    Qed.
  End Step.

  (** ** Steps along the prompt's own gradient *)

  Section OwnStep.
    Variables (theta delta : vector) (D k : R).
    Hypothesis sigma_pos : 0 < sigma d x theta.
    Hypothesis D_pos : 0 < D.
    Hypothesis diameter : diameter_at_most d x D.
    Hypothesis k_nonneg : 0 <= k.
    Hypothesis moves : moves_like_own_step d x theta delta k.

    (** |E[phi | right] - E[phi | wrong]| = |g|/sigma^2. *)
    Definition gap_norm_at : R := norm d (gradient d x theta) / sigma d x theta ^ 2.

    Theorem own_step_log_odds_gain :
      gap_norm_at ^ 2 * sigma d x theta ^ 2 * k * (1 - k * D ^ 2 * sigma d x theta ^ 2 / 8)
      <= log_odds_at (add theta delta) - log_odds_at theta.
    Proof.
      pose proof (log_odds_certificate theta delta _ sigma_pos (own_step_width d x D theta diameter delta k k_nonneg moves))
        as bound.
      rewrite (own_step_along d x theta delta k moves) in bound. apply Rabs_le_between in bound.
      pose proof (pow_lt _ 2 sigma_pos). unfold gap_norm_at.
      replace (_ * (1 - _)) with (k * norm d (gradient d x theta) ^ 2 / sigma d x theta ^ 2
        - (k * (D * norm d (gradient d x theta))) ^ 2 / 8) by (field; lra). lra.
    Qed.
  End OwnStep.

  (** The best certified step, (4/D^2) g/sigma^2: the rule that divides by the variance. *)
  Theorem variance_rule_gain theta D :
    0 < sigma d x theta -> 0 < D -> diameter_at_most d x D ->
    2 * gap_norm_at theta ^ 2 / D ^ 2
    <= log_odds_at (add theta (scale (4 / D ^ 2 / sigma d x theta ^ 2) (gradient d x theta))) - log_odds_at theta.
  Proof.
    intros positive D_pos diameter. set (k := 4 / D ^ 2 / sigma d x theta ^ 2).
    pose proof (pow_lt _ 2 positive) as variance_pos. pose proof (pow_lt _ 2 D_pos) as square_pos.
    assert (k_nonneg : 0 <= k).
    { unfold k. apply Rdiv_le_0_compat; [|exact variance_pos]. apply Rdiv_le_0_compat; lra. }
    assert (moves : moves_like_own_step d x theta (scale k (gradient d x theta)) k).
    { intros y y' _ _. apply dot_scale_r. }
    pose proof (own_step_log_odds_gain theta _ D k positive diameter k_nonneg moves) as gain.
    replace (_ * (1 - _)) with (2 * gap_norm_at theta ^ 2 / D ^ 2) in gain; [exact gain|].
    unfold k. field. lra.
  Qed.

  (** Every other multiple of the gradient is certified for less. *)
  Theorem variance_rule_is_best theta D k :
    0 < sigma d x theta -> 0 < D -> 0 < gap_norm_at theta -> k <> 4 / D ^ 2 / sigma d x theta ^ 2 ->
    gap_norm_at theta ^ 2 * sigma d x theta ^ 2 * k * (1 - k * D ^ 2 * sigma d x theta ^ 2 / 8)
    < 2 * gap_norm_at theta ^ 2 / D ^ 2.
  Proof.
    intros positive D_pos gap_pos other. set (best := 4 / D ^ 2 / sigma d x theta ^ 2) in *.
    pose proof (pow_lt _ 2 positive) as variance_pos. pose proof (pow_lt _ 2 D_pos) as square_pos.
    pose proof (pow_lt _ 2 gap_pos) as gap_square_pos.
    replace (2 * gap_norm_at theta ^ 2 / D ^ 2) with
      (gap_norm_at theta ^ 2 * sigma d x theta ^ 2 * k * (1 - k * D ^ 2 * sigma d x theta ^ 2 / 8)
       + gap_norm_at theta ^ 2 * (D ^ 2 * (sigma d x theta ^ 2 * sigma d x theta ^ 2)) / 8 * (k - best) ^ 2)
      by (unfold best; field; lra).
    assert (0 < (k - best) ^ 2) by (apply pow2_gt_0; lra).
    assert (0 < gap_norm_at theta ^ 2 * (D ^ 2 * (sigma d x theta ^ 2 * sigma d x theta ^ 2)) / 8).
    { apply Rdiv_lt_0_compat; [|lra]. apply Rmult_lt_0_compat; [exact gap_square_pos|].
      apply Rmult_lt_0_compat; [exact square_pos|]. apply Rmult_lt_0_compat; exact variance_pos. }
    pose proof (Rmult_lt_0_compat _ _ H0 H). lra.
  Qed.
End LogOdds.

(** No smaller constant than 1/8: right arms at 0 and 1 with equal probability have L'' = 1/4. *)
Theorem log_odds_certificate_is_tight constant :
  (forall x theta delta w,
     binary x -> 0 < sigma 1 x theta -> step_width_at_most 1 x delta w ->
     Rabs (log_odds_at 1 x (add theta delta) - log_odds_at 1 x theta
           - dot 1 (gradient 1 x theta) delta / sigma 1 x theta ^ 2) <= constant * w ^ 2) ->
  1 / 8 <= constant.
Proof.
  intros bound. set (x := three_arms (1 / 2) 0).
  assert (inside : 1 / 4 < 1 / 2 < 1) by lra. assert (r : 0 = 0 \/ 0 = 1) by (left; reflexivity).
  pose proof (three_arms_binary (1 / 2) 0 r) as binary_x. fold x in binary_x.
  pose proof (three_arms_J (1 / 2) 0 inside) as value. fold x in value.
  assert (positive : 0 < sigma 1 x origin).
  { apply Rnot_le_lt. intros none. pose proof (sigma_nonneg 1 x origin).
    pose proof (binary_sigma 1 x binary_x origin) as square. rewrite value in square.
    replace (sigma 1 x origin) with 0 in square by lra. lra. }
  set (at_time := fun s => add origin (scale s ahead)).
  assert (bend : variance_right 1 x (at_time 0) ahead - variance_wrong 1 x (at_time 0) ahead = 1 / 4).
  { unfold variance_right, variance_wrong, mean_right, mean_wrong, conditional.
    unfold at_time. rewrite (policy_at_zero 1 x origin ahead). unfold x. simpl arms. rewrite !three_arms_mean by exact inside.
    unfold shift, dot, ahead, wrong. simpl. field. }
  assert (second : 0 <= 2 * constant - 1 / 4).
  { rewrite <- bend.
    apply (second_derivative_nonneg
      (fun s => constant * s ^ 2 - (log_odds_at 1 x (at_time s) - log_odds_at 1 x (at_time 0)
         - logit_slope 1 x (at_time 0) ahead * s))
      (fun s => 2 * constant * s - (logit_slope 1 x (at_time s) ahead - logit_slope 1 x (at_time 0) ahead))).
    - intros s.
      apply (is_derive_minus (fun s => constant * s ^ 2)
        (fun s => log_odds_at 1 x (at_time s) - log_odds_at 1 x (at_time 0) - logit_slope 1 x (at_time 0) ahead * s)).
      + auto_derive; [exact I|ring].
      + apply (is_derive_minus (fun s => log_odds_at 1 x (at_time s) - log_odds_at 1 x (at_time 0))
          (fun s => logit_slope 1 x (at_time 0) ahead * s)).
        * rewrite <- (Rminus_0_r (logit_slope 1 x (at_time s) ahead)).
          apply (is_derive_minus (fun s => log_odds_at 1 x (at_time s)) (fun _ => log_odds_at 1 x (at_time 0))).
          -- apply log_odds_derivative; assumption.
          -- auto_derive; [exact I|ring].
        * auto_derive; [exact I|ring].
    - apply (is_derive_minus (fun s => 2 * constant * s)
        (fun s => logit_slope 1 x (at_time s) ahead - logit_slope 1 x (at_time 0) ahead)).
      + auto_derive; [exact I|ring].
      + rewrite <- (Rminus_0_r (variance_right 1 x (at_time 0) ahead - variance_wrong 1 x (at_time 0) ahead)).
        apply (is_derive_minus (fun s => logit_slope 1 x (at_time s) ahead)
          (fun _ => logit_slope 1 x (at_time 0) ahead)).
        * apply (log_odds_slope_derivative 1 x binary_x origin ahead positive).
        * auto_derive; [exact I|ring].
    - ring.
    - ring.
    - intros s later.
      assert (width : step_width_at_most 1 x (scale s ahead) s).
      { rewrite <- (Rmult_1_r s) at 2. apply step_width_scale; [exact later|]. apply three_arms_width. }
      pose proof (bound x origin (scale s ahead) s binary_x positive width) as at_s. rewrite dot_scale_r in at_s.
      apply Rabs_le_between in at_s.
      replace (log_odds_at 1 x (at_time 0)) with (log_odds_at 1 x origin)
        by (unfold log_odds_at; rewrite (J_ext 1 x (at_time 0) origin) by apply policy_at_zero; reflexivity).
      assert (slope : dot 1 (gradient 1 x origin) ahead = sigma 1 x origin ^ 2 * logit_slope 1 x (at_time 0) ahead).
      { rewrite (gradient_of_odds 1 x origin ahead binary_x positive). unfold logit_slope, mean_right, mean_wrong.
        unfold at_time. rewrite (policy_at_zero 1 x origin ahead). reflexivity. }
      rewrite slope in at_s. pose proof (pow_lt _ 2 positive).
      replace (s * (sigma 1 x origin ^ 2 * logit_slope 1 x (at_time 0) ahead) / sigma 1 x origin ^ 2)
        with (logit_slope 1 x (at_time 0) ahead * s) in at_s by (field; lra).
      change (add origin (scale s ahead)) with (at_time s) in at_s. lra. }
  lra.
Qed.
