"""The whole chain: both legs of a validation, part by part, then predictions, figures and the report.

Each part's tables are written as soon as they are finished, so the same command goes on where it was stopped.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from experiments import plotting, store
from experiments.gsm8k import figures
from experiments.gsm8k.config import Validate, plain
from experiments.gsm8k.legs import Arm, LegRun, Tables, arm
from experiments.gsm8k.parallel import each
from experiments.gsm8k.plan import Plan
from experiments.gsm8k.predictions import Prediction, predictions, sides
from experiments.gsm8k.results import Results, final_rates, join
from experiments.gsm8k.scaling import Rows, log_slope, stack
from experiments.gsm8k.text import report
from experiments.language.model.transformer import num_parameters
from experiments.language.probes.cap import CapCheck
from experiments.language.probes.sampled import SampledProber
from experiments.language.problems.rows import Splits

FALLBACK_ALPHA = 2.0
"""Where the exponent cannot be measured, the log-linear value for p near 1."""


@dataclass(frozen=True)
class Inputs:
    """What was read and found in order before anything is computed."""

    splits: Splits
    source: store.Provenance
    rows: Path
    figures: Path
    starts: Path


def prepare(config: Validate) -> Inputs:
    """Read the problems and make the folders.

    Raises:
        ValueError: bad data, or a folder that cannot be written to.
    """
    splits = config.questions.read()
    out = store.writable_folder(config.out)
    source = store.provenance(config.identity(), config.seed, splits.digest().encode())
    folders = [store.writable_folder(out / name) for name in ("rows", "figures", "starts")]
    starts = store.writable_folder(folders[2] / source.run_id)
    return Inputs(splits, source, folders[0], folders[1], starts)


class Parts:
    """Tables on disk, by the name of the part; with a progress bar. Threads may ask for the same part: one makes it."""

    def __init__(self, folder: Path, source: store.Provenance, bar: Any):
        self.folder, self.source, self.bar = folder, source, bar
        self.seconds = 0.0
        self.seen: dict[str, Tables] = {}
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def __call__(self, name: str, tables: tuple[str, ...], compute: Callable[[], Tables], whole: bool = True) -> Tables:
        """The part's tables, computed where they are not finished."""
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name in self.seen:
                return self.seen[name]
            paths = {table: self.folder / f"{name}.{table}.parquet" for table in tables}
            if not (whole and all(store.is_finished(path, self.source) for path in paths.values())):
                self.bar.set_description(name)
                begun = time.perf_counter()
                found = compute()
                seconds = time.perf_counter() - begun
                for table, path in paths.items():
                    store.write_rows(path, found[table], self.source, seconds)
            self.seen[name] = {table: store.read_rows(path) for table, path in paths.items()}
            with self._guard:
                self.seconds += float(self.seen[name][tables[0]]["wall_time_s"][0])
                self.bar.update()
            return self.seen[name]


def exponent(tables: list[Rows]) -> tuple[float, float, int]:
    """(α, its standard error, points): the slope of log|κ| on log σ away from p = ½, among prompts of one state.

    From the seeds on which RL is not reported. A step of length ∝ 1/|κ| ∝ 1/σ^α is what the measured relation suggests
    in place of the theory's 1/σ.
    """
    rows = sides(join(tables))
    return log_slope(rows["std"], rows["curvature_own"], rows["level"])


def compute(plan: Plan, config: Validate, inputs: Inputs, parts: Parts) -> Results:
    """Every part, in order."""
    base, splits = config.questions, inputs.splits
    answer = LegRun("answer", plan, plan.answer, base, splits, keep=parts, folder=inputs.starts)
    for note in answer.notes:
        tqdm.write(f"  answer: {note}")
    late = each(lambda seed: answer.late(seed, effort="full" if seed in answer.seeds else "light"), answer.sft_seeds)
    others = [t["prompts"] for t in late[plan.num_seeds :]] or [t["prompts"] for t in late]
    slope, error, points = exponent(others)
    alpha = float(np.clip(round(slope, 1), 0.0, 4.0)) if np.isfinite(slope) else FALLBACK_ALPHA
    tqdm.write(f"  measured exponent away from p = ½: {slope:.2f} ± {error:.2f}, so the rule power({alpha:g}) is run")

    tuning, runs, probes, small = [], [], [], []
    arms = [arm(rule, alpha, plan) for rule in plan.answer.rules]
    steps: dict[str, float] = {}
    for a in arms:
        steps[a.name], tried = answer.tune(a)
        tuning += tried
    leg = plan.answer

    def reported(job: tuple[Arm, int]) -> tuple[Tables, Tables]:
        a, seed = job
        look = leg.num_probes if a.rule in ("none", "group") else 0
        tuned = answer.run(seed, a, steps[a.name], what="run", num_steps=leg.num_steps, num_probes=look)
        few = max(leg.num_steps // 2, 2)
        return tuned, answer.run(seed, a, plan.small_step * a.scale, what="small", num_steps=few)

    for tuned, equal in each(reported, [(a, seed) for a in arms for seed in answer.seeds]):
        runs.append(tuned["steps"])
        small.append(equal["steps"])
        if "probes" in tuned:
            probes.append(tuned["probes"])
    cap = cap_rows(plan, answer, parts)

    equations = LegRun("equations", plan, plan.equations, base, splits, keep=parts, folder=inputs.starts)
    for note in equations.notes:
        tqdm.write(f"  equations: {note}")
    sampled_runs = []
    arms = [arm(rule, alpha, plan) for rule in plan.equations.rules]
    for a in arms:
        best, tried = equations.tune(a)
        tuning += tried
        found = each(
            lambda seed, a=a, best=best: equations.run(seed, a, best, what="run", num_steps=plan.equations.num_steps),
            equations.seeds,
        )
        sampled_runs += [run["steps"] for run in found]
    sampled = sampled_rows(plan, equations, parts)
    return Results(
        {name: join([t[name] for t in late]) for name in ("states", "prompts")},
        alpha,
        slope,
        error,
        points,
        tuning,
        join(runs),
        join(probes),
        join(small),
        cap,
        join(sampled_runs),
        sampled,
        {"answer": answer.notes, "equations": equations.notes},
        num_parameters(answer.start(plan.first_seed)),
    )


def cap_rows(plan: Plan, answer: LegRun, parts: Parts) -> Rows:
    """The finite-group cap at the starting states of the reported seeds."""
    leg = plan.answer
    check = CapCheck(answer.model, longest=leg.response_length, group_size=leg.group_size, num_groups=plan.cap_groups)

    def one(seed: int) -> Tables:
        parameters = answer.start(seed)
        p = answer.measure.exact(parameters, answer.task(seed).train)
        chosen = np.argsort(p)[np.linspace(0, len(p) - 1, min(16, len(p))).round().astype(int)]
        rows = check(parameters, answer.task(seed).train[chosen], seed=seed)
        return {"cap": rows | {"seed": np.full(len(chosen), seed)}}

    found = each(lambda s: parts(f"answer_cap_{s}", ("cap",), lambda: one(s)), answer.seeds)
    return join([tables["cap"] for tables in found])


def sampled_rows(plan: Plan, equations: LegRun, parts: Parts) -> Tables:
    """The sampled probe at the starting states of the reported seeds."""
    prober = SampledProber(equations.model, longest=plan.equations.response_length, half=plan.half_samples)

    def one(seed: int) -> Tables:
        prompts, state = prober(equations.start(seed), equations.task(seed), seed=seed)
        return {
            "states": stack([state], seed=seed),
            "prompts": prompts | {"seed": np.full(len(prompts["prompt"]), seed)},
        }

    found = each(
        lambda s: parts(f"equations_sampled_probe_{s}", ("states", "prompts"), lambda: one(s)), equations.seeds
    )
    return {name: join([t[name] for t in found]) for name in ("states", "prompts")}


def validate(config: Validate, inputs: Inputs) -> dict[str, Any]:
    """Compute what is not finished, judge the predictions, draw, and report; returns the content of summary.json.

    Raises:
        OSError: writing failed; finished parts are kept.
        ValueError: the data do not suffice for the preset.
    """
    started = time.perf_counter()
    plan = config.plan()
    with tqdm(unit="part", total=expected_parts(plan)) as bar:
        parts = Parts(inputs.rows, inputs.source, bar)
        results = compute(plan, config, inputs, parts)
        bar.total = bar.n
        bar.refresh()
    found = predictions(results, plan)
    summary = summarise(results, found, plan, config, inputs, parts.seconds)
    for name, draw in figures.drawings(results, plan).items():
        plotting.save(draw, inputs.figures, name)
    text = (json.dumps(plain(summary), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    store.write_bytes(config.out / "summary.json", text)
    store.write_bytes(config.out / "report.html", report(summary, found, results, plan, inputs.figures))
    print(f"{time.perf_counter() - started:.0f} s; report: {config.out / 'report.html'}")
    return summary


def expected_parts(plan: Plan) -> int:
    """How many parts there will be if no grid has to grow."""
    total = 0
    for leg in (plan.answer, plan.equations):
        arms, seeds = len(leg.rules), plan.num_seeds + leg.num_tuning
        total += seeds + arms * (len(leg.step_sizes) * leg.num_tuning + plan.num_seeds)
    probed = 2 * plan.num_sft_seeds - plan.num_seeds  # SFT states, and their starts where RL has none
    return total + probed + (len(plan.answer.rules) + 2) * plan.num_seeds


def summarise(
    results: Results, found: list[Prediction], plan: Plan, config: Validate, inputs: Inputs, seconds: float
) -> dict[str, Any]:
    """The content of summary.json."""
    return {
        "schema_version": store.SCHEMA_VERSION,
        "predictions": [asdict(p) for p in found],
        "alpha": results.alpha,
        "alpha_slope": results.alpha_slope,
        "alpha_error": results.alpha_error,
        "alpha_points": results.alpha_points,
        "tuning": results.tuning,
        "notes": results.notes,
        "num_parameters": results.num_parameters,
        "final": final_rates(results),
        "run": {
            "run_id": inputs.source.run_id,
            "config": config.identity(),
            "commit": inputs.source.commit,
            "versions": json.loads(inputs.source.versions),
            "device": inputs.source.device,
            "wall_time_s": round(seconds, 1),
        },
    }
