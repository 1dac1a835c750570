"""All rows of a validation, joined over seeds: what predictions, figures and the report read, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.gsm8k.scaling import Rows


@dataclass
class Results:
    """All rows of a validation, joined."""

    late: dict[str, Rows]
    """SFT states of the reported seeds: "states", "prompts"."""
    alpha: float
    """Of the rule power(α): the measured exponent, to one decimal."""
    alpha_slope: float
    alpha_error: float
    alpha_points: int
    tuning: list[dict[str, Any]]
    answer: Rows
    """Steps of the reported exact runs."""
    probes: Rows
    """States along them."""
    small: Rows
    """Exact runs at equal small steps."""
    cap: Rows
    equations: Rows
    sampled: dict[str, Rows]
    """The sampled probe: "states", "prompts"."""
    notes: dict[str, list[str]]
    num_parameters: int


def join(tables: list[Rows]) -> Rows:
    """Tables one below the other; columns of the first."""
    return {name: np.concatenate([t[name] for t in tables]) for name in tables[0]}


def final_rates(results: Results) -> list[dict[str, Any]]:
    """Mean pass rates of training and test prompts at the end of each reported run."""
    table = []
    for mode, rows in (("answer", results.answer), ("equations", results.equations)):
        for rule in dict.fromkeys(rows["rule"]):
            for seed in np.unique(rows["seed"]):
                here = (rows["rule"] == rule) & (rows["seed"] == seed)
                first = np.flatnonzero(here)[0]
                table.append(
                    {
                        "mode": mode,
                        "rule": str(rule),
                        "seed": int(seed),
                        "step_size": float(rows["step_size"][first]),
                        "train": float(rows["final_train"][first]),
                        "test": float(rows["final_test"][first]),
                    }
                )
    return table
