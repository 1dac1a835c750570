"""What summary.json of a sweep holds, entry by entry: what text, figures and the page may rely on."""

from __future__ import annotations

from typing import Any, TypedDict

Range = tuple[float, float, float] | None
"""(mean, low, high) over seeds; None where a run was not finite."""


class Ratio(TypedDict):
    """Hitting times over REINFORCE's, paired: median and sign-test interval."""

    median: float | None
    low: float | None
    high: float | None
    censored: int
    """Pairs with a time that was never reached."""


class Hitting(TypedDict):
    """Steps to a level; inf is a median of times that were never reached."""

    median: float
    never: int


class Lead(TypedDict):
    """A paired difference of mean J over the run to REINFORCE."""

    difference: tuple[float, float, float]
    by_seed: list[float]
    """What `difference` is the mean of; all cells share the seeds."""
    verdict: str
    deviations: float | None
    """In deviations of one arm over seeds; None where those do not differ."""
    seeds: int | None
    """An arm, to see it with a chance of .8; None where there is no lead."""


class HeldOut(TypedDict):
    """One rule on the prompts that were not trained on."""

    area: tuple[float, float, float]
    final: tuple[float, float, float]
    lead: Lead | None
    """None of REINFORCE itself, and where it has runs that were not finite."""
    curve: list[list[float]]


class Alone(TypedDict):
    """One rule of one cell."""

    area: Range
    final: Range
    regret: Range
    hitting: dict[str, Hitting]
    not_finite: int
    below_start: int
    missed_90: int
    step_size: float
    limited_share: float
    at_edge: bool
    average_std: float | None
    answers_drawn: float | None
    """Mean over seeds; None in rows of older code."""
    held_out: HeldOut | None
    curve: list[list[float]] | None


class Against(TypedDict):
    """The same rule against REINFORCE, on the same seeds."""

    difference: Range
    verdict: str
    lead: Lead | None
    ratio: dict[str, Ratio] | None


class Entry(Alone, Against):
    """All of one rule in one cell."""


class Cell(TypedDict):
    """A setting without its rule."""

    axes: dict[str, Any]
    num_seeds: int
    outcome: str
    winner: str | None
    best: list[str]
    degenerate: str | None
    at_edge: list[str]
    answer: str | None
    """Should I divide? In one setting."""
    rules: dict[str, Entry]


class Extreme(TypedDict):
    """The cell of a largest gain or loss."""

    axes: dict[str, Any]
    difference: Range
    at_edge: list[str]


Tally = dict[str, Any]
"""`cells`, `better`, `worse`, `no difference`, `not finite`, `mean_difference`; by value of an axis also `value`."""


class Overall(TypedDict):
    """Counts over the cells that are counted, and what was left out of them."""

    num_cells: int
    num_counted: int
    num_incomplete: int
    num_degenerate: int
    num_ties: int
    num_no_finite_rule: int
    wins: dict[str, int]
    among_best: dict[str, int]
    at_edge: dict[str, int]
    failures: dict[str, dict[str, int]]
    problems_passed: int
    against_none: dict[str, Tally]
    """With `by_axis`, `largest_gain` and `largest_loss` (`Extreme` or None) beside the tally."""


class Summary(TypedDict):
    """Everything that figures, page and report show."""

    rules: list[str]
    num_steps: int
    times: list[int]
    axes: dict[str, list[Any]]
    overall: Overall
    cells: list[Cell]


class Drawn(Summary):
    """With what was run, and how much of it was read: the content of summary.json, but for the curves."""

    schema_version: int
    run: dict[str, Any]
