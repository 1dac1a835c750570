"""Refuse bad input in one sentence: the argument, what it got, what is allowed.

Values are looked at only where they exist: under `jit`, `vmap` or `grad` the arrays are tracers and
only their shapes are checked. What needs no JAX, counts and intervals, is in `curvature.ranges`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array

from curvature.ranges import check_count as check_count
from curvature.ranges import check_interval as check_interval
from curvature.ranges import is_concrete as is_concrete

Numbers: TypeAlias = ArrayLike | Sequence[Any]
"""What public functions take: arrays of JAX or NumPy, numbers, and (nested) lists of numbers."""


def as_float(name: str, value: Numbers) -> Array:
    """`value` as a floating-point JAX array.

    Raises:
        ValueError: what is no array of real numbers.
    """
    if isinstance(value, jax.Array):
        array = value
    else:
        try:
            numpy_array = np.asarray(value)
        except ValueError as error:
            raise ValueError(f"{name} is ragged or not numeric ({error}); allowed: an array of real numbers") from error
        if numpy_array.dtype.kind not in "fiub":
            raise ValueError(f"{name} has dtype {numpy_array.dtype}; allowed: an array of real numbers")
        array = jnp.asarray(numpy_array)
    if jnp.issubdtype(array.dtype, jnp.floating):
        return array
    if not (jnp.issubdtype(array.dtype, jnp.integer) or array.dtype == jnp.bool_):
        raise ValueError(f"{name} has dtype {array.dtype}; allowed: an array of real numbers")
    return array.astype(jnp.result_type(float))


def as_floats(**values: Numbers) -> tuple[Array, ...]:
    """The values as arrays of one floating-point type whose shapes broadcast.

    Raises:
        ValueError: what is no array of real numbers, or shapes that do not broadcast.
    """
    arrays = [as_float(name, value) for name, value in values.items()]
    shapes = [array.shape for array in arrays]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"{', '.join(values)} have shapes {', '.join(map(str, shapes))}; allowed: shapes that broadcast"
        ) from None
    dtype = jnp.result_type(*arrays)
    return tuple(array.astype(dtype) for array in arrays)


def check_shape(name: str, array: Array, shape: Sequence[int | None]) -> None:
    """Each entry of `shape` is a size, or None for any size ≥ 1.

    Raises:
        ValueError: another number of axes, another size, or an empty axis.
    """
    fits = array.ndim == len(shape) and all(
        got >= 1 and (want is None or got == want) for got, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        allowed = (
            "(" + ", ".join("any" if s is None else str(s) for s in shape) + ("," if len(shape) == 1 else "") + ")"
        )
        raise ValueError(f"{name} has shape {tuple(array.shape)}; allowed: {allowed}, no empty axis")


def check_length(name: str, array: Array, least: int) -> None:
    """At least `least` entries along the first axis.

    Raises:
        ValueError: fewer.
    """
    if array.shape[0] < least:
        raise ValueError(f"{name} has length {array.shape[0]}; allowed: at least {least}")


def check_one(name: str, moments: Any) -> None:
    """One prompt's moments, not a batch of them (which `jax.vmap` takes apart).

    Raises:
        ValueError: a batch, or something else.
    """
    value, gradient = getattr(moments, "value", None), getattr(moments, "gradient", None)
    if value is None or gradient is None:
        raise ValueError(f"{name} is a {type(moments).__name__}; allowed: the result of curvature.moments")
    if jnp.ndim(value) or jnp.ndim(gradient) != 1:
        raise ValueError(
            f"{name} is a batch of shape {jnp.shape(value)}; allowed: one prompt's (use jax.vmap for a batch)"
        )


def check_finite(name: str, array: Array) -> None:
    """No NaN, no infinity.

    Raises:
        ValueError: one of them; the first is named.
    """
    if is_concrete(array) and not np.isfinite(np.asarray(array)).all():
        bad = np.asarray(array)[~np.isfinite(np.asarray(array))].flat[0]
        raise ValueError(f"{name} contains {bad}; allowed: finite numbers")


def check_logits(name: str, array: Array) -> None:
    """Finite, or −inf for an arm that is absent; at least one arm is present along the last axis.

    Raises:
        ValueError: NaN, +inf, or no arm that is present.
    """
    if not is_concrete(array):
        return
    values = np.asarray(array)
    bad = values[np.isnan(values) | (values == np.inf)]
    if bad.size:
        raise ValueError(f"{name} contains {bad.flat[0]}; allowed: finite numbers, or -inf for an absent arm")
    if (values == -np.inf).all(axis=-1).any():
        raise ValueError(f"{name} is -inf for every arm; allowed: at least one finite logit")
