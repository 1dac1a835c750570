"""The report's sections on T16 and T17, what samples and overlap leave of the rates; every number from the summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.convergence import beyond_groups, sampled_groups
from experiments.convergence.figures_limits import BEYOND
from experiments.looks import SHORT
from experiments.report import paragraph, picture, table


def sampled(summary: dict[str, Any], figures: Path) -> list[str]:
    """T16: what groups of samples reach."""
    said = summary["sampled"]
    ends = [
        (SHORT.get(e["rule"], e["rule"]), e["group_size"], e["speed"], e["sharp_constant"], e["plain_constant"],
         f"{e['speed_together'] / e['speed_apart']:.1f}")
        for e in said["reached"]
    ]  # fmt: skip
    starts = [
        (SHORT.get(e["rule"], e["rule"]), e["group_size"], f"{e['answers']:,.0f} ± {e['answers_error']:,.0f}",
         f"{e['sharp_bound']:,.0f}", f"{e['plain_bound']:,.0f}")
        for e in said["started"]
    ]  # fmt: skip
    names = {"group": "GRPO", **{rule: name for rule, (name, _, _) in BEYOND.items()}}
    by_rule: dict[str, list[dict[str, float]]] = {}
    for e in said["beyond"]:
        by_rule.setdefault(e["rule"], []).append(e)
    beyond = [(names[rule], *(f"{e['scaled']:.3g}" for e in entries)) for rule, entries in by_rule.items()]
    seen = [f"n E q at n = {e['num_answers']:,.0f}" for e in by_rule["group"]]
    speeds = {(e["rule"], e["group_size"]): e["speed"] for e in said["reached"]}
    sizes = sorted({G for _, G in speeds})
    return [
        "<h2>8. Groups of samples: constants only (T16)</h2>",
        paragraph(
            "A group whose answers are all equally right teaches a group-relative rule nothing. So with groups of samples no rule "
            "that divides by anything has a better order than 1/n, n counting <b>answers drawn</b> (T16): E q ≥ 1/(1/q₀ + (e<sup>w</sup> − 1) n), "
            "where w is the farthest that an update moves two logits apart. Here all rules have w = 2 ln 2, the theorem's step for GRPO, "
            "and one prompt starts at p = ½. 1/(n E q) at the last n, which the constants bound in the limit; the sharper one knows how far a group with k "
            "right answers moves. Last column: how many times further four prompts come on the same answers if each answer moves all of them:"
        ),
        table(("rule", "G", "1/(n E q)", "sharper constant", "e^w − 1", "together/apart"), ends),
        paragraph(
            f"<b>What was found.</b> The curve of exact GRPO leaves; those of all groups stay, whatever divides. What dividing changes is how much is lost "
            f"with the size of the group: from G = {sizes[0]} to {sizes[-1]} REINFORCE falls from {speeds['none', sizes[0]]:.2f} to {speeds['none', sizes[-1]]:.3f}, "
            f"GRPO from {speeds['group', sizes[0]]:.2f} to {speeds['group', sizes[-1]]:.2f}, and power(2) keeps "
            f"{speeds['power(2)', sizes[-1]]:.2f}: at one greatest move w, the rule that divides most makes the most of a single right or wrong "
            "answer among many. At the start it is the same; mean numbers of answers from p = 10⁻⁴ to ½, with standard errors, beside the least "
            f"that T16 allows on average. A measured mean lies below by chance where the bound is nearly met; none does by more than {sampled_groups.ERRORS:g} standard errors:"
        ),
        table(("rule", "G", "answers", "at least (sharper)", "at least (w alone)"), starts),
        paragraph(
            "<b>What T16 does not cover as it stands.</b> Momentum (.9) and Adam go on in dead groups with what a live one began: another constant, the same "
            "order; no bound is claimed, but n E q settles. A rule without a baseline learns from groups that are all right: n E q goes to 0, as with exact "
            "gradients (whose updates are counted as groups here). It is the counterexample that shows that silence is needed; it says nothing about its noise "
            "where answers have more than one right and one wrong form. Groups of 8:"
        ),
        table(("rule", *seen), beyond),
        picture(figures / "sampled.png", "The mean failure rate over answers drawn, with T16's bound (dotted). Left: three rules in groups of 2 (thin), 8 and 64 (thick). "
                "Middle: four prompts that move together or share nothing. Right: rules that T16 bounds with another constant, or not at all. Black: exact GRPO, an update counted as a group of 8. "
                f"Bands, often thinner than their lines: two standard errors over {sampled_groups.RUNS:,} runs ({beyond_groups.RUNS} of momentum, Adam and no baseline)."),
    ]  # fmt: skip


def coherence(summary: dict[str, Any], figures: Path) -> list[str]:
    """T17: orthogonality and variance together."""
    said = summary["coherence"]
    names = {"solvable": "all can be solved", "stuck": "one is stuck"}
    paths = [
        (names[e["kind"]], e["spread_first"], e["spread_greatest"], e["spread_last"], e["ascent_first"],
         e["ascent_least"], e["ascent_last"], f"{100 * e['share_better']:.0f}%")
        for e in said["paths"]
    ]  # fmt: skip
    header = (
        "prompts",
        "χ̂: first",
        "greatest",
        "last",
        "A: first",
        "least",
        "last",
        "iterations with GRPO's guarantee better",
    )
    return [
        "<h2>9. Overlap and variance together (T17)</h2>",
        paragraph(
            "Where prompts share parameters one step is still guaranteed a gain of ΣJ while A > 0: A is what interference leaves of the first-order gain. Coherence "
            "lowers A for both rules, the spread of the deviations, χ̂ = √(mean σ · mean 1/σ), for GRPO alone. On random problems of four prompts GRPO has a guarantee in "
            f"{100 * said['guaranteed']['group']:.0f}% and REINFORCE in {100 * said['guaranteed']['none']:.0f}%; the gain is at least "
            f"{said['tightest']['group']:.2f} and {said['tightest']['none']:.2f} times what is guaranteed, in the median {said['median']['group']:.1f} and "
            f"{said['median']['none']:.1f} times. Where GRPO is promised anything, its promise is the larger one in {100 * said['larger_gain']:.0f}%."
        ),
        paragraph(
            "<b>Two runs through it.</b> Four prompts of coherence .1 under GRPO at one step. Where all can be solved, χ̂ returns to 1 and A comes back. With one prompt whose "
            "right answer lies between two wrong ones, so that its pass rate never exceeds ½, its deviation stays while the others' vanish: χ̂ grows without limit, and A falls below 0. "
            "Along a run GRPO's guarantee is the better one while σ̄/σ<sub>max</sub> is below ρ(A/L)/ρ(A₁/L₁) (from the greatest coherence, σ<sub>max</sub> = ½):"
        ),
        table(header, paths),
        picture(figures / "coherence.png", "Left: the gain of one step of four prompts that all oppose each other, realised and proved. Middle: GRPO's guarantee is the better one where "
                "σ̄/σ_max is below the number of the map (nothing is guaranteed right of the white line); the two runs at coherence .1, dots where it is the better one, crosses where not. "
                "Right: A along the two runs."),
    ]  # fmt: skip
