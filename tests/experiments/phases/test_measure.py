"""The surplus of one step over another: T3's enclosure on random and on tight pairs; the bins of σ."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bandits import from_array, locate, offsets_for_pass_rate, problem
from experiments.phases.measure import NUM_BINS, ROUNDING, bins, surplus


def two_arms(p):
    """One prompt of width 1: the change of its logits is (±½)·δ."""
    rewards = jnp.asarray([[1.0, 0.0]])
    return problem(from_array([[[0.5], [-0.5]]]), offsets_for_pass_rate(rewards, p), rewards)


def test_enclosure_is_used_up_by_a_tight_pair_and_half_of_it_is_refused():
    """T1 is sharp at p = (2 − √2)/4; against a step that does not move, all of the surplus's error is that step's."""
    one = two_arms((2 - np.sqrt(2)) / 4)
    change = 0.02 * jnp.asarray([[0.5, -0.5]])
    s = surplus(one, locate(one, one.offsets), change, 0 * change)
    error = abs(float(s.realised - s.first_order))
    assert 0.97 * float(s.remainder) < error <= float(s.remainder)  # ψ's and J's third orders differ by about w
    assert float(s.excess) <= 0 < float(s.half_excess)
    assert float(s.half_excess) == pytest.approx(error - float(s.remainder) / 2, rel=1e-12)


def test_surplus_is_inside_the_enclosure_for_any_two_changes():
    rng = np.random.default_rng(0)
    N, K, B = 4, 3, 400
    rewards = jnp.asarray(np.eye(K)[rng.integers(0, K, N)])
    one = problem(from_array(rng.standard_normal((N, K, 2))), offsets_for_pass_rate(rewards, 0.3), rewards)
    logits = 3 * rng.standard_normal((B, N, K))
    group, none = (10 ** rng.uniform(-2, 0.5, (B, 1, 1)) * rng.standard_normal((B, N, K)) for _ in range(2))
    s = jax.vmap(lambda z, a, b: surplus(one, locate(one, z), a, b))(*map(jnp.asarray, (logits, group, none)))

    def softmax(z):
        return np.exp(z) / np.exp(z).sum(-1, keepdims=True)

    r = np.asarray(rewards)
    J = (softmax(logits) * r).sum(-1)
    gains, excess, half = [], [], []
    for change in (group, none):
        gains.append((softmax(logits + change) * r).sum(-1) - J)
        a = np.ptp(change, axis=-1) / 2
        rest = np.sqrt(J * (1 - J)) * (np.exp(a) - 1 - a)
        off = np.abs(gains[-1] - (softmax(logits) * (r - J[..., None]) * change).sum(-1))
        excess.append((off - rest).max(-1))
        half.append((off - rest / 2).max(-1))
    # J is of order 1 and eᵃ up to e¹⁰: good to about 1e-15 of that
    np.testing.assert_allclose(s.realised, (gains[0] - gains[1]).mean(-1), rtol=0, atol=1e-14)
    np.testing.assert_allclose(s.excess, np.maximum(*excess), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(s.half_excess, np.maximum(*half), rtol=1e-10, atol=1e-14)
    error = np.abs(s.realised - s.first_order)
    assert (error <= s.remainder + ROUNDING).all()
    assert float(s.excess.max()) <= ROUNDING
    assert float(s.half_excess.max()) > ROUNDING  # the false variant, refused
    assert (error > ROUNDING).any()  # first order alone, refused
    assert (s.realised < s.certified - ROUNDING).any()  # a difference of lower bounds is no bound


def test_bins_are_those_of_a_histogram():
    rng = np.random.default_rng(1)
    σ = np.concatenate([rng.uniform(0.001, 0.5, 50), [0.0, 0.5]])  # the ends belong to the first and last bin
    g2 = rng.random(52)
    g2[50] = 0.0
    table = np.asarray(bins(jnp.asarray(g2), jnp.asarray(σ)))
    scaled = np.divide(g2, σ, out=np.zeros(52), where=σ > 0)
    for k, weight in enumerate((np.ones(52), g2, scaled, scaled - 2 * g2)):
        expected, _ = np.histogram(σ, NUM_BINS, (0, 0.5), weights=weight)
        np.testing.assert_allclose(table[:, k], expected, rtol=1e-12, atol=1e-14)
