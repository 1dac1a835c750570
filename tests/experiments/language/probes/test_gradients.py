"""Rows that are held, halved, or on disk: products against NumPy's."""

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.language.probes import gradients
from experiments.language.probes.gradients import Gradients

N, D = 7, 1000
RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((N, D)) * 10.0 ** RNG.integers(-12, 9, (N, 1))  # lengths that float16 could not hold
ROWS[3] = 0
WEIGHTS = RNG.standard_normal((2, N))


def given(memory, dtype=np.float32, columns=None, monkeypatch=None):
    if columns:
        monkeypatch.setattr(gradients, "COLUMNS", columns)
    kept = Gradients(N, D, np.dtype(dtype), memory=memory)
    for begin in range(0, N, 3):
        kept.add(jnp.asarray(ROWS[begin : begin + 3], dtype))
    return kept


TIERS = {"as they are": N * D * 4, "in half precision": N * D * 2, "in half precision in a temporary file": 100}


@pytest.mark.parametrize("columns", [None, 300])
@pytest.mark.parametrize("words", TIERS)
def test_products(words, columns, monkeypatch):
    kept = given(TIERS[words], columns=columns, monkeypatch=monkeypatch)
    assert kept.kept == words
    tolerance = 1e-6 if words == "as they are" else 1e-4
    length = np.linalg.norm(ROWS, axis=1)
    error = np.abs(kept.gram() - ROWS @ ROWS.T)
    assert (error <= tolerance * np.outer(length, length)).all()
    np.testing.assert_array_equal(np.diagonal(kept.gram()) > 0, length > 0)
    error = np.linalg.norm(np.asarray(kept.combine(WEIGHTS)) - WEIGHTS @ ROWS, axis=1)
    assert (error <= 10 * tolerance * (np.abs(WEIGHTS) @ length)).all()


def test_double_precision_stays_double():
    kept = given(N * D * 8, np.float64)
    np.testing.assert_allclose(kept.gram(), ROWS @ ROWS.T, rtol=1e-12, atol=0)
    assert kept.combine(WEIGHTS).dtype == np.float64


def test_half_precision_is_not_float32():
    """The tolerance above would not pass rows stored as they are for halved ones, or the other way round."""
    kept = given(N * D * 2)
    error = np.abs(kept.gram() - ROWS @ ROWS.T).max() / np.abs(ROWS @ ROWS.T).max()
    assert error > 1e-7
