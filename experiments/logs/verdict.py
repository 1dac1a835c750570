"""What an audit found, as JSON and as sentences hold it: names of estimators in place of settings.

Several trainers do the same and share a preset's settings; the name given is that of the log's own trainer, and all
that fit are listed. Independent check: tests/experiments/logs/test_audit.py.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from curvature.audit import NOTHING, Audit, audit
from curvature.fit import Averages, Fit
from curvature.trainers import known_estimators
from experiments.logs.groups import UNKNOWN_STEP, Groups, Note
from experiments.logs.history import TOTAL

NONE = "none of the known"
GREATEST = 1e100
"""Reward or advantage whose square is still a number."""
WHOLE = "reward"
"""What the whole reward is called where the log has no functions."""
FORMULA = {
    "group": "(reward − group mean) / (the group's own deviation + ε)",
    "none": "reward − group mean, undivided",
    "pooled": "(reward − group mean) / (deviation of all rewards of the batch + ε)",
    "rloo": "reward − mean of the other answers, undivided",
    "maxrl": "(reward − group mean) / (group mean + ε)",
    "leave_one_out": "(reward − mean of the others) / (deviation of the others + ε)",
    "whitened": "(reward − group mean) / (deviation of these differences over the batch + ε)",
    "batch": "(reward − group mean) / (mean of the groups' deviations + ε)",
    "gdpo": "each function normalised in its group, summed, and normalised over the batch",
}


def whole(groups: Groups) -> Groups:
    """The log without its last group where that alone is short of answers, as if it was cut off; with a note."""
    sizes = np.diff(groups.offsets)
    usual = int(np.bincount(sizes).argmax()) if len(sizes) else 0
    if len(sizes) < 2 or sizes[-1] >= usual or 2 * (sizes == usual).sum() <= len(sizes):
        return groups
    text = f"the last group has {sizes[-1]} of {usual} answers, as if it was cut off: left out of the audit"
    kept = groups.of(np.arange(len(sizes)) < len(sizes) - 1)
    return replace(kept, notes=(*groups.notes, Note("truncated", int(sizes[-1]), text)))


def run(groups: Groups) -> Audit:
    """The audit of a log with advantages.

    Raises:
        ValueError: no advantages, no rewards, or none that can be compared.
    """
    if groups.advantage is None:
        raise ValueError("the log holds no advantages; allowed: logs that have them")
    known = groups.total is not None
    columns = [groups.total] if groups.total is not None else list(groups.rewards.values())
    index = groups.group_of_row
    for what, values in (("an advantage", groups.advantage), *(("a reward", column) for column in columns)):
        sizes = np.abs(values[np.isfinite(values)])
        if sizes.size and sizes.max() > GREATEST:
            raise ValueError(f"PATH holds {what} of {sizes.max():g}; allowed: up to {GREATEST:g}")
    with np.errstate(all="ignore"):  # what is not finite is compared with nothing
        return audit(groups.advantage, columns, index, groups.batch[index], known=known, averages=_averages(groups))


def _averages(groups: Groups) -> Averages | None:
    """The trainer's averages, if they are of these functions."""
    logged = groups.averages
    if logged is None or groups.total is not None or not {TOTAL, *groups.rewards} <= set(logged):
        return None
    missing = any(np.isnan(values).any() for values in groups.rewards.values())
    if missing and len(groups.rewards) > 1:  # a function's average is over its own rows, the whole one's is not
        return None
    return Averages(np.stack([logged[name] for name in groups.rewards], axis=1), logged[TOTAL])


def names_of(fit: Fit) -> list[str]:
    """The known estimators that a fit may be: equal rule and ddof, and an ε that the column allows."""
    found = []
    for name, (rule, ddof, epsilon) in known_estimators().items():
        if rule != fit.rule or ddof != fit.ddof:
            continue
        low, high = fit.epsilon_range or (0.0, math.inf)
        if epsilon is None or epsilon == fit.epsilon or low <= epsilon <= high:
            found.append(name)
    return found


def chosen_name(fit: Fit, form: str) -> str:
    """One name: of the log's own trainer if it is among them, else the first; the settings where none has them."""
    names = names_of(fit)
    exact = [name for name in names if known_estimators()[name][2] == fit.epsilon] or names
    own = [name for name in (*exact, *names) if name.startswith(form)]
    return (own or exact or [settings(fit.rule, fit.ddof, fit.epsilon)])[0]


def settings(rule: str, ddof: int | None, epsilon: float | None) -> str:
    """A rule with its settings.

    >>> settings("group", 0, 1e-4)
    'group (ddof 0, ε 0.0001)'
    """
    parts = [f"ddof {ddof}"] if ddof is not None else []
    parts += [f"ε {epsilon:.3g}"] if epsilon is not None else []
    return f"{rule} ({', '.join(parts)})" if parts else rule


def weights_of(groups: Groups, fit: Fit) -> dict[str, float | None]:
    """Weight of each function, None where the column does not say; the log's own where it has the whole reward."""
    if groups.total is not None:
        return dict(groups.weights) if groups.weights else {WHOLE: 1.0}
    least = NOTHING * float(np.abs(fit.weights).max(initial=0))
    rounded = [0.0 if abs(weight) <= least else float(f"{weight:.6g}") for weight in fit.weights]
    pairs = zip(groups.rewards, rounded, fit.determined, strict=True)
    return {name: weight if known else None for name, weight, known in pairs}


def verdict(groups: Groups, found: Audit, expect: str | None) -> dict[str, Any]:
    """What `logs audit --json` prints.

    Arguments:
        groups: the log.
        found: its audit.
        expect: the estimator that was configured, where the reader said so.
    """
    best = found.best
    epsilon = best.epsilon
    name = chosen_name(best, groups.format)
    if name in known_estimators():
        epsilon = known_estimators()[name][2] if names_of(best) else epsilon
    explained = best.explains
    duplicates = sum(note.count for note in groups.notes if note.kind == "duplicates")
    result: dict[str, Any] = {
        "estimator": name if explained else NONE,
        "group_size": groups.group_size,
        "ddof": best.ddof if explained else None,
        "epsilon": epsilon if explained else None,
        "reward_weights": weights_of(groups, best) if explained else dict.fromkeys(groups.rewards or [WHOLE]),
        "residual": best.residual,
        "duplicates": duplicates,
        "explained": explained,
        "rule": best.rule if explained else None,
        "same_as": names_of(best) if explained else [],
        "cannot_be_told_from": [chosen_name(fit, groups.format) for fit in found.explaining[1:]] if explained else [],
        "epsilon_range": best.epsilon_range if explained else None,
        "weights_from": best.length if groups.total is None else "log",
        "weights_against_averages": best.against_averages,
        "residual_float32": best.rounding,
        "explained_share": best.share,
        **_outside(groups, found),
        "missing_rewards": best.missing,
        "nearest": _nearest(found, groups.format),
        "greatest_advantage": found.greatest,
        "bound": found.bound,
        "num_rows": found.num_rows,
        "num_groups": groups.num_groups,
        "format": groups.format,
        "grouped_by": groups.grouped_by,
        "notes": [{"kind": note.kind, "count": note.count, "text": note.text} for note in groups.notes],
    }
    if expect is not None:
        fits = {each for fit in found.explaining for each in names_of(fit)}
        result |= {"expected": expect, "as_expected": expect in fits}
    return result


def _outside(groups: Groups, found: Audit) -> dict[str, Any]:
    """Rows and groups that the best fit does not explain, and where the first stands."""
    outside = np.flatnonzero(~found.agrees)
    owners = np.unique(groups.group_of_row[outside])
    step = int(groups.step[owners[0]]) if len(owners) else UNKNOWN_STEP
    return {
        "rows_not_explained": len(outside),
        "groups_not_explained": len(owners),
        "first_not_explained": None
        if not len(owners)
        else {"step": None if step == UNKNOWN_STEP else step, "group": int(owners[0])},
    }


def _nearest(found: Audit, form: str) -> list[dict[str, Any]]:
    """The nearest estimators other than the one found."""
    if not found.best.explains:
        fits = found.fits[:3]
        return [
            {
                "estimator": chosen_name(fit, form),
                "residual": fit.residual,
                "residual_float32": fit.rounding,
                "explained_share": fit.share,
            }
            for fit in fits
        ]
    listed = []
    for other in found.alternatives[:3]:
        names = [name for name, made in known_estimators().items() if made == (other.rule, other.ddof, other.epsilon)]
        own = [name for name in names if name.startswith(form)] or names
        listed.append(
            {
                "estimator": own[0],
                "residual": other.residual,
                "residual_float32": other.rounding,
                "explained_share": other.share,
            }
        )
    return listed
