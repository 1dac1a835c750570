"""kill −9 at random moments, a disk that fills up, two commands at once, folders of other runs: `make slow`.

Every command is killed at moments that a seed draws, meets a full disk, is killed again and then finished, always the
same command; what it leaves must be what an undisturbed run leaves, byte for byte but for the clock. One alone: -k sft.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.folder import LITTER
from tests.command import COMMAND
from tests.experiments.gsm8k.processes import call, environment, row, write_rows
from tests.experiments.gsm8k.runs import CLOCK, SFT, last_line

pytestmark = pytest.mark.slow

SIZES = ("--num-prompts", "4", "--num-arms", "2", "--num-steps", "10", "--steps", "1", "10", "--tuning-seeds", "1")
GRID = (
    "--seeds",
    "3",
    "--policy",
    "log-linear",
    "--coherence",
    "0",
    "0.5",
    "--horizon",
    "1",
    "--rule",
    "none",
    "group",
)
COMMANDS = {
    "reproduce": ("reproduce", "--num-steps", "30", "--num-seeds", "2"),
    "phases": ("phases", "--num-steps", "30", "--num-seeds", "4"),
    "sweep": ("sweep", "quick", *SIZES, *GRID, "--max-runs", "5", "--workers", "2"),
    "sft": (*SFT, "--max-steps", "40", "--check-every", "5", "--target", "0.99"),
    "train": ("gsm8k", "train", "--exact", "--num-steps", "40", "--save-every", "5"),
}


FULL = """
import errno, sys
from experiments import store
left, real = int(sys.argv.pop(1)), store.write_bytes
def full(path, content):
    global left
    left -= path.suffix == ".parquet"
    if left < 0:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))
    real(path, content)
store.write_bytes = full
if __name__ == "__main__":
    from experiments.cli import main
    main()
"""
"""The command on a disk with room for so many tables."""


@dataclass
class Undisturbed:
    """A whole run of a command."""

    arguments: tuple[str, ...]
    out: Path


class Runs:
    """Each command once, when it is first asked for."""

    def __init__(self, place: Path, env: dict[str, str]):
        self.place, self.env = place, env
        self.data = str(write_rows(place / "data", [row(i) for i in range(40)]))
        self.made: dict[str, Undisturbed] = {}

    def arguments(self, name: str) -> tuple[str, ...]:
        more = {"sft": ("--data", self.data), "train": ("--data", self.data, "--checkpoint", str(self.place / "sft"))}
        return (*COMMANDS[name], *more.get(name, ()))

    def __call__(self, name: str) -> Undisturbed:
        if name == "train":
            self("sft")
        if name not in self.made:
            out, arguments = self.place / name, self.arguments(name)
            done = call([*arguments, "--out", str(out)], self.env)
            assert done.returncode == 0, done.stderr[-2000:]
            self.made[name] = Undisturbed(arguments, out)
        return self.made[name]


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return environment(tmp_path_factory)


@pytest.fixture(scope="module")
def whole(env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("whole"), env)


@contextlib.contextmanager
def begun(arguments: tuple[str, ...], out: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The command at work, in a group of its own, which is killed at the end."""
    command = [COMMAND, *arguments, "--out", str(out)]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def rows_and_checkpoints(out: Path) -> dict[str, bytes]:
    """Every table but for the clock, and every file of a checkpoint."""
    found = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            table = table.drop_columns([column for column in table.column_names if column in CLOCK])
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, table.schema) as writer:
                writer.write_table(table)
            found[name] = sink.getvalue().to_pybytes()
        elif path.is_file() and name.startswith("step_"):
            found[name] = path.read_bytes()
    return found


def everything(out: Path) -> dict[str, tuple[bytes, int]]:
    return {str(p.relative_to(out)): (p.read_bytes(), p.stat().st_mtime_ns) for p in out.rglob("*") if p.is_file()}


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stderr[-2000:]
    assert done.stderr.count("\n") == 1
    return done.stderr


def kill_at(number: int, delay: float, arguments: tuple[str, ...], out: Path, env: dict[str, str]) -> None:
    """Kill the command some seconds after so many tables are there, where it has not ended by then."""
    with begun(arguments, out, env) as process:
        deadline = time.monotonic() + 280
        while len(list(out.rglob("*.parquet"))) < number and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.003)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        assert process.poll() in (None, 0)


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_runs_end_as_undisturbed_ones(name: str, whole: Runs, env: dict[str, str], tmp_path: Path) -> None:
    run, out = whole(name), tmp_path / "out"
    expected = rows_and_checkpoints(run.out)
    tables = sum(each.endswith(".parquet") for each in expected)
    rng = np.random.default_rng(list(COMMANDS).index(name))
    first, second = int(rng.integers(tables // 2)), int(rng.integers(tables // 2, tables))
    kill_at(0, float(rng.uniform(0, 6)), run.arguments, out, env)
    kill_at(first, float(rng.uniform(0, 0.1)), run.arguments, out, env)
    kept = len(list(out.rglob("*.parquet")))
    room = max(1, (tables - kept) // 2)
    done = call([str(room), *run.arguments, "--out", str(out)], env, [sys.executable, "-c", FULL])
    assert "No space left on device" in last_line(done)
    found = {each: content for each, content in rows_and_checkpoints(out).items() if each.endswith(".parquet")}
    assert 1 <= len(found) < tables
    assert {each: expected[each] for each in found} == found
    kill_at(max(second, len(found)), float(rng.uniform(0, 0.5)), run.arguments, out, env)
    done = call([*run.arguments, "--out", str(out)], env)
    assert done.returncode == 0, done.stderr[-2000:]
    found = rows_and_checkpoints(out)
    assert list(found) == list(expected)
    for each in expected:
        assert found[each] == expected[each], each
    assert not [path for pattern in (*LITTER, "lock") for path in out.rglob(pattern)]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_second_command_is_refused_while_the_first_is_at_work(
    name: str, whole: Runs, env: dict[str, str], tmp_path: Path
) -> None:
    run, out = whole(name), tmp_path / "out"
    with begun(run.arguments, out, env) as process:
        deadline = time.monotonic() + 200
        while not (out / "manifest.json").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)  # it is at work for as long as the others try
        before = everything(out)
        for arguments in (run.arguments, (*run.arguments, "--seed", "7")):
            line = refusal(call([*arguments, "--out", str(out)], env))
            assert f"--out is {out}, where process {process.pid} on " in line
            assert "is at work; allowed: one run at a time" in line
        assert everything(out) == before


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_of_another_run_is_refused_and_nothing_in_it_changes(
    name: str, whole: Runs, env: dict[str, str], tmp_path: Path
) -> None:
    run = whole(name)
    for checkpoint in run.out.glob("step_*"):  # without it the rows are still the other run's
        checkpoint.rename(tmp_path / checkpoint.name)
    try:
        before = everything(run.out)
        line = refusal(call([*run.arguments, "--seed", "1", "--out", str(run.out)], env))
        assert f"--out is {run.out}, which holds a run with " in line
        assert "seed = 0, this one has 1; allowed: the same command, or another --out" in line
        whole("sft")  # whose checkpoint train reads
        for other in COMMANDS.keys() - {name}:
            line = refusal(call([*whole.arguments(other), "--out", str(run.out)], env))
            assert f"--out is {run.out}, which holds a run of `" in line
        assert everything(run.out) == before
    finally:
        for checkpoint in tmp_path.glob("step_*"):
            checkpoint.rename(run.out / checkpoint.name)
