"""What a command is: a frozen dataclass of flags that refuses bad ones when it is made, and then prepares its work.

    flags → prepare(): reads and checks all input, writes nothing → compute(): works, prints, gives the exit status

Whatever computes is imported by `compute`, so that help and refusals are there at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

Compute = Callable[[], int]
"""Does the work; returns the exit status."""


class Command(Protocol):
    """One command of `grpo-curvature`."""

    resumes: ClassVar[bool]
    """Whether the same command goes on where it was stopped."""

    def prepare(self) -> Compute:
        """Read and check all input.

        Raises:
            ValueError: bad input, in one line.
        """
        ...


class StoppedError(RuntimeError):
    """The work could not go on; what was finished is kept. The message is one line."""


def bounds_status(summary: Mapping[str, Any]) -> int:
    """Say how many proved bounds were checked; 1 where one is violated, else 0."""
    print(f"{summary['num_checks']:,} checks of proved bounds, {summary['num_violations']} violations")
    return 1 if summary["num_violations"] else 0
