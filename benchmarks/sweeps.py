"""A sweep's settings against plain ways to compute them, its workers, and how its cost grows with every size.

A setting is what a job array would make one job: 13 step sizes x 8 seeds to tune, then 16 seeds to report, 200 updates
on 32 prompts with 8 arms, groups of 8, KL at most .05 an update; rules none, group, power(2) and batch. Times are
seconds a setting, all cores in use on every side:

- ours: `compute_chunk` on all 32 settings of a grid, warm; and in its first call, compilation included;
- JAX, a fresh `jax.jit` a setting: the setting's numbers are Python constants, so every setting compiles;
- NumPy, a process a setting: a fresh interpreter, run after run, as many processes at once as there are cores;
- NumPy, a process a setting, the runs of each stage at once: the same lines on arrays with a leading axis.

The NumPy lines are sent to the process as they stand here (`inspect.getsource`), so that the child imports NumPy only.
They draw groups by `multinomial`, the fastest plain way that we know, and find the KL limit by the same Newton
iterations. "error": with exact gradients both sides are deterministic, and it is the greatest difference of any number
of a row, over all rules and step sizes, after 40 updates (`exact_error` says why no more). With sampled groups the mean
areas are compared in standard errors.

The other two tables: one sweep in one process and on a worker a core, each from a fresh process; and the warm
time of a chunk against N, K, G and seeds over a factor of 16; slopes by least squares of logarithms (1 in N, K and
seeds and at most 1 in G expected).

"limit" counts the products with arms and two exponentials an arm and update (one for π, one for KL): not the draws.
"""

from __future__ import annotations

import inspect
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bandits import Sampled
from bandits._score import score
from bandits._step import KLLimited
from bandits.update import Batch, Power
from benchmarks.machine import Limits, Timing, make_rows, measure
from experiments.compilation import num_cores
from experiments.sweep import cluster, execute
from experiments.sweep.engine import MEMORY, collect, run_sweep
from experiments.sweep.execute import LEVELS, REPORTING, TUNING, compute_chunk, seed_key
from experiments.sweep.grid import Grid, Setting
from experiments.sweep.problems import Numbers, Shape, build
from experiments.sweep.spec import Spec, chunks, num_runs, settings

RULES = ("none", "group", "power(2)", "batch")
SWEEP = Spec(grid=Grid(coherence=(0.0, 0.3, 0.6, 0.9), pass_rate=(0.05, 0.25), rule=RULES))
SCALING = Spec(
    num_steps=200,  # about a minute on one thread
    max_runs=960,  # 8 settings: both stages of a chunk are whole blocks
    grid=Grid(
        coherence=(0.0, 0.3, 0.6, 0.9), conflict=(0.0, 0.5), pass_rate=(0.05, 0.25), spread=(0.5, 1.0), rule=RULES[:2]
    ),
)
SIXTEEN = tuple(np.linspace(0, 0.9, 16).tolist())
SLOPES = Spec(num_steps=50, num_curve=10, steps=(10.0,), grid=Grid(coherence=SIXTEEN, rule=("group",)))
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

Measured = dict[str, np.ndarray]


# --- the rival in NumPy -------------------------------------------------------------------------------------------


def numpy_runs(
    b: np.ndarray,
    r: np.ndarray,
    ρ: float,
    α: float | None,
    steps: np.ndarray,
    *,
    group_size: int | None,
    num_steps: int,
    num_curve: int,
    kl_limit: float,
    rng: np.random.Generator,
) -> Measured:
    """What a sweep's row has of a run: b and r [*runs, N, K], steps [*runs]. α None is the rule batch."""
    K = b.shape[-1]
    u = np.tril(np.ones((K - 1, K)))
    i = np.arange(1, K)
    u[i - 1, i] = -i
    u = (u / np.sqrt(i * (i + 1))[:, None]).T / np.sqrt(2)
    apart, common = np.sqrt(1 - ρ), np.sqrt(ρ)

    def locate(z: np.ndarray) -> tuple[np.ndarray, ...]:
        π = np.exp(z - z.max(axis=-1, keepdims=True))
        π /= π.sum(axis=-1, keepdims=True)
        J = (π * r).sum(axis=-1)
        advantages = r - J[..., None]
        c = π * advantages
        return π, J, c, np.sqrt((c * advantages).sum(axis=-1))

    def gather(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return apart * a, common * a.sum(axis=-2, keepdims=True)

    def divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.divide(x, y, out=np.zeros(np.broadcast(x, y).shape), where=y > 0)

    def mean_kl(v: np.ndarray) -> np.ndarray:
        top = v.max(axis=-1, keepdims=True)
        near = np.where(top < 1, v, 0)
        small = np.log1p((π * (np.expm1(near) - near)).sum(axis=-1))
        large = top[..., 0] + np.log((π * np.exp(v - top)).sum(axis=-1))
        return np.where(top[..., 0] < 1, small, large).mean(axis=-1)

    z, s0 = b.copy(), np.asarray(steps, float)
    π, J, c, σ = locate(z)
    start = J.mean(axis=-1)
    levels = start[..., None] + np.array([0.5, 0.75, 0.9]) * (1 - start[..., None])
    area, total_std, limited = np.zeros_like(s0), np.zeros_like(s0), np.zeros_like(s0)
    lowest, largest_kl = np.full_like(s0, np.inf), np.zeros_like(s0)
    hit = np.full((*s0.shape, 3), np.inf)
    θ, θ_common = np.zeros((*b.shape[:-1], K - 1)), np.zeros((*b.shape[:-2], 1, K - 1))
    curve, ratios = [], []
    for t in range(num_steps):
        mean = J.mean(axis=-1)
        if t % (num_steps // num_curve) == 0:
            a = c @ u
            w = divide(np.ones(()), σ)[..., None]
            (own, all_), (own_w, all_w) = gather(a), gather(w * a)
            inner = (own * own_w).sum(axis=(-2, -1)) + (all_ * all_w).sum(axis=(-2, -1))
            with np.errstate(invalid="ignore"):  # NaN where every gradient is 0
                ratios.append(inner / (w * a**2).sum(axis=(-2, -1)))
            curve.append(mean)
        area += mean
        total_std += σ.mean(axis=-1)
        lowest = np.minimum(lowest, mean)
        hit = np.minimum(hit, np.where(mean[..., None] >= levels, t, np.inf))
        if group_size is None:
            estimate, sd = c, σ
        else:
            counts = rng.multinomial(group_size, π)
            centred = r - (counts * r).sum(axis=-1, keepdims=True) / group_size
            estimate = counts * centred / group_size
            sd = np.sqrt((estimate * centred).sum(axis=-1))
        a = estimate @ u
        if α is None:
            a = divide(a, sd.mean(axis=-1)[..., None, None])
        elif α:
            a = divide(a, sd[..., None] ** α)
        own, all_ = gather(a)
        change = (apart * own + common * all_) @ u.T
        v = np.where(π > 0, change - (π * change).sum(axis=-1, keepdims=True), 0)
        s = s0
        for _ in range(16):
            scaled = s[..., None, None] * v
            top = scaled.max(axis=-1, keepdims=True)
            tilted = π * np.exp(scaled - top)
            mass = tilted.sum(axis=-1)
            kl = (top[..., 0] + np.log(mass)).mean(axis=-1)
            excess = kl - kl_limit
            over = excess > 0
            if not over.any():
                break
            rise = ((tilted * v).sum(axis=-1) / mass).mean(axis=-1)
            new = np.where(over, s - excess / np.where(over, rise, 1), s)
            if not (new < s).any():
                break
            s = new
        kl = mean_kl(s[..., None, None] * v)
        s = np.where(kl > kl_limit, s * kl_limit / np.where(kl > kl_limit, kl, 1), s)
        θ += s[..., None, None] * own
        θ_common += s[..., None, None] * all_
        z = z + s[..., None, None] * change
        largest_kl = np.maximum(largest_kl, np.minimum(kl, kl_limit))
        limited += s < s0
        π, J, c, σ = locate(z)
    final, parameters = J.mean(axis=-1), np.concatenate([θ, θ_common], axis=-2)
    return {
        "area": area / num_steps,
        "final": final,
        "lowest": np.minimum(lowest, final),
        "hitting_times": np.minimum(hit, np.where(final[..., None] >= levels, num_steps, np.inf)),
        "curve": np.stack(curve, axis=-1),
        "cross_ratio": np.stack(ratios, axis=-1),
        "average_std": total_std / num_steps,
        "largest_kl": largest_kl,
        "limited_share": limited / num_steps,
        "finite": np.asarray(np.isfinite(parameters).all(axis=(-2, -1))),
    }


def numpy_setting(
    num_prompts: int,
    num_arms: int,
    conflict: float,
    ρ: float,
    pass_rate: float,
    spread: float,
    α: float | None,
    group_size: int,
    steps: list[float],
    tuning_seeds: int,
    seeds: int,
    at_once: bool,
    **options: Any,
) -> dict[str, list]:
    """One job of a job array: problems of its own, the step tuned, and the areas of the reported seeds."""
    from statistics import NormalDist

    normal = np.array([NormalDist().inv_cdf((x + 0.5) / num_prompts) for x in range(num_prompts)])
    odds = np.log(pass_rate / (1 - pass_rate)) + spread * normal / normal.std()

    def problem(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        labels = np.full(num_prompts, rng.integers(num_arms))
        redrawn = rng.permutation(num_prompts)[: round(conflict * num_prompts)]
        labels[redrawn] = rng.integers(num_arms, size=len(redrawn))
        p = 1 / (1 + np.exp(-rng.permutation(odds)))[:, None]
        r = (np.arange(num_arms) == labels[:, None]).astype(float)
        return np.where(r == 1, np.log(p), np.log((1 - p) / (num_arms - 1))), r

    def areas(stage: int, count: int, sizes: list[float]) -> np.ndarray:
        problems = [problem(np.random.default_rng((stage, index))) for index in range(count)]
        jobs = [(s, b, r) for s in sizes for b, r in problems]
        s, b, r = (np.stack(part) for part in zip(*jobs, strict=True))
        rng = np.random.default_rng((2, stage))
        if at_once:
            found = numpy_runs(b, r, ρ, α, s, group_size=group_size, rng=rng, **options)["area"]
        else:
            found = np.array(
                [
                    numpy_runs(b[i], r[i], ρ, α, s[i], group_size=group_size, rng=rng, **options)["area"]
                    for i in range(len(jobs))
                ]
            )
        return found.reshape(len(sizes), count)

    best = steps[int(areas(0, tuning_seeds, steps).mean(axis=1).argmax())]
    return {"step": [best], "areas": areas(1, seeds, [best])[0].tolist()}


def exponent(setting: Setting) -> float | None:
    """α; None for batch."""
    return None if setting.rule == "batch" else setting.alpha


def options(spec: Spec) -> dict[str, Any]:
    """What every run of a sweep shares."""
    return {"num_steps": spec.num_steps, "num_curve": spec.num_curve, "kl_limit": spec.kl_limit}


def job_source(spec: Spec, setting: Setting, *, at_once: bool) -> str:
    """A program that runs one setting and prints what it found."""
    given = {
        "num_prompts": setting.num_prompts,
        "num_arms": setting.num_arms,
        "conflict": setting.conflict,
        "ρ": setting.coherence,
        "pass_rate": setting.pass_rate,
        "spread": setting.spread,
        "α": exponent(setting),
        "group_size": setting.group_size,
        "steps": list(spec.steps),
        "tuning_seeds": spec.tuning_seeds,
        "seeds": spec.seeds,
        "at_once": at_once,
    }
    lines = [inspect.getsource(numpy_runs), inspect.getsource(numpy_setting)]
    head = "from __future__ import annotations\nimport json\nimport numpy as np\nMeasured = dict\n"
    return head + "\n".join(lines) + f"\nprint(json.dumps(numpy_setting(**{given | options(spec)!r})))\n"


def together(sources: list[str], environment: dict[str, str]) -> tuple[list[str], float, float]:
    """(what each program printed, seconds until the last one ended, their processor time), started at once."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    started = [
        subprocess.Popen(
            [sys.executable, "-c", source], stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        for source in sources
    ]
    printed = [process.communicate()[0] for process in started]
    seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    for process in started:
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return printed, seconds, cpu


def time_jobs(spec: Spec, some: list[Setting], *, at_once: bool) -> tuple[Timing, list[dict[str, list]]]:
    """(seconds a setting, what was found), a process a setting, one at a time: ours has one core too."""
    seconds, cpu, found = [], [], []
    for setting in some:
        (printed,), wall, used = together([job_source(spec, setting, at_once=at_once)], ONE_THREAD)
        seconds.append(wall)
        cpu.append(used)
        found.append(json.loads(printed))
    return Timing(tuple(seconds), tuple(cpu)), found


# --- the rival in JAX ---------------------------------------------------------------------------------------------


def jitted_setting(spec: Spec, setting: Setting) -> np.ndarray:
    """The areas of the reported seeds, the setting's numbers as constants of a program of its own."""
    numbers = Numbers(*(jnp.asarray(getattr(setting, name)) for name in Numbers.__annotations__))
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


# --- rows ---------------------------------------------------------------------------------------------------------


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
            numbers = Numbers(*(jnp.asarray(getattr(setting, name)) for name in Numbers.__annotations__))
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


def update_work(setting: Setting) -> tuple[float, float]:
    """(floating-point operations of the products with arms, exponentials) that an update cannot do without."""
    table = setting.num_prompts * setting.num_arms
    return 2 * 2.0 * table * (setting.num_arms - 1), 2.0 * table


def benchmark_settings(limits: Limits, spec: Spec = SWEEP, *, repeats: int = 2, jitted: int = 2) -> list[dict]:
    """Rows: seconds a setting, ratio to ours, share of the limit, error with exact gradients."""
    every = settings(spec)
    parts = chunks(spec)

    def whole() -> list[Measured]:
        return [compute_chunk(spec, chunk, MEMORY) for chunk in parts]

    execute._program.cache_clear()
    before, before_cpu = time.perf_counter(), time.process_time()
    rows = whole()
    cold = Timing((time.perf_counter() - before,), (time.process_time() - before_cpu,)).scaled(1 / len(every))
    warm = measure({"warm": whole}, repeats)["warm"].scaled(1 / len(every))

    # one setting of every rule: what they cost differs
    some = [next(s for s in every[3 * i :] if s.rule == rule) for i, rule in enumerate(spec.grid.rule)]
    runs_each, found = time_jobs(spec, some, at_once=False)
    runs_whole, found_whole = time_jobs(spec, some, at_once=True)
    compiled = []
    for setting in some[-jitted:]:  # one of each program
        begun, begun_cpu = time.perf_counter(), time.process_time()
        jitted_setting(spec, setting)
        compiled.append((time.perf_counter() - begun, time.process_time() - begun_cpu))
    fresh = Timing(tuple(s for s, _ in compiled), tuple(c for _, c in compiled))

    apart = max(
        deviations(rows, s, np.array(theirs["areas"]))
        for results in (found, found_whole)
        for s, theirs in zip(some, results, strict=True)
    )
    flops, exps = update_work(every[0])
    updates = num_runs(spec) / len(every) * spec.num_steps
    names = {
        "compute_chunk, warm": warm,
        "compute_chunk, first call (compiles)": cold,
        f"JAX, a fresh jit a setting ({jitted} settings)": fresh,
        f"NumPy, a process a setting, run by run ({len(some)} settings)": runs_each,
        f"NumPy, a process a setting, runs at once ({len(some)} settings)": runs_whole,
    }
    return make_rows(
        f"a setting of {num_runs(spec) // len(every)} runs x {spec.num_steps} updates, N = {every[0].num_prompts}, "
        f"K = {every[0].num_arms}, G = {every[0].group_size}; {len(every)} settings\n"
        f"  mean areas of sampled runs, ours and NumPy's: at most {apart:.1f} standard errors apart",
        names,
        limit=limits.time_limit(flops * updates, exps * updates),
        errors={"compute_chunk, warm": exact_error(spec)},
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


# --- workers ------------------------------------------------------------------------------------------------------


def sweep_here(how: str, out: str, num_steps: int) -> None:
    """In a fresh process: the sweep, and a line of JSON with its seconds and those until workers were ready."""
    spec = replace(SCALING, num_steps=num_steps)
    begun, startup = time.perf_counter(), 0.0
    if how == "workers":
        with cluster.local(num_cores()) as address:
            with cluster.client(0, address) as connected:
                cluster.check_workers(connected)
            startup = time.perf_counter() - begun
            begun = time.perf_counter()
            run_sweep(spec, Path(out), compute_chunk, scheduler=address, progress=False)
            seconds = time.perf_counter() - begun
    else:
        run_sweep(spec, Path(out), compute_chunk, progress=False)
        seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "startup": startup}))


def benchmark_workers(num_steps: int = SCALING.num_steps) -> list[dict]:
    """Rows: a sweep in one process of one thread, and on a worker a core; error: of all rows."""
    spec = replace(SCALING, num_steps=num_steps)
    times: dict[str, Timing] = {}
    errors: dict[str, float] = {}
    found: list[Measured] = []
    cores = num_cores()
    with tempfile.TemporaryDirectory() as folder:
        for how, environment in (("one", cluster.ONE_THREAD), ("workers", {})):
            out = str(Path(folder) / how)
            code = f"from benchmarks.sweeps import sweep_here; sweep_here({how!r}, {out!r}, {num_steps})"
            printed, wall, cpu = together([code], environment)
            got = json.loads(printed[0].splitlines()[-1])
            name = {
                "one": "one process",
                "workers": f"{cores} workers, a thread each",
            }[how]
            times[name] = Timing((got["seconds"],), (cpu,))
            if how == "workers":
                times[f"{name}, their start included"] = Timing((got["seconds"] + got["startup"],), (cpu,))
                times["their start alone"] = Timing((got["startup"],), (float("nan"),))
            times[f"{name}, the whole command"] = Timing((wall,), (cpu,))
            found.append(collect(Path(out)))
            errors[name] = max(
                float(np.abs(found[-1][column] - found[0][column]).max()) for column in ("area", "final", "step_size")
            )
    title = f"a sweep of {num_runs(spec):,} runs in {len(chunks(spec))} chunks of one program, compilation included"
    return make_rows(title, times, errors=errors)


# --- slopes -------------------------------------------------------------------------------------------------------


def slope(sizes: tuple[int, ...], seconds: list[float]) -> float:
    """Least squares of log seconds on log size."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def measure_slope(what: str, sizes: tuple[int, ...], call: Callable[[int], Callable[[], Any]], repeats: int) -> dict:
    """One axis: sizes, seconds and the slope; of the fastest repeats, since a disturbed one would tilt the line."""
    seconds = [min(measure({"": call(size)}, repeats)[""].seconds) for size in sizes]
    return {"what": what, "sizes": list(sizes), "seconds": seconds, "slope": slope(sizes, seconds)}


def benchmark_slopes(spec: Spec = SLOPES, *, factor: int = 4, repeats: int = 2) -> list[dict]:
    """How the warm time of a chunk grows: with N, K, G and seeds, the others at the spec's own."""
    (N,), (K,), (G,) = spec.grid.num_prompts, spec.grid.num_arms, spec.grid.group_size

    def chunk_of(**changed: Any) -> Callable[[], Any]:
        seeds = changed.pop("seeds", 8)
        grid = replace(spec.grid, **changed)
        each = replace(spec, tuning_seeds=seeds, seeds=seeds, max_runs=10**6, grid=grid)
        (chunk,) = chunks(each)
        return lambda: compute_chunk(each, chunk, MEMORY)

    axes = {
        "num_prompts": (f"prompts N (K = {K}, G = {G})", N),
        "num_arms": (f"arms K (N = {N}, G = {G})", K),
        "group_size": (f"group size G (N = {N}, K = {K})", int(G)),
        "seeds": (f"seeds (N = {N}, K = {K}, G = {G})", 8),
    }
    return [
        measure_slope(
            what, (start, factor * start, factor**2 * start), lambda n, axis=axis: chunk_of(**{axis: n}), repeats
        )
        for axis, (what, start) in axes.items()
    ]


def benchmark_sweeps(limits: Limits) -> tuple[list[dict], list[dict]]:
    """(rows, slopes)."""
    return benchmark_settings(limits) + benchmark_workers(), benchmark_slopes()
