r"""A log-bilinear policy, whose features are learnt: the smallest policy in which orthogonality evolves.

    z(x, y) = b(x, y) + (e_x·u_y − e⁰_x·u⁰_y),     e_x = Aᵀ f_x,     parameters (A, U)

Two linear layers on fixed inputs f_x: the features ∂z/∂(A, U) of a prompt are (f_x ⊗ u_y, e_x ⊗ 1_y), so prompts with
orthogonal inputs share the output layer U, and how much their gradients overlap depends on e_x, which is learnt. In the
table of logits J is what it was (T3 holds for the change of the table); in the parameters it is not log-linear, T1 to
T6 do not apply as stated, and a step changes the logits by s·linear + s²·quadratic. The start is subtracted, so that
the offsets alone set the initial pass rates. Independent checks: tests/bandits/test_bilinear.py.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from bandits._problem import Problem, problem
from bandits.features import FeatureMap, Move
from bandits.geometry import embed, equicorrelation
from bandits.rewards import draw_labels, offsets_for_pass_rate, one_hot_rewards
from curvature.check import Numbers, as_float, check_count, check_finite, check_interval, check_shape
from curvature.coherence import span_basis
from curvature.safe import solve_psd


class Layers(eqx.Module):
    """The parameters, and directions in their space."""

    inner: Float[Array, "q h"]
    """A: inputs to hidden units."""
    arms: Float[Array, "K h"]
    """U: hidden units to logits."""


class LogBilinear(FeatureMap):
    """The features at the parameters (A, U): those of the start, or of a point of a run.

    The short form of a prompt's gradient is its two parts without the common factors: Σ_y c u_y [h] and c [K].
    """

    inputs: Float[Array, "N q"]
    """f_x."""
    parameters: Layers

    @property
    def table(self) -> tuple[int, int]:
        """(N, K)."""
        return self.inputs.shape[0], self.parameters.arms.shape[0]

    @property
    def hidden(self) -> Float[Array, "N h"]:
        """e_x = Aᵀf_x."""
        return self.inputs @ self.parameters.inner

    def initial(self) -> Layers:
        """The parameters of this point."""
        return self.parameters

    def at(self, parameters: Layers) -> LogBilinear:
        """The features at other parameters."""
        return LogBilinear(self.inputs, parameters)

    def contract(self, coefficients: Float[Array, "N K"]) -> Float[Array, "N m"]:
        """(Σ_y c u_y, c)."""
        return jnp.concatenate([coefficients @ self.parameters.arms, coefficients], axis=1)

    def gather(self, per_prompt: Float[Array, "N m"]) -> Layers:
        """(Σ_x f_x ⊗ Σ_y c u_y, Σ_x c ⊗ e_x)."""
        h = self.parameters.arms.shape[1]
        return Layers(self.inputs.T @ per_prompt[:, :h], per_prompt[:, h:].T @ self.hidden)

    def squared_norms(self, per_prompt: Float[Array, "N m"]) -> Float[Array, " N"]:
        """|f_x|² |Σ_y c u_y|² + |e_x|² |c|²."""
        h = self.parameters.arms.shape[1]
        inner, outer = jnp.sum(self.inputs**2, axis=1), jnp.sum(self.hidden**2, axis=1)
        return inner * jnp.sum(per_prompt[:, :h] ** 2, axis=1) + outer * jnp.sum(per_prompt[:, h:] ** 2, axis=1)

    def move(self, direction: Layers) -> Move:
        """(A + sδA, U + sδU): s (δe·u + e·δu) + s² δe·δu."""
        moved = self.inputs @ direction.inner
        linear = moved @ self.parameters.arms.T + self.hidden @ direction.arms.T
        return Move(linear, moved @ direction.arms.T)

    def decouple(
        self,
        per_prompt: Float[Array, "N m"],
        std: Float[Array, " N"],
        ridge: Float[Array, ""],
        projectors: Float[Array, "N m m"] | None,
    ) -> Layers:
        """With the spans of this point: O(N (K d² + K² d) + d³), d = q h + K h. `projectors` is of fixed features."""
        total = self.gather(per_prompt)
        flat = jnp.concatenate([total.inner.reshape(-1), total.arms.reshape(-1)])
        B = jax.vmap(span_basis)(self.dense())
        solved = solve_psd(jnp.einsum("n,nam,nbm->ab", std, B, B), flat, ridge)
        cut = total.inner.size
        return Layers(solved[:cut].reshape(total.inner.shape), solved[cut:].reshape(total.arms.shape))

    def projectors(self) -> None:
        """The spans move with the parameters."""

    def dense(self) -> Float[Array, "N K d"]:
        """(f_x ⊗ u_y, 1_y ⊗ e_x), O(N K d) memory."""
        N, K = self.table
        inner = jnp.einsum("nq,kh->nkqh", self.inputs, self.parameters.arms).reshape(N, K, -1)
        outer = jnp.einsum("nh,kj->nkjh", self.hidden, jnp.eye(K, dtype=self.inputs.dtype)).reshape(N, K, -1)
        return jnp.concatenate([inner, outer], axis=2)

    def diameters(self) -> Float[Array, " N"]:
        """Exact, at this point: |φ(x,y) − φ(x,y')|² = |f_x|² |u_y − u_y'|² + 2 |e_x|²."""
        u = self.parameters.arms
        pairs = jnp.sum((u[:, None] - u[None]) ** 2, axis=2)
        return jnp.sqrt(jnp.sum(self.inputs**2, axis=1) * pairs.max() + 2 * jnp.sum(self.hidden**2, axis=1))


def bilinear_problem(
    pass_rates: Numbers,
    *,
    num_arms: int = 4,
    num_hidden: int = 8,
    coherence: float = 0.0,
    conflict: float = 1.0,
    scale: float = 1.0,
    key: Key[Array, ""],
) -> Problem:
    """Prompts with one right arm each, exactly these initial pass rates, and features to be learnt.

    Arguments:
        pass_rates: [N] strictly inside (0, 1).
        num_arms: K ≥ 2.
        num_hidden: h ≥ 1, hidden units.
        coherence: ρ in [0, 1] between every two inputs f_x (unit vectors).
        conflict: share of the prompts whose right arm is drawn at random (see `bandits.draw_labels`).
        scale: > 0; A and U start with independent entries of variance scale²/h, so that E|e_x|² = scale².
        key: the source of all randomness.

    Raises:
        ValueError: an argument outside its range.
    """
    p = as_float("pass_rates", pass_rates)
    check_shape("pass_rates", p, (None,))
    check_count("num_hidden", num_hidden, 1)
    check_interval("scale", scale, 0, float("inf"), open_ends="lh")
    label_key, inner_key, arms_key = jax.random.split(key, 3)
    rewards = one_hot_rewards(draw_labels(p.shape[0], num_arms, conflict=conflict, key=label_key), num_arms)
    inputs = embed(equicorrelation(p.shape[0], coherence))
    deviation = scale / jnp.sqrt(num_hidden)
    layers = Layers(
        deviation * jax.random.normal(inner_key, (inputs.shape[1], num_hidden)),
        deviation * jax.random.normal(arms_key, (num_arms, num_hidden)),
    )
    return problem(log_bilinear(inputs, layers.inner, layers.arms), offsets_for_pass_rate(rewards, p), rewards)


def log_bilinear(inputs: Numbers, inner: Numbers, arms: Numbers) -> LogBilinear:
    """Checked features.

    Arguments:
        inputs: [N, q] f_x.
        inner: [q, h] A at the start.
        arms: [K, h] U at the start.

    Raises:
        ValueError: shapes that disagree, NaN or infinite numbers.

    >>> features = log_bilinear([[1.0]], [[2.0]], [[0.5], [-0.5]])  # e = 2
    >>> print(features.move(Layers(jnp.array([[1.0]]), jnp.array([[1.0], [0.0]]))).at(jnp.asarray(0.1)))
    [[ 0.26 -0.05]]
    """
    f, A, U = as_float("inputs", inputs), as_float("inner", inner), as_float("arms", arms)
    check_shape("inputs", f, (None, None))
    check_shape("inner", A, (f.shape[1], None))
    check_shape("arms", U, (None, A.shape[1]))
    for name, array in (("inputs", f), ("inner", A), ("arms", U)):
        check_finite(name, array)
    return LogBilinear(f, Layers(A, U))
