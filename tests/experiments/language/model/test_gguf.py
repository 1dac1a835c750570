"""Every quantisation is the number that its formula gives; a damaged file is refused and never read past its end."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.language.model.gguf import Gguf
from tests.experiments.language import gguf_files as made

RNG = np.random.default_rng(0)
SMALL = made.pack({"a": 1, "b": ["x", "yz"], "c": [1, -2]}, {"w": made.f32(np.arange(3.0)), "v": made.f32(np.eye(2))})


def halves(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float16)


def test_fields_of_every_kind() -> None:
    fields = {"text": "Ġcafé", "none": "", "yes": True, "count": 7, "real": 0.5, "texts": ["a", ""], "ints": [3, -1]}
    assert Gguf(made.pack(fields, {})).fields == fields
    assert Gguf(made.pack(fields, {}, version=2)).fields == fields


def test_scalars_of_every_width() -> None:
    values = {0: ("B", 255), 1: ("b", -1), 2: ("H", 65535), 3: ("h", -2), 5: ("i", -3), 10: ("Q", 2**63), 11: ("q", -4)}
    values[12] = ("d", 0.1)
    packed = [made.text(str(kind)) + struct.pack(f"<I{c}", kind, x) for kind, (c, x) in values.items()]
    content = b"GGUF" + struct.pack("<IQQ", 3, 0, len(packed)) + b"".join(packed)
    assert Gguf(content).fields == {str(kind): x for kind, (_, x) in values.items()}


def test_float32_is_itself_in_row_order() -> None:
    x = RNG.normal(size=(2, 3, 5)).astype(np.float32)
    found = Gguf(made.pack({}, {"first": made.f32(np.ones(3)), "x": made.f32(x)})).read("x")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, x)


def test_q8_0_is_scale_times_whole_number() -> None:
    d, q = halves(3, 2), RNG.integers(-128, 128, (3, 64))
    found = Gguf(made.pack({}, {"x": made.q8_0(d, q)})).read("x")
    assert found.dtype == np.float32
    for (row, column), x in np.ndenumerate(found):
        assert x == np.float32(d[row, column // 32]) * np.float32(q[row, column])


def test_q4_1_is_scale_times_whole_number_plus_least() -> None:
    d, m, q = halves(3, 2), halves(3, 2), RNG.integers(0, 16, (3, 64))
    found = Gguf(made.pack({}, {"x": made.q4_1(d, m, q)})).read("x")
    assert found.dtype == np.float32
    for (row, column), x in np.ndenumerate(found):
        block = row, column // 32
        assert x == np.float32(np.float32(d[block]) * np.float32(q[row, column])) + np.float32(m[block])


def test_another_alignment() -> None:
    tensors = {"w": made.f32(np.arange(3.0)), "v": made.f32(np.arange(4.0))}
    found = Gguf(made.pack({"general.alignment": 64}, tensors, alignment=64))
    np.testing.assert_array_equal(found.read("v"), np.arange(4.0))


def header(*tensors: bytes) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 0) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + bytes(64)


def place(*, name: str = "w", shape: tuple[int, ...] = (4,), kind: int = 0, offset: int = 0) -> bytes:
    return made.text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], kind, offset)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ends inside the first bytes; allowed: a whole GGUF file"),
        (made.pack({}, {}, magic=b"GGML"), "begins with b'GGML'; allowed: b'GGUF'"),
        (made.pack({}, {}, version=1), "version is 1; allowed: 2, 3"),
        (struct.pack(">4sI", b"GGUF", 3) + bytes(16), "version is 50331648; allowed"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + 2 * made.field("a", 1), "'a' stands twice; allowed: once"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"\xff" + bytes(9), "a field's key is no UTF-8"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + made.text("a") + struct.pack("<I", 13), "a has type 13; allowed"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + made.text("a") + struct.pack("<IIQ", 9, 9, 1), "array of type 9"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + made.text("a") + struct.pack("<IIQ", 9, 0, 2**62), "ends inside a"),
        (made.pack({"general.alignment": 0}, {}), "general.alignment is 0; allowed"),
        (header(place(), place()), "2 tensors have 1 names; allowed: a name each"),
        (header(place(shape=(1,) * 5)), "w has 5 axes; allowed: 1 to 4"),
        (header(place(kind=2)), r"w has type 2; allowed: 0 \(F32\), 3 \(Q4_1\), 8 \(Q8_0\)"),
        (header(place(shape=(4, 33), kind=3)), r"shape \(4, 33\); allowed: rows of a multiple of 32"),
        (header(place(shape=(0,))), r"shape \(0,\); allowed"),
        (header(place(offset=16)), "offset 16 and 16 bytes; allowed: multiples of 32"),
        (header(place(offset=64)), "offset 64 and 16 bytes; allowed: .*the file's end at 64"),
        (header(place(shape=(17,))), "offset 0 and 68 bytes; allowed"),
        (header(place(shape=(2**40, 2**40))), "allowed: .*the whole file"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Gguf(content)


def test_the_last_byte_counts() -> None:
    Gguf(header(place(shape=(16,))))
    with pytest.raises(ValueError, match="allowed"):
        Gguf(header(place(shape=(16,)))[:-1])


def test_no_such_tensor() -> None:
    with pytest.raises(ValueError, match="no tensor x; allowed: w, v, …"):
        Gguf(SMALL).read("x")


def test_no_beginning_of_a_file_is_a_file() -> None:
    for end in range(len(SMALL)):
        with pytest.raises(ValueError, match="; allowed: "):
            Gguf(SMALL[:end])


@given(st.integers(0, len(SMALL) - 1), st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(place: int, value: int) -> None:
    content = SMALL[:place] + bytes([value]) + SMALL[place + 1 :]
    try:
        found = Gguf(content)
    except ValueError:
        return
    for name, tensor in found.tensors.items():
        assert found.read(name).shape == tensor.shape
