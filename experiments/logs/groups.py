"""Groups of rollouts, one record for every trainer's files: rewards, advantages, steps and prompts, without texts.

Group g holds the rows offsets[g] to offsets[g + 1] − 1 of every array over rows; sizes may differ from group to group.
A file of counts alone (`num_correct` of `num_samples`) has groups and no rows. Texts of prompts are hashed when they
are read (`experiments.logs.prompts`) and kept nowhere. Independent check: tests/experiments/logs/test_groups.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

UNKNOWN_STEP = -1
"""The step of a group whose log names none."""
UNKNOWN_PROMPT = 0
"""The hash of a prompt that the log does not have."""
NOTES = (
    "duplicates",
    "evaluation",
    "mixed",
    "missing_steps",
    "missing_rewards",
    "truncated",
    "filtered",
    "grouping",
    "weights",
    "other",
)
"""What a `Note` may be about."""


@dataclass(frozen=True)
class Note:
    """Something that was seen while reading and that a reader of numbers should know.

    Raises:
        ValueError: a kind that is not in `NOTES`.
    """

    kind: str
    """One of `NOTES`: "duplicates", rows that stand in several files and are counted once; "evaluation", rows of an
    evaluation, left out; "mixed", steps that may be evaluations, not left out; "missing_steps", steps between the
    first and the last that have no rows; "missing_rewards", rewards that are no numbers; "truncated", a last group that
    was cut off, left out; "filtered", groups that the trainer dropped before it wrote; "grouping", how groups were
    found; "weights", what is known of them; "other"."""
    count: int
    """How many: rows of "duplicates", "evaluation", "truncated" and "missing_rewards", steps of "missing_steps",
    groups of "filtered" (0 where their number is not known); else 0."""
    text: str
    """One sentence for the reader, without texts of prompts or answers."""

    def __post_init__(self) -> None:
        if self.kind not in NOTES:
            raise ValueError(f"kind is {self.kind!r}; allowed: {', '.join(NOTES)}")


@dataclass(frozen=True)
class Groups:
    """N groups with R rows in all.

    Raises:
        ValueError: arrays that do not fit each other.
    """

    format: str
    """Whose files these are: a name of `experiments.logs.formats`."""
    grouped_by: str
    """How rows were put into groups, in words."""
    offsets: np.ndarray
    """[N + 1] int64, from 0 to R: where each group begins, and the end."""
    step: np.ndarray
    """[N] int64: the trainer's step, `UNKNOWN_STEP` where there is none."""
    batch: np.ndarray
    """[N] int64: which groups were generated and normalised together, numbered from 0 in the order of the log."""
    prompt: np.ndarray
    """[N] uint64: a hash of the prompt's text, `UNKNOWN_PROMPT` where the log has none."""
    rewards: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    """{name of the reward function: [R] float64}, unweighted, NaN where missing; empty in a log of totals alone."""
    total: np.ndarray | None = None
    """[R] float64: the reward that the trainer used, where the log has it; NaN where missing."""
    advantage: np.ndarray | None = None
    """[R] float64, where the log has it; NaN where missing."""
    weights: Mapping[str, float] | None = None
    """Weight of each reward function, where the log has it."""
    num_correct: np.ndarray | None = None
    """[N] int64: right responses, in a log of counts; else None."""
    num_samples: np.ndarray | None = None
    """[N] int64: responses, in a log of counts; else None."""
    averages: Mapping[str, np.ndarray] | None = None
    """{function: [T]} and {"reward": [T]}: what the trainer logged of its steps beside the rows, where it did."""
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        rows, groups = self.num_rows, self.num_groups
        if self.offsets[0] != 0 or (np.diff(self.offsets) < 0).any():
            raise ValueError("offsets are not growing from 0; allowed: where each group begins, and the end")
        of_rows = {**self.rewards, "total": self.total, "advantage": self.advantage}
        of_groups = {name: getattr(self, name) for name in ("step", "batch", "prompt", "num_correct", "num_samples")}
        for length, arrays in ((rows, of_rows), (groups, of_groups)):
            for name, values in arrays.items():
                if values is not None and values.shape != (length,):
                    raise ValueError(f"{name} has shape {values.shape}; allowed: ({length},)")
        if (self.num_correct is None) != (self.num_samples is None):
            raise ValueError("num_correct and num_samples are not both there; allowed: both or neither")

    @property
    def num_groups(self) -> int:
        """N."""
        return len(self.offsets) - 1

    @property
    def num_rows(self) -> int:
        """R, 0 in a log of counts."""
        return int(self.offsets[-1])

    @property
    def sizes(self) -> np.ndarray:
        """[N] int64: responses of each group."""
        return np.diff(self.offsets) if self.num_samples is None else self.num_samples

    @property
    def group_of_row(self) -> np.ndarray:
        """[R] int64: which group each row belongs to."""
        return np.repeat(np.arange(self.num_groups), np.diff(self.offsets))

    @property
    def group_size(self) -> int | None:
        """G where all groups have the same, else None."""
        sizes = np.unique(self.sizes)
        return int(sizes[0]) if len(sizes) == 1 else None

    def reward(self, weights: Mapping[str, float] | None = None) -> np.ndarray:
        """[R]: the reward that was trained on: the log's total, else the weighted sum of the functions.

        Arguments:
            weights: by reward function; the log's own where None, and 1 each where the log has none. Given, they go
                before the log's total.

        Returns:
            float64. A function that gave no number counts 0, as in TRL; NaN where none gave one.

        Raises:
            ValueError: weights of other functions than the log's, or a log of counts.
        """
        if self.num_correct is not None:
            raise ValueError("the log holds counts and no rewards; allowed: a log with one row per response")
        if weights is None and self.total is not None:
            return self.total
        used = weights or self.weights or dict.fromkeys(self.rewards, 1.0)
        if set(used) != set(self.rewards):
            raise ValueError(f"weights are of {sorted(used)}; allowed: of {sorted(self.rewards)}")
        values = np.array(list(self.rewards.values())).reshape(len(self.rewards), self.num_rows)
        scale = np.array([used[name] for name in self.rewards])[:, None]
        total = np.nansum(values * scale, axis=0)
        return np.where(np.isnan(values).all(axis=0), np.nan, total)

    def counts(self, column: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(k, n): right responses of each group, and responses that were judged.

        Arguments:
            column: the reward function that says 1 for right and 0 for wrong; the whole reward where None. A log of
                counts has no columns.

        Returns:
            Both [N] int64. A missing reward counts neither as right nor as judged.

        Raises:
            ValueError: no such column, or rewards other than 0 and 1.
        """
        if self.num_correct is not None and self.num_samples is not None and column is None:
            return self.num_correct, self.num_samples
        if column is not None and column not in self.rewards:
            raise ValueError(f"column is {column!r}; allowed: {', '.join(self.rewards) or 'none, the log has none'}")
        values = self.reward() if column is None else self.rewards[column]
        judged = np.isfinite(values)
        other = judged & (values != 0) & (values != 1)
        if other.any():
            what = column or "the reward"
            raise ValueError(f"{what} holds {values[other][0]:g}; allowed: 0 and 1, where right answers are counted")
        index, size = self.group_of_row, self.num_groups
        right = np.bincount(index, np.where(judged, values, 0), size)
        return right.astype(np.int64), np.bincount(index, judged, size).astype(np.int64)

    def of(self, keep: np.ndarray) -> Groups:
        """The groups that `keep` ([N] booleans) names, in their order."""
        rows = keep[self.group_of_row]
        sizes = np.diff(self.offsets)[keep]

        def cut(values: np.ndarray | None, where: np.ndarray) -> np.ndarray | None:
            return None if values is None else values[where]

        return replace(
            self,
            offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            step=self.step[keep],
            batch=self.batch[keep],
            prompt=self.prompt[keep],
            rewards={name: values[rows] for name, values in self.rewards.items()},
            total=cut(self.total, rows),
            advantage=cut(self.advantage, rows),
            num_correct=cut(self.num_correct, keep),
            num_samples=cut(self.num_samples, keep),
        )
