"""Held-out prompts against more prompts whose gradients are left out, and what can and cannot be learnt of them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bandits import Equicorrelated, Exact, Features, Sampled, constant, locate, make_rule, problem, run, score
from bandits.bilinear import bilinear_problem
from bandits.held_out import Unseen, held_out_value
from bandits.simplex import Simplex

KEY = jax.random.key(2)
N, M, K = 4, 3, 3
LEVELS = jnp.array([0.9])


def all_prompts(coherence: float, conflict: bool = False):
    """N + M prompts, and those that are trained on."""
    offsets = jnp.asarray(np.random.default_rng(0).normal(size=(N + M, K)))
    labels = np.arange(N + M) % K if conflict else np.zeros(N + M, int)
    rewards, ρ = jnp.eye(K)[labels], jnp.asarray(coherence)

    def part(rows: slice, count: int, features=None):
        features = Equicorrelated(Simplex(count, K, jnp.ones(())), ρ) if features is None else features
        return problem(features, offsets[rows], rewards[rows], diameter=1.0)

    unseen = part(slice(N, None), M, Unseen(Simplex(M, K, jnp.ones(())), ρ, N))
    return part(slice(None), N + M), part(slice(N), N), unseen


@pytest.mark.parametrize("rule", ["none", "group", "decoupled"])
def test_held_out_values_are_those_of_prompts_whose_gradients_are_left_out(rule: str) -> None:
    whole, trained, unseen = all_prompts(0.4)
    T, size = 12, constant(0.8)
    tally = score(
        trained, make_rule(rule, trained.features, ridge=0.1), Exact(), size, T, levels=LEVELS, key=KEY, num_curve=4,
        held_out=unseen,
    )  # fmt: skip
    # by hand: N + M prompts in N + M + 1 directions; an update looks at the first N
    φ = np.asarray(whole.features.dense())
    θ, J = np.zeros(φ.shape[2]), []
    of_trained = make_rule(rule, trained.features, ridge=0.1)
    for _ in range(T + 1):
        here = locate(whole, whole.offsets + jnp.asarray(φ @ θ))
        J.append(np.asarray(here.value))
        local = jax.tree.map(lambda leaf: leaf[:N], here)
        Θ = np.asarray(Exact().direction(of_trained, trained, local, key=KEY))
        θ = θ + 0.8 * np.concatenate([Θ[:N], np.zeros((M, K)), Θ[N:]]).ravel()
    J = np.array(J)
    np.testing.assert_allclose(tally.area, J[:-1, :N].mean(), rtol=1e-11)
    np.testing.assert_allclose(tally.held_out_area, J[:-1, N:].mean(), rtol=1e-11)
    np.testing.assert_allclose(tally.held_out_final, J[-1, N:].mean(), rtol=1e-11)
    np.testing.assert_allclose(tally.held_out_curve, J[:-1:3, N:].mean(axis=1), rtol=1e-11)
    assert tally.held_out_final > J[0, N:].mean()


def test_training_does_not_notice_them() -> None:
    _, trained, unseen = all_prompts(0.4)
    rule, oracle = make_rule("group", trained.features), Sampled(4)
    found = [
        score(trained, rule, oracle, constant(0.3), 10, levels=LEVELS, key=KEY, held_out=each)
        for each in (None, unseen)
    ]
    assert np.isnan([found[0].held_out_area, found[0].held_out_final]).all()
    assert np.isnan(found[0].held_out_curve).all()
    hide = lambda s: (s.held_out_area, s.held_out_final, s.held_out_curve)  # noqa: E731
    for a, b in zip(*(jax.tree.leaves(eqx.tree_at(hide, each, (0, 0, 0))) for each in found), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nothing_transfers_between_orthogonal_prompts_and_all_between_identical_ones() -> None:
    for ρ in (0.0, 1.0):
        whole, trained, unseen = all_prompts(ρ)
        done = run(trained, make_rule("none", trained.features), constant(1.0), 400, key=KEY)
        start = float(locate(unseen, unseen.offsets).value.mean())
        after = float(held_out_value(unseen, done.final.parameters))
        assert after == pytest.approx(start, abs=1e-15) if ρ == 0 else after > 0.95
        assert whole.num_prompts == N + M


def test_unseen_features_are_those_of_one_row() -> None:
    features = Unseen(Simplex(M, K, jnp.ones(())), jnp.asarray(0.4), N)
    written = Features(features.arms, features.embeddings())
    rng = np.random.default_rng(1)
    Θ, a = jnp.asarray(rng.normal(size=features.shape)), jnp.asarray(rng.normal(size=(M, K)))
    np.testing.assert_allclose(features.logits(Θ), written.logits(Θ), rtol=1e-13)
    np.testing.assert_allclose(features.gather(a), written.gather(a), rtol=0, atol=1e-13)
    np.testing.assert_allclose(features.squared_norms(a), written.squared_norms(a), rtol=1e-13)


def test_learnt_features_are_refused() -> None:
    made = bilinear_problem([0.3, 0.6], key=KEY)
    with pytest.raises(ValueError, match="features of held_out are learnt; allowed: fixed features"):
        held_out_value(made, made.features.initial())
