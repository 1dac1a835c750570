"""Problems as described, and a run against NumPy on dense features: θ stepped, every index from its definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from curvature import cross_ratio, moments
from experiments.phases.recipe import CONFIGURATIONS, MAIN, Recipe, build, directions, simulate

TINY = Recipe(num_prompts=5, num_arms=3, dimension=4)


def test_directions_have_the_stated_gram_matrix():
    for recipe in (TINY, Recipe(num_prompts=5, dimension=40, common=0.7)):
        key = jax.random.key(3)
        own, common = jax.random.split(key)
        z = np.array(jax.random.normal(own, (5, recipe.dimension)))
        c = np.array(jax.random.normal(common, (recipe.dimension,)))
        e = z / np.linalg.norm(z, axis=1)[:, None] + recipe.common * c / np.linalg.norm(c)
        e /= np.linalg.norm(e, axis=1)[:, None]
        got = np.asarray(directions(recipe, key=key))
        assert got.shape == (5, min(recipe.dimension, 5))
        np.testing.assert_allclose(got @ got.T, e @ e.T, rtol=0, atol=1e-13)


def test_problems_are_as_described():
    main = build(CONFIGURATIONS[MAIN], key=jax.random.key(0))
    rewards, p = np.asarray(main.rewards), np.asarray(jnp.sum(jax.nn.softmax(main.offsets) * main.rewards, axis=-1))
    assert rewards.shape == (48, 8)
    assert (rewards.sum(axis=1) == 1).all()
    assert len(np.unique(rewards.argmax(axis=1))) > 4
    logit = np.log(p / (1 - p))
    assert ((logit > -4) & (logit < 3)).all()
    assert np.ptp(logit) > 5
    assert float(main.diameter) == pytest.approx(np.sqrt(2), rel=1e-14)
    same = build(CONFIGURATIONS["equal pass rates"], key=jax.random.key(0))
    np.testing.assert_allclose(jax.nn.logsumexp(same.offsets, axis=1), 0, atol=1e-14)
    np.testing.assert_allclose(same.offsets.max(axis=1), np.log(1 / (1 + np.exp(0.5))), rtol=1e-13)
    one = build(CONFIGURATIONS["one right arm"], key=jax.random.key(0))
    assert len(np.unique(one.rewards.argmax(axis=1))) == 1


def test_run_is_that_of_numpy_on_dense_features():
    """J, σ, g from softmax in NumPy at θ; steps on the mean over prompts; T3's bounds from eᵃ − 1 − a."""
    η, T = 2.0, 5
    one = build(TINY, key=jax.random.key(1))
    paths = jax.tree.map(np.asarray, jax.jit(simulate, static_argnums=(1, 2))(one, η, T))
    e, b, r = np.asarray(one.features.embeddings()), np.asarray(one.offsets), np.asarray(one.rewards)
    N, K = r.shape
    φ = np.einsum("nr,km->nkrm", e, np.eye(K)).reshape(N, K, -1)

    def at(θ):
        z = b + φ @ θ
        π = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        J = (π * r).sum(axis=1)
        return z, J, np.sqrt(J * (1 - J)), np.einsum("nk,nkd->nd", π * (r - J[:, None]), φ)

    θ, θ_none, σs, squares = np.zeros(φ.shape[2]), np.zeros(φ.shape[2]), [], []
    for t in range(T):
        z, J, σ, g = at(θ)
        _, J_none, _, g_none = at(θ_none)
        steps = {"group": η / N * (g / σ[:, None]).sum(axis=0), "none": 2 * η / N * g.sum(axis=0)}
        slope = {rule: g @ δ for rule, δ in steps.items()}
        half = {rule: np.ptp(φ @ δ, axis=1) / 2 for rule, δ in steps.items()}
        rest = {rule: σ * (np.exp(a) - 1 - a) for rule, a in half.items()}
        g2 = (g**2).sum(axis=1)
        expected = {
            "value": J.mean(), "std": σ.mean(),
            "cross_ratio": (g @ (g / σ[:, None]).sum(axis=0)).sum() / (g2 / σ).sum(),
            "orthogonality": (g.sum(axis=0) ** 2).sum() / g2.sum(),
            "relative_gain": (g2 / σ).sum() / g2.sum() / 2,
            "own": η / N**2 * (g2 * (1 / σ - 2)).sum(),
        }  # fmt: skip
        for name, value in expected.items():
            assert float(getattr(paths.indices, name)[t]) == pytest.approx(value, rel=1e-11), name
        s = paths.indices.surplus
        lower = {rule: (slope[rule] - rest[rule]).mean() for rule in steps}
        upper = {rule: (slope[rule] + rest[rule]).mean() for rule in steps}
        real = at(θ + steps["group"])[1].mean() - at(θ + steps["none"])[1].mean()
        # differences of J, of order 1, and of eᵃ − 1 − a, which cancels: good to about 1e-15
        assert float(s.realised[t]) == pytest.approx(real, abs=1e-14)
        assert float(s.certified[t]) == pytest.approx(lower["group"] - lower["none"], abs=1e-14)
        assert float((s.first_order - s.remainder)[t]) == pytest.approx(lower["group"] - upper["none"], abs=1e-14)
        assert float((s.first_order + s.remainder)[t]) == pytest.approx(upper["group"] - lower["none"], abs=1e-14)
        assert lower["group"] - upper["none"] <= real <= upper["group"] - lower["none"]
        np.testing.assert_allclose(paths.indices.rates[t], np.quantile(J, (0.1, 0.5, 0.9)), rtol=1e-12)
        assert float(paths.value_none[t]) == pytest.approx(J_none.mean(), rel=1e-12)
        if t == 1:  # the same χ from curvature's own gradients; a step on the SUM over prompts is refused
            m = jax.vmap(moments)(jnp.asarray(z), jnp.asarray(φ), one.rewards)
            assert float(cross_ratio(m.gradient, m.std)) == pytest.approx(expected["cross_ratio"], rel=1e-11)
            assert abs(at(N * θ)[1].mean() - J.mean()) > 1e-2
        θ, θ_none = θ + steps["group"], θ_none + 2 * η / N * g_none.sum(axis=0)
        σs, squares = [*σs, *σ], [*squares, *g2]
    for column, weight in ((0, None), (1, np.array(squares))):
        counts, _ = np.histogram(σs, 25, (0, 0.5), weights=weight)
        np.testing.assert_allclose(paths.profile[:, column], counts, rtol=1e-11, atol=1e-15)
