"""The whole command for real: killed and resumed, then everything it promised is there; a tampered bound is noticed."""

import json
import re
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import golden
from tests.command import COMMAND, call

pytestmark = pytest.mark.early

FIGURES = (
    "theorem",
    "pass_rates",
    "tails",
    "window",
    "certificates",
    "counterexamples",
    "comparison",
    "overtaking",
    "sampled",
    "coherence",
    "right_or_wrong",
)
PARTS = (*FIGURES, "hitting", "own_rates", "mean_rates", "divisors", "own_sums", "starts", "beyond", "rare")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A default run that was killed with SIGKILL after its first parts and then finished by the same command."""
    folder = tmp_path_factory.mktemp("reproduce") / "out"
    arguments = ["reproduce", "--out", str(folder)]
    with subprocess.Popen([COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + 300
        while not (folder / "rows" / "pass_rates.parquet").exists():
            assert first.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        first.send_signal(signal.SIGKILL)
    kept = {path.name: path.stat().st_mtime_ns for path in (folder / "rows").glob("*.parquet")}
    assert not (folder / "summary.json").exists()
    second = call(*arguments, cwd=folder.parent)
    assert second.returncode == 0, second.stderr
    for name, when in kept.items():
        assert (folder / "rows" / name).stat().st_mtime_ns == when
    return folder


@pytest.fixture(scope="module")
def summary(out: Path) -> dict:
    return json.loads((out / "summary.json").read_text(encoding="utf-8"))


def test_the_summary_is_what_it_was(summary: dict) -> None:
    # sums of float64 in another order, through a thousand updates
    golden.check("reproduce", {k: v for k, v in summary.items() if k != "run"}, rel=1e-6)


def test_every_proved_bound_holds_on_more_than_2e6_checks(summary: dict) -> None:
    assert summary["num_checks"] >= 2_000_000
    assert summary["num_violations"] == 0
    assert sum(entry["num_checks"] for entry in summary["checks"]) == summary["num_checks"]
    found = {entry["statement"] for entry in summary["checks"]}
    assert found == {"T6", "T3", "T1, T2", "T13", "T15", "T16", "T17", "T18", "T19", "T20"}


def test_the_same_checks_refuse_false_claims(summary: dict) -> None:
    assert all(count > 0 for count in summary["false_variants_caught"].values())


def test_exponents_are_within_02_of_t7(summary: dict) -> None:
    assert set(summary["exponents"]) == {"0", "0.5", "1", "1.5"}
    for alpha, fitted in summary["exponents"].items():
        assert abs(fitted + 2 / (2 - float(alpha))) < 0.02
    assert summary["exponents_within_tolerance"] is True
    # z moves by the step each iteration, exactly; 1e-3 leaves room for the fit from 1 − p = .01 on, where ln(p) ≠ 0
    assert summary["exponential_rate"]["fitted_rate"] == pytest.approx(
        summary["exponential_rate"]["predicted_rate"], rel=1e-3
    )


def test_finite_groups_fall_back_to_1_over_t_at_their_cap(summary: dict) -> None:
    for G, entry in summary["finite_groups"].items():
        assert entry["late_exponent"] == pytest.approx(-1, abs=0.02)
        # b_G reaches its cap only in the limit p → 1; at 1 − p ~ 1e-6 it is within G · 1e-6 of it
        assert entry["late_speedup"] == pytest.approx(int(G) / np.sqrt(int(G) - 1), rel=1e-3)


def test_ratios_are_ratios_of_the_rows(out: Path, summary: dict) -> None:
    rows = pq.read_table(out / "rows" / "theorem.parquet")
    T = rows["num_steps_T"].to_numpy()
    rule = rows["rule"].to_numpy(zero_copy_only=False)
    measured, bound = rows["measured"].to_numpy(), rows["bound"].to_numpy()
    group, none = (T.max() == T) & (rule == "group"), (T.max() == T) & (rule == "none")
    assert summary["rate_ratio_measured"] == pytest.approx(float(np.mean((measured[group] / measured[none]) ** 2)))
    assert summary["rate_ratio_bound"] == pytest.approx(float(np.mean((bound[group] / bound[none]) ** 2)))
    assert summary["rate_ratio_bound"] < 1


def test_grpo_loses_where_the_theory_says(summary: dict) -> None:
    x1, c6 = summary["where_grpo_loses"]["X1"], summary["where_grpo_loses"]["C6"]
    assert x1["group"]["first_gain"] == pytest.approx(-1.48e-4, rel=0.01)  # three digits are stated
    assert x1["none"]["first_gain"] == pytest.approx(4.6e-6, rel=0.01)
    assert c6["group"]["first_gain"] < 0 < c6["none"]["first_gain"]


def test_grpo_overtakes_reinforce_at_every_step(summary: dict) -> None:
    raced = summary["own_rates"]["overtaken"]
    steps = [entry["step_size"] for entry in raced]
    assert len(steps) == 20
    assert steps[-1] / steps[0] == pytest.approx(1e4)
    assert all(1 <= entry["ahead_from"] <= entry["proved_from"] < np.inf for entry in raced)
    assert raced[0]["ahead_from"] == 1 < raced[-1]["ahead_from"] < 20_000


def test_a_divisor_of_the_whole_batch_needs_every_prompt_to_be_solvable(summary: dict) -> None:
    found = {entry["rule"]: entry for entry in summary["own_rates"]["divisors"]}
    for rule, limit, stuck in (("none", -1, -1), ("group", -2, -2), ("batch", -2, -1), ("pooled", -2, -1)):
        # limits: after 20,000 steps the starts still weigh up to .05
        assert found[rule]["exponent"] == pytest.approx(limit, abs=0.06)
        assert found[rule]["exponent_with_stuck_prompt"] == pytest.approx(stuck, abs=0.06)


def test_each_rule_ascends_its_own_sum_where_the_sum_of_pass_rates_falls(summary: dict) -> None:
    found = {(entry["example"], entry["alpha"]): entry for entry in summary["own_sums"]}
    assert all(entry["own_sum_falls"] == 0 for entry in found.values())
    assert found["X1", 1.0]["value_falls"] > 0
    assert found["C6", 1.0]["value_falls"] > 0
    assert found["X1", 0.0]["value_falls"] == found["C6", 0.0]["value_falls"] == 0


def test_from_rare_success_dividing_by_the_variance_takes_a_few_steps(summary: dict) -> None:
    for entry in summary["own_rates"]["rare"]:
        assert entry["power"] <= entry["power_proved"] < 0.2 * entry["group"] < 0.1 * entry["none"]


def test_groups_stay_at_1_over_n_and_exact_gradients_leave(summary: dict) -> None:
    for entry in summary["sampled"]["reached"]:
        assert (
            0.3 * entry["sharp_constant"] < entry["speed"] < entry["sharp_constant"] <= entry["plain_constant"] + 1e-12
        )
        assert 3 < entry["speed_together"] / entry["speed_apart"] < 5  # four prompts
    last = {entry["rule"]: entry["scaled"] for entry in summary["sampled"]["beyond"]}  # at the last n
    for rule in ("momentum", "adam"):
        assert last[rule] == pytest.approx(last["group"], rel=0.25)
    assert max(last["exact"], last["no_baseline"]) < 0.01 * last["group"]


def test_one_stuck_prompt_takes_grpos_guarantee_away(summary: dict) -> None:
    solvable, stuck = summary["coherence"]["paths"]
    assert solvable["spread_last"] < 1.001
    assert solvable["ascent_last"] > 0.69
    assert stuck["spread_last"] > 8
    assert stuck["ascent_last"] < 0
    assert all(value > 1 for value in summary["coherence"]["tightest"].values())


def test_rows_carry_their_provenance(out: Path) -> None:
    for part in PARTS:
        table = pq.read_table(out / "rows" / f"{part}.parquet")
        assert table.num_rows > 0
        for name in ("schema_version", "run_id", "config", "seed", "commit", "versions", "device", "wall_time_s"):
            assert len(table[name].unique()) == 1
        assert json.loads(table["config"][0].as_py())["command"] == "reproduce"


def test_figures_and_report_are_complete_and_need_no_network(out: Path, summary: dict) -> None:
    for name in FIGURES:
        assert (out / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in (out / "figures" / f"{name}.svg").read_bytes()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("<img ") == len(FIGURES)
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert f"{summary['num_checks']:,} checks" in page
    for words in ("GRPO: measured", "REINFORCE: measured", "bound", "Where GRPO loses", "X1", "C6"):
        assert words in page


def test_nothing_is_left_behind(out: Path) -> None:
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]


def test_a_violated_bound_makes_exit_status_1(out: Path, tmp_path: Path) -> None:
    copy = tmp_path / "out"
    shutil.copytree(out, copy)
    path = copy / "rows" / "theorem.parquet"
    table = pq.read_table(path)
    measured = table["measured"].to_numpy().copy()
    measured[7] = table["bound"][7].as_py() * 1.001
    column = table.schema.get_field_index("measured")
    pq.write_table(table.set_column(column, "measured", pa.array(measured)), path)
    done = call("reproduce", "--out", str(copy), cwd=tmp_path)
    assert done.returncode == 1
    assert "1 violations" in done.stdout
    assert "A proved bound is violated" in (copy / "report.html").read_text(encoding="utf-8")


def test_a_disk_that_fills_up_gives_one_line_and_leaves_no_partial_file(tmp_path: Path) -> None:
    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    done = call("reproduce", "--out", "out", "--num-steps", "10", cwd=tmp_path, preexec_fn=small_files_only)
    assert done.returncode == 2
    assert "finished parts are kept" in done.stderr.splitlines()[-1]
    assert not list((tmp_path / "out" / "rows").iterdir())
