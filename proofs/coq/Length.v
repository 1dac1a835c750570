(** * T10: curvature grows linearly in length

    If the responses of a token-level policy have at most H tokens, H >= 1, and its steps have width at most w along u,

      |d^2/ds^2 J(theta + s u)| <= C(H) sigma w^2,   sqrt(H(H-1)/8) <= C(H) <= sqrt(H(H+1)/8 - 3/16),

    C(H) being the best constant for length H; so C(H)/H tends to 1/(2 sqrt 2). At H = 1 the upper end is T1's constant.

    Idea. The second derivative is Cov(r, M^2 - Q), at most sigma times the deviation of M^2 - Q. This is a martingale,
    and its step at a score of m is the centred (xi + m)^2, whose variance Lemma V bounds by w^4/16 at the first token,
    where m = 0, and by w^2 m^2 + w^4/4 later. Fair coins +-w/2 with reward M^2 give the lower end. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Constants Sums Distribution Vectors Policy Variance Line TwoArms Curvature Sequence.
Open Scope R_scope.

Definition length_constant_bound (H : nat) : R := sqrt (INR H * (INR H + 1) / 8 - 3 / 16).

Definition length_constant_lower (H : nat) : R := sqrt (INR H * (INR H - 1) / 8).

(** At one token T10 is T1. *)
Lemma length_constant_bound_one : length_constant_bound 1 = CURVATURE.
Proof.
  unfold length_constant_bound, CURVATURE.
  replace (INR 1 * (INR 1 + 1) / 8 - 3 / 16) with ((1 / 4) ^ 2) by (simpl; field).
  apply sqrt_pow2. lra.
Qed.

Lemma length_constant_bound_square H : (0 < H)%nat -> length_constant_bound H ^ 2 = INR H * (INR H + 1) / 8 - 3 / 16.
Proof.
  intros some. unfold length_constant_bound. rewrite <- Rsqr_pow2. apply Rsqr_sqrt.
  assert (1 <= INR H) by (apply (le_INR 1); lia). pose proof (Rmult_le_pos (INR H - 1) (INR H + 2)). lra.
Qed.

(** ** The upper end *)

Section Upper.
  Variables (d : nat) (theta u : vector) (w : R).

  (** One token: its centred score has mean 0, lies in an interval of length w, and (m + xi)^2 has mean m^2 + Q. *)
  Section Token.
    Variables (n : nat) (p x : nat -> R).
    Hypothesis distribution : is_distribution n p.
    Hypothesis width : width_at_most n x w.

    Let xi (v : nat) : R := x v - mean n p x.

    Lemma token_variance_le : variance n p x <= w ^ 2 / 4.
    Proof.
      pose proof (deviation_le_half_width n p x w distribution width) as half.
      rewrite <- (deviation_square n p x distribution).
      replace (w ^ 2 / 4) with ((w / 2) ^ 2) by field. apply pow_incr. split; [apply deviation_nonneg|exact half].
    Qed.

    Lemma token_centred : mean n p xi = 0.
    Proof. apply mean_centred, distribution. Qed.

    Lemma token_interval : exists a, forall v, (v < n)%nat -> a <= xi v <= a + w.
    Proof.
      apply interval_of_width; [apply (distribution_some_arm n p distribution)|].
      intros v v' inside inside'. unfold xi. pose proof (width v v' inside inside'). lra.
    Qed.

    Lemma token_square_mean m : mean n p (fun v => (m + xi v) ^ 2) = m ^ 2 + variance n p x.
    Proof.
      rewrite (mean_ext n p _ (fun v => m ^ 2 + 2 * m * xi v + (x v - mean n p x) ^ 2)) by (intros; unfold xi; ring).
      rewrite !mean_plus, mean_scale, token_centred, mean_constant, <- variance_square by exact distribution. ring.
    Qed.

    (** The second moment of (m + xi)^2 about another centre. *)
    Lemma token_square_about m c :
      mean n p (fun v => ((m + xi v) ^ 2 - (c + variance n p x)) ^ 2)
        = variance n p (fun v => (xi v + m) ^ 2) + (m ^ 2 - c) ^ 2.
    Proof.
      rewrite (variance_moments n p (fun v => (xi v + m) ^ 2)) by exact distribution.
      rewrite (mean_ext n p (fun v => (xi v + m) ^ 2) (fun v => (m + xi v) ^ 2)) by (intros; ring).
      rewrite token_square_mean.
      rewrite (mean_ext n p _ (fun v => ((xi v + m) ^ 2) ^ 2
        - (2 * (c + variance n p x) * (m + xi v) ^ 2 - (c + variance n p x) ^ 2))) by (intros; ring).
      rewrite !mean_minus, mean_scale, token_square_mean, mean_constant by exact distribution. ring.
    Qed.

    Lemma token_shifted_square m : variance n p (fun v => (xi v + m) ^ 2) <= w ^ 2 * m ^ 2 + w ^ 4 / 4.
    Proof.
      destruct token_interval as [a inside]. apply (shifted_square n p xi a w distribution inside token_centred).
    Qed.

    Lemma token_centred_square : variance n p (fun v => xi v ^ 2) <= w ^ 4 / 16.
    Proof.
      destruct token_interval as [a inside]. apply (centred_square n p xi a w distribution inside token_centred).
    Qed.
  End Token.

  (** E (m + M)^2 <= m^2 + H w^2/4. *)
  Lemma score_second_moment H t m :
    length_at_most H t -> token_width_at_most d u w t ->
    path_mean d theta u t (fun _ M _ => (m + M) ^ 2) <= m ^ 2 + INR H * (w ^ 2 / 4).
  Proof.
    revert H m. induction t as [r|n b phi after IH]; intros H m short width; cbn [path_mean]; cbv zeta.
    - assert (0 <= INR H * (w ^ 2 / 4)); [|rewrite Rplus_0_r; lra].
      apply Rmult_le_pos; [apply pos_INR|pose proof (pow2_ge_0 w); lra].
    - destruct H as [|H]; [destruct short|]. destruct short as [some short]. destruct width as [width widths].
      pose proof (next_token_distribution d n b phi theta some) as distribution.
      set (p := next_token d n b phi theta) in *. set (x := fun v => dot d u (phi v)) in *.
      eapply Rle_trans.
      + apply (mean_le n p _ (fun v => (m + (x v - mean n p x)) ^ 2 + INR H * (w ^ 2 / 4)) distribution).
        intros v inside. eapply Rle_trans; [|apply (IH v H); [apply short|apply widths]; exact inside].
        right. apply path_mean_ext. intros. unfold x. ring.
      + rewrite mean_plus, mean_constant, token_square_mean by exact distribution.
        pose proof (token_variance_le n p x distribution width). rewrite S_INR. lra.
  Qed.

  (** E ((m + M)^2 - (c + Q))^2, from a score of m on. *)
  Lemma later_square_moment H t m c :
    length_at_most H t -> token_width_at_most d u w t ->
    path_mean d theta u t (fun _ M Q => ((m + M) ^ 2 - (c + Q)) ^ 2)
      <= (m ^ 2 - c) ^ 2 + INR H * (w ^ 2 * m ^ 2 + w ^ 4 / 4) + w ^ 4 * (INR H * (INR H - 1) / 8).
  Proof.
    assert (w_even : 0 <= w ^ 2) by apply pow2_ge_0.
    assert (w_fourth : 0 <= w ^ 4) by (replace (w ^ 4) with ((w ^ 2) ^ 2) by ring; apply pow2_ge_0).
    revert H m c. induction t as [r|n b phi after IH]; intros H m c short width; cbn [path_mean]; cbv zeta.
    - rewrite !Rplus_0_r.
      assert (pairs : 0 <= INR H * (INR H - 1) / 8).
      { destruct H as [|H]; [simpl; lra|]. rewrite S_INR. pose proof (pos_INR H).
        pose proof (Rmult_le_pos (INR H + 1) (INR H)). lra. }
      pose proof (Rmult_le_pos _ _ w_fourth pairs). pose proof (Rmult_le_pos _ _ w_even (pow2_ge_0 m)).
      pose proof (Rmult_le_pos (INR H) (w ^ 2 * m ^ 2 + w ^ 4 / 4) (pos_INR H)). lra.
    - destruct H as [|H]; [destruct short|]. destruct short as [some short]. destruct width as [width widths].
      pose proof (next_token_distribution d n b phi theta some) as distribution.
      set (p := next_token d n b phi theta) in *. set (x := fun v => dot d u (phi v)) in *.
      set (xi := fun v => x v - mean n p x).
      eapply Rle_trans.
      + apply (mean_le n p _ (fun v => ((m + xi v) ^ 2 - (c + variance n p x)) ^ 2
          + INR H * w ^ 2 * (m + xi v) ^ 2 + (INR H * (w ^ 4 / 4) + w ^ 4 * (INR H * (INR H - 1) / 8))) distribution).
        intros v inside.
        rewrite (path_mean_ext _ _ _ _ _ (fun _ M Q => ((m + xi v + M) ^ 2 - (c + variance n p x + Q)) ^ 2))
          by (intros; unfold xi, x; ring).
        eapply Rle_trans; [apply (IH v H); [apply short|apply widths]; exact inside|]. right. ring.
      + rewrite !mean_plus, mean_scale, !mean_constant by exact distribution. unfold xi.
        rewrite token_square_mean, token_square_about by exact distribution.
        pose proof (token_shifted_square n p x distribution width m) as step. cbv beta in step.
        pose proof (token_variance_le n p x distribution width) as small.
        apply (Rmult_le_compat_l (INR H * w ^ 2)) in small; [|apply Rmult_le_pos; [apply pos_INR|exact w_even]].
        rewrite S_INR. lra.
  Qed.

  (** E (M^2 - Q)^2 <= w^4 (H(H+1)/8 - 3/16): the first token starts at score 0. *)
  Lemma square_moment H t :
    (0 < H)%nat -> length_at_most H t -> token_width_at_most d u w t ->
    path_mean d theta u t (fun _ M Q => (M ^ 2 - Q) ^ 2) <= (length_constant_bound H * w ^ 2) ^ 2.
  Proof.
    intros positive short width. rewrite Rpow_mult_distr, length_constant_bound_square by exact positive.
    replace ((w ^ 2) ^ 2) with (w ^ 4) by ring.
    assert (w_even : 0 <= w ^ 2) by apply pow2_ge_0.
    assert (w_fourth : 0 <= w ^ 4) by (replace (w ^ 4) with ((w ^ 2) ^ 2) by ring; apply pow2_ge_0).
    destruct H as [|H]; [lia|]. rewrite S_INR.
    destruct t as [r|n b phi after]; cbn [path_mean]; cbv zeta.
    - pose proof (pos_INR H). pose proof (Rmult_le_pos (INR H) (INR H + 3)).
      replace ((0 ^ 2 - 0) ^ 2) with 0 by ring. apply Rmult_le_pos; lra.
    - destruct short as [some short]. destruct width as [width widths].
      pose proof (next_token_distribution d n b phi theta some) as distribution.
      set (p := next_token d n b phi theta) in *. set (x := fun v => dot d u (phi v)) in *.
      set (xi := fun v => x v - mean n p x).
      eapply Rle_trans.
      + apply (mean_le n p _ (fun v => ((0 + xi v) ^ 2 - (0 + variance n p x)) ^ 2
          + INR H * w ^ 2 * (0 + xi v) ^ 2 + (INR H * (w ^ 4 / 4) + w ^ 4 * (INR H * (INR H - 1) / 8))) distribution).
        intros v inside.
        rewrite (path_mean_ext _ _ _ _ _ (fun _ M Q => ((0 + xi v + M) ^ 2 - (0 + variance n p x + Q)) ^ 2))
          by (intros; unfold xi, x; ring).
        eapply Rle_trans; [apply (later_square_moment H); [apply short|apply widths]; exact inside|]. right. ring.
      + rewrite !mean_plus, mean_scale, !mean_constant by exact distribution. unfold xi.
        rewrite token_square_mean, token_square_about by exact distribution.
        rewrite (variance_ext n p _ (fun v => (x v - mean n p x) ^ 2)) by (intros; ring).
        pose proof (token_centred_square n p x distribution width) as step. cbv beta in step.
        pose proof (token_variance_le n p x distribution width) as small.
        apply (Rmult_le_compat_l (INR H * w ^ 2)) in small; [|apply Rmult_le_pos; [apply pos_INR|exact w_even]].
        lra.
  Qed.

  Lemma sequence_curvature_le H t :
    (0 < H)%nat -> length_at_most H t -> token_width_at_most d u w t ->
    Rabs (sequence_curvature d theta u t) <= length_constant_bound H * sequence_sigma d theta t * w ^ 2.
  Proof.
    intros positive short width.
    replace (length_constant_bound H * sequence_sigma d theta t * w ^ 2)
      with (sequence_sigma d theta t * (length_constant_bound H * w ^ 2)) by ring.
    apply (reward_covariance_le d H t short theta u (fun _ M Q => M ^ 2 - Q)).
    - apply Rmult_le_pos; [apply sqrt_pos|apply pow2_ge_0].
    - apply square_moment; assumption.
  Qed.

  (** T10, upper end. *)
  Theorem length_curvature H t :
    (0 < H)%nat -> length_at_most H t -> token_width_at_most d u w t ->
    Rabs (Derive_n (fun s => sequence_J d (add theta (scale s u)) t) 2 0)
      <= length_constant_bound H * sequence_sigma d theta t * w ^ 2.
  Proof.
    intros positive short width. rewrite (sequence_curvature_is_second_derivative d H t short).
    apply sequence_curvature_le; assumption.
  Qed.
End Upper.

(** ** The lower end: fair coins *)

(** A coin moves the score by +-1/2. *)
Definition face (v : nat) : R := match v with O => 1 / 2 | _ => - (1 / 2) end.

(** H coins from a score of m on, which pay for the last score. *)
Fixpoint coins (pay : R -> R) (H : nat) (m : R) : response_tree :=
  match H with
  | O => Finished (pay m)
  | S rest => Continued 2 (fun _ => 0) (fun v _ => face v) (fun v => coins pay rest (m + face v))
  end.

(** What T10's coins pay. *)
Definition square (m : R) : R := m ^ 2.

Lemma coins_length pay H m : length_at_most H (coins pay H m).
Proof. revert m. induction H as [|H IH]; intros m; simpl; [exact I|]. split; [lia|]. intros. apply IH. Qed.

Lemma coins_width pay H m : token_width_at_most 1 ahead 1 (coins pay H m).
Proof.
  revert m. induction H as [|H IH]; intros m; simpl; [exact I|]. split; [|intros; apply IH].
  intros v v' _ _. unfold dot, ahead, face. simpl. destruct v, v'; lra.
Qed.

(** The chances of the two faces, and how far each moves the score. *)
Definition coin : nat -> R := next_token 1 2 (fun _ => 0) (fun v _ => face v) origin.
Definition coin_score : nat -> R := fun v => dot 1 ahead (fun _ => face v).

Lemma coin_half v : coin v = 1 / 2.
Proof. unfold coin, next_token, softmax, dot, origin. simpl. rewrite !Rmult_0_l, !Rplus_0_l, exp_0. lra. Qed.

Lemma coin_score_face v : coin_score v = face v.
Proof. unfold coin_score, dot, ahead. simpl. ring. Qed.

Lemma coin_centre : mean 2 coin coin_score = 0.
Proof. unfold mean. simpl. rewrite !coin_half, !coin_score_face. simpl. lra. Qed.

Lemma coin_spread : variance 2 coin coin_score = 1 / 4.
Proof. rewrite variance_square, coin_centre. unfold mean. simpl. rewrite !coin_half, !coin_score_face. simpl. lra. Qed.

(** One coin is a mean over its two faces. *)
Lemma coins_step pay H m F :
  path_mean 1 origin ahead (coins pay (S H) m) F
    = (path_mean 1 origin ahead (coins pay H (m + 1 / 2)) (fun r M Q => F r (1 / 2 + M) (1 / 4 + Q))
       + path_mean 1 origin ahead (coins pay H (m - 1 / 2)) (fun r M Q => F r (- (1 / 2) + M) (1 / 4 + Q))) / 2.
Proof.
  change (path_mean 1 origin ahead (coins pay (S H) m) F)
    with (mean 2 coin (fun v => path_mean 1 origin ahead (coins pay H (m + face v))
            (fun r M Q => F r (coin_score v - mean 2 coin coin_score + M) (variance 2 coin coin_score + Q)))).
  rewrite (mean_ext 2 coin _ (fun v => path_mean 1 origin ahead (coins pay H (m + face v))
    (fun r M Q => F r (face v + M) (1 / 4 + Q)))).
  - unfold mean. simpl. rewrite !coin_half. unfold Rminus. field.
  - intros v _. apply path_mean_ext. intros r M Q.
    rewrite coin_centre, coin_spread, coin_score_face, Rminus_0_r. reflexivity.
Qed.

Lemma coins_second_moment pay H m a :
  path_mean 1 origin ahead (coins pay H m) (fun _ M _ => (a + M) ^ 2) = a ^ 2 + INR H / 4.
Proof.
  revert m a. induction H as [|H IH]; intros m a; [simpl; field|]. rewrite coins_step, S_INR.
  rewrite (path_mean_ext _ _ _ (coins pay H (m + 1 / 2)) _ (fun _ M _ => (a + 1 / 2 + M) ^ 2)) by (intros; ring).
  rewrite (path_mean_ext _ _ _ (coins pay H (m - 1 / 2)) _ (fun _ M _ => (a - 1 / 2 + M) ^ 2)) by (intros; ring).
  rewrite !IH. field.
Qed.

Lemma coins_fourth_moment pay H m a :
  path_mean 1 origin ahead (coins pay H m) (fun _ M _ => (a + M) ^ 4)
    = a ^ 4 + 3 / 2 * INR H * a ^ 2 + (3 * INR H ^ 2 - 2 * INR H) / 16.
Proof.
  revert m a. induction H as [|H IH]; intros m a; [simpl; field|]. rewrite coins_step, S_INR.
  rewrite (path_mean_ext _ _ _ (coins pay H (m + 1 / 2)) _ (fun _ M _ => (a + 1 / 2 + M) ^ 4)) by (intros; ring).
  rewrite (path_mean_ext _ _ _ (coins pay H (m - 1 / 2)) _ (fun _ M _ => (a - 1 / 2 + M) ^ 4)) by (intros; ring).
  rewrite !IH. field.
Qed.

(** After H coins the last score is paid for, and Q is H/4. *)
Lemma coins_paths pay H m : every_path 1 origin ahead (coins pay H m) (fun r M Q => r = pay (m + M) /\ Q = INR H / 4).
Proof.
  revert m. induction H as [|H IH]; intros m.
  - simpl. split; [f_equal; ring|field].
  - intros v _. change (every_path 1 origin ahead (coins pay H (m + face v)) (fun r M Q =>
      r = pay (m + (coin_score v - mean 2 coin coin_score + M)) /\ variance 2 coin coin_score + Q = INR (S H) / 4)).
    rewrite coin_centre, coin_spread, coin_score_face, S_INR.
    eapply every_path_impl; [|apply IH]. cbv beta. intros r M Q [-> ->]. split; [f_equal; ring|field].
Qed.

(** The mean of a function of the score. *)
Lemma coins_mean pay H F :
  path_mean 1 origin ahead (coins pay H 0) F
    = path_mean 1 origin ahead (coins pay H 0) (fun _ M _ => F (pay M) M (INR H / 4)).
Proof.
  apply (path_mean_eq 1 origin ahead H _ _ _ (coins_length pay H 0)).
  eapply every_path_impl; [|apply coins_paths]. cbv beta. intros r M Q [-> ->]. rewrite Rplus_0_l. reflexivity.
Qed.

Lemma coins_J H : sequence_J 1 origin (coins square H 0) = INR H / 4.
Proof.
  unfold sequence_J. rewrite <- (path_mean_reward 1 origin ahead), coins_mean.
  rewrite (path_mean_ext _ _ _ _ _ (fun _ M _ => (0 + M) ^ 2)) by (intros; unfold square; ring).
  rewrite coins_second_moment. ring.
Qed.

(** E (M^2 - H/4)^2 = H(H-1)/8. *)
Lemma coins_spread H :
  path_mean 1 origin ahead (coins square H 0) (fun _ M _ => (M ^ 2 - INR H / 4) ^ 2) = INR H * (INR H - 1) / 8.
Proof.
  rewrite (path_mean_ext _ _ _ _ _ (fun _ M _ => (0 + M) ^ 4 - INR H / 2 * (0 + M) ^ 2 + (INR H / 4) ^ 2))
    by (intros; field).
  rewrite path_mean_plus, path_mean_minus, path_mean_scale, coins_fourth_moment, coins_second_moment.
  rewrite (path_mean_constant 1 origin ahead H _ _ (coins_length square H 0)). field.
Qed.

Lemma coins_sigma H : sequence_sigma 1 origin (coins square H 0) = length_constant_lower H.
Proof.
  unfold sequence_sigma, length_constant_lower. f_equal.
  rewrite (sequence_variance_path 1 _ origin ahead), coins_mean, coins_J. apply coins_spread.
Qed.

(** T10, what fair coins attain: equality with the constant of the lower end (their width is 1). *)
Theorem coins_curvature H :
  Derive_n (fun s => sequence_J 1 (add origin (scale s ahead)) (coins square H 0)) 2 0
    = length_constant_lower H * sequence_sigma 1 origin (coins square H 0) * 1 ^ 2.
Proof.
  rewrite (sequence_curvature_is_second_derivative 1 H _ (coins_length square H 0)).
  unfold sequence_curvature. rewrite coins_mean, coins_J, coins_sigma.
  rewrite (path_mean_ext _ _ _ _ _ (fun _ M _ => (M ^ 2 - INR H / 4) ^ 2)) by (intros; unfold square; ring).
  rewrite coins_spread. unfold length_constant_lower.
  rewrite pow1, Rmult_1_r, sqrt_sqrt; [reflexivity|].
  destruct H as [|H]; [simpl; lra|]. rewrite S_INR. pose proof (pos_INR H).
  pose proof (Rmult_le_pos (INR H + 1) (INR H)). lra.
Qed.

(** ** The best constant *)

(** A constant that bounds the curvature of every policy with responses of at most H tokens. *)
Definition bounds_curvature (H : nat) (constant : R) : Prop :=
  forall d t theta u w, length_at_most H t -> token_width_at_most d u w t ->
    Rabs (Derive_n (fun s => sequence_J d (add theta (scale s u)) t) 2 0)
      <= constant * sequence_sigma d theta t * w ^ 2.

(** At one token the best constant is T1's. *)
Theorem one_token_constant H constant : (0 < H)%nat -> bounds_curvature H constant -> CURVATURE <= constant.
Proof.
  intros positive bound. apply sharp_local_curvature_is_tight. intros x theta u w width.
  rewrite <- one_token_sigma. apply (bound 1%nat (one_token x)); [|apply one_token_width, width].
  destruct H as [|H]; [lia|]. split; [apply some_arm|]. intros. exact I.
Qed.

(** T10, lower end. *)
Theorem length_constant_at_least H constant :
  (0 < H)%nat -> bounds_curvature H constant -> length_constant_lower H <= constant.
Proof.
  intros positive bound.
  assert (lower_nonneg : 0 <= length_constant_lower H) by apply sqrt_pos.
  destruct (Rle_lt_or_eq_dec _ _ lower_nonneg) as [lower_positive|lower_zero].
  - pose proof (bound 1%nat (coins square H 0) origin ahead 1) as at_coins.
    specialize (at_coins (coins_length square H 0) (coins_width square H 0)).
    rewrite coins_curvature, coins_sigma, pow1, !Rmult_1_r in at_coins.
    rewrite Rabs_pos_eq in at_coins by (apply Rmult_le_pos; exact lower_nonneg).
    apply Rmult_le_reg_r with (length_constant_lower H); [exact lower_positive|exact at_coins].
  - rewrite <- lower_zero. pose proof (one_token_constant H constant positive bound). unfold CURVATURE in *. lra.
Qed.

(** T10, upper end. *)
Theorem length_constant_at_most H : (0 < H)%nat -> bounds_curvature H (length_constant_bound H).
Proof. intros positive d t theta u w. apply length_curvature, positive. Qed.

(** C is the constant C(H) of T10: it bounds the curvature, and no smaller one does. *)
Definition is_length_constant (H : nat) (C : R) : Prop :=
  bounds_curvature H C /\ forall constant, bounds_curvature H constant -> C <= constant.

(** There is one: the infimum of the constants that do bounds the curvature too. *)
Lemma length_constant_exists H : (0 < H)%nat -> exists C, is_length_constant H C.
Proof.
  intros positive.
  destruct (completeness (fun c => bounds_curvature H (- c))) as [most [above least]].
  - exists 0. intros c bounds. pose proof (one_token_constant H _ positive bounds). unfold CURVATURE in *. lra.
  - exists (- length_constant_bound H). rewrite Ropp_involutive. apply length_constant_at_most, positive.
  - exists (- most). split.
    + intros d t theta u w short width.
      set (K := sequence_sigma d theta t * w ^ 2). set (curvature := Rabs _).
      assert (bound : forall c, bounds_curvature H c -> curvature <= c * K).
      { intros c bounds. unfold K. rewrite <- Rmult_assoc. apply (bounds d t theta u w short width). }
      rewrite Rmult_assoc. fold K.
      assert (K_nonneg : 0 <= K) by (apply Rmult_le_pos; [apply sqrt_pos|apply pow2_ge_0]).
      destruct (Rle_lt_or_eq_dec 0 K K_nonneg) as [K_positive|K_zero].
      * assert (enough : most <= - (curvature / K)).
        { apply least. intros c bounds. apply Ropp_le_cancel. rewrite Ropp_involutive.
          apply Rmult_le_reg_r with K; [exact K_positive|].
          unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra. apply bound, bounds. }
        apply (Rmult_le_compat_r K) in enough; [|exact K_nonneg].
        replace (- (curvature / K) * K) with (- curvature) in enough by (field; lra). lra.
      * pose proof (bound _ (length_constant_at_most H positive)) as at_bound.
        rewrite <- K_zero, Rmult_0_r in *. exact at_bound.
    + intros constant bounds. apply Ropp_le_cancel. rewrite Ropp_involutive. apply above.
      rewrite Ropp_involutive. exact bounds.
Qed.

(** T10, both ends. *)
Theorem length_constant_between H C :
  (0 < H)%nat -> is_length_constant H C -> length_constant_lower H <= C <= length_constant_bound H.
Proof.
  intros positive [bounds least]. split.
  - apply length_constant_at_least; assumption.
  - apply least, length_constant_at_most, positive.
Qed.

(** At one token C(H) is T1's constant. *)
Theorem length_constant_one C : is_length_constant 1 C -> C = CURVATURE.
Proof.
  intros constant. apply Rle_antisym.
  - rewrite <- length_constant_bound_one. apply (length_constant_between 1 C); [lia|exact constant].
  - apply (one_token_constant 1); [lia|apply constant].
Qed.

(** Both ends are H times the root of something that tends to 1/8. *)
Lemma root_limit (a : nat -> R) : is_lim_seq a (1 / 8) -> is_lim_seq (fun H => sqrt (a H)) (1 / (2 * sqrt 2)).
Proof.
  intros limit. replace (1 / (2 * sqrt 2)) with (sqrt (1 / 8)).
  - apply (is_lim_seq_continuous sqrt); [|exact limit]. apply continuity_pt_sqrt. lra.
  - rewrite sqrt_div, sqrt_1 by lra. f_equal. replace 8 with (2 ^ 2 * 2) by ring.
    rewrite sqrt_mult, sqrt_pow2 by lra. reflexivity.
Qed.

Lemma over_length H a : (0 < H)%nat -> sqrt a / INR H = sqrt (a * (/ INR H) ^ 2).
Proof.
  intros positive. assert (0 < INR H) by (apply lt_0_INR, positive).
  assert (0 < / INR H) by (apply Rinv_0_lt_compat; assumption).
  rewrite Rmult_comm, sqrt_mult_alt, sqrt_pow2 by (apply pow2_ge_0 || lra). apply Rmult_comm.
Qed.

(** T10, the limit. *)
Theorem length_constant_limit (C : nat -> R) :
  (forall H, (0 < H)%nat -> is_length_constant H (C H)) -> is_lim_seq (fun H => C H / INR H) (1 / (2 * sqrt 2)).
Proof.
  intros constants.
  assert (inverse_limit : is_lim_seq (fun H => / INR H) 0).
  { apply (is_lim_seq_inv INR p_infty); [apply is_lim_seq_INR|discriminate]. }
  assert (lower_limit : is_lim_seq (fun H => sqrt (1 / 8 - 1 / 8 * / INR H)) (1 / (2 * sqrt 2))).
  { apply root_limit. replace (Finite (1 / 8)) with (Finite (1 / 8 - 1 / 8 * 0)) by (f_equal; ring).
    apply is_lim_seq_minus'; [apply is_lim_seq_const|].
    apply (is_lim_seq_scal_l _ (1 / 8) 0), inverse_limit. }
  assert (upper_limit : is_lim_seq (fun H => sqrt (1 / 8 + 1 / 8 * / INR H - 3 / 16 * (/ INR H * / INR H)))
                          (1 / (2 * sqrt 2))).
  { apply root_limit. replace (Finite (1 / 8)) with (Finite (1 / 8 + 1 / 8 * 0 - 3 / 16 * (0 * 0))) by (f_equal; ring).
    apply is_lim_seq_minus'; [apply is_lim_seq_plus'; [apply is_lim_seq_const|]|].
    - apply (is_lim_seq_scal_l _ (1 / 8) 0), inverse_limit.
    - apply (is_lim_seq_scal_l _ (3 / 16) (0 * 0)), is_lim_seq_mult'; exact inverse_limit. }
  apply (is_lim_seq_le_le_loc (fun H => sqrt (1 / 8 - 1 / 8 * / INR H)) _
    (fun H => sqrt (1 / 8 + 1 / 8 * / INR H - 3 / 16 * (/ INR H * / INR H)))); [|exact lower_limit|exact upper_limit].
  exists 1%nat. intros H positive.
  assert (some : 0 < INR H) by (apply lt_0_INR, positive).
  destruct (length_constant_between H (C H) positive (constants H positive)) as [above below].
  replace (sqrt (1 / 8 - 1 / 8 * / INR H)) with (length_constant_lower H / INR H).
  2:{ unfold length_constant_lower. rewrite over_length by exact positive. f_equal. field. lra. }
  replace (sqrt (1 / 8 + _ - _)) with (length_constant_bound H / INR H).
  2:{ unfold length_constant_bound. rewrite over_length by exact positive. f_equal. field. lra. }
  split; (apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat, some|assumption]).
Qed.
