r"""A decoder-only transformer as a plain pytree and pure functions: RMSNorm, RoPE, grouped-query attention, SwiGLU.

    x ← x + W_o · attention(norm(x)),      x ← x + W_down( silu(W_gate n) ⊙ W_up n ),  n = norm(x)

One definition covers our small sizes and the Llama / SmolLM2 and Qwen2 layouts (`pretrained.py` loads those). A prompt
is encoded once; its keys and values serve all responses to it, in training and in sampling. Responses are fed from the
separator on, the last token of the prompt, so that the prompt's cache never includes a token that predicts.
Parity with `transformers`: tests/parity. Cached against uncached: tests/experiments/language/model/test_transformer.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from experiments.language.model.architecture import Architecture, Parameters

NEVER = -1e30
"""Added to attention logits that may not be seen; finite, so that a row of padding gives no NaN."""


class Cache(eqx.Module):
    """Keys (already turned) and values of a batch of prompts, each shared by all responses to it."""

    keys: Float[Array, "L P kv S h"]
    values: Float[Array, "L P kv S h"]
    lengths: Int[Array, " P"]
    """Tokens of each prompt; what lies beyond is padding."""


def _norm(x: Float[Array, "*batch d"], scale: Float[Array, " d"], ε: float) -> Float[Array, "*batch d"]:
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + jnp.asarray(ε, x.dtype)) * scale


def _times(x: Float[Array, "*batch a"], matrix: Float[Array, "a b"]) -> Float[Array, "*batch b"]:
    """X @ matrix with the batch made one axis: its gradient is then one plain product, twice as fast on a CPU."""
    return (x.reshape(-1, x.shape[-1]) @ matrix).reshape(*x.shape[:-1], matrix.shape[-1])


def _rope(positions: Int[Array, "*batch T"], a: Architecture, dtype: jnp.dtype) -> tuple[Array, Array]:
    """Cos and sin [*batch, T, 1, head/2] of the angles by which pairs (i, i + head/2) turn."""
    precise = jnp.float64 if dtype == jnp.float64 else jnp.float32  # bfloat16 has too few digits for angles
    frequencies = a.rope_theta ** (-jnp.arange(0, a.head, 2, dtype=precise) / a.head)
    if a.rope_stretch is not None:
        scale = a.rope_stretch.scale(a.rope_theta ** (-np.arange(0, a.head, 2) / a.head))
        frequencies = frequencies * jnp.asarray(scale, precise)
    angles = positions[..., None, None].astype(precise) * frequencies
    return jnp.cos(angles).astype(dtype), jnp.sin(angles).astype(dtype)


def _turn(x: Float[Array, "*batch T n h"], rope: tuple[Array, Array]) -> Float[Array, "*batch T n h"]:
    cos, sin = rope
    left, right = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([left * cos - right * sin, right * cos + left * sin], axis=-1)


def _project(block: Parameters, x: Float[Array, "*batch d"], a: Architecture) -> list[Array]:
    """Queries, keys and values of the normalised input, their heads side by side."""
    n = _norm(x, block["attention_norm"], a.norm_epsilon)
    flat = [_times(n, block[name]) for name in "qkv"]
    return [y + block[f"{name}_bias"] for name, y in zip("qkv", flat, strict=True)] if a.qkv_bias else flat


def _heads(flat: list[Array], a: Architecture, rope: tuple[Array, Array]) -> tuple[Array, Array, Array]:
    """Queries [*batch, kv, r, T, h], turned and scaled, keys and values [*batch, kv, T, h], of [*batch, T, :] each.

    Heads come before tokens: batched products of contiguous matrices are twice as fast on a CPU as what einsum makes.
    """
    numbers = a.num_heads, a.num_kv_heads, a.num_kv_heads
    q, k, v = (y.reshape(*y.shape[:-1], number, a.head) for y, number in zip(flat, numbers, strict=True))
    q = jnp.moveaxis(_turn(q, rope) * a.head**-0.5, -3, -2)
    q = q.reshape(*q.shape[:-3], a.num_kv_heads, a.num_heads // a.num_kv_heads, *q.shape[-2:])
    return q, jnp.moveaxis(_turn(k, rope), -3, -2), jnp.moveaxis(v, -3, -2)


def _mlp(block: Parameters, x: Array, a: Architecture) -> Array:
    n = _norm(x, block["mlp_norm"], a.norm_epsilon)
    return x + _times(jax.nn.silu(_times(n, block["gate"])) * _times(n, block["up"]), block["down"])


def _unrolled(num_layers: int) -> bool:
    """Few layers are written out, so that what the last one computes for prompts in vain is dropped by the compiler."""
    return num_layers <= 8


def _layers(layer: Callable, x: Array, inputs: Any) -> tuple[Array, Any]:
    """`lax.scan` of the layers, or the same written out: even unrolled, a scan differentiates what nobody uses."""
    num_layers = len(jax.tree.leaves(inputs)[0])
    if not _unrolled(num_layers):
        return jax.lax.scan(layer, x, inputs)
    found = []
    for i in range(num_layers):
        x, y = layer(x, jax.tree.map(lambda w, i=i: w[i], inputs))
        found.append(y)
    return x, jax.tree.map(lambda *ys: jnp.stack(ys), *found)


def encode(
    parameters: Parameters, architecture: Architecture, prompts: Int[Array, "P S"], lengths: Int[Array, " P"]
) -> Cache:
    """The prompts' keys and values.

    Arguments:
        prompts: [P, S] token ids, padded on the right.
        lengths: [P] 0 ≤ length ≤ S.
    """
    return through_prompts(parameters["blocks"], architecture, parameters["embedding"][prompts], lengths)[1]


def through_prompts(
    blocks: Parameters, architecture: Architecture, x: Float[Array, "P S d"], lengths: Int[Array, " P"]
) -> tuple[Float[Array, "P S d"], Cache]:
    """States of prompts after these layers, and the layers' keys and values.

    Arguments:
        blocks: parameters of one layer or several, with a leading axis.
        x: what enters the first of them.
    """
    a, S = architecture, x.shape[1]
    rope, causal = _rope(jnp.arange(S), a, x.dtype), _causal_mask(S, x.dtype)

    def layer(x: Array, block: Parameters) -> tuple[Array, tuple[Array, Array]]:
        q, k, v = _heads(_project(block, x, a), a, rope)
        x = x + _times(_over_prompt(q, k, v, causal), block["o"])
        return _mlp(block, x, a), (k, v)

    x, (keys, values) = _layers(layer, x, blocks)
    return x, Cache(keys, values, lengths)


def _over_prompt(q: Array, k: Array, v: Array, mask: Array) -> Array:
    """Attention of prompts over their own tokens; q: [P, kv, r, S, h], k, v: [P, kv, S, h] → [P, S, heads · h]."""
    P, kv, r, S, h = q.shape
    weights = (q.reshape(P, kv, r * S, h) @ k.swapaxes(-1, -2)).reshape(P, kv, r, S, S) + mask
    mixed = jax.nn.softmax(weights, axis=-1).reshape(P, kv, r * S, S) @ v
    return jnp.moveaxis(mixed.reshape(P, kv * r, S, h), 1, 2).reshape(P, S, kv * r * h)


def _own_and_prompt(
    q: Array, k: Array, v: Array, own_mask: Array, cache_k: Array, cache_v: Array, prompt_mask: Array
) -> Array:
    """Attention of responses over their own tokens and their prompt's; [P, G, T, heads · h].

    q: [P, G, kv, r, T, h]; k, v: [P, G, kv, R, h]; cache_k, cache_v: [P, kv, S, h]; masks: [T, R] and [P, S].
    """
    P, G, kv, r, T, h = q.shape
    S, R = cache_k.shape[-2], k.shape[-2]
    rows = jnp.moveaxis(q, 1, 2).reshape(P, kv, G * r * T, h)  # all responses to a prompt in one product
    prompt = (rows @ cache_k.swapaxes(-1, -2)).reshape(P, kv, G, r, T, S) + prompt_mask[:, None, None, None, None]
    own = (q.reshape(P, G, kv, r * T, h) @ k.swapaxes(-1, -2)).reshape(P, G, kv, r, T, R) + own_mask
    weights = jax.nn.softmax(jnp.concatenate([prompt, jnp.moveaxis(own, 1, 2)], axis=-1), axis=-1)
    from_prompt = (weights[..., :S].reshape(P, kv, G * r * T, S) @ cache_v).reshape(P, kv, G, r, T, h)
    from_own = jnp.moveaxis(weights[..., S:], 2, 1).reshape(P, G, kv, r * T, R) @ v
    mixed = jnp.moveaxis(from_prompt, 2, 1) + from_own.reshape(P, G, kv, r, T, h)
    return jnp.moveaxis(mixed, 4, 2).reshape(P, G, T, kv * r * h)


def _causal_mask(num_tokens: int, dtype: jnp.dtype) -> Array:
    return jnp.where(jnp.tril(jnp.ones((num_tokens, num_tokens), bool)), 0, NEVER).astype(dtype)


def _prompt_mask(lengths: Int[Array, " P"], num_tokens: int, dtype: jnp.dtype) -> Array:
    return jnp.where(jnp.arange(num_tokens, dtype=lengths.dtype) < lengths[:, None], 0, NEVER).astype(dtype)


def _after(lengths: Int[Array, " P"], num_tokens: int) -> Int[Array, "P 1 T"]:
    """Positions of a response's tokens, the separator's first."""
    return (lengths[:, None] + jnp.arange(num_tokens, dtype=lengths.dtype))[:, None, :]


def _output(parameters: Parameters, a: Architecture) -> Float[Array, "V d"]:
    return parameters["embedding"] if a.tied else parameters["head"].T


def through_responses(
    blocks: Parameters, architecture: Architecture, cache: Cache, x: Float[Array, "P G T d"]
) -> Float[Array, "P G T d"]:
    """States of responses after these layers.

    Arguments:
        blocks: parameters of one layer or several, with a leading axis.
        cache: the prompts' keys and values in the same layers.
        x: what enters the first of them, from the separator on.
    """
    a, T = architecture, x.shape[-2]
    rope = _rope(_after(cache.lengths, T), a, x.dtype)
    own_mask = _causal_mask(T, x.dtype)
    prompt_mask = _prompt_mask(cache.lengths, cache.keys.shape[3], x.dtype)

    def layer(x: Array, inputs: tuple[Parameters, Array, Array]) -> tuple[Array, None]:
        block, cache_k, cache_v = inputs
        q, k, v = _heads(_project(block, x, a), a, rope)
        x = x + _times(_own_and_prompt(q, k, v, own_mask, cache_k, cache_v, prompt_mask), block["o"])
        return _mlp(block, x, a), None

    return _layers(layer, x, (blocks, cache.keys, cache.values))[0]


def through_both(
    blocks: Parameters,
    architecture: Architecture,
    prompts: Float[Array, "P S d"],
    responses: Float[Array, "P G T d"],
    lengths: Int[Array, " P"],
) -> Float[Array, "P G T d"]:
    """States of responses after these layers: `through_prompts`, then `through_responses`, and the same numbers.

    Many layers take both at once: each matrix is then read once, and its gradient is one product. A few do not, see
    `_unrolled`.
    """
    a, (P, S, d), (G, T) = architecture, prompts.shape, responses.shape[1:3]
    if _unrolled(len(blocks["q"])):
        _, cache = through_prompts(blocks, a, prompts, lengths)
        return through_responses(blocks, a, cache, responses)
    dtype, cut = prompts.dtype, P * S
    ropes = _rope(jnp.arange(S), a, dtype), _rope(_after(lengths, T), a, dtype)
    causal, own_mask, prompt_mask = _causal_mask(S, dtype), _causal_mask(T, dtype), _prompt_mask(lengths, S, dtype)

    def layer(x: Array, block: Parameters) -> tuple[Array, None]:
        flat = _project(block, x, a)
        q, k, v = _heads([y[:cut].reshape(P, S, -1) for y in flat], a, ropes[0])
        own = _heads([y[cut:].reshape(P, G, T, -1) for y in flat], a, ropes[1])
        mixed = _over_prompt(q, k, v, causal), _own_and_prompt(*own, own_mask, k, v, prompt_mask)
        x = x + _times(jnp.concatenate([y.reshape(-1, y.shape[-1]) for y in mixed]), block["o"])
        return _mlp(block, x, a), None

    x = jnp.concatenate([prompts.reshape(cut, d), responses.reshape(-1, d)])
    return _layers(layer, x, blocks)[0][cut:].reshape(P, G, T, d)


def extend(
    parameters: Parameters, architecture: Architecture, cache: Cache, tokens: Int[Array, "P G T"]
) -> Float[Array, "P G T V"]:
    """Next-token logits after each of `tokens`, which follow the cached prompts: G responses to each."""
    a = architecture
    x = through_responses(parameters["blocks"], a, cache, parameters["embedding"][tokens])
    return _times(_norm(x, parameters["final_norm"], a.norm_epsilon), _output(parameters, a).T)


def next_logits(
    parameters: Parameters,
    architecture: Architecture,
    cache: Cache,
    own: tuple[Float[Array, "L P G kv R h"], Float[Array, "L P G kv R h"]],
    tokens: Int[Array, "P G"],
    time: Int[Array, ""],
) -> tuple[Float[Array, "P G V"], tuple[Float[Array, "L P G kv R h"], Float[Array, "L P G kv R h"]]]:
    """One decoding step: the logits after `tokens`, the response's number `time` (0: the separator).

    `own` holds the responses' keys and values so far and comes back with this token's.
    """
    a = architecture
    x = parameters["embedding"][tokens][:, :, None]
    rope = _rope((cache.lengths + time.astype(cache.lengths.dtype))[:, None, None], a, x.dtype)
    keys, values = own
    own_mask = jnp.where(jnp.arange(keys.shape[4], dtype=time.dtype) <= time, 0, NEVER).astype(x.dtype)
    prompt_mask = _prompt_mask(cache.lengths, cache.keys.shape[3], x.dtype)

    def layer(index: int | Array, x: Array, keys: Array, values: Array) -> tuple[Array, Array, Array]:
        block = jax.tree.map(lambda w: w[index], parameters["blocks"])
        q, k, v = _heads(_project(block, x, a), a, rope)
        zero = jnp.zeros((), time.dtype)
        place = (jnp.asarray(index, time.dtype), zero, zero, zero, time, zero)
        keys, values = (jax.lax.dynamic_update_slice(x, new[None], place) for x, new in ((keys, k), (values, v)))
        mixed = _own_and_prompt(
            q, keys[index], values[index], own_mask, cache.keys[index], cache.values[index], prompt_mask
        )
        return _mlp(block, x + _times(mixed, block["o"]), a), keys, values

    if _unrolled(a.num_layers):
        for index in range(a.num_layers):
            x, keys, values = layer(index, x, keys, values)
    else:
        x, keys, values = jax.lax.fori_loop(0, a.num_layers, lambda i, carry: layer(i, *carry), (x, keys, values))
    x = _norm(x[:, :, 0], parameters["final_norm"], a.norm_epsilon)
    return _times(x, _output(parameters, a).T), (keys, values)


def log_probabilities(
    parameters: Parameters,
    architecture: Architecture,
    x: Float[Array, "P G R d"],
    responses: Int[Array, "P G R"],
    response_lengths: Int[Array, "P G"],
) -> Float[Array, "P G R"]:
    """Log π of each response token given what precedes it; 0 beyond the response's length.

    Arguments:
        x: states after the last layer, of the separator and of each token but the last.
        responses: [P, G, R] token ids with their end token, padded on the right.
        response_lengths: [P, G] tokens that count.
    """
    states = _norm(x, parameters["final_norm"], architecture.norm_epsilon)
    output = _output(parameters, architecture)
    logits = _times(states, output.T)
    # not picked from the logits: the gradient of that would be a scatter into the largest array there is
    chosen = jnp.sum(states * output[responses], axis=-1)
    log_π = chosen - jax.nn.logsumexp(logits, axis=-1)
    counts = jnp.arange(responses.shape[-1], dtype=response_lengths.dtype) < response_lengths[..., None]
    return jnp.where(counts, log_π, 0)
