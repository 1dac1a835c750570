"""Parts come from processes: one that is ended from outside stops the run in one line, and what was finished stays."""

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bandits.pass_rates import synthetic_pass_rates
from experiments import processes, store
from experiments.command import StoppedError
from experiments.convergence import counterexamples, run
from experiments.convergence.config import Reproduce
from experiments.processes import Processes
from experiments.study import Study


class Ended(Processes):
    """The process of every part but one is killed."""

    def submit(self, function: Any, *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if arguments[0] == "counterexamples":
            future.set_result(function(*arguments))
        else:
            future.set_exception(BrokenProcessPool("killed"))
        return future


def test_a_process_that_is_ended_stops_the_run_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finished_first(futures: dict[Future[Any], str]) -> list[Future[Any]]:
        return sorted(futures, key=lambda future: future.exception() is not None)

    monkeypatch.setattr(run, "as_completed", finished_first)
    config, rates = Reproduce(out=tmp_path / "out"), synthetic_pass_rates()
    study = Study(config.out, config.identity(), seed=0)
    with pytest.raises(StoppedError, match="finished parts are kept") as caught:
        run.reproduce(rates, config, study, Ended("math"))
    assert "\n" not in str(caught.value)
    kept, wanted = store.read_rows(config.out / "rows" / "counterexamples.parquet"), counterexamples.rows()
    for name, column in wanted.items():
        np.testing.assert_array_equal(kept[name], column)


def test_one_core_keeps_what_was_finished_before_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "workers", lambda: 1)

    def fails() -> Any:
        raise OSError("disk full")

    whole = run.parts_of

    def two(config: Reproduce, rates: Any) -> dict[str, Any]:
        return {"counterexamples": whole(config, rates)["counterexamples"], "theorem": ("it fails", fails)}

    monkeypatch.setattr(run, "parts_of", two)
    config, rates = Reproduce(out=tmp_path / "out"), synthetic_pass_rates()
    study = Study(config.out, config.identity(), seed=0)
    with Processes("math") as there, pytest.raises(OSError, match="disk full"):
        run.reproduce(rates, config, study, there)
    assert (config.out / "rows" / "counterexamples.parquet").exists()


def test_every_figure_is_drawn_from_the_parts_that_it_is_given() -> None:
    parts = {name: {} for name in run.parts_of(Reproduce(), synthetic_pass_rates())}
    names = set(run.drawings(parts, synthetic_pass_rates()))
    assert set(run.SHOWN) <= names
    assert set(run.LONGEST) <= set(parts)
    assert {part for name in names for part in run.SHOWN.get(name, (name,))} <= set(parts)
