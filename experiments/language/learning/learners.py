"""One step of learning, three kinds: likelihood (SFT), population policy gradient, sampled groups.

Each learner is made once for a model and compiled once a shape, whatever the prompts, rules and step sizes; a step is a
function of the state, its number included, from which its random numbers come, and returns the new state with a row of
what was measured before the step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from curvature import Estimator
from experiments.language.learning.devices import shard
from experiments.language.learning.objective import group_loss, likelihood_loss, population_loss
from experiments.language.learning.pass_rates import summary
from experiments.language.learning.state import Row, State, epoch_rows, make_update
from experiments.language.learning.weights import PopulationWeight
from experiments.language.model.architecture import Parameters
from experiments.language.model.model import Batch, Model
from experiments.language.model.sample import Sampler
from experiments.language.problems.task import Task


class Likelihood:
    """Supervised fine-tuning on the right responses, in shuffled batches."""

    def __init__(self, model: Model, transform: optax.GradientTransformation):
        self.model = model
        self._step = make_update(lambda θ, m, b: (likelihood_loss(θ, m, b), ()), transform)

    def step(self, state: State, batch: Batch, step_size: float, *, batch_size: int, seed: int) -> tuple[State, Row]:
        """One batch of at most `batch_size` of the prompts."""
        chosen = shard(batch[epoch_rows(len(batch), batch_size, seed, state.step)])
        parameters, optimiser, length, slope, (loss, _) = self._step(
            state.parameters, state.optimiser, np.float32(step_size), self.model, chosen
        )
        row = {"loss": float(loss), "update_norm": float(length), "gradient_norm": float(slope)}
        return State(parameters, optimiser, state.step + 1), row


class Population:
    """Exact steps: every prompt of the batch, its pass rate and gradient without sampling (modes `answer`, `step`)."""

    def __init__(self, model: Model, transform: optax.GradientTransformation):
        self.model = model
        self._step = make_update(population_loss, transform)

    def step(self, state: State, batch: Batch, step_size: float, weight: PopulationWeight) -> tuple[State, Row]:
        """One step on the mean over prompts; the row tells the pass rates before it."""
        parameters, optimiser, length, slope, (_, log_p) = self._step(
            state.parameters, state.optimiser, np.float32(step_size), self.model, shard(batch), weight
        )
        log_p = np.minimum(np.asarray(log_p, np.float64), 0)  # a certain prompt's may be above 0 by rounding
        row = {**summary(np.exp(log_p), np.sqrt(np.exp(log_p) * -np.expm1(log_p)))}
        row |= {"update_norm": float(length), "gradient_norm": float(slope)}
        return State(parameters, optimiser, state.step + 1), row


@dataclass(frozen=True, kw_only=True)
class GroupSettings:
    """Of RL with sampled groups."""

    prompts_per_step: int = 16
    group_size: int = 8
    clip: float | None = None
    """ε of the clipped ratio; needs more than one update a batch to matter."""
    kl: float = 0.0
    """β of the penalty that holds the policy at its start."""
    num_updates: int = 1
    """Gradient steps on each batch of samples."""


class Groups:
    """Sampled groups: draw, reward, advantages, one or more updates."""

    def __init__(
        self,
        model: Model,
        transform: optax.GradientTransformation,
        settings: GroupSettings,
        *,
        longest: int,
        reference: Parameters | None = None,
    ):
        self.model, self.settings, self.reference = model, settings, reference
        self.sampler = Sampler(model, longest)
        self._step = make_update(partial(group_loss, clip=settings.clip, kl=settings.kl), transform)
        self._log_π = partial(jax.jit(Model.token_log_probabilities), model)

    def step(self, state: State, task: Task, step_size: float, estimator: Estimator, *, seed: int) -> tuple[State, Row]:
        """One batch of groups; prompts come in shuffled epochs."""
        s, n = self.settings, state.step
        rows = epoch_rows(len(task.train), s.prompts_per_step, seed, n)
        prompts = shard(task.train[rows])
        key = jax.random.fold_in(jax.random.key(seed), n)
        samples = self.sampler(state.parameters, prompts, key, s.group_size)
        rewards = task.rewards([task.problems[row] for row in rows], samples)
        A = jnp.asarray(estimator(rewards), jnp.float32)
        batch = Batch(prompts.prompts, prompts.lengths, samples.responses, samples.lengths)
        reference = self._log_π(self.reference, batch) if s.kl else None
        parameters, optimiser, old, extra, length, slope = state.parameters, state.optimiser, None, {}, 0.0, 0.0
        for _ in range(s.num_updates):
            parameters, optimiser, length, slope, (_, extra) = self._step(
                parameters, optimiser, np.float32(step_size), self.model, batch, A, old, reference
            )
            old = extra["old"] if old is None else old
        varies = rewards.std(axis=1)
        row = {
            "reward": float(rewards.mean()),
            "std": float(varies.mean()),
            "dead_groups": float((varies == 0).mean()),
            "ended": float(np.asarray(samples.ended).mean()),
            "response_length": float(np.asarray(samples.lengths).mean()),
            "update_norm": float(length),
            "gradient_norm": float(slope),
            "kl": float(extra["kl"]),
            "clipped": float(extra["clipped"]),
        }
        return State(parameters, optimiser, n + 1), row
