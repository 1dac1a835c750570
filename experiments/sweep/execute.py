"""The rows of one chunk: runs of one shape in one compiled program, steps tuned on seeds that are not reported.

    settings × steps × tuning seeds → the best step of each setting (mean area) → settings × seeds → rows

Runs are cut into slices of one size, a whole number of blocks that fit a core's cache, and the slices go to devices in
turn. On a CPU one slice is computed at a time: two at once in one process can wait for each other for ever inside XLA
(seen with eigenvalues on two cores), so cores are filled by processes. What a run gives does not depend on where it
runs or on how many run beside it, so rows are the same bit for bit in one process, on many workers and after a restart.
Independent checks: tests/experiments/sweep/test_execute.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from bandits._score import Score, score
from bandits._step import Certified, Constant, KLLimited, StepSize
from bandits.batches import BLOCK_NUMBERS
from bandits.optimiser import make_optimiser
from bandits.oracle import Exact, Oracle, Sampled
from bandits.weight import Weight
from experiments.columns.declared import checked
from experiments.rows import Rows, join
from experiments.sweep import fast
from experiments.sweep.best_known import best_known
from experiments.sweep.grid import AXES, Setting
from experiments.sweep.parts import COMMAND, part_path
from experiments.sweep.problems import (
    HIDDEN,
    REPORTING,
    TUNING,
    Numbers,
    Shape,
    build,
    build_held_out,
    numbers_of,
    seed_key,
)
from experiments.sweep.rules import update_rule, weights
from experiments.sweep.slices import execute
from experiments.sweep.spec import Chunk, Spec, chunks, steps_of

LEVELS = (0.5, 0.75, 0.9)
"""Hitting times are of these shares of the way from J at the start to the best known J."""


class Job(eqx.Module):
    """One run; arrays of many where they are batched."""

    numbers: Numbers
    alpha: Float[Array, "*runs"]
    step_size: Float[Array, "*runs"]
    best_known: Float[Array, "*runs"]
    key: Key[Array, "*runs"]
    weight: Weight | None = None
    """Of rules of the kind table, else None."""


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
    memory = {"sgd": 0, "momentum": 1, "adam": 2}[setting.optimiser]
    table += setting.held_out * setting.num_arms * states
    table += table // 4 if setting.updates_per_batch > 1 else 0
    return 16 * table + (4 + 2 * memory) * rank * setting.num_arms + draws + embedding + solve + scan


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


@dataclass(frozen=True)
class Recipe:
    """What a compiled program is made for: the settings of one have it in common."""

    shape: Shape
    kind: str
    design: str
    group_size: int | str
    optimiser: str
    prompts_per_update: int
    updates_per_batch: int
    filter: bool
    num_steps: int
    num_curve: int
    kl_limit: float
    ridge: float
    clip_norm: float

    @staticmethod
    def of(spec: Spec, setting: Setting) -> Recipe:
        """The recipe of a setting."""
        return Recipe(
            Shape.of(setting), setting.rule_kind, setting.design, setting.group_size, setting.optimiser,
            setting.prompts_per_update, setting.updates_per_batch, setting.filter, spec.num_steps, spec.num_curve,
            spec.kl_limit, spec.ridge, spec.clip_norm,
        )  # fmt: skip

    def oracle(self) -> Oracle:
        """Where gradients come from."""
        B = self.prompts_per_update
        if self.group_size == "exact":
            return Exact(prompts_per_update=B)
        U = self.updates_per_batch
        return Sampled(int(self.group_size), prompts_per_update=B, filter=self.filter, updates_per_batch=U)

    def step_size(self, size: Float[Array, ""]) -> StepSize:
        """How far updates go."""
        if self.design == "kl-limited":
            return KLLimited(size, jnp.asarray(self.kl_limit))
        return Certified() if self.design == "certified" else Constant(size)


@lru_cache(maxsize=64)
def _program(recipe: Recipe, block: int) -> Callable[[Job], Score]:
    oracle, optimiser = recipe.oracle(), make_optimiser(recipe.optimiser, clip_norm=recipe.clip_norm or None)

    def one(job: Job) -> Score:
        problem_key, run_key = jax.random.split(job.key)
        problem = build(recipe.shape, job.numbers, key=problem_key)
        rule = update_rule(recipe.kind, job.alpha, recipe.ridge, job.weight)
        start = jnp.mean(problem.policy.locate(problem.offsets, problem.rewards).value)
        levels = start + jnp.asarray(LEVELS) * (job.best_known - start)
        return score(
            problem, rule, oracle, recipe.step_size(job.step_size), recipe.num_steps, levels=levels, key=run_key,
            num_curve=recipe.num_curve, optimiser=optimiser,
            held_out=build_held_out(recipe.shape, job.numbers, key=problem_key),
        )  # fmt: skip

    if jax.default_backend() == "cpu":
        return jax.jit(lambda jobs: jax.lax.map(one, jobs, batch_size=block))
    return jax.jit(jax.vmap(one))


def is_degenerate(setting: Setting) -> bool:
    """Free steps, exact gradients and orthogonal or identical features: solved in a few steps by every rule.

    Such settings are run where they are asked for, and marked; they are never a headline.
    """
    plain = setting.optimiser == "sgd" and not setting.prompts_per_update
    free = setting.design == "constant" and setting.group_size == "exact"
    return plain and free and setting.coherence in (0.0, 1.0)


def compute_chunk(spec: Spec, chunk: Chunk, memory: int) -> Rows:
    """One row a run; columns as docs/rows.md says. Pure: the same rows wherever and whenever it runs.

    Raises:
        ValueError: the memory is too small for one block of runs.
    """
    settings = chunk.settings
    first = settings[0]
    block, size = slice_size(first, memory)

    def scores(jobs: Job) -> Score:
        if fast.serves(spec, first):
            return fast.score_all(spec, first, jobs, LEVELS)
        return execute(_program(Recipe.of(spec, first), block), jobs, size)

    def run(stage: int, indices: range, steps: Float[np.ndarray, "settings B"], best: np.ndarray) -> tuple[Rows, Score]:
        """Rows in the order setting, step, seed."""
        s, b, i = (a.ravel() for a in np.meshgrid(range(len(settings)), range(steps.shape[1]), indices, indexing="ij"))
        keys = jnp.stack([seed_key(spec, stage, index) for index in indices])
        jobs = Job(
            jax.tree.map(lambda leaf: leaf[s], numbers_of(settings)),
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
        steps = np.asarray(steps_of(spec, first.optimiser))
        grid = np.broadcast_to(steps, (len(settings), len(steps)))
        tuned = np.ones((len(settings), spec.tuning_seeds))
        rows, result = run(TUNING, range(spec.tuning_seeds), grid, tuned)
        parts.append(_rows(rows, result, np.full(len(result.area), np.nan), spec, False))
        area = np.where(result.finite, result.area, -np.inf).reshape(len(settings), len(steps), -1).mean(axis=-1)
        choice = np.argmax(area, axis=1)
        chosen, edge = steps[choice], np.isin(choice, (0, len(steps) - 1))
    best = best_known(spec, settings)
    rows, result = run(REPORTING, range(spec.seeds), chosen[:, None], best)
    parts.append(_rows(rows, result, best.ravel(), spec, True, np.repeat(edge, spec.seeds)))
    return checked(COMMAND, part_path(Path(), chunk.index).name, join(parts))


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
        "answers_drawn": result.answers_drawn, "held_out_area": result.held_out_area,
        "held_out_final": result.held_out_final, "held_out_curve": result.held_out_curve, "curve": result.curve,
    }  # fmt: skip
