"""Draws the README's picture, docs/figures/answer.png, and rates.png of the long answer. `python docs/picture.py`.

answer.png: the leads of the sweep `practice` with Adam by group size from docs/results/practice.json, on prompts that
are trained on and on others, hollow where the two rules were tuned to different steps. rates.png, computed here in a
second: one prompt with a right and a wrong answer, p = .05 at the start, every rule at the step that T3 certifies;
log-odds move by η E[c(k)], k right of G (T12).
tests/test_docs.py holds the curves against the simulator.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import binom

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

from parts import load  # noqa: E402

from curvature import theorem_step, update_lengths  # noqa: E402
from curvature.constants import A_PRIORI_STD  # noqa: E402

START = 0.05
NUM_STEPS = 20_000
STEPS = {"group": float(theorem_step(1.0)), "none": float(theorem_step(1.0)) / A_PRIORI_STD}
COLOURS = {"group": "#D55E00", "none": "#0072B2"}
FARTHEST = 8.0
"""Points of accuracy beyond which a setting is drawn at the edge."""


def failures(rule: str, group_size: int | None, num_steps: int = NUM_STEPS) -> np.ndarray:
    """1 − p before each step; None: exact gradients."""
    z, found = float(np.log(START / (1 - START))), np.empty(num_steps)
    counts = np.arange((group_size or 0) + 1)
    lengths = update_lengths(rule, np.ones(len(counts))) if group_size else counts
    for t in range(num_steps):
        q = np.exp(-np.logaddexp(0, z))
        found[t] = q
        if group_size:
            z += STEPS[rule] * float(binom.pmf(group_size - counts, group_size, q) @ lengths)
        else:
            std = np.sqrt(q * (1 - q))
            z += STEPS[rule] * (std if rule == "group" else std**2)
    return found


def curves(ax: Axes) -> None:
    """Failure rates, exact and in groups of 8."""
    t = np.unique(np.geomspace(1, NUM_STEPS, 300).astype(int)) - 1
    for rule, group_size, label, where, dash in (
        ("group", None, "dividing,\nexact gradients:\n1/t²", (3, 1e-5), "-"),
        ("none", None, "not dividing: 1/t", (14, 5e-2), "-"),
        ("group", 8, "dividing, groups of 8:\nalso 1/t", (320, 3e-3), (0, (4, 2))),
    ):
        ax.loglog(t + 1, failures(rule, group_size)[t], color=COLOURS[rule], ls=dash, lw=3)
        ax.text(*where, label, color=COLOURS[rule], fontsize=14, va="center")
    ax.set(xlim=(1, NUM_STEPS), ylim=(1e-8, 1.5), xlabel="updates t")
    ax.set_title("share of wrong answers, one prompt", loc="left", fontsize=15)


def dots(ax: Axes) -> None:
    """Points of accuracy that dividing gains, by group size: every setting, and the mean with its 95% interval."""
    sizes = load("practice")["by_optimiser"]["adam"]
    looks = {"no difference": ("#BBBBBB", "o"), "worse": ("#0072B2", "v"), "better": (COLOURS["group"], "^")}
    labels = {"no difference": "not told apart", "worse": "dividing worse", "better": "better"}
    places, names, y = [], [], 0.0
    ax.axvline(0, color="black", lw=1, zorder=1)
    for where in ("training", "held-out"):
        ax.text(-FARTHEST, y, f"{where} prompts", va="center", fontsize=14)
        for size, entry in sizes.items():
            y, found = y + 1, entry[where]
            for kind, (colour, marker) in looks.items():
                for part, face in (("leads_of_two_rates", "none"), ("leads", colour)):
                    x = np.clip([100 * lead for lead in found[part][kind]], -FARTHEST, FARTHEST)
                    spread = 0.22 * np.sin(2.4 * np.arange(len(x)) + (face == "none"))  # dots do not hide each other
                    label = labels[kind] if not places and part == "leads" else None
                    line = {"facecolors": face, "edgecolors": colour, "linewidths": 1}
                    ax.scatter(x, y + spread, s=22, marker=marker, label=label, zorder=2, **line)
            mean, low, high = (100 * found[name] for name in ("mean_difference", "low", "high"))
            ax.plot([low, high], [y, y], color="black", lw=3, zorder=3)
            ax.plot(mean, y, "D", color="black", mec="white", ms=8, zorder=4)
            ax.text(FARTHEST + 0.6, y, f"{_points(mean)} [{_points(low)}, {_points(high)}]", va="center", fontsize=12)
            places.append(y)
            names.append(f"groups of {size}")
        y += 1.3
    ax.set_yticks(places, names)
    ax.set(xlim=(-FARTHEST - 0.4, FARTHEST + 0.4), ylim=(y - 0.8, -0.5), xlabel="points of accuracy gained by dividing")
    ax.grid(visible=False)
    ax.legend(loc="lower left", bbox_to_anchor=(-0.3, 0.97), ncols=3, fontsize=13, handletextpad=0.1, columnspacing=1)


def _points(x: float) -> str:
    return f"{round(x, 1) + 0.0:+.1f}".replace("-", "−")


def drawn(draw: Callable[[Axes], None], height: float) -> Figure:
    """One picture, as wide as a phone."""
    from matplotlib import pyplot as plt

    figure, ax = plt.subplots(figsize=(6.4, height))
    draw(ax)
    ax.tick_params(labelsize=13)
    ax.xaxis.label.set_size(13)
    return figure


if __name__ == "__main__":
    from experiments.plotting import STYLE, mpl

    with mpl.rc_context(STYLE):
        drawn(dots, 4.8).savefig(DOCS / "figures" / "answer.png", dpi=110)
        drawn(curves, 4.2).savefig(DOCS / "figures" / "rates.png", dpi=110)
