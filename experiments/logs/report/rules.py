"""The report's part on rules: which groups each takes update from and gives it to, what it is, and all its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.logs.report.answer import WHOLE, moved, percent
from experiments.logs.report.figures import rule_looks
from experiments.logs.report.gains import gains
from experiments.logs.report.measure import LOGGED
from experiments.report import paragraph, picture, table

MEANING = {
    "none": ("not divided: REINFORCE, RLOO, Dr. GRPO", 'TRL scale_rewards="none"; verl norm_adv_by_std_in_grpo=False'),
    "group": (
        "divided by the deviation of the group's own rewards: GRPO",
        'TRL scale_rewards="group"; verl norm_adv_by_std_in_grpo=True; the default of both',
    ),
    "batch": ("divided by the mean of the groups' deviations", "none that we know; close to pooled"),
    "pooled": ("divided by one deviation of all rewards of the batch", 'TRL scale_rewards="batch"'),
    "power(2)": ("divided by the square of the group's deviation", "none that we know"),
    "maxrl": ("divided by the group's mean reward: MaxRL", "MaxRL's own code; prime-rl max_rl"),
    "focal(1)": ("group, times the share of wrong answers: F-GRPO with γ = 1", "F-GRPO's own code"),
    "pass(4)": ("pass@4: makes right at least one of 4 answers, not each", "none that we know"),
    "leave_one_out": ("each answer divided by the deviation of the group's others", "NeMo-RL, by default"),
    LOGGED: ("your log's own advantages, as they are", "yours"),
}
"""Of each rule, what becomes of reward less the group's mean, and whose setting that is."""
COLUMNS = (
    ("hard, middle, easy", "share of the update in groups with k ≤ G/4 right answers, between, with k ≥ 3G/4"),
    ("moved", "share of the update that the rule gives to other groups than not dividing would (total variation)"),
    ("cosine", "of the groups' lengths with those without dividing: 1 the same direction"),
    ("effective groups", "groups, less for unequal weights: as many of equal length average noise as well, (Σc)²/Σc²"),
    ("gradient, L1", "how long it is relative to not dividing, where groups' gradients are parallel: Σc/Σc_none"),
    ("gradient, L2", "the same where they are orthogonal: √(Σc²/Σc_none²). Their overlap is not in the log"),
)


def rules_section(s: dict[str, Any], figures: Path) -> list[str]:
    """Pictures and tables; nothing where the report abstains."""
    if not s["rules"]:
        return []
    names = {rule: look.name for rule, look in rule_looks(list(s["rules"])).items()}
    blocks = ["<h2>What rules do to the update</h2>"]
    if s["share_by_right"]:
        caption = (
            f"Which groups the update comes from: the share of all groups with k right answers of {s['group_size']} in "
            "the sum of |advantages|, under each rule."
        )
        blocks += [picture(figures / "share_by_right.png", caption), *_gains(s, names)]
    caption = (
        "How much of the update each rule moves to other groups, relative to not dividing; black: 95% bootstrap "
        f"intervals over {s['intervals_over']}. 0 is the same direction."
    )
    heads = ("rule", "hard (k ≤ G/4)", "middle", "easy (k ≥ 3G/4)", "moved", "cosine", "heaviest/lightest",
             "effective groups", "gradient, L1", "gradient, L2")  # fmt: skip
    own = "" if s["rule"] is None else " Your rule is shown with its own settings, others with ddof 1 and ε = 0."
    bound = s["greatest_weight_ratio"]
    most = f"; dividing by the deviation reaches at most {bound:.2f} at G = {s['group_size']}" if bound else ""
    columns = [
        *COLUMNS,
        (
            "heaviest/lightest",
            f"how many times more a live group weighs than another, relative to not dividing{most}",
        ),
    ]
    blocks += [
        picture(figures / "moved.png", caption),
        table(heads, [_row(rule, name, s["rules"][rule]) for rule, name in names.items()]),
        table(("column", "what it is"), columns),
        table(
            ("rule", "what becomes of reward − mean of its group", "whose"),
            [(name, *MEANING[rule]) for rule, name in names.items() if rule in MEANING],
        ),
        paragraph(
            "c = Σ|A|/2G is the length of a group's update, and shares are of Σ|A|. No length here is <i>the</i> "
            "learning rate: under Adam a common factor cancels, but not in clipping, ε and KL terms. Divisors of a "
            f"batch are taken over the whole log here.{own}"
        ),
    ]
    if s["unanimous"]:
        caption = (
            "The share of the update in groups whose answers are all right or all wrong: there only what else is "
            "rewarded (length, format) is learnt, and dividing makes it as large as the difference between right and "
            "wrong."
        )
        blocks += ["<h3>Groups that are all right or all wrong</h3>", picture(figures / "unanimous.png", caption)]
    return blocks


def _gains(s: dict[str, Any], names: dict[str, str]) -> list[str]:
    """Where dividing by the deviation, and the log's own rule, move the update from and to: a table each."""
    blocks: list[str] = []
    own = s["rule"] if s["rule"] in names else LOGGED
    for rule in dict.fromkeys(("group", own)):
        ranges = gains(s, rule) if rule in names and rule not in WHOLE else []
        if not ranges:
            continue
        rows = [
            (
                each.words,
                percent(each.plain, 2),
                percent(each.share, 2),
                f"{100 * each.change:+.2f} points".replace("-", "−"),
            )
            for each in ranges
        ]
        head = ("groups with right answers", "their share without dividing", f"under {names[rule]}", "change")
        blocks.append(table(head, rows))
    if blocks and s["rewards"] == "binary":
        blocks.append(paragraph("What gains sums to the share that is <b>moved</b>."))
    return blocks


def _row(rule: str, name: str, row: dict[str, Any]) -> tuple[object, ...]:
    shares = ("" if row[key] is None else percent(row[key], 0) for key in ("hard", "middle", "easy"))
    whole = rule in WHOLE and rule != "none"
    told = "one divisor for all" if whole else moved(row) if row["moved_high"] > 1e-9 else "0"
    numbers = (f"{row['cosine']:.3f}", f"{row['heaviest']:.2f}", f"{row['effective_groups']:,.0f}")
    return name, *shares, told, *numbers, f"{row['step_l1']:.2f}", f"{row['step_l2']:.2f}"
