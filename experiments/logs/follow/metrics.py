"""What TRL's metrics tell where no rollouts were written: dead groups, and the most that dividing can move.

    frac_reward_zero_std    share of groups whose rewards are all equal; of whole batches under scale_rewards="batch"
    reward                  mean reward, weighted
    reward_std              not used: its meaning changed at 0.27, and in 0.27 to 0.29 it leaves out the weights

Which groups are hard is not in them: no share by right answers, no moved share, no dead share at another size, and no
audit. What dividing moves has a bound in G alone where rewards have two values (`greatest_moved_share`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curvature.group_update import greatest_moved_share
from experiments.logs.history import TOTAL, history_rows
from experiments.logs.report.answer import percent

DEAD = "frac_reward_zero_std"


@dataclass(frozen=True)
class Metrics:
    """T logged steps that say how many groups are dead."""

    name: str
    """The file's name."""
    step: np.ndarray
    """[T] int64."""
    dead: np.ndarray
    """[T] share in [0, 1]."""
    reward: np.ndarray
    """[T] mean reward; NaN where it was not logged."""

    @property
    def of_batches(self) -> bool:
        """Whether the shares may be of whole batches: all are 0 or 1."""
        return bool(np.isin(self.dead, (0.0, 1.0)).all())


def find_metrics(paths: Sequence[Path]) -> Metrics | None:
    """The metrics of the one run in these folders; None where nothing was logged, or nothing of dead groups.

    Raises:
        ValueError: a history that is no such JSON.
    """
    for path in paths:
        found = history_rows(path) if path.is_dir() else None
        rows = [] if found is None else [row for row in found[1] if _share(row.get(DEAD)) and _step(row.get("step"))]
        if found is not None and rows:
            reward = [row[TOTAL] if isinstance(row.get(TOTAL), (int, float)) else np.nan for row in rows]
            step, dead = ([row[name] for row in rows] for name in ("step", DEAD))
            return Metrics(found[0], np.array(step, np.int64), np.array(dead, float), np.array(reward, float))
    return None


def _share(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _step(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62


def metrics_line(m: Metrics) -> str:
    """All steps so far, and the newest quarter."""
    newest = slice(-max(1, len(m.step) // 4), None)
    reward = f", mean reward {np.nanmean(m.reward[newest]):.3f}" if np.isfinite(m.reward[newest]).any() else ""
    return (
        f"step {m.step[-1]}: {len(m.step)} logged steps, {percent(m.dead.mean())} dead; steps {m.step[newest][0]} to "
        f"{m.step[-1]}: {percent(m.dead[newest].mean())} dead{reward}"
    )


def metrics_text(m: Metrics, group_size: int | None) -> str:
    """What metrics tell and what they do not, once at the end."""
    lines = [
        f"{m.name} holds metrics and no rollouts (TRL writes these with log_completions=True), so which groups the "
        "update comes from, what dividing moves and which estimator was used are not said."
    ]
    if m.of_batches:
        lines.append(
            'Every share is 0 or 1: with scale_rewards="batch" TRL counts whole batches here, and dead groups are not '
            "said."
        )
    if group_size is None:
        lines.append("With --group-size G the most that dividing can move is said.")
    else:
        lines.append(
            f"If rewards have two values, dividing by the deviation moves at most "
            f"{percent(greatest_moved_share(group_size))} of the update in groups of {group_size}, whatever the groups."
        )
    return "\n".join(lines)
