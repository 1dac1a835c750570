"""Sweeps that are stopped, damaged or changed: what is resumed holds the same bytes, what differs is refused."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from experiments import folder, provenance, store
from experiments.sweep import engine
from experiments.sweep.execute import compute_chunk
from experiments.sweep.grid import Grid
from experiments.sweep.parts import SweepError, append_log, part_path, write_part
from experiments.sweep.spec import Chunk, Spec, chunks
from tests.experiments.sweep import fakes
from tests.experiments.sweep.fakes import parts

ROOT = Path(__file__).resolve().parents[3]


class Counting:
    """`fakes.compute`, with the chunks that it was asked for; raises `error` before the chunk `at`."""

    def __init__(self, at: int = -1, error: BaseException | None = None):
        self.asked: list[int] = []
        self.at, self.error = at, error

    def __call__(self, spec: Spec, chunk: Chunk, memory: int) -> dict[str, np.ndarray]:
        if chunk.index == self.at and self.error is not None:
            raise self.error
        self.asked.append(chunk.index)
        return fakes.compute(spec, chunk, memory)


@pytest.fixture(scope="module")
def whole(frozen: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    engine.run_sweep(fakes.SPEC, out, fakes.compute)
    return out


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "out"))


def kill_after(out: Path, what: str, num_parts: int) -> None:
    """Start a sweep in another process, be refused beside it, and kill -9 it when it has so many parts."""
    process = subprocess.Popen([sys.executable, "-m", "tests.experiments.sweep.fakes", out, what], cwd=ROOT)
    deadline = time.monotonic() + 120
    while len(list(out.glob("parts/*.parquet"))) < num_parts:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with pytest.raises(ValueError, match="one run at a time") as refused:
        engine.run_sweep(fakes.SPEC, out, fakes.compute)
    assert f"process {process.pid} on " in str(refused.value)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_rows_are_those_of_the_computation_in_order(whole: Path) -> None:
    rows = engine.collect(whole)
    expected = [fakes.compute(fakes.SPEC, chunk, 0) for chunk in chunks(fakes.SPEC)]
    assert len(expected) == 12
    for name in expected[0]:
        np.testing.assert_array_equal(rows[name], np.concatenate([each[name] for each in expected]))
    assert rows["curve"].shape == (72, 2)
    np.testing.assert_array_equal(rows["chunk"], np.repeat(np.arange(12), 6))
    assert set(rows) == {*expected[0], "chunk"}
    log = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert [entry["chunk"] for entry in log] == list(range(12))
    assert sum(entry["runs"] for entry in log) == 24 * 7
    assert sorted(path.name for path in whole.iterdir()) == ["log.jsonl", "manifest.json", "parts"]


def test_rows_carry_the_manifest_s_provenance_and_no_time(whole: Path) -> None:
    manifest = json.loads((whole / "manifest.json").read_text())
    table = store.read_rows(part_path(whole, 3))
    for name in ("run_id", "commit", "device"):
        assert set(table[name]) == {manifest[name]}
    assert json.loads(table["config"][0]) == manifest["config"]
    assert json.loads(table["versions"][0]) == manifest["versions"]
    assert set(table["run_seed"]) == {fakes.SPEC.seed}
    assert "wall_time_s" not in table


def test_a_finished_sweep_computes_nothing(copy: Path) -> None:
    before, compute = parts(copy), Counting()
    engine.run_sweep(fakes.SPEC, copy, compute)
    assert compute.asked == []
    assert parts(copy) == before


def test_killed_and_resumed_is_the_same_byte_for_byte(whole: Path, tmp_path: Path) -> None:
    kill_after(tmp_path, "fake", 3)
    there = sorted(tmp_path.glob("parts/*.parquet"))
    assert 3 <= len(there) < 12
    assert (tmp_path / "lock").exists()  # of a process that is no more
    compute = Counting()
    engine.run_sweep(fakes.SPEC, tmp_path, compute)
    assert compute.asked == list(range(len(there), 12))
    assert parts(tmp_path) == parts(whole)
    assert not (tmp_path / "lock").exists()


def test_killed_and_resumed_in_earnest(tmp_path: Path) -> None:
    kill_after(tmp_path / "killed", "earnest", 1)
    assert len(parts(tmp_path / "killed")) < 6
    for out in ("killed", "whole"):
        engine.run_sweep(fakes.EARNEST, tmp_path / out, compute_chunk)
    assert len(parts(tmp_path / "whole")) == 6
    assert parts(tmp_path / "killed") == parts(tmp_path / "whole")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": Grid(**{**vars(fakes.SPEC.grid), "coherence": (0.0, 0.3)})},
         r"holds a run with grid.coherence = \[0.0, 0.3, 0.6, 0.9\], this one has \[0.0, 0.3\]; allowed: the same"),
        ({"seeds": 4}, "holds a run with seeds = 3, this one has 4; allowed"),
        ({"name": "other"}, 'holds a run with name = "sweep", this one has "other"; allowed'),
    ],
)  # fmt: skip
def test_another_specification_is_refused(copy: Path, change: dict, message: str) -> None:
    before = parts(copy)
    with pytest.raises(ValueError, match=message):
        engine.run_sweep(Spec(**{**vars(fakes.SPEC), **change}), copy, fakes.compute)
    assert parts(copy) == before


def test_other_code_is_refused(copy: Path, frozen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "code_digest", lambda: "f" * 64)
    with pytest.raises(
        ValueError, match=f"begun with other code .digest {frozen[:12]}, not ffffffffffff.; allowed: the same"
    ):
        engine.run_sweep(fakes.SPEC, copy, fakes.compute)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("versions", {"jax": "0.1"}, "begun with .* None, not "),
        ("device", "tpu:v9", "begun with device tpu:v9, not cpu"),
    ],
)
def test_other_libraries_and_devices_are_refused(copy: Path, key: str, value: object, message: str) -> None:
    path = copy / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(ValueError, match=message):
        engine.run_sweep(fakes.SPEC, copy, fakes.compute)


def test_resumed_rows_carry_the_first_start_s_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "commit", lambda: "first")
    with pytest.raises(KeyboardInterrupt):
        engine.run_sweep(fakes.SPEC, tmp_path, Counting(5, KeyboardInterrupt()))
    assert len(parts(tmp_path)) == 5
    monkeypatch.setattr(provenance, "commit", lambda: "second")
    engine.run_sweep(fakes.SPEC, tmp_path, fakes.compute)
    assert {pq.read_table(path)["commit"][0].as_py() for path in tmp_path.glob("parts/*")} == {"first"}


def damage(out: Path) -> list[int]:
    """Parts cut short, empty, hollow, of another chunk, of another sweep."""
    cut, empty, hollow, other, foreign = (part_path(out, index) for index in (1, 3, 5, 7, 9))
    cut.write_bytes(cut.read_bytes()[:-20])
    empty.write_bytes(b"")
    content = bytearray(hollow.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    hollow.write_bytes(content)
    shutil.copy(part_path(out, 8), other)
    source = provenance.provenance({"another": "sweep"}, 0)
    write_part(out, 9, {"x": np.zeros(2)}, source)
    assert foreign.exists()
    return [1, 3, 5, 7, 9]


def test_damaged_parts_are_computed_again_and_only_they(copy: Path, whole: Path) -> None:
    damaged, compute = damage(copy), Counting()
    with pytest.raises(ValueError, match=r"holds 7 of 12 chunks; allowed: all of them"):
        engine.collect(copy)
    engine.run_sweep(fakes.SPEC, copy, compute)
    assert compute.asked == damaged
    assert parts(copy) == parts(whole)


def test_a_failing_chunk_is_named_and_the_finished_are_kept(tmp_path: Path, whole: Path) -> None:
    with pytest.raises(SweepError, match=r"chunk 2 of 12 failed .*FloatingPointError: not a number; fini") as caught:
        engine.run_sweep(fakes.SPEC, tmp_path, fakes.fails)
    assert isinstance(caught.value.__cause__, FloatingPointError)
    assert sorted(parts(tmp_path)) == ["chunk-00000.parquet", "chunk-00001.parquet"]
    engine.run_sweep(fakes.SPEC, tmp_path, fakes.compute)
    assert parts(tmp_path) == parts(whole)


def test_a_full_disk_keeps_what_was_finished(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = os.fsync
    calls = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 4:  # the manifest and three parts
            raise OSError(28, "No space left on device")
        synced(descriptor)

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*chunk-00003.parquet"):
        engine.run_sweep(fakes.SPEC, tmp_path, fakes.compute)
    assert len(os.listdir(tmp_path / "parts")) == 3
    monkeypatch.undo()
    engine.run_sweep(fakes.SPEC, tmp_path, fakes.compute)
    assert parts(tmp_path) == parts(whole)


@pytest.mark.parametrize(
    "columns",
    [{}, {"x": np.zeros(0)}, {"x": np.zeros(2), "y": np.zeros(3)}, {"chunk": np.zeros(2)}, {"x": np.zeros((1, 1, 1))}],
)
def test_columns_that_are_no_rows_are_refused(tmp_path: Path, columns: dict) -> None:
    with pytest.raises(ValueError, match=r"columns are .*; allowed: at least one row, equal lengths"):
        engine.run_sweep(fakes.SPEC, tmp_path, lambda *_: columns)
    assert not list((tmp_path / "parts").iterdir())


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ValueError, match=r"--out is .*allowed: a folder that can be written to"):
        engine.run_sweep(fakes.SPEC, tmp_path / "file" / "out", fakes.compute)
    with pytest.raises(ValueError, match="memory is 1 KiB, but one run"):
        engine.run_sweep(fakes.SPEC, tmp_path / "never", fakes.compute, memory=1024)
    assert not (tmp_path / "never").exists()
    for text in ("{", "[]", "{}"):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(ValueError, match=r"manifest.json is damaged .*; allowed: another --out"):
            engine.run_sweep(fakes.SPEC, tmp_path, fakes.compute)
    with pytest.raises(ValueError, match="which holds no sweep"):
        engine.collect(tmp_path / "nowhere")


def test_a_lock_is_exclusive_and_leaves_nothing(tmp_path: Path) -> None:
    with folder.locked(tmp_path):
        with pytest.raises(ValueError, match=f"where process {os.getpid()} on"), folder.locked(tmp_path):
            pytest.fail("two holders")
        assert (tmp_path / "lock").exists()
    assert not (tmp_path / "lock").exists()
    with folder.locked(tmp_path):
        pass


def test_an_unfinished_sweep_is_collected_on_request(tmp_path: Path, whole: Path) -> None:
    with pytest.raises(SweepError):
        engine.run_sweep(fakes.SPEC, tmp_path, fakes.fails)
    with pytest.raises(ValueError, match="holds 2 of 12 chunks"):
        engine.collect(tmp_path)
    some, every = engine.collect(tmp_path, unfinished=True), engine.collect(whole)
    for name, values in some.items():
        np.testing.assert_array_equal(values, every[name][:12])
    shutil.rmtree(tmp_path / "parts")
    with pytest.raises(ValueError, match="holds 0 of 12 chunks"):
        engine.collect(tmp_path, unfinished=True)


def test_a_torn_line_of_the_log_is_ended(tmp_path: Path) -> None:
    append_log(tmp_path, {"chunk": 0})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"chu')
    append_log(tmp_path, {"chunk": 1})
    assert (tmp_path / "log.jsonl").read_text() == '{"chunk": 0}\n{"chu\n{"chunk": 1}\n'


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_terminals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, terminal, quiet = io.StringIO(), Terminal(), Terminal()
    for name, stream in (("a", pipe), ("b", terminal), ("c", quiet)):
        monkeypatch.setattr(sys, "stderr", stream)
        engine.run_sweep(fakes.SPEC, tmp_path / name, fakes.compute, progress=stream is not quiet)
    assert pipe.getvalue() == quiet.getvalue() == ""
    last = terminal.getvalue().split("\r")[-1]
    assert "12/12 chunks 100%" in last
    assert " runs/s [" in last
