"""How figures look: one style, legible in grey and to the colour-blind, saved as PNG and SVG."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from experiments.store import write_bytes

STYLE: dict[Any, Any] = {
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "font.size": 10,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.hashsalt": "grpo-curvature",
}


def save(draw: Callable[[], Figure], folder: Path, name: str) -> None:
    """Draw once in the house style; write NAME.png and NAME.svg, each whole or not at all."""
    with mpl.rc_context(STYLE):
        figure = draw()
        for kind in ("png", "svg"):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi=130, metadata={"Date": None} if kind == "svg" else None)
            write_bytes(folder / f"{name}.{kind}", buffer.getvalue())
            figure.set_layout_engine("none")  # the other kind takes the places that were found
        plt.close(figure)
