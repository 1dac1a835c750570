"""The whole experiment: parts one after the other, each kept as soon as it is finished, then figures and the report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bandits.pass_rates import PassRates
from experiments import plotting, store
from experiments.convergence import certificates, comparison, counterexamples, exponents, figures, theorem
from experiments.convergence.config import Reproduce
from experiments.convergence.summary import summarise
from experiments.convergence.text import report

Rows = dict[str, np.ndarray]


def _grid(config: Reproduce) -> Rows:
    parts = []
    batches = theorem.grid_rows(config.seed, config.num_steps)
    with tqdm(batches, total=2 * len(theorem.ARMS), desc="  grid", leave=False) as bar:
        for what, columns in bar:
            bar.set_postfix_str(what)
            parts.append(columns)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


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
    }


@dataclass(frozen=True)
class Inputs:
    """What was read and found in order before anything is computed."""

    rates: PassRates
    source: store.Provenance
    rows: Path
    figures: Path


def prepare(config: Reproduce) -> Inputs:
    """Read the pass rates and make the folders.

    Raises:
        ValueError: bad pass rates, or a folder that cannot be written to.
    """
    rates = config.read()
    out = store.writable_folder(config.out)
    content = config.pass_rates.read_bytes() if config.pass_rates else b""
    return Inputs(
        rates,
        store.provenance(config.identity(), config.seed, content),
        store.writable_folder(out / "rows"),
        store.writable_folder(out / "figures"),
    )


def reproduce(config: Reproduce, inputs: Inputs) -> dict[str, Any]:
    """Compute every part that is not finished yet, draw, and report; returns the content of summary.json.

    Raises:
        OSError: writing failed; finished parts are kept.
    """
    started = time.perf_counter()
    rates, source = inputs.rates, inputs.source
    parts: dict[str, Rows] = {}
    with tqdm(parts_of(config, rates).items(), unit="part") as bar:
        for name, (what, compute) in bar:
            bar.set_description(what)
            path = inputs.rows / f"{name}.parquet"
            if config.fresh or not store.is_finished(path, source):
                begun = time.perf_counter()
                columns = compute()
                store.write_rows(path, columns, source, time.perf_counter() - begun)
            parts[name] = store.read_rows(path)

    summary = {"schema_version": store.SCHEMA_VERSION, **summarise(parts, rates)}
    summary["run"] = {
        "run_id": source.run_id,
        "config": config.identity(),
        "commit": source.commit,
        "versions": json.loads(source.versions),
        "device": source.device,
        "wall_time_s": round(sum(float(rows["wall_time_s"][0]) for rows in parts.values()), 1),
    }
    _draw(parts, rates, inputs.figures)
    store.write_bytes(config.out / "summary.json", (json.dumps(summary, indent=2, ensure_ascii=False) + "\n").encode())
    store.write_bytes(config.out / "report.html", report(summary, inputs.figures))
    print(f"{time.perf_counter() - started:.0f} s; report: {config.out / 'report.html'}")
    return summary


def _draw(parts: dict[str, Rows], rates: PassRates, folder: Path) -> None:
    drawings: dict[str, Callable[[], Any]] = {
        "theorem": lambda: figures.theorem(parts["theorem"]),
        "pass_rates": lambda: figures.file_theorem(parts["pass_rates"], rates.raw, rates.used, rates.source),
        "tails": lambda: figures.tails(parts["tails"]),
        "window": lambda: figures.window(parts["window"]),
        "certificates": lambda: figures.certificate(parts["certificates"]),
        "counterexamples": lambda: figures.losses(parts["counterexamples"]),
        "comparison": lambda: figures.rules(parts["comparison"]),
    }
    for name, draw in tqdm(drawings.items(), desc="figures", unit="figure", leave=False):
        plotting.save(draw, folder, name)
