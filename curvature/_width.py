"""How far a step can move the logits apart: the width of the features along a direction, and their diameter.

    w(u) = max_y φ(y)·u − min_y φ(y)·u,     D = max_{|u|=1} w(u) = max_{y,y'} |φ(y) − φ(y')|

Only differences of features matter to a softmax, so these are the natural units of a step (T1–T6).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from curvature.check import Numbers, as_float, check_finite, check_shape


def width(features: Numbers, direction: Numbers) -> Float[Array, ""]:
    """w(u) of one prompt, in logits: exact, O(K d).

    Arguments:
        features: [K, d], finite.
        direction: [d] u, finite; not normalised here.

    Raises:
        ValueError: shapes that disagree, NaN or infinite numbers.

    >>> print(width([[0.0, 9.0], [2.0, 9.0]], [1.0, 0.0]))
    2.0
    """
    φ, u = _features(features), as_float("direction", direction)
    check_shape("direction", u, φ.shape[1:])
    check_finite("direction", u)
    return jnp.ptp(φ @ u.astype(φ.dtype))


def _features(features: Numbers) -> Float[Array, "K d"]:
    φ = as_float("features", features)
    check_shape("features", φ, (None, None))
    check_finite("features", φ)
    return φ


@jax.jit
def _diameter(features: Float[Array, "K d"]) -> Float[Array, ""]:
    # direct differences, arm by arm: |a|² + |b|² − 2ab would lose half the digits of close arms
    squared = jax.lax.map(lambda arm: jnp.max(jnp.sum((features - arm) ** 2, axis=1)), features)
    return jnp.sqrt(jnp.max(squared))


def diameter(features: Numbers) -> Float[Array, ""]:
    """D, the greatest distance between two feature vectors: exact, O(K² d) time and O(K d) memory.

    Arguments:
        features: [K, d], finite.

    Raises:
        ValueError: another shape, NaN or infinite numbers.

    >>> print(diameter([[0.0, 0.0], [3.0, 4.0]]))
    5.0
    """
    return _diameter(_features(features))


def diameter_bound(features: Numbers) -> Float[Array, ""]:
    """An upper bound on D in O(K d): twice the greatest distance from the centroid. At most 2 D.

    For 10⁵ arms, where the exact diameter's K² pairs are too many: every theorem holds with any D ≥ all D_x.

    Arguments:
        features: [K, d], finite.

    Raises:
        ValueError: another shape, NaN or infinite numbers.

    >>> print(diameter_bound([[0.0, 0.0], [3.0, 4.0]]))
    5.0
    """
    φ = _features(features)
    return 2 * jnp.sqrt(jnp.sum((φ - φ.mean(axis=0)) ** 2, axis=1).max())
