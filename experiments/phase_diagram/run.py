"""Everything that a sweep's rows show, drawn into its folder: figures, a page to explore, a report, numbers.

    rows → summary → figures/*.png, *.svg, phase_diagram.html, report.html, summary.json, cells.csv

Rows and the manifest are all that is read, so a sweep can be drawn again anywhere.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from experiments import folder, plotting, store
from experiments.phase_diagram import figures, interactive
from experiments.phase_diagram.cell import LEVELS
from experiments.phase_diagram.summary import summarise
from experiments.phase_diagram.tables import Cell, Drawn
from experiments.phase_diagram.text import report
from experiments.provenance import SCHEMA_VERSION
from experiments.rows import Rows
from experiments.strict_json import plain, write_json
from experiments.sweep import engine
from experiments.sweep.grid import AXES, Grid
from experiments.sweep.parts import read_manifest, spec_of

COUNTS = ("not_finite", "below_start", "missed_90")


def _flat(prefix: str, values: Any) -> dict[str, Any]:
    return dict(zip((prefix, f"{prefix}_low", f"{prefix}_high"), values or (None, None, None), strict=True))


def table(summary: Drawn) -> bytes:
    """One line a cell and rule, as CSV; what is not known is empty, "inf" is a median of times never reached."""
    lines: list[dict[str, Any]] = []
    for cell in summary["cells"]:
        marks = {"winner": cell["winner"], "outcome": cell["outcome"], "degenerate": cell["degenerate"]}
        for rule, entry in cell["rules"].items():
            line = {**cell["axes"], "rule": rule, "num_seeds": cell["num_seeds"]}
            for name in ("area", "final", "regret", "difference"):
                line |= _flat(name, entry[name])
            line["verdict"] = entry["verdict"]
            unseen = entry["held_out"]
            lead = unseen["lead"] if unseen else None
            line |= _flat("held_out_area", unseen["area"] if unseen else None)
            line |= _flat("held_out_final", unseen["final"] if unseen else None)
            line |= _flat("held_out_difference", lead["difference"] if lead else None)
            line["held_out_verdict"] = lead["verdict"] if lead else None
            for level in LEVELS:
                hit, ratio = entry["hitting"][str(level)], (entry["ratio"] or {}).get(str(level), {})
                line |= {f"hitting_time_{level}": hit["median"], f"never_{level}": hit["never"]}
                line |= {f"time_ratio_{level}{end}": ratio.get(key) for end, key in
                         (("", "median"), ("_low", "low"), ("_high", "high"))}  # fmt: skip
            line |= {
                name: entry[name]
                for name in (*COUNTS, "step_size", "at_edge", "limited_share", "average_std", "answers_drawn")
            }
            lines.append(line | marks)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()


def _without_curves(summary: Drawn) -> dict[str, Any]:
    """The page and the rows have them; they are most of the numbers."""

    def trim(cell: Cell) -> dict[str, Any]:
        return {**cell, "rules": {rule: without_curve(entry) for rule, entry in cell["rules"].items()}}

    def without_curve(entry: Mapping[str, Any]) -> dict[str, Any]:
        unseen = entry.get("held_out")
        kept = {name: value for name, value in entry.items() if name != "curve"}
        return kept | ({"held_out": without_curve(unseen)} if unseen else {})

    return {**summary, "cells": [trim(cell) for cell in summary["cells"]]}


def with_axes(rows: Rows) -> Rows:
    """With the axes that older code did not have, at their defaults.

    Arguments:
        rows: columns of a sweep.
    """
    number, grid = len(rows["rule"]), Grid()
    return rows | {name: np.full(number, getattr(grid, name)[0]) for name in AXES if name not in rows}


def draw(out: Path, *, partial: bool = False) -> dict[str, Any]:
    """Draw a sweep from its rows alone.

    Arguments:
        out: the `--out` of a sweep; what is drawn is put there.
        partial: draw what there is of a sweep that is not finished; cells that lack a rule are not counted.

    Returns:
        The content of summary.json.

    Raises:
        ValueError: no sweep, a damaged one, or one that is not finished and `partial` is not set.
        OSError: writing failed.
    """
    manifest = read_manifest(out)
    rows = with_axes(engine.collect(out, unfinished=partial))
    spec = spec_of(manifest)
    summary: Drawn = {
        "schema_version": SCHEMA_VERSION,
        "run": {
            **{name: manifest[name] for name in ("run_id", "commit", "versions", "device")},
            "spec": spec,
            "num_chunks": manifest["num_chunks"],
            "kernel_chunks": manifest.get("kernel_chunks"),
            "num_chunks_read": len(np.unique(rows["chunk"])),
            "num_rows": len(rows["rule"]),
        },
        **summarise(rows, spec["grid"]["rule"], spec["num_steps"]),
    }
    pictures = out / "figures"
    with folder.locked(pictures):
        drawings = figures.drawings(summary)
        for name, drawing in tqdm(drawings.items(), desc="figures", unit="figure", leave=False, disable=None):
            plotting.save(drawing, pictures, name)
        content = _without_curves(summary)
        store.write_bytes(out / "cells.csv", table(summary))
        store.write_bytes(out / "phase_diagram.html", interactive.page(summary, spec["name"]))
        store.write_bytes(out / "report.html", report(summary, pictures, list(drawings)))
        write_json(out / "summary.json", content)  # last: who finds it finds all
    return plain(content)


def report_to(out: Path, *, partial: bool = False) -> int:
    """Draw a sweep and say where its pages are; the exit status."""
    draw(out, partial=partial)
    print(f"report: {out / 'report.html'}; to explore: {out / 'phase_diagram.html'}")
    return 0
