(** * Lemma V: the variance of a square

    Let Y have mean 0 and values in an interval of length w, and let M be a number. Then
    (i) Var(Y^2) <= w^4/16 and (ii) Var((Y + M)^2) <= w^2 M^2 + w^4/4.

    Idea. With v = w/2 the interval is [m - v, m + v]; write Y = m + x with |x| <= v, n = m + M and
    c = n^2 + v^2 - 2 n m. Expanding both sides verifies
      4 n^2 (v^2 - m^2) + 8 n^2 m Y - ((Y + M)^2 - c)^2 = (v^2 - x^2) ((x + 2 n)^2 + 4 n m - v^2).
    Take means: E Y = 0 removes the middle term, and the variance is at most E ((Y + M)^2 - c)^2. *)

From Coq Require Import Reals Lra Lia.
From GRPO Require Import Sums Distribution.
Open Scope R_scope.

Section LemmaV.
  Variables (n : nat) (p Y : nat -> R) (a w : R).
  Hypothesis distribution : is_distribution n p.
  Hypothesis inside : forall i, (i < n)%nat -> a <= Y i <= a + w.
  Hypothesis centred : mean n p Y = 0.

  (** Both bounds at once: [loss] is any bound of v^2 (v^2 - 4 N m) and of 0. *)
  Lemma square_variance M loss :
    let v := w / 2 in let m := a + w / 2 in let N := m + M in
    0 <= loss -> v ^ 2 * (v ^ 2 - 4 * N * m) <= loss ->
    variance n p (fun i => (Y i + M) ^ 2) <= 4 * N ^ 2 * (v ^ 2 - m ^ 2) + loss.
  Proof.
    intros v m N loss_nonneg loss_enough.
    set (c := N ^ 2 + v ^ 2 - 2 * N * m).
    eapply Rle_trans; [apply (variance_le n p _ c distribution)|].
    assert (constant : mean n p (fun i => 4 * N ^ 2 * (v ^ 2 - m ^ 2) + loss + 8 * N ^ 2 * m * Y i)
                       = 4 * N ^ 2 * (v ^ 2 - m ^ 2) + loss).
    { rewrite mean_plus, mean_scale, centred, mean_constant by exact distribution. ring. }
    rewrite <- constant. apply mean_le; [exact distribution|]. intros i inside_i.
    pose proof (inside i inside_i) as between.
    set (x := Y i - m).
    assert (identity : 4 * N ^ 2 * (v ^ 2 - m ^ 2) + 8 * N ^ 2 * m * Y i - ((Y i + M) ^ 2 - c) ^ 2
                       = (v ^ 2 - x ^ 2) * ((x + 2 * N) ^ 2 + (4 * N * m - v ^ 2))).
    { unfold x, c, N. ring. }
    assert (x_small : 0 <= v ^ 2 - x ^ 2).
    { replace (v ^ 2 - x ^ 2) with ((v - x) * (v + x)) by ring. apply Rmult_le_pos; unfold v, x, m; lra. }
    assert (0 <= x ^ 2) by apply pow2_ge_0.
    assert (0 <= (v ^ 2 - x ^ 2) * (x + 2 * N) ^ 2) by (apply Rmult_le_pos; [exact x_small|apply pow2_ge_0]).
    assert (- loss <= (v ^ 2 - x ^ 2) * (4 * N * m - v ^ 2)).
    { destruct (Rle_lt_dec 0 (4 * N * m - v ^ 2)) as [positive|negative].
      - pose proof (Rmult_le_pos _ _ x_small positive). lra.
      - assert (0 <= x ^ 2 * (v ^ 2 - 4 * N * m)) by (apply Rmult_le_pos; lra). lra. }
    lra.
  Qed.

  (** Lemma V(i). *)
  Lemma centred_square : variance n p (fun i => Y i ^ 2) <= w ^ 4 / 16.
  Proof.
    rewrite (variance_ext n p _ (fun i => (Y i + 0) ^ 2)) by (intros; ring).
    pose proof (square_variance 0) as bound. cbv zeta in bound.
    set (v := w / 2) in *. set (m := a + v) in *.
    replace (w ^ 4 / 16) with (v ^ 4) by (unfold v; field).
    replace (m + 0) with m in bound by ring.
    destruct (Rle_lt_dec (4 * m * m) (v ^ 2)) as [near|far].
    - eapply Rle_trans; [apply (bound (v ^ 2 * (v ^ 2 - 4 * m * m)))|].
      + apply Rmult_le_pos; [apply pow2_ge_0|lra].
      + lra.
      + pose proof (pow2_ge_0 (m ^ 2)). lra.
    - eapply Rle_trans; [apply (bound 0)|].
      + lra.
      + assert (0 <= v ^ 2 * (4 * m * m - v ^ 2)) by (apply Rmult_le_pos; [apply pow2_ge_0|lra]). lra.
      + pose proof (pow2_ge_0 (v ^ 2 - 2 * m ^ 2)). lra.
  Qed.

  (** Lemma V(ii). *)
  Lemma shifted_square M : variance n p (fun i => (Y i + M) ^ 2) <= w ^ 2 * M ^ 2 + w ^ 4 / 4.
  Proof.
    pose proof (square_variance M) as bound. cbv zeta in bound.
    set (v := w / 2) in *. set (m := a + v) in *. set (N := m + M) in *.
    replace (w ^ 2 * M ^ 2 + w ^ 4 / 4) with (4 * v ^ 2 * (N - m) ^ 2 + 4 * v ^ 4) by (unfold v, N; field).
    assert (0 <= v ^ 2 * m ^ 2) by (apply Rmult_le_pos; apply pow2_ge_0).
    assert (0 <= v ^ 4) by (replace (v ^ 4) with ((v ^ 2) ^ 2) by ring; apply pow2_ge_0).
    destruct (Rle_lt_dec (4 * N * m) (v ^ 2)) as [near|far].
    - eapply Rle_trans; [apply (bound (v ^ 2 * (v ^ 2 - 4 * N * m)))|].
      + apply Rmult_le_pos; [apply pow2_ge_0|lra].
      + lra.
      + pose proof (pow2_ge_0 (2 * N * m - v ^ 2)). lra.
    - eapply Rle_trans; [apply (bound 0)|].
      + lra.
      + assert (0 <= v ^ 2 * (4 * N * m - v ^ 2)) by (apply Rmult_le_pos; [apply pow2_ge_0|lra]). lra.
      + pose proof (pow2_ge_0 (N * m - v ^ 2)). lra.
  Qed.
End LemmaV.
