"""What a command is: flags that refuse bad ones when they are made, and what prepares the work that they ask for.

    config.py   a frozen dataclass of flags; refuses what is out of range
    prepare.py  prepare(flags): reads and checks all input, writes nothing; gives compute()
    run.py      what compute() imports and calls: it works, prints, gives the exit status

Whatever computes is imported by compute(), so that help and refusals are there at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, TypeAlias

Compute: TypeAlias = Callable[[], int]
"""Does the work; returns the exit status."""
Prepare: TypeAlias = Callable[[Any], Compute]
"""Reads and checks all input of a command's flags, or raises ValueError in one line."""


class Flags(Protocol):
    """What a command was told."""

    resumes: ClassVar[bool]
    """Whether the same command goes on where it was stopped."""


class StoppedError(RuntimeError):
    """The work could not go on; what was finished is kept. The message is one line."""


def bounds_status(summary: Mapping[str, Any]) -> int:
    """Say how many proved bounds were checked; 1 where one is violated, else 0."""
    print(f"{summary['num_checks']:,} checks of proved bounds, {summary['num_violations']} violations")
    return 1 if summary["num_violations"] else 0
