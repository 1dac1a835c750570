"""Division where the denominator may vanish: 0 there, and no NaN in values or derivatives."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def ratio(numerator: Float[Array, "..."], denominator: Float[Array, "..."]) -> Float[Array, "..."]:
    """Numerator / denominator, and 0 where the denominator is not positive.

    >>> print(ratio(jnp.asarray([1.0, 2.0]), jnp.asarray([4.0, 0.0])))
    [0.25 0.  ]
    """
    positive = denominator > 0
    return jnp.where(positive, numerator / jnp.where(positive, denominator, 1), 0)
