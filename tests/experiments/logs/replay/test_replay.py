"""The replay of a log: the band over overlaps, who is not replayed, and a case of the count."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import cli
from experiments.logs.replay import __main__ as command
from experiments.logs.replay import coverage, replay
from experiments.logs.replay import leads as simulated
from experiments.logs.replay.design import PLAIN, Design
from experiments.logs.replay.leads import Leads
from tests.experiments.logs.report.logs import drawn, write_counts


def summary(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "rewards": "binary", "abstained": {}, "law": {}, "num_live": 300, "group_size": 8,
        "histogram": [300, 100, 80, 70, 60, 60, 70, 90, 200],
    }  # fmt: skip
    return base | changes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rewards": "real"}, "more than two values"),
        ({"abstained": {"law": "There are 100 live groups, fewer than 200."}}, "fewer than 200"),
        ({"law": None}, "does not tell a law"),
        ({"group_size": 128}, "too large to be simulated"),
    ],
)
def test_who_is_not_replayed(changes: dict, words: str) -> None:
    assert words in replay.why_not(summary(**changes))
    assert replay.why_not(summary()) == ""


def test_the_band_spans_the_intervals_of_all_overlaps(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def instead(rates, group_size, coherence, *, seed, design):
        asked.append((rates, group_size, coherence.tolist(), seed, design))
        mean, half = np.array([0.01, 0.03, 0.0, 0.005]), np.array([0.001, 0.003, 0.004, 0.001])
        return Leads(coherence, mean, half, np.ones((4, 2)))

    monkeypatch.setattr(simulated, "leads", instead)
    found = replay.replay(summary(), seed=3)
    assert (found.low, found.high) == pytest.approx((-0.004, 0.033))
    assert found.replayed
    rates, size, overlaps, seed, design = asked[0]
    assert (size, overlaps, seed, design) == (8, replay.OVERLAPS.tolist(), 3, PLAIN)
    k = np.arange(9)
    mean = (np.array(summary()["histogram"]) @ k) / (8 * sum(summary()["histogram"]))
    assert rates.mean() == pytest.approx(
        mean, abs=0.02
    )  # a law of maximal likelihood keeps the mean; 32 quantiles do so nearly


def test_the_advice_is_by_the_replay_and_says_so(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def instead(rates, group_size, coherence, *, seed, design):
        asked.append((len(rates), design))
        return Leads(coherence, np.linspace(-0.002, 0.017, 4), np.zeros(4), np.ones((4, 2)))

    monkeypatch.setattr(simulated, "leads", instead)
    path = write_counts(tmp_path / "a.csv", drawn(2000), step=np.arange(2000) // 20)
    cli.main(["advise", str(path), "--replay"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "a lead of up to 1.7 points could be seen in" in printed
    assert "the lead of dividing is -0.2 to +1.7 points of accuracy" in printed
    assert "100 updates (SGD, every prompt in each)" in printed
    assert "over overlaps of 0 to 0.9, a band that holds 0" in printed
    assert "the replay steps by SGD: which optimiser you have is in no log" in printed
    assert "your log does not say how many" in printed  # it names no prompts
    cli.main(["advise", str(path), "--replay", "--optimiser", "adam", "--prompts-per-update", "48"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "100 updates (Adam, 32 of 64 prompts in each)" in printed
    assert "32 prompts in an update where your run has 48" in printed
    assert "in no log" not in printed
    assert asked == [(32, PLAIN), (64, Design("adam", 32))]
    cli.main(["advise", str(write_counts(tmp_path / "b.csv", drawn(300))), "--replay"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "not replayed: There are " in printed
    assert "in simulations with Adam" in printed


@pytest.mark.parametrize(
    ("group_size", "design"),
    [(8, PLAIN), (16, Design("adam", 32))],
    ids=str,
)
def test_a_case_is_written_read_and_replayed(
    group_size: int, design: Design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short runs and few seeds; the log has the groups of the run's own states."""
    asked = []

    def replayed(summary, *, design):
        asked.append(design)
        return replay.replay(summary, design=design)

    monkeypatch.setattr(coverage, "replay", replayed)
    monkeypatch.setattr(simulated, "NUM_STEPS", 20)
    monkeypatch.setattr(simulated, "STEPS", (3.0, 30.0))
    monkeypatch.setattr(simulated, "ADAM_STEPS", (0.03, 0.3))
    monkeypatch.setattr(coverage, "TRUE_SEEDS", 2)
    for program in (simulated._areas, simulated._path):
        program.cache_clear()
    case = coverage.one_case(1, group_size, tmp_path, design)
    for program in (simulated._areas, simulated._path):
        program.cache_clear()
    assert asked == [design]  # what the log and the reader say of the run
    assert case.low is not None
    assert case.truth is not None
    assert case.high is not None
    assert case.covered == (case.low <= case.truth <= case.high)
    rows = (tmp_path / "run1.csv").read_text().splitlines()
    assert len(rows) == 1 + coverage.LOGGED * coverage.TRUE_PROMPTS
    assert coverage.row(case)["covered"] == case.covered


COVERAGE = sorted((Path(__file__).resolve().parents[4] / "docs" / "results").glob("coverage_*.json"))


@pytest.mark.parametrize("path", COVERAGE, ids=lambda path: path.stem)
def test_bands_of_the_page_hold_the_truth_as_often_as_they_should(path: Path) -> None:
    """What `python -m experiments.logs.replay … --out` wrote; the page's table is made of it."""
    found = json.loads(path.read_text(encoding="utf-8"))
    told = found["cases"]
    covered = [case["low"] <= case["truth"] <= case["high"] for case in told]
    assert covered == [case["covered"] for case in told]
    assert all(case["group_size"] == found["group_size"] for case in told)
    assert sum(covered) >= 0.9 * len(told) >= 45


def test_coverage_is_written_as_it_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [coverage.Case(i, "some law", 0.5, 16, "", 0.01, 0.001, low, 0.02) for i, low in enumerate((0.0, 0.015))]
    monkeypatch.setattr(command, "cases", lambda number, group_size, design: iter(made))
    monkeypatch.setattr(
        "sys.argv",
        ["replay", "2", "16", "--optimiser", "adam", "--prompts-per-update", "8", "--out", str(tmp_path / "o")],
    )
    command.main()
    *printed, last = capsys.readouterr().out.splitlines()
    written = json.loads((tmp_path / "o").read_text(encoding="utf-8"))
    assert written["cases"] == [json.loads(line) for line in printed]
    assert [case["covered"] for case in written["cases"]] == [True, False]
    assert (written["group_size"], written["optimiser"], written["prompts_per_update"]) == (16, "adam", 8)
    assert last == "1 of 2 bands hold the true lead; 0 logs were not replayed"


def test_a_log_that_is_not_replayed_has_no_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "LOGGED", 2)
    case = coverage.one_case(1, 8, tmp_path)
    assert "fewer than 200" in case.abstained
    assert case.covered is None
