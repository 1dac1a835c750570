"""NeMo-RL: LOGS/exp_NNN/train_data_step{n}.jsonl, one line per answer.

content, rewards, advantages (one per token, equal within an answer), token_ids, token_loss_mask, idx. A group has the
same prompt: the tokens before the first that is trained on. With dynamic sampling `rewards` are those of all answers
and `filtered_rewards` those of the rows, from which groups without deviation were dropped; both columns are cut to the
rows' number, so only `filtered_rewards` belongs to its row. Read in nemo_rl/algorithms/grpo.py (0.6, August 2026).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.logs.block import Block
from experiments.logs.files import STEP, TruncatedError, json_lines, number, step_in
from experiments.logs.gather import NAN, Gather
from experiments.logs.groups import Note

FILE = re.compile(rf"train_data_step{STEP}\.jsonl")


def blocks(paths: Sequence[Path]) -> Iterator[Block]:
    """A block per file, in the order of steps.

    Raises:
        ValueError: a damaged file or one of another kind.
    """
    for path in sorted(paths, key=lambda path: step_in(path.name, FILE)):
        yield _block(path)


def _block(path: Path) -> Block:
    made = Gather(path.name, step_in(path.name, FILE))
    filtered = False
    try:
        for line, row in json_lines(path):
            where = f"{path}: line {line}"
            if "rewards" not in row:
                raise ValueError(f"{where} has no rewards; allowed: NeMo-RL's rows, with content, rewards, advantages")
            filtered |= "filtered_rewards" in row
            prompt = _prompt(row)
            made.add(
                prompt=prompt,
                total=number(_single(row.get("filtered_rewards", row["rewards"])), where, "rewards"),
                advantage=_advantage(row, where),
                key=None if prompt is None else prompt,
                answer=str(row.get("content")),
            )
    except TruncatedError:
        made.notes.append(Note("truncated", 1, f"{path.name}: the last line is cut off, left out"))
    if filtered:
        text = f"{path.name}: groups without deviation were dropped before writing (dynamic sampling)"
        made.notes.append(Note("filtered", 0, text))
    return made.block()


def _single(value: object) -> object:
    """The logger writes batches of one: a list with one entry may stand for it."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def _mask(row: Mapping[str, Any]) -> list[Any]:
    mask = _single(row.get("token_loss_mask"))
    return mask if isinstance(mask, list) else []


def _prompt(row: Mapping[str, Any]) -> object:
    """The tokens before the first that is trained on; the content where no tokens are stored."""
    tokens, mask = _single(row.get("token_ids")), _mask(row)
    if isinstance(tokens, list) and mask:
        first = next((i for i, value in enumerate(mask) if value), len(mask))
        return tokens[:first]
    return _single(row.get("content"))


def _advantage(row: Mapping[str, Any], where: str) -> float:
    """The advantage of the trained tokens."""
    values = _single(row.get("advantages"))
    if not isinstance(values, list):
        return number(values, where, "advantages")
    mask = _mask(row)
    chosen = [value for value, on in zip(values, mask, strict=False) if on] if mask else values
    return number(chosen[0], where, "advantages") if chosen else NAN
