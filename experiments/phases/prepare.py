"""What `phases` reads and checks before anything is computed; what computes is imported only then."""

from __future__ import annotations

from experiments.command import Compute, bounds_status
from experiments.phases.config import Phases
from experiments.study import Study


def prepare(config: Phases) -> Compute:
    """Read and check all input.

    Raises:
        ValueError: a folder that this run may not write to.
    """
    study = Study(config.out, config.identity(), seed=config.seed, fresh=config.fresh)

    def compute() -> int:
        from experiments.phases.run import phases

        return bounds_status(phases(config, study))

    return compute
