"""The whole chain: both legs of a validation, part by part, then predictions, figures and the report.

    SFT of every seed → probes of its states → the exponent of |κ| in σ → exact runs → the finite-group cap
    SFT of every seed → sampled runs → the sampled probe                                       → verdicts

Each part's tables are written as soon as they are finished, so the same command goes on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from tqdm import tqdm

from experiments import folder
from experiments.gsm8k import figures, pretrained, text, text_sets
from experiments.gsm8k.arms import arms
from experiments.gsm8k.config import Validate
from experiments.gsm8k.legs import ExactLeg, SampledLeg
from experiments.gsm8k.plan import Plan
from experiments.gsm8k.predictions.table import predictions
from experiments.gsm8k.predictions.verdict import Prediction
from experiments.gsm8k.results import Results
from experiments.gsm8k.runs import (
    cap_rows,
    exact_runs,
    late_states,
    measured_exponent,
    probed,
    sampled_probes,
    sampled_runs,
    tuned,
)
from experiments.gsm8k.set_plan import SetPlan
from experiments.gsm8k.starts import Starts
from experiments.gsm8k.summary import summarise
from experiments.gsm8k.tables import Summary
from experiments.language.problems.answers import Mode
from experiments.language.problems.questions import Questions
from experiments.language.problems.rows import Splits
from experiments.rows import join
from experiments.study import Study

FALLBACK_ALPHA = 2.0
"""Where the exponent cannot be measured, the log-linear value for p near 1."""


def validate(config: Validate, splits: Splits, study: Study) -> Summary:
    """Compute what is not finished, judge the predictions, draw, and report; returns the content of summary.json.

    Raises:
        OSError: writing failed; finished parts are kept.
        ValueError: a folder that this run may not write to, or data that do not suffice for the preset.
        FloatingPointError: SFT lost a run.
    """
    plan = config.plan()
    study.num_parts = expected_parts(plan)
    with study:
        if isinstance(plan, SetPlan) and config.model is not None:
            results = pretrained.compute(plan, config.questions, splits, study, config.model)
        else:
            results = compute(plan, config.questions, splits, study)
        study.bar.total = study.bar.n  # grids may have grown
        found = predictions(results, plan)
        study.draw(figures.drawings(results))
        summary = summarise(results, found)
        full = study.publish(summary, lambda full: page(cast(Summary, full), found, results, plan, study.figures))
        return cast(Summary, full)


def page(summary: Summary, found: Sequence[Prediction], results: Results, plan: Plan, place: Path) -> bytes:
    """The report on a model made here, or on a pretrained one."""
    if isinstance(plan, SetPlan):
        return text_sets.report(summary, found, results, plan, place)
    return text.report(summary, found, results, plan, place)


def compute(plan: Plan, base: Questions, splits: Splits, study: Study) -> Results:
    """Every part, in order."""
    checkpoints = study.out / "starts" / study.source.run_id
    folder.sweep(checkpoints)

    def starts(mode: Mode) -> Starts:
        leg = plan.answer if mode == "answer" else plan.equations
        found = Starts(mode, plan, leg, base, splits, keep=study.tables, folder=checkpoints)
        for note in found.notes:
            tqdm.write(f"  {mode}: {note}")
        return found

    exact = ExactLeg(plan, plan.answer, starts("answer"))
    late = late_states(plan, exact)
    exponent = measured_exponent([tables["prompts"] for tables in late[plan.num_seeds :] or late])
    alpha = float(np.clip(round(exponent.slope, 1), 0.0, 4.0)) if np.isfinite(exponent.slope) else FALLBACK_ALPHA
    tqdm.write(
        f"  measured exponent away from p = ½: {exponent.slope:.2f} ± {exponent.error:.2f}, so the rule "
        f"power({alpha:g}) is run"
    )
    rules = arms(plan.answer.rules, alpha, plan)
    steps, tuning = tuned(exact, rules)
    runs = exact_runs(plan, exact, rules, steps)
    cap = cap_rows(plan, exact.starts, study)

    groups = SampledLeg(plan, plan.equations, starts("equations"))
    rules = arms(plan.equations.rules, alpha, plan)
    steps, more = tuned(groups, rules)
    return Results(
        late=probed(late),
        alpha=alpha,
        exponent=exponent,
        tuning=[*tuning, *more],
        answer=join([tables["steps"] for tables, _ in runs]),
        probes=join([tables["probes"] for tables, _ in runs if "probes" in tables]),
        small=join([tables["steps"] for _, tables in runs]),
        cap=cap,
        equations=join([tables["steps"] for tables in sampled_runs(plan, groups, rules, steps)]),
        sampled=sampled_probes(plan, groups.starts, study),
        notes={"answer": exact.starts.notes, "equations": groups.starts.notes},
        num_parameters=exact.starts.num_parameters,
    )


def expected_parts(plan: Plan) -> int:
    """How many parts there will be if no grid has to grow."""
    if isinstance(plan, SetPlan):
        return expected_of_sets(plan)
    total = 0
    for leg in (plan.answer, plan.equations):
        total += plan.num_seeds + leg.num_tuning + leg.num_runs(plan.num_seeds)
    further = 2 * plan.num_sft_seeds - plan.num_seeds  # SFT states, and their starts where RL has none
    return total + further + (len(plan.answer.rules) + 2) * plan.num_seeds


def expected_of_sets(plan: SetPlan) -> int:
    """The same of a pretrained model's study."""
    leg, sets = plan.answer, plan.num_seeds
    total = leg.num_runs(sets) + len(leg.rules) * sets + sets
    total += replace(leg, rules=plan.adam).num_runs(sets)
    total += plan.equations.num_runs(sets) + sets if plan.sampled else 0
    return total + (sets if plan.cap_groups else 0)
