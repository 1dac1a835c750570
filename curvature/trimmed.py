"""Fits to a column some of whose rows are wrong: found from pieces, held against the whole, refitted to what agrees.

One wrong advantage bends weights that are solved from all rows at once; most pieces of the column are free of it. The
fit that agrees with most rows of the whole is then made anew from the groups that it comes nearest to, at least half of
them, as long as that agrees with more. Reference: P. Rousseeuw, K. Van Driessen (2006), Computing LTS regression for
large data sets, Data Mining and Knowledge Discovery 12. Independent check: tests/curvature/test_trimmed.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from curvature.column import Column
from curvature.fit import EXPLAINED, Fit
from curvature.trainers import known_estimators

PIECES = 8
"""Pieces of whole batches, and as many of whole groups where there are few batches."""
MOST_ROWS = 4096
"""Of a piece, about: more say no more of the weights."""
STEPS = 4
"""Refits at most."""


def trimmed_fits(
    part: Callable[[np.ndarray], Column], whole: Column, group: np.ndarray, batch: np.ndarray
) -> list[Fit]:
    """Fits of pieces and of the groups that agree, judged by the whole column; the one that agrees most first.

    Arguments:
        part: the column of some rows, by indices.
        whole: the column of all.
        group: [R] a label per group.
        batch: [R] a label per batch.
    """
    found: list[Fit] = []
    for rows in _pieces(group, batch):
        piece = part(rows)
        if piece.a.any():
            fits = sorted(piece.fits(), key=lambda fit: (-fit.share, fit.rounding))
            found += [whole.judged(fit) for fit in fits[:3]]
    if not found:
        return []
    for rule, ddof, epsilon in dict.fromkeys(known_estimators().values()):
        best = _best(found)
        if epsilon is not None and not (whole.known and rule == "gdpo"):
            settings = replace(best, rule=rule, ddof=ddof, epsilon=epsilon, epsilon_range=(epsilon, epsilon))
            found.append(whole.judged(settings))
    _, index = np.unique(group, return_inverse=True)
    for _ in range(STEPS):
        best = _best(found)
        near = _nearest_groups(whole, best, index.reshape(-1))
        refits = [whole.judged(fit) for fit in part(np.flatnonzero(near)).fits() if fit.rule == best.rule]
        found += refits
        if not refits or _best(refits).share <= best.share:
            break
    return sorted(found, key=lambda fit: (-fit.share, fit.rounding))


def _best(fits: list[Fit]) -> Fit:
    return max(fits, key=lambda fit: fit.share)


def _pieces(group: np.ndarray, batch: np.ndarray) -> Iterator[np.ndarray]:
    """Indices of rows: of whole batches, and of whole groups where there are fewer batches than pieces."""
    for labels in (batch, group):
        names, index = np.unique(labels, return_inverse=True)
        rows_each = len(index) / len(names)
        most = max(1, int(MOST_ROWS / rows_each))
        if len(names) > 1:
            for chosen in np.array_split(np.arange(len(names)), min(PIECES, len(names))):
                yield np.flatnonzero(np.isin(index.reshape(-1), chosen[:most]))
        if len(names) >= PIECES:
            return


def _nearest_groups(whole: Column, fit: Fit, index: np.ndarray) -> np.ndarray:
    """[R] bool: rows of the groups that agree, or of the nearer half of the live ones."""
    worst, live = np.zeros(int(index.max()) + 1), np.zeros(int(index.max()) + 1, bool)
    np.maximum.at(worst, index, whole.rounding(fit))
    np.logical_or.at(live, index, whole.live)
    return (worst <= max(EXPLAINED, float(np.median(worst[live]))))[index]
