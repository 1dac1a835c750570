"""What the rows say: counts of checks and violations, exponents, ratios, and the tables that the report shows."""

from __future__ import annotations

import numpy as np

from bandits.pass_rates import PassRates
from experiments.convergence import (
    beyond_groups,
    certificates,
    coherence,
    comparison,
    counterexamples,
    exponents,
    overtaking,
    own_rates,
    own_sums,
    rare_start,
    right_or_wrong,
    sampled_groups,
    theorem,
)
from experiments.convergence.tables import Checked, Regime, Summary
from experiments.rows import Rows, Tables

TOLERANCE = 0.02
"""T7's fitted exponents must be this close to the predicted ones."""


def check_counts(parts: Tables) -> list[Checked]:
    """One entry a proved bound: how often it was checked, how often violated. Each inequality counts once."""
    grid, given = parts["theorem"], parts["pass_rates"]
    random, rules = parts["certificates"], parts["comparison"]
    rates, means, raced = parts["own_rates"], parts["mean_rates"], parts["overtaking"]
    binary, sums = parts["right_or_wrong"], parts["own_sums"]
    sampled, starts, overlap, rare = parts["sampled"], parts["starts"], parts["coherence"], parts["rare"]
    n = len(binary["gain"])
    runs = [("grid runs", grid), ("pass-rate runs", given)]

    def entry(statement: str, what: str, checks: int, violated: np.ndarray | int) -> Checked:
        return {"statement": statement, "what": what, "num_checks": checks, "num_violations": int(np.sum(violated))}

    return [
        *(
            entry("T6", f"{what}, both rules, every T", len(rows["bound"]), theorem.violations(rows))
            for what, rows in runs
        ),
        *(
            entry("T3", f"{what}, every step", len(rows["gain"]), theorem.certificate_violations(rows))
            for what, rows in runs
        ),
        entry("T3", "random problems, both sides", 2 * len(random["gain"]), certificates.violations(random)),
        entry(
            "T3",
            "sampled-group runs, every step",
            len(rules["rule"]) * comparison.NUM_STEPS,
            rules["num_certificate_violations"],
        ),
        entry("T1, T2", "random problems", 2 * len(random["gain"]), certificates.curvature_violations(random)),
        entry("T13", "b_G in its window", len(parts["window"]["low"]), exponents.window_violations(parts["window"])),
        entry("T15", "every prompt, no faster", len(rates["time"]), own_rates.below(rates, own_rates.lower(rates))),
        entry("T15", "every prompt, no slower", len(rates["time"]), own_rates.above(rates, own_rates.upper(rates))),
        entry("T15", "means under overlap", len(means["time"]), own_rates.below(means, own_rates.mean_lower(means))),
        entry("T15", "REINFORCE at twenty steps, GRPO", len(raced["time"]), overtaking.violations(raced)),
        entry("T18", "random problems, its bound", n, right_or_wrong.curvature_violations(binary)),
        entry("T18", "random problems, never worse than T1", n, right_or_wrong.order_violations(binary)),
        entry("T18", "random problems, its two parts", n, right_or_wrong.split_violations(binary)),
        entry("T19", "random problems, both sides", 2 * n, right_or_wrong.gain_violations(binary)),
        entry("T20", "random problems, every α", len(own_rates.ALPHAS) * n, right_or_wrong.own_sum_violations(binary)),
        entry("T20", "X1 and C6, every step", len(own_sums.violations(sums)), own_sums.violations(sums)),
        entry("T15", "from rare success, both sides", 2 * len(rare["time"]), rare_start.violations(rare)),
        entry("T16", "means over groups", 2 * len(sampled["failure"]), sampled_groups.violations(sampled)),
        entry("T16", "answers from rare starts", len(starts["answers"]), sampled_groups.start_violations(starts)),
        entry("T17", "every promised step", coherence.num_checks(overlap), coherence.violations(overlap)),
    ]


def false_variants(parts: Tables) -> dict[str, int]:
    """Violations of claims that are wrong on purpose: a check that could not fail would show 0 here too."""
    grid, rates, means = parts["theorem"], parts["own_rates"], parts["mean_rates"]
    binary = parts["right_or_wrong"]
    return {
        "T3 with half its remainder": int(
            certificates.violations(parts["certificates"], certificates.FALSE_FACTOR).sum()
        ),
        "T6 with a third of its bound": int((grid["measured"] > grid["bound"] / 3).sum()),
        "T13 with b_G capped at G/2/√(G−1)": int(
            (parts["window"]["adaptivity"] > parts["window"]["high"] / 2 * (1 + 1e-11)).sum()
        ),
        "T15, no faster, at nine tenths of the step": int(
            own_rates.below(rates, own_rates.lower(rates, own_rates.FALSE_LOWER)).sum()
        ),
        "T15, no slower, at eleven tenths of the step": int(
            own_rates.above(rates, own_rates.upper(rates, own_rates.FALSE_UPPER)).sum()
        ),
        "T15 of the mean without the number of prompts": int(
            own_rates.below(means, own_rates.mean_lower(means, num_prompts=1)).sum()
        ),
        "T18 with four fifths of its bound": int(
            right_or_wrong.curvature_violations(binary, right_or_wrong.FALSE_CURVATURE).sum()
        ),
        "T19 with half its remainder": int(right_or_wrong.gain_violations(binary, right_or_wrong.FALSE_GAIN).sum()),
        "T20 with half of Λ": int(right_or_wrong.own_sum_violations(binary, right_or_wrong.FALSE_OWN).sum()),
        "T20 with twice its gain": int(own_sums.violations(parts["own_sums"], own_sums.FALSE_FACTOR).sum()),
        "T16 with half of e^w − 1": int(
            sampled_groups.violations(parts["sampled"], sampled_groups.FALSE_SHARE)[1].sum()
        ),
        "T16 with twice the answers from a rare start": int(
            sampled_groups.start_violations(parts["starts"], sampled_groups.FALSE_FACTOR).sum()
        ),
        "T16 without silence: no baseline": int(beyond_groups.silent_violations(parts["beyond"]).sum()),
        "T17 with χ̂ = 1": int(coherence.false_violations(parts["coherence"]).sum()),
    }


def regimes(grid: Rows) -> list[Regime]:
    """T6 by regime at the last T: measured over bound for both rules, ratios of squared rates, J reached."""
    last = grid["num_steps_T"] == grid["num_steps_T"].max()
    entries = []
    for regime in dict.fromkeys(grid["regime"].tolist()):
        rows = {name: values[grid["regime"] == regime] for name, values in grid.items()}
        measured, bound = theorem.rate_ratios(rows)
        at = last[grid["regime"] == regime]
        entry: Regime = {
            "regime": regime,
            "rate_ratio_measured": float(measured.mean()),
            "rate_ratio_bound": float(bound.mean()),
        }
        for rule in ("none", "group"):
            mine = rows["rule"] == rule
            share = rows["measured"] / rows["bound"]
            entry[f"{rule}_measured"] = float(rows["measured"][at & mine].mean())
            entry[f"{rule}_bound"] = float(rows["bound"][at & mine].mean())
            entry[f"{rule}_share_low"] = float(share[mine].min())
            entry[f"{rule}_share_high"] = float(share[mine].max())
            entry[f"{rule}_value"] = float(rows["value"][at & mine].mean())
        entries.append(entry)
    return entries


def summarise(parts: Tables, rates: PassRates) -> Summary:
    """Everything of summary.json that the rows decide."""
    counts = check_counts(parts)
    measured, bound = theorem.rate_ratios(parts["theorem"])
    fitted = exponents.fits(parts["tails"])
    last = {r: np.flatnonzero(parts["pass_rates"]["rule"] == r)[-1] for r in ("none", "group")}
    given = parts["pass_rates"]
    file_measured, file_bound = theorem.rate_ratios(given)
    return {
        "num_checks": sum(entry["num_checks"] for entry in counts),
        "num_violations": sum(entry["num_violations"] for entry in counts),
        "exponents": {alpha: fit["fitted"] for alpha, fit in fitted["exponents"].items()},
        "exponents_predicted": {alpha: fit["predicted"] for alpha, fit in fitted["exponents"].items()},
        "exponents_within_tolerance": all(
            abs(fit["fitted"] - fit["predicted"]) <= TOLERANCE for fit in fitted["exponents"].values()
        ),
        "exponential_rate": fitted["exponential"],
        "finite_groups": fitted["groups"],
        "rate_ratio_measured": float(measured.mean()),
        "rate_ratio_bound": float(bound.mean()),
        "rate_ratio_note": "ratios of squared average gradient norms, GRPO over REINFORCE, at the last T, mean over "
        "the grid; the bound ratio is a ratio of two upper bounds and does not bound the measured ratio",
        "rate_ratio_measured_below_bound_ratio": float((measured <= bound).mean()),
        "checks": counts,
        "false_variants_caught": false_variants(parts),
        "regimes": regimes(parts["theorem"]),
        "pass_rates": {
            "source": rates.source,
            "num_prompts": len(rates.raw),
            "num_zero": rates.num_zero,
            "num_one": rates.num_one,
            "mean_raw": float(rates.raw.mean()),
            "mean_used": float(rates.used.mean()),
            "prior": rates.prior,
            "rate_ratio_measured": float(file_measured[0]),
            "rate_ratio_bound": float(file_bound[0]),
            **{
                f"{rule}_{name}": float(given[name][i])
                for rule, i in last.items()
                for name in ("measured", "bound", "value")
            },
        },
        "hitting_times": [
            {
                name: float(values[i])
                for name, values in parts["hitting"].items()
                if name in ("alpha", "pass_rate", "measured", "flow")
            }
            for i in range(len(parts["hitting"]["alpha"]))
        ],
        "where_grpo_loses": counterexamples.outcomes(parts["counterexamples"]),
        "comparison": comparison.table(parts["comparison"]),
        "own_rates": {
            "between": own_rates.between(parts["own_rates"]),
            "overtaken": overtaking.overtaken(parts["overtaking"]),
            "divisors": overtaking.divisors(parts["divisors"]),
            "rare": rare_start.rare(parts["rare"]),
        },
        "right_or_wrong": right_or_wrong.curved(parts["right_or_wrong"]),
        "own_sums": own_sums.own_sums(parts["own_sums"]),
        "sampled": {
            "reached": sampled_groups.reached(parts["sampled"]),
            "started": sampled_groups.started(parts["starts"]),
            "beyond": beyond_groups.beyond(parts["beyond"], parts["sampled"]),
        },
        "coherence": coherence.coherent(parts["coherence"]),
    }
