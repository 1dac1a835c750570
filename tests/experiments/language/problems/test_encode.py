"""Problems as arrays: whole, or left out for a reason that can be seen from outside; nothing is ever cut."""

import numpy as np
import pytest

from experiments.language.problems.encode import describe, encode, target
from experiments.language.problems.generator import generate
from experiments.language.problems.rows import SYMBOLS, Problem
from experiments.language.problems.tokens import train_vocabulary

SPLITS = generate(400, 50)
QUESTIONS = [problem.question for problem in SPLITS.train]
VOCABULARY = train_vocabulary(QUESTIONS, size=600, mode="equations")
ANSWERS = train_vocabulary(QUESTIONS, size=600, mode="answer")
TEXTS = train_vocabulary([*QUESTIONS, *(p.solution for p in SPLITS.train)], size=600, mode="text")
MIXED = (
    *SPLITS.train[:60],
    Problem(question="No steps?", answer="5", equations=None, solution="It is five.\n#### 5"),
    Problem(question="Another end?", answer="5", equations=None, solution="<<1+1=2>>\n#### 5"),
    Problem(question="Half?", answer=r"\frac{1}{2}", equations=None, solution=r"\boxed{\frac{1}{2}}", kind="math"),
)
VOCABULARIES = {"answer": ANSWERS, "equations": VOCABULARY, "text": TEXTS}


@pytest.mark.parametrize(("mode", "S", "R"), [("answer", 60, 5), ("equations", 60, 30), ("text", 70, 120)])
def test_encode_keeps_what_fits_whole_and_counts_the_rest(mode, S, R):
    vocabulary = VOCABULARIES[mode]
    dropped = {"before": 7}
    found = encode(MIXED, vocabulary, mode, prompt_length=S, response_length=R, dropped=dropped)
    N = len(found.index)
    assert (found.prompts.shape, found.responses.shape) == ((N, S), (N, R))
    arrays = (found.prompts, found.lengths, found.responses, found.response_lengths, found.index)
    assert all(array.dtype == np.int32 for array in arrays)
    assert 0 < N < len(MIXED)
    assert dropped.pop("before") == 7
    assert sum(dropped.values()) == len(MIXED) - N
    for row, number in enumerate(found.index):
        problem = MIXED[number]
        prompt, length = found.prompts[row], found.lengths[row]
        assert vocabulary.decode(prompt[:length]) == problem.question
        assert (prompt[length:] == vocabulary.pad_id).all()
        response, length = found.responses[row], found.response_lengths[row]
        assert response[length - 1] == vocabulary.end_id
        assert (response[length:] == vocabulary.pad_id).all()
        want = {"answer": problem.answer, "equations": problem.equations, "text": problem.solution}[mode]
        assert vocabulary.decode(response) == want
    left = sorted(set(range(len(MIXED))) - set(found.index.tolist()))
    for number in left:  # each was left out for a reason that can be seen from outside
        text = target(MIXED[number], mode)[0]
        too_long = len(vocabulary.prompt(MIXED[number].question)) > S
        odd = text is None or (mode != "text" and not set(text) <= set(SYMBOLS))
        assert odd or too_long or len(vocabulary.response(text or "")) > R


def test_encode_names_its_reasons():
    dropped = {}
    chosen = [MIXED[0], *MIXED[60:]]
    encode(chosen, VOCABULARY, "equations", prompt_length=100, response_length=100, dropped=dropped)
    assert dropped == {"no annotations": 2, "last equation is not the answer": 1}
    encode(chosen, ANSWERS, "answer", prompt_length=100, response_length=10, dropped=dropped)
    assert dropped["other symbols in the answer"] == 1
    long = Problem(question="word " * 90, answer="123456", equations=None, solution="#### 123456")
    encode([*chosen, long], ANSWERS, "answer", prompt_length=80, response_length=10, dropped=dropped)
    assert dropped["prompt longer than 80 tokens"] == 1
    encode([*chosen, long], ANSWERS, "answer", prompt_length=100 * 5, response_length=6, dropped=dropped)
    assert dropped["response longer than 6 tokens"] == 1


def test_encode_at_the_very_length():
    problem = Problem(question="How many?", answer="1234", equations=None, solution="#### 1234")
    S = len(ANSWERS.prompt(problem.question))
    found = encode([problem], ANSWERS, "answer", prompt_length=S, response_length=5, dropped={})
    assert (found.lengths.tolist(), found.response_lengths.tolist()) == ([S], [5])
    for lengths in ((S - 1, 5), (S, 4)):
        dropped = {}
        with pytest.raises(ValueError, match=r"problems has none of 1 that fits \(1 left out: 1 .* tokens\); allowed"):
            encode([problem], ANSWERS, "answer", prompt_length=lengths[0], response_length=lengths[1], dropped=dropped)
        assert sum(dropped.values()) == 1


def test_describe():
    assert describe({}) == describe({"x": 0}) == "none left out"
    assert describe({"b": 3, "a": 3, "c": 1200, "d": 0}) == "1,206 left out: 1,200 c, 3 a, 3 b"


def small(*, mode: str = "answer", **lengths):
    return encode(MIXED, ANSWERS, mode, **({"prompt_length": 9, "response_length": 9, "dropped": {}} | lengths))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: target(MIXED[0], "x"), "mode is 'x'; allowed: answer, step, equations, text"),
        (lambda: small(mode="text"), "mode is 'text'; allowed: the vocabulary's, 'answer'"),
        (lambda: small(prompt_length=0), "prompt_length is 0; allowed: an integer of at least 1"),
        (lambda: small(response_length=0), "response_length is 0; allowed: an integer of at least 1"),
    ],
)
def test_bad_input_is_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()
