"""Independent parts side by side: compiling, probes and small steps leave a core idle that another part can use.

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


def each(function: Callable[[Item], Result], items: Iterable[Item], *, alike: bool = True) -> list[Result]:
    """[function(item) for item in items], two at a time; an error stops what has not begun and is raised.

    Arguments:
        function: of one item.
        items: in the order in which they begin.
        alike: whether they use the same programs: then the first goes alone, so that those are compiled once.

    >>> each(lambda x: x * x, range(4))
    [0, 1, 4, 9]
    """
    left = list(items)
    alone = 1 if alike else 0
    first = [function(item) for item in left[:alone]]
    if workers() == 1 or len(left) < 2 + alone:
        return [*first, *map(function, left[alone:])]
    with ThreadPoolExecutor(workers()) as pool:
        futures = [pool.submit(function, item) for item in left[alone:]]
        try:
            return [*first, *(future.result() for future in futures)]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
