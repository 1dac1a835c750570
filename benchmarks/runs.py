"""4,096 runs of 1,000 exact-gradient steps on 16 prompts with 16 arms, for two rules, against NumPy.

Coherent features (ρ = 0.3, simplex arms), one step size a run, only the first step recorded. The rivals do the same
arithmetic on the same factors e_x and u_y (never the 16 x 16 x 240 features), sums of |g_x| and σ_x included:

- NumPy, run by run: a Python loop over the iterations of one run, as one would first write it; timed on a few runs for
  all 1,000 iterations and multiplied up to 4,096 runs, whose cost is the same;
- NumPy, all runs at once: the same lines on arrays with a leading axis of 4,096; timed on a few iterations and
  multiplied up to 1,000;
- JAX, `jit(vmap(simulate))`: what `batch_runs`, with its blocks and threads, is worth.

"error" is the greatest difference of the final J_x, the parameters and the averages of |g_x| and σ_x between ours and
NumPy after all 1,000 iterations of the runs that were timed run by run.
Memory: the peak of a fresh process for runs of different length.
"""

from __future__ import annotations

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np

from bandits import Constant, Exact, Features, Problem, UpdateRule, from_pass_rates, make_rule, simulate
from bandits._run import Run
from bandits.batches import batch_runs, block_size
from benchmarks import machine
from benchmarks.machine import Limits, measure

RULES = ("none", "group")


def make_problem(num_prompts: int = 16, num_arms: int = 16) -> Problem:
    """Pass rates from .05 to .9, coherence .3."""
    rates = jnp.linspace(0.05, 0.9, num_prompts)
    return from_pass_rates(rates, num_arms=num_arms, coherence=0.3, key=jax.random.key(0))


def numpy_runs(problem: Problem, name: str, steps: np.ndarray | float, iterations: int) -> tuple[np.ndarray, ...]:
    """(final J_x, final Θ, mean |g_x|, mean σ_x) of one run (`steps` a number) or of many at once (`steps` [S])."""
    assert isinstance(problem.features, Features)
    assert problem.features.embedding is not None
    E, b, r = (np.asarray(a) for a in (problem.features.embedding, problem.offsets, problem.rewards))
    u = np.asarray(problem.features.written_arms()[0])  # shared by all prompts
    lengths = (E**2).sum(axis=-1)
    s = np.asarray(steps)[..., None, None]
    z = np.broadcast_to(b, (*np.shape(steps), *b.shape)).copy()
    θ = np.zeros((*np.shape(steps), E.shape[1], u.shape[1]))
    total_norm, total_std = np.zeros(np.shape(steps)), np.zeros(np.shape(steps))

    def locate(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        π = np.exp(z - z.max(axis=-1, keepdims=True))
        π /= π.sum(axis=-1, keepdims=True)
        return π, (π * r).sum(axis=-1)

    for _ in range(iterations):
        π, J = locate(z)
        advantages = r - J[..., None]
        coefficients = π * advantages
        σ = np.sqrt((coefficients * advantages).sum(axis=-1))
        a = coefficients @ u
        total_norm += np.sqrt(lengths * (a**2).sum(axis=-1)).mean(axis=-1)
        total_std += σ.mean(axis=-1)
        if name == "group":
            a = a / σ[..., None]
        elif name == "batch":
            a = a / σ.mean(axis=-1)[..., None, None]
        v = s * (E.T @ a)
        θ += v
        z += (E @ v) @ u.T
    return locate(z)[1], θ, total_norm / iterations, total_std / iterations


def work(problem: Problem) -> tuple[float, float]:
    """(floating-point operations of the matrix products, exponentials) of one step of one run."""
    N, K = problem.rewards.shape
    assert isinstance(problem.features, Features)
    r, m = problem.features.shape
    return 2 * (2 * N * K * m) + 2 * (2 * N * r * m), N * K


def benchmark_runs(
    limits: Limits, *, num_runs: int = 4096, iterations: int = 1000, singles: int = 3, numpy_iterations: int = 10
) -> list[dict]:
    """Rows: what, seconds for all runs and iterations, ratio to ours, fraction of the limit, error."""
    problem = make_problem()
    sizes = np.linspace(0.1, 1.0, num_runs)
    few = np.linspace(0, num_runs - 1, singles).astype(int)
    flops, exps = work(problem)
    limit = limits.time_limit(flops * num_runs * iterations, exps * num_runs * iterations)
    batched = Constant(jnp.asarray(sizes))
    rows = []
    for name in RULES:
        rule, chunk = make_rule(name, problem.features), iterations // 10

        def one(size: Constant, rule: UpdateRule = rule, length: int = iterations, start: Problem = problem) -> Run:
            return simulate(start, rule, Exact(), size, length, key=jax.random.key(0), record_every=length)

        ours = batch_runs(one, block=block_size(problem))
        # the problem is an argument here: as constants, 4,096 copies of it would be folded at compile time, for seconds
        plain = jax.jit(
            lambda start, sizes, one=one, chunk=chunk, rule=rule: jax.vmap(lambda s: one(s, rule, chunk, start))(sizes)
        )
        results: list[Run] = []
        times = measure(
            {"batch_runs": lambda ours=ours, kept=results: kept.append(jax.block_until_ready(ours(batched)))}, 2
        )
        rivals = measure(
            {
                "plain": lambda plain=plain: plain(problem, batched),
                "single": lambda name=name: [numpy_runs(problem, name, sizes[i], iterations // 4) for i in few],
                "whole": lambda name=name: numpy_runs(problem, name, sizes, numpy_iterations),
            },
            2,
        )
        final = results[-1].final
        got = (
            final.local.value,
            final.parameters,
            final.sum_gradient_norm / iterations,
            final.sum_std / iterations,
        )
        error = max(
            float(np.abs(np.asarray(mine[i]) - theirs).max())
            for i in few
            for mine, theirs in zip(got, numpy_runs(problem, name, sizes[i], iterations), strict=True)
        )
        timings = {
            "bandits.batch_runs": times["batch_runs"],
            f"JAX, jit(vmap(simulate)) ({chunk} iterations, scaled)": rivals["plain"].scaled(iterations / chunk),
            f"NumPy, run by run ({singles} runs, {iterations // 4} iterations, scaled)": rivals["single"].scaled(
                4 * num_runs / singles
            ),
            f"NumPy, all runs at once ({numpy_iterations} iterations, scaled)": rivals["whole"].scaled(
                iterations / numpy_iterations
            ),
        }
        base = times["batch_runs"]
        for what, timing in timings.items():
            rows.append(
                {
                    "group": f"rule {name}: {num_runs} runs x {iterations} iterations, N = K = 16",
                    "what": what,
                    "seconds": timing.median,
                    "spread": timing.spread,
                    "ratio": timing.median / base.median,
                    "cpu_ratio": timing.cpu / base.cpu,
                    "limit": limit / timing.median,
                    "error": error if what == "bandits.batch_runs" else None,
                }
            )
    return rows


def peak_memory(iterations: int, record_every: int, num_runs: int = 256) -> float:
    """Run in this process and return its peak resident memory, MiB (Linux)."""
    problem = make_problem()
    rule = make_rule("group", problem.features)
    runs = batch_runs(
        lambda size: (
            simulate(
                problem, rule, Exact(), size, iterations, key=jax.random.key(0), record_every=record_every
            ).trajectory
        )
    )
    jax.block_until_ready(runs(Constant(jnp.linspace(0.1, 1.0, num_runs))))
    return machine.peak_memory()


def benchmark_memory(lengths: tuple[int, ...] = (100, 1_000, 10_000)) -> list[dict]:
    """Peak memory of a fresh process by number of iterations, the first alone recorded; and all of them, to compare."""
    cases = [(length, length) for length in lengths] + [(lengths[-1], 1)]
    rows = []
    for length, every in cases:
        code = f"from benchmarks.runs import peak_memory; print(peak_memory({length}, {every}))"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        what = f"{length:,} iterations, {length // every:,} recorded"
        rows.append({"what": what, "peak_mib": float(result.stdout.split()[-1])})
    return rows
