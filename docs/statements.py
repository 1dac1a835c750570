"""Writes docs/proofs.md: every statement, what a machine checks of it and by what, and what stays on paper.

`python docs/statements.py`, from the `Theorem`s of proofs/, which `make prove` checks.
"""

from __future__ import annotations

from pathlib import Path

from proofs.formal import REALS
from proofs.theorem import Method, Theorem
from proofs.theorems import THEOREMS

PAGE = Path(__file__).resolve().parent / "proofs.md"
METHODS = {
    Method.FORMAL: "Coq's kernel, and its independent checker; no axioms but those of the real numbers",
    Method.SYMBOLIC: "an exact identity, by SymPy",
    Method.ENCLOSURE: "an inequality over a whole box, by FLINT's balls",
    Method.POLYNOMIAL: "real polynomial arithmetic, by z3",
}
HEAD = """# The proofs

Written by `python docs/statements.py` from the theorems of proofs/; a test compares. `make prove` checks every line and
writes what it found; the proofs on paper are in [theory.md](theory.md).
"""


def cell(text: str) -> str:
    """Text in a table of Markdown."""
    return text.replace("|", "\\|")


def section(theorem: Theorem) -> list[str]:
    """One statement."""
    return [
        f"## {theorem.number}: {theorem.name}",
        "",
        f"    {theorem.statement}",
        "",
        f"For: {theorem.assumptions}. Source: {theorem.source}.",
        "",
        "| what is checked | by |",
        "|---|---|",
        *(f"| {cell(part.claim)} | {part.method.value} |" for part in theorem.parts),
        *(f"| refused: {cell(v.claim)} | {v.method.value} |" for v in theorem.false_variants),
        "",
        f"On paper: {theorem.on_paper or 'nothing'}.",
        "",
    ]


def page(theorems: tuple[Theorem, ...] = THEOREMS) -> str:
    """All of docs/proofs.md."""
    parts = [part for theorem in theorems for part in theorem.parts]
    variants = sum(len(theorem.false_variants) for theorem in theorems)
    lines = [
        HEAD,
        f"{len(theorems)} statements, {len(parts)} parts, and {variants} false variants (a smaller constant, a dropped "
        "condition) that the same provers must refuse.",
        "",
        "| method | what it is | parts |",
        "|---|---|---|",
        *(f"| {m.value} | {words} | {sum(p.method is m for p in parts)} |" for m, words in METHODS.items()),
        "",
        f"Coq's theorems rest on these axioms at most: {', '.join(f'`{name}`' for name in sorted(REALS))}.",
        "",
    ]
    for theorem in theorems:
        lines += section(theorem)
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
