"""Rules by name: by what each prompt's gradient is divided. One place for all that read, run, tune or draw rules.

    direction = Σ_x w_x g_x

    none       w = 1          REINFORCE, Dr. GRPO          batch      w = 1/mean σ_x, the same for every prompt
    group      w = 1/σ_x      GRPO                         pooled     w = 1/deviation of all rewards of the batch
    power(a)   w = 1/σ_x^a    0 is none, 1 is group        decoupled  no weight: (Σ σ_x P_x)⁻¹ Σ g_x (T9)

Where rewards are 0 or 1 a rule of the kind "weight" is a function of the pass rate, and of the number k of right
responses in a group of G: w(p) = (p(1−p))^{−α/2}, and w(k) = w(k/G), 0 where all are right or wrong. This file needs
neither JAX nor NumPy, so that a command can refuse a rule at once. Independent check: tests/curvature/test_rule.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Kind = Literal["weight", "batch", "pooled", "decoupled"]
EXPONENT = {"none": 0.0, "group": 1.0}
"""Powers that have a name of their own."""
NAMES = ("none", "group", "batch", "pooled", "power(A)", "decoupled")
"""All rules; A is a number of at least 0."""


@dataclass(frozen=True)
class Rule:
    """A rule. Made by `parse`, which refuses what is none."""

    name: str
    """As tables, files and flags have it: "none", "group", "power(2)", …"""
    kind: Kind
    """What it is computed from: the prompt's own σ ("weight"), the batch's, or the features ("decoupled")."""
    alpha: float = math.nan
    """σ's exponent where the kind is "weight", else NaN."""

    def weight(self, pass_rate: float) -> float:
        """w(p) of a population whose rewards are 0 or 1; 0 at p = 0 and 1.

        Raises:
            ValueError: the rule has no such weight, or p lies outside [0, 1].

        >>> parse("group").weight(0.5)  # 1/√(.5 · .5)
        2.0
        """
        if self.kind != "weight":
            raise ValueError(f"rule is {self.name}; allowed: rules that weigh a prompt by its own σ")
        if not 0 <= pass_rate <= 1:
            raise ValueError(f"pass_rate is {pass_rate!r}; allowed: numbers in [0, 1]")
        variance = pass_rate * (1 - pass_rate)
        return variance ** (-self.alpha / 2) if variance > 0 else 0.0

    def group_weights(self, group_size: int) -> tuple[float, ...]:
        """w(k) for k = 0 … G right responses of a group of G.

        Raises:
            ValueError: as `weight`, or a group of fewer than 2.

        >>> [round(w, 3) for w in parse("group").group_weights(4)]  # 1/√(3/16), 1/√(1/4), 1/√(3/16)
        [0.0, 2.309, 2.0, 2.309, 0.0]
        """
        if isinstance(group_size, bool) or not hasattr(group_size, "__index__") or group_size < 2:
            raise ValueError(f"group_size is {group_size!r}; allowed: an integer of at least 2")
        return tuple(self.weight(k / group_size) for k in range(group_size + 1))

    def __str__(self) -> str:
        return self.name


def parse(
    name: object, *, alpha: float | None = None, allowed: Collection[str] = NAMES, argument: str = "rule"
) -> Rule:
    """A rule by its name.

    Arguments:
        name: one of `NAMES`; "power" alone takes its exponent from `alpha`.
        alpha: exponent of "power" where the name has none.
        allowed: the entries of `NAMES` that the caller can serve.
        argument: what the caller calls the rule, for its refusals.

    Raises:
        ValueError: another name, or an exponent that is no finite number of at least 0.

    >>> parse("power(2.0)")
    Rule(name='power(2)', kind='weight', alpha=2.0)
    >>> parse("grpo", allowed=("none", "group"))
    Traceback (most recent call last):
    ValueError: rule is 'grpo'; allowed: none, group
    """
    text = name.replace(" ", "") if isinstance(name, str) else ""
    match = re.fullmatch(r"power(?:\(([^()]*)\))?", text)
    if match and "power(A)" in allowed:
        given = match[1] is None and alpha is not None
        exponent = _number("" if isinstance(alpha, str) else alpha) if given else _number(match[1])
        if 0 <= exponent < math.inf:
            return Rule(f"power({repr(exponent + 0.0).removesuffix('.0')})", "weight", exponent + 0.0)
        if given:
            raise ValueError(f"alpha is {alpha!r}; allowed: a finite number of at least 0")
    if text in allowed and text == name:
        if text in EXPONENT:
            return Rule(text, "weight", EXPONENT[text])
        if text == "batch" or text == "pooled" or text == "decoupled":
            return Rule(text, text)
    raise ValueError(f"{argument} is {name!r}; allowed: {words(allowed)}")


def _number(value: object) -> float:
    """NaN where it is none."""
    try:
        return float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        return math.nan


def words(allowed: Collection[str] = NAMES) -> str:
    """The names in a sentence.

    >>> words(("none", "power(A)"))
    'none, or power(A) with a number A of at least 0'
    """
    plain = ", ".join(name for name in allowed if name != "power(A)")
    return f"{plain}, or power(A) with a number A of at least 0" if "power(A)" in allowed else plain
