r"""How far a group moves the policy under a rule: the length c of its update, shares of it, and ratios of two rules.

    binary rewards: update of a group with k right of G = c(k) · (mean score of right − of wrong),
    c(k) = w(k) k(G−k)/G² = Σ_i |A_i|/(2G);    any rewards: c = Σ_i |A_i|/(2G)

    share of a group   c/Σc                         moved share   ½ Σ |c_a/Σc_a − c_b/Σc_b|  (total variation)
    effective groups   (Σc)²/Σc²                    step ratios   L1 = Σc_a/Σc_b,  L2 = √(Σc_a²/Σc_b²)
    R_G = max w_group/min w_group over live groups = √(⌊G/2⌋⌈G/2⌉/(G−1));  moved share ≤ (√R_G − 1)/(√R_G + 1)

Shares compare directions, step ratios compare lengths; neither ratio is *the* change of the learning rate, since that
depends on how the groups' scores overlap, which is not in the rewards: L1 is exact where all scores are parallel, L2
where they are orthogonal. Sums run over kinds of groups (k = 0 … G, or single groups), each with the number of groups
of its kind; further axes in front are resamples. Needs no JAX.

Independent checks: tests/curvature/test_group_update.py.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from curvature.count_kernels import Values, frequencies
from curvature.ranges import check_count, check_interval
from curvature.rule import NAMES, REWEIGHING, Rule, parse

COUNTED = (*(name for name in NAMES if name != "decoupled"), *REWEIGHING)
"""Rules that have a length for every k: all but the one that needs features."""


def update_lengths(
    rule: Rule | str, histogram: Values, *, ddof: int = 0, epsilon: float = 0.0
) -> Float[np.ndarray, " counts"]:
    """c(k) for k = 0 … G.

    Arguments:
        rule: a `Rule` or its name, of `COUNTED`.
        histogram: [G+1] how many groups have k right answers; "batch" and "pooled" take their deviation from it, the
            others only G ≥ 2.
        ddof: 0 or 1, of the deviation that divides.
        epsilon: added to that deviation, ≥ 0.

    Raises:
        ValueError: another rule, a histogram that is none, as `Rule.group_weights`.

    >>> print(update_lengths("none", [1, 1, 1, 1, 1]))  # k(4−k)/16
    [0.     0.1875 0.25   0.1875 0.    ]
    """
    f = frequencies(histogram)
    if f.ndim != 1 or f.size < 3:
        raise ValueError(f"histogram has shape {f.shape}; allowed: (G + 1,) with G of at least 2")
    if not isinstance(rule, Rule):
        rule = parse(rule, allowed=COUNTED)
    G, k = f.size - 1, np.arange(f.size)
    plain = k * (G - k) / G**2
    if rule.kind not in ("batch", "pooled"):
        return plain * np.array(rule.group_weights(G, ddof=ddof, epsilon=epsilon))
    group = np.sqrt(plain * G / (G - ddof))
    n = float(np.sum(np.asarray(histogram, float))) * G
    p = float(f @ k) / G
    deviation = float(f @ group) if rule.kind == "batch" else np.sqrt(p * (1 - p) * n / (n - ddof))
    return plain / (deviation + epsilon) if deviation > 0 else 0 * plain


def update_shares(lengths: Values, number: Values) -> Float[np.ndarray, "*batch kinds"]:
    """Which share of the update each kind of group has, n c/Σ n c; 0 where none has any.

    Arguments:
        lengths: [kinds] c ≥ 0.
        number: [*batch, kinds] groups of each kind.

    Raises:
        ValueError: negative numbers, NaN, shapes that do not fit.

    >>> print(update_shares([0.0, 1.0, 2.0], [5, 2, 1]))
    [0.  0.5 0.5]
    """
    return _shares(*_checked(number, lengths=lengths))


def moved_share(lengths: Values, other: Values, number: Values) -> Float[np.ndarray, "*batch"]:
    """Which share of the update one rule puts elsewhere than another: ½ Σ |share_a − share_b|, from 0 to 1.

    Arguments:
        lengths, other: [kinds] c ≥ 0 of the two rules.
        number: [*batch, kinds] groups of each kind.

    Raises:
        ValueError: as `update_shares`.

    >>> print(moved_share([1.0, 3.0], [1.0, 1.0], [1, 1]))  # from ½, ½ to ¼, ¾
    0.25
    """
    apart = np.abs(_shares(*_checked(number, lengths=lengths)) - _shares(*_checked(number, other=other)))
    return np.asarray(apart.sum(axis=-1) / 2)


def length_cosine(lengths: Values, other: Values, number: Values) -> Float[np.ndarray, "*batch"]:
    """Σ c_a c_b/√(Σ c_a² Σ c_b²) over groups: 1 where two rules differ by a factor; NaN where nothing is updated.

    Arguments as `moved_share`.

    Raises:
        ValueError: as `update_shares`.
    """
    c, n = _checked(number, lengths=lengths)
    d, _ = _checked(number, other=other)
    return _ratio(n @ (c * d), np.sqrt((n @ c**2) * (n @ d**2)))


def effective_groups(lengths: Values, number: Values) -> Float[np.ndarray, "*batch"]:
    """(Σc)²/Σc²: as many groups of one length would average their noise as well; 0 where nothing is updated.

    Arguments as `update_shares`.

    Raises:
        ValueError: as `update_shares`.

    >>> print(effective_groups([0.0, 1.0], [5, 3]))  # dead groups do not count
    3.0
    """
    c, n = _checked(number, lengths=lengths)
    return np.asarray(np.nan_to_num(_ratio((n @ c) ** 2, n @ c**2)))


def step_ratios(
    lengths: Values, other: Values, number: Values
) -> tuple[Float[np.ndarray, "*batch"], Float[np.ndarray, "*batch"]]:
    """(L1, L2) of one rule's step over another's; NaN where the other has none.

    Arguments as `moved_share`.

    Raises:
        ValueError: as `update_shares`.

    >>> print([float(ratio) for ratio in step_ratios([2.0, 4.0], [1.0, 2.0], [7, 5])])
    [2.0, 2.0]
    """
    c, n = _checked(number, lengths=lengths)
    d, _ = _checked(number, other=other)

    return _ratio(n @ c, n @ d), np.asarray(np.sqrt(_ratio(n @ c**2, n @ d**2)))


def greatest_weight_ratio(group_size: int) -> float:
    """R_G: how many times heavier than another live group dividing by the deviation can make a group at most.

    Raises:
        ValueError: G < 2.

    >>> greatest_weight_ratio(3), round(greatest_weight_ratio(8), 2)  # √(4 · 4/7)
    (1.0, 1.51)
    """
    check_count("group_size", group_size, 2)
    return float(np.sqrt((group_size // 2) * ((group_size + 1) // 2) / (group_size - 1)))


def greatest_moved_share(group_size: int) -> float:
    """(√R_G − 1)/(√R_G + 1): what dividing by the deviation moves at most, with two reward values, whatever the groups.

    Weights between 1 and R on shares m and 1 − m move m(1 − m)(R − 1)/(mR + 1 − m), most at m = 1/(1 + √R).

    Raises:
        ValueError: G < 2.

    >>> [round(greatest_moved_share(G), 3) for G in (2, 4, 7, 8, 16)]
    [0.0, 0.036, 0.086, 0.103, 0.179]
    """
    root = greatest_weight_ratio(group_size) ** 0.5
    return (root - 1) / (root + 1)


def _shares(c: np.ndarray, n: np.ndarray) -> np.ndarray:
    weight = n * c
    total = weight.sum(axis=-1, keepdims=True)
    return np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)


def _ratio(above: np.ndarray | np.float64, below: np.ndarray | np.float64) -> np.ndarray:
    """NaN where nothing is below."""
    over = np.asarray(below, float)
    return np.divide(above, over, out=np.full_like(over, np.nan), where=over > 0)


def _checked(number: Values, **lengths: Values) -> tuple[np.ndarray, np.ndarray]:
    ((name, value),) = lengths.items()
    check_interval(name, value, 0, float("inf"), open_ends="h")
    check_interval("number", number, 0, float("inf"), open_ends="h")
    c, n = np.asarray(value, float), np.asarray(number, float)
    if c.ndim != 1 or n.ndim < 1 or n.shape[-1] != c.size:
        raise ValueError(f"{name} has shape {c.shape}; allowed: one number for each of the {n.shape[-1:]} kinds")
    return c, n
