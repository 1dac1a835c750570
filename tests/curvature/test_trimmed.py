"""Columns some of whose rows are wrong: the estimator of the others is found, and which rows they are."""

from __future__ import annotations

import numpy as np
import pytest

from curvature.audit import audit
from curvature.trainers import known_estimators

WEIGHTS = np.array([1.0, 0.5, 0.2])
N, G, PER_BATCH = 120, 4, 10


def made(name: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """([R] advantages in float32, [R, 3] rewards, [R] batches), from the formulas of docs/trainers.md."""
    rng = np.random.default_rng(seed)
    rewards = np.stack([rng.random((N, G)) < 0.5, rng.random((N, G)), rng.random((N, G))], axis=2).astype(np.float32)
    rule, ddof, epsilon = known_estimators()[name]
    r = rewards.astype(float) @ WEIGHTS
    centred = r - r.mean(axis=1, keepdims=True)
    batch = np.arange(N) // PER_BATCH
    divisors = {
        "group": r.std(axis=1, ddof=ddof or 0, keepdims=True),
        "pooled": np.array([r[batch == b].std(ddof=ddof or 0) for b in batch])[:, None],
        "none": 1.0,
    }
    A = centred / (divisors[rule] + (epsilon or 0.0))
    return A.astype(np.float32).astype(float).reshape(-1), rewards.reshape(-1, 3).astype(float), np.repeat(batch, G)


@pytest.mark.parametrize("wrong", [0.1, -3.0, 1e30])
@pytest.mark.parametrize("name", ["trl", "trl_batch", "trl_none", "open_instruct"])
def test_wrong_rows_are_those_that_were_changed(name: str, wrong: float) -> None:
    A, rewards, batch = made(name)
    where = np.array([5, 130, 131, 402])
    A[where] += wrong
    found = audit(A, list(rewards.T), np.arange(N * G) // G, batch)
    rule, ddof, _ = known_estimators()[name]
    assert not found.explaining
    assert found.best.rule == rule
    assert found.best.ddof == (None if rule == "none" else ddof)
    assert found.best.share == 1 - len(where) / (N * G)
    assert np.flatnonzero(~found.agrees).tolist() == where.tolist()
    weights = found.best.weights / found.best.weights[0]
    assert weights == pytest.approx(WEIGHTS, rel=1e-4)


def test_one_batch_whose_group_is_wrong() -> None:
    A, rewards, _ = made("trl")
    A[8:12] = -A[8:12] + 0.3
    found = audit(A, list(rewards.T), np.arange(N * G) // G, np.zeros(N * G))
    assert (found.best.rule, found.best.ddof) == ("group", 1)
    assert np.flatnonzero(~found.agrees).tolist() == [8, 9, 10, 11]


def test_the_first_alternative_is_the_one_that_explains_most() -> None:
    A, rewards, batch = made("trl")
    A[7] = 1e30
    found = audit(A, list(rewards.T), np.arange(N * G) // G, batch)
    shares = [other.share for other in found.alternatives]
    assert shares == sorted(shares, reverse=True)
    assert [fit.share for fit in found.fits if fit.plausible] == sorted(
        (fit.share for fit in found.fits if fit.plausible), reverse=True
    )


def test_noise_is_explained_by_nothing() -> None:
    _, rewards, batch = made("trl")
    A = np.random.default_rng(1).normal(size=N * G)
    found = audit(A, list(rewards.T), np.arange(N * G) // G, batch)
    assert found.best.share < 0.02
    assert (~found.agrees).mean() == pytest.approx(1 - found.best.share)
