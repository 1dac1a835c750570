"""verl: trainer.rollout_data_dir/{step}.jsonl, one line per answer.

input, output, gts, score, step; the trainer of 2026 (trainer/ppo/v1) sorts by and adds
uid = {prompt}_{session}_{turn},
the older one adds what the reward function returned beside the score (of which a key "score" overwrites the score) and
reorders rows, so that only equal inputs tell groups. A session of several turns has several rows with one score: the
last counts. No advantages are stored. Read in verl/trainer/ppo/v1/trainer_base.py and ray_trainer.py (0.10.0.dev,
August 2026).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.logs.block import Block
from experiments.logs.files import LARGEST_STEP, STEP, TruncatedError, json_lines, number, other_steps, step_in
from experiments.logs.gather import Gather
from experiments.logs.groups import Note

FILE = re.compile(rf"{STEP}\.jsonl")
OTHER = ("input", "output", "gts", "score", "step", "uid", "request_id")


def blocks(paths: Sequence[Path]) -> Iterator[Block]:
    """A block per file, in the order of steps.

    Raises:
        ValueError: a damaged file or one of another kind.
    """
    for path in sorted(paths, key=lambda path: step_in(path.name, FILE)):
        yield _block(path)


def _block(path: Path) -> Block:
    made = Gather(path.name, step_in(path.name, FILE))
    sessions: dict[str, dict[str, Any]] = {}
    turns = 0
    steps: list[float] = []
    try:
        for line, row in json_lines(path):
            where = f"{path}: line {line}"
            if "score" not in row or "input" not in row:
                missing = "score" if "score" not in row else "input"
                raise ValueError(f"{where} has no {missing}; allowed: verl's rows, with input, output and score")
            number(row["score"], where, "score")
            if isinstance(step := row.get("step"), (int, float)):
                steps.append(min(max(step, -LARGEST_STEP), LARGEST_STEP))
            if isinstance(uid := row.get("uid"), str):
                session = uid.rsplit("_", 1)[0] if uid.count("_") >= 2 else uid
                turns += session in sessions
                sessions[session] = row
            else:
                _add(made, row, where, None)
    except TruncatedError:
        made.notes.append(Note("truncated", 1, f"{path.name}: the last line is cut off, left out"))
    for session, row in sessions.items():
        _add(made, row, str(path), session.rsplit("_", 1)[0])
    made.notes += other_steps(path.name, made.step, steps)
    if turns:
        made.notes.append(Note("other", turns, f"{path.name}: {turns} earlier turns of sessions, left out"))
    return made.block()


def _add(made: Gather, row: Mapping[str, Any], where: str, key: str | None) -> None:
    more = {n: float(v) for n, v in row.items() if n not in OTHER and isinstance(v, (int, float)) and abs(v) < 1e300}
    answer = row.get("output")
    made.add(
        prompt=row["input"],
        rewards=more,
        total=number(row["score"], where, "score"),
        key=key,
        answer=answer if isinstance(answer, str) else None,
    )
