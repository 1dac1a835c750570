"""The experiment end to end, once and short: phases appear, the control has none, T3 holds, the report is complete."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from experiments import store
from experiments.phases.config import Phases
from experiments.phases.recipe import CONFIGURATIONS, CONTROLS, MAIN, VARIANTS
from experiments.phases.run import phases, slug
from experiments.phases.text import section
from experiments.study import Study
from tests import golden

FIGURES = ("phases", "surplus", "configurations", "controls", "limits")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Phases:
    return Phases(out=tmp_path_factory.mktemp("phases") / "out", quick=True)


def study(config: Phases) -> Study:
    return Study(config.out, config.identity(), seed=config.seed)


@pytest.fixture(scope="module")
def out(config: Phases) -> Iterator[Path]:
    """A quick run; configurations of other shapes get the recipe's, each shape being a compilation of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("N = 96", "K = 4", "r = 24"):
            patch.setitem(CONFIGURATIONS, name, CONFIGURATIONS[MAIN])
        phases(config, study(config))
        yield config.out


@pytest.fixture(scope="module")
def summary(out: Path) -> dict:
    return json.loads((out / "summary.json").read_text(encoding="utf-8"))


def test_the_summary_is_what_it_was(summary: dict) -> None:
    # sums of float64 in another order, through six hundred updates of interfering prompts
    golden.check("phases", {k: v for k, v in summary.items() if k != "run"}, rel=1e-6)


def test_recipe_goes_through_three_phases_and_the_control_stays_in_the_first(summary: dict) -> None:
    main, control = summary["verdicts"][MAIN], summary["verdicts"]["near-orthogonal"]
    assert main["num_seeds"] == 4
    assert main["three"] >= 3
    assert control["reaches_third"] == 0
    assert [entry["phase"] for entry in summary["controls"]["near-orthogonal"]] == [1]
    first, _, third = summary["recipe"]
    assert first["realised"][1] > 0
    assert third["realised"][0] < first["realised"][1]
    assert third["own"][1] > 0  # which does not see interference
    assert all(entry["agree"] for entry in summary["recipe"])


def test_t3_holds_at_every_step_and_false_claims_do_not(summary: dict) -> None:
    assert summary["num_violations"] == 0
    assert summary["checks"]["num_steps"] == 600 * (4 + 2 * (len(CONTROLS) + len(VARIANTS)))
    assert summary["num_checks"] > 1e6
    false = summary["checks"]["false_variants"]
    assert false["T3 with half its remainder, some prompt"] > 0
    assert false["U_real is at least U_cert"] > 0
    assert 0 < summary["checks"]["largest_share"] < 1


def test_rows_carry_their_provenance_and_lie_inside_t3(out: Path) -> None:
    for name in CONFIGURATIONS:
        rows = store.read_rows(out / "rows" / f"{slug(name)}.steps.parquet")
        assert set(rows["configuration"]) == {name}
        assert json.loads(rows["config"][0])["command"] == "phases"
        assert ((rows["lower"] <= rows["realised"] + 1e-12) & (rows["realised"] <= rows["upper"] + 1e-12)).all()
        assert np.isfinite(rows["cross_ratio"]).all()


def test_a_finished_run_is_not_computed_again(
    out: Path, config: Phases, summary: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.plotting.save", lambda *_: None)  # drawn already
    when = {file: file.stat().st_mtime_ns for file in (out / "rows").iterdir()}
    assert len(when) == 4 * len(CONFIGURATIONS)
    assert phases(config, study(config))["verdicts"][MAIN]["all"] == summary["verdicts"][MAIN]["all"]
    assert {file: file.stat().st_mtime_ns for file in (out / "rows").iterdir()} == when


def test_figures_and_report_are_complete_and_need_no_network(out: Path, summary: dict) -> None:
    for name in FIGURES:
        assert (out / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in (out / "figures" / f"{name}.svg").read_bytes()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("<img ") == len(FIGURES)
    assert not re.search(r'(src|href)="(?!data:)', page)
    for words in ("Controls", "which seeds fail", "What this does not show", f"{summary['num_checks']:,} checks"):
        assert words in page
    assert all(block in page for block in section(summary, out / "figures"))


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"out": Path()}, "--out is empty or the current folder; allowed: a folder of its own"),
        ({"seed": -1}, "--seed is -1; allowed: an integer of at least 0"),
        ({"seed": 2**31}, "--seed is 2147483648; allowed: 0 to 2147483647"),
        ({"num_steps": 9}, "--num-steps is 9; allowed: an integer of at least 10"),
        ({"num_seeds": 2000}, "--num-seeds is 2000; allowed: 4 to 1024"),
        ({"num_seeds": 7}, "--num-seeds is 7; allowed: even numbers"),
    ],
)
def test_bad_input_is_named(changed: dict, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        Phases(**changed)
    assert Phases(quick=True).identity() == Phases(num_steps=600, num_seeds=4, out=Path("x")).identity()
