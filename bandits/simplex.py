r"""Simplex arms in closed form: what a product with a table of arms [N, K, K − 1] gives, in O(N K) time and memory.

    u_y = D/√2 e_y in R^K,     |u_y − u_y'| = D,     Σ_y c_y u_y = D/√2 c,     u_y·θ = D/√2 θ_y

Gradients (their coefficients sum to 0) and so all parameters of a run lie in the span of the corners' differences, in
which these are the arms of `bandits.geometry.simplex_arms` in another basis: every run is the same. Independent checks:
tests/bandits/test_simplex.py.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class Simplex(eqx.Module):
    """The arms of N prompts: K corners each, every pair at distance D."""

    num_prompts: int = eqx.field(static=True)
    """N."""
    num_arms: int = eqx.field(static=True)
    """K."""
    diameter: Float[Array, ""]
    """D."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(N, K, K), of the table that is not written out."""
        return self.num_prompts, self.num_arms, self.num_arms

    @property
    def dtype(self) -> jnp.dtype:
        """Of all numbers."""
        return self.diameter.dtype

    def products(self, vectors: Float[Array, "N K"]) -> Float[Array, "N K"]:
        """Σ_y v_y u_y, which is u_y·v for every y."""
        return self.diameter * np.sqrt(0.5) * vectors

    def table(self) -> Float[Array, "N K K"]:
        """U written out: O(N K²) memory, for tests and dense features."""
        corners = self.products(jnp.eye(self.num_arms, dtype=self.dtype))
        return jnp.broadcast_to(corners, self.shape)
