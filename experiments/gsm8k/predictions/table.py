"""All predictions in the order of the report."""

from __future__ import annotations

from experiments.gsm8k.plan import Plan
from experiments.gsm8k.predictions.curvature import envelope, exponents
from experiments.gsm8k.predictions.groups import cap, sampled
from experiments.gsm8k.predictions.held_out import held_out
from experiments.gsm8k.predictions.interference import appearing, orthogonality, surplus
from experiments.gsm8k.predictions.law import law
from experiments.gsm8k.predictions.speed import comparisons
from experiments.gsm8k.predictions.verdict import Prediction
from experiments.gsm8k.results import Results


def predictions(results: Results, plan: Plan) -> list[Prediction]:
    """The table."""
    return [
        *envelope(results),
        *exponents(results),
        *orthogonality(results),
        *surplus(results),
        *comparisons(results, plan),
        *cap(results),
        *sampled(results),
        *(pretrained(results) if results.by == "sets" else ()),
    ]


def pretrained(results: Results) -> list[Prediction]:
    """What is asked of a pretrained model beyond that."""
    return [*law(results), *appearing(results), *held_out(results)]
