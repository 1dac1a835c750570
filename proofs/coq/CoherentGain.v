(** * T17: the theorem under coherence

    g_i are the gradients of N prompts at theta, v_i at least their deviations and positive, a_i = |g_i|/sqrt v_i. K is a
    matrix of nonnegative numbers with K_ii = 1 such that vectors u, u' of the spans of two prompts i, j have
    |u . u'| <= K_ij |u| |u'|. If, for all nonnegative a,

      sum_ij K_ij sqrt (v_i/v_j) a_i a_j <= (2 - A) |a|^2,   sum_i (sum_j K_ij sqrt (v_i/v_j) a_j)^2 <= L^2 |a|^2,

    and every row of K sums to at most L, then with r = A/L > 0 the step 4 ln (1 + r)/(D^2 L) along sum_j g_j/v_j raises
    the sum of J by at least (4/D^2) rho(r) sum_i |g_i|^2/v_i, rho(r) = (1 + r) ln (1 + r) - r. GRPO has v = sigma,
    REINFORCE a constant v. With K_ij = mu off the diagonal and X = sqrt (sum v . sum 1/v) = N chi_hat,

      A = 1 - mu ((N + X)/2 - 1),   L = 1 - mu + mu X     will do.

    Idea. No logit of prompt i moves by more than ln (1 + r) times a number between 0 and 1, so T3's remainder is at most the
    square of that number times psi (ln (1 + r)). For mu the matrix is (1 - mu) I plus mu times one of rank one. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Constants Sums Distribution Vectors Policy Psi Line Deviation Certificate Convergence Coherence.
Open Scope R_scope.

(** rho(r) = (1 + r) ln (1 + r) - r; rho(1) is T6's constant. *)
Definition rho (r : R) : R := (1 + r) * ln (1 + r) - r.

Lemma rho_at_one : rho 1 = RATE.
Proof. unfold rho, RATE. replace (1 + 1) with 2 by ring. reflexivity. Qed.

(** ** Spans *)

Definition coherence_matrix (d N : nat) (x : nat -> prompt) (K : nat -> nat -> R) : Prop :=
  forall i j, (i < N)%nat -> (j < N)%nat -> i <> j -> forall a b,
  Rabs (dot d (span_vector (x i) a) (span_vector (x j) b))
  <= K i j * (norm d (span_vector (x i) a) * norm d (span_vector (x j) b)).

Definition at_arm (y z : nat) : R := if Nat.eq_dec z y then 1 else 0.

Lemma sum_at_arm n y f : (y < n)%nat -> sum n (fun z => at_arm y z * f z) = f y.
Proof.
  intros inside. rewrite (sum_single n _ y inside).
  - unfold at_arm. destruct (Nat.eq_dec y y); [ring|contradiction].
  - intros z _ other. unfold at_arm. destruct (Nat.eq_dec z y); [contradiction|ring].
Qed.

Lemma difference_spanned p y y' k :
  (y < arms p)%nat -> (y' < arms p)%nat ->
  subtract (feature p y) (feature p y') k = span_vector p (fun z => at_arm y z - at_arm y' z) k.
Proof.
  intros inside inside'. unfold span_vector, vector_sum, scale, subtract.
  rewrite (sum_ext _ _ (fun z => at_arm y z * (feature p z k - feature p 0%nat k)
    - at_arm y' z * (feature p z k - feature p 0%nat k))) by (intros; ring).
  rewrite sum_minus, !sum_at_arm by assumption. ring.
Qed.

Section Gain.
  Variables (d N : nat) (x : nat -> prompt) (D : R) (theta : vector) (v : nat -> R) (K : nat -> nat -> R) (A L : R).
  Hypothesis D_pos : 0 < D.
  Hypothesis diameters : diameters_at_most d N x D.
  Hypothesis v_pos : forall i, (i < N)%nat -> 0 < v i.
  Hypothesis v_large : forall i, (i < N)%nat -> sigma d (x i) theta <= v i.
  Hypothesis K_nonneg : forall i j, (i < N)%nat -> (j < N)%nat -> 0 <= K i j.
  Hypothesis K_diagonal : forall i, (i < N)%nat -> K i i = 1.
  Hypothesis coherent : coherence_matrix d N x K.
  Hypothesis A_pos : 0 < A.
  Hypothesis L_pos : 0 < L.

  Let ratio (i j : nat) : R := K i j * (sqrt (v i) / sqrt (v j)).
  Hypothesis form : forall a, (forall i, (i < N)%nat -> 0 <= a i) ->
    sum N (fun i => sum N (fun j => ratio i j * (a i * a j))) <= (2 - A) * sum N (fun i => a i ^ 2).
  Hypothesis operator : forall a, (forall i, (i < N)%nat -> 0 <= a i) ->
    sum N (fun i => sum N (fun j => ratio i j * a j) ^ 2) <= L ^ 2 * sum N (fun i => a i ^ 2).
  Hypothesis rows : forall i, (i < N)%nat -> sum N (K i) <= L.

  Let g (i : nat) : vector := gradient d (x i) theta.
  Let size (i : nat) : R := norm d (g i).
  Let root (i : nat) : R := sqrt (v i).
  Let a (i : nat) : R := size i / root i.
  Let r : R := A / L.
  Let c : R := ln (1 + r).

  Definition weighted_direction : vector := vector_sum N (fun j => scale (/ v j) (gradient d (x j) theta)).
  Definition coherent_step : R := 4 * ln (1 + A / L) / (D ^ 2 * L).

  Let delta : vector := scale coherent_step weighted_direction.

  Let r_pos : 0 < r.
  Proof. apply Rdiv_lt_0_compat; assumption. Qed.

  Let c_pos : 0 < c.
  Proof. unfold c. rewrite <- ln_1. apply ln_increasing; lra. Qed.

  Let root_pos i : (i < N)%nat -> 0 < root i.
  Proof. intros inside. apply sqrt_lt_R0, v_pos, inside. Qed.

  Let root_square i : (i < N)%nat -> root i * root i = v i.
  Proof. intros inside. apply sqrt_sqrt. left. apply v_pos, inside. Qed.

  Let size_nonneg i : 0 <= size i.
  Proof. apply norm_nonneg. Qed.

  Let a_nonneg i : (i < N)%nat -> 0 <= a i.
  Proof. intros inside. apply Rdiv_le_0_compat; [apply size_nonneg|apply root_pos, inside]. Qed.

  Let a_square i : (i < N)%nat -> a i ^ 2 = size i ^ 2 / v i.
  Proof.
    intros inside. pose proof (root_pos i inside). unfold a. rewrite <- (root_square i inside). field. lra.
  Qed.

  Lemma gradients_overlap i j : (i < N)%nat -> (j < N)%nat -> i <> j -> - (K i j * (size i * size j)) <= dot d (g i) (g j).
  Proof.
    intros i_inside j_inside other.
    pose proof (coherent i j i_inside j_inside other
      (fun y => policy d (x i) theta y * (reward (x i) y - J d (x i) theta))
      (fun y => policy d (x j) theta y * (reward (x j) y - J d (x j) theta))) as bound.
    assert (same : forall i' j', dot d (g i') (g j')
      = dot d (span_vector (x i') (fun y => policy d (x i') theta y * (reward (x i') y - J d (x i') theta)))
              (span_vector (x j') (fun y => policy d (x j') theta y * (reward (x j') y - J d (x j') theta)))).
    { intros. apply dot_same; intros k; apply gradient_spanned. }
    unfold size, norm in *. rewrite <- !same in bound. apply Rabs_le_between in bound. apply bound.
  Qed.

  (** How far g_j moves prompt i. *)
  Lemma foreign_width i j : (i < N)%nat -> (j < N)%nat -> step_width_at_most d (x i) (g j) (K i j * (D * size j)).
  Proof.
    intros i_inside j_inside y y' inside inside'. destruct (Nat.eq_dec i j) as [<-|other].
    - rewrite K_diagonal, Rmult_1_l by exact i_inside.
      apply (step_width_of_diameter d (x i) (g i) D (diameters i i_inside) y y' inside inside').
    - rewrite <- dot_subtract_r, dot_comm. set (e := subtract (feature (x i) y) (feature (x i) y')).
      pose proof (coherent i j i_inside j_inside other (fun z => at_arm y z - at_arm y' z)
        (fun y => policy d (x j) theta y * (reward (x j) y - J d (x j) theta))) as bound.
      assert (left_same : forall k, e k = span_vector (x i) (fun z => at_arm y z - at_arm y' z) k)
        by (intros k; apply difference_spanned; assumption).
      assert (right_same : forall k, g j k
        = span_vector (x j) (fun y => policy d (x j) theta y * (reward (x j) y - J d (x j) theta)) k)
        by (intros k; apply gradient_spanned).
      rewrite <- (dot_same d e _ (g j) _ left_same right_same) in bound. unfold norm in bound.
      rewrite <- (dot_same d e _ e _ left_same left_same), <- (dot_same d (g j) _ (g j) _ right_same right_same) in bound.
      fold (norm d e) in bound. fold (norm d (g j)) in bound. fold (size j) in bound.
      pose proof (Rle_abs (dot d e (g j))). pose proof (diameters i i_inside y y' inside inside') as short. fold e in short.
      pose proof (Rmult_le_compat_r (size j) _ _ (size_nonneg j) short) as scaled.
      apply (Rmult_le_compat_l (K i j)) in scaled; [|apply K_nonneg; assumption]. lra.
  Qed.

  Let push (i : nat) : R := sum N (fun j => K i j * (2 * size j / (v j * D))) / L.

  Lemma share_at_most_1 j : (j < N)%nat -> 0 <= 2 * size j / (v j * D) <= 1.
  Proof.
    intros inside. pose proof (v_pos j inside). assert (positive : 0 < v j * D) by (apply Rmult_lt_0_compat; assumption).
    split; [apply Rdiv_le_0_compat; [pose proof (size_nonneg j); lra|exact positive]|].
    apply Rmult_le_reg_r with (v j * D); [exact positive|].
    replace (2 * size j / (v j * D) * (v j * D)) with (2 * size j) by (field; lra).
    pose proof (gradient_norm_slope d (x j) D theta D_pos (diameters j inside)) as slope.
    change (norm d (gradient d (x j) theta)) with (size j) in slope. unfold SLOPE in slope.
    pose proof (Rmult_le_compat_r D _ _ (Rlt_le _ _ D_pos) (v_large j inside)). lra.
  Qed.

  Lemma push_range i : (i < N)%nat -> 0 <= push i <= 1.
  Proof.
    intros inside. unfold push. split.
    - apply Rdiv_le_0_compat; [|exact L_pos]. apply sum_nonneg. intros j j_inside.
      apply Rmult_le_pos; [apply K_nonneg; assumption|apply share_at_most_1, j_inside].
    - apply Rmult_le_reg_r with L; [exact L_pos|]. unfold Rdiv at 1. rewrite Rmult_assoc, Rinv_l by lra.
      rewrite Rmult_1_r, Rmult_1_l. eapply Rle_trans; [|apply (rows i inside)].
      apply sum_le. intros j j_inside. rewrite <- (Rmult_1_r (K i j)) at 2.
      apply Rmult_le_compat_l; [apply K_nonneg; assumption|apply share_at_most_1, j_inside].
  Qed.

  Lemma step_width i : (i < N)%nat -> step_width_at_most d (x i) delta (2 * (push i * c)).
  Proof.
    intros i_inside y y' inside inside'. unfold delta, weighted_direction. rewrite !dot_scale_l, !dot_sum_l.
    rewrite <- Rmult_minus_distr_l, <- sum_minus.
    assert (eta_nonneg : 0 <= coherent_step).
    { unfold coherent_step. fold r. fold c. apply Rdiv_le_0_compat; [lra|].
      apply Rmult_lt_0_compat; [apply pow_lt, D_pos|exact L_pos]. }
    apply Rle_trans with (coherent_step * sum N (fun j => / v j * (K i j * (D * size j)))).
    - apply Rmult_le_compat_l; [exact eta_nonneg|]. apply sum_le. intros j j_inside.
      rewrite !dot_scale_l, <- Rmult_minus_distr_l. apply Rmult_le_compat_l.
      + left. apply Rinv_0_lt_compat, v_pos, j_inside.
      + apply (foreign_width i j i_inside j_inside y y' inside inside').
    - right. unfold push, coherent_step. fold r. fold c.
      rewrite (sum_ext N (fun j => K i j * (2 * size j / (v j * D)))
        (fun j => 2 / (D * D) * (/ v j * (K i j * (D * size j))))).
      + rewrite sum_scale. field. lra.
      + intros j j_inside. pose proof (v_pos j j_inside). field. lra.
  Qed.

  Lemma prompt_coherent_gain i :
    (i < N)%nat -> dot d (g i) delta - v i * push i ^ 2 * psi c <= J d (x i) (add theta delta) - J d (x i) theta.
  Proof.
    intros inside. pose proof (certificate d (x i) theta delta _ (step_width i inside)) as bound.
    apply Rabs_le_between in bound. replace (HALF_WIDTH * (2 * (push i * c))) with (push i * c) in bound
      by (unfold HALF_WIDTH; field).
    pose proof (psi_scaled (push i) c (push_range i inside) (Rlt_le _ _ c_pos)) as scaled.
    pose proof (psi_nonneg c) as psi_c. pose proof (psi_nonneg (push i * c)) as psi_pos.
    pose proof (Rmult_le_compat (sigma d (x i) theta) (v i) (psi (push i * c)) (push i ^ 2 * psi c)
      (sigma_nonneg d (x i) theta) psi_pos (v_large i inside) scaled) as remainder.
    change (gradient d (x i) theta) with (g i) in bound. lra.
  Qed.

  Lemma total_remainder : sum N (fun i => v i * push i ^ 2) <= 4 / D ^ 2 * sum N (fun i => a i ^ 2).
  Proof.
    pose proof (operator a a_nonneg) as bound. pose proof (pow_lt _ 2 L_pos). pose proof (pow_lt _ 2 D_pos).
    apply Rle_trans with (4 / (D ^ 2 * L ^ 2) * sum N (fun i => sum N (fun j => ratio i j * a j) ^ 2)).
    - right. rewrite <- sum_scale. apply sum_ext. intros i i_inside.
      assert (same : sum N (fun j => ratio i j * a j) = root i * D / 2 * sum N (fun j => K i j * (2 * size j / (v j * D)))).
      { rewrite <- sum_scale. apply sum_ext. intros j j_inside. unfold ratio, a. fold (root i) (root j).
        pose proof (root_pos j j_inside). rewrite <- (root_square j j_inside). field. lra. }
      rewrite same. unfold push. rewrite <- (root_square i i_inside). field. lra.
    - apply (Rmult_le_compat_l (4 / (D ^ 2 * L ^ 2))) in bound; [|apply Rdiv_le_0_compat; [lra|apply Rmult_lt_0_compat; lra]].
      replace (4 / (D ^ 2 * L ^ 2) * (L ^ 2 * sum N (fun i => a i ^ 2))) with (4 / D ^ 2 * sum N (fun i => a i ^ 2)) in bound
        by (field; lra). exact bound.
  Qed.

  Lemma total_first_order : coherent_step * (A * sum N (fun i => a i ^ 2)) <= sum N (fun i => dot d (g i) delta).
  Proof.
    assert (eta_nonneg : 0 <= coherent_step).
    { unfold coherent_step. fold r. fold c. apply Rdiv_le_0_compat; [lra|].
      apply Rmult_lt_0_compat; [apply pow_lt, D_pos|exact L_pos]. }
    rewrite (sum_ext N (fun i => dot d (g i) delta) (fun i => coherent_step * sum N (fun j => dot d (g i) (g j) / v j))).
    2: { intros i _. unfold delta, weighted_direction. rewrite dot_scale_r, dot_sum_r. f_equal. apply sum_ext.
         intros j _. rewrite dot_scale_r. unfold Rdiv, g. ring. }
    rewrite sum_scale. apply Rmult_le_compat_l; [exact eta_nonneg|].
    pose proof (form a a_nonneg) as bound.
    apply Rle_trans with (sum N (fun i => sum N (fun j =>
      (if Nat.eq_dec j i then 2 * a i ^ 2 else 0) - ratio i j * (a i * a j)))).
    - rewrite (sum_ext N (fun i => sum N (fun j => (if Nat.eq_dec j i then 2 * a i ^ 2 else 0) - ratio i j * (a i * a j)))
        (fun i => 2 * a i ^ 2 - sum N (fun j => ratio i j * (a i * a j)))).
      + rewrite sum_minus, (sum_scale N 2 (fun i => a i ^ 2)). lra.
      + intros i i_inside. rewrite sum_minus. f_equal. rewrite (sum_single N _ i i_inside).
        * destruct (Nat.eq_dec i i); [reflexivity|contradiction].
        * intros j _ other. destruct (Nat.eq_dec j i); [contradiction|reflexivity].
    - apply sum_le. intros i i_inside. apply sum_le. intros j j_inside.
      pose proof (root_pos i i_inside). pose proof (root_pos j j_inside). pose proof (v_pos j j_inside).
      assert (same : ratio i j * (a i * a j) = K i j * (size i * size j) / v j).
      { unfold ratio, a. fold (root i) (root j). rewrite <- (root_square j j_inside). field. lra. }
      rewrite same. destruct (Nat.eq_dec j i) as [->|other].
      + rewrite K_diagonal, a_square, <- norm_square by exact i_inside. fold (size i). right. field.
        apply Rgt_not_eq, v_pos, i_inside.
      + pose proof (gradients_overlap i j i_inside j_inside (not_eq_sym other)) as low.
        apply (Rmult_le_compat_r (/ v j)) in low; [|left; apply Rinv_0_lt_compat; assumption]. unfold Rdiv. lra.
  Qed.

  (** T17. *)
  Theorem coherent_gain :
    4 / D ^ 2 * rho (A / L) * sum N (fun i => norm d (gradient d (x i) theta) ^ 2 / v i)
    <= sum N (fun i => J d (x i) (add theta (scale coherent_step weighted_direction)) - J d (x i) theta).
  Proof.
    fold delta. rewrite (sum_ext N (fun i => norm d (gradient d (x i) theta) ^ 2 / v i) (fun i => a i ^ 2))
      by (intros i inside; symmetry; apply a_square, inside).
    apply Rle_trans with (sum N (fun i => dot d (g i) delta - v i * push i ^ 2 * psi c)).
    - rewrite sum_minus, sum_scale_r.
      pose proof (Rmult_le_compat_r (psi c) _ _ (psi_nonneg c) total_remainder) as remainder.
      pose proof total_first_order as first. pose proof (pow_lt _ 2 D_pos).
      assert (psi_c : psi c = r - c) by (unfold psi, c; rewrite exp_ln by lra; ring).
      replace (coherent_step * (A * sum N (fun i => a i ^ 2))) with (4 / D ^ 2 * (c * r) * sum N (fun i => a i ^ 2)) in first
        by (unfold coherent_step; fold r; fold c; unfold r; field; lra).
      rewrite psi_c in *. unfold rho. fold r. fold c. lra.
    - apply sum_le. intros i inside. apply prompt_coherent_gain, inside.
  Qed.
End Gain.

(** ** One number for the coherence *)

Definition uniform_matrix (mu : R) (i j : nat) : R := if Nat.eq_dec i j then 1 else mu.

(** N chi_hat = sqrt (sum v . sum 1/v). *)
Definition spread_sum (N : nat) (v : nat -> R) : R := sqrt (sum N v * sum N (fun i => / v i)).
Definition uniform_ascent (N : nat) (v : nat -> R) (mu : R) : R := 1 - mu * ((INR N + spread_sum N v) / 2 - 1).
Definition uniform_norm (N : nat) (v : nat -> R) (mu : R) : R := 1 - mu + mu * spread_sum N v.

Section Uniform.
  Variables (N : nat) (v : nat -> R) (mu : R).
  Hypothesis some_prompt : (0 < N)%nat.
  Hypothesis v_pos : forall i, (i < N)%nat -> 0 < v i.
  Hypothesis mu_range : 0 <= mu <= 1.

  Let root (i : nat) : R := sqrt (v i).
  Let P : R := sum N v.
  Let Q : R := sum N (fun i => / v i).
  Let X : R := spread_sum N v.

  Let root_pos i : (i < N)%nat -> 0 < root i.
  Proof. intros inside. apply sqrt_lt_R0, v_pos, inside. Qed.

  Let root_square i : (i < N)%nat -> root i ^ 2 = v i.
  Proof. intros inside. apply pow2_sqrt. left. apply v_pos, inside. Qed.

  Let P_pos : 0 < P.
  Proof. apply sum_pos; assumption. Qed.

  Let Q_pos : 0 < Q.
  Proof. apply sum_pos; [exact some_prompt|]. intros i inside. apply Rinv_0_lt_compat, v_pos, inside. Qed.

  Let X_square : X ^ 2 = P * Q.
  Proof. apply pow2_sqrt. left. apply Rmult_lt_0_compat; assumption. Qed.

  Let X_nonneg : 0 <= X.
  Proof. apply sqrt_pos. Qed.

  Let roots_squared : sum N (fun i => root i ^ 2) = P.
  Proof. apply sum_ext. intros i inside. apply root_square, inside. Qed.

  Let inverse_roots_squared : sum N (fun i => (/ root i) ^ 2) = Q.
  Proof.
    apply sum_ext. intros i inside. pose proof (root_pos i inside). rewrite <- (root_square i inside). field. lra.
  Qed.

  Lemma number_le_spread : INR N <= X.
  Proof.
    apply Rsqr_incr_0_var; [|exact X_nonneg]. rewrite !Rsqr_pow2, X_square.
    pose proof (sum_cauchy_schwarz N root (fun i => / root i)) as bound.
    rewrite roots_squared, inverse_roots_squared in bound.
    rewrite (sum_ext N _ (fun _ => 1)), sum_constant, Rmult_1_r in bound; [exact bound|].
    intros i inside. pose proof (root_pos i inside). field. lra.
  Qed.

  Lemma uniform_norm_pos : 0 < uniform_norm N v mu.
  Proof.
    unfold uniform_norm. fold X. assert (1 <= INR N) by (replace 1 with (INR 1) by reflexivity; apply le_INR; lia).
    pose proof number_le_spread as large. pose proof (Rmult_le_compat_l mu 1 X ltac:(lra) ltac:(lra)). lra.
  Qed.

  Lemma uniform_row i f : (i < N)%nat -> sum N (fun j => uniform_matrix mu i j * f j) = mu * sum N f + (1 - mu) * f i.
  Proof.
    intros inside. rewrite (sum_ext N _ (fun j => mu * f j + (if Nat.eq_dec i j then (1 - mu) * f i else 0))).
    - rewrite sum_plus, sum_scale. f_equal. rewrite (sum_single N _ i inside).
      + destruct (Nat.eq_dec i i); [reflexivity|contradiction].
      + intros j _ other. destruct (Nat.eq_dec i j); [congruence|reflexivity].
    - intros j _. unfold uniform_matrix. destruct (Nat.eq_dec i j) as [<-|_]; ring.
  Qed.

  Section Vector.
    Variable a : nat -> R.

    Let S : R := sum N (fun i => a i ^ 2).
    Let U : R := sum N (fun i => root i * a i).
    Let V : R := sum N (fun i => / root i * a i).

    Let S_nonneg : 0 <= S.
    Proof. apply sum_nonneg. intros. apply pow2_ge_0. Qed.

    Let V_square : V ^ 2 <= Q * S.
    Proof.
      pose proof (sum_cauchy_schwarz N (fun i => / root i) a) as bound. cbv beta in bound. rewrite inverse_roots_squared in bound. exact bound.
    Qed.

    Let U_square : U ^ 2 <= P * S.
    Proof. pose proof (sum_cauchy_schwarz N root a) as bound. rewrite roots_squared in bound. exact bound. Qed.

    Lemma product_le : U * V <= X * S.
    Proof.
      apply Rsqr_incr_0_var; [|apply Rmult_le_pos; assumption]. rewrite !Rsqr_pow2, !Rpow_mult_distr, X_square.
      pose proof (Rmult_le_compat _ _ _ _ (pow2_ge_0 U) (pow2_ge_0 V) U_square V_square). lra.
    Qed.

    (** Buzano's inequality: 2 (s . a)(1/s . a) <= (s . 1/s + |s| |1/s|) |a|^2. *)
    Lemma buzano : 2 * (U * V) <= (INR N + X) * S.
    Proof.
      assert (centred : 2 * (U * V) - INR N * S <= X * S); [|lra].
      apply Rsqr_incr_0_var; [|apply Rmult_le_pos; assumption]. rewrite !Rsqr_pow2, Rpow_mult_distr, X_square.
      pose proof (sum_cauchy_schwarz N (fun i => 2 * U * a i - S * root i) (fun i => / root i)) as bound.
      cbv beta in bound.
      rewrite inverse_roots_squared in bound.
      assert (left_sum : sum N (fun i => (2 * U * a i - S * root i) * / root i) = 2 * (U * V) - INR N * S).
      { rewrite (sum_ext N _ (fun i => 2 * U * (/ root i * a i) - S)).
        - rewrite sum_minus, sum_scale, sum_constant. fold V. ring.
        - intros i inside. pose proof (root_pos i inside). field. lra. }
      assert (right_sum : sum N (fun i => (2 * U * a i - S * root i) ^ 2) = S ^ 2 * P).
      { rewrite (sum_ext N _ (fun i => (2 * U) ^ 2 * a i ^ 2 - 4 * U * S * (root i * a i) + S ^ 2 * root i ^ 2))
          by (intros; ring).
        rewrite sum_plus, sum_minus, !sum_scale, roots_squared. fold S U. ring. }
      rewrite left_sum, right_sum in bound. lra.
    Qed.

    Let entry i j : uniform_matrix mu i j * (sqrt (v i) / sqrt (v j)) = uniform_matrix mu i j * (root i * / root j).
    Proof. reflexivity. Qed.

    Lemma uniform_form :
      sum N (fun i => sum N (fun j => uniform_matrix mu i j * (sqrt (v i) / sqrt (v j)) * (a i * a j)))
      <= (2 - uniform_ascent N v mu) * S.
    Proof.
      rewrite (sum_ext N _ (fun i => mu * V * (root i * a i) + (1 - mu) * a i ^ 2)).
      - rewrite sum_plus, !sum_scale. fold U S. pose proof buzano as bound.
        apply (Rmult_le_compat_l mu) in bound; [|lra]. unfold uniform_ascent. fold X. lra.
      - intros i inside. pose proof (root_pos i inside).
        rewrite (sum_ext N _ (fun j => uniform_matrix mu i j * (root i * a i * (/ root j * a j))))
          by (intros; rewrite entry; ring).
        rewrite (uniform_row i (fun j => root i * a i * (/ root j * a j)) inside), sum_scale. fold V. field. lra.
    Qed.

    Lemma uniform_operator :
      sum N (fun i => sum N (fun j => uniform_matrix mu i j * (sqrt (v i) / sqrt (v j)) * a j) ^ 2)
      <= uniform_norm N v mu ^ 2 * S.
    Proof.
      rewrite (sum_ext N _ (fun i => (mu * V) ^ 2 * root i ^ 2 + 2 * mu * (1 - mu) * V * (root i * a i) + (1 - mu) ^ 2 * a i ^ 2)).
      - rewrite !sum_plus, !sum_scale, roots_squared. fold U S. unfold uniform_norm. fold X.
        pose proof product_le as product.
        apply (Rmult_le_compat_l (2 * mu * (1 - mu))) in product; [|repeat apply Rmult_le_pos; lra].
        pose proof V_square as square. apply (Rmult_le_compat_l (mu ^ 2 * P)) in square;
          [|apply Rmult_le_pos; [apply pow2_ge_0|lra]].
        replace (mu ^ 2 * P * (Q * S)) with (mu ^ 2 * (P * Q) * S) in square by ring. rewrite <- X_square in square. lra.
      - intros i inside. pose proof (root_pos i inside).
        rewrite (sum_ext N _ (fun j => uniform_matrix mu i j * (root i * (/ root j * a j)))) by (intros; rewrite entry; ring).
        rewrite (uniform_row i (fun j => root i * (/ root j * a j)) inside), sum_scale. fold V. field. lra.
    Qed.
  End Vector.

  Lemma uniform_rows i : (i < N)%nat -> sum N (uniform_matrix mu i) <= uniform_norm N v mu.
  Proof.
    intros inside. rewrite (sum_ext N _ (fun j => uniform_matrix mu i j * 1)) by (intros; ring).
    rewrite (uniform_row i (fun _ => 1) inside), sum_constant. unfold uniform_norm. fold X.
    pose proof (Rmult_le_compat_l mu _ _ (proj1 mu_range) number_le_spread). lra.
  Qed.
End Uniform.

(** T17 with coherence mu. *)
Theorem uniform_coherent_gain d N x D theta v mu :
  (0 < N)%nat -> 0 < D -> diameters_at_most d N x D ->
  (forall i, (i < N)%nat -> 0 < v i) -> (forall i, (i < N)%nat -> sigma d (x i) theta <= v i) ->
  0 <= mu <= 1 -> coherence_at_most d N x mu ->
  let A := uniform_ascent N v mu in let L := uniform_norm N v mu in
  0 < A ->
  4 / D ^ 2 * rho (A / L) * sum N (fun i => norm d (gradient d (x i) theta) ^ 2 / v i)
  <= sum N (fun i => J d (x i) (add theta (scale (coherent_step D A L) (weighted_direction d N x theta v)))
                     - J d (x i) theta).
Proof.
  intros some_prompt D_pos diameters v_pos v_large mu_range coherent A L A_pos.
  apply (coherent_gain d N x D theta v (uniform_matrix mu) A L D_pos diameters v_pos v_large).
  - intros i j _ _. unfold uniform_matrix. destruct (Nat.eq_dec i j); lra.
  - intros i _. unfold uniform_matrix. destruct (Nat.eq_dec i i); [reflexivity|contradiction].
  - intros i j i_inside j_inside other a b. unfold uniform_matrix. destruct (Nat.eq_dec i j); [contradiction|].
    apply coherent; assumption.
  - exact A_pos.
  - apply uniform_norm_pos; assumption.
  - intros a _. apply uniform_form; assumption.
  - intros a _. apply uniform_operator; assumption.
  - intros i inside. apply uniform_rows; assumption.
Qed.

(** GRPO: v = sigma. *)
Theorem grpo_coherent_gain d N x D theta mu :
  (0 < N)%nat -> 0 < D -> diameters_at_most d N x D -> (forall i, (i < N)%nat -> 0 < sigma d (x i) theta) ->
  0 <= mu <= 1 -> coherence_at_most d N x mu ->
  let s := fun i => sigma d (x i) theta in
  let A := uniform_ascent N s mu in let L := uniform_norm N s mu in
  0 < A ->
  4 / D ^ 2 * rho (A / L) * sum N (fun i => norm d (gradient d (x i) theta) ^ 2 / sigma d (x i) theta)
  <= sum N (fun i => J d (x i) (add theta (scale (coherent_step D A L) (weighted_direction d N x theta s)))
                     - J d (x i) theta).
Proof.
  intros some_prompt D_pos diameters varies mu_range coherent s A L A_pos.
  apply (uniform_coherent_gain d N x D theta s mu); try assumption. intros. apply Rle_refl.
Qed.

(** REINFORCE: v is constant, N chi_hat = N, and A, L are 1 -+ mu (N - 1). *)
Lemma spread_of_constant N s : 0 < s -> spread_sum N (fun _ => s) = INR N.
Proof.
  intros positive. unfold spread_sum. rewrite !sum_constant.
  replace (INR N * s * (INR N * / s)) with (INR N ^ 2) by (field; lra). apply sqrt_pow2, pos_INR.
Qed.

Theorem reinforce_coherent_gain d N x D theta mu sigma_max :
  (0 < N)%nat -> 0 < D -> diameters_at_most d N x D ->
  0 < sigma_max -> (forall i, (i < N)%nat -> sigma d (x i) theta <= sigma_max) ->
  0 <= mu <= 1 -> coherence_at_most d N x mu ->
  let A := 1 - mu * (INR N - 1) in let L := 1 + mu * (INR N - 1) in
  0 < A ->
  4 / D ^ 2 * rho (A / L) * sum N (fun i => norm d (gradient d (x i) theta) ^ 2 / sigma_max)
  <= sum N (fun i => J d (x i) (add theta (scale (coherent_step D A L) (weighted_direction d N x theta (fun _ => sigma_max))))
                     - J d (x i) theta).
Proof.
  intros some_prompt D_pos diameters positive deviations mu_range coherent A L A_pos.
  assert (A_is : uniform_ascent N (fun _ => sigma_max) mu = A).
  { unfold uniform_ascent, A. rewrite spread_of_constant by exact positive. field. }
  assert (L_is : uniform_norm N (fun _ => sigma_max) mu = L).
  { unfold uniform_norm, L. rewrite spread_of_constant by exact positive. ring. }
  rewrite <- A_is, <- L_is. apply uniform_coherent_gain; try assumption.
  - intros. exact positive.
  - rewrite A_is. exact A_pos.
Qed.
