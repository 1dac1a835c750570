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

import math
from dataclasses import dataclass

import numpy as np

from curvature.ragged import Parts

FLOOR = 2.0**-24
"""Rounding of float32, at 1."""
MOST_ROWS = 2000
"""Rows whose signs are looked at, so that the programme stays small."""
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


def solve(
    features: np.ndarray, advantage: np.ndarray, unit: Parts | None, likely: np.ndarray | None = None
) -> Solution:
    """The weights behind a column of advantages.

    Arguments:
        features: [R, F], each function's rewards less what is subtracted.
        advantage: [R].
        unit: the rows that are divided by the same number; None where nothing divides.
        likely: [F], weights to be near to where several directions fit; equal ones where None.
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
    near = length * (1.0 if likely is None else likely)
    w, determined = _null(X - advantage[:, None] * slope[unit.index], X, near)
    w = w * np.sign(((X @ w) * advantage).sum() or 1.0)
    return Solution(w / np.where(seen, length, 1), determined & seen, False)


def solve_row_by_row(
    centred: np.ndarray, advantage: np.ndarray, group: Parts, ddof: int, trust: np.ndarray | None = None
) -> Solution:
    """The weights where each row is divided by the deviation of its group's other rows.

    Arguments:
        centred: [R, F], rewards less the group's means.
        advantage: [R].
        group: the groups.
        ddof: 0 or 1.
        trust: [R], by what each row's equation is multiplied; 1 where None.
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
    if trust is not None:
        system *= trust[:, None]
    length = np.sqrt((system**2).sum(axis=0))
    scale = np.where(length > 0, length, 1)
    flat, _ = _null(system / scale, np.eye(len(length))[length > 0], length)
    outer = np.zeros((F, F))
    outer[rows, columns] = outer[columns, rows] = flat / scale
    values, vectors = np.linalg.eigh(outer)
    w = vectors[:, np.argmax(np.abs(values))]
    w = w * np.sign(((centred @ w) * advantage).sum() or 1.0)
    return Solution(w, np.abs(centred).max(axis=0, initial=0) > 0, False)


def solve_by_mean(centred: np.ndarray, means: np.ndarray, advantage: np.ndarray) -> tuple[Solution, float]:
    """The weights where each group is divided by its mean plus ε, and ε in their length.

    A (m·w + ε) = x·w is linear in w and ε.

    Arguments:
        centred: [R, F], rewards less the group's means.
        means: [R, F], the group's means.
        advantage: [R].
    """
    F = centred.shape[1]
    system = np.column_stack([advantage[:, None] * means - centred, advantage])
    length = np.sqrt((system**2).sum(axis=0))
    length[:F] = np.maximum(length[:F], np.sqrt((centred**2).sum(axis=0)))  # a weight that fits has an empty column
    scale = np.where(length > 0, length, 1)
    w, determined = _null(system / scale, np.eye(F + 1)[length > 0], length)
    w = w / scale
    w = w * np.sign(((centred @ w[:F]) * advantage).sum() or 1.0)
    return Solution(w[:F], determined[:F], False), float(w[F])


def solve_pairs(
    centred: np.ndarray, advantage: np.ndarray, ddof: int, epsilon: float, likely: np.ndarray | None = None
) -> Solution:
    """The weights in groups of two that are divided by their deviation: only ε and the signs know them.

    |A| = (d/2)/(κ d + ε) with d the difference of the two rewards and κ = 1/√2 (ddof 1) or ½ (ddof 0), so that
    d = ε/(1/(2|A|) − κ), as exactly as float32 shows how |A| differs from 1/(2κ). Then wrong signs are mended.

    Arguments:
        centred: [R, F], one row per group.
        advantage: [R], the same rows.
        ddof: 0 or 1.
        epsilon: positive.
        likely: [F], where to begin; equal weights where None.
    """
    kappa = 0.5 if ddof == 0 else math.sqrt(0.5)
    X, size = 2 * centred, np.abs(advantage)
    tied = size < 0.25 / kappa  # a difference of about ε or none
    excess = np.where(tied, 1.0, np.maximum(1 / (2 * np.where(tied, 1, size)) - kappa, FLOOR))
    difference = np.where(tied, 0.0, epsilon / excess)
    trust = np.where(tied, 1 / epsilon, excess / np.where(tied, 1, difference) / FLOOR)  # one over the error
    trust = np.minimum(trust / max(float(trust.max(initial=0)), 1e-300), 1.0)[:, None]
    w = np.linalg.lstsq(X * trust, (np.sign(advantage) * difference)[:, None] * trust, rcond=1e-12)[0][:, 0]
    signs = np.sign(advantage[~tied])[:, None]
    if (X[~tied] @ w * signs[:, 0] < 0).any():
        _, s, Vt = np.linalg.svd(np.vstack([X[tied], np.zeros((1, X.shape[1]))]))
        free = Vt[int((s > FLAT * np.sqrt(len(X))).sum()) :]  # weights that leave ties tied
        if len(free):
            w = free.T @ _with_signs(X[~tied] * signs @ free.T)
            start = np.ones(X.shape[1]) if likely is None else likely
            w = w * np.linalg.norm(start) / max(float(np.linalg.norm(w)), 1e-300)
    return Solution(w, np.zeros(len(w), bool), True)


def _with_signs(X: np.ndarray) -> np.ndarray:
    """Weights by which as few rows of X as may be are negative: a linear programme, of the rows that differ."""
    from scipy.optimize import linprog  # which takes a while to import

    size = np.sqrt((X**2).sum(axis=1))
    rows = np.unique((X[size > 0] / size[size > 0, None]).round(9), axis=0)[:MOST_ROWS]
    n, F = rows.shape
    # least Σ s with rows·w + s ≥ 1 and s ≥ 0
    cost = np.concatenate([np.zeros(F), np.ones(n)])
    free = [(None, None)] * F + [(0, None)] * n
    found = linprog(cost, A_ub=-np.column_stack([rows, np.eye(n)]), b_ub=-np.ones(n), bounds=free)
    return found.x[:F] if found.success else np.ones(F)


def _least_squares(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of the least length, and which entries are determined."""
    both = _triangular(np.column_stack([X, y]))
    U, s, Vt = np.linalg.svd(both[:, :-1], full_matrices=True)
    keep = np.flatnonzero(s > FLAT)
    w = Vt[keep].T @ ((U[:, keep].T @ both[:, -1]) / s[keep])
    return w, _determined(Vt[len(keep) :], X.shape[1])


def _null(Y: np.ndarray, X: np.ndarray, likely: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The direction w with Y w nearest to 0 among those that X sees, and which entries are determined.

    Where several are as near, the one nearest to what is likely, and no entry is determined.
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
    w = flat.T @ (flat @ likely)
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
    return np.asarray(np.linalg.qr(matrix, mode="r")) if matrix.shape[0] > matrix.shape[1] else matrix
