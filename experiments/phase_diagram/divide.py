"""The report's first words, whether to divide: every rule against REINFORCE on held-out and on training prompts."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.looks import looks
from experiments.phase_diagram.axes import AXIS, show
from experiments.phase_diagram.cell import axis_order
from experiments.phase_diagram.summary import counted
from experiments.phase_diagram.tables import Cell, Lead, Summary
from experiments.report import escape, paragraph, table
from experiments.statistics import crossed_interval

WORDS = ("better", "no difference", "worse")
WHERE = ("held-out", "training")


def leads(cells: list[Cell], rule: str, where: str) -> list[Lead]:
    """Of one rule over REINFORCE in each cell that has one."""
    found = []
    for cell in cells:
        entry = cell["rules"][rule]
        unseen = entry["held_out"]
        found.append(entry["lead"] if where == "training" else unseen["lead"] if unseen is not None else None)
    return [lead for lead in found if lead is not None]


def should_i_divide(summary: Summary) -> str:
    """Group against none over all cells that count, on the prompts that were not trained on first."""
    kept = counted(summary["cells"])
    said = []
    for where in WHERE:
        counts = tally(kept, "group", where) if "group" in summary["rules"] else None
        if counts is not None:
            found = leads(kept, "group", where)
            better, same, worse = (counts[word] for word in WORDS)
            said.append(
                f"On {where} prompts: better in {better:,}, worse in {worse:,}, no difference in {same:,} of "
                f"{len(found):,} cell{'' if len(found) == 1 else 's'}, {counts['mean_difference']:+.4f} of mean reward "
                f"over the run on average, {_size(found)}.{_by_size(kept, where)}"
            )
    return " ".join(["Should I divide?", *(said or ["No cell can tell."])])


def _size(found: list[Lead]) -> str:
    """The median lead in deviations of a seed, and the seeds that see it in half of the cells."""
    sizes = [abs(lead["deviations"]) for lead in found if lead["deviations"] is not None]
    if not sizes:
        return "seeds do not differ"
    seeds = float(np.median([np.inf if lead["seeds"] is None else lead["seeds"] for lead in found]))
    return (
        f"typically {np.median(sizes):.2g} of the spread from seed to seed, which {_count(seeds)} would show if seeds "
        "were not paired"
    )


def _count(seeds: float) -> str:
    return f"{int(seeds):,} seeds of each rule" if np.isfinite(seeds) else "no number of seeds"


def _by_size(kept: list[Cell], where: str) -> str:
    """The same by answers per prompt, since exact gradients are nobody's; nothing for one size."""
    sizes = sorted({cell["axes"]["group_size"] for cell in kept}, key=axis_order("group_size"))
    if len(sizes) < 2:
        return ""
    said = []
    for size in sizes:
        counts = tally([cell for cell in kept if cell["axes"]["group_size"] == size], "group", where)
        if counts is not None:
            name = "exact gradients (no sampling)" if size == "exact" else f"groups of {size}"
            said.append(f"{name} {counts['better']:,} / {counts['no difference']:,} / {counts['worse']:,}")
    return f" By answers per prompt, better / no difference / worse: {', '.join(said)}."


def rules_table(summary: Summary) -> list[str]:
    """Every rule against REINFORCE, and group by the values of each axis, on held-out prompts beside training."""
    kept, look = counted(summary["cells"]), looks(summary["rules"])
    rules = [rule for rule in summary["rules"] if rule != "none" and "none" in summary["rules"]]
    places = [where for where in WHERE if any(leads(kept, rule, where) for rule in rules)]
    if not places:
        return []
    header = ("", *(f"{name} ({where})" for where in places for name in ("better / same / worse", "mean difference")))
    rows = [(look[rule].name, *_numbers(kept, rule, places)) for rule in rules]
    blocks = [
        "<h2>Should I divide?</h2>",
        paragraph(
            "Every rule against REINFORCE (none), each with its own best step, by mean J over the run, paired by seed. "
            "Steps are tuned on training prompts. A deviation of a seed is that of one arm over seeds, each of which "
            "draws problem and luck anew; seeds an arm are those of a two-sided test at 5% that sees the lead four "
            "times of five."
        ),
        table(header, rows),
    ]
    if "group" in rules:
        axes = [(axis, value) for axis, values in summary["axes"].items() if len(values) > 1 for value in values]
        split = [
            (f"{AXIS[axis]} {show(value)}", *_numbers([c for c in kept if c["axes"][axis] == value], "group", places))
            for axis, value in axes
        ]
        blocks += [paragraph(f"{escape(look['group'].name)} by axis:"), table(header, split)] if split else []
    return blocks


def tally(cells: list[Cell], rule: str, where: str) -> dict[str, float] | None:
    """Cells where a rule is better than REINFORCE, not different and worse, and its mean lead; None without leads.

    The interval is over cells and over the seeds that they share (`crossed_interval`): the steps tuned for a cell are
    part of its luck.
    """
    found = leads(cells, rule, where)
    if not found:
        return None
    mean, low, high = crossed_interval(np.array([lead["by_seed"] for lead in found])).ends
    counts: dict[str, float] = {word: sum(lead["verdict"] == word for lead in found) for word in WORDS}
    return counts | {"mean_difference": mean, "low": low, "high": high}


def tallies(summary: Summary) -> dict[str, Any]:
    """Every rule, and group by the values of each axis, held-out and training: what pages show of a sweep."""
    kept = counted(summary["cells"])
    rules = {rule: {where: tally(kept, rule, where) for where in WHERE} for rule in summary["rules"] if rule != "none"}
    by_axis = {
        axis: {
            show(value): {
                where: tally([c for c in kept if c["axes"][axis] == value], "group", where) for where in WHERE
            }
            for value in values
        }
        for axis, values in summary["axes"].items()
        if len(values) > 1 and "group" in rules
    }
    return {"rules": rules, "by_axis": by_axis}


def _numbers(cells: list[Cell], rule: str, places: list[str]) -> list[Any]:
    found: list[Any] = []
    for where in places:
        here = tally(cells, rule, where)
        counts = " / ".join(str(here[word]) for word in WORDS) if here else "–"
        found += [counts, "{mean_difference:+.4f} [{low:+.4f}, {high:+.4f}]".format(**here) if here else "–"]
    return found
