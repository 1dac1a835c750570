"""Groups that are drawn again against groups drawn one after the other, by the loop of the policy and in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import binom

from bandits import Expected, Sampled, from_pass_rates, locate, make_rule, sequence_problem
from bandits.policy import Policy
from bandits.redraw import MAX_TRIES, expected_tries, live_counts

KEY = jax.random.key(3)
G, DRAWS = 4, 4000
PROBABILITIES = jnp.array([[0.3, 0.2, 0.5], [0.02, 0.03, 0.95], [0.9, 0.06, 0.04], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
REWARDS = jnp.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    keys = jax.random.split(KEY, DRAWS)
    counts, tries = jax.jit(jax.vmap(lambda key: live_counts(PROBABILITIES, REWARDS, G, key=key)))(keys)
    return np.asarray(counts), np.asarray(tries)


def one_after_the_other(rng: np.random.Generator, π: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, int]:
    answers, tries = np.zeros(0, int), 0
    while tries < MAX_TRIES and len(set(right[answers])) < 2:
        answers, tries = rng.choice(len(π), size=G, p=π), tries + 1
    return np.bincount(answers, minlength=len(π)), tries


def test_counts_and_tries_are_those_of_groups_drawn_one_after_the_other(drawn) -> None:
    counts, tries = drawn
    rng = np.random.default_rng(0)
    assert (counts.sum(axis=2) == G).all()
    for x, π in enumerate(np.asarray(PROBABILITIES)):
        loop = [one_after_the_other(rng, π, np.asarray(REWARDS[x])) for _ in range(DRAWS)]
        for mine, theirs in (
            (counts[:, x], np.array([c for c, _ in loop])), (tries[:, x], np.array([t for _, t in loop])),
        ):  # fmt: skip
            # means and second moments within 4.5 of their standard errors
            for power in (1, 2):
                a, b = mine.astype(float) ** power, theirs.astype(float) ** power
                error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / DRAWS)
                assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) <= 4.5 * error + 1e-12).all(), (x, power)


def test_right_answers_of_a_live_group_have_the_binomial_law_without_its_ends(drawn) -> None:
    counts, tries = drawn
    for x in range(3):
        p = float((PROBABILITIES[x] * REWARDS[x]).sum())
        k = (counts[:, x] * np.asarray(REWARDS[x], int)).sum(axis=1)
        wanted = binom.pmf(np.arange(G + 1), G, p)
        dead = wanted[0] + wanted[-1]
        capped = dead**MAX_TRIES
        shares = wanted[1:-1] / (1 - dead) * (1 - capped)
        found = np.bincount(k, minlength=G + 1) / DRAWS
        errors = np.sqrt(shares * (1 - shares) / DRAWS)
        assert (np.abs(found[1:-1] - shares) <= 4.5 * errors).all()
        assert abs(found[[0, -1]].sum() - capped) <= 4.5 * np.sqrt(capped * (1 - capped) / DRAWS) + 1e-12
        for n in range(1, MAX_TRIES):
            chance = dead**n
            assert abs((tries[:, x] > n).mean() - chance) <= 4.5 * np.sqrt(chance * (1 - chance) / DRAWS) + 1e-12


def test_a_prompt_that_is_always_right_or_wrong_ends_at_the_cap(drawn) -> None:
    counts, tries = drawn
    assert (tries[:, 3:] == MAX_TRIES).all()
    assert (counts[:, 3, :2].sum(axis=1) == G).all()
    assert (counts[:, 4, 2] == G).all()
    large, many = live_counts(PROBABILITIES, REWARDS, 128, key=KEY)  # p^128 + q^128 is below rounding for p = .5
    assert (np.asarray(large).sum(axis=1) == 128).all()
    assert int(many[0]) == 1


@pytest.mark.parametrize("made", [
    from_pass_rates([0.02, 0.3, 0.9], num_arms=3, key=KEY), sequence_problem([0.02, 0.3, 0.9], horizon=2, key=KEY),
])  # fmt: skip
def test_the_loop_of_any_policy_gives_the_same_means(made) -> None:
    local = locate(made, made.offsets)
    keys = jax.random.split(KEY, DRAWS)

    def mean(live) -> tuple[np.ndarray, np.ndarray]:
        group, tries = jax.vmap(lambda key: live(local, made.rewards, G, 0, key=key))(keys)
        numbers = np.concatenate([group.coefficients, group.std[..., None], tries[..., None]], axis=2)
        return numbers.mean(axis=0), numbers.std(axis=0) / np.sqrt(DRAWS)

    def loop(*arguments, key):
        return Policy.live_group(made.policy, *arguments, key=key)

    (a, da), (b, db) = mean(made.policy.live_group), mean(loop)
    assert (np.abs(a - b) <= 4.5 * np.hypot(da, db) + 1e-9).all()
    d = local.value**G + (1 - local.value) ** G
    wanted = np.sum(np.asarray(d)[:, None] ** np.arange(MAX_TRIES), axis=1)
    np.testing.assert_allclose(expected_tries(local.value, G), wanted, rtol=1e-12)
    assert (np.abs(b[:, -1] - wanted) <= 4.5 * db[:, -1] + 1e-9).all()


@pytest.mark.parametrize("name", ["none", "group", "maxrl", "leave_one_out"])
def test_sampled_updates_with_the_filter_have_the_expected_mean(name: str) -> None:
    made = from_pass_rates([0.05, 0.3, 0.9], num_arms=3, coherence=0.4, key=KEY)
    rule, local = make_rule(name, made.features, group_size=G), locate(made, made.offsets)
    sampled, expected = Sampled(G, filter=True), Expected(G, filter=True)
    sampled.validate(rule, made)
    expected.validate(rule, made)
    draws = jax.vmap(lambda key: sampled.update(rule, made, local, key=key))(jax.random.split(KEY, DRAWS))
    wanted = np.asarray(expected.direction(rule, made, local, key=KEY))
    error = np.asarray(draws.direction).std(axis=0) / np.sqrt(DRAWS)
    assert (np.abs(np.asarray(draws.direction).mean(axis=0) - wanted) <= 4.5 * error + 1e-12).all()
    plain = np.asarray(Expected(G).direction(rule, made, local, key=KEY))
    assert np.abs(plain - wanted).max() > 4.5 * error.max()
    answers = np.asarray(draws.answers)
    mean = G * float(expected_tries(local.value, G).sum())
    assert abs(answers.mean() - mean) <= 4.5 * answers.std() / np.sqrt(DRAWS)
    assert float(Sampled(G).update(rule, made, local, key=KEY).answers) == 3 * G


def test_the_filter_asks_for_binary_rewards() -> None:
    made = from_pass_rates([0.05, 0.3], key=KEY)
    graded = jax.tree.map(lambda leaf: leaf, made)
    graded = type(made)(made.features, made.offsets, made.rewards * 0.5, made.diameter, made.policy)
    with pytest.raises(ValueError, match="rewards are not all 0 or 1; allowed with filter: binary rewards"):
        Sampled(G, filter=True).validate(make_rule("none", made.features), graded)
