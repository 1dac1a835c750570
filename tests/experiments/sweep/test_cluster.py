"""Chunks on workers: the same bytes as without them, also when one is killed; other code is refused."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

import dask.config
import jax
import pytest
from distributed import Client

from experiments import provenance
from experiments.sweep import cluster, engine
from experiments.sweep.execute import compute_chunk
from experiments.sweep.grid import Program
from experiments.sweep.parts import SweepError
from experiments.sweep.spec import Chunk, chunks
from tests.experiments.sweep import fakes
from tests.experiments.sweep.fakes import parts


@pytest.fixture(scope="module")
def scheduler(frozen: str) -> Iterator[str]:
    with dask.config.set({"distributed.worker.preload": [fakes.__name__]}), cluster.local(2) as address:
        yield address


def test_a_killed_worker_changes_no_byte(scheduler: str, tmp_path: Path) -> None:
    engine.run_sweep(fakes.SPEC, tmp_path / "serial", fakes.compute)
    compute = fakes.DiesOnce(tmp_path / "died", 5)
    engine.run_sweep(fakes.SPEC, tmp_path / "cluster", compute, scheduler=scheduler)
    assert (tmp_path / "died").exists()
    assert parts(tmp_path / "cluster") == parts(tmp_path / "serial")


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
            engine.run_sweep(fakes.SPEC, tmp_path, fakes.DiesOnce(tmp_path / "died", 0), scheduler=scheduler)
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
