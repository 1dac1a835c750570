"""What `advise` reads and checks before anything is computed; what computes is imported only then."""

from __future__ import annotations

from experiments.command import Compute
from experiments.logs.advise.config import Advise


def prepare(config: Advise) -> Compute:
    """Read the log.

    Raises:
        ValueError: a log that cannot be read, or a column that does not say what is right.
    """
    from experiments.logs.read import read_counted
    from experiments.logs.report.filtered import read_filtered

    filtered = None if config.filtered_counts is None else read_filtered(config.filtered_counts)
    groups = read_counted(config.source, config.correct)

    def compute() -> int:
        from experiments.logs.advise.run import run

        return run(config, groups, filtered)

    return compute
