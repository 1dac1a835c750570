"""What the reported rows of a sweep say over all cells: counts, tallies by axis, extremes, failures.

Independent checks: planted rows with known answers in tests/experiments/phase_diagram/test_summary.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.phase_diagram.cell import CELL_AXES, axis_order, cells, gap
from experiments.phase_diagram.tables import Cell, Extreme, Overall, Summary, Tally
from experiments.rows import Rows


def axis_values(found: Sequence[Cell]) -> dict[str, list[Any]]:
    """The values that each axis takes, in order."""
    return {name: sorted({cell["axes"][name] for cell in found}, key=axis_order(name)) for name in CELL_AXES}


def counted(found: Sequence[Cell]) -> list[Cell]:
    """The cells that headlines are about: all rules there, and not degenerate."""
    return [cell for cell in found if cell["outcome"] != "incomplete" and cell["degenerate"] is None]


def tally(found: Sequence[Cell], rule: str) -> Tally:
    """How a rule fares against none in some cells."""
    verdicts = [cell["rules"][rule]["verdict"] for cell in found]
    differences = [cell["rules"][rule]["difference"] for cell in found]
    means = [each[0] for each in differences if each is not None]
    return {
        "cells": len(found),
        "better": verdicts.count("better"),
        "worse": verdicts.count("worse"),
        "no difference": verdicts.count("no difference"),
        "not finite": verdicts.count("not finite"),
        "mean_difference": float(np.mean(means)) if means else None,
    }


def _extreme(found: Sequence[Cell], rule: str, sign: int) -> Extreme | None:
    """The cell with the largest resolved gain (sign 1) or loss (−1) of a rule over none."""
    wanted = [cell for cell in found if cell["rules"][rule]["verdict"] == ("better" if sign > 0 else "worse")]
    if not wanted:
        return None
    cell = max(wanted, key=lambda cell: sign * gap(cell, rule))
    return {"axes": cell["axes"], "difference": cell["rules"][rule]["difference"], "at_edge": cell["at_edge"]}


def _rule_against_none(found: Sequence[Cell], rule: str, values: Mapping[str, Sequence[Any]]) -> Tally:
    varying = [name for name in CELL_AXES if len(values[name]) > 1]
    return {
        **tally(found, rule),
        "by_axis": {
            name: [
                {"value": value, **tally([cell for cell in found if cell["axes"][name] == value], rule)}
                for value in values[name]
            ]
            for name in varying
        },
        "largest_gain": _extreme(found, rule, 1),
        "largest_loss": _extreme(found, rule, -1),
    }


def overall(found: Sequence[Cell], rules: Sequence[str], passed: int) -> Overall:
    """Counts over the cells that are counted, and what was left out of them."""
    kept = counted(found)
    values = axis_values(found)
    failures = {
        rule: {
            name: sum(cell["rules"][rule][name] for cell in found if rule in cell["rules"])
            for name in ("not_finite", "below_start", "missed_90")
        }
        | {"runs": sum(cell["num_seeds"] for cell in found if rule in cell["rules"])}
        for rule in rules
    }
    return {
        "num_cells": len(found),
        "num_counted": len(kept),
        "num_incomplete": sum(cell["outcome"] == "incomplete" for cell in found),
        "num_degenerate": sum(cell["degenerate"] is not None for cell in found),
        "num_ties": sum(cell["outcome"] == "tie" for cell in kept),
        "num_no_finite_rule": sum(cell["outcome"] == "no finite rule" for cell in kept),
        "wins": {rule: sum(cell["winner"] == rule for cell in kept) for rule in rules},
        "among_best": {rule: sum(rule in cell["best"] for cell in kept) for rule in rules},
        "at_edge": {rule: sum(rule in cell["at_edge"] for cell in kept) for rule in rules},
        "failures": failures,
        "problems_passed": passed,
        "against_none": {
            rule: _rule_against_none(kept, rule, values) for rule in rules if rule != "none" and "none" in rules
        },
    }


def summarise(rows: Rows, rules: Sequence[str], num_steps: int) -> Summary:
    """Everything that figures, page and report show.

    Arguments:
        rows: columns of a sweep, as `experiments.sweep.engine.collect` gives them.
        rules: of the sweep, in its order.
        num_steps: T.

    Returns:
        `rules`, `num_steps`, `times` (steps of the curves' points), `axes` (their values), `overall`, `cells`.

    Raises:
        ValueError: as `cells`.
    """
    found, passed = cells(rows, rules, num_steps)
    num_curve = rows["curve"].shape[1]
    return {
        "rules": list(rules),
        "num_steps": num_steps,
        "times": [*(np.arange(num_curve) * (num_steps // num_curve)).tolist(), num_steps],
        "axes": axis_values(found),
        "overall": overall(found, rules, passed),
        "cells": found,
    }
