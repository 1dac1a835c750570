"""What `grpo-curvature logs follow` can be told: one frozen dataclass, from which the flags are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tyro

from experiments.flags import check_positive
from experiments.logs.source import Source


@dataclass(frozen=True)
class Follow:
    """A run in progress: whenever the trainer has written, one line of what the log says by now. Ctrl-C ends it.

    A line has all groups so far, and the newest quarter of them; at the end stands the advice (`grpo-curvature
    advise`). Where the trainer writes no rollouts, TRL's metrics (log_history.json, trainer_state.json) are followed:
    they tell dead groups, and of what dividing moves only the most that it can. Nothing is written.
    """

    resumes: ClassVar[bool] = False

    source: tyro.conf.OmitArgPrefixes[Source]
    correct: str | None = None
    """Reward function that says 1 for a right answer and 0 for a wrong one."""
    every: float = 10.0
    """Seconds between two looks; longer where reading takes long: at most a fifth of the time is spent reading."""
    once: bool = False
    """Look once, print, and end."""

    def __post_init__(self) -> None:
        check_positive("--every", self.every)
