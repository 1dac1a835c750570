"""How the axes of a sweep are named in pictures, pages and reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

AXIS = {
    "policy": "policy",
    "num_prompts": "prompts N",
    "num_arms": "arms K",
    "horizon": "tokens a response H",
    "dimension": "dimension",
    "labels": "labels",
    "conflict": "conflict",
    "coherence": "coherence ρ",
    "law": "law of pass rates",
    "pass_rate": "pass rate",
    "spread": "spread of pass rates",
    "group_size": "group size G",
    "design": "steps",
    "optimiser": "optimiser",
    "prompts_per_update": "prompts an update",
    "updates_per_batch": "updates a batch",
    "filter": "dead groups drawn again",
    "held_out": "held-out prompts",
}
HELP = {
    "dimension": "0: every prompt has a direction of its own; r: prompts share r dimensions",
    "labels": "of prompts that do not conflict; shared: one right arm for all; teacher: a random linear policy's",
    "conflict": "share of prompts whose right arm is drawn at random",
    "coherence": "overlap of two prompts' features: 0 orthogonal, 1 identical",
    "law": "normal: their logits are; rollouts: as a real run had them, by a law of its own; measured: of a file",
    "pass_rate": "of the median prompt at the start",
    "spread": "standard deviation of the logits of the pass rates",
    "group_size": "responses a prompt and update; exact: the population's gradient",
    "design": "how long an update is",
    "prompts_per_update": "of all, in shuffled epochs; 0: all",
    "updates_per_batch": "on the groups of one batch, with PPO's clipped ratio",
    "filter": "groups whose rewards are all equal are drawn again, at most ten times in all",
    "held_out": "more prompts of the same law, never trained on",
    "optimiser": "what becomes of a rule's direction; adam divides each coordinate by its own root mean square",
}


def show(value: Any) -> str:
    """A value of an axis.

    >>> show(0.30000000000000004), show("exact"), show(8), show(True)
    ('0.3', 'exact', '8', 'yes')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def place(axes: dict[str, Any], names: Sequence[str]) -> str:
    """A cell in words, by some of its axes.

    >>> place({"coherence": 0.3, "group_size": "8"}, ["coherence", "group_size"])
    'coherence ρ 0.3, group size G 8'
    """
    return ", ".join(f"{AXIS[name]} {show(axes[name])}" for name in names)
