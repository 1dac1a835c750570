"""The grid of a sweep: axes that are multiplied out, each point a setting with one compiled program.

    [grid] axis = [v₁, v₂, …]  →  settings = axis × axis × …

Independent check: tests/experiments/sweep/test_spec.py counts settings by hand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from curvature import rule
from experiments.sweep.values import Check, integer, number, refuse, values_of, word

POLICIES = ("log-linear", "autoregressive", "log-bilinear")
DESIGNS = ("kl-limited", "certified", "constant")
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
    optimiser: tuple[str, ...] = ("sgd",)
    """What becomes of a rule's direction before it is stepped along: sgd (nothing), momentum (μ = .9) or adam (β = .9
    and .999, ε = 1e-8)."""
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

    def horizons(self, policy: str) -> tuple[int, ...]:
        """The horizons that a policy is run at."""
        return self.horizon if policy == "autoregressive" else (1,)


UNIT = number(0, 1)
COUNT = integer(1, 2**31 - 1)
AXIS_CHECKS: dict[str, Check] = {
    "policy": word(*POLICIES),
    "num_prompts": COUNT,
    "num_arms": integer(2, 2**31 - 1),
    "horizon": integer(1, 10**6),
    "dimension": integer(0, 2**31 - 1),
    "conflict": UNIT,
    "coherence": UNIT,
    "pass_rate": number(0, 1, "lh"),
    "spread": number(0, math.inf, "h"),
    "group_size": _group_size,
    "design": word(*DESIGNS),
    "optimiser": word(*OPTIMISERS),
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
    conflict: float
    coherence: float
    pass_rate: float
    spread: float
    group_size: int | str
    design: str
    optimiser: str
    rule: str

    @property
    def rule_kind(self) -> str:
        """Power (none and group are α = 0 and 1 of it), table (`bandits.Weight`), batch, pooled or decoupled.

        Rules of one kind share a program.
        """
        kind = rule.parse(self.rule, allowed=RULES).kind
        return "power" if kind == "weight" else kind if kind in ("batch", "pooled", "decoupled") else "table"

    @property
    def alpha(self) -> float:
        """α of Σ g/σ^α; NaN where the rule is no power.

        >>> Setting("log-linear", 2, 2, 1, 0, 0.0, 0.0, 0.5, 0.0, 8, "constant", "sgd", "power(1.5)").alpha
        1.5
        """
        found = rule.parse(self.rule, allowed=RULES)
        return found.alpha if found.kind == "weight" else math.nan

    @property
    def program(self) -> Program:
        """What decides the shape of the compiled program."""
        return (
            self.policy, self.num_prompts, self.num_arms, self.horizon, self.dimension, self.group_size, self.design,
            self.optimiser, self.rule_kind,
        )  # fmt: skip
