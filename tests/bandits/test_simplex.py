"""Corners in closed form against the same features with an array of arms, up to whole runs; nothing large is made."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bandits import Equicorrelated, Estimate, Exact, Features, Sampled, from_pass_rates, kl_limited, make_rule, problem
from bandits._score import score
from bandits.geometry import written_out
from bandits.simplex import Simplex
from curvature import diameter

N, K, D = 5, 4, 2.5
KEY = jax.random.key(0)
EMBEDDING = jax.random.normal(KEY, (N, 3))
MAPS = {
    "equicorrelated": Equicorrelated(Simplex(N, K, jnp.asarray(D)), jnp.asarray(0.6)),
    "embedded": Features(Simplex(N, K, jnp.asarray(D)), EMBEDDING),
    "orthogonal": Features(Simplex(N, K, jnp.asarray(D)), None),
}


@pytest.mark.parametrize("features", MAPS.values(), ids=MAPS)
def test_gradients_logits_and_diameters_are_those_of_the_table(features):
    table = written_out(features)
    assert table.arms.shape == (N, K, K - 1)
    assert features.table == table.table == (N, K)
    assert features.shape == (table.shape[0], K)
    c = jax.random.normal(jax.random.key(1), (N, K))
    c = c - c.mean(axis=1, keepdims=True)  # as the derivative of anything that a shift of the logits does not change
    mine, theirs = features.contract(c), table.contract(c)
    np.testing.assert_allclose(features.squared_norms(mine), table.squared_norms(theirs), rtol=1e-13)
    moved, wanted = features.move(features.gather(mine)).linear, table.move(table.gather(theirs)).linear
    moved = moved - moved.mean(axis=1, keepdims=True)  # logits of one prompt are the same up to a shift
    np.testing.assert_allclose(moved, wanted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(features.diameters(), table.diameters(), rtol=1e-13)
    φ = np.asarray(features.dense())
    np.testing.assert_allclose(
        φ.reshape(N * K, -1).T @ np.asarray(c).ravel(), features.gather(mine).ravel(), atol=1e-12
    )
    np.testing.assert_allclose([diameter(one) for one in φ], features.diameters(), rtol=1e-13)


@pytest.mark.parametrize("features", MAPS.values(), ids=MAPS)
@pytest.mark.parametrize("ridge", [0.0, 0.01])
def test_decoupled_moves_the_logits_alike(features, ridge):
    table = written_out(features)
    c = jax.random.normal(jax.random.key(1), (N, K))
    c, σ = c - c.mean(axis=1, keepdims=True), jnp.linspace(0.1, 0.5, N)

    def moved(one):
        estimate = Estimate(one.contract(c), σ, σ, jnp.zeros(()))  # the mean and the pooled deviation are not used
        return one.move(make_rule("decoupled", one, ridge=ridge).direction(one, estimate)).linear

    np.testing.assert_allclose(moved(features), moved(table), rtol=1e-9, atol=1e-11)  # condition numbers up to 100


def made(features):
    start = from_pass_rates(jnp.linspace(0.05, 0.6, N), num_arms=K, key=KEY)
    return problem(features, start.offsets, start.rewards)


def run(features, rule, oracle):
    return score(
        made(features), make_rule(rule, features, ridge=0.01), oracle, kl_limited(30.0, 0.02), 20,
        levels=jnp.array([0.5, 0.8]), key=KEY, num_curve=5,
    )  # fmt: skip


@pytest.mark.parametrize("rule", ["none", "group", "batch", "decoupled"])
@pytest.mark.parametrize("oracle", [Exact(), Sampled(4)], ids=["exact", "sampled"])
def test_runs_are_the_same(rule, oracle):
    features = MAPS["equicorrelated"]
    mine, theirs = (run(each, rule, oracle) for each in (features, written_out(features)))
    np.testing.assert_array_equal(mine.hitting_times, theirs.hitting_times)
    for found, wanted in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9)  # rounding, through twenty updates


def sizes(jaxpr):
    """Numbers in each array of a program, those of its loops too."""
    for equation in jaxpr.eqns:
        yield from (one.aval.size for one in (*equation.invars, *equation.outvars) if hasattr(one.aval, "size"))
        for value in jax.tree.leaves(list(equation.params.values()), is_leaf=lambda x: hasattr(x, "eqns")):
            inner = getattr(value, "jaxpr", value)
            yield from sizes(inner) if hasattr(inner, "eqns") else ()


def test_no_array_has_a_number_for_every_pair_of_arms():
    num_arms = 64
    start = from_pass_rates(jnp.full(N, 0.2), num_arms=num_arms, key=KEY)
    features = Equicorrelated(Simplex(N, num_arms, jnp.ones(())), jnp.asarray(0.5))

    def program(each):
        made = problem(each, start.offsets, start.rewards, diameter=1.0)
        rule, levels = make_rule("group", each), jnp.array([0.5])
        return lambda key: score(made, rule, Sampled(2), kl_limited(1.0), 3, levels=levels, key=key).area

    def largest(each) -> int:
        return max(sizes(jax.make_jaxpr(program(each))(KEY).jaxpr))

    assert largest(features) <= 2 * N * num_arms + num_arms  # G = 2 draws a prompt, compared with every arm
    assert largest(written_out(features)) >= N * num_arms * (num_arms - 1)  # the check sees one where there is one
