"""Runs put together by hand, whose rows and verdicts are known."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.phases.measure import NUM_BINS, PROFILE, Indices, Surplus
from experiments.phases.recipe import CONFIGURATIONS, Paths
from experiments.phases.rows import phase_rows, profile_rows, step_rows

CROSS = np.array([1.2, 0.8, 0.6, 0.3, 0.2, 0.1])
"""Phases I, I, II, II, III, III."""
REALISED = np.array([4.0, 2.0, 1.5, 0.5, -0.2, -0.4]) * 1e-4


def made(realised, cross=CROSS, **changed):
    """Runs with these [S, T] surpluses: U_cert 1e-5 below, first order equal, remainder 1e-4."""
    realised = np.atleast_2d(np.asarray(realised))
    S, T = realised.shape
    rising = np.tile(np.linspace(0.2, 0.9, T), (S, 1))
    surplus = {
        "first_order": realised, "remainder": np.full((S, T), 1e-4), "certified": realised - 1e-5,
        "realised": realised, "excess": np.full((S, T), -1e-6), "half_excess": np.full((S, T), -1e-6),
    } | {k: v for k, v in changed.items() if k in Surplus.__annotations__}  # fmt: skip
    indices = {
        "value": rising, "std": 0.5 - rising / 2, "cross_ratio": np.tile(cross, (S, 1)), "orthogonality": rising,
        "relative_gain": 1 + rising, "own": np.abs(realised), "rates": np.stack([rising] * 3, -1),
    }  # fmt: skip
    profile = np.ones((S, NUM_BINS, len(PROFILE)))
    profile[:, :, 2] = 1 / np.linspace(0.05, 0.5, NUM_BINS)
    profile[:, 18, 3] = 2.0  # the bin of 3/8
    value_none = changed.get("value_none", rising - np.linspace(0, 0.3, T))
    surplus, indices, value_none, profile = jax.tree.map(jnp.asarray, (surplus, indices, value_none, profile))
    return Paths(Indices(**indices, surplus=Surplus(**surplus)), value_none, profile)


def tables(**by_name):
    """The three tables of all configurations; those not named hold like `REALISED` on two seeds."""
    parts = {"steps": [], "phases": [], "profile": [], "problems": []}
    for name in CONFIGURATIONS:
        paths = by_name.get(name.replace(" ", "_").replace("-", "_"), made([REALISED, 1.1 * REALISED]))
        for table, make in (("steps", step_rows), ("phases", phase_rows), ("profile", profile_rows)):
            parts[table].append(make(name, paths))
        seeds = np.arange(len(paths.value_none))
        problems = {"configuration": np.full(len(seeds), name), "seed_index": seeds, "realisable": seeds == 0}
        parts["problems"].append(problems)
    return {table: {k: np.concatenate([p[k] for p in some]) for k in some[0]} for table, some in parts.items()}
