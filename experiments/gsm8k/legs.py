"""One response mode of a validation: starting states, steps tuned per rule on other seeds, and the reported runs.

    SFT to a stated mean pass rate → (a) on to late states, probed; (b) RL: every rule on a grid of steps on the tuning
    seeds, then every rule at its best step on the reported seeds, from the same states

A rule with exponent α takes the grid's steps times 2^−α, so that at p = ½ all rules agree. Where the best step is an
end of the grid, the grid grows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import jax
import numpy as np

from curvature._advantages import Estimator
from experiments.gsm8k.parallel import each
from experiments.gsm8k.plan import Leg, Plan
from experiments.gsm8k.scaling import Rows, stack
from experiments.language.learning.checkpoint import load_checkpoint, make_model, save_checkpoint, steps_saved
from experiments.language.learning.learners import (
    Groups,
    GroupSettings,
    Likelihood,
    Measure,
    Population,
    Row,
    State,
    start,
)
from experiments.language.learning.objective import make_rule
from experiments.language.learning.optimiser import make_transform
from experiments.language.model.transformer import Parameters, initial_parameters
from experiments.language.probes.exact import Prober
from experiments.language.problems.rows import Splits
from experiments.language.problems.task import Questions, Task, make_task

FIRST_TUNING_SEED = 1000
"""After the first reported seed."""
MAX_EXTENSIONS = 3
Tables = dict[str, Rows]


class Keep(Protocol):
    """What keeps parts: the tables from disk where they are finished, else computed and written."""

    def __call__(self, name: str, tables: tuple[str, ...], compute: Callable[[], Tables], whole: bool = True) -> Tables:
        """`whole` is False where something beside the tables is missing, and they must be made again."""
        ...


@dataclass(frozen=True)
class Arm:
    """A rule as it is compared."""

    rule: str
    alpha: float
    scaled: bool = True
    """Whether the optimiser leaves the gradient its scale; adam does not."""

    @property
    def name(self) -> str:
        """As in tables and file names."""
        return f"power({self.alpha:g})" if self.rule == "power" else self.rule

    @property
    def scale(self) -> float:
        """Its steps over REINFORCE's, so that both agree where σ = ½."""
        return 2.0**-self.alpha if self.scaled else 1.0


def arm(rule: str, alpha: float, plan: Plan) -> Arm:
    """An arm; `alpha` is the exponent of "power"."""
    return Arm(rule, float(make_rule(rule, alpha).alpha), plan.optimiser != "adam")


class LegRun:
    """Everything that the parts of one leg share; programs are compiled once."""

    def __init__(
        self,
        mode: Literal["answer", "equations", "text"],
        plan: Plan,
        leg: Leg,
        base: Questions,
        splits: Splits,
        *,
        keep: Keep,
        folder: Path,
    ):
        self.mode, self.plan, self.leg, self.splits, self.keep, self.folder = mode, plan, leg, splits, keep, folder
        self.questions = leg.questions(mode, base)
        first = make_task(self.questions, splits, seed=plan.first_seed)
        self.vocabulary, self.notes = first.vocabulary, first.notes
        self.tasks = {plan.first_seed: first}
        self.model = make_model(plan.sizes.architecture(self.vocabulary.size), self.vocabulary)
        self.likelihood = Likelihood(self.model, make_transform("adamw"))
        self.measure = Measure(self.model, leg.response_length, num_samples=leg.num_samples)
        self.final = Measure(self.model, leg.response_length, num_samples=2 * leg.num_samples)
        self.transform = make_transform(plan.optimiser)
        self.population = Population(self.model, self.transform)
        settings = GroupSettings(leg.prompts_per_step, leg.group_size)
        self.groups = Groups(self.model, self.transform, settings, longest=leg.response_length)
        self.full = Prober(self.model, plan.full, longest=leg.response_length)
        self.light = Prober(self.model, plan.light, longest=leg.response_length)

    @property
    def seeds(self) -> range:
        """Reported."""
        return range(self.plan.first_seed, self.plan.first_seed + self.plan.num_seeds)

    @property
    def sft_seeds(self) -> range:
        """Those, and the further ones whose SFT states are probed."""
        return range(self.plan.first_seed, self.plan.first_seed + self.plan.num_sft_seeds)

    @property
    def tuning_seeds(self) -> range:
        """Never reported."""
        first = self.plan.first_seed + FIRST_TUNING_SEED
        return range(first, first + self.leg.num_tuning)

    def task(self, seed: int) -> Task:
        """The seed's prompts: another choice for every seed."""
        if seed not in self.tasks:
            self.tasks[seed] = make_task(self.questions, self.splits, seed=seed, vocabulary=self.vocabulary)
        return self.tasks[seed]

    # --- starting states ---------------------------------------------------------------------------------------

    def start(self, seed: int) -> Parameters:
        """Parameters after SFT to the target, from a checkpoint where there is one."""
        folder = self.folder / f"{self.mode}_{seed}"

        def compute() -> Tables:
            parameters = initial_parameters(self.model.architecture, key=jax.random.key(seed))
            rows = []
            state = start(parameters, make_transform("adamw"))
            for reached, row in self._fit(state, seed, self.leg.target):
                state = reached
                rows.append(row)
            save_checkpoint(
                folder,
                state.step,
                self.model,
                state.parameters,
                self.vocabulary,
                state.optimiser,
                {
                    "mode": self.mode,
                    "seed": seed,
                    "task": self.task(seed).digest,
                    "questions": {**vars(self.questions), "data": self.questions.data and str(self.questions.data)},
                },
            )
            return {"sft": stack(rows, seed=seed)}

        self.keep(f"{self.mode}_start_{seed}", ("sft",), compute, bool(steps_saved(folder)))
        return load_checkpoint(folder).parameters

    def _fit(self, state: State, seed: int, target: float) -> Iterator[tuple[State, Row]]:
        """SFT until the training prompts' mean pass rate reaches the target; yields at every look at it."""
        task, every = self.task(seed), 5 if self.mode == "answer" else 10
        while True:
            p = self.measure(state.parameters, task, seed=seed)
            row = {"step": float(state.step), "pass_rate": float(p.mean()), "inside": float(((p > 0) & (p < 1)).mean())}
            yield state, row
            if row["pass_rate"] >= target:
                return
            if state.step >= self.plan.max_sft_steps:
                raise ValueError(
                    f"target is {target}; allowed: what {self.plan.max_sft_steps} steps of SFT reach, here "
                    f"{row['pass_rate']:.3f} (--preset with a larger model, or fewer prompts)"
                )
            for _ in range(every):
                state, _ = self.likelihood.step(
                    state, task.train, self.plan.sft_step, batch_size=self.plan.sft_batch, seed=seed
                )

    def late(self, seed: int, *, effort: Literal["full", "light"]) -> Tables:
        """Probes of the starting state and of later SFT states: tables "states" and "prompts"."""

        def compute() -> Tables:
            prober = self.full if effort == "full" else self.light
            task = self.task(seed)
            state = start(self.start(seed), make_transform("adamw"))
            states, prompts = [], []
            for target in (0.0, *self.plan.late):
                for reached, _ in self._fit(state, seed, target):
                    state = reached
                found = prober(state.parameters, task.train, step_size=self.plan.probe_step)
                test = float(self.measure(state.parameters, task, test=True).mean())
                states.append({"target": target, "test_pass_rate": test, **found.state})
                prompts.append(found.prompts | {"target": np.full(len(task.train), target)})
            return {
                "states": stack(states, seed=seed),
                "prompts": {k: np.concatenate([p[k] for p in prompts]) for k in prompts[0]}
                | {"seed": np.full(len(states) * len(task.train), seed)},
            }

        return self.keep(f"{self.mode}_late_{seed}", ("states", "prompts"), compute)

    # --- runs --------------------------------------------------------------------------------------------------

    def run(self, seed: int, a: Arm, step_size: float, *, what: str, num_steps: int, num_probes: int = 0) -> Tables:
        """One run: table "steps", and "probes" with `num_probes` states where that is positive."""
        exact = self.mode == "answer"
        tables = ("steps", "probes") if num_probes else ("steps",)

        def compute() -> Tables:
            task, state = self.task(seed), start(self.start(seed), self.transform)
            looks = set(np.linspace(0, num_steps, num_probes).round().astype(int).tolist()) if num_probes else set()
            rows, probes = [], []
            rule = make_rule(a.rule, a.alpha)
            estimator = Estimator(scale=a.rule, alpha=a.alpha)  # pyright: ignore[reportArgumentType]
            for t in range(num_steps + 1):
                if t in looks:
                    # GRPO's step, as it agrees with this arm's at p = ½; steps of other optimisers are no such steps
                    η = 0.5 * step_size / a.scale if self.plan.optimiser == "sgd" else self.plan.probe_step
                    probes.append({"step": float(t), **self.light(state.parameters, task.train, step_size=η).state})
                if t == num_steps:
                    break
                if exact:
                    state, row = self.population.step(state, task.train, step_size, rule)
                else:
                    state, row = self.groups.step(state, task, step_size, estimator, seed=seed)
                rows.append({"step": float(t), **row})
            ends = {
                "final_train": float(self.final(state.parameters, task, seed=seed).mean()),
                "final_test": float(self.final(state.parameters, task, test=True, seed=seed).mean()),
            }
            found = stack(rows, seed=seed, **ends)
            names = {"rule": np.array([a.name] * len(rows)), "step_size": np.full(len(rows), step_size)}
            result = {"steps": found | names}
            if num_probes:
                result["probes"] = stack(probes, seed=seed) | {"rule": np.array([a.name] * len(probes))}
            return result

        label = f"{self.mode}_{what}_{a.name}_{step_size:.6g}_{seed}".replace("(", "").replace(")", "")
        return self.keep(label, tables, compute)

    def score(self, steps: Rows) -> float:
        """What is compared: mean p over the whole run (exact), which a late collapse lowers and one lucky end does not
        raise, or the final training pass rate (sampled); −1 where a run was lost.
        """
        value = float(steps["final_train"][0] if self.mode != "answer" else np.mean(steps["pass_rate"]))
        return value if np.isfinite(value) else -1.0

    def tune(self, a: Arm) -> tuple[float, list[dict[str, float | str]]]:
        """The best step of a rule over the tuning seeds, and what was tried."""
        leg, tried = self.leg, {}

        def attempt(sizes: Sequence[float]) -> None:
            jobs = [(size, seed) for size in sizes for seed in self.tuning_seeds]
            scores = each(
                lambda job: self.score(
                    self.run(job[1], a, job[0] * a.scale, what="tune", num_steps=leg.num_steps)["steps"]
                ),
                jobs,
            )
            for size in sizes:
                tried[size] = float(np.mean([score for job, score in zip(jobs, scores, strict=True) if job[0] == size]))

        attempt(leg.step_sizes)
        ratio = leg.step_sizes[1] / leg.step_sizes[0] if len(leg.step_sizes) > 1 else 2.0
        for _ in range(MAX_EXTENSIONS):
            best = max(tried, key=lambda size: tried[size])
            if best not in (min(tried), max(tried)):
                break
            beyond = best * ratio if best == max(tried) else best / ratio
            attempt([beyond])
        best = max(tried, key=lambda size: tried[size])
        table = [
            {
                "mode": self.mode,
                "rule": a.name,
                "step_size": size * a.scale,
                "score": score,
                "best": float(size == best),
            }
            for size, score in sorted(tried.items())
        ]
        return best * a.scale, table
