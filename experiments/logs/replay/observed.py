"""What a finished study of a pretrained model measured, as far as a replay of it needs: read from the folder's rows.

`gsm8k validate --model` writes, for every set of questions, the pass rate of each prompt and the cosines of gradients
at the pretrained state (`step_late_*`), and the mean pass rate along exact runs: `step_small_*` at equal steps,
`step_run_*` at tuned ones, `step_adam_run_*` under Adam.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.folder import read_manifest
from experiments.rows import Rows, join, of
from experiments.store import read_rows

KINDS = {"equal": "step_small_", "tuned": "step_run_", "adam": "step_adam_run_"}
"""Exact runs by how their steps were chosen, and how the names of their files begin."""


@dataclass(frozen=True)
class Runs:
    """Exact runs of one kind, of every rule on every set."""

    num_steps: int
    """T."""
    step_size: dict[str, float]
    """By rule."""
    area: dict[str, np.ndarray]
    """[S] mean over T updates of the mean pass rate, by rule."""


@dataclass(frozen=True)
class Observed:
    """A study: S sets of N prompts."""

    run_id: str
    commit: str
    rates: np.ndarray
    """[S, N] pass rates at the pretrained state."""
    cosine_mean: np.ndarray
    """[S] mean over pairs of prompts of the cosine of their gradients there."""
    cosine_std: np.ndarray
    """[S] and their deviation."""
    runs: dict[str, Runs]
    """By kind: "equal" and "tuned", and "adam" where the study has it."""


def observe(folder: Path) -> Observed:
    """Read a study's folder.

    Raises:
        ValueError: no such folder, or one that lacks the rows of a pretrained model's study.
    """
    if not (folder / "manifest.json").is_file():
        raise ValueError(f"--study is {str(folder)!r}; allowed: the folder of a finished `gsm8k validate --model` run")
    manifest = read_manifest(folder)
    states = of(_table(folder, "step_late_", "states"), target=0.0)
    prompts = of(_table(folder, "step_late_", "prompts"), target=0.0)
    sets = np.unique(states["seed"])
    if len(sets) < 2:
        raise ValueError(
            f"--study has {len(sets)} set of questions; allowed: at least 2, as leads are paired over sets"
        )
    order = [int(np.flatnonzero(states["seed"] == number)[0]) for number in sets]
    return Observed(
        run_id=str(manifest["run_id"]),
        commit=str(manifest["commit"]),
        rates=np.stack([of(prompts, seed=number)["pass_rate"] for number in sets]),
        cosine_mean=states["cosine_mean"][order],
        cosine_std=states["cosine_std"][order],
        runs={
            kind: _runs(_table(folder, begin, "steps"), sets)
            for kind, begin in KINDS.items()
            if kind != "adam" or any((folder / "rows").glob(f"{begin}*.steps.parquet"))
        },
    )


def _table(folder: Path, begin: str, table: str) -> Rows:
    """All parts of a table, joined.

    Raises:
        ValueError: there is none.
    """
    paths = sorted((folder / "rows").glob(f"{begin}*.{table}.parquet"))
    if not paths:
        raise ValueError(
            f"--study is {str(folder)!r}, without rows/{begin}*.{table}.parquet; allowed: a finished `gsm8k validate "
            "--model` run, whose exact runs are there"
        )
    return join(read_rows(path) for path in paths)


def _runs(rows: Rows, sets: np.ndarray) -> Runs:
    """By rule, none and group first. Raises ValueError where one has not been run on every set, or not for as long."""
    area: dict[str, np.ndarray] = {}
    lengths: set[int] = set()
    rules = sorted(set(map(str, rows["rule"])), key=lambda rule: (rule != "none", rule != "group", rule))
    if rules[0] != "none":
        raise ValueError(f"--study has the rules {', '.join(rules)}; allowed: a study with none among them")
    for rule in rules:
        found = [of(rows, rule=rule, seed=number)["pass_rate"] for number in sets]
        lengths |= {len(values) for values in found}
        area[rule] = np.array([values.mean() for values in found if len(values)])
    if len(lengths) != 1:
        raise ValueError(f"--study has runs of {sorted(lengths)} steps; allowed: a finished study, all of one length")
    steps = {rule: float(of(rows, rule=rule)["step_size"][0]) for rule in area}
    return Runs(lengths.pop(), steps, area)
