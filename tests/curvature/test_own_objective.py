"""T20: the constant against a search over k, sums of F where prompts share parameters, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import beta as euler_beta
from scipy.special import betainc

from curvature import ascent_step, diameter, power_curvature_constant, width
from tests.strategies import bandits, batches

EXAMPLES = settings(max_examples=25)
ALPHAS = st.sampled_from([0.0, 0.3, 0.5, 1.0, 1.5, 2.0])


def own_objective(p, q, alpha):
    """F from the incomplete beta function; at α = 2 the log-odds."""
    if alpha == 2:
        return np.log(p) - np.log(q)
    b = 1 - alpha / 2
    small = euler_beta(b, b) * betainc(b, b, np.minimum(p, q))
    return np.where(p <= q, small, euler_beta(b, b) - small)


def state(batch, θ):
    """(p, q, E[φ|right] − E[φ|wrong]) of each prompt at θ, by sums of exponentials."""
    rows = []
    for logits, features, rewards in zip(batch.logits, batch.features, batch.rewards, strict=True):
        φ, right = np.asarray(features), np.asarray(rewards) == 1
        z = np.asarray(logits) + φ @ θ
        π = np.exp(z - z.max())
        π /= π.sum()
        p, q = π[right].sum(), π[~right].sum()
        rows.append((p, q, π[right] @ φ[right] / p - π[~right] @ φ[~right] / q))
    return tuple(map(np.asarray, zip(*rows, strict=True)))


def greatest_overlap(features) -> float:
    """λ_max of the sum of projections, from the singular vectors of each prompt's differences."""
    total = 0
    for φ in np.asarray(features):
        _, sizes, rows = np.linalg.svd(φ - φ.mean(axis=0))
        span = rows[: (sizes > 1e-9 * max(sizes[0], 1e-300)).sum()]
        total = total + span.T @ span
    return float(np.linalg.eigvalsh(total)[-1])


@settings(max_examples=60)
@given(batches(binary=True), ALPHAS, st.floats(-3, 0))
def test_t20_each_rule_raises_its_own_sum_under_any_overlap(batch, alpha, exponent):
    θ = np.zeros(batch.features.shape[-1])
    p, q, gap = state(batch, θ)
    D, λ = max(float(diameter(φ)) for φ in batch.features), greatest_overlap(batch.features)
    assume(D > 1e-3)
    assert 1 - 1e-9 <= λ <= len(p) + 1e-9
    G = ((p * q) ** (1 - alpha / 2)) @ gap
    η = float(ascent_step(alpha, overlap=max(λ, 1.0), diameter=D))
    start = own_objective(p, q, alpha).sum()
    for multiple in (10.0**exponent, 1.0, 2.0):
        after = state(batch, θ + multiple * η * G)
        gained = own_objective(after[0], after[1], alpha).sum() - start
        least = η * (G @ G) * (multiple - multiple**2 / 2)  # |G|²/(2ΛλD²) at 1, and 0 at 2
        assert gained >= least - 1e-12 * max(1.0, abs(start))


def bend(logits, features, rewards, direction, alpha):
    """d²F(J)/du² by automatic differentiation: the derivative of σ^{−α} J′."""

    def J(t):
        return jax.nn.softmax(logits + features @ (t * direction)) @ rewards

    def slope(t):
        p = J(t)
        return (p * (1 - p)) ** (-alpha / 2) * jax.grad(J)(t)

    return float(jax.grad(slope)(0.0))


@EXAMPLES
@given(bandits(binary=True), ALPHAS)
def test_t20_bounds_the_curvature_of_the_rules_own_sum(bandit, alpha):
    κ = bend(bandit.logits, bandit.features, bandit.rewards, bandit.direction, alpha)
    w = float(width(bandit.features, bandit.direction))
    assert abs(κ) <= float(power_curvature_constant(alpha)) * w**2 * (1 + 1e-9) + 1e-12


@EXAMPLES
@given(st.floats(0, 2))
def test_t20_is_the_greatest_value_and_half_of_it_is_refused(alpha):
    β, k = 1 - alpha / 2, np.linspace(0, 1, 200_001)[:-1]
    x = β * k
    M = np.where(x >= 0.5, x, 1 / (4 * (1 - np.minimum(x, 0.5))))
    searched, Λ = (((1 - k**2) / 4) ** β * M).max(), float(power_curvature_constant(alpha))
    assert abs(Λ - searched) <= 1e-8 * Λ  # the grid is 5e-6 fine, the curve flat at its top
    assert searched > Λ / 2


@pytest.mark.parametrize("alpha", [0.0, 0.2, 0.5, 1.0, 1.5, 2.0])
def test_t20_is_met(alpha):
    """A wrong arm and two right ones, or one: σ^{2−α}M(β|1 − 2p|) at the worst p, with equality."""
    β = 1 - alpha / 2
    k = 1 / (1 + np.sqrt(alpha)) if alpha + np.sqrt(alpha) >= 1 else 1 / np.sqrt(3 - alpha)
    p = (1 - k) / 2
    c = p / (2 * (1 - β * k)) if β * k < 0.5 else p
    logits = jnp.log(jnp.asarray([1 - p, p - c, c]))
    features, rewards = jnp.asarray([[0.0], [0.0], [1.0]]), jnp.asarray([0.0, 1.0, 1.0])
    κ = bend(logits, features, rewards, jnp.ones(1), alpha)
    assert κ == pytest.approx(float(power_curvature_constant(alpha)), rel=1e-9)


def test_values_that_the_theory_prints():
    wanted = [np.sqrt(3) / 18, np.sqrt(3) / 12, 1 / 4]
    np.testing.assert_allclose(power_curvature_constant([0.0, 1.0, 2.0]), wanted, rtol=1e-12)
    np.testing.assert_allclose(power_curvature_constant([0.5, 1.5]), [0.1150, 0.1882], atol=5e-5)
    assert float(ascent_step(1.0, overlap=3.0, diameter=2.0)) == pytest.approx(4 * np.sqrt(3) / 12, rel=1e-12)
    assert float(ascent_step(0.0, overlap=1.0, diameter=1.0)) == pytest.approx(6 * np.sqrt(3), rel=1e-12)  # T18's


def test_t20_needs_the_overlap():
    """Sixteen prompts on one parameter, half of them against the others: twice the step for λ = 1 lowers GRPO's sum."""
    starts = np.repeat([0.2, -0.2], 8)
    logits = np.stack([np.zeros(16), starts], axis=1)
    features = np.repeat([[[0.0], [1.0]], [[0.0], [-1.0]]], 8, axis=0)

    def total(θ):
        z = logits[:, 1] + features[:, 1, 0] * θ
        return (2 * np.arcsin(np.sqrt(1 / (1 + np.exp(-z))))).sum()

    def direction(θ):
        p = 1 / (1 + np.exp(-(logits[:, 1] + features[:, 1, 0] * θ)))
        return (np.sqrt(p * (1 - p)) * features[:, 1, 0]).sum()

    def moved(overlap):
        return total(1.0 + 2 * float(ascent_step(1.0, overlap=overlap, diameter=1.0)) * direction(1.0)) - total(1.0)

    assert direction(1.0) != 0
    assert moved(16.0) >= 0
    assert moved(1.0) < 0


def test_refusals():
    with pytest.raises(ValueError, match=r"alpha contains 2\.5"):
        power_curvature_constant(2.5)
    with pytest.raises(ValueError, match=r"overlap contains 0\.5"):
        ascent_step(1.0, overlap=0.5, diameter=1.0)
    with pytest.raises(ValueError, match=r"diameter contains 0\.0"):
        ascent_step(1.0, overlap=1.0, diameter=0.0)
