"""Any log as a table: CSV, JSON lines or Parquet with a row per answer, or a row per group of counts.

Columns: group, or prompt (equal prompts of a step are a group), or neither, where rows follow each other and advantages
or --group-size tell; reward, or several columns reward_NAME; if there are any, step and advantage. Or num_correct and
num_samples, with a prompt and a step if there are any. Capitals, blanks around names and a byte order mark do not
count.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.logs.block import Block
from experiments.logs.files import TruncatedError, integer, json_lines, number, parquet_columns, parquet_schema
from experiments.logs.gather import Gather
from experiments.logs.groups import UNKNOWN_STEP, Note
from experiments.logs.prompts import prompt_hash

SUFFIXES = (".csv", ".jsonl", ".parquet")
GROUP = ("group", "group_id", "group_idx", "uid")
PROMPT = ("prompt", "prompt_id", "question", "problem", "input")
STEP = ("step", "global_step", "iteration")
ADVANTAGE = ("advantage", "advantages")
REWARD = ("reward", "rewards", "score", "total_reward")
FUNCTION = ("reward_", "reward/", "rewards/", "reward.")
"""What a column of one of several reward functions begins with."""
COUNTS = ("num_correct", "num_samples")
MISSING = ("", "nan", "none", "null", "na")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]{0,39}")
"""A column's name that is one, and no text."""
LARGEST_COUNT = 10**6
"""Answers of a group at most."""


@dataclass(frozen=True)
class Columns:
    """Which column holds what; None where none does."""

    group: str | None = None
    prompt: str | None = None
    step: str | None = None
    advantage: str | None = None
    reward: str | None = None
    functions: tuple[str, ...] = ()
    counts: bool = False

    @property
    def names(self) -> list[str]:
        """All that are read."""
        named = [self.group, self.prompt, self.step, self.advantage, self.reward, *self.functions]
        return [name for name in named if name is not None] + list(COUNTS if self.counts else ())


@dataclass(frozen=True)
class Named:
    """Columns as the reader of the log named them; None where the usual names are looked for."""

    group: str | None = None
    prompt: str | None = None
    step: str | None = None
    advantage: str | None = None
    rewards: tuple[str, ...] = ()


def find_columns(path: Path, names: list[str], named: Named) -> Columns:
    """Which of a table's columns hold what.

    Raises:
        ValueError: none that holds rewards or counts, one that was named and is not there, or a name that stands twice.
    """
    for flag, asked in (("group", named.group), ("prompt", named.prompt), ("step", named.step)):
        _check_there(path, names, f"--{flag}-column", asked)
    _check_there(path, names, "--advantage-column", named.advantage)
    for name in named.rewards:
        _check_there(path, names, "--reward-columns", name)

    def first(usual: tuple[str, ...]) -> str | None:
        return next((name for name in usual if name in names), None)

    step, prompt = named.step or first(STEP), named.prompt or first(PROMPT)
    if set(COUNTS) <= set(names) and not named.rewards:
        return _once(path, names, Columns(prompt=prompt or named.group or first(GROUP), step=step, counts=True))
    reward = first(REWARD)
    functions = tuple(name for name in names if name.startswith(FUNCTION))
    if named.rewards:
        reward, functions = (named.rewards[0], ()) if len(named.rewards) == 1 else (None, named.rewards)
    if reward is None and not functions:
        raise ValueError(
            f"{path} has columns {_list(names)}; allowed: reward (or --reward-columns NAME …) with group or prompt, or "
            "num_correct and num_samples"
        )
    group, advantage = named.group or first(GROUP), named.advantage or first(ADVANTAGE)
    return _once(path, names, Columns(group, prompt, step, advantage, reward, functions))


def _once(path: Path, names: list[str], found: Columns) -> Columns:
    """Refuse columns that are there twice."""
    for name in found.names:
        if names.count(name) > 1:
            raise ValueError(f"{path} has {names.count(name)} columns {name}; allowed: one")
    return found


def _check_there(path: Path, names: list[str], flag: str, name: str | None) -> None:
    if name is not None and name not in names:
        raise ValueError(f"{flag} is {name}, which {path} has not; allowed: {_list(names)}")


def _list(names: list[str]) -> str:
    """Names in words; what does not look like a name may be a prompt of a table without a header, and is not shown."""
    shown = [name for name in names if NAME.fullmatch(name)][:12]
    rest = len(names) - len(shown)
    return ", ".join([*shown, *([f"{rest} more that are not shown"] if rest else [])]) or "none"


def blocks(path: Path, named: Named) -> Iterator[Block]:
    """A block per step, in the order in which steps first come; all in one where there is no step.

    Raises:
        ValueError: a damaged file, or one without the columns.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path} ends in {path.suffix or 'nothing'!r}; allowed: {', '.join(SUFFIXES)}")
    found: dict[int, Gather] = {}
    counted: dict[int, list[tuple[int, int, int]]] = {}
    columns: Columns | None = None
    note: Note | None = None
    try:
        for where, row in _rows(path, named):
            columns = columns or find_columns(path, list(row), named)
            step = UNKNOWN_STEP if columns.step is None else integer(row.get(columns.step), where, columns.step)
            if columns.counts:
                counted.setdefault(step, []).append(_count(row, columns, where))
            else:
                _add(found.setdefault(step, Gather(_name(path, step), step)), row, columns, where)
    except TruncatedError:
        note = Note("truncated", 1, f"{path.name}: the last line is cut off, left out")
    made = [_counts(path, step, rows) for step, rows in counted.items()] or [each.block() for each in found.values()]
    if note is not None:
        made.append(Block(name=path.name, prompt=np.zeros(0, np.uint64), notes=(note,)))
    yield from made


def _name(path: Path, step: int) -> str:
    return path.name if step == UNKNOWN_STEP else f"{path.name} step {step}"


def _add(made: Gather, row: Mapping[str, Any], columns: Columns, where: str) -> None:
    group = None if columns.group is None else row.get(columns.group)
    if columns.group is not None and (group is None or group == ""):
        raise ValueError(f"{where}: {columns.group} is missing; allowed: a group for every row")
    made.add(
        prompt=None if columns.prompt is None else row.get(columns.prompt),
        rewards={name: _value(row.get(name), where, name) for name in columns.functions},
        total=None if columns.reward is None else _value(row.get(columns.reward), where, columns.reward),
        advantage=None if columns.advantage is None else _value(row.get(columns.advantage), where, columns.advantage),
        key=group,
    )


def _value(value: object, where: str, name: str) -> float:
    """A number, or the text of one."""
    if not isinstance(value, str):
        return number(value, where, name)
    text = value.strip().lower()
    if text in MISSING:
        return float("nan")
    if text in ("true", "false"):
        return float(text == "true")
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"{where}: {name} is a text; allowed: numbers, or nothing") from error


def _count(row: Mapping[str, Any], columns: Columns, where: str) -> tuple[int, int, int]:
    """(hash of the prompt, right, in all)."""
    right, samples = (_value(row.get(name), where, name) for name in COUNTS)
    if not 1 <= samples <= LARGEST_COUNT or samples != int(samples):
        raise ValueError(f"{where}: num_samples is {samples:g}; allowed: whole numbers from 1 to {LARGEST_COUNT:,}")
    if not 0 <= right <= samples or right != int(right):
        raise ValueError(f"{where}: num_correct is {right:g}; allowed: whole numbers from 0 to num_samples")
    return prompt_hash(None if columns.prompt is None else row.get(columns.prompt)), int(right), int(samples)


def _counts(path: Path, step: int, rows: list[tuple[int, int, int]]) -> Block:
    prompt, right, samples = zip(*rows, strict=True)
    return Block(
        name=_name(path, step),
        step=step,
        prompt=np.array(prompt, np.uint64),
        num_correct=np.array(right, np.int64),
        num_samples=np.array(samples, np.int64),
    )


def _spelt(name: str) -> str:
    return name.strip("\ufeff").strip().lower()


def _rows(path: Path, named: Named) -> Iterator[tuple[str, dict[str, Any]]]:
    """("file: row", {column: value}) of every row, by lower-case names."""
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        for line, row in json_lines(path):
            spelt = [_spelt(name) for name in row]
            if len(set(spelt)) < len(spelt):
                find_columns(path, spelt, named)
            yield f"{path}: line {line}", dict(zip(spelt, row.values(), strict=True))
    elif suffix == ".csv":
        yield from _csv_rows(path, named)
    else:
        yield from _parquet_rows(path, named)


def _csv_rows(path: Path, named: Named) -> Iterator[tuple[str, dict[str, Any]]]:
    csv.field_size_limit(2**30)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            names = [_spelt(name) for name in next(reader, [])]
            if any(names.count(name) > 1 for name in names):
                find_columns(path, names, named)
            for row in reader:
                if not row:
                    continue
                if len(row) != len(names):
                    raise ValueError(f"{path}: line {reader.line_num} has {len(row)} entries; allowed: {len(names)}")
                yield f"{path}: line {reader.line_num}", dict(zip(names, row, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())[:120]
        raise ValueError(f"{path} cannot be read as CSV ({said}); allowed: a whole file in UTF-8") from error


def _parquet_rows(path: Path, named: Named) -> Iterator[tuple[str, dict[str, Any]]]:
    schema = list(parquet_schema(path))
    spelt = {_spelt(name): name for name in schema}
    names = find_columns(path, [_spelt(name) for name in schema], named).names
    row = 0
    for batch in parquet_columns(path, [spelt[name] for name in names]):
        columns = [batch[spelt[name]].to_pylist() for name in names]
        for values in zip(*columns, strict=True):
            row += 1
            yield f"{path}: row {row}", dict(zip(names, values, strict=True))
