"""T17: the gain of real steps under coherence, A and L by other means, and what is refused with equal deviations."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curvature import coherent_gain, diameter, moments, rho, spread_factor
from tests.strategies import random_logits, random_rewards, seeds, unit


class Prompts:
    """φ(x, y) = e_x ⊗ u_y: the coherence of two spans is |e_x·e_y| / (|e_x||e_y|)."""

    def __init__(self, directions, logits, arms, rewards):
        self.features = np.einsum("xe,ya->xyea", directions, arms).reshape(len(directions), len(arms), -1)
        self.logits, self.rewards = np.asarray(logits), np.asarray(rewards)

    def total(self, θ):
        z = self.logits + self.features @ θ
        π = np.exp(z - z.max(axis=1, keepdims=True))
        return float(((π * self.rewards).sum(axis=1) / π.sum(axis=1)).sum())

    def moments(self):
        each = [moments(*one) for one in zip(self.logits, self.features, self.rewards, strict=True)]
        return np.stack([np.asarray(m.gradient) for m in each]), np.asarray([float(m.std) for m in each])

    def diameter(self):
        return max(float(diameter(φ)) for φ in self.features)

    def gained(self, rule, step):
        g, σ = self.moments()
        weights = 1 / σ if rule == "group" else np.ones_like(σ)
        return self.total(step * weights @ g) - self.total(np.zeros(g.shape[1]))


def directions(rng, N, spread):
    """Unit vectors that are orthogonal but for some noise, with their coherences."""
    e = np.eye(N) + spread * rng.normal(size=(N, N)) / np.sqrt(N)
    e /= np.linalg.norm(e, axis=1, keepdims=True)
    return e, np.abs(e @ e.T)


@settings(max_examples=30)
@given(seeds(), st.sampled_from([2, 4]), st.floats(0, 0.6), st.sampled_from(["group", "none"]), st.booleans())
def test_t17_real_steps_gain_at_least_as_much(seed, N, spread, rule, binary):
    rng = np.random.default_rng(seed)
    e, M = directions(rng, N, spread)
    arms = np.stack([unit(rng, 3) for _ in range(4)])
    prompts = Prompts(
        e, [random_logits(rng, 4) for _ in range(N)], arms, [random_rewards(rng, 4, binary) for _ in range(N)]
    )
    g, σ = prompts.moments()
    D = prompts.diameter()
    off = M - np.diag(np.diag(M))
    for coherence in (M, off.max()):
        c = coherent_gain(g, σ, coherence=coherence, diameter=D, rule=rule)
        assert prompts.gained(rule, float(c.step)) >= float(c.gain) - 1e-12 * max(1, np.abs(prompts.rewards).max())
    assert float(coherent_gain(g, σ, coherence=M, diameter=D, rule=rule).ascent) >= float(c.ascent) - 1e-9


@settings(max_examples=25)
@given(seeds(), st.sampled_from([2, 3, 6]), st.floats(0, 1))
def test_t17_number_and_matrix_by_other_means(seed, N, μ):
    rng = np.random.default_rng(seed)
    σ = np.exp(rng.uniform(-4, 0, N)) / 2
    M = np.full((N, N), μ)
    setting = {"diameter": 1.0, "rule": "group"}
    of_number = coherent_gain(np.ones((N, 1)), σ, coherence=μ, **setting)
    of_matrix = coherent_gain(np.ones((N, 1)), σ, coherence=M, **setting)
    B = μ * (np.sqrt(σ)[:, None] / np.sqrt(σ)[None] - np.eye(N))
    for _ in range(200):  # both forms at random points are below what eigenvalues say
        a = rng.normal(size=N)
        assert a @ B @ a <= ((1 - float(of_matrix.ascent)) * (1 + 1e-9) + 1e-14) * (a @ a)
        assert np.linalg.norm(a + B @ a) <= float(of_matrix.norm) * np.linalg.norm(a) * (1 + 1e-9)
    χ = np.sqrt(σ.mean() * (1 / σ).mean())
    assert float(of_number.ascent) == pytest.approx(1 - μ * (N * (1 + χ) / 2 - 1), rel=1e-9, abs=1e-12)
    # the rank-one matrix meets its bounds
    assert float(of_matrix.ascent) == pytest.approx(float(of_number.ascent), rel=1e-7, abs=1e-9)
    assert float(of_matrix.norm) <= float(of_number.norm) * (1 + 1e-9)
    # and T9's condition is never the better one
    worst = float(spread_factor(σ))
    assert float(of_matrix.ascent) >= 1 - μ * (N - 1) * worst - 1e-9 * worst


def opposed(shrink):
    """Two prompts of two arms with coherence .8 and opposed gradients; the first one's features are smaller."""
    e = np.array([[shrink, 0.0], [-0.8, 0.6]])
    logits = np.log([[0.5, 0.5], [0.01, 0.99]])
    return Prompts(e, logits, np.array([[0.5], [-0.5]]), np.array([[1.0, 0.0], [1.0, 0.0]]))


def test_t17_equal_deviations_must_not_be_assumed():
    """χ̂ = 1 would promise a gain (A = .2): ΣJ falls under GRPO."""
    prompts = opposed(0.0888)
    g, σ = prompts.moments()
    claimed = coherent_gain(g, np.full(2, σ.mean()), coherence=0.8, diameter=1.0, rule="group")
    assert float(claimed.gain) > 0
    step = float(claimed.step)
    assert prompts.gained("group", step) < 0
    honest = coherent_gain(g, σ, coherence=0.8, diameter=1.0, rule="group")
    assert (float(honest.step), float(honest.gain)) == (0.0, 0.0)
    assert float(honest.ascent) < 0
    reinforce = coherent_gain(g, σ, coherence=0.8, diameter=1.0, rule="none")
    assert prompts.gained("none", float(reinforce.step)) >= float(reinforce.gain) > 0


def test_rho_is_the_best_of_its_bound():
    c = np.linspace(0, 3, 300_001)
    for r in (0.1, 1.0, 5.0):
        assert float(rho(r)) == pytest.approx((c * r - (np.expm1(c) - c)).max(), rel=1e-8)  # the grid is 1e-5 fine
    np.testing.assert_allclose(rho([0.0, 1.0]), [0.0, 2 * np.log(2) - 1], rtol=1e-12)


def test_orthogonal_prompts_are_t6_and_jit_agrees():
    g, σ = np.array([[0.1, 0.0], [0.0, 0.2]]), np.array([0.3, 0.5])
    c = coherent_gain(g, σ, coherence=0.0, diameter=2.0, rule="group")
    assert float(c.step) == pytest.approx(4 * np.log(2) / 4)
    assert float(c.gain) == pytest.approx((2 * np.log(2) - 1) * (0.01 / 0.3 + 0.04 / 0.5))
    none = coherent_gain(g, σ, coherence=np.eye(2), diameter=2.0, rule="none")
    assert float(none.step) == pytest.approx(np.log(2) / 0.5)
    jitted = jax.jit(lambda g: coherent_gain(g, σ, coherence=0.3, diameter=2.0, rule="group").gain)(g)
    assert float(jitted) == pytest.approx(float(coherent_gain(g, σ, coherence=0.3, diameter=2.0, rule="group").gain))


def test_refusals():
    g, σ = np.ones((2, 1)), np.array([0.3, 0.5])
    with pytest.raises(ValueError, match="rule is 'batch'; allowed: 'group' and 'none'"):
        coherent_gain(g, σ, coherence=0.1, diameter=1.0, rule="batch")
    with pytest.raises(ValueError, match=r"deviations contains 0\.0"):
        coherent_gain(g, [0.0, 0.5], coherence=0.1, diameter=1.0, rule="group")
    with pytest.raises(ValueError, match=r"coherence contains 1\.5"):
        coherent_gain(g, σ, coherence=1.5, diameter=1.0, rule="group")
    with pytest.raises(ValueError, match=r"coherence has shape \(3, 3\); allowed: \(2, 2\)"):
        coherent_gain(g, σ, coherence=np.eye(3), diameter=1.0, rule="group")
    with pytest.raises(ValueError, match=r"ratio contains -1\.0"):
        rho(-1.0)
