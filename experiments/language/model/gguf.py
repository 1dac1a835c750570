"""GGUF, the one-file format of llama.cpp: fields and tensors, the quantised ones as the float32 numbers that they mean.

    "GGUF", version, counts │ fields: key, type, value │ tensors: name, shape, type, offset │ padding │ data

    Q4_1, 32 numbers in 20 bytes: d and m (float16), 16 bytes, xᵢ = d qᵢ + m; a byte's low half is q of the first 16
    Q8_0, 32 numbers in 34 bytes: d (float16), 32 int8, xᵢ = d qᵢ

Against formulas: tests/experiments/language/model/test_gguf.py; against the package `gguf`, on real weights:
tests/parity/test_smollm2.py. Format: github.com/ggml-org/ggml, docs/gguf.md.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

MAGIC, VERSIONS = b"GGUF", (2, 3)
STRING, ARRAY = 8, 9
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Types of a field's value, as `struct` names them."""
BLOCKS = {0: ("F32", 1, 4), 3: ("Q4_1", 32, 20), 8: ("Q8_0", 32, 34)}
"""Types of tensors that are read: name, numbers a block, bytes a block."""
ALIGNMENT = 32


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies.

    Attributes:
        shape: outermost axis first (the file has it the other way round).
        kind: a key of BLOCKS.
        start: the first byte in the file.
    """

    shape: tuple[int, ...]
    kind: int
    start: int

    @property
    def num_bytes(self) -> int:
        """Its length in the file."""
        _, numbers, size = BLOCKS[self.kind]
        return math.prod(self.shape) // numbers * size


class Gguf:
    """A file of this format, its header read and checked.

    Attributes:
        fields: what the file says of the model, by key.
        tensors: where each tensor lies, by name.
    """

    def __init__(self, content: bytes):
        """Read the header; numbers are read when they are asked for.

        Arguments:
            content: the whole file.

        Raises:
            ValueError: another format or version, a truncated or contradictory header, a tensor outside the file or of
                a type that is not read.
        """
        self._content = content
        reader = _Reader(content)
        if (magic := reader.take(4, "the first bytes")) != MAGIC:
            raise ValueError(f"the file begins with {magic!r}; allowed: {MAGIC!r}, a GGUF file")
        version, num_tensors, num_fields = reader.unpack("IQQ", "the header")
        if version not in VERSIONS:
            raise ValueError(f"the GGUF version is {version}; allowed: {', '.join(map(str, VERSIONS))}, little-endian")
        self.fields: dict[str, Any] = {}
        for _ in range(num_fields):
            key = reader.text("a field's key")
            if key in self.fields:
                raise ValueError(f"the field {key!r} stands twice; allowed: once")
            (kind,) = reader.unpack("I", key)
            self.fields[key] = reader.value(kind, key)
        alignment = self.fields.get("general.alignment", ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1:
            raise ValueError(f"general.alignment is {alignment!r}; allowed: an integer of at least 1")
        found = dict(_place(reader) for _ in range(num_tensors))
        if len(found) != num_tensors:
            raise ValueError(f"{num_tensors} tensors have {len(found)} names; allowed: a name each")
        begin = -(-reader.position // alignment) * alignment
        self.tensors: dict[str, Tensor] = {}
        for name, (shape, kind, offset) in found.items():
            tensor = Tensor(shape, kind, begin + offset)
            if offset % alignment or tensor.start + tensor.num_bytes > len(content):
                raise ValueError(
                    f"{name} has offset {offset} and {tensor.num_bytes} bytes; allowed: multiples of {alignment} and "
                    f"the file's end at {len(content) - begin}, the whole file"
                )
            self.tensors[name] = tensor

    def read(self, name: str) -> Float[np.ndarray, "..."]:
        """One tensor's numbers, float32.

        Raises:
            ValueError: no tensor of this name.
        """
        if name not in self.tensors:
            raise ValueError(f"the file has no tensor {name}; allowed: {', '.join(list(self.tensors)[:3])}, …")
        tensor = self.tensors[name]
        raw = np.frombuffer(self._content, np.uint8, tensor.num_bytes, tensor.start)
        kind, _, size = BLOCKS[tensor.kind]
        if kind == "F32":
            return raw.view("<f4").astype(np.float32).reshape(tensor.shape)
        blocks = raw.reshape(-1, size)
        d = blocks[:, :2].view("<f2").astype(np.float32)
        if kind == "Q8_0":
            x = d * blocks[:, 2:].view(np.int8).astype(np.float32)
        else:
            m, halves = blocks[:, 2:4].view("<f2").astype(np.float32), blocks[:, 4:]
            x = d * np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.float32) + m
        return x.reshape(tensor.shape)


def _place(reader: _Reader) -> tuple[str, tuple[tuple[int, ...], int, int]]:
    """A tensor's name, with its shape, type and offset."""
    name = reader.text("a tensor's name")
    (num_axes,) = reader.unpack("I", name)
    if not 1 <= num_axes <= 4:
        raise ValueError(f"{name} has {num_axes} axes; allowed: 1 to 4")
    shape = reader.unpack(f"{num_axes}Q", name)[::-1]
    kind, offset = reader.unpack("IQ", name)
    if kind not in BLOCKS:
        allowed = ", ".join(f"{number} ({BLOCKS[number][0]})" for number in BLOCKS)
        raise ValueError(f"{name} has type {kind}; allowed: {allowed}")
    if shape[-1] % BLOCKS[kind][1] or 0 in shape:
        raise ValueError(f"{name} has shape {shape}; allowed: rows of a multiple of {BLOCKS[kind][1]} numbers")
    return name, (shape, kind, offset)


class _Reader:
    """Reads on from where it stopped, and never past the end."""

    def __init__(self, content: bytes):
        self.content, self.position = content, 0

    def take(self, size: int, what: str) -> bytes:
        if size > len(self.content) - self.position:
            raise ValueError(f"the file ends inside {what}; allowed: a whole GGUF file")
        self.position += size
        return self.content[self.position - size : self.position]

    def unpack(self, layout: str, what: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{layout}", self.take(struct.calcsize(f"<{layout}"), what))

    def text(self, what: str) -> str:
        (size,) = self.unpack("Q", what)
        try:
            return self.take(size, what).decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"{what} is no UTF-8 ({error}); allowed: text") from error

    def value(self, kind: int, key: str) -> Any:
        if kind == STRING:
            return self.text(key)
        if kind in SCALARS:
            return self.unpack(SCALARS[kind], key)[0]
        if kind != ARRAY:
            raise ValueError(f"{key} has type {kind}; allowed: 0 to 12")
        each, count = self.unpack("IQ", key)
        if each in SCALARS:
            size = count * struct.calcsize(SCALARS[each])
            return list(struct.unpack(f"<{count}{SCALARS[each]}", self.take(size, key)))
        if each != STRING:
            raise ValueError(f"{key} is an array of type {each}; allowed: numbers and texts")
        return [self.text(key) for _ in range(count)]
