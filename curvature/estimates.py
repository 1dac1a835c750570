"""Advantages recomputed from rewards by every rule that trainers use, in plain NumPy, each with its float32 rounding.

    none      A = c                            c = r − mean of the group, r = Σ_f w_f r_f
    rloo      A = c G/(G − 1)
    group     A = c / (s + ε)                  s the deviation of the group
    maxrl     A = c / (mean + ε)               the group's mean; 0 where it is not positive
    pooled    A = c / (s + ε)                  s the deviation of all rewards of the batch
    batch     A = c / (s + ε)                  s the mean of the groups' deviations
    whitened  A = c / (s + ε)                  s the deviation of all c of the batch
    leave_one_out  A_i = c_i G/(G − 1) / (s_i + ε)   s_i the deviation of the others; undivided where that is 0
    gdpo      A = (y − mean) / (s + ε)         y = Σ_f w_f (r_f − mean_f)/(s_f + ε) by group, mean and s by batch

Independent check: tests/curvature/test_estimates.py, `curvature.Estimator` and loops in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curvature.ragged import Parts

RULES = ("group", "none", "pooled", "rloo", "maxrl", "leave_one_out", "whitened", "batch", "gdpo")
"""All rules, in the order in which one is preferred where several explain a column."""
UNDIVIDED = ("none", "rloo")
"""Rules that divide by nothing, and so have neither ddof nor ε."""
BY_GROUP = ("group", "maxrl")
"""Rules whose divisor is the group's; of the others it is the batch's or the row's."""
NO_DDOF = (*UNDIVIDED, "maxrl")
ROUNDING = 2.0**-23
"""One unit in the last place of float32, at 1."""


@dataclass(frozen=True)
class Sample:
    """What a column of advantages is held against: R rows, F reward functions."""

    rewards: np.ndarray
    """[R, F], 0 where a function gave none."""
    given: np.ndarray
    """[R, F] bool: where it gave one."""
    group: Parts
    batch: Parts

    @property
    def centred(self) -> np.ndarray:
        """[R, F], less the group's means."""
        return np.stack([self.group.centre(column) for column in self.rewards.T], axis=1)

    @property
    def leave_one_out(self) -> np.ndarray:
        """[R]: G/(G − 1)."""
        n = self.group.sizes[self.group.index]
        return n / np.maximum(n - 1, 1)

    def normalised(self, ddof: int, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
        """([R, F], [R, F]): each function normalised by itself in its group, and the rounding of that in units of 1."""
        columns, noises = [], []
        for values, given in zip(self.rewards.T, self.given.T, strict=True):
            part = Parts(self.group.index[given], self.group.count)
            c, r = part.centre(values[given]), np.abs(values[given])
            s = part.deviation(values[given], ddof)[part.index] + epsilon
            z, noise = np.zeros(len(values)), np.zeros(len(values))
            z[given] = np.where(s > 0, c / np.where(s > 0, s, 1), 0)
            noise[given] = part.largest(r)[part.index] / np.where(s > 0, s, 1) * (1 + np.abs(z[given])) + np.abs(
                z[given]
            )
            columns.append(z)
            noises.append(noise)
        return np.stack(columns, axis=1), np.stack(noises, axis=1)


def divisor(rule: str, sample: Sample, weights: np.ndarray, ddof: int) -> np.ndarray:
    """What divides under a rule, without ε: per group, per batch, or per row for leave_one_out.

    Arguments:
        rule: one of `RULES` but "none", "rloo" and "gdpo".
        weights: [F].
    """
    r = sample.rewards @ weights
    if rule == "group":
        return sample.group.deviation(r, ddof)
    if rule == "maxrl":
        return sample.group.mean(r)
    if rule == "leave_one_out":
        return sample.group.deviation_of_others(r, ddof)
    if rule == "pooled":
        return sample.batch.deviation(r, ddof)
    if rule == "whitened":
        return sample.batch.deviation(sample.group.centre(r), ddof)
    s = sample.group.deviation(r, ddof)
    home = np.zeros(sample.group.count, np.int64)
    home[sample.group.index] = sample.batch.index
    held = sample.group.sizes > 0
    return Parts(home[held], sample.batch.count).mean(s[held])


def predict(rule: str, sample: Sample, weights: np.ndarray, ddof: int, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """([R], [R]): the advantages of a rule, and one unit of float32 rounding of each.

    Arguments:
        rule: one of `RULES`.
        weights: [F].
        ddof: 0 or 1; not used by rules without.
        epsilon: at least 0; not used by rules that do not divide.
    """
    if rule == "gdpo":
        return _gdpo(sample, weights, ddof, epsilon)
    c = sample.group.centre(sample.rewards @ weights)
    size = np.abs(sample.rewards) @ np.abs(weights)  # what was added up, which sets the rounding
    m = sample.group.largest(size)[sample.group.index]
    if rule in UNDIVIDED:
        A = c * sample.leave_one_out if rule == "rloo" else c
        return A, ROUNDING * (m + np.abs(A))
    s = divisor(rule, sample, weights, ddof)
    if rule == "leave_one_out":
        c = c * sample.leave_one_out
        D = np.where(s > 0, s + epsilon, 1)
        # the trainer takes it from sums of squares, whose rounding is of the square
        m = np.where(
            s > 0, np.maximum(m, m**2 / np.where(s > 0, s, 1)), np.where(_exact(sample.rewards @ weights), m, np.inf)
        )
    else:
        unit = sample.group if rule in BY_GROUP else sample.batch
        if rule == "maxrl":
            c, s = np.where(s[unit.index] > 0, c, 0), np.maximum(s, 0)
        elif unit is sample.batch:
            m = np.maximum(m, sample.batch.largest(size)[unit.index])
        D = s[unit.index] + epsilon
    A = np.where(D > 0, c / np.where(D > 0, D, 1), 0)
    return A, ROUNDING * (m / np.where(D > 0, D, 1) * (1 + np.abs(A)) + np.abs(A))


def _gdpo(sample: Sample, weights: np.ndarray, ddof: int, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    z, noise = sample.normalised(ddof, epsilon)
    y, unit = z @ weights, noise @ np.abs(weights)
    D = sample.batch.deviation(y, ddof)[sample.batch.index] + epsilon
    D = np.where(D > 0, D, 1)
    A = sample.batch.centre(y) / D
    unit = unit + sample.batch.mean(unit)[sample.batch.index]  # that of the batch's mean and deviation
    return A, ROUNDING * (unit / D * (1 + np.abs(A)) + np.abs(A))


def _exact(r: np.ndarray) -> np.ndarray:
    """[R] bool: whether sums and squares of this reward are exact in float32, as they are of 0, ½ and 1."""
    return (r * 16 == np.round(r * 16)) & (np.abs(r) <= 16)


def stack(columns: Sequence[np.ndarray], group: Parts, batch: Parts) -> Sample:
    """A sample from columns of rewards with NaN where a function gave none."""
    rewards = np.stack(columns, axis=1)
    given = ~np.isnan(rewards)
    return Sample(np.where(given, rewards, 0), given, group, batch)
