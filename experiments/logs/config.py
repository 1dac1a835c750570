"""What `grpo-curvature logs …` can be told: one frozen dataclass per command, from which the flags are made.

Imports neither JAX nor what reads files, so that help is shown and bad flags are refused at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tyro

from curvature.trainers import known_estimators
from experiments.logs.source import Source

Flat = tyro.conf.OmitArgPrefixes


@dataclass(frozen=True)
class Inspect:
    """What a log holds: its format, groups and how they were found, rewards, and what is missing or stands twice.

    Says what `audit` and `report` can use. Nothing is written. Texts of prompts and answers are hashed, never shown.
    """

    resumes: ClassVar[bool] = False

    source: Flat[Source]
    json: bool = False
    """Print one JSON object."""


@dataclass(frozen=True)
class Audit:
    """Which estimator made the advantages of a log: rule, ddof, ε, group size, and the weights of the reward functions.

    The column is recomputed from the rewards in every way that trainers have (docs/trainers.md); what agrees to
    float32's rounding explains it. A column that none explains is a finding, not an error. Exit status: 0, or 1 where
    --expect names another estimator than was found; 2 bad input.
    """

    resumes: ClassVar[bool] = False

    source: Flat[Source]
    expect: str | None = None
    """What was configured: trl, trl_batch, trl_none, verl, skyrl, openrlhf, tunix, nemo_rl, ms_swift, open_instruct,
    slime, dr_grpo, rloo, maxrl, gdpo, reinforce, paper, …"""
    json: bool = False
    """Print one JSON object."""

    def __post_init__(self) -> None:
        if self.expect is not None and self.expect not in known_estimators():
            raise ValueError(f"--expect is {self.expect}; allowed: {', '.join(known_estimators())}")
