"""`python -m benchmarks [--json FILE]`: everything in one run, as ratios. A few minutes.

Times are medians over repeats without compilation; "spread" is the fastest and the slowest repeat over the median.
"ratio" is a row's time over the first row's of its group: how many times faster ours is; "cpu" the same of processor
time summed over cores, which other programs on the machine disturb less, and which gives no credit for using all cores
(threads that wait spinning are counted). "limit" is the fraction of
this machine's measured floating-point and exponential throughput (benchmarks/machine.py) that the row reaches.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path

import jax

from benchmarks.machine import measure_limits
from benchmarks.moments import benchmark_moments
from benchmarks.runs import benchmark_memory, benchmark_runs


def print_rows(rows: list[dict]) -> None:
    """One table a group."""
    group = None
    for row in rows:
        if row["group"] != group:
            group = row["group"]
            print(f"\n{group}\n  {'':58}{'time':>11}{'spread':>12}{'ratio':>9}{'cpu':>9}{'limit':>8}{'error':>10}")
        t = row["seconds"]
        duration = f"{t:.2f} s" if t >= 1 else f"{t * 1e3:.3f} ms"
        limit = "" if row["limit"] is None else f"{row['limit']:.0%}"
        error = "" if row["error"] is None else f"{row['error']:.1e}"
        ratios = f"{row['ratio']:>9.2f}{row['cpu_ratio']:>9.2f}"
        print(f"  {row['what']:58}{duration:>11}{row['spread']:>12}{ratios}{limit:>8}{error:>10}", flush=True)


def main() -> None:
    """Measure, print, and write JSON where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all numbers to FILE")
    arguments = parser.parse_args()
    start = time.perf_counter()

    load = os.getloadavg()[0]
    limits = measure_limits()
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, jax {jax.__version__}, float64; "
        f"load {load:.1f} "
        f"(what others took of the machine in the last minute; compare rows, and the column cpu, where it is above 0)"
    )
    for name, rate in limits.measured.items():
        unit = "GFLOP/s" if name.startswith("GEMM") else "G exp/s"
        print(f"  {name:58}{rate / 1e9:>8.2f} {unit}")

    moments = benchmark_moments(limits)
    print_rows(moments)
    runs = benchmark_runs(limits)
    print_rows(runs)
    memory = benchmark_memory()
    print(f"\npeak memory of a process, 256 runs\n  {'iterations':>12}{'recorded':>12}{'MiB':>10}")
    for row in memory:
        print(f"  {row['iterations']:>12,}{row['recorded']:>12,}{row['peak_mib']:>10.0f}")
    seconds = time.perf_counter() - start
    print(f"\n{seconds:.0f} s")
    if arguments.json:
        data = {"limits": limits.measured, "load": load, "moments": moments, "runs": runs, "memory": memory}
        data |= {"jax": jax.__version__, "cores": os.cpu_count(), "seconds": seconds}
        arguments.json.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
