"""How often the replay's band holds the true lead: simulated runs of known overlap, replayed from their logs alone.

    run i: a law of pass rates, ρ and G drawn; the true lead from its own pass rates at its own ρ (`TRUE_SEEDS` seeds);
           the first `LOGGED` steps of one run of it written as a table, read, and replayed

A log's groups are drawn anew from the policies of the run's states. Runs whose log cannot be replayed (the reader's own
abstentions) are counted apart.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from experiments.logs.read import read
from experiments.logs.replay.leads import leads, pass_rates_along
from experiments.logs.replay.replay import OVERLAPS, replay, why_not
from experiments.logs.report.estimator import recover
from experiments.logs.report.measure import measure
from experiments.logs.report.summary import summarise
from experiments.logs.source import Source

TRUE_PROMPTS, LOGGED, TRUE_SEEDS = 64, 10, 16
SIZES = (8, 16)


@dataclass(frozen=True)
class Case:
    """One simulated run, and what the replay of its log says."""

    seed: int
    law: str
    coherence: float
    group_size: int
    truth: float
    """The lead, mean over seeds."""
    truth_half_width: float
    low: float | None
    """Of the band; None where the replay abstains."""
    high: float | None
    abstained: str

    @property
    def covered(self) -> bool:
        """Whether the band holds the true lead."""
        return self.low is not None and self.high is not None and self.low <= self.truth <= self.high


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


def one_case(seed: int, folder: Path) -> Case:
    """Simulate, write, read, replay."""
    rng = np.random.default_rng(seed)
    law, rates = draw_rates(rng)
    ρ, G = float(rng.uniform(0, OVERLAPS[-1])), int(rng.choice(SIZES))
    truth = leads(rates, G, np.array([ρ]), seed=10_000 + seed, seeds=TRUE_SEEDS)
    along = pass_rates_along(rates, G, ρ, 1.0, float(truth.step_size[0, 1]), LOGGED, seed=20_000 + seed)
    path = folder / f"run{seed}.csv"
    right = rng.binomial(G, np.clip(along, 0, 1))
    rows = [f"{t},{x},{right[t, x]},{G}" for t in range(LOGGED) for x in range(TRUE_PROMPTS)]
    path.write_text("step,prompt,num_correct,num_samples\n" + "\n".join(rows) + "\n")
    log = read(Source(paths=(path,)))
    estimator = recover(log)
    options = {"correct": None, "filtered": None, "num_windows": 1, "run_std": None}
    summary = summarise(log, measure(log, estimator, None), estimator, **options)
    why = why_not(summary)
    band = None if why else replay(summary)
    return Case(
        seed, law, ρ, G, float(truth.mean[0]), float(truth.half_width[0]), band.low if band else None,
        band.high if band else None, why,
    )  # fmt: skip


def cases(number: int, first: int = 0) -> Iterator[Case]:
    """Cases until so many of them have a band."""
    seed, found = first, 0
    with tempfile.TemporaryDirectory() as folder:
        while found < number:
            case = one_case(seed, Path(folder))
            found += case.low is not None
            seed += 1
            yield case


def row(case: Case) -> dict:
    """One line of JSON."""
    return asdict(case) | {"covered": case.covered}
