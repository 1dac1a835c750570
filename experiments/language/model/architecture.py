"""How a transformer is built: its sizes and constants, and its parameters as they begin."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from curvature.ranges import check_count
from experiments.language.model.rope import Stretch

Parameters = dict  # nested: a pytree of arrays, see `initial_parameters`


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
