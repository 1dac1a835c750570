"""prime-rl (August 2026): RUN/rollouts/step_N/train/{all,effective}/traces.jsonl, one line per episode.

group {id}, task {key, hash}, traces [{agent {trainable}, rewards {name: {score, weight}}, nodes [{advantages}]}]. The
reward is Σ score · weight. "effective" holds what was trained on, with its advantages; "all" every episode as it ended,
before any were given. Where a step has both, "effective" is read. Read in src/prime_rl/monitors/file.py (0.8) and
verifiers/v1/{episode,trace}.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.logs.block import Block
from experiments.logs.files import STEP, TruncatedError, json_lines, number, step_in
from experiments.logs.gather import Gather
from experiments.logs.groups import UNKNOWN_STEP, Note

FILE = "traces.jsonl"
FOLDER = re.compile(rf"step_{STEP}")


def step_of(path: Path) -> int:
    """The step in a file's folders, the innermost that names one; `UNKNOWN_STEP` where none does."""
    steps = (step_in(part, FOLDER) for part in reversed(path.parts))
    return next((step for step in steps if step != UNKNOWN_STEP), UNKNOWN_STEP)


def chosen(paths: Sequence[Path]) -> list[Path]:
    """One file per step: "effective" if any step has one, since only there are advantages."""
    by_step: dict[tuple[int, Path], list[Path]] = {}
    effective = [path for path in paths if path.parent.name == "effective"]
    for path in effective or paths:
        by_step.setdefault((step_of(path), path.parent.parent), []).append(path)
    return [path for _, files in sorted(by_step.items()) for path in files]


def blocks(paths: Sequence[Path]) -> Iterator[Block]:
    """A block per step.

    Raises:
        ValueError: a damaged file, one of another kind, or a function whose weight changes.
    """
    weights: dict[str, float] = {}
    for path in chosen(paths):
        yield _block(path, weights)


def _block(path: Path, weights: dict[str, float]) -> Block:
    made = Gather(f"step {step_of(path)}, {path.parent.name}/{path.name}", step_of(path))
    failed = 0
    try:
        for line, row in json_lines(path):
            where = f"{path}: line {line}"
            group, traces = row.get("group"), row.get("traces")
            if not isinstance(traces, list):
                raise ValueError(f"{where} has no list traces; allowed: prime-rl's episodes, with group and traces")
            for trace in traces:
                if not isinstance(trace, Mapping):
                    raise ValueError(f"{where}: a trace is no JSON object; allowed: prime-rl's episodes")
                agent = trace.get("agent")
                if isinstance(agent, Mapping) and agent.get("trainable") is False:
                    continue
                rewards = _rewards(trace, weights, where)
                if rewards is None:
                    failed += 1
                    continue
                if not isinstance(group, Mapping) or "id" not in group:
                    raise ValueError(f"{where} has no group.id; allowed: episodes of training, which have one")
                made.add(
                    prompt=_task(row),
                    rewards=rewards,
                    total=math.fsum(value * weights[name] for name, value in rewards.items()),
                    advantage=_advantage(trace, where),
                    key=group["id"],
                    answer=str(trace.get("id")) if trace.get("id") else None,
                )
    except TruncatedError:
        made.notes.append(Note("truncated", 1, f"{made.name}: the last line is cut off, left out"))
    if failed:
        made.notes.append(Note("missing_rewards", failed, f"{made.name}: {failed} traces without rewards, left out"))
    return made.block(weights=dict(weights))


def _rewards(trace: Mapping[str, Any], weights: dict[str, float], where: str) -> dict[str, float] | None:
    """Scores by function; None where scoring did not run."""
    rewards = trace.get("rewards")
    if not isinstance(rewards, Mapping) or not rewards or all(value is None for value in rewards.values()):
        return None
    found: dict[str, float] = {}
    for name, value in rewards.items():
        if value is None:
            continue
        if not isinstance(value, Mapping):
            raise ValueError(f"{where}: reward {name} is no JSON object; allowed: score and weight")
        weight = number(value.get("weight", 1.0), where, f"the weight of {name}")
        if weights.setdefault(name, weight) != weight:
            raise ValueError(
                f"{where}: the weight of {name} is {weight:g} where it was {weights[name]:g}; allowed: one weight per "
                "reward function (give the parts of the run apart)"
            )
        found[name] = number(value.get("score"), where, f"the score of {name}")
    return found


def _task(row: Mapping[str, Any]) -> object:
    task = row.get("task")
    if not isinstance(task, Mapping):
        return None
    return task.get("key") or task.get("hash") or task.get("data")


def _advantage(trace: Mapping[str, Any], where: str) -> float | None:
    """The advantage of the trained tokens, which is one number under GRPO; None where none was given."""
    nodes = trace.get("nodes")
    lists = [node.get("advantages") for node in nodes if isinstance(node, Mapping)] if isinstance(nodes, list) else []
    values = [number(v, where, "advantages") for each in lists if isinstance(each, list) for v in each]
    if not values:
        return None
    return next((value for value in values if value != 0), 0.0)
