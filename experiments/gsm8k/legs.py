"""The two legs of a validation: runs of every rule from the same starts, kept as parts.

    exact     population steps, pass rates without sampling, probes of states and along runs (`answer`, `step`)
    sampled   groups of responses, as trainers have them (`equations`; `step` of a pretrained model)

A leg tunes a rule's step on seeds of its own (`tuning.py`) and runs it on the reported ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import Literal

import numpy as np

from curvature import Estimator
from experiments.gsm8k.arms import Arm
from experiments.gsm8k.plan import Leg, Plan
from experiments.gsm8k.sets import Sets
from experiments.gsm8k.starts import Starts
from experiments.gsm8k.tuning import Tried, tune
from experiments.language.learning import lost
from experiments.language.learning.learners import Groups, GroupSettings, Population
from experiments.language.learning.loop import learn
from experiments.language.learning.optimiser import make_transform
from experiments.language.learning.pass_rates import Measure
from experiments.language.learning.state import Row, State, Step, start
from experiments.language.learning.weights import population_weight
from experiments.language.probes.exact import Prober
from experiments.rows import Rows, Tables, join, stack


class LegRun(ABC):
    """What both legs do; programs are compiled once.

    Arguments:
        plan, leg: sizes.
        starts: where every run begins.
        name: of the leg, in the names of parts and in tables. Default: the mode.
    """

    def __init__(self, plan: Plan, leg: Leg, starts: Starts | Sets, *, name: str = ""):
        self.plan, self.leg, self.starts, self.name = plan, leg, starts, name or starts.mode
        self.transform = make_transform(plan.optimiser)
        self.final = Measure(starts.model, leg.response_length, num_samples=2 * leg.num_samples)

    @abstractmethod
    def step(self, seed: int, arm: Arm, step_size: float) -> Step:
        """One step of a run."""

    @abstractmethod
    def score(self, steps: Rows) -> float:
        """What the table "steps" of a run is compared by in tuning; `lost.WORST` where the run was lost."""

    def tune(self, arm: Arm) -> tuple[float, list[Tried]]:
        """The rule's best step on the tuning seeds, and what was tried."""

        def score(step_size: float, seed: int) -> float:
            return self.score(self.run(seed, arm, step_size, what="tune", num_steps=self.leg.num_steps)["steps"])

        seeds = self.plan.tuning_seeds(self.leg)
        return tune(score, arm, self.name, step_sizes=self.leg.step_sizes, seeds=seeds)

    def run(
        self,
        seed: int,
        arm: Arm,
        step_size: float,
        *,
        what: str,
        num_steps: int,
        looks: Collection[int] = (),
        look: Callable[[State], Row] | None = None,
    ) -> Tables:
        """One run from the seed's start: table "steps", and "probes" where it is looked at.

        Arguments:
            what: the kind of run, for the name of its part.
            looks: numbers of the steps before which `look` is called, `num_steps` for the end.
        """

        def compute() -> Tables:
            state, rows, probes = start(self.starts(seed), self.transform), [], []
            ends = self.ends("start", state, seed)
            step = self.step(seed, arm, step_size)
            for now, new in learn(state, step, num_steps=num_steps, pause=lambda number: number in looks):
                state = now
                rows += new
                if look and state.step in looks:
                    probes.append({"step": float(state.step), **look(state)})
            ends = ends | self.ends("final", state, seed)
            names = {"rule": np.array([arm.name] * len(rows)), "step_size": np.full(len(rows), step_size)}
            result = {"steps": stack(rows, seed=seed, **ends) | names}
            if look:
                result["probes"] = stack(probes, seed=seed) | {"rule": np.array([arm.name] * len(probes))}
            return result

        label = f"{self.name}_{what}_{arm.name}_{step_size:.6g}_{seed}".replace("(", "").replace(")", "")
        return self.starts.keep(label, ("steps", "probes") if look else ("steps",), compute)

    def ends(self, when: str, state: State, seed: int) -> Row:
        """Mean pass rates of training and test prompts at the end of a run."""
        if when == "start":
            return {}
        task = self.starts.task(seed)
        return {
            f"final_{name}": float(self.final(state.parameters, task, test=name == "test", seed=seed).mean())
            for name in ("train", "test")
        }

    def exact_ends(self, state: State, seed: int, *, prefix: str = "") -> Row:
        """Exact mean pass rates of training and test prompts, and with figures alone: whatever follows them."""
        task, row = self.starts.task(seed), {}
        for name, batch in (("train", task.train), ("test", task.test)):
            row[f"{prefix}{name}"] = float(self.final.exact(state.parameters, batch).mean())
            row[f"{prefix}{name}_figures"] = float(self.final.without_end(state.parameters, batch).mean())
        return row


class ExactLeg(LegRun):
    """Population steps in the exact modes."""

    def __init__(self, plan: Plan, leg: Leg, starts: Starts | Sets, *, name: str = ""):
        super().__init__(plan, leg, starts, name=name)
        self.population = Population(starts.model, self.transform)
        self.full = Prober(starts.model, plan.full, longest=leg.response_length)
        self.light = Prober(starts.model, plan.light, longest=leg.response_length)
        self._at_start: dict[int, Row] = {}

    def step(self, seed: int, arm: Arm, step_size: float) -> Step:
        """The rule's population direction on all of the seed's prompts."""
        batch, weight = self.starts.task(seed).train, population_weight(arm.rule)
        return lambda state: self.population.step(state, batch, step_size, weight)

    def score(self, steps: Rows) -> float:
        """Mean p over the whole run, which a late collapse lowers and one lucky end does not raise."""
        return lost.score(float(np.mean(steps["pass_rate"])))

    def ends(self, when: str, state: State, seed: int) -> Row:
        """Mean pass rates of training and test prompts at the start and the end of a run, and with figures alone.

        All runs of a seed begin alike: their start is measured once.
        """
        if when == "start":
            if seed not in self._at_start:
                self._at_start[seed] = self.exact_ends(state, seed, prefix="start_")
            return self._at_start[seed]
        return self.exact_ends(state, seed, prefix="final_")

    def probed_run(
        self, seed: int, arm: Arm, step_size: float, *, what: str, num_steps: int, num_probes: int
    ) -> Tables:
        """A run with `num_probes` states probed, first and last included, spread evenly."""
        looks = np.linspace(0, num_steps, num_probes).round().astype(int).tolist()
        task = self.starts.task(seed)
        # GRPO's step, as it agrees with this arm's at p = ½; steps of other optimisers are no such steps
        η = 0.5 * step_size / arm.scale if self.plan.optimiser == "sgd" else self.plan.probe_step

        def look(state: State) -> Row:
            test = float(self.final.exact(state.parameters, task.test).mean())
            return {"test_pass_rate": test, **self.light(state.parameters, task.train, step_size=η).state}

        return self.run(seed, arm, step_size, what=what, num_steps=num_steps, looks=looks, look=look)

    def late(self, seed: int, *, effort: Literal["full", "light"]) -> Tables:
        """Probes of the starting state and of later SFT states: tables "states" and "prompts"."""

        def compute() -> Tables:
            prober = self.full if effort == "full" else self.light
            task, state = self.starts.task(seed), self.starts.fresh(seed)
            states, prompts = [], []
            for target in (0.0, *self.plan.late):
                before = state.step
                for reached, _ in self.starts.fit(state, seed, target):
                    state = reached
                if states and state.step == before:  # the same state is not counted twice
                    continue
                found = prober(state.parameters, task.train, step_size=self.plan.probe_step)
                test = float(self.starts.measure(state.parameters, task, test=True).mean())
                states.append({"target": target, "test_pass_rate": test, **found.state})
                prompts.append(found.prompts | {"target": np.full(len(task.train), target)})
            return {
                "states": stack(states, seed=seed),
                "prompts": join(prompts) | {"seed": np.full(len(states) * len(task.train), seed)},
            }

        return self.starts.keep(f"{self.starts.mode}_late_{seed}", ("states", "prompts"), compute)


class SampledLeg(LegRun):
    """Groups of responses, as trainers draw them."""

    def __init__(self, plan: Plan, leg: Leg, starts: Starts | Sets, *, name: str = ""):
        super().__init__(plan, leg, starts, name=name)
        settings = GroupSettings(prompts_per_step=leg.prompts_per_step, group_size=leg.group_size)
        self.groups = Groups(starts.model, self.transform, settings, longest=leg.response_length)

    def step(self, seed: int, arm: Arm, step_size: float) -> Step:
        """One update on groups, advantages by the rule."""
        task, estimator = self.starts.task(seed), Estimator(scale=arm.name)
        return lambda state: self.groups.step(state, task, step_size, estimator, seed=seed)

    def score(self, steps: Rows) -> float:
        """The final training pass rate: along the run there are only samples of few prompts."""
        return lost.score(float(steps["final_train"][0]))

    def looked_run(self, seed: int, arm: Arm, step_size: float, *, what: str, num_steps: int, num_looks: int) -> Tables:
        """A run with `num_looks` exact looks at its pass rates, first and last included, spread evenly."""
        looks = np.linspace(0, num_steps, num_looks).round().astype(int).tolist()
        return self.run(
            seed, arm, step_size, what=what, num_steps=num_steps, looks=looks,
            look=lambda state: self.exact_ends(state, seed),
        )  # fmt: skip
