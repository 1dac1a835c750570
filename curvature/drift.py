r"""Whether right answers are distributed alike early and late in a log: Pearson's χ² with prompts as clusters.

    X² = dᵀ D⁻ d,  d = f_early − f_late,  D = (1/n_early + 1/n_late)(diag f − f fᵀ)
    X²/(λ̄ (1 + a²)) is about F with ν = rank D/(1 + a²) and ν (P − 1) degrees

Groups of one prompt are alike, so d varies more than D says: λ are the eigenvalues of D⁻V, with V the covariance of d
by prompts (P of them), λ̄ their mean and a their coefficient of variation. Where every prompt has one group it is the
plain χ² test. References: J. Rao, A. Scott (1984), On chi-squared tests for multiway contingency tables, Annals of
Statistics 12; D. Thomas, J. Rao (1987), Small-sample comparisons of level and power, JASA 82. Needs no JAX. Independent
checks (SciPy, Monte Carlo): tests/curvature/test_drift.py.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2
from scipy.stats import f as fisher

from curvature.clusters import cluster_histograms
from curvature.count_kernels import Values
from curvature.ranges import check_count, check_interval

CLASSES = 64
"""Different counts that are held apart at most: more have too few groups each."""


def drift_p(counts: Values, late: Values, group_size: int, cluster: Values) -> float | None:
    """P of a difference as large as this where early and late groups are alike; None where they cannot differ.

    Arguments:
        counts: [N] right answers of each group, from 0 to G.
        late: [N] bool, which groups are of the second part.
        group_size: G ≥ 1.
        cluster: [N] whose group it is.

    Raises:
        ValueError: other counts, shapes that do not fit.

    >>> p = drift_p([0, 0, 1, 1], [False, False, True, True], 1, [0, 1, 2, 3])
    >>> round(p, 6)  # χ² = 4 of one degree
    0.0455
    """
    k = _classes(counts, group_size)
    second = np.asarray(late, bool)
    if second.shape != k.shape:
        raise ValueError(f"late has shape {second.shape}; allowed: one for each of the counts, {k.shape}")
    size, num_classes = np.array([(~second).sum(), second.sum()]), int(k.max()) + 1
    if size.min() == 0 or num_classes < 2:
        return None
    owner = np.unique(np.asarray(cluster), return_inverse=True)[1].reshape(-1)
    H = cluster_histograms(k * 2 + second, 2 * num_classes, owner)[:, :-1].reshape(-1, num_classes, 2)
    P, f = len(H), H.sum(axis=(0, 2)) / size.sum()
    # over √f: D becomes a projection, and X² a sum of squares
    share = (H - f[:, None] * H.sum(axis=1, keepdims=True)) / size
    sums = (share[:, :, 0] - share[:, :, 1]) / np.sqrt(f * (1 / size).sum())
    d = sums.sum(axis=0)
    square = float(d @ d)
    if size.sum() == P:
        return float(chi2.sf(square, num_classes - 1))
    if P < 2:
        return None
    sums -= d / P
    λ = np.linalg.eigvalsh(P / (P - 1) * sums.T @ sums)
    if λ.sum() <= 0:  # every prompt differs alike
        return float(square == 0)
    ν = float(λ.sum() ** 2 / (λ @ λ))
    return float(fisher.sf(square / λ.sum(), ν, ν * (P - 1)))


def _classes(counts: Values, group_size: int) -> np.ndarray:
    """[N] which class each count is in, from 0; neighbours are put together where there are more than `CLASSES`."""
    check_count("group_size", group_size, 1)
    check_interval("counts", counts, 0, group_size)
    k = np.asarray(counts, float)
    if k.ndim != 1 or k.size == 0 or (k != np.floor(k)).any():
        raise ValueError(f"counts has shape {k.shape}; allowed: a row of at least one whole number")
    _, rank, number = np.unique(k, return_inverse=True, return_counts=True)
    if len(number) > CLASSES:
        below = np.cumsum(number) - number
        rank = (below * CLASSES // k.size)[rank.reshape(-1)]
    return np.unique(rank, return_inverse=True)[1].reshape(-1)
