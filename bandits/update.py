"""Update rules: how per-prompt gradients and deviations become one direction (a step is on the SUM over prompts).

    none, group, power(a)   Σ g_x/σ_x^a, a = 0, 1, a     batch    Σ g_x/mean σ       decoupled  (Σ σ_x P_x)⁻¹ Σ g_x (T9)
    maxrl, focal(γ), pass(K), leave_one_out  `Weight`    pooled   Σ g_x/deviation of all rewards of the batch

Rewards of 0 or 1 leave a group only k, the number of right responses, so any rule whose advantages come from one group
is two tables (`Weight`), and with exact gradients a function of the pass rate:

    ĝ = (1/G) Σ_i A_i s_i = w(k) (1/G) Σ_i (r_i − r̄) s_i + b(k) (1/G) Σ_i s_i,   w = A₊ − A₋, b = mean A, s = ∇log π

b is 0 where advantages sum to 0. Names are those of `curvature.rule`. A prompt with σ_x = 0 contributes 0. `batch`
divides by the mean of the prompts' deviations, `pooled` by a number that also contains the spread of J_x between
prompts. Independent checks: tests/bandits/test_update.py, tests/bandits/test_weight.py.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from bandits.features import FeatureMap
from bandits.policy import Local
from curvature.check import check_finite, check_interval, check_length, check_shape
from curvature.groups import group_std
from curvature.rule import NAMES, REWEIGHING, Rule, parse
from curvature.safe import inverse_power

SERVED = (*NAMES, *REWEIGHING)
"""The rules that can be made here."""


class Estimate(eqx.Module):
    """What an update knows of each prompt, exactly or from one group; deviations of groups have ε added."""

    gradient: Float[Array, "N m"]
    """g_x or ĝ_x, a_x of e_x ⊗ a_x."""
    mean: Float[Array, " N"]
    """J_x or r̄."""
    std: Float[Array, " N"]
    """σ_x or σ̂_x + ε."""
    pooled: Float[Array, ""]
    """Deviation of all prompts' rewards at once."""
    score: Float[Array, "N m"] | None = None
    """(1/G) Σ_i s_i in the same form; None where exact."""
    group_size: int | None = eqx.field(static=True, default=None)
    """G; None where exact."""


def exact_estimate(features: FeatureMap, local: Local) -> Estimate:
    """The population's gradients and deviations."""
    J, σ = local.value, local.std
    pooled = jnp.sqrt(jnp.mean(σ**2) + jnp.var(J))
    return Estimate(features.contract(local.coefficients), J, σ, pooled)


class UpdateRule(eqx.Module):
    """Maps the prompts' gradients e_x ⊗ a_x and deviations to one direction in Θ."""

    @abstractmethod
    def direction(self, features: FeatureMap, estimate: Estimate) -> PyTree:
        """The direction; exact or estimated gradients and deviations alike."""


class Weighted(UpdateRule):
    """Σ w_x g_x, w_x from prompt x alone: only these have a mean over groups that is a sum over one prompt's (T12)."""

    @abstractmethod
    def group_weights(self, group_size: int, *, ddof: int, epsilon: float) -> Float[Array, " counts"]:
        """w(k) of a group with k = 0 … G right responses, as `curvature.rule.Rule.group_weights`."""

    def group_shifts(self, group_size: int) -> Float[Array, " counts"] | None:
        """b(k), the mean of the group's advantages; None where it is always 0."""
        return None


class Power(Weighted):
    """Σ g_x/σ_x^α of any rewards: `none` is α = 0, `group` α = 1."""

    alpha: Float[Array, ""]

    def weight(self, std: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """σ^{−α} of a prompt, or of a group, with this deviation; 0 at σ = 0."""
        return inverse_power(std, self.alpha)

    def group_weights(self, group_size: int, *, ddof: int, epsilon: float) -> Float[Array, " counts"]:
        """(σ̂ + ε)^{−α}."""
        return self.weight(jnp.asarray(group_std(group_size, ddof=ddof, epsilon=epsilon), self.alpha.dtype))

    def direction(self, features: FeatureMap, estimate: Estimate) -> PyTree:
        return features.gather(self.weight(estimate.std)[:, None] * estimate.gradient)


class Monomial(eqx.Module):
    """c J^u σ^v, which for rewards of 0 or 1 is c p^{u+v/2} (1−p)^{v/2}: σ knows 1 − p where J has no digits of it."""

    factor: Float[Array, ""]
    of_mean: Float[Array, ""]
    """u."""
    of_std: Float[Array, ""]
    """v."""

    def __call__(self, mean: Float[Array, "*shape"], std: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """0 at σ = 0."""
        return self.factor * inverse_power(mean, -self.of_mean) * inverse_power(std, -self.of_std)


Rate = Callable[[Float[Array, "*shape"], Float[Array, "*shape"]], Float[Array, "*shape"]]
"""(J, σ) → w(p)."""


class Weight(Weighted):
    """Any weights by the number of right responses, and by the pass rate, for rewards of 0 or 1.

    Raises:
        ValueError: tables of other shapes, or of fewer than three entries, or not finite; neither a table nor a rate.
    """

    table: Float[Array, " counts"] | None = None
    """[G+1] w(k); its ends are not used. None: exact gradients only."""
    shift: Float[Array, " counts"] | None = None
    """[G+1] b(k), 0 at both ends; None where advantages sum to 0 over a group."""
    rate: Rate | None = None
    """w(p) from J and σ; None: groups only."""
    name: str = eqx.field(static=True, default="weight")
    """For refusals."""
    made_for: tuple[int, float] | None = eqx.field(static=True, default=None)
    """(ddof, ε) of the deviations in the tables; None where they hold for any."""

    def __check_init__(self) -> None:
        if self.table is None and self.rate is None:
            raise ValueError("table is None; allowed without a rate: an array of G + 1 weights")
        if self.shift is not None and self.table is None:
            raise ValueError("shift is given without a table; allowed: both, of G + 1 entries")
        for name, array in (("table", self.table), ("shift", self.shift)):
            if array is not None:
                check_shape(name, array, (None if name == "table" else self.table.shape[0],))  # pyright: ignore
                check_length(name, array, 3)
                check_finite(name, array[1:-1])

    def group_weights(self, group_size: int, *, ddof: int, epsilon: float) -> Float[Array, " counts"]:
        """The table.

        Raises:
            ValueError: there is none, or it is that of other groups.
        """
        if self.table is None or self.table.shape[0] != group_size + 1:
            has = "no table" if self.table is None else f"a table for groups of {self.table.shape[0] - 1}"
            raise ValueError(f"rule is {self.name} with {has}; allowed: one for groups of {group_size}")
        if self.made_for not in (None, (ddof, epsilon)):
            raise ValueError(
                f"rule is {self.name} with weights for (ddof, epsilon) = {self.made_for}; "
                f"allowed: the oracle's, {(ddof, epsilon)}"
            )
        return self.table

    def group_shifts(self, group_size: int) -> Float[Array, " counts"] | None:
        """`shift`."""
        return self.shift

    def exact_weights(self, mean: Float[Array, " N"], std: Float[Array, " N"]) -> Float[Array, " N"]:
        """w(p).

        Raises:
            ValueError: the rule has none.
        """
        if self.rate is None:
            raise ValueError(f"rule is {self.name}, which is defined by groups; allowed: sampled or expected groups")
        return self.rate(mean, std)

    def direction(self, features: FeatureMap, estimate: Estimate) -> PyTree:
        """Raises ValueError where the rule has no weights for these gradients."""
        if estimate.group_size is None:
            return features.gather(self.exact_weights(estimate.mean, estimate.std)[:, None] * estimate.gradient)
        if self.table is None or self.table.shape[0] != estimate.group_size + 1:
            raise ValueError(f"rule is {self.name} without a table for groups of {estimate.group_size}; allowed: with")
        k = jnp.round(estimate.mean * estimate.group_size).astype(int)
        update = self.table[k][:, None] * estimate.gradient
        if self.shift is not None and estimate.score is not None:
            update = update + self.shift[k][:, None] * estimate.score
        return features.gather(update)


class Batch(UpdateRule):
    """Σ g_x / mean σ."""

    def direction(self, features: FeatureMap, estimate: Estimate) -> PyTree:
        return features.gather(inverse_power(jnp.mean(estimate.std), 1) * estimate.gradient)


class Pooled(UpdateRule):
    """Σ g_x / deviation of all rewards of the batch (TRL `scale_rewards="batch"`)."""

    def direction(self, features: FeatureMap, estimate: Estimate) -> PyTree:
        return features.gather(inverse_power(estimate.pooled, 1) * estimate.gradient)


class Decoupled(UpdateRule):
    """(Σ σ_x P_x + λ mean(σ) I)⁻¹ Σ g_x; the inverse is a pseudo-inverse at λ = 0."""

    projectors: Float[Array, "N m m"] | None
    """P_x in the features' short coordinates; None where they need none (`FeatureMap.projectors`)."""
    ridge: Float[Array, ""]

    def direction(self, features: FeatureMap, estimate: Estimate) -> PyTree:
        σ = estimate.std
        return features.decouple(estimate.gradient, σ, self.ridge * jnp.mean(σ), self.projectors)


def _monomial(rule: Rule) -> Monomial | None:
    """w(p) of a named rule; None where only groups define it. (1−p)^a = σ^{2a} p^{−a}."""
    a = rule.alpha
    exponents = {
        "maxrl": (1.0, -1.0, 0.0),
        "focal": (1.0, -a, 2 * a - 1),
        "pass": (a, 1 - a, 2 * (a - 1)),
    }.get(rule.kind)
    return None if exponents is None else Monomial(*(jnp.asarray(x, jnp.result_type(float)) for x in exponents))


def weight_of(rule: Rule, group_size: int | None, *, ddof: int = 0, epsilon: float = 0.0) -> Weight:
    """The tables and the function of the pass rate of a rule of `REWEIGHING`; arguments as in `make_rule`.

    Raises:
        ValueError: settings of groups out of range, or leave_one_out without a group_size.
    """
    rate, dtype = _monomial(rule), jnp.result_type(float)
    if group_size is None:
        if rate is None:
            raise ValueError(f"rule is {rule.name}, which is defined by groups; allowed: with a group_size")
        return Weight(rate=rate, name=rule.name)
    shift, table = None, np.array(rule.group_weights(group_size, ddof=ddof, epsilon=epsilon))
    if rule.kind == "leave_one_out":
        right, wrong = np.array(rule.advantages(group_size, ddof=ddof, epsilon=epsilon)).T
        k = np.arange(group_size + 1)
        table, shift = right - wrong, jnp.asarray((k * right + (group_size - k) * wrong) / group_size, dtype)
    made_for = (ddof, epsilon) if rule.kind in ("focal", "leave_one_out") else None
    return Weight(jnp.asarray(table, dtype), shift, rate, rule.name, made_for)


def make_rule(
    name: str,
    features: FeatureMap,
    *,
    alpha: float = 1.5,
    ridge: float = 0.0,
    group_size: int | None = None,
    ddof: int = 0,
    epsilon: float = 0.0,
) -> UpdateRule:
    """A rule by its name.

    Arguments:
        name: one of `SERVED`, such as "group" or "power(2)"; "power" alone takes its exponent from `alpha`.
        features: of the problem (its spans enter `decoupled`).
        alpha: exponent of "power" where the name has none, ≥ 0.
        ridge: λ of `decoupled`, relative to the mean deviation, ≥ 0.
        group_size, ddof, epsilon: the oracle's, from which the tables of maxrl, focal, pass and leave_one_out are made;
            without a group_size they serve exact gradients only. Other rules do not look at them.

    Raises:
        ValueError: an unknown name, a negative exponent or ridge, settings of groups that `Sampled` would refuse,
            leave_one_out without a group_size.
    """
    rule, dtype = parse(name, alpha=alpha, allowed=SERVED), jnp.result_type(float)
    if rule.kind == "decoupled":
        check_interval("ridge", ridge, 0, float("inf"), open_ends="h")
        return Decoupled(features.projectors(), jnp.asarray(ridge, dtype))
    if rule.kind == "weight":
        # a strong type for every α: none, group and power(α) share a compiled program
        return Power(jnp.asarray(rule.alpha, dtype))
    if rule.kind in ("batch", "pooled"):
        return Batch() if rule.kind == "batch" else Pooled()
    return weight_of(rule, group_size, ddof=ddof, epsilon=epsilon)
