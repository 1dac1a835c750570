r"""Features with exactly controlled coherence between prompts and exactly controlled diameter.

    φ(x, y) = e_x ⊗ u_{x,y},     ⟨e_x, e_x'⟩ = C_xx',  |e_x| = 1

C is any correlation matrix; ‖P_x P_x'‖ = |C_xx'| where prompts share the span of their arms, and never more. C = I
gives orthogonal spans, C = 11ᵀ identical features; a feature array φ[N, K, d] of any kind is the case e_x = 1.
Parameters are a matrix Θ[r, m], so a run costs O(N r m + N K m) per step and the N K r m numbers of φ are never stored;
`Equicorrelated` (all ⟨e_x, e_x'⟩ = ρ) costs O(N K m). Learnt features are `bandits.bilinear`.
Independent checks: tests/bandits/test_features.py.
"""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from curvature.check import Numbers, as_float, check_count, check_finite, check_interval, check_shape
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

    arms: eqx.AbstractVar[Float[Array, "N K m"]]

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
        """a_x = Σ_y coefficient(x, y) u_{x,y}."""
        # this order of the operands keeps a batch of runs in place; the other makes XLA transpose it (a third slower)
        return jnp.einsum("nk,nkm->nm", coefficients, self.arms)

    def logits(self, parameters: Float[Array, "r m"]) -> Float[Array, "N K"]:
        """θ·φ(x, y), without the offset."""
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
        """By the eigenvalues of the sum: O(N r² + r³) where every prompt spans all m arm coordinates, else with r m."""
        e, total = self.embeddings(), self.gather(per_prompt)
        if projectors is None:
            return solve_psd((e * std[:, None]).T @ e, total, ridge)
        r, m = total.shape
        S = jnp.einsum("n,nr,ns,nab->rasb", std, e, e, projectors).reshape(r * m, r * m)
        return solve_psd(S, total.reshape(-1), ridge).reshape(r, m)

    def projectors(self) -> Float[Array, "N m m"] | None:
        """None where every prompt's arms span all of them, so that Σ σ P = (Eᵀ diag σ E) ⊗ I."""
        bases = jax.vmap(span_basis)(self.arms)
        P = bases @ bases.swapaxes(-1, -2)
        return None if np.allclose(P, np.eye(self.arms.shape[2]), atol=1e-9) else P

    def dense(self) -> Float[Array, "N K d"]:
        """φ[N, K, r m]; O(N K r m) memory."""
        return jnp.einsum("nr,nkm->nkrm", self.embeddings(), self.arms).reshape(*self.arms.shape[:2], -1)

    def diameters(self) -> Float[Array, " N"]:
        """O(N K² m)."""
        pairs = jnp.sum((self.arms[:, :, None] - self.arms[:, None]) ** 2, axis=-1)
        return jnp.sqrt(pairs.max(axis=(1, 2)) * self.squared_lengths())


class Features(Kronecker):
    """Any embeddings: a matrix of them, or none for orthogonal spans."""

    arms: Float[Array, "N K m"]
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

    arms: Float[Array, "N K m"]
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


def equicorrelation(num_prompts: int, coherence: float) -> Float[np.ndarray, "N N"]:
    """(1−ρ) I + ρ 11ᵀ, ρ in [0, 1].

    Raises:
        ValueError: ρ outside [0, 1], fewer than 1 prompt.

    >>> equicorrelation(2, 0.5).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    check_count("num_prompts", num_prompts, 1)
    check_interval("coherence", coherence, 0, 1)
    return (1 - coherence) * np.eye(num_prompts) + coherence


def embed(correlation: Numbers, *, cutoff: float = 1e-12) -> Float[Array, "N r"]:
    """Unit vectors e_x with ⟨e_x, e_x'⟩ = C_xx', in the smallest dimension r = rank C.

    Raises:
        ValueError: C is not a correlation matrix: not symmetric, diagonal other than 1, or an eigenvalue below 0.
    """
    C = np.asarray(as_float("correlation", correlation))
    check_shape("correlation", jnp.asarray(C), (None, C.shape[0] if C.ndim else None))
    check_finite("correlation", jnp.asarray(C))
    if not np.allclose(C, C.T, rtol=0, atol=1e-12):
        raise ValueError(f"correlation differs from its transpose by {np.abs(C - C.T).max():.3g}; allowed: symmetric")
    if not np.allclose(np.diag(C), 1, rtol=0, atol=1e-12):
        raise ValueError(f"correlation has diagonal entry {np.diag(C)[np.abs(np.diag(C) - 1).argmax()]}; allowed: 1")
    values, vectors = np.linalg.eigh(C)
    if values[0] < -1e-10 * values[-1]:
        raise ValueError(f"correlation has eigenvalue {values[0]:.6g}; allowed: none below 0")
    alive = values > cutoff * values[-1]
    return jnp.asarray(vectors[:, alive] * np.sqrt(values[alive]))


def simplex_arms(num_arms: int, diameter: float = 1.0) -> Float[Array, "K K-1"]:
    """Corners of a regular simplex around 0, every pair at distance D. Every arm is alike. K ≥ 2.

    Raises:
        ValueError: fewer than 2 arms, a diameter that is not positive and finite.

    >>> print(simplex_arms(2)[:, 0])
    [ 0.5 -0.5]
    """
    check_count("num_arms", num_arms, 2)
    check_interval("diameter", diameter, 0, float("inf"), open_ends="lh")
    # Helmert's rows: an orthonormal basis of the space orthogonal to 1, in which e_y − 1/K are the corners
    rows = np.tril(np.ones((num_arms - 1, num_arms)), 0)
    index = np.arange(1, num_arms)
    rows[index - 1, index] = -index
    rows /= np.sqrt(index * (index + 1))[:, None]
    return jnp.asarray(rows.T * diameter / np.sqrt(2))


def random_arms(
    num_prompts: int, num_arms: int, dimension: int, *, diameter: Numbers = 1.0, key: Key[Array, ""]
) -> Array:
    """Gaussian arms [N, K, m], each prompt's scaled to have exactly its diameter (a number, or [N]).

    Raises:
        ValueError: fewer than 1 prompt, 2 arms or 1 dimension, a diameter that is not positive and finite.
    """
    check_count("num_prompts", num_prompts, 1)
    check_count("num_arms", num_arms, 2)
    check_count("dimension", dimension, 1)
    D = as_float("diameter", diameter)
    check_interval("diameter", D, 0, float("inf"), open_ends="lh")
    u = jax.random.normal(key, (num_prompts, num_arms, dimension))
    u = u - u.mean(axis=1, keepdims=True)
    return u * (D / Features(u, None).diameters())[:, None, None]


def coherent(correlation: Numbers | None, arms: Numbers, *, num_prompts: int | None = None) -> Features:
    """Features with the given coherence between prompts.

    Arguments:
        correlation: [N, N] C; None for orthogonal spans (C = I, stored as nothing at all).
        arms: [K, m] shared by all prompts, or [N, K, m].
        num_prompts: N, needed only where neither array tells.

    Raises:
        ValueError: arrays that disagree on N, or a C that is not a correlation matrix.
    """
    u = as_float("arms", arms)
    check_finite("arms", u)
    e = None if correlation is None else embed(correlation)
    N = e.shape[0] if e is not None else u.shape[0] if u.ndim == 3 else num_prompts
    if N is None:
        raise ValueError("num_prompts is None; allowed: an integer, where arms are shared and correlation is None")
    check_count("num_prompts", N, 1)
    if u.ndim == 2:
        u = jnp.broadcast_to(u, (N, *u.shape))
    check_shape("arms", u, (N, None, None))
    return Features(u, e)


def equicorrelated(arms: Numbers, coherence: Numbers, *, num_prompts: int | None = None) -> Equicorrelated:
    """Features with coherence ρ between every two prompts; arguments otherwise as `coherent`.

    Raises:
        ValueError: ρ outside [0, 1], and as `coherent`.
    """
    ρ = as_float("coherence", coherence)
    check_shape("coherence", ρ, ())
    check_interval("coherence", ρ, 0, 1)
    return Equicorrelated(coherent(None, arms, num_prompts=num_prompts).arms, ρ.astype(jnp.result_type(float)))
