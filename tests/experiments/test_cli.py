"""The real command: bad input gives one clear line and exit 2; help teaches."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.cli import main, one_line
from tests.command import COMMAND, call

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """What the command prints, in this process and tmp_path, on its way to exit status 2."""

    def run(*arguments: str) -> tuple[str, str]:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        assert stopped.value.code == 2
        return capsys.readouterr()

    return run


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def truncated_parquet(path: Path) -> Path:
    pq.write_table(pa.table({"pass_rate": np.linspace(0.1, 0.9, 50)}), path)
    path.write_bytes(path.read_bytes()[:-40])
    return path


BAD_ARGUMENTS = {
    "no command": (["--no-cache"], "Expected one of {reproduce, sweep, figure, phases, prove, gsm8k, logs, advise}"),
    "unknown command": (["reproduse"], "reproduse"),
    "unknown flag": (["reproduce", "--outt", "x"], "--outt"),
    "seed not a number": (["reproduce", "--seed", "abc"], "abc"),
    "seed negative": (["reproduce", "--seed", "-1"], "--seed is -1; allowed: an integer of at least 0"),
    "seed too large": (["reproduce", "--seed", "2147483648"], "--seed is 2147483648; allowed: 0 to 2147483647"),
    "seed fractional": (["reproduce", "--seed", "1.5"], "1.5"),
    "too few steps": (["reproduce", "--num-steps", "9"], "--num-steps is 9; allowed: an integer of at least 10"),
    "too many steps": (["reproduce", "--num-steps", "100001"], "--num-steps is 100001; allowed: 10 to 100000"),
    "one seed": (["reproduce", "--num-seeds", "1"], "--num-seeds is 1; allowed: an integer of at least 2"),
    "no samples": (["reproduce", "--assumed-samples", "0"], "--assumed-samples is 0; allowed"),
    "missing value": (["reproduce", "--out"], "--out"),
    "sweep of no file": (
        ["sweep", "none.toml"],
        "none.toml, which is not a file; allowed: a TOML file, or one of quick",
    ),
    "sweep out of range": (["sweep", "--coherence", "2"], "grid.coherence contains 2.0; allowed: finite numbers in [0"),
    "sweep without workers": (["sweep", "--workers", "0"], "--workers is 0; allowed: integers from 1"),
    "sweep too large": (["sweep", "--memory", "1KiB"], "memory is 1 KiB, but one run with num_prompts = 16"),
    "not a number": (["phases", "--num-seeds", "x"], "--num-seeds is x; allowed: a whole number"),
    "one number of two": (["advise", ".", "--chi", "1"], "--chi is 1; allowed: {None}|{FLOAT FLOAT} (see"),
    "a flag misspelt": (["advise", "none", "--jsn"], "Perhaps you meant: --json (see"),
    "a flag of another command": (["advise", ".", "--fresh"], "--fresh (applied to grpo-curvature advise) (see"),
    "a range": (["advise", ".", "--run-std", "-0.02"], "error: --run-std is -0.02; allowed: positive numbers"),
    "figure of nothing": (["figure", "none"], "DIR is none, which holds no sweep"),
    "phases of odd seeds": (["phases", "--num-seeds", "5"], "--num-seeds is 5; allowed: even numbers"),
    "prove an unknown statement": (["prove", "--only", "T99"], "--only is T99; allowed: T0, T1"),
    "prove by an unknown method": (["prove", "--methods", "guess"], "--methods is guess; allowed: formal, symbolic"),
    "gsm8k alone": (["gsm8k"], "Expected one of {validate, sft, train, probe, compare, fetch}"),
    "gsm8k unknown command": (["gsm8k", "tune"], "tune"),
    "gsm8k no checkpoint": (["gsm8k", "train"], "--checkpoint"),
    "gsm8k target": (["gsm8k", "sft", "--target", "2"], "--target is 2.0; allowed: numbers between 0 and 1"),
    "gsm8k no folder": (["gsm8k", "validate", "--data", "none"], "none is not a folder; allowed: a folder with train"),
    "gsm8k no such checkpoint": (
        ["gsm8k", "probe", "--checkpoint", "none"],
        "checkpoint is none, which is not a folder",
    ),
}


@pytest.mark.parametrize("case", BAD_ARGUMENTS)
def test_bad_arguments_give_one_line_and_exit_2(case: str, tmp_path: Path, refused) -> None:
    arguments, expected = BAD_ARGUMENTS[case]
    out, error = refused(*arguments)
    assert out == ""
    assert error.count("\n") == 1
    assert error.startswith("grpo-curvature: error: ")
    assert expected in error
    assert not list(tmp_path.iterdir())


def test_the_installed_command_refuses_too(tmp_path: Path) -> None:
    done = call("sweep", "none.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "none.toml, which is not a file" in done.stderr


BAD_FILES = {
    "missing": (lambda d: d / "none.csv", "is not a file"),
    "a folder": (lambda d: d, "is not a file"),
    "another kind": (lambda d: write(d / "a.txt", "pass_rate\n.5\n"), "allowed: .csv or .parquet"),
    "empty": (lambda d: write(d / "a.csv", ""), "cannot be read as csv"),
    "header only": (lambda d: write(d / "a.csv", "pass_rate\n"), "no rows"),
    "truncated row": (lambda d: write(d / "a.csv", "num_correct,num_samples\n1,4\n2"), "cannot be read as csv"),
    "truncated parquet": (lambda d: truncated_parquet(d / "a.parquet"), "cannot be read as parquet"),
    "columns": (lambda d: write(d / "a.csv", "rate\n.5\n"), "allowed: 'pass_rate'"),
    "above 1": (lambda d: write(d / "a.csv", "pass_rate\n.5\n1.5\n"), "holds 1.5 in row 2; allowed: numbers in [0, 1]"),
    "below 0": (lambda d: write(d / "a.csv", "pass_rate\n-0.1\n"), "holds -0.1 in row 1"),
    "nan": (lambda d: write(d / "a.csv", "pass_rate\n.5\nnan\n"), "holds nan in row 2; allowed: finite numbers"),
    "infinite": (lambda d: write(d / "a.csv", "pass_rate\ninf\n"), "allowed: finite numbers"),
    "missing entry": (lambda d: write(d / "a.csv", "pass_rate,x\n.5,1\n,2\n"), "row 2"),
    "words": (lambda d: write(d / "a.csv", "pass_rate\nmany\n"), "allowed: numbers"),
    "too many right": (lambda d: write(d / "a.csv", "num_correct,num_samples\n5,4\n"), "num_correct holds 5 in row 1"),
    "no samples": (lambda d: write(d / "a.csv", "num_correct,num_samples\n0,0\n"), "num_samples holds 0 in row 1"),
    "half a sample": (lambda d: write(d / "a.csv", "num_correct,num_samples\n0.5,4\n"), "num_correct holds 0.5"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_give_one_line_and_exit_2(case: str, tmp_path: Path, refused) -> None:
    make, expected = BAD_FILES[case]
    _, error = refused("reproduce", "--out", str(tmp_path / "out"), "--pass-rates", str(make(tmp_path)))
    assert error.count("\n") == 1
    assert expected in error
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_gives_one_line_and_exit_2(tmp_path: Path) -> None:
    file = write(tmp_path / "file", "")
    done = call("reproduce", "--out", str(file / "out"), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"--out is {file / 'out'}" in done.stderr
    assert "allowed: a folder that can be written to" in done.stderr


def test_the_bare_command_says_what_it_is_and_how_to_begin(tmp_path: Path) -> None:
    done = call(cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Should you divide each prompt's advantage by the standard deviation of its rewards")
    begun = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("    grpo-curvature ")]
    assert begun == ["reproduce", "sweep", "logs", "advise"]
    for command in begun:
        assert call(command, "--help", cwd=tmp_path).returncode == 0


def test_help_names_every_flag_and_exits_0(tmp_path: Path) -> None:
    first, second = call("--help", cwd=tmp_path), call("reproduce", "--help", cwd=tmp_path)
    assert first.returncode == second.returncode == 0
    assert "reproduce" in first.stdout
    for flag in ("--out", "--pass-rates", "--assumed-samples", "--seed", "--num-steps", "--num-seeds", "--fresh"):
        assert flag in second.stdout


def test_examples_keep_their_lines(tmp_path: Path) -> None:
    chain = call("gsm8k", "--help", cwd=tmp_path).stdout.splitlines()
    assert "    grpo-curvature gsm8k sft --data DIR --out A                     fine-tune to a mean pass rate" in chain
    assert sum(line.startswith("    grpo-curvature gsm8k ") for line in chain) == 7
    grid = call("sweep", "--help", cwd=tmp_path).stdout.splitlines()
    for line in ("[grid]                      # every combination is one setting", 'name = "coherence"'):
        assert f"    {line}" in grid


@pytest.mark.parametrize("arguments", [["--help"], ["sweep", "--rule", "grpo"], ["gsm8k", "sft", "--target", "2"]])
def test_help_and_refusals_load_nothing_that_computes(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\nfrom experiments import cli\n"
        f"try:\n    cli.main({arguments!r})\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('jax', 'scipy', 'matplotlib', 'dask', 'sympy', 'z3') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    with subprocess.Popen([COMMAND, "sweep", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_version_is_the_distribution_s(tmp_path: Path) -> None:
    done = call("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("grpo-curvature 0.")


def test_one_line_keeps_the_message_and_drops_the_frame() -> None:
    box = "╭─ Value error ─╮\n│ Error parsing --seed: bad │\n│ ─── │\n│ Argument helptext: │\n│ --seed INT │\n╰─╯\n"
    assert one_line(box) == "Error parsing --seed: bad (see grpo-curvature --help)"


def test_a_sweep_and_its_figures(tmp_path: Path) -> None:
    sizes = ["--num-prompts", "4", "--num-arms", "2", "--num-steps", "10", "--steps", "1", "10", "--tuning-seeds", "1"]
    grid = ["--seeds", "3", "--policy", "log-linear", "--horizon", "1", "--rule", "none", "group", "--workers", "1"]
    done = call("sweep", "quick", "--out", "here", *sizes, *grid, cwd=tmp_path, timeout=300)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "20 runs in 1 chunks" in done.stdout
    drawn = {"report.html", "phase_diagram.html", "summary.json", "cells.csv"}
    assert drawn <= {path.name for path in (tmp_path / "here").iterdir()}
    for name in drawn:
        (tmp_path / "here" / name).unlink()
    again = call("figure", "here", cwd=tmp_path, timeout=300)
    assert (again.returncode, again.stderr) == (0, ""), again.stderr
    assert drawn <= {path.name for path in (tmp_path / "here").iterdir()}
    other = call("sweep", "quick", "--out", "here", *sizes, *grid, "--seed", "7", cwd=tmp_path, timeout=300)
    assert other.returncode == 2
    assert "holds a run with seed = 0, this one has 7" in other.stderr
