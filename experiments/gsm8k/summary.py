"""From rows and verdicts to what summary.json says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from experiments.gsm8k.predictions.held_out import as_change, held_out_table, ratio_table
from experiments.gsm8k.predictions.regions import REGIONS, region, slopes
from experiments.gsm8k.predictions.verdict import Prediction
from experiments.gsm8k.results import Results, final_rates
from experiments.gsm8k.tables import Findings


def summarise(results: Results, found: Sequence[Prediction]) -> Findings:
    """From rows and verdicts."""
    findings = Findings(
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
    if results.by == "sets":
        findings["held_out"] = held_out_table(results)
        findings["cross_ratio"] = ratio_table(results)
        prompts = results.late["prompts"]
        findings["curvature_exponent"] = {
            name: as_change(slopes(region(prompts, low, high), "curvature_own", "target"))
            for name, (low, high) in REGIONS.items()
        }
    return findings
