"""Imports point one way, also those inside functions and for types alone: no arrow against the order, no circle.

curvature ← {bandits, proofs} ← experiments ← benchmarks ← tests; experiments/language has an order of its own.
"""

import ast
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"curvature": 0, "bandits": 1, "proofs": 1, "experiments": 2, "benchmarks": 3, "tests": 4}
"""A package imports itself and those of lower levels."""
LANGUAGE = {"model": 0, "problems": 1, "learning": 2, "probes": 3}
"""The same within experiments/language, which is a library: of experiments it imports `SHARED` alone."""
SHARED = {"language", "store"}


def modules(root: Path) -> dict[str, Path]:
    """Every module of the packages by its name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, path: Path) -> Iterator[str]:
    """What the module's import statements name, `a.b` for `from a import b`."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module
            yield from (f"{source}.{alias.name}" for alias in node.names)


def arrows(root: Path) -> dict[str, set[str]]:
    """Which modules each module imports. `from a import b` is an arrow to a.b where that is a module, else to a."""
    known = modules(root)
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        targets = {t if t in known else t.rpartition(".")[0] for t in imported(name, path)}
        found[name] = targets & known.keys()
    return found


def allowed(source: str, target: str) -> bool:
    """Whether the order lets `source` import `target`."""
    here, there = source.split("."), target.split(".")
    if here[0] != there[0]:
        return PACKAGES[there[0]] < PACKAGES[here[0]]
    if here[:2] == ["experiments", "language"]:
        if len(there) < 2 or there[1] not in SHARED:
            return False
        mine, theirs = (LANGUAGE.get(parts[2]) if len(parts) > 2 else None for parts in (here, there))
        return there[1] != "language" or mine is None or theirs is None or theirs <= mine
    # a test's helpers are in files of their own
    return here[0] != "tests" or not there[-1].startswith("test_")


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules of which each reaches all others."""

    def reached(source: str) -> set[str]:
        found: set[str] = set()
        left = [source]
        while left:
            new = graph[left.pop()] - found
            found |= new
            left += new
        return found

    reach = {name: reached(name) for name in graph}
    groups = {tuple(sorted(b for b in reach[a] if a in reach[b])) for a in graph if a in reach[a]}
    return [list(group) for group in sorted(groups)]


def wrong(root: Path) -> list[str]:
    """Every arrow against the order and every circle."""
    graph = arrows(root)
    against = [f"{a} imports {b}" for a, targets in graph.items() for b in sorted(targets) if not allowed(a, b)]
    return against + [f"a circle: {', '.join(circle)}" for circle in circles(graph)]


def test_imports_point_one_way() -> None:
    graph = arrows(ROOT)
    assert len(graph) > 200
    assert "curvature._moments" in graph["bandits._run"] | graph["bandits.policy"] | graph["curvature.local"]
    assert wrong(ROOT) == []


GOOD = {
    "curvature/__init__.py": "from curvature.local import f",
    "curvature/local.py": "import math\nfrom numpy import array",
    "bandits/run.py": "from curvature import f, local",
    "experiments/store.py": "import bandits.run",
    "experiments/language/model/net.py": "from experiments import store",
    "experiments/language/probes/exact.py": "from experiments.language.model import net",
    "experiments/gsm8k/plan.py": "from experiments.language.probes.exact import x",
    "benchmarks/time.py": "from experiments import store",
    "tests/test_a.py": "from tests import made\nfrom benchmarks.time import x",
    "tests/made.py": "",
}
BAD = {
    "up": ("curvature/a.py", "from bandits import run", "curvature.a imports bandits.run"),
    "across": ("proofs/a.py", "import bandits.run", "proofs.a imports bandits.run"),
    "inside a function": (
        "bandits/a.py", "def f():\n    from experiments.store import x", "bandits.a imports experiments.store",
    ),
    "for types alone": (
        "experiments/a.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from benchmarks.time import X",
        "experiments.a imports benchmarks.time",
    ),
    "relative": (
        "experiments/language/model/a.py", "from . import net\nfrom ..probes import exact",
        "experiments.language.model.a imports experiments.language.probes.exact",
    ),
    "of a test's helpers": ("experiments/a.py", "from tests.made import x", "experiments.a imports tests.made"),
    "of a test": ("tests/test_b.py", "from tests.test_a import x", "tests.test_b imports tests.test_a"),
    "within language": (
        "experiments/language/model/a.py", "import experiments.language.probes.exact",
        "experiments.language.model.a imports experiments.language.probes.exact",
    ),
    "out of language": (
        "experiments/language/probes/a.py", "from experiments.gsm8k.plan import x",
        "experiments.language.probes.a imports experiments.gsm8k.plan",
    ),
    "a circle": (
        "curvature/local.py", "def f():\n    from curvature import f",
        "a circle: curvature, curvature.local",
    ),
    "a circle for types alone": (
        "experiments/store.py", "if TYPE_CHECKING:\n    from experiments.language.model.net import X",
        "a circle: experiments.language.model.net, experiments.store",
    ),
}  # fmt: skip


def plant(root: Path, tree: dict[str, str]) -> Path:
    for name, text in tree.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_tree_in_order_is_let_through(tmp_path: Path) -> None:
    assert wrong(plant(tmp_path, GOOD)) == []


@pytest.mark.parametrize("case", BAD)
def test_an_arrow_against_the_order_is_refused(case: str, tmp_path: Path) -> None:
    name, text, expected = BAD[case]
    assert wrong(plant(tmp_path, GOOD | {name: text})) == [expected]
