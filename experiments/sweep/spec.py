"""What a sweep is: a seed, sizes, and a grid whose axes are multiplied out, from a TOML file, a preset or flags.

    [grid] axis = [v₁, v₂, …]  →  settings = axis × axis × …  →  chunks, each one compiled program and one file of rows

A setting costs len(steps) · tuning_seeds + seeds runs where its step is tuned, and `seeds` runs where the certificate
chooses it (T4). Anything else than a valid specification is refused in one line that names the key. Independent checks:
tests/experiments/sweep/test_spec.py counts settings and runs by hand.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from curvature.ranges import digits
from experiments.sweep.grid import AXES, COUNT, Grid, Program, Setting
from experiments.sweep.measured import Measured
from experiments.sweep.values import Check, integer, number, refuse, values_of

PRESETS = ("quick", "published", "practice", "clipped", "conflict", "policies")
PRESET_FOLDER = Path(__file__).resolve().parent / "presets"
LAW_AXES = ("law", "pass_rate", "spread")
"""Multiplied out together: some laws have a median and spread of their own."""
MAX_RUNS = 10**7
"""Runs of the largest sweep that is not taken for a slip of the pen."""


def _steps(key: str, value: Any) -> tuple[float, ...]:
    positive = number(0, math.inf, "lh")
    if isinstance(value, Mapping):
        _check_keys(key, value, ("low", "high", "count"), required=True)
        low, high = positive(f"{key}.low", value["low"], "is"), positive(f"{key}.high", value["high"], "is")
        count = integer(2, 1000)(f"{key}.count", value["count"], "is")
        if not low < high:
            raise refuse(f"{key}.high", high, f"numbers above {key}.low ({digits(low)})")
        value = np.geomspace(low, high, count)
    return tuple(sorted(values_of(key, value, positive)))


def _check_keys(where: str, given: Mapping[str, Any], known: Sequence[str], *, required: bool = False) -> None:
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), [*known, *ALL_KEYS], 1)
            meant = f", did you mean {ALL_KEYS.get(near[0], near[0])}" if near else ""
            raise ValueError(f"key of {where} is {key!r}{meant}; allowed: {', '.join(known)}")
    for key in known if required else ():
        if key not in given:
            raise ValueError(f"key {key} of {where} is missing; allowed: {', '.join(known)}, all of them")


@dataclass(frozen=True)
class Spec:
    """A sweep, checked: whatever is out of range is refused when it is made.

    Raises:
        ValueError: a value of the wrong type or out of its range, or more than 10^7 runs.

    >>> spec = Spec(seeds=4, steps=(0.1, 1.0), tuning_seeds=2, grid=Grid(coherence=(0.0, 0.5), rule=("none",)))
    >>> len(settings(spec)), num_runs(spec)  # 2 settings of 2 steps × 2 tuning seeds + 4 seeds
    (2, 16)
    >>> Spec(seeds=1)
    Traceback (most recent call last):
    ValueError: seeds is 1; allowed: integers from 2 to 1000000
    """

    name: str = "sweep"
    """Of figures and reports."""
    seed: int = 0
    """Of every random draw, 0 to 2^31 − 1."""
    num_steps: int = 200
    """Updates a run."""
    num_curve: int = 20
    """Points of J along a run that a row keeps; a divisor of num_steps."""
    kl_limit: float = 0.05
    """Nats an update, mean over prompts (design kl-limited)."""
    tuning_seeds: int = 8
    """Seeds that choose the step of each setting; never reported."""
    seeds: int = 16
    """Seeds that are reported, at least 2."""
    steps: tuple[float, ...] = tuple(np.geomspace(0.1, 10_000.0, 13).tolist())
    """Steps to choose from, on the SUM over prompts (designs kl-limited and constant); a list, or in TOML also
    {low = 0.1, high = 1e4, count = 13}, geometric."""
    adam_steps: tuple[float, ...] = tuple(np.geomspace(0.001, 10.0, 13).tolist())
    """The same of the optimiser adam, whose updates are about 1 in every coordinate."""
    clip_norm: float = 0.0
    """Greatest norm of a rule's direction, a SUM over prompts, before the optimiser has it; 0: any."""
    ridge: float = 0.01
    """λ of decoupled, relative to the mean deviation."""
    max_runs: int = 2048
    """Runs of one chunk at most, unless a setting alone has more."""
    grid: Grid = field(default_factory=Grid)
    measured: Measured | None = None
    """The law of pass rates of a reader's file, in place of the grid's."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or not self.name.isprintable():
            raise refuse("name", self.name, "a line of text")
        for name, check in _SCALARS.items():
            object.__setattr__(self, name, check(name, getattr(self, name), "is"))
        for name in ("steps", "adam_steps"):
            object.__setattr__(self, name, _steps(name, getattr(self, name)))
        if self.num_steps % self.num_curve:
            raise refuse("num_curve", self.num_curve, f"a divisor of num_steps ({self.num_steps})")
        if not isinstance(self.grid, Grid):
            raise refuse("grid", self.grid, "a table of axes")
        if (self.grid.law == ("measured",)) != (self.measured is not None) or "measured" in self.grid.law[1:]:
            allowed = "normal, rollouts without --pass-rates, and measured alone with it"
            raise refuse("grid.law", list(self.grid.law), allowed)
        if num_runs(self) > MAX_RUNS:
            raise ValueError(
                f"grid is a sweep of {num_runs(self):,} runs; allowed: at most {MAX_RUNS:,} (fewer values, or seeds)"
            )


_SCALARS: dict[str, Check] = {
    "seed": integer(0, 2**31 - 1),
    "num_steps": integer(1, 10**6),
    "num_curve": integer(1, 10**6),
    "kl_limit": number(0, math.inf, "lh"),
    "tuning_seeds": integer(1, 10**6),
    "seeds": integer(2, 10**6),
    "clip_norm": number(0, math.inf, "h"),
    "ridge": number(0, math.inf, "h"),
    "max_runs": COUNT,
}
SCALARS = tuple(each.name for each in fields(Spec) if each.name not in ("grid", "measured"))
ALL_KEYS = {name: name for name in SCALARS} | {name: f"grid.{name}" for name in AXES}
"""Every key, and its full name."""


@dataclass(frozen=True)
class Chunk:
    """Settings of one program, computed together and kept as one file of rows."""

    index: int
    settings: tuple[Setting, ...]


def settings(spec: Spec) -> list[Setting]:
    """All combinations, in the order of `Grid`'s fields, the last one fastest."""
    grid = spec.grid
    axes: dict[str, Sequence[Any]] = {name: getattr(grid, name) for name in AXES if name not in LAW_AXES[1:]}
    found = []
    for policy in grid.policy:
        here = axes | {"policy": (policy,), "horizon": grid.horizons(policy), LAW_AXES[0]: grid.laws(spec.measured)}
        for values in itertools.product(*here.values()):
            given = dict(zip(here, values, strict=True))
            laws = dict(zip(LAW_AXES, given[LAW_AXES[0]], strict=True))
            found.append(Setting(**(given | laws), measured=spec.measured))
    return found


def steps_of(spec: Spec, optimiser: str) -> tuple[float, ...]:
    """The steps that are tried with an optimiser."""
    return spec.adam_steps if optimiser == "adam" else spec.steps


def runs_of(spec: Spec, design: str, optimiser: str) -> int:
    """Runs that one setting costs."""
    return spec.seeds + (0 if design == "certified" else len(steps_of(spec, optimiser)) * spec.tuning_seeds)


def num_runs(spec: Spec) -> int:
    """Runs of the whole sweep, counted without listing its settings."""
    grid = spec.grid
    policies = sum(len(grid.horizons(policy)) for policy in grid.policy)
    counted = ("policy", "horizon", "design", "optimiser", *LAW_AXES)
    others = len(grid.laws(spec.measured)) * math.prod(len(getattr(grid, name)) for name in AXES if name not in counted)
    return policies * others * sum(runs_of(spec, *both) for both in itertools.product(grid.design, grid.optimiser))


def chunk_runs(spec: Spec, chunk: Chunk) -> int:
    """Runs of a chunk."""
    return sum(runs_of(spec, setting.design, setting.optimiser) for setting in chunk.settings)


def chunk_work(spec: Spec, chunk: Chunk) -> float:
    """Runs × prompts × arms × tokens × updates: what its time is taken to be proportional to."""
    first = chunk.settings[0]
    prompts = first.num_prompts + first.held_out
    return float(chunk_runs(spec, chunk) * prompts * first.num_arms * first.horizon) * spec.num_steps


def chunks(spec: Spec) -> list[Chunk]:
    """Settings grouped by program, in the order in which programs first occur, cut at `max_runs` runs."""
    groups: dict[Program, list[Setting]] = {}
    for setting in settings(spec):
        groups.setdefault(setting.program, []).append(setting)
    cut: list[Chunk] = []
    for group in groups.values():
        size = max(1, spec.max_runs // runs_of(spec, group[0].design, group[0].optimiser))
        cut += [Chunk(len(cut) + i, tuple(c)) for i, c in enumerate(_batches(group, size))]
    return cut


def _batches(group: list[Setting], size: int) -> list[list[Setting]]:
    return [group[start : start + size] for start in range(0, len(group), size)]


def identity(spec: Spec) -> dict[str, Any]:
    """Everything as JSON holds it, defaults filled in; `measured` only where there is such a law."""
    found = {name: value for name, value in asdict(spec).items() if name != "measured" or value is not None}
    return json.loads(json.dumps(found, allow_nan=False))


def digest(spec: Spec) -> str:
    """SHA-256 of `identity`, its first 16 digits."""
    return hashlib.sha256(json.dumps(identity(spec), sort_keys=True).encode()).hexdigest()[:16]


def from_mapping(raw: Mapping[str, Any], measured: Measured | None = None) -> Spec:
    """A specification as TOML holds it, with the law of a file of pass rates where there is one.

    Raises:
        ValueError: an unknown key (with the nearest known one), an empty grid, or what `Spec` refuses.
    """
    _check_keys("the specification", raw, (*SCALARS, "grid"))
    grid = raw.get("grid", {})
    if not isinstance(grid, Mapping):
        raise refuse("grid", grid, f"a table of axes: {', '.join(AXES)}")
    _check_keys("grid", grid, AXES)
    if not grid:
        raise ValueError(f"grid is empty; allowed: at least one axis of {', '.join(AXES)}")
    laws = {} if measured is None else {"law": "measured"}
    return Spec(**{**raw, "grid": Grid(**{**grid, **laws}), "measured": measured})


def read_spec(source: str | Path, overrides: Mapping[str, Any] | None = None, measured: Measured | None = None) -> Spec:
    """A preset by its name, or a TOML file; `overrides` (keys of either level) and `measured` replace what it says.

    Raises:
        ValueError: no such file, no TOML (with line and column), or what `from_mapping` refuses.
    """
    path = PRESET_FOLDER / f"{source}.toml" if source in PRESETS else Path(source)
    allowed = f"a TOML file, or one of {', '.join(PRESETS)}"
    if not path.is_file():
        raise ValueError(f"the specification is {source}, which is not a file; allowed: {allowed}")
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the specification is {source}, which is not TOML: {error}; allowed: {allowed}") from error
    except OSError as error:
        raise ValueError(f"the specification is {source}: {error.strerror}; allowed: {allowed}") from error
    given = dict(overrides or {})
    axes = {name: given.pop(name) for name in AXES if name in given}
    raw |= given
    if axes:
        raw["grid"] = (raw["grid"] if isinstance(raw.get("grid"), dict) else {}) | axes
    return from_mapping(raw, measured)
