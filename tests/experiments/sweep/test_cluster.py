"""Chunks on workers: the same bytes as without them, also when one is killed; other code is refused."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import dask.config
import jax
import pytest
from distributed import Client, Future

from experiments import provenance
from experiments.sweep import cluster, engine
from experiments.sweep.execute import compute_chunk
from experiments.sweep.grid import Program
from experiments.sweep.outcome import Outcome
from experiments.sweep.parts import SweepError
from experiments.sweep.spec import Chunk, chunks
from tests.experiments.sweep import fakes
from tests.experiments.sweep.fakes import parts

ROOT = Path(__file__).resolve().parents[3]
MISSED_SOON = {"distributed.worker.preload": [fakes.__name__], "distributed.scheduler.worker-ttl": "8 s"}
"""Workers that are silent are missed after 8 seconds instead of 300; a busy machine may keep one silent for some."""


@pytest.fixture(scope="module")
def scheduler(frozen: str) -> Iterator[str]:
    with dask.config.set({"distributed.worker.preload": [fakes.__name__]}), cluster.local(2) as address:
        yield address


def test_a_killed_worker_changes_no_byte(scheduler: str, tmp_path: Path) -> None:
    engine.run_sweep(fakes.SPEC, tmp_path / "serial", fakes.compute)
    compute = fakes.Signals(signal.SIGKILL, 5, tmp_path / "died")
    engine.run_sweep(fakes.SPEC, tmp_path / "cluster", compute, scheduler=scheduler)
    assert (tmp_path / "died").exists()
    assert parts(tmp_path / "cluster") == parts(tmp_path / "serial")


def test_the_only_worker_is_killed_and_comes_back(frozen: str, tmp_path: Path) -> None:
    engine.run_sweep(fakes.SPEC, tmp_path / "serial", fakes.compute)
    told = fakes.Told(fakes.Signals(signal.SIGKILL, 5, tmp_path / "died"), tmp_path / "who")
    with dask.config.set({"distributed.worker.preload": [fakes.__name__]}), cluster.local(1) as address:
        engine.run_sweep(fakes.SPEC, tmp_path / "cluster", told, scheduler=address)
    who = (tmp_path / "who").read_text().split()
    assert (tmp_path / "died").exists()
    assert len(set(who)) == 2  # the one that was killed, and the one that its nanny started
    assert len(who) == 13  # the chunk that it died of was begun twice, no other
    assert parts(tmp_path / "cluster") == parts(tmp_path / "serial")


def test_a_chunk_that_ends_the_only_worker_again_and_again_is_given_up(
    frozen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "ALLOWED_FAILURES", 1)
    with (
        dask.config.set({"distributed.worker.preload": [fakes.__name__]}),
        cluster.local(1) as address,
        pytest.raises(SweepError, match=r"chunk 5 .*finished chunks are kept"),
    ):
        engine.run_sweep(fakes.SPEC, tmp_path / "cluster", fakes.Signals(signal.SIGKILL, 5), scheduler=address)
    engine.run_sweep(fakes.SPEC, tmp_path / "serial", fakes.compute)
    assert parts(tmp_path / "cluster").items() <= parts(tmp_path / "serial").items()


def test_rows_that_are_lost_before_they_are_fetched_are_computed_again(
    frozen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only worker is killed while it holds the rows of a finished chunk: dask waits for ever for them."""
    engine.run_sweep(fakes.SPEC, tmp_path / "serial", fakes.compute)
    first, fetch, killed, lost = cluster._first, cluster._outcome, [], []

    def kills(connected: cluster.Connected, futures: list[Future]) -> set[Future]:
        done = first(connected, futures)
        if done and not killed:
            ((worker, process),) = connected.run(os.getpid).items()
            killed.append(worker)
            os.kill(process, signal.SIGKILL)
            deadline = time.monotonic() + 60
            while worker in connected.nthreads() and time.monotonic() < deadline:
                time.sleep(0.05)
        return done

    def watched(connected: cluster.Connected, future: Future) -> Outcome | None:
        outcome = fetch(connected, future)
        lost.append(outcome is None)
        return outcome

    monkeypatch.setattr(cluster, "_first", kills)
    monkeypatch.setattr(cluster, "_outcome", watched)
    monkeypatch.setattr(cluster, "ALLOWED_FAILURES", 0)  # it is not the chunk that ended the worker
    with dask.config.set({"distributed.worker.preload": [fakes.__name__]}), cluster.local(1) as address:
        engine.run_sweep(fakes.SPEC, tmp_path / "cluster", fakes.slow, scheduler=address)
    assert killed
    assert any(lost)
    assert parts(tmp_path / "cluster") == parts(tmp_path / "serial")


def test_a_worker_that_hangs_is_replaced(frozen: str, tmp_path: Path) -> None:
    """It is stopped for good: the scheduler misses it and has its nanny kill it and start another."""
    engine.run_sweep(fakes.SPEC, tmp_path / "serial", fakes.compute)
    told = fakes.Told(fakes.Signals(signal.SIGSTOP, 1, tmp_path / "stopped"), tmp_path / "who")
    with dask.config.set(MISSED_SOON), cluster.local(2) as address:
        engine.run_sweep(fakes.SPEC, tmp_path / "cluster", told, scheduler=address)
    assert (tmp_path / "stopped").exists()
    assert len((tmp_path / "who").read_text().split()) >= 13  # its chunk was begun again elsewhere
    assert parts(tmp_path / "cluster") == parts(tmp_path / "serial")


def test_a_worker_that_was_away_and_is_back_changes_no_byte(frozen: str, tmp_path: Path) -> None:
    """No nanny ends it: once its chunk was given to the other it goes on, and both compute it to its end."""
    engine.run_sweep(fakes.SPEC, tmp_path / "serial", fakes.compute)
    away = fakes.Away(1, tmp_path)
    with dask.config.set(MISSED_SOON), cluster.local(0) as address, _without_nanny(address), _without_nanny(address):
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        engine.run_sweep(fakes.SPEC, tmp_path / "cluster", away, scheduler=address)
    assert away.back.read_text() == away.stopped.read_text() != away.again.read_text()
    assert parts(tmp_path / "cluster") == parts(tmp_path / "serial")


@contextlib.contextmanager
def _without_nanny(address: str) -> Iterator[None]:
    """A worker as on another machine, which nobody watches or starts again."""
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny", "--nthreads", "1"]
    options = ["--no-dashboard", "--memory-limit", "0", "--preload", fakes.__name__]
    working = subprocess.Popen(
        [*command, *options], cwd=ROOT, env=os.environ | cluster.ONE_THREAD, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        working.kill()
        working.wait()


def test_a_connection_that_is_lost_is_one_sentence_and_the_same_command_goes_on(frozen: str, tmp_path: Path) -> None:
    serving = subprocess.Popen(
        [sys.executable, "-m", fakes.__name__, "2", "serve"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert serving.stdout is not None
    address = serving.stdout.readline().strip()
    out, caught = tmp_path / "cluster", []

    def sweep() -> None:
        try:
            engine.run_sweep(fakes.SPEC, out, fakes.slow, scheduler=address)
        except Exception as error:
            caught.append(error)

    sweeping = threading.Thread(target=sweep)
    sweeping.start()
    deadline = time.monotonic() + 120
    while len(list(out.glob("parts/*.parquet"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    serving.kill()
    serving.wait()
    serving.stdout.close()
    sweeping.join(120)
    assert not sweeping.is_alive()
    (error,) = caught
    assert isinstance(error, SweepError)
    assert "\n" not in str(error)
    assert re.fullmatch(r"the scheduler was lost \(.+\); finished chunks are kept", str(error))
    kept = parts(out)
    assert 2 <= len(kept) < 12
    assert not (out / "lock").exists()
    engine.run_sweep(fakes.SPEC, out, fakes.compute)
    engine.run_sweep(fakes.SPEC, tmp_path / "serial", fakes.compute)
    assert parts(out) == parts(tmp_path / "serial")
    assert kept.items() <= parts(out).items()


def test_in_earnest_and_by_number_of_workers(scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    @contextlib.contextmanager
    def local(workers: int) -> Iterator[str]:
        asked.append(workers)
        yield scheduler

    monkeypatch.setattr(cluster, "local", local)
    engine.run_sweep(fakes.EARNEST, tmp_path / "cluster", compute_chunk, workers=2)
    engine.run_sweep(fakes.EARNEST, tmp_path / "serial", compute_chunk)
    assert asked == [2]
    assert parts(tmp_path / "cluster") == parts(tmp_path / "serial")


def test_a_worker_is_one_thread_and_shares_the_cache(scheduler: str, tmp_path: Path) -> None:
    engine.run_sweep(fakes.SPEC, tmp_path, fakes.one_thread, scheduler=scheduler)
    rows = engine.collect(tmp_path)
    assert set(rows["pools"]) == {1}
    assert len(set(rows["process"])) == 2
    assert set(rows["cache"]) == {str(jax.config.jax_compilation_cache_dir)}


def test_a_worker_keeps_to_the_programs_that_it_has() -> None:
    left: dict[Program, list[Chunk]] = {}
    for chunk in chunks(fakes.SPEC):
        left.setdefault(chunk.settings[0].program, []).append(chunk)
    given: dict[str, list[Program]] = {"a": [], "b": []}
    home: dict[str, Program] = {}
    for turn in range(12):
        worker = "ab"[turn % 2]
        given[worker].append(cluster._next(left, home, worker, fakes.SPEC).settings[0].program)
    assert left == {}
    assert [len(set(programs)) for programs in given.values()] == [2, 2]  # of 4: none is compiled twice
    for programs in given.values():
        assert [program[-1] for program in programs] == ["power"] * 4 + ["batch"] * 2  # the longest first


def test_a_failing_chunk_is_named(scheduler: str, tmp_path: Path) -> None:
    with pytest.raises(SweepError, match=r"chunk 2 of 12 failed .*FloatingPointError: not a number") as caught:
        engine.run_sweep(fakes.SPEC, tmp_path, fakes.fails, scheduler=scheduler)
    assert isinstance(caught.value.__cause__, FloatingPointError)
    assert "chunk-00002.parquet" not in parts(tmp_path)
    assert "chunk-00000.parquet" in parts(tmp_path)


def test_a_chunk_that_kills_its_workers_is_given_up(scheduler: str, tmp_path: Path) -> None:
    with Client(scheduler, set_as_default=False) as client:

        def allow(count: int, dask_scheduler=None) -> None:
            dask_scheduler.allowed_failures = count

        client.run_on_scheduler(functools.partial(allow, 0))
        with pytest.raises(SweepError, match=r"chunk 0 of 12 failed .*KilledWorker"):
            engine.run_sweep(
                fakes.SPEC, tmp_path, fakes.Signals(signal.SIGKILL, 0, tmp_path / "died"), scheduler=scheduler
            )
        client.run_on_scheduler(functools.partial(allow, cluster.ALLOWED_FAILURES))


def test_workers_of_other_code_are_refused(
    scheduler: str, frozen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "code_digest", lambda: "f" * 64)
    with pytest.raises(
        ValueError, match=f"the worker tcp.* with other code .digest {frozen[:12]}, not fffff.*; allowed"
    ):
        engine.run_sweep(fakes.SPEC, tmp_path, fakes.compute, scheduler=scheduler)
    assert not (tmp_path / "parts").exists()
    here = provenance.fingerprint() | {"device": "tpu:v9"}
    with pytest.raises(ValueError, match=r"a worker joined with device cpu:.*, not tpu:v9"):
        cluster._task(fakes.compute, fakes.SPEC, chunks(fakes.SPEC)[0], 1, here)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "carrier-pigeon://loft:1"])
def test_a_scheduler_that_is_not_there(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT", 0.3)
    with pytest.raises(ValueError, match=f"--scheduler is {address}, which does not answer"):
        engine.run_sweep(fakes.SPEC, tmp_path, fakes.compute, scheduler=address)


class Deserted:
    """A client of a scheduler without workers."""

    status = "running"

    def run(self, function: object) -> dict:
        return {}

    def nthreads(self) -> dict:
        return {}


def test_no_workers_at_all_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    outcomes = cluster.outcomes(Deserted(), fakes.compute, fakes.SPEC, chunks(fakes.SPEC), 1)
    with pytest.raises(SweepError, match="no workers for 0 s; finished chunks are kept"):
        next(outcomes)
