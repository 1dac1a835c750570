(** * T11: slope, deviation and certificate of a token-level policy

    For responses of at most H tokens, of width at most w along u (along delta in the certificate),

      |g . u| <= sigma sqrt(H) w/2;     |d log sigma| <= H w/2, and <= (w/2) sqrt(H ln(1/sigma)) for rewards in [0, 1];
      |J(theta + delta) - J(theta) - g . delta| <= (4 C(H)/H^2) sigma psi(H w/2),

    with T10's bound of C(H). At H = 1 the certificate is T3's.

    Idea. The score M has second moment at most H w^2/4, which bounds g . u = Cov(r, M). The slope of the variance is
    E (r - J)^2 M = sigma^2 E_Q M with dQ = (r - J)^2/sigma^2, and |M| <= H w. For rewards in [0, 1] the density of Q is
    at most 1/sigma^2 and M is sub-Gaussian (Hoeffding), so that sigma^2 e^(k E_Q M) <= E e^(k M) <= e^(H k^2 w^2/8) for
    every k. The certificate is the differential inequality of T3: sigma(s) <= sigma e^(s H w/2), and T10 bounds the
    second derivative of J by the second derivative of the right side. The slope is met by H fair coins that pay their
    sum. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From GRPO Require Import Constants Increase Sums Distribution Vectors Policy Psi Hoeffding TwoArms Sequence Length.
Open Scope R_scope.

(** 4 C(H)/H^2. *)
Definition scale_of (H : nat) (C : R) : R := C / (CURVATURE * INR H ^ 2).

Definition remainder_scale (H : nat) : R := scale_of H (length_constant_bound H).

Lemma remainder_scale_one : remainder_scale 1 = 1.
Proof. unfold remainder_scale, scale_of. rewrite length_constant_bound_one. unfold CURVATURE. simpl. field. Qed.

Section LengthCertificate.
  Variables (d : nat) (H : nat) (t : response_tree) (u : vector) (w : R).
  Hypothesis some_token : (0 < H)%nat.
  Hypothesis short : length_at_most H t.
  Hypothesis width : token_width_at_most d u w t.

  Let length_positive : 0 < INR H.
  Proof. apply lt_0_INR, some_token. Qed.

  (** A tree without a token has one reward, and nothing varies. *)
  Lemma width_nonneg_or_finished : 0 <= w \/ exists r, t = Finished r.
  Proof.
    destruct t as [r|n b phi after]; [right; exists r; reflexivity|left].
    destruct H as [|rest]; [destruct short|]. apply (width_nonneg n _ w (proj1 short) (proj1 width)).
  Qed.

  (** T11, the slope. *)
  Theorem length_gradient_slope theta :
    Rabs (dot d (sequence_gradient d theta t) u) <= SLOPE * sqrt (INR H) * sequence_sigma d theta t * w.
  Proof.
    rewrite (sequence_gradient_dot d H t theta u short).
    replace (SLOPE * sqrt (INR H) * sequence_sigma d theta t * w)
      with (sequence_sigma d theta t * (SLOPE * sqrt (INR H) * w)) by ring.
    destruct width_nonneg_or_finished as [w_nonneg|[r finished]].
    - apply (reward_covariance_le d H t short theta u (fun _ M _ => M)); unfold SLOPE.
      + pose proof (Rmult_le_pos _ _ (sqrt_pos (INR H)) w_nonneg). lra.
      + rewrite !Rpow_mult_distr, <- (Rsqr_pow2 (sqrt (INR H))), Rsqr_sqrt by (left; exact length_positive).
        rewrite (path_mean_ext d theta u t _ (fun _ M _ => (0 + M) ^ 2)) by (intros; ring).
        pose proof (score_second_moment d theta u w H t 0 short width). lra.
    - rewrite finished. unfold sequence_slope, sequence_sigma, sequence_variance. simpl.
      rewrite Rmult_0_r, Rabs_R0. replace (_ * (_ * 1)) with 0 by (unfold sequence_J; simpl; ring).
      rewrite sqrt_0. lra.
  Qed.

  (** E (r - J)^2 M is at most H w sigma^2. *)
  Lemma sequence_variance_slope_le theta :
    Rabs (sequence_variance_slope d theta u t) <= INR H * w * sequence_variance d theta t.
  Proof.
    destruct width_nonneg_or_finished as [w_nonneg|[r finished]].
    - rewrite (sequence_variance_path d t theta u), <- path_mean_scale. set (c := sequence_J d theta t).
      unfold sequence_variance_slope. fold c.
      pose proof (score_bound d theta u H t w short width w_nonneg) as bounded.
      apply Rabs_le. rewrite <- Rmult_1_l with (r := path_mean _ _ _ _ (fun r _ _ => _ * _)).
      rewrite Ropp_mult_distr_l, <- path_mean_scale. rewrite <- path_mean_scale.
      split; apply (path_mean_le d theta u H t _ _ short); (eapply every_path_impl; [|exact bounded]);
        cbv beta; intros r M _ bound; apply Rabs_le_between in bound;
        pose proof (Rmult_le_compat_l ((r - c) ^ 2) _ _ (pow2_ge_0 _) (proj1 bound));
        pose proof (Rmult_le_compat_l ((r - c) ^ 2) _ _ (pow2_ge_0 _) (proj2 bound)); lra.
    - rewrite finished. unfold sequence_variance_slope, sequence_variance, sequence_J. simpl.
      rewrite Rmult_0_r, Rabs_R0. right. ring.
  Qed.

  (** ln sigma has slope (sigma^2)'/(2 sigma^2). *)
  Lemma sequence_log_sigma_derivative theta :
    0 < sequence_sigma d theta t ->
    is_derive (fun s => ln (sequence_sigma d (add theta (scale s u)) t)) 0
      (sequence_variance_slope d theta u t / (2 * sequence_variance d theta t)).
  Proof.
    intros positive.
    assert (variance_positive : 0 < sequence_variance d theta t).
    { rewrite <- (sequence_sigma_square d H t short). apply pow_lt, positive. }
    assert (log_root : is_derive (fun v => ln (sqrt v)) (sequence_variance d theta t)
                         (/ (2 * sequence_variance d theta t))).
    { auto_derive.
      - split; [exact variance_positive|]. split; [apply sqrt_lt_R0, variance_positive|exact I].
      - rewrite <- (sqrt_sqrt (sequence_variance d theta t)) at 3 by lra.
        field. apply Rgt_not_eq, sqrt_lt_R0, variance_positive. }
    pose proof (sequence_variance_along d H t short theta u 0) as variance_moves.
    rewrite position_zero in variance_moves.
    rewrite <- (position_zero theta u) in log_root at 1.
    apply (is_derive_comp _ _ _ _ _ log_root variance_moves).
  Qed.

  (** T11, the deviation. *)
  Theorem length_deviation_slope theta :
    0 < sequence_sigma d theta t ->
    exists l, is_derive (fun s => ln (sequence_sigma d (add theta (scale s u)) t)) 0 l /\ Rabs l <= SLOPE * INR H * w.
  Proof.
    intros positive. eexists. split; [apply sequence_log_sigma_derivative, positive|].
    assert (variance_positive : 0 < sequence_variance d theta t).
    { rewrite <- (sequence_sigma_square d H t short). apply pow_lt, positive. }
    rewrite Rabs_div, (Rabs_pos_eq (2 * _)) by lra.
    apply Rmult_le_reg_r with (2 * sequence_variance d theta t); [lra|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. unfold SLOPE.
    pose proof (sequence_variance_slope_le theta). lra.
  Qed.

  (** ** The certificate *)

  Section Segment.
    Variables (theta : vector) (C : R).
    Hypothesis C_nonneg : 0 <= C.
    Hypothesis C_bounds : bounds_curvature H C.

    Let at_time (s : R) : vector := add theta (scale s u).

    (** sigma(s) <= sigma(0) e^(s H w/2): the variance times e^(-s H w) does not increase. *)
    Lemma sequence_sigma_growth s :
      0 <= s ->
      sequence_sigma d (at_time s) t <= sequence_sigma d theta t * exp (HALF_WIDTH * (INR H * w) * s).
    Proof.
      intros later. set (rate := INR H * w).
      set (decayed := fun s => sequence_variance d (at_time s) t * exp (- (rate * s))).
      assert (decay : - decayed 0 <= - decayed s).
      { apply (increase (fun s => - decayed s) (fun s =>
          - (sequence_variance_slope d (at_time s) u t * exp (- (rate * s))
             + sequence_variance d (at_time s) t * (- rate * exp (- (rate * s)))))).
        - exact later.
        - intros r _. apply (is_derive_opp decayed).
          apply (is_derive_mult (fun r => sequence_variance d (at_time r) t) (fun r => exp (- (rate * r)))).
          + apply (sequence_variance_along d H t short).
          + auto_derive; [exact I|ring].
          + intros. apply Rmult_comm.
        - intros r _.
          pose proof (sequence_variance_slope_le (at_time r)) as slope. fold rate in slope.
          apply Rabs_le_between in slope.
          replace (- _) with ((rate * sequence_variance d (at_time r) t - sequence_variance_slope d (at_time r) u t)
            * exp (- (rate * r))) by ring.
          apply Rmult_le_pos; [lra|left; apply exp_pos]. }
      unfold decayed in decay. unfold at_time in decay at 1.
      rewrite position_zero, Rmult_0_r, Ropp_0, exp_0 in decay.
      apply Rsqr_incr_0_var; [|apply Rmult_le_pos; [apply sqrt_pos|left; apply exp_pos]].
      rewrite !Rsqr_pow2, Rpow_mult_distr, !(sequence_sigma_square d H t short).
      replace (exp (HALF_WIDTH * rate * s) ^ 2) with (exp (rate * s))
        by (simpl; rewrite Rmult_1_r, <- exp_plus; f_equal; unfold HALF_WIDTH; field).
      apply Rmult_le_reg_r with (exp (- (rate * s))); [apply exp_pos|].
      rewrite Rmult_assoc, <- exp_plus, Rplus_opp_r, exp_0. lra.
    Qed.

    (** T10 along the segment. *)
    Lemma sequence_curvature_growth s :
      0 <= s ->
      Rabs (sequence_curvature d (at_time s) u t)
        <= scale_of H C * sequence_sigma d theta t
           * ((HALF_WIDTH * (INR H * w)) ^ 2 * exp (HALF_WIDTH * (INR H * w) * s)).
    Proof.
      intros later. rewrite <- (sequence_curvature_is_second_derivative d H t short (at_time s) u).
      eapply Rle_trans; [apply (C_bounds d t (at_time s) u w short width)|].
      pose proof (sequence_sigma_growth s later) as growth.
      apply (Rmult_le_compat_l (C * w ^ 2)) in growth;
        [|apply Rmult_le_pos; [exact C_nonneg|apply pow2_ge_0]].
      replace (scale_of H C * _ * _) with (C * w ^ 2
        * (sequence_sigma d theta t * exp (HALF_WIDTH * (INR H * w) * s)))
        by (unfold scale_of, HALF_WIDTH, CURVATURE; field; apply Rgt_not_eq, length_positive).
      lra.
    Qed.

    (** The right side minus (sign = 1) or plus (sign = -1) the remainder is nonnegative at s = 1. *)
    Lemma sequence_remainder_below sign :
      Rabs sign = 1 ->
      0 <= scale_of H C * sequence_sigma d theta t * psi (HALF_WIDTH * (INR H * w))
           - sign * (sequence_J d (add theta u) t - sequence_J d theta t - dot d (sequence_gradient d theta t) u).
    Proof.
      intros sign_abs. rewrite (sequence_gradient_dot d H t theta u short), <- position_one.
      set (a := HALF_WIDTH * (INR H * w)). set (K := scale_of H C * sequence_sigma d theta t).
      set (slope := sequence_slope d theta u t).
      set (gap := fun s => K * psi (a * s) - sign * (sequence_J d (at_time s) t - sequence_J d theta t - slope * s)).
      replace (_ - _) with (gap 1) by (unfold gap; rewrite !Rmult_1_r; reflexivity).
      apply (nonneg_of_second_derivative gap
        (fun s => K * (a * (exp (a * s) - 1)) - sign * (sequence_slope d (at_time s) u t - slope))
        (fun s => K * (a ^ 2 * exp (a * s)) - sign * sequence_curvature d (at_time s) u t)).
      - lra.
      - intros s _. apply (is_derive_minus (fun s => K * psi (a * s))
          (fun s => sign * (sequence_J d (at_time s) t - sequence_J d theta t - slope * s))).
        + unfold psi. auto_derive; [exact I|ring].
        + apply (is_derive_scal (fun s => sequence_J d (at_time s) t - sequence_J d theta t - slope * s)).
          apply (is_derive_minus (fun s => sequence_J d (at_time s) t - sequence_J d theta t) (fun s => slope * s)).
          * rewrite <- (Rminus_0_r (sequence_slope _ _ _ _)).
            apply (is_derive_minus (fun s => sequence_J d (at_time s) t) (fun _ => sequence_J d theta t)).
            -- apply (sequence_J_along d H t short).
            -- apply (is_derive_const (sequence_J d theta t)).
          * auto_derive; [exact I|ring].
      - intros s _. apply (is_derive_minus (fun s => K * (a * (exp (a * s) - 1)))
          (fun s => sign * (sequence_slope d (at_time s) u t - slope))).
        + auto_derive; [exact I|ring].
        + apply (is_derive_scal (fun s => sequence_slope d (at_time s) u t - slope)).
          rewrite <- (Rminus_0_r (sequence_curvature _ _ _ _)).
          apply (is_derive_minus (fun s => sequence_slope d (at_time s) u t) (fun _ => slope)).
          * apply (sequence_slope_along d H t short).
          * apply (is_derive_const slope).
      - intros s [later _]. pose proof (sequence_curvature_growth s later) as growth. fold K a in growth.
        pose proof (Rle_abs (sign * sequence_curvature d (at_time s) u t)) as below.
        rewrite Rabs_mult, sign_abs, Rmult_1_l in below. lra.
      - unfold gap, at_time. rewrite position_zero, !Rmult_0_r, psi_zero. ring.
      - unfold at_time. rewrite position_zero, Rmult_0_r, exp_0. unfold slope. ring.
    Qed.

    (** T11, the certificate of the update u, from any constant that bounds the curvature. *)
    Lemma length_certificate_of :
      Rabs (sequence_J d (add theta u) t - sequence_J d theta t - dot d (sequence_gradient d theta t) u)
        <= scale_of H C * sequence_sigma d theta t * psi (HALF_WIDTH * (INR H * w)).
    Proof.
      pose proof (sequence_remainder_below 1 Rabs_R1) as above.
      assert (minus_one : Rabs (-1) = 1) by (rewrite Rabs_left by lra; ring).
      pose proof (sequence_remainder_below (-1) minus_one) as below.
      apply Rabs_le. lra.
    Qed.
  End Segment.

  (** T11, the certificate with the proved upper bound on C(H): what the code computes. *)
  Theorem length_certificate theta :
    Rabs (sequence_J d (add theta u) t - sequence_J d theta t - dot d (sequence_gradient d theta t) u)
      <= remainder_scale H * sequence_sigma d theta t * psi (HALF_WIDTH * (INR H * w)).
  Proof. apply length_certificate_of; [apply sqrt_pos|apply length_constant_at_most, some_token]. Qed.

  (** The same with C(H) itself. *)
  Theorem length_constant_certificate theta C :
    is_length_constant H C ->
    Rabs (sequence_J d (add theta u) t - sequence_J d theta t - dot d (sequence_gradient d theta t) u)
      <= scale_of H C * sequence_sigma d theta t * psi (HALF_WIDTH * (INR H * w)).
  Proof.
    intros constant. apply length_certificate_of; [|apply constant].
    eapply Rle_trans; [|apply (length_constant_between H C some_token constant)]. apply sqrt_pos.
  Qed.

  (** ** Rewards in [0, 1]: the deviation moves more slowly where it is large *)

  (** The score is sub-Gaussian: E e^(k M) <= e^(H k^2 w^2/8). *)
  Lemma score_exponential_moment theta k :
    path_mean d theta u t (fun _ M _ => exp (k * M)) <= exp (INR H * (k * w) ^ 2 / 8).
  Proof.
    clear some_token length_positive. revert H short width.
    induction t as [r|n b phi after IH]; intros h within widths; cbn [path_mean]; cbv zeta.
    - rewrite Rmult_0_r, exp_0. pose proof (exp_ineq1_le (INR h * (k * w) ^ 2 / 8)).
      pose proof (Rmult_le_pos _ _ (pos_INR h) (pow2_ge_0 (k * w))). lra.
    - destruct h as [|h]; [destruct within|]. destruct within as [some within]. destruct widths as [here widths].
      pose proof (next_token_distribution d n b phi theta some) as distribution.
      set (p := next_token d n b phi theta) in *. set (x := fun v => dot d u (phi v)) in *.
      set (later := exp (INR h * (k * w) ^ 2 / 8)).
      assert (one_step : mean n p (fun v => exp (k * x v - mean n p (fun v => k * x v))) <= exp ((Rabs k * w) ^ 2 / 8)).
      { apply hoeffding; [exact some|]. intros v v' inside inside'.
        eapply Rle_trans; [apply Rle_abs|]. rewrite <- Rmult_minus_distr_l, Rabs_mult.
        apply Rmult_le_compat_l; [apply Rabs_pos|]. apply Rabs_le.
        pose proof (here v v' inside inside'). pose proof (here v' v inside' inside). lra. }
      rewrite mean_scale in one_step.
      eapply Rle_trans.
      + apply (mean_le n p _ (fun v => later * exp (k * x v - k * mean n p x)) distribution).
        intros v inside.
        rewrite (path_mean_ext d theta u _ _ (fun _ M _ => exp (k * x v - k * mean n p x) * exp (k * M))).
        2:{ intros. rewrite <- exp_plus. f_equal. unfold x. ring. }
        rewrite path_mean_scale, (Rmult_comm later). apply Rmult_le_compat_l; [left; apply exp_pos|].
        apply (IH v h); [apply within|apply widths]; exact inside.
      + rewrite mean_scale. replace (exp (INR (S h) * (k * w) ^ 2 / 8)) with (later * exp ((Rabs k * w) ^ 2 / 8)).
        * apply Rmult_le_compat_l; [left; apply exp_pos|exact one_step].
        * unfold later. rewrite <- exp_plus. f_equal.
          rewrite S_INR, !Rpow_mult_distr, pow2_abs. field.
  Qed.

  (** Rewards in [0, 1] have their mean there. *)
  Lemma sequence_J_between theta : every_reward (fun r => 0 <= r <= 1) t -> 0 <= sequence_J d theta t <= 1.
  Proof.
    intros unit_rewards. unfold sequence_J. rewrite <- (path_mean_reward d theta u).
    pose proof (every_path_reward d theta u t _ unit_rewards) as between. split.
    - apply (path_mean_nonneg d theta u H _ _ short). eapply every_path_impl; [|exact between]. cbv beta. intros. lra.
    - rewrite <- (path_mean_constant d theta u H t 1 short). apply (path_mean_le d theta u H _ _ _ short).
      eapply every_path_impl; [|exact between]. cbv beta. intros. lra.
  Qed.

  (** Under dQ = (r - J)^2/sigma^2, whose density is at most 1/sigma^2, Jensen: e^(k E_Q M) <= E e^(k M)/sigma^2. *)
  Lemma tilted_score_exponential theta k :
    every_reward (fun r => 0 <= r <= 1) t -> 0 < sequence_variance d theta t ->
    sequence_variance d theta t * exp (k * (sequence_variance_slope d theta u t / sequence_variance d theta t))
      <= exp (INR H * (k * w) ^ 2 / 8).
  Proof.
    intros unit_rewards positive. eapply Rle_trans; [|apply (score_exponential_moment theta k)].
    set (V := sequence_variance d theta t) in *. set (D := sequence_variance_slope d theta u t). set (a := k * (D / V)).
    pose proof (sequence_J_between theta unit_rewards) as J_between. set (c := sequence_J d theta t) in *.
    apply Rle_trans with (path_mean d theta u t (fun r M _ => exp a * ((r - c) ^ 2 * (1 + k * M - a)))).
    - rewrite path_mean_scale.
      rewrite (path_mean_ext d theta u t _ (fun r M _ => (1 - a) * (r - c) ^ 2 + k * ((r - c) ^ 2 * M)))
        by (intros; ring).
      rewrite path_mean_plus, !path_mean_scale. unfold c at 1. rewrite <- sequence_variance_path.
      change (path_mean d theta u t (fun r M _ => (r - c) ^ 2 * M)) with D. fold V.
      right. unfold a. field. lra.
    - apply (path_mean_le d theta u H _ _ _ short).
      eapply every_path_impl; [|apply (every_path_reward d theta u t _ unit_rewards)].
      cbv beta. intros r M _ between.
      assert (square_small : 0 <= (r - c) ^ 2 <= 1).
      { split; [apply pow2_ge_0|]. rewrite <- (pow1 2). apply pow_maj_Rabs, Rabs_le. lra. }
      assert (tangent : exp a * (1 + (k * M - a)) <= exp (k * M)).
      { replace (exp (k * M)) with (exp a * exp (k * M - a)) by (rewrite <- exp_plus; f_equal; ring).
        apply Rmult_le_compat_l; [left; apply exp_pos|apply exp_ineq1_le]. }
      apply (Rmult_le_compat_l ((r - c) ^ 2)) in tangent; [|exact (proj1 square_small)].
      pose proof (Rmult_le_compat_r (exp (k * M)) _ _ (Rlt_le _ _ (exp_pos (k * M))) (proj2 square_small)). lra.
  Qed.

  (** T11, the deviation for rewards in [0, 1]. *)
  Theorem length_unit_deviation_slope theta :
    every_reward (fun r => 0 <= r <= 1) t -> 0 < sequence_sigma d theta t ->
    exists l, is_derive (fun s => ln (sequence_sigma d (add theta (scale s u)) t)) 0 l
              /\ Rabs l <= SLOPE * w * sqrt (INR H * ln (1 / sequence_sigma d theta t)).
  Proof.
    intros unit_rewards positive. eexists. split; [apply sequence_log_sigma_derivative, positive|].
    assert (variance_positive : 0 < sequence_variance d theta t).
    { rewrite <- (sequence_sigma_square d H t short). apply pow_lt, positive. }
    assert (w_nonneg : 0 <= w).
    { destruct width_nonneg_or_finished as [nonneg|[r finished]]; [exact nonneg|].
      rewrite finished in variance_positive. unfold sequence_variance, sequence_J in variance_positive.
      simpl in variance_positive. rewrite Rminus_diag_eq, Rmult_0_l in variance_positive by reflexivity. lra. }
    set (V := sequence_variance d theta t) in *. set (D := sequence_variance_slope d theta u t).
    set (L := ln (1 / sequence_sigma d theta t)). set (mu := D / V).
    assert (log_variance : ln V = - (2 * L)).
    { unfold V, L. rewrite <- (sequence_sigma_square d H t short).
      unfold Rdiv. rewrite Rmult_1_l, ln_Rinv by exact positive.
      simpl. rewrite Rmult_1_r, ln_mult by exact positive. ring. }
    assert (every_rate : forall k, k * mu <= INR H * (k * w) ^ 2 / 8 + 2 * L).
    { intros k. pose proof (tilted_score_exponential theta k unit_rewards variance_positive) as jensen.
      fold V D mu in jensen.
      apply ln_le in jensen; [|apply Rmult_lt_0_compat; [exact variance_positive|apply exp_pos]].
      rewrite ln_mult, !ln_exp, log_variance in jensen by (exact variance_positive || apply exp_pos). lra. }
    assert (L_nonneg : 0 <= L) by (pose proof (every_rate 0); lra).
    assert (mu_square : mu ^ 2 <= w ^ 2 * (INR H * L)).
    { destruct (Rle_lt_or_eq_dec 0 w w_nonneg) as [w_positive|w_zero].
      - assert (scale_positive : 0 < INR H * w ^ 2).
        { apply Rmult_lt_0_compat; [exact length_positive|apply pow_lt, w_positive]. }
        pose proof (every_rate (4 * mu / (INR H * w ^ 2))) as best.
        apply (Rmult_le_compat_r (INR H * w ^ 2)) in best; [|lra].
        replace (4 * mu / (INR H * w ^ 2) * mu * (INR H * w ^ 2)) with (4 * mu ^ 2) in best by (field; lra).
        replace ((INR H * (4 * mu / (INR H * w ^ 2) * w) ^ 2 / 8 + 2 * L) * (INR H * w ^ 2))
          with (2 * mu ^ 2 + 2 * (w ^ 2 * (INR H * L))) in best by (field; lra).
        lra.
      - pose proof (sequence_variance_slope_le theta) as flat. fold D in flat.
        rewrite <- w_zero, Rmult_0_r, Rmult_0_l in flat.
        assert (D_zero : D = 0) by (apply Rabs_le_between in flat; lra).
        unfold mu. rewrite D_zero, <- w_zero. lra. }
    replace (D / (2 * V)) with (SLOPE * mu) by (unfold mu, SLOPE; field; lra).
    rewrite Rabs_mult, (Rabs_pos_eq SLOPE), Rmult_assoc by (unfold SLOPE; lra).
    apply Rmult_le_compat_l; [unfold SLOPE; lra|].
    rewrite <- (sqrt_pow2 w) by exact w_nonneg.
    rewrite <- sqrt_mult_alt by apply pow2_ge_0.
    rewrite <- sqrt_Rsqr_abs. apply sqrt_le_1_alt. rewrite Rsqr_pow2. exact mu_square.
  Qed.
End LengthCertificate.

(** ** The slope is met by fair coins that pay their sum *)

Definition sum_of_coins (m : R) : R := m.

Lemma paid_coins_J H : sequence_J 1 origin (coins sum_of_coins H 0) = 0.
Proof.
  unfold sequence_J. rewrite <- (path_mean_reward 1 origin ahead), coins_mean.
  apply (score_mean 1 H origin ahead), coins_length.
Qed.

Lemma paid_coins_sigma H : sequence_sigma 1 origin (coins sum_of_coins H 0) = sqrt (INR H) / 2.
Proof.
  unfold sequence_sigma. rewrite (sequence_variance_path 1 _ origin ahead), coins_mean, paid_coins_J.
  rewrite (path_mean_ext _ _ _ _ _ (fun _ M _ => (0 + M) ^ 2)) by (intros; unfold sum_of_coins; ring).
  rewrite coins_second_moment.
  replace (0 ^ 2 + INR H / 4) with ((1 / 2) ^ 2 * INR H) by field.
  rewrite sqrt_mult_alt, sqrt_pow2 by (apply pow2_ge_0 || lra). lra.
Qed.

Theorem length_gradient_slope_is_attained H :
  dot 1 (sequence_gradient 1 origin (coins sum_of_coins H 0)) ahead
    = SLOPE * sqrt (INR H) * sequence_sigma 1 origin (coins sum_of_coins H 0) * 1.
Proof.
  rewrite (sequence_gradient_dot 1 H _ origin ahead (coins_length _ H 0)).
  unfold sequence_slope. rewrite coins_mean, paid_coins_J, paid_coins_sigma.
  rewrite (path_mean_ext _ _ _ _ _ (fun _ M _ => (0 + M) ^ 2)) by (intros; unfold sum_of_coins; ring).
  rewrite coins_second_moment. unfold SLOPE.
  replace (1 / 2 * sqrt (INR H) * (sqrt (INR H) / 2) * 1) with (sqrt (INR H) * sqrt (INR H) / 4) by field.
  rewrite sqrt_sqrt by apply pos_INR. field.
Qed.
