r"""Advantages as trainers compute them: rewards [P, G] of P prompts with G responses each → advantages [P, G].

    A_i = (r_i − baseline_i) / scale_i,    scale = 1 | (s + ε) | (mean_x s_x + ε) | (s_batch + ε) | (s + ε)^α

The theory's rules divide by the population deviation of the prompt. Every trainer does something a little else, and
the differences (ddof, ε, which deviation, what happens where nothing varies) are settings here, with a preset for each.
`bandits` does the same for counts of arms and `group_std` for binary rewards. What a trainer does after this (averages
over tokens, clipping, whitening of tokens) is not modelled. Independent checks: tests/curvature/test_advantages.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from curvature._moments import centre, varies
from curvature.check import Numbers, as_float, check_finite, check_interval, check_shape
from curvature.rule import NAMES, Rule, parse, words
from curvature.trainers import SETTINGS

SCALES = tuple(name for name in NAMES if name != "decoupled")
"""The rules of `curvature.rule` that divide rewards: all but the one that needs features."""

CHOICES: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "baseline": ("mean", "leave_one_out", "none"),
        "std": ("group", "leave_one_out", "mean"),
        "zero_std": ("zero", "unscaled"),
        "ddof": (0, 1),
    }
)
"""What the other settings of an `Estimator` may be."""


class Estimator(eqx.Module):
    """One way from rewards to advantages. Call it with [P, G] rewards; jit and vmap as you like.

    Raises:
        ValueError: a setting that is not allowed, alone or with the others.
    """

    scale: str = eqx.field(static=True, default="group")
    """A rule's name, which says what divides: "group", the deviation of the prompt's own group; "none", nothing;
    "batch", the mean over prompts of those deviations (the theory's); "pooled", the deviation of all P·G rewards
    (TRL's); "power(a)", the group's to the power a."""
    alpha: float = eqx.field(static=True, default=1.0)
    """Exponent of "power" where the name has none: 0 is "none", 1 is "group"."""
    ddof: int = eqx.field(static=True, default=0)
    """0: population deviation (the paper); 1: sample deviation (PyTorch's default)."""
    epsilon: float = eqx.field(static=True, default=0.0)
    """Added to the deviation, before the power."""
    baseline: str = eqx.field(static=True, default="mean")
    """Subtracted from r_i: the group's mean, the mean of the other G − 1, or nothing."""
    std: str = eqx.field(static=True, default="group")
    """Deviation of the whole group, or of the other G − 1 responses, or in its place the group's mean reward, where a
    mean of 0 or less counts as no deviation (MaxRL); the last two with "group" and "power" only."""
    zero_std: str = eqx.field(static=True, default="zero")
    """Where the deviation that divides is 0: the advantage is 0, or it is left undivided."""

    def __check_init__(self) -> None:
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or value not in allowed:
                raise ValueError(f"{name} is {value!r}; allowed: {', '.join(map(repr, allowed))}")
        check_interval("epsilon", self.epsilon, 0, float("inf"), open_ends="h")
        check_interval("alpha", self.alpha, 0, float("inf"), open_ends="h")
        rule = self.rule
        if self.std != "group" and not self._divides_by_own(rule):
            raise ValueError(f"scale is {self.scale!r}; allowed with std {self.std!r}: {words(('group', 'power(A)'))}")

    @property
    def rule(self) -> Rule:
        """What `scale` and `alpha` name."""
        return parse(self.scale, alpha=self.alpha, allowed=SCALES, argument="scale")

    @staticmethod
    def _divides_by_own(rule: Rule) -> bool:
        return rule.kind == "weight" and rule.name != "none"

    def __call__(self, rewards: Numbers) -> Float[Array, "P G"]:
        """Advantages of P prompts' groups of G responses.

        Arguments:
            rewards: [P, G] finite.

        Returns:
            [P, G], in units of the reward over the scale's. Groups that do not vary get exactly 0 under "mean" and
            "leave_one_out" baselines, not the rounding of their mean over ε.

        Raises:
            ValueError: not a matrix, empty, NaN or infinite rewards, one response where two are needed.

        Three of four right, the paper's estimator: mean ¾, deviation √3/4, so 1/√3 and −√3.

        >>> print(jnp.round(Estimator()([[1.0, 1.0, 1.0, 0.0]]), 4))
        [[ 0.5774  0.5774  0.5774 -1.7321]]
        """
        r = as_float("rewards", rewards)
        check_shape("rewards", r, (None, None))
        check_finite("rewards", r)
        self._check_size(*r.shape)
        centred = self._centred(r)
        rule = self.rule
        if rule.name == "none":
            return centred
        s = self._deviation(r)
        alive = s > 0
        s = jnp.where(alive, s, 1) + self.epsilon
        if rule.kind == "weight":
            s = s**rule.alpha
        return jnp.where(alive, centred / s, centred if self.zero_std == "unscaled" else 0)

    def _check_size(self, num_prompts: int, group_size: int) -> None:
        sampled = (self._divides_by_own(self.rule) or self.scale == "batch") and self.ddof == 1
        if group_size < 2 and (self.baseline == "leave_one_out" or self.std == "leave_one_out" or sampled):
            raise ValueError(f"rewards has {group_size} response per prompt; allowed with these settings: at least 2")
        if self.scale == "pooled" and self.ddof == 1 and num_prompts * group_size < 2:
            raise ValueError("rewards has 1 entry; allowed with a pooled sample deviation: at least 2")

    def _centred(self, r: Float[Array, "P G"]) -> Float[Array, "P G"]:
        """Rewards less their baseline, exactly 0 in groups that do not vary."""
        if self.baseline == "none":
            return r
        G = r.shape[1]
        centred = jnp.where(_vary(r), centre(r), 0)
        return centred * (G / (G - 1)) if self.baseline == "leave_one_out" else centred

    def _deviation(self, r: Float[Array, "P G"]) -> Float[Array, "#P #G"]:
        """The deviation that divides, without ε; broadcasts against r."""
        if self.scale == "pooled":
            return _std(r.reshape(1, -1), self.ddof)
        if self.std == "leave_one_out":
            return _std_of_others(r, self.ddof)
        if self.std == "mean":
            return jnp.mean(r, axis=1, keepdims=True)
        s = _std(r, self.ddof)
        return jnp.mean(s, axis=0, keepdims=True) if self.scale == "batch" else s


def _vary(r: Float[Array, "*batch n"]) -> Array:
    return varies(r, jnp.ones(r.shape, bool))


def _std(r: Float[Array, "*batch n"], ddof: int) -> Float[Array, "*batch 1"]:
    """Deviation along the last axis, exactly 0 where nothing varies."""
    square = jnp.sum(centre(r) ** 2, axis=-1, keepdims=True)
    return jnp.sqrt(jnp.where(_vary(r), square / max(r.shape[-1] - ddof, 1), 0))


def _std_of_others(r: Float[Array, "P G"], ddof: int) -> Float[Array, "P G"]:
    """Deviation of the other G − 1 responses of the group: not from sums of squares, which leave rounding behind."""
    G = r.shape[1]
    others = jnp.stack([jnp.delete(r, i, axis=1, assume_unique_indices=True) for i in range(G)], axis=1)  # [P, G, G−1]
    return _std(others, ddof)[..., 0]


PRESETS: Mapping[str, Estimator] = MappingProxyType({name: Estimator(**made) for name, made in SETTINGS.items()})
"""What each trainer's default does; where each was read stands in `curvature.trainers`."""


def advantages(rewards: Numbers, estimator: Estimator | str = "paper") -> Float[Array, "P G"]:
    """Advantages by an `Estimator` or by the name of a preset.

    Arguments:
        rewards: [P, G] finite, P prompts with G responses each.
        estimator: an `Estimator`, or a key of `PRESETS`.

    Raises:
        ValueError: an unknown name; otherwise as `Estimator`.

    >>> print(jnp.round(advantages([[1.0, 0.0]], "trl"), 3))  # ±½ over √½ + 1e-4
    [[ 0.707 -0.707]]
    """
    if isinstance(estimator, str) and estimator in PRESETS:
        estimator = PRESETS[estimator]
    if not isinstance(estimator, Estimator):
        raise ValueError(f"estimator is {estimator!r}; allowed: an Estimator, or one of {', '.join(PRESETS)}")
    return estimator(rewards)
