(** * T12: the covariance of a group's gradient estimate

    For binary rewards, G >= 2 independent responses, scores s and s' along two directions with means Delta, Delta'
    (right less wrong) and covariances S1 given right, S0 given wrong, m_G of Groups.v and A = (G - 1) p q / G^3,

      GRPO:       Delta Delta' (p q (G - 1)/G - m_G^2) + S1 (q - q^G)/G + S0 (p - p^G)/G,
      REINFORCE:  Delta Delta' (A ((G - 2)(G - 3) p q + G - 1) - (p q (G - 1)/G)^2)
                  + S1 A ((G - 2) q + 1) + S0 A ((G - 2) p + 1).

    Idea. Of the sums of scores over right and over wrong answers only the number k of right answers is common, so
    E [contrast contrast' w(k)] = E [(S1 k (G - k)^2 + S0 k^2 (G - k) + Delta Delta' k^2 (G - k)^2) w(k)]; the rest are
    binomial sums. *)

From Coq Require Import Reals Lra Lia.
From GRPO Require Import Sums Distribution Binomial Groups.
Open Scope R_scope.

Section GroupMoments.
  Variables (n : nat) (p r : nat -> R).
  Hypothesis distribution : is_distribution n p.
  Hypothesis right_or_wrong : forall y, (y < n)%nat -> r y = 0 \/ r y = 1.

  Let pass : R := mean n p r.
  Let marked (f : nat -> R) (h : R -> R) : R -> R := Groups.marked n p r f h.

  (** What any response adds to a function of the number of right answers. *)
  Definition unmarked (h : R -> R) : R -> R := fun k => pass * h (k + 1) + (1 - pass) * h k.

  Lemma binomial_unmarked G h : binomial_mean G pass (unmarked h) = binomial_mean (S G) pass h.
  Proof. unfold unmarked. rewrite binomial_plus, !binomial_scale. reflexivity. Qed.

  Lemma binomial_marked_unmarked G f h :
    binomial_mean G pass (marked f (unmarked h)) = binomial_mean (S G) pass (marked f h).
  Proof.
    rewrite <- binomial_unmarked. apply binomial_ext. intros k _. unfold marked, Groups.marked, unmarked. ring.
  Qed.

  (** ** Means of products of two sums over a group *)

  Lemma two_sums_successor G f g h :
    group_mean n p (S G) (fun ys => over_group (S G) f ys * over_group (S G) g ys * h (over_group (S G) r ys))
    = group_mean n p G (fun ys => over_group G f ys * over_group G g ys * unmarked h (over_group G r ys))
      + group_mean n p G (fun ys => over_group G f ys * marked g h (over_group G r ys))
      + group_mean n p G (fun ys => over_group G g ys * marked f h (over_group G r ys))
      + binomial_mean G pass (marked (fun y => f y * g y) h).
  Proof.
    set (before := fun a =>
      group_mean n p G (fun ys => over_group G f ys * over_group G g ys * h (over_group G r ys + a))).
    set (with_g := fun a => group_mean n p G (fun ys => over_group G f ys * h (over_group G r ys + a))).
    set (with_f := fun a => group_mean n p G (fun ys => over_group G g ys * h (over_group G r ys + a))).
    set (alone := fun a => group_mean n p G (fun ys => h (over_group G r ys + a))).
    cbn [group_mean].
    rewrite (mean_ext _ _ _ (fun y =>
      before (r y) + g y * with_g (r y) + f y * with_f (r y) + f y * g y * alone (r y))).
    - rewrite !mean_plus, (mean_of_reward_alone n p distribution r right_or_wrong before).
      rewrite (mean_of_reward n p r right_or_wrong g with_g), (mean_of_reward n p r right_or_wrong f with_f).
      rewrite (mean_of_reward n p r right_or_wrong (fun y => f y * g y) alone).
      fold pass. rewrite <- (right_answers_binomial n p distribution r right_or_wrong).
      unfold before, with_g, with_f, alone. rewrite <- !group_scale, <- !group_plus. apply group_ext. intros ys _.
      unfold unmarked, marked, Groups.marked. rewrite !Rplus_0_r. ring.
    - intros y _. unfold before, with_g, with_f, alone. rewrite <- !group_scale, <- !group_plus.
      apply group_ext. intros ys _. rewrite !over_group_enlarge. ring.
  Qed.

  (** One response is singled out in both sums, or two different ones. *)
  Lemma two_responses G f g h :
    group_mean n p (S (S G))
      (fun ys => over_group (S (S G)) f ys * over_group (S (S G)) g ys * h (over_group (S (S G)) r ys))
    = INR (S (S G)) * binomial_mean (S G) pass (marked (fun y => f y * g y) h)
      + INR (S (S G)) * INR (S G) * binomial_mean G pass (marked f (marked g h)).
  Proof.
    assert (commute : forall m f g h,
      binomial_mean m pass (marked g (marked f h)) = binomial_mean m pass (marked f (marked g h))).
    { intros m f' g' h'. apply binomial_ext. intros. unfold marked, Groups.marked. ring. }
    revert h. induction G as [|G IH]; intros h.
    - rewrite two_sums_successor, !(one_response n p distribution r right_or_wrong). fold pass.
      fold (marked f (marked g h)) (marked g (marked f h)). rewrite (commute O f g h).
      replace (group_mean n p 1 _) with (binomial_mean 0 pass (marked (fun y => f y * g y) (unmarked h))).
      + rewrite binomial_marked_unmarked. simpl INR. ring.
      + cbn [group_mean binomial_mean]. unfold marked at 1, Groups.marked. rewrite Rplus_0_l.
        rewrite <- (mean_of_reward n p r right_or_wrong (fun y => f y * g y)).
        apply mean_ext. intros y _. rewrite !over_group_enlarge. unfold over_group. simpl. rewrite !Rplus_0_l.
        reflexivity.
    - rewrite two_sums_successor, IH, !(one_response n p distribution r right_or_wrong). fold pass.
      fold (marked f (marked g h)) (marked g (marked f h)). rewrite (commute (S G) f g h), binomial_marked_unmarked.
      rewrite (binomial_ext G pass (marked f (marked g (unmarked h))) (marked f (unmarked (marked g h))))
        by (intros; unfold marked, Groups.marked, unmarked; ring).
      rewrite binomial_marked_unmarked, !(S_INR (S (S G))), !(S_INR (S G)). ring.
  Qed.

  (** ** Given the answers *)

  Hypothesis mixed : 0 < pass < 1.

  Definition mean_right (s : nat -> R) : R := right_part n p r s / pass.
  Definition mean_wrong (s : nat -> R) : R := wrong_part n p r s / (1 - pass).
  Definition covariance_right (s s' : nat -> R) : R :=
    right_part n p r (fun y => s y * s' y) / pass - mean_right s * mean_right s'.
  Definition covariance_wrong (s s' : nat -> R) : R :=
    wrong_part n p r (fun y => s y * s' y) / (1 - pass) - mean_wrong s * mean_wrong s'.

  Let over_right (s : nat -> R) (y : nat) : R := r y * s y.
  Let over_wrong (s : nat -> R) (y : nat) : R := (1 - r y) * s y.

  Lemma marked_ext f f' h k : (forall y, (y < n)%nat -> f y = f' y) -> marked f h k = marked f' h k.
  Proof.
    intros same. unfold marked, Groups.marked, right_part, wrong_part.
    rewrite (mean_ext n p (fun y => r y * f y) (fun y => r y * f' y)) by (intros; rewrite same; auto).
    rewrite (mean_ext n p (fun y => (1 - r y) * f y) (fun y => (1 - r y) * f' y)) by (intros; rewrite same; auto).
    reflexivity.
  Qed.

  Lemma marked_over_right s h k : marked (over_right s) h k = right_part n p r s * h (k + 1).
  Proof.
    unfold marked, Groups.marked, over_right.
    rewrite (right_part_of_right n p r right_or_wrong), (wrong_part_of_right n p r right_or_wrong). ring.
  Qed.

  Lemma marked_over_wrong s h k : marked (over_wrong s) h k = wrong_part n p r s * h k.
  Proof.
    unfold marked, Groups.marked, over_wrong.
    rewrite (right_part_of_wrong n p r right_or_wrong), (wrong_part_of_wrong n p r right_or_wrong). ring.
  Qed.

  Lemma marked_right_right s s' h k :
    marked (fun y => over_right s y * over_right s' y) h k = right_part n p r (fun y => s y * s' y) * h (k + 1).
  Proof.
    rewrite <- marked_over_right. apply marked_ext. intros y inside. unfold over_right.
    destruct (right_or_wrong y inside) as [-> | ->]; ring.
  Qed.

  Lemma marked_wrong_wrong s s' h k :
    marked (fun y => over_wrong s y * over_wrong s' y) h k = wrong_part n p r (fun y => s y * s' y) * h k.
  Proof.
    rewrite <- marked_over_wrong. apply marked_ext. intros y inside. unfold over_wrong.
    destruct (right_or_wrong y inside) as [-> | ->]; ring.
  Qed.

  Lemma marked_right_wrong s s' h k : marked (fun y => over_right s y * over_wrong s' y) h k = 0.
  Proof.
    rewrite (marked_ext _ (over_right (fun _ => 0))).
    - rewrite marked_over_right. unfold right_part, mean. rewrite sum_zero by (intros; ring). ring.
    - intros y inside. unfold over_right, over_wrong. destruct (right_or_wrong y inside) as [-> | ->]; ring.
  Qed.

  Section Group.
    Variable others : nat.
    Let G : nat := S (S others).
    Let N : R := INR G.

    (** k and G - k, as weights, single out responses. *)
    Lemma weight_right h :
      N * pass * binomial_mean (S others) pass (fun j => h (j + 1)) = binomial_mean G pass (fun k => k * h k).
    Proof. symmetry. apply right_biased. Qed.

    Lemma weight_wrong h :
      N * (1 - pass) * binomial_mean (S others) pass h = binomial_mean G pass (fun k => (N - k) * h k).
    Proof. symmetry. apply wrong_biased. Qed.

    Lemma weight_right_right h :
      N * INR (S others) * pass ^ 2 * binomial_mean others pass (fun j => h (j + 1 + 1))
      = binomial_mean G pass (fun k => k * ((k - 1) * h k)).
    Proof.
      rewrite <- (weight_right (fun k => (k - 1) * h k)).
      rewrite (binomial_ext (S others) pass _ (fun j => j * h (j + 1))) by (intros; ring).
      rewrite (right_biased others pass (fun j => h (j + 1))). ring.
    Qed.

    Lemma weight_wrong_wrong h :
      N * INR (S others) * (1 - pass) ^ 2 * binomial_mean others pass h
      = binomial_mean G pass (fun k => (N - k) * ((N - k - 1) * h k)).
    Proof.
      rewrite <- (weight_wrong (fun k => (N - k - 1) * h k)).
      rewrite (binomial_ext (S others) pass _ (fun j => (INR (S others) - j) * h j))
        by (intros; unfold N, G; rewrite (S_INR (S others)); ring).
      rewrite (wrong_biased others pass h). ring.
    Qed.

    Lemma weight_right_wrong h :
      N * INR (S others) * (pass * (1 - pass)) * binomial_mean others pass (fun j => h (j + 1))
      = binomial_mean G pass (fun k => k * (N - k) * h k).
    Proof. symmetry. apply shifted_binomial_successor. Qed.

    (** Two sums of scores over the right answers, weighted with a function of their number. *)
    Lemma sums_right_right s s' h :
      group_mean n p G (fun ys =>
        over_group G (over_right s) ys * over_group G (over_right s') ys * h (over_group G r ys))
      = binomial_mean G pass (fun k => (covariance_right s s' * k + mean_right s * mean_right s' * k ^ 2) * h k).
    Proof.
      unfold G. rewrite two_responses. fold G N.
      rewrite (binomial_ext (S others) pass _ (fun k => right_part n p r (fun y => s y * s' y) * h (k + 1)))
        by (intros; apply marked_right_right).
      rewrite (binomial_ext others pass _ (fun k => right_part n p r s * right_part n p r s' * h (k + 1 + 1)))
        by (intros; rewrite !marked_over_right; ring).
      rewrite (binomial_ext G pass _ (fun k => right_part n p r (fun y => s y * s' y) / pass * (k * h k)
        + mean_right s * mean_right s' * (k * ((k - 1) * h k)))) by (intros; unfold covariance_right; ring).
      rewrite binomial_plus, !binomial_scale, <- weight_right, <- weight_right_right.
      unfold mean_right. field. lra.
    Qed.

    Lemma sums_wrong_wrong s s' h :
      group_mean n p G (fun ys =>
        over_group G (over_wrong s) ys * over_group G (over_wrong s') ys * h (over_group G r ys))
      = binomial_mean G pass (fun k =>
          (covariance_wrong s s' * (N - k) + mean_wrong s * mean_wrong s' * (N - k) ^ 2) * h k).
    Proof.
      unfold G. rewrite two_responses. fold G N.
      rewrite (binomial_ext (S others) pass _ (fun k => wrong_part n p r (fun y => s y * s' y) * h k))
        by (intros; apply marked_wrong_wrong).
      rewrite (binomial_ext others pass _ (fun k => wrong_part n p r s * wrong_part n p r s' * h k))
        by (intros; rewrite !marked_over_wrong; ring).
      rewrite (binomial_ext G pass _ (fun k => wrong_part n p r (fun y => s y * s' y) / (1 - pass) * ((N - k) * h k)
        + mean_wrong s * mean_wrong s' * ((N - k) * ((N - k - 1) * h k))))
        by (intros; unfold covariance_wrong; ring).
      rewrite binomial_plus, !binomial_scale, <- weight_wrong, <- weight_wrong_wrong.
      unfold mean_wrong. field. lra.
    Qed.

    Lemma sums_right_wrong s s' h :
      group_mean n p G (fun ys =>
        over_group G (over_right s) ys * over_group G (over_wrong s') ys * h (over_group G r ys))
      = mean_right s * mean_wrong s' * binomial_mean G pass (fun k => k * (N - k) * h k).
    Proof.
      unfold G. rewrite two_responses. fold G N.
      rewrite (binomial_ext (S others) pass _ (fun _ => 0)) by (intros; apply marked_right_wrong).
      rewrite (binomial_ext others pass _ (fun k => right_part n p r s * wrong_part n p r s' * h (k + 1)))
        by (intros; rewrite marked_over_right, marked_over_wrong; ring).
      rewrite binomial_constant, binomial_scale, <- weight_right_wrong. unfold mean_right, mean_wrong. field. lra.
    Qed.
  End Group.

  (** ** Products of two estimates *)

  Section Estimates.
    Variables (G : nat) (s s' : nat -> R).
    Hypothesis size : (2 <= G)%nat.

    Let N : R := INR G.
    Let gap : R := score_gap n p r s.
    Let gap' : R := score_gap n p r s'.
    Let spread_right : R := covariance_right s s'.
    Let spread_wrong : R := covariance_wrong s s'.

    Let size_R : 2 <= N.
    Proof. apply le_INR in size. exact size. Qed.

    Lemma contrast_product w :
      group_mean n p G (fun ys => contrast r G s ys * contrast r G s' ys * w (over_group G r ys))
      = binomial_mean G pass (fun k =>
          (spread_right * (k * (N - k) * (N - k)) + spread_wrong * (k * (N - k) * k)
           + gap * gap' * (k * (N - k) * (k * (N - k)))) * w k).
    Proof.
      set (h := fun k => (N - k) ^ 2 * w k). set (h' := fun k => k ^ 2 * w k). set (h'' := fun k => k * (N - k) * w k).
      rewrite (group_ext n p G _ (fun ys =>
        over_group G (over_right s) ys * over_group G (over_right s') ys * h (over_group G r ys)
        - over_group G (over_right s) ys * over_group G (over_wrong s') ys * h'' (over_group G r ys)
        - over_group G (over_right s') ys * over_group G (over_wrong s) ys * h'' (over_group G r ys)
        + over_group G (over_wrong s) ys * over_group G (over_wrong s') ys * h' (over_group G r ys))).
      2:{ intros ys _. unfold contrast, h, h', h''. fold (over_right s) (over_right s') (over_wrong s) (over_wrong s').
          fold N. ring. }
      rewrite group_plus, !group_minus by exact distribution.
      unfold N in *. destruct G as [|[|others]]; [lia|lia|].
      rewrite sums_right_right, sums_wrong_wrong, !sums_right_wrong.
      rewrite <- !binomial_scale, <- !binomial_minus, <- binomial_plus. apply binomial_ext. intros k _.
      unfold h, h', h'', gap, gap', score_gap, spread_right, spread_wrong. fold pass.
      fold (mean_right s) (mean_right s') (mean_wrong s) (mean_wrong s'). ring.
    Qed.

    (** E of the product of two GRPO estimates. *)
    Lemma grpo_product :
      group_mean n p G (fun ys => grpo_estimate r G s ys * grpo_estimate r G s' ys)
      = gap * gap' * (pass * (1 - pass) * ((N - 1) / N))
        + spread_right * ((1 - pass - (1 - pass) ^ G) / N) + spread_wrong * ((pass - pass ^ G) / N).
    Proof.
      set (w := fun k => (/ N * / sqrt (k * (N - k))) ^ 2).
      rewrite (group_ext n p G _ (fun ys => contrast r G s ys * contrast r G s' ys * w (over_group G r ys))).
      2:{ intros ys inside. unfold w, N. rewrite !(grpo_contrast n r right_or_wrong) by (try lia; exact inside). ring. }
      rewrite contrast_product.
      rewrite (binomial_ext G pass _ (fun k =>
        spread_right / N ^ 2 * (k * (N - k) * / (k * (N - k)) * (N - k))
        + spread_wrong / N ^ 2 * (k * (N - k) * / (k * (N - k)) * k)
        + gap * gap' / N ^ 2 * (k * (N - k)))).
      - rewrite !binomial_plus, !binomial_scale. unfold N.
        rewrite binomial_mixed_rest, binomial_mixed_count, binomial_pairs. field. fold N. lra.
      - intros k inside. apply le_INR in inside. fold N in inside.
        assert (nonneg : 0 <= INR k * (N - INR k)) by (apply Rmult_le_pos; [apply pos_INR|lra]).
        assert (square : w (INR k) = / N ^ 2 * / (INR k * (N - INR k))).
        { unfold w. rewrite Rpow_mult_distr, !pow_inv, <- (Rsqr_pow2 (sqrt _)), Rsqr_sqrt by exact nonneg.
          reflexivity. }
        rewrite square. set (pairs := INR k * (N - INR k)).
        assert (whole : pairs = pairs * pairs * / pairs).
        { destruct (Req_dec pairs 0) as [zero|other]; [rewrite zero; ring|field; exact other]. }
        replace (gap * gap' / N ^ 2 * pairs) with (gap * gap' / N ^ 2 * (pairs * pairs * / pairs))
          by (rewrite <- whole; reflexivity).
        unfold Rdiv. ring.
    Qed.

    (** E of the product of two REINFORCE estimates. *)
    Lemma reinforce_product :
      let A := (N - 1) * (pass * (1 - pass)) / N ^ 3 in
      group_mean n p G (fun ys => reinforce_estimate r G s ys * reinforce_estimate r G s' ys)
      = gap * gap' * (A * ((N - 2) * (N - 3) * (pass * (1 - pass)) + N - 1))
        + spread_right * (A * ((N - 2) * (1 - pass) + 1)) + spread_wrong * (A * ((N - 2) * pass + 1)).
    Proof.
      intros A. set (w := fun _ : R => / N ^ 4).
      rewrite (group_ext n p G _ (fun ys => contrast r G s ys * contrast r G s' ys * w (over_group G r ys))).
      2:{ intros ys _. unfold w, N. rewrite !reinforce_contrast by lia. fold N. field. lra. }
      rewrite contrast_product.
      rewrite (binomial_ext G pass _ (fun k =>
        / N ^ 4 * (k * (N - k) * (spread_right * (N - k) + spread_wrong * k + gap * gap' * (k * (N - k))))))
        by (intros; unfold w; ring).
      rewrite binomial_scale. unfold N.
      rewrite (shifted_binomial G pass (fun k => spread_right * (INR G - k) + spread_wrong * k
        + gap * gap' * (k * (INR G - k)))) by exact size.
      assert (rest : INR (G - 2) = N - 2) by (rewrite minus_INR by exact size; reflexivity).
      rewrite (binomial_ext (G - 2) pass _ (fun j =>
        spread_right * (INR (G - 2) - j) + spread_wrong * j + gap * gap' * (j * (INR (G - 2) - j))
        + (spread_right + spread_wrong + gap * gap' * (N - 1))))
        by (intros; rewrite rest; unfold N; ring).
      rewrite !binomial_plus, !binomial_scale, binomial_rest, binomial_count, binomial_pairs, !binomial_constant.
      rewrite rest. fold N. unfold A. field. lra.
    Qed.

    (** Covariance over groups. *)
    Definition group_covariance (F F' : (nat -> nat) -> R) : R :=
      group_mean n p G (fun ys => (F ys - group_mean n p G F) * (F' ys - group_mean n p G F')).

    Lemma group_covariance_moments F F' :
      group_covariance F F'
      = group_mean n p G (fun ys => F ys * F' ys) - group_mean n p G F * group_mean n p G F'.
    Proof.
      unfold group_covariance. set (m := group_mean n p G F). set (m' := group_mean n p G F').
      rewrite (group_ext n p G _ (fun ys => F ys * F' ys - m' * F ys - (m * F' ys - m * m'))) by (intros; ring).
      rewrite !group_minus, !group_scale, group_constant by exact distribution. fold m m'. ring.
    Qed.

    (** T12, the covariance of GRPO. *)
    Theorem grpo_covariance :
      group_covariance (grpo_estimate r G s) (grpo_estimate r G s')
      = gap * gap' * (pass * (1 - pass) * ((N - 1) / N) - group_factor G pass ^ 2)
        + spread_right * ((1 - pass - (1 - pass) ^ G) / N) + spread_wrong * ((pass - pass ^ G) / N).
    Proof.
      rewrite group_covariance_moments, grpo_product.
      rewrite !(grpo_mean n G p r) by assumption. fold pass gap gap'. ring.
    Qed.

    (** T12, the covariance of REINFORCE. *)
    Theorem reinforce_covariance :
      let A := (N - 1) * (pass * (1 - pass)) / N ^ 3 in
      group_covariance (reinforce_estimate r G s) (reinforce_estimate r G s')
      = gap * gap' * (A * ((N - 2) * (N - 3) * (pass * (1 - pass)) + N - 1) - (pass * (1 - pass) * ((N - 1) / N)) ^ 2)
        + spread_right * (A * ((N - 2) * (1 - pass) + 1)) + spread_wrong * (A * ((N - 2) * pass + 1)).
    Proof.
      intros A. rewrite group_covariance_moments. pose proof reinforce_product as product. cbv zeta in product.
      rewrite product, !(reinforce_mean n G p r) by assumption. fold pass gap gap' N A. ring.
    Qed.
  End Estimates.
End GroupMoments.
