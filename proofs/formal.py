"""Proofs in Coq: compile them, ask which axioms each theorem rests on, hold its constants against the code's.

The proofs are proofs/coq/*.v; they need Coq 8.16 with Coquelicot, which `make prove` installs (Debian's packages coq
and libcoq-coquelicot). `build` compiles a copy in a temporary folder, so a stale file is never trusted, and
`Print Assumptions` of each theorem is compared with `REALS`, the axioms of Coq's real numbers.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import operator
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import flint

from curvature import constants
from proofs.enclosure import exact, working_precision
from proofs.theorem import FalseVariant, Method, NotRun, Part, Unproved

SOURCES = Path(__file__).parent / "coq"
ROOT = "GRPO"
INSTALL = "coqc is not installed; needed: Coq 8.16 with Coquelicot (Debian's packages: coq libcoq-coquelicot)"
SECONDS = 900
"""Longest time for one file."""

REALS = frozenset(
    {
        "ClassicalDedekindReals.sig_forall_dec",
        "ClassicalDedekindReals.sig_not_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
        "Classical_Prop.classic",
    }
)
"""What Coq's real numbers and their analysis rest on: classical logic and functional extensionality."""
CONSTANT = re.compile(r"Definition (?P<name>[A-Z_]+) : R := (?P<value>[^.]+)\.")
COMMENT = re.compile(r"\(\*.*?\*\)", re.DOTALL)
FORBIDDEN = re.compile(
    r"\b(Admitted|admit|Axioms?|Parameters?|Conjectures?|Module|Declare|Primitive|Unset|bypass_check|Load|LoadPath)\b"
)
"""What could make a theorem look proved that is not; the project's files do without."""
REQUIRE = re.compile(r"^From GRPO Require Import (?P<modules>[^.]+)\.", re.MULTILINE)


_NAMES: dict[str, list[str]] = {}
"""The theorems that are parts, by module: Coq is asked about those of a module at once, as it loads for a second."""


def formal(claim: str, module: str, name: str) -> Part:
    """The theorem `name` of proofs/coq/`module`.v as a part of a `Theorem`."""
    _NAMES.setdefault(module, []).append(name)
    return Part(claim, Method.FORMAL, functools.partial(prove, module, name))


def theorem_of(item: Part | FalseVariant) -> tuple[str, str]:
    """The module and the name behind a formal part, or behind what contradicts a false variant."""
    assert isinstance(item.prove, functools.partial)
    module, name = item.prove.args
    return module, name


def refuted(claim: str, module: str, name: str) -> FalseVariant:
    """A false variant that a theorem of Coq contradicts: no smaller constant will do, or a counterexample."""
    _NAMES.setdefault(module, []).append(name)
    return FalseVariant(claim, Method.FORMAL, functools.partial(contradict, module, name))


def contradict(module: str, name: str) -> str:
    """Check the theorem that contradicts.

    Raises:
        Unproved: by that theorem.
        RuntimeError: the theorem itself is not proved, so that nothing is refused.
    """
    try:
        evidence = prove(module, name)
    except Unproved as reason:
        raise RuntimeError(f"the contradicting theorem is not proved: {reason}") from reason
    raise Unproved(f"contradicted by {evidence}")


def prove(module: str, name: str) -> str:
    """Compile, have the independent checker read what was compiled, and list the axioms.

    Raises:
        Unproved: the file does not compile, does not state `name` as a theorem or lemma, uses a word of `FORBIDDEN`, is
            refused by coqchk, or the theorem rests on an axiom that is not in `REALS`.
        NotRun: there is no Coq.
    """
    done = build()
    message = done.errors[module] or done.refused
    if message is not None:
        raise Unproved(message)
    for file in [*requirements(module), module]:
        word = FORBIDDEN.search(_code(file))
        if word is not None:
            raise Unproved(f"{file}.v uses {word[0]}")
    if not re.search(rf"^\s*(Theorem|Lemma|Corollary) {re.escape(name)}\b", _code(module), re.MULTILINE):
        raise Unproved(f"{module}.v states no theorem or lemma {name}")
    used = axioms(module, name)
    if used - REALS:
        raise Unproved(f"rests on {', '.join(sorted(used - REALS))}; allowed: {', '.join(sorted(REALS))}")
    return f"{module}.v, {name}: {len(used)} axioms, all of them of the real numbers"


@dataclass(frozen=True)
class Build:
    """Compiled proofs: the folder, and for each module what coqc complained about (None: it compiled)."""

    folder: Path
    errors: Mapping[str, str | None]
    refused: str | None = None
    """What coqchk, which checks compiled files on its own, found wrong."""


@functools.cache
def build() -> Build:
    """All proofs, compiled once a process in a folder that is removed at its end."""
    folder = tempfile.TemporaryDirectory(prefix="grpo-curvature-coq-")
    _KEPT.append(folder)
    done = compile_all(Path(folder.name))
    return Build(done.folder, done.errors, recheck(done))


def recheck(done: Build) -> str | None:
    """What the independent checker coqchk says against the compiled files (not again against the libraries)."""
    modules = [word for name, error in done.errors.items() if error is None for word in ("-norec", f"{ROOT}.{name}")]
    answer = _coq(done.folder, "coqchk", "-silent", "-o", *modules)
    if answer.returncode != 0:
        return f"coqchk: {' '.join(answer.stderr.split())[-200:]}"
    return read_check(answer.stdout + answer.stderr)


def read_check(output: str) -> str | None:
    r"""None if coqchk's summary lists no axiom of ours and nothing unsafe.

    >>> read_check("* Axioms:\n    Coq.Logic.Classical_Prop.classic\n\n* Inductives ... assumed: <none>\n")
    >>> read_check("* Axioms:\n    GRPO.A.any\n")
    'coqchk: axiom GRPO.A.any'
    """
    ours = re.search(rf"^\s*({ROOT}\.\S+)", output, re.MULTILINE)
    if ours:
        return f"coqchk: axiom {ours[1]}"
    unsafe = [
        line for line in re.findall(r"^\* (.*)$", output, re.MULTILINE) if not line.startswith(("Theory", "Axioms"))
    ]
    bad = [line for line in unsafe if not line.endswith("<none>")]
    if bad or "Axioms" not in output:
        return f"coqchk: {bad[0] if bad else output[:200]!r}"
    return None


def _code(module: str) -> str:
    """The source without its comments (the project's comments are not nested)."""
    return COMMENT.sub(" ", (SOURCES / f"{module}.v").read_text())


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def requirements(module: str) -> list[str]:
    """The project's modules that `module` needs, directly or not, each after those that it needs itself."""
    found: list[str] = []

    def visit(current: str) -> None:
        for match in REQUIRE.finditer((SOURCES / f"{current}.v").read_text()):
            for name in match["modules"].split():
                if name not in found:
                    visit(name)
                    found.append(name)

    visit(module)
    return found


def compile_all(
    folder: Path,
    *,
    needed: str | None = None,
    values: Mapping[str, str] | None = None,
    compiled: Build | None = None,
) -> Build:
    """Compile copies of the proofs in `folder`: all of them, or one module and what it needs.

    Arguments:
        values: constants to replace in Constants.v.
        compiled: take from there what does not depend on Constants.v.

    Raises:
        NotRun: there is no coqc.
        RuntimeError: a constant of `values` is not in Constants.v.
    """
    if shutil.which("coqc") is None:
        raise NotRun(INSTALL)
    for source in SOURCES.glob("*.v"):
        (folder / source.name).write_text(source.read_text())
    for name, value in (values or {}).items():
        text = (folder / "Constants.v").read_text()
        changed, count = re.subn(rf"(?m)^(Definition {name} : R := )[^.]+\.$", rf"\g<1>{value}.", text)
        if count != 1:
            raise RuntimeError(f"{count} definitions of {name} in Constants.v")
        (folder / "Constants.v").write_text(changed)
    targets = [needed] if needed else sorted(source.stem for source in SOURCES.glob("*.v"))
    order: list[str] = []
    for target in targets:
        order += [name for name in [*requirements(target), target] if name not in order]
    jobs: dict[str, Future[str | None]] = {}

    def job(module: str) -> str | None:
        if compiled is not None and "Constants" not in [*requirements(module), module]:
            shutil.copy(compiled.folder / f"{module}.vo", folder)
            return compiled.errors[module]
        failed = [name for name in requirements(module) if jobs[name].result() is not None]
        return f"needs {failed[0]}.v, which failed" if failed else _coqc(folder, module)

    with ThreadPoolExecutor(max_workers=2) as pool:  # in this order no job waits for one that has not begun
        for module in order:
            jobs[module] = pool.submit(job, module)
        return Build(folder, {module: running.result() for module, running in jobs.items()})


def _coqc(folder: Path, module: str) -> str | None:
    done = _coq(folder, "coqc", f"{module}.v")
    if done.returncode == 0:
        return None
    return f"{module}.v does not compile: {complaint(done.stderr)}"


def _coq(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [program, "-Q", str(folder), ROOT, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)


def complaint(stderr: str) -> str:
    r"""The line of the first error and the end of its message (the goal's surroundings come first).

    >>> complaint('File "A.v", line 7, characters 2-5:\nWarning: w\nFile "A.v", line 9, characters 2:\nError: no x.\n')
    'line 9: no x.'
    """
    before, _, message = stderr.partition("Error:")
    line = re.findall(r"line (\d+),", before)
    words = " ".join(message.split()) or " ".join(stderr.split())
    return f"{f'line {line[-1]}: ' if line else ''}{words if len(words) <= 160 else '… ' + words[-160:]}"


def axioms(module: str, name: str) -> frozenset[str]:
    """What `Print Assumptions` lists for a theorem of the build.

    Raises:
        Unproved: there is no such theorem.
    """
    return read_assumptions(_asked(module, name)[1])


def statement(module: str, name: str) -> str:
    """The theorem as Coq prints it."""
    return _asked(module, name)[0]


def _asked(module: str, name: str) -> tuple[str, str]:
    folder, known = build().folder, tuple(_NAMES.get(module, ()))
    if name in known:
        with contextlib.suppress(Unproved):  # one bad name spoils the answers of all: ask for this one alone
            return _ask(folder, module, known)[name]
    return _ask(folder, module, (name,))[name]


@functools.cache
def _ask(folder: Path, module: str, names: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """The statement and the answer to `Print Assumptions`, for each name."""
    mark = "=== grpo-curvature ==="
    say = f'Goal True. idtac "{mark}". Abort.'
    questions = [f"{say}\nCheck {name}.\n{say}\nPrint Assumptions {ROOT}.{module}.{name}." for name in names]
    with tempfile.TemporaryDirectory(prefix="grpo-curvature-coq-") as scratch:
        query = Path(scratch) / "Query.v"
        query.write_text(
            "\n".join([f"From {ROOT} Require Import {module}.", "Set Printing Width 110.", *questions, ""])
        )
        done = _coq(folder, "coqc", str(query))
    if done.returncode != 0:
        raise Unproved(complaint(done.stderr))
    _, *answers = (answer.strip() for answer in done.stdout.split(mark))
    return dict(zip(names, zip(answers[::2], answers[1::2], strict=True), strict=True))


def read_assumptions(output: str) -> frozenset[str]:
    r"""The names in the output of `Print Assumptions`.

    Raises:
        Unproved: output that is neither a list of axioms nor the statement that there are none.

    >>> sorted(read_assumptions("Axioms:\nA.choice : forall x,\n  x = x\nB.long_name\n  : True\n"))
    ['A.choice', 'B.long_name']
    >>> read_assumptions("Closed under the global context\n")
    frozenset()
    """
    if output.strip() == "Closed under the global context":
        return frozenset()
    heading, _, rest = output.partition("\n")
    if heading.strip() != "Axioms:":
        raise Unproved(f"cannot read the answer to Print Assumptions: {output[:200]!r}")
    return frozenset(line.split()[0] for line in rest.splitlines() if line and not line[0].isspace())


OPERATIONS: Mapping[type, Callable[[flint.arb, flint.arb], flint.arb]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def evaluate(expression: str) -> flint.arb:
    """A ball around a constant as Coq writes it: numbers, + − × /, and ln of a number.

    >>> evaluate("2 * ln 2 - 1") > 0.386
    True
    """

    def value(node: ast.expr) -> flint.arb:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return flint.arb(node.value)
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
            return OPERATIONS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ln":
            return value(node.args[0]).log()
        raise Unproved(f"cannot read the constant {expression!r}")

    with working_precision():
        return value(ast.parse(re.sub(r"\bln (\w+)", r"ln(\1)", expression), mode="eval").body)


def constants_agree() -> str:
    """Every constant of Constants.v is the one of curvature/constants.py: equal, or, for logarithms, within 2⁻⁵².

    Raises:
        Unproved: with the first one that is not.
    """
    code = COMMENT.sub(" ", (SOURCES / "Constants.v").read_text())
    definitions = {match["name"]: match["value"] for match in CONSTANT.finditer(code)}
    rest = CONSTANT.sub(" ", code).split()
    if " ".join(rest) != "From Coq Require Import Reals. Open Scope R_scope.":
        raise Unproved(f"Constants.v holds something besides constants: {' '.join(rest)}")
    in_the_code = {name for name, value in vars(constants).items() if name.isupper() and isinstance(value, float | int)}
    if set(definitions) != in_the_code:
        raise Unproved(f"Constants.v and constants.py differ in {', '.join(sorted({*definitions} ^ in_the_code))}")
    for name, expression in definitions.items():
        in_code = exact(getattr(constants, name))
        distance = abs(evaluate(expression) - in_code)
        allowed = flint.arb(0) if "ln" not in expression else exact(Fraction(1, 2**52))
        if not distance <= allowed:
            raise Unproved(f"{name} is {expression} in Constants.v and {getattr(constants, name)} in constants.py")
    return f"{len(definitions)} constants agree"
