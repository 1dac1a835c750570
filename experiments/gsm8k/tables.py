"""What summary.json of `gsm8k validate` holds, entry by entry: what text and figures may rely on."""

from __future__ import annotations

from typing import Any, TypedDict

from experiments.language.problems.answers import Mode


class Tried(TypedDict):
    """One step of one rule on the tuning seeds."""

    mode: Mode
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
    final: list[FinalRate]


class Summary(Findings):
    """summary.json: findings, and where they come from."""

    schema_version: int
    run: RunInfo
