"""The report's words and tables, for a reader with ten minutes; every number comes from the summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.logs.advise.text import advice_html
from experiments.logs.report.abstain import DRIFT, FEWEST_LAWS, FEWEST_SHARES
from experiments.logs.report.answer import dead_sentence, moved, narrow, percent, plain_answer
from experiments.logs.report.rules import rules_section
from experiments.logs.report.summary import LARGEST_GROUP
from experiments.report import escape, origin, page, paragraph, picture, table


def _code(text: str) -> str:
    """Escaped, with what stands between grave accents as code."""
    parts = escape(text).split("`")
    return "".join(part if i % 2 == 0 else f"<code>{part}</code>" for i, part in enumerate(parts))


def _read(s: dict[str, Any], figures: Path) -> list[str]:
    k_known = s["histogram"] is not None
    rows = [
        ("files of", s["format"]),
        ("groups, how they were found", f"{s['num_groups']:,}, {s['grouped_by']}"),
        ("answers per group", s["group_size"]),
        ("different prompts", "not in the log" if s["num_prompts"] is None else f"{s['num_prompts']:,}"),
        ("groups that are not counted", f"{s['num_left_out']:,}"),
        ("live groups (answers with different rewards)", f"{s['num_live']:,}"),
        ("dead groups", "not said, see below" if s["dead_share"] is None else percent(s["dead_share"])),
        (
            "all right",
            "not said, see below" if not k_known or s["all_right_share"] is None else percent(s["all_right_share"]),
        ),
        ("rewards", "two values" if s["rewards"] == "binary" else "more than two values"),
    ]
    if s["reward_weights"]:
        weights = ", ".join(f"{name} {weight:g}" for name, weight in s["reward_weights"].items())
        rows.append(("weights of the reward functions", weights))
    if s["num_filtered"]:
        rows.append(("groups that the trainer had dropped, as you say", f"{s['num_filtered']:,}"))
    notes = [f"<li>{escape(note)}</li>" for note in s["notes"]]
    return [
        "<h2>What was read</h2>",
        table(("the log", "has"), rows),
        paragraph(_code(s["estimator_source"])),
        *(["<ul>", *notes, "</ul>"] if notes else []),
        *([_histogram(s, figures)] if k_known else []),
    ]


def _histogram(s: dict[str, Any], figures: Path) -> str:
    law = (
        "Right: the distribution of pass rates that makes these counts likeliest; many fit alike, and no interval comes from it."
        if s["law"]
        else ""
    )
    if s["law"] and "law" in s["abstained"]:
        law += " It is one of the average over a run that changed."
    if s["right_from"][-1] >= len(s["right_from"]):
        law += f" In groups of {s['group_size']:,} numbers of right answers are put together into classes."
    dead = (
        "No rule learns from dead ones."
        if s["rewards"] == "binary"
        else "Those that are all right or all wrong are not dead here: they learn what else is rewarded."
    )
    return picture(
        figures / "right_answers.png",
        f"Groups by right answers. {dead} {law}",
    )


def _sizes(s: dict[str, Any], figures: Path) -> list[str]:
    if not s["dead_share_at"]:
        return []
    rows = [_size_row(s, size, row) for size, row in s["dead_share_at"].items()]
    σ = s["mean_deviation"]
    mean = (
        f"The mean deviation √(p(1−p)) lies between {σ['low']:.3f} and {σ['high']:.3f}, likewise. "
        if σ and σ["resolved"]
        else ""
    )
    spread = (
        f"Pass rates differ between prompts by a standard deviation of {max(s['rate_variance'], 0) ** 0.5:.3f}; "
        f"{percent(s['reliability'], 0)} of the variance of k/G is the prompts', the rest is chance. "
        if s["reliability"] is not None
        else ""
    )
    average = any(_average(row) for row in s["dead_share_at"].values())
    grey = (
        " The run changed: grey intervals are of the average over all of it, and no forecast of what another size would give "
        "at its end."
        if average
        else ""
    )
    return [
        "<h2>Other group sizes</h2>",
        picture(figures / "dead_share.png", "Share of groups that would be all right or all wrong with other numbers of answers per prompt: 95% "
                f"intervals; sizes known within ±10 points only or worse are left out.{grey}"),
        *([] if str(2 * s["group_size"]) in s["dead_share_at"] else [paragraph(f"Sizes above the logged one are left out: groups of more than {LARGEST_GROUP} are large already.")]),
        table(("answers per prompt", "all right or all wrong", "95% interval", "bias, at most"), rows),
        paragraph(
            f"Up to the logged size the estimate has no bias. Beyond it there is no unbiased one, since {s['group_size']} answers cannot tell "
            "apart all laws of pass rates: the interval then counts in the worst bias over <i>all</i> laws, so that it covers whatever yours "
            f"is. {mean}{spread}All of it speaks of the policies of this log, not of what training with other groups would have made."
        ),
    ]  # fmt: skip


def _average(row: dict[str, Any]) -> bool:
    """Whether a dead share is shown as an average over a changing run, which foretells nothing."""
    return narrow(row) and not row["resolved"]


def _size_row(s: dict[str, Any], size: str, row: dict[str, Any]) -> tuple[object, ...]:
    """The logged size has its share in any case: it was counted."""
    logged = int(size) == s["group_size"]
    name = f"{size}, as logged" if logged else size
    ends = f"{percent(row['low'])} to {percent(row['high'])}" if narrow(row) else ""
    value = percent(row["value"]) if row["resolved"] or logged else "no forecast" if narrow(row) else "not said"
    return name, value, f"{ends}, averaged over a changing run" if _average(row) else ends, percent(row["bias"], 2)


def _windows(s: dict[str, Any], figures: Path) -> list[str]:
    if len(s["windows"]) < 2:
        return []
    step = s["run"]["config"].get("step_column") or "step"
    rows = [
        (
            str(i + 1) if w["first_step"] is None else f"{w['first_step']} to {w['last_step']}",
            f"{w['num_groups']:,}",
            f"{w['mean_reward']:.3f}",
            percent(w["dead_share"]),
            _few(w, FEWEST_SHARES) if w["moved"] is None else moved(w),
            _few(w, FEWEST_SHARES) if w["step_l1"] is None else f"{w['step_l1']:.2f}",
            _twice(s, w),
        )
        for i, w in enumerate(s["windows"])
    ]
    named = s["windows"][0]["first_step"] is not None
    order = (
        f"in the order of {step}, with equal numbers of groups: one {step} may be split between two of them"
        if named
        else "in the order of the files, since the log names no steps"
    )
    heads = (step if named else "stretch", "groups", "mean reward", "dead", "moved by group", "gradient under group, L1",
             f"all right or all wrong at G = {2 * s['group_size']}")  # fmt: skip
    return [
        "<h2>Along the run</h2>",
        picture(figures / "windows.png", f"The log stretch by stretch, {order}. --windows sets how many there are."),
        table(heads, rows),
    ]


def _few(window: dict[str, Any], needed: int) -> str:
    live = round(window["num_groups"] * (1 - window["dead_share"]))
    return f"not said: {live} live groups, {needed} are needed"


def _twice(s: dict[str, Any], window: dict[str, Any]) -> str:
    """The dead share at twice the logged size, or the one reason that it is not said."""
    row, p = window["dead_share_twice"], window["stationary_p"]
    if row is not None:
        if row["resolved"]:
            return f"{percent(row['low'])} to {percent(row['high'])}"
        return f"not said: known within ±{100 * row['half_width']:.0f} points only"
    if window["right"] is None:
        return "not said: right answers are not counted"
    if s["group_size"] > LARGEST_GROUP:
        return f"not said for groups of more than {LARGEST_GROUP}"
    if p is not None and p < DRIFT:
        return f"not said: its own halves differ (p = {p:.1g})"
    return _few(window, FEWEST_LAWS)


def _seeds(s: dict[str, Any]) -> list[str]:
    spreads = sorted({row["std"] for row in s["seeds"]})
    leads = sorted({row["lead"] for row in s["seeds"]})
    found = {(row["lead"], row["std"]): row["seeds"] for row in s["seeds"]}
    rows = [(_points(lead), *(f"{found[lead, std]:,}" for std in spreads)) for lead in leads]
    return [
        "<h2>Could you see a difference?</h2>",
        paragraph(
            "A general table, not computed from your log: how many runs per rule it takes to see a lead in accuracy four times out of "
            "five (a two-sided t test at 5%, so a few more than 2 · 7.85 s²/Δ²), where runs that differ in their seed alone have a "
            "standard deviation of s. The log of one run does not say what s is; --run-std does (0.02 is 2 points). Retune the step for "
            "each rule, or its length is what you compare."
        ),
        table(("true lead Δ", *(f"s = {_points(std)}" for std in spreads)), rows),
    ]


def _points(accuracy: float) -> str:
    return f"{100 * accuracy:g} point{'' if accuracy == 0.01 else 's'}"


WORDS = {
    "dead_share": "dead groups",
    "moved_share": "what rules move",
    "unanimous_share": "how much goes into groups that are all right or all wrong",
    "dead_share_at": "dead groups at other sizes",
    "mean_deviation": "the mean deviation",
    "law": "the distribution of pass rates",
    "all_right_share": "how many groups are all right",
    "stationary_p": "whether the run changed",
}
"""What entries of `abstained` are to a reader."""


def _silent(s: dict[str, Any]) -> list[str]:
    """Every thing that the log cannot say, as an item of a list."""
    by: dict[str, list[str]] = {}
    for name, why in s["abstained"].items():
        entry, _, size = name.partition(" ")
        by.setdefault(why, []).append(f"dead groups at {size} answers per prompt" if size else WORDS[entry])
    found = [("which estimator was used", _code(s["estimator_source"]))] if s["rule"] is None else []
    found += [(", ".join(names), escape(why)) for why, names in by.items()]
    found += [
        ("whether prompts' gradients help or hinder each other (χ, O)", "that needs gradients, not rewards."),
        ("which rule trains better", "shares say where an update comes from, not what it is worth."),
    ]
    return [f"<li><b>{what[0].upper()}{what[1:]}</b>: {why}</li>" for what, why in found]


def report(summary: dict[str, Any], figures: Path) -> bytes:
    """The whole report.html."""
    silent = _silent(summary)
    more = f" {len(silent)} things the log cannot say are listed at the end."
    dead = dead_sentence(summary)
    verdict = f'<div class="verdict"><b>{_code(plain_answer(summary))}</b> {dead}{more}</div>'
    advice = f'<h2>Should you divide?</h2><div class="verdict">{"".join(advice_html(summary["advice"]))}</div>'
    return page(
        "What normalisation did in this run",
        [
            advice,
            "<h2>What dividing does to this run's update</h2>",
            verdict,
            *_read(summary, figures),
            *rules_section(summary, figures),
            *_sizes(summary, figures),
            *_windows(summary, figures),
            *_seeds(summary),
            "<h2>What this log cannot say</h2>",
            "<ul>",
            *silent,
            "</ul>",
            origin(summary["run"], "groups.parquet"),
        ],
    )
