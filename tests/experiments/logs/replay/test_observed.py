"""A study's folder as it is read, from one that is written here, and what is refused."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.logs.replay import against, exact
from experiments.logs.replay.against import best, carried, replay_study
from experiments.logs.replay.observed import observe

MANIFEST = {"manifest_version": 2, "run_id": "abc", "commit": "def", "seed": 0, "code_digest": "", "versions": {},
            "device": "cpu", "config": {}}  # fmt: skip
RULES = {"none": 0.02, "group": 0.01}


def written(folder: Path, *, sets: int = 3, adam: bool = True) -> Path:
    """Rows of a small study: two rules, `sets` sets of 6 prompts."""
    (folder / "rows").mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(MANIFEST), encoding="utf-8")
    rng = np.random.default_rng(0)

    def write(name: str, **columns) -> None:
        pq.write_table(pa.table(columns), folder / "rows" / f"{name}.parquet")

    for s in range(sets):
        rates = rng.uniform(0.05, 0.6, 6)
        write(f"step_late_{s}.states", target=[0.0, 0.5], seed=[s, s], cosine_mean=[0.3 + s / 100, 0.0],
              cosine_std=[0.2, 0.1])  # fmt: skip
        write(f"step_late_{s}.prompts", target=[0.0] * 6 + [0.5] * 6, seed=[s] * 12, pass_rate=[*rates, *(rates + 0.3)])
        for kind, length in (("small", 4), ("run", 8), *([("adam_run", 8)] if adam else [])):
            for rule, step in RULES.items():
                p = rates.mean() + np.arange(length) * 0.02 * (1 + (rule == "group"))
                write(f"step_{kind}_{rule}_{step}_{s}.steps", pass_rate=p, seed=[s] * length, rule=[rule] * length,
                      step_size=[step] * length)  # fmt: skip
    return folder


def test_a_folder_is_read(tmp_path: Path) -> None:
    found = observe(written(tmp_path / "study"))
    assert (found.run_id, found.commit, found.rates.shape) == ("abc", "def", (3, 6))
    assert found.rates.max() < 0.6  # those of the start alone
    assert found.cosine_mean.tolist() == [0.3, 0.31, 0.32]
    assert {kind: runs.num_steps for kind, runs in found.runs.items()} == {"equal": 4, "tuned": 8, "adam": 8}
    assert found.runs["equal"].step_size == RULES
    lead = found.runs["tuned"].area["group"] - found.runs["tuned"].area["none"]
    np.testing.assert_allclose(lead, 0.02 * 3.5, rtol=1e-12)


def test_a_study_without_adam_is_read(tmp_path: Path) -> None:
    assert set(observe(written(tmp_path / "study", adam=False)).runs) == {"equal", "tuned"}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("manifest.json", "allowed: the folder of a finished"),
        ("rows/step_late_*.states.parquet", "without rows/step_late_*.states.parquet"),
        ("rows/step_run_none_*_2.steps.parquet", "runs of [0, 8] steps"),
        ("rows/step_run_none_*.parquet", "the rules group; allowed"),
    ],
)
def test_what_is_refused(tmp_path: Path, spoil: str, words: str) -> None:
    folder = written(tmp_path / "study")
    for path in folder.glob(spoil):
        path.unlink()
    with pytest.raises(ValueError, match=re.escape(words)):
        observe(folder)


def test_one_set_has_no_interval(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        observe(written(tmp_path / "study", sets=1))


def test_the_carried_step_makes_none_learn_as_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(against, "REPORTED", range(1000, 1002))
    observed = observe(written(tmp_path / "study"))
    sets = exact.draw_sets(observed.rates, observed.cosine_mean, observed.cosine_std, "measured", range(2))
    factor = carried(sets, observed.runs["equal"])
    area = exact.areas(sets, "none", np.array([factor * 0.02]), 4)
    assert area.mean() == pytest.approx(observed.runs["equal"].area["none"].mean(), abs=1e-4)
    tried = np.array([0.1, 1.0, 10.0])
    score = exact.areas(sets, "group", tried, 8).mean(axis=(1, 2))
    assert best(sets, "group", tried, 8) == tried[score.argmax()]


def test_a_study_is_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TUNING": range(2),
        "REPORTED": range(1000, 1002),
        "GRID": np.ones(1),
        "ADAM_GRID": np.array([0.05]),
    }.items():  # one shape, so few programs to compile
        monkeypatch.setattr(against, name, value)
    found = replay_study(observe(written(tmp_path / "study")))
    assert found["study"]["sets"] == 3
    for overlap in ("measured", "advise"):
        cases = found["overlaps"][overlap]["cases"]
        assert set(cases) == {"equal", "tuned", "own", "adam"}
        factor = found["overlaps"][overlap]["factor"]
        steps = {rule: row["replay_step"] for rule, row in cases["tuned"]["rules"].items()}
        assert steps == pytest.approx({rule: factor * step for rule, step in RULES.items()})
        assert cases["equal"]["pairs"][0]["real"]["mean"] == pytest.approx(0.02 * 1.5)
    json.dumps(found, allow_nan=False)
