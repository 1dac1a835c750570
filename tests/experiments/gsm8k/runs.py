"""What runs of the commands leave: tables and checkpoints, errors, runs that are killed; and parts in memory."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
import pyarrow.parquet as pq
import pytest

from experiments import cli
from tests.command import COMMAND
from tests.experiments.gsm8k.processes import call

TINY = ["--width", "16", "--num-layers", "2", "--num-heads", "2", "--num-kv-heads", "1", "--mlp-width", "32"]
FEW = ["--num-prompts", "8", "--num-test", "8"]
SFT = ["gsm8k", "sft", *TINY, *FEW, "--step-size", "0.01"]
CLOCK = {"wall_time_s"}


def succeed(arguments: list[str], env: dict[str, str]) -> str:
    done = call(arguments, env)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def last_line(done) -> str:
    """The error, which stands alone after the progress bar."""
    assert done.returncode == 2, (done.stdout, done.stderr[-2000:])
    lines = done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    assert sum(line.startswith("grpo-curvature: error:") for line in lines) == 1
    assert lines[-1].startswith("grpo-curvature: error:")
    return lines[-1]


def last_checkpoint(out: Path) -> Path:
    (only,) = sorted(out.glob("step_*"))
    return only


def tables(out: Path) -> dict[str, dict[str, list]]:
    """Every part of the rows but for the clock."""
    return {
        path.name: {k: v for k, v in pq.read_table(path).to_pydict().items() if k not in CLOCK}
        for path in sorted((out / "rows").glob("*.parquet"))
    }


def assert_same_run(first: Path, second: Path) -> None:
    """The same rows, parameters and optimizer state, to the last bit."""
    a, b = tables(first), tables(second)
    assert list(a) == list(b)
    for name in a:
        assert json.dumps(a[name]) == json.dumps(b[name]), name  # as text, so that NaN equals itself
    one, two = last_checkpoint(first), last_checkpoint(second)
    assert one.name == two.name
    for name in ("model.safetensors", "optimizer.safetensors", "config.json", "vocabulary.json", "state.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


@contextmanager
def running(arguments: list[str], out: Path, env: dict[str, str], parts: int) -> Iterator[None]:
    """The run, once so many parts of its rows are written; it is killed at the end."""
    with subprocess.Popen(
        [COMMAND, *arguments], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            deadline = time.monotonic() + 200
            while len(list((out / "rows").glob("*.parquet"))) < parts:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.003)
            yield
        finally:
            process.send_signal(signal.SIGKILL)


def kill_midway(arguments: list[str], out: Path, env: dict[str, str], parts: int) -> None:
    """Start the run and kill it once so many parts of its rows are written."""
    with running(arguments, out, env, parts):
        pass


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a command that reads its input and computes nothing."""
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("grpo-curvature: error: ")
    return said.err


def in_process(arguments: list[str]) -> None:
    """The command in this process, which compiles once for several."""
    promotion = jax.config.jax_numpy_dtype_promotion  # pyright: ignore[reportAttributeAccessIssue]
    jax.config.update("jax_numpy_dtype_promotion", "standard")  # optax's Adam raises a float to a whole number
    try:
        cli.main(arguments)
    finally:
        jax.config.update("jax_numpy_dtype_promotion", promotion)


def some_tables(out: Path, pattern: str) -> list[dict[str, list]]:
    """The parts of the rows whose names are like that, in order."""
    return [pq.read_table(path).to_pydict() for path in sorted((out / "rows").glob(pattern))]


class Kept:
    """Parts in memory; `made` lists what was computed."""

    def __init__(self):
        self.tables, self.made = {}, []

    def __call__(self, name, tables, compute, whole=True):
        if name not in self.tables or not whole:
            self.made.append(name)
            self.tables[name] = compute()
            assert set(tables) == set(self.tables[name])
        return self.tables[name]
