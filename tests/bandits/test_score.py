"""Scores against the full trajectory of the same run, for a limited, a certified and a diverging run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bandits import Certified, Exact, Sampled, constant, from_pass_rates, kl_limited, make_rule, run
from bandits._score import score
from bandits.bilinear import bilinear_problem

KEY = jax.random.key(3)
PROBLEM = from_pass_rates([0.05, 0.2, 0.6], coherence=0.5, key=jax.random.key(1))
LEVELS = jnp.array([0.0, 0.5, 0.8, 2.0])


def first_at_least(J, level):
    reached = np.flatnonzero(np.greater_equal(J, level))
    return reached[0] if reached.size else np.inf


@pytest.mark.parametrize("size", [kl_limited(30.0, 0.01), Certified()], ids=["limited", "certified"])
def test_score_summarises_the_trajectory(size):
    rule, oracle, T = make_rule("group", PROBLEM.features), Sampled(4), 40
    found = score(PROBLEM, rule, oracle, size, T, levels=LEVELS, key=KEY, num_curve=8)
    full = run(PROBLEM, rule, size, T, key=KEY, oracle=oracle)
    path = full.trajectory
    final = float(full.final.local.value.mean())
    J = np.append(path.value, final)
    assert found.finite
    np.testing.assert_allclose(found.area, J[:-1].mean(), rtol=1e-12)
    np.testing.assert_allclose([found.final, found.lowest], [final, J.min()], rtol=1e-12)
    np.testing.assert_array_equal(found.hitting_times, [first_at_least(J, level) for level in np.asarray(LEVELS)])
    np.testing.assert_allclose(found.curve, J[:-1:5], rtol=1e-12)
    np.testing.assert_allclose(found.cross_ratio, path.cross_ratio[::5], rtol=1e-10)
    np.testing.assert_allclose(found.average_std, path.average_std[-1], rtol=1e-12)
    np.testing.assert_allclose(found.largest_kl, path.kl.max(), rtol=1e-12)
    if isinstance(size, Certified):
        assert float(found.limited_share) == 0
    else:
        share = float(found.limited_share)
        assert share == np.mean(np.asarray(path.multiple) < 30.0)
        assert 0.2 < share <= 1


def test_a_level_that_is_reached_at_the_very_end_counts():
    rule, T = make_rule("group", PROBLEM.features), 10
    final = run(PROBLEM, rule, constant(1.0), T, key=KEY).final.local.value.mean()
    found = score(PROBLEM, rule, Exact(), constant(1.0), T, levels=jnp.array([final, final + 1e-9]), key=KEY)
    np.testing.assert_array_equal(found.hitting_times, [T, np.inf])


def test_a_run_that_is_not_finite_says_so():
    made = bilinear_problem([0.3, 0.6], key=KEY)  # its logits are products of parameters: they overflow
    rule = make_rule("none", made.features)
    assert not score(made, rule, Exact(), constant(1e200), 6, levels=LEVELS, key=KEY).finite
    assert score(made, rule, Exact(), constant(1.0), 6, levels=LEVELS, key=KEY).finite
