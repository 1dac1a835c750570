"""What a model is asked: problems, their tokens, and which of them it trains on.

Data flows: folder, download or generator → problems → token ids → a fixed random selection of training and test
prompts → arrays on the device (split over devices where there are several).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int

from curvature.check import check_count
from experiments.language.learning.objective import Batch
from experiments.language.model.sample import Samples
from experiments.language.problems.answers import is_correct
from experiments.language.problems.generator import generate
from experiments.language.problems.rows import Problem, Splits, download, read_folder
from experiments.language.problems.tokens import Encoded, Vocabulary, describe, encode, train_vocabulary

T = TypeVar("T")
RESPONSE_LENGTH = {"answer": 6, "equations": 32, "text": 256}


@dataclass(frozen=True)
class Questions:
    """Which problems, and how they are asked."""

    data: Path | None = None
    """Folder with train.jsonl and test.jsonl in GSM8K's or MATH's format. Default: an embedded generator of word
    problems."""
    download: bool = False
    """Take openai/gsm8k from the Hugging Face hub (needs the extra `hub` and a network)."""
    mode: Literal["answer", "equations", "text"] = "answer"
    """The response: the final answer alone, the calculator steps, or the full solution."""
    num_prompts: int = 96
    """Training prompts, chosen at random among those that fit."""
    num_test: int = 256
    """Test prompts at most."""
    prompt_length: int = 48
    """Longest prompt, tokens; longer ones are left out and counted."""
    response_length: int | None = None
    """Longest response with its end, tokens. Default: 6 (answer), 32 (equations), 256 (text)."""
    vocabulary_size: int = 2048
    """Of a tokenizer trained on the questions; a checkpoint brings its own."""

    def __post_init__(self) -> None:
        if self.data is not None and self.download:
            raise ValueError(f"--download is set and --data is {self.data}; allowed: one of them")
        for name in ("num_prompts", "num_test", "prompt_length", "vocabulary_size"):
            check_count(f"--{name.replace('_', '-')}", getattr(self, name), 1)
        if self.response_length is not None:
            check_count("--response-length", self.response_length, 1)

    @property
    def longest(self) -> int:
        """Tokens of the longest response."""
        return self.response_length or RESPONSE_LENGTH[self.mode]

    def read(self) -> Splits:
        """The problems.

        Raises:
            ValueError: bad files, or nothing to download from.
        """
        if self.data is not None:
            return read_folder(self.data)
        return download() if self.download else generate()


@dataclass(frozen=True)
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

    def rewards(self, problems: Sequence[Problem], samples: Samples) -> Float[np.ndarray, "P G"]:
        """1 where a response to problems[i] ended and is right, else 0."""
        responses, ended = np.asarray(samples.responses), np.asarray(samples.ended)
        right = np.zeros(ended.shape, np.float32)
        for i, problem in enumerate(problems):
            for j in np.flatnonzero(ended[i]):
                right[i, j] = is_correct(self.vocabulary.decode(responses[i, j]), problem, self.mode)
        return right


def make_task(questions: Questions, splits: Splits, *, seed: int, vocabulary: Vocabulary | None = None) -> Task:
    """Encode the problems and choose prompts.

    Arguments:
        seed: of the choice.
        vocabulary: a checkpoint's; trained on the training questions where None.

    Raises:
        ValueError: fewer prompts fit than are asked for.
    """
    q = questions
    if vocabulary is None:
        texts = [p.question for p in splits.train]
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
        if wanted > number:
            raise ValueError(f"--num-prompts is {wanted}; allowed: at most {number}, so many training problems fit")
        chosen = np.random.default_rng(seed).permutation(number)[:wanted]
        encoded[name] = _batch(all_of, chosen)
        problems[name] = tuple(rows[i] for i in all_of.index[chosen])
        notes.append(f"{name}: {wanted:,} of {number:,} that fit, {len(rows):,} read; {describe(dropped)}")
    content = [splits.digest(), vocabulary.digest, *(problem.question for problem in problems["train"])]
    return Task(
        q.mode,
        vocabulary,
        problems["train"],
        encoded["train"],
        encoded["test"],
        problems["test"],
        q.longest,
        hashlib.sha256("\n".join(content).encode()).hexdigest()[:16],
        notes,
    )


def _batch(encoded: Encoded, rows: Int[np.ndarray, " P"]) -> Batch:
    return Batch(
        jnp.asarray(encoded.prompts[rows]),
        jnp.asarray(encoded.lengths[rows]),
        jnp.asarray(encoded.responses[rows])[:, None],
        jnp.asarray(encoded.response_lengths[rows])[:, None],
    )


def shard(tree: T) -> T:
    """Split the leading axis of every array over the devices where it divides; elsewhere leave the tree as it is.

    Parameters stay whole on every device; the compiler adds up the gradients.
    """
    devices = jax.devices()
    if len(devices) == 1:
        return tree
    mesh = Mesh(np.array(devices), ("prompts",))

    def place(x: Array) -> Array:
        divides = x.ndim > 0 and x.shape[0] % len(devices) == 0
        return jax.device_put(x, NamedSharding(mesh, PartitionSpec("prompts") if divides else PartitionSpec()))

    return jax.tree.map(place, tree)


def everywhere(tree: T) -> T:
    """Copy a tree to every device where there are several."""
    devices = jax.devices()
    if len(devices) == 1:
        return tree
    return jax.device_put(tree, NamedSharding(Mesh(np.array(devices), ("prompts",)), PartitionSpec()))
