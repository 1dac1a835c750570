"""Measured rescaling of sampled groups against b_G(p), on a policy whose p are enumerated."""

import jax.numpy as jnp
import numpy as np
import pytest

from curvature._advantages import Estimator
from curvature.groups import adaptivity
from experiments.language.probes import cap
from experiments.language.probes.cap import CapCheck
from tests.experiments.language import tiny

BATCH = tiny.batch()
θ = tiny.trained(30)
G, M = 6, 2_000


@pytest.fixture(scope="module")
def check():
    with tiny.quick():
        return CapCheck(tiny.model(), longest=3, group_size=G, num_groups=M)


def z(rows):
    return (rows["factor"] - rows["predicted"]) / rows["factor_error"]


@pytest.fixture(scope="module")
def rows(check):
    return check(θ, BATCH, seed=0)


def test_the_prediction_is_b_of_the_enumerated_pass_rate(rows):
    J = np.asarray(tiny.success(tiny.doubled(θ)))
    np.testing.assert_allclose(rows["pass_rate"], J, rtol=1e-5)
    np.testing.assert_allclose(rows["predicted"], adaptivity(J, G), rtol=1e-5)
    assert rows["group_size"].tolist() == [G] * 5
    assert rows["window_low"].tolist() == [2.0] * 5
    np.testing.assert_allclose(rows["window_high"], G / np.sqrt(G - 1), rtol=1e-14)
    assert {name: len(column) for name, column in rows.items()} == dict.fromkeys(rows, 5)


def test_the_factor_is_within_4_errors_of_b(rows):
    assert (np.abs(z(rows)) < 4).all()
    assert (rows["factor_error"] < 0.02 * rows["factor"]).all()
    σ = np.sqrt(rows["pass_rate"] * (1 - rows["pass_rate"]))
    assert (np.abs(rows["factor"] - 1 / σ) > 4 * rows["factor_error"]).any()  # the exact GRPO's 1/σ: refused
    middle = np.full(5, adaptivity(0.5, G))
    assert (np.abs(rows["factor"] - middle) > 4 * rows["factor_error"]).any()  # nor is it one number for all p


def test_the_factor_where_two_tokens_end():
    """Right is what is answered, by whichever token it is ended; with one of them the rates would be half of these."""
    ends, free = (tiny.END, tiny.SEPARATOR), tiny.parameters()
    with tiny.quick():
        rows = CapCheck(tiny.model(ends=ends), longest=3, group_size=G, num_groups=M)(free, BATCH, seed=0)
    each = np.stack([np.where(tiny.right() == tiny.END, end, tiny.right()) for end in ends], axis=1)
    lengths = np.repeat(np.asarray(BATCH.response_lengths), 2, axis=1)
    J = np.exp(np.asarray(tiny._log_of(free, tiny.SMALLEST, tiny.ALL, each, lengths))).sum(axis=1)
    np.testing.assert_allclose(rows["pass_rate"], J, rtol=1e-5)
    often = (
        J > 0.01
    )  # in groups of rarer answers at most one is right, and the factor is the window's end without error
    assert often.sum() == 2
    assert (np.abs(z(rows))[often] < 4).all()
    assert (rows["factor_error"] < 0.02 * rows["factor"])[often].all()


def test_without_the_division_the_factor_is_1_and_is_refused(check, monkeypatch):
    def undivided(scale="none"):
        return Estimator(scale=scale)

    monkeypatch.setattr(cap, "Estimator", undivided)
    found = check(θ, BATCH, seed=0)
    np.testing.assert_allclose(found["factor"], 1, rtol=1e-12)
    assert not (np.abs(found["factor"] - found["predicted"]) <= 4 * found["factor_error"]).any()


def test_another_division_is_refused(check, monkeypatch):
    """The sample deviation, as trainers take it, is smaller by √((G−1)/G)."""
    monkeypatch.setattr(cap, "Estimator", lambda scale="group": Estimator(scale=scale, ddof=1))
    found = check(θ, BATCH, seed=0)
    np.testing.assert_allclose(found["factor"], np.sqrt((G - 1) / G) * check_rows(check, monkeypatch), rtol=1e-12)
    assert (np.abs(z(found)) > 4).all()


def check_rows(check, monkeypatch):
    monkeypatch.undo()
    return check(θ, BATCH, seed=0)["factor"]


def test_the_stated_error_is_the_scatter_over_seeds(check):
    """10 seeds, 5 prompts: z has deviation 1, itself known to 1/√(2·50) = .1, and mean 0."""
    scores = np.array([z(check(θ, BATCH, seed=seed)) for seed in range(1, 11)])
    assert 0.6 < scores.std() < 1.4
    assert abs(scores.mean()) < 4 / np.sqrt(scores.size)


def test_prompts_whose_groups_never_vary_are_nan(check):
    extreme = {**θ, "final_norm": jnp.asarray(1000.0, jnp.float32) * θ["final_norm"]}
    found = check(extreme, BATCH, seed=0)
    dead = np.minimum(found["pass_rate"], 1 - found["pass_rate"]) < 1e-9
    assert dead.any()
    assert np.isnan(found["factor"][dead]).all()
    assert np.isnan(found["factor_error"][dead]).all()
    assert np.isfinite(found["predicted"]).all()
