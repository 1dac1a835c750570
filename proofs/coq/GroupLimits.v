(** * T16: no group of samples can have the rates of exact gradients

    Each update draws one of N prompts uniformly and a group of G independent answers to it, and then moves the
    parameter as any rule says, which may know the time, the parameter, the prompt and the group. Suppose that groups
    whose rewards are all equal leave the policies as they are (silence), and that an update moves no two logits of any
    prompt apart by more than w. Rewards are 0 or 1; q and p are the mean failure and pass rates of the N prompts, T the
    number of updates, n = G T that of answers. Whatever the overlap of the prompts,

      E [1/q_n] <= 1/q_0 + (e^w - 1) n,   so   E q_n >= 1/(1/q_0 + (e^w - 1) n),
      P(p >= level within T updates) (1/p_0 - 1/level) <= (1 - e^(-w)) E [answers drawn until then, at most n].

    Without a bound on w: E q_n >= q_0 (E p_x^G)^T, for one prompt q_0 (1 - q_0)^n, which is at least 1/(4 n) at q_0 = 1/n.

    Idea. A group is live with probability at most G q and at most G p, and 1/q grows by at most the factor e^w then. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Constants Increase Sums Distribution Vectors Policy Psi Line TwoArms Curvature Deviation.
From GRPO Require Import Certificate Arcsine Convergence TwoArmFlow Groups BinaryCurvature LogOdds FailureRates PowerObjective.
Open Scope R_scope.

(** ** What a step of width w does to the rates of one prompt *)

Section Rates.
  Variables (d : nat) (x : prompt) (theta delta : vector) (w : R).
  Hypothesis right_or_wrong : binary x.
  Hypothesis width : step_width_at_most d x delta w.

  Let exp_w_above : 1 <= exp w.
  Proof. pose proof (step_width_nonneg d x delta w width). pose proof (exp_above_tangent w). lra. Qed.

  Let exp_w_below : 0 < exp (- w) <= 1.
  Proof.
    split; [apply exp_pos|]. rewrite exp_Ropp. rewrite <- Rinv_1. apply Rinv_le_contravar; [lra|exact exp_w_above].
  Qed.

  Lemma rates_after_step :
    exp (- w) * (1 - J d x theta) <= 1 - J d x (add theta delta) /\ J d x (add theta delta) <= exp w * J d x theta.
  Proof.
    pose proof (binary_J d x right_or_wrong theta) as range.
    destruct (Rle_lt_or_eq_dec 0 _ (sigma_nonneg d x theta)) as [positive|zero].
    - pose proof (log_odds_move d x right_or_wrong theta delta w positive width) as move.
      apply Rabs_le_between in move.
      assert (rates : forall theta, 0 < sigma d x theta ->
        J d x theta = exp (log_odds_at d x theta) / (1 + exp (log_odds_at d x theta))).
      { intros there varies. pose proof (pass_rate_inside d x there right_or_wrong varies).
        unfold log_odds_at, log_odds_of. rewrite exp_ln by (apply Rdiv_lt_0_compat; lra). field. lra. }
      rewrite (rates theta positive), (rates (add theta delta))
        by (apply (sigma_pos_everywhere d x right_or_wrong theta), positive).
      set (L := log_odds_at d x theta) in *. set (L' := log_odds_at d x (add theta delta)) in *.
      pose proof (exp_pos L) as L_pos. pose proof (exp_pos L') as L'_pos. pose proof (exp_pos w) as w_pos.
      assert (grown : exp L' <= exp w * exp L).
      { rewrite <- exp_plus. destruct (Req_dec L' (w + L)) as [-> | other]; [lra|]. left. apply exp_increasing. lra. }
      assert (inverse : exp (- w) * exp w = 1) by (rewrite <- exp_plus, Rplus_opp_l; apply exp_0).
      split.
      + apply Rmult_le_reg_r with ((1 + exp L) * (1 + exp L')); [apply Rmult_lt_0_compat; lra|].
        replace (exp (- w) * (1 - exp L / (1 + exp L)) * ((1 + exp L) * (1 + exp L'))) with (exp (- w) * (1 + exp L'))
          by (field; lra).
        replace ((1 - exp L' / (1 + exp L')) * ((1 + exp L) * (1 + exp L'))) with (1 + exp L) by (field; lra).
        apply (Rmult_le_compat_l (exp (- w))) in grown; [|lra]. rewrite <- Rmult_assoc, inverse in grown. lra.
      + apply Rmult_le_reg_r with ((1 + exp L) * (1 + exp L')); [apply Rmult_lt_0_compat; lra|].
        replace (exp L' / (1 + exp L') * ((1 + exp L) * (1 + exp L'))) with (exp L' + exp L' * exp L) by (field; lra).
        replace (exp w * (exp L / (1 + exp L)) * ((1 + exp L) * (1 + exp L')))
          with (exp w * exp L + exp w * (exp L * exp L')) by (field; lra).
        assert (pair : 1 * (exp L * exp L') <= exp w * (exp L * exp L')).
        { apply Rmult_le_compat_r; [|exact exp_w_above]. apply Rmult_le_pos; lra. }
        lra.
    - rewrite (J_stays d x theta delta w width) by (symmetry; exact zero). split.
      + pose proof (Rmult_le_compat_r (1 - J d x theta) _ _ ltac:(lra) (proj2 exp_w_below)). lra.
      + pose proof (Rmult_le_compat_r (J d x theta) _ _ ltac:(lra) exp_w_above). lra.
  Qed.
End Rates.

(** ** Counting in a group *)

Lemma over_group_mean n p G f :
  is_distribution n p -> group_mean n p G (over_group G f) = INR G * mean n p f.
Proof.
  intros distribution. induction G as [|G IH]; [unfold over_group; simpl; ring|].
  simpl group_mean. rewrite S_INR.
  rewrite (mean_ext n p _ (fun y => INR G * mean n p f + f y)).
  - rewrite mean_plus, mean_constant by exact distribution. ring.
  - intros y _. rewrite <- IH.
    rewrite (group_ext n p G _ (fun ys => over_group G f ys + f y)) by (intros; apply over_group_enlarge).
    rewrite group_plus, group_constant by exact distribution. reflexivity.
Qed.

(** Of values 0 and 1 either all are 0 or the sum is at least 1. *)
Lemma count_cases n v :
  (forall i, (i < n)%nat -> v i = 0 \/ v i = 1) -> (forall i, (i < n)%nat -> v i = 0) \/ 1 <= sum n v.
Proof.
  induction n as [|n IH]; intros zero_or_one; [left; lia|]. simpl.
  assert (below : forall i, (i < n)%nat -> v i = 0 \/ v i = 1) by (intros; apply zero_or_one; lia).
  assert (nonneg : 0 <= sum n v).
  { apply sum_nonneg. intros i inside. destruct (below i inside) as [-> | ->]; lra. }
  destruct (zero_or_one n ltac:(lia)) as [zero|one]; [|right; lra].
  destruct (IH below) as [none|some]; [left|right; lra].
  intros i inside. destruct (Nat.eq_dec i n) as [-> | other]; [exact zero|apply none; lia].
Qed.

(** The product over a group: 1 if all values are 1, else 0. *)
Fixpoint all_of (n : nat) (v : nat -> R) : R := match n with O => 1 | S m => all_of m v * v m end.

Lemma all_of_ext n v v' : (forall i, (i < n)%nat -> v i = v' i) -> all_of n v = all_of n v'.
Proof.
  induction n as [|n IH]; intros same; simpl; [reflexivity|].
  rewrite IH, same by (intros; try apply same; lia). reflexivity.
Qed.

Lemma all_of_cases n v :
  (forall i, (i < n)%nat -> v i = 0 \/ v i = 1) -> ((forall i, (i < n)%nat -> v i = 1) /\ all_of n v = 1) \/ all_of n v = 0.
Proof.
  induction n as [|n IH]; intros zero_or_one; simpl; [left; split; [lia|reflexivity]|].
  destruct (zero_or_one n ltac:(lia)) as [zero|one]; [right; rewrite zero; ring|].
  destruct IH as [[ones total]|none]; [intros; apply zero_or_one; lia| |right; rewrite none; ring].
  left. split; [|rewrite total, one; ring].
  intros i inside. destruct (Nat.eq_dec i n) as [-> | other]; [exact one|apply ones; lia].
Qed.

Lemma all_of_mean n p G r : group_mean n p G (fun ys => all_of G (fun k => r (ys k))) = mean n p r ^ G.
Proof.
  induction G as [|G IH]; [reflexivity|]. simpl group_mean. simpl pow. rewrite <- IH.
  rewrite (mean_ext n p _ (fun y => group_mean n p G (fun ys => all_of G (fun k => r (ys k))) * r y)).
  - unfold mean at 1. rewrite (sum_ext n _ (fun y => p y * r y * group_mean n p G (fun ys => all_of G (fun k => r (ys k)))))
      by (intros; ring).
    apply sum_scale_r.
  - intros y _. rewrite Rmult_comm, <- group_scale. apply group_ext. intros ys _. simpl. rewrite Rmult_comm.
    unfold enlarge at 1. rewrite Nat.eqb_refl. f_equal. apply all_of_ext. intros i inside. unfold enlarge.
    destruct (Nat.eqb_spec i G) as [same|_]; [lia|reflexivity].
Qed.

(** ** Any rule that is silent on groups of equal rewards *)

Section Groups.
  Variables (d N G : nat) (x : nat -> prompt) (w : R).
  Hypothesis some_prompt : (0 < N)%nat.
  Hypothesis binary_prompts : forall i, (i < N)%nat -> binary (x i).

  (** The rule: the update from the number of updates that follow, the parameter, the prompt and the group. *)
  Variable update : nat -> vector -> nat -> (nat -> nat) -> vector.

  Definition in_arms (i : nat) (ys : nat -> nat) : Prop := forall k, (k < G)%nat -> (ys k < arms (x i))%nat.
  Definition equal_rewards (i : nat) (ys : nat -> nat) : Prop :=
    forall k k', (k < G)%nat -> (k' < G)%nat -> reward (x i) (ys k) = reward (x i) (ys k').

  Let next (k : nat) (theta : vector) (i : nat) (ys : nat -> nat) : vector := add theta (update k theta i ys).

  Definition silent_on_equal_rewards : Prop :=
    forall k theta i ys j, (i < N)%nat -> (j < N)%nat -> in_arms i ys -> equal_rewards i ys ->
    policy d (x j) (add theta (update k theta i ys)) = policy d (x j) theta.
  Definition moves_at_most : Prop :=
    forall k theta i ys j, (i < N)%nat -> (j < N)%nat -> in_arms i ys ->
    step_width_at_most d (x j) (update k theta i ys) w.

  Hypothesis silent : silent_on_equal_rewards.

  Definition failure (theta : vector) : R := sum N (fun i => 1 - J d (x i) theta) / INR N.
  Definition success (theta : vector) : R := sum N (fun i => J d (x i) theta) / INR N.

  (** The mean over the prompt that is drawn and its group. *)
  Definition average (theta : vector) (h : nat -> (nat -> nat) -> R) : R :=
    sum N (fun i => group_mean (arms (x i)) (policy d (x i) theta) G (h i)) / INR N.

  (** The mean of f after T updates. *)
  Fixpoint expected (T : nat) (f : vector -> R) (theta : vector) : R :=
    match T with
    | O => f theta
    | S rest => average theta (fun i ys => expected rest f (add theta (update rest theta i ys)))
    end.

  Let N_pos : 0 < INR N.
  Proof. apply lt_0_INR, some_prompt. Qed.

  Lemma average_le theta h h' :
    (forall i ys, (i < N)%nat -> in_arms i ys -> h i ys <= h' i ys) -> average theta h <= average theta h'.
  Proof.
    intros below. unfold average, Rdiv. apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat, N_pos|].
    apply sum_le. intros i inside. apply group_le; [apply policy_distribution|]. intros ys inside_ys.
    apply below; assumption.
  Qed.

  Lemma average_affine theta a b h : average theta (fun i ys => a + b * h i ys) = a + b * average theta h.
  Proof.
    unfold average.
    rewrite (sum_ext N _ (fun i => a + b * group_mean (arms (x i)) (policy d (x i) theta) G (h i))).
    - rewrite sum_plus, sum_constant, sum_scale. field. lra.
    - intros i _. rewrite group_plus, group_constant, group_scale by apply policy_distribution. reflexivity.
  Qed.

  Lemma average_plus theta h h' : average theta (fun i ys => h i ys + h' i ys) = average theta h + average theta h'.
  Proof.
    unfold average. rewrite <- Rdiv_plus_distr, <- sum_plus. f_equal. apply sum_ext. intros i _. apply group_plus.
  Qed.

  Lemma expected_le T f f' theta : (forall theta, f theta <= f' theta) -> expected T f theta <= expected T f' theta.
  Proof.
    intros below. revert theta. induction T as [|T IH]; intros theta; simpl; [apply below|].
    apply average_le. intros. apply IH.
  Qed.

  Lemma expected_affine T a b f theta : expected T (fun theta => a + b * f theta) theta = a + b * expected T f theta.
  Proof.
    revert theta. induction T as [|T IH]; intros theta; simpl; [reflexivity|].
    rewrite <- average_affine. unfold average. f_equal. apply sum_ext. intros i _.
    apply group_ext. intros ys _. apply IH.
  Qed.

  (** Right and wrong answers of a group. *)
  Let rights (i : nat) : (nat -> nat) -> R := over_group G (reward (x i)).
  Let wrongs (i : nat) : (nat -> nat) -> R := over_group G (fun y => 1 - reward (x i) y).

  Lemma average_wrongs theta : average theta wrongs = INR G * failure theta.
  Proof.
    unfold average, failure, wrongs.
    rewrite (sum_ext N _ (fun i => INR G * (1 - J d (x i) theta))); [rewrite sum_scale; field; lra|].
    intros i _. rewrite over_group_mean, mean_minus, mean_constant by apply policy_distribution. reflexivity.
  Qed.

  Lemma average_rights theta : average theta rights = INR G * success theta.
  Proof.
    unfold average, success, rights.
    rewrite (sum_ext N _ (fun i => INR G * J d (x i) theta)); [rewrite sum_scale; field; lra|].
    intros i _. rewrite over_group_mean by apply policy_distribution. reflexivity.
  Qed.

  Lemma failure_ext theta theta' : (forall j, (j < N)%nat -> policy d (x j) theta = policy d (x j) theta') ->
    failure theta = failure theta'.
  Proof.
    intros same. unfold failure. f_equal. apply sum_ext. intros j inside.
    rewrite (J_ext d (x j) theta theta' (same j inside)). reflexivity.
  Qed.

  Lemma success_is theta : success theta = 1 - failure theta.
  Proof. unfold success, failure. rewrite sum_minus, sum_constant. field. lra. Qed.

  (** Either nothing happens, or the group has a right and a wrong answer. *)
  Lemma silent_or_live k theta i ys :
    (i < N)%nat -> in_arms i ys ->
    ((forall j, (j < N)%nat -> policy d (x j) (add theta (update k theta i ys)) = policy d (x j) theta)
     /\ 0 <= wrongs i ys /\ 0 <= rights i ys)
    \/ (1 <= wrongs i ys /\ 1 <= rights i ys).
  Proof.
    intros inside inside_ys.
    assert (values : forall k, (k < G)%nat -> reward (x i) (ys k) = 0 \/ reward (x i) (ys k) = 1).
    { intros place below. apply (binary_prompts i inside), inside_ys, below. }
    assert (wrong_values : forall k, (k < G)%nat -> 1 - reward (x i) (ys k) = 0 \/ 1 - reward (x i) (ys k) = 1).
    { intros place below. destruct (values place below) as [-> | ->]; [right|left]; ring. }
    assert (nonneg : 0 <= wrongs i ys /\ 0 <= rights i ys).
    { split; apply sum_nonneg; intros place below; destruct (values place below) as [-> | ->]; lra. }
    destruct (count_cases G (fun k => 1 - reward (x i) (ys k)) wrong_values) as [all_right|some_wrong].
    - left. split; [|exact nonneg]. intros j j_inside. apply silent; try assumption.
      intros k1 k2 below1 below2. pose proof (all_right k1 below1). pose proof (all_right k2 below2). lra.
    - destruct (count_cases G (fun k => reward (x i) (ys k)) values) as [all_wrong|some_right].
      + left. split; [|exact nonneg]. intros j j_inside. apply silent; try assumption.
        intros k1 k2 below1 below2. rewrite all_wrong, (all_wrong k2) by assumption. reflexivity.
      + right. split; assumption.
  Qed.

  (** Answers drawn until the mean pass rate is at least [level], within T updates; and whether it has come to that. *)
  Fixpoint answers (level : R) (T : nat) (theta : vector) : R :=
    if Rle_dec level (success theta) then 0 else
    match T with
    | O => 0
    | S rest => INR G + average theta (fun i ys => answers level rest (add theta (update rest theta i ys)))
    end.
  Fixpoint reached (level : R) (T : nat) (theta : vector) : R :=
    if Rle_dec level (success theta) then 1 else
    match T with
    | O => 0
    | S rest => average theta (fun i ys => reached level rest (add theta (update rest theta i ys)))
    end.

  Section BoundedMoves.
    Hypothesis bounded : moves_at_most.

    Lemma failure_after k theta i ys :
      (i < N)%nat -> in_arms i ys -> exp (- w) * failure theta <= failure (add theta (update k theta i ys)).
    Proof.
      intros inside inside_ys. unfold failure, Rdiv. rewrite <- Rmult_assoc, <- sum_scale.
      apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat, N_pos|]. apply sum_le. intros j j_inside.
      apply rates_after_step; [apply binary_prompts, j_inside|apply bounded; assumption].
    Qed.

    Lemma success_after k theta i ys :
      (i < N)%nat -> in_arms i ys -> success (add theta (update k theta i ys)) <= exp w * success theta.
    Proof.
      intros inside inside_ys. unfold success, Rdiv. rewrite <- Rmult_assoc, <- sum_scale.
      apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat, N_pos|]. apply sum_le. intros j j_inside.
      apply rates_after_step; [apply binary_prompts, j_inside|apply bounded; assumption].
    Qed.

    Let w_nonneg : 0 <= w.
    Proof.
      assert (inside : in_arms 0 (fun _ => O)) by (intros k _; apply some_arm).
      apply (step_width_nonneg d (x O) _ w (bounded O (fun _ => 0) O (fun _ => O) O some_prompt some_prompt inside)).
    Qed.

    (** *** The end *)

    Section End.
    Hypothesis fallible : forall theta, 0 < failure theta.

    Lemma inverse_failure_after k theta i ys :
      (i < N)%nat -> in_arms i ys ->
      1 / failure (add theta (update k theta i ys)) <= 1 / failure theta + (exp w - 1) / failure theta * wrongs i ys.
    Proof.
      intros inside inside_ys. pose proof (fallible theta) as now. pose proof (fallible (add theta (update k theta i ys))) as later.
      pose proof (exp_above_tangent w) as above.
      assert (rate : 0 <= (exp w - 1) / failure theta) by (apply Rdiv_le_0_compat; lra).
      destruct (silent_or_live k theta i ys inside inside_ys) as [[same [wrong_nonneg _]]|[wrong _]].
      - rewrite (failure_ext _ theta same). pose proof (Rmult_le_pos _ _ rate wrong_nonneg). lra.
      - pose proof (Rmult_le_compat_l _ _ _ rate wrong) as at_least. rewrite Rmult_1_r in at_least.
        apply Rle_trans with (exp w / failure theta); [|unfold Rdiv in *; lra].
        apply Rmult_le_reg_r with (failure (add theta (update k theta i ys))); [exact later|].
        unfold Rdiv at 1. rewrite Rmult_assoc, Rinv_l by lra.
        pose proof (failure_after k theta i ys inside inside_ys) as kept.
        apply (Rmult_le_compat_l (exp w / failure theta)) in kept; [|apply Rdiv_le_0_compat; [left; apply exp_pos|exact now]].
        replace (exp w / failure theta * (exp (- w) * failure theta)) with (exp (- w) * exp w) in kept by (field; lra).
        rewrite <- exp_plus, Rplus_opp_l, exp_0 in kept. lra.
    Qed.

    Theorem mean_inverse_failure T theta :
      expected T (fun theta => 1 / failure theta) theta <= 1 / failure theta + (exp w - 1) * (INR G * INR T).
    Proof.
      revert theta. induction T as [|T IH]; intros theta; simpl expected; [simpl; lra|].
      apply Rle_trans with (average theta (fun i ys =>
        (1 / failure theta + (exp w - 1) * (INR G * INR T)) + (exp w - 1) / failure theta * wrongs i ys)).
      - apply average_le. intros i ys inside inside_ys. eapply Rle_trans; [apply IH|].
        pose proof (inverse_failure_after T theta i ys inside inside_ys). lra.
      - rewrite average_affine, average_wrongs, S_INR. pose proof (fallible theta). right. field. lra.
    Qed.

    (** T16 (a). *)
    Theorem group_failure_bound T theta :
      0 < 1 / failure theta + (exp w - 1) * (INR G * INR T) ->
      1 / (1 / failure theta + (exp w - 1) * (INR G * INR T)) <= expected T failure theta.
    Proof.
      intros positive. set (m := 1 / failure theta + (exp w - 1) * (INR G * INR T)) in *.
      apply Rle_trans with (expected T (fun theta => 2 / m + - / m ^ 2 * (1 / failure theta)) theta).
      - rewrite expected_affine. pose proof (mean_inverse_failure T theta) as bound. fold m in bound.
        pose proof (pow_lt m 2 positive) as square_pos.
        assert (weight : 0 <= / m ^ 2) by (left; apply Rinv_0_lt_compat, square_pos).
        pose proof (Rmult_le_compat_l _ _ _ weight bound) as scaled.
        replace (/ m ^ 2 * m) with (1 / m) in scaled by (field; lra).
        replace (1 / m) with (2 / m - 1 / m) at 1 by (field; lra). lra.
      - apply expected_le. intros there. pose proof (fallible there) as q_pos.
        assert (square : 0 <= failure there * (1 - / m * / failure there) ^ 2)
          by (apply Rmult_le_pos; [lra|apply pow2_ge_0]).
        replace (failure there * (1 - / m * / failure there) ^ 2)
          with (failure there - (2 / m + - / m ^ 2 * (1 / failure there))) in square by (field; lra). lra.
    Qed.
    End End.

    (** *** The start *)

    Section Start.
    Hypothesis solvable : forall theta, 0 < success theta.
    Variables level cap : R.
    Hypothesis level_pos : 0 < level.

    Let shrink : R := 1 - exp (- w).
    Let potential (theta : vector) : R := Rmin (1 / success theta) cap.

    Let shrink_nonneg : 0 <= shrink.
    Proof.
      unfold shrink. assert (exp (- w) <= exp 0); [|rewrite exp_0 in *; lra].
      destruct (Req_dec (- w) 0) as [-> | other]; [lra|]. left. apply exp_increasing. lra.
    Qed.

    Lemma potential_after k theta i ys :
      (i < N)%nat -> in_arms i ys ->
      potential theta + - (shrink / success theta) * rights i ys <= potential (add theta (update k theta i ys)).
    Proof.
      intros inside inside_ys. pose proof (solvable theta) as now.
      pose proof (solvable (add theta (update k theta i ys))) as later.
      assert (rate : 0 <= shrink / success theta) by (apply Rdiv_le_0_compat; lra).
      destruct (silent_or_live k theta i ys inside inside_ys) as [[same [_ right_nonneg]]|[_ right]].
      - unfold potential. rewrite !success_is, (failure_ext _ theta same).
        pose proof (Rmult_le_pos _ _ rate right_nonneg). rewrite <- success_is. lra.
      - pose proof (Rmult_le_compat_l _ _ _ rate right) as at_least. rewrite Rmult_1_r in at_least.
        assert (inverse : 1 / success theta - shrink / success theta <= 1 / success (add theta (update k theta i ys))).
        { unfold shrink. replace (1 / success theta - (1 - exp (- w)) / success theta) with (exp (- w) / success theta)
            by (field; lra).
          apply Rmult_le_reg_r with (success (add theta (update k theta i ys))); [exact later|].
          unfold Rdiv at 2. rewrite Rmult_assoc, Rinv_l by lra.
          pose proof (success_after k theta i ys inside inside_ys) as grown.
          apply (Rmult_le_compat_l (exp (- w) / success theta)) in grown;
            [|apply Rdiv_le_0_compat; [left; apply exp_pos|exact now]].
          replace (exp (- w) / success theta * (exp w * success theta)) with (exp (- w) * exp w) in grown by (field; lra).
          rewrite <- exp_plus, Rplus_opp_l, exp_0 in grown. lra. }
        unfold potential, Rmin.
        destruct (Rle_dec (1 / success theta) cap), (Rle_dec (1 / success (add theta (update k theta i ys))) cap); lra.
    Qed.

    Lemma stopped T theta :
      potential theta + - shrink * answers level T theta <= cap + (1 / level - cap) * reached level T theta.
    Proof.
      revert theta. induction T as [|T IH]; intros theta; simpl answers; simpl reached;
        destruct (Rle_dec level (success theta)) as [there|short].
      - assert (above : 1 / success theta <= 1 / level).
        { unfold Rdiv. rewrite !Rmult_1_l. apply Rinv_le_contravar; assumption. }
        pose proof (Rmin_l (1 / success theta) cap). unfold potential. lra.
      - pose proof (Rmin_r (1 / success theta) cap). unfold potential. lra.
      - assert (above : 1 / success theta <= 1 / level).
        { unfold Rdiv. rewrite !Rmult_1_l. apply Rinv_le_contravar; assumption. }
        pose proof (Rmin_l (1 / success theta) cap). unfold potential. lra.
      - rewrite <- average_affine.
        apply Rle_trans with (average theta (fun i ys =>
          (potential theta + - (shrink / success theta) * rights i ys)
          + (0 + - shrink * answers level T (add theta (update T theta i ys))))).
        + rewrite average_plus, !average_affine, average_rights. pose proof (solvable theta). right. field. lra.
        + apply average_le. intros i ys inside inside_ys.
          pose proof (potential_after T theta i ys inside inside_ys).
          pose proof (IH (add theta (update T theta i ys))). lra.
    Qed.
    End Start.

    (** T16 (b). *)
    Theorem group_start_bound level T theta :
      (forall theta, 0 < success theta) -> success theta <= level ->
      reached level T theta * (1 / success theta - 1 / level) <= (1 - exp (- w)) * answers level T theta.
    Proof.
      intros solvable below. pose proof (solvable theta) as positive.
      pose proof (stopped solvable level (1 / success theta) ltac:(lra) T theta) as bound.
      cbv beta zeta in bound. rewrite Rmin_left in bound by lra. lra.
    Qed.
  End BoundedMoves.

  Lemma answers_at_most level T theta : answers level T theta <= INR G * INR T.
  Proof.
    revert theta. induction T as [|T IH]; intros theta; simpl answers; rewrite ?S_INR;
      destruct (Rle_dec level (success theta)) as [there|short]; pose proof (pos_INR G).
    - simpl. lra.
    - simpl. lra.
    - pose proof (pos_INR T). apply Rmult_le_pos; lra.
    - apply Rle_trans with (INR G + average theta (fun i ys => INR G * INR T + 0 * 0)).
      + apply Rplus_le_compat_l, average_le. intros i ys _ _. pose proof (IH (add theta (update T theta i ys))). lra.
      + rewrite (average_affine theta (INR G * INR T) 0 (fun _ _ => 0)). lra.
  Qed.

  (** ** Without a bound on the moves *)

  (** All answers of a group are right. *)
  Let all_right (i : nat) (ys : nat -> nat) : R := all_of G (fun k => reward (x i) (ys k)).
  Definition quiet (theta : vector) : R := sum N (fun i => J d (x i) theta ^ G) / INR N.

  Let rate_between theta i : (i < N)%nat -> 0 <= J d (x i) theta <= 1.
  Proof. intros inside. apply binary_J, binary_prompts, inside. Qed.

  Lemma failure_nonneg theta : 0 <= failure theta.
  Proof.
    apply Rdiv_le_0_compat; [|exact N_pos]. apply sum_nonneg. intros i inside.
    pose proof (rate_between theta i inside). lra.
  Qed.

  Lemma quiet_nonneg theta : 0 <= quiet theta.
  Proof.
    apply Rdiv_le_0_compat; [|exact N_pos]. apply sum_nonneg. intros i inside. apply pow_le, (rate_between theta i inside).
  Qed.

  (** T16 (c). *)
  Theorem quiet_groups_bound T theta : failure theta * quiet theta ^ T <= expected T failure theta.
  Proof.
    revert theta. induction T as [|T IH]; intros theta; simpl; [lra|].
    apply Rle_trans with (average theta (fun i ys => 0 + failure theta * quiet theta ^ T * all_right i ys)).
    - rewrite average_affine.
      assert (mass : average theta all_right = quiet theta).
      { unfold average, quiet. f_equal. apply sum_ext. intros i _. apply all_of_mean. }
      rewrite mass. right. ring.
    - apply average_le. intros i ys inside inside_ys. set (after := add theta (update T theta i ys)).
      pose proof (IH after) as later.
      assert (values : forall k, (k < G)%nat -> reward (x i) (ys k) = 0 \/ reward (x i) (ys k) = 1).
      { intros k below. apply (binary_prompts i inside), inside_ys, below. }
      unfold all_right. destruct (all_of_cases G (fun k => reward (x i) (ys k)) values) as [[ones ->]| ->].
      + assert (same : forall j, (j < N)%nat -> policy d (x j) after = policy d (x j) theta).
        { intros j j_inside. apply silent; try assumption. intros k k' below below'.
          rewrite ones, (ones k') by assumption. reflexivity. }
        assert (quiet_same : quiet after = quiet theta).
        { unfold quiet. f_equal. apply sum_ext. intros j j_inside.
          rewrite (J_ext d (x j) after theta (same j j_inside)). reflexivity. }
        rewrite (failure_ext after theta same), quiet_same in later. lra.
      + pose proof (Rmult_le_pos _ _ (failure_nonneg after) (pow_le _ T (quiet_nonneg after))). lra.
  Qed.
End Groups.

(** One prompt that starts at q_0 = 1/n with n = G T answers to come. *)
Lemma quarter_le_power n : (2 <= n)%nat -> 1 / 4 <= (1 - 1 / INR n) ^ n.
Proof.
  intros large. assert (n_large : 2 <= INR n) by (replace 2 with (INR 2) by reflexivity; apply le_INR, large).
  assert (fraction : 0 <= 2 / INR n <= 1).
  { split; [apply Rdiv_le_0_compat; lra|]. apply Rmult_le_reg_r with (INR n); [lra|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
  pose proof (exp_below_chord (2 / INR n) (- ln 2) fraction) as chord.
  rewrite (exp_Ropp (ln 2)), exp_ln in chord by lra.
  apply Rle_trans with (exp (2 / INR n * - ln 2) ^ n).
  - rewrite <- Rpower_pow by apply exp_pos. unfold Rpower. rewrite ln_exp.
    replace (INR n * (2 / INR n * - ln 2)) with (- ln 2 + - ln 2) by (field; lra).
    rewrite exp_plus, exp_Ropp, exp_ln by lra. lra.
  - apply pow_incr. split; [left; apply exp_pos|]. replace (1 - 1 / INR n) with (1 - 2 / INR n + 2 / INR n * / 2) by (field; lra).
    exact chord.
Qed.

Theorem failure_after_a_good_start d G (x : nat -> prompt) update T theta :
  binary (x O) -> silent_on_equal_rewards d 1 G x update -> (2 <= G * T)%nat ->
  failure d 1 x theta = 1 / INR (G * T) ->
  1 / (4 * INR (G * T)) <= expected d 1 G x update T (failure d 1 x) theta.
Proof.
  intros right_or_wrong silent large start.
  assert (binary_prompts : forall i, (i < 1)%nat -> binary (x i)) by (intros i inside; replace i with O by lia; exact right_or_wrong).
  pose proof (quiet_groups_bound d 1 G x Nat.lt_0_1 binary_prompts update silent T theta) as bound.
  eapply Rle_trans; [|exact bound].
  assert (rate : J d (x O) theta = 1 - 1 / INR (G * T)).
  { rewrite <- start. unfold failure. simpl. field. }
  assert (calm : quiet d 1 G x theta ^ T = (1 - 1 / INR (G * T)) ^ (G * T)).
  { unfold quiet. simpl sum. rewrite Rplus_0_l, rate. replace (INR 1) with 1 by reflexivity.
    rewrite pow_mult. f_equal. field. }
  rewrite calm, start. pose proof (quarter_le_power (G * T) large) as quarter.
  assert (n_pos : 0 < INR (G * T)) by (apply lt_0_INR; lia).
  replace (1 / (4 * INR (G * T))) with (1 / INR (G * T) * (1 / 4)) by (field; lra).
  apply Rmult_le_compat_l; [apply Rdiv_le_0_compat; lra|exact quarter].
Qed.

(** The rates are positive as soon as one prompt has a wrong, and one a right arm. *)
Lemma failure_pos d N x i y :
  (forall j, (j < N)%nat -> binary (x j)) -> (i < N)%nat -> (y < arms (x i))%nat -> reward (x i) y = 0 ->
  forall theta, 0 < failure d N x theta.
Proof.
  intros binary_prompts inside y_inside wrong_y theta.
  apply Rdiv_lt_0_compat; [|apply lt_0_INR; lia].
  apply Rlt_le_trans with (1 - J d (x i) theta).
  - rewrite <- (mean_of_wrong d (x i) theta).
    apply Rlt_le_trans with (policy d (x i) theta y * wrong (x i) y).
    + unfold wrong. rewrite wrong_y. pose proof (policy_pos d (x i) theta y). lra.
    + apply (sum_term_le (arms (x i)) (fun y => policy d (x i) theta y * wrong (x i) y)); [exact y_inside|].
      intros k k_inside. apply Rmult_le_pos; [left; apply policy_pos|]. unfold wrong.
      destruct (binary_prompts i inside k k_inside) as [-> | ->]; lra.
  - apply (sum_term_le N (fun i => 1 - J d (x i) theta)); [exact inside|].
    intros k k_inside. pose proof (binary_J d (x k) (binary_prompts k k_inside) theta). lra.
Qed.

Lemma success_pos d N x i y :
  (forall j, (j < N)%nat -> binary (x j)) -> (i < N)%nat -> (y < arms (x i))%nat -> reward (x i) y = 1 ->
  forall theta, 0 < success d N x theta.
Proof.
  intros binary_prompts inside y_inside right_y theta.
  apply Rdiv_lt_0_compat; [|apply lt_0_INR; lia].
  apply Rlt_le_trans with (J d (x i) theta).
  - apply Rlt_le_trans with (policy d (x i) theta y * reward (x i) y).
    + rewrite right_y. pose proof (policy_pos d (x i) theta y). lra.
    + apply (sum_term_le (arms (x i)) (fun y => policy d (x i) theta y * reward (x i) y)); [exact y_inside|].
      intros k k_inside. apply Rmult_le_pos; [left; apply policy_pos|].
      destruct (binary_prompts i inside k k_inside) as [-> | ->]; lra.
  - apply (sum_term_le N (fun i => J d (x i) theta)); [exact inside|].
    intros k k_inside. apply (binary_J d (x k) (binary_prompts k k_inside) theta).
Qed.

(** Without silence (no baseline: all right answers push as well) the bound fails: a rule that always moves by ln 2. *)
Theorem silence_is_needed :
  ~ (forall (x : nat -> prompt) w update T theta,
       binary (x O) -> (forall theta, 0 < failure 1 1 x theta) -> moves_at_most 1 1 1 x w update ->
       1 / (1 / failure 1 1 x theta + (exp w - 1) * (INR 1 * INR T)) <= expected 1 1 1 x update T (failure 1 1 x) theta).
Proof.
  intros bound. set (x := fun _ : nat => two_arms (1 / 2)). set (step := scale (ln 2) ahead).
  assert (two_binary : binary (x O)) by (intros y _; apply two_arms_binary).
  assert (ln2 : 0 < ln 2) by (rewrite <- ln_1; apply ln_increasing; lra).
  assert (moves : moves_at_most 1 1 1 x (ln 2) (fun _ _ _ _ => step)).
  { intros k theta i ys j _ _ _. unfold step. rewrite <- (Rmult_1_r (ln 2)) at 2.
    apply step_width_scale; [lra|apply two_arms_width]. }
  assert (fallible : forall theta, 0 < failure 1 1 x theta).
  { apply (failure_pos 1 1 x O O); [intros j inside; replace j with O by lia; exact two_binary|lia|simpl; lia|reflexivity]. }
  pose proof (bound x (ln 2) (fun _ _ _ _ => step) 2%nat origin two_binary fallible moves) as wrong_bound.
  assert (constant : forall theta c, average 1 1 1 x theta (fun _ _ => c) = c).
  { intros theta c. unfold average. simpl sum. simpl group_mean. rewrite mean_constant by exact (policy_distribution 1 (x O) theta).
    simpl. field. }
  simpl expected in wrong_bound. rewrite !constant in wrong_bound.
  assert (start : failure 1 1 x origin = 1 / 2).
  { unfold failure. simpl sum. unfold x. rewrite two_arms_J by lra. simpl. field. }
  assert (finish : failure 1 1 x (add (add origin step) step) = 1 / 5).
  { unfold failure, J, mean, policy, softmax, logits, dot, step, origin, ahead, add, scale, x. simpl.
    replace (1 - 1 / 2) with (1 / 2) by field.
    replace (ln (1 / 2)) with (- ln 2) by (replace (1 / 2) with (/ 2) by field; symmetry; apply ln_Rinv; lra).
    replace (- ln 2 + (0 + (0 + ln 2 * 1 + ln 2 * 1) * 0)) with (- ln 2) by ring.
    replace (- ln 2 + (0 + (0 + ln 2 * 1 + ln 2 * 1) * 1)) with (ln 2) by ring.
    rewrite exp_Ropp, exp_ln by lra. field. }
  rewrite start, finish, exp_ln in wrong_bound by lra. simpl in wrong_bound. lra.
Qed.
