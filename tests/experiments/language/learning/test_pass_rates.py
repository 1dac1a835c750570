"""Pass rates against enumeration, exact and within their errors."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.language.learning.pass_rates import Measure, summary
from experiments.language.model.sample import Samples
from tests.experiments.language import tiny

MODEL, BATCH, TASK = tiny.model(), tiny.batch(), tiny.task()
θ = tiny.trained()


@pytest.fixture(scope="module")
def measure():
    with tiny.quick():
        return Measure(MODEL, 3, num_samples=4_000, chunk=2)


def test_exact_pass_rates_are_those_of_enumeration(measure):
    J = np.asarray(tiny.success(tiny.doubled(θ)))
    found = measure.exact(θ, BATCH)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, J, rtol=1e-5)
    np.testing.assert_array_equal(measure(θ, TASK), found)
    np.testing.assert_array_equal(measure(θ, TASK, test=True), found)
    assert J.max() > 2 * J.min()


class Marked(tiny.Digits):
    """As mode "text" wants answers: after ####."""

    def decode(self, ids):
        return "#### " + super().decode(ids)


def test_sampled_pass_rates_are_within_4_errors_of_exact(measure):
    J = np.asarray(tiny.success(tiny.doubled(θ)))
    found = measure.sampled(θ, TASK, seed=1)
    error = np.sqrt(J * (1 - J) / 4_000)
    assert (np.abs(found - J) < 4 * error).all()
    assert (np.abs(found - J[::-1]) > 4 * error).any()
    assert (measure.sampled(θ, TASK, seed=2) != found).any()
    marked = measure(θ, replace(TASK, mode="text", vocabulary=Marked()), seed=1)
    answered = [bool(problem.answer) for problem in TASK.problems]
    np.testing.assert_array_equal(marked, np.where(answered, found, 0))  # mode "text" knows no empty answer
    np.testing.assert_array_equal(measure.sampled(θ, TASK, seed=1, test=True), found)


def test_a_pass_rate_is_never_above_1(measure, monkeypatch):
    monkeypatch.setattr(measure, "_log_p", lambda _, b: jnp.full(len(b), 3e-7, jnp.float32))
    assert measure.exact(θ, BATCH).tolist() == [1.0] * 5


def test_no_prompt_is_forgotten_where_chunks_do_not_divide(measure):
    assert measure.exact(θ, BATCH[slice(0, 3)]).shape == (3,)
    precise = tiny.doubled(θ)  # on some processors other numbers of rows sum in another order
    np.testing.assert_allclose(
        measure.exact(precise, BATCH[slice(0, 3)]), measure.exact(precise, BATCH)[:3], rtol=1e-13
    )


def test_responses_that_did_not_end_are_wrong():
    y = jnp.asarray([[[3, 1, 0], [3, 0, 0], [3, 1, 0]]], jnp.int32)
    made = Samples(y, jnp.asarray([[2, 3, 2]], jnp.int32), jnp.asarray([[True, False, False]]), jnp.zeros((1, 3)))
    assert TASK.rewards([TASK.problems[0]], made).tolist() == [[1, 0, 0]]


def test_summary_by_hand():
    p, σ = np.linspace(0, 1, 11), np.full(11, 0.25)
    assert summary(p, σ) == pytest.approx(
        {"pass_rate": 0.5, "pass_rate_10": 0.1, "pass_rate_50": 0.5, "pass_rate_90": 0.9, "std": 0.25}
    )
