"""All rows of a validation, joined over seeds: what predictions, figures and the report read, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

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
    """All rows of a validation, joined. "seed" is a set of questions where the model is a pretrained one."""

    late: Probed
    """States of SFT, of a pretrained model on its way through RL; exact."""
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
    cap: Rows | None
    """The finite-group cap, a row a prompt; None where the preset leaves it out, as the next two."""
    equations: Rows | None
    """Steps of the reported sampled runs."""
    sampled: Probed | None
    """The sampled probe."""
    adam: Rows | None = None
    """Steps of the reported exact runs under Adam."""
    legs: tuple[str, str] = ("answer", "equations")
    """Names of the exact and of the sampled leg."""
    by: Literal["seeds", "sets"] = "seeds"
    """What the replicates are."""
    states: Literal["SFT", "RL"] = "SFT"
    """What led to the later states of `late`."""
    notes: dict[str, list[str]]
    """By mode: what was read and left out."""
    num_parameters: int


def final_rates(results: Results) -> list[FinalRate]:
    """Mean pass rates of training and test prompts at the end of each reported run."""
    table = []
    for mode, rows in zip(results.legs, (results.answer, results.equations), strict=True):
        if rows is None:
            continue
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
