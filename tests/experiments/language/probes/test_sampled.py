"""Means of the sampled probe's estimates over repetitions against the exact values, and noise seen as noise."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.language.probes.sampled import SampledProber
from experiments.language.problems.task import Task
from tests.experiments.language import tiny

TASK = tiny.task()
θ = tiny.trained(30)
HALF, REPETITIONS = 32, 60


@pytest.fixture(scope="module")
def prober():
    with tiny.quick():
        return SampledProber(tiny.model(), longest=3, half=HALF)


@pytest.fixture(scope="module")
def repetitions(prober):
    """Rows of many seeds, and the directions [2, N, d] along which each measured curvature."""
    rows, directions, real = [], [], prober._bends

    def recorded(q, b, u):
        directions.append(np.asarray(u, np.float64))
        return real(q, b, u)

    prober._bends = recorded
    rows += [prober(θ, TASK, seed=seed) for seed in range(REPETITIONS)]
    prober._bends = real
    return rows, np.array(directions).reshape(REPETITIONS, 2, 5, -1)


def column(repetitions, name):
    return np.array([prompts[name] for prompts, _ in repetitions[0]])


def assert_mean(values, exact, sigmas=4.0):
    """[repetitions, N] values have the mean `exact`, within 4 standard errors of their mean."""
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    assert (np.abs(values.mean(axis=0) - exact) <= sigmas * error).all(), (values.mean(axis=0), exact, error)


def exact():
    wide = tiny.doubled(θ)
    return np.asarray(tiny.success(wide)), np.asarray(tiny.gradients(wide)), np.asarray(tiny.hessians(wide))


def test_pass_rates_variances_and_norms_are_unbiased(repetitions):
    J, g, _ = exact()
    assert_mean(column(repetitions, "pass_rate"), J)
    assert_mean(column(repetitions, "std") ** 2, J * (1 - J))
    own = (g**2).sum(axis=1)
    assert_mean(column(repetitions, "squared_norm"), own)
    assert column(repetitions, "prompt").tolist() == [list(range(5))] * REPETITIONS
    with pytest.raises(AssertionError):  # one half's own square has the noise's trace in it
        assert_mean(column(repetitions, "squared_norm") / column(repetitions, "half_cosine"), own)


def test_curvature_is_unbiased_along_the_other_half_s_gradient(repetitions):
    """Each repetition measures along its own two directions, so its exact value is ½ Σ uᵀ∇²J u over them."""
    _, _, H = exact()
    U = repetitions[1]
    square = (U**2).sum(axis=-1)
    κ = np.einsum("rhxi,xij,rhxj->rhx", U, H, U) / np.where(square > 0, square, 1)
    assert (square > 0).mean() > 0.9
    found = column(repetitions, "curvature")
    assert_mean(found - κ.mean(axis=1), 0.0)
    with pytest.raises(AssertionError):
        assert_mean(found + κ.mean(axis=1), 0.0)


def test_stated_errors_are_the_scatter(repetitions):
    _, _, H = exact()
    U = repetitions[1]
    square = (U**2).sum(axis=-1)
    κ = (np.einsum("rhxi,xij,rhxj->rhx", U, H, U) / np.where(square > 0, square, 1)).mean(axis=1)
    scatter = np.sqrt(((column(repetitions, "curvature") - κ) ** 2).mean(axis=0))
    stated = np.sqrt((column(repetitions, "curvature_error") ** 2).mean(axis=0))
    # 60 repetitions know a deviation to some 10–20% with these tails; rare right answers make the errors low
    assert (np.abs(np.log(scatter / stated)) < np.log(1.6)).all(), scatter / stated


def test_halves_are_independent(repetitions):
    """A cosine between estimates of the same noise would be 1."""
    cosine = column(repetitions, "half_cosine")
    assert np.nanmax(cosine) < 1
    assert np.nanmean(np.abs(cosine)) < 0.95


def test_indices_are_near_the_exact_ones_where_they_are_resolved(repetitions):
    J, g, _ = exact()
    σ = np.sqrt(J * (1 - J))
    own = (g**2).sum(axis=1)
    truth = {
        "cross_ratio": g.sum(axis=0) @ (g / σ[:, None]).sum(axis=0) / (own / σ).sum(),
        "orthogonality": (g.sum(axis=0) ** 2).sum() / own.sum(),
    }
    for name, value in truth.items():
        states = [state for _, state in repetitions[0] if state[f"{name}_resolved"]]
        assert len(states) < REPETITIONS or np.isfinite([state[name] for state in states]).all()
        for _, state in repetitions[0]:
            assert np.isfinite(state[name]) == bool(state[f"{name}_resolved"])
        if len(states) > 10:  # a ratio is biased by a relative variance of its denominator, 1/4 at worst
            assert np.mean([state[name] for state in states]) == pytest.approx(value, rel=0.25)


def test_the_same_seed_gives_the_same_rows(prober, repetitions):
    again, state = prober(θ, TASK, seed=3)
    for name, values in again.items():
        np.testing.assert_array_equal(values, repetitions[0][3][0][name])
    assert state == pytest.approx(repetitions[0][3][1], nan_ok=True)
    assert (again["curvature"] != repetitions[0][4][0]["curvature"]).any()


class Coin(Task):
    """A task whose rewards have nothing to do with the responses."""

    def __init__(self, seed):
        vars(self).update(vars(TASK), random=np.random.default_rng(seed))

    def rewards(self, problems, samples):
        return self.random.integers(0, 2, samples.ended.shape).astype(np.float32)


def test_random_rewards_resolve_nothing(prober):
    """By chance |κ| exceeds 2 nulls in 5% of cases; 4 errors of that share of 150 is 7%. Indices: NaN nearly always."""
    found = [prober(θ, Coin(seed), seed=seed) for seed in range(30)]
    resolved = np.concatenate([prompts["curvature_resolved"] for prompts, _ in found])
    assert resolved.mean() < 0.12
    assert np.mean([state["cross_ratio_resolved"] for _, state in found]) < 0.2
    assert np.isnan([state["cross_ratio"] for _, state in found if not state["cross_ratio_resolved"]]).all()
    κ, null = (np.concatenate([prompts[name] for prompts, _ in found]) for name in ("curvature", "curvature_null"))
    assert 0.7 < np.sqrt((κ**2).mean() / (null**2).mean()) < 1.4  # and the null is the scatter


def test_prompts_without_a_right_response_give_zeros_and_no_warning(prober):
    never = replace(TASK, problems=tuple(replace(problem, answer="no") for problem in TASK.problems))
    prompts, state = prober(θ, never, seed=0)
    for name in ("pass_rate", "std", "squared_norm", "curvature"):
        assert (prompts[name] == 0).all(), name
    assert not prompts["curvature_resolved"].any()
    assert state["num_alive"] == state["curvature_resolved"] == 0
    assert np.isnan([state["cross_ratio"], state["orthogonality"], state["half_cosine"]]).all()
    assert jnp.isnan(prompts["half_cosine"]).all()
