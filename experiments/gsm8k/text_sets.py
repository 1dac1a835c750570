"""The report on a pretrained model: held-out questions first, then what the theory says of the way there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.gsm8k.predictions.verdict import Prediction
from experiments.gsm8k.results import Results
from experiments.gsm8k.set_plan import SetPlan
from experiments.gsm8k.tables import Change, Summary
from experiments.gsm8k.text import count, finals, verdicts
from experiments.report import escape, page, picture, table

TITLE = "GRPO against REINFORCE on a pretrained language model: held-out GSM8K questions"
TRAINED = {"all": "all parameters", "last": "the last {} layers", "lora": "low-rank corrections of rank {}"}


def in_words(found: Change) -> str:
    """A mean with its interval.

    >>> in_words({"mean": 0.125, "low": 0.1, "high": 0.15, "number": 3})
    '+0.125 [+0.100, +0.150]'
    """
    return f"{found['mean']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"


def held_out_rows(summary: Summary) -> list[list[object]]:
    """By rule, the changes of the mean pass rate of held-out prompts."""
    names = ("equal", "tuned", "figures", "against_none")
    return [[rule, *(in_words(row[name]) for name in names)] for rule, row in summary.get("held_out", {}).items()]


def headline(summary: Summary) -> str:
    """What happened to held-out prompts, in a sentence; a difference within its interval is called none."""
    held = summary.get("held_out", {})
    better = [rule for rule, row in held.items() if row["tuned"]["low"] > 0]
    ahead = [rule for rule, row in held.items() if rule != "none" and row["against_none"]["low"] > 0]
    behind = [rule for rule, row in held.items() if rule != "none" and row["against_none"]["high"] < 0]
    first = f"Held-out pass rates rose under {', '.join(better)}" if better else "No rule raised held-out pass rates"
    parts = [f"above none ended {', '.join(ahead)}" if ahead else "", f"below it {', '.join(behind)}" if behind else ""]
    rest = "; ".join(part for part in parts if part) or "no rule's end differs from none's by more than its interval"
    return f"{first}; with steps tuned on other sets, {rest}."


def trained(train: str) -> str:
    """What of the model is trained, in words.

    >>> trained("last:4")
    'the last 4 layers'
    """
    kind, _, number = train.partition(":")
    return TRAINED[kind].format(number)


def report(summary: Summary, found: Sequence[Prediction], results: Results, plan: SetPlan, figures: Path) -> bytes:
    """The whole page."""
    run, leg = summary["run"], plan.answer
    notes = "".join(f"<li>{escape(note)}</li>" for lines in summary["notes"].values() for note in lines)
    quick = (
        '<p class="verdict bad">This is the quick preset: it shows that the chain runs. Its sizes decide nothing.</p>'
        if run["config"]["preset"] == "quick"
        else ""
    )
    exponents = summary.get("curvature_exponent", {})
    ratios = [
        [rule, in_words(row["start"]), in_words(row["end"])] for rule, row in summary.get("cross_ratio", {}).items()
    ]
    body = [
        quick,
        f'<p class="verdict">{escape(headline(summary))} {escape(count(found))}.</p>',
        f"<p>A pretrained model, of which {trained(plan.train)} are trained ({summary['num_parameters']:,} numbers), is "
        "asked for one calculator step of a published solution, with everything that stands before its result. One "
        "string is right, so every pass rate, gradient and curvature is exact. Held-out prompts come from questions "
        f"that nothing was trained on. What is repeated is the set of questions: {plan.num_seeds} disjoint sets of "
        f"{leg.num_prompts} training and {leg.num_test} held-out prompts are reported, {leg.num_tuning} other sets "
        "chose each rule's step.</p>",
        f"<ul>{notes}</ul>",
        "<h2>Held-out questions</h2>",
        table(
            ("rule", "equal steps", "tuned steps", "tuned, figures alone", "tuned, less none"), held_out_rows(summary)
        ),
        picture(
            figures / "held_out.png",
            "Change of the mean pass rate of held-out prompts from the pretrained state to the end of each run: a point "
            "a set, and the mean with its 95% interval. Last panel: held-out against training prompts along runs.",
        ),
        "<p>Figures alone: the probability that the response begins with the right figures, whatever follows; the rest "
        "of a gain is that the annotation is closed as GSM8K closes it.</p>",
        "<h2>Learning curves</h2>",
        picture(figures / "learning.png", "Mean over reported sets; bands: their range. Steps as in the legends."),
        table(("leg", "rule", "step", "train, by set", "train, mean", "held-out, mean"), finals(summary["final"])),
        picture(
            figures / "tuning.png",
            "Steps were tuned per rule on sets that are not reported, by training prompts alone; a grid grows where its "
            "end is best.",
        ),
        "<h2>Predictions and verdicts</h2>",
        verdicts(found, results.by),
        "<h2>Do prompts help or hurt each other?</h2>",
        table(("rule", "χ at the pretrained state", "χ at the run's end"), ratios),
        picture(
            figures / "indices.png",
            "χ compares GRPO's first-order gain with what it would be if prompts did not interact; dotted lines are the "
            "levels .75 and .25 that end phases I and II. R is GRPO's relative first-order gain from own terms.",
        ),
        "<h2>Curvature and σ</h2>",
        picture(
            figures / "curvature.png",
            "Every point is a prompt at one state of one set. Left: |κ| along the prompt's own gradient against σ, with "
            "slopes 1 and 2. Middle: |κ|/σ against p. Right: the sign of κ.",
        ),
        table(
            ("region of p", "exponent of |κ| in σ, among prompts of one state"),
            [[name, in_words(value)] for name, value in exponents.items()],
        ),
        picture(
            figures / "law.png",
            "Curvature over what its slope predicts if log-odds are linear along the direction (T18), with no free "
            "parameter. Dotted: a factor of 2.",
        ),
        "<h2>One step of each rule from the same state</h2>",
        picture(
            figures / "surplus.png",
            "Gain of one GRPO step less one REINFORCE step twice as long, exact: predicted from own terms, to first and "
            "to second order, and realised. Bands: range over sets.",
        ),
        picture(figures / "cap.png", "Finite groups: the factor by which they rescale REINFORCE; dashed: T13's window.")
        if results.cap is not None
        else "",
        picture(figures / "noise.png", "Curvature from samples: points below the line are inside their noise.")
        if results.sampled is not None
        else "",
        "<h2>Limits</h2>",
        "<ul>"
        f"<li>{len(found)} predictions are judged at 95% each, without correction: about one in twenty may err.</li>"
        f"<li>{plan.num_seeds} sets: intervals are Student's t over sets, and wide.</li>"
        f"<li>Questions whose prompts have at most {leg.prompt_length} tokens; one step of each, and not its last words: "
        "this is one calculation at a time, not a chain of thought.</li>"
        "<li>The published solution up to the step stands in the prompt: no rollout is needed, and none is studied.</li>"
        "<li>The transformer is not log-linear: T1's constant does not exist for it, and no step is certified.</li>"
        f"<li>Steps were tuned by {escape(plan.optimiser)} on training prompts of {leg.num_tuning} sets.</li></ul>",
        f"<p>Run {escape(run['run_id'])}, commit {escape(run['commit'])}, {escape(run['device'])}, "
        f"{run['wall_time_s']:.0f} s of computing (parts inside or beside one another added up). Rows are in rows/, numbers in summary.json.</p>",
    ]
    return page(TITLE, [part for part in body if part])
