"""Figures of the convergence experiment, from rows and nothing else."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from experiments.convergence import certificates, comparison, exponents
from experiments.looks import look, looks
from experiments.rows import Rows


def theorem(rows: Rows) -> Figure:
    """Bound and measurement over T, both rules, one panel a regime; bands span the problems of the grid."""
    regimes = list(dict.fromkeys(rows["regime"].tolist()))
    figure, axes = plt.subplots(2, 3, figsize=(11, 6.4), sharex=True, sharey=True)
    for axis, regime in zip(axes.flat, regimes, strict=False):
        for rule in ("none", "group"):
            mine = (rows["regime"] == regime) & (rows["rule"] == rule)
            T = np.unique(rows["num_steps_T"][mine])
            shown = np.unique(np.geomspace(1, len(T), 120).astype(int)) - 1  # 120 points of a log axis
            order = np.argsort(rows["num_steps_T"][mine], kind="stable")
            for quantity, style in (("bound", ":"), ("measured", "-")):
                values = rows[quantity][mine][order].reshape(len(T), -1)[shown]
                axis.plot(
                    T[shown],
                    np.median(values, axis=1),
                    style,
                    color=look(rule).colour,
                    label=f"{look(rule).name}: {quantity}",
                )
                axis.fill_between(
                    T[shown], values.min(axis=1), values.max(axis=1), color=look(rule).colour, alpha=0.12, lw=0
                )
        axis.set(xscale="log", yscale="log", title=f"pass rates: {regime}")
    for axis in axes[1]:
        axis.set_xlabel("iterations T")
    for axis in axes[:, 0]:
        axis.set_ylabel("average |∇J_x| over prompts and T")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    axes.flat[-1].axis("off")
    axes.flat[-1].legend(handles, labels, loc="center", fontsize=10)
    return figure


def file_theorem(rows: Rows, raw: np.ndarray, used: np.ndarray, source: str) -> Figure:
    """The same on a given distribution of pass rates, which stands beside it."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.7))
    bins = np.linspace(0, 1, 21)
    axes[0].hist(raw, bins=bins, color="#999999", label="as given")
    axes[0].hist(used, bins=bins, histtype="step", color="black", lw=1.6, label="used (after the prior)")
    axes[0].set(xlabel="pass rate", ylabel="prompts", title=f"{len(raw)} prompts: {source}")
    axes[0].legend(fontsize=8)
    for rule in ("none", "group"):
        mine = rows["rule"] == rule
        T = rows["num_steps_T"][mine]
        axes[1].plot(T, rows["bound"][mine], ":", color=look(rule).colour, label=f"{look(rule).name}: bound")
        axes[1].plot(
            T, rows["measured"][mine], look(rule).dash, color=look(rule).colour, label=f"{look(rule).name}: measured"
        )
        axes[2].plot(T, 1 - rows["value"][mine], look(rule).dash, color=look(rule).colour, label=look(rule).name)
    axes[1].set(
        xscale="log", yscale="log", xlabel="iterations T", ylabel="average |∇J_x|", title="T6: bound and measurement"
    )
    axes[2].set(xscale="log", yscale="log", xlabel="iteration", ylabel="1 − J", title="what is left to gain")
    axes[1].legend(fontsize=8)
    axes[2].legend(fontsize=8)
    return figure


def tails(rows: Rows) -> Figure:
    """T7's exponents and T13's return to 1/t."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    shades = plt.colormaps["viridis"]
    for i, alpha in enumerate(exponents.ALPHAS):
        mine = (rows["kind"] == "exact") & (rows["alpha"] == alpha)
        t, f = rows["time"][mine], rows["failure_rate"][mine]
        left.loglog(t, f, color=shades(i / 4.2), ls=("-", "--", "-.", ":")[i], label=f"α = {alpha:g}")
        log_t, log_f = exponents.tail(t, f)
        left.annotate(
            f"t^{np.polyfit(log_t, log_f, 1)[0]:.3f}", (t[-1], f[-1]), xytext=(-46, 6), textcoords="offset points"
        )
    mine = (rows["kind"] == "exact") & (rows["alpha"] == 0.0)
    right.loglog(rows["time"][mine], rows["failure_rate"][mine], color="#888888", label="REINFORCE, exact")
    mine = (rows["kind"] == "exact") & (rows["alpha"] == 1.0)
    right.loglog(rows["time"][mine], rows["failure_rate"][mine], color="black", label="GRPO, exact (G = ∞)")
    for i, G in enumerate(exponents.GROUP_SIZES):
        mine = (rows["kind"] == "groups") & (rows["group_size"] == G)
        right.loglog(
            rows["time"][mine], rows["failure_rate"][mine], color=shades(i / 6.5), ls="--", label=f"GRPO, groups of {G}"
        )
    left.set(
        xlabel="iteration t",
        ylabel="1 − p",
        title="exact g/σ^α, two arms (fitted exponent at the end)",
        ylim=(1e-20, 1),
    )
    right.set(xlabel="iteration t", title="expected groups of G: back to 1/t")
    left.legend()
    right.legend(fontsize=8, loc="lower left")
    return figure


def window(rows: Rows) -> Figure:
    """b_G(p) inside its window."""
    figure, axis = plt.subplots(figsize=(6.4, 3.9))
    shades = plt.colormaps["viridis"]
    sizes = [G for G in (2, 4, 8, 16, 64) if G in rows["group_size"]]
    for i, G in enumerate(sizes):
        mine = rows["group_size"] == G
        p = rows["pass_rate"][mine]
        axis.plot(
            np.log(p / (1 - p)),
            rows["adaptivity"][mine],
            color=shades(i / 5),
            label=f"G = {G}: cap {rows['high'][mine][0]:.2f}",
        )
        axis.axhline(rows["high"][mine][0], color=shades(i / 5), ls=":", lw=1)
    x = np.linspace(-9, 9, 200)
    p = 1 / (1 + np.exp(-x))
    axis.plot(x, 1 / np.sqrt(p * (1 - p)), color="black", ls="--", label="1/σ (exact GRPO)")
    axis.set(xlabel="logit of the pass rate", ylabel="E GRPO ÷ E REINFORCE", yscale="log", ylim=(1.8, 30), xlim=(-9, 9))
    axis.legend(fontsize=8)
    return figure


def certificate(rows: Rows) -> Figure:
    """T3's lower bound beside the realised gain, and the distance to a violation for the true and a false constant."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    lower, gain = certificates.averages(rows)
    shown = lower > -1
    left.plot(gain[shown], lower[shown], ".", ms=2, alpha=0.35, color=look("none").colour, rasterized=True)
    span = np.array([-0.5, 0.5])
    left.plot(span, span, color="black", lw=1, label="certificate = gain")
    left.set(
        xlabel="realised gain of J",
        ylabel="certified lower bound",
        title="whole problems, any coherence",
        xlim=span,
        ylim=(-1, 0.5),
    )
    left.legend()
    middle, half = (rows["upper"] + rows["lower"]) / 2, (rows["upper"] - rows["lower"]) / 2
    used = np.abs(rows["gain"] - middle) / np.where(half > 0, half, np.inf)
    bins = np.linspace(0, 1.05, 64)
    right.hist(used, bins=bins, color=look("none").colour, label="T3: |gain − g·δ| ÷ σψ(w/2)")
    right.axvline(1, color="black", lw=1.2, label="limit of the theorem")
    right.axvline(
        certificates.FALSE_FACTOR, color="#b00020", ls="--", lw=1.2, label="limit of the false variant (half)"
    )
    right.set(
        xlabel="share of the remainder that is used",
        ylabel="prompts",
        yscale="log",
        title="how close T3 comes to being used up",
    )
    right.legend(fontsize=8)
    return figure


def losses(rows: Rows) -> Figure:
    """X1 and C6: ΣJ along both rules."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.9))
    titles = {"X1": "X1: orthogonal gradients, shared span", "C6": "C6: two prompts in conflict"}
    for axis, (example, title) in zip(axes, titles.items(), strict=True):
        for rule in ("none", "group"):
            mine = (rows["example"] == example) & (rows["rule"] == rule)
            change = rows["total_value"][mine] - rows["total_value"][mine][0]
            axis.plot(rows["time"][mine], change, look(rule).dash, color=look(rule).colour, label=look(rule).name)
        axis.axhline(0, color="black", lw=0.8)
        axis.set(xlabel="iteration", ylabel="ΣJ − ΣJ at the start", title=title)
        axis.set_xscale("symlog", linthresh=10)
        axis.set_xlim(left=0)
        axis.legend(fontsize=9)
    return figure


def rules(rows: Rows) -> Figure:
    """The tuned comparison: mean J with intervals, and the paired difference to REINFORCE."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    entries = comparison.table(rows)
    shown = looks(list(dict.fromkeys(str(e["rule"]) for e in entries)))
    for i, rule in enumerate(shown):
        mine = [e for e in entries if e["rule"] == rule]
        x = np.array([float(e["coherence"]) for e in mine]) + (i - 2) * 0.02
        for axis, middle, low, high in (
            (left, "mean", "low", "high"),
            (right, "difference", "difference_low", "difference_high"),
        ):
            if axis is right and rule == "none":
                continue
            y = np.array([float(e[middle]) for e in mine])
            error = np.abs(np.array([[float(e[low]) for e in mine], [float(e[high]) for e in mine]]) - y)
            axis.errorbar(
                x,
                y,
                error,
                color=shown[rule].colour,
                ls=shown[rule].dash,
                marker=shown[rule].marker,
                ms=5,
                capsize=3,
                lw=1.2,
                label=rule,
            )
    left.set(
        xlabel="coherence ρ between prompts",
        ylabel="mean J over the run",
        title="tuned steps, sampled groups (95% intervals)",
    )
    right.set(
        xlabel="coherence ρ between prompts",
        ylabel="mean J minus REINFORCE's",
        title="paired difference over seeds",
        yscale="symlog",
    )
    right.set_yscale("symlog", linthresh=0.01)
    right.axhline(0, color="black", lw=0.8)
    left.legend(fontsize=8)
    return figure
