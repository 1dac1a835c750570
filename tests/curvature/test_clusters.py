"""Errors by prompts: against loops, and against the spread of fresh data."""

import numpy as np
import pytest

from curvature.clusters import cluster_histograms, clustered_std_error, resampled_histograms
from tests.refusals import message


def draw(rng: np.random.Generator, prompts: int = 60, visits: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Counts of 4 and their prompts; visits of one prompt share a pass rate."""
    rate = np.repeat(rng.beta(0.4, 0.4, prompts), visits)
    return rng.binomial(4, rate), np.repeat(np.arange(prompts), visits)


def test_histograms_by_prompt() -> None:
    k, owner = draw(np.random.default_rng(0))
    found = cluster_histograms(k, 4, owner * 7 + 3)
    assert found.tolist() == [np.bincount(k[owner == p], minlength=5).tolist() for p in range(60)]


def test_errors_are_those_of_fresh_data_and_groups_alone_would_claim_half() -> None:
    rng = np.random.default_rng(1)
    means, errors, naive, boot = [], [], [], []
    for i in range(400):
        k, owner = draw(rng)
        means.append(k.mean())
        errors.append(clustered_std_error(k, owner))
        naive.append(clustered_std_error(k, np.arange(k.size)))
        if i < 40:
            again = resampled_histograms(cluster_histograms(k, 4, owner), 400, generator=rng)
            boot.append((again @ np.arange(5) / again.sum(axis=1)).std())
    true = np.std(means)  # of 400: known to 1/√800 = 3.5%
    assert np.mean(errors) == pytest.approx(true, rel=0.12)
    assert np.mean(boot) == pytest.approx(true, rel=0.12)
    assert np.mean(naive) < 0.6 * true


def test_drawing_kinds_of_prompts_is_drawing_prompts() -> None:
    """Mean and covariance of the resampled histograms are those of the sum of P independent rows."""
    H = np.array([[1, 0, 2], [1, 0, 2], [0, 3, 0], [1, 1, 1]])
    found = resampled_histograms(H, 20_000, generator=np.random.default_rng(2))
    assert found.sum(axis=1).tolist() == [12] * 20_000
    np.testing.assert_allclose(found.mean(axis=0), H.sum(axis=0), atol=0.06)  # five errors of √(4 · 1.7/20000) = .018
    np.testing.assert_allclose(np.cov(found.T), 4 * np.cov(H.T, ddof=0), atol=0.25)  # √(2/20000) of 6, five times


def test_one_value_a_cluster_is_the_usual_error_and_one_cluster_has_none() -> None:
    x = np.random.default_rng(3).normal(size=50)
    assert clustered_std_error(x, np.arange(50)) == pytest.approx(x.std(ddof=1) / np.sqrt(50))
    assert np.isnan(clustered_std_error(x, np.zeros(50)))


def test_refusals() -> None:
    assert message(cluster_histograms, [0, 5], 4, [0, 1]).startswith("counts contains 5.0; allowed")
    assert message(cluster_histograms, [0, 0.5], 4, [0, 1]) == "counts contains 0.5; allowed: whole numbers"
    assert message(cluster_histograms, [0, 1], 4, [0]).startswith("cluster has shape (1,)")
    assert message(clustered_std_error, [0.0, 1.0], [0]).startswith("cluster has shape (1,)")
    assert message(clustered_std_error, [0.0, float("nan")], [0, 1]).startswith("values contains nan")
    with np.errstate(all="raise"):
        assert message(resampled_histograms, [1, 2], 3, generator=np.random.default_rng(0)).startswith("histograms has")
