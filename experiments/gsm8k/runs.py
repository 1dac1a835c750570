"""The parts of a validation, each over all seeds or sets: tuned steps, runs, probes, the finite-group cap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from experiments.gsm8k.arms import Arm
from experiments.gsm8k.legs import ExactLeg, LegRun, SampledLeg
from experiments.gsm8k.plan import Plan
from experiments.gsm8k.predictions.regions import sides
from experiments.gsm8k.results import Probed
from experiments.gsm8k.scaling import Slope, log_slope
from experiments.gsm8k.sets import Sets
from experiments.gsm8k.starts import Starts
from experiments.gsm8k.tables import Tried
from experiments.language.probes.cap import CapCheck
from experiments.language.probes.sampled import SampledProber
from experiments.parallel import each
from experiments.rows import Rows, Tables, join, stack
from experiments.study import Study

CAP_PROMPTS = 16
"""Prompts a seed, spread over p, on which the finite-group cap is checked."""


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


def cap_rows(plan: Plan, starts: Starts | Sets, study: Study) -> Rows:
    """The finite-group cap at the starting states of the reported seeds."""
    leg = plan.answer
    check = CapCheck(starts.model, longest=leg.response_length, group_size=leg.group_size, num_groups=plan.cap_groups)

    def one(seed: int) -> Tables:
        parameters, batch = starts(seed), starts.task(seed).train
        p = starts.measure.exact(parameters, batch)
        chosen = np.argsort(p)[np.linspace(0, len(p) - 1, min(CAP_PROMPTS, len(p))).round().astype(int)]
        return {"cap": check(parameters, batch[chosen], seed=seed) | {"seed": np.full(len(chosen), seed)}}

    found = each(lambda seed: study.tables(f"{starts.mode}_cap_{seed}", ("cap",), lambda: one(seed)), plan.seeds)
    return join([tables["cap"] for tables in found])


def sampled_runs(plan: Plan, groups: SampledLeg, rules: Sequence[Arm], steps: dict[str, float]) -> list[Tables]:
    """Every rule on every reported seed at its tuned step."""

    def one(job: tuple[Arm, int]) -> Tables:
        arm, seed = job
        return groups.run(seed, arm, steps[arm.name], what="run", num_steps=plan.equations.num_steps)

    return each(one, [(arm, seed) for arm in rules for seed in plan.seeds])


def sampled_probes(plan: Plan, starts: Starts | Sets, study: Study) -> Probed:
    """The sampled probe at the starting states of the reported seeds."""
    prober = SampledProber(starts.model, longest=plan.equations.response_length, half=plan.half_samples)

    def one(seed: int) -> Tables:
        prompts, state = prober(starts(seed), starts.task(seed), seed=seed)
        seeds = {"seed": np.full(len(prompts["prompt"]), seed)}
        return {"states": stack([state], seed=seed), "prompts": prompts | seeds}

    names = ("states", "prompts")
    return probed(
        each(lambda seed: study.tables(f"{starts.mode}_sampled_probe_{seed}", names, lambda: one(seed)), plan.seeds)
    )


def probed(tables: Sequence[Tables]) -> Probed:
    """Joined over seeds."""
    return Probed(states=join([t["states"] for t in tables]), prompts=join([t["prompts"] for t in tables]))
