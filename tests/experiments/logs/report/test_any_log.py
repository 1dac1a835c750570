"""Any log at all, of any sizes and rewards: numbers or one line that says what is allowed, never anything else."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.logs.groups import Groups, Note
from experiments.logs.report.estimator import recover
from experiments.logs.report.measure import measure
from experiments.logs.report.run import group_rows
from experiments.logs.report.summary import summarise
from experiments.logs.report.text import report
from experiments.strict_json import plain

VALUES = {
    "binary": st.sampled_from([0.0, 1.0]),
    "signs": st.sampled_from([-1.0, 1.0]),
    "shaped": st.sampled_from([0.0, 0.01, 1.0, 1.01]),
    "holes": st.sampled_from([0.0, 1.0, math.nan]),
    "real": st.floats(-1e6, 1e6),
    "wild": st.floats(-1e50, 1e50) | st.sampled_from([math.nan, math.inf, -math.inf, 1e200]),
}


@st.composite
def logs(draw: st.DrawFn) -> tuple[Groups, str | None]:
    kind = draw(st.sampled_from(sorted(VALUES)))
    base = draw(st.integers(1, 6))
    sizes = draw(st.lists(st.just(base) | st.integers(0, 7), min_size=1, max_size=12))
    sizes = np.array(sizes * draw(st.sampled_from([1, 1, 40])))
    N, R = len(sizes), int(sizes.sum())
    pool = np.array(draw(st.lists(VALUES[kind], min_size=1, max_size=40)))
    rewards = {"a": np.resize(np.roll(pool, 3), R)}
    if draw(st.booleans()):
        rewards["b"] = np.resize(pool[::-1], R) if R else np.zeros(0)
    advantage = draw(st.sampled_from(["none", "zero", "reward", "nan"]))
    columns = {
        "zero": np.zeros(R),
        "reward": np.nan_to_num(rewards["a"], posinf=0, neginf=0) % 1e50,
        "nan": np.full(R, math.nan),
    }
    prompt = np.arange(N, dtype=np.uint64) // draw(st.integers(1, 3)) * draw(st.sampled_from([0, 1]))
    note = Note("filtered", 0, "dropped")
    made = Groups(
        format="generic",
        grouped_by="",
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        step=np.full(N, -1) if draw(st.booleans()) else np.arange(N)[::-1] // 3,
        batch=np.arange(N) // 2,
        prompt=prompt.astype(np.uint64),
        rewards=rewards,
        advantage=columns.get(advantage),
        notes=(note,) if draw(st.booleans()) else (),
    )
    return made, draw(st.sampled_from([None, None, "a", "b", "c"]))


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of empty pictures."""
    folder = tmp_path_factory.mktemp("figures")
    for name in ("right_answers", "share_by_right", "moved", "unanimous", "dead_share", "windows"):
        (folder / f"{name}.png").write_bytes(b"")
    return folder


RUN = {"run_id": "", "commit": "", "device": "", "config": {}, "versions": {}}


@settings(max_examples=60)
@given(logs(), st.sampled_from([None, (3, 0), (2, 5)]), st.integers(1, 5))
def test_numbers_or_one_line(
    figures: Path, case: tuple[Groups, str | None], filtered: tuple[int, int] | None, windows: int
) -> None:
    log, correct = case
    try:
        estimator = recover(log)
        measured = measure(log, estimator, correct)
        found = summarise(
            log, measured, estimator, correct=correct, filtered=filtered, num_windows=windows, run_std=None
        )
    except ValueError as error:
        if "; allowed: " not in str(error) or "\n" in str(error):
            raise
        return
    assert plain(found).keys() == dict(found).keys()
    assert not re.search(r"\bnan\b|\binf\b", report(plain(found) | {"run": RUN}, figures).decode())
    assert {len(column) for column in group_rows(log, measured).values()} == {measured.num_groups}
    for name in ("dead_share", "all_right_share", "unanimous_share"):
        value = dict(found)[name]
        assert (value is None) == (name in found["abstained"] or (name == "unanimous_share" and correct is None)), name
        assert value is None or 0 <= value <= 1
    for share in found["moved_share"].values():
        assert 0 <= share <= 1
    for row in found["dead_share_at"].values():
        assert 0 <= row["low"] <= row["high"] <= 1


def test_a_log_without_rows_is_refused() -> None:
    nothing = np.zeros(0, np.int64)
    log = Groups("generic", "", np.zeros(1, np.int64), nothing, nothing, nothing.astype(np.uint64), {"a": np.zeros(0)})
    with pytest.raises(ValueError, match="PATH holds no group; allowed: a log with at least one"):
        measure(log, recover(log), None)
