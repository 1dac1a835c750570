"""Optimisers against optax: update by update on pytrees, and a whole run of one prompt by automatic differentiation."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bandits import (
    Exact,
    Optimiser,
    Sampled,
    coherent,
    constant,
    equicorrelation,
    from_pass_rates,
    kl_limited,
    make_optimiser,
    make_rule,
    problem,
    random_arms,
    run,
    score,
)
from bandits.bilinear import bilinear_problem

KEY = jax.random.key(0)
OPTAX = {
    "sgd": optax.sgd(1.0),
    "momentum": optax.sgd(1.0, momentum=0.9),
    "adam": optax.adam(1.0),
    "other momentum": optax.sgd(1.0, momentum=0.5),
    "other adam": optax.adam(1.0, b1=0.8, b2=0.95, eps=0.1),
    "clipped sgd": optax.chain(optax.clip_by_global_norm(0.1), optax.sgd(1.0)),
    "clipped adam": optax.chain(optax.clip_by_global_norm(0.1), optax.adam(1.0)),
}
OURS = {
    "sgd": make_optimiser("sgd"),
    "momentum": make_optimiser("momentum"),
    "adam": make_optimiser("adam"),
    "other momentum": make_optimiser("momentum", decay=0.5),
    "other adam": make_optimiser("adam", mean_decay=0.8, square_decay=0.95, epsilon=0.1),
    "clipped sgd": make_optimiser("sgd", clip_norm=0.1),
    "clipped adam": make_optimiser("adam", clip_norm=0.1),
}


def by_optax(name: str, gradient: Any, state: Any, parameters: Any) -> tuple[Any, Any]:
    """(update, state); optax mixes integers and floats."""
    with jax.numpy_dtype_promotion("standard"):
        return OPTAX[name].update(gradient, state, parameters)


@pytest.mark.parametrize("name", OURS)
def test_updates_are_those_of_optax(name: str) -> None:
    rng = np.random.default_rng(0)
    mine = OURS[name]
    parameters = {"a": jnp.zeros((2, 3)), "b": [jnp.zeros(4)]}
    memory, state = mine.init(parameters), OPTAX[name].init(parameters)
    for t in range(12):
        v = jax.tree.map(lambda leaf, t=t: jnp.asarray(rng.normal(size=leaf.shape) * 10.0 ** (t % 5 - 3)), parameters)
        found, memory = mine.update(v, memory)
        wanted, state = by_optax(name, jax.tree.map(jnp.negative, v), state, parameters)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), found, wanted)


SIZE = 0.7


@pytest.mark.parametrize("name", OURS)
def test_a_run_of_one_prompt_is_that_of_optax(name: str) -> None:
    offsets, rewards = jnp.log(jnp.array([[0.2, 0.3, 0.5]])), jnp.array([[1.0, 0.0, 0.3]])
    made = problem(coherent(None, random_arms(1, 3, 2, key=KEY)), offsets, rewards)
    φ = made.features.dense()[0]

    def loss(θ: jax.Array) -> jax.Array:
        return -jax.nn.softmax(offsets[0] + φ @ θ) @ rewards[0]

    θ = jnp.zeros(φ.shape[1])
    state, values = OPTAX[name].init(θ), []
    for _ in range(15):
        values.append(-loss(θ))
        update, state = by_optax(name, jax.grad(loss)(θ), state, θ)
        θ = θ + SIZE * update
    for same in (1, 5):
        found = run(
            made, make_rule("none", made.features), constant(SIZE), 15, key=KEY, record_every=same, optimiser=OURS[name]
        )
        np.testing.assert_allclose(found.trajectory.value, values[::same], rtol=1e-10)
        np.testing.assert_allclose(found.final.parameters.ravel(), θ, rtol=1e-9)
        # T3 asks nothing of the direction
        assert (found.trajectory.certificate <= found.trajectory.gain + 1e-14).all()
    tally = score(
        made, make_rule("none", made.features), Exact(), constant(SIZE), 15,
        levels=jnp.array([0.9]), key=KEY, optimiser=OURS[name],
    )  # fmt: skip
    np.testing.assert_allclose(tally.area, np.mean(values), rtol=1e-10)


def final(name: str, optimiser: Optimiser, group_size: int, size) -> np.ndarray:
    """Logits after some updates by sampled groups."""
    made = from_pass_rates([0.2, 0.4, 0.6, 0.8], num_arms=3, coherence=0.4, key=KEY)
    rule = make_rule(name, made.features)
    return np.asarray(
        run(made, rule, size, 12, key=KEY, oracle=Sampled(group_size), optimiser=optimiser).final.local.logits
    )


@pytest.mark.parametrize("G", [2, 3])
@pytest.mark.parametrize("size", [constant(0.05), kl_limited(0.05, 1e-3)])
def test_adam_forgets_a_constant_factor_up_to_its_epsilon(G: int, size) -> None:
    # at G = 2 and 3 group is none times 2 and 2.12, sample by sample: the same run where ε grows along
    factor = FACTORS[G]
    one, scaled = (make_optimiser("adam", epsilon=1e-3 * c) for c in (1, factor))
    np.testing.assert_allclose(final("group", scaled, G, size), final("none", one, G, size), rtol=1e-9)
    assert np.abs(final("group", one, G, size) - final("none", one, G, size)).max() > 1e-4
    usual = make_optimiser("adam")  # ε over the size of a gradient's coordinate, times 12 steps of .05
    np.testing.assert_allclose(final("group", usual, G, size), final("none", usual, G, size), rtol=0, atol=1e-5)
    assert np.abs(final("group", usual, 8, size) - final("none", usual, 8, size)).max() > 1e-4


FACTORS = {2: 2.0, 3: 3 / np.sqrt(2)}


@pytest.mark.parametrize("G", [2, 3])
def test_sgd_and_momentum_do_not(G: int) -> None:
    for name in ("sgd", "momentum"):
        ours = make_optimiser(name)
        steps = (("group", 0.05), ("none", 0.05 * FACTORS[G]))
        found, wanted = (final(rule, ours, G, constant(s)) for rule, s in steps)
        np.testing.assert_allclose(found, wanted, rtol=1e-9)
        assert np.abs(found - final("none", ours, G, constant(0.05))).max() > 1e-3


def test_clipping_shortens_long_directions_alone() -> None:
    made = make_optimiser("sgd", clip_norm=1.0)
    for long, wanted in (([3.0, 4.0], [0.6, 0.8]), ([0.3, 0.4], [0.3, 0.4]), ([0.0, 0.0], [0.0, 0.0])):
        np.testing.assert_allclose(made.update(jnp.array(long), made.init(jnp.zeros(2)))[0], wanted, rtol=1e-14)


def test_learnt_features_have_a_memory_of_their_own_shape() -> None:
    made = bilinear_problem([0.1, 0.5, 0.9], num_arms=3, num_hidden=2, coherence=0.4, key=KEY)
    done = run(made, make_rule("group", made.features), kl_limited(1.0), 8, key=KEY, optimiser=OURS["adam"])
    assert jax.tree.structure(done.final.optimiser.mean) == jax.tree.structure(done.final.parameters)
    assert float(done.final.optimiser.count) == 8
    assert done.trajectory.value[-1] > done.trajectory.value[0]


def test_coordinates_matter_to_adam_alone() -> None:
    # the same prompts by rotated features: SGD and momentum do not notice
    arms = random_arms(3, 3, 2, key=KEY)
    turn = jnp.asarray([[0.6, 0.8], [-0.8, 0.6]])
    rewards, offsets = jnp.eye(3), jnp.zeros((3, 3))
    for name in ("sgd", "momentum", "adam"):
        ends = []
        for u in (arms, arms @ turn):
            made = problem(coherent(equicorrelation(3, 0.5), u), offsets, rewards)
            done = run(made, make_rule("none", made.features), constant(0.1), 6, key=KEY, optimiser=OURS[name])
            ends.append(np.asarray(done.final.local.logits))
        assert np.allclose(*ends, rtol=0, atol=1e-11) == (name != "adam")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_optimiser("adamw"), "optimiser is 'adamw'; allowed: sgd, momentum, adam"),
        (lambda: make_optimiser("momentum", decay=1.0), r"decay contains 1.0; allowed: numbers in \[0, 1\)"),
        (lambda: make_optimiser("adam", mean_decay=-0.1), "mean_decay contains -0.1"),
        (lambda: make_optimiser("adam", square_decay=1.0), "square_decay contains 1.0"),
        (lambda: make_optimiser("adam", epsilon=0.0), r"epsilon contains 0.0; allowed: numbers in \(0, inf\)"),
        (lambda: make_optimiser("sgd", clip_norm=0.0), r"clip_norm contains 0.0; allowed: numbers in \(0, inf\)"),
        (lambda: make_optimiser("adam", epsilon=[1e-8]), r"epsilon has shape \(1,\)"),
    ],
)
def test_refusals(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
    make_optimiser("sgd", decay=7.0)  # looked at only where it is used
