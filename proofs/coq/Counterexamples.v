(** * X1 and C6: where GRPO's step lowers the sum of the values

    X1. Orthogonal gradients are not orthogonal spans. Prompt 1 has two arms +-1/2 and p = 1/1000, prompt 2 has the
    right arm at 0 (probability 1/2) and wrong arms at +-1/2. At theta = 0 the gradients are g_1 = .000999 and g_2 =
    0, hence orthogonal, but the spans are the same line. T6's GRPO step, 4 ln 2 (g_1/sigma_1 + g_2/sigma_2), lowers
    J_1 + J_2; T6's REINFORCE step with sigma_max = 1/2, 8 ln 2 (g_1 + g_2), raises it. The same holds when prompt 2's
    right arm has the feature .01 on a second axis: then both gradients are nonzero and still exactly orthogonal.

    C6. Conflict: J_1 = sigmoid (theta/2) and J_2 = sigmoid (- theta - ln 9) have sum g > 0 and sum g/sigma < 0 at
    theta = 0. T6's first GRPO step lowers J_1 + J_2, T6's first REINFORCE step raises it.

    Idea: the values after a step are rational functions of exponentials at small arguments. 3/5 < ln 2 < 1 and 1 + x
    <= e^x are sharp enough to order all of them, so no interval arithmetic is needed. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Rcomplements.
From GRPO Require Import Constants Sums Distribution Vectors Policy Line TwoArms Convergence.
Open Scope R_scope.

(** ** Numbers *)

Lemma ln2_range : 3 / 5 < ln 2 < 1.
Proof.
  split.
  - apply exp_lt_inv. rewrite exp_ln by lra. set (root := exp (3 / 5)).
    assert (power : root ^ 5 = exp 1 ^ 3) by (unfold root; simpl; rewrite !Rmult_1_r, <- !exp_plus; f_equal; lra).
    assert (top : exp 1 ^ 3 <= 3 ^ 3) by (apply pow_incr; split; [left; apply exp_pos|apply exp_le_3]).
    destruct (Rlt_or_le root 2) as [less|more]; [exact less|].
    assert (2 ^ 5 <= root ^ 5) by (apply pow_incr; lra). lra.
  - apply exp_lt_inv. rewrite exp_ln by lra. assert (grows := exp_ineq1 1). lra.
Qed.

Lemma exp_lower u : 1 + u <= exp u.
Proof. apply exp_ineq1_le. Qed.

Lemma exp_upper u : u < 1 -> exp u <= / (1 - u).
Proof.
  intros small. rewrite <- (Ropp_involutive u) at 1. rewrite exp_Ropp.
  apply Rinv_le_contravar; [lra|]. assert (low := exp_lower (- u)). lra.
Qed.

Lemma sum_two f : sum 2 f = f 0%nat + f 1%nat.
Proof. simpl. ring. Qed.

Lemma sum_three f : sum 3 f = f 0%nat + f 1%nat + f 2%nat.
Proof. simpl. ring. Qed.

(** ** The prompts *)

(** Two arms a and -a on the first axis; arm 0 is right and has the odds 1 : odds. *)
Definition sigmoid_arms (odds a : R) : prompt := {|
  arms := 2;
  some_arm := Nat.lt_0_succ 1;
  offset := fun y => match y with O => 0 | _ => ln odds end;
  feature := fun y k => match k with O => match y with O => a | _ => - a end | _ => 0 end;
  reward := fun y => match y with O => 1 | _ => 0 end
|}.

(** Arm 0 is right, has probability 1/2 and lies at 0, or at [lift] on the second axis; arms 1 and 2, at +-1/2, are
    wrong. *)
Definition fork (lift : R) : prompt := {|
  arms := 3;
  some_arm := Nat.lt_0_succ 2;
  offset := fun y => match y with O => ln 2 | _ => 0 end;
  feature := fun y k =>
    match k, y with O, O => 0 | O, S O => 1 / 2 | O, _ => - (1 / 2) | S O, O => lift | _, _ => 0 end;
  reward := fun y => match y with O => 1 | _ => 0 end
|}.

(** A problem of two prompts. *)
Definition pair (first second : prompt) : nat -> prompt := fun i => match i with O => first | _ => second end.

(** The sum of the values of its prompts. *)
Definition total (d : nat) (x : nat -> prompt) (theta : vector) : R := sum 2 (fun i => J d (x i) theta).

(** Step number 1 from the origin of GRPO and of REINFORCE with sigma_max = 1/2, at the step sizes of T6 with D = 1. *)
Definition after_grpo (d : nat) (x : nat -> prompt) : vector := grpo_run d 2 x 1 origin 1.
Definition after_reinforce (d : nat) (x : nat -> prompt) : vector := reinforce_run d 2 x 1 A_PRIORI_STD origin 1.

(** ** Exact values *)

Lemma sigmoid_arms_policy d odds a theta h : 0 < odds -> dot d theta (feature (sigmoid_arms odds a) 0%nat) = h ->
  dot d theta (feature (sigmoid_arms odds a) 1%nat) = - h ->
  policy d (sigmoid_arms odds a) theta 0%nat = 1 / (1 + odds * exp (- (2 * h))) /\
  policy d (sigmoid_arms odds a) theta 1%nat = 1 - 1 / (1 + odds * exp (- (2 * h))).
Proof.
  intros odds_positive right wrong. assert (e_positive := exp_pos (- (2 * h))).
  assert (oe_positive : 0 < odds * exp (- (2 * h))) by (apply Rmult_lt_0_compat; assumption).
  unfold policy, softmax, logits.
  change (sum (arms (sigmoid_arms odds a))) with (sum 2). rewrite sum_two, right, wrong.
  change (offset (sigmoid_arms odds a) 0) with 0. change (offset (sigmoid_arms odds a) 1) with (ln odds).
  assert (second : exp (ln odds + - h) = odds * exp (- (2 * h)) * exp (0 + h)).
  { replace (ln odds + - h) with (ln odds + (- (2 * h) + (0 + h))) by ring.
    rewrite !exp_plus, exp_ln by exact odds_positive. ring. }
  rewrite second. assert (f_positive := exp_pos (0 + h)).
  set (against := odds * exp (- (2 * h))) in *. set (unit := exp (0 + h)) in *.
  assert (0 < against * unit) by (apply Rmult_lt_0_compat; assumption).
  split; field; lra.
Qed.

(** J, sigma^2 and g of two arms whose right one has probability p. *)
Lemma sigmoid_arms_moments d odds a theta p :
  policy d (sigmoid_arms odds a) theta 0%nat = p -> policy d (sigmoid_arms odds a) theta 1%nat = 1 - p ->
  J d (sigmoid_arms odds a) theta = p /\
  sigma d (sigmoid_arms odds a) theta = sqrt (p * (1 - p)) /\
  gradient d (sigmoid_arms odds a) theta 0%nat = p * (1 - p) * (2 * a) /\
  gradient d (sigmoid_arms odds a) theta 1%nat = 0.
Proof.
  intros right wrong. unfold J, sigma, deviation, variance, gradient, covariance, mean.
  change (arms (sigmoid_arms odds a)) with 2%nat. rewrite !sum_two. rewrite right, wrong.
  repeat split; simpl; (f_equal; ring) || ring.
Qed.

Lemma fork_policy d lift theta h s : dot d theta (feature (fork lift) 0%nat) = s ->
  dot d theta (feature (fork lift) 1%nat) = h -> dot d theta (feature (fork lift) 2%nat) = - h ->
  policy d (fork lift) theta 0%nat = 2 / (2 + (exp h + exp (- h)) * exp (- s)) /\
  policy d (fork lift) theta 1%nat = exp h * exp (- s) / (2 + (exp h + exp (- h)) * exp (- s)) /\
  policy d (fork lift) theta 2%nat = exp (- h) * exp (- s) / (2 + (exp h + exp (- h)) * exp (- s)).
Proof.
  intros right up down. assert (e_positive := exp_pos h). assert (f_positive := exp_pos (- h)).
  assert (s_positive := exp_pos s).
  unfold policy, softmax, logits.
  change (sum (arms (fork lift))) with (sum 3). rewrite sum_three, right, up, down.
  change (offset (fork lift) 0) with (ln 2). change (offset (fork lift) 1) with 0.
  change (offset (fork lift) 2) with 0.
  rewrite !Rplus_0_l, exp_plus, exp_ln, (exp_Ropp s) by lra.
  assert (0 < 2 * exp s + (exp h + exp (- h))) by lra.
  repeat split; field; repeat split; lra.
Qed.

Lemma fork_value d lift theta : J d (fork lift) theta = policy d (fork lift) theta 0%nat.
Proof. unfold J, mean. change (arms (fork lift)) with 3%nat. simpl. ring. Qed.

(** At the origin: p = 1/2, no gradient on the first axis, lift/4 on the second. *)
Lemma fork_start d lift :
  J d (fork lift) origin = 1 / 2 /\ sigma d (fork lift) origin = 1 / 2 /\
  gradient d (fork lift) origin 0%nat = 0 /\ gradient d (fork lift) origin 1%nat = lift / 4.
Proof.
  assert (still : forall v, dot d origin v = 0) by (intros v; apply sum_zero; intros; unfold origin; ring).
  destruct (fork_policy d lift origin 0 0) as (right & up & down); try (rewrite still; ring).
  rewrite Ropp_0, exp_0 in right, up, down.
  replace (2 / (2 + (1 + 1) * 1)) with (1 / 2) in right by field.
  replace (1 * 1 / (2 + (1 + 1) * 1)) with (1 / 4) in up, down by field.
  rewrite fork_value. split; [exact right|].
  unfold sigma, deviation, variance, gradient, covariance, mean.
  change (arms (fork lift)) with 3%nat. rewrite !sum_three. rewrite right, up, down.
  repeat split; simpl; try field.
  transitivity (sqrt ((1 / 2) ^ 2)); [f_equal; field|apply sqrt_pow2; lra].
Qed.

(** Two arms at the origin. *)
Lemma sigmoid_arms_start d odds a : 0 < odds ->
  J d (sigmoid_arms odds a) origin = 1 / (1 + odds) /\
  sigma d (sigmoid_arms odds a) origin = sqrt (1 / (1 + odds) * (1 - 1 / (1 + odds))) /\
  gradient d (sigmoid_arms odds a) origin 0%nat = 1 / (1 + odds) * (1 - 1 / (1 + odds)) * (2 * a) /\
  gradient d (sigmoid_arms odds a) origin 1%nat = 0.
Proof.
  intros odds_positive.
  assert (still : forall v, dot d origin v = 0) by (intros v; apply sum_zero; intros; unfold origin; ring).
  destruct (sigmoid_arms_policy d odds a origin 0 odds_positive) as (right & wrong); try (rewrite still; ring).
  replace (- (2 * 0)) with 0 in right, wrong by ring. rewrite exp_0, Rmult_1_r in right, wrong.
  apply sigmoid_arms_moments; assumption.
Qed.

(** J = sigmoid (2 a theta - ln odds) on a line, and in a plane whose second axis it does not look at. *)
Lemma sigmoid_arms_value d odds a theta : (d = 1 \/ d = 2)%nat -> 0 < odds ->
  J d (sigmoid_arms odds a) theta = 1 / (1 + odds * exp (- (2 * (theta 0%nat * a)))).
Proof.
  intros dimension odds_positive.
  destruct (sigmoid_arms_policy d odds a theta (theta 0%nat * a) odds_positive) as (right & wrong).
  1, 2: destruct dimension as [-> | ->]; unfold dot; simpl; ring.
  apply (sigmoid_arms_moments d odds a theta _ right wrong).
Qed.

(** Widths: the arms of all these prompts are at most 1 apart. *)
Lemma sigmoid_arms_diameter d odds a : (d = 1 \/ d = 2)%nat -> - (1 / 2) <= a <= 1 / 2 ->
  diameter_at_most d (sigmoid_arms odds a) 1.
Proof.
  intros dimension range y y' inside inside'. unfold norm. rewrite <- sqrt_1. apply sqrt_le_1_alt.
  unfold dot, subtract. destruct dimension as [-> | ->]; destruct y, y'; simpl; nra.
Qed.

Lemma fork_diameter d lift : (d = 1 \/ d = 2)%nat -> lift ^ 2 <= 3 / 4 -> diameter_at_most d (fork lift) 1.
Proof.
  intros dimension range y y' inside inside'. unfold norm. rewrite <- sqrt_1. apply sqrt_le_1_alt.
  unfold dot, subtract.
  destruct dimension as [-> | ->]; destruct y as [|[|y]], y' as [|[|y']]; simpl in *; nra.
Qed.

Lemma group_weight_positive d x i theta s : sigma d (x i) theta = s -> 0 < s -> group_weight d x i theta = / s.
Proof.
  intros is positive. unfold group_weight. destruct (Req_EM_T (sigma d (x i) theta) 0); [lra|rewrite is; reflexivity].
Qed.

(** The first steps, coordinate by coordinate. *)
Lemma first_steps d first second k s1 s2 :
  sigma d first origin = s1 -> sigma d second origin = s2 -> 0 < s1 -> 0 < s2 ->
  after_grpo d (pair first second) k
  = 4 * ln 2 * (gradient d first origin k / s1 + gradient d second origin k / s2) /\
  after_reinforce d (pair first second) k
  = 8 * ln 2 * (gradient d first origin k + gradient d second origin k).
Proof.
  intros is1 is2 positive1 positive2. split.
  - unfold after_grpo, grpo_run, run, group_direction, add, scale, vector_sum. rewrite !sum_two.
    rewrite (group_weight_positive d (pair first second) 0 origin s1 is1 positive1),
      (group_weight_positive d (pair first second) 1 origin s2 is2 positive2).
    unfold pair, origin at 1, STEP_UNIT, STEP. field. lra.
  - unfold after_reinforce, reinforce_run, run, none_direction, add, scale, vector_sum. rewrite !sum_two.
    unfold pair, origin at 1, STEP_UNIT, STEP, A_PRIORI_STD. field.
Qed.

(** ** X1 *)

Section X1.
  Let one_in_thousand (s : R) : R := 1 / (1 + 999 * exp (- s)).

  (** J_1 gains at most .00115 s, J_2 loses at least .027 s^2: too little, too much. *)
  Lemma rare_value_above s : 0 <= s <= 128 / 1000 -> one_in_thousand s <= 1 / 1000 + 115 / 100000 * s.
  Proof.
    intros range. assert (low := exp_lower (- s)). unfold one_in_thousand. apply Rle_div_l; [lra|].
    apply Rle_trans with ((1 / 1000 + 115 / 100000 * s) * (1 + 999 * (1 - s))); [nra|].
    apply Rmult_le_compat_l; lra.
  Qed.

  Lemma rare_value_below s : 0 <= s <= 1 -> 1 / 1000 + 99 / 100000 * s <= one_in_thousand s.
  Proof.
    intros range. assert (high := exp_upper (- s)). replace (1 - - s) with (1 + s) in high by ring.
    assert (pos := exp_pos (- s)). unfold one_in_thousand. apply Rle_div_r; [lra|].
    apply Rle_trans with ((1 / 1000 + 99 / 100000 * s) * (1 + 999 * / (1 + s))).
    - apply Rmult_le_compat_l; lra.
    - apply Rmult_le_reg_r with (1 + s); [lra|].
      replace ((1 / 1000 + 99 / 100000 * s) * (1 + 999 * / (1 + s)) * (1 + s))
        with ((1 / 1000 + 99 / 100000 * s) * (1000 + s)) by (field; lra). nra.
  Qed.

  (** 2 cosh (s/2) - 2 = (e^(s/4) - e^(-s/4))^2. *)
  Lemma two_cosh_square s : exp (s / 2) + exp (- (s / 2)) = 2 + (exp (s / 4) - exp (- (s / 4))) ^ 2.
  Proof.
    replace (s / 2) with (s / 4 + s / 4) by field. replace (- (s / 4 + s / 4)) with (- (s / 4) + - (s / 4)) by ring.
    rewrite !exp_plus. assert (one : exp (s / 4) * exp (- (s / 4)) = 1)
      by (rewrite <- exp_plus, <- exp_0; f_equal; ring).
    nra.
  Qed.

  Lemma two_cosh_below s : 0 <= s <= 128 / 1000 -> 2 + 22 / 100 * s ^ 2 <= exp (s / 2) + exp (- (s / 2)).
  Proof.
    intros range. rewrite two_cosh_square.
    assert (low := exp_lower (s / 4)). assert (high := exp_upper (- (s / 4))).
    replace (1 - - (s / 4)) with (1 + s / 4) in high by field.
    assert (inverse : / (1 + s / 4) <= 1 - 95 / 100 * (s / 4)).
    { apply Rmult_le_reg_r with (1 + s / 4); [lra|]. rewrite Rinv_l by lra. nra. }
    assert (difference : 195 / 100 * (s / 4) <= exp (s / 4) - exp (- (s / 4))) by lra.
    assert (square : (195 / 100 * (s / 4)) ^ 2 <= (exp (s / 4) - exp (- (s / 4))) ^ 2) by (apply pow_incr; lra).
    assert (nonneg := pow2_ge_0 s). lra.
  Qed.

  Lemma two_cosh_above s : 0 <= s <= 1 / 10 -> exp (s / 2) + exp (- (s / 2)) <= 2 + 26 / 100 * s ^ 2.
  Proof.
    intros range. rewrite two_cosh_square.
    assert (low := exp_lower (- (s / 4))). assert (high := exp_upper (s / 4)).
    assert (inverse : / (1 - s / 4) <= 1 + 1026 / 1000 * (s / 4)).
    { apply Rmult_le_reg_r with (1 - s / 4); [lra|]. rewrite Rinv_l by lra. nra. }
    assert (monotone : exp (- (s / 4)) <= exp (s / 4)).
    { destruct (Req_dec s 0) as [->|other]; [right; f_equal; lra|left; apply exp_increasing; lra]. }
    assert (difference : 0 <= exp (s / 4) - exp (- (s / 4)) <= 2026 / 1000 * (s / 4)) by lra.
    assert (square := pow_incr _ _ 2 difference). assert (nonneg := pow2_ge_0 s). lra.
  Qed.

  (** The step of GRPO: s on the first axis, and prompt 2's right arm gains at most s^2/60 in its logit. *)
  Lemma grpo_loses s shift : 7 / 100 <= s <= 128 / 1000 -> 0 <= shift <= s / 500 ->
    one_in_thousand s + 2 / (2 + (exp (s / 2) + exp (- (s / 2))) * exp (- shift)) < 1 / 1000 + 1 / 2.
  Proof.
    intros range shift_range. assert (rare := rare_value_above s). assert (cosh := two_cosh_below s).
    assert (low := exp_lower (- shift)).
    assert (square : 7 / 100 * s <= s ^ 2 <= 128 / 1000 * s) by (simpl; split; nra).
    assert (fifth : 0 <= s ^ 5) by (apply pow_le; lra).
    assert (cube : s ^ 3 <= 128 / 1000 * s ^ 2).
    { replace (s ^ 3) with (s * s ^ 2) by ring. apply Rmult_le_compat_r; lra. }
    assert (fourth : s ^ 4 <= 2 / 100 * s ^ 2).
    { replace (s ^ 4) with (s ^ 2 * s ^ 2) by ring. apply Rmult_le_compat_r; lra. }
    assert (product : (2 + 22 / 100 * s ^ 2) * (1 - s / 500)
                      <= (exp (s / 2) + exp (- (s / 2))) * exp (- shift)) by (apply Rmult_le_compat; lra).
    assert (product_nonneg : 0 <= (2 + 22 / 100 * s ^ 2) * (1 - s / 500)) by (apply Rmult_le_pos; lra).
    assert (common : 2 / (2 + (exp (s / 2) + exp (- (s / 2))) * exp (- shift))
                     <= 1 / 2 - 26 / 1000 * s ^ 2 + s / 1900).
    { apply Rle_div_l; [lra|].
      apply Rle_trans with ((1 / 2 - 26 / 1000 * s ^ 2 + s / 1900) * (2 + (2 + 22 / 100 * s ^ 2) * (1 - s / 500))).
      - lra.
      - apply Rmult_le_compat_l; lra. }
    lra.
  Qed.

  (** The step of REINFORCE is short enough. *)
  Lemma reinforce_gains s shift : 0 < s <= 1 / 100 -> 0 <= shift ->
    1 / 1000 + 1 / 2 < one_in_thousand s + 2 / (2 + (exp (s / 2) + exp (- (s / 2))) * exp (- shift)).
  Proof.
    intros range shift_range. assert (rare := rare_value_below s). assert (cosh := two_cosh_above s).
    assert (contracts : exp (- shift) <= 1).
    { rewrite <- exp_0.
      destruct (Req_dec shift 0) as [->|other]; [right; f_equal; lra|left; apply exp_increasing; lra]. }
    assert (pos := exp_pos (- shift)). assert (up := exp_pos (s / 2)). assert (down := exp_pos (- (s / 2))).
    assert (product : (exp (s / 2) + exp (- (s / 2))) * exp (- shift) <= (2 + 26 / 100 * s ^ 2) * 1)
      by (apply Rmult_le_compat; nra).
    assert (0 < (exp (s / 2) + exp (- (s / 2))) * exp (- shift)) by (apply Rmult_lt_0_compat; lra).
    assert (common : 1 / 2 - 4 / 100 * s ^ 2 <= 2 / (2 + (exp (s / 2) + exp (- (s / 2))) * exp (- shift))).
    { apply Rle_div_r; [lra|].
      apply Rle_trans with ((1 / 2 - 4 / 100 * s ^ 2) * (2 + (2 + 26 / 100 * s ^ 2) * 1)).
      - apply Rmult_le_compat_l; nra.
      - nra. }
    nra.
  Qed.
End X1.

Definition x1 (lift : R) : nat -> prompt := pair (sigmoid_arms 999 (1 / 2)) (fork lift).

Lemma x1_deviation_range : 31 / 1000 < sqrt (1 / (1 + 999) * (1 - 1 / (1 + 999))) < 32 / 1000.
Proof.
  split.
  - rewrite <- (sqrt_pow2 (31 / 1000)) by lra. apply sqrt_lt_1_alt. lra.
  - rewrite <- (sqrt_pow2 (32 / 1000)) by lra. apply sqrt_lt_1_alt. lra.
Qed.

(** The two forms of X1: on a line, where the lift is 0, and in the plane with a small lift. *)
Definition x1_form (d : nat) (lift : R) : Prop := d = 1%nat /\ lift = 0 \/ d = 2%nat /\ 0 <= lift <= 1 / 100.

Lemma x1_total d lift theta : x1_form d lift ->
  total d (x1 lift) theta
  = 1 / (1 + 999 * exp (- theta 0%nat))
    + 2 / (2 + (exp (theta 0%nat / 2) + exp (- (theta 0%nat / 2))) * exp (- (lift * theta 1%nat))).
Proof.
  intros form. unfold total. rewrite sum_two.
  change (x1 lift 0) with (sigmoid_arms 999 (1 / 2)). change (x1 lift 1) with (fork lift).
  rewrite sigmoid_arms_value by (lra || (unfold x1_form in form; tauto)). rewrite fork_value.
  destruct (fork_policy d lift theta (theta 0%nat / 2) (lift * theta 1%nat)) as (right & _).
  1, 2, 3: destruct form as [(-> & ->)|(-> & _)]; unfold dot; simpl; field.
  rewrite right. do 5 f_equal. field.
Qed.

Lemma x1_first_steps d lift : x1_form d lift ->
  total d (x1 lift) (after_grpo d (x1 lift)) < total d (x1 lift) origin
  < total d (x1 lift) (after_reinforce d (x1 lift)).
Proof.
  intros form. rewrite !x1_total by exact form.
  assert (lift_range : 0 <= lift <= 1 / 100) by (destruct form as [(_ & ->)|(_ & range)]; lra).
  assert (log := ln2_range). assert (root := x1_deviation_range).
  destruct (sigmoid_arms_start d 999 (1 / 2)) as (_ & s1 & g10 & g11); [lra|].
  destruct (fork_start d lift) as (_ & s2 & g20 & g21).
  set (q := sqrt (1 / (1 + 999) * (1 - 1 / (1 + 999)))) in *.
  assert (q_square : q ^ 2 = 999 / 1000000) by (unfold q; rewrite pow2_sqrt; lra).
  assert (along : after_grpo d (x1 lift) 0%nat = 4 * ln 2 * q /\
                  after_reinforce d (x1 lift) 0%nat = 8 * ln 2 * (999 / 1000000)).
  { unfold x1. destruct (first_steps d _ _ 0 _ _ s1 s2) as (-> & ->); try lra. rewrite g10, g20. split; [|field].
    replace (1 / (1 + 999) * (1 - 1 / (1 + 999)) * (2 * (1 / 2))) with (q ^ 2) by (rewrite q_square; field).
    field. lra. }
  assert (across : after_grpo d (x1 lift) 1%nat = 2 * ln 2 * lift /\
                   after_reinforce d (x1 lift) 1%nat = 2 * ln 2 * lift).
  { unfold x1. destruct (first_steps d _ _ 1 _ _ s1 s2) as (-> & ->); try lra. rewrite g11, g21. split; field; lra. }
  destruct along as (-> & ->), across as (-> & ->).
  replace (1 / (1 + 999 * exp (- origin 0%nat))
    + 2 / (2 + (exp (origin 0%nat / 2) + exp (- (origin 0%nat / 2))) * exp (- (lift * origin 1%nat))))
    with (1 / 1000 + 1 / 2).
  2: { unfold origin. replace (0 / 2) with 0 by field. rewrite Rmult_0_r, Ropp_0, exp_0. field. }
  assert (lift_square : 0 <= lift * lift <= 1 / 100 * (1 / 100)) by (split; [nra|apply Rmult_le_compat; lra]).
  assert (shift_range : 0 <= lift * (2 * ln 2 * lift) <= 2 / 10000 * ln 2).
  { replace (lift * (2 * ln 2 * lift)) with (lift * lift * (2 * ln 2)) by ring. split; [apply Rmult_le_pos; lra|].
    apply Rle_trans with (1 / 100 * (1 / 100) * (2 * ln 2)); [apply Rmult_le_compat_r; lra|lra]. }
  assert (long : ln 2 * (31 / 1000) <= ln 2 * q <= 1 * (32 / 1000)).
  { split; [apply Rmult_le_compat_l; lra|apply Rmult_le_compat; lra]. }
  split; [apply grpo_loses; lra|apply reinforce_gains; lra].
Qed.

Lemma x1_diameters d lift : x1_form d lift -> diameters_at_most d 2 (x1 lift) 1.
Proof.
  intros form i inside. assert (dimension : (d = 1 \/ d = 2)%nat) by (unfold x1_form in form; tauto).
  destruct i; [apply sigmoid_arms_diameter|apply fork_diameter]; try exact dimension; [lra|].
  destruct form as [(_ & ->)|(_ & range)]; nra.
Qed.

Lemma x1_rewards lift : rewards_in_unit_interval 2 (x1 lift).
Proof. intros [|i] [|y] _ _; simpl; lra. Qed.

Lemma x1_orthogonal_gradients d lift : x1_form d lift ->
  dot d (gradient d (x1 lift 0%nat) origin) (gradient d (x1 lift 1%nat) origin) = 0.
Proof.
  intros form. destruct (sigmoid_arms_start d 999 (1 / 2)) as (_ & _ & _ & g11); [lra|].
  destruct (fork_start d lift) as (_ & _ & g20 & _).
  change (x1 lift 0%nat) with (sigmoid_arms 999 (1 / 2)). change (x1 lift 1%nat) with (fork lift).
  destruct form as [(-> & _)|(-> & _)]; unfold dot; simpl; rewrite g20, ?g11; ring.
Qed.

(** T6's assumption fails: prompt 2's wrong arms differ along prompt 1's axis. *)
Lemma x1_spans d lift : x1_form d lift -> ~ orthogonal_spans d 2 (x1 lift).
Proof.
  intros form spans.
  assert (zero := spans 0%nat 1%nat ltac:(lia) ltac:(lia) ltac:(lia) 0%nat 1%nat 1%nat 2%nat
    ltac:(simpl; lia) ltac:(simpl; lia) ltac:(simpl; lia) ltac:(simpl; lia)).
  destruct form as [(-> & _)|(-> & _)]; unfold dot, subtract in zero; simpl in zero; lra.
Qed.

(** X1 on a line: g_2 = 0. *)
Theorem orthogonal_gradients_do_not_suffice :
  diameters_at_most 1 2 (x1 0) 1 /\ rewards_in_unit_interval 2 (x1 0) /\ ~ orthogonal_spans 1 2 (x1 0) /\
  gradient 1 (x1 0 0%nat) origin 0%nat = 999 / 1000000 /\ gradient 1 (x1 0 1%nat) origin 0%nat = 0 /\
  dot 1 (gradient 1 (x1 0 0%nat) origin) (gradient 1 (x1 0 1%nat) origin) = 0 /\
  total 1 (x1 0) (after_grpo 1 (x1 0)) < total 1 (x1 0) origin < total 1 (x1 0) (after_reinforce 1 (x1 0)).
Proof.
  assert (form : x1_form 1 0) by (left; split; reflexivity).
  destruct (sigmoid_arms_start 1 999 (1 / 2)) as (_ & _ & g1 & _); [lra|].
  repeat apply conj; try (apply x1_first_steps, form).
  - apply x1_diameters, form.
  - apply x1_rewards.
  - apply x1_spans, form.
  - change (x1 0 0%nat) with (sigmoid_arms 999 (1 / 2)). rewrite g1. field.
  - apply (fork_start 1 0).
  - apply x1_orthogonal_gradients, form.
Qed.

(** X1 in the plane: both gradients are nonzero. *)
Theorem orthogonal_nonzero_gradients_do_not_suffice :
  diameters_at_most 2 2 (x1 (1 / 100)) 1 /\ rewards_in_unit_interval 2 (x1 (1 / 100)) /\
  ~ orthogonal_spans 2 2 (x1 (1 / 100)) /\
  dot 2 (gradient 2 (x1 (1 / 100) 0%nat) origin) (gradient 2 (x1 (1 / 100) 1%nat) origin) = 0 /\
  0 < norm 2 (gradient 2 (x1 (1 / 100) 0%nat) origin) /\ 0 < norm 2 (gradient 2 (x1 (1 / 100) 1%nat) origin) /\
  total 2 (x1 (1 / 100)) (after_grpo 2 (x1 (1 / 100))) < total 2 (x1 (1 / 100)) origin
  < total 2 (x1 (1 / 100)) (after_reinforce 2 (x1 (1 / 100))).
Proof.
  assert (form : x1_form 2 (1 / 100)) by (right; split; [reflexivity|lra]).
  destruct (sigmoid_arms_start 2 999 (1 / 2)) as (_ & _ & g10 & g11); [lra|].
  destruct (fork_start 2 (1 / 100)) as (_ & _ & g20 & g21).
  change (x1 (1 / 100) 0%nat) with (sigmoid_arms 999 (1 / 2)). change (x1 (1 / 100) 1%nat) with (fork (1 / 100)).
  repeat apply conj; try (apply x1_first_steps, form).
  - apply x1_diameters, form.
  - apply x1_rewards.
  - apply x1_spans, form.
  - apply (x1_orthogonal_gradients 2 (1 / 100) form).
  - apply sqrt_lt_R0. unfold dot. rewrite sum_two, g10, g11. lra.
  - apply sqrt_lt_R0. unfold dot. rewrite sum_two, g20, g21. lra.
Qed.

(** ** C6 *)

Definition c6 : nat -> prompt := pair (sigmoid_arms 1 (1 / 4)) (sigmoid_arms 9 (- (1 / 2))).

Lemma c6_total theta :
  total 1 c6 theta = 1 / (1 + exp (- (theta 0%nat / 2))) + 1 / (1 + 9 * exp (theta 0%nat)).
Proof.
  unfold total. rewrite sum_two.
  change (c6 0) with (sigmoid_arms 1 (1 / 4)). change (c6 1) with (sigmoid_arms 9 (- (1 / 2))).
  rewrite !sigmoid_arms_value, Rmult_1_l by (lra || tauto).
  replace (- (2 * (theta 0%nat * (1 / 4)))) with (- (theta 0%nat / 2)) by field.
  replace (- (2 * (theta 0%nat * - (1 / 2)))) with (theta 0%nat) by field. reflexivity.
Qed.

(** J_1, sigma_1, g_1 = 1/2, 1/2, 1/8 and J_2, sigma_2, g_2 = 1/10, 3/10, -9/100. *)
Lemma c6_start :
  sigma 1 (sigmoid_arms 1 (1 / 4)) origin = 1 / 2 /\ gradient 1 (sigmoid_arms 1 (1 / 4)) origin 0%nat = 1 / 8 /\
  sigma 1 (sigmoid_arms 9 (- (1 / 2))) origin = 3 / 10 /\
  gradient 1 (sigmoid_arms 9 (- (1 / 2))) origin 0%nat = - (9 / 100).
Proof.
  destruct (sigmoid_arms_start 1 1 (1 / 4)) as (_ & s1 & g1 & _); [lra|].
  destruct (sigmoid_arms_start 1 9 (- (1 / 2))) as (_ & s2 & g2 & _); [lra|].
  rewrite s1, g1, s2, g2. repeat split; try field.
  - transitivity (sqrt ((1 / 2) ^ 2)); [f_equal; field|apply sqrt_pow2; lra].
  - transitivity (sqrt ((3 / 10) ^ 2)); [f_equal; field|apply sqrt_pow2; lra].
Qed.

Lemma c6_falls s : 12 / 100 <= s <= 2 / 10 ->
  1 / (1 + exp (- (- s / 2))) + 1 / (1 + 9 * exp (- s)) < 1 / 2 + 1 / 10.
Proof.
  intros range. assert (first := exp_lower (s / 2)). assert (second := exp_lower (- s)).
  replace (- (- s / 2)) with (s / 2) by field.
  assert (1 / (1 + exp (s / 2)) <= 1 / 2 - 118 / 1000 * s) by (apply Rle_div_l; nra).
  assert (1 / (1 + 9 * exp (- s)) <= 1 / 10 + 111 / 1000 * s) by (apply Rle_div_l; nra).
  lra.
Qed.

Lemma c6_rises s : 16 / 100 <= s <= 28 / 100 ->
  1 / 2 + 1 / 10 < 1 / (1 + exp (- (s / 2))) + 1 / (1 + 9 * exp s).
Proof.
  intros range. assert (first := exp_upper (- (s / 2))). assert (second := exp_upper s).
  assert (pos1 := exp_pos (- (s / 2))). assert (pos2 := exp_pos s).
  assert (inverse1 : / (1 - - (s / 2)) <= 1 - 43 / 100 * s).
  { apply Rmult_le_reg_r with (1 - - (s / 2)); [lra|]. rewrite Rinv_l by lra. nra. }
  assert (inverse2 : / (1 - s) <= 1 + 14 / 10 * s).
  { apply Rmult_le_reg_r with (1 - s); [lra|]. rewrite Rinv_l by lra. nra. }
  assert (1 / 2 + 11 / 100 * s <= 1 / (1 + exp (- (s / 2)))).
  { apply Rle_div_r; [lra|]. apply Rle_trans with ((1 / 2 + 11 / 100 * s) * (2 - 43 / 100 * s)); [|nra].
    apply Rmult_le_compat_l; lra. }
  assert (1 / 10 - 106 / 1000 * s <= 1 / (1 + 9 * exp s)).
  { apply Rle_div_r; [lra|]. apply Rle_trans with ((1 / 10 - 106 / 1000 * s) * (10 + 126 / 10 * s)); [|nra].
    apply Rmult_le_compat_l; lra. }
  lra.
Qed.

(** C6: the rules go opposite ways, and GRPO's way is down. *)
Theorem conflict_can_reverse_grpo :
  diameters_at_most 1 2 c6 1 /\ rewards_in_unit_interval 2 c6 /\
  none_direction 1 2 c6 origin 0%nat = 7 / 200 /\ group_direction 1 2 c6 origin 0%nat = - (1 / 20) /\
  total 1 c6 (after_grpo 1 c6) < total 1 c6 origin < total 1 c6 (after_reinforce 1 c6).
Proof.
  destruct c6_start as (s1 & g1 & s2 & g2). assert (log := ln2_range).
  destruct (first_steps 1 _ _ 0 _ _ s1 s2) as (grpo & reinforce); [lra|lra|]. fold c6 in grpo, reinforce.
  rewrite g1, g2 in grpo, reinforce.
  split; [|split; [|split; [|split]]].
  - intros [|i] _; apply sigmoid_arms_diameter; (tauto || lra).
  - intros [|i] [|y] _ _; simpl; lra.
  - unfold none_direction, vector_sum. rewrite sum_two.
    change (c6 0) with (sigmoid_arms 1 (1 / 4)). change (c6 1) with (sigmoid_arms 9 (- (1 / 2))). rewrite g1, g2. field.
  - unfold group_direction, vector_sum, scale. rewrite sum_two.
    rewrite (group_weight_positive 1 c6 0 origin _ s1), (group_weight_positive 1 c6 1 origin _ s2) by lra.
    change (c6 0) with (sigmoid_arms 1 (1 / 4)). change (c6 1) with (sigmoid_arms 9 (- (1 / 2))). rewrite g1, g2. field.
  - rewrite !c6_total, grpo, reinforce.
    replace (4 * ln 2 * (1 / 8 / (1 / 2) + - (9 / 100) / (3 / 10))) with (- (ln 2 / 5)) by field.
    replace (8 * ln 2 * (1 / 8 + - (9 / 100))) with (28 / 100 * ln 2) by field.
    replace (1 / (1 + exp (- (origin 0%nat / 2))) + 1 / (1 + 9 * exp (origin 0%nat))) with (1 / 2 + 1 / 10).
    2: { unfold origin. replace (- (0 / 2)) with 0 by field. rewrite exp_0. field. }
    split; [apply c6_falls; lra|apply c6_rises; lra].
Qed.
