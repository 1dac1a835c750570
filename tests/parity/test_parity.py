"""The language model against `transformers`, on small random checkpoints made here: logits to 1e-4, equal greedy words.

Run by `make parity`, which installs torch and transformers; nothing here is imported or made without them. No network.
The weights are drawn so large that logits have a deviation near 1 and that each constant tried moves them by over 1e-4.
"""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.language.model import transformer as model
from experiments.language.model.architecture import Architecture, initial_parameters
from experiments.language.model.pretrained import load_model, save_model
from experiments.language.model.rope import Linear, Llama3
from tests.experiments.language import whole

pytestmark = pytest.mark.parity

VOCABULARY = 211
TOLERANCE = 1e-4
SIZES = {"vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3}
KINDS = {
    "llama, tied": ("Llama", {"num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True}),
    "llama, untied": (
        "Llama",
        {"num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 24, "tie_word_embeddings": False}
        | {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}, "rms_norm_eps": 1e-3},
    ),
    "qwen2, tied": (
        "Qwen2",
        {"num_attention_heads": 8, "num_key_value_heads": 2, "tie_word_embeddings": True, "sliding_window": 4}
        | {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
    ),
    "qwen2, untied": ("Qwen2", {"num_attention_heads": 4, "num_key_value_heads": 4, "tie_word_embeddings": False}),
    "llama 3.2": (  # wavelengths of 6 to 5,000 tokens against 64/4 and 64/1: pairs left, blended and slowed
        "Llama",
        {"num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True, "rms_norm_eps": 1e-5}
        | {
            "rope_parameters": {"rope_type": "llama3", "rope_theta": 5000.0, "factor": 32.0, "low_freq_factor": 1.0}
            | {"high_freq_factor": 4.0, "original_max_position_embeddings": 64}
        },
    ),
    "llama, linear": (
        "Llama",
        {"num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": False}
        | {"rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.5}},
    ),
    "qwen2, llama3": (
        "Qwen2",
        {"num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True, "head_dim": 12}
        | {
            "rope_parameters": {"rope_type": "llama3", "rope_theta": 300.0, "factor": 4.0, "low_freq_factor": 0.5}
            | {"high_freq_factor": 3.0, "original_max_position_embeddings": 100}
        },
    ),
    "smollm2": (  # the 135M model's head counts, thin and of 10 layers: the code that loops over layers
        "Llama",
        {"hidden_size": 72, "intermediate_size": 192, "num_hidden_layers": 10, "num_attention_heads": 9}
        | {"num_key_value_heads": 3, "tie_word_embeddings": True, "rms_norm_eps": 1e-5}
        | {"rope_parameters": {"rope_type": "default", "rope_theta": 100_000.0}},
    ),
}

all_logits, encode, extend, next_logits = (
    jax.jit(f, static_argnums=1) for f in (whole.all_logits, model.encode, model.extend, model.next_logits)
)


@pytest.fixture(scope="module")
def torch():
    """torch, with one thread, as its threads and JAX's would fight for the cores. Where it is absent, tests fail."""
    import torch

    torch.set_num_threads(1)
    return torch


@pytest.fixture(scope="module", params=KINDS, ids=lambda name: name.replace(", ", "-"))
def pair(request, torch, tmp_path_factory):
    """A checkpoint written by transformers: its model, its folder, and what we read from it."""
    import transformers

    family, options = KINDS[request.param]
    config = getattr(transformers, f"{family}Config")(**SIZES | options, bos_token_id=None, eos_token_id=None)
    theirs = getattr(transformers, f"{family}ForCausalLM")(config).eval()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, x in theirs.named_parameters():  # biases and norms too: they begin at 0 and 1
            scale = 0.3 if x.ndim == 1 else 1.2 * config.hidden_size**-0.5
            x.copy_(scale * torch.randn(x.shape, generator=generator) + ("norm" in name))
    folder = tmp_path_factory.mktemp("checkpoint")
    theirs.save_pretrained(folder)
    return theirs, folder, *load_model(folder)


def their_logits(torch, theirs, tokens):
    with torch.no_grad():
        return theirs(torch.tensor(np.asarray(tokens), dtype=torch.int64)).logits.numpy()


def random_tokens(*shape):
    return np.random.default_rng(11).integers(0, VOCABULARY, shape)


def test_logits_of_whole_sequences(torch, pair):
    theirs, _, a, parameters = pair
    tokens = random_tokens(3, 40)
    expected = their_logits(torch, theirs, tokens)
    found = all_logits(parameters, a, jnp.asarray(tokens, jnp.int32))
    assert found.dtype == expected.dtype == np.float32
    assert 0.3 < expected.std() < 3
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def test_logits_after_a_cached_prompt(torch, pair):
    """Prompts of 1 to 20 tokens padded to 20, three continuations each."""
    theirs, _, a, parameters = pair
    prompts, continuations, lengths = random_tokens(4, 20), random_tokens(4, 3, 8)[..., ::-1], [20, 1, 7, 13]
    cache = encode(parameters, a, jnp.asarray(prompts, jnp.int32), jnp.asarray(lengths, jnp.int32))
    found = np.asarray(extend(parameters, a, cache, jnp.asarray(continuations, jnp.int32)))
    for p, n in enumerate(lengths):
        whole = np.concatenate([np.tile(prompts[p, :n], (3, 1)), continuations[p]], axis=1)
        expected = their_logits(torch, theirs, whole)[:, n:]
        np.testing.assert_allclose(found[p], expected, rtol=0, atol=TOLERANCE)


def test_greedy_continuations_are_the_same(torch, pair):
    """24 tokens from `encode` and `next_logits`, the cached path of sampling, and from `generate`."""
    theirs, _, a, parameters = pair
    T, prompts, lengths = 24, random_tokens(3, 12), [12, 5, 9]
    last = jnp.asarray([[prompts[p, n - 1]] for p, n in enumerate(lengths)], jnp.int32)  # as the separator is in ours
    cache = encode(parameters, a, jnp.asarray(prompts, jnp.int32), jnp.asarray(lengths, jnp.int32) - 1)
    empty = jnp.zeros((a.num_layers, 3, 1, a.num_kv_heads, T, a.head), jnp.float32)
    own, words, gaps = (empty, empty), [], []
    for time in range(T):
        logits, own = next_logits(parameters, a, cache, own, last, jnp.asarray(time, jnp.int32))
        top = np.sort(np.asarray(logits), axis=-1)
        gaps.append((top[..., -1] - top[..., -2]).min())
        last = jnp.argmax(logits, axis=-1).astype(jnp.int32)
        words.append(np.asarray(last)[:, 0])
    assert min(gaps) > TOLERANCE  # no two words so close that the order could be anyone's
    for p, n in enumerate(lengths):
        prompt = torch.tensor(prompts[p : p + 1, :n], dtype=torch.int64)
        whole = theirs.generate(
            prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=T, pad_token_id=0
        )
        np.testing.assert_array_equal(whole[0, n:].numpy(), np.array(words)[:, p])


def test_other_constants_are_told_apart(torch, pair):
    theirs, _, a, parameters = pair
    tokens = random_tokens(3, 40)
    expected = their_logits(torch, theirs, tokens)

    def distance(a, parameters):
        return np.abs(np.asarray(all_logits(parameters, a, jnp.asarray(tokens, jnp.int32))) - expected).max()

    assert distance(a, parameters) < TOLERANCE
    assert distance(replace(a, rope_theta=1.01 * a.rope_theta), parameters) > 10 * TOLERANCE
    assert distance(replace(a, norm_epsilon=a.norm_epsilon + 1e-3), parameters) > 10 * TOLERANCE
    blocks = parameters["blocks"]
    if isinstance(a.rope_stretch, Llama3):
        for name, value in (("factor", 8.0), ("low_freq_factor", 2.0), ("original_max_position_embeddings", 128)):
            other = replace(a.rope_stretch, **{name: value})
            assert distance(replace(a, rope_stretch=other), parameters) > 10 * TOLERANCE
    if a.rope_stretch:
        assert distance(replace(a, rope_stretch=None), parameters) > 10 * TOLERANCE
    wrong = [{name: jnp.zeros_like(blocks[name])} for name in ("q_bias", "k_bias", "v_bias") if a.qkv_bias]
    wrong += [{"gate": blocks["up"], "up": blocks["gate"]}, {"attention_norm": blocks["mlp_norm"]}]
    for change in wrong:
        assert distance(a, {**parameters, "blocks": blocks | change}) > 10 * TOLERANCE


def test_shards_and_half_precision(torch, pair, tmp_path):
    """The same numbers from many files; bfloat16 read without further rounding."""
    theirs, folder, a, parameters = pair
    theirs.save_pretrained(tmp_path / "shards", max_shard_size="50KB")
    assert len(list((tmp_path / "shards").glob("model-*.safetensors"))) > 3
    b, same = load_model(tmp_path / "shards")
    assert b == a
    jax.tree.map(np.testing.assert_array_equal, same, parameters)
    half = type(theirs).from_pretrained(folder, dtype=torch.bfloat16)
    half.save_pretrained(tmp_path / "half")
    b, rounded = load_model(tmp_path / "half")
    assert b == a
    tokens = random_tokens(2, 16)
    found = all_logits(rounded, a, jnp.asarray(tokens, jnp.int32))
    np.testing.assert_allclose(found, their_logits(torch, half.float(), tokens), rtol=0, atol=TOLERANCE)
    assert np.abs(np.asarray(found) - their_logits(torch, theirs, tokens)).max() > 10 * TOLERANCE


@pytest.mark.parametrize(
    "a",
    [
        Architecture(vocabulary=VOCABULARY, width=32, mlp_width=48),
        Architecture(vocabulary=VOCABULARY, width=32, mlp_width=48, head_size=12, rope_theta=300.0, tied=False),
        Architecture(vocabulary=VOCABULARY, width=32, mlp_width=48, num_layers=9, qkv_bias=True, norm_epsilon=1e-3),
        Architecture(vocabulary=VOCABULARY, width=32, mlp_width=48, head_size=12, qkv_bias=True, tied=False),
        Architecture(
            vocabulary=VOCABULARY, width=32, mlp_width=48, rope_theta=300.0, rope_stretch=Llama3(8.0, 1.0, 4.0, 64)
        ),
        Architecture(vocabulary=VOCABULARY, width=32, mlp_width=48, rope_stretch=Linear(4.0), qkv_bias=True),
    ],
    ids=["llama", "llama-untied", "qwen2", "qwen2-untied", "llama3", "linear"],
)
def test_transformers_reads_what_we_write(torch, a, tmp_path):
    import transformers

    rng = np.random.default_rng(3)
    parameters = jax.tree.map(
        lambda x: x + jnp.asarray(rng.normal(size=x.shape) * 0.2, jnp.float32),
        initial_parameters(a, key=jax.random.key(0)),
    )
    save_model(tmp_path, a, parameters)
    theirs, report = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(report.values()), report  # no key missing, unexpected or of another shape
    assert theirs.dtype == torch.float32
    tokens = random_tokens(2, 30)
    expected = their_logits(torch, theirs.eval(), tokens)
    assert expected.std() > 0.3
    found = all_logits(parameters, a, jnp.asarray(tokens, jnp.int32))
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    theirs.save_pretrained(tmp_path / "again")
    b, again = load_model(tmp_path / "again")
    assert replace(b, head_size=None) == replace(a, head_size=None)
    assert b.head == a.head
    jax.tree.map(np.testing.assert_array_equal, again, parameters)


def test_files_of_transformers_4_say_the_same(pair, tmp_path):
    """`rope_theta` at the top and `rope_scaling` null or with its type, as in the files that people have."""
    _, folder, a, _ = pair
    config = json.loads((folder / "config.json").read_text())
    rope = config.pop("rope_parameters")
    config |= {"rope_theta": rope.pop("rope_theta"), "rope_scaling": None if rope["rope_type"] == "default" else rope}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").symlink_to(folder / "model.safetensors")  # as in the cache of the hub
    assert load_model(tmp_path)[0] == a
    if a.rope_stretch:  # the older name of the key
        config["rope_scaling"] = {"type": rope.pop("rope_type"), **rope}
        (tmp_path / "config.json").write_text(json.dumps(config))
        assert load_model(tmp_path)[0] == a
