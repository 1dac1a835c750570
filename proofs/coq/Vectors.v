(** * Vectors of R^d

    A vector is a function on the coordinates 0, ..., d-1; coordinates from d on are never looked at. *)

From Coq Require Import Reals Lra Lia.
From GRPO Require Import Sums.
Open Scope R_scope.

Definition vector := nat -> R.
Definition add (u v : vector) : vector := fun k => u k + v k.
Definition subtract (u v : vector) : vector := fun k => u k - v k.
Definition scale (c : R) (u : vector) : vector := fun k => c * u k.
Definition vector_sum (n : nat) (u : nat -> vector) : vector := fun k => sum n (fun i => u i k).
Definition dot (d : nat) (u v : vector) : R := sum d (fun k => u k * v k).
Definition norm (d : nat) (u : vector) : R := sqrt (dot d u u).

Lemma dot_add_l d u v w : dot d (add u v) w = dot d u w + dot d v w.
Proof. unfold dot, add. rewrite <- sum_plus. apply sum_ext. intros. ring. Qed.

Lemma dot_add_r d u v w : dot d w (add u v) = dot d w u + dot d w v.
Proof. unfold dot, add. rewrite <- sum_plus. apply sum_ext. intros. ring. Qed.

Lemma dot_subtract_l d u v w : dot d (subtract u v) w = dot d u w - dot d v w.
Proof. unfold dot, subtract. rewrite <- sum_minus. apply sum_ext. intros. ring. Qed.

Lemma dot_subtract_r d u v w : dot d w (subtract u v) = dot d w u - dot d w v.
Proof. unfold dot, subtract. rewrite <- sum_minus. apply sum_ext. intros. ring. Qed.

Lemma dot_scale_l d c u v : dot d (scale c u) v = c * dot d u v.
Proof. unfold dot, scale. rewrite <- sum_scale. apply sum_ext. intros. ring. Qed.

Lemma dot_scale_r d c u v : dot d u (scale c v) = c * dot d u v.
Proof. unfold dot, scale. rewrite <- sum_scale. apply sum_ext. intros. ring. Qed.

Lemma dot_sum_l d n (u : nat -> vector) v : dot d (vector_sum n u) v = sum n (fun i => dot d (u i) v).
Proof.
  unfold dot, vector_sum. rewrite sum_swap. apply sum_ext. intros. symmetry. apply sum_scale_r.
Qed.

Lemma dot_sum_r d n (u : nat -> vector) v : dot d v (vector_sum n u) = sum n (fun i => dot d v (u i)).
Proof.
  unfold dot, vector_sum. rewrite sum_swap. apply sum_ext. intros. symmetry. apply sum_scale.
Qed.

Lemma dot_comm d u v : dot d u v = dot d v u.
Proof. apply sum_ext. intros. ring. Qed.

Lemma dot_self_nonneg d u : 0 <= dot d u u.
Proof. apply sum_nonneg. intros. apply Rle_0_sqr. Qed.

Lemma norm_nonneg d u : 0 <= norm d u.
Proof. apply sqrt_pos. Qed.

Lemma norm_square d u : norm d u ^ 2 = dot d u u.
Proof. unfold norm. simpl. rewrite Rmult_1_r. apply sqrt_sqrt, dot_self_nonneg. Qed.

Lemma norm_scale d c u : norm d (scale c u) = Rabs c * norm d u.
Proof.
  unfold norm. rewrite dot_scale_l, dot_scale_r, <- Rmult_assoc, sqrt_mult_alt by apply Rle_0_sqr.
  f_equal. apply sqrt_Rsqr_abs.
Qed.

(** Cauchy and Schwarz. *)
Lemma dot_le_norms d u v : Rabs (dot d u v) <= norm d u * norm d v.
Proof.
  apply Rsqr_incr_0_var; [|apply Rmult_le_pos; apply norm_nonneg].
  rewrite <- Rsqr_abs, !Rsqr_pow2, Rpow_mult_distr, !norm_square.
  eapply Rle_trans; [apply sum_cauchy_schwarz|].
  right. f_equal; apply sum_ext; intros; ring.
Qed.
