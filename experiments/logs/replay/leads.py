"""Leads of `group` over `none` in simulated runs of given pass rates: each rule with its best step, paired seeds.

    lead at ρ = mean over seeds of (area of group − area of none),    area = mean over T updates of the mean pass rate

Prompts are softmax policies over K answers of which one is right, drawn at random for each; all pairs of prompts have
features of product ρ (`bandits.Equicorrelated`). Every update has one group for every prompt, or for a batch of them in
shuffled epochs, and moves the policy by at most `KL_LIMIT` nats on average. A step is chosen for each rule and ρ on
seeds that are not reported. Independent check: tests/experiments/logs/replay/test_leads.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from scipy.stats import t as student

from bandits._problem import Problem
from bandits._run import State, init, step
from bandits._score import score
from bandits._step import KLLimited
from bandits.batches import BLOCK_NUMBERS
from bandits.epochs import batch_of_epoch
from bandits.features import Equicorrelated
from bandits.optimiser import make_optimiser
from bandits.oracle import Sampled
from bandits.pass_rates import NEAREST
from bandits.policy import Softmax
from bandits.rewards import draw_labels, one_hot_rewards
from bandits.simplex import Simplex
from bandits.update import Power
from experiments.logs.replay.design import PLAIN, Design

NUM_ARMS, NUM_STEPS, KL_LIMIT = 8, 100, 0.05
"""As in the published sweep, which has 200 updates."""
STEPS = tuple(np.geomspace(0.3, 3000.0, 7).tolist())
"""To choose from, on the sum over prompts."""
ADAM_STEPS = tuple(np.geomspace(0.001, 10.0, 7).tolist())
"""The same under Adam, whose updates are about 1 in every coordinate."""
TUNING_SEEDS, SEEDS = 3, 8
ALPHA = np.array([0.0, 1.0])
"""none, group."""


class Job(eqx.Module):
    """One run; arrays of many where they are batched."""

    odds: Float[Array, "*runs N"]
    coherence: Float[Array, "*runs"]
    alpha: Float[Array, "*runs"]
    step_size: Float[Array, "*runs"]
    key: Key[Array, "*runs"]


@dataclass(frozen=True)
class Leads:
    """The lead at each overlap."""

    coherence: np.ndarray
    """[C] ρ."""
    mean: np.ndarray
    """[C] lead in mean accuracy."""
    half_width: np.ndarray
    """[C] of its 95% interval over seeds (Student's t)."""
    step_size: np.ndarray
    """[C, 2] chosen for none and group."""


def log_odds(rates: np.ndarray) -> np.ndarray:
    """Logits of pass rates, those next to 0 and 1 moved to `NEAREST` of them.

    >>> print(log_odds(np.array([0.0, 0.5])).round(2))
    [-6.91  0.  ]
    """
    p = np.clip(rates, NEAREST, 1 - NEAREST)
    return np.log(p) - np.log1p(-p)


def build(job: Job, key: Key[Array, ""]) -> Problem:
    """The problem of a run; its right answers are drawn."""
    N = job.odds.shape[0]
    rewards = one_hot_rewards(draw_labels(N, NUM_ARMS, key=key), NUM_ARMS)
    wrong = jax.nn.log_sigmoid(-job.odds) - np.log(NUM_ARMS - 1)
    offsets = jnp.where(rewards == 1, jax.nn.log_sigmoid(job.odds)[:, None], wrong[:, None])
    features = Equicorrelated(Simplex(N, NUM_ARMS, jnp.ones(())), job.coherence)
    return Problem(features, offsets, rewards, jnp.ones(()), Softmax())


@lru_cache(maxsize=16)
def _areas(num_prompts: int, group_size: int, design: Design) -> Callable[[Job], Array]:
    oracle = Sampled(group_size, prompts_per_update=design.prompts_per_update)
    optimiser = make_optimiser(design.optimiser)

    def one(job: Job) -> Array:
        problem_key, run_key = jax.random.split(job.key)
        limited = KLLimited(job.step_size, jnp.asarray(KL_LIMIT))
        found = score(
            build(job, problem_key), Power(job.alpha), oracle, limited, NUM_STEPS, levels=jnp.ones(1), key=run_key,
            optimiser=optimiser,
        )  # fmt: skip
        return jnp.where(found.finite, found.area, -jnp.inf)

    block = max(1, BLOCK_NUMBERS // (num_prompts * NUM_ARMS))
    return jax.jit(lambda jobs: jax.lax.map(one, jobs, batch_size=block))


def leads(
    rates: np.ndarray, group_size: int, coherence: np.ndarray, *, seed: int, seeds: int = SEEDS, design: Design = PLAIN
) -> Leads:
    """The lead at every overlap.

    Arguments:
        rates: [N] pass rates at the start, one per prompt.
        group_size: G.
        coherence: [C] ρ in [0, 1).
        seed: of all random draws.
        seeds: that are reported.
        design: optimiser and prompts per update, which divide N.
    """
    grid = ADAM_STEPS if design.optimiser == "adam" else STEPS
    C, B = len(coherence), len(grid)
    tuned = _run(rates, group_size, coherence, np.broadcast_to(grid, (C, 2, B)), seed, range(TUNING_SEEDS), design)
    chosen = np.asarray(grid)[tuned.mean(axis=-1).argmax(axis=-1)]
    area = _run(rates, group_size, coherence, chosen[..., None], seed, range(1000, 1000 + seeds), design)[:, :, 0]
    lead = area[:, 1] - area[:, 0]
    error = lead.std(axis=1, ddof=1) / np.sqrt(seeds)
    return Leads(coherence, lead.mean(axis=1), float(student.ppf(0.975, seeds - 1)) * error, chosen)


def _run(
    rates: np.ndarray, group_size: int, coherence: np.ndarray, steps: np.ndarray, seed: int, draws: range,
    design: Design = PLAIN,
) -> np.ndarray:  # fmt: skip
    """[C, 2, B, S] areas; `steps` is [C, 2, B]."""
    shape = (*steps.shape, len(draws))
    c, rule, b, s = (axis.ravel() for axis in np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"))
    keys = jnp.stack([jax.random.fold_in(jax.random.key(seed), draw) for draw in draws])
    jobs = Job(
        jnp.broadcast_to(jnp.asarray(log_odds(rates)), (len(c), len(rates))),
        jnp.asarray(coherence)[c],
        jnp.asarray(ALPHA)[rule],
        jnp.asarray(steps[c, rule, b]),
        keys[s],
    )
    return np.asarray(_areas(len(rates), group_size, design)(jobs)).reshape(shape)


def pass_rates_along(
    rates: np.ndarray, group_size: int, coherence: float, alpha: float, step_size: float, num_steps: int, *, seed: int,
    design: Design = PLAIN,
) -> np.ndarray:  # fmt: skip
    """[T, N] pass rates before each update of one run; NaN of prompts that the update leaves out."""
    job = Job(
        jnp.asarray(log_odds(rates)),
        jnp.asarray(coherence),
        jnp.asarray(alpha),
        jnp.asarray(step_size),
        jax.random.key(seed),
    )
    return np.asarray(_path(len(rates), group_size, num_steps, design)(job))


@lru_cache(maxsize=16)
def _path(num_prompts: int, group_size: int, num_steps: int, design: Design) -> Callable[[Job], Array]:
    B, optimiser = design.prompts_per_update, make_optimiser(design.optimiser)
    oracle = Sampled(group_size, prompts_per_update=B)

    def path(job: Job) -> Array:
        problem_key, run_key = jax.random.split(job.key)
        problem = build(job, problem_key)
        limited = KLLimited(job.step_size, jnp.asarray(KL_LIMIT))

        def advance(state: State, _: None) -> tuple[State, Array]:
            new = step(problem, Power(job.alpha), oracle, limited, state, optimiser=optimiser)[0]
            if not B or state.order_key is None:
                return new, state.local.value
            seen = batch_of_epoch(state.order_key, state.time, num_prompts, B)
            return new, jnp.full(num_prompts, jnp.nan).at[seen].set(state.local.value[seen])

        return jax.lax.scan(advance, init(problem, key=run_key, optimiser=optimiser), None, length=num_steps)[1]

    return jax.jit(path)
