"""Figures of a log's report, from its summary and nothing else. Rules differ by colour, marker and hatch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from experiments.logs.report.answer import WHOLE, narrow
from experiments.logs.report.measure import LOGGED
from experiments.looks import Look, looks

OWN = Look("the log's own advantages", "L", "#000000", "-", "d", "")
NAMES = {"batch": "batch (mean deviation)", "pooled": 'pooled (TRL "batch")'}
GREY = "#999999"
LINES = ("none", "group", "power(2)", "maxrl", "focal(1)", LOGGED)
"""Rules of the picture of shares by right answers: others lie between, or on one of them."""


def rule_looks(rules: list[str]) -> dict[str, Look]:
    """The looks of the rules, the log's own column among them."""
    found = looks([rule for rule in rules if rule != LOGGED])
    found |= {rule: replace(found[rule], name=name) for rule, name in NAMES.items() if rule in found}
    return found | ({LOGGED: OWN} if LOGGED in rules else {})


def merged(rates: list[float], weights: list[float], apart: float = 0.02) -> tuple[list[float], list[float]]:
    """Atoms of a law, those beside each other as one: the grid splits an atom that lies between two of its points.

    >>> merged([0.125, 0.140625, 0.5], [0.25, 0.25, 0.5])
    ([0.1328125, 0.5], [0.5, 0.5])
    """
    groups: list[list[tuple[float, float]]] = []
    for pair in zip(rates, weights, strict=True):
        if not groups or pair[0] - groups[-1][-1][0] > apart:
            groups.append([])
        groups[-1].append(pair)
    sums = [sum(w for _, w in group) for group in groups]
    return [sum(p * w for p, w in group) / total for group, total in zip(groups, sums, strict=True)], sums


def _percent(axis: Axes, which: str = "y") -> None:
    getattr(axis, f"{which}axis").set_major_formatter(PercentFormatter(1))


def _classes(summary: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, float]:
    """(least number of right answers of each class, where its bar is, how wide bars are).

    All wrong and all right have a bar of their own beside the others where these are classes.
    """
    start, G = np.array(summary["right_from"]), summary["group_size"]
    if len(start) == G + 1:
        return start, start.astype(float), 0.8
    width = float(G / (len(start) - 2))
    middle = (start[1:-1] + start[2:] - 1) / 2
    return start, np.concatenate([[-width], middle, [G + width]]), 0.9 * width


def _ticks(axis: Axes, G: int) -> None:
    axis.set_xticks(range(G + 1) if G <= 16 else np.linspace(0, G, 9).round().astype(int))


def right_answers(summary: dict[str, Any]) -> Figure:
    """How many groups have k right answers; the likeliest distribution of pass rates beside it."""
    law, G = summary["law"], summary["group_size"]
    figure, axes = plt.subplots(1, 2 if law else 1, figsize=(9.5 if law else 6, 3.4), squeeze=False)
    share = np.array(summary["histogram"]) / max(sum(summary["histogram"]), 1)
    start, k, width = _classes(summary)
    dead = (start == 0) | (start == G)
    left = axes[0, 0]
    differ, same = ("live: ", "dead: ") if summary["rewards"] == "binary" else ("", "")
    left.bar(k[~dead], share[~dead], width, color="#0072B2", label=f"{differ}answers differ")
    left.bar(
        k[dead], share[dead], width, color="white", edgecolor=GREY, hatch="///", label=f"{same}all wrong, all right"
    )
    left.set(xlabel=f"right answers of {G}", ylabel="share of the groups")
    _ticks(left, G)
    left.legend()
    _percent(left)
    if law:
        right = axes[0, 1]
        rates, weights = merged(law["rates"], law["weights"])
        right.vlines(rates, 0, weights, color="#0072B2", lw=3)
        right.plot(rates, weights, "o", color="#0072B2")
        right.set(xlabel="pass rate of a prompt", ylabel="share of the groups", xlim=(-0.03, 1.03), ylim=(0, None))
        right.set_title("likeliest distribution of pass rates (one of many)", fontsize=10)
        _percent(right)
    return figure


def share_by_right(summary: dict[str, Any]) -> Figure:
    """Which groups the update comes from, under each rule."""
    shares = summary["share_by_right"]
    rules = [rule for rule in LINES if rule in shares and not (rule == LOGGED and summary["rule"] in LINES)]
    _, k, width = _classes(summary)
    figure, axis = plt.subplots(figsize=(7.5, 3.8))
    for rule, look in rule_looks(rules).items():
        axis.plot(
            k,
            shares[rule],
            color=look.colour,
            ls=look.dash,
            marker=look.marker,
            ms=5 if width < 1 else 3,
            label=look.name,
        )
    axis.set(xlabel=f"right answers of {summary['group_size']}", ylabel="share of the update", ylim=(0, None))
    _ticks(axis, summary["group_size"])
    axis.legend()
    _percent(axis)
    return figure


def moved(summary: dict[str, Any]) -> Figure:
    """Which share of the update each rule gives to other groups than none does."""
    rows = {
        rule: (r["moved"], r["moved_low"], r["moved_high"]) for rule, r in summary["rules"].items() if rule != "none"
    }
    whole: dict[str, str] = dict.fromkeys(WHOLE, "0: one divisor for all groups")
    return _bars(rows, "share of the update that goes to other groups than without dividing", whole)


def unanimous(summary: dict[str, Any]) -> Figure:
    """The share of the update in groups whose answers are all right or all wrong."""
    rows = {rule: (row["value"], row["low"], row["high"]) for rule, row in summary["unanimous"].items()}
    return _bars(rows, "share of the update in groups that are all right or all wrong")


def _bars(rows: dict[str, tuple[float, float, float]], label: str, said: Mapping[str, str] | None = None) -> Figure:
    """A bar per rule with its interval; `said` in place of some rules' numbers."""
    figure, axis = plt.subplots(figsize=(7.5, 0.6 + 0.42 * len(rows)))
    shown = rule_looks(list(rows))
    for place, (rule, look) in enumerate(shown.items()):
        value, low, high = rows[rule]
        axis.barh(place, value, color=look.colour, alpha=0.55, hatch=look.hatch, edgecolor="white")
        axis.plot([low, high], [place, place], color="black", lw=2)
        axis.annotate(
            (said or {}).get(rule, f"{value:.1%}"),
            (max(value, high), place),
            xytext=(5, -3),
            textcoords="offset points",
            fontsize=9,
        )
    axis.set_yticks(range(len(rows)), [look.name for look in shown.values()])
    axis.invert_yaxis()
    most = max(max(value, high) for value, _, high in rows.values())
    axis.set(xlabel=label, xlim=(0, 1.15 * most or 1))
    _percent(axis, "x")
    return figure


def dead_share(summary: dict[str, Any]) -> Figure:
    """The share of groups that are all right or all wrong, by group size; grey: an average of a changing run."""
    figure, axis = plt.subplots(figsize=(7, 3.6))
    for size, row in summary["dead_share_at"].items():
        colour = "#0072B2" if row["resolved"] else GREY
        if narrow(row):
            axis.plot([int(size)] * 2, [row["low"], row["high"]], color=colour, lw=5, alpha=0.45, solid_capstyle="butt")
        logged = int(size) == summary["group_size"]
        if row["resolved"] or logged:
            colour = "black" if logged else colour
            axis.plot(int(size), np.clip(row["value"], 0, 1), "s" if logged else "o", color=colour)
    sizes = [int(size) for size in summary["dead_share_at"]]
    axis.axvline(summary["group_size"], color="black", ls=":", lw=1)
    axis.annotate("logged", (summary["group_size"], 0.97), xytext=(4, 0), textcoords="offset points", fontsize=9)
    axis.set_xscale("log", base=2)
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.minorticks_off()
    axis.set(xlabel="answers per prompt, G", ylabel="all right or all wrong", ylim=(0, 1.03))
    _percent(axis)
    return figure


def windows(summary: dict[str, Any], step: str) -> Figure:
    """The log stretch by stretch; `step` is what its steps are called."""
    rows = summary["windows"]
    told = [row["moved"] is not None for row in rows]
    figure, axes = plt.subplots(1, 2 if any(told) else 1, figsize=(9.5 if any(told) else 6, 3.4), squeeze=False)
    x, label = np.arange(1, len(rows) + 1), "stretch of the log, in the order of its files"
    if rows[0]["first_step"] is not None and rows[-1]["last_step"] > rows[0]["first_step"]:
        x, label = np.array([(row["first_step"] + row["last_step"]) / 2 for row in rows]), step
    left = axes[0, 0]
    left.plot(x, [row["dead_share"] for row in rows], "s-", color="#D55E00", label="dead groups")
    if rows[0]["right"] is not None:
        left.plot(x, [row["right"] for row in rows], "o--", color="#0072B2", label="right answers")
    left.set(xlabel=label, ylabel="share", ylim=(0, 1))
    left.legend()
    _percent(left)
    if any(told):
        right = axes[0, 1]
        kept = [row for row in rows if row["moved"] is not None]
        middle = np.array([row["moved"] for row in kept])
        low, high = (np.array([row[f"moved_{end}"] for row in kept]) for end in ("low", "high"))
        right.fill_between(x[told], low, high, color="#D55E00", alpha=0.2, lw=0)
        right.plot(x[told], middle, "s-", color="#D55E00")
        right.set(xlabel=label, ylabel="moved by dividing (group)", ylim=(0, None))
        _percent(right)
    return figure
