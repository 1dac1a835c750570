"""Minutes of work each: `make slow`."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from curvature import adaptivity, adaptivity_window
from tests.command import call

pytestmark = pytest.mark.slow
PASS_COUNTS = Path(__file__).resolve().parents[2] / "shared" / "data" / "gsm8k" / "pass_counts.csv"


@pytest.mark.parametrize("group_size", range(2, 257))
def test_t13_window_for_every_group_size(group_size: int) -> None:
    half = np.geomspace(1e-6, 0.5, 101)
    b = np.asarray(adaptivity(np.concatenate([half, 1 - half]), group_size))
    low, high = adaptivity_window(group_size)
    # b is a mean of up to 255 weights from log-gammas, each good to about 1e-13
    assert (b >= low * (1 - 1e-11)).all()
    assert (b <= high * (1 + 1e-11)).all()


def test_another_seed_keeps_every_bound_and_gives_other_rows(tmp_path: Path) -> None:
    measured = []
    for seed in ("1", "2"):
        done = call("reproduce", "--out", seed, "--seed", seed, "--num-steps", "300", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert json.loads((tmp_path / seed / "summary.json").read_text())["num_violations"] == 0
        measured.append(pq.read_table(tmp_path / seed / "rows" / "theorem.parquet")["measured"].to_numpy())
    assert not np.allclose(*measured)


@pytest.mark.skipif(not PASS_COUNTS.exists(), reason="the GSM8K pass counts are not beside the project")
def test_the_real_pass_counts_of_gsm8k(tmp_path: Path) -> None:
    done = call("reproduce", "--out", "out", "--pass-rates", str(PASS_COUNTS), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["num_violations"] == 0
    rates = summary["pass_rates"]
    assert rates["num_prompts"] == 1319
    text = PASS_COUNTS.read_text().splitlines()[1:]
    counts = [line.split(",")[-2:] for line in text]
    assert rates["num_zero"] == sum(k == "0" for k, _ in counts)
    assert rates["num_one"] == sum(k == n for k, n in counts)
