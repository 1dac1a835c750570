"""The pages a reader meets first are true: the snippet runs as pasted, the tree is that of the files, links lead on."""

import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_snippet_runs_as_pasted_and_prints_what_the_readme_says() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (said,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == said


def script(name: str) -> ModuleType:
    """docs/NAME.py, which is in no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tree_is_that_of_the_files() -> None:
    assert (ROOT / "docs" / "tree.md").read_text(encoding="utf-8") == script("tree").tree(), "run `python docs/tree.py`"


def test_the_page_of_proofs_is_that_of_the_theorems() -> None:
    written = (ROOT / "docs" / "proofs.md").read_text(encoding="utf-8")
    assert written == script("statements").page(), "run `python docs/statements.py`"


def test_functions_that_the_page_of_choices_names_are_public() -> None:
    named = re.findall(r"`(curvature|bandits)\.(\w+)", (ROOT / "docs" / "choose.md").read_text(encoding="utf-8"))
    assert named
    for package, name in named:
        assert name in importlib.import_module(package).__all__, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    for link in links:
        assert link.startswith("https://") or (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"`((?:curvature|bandits|experiments|proofs|tests|benchmarks|docs)/[\w./-]+)`", page.read_text())
    for name in (name for name in named if "test_x." not in name and "/x." not in name):
        assert (ROOT / name).exists(), name


def test_every_make_target_of_the_readme_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {*re.findall(r"^make ([a-z]+)", README, re.MULTILINE)} <= targets


def test_five_runs_are_told_what_the_page_says() -> None:
    """The command answers anew; what it says of the real log stands in docs/results."""
    assert script("runs").page() == (ROOT / "docs" / "runs.md").read_text(encoding="utf-8"), "run `python docs/runs.py`"


def test_tables_of_results_are_those_of_the_committed_summaries() -> None:
    """And a number that is changed by hand is noticed."""
    tables, page = script("tables"), (ROOT / "docs" / "language-model.md").read_text(encoding="utf-8")
    assert tables.BLOCK.search(page), "no block is filled from docs/results"
    assert tables.filled(page) == page, "run `python docs/tables.py`"
    digit = re.search(r"<!-- verdicts .*?(\.\d)", page, re.DOTALL)
    assert digit is not None
    changed = page[: digit.end() - 1] + str((int(page[digit.end() - 1]) + 1) % 10) + page[digit.end() :]
    assert tables.filled(changed) == page
