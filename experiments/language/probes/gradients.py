r"""Gradients of log π, a row a prompt: in memory where they fit, else on disk in half precision, read by columns.

    Gram matrix K = S Sᵀ,     combinations W S,      S [N, d]

A model of 135M parameters has rows of half a gigabyte. On disk a row is stored as float16 after division by its own
root mean square, so that nothing under- or overflows: entries are right to 5e-4 of themselves, products of rows to
about 1e-4. Independent checks: tests/experiments/language/probes/test_gradients.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

HALF = np.float16
_gram = jax.jit(lambda S: jnp.matmul(S, S.T, precision="highest"))  # no TF32
_combine = jax.jit(lambda W, S: jnp.matmul(W, S, precision="highest"))


class Gradients:
    """N rows of d numbers, given block by block.

    Arguments:
        number: N.
        size: d.
        dtype: of the rows.
        memory: bytes that may be held; what needs more goes to a file without a name, which ends with the process.
    """

    def __init__(self, number: int, size: int, dtype: np.dtype, *, memory: int):
        self.number, self.size, self.dtype = number, size, np.dtype(dtype)
        self.columns = max(1, min(size, memory // (4 * number * self.dtype.itemsize)))
        """Read at once from a file."""
        self._file: IO[bytes] | None = None
        if number * size * self.dtype.itemsize > memory:
            self._file = tempfile.TemporaryFile(prefix="grpo-curvature-gradients-")  # noqa: SIM115
        self._blocks: list[Array] = []
        self._scales: list[np.ndarray] = []

    @property
    def on_disk(self) -> bool:
        """Whether the rows are in a file."""
        return self._file is not None

    def add(self, block: Float[Array, "n d"]) -> None:
        """Further rows.

        Raises:
            OSError: the file cannot be written.
        """
        if self._file is None:
            self._blocks.append(block)
            return
        rows = np.asarray(block, np.float32)
        scale = np.sqrt(np.mean(np.square(rows, dtype=np.float64), axis=1))
        self._scales.append(scale)
        self._file.write((rows / np.where(scale > 0, scale, 1)[:, None].astype(np.float32)).astype(HALF).tobytes())

    def gram(self) -> Float[np.ndarray, "N N"]:
        """K, float64."""
        return sum((np.asarray(_gram(S), np.float64) for _, S in self._columns()), np.zeros((self.number,) * 2))

    def combine(self, weights: Float[np.ndarray, "k N"]) -> Float[Array, "k d"]:
        """W S."""
        W = jnp.asarray(weights, self.dtype)
        return jnp.concatenate([_combine(W, S) for _, S in self._columns()], axis=1)

    def _columns(self) -> Iterator[tuple[int, Float[Array, "N c"]]]:
        """Blocks of columns with the first one's number."""
        if self._file is None:
            yield 0, jnp.concatenate(self._blocks)
            return
        scales = np.concatenate(self._scales).astype(np.float32)[:, None]
        for begin in range(0, self.size, self.columns):
            width = min(self.columns, self.size - begin)
            S = np.empty((self.number, width), HALF)
            for i, row in enumerate(S):
                self._file.seek((i * self.size + begin) * S.itemsize)
                row[:] = np.frombuffer(self._file.read(width * S.itemsize), HALF)
            yield begin, jnp.asarray(S.astype(np.float32) * scales, self.dtype)
