"""The report's sections on T15 to T20, where rewards are right or wrong; every number comes from the summary."""

from __future__ import annotations

import math
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
    rare = [
        (e["num_arms"], f"{e['level']:g}", *(_count(e[name]) for name in ("none", "group", "power", "power_proved")))
        for e in said["rare"]
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
        paragraph(
            "<b>From rare success</b>, p = 10⁻⁴ at the start, each rule at its own certified step (T6's; T19's for g/σ²). Dividing by the variance the log-odds rise by a "
            "constant at every step, whatever the pass rate: the time is of the order of ln(1/p). Iterations until 1 − p is at most a level:"
        ),
        table(("arms", "1 − p", "REINFORCE", "GRPO", "power(2)", "power(2), proved at most"), rare),
        picture(figures / "overtaking.png", "Left: the mean failure rate of eight prompts under REINFORCE at twenty steps, from light (short) "
                "to dark (long), and under GRPO at one; from its dot on each is behind. Right: the band between T15's two bounds, and the run in it."),
    ]  # fmt: skip


def right_or_wrong(summary: dict[str, Any], figures: Path) -> list[str]:
    """T18 to T20: what curvature is, a certificate in log-odds, and what each rule ascends."""
    said = summary["right_or_wrong"]
    sums = [
        (e["example"], f"{e['alpha']:g}", e["value_falls"], f"{e['value_change']:+.3g}", e["own_sum_falls"],
         f"{e['own_sum_change']:+.3g}")
        for e in summary["own_sums"]
    ]  # fmt: skip
    return [
        "<h2>10. Rewards that are right or wrong (T18 to T20)</h2>",
        paragraph(
            "<b>Curvature is of order σ², not σ.</b> For any reward |κ| ≤ σw²/4 (T1); where answers are right or wrong, "
            "|κ| ≤ σ²w²M(|1 − 2p|) (T18). On random problems with few arms the greatest share of the bound that was used is "
            f"{said['T18_used']:.3f} for T18 and {said['T1_used']:.3f} for T1, and the median of T18's bound over T1's is "
            f"{said['T18_over_T1']:.2f}. <b>A certificate in log-odds</b> (T19) promises more than T3 for "
            f"{100 * said['T19_better_long']:.0f}% of the updates that move two logits apart by more than 1, and for "
            f"{100 * said['T19_better']:.0f}% of the shorter ones; it never leaves the rewards' range."
        ),
        paragraph(
            "<b>Each rule ascends its own sum</b> (T20), Σ F(J<sub>x</sub>) with F′ = σ<sup>−α</sup>: ΣJ for REINFORCE, "
            "Σ 2 arcsin √J<sub>x</sub> for GRPO, the sum of the logits at α = 2; under any overlap or conflict, at a step that is "
            "known. ΣJ may fall meanwhile. The two examples of section 5, at those steps:"
        ),
        table(("example", "α", "steps that lowered ΣJ", "ΣJ in all", "steps that lowered its own sum", "its own sum in all"), sums),
        picture(figures / "right_or_wrong.png", "Left: curvature along random directions, per squared width, under T1's bound (a line in σ) and T18's. "
                "Middle: what T3 and T19 promise beside what happened. Right: GRPO on the two examples: its own sum rises in every step, ΣJ does not."),
    ]  # fmt: skip


def _count(time: float) -> str:
    return "—" if math.isnan(time) else f"{time:,.0f}"


def _far(time: float) -> str:
    return f"{time:,.0f}" if time < 1e6 else f"{time:.0e}"
