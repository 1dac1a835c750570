"""How a replay's updates are made: optimiser and prompts per update, from the log where it says so.

A log with steps and prompts has the prompts of an update. The optimiser is in no log; where the reader does not name
it, SGD is taken and said. A batch is replayed with as many prompts as it has, up to `NUM_PROMPTS`, out of at least
twice as many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from experiments.logs.groups import UNKNOWN_PROMPT, UNKNOWN_STEP, Groups

NUM_PROMPTS = 32
"""That are simulated, and the most of an update."""


@dataclass(frozen=True)
class Design:
    """Optimiser and batches of a replay."""

    optimiser: Literal["sgd", "adam"] = "sgd"
    prompts_per_update: int = 0
    """B; 0: every update has all prompts."""

    @property
    def num_prompts(self) -> int:
        """N: a multiple of B, at least twice B and 32.

        >>> [Design(prompts_per_update=B).num_prompts for B in (0, 1, 5, 16, 32)]
        [32, 32, 35, 32, 64]
        """
        B = self.prompts_per_update
        return NUM_PROMPTS if B == 0 else B * max(2, -(-NUM_PROMPTS // B))

    def __str__(self) -> str:
        B = self.prompts_per_update
        name = {"sgd": "SGD", "adam": "Adam"}[self.optimiser]
        return f"{name}, {f'{B} of {self.num_prompts} prompts' if B else 'every prompt'} in each"


PLAIN = Design()


def prompts_per_update(groups: Groups) -> int | None:
    """Prompts of an update, the median over the log's steps; 0 where it has all, None where the log does not say."""
    if groups.num_groups == 0 or (groups.step == UNKNOWN_STEP).any() or (groups.prompt == UNKNOWN_PROMPT).any():
        return None
    pairs = np.unique(np.stack([groups.step.astype(np.uint64), groups.prompt]), axis=1)
    number = int(np.median(np.unique(pairs[0], return_counts=True)[1]))
    return 0 if number >= len(np.unique(groups.prompt)) else max(number, 1)


def design_of(
    groups: Groups, optimiser: Literal["sgd", "adam"] | None, number: int | None
) -> tuple[Design, tuple[str, ...]]:
    """The design of a log's replay, and in words what of it is assumed.

    Arguments:
        groups: the log.
        optimiser: as the reader names it.
        number: prompts per update as the reader has them, 0 for all; None: as the log has them.
    """
    assumed = []
    if optimiser is None:
        assumed.append("the replay steps by SGD: which optimiser you have is in no log (--optimiser adam).")
    found = prompts_per_update(groups) if number is None else number
    if found is None:
        assumed.append("the replay has every prompt in every update: your log does not say how many one has "
                       "(--prompts-per-update).")  # fmt: skip
    if found is not None and found > NUM_PROMPTS:
        assumed.append(f"the replay has {NUM_PROMPTS} prompts in an update where your run has {found:,}: its updates "
                       "are noisier.")  # fmt: skip
    return Design(optimiser or "sgd", min(found or 0, NUM_PROMPTS)), tuple(assumed)
