"""Held-out prompts: does training on some questions help others, and under which rule more? Intervals are over sets."""

from __future__ import annotations

import numpy as np

from experiments.gsm8k.predictions.verdict import Prediction, judge
from experiments.gsm8k.results import Results
from experiments.gsm8k.tables import Change, HeldOut, Ratio
from experiments.rows import Rows, of
from experiments.statistics import Interval, interval


def first_rows(rows: Rows, rule: str) -> Rows:
    """One row a run of a rule: its ends stand in every row."""
    mine = of(rows, rule=rule)
    _, first = np.unique(mine["seed"], return_index=True)
    return {name: column[first] for name, column in mine.items()}


def change(rows: Rows, rule: str, column: str = "test") -> Interval:
    """Mean pass rate at a run's end less that at its start."""
    runs = first_rows(rows, rule)
    return interval(runs[f"final_{column}"] - runs[f"start_{column}"])


def lead(rows: Rows, first: str, second: str, column: str = "final_test") -> Interval:
    """One rule's end less another's, paired over sets."""
    return interval(first_rows(rows, first)[column] - first_rows(rows, second)[column])


def held_out(results: Results) -> list[Prediction]:
    """Improvement under each rule, and the rules against each other."""
    found = []
    designs = [("SGD", results.answer), *([("Adam", results.adam)] if results.adam is not None else [])]
    for optimiser, rows in designs:
        for rule in dict.fromkeys(map(str, rows["rule"])):
            gain, figures = change(rows, rule), change(rows, rule, "test_figures")
            train = change(rows, rule, "train")
            start = interval(first_rows(rows, rule)["start_test"])
            found.append(
                Prediction(
                    name=f"Held-out prompts improve under {rule} ({optimiser}, tuned step)",
                    claim="What is learnt is not the training prompts alone.",
                    criterion="change of the mean pass rate of held-out prompts: interval above 0 confirms, below 0 "
                    "refutes",
                    evidence=f"{gain} from {start}; figures alone {figures}; training prompts {train}",
                    verdict=judge(gain, confirmed=(0, np.inf), refuted=[(-np.inf, 0)]),
                )
            )
        for rule in dict.fromkeys(map(str, rows["rule"])):
            if rule == "none":
                continue
            difference = lead(rows, rule, "none")
            found.append(
                Prediction(
                    name=f"{rule} ends higher than none on held-out prompts ({optimiser}, tuned steps)",
                    claim="The rule's advantage is not one of memorising.",
                    criterion="difference at the end, paired over sets: interval above 0 confirms, below 0 refutes",
                    evidence=f"{difference}; on training prompts {lead(rows, rule, 'none', 'final_train')}",
                    verdict=judge(difference, confirmed=(0, np.inf), refuted=[(-np.inf, 0)]),
                )
            )
    return found


def as_change(found: Interval) -> Change:
    """For summary.json."""
    return Change(mean=found.mean, low=found.low, high=found.high, number=found.number)


def held_out_table(results: Results) -> dict[str, HeldOut]:
    """By rule."""
    return {
        rule: HeldOut(
            equal=as_change(change(results.small, rule)),
            tuned=as_change(change(results.answer, rule)),
            figures=as_change(change(results.answer, rule, "test_figures")),
            against_none=as_change(lead(results.answer, rule, "none")),
        )
        for rule in dict.fromkeys(map(str, results.answer["rule"]))
    }


def ratio_table(results: Results) -> dict[str, Ratio]:
    """χ at the ends of the tuned runs, by rule."""
    table = {}
    for rule in dict.fromkeys(map(str, results.probes["rule"])):
        rows = of(results.probes, rule=rule)
        start, end = (
            interval([of(rows, seed=seed)["cross_ratio"][k] for seed in np.unique(rows["seed"])]) for k in (0, -1)
        )
        table[rule] = Ratio(start=as_change(start), end=as_change(end))
    return table
