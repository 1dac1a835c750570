"""Maps over coherence and pass rates, from the summary of a sweep; legible in grey, as each mark is also a letter.

Columns of a map are coherences, rows are regimes of pass rates, panels are group sizes; the other axes have a figure
for each of their combinations.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from experiments.looks import looks
from experiments.phase_diagram.axes import AXIS, place, show
from experiments.phase_diagram.cell import CELL_AXES, LEVELS, gap
from experiments.phase_diagram.summary import counted
from experiments.phase_diagram.tables import Cell, Entry, Summary

MAP_AXES = ("coherence", "pass_rate", "spread", "group_size")
OUTER_AXES = tuple(name for name in CELL_AXES if name not in MAP_AXES)
TIE, NOTHING = "#DDDDDD", "#FFFFFF"
DIVERGING = "PuOr"
"""Safe for the colour-blind; the numbers in the cells carry it in grey."""
MAX_MAPS = 24
"""Combinations of the other axes that are drawn; the interactive page has all of them."""
LEAST_DIFFERENCE, LEAST_LOG_RATIO = 0.02, 1.0
"""Full colours are for no less than these: of J, and a factor of 2."""
BADGE = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.9}


def combinations(summary: Summary) -> list[dict[str, Any]]:
    """The combinations of the axes outside the maps that have cells, in order."""
    there = {tuple(cell["axes"][name] for name in OUTER_AXES) for cell in summary["cells"]}
    every = itertools.product(*(summary["axes"][name] for name in OUTER_AXES))
    return [dict(zip(OUTER_AXES, values, strict=True)) for values in every if values in there]


def varying(summary: Summary, names: Sequence[str] = CELL_AXES) -> list[str]:
    """The axes with more than one value."""
    return [name for name in names if len(summary["axes"][name]) > 1]


class _Map:
    """The layout that all maps of a combination share."""

    def __init__(self, summary: Summary, outer: dict[str, Any]):
        axes = summary["axes"]
        self.columns = axes["coherence"]
        self.regimes = list(itertools.product(axes["pass_rate"], axes["spread"]))
        self.sizes = axes["group_size"]
        self.cells = {
            tuple(cell["axes"][name] for name in MAP_AXES): cell
            for cell in summary["cells"]
            if all(cell["axes"][name] == value for name, value in outer.items())
        }
        named = varying(summary, OUTER_AXES)
        self.title = place(outer, named) if named else ""
        self.width = float(np.clip(0.62 * len(self.columns), 1.6, 9))
        self.height = float(np.clip(0.42 * len(self.regimes), 1.0, 9))
        room = min(self.width / len(self.columns), self.height / len(self.regimes) / 0.55)
        self.font = float(np.clip(13 * room, 4, 9))

    def panels(self, rows: Sequence[str]) -> tuple[Figure, np.ndarray]:
        """A figure of len(rows) × group sizes panels, rows named at the left."""
        size = (1.6 + (self.width + 0.35) * len(self.sizes) + 1.1, 1.1 + (self.height + 0.55) * len(rows))
        figure, axes = plt.subplots(len(rows), len(self.sizes), figsize=size, squeeze=False)
        for (i, name), (j, G) in itertools.product(enumerate(rows), enumerate(self.sizes)):
            axis = axes[i, j]
            axis.grid(False)
            axis.set(xlim=(-0.5, len(self.columns) - 0.5), ylim=(-0.5, len(self.regimes) - 0.5))
            axis.set_xticks(range(len(self.columns)), [show(c) for c in self.columns], fontsize=8)
            words = [f"p {show(p)}, spread {show(s)}" for p, s in self.regimes] if j == 0 else []
            axis.set_yticks(range(len(self.regimes)) if j == 0 else [], words, fontsize=8)
            if i == 0:
                axis.set_title(f"G = {G}", fontsize=10)
            if i == len(rows) - 1:
                axis.set_xlabel(AXIS["coherence"], fontsize=9)
            if j == 0 and name:
                axis.set_ylabel(name, fontsize=9)
        return figure, axes

    def fill(self, axis: Axes, G: Any, draw: Callable[[Axes, int, int, Cell | None], None]) -> None:
        """Draw each cell of a panel, and mark the degenerate ones."""
        for (x, coherence), (y, regime) in itertools.product(enumerate(self.columns), enumerate(self.regimes)):
            cell = self.cells.get((coherence, *regime, G))
            draw(axis, x, y, cell)
            if cell is not None and cell["degenerate"] is not None:
                for ends in ((y - 0.5, y + 0.5), (y + 0.5, y - 0.5)):
                    axis.plot((x - 0.5, x + 0.5), ends, color="black", lw=0.8)


def _square(axis: Axes, x: int, y: int, colour: Any, hatch: str = "", edge: str = "white") -> None:
    axis.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, hatch=hatch, edgecolor=edge, linewidth=0))
    axis.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor="white", linewidth=1.5))


def winners(summary: Summary, outer: dict[str, Any]) -> Figure:
    """Who wins each cell: its colour, hatch and letter; of a tie, the letters of the rules that are not worse."""
    chart, look = _Map(summary, outer), looks(summary["rules"])

    def draw(axis: Axes, x: int, y: int, cell: Cell | None) -> None:
        if cell is None or cell["outcome"] in ("incomplete", "no finite rule", "no contest"):
            _square(axis, x, y, NOTHING)
            axis.text(x, y, "" if cell is None else "?", ha="center", va="center", fontsize=chart.font)
            return
        letters = "".join(look[rule].letter for rule in summary["rules"] if rule in cell["best"])
        if cell["winner"] is None:
            _square(axis, x, y, TIE)
            every = len(cell["best"]) == len(summary["rules"])
            axis.text(x, y, "all" if every else letters, ha="center", va="center", fontsize=chart.font * 0.85)
        else:
            _square(axis, x, y, look[cell["winner"]].colour, look[cell["winner"]].hatch)
            axis.text(x, y, letters, ha="center", va="center", fontsize=chart.font, weight="bold", bbox=BADGE)
        if cell["at_edge"]:
            axis.text(x + 0.46, y + 0.3, "!", ha="right", va="center", fontsize=chart.font * 0.8, bbox=BADGE)

    figure, axes = chart.panels([""])
    for axis, G in zip(axes[0], chart.sizes, strict=True):
        chart.fill(axis, G, draw)
    handles = [
        Patch(facecolor=each.colour, hatch=each.hatch, edgecolor="white", label=f"{each.letter}: {each.name}")
        for each in look.values()
    ]
    handles += [
        Patch(facecolor=TIE, label="tie: letters of the rules not worse than the best"),
        Line2D([], [], ls="", marker="x", color="black", label="degenerate: no headline"),
        Line2D([], [], ls="", marker="$!$", color="black", label="a rule's step is at the end of its grid"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8)
    if chart.title:
        figure.suptitle(chart.title, fontsize=10)
    return figure


def _ratio_map(
    summary: Summary,
    outer: dict[str, Any],
    value: Callable[[Entry], tuple[float, bool] | None],
    words: Callable[[float], str],
    missing: Callable[[Cell, str], str],
    sign: int,
    least: float,
    label: str,
    note: str,
) -> Figure:
    """One row of panels for each rule: value(entry) is (number, whether it is resolved) or None, then `missing` speaks.

    Purple is good for the rule: high numbers (sign 1) or low ones (−1).
    """
    chart, look = _Map(summary, outer), looks(summary["rules"])
    rules = [rule for rule in summary["rules"] if rule != "none"]
    colours: Colormap = mpl.colormaps[DIVERGING if sign > 0 else f"{DIVERGING}_r"]
    norms = _norms(summary, value, least)
    figure, axes = chart.panels([f"{look[rule].letter}: {rule}" for rule in rules])
    for row, rule in zip(axes, rules, strict=True):

        def draw(axis: Axes, x: int, y: int, cell: Cell | None, rule: str = rule) -> None:
            found = None if cell is None or rule not in cell["rules"] else value(cell["rules"][rule])
            if found is None:
                _square(axis, x, y, NOTHING)
                text = "" if cell is None or rule not in cell["rules"] else missing(cell, rule)
                axis.text(x, y, text, ha="center", va="center", fontsize=chart.font * 0.8, color="#444444")
                return
            number, resolved = found
            _square(axis, x, y, colours(norms[rule](number)), "" if resolved else "////", "#555555")
            axis.text(x, y, words(number), ha="center", va="center", fontsize=chart.font * 0.8, bbox=BADGE)

        for axis, G in zip(row, chart.sizes, strict=True):
            chart.fill(axis, G, draw)
        bar = figure.colorbar(ScalarMappable(norms[rule], colours), ax=row.tolist(), fraction=0.05, pad=0.02)
        bar.ax.tick_params(labelsize=7)
        bar.ax.grid(False)
    handles = [
        Patch(facecolor="white", hatch="////", edgecolor="#555555", label="no difference (95% interval)"),
        Line2D([], [], ls="", marker="x", color="black", label="degenerate: no headline"),
        *([Line2D([], [], ls="", label=note)] if note else []),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8)
    figure.suptitle(f"{label}{': ' if chart.title else ''}{chart.title}", fontsize=10)
    return figure


def _norm(numbers: Sequence[float], least: float) -> Normalize:
    """White at 0, with a reach of at least `least`, so that no small number looks large."""
    reach = max([least, *(abs(number) for number in numbers)])
    return TwoSlopeNorm(0, -reach, reach)


def _signed(number: float) -> str:
    text = f"{number:+.3f}".replace("0.", ".", 1)
    return "0" if abs(number) < 5e-4 else text


def _difference(entry: Entry) -> tuple[float, bool] | None:
    return None if entry["difference"] is None else (entry["difference"][0], entry["verdict"] in ("better", "worse"))


def _time(entry: Entry) -> tuple[float, bool] | None:
    """log2 of the ratio of the times to the last level."""
    ratio = (entry["ratio"] or {}).get(str(LEVELS[-1]))
    if ratio is None or ratio["median"] is None or ratio["low"] is None or ratio["high"] is None:
        return None
    return float(np.log2(ratio["median"])), not ratio["low"] <= 1 <= ratio["high"]


def _norms(summary: Summary, value: Callable[[Entry], tuple[float, bool] | None], least: float) -> dict[str, Normalize]:
    """A scale for each rule, the same in all figures, from the cells that are not degenerate."""
    found = {}
    for rule in summary["rules"]:
        entries = [value(cell["rules"][rule]) for cell in counted(summary["cells"])]
        found[rule] = _norm([entry[0] for entry in entries if entry is not None], least)
    return found


def differences(summary: Summary, outer: dict[str, Any]) -> Figure:
    """Area of each rule minus that of none, by cell; hatched where the paired interval contains 0."""
    label = "mean J over the run minus REINFORCE's"
    return _ratio_map(summary, outer, _difference, _signed, lambda cell, rule: "–", 1, LEAST_DIFFERENCE, label, "")


def times(summary: Summary, outer: dict[str, Any]) -> Figure:
    """Hitting time of 90% over that of none (below 1 the rule is faster); where too many failed, how many did not."""

    def missing(cell: Cell, rule: str) -> str:
        if "none" not in cell["rules"]:
            return "–"
        mine, none = (cell["num_seeds"] - cell["rules"][each]["missed_90"] for each in (rule, "none"))
        return f"{mine} : {none}"

    label = f"steps to {LEVELS[-1]}% of best known J ÷ REINFORCE's (colours: log2)"
    note = f"a : b, no ratio: seeds that reached it, of {summary['cells'][0]['num_seeds']}: rule : none"
    return _ratio_map(
        summary, outer, _time, lambda number: f"{2**number:.2g}", missing, -1, LEAST_LOG_RATIO, label, note
    )


def telling(summary: Summary) -> list[tuple[str, Cell]]:
    """At most four cells to show in full: GRPO's largest gain and loss, the clearest winner, the most failures."""
    kept = counted(summary["cells"]) or summary["cells"]
    found: list[tuple[str, Cell]] = []

    def lead(cell: Cell) -> float:
        areas = sorted((e["area"][0] for e in cell["rules"].values() if e["area"] is not None), reverse=True)
        return areas[0] - areas[1] if len(areas) > 1 else 0.0

    for sign, words in ((1, "largest gain of group"), (-1, "largest loss of group")):
        wanted = "better" if sign > 0 else "worse"
        some = [c for c in kept if "group" in c["rules"] and c["rules"]["group"]["verdict"] == wanted]
        if some:
            found.append((words, max(some, key=lambda c: sign * gap(c, "group"))))
    won = [cell for cell in kept if cell["winner"] is not None]
    if won:
        found.append(("clearest winner", max(won, key=lead)))
    missed = max(kept, key=lambda c: sum(e["missed_90"] for e in c["rules"].values()))
    found.append(("most runs short of 90%", missed))
    distinct = {id(cell): (words, cell) for words, cell in reversed(found)}
    return [distinct[id(cell)] for words, cell in found if distinct[id(cell)][0] == words]


def curves(summary: Summary) -> Figure:
    """J along the runs of the telling cells: means over seeds with 95% intervals; thin, of held-out prompts."""
    shown, look = telling(summary), looks(summary["rules"])
    figure, axes = plt.subplots(1, len(shown), figsize=(3.7 * len(shown) + 0.6, 4.0), squeeze=False)
    names = varying(summary)
    for axis, (words, cell) in zip(axes[0], shown, strict=True):
        for k, (rule, entry) in enumerate(cell["rules"].items()):
            if entry["curve"] is None:
                continue
            mean, low, high = (np.array(part) for part in entry["curve"])
            style = {"color": look[rule].colour, "ls": look[rule].dash, "marker": look[rule].marker}
            axis.plot(summary["times"], mean, **style, ms=4, markevery=(k, 4))
            axis.fill_between(summary["times"], low, high, color=look[rule].colour, alpha=0.15, lw=0)
            if entry["held_out"] is not None:
                unseen = entry["held_out"]["curve"][0]
                axis.plot(summary["times"], unseen, color=look[rule].colour, ls=look[rule].dash, lw=0.8)
        half = -(-len(names) // 2)
        lines = [place(cell["axes"], part) for part in (names[:half], names[half:]) if part]
        axis.set_title("\n".join([words, *lines]), fontsize=7.5)
        axis.set(xlabel="step")
    axes[0, 0].set_ylabel("mean J over prompts")
    styles = [{"color": look[rule].colour, "ls": look[rule].dash, "marker": look[rule].marker} for rule in look]
    handles = [
        Line2D([], [], **style, ms=4, label=each.name) for style, each in zip(styles, look.values(), strict=True)
    ]
    axes[0, 0].legend(handles=handles, fontsize=7)
    return figure


def drawings(summary: Summary) -> dict[str, Callable[[], Figure]]:
    """All figures by name, in the report's order; maps of the first MAX_MAPS combinations are numbered from 1."""
    found: dict[str, Callable[[], Figure]] = {"curves": lambda: curves(summary)}
    paired = "none" in summary["rules"] and len(summary["rules"]) > 1
    for i, outer in enumerate(combinations(summary)[:MAX_MAPS], 1):
        found[f"winners-{i}"] = lambda outer=outer: winners(summary, outer)
        if paired:
            found[f"differences-{i}"] = lambda outer=outer: differences(summary, outer)
            found[f"times-{i}"] = lambda outer=outer: times(summary, outer)
    return found
