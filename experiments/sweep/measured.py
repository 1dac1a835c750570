"""The law of a reader's own pass rates, from a file of counts: what `--pass-rates` puts in place of the grid's laws.

    fewer than 64 samples   the likeliest law of those prompts together (`curvature.law_of_counts`)
    64 or more              each prompt's posterior mean (k + ½)/(n + 1)

Posterior means of a few samples are no law of pass rates: of 8 samples they have nothing below .056, where leads that
come from hard prompts are made. The law is kept in the specification itself, so that workers and resumed sweeps need
no file. Independent checks: tests/experiments/sweep/test_measured.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bandits.pass_rates import NEAREST, PassRates, read_pass_rates

if TYPE_CHECKING:
    from curvature.law_of_rates import LawOfRates

FEW = 64
"""Samples a prompt from which on its posterior mean is taken for its pass rate."""


@dataclass(frozen=True)
class Measured:
    """A law of pass rates with finitely many atoms, in increasing order."""

    source: str
    """The file's name."""
    method: str
    """In words, for reports."""
    num_prompts: int
    """Of the file."""
    rates: tuple[float, ...]
    """In [0, 1]."""
    weights: tuple[float, ...]
    """Positive; they sum to 1."""

    def odds(self, number: int) -> np.ndarray:
        """[number] logits of the law's quantiles, in increasing order; those of 0 and 1 are moved to `NEAREST`."""
        p = np.clip(self._law().quantiles(number), NEAREST, 1 - NEAREST)
        return np.log(p) - np.log1p(-p)

    @property
    def median(self) -> float:
        """Of the law."""
        return float(self._law().quantiles(1)[0])

    @property
    def spread(self) -> float:
        """Standard deviation of the logits."""
        p = np.clip(self.rates, NEAREST, 1 - NEAREST)
        odds, w = np.log(p) - np.log1p(-p), np.asarray(self.weights)
        return float(np.sqrt(w @ (odds - w @ odds) ** 2))

    def _law(self) -> LawOfRates:
        from curvature.law_of_rates import LawOfRates  # SciPy: not before flags are checked

        return LawOfRates(np.asarray(self.rates), np.asarray(self.weights), 0.0)


def read_measured(path: Path, *, assumed_samples: int, jeffreys: bool) -> Measured:
    """The law of the prompts of a file.

    Arguments:
        path: as `bandits.read_pass_rates`.
        assumed_samples: n of a file that has rates alone.
        jeffreys: posterior means also where there are few samples.

    Raises:
        ValueError: as `bandits.read_pass_rates`.
    """
    return law_of(read_pass_rates(path, assumed_samples=assumed_samples), jeffreys=jeffreys)


def law_of(found: PassRates, *, jeffreys: bool) -> Measured:
    """The law of pass rates as they were read."""
    from curvature.law_of_rates import law_of_counts

    assert found.samples is not None  # of a file
    few = np.zeros(found.raw.shape, bool) if jeffreys else found.samples < FEW
    rates, weights, words = [found.used[~few]], [np.full((~few).sum(), 1 / few.size)], []
    if few.any():
        n = found.samples[few]
        law = law_of_counts(np.round(found.raw[few] * n), n)
        rates.append(law.rates)
        weights.append(law.weights * few.mean())
        words.append(f"the likeliest law of {_prompts(few.sum())} with fewer than {FEW} samples")
    if not few.all():
        words.append(f"posterior means of {_prompts((~few).sum())}, {found.prior}")
    atoms, place = np.unique(np.concatenate(rates), return_inverse=True)
    total = np.bincount(place, np.concatenate(weights))
    method = " and ".join(words)
    return Measured(found.source, method, few.size, tuple(atoms.tolist()), tuple((total / total.sum()).tolist()))


def _prompts(number: int) -> str:
    return f"{number:,} prompt{'' if number == 1 else 's'}"
