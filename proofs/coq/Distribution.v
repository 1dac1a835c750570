(** * Finite distributions over the reals

    A distribution on the arms 0, ..., n-1 is a function p with p i >= 0 and total mass 1. Mean, variance, covariance
    and standard deviation are those of probability theory, written out. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Sums.
Open Scope R_scope.

Definition is_distribution (n : nat) (p : nat -> R) : Prop :=
  (forall i, (i < n)%nat -> 0 <= p i) /\ sum n p = 1.

Definition mean (n : nat) (p f : nat -> R) : R := sum n (fun i => p i * f i).

Definition covariance (n : nat) (p f g : nat -> R) : R :=
  mean n p (fun i => (f i - mean n p f) * (g i - mean n p g)).

Definition variance (n : nat) (p f : nat -> R) : R := covariance n p f f.

Definition deviation (n : nat) (p f : nat -> R) : R := sqrt (variance n p f).

(** No two values of f are further than w apart: w is at least the width max f - min f. *)
Definition width_at_most (n : nat) (f : nat -> R) (w : R) : Prop :=
  forall i j, (i < n)%nat -> (j < n)%nat -> f i - f j <= w.

(** ** The mean *)

(** A distribution has some arm. *)
Lemma distribution_some_arm n p : is_distribution n p -> (0 < n)%nat.
Proof. intros [_ total]. destruct n as [|n]; [simpl in total; lra|lia]. Qed.

Lemma mean_ext n p f g : (forall i, (i < n)%nat -> f i = g i) -> mean n p f = mean n p g.
Proof. intros same. apply sum_ext. intros i inside. rewrite same by exact inside. reflexivity. Qed.

Lemma mean_plus n p f g : mean n p (fun i => f i + g i) = mean n p f + mean n p g.
Proof. unfold mean. rewrite <- sum_plus. apply sum_ext. intros. ring. Qed.

Lemma mean_minus n p f g : mean n p (fun i => f i - g i) = mean n p f - mean n p g.
Proof. unfold mean. rewrite <- sum_minus. apply sum_ext. intros. ring. Qed.

Lemma mean_scale n p c f : mean n p (fun i => c * f i) = c * mean n p f.
Proof. unfold mean. rewrite <- sum_scale. apply sum_ext. intros. ring. Qed.

Lemma mean_constant n p c : is_distribution n p -> mean n p (fun _ => c) = c.
Proof. intros [_ total]. unfold mean. rewrite sum_scale_r, total. ring. Qed.

Lemma mean_le n p f g :
  is_distribution n p -> (forall i, (i < n)%nat -> f i <= g i) -> mean n p f <= mean n p g.
Proof.
  intros [nonneg _] below. apply sum_le. intros i inside.
  apply Rmult_le_compat_l; [apply nonneg|apply below]; exact inside.
Qed.

Lemma mean_nonneg n p f : is_distribution n p -> (forall i, (i < n)%nat -> 0 <= f i) -> 0 <= mean n p f.
Proof.
  intros [nonneg _] above. apply sum_nonneg. intros i inside.
  apply Rmult_le_pos; [apply nonneg|apply above]; exact inside.
Qed.

Lemma mean_between n p f a b :
  is_distribution n p -> (forall i, (i < n)%nat -> a <= f i <= b) -> a <= mean n p f <= b.
Proof.
  intros distribution between. split.
  - rewrite <- (mean_constant n p a distribution). apply mean_le; [exact distribution|]. intros. apply between; lia.
  - rewrite <- (mean_constant n p b distribution). apply mean_le; [exact distribution|]. intros. apply between; lia.
Qed.

Lemma mean_abs_le n p f b :
  is_distribution n p -> (forall i, (i < n)%nat -> Rabs (f i) <= b) -> Rabs (mean n p f) <= b.
Proof.
  intros distribution bounded. apply Rabs_le. apply mean_between; [exact distribution|].
  intros i inside. apply Rabs_le_between, bounded, inside.
Qed.

(** Cauchy and Schwarz for the weights p. *)
Lemma mean_cauchy_schwarz n p f g :
  is_distribution n p ->
  (mean n p (fun i => f i * g i)) ^ 2 <= mean n p (fun i => f i ^ 2) * mean n p (fun i => g i ^ 2).
Proof.
  intros [nonneg _]. pose proof (sum_cauchy_schwarz n (fun i => sqrt (p i) * f i) (fun i => sqrt (p i) * g i)) as bound.
  assert (root : forall i, (i < n)%nat -> sqrt (p i) * sqrt (p i) = p i).
  { intros i inside. apply sqrt_sqrt, nonneg, inside. }
  unfold mean.
  rewrite (sum_ext n (fun i => p i * (f i * g i)) (fun i => sqrt (p i) * f i * (sqrt (p i) * g i))),
    (sum_ext n (fun i => p i * f i ^ 2) (fun i => (sqrt (p i) * f i) ^ 2)),
    (sum_ext n (fun i => p i * g i ^ 2) (fun i => (sqrt (p i) * g i) ^ 2)).
  - exact bound.
  - intros i inside. rewrite <- (root i inside) at 1. ring.
  - intros i inside. rewrite <- (root i inside) at 1. ring.
  - intros i inside. rewrite <- (root i inside) at 1. ring.
Qed.

(** ** Covariance and variance *)

Lemma covariance_ext n p f f' g g' :
  (forall i, (i < n)%nat -> f i = f' i) -> (forall i, (i < n)%nat -> g i = g' i) ->
  covariance n p f g = covariance n p f' g'.
Proof.
  intros same_f same_g. unfold covariance. rewrite (mean_ext n p f f' same_f), (mean_ext n p g g' same_g).
  apply mean_ext. intros i inside. rewrite same_f, same_g by exact inside. reflexivity.
Qed.

Lemma variance_ext n p f g : (forall i, (i < n)%nat -> f i = g i) -> variance n p f = variance n p g.
Proof. intros same. apply covariance_ext; exact same. Qed.

Lemma covariance_sym n p f g : covariance n p f g = covariance n p g f.
Proof. apply mean_ext. intros. ring. Qed.

(** What is left of a centred variable has mean 0. *)
Lemma mean_centred n p f : is_distribution n p -> mean n p (fun i => f i - mean n p f) = 0.
Proof. intros distribution. rewrite mean_minus, mean_constant by exact distribution. ring. Qed.

(** One of the two variables may be centred anywhere. *)
Lemma covariance_shift n p f g c :
  is_distribution n p -> covariance n p f g = mean n p (fun i => (f i - mean n p f) * (g i - c)).
Proof.
  intros distribution. unfold covariance.
  rewrite (mean_ext n p (fun i => (f i - mean n p f) * (g i - c))
    (fun i => (f i - mean n p f) * (g i - mean n p g) + (mean n p g - c) * (f i - mean n p f))) by (intros; ring).
  rewrite mean_plus, mean_scale, mean_centred by exact distribution. ring.
Qed.

Lemma covariance_moments n p f g :
  is_distribution n p -> covariance n p f g = mean n p (fun i => f i * g i) - mean n p f * mean n p g.
Proof.
  intros distribution. rewrite (covariance_shift n p f g 0 distribution).
  rewrite (mean_ext n p _ (fun i => f i * g i - mean n p f * g i)) by (intros; ring).
  rewrite mean_minus, mean_scale. reflexivity.
Qed.

Lemma variance_moments n p f :
  is_distribution n p -> variance n p f = mean n p (fun i => f i ^ 2) - (mean n p f) ^ 2.
Proof.
  intros distribution. unfold variance. rewrite covariance_moments by exact distribution.
  rewrite (mean_ext n p (fun i => f i * f i) (fun i => f i ^ 2)) by (intros; ring). ring.
Qed.

Lemma variance_square n p f : variance n p f = mean n p (fun i => (f i - mean n p f) ^ 2).
Proof. apply mean_ext. intros. ring. Qed.

Lemma variance_nonneg n p f : is_distribution n p -> 0 <= variance n p f.
Proof.
  intros distribution. rewrite variance_square. apply mean_nonneg; [exact distribution|].
  intros. apply pow2_ge_0.
Qed.

(** The mean is the best centre. *)
Lemma variance_le n p f c : is_distribution n p -> variance n p f <= mean n p (fun i => (f i - c) ^ 2).
Proof.
  intros distribution. rewrite variance_moments by exact distribution.
  rewrite (mean_ext n p (fun i => (f i - c) ^ 2) (fun i => f i ^ 2 - (2 * c * f i - c ^ 2))) by (intros; ring).
  rewrite !mean_minus, mean_scale, mean_constant by exact distribution.
  pose proof (pow2_ge_0 (mean n p f - c)). lra.
Qed.

Lemma deviation_nonneg n p f : 0 <= deviation n p f.
Proof. apply sqrt_pos. Qed.

Lemma deviation_square n p f : is_distribution n p -> deviation n p f ^ 2 = variance n p f.
Proof.
  intros distribution. unfold deviation. simpl. rewrite Rmult_1_r. apply sqrt_sqrt, variance_nonneg, distribution.
Qed.

(** A bound on the variance is a bound on the deviation. *)
Lemma deviation_le n p f b : 0 <= b -> variance n p f <= b ^ 2 -> deviation n p f <= b.
Proof.
  intros nonneg bound. unfold deviation. rewrite <- (sqrt_pow2 b nonneg). apply sqrt_le_1_alt, bound.
Qed.

Lemma covariance_le n p f g :
  is_distribution n p -> Rabs (covariance n p f g) <= deviation n p f * deviation n p g.
Proof.
  intros distribution. apply Rsqr_incr_0_var; [|apply Rmult_le_pos; apply deviation_nonneg].
  rewrite <- Rsqr_abs, !Rsqr_pow2, Rpow_mult_distr, !deviation_square, !variance_square by exact distribution.
  apply (mean_cauchy_schwarz n p (fun i => f i - mean n p f) (fun i => g i - mean n p g) distribution).
Qed.

(** ** Width *)

Lemma width_nonneg n f w : (0 < n)%nat -> width_at_most n f w -> 0 <= w.
Proof. intros some width. pose proof (width O O some some). lra. Qed.

(** A function on finitely many arms has a least value. *)
Lemma least_value n f : (0 < n)%nat -> exists k, (k < n)%nat /\ forall i, (i < n)%nat -> f k <= f i.
Proof.
  induction n as [|n IH]; intros some; [lia|].
  destruct n as [|n].
  - exists O. split; [lia|]. intros i inside. replace i with O by lia. lra.
  - destruct IH as [k [inside least]]; [lia|].
    destruct (Rle_lt_dec (f k) (f (S n))) as [below|above].
    + exists k. split; [lia|]. intros i inside_i.
      destruct (Nat.eq_dec i (S n)) as [->|other]; [exact below|apply least; lia].
    + exists (S n). split; [lia|]. intros i inside_i.
      destruct (Nat.eq_dec i (S n)) as [->|other]; [lra|].
      assert (f k <= f i) by (apply least; lia). lra.
Qed.

Lemma interval_of_width n f w :
  (0 < n)%nat -> width_at_most n f w -> exists a, forall i, (i < n)%nat -> a <= f i <= a + w.
Proof.
  intros some width. destruct (least_value n f some) as [k [inside least]].
  exists (f k). intros i inside_i. pose proof (width i k inside_i inside). pose proof (least i inside_i). lra.
Qed.

(** The mean of a function is within its width of every value. *)
Lemma centred_le_width n p f w i :
  is_distribution n p -> width_at_most n f w -> (i < n)%nat -> Rabs (f i - mean n p f) <= w.
Proof.
  intros distribution width inside. apply Rabs_le.
  assert (f i - w <= mean n p f <= f i + w); [|lra].
  apply mean_between; [exact distribution|]. intros j inside_j.
  pose proof (width i j inside inside_j). pose proof (width j i inside_j inside). lra.
Qed.

(** Popoviciu: a variable of width w has deviation at most w/2. *)
Lemma deviation_le_half_width n p f w :
  is_distribution n p -> width_at_most n f w -> deviation n p f <= w / 2.
Proof.
  intros distribution width. pose proof (distribution_some_arm n p distribution) as some.
  pose proof (width_nonneg n f w some width). destruct (interval_of_width n f w some width) as [a inside].
  apply deviation_le; [lra|].
  eapply Rle_trans; [apply (variance_le n p f (a + w / 2) distribution)|].
  rewrite <- (mean_constant n p ((w / 2) ^ 2) distribution).
  apply mean_le; [exact distribution|]. intros i inside_i. pose proof (inside i inside_i).
  apply pow_maj_Rabs, Rabs_le. lra.
Qed.
