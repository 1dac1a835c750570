"""A study of a pretrained model replayed: from its pass rates and its cosines, is the order of the rules foretold?

    equal    at the study's equal small steps
    tuned    at the step that the study tuned for each rule
    own      each rule at the step that the replay finds best; as `advise --replay`, which knows no steps
    adam     the same under Adam

The study's steps are in units of its parameters. They are carried over by one number: with it the replay of `none` at
the small step learns as much as the study's did, mean over sets. Steps of `own` are chosen on draws that are not
reported, over all sets together. The criterion is in `experiments.logs.replay.order`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.optimize import root_scalar

from experiments.logs.replay.exact import Overlap, Sets, areas, cosines, draw_sets
from experiments.logs.replay.observed import Observed, Runs
from experiments.logs.replay.order import pairs, told

TUNING, REPORTED = range(4), range(1000, 1016)
"""Draws."""
RATIO = 2.0
"""Of a grid's steps, as the study's."""
GRID = RATIO ** np.arange(-1, 13)
"""Steps to choose from, over the carried small step of each rule."""
ADAM_GRID = RATIO ** np.arange(-10, 11)
"""The same under Adam, as they are."""
OVERLAPS: tuple[Overlap, ...] = ("measured", "advise")


def replay_study(observed: Observed) -> dict[str, Any]:
    """What is written: where it comes from, and a case for each overlap and each way to choose steps."""
    return {
        "study": {
            "run_id": observed.run_id,
            "commit": observed.commit,
            "sets": len(observed.rates),
            "prompts": observed.rates.shape[1],
            "cosine_mean": float(observed.cosine_mean.mean()),
            "cosine_std": float(observed.cosine_std.mean()),
        },
        "draws": len(REPORTED),
        "overlaps": {overlap: _replayed(observed, overlap) for overlap in OVERLAPS},
    }


def _replayed(observed: Observed, overlap: Overlap) -> dict[str, Any]:
    measured = observed.rates, observed.cosine_mean, observed.cosine_std, overlap
    reported, tuning = draw_sets(*measured, REPORTED), draw_sets(*measured, TUNING)
    equal, tuned = observed.runs["equal"], observed.runs["tuned"]
    factor = carried(reported, equal)
    scaled = {rule: factor * step for rule, step in equal.step_size.items()}
    theirs = {rule: factor * step for rule, step in tuned.step_size.items()}
    own = {rule: best(tuning, rule, scaled[rule] * GRID, tuned.num_steps) for rule in tuned.area}
    cases = {
        "equal": _case(reported, equal, scaled),
        "tuned": _case(reported, tuned, theirs),
        "own": _case(reported, tuned, own) | {"at_the_end": [r for r in own if own[r] in scaled[r] * GRID[[0, -1]]]},
    }
    if "adam" in observed.runs:
        adam = observed.runs["adam"]
        steps = {rule: best(tuning, rule, ADAM_GRID, adam.num_steps, optimiser="adam") for rule in adam.area}
        ends = {"at_the_end": [rule for rule in steps if steps[rule] in ADAM_GRID[[0, -1]]]}
        cases["adam"] = _case(reported, adam, steps, optimiser="adam") | ends
    found = cosines(reported)
    return {"factor": factor, "cosine_mean": float(found.mean()), "cosine_std": float(found.std(axis=-1).mean()),
            "cases": cases}  # fmt: skip


def carried(sets: Sets, equal: Runs) -> float:
    """The replay's step over the study's: `none` learns as much at the small step, mean over sets.

    Raises:
        ValueError: no step does.
    """
    target, step = float(equal.area["none"].mean()), equal.step_size["none"]

    def excess(log_factor: float) -> float:
        found = areas(sets, "none", np.exp([log_factor]) * step, equal.num_steps)
        return float(found.mean()) - target

    low = np.log(1e-3 / step)
    high = low + np.log(RATIO)
    while excess(high) <= 0:  # the first crossing: at longer steps runs may fall back
        low, high = high, high + np.log(RATIO)
        if high > np.log(1e3 / step):
            raise ValueError(f"--study has a mean pass rate of {target:.3g} at equal steps; no step of a replay has it")
    return float(np.exp(root_scalar(excess, bracket=(low, high), method="brentq", xtol=1e-4).root))


def best(sets: Sets, rule: str, steps: np.ndarray, num_steps: int, *, optimiser: str = "sgd") -> float:
    """The step whose area is greatest, mean over sets and draws."""
    return float(steps[areas(sets, rule, steps, num_steps, optimiser=optimiser).mean(axis=(1, 2)).argmax()])


def _case(sets: Sets, runs: Runs, steps: Mapping[str, float], *, optimiser: str = "sgd") -> dict[str, Any]:
    replayed = {
        rule: areas(sets, rule, np.array([steps[rule]]), runs.num_steps, optimiser=optimiser)[0].mean(axis=1)
        for rule in runs.area
    }
    rules = {
        rule: {
            "real": runs.area[rule].tolist(),
            "replay": replayed[rule].tolist(),
            "real_step": runs.step_size[rule],
            "replay_step": steps[rule],
        }
        for rule in runs.area
    }
    return {"num_steps": runs.num_steps, "rules": rules} | told(pairs(runs.area, replayed))
