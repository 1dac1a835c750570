"""Independent parts side by side: probes and small steps leave a core idle that another seed can use.

Results do not depend on it: a part's numbers come from its seed alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import jax

Item = TypeVar("Item")
Result = TypeVar("Result")


def workers() -> int:
    """Threads that pay: two on a CPU with two cores or more, one elsewhere."""
    return min(2, os.cpu_count() or 1) if jax.default_backend() == "cpu" else 1


def each(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """[function(item) for item in items]; the first alone, so that programs are compiled once, then two at a time.

    An error stops what has not begun and is raised.

    >>> each(lambda x: x * x, range(4))
    [0, 1, 4, 9]
    """
    left = list(items)
    if not left:
        return []
    first = function(left[0])
    if workers() == 1 or len(left) < 3:
        return [first, *map(function, left[1:])]
    with ThreadPoolExecutor(workers()) as pool:
        futures = [pool.submit(function, item) for item in left[1:]]
        try:
            return [first, *(future.result() for future in futures)]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
