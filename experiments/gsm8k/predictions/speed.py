"""Who learns faster: runs compared by their mean pass rate or their end, paired over seeds."""

from __future__ import annotations

import numpy as np

from experiments.gsm8k.plan import Plan
from experiments.gsm8k.predictions.verdict import Prediction, judge
from experiments.gsm8k.results import Results, final_rates
from experiments.language.learning.lost import solved
from experiments.rows import Rows
from experiments.statistics import Interval, interval


def run_mean(rows: Rows, rule: str, seed: int) -> float:
    """Mean pass rate over a run's updates: the area under its learning curve."""
    return float(np.mean(solved(rows["pass_rate"][(rows["rule"] == rule) & (rows["seed"] == seed)])))


def paired(rows: Rows, first: str, second: str) -> Interval:
    """First − second over the seeds that both ran on."""
    return interval([run_mean(rows, first, s) - run_mean(rows, second, s) for s in np.unique(rows["seed"])])


def comparisons(results: Results, plan: Plan) -> list[Prediction]:
    """Who learns faster."""
    found = []
    power = next((r for r in dict.fromkeys(results.answer["rule"]) if r.startswith("power")), None)
    criterion = "difference of mean p over the run (area under the curve), paired over seeds: its interval excludes 0"
    pairs = [("GRPO learns faster than REINFORCE", "group", "none", "T6, T7: the division speeds convergence up.")]
    if power:
        claim = "A rule that divides by the measured curvature's power of σ is better adapted than GRPO."
        measured = ", the measured exponent," if results.by == "seeds" else ""
        pairs.append((f"{power}{measured} beats GRPO", power, "group", claim))
    for design, rows in (("at equal small steps", results.small), ("each at its tuned step", results.answer)):
        for name, first, second, claim in pairs:
            difference = paired(rows, first, second)
            found.append(
                Prediction(
                    name=f"{name}, {design} (exact)",
                    claim=claim,
                    criterion=criterion,
                    evidence=f"{difference}; means "
                    + ", ".join(
                        f"{r} {interval([run_mean(rows, r, s) for s in np.unique(rows['seed'])]).mean:.3f}"
                        for r in dict.fromkeys(rows["rule"])
                    ),
                    verdict=judge(difference, confirmed=(0, np.inf), refuted=[(-np.inf, 0)]),
                )
            )
    if results.equations is None:
        return found
    ends = [row for row in final_rates(results) if row["mode"] == results.legs[1]]
    by = {(row["rule"], row["seed"]): row["train"] for row in ends}
    seeds = sorted({row["seed"] for row in ends})
    difference = interval([by["group", s] - by["none", s] for s in seeds])
    means = {rule: np.mean([by[rule, s] for s in seeds]) for rule in dict.fromkeys(row["rule"] for row in ends)}
    found.append(
        Prediction(
            name=f"GRPO learns faster than REINFORCE, sampled groups, each at its tuned step ({results.legs[1]})",
            claim="The same with the estimators that trainers use.",
            criterion="difference of the final training pass rate, paired over seeds: its interval excludes 0",
            evidence=f"{difference}; means " + ", ".join(f"{rule} {mean:.3f}" for rule, mean in means.items()),
            verdict=judge(difference, confirmed=(0, np.inf), refuted=[(-np.inf, 0)]),
            note=f"groups of {plan.equations.group_size}; pass rates "
            + ("exact" if results.by == "sets" else f"from {2 * plan.equations.num_samples} samples a prompt"),
        )
    )
    return found
