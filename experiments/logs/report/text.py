"""The report's words and tables, for a reader with ten minutes; every number comes from the summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.logs.report.answer import WHOLE, dead_sentence, direction, moved, percent, plain_answer
from experiments.logs.report.figures import rule_looks
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
        "Right: pass rates that make these counts likeliest; many laws fit alike, and no interval comes from it."
        if s["law"]
        else ""
    )
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


def _rules(s: dict[str, Any], figures: Path) -> list[str]:
    if not s["rules"]:
        return []
    blocks = ["<h2>What rules do to the update</h2>"]
    if s["share_by_right"]:
        blocks.append(
            picture(figures / "share_by_right.png", "Which groups the update comes from: the share of all groups with k right answers "
                    "in Σ|A|, under each rule.")
        )  # fmt: skip
    blocks += [
        picture(figures / "moved.png", "How much of the update each rule moves to other groups, next to not dividing; black: 95% "
                f"bootstrap intervals over {s['intervals_over']}. 0 is the same direction."),
        table(
            ("rule", "hard (k ≤ G/4)", "middle", "easy (k ≥ 3G/4)", "moved", "cosine", "heaviest/lightest", "effective groups",
             "step, L1", "step, L2"),
            [_row(rule, look.name, s["rules"][rule]) for rule, look in rule_looks(list(s["rules"])).items()],
        ),
        paragraph(
            "Shares are of Σ|A|. <b>Moved</b> is the share that a rule gives to other groups than not dividing would (total variation, with its "
            f"interval): dividing by the deviation takes it {direction(s, 'group')}. "
            "<b>Heaviest/lightest</b> is how many times more a live group weighs than another, next to none"
            + (f"; dividing by the deviation reaches at most {s['greatest_weight_ratio']:.2f} at G = {s['group_size']}. "
               if s["greatest_weight_ratio"] else ". ")
            + "<b>Step</b> is how long the update is next to none: L1 = Σc/Σc<sub>none</sub> where groups' gradients are parallel, L2 = "
            "√(Σc²/Σc²<sub>none</sub>) where they are orthogonal. Neither is <i>the</i> learning rate: the overlap of gradients is not in the "
            "log. Under Adam a common factor cancels, but not in clipping, ε and KL terms. Divisors of a batch are taken over the whole "
            "log here. "
            + ("" if s["rule"] is None else "Your rule is shown with its own settings, others with ddof 1 and ε = 0.")
        ),
    ]  # fmt: skip
    if s["unanimous"]:
        blocks += [
            "<h3>Groups that are all right or all wrong</h3>",
            picture(figures / "unanimous.png", "The share of the update in groups whose answers are all right or all wrong: there only what "
                    "else is rewarded (length, format) is learnt, and dividing makes it as large as the difference between right and wrong."),
        ]  # fmt: skip
    return blocks


def _row(rule: str, name: str, row: dict[str, Any]) -> tuple[object, ...]:
    shares = ("" if row[key] is None else percent(row[key], 0) for key in ("hard", "middle", "easy"))
    told = (
        "one divisor for all" if rule in WHOLE and rule != "none" else moved(row) if row["moved_high"] > 1e-9 else "0"
    )
    return (name, *shares, told, f"{row['cosine']:.3f}", f"{row['heaviest']:.2f}", f"{row['effective_groups']:,.0f}",
            f"{row['step_l1']:.2f}", f"{row['step_l2']:.2f}")  # fmt: skip


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
    return [
        "<h2>Other group sizes</h2>",
        picture(figures / "dead_share.png", "Share of groups that would be all right or all wrong with other numbers of answers per prompt: 95% "
                "intervals. Grey: not said."),
        *([] if str(2 * s["group_size"]) in s["dead_share_at"] else [paragraph("Larger groups than these are not said: they have no need of it.")]),
        table(("answers per prompt", "all right or all wrong", "95% interval", "worst bias"), rows),
        paragraph(
            f"Up to the logged size the estimate has no bias. Beyond it there is no unbiased one, since {s['group_size']} answers cannot tell "
            "apart all laws of pass rates: the interval then counts in the worst bias over <i>all</i> laws, so that it covers whatever yours "
            f"is. {mean}{spread}All of it speaks of the policies of this log, not of what training with other groups would have made."
        ),
    ]  # fmt: skip


def _size_row(s: dict[str, Any], size: str, row: dict[str, Any]) -> tuple[object, ...]:
    """The logged size has its share in any case: it was counted."""
    logged = int(size) == s["group_size"]
    name = f"{size}, as logged" if logged else size
    ends = f"{percent(row['low'])} to {percent(row['high'])}" if row["resolved"] else ""
    value = percent(row["value"]) if row["resolved"] or logged else "not said"
    return name, value, ends, percent(row["bias"], 2)


def _windows(s: dict[str, Any], figures: Path) -> list[str]:
    if len(s["windows"]) < 2:
        return []
    rows = [
        (
            str(i + 1) if w["first_step"] is None else f"{w['first_step']} to {w['last_step']}",
            f"{w['num_groups']:,}",
            f"{w['mean_reward']:.3f}",
            percent(w["dead_share"]),
            "not said" if w["moved"] is None else moved(w),
            "not said" if w["step_l1"] is None else f"{w['step_l1']:.2f}",
            _twice(w["dead_share_twice"]),
        )
        for i, w in enumerate(s["windows"])
    ]
    ordered = (
        ""
        if s["windows"][0]["first_step"] is not None
        else " The log names no steps: stretches follow the order of its files."
    )
    return [
        "<h2>Along the run</h2>",
        picture(figures / "windows.png", "The log stretch by stretch." + ordered),
        table(
            ("steps", "groups", "mean reward", "dead", "moved by group", "step of group, L1", f"all right or all wrong at G = {2 * s['group_size']}"), rows
        ),
        paragraph(
            "“Not said” is a stretch with too few live groups, or one whose own halves differ (--windows sets how many stretches there are)."
        ),
    ]  # fmt: skip


def _twice(row: dict[str, Any] | None) -> str:
    return "not said" if row is None or not row["resolved"] else f"{percent(row['low'])} to {percent(row['high'])}"


def _seeds(s: dict[str, Any]) -> list[str]:
    spreads = sorted({row["std"] for row in s["seeds"]})
    leads = sorted({row["lead"] for row in s["seeds"]})
    found = {(row["lead"], row["std"]): row["seeds"] for row in s["seeds"]}
    rows = [(_points(lead), *(f"{found[lead, std]:,}" for std in spreads)) for lead in leads]
    return [
        "<h2>Could you see a difference?</h2>",
        paragraph(
            "How many runs per rule it takes to see a lead in accuracy four times out of five (a two-sided t test at 5%, so a few more than 2 · 7.85 s²/Δ²), where runs that differ in "
            "their seed alone differ by s. The log of one run does not say what s is; --run-std does. Retune the step for each rule, or "
            "its length is what you compare."
        ),
        table(("true lead Δ", *(f"s = {_points(std)}" for std in spreads)), rows),
    ]


def _points(accuracy: float) -> str:
    return f"{100 * accuracy:g} point{'' if accuracy == 0.01 else 's'}"


def _silent(s: dict[str, Any]) -> list[str]:
    by: dict[str, list[str]] = {}
    for name, why in s["abstained"].items():
        by.setdefault(why, []).append(name)
    items = [f"<li><b>{escape(', '.join(names))}</b>: {escape(why)}</li>" for why, names in by.items()]
    return [
        "<h2>What this log cannot say</h2>",
        "<ul>",
        *items,
        "<li><b>Interference</b>: χ, O and the phases of training are functions of gradients. They are not in a log of rewards, whatever "
        "is done with it.</li>",
        "<li><b>Which rule trains better</b>: shares say where an update comes from, not what it is worth.</li>",
        "</ul>",
    ]


def report(summary: dict[str, Any], figures: Path) -> bytes:
    """The whole report.html."""
    silent = len(set(summary["abstained"].values()))
    more = (
        f" {silent} thing{'s' if silent > 1 else ''} the log cannot say, with the way out, at the end."
        if silent
        else ""
    )
    dead = dead_sentence(summary)
    verdict = f'<div class="verdict"><b>{_code(plain_answer(summary))}</b> {dead}{more}</div>'
    return page(
        "What normalisation did in this run",
        [
            verdict,
            *_read(summary, figures),
            *_rules(summary, figures),
            *_sizes(summary, figures),
            *_windows(summary, figures),
            *_seeds(summary),
            *_silent(summary),
            origin(summary["run"], "groups.parquet"),
        ],
    )
