r"""The law of pass rates behind counts: the nonparametric maximum-likelihood estimate, for replays and pictures.

    max_w Σ_k n_k log (Lw)_k,    L_kj = Bin(k; G, p_j),  w ≥ 0,  Σ w = 1,  p_j a grid with 0 and 1

The problem is concave. Each step solves its quadratic model exactly, by non-negative least squares, and halves the
step until the likelihood grows (Wang's constrained Newton method). With D(p) = Σ_k (n_k/n) Bin(k; G, p)/(Lw)_k − 1 the
log-likelihood per group lies within max_p D(p) of the greatest that any law has: D ≤ 0 everywhere is optimality.

Many laws fit counts alike, and this one has a few atoms wherever the truth has a density: no interval comes from it
(`curvature.best_kernel` gives those). References: B. Lindsay (1983), The geometry of mixture likelihoods, Annals of
Statistics 11; Y. Wang (2007), On fast computation of the non-parametric maximum likelihood estimate of a mixing
distribution, JRSS B 69. Independent checks: tests/curvature/test_law_of_rates.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import nnls
from scipy.stats import binom

from curvature.count_kernels import Values, frequencies
from curvature.ranges import check_count, check_interval, digits

GRID = 400
"""Steps of the grid of pass rates."""
_STEPS, _ENOUGH, _ANCHOR = 200, 1e-9, 1e4
"""Newton steps at most; the gap at which they end; the weight of Σ w = 1 in the least squares."""


@dataclass(frozen=True)
class LawOfRates:
    """A law of p with finitely many atoms."""

    rates: Float[np.ndarray, " atoms"]
    weights: Float[np.ndarray, " atoms"]
    """Of the groups; they sum to 1."""
    gap: float
    """max D over the grid: by how much the log-likelihood per group may lie below the greatest of any law on it."""

    def dead_share(self, group_size: int) -> float:
        """Σ w (p^G + q^G): what this law would give. A picture; for intervals see `curvature.best_kernel`.

        Raises:
            ValueError: G < 1.
        """
        check_count("group_size", group_size, 1)
        return float(self.weights @ (self.rates**group_size + (1 - self.rates) ** group_size))

    def quantiles(self, number: int) -> Float[np.ndarray, " number"]:
        """Pass rates at the levels (i + ½)/number, i = 0 … number − 1: prompts that stand for this law.

        Raises:
            ValueError: fewer than 1.

        >>> print(LawOfRates(np.array([0.2, 0.8]), np.array([0.5, 0.5]), 0.0).quantiles(4))
        [0.2 0.2 0.8 0.8]
        """
        check_count("number", number, 1)
        order = np.argsort(self.rates)
        below = np.cumsum(self.weights[order])
        index = np.searchsorted(below, (np.arange(number) + 0.5) / number * below[-1])
        return self.rates[order][np.minimum(index, len(self.rates) - 1)]


def law_of_rates(histogram: Values, num_rates: int = GRID) -> LawOfRates:
    """The law on the grid p = sin²(πj/2J), j = 0 … J, that makes the counts likeliest; atoms without weight left out.

    Arguments:
        histogram: [G+1] how many groups have k = 0 … G right answers; G ≥ 1.
        num_rates: J ≥ 2, steps of the grid.

    Raises:
        ValueError: outside those shapes and ranges.

    Pairs that are never mixed: only p = 0 and p = 1 explain them.

    >>> law = law_of_rates([1, 0, 3])
    >>> law.rates.tolist(), law.weights.round(6).tolist()
    ([0.0, 1.0], [0.25, 0.75])
    """
    f = frequencies(histogram)
    if f.ndim != 1:
        raise ValueError(f"histogram has shape {f.shape}; allowed: (G + 1,)")
    check_count("num_rates", num_rates, 2)
    seen = np.flatnonzero(f)
    return _likeliest(seen, np.full(seen.size, f.size - 1), f[seen], num_rates)


def law_of_counts(correct: Values, samples: Values, num_rates: int = GRID) -> LawOfRates:
    """As `law_of_rates`, from prompts that need not have the same number of samples.

    Arguments:
        correct: [prompts] right answers k of each.
        samples: [prompts] answers n of each, at least 1.
        num_rates: J ≥ 2, steps of the grid.

    Raises:
        ValueError: outside those shapes and ranges, or counts that are not whole.

    >>> law_of_counts([0, 2, 2, 3], [2, 2, 2, 3]).weights.round(6).tolist()
    [0.25, 0.75]
    """
    check_interval("samples", samples, 1, float("inf"), open_ends="h")
    check_interval("correct", correct, 0, float("inf"), open_ends="h")
    k, n = np.asarray(correct, float), np.asarray(samples, float)
    if k.ndim != 1 or k.shape != n.shape or k.size == 0:
        raise ValueError(f"correct has shape {k.shape} and samples {n.shape}; allowed: (prompts,), at least one")
    check_count("num_rates", num_rates, 2)
    fits = (k == np.floor(k)) & (n == np.floor(n)) & (k <= n)
    if not fits.all():
        row = int(np.argmin(fits))
        raise ValueError(
            f"correct contains {digits(k[row])} of {digits(n[row])} samples; allowed: whole numbers from 0 to samples"
        )
    (k, n), count = np.unique(np.stack([k, n]), axis=1, return_counts=True)
    return _likeliest(k, n, count / count.sum(), num_rates)


def _likeliest(k: np.ndarray, n: np.ndarray, f: np.ndarray, num_rates: int) -> LawOfRates:
    """Of counts k of n that have the shares f > 0."""
    p = np.sin(np.pi * np.arange(num_rates + 1) / (2 * num_rates)) ** 2
    L = binom.pmf(k[:, None], n[:, None], p)
    w = np.full(p.size, 1 / p.size)
    for _ in range(_STEPS):
        if (L.T @ (f / (L @ w))).max() - 1 <= _ENOUGH:
            break
        was, w = w, _step(L, f, w)
        if w is was:  # rounding ends it
            break
    gap = float((L.T @ (f / (L @ w))).max() - 1)
    kept = w > 0
    return LawOfRates(p[kept], w[kept], gap)


def optimality(law: LawOfRates, histogram: Values, rates: Values) -> Float[np.ndarray, " points"]:
    """D(p) at other points than the law's grid: at most about 0 everywhere where the law is the likeliest.

    Arguments:
        law: as `law_of_rates` gives it.
        histogram: [G+1] the counts that it was fitted to.
        rates: [points] p in [0, 1].

    Raises:
        ValueError: outside those shapes and ranges.
    """
    f = frequencies(histogram)
    check_interval("rates", rates, 0, 1)
    k, G = np.arange(f.size)[:, None], f.size - 1
    fitted = binom.pmf(k, G, law.rates) @ law.weights
    ratio = np.divide(f, fitted, out=np.zeros_like(f), where=f > 0)
    return ratio @ binom.pmf(k, G, np.asarray(rates, float)) - 1


def _step(L: np.ndarray, f: np.ndarray, w: np.ndarray) -> np.ndarray:
    """One step: the quadratic model is ½ Σ f_k (2 − (Lw')_k/(Lw)_k)², with Σ w' = 1 held by a heavy row."""
    fitted, root = L @ w, np.sqrt(f)
    rows = np.vstack([root[:, None] * L / fitted[:, None], np.full(w.size, _ANCHOR)])
    target, _ = nnls(rows, np.append(2 * root, _ANCHOR), maxiter=50 * w.size)
    target /= target.sum()
    was, size = f @ np.log(fitted), 1.0
    while size > 1e-12:
        new = w + size * (target - w)
        value = L @ new
        if (value > 0).all() and f @ np.log(value) > was:
            return np.where(new > 1e-14, new, 0) / new[new > 1e-14].sum()
        size /= 2
    return w
