"""Exact pass rates and deviations, labels, and realisability against constructions with a known answer."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bandits import (
    coherent,
    draw_labels,
    equicorrelation,
    from_array,
    offsets_for_pass_rate,
    one_hot_rewards,
    realisable,
    rewards_with_moments,
    simplex_arms,
)

KEY = jax.random.key(0)


def softmax(z) -> np.ndarray:
    e = np.exp(np.asarray(z) - np.asarray(z).max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_offsets_have_exactly_the_pass_rate_and_keep_proportions():
    rng = np.random.default_rng(0)
    p = np.array([1e-9, 1e-3, 0.2, 0.5, 0.97, 1 - 1e-9])
    r = np.array([[1, 0, 0, 1, 0]] * 3 + [[0, 0, 1, 0, 0]] * 3, float)
    base = 3 * rng.normal(size=r.shape)
    π = softmax(offsets_for_pass_rate(r, p, base))
    np.testing.assert_allclose((π * r).sum(1), p, rtol=1e-12)
    np.testing.assert_allclose((π * (1 - r)).sum(1), 1 - p, rtol=1e-12)
    for x in range(6):
        for kind in (0, 1):
            same = r[x] == kind
            wanted = np.exp(base[x, same])
            np.testing.assert_allclose(π[x, same] / π[x, same].sum(), wanted / wanted.sum(), rtol=1e-12)


def test_offsets_are_log_probabilities_and_uniform_by_default():
    b = np.asarray(offsets_for_pass_rate([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]], 0.2))
    np.testing.assert_allclose(np.exp(b), [[0.2, 0.4, 0.4], [0.8, 0.1, 0.1]], rtol=1e-13)


def test_one_hot_rewards():
    np.testing.assert_array_equal(one_hot_rewards(jnp.array([2, 0]), 3), [[0, 0, 1], [1, 0, 0]])


def test_real_rewards_have_the_mean_and_deviation_and_keep_their_shape():
    rng = np.random.default_rng(1)
    z, raw = 2 * rng.normal(size=(4, 5)), rng.normal(size=(4, 5)) + 100.0
    J, σ = np.array([-1.0, 0.0, 0.3, 7.0]), np.array([0.1, 0.0, 0.5, 3.0])
    r = np.asarray(rewards_with_moments(z, J, σ, raw))
    π = softmax(z)
    mean = (π * r).sum(1)
    np.testing.assert_allclose(mean, J, rtol=0, atol=1e-11)  # the raw values carry a common 100: 1e-14 · 100 · σ
    np.testing.assert_allclose(np.sqrt((π * (r - mean[:, None]) ** 2).sum(1)), σ, rtol=1e-10, atol=1e-12)
    alive = σ > 0
    slope = ((r[:, 1] - r[:, 0]) / (raw[:, 1] - raw[:, 0]))[alive]
    assert (slope > 0).all()
    np.testing.assert_allclose(
        (r[:, 3] - r[:, 2])[alive] / (raw[:, 3] - raw[:, 2])[alive], slope, rtol=1e-9
    )  # as above
    shared = np.asarray(rewards_with_moments(z, 0.5, 2.0, raw))  # one number for all prompts
    np.testing.assert_allclose((π * shared).sum(1), 0.5, rtol=1e-10)
    np.testing.assert_allclose((π * (shared - 0.5) ** 2).sum(1), 4.0, rtol=1e-10)


def test_labels_share_what_they_should():
    N, K = 400, 5
    same = np.asarray(draw_labels(N, K, conflict=0.0, key=KEY))
    assert (same == same[0]).all()
    some = np.asarray(draw_labels(N, K, conflict=0.25, key=KEY))
    # 100 redrawn, of which a fifth fall on the shared arm: 80 ± 4, five standard errors wide
    assert 60 <= (some != same[0]).sum() <= 100
    all_drawn = np.asarray(draw_labels(N, K, conflict=1.0, key=KEY))
    counts = np.bincount(all_drawn, minlength=K)
    assert counts.shape == (K,)
    assert ((counts - N / K) ** 2 / (N / K)).sum() < 23.5  # chi-square, 4 degrees of freedom, 1e-4
    assert len({int(draw_labels(8, K, conflict=0.0, key=jax.random.key(s))[0]) for s in range(30)}) == K


def test_half_a_prompt_is_rounded():
    # 3 prompts, K huge: a redrawn label almost surely differs, so that the redrawn ones can be counted
    labels = [np.asarray(draw_labels(3, 10**6, conflict=c, key=KEY)) for c in (0.0, 1 / 3, 2 / 3, 1.0)]
    assert [(y != labels[0]).sum() for y in labels] == [0, 1, 2, 3]


def test_orthogonal_is_realisable_and_identical_features_with_conflict_are_not():
    arms = simplex_arms(3)
    conflict, agreed = jnp.array([0, 1, 2]), jnp.array([1, 1, 1])
    assert realisable(coherent(None, arms, num_prompts=3), conflict)
    assert realisable(coherent(equicorrelation(3, 0.9), arms), conflict)  # independent e_x: every labelling
    same = coherent(equicorrelation(3, 1.0), arms)
    assert not realisable(same, conflict)
    assert realisable(same, agreed)


def test_an_arm_inside_the_others_is_never_the_likeliest():
    middle = from_array([[[-1.0], [0.0], [1.0]]])
    assert [realisable(middle, jnp.array([y])) for y in range(3)] == [True, False, True]


def test_realisable_against_all_directions_of_the_plane():
    # in two dimensions θ matters by its angle alone: a fine grid of angles is a brute-force oracle, refused within its
    # own resolution only (then the margin is checked to be clear of it)
    rng = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 20000, endpoint=False)
    θ = np.stack([np.cos(angles), np.sin(angles)])
    answers = []
    for _ in range(12):
        φ = rng.normal(size=(2, 3, 2))
        for y in itertools.product(range(3), repeat=2):
            margins = [φ[x, y[x]] - φ[x, k] for x in range(2) for k in range(3) if k != y[x]]
            best = (np.array(margins) @ θ).min(axis=0).max()
            assert abs(best) > 2e-3
            answers.append(best > 0)
            assert realisable(from_array(φ), jnp.array(y)) == answers[-1]
    assert 0.2 < np.mean(answers) < 0.8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: offsets_for_pass_rate([[1.0, 0.5]], 0.5), "rewards contains 0.5"),
        (lambda: offsets_for_pass_rate([[1.0, 0.0], [1.0, 1.0]], 0.5), "rewards of prompt 1 are all 1"),
        (lambda: offsets_for_pass_rate([[0.0, 0.0]], 0.5), "rewards of prompt 0 are all 0"),
        (lambda: offsets_for_pass_rate([[1.0, 0.0]], 0.0), "pass_rate contains 0"),
        (lambda: offsets_for_pass_rate([[1.0, 0.0]], [1.0]), "pass_rate contains 1"),
        (lambda: offsets_for_pass_rate([[1.0, 0.0]], [0.5, 0.5]), "pass_rate has shape"),
        (lambda: offsets_for_pass_rate([1.0, 0.0], 0.5), "rewards has shape"),
        (lambda: offsets_for_pass_rate([[1.0, 0.0]], 0.5, [[0.0]]), "base has shape"),
        (lambda: offsets_for_pass_rate([[1.0, 0.0]], 0.5, [[0.0, -np.inf]]), "base contains -inf"),
        (lambda: rewards_with_moments([[0.0, 0.0, 1.0]], 0.0, 1.0, [[0.1, 0.1, 0.1]]), "raw of prompt 0 does not vary"),
        (
            lambda: rewards_with_moments([[0.3, 0.1, 1.0, 0.7]] * 2, 0.0, 1.0, [[1, 2, 3, 4], [0.7] * 4]),
            "raw of prompt 1",
        ),
        (lambda: rewards_with_moments([[0.0, 1.0]], 0.0, -1.0, [[0.0, 1.0]]), "std contains -1"),
        (lambda: rewards_with_moments([[0.0, 1.0]], np.nan, 1.0, [[0.0, 1.0]]), "value contains nan"),
        (lambda: rewards_with_moments([[0.0, 1.0]], [0.0, 0.0], 1.0, [[0.0, 1.0]]), "value has shape"),
        (lambda: rewards_with_moments([[0.0, 1.0]], 0.0, [1.0, 1.0], [[0.0, 1.0]]), "std has shape"),
        (lambda: rewards_with_moments([0.0, 1.0], 0.0, 1.0, [0.0, 1.0]), "logits has shape"),
        (lambda: rewards_with_moments([[0.0, 1.0]], 0.0, 1.0, [[0.0, 1.0, 2.0]]), "raw has shape"),
        (lambda: rewards_with_moments([[0.0, 1.0]], 0.0, 1.0, [[0.0, np.inf]]), "raw contains inf"),
        (lambda: draw_labels(0, 2, key=KEY), "num_prompts is 0"),
        (lambda: draw_labels(2, 1, key=KEY), "num_arms is 1"),
        (lambda: draw_labels(2, 2, conflict=1.5, key=KEY), "conflict contains 1.5"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
