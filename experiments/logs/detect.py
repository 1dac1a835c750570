"""Whose files these are: found from names, of single files from columns; what cannot be read is told the way out.

Nothing is unpickled: a pickle can run any code when it is read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from experiments.logs.files import first_row, parquet_schema
from experiments.logs.formats import generic, ms_swift, nemo_rl, open_instruct, prime_rl, tinker, trl, verl

SKIPPED = re.compile(r"checkpoint-\d+|global_step_\d+|\.git|wandb|__pycache__|node_modules|\.venv")
"""Folders that are not searched: weights, and what is no log."""
PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt", ".npy")
WAY_OUT = (
    "write a row per answer with group, reward and, where there is one, advantage as CSV, JSON lines or Parquet "
    "(--format generic)"
)


class NoLogError(ValueError):
    """There is no file of a log, as before a run has written its first one."""


def _is_prime(path: Path) -> bool:
    return path.name == prime_rl.FILE and "eval" not in path.parts[-4:]


NAMES: Mapping[str, Callable[[Path], bool]] = {
    "trl": lambda path: bool(trl.FILE.fullmatch(path.name)),
    "verl": lambda path: bool(verl.FILE.fullmatch(path.name)),
    "nemo_rl": lambda path: bool(nemo_rl.FILE.fullmatch(path.name)),
    "tinker": lambda path: path.name == tinker.FILE,
    "ms_swift": lambda path: path.name == ms_swift.FILE,
    "open_instruct": lambda path: bool(open_instruct.FILE.fullmatch(path.name)),
    "prime_rl": _is_prime,
}
"""{format: whether a file of this name is one of its}."""


def find(paths: Sequence[Path], form: str | None) -> tuple[str, list[Path]]:
    """(format, files) of a log.

    Arguments:
        paths: folders and files that exist.
        form: the format, where the reader was told.

    Raises:
        NoLogError: nothing that can be read.
        ValueError: files of several formats or runs.
    """
    found: dict[str, list[Path]] = {}
    other: list[Path] = []
    for path in paths:
        files = list(_files(path)) if path.is_dir() else [path]
        for file in files:
            if file.exists() and not file.is_file():
                raise ValueError(f"{file} is no regular file; allowed: files and folders of a log")
            name = form if form and (form == "generic" or NAMES[form](file)) else None
            name = name or ("" if form else _format_of(file, alone=not path.is_dir()))
            if name == "generic" and path.is_dir() and file.suffix.lower() not in generic.SUFFIXES:
                name = ""
            if form and not path.is_dir():
                name = form
            if name:
                found.setdefault(name, []).append(file)
            else:
                other.append(file)
    if len(found) > 1:
        counts = ", ".join(f"{name} ({len(files)})" for name, files in found.items())
        raise ValueError(f"PATH holds files of several formats: {counts}; allowed: --format with one of them")
    if not found:
        raise NoLogError(_nothing(paths, other, form))
    [(name, files)] = found.items()
    _one_run(name, files, paths)
    return name, sorted({file.resolve(): file for file in sorted(files, reverse=True)}.values())


def _files(folder: Path) -> Iterator[Path]:
    """All files below, in a fixed order.

    Raises:
        OSError: a folder that may not be read.
    """

    def refuse(error: OSError) -> None:
        raise error

    for root, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not SKIPPED.fullmatch(name))
        yield from (Path(root) / name for name in sorted(names))


def _format_of(path: Path, *, alone: bool) -> str:
    """The format by its name, and of a single file by its columns; "" where there is none."""
    for name, fits in NAMES.items():
        if fits(path):
            return name
    if not alone:
        return ""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        columns = set(parquet_schema(path))
        return "trl" if {"step", "prompt", "completion", "advantage"} <= columns else "generic"
    if suffix == ".jsonl":
        return _by_columns(set(first_row(path)))
    return "generic" if suffix == ".csv" else ""


def _by_columns(columns: set[str]) -> str:
    for name, needed in (
        ("open_instruct", {"prompt_idx", "sample_idx", "advantage"}),
        ("tinker", {"group_idx", "traj_idx", "total_reward"}),
        ("prime_rl", {"traces", "group"}),
        ("nemo_rl", {"rewards", "token_loss_mask"}),
        ("verl", {"input", "output", "score"}),
        ("ms_swift", {"prompt", "completion", "gen_step"}),
    ):
        if needed <= columns:
            return name
    return "generic"


def _nothing(paths: Sequence[Path], other: Sequence[Path], form: str | None) -> str:
    where = ", ".join(map(str, paths))
    if form:
        return f"PATH is {where}, which holds no file of {form}; allowed: a folder with such files, or another --format"
    pickles = [path for path in other if path.suffix.lower() in PICKLES]
    if pickles:
        return (
            f"PATH holds pickles such as {pickles[0].name} (SkyRL, slime and miles write them), which can run code "
            f"when they are read; allowed: {WAY_OUT}"
        )
    tables = [path for path in other if path.suffix.lower() in generic.SUFFIXES]
    if tables:
        return (
            f"PATH is {where}, which holds no file of a known trainer's name, but {len(tables)} such as "
            f"{tables[0].name}; allowed: one of these files as PATH (with --format generic if it is your own table)"
        )
    return (
        f"PATH is {where}, which holds no rollouts; allowed: the folder of TRL (log_completions=True), verl "
        "(trainer.rollout_data_dir), NeMo-RL, tinker-cookbook, ms-swift (--log_completions true), open-instruct "
        f"(--save_traces) or prime-rl; OpenRLHF and tunix write none that can be read: {WAY_OUT}"
    )


def _one_run(form: str, files: Sequence[Path], paths: Sequence[Path]) -> None:
    """Refuse the files of several runs below one folder."""
    up = {"tinker": 2, "prime_rl": 5}.get(form, 1)
    runs = sorted({path.parents[min(up, len(path.parents)) - 1] for path in files})
    if len(runs) > len(paths):
        raise ValueError(
            f"PATH holds {len(runs)} runs of {form}: {', '.join(map(str, runs[:3]))}{' …' if len(runs) > 3 else ''}; "
            "allowed: one of them"
        )
