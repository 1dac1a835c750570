"""Logs that the tests of the report write: tables of groups as CSV files, from counts or from rewards."""

from pathlib import Path

import numpy as np

from experiments.logs.groups import Groups
from experiments.logs.read import read
from experiments.logs.source import Source

RUN = [19757, 7024, 4792, 4105, 3628, 3666, 4022, 5425, 11581]
"""Groups of 8 by right answers in a GRPO run of Qwen2.5-Math-1.5B (500 steps of 128 prompts): counted from
data/acc_step_500.json of github.com/ypwang61/One-Shot-RLVR, commit 21ed529, Apache-2.0."""


def drawn(number: int, seed: int = 0) -> np.ndarray:
    """Counts of that many groups, like the run's."""
    return np.random.default_rng(seed).choice(9, number, p=np.array(RUN) / sum(RUN))


def write_counts(path: Path, counts: np.ndarray, size: int = 8, **columns: np.ndarray) -> Path:
    """A table with one row per group."""
    names = ["num_correct", "num_samples", *columns]
    rows = zip(counts, [size] * len(counts), *columns.values(), strict=True)
    path.write_text("\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def write_rewards(path: Path, rewards: dict[str, np.ndarray], advantage: np.ndarray | None = None) -> Path:
    """A table with one row per answer; every reward function is [N, G], and so is the advantage."""
    shape = next(iter(rewards.values())).shape
    columns: dict[str, np.ndarray] = {
        "group": np.repeat(np.arange(shape[0]), shape[1]),
        "step": np.repeat(np.arange(shape[0]) // 10, shape[1]),
        "prompt": np.array([f"SECRET question {i % 97}" for i in range(shape[0]) for _ in range(shape[1])]),
        **{name: values.reshape(-1) for name, values in rewards.items()},
    }
    if advantage is not None:
        columns["advantage"] = advantage.reshape(-1)
    rows = ("" if value != value else str(value) for row in zip(*columns.values(), strict=True) for value in row)
    cells = list(rows)
    n = len(columns)
    lines = [",".join(cells[i : i + n]) for i in range(0, len(cells), n)]
    path.write_text("\n".join([",".join(columns), *lines]) + "\n")
    return path


def binary(counts: np.ndarray | list[int], size: int = 8) -> np.ndarray:
    """[N, G] rewards with these numbers of ones."""
    return (np.arange(size) < np.asarray(counts)[:, None]).astype(float)


def groups(path: Path, **options) -> Groups:
    """The log that was written."""
    return read(Source(paths=(path,), **options))
