"""Extras: a command without its libraries says what to install, and what is declared is what it imports."""

import ast
import tomllib
from pathlib import Path

import pytest

from experiments import extras
from experiments.cli import main
from experiments.extras import EXTRAS, need

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FOLDERS = {
    "prove": ("proofs", "experiments/prove"),
    "gsm8k": ("experiments/gsm8k", "experiments/language", "experiments/fetch"),
}


def imported(folder: Path) -> set[str]:
    """The top-level modules that files below import, wherever in them."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found


def test_all_is_installed_here() -> None:
    for extra in EXTRAS:
        need(extra)


@pytest.mark.parametrize(
    "command", [("prove", "--only", "T1"), ("gsm8k", "validate"), ("gsm8k", "sft"), ("gsm8k", "fetch", "smollm2")]
)
def test_a_command_without_its_libraries_says_what_to_install(command, monkeypatch, capsys, tmp_path) -> None:
    find = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "sympy" else find(name))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main([*command])
    said = capsys.readouterr().err.strip()
    extra = command[0]
    assert stop.value.code == 2
    assert said == f"grpo-curvature: error: {extra} needs sympy, not installed here; allowed: after pip install " \
        f"'grpo-curvature[{extra}]'"  # fmt: skip
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_declares_what_its_command_needs(extra: str) -> None:
    declared = {requirement.partition(">")[0] for requirement in PROJECT["optional-dependencies"][extra]}
    assert declared == set(EXTRAS[extra].values())


def test_nothing_else_imports_the_libraries_of_an_extra() -> None:
    folders = {extra: [ROOT / folder for folder in below] for extra, below in FOLDERS.items()}
    for extra, modules in EXTRAS.items():
        assert set(modules) <= set().union(*(imported(folder) for folder in folders[extra])), extra
    inside = {folder for below in folders.values() for folder in below}
    for package in ("curvature", "bandits", "experiments"):
        for path in (ROOT / package).iterdir():
            if path.is_dir() and path not in inside:
                assert not imported(path) & {module for modules in EXTRAS.values() for module in modules}, path
    core = {requirement.partition(">")[0] for requirement in PROJECT["dependencies"]}
    assert not core & {name for modules in EXTRAS.values() for name in modules.values()}
