(** * T18: what the curvature of a right-or-wrong reward is

    For any twice differentiable pass rate p with log-odds L = ln (p/(1-p)),

      p'' = (1 - 2 p) p'^2/sigma^2 + sigma^2 L'',   sigma^2 = p (1 - p).

    For a log-linear policy, with X = phi . u and d = E[X | right] - E[X | wrong],

      uHu = sigma^2 [ (1 - 2 p) d^2 + Var(X | right) - Var(X | wrong) ],   |uHu| <= sigma^2 w^2 M(|1 - 2 p|),

    M(k) = k for k >= 1/2 and 1/(4 (1 - k)) below. At every p some prompt attains it; it is never worse than T1, and
    nowhere greater than (sqrt 3/18) w^2, which one step of REINFORCE turns into a gain.

    Idea. For X in [0, w] with conditional mean m the variance is at most m (w - m), and |d| <= m or <= w - m; so
    k m^2 + m (w - m) = m w - (1 - k) m^2 is what has to be bounded. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Constants Increase Sums Distribution Vectors Policy Line TwoArms Curvature Deviation Certificate.
From GRPO Require Import Arcsine.
Open Scope R_scope.

(** ** Any pass rate *)

Theorem curvature_of_a_pass_rate (p p' : R -> R) (p'' : R) :
  locally 0 (fun s => is_derive p s (p' s)) -> is_derive p' 0 p'' -> 0 < p 0 < 1 ->
  p'' = (1 - 2 * p 0) * p' 0 ^ 2 / (p 0 * (1 - p 0))
        + p 0 * (1 - p 0) * Derive_n (fun s => ln (p s / (1 - p s))) 2 0.
Proof.
  intros first second inside.
  assert (near : locally 0 (fun s => 0 < p s < 1)).
  { assert (continuous p 0) as limit.
    { apply (ex_derive_continuous p). exists (p' 0). exact (locally_singleton _ _ first). }
    apply (limit (fun y => 0 < y < 1)). apply (locally_interval _ (p 0) 0 1); simpl; tauto. }
  assert (slope : locally 0 (fun s => Derive (fun s => ln (p s / (1 - p s))) s = p' s * (1 / (p s * (1 - p s))))).
  { generalize (filter_and _ _ first near). apply filter_imp. intros s [derivative between].
    apply is_derive_unique. apply (is_derive_comp (fun p => ln (p / (1 - p))) p).
    - apply logit_derivative, between.
    - exact derivative. }
  assert (derivative : is_derive (fun s => p' s * (1 / (p s * (1 - p s)))) 0
    (p'' * (1 / (p 0 * (1 - p 0))) + p' 0 * (- (p' 0 * (1 - 2 * p 0)) / (p 0 * (1 - p 0)) ^ 2))).
  { apply (is_derive_mult p' (fun s => 1 / (p s * (1 - p s)))).
    - exact second.
    - replace (- (p' 0 * (1 - 2 * p 0)) / (p 0 * (1 - p 0)) ^ 2)
        with (p' 0 * (- (1 - 2 * p 0) / (p 0 * (1 - p 0)) ^ 2)) by (field; lra).
      apply (is_derive_comp (fun p => 1 / (p * (1 - p))) p).
      + auto_derive; [|field; lra]. apply Rgt_not_eq, Rmult_lt_0_compat; lra.
      + exact (locally_singleton _ _ first).
    - intros. apply Rmult_comm. }
  replace (Derive_n _ 2 0) with (p'' * (1 / (p 0 * (1 - p 0)))
    + p' 0 * (- (p' 0 * (1 - 2 * p 0)) / (p 0 * (1 - p 0)) ^ 2)).
  - field. lra.
  - symmetry. simpl. apply is_derive_unique.
    apply (is_derive_ext_loc (fun s => p' s * (1 / (p s * (1 - p s))))); [|exact derivative].
    revert slope. apply filter_imp. intros s same. symmetry. exact same.
Qed.

(** ** The shape of the bound *)

Definition curvature_shape (k : R) : R := if Rle_dec (1 / 2) k then k else 1 / (4 * (1 - k)).

Lemma curvature_shape_le k m w d :
  0 <= k <= 1 -> 0 <= m <= w -> (Rabs d <= m \/ Rabs d <= w - m) ->
  k * d ^ 2 + m * (w - m) <= curvature_shape k * w ^ 2.
Proof.
  intros between inside gap.
  assert (reduced : forall m, 0 <= m <= w -> Rabs d <= m -> k * d ^ 2 + m * (w - m) <= curvature_shape k * w ^ 2).
  { clear m inside gap. intros m inside gap.
    assert (square : d ^ 2 <= m ^ 2) by (apply pow_maj_Rabs, gap).
    apply Rmult_le_compat_l with (r := k) in square; [|lra].
    apply Rle_trans with (m * w - (1 - k) * m ^ 2); [lra|].
    unfold curvature_shape. destruct (Rle_dec (1 / 2) k) as [large|small].
    - assert (0 <= (w - m) * (k * w - (1 - k) * m)); [|lra].
      apply Rmult_le_pos; [lra|].
      assert ((1 - k) * m <= (1 - k) * w) by (apply Rmult_le_compat_l; lra).
      assert (0 <= (2 * k - 1) * w) by (apply Rmult_le_pos; lra). lra.
    - replace (1 / (4 * (1 - k)) * w ^ 2) with (m * w - (1 - k) * m ^ 2 + (w - 2 * (1 - k) * m) ^ 2 / (4 * (1 - k)))
        by (field; lra).
      assert (0 <= (w - 2 * (1 - k) * m) ^ 2 / (4 * (1 - k))); [|lra].
      apply Rdiv_le_0_compat; [apply pow2_ge_0|lra]. }
  destruct gap as [gap|gap]; [apply reduced; assumption|].
  replace (m * (w - m)) with ((w - m) * (w - (w - m))) by ring. apply reduced; [lra|exact gap].
Qed.

Lemma quarter_le_curvature_shape k : 0 <= k <= 1 -> 1 / 4 <= curvature_shape k.
Proof.
  intros between. unfold curvature_shape. destruct (Rle_dec (1 / 2) k) as [large|small]; [lra|].
  apply Rmult_le_reg_r with (4 * (1 - k)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, (Rmult_assoc 1), Rinv_l by lra. lra.
Qed.

(** ** The two parts for a log-linear policy *)

(** The mean of f where the weight v, of values 0 and 1, is 1. *)
Definition conditional (n : nat) (p v f : nat -> R) : R := mean n p (fun i => v i * f i) / mean n p v.

Section BinaryCurvature.
  Variables (d : nat) (x : prompt) (theta u : vector).
  Hypothesis right_or_wrong : binary x.
  Hypothesis sigma_pos : 0 < sigma d x theta.

  Definition wrong (y : nat) : R := 1 - reward x y.
  Definition mean_right (f : nat -> R) : R := conditional (arms x) (policy d x theta) (reward x) f.
  Definition mean_wrong (f : nat -> R) : R := conditional (arms x) (policy d x theta) wrong f.
  Definition variance_right : R := mean_right (fun y => (shift d x u y - mean_right (shift d x u)) ^ 2).
  Definition variance_wrong : R := mean_wrong (fun y => (shift d x u y - mean_wrong (shift d x u)) ^ 2).
  Definition logit_slope : R := mean_right (shift d x u) - mean_wrong (shift d x u).

  Let p := policy d x theta.
  Let X := shift d x u.

  Lemma mean_of_wrong : mean (arms x) p wrong = 1 - J d x theta.
  Proof.
    unfold wrong. rewrite mean_minus, mean_constant by apply policy_distribution. reflexivity.
  Qed.

  Lemma pass_rate_between : 0 < J d x theta < 1.
  Proof. apply pass_rate_inside; assumption. Qed.

  (** Second moments about any centre, from the moments about 0. *)
  Lemma square_expands v c :
    mean (arms x) p (fun y => v y * (X y - c) ^ 2)
    = mean (arms x) p (fun y => v y * X y ^ 2) - 2 * c * mean (arms x) p (fun y => v y * X y) + c ^ 2 * mean (arms x) p v.
  Proof.
    rewrite <- !mean_scale, <- mean_minus, <- mean_plus. apply mean_ext. intros. ring.
  Qed.

  Lemma mean_splits f :
    mean (arms x) p f = mean (arms x) p (fun y => reward x y * f y) + mean (arms x) p (fun y => wrong y * f y).
  Proof. rewrite <- mean_plus. apply mean_ext. intros. unfold wrong. ring. Qed.

  (** g . u = sigma^2 d: d is the slope of the log-odds. *)
  Lemma gradient_of_odds : dot d (gradient d x theta) u = sigma d x theta ^ 2 * logit_slope.
  Proof.
    pose proof pass_rate_between as between.
    rewrite gradient_dot, covariance_moments by apply policy_distribution.
    rewrite binary_sigma by exact right_or_wrong. unfold logit_slope, mean_right, mean_wrong, conditional.
    fold p X. rewrite mean_of_wrong, (mean_splits X).
    change (mean (arms x) p (reward x)) with (J d x theta).
    change (mean (arms x) p (fun i => reward x i * X i)) with (mean (arms x) p (fun y => reward x y * X y)).
    set (A1 := mean (arms x) p (fun y => reward x y * X y)).
    set (B1 := mean (arms x) p (fun y => wrong y * X y)). field. lra.
  Qed.

  (** T18, the two parts. *)
  Theorem binary_curvature_split :
    Derive_n (fun s => J d x (add theta (scale s u))) 2 0
    = sigma d x theta ^ 2 * ((1 - 2 * J d x theta) * logit_slope ^ 2 + variance_right - variance_wrong).
  Proof.
    pose proof pass_rate_between as between.
    rewrite curvature_is_second_derivative, binary_sigma by exact right_or_wrong.
    unfold curvature_along, logit_slope, variance_right, variance_wrong, mean_right, mean_wrong, conditional.
    fold p X. rewrite !square_expands, mean_of_wrong.
    assert (centred : mean (arms x) p (fun y => reward x y - J d x theta) = 0)
      by (apply mean_centred, policy_distribution).
    rewrite centred.
    rewrite (mean_ext _ _ (fun y => (reward x y - J d x theta) * X y ^ 2)
      (fun y => reward x y * X y ^ 2 - J d x theta * X y ^ 2)) by (intros; ring).
    rewrite (mean_ext _ _ (fun y => (reward x y - J d x theta) * X y)
      (fun y => reward x y * X y - J d x theta * X y)) by (intros; ring).
    rewrite !mean_minus, !mean_scale, (mean_splits X), (mean_splits (fun y => X y ^ 2)).
    change (mean (arms x) p (reward x)) with (J d x theta).
    set (A1 := mean (arms x) p (fun y => reward x y * X y)).
    set (A2 := mean (arms x) p (fun y => reward x y * X y ^ 2)).
    set (B1 := mean (arms x) p (fun y => wrong y * X y)).
    set (B2 := mean (arms x) p (fun y => wrong y * X y ^ 2)).
    field. lra.
  Qed.

  (** Conditional means of values in [a, a+w]. *)
  Variable w : R.
  Hypothesis width : step_width_at_most d x u w.

  Lemma conditional_between v a b f :
    0 < mean (arms x) p v -> (forall y, (y < arms x)%nat -> 0 <= v y) ->
    (forall y, (y < arms x)%nat -> a <= f y <= b) -> a <= conditional (arms x) p v f <= b.
  Proof.
    intros total nonneg between. unfold conditional.
    assert (low : a * mean (arms x) p v <= mean (arms x) p (fun y => v y * f y)).
    { rewrite <- mean_scale. apply mean_le; [apply policy_distribution|]. intros y inside.
      rewrite (Rmult_comm a). apply Rmult_le_compat_l; [apply nonneg|apply between]; exact inside. }
    assert (high : mean (arms x) p (fun y => v y * f y) <= b * mean (arms x) p v).
    { rewrite <- mean_scale. apply mean_le; [apply policy_distribution|]. intros y inside.
      rewrite (Rmult_comm b). apply Rmult_le_compat_l; [apply nonneg|apply between]; exact inside. }
    split; apply Rmult_le_reg_r with (mean (arms x) p v); try exact total;
      unfold Rdiv; rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra; assumption.
  Qed.

  (** The variance of values in [a, a+w] of mean a + m is at most m (w - m). *)
  Lemma conditional_variance_le v a :
    0 < mean (arms x) p v -> (forall y, (y < arms x)%nat -> 0 <= v y) ->
    (forall y, (y < arms x)%nat -> a <= X y <= a + w) ->
    0 <= conditional (arms x) p v (fun y => (X y - conditional (arms x) p v X) ^ 2)
      <= (conditional (arms x) p v X - a) * (w - (conditional (arms x) p v X - a)).
  Proof.
    intros total nonneg between. set (m := conditional (arms x) p v X).
    assert (mean_is : mean (arms x) p (fun y => v y * X y) = m * mean (arms x) p v)
      by (unfold m, conditional; field; lra).
    assert (spread : conditional (arms x) p v (fun y => (X y - m) ^ 2)
      = (m - a) * (w - (m - a)) - conditional (arms x) p v (fun y => (X y - a) * (a + w - X y))).
    { unfold conditional. rewrite square_expands, mean_is.
      rewrite (mean_ext _ _ (fun y => v y * ((X y - a) * (a + w - X y)))
        (fun y => (2 * a + w) * (v y * X y) - v y * X y ^ 2 - a * (a + w) * v y)) by (intros; ring).
      rewrite !mean_minus, !mean_scale, mean_is. field. lra. }
    split.
    - unfold conditional. apply Rdiv_le_0_compat; [|exact total].
      apply mean_nonneg; [apply policy_distribution|]. intros y inside.
      apply Rmult_le_pos; [apply nonneg, inside|apply pow2_ge_0].
    - rewrite spread.
      assert (0 <= conditional (arms x) p v (fun y => (X y - a) * (a + w - X y))); [|lra].
      unfold conditional. apply Rdiv_le_0_compat; [|exact total].
      apply mean_nonneg; [apply policy_distribution|]. intros y inside. pose proof (between y inside).
      apply Rmult_le_pos; [apply nonneg, inside|]. apply Rmult_le_pos; lra.
  Qed.

  Lemma right_or_wrong_weights :
    (0 < mean (arms x) p (reward x) /\ 0 < mean (arms x) p wrong)
    /\ forall y, (y < arms x)%nat -> 0 <= reward x y /\ 0 <= wrong y.
  Proof.
    pose proof pass_rate_between as between. rewrite mean_of_wrong.
    change (mean (arms x) p (reward x)) with (J d x theta). split; [lra|].
    intros y inside. unfold wrong. pose proof (binary_between x right_or_wrong y inside). lra.
  Qed.

  Lemma parts_le k :
    -1 <= k <= 1 ->
    Rabs (k * logit_slope ^ 2 + variance_right - variance_wrong) <= curvature_shape (Rabs k) * w ^ 2.
  Proof.
    intros range.
    destruct (interval_of_width (arms x) X w (some_arm x) width) as [a inside].
    destruct right_or_wrong_weights as [[right_pos wrong_pos] nonneg].
    assert (nonneg_right : forall y, (y < arms x)%nat -> 0 <= reward x y) by (intros; apply nonneg; assumption).
    assert (nonneg_wrong : forall y, (y < arms x)%nat -> 0 <= wrong y) by (intros; apply nonneg; assumption).
    pose proof (conditional_variance_le (reward x) a right_pos nonneg_right inside) as VR.
    pose proof (conditional_variance_le wrong a wrong_pos nonneg_wrong inside) as VW.
    pose proof (conditional_between (reward x) a (a + w) X right_pos nonneg_right inside) as MR.
    pose proof (conditional_between wrong a (a + w) X wrong_pos nonneg_wrong inside) as MW.
    change (conditional (arms x) p (reward x) X) with (mean_right X) in *.
    change (conditional (arms x) p wrong X) with (mean_wrong X) in *.
    change (conditional (arms x) p (reward x) (fun y => (X y - mean_right X) ^ 2)) with variance_right in *.
    change (conditional (arms x) p wrong (fun y => (X y - mean_wrong X) ^ 2)) with variance_wrong in *.
    assert (gap : logit_slope = mean_right X - mean_wrong X) by reflexivity.
    set (R1 := mean_right X - a) in *. set (W1 := mean_wrong X - a) in *.
    replace (mean_right X - mean_wrong X) with (R1 - W1) in gap by (unfold R1, W1; ring).
    assert (R_in : 0 <= R1 <= w) by (unfold R1; lra). assert (W_in : 0 <= W1 <= w) by (unfold W1; lra).
    assert (size : 0 <= Rabs k <= 1) by (split; [apply Rabs_pos|apply Rabs_le; exact range]).
    assert (near_right : Rabs logit_slope <= R1 \/ Rabs logit_slope <= w - R1).
    { rewrite gap. destruct (Rle_lt_dec 0 (R1 - W1)); [left; rewrite Rabs_pos_eq|right; rewrite Rabs_left]; lra. }
    assert (near_wrong : Rabs logit_slope <= W1 \/ Rabs logit_slope <= w - W1).
    { rewrite gap. destruct (Rle_lt_dec 0 (R1 - W1)); [right; rewrite Rabs_pos_eq|left; rewrite Rabs_left]; lra. }
    pose proof (curvature_shape_le (Rabs k) R1 w logit_slope size R_in near_right).
    pose proof (curvature_shape_le (Rabs k) W1 w logit_slope size W_in near_wrong).
    pose proof (pow2_ge_0 logit_slope) as square.
    pose proof (Rmult_le_compat_r _ _ _ square (Rle_abs k)).
    pose proof (Rmult_le_compat_r _ _ _ square (Rle_abs (- k))) as below. rewrite Rabs_Ropp in below.
    apply Rabs_le. lra.
  Qed.

  (** T18, the bound. *)
  Theorem binary_curvature :
    Rabs (Derive_n (fun s => J d x (add theta (scale s u))) 2 0)
    <= sigma d x theta ^ 2 * w ^ 2 * curvature_shape (Rabs (1 - 2 * J d x theta)).
  Proof.
    pose proof pass_rate_between as between. pose proof (pow2_ge_0 (sigma d x theta)) as nonneg.
    rewrite binary_curvature_split, Rabs_mult, (Rabs_pos_eq (sigma d x theta ^ 2)) by exact nonneg.
    rewrite Rmult_assoc. apply Rmult_le_compat_l; [exact nonneg|].
    rewrite (Rmult_comm (w ^ 2)). apply parts_le. lra.
  Qed.
End BinaryCurvature.

(** ** Against T1, and everywhere *)

(** Never worse than T1: sigma M(|1 - 2 p|) <= 1/4. *)
Theorem binary_curvature_never_worse p :
  0 < p < 1 -> p * (1 - p) * curvature_shape (Rabs (1 - 2 * p)) <= CURVATURE * sqrt (p * (1 - p)).
Proof.
  intros between. set (k := Rabs (1 - 2 * p)).
  assert (square : k ^ 2 = (1 - 2 * p) ^ 2) by (unfold k; rewrite <- !Rsqr_pow2; symmetry; apply Rsqr_abs).
  assert (size : 0 <= k < 1) by (split; [apply Rabs_pos|apply Rabs_def1; lra]).
  assert (variance_pos : 0 < p * (1 - p)) by (apply Rmult_lt_0_compat; lra).
  set (s := sqrt (p * (1 - p))).
  assert (s_pos : 0 < s) by (apply sqrt_lt_R0, variance_pos).
  assert (s_square : s * s = p * (1 - p)) by (apply sqrt_sqrt; lra).
  rewrite <- s_square, Rmult_assoc, (Rmult_comm CURVATURE). apply Rmult_le_compat_l; [lra|].
  unfold CURVATURE, curvature_shape. destruct (Rle_dec (1 / 2) k) as [large|small].
  - pose proof (pow2_ge_0 (2 * s - k)). lra.
  - apply Rmult_le_reg_r with (4 * (1 - k)); [lra|].
    replace (s * (1 / (4 * (1 - k))) * (4 * (1 - k))) with s by (field; lra).
    apply Rsqr_incr_0_var; [unfold Rsqr|lra].
    assert (0 <= (1 - k) * (3 - 5 * k)) by (apply Rmult_le_pos; lra). lra.
Qed.

(** Nowhere greater than (sqrt 3/18) w^2. *)
Lemma greatest_binary_curvature p :
  0 < p < 1 -> p * (1 - p) * curvature_shape (Rabs (1 - 2 * p)) <= sqrt 3 / 18.
Proof.
  intros between. set (k := Rabs (1 - 2 * p)).
  assert (square : k ^ 2 = (1 - 2 * p) ^ 2) by (unfold k; rewrite <- !Rsqr_pow2; symmetry; apply Rsqr_abs).
  assert (size : 0 <= k < 1) by (split; [apply Rabs_pos|apply Rabs_def1; lra]).
  replace (p * (1 - p)) with ((1 - k ^ 2) / 4) by lra.
  assert (root : sqrt 3 * sqrt 3 = 3) by (apply sqrt_sqrt; lra).
  assert (root_large : 27 / 16 <= sqrt 3).
  { rewrite <- (sqrt_pow2 (27 / 16)) by lra. apply sqrt_le_1_alt. lra. }
  unfold curvature_shape. destruct (Rle_dec (1 / 2) k) as [large|small].
  - set (r := sqrt 3 / 3).
    assert (r_square : r * r = 1 / 3) by (unfold r; lra).
    assert (0 <= (k - r) ^ 2 * (k + 2 * r)) by (apply Rmult_le_pos; [apply pow2_ge_0|unfold r; lra]).
    replace (sqrt 3 / 18) with (r / 6) by (unfold r; field).
    replace ((k - r) ^ 2 * (k + 2 * r)) with (k ^ 3 - 3 * (r * r) * k + 2 * (r * r) * r) in H by ring.
    rewrite r_square in H. lra.
  - replace ((1 - k ^ 2) / 4 * (1 / (4 * (1 - k)))) with ((1 + k) / 16) by (field; lra). lra.
Qed.

Section Gain.
  Variables (d : nat) (x : prompt).
  Hypothesis right_or_wrong : binary x.

  Theorem binary_curvature_everywhere theta u w :
    0 < sigma d x theta -> step_width_at_most d x u w ->
    Rabs (curvature_along d x theta u) <= sqrt 3 / 18 * w ^ 2.
  Proof.
    intros positive width. rewrite <- curvature_is_second_derivative.
    eapply Rle_trans; [apply (binary_curvature d x theta u right_or_wrong positive w width)|].
    rewrite binary_sigma by exact right_or_wrong.
    rewrite Rmult_assoc, (Rmult_comm (w ^ 2)), <- Rmult_assoc. apply Rmult_le_compat_r; [apply pow2_ge_0|].
    apply greatest_binary_curvature, pass_rate_inside; assumption.
  Qed.

  (** Without a deviation there is no curvature either. *)
  Lemma curvature_without_deviation theta u : sigma d x theta = 0 -> curvature_along d x theta u = 0.
  Proof.
    intros none. rewrite curvature_along_covariance. apply Rabs_eq_0, Rle_antisym; [|apply Rabs_pos].
    eapply Rle_trans; [apply covariance_le, policy_distribution|].
    fold (sigma d x theta). rewrite none. lra.
  Qed.

  Lemma binary_curvature_any theta u w :
    step_width_at_most d x u w -> Rabs (curvature_along d x theta u) <= sqrt 3 / 18 * w ^ 2.
  Proof.
    intros width. destruct (Rle_lt_or_eq_dec 0 _ (sigma_nonneg d x theta)) as [positive|none].
    - apply binary_curvature_everywhere; assumption.
    - rewrite curvature_without_deviation by (symmetry; exact none). rewrite Rabs_R0.
      apply Rmult_le_pos; [|apply pow2_ge_0]. pose proof (sqrt_pos 3). lra.
  Qed.

  (** Along any step J gains at least g . delta - (sqrt 3/36) w^2. *)
  Lemma binary_gain theta delta w :
    step_width_at_most d x delta w ->
    dot d (gradient d x theta) delta - sqrt 3 / 36 * w ^ 2 <= J d x (add theta delta) - J d x theta.
  Proof.
    intros width. set (at_time := fun s => add theta (scale s delta)).
    set (slope := dot d (gradient d x theta) delta).
    set (gap := fun s => sqrt 3 / 36 * w ^ 2 * s ^ 2 + (J d x (at_time s) - J d x theta - slope * s)).
    assert (0 <= gap 1).
    { apply (nonneg_of_second_derivative gap
        (fun s => sqrt 3 / 18 * w ^ 2 * s + (dot d (gradient d x (at_time s)) delta - slope))
        (fun s => sqrt 3 / 18 * w ^ 2 + curvature_along d x (at_time s) delta)).
      - lra.
      - intros s _. apply (is_derive_plus (fun s => sqrt 3 / 36 * w ^ 2 * s ^ 2)
          (fun s => J d x (at_time s) - J d x theta - slope * s)).
        + auto_derive; [exact I|field].
        + apply remainder_derivative.
      - intros s _. apply (is_derive_plus (fun s => sqrt 3 / 18 * w ^ 2 * s)
          (fun s => dot d (gradient d x (at_time s)) delta - slope)).
        + auto_derive; [exact I|field].
        + apply remainder_slope_derivative.
      - intros s _. pose proof (binary_curvature_any (at_time s) delta w width) as bound.
        apply Rabs_le_between in bound. lra.
      - unfold gap. rewrite (J_ext d x (at_time 0) theta) by apply policy_at_zero. ring.
      - rewrite (gradient_dot_ext d x (at_time 0) theta) by apply policy_at_zero. unfold slope. ring. }
    unfold gap in H. rewrite (J_ext d x (at_time 1) (add theta delta)) in H by apply policy_at_one. lra.
  Qed.

  (** REINFORCE at 6 sqrt 3/D^2. *)
  Theorem reinforce_binary_gain theta D :
    0 < D -> diameter_at_most d x D ->
    3 * sqrt 3 / D ^ 2 * norm d (gradient d x theta) ^ 2
    <= J d x (add theta (scale (6 * sqrt 3 / D ^ 2) (gradient d x theta))) - J d x theta.
  Proof.
    intros positive diameter. set (g := gradient d x theta). set (step := 6 * sqrt 3 / D ^ 2).
    pose proof (binary_gain theta (scale step g) _ (step_width_of_diameter d x (scale step g) D diameter)) as gain.
    rewrite dot_scale_r in gain. fold g in gain. rewrite <- norm_square, norm_scale in gain.
    rewrite Rpow_mult_distr, Rpow_mult_distr, pow2_abs in gain.
    replace (3 * sqrt 3 / D ^ 2 * norm d g ^ 2)
      with (step * norm d g ^ 2 - sqrt 3 / 36 * (D ^ 2 * (step ^ 2 * norm d g ^ 2))); [exact gain|].
    assert (root : sqrt 3 ^ 2 = 3) by (apply pow2_sqrt; lra). unfold step.
    replace (sqrt 3 / 36 * (D ^ 2 * ((6 * sqrt 3 / D ^ 2) ^ 2 * norm d g ^ 2)))
      with (sqrt 3 ^ 2 * (sqrt 3 / D ^ 2 * norm d g ^ 2)) by (field; lra).
    rewrite root. field. lra.
  Qed.
End Gain.

(** ** Sharp at every pass rate *)

(** Arm 0 has one reward, arms 1 and 2 the other; arms 0 and 1 have feature 0, arm 2 has feature 1 and probability 1/4.
    [share] is the probability of arms 1 and 2. *)
Definition three_arms (share r : R) : prompt := {|
  arms := 3;
  some_arm := Nat.lt_0_succ 2;
  offset := fun y => match y with O => ln (1 - share) | 1%nat => ln (share - 1 / 4) | _ => ln (1 / 4) end;
  feature := fun y _ => match y with 2%nat => 1 | _ => 0 end;
  reward := fun y => match y with O => r | _ => 1 - r end
|}.

Section ThreeArms.
  Variables share r : R.
  Hypothesis inside : 1 / 4 < share < 1.
  Hypothesis right_or_wrong : r = 0 \/ r = 1.

  Lemma three_arms_binary : binary (three_arms share r).
  Proof. intros y _. simpl. destruct right_or_wrong as [-> | ->], y; lra. Qed.

  Lemma three_arms_width : step_width_at_most 1 (three_arms share r) ahead 1.
  Proof.
    intros y y' _ _. unfold dot, ahead. simpl. destruct y as [|[|[|y]]], y' as [|[|[|y']]]; lra.
  Qed.

  Lemma three_arms_mean f :
    mean 3 (policy 1 (three_arms share r) origin) f
    = (1 - share) * f O + (share - 1 / 4) * f 1%nat + 1 / 4 * f 2%nat.
  Proof.
    unfold mean, policy, softmax, logits, dot, origin. simpl.
    rewrite !Rmult_0_l, !Rplus_0_l, !Rplus_0_r, !exp_ln by lra. field. lra.
  Qed.

  Lemma three_arms_J : J 1 (three_arms share r) origin = (1 - share) * r + share * (1 - r).
  Proof. unfold J. simpl arms. rewrite three_arms_mean. simpl. ring. Qed.

  Lemma three_arms_curvature :
    curvature_along 1 (three_arms share r) origin ahead = (1 - 2 * r) * ((1 - share) / 8).
  Proof.
    unfold curvature_along, shift. rewrite three_arms_J. simpl arms. rewrite !three_arms_mean.
    unfold dot, ahead. simpl. destruct right_or_wrong as [-> | ->]; field.
  Qed.
End ThreeArms.

(** At every p some prompt of width 1 attains the bound. *)
Theorem binary_curvature_is_attained p :
  0 < p < 1 ->
  exists x, binary x /\ step_width_at_most 1 x ahead 1 /\ J 1 x origin = p /\
    Rabs (Derive_n (fun s => J 1 x (add origin (scale s ahead))) 2 0)
    = sigma 1 x origin ^ 2 * 1 ^ 2 * curvature_shape (Rabs (1 - 2 * p)).
Proof.
  intros inside. unfold curvature_shape. destruct (Rle_dec (1 / 2) (Rabs (1 - 2 * p))) as [far|near].
  - exists (two_arms p). repeat split.
    + intros y _. apply two_arms_binary.
    + apply two_arms_width.
    + apply two_arms_J, inside.
    + rewrite binary_sigma by (intros y _; apply two_arms_binary). rewrite two_arms_J by exact inside.
      rewrite curvature_is_second_derivative, two_arms_curvature, Rabs_mult by exact inside.
      rewrite (Rabs_pos_eq (p * (1 - p))) by (apply Rmult_le_pos; lra). ring.
  - assert (close : -1 / 2 < 1 - 2 * p < 1 / 2).
    { apply Rnot_le_lt in near. apply Rabs_def2 in near. lra. }
    destruct (Rle_lt_dec p (1 / 2)) as [low|high].
    + exists (three_arms p 0).
      assert (share : 1 / 4 < p < 1) by lra. assert (r : 0 = 0 \/ 0 = 1) by (left; reflexivity).
      pose proof (three_arms_binary p 0 r) as binary_x. pose proof (three_arms_J p 0 share) as value.
      replace ((1 - p) * 0 + p * (1 - 0)) with p in value by ring.
      repeat split; [exact binary_x|apply three_arms_width; assumption|exact value|].
      rewrite binary_sigma by exact binary_x.
      rewrite value, curvature_is_second_derivative, three_arms_curvature by assumption.
      rewrite !Rabs_pos_eq by lra. field. lra.
    + exists (three_arms (1 - p) 1).
      assert (share : 1 / 4 < 1 - p < 1) by lra. assert (r : 1 = 0 \/ 1 = 1) by (right; reflexivity).
      pose proof (three_arms_binary (1 - p) 1 r) as binary_x. pose proof (three_arms_J (1 - p) 1 share) as value.
      replace ((1 - (1 - p)) * 1 + (1 - p) * (1 - 1)) with p in value by ring.
      repeat split; [exact binary_x|apply three_arms_width; assumption|exact value|].
      rewrite binary_sigma by exact binary_x.
      rewrite value, curvature_is_second_derivative, three_arms_curvature by assumption.
      rewrite !Rabs_left1 by lra. field. lra.
Qed.

(** At no p does a smaller factor do for every prompt: neither |1 - 2 p| where that is below 1/2, nor a constant below 1. *)
Theorem binary_curvature_is_tight p factor :
  0 < p < 1 ->
  (forall x theta u w,
     binary x -> J 1 x theta = p -> step_width_at_most 1 x u w ->
     Rabs (Derive_n (fun s => J 1 x (add theta (scale s u))) 2 0) <= sigma 1 x theta ^ 2 * w ^ 2 * factor) ->
  curvature_shape (Rabs (1 - 2 * p)) <= factor.
Proof.
  intros inside bound. destruct (binary_curvature_is_attained p inside) as [x [binary_x [width [value attained]]]].
  pose proof (bound x origin ahead 1 binary_x value width) as at_worst. rewrite attained in at_worst.
  rewrite binary_sigma, value in at_worst by exact binary_x.
  apply Rmult_le_reg_l with (p * (1 - p) * 1 ^ 2); [|exact at_worst].
  rewrite pow1, Rmult_1_r. apply Rmult_lt_0_compat; lra.
Qed.

Corollary two_valued_shape_is_not_enough :
  ~ (forall x theta u w,
       binary x -> J 1 x theta = 1 / 2 -> step_width_at_most 1 x u w ->
       Rabs (Derive_n (fun s => J 1 x (add theta (scale s u))) 2 0)
       <= sigma 1 x theta ^ 2 * w ^ 2 * Rabs (1 - 2 * (1 / 2))).
Proof.
  intros bound. pose proof (binary_curvature_is_tight (1 / 2) _ ltac:(lra) bound) as smaller.
  replace (1 - 2 * (1 / 2)) with 0 in smaller by field. rewrite Rabs_R0 in smaller.
  pose proof (quarter_le_curvature_shape 0 ltac:(lra)). lra.
Qed.
