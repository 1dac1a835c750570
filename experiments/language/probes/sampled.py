r"""The sampled probe: what can be known of orthogonality and curvature when responses must be sampled.

Two independent halves of S responses a prompt: gradients ĝ^A, ĝ^B meet only across halves, so that noise does not pass
for signal; the direction along which curvature is measured comes from the other half. Every estimate stands beside its
standard error and its null (curvature/estimate.py, curvature/halves.py), and one inside them is printed as unresolved.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from curvature import along, sampled_curvature, sampled_variance
from curvature.halves import split_half_indices_of
from experiments.language.model.architecture import Parameters
from experiments.language.model.model import Batch, Model
from experiments.language.model.sample import Sampler
from experiments.language.problems.task import Task
from experiments.language.streams import Stream


def _log_π(model: Model, one: Batch, θ: Parameters) -> Float[Array, " S"]:
    """Log π of each response to one prompt."""
    row = one[None]
    return jnp.sum(model.token_log_probabilities(θ, row)[0], axis=-1)


def _gradient(model: Model, θ: Parameters, one: Batch, rewards: Float[Array, " S"]) -> Float[Array, " d"]:
    """The unbiased group estimate of g_x: (1/(S−1)) Σ (r_i − r̄) s_i."""
    weight = (rewards - jnp.mean(rewards)) / (rewards.shape[0] - 1)
    return ravel_pytree(jax.grad(lambda q: weight @ _log_π(model, one, q))(θ))[0]


def _bends(model: Model, θ: Parameters, one: Batch, direction: Float[Array, " d"]) -> tuple[Array, Array]:
    """Slopes and bends of every response along the direction, made a unit vector."""
    length = jnp.linalg.norm(direction)
    u = ravel_pytree(θ)[1](direction / jnp.where(length > 0, length, 1))
    found = along(partial(_log_π, model, one), θ, u)
    return found.slope, found.bend


class SampledProber:
    """Compiled once for a model; call it with parameters and a task."""

    def __init__(self, model: Model, *, longest: int, half: int):
        self.half = half
        self._sampler = Sampler(model, longest)
        self._gradient = partial(jax.jit(_gradient), model)
        self._bends = partial(jax.jit(_bends), model)

    def __call__(
        self, parameters: Parameters, task: Task, *, seed: int
    ) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """(a row a prompt, a row for the state)."""
        θ, N, S = parameters, len(task.train), self.half
        key = jax.random.fold_in(jax.random.key(seed), Stream.SAMPLED_PROBE)
        halves, rewards, gradients = [], [], []
        for k in range(2):
            drawn = self._sampler(θ, task.train, jax.random.fold_in(key, k), S)
            halves.append(Batch(task.train.prompts, task.train.lengths, drawn.responses, drawn.lengths))
            rewards.append(task.rewards(task.problems, drawn))
        for b, r in zip(halves, rewards, strict=True):
            gradients.append(jnp.stack([self._gradient(θ, b[i], jnp.asarray(r[i])) for i in range(N)]))
        A, B = gradients
        gram = np.float64(A @ B.T)
        both = np.concatenate(rewards, axis=1).astype(np.float64)
        variance = jax.vmap(sampled_variance)(both)
        σ = np.sqrt(np.maximum(np.asarray(variance.value), 0))
        indices = split_half_indices_of(gram, σ)
        own = np.diagonal(gram)
        norms = np.float64(jnp.linalg.norm(A, axis=1) * jnp.linalg.norm(B, axis=1))

        estimates: dict[str, list[np.ndarray]] = {"value": [], "standard_error": [], "null": []}
        for b, r, u in ((halves[0], rewards[0], B), (halves[1], rewards[1], A)):
            for i in range(N):
                slope, bend = self._bends(θ, b[i], u[i])
                found = sampled_curvature(np.float64(r[i]), np.float64(slope), np.float64(bend))
                for name, values in estimates.items():
                    values.append(np.asarray(getattr(found, name)))
        κ, error, null = (np.array(values).reshape(2, N) for values in estimates.values())
        κ, error, null = κ.mean(axis=0), np.sqrt((error**2).sum(axis=0)) / 2, np.sqrt((null**2).sum(axis=0)) / 2
        prompts = {
            "prompt": np.arange(N),
            "pass_rate": both.mean(axis=1),
            "std": σ,
            "squared_norm": own,
            "half_cosine": np.divide(own, norms, out=np.full(N, np.nan), where=norms > 0),
            "curvature": κ,
            "curvature_error": error,
            "curvature_null": null,
            "curvature_resolved": np.abs(κ) > 2 * np.maximum(error, null),
        }
        alive = σ > 0
        state: dict[str, Any] = {
            "num_alive": float(alive.sum()),
            "pass_rate": float(both.mean()),
            "std": float(σ.mean()),
            "half_cosine": float(np.nanmean(prompts["half_cosine"])) if (norms > 0).any() else float("nan"),
            "curvature_resolved": float(prompts["curvature_resolved"][alive].mean()) if alive.any() else 0.0,
        }
        for name, ratio in (("cross_ratio", indices.cross_ratio), ("orthogonality", indices.orthogonality)):
            state[name] = float(ratio.value)
            state[f"{name}_error"] = float(ratio.standard_error)
            state[f"{name}_resolved"] = float(ratio.resolved)
        return prompts, state
