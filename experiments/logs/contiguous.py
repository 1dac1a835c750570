"""Groups that a log does not name: consecutive rows, G at a time, by what their advantages and prompts allow.

A G is possible where every prompt's run of equal rows is a multiple of it, and every block of G live rows has
advantages that sum to 0. Multiples of the smallest such G fit as well; which one it is says the audit: only with the
right groups does an estimator give the column. Where more than one explains it, the reader is asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from curvature.audit import audit
from experiments.logs.block import Block
from experiments.logs.groups import UNKNOWN_PROMPT

SMALLEST = 2
DEAD = 5e-3
"""Mean |A| of a block below which it is dead: float32's rounding of equal rewards over ε = 1e-4."""
CLOSE = 1e-3
"""By how much a block's sum may differ from 0, over its Σ|A|."""


def group_size(blocks: Sequence[Block]) -> tuple[int, str]:
    """G and, in words, how it was found.

    Raises:
        ValueError: no G fits, or more than one explains the advantages; the message names the option that settles it.
    """
    limit = _common_run(blocks)
    sizes = [G for G in range(SMALLEST, limit + 1) if limit % G == 0]
    has_advantages = all(block.advantage is not None for block in blocks)
    if has_advantages:
        sizes = [G for G in sizes if all(_sums_to_zero(block, G) for block in blocks)]
    prompts = any((block.prompt != UNKNOWN_PROMPT).any() for block in blocks)
    if not sizes and prompts and limit >= SMALLEST:
        return limit, f"{limit} consecutive rows with one prompt, whose advantages do not sum to 0"
    if not sizes:
        raise ValueError(
            "rows cannot be put into groups: no number of consecutive rows has one prompt each and advantages that sum "
            "to 0; allowed: --group-size G, or a table with a column that names the group (--format generic)"
        )
    if not has_advantages or (prompts and not any(_live(block) for block in blocks)):
        return limit, f"{limit} consecutive rows with one prompt"
    if len(sizes) == 1:
        return sizes[0], f"{sizes[0]} consecutive rows, whose advantages sum to 0"
    explained = [G for G in sizes if _explained(blocks, G)]
    if len(explained) == 1:
        return explained[0], f"{explained[0]} consecutive rows, the only size by which the advantages can be recomputed"
    if not explained:
        return sizes[0], f"{sizes[0]} consecutive rows, the least whose advantages sum to 0 (no estimator confirms it)"
    fit = " and ".join(map(str, explained))
    raise ValueError(
        f"rows cannot be put into groups: {fit} consecutive rows fit alike; allowed: --group-size with one of them"
    )


def _common_run(blocks: Sequence[Block]) -> int:
    """The greatest common divisor of all runs of equal prompts; of the blocks' lengths where there are no prompts."""
    common = 0
    for block in blocks:
        edges = np.flatnonzero(np.diff(block.prompt) != 0) + 1
        if not (block.prompt != UNKNOWN_PROMPT).any():
            edges = np.zeros(0, np.int64)
        for run in np.unique(np.diff(np.concatenate([[0], edges, [block.num_rows]]))):
            common = math.gcd(common, int(run))
    return common


def _sums_to_zero(block: Block, G: int) -> bool:
    assert block.advantage is not None
    A = np.nan_to_num(block.advantage).reshape(-1, G)
    size = np.abs(A).sum(axis=1)
    return bool(((np.abs(A.sum(axis=1)) <= CLOSE * size) | (size <= DEAD * G)).all())


def _live(block: Block) -> bool:
    """Whether any advantage is other than rounding."""
    assert block.advantage is not None
    return bool((np.abs(np.nan_to_num(block.advantage)) > DEAD).any())


def _explained(blocks: Sequence[Block], G: int) -> bool:
    """Whether an estimator gives the advantages of the first rows with groups of G."""
    some = blocks[: max(1, 4096 // max(blocks[0].num_rows, 1))]
    advantage = np.concatenate([block.advantage for block in some if block.advantage is not None])
    names = list(some[0].rewards)
    known = not names
    columns = [np.concatenate([b.total for b in some if b.total is not None])] if known else [
        np.concatenate([b.rewards[name] for b in some]) for name in names
    ]  # fmt: skip
    batch = np.repeat(np.arange(len(some)), [b.num_rows for b in some])
    try:
        found = audit(advantage, columns, np.arange(len(advantage)) // G, batch, known=known)
    except ValueError:  # all dead
        return True
    return found.best.explains
