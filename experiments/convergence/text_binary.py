"""The report's sections on T15 to T20, where rewards are right or wrong; every number comes from the summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.looks import SHORT
from experiments.report import paragraph, picture, table


def own_rates(summary: dict[str, Any], figures: Path) -> list[str]:
    """T15: the rates are the rules' own."""
    said = summary["own_rates"]
    between = [(f"{e['alpha']:g}", e["above_lower"], e["below_upper"]) for e in said["between"]]
    raced = [(f"{e['step_size']:.3g}", f"{e['ahead_from']:,.0f}", _far(e["proved_from"])) for e in said["overtaken"]]
    divisors = [
        (SHORT.get(e["rule"], e["rule"]), e["exponent"], e["exponent_with_stuck_prompt"]) for e in said["divisors"]
    ]
    latest = max(e["ahead_from"] for e in said["overtaken"])
    return [
        "<h2>7. The rates are the rules' own (T15)</h2>",
        paragraph(
            "Section 1 compares upper bounds. T15 bounds the failure rates of the runs themselves from both sides, with exact "
            "gradients, a constant step and prompts that share no parameters: with g/σ<sup>α</sup> they fall like "
            "t<sup>−2/(2−α)</sup>, no faster and no slower, and exponentially at α = 2. It was checked at every iteration, on "
            "prompts with 2, 4 and 16 arms and pass rates from .007 to .993 at the start; and, where prompts overlap or "
            "conflict, that their mean falls no faster. How far the median prompt is from both at the end of the runs at a "
            "short step (at α = 2 both bounds are exponentials, which only two arms meet: their distance grows without limit):"
        ),
        table(("α", "measured over lower bound", "upper bound over measured"), between),
        paragraph(
            "<b>No constant step saves REINFORCE.</b> GRPO has one step, T6's; REINFORCE has twenty over four decades. From "
            f"which iteration on GRPO's mean failure rate is the lower one: measured, at the latest {latest:,.0f}; and since "
            "when the bounds alone say so. That they say it so late for long steps is in the bounds: a long step can be lucky, "
            "and REINFORCE with one is ahead for a while."
        ),
        table(("REINFORCE's step", "GRPO ahead from, measured", "proved from"), raced),
        paragraph(
            "<b>One divisor for the whole batch</b> keeps GRPO's exponent as long as every prompt is solved in the end. With one "
            "prompt more that no update can change, the divisor does not vanish any more, and 1/t is back; a divisor per prompt "
            "does not notice. Late exponents of prompts with unequal starts (measured; no bound is claimed):"
        ),
        table(("rule", "all prompts can be solved", "and one that cannot"), divisors),
        picture(figures / "overtaking.png", "Left: the mean failure rate of eight prompts under REINFORCE at twenty steps, from light (short) "
                "to dark (long), and under GRPO at one; from its dot on each is behind. Right: the band between T15's two bounds, and the run in it."),
    ]  # fmt: skip


def _far(time: float) -> str:
    return f"{time:,.0f}" if time < 1e6 else f"{time:.0e}"
