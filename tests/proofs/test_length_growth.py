"""The explicit trees against the dynamic program's recursion, written out, and against what `length_constant` finds."""

from fractions import Fraction

import pytest

from curvature import length_constant
from proofs.length_growth import REACHED, WITNESSES, witness


def recursion(probabilities, node, m, steps):
    """V_h(m) of `length_constant` for this tree's probabilities."""
    if not steps:
        return Fraction(0)
    p = Fraction(int(probabilities[node]), 1000)
    up = recursion(probabilities, 2 * node + 1, m + 1 - p, steps - 1)
    down = recursion(probabilities, 2 * node + 2, m - p, steps - 1)
    return (2 * m + 1 - 2 * p) ** 2 * p * (1 - p) + p * up + (1 - p) * down


@pytest.mark.parametrize("horizon", WITNESSES)
def test_a_tree_is_worth_what_the_recursion_says(horizon):
    probabilities = WITNESSES[horizon].split()
    assert len(probabilities) == 2 ** (horizon - 1) - 1
    assert witness(horizon) == recursion(probabilities, 0, Fraction(1, 2), horizon - 1)  # the first step adds nothing
    assert float(witness(horizon)) ** 0.5 <= length_constant(horizon) * (1 + 2e-6)
    assert float(witness(horizon)) ** 0.5 >= float(REACHED[horizon])
