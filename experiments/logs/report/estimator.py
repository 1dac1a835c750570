"""Which estimator a report speaks of: the one that the audit recovered from the log, or what is assumed without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from experiments.logs.groups import Groups
from experiments.logs.text import mostly
from experiments.logs.verdict import run, verdict, whole

SHOWN = {
    "none": "none",
    "rloo": "none",
    "group": "group",
    "batch": "batch",
    "pooled": "pooled",
    "whitened": "pooled",
    "maxrl": "maxrl",
    "leave_one_out": "leave_one_out",
}
"""The report's rule for one of the audit's: the same but for a factor common to a batch."""


@dataclass(frozen=True)
class Estimator:
    """A rule with its settings, and how it is known."""

    rule: str | None
    """As in tables of the report; None where it is not known, or none of those."""
    ddof: int
    epsilon: float
    weights: Mapping[str, float] | None
    """Of the reward functions; None: the log's own total, or 1 each."""
    name: str | None
    """As `logs audit` has it; None where the log has no advantages."""
    source: str
    """One sentence: how it is known."""

    def of(self, rule: str) -> Estimator:
        """The settings with which a rule is shown: the log's own, where it is the one used; else ddof 1 and no ε."""
        return self if rule == self.rule else replace(self, rule=rule, ddof=1, epsilon=0.0)


def recover(groups: Groups) -> Estimator:
    """What the log's column of advantages says, if it has one."""
    if groups.num_correct is not None:
        return assumed(None, "The log counts right answers, so it cannot say which estimator was used.")
    if groups.advantage is None:
        return assumed(
            None,
            "The log holds no advantages, so it cannot say which estimator was used; weights of reward functions are "
            "the log's own, or 1 each.",
        )
    try:
        with np.errstate(all="ignore"):  # rewards whose squares overflow are refused when groups are measured
            compared = whole(groups)
            found = verdict(compared, run(compared), None)
    except ValueError as error:
        return assumed(None, f"The advantages say nothing of the estimator: {error}.")
    if not found["explained"]:
        return assumed(
            found["estimator"],
            f"None of the known estimators explains all of the log's advantages: {mostly(found)}. Weights of reward "
            "functions are the log's own, or 1 each.",
        )
    weights = found["reward_weights"] if set(found["reward_weights"]) == set(groups.rewards) else None
    # a function whose weight the column does not tell varies in no group, and moves nothing
    known = None if weights is None else {name: 0.0 if w is None else float(w) for name, w in weights.items()}
    return Estimator(
        SHOWN.get(found["rule"]),
        1 if found["ddof"] is None else found["ddof"],
        found["epsilon"] or 0.0,
        known,
        found["estimator"],
        f"`logs audit` recovered it from the advantages, to {found['residual_float32']:.1f} units of float32 rounding.",
    )


def assumed(name: str | None, source: str) -> Estimator:
    """Nothing is known of the rule: others are shown with the settings of most trainers."""
    return Estimator(None, 1, 0.0, None, name, source)
