"""T12–T14 against enumeration of all groups, direct binomial sums and Monte Carlo."""

import inspect
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import pdist
from scipy.stats import binom

from curvature import (
    adaptivity,
    adaptivity_window,
    best_group_step,
    expected_gain_bound,
    expected_weight,
    group_factor,
    grpo_statistics,
    reinforce_statistics,
)
from curvature.groups import binomial, group_std
from tests.strategies import group_sizes, pass_rates, seeds

EXAMPLES = settings(max_examples=25)
INF, NAN = float("inf"), float("nan")
SIZES = (2, 3, 4, 5, 8, 16, 64, 256)


def m_direct(p: float, G: int) -> float:
    """E √(k(G−k))/G by the direct binomial sum."""
    k = np.arange(G + 1)
    return float(binom.pmf(k, G, p) @ np.sqrt(k * (G - k)) / G)


# --- T13: the window ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, 5, 254])
@pytest.mark.parametrize("p", [0.0, 1e-6, 0.3, 0.999, 1.0])
def test_binomial_probabilities(number, p):
    ours = binomial(jnp.asarray(p), number)
    # log-gamma of 255 is about 1155: its ulps are 2e-13
    np.testing.assert_allclose(ours, binom.pmf(np.arange(number + 1), number, p), rtol=1e-11, atol=1e-300)


def test_binomial_keeps_leading_axes():
    p = jnp.array([[0.1, 0.2, 0.3]])
    assert binomial(p, 4).shape == (1, 3, 5)
    np.testing.assert_allclose(binomial(p, 4)[0, 2], binom.pmf(np.arange(5), 4, 0.3), rtol=1e-13)


def test_group_std_is_that_of_zeros_and_ones():
    for G in (2, 5, 8):
        rewards = [np.arange(G) < k for k in range(G + 1)]
        np.testing.assert_allclose(group_std(G), [np.std(r) for r in rewards], rtol=1e-14)
        np.testing.assert_allclose(group_std(G, ddof=1), [np.std(r, ddof=1) for r in rewards], rtol=1e-14)
        np.testing.assert_allclose(group_std(G, epsilon=0.1), [np.std(r) + 0.1 for r in rewards], rtol=1e-14)


@settings(max_examples=60)
@given(pass_rates(1e-6), group_sizes())
def test_t13_adaptivity_stays_in_its_window(p, G):
    low, high = adaptivity_window(G)
    b = float(adaptivity(p, G))
    assert low * (1 - 1e-9) <= b <= high * (1 + 1e-9)


@settings(max_examples=60)
@given(pass_rates(1e-6), group_sizes())
def test_t12_group_factor_is_the_direct_sum_and_below_jensen(p, G):
    m = float(group_factor(p, G))
    assert m == pytest.approx(m_direct(p, G), rel=1e-9)  # SciPy's pmf near p = 1 − 1e-6, G = 256
    assert m == pytest.approx(float(adaptivity(p, G)) * p * (1 - p) * (G - 1) / G, rel=1e-13)
    assert m <= np.sqrt(p * (1 - p) * (G - 1) / G) * (1 + 1e-9)


def test_t12_a_smaller_jensen_constant_is_refused():
    assert m_direct(0.5, 256) > 0.99 * np.sqrt(0.25 * 255 / 256)
    assert float(group_factor(0.5, 256)) > 0.99 * np.sqrt(0.25 * 255 / 256)
    assert float(group_factor(0.5, 2)) == pytest.approx(0.25, rel=1e-15)  # G = 2: mixed half the time, √1/2


@pytest.mark.parametrize("G", SIZES)
def test_t13_both_ends_are_met_and_a_narrower_window_is_refused(G):
    low, high = adaptivity_window(G)
    assert low == 2.0
    assert high == pytest.approx(G / np.sqrt(G - 1), rel=1e-15)
    for p in (0.0, 1.0):
        assert float(adaptivity(p, G)) == pytest.approx(high, rel=1e-12)
    least = float(adaptivity(0.5, G))
    if G == 2:
        assert [float(adaptivity(p, 2)) for p in (1e-6, 0.3, 0.5)] == [2.0, 2.0, 2.0]
    if G == 256:
        assert 2 <= least < 2.01  # so 2.01 is no lower end
    if G > 2:
        p = 1e-6
        assert 1 / np.sqrt(p * (1 - p)) > high  # exact GRPO's factor 1/σ leaves the window: refused
        assert float(adaptivity(p, G)) > 0.99 * high


def test_t13_caps_of_the_statement():
    caps = [round(adaptivity_window(G)[1], 2) for G in (2, 4, 8, 16, 64)]
    assert caps == [2.0, 2.31, 3.02, 4.13, 8.06]


def test_t13_adaptivity_at_a_point_and_over_arrays():
    # G = 3: j ~ Bin(1, p) and both terms are 3/√2
    np.testing.assert_allclose(adaptivity([[0.0, 0.2], [0.5, 1.0]], 3), np.full((2, 2), 3 / np.sqrt(2)), rtol=1e-14)
    # G = 4, p = 1/2: ¼·4/√3 + ½·4/2 + ¼·4/√3
    assert float(adaptivity(0.5, 4)) == pytest.approx(1 + 2 / np.sqrt(3), rel=1e-14)


@pytest.mark.parametrize(("ddof", "epsilon"), [(0, 0.0), (1, 0.0), (0, 0.1), (1, 1e-4)])
@pytest.mark.parametrize("G", [2, 3, 8])
def test_expected_weight_of_any_scaling(G, ddof, epsilon):
    """E over k ~ Bin(G, p) of k(G−k)/G² · weight(s_k), over pq(G−1)/G."""
    k = np.arange(1, G)
    s = np.sqrt(k * (G - k) / (G * (G - ddof))) + epsilon
    p = np.array([0.1, 0.6])
    for weight in (lambda s: 1 / s, lambda s: s**-0.5, lambda s: jnp.exp(-s)):
        direct = [binom.pmf(k, G, x) @ (k * (G - k) / G**2 * np.asarray(weight(s))) for x in p]
        ours = expected_weight(p, [NAN, *weight(group_std(G, ddof=ddof, epsilon=epsilon)[1:-1]), INF])
        np.testing.assert_allclose(ours, direct / (p * (1 - p) * (G - 1) / G), rtol=1e-12)
    np.testing.assert_allclose(expected_weight(p, np.ones(G + 1)), 1.0, rtol=1e-13)


def test_population_deviation_without_epsilon_is_the_default():
    inverse = 1 / group_std(5)[1:-1]
    np.testing.assert_allclose(expected_weight(0.3, [0, *inverse, 0]), adaptivity(0.3, 5), rtol=1e-14)
    parameters = inspect.signature(inspect.unwrap(group_std)).parameters
    assert parameters["ddof"].default == 0
    assert parameters["epsilon"].default == 0.0


# --- T12: means and covariances -----------------------------------------------------------------------------------


class Arms:
    """A small binary bandit with scores in R^d: what T12 needs, by enumeration."""

    def __init__(self, seed: int, K: int = 4, d: int = 2, scale: float = 1.0):
        rng = np.random.default_rng(seed)
        self.logits, self.features = scale * rng.standard_normal(K), rng.standard_normal((K, d))
        self.rewards = np.array([1.0, 1.0, *np.zeros(K - 2)])
        self.π = np.exp(self.logits) / np.exp(self.logits).sum()
        self.scores = self.features - self.π @ self.features
        self.p = float(self.π @ self.rewards)
        right, wrong = (self.conditional(self.rewards == r) for r in (1.0, 0.0))
        self.Δμ = right[0] - wrong[0]
        self.Σ1, self.Σ0 = right[1], wrong[1]
        self.g = (self.π * (self.rewards - self.p)) @ self.scores
        self.D = float(pdist(self.features).max())

    def conditional(self, mask):
        π = self.π * mask / (self.π * mask).sum()
        μ = π @ self.scores
        return μ, (self.scores - μ).T @ (π[:, None] * (self.scores - μ))

    def estimate(self, group, rule: str) -> np.ndarray:
        """The estimate of one group, straight from its definition; groups [..., G] of arms."""
        r = self.rewards[group]
        a = r - r.mean(axis=-1, keepdims=True)
        if rule == "group":
            s = r.std(axis=-1, keepdims=True)
            a = np.where(s > 0, a / np.where(s > 0, s, 1), 0)
        return np.einsum("...g,...gd->...d", a, self.scores[group]) / group.shape[-1]

    def groups(self, G: int) -> tuple[np.ndarray, np.ndarray]:
        """All K^G groups and their probabilities."""
        all_groups = np.array(list(product(range(len(self.π)), repeat=G)))
        return all_groups, self.π[all_groups].prod(axis=1)

    def statistics(self, rule: str, G: int):
        f = grpo_statistics if rule == "group" else reinforce_statistics
        return f(self.p, self.Δμ, self.Σ1, self.Σ0, G)


@pytest.mark.parametrize("rule", ["group", "none"])
@pytest.mark.parametrize(("seed", "G"), [(0, 2), (1, 3), (2, 4), (3, 5)])
def test_t12_equals_full_enumeration(rule, seed, G):
    arms = Arms(seed)
    groups, probability = arms.groups(G)
    estimates = arms.estimate(groups, rule)
    mean = probability @ estimates
    covariance = (estimates - mean).T @ (probability[:, None] * (estimates - mean))
    found = arms.statistics(rule, G)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-11, atol=1e-14)
    # each dropped term is refused by the same check
    p, q = arms.p, 1 - arms.p
    for wrong in (
        found.covariance - arms.Σ1 * (q - q**G) / G,
        found.covariance + np.outer(arms.Δμ, arms.Δμ) * 0.01,
        found.covariance + (arms.Σ1 * q**G + arms.Σ0 * p**G) / G,
    ):
        assert not np.allclose(wrong, covariance, rtol=1e-3, atol=0)


@pytest.mark.parametrize("rule", ["group", "none"])
def test_t12_within_four_standard_errors_of_monte_carlo(rule):
    arms, G, count = Arms(7, K=5, d=2), 16, 200_000
    groups = np.random.default_rng(0).choice(5, size=(count, G), p=arms.π)
    estimates = arms.estimate(groups, rule)
    found = arms.statistics(rule, G)
    error = estimates.std(axis=0) / np.sqrt(count)
    assert np.all(np.abs(estimates.mean(axis=0) - found.mean) <= 4 * error)
    centred = estimates - np.asarray(found.mean)
    products = centred[:, :, None] * centred[:, None, :]
    error = products.std(axis=0) / np.sqrt(count)
    gap = np.abs(products.mean(axis=0) - found.covariance)
    assert np.all(gap <= 4 * error)
    # without the G-dependence of the bracket (σ² for m_G² + …) the same check refuses
    wrong = found.covariance + 0.1 * np.outer(arms.Δμ, arms.Δμ) * arms.p * (1 - arms.p) / G
    assert np.any(np.abs(products.mean(axis=0) - wrong) > 4 * error)


@pytest.mark.parametrize("G", SIZES)
def test_t12_means_are_the_window_times_the_exact_gradient(G):
    """g = pq Δμ: E REINFORCE = g (G−1)/G and E GRPO = b_G times that."""
    arms = Arms(5)
    grpo, reinforce = arms.statistics("group", G), arms.statistics("none", G)
    np.testing.assert_allclose(reinforce.mean, arms.g * (G - 1) / G, rtol=1e-11)
    np.testing.assert_allclose(grpo.mean, float(adaptivity(arms.p, G)) * reinforce.mean, rtol=1e-11)
    np.testing.assert_allclose(grpo.mean, m_direct(arms.p, G) * arms.Δμ, rtol=1e-10)


@pytest.mark.parametrize("f", [grpo_statistics, reinforce_statistics])
@pytest.mark.parametrize("p", [0.0, 1.0])
def test_t12_nothing_moves_where_nothing_varies(f, p):
    found = f(p, [1.0, 2.0], np.eye(2), np.eye(2), 4)
    np.testing.assert_array_equal(found.mean, np.zeros(2))
    np.testing.assert_array_equal(found.covariance, np.zeros((2, 2)))


def test_t12_batches_under_vmap():
    p = jnp.array([0.2, 0.7])
    f = jax.vmap(lambda p: grpo_statistics(p, [1.0], [[0.5]], [[0.2]], 4))
    np.testing.assert_allclose(f(p).covariance[1], grpo_statistics(0.7, [1.0], [[0.5]], [[0.2]], 4).covariance)


# --- T14: the expected gain ---------------------------------------------------------------------------------------


def gain_arguments(arms: Arms, G: int):
    γ = 2 * np.linalg.norm(arms.g) / (np.sqrt(arms.p * (1 - arms.p)) * arms.D)
    return arms.p, γ, np.trace(arms.Σ1), np.trace(arms.Σ0), G, arms.D


def realised_gain(arms: Arms, G: int, c: float) -> float:
    """E[J⁺] − J after a step 4c/D² on the group's estimate, over all K^G groups."""
    groups, probability = arms.groups(G)
    δ = 4 * c / arms.D**2 * arms.estimate(groups, "group")
    z = arms.logits + δ @ arms.features.T
    π = np.exp(z - z.max(axis=1, keepdims=True))
    J = (π / π.sum(axis=1, keepdims=True)) @ arms.rewards
    return float(probability @ J - arms.p)


@settings(max_examples=12)
@given(seeds(), st.sampled_from((2, 3, 4, 5)))
def test_t14_bounds_the_expected_gain_and_equals_its_derivation(seed, G):
    arms = Arms(seed)
    groups, probability = arms.groups(G)
    estimates = arms.estimate(groups, "group")
    second_moment = 4 / arms.D**2 * probability @ np.sum(estimates**2, axis=1)
    σ = np.sqrt(arms.p * (1 - arms.p))
    for c in (0.05, 0.3, np.log(2), 1.0):
        bound = float(expected_gain_bound(*gain_arguments(arms, G), c))
        first_order = 4 * c / arms.D**2 * arms.g @ (probability @ estimates)
        assert bound == pytest.approx(first_order - σ * (np.expm1(c) - c) * second_moment, rel=1e-9, abs=1e-13)
        assert bound <= realised_gain(arms, G, c) + 1e-14


def test_t14_without_its_cost_the_bound_is_refused():
    broken = 0
    for seed in range(12):
        arms = Arms(seed)
        _, γ, *_ = gain_arguments(arms, 3)
        broken += m_direct(arms.p, 3) * γ**2 > realised_gain(arms, 3, 1.0)
    assert broken > 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("G", [2, 8, 64])
def test_t14_best_step_maximises_the_bound(seed, G):
    arguments = gain_arguments(Arms(seed), G)
    c = float(best_group_step(*arguments))
    best = minimize_scalar(lambda c: -float(expected_gain_bound(*arguments, c)), bounds=(0, 3), method="bounded")
    assert c == pytest.approx(best.x, abs=1e-4)  # SciPy's default xatol is 1e-5
    top = float(expected_gain_bound(*arguments, c))
    assert top >= -best.fun * (1 - 1e-12)
    assert top > float(expected_gain_bound(*arguments, 0.9 * c))
    assert top > float(expected_gain_bound(*arguments, 1.1 * c))
    assert top > 0


def test_t14_a_value_by_hand():
    """p = ½, G = 2, γ = 1, no within-class noise, D = 2: m = ¼, B = ½; c = ln 2 is best and gains ¼(2 ln 2 − 1)."""
    assert float(best_group_step(0.5, 1.0, 0.0, 0.0, 2, 2.0)) == pytest.approx(np.log(2), rel=1e-14)
    by_default = float(expected_gain_bound(0.5, 1.0, 0.0, 0.0, 2, 2.0))
    assert by_default == pytest.approx((2 * np.log(2) - 1) / 4, rel=1e-13)
    assert by_default == float(expected_gain_bound(0.5, 1.0, 0.0, 0.0, 2, 2.0, np.log(2)))
    # traces 3 and 5, q − q² = ¼: ν = 4/4 (¾ + 5/4) = 2, so B = (1 + 2)/2
    noisy = float(expected_gain_bound(0.5, 1.0, 3.0, 5.0, 2, 2.0, 1.0))
    assert noisy == pytest.approx(0.25 - 0.5 * (np.e - 2) * 1.5, rel=1e-13)


def test_t14_takes_no_step_where_nothing_varies():
    for p in (0.0, 1.0):
        assert float(best_group_step(p, 0.5, 1.0, 1.0, 4, 1.0)) == 0.0
        assert float(expected_gain_bound(p, 0.5, 1.0, 1.0, 4, 1.0)) == 0.0
    assert float(best_group_step(0.5, 0.0, 0.0, 0.0, 4, 1.0)) == 0.0
    assert float(best_group_step(0.5, 0.0, 1.0, 1.0, 4, 1.0)) == 0.0
    assert float(expected_gain_bound(0.5, 0.5, 1.0, 1.0, 4, 1.0, 0.0)) == 0.0


def test_t14_alignment_may_round_above_1():
    assert float(best_group_step(0.5, 1 + 5e-10, 0.0, 0.0, 2, 2.0)) == pytest.approx(np.log(2), rel=1e-8)


# --- refusals -----------------------------------------------------------------------------------------------------

E = np.eye(2)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: adaptivity(1.1, 4), r"pass_rate contains 1.1; allowed: numbers in \[0, 1\]"),
        (lambda: adaptivity(-0.1, 4), r"pass_rate contains -0.1; allowed: numbers in \[0, 1\]"),
        (lambda: adaptivity(0.5, 1), "group_size is 1; allowed: an integer of at least 2"),
        (lambda: adaptivity_window(1), "group_size is 1; allowed: an integer of at least 2"),
        (lambda: group_factor(NAN, 4), r"pass_rate contains nan; allowed: numbers in \[0, 1\]"),
        (lambda: group_std(1), "group_size is 1; allowed: an integer of at least 2"),
        (lambda: group_std(4, ddof=2), r"ddof is 2; allowed: 0 \(population\) or 1 \(sample\)"),
        (lambda: group_std(4, epsilon=-0.1), r"epsilon contains -0.1; allowed: numbers in \[0, inf\)"),
        (lambda: group_std(4, epsilon=INF), r"epsilon contains inf; allowed: numbers in \[0, inf\)"),
        (lambda: group_std(4, ddof=-1), "ddof is -1; allowed: 0"),
        (lambda: expected_weight(0.5, [1.0, 1.0]), "weights has length 2; allowed: at least 3"),
        (lambda: expected_weight(0.5, [[1.0, 1.0, 1.0]]), r"weights has shape \(1, 3\); allowed: \(any,\)"),
        (lambda: expected_weight(0.5, [0.0, NAN, 0.0]), "weights contains nan; allowed: finite numbers"),
        (lambda: expected_weight(1.5, [0.0, 1.0, 0.0]), r"pass_rate contains 1.5; allowed: numbers in \[0, 1\]"),
        (lambda: grpo_statistics(0.5, [1.0, 2.0], E, E, 1), "group_size is 1; allowed: an integer of at least 2"),
        (lambda: grpo_statistics(2.0, [1.0, 2.0], E, E, 4), r"pass_rate contains 2.0; allowed: numbers in \[0, 1\]"),
        (lambda: grpo_statistics([0.5], [1.0, 2.0], E, E, 4), r"pass_rate has shape \(1,\); allowed: \(\)"),
        (lambda: grpo_statistics(0.5, 1.0, E, E, 4), r"mean_gap has shape \(\); allowed: \(any,\)"),
        (lambda: grpo_statistics(0.5, [1.0, NAN], E, E, 4), "mean_gap contains nan; allowed: finite numbers"),
        (lambda: grpo_statistics(0.5, [1.0], E, [[1.0]], 4), r"covariance_right has shape \(2, 2\); allowed: \(1, 1\)"),
        (lambda: grpo_statistics(0.5, [1.0], [[1.0]], E, 4), r"covariance_wrong has shape \(2, 2\); allowed: \(1, 1\)"),
        (lambda: reinforce_statistics(0.5, [1.0], [[INF]], [[1.0]], 4), "covariance_right contains inf; allowed"),
        (lambda: reinforce_statistics(0.5, [1.0], [[1.0]], [[NAN]], 4), "covariance_wrong contains nan; allowed"),
        (
            lambda: reinforce_statistics(0.5, [1.0], [[1.0]], [[1.0]], 1),
            "group_size is 1; allowed: an integer of at least 2",
        ),
        (lambda: expected_gain_bound(1.5, 0.5, 1.0, 1.0, 4, 1.0), r"pass_rate contains 1.5; allowed: .* \[0, 1\]"),
        (
            lambda: expected_gain_bound(0.5, 1.5, 1.0, 1.0, 4, 1.0),
            r"alignment contains 1.5; allowed: .* \[0, 1\.000000001\]",
        ),
        (
            lambda: expected_gain_bound(0.5, -0.5, 1.0, 1.0, 4, 1.0),
            r"alignment contains -0.5; allowed: .* \[0, 1\.000000001\]",
        ),
        (
            lambda: expected_gain_bound(0.5, 0.5, -1.0, 1.0, 4, 1.0),
            r"trace_right contains -1.0; allowed: .* \[0, inf\)",
        ),
        (lambda: expected_gain_bound(0.5, 0.5, 1.0, INF, 4, 1.0), r"trace_wrong contains inf; allowed: .* \[0, inf\)"),
        (lambda: expected_gain_bound(0.5, 0.5, 1.0, 1.0, 1, 1.0), "group_size is 1; allowed: an integer"),
        (lambda: expected_gain_bound(0.5, 0.5, 1.0, 1.0, 4, 0.0), r"diameter contains 0.0; allowed: .* \(0, inf\)"),
        (lambda: expected_gain_bound(0.5, 0.5, 1.0, 1.0, 4, INF), r"diameter contains inf; allowed: .* \(0, inf\)"),
        (lambda: expected_gain_bound(0.5, 0.5, 1.0, 1.0, 4, 1.0, -1.0), r"step contains -1.0; allowed: .* \[0, inf\)"),
        (lambda: best_group_step(0.5, 0.5, 1.0, 1.0, 4, -1.0), r"diameter contains -1.0; allowed: .* \(0, inf\)"),
        (lambda: best_group_step(0.5, 0.5, 1.0, 1.0, 1, 1.0), "group_size is 1; allowed: an integer"),
    ],
)
def test_bad_input_is_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_arguments_go_by_name_too():
    np.testing.assert_allclose(group_std(group_size=2), [0, 0.5, 0], rtol=1e-15)
    # G = 2: one mixed group
    assert expected_weight(pass_rate=0.3, weights=[0.0, 0.5, 0.0]) == 0.5
