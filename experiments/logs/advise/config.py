"""What `grpo-curvature advise` can be told: one frozen dataclass, from which the flags are made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import tyro

from experiments.flags import check_integer, check_positive
from experiments.logs.source import Source


@dataclass(frozen=True)
class Advise:
    """Should this run divide by the deviation? One sentence with its reasons and its limits, or why there is none.

    The log says which groups the update comes from; what that is worth is known from simulations with steps tuned for
    each rule. Where the two do not decide it, nothing is advised. Nothing is written.
    """

    resumes: ClassVar[bool] = False

    source: tyro.conf.OmitArgPrefixes[Source]
    correct: str | None = None
    """Reward function that says 1 for a right answer and 0 for a wrong one; needed where rewards have more than two
    values."""
    run_std: float | None = None
    """By how much your final accuracy differs from seed to seed: a standard deviation, as a fraction (0.02: 2 points).
    Default: between 0.01 and 0.03."""
    chi: tuple[float, float] | None = None
    """Interval of χ, how far prompts help (above 1) or hinder each other, as measured with gradients in your run: by
    `experiments.watch.CurvatureCallback` in TRL."""
    filtered_counts: Path | None = None
    """Text file with how many groups the trainer dropped before it wrote, as verl logs them: "0:3, 1:1"."""
    replay: bool = False
    """Simulate your run first: its likeliest pass rates and group size, at every overlap of prompts (about a minute).
    The lead is then that of your pass rates, and not that of other simulations."""
    optimiser: Literal["sgd", "adam"] | None = None
    """Your optimiser, for the replay: it is in no log. Default: sgd."""
    prompts_per_update: int | None = None
    """Prompts of one of your updates, for the replay; 0: all. Default: as the log has it, all where it does not say."""
    json: bool = False
    """Print one JSON object."""

    def __post_init__(self) -> None:
        if self.run_std is not None:
            check_positive("--run-std", self.run_std)
            if self.run_std > 1:
                raise ValueError(f"--run-std is {self.run_std}; allowed: at most 1, a deviation of accuracies")
        if self.chi is not None and not self.chi[0] <= self.chi[1]:  # NaN is in no order
            raise ValueError(f"--chi is {self.chi[0]:g} {self.chi[1]:g}; allowed: two numbers, the lower one first")
        for name, value in (("--optimiser", self.optimiser), ("--prompts-per-update", self.prompts_per_update)):
            if value is not None and not self.replay:
                raise ValueError(f"{name} is {value}; allowed with --replay alone")
        if self.prompts_per_update is not None:
            check_integer("--prompts-per-update", self.prompts_per_update, 0)
