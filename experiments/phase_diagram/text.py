"""The report's words and tables, for a reader who has not seen the sweep; every number comes from the summary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bandits.pass_rates import NEAREST
from experiments.looks import looks
from experiments.phase_diagram.axes import AXIS, HELP, place, show
from experiments.phase_diagram.cell import FEW_STEPS, LEVEL, gap
from experiments.phase_diagram.divide import WORDS, rules_table, should_i_divide
from experiments.phase_diagram.figures import MAX_MAPS, combinations, varying
from experiments.phase_diagram.summary import counted, tally
from experiments.phase_diagram.tables import Cell, Drawn, Summary, Tally
from experiments.report import escape, page, paragraph, picture, table

GRID = ("coherence", "spread", "group_size")
"""The axes by which the report says where a rule wins."""
MOST = 10
"""Lines of the tables of gains and losses; the rest is in cells.csv."""
WORTH = 0.01
"""Differences of mean J from here on are counted apart: smaller ones can be resolved and still matter to nobody."""


def _and(parts: Sequence[str]) -> str:
    """A list in words.

    >>> _and(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def _range(values: Sequence[float] | None, sign: bool = False) -> str:
    if values is None:
        return "–"
    mean, low, high = (f"{value:{'+' if sign else ''}.4f}" for value in values)
    return f"{mean} [{low}, {high}]"


def _cells(count: int) -> str:
    return f"{count:,} cell{'' if count == 1 else 's'}"


def _time(value: float) -> str:
    return "never" if value == float("inf") else f"{value:g}"


def against_none(summary: Summary, rule: str) -> str:
    """Where a rule beats REINFORCE and where it loses, in a few sentences."""
    found, look = summary["overall"]["against_none"][rule], looks(summary["rules"])
    n = found["cells"]
    if n == 0:
        return f"{look[rule].name}: no cells to compare."
    text = (
        f"{look[rule].name} against REINFORCE: better in {found['better']:,}, worse in {found['worse']:,}, no difference in "
        f"{found['no difference']:,} of {_cells(n)}"
    )
    text += f"; {_cells(found['not finite'])} with runs that were not finite." if found["not finite"] else "."
    names = varying(summary)
    for key, words in (("largest_gain", "Largest gain"), ("largest_loss", "Largest loss")):
        if found[key] is not None:
            edge = ", where a step is at the end of its grid" if found[key]["at_edge"] else ""
            where = f" (at {place(found[key]['axes'], names)}{edge})" if names else ""
            text += f" {words}: {_range(found[key]['difference'], True)}{where}."
    return text + _most(found, "better") + _most(found, "worse")


def _most(found: Tally, word: str) -> str:
    """Where a verdict is most frequent, on the axes that matter most and have several values."""
    if not found[word]:
        return ""
    said = []
    for axis in GRID:
        entries = [entry for entry in found["by_axis"].get(axis, []) if entry["cells"]]
        if len({entry[word] / entry["cells"] for entry in entries}) > 1:
            top = max(entries, key=lambda entry: entry[word] / entry["cells"])
            said.append(f"{AXIS[axis]} {show(top['value'])} ({top[word]} of {top['cells']})")
    return f" Most often {word} at {_and(said)}." if said else ""


def headline(summary: Summary) -> str:
    """Who wins how often, in one or two sentences."""
    total, look = summary["overall"], looks(summary["rules"])
    if total["num_counted"] == 0:
        return "No cell can be counted: all are unfinished or degenerate."
    if len(summary["rules"]) == 1:
        return (
            f"One rule was run, {look[summary['rules'][0]].name}, in {_cells(total['num_cells'])}: nothing to compare."
        )
    won = [f"{look[rule].name} in {count:,}" for rule, count in total["wins"].items() if count]
    none = [look[rule].name for rule, count in total["wins"].items() if not count]
    text = f"Of {_cells(total['num_counted'])}, {total['num_ties']:,} are ties"
    text += f"; won: {_and(won)}." if won else "; no rule wins one."
    if won and none:
        text += f" {_and(none)} {'wins' if len(none) == 1 else 'win'} none alone."
    return text


def _verdict(summary: Summary) -> str:
    group = paragraph(escape(against_none(summary, "group"))) if "group" in summary["overall"]["against_none"] else ""
    divide = f"<p><b>{escape(should_i_divide(summary))}</b></p>" if group else ""
    return f'<div class="verdict">{divide}<b>{escape(headline(summary))}</b>{group}</div>'


def _optimisers(summary: Summary, spec: dict[str, Any]) -> str:
    """What differs with optimisers other than none."""
    text = ""
    if "adam" in summary["axes"]["optimiser"]:
        steps = spec["adam_steps"]
        text += f" With Adam, steps are the best of {len(steps)} from {min(steps):g} to {max(steps):g}."
    if spec.get("clip_norm"):
        text += f" Directions longer than {spec['clip_norm']:g} are shortened to that before the optimiser has them."
    return text


def _measured(spec: dict[str, Any]) -> str:
    """Whose pass rates they are, and how they were made of counts."""
    found = spec.get("measured")
    if not found:
        return ""
    return (
        f" Pass rates at the start are quantiles of the law of {escape(found['source'])} ({found['num_prompts']:,} prompts): "
        f"{escape(found['method'])}; those within {NEAREST:g} of 0 or 1 are moved to there."
    )


def _what(summary: Summary, spec: dict[str, Any]) -> list[str]:
    lines = [
        (AXIS[name], ", ".join(show(value) for value in summary["axes"][name]), HELP.get(name, ""))
        for name in summary["axes"]
    ]
    total = summary["overall"]
    return [
        "<h2>What was run</h2>",
        paragraph(
            f"Sweep “{escape(spec['name'])}”: {_cells(total['num_cells'])}, each a setting of the axes below, with "
            f"{_and([escape(each.name) for each in looks(summary['rules']).values()])}. A run is {summary['num_steps']:,} updates; "
            f"{spec['seeds']} seeds are reported, on which all rules meet the same problems and the same luck of the groups. Where "
            f"steps are tuned, each rule and cell has the best of {len(spec['steps'])} steps from {min(spec['steps']):g} to "
            f"{max(spec['steps']):g} by mean J over the run on {spec['tuning_seeds']} other seeds. KL-limited updates are at most "
            f"{spec['kl_limit']:g} nats.{_optimisers(summary, spec)}{_measured(spec)}"
        ),
        f'<div class="words">{table(("axis", "values", ""), lines)}</div>',
        paragraph(
            "<b>Reading it.</b> <i>Mean J</i> is the mean reward over prompts and over the updates of the run. A rule is "
            f"<i>better</i> or <i>worse</i> than REINFORCE where the {100 * LEVEL:.0f}% interval of the difference, paired by seed, "
            "excludes 0; else there is <i>no difference</i>. It <i>wins</i> a cell if it is ahead of every other rule at a level "
            "corrected for all pairs of rules; else the cell is a tie of the rules that the best one is not ahead of. "
            "<i>The rules</i> divide a prompt's advantages by: nothing (REINFORCE), the deviation σ of its rewards (GRPO), one "
            "number for the batch (batch, pooled), σ to a power (power(2): the variance). <i>decoupled</i> undoes what prompts "
            "share, which needs their features: no trainer has it. <i>G exact</i>: infinitely many answers per prompt."
        ),
    ]  # fmt: skip


def _wins(summary: Summary) -> list[str]:
    total, look = summary["overall"], looks(summary["rules"])
    kept = counted(summary["cells"])
    rows = []
    for rule in summary["rules"]:
        against = total["against_none"].get(rule)
        large = [
            sum(cell["rules"][rule]["verdict"] == word and abs(gap(cell, rule)) >= WORTH for cell in kept)
            for word in ("better", "worse")
        ]
        rows.append((
            f"{look[rule].letter}: {look[rule].name}", total["wins"][rule], total["among_best"][rule],
            *(("", "", "", "", "") if against is None else (
                against["better"], against["no difference"], against["worse"],
                f"{large[0]} / {large[1]}", "–" if against["mean_difference"] is None else f"{against['mean_difference']:+.4f}",
            )),
        ))  # fmt: skip
    header = (
        "rule", "cells won", "among the best", "better than none", "no difference", "worse",
        f"better / worse by {WORTH:g} or more", "mean difference over cells",
    )  # fmt: skip
    n = total["num_counted"]
    chance = f"{(1 - LEVEL) / 2 * n:.1f}"
    others = [rule for rule in total["against_none"] if rule != "group"]
    return [
        "<h2>Who wins</h2>",
        table(header, rows),
        paragraph(
            f"Verdicts against none are not corrected for the number of cells: if no rule differed anywhere, about {chance} of the "
            f"{_cells(n)} would still be called better and about {chance} worse."
        ),
        *[paragraph(escape(against_none(summary, rule))) for rule in others],
        *_by_axis(summary),
    ]


def _by_axis(summary: Summary) -> list[str]:
    """Better / no difference / worse than REINFORCE by the values of each axis."""
    against, look = summary["overall"]["against_none"], looks(summary["rules"])
    first = next(iter(against.values()), {"by_axis": {}})
    rows = [
        (
            f"{AXIS[axis]} {show(entry['value'])}",
            entry["cells"],
            *(" / ".join(str(found["by_axis"][axis][i][word]) for word in WORDS) for found in against.values()),
        )
        for axis, entries in first["by_axis"].items()
        for i, entry in enumerate(entries)
    ]
    header = ("", "cells", *(look[rule].name for rule in against))
    return [paragraph(f"{' / '.join(WORDS)} than REINFORCE, by axis:"), table(header, rows)] if rows else []


def _where(summary: Summary) -> list[str]:
    """GRPO against REINFORCE by coherence, spread and group size."""
    if "group" not in summary["overall"]["against_none"]:
        return []
    kept = counted(summary["cells"])
    rows = []
    for coherence in summary["axes"]["coherence"]:
        for spread in summary["axes"]["spread"]:
            for size in summary["axes"]["group_size"]:
                some = [c for c in kept if [c["axes"][name] for name in GRID] == [coherence, spread, size]]
                if some:
                    count = tally(some, "group")
                    mean = "–" if count["mean_difference"] is None else f"{count['mean_difference']:+.4f}"
                    words = (show(coherence), show(spread), size, count["cells"])
                    rows.append((*words, count["better"], count["no difference"], count["worse"], mean))
    header = (*(AXIS[name] for name in GRID), "cells", "better", "no difference", "worse", "mean difference")
    return ["<h2>Where GRPO beats REINFORCE, and where it loses</h2>", table(header, rows)]


def _line(cell: Cell, rule: str, names: Sequence[str]) -> tuple[object, ...]:
    entry, none = cell["rules"][rule], cell["rules"]["none"]
    hit, base = entry["hitting"]["90"], none["hitting"]["90"]
    marks = ["degenerate"] if cell["degenerate"] else []
    marks += ["end of grid"] if {rule, "none"} & set(cell["at_edge"]) else []
    return (
        place(cell["axes"], names), _range(entry["area"]), _range(none["area"]), _range(entry["difference"], True),
        entry["verdict"], f"{_time(hit['median'])} ({hit['never']} never)", f"{_time(base['median'])} ({base['never']} never)",
        ", ".join(marks),
    )  # fmt: skip


def _extremes(summary: Summary) -> list[str]:
    """GRPO's largest gains and losses, resolved or not."""
    if "group" not in summary["overall"]["against_none"]:
        return []
    kept = [cell for cell in counted(summary["cells"]) if cell["rules"]["group"]["difference"] is not None]
    ordered = sorted(kept, key=lambda cell: -gap(cell, "group"))
    shown = ordered if len(ordered) <= 2 * MOST else [*ordered[:MOST], *ordered[-MOST:]]
    header = (
        "cell", "GRPO: mean J [95%]", "REINFORCE", "difference [95%]", "verdict", "GRPO: steps to 90%", "REINFORCE", "marks",
    )  # fmt: skip
    names = varying(summary)
    which = "" if shown is ordered else f": the {MOST} highest and the {MOST} lowest of {len(ordered):,}"
    return [
        f"<h3>GRPO − REINFORCE by cell{which}</h3>",
        table(header, [_line(cell, "group", names) for cell in shown]),
        paragraph("All cells and rules: cells.csv and summary.json."),
    ]


def _failures(summary: Summary) -> list[str]:
    total, look = summary["overall"], looks(summary["rules"])
    rows = [
        (
            look[rule].name, *(f"{f[name]:,} of {f['runs']:,}" for name in ("not_finite", "below_start", "missed_90")),
            f"{total['at_edge'][rule]:,}",
        )
        for rule, f in total["failures"].items()
    ]  # fmt: skip
    header = ("rule", "runs not finite", "ended below their start", f"not 90% of the way in {summary['num_steps']:,} steps",
              "cells with the step at the end of its grid")  # fmt: skip
    wrong = [cell["degenerate"] for cell in summary["cells"] if cell["degenerate"] is not None]
    kinds = {kind: wrong.count(kind) for kind in dict.fromkeys(wrong)}
    said = "; ".join(f"{escape(kind)}: {count:,}" for kind, count in kinds.items())
    return [
        "<h2>Failures, and cells that decide nothing</h2>",
        table(header, rows),
        paragraph(
            "A rule with a run that is not finite cannot win its cell. A step at the end of its grid might have been better "
            "beyond it; it is not marked where the KL limit shortened practically every update, as a larger step changes nothing there."
        ),
        paragraph(
            f"{_cells(len(wrong))} of {total['num_cells']:,} {'is' if len(wrong) == 1 else 'are'} degenerate and not counted above "
            f"(free steps with exact gradients and orthogonal or identical features, or every rule 90% of the way within "
            f"{FEW_STEPS} steps){f' — {said}' if said else ''}. Unfinished: {total['num_incomplete']:,}."
        ),
    ]  # fmt: skip


def _maps(summary: Summary, figures: Path, names: Sequence[str]) -> list[str]:
    every = combinations(summary)
    captions = {
        "winners": "Who wins, by coherence (columns), pass rates (rows) and group size (panels). × marks degenerate cells, ! cells "
        "where a rule's step is at the end of its grid.",
        "differences": "Mean J over the run minus REINFORCE's, purple where the rule is better; hatched where the paired interval "
        "contains 0. Each rule has its own scale, the same in all these figures.",
        "times": "Steps to 90% of the way to the best known J over REINFORCE's, purple where the rule is faster; hatched where the "
        "sign-test interval of the median ratio contains 1. Where too many runs never got there, a : b are the seeds that did.",
    }
    blocks = ["<h2>Maps</h2>", paragraph("To explore them, and to read every number: phase_diagram.html.")]
    if len(every) > MAX_MAPS:
        blocks.append(paragraph(f"The first {MAX_MAPS} of {len(every)} combinations of the other axes are drawn here."))
    outer = [name for name in every[0] if len(summary["axes"][name]) > 1]
    for i, combination in enumerate(every[:MAX_MAPS], 1):
        where = place(combination, outer)
        blocks += [f"<h3>{escape(where)}</h3>"] if where else []
        blocks += [
            picture(figures / f"{kind}-{i}.png", text) for kind, text in captions.items() if f"{kind}-{i}" in names
        ]
    caption = "J along the runs of telling cells: means over seeds, 95% intervals; thin, held-out prompts."
    return [*blocks, "<h2>Runs</h2>", picture(figures / "curves.png", caption)]


def _limits(summary: Summary, spec: dict[str, Any]) -> list[str]:
    passed = summary["overall"]["problems_passed"]
    return [
        "<h2>What this does not show</h2>",
        "<ul><li><b>Best known J is a lower bound on what can be reached</b>, unless every label can be right at once, where it "
        "is 1. Regret is then too small and “90% of the way” too easy, for all rules alike. In "
        f"{passed:,} {'problem' if passed == 1 else 'problems'} a run passed the value that was known before: regret counts from what it reached, "
        "hitting times are of the way to the earlier value.</li>"
        "<li><b>Steps are tuned on other seeds than are reported</b>, for mean J over the run; other aims (J at the end, fewest "
        "samples) may choose others.</li>"
        f"<li><b>Everything is within {summary['num_steps']:,} updates.</b> A rule that is behind there may be ahead later.</li>"
        f"<li><b>Intervals are over the {spec['seeds']} seeds of one cell</b>: draws of labels, orders and groups. They say nothing of "
        "other designs, sizes or policies. Counts of cells are no probabilities: cells share seeds, and the grid was chosen.</li>"
        "<li><b>“No difference” is not equality</b>: with more seeds smaller differences can be told.</li>"
        "<li>Censored times count as at least the length of the run. The median of ratios and its sign-test interval allow for every "
        "value that a censored pair may have; with fewer than 6 seeds that interval has no limits.</li></ul>",
    ]


def report(summary: Drawn, figures: Path, names: Sequence[str]) -> bytes:
    """The whole report.html; `figures` is the folder of the PNGs, `names` the figures in it."""
    run = summary["run"]
    spec = run["spec"]
    partial = (
        f'<div class="verdict bad"><b>Unfinished:</b> {run["num_chunks_read"]} of {run["num_chunks"]} chunks.</div>'
        if run["num_chunks_read"] < run["num_chunks"]
        else ""
    )
    origin = paragraph(
        f"Sweep {escape(run['run_id'])}, commit {escape(run['commit'])}, {escape(run['device'])}, versions "
        f"<code>{escape(run['versions'])}</code>, specification <code>{escape(spec)}</code>. Rows: parts/*.parquet; numbers: "
        "summary.json, cells.csv; figures: figures/*.png and *.svg."
    )
    body = [
        partial,
        _verdict(summary),
        *rules_table(summary),
        *_what(summary, spec),
        *_wins(summary),
        *_where(summary),
        *_extremes(summary),
        *_maps(summary, figures, names),
        *_failures(summary),
        *_limits(summary, spec),
        origin,
    ]
    return page(f"Which rule wins where: {spec['name']}", body)
