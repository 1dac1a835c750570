(** * The shape of the certificate

    psi(a) = e^a - 1 - a is nonnegative; it increases for a >= 0; and psi(a c) <= a^2 psi(c) for 0 <= a <= 1 and c >= 0,
    because psi(a)/a^2 increases. *)

From Coq Require Import Reals Lra.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Increase Policy.
Open Scope R_scope.

Lemma exp_above_tangent a : 1 + a <= exp a.
Proof. apply exp_ineq1_le. Qed.

Lemma psi_zero : psi 0 = 0.
Proof. unfold psi. rewrite exp_0. ring. Qed.

Lemma psi_nonneg a : 0 <= psi a.
Proof. unfold psi. pose proof (exp_above_tangent a). lra. Qed.

Lemma psi_monotone a b : 0 <= a <= b -> psi a <= psi b.
Proof.
  intros [nonneg order]. unfold psi.
  assert (growth : exp b = exp a * exp (b - a)) by (rewrite <- exp_plus; f_equal; ring).
  pose proof (exp_above_tangent a). pose proof (exp_above_tangent (b - a)).
  pose proof (Rmult_le_pos (exp a - 1) (exp (b - a) - 1)). lra.
Qed.

(** The exponential lies below its chord over [0, c]. *)
Lemma exp_below_chord a c : 0 <= a <= 1 -> exp (a * c) <= 1 - a + a * exp c.
Proof.
  intros [low high].
  assert (at_zero : exp (a * c) * (1 - a * c) <= 1).
  { replace 1 with (exp (a * c) * exp (- (a * c))) at 2 by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
    apply Rmult_le_compat_l; [left; apply exp_pos|]. pose proof (exp_above_tangent (- (a * c))). lra. }
  assert (at_c : exp (a * c) * (1 + (c - a * c)) <= exp c).
  { replace (exp c) with (exp (a * c) * exp (c - a * c)) by (rewrite <- exp_plus; f_equal; ring).
    apply Rmult_le_compat_l; [left; apply exp_pos|apply exp_above_tangent]. }
  apply Rmult_le_compat_l with (r := 1 - a) in at_zero; [|lra].
  apply Rmult_le_compat_l with (r := a) in at_c; [|exact low]. lra.
Qed.

Lemma psi_scaled a c : 0 <= a <= 1 -> 0 <= c -> psi (a * c) <= a ^ 2 * psi c.
Proof.
  intros fraction nonneg.
  assert (0 <= a ^ 2 * psi c - psi (a * c)); [|lra].
  replace 0 with ((fun c => a ^ 2 * psi c - psi (a * c)) 0) by (rewrite Rmult_0_r, psi_zero; ring).
  apply (increase (fun c => a ^ 2 * psi c - psi (a * c)) (fun c => a * (1 - a + a * exp c - exp (a * c)))).
  - exact nonneg.
  - intros s _. unfold psi. auto_derive; [exact I|ring].
  - intros s _. pose proof (exp_below_chord a s fraction). apply Rmult_le_pos; lra.
Qed.
