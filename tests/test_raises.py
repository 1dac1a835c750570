"""Every public function that refuses says so: where its body, or a function of the same file that it calls, checks
input or raises a ValueError, its docstring has "Raises".
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bandits
import curvature

FILES = sorted(path for package in (curvature, bandits) for path in Path(package.__path__[0]).glob("*.py"))
Function = ast.FunctionDef | ast.ClassDef


def called(node: ast.AST) -> set[str]:
    """Names of the functions that a body calls."""
    functions = [inner.func for inner in ast.walk(node) if isinstance(inner, ast.Call)]
    return {function.id for function in functions if isinstance(function, ast.Name)}


def refuses(node: ast.AST) -> bool:
    """Whether a body checks input or raises a ValueError itself."""
    checks = any(name.startswith(("check_", "as_float")) for name in called(node))
    raised = [inner.exc for inner in ast.walk(node) if isinstance(inner, ast.Raise)]
    return checks or any(isinstance(e, ast.Call) and getattr(e.func, "id", "") == "ValueError" for e in raised)


def public(tree: ast.Module) -> Iterator[tuple[str, ast.AST, str]]:
    """(name, body, docstring) of public functions and methods; a constructor shares its class's docstring."""
    for node in tree.body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            if isinstance(node, ast.FunctionDef):
                yield node.name, node, ast.get_docstring(node) or ""
                continue
            for method in node.body:
                if not isinstance(method, ast.FunctionDef):
                    continue
                text = ast.get_docstring(method) or ""
                if method.name in ("__init__", "__check_init__", "__post_init__"):
                    yield f"{node.name}.{method.name}", method, text + (ast.get_docstring(node) or "")
                elif not method.name.startswith("_") or method.name == "__call__":
                    yield f"{node.name}.{method.name}", method, text


def silent(source: str) -> list[str]:
    """The public functions of a file that refuse without saying so."""
    tree = ast.parse(source)
    helpers = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found = []
    for name, body, text in public(tree):
        bodies = [body, *(helpers[call] for call in called(body) if call in helpers)]
        if any(map(refuses, bodies)) and "Raises" not in text:
            found.append(name)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_is_refused_is_documented(path: Path) -> None:
    assert silent(path.read_text(encoding="utf-8")) == []


def test_silence_is_noticed() -> None:
    source = '''
def _helper(x):
    check_count("x", x, 1)
def direct(x):
    raise ValueError("x")
def through_a_helper(x):
    """Nothing."""
    _helper(x)
def told(x):
    """Raises: ValueError."""
    _helper(x)
class Thing:
    def __check_init__(self):
        as_float("x", self.x)
    def method(self):
        return 1
'''
    assert silent(source) == ["direct", "through_a_helper", "Thing.__check_init__"]
