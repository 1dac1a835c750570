"""What becomes of a rule's direction before it is stepped along: nothing (SGD), momentum, Adam, as in optax 0.2.

    sgd   v      momentum   m ← v + μ m, then m      adam   m ← β₁m + (1−β₁)v,  s ← β₂s + (1−β₂)v²,
                                                            then (m/(1−β₁ᵗ)) / (√(s/(1−β₂ᵗ)) + ε)

v ascends, so signs are those of optax' on −v. Adam divides coordinate by coordinate: it forgets a constant factor of v,
up to ε (below 1e-12 it would also magnify the rounding of coordinates whose gradient is 0), and depends on the
coordinates of Θ, here those of the feature map (SGD and momentum do not). Step sizes and certificates are of what comes
out: T3 holds for any step. `Clipped` shortens v to a norm first, as trainers do. Independent check against optax:
tests/bandits/test_optimiser.py.
"""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from curvature.check import Numbers, as_float, check_interval, check_shape

OPTIMISERS = ("sgd", "momentum", "adam")
"""All of them."""


class Optimiser(eqx.Module):
    """Turns directions, one after the other, into updates in Θ."""

    @abstractmethod
    def init(self, parameters: PyTree) -> PyTree:
        """What it remembers before the first direction."""

    @abstractmethod
    def update(self, direction: PyTree, state: PyTree) -> tuple[PyTree, PyTree]:
        """(what to step along, what it remembers next)."""


class SGD(Optimiser):
    """The direction itself."""

    def init(self, parameters: PyTree) -> None:
        """Nothing."""

    def update(self, direction: PyTree, state: PyTree) -> tuple[PyTree, PyTree]:
        """Both as they are."""
        return direction, state


class Momentum(Optimiser):
    """A sum of directions, each μ times as heavy as the next (optax.trace without Nesterov, PyTorch's momentum)."""

    decay: Float[Array, ""]
    """μ in [0, 1)."""

    def init(self, parameters: PyTree) -> PyTree:
        """The sum, 0."""
        return jax.tree.map(jnp.zeros_like, parameters)

    def update(self, direction: PyTree, state: PyTree) -> tuple[PyTree, PyTree]:
        """The new sum, twice."""
        total = jax.tree.map(lambda v, m: v + self.decay * m, direction, state)
        return total, total


class AdamState(eqx.Module):
    """What Adam remembers."""

    count: Float[Array, ""]
    """Updates made."""
    mean: PyTree
    """The first moment m, like the parameters."""
    square: PyTree
    """The second moment s, like the parameters."""


class Adam(Optimiser):
    """The running mean over the root of the running mean square, both with bias correction."""

    mean_decay: Float[Array, ""]
    """β₁ in [0, 1)."""
    square_decay: Float[Array, ""]
    """β₂ in [0, 1)."""
    epsilon: Float[Array, ""]
    """Added to the root, positive."""

    def init(self, parameters: PyTree) -> AdamState:
        """Both means 0."""
        zero = jax.tree.map(jnp.zeros_like, parameters)
        return AdamState(jnp.zeros((), self.epsilon.dtype), zero, zero)

    def update(self, direction: PyTree, state: AdamState) -> tuple[PyTree, AdamState]:
        """optax.scale_by_adam's arithmetic."""
        β1, β2, t = self.mean_decay, self.square_decay, state.count + 1
        mean = jax.tree.map(lambda v, m: β1 * m + (1 - β1) * v, direction, state.mean)
        square = jax.tree.map(lambda v, s: β2 * s + (1 - β2) * v**2, direction, state.square)

        def scaled(m: Array, s: Array) -> Array:
            return (m / (1 - β1**t)) / (jnp.sqrt(s / (1 - β2**t)) + self.epsilon)

        return jax.tree.map(scaled, mean, square), AdamState(t, mean, square)


class Clipped(Optimiser):
    """Another optimiser, given directions of at most this length over all parameters (optax.clip_by_global_norm)."""

    optimiser: Optimiser
    max_norm: Float[Array, ""]
    """Positive, in units of the direction: a SUM over prompts."""

    def init(self, parameters: PyTree) -> PyTree:
        """The other's."""
        return self.optimiser.init(parameters)

    def update(self, direction: PyTree, state: PyTree) -> tuple[PyTree, PyTree]:
        """The other's, of the shortened direction."""
        norm = jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(direction)))
        shorter = jax.tree.map(lambda v: jnp.where(norm < self.max_norm, v, v / norm * self.max_norm), direction)
        return self.optimiser.update(shorter, state)


def make_optimiser(
    name: str,
    *,
    clip_norm: Numbers | None = None,
    decay: Numbers = 0.9,
    mean_decay: Numbers = 0.9,
    square_decay: Numbers = 0.999,
    epsilon: Numbers = 1e-8,
) -> Optimiser:
    """An optimiser by its name; the defaults are optax' and PyTorch's.

    Arguments:
        name: one of `OPTIMISERS`.
        clip_norm: the greatest length of a direction, positive; longer ones are shortened to it. None: any.
        decay: μ of momentum in [0, 1).
        mean_decay, square_decay: β₁ and β₂ of adam in [0, 1).
        epsilon: of adam, positive, in units of the direction.

    Raises:
        ValueError: another name, or a number that the named optimiser uses and that is out of range.
    """
    if clip_norm is not None:
        unclipped = make_optimiser(name, decay=decay, mean_decay=mean_decay, square_decay=square_decay, epsilon=epsilon)
        return Clipped(unclipped, _number("clip_norm", clip_norm, "lh", float("inf")))
    if name == "sgd":
        return SGD()
    if name == "momentum":
        return Momentum(_number("decay", decay))
    if name == "adam":
        ε = _number("epsilon", epsilon, "lh", float("inf"))
        return Adam(_number("mean_decay", mean_decay), _number("square_decay", square_decay), ε)
    raise ValueError(f"optimiser is {name!r}; allowed: {', '.join(OPTIMISERS)}")


def _number(name: str, value: Numbers, open_ends: str = "h", high: float = 1) -> Float[Array, ""]:
    number = as_float(name, value)
    check_shape(name, number, ())
    check_interval(name, number, 0, high, open_ends=open_ends)
    return number
