"""One theorem after the other: check, print, and at the end the table; a report where a folder is given."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Sequence

from tqdm import tqdm

from experiments.prove import text
from experiments.prove.config import Prove
from experiments.study import Study
from proofs import formal
from proofs.theorem import Method, NotRun, Outcome, Theorem, Verdict
from proofs.theorems import THEOREMS


def chosen(config: Prove) -> tuple[list[Theorem], list[Method]]:
    """The theorems that were asked for and that a chosen method checks, and those methods.

    Raises:
        ValueError: no theorem is left.
    """
    methods = [Method(name) for name in config.methods]
    theorems = [
        theorem
        for theorem in THEOREMS
        if (config.only is None or theorem.number in config.only)
        and {part.method for part in theorem.parts} & {*methods}
    ]
    if not theorems:
        raise ValueError(
            f"--methods is {' '.join(config.methods)}, by which nothing of {' '.join(config.only or ())} is checked"
        )
    return theorems, methods


def prove(config: Prove, study: Study | None) -> int:
    """Check, print, and report into `study` where there is one; 0 if all that was asked for was proved, else 1.

    Raises:
        ValueError: no chosen method checks what was asked for; a folder that may not be written to.
        OSError: the report cannot be written.
    """
    theorems, methods = chosen(config)
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the folder in which Coq compiles is removed
    try:
        with study or contextlib.nullcontext():
            verdicts, seconds = check(theorems, methods, quiet=config.table)
            if study is not None:
                content = text.as_json(verdicts, seconds, _statements(verdicts))
                study.publish(content, lambda full: text.report(verdicts, full), name="proofs.json")
    finally:
        signal.signal(signal.SIGTERM, before)
    return int(any(verdict.outcome not in text.GOOD for verdict in verdicts))


def check(theorems: Sequence[Theorem], methods: Sequence[Method], *, quiet: bool) -> tuple[list[Verdict], float]:
    """Check and print; the verdicts and the seconds that they took. `quiet`: the table alone."""
    started = time.perf_counter()
    if Method.FORMAL in methods:
        print("compiling the proofs in Coq …", end=" ", flush=True, file=sys.stderr)
        try:
            print(f"{len(formal.build().errors)} files, {time.perf_counter() - started:.0f} s", file=sys.stderr)
        except NotRun:
            print("there is no coqc", file=sys.stderr)  # the parts say what is missing
    verdicts: list[Verdict] = []
    with tqdm(theorems, unit="statement", leave=False, disable=None) as bar:
        for theorem in bar:
            bar.set_description(f"{theorem.number} {theorem.name}")
            verdicts.append(theorem.check(methods))
            if not quiet:
                bar.write(text.block(verdicts[-1]) + "\n")
    print(text.table(verdicts))
    seconds = time.perf_counter() - started
    print("\n" + text.conclusion(verdicts, seconds))
    return verdicts, seconds


def _statements(verdicts: Sequence[Verdict]) -> dict[str, dict[str, object]]:
    """What Coq says of each theorem that proves a part or contradicts a false variant: the statement and the axioms."""
    found: dict[str, dict[str, object]] = {}
    for verdict in verdicts:
        good = {
            f.claim for f in verdict.parts + verdict.false_variants if f.outcome in (Outcome.PROVED, Outcome.REFUSED)
        }
        for item in verdict.theorem.parts + verdict.theorem.false_variants:
            if item.method is Method.FORMAL and item.claim in good:
                module, name = formal.theorem_of(item)
                found[f"{module}.{name}"] = {
                    "statement": formal.statement(module, name),
                    "axioms": sorted(formal.axioms(module, name)),
                }
    return found
