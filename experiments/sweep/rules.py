"""The rules of a sweep's program: one structure a kind of rule, whose numbers differ from run to run.

Independent check: tests/experiments/sweep/test_execute.py, rows against runs of rules made by their names.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from bandits.estimate import UpdateRule
from bandits.update import Batch, Decoupled, Pooled, Power
from bandits.weight import Weight, weight_of
from curvature.rule import parse
from experiments.sweep.grid import RULES, Setting


def update_rule(kind: str, alpha: Float[Array, ""], ridge: float, weight: Weight | None) -> UpdateRule:
    """The rule of one run, by the kind of `Setting.rule_kind`; `weight` is that of the kind table."""
    if weight is not None:
        return weight
    if kind == "power":
        return Power(alpha)
    if kind in ("batch", "pooled"):
        return Batch() if kind == "batch" else Pooled()
    return Decoupled(None, jnp.asarray(ridge))  # simplex arms: every prompt spans all of them


def weights(settings: Sequence[Setting]) -> Weight | None:
    """The tables of settings of one program, stacked; None where their kind is another."""
    if settings[0].rule_kind != "table":
        return None

    def one(setting: Setting) -> Weight:
        """All of one structure: what is not needed is 0, or not there."""
        rule = parse(setting.rule, allowed=RULES)
        if setting.group_size == "exact":
            return Weight(rate=weight_of(rule, None).rate)
        made = weight_of(rule, int(setting.group_size))
        assert made.table is not None
        return Weight(made.table, jnp.zeros_like(made.table) if made.shift is None else made.shift)

    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(one, settings))
