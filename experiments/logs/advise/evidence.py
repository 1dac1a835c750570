"""The numbers that decide an advice, from the summary of a report: the log's own, and leads of the sweep `practice`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from experiments.logs.advice import RUN_STD, Evidence, Interval, Lead
from experiments.logs.groups import Note
from experiments.logs.report.abstain import DRIFT

SIMULATED: Mapping[int, float] = {4: -0.0001, 8: 0.0054, 16: 0.0146, 64: 0.0296}
"""Mean lead of `group` over `none` in mean accuracy over a run, on training prompts, by G: the settings of the sweep
`practice` (docs/sweeps.md) with Adam, which trainers use unless told otherwise; learning rates tuned for each rule."""


def evidence(
    summary: Mapping[str, Any],
    notes: Collection[Note] = (),
    *,
    run_std: float | None = None,
    chi: tuple[float, float] | None = None,
    lead: Lead | None = None,
    no_replay: str = "",
    assumed: Collection[str] = (),
) -> Evidence:
    """What a log says, as far as an advice needs it.

    Arguments:
        summary: of `experiments.logs.report.summary.summarise`.
        notes: of the log.
        run_std: deviation of a run's accuracy from seed to seed, where the reader knows it.
        chi: the interval of χ, where it was measured.
        lead: of the replay, where there is one; else that of simulations with Adam at this size of groups.
        no_replay: why there is none, where one was asked for.
        assumed: what the replay takes for granted, in sentences.
    """
    s = summary
    moved, why = _moved(s)
    unanimous = s["unanimous"]
    if lead is None:
        lead = simulated_lead(s["group_size"])
    return Evidence(
        group_size=s["group_size"],
        binary=s["rewards"] == "binary",
        rule=s["rule"],
        moved=moved,
        unmoved_why=why,
        unanimous=None if unanimous is None else Interval(**unanimous["group"]),
        unanimous_plain=None if unanimous is None else Interval(**unanimous["none"]),
        unanimous_why=_unanimous_why(s),
        lead=lead,
        lead_why="" if lead else f"in groups of more than {max(SIMULATED)} nothing was simulated.",
        run_std=RUN_STD if run_std is None else (run_std, run_std),
        chi=chi,
        unfit=_unfit(s, notes),
        limits=(*_limits(s), *([f"not replayed: {no_replay}"] if no_replay else []), *assumed),
    )


def simulated_lead(group_size: int) -> Lead | None:
    """The sweep's mean lead at the next larger size that it has, as leads grow with G; None beyond the largest.

    >>> simulated_lead(6)
    Lead(low=0.0054, high=0.0054, source='on average in simulations with Adam, in groups of 8', replayed=False)
    """
    size = min((size for size in SIMULATED if size >= group_size), default=None)
    if size is None:
        return None
    value = SIMULATED[size]
    return Lead(value, value, f"on average in simulations with Adam, in groups of {size}", replayed=False)


def _drifts(s: Mapping[str, Any]) -> bool:
    return s["stationary_p"] is not None and s["stationary_p"] < DRIFT


def _moved(s: Mapping[str, Any]) -> tuple[Interval | None, str]:
    """What dividing moves, and why it is not known. A run that changed has the least and the most of its stretches."""
    if "moved_share" in s["abstained"]:
        return None, s["abstained"]["moved_share"]
    row = s["rules"]["group"]
    found = Interval(row["moved"], row["moved_low"], row["moved_high"])
    if not _drifts(s):
        return found, ""
    windows = s["windows"]
    if len(windows) < 2 or any(w["moved"] is None for w in windows):
        return None, (
            "The run changed on the way, and its stretches have too few live groups to be read one by one: give a "
            "longer log, or fewer windows, at least two."
        )
    low, high = min(w["moved_low"] for w in windows), max(w["moved_high"] for w in windows)
    return Interval(found.value, min(low, found.low), max(high, found.high)), ""


def _unanimous_why(s: Mapping[str, Any]) -> str:
    for name in ("unanimous_share", "dead_share_at"):  # of few groups; of rewards that are not counted
        if name in s["abstained"]:
            return s["abstained"][name]
    return "Name the function that says 1 for right and 0 for wrong, --correct COLUMN."


def _unfit(s: Mapping[str, Any], notes: Collection[Note]) -> tuple[str, ...]:
    silent = s["abstained"]
    found = [note.text for note in notes if note.kind == "mixed"]
    if "dead_share" in silent and silent["dead_share"] == silent.get("moved_share"):  # one reason for everything
        found.append(silent["dead_share"])
    return tuple(found)


def _limits(s: Mapping[str, Any]) -> tuple[str, ...]:
    found = []
    if s["estimator"] is not None and s["rule"] is None and s["estimator"] != "gdpo":
        found.append("no known estimator explains the log's advantages, so what your trainer does now is not known.")
    if _drifts(s):
        found.append("the run changed on the way: the interval spans its stretches, and says nothing of what follows.")
    elif s["stationary_p"] is None and "stationary_p" in s["abstained"]:
        found.append("the log names no steps, so whether the run changed on the way is not tested (--step-column).")
    return tuple(found)
