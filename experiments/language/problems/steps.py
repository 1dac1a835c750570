r"""Mode `step`: one calculator step of a published solution, asked with everything that stands before its result.

    question … half of that is <<48/2=        →        24>>

The response is the published result and the mark that closes the annotation, the end of this mode. One string is
right, so that p = π(24>>|prompt) is exact as in mode `answer`, but nothing has to be learnt by heart: a pretrained
model has seen arithmetic, and held-out questions can improve with the others. Independent checks:
tests/experiments/language/problems/test_steps.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

from experiments.language.problems.answers import canonical
from experiments.language.problems.rows import Problem, Splits

CLOSE = ">>"
"""What ends a calculator annotation, and a response in this mode."""

_ANNOTATION = re.compile(r"<<([^<>]*)=([^<>=]*)>>")


def steps_of(problem: Problem) -> tuple[list[Problem], str]:
    """Every step of a solution as a problem, and "", or [] and why there is none.

    A step counts where its result is written as `canonical` writes it: then one string alone is right.

    >>> made = Problem(question="?", answer="72", equations=None, solution="half is <<48/2=24>>24, <<48+24=72>>72")
    >>> [(step.begun, step.answer) for step in steps_of(made)[0]]
    [('half is <<48/2=', '24'), ('half is <<48/2=24>>24, <<48+24=', '72')]
    """
    found = list(_ANNOTATION.finditer(problem.solution))
    if not found:
        return [], "no annotations"
    kept = [
        replace(problem, begun=problem.solution[: step.start(2)], answer=step[2], equations=None)
        for step in found
        if canonical(step[2]) == step[2] and "/" not in step[2]
    ]
    return kept, "" if kept else "no result in plain figures"


def one_step(problem: Problem) -> Problem | str:
    """One of the steps, drawn by the hash of the question: the same in every run. Or why there is none."""
    steps, reason = steps_of(problem)
    if not steps:
        return reason
    return steps[int.from_bytes(hashlib.sha256(problem.question.encode()).digest()[:8], "big") % len(steps)]


def step_splits(splits: Splits) -> Splits:
    """One step of each question. Splits stay splits of questions: none is on both sides.

    Raises:
        ValueError: a split without one usable step.
    """
    dropped, kept = dict(splits.dropped), {}
    for split, problems in (("train", splits.train), ("test", splits.test)):
        kept[split], reasons = _chosen(problems)
        if not kept[split]:
            raise ValueError(
                f"{splits.source} has no {split} problem with a calculator step; allowed: at least one <<a+b=c>>"
            )
        dropped |= {f"{split}: {reason}": count for reason, count in reasons.items()}
    return Splits(train=kept["train"], test=kept["test"], dropped=dropped, source=splits.source)


def _chosen(problems: Sequence[Problem]) -> tuple[tuple[Problem, ...], dict[str, int]]:
    kept, reasons = [], {}
    for problem in problems:
        step = one_step(problem)
        if isinstance(step, str):
            reasons[step] = reasons.get(step, 0) + 1
        else:
            kept.append(step)
    return tuple(kept), reasons
