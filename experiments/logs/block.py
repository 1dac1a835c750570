"""A block: the rows of one generation as a reader hands them on, before they are put into groups.

Readers yield blocks one after the other, so that a log never has to fit into memory with its texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from experiments.logs.groups import UNKNOWN_STEP, Note


@dataclass(frozen=True, kw_only=True)
class Block:
    """n rows that were generated, and where it divides by a batch's deviation normalised, together."""

    name: str
    """Where the rows stand, for messages: a file, or a file and a line."""
    prompt: np.ndarray
    """[n] uint64 hashes, 0 where there is no prompt."""
    step: int = UNKNOWN_STEP
    rewards: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    """{reward function: [n] float64}, NaN where missing."""
    total: np.ndarray | None = None
    """[n] float64: the reward that was trained on, where it is stored."""
    advantage: np.ndarray | None = None
    """[n] float64, where it is stored."""
    key: np.ndarray | None = None
    """[n] uint64: which group each row belongs to, where it is stored."""
    weights: Mapping[str, float] | None = None
    """Weight of each reward function, where it is stored."""
    texts: bytes = b""
    """Hash of all prompts and answers of the block, by which a block that is written twice is known; empty where it
    cannot be known."""
    num_correct: np.ndarray | None = None
    """[n] int64 in files of counts, whose rows are groups; else None."""
    num_samples: np.ndarray | None = None
    """[n] int64 in files of counts; else None."""
    notes: tuple[Note, ...] = ()

    @property
    def num_rows(self) -> int:
        """How many."""
        return len(self.prompt)

    def same(self, other: Block | None) -> bool:
        """Whether this is the other block, written once more: equal texts, rewards and advantages."""
        if other is None or not self.texts or self.texts != other.texts or set(self.rewards) != set(other.rewards):
            return False
        pairs = [(self.rewards[name], other.rewards[name]) for name in self.rewards]
        pairs += [(self.total, other.total), (self.advantage, other.advantage)]
        return all(_equal(mine, theirs) for mine, theirs in pairs)


def _equal(mine: np.ndarray | None, theirs: np.ndarray | None) -> bool:
    if mine is None or theirs is None:
        return mine is theirs
    return np.array_equal(mine, theirs, equal_nan=True)


def texts_hash(*columns: np.ndarray) -> bytes:
    """One hash of columns of hashes."""
    digest = hashlib.blake2b(digest_size=16)
    for column in columns:
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.digest()
