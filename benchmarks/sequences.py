"""Exact quantities of responses of H tokens: the dynamic programme against writing out V^H responses, and its limit.

`sequence_tilt` gives J, σ and ∂J/∂z of a softmax table z(s, v) in O(H S V). Compared with:

- `enumerate_responses` at V = 3 and S = 3, H = 2..9: the same three quantities from V^H probabilities and scores. The
  ratio should grow like V^H/H, and "ratio over V^H/H" be level once both sides are past what a call costs by itself;
- at H = 1000, 256 prompts at once: a loop over tokens in NumPy on arrays of all prompts, reverse-mode automatic
  differentiation of J (which gives no σ), and J alone, the least that a backward recursion can do.

"limit" counts the multiplications and additions of the recursions that cannot be left out (2 S² a token for
occupancies, 8 S V for means, weights and sums) and the S V exponentials of π at this machine's rates. Recursions over
tables of 16 numbers are no matrix products: gathers, comparisons and moving data are what the rest is.

Slope: warm time against H over a factor of 64, by least squares of logarithms; 1 expected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bandits.enumeration import enumerate_responses
from benchmarks.growth import measure_slope
from benchmarks.machine import Limits, Timing, make_rows, measure
from curvature.sequence import sequence_tilt

Tables = tuple[np.ndarray, np.ndarray, np.ndarray]
SHORT = tuple(range(2, 10))
LONG = 1000


def make_tables(num_states: int, num_tokens: int, num_prompts: int | None = None) -> Tables:
    """(logits, rewards, transitions) of a random automaton; a leading axis of prompts where asked for."""
    rng = np.random.default_rng(0)
    shape = (num_states, num_tokens) if num_prompts is None else (num_prompts, num_states, num_tokens)
    return rng.standard_normal(shape), rng.uniform(size=shape), rng.integers(num_states, size=(num_states, num_tokens))


def by_enumeration(z: np.ndarray, r: np.ndarray, τ: np.ndarray, horizon: int) -> tuple[float, float, np.ndarray]:
    """(J, σ, ∂J/∂z) by definition."""
    responses = enumerate_responses(z, r, τ, horizon)
    π, pay = responses.probabilities, responses.rewards
    J = float(π @ pay)
    weights = π * (pay - J)
    return J, float(np.sqrt(weights @ (pay - J))), (weights @ responses.scores).reshape(z.shape)


def numpy_programme(z: np.ndarray, r: np.ndarray, τ: np.ndarray, horizon: int) -> tuple[np.ndarray, ...]:
    """(J, σ, ∂J/∂z) of all prompts, a token at a time: z and r [N, S, V]. Rounding is not bounded, as ours is."""
    N, S, _ = z.shape
    π = np.exp(z - z.max(axis=-1, keepdims=True))
    π /= π.sum(axis=-1, keepdims=True)
    follow = np.stack([(π * (τ == s)).sum(axis=-1) for s in range(S)], axis=-1)  # [N, S, S']
    P = np.zeros((horizon, N, S))
    P[0, :, 0] = 1
    for t in range(1, horizon):
        P[t] = np.einsum("ns,nst->nt", P[t - 1], follow)
    value, gradient, variance = np.zeros((N, S)), np.zeros_like(z), np.zeros(N)
    for t in reversed(range(horizon)):
        Q = r + value[:, τ]
        value = (π * Q).sum(axis=-1)
        advantages = Q - value[..., None]
        weights = π * advantages
        gradient += P[t][..., None] * weights
        variance += (P[t] * (weights * advantages).sum(axis=-1)).sum(axis=-1)
    return value[:, 0], np.sqrt(variance), gradient


def value_alone(z: jax.Array, r: jax.Array, τ: jax.Array, horizon: int) -> jax.Array:
    """J of one prompt."""
    π = jax.nn.softmax(z)

    def back(value: jax.Array, _: None) -> tuple[jax.Array, None]:
        return jnp.sum(π * (r + value[τ]), axis=-1), None

    return jax.lax.scan(back, jnp.zeros(z.shape[0]), None, length=horizon)[0][0]


def worst(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> float:
    """The greatest relative difference of any of them, each on its own scale."""
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(ours, theirs, strict=True)]
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)


def pick(found: tuple[Any, ...]) -> tuple[Any, ...]:
    """(J, σ, ∂J/∂z) of what `sequence_tilt` returns."""
    return found[0], found[1], found[3]


def benchmark_enumeration(*, num_states: int = 3, num_tokens: int = 3, repeats: int = 5) -> list[dict]:
    """Two rows a horizon; the second's ratio is the gain of the dynamic programme."""
    z, r, τ = make_tables(num_states, num_tokens)
    logits, rewards, follows = map(jnp.asarray, (z, r, τ))
    rows = []
    for horizon in SHORT:

        def programme(H: int = horizon) -> Any:
            return sequence_tilt(logits, rewards, follows, H)

        def written_out(H: int = horizon) -> Any:
            return by_enumeration(z, r, τ, H)

        timed = measure({"programme": programme, "written out": written_out}, repeats)
        scale = num_tokens**horizon / horizon
        ratio = timed["written out"].median / timed["programme"].median
        names = (f"H = {horizon}: sequence_tilt", f"H = {horizon}: {num_tokens**horizon:,} responses written out")
        times: dict[str, Timing] = dict(zip(names, timed.values(), strict=True))
        made = make_rows(
            f"J, σ, ∂J/∂z of one prompt, V = {num_tokens}, S = {num_states}",
            times,
            errors={names[0]: worst(pick(programme()), written_out())},
        )
        rows += [row | {"ratio_over_responses_per_token": ratio / scale} for row in made]
    return rows


def benchmark_long(
    limits: Limits,
    *,
    num_prompts: int = 256,
    num_states: int = 4,
    num_tokens: int = 4,
    horizon: int = LONG,
    repeats: int = 5,
) -> list[dict]:
    """Rows at H = 1000; share of the limit."""
    z, r, τ = make_tables(num_states, num_tokens, num_prompts)
    many = tuple(map(jnp.asarray, (z, r, τ)))
    axes = (0, 0, None)

    def batched(one: Callable[..., Any]) -> Callable[..., Any]:
        return jax.jit(jax.vmap(one, axes))

    def value(z: jax.Array, r: jax.Array, τ: jax.Array) -> jax.Array:
        return value_alone(z, r, τ, horizon)

    ours = batched(lambda z, r, τ: sequence_tilt(z, r, τ, horizon))
    alone, reverse = batched(value), batched(jax.value_and_grad(value))
    times = measure(
        {
            f"sequence_tilt, {num_prompts} prompts, jit(vmap)": lambda: ours(*many),
            "J alone (the floor)": lambda: alone(*many),
            "J and ∂J/∂z by reverse mode": lambda: reverse(*many),
            "NumPy, a token at a time, all prompts": lambda: numpy_programme(z, r, τ, horizon),
        },
        repeats,
    )
    error = worst(pick(ours(*many)), numpy_programme(z, r, τ, horizon))
    S, V = num_states, num_tokens
    flops = num_prompts * horizon * (2 * S**2 + 8 * S * V)
    rows = make_rows(
        f"H = {horizon}, S = {S}, V = {V}",
        times,
        limit=limits.time_limit(flops, num_prompts * S * V),
        errors={next(iter(times)): error, "J and ∂J/∂z by reverse mode": worst(reverse(*many), pick(ours(*many))[::2])},
    )
    return [row | {"limit": None} if "floor" in row["what"] or "reverse" in row["what"] else row for row in rows]


def benchmark_horizons(*, num_prompts: int = 256, num_states: int = 4, num_tokens: int = 4, repeats: int = 5) -> dict:
    """How the warm time of `sequence_tilt` grows with H."""
    many = tuple(map(jnp.asarray, make_tables(num_states, num_tokens, num_prompts)))

    def of(horizon: int) -> Callable[[], Any]:
        compiled = jax.jit(jax.vmap(lambda z, r, τ: sequence_tilt(z, r, τ, horizon), (0, 0, None)))
        return lambda: compiled(*many)

    what = f"tokens H of sequence_tilt ({num_prompts} prompts, S = {num_states}, V = {num_tokens})"
    return measure_slope(what, (64, 256, 1024, 4096), of, repeats)


def benchmark_sequences(limits: Limits) -> tuple[list[dict], list[dict]]:
    """(rows, slopes)."""
    return benchmark_enumeration() + benchmark_long(limits), [benchmark_horizons()]
