"""T6 along simulated runs, T7 against quadrature and the integrated flow, T8 by finite differences."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp

from curvature import (
    gradient_norm_bound,
    hitting_time,
    moments,
    rate_ratio_bound,
    tail_exponent,
    theorem_step,
)
from tests.strategies import bandits, pass_rates, seeds

INF, NAN = float("inf"), float("nan")
C0 = 2 * np.log(2) - 1


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# --- T6 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("D", [0.5, 1.0, 3.0])
def test_t6_step(D):
    assert float(theorem_step(D)) == pytest.approx(4 * np.log(2) / D**2, rel=1e-15)


def test_t6_bound_equals_its_formula_and_broadcasts():
    s, D, Δ, T = 0.31, 1.7, 0.62, 50.0
    expected = np.sqrt(s * D**2 * Δ / (4 * C0 * T))
    assert float(gradient_norm_bound(s, D, Δ, T)) == pytest.approx(expected, rel=1e-14)
    many = gradient_norm_bound([0.0, 0.1, 0.5], D, Δ, [[1.0], [2.0]])
    np.testing.assert_allclose(
        many, np.sqrt(np.array([0.0, 0.1, 0.5]) * D**2 * Δ / (4 * C0 * np.array([[1.0], [2.0]]))), rtol=1e-14
    )
    assert float(gradient_norm_bound(0.5, D, 0.0, 1)) == 0.0
    assert float(gradient_norm_bound(0.5, 1.0, 1.0, 1)) == pytest.approx(np.sqrt(1 / (8 * C0)), rel=1e-14)


def run(logits, correct, rule: str, num_steps: int):
    """N prompts with one-hot features in blocks of their own (so D_x = √2), steps on the sum; NumPy only.

    Returns |g_x| and σ_x as [T, N], and Δ.
    """
    z = logits.copy()
    norms, deviations = [], []
    for t in range(num_steps):
        π = np.exp(z - z.max(axis=1, keepdims=True))
        π /= π.sum(axis=1, keepdims=True)
        J = (π * correct).sum(axis=1)
        if t == 0:
            gap = np.mean(1 - J)
        σ = np.sqrt(J * (1 - J))
        g = π * (correct - J[:, None])
        scale = σ if rule == "group" else np.full_like(σ, 0.5)
        z = z + 4 * np.log(2) / 2 * g / scale[:, None]
        norms.append(np.linalg.norm(g, axis=1))
        deviations.append(σ)
    return np.array(norms), np.array(deviations), gap


def prompts(regime: float, N: int = 16, K: int = 4, seed: int = 0):
    """Logits whose pass rates scatter around `regime`, with one right arm each."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((N, K))
    correct = np.eye(K)[rng.integers(0, K, N)]
    others = np.log((np.exp(logits) * (1 - correct)).sum(axis=1))
    start = np.log(regime / (1 - regime)) + rng.standard_normal(N)
    return np.where(correct > 0, (others + start)[:, None], logits), correct


def measured_and_bound(regime: float, rule: str, T: int):
    norms, σ, gap = run(*prompts(regime), rule, T)
    scale = σ.mean() if rule == "group" else 0.5
    return norms.mean(), float(gradient_norm_bound(scale, np.sqrt(2), gap, T))


@pytest.mark.parametrize("rule", ["group", "none"])
@pytest.mark.parametrize("regime", [0.005, 0.1, 0.5, 0.9])
def test_t6_bounds_the_average_gradient_norm(regime, rule):
    for T in (1, 10, 100, 1000):
        measured, bound = measured_and_bound(regime, rule, T)
        assert 0 < measured <= bound


@settings(max_examples=30)
@given(seeds(), st.sampled_from(("group", "none")), st.floats(1e-3, 1 - 1e-3), st.sampled_from((1, 7, 40)))
def test_t6_bounds_the_average_gradient_norm_of_random_prompts(seed, rule, regime, T):
    norms, σ, gap = run(*prompts(regime, N=4, K=3, seed=seed), rule, T)
    scale = σ.mean() if rule == "group" else 0.5
    assert norms.mean() <= float(gradient_norm_bound(scale, np.sqrt(2), gap, T)) * (1 + 1e-6)


@pytest.mark.parametrize("rule", ["group", "none"])
def test_t6_a_third_of_the_bound_and_a_faster_rate_are_refused(rule):
    ratios = {T: np.divide(*measured_and_bound(0.1, rule, T)) for T in (1, 10, 100)}
    assert max(ratios.values()) > 1 / 3
    assert any(ratio > 1 / np.sqrt(T) for T, ratio in ratios.items() if T > 1)  # 1/T for 1/√T


def test_t6_ratio():
    assert float(rate_ratio_bound(0.2)) == pytest.approx(0.4, rel=1e-15)
    assert float(rate_ratio_bound(0.2, 0.25)) == pytest.approx(0.8, rel=1e-15)
    assert float(rate_ratio_bound(0.25, 0.25)) == 1.0
    np.testing.assert_allclose(rate_ratio_bound([0.0, 0.5]), [0.0, 1.0])
    s, top = 0.12, 0.4  # the ratio of the squared bounds
    squared = (gradient_norm_bound(s, 1.0, 0.5, 10) / gradient_norm_bound(top, 1.0, 0.5, 10)) ** 2
    assert float(rate_ratio_bound(s, top)) == pytest.approx(float(squared), rel=1e-13)


# --- T7 -----------------------------------------------------------------------------------------------------------


def flow(pass_rate: float, alpha: float) -> float:
    """θ̇ = g/σ^α of two arms with features ±½ (D = 1): ż of the logit difference z."""
    return (pass_rate * (1 - pass_rate)) ** (1 - alpha / 2)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_t7_flow_is_that_of_the_rule(alpha):
    m = moments([np.log(0.2 / 0.8), 0.0], [[0.5], [-0.5]], [1.0, 0.0])
    assert float(m.gradient[0] / m.std**alpha) == pytest.approx(flow(0.2, alpha), rel=1e-13)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 1.5])
def test_t7_tail_exponent_is_fitted_by_the_integrated_flow(alpha):
    """ż = (pq)^{1−α/2} in log time: the slope of log(1 − p) between t = 10⁶ and 10⁸."""

    def rate(s, z):
        # pq = 1/(2 + 2 cosh z), safe for large z
        return np.exp(s) * (2 + 2 * np.cosh(z)) ** (alpha / 2 - 1)

    s = np.log([1e6, 1e8])
    z = solve_ivp(rate, (0.0, s[1]), [0.0], t_eval=s, rtol=1e-10, atol=1e-12, method="LSODA").y[0]
    fitted = np.diff(-np.log1p(np.exp(z)))[0] / np.diff(s)[0]
    assert fitted == pytest.approx(tail_exponent(alpha), abs=0.02)  # the statement's own tolerance
    assert abs(fitted - -1 / (2 - alpha)) > 0.3  # half the exponent, refused


def test_t7_exponents():
    assert [tail_exponent(a) for a in (0.0, 0.5, 1.0, 1.5)] == [-1.0, pytest.approx(-4 / 3), -2.0, -4.0]
    assert tail_exponent(2.0) == -INF
    assert tail_exponent(1.75) == -8.0


@pytest.mark.parametrize("alpha", [0.0, 1.0, 2.0])
@settings(max_examples=10)
@given(start=pass_rates(1e-4), target=pass_rates(1e-4))
def test_t7_hitting_time_equals_quadrature(alpha, start, target):
    low, high = (np.log(p / (1 - p)) for p in (start, target))
    expected, _ = quad(lambda z: (2 + 2 * np.cosh(z)) ** (1 - alpha / 2), low, high, epsabs=0, epsrel=1e-12, limit=200)
    # the start's logit is rounded before it is exponentiated: 1e-10 covers 9 · 1e-16 · (relative size of both ends)
    largest = abs(expected) + (min(start, 1 - start) ** (alpha / 2 - 1) + min(target, 1 - target) ** (alpha / 2 - 1))
    assert float(hitting_time(start, alpha, target)) == pytest.approx(expected, abs=1e-12 * largest)


@pytest.mark.parametrize("alpha", [0.0, 1.0, 2.0])
def test_t7_hitting_time_equals_the_flow(alpha):
    def hit(t, z):
        return z[0] - np.log(0.7 / 0.3)

    hit.terminal = True
    solution = solve_ivp(
        lambda t, z: flow(sigmoid(z), alpha), (0, 1e4), [np.log(0.02 / 0.98)], events=hit, rtol=1e-10, atol=1e-12
    )
    # 1e-7: the integrator's accumulated error at rtol 1e-10
    assert float(hitting_time(0.02, alpha, 0.7)) == pytest.approx(solution.t_events[0][0], rel=1e-7)


@pytest.mark.parametrize(
    ("alpha", "leading"), [(0.0, lambda p: 1 / p), (1.0, lambda p: 2 / np.sqrt(p)), (2.0, lambda p: np.log(1 / p))]
)
def test_t7_leading_order_from_a_small_start(alpha, leading):
    p = 1e-10
    # corrections are 2 ln(1/p)·p, √p and p
    assert float(hitting_time(p, alpha)) == pytest.approx(leading(p), rel=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 1.0, 2.0])
def test_t7_hitting_time_identities(alpha):
    assert float(hitting_time(0.5, alpha)) == 0.0
    assert float(hitting_time(0.1, alpha)) == pytest.approx(float(hitting_time(0.1, alpha, 0.5)), rel=1e-15)
    assert float(hitting_time(0.9, alpha)) == pytest.approx(-float(hitting_time(0.1, alpha)), rel=1e-13)
    whole = float(hitting_time(0.1, alpha, 0.8))
    assert float(hitting_time(0.1, alpha, 0.3) + hitting_time(0.3, alpha, 0.8)) == pytest.approx(whole, rel=1e-13)
    np.testing.assert_allclose(hitting_time([0.1, 0.3], alpha, 0.8)[0], whole, rtol=1e-15)
    assert float(hitting_time(0.5, 2.0, 1 - 1e-12)) == pytest.approx(-np.log(1e-12), rel=1e-5)  # 1 − 1e-12 is rounded


# --- T8 -----------------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(bandits(binary=True, sizes=((3, 2), (6, 3))))
def test_t8_grpo_ascends_twice_the_arcsine_of_the_root(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards, hessian=False)
    h = 1e-4

    def clock(t):
        logits = bandit.logits + bandit.features @ (t * bandit.direction)
        J = moments(logits, bandit.features, bandit.rewards, hessian=False).value
        return 2 * np.arcsin(np.sqrt(float(J)))

    slope = (8 * (clock(h) - clock(-h)) - (clock(2 * h) - clock(-2 * h))) / (12 * h)
    ours = float(m.gradient @ bandit.direction / m.std)
    # rounding 1e-16/h over σ ≥ 1e-3 or so; truncation h⁴ w⁵
    assert slope == pytest.approx(ours, rel=1e-7, abs=1e-8)
    if abs(ours) > 1e-3:
        assert abs(slope / 2 - ours) > 1e-4  # arcsin √J without its factor 2, refused


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: theorem_step(0.0), r"diameter contains 0.0; allowed: numbers in \(0, inf\)"),
        (lambda: theorem_step(INF), r"diameter contains inf; allowed: numbers in \(0, inf\)"),
        (lambda: gradient_norm_bound(-0.1, 1.0, 0.5, 10), r"scale contains -0.1; allowed: numbers in \[0, 0.5\]"),
        (lambda: gradient_norm_bound(0.51, 1.0, 0.5, 10), r"scale contains 0.51; allowed: numbers in \[0, 0.5\]"),
        (lambda: gradient_norm_bound(0.5, 0.0, 0.5, 10), r"diameter contains 0.0; allowed: numbers in \(0, inf\)"),
        (lambda: gradient_norm_bound(0.5, INF, 0.5, 10), r"diameter contains inf; allowed: numbers in \(0, inf\)"),
        (lambda: gradient_norm_bound(0.5, 1.0, -0.1, 10), r"gap contains -0.1; allowed: numbers in \[0, 1\]"),
        (lambda: gradient_norm_bound(0.5, 1.0, 1.1, 10), r"gap contains 1.1; allowed: numbers in \[0, 1\]"),
        (lambda: gradient_norm_bound(0.5, 1.0, 0.5, 0.9), r"num_steps contains 0.9; allowed: numbers in \[1, inf\)"),
        (lambda: gradient_norm_bound(0.5, 1.0, 0.5, INF), r"num_steps contains inf; allowed: numbers in \[1, inf\)"),
        (lambda: rate_ratio_bound(0.2, 0.0), r"max_std contains 0.0; allowed: numbers in \(0, 0.5\]"),
        (lambda: rate_ratio_bound(0.2, 0.6), r"max_std contains 0.6; allowed: numbers in \(0, 0.5\]"),
        (lambda: rate_ratio_bound(0.4, 0.25), r"average_std / max_std contains 1.6; allowed: numbers in \[0, 1\]"),
        (lambda: rate_ratio_bound(-0.25, 0.25), r"average_std / max_std contains -1.0; allowed: numbers in \[0, 1\]"),
        (lambda: tail_exponent(-0.1), r"alpha contains -0.1; allowed: numbers in \[0, 2\]"),
        (lambda: tail_exponent(2.1), r"alpha contains 2.1; allowed: numbers in \[0, 2\]"),
        (lambda: hitting_time(0.0, 1.0), r"pass_rate contains 0.0; allowed: numbers in \(0, 1\)"),
        (lambda: hitting_time(1.0, 1.0), r"pass_rate contains 1.0; allowed: numbers in \(0, 1\)"),
        (lambda: hitting_time(0.1, 1.0, 0.0), r"target contains 0.0; allowed: numbers in \(0, 1\)"),
        (lambda: hitting_time(0.1, 1.0, 1.0), r"target contains 1.0; allowed: numbers in \(0, 1\)"),
        (lambda: hitting_time(0.1, 0.5), "alpha is 0.5; allowed: 0, 1 or 2"),
        (lambda: hitting_time("a", 1.0), "pass_rate has dtype <U1; allowed: an array of real numbers"),
    ],
)
def test_bad_input_is_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_results_are_jax_arrays():
    for result in (theorem_step(1.0), gradient_norm_bound(0.5, 1.0, 0.5, 10), rate_ratio_bound(0.2)):
        assert result.dtype == jnp.float64
