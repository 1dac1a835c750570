"""Rules by name: parsing by hand-made cases, weights against the deviation of a written-out group."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curvature.rule import NAMES, parse, words
from tests.refusals import unchecked


@pytest.mark.parametrize(
    ("text", "name", "kind", "alpha"),
    [
        ("none", "none", "weight", 0.0),
        ("group", "group", "weight", 1.0),
        ("power(2)", "power(2)", "weight", 2.0),
        ("power( 1.50 )", "power(1.5)", "weight", 1.5),
        ("power(-0.0)", "power(0)", "weight", 0.0),
        ("batch", "batch", "batch", math.nan),
        ("pooled", "pooled", "pooled", math.nan),
        ("decoupled", "decoupled", "decoupled", math.nan),
    ],
)
def test_names(text: str, name: str, kind: str, alpha: float) -> None:
    rule = parse(text)
    assert (rule.name, rule.kind, str(rule)) == (name, kind, name)
    assert rule.alpha == alpha or (math.isnan(rule.alpha) and math.isnan(alpha))
    assert parse(rule.name).name == name


def test_power_alone_takes_the_exponent_that_is_given() -> None:
    assert parse("power", alpha=1.5) == parse("power(1.5)")
    assert parse("power(2)", alpha=1.5) == parse("power(2)")


@pytest.mark.parametrize("bad", [-1.0, math.inf, math.nan, "2", [1.0]])
def test_a_bad_exponent_is_named(bad: object) -> None:
    with unchecked(), pytest.raises(ValueError, match=re.escape(f"alpha is {bad!r}; allowed: a finite number")):
        parse("power", alpha=bad)
    with unchecked():
        assert parse("group", alpha=bad).alpha == 1  # looked at only where it is used


@pytest.mark.parametrize(
    "bad",
    ["", "None", "grpo", " none", "power", "power()", "power(x)", "power(-1)", "power(inf)", "power(nan)",
     "power(1)(2)", "power(1", 1, None, True, ["none"]],
)  # fmt: skip
def test_what_is_no_rule_is_refused_and_named(bad: object) -> None:
    with pytest.raises(ValueError, match=re.escape(f"rule is {bad!r}; allowed: none, group")):
        parse(bad)


def test_only_what_the_caller_serves() -> None:
    some = ("none", "group")
    assert parse("group", allowed=some).name == "group"
    for name in ("batch", "power(2)", "decoupled"):
        with pytest.raises(ValueError, match=re.escape(f"rule is {name!r}; allowed: none, group") + "$"):
            parse(name, allowed=some)
    assert words(NAMES).startswith("none, group, batch, pooled, decoupled, or power(A)")


@given(st.integers(2, 40), st.floats(0, 4))
def test_weights_of_a_group_are_those_of_its_deviation(size: int, alpha: float) -> None:
    found = parse("power", alpha=alpha).group_weights(size)
    assert len(found) == size + 1
    for k, weight in enumerate(found):
        rewards = np.array([1.0] * k + [0.0] * (size - k))
        wanted = rewards.std() ** -alpha if 0 < k < size else 0.0
        assert weight == pytest.approx(wanted, rel=1e-12)


def test_rules_without_a_weight_of_the_prompt_say_so() -> None:
    with pytest.raises(ValueError, match="rule is batch; allowed: rules that weigh a prompt by its own σ"):
        parse("batch").weight(0.5)
    with pytest.raises(ValueError, match=re.escape("pass_rate is 1.5; allowed: numbers in [0, 1]")):
        parse("none").weight(1.5)
    with pytest.raises(ValueError, match="group_size is 1; allowed"):
        parse("none").group_weights(1)
    with pytest.raises(ValueError, match=re.escape("scale is 'std'; allowed: none")):
        parse("std", argument="scale")
