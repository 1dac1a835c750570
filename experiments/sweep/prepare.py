"""What `sweep` and `figure` read and check before anything is computed; what computes is imported only then."""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

from experiments import folder
from experiments.command import Compute
from experiments.sweep.config import Figure, Sweep
from experiments.sweep.memory import check_memory, parse_memory
from experiments.sweep.parts import config_of, read_manifest

CONNECT_TIMEOUT = 10.0
"""Seconds that a scheduler has to answer."""


def knock(scheduler: str, patience: float = CONNECT_TIMEOUT) -> None:
    """See that somebody listens there, without what is needed to talk to them; one that is starting has `patience`.

    Raises:
        ValueError: nobody does.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            place = urlsplit(scheduler)
            with socket.create_connection((place.hostname, place.port), timeout=patience):
                return
        except (OSError, ValueError) as error:  # ValueError: a port above 65535
            if isinstance(error, ValueError | socket.gaierror) or time.monotonic() > deadline:
                reason = getattr(error, "strerror", None) or error
                raise ValueError(
                    f"--scheduler is {scheduler}, which does not answer ({reason}); "
                    "allowed: tcp://HOST:PORT of a running dask scheduler"
                ) from None
        time.sleep(0.1)


def prepare_sweep(config: Sweep) -> Compute:
    """Read and check all input.

    Raises:
        ValueError: a bad specification, one that needs more memory, a folder that it may not write to, or a scheduler
            that does not answer.
    """
    spec, memory = config.read(), parse_memory(config.memory)
    check_memory(spec, memory)
    folder.look(config.out, config_of(spec))
    if config.scheduler is not None and not config.scheduler.startswith("ucx"):
        knock(config.scheduler)

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
