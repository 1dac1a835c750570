"""T10 and T11 against all responses written out; the policies that meet them; smaller bounds, refused."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from bandits.enumeration import enumerate_responses, unrolled
from curvature._length_constant import length_constant, length_constant_bound, length_constant_lower
from curvature.deviation_bounds import curvature_bound, gradient_bound, log_std_bound, remainder_bound
from curvature.sequence import (
    sequence_width,
)
from curvature.sequence_bounds import (
    remainder_scale,
    sequence_curvature_bound,
    sequence_gradient_bound,
    sequence_log_std_bound,
    sequence_remainder_bound,
)
from tests.curvature.lattice import lattice
from tests.strategies import random_delta, random_logits, random_rewards, seeds, unit

EXAMPLES = settings(max_examples=40)


def random_case(seed: int):
    """Any policy over V^H responses (a tree) and any rewards of them, along u and after δ."""
    rng = np.random.default_rng(seed)
    V, H = [(2, 2), (3, 3), (2, 5)][rng.integers(3)]
    τ = unrolled(V, H)
    S, d = τ.shape[0], 3
    z = np.stack([random_logits(rng, V) for _ in range(S)])
    φ = rng.normal(size=(S, V, d)) * (rng.random((S, 1, 1)) < 0.7)  # some states do not depend on the parameters
    φ[0, 0, 0] += 1
    rewards = random_rewards(rng, V**H, bool(rng.integers(2)))

    def responses(θ):
        y = enumerate_responses(z + φ @ θ, np.zeros((S, V)), τ, H, φ)
        return eqx.tree_at(lambda y: y.rewards, y, rewards)

    return responses, φ, unit(rng, d), random_delta(rng, d), H


def log_std_slope(y, u) -> float:
    """∂_u log σ = E[(r − J)² u·∇log π]/(2σ²)."""
    m = y.moments()
    return y.probabilities @ ((y.rewards - float(m.value)) ** 2 * (y.scores @ u)) / (2 * float(m.std) ** 2)


@EXAMPLES
@given(seeds())
def test_t10_and_t11_bound_curvature_slope_and_deviation(seed):
    responses, φ, u, _, H = random_case(seed)
    y = responses(np.zeros(3))
    m = y.moments()
    w = sequence_width(jnp.asarray(φ @ u), jnp.ones(φ.shape[0], bool))
    assert abs(u @ m.hessian @ u) <= float(sequence_curvature_bound(m.std, w, H)) * (1 + 1e-9) + 1e-14
    assert abs(m.gradient @ u) <= float(sequence_gradient_bound(m.std, w, H)) * (1 + 1e-9) + 1e-14
    if m.std > 1e-5:
        assert abs(log_std_slope(y, u)) <= float(sequence_log_std_bound(w, H)) * (1 + 1e-9)
        low, high = y.rewards.min(), y.rewards.max()
        std = min(float(m.std) / (high - low), 0.5)  # of the rewards brought to [0, 1]: ∂ log σ is the same
        assert abs(log_std_slope(y, u)) <= float(sequence_log_std_bound(w, H, std)) * (1 + 1e-9)


@EXAMPLES
@given(seeds())
def test_t11_certifies_any_step_from_both_sides(seed):
    responses, φ, _, δ, H = random_case(seed)
    y = responses(np.zeros(3))
    m = y.moments()
    w = sequence_width(jnp.asarray(φ @ δ), jnp.ones(φ.shape[0], bool))
    remainder = float(responses(δ).moments().value - m.value) - float(m.gradient @ δ)
    assert abs(remainder) <= float(sequence_remainder_bound(m.std, w, H)) * (1 + 1e-9) + 1e-13


def worst_case(H: int, n: int = 64):
    """The tree of `lattice`'s best increments with r = M_u: logits, transitions, features, rewards, the lattice's C."""
    C, splits = lattice(H, n)
    τ = unrolled(2, H)
    z = np.zeros(τ.shape)

    def fill(s: int, t: int, j: int) -> None:
        k = splits[H - t - 1][abs(j)]
        k = n - k if j < 0 else k  # V is even: at −m the increments are mirrored
        z[s] = np.log(k / n), np.log1p(-k / n)
        if t + 1 < H:
            fill(τ[s, 0], t + 1, j + n - k)
            fill(τ[s, 1], t + 1, j - k)

    fill(0, 0, 0)
    φ = np.zeros((*τ.shape, 1))
    φ[:, 0] = 1
    y = enumerate_responses(z, np.zeros(τ.shape), τ, H, φ)
    return z, τ, φ, y.along([1.0])[1], C


def test_t10_is_met_by_the_best_increments_and_smaller_constants_are_refused():
    for H in (2, 3, 5):
        z, τ, φ, r, C = worst_case(H)
        y = eqx.tree_at(lambda y: y.rewards, enumerate_responses(z, np.zeros(τ.shape), τ, H, φ), r)
        m = y.moments()
        curvature = float(m.hessian[0, 0])
        assert curvature == pytest.approx(C * float(m.std), rel=1e-11)  # width 1
        assert curvature <= float(sequence_curvature_bound(m.std, jnp.asarray(1.0), H))
        assert curvature > 0.999 * length_constant(H) * float(m.std)  # so 0.999 C(H) is no bound,
        assert curvature > length_constant_lower(H) * float(m.std)  # nor is the lower end of T10,
        assert curvature > float(curvature_bound(m.std, jnp.asarray(1.0)))  # nor T1 without its length,
        assert curvature > float(sequence_curvature_bound(m.std, jnp.asarray(1.0), H - 1))  # nor one token too few


def test_t11_certificate_with_a_smaller_constant_or_one_tokens_width_is_refused():
    H, w = 3, 0.02
    z, τ, φ, r, _ = worst_case(H)

    def value(s):
        return float(enumerate_responses(z + s * φ[..., 0], np.zeros(τ.shape), τ, H, φ).probabilities @ r)

    y = eqx.tree_at(lambda y: y.rewards, enumerate_responses(z, np.zeros(τ.shape), τ, H, φ), r)
    m = y.moments()
    remainder = max(abs(value(s) - value(0) - s * float(m.gradient[0])) for s in (w, -w))
    bound = float(sequence_remainder_bound(m.std, jnp.asarray(w), H))
    assert remainder <= bound
    assert remainder > bound * 0.97 * length_constant(H) / length_constant_bound(H)  # 0.97 C(H) in the place of C(H)
    assert remainder > bound * length_constant_lower(H) / length_constant_bound(H)
    assert remainder > float(remainder_scale(H) * remainder_bound(m.std, jnp.asarray(w)))  # ψ(w/2) for ψ(Hw/2)
    assert remainder > float(remainder_bound(m.std, jnp.asarray(w)))  # T3 as if for one choice


def test_t11_slope_is_met_by_a_sum_of_fair_coins_and_without_the_root_of_h_it_is_refused():
    H = 4
    m = enumerate_responses([[0.0, 0.0]], [[1.0, 0.0]], [[0, 0]], H, [[[1.7], [0.0]]]).moments()
    bound = float(sequence_gradient_bound(m.std, jnp.asarray(1.7), H))
    assert float(m.gradient[0]) == pytest.approx(bound, rel=1e-13)
    assert float(m.gradient[0]) > 1.9 * float(gradient_bound(m.std, jnp.asarray(1.7)))


def test_t11_deviation_is_nearly_met_by_all_right_and_smaller_bounds_are_refused():
    H, w = 8, jnp.asarray(1.0)
    τ, end, φ = [[0, 1], [1, 1]], [1.0, 0.0], [[[1.0], [0.0]], [[0.0], [0.0]]]
    for q in (1e-3, 0.3):
        y = enumerate_responses(np.log([[q, 1 - q], [1.0, 1.0]]), np.zeros((2, 2)), τ, H, φ, end)
        slope, σ = log_std_slope(y, np.ones(1)), float(y.moments().std)
        p = q**H
        assert slope == pytest.approx((1 - 2 * p) * H * (1 - q) / (2 * (1 - p)), rel=1e-9)
        plain, of_std = float(sequence_log_std_bound(w, H)), float(sequence_log_std_bound(w, H, σ))
        assert slope <= min(plain, of_std)
        assert slope > float(log_std_bound(w))  # T2 without its length
        if q == 0.3:
            assert of_std == pytest.approx(np.sqrt(H * np.log(1 / σ)) / 2, rel=1e-14)
            assert of_std < plain
            assert slope > 0.85 * of_std
        else:
            assert of_std == plain == H / 2
            assert slope > 0.99 * plain


def test_the_scale_of_the_remainder():
    assert remainder_scale(1) == 1
    assert remainder_scale(4) == pytest.approx(np.sqrt(37 / 16) / 4, rel=1e-15)


def test_bounds_of_one_token_are_those_of_one_softmax():
    σ, w = jnp.array([0.0, 0.3, 0.5]), jnp.array([2.0, 0.7, 3.0])
    for of_sequence, of_one in (
        (sequence_curvature_bound(σ, w, 1), curvature_bound(σ, w)),
        (sequence_gradient_bound(σ, w, 1), gradient_bound(σ, w)),
        (sequence_log_std_bound(w, 1), log_std_bound(w)),
        (sequence_remainder_bound(σ, w, 1), remainder_bound(σ, w)),
    ):
        np.testing.assert_allclose(of_sequence, of_one, rtol=1e-15)
    assert float(sequence_remainder_bound(jnp.asarray(0.0), jnp.asarray(1e4), 50)) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sequence_log_std_bound(jnp.asarray(1.0), 2, 0.6), r"std contains 0.6; allowed: numbers in \[0, 0.5\]"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
