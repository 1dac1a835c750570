"""What `logs report` and `logs example` read and check first; what computes is imported only then."""

from __future__ import annotations

import hashlib

import numpy as np

from experiments import folder
from experiments.command import Compute
from experiments.logs.groups import Groups
from experiments.logs.read import read_counted
from experiments.logs.report.config import Example, Report
from experiments.logs.report.filtered import read_filtered
from experiments.study import Study


def prepare_report(config: Report) -> Compute:
    """Read the log.

    Raises:
        ValueError: a log that cannot be read, a column that does not say what is right, a folder that may not be
            written to.
    """
    filtered = None if config.filtered_counts is None else read_filtered(config.filtered_counts)
    folder.look(config.out, config.identity(), fresh=True)
    groups = read_counted(config.source, config.correct)
    study = Study(config.out, config.identity(), seed=0, inputs=digest(groups), fresh=True, clock=False)

    def compute() -> int:
        from experiments.logs.report.run import report

        return report(config, study, groups, filtered)

    return compute


def prepare_example(config: Example) -> Compute:
    """Look at the folder.

    Raises:
        ValueError: a folder with other files in it.
    """
    others = [path for path in config.out.glob("*") if path.name != "completions"] if config.out.is_dir() else []
    if others or (config.out.exists() and not config.out.is_dir()):
        raise ValueError(
            f"--out is {config.out}, which holds something else; allowed: an empty folder, or an example's"
        )

    def compute() -> int:
        from experiments.logs.report.example import write_example

        return write_example(config.out)

    return compute


def digest(groups: Groups) -> bytes:
    """Of everything that is read of a log."""
    found = hashlib.sha256()
    for name in ("offsets", "step", "batch", "prompt", "total", "advantage", "num_correct", "num_samples"):
        values = getattr(groups, name)
        found.update(name.encode() + (b"" if values is None else np.ascontiguousarray(values).tobytes()))
    for name, values in [*groups.rewards.items(), *(groups.averages or {}).items()]:
        found.update(name.encode() + np.ascontiguousarray(values).tobytes())
    found.update("\n".join([groups.format, groups.grouped_by, *(note.text for note in groups.notes)]).encode())
    return found.digest()
