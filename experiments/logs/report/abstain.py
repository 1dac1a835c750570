"""When a report says nothing: too few groups, a drifting log, rewards that are not counted. Each names the way out."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from curvature.drift import drift_p
from experiments.logs.groups import Groups
from experiments.logs.report.measure import Measured

FEWEST_SHARES, FEWEST_LAWS = 50, 200
"""Live groups at least, for shares, and for the law of pass rates and the dead share at another size."""
MISSING = 0.05
"""Share of groups that may be left out."""
DRIFT = 1e-3
"""p of the χ² test below which the halves of a log differ."""
WIDEST = 0.10
"""Half-width above which a dead share is not resolved."""
LONGER = "give a longer log, or several files of the same run"
LAWS = ("dead_share_at", "mean_deviation", "law")
COUNTED = (*LAWS, "all_right_share")
ALL = ("dead_share", "moved_share", "unanimous_share", *COUNTED)


def stationary_p(measured: Measured) -> float | None:
    """P of right answers distributed alike in both halves of the run (χ² with prompts as clusters).

    None where they cannot differ, and where the log names no steps: the order of a file is no order in time.
    """
    if measured.counts is None or not measured.ordered or measured.num_groups < 2:
        return None
    late = np.arange(measured.num_groups) >= (measured.num_groups + 1) // 2
    return drift_p(measured.counts, late, measured.group_size, measured.cluster)


def abstained(groups: Groups, measured: Measured, p: float | None, *, filtered: bool) -> dict[str, str]:
    """{statistic: why not, and what would help}, the gravest reason of each.

    Arguments:
        groups: the log.
        measured: its groups.
        p: of equal halves.
        filtered: whether the reader gave counts of filtered groups.
    """
    found: dict[str, str] = {}

    def say(names: Collection[str], sentence: str) -> None:
        for name in names:
            found.setdefault(name, sentence)

    share = measured.num_left_out / groups.num_groups
    if share > MISSING:
        missing = measured.num_missing / groups.num_groups
        what = (
            "lack a reward or have an infinite one"
            if missing > MISSING
            else f"are not of {measured.group_size} answers like most"
        )
        way = (
            "give the files without them, or let the reward function return a finite number"
            if missing > MISSING
            else "report runs with another group size apart"
        )
        say(ALL, f"{share:.0%} of the groups {what}, more than {MISSING:.0%}, and who is missing may matter: {way}.")
    live = int(measured.live.sum())
    if live < FEWEST_SHARES:
        say(
            ("moved_share", "unanimous_share", *LAWS),
            f"There are {live} live groups, fewer than {FEWEST_SHARES}: {LONGER}.",
        )
    elif live < FEWEST_LAWS:
        say(
            LAWS,
            f"There are {live} live groups, fewer than {FEWEST_LAWS}: {LONGER}.",
        )
    if measured.counts is None:
        say(
            COUNTED,
            "Rewards have more than two values, so right answers are not counted: name the function that says 1 for "
            f"right and 0 for wrong, --correct COLUMN{_columns(groups)}.",
        )
    if any(note.kind == "filtered" for note in groups.notes) and not filtered:
        say(
            ("dead_share", *COUNTED),
            "The trainer dropped groups without a deviation before it wrote, so the dead ones are not in the log: give "
            "how many there were, --filtered-counts FILE, or turn the filter off.",
        )
    if measured.counts is not None and not measured.ordered:
        say(
            ("stationary_p",),
            "The log names no steps, so whether right answers are distributed alike early and late in the run is not "
            "tested, and an average over the log may foretell neither: name the column of steps, --step-column.",
        )
    if p is not None and p < DRIFT:
        say(
            LAWS,
            "Right answers in the first and the second half of the log are distributed differently (χ² test, "
            f"p = {p:.1g}), so an average over the log foretells neither half: read one of the windows (--windows N), "
            "or give a log of the last steps alone (their files, or a table cut to their rows).",
        )
    return found


def _columns(groups: Groups) -> str:
    return f" (one of {', '.join(groups.rewards)})" if groups.rewards else ""
