"""Legs: scores of runs, seeds that steps are tuned on, when states are probed. Whole runs: test_validate.py."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.gsm8k.arms import arms
from experiments.gsm8k.legs import ExactLeg, LegRun, SampledLeg
from experiments.gsm8k.plan import FIRST_TUNING_SEED, PRESETS
from experiments.gsm8k.starts import Starts
from experiments.language.problems.generator import generate
from experiments.language.problems.questions import Questions
from tests.experiments.gsm8k.runs import Kept

QUICK = PRESETS["quick"]
NONE, GROUP = arms(("none", "group"), 2.0, QUICK)


@pytest.fixture(scope="module")
def splits():
    return generate()


def exact_leg(splits, folder: Path, plan=QUICK) -> ExactLeg:
    starts = Starts("answer", plan, plan.answer, Questions(), splits, keep=Kept(), folder=folder)
    return ExactLeg(plan, plan.answer, starts)


@pytest.fixture
def leg(splits, tmp_path: Path) -> ExactLeg:
    return exact_leg(splits, tmp_path)


def fake(monkeypatch: pytest.MonkeyPatch, score, calls: list) -> None:
    """Runs whose pass rate is a function of the step size."""

    def run(self, seed, arm, step_size, *, what, num_steps):
        calls.append((seed, arm.name, step_size, what))
        value = score(step_size / arm.scale)
        return {"steps": {"pass_rate": np.full(num_steps, value), "final_train": np.full(num_steps, value)}}

    monkeypatch.setattr(LegRun, "run", run)


def test_a_run_that_is_lost_never_wins(leg: ExactLeg, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, lambda size: 0.001 if size < 0.015 else float("nan"), [])
    best, table = leg.tune(NONE)
    assert best in [row["step_size"] for row in table if row["score"] == 0.001]
    assert {row["score"] for row in table} == {0.001, -1.0}


def test_steps_are_tuned_on_seeds_that_are_never_reported(
    splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    fake(monkeypatch, lambda size: -abs(np.log(size / 0.015)), calls)
    for name in PRESETS:
        answer = replace(QUICK.answer, num_tuning=3)
        plan = replace(PRESETS[name], answer=answer, num_seeds=100, num_sft_seeds=100)
        exact_leg(splits, tmp_path, plan).tune(GROUP)
        assert not set(plan.seeds) & set(plan.tuning_seeds(answer))
        assert set(plan.seeds) <= set(plan.sft_seeds)
    assert {seed for seed, *_ in calls} == {FIRST_TUNING_SEED + k for k in range(3)}
    assert {what for *_, what in calls} == {"tune"}


def test_scores_are_the_run_s_mean_or_its_end(splits, leg: ExactLeg, tmp_path: Path) -> None:
    steps = {"pass_rate": np.array([0.6, 0.0, 0.2, 0.4]), "final_train": np.full(4, 0.7)}
    assert leg.score(steps) == pytest.approx(0.3)
    starts = Starts("equations", QUICK, QUICK.equations, Questions(), splits, keep=Kept(), folder=tmp_path)
    sampled = SampledLeg(QUICK, QUICK.equations, starts)
    assert sampled.score(steps) == 0.7
    lost = {"pass_rate": np.full(8, np.nan), "final_train": np.full(8, np.nan)}
    assert leg.score(lost) == sampled.score(lost) == -1


class Counted:
    """A learner and a prober that note where they were called."""

    def __init__(self):
        self.steps, self.looks = [], []

    def step(self, state, batch, step_size, weight):
        self.steps.append(state.step)
        row = {"pass_rate": 0.5, "update_norm": float("nan")}
        return replace(state, step=state.step + 1), row

    def probe(self, parameters, batch, *, step_size):
        self.looks.append((len(self.steps), step_size))
        return type("Probe", (), {"state": {"std": 0.5}})


class Finals:
    """Pass rates of .8 of the training prompts and .1 of the test prompts, and a bit more of their figures alone."""

    def __init__(self, task):
        self.task = task

    def exact(self, parameters, batch):
        return np.full(12, 0.1 if batch is self.task.test else 0.8)

    def without_end(self, parameters, batch):
        return 0.05 + self.exact(parameters, batch)


@pytest.mark.parametrize(("num_probes", "looks"), [(2, [0, 8]), (3, [0, 4, 8]), (5, [0, 2, 4, 6, 8])])
def test_states_are_probed_before_their_step_and_at_the_end(
    num_probes: int, looks: list[int], leg: ExactLeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted()
    monkeypatch.setattr(leg.starts, "measure", lambda *_, **__: np.full(12, 0.9))
    monkeypatch.setattr(leg, "final", Finals(leg.starts.task(0)))
    monkeypatch.setattr(leg, "population", counted)
    monkeypatch.setattr(leg, "light", counted.probe)
    tables = leg.probed_run(0, GROUP, 0.01, what="run", num_steps=8, num_probes=num_probes)
    assert counted.steps == list(range(8))  # a run that is lost goes on
    assert counted.looks == [(step, 0.01) for step in looks]  # GRPO's own step; REINFORCE's would be halved
    assert tables["probes"]["step"].tolist() == looks
    assert tables["steps"]["step"].tolist() == list(range(8))
    assert set(tables["steps"]["rule"]) == set(tables["probes"]["rule"]) == {"group"}
    ends = [tables["steps"][f"final_{name}"].tolist() for name in ("train", "test")]
    assert ends == [pytest.approx([0.8] * 8), pytest.approx([0.1] * 8)]
    assert tables["steps"]["start_test"].tolist() == ends[1]
    assert tables["steps"]["final_test_figures"].tolist() == pytest.approx([0.15] * 8)
    assert tables["probes"]["test_pass_rate"].tolist() == pytest.approx([0.1] * num_probes)
    assert set(leg.run(0, NONE, 0.02, what="run", num_steps=2)) == {"steps"}
    assert leg.starts.keep.made == ["answer_run_group_0.01_0", "answer_start_0", "answer_run_none_0.02_0"]
