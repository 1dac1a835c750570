(** * Finite sums of real numbers

    [sum n f] is f 0 + ... + f (n-1): sums over the arms of a prompt, over the coordinates of a feature vector, over
    prompts and over iterations are all of this form. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

Fixpoint sum (n : nat) (f : nat -> R) : R :=
  match n with
  | O => 0
  | S m => sum m f + f m
  end.

Lemma sum_ext n f g : (forall i, (i < n)%nat -> f i = g i) -> sum n f = sum n g.
Proof.
  induction n as [|n IH]; intros same; simpl; [reflexivity|].
  rewrite IH, same by (intros; try apply same; lia); reflexivity.
Qed.

Lemma sum_plus n f g : sum n (fun i => f i + g i) = sum n f + sum n g.
Proof. induction n as [|n IH]; simpl; [ring|rewrite IH; ring]. Qed.

Lemma sum_minus n f g : sum n (fun i => f i - g i) = sum n f - sum n g.
Proof. induction n as [|n IH]; simpl; [ring|rewrite IH; ring]. Qed.

Lemma sum_scale n c f : sum n (fun i => c * f i) = c * sum n f.
Proof. induction n as [|n IH]; simpl; [ring|rewrite IH; ring]. Qed.

Lemma sum_scale_r n c f : sum n (fun i => f i * c) = sum n f * c.
Proof. induction n as [|n IH]; simpl; [ring|rewrite IH; ring]. Qed.

Lemma sum_constant n c : sum n (fun _ => c) = INR n * c.
Proof. induction n as [|n IH]; [simpl; ring|rewrite S_INR; simpl; rewrite IH; ring]. Qed.

Lemma sum_zero n f : (forall i, (i < n)%nat -> f i = 0) -> sum n f = 0.
Proof.
  intros zero. rewrite (sum_ext n f (fun _ => 0)) by exact zero. rewrite sum_constant; ring.
Qed.

Lemma sum_le n f g : (forall i, (i < n)%nat -> f i <= g i) -> sum n f <= sum n g.
Proof.
  induction n as [|n IH]; intros below; simpl; [lra|].
  apply Rplus_le_compat; [apply IH; intros; apply below; lia|apply below; lia].
Qed.

Lemma sum_nonneg n f : (forall i, (i < n)%nat -> 0 <= f i) -> 0 <= sum n f.
Proof.
  intros nonneg. rewrite <- (sum_zero n (fun _ => 0)) by reflexivity. apply sum_le, nonneg.
Qed.

Lemma sum_pos n f : (0 < n)%nat -> (forall i, (i < n)%nat -> 0 < f i) -> 0 < sum n f.
Proof.
  destruct n as [|n]; [lia|]. intros _ pos. simpl.
  apply Rplus_le_lt_0_compat; [|apply pos; lia].
  apply sum_nonneg. intros i below. left. apply pos. lia.
Qed.

(** One term of a sum of nonnegative terms is at most the sum. *)
Lemma sum_term_le n f k : (k < n)%nat -> (forall i, (i < n)%nat -> 0 <= f i) -> f k <= sum n f.
Proof.
  induction n as [|n IH]; intros inside nonneg; [lia|]. simpl.
  assert (0 <= f n) by (apply nonneg; lia).
  assert (0 <= sum n f) by (apply sum_nonneg; intros; apply nonneg; lia).
  destruct (Nat.eq_dec k n) as [->|other]; [lra|].
  assert (f k <= sum n f) by (apply IH; [lia|intros; apply nonneg; lia]). lra.
Qed.

Lemma sum_swap n m (f : nat -> nat -> R) :
  sum n (fun i => sum m (fun j => f i j)) = sum m (fun j => sum n (fun i => f i j)).
Proof.
  induction n as [|n IH]; simpl.
  - symmetry. apply sum_zero. reflexivity.
  - rewrite IH, <- sum_plus. reflexivity.
Qed.

(** Only one index contributes. *)
Lemma sum_single n f k : (k < n)%nat -> (forall i, (i < n)%nat -> i <> k -> f i = 0) -> sum n f = f k.
Proof.
  induction n as [|n IH]; intros inside zero; [lia|]. simpl.
  destruct (Nat.eq_dec k n) as [->|other].
  - rewrite sum_zero by (intros i below; apply zero; lia). ring.
  - rewrite IH, (zero n) by (try lia; intros; apply zero; lia). ring.
Qed.

Lemma sum_telescope n f : sum n (fun t => f (S t) - f t) = f n - f O.
Proof. induction n as [|n IH]; simpl; [ring|rewrite IH; ring]. Qed.

Lemma sum_abs n f : Rabs (sum n f) <= sum n (fun i => Rabs (f i)).
Proof.
  induction n as [|n IH]; simpl; [rewrite Rabs_R0; lra|].
  eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

(** Cauchy and Schwarz, with weights a and b: (sum f g)^2 <= (sum f^2) (sum g^2). *)
Lemma sum_cauchy_schwarz n f g :
  (sum n (fun i => f i * g i)) ^ 2 <= sum n (fun i => f i ^ 2) * sum n (fun i => g i ^ 2).
Proof.
  set (A := sum n (fun i => f i ^ 2)). set (B := sum n (fun i => g i ^ 2)). set (C := sum n (fun i => f i * g i)).
  assert (A_nonneg : 0 <= A) by (apply sum_nonneg; intros; apply pow2_ge_0).
  assert (B_nonneg : 0 <= B) by (apply sum_nonneg; intros; apply pow2_ge_0).
  assert (square : 0 <= B * (B * A - C ^ 2)).
  { replace (B * (B * A - C ^ 2)) with (sum n (fun i => (B * f i - C * g i) ^ 2)).
    - apply sum_nonneg. intros. apply pow2_ge_0.
    - rewrite (sum_ext n _ (fun i => B ^ 2 * f i ^ 2 - 2 * B * C * (f i * g i) + C ^ 2 * g i ^ 2))
        by (intros; ring).
      rewrite sum_plus, sum_minus, !sum_scale. fold A B C. ring. }
  destruct (Rle_lt_or_eq_dec 0 B B_nonneg) as [B_pos|B_zero].
  - assert (0 <= B * A - C ^ 2); [|lra].
    apply Rmult_le_reg_l with B; [exact B_pos|]. rewrite Rmult_0_r. exact square.
  - assert (g_zero : forall i, (i < n)%nat -> g i = 0).
    { intros i below. assert (g i ^ 2 <= B).
      { apply (sum_term_le n (fun i => g i ^ 2) i below). intros. apply pow2_ge_0. }
      assert (0 <= g i ^ 2) by apply pow2_ge_0. apply Rsqr_eq_0. unfold Rsqr. lra. }
    unfold C. rewrite (sum_zero n (fun i => f i * g i)) by (intros i below; rewrite (g_zero i below); ring).
    rewrite <- B_zero. lra.
Qed.

(** The derivative of a sum is the sum of the derivatives. *)
Lemma is_derive_sum n (f : nat -> R -> R) (df : nat -> R) (s : R) :
  (forall i, (i < n)%nat -> is_derive (f i) s (df i)) ->
  is_derive (fun s => sum n (fun i => f i s)) s (sum n df).
Proof.
  induction n as [|n IH]; intros derive; simpl.
  - apply is_derive_Reals, derivable_pt_lim_const.
  - apply (is_derive_plus (fun s => sum n (fun i => f i s)) (f n)); [apply IH; intros|]; apply derive; lia.
Qed.
