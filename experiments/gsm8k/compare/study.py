"""The whole comparison: tuned rates → reported runs with looks → summary, figures, report. Every run is a part."""

from __future__ import annotations

from typing import cast

from tqdm import tqdm

from experiments.gsm8k.arms import Arm, arms
from experiments.gsm8k.compare import figures
from experiments.gsm8k.compare.config import Compare
from experiments.gsm8k.compare.page import report
from experiments.gsm8k.compare.summary import LEG, summarise
from experiments.gsm8k.compare.tables import Summary
from experiments.gsm8k.legs import SampledLeg
from experiments.gsm8k.pretrained import ALPHA
from experiments.gsm8k.runs import tuned
from experiments.gsm8k.set_plan import SetPlan
from experiments.gsm8k.sets import MODE, Sets
from experiments.language.learning.checkpoint import load_checkpoint
from experiments.language.problems.rows import Splits
from experiments.parallel import each
from experiments.rows import Rows, join
from experiments.study import Study


def compare(config: Compare, splits: Splits, study: Study) -> Summary:
    """Compute what is not finished, summarise, draw, and report; returns the content of summary.json.

    Raises:
        OSError: writing failed; finished parts are kept.
        ValueError: a folder that holds no model that we read, or too few questions for all sets.
    """
    plan = config.plan()
    study.num_parts = plan.equations.num_runs(plan.num_seeds)
    with study:
        sets = Sets(plan, plan.equations, config.questions, splits, load_checkpoint(config.model, mode=MODE),
                    keep=study.tables)  # fmt: skip
        for note in sets.notes:
            tqdm.write(f"  {note}")
        leg, rules = SampledLeg(plan, plan.equations, sets, name=LEG), arms(config.rules, ALPHA, plan)
        step_sizes, tuning = tuned(leg, rules)
        looks = reported(plan, leg, rules, step_sizes)
        study.bar.total = study.bar.n  # grids may have grown
        study.draw(figures.drawings(looks, step_sizes, tuning))
        found = summarise(looks, step_sizes, tuning, sets.notes, sets.num_parameters)
        return cast(Summary, study.publish(found, lambda full: report(cast(Summary, full), study.figures)))


def reported(plan: SetPlan, leg: SampledLeg, rules: list[Arm], step_sizes: dict[str, float]) -> Rows:
    """The looks along every rule's run on every reported set, at its tuned rate."""
    sizes = plan.equations

    def one(job: tuple[Arm, int]) -> Rows:
        arm, seed = job
        return leg.looked_run(
            seed, arm, step_sizes[arm.name], what="run", num_steps=sizes.num_steps, num_looks=sizes.num_probes
        )["probes"]

    return join(each(one, [(arm, seed) for seed in plan.seeds for arm in rules]))
