"""Exact steps and sampled groups against expectations over EVERY response of the tiny model, in float64.

The oracle (tiny.py) sums over all strings of at most R tokens and is differentiated as it stands.
"""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from curvature import success_std
from curvature._advantages import Estimator
from curvature.groups import adaptivity
from experiments.language.learning.choices import learning_rule
from experiments.language.learning.objective import group_loss, likelihood_loss, population_loss
from experiments.language.learning.weights import population_weight
from experiments.language.model.model import Batch, Model
from tests.experiments.language import tiny

NAN = float("nan")
θ = tiny.parameters(dtype=jnp.float64)
MODEL, BATCH = tiny.model(), tiny.batch()


jit = partial(jax.jit, compiler_options=tiny.QUICK)
token_log_probabilities = jit(MODEL.token_log_probabilities)
answer_log_probabilities = jit(MODEL.answer_log_probabilities)
likelihood = jit(lambda θ, b: likelihood_loss(θ, MODEL, b))


@jit
def population_direction(θ, weight):
    gradient, log_p = jax.grad(population_loss, has_aux=True)(θ, MODEL, BATCH, weight)
    return -ravel_pytree(gradient)[0], log_p


# --- exact mode ---------------------------------------------------------------------------------------------------


def test_the_probabilities_of_all_responses_sum_to_1():
    every = tiny.every()
    log_π = token_log_probabilities(θ, every).sum(axis=-1)
    np.testing.assert_allclose(jnp.exp(log_π).sum(axis=-1), 1, rtol=1e-12)
    np.testing.assert_allclose(log_π, tiny.log_all(θ), rtol=0, atol=1e-12)
    ended = tiny.strings()[2]
    assert (np.exp(np.asarray(log_π))[:, ~ended].sum(axis=-1) > 0.1).all()  # those cut off are a real share of it
    without_end = Batch(every.prompts, every.lengths, every.responses, every.response_lengths - ended.astype(np.int32))
    wrong = token_log_probabilities(θ, without_end).sum(axis=-1)
    assert (np.exp(np.asarray(wrong)).sum(axis=-1) > 1.5).all()  # the end token's probability left out: refused


def test_j_and_σ_are_the_mean_and_deviation_of_the_reward():
    p, r = np.exp(np.asarray(tiny.log_all(θ))), tiny.rewards()
    J = (p * r).sum(axis=1)
    σ = np.sqrt((p * (r - J[:, None]) ** 2).sum(axis=1))
    log_p = answer_log_probabilities(θ, BATCH)
    np.testing.assert_allclose(jnp.exp(log_p), J, rtol=1e-12)
    np.testing.assert_allclose(success_std(log_p), σ, rtol=1e-11)
    assert J.max() / J.min() > 5  # prompts that differ


def test_deviation_keeps_its_digits_at_both_ends_and_rounding_above_0_is_certainty():
    log_p = jnp.asarray([-1e-12, -1e-300, -600.0, 0.0])
    np.testing.assert_allclose(success_std(log_p), [1e-6, 1e-150, np.exp(-300), 0], rtol=1e-9)
    assert success_std(jnp.asarray([1e-6, 2e-7], jnp.float32)).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("rule", "objective"),
    [
        ("none", jnp.mean),
        ("group", lambda J: jnp.mean(2 * jnp.arcsin(jnp.sqrt(J)))),
        ("power(1)", lambda J: jnp.mean(2 * jnp.arcsin(jnp.sqrt(J)))),
        ("power(2)", lambda J: jnp.mean(jnp.log(J) - jnp.log1p(-J))),
        ("power(0)", jnp.mean),
    ],
)
def test_t8_each_rule_is_the_gradient_of_its_objective(rule, objective):
    found, log_p = population_direction(θ, population_weight(learning_rule(rule)))
    np.testing.assert_allclose(found, tiny.ascent(objective, θ), rtol=0, atol=1e-11 * np.abs(found).max())
    np.testing.assert_allclose(jnp.exp(log_p), tiny.success(θ), rtol=1e-12)
    halved = tiny.ascent(objective, θ) / 2
    assert np.abs(found - halved).max() > 0.1 * np.abs(found).max()  # the constant is part of the claim


@pytest.mark.parametrize("name", ["batch", "power(1.5)"])
def test_batch_and_fractional_powers_weigh_enumerated_gradients(name):
    J = np.asarray(tiny.success(θ))
    σ = np.sqrt(J * (1 - J))
    g = np.asarray(tiny.gradients(θ))
    weight = {"batch": np.full(5, 1 / σ.mean()), "power(1.5)": σ**-1.5}[name]
    found, _ = population_direction(θ, population_weight(learning_rule(name)))
    expected = (weight[:, None] * g).mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())  # float32 exponents: exact
    summed = expected * 5
    assert np.abs(np.asarray(found) - summed).max() > np.abs(expected).max()  # the sum, not the mean: refused


# --- likelihood ---------------------------------------------------------------------------------------------------


def test_likelihood_is_the_mean_over_the_tokens_of_all_responses():
    log_p = np.log(np.asarray(tiny.success(θ)))
    tokens = np.asarray(BATCH.response_lengths).sum()
    assert tokens == 2 + 3 + 1 + 3 + 2
    np.testing.assert_allclose(likelihood(θ, BATCH), -log_p.sum() / tokens, rtol=1e-12)
    a_prompt = -(log_p / np.asarray(BATCH.response_lengths)[:, 0]).mean()
    assert abs(float(likelihood(θ, BATCH)) - a_prompt) > 1e-3  # the mean of means is another number


def test_likelihood_of_a_uniform_model_is_log_v():
    uniform = jax.tree.map(jnp.zeros_like, θ)
    np.testing.assert_allclose(likelihood(uniform, BATCH), np.log(6), rtol=1e-14)


def test_padding_and_other_responses_do_not_matter():
    changed = Batch(BATCH.prompts, BATCH.lengths, BATCH.responses.at[2, 0, 1:].set(5), BATCH.response_lengths)
    assert float(likelihood(θ, changed)) == float(likelihood(θ, BATCH))
    more = Batch(
        BATCH.prompts, BATCH.lengths, jnp.tile(BATCH.responses, (1, 2, 1)).at[:, 1].set(4),
        jnp.tile(BATCH.response_lengths, (1, 2)),
    )  # fmt: skip
    np.testing.assert_allclose(likelihood(θ, more), likelihood(θ, BATCH), rtol=1e-13)


# --- sampled groups -----------------------------------------------------------------------------------------------


@partial(jit, static_argnames=("clip", "kl"))
def loss_and_gradient(θ, b, A, old=None, reference=None, clip=None, kl=0.0):
    (loss, extra), gradient = jax.value_and_grad(group_loss, has_aux=True)(
        θ, MODEL, b, A, old, reference, clip=clip, kl=kl
    )
    return loss, extra, ravel_pytree(gradient)[0]


def some_groups(G=3):
    """Random responses with their places among all strings, and random advantages."""
    rng = np.random.default_rng(0)
    rows, lengths, _ = tiny.strings()
    y = rng.integers(0, len(rows), (5, G))
    b = Batch(BATCH.prompts, BATCH.lengths, jnp.asarray(rows[y]), jnp.asarray(lengths[y]))
    return b, y, jnp.asarray(rng.normal(size=(5, G)))


def scattered(y, values):
    """[5, 156] values summed at the responses' places."""
    weight = np.zeros((5, 156))
    np.add.at(weight, (np.arange(5)[:, None], y), values)
    return weight


def test_the_gradient_at_ratio_1_is_minus_the_mean_of_advantage_times_score():
    b, y, A = some_groups()
    expected = tiny.mean_score(scattered(y, np.asarray(A) / 15), θ)
    _, extra, found = loss_and_gradient(θ, b, A)
    np.testing.assert_allclose(found, -expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(extra["old"], token_log_probabilities(θ, b), rtol=0, atol=1e-12)
    by_length = tiny.mean_score(scattered(y, np.asarray(A) / np.asarray(b.response_lengths) / 15), θ)
    assert np.abs(by_length - expected).max() > 0.1 * np.abs(expected).max()  # a division by the length: refused
    a_token = tiny.mean_score(scattered(y, np.asarray(A) / np.asarray(b.response_lengths).sum()), θ)
    assert np.abs(a_token - expected).max() > 0.1 * np.abs(expected).max()  # a mean over all tokens as well


@pytest.mark.parametrize(("G", "longest", "prompt"), [(2, 2, 0), (4, 1, 2)])
def test_t12_t13_the_mean_over_all_groups(G, longest, prompt):
    """Every group of 2 of the 31 responses of at most 2 tokens, and of 4 of the 6 of 1 token, weighed by its chance:
    (G−1)/G · g for REINFORCE, b_G(p) times that for GRPO."""
    rows = (prompt,)
    one, (y, lengths, _) = tiny.batch(rows, longest), tiny.strings(longest=longest)
    π = np.exp(np.asarray(tiny.log_all(θ, tiny.SMALLEST, rows, longest)))[0]
    right = tiny.rewards(rows, longest)[0]
    p, g = float(π @ right), np.asarray(tiny.gradients(θ, tiny.SMALLEST, rows, longest))[0]
    groups = np.array(list(product(range(len(π)), repeat=G)))
    chance = π[groups].prod(axis=1)
    n = len(groups)
    assert n == {2: 31**2, 4: 6**4}[G]
    np.testing.assert_allclose([π.sum(), chance.sum()], 1, rtol=1e-11)
    b = Batch(jnp.tile(one.prompts, (n, 1)), jnp.tile(one.lengths, n), jnp.asarray(y[groups]),
              jnp.asarray(lengths[groups]))  # fmt: skip

    def expected_step(scale):
        """The loss is a mean over groups, so n times a group's chance in its advantages makes it the expectation."""
        A = np.asarray(Estimator(scale=scale)(right[groups])) * chance[:, None]
        return -loss_and_gradient(θ, b, jnp.asarray(n * A))[2]

    none, group, b_G = expected_step("none"), expected_step("group"), float(adaptivity(p, G))
    scale = np.abs(g).max()
    np.testing.assert_allclose(none, (G - 1) / G * g, rtol=0, atol=1e-11 * scale)
    np.testing.assert_allclose(group, b_G * (G - 1) / G * g, rtol=0, atol=1e-11 * scale)
    assert np.abs(none - g).max() > 0.1 * scale  # without (G−1)/G: refused
    exact = g / np.sqrt(p * (1 - p)) * (G - 1) / G
    assert np.abs(group - exact).max() > 1e-2 * scale  # nor is it the exact GRPO


class Table(Model):
    """A policy whose parameters ARE the tokens' log-probabilities: what is left is the loss itself."""

    def token_log_probabilities(self, parameters, batch):
        table = parameters["log_π"]
        counts = np.arange(table.shape[-1]) < np.asarray(batch.response_lengths)[..., None]
        return jnp.where(counts, table, 0)


TABLE = Table(tiny.SMALLEST, separator=tiny.SEPARATOR, ends=(tiny.END,), pad=tiny.PAD)


def of_table(log_π, b, A, old=None, reference=None, *, clip=None, kl=0.0):
    """(loss, extra, gradient [P, G, R]) of the loss on a table."""
    arrays = [None if x is None else jnp.asarray(x) for x in (old, reference)]

    def loss(table):
        return group_loss({"log_π": table}, TABLE, b, jnp.asarray(A), *arrays, clip=clip, kl=kl)

    (value, extra), gradient = jax.value_and_grad(loss, has_aux=True)(jnp.asarray(log_π))
    return float(value), extra, np.asarray(gradient)


@pytest.fixture(scope="module")
def moved():
    """Groups, advantages, log π of the tokens where they were drawn and after a move that changes them by .3."""
    b, _, A = some_groups()
    rng = np.random.default_rng(1)
    counts = np.arange(3) < np.asarray(b.response_lengths)[..., None]
    old = np.where(counts, -rng.exponential(size=counts.shape), 0)
    new = np.where(counts, old + 0.3 * rng.normal(size=counts.shape), 0)
    return b, np.asarray(A), counts, old, new


@pytest.mark.parametrize("clip", [None, 0.2])
def test_the_clipped_ratio_by_hand(moved, clip):
    b, A, counts, old, new = moved
    ρ, a = np.exp(new - old), A[..., None]
    low, high = (0.0, np.inf) if clip is None else (1 - clip, 1 + clip)
    gain = np.minimum(ρ * a, np.clip(ρ, low, high) * a)
    loss, extra, slope = of_table(new, b, A, old, clip=clip)
    assert loss == pytest.approx(-np.where(counts, gain, 0).sum(axis=-1).mean(), rel=1e-13)
    beyond = ((a > 0) & (ρ > high)) | ((a < 0) & (ρ < low))
    np.testing.assert_allclose(slope, -np.where(counts & ~beyond, ρ * a, 0) / 15, rtol=1e-12, atol=1e-16)
    assert float(extra["clipped"]) == pytest.approx((beyond & counts).sum() / counts.sum(), abs=1e-15)
    if clip:
        assert 0.1 < float(extra["clipped"]) < 0.9
        optimist = np.where(counts, np.maximum(ρ * a, np.clip(ρ, low, high) * a), 0).sum(axis=-1).mean()
        assert abs(loss + optimist) > 1e-2  # the maximum for the minimum: refused
        tokens = np.where(counts, gain, 0).sum() / counts.sum()
        assert abs(loss + tokens) > 1e-2  # a mean over tokens: refused


@pytest.mark.parametrize("clip", [None, 0.2])
def test_the_kl_penalty_by_hand(moved, clip):
    b, A, counts, old, new = moved
    d = old - new
    penalty = np.where(counts, np.exp(d) - d - 1, 0).sum(axis=-1).mean()
    plain, _, plain_slope = of_table(new, b, A, old, clip=clip)
    loss, extra, slope = of_table(new, b, A, old, old, clip=clip, kl=0.3)
    assert loss == pytest.approx(plain + 0.3 * penalty, rel=1e-12)
    assert float(extra["kl"]) == pytest.approx(penalty, rel=1e-12)  # before β
    np.testing.assert_allclose(slope, plain_slope + 0.3 * np.where(counts, 1 - np.exp(d), 0) / 15, atol=1e-14)
    reverse = np.where(counts, np.exp(-d) + d - 1, 0).sum(axis=-1).mean()
    assert abs(penalty - reverse) > 1e-3 * penalty  # d the other way round is another penalty


def test_the_kl_penalty_and_its_slope_vanish_at_the_reference(moved):
    b, A, _, old, _ = moved
    loss, extra, slope = of_table(old, b, 0 * A, None, old, kl=2.0)
    assert loss == float(extra["kl"]) == 0
    np.testing.assert_array_equal(slope, 0)


def test_the_kl_estimate_has_the_mean_of_the_kl():
    """E over the policy's own tokens of exp(d) − d − 1 is KL(π‖reference): one token, six words, by enumeration."""
    rng = np.random.default_rng(2)
    π, reference = (x / x.sum() for x in rng.exponential(size=(2, 6)))
    b = Batch(jnp.zeros((1, 1), jnp.int32), jnp.ones(1, jnp.int32), jnp.arange(6, dtype=jnp.int32)[None, :, None],
              jnp.ones((1, 6), jnp.int32))  # fmt: skip
    each = [of_table(np.log(π)[None, :, None], b, np.zeros((1, 6)), None, np.log(reference)[None, :, None], kl=1.0)]
    d = np.log(reference / π)
    assert each[0][0] == pytest.approx((np.exp(d) - d - 1).mean(), rel=1e-12)
    assert π @ (np.exp(d) - d - 1) == pytest.approx(π @ np.log(π / reference), rel=1e-12)


def test_float32_groups_stay_float32_and_close():
    b, _, A = some_groups()
    loss, extra, found = loss_and_gradient(tiny.parameters(), b, A.astype(jnp.float32))
    assert {x.dtype for x in (loss, found, *extra.values())} == {jnp.dtype(jnp.float32)}
    expected = np.asarray(loss_and_gradient(θ, b, A)[2])
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-6 * np.abs(expected).max())  # some 10s of roundings
