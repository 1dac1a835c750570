"""Light lists of names are those of the tables that are used; rules are refused in one sentence."""

from typing import get_args

import pytest

from curvature import PRESETS
from curvature.rule import NAMES, REWEIGHING
from experiments.language.learning.choices import ESTIMATORS, RULES, OptimiserName, ScheduleName, learning_rule
from experiments.language.learning.optimiser import make_schedule, make_transform


def test_names_are_those_of_the_tables():
    assert tuple(PRESETS) == ESTIMATORS
    assert set(RULES) <= {*NAMES, *REWEIGHING}
    for name in get_args(OptimiserName):
        make_transform(name)
    for name in get_args(ScheduleName):
        make_schedule(name, 0.1, 3)


def test_rules_by_name():
    assert [learning_rule(name).name for name in ("none", "group", "batch")] == ["none", "group", "batch"]
    assert learning_rule("power").alpha == 2
    assert learning_rule("power", 3.0) == learning_rule("power(3)") == learning_rule("power(3.0)", 1.0)
    assert (learning_rule("power", 8.0).alpha, learning_rule("power", 0.0).alpha) == (8, 0)


@pytest.mark.parametrize("bad", ["grpo", "", "None", "pooled", "decoupled", "power(-1)", "power(x)", "power()"])
def test_other_rules_are_refused(bad):
    with pytest.raises(ValueError, match=r"^rule is '") as error:
        learning_rule(bad)
    assert str(error.value).endswith("allowed: none, group, batch, maxrl, or power(A) with a number A of at least 0")


@pytest.mark.parametrize("bad", [-0.1, 8.1, float("nan")])
def test_other_exponents_are_refused(bad):
    with pytest.raises(ValueError, match=rf"^alpha is {bad}; allowed: numbers in \[0, 8\]$"):
        learning_rule("power", bad)


def test_other_exponents_in_a_name_are_refused():
    with pytest.raises(ValueError, match=r"^rule is 'power\(9\)'; allowed: exponents in \[0, 8\]$"):
        learning_rule("power(9)")
