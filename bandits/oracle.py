"""Where a rule's gradients come from, behind one interface: exact, expected over groups of G, or sampled groups of G.

    sampled   ĝ_x = (1/G) Σ_i (r_i − r̄) φ(x, y_i),  σ̂_x = sd(r_1..r_G) + ε
    expected  E[ĝ_x] over the number k of right responses, by T12's binomial sum (curvature/groups.py)

The leave-one-out baseline multiplies (r_i − r̄) by G/(G−1). Independent checks: tests/bandits/test_oracle.py.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from bandits._problem import Problem
from bandits.estimate import Estimate, UpdateRule, Weighted, exact_estimate
from bandits.policy import Group, Local
from bandits.weight import Weight
from curvature.check import check_count, check_interval, is_concrete
from curvature.groups import expected_weight


class Oracle(eqx.Module):
    """Turns the exact local quantities into the direction that a rule takes."""

    draws: ClassVar[bool] = True
    """Whether `key` is used; a run gives a new key at every step only where it is."""

    @abstractmethod
    def direction(self, rule: UpdateRule, problem: Problem, local: Local, *, key: Key[Array, ""]) -> PyTree:
        """The rule's direction in Θ; `key` is used by sampling only."""

    def validate(self, rule: UpdateRule, problem: Problem) -> None:
        """Raises ValueError where this oracle cannot serve this rule on this problem."""


class Exact(Oracle):
    """The population gradient and deviation."""

    draws: ClassVar[bool] = False

    def validate(self, rule: UpdateRule, problem: Problem) -> None:
        """Raises ValueError for a `Weight` without a function of the pass rate, or with rewards not all 0 or 1."""
        if isinstance(rule, Weight):
            _check_binary(f"the rule {rule.name}", problem)
            rule.exact_weights(jnp.zeros(1), jnp.zeros(1))

    def direction(self, rule: UpdateRule, problem: Problem, local: Local, *, key: Key[Array, ""]) -> PyTree:
        return rule.direction(problem.features, exact_estimate(problem.features, local))


def _check_binary(what: str, problem: Problem) -> None:
    if is_concrete(problem.rewards) and not problem.policy.is_binary(problem.rewards):
        raise ValueError(f"rewards are not all 0 or 1; allowed with {what}: binary rewards")


class _Grouped(Oracle):
    """Settings of the group estimator. Raises ValueError where one is out of range."""

    group_size: int = eqx.field(static=True)
    """G ≥ 2."""
    ddof: int = eqx.field(static=True, default=0)
    """0: population deviation (the paper); 1: sample deviation (TRL, verl)."""
    epsilon: float = eqx.field(static=True, default=0.0)
    """Added to the deviation (TRL 1e-4, verl 1e-6)."""
    leave_one_out: bool = eqx.field(static=True, default=False)
    """Baseline from the other G − 1 responses instead of all G."""

    def __check_init__(self) -> None:
        check_count("group_size", self.group_size, 2)
        if self.ddof not in (0, 1):
            raise ValueError(f"ddof is {self.ddof!r}; allowed: 0 (population) or 1 (sample)")
        check_interval("epsilon", self.epsilon, 0, float("inf"), open_ends="h")

    @property
    def baseline_factor(self) -> float:
        """(r_i − baseline) over (r_i − r̄)."""
        return self.group_size / (self.group_size - 1) if self.leave_one_out else 1.0

    def validate(self, rule: UpdateRule, problem: Problem) -> None:
        """Raises ValueError for a `Weight` made for other groups, or with rewards not all 0 or 1."""
        if isinstance(rule, Weight):
            _check_binary(f"the rule {rule.name}", problem)
            rule.group_weights(self.group_size, ddof=self.ddof, epsilon=self.epsilon)
            if self.leave_one_out and rule.shift is not None:
                raise ValueError(
                    f"leave_one_out is True; allowed with the rule {rule.name}: False, its table has a baseline already"
                )


class Expected(_Grouped):
    """The mean of the sampled oracle, without its noise: what a finite group does to the rule itself (T13)."""

    draws: ClassVar[bool] = False

    def validate(self, rule: UpdateRule, problem: Problem) -> None:
        """Raises ValueError for a rule that is not `Weighted`, or rewards that are not all 0 or 1."""
        if not isinstance(rule, Weighted):
            raise ValueError(
                f"rule is {type(rule).__name__.lower()}; allowed with expected groups: none, group, power and others "
                "whose expectation is a sum over one prompt's group (use sampled groups)"
            )
        _check_binary("expected groups", problem)
        super().validate(rule, problem)

    def direction(self, rule: UpdateRule, problem: Problem, local: Local, *, key: Key[Array, ""]) -> PyTree:
        assert isinstance(rule, Weighted)  # `validate` said so
        G = self.group_size
        p = jnp.clip(local.value, 0, 1)
        weights, shifts = rule.group_weights(G, ddof=self.ddof, epsilon=self.epsilon), rule.group_shifts(G)
        factor = self.baseline_factor * (G - 1) / G * expected_weight(p, weights)
        if shifts is not None:
            # of the b(k) (k/G − p) that a mean advantage of b adds to E ĝ/Δμ: E b(k)(k − Gp) = Gpq E_{Bin(G−1)} Δb
            factor = factor + expected_weight(p, jnp.pad(jnp.diff(shifts), 1))
        return problem.features.gather(factor[:, None] * problem.features.contract(local.coefficients))


class Sampled(_Grouped):
    """One group of G responses for every prompt at every step."""

    def direction(self, rule: UpdateRule, problem: Problem, local: Local, *, key: Key[Array, ""]) -> PyTree:
        group = problem.policy.group_estimate(local, problem.rewards, self.group_size, self.ddof, key=key)
        contract = problem.features.contract
        estimate = Estimate(
            gradient=contract(self.baseline_factor * group.coefficients),
            mean=group.mean,
            std=group.std + self.epsilon,
            pooled=self._pooled(group) + self.epsilon,
            score=contract(group.scores),
            group_size=self.group_size,
        )
        return rule.direction(problem.features, estimate)

    def _pooled(self, group: Group) -> Float[Array, ""]:
        """The deviation of all rewards at once: squares within groups and between them."""
        G, d = self.group_size, self.ddof
        within, between = group.std**2 * (G - d), G * (group.mean - jnp.mean(group.mean)) ** 2
        return jnp.sqrt(jnp.sum(within + between) / (group.mean.size * G - d))
