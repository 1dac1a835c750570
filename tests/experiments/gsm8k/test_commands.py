"""`gsm8k sft`, `train` and `probe` for real: the chain, runs that are killed, disks that fill up, bad input.

Whatever computes runs as the command does, in a process of its own; compiled programs are kept between them.
"""

import json
import shutil
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import jax
import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file

from experiments import cli
from experiments.convergence.config import Reproduce
from experiments.folder import MANIFEST
from experiments.gsm8k.config import ProbeCheckpoint, Sft, Train, Validate
from experiments.language.learning.checkpoint import save_checkpoint
from experiments.language.learning.state import State
from experiments.language.model.architecture import initial_parameters
from experiments.language.model.model import make_model
from experiments.language.model.sizes import Sizes
from experiments.language.problems.questions import Questions
from experiments.language.problems.task import make_task
from tests import golden
from tests.experiments.gsm8k.processes import DOUBLE, call, environment, row, write_rows
from tests.experiments.gsm8k.runs import (
    FEW,
    SFT,
    assert_same_run,
    kill_midway,
    last_checkpoint,
    last_line,
    refused,
    running,
    succeed,
    tables,
)

pytestmark = pytest.mark.early


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return environment(tmp_path_factory)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 made-up rows."""
    return write_rows(tmp_path_factory.mktemp("data"), [row(i) for i in range(40)])


@pytest.fixture(scope="module")
def started(data: Path, env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of SFT in mode `answer` that reached its target."""
    out = tmp_path_factory.mktemp("sft") / "out"
    said = succeed([*SFT, "--data", str(data), "--target", "0.2", "--check-every", "10", "--out", str(out)], env)
    assert "(target 0.2 reached)" in said
    return out


# --- the chain -----------------------------------------------------------------------------------------------------


def test_sft_stops_at_its_target_and_says_what_it_saw(started: Path, data: Path) -> None:
    state = json.loads((last_checkpoint(started) / "state.json").read_text())
    parts = tables(started)
    looks = [(s, p) for part in parts.values() for s, p in zip(part["step"], part["train"], strict=True) if p == p]
    assert state["finished"]
    assert state["step"] == looks[-1][0]
    assert looks[-1][1] == state["look"]["train"] >= 0.2
    assert all(p < 0.2 for _, p in looks[:-1])
    steps = [s for part in parts.values() for s, p in zip(part["step"], part["train"], strict=True) if p != p]
    assert steps == list(range(state["step"]))
    for part in parts.values():
        assert set(part["schema_version"]) == {1}
        assert len(set(part["run_id"])) == len(set(part["commit"])) == len(set(part["device"])) == 1
        config = json.loads(part["config"][0])
        assert config["command"] == "gsm8k sft"
        assert "data" not in config["questions"]  # what they hold counts, through the run id, not where they lie
        assert set(part["run_id"]) == {state["run_id"]}


def test_a_finished_run_is_left_as_it_is(started: Path, data: Path, env: dict[str, str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in started.rglob("*") if path.is_file()}
    arguments = [*SFT, "--data", str(data), "--target", "0.2", "--check-every", "10", "--out", str(started)]
    assert "(target 0.2 reached)" in succeed(arguments, env)
    assert {path: path.stat().st_mtime_ns for path in started.rglob("*") if path.is_file()} == before


KILLED = {
    "sft": "--target .9 --max-steps 60 --check-every 3 --schedule cosine --warmup 5",
    "train": "--num-steps 30 --save-every 2 --optimiser adam --step-size .002 --prompts-per-step 3 --group-size 4 "
    "--num-updates 2 --clip .2 --kl .05 --max-norm 1",
}


@pytest.mark.parametrize("kind", KILLED)
def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    kind: str, started: Path, data: Path, env: dict[str, str], tmp_path: Path
) -> None:
    given = [*SFT, "--data", str(data)] if kind == "sft" else ["gsm8k", "train", "--checkpoint", str(started)]
    arguments = [*given, *KILLED[kind].split()]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    succeed([*arguments, "--out", str(whole)], env)
    kill_midway([*arguments, "--out", str(killed)], killed, env, parts=4)
    final = int(last_checkpoint(whole).name.removeprefix("step_"))
    reached = [int(path.name.removeprefix("step_")) for path in killed.glob("step_*")]
    assert 0 < max(reached) < final
    succeed([*arguments, "--out", str(killed)], env)
    assert_same_run(whole, killed)
    parameters = load_file(last_checkpoint(whole) / "model.safetensors")
    begun = load_file(last_checkpoint(started) / "model.safetensors")
    assert any((parameters[name] != begun[name]).any() for name in begun)  # it did learn something


@pytest.mark.slow
def test_equations_are_sampled_trained_and_probed(data: Path, env: dict[str, str], tmp_path: Path) -> None:
    A, B, C = (str(tmp_path / name) for name in "ABC")
    asked = ["--mode", "equations", "--response-length", "16", "--num-samples", "2"]
    limits = ["--target", "0.05", "--max-steps", "60", "--check-every", "60"]
    said = succeed([*SFT, "--data", str(data), *asked, *limits, "--out", A], env)
    assert "mean pass rate" in said
    train = ["gsm8k", "train", "--checkpoint", A, "--num-steps", "2", "--save-every", "2", "--num-samples", "2"]
    succeed([*train, "--prompts-per-step", "4", "--group-size", "4", "--estimator", "trl", "--out", B], env)
    (first,) = tables(Path(B)).keys() - {"steps_00000002.parquet"}
    rows = tables(Path(B))[first]
    assert np.nansum(rows["response_length"]) > 0
    assert np.nanmax(rows["response_length"]) <= 16
    said = succeed(["gsm8k", "probe", "--checkpoint", B, "--half-samples", "4", "--out", C], env)
    summary = json.loads((tmp_path / "C" / "summary.json").read_text(), parse_constant=pytest.fail)
    assert summary["exact"] is False
    prompts = pq.read_table(tmp_path / "C" / "prompts.parquet").to_pydict()
    assert len(prompts["prompt"]) == 8
    assert np.isfinite(prompts["curvature"]).all()
    if not summary["cross_ratio_resolved"]:
        assert "χ not resolved" in said


def test_the_sampled_probe_says_what_is_inside_its_noise(started: Path, env: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "probe"
    asked = ["gsm8k", "probe", "--checkpoint", str(started), "--sampled", "--half-samples", "4", "--out", str(out)]
    said = succeed(asked, env)
    summary = json.loads((out / "summary.json").read_text(), parse_constant=pytest.fail)
    assert summary["exact"] is False
    prompts = {name: np.array(column) for name, column in pq.read_table(out / "prompts.parquet").to_pydict().items()}
    assert len(prompts["prompt"]) == 8
    noise = 2 * np.maximum(prompts["curvature_error"], prompts["curvature_null"])
    np.testing.assert_array_equal(prompts["curvature_resolved"], np.abs(prompts["curvature"]) > noise)
    assert set((prompts["pass_rate"] * 8).tolist()) <= set(range(9))  # 2 halves of 4
    assert ("χ not resolved" in said) == (not summary["cross_ratio_resolved"])
    assert ("no relation with σ may be read from it" in said) == (summary["curvature_resolved"] <= 0.5)


def test_population_steps_exist_in_the_exact_modes_alone(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = Questions(data=data, mode="equations", num_prompts=8)
    task = make_task(questions, questions.read(), seed=0)
    sizes = Sizes(width=16, num_layers=1, num_heads=2, num_kv_heads=1, mlp_width=16)
    architecture = sizes.architecture(task.vocabulary.size)
    parameters = initial_parameters(architecture, key=jax.random.key(0))
    model = make_model(architecture, task.vocabulary)
    save_checkpoint(tmp_path / "A", State(parameters, ()), model, task.vocabulary, {"mode": "equations"})
    arguments = ["gsm8k", "train", "--checkpoint", str(tmp_path / "A"), "--exact", "--out", str(tmp_path / "B")]
    assert "--exact is set and the mode is 'equations'; allowed: modes 'answer' and 'step'" in refused(
        arguments, capsys
    )
    assert not (tmp_path / "B").exists()


def test_the_exact_probe_in_double_precision(started: Path, env: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "probe"
    effort = ["--num-spectra", "1", "--num-wrong", "0", "--float64"]
    said = succeed(["gsm8k", "probe", "--checkpoint", str(started), *effort, "--out", str(out)], env)
    found = {name: np.array(column) for name, column in pq.read_table(out / "prompts.parquet").to_pydict().items()}
    summary = json.loads((out / "summary.json").read_text(), parse_constant=pytest.fail)
    assert summary["exact"] is True
    log_p, p, σ = found["log_p"], found["pass_rate"], found["std"]
    assert (log_p != np.float32(log_p)).all()  # truly double precision
    # the state's pass rate is the one that SFT saw, to float32's rounding through the transformer
    state = json.loads((last_checkpoint(started) / "state.json").read_text())
    assert p.mean() == pytest.approx(state["look"]["train"], rel=1e-4)
    np.testing.assert_allclose(σ, np.sqrt(p * (1 - p)), rtol=1e-10)
    np.testing.assert_allclose(found["gradient_norm"], p * found["score_norm"], rtol=1e-10)
    assert summary["curvature_per_std_max"] == pytest.approx(np.abs(found["curvature_own"] / σ).max())
    (i,) = np.flatnonzero(np.isfinite(found["eigenvalue_least"]))
    slack = 0.01 * abs(found["eigenvalue_greatest"][i])  # Lanczos' own tolerance
    assert found["eigenvalue_least"][i] - slack <= found["curvature_own"][i] <= found["eigenvalue_greatest"][i] + slack
    assert f"χ {summary['cross_ratio']:.3f}" in said
    for column in ("run_id", "schema_version", "config", "commit", "versions", "device", "wall_time_s"):
        assert len(set(found[column].tolist())) == 1


def test_the_exact_probe_says_what_it_said(data: Path, env: dict[str, str], tmp_path: Path) -> None:
    effort = ["--num-spectra", "1", "--num-wrong", "0", "--float64"]
    for arguments in (
        [*SFT, "--data", str(data), "--target", "0.2", "--check-every", "10", "--out", str(tmp_path / "sft")],
        ["gsm8k", "probe", "--checkpoint", str(tmp_path / "sft"), *effort, "--out", str(tmp_path / "probe")],
    ):
        program = DOUBLE + "from experiments.cli import main\nmain()"
        done = call(arguments, env, [sys.executable, "-c", program])
        assert done.returncode == 0, done.stderr[-2000:]
    summary = json.loads((tmp_path / "probe" / "summary.json").read_text())
    golden.check("gsm8k_probe", {k: v for k, v in summary.items() if k != "wall_time_s"}, rel=1e-6)


# --- what goes wrong -----------------------------------------------------------------------------------------------

FULL = """
import errno, sys
from experiments import store
number, real = int(sys.argv.pop(1)), store.write_bytes
def full(path, content):
    global number
    number -= 1
    if number < 0:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))
    real(path, content)
store.write_bytes = full
from experiments.cli import main
main()
"""


@pytest.mark.parametrize("number", [0, 1, 8])  # the manifest; the first rows; the middle of the second checkpoint
def test_a_full_disk_gives_one_line_and_the_run_goes_on_later(
    number: int, started: Path, env: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "full"
    arguments = ["gsm8k", "train", "--checkpoint", str(started), "--exact", "--num-steps", "6", "--save-every", "2"]
    arguments += ["--step-size", "0.001", "--rule", "power", "--optimiser", "momentum"]
    done = call([str(number), *arguments, "--out", str(out)], env, [sys.executable, "-c", FULL])
    line = last_line(done)
    assert "No space left on device" in line
    assert "finished parts are kept" in line or ".partial cannot be written to" in line
    assert len(list(out.glob("step_*"))) == (number > 1)
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]
    if number == 8:
        succeed([*arguments, "--out", str(out)], env)
        succeed([*arguments, "--out", str(tmp_path / "whole")], env)
        assert_same_run(tmp_path / "whole", out)


@pytest.mark.parametrize(("size", "what"), [("1e17", "the pass rate at step 1"), ("1e30", "the update of step 0")])
def test_divergence_gives_one_line_and_is_not_saved(
    size: str, what: str, started: Path, env: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    train = ["gsm8k", "train", "--checkpoint", str(started), "--exact", "--step-size", size, "--num-steps", "1"]
    line = last_line(call([*train, "--out", str(out)], env))
    assert f"{what} is not finite" in line
    assert "smaller --step-size" in line
    assert last_checkpoint(out).name == "step_00000000"
    for value in load_file(last_checkpoint(out) / "model.safetensors").values():
        assert np.isfinite(value).all()


def train_again(started: Path, out: Path) -> list[str]:
    return ["gsm8k", "train", "--checkpoint", str(started), "--out", str(out)]


def test_another_configuration_into_the_same_folder_is_refused(
    started: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in started.rglob("*") if path.is_file()}
    base = [*SFT, "--data", str(data), "--target", "0.2", "--check-every", "10", "--out", str(started)]
    other = write_rows(tmp_path / "other", [row(i) for i in range(39)])
    for arguments, expected in (
        ([*base, "--seed", "1"], "with seed = 0, this one has 1"),
        ([*base, "--target", "0.3"], "with target = 0.2, this one has 0.3"),
        ([*base, "--data", str(other)], "begun with other input files"),
        (train_again(started, started), "of `gsm8k sft`; allowed: a folder of its own"),
        (["gsm8k", "probe", "--checkpoint", str(started), "--out", str(started)], "of `gsm8k sft`"),
        (["reproduce", "--fresh", "--out", str(started)], "of `gsm8k sft`"),
    ):
        line = refused(arguments, capsys)
        assert f"--out is {started}, which holds a run {expected}" in line
    assert {path: path.read_bytes() for path in started.rglob("*") if path.is_file()} == before


def test_rows_whose_checkpoint_was_moved_away_are_not_made_anew(
    started: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(started, copy)
    last_checkpoint(copy).rename(tmp_path / "moved")
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    line = refused([*SFT, "--data", str(data), "--target", "0.2", "--check-every", "10", "--out", str(copy)], capsys)
    assert f"--out is {copy}, which holds rows up to step " in line
    assert "and no checkpoint; allowed: the checkpoint that was moved away put back, or another --out" in line
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_a_second_process_is_refused_at_once_and_the_first_goes_on(
    started: Path, env: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["gsm8k", "train", "--checkpoint", str(started), "--exact", "--num-steps", "200", "--save-every", "5"]
    arguments += ["--step-size", "0.001", "--out", str(out)]
    with running(arguments, out, env, parts=2):
        assert f"--out is {out}, where process " in refused(arguments, capsys)
    before = [int(path.name.removeprefix("step_")) for path in out.glob("step_*")]
    (out / f".step_{before[0]:08d}.1.partial").mkdir()  # as a killed process may leave them
    (out / f".step_{before[0]:08d}.1.old").mkdir()
    succeed(arguments, env)
    assert last_checkpoint(out).name == "step_00000200"
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "rows", "step_00000200"]


@pytest.mark.parametrize("mark", ["parts/chunk-00000.parquet", "rows/theorem.parquet", "step_00000003/state.json"])
def test_a_folder_of_something_else_is_refused_and_nothing_in_it_is_touched(
    mark: str, started: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (out / mark).parent.mkdir(parents=True)
    (out / mark).write_text("mine")
    for arguments in ([*SFT, "--data", str(data), "--out", str(out)], train_again(started, out)):
        assert f"of a run that left no {MANIFEST}; allowed: an empty folder" in refused(arguments, capsys)
    assert (out / mark).read_text() == "mine"
    assert [path for path in out.rglob("*") if path.is_file()] == [out / mark]


def test_sft_from_a_checkpoint_of_other_content_is_another_run(
    started: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], env: dict[str, str]
) -> None:
    """The path is the same; what lies there is not."""
    base, out = tmp_path / "base", tmp_path / "out"
    shutil.copytree(started, base)
    arguments = ["gsm8k", "sft", "--checkpoint", str(base), *FEW, "--data", str(data), "--target", "0.01"]
    succeed([*arguments, "--out", str(out)], env)
    path = last_checkpoint(base) / "model.safetensors"
    save_file({name: value * np.float32(1.01) for name, value in load_file(path).items()}, path)
    assert "which holds a run with checkpoint = " in refused([*arguments, "--out", str(out)], capsys)


def test_a_checkpoint_says_when_its_data_are_gone_or_others(
    started: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    other = write_rows(tmp_path / "other", [row(i) for i in range(39)])
    line = refused([*train_again(started, out), "--data", str(other)], capsys)
    assert f"was trained on; allowed: the same rows (it read {data})" in line
    line = refused([*train_again(started, out), "--data", str(tmp_path / "gone")], capsys)
    assert "gone, which is not a folder; allowed" in line
    assert not out.exists()


BAD_ROWS = {
    "no folder": (None, "is not a folder; allowed: a folder with train.jsonl and test.jsonl"),
    "no test": ([json.dumps(row(0))], "has no test.jsonl or test.parquet"),
    "empty": ([""], "no rows"),
    "truncated": ([json.dumps(row(0)), json.dumps(row(1))[:-9]], "train.jsonl line 2 is not JSON"),
    "none": (['{"question": "How many?", "answer": null}'], "train.jsonl line 1: answer is NoneType; allowed: text"),
    "NaN": (['{"question": NaN, "answer": "#### 3"}'], "train.jsonl line 1: question is float; allowed: text"),
    "no answer": (['{"question": "How many?", "answer": "3"}'], "1 no final answer"),
    "not numeric": (['{"question": "How many?", "answer": "#### many"}'], "1 answer not numeric"),
    "no box": (['{"problem": "How many?", "solution": "It is 3."}'], "1 no boxed answer"),
    "a list": (["[1, 2]"], "line 1 is list; allowed: an object"),
    "other keys": (['{"q": "How many?", "a": "#### 3"}'], "allowed: 'question' and 'answer' (GSM8K)"),
    "too few": ([json.dumps(row(0))], "--num-prompts is 8; allowed: at most 1, as 1 training problems fit"),
}


@pytest.mark.parametrize("command", ["sft", "validate"])
@pytest.mark.parametrize("case", BAD_ROWS)
def test_bad_rows_are_refused_before_anything_is_written(
    case: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, expected = BAD_ROWS[case]
    if case == "too few" and command == "validate":
        pytest.skip("a validation counts what fits when it encodes the prompts")
    folder, out = tmp_path / "data", tmp_path / "out"
    if lines is not None:
        folder.mkdir()
        (folder / "train.jsonl").write_text("\n".join(lines) + "\n")
        if case != "no test":
            (folder / "test.jsonl").write_text(json.dumps(row(30)) + "\n")
    arguments = [*SFT] if command == "sft" else ["gsm8k", "validate", "--preset", "quick"]
    assert expected in refused([*arguments, "--data", str(folder), "--out", str(out)], capsys)
    assert not out.exists()


def damage(started: Path, copy: Path, name: str, content: bytes | None) -> Path:
    """A copy of the run with one file of its checkpoint cut to half, replaced, or (None) removed."""
    shutil.copytree(started, copy)
    path = last_checkpoint(copy) / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content or path.read_bytes()[: path.stat().st_size // 2])
    return copy


BAD_CHECKPOINTS = {
    "model cut": ("model.safetensors", b"", "model.safetensors"),
    "model gone": ("model.safetensors", None, "model.safetensors"),
    "config cut": ("config.json", b"", "config.json"),
    "config gone": ("config.json", None, "config.json"),
    "vocabulary cut": ("vocabulary.json", b"", "vocabulary.json"),
    "vocabulary gone": ("vocabulary.json", None, "vocabulary.json"),
    "state cut": ("state.json", b"", "state.json"),
    "state not an object": ("state.json", b"[1]", "state.json"),
}


@pytest.mark.parametrize("command", ["train", "probe"])
@pytest.mark.parametrize("case", BAD_CHECKPOINTS)
def test_damaged_checkpoints_are_refused_by_name(
    case: str, command: str, started: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, content, expected = BAD_CHECKPOINTS[case]
    copy = damage(started, tmp_path / "copy", name, content)
    line = refused(["gsm8k", command, "--checkpoint", str(copy), "--out", str(tmp_path / "out")], capsys)
    assert expected in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content"), [("optimizer.safetensors", b""), ("optimizer.safetensors", None), ("state.json", b"")]
)
def test_a_run_whose_own_checkpoint_is_damaged_is_refused_by_name(
    name: str, content: bytes | None, started: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = damage(started, tmp_path / "copy", name, content)
    arguments = [*SFT, "--data", str(data), "--target", "0.2", "--check-every", "10", "--out", str(copy)]
    assert name in refused(arguments, capsys)


def test_folders_that_are_no_checkpoints_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for command in ("train", "probe"):
        for name, expected in (("none", "none, which is not a folder"), ("empty", "config.json")):
            out = tmp_path / "out"
            checkpoint = str(tmp_path / name)
            line = refused(["gsm8k", command, "--checkpoint", checkpoint, "--out", str(out)], capsys)
            assert expected in line
            assert not out.exists()


@pytest.mark.parametrize(
    ("flag", "value", "allowed"),
    [
        ("--width", "0", "at least 1"),
        ("--num-layers", "0", "at least 1"),
        ("--num-heads", "0", "at least 1"),
        ("--num-kv-heads", "0", "at least 1"),
        ("--mlp-width", "0", "at least 1"),
        ("--num-heads", "3", "a divisor of width, 16"),
        ("--num-kv-heads", "3", "a divisor of num_heads, 2"),
        ("--width", "6", "an even number"),
    ],
)
def test_sizes_that_make_no_transformer_are_refused(
    flag: str, value: str, allowed: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*SFT, "--data", str(data), "--out", str(tmp_path / "out"), flag, value]
    assert allowed in refused(arguments, capsys)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_refused(
    started: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    out = ["--out", str(tmp_path / "file" / "out")]
    for arguments in (
        [*SFT, "--data", str(data)],
        ["gsm8k", "train", "--checkpoint", str(started)],
        ["gsm8k", "probe", "--checkpoint", str(started)],
        ["gsm8k", "validate", "--data", str(data)],
    ):
        assert "file is not a folder; allowed: a folder that can be written to" in refused([*arguments, *out], capsys)


# --- help ----------------------------------------------------------------------------------------------------------


def flags_of(command: type) -> set[str]:
    """Every flag of a command, those of nested dataclasses too."""
    found = set()
    for field in fields(command):
        kind = get_type_hints(command)[field.name]
        if is_dataclass(kind):
            found |= flags_of(kind)
        else:
            found.add("--" + field.name.replace("_", "-"))
    return found


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["gsm8k", "sft"], Sft),
        (["gsm8k", "train"], Train),
        (["gsm8k", "probe"], ProbeCheckpoint),
        (["gsm8k", "validate"], Validate),
        (["reproduce"], Reproduce),
    ],
)
def test_help_names_every_flag(arguments: list[str], command: type, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([*arguments, "--help"])
    assert stop.value.code in (0, None)
    said = capsys.readouterr().out
    expected = flags_of(command)
    assert len(expected) >= 5
    assert {flag for flag in expected if flag not in said} == set()
    assert ("--data" in said) == (command not in (Reproduce,))
    if command in (Sft, Train, ProbeCheckpoint):
        assert {"--num-prompts", "--mode"} <= {"--" + f.name.replace("_", "-") for f in fields(Questions)}


def test_help_of_gsm8k_teaches_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["gsm8k", "--help"])
    said = capsys.readouterr().out
    for words in ("gsm8k validate", "gsm8k sft --data DIR", "gsm8k train --checkpoint", "gsm8k probe --checkpoint"):
        assert words in said
