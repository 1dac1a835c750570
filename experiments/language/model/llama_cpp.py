"""A Llama model as llama.cpp keeps it in a GGUF file, written as the folder that `transformers` and we load.

    blk.3.attn_q.weight  →  model.layers.3.self_attn.q_proj.weight      fields  →  config.json, tokenizer.json, …

RoPE turns neighbouring numbers of a head in llama.cpp, (2i, 2i + 1), and (i, i + h/2) in Hugging Face's layout: the
rows of Q and K of each head are put back. Checks: tests/experiments/language/model/test_llama_cpp.py on made files,
tests/parity/test_smollm2.py on the real one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors.numpy import save
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from experiments.language.model.gguf import Gguf
from experiments.store import write_bytes

WHOLE = {
    "token_embd": ("model.embed_tokens", "V", "d"),
    "output_norm": ("model.norm", "d"),
    "output": ("lm_head", "V", "d"),
}
"""Hugging Face's name and the shape of what the model has once, by llama.cpp's name."""
LAYER = {
    "attn_norm": ("input_layernorm", "d"),
    "ffn_norm": ("post_attention_layernorm", "d"),
    "attn_q": ("self_attn.q_proj", "q", "d"),
    "attn_k": ("self_attn.k_proj", "k", "d"),
    "attn_v": ("self_attn.v_proj", "k", "d"),
    "attn_output": ("self_attn.o_proj", "d", "q"),
    "ffn_gate": ("mlp.gate_proj", "m", "d"),
    "ffn_up": ("mlp.up_proj", "m", "d"),
    "ffn_down": ("mlp.down_proj", "d", "m"),
}
"""The same of what every layer has."""
SPECIAL = 3
"""llama.cpp's type of tokens that stand for no text."""


def write_folder(gguf: Gguf, folder: Path) -> None:
    """Write config.json, generation_config.json, tokenizer.json, tokenizer_config.json and model.safetensors (float32).

    Arguments:
        folder: exists.

    Raises:
        ValueError: another architecture or tokenizer than Llama's with SmolLM2's, a field or tensor that is missing or
            does not fit, a tensor that has no place, an end token that is none.
        OSError: writing failed.
    """
    config = read_config(gguf.fields) | {"tie_word_embeddings": "output.weight" not in gguf.tensors}
    names = _fit(gguf, config)
    tokenizer = read_tokenizer(gguf.fields)
    special = {name: config[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    files = {
        "config.json": config,
        "generation_config.json": special,
        "tokenizer_config.json": _about_tokenizer(gguf.fields, config, tokenizer, special),
    }
    for name, content in files.items():
        write_bytes(folder / name, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
    write_bytes(folder / "tokenizer.json", tokenizer.to_str().encode())
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    tensors = {}
    for name, theirs in names.items():
        x, part = gguf.read(name), name.split(".")[-2]
        tensors[theirs] = np.ascontiguousarray(unpermute(x, heads[part]) if part in heads else x)
    write_bytes(folder / "model.safetensors", save(tensors, metadata={"format": "pt"}))


def _about_tokenizer(
    fields: Mapping[str, Any], config: Mapping[str, Any], tokenizer: Tokenizer, special: Mapping[str, int]
) -> dict[str, Any]:
    """tokenizer_config.json, with the chat template where the file has one."""
    words = {name.removesuffix("_id"): tokenizer.id_to_token(number) for name, number in special.items()}
    if None in words.values():
        raise ValueError(f"the file names the tokens {dict(special)}; allowed: ids below {config['vocab_size']}")
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config["max_position_embeddings"],
        "clean_up_tokenization_spaces": False,
        **words,
    }
    template = fields.get("tokenizer.chat_template")
    return about if template is None else about | {"chat_template": template}


def unpermute(x: Float[np.ndarray, "out in"], num_heads: int) -> Float[np.ndarray, "out in"]:
    """Rows of Q or K in Hugging Face's order, from llama.cpp's.

    Arguments:
        x: the matrix, a head's rows together.
        num_heads: of Q or of K; divides the rows into even numbers.

    Raises:
        ValueError: it does not.

    >>> unpermute(np.array([[0.0], [2.0], [1.0], [3.0]]), 1)[:, 0]
    array([0., 1., 2., 3.])
    """
    if x.shape[0] % (2 * num_heads):
        raise ValueError(f"num_heads is {num_heads} for {x.shape[0]} rows; allowed: heads of an even number of rows")
    return x.reshape(num_heads, -1, 2, x.shape[1]).swapaxes(1, 2).reshape(x.shape)


def read_config(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What config.json says, but for `tie_word_embeddings`, which follows from the tensors.

    Raises:
        ValueError: another architecture, stretched or partial rotary positions, a field that is missing or of another
            type.
    """
    if fields.get("general.architecture") != "llama":
        raise ValueError(f"general.architecture is {fields.get('general.architecture')!r}; allowed: 'llama'")
    stretched = [key for key in fields if key.startswith("llama.rope.scal")]
    if stretched:
        raise ValueError(f"{stretched[0]} is {fields[stretched[0]]!r}; allowed: positions that are not stretched")

    def count(key: str, least: int = 1) -> int:
        value = fields.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{key} is {value!r}; allowed: an integer of at least {least}")
        return value

    def positive(key: str) -> float:
        value = fields.get(key)
        if not isinstance(value, float) or not 0 < value < float("inf"):
            raise ValueError(f"{key} is {value!r}; allowed: a positive number")
        return float(str(np.float32(value)))  # 1e-05, of which the file holds the nearest float32

    width, num_heads = count("llama.embedding_length"), count("llama.attention.head_count")
    head = count("llama.rope.dimension_count")
    if head * num_heads != width:
        raise ValueError(f"llama.rope.dimension_count is {head}; allowed: all of a head, {width} / {num_heads}")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": len(_texts(fields, "tokenizer.ggml.tokens")),
        "hidden_size": width,
        "intermediate_size": count("llama.feed_forward_length"),
        "num_hidden_layers": count("llama.block_count"),
        "num_attention_heads": num_heads,
        "num_key_value_heads": count("llama.attention.head_count_kv"),
        "hidden_act": "silu",
        "rms_norm_eps": positive("llama.attention.layer_norm_rms_epsilon"),
        "rope_theta": positive("llama.rope.freq_base"),
        "rope_scaling": None,
        "max_position_embeddings": count("llama.context_length"),
        "attention_bias": False,
        "mlp_bias": False,
        "dtype": "float32",
        "bos_token_id": count("tokenizer.ggml.bos_token_id", 0),
        "eos_token_id": count("tokenizer.ggml.eos_token_id", 0),
        "pad_token_id": count("tokenizer.ggml.padding_token_id", 0),
    }


def read_tokenizer(fields: Mapping[str, Any]) -> Tokenizer:
    """SmolLM2's tokenizer: digits one by one, then byte-level BPE with the file's merges.

    Its special tokens, the marks of a chat among them, stand for no text and are found before anything is split.

    Raises:
        ValueError: another kind of tokenizer, or lists that do not fit together.
    """
    for key, allowed in {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm"}.items():
        if fields.get(key) != allowed:
            raise ValueError(f"{key} is {fields.get(key)!r}; allowed: {allowed!r}")
    tokens, kinds = _texts(fields, "tokenizer.ggml.tokens"), fields.get("tokenizer.ggml.token_type")
    if not isinstance(kinds, list) or len(kinds) != len(tokens):
        raise ValueError(f"tokenizer.ggml.token_type is no list of {len(tokens)} types; allowed: a type per token")
    vocabulary = {token: number for number, token in enumerate(tokens)}
    merges: list[tuple[str, str]] = []
    for merge in _texts(fields, "tokenizer.ggml.merges"):
        left, _, right = merge.partition(" ")
        if not {left, right, left + right} <= vocabulary.keys():
            raise ValueError(f"tokenizer.ggml.merges holds {merge!r}; allowed: two tokens that make a third")
        merges.append((left, right))
    if len(vocabulary) != len(tokens):
        raise ValueError("tokenizer.ggml.tokens holds a token twice; allowed: once")
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == SPECIAL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer


def _texts(fields: Mapping[str, Any], key: str) -> list[str]:
    value = fields.get(key)
    if not isinstance(value, list) or not value or not isinstance(value[0], str):
        raise ValueError(f"{key} is {str(value)[:40]}; allowed: a list of texts")
    return value


def _fit(gguf: Gguf, config: Mapping[str, Any]) -> dict[str, str]:
    """Hugging Face's name of every tensor, by llama.cpp's.

    Raises:
        ValueError: a tensor is missing, has another shape, or has no place.
    """
    width, head = config["hidden_size"], config["hidden_size"] // config["num_attention_heads"]
    sizes = {"V": config["vocab_size"], "d": width, "q": width, "m": config["intermediate_size"]}
    sizes["k"] = head * config["num_key_value_heads"]
    names = {}
    for name, theirs, axes in _names(config):
        shape = tuple(sizes[axis] for axis in axes)
        found = gguf.tensors.get(name)
        if found is None or found.shape != shape:
            got = "is missing" if found is None else f"has shape {found.shape}"
            raise ValueError(f"{name} {got}; allowed: {shape}, as the fields imply")
        names[name] = theirs
    extra = sorted(set(gguf.tensors) - set(names))
    if extra:
        raise ValueError(f"the file has a tensor {extra[0]}; allowed: those that the fields imply")
    return names


def _names(config: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """llama.cpp's name of every tensor, Hugging Face's, and the axes."""
    for name, (theirs, *axes) in WHOLE.items():
        if name != "output" or not config["tie_word_embeddings"]:
            yield f"{name}.weight", f"{theirs}.weight", axes
    for layer in range(config["num_hidden_layers"]):
        for name, (theirs, *axes) in LAYER.items():
            yield f"blk.{layer}.{name}.weight", f"model.layers.{layer}.{theirs}.weight", axes
