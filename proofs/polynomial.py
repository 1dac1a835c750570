"""Statements of real polynomial arithmetic, decided by z3: the negation has no real solution.

z3's nonlinear solver is complete for such statements: `decide` proves one, or gives a point at which it fails, or runs
out of time (which is not a proof). Statements are written in SymPy and translated.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from typing import Any

import sympy as sp
import z3
from sympy.logic.boolalg import Boolean

from proofs.theorem import Unproved

SECONDS = 20
"""Longest time for one statement."""


def decide(claim: sp.Basic, given: Iterable[sp.Basic] = ()) -> str:
    """Prove that `claim` holds for all real values of its symbols for which all of `given` hold.

    Arguments:
        claim: a relation between polynomials with rational coefficients (Max, Min and Abs are allowed), or And, Or,
            Not, Implies of such, in symbols that are real or without assumptions: SymPy would use others first.
        given: more of the same.

    Returns:
        The evidence, in one line.

    Raises:
        Unproved: with a counterexample, or because the time ran out, or because nothing satisfies `given` (a statement
            about nothing is not counted as proved).
        ValueError: something that is not real polynomial arithmetic; something that SymPy has evaluated already;
            symbols with assumptions, or two with one name.

    >>> x, y = sp.symbols("x y")
    >>> decide(2 * x * y <= x**2 + y**2)
    'the negation has no real solution'
    >>> decide(x * x >= x, [x >= 0])
    Traceback (most recent call last):
    proofs.theorem.Unproved: fails at x = 1/2
    """
    given = list(given)
    _refuse_evaluated([claim, *given])
    solver = z3.SolverFor("QF_NRA")
    solver.set("timeout", SECONDS * 1000)
    solver.add(*map(_translate, given))
    if solver.check() != z3.sat:
        raise Unproved(f"no point that satisfies the assumptions {given} was found")
    solver.add(z3.Not(_translate(claim)))
    answer = solver.check()
    if answer == z3.unsat:
        return "the negation has no real solution"
    if answer == z3.sat:
        model = solver.model()
        point = ", ".join(sorted(f"{variable} = {model[variable]}" for variable in model.decls()))
        raise Unproved(f"fails at {point}")
    raise Unproved(f"z3 gave up after {SECONDS} s ({solver.reason_unknown()})")


def _refuse_evaluated(relations: list[sp.Basic]) -> None:
    for relation in relations:
        if isinstance(relation, bool) or relation in (sp.true, sp.false) or not isinstance(relation, Boolean):
            raise ValueError(f"{relation} is no relation; allowed: relations that SymPy has not evaluated")
    symbols = sorted(set().union(*(relation.free_symbols for relation in relations)), key=str)
    for symbol in symbols:
        if not isinstance(symbol, sp.Symbol) or symbol not in (
            sp.Symbol(symbol.name),
            sp.Symbol(symbol.name, real=True),
        ):
            raise ValueError(f"{symbol} carries assumptions; allowed: symbols without, or real ones")
    if len({str(symbol) for symbol in symbols}) < len(symbols):
        raise ValueError(f"{symbols} are different symbols of one name; allowed: one symbol a name")


_BOOLEAN: dict[type, Any] = {
    sp.Le: operator.le,
    sp.Lt: operator.lt,
    sp.Ge: operator.ge,
    sp.Gt: operator.gt,
    sp.Eq: operator.eq,
    sp.Ne: operator.ne,
    sp.And: lambda *terms: z3.And(*terms),
    sp.Or: lambda *terms: z3.Or(*terms),
    sp.Not: z3.Not,
    sp.Implies: z3.Implies,
}
_FOLDED: dict[type, Any] = {
    sp.Add: operator.add,
    sp.Mul: operator.mul,
    sp.Max: lambda a, b: z3.If(a >= b, a, b),
    sp.Min: lambda a, b: z3.If(a <= b, a, b),
}


def _translate(term: sp.Basic) -> Any:
    """The z3 term of a SymPy term."""
    if term in (sp.true, sp.false):
        return z3.BoolVal(term == sp.true)
    if isinstance(term, sp.Symbol):
        return z3.Real(term.name)
    if isinstance(term, sp.Rational):
        return z3.Q(term.p, term.q)
    arguments = [_translate(argument) for argument in term.args]
    if type(term) in _BOOLEAN:
        return _BOOLEAN[type(term)](*arguments)
    if type(term) in _FOLDED:
        return functools.reduce(_FOLDED[type(term)], arguments)
    if isinstance(term, sp.Abs):
        return z3.If(arguments[0] >= 0, arguments[0], -arguments[0])
    if isinstance(term, sp.Pow) and term.exp.is_Integer and term.exp > 0:
        return functools.reduce(operator.mul, [arguments[0]] * int(term.exp))
    raise ValueError(f"{term} is {type(term).__name__}; allowed: polynomials with rational coefficients, Max, Min, Abs")
