"""Figures of T15 to T20, where rewards are right or wrong, from rows and nothing else."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from curvature import binary_curvature_bound, curvature_bound
from experiments.convergence import own_rates
from experiments.looks import look
from experiments.rows import Rows, of, where


def overtaking(race: Rows, rates: Rows) -> Figure:
    """Left: REINFORCE at every step overtaken by GRPO at one. Right: one prompt between its bounds, at every α."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4))
    steps = np.unique(race["step_size"][race["rule"] == "none"])
    shades = plt.colormaps["Blues"](np.linspace(0.35, 1, len(steps)))
    for i, step_size in enumerate(steps):
        one = of(race, rule="none", step_size=step_size)
        ends = i in (0, len(steps) - 1)
        left.plot(one["time"], one["failure_rate"], look("none").dash, lw=0.9, color=shades[i],
                  label=f"REINFORCE, step {step_size:g}" if ends else None)  # fmt: skip
        at = np.searchsorted(one["time"], one["ahead_from"][0])
        left.plot(one["time"][at], one["failure_rate"][at], "o", ms=3.5, color=shades[i])
    group = of(race, rule="group")
    left.plot(group["time"], group["failure_rate"], color=look("group").colour, lw=2,
              label=f"GRPO, step {group['step_size'][0]:.3g}")  # fmt: skip
    left.set(xscale="log", yscale="log", xlabel="iteration t", ylabel="mean of 1 − p", ylim=(1e-10, 1),
             title="dots: from here on GRPO is ahead")  # fmt: skip
    left.legend(fontsize=8, loc="lower left")
    _between(right, rates)
    return figure


def _between(axis: Axes, rates: Rows) -> None:
    prompt = of(rates, num_arms=4, geometry="simplex", prompt=2, share=own_rates.SHARES[0])
    for i, alpha in enumerate(own_rates.ALPHAS):
        one = where(prompt, (prompt["alpha"] == alpha) & (prompt["time"] > 0))
        colour = plt.colormaps["viridis"](i / 5)
        axis.plot(one["time"], one["failure_rate"], color=colour, label=f"α = {alpha:g}")
        axis.fill_between(one["time"], own_rates.lower(one), own_rates.upper(one), color=colour, alpha=0.15, lw=0)
    axis.set(xscale="log", yscale="log", xlabel="iteration t", ylabel="1 − p", ylim=(1e-12, 1),
             title="one prompt of four arms between its bounds")  # fmt: skip
    axis.legend(fontsize=8, loc="lower left")


def right_or_wrong(rows: Rows, sums: Rows) -> Figure:
    """Curvature under T1 and T18; gains over T3 and T19; X1 and C6 under GRPO, ΣJ and its own sum."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.2))
    left.plot(rows["std"], np.abs(rows["curvature"]) / rows["width"] ** 2, ".", ms=2, alpha=0.3,
              color="#777777", rasterized=True)  # fmt: skip
    std = np.linspace(0, 0.5, 400)
    left.plot(std, curvature_bound(std, 1.0), "--", color=look("none").colour, label="T1: σ/4")
    left.plot(std, binary_curvature_bound(std, 1.0), color=look("group").colour, label="T18: σ² M")
    left.set(xlabel="σ", ylabel="|κ|/w²", title="curvature is of order σ²")
    left.legend(fontsize=9)
    for name, colour in (("T3", look("none").colour), ("T19", look("group").colour)):
        middle.plot(rows["gain"], rows[f"{name}_lower"], ".", ms=2, alpha=0.3, color=colour, rasterized=True)
        middle.plot([], [], ".", color=colour, label=f"{name}'s lower bound")
    middle.plot([-1, 1], [-1, 1], color="black", lw=0.8)
    middle.set(xlabel="gain of J", ylabel="promised", xlim=(-1, 1), ylim=(-1.5, 1), xticks=(-1, -0.5, 0, 0.5, 1),
               title="T19 stays in the rewards' range")  # fmt: skip
    middle.legend(fontsize=9, loc="lower right")
    for example, dash in (("X1", "-"), ("C6", "--")):
        one = of(sums, example=example, alpha=1.0)
        for column, colour, label in (("own_sum", "#D55E00", "Σ 2 arcsin √J"), ("total_value", "#555555", "ΣJ")):
            change = one[column] - one[column][0]
            right.plot(one["time"], change, dash, color=colour, label=f"{example}: {label}")
    right.axhline(0, color="black", lw=0.8)
    right.set(xlabel="iteration", ylabel="change since the start", title="GRPO ascends its own sum")
    right.set_xscale("symlog", linthresh=10)
    right.set_xlim(left=0)
    right.set_yscale("symlog", linthresh=1e-3)
    right.legend(fontsize=8)
    return figure
