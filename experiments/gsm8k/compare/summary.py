"""From the looks along reported runs to what summary.json says; intervals are Student's t over sets."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from experiments.gsm8k.compare.tables import Compared, Lead, Outcome
from experiments.gsm8k.predictions.held_out import as_change
from experiments.gsm8k.tables import Change, FinalRate, Tried
from experiments.language.learning.lost import solved
from experiments.rows import Rows, of
from experiments.statistics import interval

LEG = "compare"
"""The name of the leg, in tables."""


def curves(looks: Rows, rule: str, column: str) -> Float[np.ndarray, "sets looks"]:
    """A rule's mean pass rates, a row a set in the order of sets; a lost policy's are 0."""
    mine = of(looks, rule=rule)
    return np.stack([solved(of(mine, seed=seed)[column]) for seed in np.unique(mine["seed"])])


def _change(values: Float[np.ndarray, " sets"]) -> Change:
    return as_change(interval(values))


def outcome(looks: Rows, rule: str, step_size: float) -> Outcome:
    """Where the rule's runs went."""
    train, test, figures = (curves(looks, rule, name) for name in ("train", "test", "test_figures"))
    return Outcome(
        step_size=step_size,
        train=_change(train[:, -1]),
        test=_change(test[:, -1]),
        test_gain=_change(test[:, -1] - test[:, 0]),
        test_figures_gain=_change(figures[:, -1] - figures[:, 0]),
        fell=int((train[:, -1] < train[:, 0]).sum()),
    )


def lead(looks: Rows, rule: str, first: str) -> Lead:
    """The rule less the first, on the same sets."""

    def less(column: str) -> Float[np.ndarray, "sets looks"]:
        return curves(looks, rule, column) - curves(looks, first, column)

    train = less("train")
    return Lead(
        train=_change(train[:, -1]),
        train_over_run=_change(train.mean(axis=1)),
        test=_change(less("test")[:, -1]),
        test_figures=_change(less("test_figures")[:, -1]),
    )


def summarise(
    looks: Rows, step_sizes: dict[str, float], tuning: list[Tried], notes: list[str], num_parameters: int
) -> Compared:
    """Everything.

    Arguments:
        looks: the tables "probes" of all reported runs, joined.
        step_sizes: each rule's tuned rate, in the order of rules; the first is what others are held against.
    """
    first, *others = step_sizes
    final = [
        FinalRate(mode=LEG, rule=rule, seed=int(seed), step_size=step_sizes[rule], train=train, test=test)
        for rule in step_sizes
        for seed, train, test in zip(
            np.unique(looks["seed"]),
            curves(looks, rule, "train")[:, -1].tolist(),
            curves(looks, rule, "test")[:, -1].tolist(),
            strict=True,
        )
    ]
    return Compared(
        start_train=_change(curves(looks, first, "train")[:, 0]),
        start_test=_change(curves(looks, first, "test")[:, 0]),
        rules={rule: outcome(looks, rule, size) for rule, size in step_sizes.items()},
        leads={rule: lead(looks, rule, first) for rule in others},
        final=final,
        tuning=tuning,
        notes=notes,
        num_parameters=num_parameters,
    )
