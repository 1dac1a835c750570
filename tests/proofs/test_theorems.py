"""Every statement, by every method but Coq (tests/proofs/test_formal.py): proved, and every false variant refused."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from experiments.prove.config import METHODS, STATEMENTS
from proofs.theorem import Method, Outcome, Verdict
from proofs.theorems import THEOREMS
from tests import golden

ROOT = Path(__file__).parents[2]
QUICK = [method for method in Method if method is not Method.FORMAL]
BY_NUMBER = {theorem.number: theorem for theorem in THEOREMS}


def test_every_statement_is_there_once_and_in_order():
    assert [theorem.number for theorem in THEOREMS] == list(STATEMENTS)
    assert [method.value for method in Method] == list(METHODS)


@cache
def checked(number: str) -> Verdict:
    return BY_NUMBER[number].check(QUICK)


def test_what_is_proved_is_what_it_was():
    def told(findings):
        return [[f.claim, f.method.value, f.outcome.value] for f in findings]

    verdicts = {number: checked(number) for number in STATEMENTS}
    found = {n: {"parts": told(v.parts), "false_variants": told(v.false_variants)} for n, v in verdicts.items()}
    golden.check("prove", found, rel=0)


@pytest.mark.parametrize("number", STATEMENTS)
def test_parts_are_proved_and_false_variants_are_refused(number):
    verdict = checked(number)
    findings = verdict.parts + verdict.false_variants
    assert verdict.outcome in (Outcome.PROVED, Outcome.IN_PART), [f for f in findings if f.outcome is Outcome.FAILED]
    assert any(finding.outcome is Outcome.REFUSED for finding in verdict.false_variants)


def test_t1_to_t4_and_t6_are_formal():
    for number in ("T1", "T2", "T3", "T4", "T6"):
        assert any(part.method is Method.FORMAL for part in BY_NUMBER[number].parts), number


def test_texts_are_complete():
    for theorem in THEOREMS:
        for text in (theorem.name, theorem.statement, theorem.assumptions, theorem.source):
            assert text.strip(), theorem.number
        claims = [item.claim for item in theorem.parts]
        assert len(set(claims)) == len(claims), theorem.number


def test_each_file_is_listed_and_documented():
    """A statement file that is not in THEOREMS would never be checked; docs/theory.md tells of each."""
    files = {
        path.stem
        for path in (ROOT / "proofs").glob("*.py")
        if re.search(r"^theorem = Theorem\(", path.read_text(), re.MULTILINE)
    }
    assert len(files) == len(THEOREMS)
    docs = (ROOT / "docs" / "theory.md").read_text()
    for name in files:
        assert f"proofs/{name}.py" in docs, name
    for path in (ROOT / "proofs" / "coq").glob("*.v"):
        assert f"{path.name}" in docs, path.name


def test_what_stays_on_paper_is_told_in_the_docs():
    docs = (ROOT / "docs" / "theory.md").read_text()
    section = docs[docs.index("What no machine checks:") : docs.index("A test is never a proof")]
    for theorem in THEOREMS:
        told = re.search(rf"\b{theorem.number}\b", section) is not None
        assert told or not theorem.on_paper, theorem.number


def test_each_theorem_has_a_hypothesis_property_that_names_it():
    properties = " ".join(
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and any("given" in ast.unparse(d) for d in node.decorator_list)
    )
    for number in (statement for statement in STATEMENTS if statement.startswith("T")):
        assert re.search(rf"test_(t\d+_and_)?{number.lower()}_", properties), number
