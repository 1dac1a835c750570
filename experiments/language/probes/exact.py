r"""The exact probe: orthogonality, deviation and local curvature of a transformer, prompt by prompt (exact modes).

One response is right, so every quantity is a derivative of one log-probability (curvature/estimate.py):

    σ = √(p(1−p)),   g = p s,   κ(u) = uᵀ∇²J u = p[(u·s)² + uᵀ∇²log π u],   s = ∇log π(y*|x)

without sampling, enumeration or noise beyond float32. Directions: every prompt's own gradient, and the two directions
in which REINFORCE and GRPO move all prompts at once. Independent checks: in
tests/experiments/language/probes/test_exact.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float
from scipy.sparse.linalg import ArpackNoConvergence

from curvature import Along, along, success_hessian_vector_product, success_parts, success_std
from curvature._phases import own_surplus
from curvature.coherence import cross_ratio_of_gram, orthogonality_of_gram, relative_gain
from curvature.local import extreme_eigenvalues_of
from experiments.language.learning.pass_rates import summary
from experiments.language.model.architecture import Parameters
from experiments.language.model.model import Batch, Model
from experiments.language.model.sample import Sampler
from experiments.language.probes.effort import STANDARD, Effort
from experiments.language.probes.gradients import Gradients

FLAT = 1e-6
"""Prompts with σ below this are left out of what divides by σ: p or 1 − p is below 1e-12."""


@dataclass(frozen=True)
class Probe:
    """What was measured at one state: a row a prompt, and one row for the state."""

    prompts: dict[str, np.ndarray]
    state: dict[str, float]
    cosines: np.ndarray
    """[N, N] between the prompts' gradients."""


def _one(model: Model, b: Batch, θ: Parameters) -> Float[Array, ""]:
    """Log π(y*) of one prompt."""
    return model.answer_log_probabilities(θ, b[None])[0]


def _scores(model: Model, θ: Parameters, batch: Batch) -> tuple[Array, Array]:
    """Log p [n] and s [n, d], flat."""

    def one(b: Batch) -> tuple[Array, Array]:
        value, slope = jax.value_and_grad(partial(_one, model, b))(θ)
        return value, ravel_pytree(slope)[0]

    return jax.vmap(one)(batch)


def _along_own(model: Model, θ: Parameters, batch: Batch, scores: Array) -> tuple[Array, Array]:
    """Slope |s| and bend sᵀ∇²log π s/|s|² along each prompt's own gradient, [n] each."""
    unravel = ravel_pytree(θ)[1]

    def one(inputs: tuple[Batch, Array]) -> tuple[Array, Array]:
        b, s = inputs
        found = along(partial(_one, model, b), θ, unravel(_unit(s)))
        return found.slope, found.bend

    return jax.lax.map(one, (batch, scores))


def _along_others(model: Model, θ: Parameters, batch: Batch, scores: Array, responses: Array, lengths: Array) -> Array:
    """M_u [n, W] of sampled responses along each prompt's own gradient."""
    unravel = ravel_pytree(θ)[1]

    def one(inputs: tuple[Batch, Array, Array, Array]) -> Array:
        b, s, y, n = inputs

        def log_π(q: Parameters) -> Array:
            group = Batch(b.prompts[None], b.lengths[None], y[None], n[None])
            return model.response_log_probabilities(q, group)[0]

        return along(log_π, θ, unravel(_unit(s))).statistic

    return jax.lax.map(one, (batch, scores, responses, lengths))


def _along_shared(model: Model, θ: Parameters, batch: Batch, u: Parameters) -> Along:
    """Every prompt's log π along one direction."""
    return along(lambda q: model.answer_log_probabilities(q, batch), θ, u)


def _mean_along(model: Model, θ: Parameters, batch: Batch, δ: Parameters) -> Along:
    """The mean pass rate along a step."""
    return along(lambda q: jnp.mean(jnp.exp(model.answer_log_probabilities(q, batch))), θ, δ)


def _mean(model: Model, θ: Parameters, batch: Batch) -> Float[Array, ""]:
    return jnp.mean(jnp.exp(model.answer_log_probabilities(θ, batch)))


def _hessian_product(model: Model, θ: Parameters, b: Batch, v: Array) -> Array:
    """∇²J_x v, flat."""
    product = success_hessian_vector_product(partial(_one, model, b), θ, ravel_pytree(θ)[1](v))
    return ravel_pytree(product)[0]


class Prober:
    """Compiled once for a model and a number of prompts; call it with parameters and prompts."""

    def __init__(self, model: Model, effort: Effort = STANDARD, *, longest: int = 6, seed: int = 0):
        self.model, self.effort, self.seed = model, effort, seed
        self._scores = partial(jax.jit(_scores), model)
        self._own = partial(jax.jit(_along_own), model)
        self._shared = partial(jax.jit(_along_shared), model)
        self._mean = partial(jax.jit(_mean_along), model)
        self._value = partial(jax.jit(_mean), model)
        self._product = partial(jax.jit(_hessian_product), model)
        self._others = partial(jax.jit(_along_others), model)
        self._sampler = Sampler(model, longest)

    def __call__(self, parameters: Parameters, batch: Batch, *, step_size: float) -> Probe:
        """Measure.

        Arguments:
            parameters: float32 (or float64, for a check of rounding).
            batch: the prompts, each with its right response.
            step_size: η of GRPO's step on the mean over prompts, for the one-step surplus; REINFORCE steps 2η.
        """
        θ, N = parameters, len(batch)
        found, scores = self._prompt_by_prompt(θ, batch)
        log_p, slope, bend = found["log_p"], found["slope"], found["bend"]
        p, σ = np.exp(log_p), _double(success_std(log_p))
        slope = np.maximum(slope, 0)  # |s|: where it vanishes, rounding may leave it below
        κ = p * (slope**2 + bend)
        norm = p * slope
        K = scores.gram()  # ⟨s_x, s_x'⟩
        length = np.sqrt(np.diagonal(K))
        lengths = np.outer(length, length)
        cosines = np.divide(K, lengths, out=np.zeros_like(K), where=lengths > 0)
        gram = K * np.outer(p, p)
        alive = σ > FLAT

        unravel = ravel_pytree(θ)[1]
        mean = scores.combine(np.stack([p, p * _inverse(σ)]) / N)
        directions = {name: unravel(flat) for name, flat in zip(("none", "group"), mean, strict=True)}
        del scores, mean
        prompts: dict[str, np.ndarray] = {
            "prompt": np.arange(N),
            "log_p": log_p,
            "pass_rate": p,
            "std": σ,
            "gradient_norm": norm,
            "score_norm": slope,
            "curvature_own": κ,
        }
        for name, u in directions.items():
            shared = self._shared(θ, batch, _unit(u))
            prompts[f"slope_{name}"] = p * _double(shared.slope)
            prompts[f"curvature_{name}"] = p * _double(shared.statistic)
        prompts |= self._parts(found, slope**2 + bend)
        prompts |= self._spectra(θ, batch, p)
        off = ~np.eye(N, dtype=bool)
        ratio = np.abs(κ[alive]) / σ[alive]
        state = {
            **summary(p, σ),
            "num_alive": float(alive.sum()),
            "cosine_mean": float(cosines[off].mean()),
            "cosine_std": float(cosines[off].std()),
            "cosine_90": float(np.quantile(np.abs(cosines[off]), 0.9)),
            "cross_ratio": float(cross_ratio_of_gram(gram, σ)),
            "orthogonality": float(orthogonality_of_gram(gram)),
            "relative_gain": float(relative_gain(norm, σ)),
            "curvature_per_std_max": float(ratio.max()) if alive.any() else float("nan"),
            "curvature_per_std_median": float(np.median(ratio)) if alive.any() else float("nan"),
            "curvature_argmax_p": float(p[alive][ratio.argmax()]) if alive.any() else float("nan"),
            **self._surplus(θ, batch, directions, norm, σ, step_size),
        }
        return Probe(prompts, state, cosines)

    def _prompt_by_prompt(self, θ: Parameters, batch: Batch) -> tuple[dict[str, np.ndarray], Gradients]:
        """What needs one gradient at a time, a row a prompt: log p, slope and bend along the own gradient, and of
        sampled responses M_u and whether they are wrong; and the gradients.
        """
        N, W, size = len(batch), self.effort.num_wrong, sum(x.size for x in jax.tree.leaves(θ))
        leaf = jax.tree.leaves(θ)[0]
        scores = Gradients(N, size, leaf.dtype, memory=self.effort.memory)
        samples = self._sampler(θ, batch, jax.random.key(self.seed), W) if W >= 2 else None
        found: dict[str, list[np.ndarray]] = {}
        for rows in self._chunks(N, size * leaf.dtype.itemsize):
            b = batch[rows]
            log_p, S = self._scores(θ, b)
            slope, bend = self._own(θ, b, S)
            new = {"log_p": log_p, "slope": slope, "bend": bend}
            if samples is not None:
                new["M"] = self._others(θ, b, S, samples.responses[rows], samples.lengths[rows])
                new["wrong"] = ~self.model.is_right(samples.responses[rows], b)
            scores.add(S)
            for name, value in new.items():
                found.setdefault(name, []).append(np.asarray(value, bool if name == "wrong" else np.float64))
        return {name: np.concatenate(values) for name, values in found.items()}, scores

    def _chunks(self, number: int, row: int) -> list[slice]:
        """Rows of prompts, in parts as equal as can be; `row`: bytes of a gradient, of which each part needs a few."""
        most = max(1, min(self.effort.chunk, self.effort.memory // (4 * row)))
        size = -(-number // -(-number // most))
        return [slice(i, min(i + size, number)) for i in range(0, number, size)]

    def _surplus(
        self,
        θ: Parameters,
        batch: Batch,
        directions: dict[str, Parameters],
        norm: np.ndarray,
        σ: np.ndarray,
        η: float,
    ) -> dict[str, float]:
        """One step of GRPO (η) and of REINFORCE (2η) from this state: predicted to first and second order, realised."""
        before = float(self._value(θ, batch))
        row = {"step_size": η, "surplus_own": float(own_surplus(norm, σ, η / len(norm)))}
        for name, scale in (("none", 2 * η), ("group", η)):
            δ = optax.tree.scale(scale, directions[name])
            found = self._mean(θ, batch, δ)
            first, second = float(found.slope), float(found.bend)
            row[f"gain_first_{name}"] = first
            row[f"gain_second_{name}"] = first + second / 2
            row[f"gain_real_{name}"] = float(self._value(optax.tree.add(θ, δ), batch)) - before
            row[f"step_norm_{name}"] = float(optax.tree.norm(δ))
        for order in ("first", "second", "real"):
            row[f"surplus_{order}"] = row[f"gain_{order}_group"] - row[f"gain_{order}_none"]
        return row

    def _parts(self, found: dict[str, np.ndarray], right: np.ndarray) -> dict[str, np.ndarray]:
        """T5 along the own gradient: corr(r, M_u), sd(M_u), standard errors; NaN with fewer than 2 wrong draws."""
        names = ("correlation", "spread", "correlation_error", "spread_error")
        values = {name: np.full(len(right), np.nan) for name in names}
        if "M" not in found:
            return values
        for i in np.flatnonzero(found["wrong"].sum(axis=1) >= 2):
            wrong = found["M"][i][found["wrong"][i]]
            parts = success_parts(min(found["log_p"][i], 0.0), right[i], wrong)
            for name in names:
                values[name][i] = float(getattr(parts, name))
        return values

    def _spectra(self, θ: Parameters, batch: Batch, p: np.ndarray) -> dict[str, np.ndarray]:
        """Least and greatest eigenvalue of ∇²J_x for prompts spread over the range of p; NaN for the others."""
        N, k = len(p), min(self.effort.num_spectra, len(p))
        least, greatest = np.full(N, np.nan), np.full(N, np.nan)
        order = np.argsort(p)
        flat = ravel_pytree(θ)[0]
        for i in order[np.linspace(0, N - 1, k).round().astype(int)] if k else ():
            b = batch[int(i)]

            def product(v: np.ndarray, b: Any = b) -> np.ndarray:
                return np.asarray(self._product(θ, b, jnp.asarray(v, flat.dtype)))

            try:
                found = extreme_eigenvalues_of(
                    product,
                    flat.size,
                    dtype=flat.dtype,
                    tolerance=self.effort.spectrum_tolerance,
                    max_iterations=10,
                    seed=self.seed,
                )
            except ArpackNoConvergence:
                continue
            least[i], greatest[i] = float(found.least), float(found.greatest)
        return {"eigenvalue_least": least, "eigenvalue_greatest": greatest}


def _double(x: Any) -> np.ndarray:
    return np.asarray(x, np.float64)


def _inverse(σ: np.ndarray) -> np.ndarray:
    return np.divide(1, σ, out=np.zeros_like(σ), where=σ > 0)


def _unit(u: Any) -> Any:
    """u/|u| of a tree; 0 where u = 0, as the score of a prompt that is certain to rounding."""
    norm = optax.tree.norm(u)
    return optax.tree.scale(1 / jnp.where(norm > 0, norm, 1), u)
