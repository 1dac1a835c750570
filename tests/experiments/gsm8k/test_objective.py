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

from curvature.advantages import Estimator
from curvature.estimate import success_std
from curvature.groups import adaptivity
from experiments.gsm8k.objective import (
    RULES,
    Batch,
    Model,
    Rule,
    group_loss,
    likelihood_loss,
    make_rule,
    population_loss,
)
from tests.experiments.gsm8k import tiny

NAN = float("nan")
θ = tiny.parameters(dtype=jnp.float64)
MODEL, BATCH = tiny.model(), tiny.batch()


def flat(tree):
    return np.asarray(ravel_pytree(tree)[0])


@jax.jit
def population_direction(θ, rule):
    gradient, log_p = jax.grad(population_loss, has_aux=True)(θ, MODEL, BATCH, rule)
    return -ravel_pytree(gradient)[0], log_p


def ascent(objective):
    """Gradient of objective(J), J [P] by enumeration."""
    return flat(jax.jit(jax.grad(lambda q: objective(tiny.success(q))))(θ))


# --- exact mode ---------------------------------------------------------------------------------------------------


def test_the_probabilities_of_all_responses_sum_to_1():
    every = tiny.every(BATCH)
    log_π = jax.jit(MODEL.token_log_probabilities)(θ, every).sum(axis=-1)
    np.testing.assert_allclose(jnp.exp(log_π).sum(axis=-1), 1, rtol=1e-12)
    np.testing.assert_allclose(log_π, tiny.log_all(θ), rtol=0, atol=1e-12)
    ended = tiny.strings()[2]
    assert (np.exp(np.asarray(log_π))[:, ~ended].sum(axis=-1) > 0.1).all()  # those cut off are a real share of it
    without_end = Batch(every.prompts, every.lengths, every.responses, every.response_lengths - ended)
    wrong = jax.jit(MODEL.token_log_probabilities)(θ, without_end).sum(axis=-1)
    assert (np.exp(np.asarray(wrong)).sum(axis=-1) > 1.5).all()  # the end token's probability left out: refused


def test_j_and_σ_are_the_mean_and_deviation_of_the_reward():
    p, r = np.exp(np.asarray(tiny.log_all(θ))), tiny.right_rows()
    J = (p * r).sum(axis=1)
    σ = np.sqrt((p * (r - J[:, None]) ** 2).sum(axis=1))
    log_p = MODEL.answer_log_probabilities(θ, BATCH)
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
        (make_rule("none"), jnp.mean),
        (make_rule("group"), lambda J: jnp.mean(2 * jnp.arcsin(jnp.sqrt(J)))),
        (make_rule("power", 1.0), lambda J: jnp.mean(2 * jnp.arcsin(jnp.sqrt(J)))),
        (make_rule("power"), lambda J: jnp.mean(jnp.log(J) - jnp.log1p(-J))),
        (make_rule("power", 0.0), jnp.mean),
    ],
    ids=["none", "group", "power(1)", "power(2)", "power(0)"],
)
def test_t8_each_rule_is_the_gradient_of_its_objective(rule, objective):
    found, log_p = population_direction(θ, rule)
    np.testing.assert_allclose(found, ascent(objective), rtol=0, atol=1e-11 * np.abs(found).max())
    np.testing.assert_allclose(jnp.exp(log_p), tiny.success(θ), rtol=1e-12)
    halved = ascent(lambda J: objective(J) / 2)
    assert np.abs(found - halved).max() > 0.1 * np.abs(found).max()  # the constant is part of the claim


@pytest.mark.parametrize("name", ["batch", "power"])
def test_batch_and_fractional_powers_weigh_enumerated_gradients(name):
    J = np.asarray(tiny.success(θ))
    σ = np.sqrt(J * (1 - J))
    g = jax.jit(jax.jacrev(tiny.success))(θ)
    g = np.concatenate([np.asarray(x).reshape(5, -1) for x in jax.tree.leaves(g)], axis=1)
    weight = {"batch": np.full(5, 1 / σ.mean()), "power": σ**-1.5}[name]
    found, _ = population_direction(θ, make_rule(name, 1.5))
    expected = (weight[:, None] * g).mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())  # float32 exponents: exact
    summed = expected * 5
    assert np.abs(np.asarray(found) - summed).max() > np.abs(expected).max()  # the sum, not the mean: refused


def test_a_direction_is_finite_where_prompts_are_certain_or_hopeless():
    sure = jnp.asarray([0.0, -1e-9, -0.7, -80.0, -1000.0], jnp.float32)
    for name in RULES:
        weights = jnp.exp(sure) * make_rule(name).weights(success_std(sure))
        assert np.isfinite(np.asarray(weights)).all(), name
        if name != "batch":
            assert weights[0] == 0  # σ = 0 exactly: no gradient to scale


def test_rules_by_name():
    assert [(float(make_rule(n).alpha), make_rule(n).shared) for n in RULES] == [
        (0.0, False), (1.0, False), (1.0, True), (2.0, False),
    ]  # fmt: skip
    for bad in ("grpo", "", "None"):
        with pytest.raises(ValueError, match=f"rule is '{bad}'; allowed: none, group, batch, power"):
            make_rule(bad)
    for bad in (-0.1, 8.1, NAN):
        with pytest.raises(ValueError, match=f"alpha is {bad}; allowed: numbers in \\[0, 8\\]"):
            make_rule("power", bad)
    assert make_rule("power", 8.0).alpha == 8
    assert make_rule("power", 0.0).alpha == 0


# --- likelihood ---------------------------------------------------------------------------------------------------


def test_likelihood_is_the_mean_over_the_tokens_of_all_responses():
    log_p = np.log(np.asarray(tiny.success(θ)))
    tokens = np.asarray(BATCH.response_lengths).sum()
    assert tokens == 2 + 3 + 1 + 3 + 2
    np.testing.assert_allclose(likelihood_loss(θ, MODEL, BATCH), -log_p.sum() / tokens, rtol=1e-12)
    a_prompt = -(log_p / np.asarray(BATCH.response_lengths)[:, 0]).mean()
    assert abs(float(likelihood_loss(θ, MODEL, BATCH)) - a_prompt) > 1e-3  # the mean of means is another number


def test_likelihood_of_a_uniform_model_is_log_v():
    uniform = jax.tree.map(jnp.zeros_like, θ)
    np.testing.assert_allclose(likelihood_loss(uniform, MODEL, BATCH), np.log(6), rtol=1e-14)


def test_padding_and_other_responses_do_not_matter():
    changed = Batch(BATCH.prompts, BATCH.lengths, BATCH.responses.at[2, 0, 1:].set(5), BATCH.response_lengths)
    assert float(likelihood_loss(θ, MODEL, changed)) == float(likelihood_loss(θ, MODEL, BATCH))
    more = Batch(
        BATCH.prompts, BATCH.lengths, jnp.tile(BATCH.responses, (1, 2, 1)).at[:, 1].set(4),
        jnp.tile(BATCH.response_lengths, (1, 2)),
    )  # fmt: skip
    np.testing.assert_allclose(likelihood_loss(θ, MODEL, more), likelihood_loss(θ, MODEL, BATCH), rtol=1e-13)


# --- sampled groups -----------------------------------------------------------------------------------------------


def some_groups(G=3):
    rng = np.random.default_rng(0)
    rows, lengths, _ = tiny.strings()
    y = rng.integers(0, len(rows), (5, G))
    b = Batch(BATCH.prompts, BATCH.lengths, jnp.asarray(rows[y]), jnp.asarray(lengths[y]))
    return b, y, jnp.asarray(rng.normal(size=(5, G)))


@partial(jax.jit, static_argnames=("clip", "kl"))
def loss_and_gradient(θ, b, A, old=None, reference=None, clip=None, kl=0.0):
    (loss, extra), gradient = jax.value_and_grad(group_loss, has_aux=True)(
        θ, MODEL, b, A, old, reference, clip=clip, kl=kl
    )
    return loss, extra, ravel_pytree(gradient)[0]


def test_the_gradient_at_ratio_1_is_minus_the_mean_of_advantage_times_score():
    b, y, A = some_groups()
    weight = np.zeros((5, 156))
    np.add.at(weight, (np.arange(5)[:, None], y), np.asarray(A) / 15)
    expected = flat(jax.grad(lambda q: jnp.sum(tiny.log_all(q) * weight))(θ))
    _, extra, found = loss_and_gradient(θ, b, A)
    np.testing.assert_allclose(found, -expected, rtol=0, atol=1e-12)
    _, _, clipped = loss_and_gradient(θ, b, A, clip=0.2)
    np.testing.assert_allclose(clipped, -expected, rtol=0, atol=1e-12)
    _, _, given = loss_and_gradient(θ, b, A, extra["old"], clip=0.2)
    np.testing.assert_allclose(given, -expected, rtol=0, atol=1e-12)
    assert float(extra["clipped"]) == float(extra["kl"]) == 0
    by_length = np.zeros((5, 156))
    np.add.at(by_length, (np.arange(5)[:, None], y), np.asarray(A) / np.asarray(b.response_lengths) / 15)
    wrong = flat(jax.grad(lambda q: jnp.sum(tiny.log_all(q) * by_length))(θ))
    assert np.abs(wrong + np.asarray(found)).max() > 0.1 * np.abs(wrong).max()  # a division by the length: refused


@pytest.mark.parametrize("G", [2, 4])
def test_t12_t13_the_mean_over_all_groups(G):
    """Every group of G of the 13 responses of a 4-word model, weighed by its probability: (G−1)/G · g for REINFORCE,
    b_G(p) times that for GRPO."""
    a = tiny.FOUR_WORDS
    small, q = tiny.model(a), tiny.parameters(a, seed=3, dtype=jnp.float64)
    one = Batch(jnp.asarray([[3, 0]], jnp.int32), jnp.asarray([2], jnp.int32), jnp.asarray([[[3, 1]]], jnp.int32),
                jnp.asarray([[2]], jnp.int32))  # fmt: skip
    rows, lengths, _ = tiny.strings(4, 2)
    all_of = tiny.every(one, 4)
    π = np.exp(np.asarray(small.token_log_probabilities(q, all_of).sum(axis=-1)))[0]
    assert len(π) == 13
    np.testing.assert_allclose(π.sum(), 1, rtol=1e-12)
    right = (rows == [3, 1]).all(axis=1).astype(float)
    p = float(π @ right)
    g = flat(jax.grad(lambda t: jnp.sum(jnp.exp(small.answer_log_probabilities(t, one))))(q))
    groups = np.array(list(product(range(13), repeat=G)))
    chance = π[groups].prod(axis=1)
    np.testing.assert_allclose(chance.sum(), 1, rtol=1e-11)
    n = len(groups)
    b = Batch(jnp.tile(one.prompts, (n, 1)), jnp.tile(one.lengths, n), jnp.asarray(rows[groups]),
              jnp.asarray(lengths[groups]))  # fmt: skip

    @jax.jit
    def mean(t, A):
        loss = group_loss(t, small, b, A, None, None, clip=None, kl=0.0)[0]
        return -loss * n  # the loss is a mean over n groups; A carries each group's probability

    def expected_step(scale):
        A = np.asarray(Estimator(scale=scale)(right[groups])) * chance[:, None]
        return flat(jax.grad(mean)(q, jnp.asarray(A)))

    none, group, b_G = expected_step("none"), expected_step("group"), float(adaptivity(p, G))
    np.testing.assert_allclose(none, (G - 1) / G * g, rtol=0, atol=1e-11 * np.abs(g).max())
    np.testing.assert_allclose(group, b_G * (G - 1) / G * g, rtol=0, atol=1e-11 * np.abs(g).max())
    assert np.abs(none - g).max() > 0.1 * np.abs(g).max()  # without (G−1)/G: refused
    exact = g / np.sqrt(p * (1 - p)) * (G - 1) / G
    assert np.abs(group - exact).max() > 1e-3 * np.abs(exact).max()  # nor is it the exact GRPO


def test_clip_and_kl_are_the_formulas_by_hand():
    b, _, A = some_groups()
    moved = tiny.parameters(seed=1, dtype=jnp.float64)
    moved = jax.tree.map(lambda x, y: 0.7 * x + 0.3 * y, θ, moved)
    new, old = (np.asarray(MODEL.token_log_probabilities(q, b)) for q in (moved, θ))
    counts = np.arange(3) < np.asarray(b.response_lengths)[..., None]
    ρ, advantage = np.exp(new - old), np.asarray(A)[..., None]
    gain, limited = ρ * advantage, np.clip(ρ, 0.8, 1.2) * advantage
    d = old - new
    penalty = np.where(counts, np.exp(d) - d - 1, 0).sum(axis=-1).mean()
    for clip, chosen in ((None, gain), (0.2, np.minimum(gain, limited))):
        for kl in (0.0, 0.3):
            loss, extra, _ = loss_and_gradient(
                moved, b, A, jnp.asarray(old), jnp.asarray(old) if kl else None, clip=clip, kl=kl
            )
            expected = -np.where(counts, chosen, 0).sum(axis=-1).mean() + kl * penalty
            np.testing.assert_allclose(loss, expected, rtol=1e-12)
            np.testing.assert_allclose(extra["kl"], penalty if kl else 0.0, rtol=1e-12)
            share = ((limited < gain) & counts).sum() / counts.sum() if clip else 0
            assert float(extra["clipped"]) == pytest.approx(share, rel=1e-12)
    assert 0.1 < ((limited < gain) & counts).sum() / counts.sum() < 0.9
    np.testing.assert_allclose(extra["old"], new, rtol=0, atol=1e-12)


def test_clipped_tokens_have_no_gradient_and_pessimism_keeps_the_others():
    """One token a response: beyond the clip with A > 0 the gradient is 0; with A < 0 and ρ large it stays."""
    one = BATCH[np.array([2])]  # its right response is the end token alone
    log_π = MODEL.token_log_probabilities(θ, one)
    score = flat(jax.grad(lambda q: MODEL.answer_log_probabilities(q, one)[0])(θ))
    for A, shift, factor in ((1.0, 0.5, 0.0), (-1.0, 0.5, -1.0), (1.0, -0.5, 1.0), (-1.0, -0.5, 0.0)):
        _, _, found = loss_and_gradient(θ, one, jnp.full((1, 1), A), log_π - shift, clip=0.2)
        np.testing.assert_allclose(found, -factor * np.exp(shift) * score, rtol=0, atol=1e-12)


def test_the_kl_penalty_vanishes_at_the_reference_and_its_gradient_with_it():
    b, _, A = some_groups()
    reference = MODEL.token_log_probabilities(θ, b)
    loss, extra, found = loss_and_gradient(θ, b, 0 * A, None, reference, kl=2.0)
    assert float(extra["kl"]) == pytest.approx(0, abs=1e-15)
    np.testing.assert_allclose(found, 0, atol=1e-12)
    assert float(loss) == pytest.approx(0, abs=1e-15)


def test_float32_groups_stay_float32():
    b, _, A = some_groups()
    q = tiny.parameters()
    loss, extra, found = loss_and_gradient(q, b, A.astype(jnp.float32), clip=0.2, kl=0.1, reference=None)
    assert {x.dtype for x in (loss, found, *extra.values())} == {jnp.dtype(jnp.float32)}
    expected = loss_and_gradient(θ, b, A, clip=0.2)[2]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * np.abs(np.asarray(expected)).max())


def test_batches_are_cut_by_rows():
    assert len(BATCH) == 5
    assert BATCH[np.array([3, 0])].lengths.tolist() == [3, 4]
    assert BATCH[slice(1, 3)].responses.shape == (2, 1, 3)
    assert isinstance(Model(tiny.SMALLEST, 2, 1, 0), Model)
    assert Rule(jnp.zeros(())).shared is False
