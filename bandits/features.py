r"""Feature maps: how parameters move the logits, with features fixed in a Kronecker form.

    φ(x, y) = e_x ⊗ u_{x,y}

A feature array φ[N, K, d] of any kind is the case e_x = 1. Parameters are a matrix Θ[r, m], so a run costs
O(N r m + N K m) per step and the N K r m numbers of φ are never stored; `Equicorrelated` (all ⟨e_x, e_x'⟩ = ρ) costs
O(N K m), and O(N K) where arms are the corners of a `Simplex`. Features of exact coherence and diameter are made in
`bandits.geometry`; learnt ones are `bandits.bilinear`. Independent checks: tests/bandits/test_features.py.
"""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from bandits.simplex import Simplex
from curvature.check import Numbers, as_float, check_finite, check_shape
from curvature.coherence import span_basis
from curvature.safe import inverse_power, solve_psd


class Move(eqx.Module):
    """What a step of length s along a direction does to the logits: s · linear + s² · quadratic."""

    linear: Float[Array, "N K"]
    quadratic: Float[Array, "N K"] | None = None
    """None where features are fixed."""

    def at(self, multiple: Float[Array, ""]) -> Float[Array, "N K"]:
        """The change of the logits."""
        change = multiple * self.linear
        return change if self.quadratic is None else change + multiple**2 * self.quadratic


class FeatureMap(eqx.Module):
    """How parameters move the logits. A gradient of one prompt is kept as a short vector, a direction as a pytree."""

    @property
    @abstractmethod
    def table(self) -> tuple[int, int]:
        """(N, K), the shape of the logits."""

    @property
    def num_prompts(self) -> int:
        """N."""
        return self.table[0]

    @abstractmethod
    def initial(self) -> PyTree:
        """The parameters that a run starts from; the offsets are the logits there."""

    @abstractmethod
    def at(self, parameters: PyTree) -> FeatureMap:
        """The features at these parameters: ∂ logits/∂ parameters."""

    @abstractmethod
    def contract(self, coefficients: Float[Array, "N K"]) -> Float[Array, "N m"]:
        """Each prompt's gradient Σ_y coefficient(x, y) φ(x, y), in its short form."""

    @abstractmethod
    def gather(self, per_prompt: Float[Array, "N m"]) -> PyTree:
        """The sum of gradients in short form, as a direction."""

    @abstractmethod
    def squared_norms(self, per_prompt: Float[Array, "N m"]) -> Float[Array, " N"]:
        """|g_x|² of gradients in short form."""

    @abstractmethod
    def move(self, direction: PyTree) -> Move:
        """What a direction does to the logits."""

    @abstractmethod
    def decouple(
        self,
        per_prompt: Float[Array, "N m"],
        std: Float[Array, " N"],
        ridge: Float[Array, ""],
        projectors: Float[Array, "N m m"] | None,
    ) -> PyTree:
        """(Σ σ_x P_x + λ I)⁻¹ Σ g_x, P_x the projection on prompt x's span (T9); a pseudo-inverse at λ = 0."""

    @abstractmethod
    def projectors(self) -> Float[Array, "N m m"] | None:
        """P_x in the coordinates of the short form, for `decouple`; None where it needs none."""

    @abstractmethod
    def dense(self) -> Float[Array, "N K d"]:
        """φ(x, y) written out: for `curvature.moments` and for tests."""

    @abstractmethod
    def diameters(self) -> Float[Array, " N"]:
        """D_x, exact."""


class Kronecker(FeatureMap):
    """φ(x, y) = e_x ⊗ u_{x,y}: fixed features, parameters Θ [r, m]; the short form of e_x ⊗ a is a."""

    arms: eqx.AbstractVar[Float[Array, "N K m"] | Simplex]

    @property
    def table(self) -> tuple[int, int]:
        """(N, K)."""
        return self.arms.shape[0], self.arms.shape[1]

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(r, m), the shape of the parameters Θ."""

    @abstractmethod
    def project(self, parameters: Float[Array, "r m"]) -> Float[Array, "N m"]:
        """Θᵀe_x: what each prompt's arms see of the parameters. `gather` is its adjoint."""

    @abstractmethod
    def squared_lengths(self) -> Float[Array, " N"] | float:
        """|e_x|²."""

    @abstractmethod
    def embeddings(self) -> Float[Array, "N r"]:
        """e_x written out."""

    def initial(self) -> Float[Array, "r m"]:
        """Θ = 0."""
        return jnp.zeros(self.shape, self.arms.dtype)

    def at(self, parameters: PyTree) -> Kronecker:
        """The same everywhere."""
        return self

    def contract(self, coefficients: Float[Array, "N K"]) -> Float[Array, "N m"]:
        """a_x = Σ_y coefficient(x, y) u_{x,y}: O(N K m), and O(N K) of `Simplex`."""
        if isinstance(self.arms, Simplex):
            return self.arms.products(coefficients)
        # this order of the operands keeps a batch of runs in place; the other makes XLA transpose it (a third slower)
        return jnp.einsum("nk,nkm->nm", coefficients, self.arms)

    def logits(self, parameters: Float[Array, "r m"]) -> Float[Array, "N K"]:
        """θ·φ(x, y), without the offset: as `contract`."""
        if isinstance(self.arms, Simplex):
            return self.arms.products(self.project(parameters))
        return jnp.einsum("nm,nkm->nk", self.project(parameters), self.arms)

    def move(self, direction: PyTree) -> Move:
        """Linear."""
        return Move(self.logits(direction))

    def squared_norms(self, per_prompt: Float[Array, "N m"]) -> Float[Array, " N"]:
        """|e_x|² |a_x|²."""
        return self.squared_lengths() * jnp.sum(per_prompt**2, axis=-1)

    def decouple(
        self,
        per_prompt: Float[Array, "N m"],
        std: Float[Array, " N"],
        ridge: Float[Array, ""],
        projectors: Float[Array, "N m m"] | None,
    ) -> Float[Array, "r m"]:
        """By the eigenvalues of the sum, r × r where every prompt spans all m arm coordinates, else with r m for r.

        With fewer prompts than directions, N < r, the first sum is BᵀB, B = √σ e, and (BᵀB + λ)⁺Bᵀ = Bᵀ(BBᵀ + λ)⁺ needs
        those of N × N only: O(N r min(N, r)). Gradients of prompts with σ = 0 count as 0 there, which they are.
        """
        e, total = self.embeddings(), self.gather(per_prompt)
        if projectors is None and e.shape[0] < e.shape[1]:
            B = jnp.sqrt(std)[:, None] * e
            return B.T @ solve_psd(B @ B.T, inverse_power(std, 0.5)[:, None] * per_prompt, ridge)
        if projectors is None:
            return solve_psd((e * std[:, None]).T @ e, total, ridge)
        r, m = total.shape
        S = jnp.einsum("n,nr,ns,nab->rasb", std, e, e, projectors).reshape(r * m, r * m)
        return solve_psd(S, total.reshape(-1), ridge).reshape(r, m)

    def projectors(self) -> Float[Array, "N m m"] | None:
        """None where every prompt's arms span all of them, so that Σ σ P = (Eᵀ diag σ E) ⊗ I."""
        if isinstance(self.arms, Simplex):  # all gradients are in the span that every prompt's arms share
            return None
        bases = jax.vmap(span_basis)(self.arms)
        P = bases @ bases.swapaxes(-1, -2)
        return None if np.allclose(P, np.eye(self.arms.shape[2]), atol=1e-9) else P

    def dense(self) -> Float[Array, "N K d"]:
        """φ[N, K, r m]; O(N K r m) memory."""
        return jnp.einsum("nr,nkm->nkrm", self.embeddings(), self.written_arms()).reshape(*self.table, -1)

    def written_arms(self) -> Float[Array, "N K m"]:
        """U as an array."""
        return self.arms.table() if isinstance(self.arms, Simplex) else self.arms

    def diameters(self) -> Float[Array, " N"]:
        """O(N K² m); of `Simplex` its own."""
        if isinstance(self.arms, Simplex):
            return jnp.broadcast_to(self.arms.diameter * jnp.sqrt(self.squared_lengths()), self.num_prompts)
        pairs = jnp.sum((self.arms[:, :, None] - self.arms[:, None]) ** 2, axis=-1)
        return jnp.sqrt(pairs.max(axis=(1, 2)) * self.squared_lengths())


class Features(Kronecker):
    """Any embeddings: a matrix of them, or none for orthogonal spans."""

    arms: Float[Array, "N K m"] | Simplex
    """u_{x,y}."""
    embedding: Float[Array, "N r"] | None
    """e_x; None means the identity: every prompt has coordinates of its own (Θ is [N, m])."""

    @property
    def shape(self) -> tuple[int, int]:
        """(r, m), the shape of the parameters Θ."""
        return (self.num_prompts if self.embedding is None else self.embedding.shape[1], self.arms.shape[2])

    def project(self, parameters: Float[Array, "r m"]) -> Float[Array, "N m"]:
        """O(N r m)."""
        return parameters if self.embedding is None else self.embedding @ parameters

    def gather(self, per_prompt: Float[Array, "N m"]) -> Float[Array, "r m"]:
        """Σ_x e_x ⊗ a_x: the adjoint of `project`."""
        return per_prompt if self.embedding is None else self.embedding.T @ per_prompt

    def squared_lengths(self) -> Float[Array, " N"] | float:
        """1 for the identity."""
        return 1.0 if self.embedding is None else jnp.sum(self.embedding**2, axis=-1)

    def embeddings(self) -> Float[Array, "N r"]:
        """The matrix, or the identity."""
        return jnp.eye(self.num_prompts, dtype=self.arms.dtype) if self.embedding is None else self.embedding

    def decouple(
        self,
        per_prompt: Float[Array, "N m"],
        std: Float[Array, " N"],
        ridge: Float[Array, ""],
        projectors: Float[Array, "N m m"] | None,
    ) -> Float[Array, "r m"]:
        """As `Kronecker`; a division where spans are orthogonal."""
        if self.embedding is None:  # the sum is block diagonal
            return inverse_power(std + ridge, 1)[:, None] * per_prompt
        return super().decouple(per_prompt, std, ridge, projectors)


class Equicorrelated(Kronecker):
    """e_x = √(1−ρ) ε_x ⊕ √ρ c: coherence ρ between every two prompts, in O(N m) per step, not O(N² m).

    ρ is a number like any other, so that problems of all coherences, 0 and 1 too, run in one compiled program.
    """

    arms: Float[Array, "N K m"] | Simplex
    """u_{x,y}."""
    coherence: Float[Array, ""]
    """ρ in [0, 1]."""

    @property
    def shape(self) -> tuple[int, int]:
        """(N + 1, m): a row for each prompt and one for all."""
        return (self.num_prompts + 1, self.arms.shape[2])

    def project(self, parameters: Float[Array, "r m"]) -> Float[Array, "N m"]:
        """O(N m)."""
        return jnp.sqrt(1 - self.coherence) * parameters[:-1] + jnp.sqrt(self.coherence) * parameters[-1]

    def gather(self, per_prompt: Float[Array, "N m"]) -> Float[Array, "r m"]:
        """O(N m)."""
        total = jnp.sum(per_prompt, axis=0, keepdims=True)
        return jnp.concatenate([jnp.sqrt(1 - self.coherence) * per_prompt, jnp.sqrt(self.coherence) * total])

    def squared_lengths(self) -> float:
        """1."""
        return 1.0

    def embeddings(self) -> Float[Array, "N r"]:
        """O(N²)."""
        N = self.num_prompts
        common = jnp.full((N, 1), jnp.sqrt(self.coherence))
        return jnp.concatenate([jnp.sqrt(1 - self.coherence) * jnp.eye(N, dtype=self.arms.dtype), common], axis=1)

    def decouple(
        self,
        per_prompt: Float[Array, "N m"],
        std: Float[Array, " N"],
        ridge: Float[Array, ""],
        projectors: Float[Array, "N m m"] | None,
    ) -> Float[Array, "r m"]:
        """O(N m) where every prompt spans all arm coordinates: the sum is an arrow matrix.

        With d_x = (1−ρ) σ_x + λ the common row is √ρ Σ a_x/d_x / (1 + ρ Σ σ_x/d_x), and the others follow.
        """
        if projectors is not None:
            return super().decouple(per_prompt, std, ridge, projectors)
        ρ = self.coherence
        d = (1 - ρ) * std + ridge
        apart = inverse_power(d, 1)[:, None]
        common = jnp.sqrt(ρ) * jnp.sum(apart * per_prompt, axis=0) / (1 + ρ * jnp.sum(apart[:, 0] * std))
        one_span = jnp.sum(per_prompt, axis=0) * inverse_power(jnp.sum(std), 1)  # ρ = 1, λ = 0: every d_x is 0
        common = jnp.where(jnp.any(d > 0), common, one_span)
        own = jnp.sqrt(1 - ρ) * apart * (per_prompt - jnp.sqrt(ρ) * std[:, None] * common)
        return jnp.concatenate([own, common[None]])


def from_array(features: Numbers) -> Features:
    """Any feature array φ [N, K, d] whose prompts share all d parameters.

    Raises:
        ValueError: another shape, or not finite.
    """
    φ = as_float("features", features)
    check_shape("features", φ, (None, None, None))
    check_finite("features", φ)
    return Features(φ, jnp.ones((φ.shape[0], 1), φ.dtype))
