"""Arrays over several devices: prompts are split, parameters are whole on each, and the compiler adds gradients up."""

from __future__ import annotations

from typing import TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

T = TypeVar("T")


def shard(tree: T) -> T:
    """Split the leading axis of every array over the devices where it divides; elsewhere leave the tree as it is."""
    devices = jax.devices()
    if len(devices) == 1:
        return tree
    mesh = Mesh(np.array(devices), ("prompts",))

    def place(x: Array) -> Array:
        divides = x.ndim > 0 and x.shape[0] % len(devices) == 0
        return jax.device_put(x, NamedSharding(mesh, PartitionSpec("prompts") if divides else PartitionSpec()))

    return jax.tree.map(place, tree)


def everywhere(tree: T) -> T:
    """Copy a tree to every device where there are several."""
    devices = jax.devices()
    if len(devices) == 1:
        return tree
    return jax.device_put(tree, NamedSharding(Mesh(np.array(devices), ("prompts",)), PartitionSpec()))
