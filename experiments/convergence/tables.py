"""What summary.json of `reproduce` holds, entry by entry: what text and figures may rely on."""

from __future__ import annotations

from typing import Any, TypedDict


class Checked(TypedDict):
    """One proved bound, where it was checked."""

    statement: str
    what: str
    num_checks: int
    num_violations: int


class Fit(TypedDict):
    """An exponent of T7."""

    fitted: float
    predicted: float


class ExponentialRate(TypedDict):
    """The rule α = 2."""

    fitted_rate: float
    predicted_rate: float


class GroupFit(TypedDict):
    """Two arms under groups of G."""

    late_exponent: float
    late_speedup: float
    cap: float


class Fits(TypedDict):
    """All fits, by α and by G."""

    exponents: dict[str, Fit]
    exponential: ExponentialRate
    groups: dict[str, GroupFit]


class Outcome(TypedDict):
    """What ΣJ did under one rule of an example where GRPO loses."""

    first_gain: float
    num_losing_steps: int
    change: float
    greatest_change: float


class Compared(TypedDict):
    """A rule at one coherence: mean J with interval, and its paired difference to REINFORCE."""

    coherence: float
    rule: str
    mean: float
    low: float
    high: float
    difference: float
    difference_low: float
    difference_high: float
    verdict: str
    step_size: float
    at_edge: bool
    limited_share: float


class Overtaken(TypedDict):
    """REINFORCE at one step: the iteration from which on GRPO, at one step for all, has the lower mean failure rate."""

    step_size: float
    ahead_from: float
    proved_from: float


class Divisor(TypedDict):
    """The late exponent of the failure rate under a rule, and with one prompt more that no update changes."""

    rule: str
    exponent: float
    exponent_with_stuck_prompt: float


class Between(TypedDict):
    """At the end of runs at the short step, medians: measured over lower bound, upper bound over measured."""

    alpha: float
    above_lower: float
    below_upper: float


class Rare(TypedDict):
    """From a rare start: iterations until the failure rate is at a level, by rule; and at most how many of power(2)."""

    num_arms: int
    level: float
    none: float
    group: float
    power: float
    power_proved: float


class Reached(TypedDict):
    """A rule in groups of G: 1/(n E q) after the last of n answers, and the constants of T16 that it tends to at most.

    One prompt, several that share nothing, several that move alike.
    """

    rule: str
    group_size: int
    speed: float
    speed_apart: float
    speed_together: float
    sharp_constant: float
    plain_constant: float


class Started(TypedDict):
    """A rule in groups of G from a rare start: answers to p = ½ with their standard error, and two lower bounds."""

    rule: str
    group_size: int
    answers: float
    answers_error: float
    sharp_bound: float
    plain_bound: float


class Beyond(TypedDict):
    """n E q of a rule after n answers, where T16 bounds it with another constant or not at all."""

    rule: str
    num_answers: float
    scaled: float


class Path(TypedDict):
    """χ̂ and A (from the greatest coherence) along a run of GRPO, and how often its guarantee is the better one."""

    kind: str
    spread_first: float
    spread_greatest: float
    spread_last: float
    ascent_first: float
    ascent_least: float
    ascent_last: float
    share_better: float


class Coherent(TypedDict):
    """T17 on random problems, by rule: gain over guarantee, and how often there is one; and the paths of two runs."""

    tightest: dict[str, float]
    median: dict[str, float]
    guaranteed: dict[str, float]
    larger_gain: float
    paths: list[Path]


class Curved(TypedDict):
    """T18 and T19 on random problems: the greatest share of each bound that is used; how often T19 is above T3."""

    T1_used: float
    T18_used: float
    T18_over_T1: float
    T19_better: float
    T19_better_long: float


class OwnSum(TypedDict):
    """A rule at T20's step on an example: in how many steps ΣJ and its own sum fell, and what both did in all."""

    example: str
    alpha: float
    value_falls: int
    own_sum_falls: int
    value_change: float
    own_sum_change: float


class Sampled(TypedDict):
    """T16 measured."""

    reached: list[Reached]
    started: list[Started]
    beyond: list[Beyond]


class OwnRates(TypedDict):
    """T15 measured."""

    between: list[Between]
    overtaken: list[Overtaken]
    divisors: list[Divisor]
    rare: list[Rare]


Regime = dict[str, Any]
"""`regime`, `rate_ratio_measured`, `rate_ratio_bound`, and for each rule RULE_measured, RULE_bound, RULE_share_low,
RULE_share_high, RULE_value."""
FromFile = dict[str, Any]
"""`source`, `num_prompts`, `num_zero`, `num_one`, `mean_raw`, `mean_used`, `prior`, the two ratios, and for each rule
RULE_measured, RULE_bound, RULE_value."""


class Summary(TypedDict):
    """Everything that the rows decide."""

    num_checks: int
    num_violations: int
    exponents: dict[str, float]
    exponents_predicted: dict[str, float]
    exponents_within_tolerance: bool
    exponential_rate: ExponentialRate
    finite_groups: dict[str, GroupFit]
    rate_ratio_measured: float
    rate_ratio_bound: float
    rate_ratio_note: str
    rate_ratio_measured_below_bound_ratio: float
    checks: list[Checked]
    false_variants_caught: dict[str, int]
    regimes: list[Regime]
    pass_rates: FromFile
    hitting_times: list[dict[str, float]]
    where_grpo_loses: dict[str, dict[str, Outcome]]
    comparison: list[Compared]
    own_rates: OwnRates
    right_or_wrong: Curved
    own_sums: list[OwnSum]
    sampled: Sampled
    coherence: Coherent
