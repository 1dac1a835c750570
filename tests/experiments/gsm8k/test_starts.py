"""Starts: prompts of their own, targets that cannot be reached, parts that are not made twice."""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments.gsm8k.plan import FIRST_TUNING_SEED, PRESETS
from experiments.gsm8k.starts import Starts
from experiments.language.learning.checkpoint import steps_saved
from experiments.language.problems.generator import generate
from experiments.language.problems.questions import Questions
from tests.experiments.gsm8k.runs import Kept

QUICK = PRESETS["quick"]


@pytest.fixture(scope="module")
def splits():
    return generate()


def make(splits, folder: Path, plan=QUICK) -> Starts:
    return Starts("answer", plan, plan.answer, Questions(), splits, keep=Kept(), folder=folder)


def test_every_seed_has_its_own_prompts_and_one_vocabulary(splits, tmp_path: Path) -> None:
    starts = make(splits, tmp_path)
    chosen = [tuple(p.question for p in starts.task(seed).problems) for seed in (0, 1, FIRST_TUNING_SEED)]
    assert len(set(chosen)) == 3
    assert all(len(set(prompts)) == QUICK.answer.num_prompts for prompts in chosen)
    assert starts.task(1) is starts.task(1)
    assert {starts.task(seed).vocabulary.digest for seed in (0, 1)} == {starts.vocabulary.digest}


def test_a_start_that_cannot_reach_its_target_says_so(splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = make(splits, tmp_path, replace(QUICK, max_sft_steps=0))
    monkeypatch.setattr(starts, "measure", lambda *_, **__: np.full(12, 0.01))
    with pytest.raises(ValueError, match=r"target is 0.2; allowed: what 0 steps of SFT reach, here 0.010"):
        starts(0)
    assert not steps_saved(tmp_path / "answer_0")


def test_a_start_that_is_lost_stops_at_once(splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = make(splits, tmp_path)
    monkeypatch.setattr(starts, "measure", lambda *_, **__: np.full(12, np.nan))
    with pytest.raises(FloatingPointError, match="the pass rate at step 0 of SFT is not finite; try another --seed"):
        starts(0)
    assert not steps_saved(tmp_path / "answer_0")


def test_a_start_is_made_once_and_again_where_its_checkpoint_is_gone(
    splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = make(splits, tmp_path)
    monkeypatch.setattr(starts, "measure", lambda *_, **__: np.full(12, 0.9))  # at once
    first = starts(0)
    again = starts(0)
    assert starts.keep.made == ["answer_start_0"]
    for a, b in zip(*(map(np.asarray, jax.tree.leaves(tree)) for tree in (first, again)), strict=True):
        np.testing.assert_array_equal(a, b)
    (folder,) = (tmp_path / "answer_0").glob("step_*")
    (folder / "state.json").unlink()
    starts(0)
    assert starts.keep.made == ["answer_start_0", "answer_start_0"]
