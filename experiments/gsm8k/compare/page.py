"""The report of a comparison: the answer in a sentence, its numbers, the pictures, and what it does not show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.gsm8k.compare.tables import Lead, Summary
from experiments.gsm8k.tables import Change
from experiments.gsm8k.text_sets import in_words, trained
from experiments.report import escape, origin, page, picture, table

TITLE = "To divide or not: rules compared on a pretrained language model, as trainers train it"
DIVIDES = {
    "none": "does not divide a group's advantages",
    "group": "divides them by the standard deviation of the group's rewards",
    "batch": "divides them by one deviation for the whole batch",
}
OPTIMISER = {"sgd": "SGD", "momentum": "SGD with momentum", "adam": "Adam"}


def side(found: Change, where: str) -> str:
    """A lead in words; one whose interval holds 0 is none.

    >>> side({"mean": 0.02, "low": -0.01, "high": 0.05, "number": 5}, "training questions")
    'no difference resolved on training questions (+0.020 [-0.010, +0.050])'
    """
    if found["low"] > 0:
        return f"ahead on {where} by {in_words(found)}"
    if found["high"] < 0:
        return f"behind on {where} by {in_words(found)}"
    return f"no difference resolved on {where} ({in_words(found)})"


def rate(found: Change) -> str:
    """A mean pass rate with its interval.

    >>> rate({"mean": 0.125, "low": 0.1, "high": 0.15, "number": 3})
    '0.125 [0.100, 0.150]'
    """
    return f"{found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def rules_in_words(rules: Sequence[str]) -> str:
    """What each rule divides by.

    >>> rules_in_words(["none", "power(2)"])
    "“none” does not divide a group's advantages; “power(2)” divides them by a power of its deviation."
    """
    return (
        "; ".join(f"“{rule}” {DIVIDES.get(rule, 'divides them by a power of its deviation')}" for rule in rules) + "."
    )


def sentence(rule: str, first: str, lead: Lead) -> str:
    """One rule against the first."""
    parts = side(lead["train"], "training questions"), side(lead["test"], "held-out ones")
    return f"{rule} against {first} at the end, each at its own rate: {'; '.join(parts)}."


def sentences(summary: Summary) -> list[str]:
    """Every rule against the first, and which runs fell."""
    first = next(iter(summary["rules"]))
    found = [sentence(rule, first, lead) for rule, lead in summary["leads"].items()]
    fell = [f"{rule} {row['fell']}" for rule, row in summary["rules"].items() if row["fell"]]
    if fell:
        number = summary["start_train"]["number"]
        found.append(f"Of {number} runs a rule ended below where they began: {', '.join(fell)}.")
    return found


def rule_rows(summary: Summary) -> list[list[object]]:
    """By rule: its rate and where its runs ended."""
    return [
        [
            rule, row["step_size"], rate(row["train"]), rate(row["test"]), in_words(row["test_gain"]),
            in_words(row["test_figures_gain"]), row["fell"],
        ]
        for rule, row in summary["rules"].items()
    ]  # fmt: skip


def lead_rows(summary: Summary) -> list[list[object]]:
    """By rule but the first: its leads."""
    names = ("train", "train_over_run", "test", "test_figures")
    return [[rule, *(in_words(row[name]) for name in names)] for rule, row in summary["leads"].items()]


def report(summary: Summary, figures: Path) -> bytes:
    """The whole page."""
    config = summary["run"]["config"]
    notes: Sequence[str] = summary["notes"]
    first = next(iter(summary["rules"]))
    body = [
        "".join(f'<p class="verdict">{escape(line)}</p>' for line in sentences(summary)),
        f"<p>A pretrained model, of which {trained(config['train'])} are trained ({summary['num_parameters']:,} "
        f"numbers) with {OPTIMISER[config['optimiser']]}: {config['num_steps']} updates of "
        f"{config['prompts_per_step']} prompts with {config['group_size']} sampled responses each, right or wrong. "
        f"Rules: {escape(rules_in_words(config['rules']))} The model is asked for one calculator step of a "
        "published solution, with everything that stands before its result, so pass rates are exact: p is the "
        "probability of the right answer, and means are over prompts. Held-out prompts "
        f"come from questions that nothing was trained on. {config['num_sets']} disjoint sets of "
        f"{config['num_prompts']} training and {config['num_test']} held-out prompts are reported; "
        f"{config['num_tuning']} other sets chose each rule's learning rate. Before training p is "
        f"{rate(summary['start_train'])} on training and {rate(summary['start_test'])} on held-out prompts. Brackets: "
        "95% intervals over sets.</p>",
        "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>",
        table(
            (
                "rule",
                "rate",
                "training p",
                "held-out p",
                "held-out p, change",
                "held-out, figures alone, change",
                "runs that fell",
            ),
            rule_rows(summary),
        ),
        table(
            (f"less {first}", "training p", "training p, mean over the run", "held-out p", "held-out, figures alone"),
            lead_rows(summary),
        ),
        picture(
            figures / "compared.png",
            "Mean pass rates along the runs, a thin line a set and the mean over sets; right: each rule's lead at the "
            "end, a point a set, with the mean and its 95% interval. An interval that holds 0 resolves no difference.",
        ),
        picture(
            figures / "tuning.png",
            "How rates were chosen: the training prompts' pass rate at the end, mean over the tuning sets (ring: "
            "chosen). A grid grows where its end is best.",
        ),
        "<h2>What this does not show</h2>",
        "<p>One model, one task with right-or-wrong rewards and short responses, no clipping, no KL term, a constant "
        "rate. Rates are tuned on few sets with sampled groups: a rule may have been given one beside its best. "
        "Intervals are not corrected for their number.</p>",
        origin(summary["run"]),
    ]
    return page(TITLE, body)
