"""The grid of a sweep: axes that are multiplied out, each point a setting with one compiled program.

    [grid] axis = [v₁, v₂, …]  →  settings = axis × axis × …

Independent check: tests/experiments/sweep/test_spec.py counts settings by hand.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

from curvature import rule
from experiments.sweep.measured import Measured
from experiments.sweep.values import Check, integer, number, refuse, truth, values_of, word

POLICIES = ("log-linear", "autoregressive", "log-bilinear")
DESIGNS = ("kl-limited", "certified", "constant")
LAWS: dict[str, tuple[float, float] | None] = {"normal": None, "rollouts": (0.24, 3.5), "measured": None}
"""Of pass rates: with the grid's median and spread, with those here, or with those of the reader's file."""
LABELS = ("shared", "teacher")
OPTIMISERS = ("sgd", "momentum", "adam")
"""Those of `bandits.optimiser`."""
RULES = ("none", "group", "batch", "pooled", "decoupled", "power(A)", *rule.REWEIGHING)
"""Of `curvature.rule`, those that a sweep runs."""
Program = tuple[Any, ...]
"""What decides the shape of a compiled program."""


def _group_size(key: str, value: Any, verb: str = "is") -> int | str:
    if value == "exact":
        return value
    if isinstance(value, bool) or not isinstance(value, Integral) or not 2 <= int(value) <= 2**20:
        raise refuse(key, value, f"'exact' or integers from 2 to {2**20}", verb)
    return int(value)


def _rule(key: str, value: Any, verb: str = "is") -> str:
    try:
        return rule.parse(value, allowed=RULES).name
    except ValueError:
        raise refuse(key, value, rule.words(RULES), verb) from None


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
    labels: tuple[str, ...] = ("shared",)
    """The right arms of the prompts that do not conflict: shared (one arm for all) or teacher (the likeliest arm of a
    random linear policy on the same features, so that the prompts teach one another something)."""
    conflict: tuple[float, ...] = (1.0,)
    """Share of the prompts whose right arm is drawn at random; the others have the one that `labels` says."""
    coherence: tuple[float, ...] = (0.0,)
    """ρ of the features, in [0, 1]: 0 orthogonal prompts, 1 identical."""
    law: tuple[str, ...] = ("normal",)
    """Of the pass rates at the start: normal (their logits are) or rollouts (as a real run had them), once in the grid,
    as its median and spread are its own; measured alone, where a file of pass rates is given."""
    pass_rate: tuple[float, ...] = (0.25,)
    """Of the median prompt at the start, in (0, 1)."""
    spread: tuple[float, ...] = (1.0,)
    """Standard deviation of the prompts' logits of their pass rates."""
    group_size: tuple[int | str, ...] = (8,)
    """Responses a prompt and update, at least 2, or "exact": the population's gradient."""
    design: tuple[str, ...] = ("kl-limited",)
    """How long steps are: kl-limited (tuned, and at most kl_limit an update), constant (tuned), certified (T4)."""
    optimiser: tuple[str, ...] = ("sgd",)
    """What becomes of a rule's direction before it is stepped along: sgd (nothing), momentum (μ = .9) or adam (β = .9
    and .999, ε = 1e-8)."""
    prompts_per_update: tuple[int, ...] = (0,)
    """B, a divisor of every num_prompts: prompts of one update, in shuffled epochs; 0: all."""
    updates_per_batch: tuple[int, ...] = (1,)
    """U updates on the groups of one batch, with PPO's clipped ratio (ε = .2); 1 with exact gradients."""
    filter: tuple[bool, ...] = (False,)
    """Whether groups whose rewards are all equal are drawn again, up to ten times in all (not with exact gradients)."""
    held_out: tuple[int, ...] = (0,)
    """M more prompts of the same law that are never trained on; not of log-bilinear policies."""
    rule: tuple[str, ...] = ("none", "group")
    """none (REINFORCE), group (GRPO), batch, pooled, power(A) for Σ g/σ^A, decoupled (T9), maxrl, focal(A), pass(K),
    leave_one_out (not with exact gradients)."""

    def __post_init__(self) -> None:
        for name, check in AXIS_CHECKS.items():
            object.__setattr__(self, name, values_of(f"grid.{name}", getattr(self, name), check))
        if "autoregressive" not in self.policy and self.horizon != (1,):
            raise ValueError(f"grid.horizon is {list(self.horizon)}; allowed: 1 without the policy autoregressive")
        if "log-bilinear" in self.policy and "certified" in self.design:
            raise ValueError(
                "grid.design contains certified with the policy log-bilinear, whose features move with its parameters; "
                "allowed: kl-limited, constant"
            )
        if "leave_one_out" in self.rule and "exact" in self.group_size:
            raise ValueError(
                "grid.rule contains leave_one_out with the group_size exact, which has no other responses to leave; "
                "allowed: integers as group_size"
            )

        for size in (size for size in self.prompts_per_update if size):
            if odd := [n for n in self.num_prompts if n % size]:
                raise ValueError(
                    f"grid.prompts_per_update contains {size} with {odd[0]} num_prompts; allowed: 0 (all), or "
                    "divisors of every num_prompts"
                )
        if max(self.updates_per_batch) > 1 and "exact" in self.group_size:
            raise ValueError(
                f"grid.updates_per_batch contains {max(self.updates_per_batch)} with the group_size exact, which draws "
                "no groups to use again; allowed: 1, or integers as group_size"
            )
        if True in self.filter and "exact" in self.group_size:
            raise ValueError(
                "grid.filter contains true with the group_size exact, which draws no groups; allowed: integers as "
                "group_size"
            )
        if any(self.held_out) and "log-bilinear" in self.policy:
            raise ValueError(
                "grid.held_out contains prompts with the policy log-bilinear; allowed: log-linear, autoregressive"
            )

    def horizons(self, policy: str) -> tuple[int, ...]:
        """The horizons that a policy is run at."""
        return self.horizon if policy == "autoregressive" else (1,)

    def laws(self, measured: Measured | None = None) -> list[tuple[str, float, float]]:
        """(law, median, spread) of the pass rates."""
        found: list[tuple[str, float, float]] = []
        for law in self.law:
            own = LAWS[law]
            if law == "measured" and measured is not None:
                own = measured.median, measured.spread
            found += itertools.product((law,), self.pass_rate, self.spread) if own is None else [(law, *own)]
        return found


UNIT = number(0, 1)
COUNT = integer(1, 2**31 - 1)
AXIS_CHECKS: dict[str, Check] = {
    "policy": word(*POLICIES),
    "num_prompts": COUNT,
    "num_arms": integer(2, 2**31 - 1),
    "horizon": integer(1, 10**6),
    "dimension": integer(0, 2**31 - 1),
    "labels": word(*LABELS),
    "conflict": UNIT,
    "coherence": UNIT,
    "law": word(*LAWS),
    "pass_rate": number(0, 1, "lh"),
    "spread": number(0, math.inf, "h"),
    "group_size": _group_size,
    "design": word(*DESIGNS),
    "optimiser": word(*OPTIMISERS),
    "prompts_per_update": integer(0, 2**31 - 1),
    "updates_per_batch": integer(1, 1000),
    "filter": truth,
    "held_out": integer(0, 2**31 - 1),
    "rule": _rule,
}


AXES = tuple(AXIS_CHECKS)
"""In the order of `Grid`'s fields."""


@dataclass(frozen=True)
class Setting:
    """One point of the grid; fields as in `Grid`."""

    policy: str
    num_prompts: int
    num_arms: int
    horizon: int
    dimension: int
    labels: str
    conflict: float
    coherence: float
    law: str
    pass_rate: float
    spread: float
    group_size: int | str
    design: str
    optimiser: str
    prompts_per_update: int
    updates_per_batch: int
    filter: bool
    held_out: int
    rule: str
    measured: Measured | None = field(default=None, repr=False)
    """The law of the pass rates where it is that of a file: no axis."""

    @property
    def rule_kind(self) -> str:
        """Power (none and group are α = 0 and 1 of it), table (`bandits.Weight`), batch, pooled or decoupled.

        Rules of one kind share a program.
        """
        kind = rule.parse(self.rule, allowed=RULES).kind
        return "power" if kind == "weight" else kind if kind in ("batch", "pooled", "decoupled") else "table"

    @property
    def alpha(self) -> float:
        """α of Σ g/σ^α; NaN where the rule is no power."""
        found = rule.parse(self.rule, allowed=RULES)
        return found.alpha if found.kind == "weight" else math.nan

    @property
    def program(self) -> Program:
        """What decides the shape of the compiled program."""
        return (
            self.policy, self.num_prompts, self.num_arms, self.horizon, self.dimension, self.group_size, self.design,
            self.optimiser, self.prompts_per_update, self.updates_per_batch, self.filter, self.held_out,
            self.rule_kind,
        )  # fmt: skip
