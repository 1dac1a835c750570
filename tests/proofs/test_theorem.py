"""What becomes of parts that hold, fail, crash or cannot be run, and of false variants."""

from proofs.theorem import FalseVariant, Method, NotRun, Outcome, Part, Theorem, Unproved
from tests.proofs.outcomes import raises

GOOD = Part("holds", Method.SYMBOLIC, lambda: "because")
BAD = Part("does not", Method.SYMBOLIC, raises(Unproved("residual x")))
BROKEN = Part("crashes", Method.SYMBOLIC, raises(ZeroDivisionError("oh")))
ABSENT = Part("cannot run", Method.FORMAL, raises(NotRun("install it")))
REFUSED = FalseVariant("false", Method.SYMBOLIC, raises(Unproved("counterexample")))
PROVED = FalseVariant("false", Method.SYMBOLIC, lambda: "it went through")
CRASHED = FalseVariant("false", Method.SYMBOLIC, raises(KeyError("name")))


def check(*items: Part | FalseVariant, methods=tuple(Method)):
    parts = tuple(item for item in items if isinstance(item, Part))
    variants = tuple(item for item in items if isinstance(item, FalseVariant))
    return Theorem("T1", "name", "statement", "assumptions", "source", parts, variants).check(methods)


def test_outcomes():
    assert check(GOOD).outcome is Outcome.PROVED
    assert check(GOOD, REFUSED).outcome is Outcome.PROVED
    assert check(GOOD, BAD).outcome is Outcome.FAILED
    assert check(GOOD, BROKEN).outcome is Outcome.FAILED
    assert check(GOOD, PROVED).outcome is Outcome.FAILED
    assert check(GOOD, CRASHED).outcome is Outcome.FAILED  # a crash refuses nothing
    assert check(GOOD, ABSENT).outcome is Outcome.NOT_RUN
    assert check(BAD, ABSENT).outcome is Outcome.FAILED
    assert check().outcome is Outcome.NOT_RUN
    assert check(REFUSED).outcome is Outcome.NOT_RUN


def test_a_choice_of_methods_is_proved_in_part():
    verdict = check(GOOD, ABSENT, methods=[Method.SYMBOLIC])
    assert verdict.outcome is Outcome.IN_PART
    assert verdict.methods == (Method.SYMBOLIC,)
    assert [finding.claim for finding in verdict.parts] == ["holds"]


def test_evidence_is_kept():
    verdict = check(GOOD, BAD, BROKEN, ABSENT, REFUSED, PROVED)
    assert [f.evidence for f in verdict.parts] == ["because", "residual x", "ZeroDivisionError: oh", "install it"]
    assert [f.evidence for f in verdict.false_variants] == [
        "counterexample",
        "a false statement was proved: it went through",
    ]
    assert verdict.methods == (Method.SYMBOLIC,)
    assert verdict.seconds >= 0
