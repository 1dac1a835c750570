"""Checkpoints written tensor by tensor here, as other programs do, against what is read; broken ones refused."""

import json
import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from experiments.language.model import pretrained
from experiments.language.model.architecture import Architecture, initial_parameters
from experiments.language.model.pretrained import load_model, save_model
from experiments.language.model.rope import Linear, Llama3
from tests.experiments.language.whole import all_logits

LLAMA = {
    "model_type": "llama",
    "vocab_size": 7,
    "hidden_size": 8,
    "intermediate_size": 6,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-5,
    "rope_theta": 500.0,
    "tie_word_embeddings": False,
}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
LLAMA3 |= {"original_max_position_embeddings": 8192}
ARCHITECTURE = Architecture(
    vocabulary=7, width=8, num_layers=2, num_heads=2, num_kv_heads=1, mlp_width=6, rope_theta=500.0, norm_epsilon=1e-5,
    tied=False,
)  # fmt: skip
QWEN2 = LLAMA | {"model_type": "qwen2", "sliding_window": 4, "use_sliding_window": False, "max_window_layers": 1}


def tensors_of(config, seed=0):
    """What a checkpoint of these sizes holds, [out, in]; the names are written out once more."""
    rng = np.random.default_rng(seed)
    d, f, heads, kv = 8, 6, 8, 4
    shapes = {"model.embed_tokens.weight": (7, d), "model.norm.weight": (d,)}
    if not config.get("tie_word_embeddings"):
        shapes["lm_head.weight"] = (7, d)
    for layer in range(2):
        one = {
            "input_layernorm.weight": (d,),
            "self_attn.q_proj.weight": (heads, d),
            "self_attn.k_proj.weight": (kv, d),
            "self_attn.v_proj.weight": (kv, d),
            "self_attn.o_proj.weight": (d, heads),
            "post_attention_layernorm.weight": (d,),
            "mlp.gate_proj.weight": (f, d),
            "mlp.up_proj.weight": (f, d),
            "mlp.down_proj.weight": (d, f),
        }
        if config["model_type"] == "qwen2":
            one |= {
                "self_attn.q_proj.bias": (heads,),
                "self_attn.k_proj.bias": (kv,),
                "self_attn.v_proj.bias": (kv,),
            }
        shapes |= {f"model.layers.{layer}.{name}": shape for name, shape in one.items()}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def write(folder, config, tensors):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(safetensors.numpy.save(tensors))
    return folder


def refused(folder, text):
    with pytest.raises(ValueError, match=re.escape(text)) as error:
        load_model(folder)
    assert "\n" not in str(error.value)
    assert "; allowed: " in str(error.value)


# --- what is read -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [LLAMA, QWEN2], ids=["llama", "qwen2"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_every_tensor_arrives_where_it_belongs(tmp_path, config, dtype):
    tensors = {name: x.astype(dtype) for name, x in tensors_of(config).items()}
    a, parameters = load_model(write(tmp_path, config, tensors))
    assert a == replace(ARCHITECTURE, qkv_bias=config is QWEN2)
    made = initial_parameters(a, key=jax.random.key(0))
    assert jax.tree.structure(parameters) == jax.tree.structure(made)
    assert all(isinstance(x, jax.Array) and x.dtype == jnp.float32 for x in jax.tree.leaves(parameters))
    wide = {name: x.astype(np.float32) for name, x in tensors.items()}
    np.testing.assert_array_equal(parameters["embedding"], wide["model.embed_tokens.weight"])
    np.testing.assert_array_equal(parameters["head"], wide["lm_head.weight"].T)
    np.testing.assert_array_equal(parameters["final_norm"], wide["model.norm.weight"])
    theirs = {
        "attention_norm": "input_layernorm.weight",
        "mlp_norm": "post_attention_layernorm.weight",
        **{name: f"self_attn.{name}_proj.weight" for name in ("q", "k", "v", "o")},
        **{name: f"mlp.{name}_proj.weight" for name in ("gate", "up", "down")},
    }
    if config is QWEN2:
        theirs |= {f"{name}_bias": f"self_attn.{name}_proj.bias" for name in ("q", "k", "v")}
    assert set(parameters["blocks"]) == set(theirs)
    for ours, name in theirs.items():
        expected = np.stack([wide[f"model.layers.{layer}.{name}"].T for layer in range(2)])
        np.testing.assert_array_equal(parameters["blocks"][ours], expected)


def test_shards_of_mixed_types_with_needless_tensors(tmp_path):
    config = LLAMA | {"tie_word_embeddings": True}
    tensors = tensors_of(config)
    a, expected = load_model(write(tmp_path / "whole", config, tensors))
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]  # tied, yet written
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = np.ones(2, np.float32)  # old files hold them
    tensors["model.norm.weight"] = np.full(8, 0.5, np.float16)
    folder = tmp_path / "shards"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    where = {name: f"model-0000{1 + i % 3}-of-00003.safetensors" for i, name in enumerate(sorted(tensors))}
    for file in set(where.values()):
        part = {name: x for name, x in tensors.items() if where[name] == file}
        (folder / file).write_bytes(safetensors.numpy.save(part))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    b, parameters = load_model(str(folder))
    assert a == b == replace(ARCHITECTURE, tied=True)
    assert "head" not in parameters
    jax.tree.map(np.testing.assert_array_equal, parameters, {**expected, "final_norm": np.full(8, 0.5)})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rope_theta": 20}, {"rope_theta": 20.0}),
        ({"rope_theta": None}, {"rope_theta": 10_000.0}),
        ({"rope_theta": None, "rope_parameters": {"rope_type": "default", "rope_theta": 3e5}}, {"rope_theta": 3e5}),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 500}}, {}),
        ({"rope_parameters": {"rope_type": "default"}}, {}),
        ({"rope_scaling": None}, {}),
        ({"rope_scaling": {"type": "default"}}, {}),
        ({"rope_scaling": LLAMA3}, {"rope_stretch": Llama3(8.0, 1.0, 4.0, 8192)}),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, {"rope_stretch": Linear(2.0)}),
        (
            {"rope_theta": None, "rope_parameters": LLAMA3 | {"rope_theta": 5e5}},
            {"rope_theta": 5e5} | {"rope_stretch": Llama3(8.0, 1.0, 4.0, 8192)},
        ),
        ({"head_dim": 4}, {"head_size": 4}),
        ({"head_dim": None}, {}),
        ({"attention_bias": False, "mlp_bias": False, "quantization_config": None}, {}),
        ({"architectures": ["LlamaForCausalLM"], "pretraining_tp": 1, "max_position_embeddings": 12}, {}),
    ],
)
def test_fields_that_are_understood(tmp_path, change, expected):
    write(tmp_path, LLAMA | change, tensors_of(LLAMA))
    assert load_model(tmp_path)[0] == replace(ARCHITECTURE, **expected)


@pytest.mark.parametrize(
    "change",
    [
        {"use_sliding_window": True, "max_window_layers": 2},
        {"use_sliding_window": True, "sliding_window": None},
        {"layer_types": ["full_attention", "full_attention"]},
        {"sliding_window": None},
    ],
)
def test_windows_that_no_layer_looks_through(tmp_path, change):
    write(tmp_path, QWEN2 | change, tensors_of(QWEN2))
    assert load_model(tmp_path)[0] == replace(ARCHITECTURE, qkv_bias=True)


def test_absent_fields_mean_what_transformers_means(tmp_path):
    names = ("rms_norm_eps", "rope_theta", "hidden_act", "tie_word_embeddings")
    write(tmp_path, {name: x for name, x in LLAMA.items() if name not in names}, tensors_of(LLAMA))
    assert load_model(tmp_path)[0] == replace(ARCHITECTURE, rope_theta=10_000.0, norm_epsilon=1e-6)
    config = {name: x for name, x in LLAMA.items() if name != "num_key_value_heads"}  # then as many as queries have
    write(tmp_path, config, tensors_of(LLAMA))
    refused(tmp_path, "k_proj.weight has shape (4, 8), dtype F32; allowed: (8, 8), F32, F16, BF16")


# --- what is written ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head_size", [None, 4, 6])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("qkv_bias", [True, False])
def test_saved_is_loaded_bit_for_bit(tmp_path, head_size, tied, qkv_bias):
    a = replace(ARCHITECTURE, head_size=head_size, tied=tied, qkv_bias=qkv_bias, rope_theta=1 / 3, norm_epsilon=1e-7)
    parameters = jax.tree.map(
        lambda x: x + jax.random.normal(jax.random.key(x.size), x.shape, x.dtype),
        initial_parameters(a, key=jax.random.key(1)),
    )
    parameters["final_norm"] = jnp.asarray([0.0, -0.0, 1e-45, -3.4e38, 1 / 3, 1, 2, 3], jnp.float32)
    save_model(tmp_path / "a" / "b", a, parameters)
    b, loaded = load_model(tmp_path / "a" / "b")
    assert a == b
    jax.tree.map(lambda x, y: np.testing.assert_array_equal(bits(x), bits(y)), parameters, loaded)
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["config.json", "model.safetensors"]


def bits(x):
    return np.asarray(x).view(np.uint32)


@pytest.mark.parametrize("stretch", [Linear(4.0), Llama3(8.0, 1.0, 4.0, 8192), Llama3(32, 1, 4, 65_536)])
@pytest.mark.parametrize("qkv_bias", [True, False])
def test_stretched_positions_are_loaded_as_they_were_saved(tmp_path, stretch, qkv_bias):
    a = replace(ARCHITECTURE, qkv_bias=qkv_bias, rope_stretch=stretch)
    save_model(tmp_path, a, initial_parameters(a, key=jax.random.key(1)))
    assert load_model(tmp_path)[0] == a
    config = json.loads((tmp_path / "config.json").read_text())
    for name in ("rope_scaling", "rope_parameters"):  # either alone says all, to versions 4 and 5 of transformers
        other = {key: value for key, value in config.items() if key != name}
        (tmp_path / "config.json").write_text(json.dumps(other))
        assert load_model(tmp_path)[0] == a
    assert config["max_position_embeddings"] > config["rope_scaling"].get("original_max_position_embeddings", 0)


def test_without_stretch_the_file_is_as_it_was(tmp_path):
    save_model(tmp_path, ARCHITECTURE, initial_parameters(ARCHITECTURE, key=jax.random.key(1)))
    text = (tmp_path / "config.json").read_text()
    assert (
        '"rope_theta": 500.0,\n  "rope_parameters": {\n    "rope_type": "default",\n    "rope_theta": 500.0\n  },\n'
        in text
    )
    assert '"max_position_embeddings": 32768,' in text
    assert "rope_scaling" not in text


def test_written_names_and_shapes_are_the_layouts(tmp_path):
    for config, a in ((LLAMA, ARCHITECTURE), (QWEN2, replace(ARCHITECTURE, qkv_bias=True))):
        save_model(tmp_path, a, initial_parameters(a, key=jax.random.key(0)))  # the second replaces the first
        found = safetensors.numpy.load_file(tmp_path / "model.safetensors")
        expected = tensors_of(config)
        assert {name: x.shape for name, x in found.items()} == {name: x.shape for name, x in expected.items()}
        written = json.loads((tmp_path / "config.json").read_text())
        shared = {name: x for name, x in LLAMA.items() if name != "model_type"}
        assert {name: written[name] for name in shared} == shared
        assert written["model_type"] == config["model_type"]


def test_a_loaded_model_computes(tmp_path):
    write(tmp_path, LLAMA, tensors_of(LLAMA))
    a, parameters = load_model(tmp_path)
    logits = all_logits(parameters, a, jnp.asarray([[1, 2, 3]], jnp.int32))
    assert logits.dtype == jnp.float32
    assert np.isfinite(logits).all()


def test_a_crash_while_writing_leaves_no_mixed_model(tmp_path, monkeypatch):
    a = ARCHITECTURE
    save_model(tmp_path, a, initial_parameters(a, key=jax.random.key(0)))

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pretrained, "write_bytes", full)
    with pytest.raises(ValueError, match=r"cannot be written to \(No space left on device\); allowed: a folder"):
        save_model(tmp_path, replace(a, rope_theta=7.0), initial_parameters(a, key=jax.random.key(1)))
    refused(tmp_path, "config.json cannot be read (No such file or directory)")


def test_what_cannot_be_written_is_refused(tmp_path):
    parameters = initial_parameters(ARCHITECTURE, key=jax.random.key(0))
    bad = {
        "final_norm contains nan; allowed: finite numbers": parameters["final_norm"].at[3].set(jnp.nan),
        "final_norm contains inf; allowed: finite numbers": parameters["final_norm"].at[3].set(jnp.inf),
        "final_norm has shape (9,), dtype float32; allowed: (8,), float32": jnp.ones(9, jnp.float32),
        "final_norm has shape (8,), dtype float64; allowed: (8,), float32": jnp.ones(8),
    }
    for text, value in bad.items():
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            save_model(tmp_path, ARCHITECTURE, {**parameters, "final_norm": value})
    for a in (replace(ARCHITECTURE, tied=True), replace(ARCHITECTURE, qkv_bias=True)):
        with pytest.raises(ValueError, match=r"parameters has arrays \[.*'head'.*\]; allowed: \["):
            save_model(tmp_path, a, parameters)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"file cannot be written to \(File exists\)"):
        save_model(tmp_path / "file", ARCHITECTURE, parameters)


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"model_type": "gpt2"}, "model_type is 'gpt2'; allowed: 'llama' (SmolLM2 too), 'qwen2'"),
        ({"model_type": None}, "model_type is None"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'; allowed: 'silu'"),
        ({"attention_bias": True}, "attention_bias is True; allowed: False"),
        ({"mlp_bias": True}, "mlp_bias is True; allowed: False"),
        ({"quantization_config": {"bits": 4}}, "quantization_config is {'bits': 4}; allowed: None"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5; allowed: 1.0"),
        (
            {"rope_scaling": {"rope_type": "llama3", "factor": 8.0}},
            "rope_scaling of rope_type 'llama3' lacks low_freq_factor",
        ),
        (
            {"rope_scaling": {"type": "dynamic", "factor": 2.0}},
            "rope_scaling.rope_type is 'dynamic'; allowed: 'default'",
        ),
        (
            {"rope_parameters": {"rope_type": "yarn"}},
            "rope_parameters.rope_type is 'yarn'; allowed: 'default', 'linear', 'l",
        ),
        (
            {"rope_parameters": {"rope_theta": 5.0}},
            "rope_theta is 500.0, rope_parameters.rope_theta is 5.0; allowed:",
        ),
        ({"rope_parameters": {"partial_rotary_factor": 0.5}}, "rope_parameters.partial_rotary_factor is 0.5; allowed:"),
        ({"rope_parameters": 3}, "rope_parameters is 3; allowed: null, or"),
        ({"rope_theta": 0}, "rope_theta is 0; allowed: a positive number"),
        ({"rope_theta": "10"}, "rope_theta is '10'; allowed: a positive number"),
        ({"rope_theta": 10**400}, "; allowed: a positive number"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps is nan; allowed: a positive number"),
        ({"rms_norm_eps": None}, "rms_norm_eps is None; allowed: a positive number"),
        ({"tie_word_embeddings": 1}, "tie_word_embeddings is 1; allowed: true, false"),
        ({"vocab_size": "7"}, "vocab_size is '7'; allowed: an integer of at least 1"),
        ({"vocab_size": 8}, "model.embed_tokens.weight has shape (7, 8), dtype F32; allowed: (8, 8)"),
        ({"vocab_size": 10**30}, "model.embed_tokens.weight has shape (7, 8)"),
        ({"hidden_size": None}, "hidden_size is None; allowed: an integer of at least 1"),
        ({"num_hidden_layers": 3}, "has no tensor model.layers.2."),
        ({"num_hidden_layers": 10**12}, "has no tensor model.layers.2."),
        ({"num_hidden_layers": 1}, "has a tensor model.layers.1."),
        ({"num_hidden_layers": True}, "num_hidden_layers is True; allowed: an integer of at least 1"),
        ({"num_attention_heads": 3}, "num_heads is 3; allowed: a divisor of width, 8"),
        ({"num_key_value_heads": 0}, "num_key_value_heads is 0; allowed: an integer of at least 1"),
        ({"head_dim": 3}, "head_size is 3; allowed: an even number"),
        ({"head_dim": 6}, "k_proj.weight has shape (4, 8), dtype F32; allowed: (6, 8)"),
        ({"tie_word_embeddings": True}, "lm_head.weight is not model.embed_tokens.weight, though tie_word_embeddings"),
    ],
)
def test_fields_that_are_refused(tmp_path, change, text):
    refused(write(tmp_path, LLAMA | change, tensors_of(LLAMA)), text)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"use_sliding_window": True}, "use_sliding_window is True; allowed: false"),
        ({"use_sliding_window": True, "max_window_layers": "2"}, "use_sliding_window is True; allowed: false"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "layer_types is ['full_attention', 'sliding_att"),
        ({"layer_types": 5}, "layer_types is 5; allowed: 'full_attention' in every layer"),
        ({"num_key_value_heads": None}, "num_key_value_heads is None; allowed: an integer of at least 1"),
    ],
)
def test_fields_of_qwen2_that_are_refused(tmp_path, change, text):
    refused(write(tmp_path, QWEN2 | change, tensors_of(QWEN2)), text)


@pytest.mark.parametrize("name", sorted(tensors_of(QWEN2)))
def test_each_tensor_is_needed_whole_and_finite(tmp_path, name):
    tensors = tensors_of(QWEN2)
    without = {key: x for key, x in tensors.items() if key != name}
    refused(write(tmp_path, QWEN2, without), f"has no tensor {name}; allowed: every tensor that config.json implies")
    shape = (*tensors[name].shape[:-1], tensors[name].shape[-1] + 1)
    refused(
        write(tmp_path, QWEN2, tensors | {name: np.ones(shape, np.float32)}), f"{name} has shape {shape}, dtype F32"
    )
    refused(write(tmp_path, QWEN2, tensors | {name: tensors[name].astype(float)}), "dtype F64; allowed: ")
    tensors[name].flat[-1] = np.inf
    refused(write(tmp_path, QWEN2, tensors), f"{name} contains inf; allowed: finite numbers")


def test_a_matrix_the_wrong_way_round_is_refused(tmp_path):
    name = "model.layers.1.mlp.up_proj.weight"
    tensors = tensors_of(LLAMA)
    tensors[name] = np.ascontiguousarray(tensors[name].T)
    refused(write(tmp_path, LLAMA, tensors), f"{name} has shape (8, 6), dtype F32; allowed: (6, 8)")


def test_biases_belong_to_qwen2(tmp_path):
    refused(write(tmp_path, LLAMA, tensors_of(QWEN2)), "has a tensor model.layers.0.self_attn.k_proj.bias; allowed:")
    refused(write(tmp_path, QWEN2, tensors_of(LLAMA)), "has no tensor model.layers.0.self_attn.k_proj.bias")


def test_files_that_are_not_what_they_should_be(tmp_path):
    refused(tmp_path / "none", "config.json cannot be read (No such file or directory); allowed: a file with one JSON")
    write(tmp_path, LLAMA, tensors_of(LLAMA))
    config, weights, index = (
        tmp_path / x for x in ("config.json", "model.safetensors", "model.safetensors.index.json")
    )
    for content, text in ((b"{", "cannot be read (Expecting"), (b"[]", "holds a list; allowed: one JSON object"),
                          (b"\xff", "cannot be read ("), (b"[" * 100_000, "cannot be read (")):  # fmt: skip
        config.write_bytes(content)
        refused(tmp_path, text)
    config.write_text(json.dumps(LLAMA))
    whole = weights.read_bytes()
    for cut in (0, 5, 100, len(whole) - 1):
        weights.write_bytes(whole[:cut])
        refused(tmp_path, "model.safetensors cannot be read (")
    weights.unlink()
    refused(tmp_path, "has neither model.safetensors nor model.safetensors.index.json; allowed: one of them")
    for where, text in (
        ({}, "names no file; allowed: a weight_map from tensors to files of the same folder"),
        ([], "names no file"),
        ({"a": "../model.safetensors"}, "names '../model.safetensors'"),
        ({"a": "/model.safetensors"}, "names '/model.safetensors'"),
        ({"a": "model-00001-of-00001.safetensors"}, "cannot be read (No such file or directory"),
    ):
        index.write_text(json.dumps({"weight_map": where}))
        refused(tmp_path, text)


def test_the_file_that_python_pickles_is_not_touched(tmp_path):
    write(tmp_path, LLAMA, {})
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    refused(tmp_path, "has neither model.safetensors nor")
