"""Resamples of a log for intervals: prompts drawn anew with all their groups, the same draws for every statistic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curvature.clusters import cluster_histograms, resampled_histograms
from experiments.logs.report.measure import Measured

NUM_RESAMPLES = 400
"""Ends of a 95% interval are then known to about a tenth of its width."""
SEED = 0
_BLOCK, _MOST = 2**22, 2**24
"""Numbers held at once, of draws and of prompts' histograms."""


@dataclass(frozen=True)
class Resamples:
    """Draws of a log."""

    measured: Measured

    def interval(self, statistic: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> tuple[float, float]:
        """The 2.5% and 97.5% quantiles of a statistic.

        Arguments:
            statistic: (number [B, kinds], rows [kinds]) → [B]: how often each kind of group was drawn, and one group
                of each kind.
        """
        found = np.concatenate([statistic(number, rows) for number, rows in self._draws()])
        low, high = (
            np.quantile(found[np.isfinite(found)], (0.025, 0.975)) if np.isfinite(found).any() else (np.nan,) * 2
        )
        return float(low), float(high)

    def _draws(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        m, generator = self.measured, np.random.default_rng(SEED)
        rows, histograms = self._few
        if histograms is not None:
            yield resampled_histograms(histograms, NUM_RESAMPLES, generator=generator), rows
            return
        owner = np.unique(m.cluster, return_inverse=True)[1]
        P = int(owner.max()) + 1
        block = max(1, _BLOCK // m.num_groups)
        for start in range(0, NUM_RESAMPLES, block):
            drawn = generator.multinomial(P, np.full(P, 1 / P), size=min(block, NUM_RESAMPLES - start))
            yield drawn[:, owner].astype(float), np.arange(m.num_groups)

    @cached_property
    def _few(self) -> tuple[np.ndarray, np.ndarray | None]:
        """One group of each kind, and prompts' histograms of kinds where there are few: then those are drawn."""
        m = self.measured
        _, rows, kind = np.unique(_kinds(m), axis=0, return_index=True, return_inverse=True)
        prompts = len(np.unique(m.cluster))
        if not 1 < len(rows) <= 4 * (m.group_size + 1) or prompts * len(rows) > _MOST:
            return rows, None
        return rows, cluster_histograms(kind.reshape(-1), len(rows) - 1, np.unique(m.cluster, return_inverse=True)[1])


def _kinds(m: Measured) -> np.ndarray:
    """[N, …]: groups that are equal here are equal in every statistic."""
    return np.stack([*m.lengths.values(), np.zeros(m.num_groups) if m.counts is None else m.counts], axis=1)


def resamples(measured: Measured) -> Resamples:
    """Draws of this log; the same each time."""
    return Resamples(measured)
