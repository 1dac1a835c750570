"""Estimates from samples against exact bandits, by Monte Carlo and over every permutation and resample."""

from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from curvature import Estimate, local_curvature, moments, sampled_curvature, sampled_variance
from tests.strategies import unit

INF, NAN = float("inf"), float("nan")


def a_bandit(seed=5, K=5, d=3):
    rng = np.random.default_rng(seed)
    z, φ = rng.standard_normal(K), rng.standard_normal((K, d))
    return rng, moments(z, φ, [1.0, 0.0, 1.0, 0.0, 0.0]), unit(rng, d)


def draws(rng, m, repetitions, S):
    """Scores [R, S, d] and rewards [R, S] of sampled arms."""
    π = np.asarray(m.arms.probabilities)
    arms = rng.choice(π.size, size=(repetitions, S), p=π / π.sum())
    return np.asarray(m.arms.scores)[arms], np.asarray([1.0, 0.0, 1.0, 0.0, 0.0])[arms]


@pytest.mark.parametrize("S", [2, 6, 40, 200])
def test_sampled_curvature_and_variance_are_unbiased(S):
    rng, m, u = a_bandit()
    s, r = draws(rng, m, 20_000, S)
    π, scores = np.asarray(m.arms.probabilities), np.asarray(m.arms.scores)
    bend = -np.asarray(u @ (scores.T * π) @ scores @ u)  # −Var(u·φ), for every arm
    found = jax.jit(jax.vmap(sampled_curvature))(r, s @ u, np.full(r.shape, bend))
    κ = float(local_curvature(m, u))
    sampling = np.std(found.value) / np.sqrt(len(r))
    assert abs(float(jnp.mean(found.value)) - κ) < 4 * sampling
    variance = jax.jit(jax.vmap(sampled_variance))(r)
    assert abs(float(jnp.mean(variance.value)) - float(m.std) ** 2) < 4 * np.std(variance.value) / np.sqrt(len(r))
    if S >= 40:
        # mean squared errors are the variance over repetitions (itself known to √(2/20000) = .01 of a normal's), up to
        # the bias of plug-in moments, a few 1/S
        for e in (found, variance):
            assert float(jnp.mean(e.standard_error**2)) == pytest.approx(float(jnp.var(e.value)), rel=0.04 + 3 / S)
    if S == 6:  # the biased covariance, refused
        assert abs(float(jnp.mean(found.value)) * (S - 1) / S - κ) > 4 * sampling


def test_a_direction_from_the_same_samples_is_biased():
    """u = ĝ of other samples: E û'Hû is met; u = ĝ of the same samples: it is not."""
    rng, m, _ = a_bandit()
    repetitions, S = 40_000, 6
    s, r = draws(rng, m, repetitions, S)
    s_other, r_other = draws(rng, m, repetitions, S)
    π, scores = np.asarray(m.arms.probabilities), np.asarray(m.arms.scores)
    Σ = (scores.T * π) @ scores

    def ĝ(s, r):
        return np.einsum("ns,nsd->nd", r - r.mean(axis=1, keepdims=True), s) / (S - 1)

    def estimates(u):
        slopes = np.einsum("nsd,nd->ns", s, u)
        bends = np.repeat(-np.einsum("nd,de,ne->n", u, Σ, u)[:, None], S, axis=1)
        return np.asarray(jax.jit(jax.vmap(sampled_curvature))(r, slopes, bends).value)

    other, same = ĝ(s_other, r_other), ĝ(s, r)
    Hessian = np.asarray(m.hessian)
    expected = np.einsum("nd,de,ne->n", other, Hessian, other)
    fair, unfair = estimates(other) - expected, estimates(same) - expected
    assert abs(fair.mean()) < 4 * fair.std() / np.sqrt(repetitions)
    assert abs(unfair.mean()) > 4 * unfair.std() / np.sqrt(repetitions)


def test_the_null_is_the_scatter_over_every_permutation_of_the_rewards():
    rng = np.random.default_rng(3)
    r, a, b = rng.standard_normal(6), rng.standard_normal(6), rng.standard_normal(6)
    e = sampled_curvature(r, a, b)
    shuffled = np.asarray([np.cov(r[list(order)], a**2 + b)[0, 1] for order in permutations(range(6))])
    assert shuffled.mean() == pytest.approx(0.0, abs=1e-14)
    assert float(e.null) == pytest.approx(np.sqrt(np.mean(shuffled**2)), rel=1e-12)
    assert float(e.value) == pytest.approx(np.cov(r, a**2 + b)[0, 1], rel=1e-12)
    assert abs(float(e.null) / np.sqrt(5 / 6) - np.sqrt(np.mean(shuffled**2))) > 1e-2  # S for S − 1, refused


def test_the_standard_error_is_the_scatter_over_every_resample_of_the_sample():
    """Plug-in moments are the truth for the sample taken as the population: all 4⁴ resamples of it."""
    rng = np.random.default_rng(6)
    r, a, b = rng.standard_normal(4), rng.standard_normal(4), rng.standard_normal(4)
    M = a**2 + b
    resampled = [np.cov(r[list(i)], M[list(i)])[0, 1] for i in np.ndindex(4, 4, 4, 4)]
    np.testing.assert_allclose(sampled_curvature(r, a, b).standard_error, np.std(resampled), rtol=1e-11)
    resampled = [np.var(r[list(i)], ddof=1) for i in np.ndindex(4, 4, 4, 4)]
    np.testing.assert_allclose(sampled_variance(r).standard_error, np.std(resampled), rtol=1e-11)
    # rewards half right: the fourth moment less the squared second is 0, the error is not
    assert float(sampled_variance([1.0, 1.0, 0.0, 0.0]).standard_error) > 0.05


def test_resolved_needs_both_the_error_and_the_null():
    e = Estimate(jnp.asarray([2.1, 2.1, 2.1, -2.1, 1.9, 0.0, NAN]), jnp.asarray([1.0, 1.1, 0.1, 1.0, 1.0, 0.0, 1.0]),
                 jnp.asarray([0.5, 0.5, 1.1, 0.5, 0.5, 0.0, 1.0]))  # fmt: skip
    assert e.resolved.tolist() == [True, False, False, True, False, False, False]


def test_noise_is_rarely_called_resolved_and_a_signal_is():
    rng = np.random.default_rng(4)
    r, M = rng.integers(0, 2, (4000, 64)).astype(float), rng.standard_normal((4000, 64))
    noise = jax.jit(jax.vmap(sampled_curvature))(r, 0 * M, M)
    assert 0.02 < float(jnp.mean(noise.resolved)) < 0.065  # two sides of 2 deviations: .0455, less where null rules
    signal = jax.jit(jax.vmap(sampled_curvature))(r, 0 * M, M + r)
    assert float(jnp.mean(signal.resolved)) > 0.9


def test_rewards_that_do_not_vary_have_no_curvature_and_are_not_resolved():
    e = sampled_curvature([1.0, 1.0, 1.0], [0.3, 2.0, -1.0], [0.0, 1.0, 2.0])
    assert (float(e.value), float(e.standard_error), float(e.null)) == (0.0, 0.0, 0.0)
    assert not bool(e.resolved)


def test_float32_stays_float32():
    x = jnp.arange(5, dtype=jnp.float32)
    e = sampled_curvature(x % 2, x, -x)
    assert {leaf.dtype for leaf in jax.tree.leaves((e, sampled_variance(x)))} == {jnp.dtype(jnp.float32)}


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: sampled_curvature([1.0], [1.0], [1.0]), "rewards has length 1; allowed: at least 2"),
        (lambda: sampled_curvature([1.0, 0.0], [1.0], [1.0, 1.0]), r"slopes has shape \(1,\); allowed: \(2,\)"),
        (lambda: sampled_curvature([1.0, 0.0], [1.0, 1.0], [1.0]), r"bends has shape \(1,\); allowed: \(2,\)"),
        (lambda: sampled_curvature([1.0, NAN], [1.0, 1.0], [1.0, 1.0]), "rewards contains nan"),
        (lambda: sampled_curvature([1.0, 0.0], [INF, 1.0], [1.0, 1.0]), "slopes contains inf"),
        (lambda: sampled_curvature([1.0, 0.0], [1.0, 1.0], [1.0, NAN]), "bends contains nan"),
        (lambda: sampled_variance([1.0]), "rewards has length 1; allowed: at least 2"),
        (lambda: sampled_variance([[1.0]]), r"rewards has shape \(1, 1\); allowed: \(any,\)"),
        (lambda: sampled_variance([1.0, INF]), "rewards contains inf"),
    ],
)
def test_bad_input_is_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()
