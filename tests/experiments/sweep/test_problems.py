"""Problems of a sweep: exact pass rates, coherence and conflicts, and what the linear programme says of them."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import polygamma
from scipy.stats import betabinom

from bandits import Features, locate, realisable
from bandits.simplex import Simplex
from experiments.sweep.grid import LAWS, Grid
from experiments.sweep.problems import (
    ROLLOUTS,
    Numbers,
    Shape,
    always_realisable,
    build,
    build_held_out,
    embeddings,
    log_odds,
    numbers_of,
)
from experiments.sweep.spec import Spec, num_runs, settings

KEY = jax.random.key(0)


def numbers(conflict=1.0, coherence=0.3, pass_rate=0.2, spread=1.5, labels=0, law=0):
    return Numbers(*(jnp.asarray(x) for x in (conflict, coherence, pass_rate, spread, labels, law)))


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


TEACHER = Shape("log-linear", 9, 4, 1, 5, 40)


def both(shape, key=KEY, **given):
    """The trained and the held-out prompts, by a teacher unless told otherwise."""
    these = numbers(**{"labels": 1} | given)
    trained, unseen = build(shape, these, key=key), build_held_out(shape, these, key=key)
    assert unseen is not None
    return trained, unseen


@pytest.mark.parametrize("policy", ["log-linear", "autoregressive"])
@pytest.mark.parametrize("dimension", [0, 5])
def test_held_out_prompts_have_the_law_of_the_trained(policy, dimension):
    horizon = 5 if policy == "autoregressive" else 1
    shape = Shape(policy, 9, 4, horizon, dimension, 40)
    trained, unseen = both(shape)
    p = np.sort(np.asarray(locate(unseen, unseen.offsets).value))
    np.testing.assert_allclose(np.log(p) - np.log1p(-p), log_odds(40, jnp.asarray(0.2), jnp.asarray(1.5)), rtol=1e-10)
    same = build(replace(shape, held_out=0), numbers(labels=1), key=KEY)
    for a, b in zip(jax.tree.leaves(trained), jax.tree.leaves(same), strict=True):
        np.testing.assert_array_equal(a, b)
    assert trained.features.shape == unseen.features.shape
    e, f = trained.features.embeddings(), unseen.features.embeddings()
    products = np.asarray(e @ f.T)
    if dimension == 0:
        np.testing.assert_allclose(products, 0.3, rtol=1e-12)
    else:
        many = [np.asarray(t.features.embeddings() @ u.features.embeddings().T).mean()
                for t, u in (both(shape, jax.random.key(i)) for i in range(30))]  # fmt: skip
        assert abs(np.mean(many) - 0.3) < 4.5 * np.std(many) / np.sqrt(30)


def test_a_teacher_s_labels_are_a_linear_function_of_the_features():
    trained, unseen = both(TEACHER, conflict=0.0)
    labels, others = (jnp.argmax(each.rewards, axis=1) for each in (trained, unseen))
    assert len(set(others.tolist())) > 1
    # one θ makes every label of both the likeliest: the linear programme finds it
    e = np.concatenate([trained.features.embeddings(), unseen.features.embeddings()])
    features = Features(Simplex(49, 4, jnp.ones(())), jnp.asarray(e))
    assert realisable(features, jnp.concatenate([labels, others]))
    random = jnp.argmax(both(TEACHER, conflict=1.0)[1].rewards, axis=1)
    assert not realisable(features, jnp.concatenate([labels, random]))


def test_the_common_direction_has_the_teacher_s_labels_in_common():
    # at coherence 1 all labels are one, of the trained and of the held-out; at 0 they know nothing of each other
    def agreement(ρ):
        found = []
        for i in range(40):
            trained, unseen = both(Shape("log-linear", 9, 4, 1, 0, 9), jax.random.key(i), conflict=0.0, coherence=ρ)
            found.append(float(np.mean(np.asarray(trained.rewards).argmax(axis=1)[:, None]
                                       == np.asarray(unseen.rewards).argmax(axis=1)[None])))  # fmt: skip
        return np.mean(found), np.std(found) / np.sqrt(40)

    assert agreement(1.0)[0] == 1
    mean, error = agreement(0.0)
    assert abs(mean - 0.25) < 4.5 * error
    assert agreement(0.6)[0] > 0.3


def test_the_shared_arm_is_shared_with_the_held_out():
    trained, unseen = both(TEACHER, labels=0, conflict=0.0)
    assert (np.asarray(trained.rewards)[0] == np.asarray(unseen.rewards)).all()
    assert build_held_out(replace(TEACHER, held_out=0), numbers(), key=KEY) is None


def test_a_teacher_s_problems_are_realisable():
    axes = {"num_prompts": 12, "num_arms": 3, "dimension": 2, "conflict": 0.0, "coherence": 0.0, "labels": "teacher"}
    (setting,) = settings(Spec(grid=Grid(**axes, rule="none")))
    assert always_realisable(setting)
    assert not always_realisable(replace(setting, labels="shared"))
    made = build(Shape.of(setting), numbers(conflict=0.0, coherence=0.0, labels=1), key=KEY)
    assert realisable(made.features, jnp.argmax(made.rewards, axis=1))


def test_the_law_of_a_real_run_is_a_beta_law():
    a, b = ROLLOUTS
    made = build(Shape("log-linear", 400, 4, 1, 0), numbers(law=1), key=KEY)
    p = np.asarray(locate(made, made.offsets).value)
    # moments of the Beta law by formula; midpoint quantiles miss them by little
    mean, variance = a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1))
    assert abs(p.mean() - mean) < 1e-3
    assert abs(p.var() - variance) < 1e-3
    odds = np.asarray(log_odds(401, jnp.asarray(0.5), jnp.asarray(0.0), 1))
    assert round(1 / (1 + np.exp(-odds[200])), 2) == LAWS["rollouts"][0]
    assert round(np.sqrt(polygamma(1, a) + polygamma(1, b)), 1) == LAWS["rollouts"][1]
    assert np.isfinite(odds).all()
    # dead groups of 8, as docs/sweeps.md has them, and of the prompts here
    shares = betabinom.pmf([0, 8], 8, a, b)
    assert shares.round(2).tolist() == [0.34, 0.1]
    np.testing.assert_allclose([((1 - p) ** 8).mean(), (p**8).mean()], shares, atol=2e-3)


def test_a_law_with_numbers_of_its_own_is_in_the_grid_once():
    spec = Spec(grid=Grid(law=("normal", "rollouts"), pass_rate=(0.1, 0.3), spread=(0.0, 1.0, 2.0), rule="none"))
    found = [(s.law, s.pass_rate, s.spread) for s in settings(spec)]
    assert len(found) == len(set(found)) == 7
    assert found[-1] == ("rollouts", *LAWS["rollouts"])
    assert num_runs(spec) == 7 * (13 * 8 + 16)
    stacked = numbers_of(settings(spec))
    assert stacked.law.tolist() == [0] * 6 + [1]
