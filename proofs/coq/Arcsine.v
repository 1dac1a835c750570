(** * T8: what exact GRPO maximises

    For binary rewards g/sigma is the gradient of 2 arcsin (sqrt J): exact GRPO ascends the sum of 2 arcsin (sqrt J_x).
    Likewise g/sigma^2 is the gradient of logit J.

    Idea. sigma^2 = J (1 - J), and d/dJ 2 arcsin (sqrt J) = 1/sqrt (J (1 - J)). *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Sums Distribution Vectors Policy Line Deviation.
Open Scope R_scope.

Lemma asin_derivative a : -1 < a < 1 -> is_derive asin a (1 / sqrt (1 - a ^ 2)).
Proof.
  intros between. rewrite <- Rsqr_pow2, <- (derive_pt_asin a between).
  apply is_derive_Reals, derive_pt_eq_1 with (derivable_pt_asin a between). reflexivity.
Qed.

Lemma arcsine_derivative p : 0 < p < 1 -> is_derive (fun p => 2 * asin (sqrt p)) p (1 / sqrt (p * (1 - p))).
Proof.
  intros between.
  assert (root_pos : 0 < sqrt p) by (apply sqrt_lt_R0; lra).
  assert (root_below : sqrt p < 1) by (rewrite <- sqrt_1; apply sqrt_lt_1_alt; lra).
  assert (other_pos : 0 < sqrt (1 - p)) by (apply sqrt_lt_R0; lra).
  replace (1 / sqrt (p * (1 - p))) with (2 * (/ (2 * sqrt p) * (1 / sqrt (1 - sqrt p ^ 2)))).
  - apply (is_derive_scal (fun p => asin (sqrt p))). apply (is_derive_comp asin sqrt).
    + apply asin_derivative. lra.
    + apply is_derive_Reals, derivable_pt_lim_sqrt. lra.
  - rewrite <- Rsqr_pow2, Rsqr_sqrt, sqrt_mult by lra. field. lra.
Qed.

Lemma logit_derivative p : 0 < p < 1 -> is_derive (fun p => ln (p / (1 - p))) p (1 / (p * (1 - p))).
Proof.
  intros between. auto_derive.
  - split; [lra|]. split; [apply Rdiv_lt_0_compat; lra|exact I].
  - field. lra.
Qed.

Section Arcsine.
  Variables (d : nat) (x : prompt) (theta u : vector).
  Hypothesis right_or_wrong : binary x.
  Hypothesis sigma_pos : 0 < sigma d x theta.

  Lemma pass_rate_inside : 0 < J d x theta < 1.
  Proof.
    pose proof (binary_J d x right_or_wrong theta) as between.
    pose proof (pow_lt _ 2 sigma_pos) as positive. rewrite binary_sigma in positive by exact right_or_wrong.
    split; apply Rnot_le_lt; intros edge.
    - replace (J d x theta) with 0 in positive by lra. lra.
    - replace (J d x theta) with 1 in positive by lra. lra.
  Qed.

  Lemma function_of_J f slope :
    is_derive f (J d x theta) slope ->
    is_derive (fun s => f (J d x (add theta (scale s u)))) 0 (dot d (gradient d x theta) u * slope).
  Proof.
    intros derivative. apply (is_derive_comp f (fun s => J d x (add theta (scale s u)))).
    - rewrite (J_ext d x (add theta (scale 0 u)) theta) by apply policy_at_zero. exact derivative.
    - apply gradient_is_derivative.
  Qed.

  (** T8. *)
  Theorem grpo_ascends_arcsine :
    is_derive (fun s => 2 * asin (sqrt (J d x (add theta (scale s u))))) 0
      (dot d (gradient d x theta) u / sigma d x theta).
  Proof.
    replace (sigma d x theta) with (sqrt (J d x theta * (1 - J d x theta))).
    - unfold Rdiv. rewrite <- (Rmult_1_l (/ sqrt _)).
      apply (function_of_J (fun p => 2 * asin (sqrt p))), arcsine_derivative, pass_rate_inside.
    - rewrite <- binary_sigma by exact right_or_wrong. apply sqrt_pow2. lra.
  Qed.

  Theorem squared_rule_ascends_logit :
    is_derive (fun s => ln (J d x (add theta (scale s u)) / (1 - J d x (add theta (scale s u))))) 0
      (dot d (gradient d x theta) u / sigma d x theta ^ 2).
  Proof.
    rewrite binary_sigma by exact right_or_wrong. unfold Rdiv at 2. rewrite <- (Rmult_1_l (/ (_ * _))).
    apply (function_of_J (fun p => ln (p / (1 - p)))), logit_derivative, pass_rate_inside.
  Qed.
End Arcsine.
