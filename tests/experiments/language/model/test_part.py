"""Training a part: the same policy as the whole model, and the part of its derivatives; float64 to 1e-12."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.language.model.architecture import Architecture
from experiments.language.model.model import Model
from experiments.language.model.part import LowRank, divide
from experiments.language.model.sample import Sampler
from tests.experiments.language import tiny

ARCHITECTURE = Architecture(vocabulary=6, width=8, num_layers=3, num_heads=2, num_kv_heads=1, mlp_width=8)
DEEP = replace(ARCHITECTURE, num_layers=11)
"""More layers than are written out."""
BATCH = tiny.batch()


def whole(architecture=ARCHITECTURE):
    return tiny.parameters(architecture, dtype=jnp.float64)


def made(train, architecture=ARCHITECTURE, ends=(tiny.END,)):
    """θ and the model of a part, LoRA's B away from 0."""
    θ, part = divide(train, whole(architecture))
    if isinstance(part, LowRank):
        rng = np.random.default_rng(1)
        θ = jax.tree.map(lambda x: x + 0.1 * rng.standard_normal(x.shape), θ)
    return θ, replace(tiny.model(architecture, ends), part=part)


@pytest.mark.parametrize(
    ("train", "architecture", "ends"),
    [
        ("last:1", ARCHITECTURE, (tiny.END, 3)),
        ("last:2", ARCHITECTURE, (tiny.END,)),
        ("last:2", DEEP, (tiny.END,)),
        ("lora:2", ARCHITECTURE, (tiny.END,)),
    ],
)
def test_the_policy_is_the_merged_model_s(train, architecture, ends):
    θ, model = made(train, architecture, ends)
    plain = tiny.model(architecture, ends)
    with tiny.quick():
        expected = jax.jit(plain.response_log_probabilities)(model.part.merged(θ), BATCH)
        found = jax.jit(Model.response_log_probabilities)(model, θ, BATCH)
        kept = jax.jit(lambda m, θ, b: m.response_log_probabilities(θ, m.keep_states(θ, b)))(model, θ, BATCH)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(kept, expected, rtol=1e-12)


@pytest.mark.parametrize("train", ["last:1", "lora:2"])
def test_derivatives_are_those_of_the_merged_model(train):
    """By the chain rule through `merged`, which for the last layers only picks rows."""
    θ, model = made(train)
    plain = tiny.model(ARCHITECTURE)
    batch = model.keep_states(θ, BATCH)

    def direct(θ):
        return jnp.sum(model.answer_log_probabilities(θ, batch) ** 2)

    def through(θ):
        return jnp.sum(plain.answer_log_probabilities(model.part.merged(θ), BATCH) ** 2)

    with tiny.quick():
        first, second = (jax.jit(jax.grad(f))(θ) for f in (direct, through))
        u = jax.tree.map(jnp.ones_like, θ)
        bends = [jax.jit(lambda θ, f=f: jax.jvp(jax.grad(f), (θ,), (u,))[1])(θ) for f in (direct, through)]
    for one, two in ((first, second), bends):
        assert max(float(jnp.abs(x).max()) for x in jax.tree.leaves(two)) > 1e-3
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12), one, two)


def test_the_last_layers_are_those_rows_of_the_whole_gradient():
    θ, model = made("last:2")
    full = whole()
    with tiny.quick():
        part = jax.jit(jax.grad(lambda θ: jnp.sum(model.answer_log_probabilities(θ, BATCH))))(θ)
        everything = jax.jit(jax.grad(lambda θ: jnp.sum(tiny.model(ARCHITECTURE).answer_log_probabilities(θ, BATCH))))(
            full
        )
    assert set(part) == {"blocks"}
    for name, g in part["blocks"].items():
        np.testing.assert_allclose(g, everything["blocks"][name][1:], rtol=1e-9, atol=1e-13)


def test_low_rank_corrections_start_at_the_model_itself():
    θ, part = divide("lora:2", whole(), seed=3)
    for one, two in zip(jax.tree.leaves(part.merged(θ)), jax.tree.leaves(whole()), strict=True):
        np.testing.assert_array_equal(one, two)
    again, other = divide("lora:2", whole(), seed=3)[0], divide("lora:2", whole(), seed=4)[0]
    assert all(np.array_equal(θ[n]["a"], again[n]["a"]) and not np.array_equal(θ[n]["a"], other[n]["a"]) for n in θ)
    assert {name: (f["a"].shape, f["b"].shape) for name, f in θ.items()}["down"] == ((3, 8, 2), (3, 2, 8))


def test_everything_is_the_default():
    θ, part = divide("all", whole())
    assert part.divided(θ) == (None, θ)
    model = replace(tiny.model(ARCHITECTURE), part=part)
    assert model.keep_states(θ, BATCH) is BATCH


def test_samples_are_the_merged_model_s():
    θ, model = made("last:1")
    with tiny.quick():
        one = Sampler(model, 3)(θ, BATCH, jax.random.key(0), 4)
        two = Sampler(tiny.model(ARCHITECTURE), 3)(model.part.merged(θ), BATCH, jax.random.key(0), 4)
    np.testing.assert_array_equal(one.responses, two.responses)


@pytest.mark.parametrize(
    "train", ["", "last", "last:0", "last:3", "last:-1", "last:٣", "lora:9", "lora:1.5", "ALL", "first:2"]
)
def test_other_parts_are_refused(train):
    with pytest.raises(ValueError, match=f"--train is {train}; allowed: "):
        divide(train, whole())
