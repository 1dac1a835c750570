(** * T5: curvature taken apart, for any policy

    Let the positive probabilities pi_y(s) of the responses be twice differentiable along a direction, l_y = log pi_y
    and M_y = l_y'^2 + l_y''. Then

      J'' = Cov(r, M) = corr(r, M) sigma sd(M),   E M = 0;   and J'' = J M_right where exactly one response is right.

    Idea. pi'' = pi M, so J'' = sum r pi'' = E r M; and E M is the second derivative of sum pi = 1. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Sums Distribution.
Open Scope R_scope.

(** What holds near a point for each response holds there for all of them at once. *)
Lemma near_for_all n (P : nat -> R -> Prop) point :
  (forall y, (y < n)%nat -> locally point (P y)) -> locally point (fun s => forall y, (y < n)%nat -> P y s).
Proof.
  induction n as [|n IH]; intros each.
  - apply filter_forall. intros s y inside. lia.
  - apply (filter_imp (fun s => (forall y, (y < n)%nat -> P y s) /\ P n s)).
    + intros s [before last] y inside. destruct (Nat.eq_dec y n) as [->|other]; [exact last|apply before; lia].
    + apply filter_and; [apply IH; intros y inside; apply each; lia|apply each; lia].
Qed.

Lemma twice_differentiable (f f' : R -> R) (point second : R) :
  locally point (fun s => is_derive f s (f' s)) -> is_derive f' point second -> is_derive (Derive f) point second.
Proof.
  intros first again. apply (is_derive_ext_loc f'); [|exact again].
  revert first. apply filter_imp. intros s derivative. symmetry. apply is_derive_unique, derivative.
Qed.

Definition correlation (n : nat) (p f g : nat -> R) : R := covariance n p f g / (deviation n p f * deviation n p g).

Lemma correlation_between n p f g : is_distribution n p -> -1 <= correlation n p f g <= 1.
Proof.
  intros distribution. pose proof (covariance_le n p f g distribution) as bound. apply Rabs_le_between in bound.
  unfold correlation. set (b := deviation n p f * deviation n p g) in *.
  assert (nonneg : 0 <= b) by (apply Rmult_le_pos; apply deviation_nonneg).
  destruct (Rle_lt_or_eq_dec 0 b nonneg) as [positive|<-]; [|unfold Rdiv; rewrite Rinv_0; lra].
  split; apply Rmult_le_reg_r with b; try exact positive; unfold Rdiv; rewrite Rmult_assoc, Rinv_l; lra.
Qed.

(** Where a deviation is 0 so is the covariance. *)
Lemma covariance_correlation n p f g :
  is_distribution n p -> covariance n p f g = correlation n p f g * deviation n p f * deviation n p g.
Proof.
  intros distribution. pose proof (covariance_le n p f g distribution) as bound. apply Rabs_le_between in bound.
  unfold correlation. rewrite Rmult_assoc. set (b := deviation n p f * deviation n p g) in *.
  destruct (Req_dec b 0) as [zero|other]; [rewrite zero in *; lra|field; exact other].
Qed.

Section GeneralPolicy.
  Variables (n : nat) (pi slope : nat -> R -> R) (bend r : nat -> R) (point : R).

  Hypothesis positive : forall y, (y < n)%nat -> locally point (fun s => 0 < pi y s).
  Hypothesis total : locally point (fun s => sum n (fun y => pi y s) = 1).
  Hypothesis first_derivative : forall y, (y < n)%nat -> locally point (fun s => is_derive (pi y) s (slope y s)).
  Hypothesis second_derivative : forall y, (y < n)%nat -> is_derive (slope y) point (bend y).

  Let p (y : nat) : R := pi y point.

  (** J along the direction. *)
  Definition mean_reward (s : R) : R := mean n (fun y => pi y s) r.

  (** M = l'^2 + l'' for l = log pi. *)
  Definition log_curvature (y : nat) : R :=
    Derive (fun s => ln (pi y s)) point ^ 2 + Derive_n (fun s => ln (pi y s)) 2 point.

  Lemma general_distribution : is_distribution n p.
  Proof.
    split; [|exact (locally_singleton _ _ total)].
    intros y inside. left. exact (locally_singleton _ _ (positive y inside)).
  Qed.

  Lemma log_curvature_bend y : (y < n)%nat -> p y * log_curvature y = bend y.
  Proof.
    intros inside. assert (at_point : 0 < p y) by exact (locally_singleton _ _ (positive y inside)).
    assert (log_slope : locally point (fun s => is_derive (fun s => ln (pi y s)) s (slope y s / pi y s))).
    { pose proof (filter_and _ _ (positive y inside) (first_derivative y inside)) as both.
      revert both. apply filter_imp. intros s [above derivative].
      unfold Rdiv. apply (is_derive_comp ln (pi y)); [|exact derivative].
      apply is_derive_Reals, derivable_pt_lim_ln, above. }
    assert (again : is_derive (fun s => slope y s / pi y s) point
                      ((bend y * pi y point - slope y point * slope y point) / pi y point ^ 2)).
    { apply is_derive_div; [apply second_derivative, inside| |unfold p in at_point; lra].
      exact (locally_singleton _ _ (first_derivative y inside)). }
    assert (first : Derive (fun s => ln (pi y s)) point = slope y point / pi y point)
      by exact (is_derive_unique _ _ _ (locally_singleton _ _ log_slope)).
    assert (second : Derive_n (fun s => ln (pi y s)) 2 point
                     = (bend y * pi y point - slope y point * slope y point) / pi y point ^ 2)
      by exact (is_derive_unique _ _ _ (twice_differentiable _ _ _ _ log_slope again)).
    unfold log_curvature. rewrite first, second. unfold p in *. field. lra.
  Qed.

  (** A weighted sum of the probabilities has the weighted sum of the bends as its second derivative. *)
  Lemma weighted_second_derivative (weight : nat -> R) :
    is_derive (Derive (fun s => sum n (fun y => pi y s * weight y))) point
      (mean n p (fun y => log_curvature y * weight y)).
  Proof.
    replace (mean n p _) with (sum n (fun y => bend y * weight y))
      by (apply sum_ext; intros y inside; rewrite <- (log_curvature_bend y inside); ring).
    apply (twice_differentiable _ (fun s => sum n (fun y => slope y s * weight y))).
    - pose proof (near_for_all n _ point first_derivative) as together. revert together. apply filter_imp.
      intros s derivative. apply (is_derive_sum n (fun y s => pi y s * weight y)). intros y inside.
      apply (is_derive_ext (fun s => weight y * pi y s)); [intros; apply Rmult_comm|].
      rewrite Rmult_comm. apply (is_derive_scal (pi y)), derivative, inside.
    - apply (is_derive_sum n (fun y s => slope y s * weight y)). intros y inside.
      apply (is_derive_ext (fun s => weight y * slope y s)); [intros; apply Rmult_comm|].
      rewrite Rmult_comm. apply (is_derive_scal (slope y)), second_derivative, inside.
  Qed.

  (** T5: E M = 0. *)
  Theorem log_curvature_centred : mean n p log_curvature = 0.
  Proof.
    pose proof (is_derive_unique _ _ _ (weighted_second_derivative (fun _ => 1))) as derivative.
    rewrite (mean_ext n p log_curvature (fun y => log_curvature y * 1)) by (intros; ring). rewrite <- derivative.
    apply is_derive_unique, (twice_differentiable _ (fun _ => 0)).
    - apply (filter_imp (fun s => locally s (fun s => sum n (fun y => pi y s) = 1))).
      + intros s near_s. apply (is_derive_ext_loc (fun _ => 1)).
        * revert near_s. apply filter_imp. intros s' one. change (1 = sum n (fun y => pi y s' * 1)).
          rewrite <- one at 1. apply sum_ext. intros. ring.
        * apply is_derive_Reals, derivable_pt_lim_const.
      + apply locally_locally, total.
    - apply is_derive_Reals, derivable_pt_lim_const.
  Qed.

  (** T5. *)
  Theorem general_curvature :
    is_derive (Derive mean_reward) point (covariance n (fun y => pi y point) r log_curvature).
  Proof.
    fold p. rewrite covariance_moments, log_curvature_centred by apply general_distribution.
    rewrite (mean_ext n p _ (fun y => log_curvature y * r y)), Rmult_0_r, Rminus_0_r by (intros; ring).
    apply weighted_second_derivative.
  Qed.

  (** T5 with its three factors. *)
  Theorem curvature_factors :
    Derive_n mean_reward 2 point
    = correlation n (fun y => pi y point) r log_curvature * deviation n (fun y => pi y point) r
      * deviation n (fun y => pi y point) log_curvature.
  Proof.
    rewrite <- covariance_correlation by apply general_distribution.
    exact (is_derive_unique _ _ _ general_curvature).
  Qed.

  (** Where exactly one response is right its own log-probability says everything. *)
  Theorem one_right_response right :
    (right < n)%nat -> r right = 1 -> (forall y, (y < n)%nat -> y <> right -> r y = 0) ->
    mean_reward point = pi right point /\ Derive_n mean_reward 2 point = mean_reward point * log_curvature right.
  Proof.
    intros inside is_right others_wrong.
    assert (only : forall f, mean n p (fun y => r y * f y) = p right * f right).
    { intros f. unfold mean. rewrite (sum_single n _ right inside); [rewrite is_right; ring|].
      intros y inside_y other. rewrite (others_wrong y inside_y other). ring. }
    assert (value : mean_reward point = p right).
    { unfold mean_reward. fold p. rewrite (mean_ext n p r (fun y => r y * 1)), only by (intros; ring). ring. }
    split; [exact value|].
    change (Derive (Derive mean_reward) point = mean_reward point * log_curvature right).
    rewrite (is_derive_unique _ _ _ general_curvature), value. fold p.
    rewrite covariance_moments, log_curvature_centred, only by apply general_distribution. ring.
  Qed.
End GeneralPolicy.
