r"""Groups as numbers: which of a log's groups are counted, how many answers are right, how far each moves the policy.

    c = Σ_i |A_i|/(2G) of a group under each rule: from k alone where rewards have two values, else from the rewards

Groups of the commonest size are used, without those that lack a reward; what is left out is counted. The rules are
those of `curvature.group_update`; for rewards of more than two values only those that a formula in the rewards defines.
Independent check: tests/experiments/logs/report/test_measure.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from curvature.group_update import update_lengths
from experiments.logs.groups import UNKNOWN_PROMPT, UNKNOWN_STEP, Groups
from experiments.logs.report.estimator import Estimator
from experiments.logs.verdict import GREATEST

BINARY = ("none", "group", "batch", "pooled", "power(2)", "maxrl", "focal(1)", "pass(4)", "leave_one_out")
"""Rules that are shown where rewards have two values."""
REAL = ("none", "group", "batch", "pooled", "power(2)", "leave_one_out")
"""And where they have more."""
LOGGED = "logged"
"""Not a rule: the log's own column of advantages."""
EQUAL = 1e-6
"""Rewards of a group that differ by less, relative to the greatest, are equal: float32 rounds at 6e-8 and sums them."""
FEW_PROMPTS = 10
"""With fewer prompts, errors by prompts are none; they are then by groups, and speak of these prompts alone."""


@dataclass(frozen=True)
class Measured:
    """N groups of one size G."""

    group_size: int
    index: np.ndarray
    """[N] which groups of the log these are, in its order of steps."""
    num_left_out: int
    """Groups of the log that are not counted: of another size, or with a reward missing."""
    num_missing: int
    """Of these, those with a reward missing or infinite."""
    cluster: np.ndarray
    """[N] whose group it is: prompts, or the group itself."""
    by_prompt: bool
    num_prompts: int | None
    """Different prompts; None where the log has none."""
    counts: np.ndarray | None
    """[N] right answers: of the chosen column, else the greater of two rewards; None where rewards have more values."""
    binary: bool
    """Whether the reward that is trained on has two values, so that `counts` decide the update."""
    live: np.ndarray
    """[N] whether the rewards of the group differ."""
    lengths: Mapping[str, np.ndarray]
    """{rule: [N] c}."""
    ordered: bool
    """Whether the log names steps, by which the groups are then in order."""
    mean: np.ndarray
    """[N] mean reward."""
    deviation: np.ndarray
    """[N] population deviation of the reward."""

    @property
    def num_groups(self) -> int:
        """N."""
        return len(self.index)

    @property
    def histogram(self) -> np.ndarray:
        """[G+1] groups by right answers.

        Raises:
            ValueError: there are no counts.
        """
        if self.counts is None:
            raise ValueError("counts is None; allowed: a log whose right answers are counted")
        return np.bincount(self.counts, minlength=self.group_size + 1)

    def part(self, keep: np.ndarray) -> Measured:
        """Some of the groups, by booleans or indices."""
        cut = {name: getattr(self, name)[keep] for name in ("index", "cluster", "live", "mean", "deviation")}
        counts = None if self.counts is None else self.counts[keep]
        lengths = {rule: c[keep] for rule, c in self.lengths.items()}
        return Measured(**(vars(self) | cut | {"counts": counts, "lengths": lengths}))


def measure(groups: Groups, estimator: Estimator, correct: str | None) -> Measured:
    """Count a log.

    Arguments:
        groups: the log.
        estimator: what it was trained with, or what is assumed: weights of the reward functions, ddof and ε.
        correct: the reward function that says 1 for right; None: the reward itself, where it has two values.

    Raises:
        ValueError: no group, no such column, or one that does not say 0 or 1.
    """
    if groups.num_groups == 0:
        raise ValueError("PATH holds no group; allowed: a log with at least one")
    index, rewards, missing = _kept(groups, estimator.weights, correct)
    if len(index) == 0:
        why = "; ".join(note.text for note in groups.notes if note.kind == "missing_rewards")
        raise ValueError(
            f"PATH holds no group whose rewards are all finite numbers{f' ({why})' if why else ''}; allowed: at least "
            "one (let the reward function return a number)"
        )
    if groups.sizes[index[0]] < 2:
        raise ValueError(
            "PATH holds groups of 1 answer; allowed: at least 2 (--group-size, where the log is not clear)"
        )
    index = index[np.argsort(groups.step[index], kind="stable")]
    prompt = groups.prompt[index]
    known = bool((prompt != UNKNOWN_PROMPT).all())
    num_prompts = len(np.unique(prompt)) if known else None
    by_prompt = num_prompts is not None and num_prompts >= FEW_PROMPTS
    size = int(groups.sizes[index[0]])
    if rewards is None:
        counts = groups.counts()[0][index]
        rate = counts / size
        mean, deviation, binary, live = rate, np.sqrt(rate * (1 - rate)), True, (counts > 0) & (counts < size)
        lengths = _of_counts(counts, size, 1.0, estimator)
    else:
        table = rewards[index]
        if np.abs(table).max() > GREATEST:
            raise ValueError(f"PATH holds a reward of {np.abs(table).max():g}; allowed: up to {GREATEST:g}")
        values = np.unique(table)
        plain = set(values) <= {0.0, 1.0}  # where all are 0, none is right
        top = (table == (1.0 if plain else values[-1])).sum(axis=1)
        if correct is None:
            counts = top if plain or len(values) == 2 else None
        else:
            counts = groups.counts(correct)[0][index]
        mean, deviation, binary = table.mean(axis=1), table.std(axis=1), len(values) <= 2
        live = np.ptp(table, axis=1) > EQUAL * np.maximum(np.abs(table).max(axis=1), 1e-30)
        gap = float(values[-1] - values[0])
        lengths = _of_counts(top, size, gap, estimator) if binary else _of_rewards(table, live, estimator)
    if groups.advantage is not None:
        rows = groups.offsets[index][:, None] + np.arange(size)
        own = np.abs(groups.advantage[rows]).sum(axis=1) / (2 * size)
        if np.isfinite(own).all():
            lengths = {**lengths, LOGGED: own}
    return Measured(
        group_size=size,
        index=index,
        num_left_out=groups.num_groups - len(index),
        num_missing=missing,
        cluster=prompt if by_prompt else np.arange(len(index)),
        by_prompt=by_prompt,
        num_prompts=num_prompts,
        counts=counts,
        binary=binary,
        live=live,
        lengths=lengths,
        ordered=bool((groups.step[index] != UNKNOWN_STEP).all()),
        mean=mean,
        deviation=deviation,
    )


def _kept(
    groups: Groups, weights: Mapping[str, float] | None, correct: str | None
) -> tuple[np.ndarray, np.ndarray | None, int]:
    """(groups that are used, rewards [all groups, G] with NaN rows for the others, groups with a reward missing)."""
    sizes = groups.sizes
    size = int(np.bincount(sizes).argmax())
    same = sizes == size
    if groups.num_correct is not None:
        return np.flatnonzero(same), None, 0
    with np.errstate(invalid="ignore"):  # inf − inf is a reward that is missing
        reward = groups.reward(weights)
    whole = np.bincount(groups.group_of_row, ~np.isfinite(reward), groups.num_groups) == 0
    if correct is not None:
        whole &= groups.counts(correct)[1] == sizes
    kept = np.flatnonzero(same & whole)
    table = np.full((groups.num_groups, size), np.nan)
    table[kept] = reward[groups.offsets[kept][:, None] + np.arange(size)]
    return kept, table, int((~whole).sum())


def _of_counts(counts: np.ndarray, size: int, gap: float, estimator: Estimator) -> dict[str, np.ndarray]:
    """From the numbers of the greater of two rewards; those are `gap` apart, and `none` is as many times as long."""
    counts, gap = (counts, gap) if gap > 0 else (np.zeros_like(counts), 1.0)  # one reward alone
    histogram = np.bincount(counts, minlength=size + 1)
    found = {}
    for rule in BINARY:
        settings = estimator.of(rule)
        c = update_lengths(rule, histogram, ddof=settings.ddof, epsilon=settings.epsilon / gap)
        power = {"none": 1, "pass(4)": 1, "power(2)": -1}.get(rule, 0)
        found[rule] = c[counts] * gap**power
    return found


def _of_rewards(table: np.ndarray, live: np.ndarray, estimator: Estimator) -> dict[str, np.ndarray]:
    """From the rewards themselves."""
    size = table.shape[1]
    centred = table - table.mean(axis=1, keepdims=True)
    plain = np.where(live, np.abs(centred).sum(axis=1) / (2 * size), 0)
    found = {}
    for rule in REAL:
        ddof, epsilon = estimator.of(rule).ddof, estimator.of(rule).epsilon
        s = np.where(live, table.std(axis=1, ddof=ddof), 0)
        if rule in ("group", "power(2)"):
            scale = np.where(live, s + epsilon, 1) ** (2 if rule == "power(2)" else 1)
            found[rule] = plain / scale
        elif rule == "leave_one_out":
            found[rule] = np.where(live, _leave_one_out(table, ddof, epsilon), 0)
        else:
            divided = {"none": 1.0, "batch": s.mean() + epsilon, "pooled": table.std(ddof=ddof) + epsilon}[rule]
            found[rule] = plain / divided if divided > 0 else plain
    return found


def _leave_one_out(table: np.ndarray, ddof: int, epsilon: float) -> np.ndarray:
    """[N] Σ|A|/(2G), mean and deviation of the others: their squares are all squares without the answer's own.

    That loses digits only where the answer has most of the squares, as one at most can have: its others are summed.
    """
    N, size = table.shape
    n = size - 1
    centred = table - table.mean(axis=1, keepdims=True)
    squares = (centred**2).sum(axis=1, keepdims=True) - centred**2 * size / n
    farthest = np.abs(centred).argmax(axis=1)
    alone = np.arange(size) == farthest[:, None]
    others = table[~alone].reshape(N, n)
    squares[alone] = ((others - others.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    s = np.sqrt(np.maximum(squares, 0) / (n - ddof if size > 2 else n))
    ends = np.sort(table, axis=1)[:, [0, min(1, n), max(n - 1, 0), n]]
    low = np.where(table == ends[:, [0]], ends[:, [1]], ends[:, [0]])
    high = np.where(table == ends[:, [3]], ends[:, [2]], ends[:, [3]])
    vary = high - low > EQUAL * np.maximum(np.maximum(np.abs(low), np.abs(high)), 1e-30)
    return (np.abs(centred) * size / n / np.where(vary, s + epsilon, 1)).sum(axis=1) / (2 * size)
