"""The embedded problems: arithmetic by Python's own evaluation of fractions, texts, reproducibility, spread."""

import re
from collections import Counter
from fractions import Fraction

import pytest

from experiments.language.problems.generator import _Draw, evaluate, fill, generate
from experiments.language.problems.stories import MEN, STORIES, THINGS, WOMEN, Story

SPLITS = generate(num_train=1500, num_test=200)
PROBLEMS = (*SPLITS.train, *SPLITS.test)


def independent(expression: str) -> Fraction:
    """Numbers become fractions by text, Python evaluates: shares nothing with `evaluate`."""
    return eval(re.sub(r"\d+(?:\.\d+)?", lambda found: f"Fraction('{found[0]}')", expression))


def test_every_annotation_is_right_and_its_result_is_what_the_text_says():
    for problem in PROBLEMS:
        found = re.findall(r"([^\s=][^=]*?) = \$?<<([^=>]+)=([^=>]+)>>([-\d.,]*\d)", problem.solution)
        assert len(found) == problem.solution.count("<<") == problem.solution.count("\n")
        for shown, expression, result, prose in found:
            assert independent(expression) == Fraction(result), problem.solution
            assert shown.replace(" ", "").endswith(expression)
            assert Fraction(prose.replace(",", "")) == Fraction(result)
        assert Fraction(problem.answer) == Fraction(found[-1][2])


def test_a_wrong_annotation_would_be_seen():
    assert independent("48/2") != Fraction("25")
    assert independent("0.1+0.2") == Fraction("0.3")  # floats would say no
    assert independent("-5+3*2") == 1


def test_every_number_of_the_first_step_is_in_the_question():
    """The steps start from what is asked, not from hidden numbers (factors of 2, 60 and 100 are in words)."""
    for problem in PROBLEMS:
        given = {number.replace(",", "") for number in re.findall(r"\d[\d,]*(?:\.\d+)?", problem.question)}
        results = set()
        for expression, result in re.findall(r"<<([^=>]+)=([^=>]+)>>", problem.solution):
            numbers = set(re.findall(r"\d+(?:\.\d+)?", expression))
            assert numbers <= given | results | {"2", "60", "100"}, problem
            results.add(result.lstrip("-"))


def test_no_question_twice_and_nothing_left_out():
    assert len({problem.question for problem in PROBLEMS}) == len(PROBLEMS) == 1700
    assert (len(SPLITS.train), len(SPLITS.test), SPLITS.dropped) == (1500, 200, {})
    assert all(problem.equations for problem in PROBLEMS)
    assert SPLITS.source == "embedded generator, seed 0"


def test_texts_are_filled_in():
    for problem in PROBLEMS:
        for text in (problem.question, problem.solution):
            assert not re.search(r"[{}\[\]|_]|\br\d|  | [?.,]", text), text
            assert text[0].isupper() or text[0].isdigit() or text[0] == "-", text
        assert problem.question.endswith("?")
        assert re.search(r"\n#### -?\d+(\.\d+)?$", problem.solution)


def test_the_spread_of_steps_digits_and_signs():
    steps = Counter(problem.solution.count("<<") for problem in PROBLEMS)
    digits = Counter(len(problem.answer.lstrip("-").split(".")[0]) for problem in PROBLEMS)
    assert set(steps) == {1, 2, 3, 4, 5}
    assert min(steps.values()) > 100
    assert {1, 2, 3, 4, 5} <= set(digits)
    assert min(digits[n] for n in range(1, 6)) > 50
    assert 30 < sum("." in problem.answer for problem in PROBLEMS) < 300
    assert 30 < sum("-" in problem.answer for problem in PROBLEMS) < 200


def test_the_same_arguments_give_the_same_problems_and_another_seed_others():
    first = generate(40, 10, seed=3)
    assert first == generate(40, 10, seed=3)
    other = generate(40, 10, seed=4)
    assert first.digest() != other.digest()
    assert len({p.question for p in first.train} & {p.question for p in other.train}) < 5


def test_the_draws_are_those_of_this_release():
    """Runs are named by the problems' digest: a change of the stories must be seen, and then written here."""
    assert generate(20, 5).digest() == "046c94e82edc3ee2116bec1434e6626aa3fa2d4bb4d036ba1b717806ce95c5ac"


@pytest.mark.parametrize("story", STORIES, ids=range(len(STORIES)))
def test_every_story_has_many_problems_and_keeps_its_promises(story):
    draw = _Draw(0)
    found = [fill(story, draw) for _ in range(30)]
    assert len({question for question, _ in found}) >= 20
    results = [Fraction(r) for _, solution in found for r in re.findall(r"=([^=>]+)>>", solution)]
    assert all((result * (100 if story.decimals else 1)).denominator == 1 for result in results)
    assert all(abs(result) > 1 and (result > 0 or story.signed) for result in results)


def test_names_and_things_are_distinct():
    assert len(set(WOMEN + MEN)) == len(WOMEN) + len(MEN) == 50
    assert all(len(set(items)) == len(items) >= 7 for items in THINGS.values())


def test_a_story_that_nothing_fits_is_named():
    with pytest.raises(ValueError, match=r"numbers is 'a=3..3'; allowed: ranges of which more than 1 in 1000 draws"):
        fill(Story("Half of {a}?", "a=3..3", (("a/2", "It is {}."),)), _Draw(0))


@pytest.mark.parametrize(
    ("expression", "value"),
    [("2+3*4", 14), ("(2+3)*4", 20), ("-5+3", -2), ("1/4", Fraction(1, 4)), ("0.1+0.2", Fraction(3, 10))],
)
def test_evaluate(expression, value):
    assert evaluate(expression) == value


def test_more_than_there_is_is_refused(monkeypatch):
    only = (Story("Twice {a}?", "a=2..4", (("a*2", "It is {}."),)),)
    monkeypatch.setattr("experiments.language.problems.generator.STORIES", only)
    assert len(generate(2, 1).train) == 2
    with pytest.raises(ValueError, match=r"num_train \+ num_test is 5; allowed: about 3"):
        generate(4, 1)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"num_train": 0}, "num_train is 0; allowed: an integer of at least 1"),
        ({"num_test": 0}, "num_test is 0; allowed: an integer of at least 1"),
        ({"seed": -1}, "seed is -1; allowed: an integer of at least 0"),
    ],
)
def test_bad_input_is_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        generate(**arguments)
