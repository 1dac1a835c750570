"""The report's first sentence: what was done to the update, as far as the log tells."""

from __future__ import annotations

from typing import Any

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
            f"With {s['group_size']} answers per prompt and two reward values, dividing is a longer step and nothing "
            f"else: every live group is weighed alike, and "
            f"the step is {s['rules']['group']['step_l1']:.2f} times as long as without."
        )
    shown = s["rule"] or (LOGGED if s["estimator"] is not None and LOGGED in s["rules"] else "group")
    used = s["rule"] is not None or shown == LOGGED
    if shown in WHOLE:
        first = "" if shown == "none" else "That leaves the groups of a batch in proportion. "
        return (
            f"{first}Dividing by each group's own deviation (GRPO) would move {moved(s['rules']['group'])} of the "
            f"update to other groups and make the step {_longer(s, 'group', shown)}.{_hardly(s['rules']['group'])}"
        )
    row = s["rules"][shown]
    verb = ("puts", "makes") if used else ("would put", "make")
    what = "That" if used else "Dividing by each group's own deviation (GRPO)"
    return (
        f"{what} {verb[0]} {moved(row)} of the update elsewhere than not dividing would, and {verb[1]} the step "
        f"{_longer(s, shown, 'none')}.{_hardly(row)}"
    )


def _longer(s: dict[str, Any], rule: str, other: str) -> str:
    first, second = (s["rules"][rule][key] / s["rules"][other][key] for key in ("step_l1", "step_l2"))
    low, high = sorted((first, second))
    between = f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
    return f"about {between} times as long"


def _hardly(row: dict[str, Any]) -> str:
    if row["moved_high"] >= 0.1:
        return ""
    return " More than nine tenths of the update stay where they are: what changes is above all the length of the step."


def _shaping(s: dict[str, Any]) -> str:
    if s["unanimous"] is None:
        return ""
    whose = "Of your update" if s["unanimous_of"] == LOGGED else "With group, of the update"
    return (
        f" {whose}, {percent(s['unanimous_share'])} goes into groups whose answers are all right or all wrong; "
        f"without dividing it is {percent(s['unanimous']['none']['value'])}."
    )
