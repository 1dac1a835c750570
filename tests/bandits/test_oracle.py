"""Group estimates: the expectation by enumeration of all groups, sampling against the expectation, hand-made groups."""

import itertools
from math import factorial, sqrt

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import curvature
from bandits import (
    Exact,
    Expected,
    Oracle,
    Sampled,
    coherent,
    draw_counts,
    from_array,
    locate,
    make_rule,
    problem,
    random_arms,
)
from tests.bandits.counted import estimate

KEY = jax.random.key(0)
RULES = {"none": 0.0, "group": 1.0, "power": 1.5}
SETTINGS = list(itertools.product((0, 1), (0.0, 1e-4, 0.1), (False, True)))


def make_problem(binary: bool = True):
    rng = np.random.default_rng(0)
    correlation = 0.5 * np.eye(3) + 0.5
    rewards = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 1.0]]) if binary else rng.normal(size=(3, 3))
    offsets = np.log([[0.2, 0.5, 0.3], [0.05, 0.15, 0.8], [0.6, 0.3, 0.1]])
    return problem(coherent(correlation, random_arms(3, 3, 2, key=KEY)), offsets, rewards)


PROBLEM = make_problem()
LOCAL = locate(PROBLEM, PROBLEM.offsets)


def one_group(rewards, features, *, alpha, ddof, epsilon, leave_one_out) -> np.ndarray:
    """ĝ/(σ̂ + ε)^α of one group, response by response."""
    G = len(rewards)
    if min(rewards) == max(rewards):
        return 0 * features[0]  # numpy's deviation of equal numbers is not always 0
    if leave_one_out:
        baselines = [(sum(rewards) - r) / (G - 1) for r in rewards]
    else:
        baselines = [sum(rewards) / G] * G
    gradient = sum((r - b) * φ for r, b, φ in zip(rewards, baselines, features, strict=True)) / G
    s = np.std(rewards, ddof=ddof) + epsilon
    return gradient * s**-alpha


def enumerate_groups(made, probabilities, G, **settings) -> np.ndarray:
    """E of the rule's direction, as a sum over all counts of all arms with their multinomial probabilities."""
    φ, r, π = (np.asarray(a) for a in (made.features.dense(), made.rewards, probabilities))
    N, K, d = φ.shape
    total = np.zeros(d)
    for x in range(N):
        for arms in itertools.combinations_with_replacement(range(K), G):
            counts = np.bincount(arms, minlength=K)
            ways = factorial(G) // np.prod([factorial(c) for c in counts])
            weight = ways * np.prod(π[x] ** counts)
            total += weight * one_group(r[x, list(arms)], φ[x, list(arms)], **settings)
    return total


@pytest.mark.parametrize("G", [2, 3, 4])
@pytest.mark.parametrize("rule", RULES)
def test_expected_is_the_sum_over_all_groups(G, rule):
    made_rule = make_rule(rule, PROBLEM.features)
    for ddof, epsilon, leave_one_out in SETTINGS:
        oracle = Expected(G, ddof, epsilon, leave_one_out)
        found = oracle.direction(made_rule, PROBLEM, LOCAL, key=KEY).reshape(-1)
        wanted = enumerate_groups(
            PROBLEM, LOCAL.probabilities, G, alpha=RULES[rule], ddof=ddof, epsilon=epsilon, leave_one_out=leave_one_out
        )
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())


def test_settings_change_the_expectation():
    rule = make_rule("group", PROBLEM.features)
    found = [np.asarray(Expected(4, *s).direction(rule, PROBLEM, LOCAL, key=KEY)).ravel() for s in SETTINGS]
    for a, b in itertools.combinations(found, 2):
        assert np.abs(a - b).max() > 1e-5


@pytest.mark.parametrize("G", [2, 5, 16])
def test_group_over_none_is_the_adaptivity(G):
    # T13, prompt by prompt: orthogonal spans keep the prompts apart in Θ's rows
    made = problem(coherent(None, PROBLEM.features.arms), PROBLEM.offsets, PROBLEM.rewards)
    local = locate(made, made.offsets)
    group, none = (Expected(G).direction(make_rule(n, made.features), made, local, key=KEY) for n in ("group", "none"))
    b = curvature.adaptivity(local.value, G)
    np.testing.assert_allclose(group, b[:, None] * none, rtol=1e-11)
    low, high = curvature.adaptivity_window(G)
    assert (b >= low - 1e-12).all()
    assert (b <= high + 1e-12).all()
    assert b.max() > 1.05 * low or G == 2  # a window of 2 alone would be too narrow
    exact = Exact().direction(make_rule("none", made.features), made, local, key=KEY)
    np.testing.assert_allclose(none, exact * (G - 1) / G, rtol=1e-11)
    # a leave-one-out baseline undoes the shrinkage
    unbiased = Expected(G, leave_one_out=True).direction(make_rule("none", made.features), made, local, key=KEY)
    np.testing.assert_allclose(unbiased, exact, rtol=1e-11)


def within_four_errors(samples, wanted) -> bool:
    samples = np.asarray(samples).reshape(len(samples), -1)
    error = samples.std(axis=0, ddof=1) / sqrt(len(samples))
    return bool((np.abs(samples.mean(axis=0) - np.asarray(wanted).reshape(-1)) <= 4 * error).all())


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("G", "setting"), [(2, (0, 0.0, False)), (3, (1, 1e-4, False)), (4, (0, 0.0, True))])
def test_sampled_has_the_expected_mean(rule, G, setting):
    made_rule = make_rule(rule, PROBLEM.features)
    keys = jax.random.split(jax.random.key(1), 20_000)
    oracle = Sampled(G, *setting)
    samples = jax.jit(jax.vmap(lambda key: oracle.direction(made_rule, PROBLEM, LOCAL, key=key)))(keys)
    wanted = Expected(G, *setting).direction(made_rule, PROBLEM, LOCAL, key=KEY)
    assert within_four_errors(samples, wanted)
    assert not within_four_errors(samples, 1.1 * wanted)  # the check sees a tenth


def test_sampled_real_rewards_have_the_enumerated_mean():
    made = make_problem(binary=False)
    local = locate(made, made.offsets)
    keys = jax.random.split(jax.random.key(2), 40_000)
    for rule in ("none", "group"):
        made_rule = make_rule(rule, made.features)
        samples = jax.jit(jax.vmap(lambda key, rule=made_rule: Sampled(3).direction(rule, made, local, key=key)))(keys)
        settings = {"alpha": RULES[rule], "ddof": 0, "epsilon": 0.0, "leave_one_out": False}
        wanted = enumerate_groups(made, local.probabilities, 3, **settings)
        assert within_four_errors(samples, wanted)
        assert not within_four_errors(samples, 1.1 * wanted)


def test_estimate_of_hand_made_groups():
    # G = 4, rewards 1, 1, 1, 0 (arms 0, 0, 0, 1), and 0.5, 0.5, 2, 2 (arms 0, 0, 2, 2)
    counts = jnp.array([[3.0, 1.0, 0.0], [2.0, 0.0, 2.0]])
    rewards = jnp.array([[1.0, 0.0, 0.0], [0.5, 7.0, 2.0]])
    coefficients, s = estimate(Sampled(4, ddof=1, epsilon=1e-4), counts, rewards)  # as TRL
    np.testing.assert_allclose(coefficients, [[3 / 16, -3 / 16, 0], [-0.375, 0, 0.375]], rtol=1e-14)
    np.testing.assert_allclose(s, [0.5 + 1e-4, sqrt(0.75) + 1e-4], rtol=1e-14)
    _, population = estimate(Sampled(4), counts, rewards)
    np.testing.assert_allclose(population, [sqrt(3) / 4, 0.75], rtol=1e-14)
    larger, _ = estimate(Sampled(4, leave_one_out=True), counts, rewards)
    np.testing.assert_allclose(larger, np.asarray(coefficients) * 4 / 3, rtol=1e-14)
    # advantage of the first group's right answers: (1 − 3/4)/(0.5 + 1e-4), for 3 of 4 responses
    np.testing.assert_allclose(coefficients[0, 0] / s[0], 0.75 * 0.25 / 0.5001, rtol=1e-14)


@pytest.mark.parametrize("G", [3, 5, 7, 16])
def test_groups_of_equal_rewards_count_as_nothing(G):
    # G r / G is not r in floating point for about a tenth of all r: without care σ̂ = 1e-17 and ĝ/σ̂ = ±1
    r = np.random.default_rng(G).normal(size=300)
    rewards = jnp.asarray(np.stack([r, np.random.default_rng(0).normal(size=300), r], axis=1))
    counts = jnp.asarray(np.tile([G - 1.0, 0.0, 1.0], (300, 1)))  # two arms that pay the same
    coefficients, s = estimate(Sampled(G), counts, rewards)
    np.testing.assert_array_equal(coefficients, 0)
    np.testing.assert_array_equal(s, 0)
    _, with_epsilon = estimate(Sampled(G, epsilon=0.5), counts, rewards)
    np.testing.assert_array_equal(with_epsilon, 0.5)


def test_counts_sum_to_the_group_and_follow_the_probabilities():
    π = jnp.array([[0.1, 0.2, 0.7, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.25, 0.25, 0.5]])
    keys = jax.random.split(KEY, 4000)
    counts = np.asarray(jax.jit(jax.vmap(lambda key: draw_counts(π, 6, key=key)))(keys))
    assert counts.shape == (4000, 3, 4)
    assert (counts.sum(axis=-1) == 6).all()
    assert (counts >= 0).all()
    assert (counts[..., np.asarray(π) == 0] == 0).all()
    error = np.sqrt(6 * π * (1 - π) / 4000)
    assert (np.abs(counts.mean(axis=0) - 6 * π) <= 4 * error + 1e-12).all()
    covariance = np.cov(counts[:, 2].T)
    wanted = 6 * (np.diag(π[2]) - np.outer(π[2], π[2]))
    np.testing.assert_allclose(covariance, wanted, atol=0.15)  # 4 errors of 4000 products: about 4 · 2/√4000
    across = np.corrcoef(counts[:, 0, 2], counts[:, 2, 3])[0, 1]
    assert abs(across) < 4 / sqrt(4000)  # prompts are independent


def test_rounded_distribution_functions_lose_no_draw():
    π = jax.nn.softmax(jax.random.normal(KEY, (50, 999)), axis=-1) * (1 - 1e-7)  # sums to less than 1
    assert (draw_counts(π, 64, key=KEY).sum(axis=-1) == 64).all()


def test_exact_is_the_rule_on_exact_moments():
    gradients = jax.vmap(lambda z, φ, r: curvature.moments(z, φ, r, hessian=False))(
        LOCAL.logits, PROBLEM.features.dense(), PROBLEM.rewards
    )
    found = Exact().direction(make_rule("group", PROBLEM.features), PROBLEM, LOCAL, key=KEY)
    wanted = (np.asarray(gradients.gradient) / np.asarray(gradients.std)[:, None]).sum(axis=0)
    np.testing.assert_allclose(found.reshape(-1), wanted, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Sampled(1), "group_size is 1"),
        (lambda: Sampled(4, ddof=2), "ddof is 2"),
        (lambda: Sampled(4, epsilon=-1e-4), "epsilon contains -0.0001"),
        (lambda: Expected(4, epsilon=float("inf")), "epsilon contains inf"),
        (
            lambda: Expected(4).validate(make_rule("batch", PROBLEM.features), PROBLEM),
            "rule is batch; allowed with expected groups: none, group, power and others",
        ),
        (lambda: Expected(4).validate(make_rule("decoupled", PROBLEM.features), PROBLEM), "rule is decoupled"),
        (
            lambda: Expected(4).validate(make_rule("group", PROBLEM.features), make_problem(binary=False)),
            "rewards are not all 0 or 1",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_allowed_passes():
    for rule in RULES:
        Expected(4).validate(make_rule(rule, PROBLEM.features), PROBLEM)
    for rule in ("batch", "decoupled"):
        Sampled(4).validate(make_rule(rule, PROBLEM.features), make_problem(binary=False))
        direction = Sampled(4).direction(make_rule(rule, PROBLEM.features), PROBLEM, LOCAL, key=KEY)
        assert np.isfinite(direction).all()
    with pytest.raises(TypeError, match="abstract"):
        Oracle()


def test_expected_leaves_from_array_features_alone():
    made = problem(from_array(PROBLEM.features.dense()), PROBLEM.offsets, PROBLEM.rewards)
    rule = make_rule("group", made.features)
    found = Expected(4).direction(rule, made, locate(made, made.offsets), key=KEY)
    wanted = Expected(4).direction(make_rule("group", PROBLEM.features), PROBLEM, LOCAL, key=KEY)
    np.testing.assert_allclose(found.reshape(-1), wanted.reshape(-1), rtol=1e-12)
