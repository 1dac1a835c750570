"""What summary.json of `gsm8k validate` holds, entry by entry: what text and figures may rely on."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Tried(TypedDict):
    """One step of one rule on the tuning seeds."""

    mode: str
    """Of the responses; of a pretrained model the name of the leg."""
    rule: str
    step_size: float
    score: float
    """Mean over the seeds."""
    best: float
    """1 at the step that was chosen, else 0."""


class FinalRate(TypedDict):
    """Where one reported run ended: mean pass rates of its training and test prompts."""

    mode: str
    rule: str
    seed: int
    step_size: float
    train: float
    test: float


class RunInfo(TypedDict):
    """Where the numbers come from."""

    run_id: str
    config: dict[str, Any]
    commit: str
    versions: dict[str, str]
    device: str
    wall_time_s: float
    """Of all parts, added up."""


class Change(TypedDict):
    """A mean over sets of questions with its 95% interval."""

    mean: float
    low: float
    high: float
    number: int
    """Of sets."""


class HeldOut(TypedDict):
    """By how much a rule changed the mean pass rate of held-out prompts, from the pretrained state to a run's end."""

    equal: Change
    """At steps that agree at p = ½, untuned."""
    tuned: Change
    """At the step that was best for the training prompts of other sets."""
    figures: Change
    """Tuned, the right figures alone: whatever follows them."""
    against_none: Change
    """Tuned, this rule less `none` on the same sets."""


class Ratio(TypedDict):
    """χ along a rule's tuned runs."""

    start: Change
    end: Change


class Findings(TypedDict):
    """What rows and verdicts say."""

    predictions: list[dict[str, str]]
    """`Prediction`s, by the names of their fields."""
    alpha: float
    """Of the rule power(α)."""
    alpha_slope: float
    alpha_error: float
    alpha_points: int
    tuning: list[Tried]
    notes: dict[str, list[str]]
    num_parameters: int
    held_out: NotRequired[dict[str, HeldOut]]
    """By rule; a pretrained model's study alone has this and the next two."""
    cross_ratio: NotRequired[dict[str, Ratio]]
    """By rule, where the runs were probed."""
    curvature_exponent: NotRequired[dict[str, Change]]
    """Of |κ| along the own gradient in σ, by region of p."""
    final: list[FinalRate]


class Summary(Findings):
    """summary.json: findings, and where they come from."""

    schema_version: int
    run: RunInfo
