"""What a trainer's history says, wherever it lies."""

import json
from pathlib import Path

import pytest

from experiments.logs.history import History, find_history

ROWS = [
    {"step": 1, "reward": 0.5, "rewards/a/mean": 0.25, "rewards/b/c/mean": 0.5},
    {"step": 1, "eval_reward": 0.5, "eval_rewards/a/mean": 0.1},
    {"step": 2, "loss": 0.1, "eval_loss": 0.2},
    {"step": 3, "reward": 1.5, "rewards/a/mean": 0.75, "rewards/b/c/mean": None},
]


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_nothing_is_an_empty_history(tmp_path: Path) -> None:
    assert find_history(tmp_path) == History()


@pytest.mark.parametrize("name", ["log_history.json", "trainer_state.json", "checkpoint-20/trainer_state.json"])
def test_steps_functions_and_averages(name: str, tmp_path: Path) -> None:
    write(tmp_path / name, ROWS if name == "log_history.json" else {"log_history": ROWS})
    found = find_history(tmp_path)
    assert found.evaluated == {1}
    assert found.functions == ("a", "b/c")
    assert {name: values.tolist() for name, values in found.averages.items()} == {
        "reward": [0.5], "a": [0.25], "b/c": [0.5],
    }  # fmt: skip
    assert found.name == name.rpartition("/")[2]


def test_the_last_checkpoint_knows_most(tmp_path: Path) -> None:
    write(tmp_path / "checkpoint-9" / "trainer_state.json", {"log_history": []})
    write(tmp_path / "checkpoint-10" / "trainer_state.json", {"log_history": ROWS})
    write(tmp_path / "checkpoint-best" / "trainer_state.json", {"log_history": []})
    assert find_history(tmp_path).evaluated == {1}


def test_damaged_histories_are_refused(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text("{")
    with pytest.raises(ValueError, match=r"trainer_state\.json is no JSON; allowed: "):
        find_history(tmp_path)
    write(tmp_path / "trainer_state.json", {"epoch": 1})
    with pytest.raises(ValueError, match="has no list log_history; allowed: "):
        find_history(tmp_path)
