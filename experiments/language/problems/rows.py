r"""Word problems and where they come from: a folder in GSM8K's or MATH's format, or the hub.

GSM8K writes its calculator steps into the solution; joined they are a chain of thought without prose,

    <<48/2=24>> … <<48+24=72>> … #### 72      →      48/2=24;48+24=72####72

which exists where the last step gives the answer. A row that cannot be used is dropped under a stated reason and
counted; a file that is not what it should be is refused by file and line.
Independent checks: tests/experiments/language/problems/test_rows.py.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from experiments.language.problems.answers import (
    MARK,
    boxed,
    canonical,
    canonical_formula,
    parse_number,
)

SYMBOLS = "0123456789.-+*/()=;#%"
"""What a response in mode "answer" or "equations" is written in, one token each; with the end token, 22."""

_ANNOTATION = re.compile(r"<<(.*?)>>", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One word problem."""

    question: str
    answer: str
    """Canonical: "72", "0.5"; a formula of MATH stays as it is written."""
    equations: str | None
    """The calculator steps with the answer, or None where `read_equations` finds none."""
    solution: str
    """The full text."""
    begun: str = ""
    """What of the solution stands before the response (mode "step")."""
    kind: str = "gsm8k"
    """Either "gsm8k" or "math"."""
    level: str | None = None
    """MATH's difficulty."""


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Problems to train on and to test on."""

    train: tuple[Problem, ...]
    test: tuple[Problem, ...]
    dropped: Mapping[str, int]
    """Rows left out, by split and reason."""
    source: str
    """Where they come from, in words."""

    def digest(self) -> str:
        """Sha256 of all problems in their order, for run ids; the source's name does not matter."""
        content = [[_told(problem) for problem in split] for split in (self.train, self.test)]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _told(problem: Problem) -> dict[str, Any]:
    """What a digest is made of: a mode that begins no solution has the digests that it had before there was one."""
    content = asdict(problem)
    return content if problem.begun else {name: value for name, value in content.items() if name != "begun"}


def read_equations(solution: str, answer: str) -> tuple[str | None, str]:
    """The calculator steps of a solution and "", or None and why there are none.

    Arguments:
        solution: GSM8K's text with <<…>>.
        answer: canonical.

    >>> read_equations("half is <<48/2=24>>24, <<48 + 24 = 72>>72 in all #### 72", "72")
    ('48/2=24;48+24=72####72', '')
    >>> read_equations("half is <<48/2=24>>24 #### 72", "72")
    (None, 'last equation is not the answer')
    """
    steps = ["".join(step.split()) for step in _ANNOTATION.findall(solution)]
    if not steps:
        return None, "no annotations"
    text = ";".join(steps) + MARK + answer
    if not set(text) <= set(SYMBOLS) or any(not step or set(step) & set(";#") for step in steps):
        return None, "other symbols in the annotations"
    left, equals, right = steps[-1].rpartition("=")
    if not (left and equals) or parse_number(right) is None or parse_number(right) != parse_number(answer):
        return None, "last equation is not the answer"
    return text, ""


def from_row(row: Mapping[str, Any], place: str) -> Problem | str:
    """One row of GSM8K (`question`, `answer`) or MATH (`problem`, `solution`, `level`), or why it is dropped.

    Raises:
        ValueError: neither format's keys, or a value that is not text; the message begins with `place`.
    """
    if "question" in row and "answer" in row:
        kind, names = "gsm8k", ("question", "answer")
    elif "problem" in row and "solution" in row:
        kind, names = "math", ("problem", "solution")
    else:
        raise ValueError(
            f"{place} has keys {sorted(map(str, row))}; allowed: 'question' and 'answer' (GSM8K), "
            "or 'problem' and 'solution' (MATH)"
        )
    question, solution = (_text(row, name, place) for name in names)
    if not question:
        return "empty question"
    if kind == "math":
        written = boxed(solution)
        if not written:
            return "no boxed answer"
        level = row.get("level")
        return Problem(
            question=question,
            answer=canonical_formula(written),
            equations=None,
            solution=solution,
            kind=kind,
            level=None if level is None else str(level),
        )
    if MARK not in solution:
        return "no final answer"
    answer = canonical(solution.rsplit(MARK, 1)[1])
    if answer is None:
        return "answer not numeric"
    return Problem(
        question=question, answer=answer, equations=read_equations(solution, answer)[0], solution=solution, kind=kind
    )


def from_rows(train: Iterable[tuple[str, Any]], test: Iterable[tuple[str, Any]], source: str) -> Splits:
    """Splits of rows, each with the place that a message names; questions repeated, or shared, are kept once.

    Raises:
        ValueError: a row that `from_row` refuses, or a split without one usable problem.
    """
    dropped: dict[str, int] = {}
    seen: set[str] = set()
    splits: dict[str, tuple[Problem, ...]] = {}
    for split, rows in (("train", train), ("test", test)):
        kept, reasons = [], {}
        for place, row in rows:
            if not isinstance(row, Mapping):
                raise ValueError(f"{place} is {type(row).__name__}; allowed: an object with the keys of one problem")
            problem = from_row(row, place)
            if isinstance(problem, Problem) and problem.question in seen:
                problem = "question seen before"
            if isinstance(problem, str):
                reasons[problem] = reasons.get(problem, 0) + 1
            else:
                seen.add(problem.question)
                kept.append(problem)
        if not kept:
            why = ", ".join(f"{count} {reason}" for reason, count in reasons.items()) or "no rows"
            raise ValueError(f"{source} has no {split} problem that can be used ({why}); allowed: at least one")
        splits[split] = tuple(kept)
        dropped |= {f"{split}: {reason}": count for reason, count in reasons.items()}
    return Splits(train=splits["train"], test=splits["test"], dropped=dropped, source=source)


def read_folder(path: str | Path) -> Splits:
    """Problems of a folder with `train` and `test`, each a .jsonl or a .parquet file, in GSM8K's or MATH's format.

    Raises:
        ValueError: no such folder or file, two files for one split, an empty or truncated file, one that is not
            UTF-8, a row without the keys or with a value that is not text; the message names file and line.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; allowed: a folder with train.jsonl and test.jsonl (or .parquet)")
    return from_rows(_rows(_only(folder, "train")), _rows(_only(folder, "test")), str(folder))


def download() -> Splits:
    """GSM8K (`openai/gsm8k`, MIT) from the hub, by the `datasets` package of the extra `hub`.

    Raises:
        ValueError: the package is not installed, or the download fails.

    Reference: Cobbe et al. 2021, arXiv 2110.14168.
    """
    try:
        import datasets  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ValueError(
            "the package datasets is not installed; allowed: pip install 'grpo-curvature[hub]', or a local folder"
        ) from error
    try:
        loaded = datasets.load_dataset("openai/gsm8k", "main")
        rows = {name: [dict(row) for row in loaded[name]] for name in ("train", "test")}
    except Exception as error:  # the hub's own errors have no common class
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"openai/gsm8k cannot be downloaded ({type(error).__name__}: {reason}); allowed: a reachable hub, "
            "or a local folder"
        ) from error
    places = {name: [(f"openai/gsm8k {name} row {i}", row) for i, row in enumerate(rows[name], 1)] for name in rows}
    return from_rows(places["train"], places["test"], "openai/gsm8k")


def _only(folder: Path, split: str) -> Path:
    found = [folder / f"{split}{suffix}" for suffix in (".jsonl", ".parquet") if (folder / f"{split}{suffix}").exists()]
    if len(found) != 1:
        got = "no" if not found else "both a"
        raise ValueError(
            f"{folder} has {got} {split}.jsonl {'or' if not found else 'and a'} {split}.parquet; allowed: one"
        )
    return found[0]


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Each row with its place in words."""
    try:
        if path.suffix == ".parquet":
            table = pyarrow.parquet.read_table(path)
            yield from ((f"{path} row {number}", row) for number, row in enumerate(table.to_pylist(), 1))
            return
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 (byte {error.start}: {error.reason}); allowed: UTF-8") from error
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} cannot be read ({' '.join(str(error).split())}); allowed: a readable file") from error
    for number, line in enumerate(text.split("\n"), 1):  # not splitlines: questions hold U+2028
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise ValueError(f"{path} line {number} is not JSON ({reason}); allowed: one object a line") from error
        yield f"{path} line {number}", row


def _text(row: Mapping[str, Any], name: str, place: str) -> str:
    value = row[name]
    if not isinstance(value, str):
        raise ValueError(f"{place}: {name} is {type(value).__name__}; allowed: text")
    if any("\ud800" <= character <= "\udfff" for character in value):  # JSON may hold half of a pair
        raise ValueError(f"{place}: {name} holds half of a surrogate pair; allowed: text that UTF-8 can write")
    return value.strip()
