(** * T12 and T13: the mean of a group's gradient estimate, and the adaptivity window

    A group is G independent responses to one prompt with binary rewards; s is the score along a direction, and
    p = E r, q = 1 - p. REINFORCE uses (1/G) sum (r_i - rbar) s_i; GRPO divides it by the population deviation of the
    group's rewards (groups whose rewards do not vary contribute 0). With Delta the mean score of right responses less
    that of wrong ones, and m_G = E sqrt (k (G - k)) / G, k ~ Bin(G, p),

      E REINFORCE = Delta p q (G - 1)/G,   E GRPO = Delta m_G = b_G(p) E REINFORCE,
      2 <= b_G(p) = E_j [G / sqrt ((j + 1) (G - 1 - j))] <= G / sqrt (G - 1),   j ~ Bin(G - 2, p).

    Both ends are met, b = 2 for G = 2 and b = G / sqrt (G - 1) for p = 0 and p = 1; for 0 < p < 1 the lower one only at
    G = 2, the upper one only at G = 2 and 3.

    Idea. The two sums of scores, over right and over wrong answers, meet the others only through their number of right
    answers; (B) of Binomial.v does the rest. The factors under the root sum to G and each is at least 1. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Increase Sums Distribution Binomial.
Open Scope R_scope.

(** ** Means over groups of independent responses *)

(** A group is a function from its places to the responses there; here response y takes place G. *)
Definition enlarge (ys : nat -> nat) (G y : nat) : nat -> nat := fun i => if Nat.eqb i G then y else ys i.

(** E F(y_0, ..., y_{G-1}) for independent responses with distribution p on n arms. *)
Fixpoint group_mean (n : nat) (p : nat -> R) (G : nat) (F : (nat -> nat) -> R) : R :=
  match G with
  | O => F (fun _ => O)
  | S others => mean n p (fun y => group_mean n p others (fun ys => F (enlarge ys others y)))
  end.

Lemma enlarge_inside n ys G y :
  (forall i, (i < G)%nat -> (ys i < n)%nat) -> (y < n)%nat -> forall i, (i < S G)%nat -> (enlarge ys G y i < n)%nat.
Proof.
  intros inside inside_y i below. unfold enlarge. destruct (Nat.eqb_spec i G) as [_|other]; [exact inside_y|].
  apply inside. lia.
Qed.

(** A sum over a group. *)
Definition over_group (G : nat) (f : nat -> R) (ys : nat -> nat) : R := sum G (fun i => f (ys i)).

Lemma over_group_enlarge G f ys y : over_group (S G) f (enlarge ys G y) = over_group G f ys + f y.
Proof.
  unfold over_group. simpl. unfold enlarge at 2. rewrite Nat.eqb_refl. f_equal.
  apply sum_ext. intros i inside. unfold enlarge. destruct (Nat.eqb_spec i G) as [same|_]; [lia|reflexivity].
Qed.

Section GroupMean.
  Variables (n : nat) (p : nat -> R).
  Hypothesis distribution : is_distribution n p.

  Lemma group_ext G F F' :
    (forall ys, (forall i, (i < G)%nat -> (ys i < n)%nat) -> F ys = F' ys) -> group_mean n p G F = group_mean n p G F'.
  Proof.
    revert F F'. induction G as [|G IH]; intros F F' same; simpl.
    - apply same. lia.
    - apply mean_ext. intros y inside. apply IH. intros ys inside_ys. apply same, enlarge_inside; assumption.
  Qed.

  Lemma group_le G F F' :
    (forall ys, (forall i, (i < G)%nat -> (ys i < n)%nat) -> F ys <= F' ys) ->
    group_mean n p G F <= group_mean n p G F'.
  Proof.
    revert F F'. induction G as [|G IH]; intros F F' below; simpl.
    - apply below. lia.
    - apply mean_le; [exact distribution|]. intros y inside. apply IH. intros ys inside_ys.
      apply below, enlarge_inside; assumption.
  Qed.

  Lemma group_plus G F F' : group_mean n p G (fun ys => F ys + F' ys) = group_mean n p G F + group_mean n p G F'.
  Proof.
    revert F F'. induction G as [|G IH]; intros F F'; simpl; [reflexivity|].
    rewrite <- mean_plus. apply mean_ext. intros y _. apply IH.
  Qed.

  Lemma group_scale G c F : group_mean n p G (fun ys => c * F ys) = c * group_mean n p G F.
  Proof.
    revert F. induction G as [|G IH]; intros F; simpl; [reflexivity|].
    rewrite <- mean_scale. apply mean_ext. intros y _. apply IH.
  Qed.

  Lemma group_minus G F F' : group_mean n p G (fun ys => F ys - F' ys) = group_mean n p G F - group_mean n p G F'.
  Proof.
    rewrite (group_ext G _ (fun ys => F ys + -1 * F' ys)) by (intros; ring). rewrite group_plus, group_scale. ring.
  Qed.

  Lemma group_constant G c : group_mean n p G (fun _ => c) = c.
  Proof.
    induction G as [|G IH]; simpl; [reflexivity|]. rewrite IH. apply mean_constant, distribution.
  Qed.

  Lemma group_sum G d (F : nat -> (nat -> nat) -> R) :
    group_mean n p G (fun ys => sum d (fun i => F i ys)) = sum d (fun i => group_mean n p G (F i)).
  Proof.
    induction d as [|d IH]; simpl; [apply group_constant|]. rewrite group_plus, IH. reflexivity.
  Qed.

  (** ** Binary rewards *)

  Variable r : nat -> R.
  Hypothesis right_or_wrong : forall y, (y < n)%nat -> r y = 0 \/ r y = 1.

  Let pass : R := mean n p r.

  (** E [f; right] and E [f; wrong]. *)
  Definition right_part (f : nat -> R) : R := mean n p (fun y => r y * f y).
  Definition wrong_part (f : nat -> R) : R := mean n p (fun y => (1 - r y) * f y).

  Lemma binary_pass : 0 <= pass <= 1.
  Proof.
    apply mean_between; [exact distribution|]. intros y inside. destruct (right_or_wrong y inside) as [-> | ->]; lra.
  Qed.

  Lemma mean_of_reward f h :
    mean n p (fun y => f y * h (r y)) = right_part f * h 1 + wrong_part f * h 0.
  Proof.
    unfold right_part, wrong_part.
    rewrite <- (Rmult_comm (h 1)), <- (Rmult_comm (h 0)), <- !mean_scale, <- mean_plus.
    apply mean_ext. intros y inside. destruct (right_or_wrong y inside) as [-> | ->]; ring.
  Qed.

  Lemma mean_of_reward_alone h : mean n p (fun y => h (r y)) = pass * h 1 + (1 - pass) * h 0.
  Proof.
    rewrite (mean_ext _ _ _ (fun y => 1 * h (r y))) by (intros; ring).
    rewrite (mean_of_reward (fun _ => 1)). unfold right_part, wrong_part.
    rewrite (mean_ext _ _ _ r), (mean_ext _ _ (fun y => (1 - r y) * 1) (fun y => 1 - r y)) by (intros; ring).
    rewrite mean_minus, mean_constant by exact distribution. reflexivity.
  Qed.

  (** The number of right answers of a group is binomial. *)
  Theorem right_answers_binomial G h :
    group_mean n p G (fun ys => h (over_group G r ys)) = binomial_mean G pass h.
  Proof.
    revert h. induction G as [|G IH]; intros h; [reflexivity|].
    cbn [group_mean binomial_mean].
    pose proof (mean_of_reward_alone (fun a => binomial_mean G pass (fun k => h (k + a)))) as last. cbv beta in last.
    rewrite (binomial_ext G pass (fun k => h (k + 0)) h) in last by (intros; rewrite Rplus_0_r; reflexivity).
    rewrite <- last. apply mean_ext. intros y _. rewrite <- IH. apply group_ext. intros ys _.
    rewrite over_group_enlarge. reflexivity.
  Qed.

  (** What a response adds to a function of the number of right answers, weighted with f. *)
  Definition marked (f : nat -> R) (h : R -> R) : R -> R := fun k => right_part f * h (k + 1) + wrong_part f * h k.

  (** The mean of a sum over the group: one response is singled out, G - 1 are left. *)
  Lemma one_response G f h :
    group_mean n p (S G) (fun ys => over_group (S G) f ys * h (over_group (S G) r ys))
    = INR (S G) * binomial_mean G pass (marked f h).
  Proof.
    revert h. induction G as [|G IH]; intros h.
    - cbn [group_mean binomial_mean].
      rewrite (mean_ext _ _ _ (fun y => f y * h (r y))).
      + rewrite (mean_of_reward f h). unfold marked. simpl INR. rewrite Rplus_0_l. ring.
      + intros y _. rewrite !over_group_enlarge. unfold over_group. simpl. rewrite !Rplus_0_l. reflexivity.
    - change (group_mean n p (S (S G)) ?F)
        with (mean n p (fun y => group_mean n p (S G) (fun ys => F (enlarge ys (S G) y)))).
      set (others := fun a => INR (S G) * binomial_mean G pass (marked f (fun k => h (k + a)))).
      set (last := fun a => binomial_mean (S G) pass (fun k => h (k + a))).
      rewrite (mean_ext _ _ _ (fun y => others (r y) + f y * last (r y))).
      + rewrite mean_plus, (mean_of_reward_alone others), (mean_of_reward f last).
        set (middle := binomial_mean (S G) pass (marked f h)).
        replace (pass * _ + _) with (INR (S G) * middle).
        * replace (right_part f * _ + _) with middle; [rewrite (S_INR (S G)); ring|].
          unfold middle, last, marked. rewrite binomial_plus, !binomial_scale. do 2 f_equal.
          apply binomial_ext. intros. rewrite Rplus_0_r. reflexivity.
        * unfold middle, others. cbn [binomial_mean].
          rewrite (binomial_ext G pass (marked f (fun k => h (k + 0))) (marked f h))
            by (intros; unfold marked; rewrite !Rplus_0_r; reflexivity).
          change (fun k => marked f h (k + 1)) with (marked f (fun k => h (k + 1))). ring.
      + intros y _. unfold others, last. rewrite <- IH, <- right_answers_binomial, <- group_scale, <- group_plus.
        apply group_ext. intros ys _. rewrite !over_group_enlarge. ring.
  Qed.

  (** ** The two estimates *)

  Section Estimates.
    Variable G : nat.

    (** The G places of a group weigh the same. *)
    Definition equal : nat -> R := fun _ => / INR G.

    (** REINFORCE with the group's mean as its baseline, (1/G) sum (r_i - rbar) s_i. *)
    Definition reinforce_estimate (s : nat -> R) (ys : nat -> nat) : R :=
      mean G equal (fun i => (r (ys i) - mean G equal (fun i => r (ys i))) * s (ys i)).

    (** GRPO divides by the population deviation. As 1/0 is 0 in Coq, groups that do not vary contribute 0. *)
    Definition grpo_estimate (s : nat -> R) (ys : nat -> nat) : R :=
      reinforce_estimate s ys / deviation G equal (fun i => r (ys i)).

    Hypothesis some : (0 < G)%nat.

    Lemma size_pos : 0 < INR G.
    Proof. apply lt_0_INR, some. Qed.

    Lemma equal_distribution : is_distribution G equal.
    Proof.
      pose proof size_pos. split.
      - intros i _. left. apply Rinv_0_lt_compat, size_pos.
      - unfold equal. rewrite sum_constant. apply Rinv_r. lra.
    Qed.

    Lemma mean_equal f ys : mean G equal (fun i => f (ys i)) = over_group G f ys / INR G.
    Proof. unfold mean, equal. rewrite sum_scale. unfold Rdiv, over_group. ring. Qed.

    (** G^2 times the REINFORCE estimate: (G - k) (sum of s over right) - k (sum of s over wrong). *)
    Definition contrast (s : nat -> R) (ys : nat -> nat) : R :=
      (INR G - over_group G r ys) * over_group G (fun y => r y * s y) ys
      - over_group G r ys * over_group G (fun y => (1 - r y) * s y) ys.

    Lemma reinforce_contrast s ys : reinforce_estimate s ys = contrast s ys * / INR G ^ 2.
    Proof.
      pose proof size_pos. unfold reinforce_estimate. rewrite mean_equal.
      rewrite (mean_equal (fun y => (r y - over_group G r ys / INR G) * s y)). unfold contrast.
      set (k := over_group G r ys).
      replace (over_group G (fun y => (r y - k / INR G) * s y) ys)
        with ((1 - k / INR G) * over_group G (fun y => r y * s y) ys
              - k / INR G * over_group G (fun y => (1 - r y) * s y) ys).
      - field. lra.
      - unfold over_group. rewrite <- !sum_scale, <- sum_minus. apply sum_ext. intros. ring.
    Qed.

    (** The population deviation of a group with k right answers is sqrt (k (G - k)) / G. *)
    Lemma group_deviation ys :
      (forall i, (i < G)%nat -> (ys i < n)%nat) ->
      deviation G equal (fun i => r (ys i)) = sqrt (over_group G r ys * (INR G - over_group G r ys)) / INR G.
    Proof.
      intros inside. pose proof size_pos. unfold deviation.
      rewrite variance_moments by exact equal_distribution.
      rewrite (mean_ext G equal (fun i => r (ys i) ^ 2) (fun i => r (ys i))).
      2:{ intros i inside_i. destruct (right_or_wrong (ys i) (inside i inside_i)) as [-> | ->]; ring. }
      rewrite mean_equal. set (k := over_group G r ys).
      replace (k / INR G - (k / INR G) ^ 2) with (k * (INR G - k) / (INR G ^ 2)) by (field; lra).
      rewrite sqrt_div_alt, sqrt_pow2 by (try apply pow_lt; lra). reflexivity.
    Qed.

    Lemma grpo_contrast s ys :
      (forall i, (i < G)%nat -> (ys i < n)%nat) ->
      grpo_estimate s ys
      = contrast s ys * (/ INR G * / sqrt (over_group G r ys * (INR G - over_group G r ys))).
    Proof.
      intros inside. pose proof size_pos. unfold grpo_estimate. rewrite group_deviation by exact inside.
      rewrite reinforce_contrast. unfold Rdiv. rewrite Rinv_mult, Rinv_inv.
      set (inverse := / sqrt _). field. lra.
    Qed.
  End Estimates.

  (** Parts of parts. *)
  Lemma right_part_of_right s : right_part (fun y => r y * s y) = right_part s.
  Proof. apply mean_ext. intros y inside. destruct (right_or_wrong y inside) as [-> | ->]; ring. Qed.

  Lemma wrong_part_of_right s : wrong_part (fun y => r y * s y) = 0.
  Proof. apply sum_zero. intros y inside. destruct (right_or_wrong y inside) as [-> | ->]; ring. Qed.

  Lemma right_part_of_wrong s : right_part (fun y => (1 - r y) * s y) = 0.
  Proof. apply sum_zero. intros y inside. destruct (right_or_wrong y inside) as [-> | ->]; ring. Qed.

  Lemma wrong_part_of_wrong s : wrong_part (fun y => (1 - r y) * s y) = wrong_part s.
  Proof. apply mean_ext. intros y inside. destruct (right_or_wrong y inside) as [-> | ->]; ring. Qed.

  Lemma covariance_parts s : covariance n p r s = (1 - pass) * right_part s - pass * wrong_part s.
  Proof.
    rewrite covariance_moments by exact distribution. unfold right_part, wrong_part.
    rewrite (mean_ext _ _ (fun y => (1 - r y) * s y) (fun y => s y - r y * s y)) by (intros; ring).
    rewrite mean_minus. fold pass. ring.
  Qed.

  Lemma contrast_mean G s w :
    (2 <= G)%nat ->
    group_mean n p G (fun ys => contrast G s ys * w (over_group G r ys))
    = INR G * (INR G - 1) * covariance n p r s * binomial_mean (G - 2) pass (fun j => w (j + 1)).
  Proof.
    destruct G as [|[|G]]; [lia|lia|]. intros _. replace (S (S G) - 2)%nat with G by lia.
    set (size := INR (S (S G))).
    set (h := fun k => (size - k) * w k). set (h' := fun k => k * w k).
    rewrite (group_ext _ _ (fun ys =>
      over_group (S (S G)) (fun y => r y * s y) ys * h (over_group (S (S G)) r ys)
      - over_group (S (S G)) (fun y => (1 - r y) * s y) ys * h' (over_group (S (S G)) r ys)))
      by (intros; unfold contrast, h, h', size; ring).
    rewrite group_minus, (one_response (S G) _ h), (one_response (S G) _ h'). unfold marked, h, h'.
    rewrite right_part_of_right, wrong_part_of_right, right_part_of_wrong, wrong_part_of_wrong.
    rewrite (binomial_ext (S G) pass _ (fun k => right_part s * ((INR (S G) - k) * w (k + 1))))
      by (intros; unfold size; rewrite (S_INR (S G)); ring).
    rewrite (binomial_ext (S G) pass (fun k => 0 * _ + _) (fun k => wrong_part s * (k * w k))) by (intros; ring).
    rewrite !binomial_scale, right_biased, (wrong_biased G pass (fun k => w (k + 1))), covariance_parts.
    unfold size. rewrite (S_INR (S G)). ring.
  Qed.
End GroupMean.

(** ** The window *)

(** b_G(p). *)
Definition adaptivity (G : nat) (p : R) : R :=
  binomial_mean (G - 2) p (fun j => INR G / sqrt ((j + 1) * (INR G - 1 - j))).

(** m_G. *)
Definition group_factor (G : nat) (p : R) : R := binomial_mean G p (fun k => sqrt (k * (INR G - k))) / INR G.

Lemma times_inverse_root a : 0 <= a -> a * / sqrt a = sqrt a.
Proof.
  intros [positive|<-]; [|rewrite sqrt_0; ring].
  rewrite <- (sqrt_sqrt a) at 1 by lra. field. apply Rgt_not_eq, sqrt_lt_R0, positive.
Qed.

Lemma group_factor_adaptivity G p :
  (2 <= G)%nat -> group_factor G p = adaptivity G p * (p * (1 - p) * ((INR G - 1) / INR G)).
Proof.
  intros size. assert (size_pos : 0 < INR G) by (apply lt_0_INR; lia). unfold group_factor, adaptivity.
  rewrite (binomial_ext G p _ (fun k => k * (INR G - k) * / sqrt (k * (INR G - k)))).
  - rewrite (shifted_binomial G p (fun k => / sqrt (k * (INR G - k)))) by exact size.
    rewrite (binomial_ext (G - 2) p (fun j => INR G / _)
      (fun j => INR G * / sqrt ((j + 1) * (INR G - (j + 1))))).
    + rewrite binomial_scale. field. lra.
    + intros. unfold Rdiv. do 4 f_equal. ring.
  - intros k inside. symmetry. apply times_inverse_root, Rmult_le_pos; [apply pos_INR|].
    apply le_INR in inside. lra.
Qed.

(** T13, every term: the product under the root is between G - 1 and G^2/4. *)
Lemma adaptivity_term G j :
  (2 <= G)%nat -> (j <= G - 2)%nat ->
  2 <= INR G / sqrt ((INR j + 1) * (INR G - 1 - INR j)) <= INR G / sqrt (INR G - 1).
Proof.
  intros size inside. pose proof (pos_INR j) as nonneg. apply le_INR in inside. rewrite minus_INR in inside by lia.
  apply le_INR in size. simpl (INR 2) in *. set (N := INR G) in *. set (J := INR j) in *.
  assert (above : N - 1 <= (J + 1) * (N - 1 - J)).
  { assert (0 <= J * (N - 2 - J)) by (apply Rmult_le_pos; lra). lra. }
  assert (below : (J + 1) * (N - 1 - J) <= (N / 2) ^ 2) by (pose proof (pow2_ge_0 (N - 2 - 2 * J)); lra).
  assert (root_pos : 0 < sqrt (N - 1)) by (apply sqrt_lt_R0; lra).
  assert (least : sqrt (N - 1) <= sqrt ((J + 1) * (N - 1 - J))) by (apply sqrt_le_1_alt, above).
  assert (greatest : sqrt ((J + 1) * (N - 1 - J)) <= N / 2).
  { rewrite <- (sqrt_pow2 (N / 2)) by lra. apply sqrt_le_1_alt, below. }
  split.
  - apply Rmult_le_reg_r with (sqrt ((J + 1) * (N - 1 - J))); [lra|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
  - apply Rmult_le_compat_l; [lra|]. apply Rinv_le_contravar; [exact root_pos|exact least].
Qed.

(** T13, the window. *)
Theorem adaptivity_window G p :
  (2 <= G)%nat -> 0 <= p <= 1 -> 2 <= adaptivity G p <= INR G / sqrt (INR G - 1).
Proof.
  intros size between. unfold adaptivity. split.
  - rewrite <- (binomial_constant (G - 2) p 2) at 1. apply binomial_le; [exact between|].
    intros j inside. apply adaptivity_term; assumption.
  - rewrite <- (binomial_constant (G - 2) p (INR G / sqrt (INR G - 1))) at 1. apply binomial_le; [exact between|].
    intros j inside. apply adaptivity_term; assumption.
Qed.

(** Groups of two are exactly twice REINFORCE: the lower end is met. *)
Theorem adaptivity_of_two p : adaptivity 2 p = 2.
Proof.
  unfold adaptivity. simpl. replace ((0 + 1) * (1 + 1 - 1 - 0)) with 1 by ring. rewrite sqrt_1. field.
Qed.

(** Groups of three have the same factor at every p. *)
Theorem adaptivity_of_three p : adaptivity 3 p = 3 / sqrt 2.
Proof.
  unfold adaptivity. simpl. replace ((0 + 1 + 1) * (1 + 1 + 1 - 1 - (0 + 1))) with 2 by ring.
  replace ((0 + 1) * (1 + 1 + 1 - 1 - 0)) with 2 by ring. lra.
Qed.

Lemma binomial_never N f : binomial_mean N 0 f = f 0.
Proof. induction N as [|N IH]; simpl; [reflexivity|]. rewrite IH. ring. Qed.

Lemma binomial_always N f : binomial_mean N 1 f = f (INR N).
Proof.
  revert f. induction N as [|N IH]; intros f; [reflexivity|]. cbn [binomial_mean]. rewrite !IH, S_INR. ring.
Qed.

(** The upper end is met where every answer is wrong, or every answer right. *)
Theorem adaptivity_cap_is_met G :
  (2 <= G)%nat -> adaptivity G 0 = INR G / sqrt (INR G - 1) /\ adaptivity G 1 = INR G / sqrt (INR G - 1).
Proof.
  intros size. unfold adaptivity. rewrite binomial_never, binomial_always, minus_INR by exact size. simpl (INR 2).
  split; do 2 f_equal; ring.
Qed.

(** Otherwise the ends are not met: the terms of j = 0 and j = 1 are inside. *)
Theorem adaptivity_above_two G p : (3 <= G)%nat -> 0 < p < 1 -> 2 < adaptivity G p.
Proof.
  intros size between. unfold adaptivity. rewrite <- (binomial_constant (G - 2) p 2) at 1.
  apply (binomial_lt (G - 2) p (fun _ => 2) _ O); [exact between| |lia|].
  - intros j inside. apply adaptivity_term; [lia|exact inside].
  - apply le_INR in size. simpl INR in *. replace ((0 + 1) * (INR G - 1 - 0)) with (INR G - 1) by ring.
    assert (root_pos : 0 < sqrt (INR G - 1)) by (apply sqrt_lt_R0; lra).
    assert (root_square : sqrt (INR G - 1) * sqrt (INR G - 1) = INR G - 1) by (apply sqrt_sqrt; lra).
    assert (0 < (sqrt (INR G - 1) - 1) * (sqrt (INR G - 1) - 1)).
    { apply Rsqr_pos_lt. intros one. replace (sqrt (INR G - 1)) with 1 in root_square by lra. lra. }
    apply Rmult_lt_reg_r with (sqrt (INR G - 1)); [exact root_pos|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

Theorem adaptivity_below_cap G p : (4 <= G)%nat -> 0 < p < 1 -> adaptivity G p < INR G / sqrt (INR G - 1).
Proof.
  intros size between. unfold adaptivity.
  rewrite <- (binomial_constant (G - 2) p (INR G / sqrt (INR G - 1))) at 1.
  apply (binomial_lt (G - 2) p _ (fun _ => INR G / sqrt (INR G - 1)) 1); [exact between| |lia|].
  - intros j inside. apply adaptivity_term; [lia|exact inside].
  - apply le_INR in size. simpl INR in *.
    assert (root_pos : 0 < sqrt (INR G - 1)) by (apply sqrt_lt_R0; lra).
    assert (larger : sqrt (INR G - 1) < sqrt ((1 + 1) * (INR G - 1 - 1))) by (apply sqrt_lt_1_alt; lra).
    apply Rmult_lt_compat_l; [lra|]. apply Rinv_lt_contravar; [|exact larger]. apply Rmult_lt_0_compat; lra.
Qed.

(** Yet at p = 1/2 the factor tends to 2 as groups grow: E (G - 2 - 2 j)^2 = G - 2 there. *)
Theorem adaptivity_at_half G : (2 <= G)%nat -> adaptivity G (1 / 2) <= 2 + 1 / sqrt (INR G - 1).
Proof.
  intros size. pose proof size as size_R. apply le_INR in size_R. simpl (INR 2) in size_R.
  assert (rest : INR (G - 2) = INR G - 2) by (rewrite minus_INR by exact size; reflexivity).
  set (N := INR G) in *. set (root := sqrt (N - 1)). assert (root_pos : 0 < root) by (apply sqrt_lt_R0; lra).
  apply Rle_trans with (binomial_mean (G - 2) (1 / 2) (fun j => 2 + / (N * root) * (N - 2 - 2 * j) ^ 2)).
  - apply binomial_le; [lra|]. intros j inside. fold N.
    set (s := sqrt ((INR j + 1) * (N - 1 - INR j))).
    pose proof (pos_INR j) as nonneg. apply le_INR in inside. rewrite rest in inside.
    assert (product : N - 1 <= (INR j + 1) * (N - 1 - INR j)).
    { assert (0 <= INR j * (N - 2 - INR j)) by (apply Rmult_le_pos; lra). lra. }
    assert (above : root <= s) by (apply sqrt_le_1_alt, product).
    assert (square : s * s = (INR j + 1) * (N - 1 - INR j)) by (apply sqrt_sqrt; lra).
    replace ((N - 2 - 2 * INR j) ^ 2) with ((N - 2 * s) * (N + 2 * s))
      by (replace ((N - 2 * s) * (N + 2 * s)) with (N ^ 2 - 4 * (s * s)) by ring; rewrite square; ring).
    assert (half : 0 <= N - 2 * s).
    { apply Rmult_le_reg_r with (N + 2 * s); [lra|].
      replace ((N - 2 * s) * (N + 2 * s)) with (N ^ 2 - 4 * (s * s)) by ring. rewrite square.
      pose proof (pow2_ge_0 (N - 2 - 2 * INR j)). lra. }
    replace (N / s) with (2 + (N - 2 * s) * / s) by (field; lra). apply Rplus_le_compat_l.
    replace (/ (N * root) * ((N - 2 * s) * (N + 2 * s))) with ((N - 2 * s) * (/ root * ((N + 2 * s) / N)))
      by (field; lra).
    apply Rmult_le_compat_l; [exact half|]. apply Rle_trans with (/ root * 1).
    + rewrite Rmult_1_r. apply Rinv_le_contravar; lra.
    + apply Rmult_le_compat_l; [left; apply Rinv_0_lt_compat, root_pos|].
      apply Rmult_le_reg_r with N; [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
  - rewrite binomial_plus, binomial_constant, binomial_scale.
    rewrite (binomial_ext _ _ _ (fun j => (N - 2) ^ 2 - 4 * (j * (INR (G - 2) - j)))) by (intros; rewrite rest; ring).
    rewrite binomial_minus, binomial_scale, binomial_constant, binomial_pairs, rest.
    replace ((N - 2) ^ 2 - 4 * ((N - 2) * (N - 2 - 1) * (1 / 2 * (1 - 1 / 2)))) with (N - 2) by field.
    apply Rplus_le_compat_l. rewrite Rinv_mult. unfold Rdiv. rewrite Rmult_1_l.
    replace (/ N * / root * (N - 2)) with (/ root * ((N - 2) * / N)) by ring.
    rewrite <- (Rmult_1_r (/ root)) at 2. apply Rmult_le_compat_l; [left; apply Rinv_0_lt_compat, root_pos|].
    apply Rmult_le_reg_r with N; [lra|]. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

(** T13: m_G <= sigma sqrt ((G - 1)/G), as (E X)^2 <= E X^2. *)
Theorem group_factor_bound G p :
  (2 <= G)%nat -> 0 <= p <= 1 -> group_factor G p <= sqrt (p * (1 - p)) * sqrt ((INR G - 1) / INR G).
Proof.
  intros size between. assert (INR 2 <= INR G) as size_R by (apply le_INR, size). simpl (INR 2) in size_R.
  rewrite <- sqrt_mult_alt by (apply Rmult_le_pos; lra).
  set (m := group_factor G p).
  assert (spread : 0 <= binomial_mean G p (fun k => (sqrt (k * (INR G - k)) / INR G - m) ^ 2)).
  { rewrite <- (binomial_constant G p 0) at 1. apply binomial_le; [exact between|]. intros. apply pow2_ge_0. }
  rewrite (binomial_ext G p _ (fun k => / INR G ^ 2 * (k * (INR G - k))
    - 2 * m / INR G * sqrt (k * (INR G - k)) + m ^ 2)) in spread.
  - rewrite binomial_plus, binomial_minus, !binomial_scale, binomial_constant, binomial_pairs in spread.
    assert (square : m ^ 2 <= p * (1 - p) * ((INR G - 1) / INR G)).
    { replace (binomial_mean G p (fun k => sqrt (k * (INR G - k)))) with (INR G * m) in spread
        by (unfold m, group_factor; field; lra).
      replace (/ INR G ^ 2 * _ - _ + _)
        with (p * (1 - p) * ((INR G - 1) / INR G) - m ^ 2) in spread by (field; lra).
      lra. }
    eapply Rle_trans; [apply Rle_abs|]. rewrite <- sqrt_Rsqr_abs, Rsqr_pow2. apply sqrt_le_1_alt, square.
  - intros k inside. apply le_INR in inside.
    assert (root : sqrt (INR k * (INR G - INR k)) ^ 2 = INR k * (INR G - INR k)).
    { rewrite <- Rsqr_pow2. apply Rsqr_sqrt, Rmult_le_pos; [apply pos_INR|lra]. }
    rewrite <- root at 2. field. lra.
Qed.

(** Two arms, expected flow z' = b_G p q (G - 1)/G: as -q' = p q z' is at most sqrt (G - 1) q^2, the slope of 1/q is at
    most sqrt (G - 1), whereas exact GRPO has 1/q of order t^2 (T7). *)
Theorem expected_flow_bound G p :
  (2 <= G)%nat -> 0 <= p <= 1 ->
  p * (1 - p) * (adaptivity G p * (p * (1 - p) * ((INR G - 1) / INR G))) <= sqrt (INR G - 1) * (1 - p) ^ 2.
Proof.
  intros size between. destruct (adaptivity_window G p size between) as [_ cap].
  assert (INR 2 <= INR G) as size_R by (apply le_INR, size). simpl (INR 2) in size_R.
  set (root := sqrt (INR G - 1)) in *. assert (root_pos : 0 < root) by (apply sqrt_lt_R0; lra).
  assert (square : INR G - 1 = root * root) by (symmetry; apply sqrt_sqrt; lra).
  rewrite square.
  replace (p * (1 - p) * (adaptivity G p * (p * (1 - p) * (root * root / INR G))))
    with (adaptivity G p * (root * root / INR G * (p * (1 - p)) ^ 2)) by (field; lra).
  apply Rle_trans with (INR G / root * (root * root / INR G * (p * (1 - p)) ^ 2)).
  - apply Rmult_le_compat_r; [|exact cap]. apply Rmult_le_pos; [|apply pow2_ge_0].
    apply Rmult_le_pos; [apply Rle_0_sqr|left; apply Rinv_0_lt_compat; lra].
  - replace (INR G / root * (root * root / INR G * (p * (1 - p)) ^ 2)) with (root * (1 - p) ^ 2 * p ^ 2)
      by (field; lra).
    rewrite <- (Rmult_1_r (root * (1 - p) ^ 2)) at 2. apply Rmult_le_compat_l.
    + apply Rmult_le_pos; [lra|apply pow2_ge_0].
    + rewrite <- (pow1 2). apply pow_incr. exact between.
Qed.

(** Hence 1/q grows at most linearly along that flow: the 1/t^2 of exact GRPO is lost. *)
Theorem expected_tail G (p : R -> R) :
  (2 <= G)%nat ->
  (forall t, 0 <= t -> 0 <= p t < 1) ->
  (forall t, 0 <= t ->
     is_derive p t (p t * (1 - p t) * (adaptivity G (p t) * (p t * (1 - p t) * ((INR G - 1) / INR G))))) ->
  forall t, 0 <= t -> / (1 - p t) <= / (1 - p 0) + sqrt (INR G - 1) * t.
Proof.
  intros size between flow t later.
  set (velocity := fun s => p s * (1 - p s) * (adaptivity G (p s) * (p s * (1 - p s) * ((INR G - 1) / INR G)))).
  assert (rises : sqrt (INR G - 1) * 0 - / (1 - p 0) <= sqrt (INR G - 1) * t - / (1 - p t)).
  { apply (increase (fun s => sqrt (INR G - 1) * s - / (1 - p s))
      (fun s => sqrt (INR G - 1) - velocity s / (1 - p s) ^ 2)); [exact later| |].
    - intros s [positive _]. pose proof (between s positive) as inside. pose proof (flow s positive) as moves.
      fold (velocity s) in moves. auto_derive.
      + split; [exists (velocity s); exact moves|]. split; [lra|exact I].
      + replace (Derive (fun x => p x) s) with (velocity s) by (symmetry; apply is_derive_unique, moves).
        field. lra.
    - intros s [positive _]. pose proof (between s positive) as inside.
      assert (bound : velocity s <= sqrt (INR G - 1) * (1 - p s) ^ 2)
        by (apply expected_flow_bound; [exact size|lra]).
      assert (0 < (1 - p s) ^ 2) by (apply pow_lt; lra).
      apply Rmult_le_reg_r with ((1 - p s) ^ 2); [assumption|].
      unfold Rdiv. rewrite Rmult_minus_distr_r, Rmult_assoc, Rinv_l by lra. lra. }
  lra.
Qed.

(** ** The means of T12 *)

Section Means.
  Variables (n G : nat) (p r s : nat -> R).
  Hypothesis distribution : is_distribution n p.
  Hypothesis right_or_wrong : forall y, (y < n)%nat -> r y = 0 \/ r y = 1.
  Hypothesis size : (2 <= G)%nat.

  Let pass : R := mean n p r.

  (** Delta: the mean score of right responses less that of wrong ones. *)
  Definition score_gap : R := right_part n p r s / pass - wrong_part n p r s / (1 - pass).

  Let size_R : 2 <= INR G.
  Proof. apply le_INR in size. exact size. Qed.

  (** E REINFORCE = (G - 1)/G Cov(r, s). *)
  Lemma reinforce_mean_covariance :
    group_mean n p G (reinforce_estimate r G s) = (INR G - 1) / INR G * covariance n p r s.
  Proof.
    pose proof (contrast_mean n p distribution r right_or_wrong G s (fun _ => / INR G ^ 2) size) as weighted.
    cbv beta in weighted. rewrite binomial_constant in weighted.
    rewrite (group_ext n p G _ (fun ys => contrast r G s ys * / INR G ^ 2)).
    - rewrite weighted. field. lra.
    - intros ys _. apply reinforce_contrast. lia.
  Qed.

  (** T13, the identity: E GRPO = b_G(p) E REINFORCE. *)
  Theorem grpo_is_adaptive :
    group_mean n p G (grpo_estimate r G s)
    = adaptivity G (mean n p r) * group_mean n p G (reinforce_estimate r G s).
  Proof.
    rewrite reinforce_mean_covariance. set (w := fun k => / INR G * / sqrt (k * (INR G - k))).
    rewrite (group_ext n p G _ (fun ys => contrast r G s ys * w (over_group G r ys))).
    - rewrite (contrast_mean n p distribution r right_or_wrong G s) by exact size. unfold adaptivity, w.
      cbv beta. fold pass.
      rewrite (binomial_ext (G - 2) pass (fun j => INR G / _) (fun j =>
        INR G ^ 2 * (/ INR G * / sqrt ((j + 1) * (INR G - (j + 1)))))).
      + rewrite !binomial_scale. field. lra.
      + intros j _. replace (INR G - 1 - INR j) with (INR G - (INR j + 1)) by ring. unfold Rdiv.
        set (root := / sqrt _). field. lra.
    - intros ys inside. apply (grpo_contrast n r right_or_wrong); [lia|exact inside].
  Qed.

  Hypothesis mixed : 0 < pass < 1.

  (** Cov(r, s) = p q Delta. *)
  Lemma covariance_gap : covariance n p r s = pass * (1 - pass) * score_gap.
  Proof.
    rewrite (covariance_parts n p distribution r). unfold score_gap. fold pass. field. lra.
  Qed.

  (** T12, the mean of REINFORCE. *)
  Theorem reinforce_mean :
    group_mean n p G (reinforce_estimate r G s)
    = score_gap * (mean n p r * (1 - mean n p r) * ((INR G - 1) / INR G)).
  Proof. rewrite reinforce_mean_covariance, covariance_gap. fold pass. ring. Qed.

  (** T12, the mean of GRPO. *)
  Theorem grpo_mean : group_mean n p G (grpo_estimate r G s) = score_gap * group_factor G (mean n p r).
  Proof. rewrite grpo_is_adaptive, reinforce_mean, group_factor_adaptivity by exact size. ring. Qed.
End Means.
