"""What `logs …` reads and checks before anything is computed; what computes is imported only then."""

from __future__ import annotations

from experiments.command import Compute
from experiments.logs.config import Audit, Inspect


def prepare_inspect(config: Inspect) -> Compute:
    """Read the log.

    Raises:
        ValueError: a log that cannot be read.
    """
    from experiments.logs.read import read

    groups = read(config.source)

    def compute() -> int:
        from experiments.logs.run import inspect

        return inspect(config, groups)

    return compute


def prepare_audit(config: Audit) -> Compute:
    """Read the log.

    Raises:
        ValueError: a log that cannot be read, or one without advantages.
    """
    from experiments.logs.read import read

    groups = read(config.source)
    if groups.advantage is None:
        raise ValueError(
            f"the log ({groups.format}) holds no advantages, which is what an audit is made from; allowed: files of "
            "trl, nemo_rl, ms_swift (but Ray's), open_instruct and prime_rl (train/effective), or a table with a "
            "column advantage (`logs inspect` needs none)"
        )

    def compute() -> int:
        from experiments.logs.run import audit

        return audit(config, groups)

    return compute
