"""A study that is stopped anywhere goes on where it was: parts are computed once, and only whole files are there."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from experiments import folder, store
from experiments.study import Study

CONFIG = {"command": "test", "n": 3}


def study(out: Path, **given) -> Study:
    return Study(out, CONFIG, seed=0, **given)


class Counted:
    """Rows of three numbers; counts how often it was asked."""

    def __init__(self, start: float = 0.0):
        self.start, self.asked = start, 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.asked += 1
        return {"x": self.start + np.arange(3.0)}


def test_parts_are_computed_once_and_kept(tmp_path: Path) -> None:
    one, two = Counted(), Counted(10.0)
    with study(tmp_path) as first:
        np.testing.assert_array_equal(first.part("one", one)["x"], [0, 1, 2])
        assert first.part("one", two) is first.part("one", one)
        first.tables("two", ("a", "b"), lambda: {"a": one(), "b": two()})
    with study(tmp_path) as again:
        np.testing.assert_array_equal(again.tables("two", ("a", "b"), dict)["b"]["x"], [10, 11, 12])
        rows = again.part("one", one)
    assert (one.asked, two.asked) == (2, 1)
    assert set(rows["run_id"]) == {again.source.run_id} == {first.source.run_id}
    assert sorted(path.name for path in (tmp_path / "rows").iterdir()) == [
        "one.parquet", "two.a.parquet", "two.b.parquet",
    ]  # fmt: skip


def test_an_interrupted_study_keeps_what_was_finished(tmp_path: Path) -> None:
    one, two = Counted(), Counted()

    def stopped() -> dict:
        raise KeyboardInterrupt

    first = study(tmp_path)
    with first:
        first.part("one", one)
        with pytest.raises(KeyboardInterrupt):
            first.part("two", stopped)
    assert not (tmp_path / "lock").exists()
    with study(tmp_path) as again:
        again.part("one", one)
        again.part("two", two)
        seconds = again.seconds
    assert (one.asked, two.asked) == (1, 1)
    assert seconds == sum(float(store.read_rows(p)["wall_time_s"][0]) for p in (tmp_path / "rows").iterdir())


def test_a_damaged_part_and_half_a_part_are_made_again(tmp_path: Path) -> None:
    one = Counted()
    both = ("a", "b")
    with study(tmp_path) as first:
        first.tables("one", both, lambda: {"a": one(), "b": one()})
    path = first.path("one", "b")
    path.write_bytes(path.read_bytes()[:-8])
    with study(tmp_path) as again:
        again.tables("one", both, lambda: {"a": one(), "b": one()})
    assert one.asked == 4
    with study(tmp_path) as third:
        third.tables("one", both, lambda: {"a": one(), "b": one()}, whole=False)
    assert one.asked == 6


def test_fresh_computes_everything_again(tmp_path: Path) -> None:
    one = Counted()
    for fresh, asked in ((False, 1), (False, 1), (True, 2)):
        with study(tmp_path, fresh=fresh) as some:
            some.part("one", one)
        assert one.asked == asked


def test_threads_that_ask_for_one_part_make_it_once(tmp_path: Path) -> None:
    one, gate = Counted(), threading.Barrier(4)

    def ask(_: int) -> None:
        gate.wait()
        some.part("one", one)
        some.part(f"own{_}", Counted())

    with study(tmp_path) as some, ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))
        assert some.bar.n == 5
    assert one.asked == 1


def test_a_folder_in_use_or_of_another_run_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with study(tmp_path), pytest.raises(ValueError, match="is at work; allowed: one run at a time"):
        study(tmp_path)
    with pytest.raises(ValueError, match="holds a run with n = 3, this one has 4"):
        Study(tmp_path, {**CONFIG, "n": 4}, seed=0)
    with pytest.raises(RuntimeError, match="not entered"):
        study(tmp_path / "new").part("one", Counted())
    assert not (tmp_path / "new").exists()


def test_two_that_looked_at_once_do_not_both_enter(tmp_path: Path) -> None:
    first, second = study(tmp_path), study(tmp_path)
    with first, pytest.raises(ValueError, match="is at work"), second:
        pytest.fail("two holders")
    other = Study(tmp_path / "b", {**CONFIG, "n": 4}, seed=0)
    with study(tmp_path / "b"):
        pass
    with pytest.raises(ValueError, match="begun with other settings"), other:
        pytest.fail("another run's folder")


def test_the_summary_is_written_last_as_strict_json_with_the_run(tmp_path: Path, capsys) -> None:
    pages = []

    def report(full: dict) -> bytes:
        assert not (tmp_path / "summary.json").exists()
        pages.append(full)
        return b"<html>"

    with study(tmp_path) as some:
        some.part("one", Counted())
        full = some.publish({"mean": float("nan"), "x": np.float64(2.0)}, report)
    kept = json.loads((tmp_path / "summary.json").read_text(), parse_constant=pytest.fail)
    assert list(kept) == ["schema_version", "mean", "x", "run"]
    assert (kept["mean"], kept["x"]) == (None, 2.0)
    assert kept["run"]["config"] == CONFIG
    assert kept["run"]["run_id"] == some.source.run_id
    assert pages == [full]
    assert (tmp_path / "report.html").read_bytes() == b"<html>"
    assert "report: " in capsys.readouterr().out
    assert folder.read_manifest(tmp_path)["run_id"] == some.source.run_id


def test_figures_are_drawn_as_png_and_svg(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    with study(tmp_path) as some:
        some.draw({"empty": Figure})
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["empty.png", "empty.svg"]
