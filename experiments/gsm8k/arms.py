"""The rules that are compared, each with the scale of its steps.

A rule with exponent α takes REINFORCE's steps times 2^−α, so that all agree where σ = ½. Adam takes a gradient's scale
away: with it all rules share REINFORCE's steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curvature.rule import Rule
from experiments.gsm8k.plan import Plan
from experiments.language.learning.choices import learning_rule


@dataclass(frozen=True)
class Arm:
    """A rule as it is compared."""

    rule: Rule
    scaled: bool = True
    """Whether the optimiser leaves the gradient its scale."""

    @property
    def name(self) -> str:
        """As in tables and file names."""
        return self.rule.name

    @property
    def exponent(self) -> float:
        """Of σ in what divides, as the learner's float32 has it; `batch` divides by a deviation too, and 1/p is 2 where
        1/σ is.
        """
        return 1.0 if self.rule.kind in ("batch", "maxrl") else float(np.float32(self.rule.alpha))

    @property
    def scale(self) -> float:
        """Its steps over REINFORCE's."""
        return 2.0**-self.exponent if self.scaled else 1.0


def arms(names: tuple[str, ...], alpha: float, plan: Plan) -> list[Arm]:
    """The arms of these names; `alpha` is the exponent of "power".

    Raises:
        ValueError: a name that is no rule.
    """
    return [Arm(learning_rule(name, alpha), plan.optimiser != "adam") for name in names]
