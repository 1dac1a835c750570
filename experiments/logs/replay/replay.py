"""The band of the lead in a replay: the log's likeliest law of pass rates, its group size, and every overlap.

Prompts take the quantiles of that law; updates are made as a `Design` has it, the run's where that is known. The band
is from the least lower end to the greatest upper end of the leads over `OVERLAPS`. How often it holds the true lead of
a run that is known: `python -m experiments.logs.replay` (docs/logs.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from curvature.law_of_rates import law_of_rates
from experiments.logs.advice import Lead
from experiments.logs.replay.design import PLAIN, Design
from experiments.logs.report.abstain import FEWEST_LAWS

OVERLAPS = np.array([0.0, 0.3, 0.6, 0.9])
"""ρ, of which a log says nothing."""
SEED = 0
LARGEST_GROUP = 64
"""G beyond which nothing is simulated."""


def why_not(summary: Mapping[str, Any]) -> str:
    """Why a log cannot be replayed; "" where it can."""
    s = summary
    if s["rewards"] != "binary":
        return "a replay is of right-or-wrong rewards, while the log's have more than two values."
    if "law" in s["abstained"]:
        return s["abstained"]["law"]
    if s["law"] is None or s["histogram"] is None or s["num_live"] < FEWEST_LAWS:
        return "the log does not tell a law of pass rates."
    if s["group_size"] > LARGEST_GROUP:
        return f"groups of {s['group_size']} are too large to be simulated (at most {LARGEST_GROUP})."
    return ""


def replay(summary: Mapping[str, Any], *, seed: int = SEED, design: Design = PLAIN) -> Lead:
    """The band of a log that can be replayed (`why_not`).

    Arguments:
        summary: of `experiments.logs.report.summary.summarise`.
        seed: of the replay's random draws.
        design: how its updates are made.
    """
    from experiments.logs.replay.leads import NUM_STEPS, leads

    law = law_of_rates(np.asarray(summary["histogram"]))
    rates = law.quantiles(design.num_prompts)
    found = leads(rates, summary["group_size"], OVERLAPS, seed=seed, design=design)
    low, high = (found.mean - found.half_width).min(), (found.mean + found.half_width).max()
    source = (
        f"in a replay of {NUM_STEPS} updates ({design}) from your pass rates, over overlaps of 0 to {OVERLAPS[-1]:g}"
    )
    return Lead(float(low), float(high), source, replayed=True)
