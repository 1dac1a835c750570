"""What `sweep` and `figure` read and check before anything is computed; what computes is imported only then."""

from __future__ import annotations

from experiments import folder
from experiments.command import Compute
from experiments.sweep.config import Figure, Sweep
from experiments.sweep.memory import check_memory, parse_memory
from experiments.sweep.parts import config_of, read_manifest


def prepare_sweep(config: Sweep) -> Compute:
    """Read and check all input.

    Raises:
        ValueError: a bad specification, one that needs more memory, or a folder that it may not write to.
    """
    spec, memory = config.read(), parse_memory(config.memory)
    check_memory(spec, memory)
    folder.look(config.out, config_of(spec))

    def compute() -> int:
        from experiments.phase_diagram.run import report_to
        from experiments.sweep.run import run

        print(run(config, spec, memory))
        return report_to(config.out)

    return compute


def prepare_figure(config: Figure) -> Compute:
    """Find the sweep.

    Raises:
        ValueError: the folder holds none.
    """
    read_manifest(config.sweep)

    def compute() -> int:
        from experiments.phase_diagram.run import report_to

        return report_to(config.sweep, partial=config.unfinished)

    return compute
