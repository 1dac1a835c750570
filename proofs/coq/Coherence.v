(** * T9: when GRPO ascends although prompts interfere

    chi = sum_{x,x'} <g_x, g_x'> / sigma_x' divided by sum_x |g_x|^2 / sigma_x is the first-order gain of the sum of
    the values under GRPO over what it would be with orthogonal gradients. If the spans of any two prompts have
    coherence at most mu (|<u, v>| <= mu |u| |v| for u in one span and v in the other: this is |P_x P_x'| <= mu) and s
    is at least every (sqrt (sigma_x/sigma_x') + sqrt (sigma_x'/sigma_x)) / 2, then

      chi >= 1 - mu (N - 1) s.

    Equality for N = 2, mu = 1 and opposed gradients with |g_1|^2/sigma_1 = |g_2|^2/sigma_2.

    Idea: with h_x = |g_x| / sqrt sigma_x the terms of x and x' together are at least -2 mu s h_x h_x', which is at
    least -mu s (h_x^2 + h_x'^2). *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Rcomplements.
From GRPO Require Import Constants Sums Distribution Vectors Policy Line Convergence.
Open Scope R_scope.

(** ** For vectors *)

(** s_xx' of two deviations. *)
Definition pair_spread (a b : R) : R := (sqrt (a / b) + sqrt (b / a)) / 2.

Lemma sqrt_ratio a b : 0 < a -> 0 < b -> sqrt (a / b) = sqrt a / sqrt b.
Proof. intros a_positive b_positive. apply sqrt_div; lra. Qed.

(** (1/a + 1/b) / 2 = s_ab / (sqrt a sqrt b). *)
Lemma pair_spread_mean a b : 0 < a -> 0 < b -> (/ a + / b) / 2 = pair_spread a b * (/ sqrt a * / sqrt b).
Proof.
  intros a_positive b_positive. unfold pair_spread. rewrite !sqrt_ratio by assumption.
  rewrite <- (sqrt_sqrt a) at 1 by lra. rewrite <- (sqrt_sqrt b) at 1 by lra.
  assert (root_a := sqrt_lt_R0 a a_positive). assert (root_b := sqrt_lt_R0 b b_positive). field. lra.
Qed.

Section Vectors.
  Variables (d N : nat) (g : nat -> vector) (s : nat -> R) (mu spread : R).

  (** The two sums of chi. *)
  Definition grpo_first_order : R := sum N (fun i => sum N (fun j => dot d (g i) (g j) / s j)).
  Definition own_first_order : R := sum N (fun i => norm d (g i) ^ 2 / s i).

  Hypothesis s_positive : forall i, (i < N)%nat -> 0 < s i.
  Hypothesis mu_nonneg : 0 <= mu.
  Hypothesis coherence : forall i j, (i < N)%nat -> (j < N)%nat -> i <> j ->
    Rabs (dot d (g i) (g j)) <= mu * (norm d (g i) * norm d (g j)).
  Hypothesis spread_bound : forall i j, (i < N)%nat -> (j < N)%nat -> pair_spread (s i) (s j) <= spread.

  Let h (i : nat) : R := norm d (g i) / sqrt (s i).

  Lemma h_square i : (i < N)%nat -> h i ^ 2 = norm d (g i) ^ 2 / s i.
  Proof.
    intros inside. assert (positive := s_positive i inside). assert (root := sqrt_lt_R0 _ positive).
    unfold h. rewrite <- (sqrt_sqrt (s i)) at 2 by lra. field. lra.
  Qed.

  Lemma h_nonneg i : (i < N)%nat -> 0 <= h i.
  Proof.
    intros inside. apply Rmult_le_pos; [apply norm_nonneg|].
    left. apply Rinv_0_lt_compat, sqrt_lt_R0, s_positive, inside.
  Qed.

  (** Exchanging the names of the two prompts does not change the sum: average both. *)
  Lemma symmetrised :
    grpo_first_order = sum N (fun i => sum N (fun j => dot d (g i) (g j) * ((/ s i + / s j) / 2))).
  Proof.
    assert (exchanged : grpo_first_order = sum N (fun i => sum N (fun j => dot d (g i) (g j) / s i))).
    { unfold grpo_first_order. rewrite sum_swap. apply sum_ext. intros i _. apply sum_ext. intros j _.
      rewrite dot_comm. reflexivity. }
    apply Rmult_eq_reg_l with 2; [|lra].
    replace (2 * grpo_first_order) with (grpo_first_order + grpo_first_order) by ring. rewrite exchanged at 1.
    unfold grpo_first_order. rewrite <- sum_plus, <- sum_scale. apply sum_ext. intros i _.
    rewrite <- sum_plus, <- sum_scale. apply sum_ext. intros j _. lra.
  Qed.

  Lemma interference_below i j : (i < N)%nat -> (j < N)%nat -> i <> j ->
    - (mu * spread) * ((h i ^ 2 + h j ^ 2) / 2) <= dot d (g i) (g j) * ((/ s i + / s j) / 2).
  Proof.
    intros i_inside j_inside other. rewrite pair_spread_mean by (apply s_positive; assumption).
    assert (roots : 0 <= pair_spread (s i) (s j) * (/ sqrt (s i) * / sqrt (s j))).
    { rewrite <- pair_spread_mean by (apply s_positive; assumption).
      assert (0 < / s i) by (apply Rinv_0_lt_compat, s_positive, i_inside).
      assert (0 < / s j) by (apply Rinv_0_lt_compat, s_positive, j_inside). lra. }
    assert (low := coherence i j i_inside j_inside other). apply Rabs_le_between in low. destruct low as [low _].
    assert (scaled := Rmult_le_compat_r _ _ _ roots low).
    replace (- (mu * (norm d (g i) * norm d (g j))) * (pair_spread (s i) (s j) * (/ sqrt (s i) * / sqrt (s j))))
      with (- (mu * (h i * h j) * pair_spread (s i) (s j))) in scaled by (unfold h, Rdiv; ring).
    assert (i_nonneg := h_nonneg i i_inside). assert (j_nonneg := h_nonneg j j_inside).
    assert (product : 0 <= mu * (h i * h j))
      by (apply Rmult_le_pos; [assumption|apply Rmult_le_pos; assumption]).
    assert (spread_up := Rmult_le_compat_l _ _ _ product (spread_bound i j i_inside j_inside)).
    assert (spread_nonneg : 0 <= spread).
    { apply Rle_trans with (pair_spread (s i) (s j)); [|apply spread_bound; assumption].
      unfold pair_spread. assert (a := sqrt_pos (s i / s j)). assert (b := sqrt_pos (s j / s i)). lra. }
    assert (squares : h i * h j <= (h i ^ 2 + h j ^ 2) / 2) by (assert (square := pow2_ge_0 (h i - h j)); lra).
    assert (factor : 0 <= mu * spread) by (apply Rmult_le_pos; assumption).
    assert (up := Rmult_le_compat_l _ _ _ factor squares). lra.
  Qed.

  (** The ascent condition. *)
  Theorem ascent_condition : (1 - mu * (INR N - 1) * spread) * own_first_order <= grpo_first_order.
  Proof.
    set (k := mu * spread).
    (* the diagonal has its own term in full, everything else is bounded as above *)
    assert (below : sum N (fun i => sum N (fun j =>
      - k * ((h i ^ 2 + h j ^ 2) / 2) + (if Nat.eq_dec j i then (1 + k) * h i ^ 2 else 0))) <= grpo_first_order).
    { rewrite symmetrised. apply sum_le. intros i i_inside. apply sum_le. intros j j_inside.
      destruct (Nat.eq_dec j i) as [->|other].
      - rewrite <- norm_square, h_square by assumption. right. field.
        apply Rgt_not_eq, s_positive, i_inside.
      - rewrite Rplus_0_r. apply interference_below; congruence || assumption. }
    eapply Rle_trans; [right|exact below].
    assert (own : own_first_order = sum N (fun i => h i ^ 2)).
    { apply sum_ext. intros i inside. symmetry. apply h_square, inside. }
    set (H := own_first_order) in *.
    rewrite (sum_ext N _ (fun i => (- (k / 2) * INR N + (1 + k)) * h i ^ 2 + - (k / 2) * H)).
    - rewrite sum_plus, sum_scale, sum_constant, <- own. unfold k. field.
    - intros i i_inside. rewrite sum_plus.
      rewrite (sum_single N (fun j => if Nat.eq_dec j i then (1 + k) * h i ^ 2 else 0) i i_inside).
      2: { intros j _ other. destruct (Nat.eq_dec j i); [contradiction|reflexivity]. }
      destruct (Nat.eq_dec i i) as [_|different]; [|contradiction].
      rewrite (sum_ext N _ (fun j => - (k / 2) * h i ^ 2 + - (k / 2) * h j ^ 2)) by (intros; field).
      rewrite sum_plus, sum_constant, sum_scale, <- own. ring.
  Qed.
  (** The same for chi itself; in particular GRPO ascends to first order if mu (N - 1) s < 1. *)
  Corollary cross_ratio_bound : 0 < own_first_order ->
    1 - mu * (INR N - 1) * spread <= grpo_first_order / own_first_order.
  Proof. intros positive. apply Rle_div_r; [exact positive|apply ascent_condition]. Qed.
End Vectors.

(** ** For prompts *)

Section Prompts.
  Variables (d N : nat) (x : nat -> prompt).

  (** The combinations of feature differences, that is, the span of a prompt. *)
  Definition span_vector (p : prompt) (a : nat -> R) : vector :=
    vector_sum (arms p) (fun y => scale (a y) (subtract (feature p y) (feature p 0%nat))).

  Definition coherence_at_most (mu : R) : Prop :=
    forall i j, (i < N)%nat -> (j < N)%nat -> i <> j -> forall a b,
    Rabs (dot d (span_vector (x i) a) (span_vector (x j) b))
    <= mu * (norm d (span_vector (x i) a) * norm d (span_vector (x j) b)).

  (** g = sum_y pi_y (r_y - J) (phi_y - phi_0). *)
  Lemma gradient_spanned p theta k :
    gradient d p theta k = span_vector p (fun y => policy d p theta y * (reward p y - J d p theta)) k.
  Proof.
    unfold gradient. rewrite (covariance_shift _ _ _ _ (feature p 0%nat k)) by apply policy_distribution.
    apply sum_ext. intros y _. unfold scale, subtract, J. ring.
  Qed.

  Lemma dot_same u u' v v' : (forall k, u k = u' k) -> (forall k, v k = v' k) -> dot d u v = dot d u' v'.
  Proof. intros same same'. apply sum_ext. intros k _. rewrite same, same'. reflexivity. Qed.

  (** The first-order gain of the sum of the values along GRPO's direction. *)
  Lemma first_order_gain theta : (forall i, (i < N)%nat -> 0 < sigma d (x i) theta) ->
    dot d (none_direction d N x theta) (group_direction d N x theta)
    = grpo_first_order d N (fun i => gradient d (x i) theta) (fun i => sigma d (x i) theta).
  Proof.
    intros positive. unfold none_direction, group_direction, grpo_first_order. rewrite dot_sum_l.
    apply sum_ext. intros i _. rewrite dot_sum_r. apply sum_ext. intros j j_inside. rewrite dot_scale_r.
    assert (nonzero := positive j j_inside). unfold group_weight.
    destruct (Req_EM_T (sigma d (x j) theta) 0); [lra|]. unfold Rdiv. ring.
  Qed.

  (** chi >= 1 - mu (N - 1) s for the gradients of prompts. *)
  Theorem grpo_ascent_condition theta mu spread :
    (forall i, (i < N)%nat -> 0 < sigma d (x i) theta) -> 0 <= mu -> coherence_at_most mu ->
    (forall i j, (i < N)%nat -> (j < N)%nat -> pair_spread (sigma d (x i) theta) (sigma d (x j) theta) <= spread) ->
    (1 - mu * (INR N - 1) * spread) * sum N (fun i => norm d (gradient d (x i) theta) ^ 2 / sigma d (x i) theta)
    <= dot d (none_direction d N x theta) (group_direction d N x theta).
  Proof.
    intros positive mu_nonneg coherent spread_bound. rewrite first_order_gain by exact positive.
    apply (ascent_condition d N (fun i => gradient d (x i) theta) (fun i => sigma d (x i) theta)); try assumption.
    intros i j i_inside j_inside other.
    assert (bound := coherent i j i_inside j_inside other
      (fun y => policy d (x i) theta y * (reward (x i) y - J d (x i) theta))
      (fun y => policy d (x j) theta y * (reward (x j) y - J d (x j) theta))).
    assert (same : forall i' j', dot d (gradient d (x i') theta) (gradient d (x j') theta)
      = dot d (span_vector (x i') (fun y => policy d (x i') theta y * (reward (x i') y - J d (x i') theta)))
              (span_vector (x j') (fun y => policy d (x j') theta y * (reward (x j') y - J d (x j') theta)))).
    { intros. apply dot_same; intros k; apply gradient_spanned. }
    unfold norm in *. rewrite <- !same in bound. exact bound.
  Qed.
End Prompts.

(** ** Tight *)

(** Two opposed gradients with equal |g|^2/sigma, any deviations, mu = 1: an equality. *)
Theorem ascent_condition_tight d (e : vector) (a b : R) : 0 < a -> 0 < b ->
  let g i := match i with O => scale (sqrt a) e | _ => scale (- sqrt b) e end in
  let s i := match i with O => a | _ => b end in
  grpo_first_order d 2 g s = (1 - 1 * (INR 2 - 1) * pair_spread a b) * own_first_order d 2 g s.
Proof.
  intros a_positive b_positive g s. unfold grpo_first_order, own_first_order. cbn [sum]. unfold g, s.
  rewrite !norm_square, !dot_scale_l, !dot_scale_r. unfold pair_spread. rewrite !sqrt_ratio by assumption.
  assert (root_a := sqrt_lt_R0 a a_positive). assert (root_b := sqrt_lt_R0 b b_positive).
  set (A := sqrt a) in *. set (B := sqrt b) in *.
  replace a with (A * A) by (apply sqrt_sqrt; lra). replace b with (B * B) by (apply sqrt_sqrt; lra).
  replace (INR 2) with 2 by (simpl; ring). field. lra.
Qed.
