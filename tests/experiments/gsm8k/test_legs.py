"""Tuning and starting states of a leg: grids that grow, seeds that never meet, parts that are not made twice."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.gsm8k import legs
from experiments.gsm8k.legs import FIRST_TUNING_SEED, MAX_EXTENSIONS, LegRun, arm
from experiments.gsm8k.plan import PRESETS, with_optimiser
from experiments.language.problems.generator import generate
from experiments.language.problems.task import Questions

QUICK = PRESETS["quick"]


class Kept:
    """Parts in memory; `made` lists what was computed."""

    def __init__(self):
        self.tables, self.made = {}, []

    def __call__(self, name, tables, compute, whole=True):
        if name not in self.tables or not whole:
            self.made.append(name)
            self.tables[name] = compute()
            assert set(tables) == set(self.tables[name])
        return self.tables[name]


@pytest.fixture(scope="module")
def splits():
    return generate()


def leg_run(splits, folder: Path, plan=QUICK, mode="answer") -> LegRun:
    return LegRun(mode, plan, getattr(plan, mode), Questions(), splits, keep=Kept(), folder=folder)


@pytest.fixture
def leg(splits, tmp_path: Path) -> LegRun:
    return leg_run(splits, tmp_path)


def fake(monkeypatch: pytest.MonkeyPatch, score, calls: list | None = None) -> None:
    """Runs whose pass rate is a function of the step size."""

    def run(self, seed, a, step_size, *, what, num_steps, num_probes=0):
        if calls is not None:
            calls.append((seed, a.name, step_size, what))
        value = score(step_size / a.scale)
        steps = {"pass_rate": np.full(num_steps, value), "final_train": np.full(num_steps, value)}
        return {"steps": steps}

    monkeypatch.setattr(LegRun, "run", run)


GRID = QUICK.answer.step_sizes
"""(.01, .02)"""


@pytest.mark.parametrize(
    ("peak", "sizes"),
    [
        (0.02, [0.01, 0.02, 0.04]),  # the end was best: one more, which is worse
        (0.04, [0.01, 0.02, 0.04, 0.08]),
        (0.01, [0.005, 0.01, 0.02]),
        (0.0025, [0.00125, 0.0025, 0.005, 0.01, 0.02]),
        (10.0, [0.01, 0.02, 0.04, 0.08, 0.16]),  # gives up after 3
        (1e-9, [0.00125, 0.0025, 0.005, 0.01, 0.02]),
    ],
)
def test_a_grid_grows_at_its_ends_and_stops(peak, sizes, leg: LegRun, monkeypatch: pytest.MonkeyPatch) -> None:
    assert GRID == (0.01, 0.02)
    fake(monkeypatch, lambda size: 0.5 - 0.01 * abs(np.log(size / peak)))
    for rule in ("none", "group", "power"):
        a = arm(rule, 3.0, QUICK)
        best, table = leg.tune(a)
        assert [row["step_size"] / a.scale for row in table] == pytest.approx(sizes)
        assert len(table) <= len(GRID) + MAX_EXTENSIONS
        (chosen,) = [row for row in table if row["best"]]
        assert best == chosen["step_size"] == pytest.approx(min(sizes, key=lambda s: abs(np.log(s / peak))) * a.scale)
        assert chosen["score"] == max(row["score"] for row in table)
        assert {(row["mode"], row["rule"]) for row in table} == {("answer", a.name)}


def test_a_grid_whose_inner_step_is_best_does_not_grow(splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = replace(QUICK, answer=replace(QUICK.answer, step_sizes=(0.01, 0.02, 0.04)))
    fake(monkeypatch, lambda size: -abs(size - 0.02))
    assert len(leg_run(splits, tmp_path, plan).tune(arm("none", 2.0, plan))[1]) == 3


def test_a_run_that_is_lost_never_wins(leg: LegRun, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, lambda size: 0.001 if size < 0.015 else float("nan"))
    best, table = leg.tune(arm("none", 2.0, QUICK))
    assert best == pytest.approx(0.01 / 2**MAX_EXTENSIONS) or best == 0.01
    assert {row["score"] for row in table} == {0.001, -1.0}


def test_steps_are_tuned_on_seeds_that_are_never_reported(
    splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    fake(monkeypatch, lambda size: -abs(np.log(size / 0.015)), calls)
    for name in PRESETS:
        plan = replace(PRESETS[name], answer=QUICK.answer, num_seeds=100, num_sft_seeds=100)
        leg = leg_run(splits, tmp_path, replace(plan, answer=replace(QUICK.answer, num_tuning=3)))
        leg.tune(arm("group", 2.0, plan))
        assert not set(leg.seeds) & set(leg.tuning_seeds)
    assert {seed for seed, *_ in calls} == {FIRST_TUNING_SEED + k for k in range(3)}
    assert {what for *_, what in calls} == {"tune"}


def test_rules_take_steps_that_agree_at_one_half() -> None:
    for rule, α in (("none", 0), ("group", 1), ("batch", 1), ("power", 2.6)):
        a = arm(rule, 2.6, QUICK)
        assert (a.alpha, a.scale) == (pytest.approx(α), pytest.approx(0.5**α))
        assert a.scale / 0.5**α == pytest.approx(1)  # step / σ^α at σ = ½ is REINFORCE's
    assert arm("power", 2.5, QUICK).name == "power(2.5)"
    assert arm("group", 2.5, QUICK).name == "group"
    adam = with_optimiser(QUICK, "adam")
    assert arm("power", 2.5, adam).scale == arm("none", 2.5, adam).scale == 1


def test_every_seed_has_its_own_prompts_and_one_vocabulary(leg: LegRun) -> None:
    chosen = [tuple(p.question for p in leg.task(seed).problems) for seed in (0, 1, FIRST_TUNING_SEED)]
    assert len(set(chosen)) == 3
    assert all(len(set(prompts)) == QUICK.answer.num_prompts for prompts in chosen)
    assert leg.task(1) is leg.task(1)
    assert {leg.task(seed).vocabulary.digest for seed in (0, 1)} == {leg.vocabulary.digest}


def test_scores_are_the_run_s_mean_or_its_end(splits, leg: LegRun, tmp_path: Path) -> None:
    steps = {"pass_rate": np.array([0.6, 0.0, 0.2, 0.4]), "final_train": np.full(4, 0.7)}
    assert leg.score(steps) == pytest.approx(0.3)
    assert leg_run(splits, tmp_path / "e", mode="equations").score(steps) == 0.7
    assert leg.score({"pass_rate": np.full(8, np.nan)}) == -1


def test_a_start_that_cannot_reach_its_target_says_so(splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = replace(QUICK, max_sft_steps=0)
    leg = leg_run(splits, tmp_path, plan)
    monkeypatch.setattr(leg, "measure", lambda *_, **__: np.full(12, 0.01))
    with pytest.raises(ValueError, match=r"target is 0.2; allowed: what 0 steps of SFT reach, here 0.010"):
        leg.start(0)
    assert not legs.steps_saved(tmp_path / "answer_0")


def test_a_start_is_made_once_and_again_where_its_checkpoint_is_gone(
    splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leg = leg_run(splits, tmp_path)
    monkeypatch.setattr(leg, "measure", lambda *_, **__: np.full(12, 0.9))  # at once
    first = leg.start(0)
    again = leg.start(0)
    assert leg.keep.made == ["answer_start_0"]
    for a, b in zip(*(map(np.asarray, legs.jax.tree.leaves(tree)) for tree in (first, again)), strict=True):
        np.testing.assert_array_equal(a, b)
    (folder,) = (tmp_path / "answer_0").glob("step_*")
    (folder / "state.json").unlink()
    leg.start(0)
    assert leg.keep.made == ["answer_start_0", "answer_start_0"]
