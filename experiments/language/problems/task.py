"""What a model is asked: problems, their tokens, and which of them it trains on.

Data flows: folder, download or generator → problems → token ids → a fixed random selection of training and test
prompts → arrays on the device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Integer

from experiments.language.model.architecture import Parameters
from experiments.language.model.model import Batch, Model
from experiments.language.model.sample import Samples
from experiments.language.problems.answers import is_correct
from experiments.language.problems.encode import Encoded, describe, encode
from experiments.language.problems.questions import Questions
from experiments.language.problems.rows import Problem, Splits
from experiments.language.problems.tokens import Vocabulary, train_vocabulary


@dataclass(frozen=True, kw_only=True)
class Task:
    """Problems and their tokens: all that fit, and the selection."""

    mode: str
    vocabulary: Vocabulary
    problems: tuple[Problem, ...]
    """The chosen training problems."""
    train: Batch
    """The chosen training prompts with the right response of each."""
    test: Batch
    test_problems: tuple[Problem, ...]
    longest: int
    """R."""
    digest: str
    """Of the problems, their tokens and the selection."""
    notes: list[str] = field(default_factory=list)
    """What was read and what was left out, in words."""

    def with_states(self, model: Model, parameters: Parameters) -> Task:
        """The task with what the model's frozen layers make of its prompts, so that no step computes that again."""
        keep = jax.jit(Model.keep_states)
        return replace(self, train=keep(model, parameters, self.train), test=keep(model, parameters, self.test))

    def rewards(self, problems: Sequence[Problem], samples: Samples) -> Float[np.ndarray, "P G"]:
        """1 where a response to problems[i] ended and is right, else 0."""
        responses, ended = np.asarray(samples.responses), np.asarray(samples.ended)
        right = np.zeros(ended.shape, np.float32)
        for i, problem in enumerate(problems):
            for j in np.flatnonzero(ended[i]):
                right[i, j] = is_correct(self.vocabulary.decode(responses[i, j]), problem, self.mode)
        return right


def make_task(
    questions: Questions,
    splits: Splits,
    *,
    seed: int,
    vocabulary: Vocabulary | None = None,
    place: int = 0,
) -> Task:
    """Encode the problems and choose prompts.

    Arguments:
        seed: of the choice.
        vocabulary: a checkpoint's; trained on the training questions where None.
        place: the prompts of another place share no question with these, as all are cut from one shuffle.

    Raises:
        ValueError: fewer prompts fit than are asked for.
    """
    q = questions
    if vocabulary is None:
        texts = [f"{p.question}\n{p.begun}" if p.begun else p.question for p in splits.train]
        texts += [p.solution for p in splits.train] if q.mode == "text" else []
        vocabulary = train_vocabulary(texts, size=q.vocabulary_size, mode=q.mode)
    notes, encoded, problems = [splits.source], {}, {}
    if sum(splits.dropped.values()):
        notes.append(f"rows: {describe(splits.dropped)}")
    for name, rows in (("train", splits.train), ("test", splits.test)):
        dropped: dict[str, int] = {}
        all_of = encode(
            rows, vocabulary, q.mode, prompt_length=q.prompt_length, response_length=q.longest, dropped=dropped
        )
        number = len(all_of.index)
        wanted = q.num_prompts if name == "train" else min(q.num_test, number)
        if wanted * (place + 1) > number:
            flag = "--num-prompts" if name == "train" else "--num-test"
            split = "training" if name == "train" else name
            sets = f" in {place + 1} disjoint sets" if place else ""
            most = number // (place + 1)
            raise ValueError(f"{flag} is {wanted}{sets}; allowed: at most {most}, as {number} {split} problems fit")
        chosen = np.random.default_rng(seed).permutation(number)[place * wanted : (place + 1) * wanted]
        encoded[name] = _batch(all_of, chosen)
        problems[name] = tuple(rows[i] for i in all_of.index[chosen])
        notes.append(f"{name}: {wanted:,} of {number:,} that fit, {len(rows):,} read; {describe(dropped)}")
    content = [splits.digest(), vocabulary.digest, *(problem.question for problem in problems["train"])]
    return Task(
        mode=q.mode,
        vocabulary=vocabulary,
        problems=problems["train"],
        train=encoded["train"],
        test=encoded["test"],
        test_problems=problems["test"],
        longest=q.longest,
        digest=hashlib.sha256("\n".join(content).encode()).hexdigest()[:16],
        notes=notes,
    )


def _batch(encoded: Encoded, rows: Integer[np.ndarray, " P"]) -> Batch:
    return Batch(
        jnp.asarray(encoded.prompts[rows]),
        jnp.asarray(encoded.lengths[rows]),
        jnp.asarray(encoded.responses[rows])[:, None],
        jnp.asarray(encoded.response_lengths[rows])[:, None],
    )
