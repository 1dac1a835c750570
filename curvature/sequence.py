r"""Token-level softmax policies: J, σ, ∂J/∂z and its derivative by dynamic programming.

A response is H tokens s₀ –v₀→ s₁ –v₁→ … over a finite automaton τ, π(v|s) = softmax of the table z(s, ·), and pays
Σ_t r(s_t, v_t), plus terminal(s_H) if asked. With Q_t(s,v) = r(s,v) + V_{t+1}(τ(s,v)) and V_t = E_v Q_t,

    J = V_0(s₀),   σ² = Σ_t E Var_v(Q_t(s_t, ·)),   ∂J/∂z(s,v) = Σ_t P(s_t = s) π(v|s) (Q_t(s,v) − V_t(s)),

each in O(H S V), without a sum over V^H responses. σ² is a sum of variances (of the martingale E[r | s₀..s_t]), where
nothing cancels. A parameter u of log-linear features moves the table by a = φ·u, and uᵀ∇²J u = aᵀ∇²_z J a.

Bounds on all of these are in `curvature.sequence_bounds`. Independent checks:
tests/curvature/test_sequence.py (enumeration of responses, automatic differentiation, closed forms).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from curvature._moments import varies
from curvature.check import (
    Numbers,
    as_float,
    as_floats,
    check_count,
    check_finite,
    check_interval,
    check_logits,
    check_shape,
    is_concrete,
)
from curvature.divergence import softmax_kl


def reachable_states(transitions: Numbers, horizon: int) -> Bool[np.ndarray, " S"]:
    """The states from which one of the H tokens may be drawn, whatever the policy: those within H − 1 moves of state 0.

    Raises:
        ValueError: transitions that are not a table of states 0..S−1, no tokens, H < 1.

    >>> print(reachable_states([[1, 1], [2, 2], [0, 0]], 2))
    [ True  True False]
    """
    check_count("horizon", horizon, 1)
    τ = np.asarray(_checked(transitions))  # NumPy: inside a trace JAX would make a tracer of plain numbers
    seen = np.zeros(τ.shape[0], bool)
    seen[0] = True
    new = np.array([0])
    for _ in range(horizon - 1):
        new = np.unique(τ[new])
        new = new[~seen[new]]
        if not new.size:
            break
        seen[new] = True
    return seen


def _automaton(transitions: Any) -> Int[Array, "S V"]:
    """τ checked, as a JAX array."""
    return jnp.asarray(_checked(transitions))


def _checked(transitions: Any) -> Int[Array, "S V"] | Int[np.ndarray, "S V"]:
    """τ as it is, checked: a tracer by its shape and type only."""
    if not isinstance(transitions, jax.Array):
        try:
            transitions = np.asarray(transitions)
        except ValueError as error:
            raise ValueError(f"transitions is ragged ({error}); allowed: integers [S, V]") from error
    if transitions.ndim != 2 or transitions.size == 0 or transitions.dtype.kind not in "iu":
        shape = tuple(transitions.shape)
        raise ValueError(
            f"transitions has shape {shape} and dtype {transitions.dtype}; allowed: integers [S, V], no empty axis"
        )
    if is_concrete(transitions):
        τ = np.asarray(transitions)
        wrong = τ[(τ < 0) | (τ >= τ.shape[0])]
        if wrong.size:
            raise ValueError(f"transitions contains {wrong.flat[0]}; allowed: states 0 to {τ.shape[0] - 1}")
    return transitions


def _table(
    logits: Numbers, rewards: Numbers, transitions: Numbers, horizon: int, terminal: Numbers | None
) -> tuple[Float[Array, "S V"], Float[Array, "S V"], Int[Array, "S V"], int, Float[Array, " S"] | None]:
    """The arguments of `sequence_tilt`, checked."""
    check_count("horizon", horizon, 1)
    z, r, τ = as_float("logits", logits), as_float("rewards", rewards), _automaton(transitions)
    check_shape("logits", z, τ.shape)
    check_shape("rewards", r, τ.shape)
    check_logits("logits", z)
    check_finite("rewards", r)
    if terminal is None:
        return z, r, τ, horizon, None
    end = as_float("terminal", terminal)
    check_shape("terminal", end, τ.shape[:1])
    check_finite("terminal", end)
    return z, r, τ, horizon, end


def sequence_tilt(
    logits: Numbers, rewards: Numbers, transitions: Numbers, horizon: int, terminal: Numbers | None = None
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, "S V"], Float[Array, "S V"], Float[Array, " S"]]:
    """(J, σ, π, ∂J/∂z, expected visits of each state): `curvature.tilt` for responses of H tokens.

    Arguments:
        logits: [S, V] z; -inf marks an absent token, at least one per state is present.
        rewards: [S, V] r(s, v), finite.
        transitions: [S, V] τ(s, v), the state that follows; responses start in state 0.
        horizon: H ≥ 1, static.
        terminal: [S] paid for the state after the last token, 0 by default.

    Returns:
        J and σ of whole responses in units of the reward, π [S, V], the coefficients [S, V], the visits [S], of sum H.
        Where no choice changes what a response pays, σ and the coefficients are 0 exactly, not the rounding of sums:
        rewards-to-go closer together than the bound on their own rounding count as equal. At H = 1 it is `tilt`.

    Raises:
        ValueError: shapes that disagree, states outside 0..S−1, H < 1, NaN or infinite numbers.

    Cost: O(H S V) time (O(H S²) where S ≤ V), O(H S + S V) memory. Use it under jit and vmap as you like.

    Two tokens, fair and independent, each paying 1 or 0: the mean of two coins and √2 times the deviation of one.

    >>> J, σ, π, c, visits = sequence_tilt([[0.0, 0.0]], [[1.0, 0.0]], [[0, 0]], 2)
    >>> print(J, (σ**2).round(9), c, visits)
    1.0 0.5 [[ 0.5 -0.5]] [2.]
    """
    return _tilt(*_table(logits, rewards, transitions, horizon, terminal))


@partial(jax.jit, static_argnames="horizon")
def _tilt(
    logits: Float[Array, "S V"],
    rewards: Float[Array, "S V"],
    transitions: Int[Array, "S V"],
    horizon: int,
    terminal: Float[Array, " S"] | None,
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, "S V"], Float[Array, "S V"], Float[Array, " S"]]:
    S, V = logits.shape
    π = jax.nn.softmax(logits)
    here, present = jax.lax.stop_gradient(π), π > 0
    eps = float(jnp.finfo(π.dtype).eps)
    start = jnp.zeros(S, π.dtype).at[0].set(1)

    if S <= V:
        chain = jnp.zeros((S, S), π.dtype).at[jnp.arange(S)[:, None], transitions].add(π)

        def follow(P: Float[Array, " S"]) -> Float[Array, " S"]:
            return P @ chain
    else:

        def follow(P: Float[Array, " S"]) -> Float[Array, " S"]:
            return jnp.zeros(S, π.dtype).at[transitions].add(P[:, None] * π)

    _, occupancies = jax.lax.scan(lambda P, _: (follow(P), P), start, None, length=horizon)  # [H, S]

    def back(carry: tuple[Array, ...], P: Float[Array, " S"]) -> tuple[tuple[Array, ...], None]:
        value, error, coefficients, variance = carry
        later = value[transitions]
        Q = rewards + later
        mean = jnp.sum(π * Q, axis=1, keepdims=True)
        centred = Q - mean
        residue = jnp.sum(π * centred, axis=1, keepdims=True)  # centred twice, as in `moments`
        # what rounding may have done to Q and to its mean; a sum with 0 is exact
        size = jax.lax.stop_gradient(jnp.abs(Q))
        inexact = jax.lax.stop_gradient((rewards != 0) & (later != 0))
        errors = error[transitions] + eps * jnp.where(inexact, size, 0)
        lowest = jnp.min(jnp.where(present, Q, jnp.inf), axis=1, keepdims=True)
        spread = jnp.max(jnp.where(present, Q, -jnp.inf), axis=1, keepdims=True) - lowest
        alive = varies(Q, present) & (spread > 2 * jnp.max(jnp.where(present, errors, 0), axis=1, keepdims=True))
        advantages = jnp.where(alive, centred - residue, 0)
        weights = π * advantages
        coefficients = coefficients + P[:, None] * weights
        variance = variance + jnp.sum(P * jnp.sum(weights * advantages, axis=1))
        error = jnp.sum(here * (errors + 4 * eps * size), axis=1)
        return ((mean + residue)[:, 0], error, coefficients, variance), None

    end = jnp.zeros(S, π.dtype) if terminal is None else terminal
    zero = (end, jnp.zeros(S, π.dtype), jnp.zeros((S, V), π.dtype), jnp.zeros((), π.dtype))
    (value, _, coefficients, variance), _ = jax.lax.scan(back, zero, occupancies, reverse=True)
    positive = variance > 0  # √ has no derivative at 0
    σ = jnp.where(positive, jnp.sqrt(jnp.where(positive, variance, 1)), 0)
    return value[0], σ, π, coefficients, jnp.sum(occupancies, axis=0)


def sequence_hessian_vector_product(
    logits: Numbers,
    rewards: Numbers,
    transitions: Numbers,
    horizon: int,
    direction: Numbers,
    terminal: Numbers | None = None,
) -> Float[Array, "S V"]:
    """∇²_z J · a for a change a [S, V] of the table, by differentiating the coefficients along it.

    With log-linear features and a = φ·u, the curvature along u is Σ a(s,v) (∇²_z J a)(s,v), and φᵀ∇²_z J a = ∇²J u.
    Arguments otherwise as `sequence_tilt`. Cost: O(H S V), the S V × S V Hessian never formed.

    Raises:
        ValueError: as `sequence_tilt`, or a direction of another shape or not finite.

    >>> a = jnp.array([[1.0, 0.0]])
    >>> Ha = sequence_hessian_vector_product(np.log([[1.0, 3.0]]), a, [[0, 0]], 3, a)
    >>> print(jnp.sum(a * Ha))  # three coins: 3 pq(1 − 2p), p = ¼
    0.28125
    """
    z, r, τ, H, end = _table(logits, rewards, transitions, horizon, terminal)
    a = as_float("direction", direction)
    check_shape("direction", a, z.shape)
    check_finite("direction", a)
    return _hessian_vector_product(z, r, τ, H, a.astype(z.dtype), end)


@partial(jax.jit, static_argnames="horizon")
def _hessian_vector_product(
    logits: Float[Array, "S V"],
    rewards: Float[Array, "S V"],
    transitions: Int[Array, "S V"],
    horizon: int,
    direction: Float[Array, "S V"],
    terminal: Float[Array, " S"] | None,
) -> Float[Array, "S V"]:
    def coefficients(z: Float[Array, "S V"]) -> Float[Array, "S V"]:
        return _tilt(z, rewards, transitions, horizon, terminal)[3]

    return jax.jvp(coefficients, (logits,), (direction,))[1]


def sequence_kl(occupancy: Numbers, probabilities: Numbers, change: Numbers) -> Float[Array, "*batch"]:
    """KL(π ‖ π') of whole responses whose table changes by `change`: Σ_s visits(s) KL_s (chain rule), nats, ≥ 0.

    Arguments:
        occupancy: [..., S] and probabilities: [..., S, V], as `sequence_tilt` returns them, before the change.
        change: [..., S, V], finite.

    Raises:
        ValueError: shapes that do not fit, negative visits, probabilities outside [0, 1], NaN or infinite numbers.

    Two fair coins that become 1 : 3, KL ln(2/√3) each:

    >>> print(sequence_kl([2.0], [[0.5, 0.5]], np.log([[1.0, 3.0]])).round(4))
    0.2877
    """
    visits, of_states = as_floats(occupancy=occupancy, divergence=softmax_kl(probabilities, change))
    check_shape("occupancy", visits, of_states.shape)
    check_interval("occupancy", visits, 0, float("inf"), open_ends="h")
    return jnp.sum(visits * of_states, axis=-1)


def sequence_width(change: Numbers, reachable: Numbers) -> Float[Array, "*batch"]:
    """w: how far a change of the table moves two tokens of one state apart, the most over the reachable states.

    Arguments:
        change: [..., S, V], finite.
        reachable: [S] as `reachable_states` finds them.

    Raises:
        ValueError: shapes that disagree, NaN or infinite numbers.

    >>> print(sequence_width([[0.0, 1.0], [0.0, 9.0]], [True, False]))
    1.0
    """
    a, reached = as_float("change", change), as_float("reachable", reachable) > 0
    check_shape("change", a, (*a.shape[:-2], None, None))
    check_shape("reachable", reached, (a.shape[-2],))
    check_finite("change", a)
    return jnp.max(jnp.where(reached, jnp.ptp(a, axis=-1), 0), axis=-1)
