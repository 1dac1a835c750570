"""Rules by name: parsing by hand-made cases, weights against the deviation of a written-out group."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curvature.rule import NAMES, REWEIGHING, parse, words
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


EVERY = (*NAMES, *REWEIGHING)
RULES = ("none", "group", "power(2)", "maxrl", "focal(0.5)", "focal(1)", "pass(4)", "leave_one_out")


@pytest.mark.parametrize(
    ("text", "name", "kind", "alpha"),
    [("maxrl", "maxrl", "maxrl", math.nan),
     ("focal( .50)", "focal(0.5)", "focal", 0.5), ("pass(4.0)", "pass(4)", "pass", 4),
     ("leave_one_out", "leave_one_out", "leave_one_out", math.nan)],
)  # fmt: skip
def test_names_of_rules_by_which_logs_are_reweighed(text: str, name: str, kind: str, alpha: float) -> None:
    rule = parse(text, allowed=EVERY)
    assert (rule.name, rule.kind) == (name, kind)
    assert rule.alpha == alpha or (math.isnan(rule.alpha) and math.isnan(alpha))
    with pytest.raises(ValueError, match=r"rule is .*; allowed: none, group"):
        parse(text)  # nothing trains with it


@pytest.mark.parametrize(
    "bad", ["focal", "focal(-1)", "focal(nan)", "pass(0)", "pass(1.5)", "pass(inf)", "pass(K)", "MaxRL"]
)
def test_bad_parameters_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=re.escape("pass(K) with an integer K of at least 1")):
        parse(bad, allowed=EVERY)


def spelt(rule: str, rewards: np.ndarray, ddof: int, epsilon: float) -> np.ndarray:
    """Advantages of one group, response by response, from each rule's paper or source."""
    G, mean = len(rewards), rewards.mean()
    centred, s = rewards - mean, rewards.std(ddof=ddof) + epsilon
    if rule == "leave_one_out":
        found = []
        for i in range(G):
            others = np.delete(rewards, i)
            deviation = others.std(ddof=ddof) if 1 + ddof < G else 0.0
            found.append((rewards[i] - others.mean()) / (deviation + epsilon if deviation > 0 else 1))
        return np.array(found)
    return {
        "none": centred,
        "group": centred / s,
        "power(2)": centred / s**2,
        "maxrl": centred / mean,
        "focal(0.5)": np.sqrt(1 - mean) * centred / s,
        "focal(1)": (1 - mean) * centred / s,
        "pass(4)": 4 * (1 - mean) ** 3 * centred,
    }[rule]


@pytest.mark.parametrize("rule", RULES)
@given(st.integers(2, 20), st.sampled_from([0, 1]), st.sampled_from([0.0, 1e-4, 0.1]))
def test_weights_are_those_of_advantages_written_out(rule: str, size: int, ddof: int, epsilon: float) -> None:
    found = parse(rule, allowed=EVERY).group_weights(size, ddof=ddof, epsilon=epsilon)
    assert found[0] == found[size] == 0
    for k in range(1, size):
        rewards = np.array([1.0] * k + [0.0] * (size - k))
        total = np.abs(spelt(rule, rewards, ddof, epsilon)).sum()
        assert found[k] == pytest.approx(total / (2 * k * (size - k) / size), rel=1e-12)


@pytest.mark.parametrize("rule", RULES)
@given(st.integers(2, 20), st.sampled_from([0, 1]), st.sampled_from([0.0, 1e-4, 0.1]))
def test_advantages_are_those_written_out(rule: str, size: int, ddof: int, epsilon: float) -> None:
    found = parse(rule, allowed=EVERY).advantages(size, ddof=ddof, epsilon=epsilon)
    assert found[0] == found[size] == (0, 0)
    for k in range(1, size):
        wanted = spelt(rule, np.array([1.0] * k + [0.0] * (size - k)), ddof, epsilon)
        assert found[k] == pytest.approx((wanted[0], wanted[-1]), rel=1e-12)


def test_only_leave_one_out_leaves_advantages_with_a_mean() -> None:
    for rule in RULES:
        mean = [
            (k * right + (4 - k) * wrong) / 4
            for k, (right, wrong) in enumerate(parse(rule, allowed=EVERY).advantages(4))
        ]
        assert (max(map(abs, mean)) > 0.2) == (rule == "leave_one_out")
    assert mean[1] == pytest.approx((1 - np.sqrt(4.5)) / 4)  # 1 undivided, and three of −(1/3)/√(2/9)


def test_the_leave_one_out_table_at_eight() -> None:
    live = parse("leave_one_out", allowed=EVERY).group_weights(8, ddof=1)[1:-1]
    assert max(live) / min(live) == pytest.approx(1.29, abs=0.005)


def test_settings_of_the_deviation_are_checked() -> None:
    with pytest.raises(ValueError, match="ddof is 2; allowed: 0"):
        parse("group").group_weights(4, ddof=2)
    with pytest.raises(ValueError, match="group_size is 1; allowed"):
        parse("leave_one_out", allowed=EVERY).advantages(1)
    with pytest.raises(ValueError, match="rule is batch; allowed: rules that weigh"):
        parse("batch").advantages(4)
    for bad in (-1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match=r"epsilon is .*; allowed: numbers in"):
            parse("group").group_weights(4, epsilon=bad)


@pytest.mark.parametrize(("alias", "name"), [("rloo", "none"), ("nemo", "leave_one_out"), ("passk(3)", "pass(3)")])
def test_trainers_names_are_taken_where_the_rule_is(alias, name):
    assert parse(alias, allowed=(*NAMES, *REWEIGHING)) == parse(name, allowed=(*NAMES, *REWEIGHING))
    with pytest.raises(ValueError, match="rule is"):
        parse(alias, allowed=("group", "batch"))
