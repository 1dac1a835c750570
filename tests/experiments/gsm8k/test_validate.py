"""`gsm8k validate` for real on a tiny plan: killed, resumed, partly lost, finished; then all that it promised is there.

The plan is passed to a process of its own, so that the kill is real; the last runs are in this process, where every
computation can be made to fail. The whole quick preset stands under `slow`.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from experiments import cli
from experiments.gsm8k.config import Validate
from experiments.gsm8k.plan import FIRST_TUNING_SEED, PRESETS, Effort, Leg, Plan, Sizes
from experiments.gsm8k.predictions.verdict import CONFIRMED, OPEN, REFUTED
from experiments.gsm8k.prepare import prepare_validate
from experiments.gsm8k.validate import expected_parts, measured_exponent
from experiments.language.learning.learners import Groups, Likelihood, Population
from experiments.language.learning.pass_rates import Measure
from experiments.language.probes.cap import CapCheck
from experiments.language.probes.exact import Prober
from experiments.language.probes.sampled import SampledProber
from experiments.study import Study
from tests import golden
from tests.experiments.gsm8k.processes import DOUBLE, call, environment, row, write_rows

pytestmark = pytest.mark.early

NO_SPECTRA = Effort(chunk=6, num_spectra=0, num_wrong=0)
TINY = Plan(
    sizes=Sizes(width=16, num_layers=1, num_heads=2, num_kv_heads=1, mlp_width=16),
    num_seeds=2,
    num_sft_seeds=3,
    answer=Leg(
        num_prompts=6,
        num_test=4,
        prompt_length=40,
        response_length=4,
        target=0.1,
        num_steps=4,
        step_sizes=(0.01, 0.02),
        num_tuning=1,
        num_probes=2,
        rules=("none", "group", "power"),
    ),
    equations=Leg(
        num_prompts=4,
        num_test=2,
        prompt_length=40,
        response_length=12,
        target=0.1,
        num_steps=2,
        step_sizes=(0.001, 0.002),
        num_tuning=1,
        num_probes=0,
        rules=("none", "group"),
        prompts_per_step=2,
        group_size=4,
        num_samples=2,
    ),
    late=(0.5,),
    small_step=0.005,
    full=NO_SPECTRA,
    light=NO_SPECTRA,
    half_samples=4,
    cap_groups=8,
    sft_batch=6,
    sft_step=1e-2,
)
PROGRAM = f"""
from experiments.gsm8k import plan
from experiments.gsm8k.plan import Effort, Leg, Plan, Sizes
plan.PRESETS["quick"] = {TINY!r}
from experiments.cli import main
main()
"""
FIGURES = ("learning", "tuning", "curvature", "indices", "surplus", "cap", "noise")


def arguments(folder: Path) -> list[str]:
    return ["gsm8k", "validate", "--preset", "quick", "--data", str(folder / "data"), "--out", str(folder / "out")]


def run(folder: Path, env: dict[str, str]) -> str:
    done = call(arguments(folder), env, [sys.executable, "-c", PROGRAM])
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def content(out: Path) -> dict[str, str]:
    """All rows but the clock, as text, so that NaN equals itself."""
    found = {}
    for path in sorted((out / "rows").iterdir()):
        columns = pq.read_table(path).to_pydict()
        found[path.name] = json.dumps({k: v for k, v in columns.items() if k != "wall_time_s"})
    return found


def timeless(text: str) -> str:
    return re.sub(r'"wall_time_s": [\d.]+|\d+ s of computing', "", text)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A validation that was killed in the middle of its parts and then finished by the same command."""
    folder, env = tmp_path_factory.mktemp("validate"), environment(tmp_path_factory)
    write_rows(folder / "data", [row(i) for i in range(40)])
    rows = folder / "out" / "rows"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments(folder)],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as first:
        deadline = time.monotonic() + 400
        while not list(rows.glob("answer_tune_none_*")):
            assert first.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
    kept = {path: path.stat().st_mtime_ns for path in rows.glob("*.parquet")}
    assert len(kept) >= 4
    assert not list(rows.glob("equations*"))
    assert not (folder / "out" / "summary.json").exists()
    said = run(folder, env)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert said.count("realised") == 3
    return folder


@pytest.fixture(scope="module")
def summary(finished: Path) -> dict:
    return json.loads((finished / "out" / "summary.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)


def test_the_summary_is_strict_json_with_a_verdict_on_everything(summary: dict) -> None:
    assert len(summary["predictions"]) >= 20
    for found in summary["predictions"]:
        assert found["verdict"] in (CONFIRMED, REFUTED, OPEN)
        assert re.search(r"\d", found["evidence"])
        assert found["criterion"]
        assert found["claim"]
    assert len({found["name"] for found in summary["predictions"]}) == len(summary["predictions"])
    assert summary["run"]["config"]["preset"] == "quick"
    assert summary["run"]["config"]["plan"]["num_seeds"] == 2
    assert summary["num_parameters"] > 1000


def test_the_summary_is_what_it_was(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    write_rows(tmp_path / "data", [row(i) for i in range(40)])
    done = call(arguments(tmp_path), environment(tmp_path_factory), [sys.executable, "-c", DOUBLE + PROGRAM])
    assert done.returncode == 0, done.stderr[-3000:]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    kept = {k: v for k, v in summary.items() if k != "run"}
    kept["notes"] = {k: [n.replace(str(tmp_path / "data"), "DATA") for n in v] for k, v in summary["notes"].items()}
    kept["run"] = {"config": summary["run"]["config"]}
    golden.check("gsm8k_validate", kept, rel=1e-6)


def test_rows_carry_where_they_come_from(finished: Path, summary: dict) -> None:
    names = ("schema_version", "run_id", "config", "commit", "versions", "device", "wall_time_s")
    for path in (finished / "out" / "rows").glob("*.parquet"):
        table = pq.read_table(path)
        assert table.num_rows > 0
        for name in names:
            assert len(table[name].unique()) == 1
        assert table["run_id"][0].as_py() == summary["run"]["run_id"]
        assert json.loads(table["config"][0].as_py())["command"] == "gsm8k validate"


def test_tuning_and_reported_seeds_never_meet(finished: Path) -> None:
    seen: dict[str, set] = {}
    for path in (finished / "out" / "rows").glob("*.steps.parquet"):
        kind = path.name.split("_")[1]
        seen.setdefault(kind, set()).update(pq.read_table(path)["seed"].to_pylist())
    assert seen == {"run": {0, 1}, "small": {0, 1}, "tune": {FIRST_TUNING_SEED}}


def test_reported_runs_take_the_tuned_step(finished: Path, summary: dict) -> None:
    best = {(r["mode"], r["rule"]): r["step_size"] for r in summary["tuning"] if r["best"]}
    assert len(best) == 5
    assert {(r["mode"], r["rule"]): r["step_size"] for r in summary["final"]} == best
    for r in summary["tuning"]:
        same = [
            other["score"] for other in summary["tuning"] if (other["mode"], other["rule"]) == (r["mode"], r["rule"])
        ]
        assert not r["best"] or r["score"] == max(same)


def test_the_report_needs_no_network_and_says_that_quick_decides_nothing(finished: Path, summary: dict) -> None:
    page = (finished / "out" / "report.html").read_text(encoding="utf-8")
    assert "http" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert page.count("<img ") == len(FIGURES)
    assert "Its sizes decide nothing" in page
    for found in summary["predictions"]:
        assert found["verdict"] in page
    for name in FIGURES:
        assert (finished / "out" / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in (finished / "out" / "figures" / f"{name}.svg").read_bytes()
    assert not [path for path in (finished / "out").rglob("*") if path.name.startswith(".")]


def test_the_number_of_parts_is_known_unless_a_grid_grows(finished: Path, summary: dict) -> None:
    rows = finished / "out" / "rows"
    parts = {path.name.rsplit(".", 2)[0] for path in rows.glob("*.parquet")}
    grown = len(summary["tuning"]) - sum(len(leg.rules) * len(leg.step_sizes) for leg in (TINY.answer, TINY.equations))
    assert len(parts) == expected_parts(TINY) + grown
    # by hand for the quick preset: starts 3 + 1 and 2 + 1, late 3, tuning 3·2 and 2·2, runs 6 and 4, small 6, cap 2,
    # sampled 2
    assert expected_parts(PRESETS["quick"]) == 4 + 3 + 3 + 6 + 4 + 6 + 4 + 6 + 2 + 2


def in_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "quick", TINY)
    cli.main(arguments(folder))


def test_a_finished_validation_computes_nothing_and_says_the_same(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = finished / "out"
    before = (out / "summary.json").read_text(), (out / "report.html").read_text()
    files = [path for path in [*out.glob("rows/*"), *out.glob("starts/**/*")] if path.is_file()]
    times = {path: path.stat().st_mtime_ns for path in files}

    def never(*_, **__):
        raise AssertionError("it computes")

    for learner in (Likelihood, Population, Groups):
        monkeypatch.setattr(learner, "step", never)
    for probe in (Measure, Prober, CapCheck, SampledProber):
        monkeypatch.setattr(probe, "__call__", never)
    monkeypatch.setattr(Measure, "exact", never)
    in_process(finished, monkeypatch)
    assert timeless((out / "summary.json").read_text()) == timeless(before[0])
    assert timeless((out / "report.html").read_text()) == timeless(before[1])
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_lost_and_damaged_parts_are_made_again_the_same(
    finished: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every fifth part is gone, one is cut, one start has no checkpoint: another order of work, the same rows."""
    out = finished / "out"
    before, text = content(out), (out / "summary.json").read_text()
    for path in sorted(path for path in (out / "rows").iterdir() if "_start_" not in path.name)[::5]:
        path.unlink()  # starts are made again only where something needs them
    cut = out / "rows" / "answer_late_1.prompts.parquet"
    if cut.exists():
        cut.write_bytes(cut.read_bytes()[:-20])
    (state,) = (out / "starts").glob("*/answer_1/step_*/state.json")
    state.unlink()
    run(finished, environment(tmp_path_factory))
    assert content(out) == before
    assert timeless((out / "summary.json").read_text()) == timeless(text)


# --- pieces --------------------------------------------------------------------------------------------------------


def test_the_exponent_is_that_of_the_states() -> None:
    rng = np.random.default_rng(0)
    tables = []
    for seed in range(2):
        p = rng.uniform(0.01, 0.99, 80)
        σ, target = np.sqrt(p * (1 - p)), np.repeat([0.0, 0.8], 40)
        κ = σ**1.7 * 10.0**target * np.sign(0.5 - p)
        tables.append({"pass_rate": p, "std": σ, "curvature_own": κ, "target": target, "seed": np.full(80, seed)})
    slope, error, number = measured_exponent(tables)
    assert slope == pytest.approx(1.7)
    assert error < 1e-6
    assert number == sum(((t["pass_rate"] <= 0.35) | (t["pass_rate"] > 0.65)).sum() for t in tables)


def test_other_data_are_another_run_and_the_same_data_elsewhere_are_not(tmp_path: Path) -> None:
    rows = [row(i) for i in range(40)]
    same, moved, other = (
        write_rows(tmp_path / name, part) for name, part in (("a", rows), ("b", rows), ("c", rows[:-1]))
    )
    first = Validate(data=same, preset="quick", out=tmp_path / "out")
    with Study(first.out, first.identity(), seed=0, inputs=first.questions.read().digest().encode()):
        pass  # it has begun
    prepare_validate(replace(first, data=moved))
    with pytest.raises(ValueError, match="which holds a run begun with other input files"):
        prepare_validate(replace(first, data=other))
    with pytest.raises(ValueError, match=r"which holds a run with plan.num_seeds = 2, this one has 3"):
        prepare_validate(replace(first, num_seeds=3))


@pytest.mark.slow
def test_the_quick_preset_from_end_to_end(tmp_path: Path) -> None:
    """The embedded generator, the command as users have it."""
    env = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    done = call(["gsm8k", "validate", "--preset", "quick", "--out", str(tmp_path / "out")], env)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "out" / "summary.json").read_text(), parse_constant=pytest.fail)
    assert {p["verdict"] for p in found["predictions"]} <= {CONFIRMED, REFUTED, OPEN}
    assert found["run"]["config"]["plan"]["answer"]["num_prompts"] == PRESETS["quick"].answer.num_prompts
    for p in found["predictions"]:
        assert f"{p['verdict']}  {p['name']}: {p['evidence']}" in done.stdout
    assert "http" not in (tmp_path / "out" / "report.html").read_text()
