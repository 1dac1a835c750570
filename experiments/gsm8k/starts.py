"""The states that a validation begins from: SFT of each seed's own prompts to a stated mean pass rate, and beyond.

Both legs have such starts. A seed decides which prompts are trained on and the initial parameters; all seeds of a leg
share a vocabulary, so that programs are compiled once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import jax

from experiments.gsm8k.plan import Leg, Plan
from experiments.language.learning.checkpoint import load_checkpoint, save_checkpoint, steps_saved
from experiments.language.learning.learners import Likelihood
from experiments.language.learning.loop import every, learn, refusing
from experiments.language.learning.lost import refuse_lost
from experiments.language.learning.optimiser import make_transform
from experiments.language.learning.pass_rates import Measure
from experiments.language.learning.state import Row, State, start
from experiments.language.model.architecture import Parameters, initial_parameters, num_parameters
from experiments.language.model.model import make_model
from experiments.language.problems.answers import Mode
from experiments.language.problems.questions import Questions
from experiments.language.problems.rows import Splits
from experiments.language.problems.task import Task, make_task
from experiments.rows import Tables, stack
from experiments.strict_json import plain

PAUSE = {"answer": 5, "step": 5, "equations": 10, "text": 10}
"""SFT steps between looks at the pass rate."""
ADVICE = "try another --seed, or a smaller model (--preset)"


@runtime_checkable
class Keep(Protocol):
    """What keeps parts, as `Study.tables`: from disk where they are finished, else computed and written."""

    def __call__(
        self, name: str, names: tuple[str, ...], compute: Callable[[], Tables], *, whole: bool = True
    ) -> Tables:
        """`whole` is False where something beside the tables is missing, and they must be made again."""
        ...


class Starts:
    """Tasks and starting parameters by seed; the model that all of them share.

    Arguments:
        mode: of the responses.
        plan, leg: sizes.
        base: where the problems come from.
        splits: the problems.
        keep: keeps the tables of each start.
        folder: for checkpoints, one folder a seed.
    """

    def __init__(self, mode: Mode, plan: Plan, leg: Leg, base: Questions, splits: Splits, *, keep: Keep, folder: Path):
        self.mode: Mode = mode
        self.plan, self.leg, self.splits, self.keep, self.folder = plan, leg, splits, keep, folder
        self.questions = leg.questions(mode, base)
        first = make_task(self.questions, splits, seed=plan.first_seed)
        self.vocabulary, self.notes = first.vocabulary, first.notes
        self.tasks = {plan.first_seed: first}
        self.model = make_model(plan.sizes.architecture(self.vocabulary.size), self.vocabulary)
        self.transform = make_transform("adamw")
        self.likelihood = Likelihood(self.model, self.transform)
        self.measure = Measure(self.model, leg.response_length, num_samples=leg.num_samples)

    @property
    def num_parameters(self) -> int:
        """Of the model."""
        return num_parameters(self(self.plan.first_seed))

    def task(self, seed: int) -> Task:
        """The seed's prompts: another choice for every seed."""
        if seed not in self.tasks:
            self.tasks[seed] = make_task(self.questions, self.splits, seed=seed, vocabulary=self.vocabulary)
        return self.tasks[seed]

    def __call__(self, seed: int) -> Parameters:
        """Parameters after SFT to the leg's target, from a checkpoint where there is one.

        Raises:
            ValueError: SFT does not reach it.
            FloatingPointError: SFT loses the parameters.
        """
        folder = self.folder / f"{self.mode}_{seed}"

        def compute() -> Tables:
            state = start(initial_parameters(self.model.architecture, key=jax.random.key(seed)), self.transform)
            rows = []
            for reached, row in self.fit(state, seed, self.leg.target):
                state = reached
                rows.append(row)
            about = {
                "mode": self.mode,
                "seed": seed,
                "task": self.task(seed).digest,
                "questions": plain(vars(self.questions)),
            }
            save_checkpoint(folder, state, self.model, self.vocabulary, about)
            return {"sft": stack(rows, seed=seed)}

        self.keep(f"{self.mode}_start_{seed}", ("sft",), compute, whole=bool(steps_saved(folder)))
        return load_checkpoint(folder).parameters

    def fresh(self, seed: int) -> State:
        """The start as a state from which SFT goes on, with a fresh optimiser."""
        return start(self(seed), self.transform)

    def fit(self, state: State, seed: int, target: float) -> Iterator[tuple[State, Row]]:
        """SFT until the training prompts' mean pass rate reaches the target.

        Yields:
            State and row at every look at it; the last one has reached the target.

        Raises:
            ValueError: `plan.max_sft_steps` do not suffice.
            FloatingPointError: the run is lost.
        """
        plan, task, reached = self.plan, self.task(seed), float("nan")

        def step(s: State) -> tuple[State, Row]:
            return self.likelihood.step(s, task.train, plan.sft_step, batch_size=plan.sft_batch, seed=seed)

        pauses = every(PAUSE[self.mode])
        for now, _ in learn(state, refusing(step, ADVICE), num_steps=plan.max_sft_steps, pause=pauses):
            p = self.measure(now.parameters, task, seed=seed)
            reached = float(p.mean())
            refuse_lost(f"the pass rate at step {now.step} of SFT", reached, ADVICE)
            inside = float(((p > 0) & (p < 1)).mean())
            yield now, {"step": float(now.step), "pass_rate": reached, "inside": inside}
            if reached >= target:
                return
        raise ValueError(
            f"target is {target}; allowed: what {plan.max_sft_steps} steps of SFT reach, here "
            f"{reached:.3f} (--preset with a larger model, or fewer prompts)"
        )
