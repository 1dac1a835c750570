"""What everything is handed. Its probabilities are held against enumeration in learning/test_objective.py."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np

from experiments.language.model.model import Batch, make_model
from tests.experiments.language import tiny

BATCH = tiny.batch()


def test_batches_are_cut_by_rows():
    assert len(BATCH) == 5
    assert BATCH[np.array([3, 0])].lengths.tolist() == [3, 4]
    assert BATCH[slice(1, 3)].responses.shape == (2, 1, 3)
    assert BATCH[2].prompts.shape == (4,)
    assert BATCH[2][None].prompts.shape == (1, 4)
    assert isinstance(BATCH[np.array([1])], Batch)


def test_a_vocabulary_s_special_tokens_are_each_in_their_place():
    tokens = SimpleNamespace(separator_id=tiny.SEPARATOR, end_id=tiny.END, pad_id=tiny.PAD)
    assert make_model(tiny.SMALLEST, tokens) == tiny.model()
    assert len({tiny.SEPARATOR, tiny.END, tiny.PAD}) == 3


def test_one_token_ends():
    assert np.flatnonzero(tiny.model().ends(jnp.arange(6))).tolist() == [tiny.END]
