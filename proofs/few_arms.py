"""Policies over a few arms with rational features, in balls: values, first steps, where exact-gradient runs end.

A prompt is a list of arms (probability at θ = 0, features, reward 0 or 1). J is a ratio of sums of exponentials; along
one parameter its derivatives come from power series with balls as coefficients, so nothing is derived by hand.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint

from curvature.constants import A_PRIORI_STD, STEP, STEP_UNIT
from proofs.enclosure import Number, exact, positive, working_precision
from proofs.theorem import Unproved


@dataclass(frozen=True)
class Arm:
    """A response: its probability at θ = 0, its features, whether it is right."""

    probability: Fraction
    features: tuple[Fraction, ...]
    right: bool = False


Prompt = tuple[Arm, ...]


def start(prompt: Prompt) -> tuple[Fraction, Fraction, tuple[Fraction, ...]]:
    """(J, σ², g) at θ = 0 in rationals: E r, E r − (E r)², Cov(r, φ).

    >>> half = Fraction(1, 2)
    >>> start((Arm(half, (half,), True), Arm(half, (-half,))))
    (Fraction(1, 2), Fraction(1, 4), (Fraction(1, 4),))
    """
    J = sum((arm.probability for arm in prompt if arm.right), Fraction(0))
    gradient = (
        sum((arm.probability * ((1 if arm.right else 0) - J) * arm.features[axis] for arm in prompt), Fraction(0))
        for axis in range(len(prompt[0].features))
    )
    return J, J - J**2, tuple(gradient)


def squared_diameter(prompts: Sequence[Prompt]) -> Fraction:
    """D²: the greatest squared distance between the features of two arms of one prompt."""
    return max(
        sum(((s - t) ** 2 for s, t in zip(a.features, b.features, strict=True)), Fraction(0))
        for prompt in prompts
        for a, b in itertools.combinations(prompt, 2)
    )


def weights(prompt: Prompt, parameters: Sequence[Any]) -> tuple[Any, Any]:
    """(right, wrong): the sums of p_y e^{θ·φ_y} over right and over wrong arms.

    Parameters are balls, or power series with balls as coefficients.
    """
    sums = [flint.arb(0), flint.arb(0)]
    for arm in prompt:
        logit = sum((exact(f) * t for f, t in zip(arm.features, parameters, strict=True)), flint.arb(0))
        sums[not arm.right] = sums[not arm.right] + exact(arm.probability) * logit.exp()
    return sums[0], sums[1]


def value(prompt: Prompt, parameters: Sequence[Any]) -> Any:
    """J at parameters that are balls or power series."""
    right, wrong = weights(prompt, parameters)
    return 1 / (1 + wrong / right)


def step_size(prompts: Sequence[Prompt], *, rescaled: bool, step: Number = STEP) -> flint.arb:
    """T6's η: 4c/D² for GRPO, 4c/(D² σ_max) for REINFORCE; a ball that contains c = ln 2 and its value in the code."""
    c = exact(step).union(flint.arb(2).log()) if step == STEP else exact(step)
    size = exact(STEP_UNIT) * c / exact(squared_diameter(prompts))
    return size if rescaled else size / exact(A_PRIORI_STD)


def first_step(prompts: Sequence[Prompt], *, rescaled: bool) -> list[flint.arb]:
    """The first update δ from θ = 0, on the sum over prompts."""
    size = step_size(prompts, rescaled=rescaled)
    moments = [start(prompt) for prompt in prompts]
    scales = [exact(variance).sqrt() if rescaled else flint.arb(1) for _, variance, _ in moments]
    return [
        size * sum((exact(g[axis]) / scale for (_, _, g), scale in zip(moments, scales, strict=True)), flint.arb(0))
        for axis in range(len(moments[0][2]))
    ]


def first_changes(prompts: Sequence[Prompt], *, rescaled: bool) -> list[flint.arb]:
    """What the first update adds to each J."""
    update = first_step(prompts, rescaled=rescaled)
    return [value(prompt, update) - exact(start(prompt)[0]) for prompt in prompts]


def direction(prompts: Sequence[Prompt], parameter: flint.arb, *, rescaled: bool) -> tuple[flint.arb, flint.arb]:
    """F and F′ at one parameter, F = Σ g_x/σ_x (rescaled) or Σ g_x.

    With ρ = wrong/right, J = 1/(1 + ρ), σ² = ρ/(1 + ρ)² and g = −ρ′/(1 + ρ)². Balls without ends if `parameter` is so
    wide that a denominator's ball contains 0.
    """
    series = flint.arb_series([parameter, 1], 3)
    total = flint.arb_series([0], 2)
    for prompt in prompts:
        right, wrong = weights(prompt, [series])
        try:
            ratio = wrong / right
            slope = -ratio.derivative()
            total = total + (slope / (ratio.sqrt() * (1 + ratio)) if rescaled else slope / (1 + ratio) ** 2)
        except ValueError:  # how FLINT says that the ball of a denominator contains 0
            return flint.arb(0, "inf"), flint.arb(0, "inf")
    return total[0], total[1]


def sum_of_values(prompts: Sequence[Prompt], parameter: flint.arb) -> flint.arb:
    """ΣJ at one parameter."""
    return sum((value(prompt, [parameter]) for prompt in prompts), flint.arb(0))


def run(prompts: Sequence[Prompt], steps: int, *, rescaled: bool) -> list[flint.arb]:
    """θ₀ = 0, θ₁, …, θ_steps of θ ← θ + ηF(θ)."""
    size = step_size(prompts, rescaled=rescaled)
    path = [flint.arb(0)]
    for _ in range(steps):
        path.append(path[-1] + size * direction(prompts, path[-1], rescaled=rescaled)[0])
    return path


def settles(prompts: Sequence[Prompt], low: Fraction, high: Fraction, *, rescaled: bool) -> tuple[str, flint.arb]:
    """Prove that from every point of [low, high] the run θ ← θ + ηF(θ) tends to the one zero of F there.

    F(low) > 0 > F(high), F′ < 0 and 1 + ηF′ > 0 on all of it: the map increases, moves every point towards the zero
    and none across it.

    Returns:
        The evidence, and a ball around the zero.

    Raises:
        Unproved: one of the three is not certified.
    """
    size = step_size(prompts, rescaled=rescaled)

    def slope(parameter: flint.arb) -> flint.arb:
        return direction(prompts, parameter, rescaled=rescaled)[1]

    with working_precision():
        for end, sign in ((low, 1), (high, -1)):
            if not sign * direction(prompts, exact(end), rescaled=rescaled)[0] > 0:
                raise Unproved(f"F has not the sign {sign:+} at {end}")
        falling = positive(lambda t: -slope(t), [(low, high)])
        positive(lambda t: 1 + size * slope(t), [(low, high)])
        for _ in range(60):
            middle = (low + high) / 2
            at_middle = direction(prompts, exact(middle), rescaled=rescaled)[0]
            if at_middle > 0:
                low = middle
            elif at_middle < 0:
                high = middle
            else:
                break
        return f"−F′: {falling}", exact(low).union(exact(high))
