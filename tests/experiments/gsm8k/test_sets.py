"""A study of a pretrained model from end to end, on a tiny folder; and that no two sets share a question."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.gsm8k import config, set_plan
from experiments.gsm8k.predictions.verdict import CONFIRMED, OPEN, REFUTED
from experiments.gsm8k.set_plan import SET_PRESETS
from experiments.gsm8k.sets import Sets
from experiments.language.learning.checkpoint import load_checkpoint
from experiments.language.probes.effort import Effort
from experiments.language.problems.generator import generate
from experiments.language.problems.questions import Questions
from experiments.language.problems.steps import step_splits
from tests.experiments.gsm8k.runs import Kept, in_process, refused, some_tables
from tests.experiments.language.pretrained import write_model

pytestmark = pytest.mark.early

LIGHT = Effort(num_spectra=0, num_wrong=0)
QUICK = replace(SET_PRESETS["quick"], full=LIGHT, light=LIGHT)


def study(folder: Path, out: Path) -> None:
    """The command, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(set_plan.SET_PRESETS, "quick", QUICK)
        in_process(["gsm8k", "validate", "--model", str(folder), "--preset", "quick", "--out", str(out)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"), num_layers=2)


@pytest.fixture(scope="module")
def finished(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("study") / "out"
    study(folder, out)
    return out


@pytest.fixture(scope="module")
def summary(finished: Path) -> dict:
    return json.loads((finished / "summary.json").read_text())


def test_every_prediction_has_a_verdict_and_every_rule_its_held_out_change(summary: dict) -> None:
    assert {p["verdict"] for p in summary["predictions"]} <= {CONFIRMED, REFUTED, OPEN}
    names = [p["name"] for p in summary["predictions"]]
    assert len(names) == len(set(names))
    assert sum("held-out" in name.lower() for name in names) == 2 * (3 + 2)  # SGD and Adam; each rule, and against none
    assert list(summary["held_out"]) == ["none", "group", "power(2)"]
    assert set(summary["cross_ratio"]) == {"none", "group"}
    assert set(summary["curvature_exponent"]) == {"below ½", "around ½", "above ½"}
    for row in summary["held_out"].values():
        assert {change["number"] for change in row.values()} == {2}


@pytest.mark.parametrize("rule", ["none", "group", "power(2)"])
def test_the_change_is_that_of_the_runs(rule: str, finished: Path, summary: dict) -> None:
    label = rule.replace("(", "").replace(")", "")
    for design, kind in (("tuned", "run"), ("equal", "small")):
        runs = some_tables(finished, f"step_{kind}_{label}_*_[01].steps.parquet")
        assert [run["seed"][0] for run in runs] == [0, 1]
        changes = [run["final_test"][0] - run["start_test"][0] for run in runs]
        assert summary["held_out"][rule][design]["mean"] == pytest.approx(np.mean(changes))
    starts = {run["start_test"][0] for run in some_tables(finished, "step_run_*_0.steps.parquet")}
    assert len(starts) == 1  # every rule begins at the pretrained state


def test_steps_were_tuned_on_another_set(finished: Path) -> None:
    tuned = {run["seed"][0] for run in some_tables(finished, "step*_tune_*.steps.parquet")}
    reported = {run["seed"][0] for run in some_tables(finished, "step*_run_*.steps.parquet")}
    assert tuned == {1000}
    assert reported == {0, 1}


def test_the_report_begins_with_held_out_questions_and_needs_no_network(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    assert "This is the quick preset" in page
    assert page.index("Held-out questions") < page.index("Learning curves") < page.index("Predictions and verdicts")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert page.count("<img") == 9


def test_the_same_command_computes_nothing_again(folder: Path, finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (finished / "rows").iterdir()}
    study(folder, finished)
    assert {path: path.stat().st_mtime_ns for path in (finished / "rows").iterdir()} == before


def test_sets_share_no_question_and_keep_the_frozen_layers_states(folder: Path) -> None:
    splits = step_splits(generate(800, 400))
    plan = replace(QUICK, num_seeds=4, answer=replace(QUICK.answer, num_prompts=12, num_test=8, num_tuning=3))
    sets = Sets(plan, plan.answer, Questions(), splits, load_checkpoint(folder, mode="step"), keep=Kept())
    seeds = [*plan.seeds, *plan.tuning_seeds(plan.answer)]
    assert sorted(plan.place(seed, plan.answer) for seed in seeds) == list(range(7))
    asked = [problem.question for seed in seeds for problem in sets.task(seed).problems]
    held = [problem.question for seed in seeds for problem in sets.task(seed).test_problems]
    assert len(set(asked)) == 7 * 12
    assert len(set(held)) == 7 * 8
    assert not set(asked) & set(held)
    assert sets.task(0).train.states.prompts.shape == (12, 96, 16)
    assert sets(0) is sets(1000)
    too_many = replace(plan, num_seeds=60)
    with pytest.raises(ValueError, match=r"--num-prompts is 12 in 63 disjoint sets; allowed: at most \d+, as \d+ tr"):
        Sets(too_many, plan.answer, Questions(), splits, load_checkpoint(folder, mode="step"), keep=Kept()).task(1002)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--preset", "study"], "--preset is study; allowed without --model: quick, cpu, gpu"),
        (["--preset", "cpu", "--model", "M"], "--preset is cpu; allowed with --model: quick, pretrained, study, gpu"),
        (["--train", "last:4"], "--train is last:4; allowed with --model only"),
        (["--train", "first", "--model", "M"], "--train is first; allowed: all, last:LAYERS (last:4) or lora:RANK"),
        (["--model", "nowhere"], "--model is nowhere, which is not a folder; allowed: a model's folder"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: list[str], expected: str, capsys, tmp_path: Path) -> None:
    line = refused(["gsm8k", "validate", *arguments, "--out", str(tmp_path / "out")], capsys)
    assert expected in line
    assert not (tmp_path / "out").exists()


def test_a_folder_without_weights_is_refused(tmp_path: Path, capsys) -> None:
    (tmp_path / "model").mkdir()
    arguments = ["gsm8k", "validate", "--model", str(tmp_path / "model"), "--out", str(tmp_path / "out")]
    assert "which holds no *.safetensors; allowed: a pretrained model's folder" in refused(arguments, capsys)


def test_presets_leave_tuning_sets_out_and_fit_gsm8k() -> None:
    """2,258 training and 372 test questions fit in 96 tokens of SmolLM2."""
    for plan in SET_PRESETS.values():
        places = [plan.place(seed, plan.answer) for seed in (*plan.seeds, *plan.tuning_seeds(plan.answer))]
        assert len(set(places)) == len(places) == max(places) + 1
        assert (max(places) + 1) * plan.answer.num_prompts <= 2258
        assert (max(places) + 1) * plan.answer.num_test <= 372
        assert plan.answer.prompt_length == 96
    assert config.Validate(model=Path("M")).plan() == SET_PRESETS["pretrained"]
