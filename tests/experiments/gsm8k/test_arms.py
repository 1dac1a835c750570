"""Names and step scales of the rules that are compared."""

import pytest

from experiments.gsm8k.arms import arms
from experiments.gsm8k.plan import PRESETS, with_optimiser

QUICK = PRESETS["quick"]


def test_rules_take_steps_that_agree_at_one_half() -> None:
    exponents = {"none": 0, "group": 1, "batch": 1, "power": 2.6}
    for arm, α in zip(arms(tuple(exponents), 2.6, QUICK), exponents.values(), strict=True):
        assert (arm.exponent, arm.scale) == (pytest.approx(α), pytest.approx(0.5**α))
        assert arm.scale / 0.5**α == pytest.approx(1)  # step / σ^α at σ = ½ is REINFORCE's
    adam = with_optimiser(QUICK, "adam")
    assert [arm.scale for arm in arms(("none", "group", "power"), 2.5, adam)] == [1, 1, 1]


def test_arms_are_called_what_tables_and_files_say() -> None:
    assert [arm.name for arm in arms(("none", "group", "power"), 2.5, QUICK)] == ["none", "group", "power(2.5)"]
    assert arms(("power",), 2.0, QUICK)[0].name == "power(2)"
    with pytest.raises(ValueError, match="rule is 'grpo'; allowed: none, group, batch"):
        arms(("grpo",), 2.0, QUICK)
