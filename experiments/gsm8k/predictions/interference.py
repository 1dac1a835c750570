"""Do prompts help or hurt each other: χ, the three phases, and what one step of GRPO gains over one of REINFORCE."""

from __future__ import annotations

import numpy as np

from curvature import phase_boundaries
from experiments.gsm8k.predictions.verdict import CONFIRMED, OPEN, REFUTED, Prediction, judge, per_seed
from experiments.gsm8k.results import Results
from experiments.rows import Rows, of, where
from experiments.statistics import interval


def orthogonality(results: Results) -> list[Prediction]:
    """Early orthogonality, later loss; phases."""
    group = of(results.probes, rule="group")
    first = interval(per_seed(group, lambda r: r["cross_ratio"][0]))
    last = interval(per_seed(group, lambda r: r["cross_ratio"][-1]))
    states = results.late["states"]
    along = ", ".join(
        f"{interval(states['cross_ratio'][states['target'] == t])} at mean p "
        f"{states['pass_rate'][states['target'] == t].mean():.2f}"
        for t in np.unique(states["target"])
    )
    return [
        Prediction(
            name="Prompts are orthogonal early",
            claim="Phase I: χ near 1.",
            criterion="χ at the start of RL lies in [.75, 1.25]",
            evidence=f"χ = {first}",
            verdict=judge(first, confirmed=(0.75, 1.25), refuted=[(1.25, np.inf), (-np.inf, 0.75)]),
            note="above 1 prompts help each other",
        ),
        Prediction(
            name="Orthogonality is lost late",
            claim="Phases II and III: interference, χ < .75.",
            criterion="χ at the end of RL (GRPO) lies below .75: confirmed; above .75: refuted",
            evidence=f"χ = {last} at the end of RL; along {results.states} {along}",
            verdict=judge(last, confirmed=(-np.inf, 0.75), refuted=[(0.75, np.inf)]),
        ),
        _three_phases(group, results.by),
    ]


def appearing(results: Results) -> list[Prediction]:
    """Does orthogonality appear as what the prompts share is learnt?"""
    found = []
    for rule in dict.fromkeys(results.probes["rule"]):
        rows = of(results.probes, rule=rule)
        fall = interval(per_seed(rows, lambda r: np.log(r["cross_ratio"][-1] / r["cross_ratio"][0])))
        ends = [
            [interval(per_seed(rows, lambda r, c=column, k=k: r[c][k])) for k in (0, -1)]
            for column in ("cross_ratio", "cosine_mean")
        ]
        (χ, χ_end), (cosine, cosine_end) = ends
        found.append(
            Prediction(
                name=f"Orthogonality appears as training goes on, {rule}",
                claim="Prompts of a pretrained model share a format that is learnt first; what is left is their own.",
                criterion="log of χ at the end of the tuned run over χ at its start: interval below 0 confirms, above "
                "0 refutes",
                evidence=f"{fall}; χ {χ} → {χ_end}, mean cosine {cosine} → {cosine_end}",
                verdict=judge(fall, confirmed=(-np.inf, 0), refuted=[(0, np.inf)]),
            )
        )
    return found


def _three_phases(group: Rows, by: str) -> Prediction:
    """The operational phases along each GRPO run."""
    runs = [group["cross_ratio"][group["seed"] == seed] for seed in np.unique(group["seed"])]
    known = all(np.isfinite(run).all() for run in runs)  # χ does not exist where no prompt is alive
    ends = [phase_boundaries(run) if np.isfinite(run).all() else (None, None) for run in runs]
    second, third = (sum(end[k] is not None for end in ends) for k in range(2))
    states = len(group["seed"]) // len(ends)
    return Prediction(
        name="Training passes through phases I, II and III",
        claim="χ stays below .75 from some point of the run on (II), then below .25 (III).",
        criterion=f"every one of the {by} reaches III: confirmed; none leaves I: refuted",
        evidence=f"{second} of {len(ends)} {by} leave phase I, {third} reach III; χ at {states} states of each GRPO "
        "run",
        verdict=OPEN if not known else CONFIRMED if third == len(ends) else REFUTED if not second else OPEN,
        note="within the updates of the run; a longer one might go further",
    )


def surplus(results: Results) -> list[Prediction]:
    """One step of GRPO against one of REINFORCE, twice as long, from the same states."""
    found = []
    states, probes = results.late["states"], results.probes
    first = states["target"] == states["target"].min()
    places = (
        (f"from the first {results.states} state, a small step", where(states, first)),
        (f"from later {results.states} states, a small step", where(states, ~first)),
        ("along GRPO's run, its tuned step", of(probes, rule="group")),
    )
    for name, part in places:
        gain = {
            order: interval(per_seed(part, lambda r, o=order: np.median(r[f"surplus_{o}"])))
            for order in ("real", "own", "first", "second")
        }
        found.append(
            Prediction(
                name=f"One GRPO step gains more than one REINFORCE step, {name}",
                claim="U > 0 in phases I and II (same state, η_none = 2 η_group).",
                criterion="realised surplus (median over a seed's states) above 0 with its interval confirms, below 0 "
                "refutes",
                evidence=f"realised {gain['real']}; predicted: own terms {gain['own']}, first order {gain['first']}, "
                f"second order {gain['second']}; positive at {np.mean(part['surplus_real'] > 0):.0%} of "
                f"{len(part['seed'])} states",
                verdict=judge(gain["real"], confirmed=(0, np.inf), refuted=[(-np.inf, 0)]),
                note=f"median error of the second-order prediction of GRPO's gain: {_model_error(part):.0%}. GRPO's "
                f"step is {np.median(part['step_norm_group'] / part['step_norm_none']):.2f} times as long: at equal "
                "length no direction gains more to first order than the gradient",
            )
        )
    return found


def _model_error(rows: Rows) -> float:
    """Median relative error of the second-order prediction of GRPO's gain."""
    return float(
        np.median(np.abs(rows["gain_second_group"] - rows["gain_real_group"]) / np.abs(rows["gain_real_group"]))
    )
