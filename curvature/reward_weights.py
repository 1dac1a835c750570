"""Reward weights from a column of advantages: a linear problem once what divides is eliminated.

An advantage is A_i = x_i·w / D_u, with x_i the features of row i (its rewards less the group's means), w the weights,
and D_u > 0 what divides all rows of the unit u: a group, a batch, or (D = 1) the whole log. Within a unit A ∝ X w,
whatever D_u is, so w lies in the null space of

    X_u − A_u (A_u·X_u)/|A_u|²      stacked over all units,

found by a singular value decomposition; its length stays unknown. With D = 1 it is plain least squares, length and all.
Where D differs from row to row (the deviation of the other G − 1), A_i² wᵀS_i w = (x_i·w)² is linear in w wᵀ.
Independent check: tests/curvature/test_reward_weights.py, advantages of known weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curvature.ragged import Parts

FLAT = 1e-5
"""A singular value, of columns of length 1, below which a direction is not seen. Float32 leaves 1e-7 of rounding."""


@dataclass(frozen=True)
class Solution:
    """Weights that explain a column best, if they may be these."""

    weights: np.ndarray
    """[F]: of any length where `scaled` is False; 0 where not determined."""
    determined: np.ndarray
    """[F] bool: whether the column says anything of this function's weight."""
    scaled: bool
    """Whether the length of the weights is determined."""


def solve(features: np.ndarray, advantage: np.ndarray, unit: Parts | None) -> Solution:
    """The weights behind a column of advantages.

    Arguments:
        features: [R, F], each function's rewards less what is subtracted.
        advantage: [R].
        unit: the rows that are divided by the same number; None where nothing divides.

    Returns:
        Where several directions fit, the one nearest to equal weights.
    """
    length = np.sqrt((features**2).sum(axis=0))
    seen = length > 0
    X = features / np.where(seen, length, 1)
    if unit is None:
        w, determined = _least_squares(X, advantage)
        return Solution(w / np.where(seen, length, 1), determined & seen, True)
    square = unit.total(advantage**2)
    against = np.stack([unit.total(advantage * x) for x in X.T], axis=1)  # [units, F]
    slope = against / np.where(square > 0, square, 1)[:, None]
    w, determined = _null(X - advantage[:, None] * slope[unit.index], X, length)
    w = w * np.sign(((X @ w) * advantage).sum() or 1.0)
    return Solution(w / np.where(seen, length, 1), determined & seen, False)


def solve_row_by_row(centred: np.ndarray, advantage: np.ndarray, group: Parts, ddof: int) -> Solution:
    """The weights where each row is divided by the deviation of its group's other rows.

    Arguments:
        centred: [R, F], rewards less the group's means.
        advantage: [R].
        group: the groups.
        ddof: 0 or 1.
    """
    R, F = centred.shape
    n = group.sizes[group.index].astype(float)
    # rewards less the mean of the others: x n/(n − 1); of a group of one there are no others
    own = centred * (n / np.maximum(n - 1, 1))[:, None]
    rows, columns = np.triu_indices(F)
    system = np.empty((R, len(rows)))
    for k, (a, b) in enumerate(zip(rows, columns, strict=True)):
        product = centred[:, a] * centred[:, b]
        others = group.total(product)[group.index] - product * n / np.maximum(n - 1, 1)
        twice = 1.0 if a == b else 2.0
        system[:, k] = twice * (advantage**2 * others / np.maximum(n - 1 - ddof, 1) - own[:, a] * own[:, b])
    length = np.sqrt((system**2).sum(axis=0))
    scale = np.where(length > 0, length, 1)
    flat, _ = _null(system / scale, np.eye(len(length))[length > 0], length)
    outer = np.zeros((F, F))
    outer[rows, columns] = outer[columns, rows] = flat / scale
    values, vectors = np.linalg.eigh(outer)
    w = vectors[:, np.argmax(np.abs(values))]
    w = w * np.sign(((centred @ w) * advantage).sum() or 1.0)
    return Solution(w, np.abs(centred).max(axis=0, initial=0) > 0, False)


def _least_squares(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of the least length, and which entries are determined."""
    both = _triangular(np.column_stack([X, y]))
    U, s, Vt = np.linalg.svd(both[:, :-1], full_matrices=True)
    keep = np.flatnonzero(s > FLAT)
    w = Vt[keep].T @ ((U[:, keep].T @ both[:, -1]) / s[keep])
    return w, _determined(Vt[len(keep) :], X.shape[1])


def _null(Y: np.ndarray, X: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The direction w with Y w nearest to 0 among those that X sees, and which entries are determined.

    Where several are as near, the one nearest to equal weights, and no entry is determined.
    """
    F = Y.shape[1]
    s, Vt = _singular(X)
    seen, unseen = Vt[s > FLAT], Vt[s <= FLAT]
    if not len(seen):
        return np.zeros(F), np.zeros(F, bool)
    s, inner = _singular(Y @ seen.T)
    flat = inner[s <= FLAT] @ seen
    if len(flat) <= 1:
        return inner[-1] @ seen, _determined(unseen, F)
    w = flat.T @ (flat @ length)  # equal weights, in units of columns of length 1
    size = float(np.linalg.norm(w))
    return (w / size if size > 0 else flat[0]), np.zeros(F, bool)


def _determined(basis: np.ndarray, F: int) -> np.ndarray:
    """Which entries are the same for all directions: those in which the undetermined ones do not reach."""
    return np.ones(F, bool) if not len(basis) else np.abs(basis).max(axis=0) < 1e-3


def _singular(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Singular values and right vectors, one per column of the matrix."""
    _, s, Vt = np.linalg.svd(_triangular(matrix), full_matrices=True)
    return np.concatenate([s, np.zeros(len(Vt) - len(s))]), Vt


def _triangular(matrix: np.ndarray) -> np.ndarray:
    """The triangular factor, which has the same singular values, where there are more rows than columns."""
    return np.linalg.qr(matrix, mode="r") if matrix.shape[0] > matrix.shape[1] else matrix
