"""ms-swift: OUT/completions.jsonl (`--log_completions true`), in three shapes.

Hugging Face: a line is a table {step: [text, …], prompt: […], completion: […], one list per reward function,
advantages: […]}. Megatron: the same with gen_step in place of step. Ray: a line is a row {gen_step, prompt, completion,
reward}, the unweighted sum, without advantages. Groups are contiguous; the last of a line may be cut off. Read in
swift/rlhf_trainers/grpo_trainer.py, swift/megatron/trainers and swift/ray/megatron (4.6.0.dev, August 2026).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.logs.block import Block
from experiments.logs.files import TruncatedError, integer, json_lines, number
from experiments.logs.gather import Gather
from experiments.logs.groups import UNKNOWN_STEP, Note

FILE = "completions.jsonl"
STEPS = ("gen_step", "step")
OTHER = ("step", "gen_step", "prompt", "completion", "advantages", "entropy", "image", "images", "solution")


def blocks(paths: Sequence[Path]) -> Iterator[Block]:
    """A block per line of a table, or per step of rows.

    Raises:
        ValueError: a damaged file, one of another kind, or columns of different lengths.
    """
    for path in paths:
        yield from _blocks(path)


def _blocks(path: Path) -> Iterator[Block]:
    made: Gather | None = None
    try:
        for line, row in json_lines(path):
            where = f"{path}: line {line}"
            if isinstance(row.get("prompt"), list) and isinstance(row.get("completion"), list):
                yield _table(row, f"{path.name} line {line}", where)
                continue
            step = _step(row, where)
            if made is None or made.step != step:
                if made is not None:
                    yield made.block()
                made = Gather(f"{path.name} from line {line}", step)
            if "reward" not in row:
                raise ValueError(f"{where} has no reward; allowed: ms-swift's completions.jsonl of GRPO")
            total = number(row["reward"], where, "reward")
            made.add(prompt=row.get("prompt"), total=total, answer=str(row.get("completion")))
    except TruncatedError:
        if made is None:
            made = Gather(path.name)
        made.notes.append(Note("truncated", 1, f"{path.name}: the last line is cut off, left out"))
    if made is not None:
        yield made.block()


def _step(row: Mapping[str, Any], where: str) -> int:
    name = next((name for name in STEPS if row.get(name) is not None), None)
    return UNKNOWN_STEP if name is None else integer(row[name], where, name)


def _table(row: Mapping[str, Any], name: str, where: str) -> Block:
    n = len(row["prompt"])
    columns = {key: values for key, values in row.items() if isinstance(values, list)}
    for key, values in columns.items():
        if len(values) != n:
            raise ValueError(f"{where}: {key} has {len(values)} entries; allowed: {n}, as prompt has")
    functions = [key for key in columns if key not in OTHER and _numbers(columns[key])]
    if not functions:
        raise ValueError(f"{where} has no list of a reward function; allowed: ms-swift's completions.jsonl of GRPO")
    steps = {_step({"step": value}, where) for key in STEPS if key in columns for value in columns[key]}
    made = Gather(name, min(steps, default=UNKNOWN_STEP))
    for i in range(n):
        made.add(
            prompt=row["prompt"][i],
            rewards={key: number(columns[key][i], where, key) for key in functions},
            advantage=number(columns["advantages"][i], where, "advantages") if "advantages" in columns else None,
            answer=str(row["completion"][i]),
        )
    return made.block()


def _numbers(values: list[Any]) -> bool:
    """Whether this is a column of numbers, some of which may be missing."""
    return all(value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) for value in values)
