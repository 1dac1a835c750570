"""Responses drawn from the model: one cache a prompt, shared by its group; the loop ends when every response has.

A token is drawn by inverting the distribution function in two stages, a block of the vocabulary and a token of the
block, each with its own uniform number: exact to 2⁻²³ in probability, the step of a float32 uniform number, at each
stage, and much cheaper than one random number for every word of the vocabulary. Independent checks:
tests/experiments/language/model/test_sample.py.
"""

from __future__ import annotations

from math import ceil, isqrt
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from experiments.language.model.architecture import Parameters
from experiments.language.model.model import Batch, Model
from experiments.language.model.transformer import Cache, encode, next_logits


class Samples(eqx.Module):
    """G responses to each of P prompts."""

    responses: Int[Array, "P G R"]
    """Token ids, the end token included, padded on the right."""
    lengths: Int[Array, "P G"]
    """Tokens that count, the end token included."""
    ended: Bool[Array, "P G"]
    """Whether an end token came within R tokens; a response without one is wrong."""
    log_probabilities: Float[Array, "P G"]
    """log π of the whole response at temperature 1."""


def draw(logits: Float[Array, "*batch V"], *, key: Key[Array, ""]) -> Int[Array, "*batch"]:
    """One index a row, with probability softmax(logits)."""
    V = logits.shape[-1]
    size = isqrt(V - 1) + 1
    count = ceil(V / size)
    weights = jnp.exp(logits - jnp.max(logits, axis=-1, keepdims=True))
    weights = jnp.pad(weights, [(0, 0)] * (logits.ndim - 1) + [(0, count * size - V)])
    blocks = weights.reshape(*weights.shape[:-1], count, size)
    u = jax.random.uniform(key, (2, *logits.shape[:-1], 1), logits.dtype)
    block = _invert(jnp.sum(blocks, axis=-1), u[0])
    inside = jnp.take_along_axis(blocks, block[..., None, None], axis=-2)[..., 0, :]
    return block * size + _invert(inside, u[1])


def _invert(weights: Float[Array, "*batch n"], u: Float[Array, "*batch 1"]) -> Int[Array, "*batch"]:
    """The first index whose cumulative weight exceeds u · total: never one of weight 0, since u < 1."""
    total = jnp.cumsum(weights, axis=-1)
    return jnp.sum(total <= u * total[..., -1:], axis=-1, dtype=jnp.int32)


def sample(
    parameters: Parameters,
    model: Model,
    cache: Cache,
    *,
    key: Key[Array, ""] | None,
    group_size: int,
    max_length: int,
) -> Samples:
    """Draw responses at temperature 1; jit with everything after `cache` but `key` static.

    Arguments:
        parameters: all of the model's, whatever part of it is trained.
        cache: the encoded prompts.
        key: of the draws; None decodes greedily (the most likely token, the least id among equals).
        group_size: G responses a prompt.
        max_length: R, at most so many tokens, the end token included.
    """
    a = model.architecture
    P = cache.lengths.shape[0]
    dtype = cache.keys.dtype
    own = jnp.zeros((a.num_layers, P, group_size, a.num_kv_heads, max_length, a.head), dtype)
    responses = jnp.full((P, group_size, max_length), model.pad, jnp.int32)
    lengths = jnp.zeros((P, group_size), jnp.int32)
    last = jnp.full((P, group_size), model.separator, jnp.int32)
    ended = jnp.zeros((P, group_size), bool)

    def unfinished(carry: tuple) -> Bool[Array, ""]:
        time, _, _, ended, *_ = carry
        return (time < max_length) & ~jnp.all(ended)

    zero = jnp.zeros((), jnp.int32)

    def step(carry: tuple) -> tuple:
        time, own, last, ended, responses, lengths, log_π = carry
        logits, own = next_logits(parameters, a, cache, own, last, time)
        if key is None:
            token = jnp.argmax(logits, axis=-1).astype(jnp.int32)
        else:
            token = draw(logits, key=jax.random.fold_in(key, time))
        chosen = jnp.take_along_axis(logits, token[..., None], axis=-1)[..., 0] - jax.nn.logsumexp(logits, axis=-1)
        log_π = log_π + jnp.where(ended, 0, chosen)
        token = jnp.where(ended, model.pad, token)
        responses = jax.lax.dynamic_update_slice(responses, token[..., None], (zero, zero, time))
        lengths = lengths + (~ended).astype(jnp.int32)
        return time + 1, own, token, ended | model.is_end(token), responses, lengths, log_π

    start = (jnp.zeros((), jnp.int32), (own, own), last, ended, responses, lengths, jnp.zeros((P, group_size), dtype))
    _, _, _, ended, responses, lengths, log_π = jax.lax.while_loop(unfinished, step, start)
    return Samples(responses, lengths, ended, log_π)


class Sampler:
    """`sample`, compiled once for a model and a size."""

    def __init__(self, model: Model, longest: int):
        self.model, self.longest = model, longest
        self._draw = jax.jit(self._sample, static_argnames=("group_size", "greedy"))

    def _sample(
        self, model: Model, parameters: Parameters, batch: Batch, key: Any, group_size: int, greedy: bool
    ) -> Samples:
        whole = model.part.merged(parameters)
        cache = encode(whole, model.architecture, batch.prompts, batch.lengths)
        key = None if greedy else key
        return sample(whole, model, cache, key=key, group_size=group_size, max_length=self.longest)

    def __call__(
        self, parameters: Parameters, batch: Batch, key: Any, group_size: int, *, greedy: bool = False
    ) -> Samples:
        """G responses of at most `longest` tokens to each of the batch's prompts; its own responses do not matter."""
        return self._draw(self.model, parameters, batch, key, group_size=group_size, greedy=greedy)
