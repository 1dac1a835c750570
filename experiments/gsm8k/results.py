"""All rows of a validation, joined over seeds: what predictions, figures and the report read, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from experiments.gsm8k.scaling import Slope
from experiments.gsm8k.tables import FinalRate, Tried
from experiments.rows import Rows


class Probed(TypedDict):
    """Tables of states that were probed."""

    states: Rows
    """A row a state."""
    prompts: Rows
    """A row a prompt and state."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """All rows of a validation, joined."""

    late: Probed
    """SFT states, exact."""
    alpha: float
    """Of the rule power(α): the measured exponent, to one decimal."""
    exponent: Slope
    """Of |κ| in σ, as measured."""
    tuning: list[Tried]
    answer: Rows
    """Steps of the reported exact runs."""
    probes: Rows
    """States along them."""
    small: Rows
    """Exact runs at equal small steps."""
    cap: Rows
    """The finite-group cap, a row a prompt."""
    equations: Rows
    """Steps of the reported sampled runs."""
    sampled: Probed
    """The sampled probe."""
    notes: dict[str, list[str]]
    """By mode: what was read and left out."""
    num_parameters: int


def final_rates(results: Results) -> list[FinalRate]:
    """Mean pass rates of training and test prompts at the end of each reported run."""
    table = []
    for mode, rows in (("answer", results.answer), ("equations", results.equations)):
        for rule in dict.fromkeys(rows["rule"]):
            for seed in np.unique(rows["seed"]):
                first = np.flatnonzero((rows["rule"] == rule) & (rows["seed"] == seed))[0]
                table.append(
                    FinalRate(
                        mode=mode,
                        rule=str(rule),
                        seed=int(seed),
                        step_size=float(rows["step_size"][first]),
                        train=float(rows["final_train"][first]),
                        test=float(rows["final_test"][first]),
                    )
                )
    return table
