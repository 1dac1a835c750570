"""Held-out prompts: a problem that shares the parameters of another one's run and is never trained on.

Independent check: tests/bandits/test_held_out.py.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from bandits._problem import Problem, locate
from bandits.features import Kronecker
from bandits.simplex import Simplex


def held_out_value(problem: Problem, parameters: PyTree) -> Float[Array, ""]:
    """J, the mean over these prompts, at the parameters of a run on others.

    Raises:
        ValueError: features that are learnt.
    """
    move = problem.features.move(parameters)
    if move.quadratic is not None:
        raise ValueError("features of held_out are learnt; allowed: fixed features")
    return jnp.mean(locate(problem, problem.offsets + move.linear).value)


class Unseen(Kronecker):
    """More prompts of `Equicorrelated` features: their own directions are not the trained prompts', so that of Θ
    [N + 1, m] they see the last row alone, e_x = √ρ c.
    """

    arms: Float[Array, "M K m"] | Simplex
    """u_{x,y}."""
    coherence: Float[Array, ""]
    """ρ in [0, 1]."""
    num_trained: int = eqx.field(static=True)
    """N."""

    @property
    def shape(self) -> tuple[int, int]:
        """(N + 1, m), as the trained prompts'."""
        return (self.num_trained + 1, self.arms.shape[2])

    def project(self, parameters: Float[Array, "r m"]) -> Float[Array, "M m"]:
        """O(M m)."""
        return jnp.broadcast_to(jnp.sqrt(self.coherence) * parameters[-1], (self.num_prompts, parameters.shape[1]))

    def gather(self, per_prompt: Float[Array, "M m"]) -> Float[Array, "r m"]:
        """The adjoint of `project`."""
        total = jnp.sqrt(self.coherence) * jnp.sum(per_prompt, axis=0)
        return jnp.zeros(self.shape, per_prompt.dtype).at[-1].set(total)

    def squared_lengths(self) -> Float[Array, " M"]:
        """ρ, of what can be trained."""
        return jnp.broadcast_to(self.coherence, (self.num_prompts,))

    def embeddings(self) -> Float[Array, "M r"]:
        """√ρ in the last column."""
        e = jnp.zeros((self.num_prompts, self.num_trained + 1), self.arms.dtype)
        return e.at[:, -1].set(jnp.sqrt(self.coherence))
