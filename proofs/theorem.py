"""A theorem as the program holds it: what is claimed, what is assumed, which machine checks which part of it.

A `Theorem` is a list of `Part`s, each proved by one method, and of `FalseVariant`s: the same claims with a smaller
constant or a dropped condition, put to the same provers, which must refuse them. A part that cannot be proved raises
`Unproved`; a number that happens to come out right is not a proof and has no method here.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass


class Method(enum.Enum):
    """How a part is proved, the strongest first."""

    FORMAL = "formal"
    """A proof in Coq, checked by its kernel down to the axioms of the real numbers."""
    SYMBOLIC = "symbolic"
    """An exact identity of polynomials or rational functions (SymPy); derivatives and limits by SymPy's rules."""
    ENCLOSURE = "enclosure"
    """An inequality over a whole box of parameters, by interval arithmetic with balls (FLINT)."""
    POLYNOMIAL = "polynomial"
    """A statement of real polynomial arithmetic, decided by z3."""


class Unproved(Exception):  # noqa: N818 (an outcome, not an error)
    """A part could not be proved; the message says what is left over (a residual, a counterexample, a box)."""


class NotRun(Exception):  # noqa: N818
    """A prover is not installed; the message says how to install it."""


@dataclass(frozen=True)
class Part:
    """One claim and the machine that checks it.

    Arguments:
        claim: what is shown, in words and formulas; for fixed sizes it says which.
        method: who checks it.
        prove: returns the evidence in one line, or raises `Unproved` (or `NotRun`).
    """

    claim: str
    method: Method
    prove: Callable[[], str]


@dataclass(frozen=True)
class FalseVariant:
    """A false statement close to a part; `prove` must raise `Unproved`."""

    claim: str
    method: Method
    prove: Callable[[], object]


@dataclass(frozen=True)
class Theorem:
    """A statement of docs/theory.md and everything that a machine checks of it.

    Arguments:
        number: T1, …, X1, C6, as in docs/theory.md.
        name: a few words.
        statement: the claim as a formula.
        assumptions: under which it holds.
        source: who claims it, and where the proof on paper is.
        parts: what machines check.
        false_variants: what they must refuse.
        on_paper: what no machine checks; empty if nothing is left.
    """

    number: str
    name: str
    statement: str
    assumptions: str
    source: str
    parts: tuple[Part, ...]
    false_variants: tuple[FalseVariant, ...]
    on_paper: str = ""

    def check(self, methods: Collection[Method] = tuple(Method)) -> Verdict:
        """Prove every part of the given methods, refuse every false variant of them; see `Verdict`."""
        parts = tuple(_try(part) for part in self.parts if part.method in methods)
        refused = tuple(_refuse(variant) for variant in self.false_variants if variant.method in methods)
        return Verdict(self, parts, refused)


class Outcome(enum.Enum):
    """What became of a part or of a false variant."""

    PROVED = "proved"
    IN_PART = "proved in part"
    REFUSED = "refused"
    FAILED = "FAILED"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Finding:
    """One part or false variant after its check: the evidence, or why it failed, and the seconds it took."""

    claim: str
    method: Method
    outcome: Outcome
    evidence: str
    seconds: float


@dataclass(frozen=True)
class Verdict:
    """What a check found."""

    theorem: Theorem
    parts: tuple[Finding, ...]
    false_variants: tuple[Finding, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The worst of the findings.

        FAILED if a part failed or a false variant was proved, else NOT_RUN if a prover is missing or nothing was asked
        for, else IN_PART if some parts were not asked for, else PROVED.
        """
        outcomes = {finding.outcome for finding in self.parts + self.false_variants}
        if Outcome.FAILED in outcomes:
            return Outcome.FAILED
        if Outcome.NOT_RUN in outcomes or not self.parts:
            return Outcome.NOT_RUN
        return Outcome.PROVED if len(self.parts) == len(self.theorem.parts) else Outcome.IN_PART

    @property
    def methods(self) -> tuple[Method, ...]:
        """The methods by which a part was proved, the strongest first."""
        used = {finding.method for finding in self.parts if finding.outcome is Outcome.PROVED}
        return tuple(method for method in Method if method in used)

    @property
    def seconds(self) -> float:
        """Wall time of all parts and false variants."""
        return sum(finding.seconds for finding in self.parts + self.false_variants)


def _timed(claim: str, method: Method, attempt: Callable[[], tuple[Outcome, str]]) -> Finding:
    start = time.perf_counter()
    try:
        outcome, evidence = attempt()
    except NotRun as missing:
        outcome, evidence = Outcome.NOT_RUN, str(missing)
    except Exception as error:  # a crash of a prover is a failure of this part, not of the whole run
        outcome, evidence = Outcome.FAILED, f"{type(error).__name__}: {error}"
    return Finding(claim, method, outcome, evidence, time.perf_counter() - start)


def _try(part: Part) -> Finding:
    def attempt() -> tuple[Outcome, str]:
        try:
            return Outcome.PROVED, part.prove()
        except Unproved as reason:
            return Outcome.FAILED, str(reason)

    return _timed(part.claim, part.method, attempt)


def _refuse(variant: FalseVariant) -> Finding:
    def attempt() -> tuple[Outcome, str]:
        try:
            evidence = variant.prove()
        except Unproved as reason:
            return Outcome.REFUSED, str(reason)
        return Outcome.FAILED, f"a false statement was proved: {evidence}"

    return _timed(variant.claim, variant.method, attempt)
