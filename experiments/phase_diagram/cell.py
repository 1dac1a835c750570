"""One cell of a sweep: every rule with intervals over seeds, against REINFORCE, and who wins.

    cell = a setting without its rule        difference = area(rule) − area(none), paired by seed
    regret = best known J − area             winner: ahead of every other rule at level 1 − .05 / (pairs of rules)

Area is the mean of J over the run. Best known J is the greatest J that any row of the same problem and seed knows of:
sup J where it is 1, a lower bound elsewhere. A hitting time that was never reached counts as "at least T", and is
counted. Independent checks: planted rows with known answers in tests/experiments/phase_diagram/test_summary.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.phase_diagram.lead import RESOLUTION, answer, held_out, lead_of, verdict
from experiments.phase_diagram.tables import Against, Alone, Cell, Entry, Ratio
from experiments.rows import Rows, where
from experiments.statistics import band, interval, median_interval
from experiments.sweep.grid import AXES, DESIGNS, LABELS, LAWS, OPTIMISERS, POLICIES

CELL_AXES = tuple(name for name in AXES if name != "rule")
RUN_AXES = ("group_size", "design", "optimiser", "prompts_per_update", "updates_per_batch", "filter", "held_out")
"""How a problem is run, or what else is looked at meanwhile."""
PROBLEM_AXES = tuple(name for name in CELL_AXES if name not in RUN_AXES)
"""What decides the problem that a seed draws; rules, groups, designs and optimisers meet the same ones."""
LEVELS = (50, 75, 90)
"""Percent of the way from J at the start to the best known J."""
LEVEL = 0.95
FEW_STEPS = 6
"""A cell that every rule solves in so many steps compares nothing."""
MAX_CENSORED = 0.5
"""Share of pairs with a time that was never reached, above which no ratio of times is given."""
LIMITED = 0.99
"""Share of steps that the KL limit shortened, from which on a larger step changes nothing."""


def ratio_of_times(times: np.ndarray, base: np.ndarray, num_steps: int) -> Ratio:
    """Median over seeds of times / base, with a sign-test interval that takes "never" as "at least T".

    A pair in which only the rule failed has a ratio of at least T/base, one in which only the base failed of at most
    times/T, one in which both did has any. Times of 0 count as 1 step.

    Arguments:
        times, base: [S] hitting times in steps, paired; +inf where never reached.
        num_steps: T, the steps of the run.

    Returns:
        `median`, `low`, `high` (None where it is not known; `high` is inf where there is no limit), and `censored`,
        the number of pairs with a time that was never reached. All None where that is more than half of the pairs.

    >>> ratio_of_times(np.array([2.0, 4.0, 6.0]), np.array([4.0, 8.0, np.inf]), 10)
    {'median': 0.5, 'low': 0.0, 'high': inf, 'censored': 1}
    """
    lost, base_lost = ~np.isfinite(times), ~np.isfinite(base)
    censored = int((lost | base_lost).sum())
    if censored > MAX_CENSORED * len(times):
        return {"median": None, "low": None, "high": None, "censored": censored}
    known, base_known = (np.maximum(np.where(np.isfinite(t), t, num_steps), 1) for t in (times, base))
    logs = np.log(known / base_known)  # equal ratios are equal numbers
    median, low, high = median_interval(np.where(base_lost, -np.inf, logs), np.where(lost, np.inf, logs), LEVEL)
    return {
        "median": None if median is None else float(np.exp(median)),
        "low": float(np.exp(low)),
        "high": float(np.exp(high)),
        "censored": censored,
    }


def best_rules(areas: Mapping[str, np.ndarray]) -> list[str]:
    """The rule of highest mean area, then those that it is not ahead of: one rule alone is the winner.

    Each pair of rules is compared at level 1 − .05/pairs (Bonferroni), so the chance that any difference in the cell is
    called one by luck is at most .05, whichever rule happens to lead. Rules whose means differ by rounding alone
    (those of one direction, where all steps are limited) stand in the order in which they were given.

    Arguments:
        areas: rule → [S] areas over the same seeds, S ≥ 2, all finite.

    >>> best_rules({"none": np.array([0.1, 0.2, 0.3]), "group": np.array([0.5, 0.61, 0.7])})
    ['group']
    >>> best_rules({"none": np.array([0.1, 0.2, 0.3]), "group": np.array([0.5, 0.2, 0.2])})
    ['group', 'none']
    """
    pairs = len(areas) * (len(areas) - 1) // 2
    level = 1 - (1 - LEVEL) / max(pairs, 1)
    order = sorted(areas, key=lambda rule: -round(float(areas[rule].mean()), 9))
    return [
        rule
        for rule in order
        if rule == order[0] or verdict(interval(areas[order[0]] - areas[rule], level).ends) != "better"
    ]


def _keys(rows: Rows, axes: Iterable[str], report: np.ndarray) -> list[tuple[Any, ...]]:
    return list(zip(*(rows[name][report].tolist() for name in axes), strict=True))


def axis_order(name: str) -> Callable[[Any], Any]:
    """Key that sorts the values of an axis: numbers by size, "exact" after all groups, words as `spec` lists them."""
    if name == "group_size":
        return lambda size: np.inf if size == "exact" else int(size)
    words = {"policy": POLICIES, "design": DESIGNS, "optimiser": OPTIMISERS, "labels": LABELS, "law": tuple(LAWS)}
    if name in words:
        return words[name].index
    return lambda value: value


def best_known(rows: Rows, keys: list[tuple[Any, ...]]) -> tuple[np.ndarray, int]:
    """Best known J of each row, from all rows of its problem and seed; in how many problems a run passed the given one.

    Arguments:
        rows: reported rows alone.
        keys: problem and seed of each row.
    """
    points = np.concatenate([rows["curve"], rows["final"][:, None]], axis=1)
    reached = np.where(rows["finite"][:, None] & np.isfinite(points), points, -np.inf).max(axis=1)
    index = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    problem = np.array([index[key] for key in keys])
    given, seen = np.full(len(index), -np.inf), np.full(len(index), -np.inf)
    np.maximum.at(given, problem, rows["best_known"])
    np.maximum.at(seen, problem, reached)
    return np.maximum(given, seen)[problem], int((seen > given + RESOLUTION).sum())


def _rule(rows: Rows, best: np.ndarray, none: Rows | None) -> Alone:
    """One rule of one cell; its rows, and those of `none`, are in the order of the seeds."""
    finite = rows["finite"]
    whole = bool(finite.all())
    times = {level: np.where(finite, rows[f"hitting_time_{level}"], np.inf) for level in LEVELS}
    curve = np.concatenate([rows["curve"], rows["final"][:, None]], axis=1)
    limited = float(np.mean(rows["limited_share"]))
    return {
        "area": interval(rows["area"]).ends if whole else None,
        "final": interval(rows["final"]).ends if whole else None,
        "regret": interval(best - rows["area"]).ends if whole else None,
        "hitting": {
            str(level): {"median": float(np.median(t)), "never": int(np.isinf(t).sum())} for level, t in times.items()
        },
        "not_finite": int((~finite).sum()),
        "below_start": int((rows["final"] < rows["initial"] - RESOLUTION)[finite].sum()),
        "missed_90": int(np.isinf(times[90]).sum()),
        "step_size": float(rows["step_size"][0]),
        "limited_share": limited,
        "at_edge": bool(rows["step_at_edge"].any()) and not limited >= LIMITED,
        "average_std": float(np.mean(rows["average_std"])) if whole else None,
        "answers_drawn": float(np.mean(rows["answers_drawn"])) if "answers_drawn" in rows else None,
        "held_out": held_out(rows, none),
        "curve": [part.tolist() for part in band(curve)] if whole else None,
    }


def _against_none(mine: Rows, none: Rows, num_steps: int) -> Against:
    """The paired difference of areas, and the ratios of hitting times."""
    pair = {}
    for level in LEVELS:
        times, base = (np.where(r["finite"], r[f"hitting_time_{level}"], np.inf) for r in (mine, none))
        pair[str(level)] = ratio_of_times(times, base, num_steps)
    if not (mine["finite"].all() and none["finite"].all()):
        return {"difference": None, "verdict": "not finite", "lead": None, "ratio": pair}
    lead = lead_of(mine["area"], none["area"])
    return {"difference": lead["difference"], "verdict": lead["verdict"], "lead": lead, "ratio": pair}


def _degenerate(parts: Mapping[str, Rows], entries: Mapping[str, Entry]) -> str | None:
    if any(part["degenerate_design"].any() for part in parts.values()):
        return "free steps, exact gradients, orthogonal or identical features"
    slowest = max(entry["hitting"]["90"]["median"] for entry in entries.values())
    return f"every rule is 90% of the way after {slowest:g} steps" if slowest <= FEW_STEPS else None


def _cell(axes: dict[str, Any], parts: dict[str, Rows], best: Rows, rules: Sequence[str], T: int) -> Cell:
    entries: dict[str, Entry] = {}
    for rule in (rule for rule in rules if rule in parts):
        against: Against = {
            "difference": None, "verdict": "baseline" if rule == "none" else "no baseline", "lead": None, "ratio": None,
        }  # fmt: skip
        none = parts.get("none") if rule != "none" else None
        if none is not None:
            against = _against_none(parts[rule], none, T)
        entries[rule] = {**_rule(parts[rule], best[rule], none), **against}
    complete = len(entries) == len(rules)
    contenders = {rule: parts[rule]["area"] for rule in entries if entries[rule]["area"] is not None}
    leading = best_rules(contenders) if complete and contenders else []
    outcome = (
        "incomplete"
        if not complete
        else "no finite rule"
        if not leading
        else "no contest"
        if len(rules) == 1
        else "win"
        if len(leading) == 1
        else "tie"
    )
    return {
        "axes": axes,
        "num_seeds": len(next(iter(parts.values()))["area"]),
        "outcome": outcome,
        "winner": leading[0] if outcome == "win" else None,
        "best": leading,
        "degenerate": _degenerate(parts, entries),
        "at_edge": [rule for rule in entries if entries[rule]["at_edge"]],
        "answer": answer({rule: (entry["lead"], entry["held_out"]) for rule, entry in entries.items()}),
        "rules": entries,
    }


def cells(rows: Rows, rules: Sequence[str], num_steps: int) -> tuple[list[Cell], int]:
    """All cells in the order of their axes, and the number of problems where a run passed the best known J given to it.

    Arguments:
        rows: columns of a sweep, as `experiments.sweep.engine.collect` gives them.
        rules: of the sweep, in its order; cells that lack one are incomplete.
        num_steps: T.

    Raises:
        ValueError: no reported row, fewer than 2 seeds, or rules of a cell with other seeds.
    """
    report = rows["stage"] == "report"
    if not report.any():
        raise ValueError("rows are tuning runs alone; allowed: a sweep with reported runs")
    mine = where(rows, report)
    seeds = mine["seed_index"].tolist()
    problems = [(*key, seed) for key, seed in zip(_keys(rows, PROBLEM_AXES, report), seeds, strict=True)]
    best, passed = best_known(mine, problems)
    groups: dict[tuple[Any, ...], dict[str, list[int]]] = {}
    for i, (key, rule) in enumerate(zip(_keys(rows, CELL_AXES, report), mine["rule"].tolist(), strict=True)):
        groups.setdefault(key, {}).setdefault(rule, []).append(i)
    orders = [axis_order(name) for name in CELL_AXES]
    found: list[Cell] = []
    for key in sorted(groups, key=lambda key: [order(value) for order, value in zip(orders, key, strict=True)]):
        sorted_rows = {
            rule: np.array(at)[np.argsort(mine["seed_index"][at], kind="stable")] for rule, at in groups[key].items()
        }
        drawn = {rule: mine["seed_index"][index].tolist() for rule, index in sorted_rows.items()}
        first = next(iter(drawn.values()))
        if len(first) < 2 or any(each != first for each in drawn.values()) or len(set(first)) != len(first):
            raise ValueError(f"seeds of a cell are {drawn}; allowed: the same for each rule, at least 2, each once")
        parts: dict[str, Rows] = {rule: where(mine, index) for rule, index in sorted_rows.items()}
        known = {rule: best[index] for rule, index in sorted_rows.items()}
        found.append(_cell(dict(zip(CELL_AXES, key, strict=True)), parts, known, rules, num_steps))
    return found, passed


def gap(cell: Cell, rule: str) -> float:
    """Mean paired difference of areas to REINFORCE; NaN where there is none."""
    difference = cell["rules"][rule]["difference"]
    return float("nan") if difference is None else difference[0]
