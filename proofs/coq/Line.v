(** * The policy along a line

    Along the logits z + s t the softmax is an exponential family, and derivatives are cumulants (T0 of docs/theory.md):
      (E f)' = Cov(f, t),   Cov(f, g)' = E (f - E f)(g - E g)(t - E t).
    In R^d the logits at theta + s u are those at theta plus s (phi . u), so with X = phi . u
      J' = Cov(r, X) = g . u,   J'' = E (r - J)(X - E X)^2,   (sigma^2)' = E (r - J)^2 (X - E X).

    Idea: e^(z + s t) has derivative t e^(z + s t); the quotient rule does the rest. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Sums Distribution Vectors Policy.
Open Scope R_scope.

(** ** The softmax is a distribution *)

Lemma softmax_total_pos n z : (0 < n)%nat -> 0 < sum n (fun j => exp (z j)).
Proof. intros some. apply sum_pos; [exact some|]. intros. apply exp_pos. Qed.

Lemma softmax_pos n z i : (0 < n)%nat -> 0 < softmax n z i.
Proof. intros some. apply Rdiv_lt_0_compat; [apply exp_pos|apply softmax_total_pos, some]. Qed.

Lemma softmax_distribution n z : (0 < n)%nat -> is_distribution n (softmax n z).
Proof.
  intros some. split.
  - intros i _. left. apply softmax_pos, some.
  - unfold softmax, Rdiv. rewrite sum_scale_r. apply Rinv_r, Rgt_not_eq, softmax_total_pos, some.
Qed.

Lemma mean_softmax n z f : mean n (softmax n z) f = sum n (fun i => exp (z i) * f i) / sum n (fun j => exp (z j)).
Proof. unfold mean, softmax, Rdiv. rewrite <- sum_scale_r. apply sum_ext. intros. ring. Qed.

(** ** Derivatives along a line of logits *)

(** The third cumulant. *)
Definition third (n : nat) (p f g h : nat -> R) : R :=
  mean n p (fun i => (f i - mean n p f) * (g i - mean n p g) * (h i - mean n p h)).

Lemma third_moments n p f g h :
  is_distribution n p ->
  third n p f g h = covariance n p (fun i => f i * g i) h
                    - (covariance n p f h * mean n p g + mean n p f * covariance n p g h).
Proof.
  intros distribution. unfold third. set (F := mean n p f). set (G := mean n p g). set (H := mean n p h).
  rewrite (mean_ext n p _ (fun i => f i * g i * h i - H * (f i * g i) - (G * (f i * h i) - G * H * f i)
    - (F * (g i * h i) - F * H * g i) + F * G * (h i - H))) by (intros; ring).
  rewrite mean_plus, !mean_minus, !mean_scale. unfold H at 3. rewrite mean_centred by exact distribution.
  rewrite !covariance_moments by exact distribution. fold F G H. ring.
Qed.

Section LogitLine.
  Variables (n : nat) (z t : nat -> R).
  Hypothesis some : (0 < n)%nat.

  Definition line (s : R) : nat -> R := softmax n (fun i => z i + s * t i).

  Lemma line_distribution s : is_distribution n (line s).
  Proof. apply softmax_distribution, some. Qed.

  Lemma exponential_sum_derivative f s :
    is_derive (fun s => sum n (fun i => exp (z i + s * t i) * f i)) s
      (sum n (fun i => exp (z i + s * t i) * (f i * t i))).
  Proof.
    apply (is_derive_sum n (fun i s => exp (z i + s * t i) * f i)). intros i _. auto_derive; [exact I|ring].
  Qed.

  Lemma mean_line_derivative f s :
    is_derive (fun s => mean n (line s) f) s (covariance n (line s) f t).
  Proof.
    rewrite covariance_moments by apply line_distribution.
    set (total := fun s => sum n (fun i => exp (z i + s * t i))).
    assert (total_pos : total s <> 0) by (apply Rgt_not_eq, softmax_total_pos, some).
    assert (total_derivative : is_derive total s (sum n (fun i => exp (z i + s * t i) * t i))).
    { apply (is_derive_ext (fun s => sum n (fun i => exp (z i + s * t i) * 1))).
      - intros s'. apply sum_ext. intros. ring.
      - replace (sum n (fun i => exp (z i + s * t i) * t i))
          with (sum n (fun i => exp (z i + s * t i) * (1 * t i))) by (apply sum_ext; intros; ring).
        apply exponential_sum_derivative. }
    apply (is_derive_ext (fun s => sum n (fun i => exp (z i + s * t i) * f i) / total s)).
    { intros s'. symmetry. apply mean_softmax. }
    unfold line. rewrite !mean_softmax.
    change (sum n (fun j => exp (z j + s * t j))) with (total s).
    evar (slope : R). replace (_ - _) with slope; [unfold slope; apply is_derive_div|unfold slope].
    - apply exponential_sum_derivative.
    - exact total_derivative.
    - exact total_pos.
    - field. exact total_pos.
  Qed.

  Lemma covariance_line_derivative f g s :
    is_derive (fun s => covariance n (line s) f g) s (third n (line s) f g t).
  Proof.
    rewrite third_moments by apply line_distribution.
    apply (is_derive_ext (fun s => mean n (line s) (fun i => f i * g i) - mean n (line s) f * mean n (line s) g)).
    { intros s'. symmetry. apply covariance_moments, line_distribution. }
    apply (is_derive_minus (fun s => mean n (line s) (fun i => f i * g i))
      (fun s => mean n (line s) f * mean n (line s) g)).
    - apply mean_line_derivative.
    - apply (is_derive_mult (fun s => mean n (line s) f) (fun s => mean n (line s) g)).
      + apply mean_line_derivative.
      + apply mean_line_derivative.
      + intros. apply Rmult_comm.
  Qed.
End LogitLine.

(** ** The policy in R^d *)

Section Policy.
  Variables (d : nat) (x : prompt).

  Lemma policy_distribution theta : is_distribution (arms x) (policy d x theta).
  Proof. apply softmax_distribution, some_arm. Qed.

  Lemma policy_pos theta y : 0 < policy d x theta y.
  Proof. apply softmax_pos, some_arm. Qed.

  Lemma sigma_nonneg theta : 0 <= sigma d x theta.
  Proof. apply deviation_nonneg. Qed.

  Lemma sigma_square theta : sigma d x theta ^ 2 = variance (arms x) (policy d x theta) (reward x).
  Proof. apply deviation_square, policy_distribution. Qed.

  (** How far a step u moves the logit of each arm. *)
  Definition shift (u : vector) : nat -> R := fun y => dot d u (feature x y).

  (** Only the logits matter, and only up to a step's shift. *)
  Lemma policy_along theta u s :
    policy d x (add theta (scale s u)) = line (arms x) (logits d x theta) (shift u) s.
  Proof.
    unfold policy, line. f_equal. apply functional_extensionality. intros y.
    unfold logits, shift. rewrite dot_add_l, dot_scale_l. ring.
  Qed.

  Lemma policy_ext theta theta' :
    (forall y, dot d theta (feature x y) = dot d theta' (feature x y)) -> policy d x theta = policy d x theta'.
  Proof.
    intros same. unfold policy. f_equal. apply functional_extensionality. intros y. unfold logits. rewrite same.
    reflexivity.
  Qed.

  Lemma policy_at_zero theta u : policy d x (add theta (scale 0 u)) = policy d x theta.
  Proof. apply policy_ext. intros y. rewrite dot_add_l, dot_scale_l. ring. Qed.

  Lemma policy_at_one theta u : policy d x (add theta (scale 1 u)) = policy d x (add theta u).
  Proof. apply policy_ext. intros y. rewrite !dot_add_l, dot_scale_l. ring. Qed.

  (** Moving on along the same line. *)
  Lemma policy_further theta u s t :
    policy d x (add (add theta (scale s u)) (scale t u)) = policy d x (add theta (scale (s + t) u)).
  Proof. apply policy_ext. intros y. rewrite !dot_add_l, !dot_scale_l. ring. Qed.

  Lemma gradient_dot theta u :
    dot d (gradient d x theta) u = covariance (arms x) (policy d x theta) (reward x) (shift u).
  Proof.
    rewrite (covariance_shift _ _ _ _ 0) by apply policy_distribution.
    unfold dot at 1, gradient.
    rewrite (sum_ext d _ (fun k => sum (arms x) (fun y => policy d x theta y * ((reward x y - J d x theta) *
      (u k * feature x y k))))).
    - rewrite sum_swap. unfold mean at 1. apply sum_ext. intros y _. unfold shift, dot. rewrite Rminus_0_r.
      rewrite !sum_scale. reflexivity.
    - intros k _. rewrite (covariance_shift _ _ _ _ 0) by apply policy_distribution.
      unfold mean at 1. rewrite <- sum_scale_r. apply sum_ext. intros y _. unfold J. ring.
  Qed.

  (** uHu = E (r - J)(X - E X)^2, the second derivative of J along u. *)
  Definition curvature_along (theta u : vector) : R :=
    mean (arms x) (policy d x theta) (fun y =>
      (reward x y - J d x theta) * (shift u y - mean (arms x) (policy d x theta) (shift u)) ^ 2).

  (** E (r - J)^2 (X - E X), the slope of the variance along u. *)
  Definition variance_slope (theta u : vector) : R :=
    mean (arms x) (policy d x theta) (fun y =>
      (reward x y - J d x theta) ^ 2 * (shift u y - mean (arms x) (policy d x theta) (shift u))).

  Lemma J_along theta u s :
    is_derive (fun s => J d x (add theta (scale s u))) s (dot d (gradient d x (add theta (scale s u))) u).
  Proof.
    rewrite gradient_dot, policy_along.
    apply (is_derive_ext (fun s => mean (arms x) (line (arms x) (logits d x theta) (shift u) s) (reward x))).
    - intros s'. unfold J. rewrite policy_along. reflexivity.
    - apply mean_line_derivative, some_arm.
  Qed.

  Lemma slope_along theta u s :
    is_derive (fun s => dot d (gradient d x (add theta (scale s u))) u) s
      (curvature_along (add theta (scale s u)) u).
  Proof.
    unfold curvature_along, J. rewrite policy_along.
    apply (is_derive_ext (fun s =>
      covariance (arms x) (line (arms x) (logits d x theta) (shift u) s) (reward x) (shift u))).
    - intros s'. rewrite gradient_dot, policy_along. reflexivity.
    - rewrite (mean_ext _ _ _ (fun y =>
        let p := line (arms x) (logits d x theta) (shift u) s in
        (reward x y - mean (arms x) p (reward x)) * (shift u y - mean (arms x) p (shift u))
        * (shift u y - mean (arms x) p (shift u)))) by (intros; cbv zeta; ring).
      apply covariance_line_derivative, some_arm.
  Qed.

  Lemma variance_along theta u s :
    is_derive (fun s => sigma d x (add theta (scale s u)) ^ 2) s (variance_slope (add theta (scale s u)) u).
  Proof.
    unfold variance_slope, J. rewrite policy_along.
    apply (is_derive_ext (fun s =>
      covariance (arms x) (line (arms x) (logits d x theta) (shift u) s) (reward x) (reward x))).
    - intros s'. rewrite sigma_square, policy_along. reflexivity.
    - rewrite (mean_ext _ _ _ (fun y =>
        let p := line (arms x) (logits d x theta) (shift u) s in
        (reward x y - mean (arms x) p (reward x)) * (reward x y - mean (arms x) p (reward x))
        * (shift u y - mean (arms x) p (shift u)))) by (intros; cbv zeta; ring).
      apply covariance_line_derivative, some_arm.
  Qed.

  Lemma J_ext theta theta' : policy d x theta = policy d x theta' -> J d x theta = J d x theta'.
  Proof. intros same. unfold J. rewrite same. reflexivity. Qed.

  Lemma sigma_ext theta theta' : policy d x theta = policy d x theta' -> sigma d x theta = sigma d x theta'.
  Proof. intros same. unfold sigma. rewrite same. reflexivity. Qed.

  Lemma gradient_dot_ext theta theta' u :
    policy d x theta = policy d x theta' -> dot d (gradient d x theta) u = dot d (gradient d x theta') u.
  Proof. intros same. rewrite !gradient_dot, same. reflexivity. Qed.

  Lemma curvature_along_ext theta theta' u :
    policy d x theta = policy d x theta' -> curvature_along theta u = curvature_along theta' u.
  Proof. intros same. unfold curvature_along, J. rewrite same. reflexivity. Qed.

  Lemma variance_slope_ext theta theta' u :
    policy d x theta = policy d x theta' -> variance_slope theta u = variance_slope theta' u.
  Proof. intros same. unfold variance_slope, J. rewrite same. reflexivity. Qed.

  (** T0: the gradient of Policy.v is the gradient. *)
  Theorem gradient_is_derivative theta u :
    is_derive (fun s => J d x (add theta (scale s u))) 0 (dot d (gradient d x theta) u).
  Proof.
    rewrite <- (gradient_dot_ext (add theta (scale 0 u)) theta u) by apply policy_at_zero. apply J_along.
  Qed.

  (** T0: the second derivative along u is E (r - J)(X - E X)^2. *)
  Theorem curvature_is_second_derivative theta u :
    Derive_n (fun s => J d x (add theta (scale s u))) 2 0 = curvature_along theta u.
  Proof.
    simpl. rewrite (Derive_ext _ (fun s => dot d (gradient d x (add theta (scale s u))) u)).
    - rewrite <- (curvature_along_ext (add theta (scale 0 u)) theta u) by apply policy_at_zero.
      apply is_derive_unique, slope_along.
    - intros s. apply is_derive_unique, J_along.
  Qed.

  Lemma step_width_nonneg u w : step_width_at_most d x u w -> 0 <= w.
  Proof. apply width_nonneg, some_arm. Qed.

  Lemma step_width_scale u w s : 0 <= s -> step_width_at_most d x u w -> step_width_at_most d x (scale s u) (s * w).
  Proof.
    intros nonneg width y y' inside inside'. rewrite !dot_scale_l, <- Rmult_minus_distr_l.
    apply Rmult_le_compat_l; [exact nonneg|]. apply (width y y'); assumption.
  Qed.

  (** w_x(u) <= D |u|. *)
  Lemma step_width_of_diameter u D : diameter_at_most d x D -> step_width_at_most d x u (D * norm d u).
  Proof.
    intros diameter y y' inside inside'. rewrite <- dot_subtract_r.
    eapply Rle_trans; [apply Rle_abs|]. eapply Rle_trans; [apply dot_le_norms|].
    rewrite Rmult_comm. apply Rmult_le_compat_r; [apply norm_nonneg|]. apply diameter; assumption.
  Qed.

  (** Conversely D is at least the diameter wherever w_x(u) <= D |u| for every u. *)
  Lemma diameter_of_step_width D :
    0 <= D -> (forall u, step_width_at_most d x u (D * norm d u)) -> diameter_at_most d x D.
  Proof.
    intros nonneg width y y' inside inside'. set (u := subtract (feature x y) (feature x y')).
    pose proof (width u y y' inside inside') as apart. cbv beta in apart.
    rewrite <- dot_subtract_r in apart. fold u in apart. rewrite <- norm_square in apart.
    destruct (Rle_lt_or_eq_dec 0 (norm d u) (norm_nonneg d u)) as [positive|<-]; [|exact nonneg].
    apply Rmult_le_reg_r with (norm d u); [exact positive|]. simpl in apart. lra.
  Qed.

  Lemma diameter_nonneg D : diameter_at_most d x D -> 0 <= D.
  Proof.
    intros diameter. pose proof (some_arm x) as some. pose proof (diameter O O some some).
    pose proof (norm_nonneg d (subtract (feature x O) (feature x O))). lra.
  Qed.
End Policy.
