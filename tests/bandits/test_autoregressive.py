"""Token-level policies against all responses written out, sampled groups against their mean, runs that certify."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bandits import (
    Certified,
    Exact,
    Expected,
    Local,
    Sampled,
    Softmax,
    coherent,
    draw_labels,
    equicorrelation,
    from_array,
    from_pass_rates,
    kl_limited,
    locate,
    make_rule,
    problem,
    run,
    simplex_arms,
)
from bandits.autoregressive import Autoregressive, sequence_problem
from bandits.enumeration import enumerate_responses, unrolled

KEY = jax.random.key(0)
N, S, V, H, M = 3, 3, 3, 4, 4
"""Prompts, states, tokens, length, dimensions of the arms: 81 responses."""


@cache
def made():
    """A problem of three prompts whose spans overlap, two of whose tokens are absent, with a terminal reward."""
    rng = np.random.default_rng(0)
    policy = Autoregressive(rng.integers(0, S, (S, V)), H, rng.normal(size=S))
    features = coherent(equicorrelation(N, 0.4), rng.normal(size=(N, S * V, M)))
    offsets = rng.normal(size=(N, S * V))
    offsets[0, 0] = offsets[2, S * V - 1] = -np.inf
    return problem(features, offsets, rng.normal(size=(N, S * V)), policy=policy)


def written_out(p, x, change=0.0):
    """All responses of prompt x."""
    table = (S, V)
    φ = np.asarray(p.features.dense()[x]).reshape(*table, -1)
    z = np.asarray(p.offsets + change)[x].reshape(table)
    r = np.asarray(p.rewards[x]).reshape(table)
    return enumerate_responses(z, r, p.policy.transitions, H, φ, p.policy.terminal)


def test_everything_exact_is_that_of_the_responses_written_out():
    p = made()

    @jax.jit
    def quantities(p, Θ):
        local, change = locate(p, p.offsets), p.features.logits(Θ)
        w, moved = p.policy.width(change), locate(p, p.offsets + change).value
        kl = jax.jvp(lambda s: p.policy.kl_divergence(local, s * change), (1.0,), (1.0,))
        bend = jax.hessian(lambda s: p.policy.kl_divergence(local, s * change))(0.0), p.policy.variance(local, change)
        along = p.policy.kl_along(local, change)(jnp.asarray(1.0))
        a = p.features.contract(local.coefficients)
        norms, gathered = jnp.sqrt(p.features.squared_norms(a)), p.features.gather(a).ravel()
        return local, change, w, moved, p.policy.remainder_bound(local.std, w), kl, along, bend, norms, gathered

    found = quantities(p, jax.random.normal(KEY, p.features.shape))
    local, change, w, moved, bound, (kl, slope), along, bend, norms, gathered = jax.tree.map(np.asarray, found)
    assert (np.abs(moved - local.value - np.sum(local.coefficients * change, axis=1)) <= bound).all()
    np.testing.assert_allclose(along, (kl, slope), rtol=1e-12)
    np.testing.assert_allclose(*bend, rtol=1e-12)
    total = 0.0
    for x in range(N):
        y, after = written_out(p, x), written_out(p, x, change)
        m = y.moments()
        np.testing.assert_allclose(local.value[x], m.value, rtol=1e-13)
        np.testing.assert_allclose(local.std[x], m.std, rtol=1e-13)
        np.testing.assert_allclose(norms[x], np.linalg.norm(m.gradient), rtol=1e-12)
        np.testing.assert_allclose(moved[x], after.moments().value, rtol=1e-12)
        drawn = y.probabilities > 0
        ratio = y.log_probabilities[drawn] - after.log_probabilities[drawn]
        np.testing.assert_allclose(kl[x], y.probabilities[drawn] @ ratio, rtol=1e-11)
        np.testing.assert_allclose(local.occupancy[x], np.bincount(y.states.ravel(), np.repeat(y.probabilities, H), S))
        np.testing.assert_allclose(w[x], np.ptp(np.asarray(change[x]).reshape(S, V), axis=1).max(), rtol=1e-14)
        total = total + m.gradient
    np.testing.assert_allclose(gathered, total, rtol=0, atol=1e-12)


def test_width_and_diameter_look_at_reachable_states_and_at_one_state_at_a_time():
    arms = np.array([[[0.0], [1.0], [10.0], [12.0], [50.0], [90.0]]])  # the states' tokens are 1, 2 and 40 apart
    features = coherent(np.eye(1), arms)
    τ = [[0, 1], [1, 2], [2, 2]]
    for length, wanted in ((1, 1), (2, 2), (3, 40)):
        policy = Autoregressive(τ, length)
        assert float(policy.diameters(features)[0]) == wanted
        assert float(policy.diameters(from_array(arms))[0]) == wanted
        assert float(policy.width(jnp.asarray(arms[..., 0]))[0]) == wanted
    assert float(Softmax().diameters(features)[0]) == 90  # of one choice among all


def test_diameters_of_learnt_features_come_from_their_written_out_form():
    from bandits.bilinear import log_bilinear

    rng = np.random.default_rng(1)
    features = log_bilinear(rng.normal(size=(2, 3)), rng.normal(size=(3, 2)), rng.normal(size=(4, 2)))
    φ = np.asarray(features.dense()).reshape(2, 2, 2, -1)
    wanted = np.linalg.norm(φ[:, :, 0] - φ[:, :, 1], axis=-1).max(axis=1)
    np.testing.assert_allclose(Autoregressive([[0, 1], [1, 0]], 2).diameters(features), wanted, rtol=1e-12)


def test_best_values_are_those_of_the_best_response_that_is_present():
    p = made()
    for x, found in enumerate(p.best_values()):
        y = written_out(p, x)
        assert float(found) == pytest.approx(y.rewards[y.probabilities > 0].max(), rel=1e-14)
    assert written_out(p, 0).rewards.max() > float(p.best_values()[0]) + 0.1  # an absent token is in the best of all


@pytest.mark.parametrize(
    ("transitions", "horizon", "terminal", "rewards", "wanted"),
    [
        ([[0, 1], [1, 1]], 5, [1.0, 0.0], [0, 0, 0, 0], True),
        ([[0, 1], [1, 1]], 5, [1.0, 0.5], [0, 0, 0, 0], False),
        ([[0, 0]], 1, None, [0, 1], True),
        ([[0, 0]], 2, None, [0, 1], False),
        ([[0, 0]], 2, None, [0.5, 0.5], True),
        ([[0, 0]], 2, None, [0, 0.5], False),  # 0, ½ and 1: the ends alone would pass
        ([[1, 1], [2, 2], [0, 0]], 2, None, [0, 1, 0, 0, 3, 4], True),  # state 2 is never drawn from
        ([[1, 1], [2, 2], [0, 0]], 3, None, [0, 1, 0, 0, 3, 4], False),
        ([[0, 1], [2, 2], [2, 2]], 3, None, [-1, 0, 1, 1, 0, 0], False),
        (unrolled(2, 3).tolist(), 3, None, [0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 1], True),
    ],
)
def test_binary_rewards_are_recognised(transitions, horizon, terminal, rewards, wanted):
    policy = Autoregressive(transitions, horizon, terminal)
    assert policy.is_binary(jnp.asarray([rewards], float)) is wanted
    z = np.zeros(np.shape(transitions))
    y = enumerate_responses(z, np.reshape(np.asarray(rewards, float), z.shape), transitions, horizon, None, terminal)
    assert np.isin(y.rewards, (0, 1)).all() == wanted
    assert not policy.is_binary(jnp.asarray([rewards, [0.25] * len(rewards)]))  # one prompt of two is not enough


# --- sampled groups -----------------------------------------------------------------------------------------------


def group(policy, local, rewards, group_size, ddof):
    return policy.group_estimate(local, rewards, group_size, ddof, key=KEY)


def test_a_group_is_what_its_responses_say():
    p = made()
    local = locate(p, p.offsets)
    G = 5
    one_group = jax.jit(lambda: (p.policy._draw(local, p.rewards, G, KEY), group(p.policy, local, p.rewards, G, 1)))
    (steps, rewards, _), found = one_group()
    for x in range(N):
        y = written_out(p, x)
        z, r = np.asarray(p.offsets[x]).reshape(S, V), np.asarray(p.rewards[x]).reshape(S, V)
        table = enumerate_responses(z, r, p.policy.transitions, H, None, p.policy.terminal)
        drawn = (np.asarray(steps[:, x]) % V).T @ V ** np.arange(H)[::-1]  # lexicographic number of each response
        np.testing.assert_array_equal(np.asarray(steps[:, x]) // V, y.states[drawn].T)
        assert (y.probabilities[drawn] > 0).all()
        np.testing.assert_allclose(rewards[x], y.rewards[drawn], rtol=1e-13)
        centred = y.rewards[drawn] - y.rewards[drawn].mean()
        np.testing.assert_allclose(found.coefficients[x], centred @ table.scores[drawn] / G, rtol=0, atol=1e-14)
        np.testing.assert_allclose(found.scores[x], table.scores[drawn].mean(axis=0), rtol=0, atol=1e-14)
        np.testing.assert_allclose(found.mean[x], y.rewards[drawn].mean(), rtol=1e-12)
        np.testing.assert_allclose(found.std[x], y.rewards[drawn].std(ddof=1), rtol=1e-12)


def test_groups_are_drawn_from_the_policy_and_their_mean_is_the_gradient():
    p = made()
    many, G = 20_000, 3
    local = locate(p, p.offsets)
    copies = jax.tree.map(lambda leaf: jnp.repeat(leaf[:1], many, axis=0), local)
    rewards = jnp.repeat(p.rewards[:1], many, axis=0)
    draws = jax.jit(lambda: (p.policy._draw(copies, rewards, G, KEY), group(p.policy, copies, rewards, G, 0)))
    (steps, _, _), found = draws()
    coefficients, std = found.coefficients, found.std
    index = np.tensordot(V ** np.arange(H)[::-1], np.asarray(steps) % V, axes=1).ravel()
    π = written_out(p, 0).probabilities
    counts = np.bincount(index, minlength=V**H)
    assert (counts[π == 0] == 0).all()
    expected = many * G * π[π > 0]
    χ2 = np.sum((counts[π > 0] - expected) ** 2 / expected)
    freedom = (π > 0).sum() - 1
    assert abs(χ2 - freedom) < 4 * np.sqrt(
        2 * freedom + np.sum(1 / expected)
    )  # mean and variance of Pearson's statistic
    wanted = (G - 1) / G * local.coefficients[0]  # the group's mean is a baseline that leans on the response itself
    error = np.asarray(coefficients).std(axis=0) / np.sqrt(many)
    assert (np.abs(coefficients.mean(axis=0) - wanted) <= 4 * error + 1e-15).all()
    assert (np.abs(coefficients.mean(axis=0) - local.coefficients[0]) > 4 * error).any()  # without (G − 1)/G: refused
    variances = np.asarray(std) ** 2
    wanted = (G - 1) / G * float(local.std[0]) ** 2
    assert abs(variances.mean() - wanted) <= 4 * variances.std() / np.sqrt(many)


def test_expected_groups_are_the_mean_of_sampled_ones():
    p = sequence_problem([0.2, 0.6], horizon=3, num_tokens=2, coherence=0.5, key=KEY)
    rule, local, keys = make_rule("group", p.features), locate(p, p.offsets), jax.random.split(KEY, 20_000)
    draws = jax.jit(jax.vmap(lambda key: Sampled(3).direction(rule, p, local, key=key)))(keys)
    expected = Expected(3).direction(rule, p, local, key=KEY)
    error = draws.std(axis=0) / np.sqrt(len(keys))
    assert (jnp.abs(draws.mean(axis=0) - expected) <= 4 * error).all()
    assert (jnp.abs(draws.mean(axis=0) - Exact().direction(rule, p, local, key=KEY)) > 4 * error).any()


def test_groups_that_pay_alike_have_no_deviation_at_all():
    rng = np.random.default_rng(2)
    τ, potential = rng.integers(0, S, (S, V)), rng.normal(size=S)
    policy = Autoregressive(τ, H, -potential)
    rewards = jnp.asarray(
        (potential[τ] - potential[:, None] + 0.1).reshape(1, -1)
    )  # 0.4 − potential(0), but for rounding
    z = jnp.asarray(rng.normal(size=(1, S * V)))
    many = jnp.repeat(z, 50, axis=0)

    @jax.jit
    def groups(rewards):
        repeated = jnp.repeat(rewards, 50, axis=0)
        local = policy.locate(many, repeated)
        drawn = group(policy, local, repeated, 8, 0)
        return policy._draw(local, repeated, 8, KEY)[1], drawn.coefficients, drawn.std

    paid, coefficients, std = groups(rewards)
    assert np.ptp(paid) > 0
    np.testing.assert_array_equal(std, 0)
    np.testing.assert_array_equal(coefficients, 0)
    assert float(groups(rewards.at[:, 0].add(1e-12))[2].max()) > 1e-13  # little, but no rounding


# --- problems and runs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reward", "coherence"), [("all", 0.5), ("fraction", 0.0)])
def test_a_problem_starts_at_its_pass_rates(reward, coherence):
    p = jnp.array([1e-6, 0.03, 0.5, 1 - 1e-9])
    q = p ** (1 / 7) if reward == "all" else p
    made = sequence_problem(
        p, horizon=7, num_tokens=4, coherence=coherence, reward=reward, diameter=2.0, key=jax.random.key(3)
    )

    @jax.jit
    def at_the_start(made):
        local = locate(made, made.offsets)
        return (
            local,
            made.best_values(),
            jnp.sqrt(made.features.squared_norms(made.features.contract(local.coefficients))),
        )

    local, best, norms = at_the_start(made)
    np.testing.assert_allclose(local.value, p, rtol=1e-13)
    variance = p * (1 - p) / (1 if reward == "all" else 7)
    np.testing.assert_allclose(local.std, jnp.sqrt(variance), rtol=1e-7)  # 1 − p keeps seven digits of 1e-9
    np.testing.assert_allclose(best, 1, rtol=1e-15)  # 7 · 1/7
    assert made.policy.is_binary(made.rewards) == (reward == "all")
    np.testing.assert_allclose(made.policy.diameters(made.features), 2.0, rtol=1e-14)
    assert float(made.diameter) == 2
    # ∂J/∂θ of a prompt: the right token's corner against the mean of the wrong ones, at distance D √(V/(2(V−1)))
    slope = 7 * p * (1 - q) if reward == "all" else q * (1 - q)
    np.testing.assert_allclose(norms, slope * 2 * jnp.sqrt(4 / 6), rtol=1e-6)  # 1 − q loses digits here, not there
    assert (made.features.embedding is None) == (coherence == 0)
    # labels are in the features: token 0 stands for the label's corner, the wrong tokens for the others, each once
    corners, arms = 2 * np.asarray(simplex_arms(4)), np.asarray(made.features.arms)
    labels = np.asarray(draw_labels(4, 4, key=jax.random.key(3)))
    assert np.ptp(labels) > 0
    np.testing.assert_allclose(arms[:, 0], corners[labels], rtol=1e-14)
    np.testing.assert_allclose(np.sort(arms[:, :4], axis=1), np.sort([corners] * 4, axis=1), rtol=0, atol=1e-15)
    np.testing.assert_array_equal(arms[:, 4:], 0)


def test_one_token_is_the_problem_of_one_softmax():
    p = jnp.array([0.1, 0.5, 0.7])
    one = sequence_problem(p, horizon=1, num_tokens=5, coherence=1.0, conflict=0.0, key=KEY)
    arms = from_pass_rates(p, num_arms=5, coherence=1.0, conflict=0.0, key=KEY)

    def numbers(made):
        local = locate(made, made.offsets)
        a = made.features.contract(local.coefficients)
        change = made.features.move(made.features.gather(a)).linear
        slopes, w = jnp.sum(local.coefficients * change, axis=1), made.policy.width(change)
        kl, remainder = made.policy.kl_divergence(local, change), made.policy.remainder_bound(local.std, w)
        step = made.policy.best_step(slopes, local.std, w)
        return local.value, local.std, jnp.sqrt(made.features.squared_norms(a)), w, kl, remainder, step

    np.testing.assert_array_equal(one.features.arms, jnp.broadcast_to(one.features.arms[:1], one.features.arms.shape))
    for found, wanted in zip(jax.jit(numbers)(one), jax.jit(numbers)(arms), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-13)


def test_a_certified_run_of_sampled_groups_gains_what_it_promises():
    made = sequence_problem([0.05, 0.3, 0.6], horizon=5, num_tokens=3, coherence=0.6, key=jax.random.key(1))
    row = run(made, make_rule("group", made.features), Certified(), 40, key=KEY, oracle=Sampled(4)).trajectory
    assert (row.gain >= row.certificate).all()
    assert float(jnp.mean(row.certificate > 0)) > 0.5
    assert float(row.value[-1]) > float(row.value[0]) + 0.05


def test_certified_by_log_odds_is_refused():
    made = sequence_problem([0.3, 0.6], horizon=3, num_tokens=3, key=KEY)
    with pytest.raises(ValueError, match=r"step_size is Certified\(right_or_wrong=True\); allowed with sequences"):
        run(made, make_rule("none", made.features), Certified(right_or_wrong=True), 1, key=KEY)


def test_a_remainder_without_its_length_is_refused():
    # T3's own remainder, which certifies a single choice, does not certify five
    made = sequence_problem([0.001, 0.002, 0.004], horizon=5, num_tokens=3, key=KEY)
    local, w = locate(made, made.offsets), jnp.ones(3)
    change = jnp.zeros((3, 6)).at[:, 0].set(1.0)  # towards the right token
    remainder = locate(made, made.offsets + change).value - local.value - jnp.sum(local.coefficients * change, axis=1)
    assert (Softmax().remainder_bound(local.std, w) < remainder).all()
    assert (remainder < made.policy.remainder_bound(local.std, w)).all()


def test_the_best_step_maximises_the_certified_gain():
    made = sequence_problem([0.05, 0.3, 0.6], horizon=5, num_tokens=3, coherence=0.6, key=jax.random.key(1))
    local = locate(made, made.offsets)
    direction = made.features.gather(made.features.contract(local.coefficients))
    change = made.features.move(direction).linear
    slopes, w = jnp.sum(local.coefficients * change, axis=1), made.policy.width(change)
    s = float(made.policy.best_step(slopes, local.std, w))

    def certified(s):
        return float(jnp.sum(s * slopes - made.policy.remainder_bound(local.std, s * w)))

    assert certified(s) > 0
    grid = s * np.linspace(0, 3, 31)
    assert max(map(certified, grid)) <= certified(s) * (1 + 1e-12)
    assert certified(0.9 * s) < certified(s) > certified(1.1 * s)


def test_a_limit_on_the_divergence_binds():
    made = sequence_problem([0.05, 0.3, 0.6], horizon=5, num_tokens=3, coherence=0.6, key=jax.random.key(1))

    @jax.jit
    def divergence():
        local = locate(made, made.offsets)
        move = made.features.move(made.features.gather(made.features.contract(local.coefficients)))
        step = kl_limited(50.0, 0.02).multiple(local, move, made.policy)
        return jnp.mean(made.policy.kl_divergence(local, move.at(step)))

    assert 0.02 * (1 - 1e-6) < float(divergence()) <= 0.02 * (1 + 1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Autoregressive([[0, 2]], 2), "transitions contains 2; allowed: states 0 to 0"),
        (lambda: Autoregressive([[0, 0]], 0), "horizon is 0; allowed: an integer of at least 1"),
        (lambda: Autoregressive([[0, 0]], 2, [0.0, 1.0]), r"terminal has shape \(2,\); allowed: \(1,\)"),
        (lambda: Autoregressive([[0, 0]], 2, [float("nan")]), "terminal contains nan; allowed: finite numbers"),
        (lambda: sequence_problem([0.0], horizon=2, key=KEY), "pass_rates contains 0"),
        (lambda: sequence_problem([1.0], horizon=2, key=KEY), "pass_rates contains 1"),
        (lambda: sequence_problem(0.5, horizon=2, key=KEY), "pass_rates has shape"),
        (lambda: sequence_problem([0.5], horizon=0, key=KEY), "horizon is 0; allowed"),
        (lambda: sequence_problem([0.5], horizon=2, num_tokens=1, key=KEY), "num_arms is 1"),
        (lambda: sequence_problem([0.5], horizon=2, coherence=2.0, key=KEY), "coherence contains 2"),
        (lambda: sequence_problem([0.5], horizon=2, conflict=-1.0, key=KEY), "conflict contains -1"),
        (lambda: sequence_problem([0.5], horizon=2, reward="some", key=KEY), "reward is 'some'; allowed: 'all' or"),
        (lambda: sequence_problem([0.5], horizon=2, diameter=0.0, key=KEY), "diameter contains 0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_kl_needs_the_visits():
    p = made()
    flat, each = jnp.zeros((N, S * V)), jnp.zeros(N)
    bare = Local(flat, flat, each, each, flat)
    with pytest.raises(ValueError, match="local has no occupancy; allowed: the result of this policy's locate"):
        p.policy.kl_divergence(bare, flat)
