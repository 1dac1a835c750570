r"""All V^H responses of a token-level policy, one by one: the brute force that the dynamic programme is held against.

    log π(y) = Σ_t log π(v_t|s_t),   ∇log π(y) = Σ_t (φ(s_t,v_t) − φ̄(s_t)),   ∇²log π(y) = −Σ_t Cov_{π(·|s_t)}(φ),
    J = E r,   σ² = E(r − J)²,   g = E[(r − J)∇log π],   H = E[(r − J)(∇log π ∇log πᵀ + ∇²log π)]                   (T5)

In NumPy and by definition: it shares nothing with `curvature.sequence`. Independent checks:
tests/bandits/test_enumeration.py (closed forms, automatic differentiation).
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from curvature._moments import Moments
from curvature.check import Numbers, check_count

LARGEST = 10**6
"""The most responses that are written out."""


def unrolled(num_tokens: int, horizon: int) -> Int[np.ndarray, "S V"]:
    """The automaton whose states are the prefixes of length 0..H−1: with it any reward of a response is additive.

    State 0 is the empty prefix and state s has the children V s + 1 + v. S = (V^H − 1)/(V − 1), or H for V = 1. The
    rewards of the last V^H pairs (s, v) are those of the responses in lexicographic order, if all others
    are 0. After the last token nothing follows: those transitions are to state 0.

    Raises:
        ValueError: no tokens, H < 1, or more than 10⁶ responses.

    >>> print(unrolled(2, 2).tolist())
    [[1, 2], [0, 0], [0, 0]]
    """
    _check_size(num_tokens, horizon)
    S = sum(num_tokens**t for t in range(horizon))
    children = np.arange(1, S * num_tokens + 1).reshape(S, num_tokens)
    return np.where(children < S, children, 0)


class Responses(eqx.Module):
    """Every response y of one prompt, in lexicographic order; M = V^H."""

    tokens: Int[np.ndarray, "M H"]
    """v_t."""
    states: Int[np.ndarray, "M H"]
    """s_t, the state in which v_t is drawn."""
    log_probabilities: Float[np.ndarray, " M"]
    """log π(y); −inf where an absent token is used."""
    rewards: Float[np.ndarray, " M"]
    """r(y)."""
    scores: Float[np.ndarray, "M d"]
    """∇_θ log π(y)."""
    covariances: Float[np.ndarray, "S d d"]
    """Cov of the features of one token in each state; ∇²log π(y) is minus their sum along the response."""

    @property
    def probabilities(self) -> Float[np.ndarray, " M"]:
        """π(y)."""
        return np.exp(self.log_probabilities)

    def along(self, direction: Numbers) -> tuple[Float[np.ndarray, " M"], Float[np.ndarray, " M"]]:
        """(u·∇log π(y), M_u(y) = (u·∇log π)² + uᵀ∇²log π u) of T5: O(V^H (H + d))."""
        u = np.asarray(direction, float)
        score = self.scores @ u
        variances = np.einsum("sij,i,j->s", self.covariances, u, u)
        return score, score**2 - variances[self.states].sum(axis=1)

    def moments(self) -> Moments:
        """J, σ, ∇J and ∇²J: O(V^H (H + d²))."""
        π = self.probabilities
        J = π @ self.rewards
        weights = π * (self.rewards - J)
        visits = np.bincount(self.states.ravel(), np.repeat(weights, self.states.shape[1]), self.covariances.shape[0])
        hessian = self.scores.T @ (weights[:, None] * self.scores) - np.einsum("s,sij->ij", visits, self.covariances)
        σ = np.sqrt(π @ (self.rewards - J) ** 2)
        return Moments(jnp.asarray(J), jnp.asarray(σ), jnp.asarray(weights @ self.scores), jnp.asarray(hessian))


def enumerate_responses(
    logits: Numbers,
    rewards: Numbers,
    transitions: Numbers,
    horizon: int,
    features: Numbers | None = None,
    terminal: Numbers | None = None,
) -> Responses:
    """Write out all responses of one prompt.

    Arguments:
        logits: [S, V]; -inf marks an absent token.
        rewards: [S, V] r(s, v).
        transitions: [S, V] τ(s, v); responses start in state 0.
        horizon: H ≥ 1.
        features: [S, V, d] ∂ logits/∂θ; by default the table itself is the parameter, d = S V.
        terminal: [S] paid for the state after the last token, 0 by default.

    Raises:
        ValueError: more than 10⁶ responses, or arrays whose shapes disagree.

    Cost: O(V^H (H + d)) memory, O(V^H H d) time.

    Two fair coins that pay 1 for each head: J = 1, σ² = ½.

    >>> y = enumerate_responses([[0.0, 0.0]], [[1.0, 0.0]], [[0, 0]], 2)
    >>> print(y.rewards, y.moments().value, (y.moments().std ** 2).round(12))
    [2. 1. 1. 0.] 1.0 0.5
    """
    z, r, τ = np.asarray(logits, float), np.asarray(rewards, float), np.asarray(transitions)
    if z.ndim != 2 or r.shape != z.shape or τ.shape != z.shape:
        raise ValueError(
            f"logits, rewards, transitions have shapes {z.shape}, {r.shape}, {τ.shape}; allowed: one shape [S, V]"
        )
    S, V = z.shape
    φ = np.eye(S * V).reshape(S, V, S * V) if features is None else np.asarray(features, float)
    if φ.shape[:2] != z.shape or φ.ndim != 3:
        raise ValueError(f"features has shape {φ.shape}; allowed: ({S}, {V}, any)")
    final = np.zeros(S) if terminal is None else np.asarray(terminal, float)
    if final.shape != (S,):
        raise ValueError(f"terminal has shape {final.shape}; allowed: ({S},)")
    _check_size(V, horizon)
    shifted = z - z.max(axis=1, keepdims=True)
    log_π = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    π = np.exp(log_π)
    centred = φ - np.einsum("sv,svd->sd", π, φ)[:, None]
    covariances = np.einsum("sv,svi,svj->sij", π, centred, centred)

    tokens = np.arange(V**horizon)[:, None] // V ** np.arange(horizon)[::-1] % V
    states = np.zeros_like(tokens)
    state = states[:, 0]
    log_probabilities, total, scores = np.zeros(V**horizon), np.zeros(V**horizon), np.zeros((V**horizon, φ.shape[2]))
    for t, v in enumerate(tokens.T):
        states[:, t] = state
        log_probabilities += log_π[state, v]
        total += r[state, v]
        scores += centred[state, v]
        state = τ[state, v]
    return Responses(tokens, states, log_probabilities, total + final[state], scores, covariances)


def _check_size(num_tokens: int, horizon: int) -> None:
    check_count("num_tokens", num_tokens, 1)
    check_count("horizon", horizon, 1)
    if num_tokens**horizon > LARGEST:
        raise ValueError(f"num_tokens ** horizon is {num_tokens**horizon}; allowed: at most {LARGEST} responses")
