"""GGUF files written from the format's description, of any tensors, and a tiny model in llama.cpp's layout."""

import hashlib
import struct
import zipfile
from pathlib import Path

import numpy as np
from tokenizers import pre_tokenizers

Packed = tuple[tuple[int, ...], int, bytes]
"""A tensor's shape, type, bytes."""
MEMBER = "tiny/tiny.gguf"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["Ġ t", "h e", "Ġt he", "i n", "a t", "< <", "> >", "Ġ <<", "s o", "so l", "Ċ Ċ", "Ġ Ġ", "Ã ©"]
TOKENS = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet()), *(merge.replace(" ", "") for merge in MERGES)]
HEADS, KV_HEADS, WIDTH, MLP = 4, 2, 32, 64
FIELDS = {
    "general.architecture": "llama",
    "general.name": "tiny",
    "llama.block_count": 2,
    "llama.context_length": 512,
    "llama.embedding_length": WIDTH,
    "llama.feed_forward_length": MLP,
    "llama.attention.head_count": HEADS,
    "llama.attention.head_count_kv": KV_HEADS,
    "llama.rope.freq_base": 100_000.0,
    "llama.rope.dimension_count": WIDTH // HEADS,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "tokenizer.ggml.add_bos_token": False,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.token_type": [3] * len(SPECIAL) + [1] * (len(TOKENS) - len(SPECIAL)),
    "tokenizer.ggml.merges": MERGES,
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.ggml.padding_token_id": 2,
    "tokenizer.chat_template": "{{ messages }}",
}


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def field(key: str, value) -> bytes:
    scalars = {bool: (7, "?"), int: (4, "I"), float: (6, "f")}
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(value, list):
        kind, packed = (
            (8, b"".join(map(text, value)))
            if isinstance(value[0], str)
            else (5, struct.pack(f"<{len(value)}i", *value))
        )
        return text(key) + struct.pack("<IIQ", 9, kind, len(value)) + packed
    kind, letter = scalars[type(value)]
    return text(key) + struct.pack(f"<I{letter}", kind, value)


def pack(
    fields: dict, tensors: dict[str, Packed], *, version: int = 3, alignment: int = 32, magic: bytes = b"GGUF"
) -> bytes:
    """A whole file; `alignment` must be what the fields say, 32 where they say nothing."""
    head = magic + struct.pack("<IQQ", version, len(tensors), len(fields))
    head += b"".join(field(key, value) for key, value in fields.items())
    data = b""
    for name, (shape, kind, content) in tensors.items():
        data += bytes(-len(data) % alignment)
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], kind, len(data))
        data += content
    return head + bytes(-len(head) % alignment) + data


def f32(x: np.ndarray) -> Packed:
    return x.shape, 0, np.asarray(x, "<f4").tobytes()


def q8_0(d: np.ndarray, q: np.ndarray) -> Packed:
    """d: scales [rows, blocks]; q: whole numbers from −128 to 127 [rows, 32 × blocks]."""
    blocks = [
        np.float16(s).tobytes() + b.astype(np.int8).tobytes() for s, b in zip(d.ravel(), q.reshape(-1, 32), strict=True)
    ]
    return q.shape, 8, b"".join(blocks)


def q4_1(d: np.ndarray, m: np.ndarray, q: np.ndarray) -> Packed:
    """d, m: scales and least values [rows, blocks]; q: whole numbers from 0 to 15 [rows, 32 × blocks]."""
    blocks = []
    for s, least, b in zip(d.ravel(), m.ravel(), q.reshape(-1, 32), strict=True):
        packed = bytes(int(b[i]) + 16 * int(b[i + 16]) for i in range(16))
        blocks.append(np.float16(s).tobytes() + np.float16(least).tobytes() + packed)
    return q.shape, 3, b"".join(blocks)


def permuted(x: np.ndarray, heads: int) -> np.ndarray:
    """As llama.cpp's converter does it: a head's row j·h/2 + i goes to 2i + j."""
    h = len(x) // heads
    rows = [head * h + j * (h // 2) + i for head in range(heads) for i in range(h // 2) for j in range(2)]
    return x[rows]


def tiny_parameters() -> dict[str, np.ndarray]:
    """A model in Hugging Face's layout, by llama.cpp's names."""
    rng, kv = np.random.default_rng(5), WIDTH // HEADS * KV_HEADS
    shapes = {"token_embd.weight": (len(TOKENS), WIDTH), "output_norm.weight": (WIDTH,)}
    for i in range(2):
        layer = {"attn_norm": (WIDTH,), "ffn_norm": (WIDTH,), "attn_q": (WIDTH, WIDTH), "attn_k": (kv, WIDTH)}
        layer |= {"attn_v": (kv, WIDTH), "attn_output": (WIDTH, WIDTH), "ffn_gate": (MLP, WIDTH)}
        layer |= {"ffn_up": (MLP, WIDTH), "ffn_down": (WIDTH, MLP)}
        shapes |= {f"blk.{i}.{name}.weight": shape for name, shape in layer.items()}
    return {name: rng.normal(size=shape).astype(np.float32) * 0.2 for name, shape in shapes.items()}


def tiny(fields: dict | None = None, **tensors: Packed) -> bytes:
    """The tiny model as a file, every tensor F32; fields and tensors (__ for a dot) replaced or added."""
    packed = {}
    for name, x in tiny_parameters().items():
        heads = HEADS if "attn_q" in name else KV_HEADS if "attn_k" in name else 0
        packed[name] = f32(permuted(x, heads) if heads else x)
    packed |= {name.replace("__", "."): tensor for name, tensor in tensors.items()}
    return pack(FIELDS | (fields or {}), packed)


def wheel(folder: Path, content: bytes) -> tuple[Path, str]:
    """A wheel tiny 1.0 with the file inside, and its hash."""
    path, info = folder / "tiny-1.0-py3-none-any.whl", "tiny-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(MEMBER, content)
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\nRequires-Dist: not-there\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", f"{MEMBER},,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()
