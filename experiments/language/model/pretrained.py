"""Checkpoints that people have: local Hugging Face folders in the layouts of Llama (SmolLM2 too) and Qwen2.

    config.json + model.safetensors (or its shards)   ⇄   Architecture + pytree

Their matrices are [out, in], one tensor a layer; ours are [in, out], layers stacked on a leading axis. A field that
asks for what `transformer.py` does not do is refused: a model that loads is the model that was trained. No network, no
pickle. Logits against `transformers`: tests/parity. All else: tests/experiments/language/model/test_pretrained.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from experiments.language.model.architecture import Architecture, Parameters, initial_parameters
from experiments.language.model.rope import Llama3
from experiments.language.model.rope_fields import TABLES, read_stretch, write_stretch
from experiments.store import write_bytes

TENSORS = {
    "embedding": "model.embed_tokens.weight",
    "final_norm": "model.norm.weight",
    "head": "lm_head.weight",
    "attention_norm": "model.layers.{}.input_layernorm.weight",
    "mlp_norm": "model.layers.{}.post_attention_layernorm.weight",
    **{name: f"model.layers.{{}}.self_attn.{name}_proj.weight" for name in "qkvo"},
    **{f"{name}_bias": f"model.layers.{{}}.self_attn.{name}_proj.bias" for name in "qkv"},
    **{name: f"model.layers.{{}}.mlp.{name}_proj.weight" for name in ("gate", "up", "down")},
}
"""What each of our arrays is called there; {} is the layer."""

DTYPES = ("F32", "F16", "BF16")
"""What is read; all three fit into float32 without rounding."""

POSITIONS = 32_768
"""The `max_position_embeddings` that we write. RoPE has no table, so no logit depends on it."""

_BUFFER = "rotary_emb.inv_freq"  # old files hold RoPE's frequencies, which follow from rope_theta


def load_model(folder: str | Path) -> tuple[Architecture, Parameters]:
    """A model from a local folder in Hugging Face's layout.

    Arguments:
        folder: holds config.json (`model_type` llama or qwen2) and model.safetensors, or model.safetensors.index.json
            with its shards; tensors of float32, float16 or bfloat16.

    Returns:
        The architecture and the parameters, float32 whatever the file holds. At most the parameters and once
        more the largest of their arrays are in memory at once, besides the mapped file.

    Raises:
        ValueError: a file that is missing, truncated or no such file; a field of config.json that asks for what
            `transformer.py` does not do; a tensor that is missing, unexpected, of another shape or type, or not finite.

    Reference: Touvron et al. 2023, arXiv 2302.13971 (Llama); Yang et al. 2024, arXiv 2407.10671 (Qwen2).
    """
    folder = Path(folder)
    place = folder / "config.json"
    config = _read_json(place)
    try:
        a = _architecture(config)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error
    shapes = _shapes(a)
    with _open(folder) as tensors:
        if a.tied and TENSORS["head"] in tensors:  # needless, but some files hold it
            shapes["head"] = shapes["embedding"][::-1]
        _check_tensors(folder, tensors, shapes)
        flat = {name: jnp.asarray(_read(tensors, name, shape)) for name, shape in shapes.items()}
    if a.tied and "head" in flat and not np.array_equal(flat.pop("head").T, flat["embedding"]):
        raise ValueError(
            f"{TENSORS['head']} is not {TENSORS['embedding']}, though tie_word_embeddings is true; "
            "allowed: the same numbers, or no such tensor"
        )
    blocks = {name: flat.pop(name) for name in shapes if _is_layered(name)}
    return a, {**flat, "blocks": blocks}


def save_model(folder: str | Path, architecture: Architecture, parameters: Parameters) -> None:
    """Write a model so that `load_model`, and `AutoModelForCausalLM.from_pretrained` of transformers, read it.

    The layout is Llama's, or Qwen2's where queries, keys and values have biases. What `load_model` then gives is the
    same bit for bit. No token is named as end or start: that is the tokenizer's matter.

    Arguments:
        folder: is made where it does not exist; a model in it is replaced.
        parameters: float32.

    Raises:
        ValueError: parameters that are not this architecture's, not float32 or not finite; a folder that cannot be
            written to.
    """
    folder = Path(folder)
    shapes = _shapes(architecture)
    flat = _flatten(parameters)
    if set(flat) != set(shapes):
        raise ValueError(f"parameters has arrays {sorted(flat)}; allowed: {sorted(shapes)}")
    content: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        array = np.asarray(flat[name])
        if array.shape != shape or array.dtype != np.float32:
            raise ValueError(f"{name} has shape {array.shape}, dtype {array.dtype}; allowed: {shape}, float32")
        _check_finite(name, array)
        for layer, one in enumerate(array if _is_layered(name) else array[None]):
            theirs = one.T if _is_transposed(name, one.shape) else one
            content[TENSORS[name].format(layer)] = np.ascontiguousarray(theirs)
    bytes_of_tensors = safetensors.numpy.save(content, metadata={"format": "pt"})  # transformers asks for the format
    bytes_of_config = (json.dumps(_config(architecture), indent=2) + "\n").encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").unlink(missing_ok=True)  # a crash then leaves no model rather than a mixed one
        write_bytes(folder / "model.safetensors", bytes_of_tensors)
        write_bytes(folder / "config.json", bytes_of_config)
    except OSError as error:
        raise ValueError(f"{folder} cannot be written to ({error.strerror}); allowed: a folder that can") from error


def _is_layered(name: str) -> bool:
    return "{}" in TENSORS[name]


def _is_transposed(name: str, shape: tuple[int, ...]) -> bool:
    """Whether this array, of one layer, is a matrix [in, out]; the embedding is [V, d] on both sides."""
    return len(shape) == 2 and name != "embedding"


def _flatten(parameters: Parameters) -> dict[str, Any]:
    blocks = parameters.get("blocks", {})
    return {name: array for name, array in parameters.items() if name != "blocks"} | dict(blocks)


def _shapes(a: Architecture) -> dict[str, tuple[int, ...]]:
    """The shape of each of our arrays, as `initial_parameters` makes them."""
    made = jax.eval_shape(partial(initial_parameters, a), key=jax.random.key(0))
    return {name: array.shape for name, array in _flatten(made).items()}


def _config(a: Architecture) -> dict[str, Any]:
    config = {
        "architectures": ["Qwen2ForCausalLM" if a.qkv_bias else "LlamaForCausalLM"],
        "model_type": "qwen2" if a.qkv_bias else "llama",
        "vocab_size": a.vocabulary,
        "hidden_size": a.width,
        "intermediate_size": a.mlp_width,
        "num_hidden_layers": a.num_layers,
        "num_attention_heads": a.num_heads,
        "num_key_value_heads": a.num_kv_heads,
        "hidden_act": "silu",
        "rms_norm_eps": a.norm_epsilon,
        **write_stretch(a.rope_stretch, a.rope_theta),
        "tie_word_embeddings": a.tied,
        "max_position_embeddings": _positions(a),
        "dtype": "float32",
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
    }
    if a.head_size is not None:
        config["head_dim"] = a.head_size
    return config | ({"use_sliding_window": False} if a.qkv_bias else {"attention_bias": False, "mlp_bias": False})


def _positions(a: Architecture) -> int:
    """More than the length from which a stretch begins, as transformers asks."""
    stretch = a.rope_stretch
    return max(POSITIONS, 2 * stretch.original_max_position_embeddings) if isinstance(stretch, Llama3) else POSITIONS


def _architecture(config: Mapping[str, Any]) -> Architecture:
    """What config.json describes; absent fields mean what they mean to transformers."""
    kind = config.get("model_type")
    if kind not in ("llama", "qwen2"):
        raise ValueError(f"model_type is {kind!r}; allowed: 'llama' (SmolLM2 too), 'qwen2'")
    only = {"hidden_act": "silu", "partial_rotary_factor": 1.0, "quantization_config": None}
    only |= {"attention_bias": False, "mlp_bias": False} if kind == "llama" else {}
    for name, allowed in only.items():
        if config.get(name, allowed) != allowed:
            raise ValueError(f"{name} is {config[name]!r}; allowed: {allowed!r}")

    def count(name: str, default: int | None = None) -> int:
        value = default if config.get(name) is None else config[name]
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} is {value!r}; allowed: an integer of at least 1")
        return value

    tied = config.get("tie_word_embeddings", False)
    if not isinstance(tied, bool):
        raise ValueError(f"tie_word_embeddings is {tied!r}; allowed: true, false")
    num_layers, num_heads = count("num_hidden_layers"), count("num_attention_heads")
    if kind == "qwen2":
        _check_windows(config, num_layers)
    return Architecture(
        vocabulary=count("vocab_size"),
        width=count("hidden_size"),
        num_layers=num_layers,
        num_heads=num_heads,
        num_kv_heads=count("num_key_value_heads", num_heads if kind == "llama" else None),
        mlp_width=count("intermediate_size"),
        head_size=None if config.get("head_dim") is None else count("head_dim"),
        rope_theta=_rope_theta(config),
        rope_stretch=read_stretch(config),
        norm_epsilon=_positive("rms_norm_eps", config.get("rms_norm_eps", 1e-6)),
        tied=tied,
        qkv_bias=kind == "qwen2",
    )


def _check_windows(config: Mapping[str, Any], num_layers: int) -> None:
    """No layer may look back through a window. Qwen2's files name one, switched off."""
    window, switched_on = config.get("sliding_window"), config.get("use_sliding_window", False)
    layers = config.get("layer_types")
    if layers is not None and not (isinstance(layers, list) and set(map(str, layers)) <= {"full_attention"}):
        raise ValueError(f"layer_types is {layers!r}; allowed: 'full_attention' in every layer")
    first = config.get("max_window_layers", 28)  # the layers below it see everything
    if layers is None and switched_on and window is not None and not (isinstance(first, int) and first >= num_layers):
        raise ValueError(f"use_sliding_window is {switched_on!r}; allowed: false")


def _rope_theta(config: Mapping[str, Any]) -> float:
    """RoPE's base: `rope_theta` of config.json up to transformers 4, inside `rope_parameters` since 5."""
    tables = [(name, config[name]) for name in TABLES if isinstance(config.get(name), dict)]
    places = [("rope_theta", config), *((f"{name}.rope_theta", table) for name, table in tables)]
    found = {
        name: _positive(name, table["rope_theta"]) for name, table in places if table.get("rope_theta") is not None
    }
    if len(set(found.values())) > 1:
        raise ValueError(f"{', '.join(f'{name} is {θ!r}' for name, θ in found.items())}; allowed: one number")
    return next(iter(found.values()), 10_000.0)


def _positive(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= sys.float_info.max:
        raise ValueError(f"{name} is {value!r}; allowed: a positive number")
    return float(value)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise ValueError(f"{path} cannot be read ({reason}); allowed: a file with one JSON object") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}; allowed: one JSON object")
    return content


@contextmanager
def _open(folder: Path) -> Iterator[dict[str, Any]]:
    """Each tensor's name with the open file that holds it."""
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if whole.exists():
        files = [whole.name]
    elif index.exists():
        where = _read_json(index).get("weight_map")
        files = sorted(set(map(str, where.values()))) if isinstance(where, dict) else []
        outside = [name for name in files if Path(name).name != name]
        if outside or not files:
            got = f"names {outside[0]!r}" if outside else "names no file"
            raise ValueError(f"{index} {got}; allowed: a weight_map from tensors to files of the same folder")
    else:
        raise ValueError(f"{folder} has neither {whole.name} nor {index.name}; allowed: one of them")
    with ExitStack() as stack:
        tensors: dict[str, Any] = {}
        for name in files:
            try:
                file = stack.enter_context(safe_open(folder / name, framework="numpy"))
            except (OSError, SafetensorError) as error:
                reason = " ".join(str(error).split())
                raise ValueError(f"{folder / name} cannot be read ({reason}); allowed: whole safetensors") from error
            tensors |= dict.fromkeys(file.keys(), file)
        yield tensors


def _check_tensors(folder: Path, tensors: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """All tensors are there and fit, and no others, before anything is allocated."""
    expected: set[str] = set()
    for name, shape in shapes.items():
        one = shape[1:] if _is_layered(name) else shape
        allowed = one[::-1] if _is_transposed(name, one) else one
        for layer in range(shape[0] if _is_layered(name) else 1):
            tensor = TENSORS[name].format(layer)
            if tensor not in tensors:
                raise ValueError(f"{folder} has no tensor {tensor}; allowed: every tensor that config.json implies")
            stored = tensors[tensor].get_slice(tensor)
            got, dtype = tuple(stored.get_shape()), stored.get_dtype()
            if got != allowed or dtype not in DTYPES:
                raise ValueError(f"{tensor} has shape {got}, dtype {dtype}; allowed: {allowed}, {', '.join(DTYPES)}")
            expected.add(tensor)
    extra = sorted(name for name in set(tensors) - expected if not name.endswith(_BUFFER))
    if extra:
        raise ValueError(f"{folder} has a tensor {extra[0]}; allowed: the tensors that config.json implies, no others")


def _read(tensors: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One of our arrays, of all layers."""
    array = np.empty(shape, np.float32)
    for layer, target in enumerate(array if _is_layered(name) else array[None]):
        tensor = TENSORS[name].format(layer)
        view = target.T if _is_transposed(name, target.shape) else target
        view[...] = tensors[tensor].get_tensor(tensor)
        _check_finite(tensor, view)
    return array


def _check_finite(name: str, array: np.ndarray) -> None:
    if not np.isfinite(array).all():
        raise ValueError(f"{name} contains {array[~np.isfinite(array)].flat[0]}; allowed: finite numbers")
