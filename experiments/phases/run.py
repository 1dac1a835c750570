"""The whole experiment: one configuration after the other, each kept when finished, then figures and the report."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from experiments import plotting, store
from experiments.phases import figures
from experiments.phases.config import Phases
from experiments.phases.recipe import CONFIGURATIONS, MAIN, problems, run
from experiments.phases.rows import TABLES, Rows, problem_rows
from experiments.phases.summary import summarise
from experiments.phases.text import report


@dataclass(frozen=True)
class Inputs:
    """What was found in order before anything is computed."""

    source: store.Provenance
    rows: Path
    figures: Path


def prepare(config: Phases) -> Inputs:
    """Make the folders.

    Raises:
        ValueError: a folder that cannot be written to.
    """
    out = store.writable_folder(config.out)
    return Inputs(
        store.provenance(config.identity(), config.seed),
        store.writable_folder(out / "rows"),
        store.writable_folder(out / "figures"),
    )


def path_of(folder: Path, name: str, table: str) -> Path:
    """Where one table of one configuration is kept."""
    return folder / f"{re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')}-{table}.parquet"


def compute(config: Phases, inputs: Inputs, name: str) -> None:
    """Run one configuration and write its tables."""
    begun = time.perf_counter()
    some = problems(name, config.seed, config.seeds if name == MAIN else config.seeds // 2)
    paths = run(name, some, config.steps)
    tables = {table: make(name, paths) for table, make in TABLES.items()} | {"problems": problem_rows(name, some)}
    spent = time.perf_counter() - begun
    for table, columns in tables.items():
        store.write_rows(path_of(inputs.rows, name, table), columns, inputs.source, spent)


def phases(config: Phases, inputs: Inputs) -> dict[str, Any]:
    """Compute every configuration that is not finished yet, draw, and report; returns the content of summary.json.

    Raises:
        OSError: writing failed; finished parts are kept.
    """
    started = time.perf_counter()
    parts: dict[str, list[Rows]] = {table: [] for table in (*TABLES, "problems")}
    with tqdm(CONFIGURATIONS, unit="configuration") as bar:
        for name in bar:
            bar.set_description(name)
            files = {table: path_of(inputs.rows, name, table) for table in parts}
            if config.fresh or not all(store.is_finished(file, inputs.source) for file in files.values()):
                compute(config, inputs, name)
            for table, file in files.items():
                parts[table].append(store.read_rows(file))
    tables = {table: _joined(some) for table, some in parts.items()}

    source = inputs.source
    summary = {
        "schema_version": store.SCHEMA_VERSION,
        **summarise(tables["steps"], tables["phases"], tables["profile"], tables["problems"]),
    }
    summary["run"] = {
        "run_id": source.run_id,
        "config": config.identity(),
        "commit": source.commit,
        "versions": json.loads(source.versions),
        "device": source.device,
        "wall_time_s": round(sum(float(rows["wall_time_s"][0]) for rows in parts["phases"]), 1),
    }
    drawings: dict[str, Callable[[], Any]] = {
        "phases": lambda: figures.course(tables["steps"]),
        "surplus": lambda: figures.surplus(summary),
        "configurations": lambda: figures.configurations(tables["phases"], summary["verdicts"]),
        "controls": lambda: figures.controls(tables["steps"]),
        "limits": lambda: figures.limits(tables["steps"], tables["profile"]),
    }
    for name, draw in tqdm(drawings.items(), desc="figures", unit="figure", leave=False):
        plotting.save(draw, inputs.figures, name)
    store.write_bytes(config.out / "summary.json", (json.dumps(summary, indent=2, ensure_ascii=False) + "\n").encode())
    store.write_bytes(config.out / "report.html", report(summary, inputs.figures))
    print(f"{time.perf_counter() - started:.0f} s; report: {config.out / 'report.html'}")
    return summary


def _joined(parts: list[Rows]) -> Rows:
    """One table of all configurations; columns that only provenance needs are dropped."""
    kept = [name for name in parts[0] if name not in ("config", "versions", "commit", "device")]
    return {name: np.concatenate([part[name] for part in parts]) for name in kept}
