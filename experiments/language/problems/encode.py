"""Problems as arrays of token ids: what fits, whole; nothing is ever cut, what is too long is left out and counted.

Independent checks: tests/experiments/language/problems/test_encode.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from curvature.ranges import check_count
from experiments.language.problems.answers import check_mode, is_exact
from experiments.language.problems.rows import SYMBOLS, Problem, read_equations
from experiments.language.problems.tokens import Vocabulary


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Problems as arrays, one row each, padded on the right with `pad_id`."""

    prompts: Int32[np.ndarray, "N S"]
    lengths: Int32[np.ndarray, " N"]
    """Tokens of each prompt, without the separator, at least 1."""
    responses: Int32[np.ndarray, "N R"]
    """Each ends with `end_id`."""
    response_lengths: Int32[np.ndarray, " N"]
    """Tokens of each response, with the end."""
    index: Int32[np.ndarray, " N"]
    """Which of the problems given each row is."""


def target(problem: Problem, mode: str) -> tuple[str | None, str]:
    """The right response in a mode and "", or None and why there is none."""
    check_mode(mode)
    if mode == "equations":
        if problem.equations is None:
            return None, read_equations(problem.solution, problem.answer)[1]
        return problem.equations, ""
    return (problem.answer if is_exact(mode) else problem.solution), ""


def encode(
    problems: Sequence[Problem],
    vocabulary: Vocabulary,
    mode: str,
    *,
    prompt_length: int,
    response_length: int,
    dropped: dict[str, int],
) -> Encoded:
    """Problems as token ids; those that do not fit are left out and counted in `dropped`, under their reason.

    Arguments:
        problems: any number.
        vocabulary: made for the same mode.
        mode: one of `answers.MODES`.
        prompt_length: S ≥ 1, tokens without the separator.
        response_length: R ≥ 1, tokens with the end.
        dropped: counts are added to it.

    Raises:
        ValueError: another mode than the vocabulary's, lengths below 1, or no problem that fits.
    """
    check_mode(mode)
    if mode != vocabulary.mode:
        raise ValueError(f"mode is {mode!r}; allowed: the vocabulary's, {vocabulary.mode!r}")
    check_count("prompt_length", prompt_length, 1)
    check_count("response_length", response_length, 1)
    rows: list[tuple[int, list[int], list[int]]] = []
    reasons: dict[str, int] = {}
    for number, problem in enumerate(problems):
        text, reason = target(problem, mode)
        if text is not None and vocabulary.trained and mode != "text" and not set(text) <= set(SYMBOLS):
            reason = "other symbols in the answer"
        if text is not None and not reason:
            prompt, response = _prompt(problem, vocabulary), vocabulary.response(text)
            if prompt is None:
                reason = "prompt that merges with what follows it"
            elif len(prompt) > prompt_length:
                reason = f"prompt longer than {prompt_length} tokens"
            elif len(response) > response_length:
                reason = f"response longer than {response_length} tokens"
            else:
                rows.append((number, prompt, response))
        if reason:
            reasons[reason] = reasons.get(reason, 0) + 1
    for reason, count in reasons.items():
        dropped[reason] = dropped.get(reason, 0) + count
    if not rows:
        raise ValueError(f"problems has none of {len(problems)} that fits ({describe(reasons)}); allowed: at least one")
    index, prompts, responses = zip(*rows, strict=True)
    return Encoded(
        prompts=_padded(prompts, prompt_length, vocabulary.pad_id),
        lengths=np.array([len(ids) for ids in prompts], np.int32),
        responses=_padded(responses, response_length, vocabulary.pad_id),
        response_lengths=np.array([len(ids) for ids in responses], np.int32),
        index=np.array(index, np.int32),
    )


def _prompt(problem: Problem, vocabulary: Vocabulary) -> list[int] | None:
    """Its tokens, or None where they do not end with the separator."""
    try:
        return vocabulary.prompt(problem.question, problem.begun)
    except ValueError:
        return None


def describe(dropped: Mapping[str, int]) -> str:
    """What was left out, in one line.

    >>> describe({"no annotations": 95, "prompt longer than 64 tokens": 1200})
    '1,295 left out: 1,200 prompt longer than 64 tokens, 95 no annotations'
    """
    if not sum(dropped.values()):
        return "none left out"
    ordered = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    return f"{sum(dropped.values()):,} left out: " + ", ".join(
        f"{count:,} {reason}" for reason, count in ordered if count
    )


def _padded(rows: Sequence[list[int]], width: int, pad_id: int) -> Int32[np.ndarray, "N W"]:
    array = np.full((len(rows), width), pad_id, np.int32)
    for row, ids in zip(array, rows, strict=True):
        row[: len(ids)] = ids
    return array
