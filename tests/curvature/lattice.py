"""T10's dynamic programme on a lattice, nothing interpolated: an oracle from below, and the policies that meet it."""

import numpy as np


def lattice(H: int, n: int):
    """(√V_H(0), the best p of V_h(m)) with p and m multiples of 1/n: nothing is interpolated, so a true lower bound."""
    values, splits = np.zeros(H * n + 1), []
    k = np.arange(n + 1)[:, None]
    p = k / n
    for h in range(1, H + 1):
        j = np.arange((H - h) * n + 1)
        gain = (2 * j / n + 1 - 2 * p) ** 2 * p * (1 - p) + p * values[j + n - k] + (1 - p) * values[np.abs(j - k)]
        splits.append(gain.argmax(axis=0))
        values = gain.max(axis=0)
    return np.sqrt(values[0]), splits
