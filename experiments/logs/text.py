"""What `logs inspect` and `logs audit` print, for a reader who has not seen the paper."""

from __future__ import annotations

import math
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from curvature.trainers import known_estimators
from experiments.logs.groups import UNKNOWN_PROMPT, UNKNOWN_STEP, Groups
from experiments.logs.verdict import FORMULA, NONE, settings

LABEL = 15


def lines(rows: Sequence[tuple[str, str]]) -> str:
    """Labels, and paragraphs beside them."""
    made = []
    for label, words in rows:
        start = f"  {label:<{LABEL}}"
        made.append(textwrap.fill(words, width(), initial_indent=start, subsequent_indent=" " * (LABEL + 2)))
    return "\n".join(made)


def width() -> int:
    """Columns of the terminal, as far as text is readable."""
    return max(60, min(shutil.get_terminal_size((120, 24)).columns, 140))


def summary(groups: Groups) -> dict[str, Any]:
    """What `logs inspect --json` prints."""
    steps = groups.step[groups.step != UNKNOWN_STEP]
    prompts = groups.prompt[groups.prompt != UNKNOWN_PROMPT]
    live = left = None
    if groups.num_rows and (groups.rewards or groups.total is not None):
        with np.errstate(invalid="ignore"):  # inf − inf is a reward that is missing
            reward = groups.reward()
        each = [values for values in np.split(reward, groups.offsets[1:-1]) if np.isfinite(values).all()]
        live, left = int(sum(len(np.unique(values)) > 1 for values in each)), groups.num_groups - len(each)
    elif groups.num_correct is not None and groups.num_samples is not None:
        live = int(((groups.num_correct > 0) & (groups.num_correct < groups.num_samples)).sum())
    return {
        "format": groups.format,
        "num_groups": groups.num_groups,
        "num_rows": groups.num_rows,
        "group_size": groups.group_size,
        "grouped_by": groups.grouped_by,
        "num_batches": len(np.unique(groups.batch)),
        "first_step": int(steps.min()) if len(steps) else None,
        "last_step": int(steps.max()) if len(steps) else None,
        "num_prompts": len(np.unique(prompts)) if len(prompts) else None,
        "reward_functions": list(groups.rewards),
        "has_total": groups.total is not None,
        "has_advantages": groups.advantage is not None,
        "reward_weights": None if groups.weights is None else dict(groups.weights),
        "live_groups": live,
        "unrewarded_groups": left,
        "notes": [{"kind": note.kind, "count": note.count, "text": note.text} for note in groups.notes],
    }


def inspection(groups: Groups) -> str:
    """What `logs inspect` prints."""
    found = summary(groups)
    size = f"of {found['group_size']}" if found["group_size"] else f"of {groups.sizes.min()} to {groups.sizes.max()}"
    span = "no steps" if found["first_step"] is None else f"steps {found['first_step']} to {found['last_step']}"
    rewards = ", ".join(found["reward_functions"]) or ("one total" if found["has_total"] else "counts of right answers")
    if found["has_total"] and found["reward_functions"]:
        rewards = f"one total; beside it {rewards}"
    can = (
        "`logs audit` can tell the estimator"
        if found["has_advantages"]
        else "none, so `logs audit` has nothing to go by"
    )
    weights = found["reward_weights"]
    rows = [
        ("format", found["format"]),
        ("groups", f"{found['num_groups']:,} {size}: {found['grouped_by']}"),
        ("generations", f"{found['num_batches']:,}, {span}"),
        ("prompts", "not in the log" if found["num_prompts"] is None else f"{found['num_prompts']:,} different ones"),
        ("rewards", rewards),
        ("advantages", can),
    ]
    if found["has_total"] or found["reward_functions"]:
        rows.append(("weights", _weights(weights) if weights else _unwritten(found)))
    if found["live_groups"] is not None:
        without = found["unrewarded_groups"] or 0
        left = f"; {without:,} with a missing or infinite reward are not counted" if without else ""
        of = found["num_groups"] - without
        rows.append(("live groups", f"{found['live_groups']:,} of {of:,}, whose rewards are not all equal{left}"))
    return lines(rows + [("note", note.text) for note in groups.notes])


def _unwritten(found: Mapping[str, Any]) -> str:
    """Why the log has no weights of reward functions, and who then knows them."""
    if found["has_total"]:
        return "of reward functions: none needed, the log has the total reward"
    if found["has_advantages"]:
        return "of the reward functions: the trainer does not write them; `logs audit` solves them from the advantages"
    return "of the reward functions: the trainer does not write them; `logs report` counts every function once"


def _weights(weights: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {'cannot be told' if w is None else f'{w:g}'}" for name, w in weights.items())


WEIGHTS_FROM = {
    "rewards": "solved from the advantages",
    "averages": "solved from the advantages, their length from the averages that the trainer logged",
    "epsilon": "solved from the advantages, their length from ε: weights a hundred times as small with an ε a hundred "
    "times as small would give the same",
    "unknown": "solved from the advantages up to a common factor, which they do not show; the greatest is put to 1",
    "log": "as the log has it",
}


def audit_text(found: Mapping[str, Any]) -> str:
    """What `logs audit` prints."""
    rows = [("estimator", _estimator(found))]
    if found["explained"]:
        others = [name for name in found["same_as"] if name != found["estimator"]]
        if others:
            rows.append(("the same as", ", ".join(others)))
        if found["cannot_be_told_from"]:
            rows.append(("or", f"{', '.join(found['cannot_be_told_from'])}: these groups cannot tell them apart"))
        rows.append(("weights", f"{_weights(found['reward_weights'])} ({WEIGHTS_FROM[found['weights_from']]})"))
        against = found["weights_against_averages"]
        if against == against:
            within = f"within {against:.0e}" if against else "to the last digit"
            rows.append(("checked", f"the trainer's average reward is that of these weights, {within}"))
    rows.append(("residual", _residual(found)))
    rows.append(_nearest(found))
    rows.append(("greatest |A|", f"{found['greatest_advantage']:.4g}; {_bound(found)}"))
    size = found["group_size"]
    rows.append(("groups", f"{found['num_groups']:,}{f' of {size}' if size else ''}: {found['grouped_by']}"))
    if found["missing_rewards"] != "none":
        rows.append(("no reward", f"answers that no function gave a reward were {found['missing_rewards']}"))
    return lines(rows + [("note", note["text"]) for note in found["notes"]])


def _estimator(found: Mapping[str, Any]) -> str:
    if not found["explained"]:
        return f"{NONE}: no estimator of docs/trainers.md gives all of these advantages. {mostly(found)}"
    words = [FORMULA[found["rule"]]]
    if found["ddof"] is not None:
        words.append("sample deviation (ddof 1)" if found["ddof"] else "population deviation (ddof 0)")
    if found["epsilon"] is not None:
        words.append(f"ε {found['epsilon']:.3g}")
    return f"{found['estimator']}: {', '.join(words)}"


def mostly(found: Mapping[str, Any]) -> str:
    """What the nearest estimator explains of a column that none explains.

    >>> first = {"step": 7, "group": 55}
    >>> nearest = [{"estimator": "trl", "explained_share": 0.9979}]
    >>> mostly({"nearest": nearest, "rows_not_explained": 1, "groups_not_explained": 1, "first_not_explained": first})
    '`trl` explains 99.7% of the rows; 1 row of 1 group does not fit, the first at step 7'
    """
    nearest = found["nearest"][0]
    share = _share(nearest["explained_share"])
    rows, owners, first = (found[f"{what}_not_explained"] for what in ("rows", "groups", "first"))
    if first is None:
        return f"`{nearest['estimator']}` gives every row, but its ε or the averages that the trainer logged forbid it"
    where = f"in group {first['group'] + 1} of the log" if first["step"] is None else f"at step {first['step']}"
    said = f"{rows:,} row{'s' * (rows > 1)} of {owners:,} group{'s' * (owners > 1)} do{'es' * (rows == 1)} not fit"
    return f"`{nearest['estimator']}` explains {share} of the rows; {said}, the first {where}"


def _nearest(found: Mapping[str, Any]) -> tuple[str, str]:
    """Label, and the nearest estimators by what they were sorted by."""
    if found["explained"]:
        listed = ", ".join(f"{n['estimator']} ({_size(n['residual'])}{_worse(n, found)})" for n in found["nearest"])
        return "ruled out", f"{listed}: the nearest others, and their greatest error as a share of the greatest |A|"
    listed = ", ".join(f"{n['estimator']} {_share(n['explained_share'])}" for n in found["nearest"])
    return "nearest", f"{listed}: the share of the rows that each explains"


def _worse(other: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """How many times the error of the estimator that was found; nothing where that has none."""
    if not found["residual"]:
        return ""
    times = other["residual"] / found["residual"]
    return f", {f'{times:,.0f}' if times < 1e6 else 'over a million'} times the fit's"


def _size(difference: float) -> str:
    return f"{difference:.1e}" if difference else "0"


def _share(share: float) -> str:
    """In per cent, rounded down, so that 100% is all."""
    return f"{math.floor(1000 * share) / 10:.1f}%"


def _residual(found: Mapping[str, Any]) -> str:
    size = f"{_size(found['residual'])} of the greatest |A|, {found['residual_float32']:.2g} units of float32 rounding"
    return f"{size}: {'explained' if found['explained'] else 'not explained'}"


def _bound(found: Mapping[str, Any]) -> str:
    return f"dividing by the group's deviation (ddof 1) allows (G − 1)/√G = {found['bound']:.4g}"


def difference(found: Mapping[str, Any]) -> str:
    """One sentence on what was configured and what was done."""
    expected = settings(*known_estimators()[found["expected"]])
    if found["as_expected"]:
        return f"configured and done: {found['expected']}, {expected}"
    done = found["estimator"]
    if found["explained"]:
        done += f", {settings(found['rule'], found['ddof'], found['epsilon'])}"
    return f"configured was {found['expected']}, {expected}; done was {done}"
