(** * The prompt of the tightness proofs

    One parameter and two responses: response 0 is wrong, response 1 is right and has probability p. Their features are
    0 and 1. At theta = 0, along u = 1 (width 1): J = p, sigma^2 = p (1 - p), g . u = p (1 - p), and
    uHu = p (1 - p) (1 - 2 p). *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Sums Distribution Vectors Policy Line.
Open Scope R_scope.

Definition is_right (y : nat) : R := match y with O => 0 | _ => 1 end.

Definition two_arms (p : R) : prompt := {|
  arms := 2;
  some_arm := Nat.lt_0_2;
  offset := fun y => match y with O => ln (1 - p) | _ => ln p end;
  feature := fun y _ => is_right y;
  reward := is_right
|}.

Definition origin : vector := fun _ => 0.
Definition ahead : vector := fun _ => 1.

Section TwoArms.
  Variable p : R.
  Hypothesis inside : 0 < p < 1.

  Lemma two_arms_shift y : shift 1 (two_arms p) ahead y = is_right y.
  Proof. unfold shift, dot, ahead. simpl. ring. Qed.

  Lemma two_arms_width : step_width_at_most 1 (two_arms p) ahead 1.
  Proof.
    intros y y' _ _. unfold dot, ahead. simpl. unfold is_right. destruct y, y'; lra.
  Qed.

  Lemma two_arms_binary y : reward (two_arms p) y = 0 \/ reward (two_arms p) y = 1.
  Proof. destruct y; [left|right]; reflexivity. Qed.

  Lemma two_arms_mean f : mean 2 (policy 1 (two_arms p) origin) f = (1 - p) * f O + p * f 1%nat.
  Proof.
    unfold mean, policy, softmax, logits, dot, origin. simpl.
    rewrite !Rmult_0_l, !Rplus_0_l, !Rplus_0_r, !exp_ln by lra. field. lra.
  Qed.

  Lemma two_arms_J : J 1 (two_arms p) origin = p.
  Proof. unfold J. simpl arms. rewrite two_arms_mean. simpl. ring. Qed.

  Lemma two_arms_sigma : sigma 1 (two_arms p) origin = sqrt (p * (1 - p)).
  Proof.
    unfold sigma, deviation, variance, covariance. simpl arms. rewrite !two_arms_mean. simpl. f_equal. ring.
  Qed.

  Lemma two_arms_sigma_pos : 0 < sigma 1 (two_arms p) origin.
  Proof. rewrite two_arms_sigma. apply sqrt_lt_R0. apply Rmult_lt_0_compat; lra. Qed.

  Lemma two_arms_slope : dot 1 (gradient 1 (two_arms p) origin) ahead = p * (1 - p).
  Proof.
    rewrite gradient_dot. unfold covariance. simpl arms. rewrite !two_arms_mean, !two_arms_shift. simpl. ring.
  Qed.

  Lemma two_arms_curvature : curvature_along 1 (two_arms p) origin ahead = p * (1 - p) * (1 - 2 * p).
  Proof.
    unfold curvature_along. rewrite two_arms_J. simpl arms. rewrite !two_arms_mean, !two_arms_shift. simpl. ring.
  Qed.

  Lemma two_arms_variance_slope : variance_slope 1 (two_arms p) origin ahead = p * (1 - p) * (1 - 2 * p).
  Proof.
    unfold variance_slope. rewrite two_arms_J. simpl arms. rewrite !two_arms_mean, !two_arms_shift. simpl. ring.
  Qed.
End TwoArms.
