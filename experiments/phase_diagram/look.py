"""How rules and axes are named and drawn everywhere: every rule has a colour, a letter and a hatch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.plotting import COLOUR, DASH, MARKER, NAME

AXIS = {
    "policy": "policy",
    "num_prompts": "prompts N",
    "num_arms": "arms K",
    "horizon": "tokens a response H",
    "dimension": "dimension",
    "conflict": "conflict",
    "coherence": "coherence ρ",
    "pass_rate": "pass rate",
    "spread": "spread of pass rates",
    "group_size": "group size G",
    "design": "steps",
}
HELP = {
    "dimension": "0: every prompt has a direction of its own; r: prompts share r dimensions",
    "conflict": "share of prompts whose right arm is drawn at random",
    "coherence": "overlap of two prompts' features: 0 orthogonal, 1 identical",
    "pass_rate": "of the median prompt at the start",
    "spread": "standard deviation of the logits of the pass rates",
    "group_size": "responses a prompt and update; exact: the population's gradient",
    "design": "how long an update is",
}
HATCH = {"none": "", "group": "///", "batch": "...", "decoupled": "---"}
SPARE = ("#CC79A7", "#56B4E9", "#E69F00", "#F0E442")
"""Colours of the powers, in their order."""
SPARE_HATCH = ("xxx", "+++", "ooo", "\\\\\\")


@dataclass(frozen=True)
class Look:
    """How a rule is shown."""

    name: str
    letter: str
    colour: str
    hatch: str
    dash: Any
    marker: str


def looks(rules: Sequence[str]) -> dict[str, Look]:
    """The look of each rule; a single power has the letter P, several have P and their exponent.

    >>> [look.letter for look in looks(["none", "group", "power(1.5)", "power(2)"]).values()]
    ['N', 'G', 'P1.5', 'P2']
    """
    powers = [rule for rule in rules if rule.startswith("power(")]
    found = {}
    for rule in rules:
        i = powers.index(rule) if rule in powers else 0
        letter = rule[0].upper() if rule not in powers or len(powers) == 1 else f"P{rule[6:-1]}"
        colour = SPARE[i % len(SPARE)] if rule in powers else COLOUR[rule]
        hatch = SPARE_HATCH[i % len(SPARE_HATCH)] if rule in powers else HATCH[rule]
        dash = DASH.get(rule, (0, (1 + i, 1)))
        found[rule] = Look(NAME.get(rule, rule), letter, colour, hatch, dash, MARKER.get(rule, "D"))
    return found


def show(value: Any) -> str:
    """A value of an axis.

    >>> show(0.30000000000000004), show("exact"), show(8)
    ('0.3', 'exact', '8')
    """
    return f"{value:g}" if isinstance(value, float) else str(value)


def place(axes: dict[str, Any], names: Sequence[str]) -> str:
    """A cell in words, by some of its axes.

    >>> place({"coherence": 0.3, "group_size": "8"}, ["coherence", "group_size"])
    'coherence ρ 0.3, group size G 8'
    """
    return ", ".join(f"{AXIS[name]} {show(axes[name])}" for name in names)
