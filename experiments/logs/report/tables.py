"""What summary.json of `logs report` holds, entry by entry: what text and figures may rely on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class RuleRow(TypedDict):
    """What a rule makes of the logged groups; shares are of the update, `none` is what they are held against."""

    hard: float | None
    """Share of groups with k ≤ G/4; null where right answers are not counted."""
    middle: float | None
    easy: float | None
    """k ≥ 3G/4."""
    moved: float
    """Share of the update that the rule puts elsewhere than none does."""
    moved_low: float
    moved_high: float
    """Ends of the 95% bootstrap interval over prompts, or over groups where prompts are not known."""
    cosine: float
    """Of the groups' lengths with those under none."""
    heaviest: float
    """Greatest over least weight of a live group, relative to none."""
    effective_groups: float
    """(Σc)²/Σc²."""
    step_l1: float
    """Σc over that of none: the step's ratio where groups' gradients are parallel."""
    step_l2: float
    """√(Σc² over that of none): where they are orthogonal."""


class DeadShare(TypedDict):
    """The share of groups whose answers are all right or all wrong, were they of another size."""

    value: float
    low: float
    high: float
    """Ends of a 95% interval that counts the worst bias in, for the mean over the logged groups."""
    half_width: float
    """Before the ends are cut to where a share can be."""
    bias: float
    """The worst that the estimate can be off, whatever the law of pass rates; 0 up to the logged size."""
    std_error: float
    resolved: bool
    """False where the report abstains; `abstained` says why."""


class Unanimous(TypedDict):
    """The share of the update in groups whose answers are all right or all wrong."""

    value: float
    low: float
    high: float


class Window(TypedDict):
    """A stretch of the log."""

    first_step: int | None
    last_step: int | None
    num_groups: int
    mean_reward: float
    right: float | None
    dead_share: float
    moved: float | None
    moved_low: float | None
    moved_high: float | None
    step_l1: float | None
    dead_share_twice: DeadShare | None
    """At twice the logged size."""
    stationary_p: float | None


class Seeds(TypedDict):
    """How many runs it takes to see a lead."""

    lead: float
    std: float
    seeds: int


class Advised(TypedDict):
    """Whether to divide (`experiments.logs.advice`)."""

    verdict: str
    """"nothing to decide", "no difference", "not resolved", "do not divide", "divide", "abstains"."""
    sentence: str
    reasons: Sequence[str]
    limits: Sequence[str]


class Summary(TypedDict):
    """Everything that the log decides."""

    format: str
    grouped_by: str
    notes: list[str]
    num_groups: int
    num_prompts: int | None
    num_left_out: int
    num_live: int
    num_filtered: int
    group_size: int
    intervals_over: str
    """"prompts" or "groups"."""
    rewards: str
    """"binary" or "real"."""
    correct: str | None
    estimator: str | None
    rule: str | None
    ddof: int | None
    epsilon: float | None
    reward_weights: dict[str, float] | None
    estimator_source: str
    right_from: list[int] | None
    """The least number of right answers of each entry of the next two: 0 … G, or classes where G is above 128."""
    histogram: list[int] | None
    """Groups by right answers, filtered ones included; null where right answers are not counted."""
    share_by_right: dict[str, list[float]] | None
    """By rule: the share of the update in groups with so many right answers."""
    dead_share: float | None
    """Of groups whose rewards are all equal: with other rewards than for right answers, fewer than are unanimous."""
    all_right_share: float | None
    moved_share: dict[str, float]
    rules: dict[str, RuleRow]
    greatest_weight_ratio: float | None
    dead_share_at: dict[str, DeadShare]
    mean_deviation: DeadShare | None
    mean_right: float | None
    rate_variance: float | None
    reliability: float | None
    law: dict[str, list[float]] | None
    unanimous_share: float | None
    unanimous_of: str | None
    """Whose update that is: the log's own, or group where it has no advantages."""
    unanimous: dict[str, Unanimous] | None
    stationary_p: float | None
    windows: list[Window]
    seeds: list[Seeds]
    abstained: dict[str, str]
    advice: Advised
