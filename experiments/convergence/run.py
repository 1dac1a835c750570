"""The whole experiment: parts in a process a core, each kept as soon as it is finished, then figures and the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from bandits.pass_rates import PassRates
from experiments import plotting
from experiments.command import StoppedError
from experiments.convergence import (
    beyond_groups,
    certificates,
    coherence,
    comparison,
    counterexamples,
    exponents,
    figures,
    figures_binary,
    figures_limits,
    overtaking,
    own_rates,
    own_sums,
    rare_start,
    right_or_wrong,
    sampled_groups,
    theorem,
)
from experiments.convergence.config import Reproduce
from experiments.convergence.summary import summarise
from experiments.convergence.text import report
from experiments.processes import Processes
from experiments.rows import Rows, join
from experiments.study import Study

LONGEST = ("comparison", "theorem", "own_rates", "tails")
"""The parts that begin first."""
SHOWN = {
    "overtaking": ("overtaking", "own_rates"),
    "sampled": ("sampled", "beyond"),
    "right_or_wrong": ("right_or_wrong", "own_sums"),
}
"""The parts that a figure shows, where it is more than the part of its name."""


def _grid(config: Reproduce) -> Rows:
    return join([columns for _, columns in theorem.grid_rows(config.seed, config.num_steps)])


def parts_of(config: Reproduce, rates: PassRates) -> dict[str, tuple[str, Callable[[], Rows]]]:
    """The parts by name: what the reader is told, and what computes the rows."""
    return {
        "theorem": ("the convergence theorem on a grid of problems", lambda: _grid(config)),
        "pass_rates": (
            f"the convergence theorem on {len(rates.raw)} pass rates",
            lambda: theorem.file_rows(rates.used, config.seed, config.num_steps),
        ),
        "tails": ("exponents of two arms, exact and in groups", exponents.curve_rows),
        "hitting": ("hitting times from rare success", exponents.hitting_rows),
        "window": ("the adaptivity window of finite groups", exponents.window_rows),
        "certificates": ("certificates on random problems", lambda: certificates.rows(config.seed)),
        "counterexamples": ("where GRPO loses", counterexamples.rows),
        "comparison": ("tuned rules under sampled groups", lambda: comparison.rows(config.seed, config.num_seeds)),
        "own_rates": ("failure rates between their bounds", lambda: own_rates.rows(config.seed)),
        "mean_rates": ("mean failure rates of prompts that overlap", lambda: own_rates.mean_rows(config.seed)),
        "overtaking": ("REINFORCE at twenty steps against GRPO at one", overtaking.rows),
        "divisors": ("divisors of the whole batch", overtaking.divisor_rows),
        "rare": ("exact gradients from rare success", rare_start.rows),
        "right_or_wrong": ("curvature and gain of right-or-wrong rewards", lambda: right_or_wrong.rows(config.seed)),
        "own_sums": ("each rule ascends its own sum", own_sums.rows),
        "sampled": ("groups of samples, in answers drawn", lambda: sampled_groups.rows(config.seed)),
        "starts": ("groups of samples from rare success", lambda: sampled_groups.start_rows(config.seed)),
        "beyond": ("momentum, Adam, no baseline", lambda: beyond_groups.rows(config.seed)),
        "coherence": ("one step under coherence, and two runs", lambda: coherence.rows(config.seed)),
    }


def compute(name: str, rates: PassRates, config: Reproduce) -> tuple[Rows, float]:
    """The rows of a part, and the seconds that they took."""
    begun = time.perf_counter()
    return parts_of(config, rates)[name][1](), time.perf_counter() - begun


def draw(name: str, parts: Mapping[str, Rows], rates: PassRates, folder: Path) -> None:
    """One figure, into files."""
    plotting.save(drawings(parts, rates)[name], folder, name)


def reproduce(rates: PassRates, config: Reproduce, study: Study, there: Processes) -> dict[str, Any]:
    """Compute every part that is not finished yet, draw, and report; returns the content of summary.json.

    Arguments:
        rates: that the part "pass_rates" starts from.
        config: what was asked for.
        study: holds the folder.
        there: where parts are computed and figures drawn.

    Raises:
        ValueError: a folder that this run may not write to.
        OSError: writing failed; finished parts are kept.
        StoppedError: a process was killed; finished parts are kept.
    """
    todo = parts_of(config, rates)
    study.num_parts = len(todo)
    with study:
        order = sorted(todo, key=lambda name: LONGEST.index(name) if name in LONGEST else len(LONGEST))
        away = [] if there.alone else [name for name in order if not study.has(name)]
        try:
            begun = {there.submit(compute, name, rates, config): name for name in away}
            if begun:
                study.say(f"{len(begun)} parts, a core each")
            for future in as_completed(begun):
                rows, seconds = future.result()
                study.part(
                    begun[future], lambda rows=rows: rows, what=f"done: {todo[begun[future]][0]}", seconds=seconds
                )
            parts = {name: study.part(name, here, what=what) for name, (what, here) in todo.items()}
            study.figures.mkdir(exist_ok=True)
            drawn = [
                there.submit(draw, name, {part: parts[part] for part in SHOWN.get(name, (name,))}, rates, study.figures)
                for name in drawings(parts, rates)
            ]
            summary = summarise(parts, rates)
            for future in drawn:
                future.result()
        except BrokenProcessPool as error:
            raise StoppedError(
                "a process was ended from outside, perhaps for want of memory; finished parts are kept: the same "
                "command goes on"
            ) from error
        return study.publish(summary, lambda summary: report(summary, study.figures))


def drawings(parts: Mapping[str, Rows], rates: PassRates) -> dict[str, Callable[[], Figure]]:
    """The figures by name."""
    return {
        "theorem": lambda: figures.theorem(parts["theorem"]),
        "pass_rates": lambda: figures.file_theorem(parts["pass_rates"], rates.raw, rates.used, rates.source),
        "tails": lambda: figures.tails(parts["tails"]),
        "window": lambda: figures.window(parts["window"]),
        "certificates": lambda: figures.certificate(parts["certificates"]),
        "counterexamples": lambda: figures.losses(parts["counterexamples"]),
        "comparison": lambda: figures.rules(parts["comparison"]),
        "overtaking": lambda: figures_binary.overtaking(parts["overtaking"], parts["own_rates"]),
        "sampled": lambda: figures_limits.sampled(parts["sampled"], parts["beyond"]),
        "coherence": lambda: figures_limits.coherence(parts["coherence"]),
        "right_or_wrong": lambda: figures_binary.right_or_wrong(parts["right_or_wrong"], parts["own_sums"]),
    }
