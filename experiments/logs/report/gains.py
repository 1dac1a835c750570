"""Which groups a rule gives more of the update than not dividing does, and which less, by their right answers.

Neighbouring numbers of right answers that all gain, or all lose, are one range. Where rewards have two values the
ranges that gain sum to the moved share. Independent check: tests/experiments/logs/report/test_gains.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

ROUNDING = 1e-9
"""Changes of a share up to this are none: what float32 advantages and sums leave."""
SEEN = 0.05
"""Share of what is moved from which on a range is named in a sentence; tables have all."""


class Range(NamedTuple):
    """Groups with `first` to `last` right answers, and their share of the update."""

    first: int
    last: int
    plain: float
    """Without dividing."""
    share: float
    """Under the rule."""

    @property
    def change(self) -> float:
        """What the rule gives more, or less."""
        return self.share - self.plain

    @property
    def words(self) -> str:
        """Its right answers: "7", or "2 to 6"."""
        return f"{self.first:,}" if self.first == self.last else f"{self.first:,} to {self.last:,}"


def gains(summary: dict[str, Any], rule: str) -> list[Range]:
    """The ranges in turn, those that have no part in the change left out; none where right answers are not counted."""
    if not summary["share_by_right"]:
        return []
    start, shares, plain = summary["right_from"], *(summary["share_by_right"][name] for name in (rule, "none"))
    ends = [first - 1 for first in start[1:]] + [summary["group_size"]]
    found: list[Range] = []
    for each in map(Range, start, ends, plain, shares):
        if abs(each.change) <= ROUNDING:
            continue
        if found and found[-1].change * each.change > 0:
            before = found.pop()
            each = Range(before.first, each.last, before.plain + each.plain, before.share + each.share)
        found.append(each)
    return found


def direction(summary: dict[str, Any], rule: str) -> str:
    """From which groups to which a rule moves the update, relative to not dividing."""
    if not summary["share_by_right"]:
        if rule != "group":
            return "to other groups"
        return "from groups whose rewards differ much to groups whose rewards differ little"
    moved, ranges = summary["rules"][rule]["moved"], gains(summary, rule)
    giving, taking = (
        [each.words for each in ranges if sign * each.change > SEEN * moved] for sign in (-1, 1)
    )  # fmt: skip
    if not giving or not taking:
        return "to other groups"
    ends = (
        f"from groups with {_either(giving)} right of {summary['group_size']:,} to groups with {_either(taking)} right"
    )
    # groups with as many right answers may differ in what else is rewarded, and trade update among themselves
    inside = moved - sum(max(each.change, 0.0) for each in ranges) > SEEN * moved
    return f"to other groups, on balance {ends}" if inside else ends


def _either(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
