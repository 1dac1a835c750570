"""T16: the mean over every sequence of groups, for any silent rule with transfer between prompts; what is refused."""

from math import comb

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from curvature import failure_width, group_failure_lower_bound, group_start_lower_bound, start_width, update_lengths
from tests.strategies import pass_rates, seeds

EXAMPLES = settings(max_examples=25)


def sigmoid(z):
    return np.exp(-np.logaddexp(0, -z))


class Rule:
    """Two-armed prompts: prompt i's group with k right answers moves prompt j's log-odds by moves[i, k, j]."""

    def __init__(self, moves):
        self.moves = np.asarray(moves)  # [N, G + 1, N]
        self.N, self.G = self.moves.shape[0], self.moves.shape[1] - 1

    def outcomes(self, z):
        """(probability, next log-odds) of one update."""
        p = sigmoid(z)
        for i in range(self.N):
            for k in range(self.G + 1):
                chance = comb(self.G, k) * p[i] ** k * (1 - p[i]) ** (self.G - k) / self.N
                yield chance, z + self.moves[i, k]

    def expected(self, f, z, updates):
        """E f after so many updates, all groups written out."""
        if updates == 0:
            return f(z)
        return sum(chance * self.expected(f, after, updates - 1) for chance, after in self.outcomes(z))

    def stopped(self, level, z, updates):
        """(probability of reaching the level, E answers drawn until then) within so many updates."""
        if sigmoid(z).mean() >= level:
            return 1.0, 0.0
        if updates == 0:
            return 0.0, 0.0
        reached, answers = 0.0, float(self.G)
        for chance, after in self.outcomes(z):
            one, more = self.stopped(level, after, updates - 1)
            reached, answers = reached + chance * one, answers + chance * more
        return reached, answers


def failure(z):
    return float(sigmoid(-z).mean())


def silent_rule(seed, N, G, w):
    """Any moves of at most w, none where all rewards are equal."""
    moves = w * np.random.default_rng(seed).uniform(-1, 1, size=(N, G + 1, N))
    if seed % 3 == 0:  # the worst: as far as may be, for all prompts
        moves = np.full_like(moves, w)
    moves[:, [0, G]] = 0
    return Rule(moves)


@EXAMPLES
@given(seeds(), st.sampled_from([(1, 2, 4), (1, 5, 3), (2, 2, 3), (2, 3, 2)]), st.floats(-3, 1), pass_rates(low=1e-4))
def test_t16_no_silent_rule_is_below_the_bound(seed, sizes, exponent, p):
    N, G, updates = sizes
    w = 10.0**exponent
    rule = silent_rule(seed, N, G, w)
    z = np.log(p / (1 - p)) + np.random.default_rng(seed).normal(size=N)
    q = failure(z)
    bound = float(group_failure_lower_bound(q, G * updates, width=w))
    assert rule.expected(failure, z, updates) >= bound * (1 - 1e-12)
    inverse = rule.expected(lambda z: 1 / failure(z), z, updates)
    assert inverse <= (1 / q + np.expm1(w) * G * updates) * (1 + 1e-12)
    # (c): the chance that no wrong answer is drawn
    assert rule.expected(failure, z, updates) >= q * (sigmoid(z) ** G).mean() ** updates * (1 - 1e-12)


@EXAMPLES
@given(seeds(), st.sampled_from([(1, 2, 4), (1, 5, 3), (2, 2, 3)]), st.floats(-2, 1), st.floats(1.1, 5))
def test_t16_from_a_rare_start(seed, sizes, exponent, ratio):
    N, G, updates = sizes
    w = 10.0**exponent
    z = np.log(1e-2) + np.random.default_rng(seed).normal(size=N)
    p = 1 - failure(z)
    level = ratio * p
    assume(level < 1)
    reached, answers = silent_rule(seed, N, G, w).stopped(level, z, updates)
    assert reached * float(group_start_lower_bound(p, level, width=w)) <= answers * (1 + 1e-9)


def test_t16_smaller_widths_are_refused():
    q, w = 1e-3, 0.1
    rule = Rule(w * np.array([[[0.0], [1.0], [0.0]]]))
    z = np.array([np.log((1 - q) / q)])
    found = rule.expected(failure, z, 3)
    assert found >= float(group_failure_lower_bound(q, 6, width=w))
    assert found < float(group_failure_lower_bound(q, 6, width=w / 2))
    reached, answers = rule.stopped(1e-3 * np.exp(0.099), -z, 1)
    assert reached * float(group_start_lower_bound(1e-3, 1e-3 * np.exp(0.099), width=w)) <= answers
    assert reached * float(group_start_lower_bound(1e-3, 1e-3 * np.exp(0.099), width=w / 2.2)) > answers


@EXAMPLES
@given(
    seeds(),
    st.sampled_from([(1, 2, 4), (1, 5, 3), (2, 3, 2), (2, 4, 2)]),
    st.sampled_from(["none", "group", "power(2)", "any"]),
    st.floats(-1, 0.5),
    pass_rates(low=1e-4),
)
def test_t16_sharper_by_the_widths_of_each_group(seed, sizes, name, exponent, p):
    """Rules that move all prompts alike, as far as their widths allow."""
    N, G, updates = sizes
    rng = np.random.default_rng(seed)
    lengths = rng.uniform(size=G + 1) if name == "any" else update_lengths(name, np.ones(G + 1))
    w = 10.0**exponent * lengths
    w[[0, G]] = 0
    rule = Rule(np.tile(w[None, :, None], (N, 1, N)))
    z = np.log(p / (1 - p)) + rng.normal(size=N)
    q = failure(z)
    sharp = failure_width(w[1:-1])
    assert sharp <= w.max() * (1 + 1e-12)
    bound = 1 / q + np.expm1(float(sharp)) * G * updates
    assert rule.expected(lambda z: 1 / failure(z), z, updates) <= bound * (1 + 1e-12)
    assert rule.expected(failure, z, updates) >= float(group_failure_lower_bound(q, G * updates, width=sharp)) * (
        1 - 1e-12
    )
    level = 1.5 * (1 - q)
    assume(level < 1)
    early = start_width(w[1:-1])
    assert early <= w.max() * (1 + 1e-12)
    reached, answers = rule.stopped(level, z, updates)
    assert reached * float(group_start_lower_bound(1 - q, level, width=early)) <= answers * (1 + 1e-9)


@pytest.mark.parametrize("name", ["none", "group", "power(2)"])
def test_t16_sharper_widths_are_met_in_the_limit(name):
    """One prompt: 1/q grows by (e^w − 1) per answer as q → 0, 1/p falls by 1 − e^(−w) as p → 0; less is refused."""
    w = 2 * update_lengths(name, np.ones(7))
    rule = Rule(w[None, :, None])
    z = np.array([np.log(1e7)])
    growth = (rule.expected(lambda z: 1 / failure(z), z, 1) - 1 / failure(z)) / 6
    np.testing.assert_allclose(
        growth, np.expm1(failure_width(w[1:-1])), rtol=1e-5
    )  # q = 1e-7, of several wrong answers
    fall = (1 / sigmoid(-z[0]) - rule.expected(lambda z: 1 / sigmoid(z[0]), -z, 1)) / 6
    np.testing.assert_allclose(fall, -np.expm1(-start_width(w[1:-1])), rtol=1e-5)


def test_t16_needs_silence():
    """No baseline: a group of right answers pushes as well, and the bound is broken."""
    w, q = np.log(2.0), 0.5
    rule = Rule(np.full((1, 2, 1), w))
    found = rule.expected(failure, np.zeros(1), 2)
    assert found == pytest.approx(1 / 5)
    assert found < float(group_failure_lower_bound(q, 2, width=w))


def test_grpo_and_reinforce_have_the_widths_that_are_told():
    """One-hot arms: the farthest that any group moves two logits apart is at most ηD²/2 and ηD²/4, D² = 2."""
    G, η, rng = 4, 0.7, np.random.default_rng(0)
    π = rng.dirichlet(np.ones(5))
    r = np.array([1.0, 1.0, 0.0, 0.0, 0.0])
    widths = {"none": 0.0, "group": 0.0}
    for _ in range(400):
        ys = rng.integers(0, 5, G)
        A = r[ys] - r[ys].mean()
        g = (A @ (np.eye(5)[ys] - π)) / G
        widths["none"] = max(widths["none"], np.ptp(η * g))
        if A.any():
            widths["group"] = max(widths["group"], np.ptp(η * g / r[ys].std()))
    assert 0.4 * η < widths["none"] <= η * 2 / 4 + 1e-12
    assert 0.8 * η < widths["group"] <= η * 2 / 2 + 1e-12


def test_ends():
    np.testing.assert_allclose(group_failure_lower_bound([0.3, 1.0], 0, width=800.0), [0.3, 1.0])
    assert float(group_failure_lower_bound(0.3, 5, width=800.0)) == 0.0
    np.testing.assert_allclose(group_start_lower_bound(0.3, [0.2, 0.3], width=[0.0, 1.0]), [0.0, 0.0])
    assert float(group_start_lower_bound(0.3, 0.4, width=0.0)) == np.inf
    assert float(group_start_lower_bound(0.1, 1.0, width=800.0)) == pytest.approx(9.0)


def test_refusals():
    with pytest.raises(ValueError, match=r"initial_failure contains 0\.0"):
        group_failure_lower_bound(0.0, 1, width=1.0)
    with pytest.raises(ValueError, match=r"num_answers contains -1\.0"):
        group_failure_lower_bound(0.5, -1, width=1.0)
    with pytest.raises(ValueError, match=r"width contains -1\.0"):
        group_start_lower_bound(0.5, 0.6, width=-1.0)
    for sharper in (failure_width, start_width):
        with pytest.raises(ValueError, match=r"widths contains -1\.0"):
            sharper([1.0, -1.0])
        with pytest.raises(ValueError, match=r"widths has shape \(1, 1\)"):
            sharper([[1.0]])
    with pytest.raises(ValueError, match=r"level contains 1\.5"):
        group_start_lower_bound(0.5, 1.5, width=1.0)
