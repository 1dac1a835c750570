"""Inequalities over whole boxes of parameters, by ball arithmetic: every rounding error is inside the ball.

A function of balls encloses its values over a box, as long as it never leaves them (no `mid()`, no `float()`).
`positive` splits a box until every piece is certified. Where an inequality is met with equality no ball is positive:
factor the zero out exactly (see `proofs.symbolic`) and enclose what is left.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import TypeAlias

import flint

from proofs.theorem import Unproved

Number: TypeAlias = Fraction | int | float
Box: TypeAlias = Sequence[tuple[Number, Number]]
MAX_BOXES = 100_000
"""Give up (unproved) beyond this number of pieces."""
MAX_HALVINGS = 60
"""Give up (unproved) where a side has been halved so often."""
BITS = 128
"""Working precision in bits."""


def exact(value: Number) -> flint.arb:
    """A ball around a rational number or a float, taken at its exact binary value.

    >>> exact(Fraction(1, 3)).contains(flint.arb(1) / 3)
    True
    """
    fraction = Fraction(value)
    return flint.arb(flint.fmpq(fraction.numerator, fraction.denominator))


def interval(low: Number, high: Number) -> flint.arb:
    """A ball that contains [low, high]."""
    return exact(low).union(exact(high))


def positive(function: Callable[..., flint.arb], box: Box, *, max_boxes: int = MAX_BOXES) -> str:
    """Prove function > 0 on the whole box.

    Arguments:
        function: takes one ball for each axis of the box and returns a ball that encloses its values there.
        box: for each axis (low, high), rational; empty for a number, which is a function of nothing.

    Returns:
        The evidence: into how many pieces the box was cut, and a lower bound on the function.

    Raises:
        ValueError: a side of the box whose ends are exchanged.
        Unproved: with a point at which the function is certainly not positive, or near which nothing could be decided.

    >>> positive(lambda x: x * x - x + 1, [(0, 1)])
    '2 pieces, at least 0.12'
    >>> positive(lambda x: x - x * x, [(Fraction(1, 2), 2)])
    Traceback (most recent call last):
    proofs.theorem.Unproved: fails at (5/4): -0.312
    """
    for low, high in box:
        if low > high:
            raise ValueError(f"box has the side ({low}, {high}); allowed: low ≤ high")
    with working_precision():
        return _positive(function, [(Fraction(low), Fraction(high)) for low, high in box], max_boxes)


@contextlib.contextmanager
def working_precision(bits: int = BITS) -> Iterator[None]:
    """Balls are computed to this number of bits inside the block."""
    old, flint.ctx.prec = flint.ctx.prec, bits
    try:
        yield
    finally:
        flint.ctx.prec = old


def _positive(function: Callable[..., flint.arb], box: list[tuple[Fraction, Fraction]], max_boxes: int) -> str:
    stack = [box]
    least: flint.arb | None = None
    pieces = 0
    while stack:
        piece = stack.pop()
        value = function(*(interval(low, high) for low, high in piece))
        if value > 0 and value.is_finite():
            pieces += 1
            lower = value.lower()
            least = lower if least is None else least.min(lower)
            continue
        middles = [(low + high) / 2 for low, high in piece]
        at_middle = function(*map(exact, middles))
        if at_middle <= 0:
            raise Unproved(f"fails at ({', '.join(map(str, middles))}): {float(at_middle.upper()):.3g}")
        if not piece:
            raise Unproved(f"undecided: {value}")
        axis = max(range(len(piece)), key=lambda k: (piece[k][1] - piece[k][0]) / (box[k][1] - box[k][0] or 1))
        low, high = piece[axis]
        if pieces + len(stack) >= max_boxes or high - low <= (box[axis][1] - box[axis][0]) / 2**MAX_HALVINGS:
            raise Unproved(f"undecided after {pieces:,} pieces, near ({', '.join(f'{float(x):.6g}' for x in middles)})")
        halves = ((low, middles[axis]), (middles[axis], high))
        stack += [[*piece[:axis], half, *piece[axis + 1 :]] for half in halves]
    assert least is not None
    return f"{pieces:,} pieces, at least {float(least) * 0.99:.2g}"  # rounded down
