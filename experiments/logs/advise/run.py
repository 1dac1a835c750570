"""`advise`: count the log as a report does, decide, and print the sentence with what it stands on."""

from __future__ import annotations

import json
from dataclasses import asdict

from experiments.logs.advice import advise
from experiments.logs.advise.config import Advise
from experiments.logs.advise.evidence import evidence
from experiments.logs.advise.text import advice_text
from experiments.logs.groups import Groups
from experiments.logs.replay.design import design_of
from experiments.logs.replay.replay import replay, why_not
from experiments.logs.report.estimator import recover
from experiments.logs.report.measure import measure
from experiments.logs.report.summary import summarise
from experiments.logs.report.tables import Advised
from experiments.strict_json import plain

NUM_WINDOWS = 4
"""Stretches that are held apart where the run changed."""


def run(config: Advise, groups: Groups, filtered: tuple[int, int] | None) -> int:
    """Print the advice.

    Raises:
        ValueError: a log with nothing to count.
    """
    estimator = recover(groups)
    summary = summarise(
        groups,
        measure(groups, estimator, config.correct),
        estimator,
        correct=config.correct,
        filtered=filtered,
        num_windows=NUM_WINDOWS,
        run_std=config.run_std,
    )
    why = why_not(summary) if config.replay else ""
    lead, assumed = None, ()
    if config.replay and not why:
        design, assumed = design_of(groups, config.optimiser, config.prompts_per_update)
        lead = replay(summary, design=design)
    numbers = evidence(
        summary, groups.notes, run_std=config.run_std, chi=config.chi, lead=lead, no_replay=why, assumed=assumed
    )
    found = Advised(**asdict(advise(numbers)))
    if config.json:
        band = None if numbers.lead is None else (numbers.lead.low, numbers.lead.high)
        whole = {**found, "lead": band, "replayed": lead is not None}
        print(json.dumps(plain(whole), indent=2, ensure_ascii=False))
    else:
        print(advice_text(found))
    return 0
