(** * T1: sharp local curvature

      |uHu| <= sigma w(u)^2 / 4,

    and 1/4 is the least constant for which this holds for every prompt.

    Idea. uHu = Cov(r, Y^2) with Y = X - E X, at most sigma sd(Y^2) by Cauchy and Schwarz, and sd(Y^2) <= w^2/4 by
    Lemma V(i). Two arms with p = (2 - sqrt 2)/4 attain the bound. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Constants Sums Distribution Variance Vectors Policy Line TwoArms.
Open Scope R_scope.

(** Where a variable of width w is centred, the deviation of its square is at most w^2/4. *)
Lemma centred_square_deviation n p f w :
  is_distribution n p -> width_at_most n f w ->
  deviation n p (fun i => (f i - mean n p f) ^ 2) <= CURVATURE * w ^ 2.
Proof.
  intros distribution width. pose proof (distribution_some_arm n p distribution) as some.
  destruct (interval_of_width n f w some width) as [a inside].
  unfold CURVATURE. apply deviation_le; [pose proof (pow2_ge_0 w); lra|].
  replace ((1 / 4 * w ^ 2) ^ 2) with (w ^ 4 / 16) by field.
  apply (centred_square n p (fun i => f i - mean n p f) (a - mean n p f)).
  - exact distribution.
  - intros i inside_i. pose proof (inside i inside_i). lra.
  - apply mean_centred, distribution.
Qed.

Section Curvature.
  Variables (d : nat) (x : prompt).

  Lemma curvature_along_covariance theta u :
    curvature_along d x theta u =
    covariance (arms x) (policy d x theta) (reward x)
      (fun y => (shift d x u y - mean (arms x) (policy d x theta) (shift d x u)) ^ 2).
  Proof.
    rewrite (covariance_shift _ _ _ _ 0) by apply policy_distribution.
    apply mean_ext. intros. unfold J. ring.
  Qed.

  Lemma curvature_along_bound theta u w :
    step_width_at_most d x u w -> Rabs (curvature_along d x theta u) <= CURVATURE * sigma d x theta * w ^ 2.
  Proof.
    intros width. rewrite curvature_along_covariance.
    eapply Rle_trans; [apply covariance_le, policy_distribution|].
    rewrite (Rmult_comm CURVATURE), Rmult_assoc.
    apply Rmult_le_compat_l; [apply deviation_nonneg|].
    apply (centred_square_deviation _ _ (shift d x u)); [apply policy_distribution|exact width].
  Qed.

  (** T1. *)
  Theorem sharp_local_curvature theta u w :
    step_width_at_most d x u w ->
    Rabs (Derive_n (fun s => J d x (add theta (scale s u))) 2 0) <= CURVATURE * sigma d x theta * w ^ 2.
  Proof. rewrite curvature_is_second_derivative. apply curvature_along_bound. Qed.
End Curvature.

(** T1 is an equality for two arms with p = (2 - sqrt 2)/4. *)
Lemma sharp_local_curvature_is_attained :
  let x := two_arms ((2 - sqrt 2) / 4) in
  0 < sigma 1 x origin /\
  Derive_n (fun s => J 1 x (add origin (scale s ahead))) 2 0 = 1 / 4 * sigma 1 x origin * 1 ^ 2.
Proof.
  set (p := (2 - sqrt 2) / 4). cbv zeta.
  assert (root : sqrt 2 * sqrt 2 = 2) by (apply sqrt_sqrt; lra).
  assert (root_low : 0 < sqrt 2) by (apply sqrt_lt_R0; lra).
  assert (root_high : sqrt 2 < 2).
  { rewrite <- (sqrt_pow2 2) at 2 by lra. apply sqrt_lt_1_alt. lra. }
  assert (inside : 0 < p < 1) by (unfold p; lra).
  split; [apply two_arms_sigma_pos, inside|].
  rewrite curvature_is_second_derivative, two_arms_curvature, two_arms_sigma by exact inside.
  assert (eighth : p * (1 - p) = (sqrt 2 / 4) ^ 2) by (unfold p; simpl; lra).
  rewrite eighth, sqrt_pow2 by lra.
  replace ((sqrt 2 / 4) ^ 2) with (1 / 8) by (simpl; lra). unfold p. simpl. lra.
Qed.

(** No smaller constant does for every prompt. *)
Theorem sharp_local_curvature_is_tight constant :
  (forall x theta u w,
     step_width_at_most 1 x u w ->
     Rabs (Derive_n (fun s => J 1 x (add theta (scale s u))) 2 0) <= constant * sigma 1 x theta * w ^ 2) ->
  CURVATURE <= constant.
Proof.
  intros bound. destruct sharp_local_curvature_is_attained as [positive attained].
  pose proof (bound _ origin ahead 1 (two_arms_width ((2 - sqrt 2) / 4))) as at_worst.
  rewrite attained in at_worst. unfold CURVATURE.
  apply Rmult_le_reg_r with (sigma 1 (two_arms ((2 - sqrt 2) / 4)) origin); [exact positive|].
  pose proof (Rle_abs (1 / 4 * sigma 1 (two_arms ((2 - sqrt 2) / 4)) origin * 1 ^ 2)). simpl in *. lra.
Qed.
