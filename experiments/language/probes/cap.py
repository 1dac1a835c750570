r"""The finite-group cap on a real model: by how much do sampled groups of G really rescale REINFORCE (T13)?

    b̂_x = Σ_groups ⟨ĝ_GRPO, u⟩ ÷ Σ_groups ⟨ĝ_REINFORCE, u⟩   against   b_G(p_x) ∈ [2, G/√(G−1)],   u = g_x/|g_x|

Responses come from the sampler, advantages from the estimator that training uses, slopes u·∇log π(y) from one forward
derivative; p is exact (mode `answer`). The theory behind b_G asks nothing of the policy, so this also tests the chain.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array

from curvature import Estimator
from curvature.groups import adaptivity, adaptivity_window
from experiments.language.model.architecture import Parameters
from experiments.language.model.model import Batch, Model
from experiments.language.model.sample import Sampler
from experiments.language.streams import Stream


def _slopes(model: Model, θ: Parameters, one: Batch, responses: Array, lengths: Array) -> tuple[Array, Array]:
    """(log p, u·∇log π(y_i) [S]) for one prompt, u along its own gradient."""
    row = one[None]
    log_p, score = jax.value_and_grad(lambda q: model.answer_log_probabilities(q, row)[0])(θ)
    flat, unravel = ravel_pytree(score)
    u = unravel(flat / jnp.linalg.norm(flat))
    group = Batch(row.prompts, row.lengths, responses[None], lengths[None])
    _, slopes = jax.jvp(lambda q: jnp.sum(model.token_log_probabilities(q, group)[0], axis=-1), (θ,), (u,))
    return log_p, slopes


class CapCheck:
    """Compiled once for a model; call it with parameters and prompts."""

    def __init__(self, model: Model, *, longest: int, group_size: int, num_groups: int):
        self.model, self.group_size, self.num_groups = model, group_size, num_groups
        self._sampler = Sampler(model, longest)
        self._slopes = partial(jax.jit(_slopes), model)

    def __call__(self, parameters: Parameters, batch: Batch, *, seed: int) -> dict[str, np.ndarray]:
        """One row a prompt: pass rate, measured factor with its standard error, b_G(p), the window.

        The factor's standard error is the delta method's for a ratio of means over groups. NaN where no group varies.
        """
        G, M = self.group_size, self.num_groups
        key = jax.random.fold_in(jax.random.key(seed), Stream.CAP)
        rows: dict[str, list[float]] = {name: [] for name in ("pass_rate", "factor", "factor_error", "predicted")}
        for i in range(len(batch)):
            one = batch[i : i + 1]  # alone: G·M responses times the vocabulary is what memory holds
            samples = self._sampler(parameters, one, jax.random.fold_in(key, i), G * M)
            log_p, slopes = self._slopes(parameters, batch[i], samples.responses[0], samples.lengths[0])
            r = np.asarray(self.model.is_right(samples.responses, one)).reshape(M, G).astype(np.float64)
            a = np.float64(slopes).reshape(M, G)
            top = (np.asarray(Estimator()(r)) * a).mean(axis=1)
            bottom = (np.asarray(Estimator(scale="none")(r)) * a).mean(axis=1)
            p = float(np.exp(np.float64(log_p)))
            mean = bottom.mean()
            factor = top.mean() / mean if mean else float("nan")
            error = np.std(top - factor * bottom, ddof=1) / np.sqrt(M) / abs(mean) if mean else float("nan")
            for name, value in zip(rows, (p, factor, error, float(adaptivity(min(p, 1.0), G))), strict=True):
                rows[name].append(value)
        low, high = adaptivity_window(G)
        number = len(batch)
        return {name: np.array(values) for name, values in rows.items()} | {
            "group_size": np.full(number, G),
            "window_low": np.full(number, low),
            "window_high": np.full(number, high),
        }
