"""What TRL 1.16 really wrote, in twelve configurations: groups, estimator, weights, and the trainer's own averages.

The files are not part of the project: they lie beside it, or where ROLLOUTS says; without them these tests are skipped.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.logs.config import Audit
from experiments.logs.read import read
from experiments.logs.source import Source
from experiments.logs.verdict import run, verdict

BESIDE = Path(__file__).resolve().parents[4] / "shared" / "data" / "rollouts"
FOLDER = Path(os.environ.get("ROLLOUTS", BESIDE)) / "trl_1.16_files"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="TRL's real files are not here (ROLLOUTS=folder)")

ESTIMATOR = {"batch": "trl_batch", "none_weights": "trl_none", "gdpo": "gdpo"}
"""All others are trl."""
WEIGHTS = {"none_weights": [1.0, 0.5], "group_weights": [2.0, 0.25], "nones": [1.0]}
"""All others are 1 and 1."""
GROUPS = {"accum2": 16, "eval": 4, "iter2": 4, "logging2": 4}
"""All others have 8 groups of 4."""
NOTES = {
    "eval": {"evaluation": 16},
    "iter2": {"duplicates": 16},
    "spg4": {"duplicates": 96},
    "logging2": {"missing_steps": 1},
    "nones": {"missing_rewards": 1},
}
NAMES = ("accum2", "batch", "chat", "eval", "gdpo", "group_weights", "iter2", "logging2", "none_weights", "nones",
         "plain", "spg4")  # fmt: skip


def audited(name: str, expect: str | None = None) -> dict[str, Any]:
    groups = read(Source(paths=(FOLDER / name,)))
    return verdict(groups, run(groups), expect)


@pytest.mark.parametrize("name", NAMES)
def test_estimator_weights_and_notes(name: str) -> None:
    found = audited(name)
    assert found["estimator"] == ESTIMATOR.get(name, "trl")
    assert (found["group_size"], found["num_groups"]) == (4, GROUPS.get(name, 8))
    undivided = name == "none_weights"
    assert (found["ddof"], found["epsilon"]) == ((None, None) if undivided else (1, 1e-4))
    assert list(found["reward_weights"].values()) == pytest.approx(WEIGHTS.get(name, [1.0, 1.0]), rel=1e-5)
    assert found["residual"] < 5e-7
    assert found["residual_float32"] < 1
    assert found["nearest"][0]["residual"] > 9e-5
    sums: dict[str, int] = {}
    for note in found["notes"]:
        sums[note["kind"]] = sums.get(note["kind"], 0) + note["count"]
    assert sums == NOTES.get(name, {})
    assert found["duplicates"] == sums.get("duplicates", 0)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_those_of_the_trainers_own_averages(name: str) -> None:
    """Independent: the history's average reward is the weighted sum of the functions' averages."""
    history = json.loads((FOLDER / name / "log_history.json").read_text())
    weights = audited(name)["reward_weights"]
    rows = [row for row in history if "reward" in row]
    assert rows
    for row in rows:
        made = sum(w * row[f"rewards/{function}/mean"] for function, w in weights.items())
        assert made == pytest.approx(row["reward"], rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_without_the_history_the_estimator_is_the_same(name: str, tmp_path: Path) -> None:
    (tmp_path / "completions").mkdir()
    for path in (FOLDER / name / "completions").iterdir():
        (tmp_path / "completions" / path.name).symlink_to(path)
    groups = read(Source(paths=(tmp_path,)))
    found = verdict(groups, run(groups), None)
    assert found["estimator"] == ESTIMATOR.get(name, "trl")
    weights = np.array(list(found["reward_weights"].values()))
    np.testing.assert_allclose(weights, WEIGHTS.get(name, [1.0, 1.0]), rtol=1e-5)
    assert (found["weights_from"] == "rewards") == (name == "none_weights")


def test_what_was_configured_is_held_against_what_was_done() -> None:
    assert not audited("plain", "trl_batch")["as_expected"]
    assert audited("plain", "trl")["as_expected"]
    assert audited("plain", "ms_swift")["as_expected"]
    assert not audited("plain", "verl")["as_expected"]
    assert audited("batch", "trl_batch")["as_expected"]
    assert not audited("gdpo", "trl")["as_expected"]
    assert audited("none_weights", "dr_grpo")["as_expected"]
    assert not audited("none_weights", "rloo")["as_expected"]


def test_sixty_four_thousand_groups_of_counts() -> None:
    groups = read(Source(paths=(FOLDER.parent / "one_shot_rlvr_counts.csv",)))
    right, judged = groups.counts()
    assert (groups.num_groups, groups.group_size) == (64_000, 8)
    assert len(np.unique(groups.prompt)) == 1209
    assert set(np.unique(judged)) == {8}
    assert 0 <= right.min() <= right.max() <= 8


def test_flags_refuse_unknown_estimators() -> None:
    with pytest.raises(ValueError, match="--expect is grpo; allowed: paper, reinforce"):
        Audit(source=Source(paths=(FOLDER,)), expect="grpo")
