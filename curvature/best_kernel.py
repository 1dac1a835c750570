r"""Intervals for what counts of G cannot say without bias: the dead share at m > G, and σ̄ = E√(pq).

    T = Σ_k a_k f_k,    |E T − E φ(p)| ≤ b = max_p |Σ_k a_k Bin(k; G, p) − φ(p)|,    T ± cv(b/se) · se

a makes b + 1.96 s(a)/√n least, where s(a) is the deviation of a_k when every k is as likely as any other (that is, when
p is uniform). It depends on φ, G and n alone, never on the counts, so that b holds whatever the law of p, and se is
that of a mean of independent terms. cv(t) is the 95% point of |N(t, 1)|. The linear programme looks at points; b is
then bounded everywhere: with p = (1 − cos θ)/2, T(θ) = Σ a_k Bin(k; G, p) is a trigonometric polynomial of degree G, so
by Bernstein's inequality |T''| ≤ G² S, S = max|T − c|, and S ≤ max_i |T_i − c|/(1 − G²h²/8) from points θ_i a step h
apart. Between neighbours the error D = T − φ is at most max(|D_i|, |D_{i+1}|) + (G² S + max|φ''|) h²/8. To se is added
what one more group of each k would add, since frequencies of 0 have no error of their own.

References: T. Armstrong, M. Kolesár (2018), Optimal inference in a class of regression models, Econometrica 86, §2
(intervals); Y. Wu, P. Yang (2019), Chebyshev polynomials, moment matching, and optimal estimation of the unseen, Annals
of Statistics 47 (best polynomials). Independent checks, coverage on five laws: tests/curvature/test_best_kernel.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float
from scipy.optimize import linprog, root_scalar
from scipy.special import ndtr, ndtri
from scipy.stats import binom

from curvature.count_kernels import Values, frequencies
from curvature.ranges import check_count, check_interval

Target = int | None
"""What is estimated: the dead share of groups of that size, or the mean deviation σ̄ (None)."""
LARGEST = 512
"""Size of group that is asked for at most."""
_CUTS, _SLACK = 60, 0.01
"""Linear programmes at most, and how near to the best one comes, as a share of b + 1.96 s/√n."""


@dataclass(frozen=True)
class Kernel:
    """A kernel and by how much its mean can miss, whatever the law of p."""

    values: Float[np.ndarray, " counts"]
    """[G+1] a_k."""
    bias: float
    """b, an upper bound of |Σ_k a_k Bin(k; G, p) − φ(p)| over all p."""


@dataclass(frozen=True)
class BiasAware:
    """An estimate with an interval that counts the worst bias in."""

    value: float
    """T; it may leave [0, 1], where the truth does not."""
    low: float
    high: float
    """Ends, cut to where the truth can be."""
    half_width: float
    """Before cutting."""
    bias: float
    std_error: float


def bias_aware_half_width(bias: float, std_error: float, level: float = 0.95) -> float:
    """cv(b/se) · se, cv(t) the `level` point of |N(t, 1)|: the half-width that covers at any bias within ±b.

    Raises:
        ValueError: a negative or infinite number, a level outside (0, 1).

    >>> round(bias_aware_half_width(0.0, 1.0), 3), round(bias_aware_half_width(0.2, 0.0), 3)
    (1.96, 0.2)
    """
    check_interval("bias", bias, 0, float("inf"), open_ends="h")
    check_interval("std_error", std_error, 0, float("inf"), open_ends="h")
    check_interval("level", level, 0, 1, open_ends="lh")
    if std_error == 0 or bias / std_error > 1e6:  # where |N(t, 1)| is t to every digit
        return float(bias + ndtri(level) * std_error)
    t = bias / std_error

    def miss(c: float) -> float:
        return float(ndtr(c - t) - ndtr(-c - t) - level)

    found = root_scalar(miss, bracket=(t, t + float(ndtri((1 + level) / 2)) + 1e-9), xtol=1e-12)
    return float(std_error * found.root)


@cache
def best_kernel(group_size: int, target: Target, num_groups: int | None) -> Kernel:
    """The kernel whose worst-case bias and noise are least together.

    Arguments:
        group_size: G of the counts, ≥ 1.
        target: m, for the dead share E[p^m + q^m] of groups of m ≤ 512; None, for σ̄ = E√(p(1−p)).
        num_groups: how many independent groups there will be; None for infinitely many: the bias alone is least.

    Returns:
        a_k and the bound b.

    Raises:
        ValueError: sizes that are no counts, or a size above 512.

    The dead share of pairs of groups of 2 is a polynomial of degree 2, 1 − 2pq; without noise nothing is missed.

    >>> kernel = best_kernel(2, 2, None)
    >>> print(kernel.values.round(6) + 0.0, kernel.bias < 1e-6)
    [1. 0. 1.] True
    """
    check_count("group_size", group_size, 1)
    _check_target(target)
    if num_groups is not None:
        check_count("num_groups", num_groups, 1)
    values = _solve(group_size, target, 0.0 if num_groups is None else ndtri(0.975) / np.sqrt(num_groups))
    return Kernel(values, worst_bias(values, target))


def bias_aware_interval(
    histogram: Values,
    target: Target,
    *,
    std_error: Callable[[np.ndarray], float] | None = None,
    num_groups: int | None = None,
) -> BiasAware:
    """The dead share at another size, or σ̄, with a 95% interval, from counts.

    Arguments:
        histogram: [G+1] how many groups have k = 0 … G right answers.
        target: as `best_kernel`.
        std_error: gives the standard error of Σ a_k f_k from a, where groups are not independent.
        num_groups: of how many independent groups the noise is, for the choice of a; as many as there are where None.

    Raises:
        ValueError: as `best_kernel` and `frequencies`.

    >>> found = bias_aware_interval([500, 0, 0, 500], 6)  # of 1000 groups of 3 none is mixed: p is near 0 or 1
    >>> found.low > 0.85, found.high
    (True, 1.0)
    """
    f = frequencies(histogram)
    number = max(int(np.sum(np.asarray(histogram, float))), 1)
    kernel = best_kernel(f.size - 1, target, number if num_groups is None else num_groups)
    value = float(f @ kernel.values)
    apart = (kernel.values - value) ** 2
    seen = float(np.sqrt(f @ apart / number)) if std_error is None else std_error(kernel.values)
    error = float(np.hypot(seen, np.sqrt(apart.sum()) / number))  # a k that was not seen may be seen next
    half, top = bias_aware_half_width(kernel.bias, error), 0.5 if target is None else 1.0
    low, high = (float(np.clip(end, 0, top)) for end in (value - half, value + half))
    return BiasAware(value, low, high, half, kernel.bias, error)


def worst_bias(values: Values, target: Target) -> float:
    """An upper bound of max_p |Σ_k a_k Bin(k; G, p) − φ(p)|, valid between the points that are looked at too.

    Raises:
        ValueError: values that are not finite, another target than `best_kernel` takes.

    >>> round(worst_bias([0.5, 0.5], 2), 6)  # |½ − (p² + q²)| is greatest at 0 and 1
    0.5
    """
    check_interval("values", values, -float("inf"), float("inf"), open_ends="lh")
    _check_target(target)
    a = np.asarray(values, float)
    G = a.size - 1
    number = min(max(4096, 128 * max(G, target or 1)), 32768)
    p, θ = _points(number)
    mean, square = _mean(a, p), (np.pi / number) ** 2 / 8
    S = np.ptp(mean) / 2 / (1 - G**2 * square)
    bend = G**2 * S + (0.5 if target is None else target**2 / 2)
    return float(np.abs(mean - _target(target, p, θ)).max() + bend * square)


def _check_target(target: Target) -> None:
    if target is not None:
        check_count("target", target, 1)
        if target > LARGEST:
            raise ValueError(f"target is {target}; allowed: 1 to {LARGEST}")


def _points(number: int) -> tuple[np.ndarray, np.ndarray]:
    """(p, θ) at number + 1 even steps of θ from 0 to π, p = (1 − cos θ)/2."""
    θ = np.pi * np.arange(number + 1) / number
    return np.sin(θ / 2) ** 2, θ


def _mean(a: np.ndarray, p: np.ndarray) -> np.ndarray:
    return binom.pmf(np.arange(a.size), a.size - 1, p[:, None]) @ a


def _target(target: Target, p: np.ndarray, θ: np.ndarray) -> np.ndarray:
    return np.sin(θ) / 2 if target is None else p**target + (1 - p) ** target


def _solve(G: int, target: Target, noise: float) -> np.ndarray:
    """Least b + noise · s(a), by linear programmes: each adds a tangent plane of s, until they all but touch.

    φ and the binomials are symmetric in p ↔ q, so a_k = a_{G−k}: half the variables, p up to ½.
    """
    half = G // 2 + 1
    fold = np.minimum(np.arange(G + 1), G - np.arange(G + 1))
    p, θ = _points(8 * max(G, 16))
    p, θ = p[: len(p) // 2 + 1], θ[: len(p) // 2 + 1]
    M, y = np.zeros((len(p), half)), _target(target, p, θ)
    np.add.at(M.T, fold, binom.pmf(np.arange(G + 1)[:, None], G, p))
    ones, zeros = np.ones((len(p), 1)), np.zeros((len(p), 1))
    rows, right = [np.hstack([M, -ones, zeros]), np.hstack([-M, -ones, zeros])], [y, -y]
    cost = np.concatenate([np.zeros(half), [1.0, noise]])
    weights = np.bincount(fold, minlength=half) / (G + 1)
    best, values = np.inf, np.zeros(half)
    for _ in range(_CUTS):
        found = linprog(
            cost,
            np.vstack(rows),
            np.concatenate(right),
            bounds=[(None, None)] * half + [(0, None)] * 2,
            method="highs",
        )
        if found.x is None:
            break  # what was found before is valid, if not the best
        a = found.x[:half]
        centred = a - weights @ a
        s = float(np.sqrt(weights @ centred**2))
        reached = float(found.x[half] + noise * s)
        if reached < best:
            best, values = reached, a
        if reached - found.fun <= _SLACK * best or s == 0:
            break
        rows.append(np.concatenate([weights * centred / s, [0.0, -1.0]])[None])
        right.append(np.zeros(1))
    return values[fold]
