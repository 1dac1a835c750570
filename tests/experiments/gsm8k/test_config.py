"""Every flag refuses what it cannot take, in one sentence; a run's identity holds what decides its results."""

import json
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from experiments.cli import parse
from experiments.gsm8k.compare.config import Compare
from experiments.gsm8k.config import ProbeCheckpoint, Sft, Train, Validate
from experiments.gsm8k.plan import PRESETS, STEP_RATIO, Sizes
from experiments.language.problems.questions import Questions

SFT, TRAIN, PROBE, VALIDATE = ["sft"], ["train", "--checkpoint", "A"], ["probe", "--checkpoint", "A"], ["validate"]
COMPARE = ["compare", "--model", "A"]

QUESTIONS = [
    ("--num-prompts", "0", "an integer of at least 1"),
    ("--num-prompts", "1.5", "1.5"),
    ("--num-test", "-3", "an integer of at least 1"),
    ("--prompt-length", "0", "an integer of at least 1"),
    ("--response-length", "0", "an integer of at least 1"),
    ("--vocabulary-size", "0", "an integer of at least 1"),
    ("--mode", "essay", "essay"),
]
SEED = [
    ("--seed", "-1", "an integer of at least 0"),
    ("--seed", "2147483648", "0 to 2147483647"),
    ("--seed", "x", "x"),
    ("--out", "", "a folder of its own"),
    ("--out", ".", "a folder of its own"),
]
POSITIVE = [("--step-size", value, "positive numbers") for value in ("0", "-1", "nan", "inf")]
BAD = {
    "sft": [
        *QUESTIONS,
        *SEED,
        *POSITIVE,
        *[("--target", value, "between 0 and 1") for value in ("0", "1", "1.5", "-0.1", "nan")],
        ("--schedule", "stairs", "stairs"),
        ("--warmup", "-1", "an integer of at least 0"),
        *[(f"--{n}", "0", "at least 1") for n in ("batch-size", "max-steps", "check-every", "num-samples")],
    ],
    "train": [
        ("--train", "first", "all, last:LAYERS (last:4) or lora:RANK (lora:8)"),
        ("--rule", "maxrl", "--rule is maxrl; allowed without --exact: none, group, batch, power(A)"),
        *QUESTIONS,
        *SEED,
        *POSITIVE,
        ("--rule", "grpo", "--rule is 'grpo'; allowed: none, group, batch, maxrl, or power(A)"),
        *[("--rule", value, "allowed: ") for value in ("pooled", "decoupled", "power(-1)", "power(9)", "")],
        *[("--alpha", value, "numbers in [0, 8]") for value in ("-1", "9", "nan")],
        ("--estimator", "ppo", "allowed: "),
        ("--optimiser", "lion", "lion"),
        ("--schedule", "stairs", "stairs"),
        *[("--max-norm", value, "positive numbers") for value in ("0", "nan")],
        ("--group-size", "1", "an integer of at least 2"),
        ("--warmup", "-1", "an integer of at least 0"),
        *[("--clip", value, "between 0 and 1") for value in ("0", "1", "nan")],
        *[("--kl", value, "at least 0") for value in ("-0.1", "nan", "inf")],
        *[
            (f"--{n}", "0", "at least 1")
            for n in ("num-steps", "prompts-per-step", "num-updates", "save-every", "num-samples")
        ],
    ],
    "probe": [
        ("--train", "last:0", "all, last:LAYERS (last:4) or lora:RANK (lora:8)"),
        ("--memory", "0", "an integer of at least 1"),
        *QUESTIONS,
        *SEED,
        *POSITIVE,
        ("--num-spectra", "-1", "an integer of at least 0"),
        ("--num-wrong", "-1", "an integer of at least 0"),
        ("--half-samples", "1", "an integer of at least 2"),
    ],
    "validate": [
        *SEED,
        ("--num-seeds", "1", "an integer of at least 2"),
        ("--num-seeds", "101", "2 to 100"),
        ("--train", "last:4", "--train is last:4; allowed with --model only"),
        ("--preset", "huge", "huge"),
        ("--optimiser", "adamw", "adamw"),
    ],
    "compare": [
        *SEED,
        ("--train", "first", "all, last:LAYERS (last:4) or lora:RANK (lora:8)"),
        ("--rules", "none", "two rules or more, each once"),
        ("--optimiser", "lion", "lion"),
        ("--step-sizes", "0.001", "two numbers or more, ascending"),
        ("--step-sizes", "-1", "positive numbers"),
        *[(f"--{n}", "0", "at least 1") for n in ("num-steps", "num-prompts", "num-test", "num-tuning")],
        *[(f"--{n}", "1", "at least 2") for n in ("group-size", "num-sets", "num-looks")],
        ("--num-looks", "66", "2 to 65"),
        *[("--prompts-per-step", *row) for row in (("0", "at least 1"), ("129", "up to --num-prompts, 128"))],
    ],
}
BASE = {"sft": SFT, "train": TRAIN, "probe": PROBE, "validate": VALIDATE, "compare": COMPARE}


@pytest.mark.parametrize(
    ("command", "flag", "value", "allowed"),
    [(c, *row) for c, rows in BAD.items() for row in rows],
)
def test_a_bad_flag_is_refused_in_one_line(
    command: str, flag: str, value: str, allowed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises((ValueError, SystemExit)) as stop:
        parse(["gsm8k", *BASE[command], flag, value])
    message = capsys.readouterr().err.strip() if isinstance(stop.value, SystemExit) else str(stop.value)
    assert getattr(stop.value, "code", 2) == 2
    assert "\n" not in message
    assert allowed in message
    assert flag.removeprefix("--").replace("-", "_") in message.replace("-", "_")


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        (("--rules", "none", "none"), "two rules or more, each once"),
        (("--rules", "power", "power(2)"), "two rules or more, each once"),
        (("--rules", "none", "maxrl"), "--rules has maxrl; allowed: none, group, batch, power(A)"),
        (("--rules", "none", "grpo"), "--rules: rule is 'grpo'; allowed: "),
        (("--step-sizes", "2e-4", "1e-4"), "--step-sizes is 0.0002 0.0001; allowed: two numbers or more, ascending"),
        (("--step-sizes", "1e-4", "1e-4"), "ascending"),
    ],
)
def test_a_comparison_refuses_lists_that_make_none(
    values: tuple[str, ...], allowed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(["gsm8k", *COMPARE, *values])
    assert allowed in capsys.readouterr().err


def test_every_flag_has_a_bad_value() -> None:
    """No flag is left untried, but those for which every value is allowed."""
    free = {"data", "download", "checkpoint", "exact", "sampled", "float64", "model"}  # the model: test_sets.py
    sizes = {field.name for field in fields(Sizes)}  # the architecture's, tried in test_commands.py
    for name, command in (("sft", Sft), ("train", Train), ("probe", ProbeCheckpoint), ("validate", Validate),
                          ("compare", Compare)):  # fmt: skip
        flags = {field.name for field in fields(command)} - {"questions", "sizes"} - sizes - free
        flags |= set() if command in (Validate, Compare) else {field.name for field in fields(Questions)} - free
        assert flags == {flag.removeprefix("--").replace("-", "_") for flag, _, _ in BAD[name]}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Questions(data=Path("x"), download=True), "--download is set and --data is x; allowed: one of them"),
        (lambda: Validate(data=Path("x"), download=True), "--download is set and --data is x; allowed: one of them"),
        (lambda: Train(Path("a"), exact=True, estimator="trl"), "--estimator is 'trl'; allowed with --exact: none"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message.replace("(", r"\(")):
        make()


CHANGES = {
    Sft: {
        "sizes": Sizes(width=64),
        "questions": Questions(num_prompts=5),
        "checkpoint": Path("c"),
        "target": 0.3,
        "step_size": 0.1,
        "schedule": "cosine",
        "warmup": 3,
        "batch_size": 5,
        "max_steps": 5,
        "check_every": 5,
        "num_samples": 5,
        "seed": 5,
    },
    Train: {
        "questions": Questions(num_prompts=5),
        "checkpoint": Path("c"),
        "rule": "none",
        "alpha": 3.0,
        "estimator": "trl",
        "train": "last:1",
        "exact": True,
        "num_steps": 5,
        "step_size": 0.1,
        "optimiser": "adam",
        "schedule": "cosine",
        "warmup": 3,
        "max_norm": 1.0,
        "prompts_per_step": 5,
        "group_size": 5,
        "num_updates": 5,
        "clip": 0.2,
        "kl": 0.1,
        "save_every": 5,
        "num_samples": 5,
        "seed": 5,
    },
    ProbeCheckpoint: {
        "train": "last:1",
        "memory": 5,
        "questions": Questions(num_prompts=5),
        "checkpoint": Path("c"),
        "step_size": 0.1,
        "num_spectra": 5,
        "num_wrong": 5,
        "half_samples": 5,
        "sampled": True,
        "float64": True,
        "seed": 5,
    },
}


@pytest.mark.parametrize("command", CHANGES)
def test_the_identity_holds_every_field_but_the_folder(command) -> None:
    base = command() if command is Sft else command(Path("a"))
    same = json.dumps(base.identity(), sort_keys=True)
    assert json.dumps(replace(base, out=Path("elsewhere")).identity(), sort_keys=True) == same
    assert set(CHANGES[command]) == {field.name for field in fields(command)} - {"out"}
    for name, value in CHANGES[command].items():
        assert json.dumps(replace(base, **{name: value}).identity(), sort_keys=True) != same, name
    assert base.identity()["command"].startswith("gsm8k ")


def test_a_validation_s_identity_is_its_plan_and_not_where_its_data_lie() -> None:
    base = Validate(preset="quick")
    for other in (replace(base, out=Path("b")), replace(base, data=Path("d")), replace(base, download=True)):
        assert other.identity() == base.identity()
    for other in (replace(base, preset="cpu"), replace(base, num_seeds=9), replace(base, optimiser="adam")):
        assert other.identity() != base.identity()
    json.dumps(base.identity(), allow_nan=False)


def test_the_plan_takes_seeds_and_the_optimiser_s_steps() -> None:
    quick = PRESETS["quick"]
    assert Validate(preset="quick").plan() == quick
    more = Validate(preset="quick", num_seeds=7).plan()
    assert more == replace(quick, num_seeds=7, num_sft_seeds=9)  # two that RL is not reported on give α
    assert Validate(preset="quick", num_seeds=2).plan() == replace(quick, num_seeds=2, num_sft_seeds=4)
    assert Validate(preset="quick", seed=5).plan() == replace(quick, first_seed=5)
    adam = Validate(preset="quick", optimiser="adam").plan()
    assert adam.answer.step_sizes == tuple(STEP_RATIO["adam"] * s for s in quick.answer.step_sizes)
    assert adam.optimiser == "adam"


def test_a_rule_s_exponent_stands_in_its_name_or_beside_it() -> None:
    rules = [Train(Path("a"), rule=rule, alpha=1.5).chosen_rule() for rule in ("power", "power(1.5)", "power(3)")]
    assert [rule.name for rule in rules] == ["power(1.5)", "power(1.5)", "power(3)"]
    assert parse(["gsm8k", *TRAIN, "--rule", "power", "--alpha", "3"]).chosen_rule() == rules[2]
    assert parse(["gsm8k", *TRAIN, "--rule", "power(3)"]).chosen_rule() == rules[2]
    assert parse(["gsm8k", *TRAIN]).chosen_rule().name == "group"


def test_no_library_is_imported_to_read_flags() -> None:
    """JAX alone takes a second."""
    heavy = "{'jax', 'scipy', 'optax', 'equinox', 'tokenizers', 'matplotlib'}"
    program = f"import sys, experiments.gsm8k.config; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
