r"""Gradients of log π, a row a prompt, of which only products are asked: the Gram matrix S Sᵀ and combinations W S.

A model of 135M parameters has rows of half a gigabyte. They are held as they are where they fit, else in half
precision, else in half precision in a temporary file that is read by columns. A row becomes float16 after division by
its root mean square, so that nothing under- or overflows: entries are right to 5e-4 of themselves, products of rows
to about 1e-4. Independent checks: tests/experiments/language/probes/test_gradients.py.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator
from typing import IO

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

COLUMNS = 1 << 22
"""Read at once where rows are not held as they are."""
_gram = jax.jit(lambda S: jnp.matmul(S, S.T, precision="highest"))  # no TF32
_combine = jax.jit(lambda W, S: jnp.matmul(W, S, precision="highest"))


@jax.jit
def _halved(rows: Float[Array, "n d"]) -> tuple[Float[Array, "n d"], Float[Array, " n"]]:
    """Rows over their root mean squares as float16, and those."""
    scale = jnp.sqrt(jnp.mean(jnp.square(rows), axis=1))
    return (rows / jnp.where(scale > 0, scale, 1)[:, None]).astype(jnp.float16), scale


class Gradients:
    """N rows of d numbers, given block by block.

    Arguments:
        number: N.
        size: d.
        dtype: of the rows.
        memory: bytes that may be held; a file has no name and ends with this.
    """

    def __init__(self, number: int, size: int, dtype: np.dtype, *, memory: int):
        self.number, self.size, self.dtype = number, size, np.dtype(dtype)
        self.half = number * size * self.dtype.itemsize > memory
        """Whether rows are kept in half precision."""
        self._file: IO[bytes] | None = None
        if number * size * 2 > memory:
            self._file = tempfile.TemporaryFile(prefix="grpo-curvature-gradients-")  # noqa: SIM115
            weakref.finalize(self, self._file.close)
        self._blocks: list[Array] = []
        self._scales: list[np.ndarray] = []

    @property
    def kept(self) -> str:
        """How the rows are kept, in words."""
        if self._file is not None:
            return "in half precision in a temporary file"
        return "in half precision" if self.half else "as they are"

    def add(self, block: Float[Array, "n d"]) -> None:
        """Further rows.

        Raises:
            OSError: the file cannot be written.
        """
        if not self.half:
            self._blocks.append(block)
            return
        rows, scale = _halved(block)
        self._scales.append(np.asarray(scale))
        if self._file is None:
            self._blocks.append(rows)
        else:
            self._file.write(np.asarray(rows).tobytes())

    def gram(self) -> Float[np.ndarray, "N N"]:
        """S Sᵀ, float64."""
        found = np.zeros((self.number, self.number))
        for S in self._columns():
            found += np.asarray(_gram(S), np.float64)
        return found

    def combine(self, weights: Float[np.ndarray, "k N"]) -> Float[Array, "k d"]:
        """W S."""
        W = jnp.asarray(weights, self.dtype)
        return jnp.concatenate([_combine(W, S) for S in self._columns()], axis=1)

    def _columns(self) -> Iterator[Float[Array, "N c"]]:
        """All rows, some columns at once."""
        if not self.half:
            yield jnp.concatenate(self._blocks)
            return
        scales = jnp.asarray(np.concatenate(self._scales), self.dtype)[:, None]
        for begin in range(0, self.size, COLUMNS):
            S = self._half(begin, min(begin + COLUMNS, self.size))
            yield S.astype(self.dtype) * scales

    def _half(self, begin: int, end: int) -> Float[Array, "N c"]:
        """Columns as they are kept."""
        if self._file is None:
            return jnp.concatenate([rows[:, begin:end] for rows in self._blocks])
        S = np.empty((self.number, end - begin), np.float16)
        for i, row in enumerate(S):
            self._file.seek((i * self.size + begin) * S.itemsize)
            row[:] = np.frombuffer(self._file.read(row.nbytes), S.dtype)
        return jnp.asarray(S)
