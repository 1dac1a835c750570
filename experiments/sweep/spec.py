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
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

POLICIES = ("log-linear", "autoregressive", "log-bilinear")
DESIGNS = ("kl-limited", "certified", "constant")
RULES = "none, group, batch, decoupled, or power(A) with a number A of at least 0"
PRESETS = ("quick", "published", "conflict", "policies")
PRESET_FOLDER = Path(__file__).resolve().parent / "presets"
MAX_RUNS = 10**7
"""Runs of the largest sweep that is not taken for a slip of the pen."""
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "kB": 10**3, "MB": 10**6, "GB": 10**9}

Program = tuple[Any, ...]
"""What decides the shape of a compiled program."""


def _refuse(key: str, value: Any, allowed: str, verb: str = "is") -> ValueError:
    shown = repr(value) if isinstance(value, str) else str(value)
    return ValueError(f"{key} {verb} {shown if len(shown) <= 80 else shown[:77] + '...'}; allowed: {allowed}")


def _integer(low: int, high: int) -> Callable[[str, Any, str], int]:
    def check(key: str, value: Any, verb: str = "is") -> int:
        if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
            raise _refuse(key, value, f"integers from {low} to {high}", verb)
        return int(value)

    return check


def _number(low: float, high: float, open_ends: str = "") -> Callable[[str, Any, str], float]:
    left, right = "(" if "l" in open_ends else "[", ")" if "h" in open_ends else "]"
    allowed = f"finite numbers in {left}{low:g}, {high:g}{right}"

    def check(key: str, value: Any, verb: str = "is") -> float:
        if isinstance(value, bool) or not isinstance(value, Real):
            raise _refuse(key, value, allowed, verb)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        above = number > low if "l" in open_ends else number >= low
        below = number < high if "h" in open_ends else number <= high
        if not (math.isfinite(number) and above and below):
            raise _refuse(key, value, allowed, verb)
        return number + 0.0  # no negative zero: it would name another sweep

    return check


def _word(*allowed: str) -> Callable[[str, Any, str], str]:
    def check(key: str, value: Any, verb: str = "is") -> str:
        if value not in allowed:
            raise _refuse(key, value, ", ".join(allowed), verb)
        return value

    return check


def _group_size(key: str, value: Any, verb: str = "is") -> int | str:
    if value == "exact":
        return value
    if isinstance(value, bool) or not isinstance(value, Integral) or not 2 <= int(value) <= 2**20:
        raise _refuse(key, value, f"'exact' or integers from 2 to {2**20}", verb)
    return int(value)


def _rule(key: str, value: Any, verb: str = "is") -> str:
    if value in ("none", "group", "batch", "decoupled"):
        return value
    match = re.fullmatch(r"power\(([^()]*)\)", value.replace(" ", "")) if isinstance(value, str) else None
    try:
        alpha = float(match[1]) if match else math.nan
    except ValueError:
        alpha = math.nan
    if not 0 <= alpha < math.inf:
        raise _refuse(key, value, RULES, verb)
    return f"power({repr(alpha + 0.0).removesuffix('.0')})"


def _values(key: str, value: Any, check: Callable[[str, Any, str], Any]) -> tuple[Any, ...]:
    """A non-empty list without repeats, each entry checked; a bare value is a list of one."""
    listed = isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, (str, bytes))
    entries = list(value) if listed else [value]
    if not entries:
        raise _refuse(key, [], "a list of at least one value")
    checked = tuple(check(key, entry, "contains" if listed else "is") for entry in entries)
    for i, entry in enumerate(checked):
        if entry in checked[:i]:
            raise ValueError(f"{key} contains {entry} twice; allowed: each value once")
    return checked


def _steps(value: Any) -> tuple[float, ...]:
    positive = _number(0, math.inf, "lh")
    if isinstance(value, Mapping):
        _check_keys("steps", value, ("low", "high", "count"), required=True)
        low, high = positive("steps.low", value["low"], "is"), positive("steps.high", value["high"], "is")
        count = _integer(2, 1000)("steps.count", value["count"], "is")
        if not low < high:
            raise _refuse("steps.high", high, f"numbers above steps.low ({low:g})")
        value = np.geomspace(low, high, count)
    return tuple(sorted(_values("steps", value, positive)))


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
class Grid:
    """The axes: each a list of at least one value without repeats; a bare value is a list of one."""

    policy: tuple[str, ...] = ("log-linear",)
    """log-linear: one softmax over the arms; autoregressive: a softmax a token; log-bilinear: features that are learnt
    with the policy."""
    num_prompts: tuple[int, ...] = (32,)
    """N."""
    num_arms: tuple[int, ...] = (8,)
    """K, responses a prompt, at least 2; the vocabulary of autoregressive policies."""
    horizon: tuple[int, ...] = (1,)
    """Tokens a response, of autoregressive policies alone: the others have 1 and are in the grid once."""
    dimension: tuple[int, ...] = (0,)
    """0: equicorrelated features, every prompt has a direction of its own; r: e_x in R^r, so prompts may conflict for
    good; of log-bilinear policies the hidden units (0: 8)."""
    conflict: tuple[float, ...] = (1.0,)
    """Share of the prompts whose right arm is drawn at random: 0 gives all the same arm."""
    coherence: tuple[float, ...] = (0.0,)
    """ρ of the features, in [0, 1]: 0 orthogonal prompts, 1 identical."""
    pass_rate: tuple[float, ...] = (0.25,)
    """Of the median prompt at the start, in (0, 1)."""
    spread: tuple[float, ...] = (1.0,)
    """Standard deviation of the prompts' logits of their pass rates."""
    group_size: tuple[int | str, ...] = (8,)
    """Responses a prompt and update, at least 2, or "exact": the population's gradient."""
    design: tuple[str, ...] = ("kl-limited",)
    """How long steps are: kl-limited (tuned, and at most kl_limit an update), constant (tuned), certified (T4)."""
    rule: tuple[str, ...] = ("none", "group")
    """none (REINFORCE), group (GRPO), batch, power(A) for Σ g/σ^A, decoupled (T9)."""

    def __post_init__(self) -> None:
        for name, check in _AXES.items():
            object.__setattr__(self, name, _values(f"grid.{name}", getattr(self, name), check))
        if "autoregressive" not in self.policy and self.horizon != (1,):
            raise ValueError(f"grid.horizon is {list(self.horizon)}; allowed: 1 without the policy autoregressive")
        if "log-bilinear" in self.policy and "certified" in self.design:
            raise ValueError(
                "grid.design contains certified with the policy log-bilinear, whose features move with its parameters; "
                "allowed: kl-limited, constant"
            )

    def horizons(self, policy: str) -> tuple[int, ...]:
        """The horizons that a policy is run at."""
        return self.horizon if policy == "autoregressive" else (1,)


_UNIT = _number(0, 1)
_COUNT = _integer(1, 2**31 - 1)
_AXES: dict[str, Callable[[str, Any, str], Any]] = {
    "policy": _word(*POLICIES),
    "num_prompts": _COUNT,
    "num_arms": _integer(2, 2**31 - 1),
    "horizon": _integer(1, 10**6),
    "dimension": _integer(0, 2**31 - 1),
    "conflict": _UNIT,
    "coherence": _UNIT,
    "pass_rate": _number(0, 1, "lh"),
    "spread": _number(0, math.inf, "h"),
    "group_size": _group_size,
    "design": _word(*DESIGNS),
    "rule": _rule,
}


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
    ridge: float = 0.01
    """λ of decoupled, relative to the mean deviation."""
    max_runs: int = 2048
    """Runs of one chunk at most, unless a setting alone has more."""
    grid: Grid = field(default_factory=Grid)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or not self.name.isprintable():
            raise _refuse("name", self.name, "a line of text")
        for name, check in _SCALARS.items():
            object.__setattr__(self, name, check(name, getattr(self, name), "is"))
        object.__setattr__(self, "steps", _steps(self.steps))
        if self.num_steps % self.num_curve:
            raise _refuse("num_curve", self.num_curve, f"a divisor of num_steps ({self.num_steps})")
        if not isinstance(self.grid, Grid):
            raise _refuse("grid", self.grid, "a table of axes")
        if num_runs(self) > MAX_RUNS:
            raise ValueError(
                f"grid is a sweep of {num_runs(self):,} runs; allowed: at most {MAX_RUNS:,} (fewer values, or seeds)"
            )


_SCALARS: dict[str, Callable[[str, Any, str], Any]] = {
    "seed": _integer(0, 2**31 - 1),
    "num_steps": _integer(1, 10**6),
    "num_curve": _integer(1, 10**6),
    "kl_limit": _number(0, math.inf, "lh"),
    "tuning_seeds": _integer(1, 10**6),
    "seeds": _integer(2, 10**6),
    "ridge": _number(0, math.inf, "h"),
    "max_runs": _COUNT,
}
SCALARS = tuple(each.name for each in fields(Spec) if each.name != "grid")
AXES = tuple(_AXES)
ALL_KEYS = {name: name for name in SCALARS} | {name: f"grid.{name}" for name in AXES}
"""Every key, and its full name."""


@dataclass(frozen=True)
class Setting:
    """One point of the grid; fields as in `Grid`."""

    policy: str
    num_prompts: int
    num_arms: int
    horizon: int
    dimension: int
    conflict: float
    coherence: float
    pass_rate: float
    spread: float
    group_size: int | str
    design: str
    rule: str

    @property
    def rule_kind(self) -> str:
        """Power (none and group are α = 0 and 1 of it), batch or decoupled: rules of one kind share a program."""
        return self.rule if self.rule in ("batch", "decoupled") else "power"

    @property
    def alpha(self) -> float:
        """α of Σ g/σ^α; NaN where the rule is no power.

        >>> Setting("log-linear", 2, 2, 1, 0, 0.0, 0.0, 0.5, 0.0, 8, "constant", "power(1.5)").alpha
        1.5
        """
        if self.rule in ("batch", "decoupled"):
            return math.nan
        return {"none": 0.0, "group": 1.0}[self.rule] if self.rule in ("none", "group") else float(self.rule[6:-1])

    @property
    def program(self) -> Program:
        """What decides the shape of the compiled program."""
        return (
            self.policy, self.num_prompts, self.num_arms, self.horizon, self.dimension, self.group_size, self.design,
            self.rule_kind,
        )  # fmt: skip


@dataclass(frozen=True)
class Chunk:
    """Settings of one program, computed together and kept as one file of rows."""

    index: int
    settings: tuple[Setting, ...]


def settings(spec: Spec) -> list[Setting]:
    """All combinations, in the order of `Grid`'s fields, the last one fastest."""
    axes = {name: getattr(spec.grid, name) for name in AXES}
    return [
        Setting(*values)
        for policy in spec.grid.policy
        for values in itertools.product(*(axes | {"policy": (policy,), "horizon": spec.grid.horizons(policy)}).values())
    ]


def runs_of(spec: Spec, design: str) -> int:
    """Runs that one setting of a design costs."""
    return spec.seeds + (0 if design == "certified" else len(spec.steps) * spec.tuning_seeds)


def num_runs(spec: Spec) -> int:
    """Runs of the whole sweep, counted without listing its settings."""
    grid = spec.grid
    policies = sum(len(grid.horizons(policy)) for policy in grid.policy)
    others = math.prod(len(getattr(grid, name)) for name in AXES if name not in ("policy", "horizon", "design"))
    return policies * others * sum(runs_of(spec, design) for design in grid.design)


def chunk_runs(spec: Spec, chunk: Chunk) -> int:
    """Runs of a chunk."""
    return sum(runs_of(spec, setting.design) for setting in chunk.settings)


def chunk_work(spec: Spec, chunk: Chunk) -> float:
    """Runs × prompts × arms × tokens × updates: what its time is taken to be proportional to."""
    first = chunk.settings[0]
    return float(chunk_runs(spec, chunk) * first.num_prompts * first.num_arms * first.horizon) * spec.num_steps


def chunks(spec: Spec) -> list[Chunk]:
    """Settings grouped by program, in the order in which programs first occur, cut at `max_runs` runs."""
    groups: dict[Program, list[Setting]] = {}
    for setting in settings(spec):
        groups.setdefault(setting.program, []).append(setting)
    cut: list[Chunk] = []
    for group in groups.values():
        size = max(1, spec.max_runs // runs_of(spec, group[0].design))
        cut += [Chunk(len(cut) + i, tuple(c)) for i, c in enumerate(_batches(group, size))]
    return cut


def _batches(group: list[Setting], size: int) -> list[list[Setting]]:
    return [group[start : start + size] for start in range(0, len(group), size)]


def identity(spec: Spec) -> dict[str, Any]:
    """Everything as JSON holds it, defaults filled in."""
    return json.loads(json.dumps(asdict(spec), allow_nan=False))


def digest(spec: Spec) -> str:
    """SHA-256 of `identity`, its first 16 digits."""
    return hashlib.sha256(json.dumps(identity(spec), sort_keys=True).encode()).hexdigest()[:16]


def run_bytes(num_prompts: int, num_arms: int, dimension: int) -> int:
    """A lower estimate of what one run needs: offsets, rewards, logits, probabilities, coefficients [N, K]; Θ and e_x.

    >>> run_bytes(10, 4, 0)  # 5 tables of 10 × 4 and Θ of 10 × 3 numbers of 8 bytes
    1840
    """
    directions = dimension or num_prompts
    embedding = num_prompts * dimension
    return 8 * (5 * num_prompts * num_arms + directions * (num_arms - 1) + embedding)


def check_memory(spec: Spec, limit: int) -> None:
    """Refuse a sweep of which one run alone needs more than `limit` bytes.

    Raises:
        ValueError: it says how much, and for which sizes.
    """
    grid = spec.grid
    need, *sizes = max(
        (run_bytes(*sizes), *sizes) for sizes in itertools.product(grid.num_prompts, grid.num_arms, grid.dimension)
    )
    if need > limit:
        what = ", ".join(
            f"{name} = {n}" for name, n in zip(("num_prompts", "num_arms", "dimension"), sizes, strict=True)
        )
        raise ValueError(
            f"memory is {show_bytes(limit)}, but one run with {what} needs at least {show_bytes(need)}; "
            "allowed: smaller sizes, or a larger --memory"
        )


def show_bytes(count: int) -> str:
    """In the largest binary unit that leaves at least 1.

    >>> show_bytes(3 * 2**29)
    '1.5 GiB'
    """
    unit = next((u for u in ("TiB", "GiB", "MiB", "KiB") if count >= UNITS[u]), "B")
    return f"{count / UNITS[unit]:.3g} {unit}"


def parse_memory(text: str) -> int:
    """Bytes of "2GiB", "512 MiB", "1.5GB".

    Raises:
        ValueError: no positive number with a unit.

    >>> parse_memory("1.5KiB")
    1536
    """
    match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([A-Za-z]+)\s*", text)
    count = float(match[1]) * UNITS.get(match[2], math.nan) if match else math.nan
    if not 1 <= count < 2**62:
        raise _refuse("--memory", text, f"a positive number with one of the units {', '.join(UNITS)}")
    return int(count)


def from_mapping(raw: Mapping[str, Any]) -> Spec:
    """A specification as TOML holds it.

    Raises:
        ValueError: an unknown key (with the nearest known one), an empty grid, or what `Spec` refuses.
    """
    _check_keys("the specification", raw, (*SCALARS, "grid"))
    grid = raw.get("grid", {})
    if not isinstance(grid, Mapping):
        raise _refuse("grid", grid, f"a table of axes: {', '.join(AXES)}")
    _check_keys("grid", grid, AXES)
    if not grid:
        raise ValueError(f"grid is empty; allowed: at least one axis of {', '.join(AXES)}")
    return Spec(**{**raw, "grid": Grid(**grid)})


def read_spec(source: str | Path, overrides: Mapping[str, Any] | None = None) -> Spec:
    """A preset by its name, or a TOML file; `overrides` (keys of either level) replace what it says.

    Raises:
        ValueError: no such file, no TOML (with line and column), or what `from_mapping` refuses.
    """
    path = PRESET_FOLDER / f"{source}.toml" if source in PRESETS else Path(source)
    allowed = f"a TOML file, or one of {', '.join(PRESETS)}"
    if not path.is_file():
        raise ValueError(f"the specification is {source}, which is not a file; allowed: {allowed}")
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the specification is {source}, which is not TOML: {error}; allowed: {allowed}") from error
    except OSError as error:
        raise ValueError(f"the specification is {source}: {error.strerror}; allowed: {allowed}") from error
    given = dict(overrides or {})
    axes = {name: given.pop(name) for name in AXES if name in given}
    raw |= given
    if axes:
        raw["grid"] = (raw["grid"] if isinstance(raw.get("grid"), dict) else {}) | axes
    return from_mapping(raw)
