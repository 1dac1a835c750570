r"""What counts of right answers say without bias: kernels h(k) whose mean over groups is a number of the law of p.

    E[h(k)] = φ(p),  k ~ Bin(G, p)        φ any polynomial of degree ≤ G:  p^j ← C(k, j)/C(G, j)
    dead share at m ≤ G                   p^m + q^m ← [C(k, m) + C(G−k, m)]/C(G, m)
    variance of the rewards               pq ← k(G−k)/(G(G−1))

No polynomial of higher degree and no √(pq) has such a kernel, for E[h(k)] is itself a polynomial of degree G in p; what
can be said of them is in `curvature.best_kernel`. An estimate is frequencies @ kernel. Needs no JAX. Independent checks
(enumeration over k): tests/curvature/test_count_kernels.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from curvature.ranges import check_count, check_interval

Values: TypeAlias = Sequence[Any] | np.ndarray
"""What functions of counts take: lists of numbers or NumPy arrays."""


def frequencies(histogram: Values) -> Float[np.ndarray, "*batch counts"]:
    """The share of the groups that have k = 0 … G right answers.

    Arguments:
        histogram: [*batch, G+1] how many groups have k right answers, or a weight of them; G ≥ 1.

    Raises:
        ValueError: fewer than 2 entries on the last axis, negative or infinite numbers, no groups at all.

    >>> print(frequencies([1, 0, 3]))
    [0.25 0.   0.75]
    """
    check_interval("histogram", histogram, 0, float("inf"), open_ends="h")
    n = np.asarray(histogram, float)
    if n.ndim < 1 or n.shape[-1] < 2:
        raise ValueError(f"histogram has shape {n.shape}; allowed: at least 2 entries, of k = 0 to G right answers")
    total = n.sum(axis=-1, keepdims=True)
    if not (total > 0).all():
        raise ValueError("histogram has no groups; allowed: at least one")
    return n / total


def polynomial_kernel(group_size: int, coefficients: Values) -> Float[np.ndarray, " counts"]:
    """h(k) with E h = Σ_j a_j p^j.

    Arguments:
        group_size: G ≥ 1.
        coefficients: [degree+1] a_j, of 1, p, p², …; a degree of at most G.

    Raises:
        ValueError: a degree above G, numbers that are not finite.

    >>> print(polynomial_kernel(4, [0, 1]))  # p itself: k/G
    [0.   0.25 0.5  0.75 1.  ]
    """
    check_count("group_size", group_size, 1)
    check_interval("coefficients", coefficients, -float("inf"), float("inf"), open_ends="lh")
    a, G = np.asarray(coefficients, float), group_size
    if a.ndim != 1 or not 1 <= a.size <= G + 1:
        raise ValueError(f"coefficients has shape {a.shape}; allowed: 1 to {G + 1} numbers in groups of {G}")
    return np.array([sum(a[j] * comb(k, j) / comb(G, j) for j in range(a.size)) for k in range(G + 1)])


def variance_kernel(group_size: int) -> Float[np.ndarray, " counts"]:
    """h(k) = k(G−k)/(G(G−1)), with E h = p(1−p).

    Raises:
        ValueError: G < 2.

    >>> print(variance_kernel(2))  # one right of two, which happens with probability 2pq, counts ½
    [0.  0.5 0. ]
    """
    check_count("group_size", group_size, 2)
    k, G = np.arange(group_size + 1), group_size
    return k * (G - k) / (G * (G - 1))


def dead_kernel(group_size: int, new_size: int) -> Float[np.ndarray, " counts"]:
    """h(k) = [C(k,m) + C(G−k,m)]/C(G,m), with E h = p^m + q^m: the share of dead groups were they of m ≤ G answers.

    It is the share of the m-subsets of the group that are all right or all wrong.

    Raises:
        ValueError: m < 1 or m > G.

    >>> print(dead_kernel(4, 2))  # of the 6 pairs of two right and two wrong, 2 are equal
    [1.         0.5        0.33333333 0.5        1.        ]
    """
    check_count("group_size", group_size, 1)
    check_count("new_size", new_size, 1)
    G, m = group_size, new_size
    if m > G:
        raise ValueError(f"new_size is {m}; allowed: 1 to {G}, the size of the groups")
    k = np.arange(G, m, -1)
    same = np.zeros(G + 1)  # C(k,m)/C(G,m), from C(k−1,m) = C(k,m)(k−m)/k
    same[m:] = np.concatenate([[1.0], np.cumprod((k - m) / k)])[::-1]
    return same + same[::-1]


@dataclass(frozen=True)
class Spread:
    """How pass rates differ between prompts, without the noise of drawing G answers."""

    mean: float
    """E p."""
    within: float
    """E p(1−p), of one answer's reward."""
    between: float
    """Var p; an unbiased estimate, which chance can make negative."""
    reliability: float
    """Var p / Var(k/G): the share of the variance of measured rates that is the prompts'; NaN where none varies."""


def rate_spread(histogram: Values) -> Spread:
    """Mean and variance of p over groups that are independent draws: Var p = Var(k/G) − E pq/G.

    Arguments:
        histogram: [G+1] how many groups have k = 0 … G right answers; G ≥ 2, at least 2 groups.

    Raises:
        ValueError: outside those shapes and ranges.

    Two prompts that are always right and always wrong differ by all that there is: mean ½, sample variance ½.

    >>> rate_spread([1, 0, 1])
    Spread(mean=0.5, within=0.0, between=0.5, reliability=1.0)
    """
    f = frequencies(histogram)
    if f.ndim != 1 or f.size < 3:
        raise ValueError(f"histogram has shape {f.shape}; allowed: (G + 1,) with G of at least 2")
    n, G = float(np.sum(np.asarray(histogram, float))), f.size - 1
    if n < 2:
        raise ValueError(f"histogram has {n:g} group; allowed: at least 2")
    rate = np.arange(G + 1) / G
    mean = float(f @ rate)
    total = float(f @ (rate - mean) ** 2) * n / (n - 1)
    within = float(f @ variance_kernel(G))
    between = total - within / G
    return Spread(mean, within, between, between / total if total > 0 else float("nan"))
