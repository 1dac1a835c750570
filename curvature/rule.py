"""Rules by name: by what each prompt's gradient is divided. One place for all that read, run, tune or draw rules.

    direction = Σ_x w_x g_x

    none       w = 1          REINFORCE, Dr. GRPO          batch      w = 1/mean σ_x, the same for every prompt
    group      w = 1/σ_x      GRPO                         pooled     w = 1/deviation of all rewards of the batch
    power(a)   w = 1/σ_x^a    0 is none, 1 is group        decoupled  no weight: (Σ σ_x P_x)⁻¹ Σ g_x (T9)

Where rewards are 0 or 1 a rule of the kind "weight" is a function of the pass rate, and of the number k of right
responses in a group of G: w(p) = (p(1−p))^{−α/2}, and w(k) = w(k/G), 0 where all are right or wrong. So are rules that
others propose, by which logs are reweighed (`curvature.group_update`) and the simulator runs (`bandits.make_rule`):

    maxrl      w = 1/p             divides by the mean reward          focal(γ)       w = (1−p)^γ/σ    F-GRPO
    pass(K)    w = K(1−p)^{K−1}    the gradient of pass@K              leave_one_out  σ of the other G − 1 (NeMo-RL)

This file needs neither JAX nor NumPy, so that a command can refuse a rule at once. Independent check:
tests/curvature/test_rule.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Kind = Literal["weight", "batch", "pooled", "decoupled", "maxrl", "focal", "pass", "leave_one_out"]
EXPONENT = {"none": 0.0, "group": 1.0}
"""Powers that have a name of their own."""
NAMES = ("none", "group", "batch", "pooled", "power(A)", "decoupled")
"""All rules that a language model here can train with; A is a number of at least 0."""
REWEIGHING = ("maxrl", "focal(A)", "pass(K)", "leave_one_out")
"""Further rules, by which logs are reweighed and simulated policies run."""
ALIASES = {"rloo": "none", "nemo": "leave_one_out"}
"""Trainers' names of rules; RLOO's advantages are G/(G − 1) times those of `none`. And passk(K) is pass(K)."""
PARAMETERS = {
    "power(A)": "a number A of at least 0",
    "focal(A)": "a number A of at least 0",
    "pass(K)": "an integer K of at least 1",
}
"""Rules with a parameter, and what it may be."""


@dataclass(frozen=True)
class Rule:
    """A rule. Made by `parse`, which refuses what is none."""

    name: str
    """As tables, files and flags have it: "none", "group", "power(2)", …"""
    kind: Kind
    """What it is computed from: the prompt's own σ ("weight"), the batch's, or the features ("decoupled"); the others
    are what their names say."""
    alpha: float = math.nan
    """σ's exponent where the kind is "weight", γ of "focal", K of "pass", else NaN."""

    def weight(self, pass_rate: float) -> float:
        """w(p) of a population whose rewards are 0 or 1; 0 at p = 0 and 1.

        Raises:
            ValueError: the rule has no such weight, or p lies outside [0, 1].

        >>> parse("group").weight(0.5)  # 1/√(.5 · .5)
        2.0
        """
        if not 0 <= pass_rate <= 1:
            raise ValueError(f"pass_rate is {pass_rate!r}; allowed: numbers in [0, 1]")
        return self._weight(pass_rate, pass_rate * (1 - pass_rate), 0.0)

    def _weight(self, p: float, variance: float, epsilon: float) -> float:
        """The weight at a pass rate p and a variance of the rewards, which a group's ddof makes other than p(1−p)."""
        if self.kind not in ("weight", "maxrl", "focal", "pass"):
            raise ValueError(f"rule is {self.name}; allowed: rules that weigh a prompt by its own σ")
        if not variance > 0:
            return 0.0
        if self.kind == "maxrl":
            return 1 / p
        if self.kind == "pass":
            return self.alpha * (1 - p) ** (self.alpha - 1)
        power = 1.0 if self.kind == "focal" else self.alpha
        divided = (math.sqrt(variance) + epsilon) ** -power if epsilon else variance ** (-power / 2)
        return (1 - p) ** self.alpha * divided if self.kind == "focal" else divided

    def group_weights(self, group_size: int, *, ddof: int = 0, epsilon: float = 0.0) -> tuple[float, ...]:
        """w(k) for k = 0 … G right responses of a group of G.

        Under "leave_one_out" the weight differs from response to response; here it is the factor by which the sum of
        the advantages' absolute values exceeds that of `none` (`advantages` has both).

        Arguments:
            group_size: G ≥ 2.
            ddof: 0 or 1, of the deviation that divides; 1 is PyTorch's default.
            epsilon: added to that deviation, ≥ 0.

        Raises:
            ValueError: as `weight`, a group of fewer than 2, another ddof, a negative ε.

        >>> [round(w, 3) for w in parse("group").group_weights(4)]  # 1/√(3/16), 1/√(1/4), 1/√(3/16)
        [0.0, 2.309, 2.0, 2.309, 0.0]
        """
        _check_group(group_size, ddof, epsilon)
        G = group_size
        if self.kind == "leave_one_out":
            return tuple(_leave_one_out(k, G, ddof, epsilon) for k in range(G + 1))
        grow = G / (G - ddof)
        return tuple(self._weight(k / G, k / G * (1 - k / G) * grow, epsilon) for k in range(G + 1))

    def advantages(self, group_size: int, *, ddof: int = 0, epsilon: float = 0.0) -> tuple[tuple[float, float], ...]:
        """(A of a right response, A of a wrong one) for k = 0 … G right responses of a group of G.

        They sum to 0 over the group but under "leave_one_out", where a live group's advantages have a mean.
        Arguments as `group_weights`.

        Raises:
            ValueError: as `group_weights`.

        >>> parse("none").advantages(4)[1]  # 1 − 1/4 and −1/4
        (0.75, -0.25)
        """
        _check_group(group_size, ddof, epsilon)
        G = group_size
        if self.kind == "leave_one_out":
            return tuple(_leave_one_out_advantages(k, G, ddof, epsilon) for k in range(G + 1))
        weights = self.group_weights(G, ddof=ddof, epsilon=epsilon)
        return tuple((w * (1 - k / G), -w * k / G) for k, w in enumerate(weights))

    def __str__(self) -> str:
        return self.name


def _check_group(group_size: int, ddof: int, epsilon: float) -> None:
    if isinstance(group_size, bool) or not hasattr(group_size, "__index__") or group_size < 2:
        raise ValueError(f"group_size is {group_size!r}; allowed: an integer of at least 2")
    if ddof not in (0, 1):
        raise ValueError(f"ddof is {ddof!r}; allowed: 0 (population) or 1 (sample)")
    if isinstance(epsilon, str) or not 0 <= epsilon < math.inf:
        raise ValueError(f"epsilon is {epsilon!r}; allowed: numbers in [0, inf)")


def _leave_one_out(k: int, G: int, ddof: int, epsilon: float) -> float:
    """Σ|A| over that of `none`, 2k(G−k)/G."""
    if k in (0, G):
        return 0.0
    right, wrong = _leave_one_out_advantages(k, G, ddof, epsilon)
    return (k * right - (G - k) * wrong) * G / (2 * k * (G - k))


def _leave_one_out_advantages(k: int, G: int, ddof: int, epsilon: float) -> tuple[float, float]:
    """Of a right and of a wrong response; where the others do not vary, the advantage is left undivided."""
    if k in (0, G):
        return 0.0, 0.0

    def advantage(others: int, apart: float) -> float:
        """Of a response that differs from the others' mean by `apart`, where `others` of the G − 1 are right."""
        n = G - 1
        deviation = math.sqrt(others * (n - others) / (n * max(n - ddof, 1)))
        return apart / (deviation + epsilon) if deviation else apart

    return advantage(k - 1, (G - k) / (G - 1)), -advantage(k, k / (G - 1))


def parse(
    name: object, *, alpha: float | None = None, allowed: Collection[str] = NAMES, argument: str = "rule"
) -> Rule:
    """A rule by its name.

    Arguments:
        name: one of `allowed`, or one of `ALIASES`; "power" alone takes its exponent from `alpha`.
        alpha: exponent of "power" where the name has none.
        allowed: the entries of `NAMES`, and of `REWEIGHING`, that the caller can serve.
        argument: what the caller calls the rule, for its refusals.

    Raises:
        ValueError: another name, or an exponent that is no finite number of at least 0.

    >>> parse("power(2.0)")
    Rule(name='power(2)', kind='weight', alpha=2.0)
    >>> parse("passk(4)", allowed=REWEIGHING).name
    'pass(4)'
    >>> parse("grpo", allowed=("none", "group"))
    Traceback (most recent call last):
    ValueError: rule is 'grpo'; allowed: none, group
    """
    text = name.replace(" ", "") if isinstance(name, str) else ""
    plain = text == name
    text = ALIASES.get(text, text).replace("passk(", "pass(")
    match = re.fullmatch(r"power(?:\(([^()]*)\))?", text)
    if match and "power(A)" in allowed:
        given = match[1] is None and alpha is not None
        exponent = _number("" if isinstance(alpha, str) else alpha) if given else _number(match[1])
        if 0 <= exponent < math.inf:
            return Rule(f"power({_short(exponent)})", "weight", exponent + 0.0)
        if given:
            raise ValueError(f"alpha is {alpha!r}; allowed: a finite number of at least 0")
    match = re.fullmatch(r"(focal|pass)\(([^()]*)\)", text)
    if match and f"{match[1]}({'A' if match[1] == 'focal' else 'K'})" in allowed:
        value = _number(match[2])
        if match[1] == "focal" and 0 <= value < math.inf:
            return Rule(f"focal({_short(value)})", "focal", value + 0.0)
        if match[1] == "pass" and 1 <= value < math.inf and value == int(value):
            return Rule(f"pass({int(value)})", "pass", value)
    if plain and text in allowed:
        if text in EXPONENT:
            return Rule(text, "weight", EXPONENT[text])
        if text in ("batch", "pooled", "decoupled", "maxrl", "leave_one_out"):
            return Rule(text, text)
    raise ValueError(f"{argument} is {name!r}; allowed: {words(allowed)}")


def _number(value: object) -> float:
    """NaN where it is none."""
    try:
        return float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        return math.nan


def _short(value: float) -> str:
    return repr(value + 0.0).removesuffix(".0")


def words(allowed: Collection[str] = NAMES) -> str:
    """The names in a sentence.

    >>> words(("none", "power(A)"))
    'none, or power(A) with a number A of at least 0'
    """
    plain = ", ".join(name for name in allowed if name not in PARAMETERS)
    return ", or ".join([plain, *(f"{name} with {PARAMETERS[name]}" for name in allowed if name in PARAMETERS)])
