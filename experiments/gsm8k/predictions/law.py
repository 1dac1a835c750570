r"""T18's law on a model: along a prompt's own gradient, κ ≈ (1 − 2p)|g|²/σ², with no free parameter.

It is exact where log-odds are linear along the direction. REINFORCE's mean direction, along which nothing says that
they are, is the control.
"""

from __future__ import annotations

import numpy as np

from experiments.gsm8k.predictions.verdict import CONFIRMED, OPEN, REFUTED, Prediction, per_seed
from experiments.gsm8k.results import Results
from experiments.gsm8k.scaling import share_over_seeds
from experiments.rows import Rows, where
from experiments.statistics import interval

AWAY = 0.1
"""Prompts with |1 − 2p| below this are left out: the predicted curvature vanishes there."""
FLAT = 1e-3
"""And those with σ below this: float32 does not resolve them."""
SHARE, LOW, HIGH = 0.75, 0.75, 4 / 3
"""The criterion, fixed on sets that are not reported: the share of prompts within a factor 2, and the median ratio."""


DIRECTIONS = (
    ("the prompt's own gradient", "gradient_norm", "curvature_own"),
    ("REINFORCE's mean direction (control)", "slope_none", "curvature_none"),
)
"""What the law is asked along: in words, and the columns of the slope and of the curvature."""


def ratios(rows: Rows, slope: str, curvature: str) -> np.ndarray:
    """κ σ²/((1 − 2p)(u·g)²) of the rows."""
    return rows[curvature] * rows["std"] ** 2 / ((1 - 2 * rows["pass_rate"]) * rows[slope] ** 2)


def resolved(rows: Rows) -> Rows:
    """The prompts that the law is judged on."""
    return where(rows, (np.abs(1 - 2 * rows["pass_rate"]) >= AWAY) & (rows["std"] >= FLAT))


def law(results: Results) -> list[Prediction]:
    """Along own gradients, and along REINFORCE's mean direction."""
    rows, found = resolved(results.late["prompts"]), []
    for name, slope, curvature in DIRECTIONS:
        ratio = ratios(rows, slope, curvature)
        near = (ratio > 0.5) & (ratio < 2)
        share = share_over_seeds([near[rows["seed"] == seed] for seed in np.unique(rows["seed"])])
        median = interval(per_seed(rows | {"ratio": ratio}, lambda r: float(np.median(r["ratio"]))))
        good = share.low > SHARE and median.within(LOW, HIGH)
        bad = share.high < SHARE or median.within(-np.inf, LOW) or median.within(HIGH, np.inf)
        known = np.isfinite([share.low, median.low]).all()
        found.append(
            Prediction(
                name=f"κ = (1−2p)|g|²/σ² along {name}",
                claim="T18: where log-odds are linear along a direction, the curvature of p follows from its slope.",
                criterion=f"share of prompts within a factor 2 above {SHARE:g} and median ratio in [{LOW:g}, "
                f"{HIGH:.3g}], both with their intervals: confirmed; one of them outside: refuted",
                evidence=f"median ratio {median}, within a factor 2: {share}; {len(ratio)} prompt-states with "
                f"|1−2p| ≥ {AWAY:g} and σ ≥ {FLAT:g}",
                verdict=OPEN if not known else CONFIRMED if good else REFUTED if bad else OPEN,
            )
        )
    return found
