r"""A decoder-only transformer as a plain pytree and pure functions: RMSNorm, RoPE, grouped-query attention, SwiGLU.

    x ← x + W_o · attention(norm(x)),      x ← x + W_down( silu(W_gate n) ⊙ W_up n ),  n = norm(x)

One definition covers our small sizes and the Llama / SmolLM2 and Qwen2 layouts (`pretrained.py` loads those). A prompt
is encoded once; its keys and values serve all responses to it, in training and in sampling. Responses are fed from the
separator on, the last token of the prompt, so that the prompt's cache never includes a token that predicts.
Parity with `transformers`: tests/parity. Cached against uncached: tests/experiments/language/model/test_transformer.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from curvature.ranges import check_count
from experiments.language.model.rope import Stretch

Parameters = dict  # nested: a pytree of arrays, see `initial_parameters`
NEVER = -1e30
"""Added to attention logits that may not be seen; finite, so that a row of padding gives no NaN."""


@dataclass(frozen=True)
class Architecture:
    """Sizes and constants of the transformer. Hashable: a static argument of jitted functions."""

    vocabulary: int
    width: int = 128
    num_layers: int = 4
    num_heads: int = 4
    num_kv_heads: int = 2
    """Grouped-query attention: query heads share keys and values; must divide `num_heads`."""
    mlp_width: int = 352
    head_size: int | None = None
    """Default: width / num_heads."""
    rope_theta: float = 10_000.0
    rope_stretch: Stretch | None = None
    """How positions are stretched beyond the first training's length."""
    norm_epsilon: float = 1e-6
    tied: bool = True
    """The output matrix is the embedding."""
    qkv_bias: bool = False
    """Qwen2 adds biases to queries, keys and values."""

    def __post_init__(self) -> None:
        for name in ("vocabulary", "width", "num_layers", "num_heads", "num_kv_heads", "mlp_width"):
            check_count(name, getattr(self, name), 1)
        if self.num_heads % self.num_kv_heads:
            raise ValueError(f"num_kv_heads is {self.num_kv_heads}; allowed: a divisor of num_heads, {self.num_heads}")
        if self.head_size is None and self.width % self.num_heads:
            raise ValueError(f"num_heads is {self.num_heads}; allowed: a divisor of width, {self.width}")
        if self.head % 2:
            raise ValueError(f"head_size is {self.head}; allowed: an even number (RoPE turns pairs)")

    @property
    def head(self) -> int:
        """Size of one head."""
        return self.head_size or self.width // self.num_heads


def initial_parameters(architecture: Architecture, *, key: Key[Array, ""]) -> Parameters:
    """Random float32 parameters: N(0, .02²), and residual outputs scaled by 1/√(2 layers) (GPT-2's recipe).

    Returns:
        {"embedding": [V, d], "final_norm": [d], "blocks": {...}} with a leading axis of layers in "blocks"; "head":
        [d, V] where the output is not tied; "q_bias", "k_bias", "v_bias" in "blocks" where the layout has them.
    """
    a = architecture
    L, d, q, kv, f = a.num_layers, a.width, a.num_heads * a.head, a.num_kv_heads * a.head, a.mlp_width
    keys = iter(jax.random.split(key, 9))

    def normal(*shape: int, scale: float = 1.0) -> Float[Array, "..."]:
        return 0.02 * scale * jax.random.normal(next(keys), shape, jnp.float32)

    ones = jnp.ones((L, d), jnp.float32)
    residual = (2 * L) ** -0.5
    blocks = {
        "attention_norm": ones,
        "q": normal(L, d, q),
        "k": normal(L, d, kv),
        "v": normal(L, d, kv),
        "o": normal(L, q, d, scale=residual),
        "mlp_norm": ones,
        "gate": normal(L, d, f),
        "up": normal(L, d, f),
        "down": normal(L, f, d, scale=residual),
    }
    if a.qkv_bias:
        blocks |= {f"{n}_bias": jnp.zeros((L, size), jnp.float32) for n, size in (("q", q), ("k", kv), ("v", kv))}
    parameters = {"embedding": normal(a.vocabulary, d), "blocks": blocks, "final_norm": jnp.ones(d, jnp.float32)}
    if not a.tied:
        parameters["head"] = normal(d, a.vocabulary)
    return parameters


def num_parameters(parameters: Parameters) -> int:
    """How many numbers the pytree holds.

    >>> num_parameters(initial_parameters(Architecture(vocabulary=2048), key=jax.random.key(0)))
    1000576
    """
    return sum(x.size for x in jax.tree.leaves(parameters))


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


def _project(block: Parameters, x: Array, a: Architecture, rope: tuple[Array, Array]) -> tuple[Array, Array, Array]:
    """Queries [*batch, kv, r, T, h], scaled, keys and values [*batch, kv, T, h] of the normalised input [*batch, T, d].

    Heads come before tokens: batched products of contiguous matrices are twice as fast on a CPU as what einsum makes.
    """
    n = _norm(x, block["attention_norm"], a.norm_epsilon)

    def heads(name: str, number: int) -> Array:
        y = _times(n, block[name])
        if a.qkv_bias:
            y = y + block[f"{name}_bias"]
        return y.reshape(*y.shape[:-1], number, a.head)

    q = jnp.moveaxis(_turn(heads("q", a.num_heads), rope) * a.head**-0.5, -3, -2)
    k, v = _turn(heads("k", a.num_kv_heads), rope), heads("v", a.num_kv_heads)
    r = a.num_heads // a.num_kv_heads
    q = q.reshape(*q.shape[:-3], a.num_kv_heads, r, *q.shape[-2:])
    return q, jnp.moveaxis(k, -3, -2), jnp.moveaxis(v, -3, -2)


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
    rope = _rope(jnp.arange(S), a, x.dtype)
    causal = jnp.where(jnp.tril(jnp.ones((S, S), bool)), 0, NEVER).astype(x.dtype)

    def layer(x: Array, block: Parameters) -> tuple[Array, tuple[Array, Array]]:
        q, k, v = _project(block, x, a, rope)
        rows = q.reshape(*q.shape[:2], -1, a.head)
        weights = (rows @ k.swapaxes(-1, -2)).reshape(*q.shape[:-1], S) + causal
        mixed = jax.nn.softmax(weights, axis=-1).reshape(*rows.shape[:-1], S) @ v
        mixed = jnp.moveaxis(mixed.reshape(-1, a.num_heads, S, a.head), 1, 2)
        x = x + _times(mixed.reshape(*x.shape[:-1], -1), block["o"])
        return _mlp(block, x, a), (k, v)

    x, (keys, values) = _layers(layer, x, blocks)
    return x, Cache(keys, values, lengths)


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


def _prompt_mask(cache: Cache, dtype: jnp.dtype) -> Array:
    S = cache.keys.shape[3]
    return jnp.where(jnp.arange(S, dtype=cache.lengths.dtype) < cache.lengths[:, None], 0, NEVER).astype(dtype)


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
    rope = _rope((cache.lengths[:, None] + jnp.arange(T, dtype=cache.lengths.dtype))[:, None, :], a, x.dtype)
    own_mask = jnp.where(jnp.tril(jnp.ones((T, T), bool)), 0, NEVER).astype(x.dtype)
    prompt_mask = _prompt_mask(cache, x.dtype)

    def layer(x: Array, inputs: tuple[Parameters, Array, Array]) -> tuple[Array, None]:
        block, cache_k, cache_v = inputs
        q, k, v = _project(block, x, a, rope)
        x = x + _times(_own_and_prompt(q, k, v, own_mask, cache_k, cache_v, prompt_mask), block["o"])
        return _mlp(block, x, a), None

    return _layers(layer, x, (blocks, cache.keys, cache.values))[0]


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
    prompt_mask = _prompt_mask(cache, x.dtype)

    def layer(index: int | Array, x: Array, keys: Array, values: Array) -> tuple[Array, Array, Array]:
        block = jax.tree.map(lambda w: w[index], parameters["blocks"])
        q, k, v = _project(block, x, a, rope)
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
