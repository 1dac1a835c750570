"""A tiny model in llama.cpp's layout comes out as it went in: attention, tensors, configuration, words."""

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from experiments.language.learning.checkpoint import load_checkpoint
from experiments.language.model.gguf import Gguf
from experiments.language.model.llama_cpp import read_config, read_tokenizer, unpermute, write_folder
from experiments.language.model.pretrained import load_model
from tests.experiments.language import gguf_files as made

WORDS = read_tokenizer(made.FIELDS)


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3))
def test_the_order_of_rows_is_undone(heads: int, half: int, width: int) -> None:
    x = np.random.default_rng(heads).normal(size=(heads * 2 * half, width))
    np.testing.assert_array_equal(unpermute(made.permuted(x, heads), heads), x)


def test_heads_of_an_odd_number_of_rows() -> None:
    with pytest.raises(ValueError, match="num_heads is 2 for 6 rows; allowed"):
        unpermute(np.ones((6, 1)), 2)


def turned(x: np.ndarray, position: int, pairs: list[tuple[int, int]]) -> np.ndarray:
    """RoPE on one head's vector, by turning these pairs."""
    y = x.copy()
    for i, (a, b) in enumerate(pairs):
        angle = position * 100.0 ** (-i / len(pairs))
        y[a], y[b] = x[a] * np.cos(angle) - x[b] * np.sin(angle), x[a] * np.sin(angle) + x[b] * np.cos(angle)
    return y


def test_scores_are_those_of_neighbouring_pairs_in_the_file() -> None:
    """q·k of llama.cpp, which turns rows 2i and 2i + 1 of the file, for every head of Q with its head of K."""
    rng, h = np.random.default_rng(2), 8
    q, k, x, y = rng.normal(size=(4 * h, 6)), rng.normal(size=(2 * h, 6)), rng.normal(size=6), rng.normal(size=6)
    theirs, ours = [(2 * i, 2 * i + 1) for i in range(h // 2)], [(i, i + h // 2) for i in range(h // 2)]
    for head in range(4):
        a, b = slice(head * h, head * h + h), slice(head // 2 * h, head // 2 * h + h)
        score = turned(q[a] @ x, 7, theirs) @ turned(k[b] @ y, 3, theirs)
        found = turned(unpermute(q, 4)[a] @ x, 7, ours) @ turned(unpermute(k, 2)[b] @ y, 3, ours)
        np.testing.assert_allclose(found, score, rtol=1e-12)


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    write_folder(Gguf(made.tiny()), tmp_path)
    a, parameters = load_model(tmp_path)
    assert (a.vocabulary, a.width, a.num_layers, a.num_heads, a.num_kv_heads, a.mlp_width) == (272, 32, 2, 4, 2, 64)
    assert (a.rope_theta, a.norm_epsilon, a.tied, a.qkv_bias, a.rope_stretch) == (1e5, 1e-5, True, False, None)
    x = made.tiny_parameters()
    np.testing.assert_array_equal(parameters["embedding"], x["token_embd.weight"])
    np.testing.assert_array_equal(parameters["final_norm"], x["output_norm.weight"])
    names = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output"}
    names |= {"gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down"}
    for layer in range(2):
        for ours, theirs in names.items():
            np.testing.assert_array_equal(parameters["blocks"][ours][layer].T, x[f"blk.{layer}.{theirs}.weight"])
        for ours, theirs in {"attention_norm": "attn_norm", "mlp_norm": "ffn_norm"}.items():
            np.testing.assert_array_equal(parameters["blocks"][ours][layer], x[f"blk.{layer}.{theirs}.weight"])


def test_a_head_of_its_own_and_quantised_tensors(tmp_path: Path) -> None:
    rng, (rows, width) = np.random.default_rng(4), (len(made.TOKENS), made.WIDTH)
    head = made.q8_0(rng.normal(size=(rows, 1)), rng.integers(-128, 128, (rows, width)))
    q = made.q4_1(rng.normal(size=(32, 1)), rng.normal(size=(32, 1)), rng.integers(0, 16, (32, 32)))
    gguf = Gguf(made.tiny(output__weight=head, blk__1__attn_q__weight=q))
    write_folder(gguf, tmp_path)
    a, parameters = load_model(tmp_path)
    assert not a.tied
    np.testing.assert_array_equal(parameters["head"].T, gguf.read("output.weight"))
    permuted = made.permuted(np.asarray(parameters["blocks"]["q"][1].T), made.HEADS)
    np.testing.assert_array_equal(permuted, gguf.read("blk.1.attn_q.weight"))


def test_the_files_about_tokens(tmp_path: Path) -> None:
    write_folder(Gguf(made.tiny()), tmp_path)
    about = {path.name: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    special = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
    assert about["generation_config.json"] == special == {name: about["config.json"][name] for name in special}
    assert about["tokenizer_config.json"]["eos_token"] == "<|im_end|>"
    assert about["tokenizer_config.json"]["chat_template"] == "{{ messages }}"
    assert about["config.json"]["max_position_embeddings"] == 512
    found = load_checkpoint(tmp_path, mode="answer").vocabulary
    assert (found.end_ids, found.pad_id, found.size) == ((2,), 2, 272)


def merged(word: str) -> list[str]:
    """Byte-pair encoding as it is defined: again and again the pair of the earliest merge, everywhere in the word."""
    parts, order = list(word), [tuple(merge.split(" ")) for merge in made.MERGES]
    while pairs := [pair for pair in order if pair in pairwise(parts)]:
        left, right = pairs[0]
        joined: list[str] = []
        for part in parts:
            if joined and (joined[-1], part) == (left, right):
                joined[-1] += part
            else:
                joined.append(part)
        parts = joined
    return parts


SPLIT = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")
"""GPT-2's words, for ASCII."""


def encoded(text: str) -> list[str]:
    """llama.cpp's kind "smollm": digits alone, what is between them in GPT-2's words, bytes as letters, merges."""
    words = [word for part in re.findall(r"[0-9]|[^0-9]+", text) for word in SPLIT.findall(part)]
    shown = {" ": "Ġ", "\n": "Ċ", "\t": "ĉ"}
    return [token for word in words for token in merged("".join(shown.get(c, c) for c in word))]


@given(st.text("the sol iat<>=+-*/.,'$%#:019\n\t", max_size=40))
def test_words_are_those_of_the_definition(text: str) -> None:
    assert WORDS.encode(text).tokens == encoded(text)


@given(st.text(max_size=40))
def test_every_text_comes_back(text: str) -> None:
    assert WORDS.decode(WORDS.encode(text).ids, skip_special_tokens=False) == text


def test_digits_stand_alone_and_marks_of_a_chat_are_one_token() -> None:
    assert WORDS.encode("in 2024").tokens == ["in", "Ġ", "2", "0", "2", "4"]
    assert WORDS.encode("the<|im_end|> the").tokens == ["t", "he", "<|im_end|>", "Ġthe"]
    assert WORDS.encode("<|im_start|>").ids == [1]
    assert WORDS.decode([1, 2], skip_special_tokens=True) == ""
    assert Tokenizer.from_str(WORDS.to_str()).encode("the<|im_end|>").ids[-1] == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"general.architecture": "gemma"}, "general.architecture is 'gemma'; allowed: 'llama'"),
        ({"llama.rope.scaling.type": "yarn"}, "llama.rope.scaling.type is 'yarn'; allowed"),
        ({"llama.block_count": "2"}, "llama.block_count is '2'; allowed: an integer of at least 1"),
        ({"llama.block_count": 3}, r"blk.2.attn_norm.weight is missing; allowed: \(32,\)"),
        ({"llama.block_count": 1}, "has a tensor blk.1.attn_k.weight; allowed"),
        ({"llama.rope.dimension_count": 4}, "llama.rope.dimension_count is 4; allowed: all of a head, 32 / 4"),
        ({"llama.rope.freq_base": 0.0}, "llama.rope.freq_base is 0.0; allowed: a positive number"),
        ({"llama.rope.freq_base": 10}, "llama.rope.freq_base is 10; allowed: a positive number"),
        ({"llama.attention.head_count_kv": 4}, r"attn_k.weight has shape \(16, 32\); allowed: \(32, 32\)"),
        ({"llama.feed_forward_length": 32}, r"ffn_gate.weight has shape \(64, 32\); allowed: \(32, 32\)"),
        ({"tokenizer.ggml.tokens": ["a"]}, r"token_embd.weight has shape \(272, 32\); allowed: \(1, 32\)"),
        ({"tokenizer.ggml.eos_token_id": 272}, "names the tokens .*; allowed: ids below 272"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(fields: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        write_folder(Gguf(made.tiny(fields)), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tokenizer.ggml.model": "llama"}, "tokenizer.ggml.model is 'llama'; allowed: 'gpt2'"),
        ({"tokenizer.ggml.pre": "qwen2"}, "tokenizer.ggml.pre is 'qwen2'; allowed: 'smollm'"),
        ({"tokenizer.ggml.merges": ["Ġ t", "x y"]}, "merges holds 'x y'; allowed: two tokens that make a third"),
        ({"tokenizer.ggml.merges": ["Ġt"]}, "merges holds 'Ġt'; allowed"),
        ({"tokenizer.ggml.merges": 3}, "merges is 3; allowed: a list of texts"),
        ({"tokenizer.ggml.token_type": [1]}, "token_type is no list of 272 types; allowed"),
        ({"tokenizer.ggml.tokens": [*made.TOKENS[:-1], "t"]}, "tokens holds a token twice; allowed: once"),
    ],
)  # fmt: skip
def test_another_tokenizer_is_refused(fields: dict, message: str) -> None:
    fields = made.FIELDS | fields
    if len(fields["tokenizer.ggml.tokens"]) == len(made.TOKENS) and "twice" in message:
        fields["tokenizer.ggml.merges"] = made.MERGES[:-1]
    with pytest.raises(ValueError, match=message):
        read_tokenizer(fields)


def test_a_missing_field_is_named() -> None:
    for key in made.FIELDS:
        if key.startswith("llama.") or key.endswith("token_id"):
            with pytest.raises(ValueError, match=f"{key} is None; allowed"):
                read_config({name: value for name, value in made.FIELDS.items() if name != key})
