"""Right answers in classes, where a group has too many to show each number for itself.

Nothing is estimated from classes; they are what summary.json and pictures hold of large groups.
"""

from __future__ import annotations

import numpy as np

MOST = 128
"""Size of group up to which every number of right answers stands for itself."""
BETWEEN = 64
"""Classes of larger groups, beside all wrong and all right."""


def class_starts(group_size: int) -> np.ndarray:
    """The least number of right answers of each class, from 0 to G; the last class is all right alone.

    >>> class_starts(4).tolist()
    [0, 1, 2, 3, 4]
    >>> class_starts(100_000)[[0, 1, 2, -2, -1]].tolist()
    [0, 1, 1563, 98437, 100000]
    """
    if group_size <= MOST:
        return np.arange(group_size + 1)
    return np.concatenate([[0], 1 + np.arange(BETWEEN + 1) * (group_size - 1) // BETWEEN])


def in_classes(by_count: np.ndarray) -> np.ndarray:
    """Sums [classes] of what there is for each of k = 0 … G right answers."""
    return np.add.reduceat(by_count, class_starts(len(by_count) - 1))
