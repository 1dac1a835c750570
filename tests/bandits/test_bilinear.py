"""Learnt features against automatic differentiation of the logits in all parameters, and against a plain NumPy run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import curvature
from bandits import (
    Certified,
    Expected,
    Sampled,
    constant,
    exact_estimate,
    init,
    kl_limited,
    locate,
    make_rule,
    record,
    run,
    step,
)
from bandits.bilinear import Layers, bilinear_problem, log_bilinear
from bandits.oracle import Exact

KEY = jax.random.key(0)
PROBLEM = bilinear_problem(
    [0.1, 0.3, 0.5, 0.7, 0.9], num_arms=3, num_hidden=2, coherence=0.4, key=jax.random.key(1)
)  # fmt: skip
START, UNRAVEL = ravel_pytree(PROBLEM.features.initial())


def logits(flat):
    """The definition: offsets + e_x·u_y − its value at the start."""
    layers, first = UNRAVEL(flat), PROBLEM.features.initial()
    f = PROBLEM.features.inputs
    return PROBLEM.offsets + (f @ layers.inner) @ layers.arms.T - (f @ first.inner) @ first.arms.T


def values(flat):
    return jnp.sum(jax.nn.softmax(logits(flat)) * PROBLEM.rewards, axis=1)


def elsewhere():
    flat = START + 0.5 * jax.random.normal(jax.random.key(2), START.shape)
    return flat, PROBLEM.at(UNRAVEL(flat)), locate(PROBLEM, logits(flat))


def test_features_are_the_jacobian_of_the_logits():
    flat, here, _ = elsewhere()
    np.testing.assert_allclose(here.features.dense(), jax.jacobian(logits)(flat), rtol=0, atol=1e-14)
    own = [curvature.diameter(φ) for φ in here.features.dense()]
    np.testing.assert_allclose(here.features.diameters(), own, rtol=1e-12)


def test_gradients_norms_and_sums_are_autodiffs():
    flat, here, local = elsewhere()
    g = jax.jacobian(values)(flat)
    a = here.features.contract(local.coefficients)
    np.testing.assert_allclose(ravel_pytree(here.features.gather(a))[0], g.sum(axis=0), rtol=0, atol=1e-14)
    np.testing.assert_allclose(jnp.sqrt(here.features.squared_norms(a)), jnp.linalg.norm(g, axis=1), rtol=1e-12)


def test_the_move_is_exact_for_long_steps():
    flat, here, _ = elsewhere()
    v = jax.random.normal(KEY, flat.shape)
    move = here.features.move(UNRAVEL(v))
    for s in (1e-3, 1.0, 7.0):
        exact = logits(flat + s * v) - logits(flat)
        np.testing.assert_allclose(move.at(jnp.asarray(s)), exact, rtol=1e-12, atol=1e-13)
    assert not np.allclose(7.0 * move.linear, exact, rtol=0.1)  # the quadratic part is needed


def test_decoupled_is_that_of_the_current_spans():
    flat, here, local = elsewhere()
    estimate = exact_estimate(here.features, local)
    rule = make_rule("decoupled", PROBLEM.features)
    bases = jax.vmap(curvature.span_basis)(jax.jacobian(logits)(flat))
    expected = curvature.decoupled(jax.jacobian(values)(flat), local.std, bases)
    found = ravel_pytree(rule.direction(here.features, estimate))[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * jnp.abs(expected).max())  # a pseudo-inverse
    stale = ravel_pytree(rule.direction(PROBLEM.features, estimate))[0]
    assert not np.allclose(stale, expected, rtol=0.05)


@pytest.mark.parametrize("name", ["none", "group", "batch", "decoupled"])
def test_a_run_is_gradient_ascent_by_autodiff(name):
    T, size = 5, 0.3
    rule = make_rule(name, PROBLEM.features, ridge=0.01)
    path = run(PROBLEM, rule, constant(size), T, key=KEY)
    flat, J = START, []
    for _ in range(T):
        p = np.asarray(values(flat))
        J.append(p.mean())
        g, σ = np.asarray(jax.jacobian(values)(flat)), np.sqrt(p * (1 - p))
        if name == "decoupled":
            bases = jax.vmap(curvature.span_basis)(jax.jacobian(logits)(flat))
            v = curvature.decoupled(g, σ, bases, ridge=0.01)
        else:
            v = g.T @ {"none": np.ones(5), "group": 1 / σ, "batch": np.full(5, 1 / σ.mean())}[name]
        flat = flat + size * v
    np.testing.assert_allclose(path.trajectory.value, J, rtol=1e-9)  # pseudo-inverses along the way
    np.testing.assert_allclose(ravel_pytree(path.final.parameters)[0], flat, rtol=0, atol=1e-8)
    assert np.ptp(J) > 0.01


def test_orthogonality_evolves_and_the_certificate_holds():
    path = run(PROBLEM, make_rule("group", PROBLEM.features), constant(0.5), 60, key=KEY).trajectory
    assert np.ptp(np.asarray(path.cross_ratio)) > 0.1
    assert (path.certificate <= path.gain + 1e-12).all()
    assert (path.certificate > 0).any()


def test_the_bound_needs_the_quadratic_part_of_the_move():
    made = bilinear_problem([0.1, 0.5], scale=0.01, key=KEY)  # near 0 a step's effect is almost all quadratic
    local = locate(made, made.offsets)
    move = made.features.move(jax.tree.map(jnp.ones_like, made.features.initial()))
    new = locate(made, local.logits + move.at(jnp.asarray(1.0)) * jnp.array([1.0, 0.0, 0.0, 0.0]))

    def excess(change):
        gap = jnp.abs(new.value - local.value - jnp.sum(local.coefficients * change, axis=1))
        return gap - made.policy.remainder_bound(local.std, made.policy.width(change))

    one_arm = jnp.array([1.0, 0.0, 0.0, 0.0])
    assert (excess(move.at(jnp.asarray(1.0)) * one_arm) <= 1e-12).all()
    assert (excess(move.linear * one_arm) > 1e-3).any()


def test_sampled_and_expected_groups_agree():
    oracle, rule = Sampled(4), make_rule("group", PROBLEM.features)
    local = locate(PROBLEM, PROBLEM.offsets)
    keys = jax.random.split(KEY, 20_000)
    draws = jax.jit(jax.vmap(lambda key: ravel_pytree(oracle.direction(rule, PROBLEM, local, key=key))[0]))(keys)
    expected = ravel_pytree(Expected(4).direction(rule, PROBLEM, local, key=KEY))[0]
    error = np.asarray(draws.std(axis=0)) / np.sqrt(len(keys))
    assert (np.abs(draws.mean(axis=0) - expected) <= 4 * error + 1e-15).all()
    exact = ravel_pytree(Exact().direction(rule, PROBLEM, local, key=KEY))[0]
    assert (np.abs(draws.mean(axis=0) - exact) > 8 * error).any()


@pytest.mark.parametrize(("size", "limit"), [(1e4, 0.05), (1e4, 1e-6), (1e-3, 0.05)])
def test_kl_limited_steps_meet_their_limit(size, limit):
    state = init(PROBLEM, key=KEY)
    new, taken = step(PROBLEM, make_rule("group", PROBLEM.features), Exact(), kl_limited(size, limit), state)
    kl = float(record(PROBLEM, state, new, taken).kl)
    assert kl <= limit
    assert kl > 0.999 * limit or float(taken.multiple) == size
    assert (float(taken.multiple) == size) == (size == 1e-3)


def test_refusals():
    with pytest.raises(ValueError, match="step_size is Certified"):
        run(PROBLEM, make_rule("none", PROBLEM.features), Certified(), 1, key=KEY)
    with pytest.raises(ValueError, match="num_hidden is 0"):
        bilinear_problem([0.5], num_hidden=0, key=KEY)
    with pytest.raises(ValueError, match="scale contains 0"):
        bilinear_problem([0.5], scale=0.0, key=KEY)
    with pytest.raises(ValueError, match="inner has shape"):
        log_bilinear(np.ones((2, 3)), np.ones((2, 2)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="arms contains nan"):
        log_bilinear(np.ones((1, 1)), np.ones((1, 1)), [[np.nan]])
    assert isinstance(PROBLEM.features.initial(), Layers)
