"""Mode `step`: what is asked and what is right, by hand and over the generator; tokens in tests of the tokenizer."""

import re

import numpy as np
import pytest

from experiments.language.problems.answers import is_correct, is_exact
from experiments.language.problems.encode import encode
from experiments.language.problems.generator import generate
from experiments.language.problems.questions import Questions
from experiments.language.problems.rows import Problem, Splits
from experiments.language.problems.steps import one_step, step_splits, steps_of
from experiments.language.problems.task import make_task
from experiments.language.problems.tokens import pretrained_vocabulary, train_vocabulary
from tests.experiments.language.pretrained import write_tokenizer

SPLITS = generate(60, 30)


def problem(solution: str, question: str = "How many?") -> Problem:
    return Problem(question=question, answer="0", equations=None, solution=solution)


@pytest.mark.parametrize(
    ("solution", "expected"),
    [
        ("<<48/2=24>>24, all <<48+24=72>>72", [("<<48/2=", "24"), ("<<48/2=24>>24, all <<48+24=", "72")]),
        ("<<1=1=1>>", [("<<1=1=", "1")]),  # the last = decides
        ("<<.5*2=1.0>> <<1/2=.5>> <<1*2=2,000>> <<3-5=-2>>", [("<<.5*2=1.0>> <<1/2=.5>> <<1*2=2,000>> <<3-5=", "-2")]),
        ("<<1/3=1/3>> <<2*3=>> <<x=2x>>", []),
        ("<<1+1=2>> <<1+ 1= 2>>", [("<<1+1=", "2")]),
        ("<1+1=2>> <<1+1 2>>", []),
    ],
)  # fmt: skip
def test_steps_are_those_whose_result_has_one_spelling(solution: str, expected: list) -> None:
    steps, reason = steps_of(problem(solution))
    assert [(step.begun, step.answer) for step in steps] == expected
    assert (reason == "") is bool(expected)
    for step in steps:
        assert solution.startswith(step.begun + step.answer + ">>")


def test_the_step_is_the_question_s_own_and_all_are_drawn() -> None:
    three = "<<1+1=2>> <<2+1=3>> <<3+1=4>>"
    drawn = []
    for i in range(300):
        step = one_step(problem(three, question=f"{i}?"))
        assert isinstance(step, Problem)
        assert step == one_step(problem(three, question=f"{i}?"))
        drawn.append(step.answer)
    counts = [drawn.count(answer) for answer in "234"]
    assert min(counts) > 100 - 4 * np.sqrt(300 * 2 / 9)  # four standard deviations


def test_splits_keep_one_step_a_question_and_count_the_rest() -> None:
    without = problem("no step #### 3", "a?"), problem("<<1/3=1/3>> #### 1", "b?")
    splits = Splits(
        train=(*SPLITS.train, *without), test=SPLITS.test, dropped={"train: no final answer": 2}, source="x"
    )
    found = step_splits(splits)
    assert found.dropped == {"train: no final answer": 2, "train: no annotations": 1,
                             "train: no result in plain figures": 1}  # fmt: skip
    assert [p.question for p in found.train] == [p.question for p in SPLITS.train]
    assert not {p.question for p in found.train} & {p.question for p in found.test}
    with pytest.raises(ValueError, match="no test problem with a calculator step"):
        step_splits(Splits(train=SPLITS.train, test=without, dropped={}, source="x"))


def test_one_string_is_right() -> None:
    (step,) = step_splits(Splits(train=SPLITS.train[:1], test=SPLITS.test[:1], dropped={}, source="x")).train
    assert is_exact("step")
    assert is_correct(step.answer, step, "step")
    for wrong in (f"{step.answer}.0", f" {step.answer}", f"0{step.answer}", f"{step.answer}>>", ""):
        assert not is_correct(wrong, step, "step")


def test_a_pretrained_prompt_ends_with_the_sign_and_the_response_with_the_mark(tmp_path) -> None:
    vocabulary = pretrained_vocabulary(write_tokenizer(tmp_path), mode="step")
    ids = vocabulary.tokenizer.encode
    assert vocabulary.end_ids == tuple(ids(">>").ids)
    assert [vocabulary.separator_id] == ids("=").ids
    for step in step_splits(SPLITS).train[:20]:
        prompt, response = vocabulary.prompt(step.question, step.begun), vocabulary.response(step.answer)
        text = f"Question: {step.question}\nAnswer: {step.begun}{step.answer}>>"
        assert [*prompt, vocabulary.separator_id, *response] == ids(text).ids  # GSM8K's own text, no token more
        assert vocabulary.decode(response) == step.answer
        assert vocabulary.decode([*response[:-1], *ids("7").ids, response[-1]]) == step.answer + "7"


def test_a_sign_that_merges_with_what_precedes_it_is_left_out(tmp_path) -> None:
    vocabulary = pretrained_vocabulary(write_tokenizer(tmp_path), mode="step")
    merged = one_step(problem("<<(1+1)=2>>"))
    kept = one_step(problem("<<1+1=2>>", "what?"))
    assert isinstance(merged, Problem)
    assert isinstance(kept, Problem)
    assert vocabulary.tokenizer.encode("1)=").ids[-1] != vocabulary.separator_id
    dropped: dict[str, int] = {}
    found = encode([merged, kept], vocabulary, "step", prompt_length=64, response_length=4, dropped=dropped)
    assert dropped == {"prompt that merges with what follows it": 1}
    assert found.index.tolist() == [1]


def test_a_tokenizer_without_the_mark_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="has no token '>>'; allowed with mode 'step'"):
        pretrained_vocabulary(write_tokenizer(tmp_path, close=False), mode="step")


def test_a_vocabulary_made_here_serves_the_mode() -> None:
    splits = step_splits(SPLITS)
    texts = [f"{p.question}\n{p.begun}" for p in splits.train]
    vocabulary = train_vocabulary(texts, size=400, mode="step")
    task = make_task(Questions(mode="step", num_prompts=20, prompt_length=200), splits, seed=0, vocabulary=vocabulary)
    for i, step in enumerate(task.problems):
        length = int(task.train.lengths[i])
        shown = vocabulary.tokenizer.decode(np.asarray(task.train.prompts[i, :length]).tolist())
        assert shown == f"{step.question}\n{step.begun}"
        assert vocabulary.decode(np.asarray(task.train.responses[i, 0])) == step.answer
    assert all(re.fullmatch(r"-?\d+(\.\d+)?", step.answer) for step in task.problems)
