"""What a run of `reproduce` says to the question "should I divide?", in words; every number from the summary."""

from __future__ import annotations

from typing import Any

from experiments.report import paragraph

GROUP_SIZE = 8
"""Of the comparison of tuned rules, and the size that most trainers have."""
_WORDS = {"better": "ahead", "worse": "behind", "no difference": "no different"}


def _compared(summary: dict[str, Any]) -> str:
    """GRPO against REINFORCE with tuned steps, over the overlaps of prompts."""
    group = [e for e in summary["comparison"] if e["rule"] == "group"]
    counts = {words: sum(e["verdict"] == verdict for e in group) for verdict, words in _WORDS.items()}
    said = ", ".join(f"{words} at {count}" for words, count in counts.items() if count)
    low, high = (100 * end(e["difference"] for e in group) for end in (min, max))
    return (
        f"of {len(group)} degrees of overlap between prompts dividing is {said}; its lead in accuracy, averaged over "
        f"training, is between {low:+.2f} and {high:+.2f} points."
    )


def answer(summary: dict[str, Any]) -> list[str]:
    """The first paragraphs of the report."""
    exponents, groups = summary["exponents"], summary["finite_groups"]
    sizes = sorted(map(int, groups))
    speeds = {G: groups[str(G)]["late_speedup"] for G in sizes}
    examples = summary["where_grpo_loses"]
    losses = [name for name, rules in examples.items() if rules["group"]["first_gain"] < 0]
    return [
        "<h2>Should I divide by the standard deviation?</h2>",
        paragraph(
            "<b>With groups of sampled answers, as every trainer has: it hardly matters once the learning rate is "
            f"tuned for each choice.</b> In groups of {GROUP_SIZE}, {_compared(summary)} Without tuning dividing is a "
            f"larger step: late in a run it is {speeds[sizes[0]]:.2f} times as fast in groups of {sizes[0]}, "
            f"{speeds[GROUP_SIZE]:.2f} times in groups of {GROUP_SIZE} and {speeds[sizes[-1]]:.1f} times in groups of "
            f"{sizes[-1]}. The share of wrong answers falls like 1/t either way; in groups of 2 dividing is a learning "
            "rate twice as large and nothing else."
        ),
        paragraph(
            "<b>With exact gradients, that is with infinitely many answers per prompt: divide.</b> The share of wrong "
            f"answers falls like t<sup>{exponents['1']:.2f}</sup> where it falls like t<sup>{exponents['0']:.2f}</sup> "
            "without dividing."
        ),
        paragraph(
            "<b>It can cost something where prompts share parameters</b>: the first divided step lowers the mean "
            f"reward in {len(losses)} of {len(examples)} examples made for it ({', '.join(losses)}; section 5). So: "
            "tune the learning rate anew when you switch, expect little from small groups, and look at your own run "
            "with <code>grpo-curvature advise RUN</code>. What follows is how this is known; the policies are "
            "simulated, and nothing here was run on a large model."
        ),
    ]
