"""What a Hugging Face trainer logged of its steps: which had an evaluation, and the averages of the reward functions.

TRL's completions do not say whether they were training or evaluation; the trainer's history does. It stands in
trainer_state.json (the run's folder or its last checkpoint's), or in a log_history.json with the same list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

TOTAL = "reward"
"""The key of the whole reward's average, in files and in `History.averages`."""
_MEAN = re.compile(r"rewards/(.+)/mean")


@dataclass(frozen=True)
class History:
    """What the history says; empty where there is none."""

    evaluated: frozenset[int] = frozenset()
    """Steps at which an evaluation was logged."""
    functions: tuple[str, ...] = ()
    """Names of the reward functions, in the order of the history."""
    averages: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    """{function: [T]} and {"reward": [T]}: averages over the T logged steps that have all of them; empty without."""
    name: str = ""
    """The file's name; empty where there is none."""


def find_history(run: Path) -> History:
    """The history of the run in this folder.

    Raises:
        ValueError: a file of that name that is no such JSON.
    """
    found = history_rows(run)
    return History() if found is None else _history(*found)


def history_rows(run: Path) -> tuple[str, list[dict[str, Any]]] | None:
    """(name of the file, what was logged, one entry per logged step) of the run in this folder; None without a file.

    Raises:
        ValueError: a file of that name that is no such JSON.
    """
    candidates = [run / "log_history.json", run / "trainer_state.json"]
    checkpoints = [path for path in run.glob("checkpoint-*") if path.name.partition("-")[2].isdigit()]
    candidates += [path / "trainer_state.json" for path in sorted(checkpoints, key=lambda p: -int(p.name[11:]))]
    for path in candidates:
        if path.is_file():
            return path.name, _rows(path)
    return None


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON; allowed: what the trainer wrote, or no such file") from error
    rows = content.get("log_history") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise ValueError(f"{path} has no list log_history; allowed: what the trainer wrote, or no such file")
    return [row for row in rows if isinstance(row, dict)]


def _history(name: str, rows: list[dict[str, Any]]) -> History:
    evaluated = {row["step"] for row in rows if isinstance(row.get("step"), int) and any(map(_of_evaluation, row))}
    functions = tuple(dict.fromkeys(found[1] for row in rows for key in row if (found := _MEAN.fullmatch(key))))
    return History(frozenset(evaluated), functions, _averages(rows, functions), name)


def _of_evaluation(key: str) -> bool:
    return key == f"eval_{TOTAL}" or key.startswith("eval_rewards/")


def _averages(rows: list[dict[str, Any]], functions: tuple[str, ...]) -> dict[str, np.ndarray]:
    keys = {TOTAL: TOTAL} | {name: f"rewards/{name}/mean" for name in functions}
    whole = [row for row in rows if all(isinstance(row.get(key), float) for key in keys.values())]
    columns = {name: np.array([row[key] for row in whole], float) for name, key in keys.items()}
    finite = np.all([np.isfinite(values) for values in columns.values()], axis=0)
    return {name: values[finite] for name, values in columns.items()} if functions and finite.any() else {}
