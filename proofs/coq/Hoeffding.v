(** * Hoeffding's lemma

    Under a softmax, a variable t of width w has E e^(t - E t) <= e^(w^2/8).

    Idea. Along the logits z + s t the log of the total weight has slope E t and second derivative Var t, both under the
    policy at s, and Popoviciu bounds the variance by w^2/4 at every s. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Increase Sums Distribution Policy Line.
Open Scope R_scope.

Section Hoeffding.
  Variables (n : nat) (z t : nat -> R) (w : R).
  Hypothesis some : (0 < n)%nat.
  Hypothesis width : width_at_most n t w.

  Let total (s : R) : R := sum n (fun i => exp (z i + s * t i)).

  Let total_positive s : 0 < total s.
  Proof. apply (softmax_total_pos n (fun i => z i + s * t i)), some. Qed.

  Lemma log_total_derivative s : is_derive (fun s => ln (total s)) s (mean n (line n z t s) t).
  Proof.
    assert (total_moves : is_derive total s (sum n (fun i => exp (z i + s * t i) * t i))).
    { apply (is_derive_sum n (fun i s => exp (z i + s * t i))). intros i _. auto_derive; [exact I|ring]. }
    unfold line. rewrite mean_softmax.
    apply (is_derive_comp ln total s _ _ (is_derive_ln _ (total_positive s)) total_moves).
  Qed.

  Lemma line_variance_le s : variance n (line n z t s) t <= w ^ 2 / 4.
  Proof.
    pose proof (line_distribution n z t some s) as distribution.
    pose proof (deviation_le_half_width n _ t w distribution width) as half.
    rewrite <- (deviation_square n _ t distribution).
    replace (w ^ 2 / 4) with ((w / 2) ^ 2) by field. apply pow_incr. split; [apply deviation_nonneg|exact half].
  Qed.

  Lemma log_total_le : ln (total 1) <= ln (total 0) + mean n (line n z t 0) t + w ^ 2 / 8.
  Proof.
    set (slope := mean n (line n z t 0) t).
    assert (gap : 0 <= w ^ 2 / 8 * 1 ^ 2 + slope * 1 + ln (total 0) - ln (total 1)); [|lra].
    apply (nonneg_of_second_derivative
      (fun s => w ^ 2 / 8 * s ^ 2 + slope * s + ln (total 0) - ln (total s))
      (fun s => w ^ 2 / 4 * s + slope - mean n (line n z t s) t)
      (fun s => w ^ 2 / 4 - variance n (line n z t s) t)).
    - lra.
    - intros s _. apply (is_derive_minus (fun s => w ^ 2 / 8 * s ^ 2 + slope * s + ln (total 0))
        (fun s => ln (total s))).
      + auto_derive; [exact I|field].
      + apply log_total_derivative.
    - intros s _. apply (is_derive_minus (fun s => w ^ 2 / 4 * s + slope) (fun s => mean n (line n z t s) t)).
      + auto_derive; [exact I|field].
      + apply mean_line_derivative, some.
    - intros s _. pose proof (line_variance_le s). lra.
    - ring.
    - unfold slope. ring.
  Qed.

  Lemma hoeffding :
    mean n (softmax n z) (fun i => exp (t i - mean n (softmax n z) t)) <= exp (w ^ 2 / 8).
  Proof.
    set (centre := mean n (softmax n z) t).
    assert (weight_zero : forall i, z i + 0 * t i = z i) by (intros; ring).
    assert (at_zero : line n z t 0 = softmax n z).
    { unfold line. f_equal. apply functional_extensionality. exact weight_zero. }
    assert (start : sum n (fun j => exp (z j)) = total 0).
    { apply sum_ext. intros. rewrite weight_zero. reflexivity. }
    rewrite mean_softmax, start.
    rewrite (sum_ext n _ (fun i => exp (- centre) * exp (z i + 1 * t i))).
    2:{ intros i _. rewrite <- !exp_plus. f_equal. ring. }
    rewrite sum_scale. fold (total 1).
    apply Rmult_le_reg_r with (total 0); [apply total_positive|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by (apply Rgt_not_eq, total_positive).
    rewrite <- (exp_ln (total 1)), <- (exp_ln (total 0)), <- !exp_plus by apply total_positive.
    pose proof log_total_le as bound. rewrite at_zero in bound. fold centre in bound.
    destruct (Rle_lt_or_eq_dec (- centre + ln (total 1)) (w ^ 2 / 8 + ln (total 0))) as [below|same]; [lra| |].
    - left. apply exp_increasing. unfold Rdiv in below. exact below.
    - right. f_equal. exact same.
  Qed.
End Hoeffding.
