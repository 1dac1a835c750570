"""The whole report: count the log, draw, and write report.html, summary.json and groups.parquet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments import store
from experiments.logs.groups import Groups
from experiments.logs.report import figures, text
from experiments.logs.report.answer import dead_sentence, plain_answer
from experiments.logs.report.config import Report
from experiments.logs.report.estimator import recover
from experiments.logs.report.measure import Measured, measure
from experiments.logs.report.summary import summarise
from experiments.rows import Rows
from experiments.study import Study


def report(config: Report, study: Study, groups: Groups, filtered: tuple[int, int] | None) -> int:
    """Count, draw, write, and say the first sentence.

    Raises:
        ValueError: a log with nothing to count.
        OSError: writing failed.
    """
    estimator = recover(groups)
    measured = measure(groups, estimator, config.correct)
    summary: dict[str, Any] = dict(
        summarise(
            groups,
            measured,
            estimator,
            correct=config.correct,
            filtered=filtered,
            num_windows=config.windows,
            run_std=config.run_std,
        )
    )
    with study:
        path = study.out / "groups.parquet"
        store.write_rows(path, study.declared(path, group_rows(groups, measured)), study.source, None)
        study.draw(drawings(summary, config.source.step_column or "step"))
        print(" ".join(filter(None, (plain_answer(summary), dead_sentence(summary)))))
        print(summary["advice"]["sentence"])
        study.publish(summary, lambda full: text.report(full, study.figures))
    return 0


def drawings(summary: dict[str, Any], step: str) -> dict[str, Callable[[], Figure]]:
    """The figures that the log can fill; `step` is what its steps are called."""
    found: dict[str, Callable[[], Figure]] = {}
    if summary["histogram"] is not None:
        found["right_answers"] = lambda: figures.right_answers(summary)
    if summary["share_by_right"]:
        found["share_by_right"] = lambda: figures.share_by_right(summary)
    if summary["moved_share"]:
        found["moved"] = lambda: figures.moved(summary)
    if summary["unanimous"]:
        found["unanimous"] = lambda: figures.unanimous(summary)
    if summary["dead_share_at"]:
        found["dead_share"] = lambda: figures.dead_share(summary)
    if len(summary["windows"]) > 1:
        found["windows"] = lambda: figures.windows(summary, step)
    return found


def group_rows(groups: Groups, measured: Measured) -> Rows:
    """One row per counted group; prompts by their hash."""
    index = measured.index
    columns: Rows = {
        "group": index,
        "step": groups.step[index],
        "batch": groups.batch[index],
        "prompt_hash": groups.prompt[index],
        "group_size": np.full(measured.num_groups, measured.group_size),
        "mean_reward": measured.mean,
        "deviation": measured.deviation,
        "live": measured.live,
    }
    if measured.counts is not None:
        columns["num_correct"] = measured.counts
    return columns | {f"length_{rule}": c for rule, c in measured.lengths.items()}
