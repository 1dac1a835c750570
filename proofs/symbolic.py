"""Exact identities: what SymPy is trusted with, and no more.

`identity` compares two expressions as rational functions: their difference is brought over one denominator and the
numerator is expanded to the zero polynomial. Whatever is not a symbol or a number (an exponential, a sum, an unknown
function) counts as one more variable, so an identity that is found holds whatever those are; heuristic simplification
is never asked whether something is zero. `Mean` is the mean of a random variable whose law is not given: a linear
functional on polynomials with E 1 = 1, so that an identity in its moments holds for every law, with any number of
outcomes.
"""

from __future__ import annotations

import sympy as sp

from proofs.theorem import Unproved

INEXACT = (sp.Float, sp.oo, sp.S.NegativeInfinity, sp.zoo, sp.nan)


def identity(left: sp.Expr, right: sp.Expr | int, name: str = "") -> str:
    """Prove left = right as rational functions (where no denominator is 0).

    Returns:
        The evidence, in one line.

    Raises:
        Unproved: with the numerator of what is left over.
        ValueError: something that is not exact (a float, an infinity) or no expression, or a denominator that is
            identically 0.

    >>> x = sp.Symbol("x")
    >>> identity((x**2 - 1) / (x - 1), x + 1)
    'difference expands to 0'
    >>> identity(x**2, x)
    Traceback (most recent call last):
    proofs.theorem.Unproved: x**2 - x is not identically 0
    """
    for side in (left, right):
        if not isinstance(side, sp.Expr | int) or isinstance(side, bool):
            raise ValueError(f"a side is {side!r}; allowed: SymPy expressions and integers")
    difference = sp.sympify(left - right)
    if any(sp.sympify(side).has(*INEXACT) for side in (left, right, difference)):
        raise ValueError(f"{left} = {right} is not exact; allowed: no floats and no infinities")
    numerator, denominator = sp.fraction(sp.together(difference))
    if sp.expand(denominator) == 0:
        raise ValueError(f"{left} = {right} divides by 0")
    residual = sp.expand(numerator)
    label = f"{name}: " if name else ""
    if residual != 0:
        text = str(residual)
        raise Unproved(f"{label}{text if len(text) <= 160 else text[:160] + ' …'} is not identically 0")
    return f"{label}difference expands to 0"


class Mean:
    """E of polynomials in the given variables, for an unknown joint law: E 1 = 1 and linearity are all that is used.

    Arguments:
        known: moments that are given, as {monomial: value}, such as {Y: 0} for a centred Y.

    Raises:
        ValueError: a key of `known` that is no monomial in the variables; in a call, a symbol that has a variable's
            name and is not that variable.

    >>> Y = sp.Symbol("Y")
    >>> Mean(Y, known={Y: 0})((Y + 1) ** 2)
    E[Y**2] + 1
    """

    def __init__(self, *variables: sp.Symbol, known: dict[sp.Expr, sp.Expr | int] | None = None):
        self.variables = variables
        self.known = {sp.sympify(monomial): sp.sympify(value) for monomial, value in (known or {}).items()}
        for monomial in self.known:
            terms = sp.Poly(monomial, *variables).terms()
            if len(terms) != 1 or terms[0][1] != 1:
                raise ValueError(f"known holds the mean of {monomial}; allowed: monomials in {variables}")

    def moment(self, monomial: sp.Expr) -> sp.Expr:
        """The mean of one monomial."""
        if monomial == 1:
            return sp.Integer(1)
        return self.known.get(monomial, sp.Symbol(f"E[{monomial}]", real=True))

    def __call__(self, polynomial: sp.Expr) -> sp.Expr:
        """The mean; whatever is not one of the variables is a constant."""
        names = {variable.name for variable in self.variables}
        strange = {s for s in sp.sympify(polynomial).free_symbols - {*self.variables} if str(s) in names}
        if strange:
            raise ValueError(f"{strange} are named like variables of the mean and are others")
        expanded = sp.Poly(sp.expand(polynomial), *self.variables)
        return sp.Add(
            *(
                coefficient * self.moment(sp.Mul(*(v**k for v, k in zip(self.variables, powers, strict=True))))
                for powers, coefficient in expanded.terms()
            )
        )

    def covariance(self, first: sp.Expr, second: sp.Expr) -> sp.Expr:
        """E[fg] − E[f] E[g]."""
        return sp.expand(self(first * second) - self(first) * self(second))

    def variance(self, polynomial: sp.Expr) -> sp.Expr:
        """E[f²] − E[f]²."""
        return self.covariance(polynomial, polynomial)
