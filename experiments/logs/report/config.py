"""What `logs report` and `logs example` can be told: one frozen dataclass each, from which the flags are made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import tyro

from experiments.flags import check_integer, check_out, check_positive
from experiments.logs.source import Source


@dataclass(frozen=True)
class Report:
    """What dividing by the deviation does to your update, and what other rules and group sizes would do.

    Writes report.html (one file, no network), summary.json, groups.parquet and figures. The estimator is the one that
    `logs audit` recovers. Texts of prompts and answers are in none of them. What the log cannot say is said, with the
    way out. The same log gives the same bytes.
    """

    resumes: ClassVar[bool] = False

    source: tyro.conf.OmitArgPrefixes[Source]
    out: Path = Path("logs-report")
    """Folder for the report; made if absent."""
    correct: str | None = None
    """Reward function that says 1 for a right answer and 0 for a wrong one. Needed where rewards have more than two
    values: for shares by right answers, dead shares at other group sizes, and how much goes into unanimous groups."""
    windows: int = 4
    """Stretches of the log that are shown one by one, 1 to 100: of equally many groups, so a step may be split."""
    run_std: float | None = None
    """By how much your final accuracy differs from seed to seed: a standard deviation, as a fraction (0.02: 2 points).
    Default: 0.01 and 0.03 are shown."""
    filtered_counts: Path | None = None
    """Text file with how many groups the trainer dropped before it wrote, as verl logs them: "0:3, 1:1" is 3 all
    wrong and 1 all right; lines are added up."""

    def __post_init__(self) -> None:
        check_out(self.out)
        check_integer("--windows", self.windows, 1, 100)
        if self.run_std is not None:
            check_positive("--run-std", self.run_std)
            if self.run_std > 1:
                raise ValueError(f"--run-std is {self.run_std}; allowed: at most 1, a deviation of accuracies")

    def identity(self) -> dict[str, Any]:
        """What decides the results. Of the paths the last part alone: reports are passed on."""
        source = {k: v for k, v in vars(self.source).items() if k != "paths" and v not in (None, ())}
        return {
            "command": "logs report",
            "paths": [path.resolve().name for path in self.source.paths],
            **source,
            "correct": self.correct,
            "windows": self.windows,
            "run_std": self.run_std,
            "filtered_counts": None if self.filtered_counts is None else self.filtered_counts.name,
        }


@dataclass(frozen=True)
class Example:
    """Write an example log: a GRPO run of the simulator, in TRL's files. For a first look at inspect, audit, report."""

    resumes: ClassVar[bool] = False

    out: Path = Path("logs-report/example")
    """Folder for the files; made if absent. Files of an earlier example are replaced."""

    def __post_init__(self) -> None:
        check_out(self.out)
