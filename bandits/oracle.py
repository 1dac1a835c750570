"""Where a rule's gradients come from, behind one interface: exact, expected over groups of G, or sampled groups of G.

    sampled   ĝ_x = (1/G) Σ_i (r_i − r̄) φ(x, y_i),  σ̂_x = sd(r_1..r_G) + ε
    expected  E[ĝ_x] over the number k of right responses, by T12's binomial sum (curvature/groups.py)

The leave-one-out baseline multiplies (r_i − r̄) by G/(G−1). Independent checks: tests/bandits/test_oracle.py.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from bandits._problem import Problem
from bandits.clipped_ratio import CLIP_RANGE, Drawn, clipped_group
from bandits.epochs import spread_out
from bandits.estimate import Estimate, UpdateRule, Weighted, exact_estimate
from bandits.policy import Group, Local, Policy
from bandits.redraw import expected_tries
from bandits.weight import Weight
from curvature.check import check_count, check_interval, is_concrete
from curvature.groups import expected_weight


class Update(eqx.Module):
    """What an oracle made of a rule."""

    direction: PyTree
    """In Θ."""
    answers: Float[Array, ""]
    """Responses drawn for it."""


class Oracle(eqx.Module):
    """Turns the exact local quantities into the direction that a rule takes."""

    prompts_per_update: int = eqx.field(static=True, default=0, kw_only=True)
    """B, a divisor of N: a run goes through the prompts in shuffled epochs. 0: all at every update."""
    draws: ClassVar[bool] = True
    """Whether `key` is used; a run gives a new key at every step only where it is."""

    @abstractmethod
    def update(
        self,
        rule: UpdateRule,
        problem: Problem,
        local: Local,
        *,
        key: Key[Array, ""],
        chosen: Int[Array, " B"] | None = None,
    ) -> Update:
        """One update by the prompts `chosen`, all by default; `key` is used by sampling only."""

    def direction(self, rule: UpdateRule, problem: Problem, local: Local, *, key: Key[Array, ""]) -> PyTree:
        """The rule's direction in Θ by all prompts."""
        return self.update(rule, problem, local, key=key).direction

    def validate(self, rule: UpdateRule, problem: Problem) -> None:
        """Raises ValueError where this oracle cannot serve this rule on this problem."""
        B, N = self.prompts_per_update, problem.num_prompts
        check_count("prompts_per_update", B, 0)
        if B and N % B:
            raise ValueError(f"prompts_per_update is {B}; allowed: 0 (all), or a divisor of the number of prompts, {N}")


class Exact(Oracle):
    """The population gradient and deviation."""

    draws: ClassVar[bool] = False

    def validate(self, rule: UpdateRule, problem: Problem) -> None:
        """Raises ValueError for a `Weight` without a function of the pass rate, or with rewards not all 0 or 1."""
        super().validate(rule, problem)
        if isinstance(rule, Weight):
            _check_binary(f"the rule {rule.name}", problem)
            rule.exact_weights(jnp.zeros(1), jnp.zeros(1))

    def update(
        self,
        rule: UpdateRule,
        problem: Problem,
        local: Local,
        *,
        key: Key[Array, ""],
        chosen: Int[Array, " B"] | None = None,
    ) -> Update:
        estimate = exact_estimate(problem.features, local, chosen)
        return Update(rule.direction(problem.features, estimate), jnp.zeros(()))


def _rows(chosen: Int[Array, " B"], *trees: PyTree) -> PyTree:
    """Those of a batch."""
    return jax.tree.map(lambda leaf: leaf[chosen], trees)


def _check_binary(what: str, problem: Problem) -> None:
    if is_concrete(problem.rewards) and not problem.policy.is_binary(problem.rewards):
        raise ValueError(f"rewards are not all 0 or 1; allowed with {what}: binary rewards")


def _check_sides(rule: Weight) -> None:
    """That right answers' advantages are not below 0 and wrong ones' not above, where rewards differ."""
    if rule.table is None or not is_concrete(rule.table):
        return
    G = rule.table.shape[0] - 1
    k, mean = jnp.arange(1.0, G), 0.0 if rule.shift is None else rule.shift[1:-1]
    w = rule.table[1:-1]
    if bool(jnp.any(mean + w * (1 - k / G) < 0) | jnp.any(mean - w * k / G > 0)):
        raise ValueError(
            f"rule is {rule.name}, whose advantages have another sign than r - mean; allowed with updates_per_batch "
            "above 1: rules that raise right answers and lower wrong ones"
        )


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
    filter: bool = eqx.field(static=True, default=False, kw_only=True)
    """Dead groups, whose rewards are all equal, are drawn again (`bandits.redraw`); rewards of 0 or 1 alone."""

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
        """Raises ValueError for a `Weight` made for other groups, or where rewards must be 0 or 1 and are not."""
        super().validate(rule, problem)
        if self.filter:
            _check_binary("filter", problem)
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

    def update(
        self,
        rule: UpdateRule,
        problem: Problem,
        local: Local,
        *,
        key: Key[Array, ""],
        chosen: Int[Array, " B"] | None = None,
    ) -> Update:
        assert isinstance(rule, Weighted)  # `validate` said so
        G = self.group_size
        of = local if chosen is None else _rows(chosen, local)[0]
        p = jnp.clip(of.value, 0, 1)
        weights, shifts = rule.group_weights(G, ddof=self.ddof, epsilon=self.epsilon), rule.group_shifts(G)
        factor = self.baseline_factor * (G - 1) / G * expected_weight(p, weights)
        if shifts is not None:
            # of the b(k) (k/G − p) that a mean advantage of b adds to E ĝ/Δμ: E b(k)(k − Gp) = Gpq E_{Bin(G−1)} Δb
            factor = factor + expected_weight(p, jnp.pad(jnp.diff(shifts), 1))
        if self.filter:
            factor = factor * expected_tries(p, G)
        rows = spread_out(factor[:, None] * of.coefficients, chosen, problem.num_prompts)
        return Update(problem.features.gather(problem.features.contract(rows)), jnp.zeros(()))


class Sampled(_Grouped):
    """One group of G responses for every prompt at every step, or at every U-th: `bandits.clipped_ratio`.

    Raises ValueError where a setting is out of range.
    """

    updates_per_batch: int = eqx.field(static=True, default=1, kw_only=True)
    """U, updates on the groups of one batch."""
    clip_range: float = eqx.field(static=True, default=CLIP_RANGE, kw_only=True)
    """ε of PPO's ratio in (0, 1), where U > 1."""

    def __check_init__(self) -> None:
        check_count("updates_per_batch", self.updates_per_batch, 1)
        check_interval("clip_range", self.clip_range, 0, 1, open_ends="lh")

    def validate(self, rule: UpdateRule, problem: Problem) -> None:
        """Raises ValueError also for several updates a batch by a `Weight` that puts right answers below wrong ones."""
        super().validate(rule, problem)
        if self.updates_per_batch > 1 and isinstance(rule, Weight):
            _check_sides(rule)

    def update(
        self,
        rule: UpdateRule,
        problem: Problem,
        local: Local,
        *,
        key: Key[Array, ""],
        chosen: Int[Array, " B"] | None = None,
    ) -> Update:
        drawn = self.draw(problem, local, key=key, chosen=chosen)
        return Update(rule.direction(problem.features, self._estimate(problem, drawn, drawn.group)), drawn.answers)

    def draw(
        self, problem: Problem, local: Local, *, key: Key[Array, ""], chosen: Int[Array, " B"] | None = None
    ) -> Drawn:
        """The groups of a batch, by the policy where `local` is."""
        of, rewards = (local, problem.rewards) if chosen is None else _rows(chosen, local, problem.rewards)
        draw = problem.policy.live_group if self.filter else self._one_group(problem.policy)
        group, tries = draw(of, rewards, self.group_size, self.ddof, key=key)
        pooled = self._pooled(group) + self.epsilon
        group = jax.tree.map(lambda rows: spread_out(rows, chosen, problem.num_prompts), group)
        seen = 1.0 if chosen is None else spread_out(jnp.ones(len(chosen)), chosen, problem.num_prompts)
        answers = self.group_size * jnp.sum(tries).astype(rewards.dtype)
        std, B = group.std + self.epsilon * seen, None if chosen is None else len(chosen)
        return Drawn(group, pooled, std, local.probabilities, answers, B)

    def again(self, rule: UpdateRule, problem: Problem, local: Local, drawn: Drawn) -> PyTree:
        """The direction of one more update on a batch, from where `local` is."""
        group = clipped_group(problem.policy, local, drawn, self.clip_range)
        return rule.direction(problem.features, self._estimate(problem, drawn, group))

    def _estimate(self, problem: Problem, drawn: Drawn, group: Group) -> Estimate:
        contract = problem.features.contract
        return Estimate(
            gradient=contract(self.baseline_factor * group.coefficients),
            mean=group.mean,
            std=drawn.std,
            pooled=drawn.pooled,
            score=contract(group.scores),
            group_size=self.group_size,
            batch_size=drawn.batch_size,
        )

    @staticmethod
    def _one_group(policy: Policy) -> Callable[..., tuple[Group, Array]]:
        """As `Policy.live_group`, with one group of every prompt."""

        def draw(
            local: Local, rewards: Float[Array, "N K"], group_size: int, ddof: int, *, key: Key[Array, ""]
        ) -> tuple[Group, Array]:
            return policy.group_estimate(local, rewards, group_size, ddof, key=key), jnp.ones(len(rewards))

        return draw

    def _pooled(self, group: Group) -> Float[Array, ""]:
        """The deviation of all rewards at once: squares within groups and between them."""
        G, d = self.group_size, self.ddof
        within, between = group.std**2 * (G - d), G * (group.mean - jnp.mean(group.mean)) ** 2
        return jnp.sqrt(jnp.sum(within + between) / (group.mean.size * G - d))
