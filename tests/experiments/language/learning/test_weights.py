"""p·w(p) against the rule's own w(p), and at the extremes of float32.

That each weight makes the gradient of its objective: test_objective.py.
"""

import jax.numpy as jnp
import numpy as np
import pytest

from curvature.rule import parse
from experiments.language.learning.choices import RULES, learning_rule
from experiments.language.learning.weights import COEFFICIENTS, population_weight

NAMES = ("none", "group", "batch", "power(2)", "power(0.3)", "maxrl")


def coefficients(name, log_p):
    return np.asarray(population_weight(learning_rule(name)).coefficients(jnp.asarray(log_p)))


@pytest.mark.parametrize("name", ["none", "group", "power(2)", "power(0.5)", "maxrl"])
def test_coefficients_are_p_times_the_rule_s_weight(name):
    p = np.array([1e-6, 0.02, 0.3, 0.5, 0.9, 1 - 1e-6])
    expected = [q * parse(name, allowed=RULES).weight(q) for q in p]
    np.testing.assert_allclose(coefficients(name, np.log(p)), expected, rtol=1e-9)  # 1 − p from log p: 1e-16/1e-6


def test_batch_divides_all_prompts_by_the_mean_deviation():
    p = np.array([0.02, 0.3, 0.9])
    np.testing.assert_allclose(coefficients("batch", np.log(p)), p / np.sqrt(p * (1 - p)).mean(), rtol=1e-12)


def test_coefficients_are_finite_where_prompts_are_certain_or_hopeless():
    sure = np.array([0.0, -1e-9, -0.7, -80.0, -1000.0], np.float32)
    for name in NAMES:
        found = coefficients(name, sure)
        assert np.isfinite(found).all(), name
        if name != "batch":
            assert found[0] == 0  # σ = 0 exactly: no gradient to scale


def test_rules_of_a_kind_share_a_program_and_every_rule_has_a_weight():
    kinds = [population_weight(learning_rule(name)).kind for name in NAMES]
    assert kinds == ["weight", "weight", "batch", "weight", "weight", "maxrl"]
    assert set(kinds) == set(COEFFICIENTS)
    assert [float(population_weight(learning_rule(name)).alpha) for name in ("none", "group", "power(2)")] == [0, 1, 2]
    for name in ("pooled", "decoupled"):
        assert name not in RULES
        with pytest.raises(ValueError, match=f"rule is {name}; allowed: rules of the kinds weight, batch"):
            population_weight(parse(name))
