"""`logs follow`: look, print a line where something is new, wait; at the end the advice."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from experiments.logs.advise.text import advice_text
from experiments.logs.detect import NoLogError
from experiments.logs.follow.config import Follow
from experiments.logs.follow.metrics import Metrics, find_metrics, metrics_line, metrics_text
from experiments.logs.read import WrongColumnError, read_counted
from experiments.logs.report.answer import moved, percent
from experiments.logs.report.estimator import recover
from experiments.logs.report.measure import measure
from experiments.logs.report.summary import summarise

QUARTERS = 4
READING = 5
"""So many times as long as a look takes is waited at least."""


def follow(config: Follow) -> int:
    """Print a line for every state of the log that is new, until Ctrl-C; with --once the first.

    Raises:
        ValueError: with --once, a log that cannot be read; else only a wrong --correct.
    """
    seen = ""
    found: Metrics | dict[str, Any] | None = None
    try:
        while True:
            begun = time.monotonic()
            try:
                found = look(config)
                line = state_line(found)
            except ValueError as error:  # a file that is being written, or none yet
                if config.once or isinstance(error, WrongColumnError):
                    raise
                line = f"waiting: {error}"
            if line != seen:
                print(line, flush=True)
            seen = line
            if config.once:
                break
            time.sleep(max(config.every, (READING - 1) * (time.monotonic() - begun)))
    except KeyboardInterrupt:
        print()
    if found is not None:
        print(closing(found, config.source.group_size))
    return 0


def look(config: Follow) -> Metrics | dict[str, Any]:
    """What the log says now: the summary of a report, or metrics where there are no rollouts.

    Raises:
        ValueError: neither, or a file that is damaged or not written to its end.
    """
    try:
        groups = read_counted(config.source, config.correct)
    except NoLogError:
        found = find_metrics(config.source.paths)
        if found is None:
            raise
        return found
    estimator = recover(groups)
    measured = measure(groups, estimator, config.correct)
    options = {"correct": config.correct, "filtered": None, "num_windows": QUARTERS, "run_std": None}
    return dict(summarise(groups, measured, estimator, **options))


def state_line(found: Metrics | Mapping[str, Any]) -> str:
    """One line of what is known by now."""
    if isinstance(found, Metrics):
        return metrics_line(found)
    s, newest = found, found["windows"][-1]
    last = "" if newest["last_step"] is None else f"step {newest['last_step']}: "
    dead = "dead groups not said" if s["dead_share"] is None else f"{percent(s['dead_share'])} dead"
    if "moved_share" in s["abstained"]:
        what = "what dividing moves not said yet"
    else:
        row = s["rules"]["group"]
        what = f"dividing moves {moved(row)}, gradient {row['step_l1']:.2f} times as long"
    part = ""
    if len(s["windows"]) > 1:
        steps = "newest quarter" if not last else f"steps {newest['first_step']} to {newest['last_step']}"
        share = "" if s["dead_share"] is None else f"{percent(newest['dead_share'])} dead, "
        part = f"; {steps}: {share}mean reward {newest['mean_reward']:.3f}"
    return f"{last}{s['num_groups']:,} groups of {s['group_size']}, {dead}; {what}{part}"


def closing(found: Metrics | Mapping[str, Any], group_size: int | None) -> str:
    """What stands at the end."""
    return metrics_text(found, group_size) if isinstance(found, Metrics) else advice_text(found["advice"])
