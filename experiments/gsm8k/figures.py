"""Figures of a validation. They read rows and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from curvature.groups import adaptivity
from experiments.gsm8k.predictions.held_out import first_rows
from experiments.gsm8k.predictions.law import DIRECTIONS, ratios, resolved
from experiments.gsm8k.predictions.regions import REGIONS
from experiments.gsm8k.results import Results
from experiments.gsm8k.tables import Tried
from experiments.looks import look
from experiments.rows import Rows, of
from experiments.statistics import interval

Part = TypeVar("Part")
REGION_MARKER = {"below ½": "o", "around ½": "x", "above ½": "^"}
REGION_COLOUR = {"below ½": "#0072B2", "around ½": "#555555", "above ½": "#D55E00"}


def _style(rule: str) -> dict:
    return {"color": look(rule).colour, "linestyle": look(rule).dash}


def _curves(ax: Axes, rows: Rows, column: str) -> None:
    """Mean over seeds as a line, the seeds' range as a band."""
    for rule in dict.fromkeys(rows["rule"]):
        here = rows["rule"] == rule
        steps = np.unique(rows["step"][here])
        runs = np.stack([rows[column][here & (rows["seed"] == s)] for s in np.unique(rows["seed"])])
        η = rows["step_size"][here][0]
        ax.plot(steps, runs.mean(axis=0), label=f"{look(rule).name}, step {η:.3g}", **_style(rule))
        ax.fill_between(steps, runs.min(axis=0), runs.max(axis=0), color=_style(rule)["color"], alpha=0.15, lw=0)
    ax.set_xlabel("update")
    ax.legend(fontsize=8)


def learning(results: Results) -> Figure:
    """Learning curves of the rules, three designs."""
    designs = [
        (results.small, "pass_rate", "exact, equal small steps", "mean p (training prompts)"),
        (results.answer, "pass_rate", "exact, each at its tuned step", "mean p (training prompts)"),
    ]
    if results.equations is not None:
        title = "sampled groups, each at its tuned step"
        designs.append((results.equations, "reward", title, "mean reward of the batch"))
    figure, axes = plt.subplots(1, len(designs), figsize=(4.35 * len(designs), 3.8))
    for ax, (rows, column, title, label) in zip(axes, designs, strict=True):
        _curves(ax, rows, column)
        ax.set(title=title, ylabel=label)
    return figure


def tuning(tried: Sequence[Tried], by: str) -> Figure:
    """What tuning saw: the score of each step on the tuning seeds or sets."""
    names = list(dict.fromkeys(row["mode"] for row in tried))
    figure, axes = plt.subplots(1, len(names), figsize=(5 * len(names), 3.6), squeeze=False)
    for ax, mode in zip(axes[0], names, strict=True):
        rows = [row for row in tried if row["mode"] == mode]
        for rule in dict.fromkeys(row["rule"] for row in rows):
            mine = [row for row in rows if row["rule"] == rule]
            ax.plot(
                [row["step_size"] for row in mine],
                [row["score"] for row in mine],
                marker=look(rule).marker,
                label=look(rule).name,
                **_style(rule),
            )
            best = max(mine, key=lambda row: row["best"])
            ax.plot(best["step_size"], best["score"], "o", ms=13, mfc="none", color=_style(rule)["color"])
        ax.set(
            xscale="log",
            xlabel="step size",
            ylabel=f"pass rate, tuning {by}",
            title=f"mode {mode} (ring: chosen)",
        )
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.legend(fontsize=8)
    return figure


def curvature(results: Results) -> Figure:
    """|κ| against σ by region of p; |κ|/σ and the sign of κ against p."""
    rows = results.late["prompts"]
    p, σ, κ = rows["pass_rate"], rows["std"], rows["curvature_own"]
    figure, axes = plt.subplots(1, 3, figsize=(13, 4))
    for name, (low, high) in REGIONS.items():
        here = (p > low) & (p <= high)
        style = {"s": 14, "marker": REGION_MARKER[name], "color": REGION_COLOUR[name], "alpha": 0.7}
        axes[0].scatter(σ[here], np.abs(κ[here]), label=f"p {name}", **style)
        axes[1].scatter(p[here], np.abs(κ[here]) / σ[here], **style)
    x = np.array([σ[σ > 0].min(), 0.5])
    middle = np.median(np.abs(κ[σ > 0.4])) if (σ > 0.4).any() else np.median(np.abs(κ))
    for power, dash in ((1, "--"), (2, ":")):
        axes[0].plot(x, middle * (x / 0.5) ** power, color="black", linestyle=dash, lw=1.2, label=f"slope {power}")
    axes[0].set(xscale="log", yscale="log", xlabel="σ", ylabel="|κ| along the own gradient")
    axes[0].xaxis.set_minor_formatter(NullFormatter())
    axes[0].legend(fontsize=8)
    for edge in ((2 - 2**0.5) / 4, (2 + 2**0.5) / 4):
        axes[1].axvline(edge, color="black", lw=1, linestyle=":")
    axes[1].set(yscale="log", xlabel="p", ylabel="|κ|/σ", title="dotted: where two arms reach T1")
    edges = np.linspace(0, 1, 11)
    middles, shares = [], []
    for a, b in pairwise(edges):
        here = (p > a) & (p <= b)
        if here.sum() >= 5:
            middles.append((a + b) / 2)
            shares.append((κ[here] > 0).mean())
    axes[2].plot(middles, shares, "o-", color="#0072B2", label="measured")
    axes[2].plot([0, 0.5, 0.5, 1], [1, 1, 0, 0], color="black", linestyle=":", label="log-linear, two arms")
    axes[2].set(xlabel="p", ylabel="share of prompts with κ > 0", ylim=(-0.03, 1.03))
    axes[2].legend(fontsize=8)
    return figure


def indices(results: Results) -> Figure:
    """χ, R, σ along SFT and along RL."""
    figure, axes = plt.subplots(2, 3, figsize=(13, 6.4))
    states = results.late["states"]
    for row, (rows, x, label) in enumerate(
        ((states, "pass_rate", f"mean p along {results.states}"), (results.probes, "step", "RL update"))
    ):
        for column, (name, title) in enumerate(
            (("cross_ratio", "χ (1: orthogonal; above: prompts help)"), ("relative_gain", "R"), ("std", "mean σ"))
        ):
            ax = axes[row, column]
            for seed in np.unique(rows["seed"]):
                for rule in dict.fromkeys(rows["rule"]) if "rule" in rows else (None,):
                    here = (rows["seed"] == seed) & (rows["rule"] == rule if rule else True)
                    style = _style(rule) if rule else {"color": "#0072B2"}
                    order = np.argsort(rows[x][here])
                    ax.plot(
                        rows[x][here][order],
                        rows[name][here][order],
                        marker=look(rule or "none").marker,
                        ms=4,
                        lw=1.1,
                        label=look(rule).name if rule and seed == rows["seed"][0] else None,
                        **style,
                    )
            ax.set(xlabel=label, title=title)
            if name == "cross_ratio":
                for level in (0.75, 0.25):
                    ax.axhline(level, color="black", lw=1, linestyle=":")
                ax.set_ylim(bottom=0)
            if row == 1 and column == 0:
                ax.legend(fontsize=8)
    return figure


def surplus(results: Results) -> Figure:
    """Predicted and realised one-step surplus of GRPO over REINFORCE along GRPO's runs."""
    rows = of(results.probes, rule="group")
    figure, ax = plt.subplots(figsize=(7, 4))
    steps = np.unique(rows["step"])
    shown = (
        ("surplus_own", "own terms", "#0072B2", ":", "o"),
        ("surplus_first", "first order", "#009E73", "--", "^"),
        ("surplus_second", "second order", "#CC79A7", "-.", "D"),
        ("surplus_real", "realised", "#D55E00", "-", "s"),
    )
    for name, label, colour, dash, marker in shown:
        runs = np.stack([rows[name][rows["seed"] == s] for s in np.unique(rows["seed"])])
        ax.plot(steps, runs.mean(axis=0), color=colour, linestyle=dash, marker=marker, ms=5, label=label)
        ax.fill_between(steps, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.12, lw=0)
    ax.axhline(0, color="black", lw=1)
    ax.set(xlabel="RL update (GRPO's run)", ylabel="gain of one GRPO step − one REINFORCE step")
    ax.set_yscale("symlog", linthresh=1e-3)
    ax.legend(fontsize=8)
    return figure


def cap(results: Results) -> Figure:
    """The factor by which sampled groups rescale REINFORCE, against p."""
    rows = _there(results.cap)
    G = int(rows["group_size"][0])
    good = np.isfinite(rows["factor"]) & (rows["factor_error"] < 0.5 * rows["predicted"])
    figure, ax = plt.subplots(figsize=(7, 4))
    ax.errorbar(
        rows["pass_rate"][good],
        rows["factor"][good],
        2 * rows["factor_error"][good],
        fmt="o",
        ms=4,
        lw=1,
        color="#0072B2",
        label="measured, ± 2 standard errors",
    )
    p = np.linspace(1e-3, 1 - 1e-3, 200)
    ax.plot(p, np.asarray(adaptivity(p, G)), color="#D55E00", label=f"b_G(p), G = {G}")
    ax.plot(p, 1 / np.sqrt(p * (1 - p)), color="black", linestyle=":", label="exact GRPO, 1/σ")
    for level in (rows["window_low"][0], rows["window_high"][0]):
        ax.axhline(level, color="black", lw=1, linestyle="--")
    ax.set(xlabel="p", ylabel="GRPO / REINFORCE along the own gradient", ylim=(0, 2.2 * rows["window_high"][0]))
    ax.legend(fontsize=8)
    return figure


def noise(results: Results) -> Figure:
    """Sampled curvature against its own noise."""
    rows = _there(results.sampled)["prompts"]
    level = 2 * np.maximum(rows["curvature_error"], rows["curvature_null"])
    keep = (rows["std"] > 0) & (level > 0)
    figure, ax = plt.subplots(figsize=(6, 4))
    value, level = np.abs(rows["curvature"][keep]), level[keep]
    inside = value <= level
    ax.scatter(level[inside], value[inside], s=16, color="#777777", marker="x", label="inside the noise")
    ax.scatter(level[~inside], value[~inside], s=22, color="#D55E00", marker="^", label="resolved")
    ends = np.array([level.min(), level.max()]) if level.size else np.array([1.0, 10.0])
    ax.plot(ends, ends, color="black", lw=1)
    ax.set(xscale="log", yscale="log", xlabel="2 max(standard error, null)", ylabel="|κ̂|")
    ax.legend(fontsize=8)
    return figure


def with_interval(ax: Axes, place: float, values: np.ndarray, rule: str) -> None:
    """A rule's values, a point a set, beside their mean with its 95% interval."""
    found, colour, marker = interval(values), look(rule).colour, look(rule).marker
    ax.scatter(np.full(len(values), place - 0.12), values, s=18, alpha=0.7, color=colour, marker=marker)
    ends = [[found.mean - found.low], [found.high - found.mean]]
    ax.errorbar(place + 0.12, found.mean, ends, capsize=4, color=colour, marker=marker)


def held_out(results: Results) -> Figure:
    """By how much each rule raised the held-out pass rate, a point a set; and held-out against training prompts."""
    designs = [("equal small steps", results.small), ("tuned steps", results.answer)]
    if results.adam is not None:
        designs.append(("tuned steps, Adam", results.adam))
    figure, axes = plt.subplots(1, len(designs) + 1, figsize=(4.35 * (len(designs) + 1), 3.8))
    for ax, (title, rows) in zip(axes, designs, strict=False):
        for place, rule in enumerate(dict.fromkeys(map(str, rows["rule"]))):
            runs = first_rows(rows, rule)
            with_interval(ax, place, runs["final_test"] - runs["start_test"], rule)
        names = [look(rule).name for rule in dict.fromkeys(map(str, rows["rule"]))]
        ax.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=8)
        ax.axhline(0, color="black", lw=1)
        ax.set(title=title, ylabel="change of held-out mean p")
    ax = axes[-1]
    for rule in dict.fromkeys(map(str, results.probes["rule"])):
        mine = of(results.probes, rule=rule)
        for seed in np.unique(mine["seed"]):
            run = of(mine, seed=seed)
            label = look(rule).name if seed == mine["seed"][0] else None
            ax.plot(run["pass_rate"], run["test_pass_rate"], marker=look(rule).marker, ms=4, lw=1, label=label,
                    **_style(rule))  # fmt: skip
    ax.set(xlabel="mean p, training prompts", ylabel="mean p, held-out prompts", title="along tuned runs")
    ax.legend(fontsize=8)
    return figure


def law(results: Results) -> Figure:
    """Curvature against what T18's law says, along own gradients and along REINFORCE's mean direction."""
    rows = resolved(results.late["prompts"])
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    for ax, (title, slope, curvature) in zip(axes, DIRECTIONS, strict=True):
        ratio = ratios(rows, slope, curvature)
        for name, (low, high) in REGIONS.items():
            here = (rows["pass_rate"] > low) & (rows["pass_rate"] <= high)
            style = {"s": 14, "marker": REGION_MARKER[name], "color": REGION_COLOUR[name], "alpha": 0.7}
            ax.scatter(rows["std"][here], ratio[here], label=f"p {name}", **style)
        ax.axhline(1, color="black", lw=1)
        for level in (0.5, 2):
            ax.axhline(level, color="black", lw=1, linestyle=":")
        ax.set(xlabel="σ", title=f"along {title}", ylim=(-1, 4))
    axes[0].set_ylabel("κ over (1 − 2p)(u·g)²/σ²")
    axes[0].legend(fontsize=8)
    return figure


def _there(part: Part | None) -> Part:
    """A part that the preset has; figures of others are not asked for."""
    if part is None:
        raise ValueError("results lack this part; allowed: those of a preset that has it")
    return part


def drawings(results: Results) -> dict[str, Callable[[], Figure]]:
    """Every figure by its file name."""
    drawn = {
        "learning": lambda: learning(results),
        "tuning": lambda: tuning(results.tuning, results.by),
        "curvature": lambda: curvature(results),
        "indices": lambda: indices(results),
        "surplus": lambda: surplus(results),
    }
    if results.by == "sets":
        drawn |= {"held_out": lambda: held_out(results), "law": lambda: law(results)}
    if results.cap is not None:
        drawn["cap"] = lambda: cap(results)
    if results.sampled is not None:
        drawn["noise"] = lambda: noise(results)
    return drawn
