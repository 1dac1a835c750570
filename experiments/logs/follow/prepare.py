"""What `logs follow` checks before it begins: the log itself is read again and again, as it grows."""

from __future__ import annotations

from experiments.command import Compute
from experiments.logs.detect import NoLogError
from experiments.logs.follow.config import Follow
from experiments.logs.history import history_rows
from experiments.logs.read import read


def prepare(config: Follow) -> Compute:
    """Read the log where one look is all; else its first file may not be there yet.

    Raises:
        ValueError: with --once, a log that cannot be read.
    """
    if config.once:
        try:
            read(config.source)
        except NoLogError:
            if not any(path.is_dir() and history_rows(path) for path in config.source.paths):
                raise

    def compute() -> int:
        from experiments.logs.follow.run import follow

        return follow(config)

    return compute
