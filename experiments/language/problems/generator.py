r"""Word problems in GSM8K's format for users without data: `stories.py` filled with names, things and numbers.

    question, steps, numbers  →  "… 48/2 = <<48/2=24>>24 clips …\n#### 72"

Numbers are drawn until every step comes out as the story allows (whole, or with two places; above 1, unless the story
is about signs), in exact fractions. Train and test come from the same stories with different questions, so a gap
between them measures memory, not a new kind of problem. Independent checks: in
tests/experiments/language/problems/test_generator.py.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import TypeVar

from curvature.ranges import check_count
from experiments.language.problems.answers import digits
from experiments.language.problems.rows import Problem, Splits, from_rows
from experiments.language.problems.stories import MEN, STORIES, THINGS, WOMEN, Story

_T = TypeVar("_T")

TRIES = 1000
"""Draws of a story's numbers; every story's share of allowed draws is far above 1/TRIES."""

_OPERATIONS = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}


class _Draw:
    """Choices from `random.random` alone, whose sequence Python guarantees across versions."""

    def __init__(self, seed: int):
        self._random = random.Random(seed)

    def below(self, number: int) -> int:
        return int(self._random.random() * number)

    def one(self, items: Sequence[_T]) -> _T:
        return items[self.below(len(items))]


def evaluate(expression: str) -> Fraction:
    """The exact value of + − * / on decimal numbers.

    >>> evaluate("200*15/100")
    Fraction(30, 1)
    """

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.BinOp):
            return _OPERATIONS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.UnaryOp):
            return -value(node.operand)
        return Fraction(ast.get_source_segment(expression, node) or "")

    return value(ast.parse(expression, mode="eval").body)


def generate(num_train: int = 4000, num_test: int = 500, *, seed: int = 0) -> Splits:
    """Problems without a repeated question, the same for the same arguments on every machine.

    Arguments:
        num_train, num_test: how many, at least 1 each.
        seed: of the draws, at least 0.

    Raises:
        ValueError: a count or seed out of range, or more problems than the stories have.
    """
    check_count("num_train", num_train, 1)
    check_count("num_test", num_test, 1)
    check_count("seed", seed, 0)
    draw, seen, rows = _Draw(seed), set[str](), list[dict[str, str]]()
    misses = 0
    while len(rows) < num_train + num_test:
        question, answer = fill(draw.one(STORIES), draw)
        if question in seen:
            misses += 1
            if misses > TRIES:
                raise ValueError(f"num_train + num_test is {num_train + num_test}; allowed: about {len(rows)}")
            continue
        misses = 0
        seen.add(question)
        rows.append({"question": question, "answer": answer})
    places = [(f"generated row {number}", row) for number, row in enumerate(rows)]
    return from_rows(places[:num_train], places[num_train:], f"embedded generator, seed {seed}")


def fill(story: Story, draw: _Draw) -> tuple[str, str]:
    """A question and its solution."""
    woman = draw.below(2) == 0
    first = draw.one(WOMEN if woman else MEN)
    words = {"A": first, "B": draw.one([name for name in WOMEN + MEN if name != first])}
    pronouns = ("she", "her", "her") if woman else ("he", "him", "his")
    words |= dict(zip(("he", "him", "his"), pronouns, strict=True))
    words |= {"He": pronouns[0].capitalize(), "His": pronouns[2].capitalize()}
    words |= {name: draw.one(items) for name, items in THINGS.items()}
    spaced = draw.below(2) == 0
    numbers, values = _numbers(story, draw)
    words |= {name: _prose(number) for name, number in numbers.items()}
    lines = []
    for (expression, sentence), result in zip(story.steps, values, strict=True):
        plain = _written(expression, numbers)
        shown = re.sub(r"(?<=[0-9)])([-+*/])", r" \1 ", plain) if spaced else plain
        numbers[f"r{len(lines) + 1}"] = result
        dollar = "$" if "${}" in sentence else ""
        step = f"{shown} = {dollar}<<{plain}={digits(result)}>>{_prose(result)}"
        before, after = sentence.replace("${}", "{}").split("{}")
        line = before.format_map(words) + step + after.format_map(words)
        lines.append(line[:1].upper() + line[1:])
    question = " ".join(_chosen(story.question, draw).format_map(words).split()).replace(" ?", "?").replace(" .", ".")
    return question, "\n".join([*lines, f"#### {digits(values[-1])}"])


def _chosen(text: str, draw: _Draw) -> str:
    """The text with one of the words of every [a|b]."""
    return re.sub(r"\[([^\]]*)\]", lambda found: draw.one(found[1].split("|")), text)


def _numbers(story: Story, draw: _Draw) -> tuple[dict[str, Fraction], list[Fraction]]:
    """Numbers of a story and the results of its steps, all as the story allows."""
    places = 100 if story.decimals else 1
    for _ in range(TRIES):
        numbers: dict[str, Fraction] = {}
        for item in story.numbers.split():
            name, low, high, spacing = re.fullmatch(r"(\w)=([\d.]+?)\.\.([\d.]+?)(?:/([\d.]+))?", item).groups()  # pyright: ignore[reportOptionalMemberAccess]
            step = Fraction(spacing or 1)
            numbers[name] = Fraction(low) + draw.below(int((Fraction(high) - Fraction(low)) / step) + 1) * step
        known, values = dict(numbers), list[Fraction]()
        for expression, _ in story.steps:
            result = evaluate(_written(expression, known))
            if (result * places).denominator != 1 or (abs(result) if story.signed else result) <= 1:
                break
            known[f"r{len(values) + 1}"] = result
            values.append(result)
        else:
            return numbers, values
    raise ValueError(f"numbers is {story.numbers!r}; allowed: ranges of which more than 1 in {TRIES} draws can be used")


def _written(expression: str, numbers: dict[str, Fraction]) -> str:
    return re.sub(r"[a-z]\d?", lambda found: digits(numbers[found[0]]), expression)


def _prose(number: Fraction) -> str:
    """As in a text: thousands with a comma."""
    whole, point, places = digits(number).partition(".")
    return f"{int(whole):,}{point}{places}" if abs(number) >= 1000 else whole + point + places


__all__ = ["Problem", "Splits", "evaluate", "fill", "generate"]
