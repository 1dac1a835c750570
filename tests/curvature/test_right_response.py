"""One right response against exact bandits, full enumeration of a small autoregressive policy, and Monte Carlo."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from jax.flatten_util import ravel_pytree

from curvature import (
    along,
    curvature_parts,
    hessian_vector_product,
    local_curvature,
    moments,
    success,
    success_curvature,
    success_hessian_vector_product,
    success_parts,
    success_std,
)
from curvature.right_response import ROUNDING
from tests.strategies import bandits, seeds, unit

EXAMPLES = settings(max_examples=15)
INF, NAN = float("inf"), float("nan")


def one_right(bandit, right=0):
    """The bandit with one right arm: (rewards, θ ↦ log π(right))."""
    rewards = jnp.zeros(bandit.logits.shape[0]).at[right].set(1.0)
    return rewards, lambda θ: jax.nn.log_softmax(bandit.logits + bandit.features @ θ)[right]


# --- one right response -------------------------------------------------------------------------------------------


@EXAMPLES
@given(bandits())
def test_success_equals_the_exact_moments_of_a_bandit_with_one_right_arm(bandit):
    rewards, log_prob = one_right(bandit)
    m = moments(bandit.logits, bandit.features, rewards)
    θ, u = jnp.zeros(bandit.features.shape[1]), bandit.direction
    scale = float(jnp.abs(bandit.features).max() ** 2)  # offset features (up to 30) leave their rounding behind
    s = success(log_prob, θ)
    np.testing.assert_allclose(s.value, m.value, rtol=1e-10)
    np.testing.assert_allclose(s.std, m.std, rtol=1e-10)
    np.testing.assert_allclose(s.gradient, m.gradient, rtol=1e-10, atol=1e-14 * scale)
    κ = success_curvature(log_prob, θ, u)
    np.testing.assert_allclose(κ, local_curvature(m, u), rtol=1e-10, atol=1e-13 * scale)
    Hu = success_hessian_vector_product(log_prob, θ, u)
    np.testing.assert_allclose(Hu, hessian_vector_product(m, u), rtol=1e-10, atol=1e-13 * scale)
    np.testing.assert_allclose(success_curvature(log_prob, θ, -3.0 * u), 9.0 * κ, rtol=1e-12, atol=1e-13 * scale)


def test_the_bend_is_needed_and_j_outside_is():
    """False variants: uᵀ∇²J u without uᵀ∇²ℓ u, and uᵀ∇²ℓ u alone."""
    z = jnp.asarray([0.3, -0.2, 0.5])
    log_prob = lambda θ: jax.nn.log_softmax(z + θ)[0]  # noqa: E731
    θ, u = jnp.zeros(3), jnp.asarray([1.0, -1.0, 0.5])
    a, κ = along(log_prob, θ, u), success_curvature(log_prob, θ, u)
    J = float(jnp.exp(a.log_prob))
    np.testing.assert_allclose(κ, jnp.asarray(u) @ jax.hessian(lambda θ: jnp.exp(log_prob(θ)))(θ) @ u, rtol=1e-13)
    assert abs(J * float(a.slope) ** 2 - float(κ)) > 0.01
    assert abs(J * float(a.bend) - float(κ)) > 0.01


def test_the_deviation_keeps_the_digits_of_a_solved_and_of_a_hopeless_prompt():
    solved = success(lambda θ: -jnp.exp(θ), jnp.asarray(np.log(1e-18)))  # 1 − J = 1e-18
    assert float(solved.std) == pytest.approx(1e-9, rel=1e-12)
    assert float(jnp.sqrt(solved.value * (1 - solved.value))) == 0.0  # the textbook formula, refused
    hopeless = success(lambda θ: θ * jnp.float32(1), jnp.float32(-120.0))  # e^-120 is below the smallest float32
    assert hopeless.std.dtype == jnp.float32
    assert float(hopeless.std) == pytest.approx(np.exp(-60.0), rel=1e-5)  # float32
    assert float(hopeless.value) == 0.0


def test_a_log_probability_above_0_by_rounding_counts_as_0():
    s = success(lambda θ: 0 * θ + 1e-7, jnp.asarray(1.0))
    assert (float(s.log_prob), float(s.value), float(s.std)) == (0.0, 1.0, 0.0)
    κ = success_curvature(lambda θ: 0 * θ + 1e-4 - θ**2, jnp.asarray(0.0), jnp.asarray(1.0))
    assert float(κ) == -2.0


# a policy over strings of a vocabulary of 4, of length ≤ 3, token 0 ends

V, H = 4, 3
STRINGS = [
    s
    for length in range(1, H + 1)
    for s in np.ndindex(*(V,) * length)
    if 0 not in s[:-1] and (s[-1] == 0 or length == H)
]


def network(seed, dtype=float):
    rng = np.random.default_rng(seed)
    shapes = {"embed": (V + 1, 3), "layer": {"w": (3, 3), "b": (3,)}, "out": (3, V)}
    return jax.tree.map(
        lambda s: jnp.asarray(rng.standard_normal(s), dtype), shapes, is_leaf=lambda s: type(s) is tuple
    )


PADDED = np.asarray([s + (0,) * (H - len(s)) for s in STRINGS])
PRESENT = np.asarray([[t < len(s) for t in range(H)] for s in STRINGS])


def log_prob_of_padded(θ, tokens, present):
    """log π of one string: a recurrent policy, not log-linear."""
    state, total, token = jnp.zeros(3, θ["embed"].dtype), jnp.zeros((), θ["embed"].dtype), V
    for t in range(H):
        state = jnp.tanh(θ["embed"][token] + θ["layer"]["w"] @ state + θ["layer"]["b"])
        total = total + jnp.where(present[t], jax.nn.log_softmax(state @ θ["out"])[tokens[t]], 0)
        token = tokens[t]
    return total


def log_prob_of(string):
    x = STRINGS.index(string)
    return lambda θ: log_prob_of_padded(θ, jnp.asarray(PADDED[x]), jnp.asarray(PRESENT[x]))


def every_log_prob(θ):
    return jax.vmap(log_prob_of_padded, (None, 0, 0))(θ, jnp.asarray(PADDED), jnp.asarray(PRESENT))


def test_autoregressive_policy_by_full_enumeration():
    θ = network(0)
    flat, unravel = ravel_pytree(θ)
    rng = np.random.default_rng(1)
    u_flat = jnp.asarray(unit(rng, flat.size))
    u = unravel(u_flat)
    right = STRINGS.index((2, 1, 3))
    r = jnp.zeros(len(STRINGS)).at[right].set(1.0)
    J = jax.jit(lambda v: jnp.exp(every_log_prob(unravel(v))) @ r)
    π = np.exp(np.asarray(jax.jit(every_log_prob)(θ)))
    assert len(STRINGS) == 1 + 3 + 9 * 4
    assert π.sum() == pytest.approx(1.0, rel=1e-13)  # the enumeration is complete
    g, Hessian = jax.jit(jax.grad(J))(flat), np.asarray(jax.jit(jax.hessian(J))(flat))

    log_prob = log_prob_of(STRINGS[right])
    s = success(log_prob, θ)
    np.testing.assert_allclose(s.value, J(flat), rtol=1e-12)
    np.testing.assert_allclose(s.std, np.sqrt(π @ (np.asarray(r) - π[right]) ** 2), rtol=1e-12)
    np.testing.assert_allclose(ravel_pytree(s.gradient)[0], g, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(success_curvature(log_prob, θ, u), u_flat @ Hessian @ u_flat, rtol=1e-10)
    Hu = success_hessian_vector_product(log_prob, θ, u)
    assert jax.tree.structure(Hu) == jax.tree.structure(θ)
    np.testing.assert_allclose(ravel_pytree(Hu)[0], Hessian @ u_flat, rtol=1e-10, atol=1e-13)

    # T5: E M_u = 0 and Cov(r, M_u) = uᵀHu, over every string at once
    M = np.asarray(jax.jit(lambda θ: along(every_log_prob, θ, u).statistic)(θ))
    assert π @ M == pytest.approx(0.0, abs=1e-13)
    assert π[right] * M[right] == pytest.approx(float(u_flat @ Hessian @ u_flat), rel=1e-10)

    # sampled wrong responses: the spread within 4 of its own standard errors
    wrong = np.delete(np.arange(len(STRINGS)), right)
    drawn = rng.choice(wrong, size=4000, p=π[wrong] / π[wrong].sum())
    found = success_parts(np.log(π[right]), M[right], M[drawn])
    spread = np.sqrt(π @ M**2)
    assert abs(float(found.spread) - spread) < 4 * float(found.spread_error)
    assert float(found.spread_error) < 0.05 * spread
    np.testing.assert_allclose(found.curvature, π[right] * M[right], rtol=1e-12)
    correlation = π[right] * M[right] / (np.sqrt(π[right] * (1 - π[right])) * spread)
    assert abs(float(found.correlation) - correlation) < 4 * float(found.correlation_error)


def test_pytrees_jit_vmap_and_float32():
    θ = network(2, np.float32)
    u = network(3)  # float64 and NumPy directions take the parameters' dtype
    log_prob = log_prob_of((1, 2, 0))
    s = jax.jit(lambda θ: success(log_prob, θ))(θ)
    κ = jax.jit(lambda θ, u: success_curvature(log_prob, θ, u))(θ, u)
    Hu = jax.jit(lambda θ, u: success_hessian_vector_product(log_prob, θ, u))(θ, u)
    assert {leaf.dtype for leaf in jax.tree.leaves((s, s.gradient, κ, Hu))} == {jnp.dtype(jnp.float32)}
    as64 = lambda tree: jax.tree.map(lambda x: x.astype(float), tree)  # noqa: E731
    np.testing.assert_allclose(κ, success_curvature(log_prob, as64(θ), u), rtol=1e-4)  # float32
    dot = sum(jnp.vdot(a.astype(float), b) for a, b in zip(jax.tree.leaves(Hu), jax.tree.leaves(u), strict=True))
    np.testing.assert_allclose(dot, κ, rtol=1e-4)
    batch = jnp.stack([jnp.arange(3.0), -jnp.ones(3)])
    many = jax.vmap(lambda z: success(lambda θ: jax.nn.log_softmax(z + θ)[1], jnp.zeros(3)))(batch)
    assert many.gradient.shape == (2, 3)
    for z, value, gradient in zip(batch, many.value, many.gradient, strict=True):
        alone = success(lambda θ, z=z: jax.nn.log_softmax(z + θ)[1], jnp.zeros(3))
        np.testing.assert_allclose(value, alone.value, rtol=1e-14)
        np.testing.assert_allclose(gradient, alone.gradient, rtol=1e-13)


# --- T5 with one right response -----------------------------------------------------------------------------------


@EXAMPLES
@given(seeds())
def test_success_parts_equal_the_exact_parts_where_wrong_responses_are_equally_likely(seed):
    """Each wrong arm once is then the conditional distribution itself: nothing is left to sampling."""
    rng = np.random.default_rng(seed)
    K, d = 6, 3
    z = np.zeros(K)
    z[0] = rng.uniform(-3, 3)
    φ, u = rng.standard_normal((K, d)), unit(rng, d)
    m = moments(z, φ, np.eye(K)[0])
    exact = curvature_parts(m, u)
    M = along(lambda θ: jax.nn.log_softmax(z + φ @ θ), jnp.zeros(d), jnp.asarray(u)).statistic
    found = success_parts(jax.nn.log_softmax(jnp.asarray(z))[0], M[0], M[1:])
    for field in ("correlation", "std", "spread", "curvature"):
        np.testing.assert_allclose(getattr(found, field), getattr(exact, field), rtol=1e-10, atol=1e-13)


def test_success_parts_standard_errors_are_the_scatter():
    """Delta-method errors against 3000 repetitions; a spread that forgets (1−p) is refused."""
    rng = np.random.default_rng(0)
    p, right = 0.3, 2.0
    wrong = rng.uniform(-3.0, 3.0, size=(3000, 200)) - p / (1 - p) * right  # E M = 0
    found = jax.vmap(lambda w: success_parts(np.log(p), right, w))(jnp.asarray(wrong))
    second = 3.0 + (p / (1 - p) * right) ** 2  # variance + mean²
    spread = np.sqrt(p * right**2 + (1 - p) * second)
    scatter = float(jnp.std(found.spread))
    assert float(jnp.mean(found.spread_error)) == pytest.approx(scatter, rel=0.06)  # an sd is known to .013 of itself
    assert float(jnp.mean(found.correlation_error)) == pytest.approx(float(jnp.std(found.correlation)), rel=0.06)
    assert abs(float(jnp.mean(found.spread**2)) - spread**2) < 4 * 2 * spread * scatter / np.sqrt(3000)
    assert abs(np.sqrt(p * right**2 + second) - float(jnp.mean(found.spread))) > 4 * scatter
    assert float(found.std[0]) == pytest.approx(np.sqrt(0.21), rel=1e-12)


def test_success_parts_standard_errors_by_hand():
    """J = ½, M* = 2, M = −1 and −3: M² = 1 and 9 have sample deviation √32, so .5·√32/√2 = 2 is the error of 4.5."""
    found = success_parts(np.log(0.5), 2.0, [-1.0, -3.0])
    assert float(found.spread_error) == pytest.approx(2 / (2 * np.sqrt(4.5)), rel=1e-12)
    assert float(found.correlation) == pytest.approx(1 / (0.5 * np.sqrt(4.5)), rel=1e-12)
    assert float(found.correlation_error) == pytest.approx(2 / np.sqrt(4.5) * 2 / (2 * 4.5), rel=1e-12)


def test_success_parts_of_a_solved_prompt_and_of_no_curvature():
    solved = success_parts(0.0, 0.0, [1.0, -1.0])
    assert (float(solved.correlation), float(solved.spread), float(solved.spread_error)) == (0.0, 0.0, 0.0)
    flat = success_parts(np.log(0.5), 0.0, [0.0, 0.0])
    assert float(flat.std) == pytest.approx(0.5, rel=1e-14)
    assert (float(flat.curvature), float(flat.correlation_error)) == (0.0, 0.0)


def test_success_parts_of_float32_stay_float32():
    parts = success_parts(jnp.float32(-1.0), jnp.float32(2.0), jnp.arange(5, dtype=jnp.float32))
    assert {leaf.dtype for leaf in jax.tree.leaves(parts)} == {jnp.dtype(jnp.float32)}


# --- refusals -----------------------------------------------------------------------------------------------------

θ0, ℓ0 = jnp.zeros(2), lambda θ: jax.nn.log_softmax(θ)[0]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: success(jax.nn.log_softmax, θ0), r"log_prob has shape \(2,\); allowed: \(\)"),
        (lambda: success_curvature(jax.nn.log_softmax, θ0, θ0), r"log_prob has shape \(2,\); allowed: \(\)"),
        (lambda: success_hessian_vector_product(jax.nn.log_softmax, θ0, θ0), r"log_prob has shape \(2,\)"),
        (lambda: success(lambda θ: θ[0] + 0.5, θ0), "log_prob is 0.5; allowed: finite numbers of at most 0"),
        (lambda: success(lambda θ: θ[0] * NAN, θ0), "log_prob is nan; allowed: finite numbers of at most 0"),
        (lambda: success(lambda θ: θ[0] - INF, θ0), "log_prob is -inf; allowed: finite numbers of at most 0"),
        (lambda: success_curvature(lambda θ: θ[0] + 0.5, θ0, θ0), "log_prob is 0.5"),
        (lambda: success_hessian_vector_product(ℓ0, θ0, jnp.zeros(3)), "direction has a leaf of shape"),
        (
            lambda: success(lambda θ: -1.0 * θ, 3),
            "parameters has a leaf of dtype int.*; allowed: floating-point",
        ),
        (lambda: success_std(0.5), r"log_prob contains 0.5; allowed: numbers in \[-inf, 0.001\]"),
        (lambda: success_std([NAN]), "log_prob contains nan"),
        (lambda: success_std("a"), "log_prob has dtype"),
        (lambda: success_parts(0.5, 1.0, [1.0, 2.0]), "log_prob is 0.5; allowed: finite numbers of at most 0"),
        (lambda: success_parts(-0.5, [1.0], [1.0, 2.0]), r"right has shape \(1,\); allowed: \(\)"),
        (lambda: success_parts(-0.5, 1.0, 1.0), r"wrong has shape \(\); allowed: \(any,\)"),
        (lambda: success_parts(-0.5, 1.0, [1.0]), "wrong has length 1; allowed: at least 2"),
        (lambda: success_parts(-0.5, NAN, [1.0, 2.0]), "right contains nan"),
        (lambda: success_parts(-0.5, 1.0, [1.0, INF]), "wrong contains inf"),
    ],
)
def test_bad_input_is_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_documented_constants():
    assert ROUNDING == 1e-3
    assert list(inspect.signature(inspect.unwrap(success_parts)).parameters) == ["log_prob", "right", "wrong"]
