"""How often the replay's band holds the true lead: simulated runs of known overlap, replayed from their logs alone.

    run i: a law of pass rates and ρ drawn; the first steps of one run of `group` written as a table, `LOGGED` groups of
           every prompt, read, and replayed; the true lead from the run's own pass rates at its own ρ (`TRUE_SEEDS`
           seeds), with the run's own optimiser and prompts per update

The run has other prompts than the replay, twice as many. A log's groups are drawn anew from the policies of the run's
states. Runs whose log cannot be replayed, by the report's own abstentions, are counted apart and have no truth.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.logs.read import read
from experiments.logs.replay.design import PLAIN, Design, design_of
from experiments.logs.replay.leads import leads, pass_rates_along
from experiments.logs.replay.replay import OVERLAPS, replay, why_not
from experiments.logs.report.estimator import recover
from experiments.logs.report.measure import measure
from experiments.logs.report.summary import summarise
from experiments.logs.source import Source

TRUE_PROMPTS, LOGGED, TRUE_SEEDS = 64, 10, 16
STEP_SIZE = {"sgd": 0.03, "adam": 0.001}
"""Of the logged run: small, as a log that changes on the way is not replayed."""


@dataclass(frozen=True)
class Case:
    """One simulated run, and what the replay of its log says."""

    seed: int
    law: str
    coherence: float
    group_size: int
    abstained: str
    """Why its log is not replayed; "" where it is, and the rest is None where it is not."""
    truth: float | None = None
    """The lead, mean over seeds."""
    truth_half_width: float | None = None
    low: float | None = None
    """Of the band."""
    high: float | None = None

    @property
    def covered(self) -> bool | None:
        """Whether the band holds the true lead."""
        if self.truth is None or self.low is None or self.high is None:
            return None
        return self.low <= self.truth <= self.high


def draw_rates(rng: np.random.Generator) -> tuple[str, np.ndarray]:
    """A law with its name, and pass rates of it: U-shaped, one mode, or normal log-odds."""
    kind = rng.integers(3)
    if kind == 0:
        a, b = rng.uniform(0.2, 0.8, 2)
        return f"beta({a:.2f}, {b:.2f})", rng.beta(a, b, TRUE_PROMPTS)
    if kind == 1:
        a, b = rng.uniform(1, 4, 2)
        return f"beta({a:.2f}, {b:.2f})", rng.beta(a, b, TRUE_PROMPTS)
    median, spread = rng.uniform(0.05, 0.6), rng.uniform(0.3, 2.0)
    odds = np.log(median / (1 - median)) + spread * rng.normal(size=TRUE_PROMPTS)
    return f"log-odds of median {median:.2f}, deviation {spread:.2f}", 1 / (1 + np.exp(-odds))


def write_log(
    path: Path, rates: np.ndarray, coherence: float, group_size: int, *, seed: int, design: Design = PLAIN
) -> Path:
    """The table of a run's first steps: one group per prompt of an update."""
    steps = LOGGED * (len(rates) // (design.prompts_per_update or len(rates)))
    size = STEP_SIZE[design.optimiser]
    along = pass_rates_along(rates, group_size, coherence, 1.0, size, steps, seed=seed, design=design)
    right = np.random.default_rng(seed).binomial(group_size, np.clip(np.nan_to_num(along), 0, 1))
    rows = [f"{t},{x},{right[t, x]},{group_size}" for t, x in np.argwhere(np.isfinite(along))]
    path.write_text("\n".join(["step,prompt,num_correct,num_samples", *rows]) + "\n", encoding="utf-8")
    return path


def one_case(seed: int, group_size: int, folder: Path, design: Design = PLAIN) -> Case:
    """Simulate, write, read, replay. The reader names the optimiser, and the log has the prompts of an update."""
    rng = np.random.default_rng(seed)
    law, rates = draw_rates(rng)
    ρ = float(rng.uniform(0, OVERLAPS[-1]))
    path = write_log(folder / f"run{seed}.csv", rates, ρ, group_size, seed=20_000 + seed, design=design)
    log = read(Source(paths=(path,)))
    estimator = recover(log)
    options: dict[str, Any] = {"correct": None, "filtered": None, "num_windows": 1, "run_std": None}
    summary = summarise(log, measure(log, estimator, None), estimator, **options)
    if why := why_not(summary):
        return Case(seed, law, ρ, group_size, why)
    band = replay(summary, design=design_of(log, design.optimiser, None)[0])
    truth = leads(rates, group_size, np.array([ρ]), seed=10_000 + seed, seeds=TRUE_SEEDS, design=design)
    return Case(seed, law, ρ, group_size, "", float(truth.mean[0]), float(truth.half_width[0]), band.low, band.high)


def cases(number: int, group_size: int, design: Design = PLAIN) -> Iterator[Case]:
    """Cases until so many of them have a band."""
    seed, found = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        while found < number:
            case = one_case(seed, group_size, Path(folder), design)
            found += case.covered is not None
            seed += 1
            yield case


def row(case: Case) -> dict[str, Any]:
    """One line of JSON."""
    return asdict(case) | {"covered": case.covered}
