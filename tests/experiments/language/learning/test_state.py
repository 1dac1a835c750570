"""Epochs of prompts. What an update does: test_learners.py."""

import numpy as np
import pytest

from experiments.language.learning.state import epoch_rows


@pytest.mark.parametrize(("number", "size"), [(12, 4), (12, 12), (7, 1), (11, 3), (3, 8)])
def test_every_epoch_covers_each_prompt_at_most_once_in_fresh_order(number, size):
    a_round = number // min(size, number)
    epochs = []
    for epoch in range(3):
        rows = np.concatenate([epoch_rows(number, size, 5, epoch * a_round + k) for k in range(a_round)])
        assert len(rows) == a_round * min(size, number)
        assert len(np.unique(rows)) == len(rows)
        if number % min(size, number) == 0:
            assert sorted(rows) == list(range(number))
        epochs.append(rows.tolist())
    if number > 3:
        assert epochs[0] != epochs[1] != epochs[2]
        assert epoch_rows(number, size, 6, 0).tolist() != epochs[0][: min(size, number)]


def test_what_does_not_fill_a_batch_changes_from_epoch_to_epoch():
    seen = {int(x) for step in range(40) for x in epoch_rows(11, 5, 0, step)}
    assert seen == set(range(11))
