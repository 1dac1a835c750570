(** * Token-level policies

    A language model writes a response token by token. What can still be written is a tree: a finished response pays
    its reward, the total of the whole response; otherwise one of finitely many next tokens follows, drawn from the
    softmax of b(v) + theta . phi(v), where offset b and feature phi may depend on all that is written so far. Every
    autoregressive softmax over finitely many tokens whose logits are affine in the parameter is such a tree; so is the
    finite automaton of docs/theory.md, unfolded (at the end of this file). One prompt of Policy.v is a tree whose
    responses have one token.

    This file: the tree; the mean over its responses; the score M along a direction u, which is the sum over the tokens
    of xi = x - E x, where x = u . phi, and the sum Q of the variances of the xi given the past; and the identities that
    T10 and T11 rest on, for every function f of the reward,
      d/ds E f = E [f M]   and   d^2/ds^2 E f = E [f (M^2 - Q)]   along theta + s u.
    Lengths are upper limits: a response may be finished early.

    Idea. Each is an induction over the tree, whose step is the derivative of one softmax mean, E [xi g + g']. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Sums Distribution Vectors Policy Line.
Open Scope R_scope.

(** The same derivative, written differently. *)
Lemma derive_to (f : R -> R) (s l l' : R) : is_derive f s l -> l = l' -> is_derive f s l'.
Proof. intros derivative same. rewrite <- same. exact derivative. Qed.

Inductive response_tree : Type :=
  | Finished (reward : R)
  | Continued (tokens : nat) (offset : nat -> R) (feature : nat -> vector) (after : nat -> response_tree).

(** No response has more than H tokens, and whatever is not finished has a next token. *)
Fixpoint length_at_most (H : nat) (t : response_tree) {struct t} : Prop :=
  match t with
  | Finished _ => True
  | Continued n _ _ after =>
      match H with
      | O => False
      | S rest => (0 < n)%nat /\ forall v, (v < n)%nat -> length_at_most rest (after v)
      end
  end.

(** Every reward has the property. *)
Fixpoint every_reward (property : R -> Prop) (t : response_tree) : Prop :=
  match t with
  | Finished r => property r
  | Continued n _ _ after => forall v, (v < n)%nat -> every_reward property (after v)
  end.

(** A longer limit holds as well. *)
Lemma length_at_most_weaken H H' t : (H <= H')%nat -> length_at_most H t -> length_at_most H' t.
Proof.
  revert H H'. induction t as [r|n b phi after IH]; intros H H' longer short; [exact I|].
  destruct H as [|H]; [destruct short|]. destruct H' as [|H']; [lia|].
  destruct short as [some short]. split; [exact some|].
  intros v inside. apply IH with (H := H); [lia|]. apply short, inside.
Qed.

Section Sequence.
  Variable d : nat.  (* the dimension of the parameter *)

  Definition next_token (n : nat) (offset : nat -> R) (feature : nat -> vector) (theta : vector) : nat -> R :=
    softmax n (fun v => offset v + dot d theta (feature v)).

  (** The mean of f(reward) over the responses. *)
  Fixpoint response_mean (theta : vector) (t : response_tree) (f : R -> R) : R :=
    match t with
    | Finished r => f r
    | Continued n b phi after => mean n (next_token n b phi theta) (fun v => response_mean theta (after v) f)
    end.

  Definition sequence_J (theta : vector) (t : response_tree) : R := response_mean theta t (fun r => r).

  Definition sequence_variance (theta : vector) (t : response_tree) : R :=
    response_mean theta t (fun r => (r - sequence_J theta t) ^ 2).

  Definition sequence_sigma (theta : vector) (t : response_tree) : R := sqrt (sequence_variance theta t).

  (** Cov(J of what follows, phi) of every choice of a token, each with the probability that the choice is reached:
      [sequence_gradient_is_derivative] below shows that it is the gradient. *)
  Fixpoint sequence_gradient (theta : vector) (t : response_tree) : vector :=
    match t with
    | Finished _ => fun _ => 0
    | Continued n b phi after =>
        let p := next_token n b phi theta in
        fun k => covariance n p (fun v => sequence_J theta (after v)) (fun v => phi v k)
                 + mean n p (fun v => sequence_gradient theta (after v) k)
    end.

  (** Along u, no step of the tree moves two tokens' logits further apart than w. *)
  Fixpoint token_width_at_most (u : vector) (w : R) (t : response_tree) : Prop :=
    match t with
    | Finished _ => True
    | Continued n _ phi after =>
        width_at_most n (fun v => dot d u (phi v)) w /\ forall v, (v < n)%nat -> token_width_at_most u w (after v)
    end.

  (** One prompt of Policy.v, as responses of one token. *)
  Definition one_token (x : prompt) : response_tree :=
    Continued (arms x) (offset x) (feature x) (fun y => Finished (reward x y)).

  Lemma one_token_J x theta : sequence_J theta (one_token x) = J d x theta.
  Proof. reflexivity. Qed.

  Lemma one_token_sigma x theta : sequence_sigma theta (one_token x) = sigma d x theta.
  Proof.
    unfold sequence_sigma, sigma, deviation. f_equal. apply mean_ext. intros y inside.
    simpl. rewrite Rmult_1_r. reflexivity.
  Qed.

  Lemma one_token_width x u w : token_width_at_most u w (one_token x) <-> step_width_at_most d x u w.
  Proof. unfold step_width_at_most. simpl. intuition. Qed.

  Lemma next_token_distribution n b phi theta : (0 < n)%nat -> is_distribution n (next_token n b phi theta).
  Proof. apply softmax_distribution. Qed.

  (** ** Means over responses of a function of the reward r, the score M and the variance Q of the score's steps *)

  Section Paths.
    Variables theta u : vector.

    Fixpoint path_mean (t : response_tree) (F : R -> R -> R -> R) : R :=
      match t with
      | Finished r => F r 0 0
      | Continued n b phi after =>
          let p := next_token n b phi theta in
          let x := fun v => dot d u (phi v) in
          mean n p (fun v => path_mean (after v) (fun r M Q => F r (x v - mean n p x + M) (variance n p x + Q)))
      end.

    Fixpoint every_path (t : response_tree) (P : R -> R -> R -> Prop) : Prop :=
      match t with
      | Finished r => P r 0 0
      | Continued n b phi after =>
          let p := next_token n b phi theta in
          let x := fun v => dot d u (phi v) in
          forall v, (v < n)%nat ->
            every_path (after v) (fun r M Q => P r (x v - mean n p x + M) (variance n p x + Q))
      end.

    Lemma path_mean_ext t F G : (forall r M Q, F r M Q = G r M Q) -> path_mean t F = path_mean t G.
    Proof.
      revert F G. induction t as [r|n b phi after IH]; intros F G same; simpl; [apply same|].
      apply mean_ext. intros v inside. apply IH. intros. apply same.
    Qed.

    Lemma path_mean_plus t F G :
      path_mean t (fun r M Q => F r M Q + G r M Q) = path_mean t F + path_mean t G.
    Proof.
      revert F G. induction t as [r|n b phi after IH]; intros F G; simpl; [reflexivity|].
      rewrite <- mean_plus. apply mean_ext. intros v inside. apply IH.
    Qed.

    Lemma path_mean_scale t c F : path_mean t (fun r M Q => c * F r M Q) = c * path_mean t F.
    Proof.
      revert F. induction t as [r|n b phi after IH]; intros F; simpl; [reflexivity|].
      rewrite <- mean_scale. apply mean_ext. intros v inside. apply IH.
    Qed.

    Lemma path_mean_minus t F G :
      path_mean t (fun r M Q => F r M Q - G r M Q) = path_mean t F - path_mean t G.
    Proof.
      rewrite (path_mean_ext t _ (fun r M Q => F r M Q + -1 * G r M Q)) by (intros; ring).
      rewrite path_mean_plus, path_mean_scale. ring.
    Qed.

    (** A function of the reward alone. *)
    Lemma path_mean_reward t f : path_mean t (fun r _ _ => f r) = response_mean theta t f.
    Proof.
      induction t as [r|n b phi after IH]; simpl; [reflexivity|].
      apply mean_ext. intros v inside. apply IH.
    Qed.

    Lemma path_mean_constant H t c : length_at_most H t -> path_mean t (fun _ _ _ => c) = c.
    Proof.
      revert H. induction t as [r|n b phi after IH]; intros H short; simpl; [reflexivity|].
      destruct H as [|H]; [destruct short|]. destruct short as [some short].
      pose proof (next_token_distribution n b phi theta some) as distribution.
      rewrite <- (mean_constant n _ c distribution) at 1.
      apply mean_ext. intros v inside. apply (IH v H), short, inside.
    Qed.

    Lemma every_path_and t (P P' : R -> R -> R -> Prop) :
      every_path t P -> every_path t P' -> every_path t (fun r M Q => P r M Q /\ P' r M Q).
    Proof.
      revert P P'. induction t as [r|n b phi after IH]; intros P P' holds holds'; simpl; [split; assumption|].
      intros v inside. apply (IH v _ _ (holds v inside) (holds' v inside)).
    Qed.

    Lemma every_path_impl t (P P' : R -> R -> R -> Prop) :
      (forall r M Q, P r M Q -> P' r M Q) -> every_path t P -> every_path t P'.
    Proof.
      revert P P'. induction t as [r|n b phi after IH]; intros P P' implies holds; simpl; [apply implies, holds|].
      intros v inside. eapply IH; [|apply (holds v inside)]. intros r M Q. apply implies.
    Qed.

    Lemma every_path_always t (P : R -> R -> R -> Prop) : (forall r M Q, P r M Q) -> every_path t P.
    Proof.
      revert P. induction t as [r|n b phi after IH]; intros P holds; simpl; [apply holds|].
      intros v inside. apply IH. intros. apply holds.
    Qed.

    Lemma every_path_reward t property : every_reward property t -> every_path t (fun r _ _ => property r).
    Proof.
      induction t as [r|n b phi after IH]; intros holds; simpl; [exact holds|].
      intros v inside. apply IH, holds, inside.
    Qed.

    Lemma path_mean_le H t F G :
      length_at_most H t -> every_path t (fun r M Q => F r M Q <= G r M Q) -> path_mean t F <= path_mean t G.
    Proof.
      revert H F G. induction t as [r|n b phi after IH]; intros H F G short below; simpl; [exact below|].
      destruct H as [|H]; [destruct short|]. destruct short as [some short].
      apply mean_le; [apply next_token_distribution, some|].
      intros v inside. apply (IH v H); [apply short, inside|apply (below v inside)].
    Qed.

    Lemma path_mean_eq H t F G :
      length_at_most H t -> every_path t (fun r M Q => F r M Q = G r M Q) -> path_mean t F = path_mean t G.
    Proof.
      intros short same. apply Rle_antisym; apply (path_mean_le H t _ _ short);
        (eapply every_path_impl; [|exact same]); cbv beta; intros; lra.
    Qed.

    Lemma path_mean_nonneg H t F :
      length_at_most H t -> every_path t (fun r M Q => 0 <= F r M Q) -> 0 <= path_mean t F.
    Proof.
      intros short above. rewrite <- (path_mean_constant H t 0 short). apply (path_mean_le H t _ _ short above).
    Qed.

    (** Cauchy and Schwarz: E (aF + bG)^2 >= 0 for all a and b. *)
    Lemma path_mean_cauchy_schwarz H t F G :
      length_at_most H t ->
      (path_mean t (fun r M Q => F r M Q * G r M Q)) ^ 2
        <= path_mean t (fun r M Q => F r M Q ^ 2) * path_mean t (fun r M Q => G r M Q ^ 2).
    Proof.
      intros short.
      set (A := path_mean t (fun r M Q => F r M Q ^ 2)). set (B := path_mean t (fun r M Q => G r M Q ^ 2)).
      set (C := path_mean t (fun r M Q => F r M Q * G r M Q)).
      assert (square : forall a b, 0 <= a ^ 2 * A + 2 * a * b * C + b ^ 2 * B).
      { intros a b.
        replace (a ^ 2 * A + 2 * a * b * C + b ^ 2 * B)
          with (path_mean t (fun r M Q => (a * F r M Q + b * G r M Q) ^ 2)).
        - apply (path_mean_nonneg H t _ short). apply every_path_always. intros. apply pow2_ge_0.
        - rewrite (path_mean_ext t _ (fun r M Q => a ^ 2 * F r M Q ^ 2 + 2 * a * b * (F r M Q * G r M Q)
                                                   + b ^ 2 * G r M Q ^ 2)) by (intros; ring).
          rewrite !path_mean_plus, !path_mean_scale. reflexivity. }
      assert (A_nonneg : 0 <= A) by (pose proof (square 1 0); lra).
      assert (B_nonneg : 0 <= B) by (pose proof (square 0 1); lra).
      destruct (Rle_lt_or_eq_dec 0 B B_nonneg) as [B_pos|B_zero].
      - apply Rmult_le_reg_l with B; [exact B_pos|]. pose proof (square B (- C)). lra.
      - rewrite <- B_zero in *.
        destruct (Req_dec C 0) as [->|C_nonzero]; [lra|].
        pose proof (square (2 * C) (- (A + 1))) as at_odds.
        pose proof (pow2_gt_0 C C_nonzero). lra.
    Qed.

    (** Every step of the score is at most w, so a score of H steps is at most Hw. *)
    Lemma score_bound H t w :
      length_at_most H t -> token_width_at_most u w t -> 0 <= w -> every_path t (fun _ M _ => Rabs M <= INR H * w).
    Proof.
      intros short width w_nonneg.
      assert (general : forall m, every_path t (fun _ M _ => Rabs (m + M) <= Rabs m + INR H * w)).
      { revert H short. induction t as [r|n b phi after IH]; intros H short m; cbn [every_path]; cbv zeta.
        - rewrite Rplus_0_r. pose proof (Rmult_le_pos _ _ (pos_INR H) w_nonneg). lra.
        - destruct H as [|H]; [destruct short|]. destruct short as [some short]. destruct width as [width widths].
          intros v inside.
          set (p := next_token n b phi theta). set (x := fun v => dot d u (phi v)).
          assert (step : Rabs (x v - mean n p x) <= w).
          { apply centred_le_width; [apply next_token_distribution, some|exact width|exact inside]. }
          eapply every_path_impl; [|apply (IH v (widths v inside) H (short v inside) (m + (x v - mean n p x)))].
          cbv beta. intros _ M _ bound. rewrite S_INR, <- Rplus_assoc.
          pose proof (Rabs_triang m (x v - mean n p x)). unfold x in *. lra. }
      eapply every_path_impl; [|apply (general 0)]. simpl. intros _ M _. rewrite Rabs_R0, !Rplus_0_l. tauto.
    Qed.
  End Paths.

  (** ** Derivatives along a direction *)

  (** The weight of token v along theta + s u. *)
  Lemma weight_derive (b : R) (phi theta u : vector) (s : R) :
    is_derive (fun s => exp (b + dot d (add theta (scale s u)) phi)) s
      (dot d u phi * exp (b + dot d (add theta (scale s u)) phi)).
  Proof.
    apply (is_derive_ext (fun s => exp (b + (dot d theta phi + s * dot d u phi)))).
    - intros r. rewrite dot_add_l, dot_scale_l. reflexivity.
    - rewrite dot_add_l, dot_scale_l. auto_derive; [exact I|ring].
  Qed.

  (** The mean of a function that itself moves: (E g)' = E [xi g + g']. *)
  Lemma next_token_derive n b phi theta u (g : nat -> R -> R) (dg : nat -> R) (s : R) :
    (0 < n)%nat -> (forall v, (v < n)%nat -> is_derive (g v) s (dg v)) ->
    let p := fun s => next_token n b phi (add theta (scale s u)) in
    let x := fun v => dot d u (phi v) in
    is_derive (fun s => mean n (p s) (fun v => g v s)) s
      (mean n (p s) (fun v => (x v - mean n (p s) x) * g v s + dg v)).
  Proof.
    intros some derive p x.
    set (weight := fun v s => exp (b v + dot d (add theta (scale s u)) (phi v))).
    set (Z := fun s => sum n (fun v => weight v s)).
    assert (positive : forall s, 0 < Z s) by (intros; apply sum_pos; [exact some|]; intros; apply exp_pos).
    assert (as_ratio : forall s f, mean n (p s) f = sum n (fun v => weight v s * f v) / Z s).
    { intros. apply mean_softmax. }
    assert (weight_moves : forall v, is_derive (weight v) s (x v * weight v s)) by (intros; apply weight_derive).
    apply (is_derive_ext (fun s => sum n (fun v => weight v s * g v s) / Z s)).
    { intros s'. symmetry. apply as_ratio. }
    assert (top_moves : is_derive (fun s => sum n (fun v => weight v s * g v s)) s
                          (sum n (fun v => x v * weight v s * g v s + weight v s * dg v))).
    { apply is_derive_sum. intros v inside.
      apply (is_derive_mult (weight v) (g v) s _ _ (weight_moves v) (derive v inside)). intros; apply Rmult_comm. }
    assert (Z_moves : is_derive Z s (sum n (fun v => x v * weight v s))).
    { apply is_derive_sum. intros v inside. apply weight_moves. }
    pose proof (is_derive_div _ _ s _ _ top_moves Z_moves (Rgt_not_eq _ _ (positive s))) as ratio_moves.
    eapply derive_to; [exact ratio_moves|].
    rewrite (mean_ext n (p s) _ (fun v => (x v * g v s + dg v) - mean n (p s) x * g v s)) by (intros; ring).
    rewrite mean_minus, mean_scale, !as_ratio.
    rewrite (sum_ext n (fun v => weight v s * (x v * g v s + dg v))
      (fun v => x v * weight v s * g v s + weight v s * dg v)) by (intros; ring).
    rewrite (sum_ext n (fun v => x v * weight v s) (fun v => weight v s * x v)) by (intros; ring).
    field. apply Rgt_not_eq, positive.
  Qed.

  (** d/ds E f = E [f M]. *)
  Lemma response_slope H t theta u f s :
    length_at_most H t ->
    is_derive (fun s => response_mean (add theta (scale s u)) t f) s
      (path_mean (add theta (scale s u)) u t (fun r M _ => f r * M)).
  Proof.
    revert H. induction t as [r|n b phi after IH]; intros H short; simpl.
    - rewrite Rmult_0_r. apply (is_derive_const (f r)).
    - destruct H as [|H]; [destruct short|]. destruct short as [some short].
      eapply derive_to.
      + apply (next_token_derive n b phi theta u (fun v s => response_mean (add theta (scale s u)) (after v) f)
          (fun v => path_mean (add theta (scale s u)) u (after v) (fun r M _ => f r * M)) s some).
        intros v inside. apply (IH v H), short, inside.
      + apply mean_ext. intros v inside. cbv beta.
        rewrite <- (path_mean_reward _ u), <- path_mean_scale, <- path_mean_plus.
        apply path_mean_ext. intros. ring.
  Qed.

  (** d/ds E [f M] = E [f (M^2 - Q)]. *)
  Lemma response_curvature H t theta u f s :
    length_at_most H t ->
    is_derive (fun s => path_mean (add theta (scale s u)) u t (fun r M _ => f r * M)) s
      (path_mean (add theta (scale s u)) u t (fun r M Q => f r * (M ^ 2 - Q))).
  Proof.
    revert H. induction t as [r|n b phi after IH]; intros H short; simpl.
    - rewrite Rmult_0_r. eapply derive_to; [apply is_derive_const|]. unfold zero; simpl. ring.
    - destruct H as [|H]; [destruct short|]. destruct short as [some short].
      set (p := fun s => next_token n b phi (add theta (scale s u))). set (x := fun v => dot d u (phi v)).
      set (V := fun v s => response_mean (add theta (scale s u)) (after v) f).
      set (V' := fun v s => path_mean (add theta (scale s u)) u (after v) (fun r M _ => f r * M)).
      set (V'' := fun v => path_mean (add theta (scale s u)) u (after v) (fun r M Q => f r * (M ^ 2 - Q))).
      assert (distribution : is_distribution n (p s)) by apply next_token_distribution, some.
      assert (mean_moves : is_derive (fun s => mean n (p s) x) s (variance n (p s) x)).
      { eapply derive_to.
        - apply (next_token_derive n b phi theta u (fun v _ => x v) (fun _ => 0) s some).
          intros v inside. apply (is_derive_const (x v)).
        - unfold variance. rewrite (covariance_shift n (p s) x x 0 distribution).
          apply mean_ext. intros v inside. unfold x, p. ring. }
      apply (is_derive_ext (fun s => mean n (p s) (fun v => (x v - mean n (p s) x) * V v s + V' v s))).
      { intros s'. apply mean_ext. intros v inside. unfold V, V'.
        rewrite <- (path_mean_reward _ u), <- path_mean_scale, <- path_mean_plus.
        apply path_mean_ext. intros. unfold x, p. ring. }
      eapply derive_to.
      + apply (next_token_derive n b phi theta u (fun v s => (x v - mean n (p s) x) * V v s + V' v s)
          (fun v => - variance n (p s) x * V v s + (x v - mean n (p s) x) * V' v s + V'' v) s some).
        intros v inside.
        assert (is_derive (fun s => x v - mean n (p s) x) s (- variance n (p s) x)).
        { eapply derive_to; [apply (is_derive_minus (fun _ => x v) _ s 0 _ (is_derive_const _ _) mean_moves)|].
          unfold minus, plus, opp; simpl; ring. }
        apply (is_derive_plus (fun s => (x v - mean n (p s) x) * V v s) (V' v)).
        * apply (is_derive_mult (fun s => x v - mean n (p s) x) (V v)); [assumption| |intros; apply Rmult_comm].
          apply (response_slope H), short, inside.
        * apply (IH v H), short, inside.
      + apply mean_ext. intros v inside. cbv beta. unfold V, V', V''.
        rewrite <- (path_mean_reward _ u), <- !path_mean_scale, <- !path_mean_plus.
        rewrite <- path_mean_scale, <- path_mean_plus.
        apply path_mean_ext. intros. unfold x, p. ring.
  Qed.

  (** ** What is centred *)

  Lemma score_mean H theta u t : length_at_most H t -> path_mean theta u t (fun _ M _ => M) = 0.
  Proof.
    revert H. induction t as [r|n b phi after IH]; intros H short; simpl; [reflexivity|].
    destruct H as [|H]; [destruct short|]. destruct short as [some short].
    set (p := next_token n b phi theta). set (x := fun v => dot d u (phi v)).
    rewrite <- (mean_centred n p x) by apply next_token_distribution, some.
    apply mean_ext. intros v inside.
    rewrite path_mean_plus, (path_mean_constant _ _ H), (IH v H) by apply short, inside. unfold x. ring.
  Qed.

  Lemma score_square_mean H theta u t : length_at_most H t -> path_mean theta u t (fun _ M Q => M ^ 2 - Q) = 0.
  Proof.
    revert H. induction t as [r|n b phi after IH]; intros H short; simpl; [ring|].
    destruct H as [|H]; [destruct short|]. destruct short as [some short].
    set (p := next_token n b phi theta). set (x := fun v => dot d u (phi v)).
    assert (distribution : is_distribution n p) by apply next_token_distribution, some.
    rewrite (mean_ext n p _ (fun v => (x v - mean n p x) ^ 2 - variance n p x)).
    - rewrite mean_minus, mean_constant, <- variance_square by exact distribution. ring.
    - intros v inside. unfold x.
      rewrite (path_mean_ext _ _ _ _ (fun _ M Q => (dot d u (phi v) - mean n p x) ^ 2 - variance n p x
        + 2 * (dot d u (phi v) - mean n p x) * M + (M ^ 2 - Q))) by (intros; unfold x; ring).
      rewrite !path_mean_plus, path_mean_scale, (path_mean_constant _ _ H), (score_mean H), (IH v H)
        by apply short, inside.
      unfold x. ring.
  Qed.

  (** ** J, sigma and the gradient along a direction *)

  (** Cov(r, M), the slope of J along u. *)
  Definition sequence_slope (theta u : vector) (t : response_tree) : R :=
    path_mean theta u t (fun r M _ => (r - sequence_J theta t) * M).

  (** Cov(r, M^2 - Q), the second derivative of J along u. *)
  Definition sequence_curvature (theta u : vector) (t : response_tree) : R :=
    path_mean theta u t (fun r M Q => (r - sequence_J theta t) * (M ^ 2 - Q)).

  (** E (r - J)^2 M, the slope of the variance along u. *)
  Definition sequence_variance_slope (theta u : vector) (t : response_tree) : R :=
    path_mean theta u t (fun r M _ => (r - sequence_J theta t) ^ 2 * M).

  Lemma position_zero theta u : add theta (scale 0 u) = theta.
  Proof. apply functional_extensionality. intros k. unfold add, scale. ring. Qed.

  Lemma position_one theta u : add theta (scale 1 u) = add theta u.
  Proof. apply functional_extensionality. intros k. unfold add, scale. ring. Qed.

  Section Along.
    Variables (H : nat) (t : response_tree).
    Hypothesis short : length_at_most H t.

    Lemma sequence_variance_moments theta :
      sequence_variance theta t = response_mean theta t (fun r => r ^ 2) - sequence_J theta t ^ 2.
    Proof.
      unfold sequence_variance. set (c := sequence_J theta t).
      assert (J_is_mean : path_mean theta theta t (fun r _ _ => r) = c) by apply (path_mean_reward _ _ t (fun r => r)).
      rewrite <- !(path_mean_reward theta theta).
      rewrite (path_mean_ext _ _ _ _ (fun r _ _ => r ^ 2 - 2 * c * r + c ^ 2)) by (intros; ring).
      rewrite path_mean_plus, path_mean_minus, path_mean_scale, J_is_mean, (path_mean_constant _ _ H _ _ short). ring.
    Qed.

    Lemma sequence_variance_path theta u :
      sequence_variance theta t = path_mean theta u t (fun r _ _ => (r - sequence_J theta t) ^ 2).
    Proof. symmetry. apply (path_mean_reward theta u t (fun r => (r - sequence_J theta t) ^ 2)). Qed.

    Lemma sequence_variance_nonneg theta : 0 <= sequence_variance theta t.
    Proof.
      rewrite (sequence_variance_path theta theta). apply (path_mean_nonneg _ _ H _ _ short).
      apply every_path_always. intros. apply pow2_ge_0.
    Qed.

    Lemma sequence_sigma_nonneg theta : 0 <= sequence_sigma theta t.
    Proof. apply sqrt_pos. Qed.

    Lemma sequence_sigma_square theta : sequence_sigma theta t ^ 2 = sequence_variance theta t.
    Proof. unfold sequence_sigma. rewrite <- Rsqr_pow2. apply Rsqr_sqrt, sequence_variance_nonneg. Qed.

    (** Cauchy and Schwarz: a covariance with the reward is at most sigma times a deviation. *)
    Lemma reward_covariance_le theta u F b :
      0 <= b -> path_mean theta u t (fun r M Q => F r M Q ^ 2) <= b ^ 2 ->
      Rabs (path_mean theta u t (fun r M Q => (r - sequence_J theta t) * F r M Q)) <= sequence_sigma theta t * b.
    Proof.
      intros b_nonneg second_moment.
      apply Rsqr_incr_0_var; [|apply Rmult_le_pos; [apply sequence_sigma_nonneg|exact b_nonneg]].
      rewrite <- Rsqr_abs, !Rsqr_pow2, Rpow_mult_distr, sequence_sigma_square, (sequence_variance_path theta u).
      eapply Rle_trans; [apply (path_mean_cauchy_schwarz theta u H t (fun r _ _ => r - sequence_J theta t) F short)|].
      apply Rmult_le_compat_l; [|exact second_moment].
      rewrite <- sequence_variance_path. apply sequence_variance_nonneg.
    Qed.

    Lemma sequence_slope_moments theta u :
      sequence_slope theta u t = path_mean theta u t (fun r M _ => r * M).
    Proof.
      unfold sequence_slope.
      rewrite (path_mean_ext _ _ _ _ (fun r M _ => r * M - sequence_J theta t * M)) by (intros; ring).
      rewrite path_mean_minus, path_mean_scale, (score_mean H _ _ _ short). ring.
    Qed.

    Lemma sequence_curvature_moments theta u :
      sequence_curvature theta u t = path_mean theta u t (fun r M Q => r * (M ^ 2 - Q)).
    Proof.
      unfold sequence_curvature.
      rewrite (path_mean_ext _ _ _ _ (fun r M Q => r * (M ^ 2 - Q) - sequence_J theta t * (M ^ 2 - Q)))
        by (intros; ring).
      rewrite path_mean_minus, path_mean_scale, (score_square_mean H _ _ _ short). ring.
    Qed.

    Lemma sequence_J_along theta u s :
      is_derive (fun s => sequence_J (add theta (scale s u)) t) s (sequence_slope (add theta (scale s u)) u t).
    Proof. rewrite sequence_slope_moments. apply (response_slope H t theta u (fun r => r) s short). Qed.

    Lemma sequence_slope_along theta u s :
      is_derive (fun s => sequence_slope (add theta (scale s u)) u t) s
        (sequence_curvature (add theta (scale s u)) u t).
    Proof.
      rewrite sequence_curvature_moments.
      apply (is_derive_ext (fun s => path_mean (add theta (scale s u)) u t (fun r M _ => r * M))).
      - intros s'. symmetry. apply sequence_slope_moments.
      - apply (response_curvature H t theta u (fun r => r) s short).
    Qed.

    Lemma sequence_variance_along theta u s :
      is_derive (fun s => sequence_variance (add theta (scale s u)) t) s
        (sequence_variance_slope (add theta (scale s u)) u t).
    Proof.
      apply (is_derive_ext (fun s => response_mean (add theta (scale s u)) t (fun r => r ^ 2)
                                     - sequence_J (add theta (scale s u)) t ^ 2)).
      { intros s'. symmetry. apply sequence_variance_moments. }
      eapply derive_to.
      - apply (is_derive_minus (fun s => response_mean (add theta (scale s u)) t (fun r => r ^ 2))
          (fun s => sequence_J (add theta (scale s u)) t ^ 2)).
        + apply (response_slope H t theta u (fun r => r ^ 2) s short).
        + apply (is_derive_pow (fun s => sequence_J (add theta (scale s u)) t) 2), sequence_J_along.
      - unfold minus, plus, opp. simpl. rewrite sequence_slope_moments.
        set (theta' := add theta (scale s u)). set (c := sequence_J theta' t).
        unfold sequence_variance_slope. fold c.
        rewrite (path_mean_ext _ _ t (fun r M _ => (r - c) ^ 2 * M)
          (fun r M _ => r * (r * 1) * M - 2 * c * (r * M) + c ^ 2 * M)) by (intros; ring).
        rewrite path_mean_plus, path_mean_minus, !path_mean_scale, (score_mean H _ _ _ short). ring.
    Qed.

    Theorem sequence_curvature_is_second_derivative theta u :
      Derive_n (fun s => sequence_J (add theta (scale s u)) t) 2 0 = sequence_curvature theta u t.
    Proof.
      simpl. rewrite (Derive_ext _ (fun s => sequence_slope (add theta (scale s u)) u t)).
      - replace (sequence_curvature theta u t) with (sequence_curvature (add theta (scale 0 u)) u t)
          by (rewrite position_zero; reflexivity).
        apply is_derive_unique, sequence_slope_along.
      - intros s. apply is_derive_unique, sequence_J_along.
    Qed.
  End Along.

  Lemma sequence_gradient_dot H t theta u :
    length_at_most H t -> dot d (sequence_gradient theta t) u = sequence_slope theta u t.
  Proof.
    intros short. rewrite (sequence_slope_moments H t short). revert H short.
    induction t as [r|n b phi after IH]; intros H short.
    - simpl. rewrite Rmult_0_r. apply sum_zero. intros. simpl. ring.
    - destruct H as [|H]; [destruct short|]. destruct short as [some short].
      pose proof (next_token_distribution n b phi theta some) as distribution.
      cbn [path_mean sequence_gradient]. cbv zeta.
      set (p := next_token n b phi theta) in *. set (x := fun v => dot d u (phi v)).
      rewrite (mean_ext n p _ (fun v => (x v - mean n p x) * (sequence_J theta (after v) - 0)
                                        + dot d (sequence_gradient theta (after v)) u)).
      2:{ intros v inside. rewrite (IH v H) by apply short, inside. unfold sequence_J.
          rewrite <- (path_mean_reward _ u), Rminus_0_r, <- path_mean_scale, <- path_mean_plus.
          apply path_mean_ext. intros. unfold x. ring. }
      rewrite mean_plus, <- covariance_shift, covariance_sym by exact distribution.
      rewrite (covariance_shift n p _ x 0 distribution).
      unfold dot at 1. rewrite (sum_ext d _ (fun k =>
        sum n (fun v => p v * ((sequence_J theta (after v) - mean n p (fun v => sequence_J theta (after v)))
                               * (u k * phi v k)))
        + sum n (fun v => p v * (sequence_gradient theta (after v) k * u k)))).
      2:{ intros k _. rewrite (covariance_shift n p _ _ 0 distribution), Rmult_plus_distr_r. unfold mean at 1 3.
          rewrite <- !sum_scale_r. f_equal; apply sum_ext; intros; ring. }
      rewrite sum_plus, (sum_swap d n), (sum_swap d n). unfold mean at 1 3.
      f_equal; apply sum_ext; intros v inside; rewrite !sum_scale; [|reflexivity].
      rewrite Rminus_0_r. reflexivity.
  Qed.

  (** The gradient is the gradient. *)
  Theorem sequence_gradient_is_derivative H t theta u :
    length_at_most H t ->
    is_derive (fun s => sequence_J (add theta (scale s u)) t) 0 (dot d (sequence_gradient theta t) u).
  Proof.
    intros short. rewrite (sequence_gradient_dot H t theta u short).
    replace (sequence_slope theta u t) with (sequence_slope (add theta (scale 0 u)) u t)
      by (rewrite position_zero; reflexivity).
    apply (sequence_J_along H t short).
  Qed.

  (** ** A finite automaton, unfolded *)

  Record automaton := {
    tokens : nat -> nat;  (* the number of tokens that a state allows *)
    state_offset : nat -> nat -> R;
    state_feature : nat -> nat -> vector;
    token_reward : nat -> nat -> R;
    terminal_reward : nat -> R;  (* paid for the state after the last token *)
    transition : nat -> nat -> nat
  }.

  (** What a response can still become in state s, with H tokens to come and a reward of [paid] so far. *)
  Fixpoint unfolding (a : automaton) (H s : nat) (paid : R) : response_tree :=
    match H with
    | O => Finished (paid + terminal_reward a s)
    | S rest => Continued (tokens a s) (state_offset a s) (state_feature a s)
                  (fun v => unfolding a rest (transition a s v) (paid + token_reward a s v))
    end.

  Lemma unfolding_length a H s paid :
    (forall s, (0 < tokens a s)%nat) -> length_at_most H (unfolding a H s paid).
  Proof.
    intros some. revert s paid. induction H as [|H IH]; intros s paid; simpl; [exact I|].
    split; [apply some|]. intros v inside. apply IH.
  Qed.

  (** [reached k] are the states that can follow k tokens: only their widths count. *)
  Lemma unfolding_width a H u w (reached : nat -> nat -> Prop) :
    (forall k s v, reached k s -> (v < tokens a s)%nat -> reached (S k) (transition a s v)) ->
    (forall k s, (k < H)%nat -> reached k s -> width_at_most (tokens a s) (fun v => dot d u (state_feature a s v)) w) ->
    forall s paid, reached O s -> token_width_at_most u w (unfolding a H s paid).
  Proof.
    intros follows. revert reached follows. induction H as [|H IH]; intros reached follows widths s paid start.
    - exact I.
    - split; [apply (widths O s (Nat.lt_0_succ H) start)|]. intros v inside.
      apply (IH (fun k => reached (S k))).
      + intros k. apply (follows (S k)).
      + intros k s' before. apply (widths (S k) s'). lia.
      + apply (follows O); assumption.
  Qed.
End Sequence.
