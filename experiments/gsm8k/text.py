"""The validation's report: what was asked, the verdicts with their numbers, the pictures, and what they do not show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.gsm8k.plan import Plan
from experiments.gsm8k.predictions.verdict import CONFIRMED, OPEN, REFUTED, Prediction
from experiments.gsm8k.results import Results
from experiments.gsm8k.tables import FinalRate, Summary
from experiments.report import escape, page, picture, table

TITLE = "GRPO against REINFORCE on a small language model: GSM8K"


def count(found: Sequence[Prediction]) -> str:
    """How many verdicts there are of each kind, in words."""
    parts = [f"{sum(p.verdict == v for p in found)} {v}" for v in (CONFIRMED, REFUTED, OPEN)]
    return f"{len(found)} predictions: " + ", ".join(parts)


def verdicts(found: Sequence[Prediction], by: str) -> str:
    """The table of predictions; the verdict is a word, its colour only repeats it."""
    rows = []
    for p in found:
        kind = p.verdict if p.verdict in (CONFIRMED, REFUTED) else ""
        note = f"<br><small>Note: {escape(p.note)}</small>" if p.note else ""
        rows.append(
            f"<tr><td><b>{escape(p.name)}</b><br><small>{escape(p.claim)}</small></td>"
            f'<td class="{kind}"><b>{escape(p.verdict)}</b></td><td>{escape(p.evidence)}{note}</td>'
            f"<td><small>{escape(p.criterion)}</small></td></tr>"
        )
    head = f"<th>prediction</th><th>verdict</th><th>evidence (95% intervals over {by})</th><th>criterion</th>"
    return f'<table class="words"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def finals(final: Sequence[FinalRate]) -> list[list[object]]:
    """Where the runs of each leg and rule ended."""
    rows = []
    for mode in dict.fromkeys(row["mode"] for row in final):
        mine = [row for row in final if row["mode"] == mode]
        for rule in dict.fromkeys(row["rule"] for row in mine):
            runs = [row for row in mine if row["rule"] == rule]
            train, test = (np.array([row[name] for row in runs]) for name in ("train", "test"))
            rows.append(
                [
                    mode,
                    rule,
                    float(runs[0]["step_size"]),
                    ", ".join(f"{x:.3f}" for x in train),
                    float(train.mean()),
                    float(test.mean()),
                ]
            )
    return rows


def report(summary: Summary, found: Sequence[Prediction], results: Results, plan: Plan, figures: Path) -> bytes:
    """The whole page."""
    run, answer, equations = summary["run"], plan.answer, plan.equations
    notes = "".join(
        f"<li>{escape(mode)}: {escape(note)}</li>" for mode, lines in summary["notes"].items() for note in lines
    )
    quick = (
        '<p class="verdict bad">This is the quick preset: it shows that the chain runs. Its sizes decide nothing.</p>'
        if run["config"]["preset"] == "quick"
        else ""
    )
    body = [
        quick,
        f'<p class="verdict">{escape(count(found))}. Every verdict is computed from rows by the criterion beside it.</p>',
        "<p>A decoder-only transformer "
        f"of {summary['num_parameters']:,} parameters is fine-tuned on its training prompts until their mean pass rate "
        f"is {answer.target:g} (mode answer) or {equations.target:g} (mode equations), then trained by RL on the same "
        "prompts. With so few prompts this is memorisation: it is optimisation that is studied here, not reasoning, and "
        "test pass rates stand beside training ones. In mode <b>answer</b> the response is the final answer alone, so one "
        "string is right and every pass rate, gradient and curvature is exact. In mode <b>equations</b> groups of "
        f"{equations.group_size} responses are sampled, as trainers do.</p>",
        f"<ul>{notes}</ul>",
        "<h2>Predictions and verdicts</h2>",
        verdicts(found, results.by),
        "<h2>Curvature and σ</h2>",
        picture(
            figures / "curvature.png",
            "Every point is a prompt at one SFT state of one reported seed. Left: |κ| along the prompt's own gradient "
            "against σ, with slopes 1 and 2. Middle: |κ|/σ against p. Right: the sign of κ.",
        ),
        f"<p>Among prompts of one state away from p = ½, the exponent of |κ| in σ was {results.exponent.slope:.2f} ± "
        f"{results.exponent.error:.2f} on seeds that RL is not reported on ({results.exponent.points} prompt-states; the error counts prompts as independent), so "
        f"power({results.alpha:g}) is run as a rule.</p>",
        "<h2>Orthogonality and deviation over time</h2>",
        picture(
            figures / "indices.png",
            "χ compares GRPO's first-order gain with what it would be if prompts did not interact; dotted lines are the "
            "levels .75 and .25 that end phases I and II. R is GRPO's relative first-order gain from own terms.",
        ),
        "<h2>One step of each rule from the same state</h2>",
        picture(
            figures / "surplus.png",
            "Gain of one GRPO step less one REINFORCE step twice as long, exact: predicted from own terms, to first and "
            "to second order, and realised. Bands: range over seeds.",
        ),
        "<h2>Learning curves</h2>",
        picture(figures / "learning.png", "Mean over reported seeds; bands: their range. Steps as in the legends."),
        table(("mode", "rule", "step", "train, by seed", "train, mean", "test, mean"), finals(summary["final"])),
        picture(
            figures / "tuning.png",
            "Steps were tuned per rule on seeds that are not reported; a grid grows where its end is best.",
        ),
        "<h2>Finite groups</h2>",
        picture(
            figures / "cap.png",
            "The factor by which sampled groups rescale REINFORCE at the starting states, along each prompt's own exact "
            "gradient; dashed: the window of T13.",
        ),
        "<h2>What samples can resolve</h2>",
        picture(
            figures / "noise.png",
            f"Curvature from two halves of {plan.half_samples} responses a prompt (mode equations): points below the "
            "line are inside their noise.",
        ),
        "<h2>Limits</h2>",
        "<ul>"
        f"<li>{len(found)} predictions are judged at 95% each, without correction: about one may err by chance.</li>"
        f"<li>{plan.num_seeds} seeds of RL, {plan.num_sft_seeds} of SFT states: intervals are Student's t over seeds and wide.</li>"
        f"<li>{answer.num_prompts} and {equations.num_prompts} training prompts, chosen among those of at most "
        f"{answer.prompt_length} tokens: short questions.</li>"
        "<li>The transformer is not log-linear: T1's constant does not exist for it, and no step is certified.</li>"
        f"<li>RL by {escape(plan.optimiser)} on the mean over prompts; other optimisers may order the rules differently.</li>"
        "<li>κ is measured along gradients; other directions may scale otherwise.</li></ul>",
        f"<p>Run {escape(run['run_id'])}, commit {escape(run['commit'])}, {escape(run['device'])}, "
        f"{run['wall_time_s']:.0f} s of computing (parts inside or beside one another added up). Rows are in rows/, numbers in summary.json.</p>",
    ]
    return page(TITLE, [part for part in body if part])
