"""Blocks of rows into groups: by the key that the log has, else by consecutive rows, else by equal prompts of a step.

A block that is written twice is counted once. What was left out or had to be guessed is said in the record's notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from experiments.logs.block import Block
from experiments.logs.contiguous import group_size
from experiments.logs.groups import UNKNOWN_PROMPT, UNKNOWN_STEP, Groups, Note

CONTIGUOUS = frozenset({"trl", "ms_swift"})
"""Formats in which a group's rows follow each other."""


def assemble(
    blocks: Iterable[Block],
    form: str,
    *,
    size: int | None = None,
    averages: Mapping[str, np.ndarray] | None = None,
    cut: bool = False,
) -> Groups:
    """One record of all blocks.

    Arguments:
        blocks: in the order of the log.
        form: the format's name.
        size: G, where the reader was told.
        averages: what the trainer logged beside the rows.
        cut: whether the last group of a block may be cut off.

    Raises:
        ValueError: no rows, blocks that do not fit each other, or groups that cannot be told.
    """
    kept, notes = _once(blocks)
    notes += _missing_steps(kept, notes)
    kept = [block for block in kept if block.num_rows]
    if not kept:
        why = "; ".join(dict.fromkeys(note.text for note in notes))
        raise ValueError(f"the log has no rows of training{f' ({why})' if why else ''}; allowed: at least one group")
    if kept[0].num_correct is not None:
        return _counts(kept, form, notes)
    kept = _alike(kept)
    index, kept, how, more = _indices(kept, form, size, cut)
    groups = _record(kept, index, form, how, averages)
    return replace(groups, notes=(*notes, *more, *_missing_rewards(groups)))


def _once(blocks: Iterable[Block]) -> tuple[list[Block], list[Note]]:
    """The blocks without those that are the one before once more."""
    kept: list[Block] = []
    notes: list[Note] = []
    before: Block | None = None
    again: list[Block] = []
    for block in blocks:
        notes += block.notes
        if block.num_rows and block.same(before):
            again.append(block)
        else:
            kept.append(block)
        if block.num_rows:
            before = block
    if again:
        rows = sum(block.num_rows for block in again)
        text = (
            f"{rows} rows of {_names(again)} stand in the block before as well: one generation, counted once "
            "(steps_per_generation or num_iterations above 1 do this)"
        )
        notes.append(Note("duplicates", rows, text))
        kept += [_empty(block) for block in again]
    return kept, notes


def _empty(block: Block) -> Block:
    """The step alone, so that it does not count as missing."""
    return Block(name=block.name, step=block.step, prompt=np.zeros(0, np.uint64))


def _names(blocks: Sequence[Block]) -> str:
    names = [block.name for block in blocks]
    return ", ".join(names) if len(names) <= 3 else f"{names[0]}, {names[1]} and {len(names) - 2} more"


def _missing_steps(blocks: Sequence[Block], notes: Sequence[Note]) -> list[Note]:
    """Steps between the first and the last without rows."""
    steps = np.unique([block.step for block in blocks if block.step != UNKNOWN_STEP])
    if len(steps) < 2:
        return []
    missing = int(steps[-1]) - int(steps[0]) + 1 - len(steps)
    text = (
        f"{missing} of the steps from {steps[0]} to {steps[-1]} are not in the log (a trainer that logs every few "
        "steps keeps the last generation before each)"
    )
    return [Note("missing_steps", missing, text)] if missing else []


def _alike(blocks: Sequence[Block]) -> list[Block]:
    """Blocks with the same columns.

    Raises:
        ValueError: some have a total, advantages, a group or counts and others not.
    """
    first = blocks[0]
    for block in blocks[1:]:
        for column in ("total", "advantage", "key", "num_correct"):
            if (getattr(first, column) is None) != (getattr(block, column) is None):
                has, lacks = (first, block) if getattr(first, column) is not None else (block, first)
                raise ValueError(
                    f"{lacks.name} has no {column} where {has.name} has one; allowed: the files of one run in one "
                    "version of the trainer (give the others apart)"
                )
    return list(blocks)


Index = list[np.ndarray]
"""Per block, [n] int64: each row's group, from 0; −1 for rows that are left out."""


def _indices(blocks: list[Block], form: str, size: int | None, cut: bool) -> tuple[Index, list[Block], str, list[Note]]:
    """Groups of every block, and how they were found."""
    if blocks[0].key is not None:
        return [_first_seen(block.key) for block in blocks if block.key is not None], blocks, "the log's own groups", []
    if form not in CONTIGUOUS and any((block.prompt != UNKNOWN_PROMPT).any() for block in blocks):
        index, notes = _by_prompt(blocks, size)
        return index, blocks, "equal prompts within a step", notes
    notes: list[Note] = []
    if cut and size is None:
        size = _longest_run(blocks)
    if size is None:
        size, how = group_size(blocks)
    else:
        how = f"{size} consecutive rows"
    index = []
    for block in blocks:
        whole = block.num_rows // size * size
        left = block.num_rows - whole
        if left and not cut:
            raise ValueError(
                f"{block.name} has {block.num_rows} rows, which is no multiple of {size}; allowed: another --group-size"
            )
        if left:
            notes.append(Note("truncated", left, f"{block.name}: the last {left} rows are no whole group, left out"))
        index.append(np.concatenate([np.arange(whole) // size, np.full(left, -1)]).astype(np.int64))
    return index, blocks, how, notes


def _longest_run(blocks: Sequence[Block]) -> int | None:
    """The commonest run of equal prompts but for the last of each block, which may be cut; None where all are whole."""
    runs: list[int] = []
    last: list[int] = []
    for block in blocks:
        edges = np.flatnonzero(np.diff(block.prompt) != 0) + 1
        lengths = np.diff(np.concatenate([[0], edges, [block.num_rows]]))
        runs += lengths[:-1].tolist()
        last.append(int(lengths[-1]))
    if not runs or not (blocks[0].prompt != UNKNOWN_PROMPT).any():
        return None
    G = int(np.gcd.reduce(runs))
    return G if G > 1 and any(length % G for length in last) else None


def _first_seen(labels: np.ndarray) -> np.ndarray:
    """Labels as numbers from 0 in the order of their first row."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.reshape(-1)]


def _runs(block: Block) -> np.ndarray:
    """[n]: which run of equal prompts each row is in."""
    return np.concatenate([[0], np.cumsum(np.diff(block.prompt) != 0)])


def _returns(block: Block) -> bool:
    """Whether a log without steps asks prompts again later: rows are in runs, and some prompt has several."""
    if block.step != UNKNOWN_STEP:
        return False
    lengths = np.bincount(_runs(block))
    return bool((lengths > 1).all()) and len(lengths) > len(np.unique(block.prompt))


def _by_prompt(blocks: Sequence[Block], size: int | None) -> tuple[Index, list[Note]]:
    """Rows of equal prompts, or runs of them where a log without steps asks again later.

    A prompt with other than the usual number of rows may have been asked twice in one step, and is left out.

    Raises:
        ValueError: more than half of the rows would be left out.
    """
    index = [_first_seen(_runs(block) if _returns(block) else block.prompt) for block in blocks]
    sizes = np.concatenate([np.bincount(each) for each in index])
    G = size or int(np.bincount(sizes).argmax())
    left = 0
    for each in index:
        wrong = np.bincount(each)[each] != G
        left += int(wrong.sum())
        each[wrong] = -1
    total = sum(len(each) for each in index)
    if 2 * left > total:
        raise ValueError(
            f"rows cannot be put into groups: {left} of {total} rows are of prompts with other than {G} rows in their "
            "step; allowed: --group-size G, or a log that names its groups"
        )
    text = f"{left} rows left out: their prompt has other than {G} rows in its step, so it may have been asked twice"
    return index, [Note("grouping", left, text)] if left else []


def _record(
    blocks: Sequence[Block], index: Index, form: str, how: str, averages: Mapping[str, np.ndarray] | None
) -> Groups:
    names = list(dict.fromkeys(name for block in blocks for name in block.rewards))
    order = [np.argsort(np.where(each < 0, np.iinfo(np.int64).max, each), kind="stable") for each in index]
    order = [rows[: int((each >= 0).sum())] for rows, each in zip(order, index, strict=True)]
    sizes = [np.bincount(each[each >= 0]) for each in index]
    sizes = [each[each > 0] for each in sizes]

    def column(of: str, name: str = "") -> np.ndarray | None:
        values = [getattr(b, of) if not name else b.rewards.get(name, np.full(b.num_rows, np.nan)) for b in blocks]
        if values[0] is None:
            return None
        return np.concatenate([each[rows] for each, rows in zip(values, order, strict=True)])

    offsets = np.concatenate([[0], np.cumsum(np.concatenate(sizes))]).astype(np.int64)
    prompts = column("prompt")
    assert prompts is not None
    weights = next((block.weights for block in blocks if block.weights), None)
    counts = [len(each) for each in sizes]
    return Groups(
        format=form,
        grouped_by=how,
        offsets=offsets,
        step=np.repeat([block.step for block in blocks], counts).astype(np.int64),
        batch=np.repeat(np.arange(len(blocks)), counts),
        prompt=prompts[offsets[:-1]] if len(prompts) else np.zeros(0, np.uint64),
        rewards={name: values for name in names if (values := column("rewards", name)) is not None},
        total=column("total"),
        advantage=column("advantage"),
        weights=weights,
        averages=averages or None,
    )


def _counts(blocks: Sequence[Block], form: str, notes: Sequence[Note]) -> Groups:
    correct = [block.num_correct for block in blocks if block.num_correct is not None]
    samples = [block.num_samples for block in blocks if block.num_samples is not None]
    rows = [block.num_rows for block in blocks]
    return Groups(
        format=form,
        grouped_by="counts, one group per row",
        offsets=np.zeros(sum(rows) + 1, np.int64),
        step=np.repeat([block.step for block in blocks], rows).astype(np.int64),
        batch=np.repeat(np.arange(len(blocks)), rows),
        prompt=np.concatenate([block.prompt for block in blocks]),
        num_correct=np.concatenate(correct).astype(np.int64),
        num_samples=np.concatenate(samples).astype(np.int64),
        notes=tuple(notes),
    )


def _missing_rewards(groups: Groups) -> list[Note]:
    """Rows that no function gave a reward, those that some did not, and those whose reward is infinite."""
    columns = list(groups.rewards.values()) or ([groups.total] if groups.total is not None else [])
    if not columns:
        return []
    values = np.array(columns)
    missing, endless = np.isnan(values), np.isinf(values).any(axis=0)
    none, some = int(missing.all(axis=0).sum()), int((missing.any(axis=0) & ~missing.all(axis=0)).sum())
    parts = [f"{none} of {groups.num_rows} rows have no reward at all"] if none else []
    parts += [f"{some} of {groups.num_rows} rows lack the reward of some function, which then counts 0"] if some else []
    if endless.any():
        owners = len(np.unique(groups.group_of_row[endless]))
        parts.append(
            f"{int(endless.sum())} of {groups.num_rows} rows have an infinite reward, which has neither a mean nor a "
            f"deviation: their {owners} group{'s' * (owners > 1)} cannot be counted"
        )
    return [Note("missing_rewards", none or some or int(endless.sum()), "; ".join(parts))] if parts else []
