"""`decide` proves, gives a counterexample, or says that it could not."""

import pytest
import sympy as sp

from proofs import polynomial
from proofs.polynomial import decide
from proofs.theorem import Unproved

x, y = sp.symbols("x y")


@pytest.mark.parametrize(
    ("claim", "given"),
    [
        (x**2 + y**2 >= 2 * x * y, []),
        (sp.Abs(x) >= x, []),
        (sp.Max(x, y) >= y, []),
        (sp.Min(x, y) <= (x + y) / 2, []),
        (sp.Or(x >= 0, x < 1), []),
        (sp.Implies(x > 1, x**2 > 1), []),
        (x * (1 - x) <= sp.Rational(1, 4), [x >= 0]),
        (sp.Eq(x, 1), [x >= 1, x <= 1]),
    ],
)
def test_true_statements(claim, given):
    assert decide(claim, given) == "the negation has no real solution"


@pytest.mark.parametrize(
    ("claim", "given", "why"),
    [
        (x**2 >= x, [x >= 0], "fails at x = "),
        (x * (1 - x) <= sp.Rational(2499, 10000), [], "fails at x = "),
        (sp.Max(x, y) > y, [], "fails at"),
        (sp.Ne(x, 1), [x >= 1], "fails at x = 1"),
        (x >= 0, [x > 1, x < 1], "no point that satisfies the assumptions"),
        (x >= 0, [x**2 < 0], "no point that satisfies the assumptions"),
    ],
)
def test_false_and_empty_statements(claim, given, why):
    with pytest.raises(Unproved, match=why):
        decide(claim, given)


@pytest.mark.parametrize("claim", [sp.exp(x) > 0, sp.sqrt(x) >= 0, x**y > 0, x * sp.pi > 0])
def test_what_is_no_polynomial_is_refused(claim):
    with pytest.raises(ValueError, match="allowed: polynomials"):
        decide(claim)


def test_running_out_of_time_is_no_proof(monkeypatch):
    class Solver:
        def set(self, *_): ...
        def add(self, *_): ...
        def reason_unknown(self):
            return "timeout"

        answers = iter((polynomial.z3.sat, polynomial.z3.unknown))

        def check(self):
            return next(self.answers)

    monkeypatch.setattr(polynomial.z3, "SolverFor", lambda _: Solver())
    with pytest.raises(Unproved, match="gave up after 20 s"):
        decide(x >= 0)


@pytest.mark.parametrize(
    "claim",
    [
        True,
        sp.true,
        sp.Symbol("p", positive=True) > 0,
        sp.Symbol("p", positive=True) > sp.Symbol("q", positive=True),
        sp.Symbol("n", integer=True) >= 1,
        sp.Eq(sp.Dummy("a"), sp.Dummy("a")),
        sp.Eq(sp.Symbol("a"), sp.Symbol("a", real=True)),
        x + 1,
    ],
)
def test_what_sympy_would_decide_is_refused(claim):
    with pytest.raises(ValueError, match="allowed"):
        decide(claim)
    with pytest.raises(ValueError, match="allowed"):
        decide(x >= 0, [claim])
