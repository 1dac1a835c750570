"""Stretched frequencies where they are known without a formula; the formula by cases is in test_transformer.py."""

import math

import numpy as np
import pytest

from experiments.language.model.rope import Linear, Llama3

LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}


def test_the_frequencies_of_llama_3_1():
    """Heads of 128, θ 500,000: pairs 0 to 28 come round more than 4 times in 8,192 tokens, 35 to 63 not once."""
    f = 500_000.0 ** (-np.arange(64) / 64)
    turns = 8192 * f / (2 * np.pi)
    assert turns[28] > 4 > turns[29]
    assert turns[34] > 1 > turns[35]
    scale = Llama3(**LLAMA3).scale(f)
    assert (scale[:29] == 1).all()
    assert (scale[35:] == 1 / 8).all()
    assert (np.diff(scale[28:36]) < 0).all()
    np.testing.assert_allclose(scale[31], ((4 - turns[31]) / 8 + turns[31] - 1) / 3, rtol=1e-14)


def test_a_factor_of_one_stretches_nothing_and_many_slow_down_all():
    f = 10_000.0 ** (-np.arange(32) / 32)
    np.testing.assert_allclose(Llama3(**LLAMA3 | {"factor": 1.0}).scale(f), 1, rtol=1e-15)
    assert (Linear(1).scale(f) == 1).all()
    assert (Linear(4).scale(f) == 0.25).all()
    never = LLAMA3 | {"low_freq_factor": 1e5, "high_freq_factor": 2e5}  # then it is linear
    np.testing.assert_array_equal(Llama3(**never).scale(f), Linear(8.0).scale(f))


@pytest.mark.parametrize("value", [0.999, 0, -1, math.nan, math.inf, 10**400])
@pytest.mark.parametrize("make", [Linear, lambda factor: Llama3(**LLAMA3 | {"factor": factor})])
def test_factors_that_are_none(make, value):
    with pytest.raises(ValueError, match=r"factor is .*; allowed: numbers of at least 1"):
        make(value)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        *(("low_freq_factor", bad, "numbers above 0") for bad in (0, -1.0, math.nan)),
        *(("high_freq_factor", bad, "numbers above 0") for bad in (0, math.inf)),
        *(("high_freq_factor", bad, "numbers above low_freq_factor, 1.0") for bad in (1.0, 0.5)),
        *(("original_max_position_embeddings", bad, "an integer of at least 1") for bad in (0, -8192)),
    ],
)
def test_what_llama3_cannot_be(name, value, allowed):
    with pytest.raises(ValueError, match=f"^{name} is .*; allowed: {allowed}$"):
        Llama3(**LLAMA3 | {name: value})
