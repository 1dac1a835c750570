"""Values, first steps and ends of runs by balls against closed forms in floats."""

import math
from fractions import Fraction

import flint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.conflict import PROMPTS as CONFLICT
from proofs.enclosure import exact, interval, working_precision
from proofs.few_arms import (
    Arm,
    direction,
    first_changes,
    first_step,
    run,
    settles,
    squared_diameter,
    start,
    step_size,
    sum_of_values,
    value,
)
from proofs.orthogonal_gradients import on_one_axis
from proofs.theorem import Unproved


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def values(name, t):
    if name == "X1":
        return sigmoid(t - math.log(999)), 1 / (1 + math.cosh(t / 2))
    return sigmoid(t / 2), sigmoid(-t - math.log(9))


def slopes(name, t):
    J1, J2 = values(name, t)
    if name == "X1":
        return J1 * (1 - J1), -math.sinh(t / 2) / 2 * J2**2
    return J1 * (1 - J1) / 2, -J2 * (1 - J2)


EXAMPLES = {"X1": on_one_axis(), "C6": CONFLICT}


@pytest.mark.parametrize("name", EXAMPLES)
@given(t=st.floats(-8, 8))
def test_values_and_directions_are_those_of_the_closed_forms(name, t):
    prompts, ball = EXAMPLES[name], exact(t)
    J, g = values(name, t), slopes(name, t)
    for prompt, wanted in zip(prompts, J, strict=True):
        assert float(value(prompt, [ball])) == pytest.approx(wanted, rel=1e-12)
    assert float(sum_of_values(prompts, ball)) == pytest.approx(sum(J), rel=1e-12)
    deviations = [math.sqrt(v * (1 - v)) for v in J]
    scaled = [s / d for s, d in zip(g, deviations, strict=True)]
    size = max(map(abs, g))
    assert float(direction(prompts, ball, rescaled=False)[0]) == pytest.approx(sum(g), rel=1e-11, abs=1e-11 * size)
    assert float(direction(prompts, ball, rescaled=True)[0]) == pytest.approx(
        sum(scaled), rel=1e-9, abs=1e-9 * max(map(abs, scaled))
    )


@pytest.mark.parametrize("rescaled", [True, False])
@pytest.mark.parametrize("name", EXAMPLES)
@given(t=st.fractions(-6, 6, max_denominator=64))
def test_the_second_number_is_the_derivative_of_the_first(name, rescaled, t):
    h = Fraction(1, 2**30)
    with working_precision():
        up, down = (direction(EXAMPLES[name], exact(t + s), rescaled=rescaled)[0] for s in (h, -h))
        difference = float((up - down) / exact(2 * h))
        assert float(direction(EXAMPLES[name], exact(t), rescaled=rescaled)[1]) == pytest.approx(difference, abs=1e-14)


@given(t=st.fractions(-6, 6, max_denominator=64), width=st.fractions(0, 8, max_denominator=64), k=st.integers(0, 8))
def test_a_direction_over_an_interval_contains_those_at_its_points(t, width, k):
    whole = direction(CONFLICT, interval(t, t + width), rescaled=True)
    at_point = direction(CONFLICT, exact(t + width * k / 8), rescaled=True)
    for ball, point in zip(whole, at_point, strict=True):
        assert ball.overlaps(point)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_start_in_rationals_is_that_of_the_closed_forms(name):
    for prompt, J, g in zip(EXAMPLES[name], values(name, 0.0), slopes(name, 0.0), strict=True):
        mean, variance, gradient = start(prompt)
        assert (float(mean), float(variance)) == pytest.approx((J, J * (1 - J)), rel=1e-14)
        assert [float(x) for x in gradient] == pytest.approx([g], rel=1e-14)
    assert squared_diameter(EXAMPLES[name]) == 1


@pytest.mark.parametrize(("rescaled", "size"), [(True, 4 * math.log(2)), (False, 8 * math.log(2))])
@pytest.mark.parametrize("name", EXAMPLES)
def test_runs_follow_the_iteration_in_floats(name, rescaled, size):
    prompts = EXAMPLES[name]
    assert float(step_size(prompts, rescaled=rescaled)) == pytest.approx(size, rel=1e-15)
    assert step_size(prompts, rescaled=rescaled, step=1).contains(flint.arb(4 if rescaled else 8))
    t, path = 0.0, [0.0]
    for _ in range(8):
        g, J = slopes(name, t), values(name, t)
        t += size * sum(s / math.sqrt(v * (1 - v)) if rescaled else s for s, v in zip(g, J, strict=True))
        path.append(t)
    with working_precision():
        assert [float(x) for x in run(prompts, 8, rescaled=rescaled)] == pytest.approx(path, rel=1e-9)
    assert float(first_step(prompts, rescaled=rescaled)[0]) == pytest.approx(path[1], rel=1e-12)
    changes = [float(x) for x in first_changes(prompts, rescaled=rescaled)]
    wanted = [b - a for a, b in zip(values(name, 0.0), values(name, path[1]), strict=True)]
    assert changes == pytest.approx(wanted, rel=1e-6)


def test_axes_are_kept_apart():
    half = Fraction(1, 2)
    first = (Arm(half, (Fraction(1), Fraction(0)), True), Arm(half, (Fraction(0), Fraction(0))))
    second = (Arm(half, (Fraction(0), Fraction(3)), True), Arm(half, (Fraction(0), Fraction(0))))
    assert start(second)[2] == (0, Fraction(3, 4))
    assert squared_diameter((first, second)) == 9
    with working_precision():
        update = first_step((first, second), rescaled=True)
        size = 4 * math.log(2) / 9
        assert [float(x) for x in update] == pytest.approx([size / 2, 3 * size / 2], rel=1e-14)
        assert float(first_changes((first, second), rescaled=True)[1]) == pytest.approx(sigmoid(4.5 * size) - 0.5)


@pytest.mark.parametrize(
    ("low", "high", "reason"),
    [
        (Fraction(-7), Fraction(-5), "sign"),
        (Fraction(-9), Fraction(-8), "sign"),
        (Fraction(-9), Fraction(-1), "fails at"),
    ],
)
def test_a_run_is_not_said_to_settle_where_it_does_not(low, high, reason):
    with pytest.raises(Unproved, match=reason):
        settles(CONFLICT, low, high, rescaled=True)


def test_the_zero_is_enclosed():
    _, zero = settles(CONFLICT, Fraction(-9), Fraction(-5), rescaled=True)
    t = float(zero)
    J, g = values("C6", t), slopes("C6", t)
    assert sum(s / math.sqrt(v * (1 - v)) for s, v in zip(g, J, strict=True)) == pytest.approx(0, abs=1e-14)
    assert float(zero.rad()) < 1e-14
