(** * T0: one function yields every exact quantity

    The tilted log-partition A(theta, t) = ln sum_y exp(b + theta . phi + t r) has, at t = 0 and along theta + s u,

      d_t A = J,   d_t^2 A = sigma^2,   d_t d_s A = g . u,   d_t d_s^2 A = uHu.

    Idea. The tilt moves the logits by t r and the step by s (phi . u), each along a line, and along a line the
    derivatives of a log-partition are cumulants (Line.v). *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Sums Distribution Vectors Policy Line.
Open Scope R_scope.

(** ** Derivatives of a log-partition *)

Section LogPartition.
  Variable n : nat.
  Hypothesis some : (0 < n)%nat.

  Definition log_partition (z : nat -> R) : R := ln (sum n (fun i => exp (z i))).

  (** The first cumulant. *)
  Lemma log_partition_derivative z t s :
    is_derive (fun s => log_partition (fun i => z i + s * t i)) s (mean n (line n z t s) t).
  Proof.
    unfold line. rewrite mean_softmax. set (total := fun s => sum n (fun i => exp (z i + s * t i))).
    assert (total_pos : 0 < total s) by (apply softmax_total_pos, some).
    unfold Rdiv. apply (is_derive_comp ln total).
    - apply is_derive_Reals, derivable_pt_lim_ln, total_pos.
    - apply (is_derive_ext (fun s => sum n (fun i => exp (z i + s * t i) * 1))).
      + intros s'. apply sum_ext. intros. ring.
      + rewrite (sum_ext n _ (fun i => exp (z i + s * t i) * (1 * t i))) by (intros; ring).
        apply exponential_sum_derivative.
  Qed.

  (** The second. *)
  Lemma log_partition_second_derivative z t s :
    is_derive (Derive (fun s => log_partition (fun i => z i + s * t i))) s (variance n (line n z t s) t).
  Proof.
    apply (is_derive_ext (fun s => mean n (line n z t s) t)).
    - intros s'. symmetry. apply is_derive_unique, log_partition_derivative.
    - apply mean_line_derivative, some.
  Qed.

  Lemma line_start z t : line n z t 0 = softmax n z.
  Proof. unfold line. f_equal. apply functional_extensionality. intros i. ring. Qed.
End LogPartition.

(** ** The tilt *)

Section Tilt.
  Variables (d : nat) (x : prompt).

  Definition tilt (theta : vector) (t : R) : R :=
    log_partition (arms x) (fun y => logits d x theta y + t * reward x y).

  (** The tilted policy, and the policy. *)
  Let tilted (theta : vector) (t : R) : nat -> R := line (arms x) (logits d x theta) (reward x) t.

  Let untilted theta : tilted theta 0 = policy d x theta.
  Proof. apply line_start. Qed.

  (** J = d_t A. *)
  Theorem tilt_mean theta : is_derive (tilt theta) 0 (J d x theta).
  Proof. unfold J. rewrite <- untilted. apply log_partition_derivative, some_arm. Qed.

  (** sigma^2 = d_t^2 A. *)
  Theorem tilt_variance theta : is_derive (Derive (tilt theta)) 0 (sigma d x theta ^ 2).
  Proof. rewrite sigma_square, <- untilted. apply log_partition_second_derivative, some_arm. Qed.

  (** A step moves the logits of the tilted policy along a line. *)
  Lemma tilt_along theta u t s :
    tilt (add theta (scale s u)) t
    = log_partition (arms x) (fun y => (logits d x theta y + t * reward x y) + s * shift d x u y).
  Proof.
    unfold tilt. f_equal. apply functional_extensionality. intros y. unfold logits, shift.
    rewrite dot_add_l, dot_scale_l. ring.
  Qed.

  (** g . u = d_t d_s A. *)
  Theorem tilt_gradient theta u :
    is_derive (fun t => Derive (fun s => tilt (add theta (scale s u)) t) 0) 0 (dot d (gradient d x theta) u).
  Proof.
    apply (is_derive_ext (fun t => mean (arms x) (tilted theta t) (shift d x u))).
    - intros t. rewrite (Derive_ext _ _ _ (tilt_along theta u t)). unfold tilted, line at 1. symmetry.
      rewrite <- (line_start _ _ (shift d x u)). apply is_derive_unique, log_partition_derivative, some_arm.
    - rewrite gradient_dot, covariance_sym, <- untilted. apply mean_line_derivative, some_arm.
  Qed.

  (** uHu = d_t d_s^2 A. *)
  Theorem tilt_curvature theta u :
    is_derive (fun t => Derive_n (fun s => tilt (add theta (scale s u)) t) 2 0) 0 (curvature_along d x theta u).
  Proof.
    apply (is_derive_ext (fun t => variance (arms x) (tilted theta t) (shift d x u))).
    - intros t. rewrite (Derive_n_ext _ _ _ _ (tilt_along theta u t)). unfold tilted, line at 1. symmetry.
      rewrite <- (line_start _ _ (shift d x u)). apply is_derive_unique, log_partition_second_derivative, some_arm.
    - unfold curvature_along, J. rewrite <- untilted.
      rewrite (mean_ext _ _ _ (fun y =>
        let p := tilted theta 0 in
        (shift d x u y - mean (arms x) p (shift d x u)) * (shift d x u y - mean (arms x) p (shift d x u))
        * (reward x y - mean (arms x) p (reward x)))) by (intros; cbv zeta; ring).
      apply covariance_line_derivative, some_arm.
  Qed.
End Tilt.
