"""The report's words and tables; every number comes from the summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.phases.recipe import CONTROLS, MAIN, VARIANTS
from experiments.phases.summary import CRITERIA, EARLIER_STEPS
from experiments.report import escape, origin, page, paragraph, picture, table

ROMAN = {1: "I", 2: "II", 3: "III"}
WORDS = {
    "first": "first step",
    "cross_ratio": "χ",
    "own": "U_own (1e-4)",
    "certified": "U_cert (1e-4)",
    "realised": "U_real (1e-4)",
}

WORDS_IN_SHORT = paragraph(
    "<b>Words.</b> <i>J</i>: the mean pass rate. <i>Surplus</i> (U): how much more one step of GRPO, which divides by the "
    "deviation σ of a prompt's rewards, adds to J than one of REINFORCE, which does not. <i>χ</i>: 1 where prompts do not affect "
    "one another, near 0 where their updates cancel, above 1 where they help. <i>O</i>: how orthogonal their gradients are (1: wholly). "
    "<i>Phases</i>: I while χ is near 1, II as it falls, III when it is small."
)
MISSED = {
    "three": "lack a phase",
    "gain": "do not gain in I",
    "order": "do not fall from phase to phase",
    "loss": "stay above 0 in III or do not reach it",
}
"""What it means that a criterion is not met."""


def _interval(values: list[float] | None, unit: float = 1.0, digits: int = 2) -> str:
    if values is None:
        return "fewer than two seeds"
    mean, low, high = (value / unit for value in values)
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _phase_rows(entries: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    return [
        (
            ROMAN[e["phase"]], e["num_seeds"], f"{e['first_median']:g}", _interval(e["cross_ratio"]), _interval(e["std"], digits=3),
            _interval(e["own"], 1e-4), _interval(e["certified"], 1e-4), _interval(e["realised"], 1e-4),
            "" if e["lower"] is None else f"{e['lower'][0] / 1e-4:.2f} to {e['upper'][0] / 1e-4:.2f}",
        )
        for e in entries
    ]  # fmt: skip


HEADER = (
    "phase", "seeds", "from step (median)", "χ", "mean σ", "U_own (1e-4)", "U_cert (1e-4)", "U_real (1e-4)", "T3 allows (1e-4)",
)  # fmt: skip


def _recipe(summary: dict[str, Any], figures: Path) -> list[str]:
    entries = summary["recipe"]
    agree = [ROMAN[e["phase"]] for e in entries if e.get("agree")]
    gaps = [
        f"{ROMAN[e['phase']]} {_interval(e['gap'], 1e-4, 3)}"
        for e in entries
        if e["gap"] is not None and not e["gap"][1] <= 0 <= e["gap"][2]
    ]
    return [
        paragraph(
            "Prompts with one right arm each, drawn at random, share the parameters of a 16-dimensional space, so they interfere. "
            "Along a GRPO run, at every state, one GRPO step is compared with one REINFORCE step of twice the step size (equal where "
            "σ = ½). <i>Phase I</i> lasts until χ stays below .75, <i>II</i> until it stays below .25, <i>III</i> to the end. "
            "U_own predicts the surplus from the prompts' own terms, U_cert is the difference of the two steps' certified lower "
            "bounds (T3), U_real is what happened. Means over the phase, then over seeds, with 95% intervals over seeds; none of "
            "these seeds was used to choose the recipe:"
        ),
        table(HEADER, _phase_rows(entries)),
        paragraph(
            f"U_cert and U_real lie in each other's intervals in {'phase ' + ', '.join(agree) if agree else 'no phase'}. That "
            "is a statement about seeds; as a difference of two lower bounds, U_cert bounds nothing. What T3 proves is the last "
            f"column. {'The paired difference U_real − U_cert (1e-4) is off 0 in ' + '; '.join(gaps) + '.' if gaps else 'The paired difference U_real − U_cert is not off 0.'}"
        ),
        picture(figures / "phases.png", "χ and O, the surplus of one step, and J along the recipe's runs: medians over seeds, bands from "
                "10% to 90% of the seeds."),
        picture(figures / "surplus.png", "Left: the surplus by phase, 95% intervals over seeds. Right: what T3 proves about the "
                "realised surplus, and the realised surplus."),
        *_earlier(summary),
    ]  # fmt: skip


def _earlier(summary: dict[str, Any]) -> list[str]:
    if summary["run"]["config"]["num_steps"] != EARLIER_STEPS:
        return [paragraph(f"Runs of {EARLIER_STEPS} updates are also held against six earlier seeds.")]
    off = [f"{WORDS[e['quantity']]} in {ROMAN[e['phase']]}" for e in summary["against_earlier"] if not e["consistent"]]
    earlier = [
        (
            ROMAN[e["phase"]], WORDS[e["quantity"]],
            *(f"{e[k] / (1e-4 if '1e-4' in WORDS[e['quantity']] else 1):.3g}" for k in ("earlier", "mean", "limit")),
            "yes" if e["consistent"] else "no",
        )
        for e in summary["against_earlier"]
    ]  # fmt: skip
    return [
        paragraph(
            f"Against the means of six earlier seeds ({EARLIER_STEPS} updates), with the 95% limit for a difference of two means:"
        ),
        table(("phase", "quantity", "six earlier seeds", "here", "limit", "consistent"), earlier),
        paragraph(f"Not consistent: {escape(', '.join(off))}." if off else "All are consistent."),
    ]


def _checks(summary: dict[str, Any]) -> list[str]:
    c = summary["checks"]
    rows = [(claim, f"{count:,}") for claim, count in c["false_variants"].items()]
    return [
        paragraph(
            f"<b>T3 at every step of every run.</b> {c['num_checks']:,} checks over {c['num_steps']:,} steps, {c['num_violations']} "
            "violations: each prompt's gain under both steps, and the surplus inside lower(GRPO) − upper(REINFORCE) and "
            "upper(GRPO) − lower(REINFORCE). Claims that are wrong on purpose, and the steps at which they are refused:"
        ),
        table(("false claim", "steps"), rows),
        paragraph(
            f"On the mean over prompts errors cancel: at most {100 * c['largest_share']:.0f}% of the two remainders was used, and half of "
            "them is refused only where little cancels. A difference of two lower bounds is no bound, as the last line shows."
        ),
    ]


def _controls(summary: dict[str, Any], figures: Path) -> list[str]:
    verdicts = summary["verdicts"]
    rows = [(name, *row) for name in CONTROLS for row in _phase_rows(summary["controls"][name])]
    reached = {name: f"{verdicts[name]['reaches_third']} of {verdicts[name]['num_seeds']}" for name in CONTROLS}
    even, one = verdicts["equal pass rates"], verdicts["one right arm"]
    return [
        "<h3>Controls</h3>",
        table(("control", *HEADER), rows),
        paragraph(
            f"<b>Near-orthogonal</b> (random directions of R<sup>1024</sup>, nothing in common): {reached['near-orthogonal']} seeds "
            f"reach III. <b>Equal pass rates</b> (every prompt starts at the same σ, near ½): {reached['equal pass rates']} reach III, with "
            f"a surplus of at most 0 there in {even['loss']}; it falls from I to II to III in {even['order']}. III and its sign "
            f"{'do not need' if even['loss'] > even['num_seeds'] / 2 else 'seem to need'} a spread of σ at the start. <b>One right arm</b> "
            f"(the same for all, so that labels agree; prompts whose directions point apart still conflict): χ starts high, "
            f"{reached['one right arm']} reach III, with a surplus of at most 0 in {one['loss']}."
        ),
        picture(figures / "controls.png", "χ and the realised surplus in the recipe and in the controls: medians over seeds, bands from "
                "10% to 90%."),
    ]  # fmt: skip


def _configurations(summary: dict[str, Any], figures: Path) -> list[str]:
    verdicts = summary["verdicts"]
    names = (MAIN, *VARIANTS)
    rows = [
        (name, *(f"{verdicts[name][c]}/{verdicts[name]['num_seeds']}" for c in (*CRITERIA, "all", "realisable")))
        for name in names
    ]
    shares = [f"{verdicts[name]['all']}/{verdicts[name]['num_seeds']} ({escape(name)})" for name in VARIANTS]
    total = sum(verdicts[name]["num_seeds"] for name in VARIANTS)
    missed = [f"{total - sum(verdicts[name][c] for name in VARIANTS)} {words}" for c, words in MISSED.items()]
    failing = [
        f"{escape(name)}: " + "; ".join(f"seed {seed} ({', '.join(c)})" for seed, c in v["failing_seeds"].items())
        for name in names
        if (v := verdicts[name])["failing_seeds"]
    ]
    return [
        "<h3>Other configurations, and which seeds fail</h3>",
        paragraph(
            "Fixed before any of these seeds was run: a seed holds if its run has all three phases, the mean of U_real is above 0 in "
            "I, falls from I to II to III, and is at most 0 in III. Each configuration is one change away from the recipe. "
            "J* = 1 counts the seeds in which one parameter makes every right arm the likeliest: there prompts compete for the same "
            "parameters along the way, but nothing has to be given up in the end."
        ),
        table(("configuration", "three phases", "above 0 in I", "falls", "at most 0 in III", "all four", "J* = 1"), rows),
        paragraph(
            f"The other configurations hold in {'; '.join(shares)} of the seeds. Of all {total} seeds, {'; '.join(missed)}."
        ),
        paragraph("Seeds that fail, and where. " + (". ".join(failing) + "." if failing else "None.")),
        picture(figures / "configurations.png", "Mean realised surplus of every seed in phases I and III; filled where the seed meets "
                "all four criteria."),
    ]  # fmt: skip


def _limits(summary: dict[str, Any], figures: Path) -> list[str]:
    f = summary["limits"]
    low, high = f["own_peak"]
    change, at_end = f["lead_change_in_third"], f["lead_at_end"]
    correlations = f["gain_std_correlation"]
    moved = (
        "does not change by a resolved amount"
        if change is None or change[1] <= 0 <= change[2]
        else "grows"
        if change[0] > 0
        else "shrinks"
    )
    grpo = f"{f['num_behind_at_end']} of the runs"
    return [
        "<h3>What this does not show</h3>",
        "<ul>"
        f"<li><b>A negative surplus is not a lost lead.</b> The surplus compares steps from GRPO's state; REINFORCE's own run is "
        f"elsewhere. At the end GRPO's J is ahead by {_interval(at_end, digits=3)}; from the first to the last step of III the mean "
        f"lead {moved}: {_interval(change, digits=3)}. Seed by seed it shrinks in {f['num_lead_shrinks_in_third']} of {f['num_third']}; GRPO ends "
        f"behind in {grpo}.</li>"
        f"<li><b>“High variance favours scaling” cannot be read literally.</b> The relative own gain R is "
        f"{f['relative_gain_lowest_std']:.1f} for the prompts of lowest σ and {f['relative_gain_highest_std']:.2f} for those of highest "
        f"σ{', falling all the way' if f['relative_gain_falls_with_std'] else ''}. Along the runs, the rank correlation of R and mean σ "
        f"is {min(correlations):.2f} to {max(correlations):.2f}.</li>"
        f"<li><b>A prompt's own surplus is greatest at middling σ:</b> measured between {low:.2f} and {high:.2f}; with two arms, at 3/8. "
        "It stays positive in III, where the realised surplus need not be: it does not see interference.</li>"
        "<li>The recipe was chosen because it shows phases, and the levels .75 and .25 are conventions. Gradients are exact; noise in "
        "sampled gradients pulls χ and O towards 1.</li></ul>",
        picture(figures / "limits.png", "Left: J of GRPO minus J of REINFORCE along their own runs, each seed grey. Middle: relative gain "
                "against mean σ along the run. Right: own surplus of a prompt by its σ."),
    ]  # fmt: skip


def section(summary: dict[str, Any], figures: Path) -> list[str]:
    """The phases as a section of a report: HTML blocks; `figures` is the folder of the PNGs."""
    return [
        "<h2>Three phases of training</h2>",
        *_recipe(summary, figures),
        *_checks(summary),
        *_controls(summary, figures),
        *_configurations(summary, figures),
        *_limits(summary, figures),
    ]


def report(summary: dict[str, Any], figures: Path) -> bytes:
    """The whole report.html."""
    bad, run, main = summary["num_violations"] > 0, summary["run"], summary["verdicts"][MAIN]
    verdict = (
        f'<div class="verdict{" bad" if bad else ""}"><b>{main["all"]} of {main["num_seeds"]} seeds go through the three phases with '
        f"the surplus falling from positive to at most 0:</b> at first a step of GRPO gains more than one of REINFORCE from the same state, once prompts are in each other's way it does not. T3, the bound on what a step gains, was checked {summary['num_checks']:,} times: {summary['num_violations']} "
        f"violations.{' A proved bound is violated: this is a bug, or the proof is wrong.' if bad else ''}</div>"
    )
    return page(
        "GRPO against REINFORCE: three phases of training",
        [verdict, WORDS_IN_SHORT, *section(summary, figures), origin(run)],
    )
