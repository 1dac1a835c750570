"""open-instruct: {run}_rollouts_{shard:06d}.jsonl (`--save_traces`), one line per answer.

step, sample_idx, prompt_idx, prompt_tokens, response_tokens, reward, advantage, finish_reason, dataset. By default
groups without deviation are dropped before anything is written. Read in open_instruct/rl_utils.py and data_loader.py
(August 2026).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.logs.block import Block
from experiments.logs.files import STEP, TruncatedError, integer, json_lines, number
from experiments.logs.gather import Gather
from experiments.logs.groups import Note

FILE = re.compile(rf".*_rollouts_{STEP}\.jsonl")
FILTERED = (
    "groups whose rewards are all equal are dropped before writing, unless filter_zero_std_samples is off: shares of "
    "dead groups cannot be told from this log"
)


def blocks(paths: Sequence[Path]) -> Iterator[Block]:
    """A block per step, in the order of the files.

    Raises:
        ValueError: a damaged file or one of another kind.
    """
    made: Gather | None = None
    first = True
    for path in sorted(paths):
        try:
            for line, row in json_lines(path):
                where = f"{path}: line {line}"
                for name in ("step", "prompt_idx", "reward", "advantage"):
                    if name not in row:
                        raise ValueError(f"{where} has no {name}; allowed: open-instruct's rollouts")
                step = integer(row["step"], where, "step")
                if made is None or made.step != step:
                    if made is not None:
                        yield made.block()
                    made = Gather(f"{path.name} from line {line}", step)
                    if first:
                        made.notes.append(Note("filtered", 0, FILTERED))
                        first = False
                made.add(
                    prompt=row.get("prompt_tokens"),
                    total=number(row["reward"], where, "reward"),
                    advantage=number(row["advantage"], where, "advantage"),
                    key=integer(row["prompt_idx"], where, "prompt_idx"),
                    answer=str(row.get("response_tokens")),
                )
        except TruncatedError:
            made = made or Gather(path.name)
            made.notes.append(Note("truncated", 1, f"{path.name}: the last line is cut off, left out"))
    if made is not None:
        yield made.block()
