"""What summary.json of `phases` holds, entry by entry: what text and figures may rely on."""

from __future__ import annotations

from typing import NotRequired, TypedDict

Range = list[float] | None
"""[mean, low, high], a 95% Student interval over seeds; None for fewer than two."""


class Phase(TypedDict):
    """One phase of a configuration: means over its steps, then over the seeds that have it."""

    phase: int
    num_seeds: int
    first: float
    first_median: float
    num_steps_median: float
    cross_ratio: Range
    orthogonality: Range
    std: Range
    relative_gain: Range
    own: Range
    certified: Range
    realised: Range
    first_order: Range
    lower: Range
    upper: Range
    gap: Range
    """U_real − U_cert, paired."""
    num_positive: int
    agree: NotRequired[bool]
    """Each of U_real and U_cert lies in the other's interval."""


class Verdict(TypedDict):
    """How many seeds of a configuration meet each criterion."""

    num_seeds: int
    three: int
    gain: int
    order: int
    loss: int
    all: int
    reaches_third: int
    realisable: int
    failing_seeds: dict[int, list[str]]


class Earlier(TypedDict):
    """A mean beside that of six earlier seeds."""

    phase: int
    quantity: str
    earlier: float
    mean: float
    limit: float
    consistent: bool


class Checks(TypedDict):
    """T3 at every step of every run."""

    num_checks: int
    num_steps: int
    num_violations: int
    largest_share: float
    false_variants: dict[str, int]


class Limits(TypedDict):
    """What speaks against a simple reading."""

    lead_change_in_third: Range
    num_lead_shrinks_in_third: int
    num_third: int
    lead_at_end: Range
    num_behind_at_end: int
    lead_below_its_peak: Range
    gain_std_correlation: list[float]
    own_peak: list[float]
    own_peak_predicted: float
    relative_gain_lowest_std: float
    relative_gain_highest_std: float
    relative_gain_falls_with_std: bool


class Summary(TypedDict):
    """Everything that the rows decide."""

    num_checks: int
    num_violations: int
    checks: Checks
    recipe: list[Phase]
    against_earlier: list[Earlier]
    controls: dict[str, list[Phase]]
    variants: dict[str, list[Phase]]
    verdicts: dict[str, Verdict]
    limits: Limits
