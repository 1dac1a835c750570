r"""Token-level softmax policies: J, σ, ∂J/∂z and its derivative by dynamic programming; curvature grows with length.

A response is H tokens s₀ –v₀→ s₁ –v₁→ … over a finite automaton τ, π(v|s) = softmax of the table z(s, ·), and pays
Σ_t r(s_t, v_t), plus terminal(s_H) if asked. With Q_t(s,v) = r(s,v) + V_{t+1}(τ(s,v)) and V_t = E_v Q_t,

    J = V_0(s₀),   σ² = Σ_t E Var_v(Q_t(s_t, ·)),   ∂J/∂z(s,v) = Σ_t P(s_t = s) π(v|s) (Q_t(s,v) − V_t(s)),

each in O(H S V), without a sum over V^H responses. σ² is a sum of variances (of the martingale E[r | s₀..s_t]), where
nothing cancels. A parameter u of log-linear features moves the table by a = φ·u, and uᵀ∇²J u = aᵀ∇²_z J a.

    |uᵀ∇²J u| ≤ C(H) σ w²,     √(H(H−1)/8) ≤ C(H) ≤ √(H(H+1)/8 − 3/16)                                      (T10)
    |∇J·u| ≤ σ√H w/2,     |J(θ+δ) − J(θ) − ∇J·δ| ≤ (4C(H)/H²) σ ψ(H w(δ)/2)                                 (T11)

w is the width of the change of one state's logits, the greatest over states that can be reached. Independent checks:
tests/curvature/test_sequence.py (enumeration of responses, automatic differentiation, closed forms).
"""

from __future__ import annotations

from functools import partial
from math import sqrt

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from curvature._certificate import remainder_bound
from curvature._length_constant import length_constant_bound
from curvature._moments import varies
from curvature.check import Numbers, as_float, check_count, check_interval
from curvature.constants import CURVATURE, SLOPE
from curvature.divergence import softmax_kl


def reachable_states(transitions: Numbers, horizon: int) -> Bool[np.ndarray, " S"]:
    """The states from which one of the H tokens may be drawn, whatever the policy: those within H − 1 moves of state 0.

    Raises:
        ValueError: transitions that are not a table of states 0..S−1, no tokens, H < 1.

    >>> print(reachable_states([[1, 1], [2, 2], [0, 0]], 2))
    [ True  True False]
    """
    τ = np.asarray(transitions)
    check_count("horizon", horizon, 1)
    if τ.ndim != 2 or τ.size == 0 or τ.dtype.kind not in "iu":
        raise ValueError(
            f"transitions has shape {τ.shape} and dtype {τ.dtype}; allowed: integers [S, V], no empty axis"
        )
    wrong = τ[(τ < 0) | (τ >= τ.shape[0])]
    if wrong.size:
        raise ValueError(f"transitions contains {wrong.flat[0]}; allowed: states 0 to {τ.shape[0] - 1}")
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


@partial(jax.jit, static_argnames="horizon")
def sequence_tilt(
    logits: Float[Array, "S V"],
    rewards: Float[Array, "S V"],
    transitions: Int[Array, "S V"],
    horizon: int,
    terminal: Float[Array, " S"] | None = None,
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, "S V"], Float[Array, "S V"], Float[Array, " S"]]:
    """(J, σ, π, ∂J/∂z, expected visits of each state): `curvature.tilt` for responses of H tokens.

    Arguments:
        logits: [S, V] z; -inf marks an absent token, at least one a state is present.
        rewards: [S, V] r(s, v), finite.
        transitions: [S, V] τ(s, v), the state that follows; responses start in state 0.
        horizon: H ≥ 1, static.
        terminal: [S] paid for the state after the last token, 0 by default.

    Returns:
        J and σ of whole responses in units of the reward, π [S, V], the coefficients [S, V], the visits [S], of sum H.
        Where no choice changes what a response pays, σ and the coefficients are 0 exactly, not the rounding of sums:
        rewards-to-go closer together than the bound on their own rounding count as equal. At H = 1 it is `tilt`.

    Cost: O(H S V) time (O(H S²) where S ≤ V), O(H S + S V) memory. Use it under jit and vmap as you like.

    Two tokens, fair and independent, each paying 1 or 0: the mean of two coins and √2 times the deviation of one.

    >>> J, σ, π, c, visits = sequence_tilt(jnp.zeros((1, 2)), jnp.array([[1.0, 0.0]]), jnp.zeros((1, 2), int), 2)
    >>> print(J, (σ**2).round(9), c, visits)
    1.0 0.5 [[ 0.5 -0.5]] [2.]
    """
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


@partial(jax.jit, static_argnames="horizon")
def sequence_hessian_vector_product(
    logits: Float[Array, "S V"],
    rewards: Float[Array, "S V"],
    transitions: Int[Array, "S V"],
    horizon: int,
    direction: Float[Array, "S V"],
    terminal: Float[Array, " S"] | None = None,
) -> Float[Array, "S V"]:
    """∇²_z J · a for a change a [S, V] of the table, by differentiating the coefficients along it.

    With log-linear features and a = φ·u, the curvature along u is Σ a(s,v) (∇²_z J a)(s,v), and φᵀ∇²_z J a = ∇²J u.
    Arguments otherwise as `sequence_tilt`. Cost: O(H S V), the S V × S V Hessian never formed.

    >>> z, r, τ = jnp.log(jnp.array([[1.0, 3.0]])), jnp.array([[1.0, 0.0]]), jnp.zeros((1, 2), int)
    >>> a = jnp.array([[1.0, 0.0]])
    >>> print(jnp.sum(a * sequence_hessian_vector_product(z, r, τ, 3, a)))  # three coins: 3 pq(1 − 2p), p = ¼
    0.28125
    """

    def coefficients(z: Float[Array, "S V"]) -> Float[Array, "S V"]:
        return sequence_tilt(z, rewards, transitions, horizon, terminal)[3]

    return jax.jvp(coefficients, (logits,), (direction,))[1]


def sequence_kl(
    occupancy: Float[Array, "*batch S"], probabilities: Float[Array, "*batch S V"], change: Float[Array, "*batch S V"]
) -> Float[Array, "*batch"]:
    """KL(π ‖ π') of whole responses whose table changes by `change`: Σ_s visits(s) KL_s (chain rule), nats, ≥ 0.

    Arguments:
        occupancy, probabilities: as `sequence_tilt` returns them, before the change.
        change: finite.

    Two fair coins that become 1 : 3, KL ln(2/√3) each:

    >>> print(sequence_kl(jnp.array([2.0]), jnp.array([[0.5, 0.5]]), jnp.log(jnp.array([[1.0, 3.0]]))).round(4))
    0.2877
    """
    return jnp.sum(occupancy * softmax_kl(probabilities, change), axis=-1)


def sequence_width(change: Float[Array, "*batch S V"], reachable: Bool[Array, " S"]) -> Float[Array, "*batch"]:
    """w: how far a change of the table moves two tokens of one state apart, the most over the reachable states.

    >>> print(sequence_width(jnp.array([[0.0, 1.0], [0.0, 9.0]]), jnp.array([True, False])))
    1.0
    """
    return jnp.max(jnp.where(reachable, jnp.ptp(change, axis=-1), 0), axis=-1)


# --- bounds -------------------------------------------------------------------------------------------------------


def sequence_curvature_bound(
    std: Float[Array, "*shape"], width: Float[Array, "*shape"], horizon: int
) -> Float[Array, "*shape"]:
    """T10: an upper bound on |uᵀ∇²J u|, √(H(H+1)/8 − 3/16) σ w². T1's at H = 1."""
    return length_constant_bound(horizon) * std * width**2


def sequence_gradient_bound(
    std: Float[Array, "*shape"], width: Float[Array, "*shape"], horizon: int
) -> Float[Array, "*shape"]:
    """T11: an upper bound on |∇J·u|, σ√H w/2. Met by a reward that is affine in a sum of H fair coins."""
    return SLOPE * sqrt(horizon) * std * width


def sequence_log_std_bound(
    width: Float[Array, "*shape"], horizon: int, std: Numbers | None = None
) -> Float[Array, "*shape"]:
    """T11: an upper bound on |∂_u log σ|: Hw/2; with σ of rewards in [0, 1], (w/2)√(H ln(1/σ)) where that is less.

    Raises:
        ValueError: a deviation outside [0, 1/2], the most that rewards in [0, 1] can have.

    >>> w = jnp.asarray(1.0)
    >>> print(sequence_log_std_bound(w, 100), sequence_log_std_bound(w, 100, 0.5).round(3))
    50.0 4.163
    """
    if std is None:
        return SLOPE * horizon * width
    σ = as_float("std", std)
    check_interval("std", σ, 0, 0.5)
    return SLOPE * width * jnp.minimum(float(horizon), jnp.sqrt(-horizon * jnp.log(σ)))


def remainder_scale(horizon: int) -> float:
    """4C(H)/H² with T10's proved constant: what multiplies σ in T11's certificate; 1 at H = 1, ~ √2/H for long ones.

    >>> remainder_scale(1)
    1.0
    """
    return length_constant_bound(horizon) / (CURVATURE * horizon**2)


def sequence_remainder_bound(
    std: Float[Array, "*shape"], width: Float[Array, "*shape"], horizon: int
) -> Float[Array, "*shape"]:
    """T11's certificate: an upper bound on |J(θ+δ) − J(θ) − ∇J·δ|, (4C(H)/H²) σ ψ(Hw/2). T3's at H = 1."""
    return remainder_bound(remainder_scale(horizon) * std, horizon * width)
