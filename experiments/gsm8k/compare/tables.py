"""What summary.json of `gsm8k compare` holds, entry by entry."""

from __future__ import annotations

from typing import TypedDict

from experiments.gsm8k.tables import Change, FinalRate, RunInfo, Tried


class Outcome(TypedDict):
    """Where a rule's reported runs went, each at the rule's tuned rate: means over sets of mean pass rates."""

    step_size: float
    train: Change
    """Of training prompts, at the end."""
    test: Change
    """Of held-out prompts."""
    test_gain: Change
    """Of held-out prompts, less where they began."""
    test_figures_gain: Change
    """The same of the right figures alone, whatever follows them."""
    fell: int
    """Runs whose training prompts ended below where they began; a run that was lost is one."""


class Lead(TypedDict):
    """A rule less the first one, paired over sets."""

    train: Change
    """At the end, training prompts."""
    train_over_run: Change
    """Mean over the looks along the run."""
    test: Change
    """At the end, held-out prompts."""
    test_figures: Change
    """The same of figures alone."""


class Compared(TypedDict):
    """What the rows say."""

    start_train: Change
    """Before training."""
    start_test: Change
    rules: dict[str, Outcome]
    leads: dict[str, Lead]
    """By rule but the first."""
    final: list[FinalRate]
    tuning: list[Tried]
    notes: list[str]
    num_parameters: int
    """That are trained."""


class Summary(Compared):
    """summary.json."""

    schema_version: int
    run: RunInfo
