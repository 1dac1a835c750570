"""Figures of the phases, from rows and what was made of them. Every line has a dash and markers of its own."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from curvature.constants import PHASE_LEVELS
from experiments.looks import look
from experiments.phases.recipe import CONTROLS, MAIN, VARIANTS
from experiments.phases.summary import holds
from experiments.phases.tables import Summary, Verdict
from experiments.rows import Rows, of

UNIT = 1e-4
"""Surpluses are shown in units of 1e-4 of J per step."""
LOOK: dict[str, tuple[str, Any, str, str]] = {
    "own": ("#009E73", "-.", "^", "own terms only (U_own)"),
    "certified": ("#0072B2", "--", "o", "certified (U_cert)"),
    "realised": ("#D55E00", "-", "s", "realised (U_real)"),
}
SHOWN: dict[str, tuple[str, Any, str]] = {
    MAIN: ("#D55E00", "-", "s"),
    "near-orthogonal": ("#0072B2", "--", "o"),
    "equal pass rates": ("#009E73", "-.", "^"),
    "one right arm": ("#000000", ":", "D"),
}


def over_seeds(rows: Rows, column: str) -> tuple[np.ndarray, np.ndarray]:
    """(steps [T], values [S, T]) of one configuration's recorded steps."""
    t = np.unique(rows["time"])
    order = np.lexsort((rows["time"], rows["seed_index"]))
    return t, rows[column][order].reshape(-1, len(t))


def smooth(t: np.ndarray, values: np.ndarray, width: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Means over bins of equal width in log10(t + 1), for a logarithmic axis."""
    index = np.unique(np.floor(np.log10(t + 1) / width), return_inverse=True)[1]
    counts = np.bincount(index)
    return np.bincount(index, t) / counts, np.stack([np.bincount(index, row) / counts for row in values])


def _line(axis: Axes, rows: Rows, column: str, look: tuple[str, Any, str], label: str, unit: float = 1.0) -> None:
    """Median over seeds with a band from the 10% to the 90% quantile."""
    t, values = smooth(*over_seeds(rows, column))
    low, middle, high = np.quantile(values / unit, (0.1, 0.5, 0.9), axis=0)
    colour, dash, marker = look
    axis.plot(t + 1, middle, ls=dash, color=colour, marker=marker, ms=4, markevery=8, label=label)
    axis.fill_between(t + 1, low, high, color=colour, alpha=0.12, lw=0)


def _levels(axis: Axes) -> None:
    for level in PHASE_LEVELS:
        axis.axhline(level, color="black", ls=(0, (1, 2)), lw=1)
        axis.annotate(f"{level:g}", (1, level), xytext=(2, 2), textcoords="offset points", fontsize=8)


def course(steps: Rows) -> Figure:
    """χ, the surpluses and J along the recipe's runs."""
    mine = of(steps, configuration=MAIN)
    figure, (top, middle, bottom) = plt.subplots(3, 1, figsize=(8.5, 9.5), sharex=True)
    _line(top, mine, "cross_ratio", ("#000000", "-", "s"), "χ")
    _line(top, mine, "orthogonality", ("#CC79A7", "--", "o"), "O")
    _levels(top)
    for column, (colour, dash, marker, label) in LOOK.items():
        _line(middle, mine, column, (colour, dash, marker), label, UNIT)
    middle.axhline(0, color="black", lw=0.8)
    for column, shown in (("value", look("group")), ("value_none", look("none"))):
        _line(bottom, mine, column, (shown.colour, shown.dash, shown.marker), shown.name)
    for column, label in (("pass_rate_10", "10% of the prompts below (GRPO)"), ("pass_rate_50", "half below (GRPO)")):
        dash = ":" if column == "pass_rate_10" else (0, (5, 1))
        _line(bottom, mine, column, ("#666666", dash, "v" if column == "pass_rate_10" else "D"), label)
    top.set(ylabel="index", title="orthogonality: phase I above .75, III below .25 for good")
    middle.set(ylabel="surplus of one GRPO step, 1e-4", title="one step of each rule from the same state")
    middle.set_yscale("symlog", linthresh=0.5)
    bottom.set(xlabel="iteration + 1", ylabel="J, pass rates", xscale="log", title="the runs themselves")
    for axis in (top, middle, bottom):
        axis.legend(fontsize=8)
    return figure


def surplus(summary: Summary) -> Figure:
    """Predicted, certified and realised surplus by phase: intervals over seeds, and what T3 proves."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    entries = [entry for entry in summary["recipe"] if entry["realised"] is not None]
    x = np.array([entry["phase"] for entry in entries], float)
    for k, (column, (colour, _, marker, label)) in enumerate(LOOK.items()):
        mean, low, high = np.array([entry[column] for entry in entries]).T / UNIT
        left.errorbar(
            x + 0.12 * (k - 1),
            mean,
            (mean - low, high - mean),
            color=colour,
            marker=marker,
            ls="",
            capsize=4,
            label=label,
        )
    mean = (
        np.array([[(entry[column] or [np.nan])[0] for column in ("lower", "upper", "realised")] for entry in entries]).T
        / UNIT
    )
    right.vlines(x, mean[0], mean[1], color="#0072B2", lw=6, alpha=0.4, label="what T3 allows (mean over the phase)")
    right.plot(x, mean[2], "s", color="#D55E00", label="realised (U_real)")
    for axis, title in ((left, "means over seeds, 95% intervals"), (right, "first order ± both remainders")):
        axis.axhline(0, color="black", lw=0.8)
        axis.set(
            xlabel="phase", ylabel="surplus, 1e-4", title=title, xticks=x, xticklabels=["I", "II", "III"][: len(x)]
        )
        axis.set_yscale("symlog", linthresh=0.5)
        axis.legend(fontsize=8)
    return figure


def configurations(rows: Rows, verdicts: dict[str, Verdict]) -> Figure:
    """U_real in phases I and III of every seed of the recipe and the other configurations; filled: the seed holds."""
    names = [MAIN, *VARIANTS]
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), sharey=True)
    for axis, phase in zip(axes, (1, 3), strict=True):
        for y, name in enumerate(names):
            mine = of(rows, configuration=name)
            for k, seed in enumerate(np.unique(mine["seed_index"])):
                run = of(mine, seed_index=seed)
                value = run["realised"][run["phase"] == phase] / UNIT
                spread = 0.5 * k / len(np.unique(mine["seed_index"])) - 0.25
                fill = "#D55E00" if holds(run)["all"] else "white"
                axis.plot(value, np.full(len(value), y + spread), "s", ms=5, mfc=fill, mec="#D55E00")
        axis.axvline(0, color="black", lw=0.8)
        axis.set(xlabel="mean surplus U_real, 1e-4", title=f"phase {'I' if phase == 1 else 'III'}")
    labels = [f"{name}: {verdicts[name]['all']}/{verdicts[name]['num_seeds']}" for name in names]
    axes[0].set_yticks(range(len(names)), labels)
    axes[0].invert_yaxis()
    return figure


def controls(steps: Rows) -> Figure:
    """χ and the surplus where interference, the spread of σ at the start, or conflict is taken away."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    for name in (MAIN, *CONTROLS):
        mine = of(steps, configuration=name)
        _line(left, mine, "cross_ratio", SHOWN[name], name)
        _line(right, mine, "realised", SHOWN[name], name, UNIT)
    _levels(left)
    left.set(xlabel="iteration + 1", ylabel="χ", xscale="log", yscale="symlog", title="orthogonality")
    right.axhline(0, color="black", lw=0.8)
    right.set(xlabel="iteration + 1", ylabel="realised surplus, 1e-4", xscale="log", title="one step, same state")
    right.set_yscale("symlog", linthresh=0.1)
    left.legend(fontsize=8)
    return figure


def limits(steps: Rows, profile: Rows) -> Figure:
    """The lead along the runs, the relative gain beside σ, and the own terms by σ."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.2))
    mine = of(steps, configuration=MAIN)
    t, lead = smooth(*over_seeds(mine, "lead"))
    left.plot(t + 1, lead.T, color="#999999", lw=0.7)
    left.plot(
        t + 1, lead.mean(axis=0), color=look("group").colour, marker="s", ms=4, markevery=8, label="mean over seeds"
    )
    left.axhline(0, color="black", lw=0.8)
    left.set(xlabel="iteration + 1", ylabel="J of GRPO − J of REINFORCE", xscale="log", title="lead of the run")
    left.legend(fontsize=8)
    _, gain = smooth(*over_seeds(mine, "relative_gain"))
    _, std = smooth(*over_seeds(mine, "std"))
    middle.plot(std.mean(axis=0), gain.mean(axis=0), "-o", color="black", ms=3)
    for k, label in ((0, "start"), (-1, "end")):
        at = (float(std.mean(axis=0)[k]), float(gain.mean(axis=0)[k]))
        middle.annotate(label, at, xytext=(5, 5), textcoords="offset points")
    middle.set(xlabel="mean σ over prompts", ylabel="relative gain R", title="own gain over REINFORCE's")
    bins = of(profile, configuration=MAIN)
    σ = (bins["std_low"] + bins["std_high"]) / 2
    right.plot(σ, bins["own"] / np.maximum(bins["count"], 1), "s", color="#009E73", ms=5, label="measured, mean by σ")
    curve = σ**3 - 2 * σ**4
    right.plot(σ, curve, "--", color="black", label="two arms: σ³ − 2σ⁴")
    right.axvline(3 / 8, color="black", ls=":", lw=1, label="σ = 3/8")
    right.set(xlabel="σ of a prompt", ylabel="|g|²(1/σ − 2)", title="own surplus of a prompt")
    right.legend(fontsize=8)
    return figure
