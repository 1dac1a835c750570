"""Writes docs/tree.md: every file of the packages with the first sentence of its docstring. `python docs/tree.py`."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "curvature": "Takes arrays; imports none of our packages.",
    "bandits": "The simulator; uses curvature.",
    "proofs": "Machine-checked proofs, one file per statement; uses curvature. Coq files: proofs/coq/ (docs/theory.md "
    "says which proves what).",
    "experiments": "The command; uses all of the above. Every experiment has the same files inside: config (flags), "
    "run, summary, tables (what summary.json holds), figures, text.",
    "benchmarks": "`make bench`: ratios against the plain alternative and the machine's limit.",
}
HEAD = """# The tree

Written by `python docs/tree.py` from the files' own first sentences; a test compares. Imports point one way:
curvature ← bandits, proofs ← experiments ← benchmarks. Data flows problem → policy → moments → update → trajectory →
rows → figures. tests/ mirrors the packages.
"""


def sentence(path: Path) -> str:
    """The first sentence of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = " ".join(text.partition("\n\n")[0].split())
    return first.removesuffix(".").replace("|", "\\|")


def tree() -> str:
    """The page."""
    lines = [HEAD]
    for package, words in PACKAGES.items():
        lines += [f"## {package}/", "", words, "", "| file | what it holds |", "|---|---|"]
        for path in sorted((ROOT / package).rglob("*.py"), key=lambda p: (len(p.parts) > 0, p.parent, p.name)):
            if path.name != "__init__.py":
                lines.append(f"| `{path.relative_to(ROOT / package)}` | {sentence(path)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "tree.md").write_text(tree(), encoding="utf-8")
