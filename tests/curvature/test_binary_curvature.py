"""T18: the two parts against the Hessian and against the log-odds' own second derivative; the bound, met at every p."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from curvature import binary_curvature_bound, curvature_bound, curvature_split, local_curvature, moments, width
from curvature._moments import Moments
from tests.curvature.coins import coin
from tests.strategies import bandits, pass_rates

EXAMPLES = settings(max_examples=25)
NAN = float("nan")
HALF_DIGITS = 3e-8
"""Near σ = ½ a rounding of σ changes √(1 − 4σ²), and the bound, by up to √ε = 1.5e-8 of itself."""


def log_odds(bandit, t):
    """log of the right arms' mass over the wrong arms', at θ + t u."""
    z = bandit.logits + bandit.features @ (t * bandit.direction)
    right = bandit.rewards > 0.5
    lse = jax.scipy.special.logsumexp
    return lse(jnp.where(right, z, -jnp.inf)) - lse(jnp.where(right, -jnp.inf, z))


def split_of(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    return m, curvature_split(m, bandit.direction)


@EXAMPLES
@given(bandits(binary=True))
def test_t18_parts_add_up_and_are_those_of_the_log_odds(bandit):
    m, parts = split_of(bandit)
    κ = float(bandit.direction @ m.hessian @ bandit.direction)
    scale = float(m.std**2 * width(bandit.features, bandit.direction) ** 2)
    assert float(parts.curvature) == pytest.approx(κ, abs=1e-9 * scale + 1e-15)
    slope, bend = (float(f(lambda t: log_odds(bandit, t))(0.0)) for f in (jax.grad, lambda g: jax.grad(jax.grad(g))))
    pq = float(m.std) ** 2
    assert float(parts.slope) == pytest.approx(pq * (1 - 2 * float(m.value)) * slope**2, abs=1e-9 * scale + 1e-15)
    assert float(parts.bend) == pytest.approx(pq * bend, abs=1e-9 * scale + 1e-15)


@settings(max_examples=60)
@given(bandits(binary=True))
def test_t18_bounds_the_curvature_and_is_never_worse_than_t1(bandit):
    m, parts = split_of(bandit)
    w = width(bandit.features, bandit.direction)
    bound = float(binary_curvature_bound(m.std, w))
    assert abs(float(parts.curvature)) <= bound * (1 + HALF_DIGITS) + 1e-15
    assert bound <= float(curvature_bound(m.std, w)) * (1 + 1e-12)  # equal at one σ
    assert bound <= np.sqrt(3) / 18 * float(w) ** 2 * (1 + 1e-12)


def sharp(p: float) -> Moments:
    """A prompt of width 1 that attains the bound at p: two arms, or three where |1 − 2p| < ½."""
    if abs(1 - 2 * p) >= 0.5:
        return coin(p)[1]
    share, r = (p, 1.0) if p <= 0.5 else (1 - p, 0.0)
    logits = np.log([1 - share, share - 0.25, 0.25])
    return moments(logits, [[0.0], [0.0], [1.0]], [1 - r, r, r])


@EXAMPLES
@given(pass_rates(low=1e-4))
def test_t18_is_met_at_every_pass_rate_and_smaller_bounds_are_refused(p):
    m = sharp(p)
    κ, bound = abs(float(local_curvature(m, [1.0]))), float(binary_curvature_bound(m.std, 1.0))
    assert float(m.value) == pytest.approx(p, rel=1e-12)
    assert κ == pytest.approx(bound, rel=HALF_DIGITS)
    assert κ > 0.99 * bound
    k = abs(1 - 2 * p)
    if k < 0.49:
        assert κ > p * (1 - p) * k * (1 + 1e-9)  # M(k) = k below ½, refused


def test_t18_greatest_value_and_equality_with_t1():
    p = (1 - 1 / np.sqrt(3)) / 2
    assert float(binary_curvature_bound(np.sqrt(p * (1 - p)), 2.0)) == pytest.approx(4 * np.sqrt(3) / 18, rel=1e-12)
    p = (2 - np.sqrt(2)) / 4
    σ = np.sqrt(p * (1 - p))
    assert float(binary_curvature_bound(σ, 1.5)) == pytest.approx(float(curvature_bound(σ, 1.5)), rel=1e-12)
    σ = np.linspace(0, 0.5, 1001)
    assert float(jnp.max(binary_curvature_bound(σ, 1.0))) <= np.sqrt(3) / 18


def test_the_variance_of_right_arms_is_not_bounded_by_the_gap():
    """Var(X|right) ≤ d(w − d), refused: two right arms at both ends, the wrong one between them."""
    m = moments([0.0, 0.0, 0.0], [[0.0], [1.0], [0.5]], [1.0, 1.0, 0.0])
    parts = curvature_split(m, [1.0])
    assert float(parts.slope) == pytest.approx(0.0, abs=1e-15)
    assert float(parts.bend) == pytest.approx(2 / 9 / 4, rel=1e-12)


def test_t18_ends():
    np.testing.assert_allclose(binary_curvature_bound([0.0, 0.5], [3.0, 2.0]), [0.0, 0.25])
    parts = curvature_split(moments([0.0, 800.0], [[1.0], [0.0]], [1.0, 0.0]), [1.0])  # p has underflowed
    assert (float(parts.slope), float(parts.bend)) == (0.0, 0.0)
    parts = curvature_split(moments([0.0, 1.0], [[1.0], [0.0]], [1.0, 1.0]), [1.0])
    assert (float(parts.slope), float(parts.bend)) == (0.0, 0.0)


def test_t18_vmap_equals_a_loop():
    φ = jnp.asarray([[1.0, 0.0], [0.0, 2.0], [0.5, 0.5]])
    logits, r = jnp.asarray([[0.1, 0.2, 0.3], [2.0, 0.0, -1.0]]), jnp.asarray([1.0, 0.0, 1.0])
    batch = jax.vmap(lambda z: curvature_split(moments(z, φ, r), jnp.asarray([0.6, 0.8])))(logits)
    for x in range(2):
        one = curvature_split(moments(logits[x], φ, r), [0.6, 0.8])
        np.testing.assert_allclose([batch.slope[x], batch.bend[x]], [one.slope, one.bend], rtol=1e-12)


def test_refusals():
    _, m = coin(0.3)
    bare = Moments(m.value, m.std, m.gradient, m.hessian)
    with pytest.raises(ValueError, match=r"moments has no arms; allowed: the result of curvature.moments"):
        curvature_split(bare, [1.0])
    with pytest.raises(ValueError, match=r"moments are of the reward 0.5; allowed: rewards 0 and 1"):
        curvature_split(moments([0.0, 0.0, 0.0], [[0.0], [1.0], [2.0]], [0.0, 0.5, 1.0]), [1.0])
    with pytest.raises(ValueError, match=r"direction has shape \(2,\); allowed: \(1,\)"):
        curvature_split(m, [1.0, 0.0])
    with pytest.raises(ValueError, match="direction contains nan; allowed: finite numbers"):
        curvature_split(m, [NAN])
    with pytest.raises(ValueError, match=r"std contains 0\.6"):
        binary_curvature_bound(0.6, 1.0)
    with pytest.raises(ValueError, match=r"width contains -1\.0"):
        binary_curvature_bound(0.3, -1.0)
