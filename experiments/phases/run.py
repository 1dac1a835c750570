"""The whole experiment: one configuration after the other, each kept when finished, then figures and the report."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from experiments.phases import figures
from experiments.phases.config import Phases
from experiments.phases.recipe import CONFIGURATIONS, MAIN, problems, run
from experiments.phases.rows import TABLES, problem_rows
from experiments.phases.summary import summarise
from experiments.phases.tables import Summary
from experiments.phases.text import report
from experiments.rows import Rows, Tables, join
from experiments.study import Study

NAMES = (*TABLES, "problems")
"""Tables of a configuration."""
STAMP = ("config", "versions", "commit", "device")
"""Columns that only provenance needs."""


def slug(name: str) -> str:
    """A configuration's name as file names have it.

    >>> slug("N = 96")
    'n_96'
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def compute(config: Phases, name: str) -> Tables:
    """Run one configuration."""
    some = problems(name, config.seed, config.seeds if name == MAIN else config.seeds // 2)
    paths = run(name, some, config.steps)
    return {table: make(name, paths) for table, make in TABLES.items()} | {"problems": problem_rows(name, some)}


def phases(config: Phases, study: Study) -> dict[str, Any]:
    """Compute every configuration that is not finished yet, draw, and report; returns the content of summary.json.

    Raises:
        ValueError: a folder that this run may not write to.
        OSError: writing failed; finished parts are kept.
    """
    study.num_parts = len(CONFIGURATIONS)
    with study:
        parts = [
            study.tables(slug(name), NAMES, lambda name=name: compute(config, name), what=name)
            for name in CONFIGURATIONS
        ]
        tables = {table: _slim(join(part[table] for part in parts)) for table in NAMES}
        summary = summarise(tables["steps"], tables["phases"], tables["profile"], tables["problems"])
        study.draw(drawings(tables, summary))
        return study.publish(summary, lambda full: report(full, study.figures))


def drawings(tables: Tables, summary: Summary) -> dict[str, Callable[[], Figure]]:
    """The figures by name."""
    return {
        "phases": lambda: figures.course(tables["steps"]),
        "surplus": lambda: figures.surplus(summary),
        "configurations": lambda: figures.configurations(tables["phases"], summary["verdicts"]),
        "controls": lambda: figures.controls(tables["steps"]),
        "limits": lambda: figures.limits(tables["steps"], tables["profile"]),
    }


def _slim(rows: Rows) -> Rows:
    return {name: values for name, values in rows.items() if name not in STAMP}
