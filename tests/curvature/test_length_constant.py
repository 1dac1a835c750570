"""C(H) against docs/theory.md, its closed forms, its proved bounds, and a lattice on which nothing is interpolated."""

import numpy as np
import pytest

from curvature import length_constant, length_constant_bound, length_constant_lower
from tests.curvature.lattice import lattice
from tests.refusals import unchecked


@pytest.mark.parametrize(
    ("H", "wanted"),
    [
        (1, 0.25),
        (2, 0.6495),
        (3, 1.0110),
        (4, 1.3609),
        (5, 1.7164),
        (6, 2.0687),
        (8, 2.7777),
        (16, 5.6075),
        (32, 11.2651),
    ],
)
def test_the_constant_is_the_one_of_docs_theory(H, wanted):
    C = length_constant(H)
    assert round(C, 4) == wanted
    assert length_constant_lower(H) < C <= length_constant_bound(H) * (1 + 1e-15)
    assert abs(C / H - 1 / np.sqrt(8)) < 0.11 / H  # C(H)/H → 1/(2√2)
    assert length_constant_lower(H) * 1.01 < C  # a reward affine in M² of fair coins is not the worst


def test_the_constant_at_its_ends():
    assert length_constant(1) == pytest.approx(0.25, rel=1e-14)
    assert length_constant_bound(1) == 0.25
    assert length_constant(2) == pytest.approx(np.sqrt(27) / 8, rel=1e-10)
    for bound in (length_constant_lower, length_constant_bound):
        assert bound(10**6) / 10**6 == pytest.approx(1 / np.sqrt(8), rel=1e-5)


@pytest.mark.parametrize("H", [3, 5, 8])
def test_the_constant_is_known_to_two_parts_in_a_million(H):
    C = length_constant(H)
    assert length_constant(H, lattice=128) == pytest.approx(C, rel=2e-6)  # half the step of the lattice
    below, _ = lattice(H, 96)
    assert 0.9997 * C < below < C * (1 + 2e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: length_constant(0), "horizon is 0; allowed: an integer of at least 1"),
        (lambda: length_constant_bound(0), "horizon is 0; allowed"),
        (lambda: length_constant_lower(0), "horizon is 0; allowed"),
        (lambda: length_constant(2, lattice=3), "lattice is 3; allowed: an integer of at least 4"),
        (lambda: length_constant(2.0), "horizon is 2.0; allowed: an integer of at least 1"),
        (lambda: length_constant([2]), r"horizon is \[2\]; allowed: an integer of at least 1"),
    ],
)
def test_refusals(call, message):
    with unchecked(), pytest.raises(ValueError, match=message):
        call()
