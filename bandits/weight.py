"""Rules as weights of a prompt by its own group: for rewards of 0 or 1 two tables, and a function of the pass rate.

    maxrl, focal(γ), pass(K), leave_one_out

A group leaves only k, the number of right responses, so any rule whose advantages come from one group is two tables,
and with exact gradients a function of the pass rate:

    ĝ = (1/G) Σ_i A_i s_i = w(k) (1/G) Σ_i (r_i − r̄) s_i + b(k) (1/G) Σ_i s_i,   w = A₊ − A₋, b = mean A, s = ∇log π

b is 0 where advantages sum to 0. Independent checks: tests/bandits/test_weight.py.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from bandits.estimate import Estimate, Weighted
from bandits.features import FeatureMap
from curvature.check import check_finite, check_length, check_shape
from curvature.rule import Rule
from curvature.safe import inverse_power


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
