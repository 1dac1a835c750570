"""Independent parts in processes of their own, as many as pay: Python, which traces programs, is busy in each of them.

    with Processes("package.module") as there:
        there.submit(function, *arguments).result()      computed elsewhere

Results do not depend on it: a part's numbers come from its seed alone. A process ends with the one that began it, also
where that was killed, and leaves Ctrl-C to it. Independent check: tests/experiments/test_processes.py.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

from experiments.parallel import workers

Result = TypeVar("Result")


def _begin(module: str) -> None:
    """In a new process: follow the parent to its end, and import what is to be computed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all: the parent ends the others

    def follow() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    __import__(module)


class Processes:
    """Begun when work is there; on one core, or beside an accelerator that cannot be shared, this process alone."""

    def __init__(self, module: str):
        """`module`: imported in each process before the first work is there."""
        self._module, self._count = module, workers()
        self._pool: ProcessPoolExecutor | None = None

    @property
    def alone(self) -> bool:
        """Whether whatever is submitted is computed here, at once."""
        return self._count == 1

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            for process in list(self._pool._processes.values()):
                process.terminate()
            self._pool.shutdown(cancel_futures=True)  # and wait for the pool's thread, which uses its pipes to the end

    def begin(self) -> None:
        """Start all of them now."""
        for _ in range(0 if self.alone else self._count):
            self.submit(os.getpid)

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """`function(*arguments)`, all of which can be pickled, in another process.

        Raises:
            BrokenProcessPool: a process ended in the middle; of the future too.
        """
        if self.alone:
            future: Future[Result] = Future()
            future.set_result(function(*arguments))
            return future
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")  # JAX is not safe to fork
            self._pool = ProcessPoolExecutor(
                self._count, mp_context=spawn, initializer=_begin, initargs=(self._module,)
            )
        return self._pool.submit(function, *arguments)
