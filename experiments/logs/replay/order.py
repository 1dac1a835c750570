"""Whether a replay predicts which rule leads: the criterion, set down before any replay of a study was looked at.

    lead of a over b       per set, area of a − area of b; Student's 95% interval over sets (real and replayed alike)
    a pair counts          the real lead's interval excludes 0
    it is predicted        the replayed lead's interval excludes 0 on the same side
    it is contradicted     … on the other side; else it is left open

    yes             some pair counts, and every pair that counts is predicted
    no              a pair that counts is contradicted
    not resolved    anything else

Pairs are not corrected for their number. Independent check: tests/experiments/logs/replay/test_order.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from experiments.statistics import Interval, interval

Says = Literal["predicted", "contradicted", "open", "does not count"]
Answer = Literal["yes", "no", "not resolved"]


@dataclass(frozen=True)
class Pair:
    """Two rules, and the lead of the second over the first."""

    first: str
    second: str
    real: Interval
    replay: Interval
    says: Says


def side(lead: Interval) -> int:
    """1 or −1 where the interval lies on that side of 0, else 0.

    >>> side(interval([1.0, 1.1])), side(interval([1.0, -1.1]))
    (1, 0)
    """
    return int(lead.low > 0) - int(lead.high < 0)


def says(real: Interval, replay: Interval) -> Says:
    """What a replayed lead says of a real one."""
    if side(real) == 0:
        return "does not count"
    if side(replay) == 0:
        return "open"
    return "predicted" if side(replay) == side(real) else "contradicted"


def pairs(real: Mapping[str, np.ndarray], replay: Mapping[str, np.ndarray]) -> list[Pair]:
    """All pairs of rules, in the order of `real`.

    Arguments:
        real, replay: [S] areas by rule, of the same sets.
    """
    found = []
    for first, second in combinations(real, 2):
        leads = interval(real[second] - real[first]), interval(replay[second] - replay[first])
        found.append(Pair(first, second, *leads, says(*leads)))
    return found


def answer(said: Sequence[Says]) -> Answer:
    """Whether the order is predicted.

    >>> answer(["predicted", "does not count"]), answer(["predicted", "open"]), answer(["open", "contradicted"])
    ('yes', 'not resolved', 'no')
    """
    if "contradicted" in said:
        return "no"
    return "yes" if "predicted" in said and "open" not in said else "not resolved"


def told(found: Sequence[Pair]) -> dict[str, Any]:
    """As JSON: the answer, how many pairs say what, and the pairs."""
    said: list[Says] = [pair.says for pair in found]
    counts = {what.replace(" ", "_"): said.count(what) for what in ("predicted", "contradicted", "open")}
    return {"answer": answer(said), **counts, "pairs": [asdict(pair) for pair in found]}
