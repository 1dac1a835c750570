"""What `draw` writes from rows alone, and that nothing in it can be taken for markup."""

import csv
import json
import re

import numpy as np
import pytest

from experiments.phase_diagram import interactive
from experiments.phase_diagram.run import draw, with_axes
from experiments.sweep.grid import Grid
from experiments.sweep.measured import Measured
from experiments.sweep.spec import Spec
from tests import golden
from tests.experiments.phase_diagram.made import made, planted, small, write

NASTY = "</script><b>{{data}}&amp;'\""
RULES = ("none", "group", "decoupled")


def strict(text):
    def refuse(name):
        raise AssertionError(name)

    return json.loads(text, parse_constant=refuse)


def plant(setting, seed):
    """Group loses at coherence 0.5, where one of its runs fails and most never get there."""
    gaps = {"none": 0.0, "group": 0.05, "decoupled": 0.1}
    if setting.coherence == 0.5:
        gaps["group"] = -0.05
    given = planted(gaps)(setting, seed) | {"hitting_time_90": np.inf if setting.coherence == 0.5 else 20.0}
    return given | ({"finite": False, "area": np.nan} if setting.spread == 0.0 and setting.rule == "group" else {})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = small(rule=RULES, coherence=(0.0, 0.5), spread=(0.0, 1.0))
    spec = Spec(**{**vars(base), "name": NASTY})
    out = tmp_path_factory.mktemp("drawn") / "sweep"
    write(out, spec, made(spec, plant), chunks=2)
    draw(out)
    return out


def test_the_summary_is_what_it_was(folder) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    golden.check("phase_diagram", {k: v for k, v in summary.items() if k != "run"}, rel=1e-9)


def test_rows_of_older_code_have_the_axes_of_now_at_their_defaults() -> None:
    rows = made(small(rule=RULES, optimiser=("sgd", "adam")), plant)
    old = {name: column for name, column in rows.items() if name not in ("optimiser", "rule")} | {
        "rule": rows["rule"][:4]
    }
    assert with_axes(old)["optimiser"].tolist() == ["sgd"] * 4
    np.testing.assert_array_equal(with_axes(rows)["optimiser"], rows["optimiser"])


def test_adam_and_clipping_are_said(tmp_path) -> None:
    spec = small(rule=RULES, optimiser=("sgd", "adam"))
    spec = Spec(**{**vars(spec), "adam_steps": (0.25, 0.5), "clip_norm": 3.0})
    write(tmp_path, spec, made(spec, plant))
    assert draw(tmp_path)["axes"]["optimiser"] == ["sgd", "adam"]
    text = (tmp_path / "report.html").read_text()
    assert "With Adam, steps are the best of 2 from 0.25 to 0.5." in text
    assert "Directions longer than 3 are shortened" in text


def test_a_law_of_the_reader_s_own_is_said(tmp_path) -> None:
    measured = Measured("my <run>.csv", "the likeliest law of 7 prompts", 7, (0.0, 0.5), (0.25, 0.75))
    spec = Spec(**{**vars(small(rule=RULES)), "grid": Grid(rule=RULES, law="measured"), "measured": measured})
    write(tmp_path, spec, made(spec, plant))
    assert draw(tmp_path)["axes"]["law"] == ["measured"]
    text = (tmp_path / "report.html").read_text()
    assert (
        "quantiles of the law of my &lt;run&gt;.csv (7 prompts): the likeliest law of 7 prompts; those within 0.001"
        in text
    )


def test_everything_is_written_and_nothing_is_left_behind(folder) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "manifest.json", "parts", "figures", "cells.csv", "phase_diagram.html", "report.html", "summary.json",
    }  # fmt: skip
    drawn = {path.stem for path in (folder / "figures").iterdir()}
    assert drawn == {"curves", "winners-1", "differences-1", "times-1"}
    assert (folder / "report.html").read_text().count("<img ") == len(drawn)
    assert not list(folder.rglob(".*"))


def test_numbers_are_json_without_nan_and_agree_with_the_csv(folder) -> None:
    summary = strict((folder / "summary.json").read_text())
    with (folder / "cells.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 4 * len(RULES)
    for cell in summary["cells"]:
        for rule, entry in cell["rules"].items():
            (line,) = [
                each
                for each in lines
                if each["rule"] == rule and all(float(each[a]) == cell["axes"][a] for a in ("coherence", "spread"))
            ]
            assert line["verdict"] == entry["verdict"]
            assert line["area"] == ("" if entry["area"] is None else repr(entry["area"][0]))
            median = entry["hitting"]["90"]["median"]
            assert line["hitting_time_90"] == ("inf" if median is None else repr(median))
    assert summary["overall"]["failures"]["group"]["not_finite"] == 16


def test_no_name_can_close_an_element(folder) -> None:
    for name in ("report.html", "phase_diagram.html"):
        text = (folder / name).read_text()
        assert "<b>{{" not in text
        assert "&lt;/script&gt;&lt;b&gt;{{data}}&amp;amp;" in text
    page = (folder / "phase_diagram.html").read_text()
    assert page.count("</script>") == 2
    embedded = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
    assert strict(embedded)["name"] == NASTY


def test_pages_ask_no_network_for_anything(folder) -> None:
    page = (folder / "phase_diagram.html").read_text()
    assert not re.search(r"(src|href)\s*=", page)
    assert not re.search(r"@import|url\((?!#)", page)
    assert re.findall(r"https?://[^\"'\s]*", page) == ["http://www.w3.org/2000/svg"]  # a name, not an address
    assert not re.search(r'(src|href)="(?!data:)', (folder / "report.html").read_text())


def test_the_report_says_what_the_rows_say(folder) -> None:
    text = re.sub(r"<[^>]*>", " ", (folder / "report.html").read_text())
    assert "Of 4 cells, 0 are ties; won: decoupled in 4." in text
    assert (
        "GRPO (group) against REINFORCE: better in 1, worse in 1, no difference in 0 of 4 cells; 2 cells with runs"
        in text
    )
    assert "Largest gain: +0.0500" in text
    assert "Largest loss: -0.0500" in text
    assert re.search(r"GRPO \(group\) +16 of 32 +0 of 32 +24 of 32", text)  # 16 never and 8 that failed
    assert "about 0.1 of the 4 cells" in text


def test_an_unfinished_sweep_is_refused_or_drawn_as_such(tmp_path) -> None:
    spec = small(rule=("none", "group"))
    rows = made(spec, planted({"none": 0.0, "group": 0.3}))
    order = np.argsort(rows["rule"], kind="stable")  # group's rows first
    write(tmp_path / "sweep", spec, {name: values[order] for name, values in rows.items()}, chunks=2, missing=(1,))
    with pytest.raises(ValueError, match="holds 1 of 2 chunks"):
        draw(tmp_path / "sweep")
    assert not (tmp_path / "sweep" / "summary.json").exists()
    summary = draw(tmp_path / "sweep", partial=True)
    assert summary["cells"][0]["outcome"] == "incomplete"
    text = (tmp_path / "sweep" / "report.html").read_text()
    assert "1 of 2 chunks" in text
    assert "No cell can be counted" in text


def test_values_as_json_holds_them() -> None:
    found = interactive.plain({"a": [np.inf, float("nan"), (1.23456789,)], 1: True, "s": "x"}, 3)
    assert found == {"a": [None, None, [1.23]], "1": True, "s": "x"}
