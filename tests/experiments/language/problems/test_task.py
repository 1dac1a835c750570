"""Selections counted and repeated; what is refused; what a reward asks."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.language.model.sample import Samples
from experiments.language.problems.generator import generate
from experiments.language.problems.questions import RESPONSE_LENGTH, Questions
from experiments.language.problems.rows import Splits
from experiments.language.problems.task import make_task
from experiments.language.problems.tokens import Vocabulary

SPLITS = generate(60, 20)
Q = Questions(num_prompts=12, num_test=8, prompt_length=200, vocabulary_size=300)


@pytest.fixture(scope="module")
def task():
    return make_task(Q, SPLITS, seed=0)


def again(task, questions=Q, splits=SPLITS, seed=0):
    return make_task(questions, splits, seed=seed, vocabulary=task.vocabulary)


def test_counts_and_shapes(task):
    assert (len(task.train), len(task.problems), len(task.test), len(task.test_problems)) == (12, 12, 8, 8)
    assert task.train.prompts.shape == (12, 200)
    assert task.train.responses.shape == (12, 1, RESPONSE_LENGTH["answer"]) == (12, 1, task.longest)
    assert task.train.response_lengths.shape == (12, 1)
    assert task.mode == "answer"
    assert SPLITS.source in task.notes
    assert any("12 of" in note and "60 read" in note for note in task.notes)


@pytest.mark.parametrize("name", ["train", "test"])
def test_every_row_is_its_problem(task, name):
    batch, problems = (task.train, task.problems) if name == "train" else (task.test, task.test_problems)
    batch = jax.tree.map(np.asarray, batch)
    for i, problem in enumerate(problems):
        n, r = int(batch.lengths[i]), int(batch.response_lengths[i, 0])
        assert task.vocabulary.decode(batch.prompts[i, :n]) == problem.question
        assert task.vocabulary.decode(batch.responses[i, 0]) == problem.answer
        assert int(batch.responses[i, 0, r - 1]) == task.vocabulary.end_id
        assert (np.asarray(batch.responses[i, 0, r:]) == task.vocabulary.pad_id).all()
    assert len({p.question for p in problems}) == len(problems)
    assert {p.question for p in problems} <= {p.question for p in getattr(SPLITS, name)}


def test_the_selection_is_the_seed_s(task):
    same, other = again(task), again(task, seed=1)
    assert same.problems == task.problems
    assert same.digest == task.digest
    np.testing.assert_array_equal(same.train.prompts, task.train.prompts)
    assert other.problems != task.problems
    assert other.digest != task.digest


def test_the_tokenizer_is_the_same_each_time(task):
    assert make_task(Q, SPLITS, seed=0).digest == task.digest


def test_the_digest_knows_data_selection_and_tokenizer(task):
    first = SPLITS.train[0]
    changed = Splits(
        train=(replace(first, answer="1"), *SPLITS.train[1:]),
        test=SPLITS.test,
        dropped=SPLITS.dropped,
        source=SPLITS.source,
    )
    renamed = Splits(train=SPLITS.train, test=SPLITS.test, dropped=SPLITS.dropped, source="another name")
    digests = {
        again(task, splits=changed).digest,
        again(task, replace(Q, num_prompts=11)).digest,
        make_task(replace(Q, vocabulary_size=310), SPLITS, seed=0).digest,
        task.digest,
    }
    assert len(digests) == 4
    assert again(task, splits=renamed).digest == task.digest


def test_what_does_not_fit_is_left_out_and_counted(task):
    lengths = [len(task.vocabulary.prompt(p.question)) for p in SPLITS.train]
    limit = int(np.median(lengths))
    fit = sum(n <= limit for n in lengths)
    short = again(task, replace(Q, prompt_length=limit, num_prompts=3))
    assert any(f"3 of {fit} that fit, 60 read; {60 - fit} left out" in note for note in short.notes)
    assert int(short.train.lengths.max()) <= limit
    all_of_them = again(task, replace(Q, prompt_length=limit, num_prompts=fit))
    assert len(all_of_them.problems) == fit
    with pytest.raises(
        ValueError, match=f"--num-prompts is {fit + 1}; allowed: at most {fit}, as {fit} training problems fit"
    ):
        again(task, replace(Q, prompt_length=limit, num_prompts=fit + 1))


def test_more_test_prompts_than_there_are_means_all(task):
    assert len(again(task, replace(Q, num_test=1_000)).test) == 20


def samples(rows, ended):
    shape = np.asarray(ended).shape
    return Samples(jnp.asarray(rows, jnp.int32), jnp.ones(shape, jnp.int32), jnp.asarray(ended), jnp.zeros(shape))


def test_rewards(task):
    """Right, right but not ended, another prompt's answer, the right answer with a digit more."""
    lengths = np.asarray(task.train.response_lengths)[:, 0]
    a = int(lengths.argmin())
    b = next(i for i, p in enumerate(task.problems) if p.answer != task.problems[a].answer)
    right, problems = np.asarray(task.train.responses)[[a, b], 0], [task.problems[a], task.problems[b]]
    longer, n = right[0].copy(), int(lengths[a])
    longer[n - 1], longer[n] = longer[0], task.vocabulary.end_id
    rows = [[right[0], right[0], right[1], longer], [right[1], right[1], right[0], right[1]]]
    found = task.rewards(problems, samples(rows, [[True, False, True, True], [True, False, True, False]]))
    assert found.tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert found.dtype == np.float32
    swapped = task.rewards(problems[::-1], samples(rows, np.ones((2, 4), bool)))
    assert swapped.tolist() == [[0, 0, 1, 0], [0, 0, 1, 0]]


def test_an_answer_ended_by_any_of_several_tokens_is_rewarded(task):
    v = task.vocabulary
    ends = (v.end_id, v.pad_id, v.separator_id)
    several = Vocabulary(v.tokenizer, mode=v.mode, trained=True, pad_id=v.pad_id, end_ids=ends)
    task = make_task(Q, SPLITS, seed=0, vocabulary=several)
    right, n = np.asarray(task.train.responses)[0, 0], int(task.train.response_lengths[0, 0])
    rows = np.stack([right] * 3)
    rows[:, n - 1] = ends
    assert right[n - 1] == ends[0]
    assert task.rewards(task.problems[:1], samples(rows[None], np.ones((1, 3), bool))).tolist() == [[1, 1, 1]]
    assert task.rewards(task.problems[:1], samples(rows[None], np.zeros((1, 3), bool))).tolist() == [[0, 0, 0]]


def test_equations_are_rewarded_by_their_answer():
    q = Questions(
        mode="equations", num_prompts=4, num_test=2, prompt_length=200, response_length=60, vocabulary_size=300
    )
    task = make_task(q, SPLITS, seed=0)
    assert task.longest == 60
    one = np.asarray(task.train.responses[:, :1])
    assert task.rewards(task.problems, samples(one, np.ones((4, 1), bool))).tolist() == [[1]] * 4
    answers = [[task.vocabulary.response("####" + p.answer + "1")] for p in task.problems]
    padded = [[ids + [task.vocabulary.pad_id] * (60 - len(ids)) for ids in row] for row in answers]
    assert task.rewards(task.problems, samples(padded, np.ones((4, 1), bool))).tolist() == [[0]] * 4


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"num_prompts": 0}, "--num-prompts is 0; allowed: an integer of at least 1"),
        ({"num_test": 0}, "--num-test is 0"),
        ({"prompt_length": 0}, "--prompt-length is 0"),
        ({"vocabulary_size": 0}, "--vocabulary-size is 0"),
        ({"response_length": 0}, "--response-length is 0"),
        ({"data": Path(), "download": True}, "--download is set and --data is .; allowed: one of them"),
    ],
)
def test_bad_questions_are_named(change, text):
    with pytest.raises(ValueError, match=text):
        replace(Q, **change)


def test_longest_responses_by_mode():
    assert [replace(Q, mode=m).longest for m in ("answer", "equations", "text")] == [6, 32, 256]
    assert replace(Q, response_length=9).longest == 9
