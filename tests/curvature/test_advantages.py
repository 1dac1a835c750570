"""Advantages of every preset against groups computed by hand, NumPy, and the binary groups of curvature.groups."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandits.oracle import Sampled
from curvature import PRESETS, Estimator, advantages
from curvature.groups import group_std
from tests.bandits.counted import estimate
from tests.refusals import unchecked

NAN, INF = float("nan"), float("inf")
ONE_IN_FOUR = [1.0, 0.0, 0.0, 0.0]


def close(found, expected):
    """To what is written: seven digits, so an ε of 1e-6 shows and one of 1e-9 does not."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)


# Two groups of four. (1,0,0,0): mean ¼, deviations ¾, −¼, −¼, −¼ with Σ² = 9/16 + 3/16 = ¾, so sd is √(¾/4) = .4330127
# (population) or √(¾/3) = ½ (sample). (1,1,0,0): mean ½, Σ² = 1, so ½ or √(1/3) = .5773503.
GROUPS = [ONE_IN_FOUR, [1.0, 1.0, 0.0, 0.0]]


BY_HAND = {
    # .75/.4330127 = 1.7320508 = √3
    "paper": [[1.7320508, -0.5773503, -0.5773503, -0.5773503], [1.0, 1.0, -1.0, -1.0]],
    "reinforce": [[0.75, -0.25, -0.25, -0.25], [0.5, 0.5, -0.5, -0.5]],
    # (.4330127 + .5)/2 = .4665064; .75/.4665064 = 1.6076951, .25/… = .5358984, .5/… = 1.0717968
    "batch": [[1.6076951, -0.5358984, -0.5358984, -0.5358984], [1.0717968, 1.0717968, -1.0717968, -1.0717968]],
    # .75/.5001 = 1.4997001, .25/.5001 = .4999000; .5/.5774503 = .8658754
    "trl": [[1.4997001, -0.4999000, -0.4999000, -0.4999000], [0.8658754, 0.8658754, -0.8658754, -0.8658754]],
    # all eight: three 1s, mean ⅜, Σ² = 8·⅜·⅝ = 1.875, sd √(1.875/7) = .5175492; over .5176492
    "trl_batch": [[1.4488577, -0.4829526, -0.4829526, -0.4829526], [0.9659051, 0.9659051, -0.9659051, -0.9659051]],
    "trl_none": [[0.75, -0.25, -0.25, -0.25], [0.5, 0.5, -0.5, -0.5]],
    # .75/.500001 = 1.4999970, .25/.500001 = .4999990; .5/.5773513 = .8660239
    "verl": [[1.4999970, -0.4999990, -0.4999990, -0.4999990], [0.8660239, 0.8660239, -0.8660239, -0.8660239]],
    # the same over ½ + 1e-9 and .5773503 + 1e-9: √3/2 = .8660254
    "openrlhf": [[1.5, -0.5, -0.5, -0.5], [0.8660254, 0.8660254, -0.8660254, -0.8660254]],
    "dr_grpo": [[0.75, -0.25, -0.25, -0.25], [0.5, 0.5, -0.5, -0.5]],
    "dr_grpo_baseline": [[1.5, -0.5, -0.5, -0.5], [0.8660254, 0.8660254, -0.8660254, -0.8660254]],
    # first group: the right one's others are 0, 0, 0: 1 − 0 undivided. A wrong one's others are 1, 0, 0: mean ⅓,
    # Σ² = 4/9 + 1/9 + 1/9 = ⅔, sd √(⅔/2) = .5773503: −.3333333/.5773513 = −.5773493.
    # second: a right one's others 1, 0, 0: (1 − ⅓)/.5773513 = 1.1546985; a wrong one's 1, 1, 0: −⅔/.5773513
    "nemo_rl": [[1.0, -0.5773493, -0.5773493, -0.5773493], [1.1546985, 1.1546985, -1.1546985, -1.1546985]],
    # 1 − 0 and 0 − ⅓; 1 − ⅓ and 0 − ⅔
    "rloo": [[1.0, -0.3333333, -0.3333333, -0.3333333], [0.6666667, 0.6666667, -0.6666667, -0.6666667]],
    # .75/.250001 = 2.9999880, .25/.250001 = .9999960; .5/.500001 = .9999980
    "maxrl": [[2.9999880, -0.9999960, -0.9999960, -0.9999960], [0.9999980, 0.9999980, -0.9999980, -0.9999980]],
    # √3 and 1/√3 over 1 + 1e-8/.4330127, 1 over 1 + 2e-8
    "open_instruct": [[1.7320508, -0.5773503, -0.5773503, -0.5773503], [1.0, 1.0, -1.0, -1.0]],
}
BY_HAND["skyrl"] = BY_HAND["tunix"] = BY_HAND["slime"] = BY_HAND["verl"]
BY_HAND["ms_swift"] = BY_HAND["trl"]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_by_hand(name):
    close(advantages(GROUPS, name), BY_HAND[name])
    close(PRESETS[name](np.asarray(GROUPS)), BY_HAND[name])


def test_presets_differ_where_trainers_do():
    """The same table read with a neighbour's ε or ddof is refused: the check sees 1e-6."""
    for name, other in (("trl", "verl"), ("verl", "openrlhf"), ("paper", "openrlhf"), ("trl_batch", "batch")):
        with pytest.raises(AssertionError):
            close(advantages(GROUPS, name), BY_HAND[other])
    for name in ("openrlhf", "dr_grpo_baseline"):  # ε of 1e-9 and 1e-8 show in the ninth digit
        ε = {"openrlhf": 1e-9, "dr_grpo_baseline": 1e-8}[name]
        assert float(advantages(GROUPS, name)[0, 0]) == pytest.approx(0.75 / (0.5 + ε), rel=1e-14)


# (1, 0): mean ½; sd ½ (population) or √½ = .7071068 (sample)
PAIRS = {
    "paper": 1.0,
    "reinforce": 0.5,
    "batch": 1.0,
    "trl": 0.7070068,  # .5/.7072068
    "trl_batch": 0.7070068,
    "trl_none": 0.5,
    "verl": 0.7071058,  # .5/.7071078
    "skyrl": 0.7071058,
    "tunix": 0.7071058,
    "openrlhf": 0.7071068,
    "dr_grpo": 0.5,
    "dr_grpo_baseline": 0.7071068,
    "nemo_rl": 1.0,  # the other response has no deviation: r_i − r_j, undivided
    "rloo": 1.0,
    "maxrl": 0.9999980,  # .5/.500001
    "ms_swift": 0.7070068,
    "open_instruct": 1.0,
    "slime": 0.7071058,
}


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_groups_of_two(name):
    close(advantages([[1.0, 0.0]], name), [[PAIRS[name], -PAIRS[name]]])


@pytest.mark.parametrize("name", sorted(PRESETS))
@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e6 / 3])
def test_groups_that_do_not_vary_get_0_exactly(name, value):
    """.1 seven times has a mean that rounds: over an ε of 1e-9 that would be an advantage."""
    rewards = np.asarray([[value] * 7, [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]])
    found = np.asarray(advantages(rewards, name))
    assert (found[0] == 0).all()
    assert (found[1] != 0).all()
    np.testing.assert_array_equal(advantages(rewards[:1], name), np.zeros((1, 7)))


def reference(rewards, name):
    """Each trainer's arithmetic, written with NumPy and loops."""
    r = np.asarray(rewards, float)
    mean = r.mean(axis=1, keepdims=True)
    if name in ("reinforce", "trl_none", "dr_grpo"):
        return r - mean
    if name == "paper":
        return (r - mean) / r.std(axis=1, keepdims=True)
    if name == "batch":
        return (r - mean) / r.std(axis=1).mean()
    if name == "trl_batch":
        return (r - mean) / (r.std(ddof=1) + 1e-4)
    if name == "rloo":
        others = (r.sum(axis=1, keepdims=True) - r) / (r.shape[1] - 1)
        return r - others
    if name == "maxrl":
        return np.where(mean > 0, (r - mean) / np.where(mean > 0, mean + 1e-6, 1), 0)
    if name == "open_instruct":
        return (r - mean) / (r.std(axis=1, keepdims=True) + 1e-8)
    if name == "nemo_rl":
        out = np.empty_like(r)
        for x, row in enumerate(r):
            for i, reward in enumerate(row):
                others = np.delete(row, i)
                s = others.std(ddof=1)
                out[x, i] = (reward - others.mean()) / (s + 1e-6 if s > 0 else 1.0)
        return out
    ε = {"trl": 1e-4, "ms_swift": 1e-4, "openrlhf": 1e-9, "dr_grpo_baseline": 1e-8}.get(name, 1e-6)
    return (r - mean) / (r.std(axis=1, ddof=1, keepdims=True) + ε)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_on_real_rewards_equal_numpy_under_jit_and_vmap(name):
    rng = np.random.default_rng(0)
    r = rng.standard_normal((3, 5, 6))
    expected = np.stack([reference(batch, name) for batch in r])
    np.testing.assert_allclose(advantages(r[0], name), expected[0], rtol=1e-12)
    np.testing.assert_allclose(jax.jit(PRESETS[name].__call__)(r[0]), expected[0], rtol=1e-12)
    np.testing.assert_allclose(jax.jit(jax.vmap(lambda r: advantages(r, name)))(r), expected, rtol=1e-12)


@pytest.mark.parametrize(("ddof", "epsilon"), [(0, 0.0), (1, 1e-4)])
def test_binary_groups_equal_those_of_the_theory(ddof, epsilon):
    """Every count k of right answers in a group of 6: the deviation of curvature.groups."""
    G = 6
    rewards = np.tril(np.ones((G, G)))[:-1]  # k = 1..G−1 right answers
    k = rewards.sum(axis=1, keepdims=True)
    s = group_std(G, ddof=ddof, epsilon=epsilon)[1:-1, None]
    found = Estimator(ddof=ddof, epsilon=epsilon)(rewards)
    np.testing.assert_allclose(found, (rewards - k / G) / s, rtol=1e-13)
    power = Estimator(scale="power", alpha=0.5, ddof=ddof, epsilon=epsilon)(rewards)
    np.testing.assert_allclose(power, (rewards - k / G) / np.sqrt(s), rtol=1e-13)


@pytest.mark.parametrize("leave_one_out", [False, True])
def test_bandits_sampled_groups_are_the_same_estimator_in_counts(leave_one_out):
    rng = np.random.default_rng(1)
    N, K, G = 3, 4, 8
    arms, r = rng.integers(0, K, (N, G)), rng.standard_normal((N, K))
    counts = np.stack([np.bincount(a, minlength=K) for a in arms]).astype(float)
    oracle = Sampled(group_size=G, ddof=1, epsilon=1e-4, leave_one_out=leave_one_out)
    coefficients, s = estimate(oracle, counts, jnp.asarray(r))
    baseline = "leave_one_out" if leave_one_out else "mean"
    found = Estimator(ddof=1, epsilon=1e-4, baseline=baseline)(np.take_along_axis(r, arms, axis=1))
    summed = np.zeros((N, K))
    for x in range(N):
        np.add.at(summed[x], arms[x], np.asarray(found[x]) / G)
    np.testing.assert_allclose(coefficients / s[:, None], summed, rtol=1e-12, atol=1e-15)


def test_settings():
    r = np.asarray([[1.0, 0.0, 0.0, 0.0], [2.0, 2.0, 2.0, 2.0]])
    np.testing.assert_array_equal(Estimator(scale="none", baseline="none")(r), r)
    # leave-one-out baseline: 1 − 0 and 0 − ⅓
    close(Estimator(scale="none", baseline="leave_one_out")(r), [[1, -1 / 3, -1 / 3, -1 / 3], [0, 0, 0, 0]])
    # without a baseline a group that does not vary is 0 or left as it is
    close(Estimator(baseline="none")(r)[1], [0.0] * 4)
    close(Estimator(baseline="none", zero_std="unscaled")(r)[1], [2.0] * 4)
    close(Estimator(baseline="none", zero_std="unscaled", epsilon=0.1)(r)[1], [2.0] * 4)
    # α = 0 is none, α = 1 is group
    np.testing.assert_array_equal(Estimator(scale="power", alpha=0.0)(r), Estimator(scale="none")(r))
    np.testing.assert_allclose(Estimator(scale="power")(r), Estimator()(r), rtol=1e-15)
    # α = 2, ε = 1/2: ¾/(√3/4 + ½)² = .8615612
    close(Estimator(scale="power", alpha=2.0, epsilon=0.5)(r)[0, 0], 0.75 / (np.sqrt(3) / 4 + 0.5) ** 2)
    close(Estimator(scale="power(2)", epsilon=0.5)(r)[0, 0], 0.75 / (np.sqrt(3) / 4 + 0.5) ** 2)
    # population deviation of the others: 1, 0, 0 has √(2/9); zero deviation gives 0 by default
    close(Estimator(std="leave_one_out")(r)[0], [0.0] + [-0.25 / np.sqrt(2 / 9)] * 3)


def test_batch_and_pooled_differ_when_means_do():
    r = np.asarray([[1.0, 0.0], [11.0, 10.0]])
    close(Estimator(scale="batch")(r), [[1.0, -1.0], [1.0, -1.0]])
    close(Estimator(scale="pooled")(r), np.asarray([[0.5, -0.5], [0.5, -0.5]]) / np.sqrt(25.25))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_others_have_no_deviation_however_they_round(dtype):
    """Seven equal rewards and a 0: rounding in the lone response's others over ε would be an advantage of thousands."""
    values = np.asarray([0.1, 0.3, 0.35, 0.7, 1 / 3, 2.2], dtype)
    rewards = np.concatenate([np.repeat(values[:, None], 7, axis=1), np.zeros((6, 1), dtype)], axis=1)
    found = np.asarray(advantages(rewards, "nemo_rl"))
    np.testing.assert_allclose(found[:, 7], -values, rtol=1e-6)
    rounding = np.stack([np.delete(row, 7) for row in rewards]).std(axis=1, ddof=1)
    assert (rounding > 0).any()  # what the deviation would be without asking whether anything varies


MEAN_BASELINE = sorted(set(PRESETS) - {"nemo_rl"})
"""The presets whose rows sum to 0: a response's own baseline and deviation make sums of anything."""


def sums(found) -> np.ndarray:
    """|Σ_i A_i| of each row over Σ_i |A_i|, 0 where every advantage is."""
    size = np.abs(found).sum(axis=1)
    return np.abs(np.asarray(found).sum(axis=1)) / np.where(size > 0, size, 1)


@settings(max_examples=60)
@given(st.floats(-1e3, 1e3), st.lists(st.integers(-3, 3), min_size=2, max_size=9))
def test_rows_sum_to_0_even_where_rewards_differ_by_their_last_bit_only(value, ulps):
    """A mean has an error of half a bit of the rewards: centred once, such a row would sum to its own size."""
    rewards = value + np.asarray([ulps]) * np.spacing(abs(value))
    for name in MEAN_BASELINE:
        assert sums(advantages(rewards, name))[0] < 1e-12


def test_a_group_that_is_equal_up_to_rounding_has_the_deviations_of_its_last_bits():
    r = np.asarray([[0.7, 7 * 0.1, 0.7, 0.7]])
    assert np.ptp(r) == np.spacing(0.7)
    close(advantages(r), [[-1 / np.sqrt(3), np.sqrt(3), -1 / np.sqrt(3), -1 / np.sqrt(3)]])  # one in four
    once = r - r.mean(axis=1, keepdims=True)
    assert sums(once / np.sqrt((once**2).mean(axis=1, keepdims=True)))[0] > 0.1  # centred once, refused


def test_single_responses_where_no_deviation_is_asked_for():
    np.testing.assert_array_equal(advantages([[3.0], [1.0]], "paper"), np.zeros((2, 1)))
    np.testing.assert_array_equal(advantages([[3.0], [1.0]], "trl_batch"), np.zeros((2, 1)))
    np.testing.assert_array_equal(advantages([[3.0], [1.0]], "dr_grpo"), np.zeros((2, 1)))


def test_dtypes():
    r = np.asarray(GROUPS)
    for name in PRESETS:
        assert advantages(r.astype(np.float32), name).dtype == jnp.float32
        assert advantages(r.astype(int), name).dtype == jnp.float64
        close(advantages(r.astype(bool), name), BY_HAND[name])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: advantages(GROUPS, "ppo"), "estimator is 'ppo'; allowed: an Estimator, or one of paper, reinforce"),
        (lambda: advantages([1.0, 0.0]), r"rewards has shape \(2,\); allowed: \(any, any\)"),
        (lambda: advantages(np.zeros((2, 0))), r"rewards has shape \(2, 0\); allowed: \(any, any\), no empty axis"),
        (lambda: advantages(np.zeros((0, 2))), r"rewards has shape \(0, 2\); allowed: \(any, any\), no empty axis"),
        (lambda: advantages([[1.0, NAN]]), "rewards contains nan; allowed: finite numbers"),
        (lambda: advantages([[1.0, -INF]]), "rewards contains -inf; allowed: finite numbers"),
        (lambda: advantages([[1.0], [0.0]], "trl"), "rewards has 1 response per prompt; allowed .*: at least 2"),
        (lambda: advantages([[1.0], [0.0]], "nemo_rl"), "rewards has 1 response per prompt"),
        (lambda: Estimator(baseline="leave_one_out")([[1.0]]), "rewards has 1 response per prompt"),
        (lambda: Estimator(std="leave_one_out")([[1.0]]), "rewards has 1 response per prompt"),
        (lambda: Estimator(scale="batch", ddof=1)([[1.0]]), "rewards has 1 response per prompt"),
        (lambda: advantages([[1.0]], "trl_batch"), "rewards has 1 entry; allowed .*: at least 2"),
        (lambda: Estimator(scale="std"), "scale is 'std'; allowed: none, group, batch, pooled, or power"),
        (lambda: Estimator(scale="decoupled"), "scale is 'decoupled'; allowed: none, group, batch, pooled, or power"),
        (lambda: Estimator(scale="power", alpha="2"), "alpha is '2'; allowed: numbers"),
        (lambda: Estimator(scale=None), "scale is None; allowed: none"),
        (lambda: advantages(GROUPS, None), "estimator is None; allowed: an Estimator, or one of paper"),
        (lambda: advantages(GROUPS, ["trl"]), "estimator is .*; allowed: an Estimator"),
        (lambda: Estimator(baseline="median"), "baseline is 'median'; allowed: 'mean', 'leave_one_out', 'none'"),
        (lambda: Estimator(std="iqr"), "std is 'iqr'; allowed: 'group', 'leave_one_out', 'mean'"),
        (lambda: Estimator(zero_std="nan"), "zero_std is 'nan'; allowed: 'zero', 'unscaled'"),
        (lambda: Estimator(ddof=2), "ddof is 2; allowed: 0, 1"),
        (lambda: Estimator(ddof=True), "ddof is True; allowed: 0, 1"),
        (lambda: Estimator(epsilon=-1e-4), r"epsilon contains -0.0001; allowed: numbers in \[0, inf\)"),
        (lambda: Estimator(scale="power", alpha=-1.0), r"alpha contains -1.0; allowed: numbers in \[0, inf\)"),
        (
            lambda: Estimator(scale="pooled", std="leave_one_out"),
            "scale is 'pooled'; allowed with std 'leave_one_out': group, or power",
        ),
    ],
)
def test_bad_input_is_named(call, text):
    with unchecked(), pytest.raises(ValueError, match=text):
        call()


def test_a_group_without_a_positive_mean_has_no_advantage_under_maxrl():
    """(−1, −3): mean −2; (0, 0, 0): mean 0; (−1, 2): mean ½, so −1.5/.5 and 1.5/.5."""
    made = Estimator(std="mean")
    assert made([[-1.0, -3.0]]).tolist() == [[0.0, 0.0]]
    assert made([[0.0, 0.0, 0.0]]).tolist() == [[0.0, 0.0, 0.0]]
    close(made([[-1.0, 2.0]]), [[-3.0, 3.0]])
