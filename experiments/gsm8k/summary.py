"""The content of a validation's summary.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypedDict

from experiments.gsm8k.predictions.verdict import Prediction
from experiments.gsm8k.results import FinalRate, Results, final_rates
from experiments.gsm8k.tuning import Tried


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


def summarise(results: Results, found: Sequence[Prediction]) -> Findings:
    """From rows and verdicts."""
    return Findings(
        predictions=[asdict(prediction) for prediction in found],
        alpha=results.alpha,
        alpha_slope=results.exponent.slope,
        alpha_error=results.exponent.error,
        alpha_points=results.exponent.points,
        tuning=results.tuning,
        notes=results.notes,
        num_parameters=results.num_parameters,
        final=final_rates(results),
    )
