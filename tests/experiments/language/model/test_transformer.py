"""The transformer against one written out in NumPy, and cached evaluation against uncached.

float64 parameters are compared to 1e-10. float32 ones to 1e-5 of logits of size 1 to 3: some tens of roundings of 6e-8.
"""

import re
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.language.model import transformer as model
from experiments.language.model.architecture import Architecture, initial_parameters, num_parameters
from experiments.language.model.rope import Linear, Llama3
from experiments.language.model.transformer import Cache
from tests.experiments.language import whole

SMALL = Architecture(vocabulary=13, width=16, num_layers=2, mlp_width=24)
BIASED = Architecture(
    vocabulary=13, width=12, num_layers=1, num_heads=3, num_kv_heads=1, head_size=6, mlp_width=20, tied=False,
    qkv_bias=True, rope_theta=100.0, norm_epsilon=1e-3,
)  # fmt: skip
DEEP = replace(SMALL, num_layers=10, num_heads=2, num_kv_heads=2)  # more than 8 layers: the looped code
ARCHITECTURES = pytest.mark.parametrize("a", [SMALL, BIASED, DEEP], ids=["small", "biased", "deep"])
all_logits, encode, extend, next_logits = (
    jax.jit(f, static_argnums=1) for f in (whole.all_logits, model.encode, model.extend, model.next_logits)
)


@partial(jax.jit, static_argnums=1, static_argnames="separator")
def log_probabilities(parameters, a, cache, responses, response_lengths, *, separator):
    fed = jnp.concatenate([jnp.full_like(responses[..., :1], separator), responses[..., :-1]], axis=-1)
    x = model.through_responses(parameters["blocks"], a, cache, parameters["embedding"][fed])
    return model.log_probabilities(parameters, a, x, responses, response_lengths)


TYPES = pytest.mark.parametrize(("dtype", "tolerance"), [(jnp.float64, 1e-10), (jnp.float32, 1e-5)])


def random_parameters(a, seed=0, dtype=jnp.float64):
    """Nothing at its initial value, and large enough that each part moves the logits: about 1/√width a weight."""
    rng = np.random.default_rng(seed)

    def draw(path, x):
        noise = rng.normal(size=x.shape) * (a.width**-0.5 if x.ndim > 1 else 0.3)
        return jnp.asarray(noise + ("norm" in jax.tree_util.keystr(path)), dtype)

    return jax.tree_util.tree_map_with_path(draw, initial_parameters(a, key=jax.random.key(seed)))


def frequencies(a):
    """Angle of each pair a token, by wavelength and case, as Meta's own code has it."""
    found = []
    for i in range(a.head // 2):
        f, stretch = a.rope_theta ** (-2 * i / a.head), a.rope_stretch
        if isinstance(stretch, Linear):
            f /= stretch.factor
        elif isinstance(stretch, Llama3):
            wavelength, L = 2 * np.pi / f, stretch.original_max_position_embeddings
            low, high = stretch.low_freq_factor, stretch.high_freq_factor
            if wavelength > L / low:
                f /= stretch.factor
            elif wavelength >= L / high:
                smooth = (L / wavelength - low) / (high - low)
                f = (1 - smooth) * f / stretch.factor + smooth * f
        found.append(f)
    return found


def reference(parameters, a, tokens):
    """Logits [T, V] of one sequence: token by token, head by head, RoPE as a product of complex numbers."""
    w = jax.tree.map(lambda x: np.asarray(x, np.float64), parameters)

    def norm(x, scale):
        return x / np.sqrt((x**2).mean() + a.norm_epsilon) * scale

    def turn(x, position):
        half = len(x) // 2
        z = (x[:half] + 1j * x[half:]) * np.exp(1j * position * np.array(frequencies(a)))
        return np.concatenate([z.real, z.imag])

    streams = [w["embedding"][token] for token in tokens]
    for layer in range(a.num_layers):
        block = {name: value[layer] for name, value in w["blocks"].items()}
        bias = {name: block.get(f"{name}_bias", 0.0) for name in "qkv"}
        inputs = [norm(x, block["attention_norm"]) for x in streams]
        q, k, v = ([np.split(n @ block[m] + bias[m], size) for n in inputs] for m, size in
                   (("q", a.num_heads), ("k", a.num_kv_heads), ("v", a.num_kv_heads)))  # fmt: skip
        for t, x in enumerate(streams):
            mixed = []
            for head in range(a.num_heads):
                shared = head * a.num_kv_heads // a.num_heads
                query = turn(q[t][head], t)
                scores = np.array([query @ turn(k[s][shared], s) for s in range(t + 1)]) / np.sqrt(a.head)
                weights = np.exp(scores - scores.max())
                mixed.append(sum(weight * v[s][shared] for s, weight in enumerate(weights / weights.sum())))
            x = x + np.concatenate(mixed) @ block["o"]
            n = norm(x, block["mlp_norm"])
            gate = n @ block["gate"]
            streams[t] = x + (gate / (1 + np.exp(-gate)) * (n @ block["up"])) @ block["down"]
    head = w["embedding"].T if a.tied else w["head"]
    return np.array([norm(x, w["final_norm"]) @ head for x in streams])


def setting(a, dtype=jnp.float64):
    """Parameters, four prompts (one empty, one without padding) and three responses to each."""
    rng = np.random.default_rng(1)
    prompts = jnp.asarray(rng.integers(0, a.vocabulary, (4, 5)), jnp.int32)
    responses = jnp.asarray(rng.integers(0, a.vocabulary, (4, 3, 4)), jnp.int32)
    lengths = jnp.asarray([3, 0, 5, 1], jnp.int32)
    response_lengths = jnp.asarray([[4, 1, 0], [2, 4, 3], [4, 4, 4], [0, 3, 1]], jnp.int32)
    return random_parameters(a, dtype=dtype), prompts, lengths, responses, response_lengths


# --- the transformer ----------------------------------------------------------------------------------------------


@ARCHITECTURES
@TYPES
def test_logits_are_those_of_the_transformer_written_out(a, dtype, tolerance):
    parameters = random_parameters(a, dtype=dtype)
    tokens = np.random.default_rng(2).integers(0, a.vocabulary, (2, 7))
    logits = all_logits(parameters, a, jnp.asarray(tokens, jnp.int32))
    assert logits.dtype == dtype
    expected = np.stack([reference(parameters, a, row) for row in tokens])
    assert 0.5 < expected.std() < 5
    np.testing.assert_allclose(logits, expected, rtol=0, atol=tolerance)


LLAMA3 = Llama3(8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
STRETCHED = [replace(BIASED, rope_stretch=LLAMA3), replace(BIASED, rope_stretch=Linear(3.0))]


@pytest.mark.parametrize("a", STRETCHED, ids=["llama3", "linear"])
def test_stretched_positions_give_the_logits_written_out(a):
    parameters, tokens = random_parameters(a), np.random.default_rng(5).integers(0, 13, 12)
    found = all_logits(parameters, a, jnp.asarray(tokens[None], jnp.int32))[0]
    np.testing.assert_allclose(found, reference(parameters, a, tokens), rtol=0, atol=1e-10)
    others = [None, Linear(2.9), replace(LLAMA3, factor=7.0), replace(LLAMA3, low_freq_factor=1.5)]
    others += [replace(LLAMA3, high_freq_factor=5.0), replace(LLAMA3, original_max_position_embeddings=60)]
    for other in others:
        away = reference(parameters, replace(a, rope_stretch=other), tokens)
        assert np.abs(away - np.asarray(found)).max() > 1e-5


def test_llama3_leaves_slows_and_blends():
    """Wavelengths of 6, 29 and 135 tokens of 64: of each of the three cases one."""
    scale = np.array(frequencies(STRETCHED[0])) / frequencies(BIASED)
    assert scale[0] == 1
    assert scale[2] == 1 / 8
    assert 0.3 < scale[1] < 0.6


@pytest.mark.parametrize("change", [{"rope_theta": 101.0}, {"norm_epsilon": 1.1e-3}, {"qkv_bias": False}])
def test_the_reference_tells_other_constants_apart(change):
    parameters = random_parameters(BIASED)
    tokens = np.arange(7)
    logits = all_logits(parameters, replace(BIASED, **change), jnp.asarray(tokens[None], jnp.int32))
    assert np.abs(np.asarray(logits[0]) - reference(parameters, BIASED, tokens)).max() > 1e-5


@ARCHITECTURES
def test_no_token_sees_what_follows(a):
    parameters = random_parameters(a)
    tokens = jnp.asarray([[1, 2, 3, 4, 5, 6]], jnp.int32)
    before, after = (all_logits(parameters, a, t) for t in (tokens, tokens.at[0, 3].set(9)))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (np.abs(np.asarray(before - after))[:, 3:].max(axis=-1) > 1e-3).all()


def test_grouped_queries_are_all_heads_with_keys_and_values_repeated():
    shared = replace(SMALL, num_heads=4, num_kv_heads=2, qkv_bias=True)
    parameters = random_parameters(shared)
    blocks = dict(parameters["blocks"])
    for name in ("k", "v", "k_bias", "v_bias"):
        heads = blocks[name].reshape(*blocks[name].shape[:-1], 2, shared.head)
        blocks[name] = jnp.repeat(heads, 2, axis=-2).reshape(*blocks[name].shape[:-1], 4 * shared.head)
    tokens = jnp.asarray([[3, 1, 4, 1, 5, 9, 2, 6]], jnp.int32)
    found = all_logits({**parameters, "blocks": blocks}, replace(shared, num_kv_heads=4), tokens)
    np.testing.assert_allclose(found, all_logits(parameters, shared, tokens), rtol=0, atol=1e-12)


def test_rope_depends_on_distances_alone():
    rng = np.random.default_rng(3)
    q, k = (jnp.asarray(rng.normal(size=(1, 1, SMALL.head))) for _ in range(2))

    def product(m, n):
        turned = [model._turn(x, model._rope(jnp.asarray([p]), SMALL, q.dtype)) for x, p in ((q, m), (k, n))]
        return float(jnp.sum(turned[0] * turned[1]))

    assert product(0, 0) == pytest.approx(float(jnp.sum(q * k)), abs=1e-14)
    assert product(107, 102) == pytest.approx(product(5, 0), abs=1e-12)
    assert abs(product(5, 0) - product(0, 5)) > 1e-2
    assert abs(product(5, 0) - product(6, 0)) > 1e-2


@ARCHITECTURES
def test_logits_do_not_depend_on_where_a_sequence_starts(a):
    parameters = random_parameters(a)
    tokens = jnp.asarray([[[3, 1, 4, 1, 5]]], jnp.int32)
    empty = jnp.zeros((a.num_layers, 1, a.num_kv_heads, 0, a.head))
    at_0, at_50 = (extend(parameters, a, Cache(empty, empty, jnp.asarray([n])), tokens) for n in (0, 50))
    np.testing.assert_allclose(at_0, at_50, rtol=0, atol=1e-10)


# --- the cache ----------------------------------------------------------------------------------------------------


@ARCHITECTURES
@TYPES
def test_cached_log_probabilities_are_those_of_whole_sequences(a, dtype, tolerance):
    parameters, prompts, lengths, responses, response_lengths = setting(a, dtype)
    cache = encode(parameters, a, prompts, lengths)
    found = log_probabilities(parameters, a, cache, responses, response_lengths, separator=7)
    assert found.dtype == dtype
    for p, g in np.ndindex(4, 3):
        n, R = int(lengths[p]), int(response_lengths[p, g])
        whole = np.zeros((1, 9), np.int32)  # what follows is not seen
        whole[0, : n + 4] = [*prompts[p, :n], 7, *responses[p, g, :3]]
        log_π = np.asarray(all_logits(parameters, a, jnp.asarray(whole)), np.float64)[0, n : n + 4]
        log_π = log_π - np.log(np.exp(log_π).sum(axis=-1, keepdims=True))
        expected = log_π[np.arange(4), responses[p, g]]
        np.testing.assert_allclose(found[p, g, :R], expected[:R], rtol=0, atol=tolerance)
        np.testing.assert_array_equal(found[p, g, R:], 0)


@pytest.mark.parametrize("a", [DEEP, replace(BIASED, num_layers=9)], ids=["deep", "biased"])
def test_prompts_and_responses_at_once_are_one_after_the_other(a):
    """States and their gradients in every parameter, through both orders of the same sums."""
    parameters, _, lengths, _, _ = setting(a)
    rng = np.random.default_rng(4)
    prompts, responses, weights = (jnp.asarray(rng.normal(size=(4, *n, a.width))) for n in ((5,), (3, 4), (3, 4)))

    def at_once(blocks, x, y, lengths):
        return jnp.sum(weights * model.through_both(blocks, a, x, y, lengths))

    def one_after_the_other(blocks, x, y, lengths):
        _, cache = model.through_prompts(blocks, a, x, lengths)
        return jnp.sum(weights * model.through_responses(blocks, a, cache, y))

    found, expected = (
        jax.jit(jax.value_and_grad(f, (0, 1, 2)))(parameters["blocks"], prompts, responses, lengths)
        for f in (at_once, one_after_the_other)
    )
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-11 * float(jnp.abs(theirs).max()))
    longer = jax.jit(at_once)(parameters["blocks"], prompts, responses, lengths.at[0].add(1))
    assert abs(float(longer - expected[0])) > 1e-3


@ARCHITECTURES
def test_a_wrong_length_or_separator_is_noticed(a):
    parameters, prompts, lengths, responses, response_lengths = setting(a)
    cache = encode(parameters, a, prompts, lengths)
    right = log_probabilities(parameters, a, cache, responses, response_lengths, separator=7)
    longer = Cache(cache.keys, cache.values, lengths + jnp.asarray([1, 0, 0, 0], jnp.int32))
    other = log_probabilities(parameters, a, longer, responses, response_lengths, separator=7)
    assert np.abs(np.asarray(right - other))[0].max() > 1e-3
    np.testing.assert_array_equal(right[1:], other[1:])
    assert np.abs(log_probabilities(parameters, a, cache, responses, response_lengths, separator=8) - right).max() > 0.1


@ARCHITECTURES
@TYPES
def test_decoding_token_by_token_is_extend(a, dtype, tolerance):
    parameters, prompts, lengths, responses, _ = setting(a, dtype)
    cache = encode(parameters, a, prompts, lengths)
    expected = extend(parameters, a, cache, responses)
    junk = jnp.full((a.num_layers, 4, 3, a.num_kv_heads, 6, a.head), 3.0, dtype)  # what is not written yet is not read
    own = (junk, junk)
    for time in range(4):
        logits, own = next_logits(parameters, a, cache, own, responses[..., time], jnp.asarray(time, jnp.int32))
        assert logits.dtype == dtype
        np.testing.assert_allclose(logits, expected[..., time, :], rtol=0, atol=tolerance)
    assert (np.asarray(own[0])[..., 4:, :] == 3).all()


@ARCHITECTURES
def test_responses_of_a_group_and_prompts_of_a_batch_do_not_meet(a):
    parameters, prompts, lengths, responses, _ = setting(a)
    together = extend(parameters, a, encode(parameters, a, prompts, lengths), responses)
    for p, g in ((0, 0), (0, 2), (1, 1), (2, 0), (3, 2)):
        cache = encode(parameters, a, prompts[p : p + 1], lengths[p : p + 1])
        alone = extend(parameters, a, cache, responses[p : p + 1, g : g + 1])
        np.testing.assert_allclose(together[p, g], alone[0, 0], rtol=0, atol=1e-12)


@ARCHITECTURES
def test_what_stands_in_the_padding_does_not_matter(a):
    parameters, prompts, lengths, responses, response_lengths = setting(a)

    def value(prompts, responses):
        cache = encode(parameters, a, prompts, lengths)
        return log_probabilities(parameters, a, cache, responses, response_lengths, separator=7)

    padding = jnp.arange(5) >= lengths[:, None].astype(int)
    response_padding = jnp.arange(4) >= response_lengths[..., None].astype(int)
    right = value(prompts, responses)
    changed = value(jnp.where(padding, 12, prompts), jnp.where(response_padding, 0, responses))
    np.testing.assert_array_equal(right, changed)
    assert (value(jnp.where(padding, prompts, 12), responses) != right).any(axis=(1, 2)).tolist() == [
        True, False, True, True,
    ]  # fmt: skip
    wide = jnp.pad(prompts, ((0, 0), (0, 3)))
    np.testing.assert_allclose(value(wide, responses), right, rtol=0, atol=1e-12)


# --- gradients ----------------------------------------------------------------------------------------------------


@ARCHITECTURES
@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_gradients_are_finite_and_padding_has_none(a, dtype):
    parameters, prompts, lengths, responses, response_lengths = setting(a, dtype)

    @jax.jit
    @jax.grad
    def gradient_of(parameters, lengths, response_lengths):
        cache = encode(parameters, a, prompts, lengths)
        return jnp.sum(log_probabilities(parameters, a, cache, responses, response_lengths, separator=7))

    for some in (lengths, 0 * lengths):
        gradient = gradient_of(parameters, some, response_lengths)
        assert all(np.isfinite(x).all() and x.dtype == dtype for x in jax.tree.leaves(gradient))
        assert np.abs(gradient["embedding"]).max() > 0.1
        nothing = gradient_of(parameters, some, 0 * response_lengths)
        assert all((x == 0).all() for x in jax.tree.leaves(nothing))


@ARCHITECTURES
def test_gradients_are_those_of_finite_differences(a):
    parameters, prompts, lengths, responses, response_lengths = setting(a)
    u = random_parameters(a, seed=5)

    @jax.jit
    @jax.value_and_grad
    def value(t):
        moved = jax.tree.map(lambda x, y: x + t * y, parameters, u)
        cache = encode(moved, a, prompts, lengths)
        return jnp.sum(log_probabilities(moved, a, cache, responses, response_lengths, separator=7))

    h = 1e-5  # errors: h² of the third derivative, and 1e-16 · |value| / h
    expected = float(value(h)[0] - value(-h)[0]) / (2 * h)
    assert float(value(0.0)[1]) == pytest.approx(expected, rel=1e-6)


# --- sizes --------------------------------------------------------------------------------------------------------


@ARCHITECTURES
def test_number_of_parameters(a):
    V, d, L, f, q, kv = a.vocabulary, a.width, a.num_layers, a.mlp_width, a.num_heads * a.head, a.num_kv_heads * a.head
    expected = V * d + d + L * (2 * d + 2 * d * q + 2 * d * kv + 3 * d * f)
    expected += (0 if a.tied else V * d) + (L * (q + 2 * kv) if a.qkv_bias else 0)
    assert num_parameters(initial_parameters(a, key=jax.random.key(0))) == expected


def test_initial_parameters_have_the_stated_deviations():
    a = Architecture(vocabulary=300, width=64, num_layers=3, tied=False, qkv_bias=True)
    parameters = initial_parameters(a, key=jax.random.key(4))
    blocks = parameters["blocks"]
    assert {x.dtype for x in jax.tree.leaves(parameters)} == {jnp.dtype("float32")}
    stds = dict.fromkeys(("q", "k", "v", "gate", "up"), 0.02) | dict.fromkeys(("o", "down"), 0.02 / 6**0.5)
    named = [(blocks[name], std) for name, std in stds.items()]
    for x, std in [*named, (parameters["embedding"], 0.02), (parameters["head"], 0.02)]:
        error = std / np.sqrt(2 * x.size)  # of the deviation of that many normal numbers
        assert abs(float(x.std()) - std) < 4 * error
        assert abs(float(x.mean())) < 4 * std / np.sqrt(x.size)
    for name in ("attention_norm", "mlp_norm"):
        np.testing.assert_array_equal(blocks[name], np.ones((3, 64)))
    for name in ("q_bias", "k_bias", "v_bias"):
        assert not np.any(blocks[name])
    assert not np.allclose(blocks["k"], blocks["v"])
    assert not np.allclose(blocks["q"][0], blocks["q"][1])


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ({"vocabulary": 0}, "vocabulary is 0; allowed: an integer of at least 1"),
        ({"num_layers": True}, "num_layers is True; allowed: an integer of at least 1"),
        ({"num_heads": -4}, "num_heads is -4; allowed: an integer of at least 1"),
        ({"num_kv_heads": 3}, "num_kv_heads is 3; allowed: a divisor of num_heads, 4"),
        ({"num_kv_heads": 0}, "num_kv_heads is 0; allowed: an integer of at least 1"),
        ({"mlp_width": 0}, "mlp_width is 0; allowed: an integer of at least 1"),
        ({"width": 130}, "num_heads is 4; allowed: a divisor of width, 130"),
        ({"head_size": 5}, "head_size is 5; allowed: an even number (RoPE turns pairs)"),
        ({"width": 12}, "head_size is 3; allowed: an even number (RoPE turns pairs)"),
    ],
)
def test_sizes_that_cannot_be_are_refused(sizes, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        Architecture(**({"vocabulary": 10} | sizes))
    assert Architecture(vocabulary=10, width=130, head_size=6).head == 6
