"""A sweep's settings, by each engine, against plain ways to compute them and against older code.

A setting is what a job array would make one job: 13 step sizes x 8 seeds to tune, then 16 seeds to report, 200 updates
on 32 prompts with 8 arms, groups of 8, KL at most .05 an update; rules none, group, power(2) and batch. Times are
seconds a setting; every side computes one setting after the other:

- ours: `compute_chunk` on all 32 settings of a grid, warm; by the JAX program, and by the numba kernel where numba is
  installed (`make fast`); and the first call, compilation included;
- older code: the same call of the checkout that `--before` names, in a process of its own, warm;
- JAX, a fresh `jax.jit` a setting: the setting's numbers are Python constants, so every setting compiles;
- NumPy, a process a setting: a fresh interpreter, run after run;
- NumPy, a process a setting, the runs of each stage at once: the same lines on arrays with a leading axis.

"error": with exact gradients both sides are deterministic, and it is the greatest difference of any number of a row,
over all rules and step sizes, after 40 updates (`exact_error` says why no more). With sampled groups the mean areas are
compared in standard errors.

"limit" counts one exponential an arm and update, two where the step was limited (the KL of the step tried and of the
step made; that one gives the next softmax), and one random number an answer drawn; products are none that must be done,
since simplex arms need sums alone. Both engines use one core in a process, so at most 1/cores can be reached here.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from bandits import Sampled
from bandits._score import score
from bandits._step import KLLimited
from bandits.update import Batch, Power
from benchmarks.machine import Limits, Timing, make_rows, measure
from benchmarks.sweep_rival import Measured, exponent, numpy_runs, options, time_jobs
from experiments.sweep import execute, fast
from experiments.sweep.engine import MEMORY
from experiments.sweep.execute import LEVELS, REPORTING, TUNING, compute_chunk, seed_key
from experiments.sweep.grid import Grid, Setting
from experiments.sweep.problems import Shape, build, numbers_of
from experiments.sweep.spec import Spec, chunks, num_runs, settings

RULES = ("none", "group", "power(2)", "batch")
SWEEP = Spec(grid=Grid(coherence=(0.0, 0.3, 0.6, 0.9), pass_rate=(0.05, 0.25), rule=RULES))
PROGRAM, KERNEL = "the JAX program", "the numba kernel"
OLDER = """
import json, time
from benchmarks.sweeps import MEMORY, SWEEP, chunks, compute_chunk
times = []
for _ in range({repeats} + 1):
    begun, cpu = time.perf_counter(), time.process_time()
    for chunk in chunks(SWEEP):
        compute_chunk(SWEEP, chunk, MEMORY)
    times.append((time.perf_counter() - begun, time.process_time() - cpu))
print(json.dumps(times[1:]))
"""
"""What a checkout of older code is asked; it has the same names."""


def engines() -> tuple[str, ...]:
    """Those that are installed."""
    return (PROGRAM, KERNEL) if fast.installed() else (PROGRAM,)


@contextlib.contextmanager
def engine(name: str) -> Iterator[None]:
    """Chunks are computed by this one."""
    with mock.patch.object(fast, "installed", return_value=name == KERNEL):
        yield


def jitted_setting(spec: Spec, setting: Setting) -> np.ndarray:
    """The areas of the reported seeds, the setting's numbers as constants of a program of its own."""
    numbers = jax.tree.map(lambda leaf: leaf[0], numbers_of([setting]))
    rule = Batch() if setting.rule == "batch" else Power(jnp.asarray(setting.alpha))
    oracle = Sampled(int(setting.group_size))

    def one(key: jax.Array, size: jax.Array) -> Any:
        problem_key, run_key = jax.random.split(key)
        problem = build(Shape.of(setting), numbers, key=problem_key)
        start = jnp.mean(problem.policy.locate(problem.offsets, problem.rewards).value)
        levels = start + jnp.asarray(LEVELS) * (1 - start)
        step = KLLimited(size, jnp.asarray(spec.kl_limit))
        return score(problem, rule, oracle, step, spec.num_steps, levels=levels, key=run_key, num_curve=spec.num_curve)

    runs = jax.jit(jax.vmap(one))
    tuning = jnp.stack([seed_key(spec, TUNING, index) for index in range(spec.tuning_seeds)])
    sizes = jnp.repeat(jnp.asarray(spec.steps), spec.tuning_seeds)
    areas = runs(jnp.tile(tuning, len(spec.steps)), sizes).area.reshape(len(spec.steps), -1)
    best = jnp.full(spec.seeds, spec.steps[int(jnp.mean(areas, axis=1).argmax())])
    reporting = jnp.stack([seed_key(spec, REPORTING, index) for index in range(spec.seeds)])
    return np.asarray(runs(reporting, best).area)


def exact_error(spec: Spec) -> float:
    """Greatest difference between our rows and NumPy's where nothing is drawn along a run.

    All step sizes and most updates limited, yet by so little that no run comes near certainty, where a gradient is
    rounding and what power(2) makes of it tells nothing.
    """
    grid = replace(spec.grid, coherence=(0.3,), group_size=("exact",))
    exact = replace(spec, tuning_seeds=1, seeds=2, num_steps=40, kl_limit=0.001, grid=grid)
    names = ("area", "final", "lowest", "average_std", "largest_kl", "limited_share", "curve")
    worst = 0.0
    for chunk in chunks(exact):
        ours = compute_chunk(exact, chunk, MEMORY)
        for i, stage in enumerate(ours["stage"]):
            setting = next(
                s
                for s in chunk.settings
                if all(getattr(s, name) == ours[name][i] for name in ("rule", "coherence", "pass_rate"))
            )
            key = seed_key(exact, TUNING if stage == "tune" else REPORTING, int(ours["seed_index"][i]))
            numbers = jax.tree.map(lambda leaf: leaf[0], numbers_of([setting]))
            problem = build(Shape.of(setting), numbers, key=jax.random.split(key)[0])
            theirs = numpy_runs(
                np.asarray(problem.offsets),
                np.asarray(problem.rewards),
                setting.coherence,
                exponent(setting),
                ours["step_size"][i],
                group_size=None,
                rng=np.random.default_rng(0),
                **options(exact),
            )
            worst = max(worst, *(float(np.abs(ours[name][i] - theirs[name]).max()) for name in names))
            worst = max(worst, abs(float(ours["cross_ratio_end"][i] - theirs["cross_ratio"][..., -1])))
            if stage == "report":
                hits = np.array([ours[f"hitting_time_{round(100 * level)}"][i] for level in LEVELS])
                same = np.array_equal(hits, theirs["hitting_times"]) and bool(ours["finite"][i]) == theirs["finite"]
                worst = worst if same else float("inf")
    return worst


def necessary_work(setting: Setting, limited_share: float) -> tuple[float, float]:
    """(exponentials, random numbers) that an update cannot do without."""
    drawn = 0.0 if setting.group_size == "exact" else float(setting.num_prompts * int(setting.group_size))
    return (1 + limited_share) * setting.num_prompts * setting.num_arms, drawn


def time_older(checkout: Path, repeats: int) -> Timing:
    """Seconds of all settings by older code, warm.

    Raises:
        ValueError: there is no such code.
    """
    if not (checkout / "benchmarks" / "sweeps.py").is_file():
        raise ValueError(f"before is {checkout}; allowed: a checkout of this project with benchmarks/sweeps.py")
    done = subprocess.run(
        [sys.executable, "-c", OLDER.format(repeats=repeats)],
        cwd=checkout, env={**os.environ, "PYTHONPATH": str(checkout.resolve())}, stdout=subprocess.PIPE, text=True,
        check=True,
    )  # fmt: skip
    seconds, cpu = zip(*json.loads(done.stdout.splitlines()[-1]), strict=True)
    return Timing(seconds, cpu)


def benchmark_settings(
    limits: Limits, spec: Spec = SWEEP, *, before: Path | None = None, repeats: int = 2, jitted: int = 2
) -> list[dict]:
    """Rows: seconds a setting, ratio to ours, share of the limit, error with exact gradients."""
    every = settings(spec)
    parts = chunks(spec)

    def whole(name: str) -> list[Measured]:
        with engine(name):
            return [compute_chunk(spec, chunk, MEMORY) for chunk in parts]

    rows: dict[str, list[Measured]] = {}
    first: dict[str, Timing] = {}
    for name in engines():
        execute._program.cache_clear()
        begun, begun_cpu = time.perf_counter(), time.process_time()
        rows[name] = whole(name)
        took = Timing((time.perf_counter() - begun,), (time.process_time() - begun_cpu,))
        first[f"{name}, first call (compiles)"] = took.scaled(1 / len(every))
    warm = measure({f"{name}, warm": lambda name=name: whole(name) for name in engines()}, repeats)
    timings = {name: timing.scaled(1 / len(every)) for name, timing in warm.items()} | first
    if before:
        timings["older code (--before), warm"] = time_older(before, repeats).scaled(1 / len(every))

    # one setting of every rule: what they cost differs
    some = [next(s for s in every[3 * i :] if s.rule == rule) for i, rule in enumerate(spec.grid.rule)]
    runs_each, found = time_jobs(spec, some, at_once=False)
    runs_whole, found_whole = time_jobs(spec, some, at_once=True)
    compiled = []
    for setting in some[-jitted:]:  # one of each program
        begun, begun_cpu = time.perf_counter(), time.process_time()
        jitted_setting(spec, setting)
        compiled.append((time.perf_counter() - begun, time.process_time() - begun_cpu))
    timings |= {
        f"JAX, a fresh jit a setting ({jitted} settings)": Timing(*zip(*compiled, strict=True)),
        f"NumPy, a process a setting, run by run ({len(some)} settings)": runs_each,
        f"NumPy, a process a setting, runs at once ({len(some)} settings)": runs_whole,
    }

    apart = max(
        deviations(rows[PROGRAM], s, np.array(theirs["areas"]))
        for results in (found, found_whole)
        for s, theirs in zip(some, results, strict=True)
    )
    limited = float(np.mean(np.concatenate([part["limited_share"] for part in rows[PROGRAM]])))
    exps, drawn = necessary_work(every[0], limited)
    updates = num_runs(spec) / len(every) * spec.num_steps
    errors = {}
    for name in engines():
        with engine(name):
            errors[f"{name}, warm"] = exact_error(spec)
    return make_rows(
        f"a setting of {num_runs(spec) // len(every)} runs x {spec.num_steps} updates, N = {every[0].num_prompts}, "
        f"K = {every[0].num_arms}, G = {every[0].group_size}; {len(every)} settings, {limited:.0%} of updates limited\n"
        f"  mean areas of sampled runs, ours and NumPy's: at most {apart:.1f} standard errors apart",
        timings,
        limit=limits.time_limit(0, exps * updates, drawn * updates),
        errors=errors,
        runs=num_runs(spec) / len(every),
    )


def deviations(rows: list[Measured], setting: Setting, theirs: np.ndarray) -> float:
    """How many standard errors the mean areas of a setting's reported runs are apart."""
    ours = np.concatenate(
        [
            part["area"][
                (part["stage"] == "report")
                & (part["rule"] == setting.rule)
                & (part["coherence"] == setting.coherence)
                & (part["pass_rate"] == setting.pass_rate)
            ]
            for part in rows
        ]
    )
    error = np.sqrt(ours.var(ddof=1) / len(ours) + theirs.var(ddof=1) / len(theirs))
    return float(abs(ours.mean() - theirs.mean()) / error)
