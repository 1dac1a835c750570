"""Responses of H tokens from a softmax per state of an automaton: exact quantities, certificates and sampled groups.

The table of a prompt's logits z_x(s, v) is flat, K = S V, and so are its features φ(x, s, v) and rewards; everything
exact comes from `curvature.sequence` in O(N H S V). A group of G responses is drawn in O(N G H log V + N S V).
Independent checks: tests/bandits/test_autoregressive.py (enumeration, Monte Carlo, closed forms).
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from bandits._problem import Problem, problem
from bandits.features import FeatureMap, Features, Kronecker
from bandits.geometry import coherent, equicorrelation, simplex_arms
from bandits.policy import Along, Group, Local, Policy
from bandits.rewards import draw_labels
from curvature._moments import centre
from curvature.certified_step import best_step_along
from curvature.check import Numbers, as_float, check_count, check_finite, check_interval, check_shape
from curvature.divergence import softmax_kl_along, softmax_variance
from curvature.sequence import reachable_states, sequence_kl, sequence_tilt, sequence_width
from curvature.sequence_bounds import remainder_scale, sequence_remainder_bound


class Autoregressive(Policy):
    """H choices among V tokens each, in states that follow one another by an automaton shared by all prompts."""

    transitions: Int[Array, "S V"]
    """τ(s, v), the state after token v in state s; a response starts in state 0."""
    terminal: Float[Array, " S"]
    """Paid for the state after the last token, the same for all prompts."""
    reachable: Bool[Array, " S"]
    """States in which one of the H tokens may be drawn: widths and diameters are over these."""
    horizon: int = eqx.field(static=True)
    """H."""

    def __init__(self, transitions: Numbers, horizon: int, terminal: Numbers | None = None):
        """Raises ValueError: transitions that are not a table [S, V] of states, H < 1, terminal of another length."""
        self.reachable = jnp.asarray(reachable_states(transitions, horizon))
        self.transitions = jnp.asarray(transitions)
        self.horizon = horizon
        S = self.transitions.shape[0]
        self.terminal = jnp.zeros(S) if terminal is None else as_float("terminal", terminal)
        check_shape("terminal", self.terminal, (S,))
        check_finite("terminal", self.terminal)

    def _table(self, flat: Float[Array, "N K"]) -> Float[Array, "N S V"]:
        return flat.reshape(flat.shape[0], *self.transitions.shape)

    def locate(self, logits: Float[Array, "N K"], rewards: Float[Array, "N K"]) -> Local:
        """O(N H S V)."""

        def one(
            z: Float[Array, "S V"], r: Float[Array, "S V"]
        ) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, "S V"], Float[Array, "S V"], Float[Array, " S"]]:
            return sequence_tilt(z, r, self.transitions, self.horizon, self.terminal)

        J, σ, π, coefficients, occupancy = jax.vmap(one)(self._table(logits), self._table(rewards))
        return Local(logits, π.reshape(logits.shape), J, σ, coefficients.reshape(logits.shape), occupancy)

    def kl_divergence(self, local: Local, change: Float[Array, "N K"]) -> Float[Array, " N"]:
        """Σ_s visits(s) KL_s. Raises ValueError where `local` is another policy's."""
        return sequence_kl(_visits(local), self._table(local.probabilities), self._table(change))

    def kl_along(self, local: Local, change: Float[Array, "N K"]) -> Along:
        """`softmax_kl_along` of each state, times its visits. Raises ValueError where `local` is another policy's."""
        visits, of_states = _visits(local), softmax_kl_along(self._table(local.probabilities), self._table(change))

        def at(multiple: Float[Array, ""]) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
            values, slopes = of_states(multiple)
            return jnp.sum(visits * values, axis=-1), jnp.sum(visits * slopes, axis=-1)

        return at

    def variance(self, local: Local, change: Float[Array, "N K"]) -> Float[Array, " N"]:
        """That of each state, times its visits. Raises ValueError where `local` is another policy's."""
        of_states = softmax_variance(self._table(local.probabilities), self._table(change))
        return jnp.sum(_visits(local) * of_states, axis=-1)

    def width(self, change: Float[Array, "N K"]) -> Float[Array, " N"]:
        """The greatest max_v − min_v over the reachable states."""
        return sequence_width(self._table(change), self.reachable)

    def remainder_bound(self, std: Float[Array, " N"], width: Float[Array, " N"]) -> Float[Array, " N"]:
        """(4C(H)/H²) σ ψ(Hw/2), T11, with T10's proved constant."""
        return sequence_remainder_bound(std, width, self.horizon)

    def best_step(
        self, slopes: Float[Array, " N"], std: Float[Array, " N"], width: Float[Array, " N"]
    ) -> Float[Array, ""]:
        """`curvature.best_step_along` with T11's remainder."""
        return best_step_along(slopes, remainder_scale(self.horizon) * std, self.horizon * width).length

    def scores(self, local: Local, weights: Float[Array, "N K"]) -> Float[Array, "N K"]:
        """In every state weights less π times their sum."""
        visits = jnp.sum(self._table(weights), axis=-1, keepdims=True)
        return (self._table(weights) - visits * self._table(local.probabilities)).reshape(weights.shape)

    def group_estimate(
        self, local: Local, rewards: Float[Array, "N K"], group_size: int, ddof: int, *, key: Key[Array, ""]
    ) -> Group:
        """G responses per prompt, token by token; the score of a visit is one-hot(v) − π(·|s).

        Rewards of a group that differ by no more than the rounding of their sums over H tokens count as equal.
        """
        steps, total, error = self._draw(local, rewards, group_size, key)
        alive = jnp.ptp(total, axis=1, keepdims=True) > jnp.max(error, axis=1, keepdims=True)
        centred = jnp.where(alive, centre(total), 0)
        std = jnp.sqrt(jnp.sum(centred**2, axis=1) / (group_size - ddof))
        prompts = jnp.arange(steps.shape[1])[:, None]

        def drawn(weights: Float[Array, "N G"]) -> Float[Array, "N K"]:
            return jnp.zeros_like(rewards).at[prompts, steps].add(jnp.broadcast_to(weights, steps.shape))

        weights, plain = centred / group_size, jnp.full_like(centred, 1 / group_size)
        return Group(
            self.scores(local, drawn(weights)),
            jnp.mean(total, axis=1),
            std,
            self.scores(local, drawn(plain)),
            drawn(jnp.maximum(weights, 0)),
            drawn(jnp.minimum(weights, 0)),
        )

    def _draw(
        self, local: Local, rewards: Float[Array, "N K"], group_size: int, key: Key[Array, ""]
    ) -> tuple[Int[Array, "H N G"], Float[Array, "N G"], Float[Array, "N G"]]:
        """(flat indices s V + v along each response, its reward, a bound on the rounding in it)."""
        S, V = self.transitions.shape
        N = rewards.shape[0]
        cdf = jnp.cumsum(self._table(local.probabilities), axis=-1)
        cdf = (cdf / cdf[..., -1:]).reshape(N, S * V)  # the last entry of a state is exactly 1: no draw falls past it
        follows, eps = self.transitions.reshape(-1), float(jnp.finfo(rewards.dtype).eps)

        def draw(
            carry: tuple[Array, Array, Array], u: Float[Array, "N G"]
        ) -> tuple[tuple[Array, Array, Array], Int[Array, "N G"]]:
            state, total, error = carry
            token = jnp.zeros_like(state)  # how many entries of the state's distribution function are at most u
            for power in reversed(range((V - 1).bit_length())):
                further = token + 2**power
                entry = jnp.take_along_axis(cdf, state * V + jnp.minimum(further, V) - 1, axis=1)
                token = jnp.where(entry <= u, further, token)
            step = state * V + token
            pay = jnp.take_along_axis(rewards, step, axis=1)
            total, error = add(total, error, pay)
            return (follows[step], total, error), step

        def add(total: Array, error: Array, pay: Array) -> tuple[Array, Array]:
            inexact = (total != 0) & (pay != 0)
            return total + pay, error + jnp.where(inexact, eps * jnp.abs(total + pay), 0)

        uniforms = jax.random.uniform(key, (self.horizon, N, group_size), cdf.dtype)
        zero = jnp.zeros((N, group_size), rewards.dtype)
        start = (jnp.zeros((N, group_size), follows.dtype), zero, zero)
        (state, total, error), steps = jax.lax.scan(draw, start, uniforms)
        return steps, *add(total, error, self.terminal[state])

    def best_values(self, offsets: Float[Array, "N K"], rewards: Float[Array, "N K"]) -> Float[Array, " N"]:
        """The reward of the best response whose tokens are all present: at least sup J_x.

        Equal to it where some best response draws the same token whenever it is in the same state; else a table of
        logits, which does not know t, may stay below.
        """
        pay = self._table(jnp.where(jnp.isfinite(offsets), rewards, -jnp.inf))

        def back(_: Array | int, value: Float[Array, "N S"]) -> Float[Array, "N S"]:
            return jnp.max(pay + value[:, self.transitions], axis=-1)

        end = jnp.broadcast_to(self.terminal, pay.shape[:2])
        return jax.lax.fori_loop(0, self.horizon, back, end)[:, 0]

    def diameters(self, features: FeatureMap) -> Float[Array, " N"]:
        """The greatest diameter of one reachable state's tokens: w(u) ≤ D |u|. O(N S V² m)."""
        known = features if isinstance(features, Kronecker) else Features(features.dense(), None)

        def one(arms: Float[Array, "N V m"]) -> Float[Array, " N"]:
            return eqx.tree_at(lambda f: f.arms, known, arms).diameters()

        arms = known.written_arms().reshape(features.num_prompts, *self.transitions.shape, -1).swapaxes(0, 1)
        return jnp.max(jax.lax.map(one, arms), axis=0, where=self.reachable[:, None], initial=0)

    def is_binary(self, rewards: Float[Array, "N K"]) -> bool:
        """Whether every response, of present tokens or not, pays exactly 0 or 1 in floating point.

        From any (t, s) that can be reached the rewards to go must take at most two values, or some prefix makes a third
        total: their lowest and highest are carried back, and every candidate has to be one of them.
        """
        τ, r, end = np.asarray(self.transitions), np.asarray(self._table(rewards)), np.asarray(self.terminal)
        visited = np.zeros((self.horizon, τ.shape[0]), bool)  # state s can be reached after t tokens
        visited[0, 0] = True
        for t in range(self.horizon - 1):
            visited[t + 1, τ[visited[t]].ravel()] = True
        low = high = np.broadcast_to(end, r.shape[:2])
        for t in reversed(range(self.horizon)):
            candidates = np.concatenate([r + low[:, τ], r + high[:, τ]], axis=-1)
            low, high = candidates.min(axis=-1), candidates.max(axis=-1)
            two = (candidates == low[..., None]) | (candidates == high[..., None])
            if not two.all(axis=-1)[:, visited[t]].all():
                return False
        return bool(np.isin(low[:, 0], (0.0, 1.0)).all() and np.isin(high[:, 0], (0.0, 1.0)).all())


def _visits(local: Local) -> Float[Array, "N S"]:
    if local.occupancy is None:
        raise ValueError("local has no occupancy; allowed: the result of this policy's locate")
    return local.occupancy


def sequence_problem(
    pass_rates: Numbers,
    *,
    horizon: int,
    num_tokens: int = 4,
    coherence: float = 0.0,
    reward: str = "all",
    conflict: float = 1.0,
    diameter: float = 1.0,
    key: Key[Array, ""],
) -> Problem:
    """Prompts with one right token each, to be drawn H times, and exactly these initial values of J.

    Token 0 of the table is the right one for every prompt; which corner of the simplex, shared by all prompts, it
    stands for is the prompt's label. So prompts agree or conflict through their features, as in `from_pass_rates`.

    Arguments:
        pass_rates: [N] J_x at the start, strictly inside (0, 1).
        horizon: H ≥ 1.
        num_tokens: V ≥ 2.
        coherence: ρ in [0, 1] between every two prompts; 0 makes their spans orthogonal.
        reward: "all" pays 1 if all H tokens are right, else 0 (two states: all right so far, and dead, whose features
            are all equal); the start draws the right token with q = p^(1/H). "fraction" pays the share of right
            tokens (one state, q = p).
        conflict: share of the prompts whose label is drawn at random (see `draw_labels`).
        diameter: D of every prompt: the greatest distance of two tokens' features.
        key: the source of all randomness.

    Raises:
        ValueError: a rate outside (0, 1), an unknown reward, counts out of range, and as `problem`.
    """
    p = as_float("pass_rates", pass_rates)
    check_shape("pass_rates", p, (None,))
    check_interval("pass_rates", p, 0, 1, open_ends="lh")
    check_count("horizon", horizon, 1)
    check_interval("coherence", coherence, 0, 1)
    if reward not in ("all", "fraction"):
        raise ValueError(f"reward is {reward!r}; allowed: 'all' or 'fraction'")
    N, V = p.shape[0], num_tokens
    labels = draw_labels(N, V, conflict=conflict, key=key)
    if reward == "all":
        policy, arms, offsets, rewards = chain(jnp.log(p), labels, horizon, V, diameter=diameter)
    else:
        policy, arms, offsets = (
            Autoregressive([[0] * V], horizon),
            _tokens(labels, V, diameter),
            _token_offsets(jnp.log(p), V),
        )
        rewards = jnp.zeros((N, V), p.dtype).at[:, 0].set(1 / horizon)
    correlation = None if coherence == 0 else equicorrelation(N, coherence)
    return problem(coherent(correlation, arms, num_prompts=N), offsets, rewards, diameter=diameter, policy=policy)


def chain(
    log_pass_rates: Float[Array, " N"],
    labels: Int[Array, " N"],
    horizon: int,
    num_tokens: int,
    *,
    diameter: float = 1.0,
) -> tuple[Autoregressive, Float[Array, "N K m"], Float[Array, "N K"], Float[Array, "N K"]]:
    """(policy, arms, offsets, rewards) of `sequence_problem` with reward "all", K = 2V: traceable, unchecked."""
    N, V = log_pass_rates.shape[0], num_tokens
    policy = Autoregressive([[0] + [1] * (V - 1), [1] * V], horizon, terminal=[1.0, 0.0])
    arms = _tokens(labels, V, diameter)
    offsets = _token_offsets(log_pass_rates / horizon, V)
    dead = jnp.full((N, V), -np.log(V), offsets.dtype)
    return (
        policy,
        jnp.concatenate([arms, jnp.zeros_like(arms)], axis=1),
        jnp.concatenate([offsets, dead], axis=1),
        jnp.zeros((N, 2 * V), offsets.dtype),
    )


def _tokens(labels: Int[Array, " N"], num_tokens: int, diameter: float) -> Float[Array, "N V m"]:
    """Corners of the simplex, token 0 and the label having changed places."""
    tokens = jnp.broadcast_to(jnp.arange(num_tokens), (labels.shape[0], num_tokens))
    tokens = jnp.where(tokens == labels[:, None], 0, tokens).at[:, 0].set(labels)
    return simplex_arms(num_tokens, diameter)[tokens]


def _token_offsets(log_right: Float[Array, " N"], num_tokens: int) -> Float[Array, "N V"]:
    log_wrong = jnp.log(-jnp.expm1(log_right)) - np.log(num_tokens - 1)
    return jnp.where(jnp.arange(num_tokens) == 0, log_right[:, None], log_wrong[:, None])
