"""The rows of one chunk: runs of one shape in one compiled program, steps tuned on seeds that are not reported.

    settings × steps × tuning seeds → the best step of each setting (mean area) → settings × seeds → rows

Runs are cut into slices of one size, a whole number of blocks that fit a core's cache, and the slices go to devices in
turn. On a CPU one slice is computed at a time: two at once in one process can wait for each other for ever inside XLA
(seen with eigenvalues on two cores), so cores are filled by processes. What a run gives does not depend on where it
runs or on how many run beside it, so rows are the same bit for bit in one process, on many workers and after a restart.
Independent checks: tests/experiments/sweep/test_execute.py.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from bandits._score import Score, score
from bandits._step import Certified, Constant, KLLimited, StepSize
from bandits.achievable import best_known_value
from bandits.batches import BLOCK_NUMBERS
from bandits.oracle import Exact, Oracle, Sampled
from bandits.update import Weight
from experiments.rows import Rows, join
from experiments.sweep import fast
from experiments.sweep.grid import AXES, Setting
from experiments.sweep.problems import HIDDEN, Numbers, Shape, always_realisable, build
from experiments.sweep.rules import update_rule, weights
from experiments.sweep.spec import Chunk, Spec, chunks

LEVELS = (0.5, 0.75, 0.9)
"""Hitting times are of these shares of the way from J at the start to the best known J."""
TUNING, REPORTING = 0, 1


class Job(eqx.Module):
    """One run; arrays of many where they are batched."""

    numbers: Numbers
    alpha: Float[Array, "*runs"]
    step_size: Float[Array, "*runs"]
    best_known: Float[Array, "*runs"]
    key: Key[Array, "*runs"]
    weight: Weight | None = None
    """Of rules of the kind table, else None."""


def seed_key(spec: Spec, stage: int, index: int) -> Key[Array, ""]:
    """The key of a seed: of the problem's draws and of the groups."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(spec.seed), stage), index)


def run_numbers(setting: Setting) -> int:
    """How many numbers of 8 bytes one run keeps alive at once, about: tables, parameters, and a group's draws."""
    states = 2 if setting.policy == "autoregressive" else 1
    table = setting.num_prompts * setting.num_arms * states
    rank = setting.dimension or setting.num_prompts + 1
    group = 0 if setting.group_size == "exact" else int(setting.group_size)
    draws = setting.num_prompts * group * (setting.horizon if states == 2 else setting.num_arms)
    embedding = setting.num_prompts * rank if setting.dimension or setting.policy == "log-bilinear" else 0
    solve = 4 * min(rank, setting.num_prompts) ** 2 if setting.rule == "decoupled" and embedding else 0
    if setting.policy == "log-bilinear":
        d = (setting.num_prompts + 1 + setting.num_arms) * (setting.dimension or HIDDEN)
        solve = (4 * d**2 + 2 * table * d) if setting.rule == "decoupled" else 0
        rank = d // setting.num_arms
    scan = 4 * setting.horizon * table if states == 2 else 0
    return 16 * table + 4 * rank * setting.num_arms + draws + embedding + solve + scan


def slice_size(setting: Setting, memory: int) -> tuple[int, int]:
    """(runs at a time, runs in a slice). The first decides the bits of the rows, the second only the memory.

    Raises:
        ValueError: one block alone needs more than `memory`.
    """
    block = max(1, BLOCK_NUMBERS // (setting.num_prompts * setting.num_arms))
    on_cpu = jax.default_backend() == "cpu"
    need = 8 * run_numbers(setting) * block
    if need > memory:
        raise ValueError(
            f"memory is {memory:,} bytes, but {block} runs of {setting.num_prompts} prompts with {setting.num_arms} "
            f"arms need about {need:,}; allowed: more memory, or smaller problems"
        )
    return block, block * (1 if on_cpu else max(1, min(256, memory // need)))


def check_memory(spec: Spec, memory: int) -> None:
    """Refuse what one process cannot hold, before anything is computed.

    Raises:
        ValueError: it says which sizes need how much.
    """
    for chunk in chunks(spec):
        slice_size(chunk.settings[0], memory)


@lru_cache(maxsize=64)
def _program(
    shape: Shape,
    kind: str,
    design: str,
    group_size: int | str,
    num_steps: int,
    num_curve: int,
    kl_limit: float,
    ridge: float,
    block: int,
) -> Callable[[Job], Score]:
    oracle: Oracle = Exact() if group_size == "exact" else Sampled(int(group_size))

    def one(job: Job) -> Score:
        problem_key, run_key = jax.random.split(job.key)
        problem = build(shape, job.numbers, key=problem_key)
        rule = update_rule(kind, job.alpha, ridge, job.weight)
        size: StepSize = (
            KLLimited(job.step_size, jnp.asarray(kl_limit))
            if design == "kl-limited"
            else Certified()
            if design == "certified"
            else Constant(job.step_size)
        )
        start = jnp.mean(problem.policy.locate(problem.offsets, problem.rewards).value)
        levels = start + jnp.asarray(LEVELS) * (job.best_known - start)
        return score(problem, rule, oracle, size, num_steps, levels=levels, key=run_key, num_curve=num_curve)

    if jax.default_backend() == "cpu":
        return jax.jit(lambda jobs: jax.lax.map(one, jobs, batch_size=block))
    return jax.jit(jax.vmap(one))


def execute(program: Callable[[Any], Any], jobs: Any, size: int) -> Any:
    """The results of all jobs, as NumPy arrays: slices of `size` runs, filled up with copies of the last run.

    As many slices are under way as there are devices.
    """
    num_jobs = jax.tree.leaves(jobs)[0].shape[0]
    devices = jax.local_devices()
    parts: list[Any] = []
    under_way: deque[Any] = deque()
    for turn, start in enumerate(range(0, num_jobs, size)):
        if len(under_way) == len(devices):
            parts.append(jax.tree.map(np.asarray, under_way.popleft()))
        index = np.minimum(np.arange(start, start + size), num_jobs - 1)
        piece = jax.tree.map(lambda leaf, index=index: leaf[index], jobs)
        under_way.append(program(jax.device_put(piece, devices[turn % len(devices)]) if len(devices) > 1 else piece))
    parts += [jax.tree.map(np.asarray, result) for result in under_way]
    return jax.tree.map(lambda *part: np.concatenate(part)[:num_jobs], *parts)


def _numbers(settings: Sequence[Setting]) -> Numbers:
    return Numbers(*(jnp.asarray([getattr(s, name) for s in settings]) for name in Numbers.__annotations__))


@lru_cache(maxsize=64)
def _best_program(shape: Shape) -> Callable[[tuple[Numbers, Array]], Array]:
    def one(job: tuple[Numbers, Array]) -> Array:
        numbers, key = job
        problem_key, start_key = jax.random.split(key)
        # one input for all prompts lets learnt features do no more than a shared vector of logits
        flat = Shape("log-linear", shape.num_prompts, shape.num_arms, 1, 0) if shape.policy == "log-bilinear" else shape
        return best_known_value(build(flat, numbers, key=problem_key), key=start_key)

    return jax.jit(lambda jobs: jax.lax.map(one, jobs))


_BEST: dict[tuple[Any, ...], float] = {}
"""Best known values of problems that other rules and groups of this process have already met."""


def best_known(spec: Spec, settings: Sequence[Setting]) -> Float[np.ndarray, "settings seeds"]:
    """The greatest mean J known for each reported problem: 1 where that is certain, else a lower bound on sup J."""
    values = np.ones((len(settings), spec.seeds))
    todo: dict[tuple[Any, ...], tuple[Setting, int]] = {}

    def name(setting: Setting, index: int) -> tuple[Any, ...]:
        numbers = tuple(getattr(setting, field) for field in Numbers.__annotations__)
        return Shape.of(setting), numbers, spec.seed, index

    open_cases = [s for s in settings if not always_realisable(s)]
    for setting, index in itertools.product(open_cases, range(spec.seeds)):
        if name(setting, index) not in _BEST:
            todo[name(setting, index)] = setting, index
    if todo:
        jobs = (
            _numbers([s for s, _ in todo.values()]),
            jnp.stack([seed_key(spec, REPORTING, i) for _, i in todo.values()]),
        )
        found = execute(_best_program(Shape.of(open_cases[0])), jobs, 8)
        _BEST.update(zip(todo, found.tolist(), strict=True))
    for row, setting in enumerate(settings):
        if not always_realisable(setting):
            values[row] = [_BEST[name(setting, index)] for index in range(spec.seeds)]
    return values


def is_degenerate(setting: Setting) -> bool:
    """Free steps, exact gradients and orthogonal or identical features: solved in a few steps by every rule.

    Such settings are run where they are asked for, and marked; they are never a headline.
    """
    return setting.design == "constant" and setting.group_size == "exact" and setting.coherence in (0.0, 1.0)


def compute_chunk(spec: Spec, chunk: Chunk, memory: int) -> Rows:
    """One row a run; columns as in docs/sweeps.md. Pure: the same rows wherever and whenever it runs.

    Raises:
        ValueError: the memory is too small for one block of runs.
    """
    settings = chunk.settings
    first = settings[0]
    block, size = slice_size(first, memory)
    made_for = (
        Shape.of(first), first.rule_kind, first.design, first.group_size, spec.num_steps, spec.num_curve, spec.kl_limit,
    )  # fmt: skip

    def scores(jobs: Job) -> Score:
        if fast.serves(first, spec.kl_limit):
            return fast.score_all(jobs, *made_for, LEVELS)
        return execute(_program(*made_for, spec.ridge, block), jobs, size)

    def run(stage: int, indices: range, steps: Float[np.ndarray, "settings B"], best: np.ndarray) -> tuple[Rows, Score]:
        """Rows in the order setting, step, seed."""
        s, b, i = (a.ravel() for a in np.meshgrid(range(len(settings)), range(steps.shape[1]), indices, indexing="ij"))
        keys = jnp.stack([seed_key(spec, stage, index) for index in indices])
        jobs = Job(
            jax.tree.map(lambda leaf: leaf[s], _numbers(settings)),
            jnp.asarray([setting.alpha for setting in settings])[s],
            jnp.asarray(steps[s, b]),
            jnp.asarray(best[s, i]),
            keys[i],
            jax.tree.map(lambda leaf: leaf[s], weights(settings)),
        )
        result = scores(jobs)
        named = np.array([str(setting.group_size) for setting in settings])
        rows: Rows = {
            name: named[s] if name == "group_size" else np.array([getattr(setting, name) for setting in settings])[s]
            for name in AXES
        }
        rows["stage"] = np.full(len(s), ("tune", "report")[stage])
        rows["seed_index"], rows["step_size"] = i, steps[s, b]
        rows["degenerate_design"] = np.array([is_degenerate(setting) for setting in settings])[s]
        return rows, result

    parts: list[Rows] = []
    if first.design == "certified":
        chosen, edge = np.full(len(settings), np.nan), np.zeros(len(settings), bool)
    else:
        grid = np.broadcast_to(np.asarray(spec.steps), (len(settings), len(spec.steps)))
        tuned = np.ones((len(settings), spec.tuning_seeds))
        rows, result = run(TUNING, range(spec.tuning_seeds), grid, tuned)
        parts.append(_rows(rows, result, np.full(len(result.area), np.nan), spec, False))
        area = np.where(result.finite, result.area, -np.inf).reshape(len(settings), len(spec.steps), -1).mean(axis=-1)
        choice = np.argmax(area, axis=1)
        chosen, edge = np.asarray(spec.steps)[choice], np.isin(choice, (0, len(spec.steps) - 1))
    best = best_known(spec, settings)
    rows, result = run(REPORTING, range(spec.seeds), chosen[:, None], best)
    parts.append(_rows(rows, result, best.ravel(), spec, True, np.repeat(edge, spec.seeds)))
    return join(parts)


def _rows(
    rows: Rows, result: Score, best: np.ndarray, spec: Spec, reported: bool, edge: np.ndarray | None = None
) -> Rows:
    count = len(result.area)
    hitting = {
        f"hitting_time_{round(100 * level)}": result.hitting_times[:, i] if reported else np.full(count, np.nan)
        for i, level in enumerate(LEVELS)
    }
    return rows | {
        "initial": result.curve[:, 0], "final": result.final, "area": result.area, "lowest": result.lowest,
        "best_known": best, **hitting, "average_std": result.average_std, "cross_ratio_start": result.cross_ratio[:, 0],
        "cross_ratio_end": result.cross_ratio[:, -1], "largest_kl": result.largest_kl,
        "limited_share": result.limited_share, "finite": result.finite,
        "step_at_edge": np.zeros(count, bool) if edge is None else edge,
        "curve": result.curve,
    }  # fmt: skip
