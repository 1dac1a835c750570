"""The whole chain: both legs of a validation, part by part, then predictions, figures and the report.

    SFT of every seed → probes of its states → the exponent of |κ| in σ → exact runs → the finite-group cap
    SFT of every seed → sampled runs → the sampled probe                                       → verdicts

Each part's tables are written as soon as they are finished, so the same command goes on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from tqdm import tqdm

from experiments import folder
from experiments.gsm8k import figures
from experiments.gsm8k.arms import Arm, arms
from experiments.gsm8k.config import Validate
from experiments.gsm8k.legs import ExactLeg, LegRun, SampledLeg
from experiments.gsm8k.parallel import each
from experiments.gsm8k.plan import Plan
from experiments.gsm8k.predictions.regions import sides
from experiments.gsm8k.predictions.table import predictions
from experiments.gsm8k.results import Probed, Results
from experiments.gsm8k.scaling import Slope, log_slope
from experiments.gsm8k.starts import Starts
from experiments.gsm8k.summary import summarise
from experiments.gsm8k.tables import Summary, Tried
from experiments.gsm8k.text import report
from experiments.language.probes.cap import CapCheck
from experiments.language.probes.sampled import SampledProber
from experiments.language.problems.answers import Mode
from experiments.language.problems.questions import Questions
from experiments.language.problems.rows import Splits
from experiments.rows import Rows, Tables, join, stack
from experiments.study import Study

FALLBACK_ALPHA = 2.0
"""Where the exponent cannot be measured, the log-linear value for p near 1."""
CAP_PROMPTS = 16
"""Prompts a seed, spread over p, on which the finite-group cap is checked."""


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
        results = compute(plan, config.questions, splits, study)
        study.bar.total = study.bar.n  # grids may have grown
        found = predictions(results, plan)
        study.draw(figures.drawings(results, plan))
        summary = summarise(results, found)
        full = study.publish(summary, lambda full: report(cast(Summary, full), found, results, plan, study.figures))
        return cast(Summary, full)


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


def late_states(plan: Plan, exact: ExactLeg) -> list[Tables]:
    """Probes of every seed's SFT states; those of seeds that RL is not reported on are light."""
    return each(lambda seed: exact.late(seed, effort="full" if seed in plan.seeds else "light"), plan.sft_seeds)


def measured_exponent(tables: Sequence[Rows]) -> Slope:
    """The slope of log|κ| on log σ away from p = ½, among prompts of one state.

    From the seeds on which RL is not reported. A step of length ∝ 1/|κ| ∝ 1/σ^α is what the measured relation suggests
    in place of the theory's 1/σ.
    """
    rows = sides(join(tables))
    return log_slope(rows["std"], rows["curvature_own"], rows["level"])


def tuned(leg: LegRun, rules: Sequence[Arm]) -> tuple[dict[str, float], list[Tried]]:
    """The best step of each rule, by its name, and what was tried."""
    found = {arm.name: leg.tune(arm) for arm in rules}
    return {name: best for name, (best, _) in found.items()}, [row for _, tried in found.values() for row in tried]


def exact_runs(
    plan: Plan, exact: ExactLeg, rules: Sequence[Arm], steps: dict[str, float]
) -> list[tuple[Tables, Tables]]:
    """Every rule on every reported seed: at its tuned step, and for half as long at the small step of all."""
    leg = plan.answer

    def both(job: tuple[Arm, int]) -> tuple[Tables, Tables]:
        arm, seed = job
        long = {"what": "run", "num_steps": leg.num_steps}
        if arm.name in ("none", "group") and leg.num_probes:
            tables = exact.probed_run(seed, arm, steps[arm.name], num_probes=leg.num_probes, **long)
        else:
            tables = exact.run(seed, arm, steps[arm.name], **long)
        few = max(leg.num_steps // 2, 2)
        return tables, exact.run(seed, arm, plan.small_step * arm.scale, what="small", num_steps=few)

    return each(both, [(arm, seed) for arm in rules for seed in plan.seeds])


def cap_rows(plan: Plan, starts: Starts, study: Study) -> Rows:
    """The finite-group cap at the starting states of the reported seeds."""
    leg = plan.answer
    check = CapCheck(starts.model, longest=leg.response_length, group_size=leg.group_size, num_groups=plan.cap_groups)

    def one(seed: int) -> Tables:
        parameters, batch = starts(seed), starts.task(seed).train
        p = starts.measure.exact(parameters, batch)
        chosen = np.argsort(p)[np.linspace(0, len(p) - 1, min(CAP_PROMPTS, len(p))).round().astype(int)]
        return {"cap": check(parameters, batch[chosen], seed=seed) | {"seed": np.full(len(chosen), seed)}}

    found = each(lambda seed: study.tables(f"answer_cap_{seed}", ("cap",), lambda: one(seed)), plan.seeds)
    return join([tables["cap"] for tables in found])


def sampled_runs(plan: Plan, groups: SampledLeg, rules: Sequence[Arm], steps: dict[str, float]) -> list[Tables]:
    """Every rule on every reported seed at its tuned step."""

    def one(job: tuple[Arm, int]) -> Tables:
        arm, seed = job
        return groups.run(seed, arm, steps[arm.name], what="run", num_steps=plan.equations.num_steps)

    return each(one, [(arm, seed) for arm in rules for seed in plan.seeds])


def sampled_probes(plan: Plan, starts: Starts, study: Study) -> Probed:
    """The sampled probe at the starting states of the reported seeds."""
    prober = SampledProber(starts.model, longest=plan.equations.response_length, half=plan.half_samples)

    def one(seed: int) -> Tables:
        prompts, state = prober(starts(seed), starts.task(seed), seed=seed)
        seeds = {"seed": np.full(len(prompts["prompt"]), seed)}
        return {"states": stack([state], seed=seed), "prompts": prompts | seeds}

    names = ("states", "prompts")
    return probed(
        each(lambda seed: study.tables(f"equations_sampled_probe_{seed}", names, lambda: one(seed)), plan.seeds)
    )


def probed(tables: Sequence[Tables]) -> Probed:
    """Joined over seeds."""
    return Probed(states=join([t["states"] for t in tables]), prompts=join([t["prompts"] for t in tables]))


def expected_parts(plan: Plan) -> int:
    """How many parts there will be if no grid has to grow."""
    total = 0
    for leg in (plan.answer, plan.equations):
        rules, seeds = len(leg.rules), plan.num_seeds + leg.num_tuning
        total += seeds + rules * (len(leg.step_sizes) * leg.num_tuning + plan.num_seeds)
    further = 2 * plan.num_sft_seeds - plan.num_seeds  # SFT states, and their starts where RL has none
    return total + further + (len(plan.answer.rules) + 2) * plan.num_seeds
