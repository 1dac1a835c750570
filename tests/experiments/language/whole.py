"""The transformer on whole sequences, without a prompt: what its caches and samplers are held against."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from experiments.language.model.architecture import Architecture, Parameters
from experiments.language.model.transformer import Cache, extend


def all_logits(parameters: Parameters, architecture: Architecture, tokens: Int[Array, "B T"]) -> Float[Array, "B T V"]:
    """Next-token logits at every position of whole sequences, without a prompt."""
    a = architecture
    empty = jnp.zeros((a.num_layers, tokens.shape[0], a.num_kv_heads, 0, a.head), parameters["embedding"].dtype)
    cache = Cache(empty, empty, jnp.zeros(tokens.shape[0], jnp.int32))
    return extend(parameters, a, cache, tokens[:, None])[:, 0]
