"""Independent parts in processes of their own, as many as pay: Python, which traces programs, is busy in each of them.

    with Processes() as there:
        there.run(function, *arguments)      computed elsewhere; threads may ask at the same time

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
        self._guard = threading.Lock()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: object) -> None:
        with self._guard:
            pool, self._pool = self._pool, None
        if pool is not None:
            mine = list(pool._processes.values())
            pool.shutdown(wait=False, cancel_futures=True)
            for process in mine:
                process.terminate()

    def begin(self) -> None:
        """Start all of them now."""
        for _ in range(self._count if self._count > 1 else 0):
            self.submit(os.getpid)

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """`function(*arguments)`, all of which can be pickled, in another process."""
        if self._count == 1:
            future: Future[Result] = Future()
            future.set_result(function(*arguments))
            return future
        with self._guard:
            if self._pool is None:
                spawn = multiprocessing.get_context("spawn")  # JAX is not safe to fork
                self._pool = ProcessPoolExecutor(
                    self._count, mp_context=spawn, initializer=_begin, initargs=(self._module,)
                )
            return self._pool.submit(function, *arguments)

    def run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """The result.

        Raises:
            BrokenProcessPool: a process ended in the middle.
            Exception: whatever the function raised.
        """
        return self.submit(function, *arguments).result()
