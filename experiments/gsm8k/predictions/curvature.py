"""Is the curvature bounded by a constant times σ, where is the bound reached, and does |κ| scale as σ?"""

from __future__ import annotations

import numpy as np

from experiments.gsm8k.predictions.regions import ABOVE, BELOW, REGIONS, region, sides, slopes
from experiments.gsm8k.predictions.verdict import CONFIRMED, OPEN, REFUTED, Prediction, judge, per_seed
from experiments.gsm8k.results import Results
from experiments.gsm8k.scaling import rank_correlation, share_over_seeds
from experiments.rows import Rows
from experiments.statistics import Interval, interval

ENVELOPE = 4.0
"""By how much max |κ|/σ may vary over training and still pass for a constant."""
BANDS = ((0.05, 0.25), (0.75, 0.95))
"""Around p = (2 ∓ √2)/4 = .146 and .854, where |κ|/σ is greatest for two arms (T1)."""


def envelope(results: Results) -> list[Prediction]:
    """T1's lens: a constant times σ bounds the curvature; where it is nearly reached; the sign."""
    states, prompts = results.late["states"], results.late["prompts"]

    def spread(r: Rows) -> float:
        top = r["curvature_per_std_max"]
        return float(np.log(top.max() / top.min()))

    ratio = interval(np.exp(per_seed(states, spread)))
    log_ratio = interval(per_seed(states, spread))
    verdict = judge(log_ratio, confirmed=(-np.inf, np.log(ENVELOPE)), refuted=[(np.log(ENVELOPE), np.inf)])
    largest = ", ".join(
        f"{states['curvature_per_std_max'][states['target'] == t].mean():.3g} at mean p "
        f"{states['pass_rate'][states['target'] == t].mean():.2f}"
        for t in np.unique(states["target"])
    )
    found = [
        Prediction(
            name="Curvature is bounded by a constant times σ",
            claim="T1, log-linear: |uᵀHu| ≤ σ w²/4. A network has no w; a usable constant would stay put during "
            "training.",
            criterion=f"max over prompts of |κ|/σ along own gradients varies by less than {ENVELOPE:g}× over "
            f"{results.states} states",
            evidence=f"largest over smallest {ratio.mean:.3g}× (log: {log_ratio}); {largest}",
            verdict=verdict,
        )
    ]
    inside = [any(low <= p <= high for low, high in BANDS) for p in states["curvature_argmax_p"]]
    chance = np.mean([any(low <= p <= high for low, high in BANDS) for p in prompts["pass_rate"]])
    share = share_over_seeds([np.array(inside)[states["seed"] == seed] for seed in np.unique(states["seed"])])
    found.append(
        Prediction(
            name="The bound is nearly reached at p = .146 and .854",
            claim="T1's equality case, two arms.",
            criterion="the prompt with the largest |κ|/σ lies in p ∈ [.05, .25] ∪ [.75, .95] more often than prompts "
            "do",
            evidence=f"share of states {share}; share of prompts {chance:.2f}",
            verdict=judge(share, confirmed=(float(chance), np.inf), refuted=[(-np.inf, float(chance))]),
        )
    )
    for name, low, high, sign in (("below", 0.0, BELOW, 1), ("above", ABOVE, 1.0, -1)):
        part = region(prompts, low, high)
        hit = np.sign(part["curvature_own"]) == sign
        agree = share_over_seeds([hit[part["seed"] == seed] for seed in np.unique(part["seed"])])
        found.append(
            Prediction(
                name=f"κ is {'positive' if sign > 0 else 'negative'} for p {name} ½",
                claim="Log-linear with two arms: κ ∝ p(1−p)(1−2p).",
                criterion="share of prompts with that sign: above ½ with its interval confirms, below ½ refutes",
                evidence=f"share {agree}; {len(part['std'])} prompt-states with p in ({low}, {high}]",
                verdict=judge(agree, confirmed=(0.5, np.inf), refuted=[(-np.inf, 0.5)]),
            )
        )
    return found


def exponents(results: Results) -> list[Prediction]:
    """Does curvature scale as σ? The exponent by region of p, among prompts of the same state."""
    prompts, found = results.late["prompts"], []
    parts = {name: (region(prompts, low, high), "target") for name, (low, high) in REGIONS.items()}
    parts["away from ½"] = (sides(prompts), "level")
    for name, (part, level) in parts.items():
        own = slopes(part, "curvature_own", level)
        shared = slopes(part, "curvature_none", level)
        pooled = slopes(part, "curvature_own")
        rank = interval(
            per_seed(part, lambda r: rank_correlation(r["std"], np.abs(r["curvature_own"]))) if len(part["std"]) else []
        )
        found.append(
            Prediction(
                name=f"|κ| ∝ σ, p {name}",
                claim="The adaptive-gradient reading: the deviation tracks local curvature, |κ| ∝ σ^1.",
                criterion="the interval of the exponent contains 1 and neither 0 nor 2: confirmed; excludes 1: refuted",
                evidence=f"exponent among prompts of one state: own gradient {own}, REINFORCE's direction {shared}; "
                f"pooled {pooled}; rank correlation {rank}; {len(part['std'])} prompt-states, "
                f"{own.number} {results.by}",
                verdict=_exponent_verdict(own),
                note="log-linear theory gives 2 away from ½ at fixed features: κ = σ²(1−2p)a²",
            )
        )
    return found


def _exponent_verdict(own: Interval) -> str:
    if not np.isfinite(own.low):
        return OPEN
    if own.excludes(1):
        return REFUTED
    return CONFIRMED if own.excludes(0) and own.excludes(2) else OPEN
