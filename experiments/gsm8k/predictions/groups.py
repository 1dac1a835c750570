"""What groups of samples do and show: the cap of T13, and how much of χ and κ is above the noise."""

from __future__ import annotations

import numpy as np

from experiments.gsm8k.predictions.verdict import CONFIRMED, OPEN, REFUTED, Prediction, judge, per_seed
from experiments.gsm8k.results import Results
from experiments.gsm8k.scaling import share_over_seeds
from experiments.rows import where
from experiments.statistics import interval


def cap(results: Results) -> list[Prediction]:
    """T13 on the model: the factor by which sampled groups rescale REINFORCE."""
    rows = results.cap
    if rows is None:
        return []
    good = np.isfinite(rows["factor"]) & (rows["factor_error"] > 0) & (rows["factor_error"] < 0.5 * rows["predicted"])
    relative = interval(
        per_seed(
            where(rows, good),
            lambda r: np.average(r["factor"] / r["predicted"] - 1, weights=(r["predicted"] / r["factor_error"]) ** 2),
        )
    )
    low, high = float(rows["window_low"][0]), float(rows["window_high"][0])
    error = rows["factor_error"][good]
    outside = (rows["factor"][good] < low - 4 * error) | (rows["factor"][good] > high + 4 * error)
    verdict = REFUTED if relative.excludes(0) else CONFIRMED if not outside.any() else OPEN
    factors = f"{rows['factor'][good].min():.2f} to {rows['factor'][good].max():.2f}" if good.any() else "none"
    return [
        Prediction(
            name=f"A group of {int(rows['group_size'][0])} rescales REINFORCE by b_G(p), at most {high:.2f}",
            claim="T13: adaptivity stays in [2, G/√(G−1)], however small σ is.",
            criterion="the interval of b̂/b_G − 1 over seeds includes 0, and no prompt is outside the window by 4 "
            "standard errors",
            evidence=f"b̂/b_G − 1 = {relative}; factors {factors}, "
            f"{int(outside.sum())} of {int(good.sum())} outside; {int((~good).sum())} too noisy or dead",
            verdict=verdict if np.isfinite(relative.low) else OPEN,
        )
    ]


def sampled(results: Results) -> list[Prediction]:
    """What the realistic mode can see at all."""
    if results.sampled is None:
        return []
    states = results.sampled["states"]
    prompts = results.sampled["prompts"]
    hit = prompts["curvature_resolved"] & (prompts["std"] > 0)
    share = share_over_seeds([hit[prompts["seed"] == seed] for seed in np.unique(prompts["seed"])])
    seen = states["cross_ratio_resolved"] > 0
    χ = interval(states["cross_ratio"][seen])
    return [
        Prediction(
            name=f"Sampled groups resolve χ ({results.legs[1]})",
            claim="χ from split halves; its error must leave the sign of χ − 1 readable.",
            criterion=f"resolved for all {results.by} and its interval excludes 1: confirmed; for none: refuted",
            evidence=f"χ = {χ}, resolved for {int(seen.sum())} of {len(seen)} {results.by}; "
            f"mean cosine between halves {states['half_cosine'].mean():.2f}",
            verdict=REFUTED if not seen.any() else CONFIRMED if seen.all() and χ.excludes(1) else OPEN,
        ),
        Prediction(
            name=f"Sampled curvature is above its noise ({results.legs[1]})",
            claim="|κ̂| > 2 max(standard error, null).",
            criterion="share of prompts resolved above ½ with its interval confirms, below ½ refutes",
            evidence=f"share {share}",
            verdict=judge(share, confirmed=(0.5, np.inf), refuted=[(-np.inf, 0.5)]),
            note="so no exponent is fitted to sampled |κ|: its error alone has one",
        ),
    ]
