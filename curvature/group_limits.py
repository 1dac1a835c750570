r"""What no rule of groups can do: bounds on any rule that learns nothing from a group whose rewards are equal (T16).

    E q_n ≥ 1/(1/q₀ + (e^w − 1) n),   E n ≥ (1/p₀ − 1/level)/(1 − e^(−w))

n counts answers, q and p are the mean failure and pass rates of N prompts of any overlap, one prompt drawn uniformly
per update, w the farthest that an update moves two logits of a prompt apart. So no way of dividing has a better order
than 1/n. Where it is known how far a group with k right of G moves logits, w_k, smaller widths do: e^w − 1 may be the
greatest (e^(w_k) − 1)/(G − k), and 1 − e^(−w) the greatest (1 − e^(−w_k))/k. Independent checks, by writing out every
group: tests/curvature/test_group_limits.py.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from curvature.check import Numbers, as_float, as_floats, check_interval, check_length, check_shape


def group_failure_lower_bound(
    initial_failure: Numbers, num_answers: Numbers, *, width: Numbers
) -> Float[Array, "*shape"]:
    """T16: a lower bound on the expected mean failure rate once n answers have been drawn, 1/(1/q₀ + (e^w − 1) n).

    Rewards 0 and 1; any rule that leaves the policy alone where a group's rewards are equal. With orthogonal spans it
    holds prompt by prompt, n then counting that prompt's answers.

    Arguments:
        initial_failure: q₀, the mean of 1 − p₀ over the prompts, in (0, 1].
        num_answers: n ≥ 0, all answers of all groups.
        width: w ≥ 0: no update moves two logits of a prompt further apart. GRPO with step η has ηD²/2, REINFORCE
            (baseline: the group's mean) ηD²/4.

    Raises:
        ValueError: outside those ranges, or shapes that do not broadcast.

    >>> print(round(float(group_failure_lower_bound(0.5, 98, width=0.6931471805599453)), 6))  # 1/(2 + 98)
    0.01
    """
    q, n, w = as_floats(initial_failure=initial_failure, num_answers=num_answers, width=width)
    check_interval("initial_failure", q, 0, 1, open_ends="l")
    check_interval("num_answers", n, 0, float("inf"), open_ends="h")
    check_interval("width", w, 0, float("inf"), open_ends="h")
    return 1 / (1 / q + jnp.where(n > 0, jnp.expm1(w) * n, 0))


def group_start_lower_bound(initial_pass_rate: Numbers, level: Numbers, *, width: Numbers) -> Float[Array, "*shape"]:
    """T16: a lower bound on the expected number of answers until the mean pass rate is `level`, from a rare start.

    (1/p₀ − 1/level)/(1 − e^(−w)), for the rules of `group_failure_lower_bound`; 0 where the start is there already. The
    number is also a limit on luck: with n answers the level is reached with probability n/bound at most.

    Arguments:
        initial_pass_rate: p₀, the mean over the prompts, in (0, 1].
        level: in (0, 1].
        width: w ≥ 0; at 0 nothing moves and the bound is infinite.

    Raises:
        ValueError: outside those ranges, or shapes that do not broadcast.

    >>> print(round(float(group_start_lower_bound(0.001, 0.5, width=0.6931471805599453)), 3))  # 998 · 2
    1996.0
    """
    p, goal, w = as_floats(initial_pass_rate=initial_pass_rate, level=level, width=width)
    check_interval("initial_pass_rate", p, 0, 1, open_ends="l")
    check_interval("level", goal, 0, 1, open_ends="l")
    check_interval("width", w, 0, float("inf"), open_ends="h")
    return jnp.where(goal > p, (1 / p - 1 / goal) / -jnp.expm1(-w), 0)


def failure_width(widths: Numbers) -> Float[Array, ""]:
    """T16, sharper: the width that `group_failure_lower_bound` may be given, ln(1 + max_k (e^(w_k) − 1)/(G − k)).

    A group with several wrong answers moves more than one with a single one, and is as much rarer: that one decides.

    Arguments:
        widths: [G − 1] w_k ≥ 0: no group with k = 1 … G − 1 right answers moves two logits of a prompt further apart
            (step × D² × `update_lengths`).

    Raises:
        ValueError: outside that shape and range.

    >>> print(round(float(jnp.expm1(failure_width(jnp.log(jnp.asarray([4.0, 5.0, 4.0]))))), 6))  # max(3/3, 4/2, 3/1)
    3.0
    """
    w, _, wrong = _counted(widths)
    return jnp.log1p(jnp.max(jnp.expm1(w) / wrong))


def start_width(widths: Numbers) -> Float[Array, ""]:
    """T16, sharper: the width that `group_start_lower_bound` may be given, −ln(1 − max_k (1 − e^(−w_k))/k).

    Arguments as `failure_width`.

    Raises:
        ValueError: as `failure_width`.

    >>> print(round(float(jnp.exp(-start_width(jnp.log(jnp.asarray([2.0, 4.0, 4.0]))))), 6))  # 1 − max(½, ¾/2, ¾/3)
    0.5
    """
    w, right, _ = _counted(widths)
    return -jnp.log1p(-jnp.max(-jnp.expm1(-w) / right))


def _counted(widths: Numbers) -> tuple[Float[Array, " live"], Float[Array, " live"], Float[Array, " live"]]:
    """The widths, and how many answers are right and wrong in each group."""
    w = as_float("widths", widths)
    check_shape("widths", w, (None,))
    check_length("widths", w, 1)
    check_interval("widths", w, 0, float("inf"), open_ends="h")
    right = jnp.arange(1, w.shape[0] + 1, dtype=w.dtype)
    return w, right, right[::-1]
