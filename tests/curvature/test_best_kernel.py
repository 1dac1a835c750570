"""Best kernels: the bias is an upper bound by enumeration, the least by duality, the published numbers; coverage.

The truth of coverage is computed from five laws, one of them the histogram of a real run. A beta-binomial fitted to the
same counts must fail where the law is no beta: it is the variant that the same check refuses.
"""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize
from scipy.stats import betabinom, binom, norm

from curvature.best_kernel import best_kernel, bias_aware_half_width, bias_aware_interval, worst_bias
from curvature.law_of_rates import law_of_rates
from tests.refusals import message

RUN = [19757, 7024, 4792, 4105, 3628, 3666, 4022, 5425, 11581]
"""Groups of 8 by right answers in a GRPO run of Qwen2.5-Math-1.5B (500 steps of 128 prompts): counted from
data/acc_step_500.json of github.com/ypwang61/One-Shot-RLVR, commit 21ed529, Apache-2.0."""
ATOMS = law_of_rates(RUN)
LAWS = {
    "U-shaped": (np.sin(np.pi * (np.arange(400) + 0.5) / 800) ** 2, np.full(400, 1 / 400)),
    "unimodal": ((np.arange(400) + 0.5) / 400, None),
    "atoms": (np.array([0.0, 0.04, 0.5, 0.97]), np.array([0.25, 0.35, 0.15, 0.25])),
    "bimodal": (np.array([0.03, 0.05, 0.07, 0.85, 0.9]), np.array([0.2, 0.3, 0.2, 0.15, 0.15])),
    "the real run": (ATOMS.rates, ATOMS.weights),
}
"""Atoms and weights; None is Beta(4, 4)."""


def law(name: str) -> tuple[np.ndarray, np.ndarray]:
    rates, weights = LAWS[name]
    if weights is None:
        weights = (rates * (1 - rates)) ** 3
        weights /= weights.sum()
    return rates, weights


def target(m: int | None, p: np.ndarray) -> np.ndarray:
    return np.sqrt(p * (1 - p)) if m is None else p**m + (1 - p) ** m


PUBLISHED = {4: (0.007, 0.062, 0.155), 8: (0.0008, 0.019, 0.077), 16: (0.0, 0.002, 0.022)}
"""Worst bias at 2G, 4G and 8G."""


@pytest.mark.parametrize("size", PUBLISHED)
def test_the_least_worst_bias(size: int) -> None:
    for times, published in zip((2, 4, 8), PUBLISHED[size], strict=True):
        bound = best_kernel(size, times * size, None).bias
        assert bound == pytest.approx(published, abs=0.001 if published > 0.001 else 0.0001)


@pytest.mark.parametrize(("size", "m"), [(2, 3), (4, 8), (8, 32), (8, None), (5, 20), (16, 64)])
@pytest.mark.parametrize("number", [None, 500])
def test_the_bias_is_a_bound_and_hardly_more(size: int, m: int | None, number: int | None) -> None:
    """Everywhere in between, by points that have nothing in common with the kernel's; 1% more is no bound's worth."""
    kernel = best_kernel(size, m, number)
    p = np.concatenate([np.random.default_rng(0).uniform(0, 1, 20_000), np.geomspace(1e-9, 1e-2, 5000)])
    error = sum(kernel.values[k] * comb(size, k) * p**k * (1 - p) ** (size - k) for k in range(size + 1)) - target(m, p)
    assert np.abs(error).max() <= kernel.bias
    assert np.abs(error).max() >= 0.98 * kernel.bias - 1e-4
    assert np.abs(error).max() > 0.9 * kernel.bias - 1e-4  # a false bound, 10% less, is refused where b is not rounding


@pytest.mark.parametrize(("size", "m"), [(4, 8), (8, 32), (5, None)])
def test_no_kernel_has_less(size: int, m: int | None) -> None:
    """Duality: a signed measure of mass 1 that no polynomial of degree G sees has |∫φ| as a lower bound of the bias."""
    p = np.sin(np.pi * np.arange(801) / 1600) ** 2
    M = binom.pmf(np.arange(size + 1)[:, None], size, p)
    both = np.hstack([M, -M])
    found = linprog(
        -np.concatenate([target(m, p), -target(m, p)]),
        A_eq=np.vstack([both, np.ones(1602)]),
        b_eq=np.append(np.zeros(size + 1), 1.0),
    )
    assert -found.fun <= best_kernel(size, m, None).bias <= -found.fun + 1e-4  # the grid, and the bound between points


def test_with_noise_bias_and_noise_are_least_together() -> None:
    def cost(size: int, m: int, number: int) -> float:
        kernel = best_kernel(size, m, number)
        return kernel.bias + norm.ppf(0.975) * kernel.values.std() / np.sqrt(number)

    for number in (100, 10_000):
        own = cost(8, 32, number)
        for other in (20, 1000, 10**6, None):
            kernel = best_kernel(8, 32, other)
            assert own <= (kernel.bias + norm.ppf(0.975) * kernel.values.std() / np.sqrt(number)) * 1.011  # ends at 1%


@settings(max_examples=30)
@given(st.lists(st.floats(-2, 2), min_size=2, max_size=12), st.one_of(st.none(), st.integers(1, 40)))
def test_the_bound_holds_for_any_kernel(values: list[float], m: int | None) -> None:
    p = np.linspace(0, 1, 5003)
    error = binom.pmf(np.arange(len(values)), len(values) - 1, p[:, None]) @ np.array(values) - target(m, p)
    assert np.abs(error).max() <= worst_bias(values, m) <= np.abs(error).max() + 1e-3


@pytest.mark.parametrize(("bias", "error"), [(0.0, 1.0), (0.3, 1.0), (2.0, 0.5), (1.0, 1e-3), (0.5, 0.0)])
def test_the_half_width_covers_at_the_worst_bias(bias: float, error: float) -> None:
    half = bias_aware_half_width(bias, error)
    if error == 0:
        assert half == bias
        return
    assert norm.cdf((half - bias) / error) - norm.cdf((-half - bias) / error) == pytest.approx(0.95, abs=1e-9)
    assert half <= bias + norm.ppf(0.975) * error + 1e-9


def fitted_beta(histogram: np.ndarray) -> tuple[float, float]:
    """The likeliest beta-binomial."""
    k, G = np.arange(len(histogram)), len(histogram) - 1
    found = minimize(
        lambda x: -(histogram @ betabinom.logpmf(k, G, *np.exp(x))) / histogram.sum(), [0.0, 0.0], method="Nelder-Mead"
    )
    a, b = np.exp(found.x)
    return float(a), float(b)


def drawn(name: str, number: int, draws: int) -> np.ndarray:
    """Histograms of groups of 8 with pass rates of that law."""
    rates, weights = law(name)
    chances = binom.pmf(np.arange(9)[:, None], 8, rates) @ weights
    return np.random.default_rng(0).multinomial(number, chances / chances.sum(), size=draws)


def covered(name: str, m: int | None, number: int, draws: int) -> float:
    """How often the interval covers."""
    rates, weights = law(name)
    truth = float(weights @ target(m, rates))
    found = [bias_aware_interval(histogram, m) for histogram in drawn(name, number, draws)]
    return float(np.mean([interval.low <= truth <= interval.high for interval in found]))


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("m", [16, 24, 32, None])
def test_intervals_cover_on_five_laws(name: str, m: int | None) -> None:
    assert covered(name, m, number=1200, draws=200) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 200)  # three errors


@pytest.mark.parametrize("name", ["atoms", "bimodal"])
@pytest.mark.parametrize("m", [16, 24, 32])
def test_a_beta_binomial_never_covers_where_the_law_is_no_beta(name: str, m: int) -> None:
    """Its own error is 1.96 √(D(1−D)/n) at most, were the model right: p(1−p) bounds the variance of any share."""
    rates, weights = law(name)
    truth = float(weights @ target(m, rates))
    for histogram in drawn(name, 12_000, 5):
        dead = float(betabinom.pmf([0, m], m, *fitted_beta(histogram)).sum())
        assert abs(dead - truth) > 1.96 * np.sqrt(dead * (1 - dead) / 12_000)
        assert bias_aware_interval(histogram, m).low <= truth <= bias_aware_interval(histogram, m).high


@pytest.mark.parametrize("number", [200, 64_000])
def test_intervals_cover_with_few_groups_and_with_many(number: int) -> None:
    for name in LAWS:
        assert covered(name, 32, number, draws=200) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 200), name


def test_an_interval_without_the_bias_misses_and_the_check_sees_it() -> None:
    rates, weights = law("the real run")
    truth = float(weights @ target(64, rates))
    chances = binom.pmf(np.arange(9)[:, None], 8, rates) @ weights
    kernel = best_kernel(8, 64, 10**6)
    histograms = np.random.default_rng(0).multinomial(10**6, chances / chances.sum(), size=50)
    value = histograms @ kernel.values / 10**6
    error = np.sqrt(histograms @ kernel.values**2 / 10**6 - value**2) / 1000
    assert (np.abs(value - truth) <= 1.96 * error).mean() < 0.5
    assert (np.abs(value - truth) <= kernel.bias + 1.96 * error).all()


def test_a_share_that_was_never_seen_still_has_an_error() -> None:
    found = bias_aware_interval([50, 0, 0, 0, 0, 0, 0, 0, 50], 16)
    assert found.std_error > 0
    assert found.high == 1.0
    assert bias_aware_interval([50, 0, 0, 0, 50], 8, std_error=lambda a: 0.1).std_error >= 0.1


def test_refusals() -> None:
    assert message(best_kernel, 0, 4, None).startswith("group_size is 0; allowed")
    assert message(best_kernel, 8, 513, None) == "target is 513; allowed: 1 to 512"
    assert message(best_kernel, 8, 16, 0).startswith("num_groups is 0; allowed")
    assert message(bias_aware_interval, [0, 0], 4) == "histogram has no groups; allowed: at least one"
    assert message(bias_aware_half_width, -1.0, 1.0).startswith("bias contains -1.0; allowed")
    assert message(worst_bias, [0.0, float("nan")], 4).startswith("values contains nan; allowed")
