"""From rows and verdicts to what summary.json says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from experiments.gsm8k.predictions.verdict import Prediction
from experiments.gsm8k.results import Results, final_rates
from experiments.gsm8k.tables import Findings


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
