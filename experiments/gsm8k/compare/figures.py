"""Figures of a comparison: pass rates along the runs, and by how much each rule leads, a point a set."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.gsm8k.compare.summary import curves
from experiments.gsm8k.figures import tuning, with_interval
from experiments.gsm8k.tables import Tried
from experiments.looks import look
from experiments.rows import Rows

SIDES = {"train": "training prompts", "test": "held-out prompts"}


def along(ax: Axes, looks: Rows, column: str, step_sizes: dict[str, float]) -> None:
    """Mean over sets as a line, a thin line a set."""
    steps = np.unique(looks["step"])
    for rule, size in step_sizes.items():
        style = {"color": look(rule).colour, "linestyle": look(rule).dash}
        runs = curves(looks, rule, column)
        ax.plot(steps, runs.T, lw=0.6, alpha=0.45, **style)
        ax.plot(steps, runs.mean(axis=0), lw=2.2, label=f"{look(rule).name}, rate {size:.2g}", **style)
    ax.set(title=SIDES[column], xlabel="update", ylabel="mean pass rate p")
    ax.legend(fontsize=8)


def leads(ax: Axes, looks: Rows, rules: list[str]) -> None:
    """Each rule's lead over the first at the end: a point a set, and the mean with its interval."""
    first, *others = rules
    places = [(rule, side) for rule in others for side in SIDES]
    for place, (rule, side) in enumerate(places):
        with_interval(ax, place, (curves(looks, rule, side) - curves(looks, first, side))[:, -1], rule)
    ax.axhline(0, color="black", lw=1)
    names = [f"{look(rule).name},\n{SIDES[side]}" for rule, side in places]
    ax.set_xticks(range(len(places)), names, fontsize=8)
    ax.set(xlim=(-0.6, len(places) - 0.4), title="at the end", ylabel=f"lead over {look(first).name}, mean p")


def compared(looks: Rows, step_sizes: dict[str, float]) -> Figure:
    """Training and held-out prompts along the runs, and the leads."""
    figure, axes = plt.subplots(1, 3, figsize=(13.5, 3.9))
    for ax, side in zip(axes, SIDES, strict=False):
        along(ax, looks, side, step_sizes)
    leads(axes[-1], looks, list(step_sizes))
    return figure


def rates(tried: list[Tried]) -> Figure:
    """How each rule's rate was chosen."""
    figure = tuning(tried, "sets")
    figure.axes[0].set(title="learning rates that were tried (ring: chosen)", xlabel="learning rate")
    return figure


def drawings(looks: Rows, step_sizes: dict[str, float], tried: list[Tried]) -> dict[str, Callable[[], Figure]]:
    """Every figure by its file name."""
    return {"compared": lambda: compared(looks, step_sizes), "tuning": lambda: rates(tried)}
