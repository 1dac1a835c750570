"""Sums, means and deviations over groups of any size, in plain NumPy: what audits of logs are made of.

Needs no JAX. Independent check: tests/curvature/test_ragged.py, loops over lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Parts:
    """R rows in N parts: groups, or batches, of which each row belongs to one."""

    index: np.ndarray
    """[R] int64: each row's part, from 0 to N − 1."""
    count: int
    """N."""

    @cached_property
    def sizes(self) -> np.ndarray:
        """[N]: rows of each part."""
        return np.bincount(self.index, minlength=self.count)

    def total(self, values: np.ndarray) -> np.ndarray:
        """[N]: the sum over each part's rows."""
        return np.bincount(self.index, values, self.count)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """[N]: the mean over each part's rows; 0 where a part has none."""
        return self.total(values) / np.maximum(self.sizes, 1)

    def centre(self, values: np.ndarray) -> np.ndarray:
        """[R]: less the part's mean, twice, so that equal values give 0 up to their own rounding."""
        once = values - self.mean(values)[self.index]
        return once - self.mean(once)[self.index]

    def deviation(self, values: np.ndarray, ddof: int) -> np.ndarray:
        """[N]: the deviation within each part, 0 where it has too few rows."""
        square = self.total(self.centre(values) ** 2)
        return np.sqrt(square / np.maximum(self.sizes - ddof, 1))

    def deviation_of_others(self, values: np.ndarray, ddof: int) -> np.ndarray:
        """[R]: the deviation of the part's other rows; 0 where there are too few.

        From Σ_j≠i (c_j − m_i)² = Σ c² − c_i² n/(n − 1) with c centred, n rows and m_i the mean of the others.
        """
        c = self.centre(values)
        n = self.sizes[self.index]
        square = self.total(c**2)[self.index] - c**2 * n / np.maximum(n - 1, 1)
        largest = self.largest(np.abs(c))[self.index]
        square = np.where(square > 1e-13 * n * largest**2, square, 0)  # what cancellation leaves of equal others
        return np.sqrt(square / np.maximum(n - 1 - ddof, 1)) * (n - 1 > ddof)

    def largest(self, values: np.ndarray) -> np.ndarray:
        """[N]: the greatest value of each part; 0 where a part has none or only negative ones."""
        found = np.zeros(self.count)
        np.maximum.at(found, self.index, values)
        return found


def parts(labels: np.ndarray) -> Parts:
    """Parts by label: rows with equal labels belong together.

    >>> parts(np.array([7, 7, 9])).sizes.tolist()
    [2, 1]
    """
    names, index = np.unique(labels, return_inverse=True)
    return Parts(index.reshape(-1).astype(np.int64), len(names))
