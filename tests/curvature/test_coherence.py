"""χ, O, spans and the decoupled direction (T9) against double sums, projectors and finite differences."""

import inspect
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from curvature import (
    ascent_condition,
    cosines,
    cross_ratio,
    cross_ratio_of_gram,
    decoupled,
    gram,
    moments,
    orthogonality,
    orthogonality_of_gram,
    pairwise_coherence,
    relative_gain,
    span_basis,
    spread_factor,
)
from tests.strategies import bandits, batches, seeds, unit

EXAMPLES = settings(max_examples=25)
INF, NAN = float("inf"), float("nan")


def gradients_and_std(seed: int, N: int = 4, d: int = 3):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N, d)), np.exp(rng.uniform(np.log(0.01), np.log(0.5), N))


def brute_cross_ratio(g, σ) -> float:
    N = range(len(g))
    above = sum(g[x] @ g[y] / σ[y] for x in N for y in N)
    return above / sum(g[x] @ g[x] / σ[x] for x in N)


# --- indices ------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(seeds())
def test_indices_equal_double_sums(seed):
    g, σ = gradients_and_std(seed)
    N = range(len(g))
    products = np.array([[sum(a * b for a, b in zip(g[x], g[y], strict=True)) for y in N] for x in N])
    norms = np.linalg.norm(g, axis=1)
    np.testing.assert_allclose(gram(g), products, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(cosines(g), products / np.outer(norms, norms), rtol=1e-12, atol=1e-14)
    # the sums cancel: errors are relative to their largest terms
    np.testing.assert_allclose(cross_ratio(g, σ), brute_cross_ratio(g, σ), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(orthogonality(g), products.sum() / np.trace(products), rtol=1e-12, atol=1e-14)


@EXAMPLES
@given(seeds())
def test_indices_of_a_gram_equal_double_sums(seed):
    g, σ = gradients_and_std(seed)
    K = np.array([[a @ b for b in g] for a in g])
    np.testing.assert_allclose(cross_ratio_of_gram(K, σ), brute_cross_ratio(g, σ), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(orthogonality_of_gram(K), K.sum() / np.trace(K), rtol=1e-13)
    np.testing.assert_allclose(orthogonality_of_gram(K), orthogonality(g), rtol=1e-12, atol=1e-13)
    squares = [sum(a**2 for a in row) for row in g]
    R = 0.5 * sum(q / s for q, s in zip(squares, σ, strict=True)) / sum(squares)
    np.testing.assert_allclose(relative_gain(np.sqrt(squares), σ), R, rtol=1e-12)


def test_indices_of_a_gram_ends():
    assert float(cross_ratio_of_gram(np.ones((3, 3)), [0.2] * 3)) == pytest.approx(3.0, rel=1e-14)
    assert float(orthogonality_of_gram(np.ones((3, 3)))) == 3.0
    assert np.isnan(cross_ratio_of_gram(np.zeros((2, 2)), [0.5, 0.5]))
    assert np.isnan(orthogonality_of_gram(np.zeros((2, 2))))
    # a prompt that never varies: its weight is 0
    assert float(cross_ratio_of_gram(np.diag([4.0, 0.0]), [0.5, 0.0])) == 1.0
    # a split-half diagonal may be negative
    assert float(orthogonality_of_gram([[2.0, 1.0], [1.0, -1.0]])) == 3.0
    # float32 products differ in their last digits from their transpose
    rough = np.float32([[1.0, 0.5], [0.5 + 1e-6, 1.0]])
    assert cross_ratio_of_gram(rough, [0.5, 0.5]).dtype == jnp.float32
    assert orthogonality_of_gram(rough).dtype == jnp.float32


def test_relative_gain_ends():
    assert float(relative_gain([0.1, 3.0], [0.5, 0.5])) == pytest.approx(1.0, rel=1e-15)
    assert float(relative_gain([1.0, 0.0], [0.25, 0.0])) == pytest.approx(2.0, rel=1e-15)
    assert np.isnan(relative_gain([0.0, 0.0], [0.5, 0.5]))
    tiny = relative_gain(np.float32([1e-30, 1e-30]), [0.5, 0.125])  # |g|² would underflow
    assert tiny.dtype == jnp.float32
    assert float(tiny) == pytest.approx(2.5, rel=1e-6)  # float32


def test_indices_of_orthogonal_and_of_equal_gradients():
    assert float(cross_ratio(np.diag([1.0, 2.0, 3.0]), [0.1, 0.2, 0.5])) == pytest.approx(1.0, rel=1e-15)
    assert float(orthogonality(np.diag([1.0, 2.0, 3.0]))) == pytest.approx(1.0, rel=1e-15)
    assert float(cross_ratio(np.ones((3, 2)), [0.2, 0.2, 0.2])) == pytest.approx(3.0, rel=1e-14)
    assert float(orthogonality(np.ones((3, 2)))) == pytest.approx(3.0, rel=1e-15)
    assert float(orthogonality([[1.0], [-1.0]])) == 0.0


def test_cosines_of_a_vanishing_gradient_are_0():
    assert cosines([[0.0, 0.0], [3.0, 4.0]]).tolist() == [[0.0, 0.0], [0.0, pytest.approx(1.0, rel=1e-15)]]


def test_indices_are_nan_where_every_gradient_is_0():
    assert np.isnan(cross_ratio(np.zeros((2, 2)), [0.5, 0.5]))
    assert np.isnan(orthogonality(np.zeros((2, 2))))


def test_prompts_without_deviation_drop_out_of_the_scaling():
    g, σ = gradients_and_std(0)
    σ[1], g[1] = 0.0, 0.0
    alive = [0, 2, 3]
    assert float(cross_ratio(g, σ)) == pytest.approx(brute_cross_ratio(g[alive], σ[alive]), rel=1e-12)


@settings(max_examples=10)
@given(batches())
def test_the_sign_of_χ_is_that_of_the_first_order_gain_of_grpo(batch):
    m = jax.vmap(moments)(batch.logits, batch.features, batch.rewards)
    step = jnp.sum(m.gradient / m.std[:, None], axis=0)

    def total(t):
        logits = batch.logits + batch.features @ (t * step)
        return jnp.sum(jax.nn.softmax(logits) * batch.rewards)

    own = jnp.sum(m.gradient**2 / m.std[:, None])
    np.testing.assert_allclose(cross_ratio(m.gradient, m.std), jax.grad(total)(0.0) / own, rtol=1e-10)


def test_c6_grpo_descends_where_reinforce_ascends():
    """C6: J₁ = sigmoid(θ/2), J₂ = sigmoid(−θ + ln(1/9)) at θ = 0."""
    m1 = moments([0.0, 0.0], [[0.5], [0.0]], [1.0, 0.0])
    m2 = moments([np.log(1 / 9), 0.0], [[-1.0], [0.0]], [1.0, 0.0])
    g, σ = np.stack([m1.gradient, m2.gradient]), np.stack([m1.std, m2.std])
    assert g.sum() == pytest.approx(0.035, rel=1e-12)
    assert (g[:, 0] / σ).sum() == pytest.approx(-0.05, rel=1e-12)
    assert float(cross_ratio(g, σ)) < 0 < float(orthogonality(g))


# --- T9: the ascent condition -------------------------------------------------------------------------------------


@EXAMPLES
@given(seeds())
def test_t9_spread_factor_is_the_maximum_over_pairs(seed):
    _, σ = gradients_and_std(seed, N=5)
    pairs = [(np.sqrt(a / b) + np.sqrt(b / a)) / 2 for a, b in combinations(σ, 2)]
    assert float(spread_factor(σ)) == pytest.approx(max(pairs), rel=1e-13)
    assert float(spread_factor(σ)) >= 1


def test_t9_spread_factor_of_equal_deviations_is_1():
    assert float(spread_factor([0.3, 0.3])) == 1.0
    assert float(spread_factor([0.3])) == 1.0


@EXAMPLES
@given(seeds())
def test_t9_χ_is_at_least_one_minus_the_condition(seed):
    """⟨Σg, Σg/σ⟩ ≥ (1 − μ(N−1)·spread) Σ|g|²/σ, for one-dimensional spans of coherence at most μ."""
    rng = np.random.default_rng(seed)
    N = 3
    e = np.eye(N) + rng.uniform(0, 0.5) * rng.standard_normal((N, N))
    e /= np.linalg.norm(e, axis=1, keepdims=True)
    μ = np.abs(e @ e.T - np.eye(N)).max()
    _, σ = gradients_and_std(seed, N)
    g = e * np.exp(rng.uniform(-3, 0, N))[:, None]
    condition = float(ascent_condition(min(μ, 1.0), σ))
    assert condition == pytest.approx(μ * (N - 1) * float(spread_factor(σ)), rel=1e-13)
    assert float(cross_ratio(g, σ)) >= 1 - condition - 1e-12


def test_t9_condition_is_met_with_equality_and_needs_the_spread():
    """Two prompts at cosine −μ with |g_x| = √σ_x: χ = 1 − μ·spread."""
    μ, σ = 0.5, np.array([0.5, 0.005])
    g = np.sqrt(σ)[:, None] * np.array([[1.0, 0.0], [-μ, np.sqrt(1 - μ**2)]])
    condition = float(ascent_condition(μ, σ))
    assert float(cross_ratio(g, σ)) == pytest.approx(1 - condition, rel=1e-12)
    without_spread = μ * (len(σ) - 1)
    assert without_spread < 1  # the false variant promises ascent …
    assert float(cross_ratio(g, σ)) < 0 < 1 - without_spread  # … and GRPO descends
    assert condition > 1


def test_t9_condition_ends():
    assert float(ascent_condition(0.0, [0.1, 0.4])) == 0.0
    assert float(ascent_condition(1.0, [0.1, 0.4, 0.1])) == pytest.approx(2.5, rel=1e-15)
    assert float(ascent_condition(1.0, [0.1])) == 0.0


# --- spans --------------------------------------------------------------------------------------------------------


def projector(features) -> np.ndarray:
    """On the span of the differences of the arms' features, by NumPy's pseudo-inverse."""
    φ = np.asarray(features)
    Δ = (φ - φ.mean(axis=0)).T
    return Δ @ np.linalg.pinv(Δ, rcond=1e-9)


@settings(max_examples=15)
@given(bandits())
def test_span_basis_spans_the_differences(bandit):
    B = np.asarray(span_basis(bandit.features))
    K, d = bandit.features.shape
    assert B.shape == (d, min(K - 1, d))
    P = projector(bandit.features)
    np.testing.assert_allclose(B @ B.T, P, atol=1e-10)
    lengths = np.linalg.norm(B, axis=0)
    np.testing.assert_allclose(lengths**2, np.round(lengths), atol=1e-13)  # unit or zero columns
    assert lengths.sum() == pytest.approx(np.trace(P), abs=1e-9)


def test_span_basis_of_repeated_arms_and_of_one_arm():
    B = span_basis([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 5.0, 3.0]])
    np.testing.assert_allclose(B @ B.T, np.diag([0.0, 1.0, 0.0]), atol=1e-15)
    assert span_basis([[1.0, 2.0]]).shape == (2, 0)
    assert span_basis([[1.0, 2.0]]).dtype == jnp.float64
    np.testing.assert_array_equal(span_basis([[1.0, 2.0], [1.0, 2.0]]), np.zeros((2, 1)))


@pytest.mark.parametrize(("small", "tolerance", "rank"), [(1e-8, None, 2), (1e-10, None, 1), (1e-8, 1e-7, 1)])
def test_span_basis_tolerance(small, tolerance, rank):
    options = {} if tolerance is None else {"tolerance": tolerance}
    B = span_basis([[0.0, 0.0], [1.0, 0.0], [0.0, small]], **options)
    assert float(jnp.sum(B**2)) == pytest.approx(rank, abs=1e-12)


def test_pairwise_coherence_is_the_norm_of_the_product_of_projectors():
    rng = np.random.default_rng(2)
    features = rng.standard_normal((3, 3, 5))
    bases = jax.vmap(span_basis)(jnp.asarray(features))
    P = [projector(φ) for φ in features]
    expected = [[np.linalg.norm(a @ b, 2) for b in P] for a in P]
    np.testing.assert_allclose(pairwise_coherence(bases), expected, rtol=1e-9)  # square roots of eigenvalues in pinv
    np.testing.assert_allclose(jnp.diag(pairwise_coherence(bases)), 1.0, rtol=1e-12)


def test_pairwise_coherence_of_orthogonal_and_of_touching_spans():
    I = jnp.eye(4)  # noqa: E741
    orthogonal, touching = jnp.stack([I[:, :2], I[:, 2:]]), jnp.stack([I[:, :2], I[:, 1:3]])
    np.testing.assert_allclose(pairwise_coherence(orthogonal), np.eye(2), atol=1e-15)
    np.testing.assert_allclose(pairwise_coherence(touching), np.ones((2, 2)), atol=1e-15)


def test_x1_orthogonal_gradients_are_not_orthogonal_spans():
    """X1: g₁·g₂ = 0 at the point, yet the spans share e₁; so 'orthogonal gradients' is the refused condition."""
    φ1 = [[0.5, 0.0], [-0.5, 0.0]]
    φ2 = [[0.0, 0.0], [0.5, 0.0], [-0.5, 0.0]]
    m1 = moments([np.log(1e-3 / (1 - 1e-3)), 0.0], φ1, [1.0, 0.0])
    m2 = moments(np.log([0.5, 0.25, 0.25]), φ2, [1.0, 0.0, 0.0])
    g = jnp.stack([m1.gradient, m2.gradient])
    np.testing.assert_allclose(gram(g)[0, 1], 0.0, atol=1e-17)
    np.testing.assert_allclose(abs(span_basis(φ1)[:, 0] @ span_basis(φ2)[:, 0]), 1.0, rtol=1e-12)


# --- decoupled ----------------------------------------------------------------------------------------------------


def random_problem(seed: int, N: int = 3, d: int = 6, m: int = 2):
    rng = np.random.default_rng(seed)
    bases = np.stack([np.linalg.qr(rng.standard_normal((d, m)))[0] for _ in range(N)])
    g = np.einsum("ndm,nm->nd", bases, rng.standard_normal((N, m)))
    return g, rng.uniform(0.05, 0.5, N), bases


def test_t9_decoupled_is_group_on_orthogonal_spans_and_batch_on_a_common_one():
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    bases = np.stack([Q[:, :2], Q[:, 2:4], Q[:, 4:]])
    a, σ = rng.standard_normal((3, 2)), np.array([0.5, 0.1, 0.02])
    g = np.einsum("ndm,nm->nd", bases, a)
    np.testing.assert_allclose(decoupled(g, σ, bases), (g / σ[:, None]).sum(axis=0), rtol=1e-11, atol=1e-13)
    common = np.stack([bases[0]] * 3)
    g = np.einsum("ndm,nm->nd", common, a)
    np.testing.assert_allclose(decoupled(g, σ, common), g.sum(axis=0) / σ.sum(), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("seed", range(5))
def test_t9_decoupled_maximises_the_quadratic_form(seed):
    """(4/D²)·decoupled is the stationary maximum of Σ g·δ − (D²/8) Σ σ|P δ|²."""
    g, σ, bases = random_problem(seed)
    D = 1.7

    def form(δ):
        lengths = np.sum(np.einsum("ndm,d->nm", bases, δ) ** 2, axis=1)
        return g.sum(axis=0) @ δ - D**2 / 8 * σ @ lengths

    best = 4 / D**2 * np.asarray(decoupled(g, σ, bases))
    h = 1e-4 * np.linalg.norm(best)  # central differences of a quadratic are exact up to rounding, 1e-16/1e-4
    slopes = [(form(best + h * e) - form(best - h * e)) / (2 * h) for e in np.eye(6)]
    np.testing.assert_allclose(slopes, 0.0, atol=1e-9)
    rng = np.random.default_rng(seed)
    assert all(form(best + 0.1 * unit(rng, 6)) < form(best) for _ in range(20))
    group = 4 / D**2 * (g / σ[:, None]).sum(axis=0)
    assert form(group) < form(best) - 1e-6  # the rule that ignores coherence, refused


def test_decoupled_ridge_is_relative_to_the_mean_deviation():
    g, σ, bases = random_problem(1)
    S = sum(s * B @ B.T for s, B in zip(σ, bases, strict=True))
    for ridge in (0.1, 2.0):
        expected = np.linalg.solve(S + ridge * σ.mean() * np.eye(6), g.sum(axis=0))
        np.testing.assert_allclose(decoupled(g, σ, bases, ridge=ridge), expected, rtol=1e-11)
    np.testing.assert_array_equal(decoupled(g, σ, bases), decoupled(g, σ, bases, ridge=0.0, cutoff=1e-10))


def test_decoupled_is_a_pseudo_inverse_where_spans_miss_directions():
    g, σ, bases = random_problem(2, N=2, d=6, m=2)
    S = sum(s * B @ B.T for s, B in zip(σ, bases, strict=True))
    expected = np.linalg.pinv(S, rcond=1e-10, hermitian=True) @ g.sum(axis=0)
    np.testing.assert_allclose(decoupled(g, σ, bases), expected, rtol=1e-10)
    np.testing.assert_array_equal(decoupled(g, np.zeros(2), bases), np.zeros(6))
    one_dead = decoupled(np.stack([g[0], 0 * g[1]]), np.array([σ[0], 0.0]), bases)
    np.testing.assert_allclose(one_dead, g[0] / σ[0], rtol=1e-11, atol=1e-13)


def test_decoupled_cutoff_and_zero_columns():
    bases = np.eye(2)[:, :, None]
    g = np.eye(2)
    np.testing.assert_allclose(decoupled(g, [1.0, 1e-9], bases), [1.0, 1e9], rtol=1e-12)
    np.testing.assert_allclose(decoupled(g, [1.0, 1e-11], bases), [1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(decoupled(g, [1.0, 1e-9], bases, cutoff=1e-8), [1.0, 0.0], atol=1e-12)
    padded = np.concatenate([bases, np.zeros((2, 2, 1))], axis=2)
    np.testing.assert_allclose(decoupled(g, [0.5, 0.1], padded), decoupled(g, [0.5, 0.1], bases), rtol=1e-12)


def test_documented_defaults():
    assert inspect.signature(inspect.unwrap(span_basis)).parameters["tolerance"].default == 1e-9
    assert inspect.signature(inspect.unwrap(decoupled)).parameters["cutoff"].default == 1e-10
    assert inspect.signature(inspect.unwrap(decoupled)).parameters["ridge"].default == 0.0


# --- refusals -----------------------------------------------------------------------------------------------------

G, S = np.eye(2), [0.5, 0.5]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: gram([1.0]), r"gradients has shape \(1,\); allowed: \(any, any\)"),
        (lambda: gram([[NAN]]), "gradients contains nan; allowed: finite numbers"),
        (lambda: cosines([1.0]), r"gradients has shape \(1,\)"),
        (lambda: orthogonality([[INF]]), "gradients contains inf; allowed: finite numbers"),
        (lambda: cross_ratio(G, [0.5]), r"std has shape \(1,\); allowed: \(2,\)"),
        (lambda: cross_ratio(G, [0.5, -0.5]), r"std contains -0.5; allowed: numbers in \[0, inf\)"),
        (lambda: cross_ratio(G, [0.5, INF]), r"std contains inf; allowed: numbers in \[0, inf\)"),
        (lambda: cross_ratio_of_gram(np.ones((2, 3)), S), r"gram has shape \(2, 3\); allowed: \(2, 2\)"),
        (lambda: cross_ratio_of_gram(G, [0.5]), r"std has shape \(1,\); allowed: \(2,\)"),
        (lambda: cross_ratio_of_gram(G, [0.5, -0.5]), r"std contains -0.5; allowed: numbers in \[0, inf\)"),
        (lambda: cross_ratio_of_gram(G * NAN, S), "gram contains nan; allowed: finite numbers"),
        (lambda: orthogonality_of_gram([1.0]), r"gram has shape \(1,\); allowed: \(any, any\)"),
        (lambda: orthogonality_of_gram([[1.0, 0.5], [0.0, 1.0]]), "differs from its transpose by 0.5; allowed: a symm"),
        (lambda: orthogonality_of_gram([[1.0, 2e-4], [0.0, 1.0]]), "gram differs from its transpose by 0.0002"),
        (lambda: relative_gain([[0.5]], [0.5]), r"gradient_norms has shape \(1, 1\); allowed: \(any,\)"),
        (lambda: relative_gain([-0.5], [0.5]), r"gradient_norms contains -0.5; allowed: numbers in \[0, inf\)"),
        (lambda: relative_gain([0.5], [0.5, 0.5]), r"std has shape \(2,\); allowed: \(1,\)"),
        (lambda: spread_factor([0.5, 0.0]), r"std contains 0.0; allowed: numbers in \(0, inf\)"),
        (lambda: spread_factor([0.5, INF]), r"std contains inf; allowed: numbers in \(0, inf\)"),
        (lambda: spread_factor(0.5), r"std has shape \(\); allowed: \(any,\)"),
        (lambda: ascent_condition(-0.1, S), r"coherence contains -0.1; allowed: numbers in \[0, 1\]"),
        (lambda: ascent_condition(1.1, S), r"coherence contains 1.1; allowed: numbers in \[0, 1\]"),
        (lambda: ascent_condition(0.1, 0.5), r"std has shape \(\); allowed: \(any,\)"),
        (lambda: ascent_condition(0.1, [0.5, 0.0]), r"std contains 0.0; allowed: numbers in \(0, inf\)"),
        (lambda: span_basis([1.0]), r"features has shape \(1,\); allowed: \(any, any\)"),
        (lambda: span_basis([[NAN]]), "features contains nan; allowed: finite numbers"),
        (lambda: decoupled(G, [0.5], G[:, :, None]), r"std has shape \(1,\); allowed: \(2,\)"),
        (lambda: decoupled(G, S, G), r"bases has shape \(2, 2\); allowed: \(2, 2, any\)"),
        (lambda: decoupled(G, S, np.zeros((3, 2, 1))), r"bases has shape \(3, 2, 1\); allowed: \(2, 2, any\)"),
        (lambda: decoupled(G, S, np.zeros((2, 3, 1))), r"bases has shape \(2, 3, 1\); allowed: \(2, 2, any\)"),
        (lambda: decoupled(G, S, np.full((2, 2, 1), NAN)), "bases contains nan; allowed: finite numbers"),
        (lambda: decoupled(G, S, G[:, :, None], ridge=-1.0), r"ridge contains -1.0; allowed: numbers in \[0, inf\)"),
        (lambda: decoupled(G, S, G[:, :, None], ridge=INF), r"ridge contains inf; allowed: numbers in \[0, inf\)"),
    ],
)
def test_bad_input_is_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_the_cutoff_is_relative_to_the_largest_eigenvalue():
    """Small deviations, 1e-3 and 1e-8: 1e-5 of the largest is far above the cutoff of 1e-10."""
    g, σ, bases = np.eye(2), np.array([1e-3, 1e-8]), np.eye(2)[:, :, None]
    np.testing.assert_allclose(decoupled(g, σ, bases), 1 / σ, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_span_basis_does_not_depend_on_the_scale_of_the_features(scale):
    φ = scale * np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1e-3, 0.0]])
    B = np.asarray(span_basis(features=φ))
    np.testing.assert_allclose(B @ B.T, np.diag([1.0, 1.0, 0.0]), atol=1e-12)  # a few roundings of the SVD


def test_decoupled_takes_its_arguments_by_name():
    found = decoupled(gradients=[[2.0]], std=[0.5], bases=[[[1.0]]])
    np.testing.assert_allclose(found, [4.0], rtol=1e-14)
