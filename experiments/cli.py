"""The command `grpo-curvature`: flags from frozen dataclasses (tyro); bad input gives one line and exit status 2."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments.convergence import run as convergence
from experiments.convergence.config import Reproduce
from experiments.gsm8k import commands, validate
from experiments.gsm8k.config import ProbeCheckpoint, Sft, Train, Validate
from experiments.phase_diagram import run as phase_diagram
from experiments.phases import run as phases
from experiments.phases.config import Phases
from experiments.prove.config import Prove
from experiments.sweep import config as sweep
from experiments.sweep import execute
from experiments.sweep.config import Figure, Sweep
from experiments.sweep.folder import SweepError

NAME = "grpo-curvature"
DESCRIPTION = """Exact local curvature and convergence of GRPO against REINFORCE (after arXiv 2601.23135).

Start with `grpo-curvature reproduce --out DIR` and open DIR/report.html: the theorem on the simulator. Then
`grpo-curvature sweep quick --out DIR`: which rule wins where (DIR/phase_diagram.html), `grpo-curvature phases`: the
three phases of training, `grpo-curvature prove`: every statement checked by machine, and `grpo-curvature gsm8k validate
--out DIR`: the theory's predictions on a small language model. `--help` after any command lists its options."""
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
Command = Reproduce | Sweep | Figure | Phases | Prove | Validate | Sft | Train | ProbeCheckpoint


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
                {
                    "reproduce": Reproduce,
                    "sweep": Sweep,
                    "figure": Figure,
                    "phases": Phases,
                    "prove": Prove,
                    "gsm8k": gsm8k,
                },
                prog=NAME,
                description=DESCRIPTION,
                args=arguments,
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
        return lambda: _bounds(convergence.reproduce(command, inputs))
    if isinstance(command, Phases):
        folders = phases.prepare(command)
        return lambda: _bounds(phases.phases(command, folders))
    if isinstance(command, Prove):
        from experiments.prove import run as proving  # the provers take a second to load

        return proving.prepare(command)
    if isinstance(command, Sweep):
        run_sweep = sweep.prepare(command, execute.compute_chunk, execute.check_memory)

        def compute_sweep() -> int:
            done = run_sweep()
            print(f"{done['num_runs']:,} runs in {done['num_chunks']} chunks: {done['out'] / 'parts'}")
            return _draw(command.out)

        return compute_sweep
    if isinstance(command, Figure):
        return lambda: _draw(command.sweep, partial=command.unfinished)
    if isinstance(command, Validate):
        data = validate.prepare(command)

        def compute_validation() -> int:
            for row in validate.validate(command, data)["predictions"]:
                print(f"{row['verdict']:>12}  {row['name']}: {row['evidence']}")
            return 0

        return compute_validation
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


def _bounds(summary: Mapping[str, Any]) -> int:
    print(f"{summary['num_checks']:,} checks of proved bounds, {summary['num_violations']} violations")
    return 1 if summary["num_violations"] else 0


def _draw(folder: Path, *, partial: bool = False) -> int:
    phase_diagram.draw(folder, partial=partial)
    print(f"report: {folder / 'report.html'}; to explore: {folder / 'phase_diagram.html'}")
    return 0


def main(arguments: list[str] | None = None) -> None:
    """Entry point. Exit status: 0 done, 1 a bound is violated or a proof failed, 2 bad input, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments in (["--version"], ["-V"]):
        print(f"{NAME} {importlib.metadata.version(NAME)}")
        return
    try:
        command = parse(arguments)
        compute = prepare(command)
    except ValueError as error:
        sys.exit(fail(str(error)))
    kept = "" if isinstance(command, Prove) else "; finished parts are kept, the same command goes on from there"
    try:
        status = compute()
    except OSError as error:
        sys.exit(fail(f"{error}{kept}"))
    except (ValueError, FloatingPointError, SweepError) as error:
        sys.exit(fail(str(error)))
    except KeyboardInterrupt:
        print(f"\n{NAME}: interrupted{kept}", file=sys.stderr)
        sys.exit(130)
    if status:
        sys.exit(status)
