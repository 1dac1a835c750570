"""What fitting a rule to a column of advantages gives: weights, ε, and what remains in units of float32 rounding.

Where all is divided by a deviation, weights twice as long need an ε twice as large: only their quotient is in the
column. Fits are made by `curvature.column`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EXPLAINED = 32.0
"""Units of float32 rounding within which a column counts as explained: sums over functions and rows add up."""
CLOSE = 5e-5
"""Residual that says enough by itself."""
SHARP = 1e-4
"""Rounding over the greatest advantage, up to which a row can tell rules apart where the residual is larger."""
WILD = 1e3
"""An advantage so many times as large as the median of those that are not 0 is no measure of the others."""
LARGEST_EPSILON = 0.02
"""Beyond this, over the greatest weight, what a divisor has too much is no ε."""
AGREED = 1e-3
"""Relative difference within which averages agree; another count of others, G/(G − 1), differs by more."""


@dataclass(frozen=True)
class Averages:
    """Averages that the trainer logged beside the column, which know the length of the weights."""

    functions: np.ndarray
    """[T, F]: of each reward function, over T logs."""
    total: np.ndarray
    """[T]: of the whole reward."""


@dataclass(frozen=True)
class Fit:
    """One rule, fitted to a column."""

    rule: str
    """One of `curvature.estimates.RULES`."""
    ddof: int | None
    """0 or 1; None where the rule has none."""
    epsilon: float | None
    """None where the rule has none."""
    epsilon_range: tuple[float, float] | None
    """Between which values the column puts ε, if the weights have the length given."""
    weights: np.ndarray
    """[F]."""
    determined: np.ndarray
    """[F] bool: whether the column says anything of this function's weight."""
    length: str
    """Where the length of the weights comes from: "rewards" (the column itself, or the log's own total), "averages",
    "epsilon" (the one that trainers use that makes them most like 1), or "unknown": the greatest is then 1."""
    missing: str
    """What was done with rows that no function gave a reward: "left out", "zero", or "none" where there are none."""
    against_averages: float
    """Greatest relative difference between the trainer's average reward and that of these weights; NaN without."""
    residual: float
    """Greatest difference, over the greatest advantage that is not `WILD`."""
    rounding: float
    """Greatest difference in units of float32 rounding."""
    share: float
    """Share of rows that `agree`."""
    sharp: bool
    """Whether most rows are known to `SHARP` of the greatest advantage, so that agreement says something."""

    @property
    def explains(self) -> bool:
        """Whether the whole column agrees, and the averages if there are any."""
        return self.share == 1 and self.plausible

    @property
    def plausible(self) -> bool:
        """Whether ε is small enough to be one, and the averages agree if there are any."""
        small = (self.epsilon or 0.0) <= LARGEST_EPSILON * float(np.abs(self.weights).max(initial=0))
        return small and not self.against_averages > AGREED


def agree(rule: str, residual: np.ndarray, rounding: np.ndarray, sharp: bool) -> np.ndarray:
    """[R] bool: which rows agree, within `EXPLAINED` units of rounding that are small enough to say something.

    GDPO spreads the rounding of one group over its batch, by which nearly anything would agree.

    Arguments:
        rule: one of `curvature.estimates.RULES`.
        residual: [R] differences, over the greatest advantage.
        rounding: [R] differences in units of float32 rounding.
        sharp: as `Fit.sharp`.
    """
    clear = (residual <= CLOSE) | (sharp & ((rule != "gdpo") | (residual <= 1e-3)))
    return clear & (rounding <= EXPLAINED)
