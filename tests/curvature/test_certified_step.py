"""T4, and steps along any direction: optimal, realised, and a greater promise is refused by the check."""

import inspect
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import pdist

from curvature import (
    alignment,
    best_step,
    best_step_along,
    certificate,
    first_order_step,
    moments,
    width,
)
from curvature._moments import Moments
from tests.curvature.coins import coin, expected_reward, ψ
from tests.strategies import bandits, batches

EXAMPLES = settings(max_examples=25)
INF, NAN = float("inf"), float("nan")


# --- T4 -----------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(bandits())
def test_t4_alignment_is_between_0_and_1(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    D = pdist(bandit.features).max()
    γ = float(alignment(m, D))
    assert 0 <= γ <= 1 + 1e-12
    assert γ == pytest.approx(2 * np.linalg.norm(m.gradient) / (float(m.std) * float(D)), rel=1e-13)


def test_t4_alignment_is_met_by_a_fair_coin_and_0_where_nothing_varies():
    _, m = coin(0.5, 2.0)
    assert float(alignment(m, 2.0)) == pytest.approx(1.0, rel=1e-15)
    assert float(alignment(m, 2.0)) * 1.05 > 1  # γ with 2.1 in the place of 2, refused
    assert float(alignment(m, 0.0)) == 0.0
    still = Moments(m.value, jnp.zeros(()), jnp.zeros(1), None)
    assert float(alignment(still, 2.0)) == 0.0
    assert float(best_step(still, 2.0).gain) == 0.0


@EXAMPLES
@given(bandits())
def test_t4_best_step_maximises_the_certificate_and_its_gain_is_realised(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    D, g = pdist(bandit.features).max(), np.asarray(m.gradient)
    norm, σ = np.linalg.norm(g), float(m.std)
    found = best_step(m, D)
    best = minimize_scalar(lambda s: -(s * norm - σ * ψ(s * D / 2)), bounds=(0, 2 / D), method="bounded")
    assert float(found.gain) >= -best.fun * (1 - 1e-9) - 1e-16
    s = float(found.length)
    np.testing.assert_allclose(found.gain, s * norm - σ * ψ(s * D / 2), rtol=1e-9, atol=1e-15)
    grid = s * np.linspace(0, 3, 61)
    assert np.all(grid * norm - σ * ψ(grid * D / 2) <= float(found.gain) * (1 + 1e-9) + 1e-15)
    if norm > 0:
        realised = expected_reward(*bandit[:3], s * g / norm) - float(m.value)
        assert float(found.gain) <= realised + 1e-14


def test_t4_gain_without_the_remainder_is_refused():
    φ, m = coin(0.5)
    step = best_step(m, 1.0)
    realised = expected_reward([0.0, 0.0], φ, [1.0, 0.0], [float(step.length)]) - 0.5
    assert realised == pytest.approx(0.3, rel=1e-12)  # e^{2 ln 2} = 4: from 1/2 to 4/5
    assert float(step.gain) == pytest.approx((2 * np.log(2) - 1) / 2, rel=1e-13)
    assert float(step.gain) <= realised < float(step.length * m.gradient[0])


@pytest.mark.parametrize("D", [1.0, 3.0])
def test_t4_tends_to_the_first_order_step(D):
    assert float(first_order_step(D)) == pytest.approx(4 / D**2, rel=1e-15)
    _, m = coin(1e-9, 1.0)  # γ = 2√(pq)/D ≈ 6e-5/D
    ratio = float(best_step(m, D).length / (m.gradient[0] / m.std))
    assert ratio == pytest.approx(4 / D**2, rel=1e-4)  # ln(1+γ) = γ(1 − γ/2 + …)


@pytest.mark.parametrize("f", [lambda D: best_step(coin(0.5)[1], D), first_order_step])
@pytest.mark.parametrize("D", [0.0, -1.0, INF, NAN])
def test_t4_bad_diameters_are_named(f, D):
    with pytest.raises(ValueError, match=rf"diameter contains {D}; allowed: numbers in \(0, inf\)"):
        f(D)


# --- the best certified step along a shared direction -------------------------------------------------------------


def along(slopes, std, widths, **options):
    return best_step_along(jnp.asarray(slopes), jnp.asarray(std), jnp.asarray(widths), **options)


def guaranteed(s, slopes, std, widths) -> float:
    return float(s * np.sum(slopes) - np.sum(np.asarray(std) * ψ(s * np.asarray(widths) / 2)))


@pytest.mark.parametrize("seed", range(8))
def test_best_step_along_maximises_the_sum_of_certificates(seed):
    rng = np.random.default_rng(seed)
    std, widths = rng.uniform(0.01, 0.5, 5), np.exp(rng.uniform(-3, 2, 5))
    slopes = std * widths / 2 * rng.uniform(-0.4, 1.0, 5)
    assert slopes.sum() > 0
    found = along(slopes, std, widths)
    best = minimize_scalar(
        lambda s: -guaranteed(s, slopes, std, widths), bounds=(0, 100), method="bounded", options={"xatol": 1e-12}
    )
    assert float(found.length) == pytest.approx(best.x, rel=1e-5)  # a maximum locates its argument to √eps
    assert float(found.gain) == pytest.approx(-best.fun, rel=1e-10)
    s = float(found.length)
    slope = slopes.sum() - np.sum(std * widths / 2 * np.expm1(s * widths / 2))
    assert abs(slope) <= 1e-12 * slopes.sum()
    for factor in (0.9, 1.1):
        assert guaranteed(factor * s, slopes, std, widths) < float(found.gain)


def test_best_step_along_of_one_prompt_is_its_own_best_step():
    _, m = coin(0.2, 1.3)
    found, own = along(m.gradient, m.std[None], [1.3]), best_step(m, 1.3)
    np.testing.assert_allclose(found.length, own.length, rtol=1e-13)
    np.testing.assert_allclose(found.gain, own.gain, rtol=1e-13)


@pytest.mark.parametrize(
    ("slopes", "std", "widths"),
    [
        ([-0.1, 0.05], [0.5, 0.5], [1.0, 1.0]),
        ([0.1, -0.1], [0.5, 0.5], [1.0, 1.0]),
        ([0.0, 0.0], [0.0, 0.0], [1.0, 1.0]),
        ([0.0, 0.0], [0.5, 0.5], [0.0, 0.0]),
        ([0.1, 0.1], [0.0, 0.5], [1.0, 0.0]),  # no prompt moves: nothing to balance, so no step is claimed
    ],
)
def test_best_step_along_stays_where_nothing_is_gained(slopes, std, widths):
    found = along(slopes, std, widths)
    assert (float(found.length), float(found.gain)) == (0.0, 0.0)


@pytest.mark.parametrize(("std", "widths"), [([0.5, 0.0], [1.0, 1e5]), ([0.5, 0.3], [1.0, 0.0])])
def test_best_step_along_ignores_prompts_that_do_not_move(std, widths):
    found, alone = along([0.2, 0.0], std, widths), along([0.2], [0.5], [1.0])
    np.testing.assert_allclose([found.length, found.gain], [alone.length, alone.gain], rtol=1e-13)
    assert float(found.gain) > 0


def test_best_step_along_halves_its_bracket():
    """The bracket's top is the least own solution ln(1 + Σg/(σh))/h; each iteration halves what is left."""
    slopes, std, widths = [0.05, 0.05], [0.5, 0.4], [1.0, 2.0]
    top = min(np.log1p(0.1 / (0.5 * 0.5)) / 0.5, np.log1p(0.1 / 0.4))
    exact = float(along(slopes, std, widths).length)
    assert 0 < exact < top
    assert float(along(slopes, std, widths, iterations=0).length) == 0.0
    for iterations in range(1, 12):
        low = float(along(slopes, std, widths, iterations=iterations).length)
        assert 0 <= exact - low <= top / 2**iterations * (1 + 1e-12)
        assert low * 2**iterations / top == pytest.approx(round(low * 2**iterations / top), abs=1e-9)
    assert inspect.signature(inspect.unwrap(best_step_along)).parameters["iterations"].default == 60


@settings(max_examples=10)
@given(batches())
def test_best_step_along_guarantees_a_realised_gain(batch):
    m = jax.vmap(moments)(batch.logits, batch.features, batch.rewards)
    v = jnp.sum(m.gradient, axis=0)
    widths = jax.vmap(width, (0, None))(batch.features, v)
    found = jax.jit(best_step_along)(m.gradient @ v, m.std, widths)
    realised = 0.0
    for z, φ, r in zip(batch.logits, batch.features, batch.rewards, strict=True):
        realised += expected_reward(z, φ, r, found.length * v) - expected_reward(z, φ, r, 0 * v)
    assert 0 < float(found.gain) <= realised + 1e-13
    scaled = jax.vmap(partial(best_step_along, std=m.std))(
        jnp.stack([m.gradient @ v, 2 * m.gradient @ v]), widths=jnp.stack([widths, 2 * widths])
    )
    np.testing.assert_allclose(scaled.gain, found.gain, rtol=1e-12)
    np.testing.assert_allclose(scaled.length, found.length / jnp.array([1.0, 2.0]), rtol=1e-12)


def test_a_batch_of_moments_is_refused_by_name():
    φ = jnp.array([[[0.5], [-0.5]]] * 2)
    many = jax.vmap(moments)(jnp.zeros((2, 2)), φ, jnp.array([[1.0, 0.0]] * 2))
    for call in (lambda: best_step(many, 1.0), lambda: certificate(many, φ[0], [1.0]), lambda: alignment(many, 1.0)):
        with pytest.raises(ValueError, match=r"moments is a batch of shape \(2,\); allowed: one prompt's"):
            call()
    steps = jax.vmap(lambda m: best_step(m, 1.0))(many)
    np.testing.assert_allclose(steps.gain, 0.5 * (2 * np.log(2) - 1), rtol=1e-14)
