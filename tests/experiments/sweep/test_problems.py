"""Problems of a sweep: exact pass rates, coherence and conflicts, and what the linear programme says of them."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bandits import locate, realisable
from experiments.sweep.grid import Grid
from experiments.sweep.problems import Numbers, Shape, always_realisable, build, embeddings, log_odds
from experiments.sweep.spec import Spec, settings

KEY = jax.random.key(0)


def numbers(conflict=1.0, coherence=0.3, pass_rate=0.2, spread=1.5):
    return Numbers(*(jnp.asarray(x) for x in (conflict, coherence, pass_rate, spread)))


@pytest.mark.parametrize("policy", ["log-linear", "log-bilinear", "autoregressive"])
def test_pass_rates_are_exact_and_of_the_stated_spread(policy):
    made = build(Shape(policy, 9, 4, 5 if policy == "autoregressive" else 1, 0), numbers(), key=KEY)
    p = np.sort(np.asarray(locate(made, made.offsets).value))
    odds = np.log(p) - np.log1p(-p)
    np.testing.assert_allclose(p[4], 0.2, rtol=1e-12)
    np.testing.assert_allclose(odds.std(), 1.5, rtol=1e-11)
    np.testing.assert_allclose(odds, log_odds(9, jnp.asarray(0.2), jnp.asarray(1.5)), rtol=1e-11)


def test_sequences_are_those_of_the_library():
    from bandits.autoregressive import sequence_problem

    made = build(Shape("autoregressive", 4, 3, 6, 0), numbers(spread=0.0, conflict=0.0), key=KEY)
    same = sequence_problem([0.2] * 4, horizon=6, num_tokens=3, coherence=0.3, conflict=0.0, key=KEY)
    np.testing.assert_allclose(made.offsets, same.offsets, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(made.rewards, same.rewards)
    first, other = (np.asarray(p.features.dense()).reshape(-1, p.features.shape[0] * 2) for p in (made, same))
    label, label_there = (np.linalg.norm(f, axis=1) for f in (first, other))
    np.testing.assert_allclose(np.sort(label), np.sort(label_there), rtol=0, atol=1e-13)


def test_draws_depend_on_the_seed_alone():
    one, two = (build(Shape("log-linear", 6, 4, 1, r), numbers(coherence=c), key=KEY) for r, c in ((0, 0.0), (5, 0.9)))
    np.testing.assert_array_equal(one.offsets, two.offsets)
    np.testing.assert_array_equal(one.rewards, two.rewards)
    other = build(Shape("log-linear", 6, 4, 1, 0), numbers(coherence=0.0), key=jax.random.key(1))
    assert not np.array_equal(one.rewards, other.rewards)
    assert not np.array_equal(one.offsets, other.offsets)


def test_conflict_is_the_share_of_labels_that_are_drawn():
    agreed = build(Shape("log-linear", 40, 4, 1, 0), numbers(conflict=0.0), key=KEY).rewards
    half = build(Shape("log-linear", 40, 4, 1, 0), numbers(conflict=0.5), key=KEY).rewards
    assert (agreed == agreed[0]).all()
    assert np.sum(np.any(np.asarray(half) != np.asarray(agreed), axis=1)) <= 20
    assert np.asarray(half).sum(axis=0).max() < 40


@pytest.mark.parametrize("coherence", [0.0, 0.4, 1.0])
def test_embeddings_have_their_length_and_mean_product(coherence):
    e = np.asarray(embeddings(2000, 6, jnp.asarray(coherence), key=KEY))
    np.testing.assert_allclose(np.linalg.norm(e, axis=1), 1, rtol=1e-12)
    products = (e @ e.T)[np.triu_indices(2000, 1)]
    # z of uniform directions: variance 1/5 of a product, shared by pairs; the mean of 2000 vectors has error below 0.02
    np.testing.assert_allclose(products.mean(), coherence, atol=0.02 * (1 - coherence) + 1e-12)


def test_one_dimension_is_the_common_direction():
    np.testing.assert_array_equal(embeddings(3, 1, jnp.asarray(0.2), key=KEY), np.ones((3, 1)))


def test_always_realisable_agrees_with_the_linear_programme():
    grid = Grid(num_prompts=10, num_arms=3, dimension=(0, 2), conflict=(0.0, 1.0), coherence=(0.0, 0.5, 1.0))
    seen = set()
    for setting in settings(Spec(grid=replace(grid, rule=("none",)))):
        shape = Shape.of(setting)
        made = [
            build(shape, numbers(setting.conflict, setting.coherence), key=jax.random.key(seed)) for seed in range(3)
        ]
        # Equicorrelated stores ρ = 0 and 1 with columns of zeros, which the programme does not mind
        truth = [realisable(p.features, jnp.argmax(p.rewards, axis=1)) for p in made]
        claimed = always_realisable(setting)
        assert all(truth) or not claimed
        seen.add((claimed, all(truth)))
    assert {(True, True), (False, False)} <= seen
