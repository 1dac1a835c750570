"""Which log, and how to read it: what every `logs` command is told. Imports nothing that reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from experiments.flags import check_integer

FORMATS = ("trl", "verl", "nemo_rl", "tinker", "ms_swift", "open_instruct", "prime_rl", "generic")
"""Trainers whose files are read, and "generic" for tables of one's own."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Which log, and how to read it."""

    paths: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """The folder that the trainer wrote, or some of its files."""
    format: str | None = None
    """Whose files: trl, verl, nemo_rl, tinker, ms_swift, open_instruct, prime_rl, or generic (CSV, JSON lines or
    Parquet of your own). Default: found from names and columns."""
    group_size: int | None = None
    """G, answers per prompt, where the log does not name its groups."""
    group_column: str | None = None
    """Of a generic table: the column that names the group."""
    prompt_column: str | None = None
    """Of a generic table: the column of prompts; equal prompts of a step are a group."""
    step_column: str | None = None
    """Of a generic table: the trainer's step."""
    advantage_column: str | None = None
    """Of a generic table: the advantages."""
    reward_columns: tuple[str, ...] = ()
    """Of a generic table: the reward, or one column per reward function."""

    def __post_init__(self) -> None:
        if not self.paths:
            raise ValueError("PATH is empty; allowed: a trainer's folder, or some of its files")
        if self.format is not None and self.format not in FORMATS:
            raise ValueError(f"--format is {self.format}; allowed: {', '.join(FORMATS)}")
        if self.group_size is not None:
            check_integer("--group-size", self.group_size, 2)
        for path in self.paths:
            if not path.exists():
                raise ValueError(f"PATH is {path}, which does not exist; allowed: a trainer's folder, or its files")
