"""What a command may choose by name: optimisers, schedules, rules, trainers' estimators. Imports no JAX.

So that flags are refused at once. Each list stands beside a table that is used (`optimiser.py`, `curvature.rule`,
`curvature.PRESETS`); tests/experiments/language/learning/test_choices.py holds them to be the same.
"""

from __future__ import annotations

from typing import Literal

from curvature.rule import Rule, parse

OptimiserName = Literal["sgd", "momentum", "adam", "adamw"]
ScheduleName = Literal["constant", "linear", "cosine"]
RULES = ("none", "group", "batch", "power(A)", "maxrl")
"""Those of `curvature.rule` that the language model learns by; `maxrl` by exact steps alone."""
LARGEST_ALPHA = 8.0
"""Far from float32's end: one right response of 1024 has σ^−8 near 2⁴⁰."""
ESTIMATORS = (
    "paper",
    "reinforce",
    "batch",
    "trl",
    "trl_batch",
    "trl_none",
    "verl",
    "skyrl",
    "tunix",
    "openrlhf",
    "dr_grpo",
    "dr_grpo_baseline",
    "nemo_rl",
    "rloo",
    "maxrl",
    "ms_swift",
    "open_instruct",
    "slime",
)


def learning_rule(name: object, alpha: float = 2.0) -> Rule:
    """A rule that the language model can learn by.

    Arguments:
        name: one of `RULES`, or "power", whose exponent is `alpha`.
        alpha: in [0, 8]; not used by other names.

    Raises:
        ValueError: another rule, or an exponent outside [0, 8].

    >>> learning_rule("power", 1.5) == learning_rule("power(1.5)")
    True
    """
    if not 0 <= alpha <= LARGEST_ALPHA:
        raise ValueError(f"alpha is {alpha}; allowed: numbers in [0, {LARGEST_ALPHA:g}]")
    rule = parse(name, alpha=alpha, allowed=RULES)
    if rule.alpha > LARGEST_ALPHA:
        raise ValueError(f"rule is {name!r}; allowed: exponents in [0, {LARGEST_ALPHA:g}]")
    return rule
