"""Pass rates of a task's prompts: exact in the modes in which one string is right, from samples elsewhere."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
from jaxtyping import Float

from experiments.language.learning.state import Row
from experiments.language.model.architecture import Parameters
from experiments.language.model.model import Batch, Model
from experiments.language.model.sample import Sampler
from experiments.language.problems.answers import is_exact
from experiments.language.problems.task import Task
from experiments.language.streams import Stream


class Measure:
    """Compiled once for a model; call it with parameters and a task."""

    def __init__(self, model: Model, longest: int, *, num_samples: int = 8, chunk: int = 64):
        self.num_samples, self.chunk = num_samples, chunk
        self._log_p = partial(jax.jit(Model.answer_log_probabilities), model)
        self._tokens = partial(jax.jit(Model.token_log_probabilities), model)
        self._sampler = Sampler(model, longest)

    def exact(self, parameters: Parameters, batch: Batch) -> Float[np.ndarray, " P"]:
        """π(y*|x), float64 from float32 logarithms; NaN where the parameters are (`lost.py`)."""
        log_p = np.concatenate([np.float64(self._log_p(parameters, b)) for b in self._chunks(batch)])
        return np.exp(np.minimum(log_p, 0))  # a certain prompt's may be above 0 by rounding

    def without_end(self, parameters: Parameters, batch: Batch) -> Float[np.ndarray, " P"]:
        """Probability that a response begins with the right figures, whatever follows: p without its end token."""
        found = []
        for b in self._chunks(batch):
            log_π = np.asarray(self._tokens(parameters, b), np.float64)[:, 0]
            figures = np.arange(log_π.shape[-1]) < np.asarray(b.response_lengths)[:, :1] - 1
            found.append(np.where(figures, log_π, 0).sum(axis=-1))
        return np.exp(np.minimum(np.concatenate(found), 0))

    def sampled(
        self, parameters: Parameters, task: Task, *, test: bool = False, seed: int = 0
    ) -> Float[np.ndarray, " P"]:
        """Share of right responses among `num_samples`; 0 where the parameters are NaN."""
        batch, problems = (task.test, task.test_problems) if test else (task.train, task.problems)
        found, begin = [], 0
        for b in self._chunks(batch):
            key = jax.random.fold_in(jax.random.key(seed + Stream.PASS_RATES), begin)
            samples = self._sampler(parameters, b, key, self.num_samples)
            found.append(task.rewards(problems[begin : begin + len(b)], samples).mean(axis=1))
            begin += len(b)
        return np.concatenate(found)

    def __call__(
        self, parameters: Parameters, task: Task, *, test: bool = False, seed: int = 0
    ) -> Float[np.ndarray, " P"]:
        """Pass rates of the training or the test prompts; `seed` matters where they are sampled."""
        if is_exact(task.mode):
            return self.exact(parameters, task.test if test else task.train)
        return self.sampled(parameters, task, test=test, seed=seed)

    def _chunks(self, batch: Batch) -> list[Batch]:
        return [batch[slice(i, i + self.chunk)] for i in range(0, len(batch), self.chunk)]


def summary(p: Float[np.ndarray, " P"], σ: Float[np.ndarray, " P"]) -> Row:
    """Mean pass rate, quantiles, mean deviation.

    >>> summary(np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.5, 0.0]))["pass_rate_90"]
    0.9
    """
    low, middle, high = np.quantile(p, [0.1, 0.5, 0.9])
    return {
        "pass_rate": float(p.mean()),
        "pass_rate_10": float(low),
        "pass_rate_50": float(middle),
        "pass_rate_90": float(high),
        "std": float(σ.mean()),
    }
