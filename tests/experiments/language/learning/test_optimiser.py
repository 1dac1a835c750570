"""Steps against optax's own optimisers and against formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.language.learning.optimiser import descend, make_schedule, make_transform

NAN, INF = float("nan"), float("inf")
θ = {"a": jnp.asarray([1.0, -2.0]), "b": jnp.asarray([[0.5]])}
SLOPES = [
    {"a": jnp.asarray([3.0, 0.0]), "b": jnp.asarray([[4.0]])},
    {"a": jnp.asarray([-0.1, 0.2]), "b": jnp.asarray([[0.2]])},
    {"a": jnp.asarray([1.0, 1.0]), "b": jnp.asarray([[-7.0]])},
]


def follow(transform, sizes):
    parameters, state, lengths = θ, transform.init(θ), []
    for g, η in zip(SLOPES, sizes, strict=True):
        parameters, state, length = descend(transform, parameters, state, g, η)
        lengths.append(float(length))
    return parameters, lengths


@pytest.fixture
def standard():
    """Optax's own bias correction raises a float to an integer, which strict promotion refuses."""
    with jax.numpy_dtype_promotion("standard"):
        yield


def assert_same(found, expected):
    for name in θ:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-13)


def test_sgd_by_hand():
    found, lengths = follow(make_transform("sgd"), [0.1, 1.0, 0.01])
    for name in θ:
        total = θ[name] - (0.1 * SLOPES[0][name] + 1.0 * SLOPES[1][name] + 0.01 * SLOPES[2][name])
        np.testing.assert_allclose(found[name], total, rtol=1e-14)
    np.testing.assert_allclose(lengths, [0.5, 0.3, 0.01 * 51**0.5], rtol=1e-14)


def test_momentum_by_hand():
    """m ← .9 m + g."""
    found, _ = follow(make_transform("momentum"), [0.1] * 3)
    for name in θ:
        g = [np.asarray(slope[name]) for slope in SLOPES]
        m = [g[0], 0.9 * g[0] + g[1], 0.81 * g[0] + 0.9 * g[1] + g[2]]
        np.testing.assert_allclose(found[name], θ[name] - 0.1 * sum(m), rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "theirs"), [("adam", optax.adam(0.1)), ("adamw", optax.adamw(0.1, weight_decay=0.01))]
)
@pytest.mark.usefixtures("standard")
def test_adam_is_optax_adam(name, theirs):
    found, _ = follow(make_transform(name), [0.1] * 3)
    parameters, state = θ, theirs.init(θ)
    for g in SLOPES:
        update, state = theirs.update(g, state, parameters)
        parameters = optax.apply_updates(parameters, update)
    assert_same(found, parameters)
    other, _ = follow(make_transform({"adam": "adamw", "adamw": "adam"}[name]), [0.1] * 3)
    assert np.abs(np.asarray(other["a"] - found["a"])).max() > 1e-4  # the decay shows


def test_max_norm_shortens_long_gradients_only():
    found, lengths = follow(make_transform("sgd", max_norm=1.0), [0.1] * 3)
    np.testing.assert_allclose(lengths, [0.1, 0.03, 0.1], rtol=1e-13)
    for name in θ:
        total = SLOPES[0][name] / 5 + SLOPES[1][name] + SLOPES[2][name] / 51**0.5
        np.testing.assert_allclose(found[name], θ[name] - 0.1 * total, rtol=1e-13)


def test_max_norm_comes_before_the_memory():
    """Shortened first, then remembered: momentum's second step is .9 · g/5 + g."""
    _, lengths = follow(make_transform("momentum", max_norm=1.0), [1.0] * 3)
    second = np.sqrt(sum(np.sum((0.9 * np.asarray(SLOPES[0][n]) / 5 + np.asarray(SLOPES[1][n])) ** 2) for n in θ))
    assert lengths[1] == pytest.approx(second, rel=1e-13)


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "adamw"])
@pytest.mark.usefixtures("standard")
def test_float32_stays_float32(name):
    q, g = ({k: x.astype(jnp.float32) for k, x in tree.items()} for tree in (θ, SLOPES[0]))
    transform = make_transform(name, max_norm=2.0)
    moved, _, length = descend(transform, q, transform.init(q), g, np.float32(0.1))
    assert {x.dtype for x in moved.values()} | {length.dtype} == {jnp.dtype(jnp.float32)}
    assert 0 < float(length) < 0.21


@pytest.mark.parametrize(
    ("name", "warmup", "expected"),
    [
        ("constant", 0, [2, 2, 2, 2, 2, 2, 2]),
        ("linear", 0, [2, 5 / 3, 4 / 3, 1, 2 / 3, 1 / 3, 0]),
        ("cosine", 0, [1 + np.cos(np.pi * t / 6) for t in range(7)]),
        ("constant", 3, [0.5, 1, 1.5, 2, 2, 2, 2]),
        ("linear", 2, [2 / 3, 4 / 3, 2, 1.5, 1, 0.5, 0]),
        ("cosine", 2, [2 / 3, 4 / 3, *(1 + np.cos(np.pi * t / 4) for t in range(5))]),
    ],
)
def test_schedules(name, warmup, expected):
    schedule = make_schedule(name, 2.0, 6, warmup=warmup)
    np.testing.assert_allclose([float(schedule(t)) for t in range(7)], expected, rtol=1e-6, atol=1e-7)  # optax: float32


def test_a_schedule_of_nothing_but_warmup_reaches_its_step_size():
    schedule = make_schedule("linear", 1.0, 3, warmup=3)
    assert [round(float(schedule(t)), 6) for t in range(4)] == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: make_transform("rmsprop"), "optimiser is 'rmsprop'; allowed: sgd, momentum, adam, adamw"),
        (lambda: make_transform("sgd", max_norm=0.0), "max_norm is 0.0; allowed: positive numbers"),
        (lambda: make_transform("sgd", max_norm=NAN), "max_norm is nan; allowed: positive numbers"),
        (lambda: make_transform("sgd", max_norm=INF), "max_norm is inf; allowed: positive numbers"),
        (lambda: make_schedule("step", 1.0, 3), "schedule is 'step'; allowed: constant, linear, cosine"),
    ],
)
def test_bad_input_is_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()
