"""TRL (0.28 and later): OUT/completions/completions_{step:05d}.parquet, one file per logged step.

step, prompt (a text; from 1.15 a chat where the prompts are chats), completion, one double per reward function
(unweighted, NaN where it gave None), the user's extra columns, advantage. Neither weights nor rule are stored, and no
group: groups are contiguous. An evaluation overwrites the training file of its step; `steps_per_generation` and
`num_iterations` above 1 write the same rows into several files; `logging_steps` above 1 loses the generations between.
Read in trl/trainer/grpo_trainer.py (1.10 to 1.16); rloo_trainer.py writes the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.logs.block import Block, texts_hash
from experiments.logs.files import STEP, arrow_numbers, other_steps, parquet_columns, parquet_schema, step_in
from experiments.logs.groups import Note
from experiments.logs.history import History
from experiments.logs.prompts import prompt_hashes

FILE = re.compile(rf"completions_{STEP}\.parquet")
TEXTS = ("prompt", "completion")
OTHER = ("step", *TEXTS, "advantage")


def blocks(paths: Sequence[Path], history: History) -> Iterator[Block]:
    """A block per file, in the order of steps; files that an evaluation overwrote have no rows and say so.

    Raises:
        ValueError: a damaged file, one of another kind, or files of several runs.
    """
    first: tuple[str, tuple[str, ...]] | None = None
    for path in sorted(paths, key=lambda path: step_in(path.name, FILE)):
        schema = parquet_schema(path)
        functions = _functions(path, schema, history)
        if first and first[1] != functions:
            raise ValueError(
                f"{path} has reward functions {', '.join(functions)} where {first[0]} has {', '.join(first[1])}; "
                "allowed: the files of one run (move the others away)"
            )
        first = first or (path.name, functions)
        yield _block(path, functions, schema, step_in(path.name, FILE) in history.evaluated)


def _functions(path: Path, schema: Mapping[str, Any], history: History) -> tuple[str, ...]:
    import pyarrow as pa

    missing = [name for name in ("step", "prompt") if name not in schema]
    if missing:
        raise ValueError(
            f"{path} has no column {missing[0]}; allowed: TRL's files, with step, prompt, completion, one column per "
            "reward function and advantage (else --format generic)"
        )
    numbers = [n for n, kind in schema.items() if pa.types.is_floating(kind) or pa.types.is_null(kind)]
    found = tuple(name for name in numbers if name not in OTHER)
    known = tuple(name for name in history.functions if name in found)
    if not (known or found):
        raise ValueError(f"{path} has no column of a reward function; allowed: at least one column of doubles")
    return known or found


def _block(path: Path, functions: tuple[str, ...], schema: Mapping[str, Any], evaluated: bool) -> Block:
    names = [name for name in ("step", *TEXTS, *functions, "advantage") if name in schema]
    columns: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for batch in parquet_columns(path, names):
        for name, values in batch.items():
            texts = name in TEXTS
            columns[name].append(prompt_hashes(values.to_pylist()) if texts else arrow_numbers(path, name, values))
    whole = {n: np.concatenate(c) if c else np.zeros(0, np.uint64 if n in TEXTS else float) for n, c in columns.items()}
    if evaluated:
        count = len(whole["prompt"])
        note = Note("evaluation", count, f"{path.name}: overwritten by the evaluation of its step, left out")
        return Block(
            name=path.name,
            step=step_in(path.name, FILE),
            prompt=np.zeros(0, np.uint64),
            rewards={name: np.zeros(0) for name in functions},
            advantage=np.zeros(0) if "advantage" in whole else None,
            notes=(note,),
        )
    return Block(
        name=path.name,
        step=step_in(path.name, FILE),
        prompt=whole["prompt"],
        rewards={name: whole[name] for name in functions},
        advantage=whole.get("advantage"),
        texts=texts_hash(*(whole[name] for name in TEXTS if name in whole)),
        notes=other_steps(path.name, step_in(path.name, FILE), whole["step"]),
    )
