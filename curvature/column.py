"""A column of advantages with its rewards: every rule is fitted to it, and the column made anew.

The weights come from `curvature.reward_weights`; ε is what the column's divisor has beyond the rule's.
Independent check: tests/curvature/test_audit.py, columns made in float32 by loops over groups.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from curvature.estimates import BY_GROUP, NO_DDOF, ROUNDING, UNDIVIDED, divisor, predict, stack
from curvature.fit import LARGEST_EPSILON, SHARP, WILD, Averages, Fit, agree
from curvature.ragged import Parts
from curvature.reward_weights import Solution, solve, solve_by_mean, solve_pairs, solve_row_by_row
from curvature.trainers import known_estimators

EPSILONS = (0.0, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
"""Values of ε that are looked for; another one is given as it was found."""
ONE = Solution(np.ones(1), np.ones(1, bool), True)
"""The weight of the whole reward."""


class Column:
    """A column and the rewards that it is fitted to."""

    def __init__(
        self,
        advantage: np.ndarray,
        columns: list[np.ndarray],
        group: np.ndarray,
        batch: np.ndarray,
        drop: np.ndarray,
        known: bool,
        averages: Averages | None,
    ) -> None:
        kept = ~drop
        self.a = advantage[kept]
        self.left = advantage[drop]  # must be 0
        self.live = advantage != 0
        self.order = np.argsort(np.concatenate([np.flatnonzero(kept), np.flatnonzero(drop)]))
        self.scale = _scale(np.abs(self.a))
        labels = [np.unique(each, return_inverse=True)[1].reshape(-1)[kept] for each in (group, batch)]
        parts = [Parts(each.astype(np.int64), int(each.max(initial=-1)) + 1) for each in labels]
        self.sample = stack([column[kept] for column in columns], *parts)
        self.known = known
        self.averages = averages
        self.likely = None if averages is None else np.linalg.lstsq(averages.functions, averages.total, rcond=1e-6)[0]

    def fits(self) -> list[Fit]:
        """Every rule with either ddof; GDPO, which takes long, where no other explains the column."""
        s = self.sample
        X = s.centred
        found = [self._undivided("none", X), self._undivided("rloo", X * s.leave_one_out[:, None])]
        by_group, by_batch = self._solved(X, s.group), self._solved(X, s.batch)
        for ddof in (1, 0):
            found += self._pairs(ddof) or [self._divided("group", ddof, by_group)]
            found += [self._divided(rule, ddof, by_batch) for rule in ("pooled", "whitened", "batch")]
            found.append(self._divided("leave_one_out", ddof, ONE if self.known else self._row_by_row(X, ddof)))
        found.append(self._by_mean(X))
        if not any(fit.explains for fit in found):
            found += [self._gdpo(ddof) for ddof in (1, 0)]
        return found

    def distance(self, rule: str, w: np.ndarray, ddof: int, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
        """([R], [R]): the difference of each row, and its unit of rounding, both over `scale`; rows left out last."""
        A, unit = predict(rule, self.sample, w, ddof, epsilon)
        difference = np.concatenate([np.abs(A - self.a), np.abs(self.left)])
        unit = np.concatenate([unit, np.full(len(self.left), ROUNDING)])
        return difference / self.scale, unit / self.scale

    def agreeing(self, fit: Fit) -> np.ndarray:
        """[R] bool: which rows agree with a fit, in the order in which they were given."""
        residual, unit = self.distance(fit.rule, fit.weights, fit.ddof or 0, fit.epsilon or 0.0)
        return agree(fit.rule, residual, residual / np.maximum(unit, 1e-300), self._sharp(unit))[self.order]

    def rounding(self, fit: Fit) -> np.ndarray:
        """[R]: by how many units of rounding rows differ from a fit, in the order in which they were given."""
        residual, unit = self.distance(fit.rule, fit.weights, fit.ddof or 0, fit.epsilon or 0.0)
        return (residual / np.maximum(unit, 1e-300))[self.order]

    def judged(self, fit: Fit) -> Fit:
        """A fit to another column, held against this one."""
        return replace(fit, **self._judgement(fit.rule, fit.weights, fit.ddof or 0, fit.epsilon or 0.0))

    def _sharp(self, unit: np.ndarray) -> bool:
        clear = np.abs(self.a) > 0.01 * self.scale
        return bool(np.median(unit[: len(self.a)][clear]) <= SHARP)

    def _judgement(self, rule: str, w: np.ndarray, ddof: int, epsilon: float) -> dict[str, Any]:
        """What a fit says of how well it agrees."""
        residual, unit = self.distance(rule, w, ddof, epsilon)
        rounding, sharp = residual / np.maximum(unit, 1e-300), self._sharp(unit)
        share = float(agree(rule, residual, rounding, sharp).mean())
        return {"residual": float(residual.max()), "rounding": float(rounding.max()), "sharp": sharp, "share": share}

    def _solved(self, X: np.ndarray, unit: Parts | None) -> Solution:
        return ONE if self.known else solve(X, self.a, unit, self.likely)

    def _row_by_row(self, X: np.ndarray, ddof: int) -> Solution:
        """Solved three times: rows count by the rounding that the last weights give them, which is of squares."""
        s, trust = self.sample, None
        for _ in range(2):
            w = solve_row_by_row(X, self.a, s.group, ddof, trust).weights
            v = divisor("leave_one_out", s, w, ddof)
            _, unit = predict("leave_one_out", s, w, ddof, 0.0)
            size = np.abs(self.a) + 0.01 * self.scale
            known = np.isfinite(unit) & (v > 0)
            trust = np.where(known, 1 / np.where(known, size * np.maximum(v, 1e-30) ** 2 * unit, 1), 0.0)
            trust /= max(float(trust.max()), 1e-300)
        return solve_row_by_row(X, self.a, s.group, ddof, trust)

    def _by_mean(self, X: np.ndarray) -> Fit:
        """MaxRL, of the groups whose mean is positive."""
        s = self.sample
        if self.known:
            return self._divided("maxrl", 0, ONE)
        means = np.stack([s.group.mean(column)[s.group.index] for column in s.rewards.T], axis=1)
        found, e = solve_by_mean(X, means, self.a)
        return self._divided("maxrl", 0, found, e)

    def _pairs(self, ddof: int) -> list[Fit]:
        """In groups of two whose weights are not known: the best over the ε that trainers use; else nothing."""
        s = self.sample
        if self.known or s.rewards.shape[1] == 1 or s.group.sizes.max() > 2:
            return []
        first = np.unique(s.group.index, return_index=True)[1]
        X, a = s.centred[first], self.a[first]
        fits = []
        for epsilon in _usual("group", ddof):
            found = solve_pairs(X, a, ddof, epsilon, self.likely)
            for w in (found.weights, self.likely):
                if w is not None:
                    length = "unknown" if self.averages is None else "averages"
                    fits.append(self._fit("group", ddof, epsilon, (epsilon, epsilon), w, found, length))
        return [min(fits, key=lambda fit: (not fit.explains, fit.rounding))]

    def _undivided(self, rule: str, X: np.ndarray) -> Fit:
        found = self._solved(X, None)
        return self._fit(rule, 0, 0.0, None, found.weights, found, "rewards")

    def _divided(self, rule: str, ddof: int, found: Solution, solved: float | None = None) -> Fit:
        """A rule that divides, with these weights; `solved` is ε in their length where it is known already."""
        w = found.weights
        e, noise = self._remainder(rule, ddof, w)
        if solved is not None and abs(solved - e) <= 4 * noise:
            e = solved
        scale, length = self._length(w, e, noise, found, _usual(rule, ddof))
        epsilon = _known_epsilon(scale * e, scale * noise)
        limits = (max(scale * (e - 4 * noise), 0.0), max(scale * (e + 4 * noise), 0.0))
        return self._fit(rule, ddof, epsilon, limits, scale * w, found, length)

    def _remainder(self, rule: str, ddof: int, w: np.ndarray) -> tuple[float, float]:
        """ε in units of the weights' length: what the column's divisor has beyond the rule's, and its error."""
        s, a = self.sample, self.a
        c = s.group.centre(s.rewards @ w)
        size = np.abs(s.rewards) @ np.abs(w)
        v = divisor(rule, s, w, ddof)
        if rule == "leave_one_out":
            c = c * s.leave_one_out
            live = (a != 0) & (v > 1e-3 * size.max(initial=0)) & (c != 0)
            D, v = c[live] / a[live], v[live]
            repeats = 2.0
            m = s.group.largest(size)[s.group.index][live]
            noise = ROUNDING / 2 * (2 * D + m / np.abs(a[live]) + 4 * m**2 / v)
        else:
            repeats = 0.25
            unit = s.group if rule in BY_GROUP else s.batch
            square, across = unit.total(a**2), unit.total(a * c)
            live = (square > 0) & (v > 0) & (across > 0)
            D, v = across[live] / square[live], v[live]
            rms = np.sqrt(square[live] / unit.sizes[live])
            noise = ROUNDING / 2 * (2 * D + unit.largest(size)[live] / rms)
        if not len(D):
            return 0.0, math.inf
        trust = 1 / np.maximum(noise, 1e-30) ** 2
        error = max(float(1 / np.sqrt(trust.sum())), repeats * float(noise.min()))  # rounding repeats: no average
        return float((trust * (D - v)).sum() / trust.sum()), error

    def _length(
        self, w: np.ndarray, e: float, noise: float, found: Solution, usual: tuple[float, ...]
    ) -> tuple[float, str]:
        """By what the weights are to be multiplied, and how that is known: by the averages, else by the one usual ε
        that makes the greatest weight most like 1.
        """
        if found.scaled:
            return 1.0, "rewards"
        scale = self._averaged(w)
        if scale is not None:
            return scale, "averages"
        greatest = float(np.abs(w).max(initial=0)) or 1.0
        if 8 * noise < e < LARGEST_EPSILON * greatest:
            best = min((epsilon / e for epsilon in usual), key=lambda k: abs(math.log(k * greatest)))
            if noise > 0.02 * e:  # the length is known to a few percent only: equal to 1 if it may be
                near = abs(best * greatest - 1) <= 4 * noise / e * best * greatest
                return (1 / greatest if near else best), "epsilon"
            return self._snapped(best, w, noise / e), "epsilon"
        return 1 / greatest, "unknown"

    def _snapped(self, scale: float, w: np.ndarray, error: float) -> float:
        """The length that makes the greatest weight as round as its error allows."""
        greatest = scale * float(np.abs(w).max())
        for digits in (1, 2, 3):
            rounded = float(f"{greatest:.{digits}g}")
            if abs(rounded - greatest) <= max(4 * error, 1e-6) * greatest:
                return scale * rounded / greatest
        return scale

    def _averaged(self, w: np.ndarray) -> float | None:
        if self.averages is None:
            return None
        made = self.averages.functions @ w
        square = float(made @ made)
        return float(made @ self.averages.total) / square if square > 0 else None

    def _disagreement(self, w: np.ndarray) -> float:
        if self.averages is None:
            return math.nan
        total = self.averages.total
        return float(np.abs(self.averages.functions @ w - total).max() / max(float(np.abs(total).max()), 1e-300))

    def _gdpo(self, ddof: int) -> Fit:
        """With the ε that trainers use; the same ε within the group and over the batch."""
        batch = self.sample.batch
        fits = []
        for epsilon in (1e-4, 1e-6, 1e-8, 0.0):
            z, noise = self.sample.normalised(ddof, epsilon)
            trust = 1 / np.maximum(noise.sum(axis=1), 1.0)
            X = np.stack([batch.centre(column) for column in z.T], axis=1)
            found = ONE if self.known else solve(X * trust[:, None], self.a * trust, batch, self.likely)
            w, length = found.weights, "rewards" if self.known else "unknown"
            w = w / (1.0 if self.known else float(np.abs(w).max(initial=0)) or 1.0)
            scale = self._averaged(w)
            square = batch.total(self.a**2)
            D = batch.total(self.a * (X @ w)) / np.where(square > 0, square, 1)
            e = float(np.mean((D - batch.deviation(z @ w, ddof))[square > 0]))
            if scale is not None:
                w, length = w * scale, "averages"
            elif 1e-6 < e < LARGEST_EPSILON and epsilon > 0 and not self.known:
                w, length = w * self._snapped(epsilon / e, w, 1e-6 / e), "epsilon"
            fits.append(self._fit("gdpo", ddof, epsilon, (epsilon, epsilon), w, found, length))
        return min(fits, key=lambda fit: (not fit.explains, fit.residual))

    def _fit(
        self,
        rule: str,
        ddof: int,
        epsilon: float,
        limits: tuple[float, float] | None,
        weights: np.ndarray,
        found: Solution,
        length: str,
    ) -> Fit:
        return Fit(
            rule=rule,
            ddof=None if rule in NO_DDOF else ddof,
            epsilon=None if rule in UNDIVIDED else max(epsilon, 0.0),
            epsilon_range=limits,
            weights=weights,
            determined=found.determined,
            length=length,
            missing="none",
            against_averages=self._disagreement(weights),
            **self._judgement(rule, weights, ddof, max(epsilon, 0.0)),
        )


def _scale(size: np.ndarray) -> float:
    """The greatest of these that is not `WILD`; 1 where all are 0."""
    live = size[size > 0]
    return float(live[live <= WILD * np.median(live)].max()) if live.size else 1.0


def _usual(rule: str, ddof: int) -> tuple[float, ...]:
    """The positive ε that trainers use with a rule; all of `EPSILONS` where none uses any."""
    known = {e for name, d, e in known_estimators().values() if e and name == rule and d in (ddof, None)}
    return tuple(sorted(known)) or EPSILONS[1:]


def _known_epsilon(found: float, noise: float) -> float:
    """The value of `EPSILONS` nearest to what was found, if it may be it; else what was found."""
    best = min(EPSILONS, key=lambda epsilon: abs(epsilon - found))
    return best if abs(best - found) <= 4 * noise else found
