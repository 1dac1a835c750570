"""A run goes on from what a kill may leave; what somebody moved is refused, and nothing is removed then."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from experiments import store
from experiments.gsm8k.training import Training
from experiments.language.learning.checkpoint import folder_of
from experiments.study import Study


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    """Of a run without rows."""
    with Study(tmp_path / "out", {"command": "test"}, seed=0) as study:
        study.rows.mkdir()
        yield Training(study)


def write_part(training: Training, begin: int, end: int) -> str:
    """The steps from `begin` on, and the look that ends them."""
    path = training.study.rows / f"steps_{begin:08d}.parquet"
    store.write_rows(path, {"step": np.arange(begin, end + 1.0)}, training.study.source, 0.0)
    return path.name


def write_checkpoint(training: Training, step: int, run_id: str | None = None) -> None:
    folder = folder_of(training.study.out, step)
    folder.mkdir()
    (folder / "state.json").write_text(json.dumps({"step": step, "run_id": run_id or training.study.source.run_id}))


def everything(training: Training) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in training.study.out.rglob("*") if path.is_file()}


KILLED = {
    "before anything": ([], [], None, 0),
    "before the first checkpoint": ([(0, 0)], [], None, 1),
    "after it": ([(0, 0)], [0], 0, 1),
    "while it was read again": ([], [0], 0, 0),
    "before the second": ([(0, 20)], [0], 0, 1),
    "before older ones went": ([(0, 20)], [0, 20], 20, 0),
    "at a step": ([(0, 20)], [20], 20, 0),
    "before the third": ([(0, 20), (20, 40)], [20], 20, 1),
    "at the last": ([(0, 20), (20, 40), (40, 47)], [47], 47, 0),
}
"""Parts of the rows and checkpoints; where the run goes on, and how many parts it makes again."""


@pytest.mark.parametrize("case", KILLED)
def test_a_killed_run_goes_on_and_makes_one_part_again_at_most(training: Training, case: str) -> None:
    parts, saved, expected, again = KILLED[case]
    names = [write_part(training, *part) for part in parts]
    for step in saved:
        write_checkpoint(training, step)
    assert training.resume() == expected
    assert [path.name for path in training.parts] == names[: len(names) - again]
    assert training.resume() == expected


MOVED = {
    "the only checkpoint": ([(0, 20), (20, 40)], [], "holds rows up to step 40 and no checkpoint; allowed: the check"),
    "the only checkpoint of one part": ([(0, 20)], [], "holds rows up to step 20 and no checkpoint; allowed"),
    "the last, an old one is back": ([(0, 20), (20, 40)], [0], "up to step 40 and no checkpoint after step_00000000;"),
    "the last of three parts": ([(0, 20), (20, 40), (40, 60)], [20], "step 60 and no checkpoint after step_00000020"),
    "the first part": ([(20, 40)], [40], "no rows lead from step 0 to step 20; allowed: all parts of the rows put"),
    "a part in the middle": ([(0, 20), (40, 60)], [60], "no rows lead from step 20 to step 40;"),
    "the last part": ([(0, 20)], [40], "no rows lead from step 20 to step 40;"),
    "all parts": ([], [40], "no rows lead from step 0 to step 40;"),
    "the first part and the checkpoint": ([(20, 40)], [], "no rows lead from step 0 to step 20;"),
    "a checkpoint between two": ([(0, 20), (20, 40)], [30], "no rows lead from step 40 to step 30;"),
}


@pytest.mark.parametrize("case", MOVED)
def test_what_was_moved_away_is_named_and_nothing_is_removed(training: Training, case: str) -> None:
    parts, saved, message = MOVED[case]
    for part in parts:
        write_part(training, *part)
    for step in saved:
        write_checkpoint(training, step)
    before = everything(training)
    with pytest.raises(ValueError, match=message) as refused:
        training.resume()
    assert "\n" not in str(refused.value)
    assert everything(training) == before


def test_rows_and_checkpoints_of_others_are_refused(training: Training) -> None:
    name = write_part(training, 0, 20)
    write_checkpoint(training, 20, run_id="another")
    with pytest.raises(ValueError, match=r"state.json is another run's; allowed: the checkpoints that this run wrote"):
        training.resume()
    write_checkpoint(training, 40)
    (folder_of(training.study.out, 20) / "state.json").unlink()
    path = training.study.rows / name
    for content in (b"", path.read_bytes()[:-9]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"{name} is damaged or another run's; allowed: the rows that this run"):
            training.resume()
        assert path.read_bytes() == content
