"""tinker-cookbook: LOG/iteration_NNNNNN/train_rollout_summaries.jsonl, one line per trajectory.

iteration, group_idx, traj_idx, total_reward, final_reward, split, tags, steps. No prompts, no answers, no advantages;
evaluations stand in files of their own. Read in tinker_cookbook/rl/rollout_logging.py (0.5.5, August 2026).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.logs.block import Block
from experiments.logs.files import STEP, TruncatedError, integer, json_lines, number, other_steps, step_in
from experiments.logs.gather import Gather
from experiments.logs.groups import UNKNOWN_STEP, Note

FILE = "train_rollout_summaries.jsonl"
FOLDER = re.compile(rf"iteration_{STEP}")


def blocks(paths: Sequence[Path]) -> Iterator[Block]:
    """A block per iteration.

    Raises:
        ValueError: a damaged file or one of another kind.
    """
    for path in sorted(paths):
        yield _block(path)


def _block(path: Path) -> Block:
    made = Gather(f"{path.parent.name}/{path.name}")
    evaluated, named, steps = 0, step_in(path.parent.name, FOLDER), list[float]()
    try:
        for line, row in json_lines(path):
            where = f"{path}: line {line}"
            for name in ("iteration", "group_idx", "total_reward"):
                if name not in row:
                    raise ValueError(f"{where} has no {name}; allowed: tinker-cookbook's rollout summaries")
            if row.get("split", "train") != "train":
                evaluated += 1
                continue
            steps.append(integer(row["iteration"], where, "iteration"))
            made.step = int(steps[-1]) if named == UNKNOWN_STEP else named
            made.add(
                total=number(row["total_reward"], where, "total_reward"),
                key=integer(row["group_idx"], where, "group_idx"),
            )
    except TruncatedError:
        made.notes.append(Note("truncated", 1, f"{made.name}: the last line is cut off, left out"))
    made.notes += other_steps(made.name, named, steps)
    if evaluated:
        made.notes.append(Note("evaluation", evaluated, f"{made.name}: {evaluated} rows of evaluation, left out"))
    return made.block()
