"""One theorem after the other: check, print, and at the end the table; a report where a folder is given."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Sequence

from tqdm import tqdm

from experiments import store
from experiments.prove import text
from experiments.prove.config import Prove
from proofs import formal
from proofs.theorem import Method, NotRun, Outcome, Theorem, Verdict
from proofs.theorems import THEOREMS


def prepare(config: Prove) -> Callable[[], int]:
    """Choose the theorems and make the folder; what is returned checks them and gives the exit status.

    Raises:
        ValueError: a folder that cannot be written to; statements none of which a chosen method checks.
    """
    methods = tuple(Method(name) for name in config.methods)
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
    if config.out is not None:
        store.writable_folder(config.out)

    def run() -> int:
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the folder in which Coq compiles is removed
        try:
            return prove(config, theorems, methods)
        finally:
            signal.signal(signal.SIGTERM, before)

    return run


def prove(config: Prove, theorems: Sequence[Theorem], methods: Sequence[Method]) -> int:
    """Check, print, write; 0 if everything that was asked for was proved, else 1.

    Raises:
        OSError: the report cannot be written.
    """
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
            if not config.table:
                bar.write(text.block(verdicts[-1]) + "\n")
    print(text.table(verdicts))
    seconds = time.perf_counter() - started
    print("\n" + text.conclusion(verdicts, seconds))
    if config.out is not None:
        content = text.as_json(verdicts, seconds, _statements(verdicts))
        store.write_bytes(
            config.out / "proofs.json", (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
        )
        store.write_bytes(config.out / "report.html", text.report(verdicts, content))
        print(f"report: {config.out / 'report.html'}")
    return int(any(verdict.outcome not in text.GOOD for verdict in verdicts))


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
