"""The command `grpo-curvature`: flags from frozen dataclasses (tyro); bad input gives one line and exit status 2."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import re
import sys

import tyro

from experiments.convergence.config import Reproduce
from experiments.convergence.run import prepare, reproduce

NAME = "grpo-curvature"
DESCRIPTION = """Exact local curvature and convergence of GRPO against REINFORCE (after arXiv 2601.23135).

Start with `grpo-curvature reproduce --out DIR` and open DIR/report.html. `grpo-curvature reproduce --help` lists
every option; `--pass-rates FILE` uses your own model's pass rates."""


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


def parse(arguments: list[str]) -> Reproduce:
    """The command that the arguments name.

    Raises:
        SystemExit: with status 0 after --help; with status 2 and a one-line message for bad arguments.
        ValueError: an argument outside its range.
    """
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            return tyro.extras.subcommand_cli_from_dict(
                {"reproduce": Reproduce}, prog=NAME, description=DESCRIPTION, args=arguments
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise SystemExit(fail(one_line(captured.getvalue()))) from None


def main(arguments: list[str] | None = None) -> None:
    """Entry point. Exit status: 0 done, 1 a proved bound is violated, 2 bad input, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments in (["--version"], ["-V"]):
        print(f"{NAME} {importlib.metadata.version(NAME)}")
        return
    try:
        config = parse(arguments)
        inputs = prepare(config)
    except ValueError as error:
        sys.exit(fail(str(error)))
    try:
        summary = reproduce(config, inputs)
    except OSError as error:
        sys.exit(fail(f"{error}; finished parts are kept, the same command goes on from there"))
    except KeyboardInterrupt:
        print(f"\n{NAME}: interrupted; finished parts are kept, the same command goes on from there", file=sys.stderr)
        sys.exit(130)
    print(f"{summary['num_checks']:,} checks of proved bounds, {summary['num_violations']} violations")
    if summary["num_violations"]:
        sys.exit(1)
