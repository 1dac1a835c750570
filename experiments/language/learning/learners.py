"""One step of learning, three kinds: likelihood (SFT), population policy gradient, sampled groups.

Each learner is made once for a model and compiled once a shape, whatever the prompts, rules and step sizes; a step is a
function of the state, its number included, from which its random numbers come, and returns the new state with a row of
what was measured before the step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from curvature._advantages import Estimator
from experiments.language.learning.objective import Batch, Model, Rule, group_loss, likelihood_loss, population_loss
from experiments.language.learning.optimiser import descend
from experiments.language.model.sample import Samples, sample
from experiments.language.model.transformer import Parameters, encode
from experiments.language.problems.task import Task, everywhere, shard

Row = dict[str, float]


@dataclass
class State:
    """What a step changes."""

    parameters: Parameters
    optimiser: Any
    step: int = 0


def start(parameters: Parameters, transform: optax.GradientTransformation) -> State:
    """A state at step 0."""
    parameters = everywhere(parameters)
    return State(parameters, transform.init(parameters))


def _update(loss: Callable, transform: optax.GradientTransformation) -> Callable:
    """Jitted (parameters, state, step_size, *arguments) → (parameters, state, length, gradient's length, extra)."""

    @jax.jit
    def update(parameters: Parameters, state: Any, step_size: Any, *arguments: Any) -> tuple:
        (value, extra), gradient = jax.value_and_grad(loss, has_aux=True)(parameters, *arguments)
        parameters, state, length = descend(transform, parameters, state, gradient, step_size)
        return parameters, state, length, optax.tree.norm(gradient), (value, extra)

    return update


class Likelihood:
    """Supervised fine-tuning on the right responses, in shuffled batches."""

    def __init__(self, model: Model, transform: optax.GradientTransformation):
        self._step = _update(lambda parameters, b: (likelihood_loss(parameters, model, b), ()), transform)

    def step(self, state: State, batch: Batch, step_size: float, *, batch_size: int, seed: int) -> tuple[State, Row]:
        """One batch of at most `batch_size` of the prompts."""
        chosen = shard(batch[epoch_rows(len(batch), batch_size, seed, state.step)])
        parameters, optimiser, length, slope, (loss, _) = self._step(
            state.parameters, state.optimiser, np.float32(step_size), chosen
        )
        row = {"loss": float(loss), "update_norm": float(length), "gradient_norm": float(slope)}
        return State(parameters, optimiser, state.step + 1), row


def epoch_rows(number: int, size: int, seed: int, step: int) -> np.ndarray:
    """The rows of a step: every epoch is a fresh shuffle of 0..number−1, cut into whole batches."""
    size = min(size, number)
    epoch, place = divmod(step, number // size)
    order = np.random.default_rng((seed, epoch)).permutation(number)
    return order[place * size : (place + 1) * size]


class Population:
    """Exact steps: every prompt of the batch, its pass rate and gradient without sampling (mode `answer`)."""

    def __init__(self, model: Model, transform: optax.GradientTransformation):
        self._step = _update(lambda parameters, b, rule: population_loss(parameters, model, b, rule), transform)

    def step(self, state: State, batch: Batch, step_size: float, rule: Rule) -> tuple[State, Row]:
        """One step on the mean over prompts; the row tells the pass rates before it."""
        parameters, optimiser, length, slope, (_, log_p) = self._step(
            state.parameters, state.optimiser, np.float32(step_size), shard(batch), rule
        )
        log_p = np.minimum(np.asarray(log_p, np.float64), 0)  # a certain prompt's may be above 0 by rounding
        row = {**summary(np.exp(log_p), np.sqrt(np.exp(log_p) * -np.expm1(log_p)))}
        row |= {"update_norm": float(length), "gradient_norm": float(slope)}
        return State(parameters, optimiser, state.step + 1), row


def summary(p: np.ndarray, σ: np.ndarray) -> Row:
    """Mean pass rate, quantiles, mean deviation."""
    low, middle, high = np.quantile(p, [0.1, 0.5, 0.9])
    return {
        "pass_rate": float(p.mean()),
        "pass_rate_10": float(low),
        "pass_rate_50": float(middle),
        "pass_rate_90": float(high),
        "std": float(σ.mean()),
    }


class Sampler:
    """Groups of responses from the model; compiled once a size."""

    def __init__(self, model: Model, longest: int):
        self.model, self.longest = model, longest
        self._draw = jax.jit(self._sample, static_argnames=("group_size", "greedy"))

    def _sample(self, parameters: Parameters, batch: Batch, key: Any, group_size: int, greedy: bool) -> Samples:
        m = self.model
        cache = encode(parameters, m.architecture, batch.prompts, batch.lengths)
        return sample(
            parameters,
            m.architecture,
            cache,
            key=None if greedy else key,
            group_size=group_size,
            max_length=self.longest,
            separator=m.separator,
            end=m.end,
            pad=m.pad,
        )

    def __call__(
        self, parameters: Parameters, batch: Batch, key: Any, group_size: int, *, greedy: bool = False
    ) -> Samples:
        """G responses to each prompt."""
        return self._draw(parameters, batch, key, group_size=group_size, greedy=greedy)


@dataclass(frozen=True)
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
        self.settings, self.reference = settings, reference
        self.sampler = Sampler(model, longest)
        loss = partial(group_loss, model=model, clip=settings.clip, kl=settings.kl)
        self._step = _update(
            lambda p, b, A, old, ref: loss(p, batch=b, advantages=A, old=old, reference=ref), transform
        )
        self._log_π = jax.jit(model.token_log_probabilities)

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
                parameters, optimiser, np.float32(step_size), batch, A, old, reference
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


class Measure:
    """Pass rates: exact in mode `answer`, from samples elsewhere."""

    def __init__(self, model: Model, longest: int, *, num_samples: int = 8, chunk: int = 64):
        self.num_samples, self.chunk = num_samples, chunk
        self._log_p = jax.jit(model.answer_log_probabilities)
        self._sampler = Sampler(model, longest)

    def exact(self, parameters: Parameters, batch: Batch) -> np.ndarray:
        """[P] π(y*|x), float64 from float32 logarithms."""
        return np.exp(
            np.minimum(np.concatenate([np.float64(self._log_p(parameters, b)) for b in self._chunks(batch)]), 0)
        )

    def sampled(self, parameters: Parameters, task: Task, *, test: bool = False, seed: int = 0) -> np.ndarray:
        """[P] share of right responses among `num_samples`."""
        batch, problems = (task.test, task.test_problems) if test else (task.train, task.problems)
        found, begin = [], 0
        for b in self._chunks(batch):
            key = jax.random.fold_in(jax.random.key(seed + 1_000_003), begin)
            samples = self._sampler(parameters, b, key, self.num_samples)
            found.append(task.rewards(problems[begin : begin + len(b)], samples).mean(axis=1))
            begin += len(b)
        return np.concatenate(found)

    def __call__(self, parameters: Parameters, task: Task, *, test: bool = False, seed: int = 0) -> np.ndarray:
        """[P] pass rates of the training or the test prompts; `seed` matters where they are sampled."""
        if task.mode == "answer":
            return self.exact(parameters, task.test if test else task.train)
        return self.sampled(parameters, task, test=test, seed=seed)

    def _chunks(self, batch: Batch) -> list[Batch]:
        return [batch[slice(i, i + self.chunk)] for i in range(0, len(batch), self.chunk)]
