r"""C(H), by how much H tokens can bend J: the constant of T10 between its proved bounds, searched for.

    |uᵀ∇²J u| ≤ C(H) σ w²,     √(H(H−1)/8) ≤ C(H) ≤ √(H(H+1)/8 − 3/16)                                      (T10)

Certificates use the upper bound. Independent checks: tests/curvature/test_length_constant.py.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt

import numpy as np

from curvature.ranges import check_count

LATTICE = 64
"""Points of the martingale's values in one width, in `length_constant`."""


def length_constant_bound(horizon: int) -> float:
    """√(H(H+1)/8 − 3/16) ≥ C(H): T10's proved constant, ¼ at H = 1. What every certificate here uses.

    Raises:
        ValueError: H < 1.

    >>> length_constant_bound(1), round(length_constant_bound(100), 3)
    (0.25, 35.529)
    """
    check_count("horizon", horizon, 1)
    return sqrt(horizon * (horizon + 1) / 8 - 3 / 16)


def length_constant_lower(horizon: int) -> float:
    """√(H(H−1)/8) ≤ C(H): met by fair coins and a reward affine in the square of their sum.

    Raises:
        ValueError: H < 1.

    >>> round(length_constant_lower(100), 3)
    35.178
    """
    check_count("horizon", horizon, 1)
    return sqrt(horizon * (horizon - 1) / 8)


def length_constant(horizon: int, *, lattice: int = LATTICE) -> float:
    """C(H) over martingales whose increments take two values, by dynamic programming.

        V_h(m) = max_p (2m+1−2p)² p(1−p) + p V_{h−1}(m+1−p) + (1−p) V_{h−1}(m−p),     C(H) = √V_H(0)

    An increment is 1−p with probability p and −p otherwise (width 1), and M² − ⟨M⟩ moves by (2m+1−2p) times it. A
    *lower* bound on T10's best constant for H ≥ 2, until it is proved that no increments of three values do better:
    no certificate uses it. V is even, kept on |m| ≤ H − h, and interpolated by cubics; the best p is found on a grid
    and refined by golden sections. Halving the lattice's step moves C(H) by less than 2e-6 of itself (H ≤ 32).

    Arguments:
        horizon: H ≥ 1.
        lattice: points in one width, at least 4.

    Raises:
        ValueError: outside those ranges.

    Cost: O(H² lattice); a third of a second at H = 32.

    >>> print(round(length_constant(2), 6), round(27**0.5 / 8, 6))
    0.649519 0.649519
    """
    check_count("horizon", horizon, 1)
    check_count("lattice", lattice, 4)
    return _length_constant(horizon, lattice)


@lru_cache(maxsize=64)
def _length_constant(horizon: int, lattice: int) -> float:
    values = np.zeros((horizon - 1) * lattice + 1)
    for h in range(1, horizon + 1):
        values = _best_split(np.arange((horizon - h) * lattice + 1) / lattice, values if h > 1 else None, lattice)
    return float(np.sqrt(values[0]))


def _best_split(m: np.ndarray, values: np.ndarray | None, lattice: int) -> np.ndarray:
    """max_p of the display in `length_constant`, at every m."""

    def gain(p: np.ndarray | float) -> np.ndarray:
        now = (2 * m + 1 - 2 * p) ** 2 * p * (1 - p)
        if values is None:
            return now
        return now + p * _cubic(values, (m + 1 - p) * lattice) + (1 - p) * _cubic(values, np.abs(m - p) * lattice)

    grid = np.linspace(0, 1, 33)
    table = np.stack([gain(p) for p in grid])
    at = grid[table.argmax(axis=0)]
    low, high = np.maximum(at - grid[1], 0), np.minimum(at + grid[1], 1)
    golden = (sqrt(5) - 1) / 2
    left, right = high - golden * (high - low), low + golden * (high - low)
    of_left, of_right = gain(left), gain(right)
    for _ in range(24):  # .0625 · .618²⁴ = 6e-7 in p, the square of that in the value
        better = of_left > of_right
        low, high = np.where(better, low, left), np.where(better, right, high)
        new = np.where(better, high - golden * (high - low), low + golden * (high - low))
        of_new = gain(new)
        left, right = np.where(better, new, right), np.where(better, left, new)
        of_left, of_right = np.where(better, of_new, of_right), np.where(better, of_left, of_new)
    return np.maximum(table.max(axis=0), np.maximum(of_left, of_right))


def _cubic(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The cubic through four neighbouring values, all on the same side of m = 0, where V has a kink."""
    first = np.clip(index.astype(int) - 1, 0, values.size - 4)
    s = index - first
    a, b, c, d = (values[first + i] for i in range(4))
    outer = (s - 1) * (s - 2) * (d * s - a * (s - 3)) / 6
    return outer + s * (s - 3) * (b * (s - 2) - c * (s - 1)) / 2
