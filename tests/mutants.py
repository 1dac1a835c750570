"""Mutation testing: does a test notice when a line of curvature/ or of the update rules in bandits/ is changed?

cosmic-ray changes one operator, number or condition at a time in a copy of the tree (never in this one) and runs the
module's own tests. Two modules at a time; sessions are kept under .mutants/, so an interrupted run goes on where it
stopped. Prints the survivors; those explained as equivalent stand in tests/mutants_equivalent.txt (and in LOG.md), any
other makes the exit status 1.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".mutants"
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.txt")
TREE = ("curvature", "bandits", "experiments", "proofs", "tests", "conftest.py", "pyproject.toml")
SKIP = ("__init__", "_version")  # a table of contents; what pyproject.toml says
TIMEOUT = 120

CONFIG = """
[cosmic-ray]
module-path = "{module}"
timeout = {timeout}
excluded-modules = []
test-command = "{python} -S -E tests/fork_server.py ask server.sock"

[cosmic-ray.distributor]
name = "local"

[cosmic-ray.filters.operators-filter]
# each operator by its opposite and each comparison by its neighbour and its negation: the other replacements are
# noticed by the same tests and take four times as long; annotations ("Array | None") are never evaluated
exclude-operators = [
  "core/ReplaceBinaryOperator_(Add_(?!Sub)|Sub_(?!Add)|Mul_(?!Div)|Div_(?!Mul)|Pow_(?!Mul)|BitOr|BitXor|LShift|RShift).*",
  "core/ReplaceBinaryOperator_(Mod_(?!Mul)|FloorDiv_(?!Mul)|BitAnd_(?!BitOr)).*",
  "core/ReplaceComparisonOperator_(Lt_(?!LtE|GtE)|LtE_(?!Lt$|Gt$)|Gt_(?!GtE|LtE)|GtE_(?!Gt$|Lt$)|Eq_(?!NotEq)).*",
  "core/ReplaceComparisonOperator_(NotEq_(?!Eq)|Is_(?!IsNot)|IsNot_(?!Is$)|In_(?!NotIn)|NotIn_(?!In$)).*",
  "core/ReplaceUnaryOperator_.*_Invert",
]
"""


def modules() -> list[str]:
    """Paths of the modules under test, largest first so that the two workers end together."""
    paths = [p for p in (ROOT / "curvature").glob("*.py") if p.stem not in SKIP]
    paths += [ROOT / "bandits" / f"{name}.py" for name in ("update", "weight")]
    return [str(p.relative_to(ROOT)) for p in sorted(paths, key=lambda p: -p.stat().st_size)]


def test_of(module: str) -> str:
    """tests/curvature/test_x.py mirrors curvature/x.py."""
    path = Path(module)
    return f"tests/{path.parent}/test_{path.stem.removeprefix('_')}.py"


def examine(module: str) -> tuple[str, list[str], int]:
    """Run all mutants of a module in its own copy of the tree: (module, survivors, number of mutants)."""
    copy = WORK / module.replace("/", ".").removesuffix(".py")
    session, config = copy / "session.sqlite", copy / "config.toml"
    if not session.exists():
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(parents=True)
        for name in TREE:
            _copy(name, copy)
        config.write_text(CONFIG.format(module=module, python=sys.executable, timeout=TIMEOUT), encoding="utf-8")
        _call("cosmic-ray", "init", config.name, session.name, cwd=copy)
        _call("cr-filter-operators", session.name, config.name, cwd=copy)
    elif (copy / module).read_bytes() != (ROOT / module).read_bytes():
        raise RuntimeError(f"{module} has changed since its mutants were made; remove {copy}")
    else:  # survivors are tried again with the tests as they are now
        _copy("tests", copy)
        with sqlite3.connect(session) as database:
            database.execute("DELETE FROM work_results WHERE test_outcome = 'SURVIVED'")
    serve = [sys.executable, "tests/fork_server.py", "serve", "server.sock", test_of(module), module]
    with subprocess.Popen(serve, cwd=copy, env=_environment()) as server:
        try:
            _call("cosmic-ray", "baseline", config.name, cwd=copy)  # without a mutant the tests pass
            _call("cosmic-ray", "exec", config.name, session.name, cwd=copy)
        finally:
            server.terminate()
    report = _call("cr-report", "--show-diff", "--surviving-only", session.name, cwd=copy)
    with sqlite3.connect(session) as database:
        (count,) = database.execute("SELECT COUNT(*) FROM work_results WHERE worker_outcome != 'SKIPPED'").fetchone()
    return module, _survivors(report), count


def _copy(name: str, target: Path) -> None:
    source = ROOT / name
    if source.is_dir():
        shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    else:
        shutil.copy(source, target / name)


def _environment() -> dict[str, str]:
    return os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(WORK / "cache"),  # only what a mutant changed is compiled again
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
        "OMP_NUM_THREADS": "1",
    }


def _call(command: str, *arguments: str, cwd: Path) -> str:
    program = str(Path(sys.executable).parent / command)
    done = subprocess.run(
        [program, *arguments], cwd=cwd, env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command} {' '.join(arguments)} in {cwd}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def _survivors(report: str) -> list[str]:
    """One string a survivor: its removed and added lines."""
    found = []
    for block in report.split("[job-id]")[1:]:
        lines = [
            line for line in block.splitlines()
            if line[:1] in "+-" and line[:3] not in ("+++", "---") and line[1:].strip()
        ]  # fmt: skip
        if lines:
            found.append(" -> ".join(line[1:].strip() for line in lines))
    return found


def main() -> int:
    """Examine every module (or those named on the command line) and print what survived."""
    chosen = sys.argv[1:] or modules()
    known = set(EQUIVALENT.read_text(encoding="utf-8").splitlines()) if EQUIVALENT.exists() else set()
    total = unexplained = explained = 0
    with ThreadPoolExecutor(2) as pool:
        for module, survivors, count in pool.map(examine, chosen):
            total += count
            new = [s for s in survivors if f"{module}: {s}" not in known]
            explained += len(survivors) - len(new)
            unexplained += len(new)
            print(f"{module}: {count} mutants, {len(survivors)} survived, {len(new)} unexplained", flush=True)
            for survivor in new:
                print(f"  {module}: {survivor}", flush=True)
    print(f"{total} mutants, {explained} equivalent (explained), {unexplained} unexplained survivors")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
