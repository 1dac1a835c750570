import numpy as np
import pytest
from matplotlib import pyplot as plt

from experiments import plotting
from experiments.looks import looks
from experiments.phase_diagram import figures
from experiments.phase_diagram.summary import summarise
from tests.experiments.phase_diagram.made import T, made, planted, small

FULL = ("none", "group", "batch", "power(2)", "decoupled")
GAPS = {"none": 0.0, "group": 0.01, "batch": -0.01, "power(2)": 0.01, "decoupled": 0.1, "power(0.5)": 0.0}


def summary_of(rules, plant=None, drop=None, **axes):
    spec = small(rule=rules, **axes)
    rows = made(spec, plant or planted({rule: GAPS[rule] for rule in rules}))
    if drop is not None:
        rows = {name: values[~drop(rows)] for name, values in rows.items()}
    return summarise(rows, rules, T)


def texts(figure):
    return [text.get_text() for axis in figure.axes for text in axis.texts]


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def failing(setting, seed):
    return {"area": np.nan, "finite": False, "final": np.nan, "hitting_time_90": np.inf}


@pytest.mark.parametrize(
    ("rules", "axes", "plant", "drop"),
    [
        (("none", "group"), {}, None, None),  # one cell
        (("group",), {}, None, None),
        (("none", "power(0.5)"), {"spread": (0.0, 1.0)}, failing, None),
        (
            ("none", "group"),
            {"coherence": (0.0, 0.5), "group_size": (2, "exact"), "dimension": (0, 4)},
            None,
            lambda rows: (rows["coherence"] == 0.5) & (rows["group_size"] == "exact"),
        ),
        (
            ("group", "batch"),
            {"coherence": (0.0, 0.5)},
            None,
            lambda rows: (rows["rule"] == "batch") & (rows["coherence"] == 0),
        ),
    ],
    ids=("one cell", "one rule", "all failed", "missing cells", "missing rule, no baseline"),
)
def test_awkward_grids_are_drawn(tmp_path, rules, axes, plant, drop) -> None:
    summary = summary_of(rules, plant, drop, **axes)
    drawings = figures.drawings(summary)
    assert len(drawings) == 1 + len(figures.combinations(summary)) * (3 if "none" in rules else 1)
    for name, draw in drawings.items():
        plotting.save(draw, tmp_path, name)
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in (tmp_path / f"{name}.svg").read_bytes()


def test_the_winner_map_names_winners_ties_and_marks() -> None:
    def plant(setting, seed):
        gap = {0.0: GAPS, 0.5: GAPS | {"decoupled": 0.0}}[setting.coherence]
        marks = {"degenerate_design": setting.coherence == 0.0, "step_at_edge": setting.coherence == 0.5}
        return planted({rule: gap[rule] for rule in FULL})(setting, seed) | marks

    summary = summary_of(FULL, plant, coherence=(0.0, 0.5))
    figure = figures.winners(summary, figures.combinations(summary)[0])
    assert texts(figure) == ["D", "GP", "!"]
    assert len(figure.axes[0].lines) == 2  # × on the degenerate cell


def test_the_difference_map_shows_numbers_and_hatches_what_is_not_resolved() -> None:
    def plant(setting, seed):
        return {"area": 0.5 + (setting.rule == "group") * (0.02 if setting.coherence else 0.02 * (-1) ** seed)}

    summary = summary_of(("none", "group"), plant, coherence=(0.0, 0.5))
    figure = figures.differences(summary, figures.combinations(summary)[0])
    assert texts(figure) == ["0", "+.020"]
    assert [patch.get_hatch() for patch in figure.axes[0].patches if patch.get_fill()] == ["////", ""]
    wrong = summary_of(("none", "group"), lambda s, seed: {"area": 0.5 - 0.02 * (s.rule == "group")})
    assert texts(figures.differences(wrong, figures.combinations(wrong)[0])) == ["-.020"]


def test_the_map_of_times_shows_ratios_or_who_got_there() -> None:
    def plant(setting, seed):
        time = 4.0 if setting.rule == "group" else 16.0
        never = setting.coherence == 0.5 and (setting.rule == "none" or seed < 2)
        return {"area": 0.5, "hitting_time_90": np.inf if never else time}

    summary = summary_of(("none", "group"), plant, coherence=(0.0, 0.5))
    figure = figures.times(summary, figures.combinations(summary)[0])
    assert texts(figure) == ["0.25", "6 : 0"]
    assert [patch.get_hatch() for patch in figure.axes[0].patches if patch.get_fill()] == ["", ""]

    def mixed(setting, seed):  # faster on half of the seeds
        return {"area": 0.5, "hitting_time_90": 16.0 * 2 ** ((setting.rule == "group") * (-1) ** seed)}

    summary = summary_of(("none", "group"), mixed)
    figure = figures.times(summary, figures.combinations(summary)[0])
    assert texts(figure) == ["1"]
    assert [patch.get_hatch() for patch in figure.axes[0].patches if patch.get_fill()] == ["////"]


def test_faster_and_better_have_the_same_side_of_the_colours() -> None:
    better = summary_of(("none", "group"), lambda s, seed: {"area": 0.5 + 0.1 * (s.rule == "group")})
    faster = summary_of(
        ("none", "group"), lambda s, seed: {"area": 0.5, "hitting_time_90": 8.0 if s.rule == "group" else 16.0}
    )
    colours = [
        draw(summary, figures.combinations(summary)[0]).axes[0].patches[0].get_facecolor()
        for draw, summary in ((figures.differences, better), (figures.times, faster))
    ]
    assert colours[0] == pytest.approx(colours[1], abs=1e-12)
    assert colours[0][2] > colours[0][1]  # purple


def test_curves_show_the_telling_cells_once_each() -> None:
    def plant(setting, seed):
        gap = {0.0: 0.0, 0.3: -0.05, 0.6: 0.2}[setting.coherence]
        return {
            "area": 0.5 + gap * (setting.rule == "group"),
            "hitting_time_90": np.inf if setting.coherence == 0.3 else 9.0,
        }

    summary = summary_of(("none", "group"), plant, coherence=(0.0, 0.3, 0.6))
    shown = [(words, cell["axes"]["coherence"]) for words, cell in figures.telling(summary)]
    assert shown == [("largest gain of group", 0.6), ("largest loss of group", 0.3)]
    figure = figures.curves(summary)
    line = figure.axes[0].lines[1]
    assert line.get_xdata().tolist() == [0, 10, 20, 30, 40]
    assert line.get_ydata()[-1] == pytest.approx(0.8, abs=1e-12)


def test_rules_differ_in_colour_letter_and_hatch() -> None:
    found = list(looks([*FULL, "power(0.5)", "power(3)"]).values())
    for name in ("colour", "letter"):
        assert len({getattr(look, name) for look in found}) == len(found)
    assert len({look.hatch for look in found}) == len(found)
