"""A setting of a sweep as plain NumPy: the rival, and its processes, one a setting.

The lines are sent to a process as they stand here (`inspect.getsource`), so that the child imports NumPy only. They
draw groups by `multinomial`, the fastest plain way that we know, and find the KL limit by Newton's iterations.
Independent check: `benchmarks.sweeps.exact_error`, run by run against the sweep's own rows.
"""

from __future__ import annotations

import inspect
import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks.machine import Timing
from experiments.sweep.grid import Setting
from experiments.sweep.spec import Spec

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

Measured = dict[str, np.ndarray]


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
