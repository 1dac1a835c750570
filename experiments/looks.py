"""How rules are named and drawn everywhere: every rule has a colour, a dash, a marker, a hatch and a letter.

Colours are Okabe and Ito's; dash, marker and hatch tell rules apart in grey as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from curvature.rule import NAMES, REWEIGHING, Rule, parse


@dataclass(frozen=True)
class Look:
    """How a rule is shown."""

    name: str
    """In legends."""
    letter: str
    """In cells of maps."""
    colour: str
    dash: Any
    marker: str
    hatch: str


KNOWN = {
    "none": Look("REINFORCE (none)", "N", "#0072B2", "--", "o", ""),
    "group": Look("GRPO (group)", "G", "#D55E00", "-", "s", "///"),
    "batch": Look("batch", "B", "#009E73", "-.", "^", "..."),
    "pooled": Look("pooled", "O", "#56B4E9", (0, (3, 1, 1, 1)), "P", "|||"),
    "decoupled": Look("decoupled", "D", "#000000", (0, (5, 1)), "v", "---"),
    "maxrl": Look("MaxRL", "M", "#882255", (0, (4, 2)), "X", "//"),
    "leave_one_out": Look("deviation of the others (NeMo-RL)", "V", "#777777", (0, (2, 2)), "<", "\\\\"),
}
FAMILIES = {
    "focal": Look("focal", "F", "#E69F00", (0, (6, 2, 1, 2)), ">", "oo"),
    "pass": Look("pass@K", "K", "#117733", (0, (1, 1)), "*", "++"),
}
"""Other rules with a parameter, by their kind."""
SHORT = {"none": "REINFORCE", "group": "GRPO"}
"""The names that papers give them."""
POWERS = (("#CC79A7", ":", "xxx"), ("#56B4E9", (0, (1, 2)), "+++"), ("#E69F00", (0, (1, 3)), "ooo"),
          ("#F0E442", (0, (1, 4)), "\\\\\\"))  # fmt: skip
"""Colour, dash and hatch of the powers of one picture, in their order."""


def looks(rules: Sequence[str]) -> dict[str, Look]:
    """The look of each rule of a picture; a single power has the letter P, several have P and their exponent.

    >>> [look.letter for look in looks(["none", "group", "power(1.5)", "power(2)"]).values()]
    ['N', 'G', 'P1.5', 'P2']
    """
    parsed = {name: parse(name, allowed=(*NAMES, *REWEIGHING)) for name in rules}
    powers = [name for name, rule in parsed.items() if name not in KNOWN and rule.kind == "weight"]

    def one(name: str, rule: Rule) -> Look:
        if rule.kind in FAMILIES:
            title = f"focal(γ = {rule.name[6:-1]}), F-GRPO" if rule.kind == "focal" else f"pass@{rule.name[5:-1]}"
            return replace(FAMILIES[rule.kind], name=title)
        return KNOWN[name] if name in KNOWN else _power(rule, powers.index(name), len(powers))

    return {name: one(name, rule) for name, rule in parsed.items()}


def look(rule: str) -> Look:
    """The look of one rule.

    >>> look("group").name, look("power(2)").marker
    ('GRPO (group)', 'D')
    """
    return looks([rule])[rule]


def _power(rule: Rule, index: int, number: int) -> Look:
    colour, dash, hatch = POWERS[index % len(POWERS)]
    letter = "P" if number == 1 else f"P{rule.name[6:-1]}"
    return Look(rule.name, letter, colour, dash, "D", hatch)
