r"""One GRPO step against one REINFORCE step from the same state: the indices of the phases and the surplus U.

    U_own  = (η/N²) Σ_x |g_x|² (1/σ_x − 2)              predicted from the prompts' own terms; η is on the mean
    U_cert = lower(δ_group) − lower(δ_none)                        the difference of T3's two lower bounds
    U_real = J(θ + δ_group) − J(θ + δ_none)
    lower(δ_group) − upper(δ_none) ≤ U_real ≤ upper(δ_group) − lower(δ_none)                               (T3)

U_cert compares what can be promised for each step; a difference of lower bounds bounds nothing, and `U_real ≥ U_cert`
is one of the false variants. What T3 proves about U_real is the last line: first order ± the sum of both remainders.
Independent checks: tests/experiments/phases/test_measure.py.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from bandits import Local, Problem, exact_estimate, interference, locate, make_rule
from curvature import own_surplus, relative_gain, remainder_bound
from curvature.constants import A_PRIORI_STD
from curvature.safe import inverse_power

NUM_BINS = 25
"""Bins of σ over [0, ½]."""
PROFILE = ("count", "squares", "scaled", "own")
"""Columns of a profile over σ: prompts, Σ|g|², Σ|g|²/σ, Σ|g|²(1/σ − 2)."""
FALSE_FACTOR = 0.5
"""The false variant claims half of T3's remainder."""
ROUNDING = 1e-12
"""Allowed excess: J is of order 1 and its differences are good to about 1e-15."""
QUANTILES = (0.1, 0.5, 0.9)


class Surplus(eqx.Module):
    """One step against another from the same state; means over prompts."""

    first_order: Float[Array, "*rows"]
    """∇J·(δ_group − δ_none)."""
    remainder: Float[Array, "*rows"]
    """T3's remainders of both steps, added: U_real is within this of the first order."""
    certified: Float[Array, "*rows"]
    """U_cert."""
    realised: Float[Array, "*rows"]
    """U_real."""
    excess: Float[Array, "*rows"]
    """Greatest |ΔJ_x − g_x·δ| − σ_x ψ(w_x/2) over prompts and both steps: above 0, T3 is violated."""
    half_excess: Float[Array, "*rows"]
    """The same with half the remainder."""


class Indices(eqx.Module):
    """Everything recorded of one state."""

    value: Float[Array, "*rows"]
    """J."""
    std: Float[Array, "*rows"]
    """Mean of σ_x."""
    cross_ratio: Float[Array, "*rows"]
    """χ."""
    orthogonality: Float[Array, "*rows"]
    """O."""
    relative_gain: Float[Array, "*rows"]
    """R."""
    own: Float[Array, "*rows"]
    """U_own."""
    surplus: Surplus
    rates: Float[Array, "*rows Q"]
    """Quantiles of the pass rates over prompts."""


def along(problem: Problem, rule: str, here: Local, step_size: float) -> Float[Array, "N K"]:
    """How the logits change when the rule steps by `step_size` on the MEAN over prompts."""
    features = problem.features
    direction = make_rule(rule, features).direction(features, exact_estimate(features, here))
    return features.move(direction).at(jnp.asarray(step_size / problem.num_prompts))


def surplus(problem: Problem, here: Local, group: Float[Array, "N K"], none: Float[Array, "N K"]) -> Surplus:
    """The surplus of the change `group` of the logits over the change `none`."""

    def promise(change: Float[Array, "N K"]) -> tuple[Array, Array, Array]:
        slope = jnp.sum(here.coefficients * change, axis=-1)
        gain = locate(problem, here.logits + change).value - here.value
        return slope, remainder_bound(here.std, jnp.ptp(change, axis=-1)), gain

    (slope, remainder, gain), (slope_none, remainder_none, gain_none) = promise(group), promise(none)
    errors = jnp.stack([jnp.abs(gain - slope), jnp.abs(gain_none - slope_none)])
    remainders = jnp.stack([remainder, remainder_none])
    return Surplus(
        first_order=jnp.mean(slope - slope_none),
        remainder=jnp.mean(remainder + remainder_none),
        certified=jnp.mean((slope - remainder) - (slope_none - remainder_none)),
        realised=jnp.mean(gain - gain_none),
        excess=jnp.max(errors - remainders),
        half_excess=jnp.max(errors - FALSE_FACTOR * remainders),
    )


def bins(squares: Float[Array, " N"], std: Float[Array, " N"]) -> Float[Array, "B 4"]:
    """`PROFILE`, summed over the prompts in each of `NUM_BINS` equal bins of σ in [0, ½]."""
    index = jnp.clip((std / A_PRIORI_STD * NUM_BINS).astype(int), 0, NUM_BINS - 1)
    scaled = inverse_power(std, 1) * squares
    terms = jnp.stack([jnp.ones_like(std), squares, scaled, scaled - squares / A_PRIORI_STD], axis=-1)
    # a product with the bins' indicators: a scatter is slow inside a scan on a CPU
    return jax.nn.one_hot(index, NUM_BINS, dtype=std.dtype).T @ terms


def compare(
    problem: Problem, logits: Float[Array, "N K"], step_size: float
) -> tuple[Indices, Float[Array, "N K"], Float[Array, "B 4"]]:
    """(indices of this state, GRPO's change of the logits, the profile over σ); REINFORCE's step is 2 `step_size`.

    Arguments:
        problem: N prompts.
        logits: [N, K] the state.
        step_size: η ≥ 0 of GRPO, on the MEAN over prompts.
    """
    here = locate(problem, logits)
    squares, χ, overlap = interference(problem.features, here)
    norms = jnp.sqrt(squares)
    group, none = along(problem, "group", here, step_size), along(problem, "none", here, 2 * step_size)
    indices = Indices(
        value=jnp.mean(here.value),
        std=jnp.mean(here.std),
        cross_ratio=χ,
        orthogonality=overlap,
        relative_gain=relative_gain(norms, here.std),
        own=own_surplus(norms, here.std, step_size / problem.num_prompts),
        surplus=surplus(problem, here, group, none),
        rates=jnp.quantile(here.value, jnp.asarray(QUANTILES)),
    )
    return indices, group, bins(squares, here.std)
