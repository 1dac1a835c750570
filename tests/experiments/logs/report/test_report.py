"""`logs report` and `make logs` for real: names of the summary, no texts, the same bytes, broken logs."""

import html
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from experiments import cli
from tests.experiments.logs.report.logs import RUN, binary, drawn, write_counts, write_rewards

ROOT = Path(__file__).resolve().parents[4]
NAMES = (
    "num_groups",
    "num_prompts",
    "dead_share",
    "all_right_share",
    "moved_share",
    "dead_share_at",
    "unanimous_share",
)


def report(path: Path, out: Path, *options: str) -> dict:
    cli.main(["logs", "report", str(path), "--out", str(out), *options])
    return json.loads((out / "summary.json").read_text())


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, float]:
    """`make logs` without a log: its folder, what it printed, seconds."""
    out = tmp_path_factory.mktemp("make") / "out"
    begun = time.monotonic()
    done = subprocess.run(
        ["make", "-o", ".venv/.installed", "logs", f"OUT={out}", f"BIN={Path(sys.executable).parent}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return out, done.stdout, time.monotonic() - begun


def test_make_logs_shows_an_example_from_inspect_to_report(example: tuple[Path, str, float]) -> None:
    out, printed, seconds = example
    assert "estimator      trl" in printed
    assert (
        "Your trainer divided each group's advantages by the group's own deviation (`trl`: ddof 1, ε 0.0001)."
        in printed
    )
    summary = json.loads((out / "summary.json").read_text())
    assert set(NAMES) <= summary.keys()
    assert (summary["num_groups"], summary["num_prompts"], summary["group_size"]) == (1280, 96, 8)
    assert summary["unanimous_share"] is None
    assert summary["moved_share"]["logged"] == pytest.approx(summary["moved_share"]["group"], abs=1e-6)
    assert seconds < 120  # 30 on a machine of its own


def test_the_page_stands_alone_and_its_first_sentence_is_the_answer(example: tuple[Path, str, float]) -> None:
    page = (example[0] / "report.html").read_text()
    first = re.search(r'<div class="verdict"><b>(.*?)</b>', page)
    assert first is not None
    assert html.unescape(first[1]).startswith("Your trainer divided each group's advantages")
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert "that needs gradients, not rewards" in page
    assert not re.search(r"\bnan\b", re.sub(r"data:[^\"]*", "", page))


def test_the_example_is_read_as_trl_writes(example: tuple[Path, str, float]) -> None:
    table = pq.read_table(example[0] / "example" / "completions" / "completions_00001.parquet")
    assert table.column_names == ["step", "prompt", "completion", "accuracy_reward", "advantage"]
    A = table["advantage"].to_numpy().reshape(-1, 8)
    assert (A.astype(np.float32) == A).all()
    right = table["accuracy_reward"].to_numpy().reshape(-1, 8)
    s = right.std(axis=1, ddof=1, keepdims=True)
    np.testing.assert_allclose(A, (right - right.mean(axis=1, keepdims=True)) / (s + 1e-4), atol=1e-6)  # float32


def test_no_text_and_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewards = binary(drawn(400))
    path = write_rewards(tmp_path / "log.csv", {"reward": rewards})
    first, _ = (report(path, tmp_path / out) for out in ("a", "b"))
    assert capsys.readouterr().err == ""  # a progress bar is for terminals
    files = [p.relative_to(tmp_path / "a") for p in sorted((tmp_path / "a").rglob("*")) if p.is_file()]
    assert {"report.html", "summary.json", "groups.parquet"} <= {str(name) for name in files}
    for name in files:
        content = (tmp_path / "a" / name).read_bytes()
        assert b"SECRET" not in content
        assert str(tmp_path).encode() not in content
        assert content == (tmp_path / "b" / name).read_bytes(), name
    assert first["num_prompts"] == 97
    rows = pq.read_table(tmp_path / "a" / "groups.parquet")
    assert rows.num_rows == 400
    assert rows["num_correct"].to_pylist() == rewards.sum(axis=1).astype(int).tolist()


def test_numbers_of_a_real_run(tmp_path: Path) -> None:
    """The histogram of 64,000 groups, in an order that does not drift: published 6.7%, 14%, 22%, 28%; 2.20, 2.13."""
    counts = np.random.default_rng(0).permutation(np.repeat(np.arange(9), RUN))[:16000]
    found = report(write_counts(tmp_path / "log.csv", counts), tmp_path / "out")
    moved = found["moved_share"]
    assert moved["group"] == pytest.approx(0.067, abs=0.003)
    assert moved["power(2)"] == pytest.approx(0.144, abs=0.005)
    assert moved["focal(1)"] == pytest.approx(0.225, abs=0.007)
    assert moved["maxrl"] == pytest.approx(0.277, abs=0.007)
    assert (moved["batch"], moved["pooled"]) == pytest.approx((0, 0), abs=1e-12)
    group = found["rules"]["group"]
    assert group["moved_low"] < 0.0676 < group["moved_high"]
    assert (group["step_l1"], group["step_l2"]) == pytest.approx((2.20, 2.13), abs=0.02)
    assert group["heaviest"] == pytest.approx(4 / np.sqrt(7))
    assert found["dead_share_at"]["16"]["low"] < 0.376 < found["dead_share_at"]["16"]["high"]  # of pooled visits


@pytest.mark.parametrize(
    "rewards",
    [
        np.array([[1.0, 0.0, 0.0, 1.0]]),  # one group
        np.zeros((300, 4)),
        np.ones((300, 4)),
        np.full((10, 4), 0.3),
        binary(np.random.default_rng(0).integers(0, 3, 300), 2),  # G = 2
        np.where(np.arange(4000).reshape(1000, 4) % 7 == 0, np.nan, binary(np.full(1000, 2), 4)),
        np.random.default_rng(0).normal(size=(300, 4)) * 1e-200,
    ],
    ids=["one", "all wrong", "all right", "constant", "pairs", "missing", "tiny"],
)
def test_odd_logs_give_numbers(tmp_path: Path, rewards: np.ndarray) -> None:
    found = report(write_rewards(tmp_path / "log.csv", {"reward": rewards}), tmp_path / "out", "--windows", "3")
    assert set(NAMES) <= found.keys()
    for why in found["abstained"].values():
        assert re.search(r": \w", why), why  # a way out


@pytest.mark.parametrize("size", [2, 3, 24, 65])
def test_groups_of_any_size(tmp_path: Path, size: int) -> None:
    rng = np.random.default_rng(0)
    counts = rng.binomial(size, rng.beta(0.5, 0.5, 500))
    found = report(write_counts(tmp_path / "log.csv", counts, size=size), tmp_path / "out", "--windows", "1")
    assert found["greatest_weight_ratio"] == pytest.approx(np.sqrt((size // 2) * ((size + 1) // 2) / (size - 1)))
    for m, row in found["dead_share_at"].items():
        p = rng.beta(0.5, 0.5, 100_000)
        truth = (p ** int(m) + (1 - p) ** int(m)).mean()
        assert row["low"] - 0.02 < truth < row["high"] + 0.02  # one log: 95% of them cover, and these are twelve or so


def test_groups_of_ten_thousand_answers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    counts = rng.binomial(10_000, rng.beta(0.4, 0.4, 300))
    found = report(write_counts(tmp_path / "log.csv", counts, size=10_000), tmp_path / "out", "--windows", "1")
    p = counts / 10_000
    for m in (2, 8, 64):  # G is so large that a draw of m answers is one of independent ones, nearly
        wanted = (p**m + (1 - p) ** m).mean()
        assert found["dead_share_at"][str(m)]["value"] == pytest.approx(wanted, abs=1e-3)
    c, c0 = np.sqrt(p * (1 - p)), p * (1 - p)
    assert found["moved_share"]["group"] == pytest.approx(np.abs(c / c.sum() - c0 / c0.sum()).sum() / 2, rel=1e-9)


REFUSED = {
    "no column": (("--correct", "right"), "--correct is right: "),
    "no file of counts": (("--filtered-counts", "none.txt"), "--filtered-counts is none.txt, which cannot be read"),
    "windows": (("--windows", "0"), "--windows is 0; allowed: an integer of at least 1"),
    "deviation": (("--run-std", "-1"), "--run-std is -1.0; allowed: positive numbers"),
    "this folder": (("--out", "."), "--out is empty or the current folder"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    options, said = REFUSED[case]
    path = write_rewards(tmp_path / "log.csv", {"reward": binary(drawn(20))})
    with pytest.raises(SystemExit) as stopped:
        cli.main(["logs", "report", str(path), "--out", str(tmp_path / "out"), *options])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_rewards_that_are_none_are_refused(tmp_path: Path, value: float, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_rewards(tmp_path / "log.csv", {"reward": value * (1 + np.arange(20).reshape(5, 4) % 3)})
    with pytest.raises(SystemExit) as stopped:
        cli.main(["logs", "report", str(path), "--out", str(tmp_path / "out")])
    assert stopped.value.code == 2
    assert "; allowed: " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_example_is_not_written_over_other_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(SystemExit) as stopped:
        cli.main(["logs", "example", "--out", str(tmp_path)])
    assert stopped.value.code == 2
    assert "holds something else" in capsys.readouterr().err
