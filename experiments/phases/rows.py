"""Runs as rows: the recorded steps, one row a run and phase, and the own terms by σ.

Phase means and counts of violations are over ALL steps of the phase; the rows of `steps` keep every early step and one
in ten later, for figures. Independent checks: tests/experiments/phases/test_rows.py.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from bandits import Problem, realisable
from curvature import phases
from curvature.constants import A_PRIORI_STD
from experiments.phases.measure import FALSE_FACTOR, NUM_BINS, PROFILE, QUANTILES, ROUNDING
from experiments.phases.recipe import CONFIGURATIONS, Paths
from experiments.rows import Rows

EARLY, STRIDE = 400, 10


def series(paths: Paths) -> Rows:
    """Every recorded quantity by its column's name, [S, T]."""
    i, s = paths.indices, paths.indices.surplus
    rates = {f"pass_rate_{100 * q:.0f}": i.rates[..., k] for k, q in enumerate(QUANTILES)}
    columns = {
        "value": i.value, "value_none": paths.value_none, "lead": i.value - paths.value_none, "std": i.std,
        "cross_ratio": i.cross_ratio, "orthogonality": i.orthogonality, "relative_gain": i.relative_gain,
        "own": i.own, "certified": s.certified, "realised": s.realised, "first_order": s.first_order,
        "lower": s.first_order - s.remainder, "upper": s.first_order + s.remainder, **rates,
    }  # fmt: skip
    return {name: np.asarray(values) for name, values in columns.items()}


def recorded(num_steps: int) -> np.ndarray:
    """The steps that are kept as rows.

    >>> recorded(421)[-4:].tolist()
    [399, 400, 410, 420]
    """
    t = np.arange(num_steps)
    return t[(t < EARLY) | (t % STRIDE == 0)]


def step_rows(name: str, paths: Paths) -> Rows:
    """One row a seed and recorded step."""
    columns = series(paths)
    S, T = columns["value"].shape
    kept = recorded(T)
    cut = np.stack([phases(χ) for χ in columns["cross_ratio"]])
    labels = {
        "configuration": np.full(S * len(kept), name),
        "seed_index": np.repeat(np.arange(S), len(kept)),
        "time": np.tile(kept, S),
        "phase": cut[:, kept].ravel(),
    }
    return labels | {column: values[:, kept].ravel() for column, values in columns.items()}


def violations(paths: Paths) -> Rows:
    """[S, T] booleans: where T3, or a claim that is wrong on purpose, does not hold."""
    s = paths.indices.surplus
    error = abs(s.realised - s.first_order)
    wrong = {
        "violated_prompt": s.excess > ROUNDING,
        "violated_surplus": error > s.remainder + ROUNDING,
        "violated_half_prompt": s.half_excess > ROUNDING,
        "violated_half_surplus": error > FALSE_FACTOR * s.remainder + ROUNDING,
        "violated_difference": s.realised < s.certified - ROUNDING,
    }
    return {name: np.asarray(values) for name, values in wrong.items()}


def phase_rows(name: str, paths: Paths) -> Rows:
    """One row a seed and phase that it has: means over the phase's steps, J and the lead at both ends, counts."""
    columns, wrong = series(paths), violations(paths)
    error = np.abs(columns["realised"] - columns["first_order"])
    share = error / np.maximum(np.asarray(paths.indices.surplus.remainder), np.finfo(float).tiny)
    rows: list[dict[str, float]] = []
    for seed, χ in enumerate(columns["cross_ratio"]):
        cut = phases(χ)
        for phase in np.unique(cut):
            at = np.flatnonzero(cut == phase)
            first, last = at[0], at[-1]
            row = {"seed_index": seed, "phase": int(phase), "first": int(first), "num_steps": len(at)}
            row |= {column: float(values[seed, at].mean()) for column, values in columns.items()}
            for column in ("value", "lead"):
                row |= {f"{column}_first": float(columns[column][seed, first])}
                row |= {f"{column}_last": float(columns[column][seed, last])}
            # two sides, two rules, every prompt; and the two sides of the surplus
            row["num_checks"] = len(at) * (4 * CONFIGURATIONS[name].num_prompts + 2)
            row["largest_share"] = float(share[seed, at].max())
            row |= {column: int(values[seed, at].sum()) for column, values in wrong.items()}
            rows.append(row)
    return {"configuration": np.full(len(rows), name)} | {key: np.array([row[key] for row in rows]) for key in rows[0]}


def profile_rows(name: str, paths: Paths) -> Rows:
    """One row a bin of σ, over all seeds, prompts and steps."""
    total = np.asarray(paths.profile).sum(axis=0)
    edges = np.linspace(0, A_PRIORI_STD, NUM_BINS + 1)
    return {
        "configuration": np.full(NUM_BINS, name), "std_low": edges[:-1], "std_high": edges[1:],
        **{column: total[:, k] for k, column in enumerate(PROFILE)},
    }  # fmt: skip


def problem_rows(name: str, problems: list[Problem]) -> Rows:
    """One row a seed: whether one parameter makes every right arm the likeliest, so that J* = 1."""

    def can_be_learnt(one: Problem) -> bool:
        return realisable(one.features, jnp.argmax(one.rewards, axis=1))

    return {
        "configuration": np.full(len(problems), name),
        "seed_index": np.arange(len(problems)),
        "realisable": np.array([can_be_learnt(one) for one in problems]),
    }


TABLES = {"steps": step_rows, "phases": phase_rows, "profile": profile_rows}
"""What is written of every configuration's runs, beside `problem_rows`."""
