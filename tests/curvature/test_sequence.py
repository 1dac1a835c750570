"""The dynamic programme against all responses written out, automatic differentiation, closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bandits.enumeration import enumerate_responses, unrolled
from curvature._moments import tilt
from curvature.divergence import softmax_kl
from curvature.sequence import (
    reachable_states,
    sequence_hessian_vector_product,
    sequence_kl,
    sequence_tilt,
    sequence_width,
)
from tests.curvature.automata import automaton, dynamic
from tests.strategies import random_logits

# --- the dynamic programme ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("S", "V", "H"), [(3, 3, 4), (5, 2, 8), (364, 3, 6)])  # 81, 256, 729 responses
@pytest.mark.parametrize("seed", [0, 1])
def test_every_quantity_is_the_one_of_all_responses_written_out(S, V, H, seed):
    rng = np.random.default_rng(seed)
    z, r, τ, end = automaton(rng, S, V)
    if S == 364:
        τ = unrolled(V, H)
    if seed and V > 2:
        z[0, 1] = -np.inf
    φ, u = rng.normal(size=(S, V, 6)), rng.normal(size=6)
    a = φ @ u
    y = enumerate_responses(z, r, τ, H, φ, end)
    m = y.moments()
    J, σ, π, coefficients, visits = dynamic(z, r, τ, H, end)
    np.testing.assert_allclose(J, m.value, rtol=0, atol=1e-13)
    np.testing.assert_allclose(σ, m.std, rtol=1e-13)
    np.testing.assert_allclose(np.einsum("sv,svd->d", coefficients, φ), m.gradient, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.exp(z - z.max(axis=1, keepdims=True)) * π.max(axis=1, keepdims=True), π, rtol=1e-13)
    wanted = np.bincount(y.states.ravel(), np.repeat(y.probabilities, H), S)
    np.testing.assert_allclose(visits, wanted, rtol=1e-12)
    arrays = map(jnp.asarray, (z, r, τ))
    product = sequence_hessian_vector_product(*arrays, H, jnp.asarray(a), jnp.asarray(end))
    np.testing.assert_allclose(np.einsum("sv,svd->d", product, φ), m.hessian @ u, rtol=0, atol=1e-11)
    np.testing.assert_allclose(jnp.sum(a * product), u @ m.hessian @ u, rtol=1e-10)


def test_derivatives_of_value_and_deviation_by_automatic_differentiation():
    z, r, τ, end = automaton(np.random.default_rng(2), 3, 3)
    by_autodiff = jax.jit(jax.jacrev(lambda z, r, end: dynamic(z, r, τ, 4, end)[:2]))
    value_slope, std_slope = by_autodiff(z, r, end)
    np.testing.assert_allclose(dynamic(z, r, τ, 4, end)[3], value_slope, rtol=0, atol=1e-13)
    y = enumerate_responses(z, r, τ, 4, terminal=end)
    m = y.moments()
    wanted = (y.probabilities * (y.rewards - float(m.value)) ** 2) @ y.scores / (2 * float(m.std))
    np.testing.assert_allclose(std_slope.ravel(), wanted, rtol=0, atol=1e-12)
    for slope in by_autodiff(z, 0 * r, 0 * end):  # √ has no derivative at 0
        np.testing.assert_array_equal(slope, 0)


def test_one_token_is_one_softmax():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        z, r = random_logits(rng, 4), rng.normal(size=4)
        z[seed % 4] = -np.inf if seed else z[0]
        J, σ, π, coefficients, visits = dynamic(z[None], r[None], np.zeros((1, 4), int), 1, np.zeros(1))
        wanted_J, wanted_σ, wanted_π, advantages = tilt(jnp.asarray(z), jnp.asarray(r))
        np.testing.assert_allclose(J, wanted_J, rtol=0, atol=1e-15)
        np.testing.assert_allclose(σ, wanted_σ, rtol=1e-14)
        np.testing.assert_array_equal(π[0], wanted_π)
        np.testing.assert_allclose(coefficients[0], wanted_π * advantages, rtol=0, atol=1e-15)
        assert float(visits[0]) == 1


def test_a_thousand_independent_tokens_have_their_closed_form():
    rng = np.random.default_rng(0)
    z, r, a = rng.normal(size=(1, 5)), rng.normal(size=(1, 5)), rng.normal(size=(1, 5))
    π = np.exp(z[0]) / np.exp(z[0]).sum()
    mean, shift = π @ r[0], π @ a[0]
    J, σ, _, coefficients, visits = dynamic(z, r, np.zeros((1, 5), int), 1000, np.zeros(1))
    # a thousand roundings of 1e-16
    np.testing.assert_allclose(J, 1000 * mean, rtol=1e-12)
    np.testing.assert_allclose(σ, np.sqrt(1000 * π @ (r[0] - mean) ** 2), rtol=1e-12)
    np.testing.assert_allclose(coefficients[0], 1000 * π * (r[0] - mean), rtol=1e-12)
    np.testing.assert_allclose(visits, 1000, rtol=1e-12)
    product = sequence_hessian_vector_product(
        *map(jnp.asarray, (z, r, np.zeros((1, 5), int))), 1000, jnp.asarray(a), jnp.zeros(1)
    )
    covariance = π @ ((r[0] - mean) * (a[0] - shift))
    wanted = 1000 * π * ((r[0] - mean) * (a[0] - shift) - covariance)
    np.testing.assert_allclose(product[0], wanted, rtol=0, atol=1e-9)  # of terms of size 1000


def test_all_of_a_thousand_tokens_right_has_its_closed_form_down_to_1e_250():
    H, τ = 1000, jnp.array([[0, 1], [1, 1]])
    end, a = jnp.array([1.0, 0.0]), jnp.array([[1.0, 0.0], [0.0, 0.0]])
    for p in (1e-250, 1e-6, 0.5, 1 - 1e-6):
        log_q = np.log(p) / H
        wrong = -np.expm1(log_q)
        z = jnp.array([[log_q, np.log(wrong)], [0.0, 0.0]])
        J, σ, _, coefficients, visits = sequence_tilt(z, jnp.zeros((2, 2)), τ, H, end)
        # q is rounded to 1e-16, q^1000 to 1e-13; and log q to 1e-16 of 0.6 where p is 1e-250
        np.testing.assert_allclose(J, p, rtol=2e-12)
        np.testing.assert_allclose(σ, np.sqrt(p * (1 - p)), rtol=2e-9 if p > 0.9 else 2e-12)  # 1 − p loses six digits
        np.testing.assert_allclose(coefficients[0], H * p * wrong * np.array([1, -1]), rtol=2e-9 if p > 0.9 else 2e-12)
        np.testing.assert_array_equal(coefficients[1], 0)
        np.testing.assert_allclose(visits, [(1 - p) / wrong, H - (1 - p) / wrong], rtol=1e-9)
        product = sequence_hessian_vector_product(z, jnp.zeros((2, 2)), τ, H, a, end)
        wanted = H * p * (H * wrong**2 - wrong * (1 - wrong))
        np.testing.assert_allclose(product[0, 0], wanted, rtol=2e-9 if p > 0.9 else 1e-11)


def test_a_reward_that_no_choice_changes_has_no_deviation_at_all():
    rng = np.random.default_rng(3)
    z, _, τ, _ = automaton(rng, 5, 2)
    potential = rng.normal(size=5)
    r = (
        potential[τ] - potential[:, None] + 0.1
    )  # telescopes: every response pays 8 · 0.1 − potential(0), but for rounding
    rewards = enumerate_responses(z, r, τ, 8, terminal=-potential).rewards
    assert np.ptp(rewards) > 0
    J, σ, _, coefficients, _ = dynamic(z, r, τ, 8, -potential)
    assert float(σ) == 0
    np.testing.assert_array_equal(coefficients, 0)
    np.testing.assert_allclose(J, 0.8 - potential[0], rtol=1e-14)
    r[0, 0] += 1e-12  # little, but no rounding
    m = enumerate_responses(z, r, τ, 8, terminal=-potential).moments()
    np.testing.assert_allclose(dynamic(z, r, τ, 8, -potential)[1], m.std, rtol=1e-2)  # 1e-12 known to 1e-15


# --- KL and width -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-6, 1.0, 30.0])
def test_kl_is_the_one_of_whole_responses(scale):
    rng = np.random.default_rng(4)
    z, r, τ, end = automaton(rng, 5, 2)
    z[1, 0] = -np.inf
    a = scale * rng.normal(size=(5, 2))
    _, _, π, _, visits = dynamic(z, r, τ, 8, end)
    before, after = enumerate_responses(z, r, τ, 8), enumerate_responses(z + a, r, τ, 8)
    drawn = before.probabilities > 0
    p, log_ratio = before.probabilities[drawn], before.log_probabilities[drawn] - after.log_probabilities[drawn]
    # by definition; for a small change Σ p (e^{−x} − 1 + x), whose terms do not cancel
    wanted = p @ (
        np.where(np.abs(log_ratio) < 1e-3, log_ratio**2 / 2 - log_ratio**3 / 6, np.expm1(-log_ratio) + log_ratio)
    )
    found = sequence_kl(visits, π, jnp.asarray(a))
    np.testing.assert_allclose(found, wanted, rtol=1e-9 if scale < 1 else 1e-12)  # changes of 1e-6 known to 1e-16
    assert float(found) > float(softmax_kl(π[0], jnp.asarray(a[0]))) > 0  # one token's own is less


def test_width_is_over_the_states_that_are_reached():
    τ = np.array([[1, 1], [2, 2], [3, 0], [0, 0]])
    for H, reached in ((1, 1), (2, 2), (3, 3), (4, 4), (9, 4)):
        np.testing.assert_array_equal(reachable_states(τ, H), np.arange(4) < reached)
    a = jnp.array([[0.0, 1.0], [5.0, 3.0], [0.0, 0.5], [9.0, 0.0]])
    assert [float(sequence_width(a, jnp.asarray(reachable_states(τ, H)))) for H in (1, 2, 3, 4)] == [1, 2, 2, 9]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reachable_states([[0, 2]], 3), "transitions contains 2; allowed: states 0 to 0"),
        (lambda: reachable_states([[0, -1]], 3), "transitions contains -1; allowed: states 0 to 0"),
        (lambda: reachable_states([0, 1], 3), r"transitions has shape \(2,\) and dtype int64; allowed: integers"),
        (lambda: reachable_states([[0.0]], 3), "dtype float64; allowed: integers"),
        (lambda: reachable_states([[0]], 0), "horizon is 0; allowed"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_automaton_is_known_inside_a_trace_too() -> None:
    """Sweeps build their problems under jit, where `jnp.asarray` of plain numbers is a tracer."""
    found = jax.jit(lambda x: jnp.where(jnp.asarray(reachable_states([[1, 1], [2, 2], [0, 0]], 2)), x, 0))(jnp.ones(3))
    np.testing.assert_array_equal(found, [1, 1, 0])
