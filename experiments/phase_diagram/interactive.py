"""The phase diagram as one HTML file to explore: no network, no other files; the summary is embedded as JSON.

`page.html` holds the page and its script. The state is in the address (#coherence=0.3&group_size=8), so that a cell can
be linked to. Independent check: tests/experiments/phase_diagram/test_browser.py runs it in a real browser.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from experiments.looks import looks
from experiments.phase_diagram.axes import AXIS, HELP, show
from experiments.phase_diagram.cell import CELL_AXES, LEVELS
from experiments.phase_diagram.figures import MAP_AXES
from experiments.phase_diagram.tables import Entry, Summary
from experiments.report import escape
from experiments.strict_json import plain

TEMPLATE = Path(__file__).resolve().parent / "page.html"
DIGITS = 6
"""Significant digits of embedded numbers."""


def embedded(value: Any) -> str:
    r"""JSON that may stand inside a script element: nothing in it can close the element or open a comment.

    >>> embedded({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _entry(entry: Entry) -> dict[str, Any]:
    kept: dict[str, Any] = {
        name: entry[name] for name in ("area", "final", "regret", "difference", "verdict", "hitting", "ratio")
    }
    counts = {name: entry[name] for name in ("not_finite", "below_start", "missed_90", "step_size", "at_edge")}
    unseen = entry["held_out"]
    if unseen is not None:
        lead = unseen["lead"]
        kept["held_out"] = {
            "area": unseen["area"],
            "difference": lead["difference"] if lead else None,
            "verdict": lead["verdict"] if lead else "baseline",
        }
    return plain(kept | counts, DIGITS) | {"curve": plain(entry["curve"], 4)}


def payload(summary: Summary, name: str) -> dict[str, Any]:
    """What the page needs; cells by the places of their values on the axes, as "0,0,1,…"."""
    values = summary["axes"]
    look = looks(summary["rules"])
    numeric = {
        axis: [None if isinstance(v, str) and not v.isdecimal() else float(v) for v in values[axis]] for axis in values
    }
    return {
        "name": name,
        "axes": [
            {
                "id": axis,
                "label": AXIS[axis],
                "help": HELP.get(axis, ""),
                "kind": "fixed" if len(values[axis]) == 1 else "slider" if axis in MAP_AXES else "select",
                "values": [show(value) for value in values[axis]],
                "numbers": numeric[axis],
            }
            for axis in CELL_AXES
        ],
        "rules": [
            {"id": rule, "name": each.name, "letter": each.letter, "colour": each.colour} for rule, each in look.items()
        ],
        "levels": [str(level) for level in LEVELS],
        "num_steps": summary["num_steps"],
        "times": summary["times"],
        "cells": {
            ",".join(str(values[axis].index(cell["axes"][axis])) for axis in CELL_AXES): {
                "outcome": cell["outcome"],
                "winner": cell["winner"],
                "best": cell["best"],
                "degenerate": cell["degenerate"],
                "at_edge": cell["at_edge"],
                "seeds": cell["num_seeds"],
                "answer": cell["answer"],
                "rules": {rule: _entry(entry) for rule, entry in cell["rules"].items()},
            }
            for cell in summary["cells"]
        },
    }


def page(summary: Summary, name: str) -> bytes:
    """The whole phase_diagram.html."""
    head, body = TEMPLATE.read_text(encoding="utf-8").split("{{title}}")
    before, after = body.split("{{data}}")
    return f"{head}{escape(name)}{before}{embedded(payload(summary, name))}{after}".encode()
