"""What a sweep keeps of a run: its score, gathered along the way, so that memory does not grow with the iterations.

    area = (1/T) Σ_{t<T} J(θ_t)        hitting time of a level L = the first t with J(θ_t) ≥ L

J is the mean over prompts. Independent checks: tests/bandits/test_score.py.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from bandits._problem import Problem
from bandits._run import PLAIN, State, init, step
from bandits._step import StepSize
from bandits.estimate import UpdateRule
from bandits.held_out import held_out_value
from bandits.optimiser import Optimiser
from bandits.oracle import Oracle
from bandits.policy import interference


class Score(eqx.Module):
    """One run in numbers; T iterations, L levels, C points of the curve."""

    area: Float[Array, "*batch"]
    """Mean of J over the states before each of the T steps."""
    final: Float[Array, "*batch"]
    """J after the last step."""
    lowest: Float[Array, "*batch"]
    """The least J of the run, the start included."""
    hitting_times: Float[Array, "*batch L"]
    """Steps taken when J first reached each level; +inf where it never did."""
    curve: Float[Array, "*batch C"]
    """J before steps 0, T/C, 2T/C, …"""
    average_std: Float[Array, "*batch"]
    """σ̄: mean of σ_x over prompts and iterations."""
    cross_ratio: Float[Array, "*batch C"]
    """χ at the same states; NaN where every gradient is 0."""
    largest_kl: Float[Array, "*batch"]
    """The largest mean KL(π ‖ π') of an update, nats."""
    limited_share: Float[Array, "*batch"]
    """Share of the steps that were shorter than `step_size` asked for (0 for steps that ask for none)."""
    answers_drawn: Float[Array, "*batch"]
    """Responses drawn over the run; 0 where gradients are not sampled."""
    held_out_area: Float[Array, "*batch"]
    """As `area`, of the prompts that are not trained on; NaN where there are none."""
    held_out_final: Float[Array, "*batch"]
    """As `final`, of the same prompts."""
    held_out_curve: Float[Array, "*batch C"]
    """As `curve`, of the same prompts."""
    finite: Bool[Array, "*batch"]
    """Whether every number of the run was finite: a run that is not has failed, whatever its other numbers say."""


class _Tally(eqx.Module):
    state: State
    area: Float[Array, ""]
    lowest: Float[Array, ""]
    hitting_times: Float[Array, " L"]
    largest_kl: Float[Array, ""]
    limited: Float[Array, ""]
    held_out: Float[Array, ""]


def score(
    problem: Problem,
    rule: UpdateRule,
    oracle: Oracle,
    step_size: StepSize,
    num_steps: int,
    *,
    levels: Float[Array, " L"],
    key: Key[Array, ""],
    num_curve: int = 1,
    optimiser: Optimiser = PLAIN,
    held_out: Problem | None = None,
) -> Score:
    """Run and score: pure, for use under `jit` and `vmap`; arguments as in `bandits.run`, unchecked.

    Arguments:
        levels: [L] values of mean J whose hitting times are kept.
        num_curve: C, a divisor of num_steps.
        held_out: prompts that the same parameters move and that are not trained on.
    """
    asked = getattr(step_size, "step_size", None)

    def unseen(state: State) -> Float[Array, ""]:
        return jnp.full((), jnp.nan) if held_out is None else held_out_value(held_out, state.parameters)

    def reach(tally: Float[Array, " L"], state: State) -> Float[Array, " L"]:
        return jnp.minimum(tally, jnp.where(jnp.mean(state.local.value) >= levels, state.time, jnp.inf))

    def advance(_: Array | int, tally: _Tally) -> _Tally:
        state = tally.state
        new, taken = step(problem, rule, oracle, step_size, state, optimiser=optimiser)
        J = jnp.mean(state.local.value)
        limited = jnp.zeros(()) if asked is None else (taken.multiple < asked).astype(J.dtype)
        return _Tally(
            new,
            tally.area + J,
            jnp.minimum(tally.lowest, J),
            reach(tally.hitting_times, state),
            jnp.maximum(tally.largest_kl, taken.kl),
            tally.limited + limited,
            tally.held_out + unseen(state),
        )

    def stretch(tally: _Tally, _: None) -> tuple[_Tally, tuple[Array, Array, Array]]:
        state = tally.state
        χ = interference(problem.features.at(state.parameters), state.local)[1]
        point = jnp.mean(state.local.value), χ, unseen(state)
        return jax.lax.fori_loop(0, num_steps // num_curve, advance, tally), point

    zero = jnp.zeros(())
    never = jnp.full(levels.shape, jnp.inf)
    begun = init(problem, key=key, optimiser=optimiser, oracle=oracle)
    start = _Tally(begun, zero, zero + jnp.inf, never, zero, zero, zero)
    end, (curve, χ, unseen_curve) = jax.lax.scan(stretch, start, None, length=num_curve)
    final = jnp.mean(end.state.local.value)
    numbers = [final, end.area, end.largest_kl, *jax.tree.leaves(end.state.parameters)]
    return Score(
        area=end.area / num_steps,
        final=final,
        lowest=jnp.minimum(end.lowest, final),
        hitting_times=reach(end.hitting_times, end.state),
        curve=curve,
        average_std=end.state.sum_std / num_steps,
        cross_ratio=χ,
        largest_kl=end.largest_kl,
        limited_share=end.limited / num_steps,
        held_out_area=end.held_out / num_steps,
        held_out_final=unseen(end.state),
        held_out_curve=unseen_curve,
        answers_drawn=jnp.asarray(end.state.answers),
        finite=jnp.all(jnp.stack([jnp.all(jnp.isfinite(x)) for x in numbers])),
    )
