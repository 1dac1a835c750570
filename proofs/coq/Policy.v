(** * A log-linear policy and the exact quantities of one prompt

    pi_theta(y) is proportional to exp(b(y) + theta . phi(y)): [offset] is b, [feature] is phi, [reward] is r. A prompt
    has [arms] responses. J is the mean reward, sigma its standard deviation, g the gradient of J. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Sums Distribution Vectors.
Open Scope R_scope.

(** The softmax of n logits. *)
Definition softmax (n : nat) (z : nat -> R) : nat -> R :=
  fun i => exp (z i) / sum n (fun j => exp (z j)).

Record prompt := {
  arms : nat;
  some_arm : (0 < arms)%nat;
  offset : nat -> R;
  feature : nat -> vector;
  reward : nat -> R
}.

Section Policy.
  Variable d : nat.  (* the dimension of the parameter *)

  Definition logits (x : prompt) (theta : vector) : nat -> R :=
    fun y => offset x y + dot d theta (feature x y).

  Definition policy (x : prompt) (theta : vector) : nat -> R := softmax (arms x) (logits x theta).

  Definition J (x : prompt) (theta : vector) : R := mean (arms x) (policy x theta) (reward x).

  Definition sigma (x : prompt) (theta : vector) : R := deviation (arms x) (policy x theta) (reward x).

  (** Coordinate k of the gradient is Cov(r, phi_k): [gradient_is_derivative] below shows that it is the gradient. *)
  Definition gradient (x : prompt) (theta : vector) : vector :=
    fun k => covariance (arms x) (policy x theta) (reward x) (fun y => feature x y k).

  (** No two features of the prompt differ by more than w along u: w is at least the width w_x(u). *)
  Definition step_width_at_most (x : prompt) (u : vector) (w : R) : Prop :=
    width_at_most (arms x) (fun y => dot d u (feature x y)) w.

  (** No two features are further apart than D. As w_x(u) is at most D for every unit u, and equal to it for the best u,
      this says that D is at least the diameter D_x. *)
  Definition diameter_at_most (x : prompt) (D : R) : Prop :=
    forall y y', (y < arms x)%nat -> (y' < arms x)%nat -> norm d (subtract (feature x y) (feature x y')) <= D.
End Policy.

(** psi(a) = e^a - 1 - a, the certificate's shape. *)
Definition psi (a : R) : R := exp a - 1 - a.
