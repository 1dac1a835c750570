"""The command `prove`: what it prints and writes, and its exit status, on made theorems; real ones: tests/proofs/."""

import json
from pathlib import Path

import pytest

from experiments.cli import main
from experiments.prove import run, text
from experiments.prove.config import Prove
from proofs import formal
from proofs.formal import Build
from proofs.theorem import FalseVariant, Finding, Method, NotRun, Outcome, Part, Theorem, Unproved, Verdict
from tests.proofs.outcomes import raises

HOLDS = Part("one is one", Method.SYMBOLIC, lambda: "residual 0")
FAILS = Part("one is two", Method.ENCLOSURE, raises(Unproved("fails at (1)")))
ABSENT = Part("in <Coq>", Method.FORMAL, raises(NotRun("coqc is not installed")))
REFUSED = FalseVariant("one is three", Method.SYMBOLIC, raises(Unproved("2 is not identically 0")))


def theorem(number: str, *parts: Part, on_paper: str = "") -> Theorem:
    return Theorem(number, "a name", "1 = 1", "nothing", "this test", parts, (REFUSED,), on_paper)


@pytest.fixture
def theorems(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(formal, "build", lambda: Build(Path(), {"A": None}))

    def use(*some: Theorem) -> None:
        monkeypatch.setattr(run, "THEOREMS", some)

    return use


def status(*arguments: str) -> int:
    try:
        main(["prove", *arguments])
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def test_all_proved(theorems, capsys, tmp_path):
    theorems(theorem("T1", HOLDS, on_paper="the rest & more"), theorem("T2", HOLDS))
    assert status("--out", str(tmp_path / "out")) == 0
    out = capsys.readouterr().out
    assert "2 of 2 statements proved: 2 of 2 parts proved, 2 of 2 false variants refused" in out
    assert "T1  a name: proved" in out
    assert "on paper    the rest & more" in out
    assert "steps that remain on paper: T1 (told" in out
    assert "refused     one is three [2 is not identically 0]" in out
    content = json.loads((tmp_path / "out" / "proofs.json").read_text())
    assert [entry["number"] for entry in content["theorems"]] == ["T1", "T2"]
    assert content["theorems"][0]["parts"][0]["evidence"] == "residual 0"
    assert content["coq"] == {}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "the rest &amp; more" in page
    assert 'class="verdict"' in page


def test_one_failure_is_exit_1_and_a_line(theorems, capsys, tmp_path):
    theorems(theorem("T1", HOLDS, FAILS), theorem("T2", HOLDS))
    assert status("--table", "--out", str(tmp_path)) == 1
    out = capsys.readouterr().out
    assert "1 of 2 statements proved" in out
    assert "FAILED: T1: one is two [fails at (1)]" in out
    assert "assumes" not in out  # the table alone
    assert 'class="verdict bad"' in (tmp_path / "report.html").read_text()


def test_a_prover_that_is_missing_is_exit_1_unless_it_was_not_asked_for(theorems, capsys):
    theorems(theorem("T1", HOLDS, ABSENT))
    assert status() == 1
    assert "not run: coqc is not installed" in capsys.readouterr().out
    assert status("--methods", "symbolic") == 0
    out = capsys.readouterr().out
    assert "0 of 1 statements proved, 1 in part" in out
    assert "not asked   in <Coq> [formal]" in out


def test_only_some_statements(theorems, capsys):
    theorems(theorem("T1", HOLDS), theorem("T2", FAILS))
    assert status("--only", "T1") == 0
    assert "T2" not in capsys.readouterr().out
    assert status("--only", "T2", "--methods", "symbolic") == 2
    assert "--methods is symbolic, by which nothing of T2 is checked" in capsys.readouterr().err


def test_an_interruption_is_exit_130_and_promises_nothing(theorems, capsys):
    theorems(theorem("T1", Part("stops", Method.SYMBOLIC, raises(KeyboardInterrupt()))))
    assert status() == 130
    assert capsys.readouterr().err.endswith("grpo-curvature: interrupted\n")


def test_coq_is_asked_for_what_proves_and_what_contradicts(monkeypatch):
    monkeypatch.setattr(formal, "statement", lambda module, name: f"{name} : 1 = 1")
    monkeypatch.setattr(formal, "axioms", lambda module, name: frozenset({"b", "a"}))
    good, bad = formal.formal("holds", "A", "good"), formal.formal("fails", "A", "bad")
    one = Theorem("T1", "n", "s", "a", "t", (good, bad), (formal.refuted("false", "B", "tight"),))
    parts = (
        Finding("holds", Method.FORMAL, Outcome.PROVED, "", 0.0),
        Finding("fails", Method.FORMAL, Outcome.FAILED, "", 0.0),
    )
    refused = (Finding("false", Method.FORMAL, Outcome.REFUSED, "", 0.0),)
    assert run._statements([Verdict(one, parts, refused)]) == {
        "A.good": {"statement": "good : 1 = 1", "axioms": ["a", "b"]},
        "B.tight": {"statement": "tight : 1 = 1", "axioms": ["a", "b"]},
    }


def test_a_folder_that_cannot_be_written_is_exit_2_before_anything_is_proved(theorems, capsys, tmp_path):
    theorems(theorem("T1", HOLDS))
    (tmp_path / "file").write_text("")
    assert status("--out", str(tmp_path / "file")) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"only": ("T99",)}, "--only is T99; allowed: T0, T1"),
        ({"methods": ("magic",)}, "--methods is magic; allowed: formal"),
        ({"methods": ()}, "--methods is empty"),
        ({"only": ()}, "--only is empty"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Prove(**arguments)


def test_the_table_is_aligned():
    lines = text.table([theorem("T1", HOLDS).check(), theorem("T10", HOLDS, FAILS).check()]).splitlines()
    assert len(lines) == 3
    assert len({line.index("symbolic") for line in lines[1:]} | {lines[0].index("methods")}) == 1
