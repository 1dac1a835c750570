"""The Coq side: which axioms are allowed, constants, and (marked formal) that open and false files are refused.

That the theorems are proved and their false variants refused is checked by the command itself, in `make prove`.
"""

import shutil
import tempfile
from pathlib import Path

import pytest

from curvature import constants
from proofs import formal
from proofs.formal import constants_agree, evaluate, read_assumptions
from proofs.theorem import Method, Outcome, Unproved
from proofs.theorems import THEOREMS

FORMAL = [theorem for theorem in THEOREMS if any(part.method is Method.FORMAL for part in theorem.parts)]


@pytest.mark.parametrize(
    "text",
    ["", "Error: nothing", "Closed under the global context\nAxioms:\nx : y", "Sections:\nx", "Fetching opaque proofs"],
)
def test_an_answer_that_cannot_be_read_is_no_proof(text):
    with pytest.raises(Unproved, match="cannot read"):
        read_assumptions(text)


def test_long_axioms_are_read_whole():
    text = "Axioms:\nA.b\n  : forall (x : R),\n    x = x\nC : True\nD.e_f :\n  nat\n"
    assert read_assumptions(text) == {"A.b", "C", "D.e_f"}


def test_constants_are_those_of_the_code():
    assert constants_agree() == "7 constants agree"


@pytest.mark.parametrize(
    ("name", "value"),
    [("CURVATURE", 0.25 + 2**-54), ("SLOPE", 0.49), ("STEP", 0.6931), ("RATE", 0.3863), ("STEP_UNIT", 5)],
)
def test_another_constant_in_the_code_is_noticed(name, value, monkeypatch):
    monkeypatch.setattr(constants, name, value)
    with pytest.raises(Unproved, match=name):
        constants_agree()


def test_a_constant_that_coq_does_not_define_alike_is_noticed(monkeypatch, tmp_path: Path):
    text = (formal.SOURCES / "Constants.v").read_text()
    monkeypatch.setattr(formal, "SOURCES", tmp_path)
    (tmp_path / "Constants.v").write_text(text.replace("2 * ln 2 - 1", "2 * ln 3 - 1"))
    with pytest.raises(Unproved, match="RATE"):
        constants_agree()
    (tmp_path / "Constants.v").write_text(text.replace("2 * ln 2 - 1", "exp 1"))
    with pytest.raises((Unproved, SyntaxError)):
        constants_agree()
    for more in ("Definition CURVATURE  : R := 1 / 5.", "Notation SLOPE := 1.", "Definition ln (x : R) := x."):
        (tmp_path / "Constants.v").write_text(text + more + "\n")
        with pytest.raises(Unproved, match="something besides constants"):
            constants_agree()
    (tmp_path / "Constants.v").write_text(text.replace("Definition SLOPE : R := 1 / 2.", "(* SLOPE *)"))
    with pytest.raises(Unproved, match="differ in SLOPE"):
        constants_agree()


@pytest.mark.parametrize("expression", ["exp(2)", "x", "2 ** 3", "ln(2, 3) if 1 else 2", "0.5"])
def test_only_the_few_forms_of_constants_are_evaluated(expression):
    with pytest.raises(Unproved, match="cannot read the constant"):
        evaluate(expression)


def test_no_proof_is_left_open():
    """`prove` refuses such files; this tells without Coq."""
    for path in formal.SOURCES.glob("*.v"):
        assert formal.FORBIDDEN.search(formal.COMMENT.sub(" ", path.read_text())) is None, path.name


def test_without_coq_the_line_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(formal, "build", formal.build.__wrapped__)
    theorem = FORMAL[0]
    verdict = theorem.check([Method.FORMAL])
    assert verdict.outcome is Outcome.NOT_RUN
    assert all("coqc is not installed; needed: Coq" in finding.evidence for finding in verdict.parts)


def planted(monkeypatch, tmp_path: Path, text: str) -> None:
    """A build that holds one more file, False.v."""
    for path in formal.SOURCES.glob("*.v"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "Planted.v").write_text(text)
    monkeypatch.setattr(formal, "SOURCES", tmp_path)
    folder = tmp_path / "build"
    folder.mkdir()
    done = formal.compile_all(folder, needed="Planted")
    monkeypatch.setattr(formal, "build", lambda: done)


HEAD = "From Coq Require Import Reals.\nFrom GRPO Require Import Sums.\nOpen Scope R_scope.\n"


@pytest.mark.formal
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Lemma wrong : 1 = 0 :> R.\nAdmitted.", "Planted.v uses Admitted"),
        (
            "Axiom any : forall P : Prop, P.\nLemma wrong : 1 = 0 :> R.\nProof. apply any. Qed.",
            "Planted.v uses Axiom",
        ),
        ("Lemma wrong : 1 = 0 :> R.\nProof. reflexivity. Qed.", "Planted.v does not compile: line 5: "),
        ("Lemma other : 1 = 1 :> R.\nProof. reflexivity. Qed.", "states no theorem or lemma wrong"),
    ],
)
def test_an_open_or_false_proof_is_refused(text, why, monkeypatch, tmp_path):
    planted(monkeypatch, tmp_path, HEAD + text)
    with pytest.raises(Unproved, match=why):
        formal.prove("Planted", "wrong")


FALSE = "Theorem bad : 1 = 0 :> R.\nProof. destruct Classical_Prop.classic. Qed."


@pytest.mark.formal
@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        (
            f"Module Classical_Prop. Axiom classic : False. End Classical_Prop.\n{FALSE}",
            "bad",
            "Planted.v uses Module|coqchk",
        ),
        ("Lemma other : 1 = 1 :> R.\nProof. reflexivity. Qed.", "eq_refl", "states no theorem or lemma eq_refl"),
        ("Definition fine := 1.", "fine", "states no theorem or lemma fine"),
        ("(* Lemma fine : True. *) Definition fine := 1.", "fine", "states no theorem or lemma fine"),
    ],
)
def test_an_axiom_or_a_name_in_disguise_is_refused(text, name, why, monkeypatch, tmp_path):
    planted(monkeypatch, tmp_path, HEAD + text)
    with pytest.raises(Unproved, match=why):
        formal.prove("Planted", name)


@pytest.mark.formal
def test_the_independent_checker_finds_an_axiom(monkeypatch, tmp_path):
    planted(monkeypatch, tmp_path, HEAD + "Axiom any : 1 = 0 :> R.")
    assert formal.recheck(formal.build()) == "coqchk: axiom GRPO.Planted.any"


@pytest.mark.formal
def test_a_contradicting_theorem_has_to_be_proved(monkeypatch, tmp_path):
    planted(monkeypatch, tmp_path, HEAD + "Lemma right : 1 = 1 :> R.\nProof. reflexivity. Qed.")
    with pytest.raises(Unproved, match=r"contradicted by Planted\.v, right"):
        formal.contradict("Planted", "right")
    with pytest.raises(RuntimeError, match="the contradicting theorem is not proved"):
        formal.contradict("Planted", "absent")


def recompile(module: str, values: dict[str, str]) -> str:
    """Compile `module` with other constants.

    Raises:
        Unproved: it does not compile, as is expected of a false constant.
        RuntimeError: a constant is not there, or a file before `module` failed, so that nothing was learnt about it.
    """
    with tempfile.TemporaryDirectory(prefix="grpo-curvature-coq-") as folder:
        attempt = formal.compile_all(Path(folder), needed=module, values=values, compiled=formal.build())
    message = attempt.errors[module]
    if message is None:
        return f"{module}.v compiles with {values}"
    broken = [name for name in formal.requirements(module) if attempt.errors[name] is not None]
    if broken:
        raise RuntimeError(f"{broken[0]}.v failed before {module}.v was reached")
    raise Unproved(message)


@pytest.mark.formal
@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        ("Curvature", "CURVATURE", "6 / 25"),
        ("Deviation", "SLOPE", "12 / 25"),
        ("Certificate", "HALF_WIDTH", "12 / 25"),
        ("Deviation", "A_PRIORI_STD", "12 / 25"),
        ("Step", "STEP_UNIT", "5"),
        ("Convergence", "RATE", "2 * ln 2 - 99 / 100"),
        ("Convergence", "STEP", "ln 3"),
    ],
)
def test_no_proof_survives_another_constant(module, name, value):
    """Each script needs its constant. Which constants are best is proved, by the theorems that `refuted` names."""
    with pytest.raises(Unproved, match=f"{module}.v does not compile"):
        recompile(module, {name: value})


@pytest.mark.formal
def test_a_true_proof_is_not_refused(monkeypatch, tmp_path):
    planted(monkeypatch, tmp_path, HEAD + "Lemma right : sum 2 (fun _ => 1) = 2.\nProof. simpl. ring. Qed.")
    assert formal.prove("Planted", "right").startswith("Planted.v, right: ")


@pytest.mark.formal
def test_the_same_constants_compile_and_an_unknown_one_teaches_nothing():
    assert recompile("Deviation", {"SLOPE": "1 / 2"}) == "Deviation.v compiles with {'SLOPE': '1 / 2'}"
    with pytest.raises(RuntimeError, match="0 definitions of SLOPES"):
        recompile("Deviation", {"SLOPES": "1 / 2"})
    with pytest.raises(RuntimeError, match="failed before"):
        recompile("Deviation", {"RATE": "1 / (2"})
