"""How large a rule's lead over REINFORCE is: its interval, in deviations of a seed, and the seeds that can see it.

    deviations = Δ/s, s of one arm over seeds, problem and luck drawn anew      seeds an arm: `curvature.seeds_needed`

Independent checks: planted rows in tests/experiments/phase_diagram/test_lead.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from curvature.seeds import seeds_needed
from experiments.phase_diagram.tables import HeldOut, Lead
from experiments.rows import Rows
from experiments.statistics import band, interval

RESOLUTION = 1e-9
"""Differences of mean J below this are rounding: rules whose updates are multiples of each other (T13: none and group
at G = 2) run the same under a KL limit, and one of them must not win by 1e-15."""


def verdict(difference: Sequence[float]) -> str:
    """In words, of a mean with its interval.

    >>> verdict((0.2, 0.1, 0.3)), verdict((-0.2, -0.3, -0.1)), verdict((0.1, -0.1, 0.3))
    ('better', 'worse', 'no difference')
    """
    return "better" if difference[1] > RESOLUTION else "worse" if difference[2] < -RESOLUTION else "no difference"


def lead_of(mine: np.ndarray, none: np.ndarray) -> Lead:
    """Of mean J, paired by seed.

    Arguments:
        mine, none: [S] of a rule and of REINFORCE, S ≥ 2, finite.

    >>> lead_of(np.array([0.2, 0.4]), np.array([0.1, 0.3]))["seeds"]  # Δ = .1, s = .141
    33
    """
    by_seed = mine - none
    difference = interval(by_seed).ends
    s, Δ = math.sqrt((np.var(mine, ddof=1) + np.var(none, ddof=1)) / 2), abs(difference[0])
    return {
        "difference": difference,
        "by_seed": by_seed.tolist(),
        "verdict": verdict(difference),
        "deviations": difference[0] / s if s > RESOLUTION else None,
        "seeds": seeds_needed(Δ, s) if Δ > RESOLUTION else None,
    }


def held_out(mine: Rows, none: Rows | None) -> HeldOut | None:
    """Of the prompts that were not trained on; None where there were none, or where a run was not finite.

    Arguments:
        mine: rows of one rule of one cell, by seed.
        none: those of REINFORCE, or None for itself or where there are none.
    """
    if "held_out_area" not in mine or not (mine["finite"].all() and np.isfinite(mine["held_out_area"]).all()):
        return None
    curve = np.concatenate([mine["held_out_curve"], mine["held_out_final"][:, None]], axis=1)
    known = none is not None and bool(none["finite"].all())
    return {
        "area": interval(mine["held_out_area"]).ends,
        "final": interval(mine["held_out_final"]).ends,
        "lead": lead_of(mine["held_out_area"], none["held_out_area"]) if known and none is not None else None,
        "curve": [part.tolist() for part in band(curve)],
    }


YES = {"better": "yes", "worse": "no", "no difference": "no difference that these seeds show"}


def answer(rules: Mapping[str, tuple[Lead | None, HeldOut | None]]) -> str | None:
    """Should I divide? In one setting, on the prompts that were not trained on and on those that were; None where
    group or none was not run, or not to its end.

    Arguments:
        rules: (lead in training, held-out prompts) by rule.
    """
    if "group" not in rules or rules["group"][0] is None:
        return None
    trained, unseen = rules["group"]
    parts = [("training", trained)]
    if unseen is not None and unseen["lead"] is not None:
        parts.insert(0, ("held-out", unseen["lead"]))
    return "Should I divide? " + " ".join(f"On {where} prompts: {_said(lead)}." for where, lead in parts if lead)


def _said(lead: Lead) -> str:
    mean, low, high = (f"{value:+.4f}" for value in lead["difference"])
    text = f"{YES[lead['verdict']]}, {mean} [{low}, {high}] of mean J over the run"
    if lead["deviations"] is None or lead["seeds"] is None:
        return text
    return f"{text}, {abs(lead['deviations']):.2g} deviations of a seed ({lead['seeds']:,} seeds an arm to see it)"
