r"""Groups of one prompt are not independent: errors by prompts, whole prompts drawn anew.

    bootstrap: P prompts drawn with replacement from P, each with all its groups
    Var(mean of x) ≈ P/(P−1) Σ_prompts (Σ_{groups of the prompt} (x_g − x̄))²/N²

Prompts with equal histograms are drawn together by a multinomial, which is the same law and takes no longer for a
million prompts than for the few different histograms that there are. Needs no JAX. Independent checks (Monte Carlo):
tests/curvature/test_clusters.py.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from curvature.count_kernels import Values
from curvature.ranges import check_count, check_interval


def cluster_histograms(counts: Values, group_size: int, cluster: Values) -> Int[np.ndarray, "clusters counts"]:
    """How many groups of each prompt have k = 0 … G right answers.

    Arguments:
        counts: [N] k, whole numbers from 0 to G.
        group_size: G ≥ 1.
        cluster: [N] whose group it is, any numbers.

    Raises:
        ValueError: other counts, shapes that do not fit.

    >>> cluster_histograms([0, 2, 1], 2, [7, 7, 9]).tolist()
    [[1, 0, 1], [0, 1, 0]]
    """
    check_count("group_size", group_size, 1)
    check_interval("counts", counts, 0, group_size)
    check_interval("cluster", cluster, -float("inf"), float("inf"), open_ends="lh")
    k, owner = np.asarray(counts), np.asarray(cluster)
    if k.ndim != 1 or k.size == 0 or owner.shape != k.shape:
        raise ValueError(f"cluster has shape {owner.shape}; allowed: one for each of the counts, {k.shape}")
    if (k != np.floor(k)).any():
        raise ValueError(f"counts contains {k[k != np.floor(k)][0]}; allowed: whole numbers")
    _, index = np.unique(owner, return_inverse=True)
    found = np.zeros((int(index.max()) + 1, group_size + 1), np.int64)
    np.add.at(found, (index, k.astype(np.int64)), 1)
    return found


def resampled_histograms(
    histograms: Values, num_resamples: int, *, generator: np.random.Generator
) -> Float[np.ndarray, "resamples counts"]:
    """Histograms over all groups, of as many prompts as there are, drawn with replacement.

    Arguments:
        histograms: [P, G+1] of each prompt, as `cluster_histograms` gives them.
        num_resamples: ≥ 1.
        generator: of the draws.

    Raises:
        ValueError: no matrix, no prompt, negative numbers.

    >>> resampled_histograms([[1, 2]], 2, generator=np.random.default_rng(0)).tolist()  # one prompt: nothing varies
    [[1.0, 2.0], [1.0, 2.0]]
    """
    check_count("num_resamples", num_resamples, 1)
    check_interval("histograms", histograms, 0, float("inf"), open_ends="h")
    H = np.asarray(histograms, float)
    if H.ndim != 2 or H.size == 0:
        raise ValueError(f"histograms has shape {H.shape}; allowed: (prompts, G + 1), no empty axis")
    kinds, number = np.unique(H, axis=0, return_counts=True)
    return generator.multinomial(len(H), number / len(H), size=num_resamples) @ kinds


def clustered_std_error(values: Values, cluster: Values) -> float:
    """Standard error of the mean of `values` [N], where those of one cluster hang together; NaN for one cluster.

    Arguments:
        values: [N] finite.
        cluster: [N] whose value it is.

    Raises:
        ValueError: values that are not finite, shapes that do not fit.

    Each value for itself: the usual s/√N, √(2/3)/√(3 − 1).

    >>> round(clustered_std_error([1.0, 2.0, 3.0], [0, 1, 2]), 6)
    0.57735
    """
    check_interval("values", values, -float("inf"), float("inf"), open_ends="lh")
    check_interval("cluster", cluster, -float("inf"), float("inf"), open_ends="lh")
    x, owner = np.asarray(values, float), np.asarray(cluster)
    if x.ndim != 1 or x.size == 0 or owner.shape != x.shape:
        raise ValueError(f"cluster has shape {owner.shape}; allowed: one for each of the values, {x.shape}")
    _, index = np.unique(owner, return_inverse=True)
    P = int(index.max()) + 1
    if P < 2:
        return float("nan")
    sums = np.bincount(index, x - x.mean(), P)
    return float(np.sqrt(P / (P - 1) * (sums @ sums)) / x.size)
