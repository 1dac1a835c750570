"""What the rows say: the phases with intervals over seeds, which seeds hold, and the limits of the reading.

A seed holds when all four criteria do. They were fixed before any seed that is reported was run:

    three   the run has steps in phase I, II and III
    gain    the mean of U_real over phase I is above 0
    order   the means of U_real fall from I to II to III
    loss    the mean of U_real over phase III is at most 0
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from curvature.constants import A_PRIORI_STD
from experiments.phases.recipe import CONFIGURATIONS, CONTROLS, MAIN, VARIANTS
from experiments.phases.tables import Checks, Earlier, Limits, Phase, Range, Summary, Verdict
from experiments.rows import Rows, of
from experiments.statistics import interval

PHASES = (1, 2, 3)
CRITERIA = ("three", "gain", "order", "loss")
SURPLUSES = ("own", "certified", "realised")
EARLIER_SEEDS, EARLIER_STEPS = 6, 4000
EARLIER = {
    1: {"cross_ratio": 0.89, "own": 3.76e-4, "certified": 2.98e-4, "realised": 3.13e-4, "first": 0},
    2: {"cross_ratio": 0.40, "own": 3.86e-4, "certified": 0.56e-4, "realised": 0.58e-4, "first": 35},
    3: {"cross_ratio": 0.07, "own": 1.74e-4, "certified": -0.19e-4, "realised": -0.19e-4, "first": 248},
}
"""Means of an earlier run over six other seeds; phase III's depend on T, so only runs of the same T compare with it."""


def holds(run: Rows) -> dict[str, bool]:
    """The criteria for the phase rows of one run, and `all` of them. A criterion about an absent phase fails."""
    mean = {int(phase): float(value) for phase, value in zip(run["phase"], run["realised"], strict=True)}
    three = set(mean) == set(PHASES)
    verdict = {
        "three": three,
        "gain": mean.get(1, 0.0) > 0,
        "order": three and mean[1] > mean[2] > mean[3],
        "loss": mean.get(3, 1.0) <= 0,
    }
    return verdict | {"all": all(verdict.values())}


def verdicts(rows: Rows, problems: Rows) -> dict[str, Verdict]:
    """Of each configuration: how many seeds meet each criterion, which do not, and how many have J* = 1."""
    found: dict[str, Verdict] = {}
    for name in CONFIGURATIONS:
        mine = of(rows, configuration=name)
        seeds = np.unique(mine["seed_index"])
        each = [holds(of(mine, seed_index=seed)) for seed in seeds]
        met = {criterion: sum(seed[criterion] for seed in each) for criterion in (*CRITERIA, "all")}
        found[name] = {
            "num_seeds": len(seeds),
            "three": met["three"],
            "gain": met["gain"],
            "order": met["order"],
            "loss": met["loss"],
            "all": met["all"],
            "reaches_third": int(np.sum(mine["phase"] == 3)),
            "realisable": int(of(problems, configuration=name)["realisable"].sum()),
            "failing_seeds": {
                int(s): [c for c in CRITERIA if not e[c]] for s, e in zip(seeds, each, strict=True) if not e["all"]
            },
        }
    return found


def _interval(sample: np.ndarray) -> Range:
    """[mean, low, high], a 95% Student interval over seeds; None for fewer than two."""
    return list(interval(sample).ends) if len(sample) > 1 else None


def phase_table(rows: Rows, name: str) -> list[Phase]:
    """One entry a phase that some seed has: means over seeds with intervals, and whether U_cert and U_real agree.

    `agree`: each mean lies in the other's interval. `gap` is the paired difference U_real − U_cert.
    """
    entries: list[Phase] = []
    for phase in PHASES:
        mine = of(rows, configuration=name, phase=phase)
        if not len(mine["phase"]):
            continue
        first = mine["first"]
        entry: Phase = {
            "phase": phase,
            "num_seeds": len(first),
            "first": float(first.mean()),
            "first_median": float(np.median(first)),
            "num_steps_median": float(np.median(mine["num_steps"])),
            "cross_ratio": _interval(mine["cross_ratio"]),
            "orthogonality": _interval(mine["orthogonality"]),
            "std": _interval(mine["std"]),
            "relative_gain": _interval(mine["relative_gain"]),
            "own": _interval(mine["own"]),
            "certified": _interval(mine["certified"]),
            "realised": _interval(mine["realised"]),
            "first_order": _interval(mine["first_order"]),
            "lower": _interval(mine["lower"]),
            "upper": _interval(mine["upper"]),
            "gap": _interval(mine["realised"] - mine["certified"]),
            "num_positive": int(np.sum(mine["realised"] > 0)),
        }
        real, certified = entry["realised"], entry["certified"]
        if real is not None and certified is not None:
            entry["agree"] = real[1] <= certified[0] <= real[2] and certified[1] <= real[0] <= certified[2]
        entries.append(entry)
    return entries


def against_earlier(rows: Rows) -> list[Earlier]:
    """The recipe's means beside the earlier six seeds': consistent where their distance is within the 95% t-limit of
    the difference of two means, with the fresh seeds' deviation for both.
    """
    entries: list[Earlier] = []
    for phase, figures in EARLIER.items():
        mine = of(rows, configuration=MAIN, phase=phase)
        n = len(mine["phase"])
        for quantity, expected in figures.items():
            if n < 2 or (phase, quantity) == (1, "first"):
                continue
            sample = mine[quantity].astype(float)
            limit = stats.t.ppf(0.975, n - 1) * sample.std(ddof=1) * np.sqrt(1 / n + 1 / EARLIER_SEEDS)
            entries.append({
                "phase": phase, "quantity": quantity, "earlier": expected, "mean": float(sample.mean()),
                "limit": float(limit), "consistent": bool(abs(sample.mean() - expected) <= limit),
            })  # fmt: skip
    return entries


def checks(rows: Rows) -> Checks:
    """T3 at every step of every run: what was checked, what failed, and the claims that are wrong on purpose."""
    total = {column: int(rows[column].sum()) for column in rows if column.startswith("violated_")}
    return {
        "num_checks": int(rows["num_checks"].sum()),
        "num_steps": int(rows["num_steps"].sum()),
        "num_violations": total["violated_prompt"] + total["violated_surplus"],
        "largest_share": float(rows["largest_share"].max()),
        "false_variants": {
            "T3 with half its remainder, some prompt": total["violated_half_prompt"],
            "the enclosure of U_real with half its remainder": total["violated_half_surplus"],
            "U_real is at least U_cert": total["violated_difference"],
        },
    }


def _rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's."""
    return float(np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1])


def limits(steps: Rows, rows: Rows, profile: Rows) -> Limits:
    """What speaks against a simple reading, each from rows of the recipe."""
    mine, third = of(steps, configuration=MAIN), of(rows, configuration=MAIN, phase=3)
    seeds = np.unique(mine["seed_index"])
    runs = [of(mine, seed_index=seed) for seed in seeds]
    change = third["lead_last"] - third["lead_first"]
    bins = of(profile, configuration=MAIN)
    # bins that few prompts visit say little: at least a hundredth of an even share
    visited = bins["count"] > 0.01 * bins["count"].mean()
    each = bins["own"] / np.maximum(bins["count"], 1)
    peak = int(np.argmax(np.where(visited, each, -np.inf)))
    factor = A_PRIORI_STD * bins["scaled"] / np.maximum(bins["squares"], np.finfo(float).tiny)
    return {
        "lead_change_in_third": _interval(change),
        "num_lead_shrinks_in_third": int(np.sum(change < 0)),
        "num_third": len(change),
        "lead_at_end": _interval(np.array([run["lead"][-1] for run in runs])),
        "num_behind_at_end": int(sum(run["lead"][-1] < 0 for run in runs)),
        "lead_below_its_peak": _interval(np.array([run["lead"].max() - run["lead"][-1] for run in runs])),
        "gain_std_correlation": [_rank_correlation(run["relative_gain"], run["std"]) for run in runs],
        "own_peak": [float(bins["std_low"][peak]), float(bins["std_high"][peak])],
        "own_peak_predicted": 3 / 8,
        "relative_gain_lowest_std": float(factor[visited][0]),
        "relative_gain_highest_std": float(factor[visited][-1]),
        "relative_gain_falls_with_std": bool((np.diff(factor[visited]) < 0).all()),
    }


def summarise(steps: Rows, rows: Rows, profile: Rows, problems: Rows) -> Summary:
    """Everything of summary.json that the rows decide."""
    counts = checks(rows)
    return {
        "num_checks": counts["num_checks"],
        "num_violations": counts["num_violations"],
        "checks": counts,
        "recipe": phase_table(rows, MAIN),
        "against_earlier": against_earlier(rows),
        "controls": {name: phase_table(rows, name) for name in CONTROLS},
        "variants": {name: phase_table(rows, name) for name in VARIANTS},
        "verdicts": verdicts(rows, problems),
        "limits": limits(steps, rows, profile),
    }
