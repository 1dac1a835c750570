"""Disjoint sets of questions, asked of one pretrained model: the replicates of its study.

A set takes the place that a seed has for a model made here: its prompts, held-out prompts among them, share no question
with another set's, and every run of the set begins from the same pretrained parameters.
"""

from __future__ import annotations

from collections.abc import Iterator

from tqdm import tqdm

from experiments.gsm8k.plan import Leg
from experiments.gsm8k.set_plan import SetPlan
from experiments.gsm8k.starts import Keep
from experiments.language.learning.checkpoint import Checkpoint
from experiments.language.learning.choices import learning_rule
from experiments.language.learning.devices import everywhere
from experiments.language.learning.learners import Population
from experiments.language.learning.loop import every, learn, refusing
from experiments.language.learning.optimiser import make_transform
from experiments.language.learning.pass_rates import Measure
from experiments.language.learning.state import Row, State, start
from experiments.language.learning.weights import population_weight
from experiments.language.model.architecture import Parameters, num_parameters
from experiments.language.model.model import Model, make_model
from experiments.language.model.part import divide
from experiments.language.problems.answers import Mode
from experiments.language.problems.questions import Questions
from experiments.language.problems.rows import Splits
from experiments.language.problems.task import Task, make_task

MODE: Mode = "step"
PAUSE = 5
"""Steps between looks at the mean pass rate on the way to later states."""


class Sets:
    """Tasks by set, the trained part of the pretrained parameters, and the model.

    Arguments:
        plan, leg: sizes.
        base: where the problems come from.
        splits: the problems, one step each.
        found: the pretrained model.
        keep: keeps the tables of each part.
    """

    mode: Mode = MODE

    def __init__(self, plan: SetPlan, leg: Leg, base: Questions, splits: Splits, found: Checkpoint, *, keep: Keep):
        self.plan, self.leg, self.splits, self.keep = plan, leg, splits, keep
        self.questions, self.vocabulary = leg.questions(MODE, base), found.vocabulary
        self.parameters, part = divide(plan.train, found.parameters, seed=plan.first_seed)
        self.model: Model = make_model(found.architecture, found.vocabulary, everywhere(part))
        self.tasks: dict[int, Task] = {}
        self.notes = self.task(plan.first_seed).notes
        self.transform = make_transform("sgd")
        self.population = Population(self.model, self.transform)
        self.measure = Measure(self.model, leg.response_length, num_samples=leg.num_samples)

    @property
    def num_parameters(self) -> int:
        """That are trained."""
        return num_parameters(self.parameters)

    def task(self, seed: int) -> Task:
        """The prompts of the set that this seed stands for, with what the frozen layers make of them."""
        if seed not in self.tasks:
            plan = self.plan
            task = make_task(
                self.questions,
                self.splits,
                seed=plan.first_seed,
                vocabulary=self.vocabulary,
                place=plan.place(seed, self.leg),
            )
            self.tasks[seed] = task.with_states(self.model, self.parameters)
        return self.tasks[seed]

    def __call__(self, seed: int) -> Parameters:
        """The pretrained parameters that are trained, the same for all sets."""
        return self.parameters

    def fresh(self, seed: int) -> State:
        """As a state from which `fit` goes on."""
        return start(self(seed), self.transform)

    def fit(self, state: State, seed: int, target: float) -> Iterator[tuple[State, Row]]:
        """Exact GRPO steps until the mean p of the training prompts reaches the target, or `plan.late_steps` are made.

        Yields:
            State and row at every look; the last has reached the target where the steps suffice.

        Raises:
            FloatingPointError: the run is lost.
        """
        task, weight, reached = self.task(seed), population_weight(learning_rule("group")), float("nan")

        def step(s: State) -> tuple[State, Row]:
            return self.population.step(s, task.train, self.plan.late_step, weight)

        for now, _ in learn(state, refusing(step), num_steps=max(self.plan.late_steps, state.step), pause=every(PAUSE)):
            reached = float(self.measure.exact(now.parameters, task.train).mean())
            yield now, {"step": float(now.step), "pass_rate": reached}
            if reached >= target:
                return
        tqdm.write(f"  set {seed}: mean p {reached:.2f} after {self.plan.late_steps} steps, {target:g} was asked for")
