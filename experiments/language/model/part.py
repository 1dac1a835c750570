r"""Which parameters are trained, the others staying as they are: all, the last layers, or low-rank corrections.

    all        θ is the whole model
    last:4     θ is the last four layers; what the layers below make of a prompt is computed once and kept
    lora:8     W + A B with A [in, 8], B [8, out] for every matrix of every layer; B starts at 0 (arXiv 2106.09685)

The frozen arrays travel with the `Model` as arguments of compiled programs, never as constants inside them.
Independent checks: tests/experiments/language/model/test_part.py.
"""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from experiments.language.model.architecture import Parameters
from experiments.language.model.sizes import check_part

MATRICES = ("q", "k", "v", "o", "gate", "up", "down")
"""What low-rank corrections are added to, in every layer."""


class Part(eqx.Module):
    """What is trained of a model: θ is one pytree, and with the frozen rest it makes all parameters."""

    @abstractmethod
    def merged(self, θ: Parameters) -> Parameters:
        """All parameters, as the transformer takes them."""

    def divided(self, θ: Parameters) -> tuple[Parameters | None, Parameters]:
        """The frozen layers at the bottom with their embedding, or None; and everything from there on."""
        return None, self.merged(θ)


class Whole(Part):
    """Everything is trained."""

    def merged(self, θ: Parameters) -> Parameters:
        """θ."""
        return θ


class LastLayers(Part):
    """θ = {"blocks": …} of the last layers."""

    frozen: Parameters
    """The rest; its blocks are the layers below."""

    def merged(self, θ: Parameters) -> Parameters:
        """Both stacks of layers as one."""
        blocks = jax.tree.map(lambda low, high: jnp.concatenate([low, high]), self.frozen["blocks"], θ["blocks"])
        return {**self.frozen, "blocks": blocks}

    def divided(self, θ: Parameters) -> tuple[Parameters | None, Parameters]:
        """The frozen layers, and the trained ones with the output."""
        return self.frozen, {**self.frozen, "blocks": θ["blocks"]}


class LowRank(Part):
    """θ = {matrix: {"a": [L, in, r], "b": [L, r, out]}}."""

    frozen: Parameters

    def merged(self, θ: Parameters) -> Parameters:
        """W + A B."""
        blocks = dict(self.frozen["blocks"])
        for name, factors in θ.items():
            blocks[name] = blocks[name] + factors["a"] @ factors["b"]
        return {**self.frozen, "blocks": blocks}


def divide(train: str, parameters: Parameters, *, seed: int = 0) -> tuple[Parameters, Part]:
    """θ and the part that it is of a model.

    Arguments:
        train: "all", "last:4", "lora:8".
        parameters: all of them.
        seed: of A's random entries, N(0, 1/in).

    Raises:
        ValueError: another spelling, or more layers than there are below the first.
    """
    kind, number = check_part(train)
    if kind == "all":
        return parameters, Whole()
    blocks = parameters["blocks"]
    if kind == "last":
        num_layers = len(blocks["q"])
        if number >= num_layers:
            raise ValueError(f"--train is {train}; allowed: all, or last:1 to last:{num_layers - 1} of this model")
        low, high = (jax.tree.map(lambda w, part=part: w[part], blocks) for part in (
            slice(None, num_layers - number), slice(num_layers - number, None)
        ))  # fmt: skip
        return {"blocks": high}, LastLayers({**parameters, "blocks": low})
    rng, θ = np.random.default_rng(seed), {}
    for name in MATRICES:
        layers, rows, columns = blocks[name].shape
        if number > min(rows, columns):
            raise ValueError(f"--train is {train}; allowed: lora:1 to lora:{min(rows, columns)} of this model")
        a = rng.standard_normal((layers, rows, number)) / np.sqrt(rows)
        θ[name] = {
            "a": jnp.asarray(a, blocks[name].dtype),
            "b": jnp.zeros((layers, number, columns), blocks[name].dtype),
        }
    return θ, LowRank(parameters)
