"""Products across independent halves: unbiased where products within one estimate are not."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from curvature import (
    cross_ratio,
    cross_ratio_of_gram,
    moments,
    orthogonality,
    split_half_gram,
    split_half_indices,
    split_half_indices_of,
    split_half_squared_norm,
)

INF, NAN = float("inf"), float("nan")


def prompts(seed=0, N=4, K=5, d=3):
    """Exact moments of N bandits and their rewards [N, K]."""
    rng = np.random.default_rng(seed)
    z, φ = rng.standard_normal((N, K)), 0.5 * rng.standard_normal((N, K, d))
    r = np.tile([1.0, 1.0, 0.0, 0.0, 0.0], (N, 1))
    φ[:, :2, 0] += 1.5  # right arms share a feature: prompts help each other
    return rng, jax.vmap(moments)(jnp.asarray(z), jnp.asarray(φ), jnp.asarray(r)), r


def sampled_gradients(rng, m, r, repetitions, S):
    """[R, N, d] unbiased estimates (mean baseline, G/(G−1)) of every prompt's gradient from S responses."""
    out = []
    for x in range(r.shape[0]):
        π = np.asarray(m.arms.probabilities[x])
        arms = rng.choice(π.size, size=(repetitions, S), p=π / π.sum())
        a = r[x][arms]
        weights = (a - a.mean(axis=1, keepdims=True)) / (S - 1)
        out.append(np.einsum("rs,rsd->rd", weights, np.asarray(m.arms.scores[x])[arms]))
    return np.stack(out, axis=1)


def test_cross_half_products_are_unbiased_and_those_of_one_estimate_are_not():
    rng, m, r = prompts()
    repetitions = 20_000
    A, B = (sampled_gradients(rng, m, r, repetitions, 6) for _ in range(2))
    exact = np.asarray(m.gradient) @ np.asarray(m.gradient).T
    found = np.asarray(jax.jit(jax.vmap(split_half_gram))(A, B))
    error = found.std(axis=0) / np.sqrt(repetitions)
    assert (np.abs(found.mean(axis=0) - exact) < 4 * error).all()
    norms = np.asarray(jax.jit(jax.vmap(split_half_squared_norm))(A, B))
    np.testing.assert_allclose(norms, np.diagonal(found, axis1=1, axis2=2), rtol=1e-12, atol=1e-15)
    both = (A + B) / 2
    naive = np.einsum("rnd,rmd->rnm", both, both)
    own = np.diagonal(naive, axis1=1, axis2=2)
    excess = own.mean(axis=0) - np.diag(exact)
    assert (excess > 4 * own.std(axis=0) / np.sqrt(repetitions)).all()  # |ĝ|², refused


def test_naive_indices_drift_to_1_and_split_ones_do_not():
    rng, m, r = prompts()
    σ = np.asarray(m.std)
    exact_O, exact_χ = float(orthogonality(m.gradient)), float(cross_ratio(m.gradient, σ))
    assert exact_O > 2
    assert exact_χ > 2
    repetitions = 20_000
    A, B = (sampled_gradients(rng, m, r, repetitions, 3) for _ in range(2))
    found = jax.jit(jax.vmap(split_half_indices, (0, 0, None)))(A, B, σ)
    for ratio, exact in ((found.orthogonality, exact_O), (found.cross_ratio, exact_χ)):
        top, bottom = np.asarray(ratio.numerator.value), np.asarray(ratio.denominator.value)
        # E top = exact · E bottom, so this difference has mean 0
        difference = top - exact * bottom
        assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(repetitions)
    both = (A + B) / 2
    top, bottom = np.sum(both.sum(axis=1) ** 2, axis=-1), np.sum(both**2, axis=(1, 2))
    naive = top.mean() / bottom.mean()
    assert 1 < naive < 0.85 * exact_O
    difference = top - exact_O * bottom
    assert abs(difference.mean()) > 4 * difference.std() / np.sqrt(repetitions)


def test_without_noise_the_indices_are_those_of_the_gradients():
    rng = np.random.default_rng(1)
    g, σ = rng.standard_normal((12, 4)) + 0.5, rng.uniform(0.1, 0.5, 12)
    found = split_half_indices(g, g, σ)
    assert bool(found.cross_ratio.resolved)
    assert bool(found.orthogonality.resolved)
    assert float(found.cross_ratio.value) == pytest.approx(float(cross_ratio(g, σ)), rel=1e-12)
    assert float(found.orthogonality.value) == pytest.approx(float(orthogonality(g)), rel=1e-12)
    np.testing.assert_allclose(split_half_gram(g, g), g @ g.T, rtol=1e-12, atol=1e-14)


def test_indices_of_halves_are_those_of_their_gram():
    rng = np.random.default_rng(2)
    A = rng.standard_normal((12, 4)) + 1.0
    B, σ = A + 0.1 * rng.standard_normal((12, 4)), rng.uniform(0.1, 0.5, 12)
    found = split_half_indices(A, B, σ)
    assert float(found.cross_ratio.value) == pytest.approx(
        float(cross_ratio_of_gram(split_half_gram(A, B), σ)), rel=1e-12
    )
    of = split_half_indices_of(A @ B.T, σ)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(of), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)
    swapped = split_half_indices(B, A, σ)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(swapped), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_nulls_are_the_scatter_over_every_flip_of_signs():
    rng = np.random.default_rng(3)
    N = 4
    A, B, σ = rng.standard_normal((N, 3)), rng.standard_normal((N, 3)), rng.uniform(0.1, 0.5, N)
    found = split_half_indices(A, B, σ)
    sums = []
    for flips in product((-1.0, 1.0), repeat=2 * N):
        a, b = A * np.asarray(flips[:N])[:, None], B * np.asarray(flips[N:])[:, None]
        K = (a @ b.T + b @ a.T) / 2
        sums.append((np.sum(K / σ), np.sum(np.diag(K) / σ), K.sum(), np.trace(K)))
    scatter = np.sqrt(np.mean(np.square(sums), axis=0))
    np.testing.assert_allclose(np.mean(sums, axis=0), 0.0, atol=1e-12)
    nulls = [found.cross_ratio.numerator.null, found.cross_ratio.denominator.null]
    # the sum over flips keeps the two halves of a pair apart: C_xx' and C_x'x have signs of their own
    C, w = A @ B.T, (1 / σ[:, None] + 1 / σ) / 2
    np.testing.assert_allclose(nulls[0], np.sqrt(np.sum((w * C) ** 2)), rtol=1e-12)
    np.testing.assert_allclose([float(n) for n in nulls], scatter[:2], rtol=1e-12)
    nulls = [found.orthogonality.numerator.null, found.orthogonality.denominator.null]
    np.testing.assert_allclose([float(n) for n in nulls], scatter[2:], rtol=1e-12)


def brute_jackknife(C, σ):
    """Delete a prompt, scale own terms to N and cross terms to N(N−1), take the ratio."""
    N = len(σ)
    w = (1 / σ[:, None] + 1 / σ) / 2
    out = []
    for x in range(N):
        keep = [y for y in range(N) if y != x]
        T = (w * C)[np.ix_(keep, keep)]
        own = np.trace(T) * N / (N - 1)
        out.append((own + (T.sum() - np.trace(T)) * N * (N - 1) / ((N - 1) * (N - 2)), own))
    top, bottom = np.asarray(out).T
    spread = lambda v: np.sqrt((N - 1) / N * np.sum((v - v.mean()) ** 2))  # noqa: E731
    return spread(top), spread(bottom), spread(top / bottom)


def test_jackknife_errors_by_deleting_each_prompt():
    rng = np.random.default_rng(4)
    A = rng.standard_normal((9, 4)) + 1.0
    B, σ = A + 0.2 * rng.standard_normal((9, 4)), rng.uniform(0.1, 0.5, 9)
    χ = split_half_indices(A, B, σ).cross_ratio
    expected = brute_jackknife(A @ B.T, σ)
    np.testing.assert_allclose(
        [χ.numerator.standard_error, χ.denominator.standard_error, χ.standard_error], expected, rtol=1e-11
    )


def test_jackknife_errors_are_the_scatter_over_prompts():
    """600 batches of 40 random prompts: the jackknife is a little large (Efron and Stein), never far off."""
    rng = np.random.default_rng(5)
    g = rng.standard_normal((600, 40, 6)) + 0.6
    A, B = (g + 0.5 * rng.standard_normal(g.shape) for _ in range(2))
    found = jax.jit(jax.vmap(split_half_indices, (0, 0, None)))(A, B, np.full(40, 0.4))
    assert bool(found.orthogonality.resolved.all())
    for ratio in (found.cross_ratio, found.orthogonality):
        assert 0.9 < float(jnp.mean(ratio.standard_error)) / float(jnp.std(ratio.value)) < 1.2
        assert 0.9 < float(jnp.mean(ratio.denominator.standard_error) / jnp.std(ratio.denominator.value)) < 1.2


def test_pure_noise_is_unresolved_and_gives_no_number():
    rng = np.random.default_rng(6)
    A, B = rng.standard_normal((500, 30, 20)), rng.standard_normal((500, 30, 20))
    found = jax.jit(jax.vmap(split_half_indices, (0, 0, None)))(A, B, np.full(30, 0.4))
    for ratio in (found.cross_ratio, found.orthogonality):
        resolved = np.asarray(ratio.resolved)
        assert resolved.mean() < 0.06  # one side of 2 deviations is .023
        assert np.isnan(ratio.value[~resolved]).all()
        assert np.isnan(ratio.standard_error[~resolved]).all()
        wild = np.asarray(ratio.numerator.value / ratio.denominator.value)
        assert np.abs(wild).max() > 30  # what would have been reported


def test_a_negative_denominator_is_never_resolved():
    A = np.eye(8)
    found = split_half_indices(A, -A, np.full(8, 0.5))
    assert bool(found.orthogonality.denominator.resolved)
    assert not bool(found.orthogonality.resolved)
    assert np.isnan(found.orthogonality.value)


def test_fewer_than_five_prompts_cannot_be_resolved():
    for N, expected in ((4, False), (5, True)):
        found = split_half_indices(np.eye(N), np.eye(N), np.full(N, 0.5))
        assert bool(found.orthogonality.resolved) is expected


def test_prompts_without_deviation_have_no_weight_in_the_denominator():
    rng = np.random.default_rng(7)
    g, σ = rng.standard_normal((8, 3)) + 1.0, rng.uniform(0.1, 0.5, 8)
    g[2], σ[2] = 0.0, 0.0
    assert float(split_half_indices(g, g, σ).cross_ratio.value) == pytest.approx(float(cross_ratio(g, σ)), rel=1e-12)


def test_float32_stays_float32():
    g = jnp.ones((6, 2), jnp.float32)
    found = split_half_indices(g, g, np.full(6, 0.5))
    kinds = {leaf.dtype for leaf in jax.tree.leaves((found, split_half_gram(g, g), split_half_squared_norm(g, g)))}
    assert kinds == {jnp.dtype(jnp.float32)}


G, S = np.ones((3, 2)), np.full(3, 0.5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: split_half_gram([1.0], [1.0]), r"first has shape \(1,\); allowed: \(any, any\)"),
        (lambda: split_half_gram(G, G[:2]), r"second has shape \(2, 2\); allowed: \(3, 2\)"),
        (lambda: split_half_gram(G * NAN, G), "first contains nan"),
        (lambda: split_half_squared_norm(G, G * INF), "second contains inf"),
        (lambda: split_half_indices(G[:2], G[:2], S[:2]), "cross_gram has length 2; allowed: at least 3"),
        (lambda: split_half_indices(G, G, S[:2]), r"std has shape \(2,\); allowed: \(3,\)"),
        (lambda: split_half_indices(G, G, -S), r"std contains -0.5; allowed: numbers in \[0, inf\)"),
        (lambda: split_half_indices_of(G, S), r"cross_gram has shape \(3, 2\); allowed: \(3, 3\)"),
        (lambda: split_half_indices_of(np.eye(3) * NAN, S), "cross_gram contains nan"),
    ],
)
def test_bad_input_is_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()
