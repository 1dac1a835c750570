"""Rules as weights: sampled groups against advantages written out answer by answer, expected ones by enumeration."""

import itertools
import math
from math import comb

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bandits import (
    Certified,
    Exact,
    Expected,
    Sampled,
    Weight,
    coherent,
    constant,
    equicorrelation,
    locate,
    make_rule,
    problem,
    random_arms,
    run,
)
from bandits.weight import Monomial
from curvature.rule import REWEIGHING, parse
from tests.bandits.counted import Given

KEY = jax.random.key(0)
ALONE = ("none", "group", "power(2)", "maxrl", "focal(0.5)", "focal(2)", "pass(4)", "leave_one_out")
"""Rules whose advantages come from one group."""
MONOMIALS = ("maxrl", "focal(0.5)", "focal(2)", "pass(1)", "pass(4)")
SETTINGS = list(itertools.product((0, 1), (0.0, 1e-4, 0.1)))
N, K = 3, 3
FEATURES = coherent(equicorrelation(N, 0.5), random_arms(N, K, 2, key=KEY))
REWARDS = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 1.0]])
OFFSETS = np.log([[0.2, 0.5, 0.3], [0.05, 0.15, 0.8], [0.6, 0.3, 0.1]])
PROBLEM = problem(FEATURES, OFFSETS, REWARDS)
LOCAL = locate(PROBLEM, PROBLEM.offsets)
φ, π = np.asarray(FEATURES.dense()), np.exp(OFFSETS)
SCORES = φ - np.einsum("nk,nkd->nd", π, φ)[:, None]
"""[N, K, d] ∇log π(y|x)."""


def advantages(rule: str, rewards: np.ndarray, ddof: int, epsilon: float) -> np.ndarray:
    """Of the answers of one group, from each rule's paper or source; 0 where rewards are all equal."""
    G, mean = len(rewards), rewards.mean()
    if rewards.min() == rewards.max():
        return np.zeros(G)
    centred, s = rewards - mean, rewards.std(ddof=ddof) + epsilon
    if rule == "leave_one_out":
        found = []
        for i in range(G):
            others = np.delete(rewards, i)
            deviation = others.std(ddof=ddof) if 1 + ddof < G else 0.0
            found.append((rewards[i] - others.mean()) / (deviation + epsilon if deviation > 0 else 1))
        return np.array(found)
    return {
        "none": centred,
        "group": centred / s,
        "power(2)": centred / s**2,
        "maxrl": centred / mean,
        "focal(0.5)": np.sqrt(1 - mean) * centred / s,
        "focal(2)": (1 - mean) ** 2 * centred / s,
        "pass(4)": 4 * (1 - mean) ** 3 * centred,
    }[rule]


def of_groups(name: str, arms: np.ndarray, ddof: int = 0, epsilon: float = 0.0, leave_one_out: bool = False):
    """The direction that `Sampled` makes of groups of given arms [N, G]."""
    G = arms.shape[1]
    counts = jnp.asarray([np.bincount(a, minlength=K) for a in arms], float)
    given = problem(FEATURES, OFFSETS, REWARDS, policy=Given(counts))
    oracle = Sampled(G, ddof, epsilon, leave_one_out)
    rule = make_rule(name, FEATURES, group_size=G, ddof=ddof, epsilon=epsilon)
    oracle.validate(rule, given)
    return np.asarray(oracle.direction(rule, given, LOCAL, key=KEY)).ravel()


# answers of three prompts: one, two and all of five are right; one, four and none
DRAWN = [
    np.array([[0, 1, 2, 2, 1], [1, 0, 2, 0, 0], [2, 2, 2, 2, 2]]),
    np.array([[1, 1, 0, 2, 1], [1, 2, 2, 0, 1], [0, 1, 1, 0, 0]]),
]


@pytest.mark.parametrize("rule", ALONE)
@pytest.mark.parametrize("arms", DRAWN)
def test_a_group_is_the_sum_of_its_answers(rule: str, arms: np.ndarray) -> None:
    for ddof, epsilon in SETTINGS:
        wanted = np.zeros(φ.shape[2])
        for x, group in enumerate(arms):
            A = advantages(rule, REWARDS[x, group], ddof, epsilon)
            wanted += A @ SCORES[x, group] / len(group)
        np.testing.assert_allclose(of_groups(rule, arms, ddof, epsilon), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("arms", DRAWN)
def test_rloo_is_none_with_the_baseline_of_the_others(arms: np.ndarray) -> None:
    wanted = np.zeros(φ.shape[2])
    for x, group in enumerate(arms):
        r = REWARDS[x, group]
        A = np.array([r[i] - np.delete(r, i).mean() for i in range(len(r))])
        wanted += A @ SCORES[x, group] / len(r)
    np.testing.assert_allclose(of_groups("none", arms, leave_one_out=True), wanted, rtol=0, atol=1e-13)


@pytest.mark.parametrize("arms", DRAWN)
@pytest.mark.parametrize("rule", ["batch", "pooled"])
def test_rules_of_the_batch_divide_by_its_deviation(rule: str, arms: np.ndarray) -> None:
    rewards = np.take_along_axis(REWARDS, arms, axis=1)
    for ddof, epsilon in SETTINGS:
        mean = rewards.std(axis=1, ddof=ddof).mean()
        deviation = (mean if rule == "batch" else rewards.std(ddof=ddof)) + epsilon
        A = (rewards - rewards.mean(axis=1, keepdims=True)) / deviation
        wanted = sum(A[x] @ SCORES[x, group] / len(group) for x, group in enumerate(arms))
        np.testing.assert_allclose(of_groups(rule, arms, ddof, epsilon), wanted, rtol=0, atol=1e-13)


def enumerated(rule: str, G: int, ddof: int, epsilon: float) -> np.ndarray:
    """E of the direction: every sequence of G answers of every prompt, with its probability."""
    total = np.zeros(φ.shape[2])
    for x, group in itertools.product(range(N), itertools.product(range(K), repeat=G)):
        arms = list(group)
        total += np.prod(π[x, arms]) * (advantages(rule, REWARDS[x, arms], ddof, epsilon) @ SCORES[x, arms]) / G
    return total


@pytest.mark.parametrize("rule", ALONE)
@pytest.mark.parametrize("G", [2, 3, 4])
def test_expected_is_the_sum_over_all_groups(rule: str, G: int) -> None:
    for ddof, epsilon in SETTINGS[::2]:
        made = make_rule(rule, FEATURES, group_size=G, ddof=ddof, epsilon=epsilon)
        oracle = Expected(G, ddof, epsilon)
        oracle.validate(made, PROBLEM)
        found = np.asarray(oracle.direction(made, PROBLEM, LOCAL, key=KEY)).ravel()
        wanted = enumerated(rule, G, ddof, epsilon)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())


def test_the_mean_of_the_advantages_counts() -> None:
    # one weight a group, as logs are reweighed, is not what leave_one_out does to a policy
    G = 4
    made = make_rule("leave_one_out", FEATURES, group_size=G)
    assert isinstance(made, Weight)
    one = Weight(jnp.asarray(parse("leave_one_out", allowed=REWEIGHING).group_weights(G)))
    found = [np.asarray(Expected(G).direction(rule, PROBLEM, LOCAL, key=KEY)).ravel() for rule in (made, one)]
    assert np.abs(found[0] - found[1]).max() > 0.02 * np.abs(found[0]).max()


@pytest.mark.parametrize("G", [2, 3, 8])
def test_a_table_of_ones_is_none_and_one_over_the_mean_is_maxrl_in_closed_form(G: int) -> None:
    none = Expected(G).direction(make_rule("none", FEATURES), PROBLEM, LOCAL, key=KEY)
    ones = Expected(G).direction(Weight(jnp.ones(G + 1)), PROBLEM, LOCAL, key=KEY)
    np.testing.assert_allclose(ones, none, rtol=1e-13)
    # E ĝ = g (1 − (1−p)^{G−1})/p: MaxRL's objective cut at G − 1 terms
    p = np.asarray(LOCAL.value)
    a = np.asarray(FEATURES.contract(LOCAL.coefficients))
    wanted = FEATURES.gather(jnp.asarray(((1 - (1 - p) ** (G - 1)) / p)[:, None] * a))
    found = Expected(G).direction(make_rule("maxrl", FEATURES, group_size=G), PROBLEM, LOCAL, key=KEY)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_any_table_is_its_binomial_mean() -> None:
    G, x = 5, 0
    w, b = np.random.default_rng(0).normal(size=(2, G + 1))
    b[0] = b[G] = 0.0
    alone = problem(coherent(None, random_arms(1, K, 2, key=KEY)), OFFSETS[:1], REWARDS[:1])
    local = locate(alone, alone.offsets)
    p, g = (
        float(local.value[x]),
        np.asarray(Exact().direction(make_rule("none", alone.features), alone, local, key=KEY)),
    )
    found = Expected(G).direction(Weight(jnp.asarray(w), jnp.asarray(b)), alone, local, key=KEY)
    chance = [comb(G, k) * p**k * (1 - p) ** (G - k) for k in range(G + 1)]
    factor = sum(c * (w[k] * k * (G - k) / G**2 + b[k] * (k / G - p)) for k, c in enumerate(chance)) / (p * (1 - p))
    np.testing.assert_allclose(found, factor * g, rtol=1e-12)


@pytest.mark.parametrize("name", MONOMIALS)
def test_exact_weights_are_functions_of_the_pass_rate(name: str) -> None:
    made, rule = make_rule(name, FEATURES), parse(name, allowed=REWEIGHING)
    Exact().validate(made, PROBLEM)
    found = np.asarray(Exact().direction(made, PROBLEM, LOCAL, key=KEY)).ravel()
    p = (π * REWARDS).sum(axis=1)
    g = np.einsum("nk,nkd->nd", π * (REWARDS - p[:, None]), φ)
    np.testing.assert_allclose(found, np.array([rule.weight(float(x)) for x in p]) @ g, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", MONOMIALS)
def test_weights_keep_their_digits_where_failures_are_rare(name: str) -> None:
    made, rule = make_rule(name, FEATURES), parse(name, allowed=REWEIGHING)
    assert isinstance(made, Weight)
    for q in (1e-3, 1e-9, 1e-15):
        p, K_or_γ = 1 - q, rule.alpha
        σ = math.sqrt(q * (1 - q))
        wanted = {"maxrl": 1 / p, "focal": q**K_or_γ / σ, "pass": K_or_γ * q ** (K_or_γ - 1)}[rule.kind]
        (found,) = np.asarray(made.exact_weights(jnp.asarray([p]), jnp.asarray([σ])))
        assert found == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_array_equal(made.exact_weights(jnp.array([0.0, 1.0]), jnp.zeros(2)), 0)


def test_any_function_of_the_pass_rate() -> None:
    made = Weight(rate=lambda mean, std: mean**2)
    found = np.asarray(Exact().direction(made, PROBLEM, LOCAL, key=KEY)).ravel()
    p = (π * REWARDS).sum(axis=1)
    np.testing.assert_allclose(found, p**2 @ np.einsum("nk,nkd->nd", π * (REWARDS - p[:, None]), φ), atol=1e-13)


def test_pooled_of_exact_gradients_is_the_deviation_of_all_rewards() -> None:
    found = np.asarray(Exact().direction(make_rule("pooled", FEATURES), PROBLEM, LOCAL, key=KEY)).ravel()
    none = np.asarray(Exact().direction(make_rule("none", FEATURES), PROBLEM, LOCAL, key=KEY)).ravel()
    p = float((π * REWARDS).sum() / N)  # of rewards that are 0 or 1
    np.testing.assert_allclose(found, none / math.sqrt(p * (1 - p)), rtol=1e-12)


def test_rules_with_tables_share_a_program() -> None:
    made = [make_rule(name, FEATURES, group_size=8) for name in ("maxrl", "pass(2)", "pass(4)")]
    shapes = [[jax.typeof(leaf) for leaf in jax.tree.leaves(rule)] for rule in made]
    assert shapes[0] == shapes[1] == shapes[2]


@pytest.mark.parametrize("name", ["pooled", "maxrl", "focal(1)", "pass(2)", "leave_one_out"])
def test_certificates_hold_whatever_the_rule(name: str) -> None:
    # T3 asks nothing of the direction: its lower bound is below the gain with sampled groups too
    rule = make_rule(name, FEATURES, group_size=4)
    for size in (Certified(), constant(2.0)):
        rows = run(PROBLEM, rule, size, 8, key=KEY, oracle=Sampled(4)).trajectory
        assert (rows.certificate <= rows.gain + 1e-14).all()
        assert (jnp.abs(rows.gain) > 1e-6).any()


REAL = problem(FEATURES, OFFSETS, np.random.default_rng(0).normal(size=(N, K)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_rule("leave_one_out", FEATURES), "rule is leave_one_out, which is defined by groups"),
        (lambda: Exact().validate(make_rule("leave_one_out", FEATURES, group_size=4), PROBLEM), "sampled or expected"),
        (lambda: Exact().validate(make_rule("maxrl", FEATURES), REAL), "rewards are not all 0 or 1; allowed with the"),
        (lambda: Sampled(4).validate(make_rule("maxrl", FEATURES, group_size=4), REAL), "rewards are not all 0 or 1"),
        (lambda: Sampled(4).validate(make_rule("maxrl", FEATURES), PROBLEM), "maxrl with no table; allowed: one for"),
        (
            lambda: Expected(4).validate(make_rule("maxrl", FEATURES, group_size=8), PROBLEM),
            "maxrl with a table for groups of 8; allowed: one for groups of 4",
        ),
        (
            lambda: Sampled(4, ddof=1).validate(make_rule("focal(1)", FEATURES, group_size=4), PROBLEM),
            r"weights for \(ddof, epsilon\) = \(0, 0.0\); allowed: the oracle's, \(1, 0.0\)",
        ),
        (
            lambda: Sampled(4, leave_one_out=True).validate(
                make_rule("leave_one_out", FEATURES, group_size=4), PROBLEM
            ),
            "leave_one_out is True; allowed with the rule leave_one_out: False",
        ),
        (lambda: Expected(4).validate(make_rule("pooled", FEATURES), PROBLEM), "rule is pooled; allowed with expected"),
        (lambda: make_rule("maxrl", FEATURES, group_size=1), "group_size is 1; allowed"),
        (lambda: make_rule("focal(1)", FEATURES, group_size=4, ddof=2), "ddof is 2; allowed"),
        (lambda: make_rule("pass(0)", FEATURES), r"rule is 'pass\(0\)'; allowed"),
        (lambda: Weight(), "table is None; allowed without a rate"),
        (lambda: Weight(shift=jnp.ones(3), rate=lambda p, s: p), "shift is given without a table"),
        (lambda: Weight(jnp.ones(2)), "table has length 2; allowed: at least 3"),
        (lambda: Weight(jnp.array([1.0, jnp.nan, 1.0])), "table contains nan"),
        (
            lambda: Sampled(4).direction(make_rule("maxrl", FEATURES), PROBLEM, LOCAL, key=KEY),
            "rule is maxrl without a table for groups of 4",
        ),
    ],
)
def test_refusals_are_one_line(call, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_monomial_is_its_formula() -> None:
    made = Monomial(*map(jnp.asarray, (3.0, -0.5, 1.5)))
    np.testing.assert_allclose(made(jnp.array([0.25]), jnp.array([0.04])), [3 * 2 * 0.008], rtol=1e-14)
