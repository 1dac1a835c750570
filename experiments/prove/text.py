"""What is printed of the verdicts: a block a theorem, a table, JSON, and the HTML report."""

from __future__ import annotations

import importlib.metadata
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.report import escape, page
from experiments.report import table as html_table
from proofs.theorem import Finding, Outcome, Verdict

LABEL = 12
WRAP = "<style>.words td:last-child { overflow-wrap: anywhere; } .words td:nth-child(3) { min-width: 12rem; }</style>"
GOOD = (Outcome.PROVED, Outcome.IN_PART)
LIBRARIES = ("grpo-curvature", "sympy", "python-flint", "z3-solver")


def wrap(label: str, words: str) -> str:
    """A label and a paragraph beside it."""
    width = max(60, min(shutil.get_terminal_size((120, 24)).columns, 140))
    return textwrap.fill(
        words,
        width,
        initial_indent=f"    {label:<{LABEL}}",
        subsequent_indent=" " * (LABEL + 6),
        break_long_words=False,
    )


def line(finding: Finding) -> str:
    """A part or false variant: what was claimed, and the evidence."""
    mark = {Outcome.FAILED: "FAILED: ", Outcome.NOT_RUN: "not run: "}.get(finding.outcome, "")
    return f"{mark}{finding.claim} [{finding.evidence}]"


def block(verdict: Verdict) -> str:
    """Everything about one theorem."""
    theorem = verdict.theorem
    lines = [
        f"{theorem.number}  {theorem.name}: {verdict.outcome.value} ({verdict.seconds:.1f} s)",
        wrap("statement", theorem.statement),
        wrap("assumes", theorem.assumptions),
        wrap("source", theorem.source),
        *(wrap(finding.method.value, line(finding)) for finding in verdict.parts),
        *(wrap("refused", line(finding)) for finding in verdict.false_variants),
        wrap("on paper", theorem.on_paper or "nothing"),
        *([wrap("not asked", claim) for claim in not_asked(verdict)]),
    ]
    return "\n".join(lines)


def not_asked(verdict: Verdict) -> list[str]:
    """The claims of the parts whose method was not chosen."""
    asked = {finding.claim for finding in verdict.parts}
    return [f"{part.claim} [{part.method.value}]" for part in verdict.theorem.parts if part.claim not in asked]


HEADER = ("", "statement", "methods", "parts", "refused", "on paper", "time", "verdict")


def rows(verdicts: Sequence[Verdict]) -> list[tuple[str, ...]]:
    """The table's rows: one a theorem."""

    def of(findings: Sequence[Finding], good: Outcome) -> str:
        return f"{sum(finding.outcome is good for finding in findings)}/{len(findings)}"

    return [
        (
            verdict.theorem.number,
            verdict.theorem.name,
            ", ".join(method.value for method in verdict.methods) or "none",
            of(verdict.parts, Outcome.PROVED),
            of(verdict.false_variants, Outcome.REFUSED),
            "some" if verdict.theorem.on_paper else "nothing",
            f"{verdict.seconds:.1f} s",
            verdict.outcome.value,
        )
        for verdict in verdicts
    ]


def table(verdicts: Sequence[Verdict]) -> str:
    """The table in plain text."""
    cells = [HEADER, *rows(verdicts)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADER))]
    return "\n".join("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in cells)


def conclusion(verdicts: Sequence[Verdict], seconds: float) -> str:
    """One sentence, and one for each thing that is missing."""
    findings = [finding for verdict in verdicts for finding in verdict.parts]
    variants = [finding for verdict in verdicts for finding in verdict.false_variants]
    proved = sum(verdict.outcome is Outcome.PROVED for verdict in verdicts)
    in_part = sum(verdict.outcome is Outcome.IN_PART for verdict in verdicts)
    sentences = [
        f"{proved} of {len(verdicts)} statements proved{f', {in_part} in part' if in_part else ''}: "
        f"{sum(f.outcome is Outcome.PROVED for f in findings)} of {len(findings)} parts proved, "
        f"{sum(f.outcome is Outcome.REFUSED for f in variants)} of {len(variants)} false variants refused, {seconds:.0f} s"
    ]
    paper = [verdict.theorem.number for verdict in verdicts if verdict.theorem.on_paper]
    if paper:
        sentences.append(f"steps that remain on paper: {', '.join(paper)} (told with each)")
    for verdict in verdicts:
        sentences += [
            f"FAILED: {verdict.theorem.number}: {finding.claim} [{finding.evidence}]"
            for finding in verdict.parts + verdict.false_variants
            if finding.outcome is Outcome.FAILED
        ]
    missing = {finding.evidence for finding in findings + variants if finding.outcome is Outcome.NOT_RUN}
    sentences += [f"not run: {reason}" for reason in sorted(missing)]
    return "\n".join(sentences)


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "claim": finding.claim,
        "method": finding.method.value,
        "outcome": finding.outcome.value,
        "evidence": finding.evidence,
        "seconds": round(finding.seconds, 3),
    }


def as_json(verdicts: Sequence[Verdict], seconds: float, coq: Mapping[str, Any]) -> dict[str, Any]:
    """The content of proofs.json; `coq` is what Coq says of its theorems."""
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {
        "provers": versions,
        "seconds": round(seconds, 1),
        "theorems": [
            {
                "number": verdict.theorem.number,
                "name": verdict.theorem.name,
                "statement": verdict.theorem.statement,
                "assumptions": verdict.theorem.assumptions,
                "source": verdict.theorem.source,
                "outcome": verdict.outcome.value,
                "parts": [_finding(finding) for finding in verdict.parts],
                "false_variants": [_finding(finding) for finding in verdict.false_variants],
                "on_paper": verdict.theorem.on_paper,
            }
            for verdict in verdicts
        ],
        "coq": dict(coq),
    }


def report(verdicts: Sequence[Verdict], content: Mapping[str, Any]) -> bytes:
    """The HTML report: the table, then each theorem with its parts, then what Coq was told and what it rests on."""
    good = all(verdict.outcome in GOOD for verdict in verdicts)
    words = escape(conclusion(verdicts, content["seconds"])).replace("\n", "<br>")
    body = [
        f'<p class="verdict{"" if good else " bad"}">{words}</p>',
        f'<h2>All statements</h2>{WRAP}<div class="words">{html_table(HEADER, rows(verdicts))}</div>',
    ]
    for verdict in verdicts:
        theorem = verdict.theorem
        cells = [(f.method.value, f.outcome.value, f.claim, f.evidence) for f in verdict.parts]
        cells += [(f.method.value, f.outcome.value, f"false: {f.claim}", f.evidence) for f in verdict.false_variants]
        body.append(
            f"<h2>{escape(theorem.number)} {escape(theorem.name)}</h2><p><b>{escape(theorem.statement)}</b></p>"
            f"<p>Assumes: {escape(theorem.assumptions)}. Source: {escape(theorem.source)}.</p>"
            f'<div class="words">{html_table(("method", "outcome", "what was checked", "evidence"), cells)}</div>'
            f"<p>On paper: {escape(theorem.on_paper or 'nothing')}.</p>"
            + "".join(f"<p>Not asked: {escape(claim)}.</p>" for claim in not_asked(verdict))
        )
    coq = "".join(
        f'<h3>{escape(name)}</h3><pre style="overflow-x: auto; font-size: 13px">{escape(found["statement"])}</pre>'
        f"<p>Axioms: {escape(', '.join(found['axioms']))}</p>"
        for name, found in content["coq"].items()
    )
    body.append(f"<h2>What Coq proved</h2>{coq or '<p>Coq was not used.</p>'}")
    body.append(f"<p>Commit {escape(content['run']['commit'])}; versions {escape(content['provers'])}.</p>")
    return page("Machine-checked proofs", body)
