"""The study of a pretrained model: every rule on disjoint sets of questions, all in mode `step`.

tuned steps on sets that are not reported → runs of every rule on the reported ones, at equal and at tuned steps
→ probes along them and of later states → the cap, sampled groups and Adam where the preset has them
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from experiments.gsm8k.arms import arms
from experiments.gsm8k.legs import ExactLeg, SampledLeg
from experiments.gsm8k.plan import with_optimiser
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
from experiments.gsm8k.sets import MODE, Sets
from experiments.gsm8k.tables import Tried
from experiments.language.learning.checkpoint import load_checkpoint
from experiments.language.problems.questions import Questions
from experiments.language.problems.rows import Splits
from experiments.parallel import each
from experiments.rows import Rows, join
from experiments.study import Study

ALPHA = 2.0
"""Of "power", where a preset names it without an exponent."""


def compute(plan: SetPlan, base: Questions, splits: Splits, study: Study, folder: Path) -> Results:
    """Every part, in order.

    Raises:
        ValueError: a folder that holds no model that we read, or too few questions for the preset's sets.
        FloatingPointError: a run on the way to later states is lost.
    """
    sets = Sets(plan, plan.answer, base, splits, load_checkpoint(folder, mode=MODE), keep=study.tables)
    for note in sets.notes:
        tqdm.write(f"  {note}")
    exact = ExactLeg(plan, plan.answer, sets)
    rules = arms(plan.answer.rules, ALPHA, plan)
    steps, tuning = tuned(exact, rules)
    runs = exact_runs(plan, exact, rules, steps)
    late = late_states(plan, exact)
    adam, equations, sampled = None, None, None
    if plan.adam:
        adam, more = _adam(plan, sets)
        tuning += more
    if plan.sampled:
        groups = SampledLeg(plan, plan.equations, sets, name=f"{MODE}_sampled")
        few = arms(plan.equations.rules, ALPHA, plan)
        found, more = tuned(groups, few)
        tuning += more
        equations = join([tables["steps"] for tables in sampled_runs(plan, groups, few, found)])
        sampled = sampled_probes(plan, sets, study)
    return Results(
        late=probed(late),
        alpha=ALPHA,
        exponent=measured_exponent([tables["prompts"] for tables in late]),
        tuning=tuning,
        answer=join([tables["steps"] for tables, _ in runs]),
        probes=join([tables["probes"] for tables, _ in runs if "probes" in tables]),
        small=join([tables["steps"] for _, tables in runs]),
        cap=cap_rows(plan, sets, study) if plan.cap_groups else None,
        equations=equations,
        sampled=sampled,
        adam=adam,
        notes={MODE: sets.notes},
        num_parameters=sets.num_parameters,
        legs=(MODE, f"{MODE}_sampled"),
        by="sets",
        states="RL",
    )


def _adam(plan: SetPlan, sets: Sets) -> tuple[Rows, list[Tried]]:
    """Exact runs of the preset's rules for Adam, at steps tuned for it."""
    other = with_optimiser(plan, "adam")
    leg = ExactLeg(other, replace(other.answer, rules=plan.adam, num_probes=0), sets, name=f"{MODE}_adam")
    rules = arms(plan.adam, ALPHA, other)
    steps, tried = tuned(leg, rules)
    jobs = [(arm, seed) for arm in rules for seed in plan.seeds]
    tables = each(
        lambda job: leg.run(job[1], job[0], steps[job[0].name], what="run", num_steps=other.answer.num_steps), jobs
    )
    return join([found["steps"] for found in tables]), tried
