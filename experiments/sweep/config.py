"""What `grpo-curvature sweep` can be told: a specification, where it runs, and flags that replace single values."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from bandits.pass_rates import ASSUMED_SAMPLES
from experiments.flags import check_integer, check_out
from experiments.sweep.grid import AXES
from experiments.sweep.measured import read_measured
from experiments.sweep.memory import parse_memory
from experiments.sweep.spec import SCALARS, Spec, read_spec


@dataclass(frozen=True)
class Sweep:
    """Run every combination of a grid of problems and rules; many runs are one compiled program.

    SPEC is a TOML file, or a preset: quick (a minute, decides nothing), practice (should I divide?), published,
    conflict, policies. Flags replace what it says. A file:

        name = "coherence"
        num_steps = 200
        seeds = 16                  # reported; tuning_seeds others choose the step of each setting
        steps = { low = 0.1, high = 1e4, count = 13 }    # on the SUM over prompts

        [grid]                      # every combination is one setting
        coherence = [0.0, 0.3, 0.6, 0.9]
        group_size = [8, "exact"]
        rule = ["none", "group", "power(2)", "decoupled"]

    Finished chunks are kept: the same command goes on where it was stopped, and computes nothing twice. Rows are the
    same with any number of workers. Exit status: 0 done, 2 bad input, 130 interrupted.
    """

    resumes: ClassVar[bool] = True

    spec: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SPEC")] = "quick"
    """TOML file, or preset: quick, practice, clipped, published, conflict, policies."""
    out: Path = Path("sweep")
    """Folder for manifest.json, parts/ (Parquet) and log.jsonl; made if absent."""
    workers: int | None = None
    """Processes on this machine, of one thread each; 1: this process alone. Default: one a core, on accelerators 1."""
    scheduler: str | None = None
    """tcp://HOST:PORT of a dask scheduler, whose workers compute instead (they need this code, no shared disk)."""
    pass_rates: Path | None = None
    """CSV or Parquet with columns num_correct and num_samples, or pass_rate with or without num_samples, one row a
    prompt: its law of pass rates in place of the axis law. Of prompts with fewer than 64 samples the likeliest law."""
    jeffreys: bool = False
    """With --pass-rates: take (num_correct + 1/2)/(num_samples + 1) for the pass rate of every prompt instead."""
    assumed_samples: int = ASSUMED_SAMPLES
    """Samples behind each rate of a file that has rates but no counts."""
    memory: str = "2GiB"
    """What a slice of runs may take in each process."""

    name: str | None = None
    """Of figures and reports."""
    seed: int | None = None
    """Of every random draw, 0 to 2^31 - 1."""
    num_steps: int | None = None
    """Updates a run."""
    num_curve: int | None = None
    """Points of J along a run that a row keeps."""
    kl_limit: float | None = None
    """Nats an update (design kl-limited)."""
    tuning_seeds: int | None = None
    """Seeds that choose the step of each setting."""
    seeds: int | None = None
    """Seeds that are reported, at least 2."""
    steps: tuple[float, ...] | None = None
    """Steps to choose from, on the SUM over prompts."""
    adam_steps: tuple[float, ...] | None = None
    """Steps to choose from with the optimiser adam."""
    clip_norm: float | None = None
    """Greatest norm of a rule's direction, a sum over prompts; 0: any."""
    ridge: float | None = None
    """Of the rule decoupled, relative to the mean deviation."""
    max_runs: int | None = None
    """Runs of one chunk at most, unless a setting alone has more."""

    policy: tuple[str, ...] | None = None
    """Axis: log-linear, autoregressive, log-bilinear."""
    num_prompts: tuple[int, ...] | None = None
    """Axis: prompts."""
    num_arms: tuple[int, ...] | None = None
    """Axis: responses a prompt, or the vocabulary of autoregressive policies."""
    horizon: tuple[int, ...] | None = None
    """Axis: tokens a response, of autoregressive policies."""
    dimension: tuple[int, ...] | None = None
    """Axis: 0 gives every prompt a direction of its own, r puts them in r dimensions."""
    labels: tuple[str, ...] | None = None
    """Axis: right arms of the others, shared (one for all) or teacher (a random linear policy's)."""
    conflict: tuple[float, ...] | None = None
    """Axis: share of prompts whose right arm is drawn at random, 0 to 1."""
    coherence: tuple[float, ...] | None = None
    """Axis: of the features, 0 to 1."""
    law: tuple[str, ...] | None = None
    """Axis: of the pass rates at the start, normal (by the next two) or rollouts (as a real run had them)."""
    pass_rate: tuple[float, ...] | None = None
    """Axis: of the median prompt at the start."""
    spread: tuple[float, ...] | None = None
    """Axis: standard deviation of the logits of the pass rates."""
    group_size: tuple[str, ...] | None = None
    """Axis: responses a prompt and update, or exact."""
    design: tuple[str, ...] | None = None
    """Axis: kl-limited, certified, constant."""
    optimiser: tuple[str, ...] | None = None
    """Axis: sgd, momentum, adam."""
    prompts_per_update: tuple[int, ...] | None = None
    """Axis: prompts of one update, in shuffled epochs; 0: all."""
    updates_per_batch: tuple[int, ...] | None = None
    """Axis: updates on the groups of one batch, with PPO's clipped ratio."""
    filter: tuple[bool, ...] | None = None
    """Axis: whether groups whose rewards are all equal are drawn again (at most ten times in all)."""
    held_out: tuple[int, ...] | None = None
    """Axis: more prompts of the same law, never trained on."""
    rule: tuple[str, ...] | None = None
    """Axis: none, group, batch, pooled, power(A), decoupled, maxrl, focal(A), pass(K), leave_one_out."""

    def __post_init__(self) -> None:
        check_out(self.out)
        if self.workers is not None and not 1 <= self.workers <= 1024:
            raise ValueError(f"--workers is {self.workers}; allowed: integers from 1 to 1024")
        if self.scheduler is not None and self.workers is not None:
            raise ValueError(f"--workers is {self.workers}; allowed with --scheduler: none, its workers are used")
        if self.scheduler is not None and not re.fullmatch(r"(tcp|tls|ucx|wss?)://[^/\s]+:\d+", self.scheduler):
            raise ValueError(f"--scheduler is {self.scheduler}; allowed: tcp://HOST:PORT of a running dask scheduler")
        if self.pass_rates is not None and self.law is not None:
            raise ValueError(f"--law is {' '.join(self.law)}; allowed with --pass-rates: none, the file's law is used")
        if self.jeffreys and self.pass_rates is None:
            raise ValueError("--jeffreys is True; allowed: with --pass-rates")
        check_integer("--assumed-samples", self.assumed_samples, 1, 10**9)
        parse_memory(self.memory)

    def read(self) -> Spec:
        """The specification, with the values that the flags replace, checked.

        Raises:
            ValueError: what `experiments.sweep.spec` refuses, or bad pass rates.
        """
        given = {name: value for name, value in asdict(self).items() if value is not None}
        if self.group_size is not None:
            given["group_size"] = [int(size) if size.isdecimal() else size for size in self.group_size]
        measured = None
        if self.pass_rates is not None:
            measured = read_measured(self.pass_rates, assumed_samples=self.assumed_samples, jeffreys=self.jeffreys)
        return read_spec(self.spec, {name: given[name] for name in (*SCALARS, *AXES) if name in given}, measured)


@dataclass(frozen=True)
class Figure:
    """Draw a finished sweep again, from its rows alone."""

    resumes: ClassVar[bool] = False

    sweep: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")]
    """The folder that `sweep --out` was given."""
    unfinished: bool = False
    """Draw what there is of a sweep that is not done."""
