"""`python -m benchmarks [--json FILE] [--parts PART ...] [--model DIR] [--before DIR]`: all in one run, as ratios.

Times are medians over repeats without compilation; "spread" is the fastest and the slowest repeat over the median.
"ratio" is a row's time over the first row's of its group: how many times faster ours is; "cpu" the same of processor
time summed over cores, which other programs on the machine disturb less, and which gives no credit for using all cores
(threads that wait spinning are counted). "limit" is the fraction of
this machine's measured throughput of products, exponentials and random numbers (benchmarks/machine.py) that the row
reaches.
"slope" is that of log seconds on log size.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path

import jax

from benchmarks import growth
from benchmarks.language_model import benchmark_language_model
from benchmarks.language_rival import missing_libraries
from benchmarks.machine import UNITS, Limits, measure_limits
from benchmarks.moments import benchmark_moments
from benchmarks.pretrained import benchmark_pretrained
from benchmarks.runs import benchmark_memory, benchmark_runs
from benchmarks.sequences import benchmark_sequences
from benchmarks.sweeps import benchmark_settings
from benchmarks.workers import benchmark_workers

PARTS = ("moments", "runs", "memory", "sweeps", "workers", "growth", "sequences", "language_model", "pretrained")
FLOAT32 = {"language_model", "pretrained"}
RATES = {"tokens_per_second": "tokens/s", "runs_per_second": "runs/s"}


def print_rows(rows: list[dict]) -> None:
    """One table a group."""
    group = None
    for row in rows:
        if row["group"] != group:
            group = row["group"]
            rate = "".join(f"{unit:>10}" for name, unit in RATES.items() if row.get(name))
            print(
                f"\n{group}\n  {'':58}{'time':>11}{'spread':>12}{'ratio':>9}{'cpu':>9}{'limit':>8}{'error':>10}{rate}"
            )
        t = row["seconds"]
        duration = f"{t:.2f} s" if t >= 1 else f"{t * 1e3:.3f} ms"
        limit = "" if row["limit"] is None else f"{row['limit']:.0%}"
        error = "" if row["error"] is None else f"{row['error']:.1e}"
        rate = "".join(f"{row[name]:>10,.0f}" for name in RATES if row.get(name))
        ratios = f"{row['ratio']:>9.2f}{row['cpu_ratio']:>9.2f}"
        print(f"  {row['what']:58}{duration:>11}{row['spread']:>12}{ratios}{limit:>8}{error:>10}{rate}", flush=True)


def print_slopes(rows: list[dict]) -> None:
    """Warm seconds at each size, the slope on logarithmic axes, and nanoseconds an arm and update at the largest."""
    print(f"\nhow time grows\n  {'':55}{'sizes':>24}{'seconds':>32}{'slope':>8}{'ns':>8}")
    for row in rows:
        sizes, seconds = ", ".join(map(str, row["sizes"])), ", ".join(f"{s:.3g}" for s in row["seconds"])
        each = "" if row["nanoseconds"] is None else f"{row['nanoseconds']:.1f}"
        print(f"  {row['what']:55}{sizes:>24}{seconds:>32}{row['slope']:>8.2f}{each:>8}", flush=True)


def print_memory(title: str, rows: list[dict]) -> None:
    """MiB of fresh processes."""
    print(f"\npeak memory of a process, {title}\n  {'':58}{'MiB':>10}")
    for row in rows:
        print(f"  {row['what']:58}{row['peak_mib']:>10.0f}", flush=True)


def print_limits(limits: Limits) -> None:
    """What was tried and what it reached."""
    for name, rate in limits.measured.items():
        print(f"  {name:58}{rate / 1e9:>8.2f} {UNITS[name.partition(',')[0]]}")


def core(parts: list[str], before: Path | None) -> dict:
    """The packages `curvature` and `bandits`, in float64."""
    limits = measure_limits()
    print("\nthe core, float64")
    print_limits(limits)
    found: dict = {"limits": limits.measured}
    tables = {
        "moments": lambda: benchmark_moments(limits),
        "runs": lambda: benchmark_runs(limits),
        "sweeps": lambda: benchmark_settings(limits, before=before),
        "workers": benchmark_workers,
    }
    for part, table in tables.items():
        if part in parts:
            found[part] = table()
            print_rows(found[part])
    if "memory" in parts:
        found["memory"] = benchmark_memory()
        print_memory("256 runs", found["memory"])
    if "growth" in parts:
        found["growth_slopes"] = growth.benchmark_slopes()
        print_slopes(found["growth_slopes"])
        found["practice"] = growth.benchmark_practice()
        print_rows(found["practice"])
        found["growth_memory"] = growth.benchmark_memory()
        print_memory("a chunk of 64 runs x 50 updates by the JAX program", found["growth_memory"])
    if "sequences" in parts:
        found["sequences"], found["sequences_slopes"] = benchmark_sequences(limits)
        print_rows(found["sequences"])
        print_slopes(found["sequences_slopes"])
    return found


def language_models(parts: list[str], folder: Path) -> dict:
    """The transformers, in float32. Last: torch's threads, once started, are in the way of the others'."""
    limits = measure_limits(dtype="float32")
    print("\nlanguage models, float32")
    print_limits(limits)
    missing = missing_libraries()
    if missing:
        print(f"  {' and '.join(missing)} cannot be imported: the rows of transformers are left out (`make parity`)")
    found: dict = {"limits_float32": limits.measured, "missing": missing}
    comparisons = {}
    if "language_model" in parts:
        comparisons["language_model"] = benchmark_language_model(limits, rivals=not missing)
    if "pretrained" in parts and folder.is_dir():
        comparisons["pretrained"] = benchmark_pretrained(limits, folder, rivals=not missing)
    elif "pretrained" in parts:
        print(
            f"  {folder} is not there: part pretrained is left out (`grpo-curvature gsm8k fetch smollm2`, --model DIR)"
        )
    for part, tables in comparisons.items():
        found[part] = []
        for rows in tables:
            print_rows(rows)
            found[part] += rows
    return found


def main() -> None:
    """Measure, print, and write JSON where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all numbers to FILE")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="which; default: all of them")
    parser.add_argument(
        "--model", type=Path, metavar="DIR", default=Path("smollm2"), help="of part pretrained; default: smollm2"
    )
    parser.add_argument(
        "--before", type=Path, metavar="DIR", help="of part sweeps: a checkout of older code, timed beside this one"
    )
    arguments = parser.parse_args()
    start = time.perf_counter()

    load = os.getloadavg()[0]
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, jax {jax.__version__}; "
        f"load {load:.1f} "
        f"(what others took of the machine in the last minute; compare rows, and the column cpu, where it is above 0)"
    )
    found: dict = {"load": load, "jax": jax.__version__, "cores": os.cpu_count()}
    if not set(arguments.parts) <= FLOAT32:
        found |= core(arguments.parts, arguments.before)
    if FLOAT32 & set(arguments.parts):
        found |= language_models(arguments.parts, arguments.model)
    found["seconds"] = time.perf_counter() - start
    print(f"\n{found['seconds']:.0f} s")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
