"""What `reproduce` reads and checks before anything is computed; what computes is imported only then."""

from __future__ import annotations

from experiments.command import Compute, bounds_status
from experiments.convergence.config import Reproduce
from experiments.study import Study


def prepare(config: Reproduce) -> Compute:
    """Read and check all input.

    Raises:
        ValueError: bad pass rates, or a folder that this run may not write to.
    """
    rates = config.read()
    content = config.pass_rates.read_bytes() if config.pass_rates else b""
    study = Study(config.out, config.identity(), seed=config.seed, inputs=content, fresh=config.fresh)

    def compute() -> int:
        from experiments.processes import Processes

        with Processes("experiments.convergence.run") as there:
            there.begin()  # they import what they need while this one does
            from experiments.convergence.run import reproduce

            return bounds_status(reproduce(rates, config, study, there))

    return compute
