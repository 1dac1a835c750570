(** * The number of right answers among G responses

    k ~ Bin(G, p) is the number of right answers among G independent responses, each right with probability p. With
    q = 1 - p and for every function f,

      E [k (G - k) f(k)] = G (G - 1) p q E [f(j + 1)],   j ~ Bin(G - 2, p).                                       (B)

    Idea. By induction on G, E [k f(k)] = G p E f(j + 1) and E [(G - k) f(k)] = G q E f(j) with j ~ Bin(G - 1, p); (B)
    is the first followed by the second. The recursion of [binomial_mean] is the usual formula: [binomial_formula]. *)

From Coq Require Import Reals Lra Lia.
From GRPO Require Import Sums.
Open Scope R_scope.

(** E f(k): one of the G responses is right with probability p, and k counts on from the others. *)
Fixpoint binomial_mean (G : nat) (p : R) (f : R -> R) : R :=
  match G with
  | O => f 0
  | S others => p * binomial_mean others p (fun k => f (k + 1)) + (1 - p) * binomial_mean others p f
  end.

(** ** The mean is linear and increasing *)

Lemma binomial_ext G p f g :
  (forall k, (k <= G)%nat -> f (INR k) = g (INR k)) -> binomial_mean G p f = binomial_mean G p g.
Proof.
  revert f g. induction G as [|G IH]; intros f g same; simpl.
  - apply (same O). lia.
  - rewrite (IH f g), (IH (fun k => f (k + 1)) (fun k => g (k + 1))).
    + reflexivity.
    + intros k inside. rewrite <- S_INR. apply same. lia.
    + intros k inside. apply same. lia.
Qed.

Lemma binomial_plus G p f g : binomial_mean G p (fun k => f k + g k) = binomial_mean G p f + binomial_mean G p g.
Proof.
  revert f g. induction G as [|G IH]; intros f g; simpl; [reflexivity|].
  rewrite (IH f g), (IH (fun k => f (k + 1)) (fun k => g (k + 1))). ring.
Qed.

Lemma binomial_scale G p c f : binomial_mean G p (fun k => c * f k) = c * binomial_mean G p f.
Proof.
  revert f. induction G as [|G IH]; intros f; simpl; [reflexivity|].
  rewrite (IH f), (IH (fun k => f (k + 1))). ring.
Qed.

Lemma binomial_minus G p f g : binomial_mean G p (fun k => f k - g k) = binomial_mean G p f - binomial_mean G p g.
Proof.
  rewrite (binomial_ext G p _ (fun k => f k + -1 * g k)) by (intros; ring).
  rewrite binomial_plus, binomial_scale. ring.
Qed.

Lemma binomial_constant G p c : binomial_mean G p (fun _ => c) = c.
Proof. induction G as [|G IH]; simpl; [reflexivity|rewrite IH; ring]. Qed.

Lemma binomial_le G p f g :
  0 <= p <= 1 -> (forall k, (k <= G)%nat -> f (INR k) <= g (INR k)) -> binomial_mean G p f <= binomial_mean G p g.
Proof.
  intros between. revert f g. induction G as [|G IH]; intros f g below; simpl.
  - apply (below O). lia.
  - apply Rplus_le_compat; apply Rmult_le_compat_l; try lra; apply IH; intros k inside.
    + rewrite <- S_INR. apply below. lia.
    + apply below. lia.
Qed.

(** Smaller somewhere is smaller on average, if every number of right answers is possible. *)
Lemma binomial_lt G p f g k :
  0 < p < 1 -> (forall k, (k <= G)%nat -> f (INR k) <= g (INR k)) -> (k <= G)%nat -> f (INR k) < g (INR k) ->
  binomial_mean G p f < binomial_mean G p g.
Proof.
  intros between. revert f g k. induction G as [|G IH]; intros f g k below inside less.
  - replace k with O in less by lia. exact less.
  - assert (below_right : forall k, (k <= G)%nat -> f (INR k + 1) <= g (INR k + 1)).
    { intros i inside_i. rewrite <- S_INR. apply below. lia. }
    assert (below_wrong : forall k, (k <= G)%nat -> f (INR k) <= g (INR k)) by (intros; apply below; lia).
    cbn [binomial_mean]. destruct k as [|k].
    + apply Rplus_le_lt_compat; [apply Rmult_le_compat_l; [lra|]|apply Rmult_lt_compat_l; [lra|]].
      * apply binomial_le; [lra|exact below_right].
      * apply (IH f g O); [exact below_wrong|lia|exact less].
    + apply Rplus_lt_le_compat; [apply Rmult_lt_compat_l; [lra|]|apply Rmult_le_compat_l; [lra|]].
      * apply (IH (fun k => f (k + 1)) (fun k => g (k + 1)) k); [exact below_right|lia|].
        rewrite <- S_INR. exact less.
      * apply binomial_le; [lra|exact below_wrong].
Qed.

(** ** The identity (B) *)

Lemma right_biased G p f :
  binomial_mean (S G) p (fun k => k * f k) = INR (S G) * p * binomial_mean G p (fun j => f (j + 1)).
Proof.
  revert f. induction G as [|G IH]; intros f; [simpl; ring|].
  change (binomial_mean (S (S G)) p (fun k => k * f k))
    with (p * binomial_mean (S G) p (fun k => (k + 1) * f (k + 1))
          + (1 - p) * binomial_mean (S G) p (fun k => k * f k)).
  rewrite (binomial_ext (S G) p _ (fun k => k * f (k + 1) + f (k + 1))) by (intros; ring).
  rewrite binomial_plus, (IH f), (IH (fun k => f (k + 1))), (S_INR (S G)). simpl binomial_mean. ring.
Qed.

Lemma wrong_biased G p f :
  binomial_mean (S G) p (fun k => (INR (S G) - k) * f k) = INR (S G) * (1 - p) * binomial_mean G p f.
Proof.
  revert f. induction G as [|G IH]; intros f; [simpl; ring|].
  change (binomial_mean (S (S G)) p (fun k => (INR (S (S G)) - k) * f k))
    with (p * binomial_mean (S G) p (fun k => (INR (S (S G)) - (k + 1)) * f (k + 1))
          + (1 - p) * binomial_mean (S G) p (fun k => (INR (S (S G)) - k) * f k)).
  rewrite (binomial_ext (S G) p _ (fun k => (INR (S G) - k) * f (k + 1))) by (intros; rewrite (S_INR (S G)); ring).
  rewrite (binomial_ext (S G) p (fun k => (INR (S (S G)) - k) * f k) (fun k => (INR (S G) - k) * f k + f k))
    by (intros; rewrite (S_INR (S G)); ring).
  rewrite binomial_plus, (IH f), (IH (fun k => f (k + 1))), (S_INR (S G)). simpl binomial_mean. ring.
Qed.

Lemma shifted_binomial_successor G p f :
  binomial_mean (S (S G)) p (fun k => k * (INR (S (S G)) - k) * f k)
  = INR (S (S G)) * INR (S G) * (p * (1 - p)) * binomial_mean G p (fun j => f (j + 1)).
Proof.
  rewrite (binomial_ext _ p _ (fun k => k * ((INR (S (S G)) - k) * f k))) by (intros; ring).
  rewrite right_biased.
  rewrite (binomial_ext _ p _ (fun j => (INR (S G) - j) * f (j + 1))) by (intros; rewrite (S_INR (S G)); ring).
  rewrite wrong_biased. ring.
Qed.

(** (B). *)
Theorem shifted_binomial G p f :
  (2 <= G)%nat ->
  binomial_mean G p (fun k => k * (INR G - k) * f k)
  = INR G * (INR G - 1) * (p * (1 - p)) * binomial_mean (G - 2) p (fun j => f (j + 1)).
Proof.
  destruct G as [|[|G]]; [lia|lia|]. intros _. rewrite shifted_binomial_successor.
  replace (S (S G) - 2)%nat with G by lia. rewrite (S_INR (S G)). ring.
Qed.

(** ** Moments *)

Lemma binomial_count G p : binomial_mean G p (fun k => k) = INR G * p.
Proof.
  destruct G as [|G]; [simpl; ring|].
  rewrite (binomial_ext _ p _ (fun k => k * 1)) by (intros; ring).
  rewrite right_biased, binomial_constant. ring.
Qed.

Lemma binomial_rest G p : binomial_mean G p (fun k => INR G - k) = INR G * (1 - p).
Proof. rewrite (binomial_minus G p (fun _ => INR G)), binomial_constant, binomial_count. ring. Qed.

(** E k (G - k), for every G. *)
Lemma binomial_pairs G p : binomial_mean G p (fun k => k * (INR G - k)) = INR G * (INR G - 1) * (p * (1 - p)).
Proof.
  destruct G as [|[|G]]; [simpl; ring|simpl; ring|].
  rewrite (binomial_ext _ p _ (fun k => k * (INR (S (S G)) - k) * 1)) by (intros; ring).
  rewrite shifted_binomial_successor, binomial_constant, (S_INR (S G)). ring.
Qed.

(** ** Groups whose answers are not all alike *)

Definition indicator (a : R) (k : R) : R := if Req_EM_T k a then 1 else 0.

Lemma indicator_here a : indicator a a = 1.
Proof. unfold indicator. destruct (Req_EM_T a a) as [_|other]; [reflexivity|contradiction]. Qed.

Lemma indicator_elsewhere a k : k <> a -> indicator a k = 0.
Proof. intros other. unfold indicator. destruct (Req_EM_T k a); [contradiction|reflexivity]. Qed.

(** All wrong. *)
Lemma binomial_none G p : binomial_mean G p (indicator 0) = (1 - p) ^ G.
Proof.
  induction G as [|G IH]; simpl; [apply indicator_here|].
  rewrite IH, (binomial_ext G p _ (fun _ => 0)).
  - rewrite binomial_constant. ring.
  - intros k _. apply indicator_elsewhere. pose proof (pos_INR k). lra.
Qed.

(** All right. *)
Lemma binomial_all G p : binomial_mean G p (indicator (INR G)) = p ^ G.
Proof.
  induction G as [|G IH]; [apply indicator_here|].
  change (binomial_mean (S G) p (indicator (INR (S G))))
    with (p * binomial_mean G p (fun k => indicator (INR (S G)) (k + 1))
          + (1 - p) * binomial_mean G p (indicator (INR (S G)))).
  rewrite (binomial_ext G p _ (indicator (INR G))), IH, (binomial_ext G p _ (fun _ => 0)).
  - rewrite binomial_constant. simpl. ring.
  - intros k inside. apply indicator_elsewhere. apply not_INR. lia.
  - intros k inside. rewrite S_INR. unfold indicator.
    destruct (Req_EM_T (INR k + 1) (INR G + 1)); destruct (Req_EM_T (INR k) (INR G)); lra.
Qed.

(** Below, k (G - k) / (k (G - k)) is 1 for 0 < k < G and 0 for k = 0 and k = G (where Coq divides by 0). *)

(** E [G - k; 0 < k < G] = G (q - q^G). *)
Lemma binomial_mixed_rest G p :
  binomial_mean G p (fun k => k * (INR G - k) * / (k * (INR G - k)) * (INR G - k)) = INR G * (1 - p - (1 - p) ^ G).
Proof.
  rewrite (binomial_ext G p _ (fun k => INR G - k - INR G * indicator 0 k)).
  - rewrite binomial_minus, binomial_scale, binomial_rest, binomial_none. ring.
  - intros k inside. destruct (Nat.eq_dec k 0) as [->|some].
    + simpl INR. rewrite indicator_here. ring.
    + rewrite indicator_elsewhere by (apply not_0_INR, some). destruct (Nat.eq_dec k G) as [->|other]; [ring|].
      assert (INR G - INR k <> 0) by (apply Rminus_eq_contra, not_INR; lia).
      assert (INR k <> 0) by (apply not_0_INR, some). field. split; assumption.
Qed.

(** E [k; 0 < k < G] = G (p - p^G). *)
Lemma binomial_mixed_count G p :
  binomial_mean G p (fun k => k * (INR G - k) * / (k * (INR G - k)) * k) = INR G * (p - p ^ G).
Proof.
  rewrite (binomial_ext G p _ (fun k => k - INR G * indicator (INR G) k)).
  - rewrite binomial_minus, binomial_scale, binomial_count, binomial_all. ring.
  - intros k inside. destruct (Nat.eq_dec k G) as [->|other].
    + rewrite indicator_here. ring.
    + rewrite indicator_elsewhere by (apply not_INR, other). destruct (Nat.eq_dec k 0) as [->|some]; [simpl INR; ring|].
      assert (INR G - INR k <> 0) by (apply Rminus_eq_contra, not_INR; lia).
      assert (INR k <> 0) by (apply not_0_INR, some). field. split; assumption.
Qed.

(** ** In closed form *)

Lemma sum_head n f : sum (S n) f = f O + sum n (fun k => f (S k)).
Proof.
  induction n as [|n IH]; [simpl; ring|].
  change (sum (S (S n)) f) with (sum (S n) f + f (S n)). rewrite IH. simpl. ring.
Qed.

Lemma choose_none G : C G 0 = 1.
Proof. unfold C. rewrite Nat.sub_0_r. simpl. field. apply INR_fact_neq_0. Qed.

Lemma choose_all G : C G G = 1.
Proof. unfold C. rewrite Nat.sub_diag. simpl. field. apply INR_fact_neq_0. Qed.

(** Bin(G, p) as usually written: binomial coefficients C G k. *)
Theorem binomial_formula G p f :
  binomial_mean G p f = sum (S G) (fun k => C G k * p ^ k * (1 - p) ^ (G - k) * f (INR k)).
Proof.
  revert f. induction G as [|G IH]; intros f.
  - simpl. rewrite choose_none. ring.
  - cbn [binomial_mean]. rewrite !IH. rewrite (sum_head (S G)).
    change (sum (S G) (fun k => C (S G) (S k) * p ^ S k * (1 - p) ^ (S G - S k) * f (INR (S k))))
      with (sum G (fun k => C (S G) (S k) * p ^ S k * (1 - p) ^ (S G - S k) * f (INR (S k)))
            + C (S G) (S G) * p ^ S G * (1 - p) ^ (S G - S G) * f (INR (S G))).
    rewrite (sum_head G (fun k => C G k * p ^ k * (1 - p) ^ (G - k) * f (INR k))).
    change (sum (S G) (fun k => C G k * p ^ k * (1 - p) ^ (G - k) * f (INR k + 1)))
      with (sum G (fun k => C G k * p ^ k * (1 - p) ^ (G - k) * f (INR k + 1))
            + C G G * p ^ G * (1 - p) ^ (G - G) * f (INR G + 1)).
    rewrite (sum_ext G (fun k => C (S G) (S k) * p ^ S k * (1 - p) ^ (S G - S k) * f (INR (S k))) (fun k =>
      p * (C G k * p ^ k * (1 - p) ^ (G - k) * f (INR k + 1))
      + (1 - p) * (C G (S k) * p ^ S k * (1 - p) ^ (G - S k) * f (INR (S k))))).
    + rewrite sum_plus, !sum_scale, !choose_none, !choose_all, !Nat.sub_diag, !Nat.sub_0_r, S_INR. simpl. ring.
    + intros k inside. rewrite <- (pascal G k inside), <- S_INR.
      replace (S G - S k)%nat with (S (G - S k)) by lia. replace (G - k)%nat with (S (G - S k)) by lia. simpl. ring.
Qed.
