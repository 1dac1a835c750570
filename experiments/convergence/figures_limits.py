"""Figures of T16 and T17, what samples and overlap leave of the rates, from rows and nothing else."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.convergence import coherence as overlap
from experiments.convergence import sampled_groups
from experiments.looks import look
from experiments.rows import Rows, of, where

BEYOND = {
    "momentum": ("GRPO with momentum", "#E69F00", "-."),
    "adam": ("GRPO with Adam", "#56B4E9", "--"),
    "no_baseline": ("no baseline (not covered)", "#882255", (0, (3, 1, 1, 1))),
    "exact": ("exact gradients", "black", "-"),
}
"""Name, colour and dash."""


def sampled(rows: Rows, beyond: Rows) -> Figure:
    """E q over answers drawn: rules and sizes of groups; transfer between prompts; and what T16 does not cover."""
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.6), sharey=True)
    for rule in sampled_groups.RULES:
        for G, width in ((2, 0.9), (8, 1.6), (64, 2.6)):
            one = of(rows, rule=rule, group_size=G, prompts="one")
            axes[0].plot(one["num_answers"], one["failure"], look(rule).dash, color=look(rule).colour, lw=width,
                         label=f"{look(rule).name}, G = {G}")  # fmt: skip
            _band(axes[0], one, look(rule).colour)
    for prompts, dash, label in (("together", "-", "together"), ("apart", "--", "sharing nothing")):
        for rule in sampled_groups.RULES:
            one = of(rows, rule=rule, group_size=8, prompts=prompts)
            axes[1].plot(one["num_answers"], one["failure"], dash, color=look(rule).colour,
                         label=f"{look(rule).name}, {label}")  # fmt: skip
            _band(axes[1], one, look(rule).colour)
    plain = of(rows, rule="group", group_size=8, prompts="one")
    axes[2].plot(plain["num_answers"], plain["failure"], color=look("group").colour, label=look("group").name)
    _band(axes[2], plain, look("group").colour)
    for name, (label, colour, dash) in BEYOND.items():
        one = of(beyond, rule=name)
        axes[2].plot(one["num_answers"], one["failure"], color=colour, ls=dash, label=label)
        _band(axes[2], one, colour)
    bound = sampled_groups.lower(plain, "width")
    titles = ("one prompt", "four prompts, groups of 8", "one prompt, groups of 8")
    for axis, title in zip(axes, titles, strict=True):
        axis.plot(plain["num_answers"], bound, color="#777777", ls=":", lw=1.6, label="T16: no silent rule is below")
        axis.set(xscale="log", yscale="log", xlabel="answers drawn", title=title)
        axis.legend(fontsize=7.5, loc="lower left")
    for axis in axes[:2]:
        exact = of(beyond, rule="exact")
        axis.plot(exact["num_answers"], exact["failure"], color="black", lw=1)
        axis.annotate("exact GRPO", (2.2e3, 1.2e-5), fontsize=8)
    axes[0].set(ylabel="E (1 − p)", ylim=(1e-9, 1))
    return figure


def _band(axis: Axes, rows: Rows, colour: str) -> None:
    """Two standard errors of the mean over runs on either side."""
    error = 2 * rows["failure_error"]
    low, high = np.maximum(rows["failure"] - error, 1e-12), rows["failure"] + error
    axis.fill_between(rows["num_answers"], low, high, color=colour, alpha=0.25, lw=0)


def coherence(rows: Rows) -> Figure:
    """Proved and realised gains of opposed prompts; where GRPO's guarantee is the better one; A along two runs."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4.4))
    _gains(left, of(rows, kind="opposed"))
    _map(middle, rows)
    for kind, dash, label in (("solvable", "-", "all prompts can be solved"), ("stuck", "--", "one is stuck")):
        one = of(rows, kind=kind)
        t = one["time"] + 1
        right.plot(t, one["group_number_ascent"], dash, color=look("group").colour, label=f"GRPO, {label}")
    right.plot(t, one["none_number_ascent"], ":", color=look("none").colour, label="REINFORCE")
    right.axhline(0, color="black", lw=0.8)
    right.set(xscale="log", xlabel="iteration", ylabel="A: what interference leaves",
              title="two runs of GRPO")  # fmt: skip
    right.legend(fontsize=8, loc="lower left")
    return figure


def _gains(axis: Axes, rows: Rows) -> None:
    """Both in units of what would be guaranteed without overlap."""
    spreads = np.unique(rows["spread"].round(6))
    for i, spread in enumerate(spreads):
        one = where(rows, np.abs(rows["spread"] - spread) < 1e-5)
        colour = plt.colormaps["plasma"](i / (len(spreads) + 0.5))
        unit = one["group_matrix_gain"][0]
        axis.plot(one["coherence"], one["group_matrix_realised"] / unit, color=colour,
                  label=f"GRPO, χ̂ = {spread:.2f}")  # fmt: skip
        axis.plot(one["coherence"], one["group_matrix_gain"] / unit, ":", color=colour)
    one = where(rows, np.abs(rows["spread"] - spreads[-1]) < 1e-5)
    unit = one["none_matrix_gain"][0]
    axis.plot(one["coherence"], one["none_matrix_realised"] / unit, "--", color=look("none").colour,
              label=f"REINFORCE, χ̂ = {spreads[-1]:.2f}")  # fmt: skip
    axis.plot(one["coherence"], one["none_matrix_gain"] / unit, ":", color=look("none").colour)
    axis.set(xlabel="coherence μ of four opposed prompts", ylabel="gain over the guarantee at μ = 0",
             title="one step: realised (lines), proved (dots)", yscale="log", ylim=(1e-3, 5))  # fmt: skip
    axis.legend(fontsize=8, loc="lower left")


def _map(axis: Axes, rows: Rows) -> None:
    """How small σ̄/σ_max has to be, and two runs."""
    found = of(rows, kind="map")
    shape = len(overlap.COHERENCES), len(overlap.SPREADS)
    χ, μ, need = (x.reshape(shape) for x in (found["spread"], found["coherence"], overlap.needed(found)))
    levels = np.linspace(0, 1, 11)
    filled = axis.contourf(χ, μ, need, levels=levels, cmap="cividis")
    axis.contour(χ, μ, found["group_number_ascent"].reshape(shape), levels=[0], colors="white", linewidths=1)
    axis.figure.colorbar(filled, ax=axis, label="GRPO's guarantee is better below this σ̄/σ_max")
    for kind, height, colour in (("solvable", 0.104, "white"), ("stuck", 0.096, "#D55E00")):
        one = of(rows, kind=kind)
        axis.plot(one["spread"], np.full(len(one["spread"]), height), color=colour, lw=1.2)
        yes = overlap.better(one)
        for keep, marker in ((yes, "o"), (~yes, "x")):
            some = where(one, keep & np.isin(one["time"], (0, 1, 3, 10, 30, 100, 300, 999)))
            axis.plot(some["spread"], np.full(len(some["spread"]), height), marker, color=colour, ms=5.5,
                      mec="black" if marker == "o" else colour)  # fmt: skip
    axis.set(xscale="log", xlabel="spread χ̂ of the deviations", ylabel="coherence μ", title="whose guarantee is better",
             xlim=(1, 10))  # fmt: skip
    axis.set_xticks((1, 2, 5, 10), ("1", "2", "5", "10"))
