"""T20 on X1 and C6: F by quadrature, steps by the simulator, and a guarantee that cannot be doubled."""

import jax
import numpy as np
import pytest
from scipy.integrate import quad

from bandits import constant, make_rule, run
from curvature import ascent_step
from experiments.convergence import own_sums
from experiments.convergence.counterexamples import EXAMPLES
from experiments.rows import of


@pytest.fixture(scope="module")
def rows():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_sums, "NUM_STEPS", 60)
        return own_sums.rows()


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_f_is_the_integral_of_its_slope(alpha):
    for p in (1e-3, 0.3, 0.5, 0.9, 0.999):
        wanted = quad(lambda x: (x * (1 - x)) ** (-alpha / 2), 0.5, p, epsabs=1e-13, epsrel=1e-12)[0]
        found = own_sums.own_value(np.log([p / (1 - p)]), alpha)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)  # of both quadratures


def test_f_of_grpo_is_the_arcsine():
    p = np.asarray([1e-4, 0.2, 0.7, 0.9999])
    wanted = 2 * np.arcsin(np.sqrt(p)) - np.pi / 2
    np.testing.assert_allclose(own_sums.own_value(np.log(p / (1 - p)), 1.0), wanted, rtol=1e-12)


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("rule", ["none", "group", "power(2)"])
def test_the_climb_is_the_simulators(example, rule):
    alpha = {"none": 0.0, "group": 1.0, "power(2)": 2.0}[rule]
    p, step_size = EXAMPLES[example](), float(ascent_step(alpha, overlap=own_sums.OVERLAP, diameter=1.0))
    path = run(p, make_rule(rule, p.features), constant(step_size), 12, key=jax.random.key(0)).trajectory
    np.testing.assert_allclose(own_sums.climb(example, alpha, 12)["total_value"], 2 * path.value, rtol=1e-9)


def test_every_step_gains_what_is_guaranteed_and_not_twice_that(rows):
    assert not own_sums.violations(rows).any()
    assert own_sums.violations(rows, own_sums.FALSE_FACTOR).any()


def test_grpo_lowers_the_sum_of_pass_rates_and_not_its_own(rows):
    for example in EXAMPLES:
        one = of(rows, example=example, alpha=1.0)
        assert (np.diff(one["total_value"]) < 0).any()
        entry = next(e for e in own_sums.own_sums(rows) if e["example"] == example and e["alpha"] == 1.0)
        assert entry["own_sum_falls"] == 0 < entry["value_falls"]
