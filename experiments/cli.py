"""The command `grpo-curvature`: flags from frozen dataclasses (tyro); bad input gives one line and exit status 2."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import re
import sys
from collections.abc import Callable
from typing import Annotated

import tyro

from experiments.convergence import run as convergence
from experiments.convergence.config import Reproduce
from experiments.gsm8k.config import ProbeCheckpoint, Sft, Train, Validate

NAME = "grpo-curvature"
DESCRIPTION = """Exact local curvature and convergence of GRPO against REINFORCE (after arXiv 2601.23135).

Start with `grpo-curvature reproduce --out DIR` and open DIR/report.html: the theorem on the simulator. Then
`grpo-curvature gsm8k validate --out DIR`: the theory's predictions on a small language model. `--help` after any
command lists its options."""
GSM8K = """A small language model on GSM8K: train it, measure it, hold the theory against it.

    grpo-curvature gsm8k validate                                   the whole chain, with a report (up to 15 minutes)
    grpo-curvature gsm8k sft --data DIR --out A                     fine-tune to a mean pass rate
    grpo-curvature gsm8k train --checkpoint A --data DIR --rule group --exact --out B
    grpo-curvature gsm8k probe --checkpoint B --data DIR            curvature, orthogonality, σ"""


def one_line(text: str) -> str:
    """Tyro's boxed message as one line: the message itself, without frames, rules and the pointer to help."""
    lines = [re.sub(r"[╭╮╰╯│┃]", " ", line).strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()]
    kept = [line for line in lines if line and not line.startswith("─") and "full helptext" not in line]
    message: list[str] = []
    for line in kept:
        if line.startswith("Argument helptext"):
            break
        message.append(line)
    return " ".join(message) + f" (see {NAME} --help)"


def fail(message: str) -> int:
    """One line on standard error; the exit status of bad input."""
    print(f"{NAME}: error: {' '.join(message.split())}", file=sys.stderr)
    return 2


Gsm8kCommand = Annotated[
    Annotated[Validate, tyro.conf.subcommand("validate")]
    | Annotated[Sft, tyro.conf.subcommand("sft")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[ProbeCheckpoint, tyro.conf.subcommand("probe")],
    tyro.conf.arg(name=""),
]
Command = Reproduce | Validate | Sft | Train | ProbeCheckpoint


def gsm8k(command: Gsm8kCommand) -> Command:
    """The subcommand of `gsm8k`; its docstring is replaced by GSM8K, which teaches."""
    return command


gsm8k.__doc__ = GSM8K


def parse(arguments: list[str]) -> Command:
    """The command that the arguments name.

    Raises:
        SystemExit: with status 0 after --help; with status 2 and a one-line message for bad arguments.
        ValueError: an argument outside its range.
    """
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            return tyro.extras.subcommand_cli_from_dict(
                {"reproduce": Reproduce, "gsm8k": gsm8k}, prog=NAME, description=DESCRIPTION, args=arguments
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise SystemExit(fail(one_line(captured.getvalue()))) from None


def prepare(command: Command) -> Callable[[], int]:
    """Read and check all input; what is returned computes and gives the exit status.

    Raises:
        ValueError: bad input.
    """
    if isinstance(command, Reproduce):
        inputs = convergence.prepare(command)

        def compute() -> int:
            summary = convergence.reproduce(command, inputs)
            print(f"{summary['num_checks']:,} checks of proved bounds, {summary['num_violations']} violations")
            return 1 if summary["num_violations"] else 0

        return compute
    if isinstance(command, Validate):
        # the language model's packages take seconds to import
        from experiments.gsm8k import validate

        data = validate.prepare(command)

        def compute_validation() -> int:
            for row in validate.validate(command, data)["predictions"]:
                print(f"{row['verdict']:>12}  {row['name']}: {row['evidence']}")
            return 0

        return compute_validation
    from experiments.gsm8k import commands

    if isinstance(command, Sft):
        run = commands.prepare_sft(command)
    elif isinstance(command, Train):
        run = commands.prepare_train(command)
    else:
        run = commands.prepare_probe(command)

    def compute_run() -> int:
        run()
        return 0

    return compute_run


def main(arguments: list[str] | None = None) -> None:
    """Entry point. Exit status: 0 done, 1 a proved bound is violated, 2 bad input, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments in (["--version"], ["-V"]):
        print(f"{NAME} {importlib.metadata.version(NAME)}")
        return
    try:
        compute = prepare(parse(arguments))
    except ValueError as error:
        sys.exit(fail(str(error)))
    try:
        status = compute()
    except OSError as error:
        sys.exit(fail(f"{error}; finished parts are kept, the same command goes on from there"))
    except (ValueError, FloatingPointError) as error:
        sys.exit(fail(str(error)))
    except KeyboardInterrupt:
        print(f"\n{NAME}: interrupted; finished parts are kept, the same command goes on from there", file=sys.stderr)
        sys.exit(130)
    if status:
        sys.exit(status)
