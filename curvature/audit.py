"""Which estimator made a column of advantages: its rule, ddof, ε and reward weights, from rewards and advantages alone.

Every rule of `curvature.estimates` is fitted (`curvature.column`) and the column recomputed. What agrees to float32's
rounding explains it. What no column can tell is said: the length of the weights where all is divided by a deviation,
weights of functions that never vary within a group, and rules that agree on these groups.
Independent check: tests/curvature/test_audit.py, columns made in float32 by loops over groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from curvature.column import Column
from curvature.estimates import RULES
from curvature.fit import Averages, Fit
from curvature.trainers import known_estimators
from curvature.trimmed import trimmed_fits

NOTHING = 1e-5
"""A weight that counts as 0, over the greatest."""


@dataclass(frozen=True)
class Alternative:
    """A known estimator with the weights of the best fit, and how far it is from the column."""

    rule: str
    ddof: int | None
    epsilon: float | None
    residual: float
    """Greatest difference, over the greatest advantage."""
    rounding: float
    """Greatest difference in units of float32 rounding."""
    share: float
    """Share of rows that agree."""


@dataclass(frozen=True)
class Audit:
    """What a column of advantages says of how it was made."""

    fits: tuple[Fit, ...]
    """One per rule and ddof, the best first: of those that explain the column the simpler, else by share of rows."""
    greatest: float
    """Greatest |A|."""
    bound: float
    """(G − 1)/√G of the greatest group, which no |A| can exceed under `group` with ddof 1, whatever the rewards."""
    num_rows: int
    """Rows that were compared."""
    agrees: np.ndarray
    """[R] bool: which rows the best fit explains; true of those that were not compared."""
    alternatives: tuple[Alternative, ...]
    """What trainers' estimators would have given with the weights of the best fit, the nearest first; where nothing
    explains the column, what agrees with most rows first."""

    @property
    def best(self) -> Fit:
        """The first."""
        return self.fits[0]

    @property
    def explaining(self) -> tuple[Fit, ...]:
        """All that explain the column: more than one where these groups cannot tell them apart."""
        return tuple(fit for fit in self.fits if fit.explains)


def audit(
    advantage: np.ndarray,
    rewards: Sequence[np.ndarray],
    group: np.ndarray,
    batch: np.ndarray,
    *,
    known: bool = False,
    averages: Averages | None = None,
) -> Audit:
    """Find the rule, ddof, ε and weights that make this column of these rewards.

    Arguments:
        advantage: [R], NaN where missing: such rows' groups are left out.
        rewards: F columns [R], NaN where a function gave none.
        group: [R], a label per group.
        batch: [R], a label per batch, of rows that were generated together.
        known: whether `rewards` is one column, the whole reward, whose weight is 1.
        averages: the trainer's own.

    Returns:
        Fits, the best first.

    Raises:
        ValueError: no reward function, several where `known`, arrays of other lengths, or nothing to compare: fewer
            than two rows in every group, or advantages that are all 0.

    >>> found = audit(np.array([0.75, -0.25, -0.25, -0.25]), [np.array([1.0, 0, 0, 0])], np.zeros(4), np.zeros(4))
    >>> found.best.rule, found.best.weights.round(6).tolist()
    ('none', [1.0])
    """
    if not rewards or (known and len(rewards) > 1):
        raise ValueError(
            f"rewards has {len(rewards)} columns; allowed: {'1, the whole reward' if known else '1 or more'}"
        )
    for name, values in (("group", group), ("batch", batch), *((f"rewards[{i}]", r) for i, r in enumerate(rewards))):
        if values.shape != advantage.shape or advantage.ndim != 1:
            raise ValueError(f"{name} has shape {values.shape}; allowed: {advantage.shape}, that of advantage")
    broken = ~np.isfinite(advantage) | np.any([np.isinf(r) for r in rewards], axis=0)
    keep = ~np.isin(group, np.unique(group[broken])) & _in_pairs(group)
    if not keep.any() or not (advantage[keep] != 0).any():
        raise ValueError("advantage has no live group of two rows or more; allowed: advantages that are not all 0")
    columns = [r[keep] for r in rewards]
    unscored = np.all([np.isnan(r) for r in columns], axis=0)
    fits: list[tuple[Fit, Column]] = []
    treatments = ["left out", "zero"] if unscored.any() else ["none"]
    if not (advantage[keep][~unscored] != 0).any():
        treatments = ["zero"]
    a, owner, home = advantage[keep], group[keep], batch[keep]

    def part(drop: np.ndarray, rows: np.ndarray) -> Column:
        return Column(a[rows], [r[rows] for r in columns], owner[rows], home[rows], drop[rows], known, averages)

    for missing in treatments:
        drop = unscored & (missing == "left out")
        made = part(drop, np.arange(len(a)))
        found = made.fits()
        if not any(fit.explains for fit in found):
            found += trimmed_fits(partial(part, drop), made, owner, home)
        fits += [(replace(fit, missing=missing), made) for fit in found]
    fits.sort(key=lambda fit: _order(fit[0]))
    best, made = fits[0]
    agrees = np.ones(len(advantage), bool)
    agrees[keep] = made.agreeing(best)
    return Audit(
        fits=_distinct([fit for fit, _ in fits]),
        alternatives=_alternatives(made, best),
        greatest=float(np.abs(advantage[keep]).max()),
        bound=_bound(group[keep]),
        num_rows=int(keep.sum()),
        agrees=agrees,
    )


def _in_pairs(group: np.ndarray) -> np.ndarray:
    _, index, sizes = np.unique(group, return_inverse=True, return_counts=True)
    return sizes[index.reshape(-1)] > 1


def _bound(group: np.ndarray) -> float:
    G = int(np.unique(group, return_counts=True)[1].max())
    return (G - 1) / math.sqrt(G)


def _order(fit: Fit) -> tuple[float, ...]:
    """What explains first; of those round weights, then the order of `RULES`; of the others the most rows."""
    rank = RULES.index(fit.rule) + 0.5 * (fit.ddof == 0)
    if fit.explains:
        return 0, not _round(fit.weights), rank
    return 1, not fit.plausible, -fit.share, fit.rounding


def _round(weights: np.ndarray) -> bool:
    """Whether all have at most three digits, as people write them; what is next to nothing counts as 0."""
    least = NOTHING * float(np.abs(weights).max(initial=0))
    return all(abs(w) <= least or abs(float(f"{w:.3g}") - w) <= 2e-4 * abs(w) for w in weights)


def _distinct(fits: list[Fit]) -> tuple[Fit, ...]:
    """The first fit of each rule and ddof."""
    found: dict[tuple[str, int | None], Fit] = {}
    for fit in fits:
        found.setdefault((fit.rule, fit.ddof), fit)
    return tuple(found.values())


def _alternatives(column: Column, best: Fit) -> tuple[Alternative, ...]:
    """Known estimators with the best fit's weights, but for the one that it is."""
    found = []
    for rule, ddof, epsilon in dict.fromkeys(known_estimators().values()):
        if (rule, ddof, epsilon) == (best.rule, best.ddof, best.epsilon) or (column.known and rule == "gdpo"):
            continue
        other = column.judged(replace(best, rule=rule, ddof=ddof, epsilon=epsilon))
        found.append(Alternative(rule, ddof, epsilon, other.residual, other.rounding, other.share))
    return tuple(sorted(found, key=lambda each: (0.0 if best.explains else -each.share, each.residual)))
