"""Rows of sweeps put together by hand, whose winners and numbers are known."""

import json

import numpy as np

from experiments.sweep import parts
from experiments.sweep.grid import Grid
from experiments.sweep.spec import Spec, settings

CURVE = 4
T = 40


def run_row(setting, seed_index, area, **given):
    """One reported run; J rises from .1 along a line to `final`."""
    final = given.get("final", area + 0.1)
    row = {name: getattr(setting, name) for name in Grid.__annotations__} | {"group_size": str(setting.group_size)}
    row |= {
        "stage": "report", "seed_index": seed_index, "step_size": 10.0, "initial": 0.1, "final": final, "area": area,
        "lowest": 0.1, "best_known": 1.0, "hitting_time_50": 8.0, "hitting_time_75": 16.0, "hitting_time_90": 32.0,
        "average_std": 0.3, "cross_ratio_start": 1.0, "cross_ratio_end": 1.0, "largest_kl": 0.05, "limited_share": 0.5,
        "finite": True, "step_at_edge": False, "degenerate_design": False,
        "curve": np.linspace(0.1, final, CURVE + 1)[:-1],
    }  # fmt: skip
    return row | given


def made(spec, plant):
    """Rows of a sweep; plant(setting, seed_index) gives the columns that differ, `area` at least."""
    rows = [run_row(setting, seed, **plant(setting, seed)) for setting in settings(spec) for seed in range(spec.seeds)]
    tuned = [run_row(setting, 0, 0.0, stage="tune", best_known=np.nan) for setting in settings(spec)]
    return {name: np.array([row.get(name, rows[0][name]) for row in [*tuned, *rows]]) for name in rows[0]}


def small(**axes):
    """A sweep of a few cells."""
    return Spec(num_steps=T, num_curve=CURVE, seeds=8, steps=(1.0, 10.0), tuning_seeds=1, grid=Grid(**axes))


NOISE = np.array([0.3, -0.2, 0.1, -0.3, 0.2, 0.05, -0.1, -0.05])
"""Of the seeds, shared by all rules: far larger than the differences of rules, sum 0."""
JITTER = np.array([3, -2, 1, -3, 2, 0.5, -1, -0.5]) * 1e-3
"""A rule's own, in another order for each rule."""


def planted(gaps):
    """Runs in which a rule is ahead by gaps[rule] on average, on seeds of widely different difficulty."""

    def plant(setting, seed):
        shift = sorted(gaps).index(setting.rule)
        return {"area": 0.5 + NOISE[seed] + gaps[setting.rule] + np.roll(JITTER, shift)[seed]}

    return plant


def write(out, spec, rows, *, chunks=1, missing=()):
    """The folder of a sweep with these rows, as the engine leaves it."""
    (out / "parts").mkdir(parents=True)
    source = parts.begin(spec, out, chunks)
    where = np.arange(len(rows["rule"])) * chunks // len(rows["rule"])
    for i in set(range(chunks)) - set(missing):
        parts.write_part(out, i, {name: values[where == i] for name, values in rows.items()}, source)
    return json.loads((out / "manifest.json").read_text())
