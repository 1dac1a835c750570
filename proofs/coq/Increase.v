(** * Functions with a derivative of known sign

    A function whose derivative is nonnegative on [a, b] does not decrease there. With value and slope 0 at 0, a second
    derivative that is nonnegative on [0, b] makes the function nonnegative at b; and if the function is nonnegative for
    s >= 0, its second derivative at 0 is. *)

From Coq Require Import Reals Lra.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

Lemma continuity_of_derivative (f : R -> R) s l : is_derive f s l -> continuity_pt f s.
Proof.
  intros derivative. apply continuity_pt_filterlim, (ex_derive_continuous f). exists l. exact derivative.
Qed.

Lemma increase (f f' : R -> R) a b :
  a <= b -> (forall s, a <= s <= b -> is_derive f s (f' s)) -> (forall s, a <= s <= b -> 0 <= f' s) -> f a <= f b.
Proof.
  intros order derivative nonneg.
  destruct (MVT_gen f a b f') as [c [between slope]]; rewrite ?Rmin_left, ?Rmax_right in * by exact order.
  - intros s inside. apply derivative. lra.
  - intros s inside. apply continuity_of_derivative with (f' s), derivative, inside.
  - pose proof (Rmult_le_pos (f' c) (b - a) (nonneg c between)). lra.
Qed.

Lemma nonneg_of_second_derivative (f f' f'' : R -> R) b :
  0 <= b ->
  (forall s, 0 <= s <= b -> is_derive f s (f' s)) ->
  (forall s, 0 <= s <= b -> is_derive f' s (f'' s)) ->
  (forall s, 0 <= s <= b -> 0 <= f'' s) ->
  f 0 = 0 -> f' 0 = 0 -> 0 <= f b.
Proof.
  intros order first second nonneg value slope.
  rewrite <- value. apply (increase f f'); [exact order|exact first|].
  intros s [low high]. rewrite <- slope. apply (increase f' f''); [exact low| |].
  - intros t inside. apply second. lra.
  - intros t inside. apply nonneg. lra.
Qed.

(** A function with slope l < 0 at 0, where it is 0, is below (l/2) s soon after. *)
Lemma below_half_tangent (f : R -> R) l :
  is_derive f 0 l -> f 0 = 0 -> l < 0 -> exists b, 0 < b /\ forall s, 0 <= s <= b -> f s <= l / 2 * s.
Proof.
  intros derivative value negative. apply is_derive_Reals in derivative.
  destruct (derivative (- l / 2)) as [radius close]; [lra|].
  exists (radius / 2). pose proof (cond_pos radius) as positive. split; [lra|]. intros s [low high].
  destruct (Rle_lt_or_eq_dec 0 s low) as [later|<-]; [|lra].
  assert (quotient : Rabs ((f (0 + s) - f 0) / s - l) < - l / 2).
  { apply close; [lra|]. rewrite Rabs_pos_eq; lra. }
  apply Rabs_def2 in quotient. rewrite Rplus_0_l, value, Rminus_0_r in quotient.
  replace (f s) with (f s / s * s) by (field; lra). apply Rmult_le_compat_r; lra.
Qed.

Lemma second_derivative_nonneg (f f' : R -> R) l :
  (forall s, is_derive f s (f' s)) -> is_derive f' 0 l -> f 0 = 0 -> f' 0 = 0 ->
  (forall s, 0 <= s -> 0 <= f s) -> 0 <= l.
Proof.
  intros first second value slope nonneg. apply Rnot_lt_le. intros negative.
  destruct (below_half_tangent f' l second slope negative) as [b [positive below]].
  assert (falls : 0 <= l / 4 * b ^ 2 - f b).
  { replace 0 with ((fun s => l / 4 * s ^ 2 - f s) 0) by (rewrite value; ring).
    apply (increase (fun s => l / 4 * s ^ 2 - f s) (fun s => l / 2 * s - f' s)).
    - lra.
    - intros s _. apply (is_derive_minus (fun s => l / 4 * s ^ 2) f).
      + auto_derive; [exact I|field].
      + apply first.
    - intros s inside. pose proof (below s inside). lra. }
  pose proof (nonneg b (Rlt_le _ _ positive)).
  pose proof (Rmult_lt_0_compat (- l) (b ^ 2) ltac:(lra) (pow_lt b 2 positive)). lra.
Qed.
