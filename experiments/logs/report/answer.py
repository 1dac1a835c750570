"""The report's first sentence: what was done to the update, as far as the log tells."""

from __future__ import annotations

from typing import Any

from experiments.logs.report.abstain import WIDEST
from experiments.logs.report.gains import direction
from experiments.logs.report.measure import LOGGED

DIVISOR = {
    "group": "divided each group's advantages by the group's own deviation",
    "none": "did not divide advantages by a deviation",
    "batch": "divided all advantages of a batch by the mean of its groups' deviations",
    "pooled": "divided all advantages of a batch by one deviation of the batch",
    "maxrl": "divided each group's advantages by the group's mean reward",
    "leave_one_out": "divided each advantage by the deviation of the group's other answers",
}
WHOLE = ("none", "batch", "pooled")
"""Rules that leave the groups of a batch in proportion."""


def percent(value: float, digits: int = 1) -> str:
    """A share in per cent.

    >>> percent(0.0676)
    '6.8%'
    """
    return f"{100 * value:.{digits}f}%"


def moved(row: dict[str, Any]) -> str:
    """The share that a rule moves, with its interval."""
    return f"{percent(row['moved'])} [{percent(row['moved_low'])}, {percent(row['moved_high'])}]"


def plain_answer(summary: dict[str, Any]) -> str:
    """What was done to the update, in plain text: the first sentence of the report."""
    return f"{_who(summary)} {_what(summary)}{_shaping(summary)}"


def _who(s: dict[str, Any]) -> str:
    if s["rule"] is not None:
        settings = "" if s["rule"] in ("none", "maxrl") else f": ddof {s['ddof']}, ε {s['epsilon']:g}"
        return f"Your trainer {DIVISOR[s['rule']]} (`{s['estimator']}`{settings})."
    if s["estimator"] == "gdpo":
        return "Your trainer normalised each reward function apart and then the batch (`gdpo`)."
    if s["estimator"] is not None:
        return "None of the known estimators explains all advantages in your log."
    return "Your log holds no advantages, so it cannot say whether your trainer divided by a deviation."


def _what(s: dict[str, Any]) -> str:
    if "moved_share" in s["abstained"]:
        return f"What dividing moves the log cannot say. {s['abstained']['moved_share']}"
    if s["rewards"] == "binary" and s["group_size"] <= 3:
        return (
            f"With {s['group_size']} answers per prompt and two reward values, dividing makes the gradient longer and "
            f"does nothing else: every live group is weighed alike, and the gradient is "
            f"{s['rules']['group']['step_l1']:.2f} times as long as without. {_cancelled(s['rules']['group'])}"
        )
    shown = s["rule"] or (LOGGED if s["estimator"] is not None and LOGGED in s["rules"] else "group")
    used = s["rule"] is not None or shown == LOGGED
    if shown in WHOLE:
        first = "" if shown == "none" else "That leaves the groups of a batch in proportion. "
        return (
            f"{first}Dividing by each group's own deviation (GRPO) would move {moved(s['rules']['group'])} of the "
            f"update {direction(s, 'group')}, and make the gradient {_longer(s, 'group', shown)}. "
            f"{_hardly(s['rules']['group'])}{_cancelled(s['rules']['group'], s['rules'][shown])}"
        )
    row = s["rules"][shown]
    verb = ("moves", "makes") if used else ("would move", "make")
    what = "That" if used else "Dividing by each group's own deviation (GRPO)"
    return (
        f"{what} {verb[0]} {moved(row)} of the update {direction(s, shown)}, and {verb[1]} the gradient "
        f"{_longer(s, shown, 'none')}. {_hardly(row)}{_cancelled(row)}"
    )


def _longer(s: dict[str, Any], rule: str, other: str) -> str:
    first, second = (f"{s['rules'][rule][key] / s['rules'][other][key]:.2f}" for key in ("step_l1", "step_l2"))
    than = "as without dividing" if other == "none" else "as it was"
    if first == second:
        return f"{first} times as long {than}"
    return (
        f"{first} times as long {than} if the prompts' gradients are parallel, {second} times if they are orthogonal "
        "(the log does not tell which)"
    )


def _hardly(row: dict[str, Any]) -> str:
    if row["moved_high"] >= 0.1:
        return ""
    return "More than nine tenths of the update stay where they are: what changes most is the gradient's size. "


def _cancelled(row: dict[str, Any], other: dict[str, Any] | None = None) -> str:
    """What a longer gradient is to the optimizer."""
    longer = row["step_l1"] > (1.0 if other is None else other["step_l1"])
    return (
        "Adam, or clipping of the gradient's norm where it bites, largely cancels that size; with SGD it acts as a "
        f"{'larger' if longer else 'smaller'} learning rate."
    )


def narrow(row: dict[str, Any]) -> bool:
    """Whether a dead share is known well enough to be shown at all: where it is not resolved, as an average alone."""
    return row["half_width"] <= WIDEST


def dead_sentence(s: dict[str, Any]) -> str:
    """How many groups are dead, and how many would be with more answers; "" where the log cannot say."""
    if s["dead_share"] is None:
        return ""
    G = s["group_size"]
    said = f"{percent(s['dead_share'])} of your groups of {G} are dead: all their answers have the same reward."
    if s["rewards"] != "binary":
        return said
    rows = {m: s["dead_share_at"].get(str(m)) for m in (2 * G, 4 * G)}
    known = [
        f"{percent(row['low'])} to {percent(row['high'])} with {m} answers"
        for m, row in rows.items()
        if row is not None and row["resolved"]
    ]
    if not known:
        return said
    return f"{said} It would be {', '.join(known)} (95% intervals)."


def _shaping(s: dict[str, Any]) -> str:
    if s["unanimous"] is None:
        return ""
    whose = "Of your update" if s["unanimous_of"] == LOGGED else "With group, of the update"
    return (
        f" {whose}, {percent(s['unanimous_share'])} goes into groups whose answers are all right or all wrong; "
        f"without dividing it is {percent(s['unanimous']['none']['value'])}."
    )
