"""Many runs through one compiled program: slices of one size, on the devices in turn.

What a run gives does not depend on its slice. Independent check: tests/experiments/sweep/test_execute.py, two devices
against one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def execute(program: Callable[[Any], Any], jobs: Any, size: int) -> Any:
    """The results of all jobs, as NumPy arrays: slices of `size` runs, filled up with copies of the last run.

    As many slices are under way as there are devices.
    """
    num_jobs = jax.tree.leaves(jobs)[0].shape[0]
    devices = jax.local_devices()
    parts: list[Any] = []
    under_way: deque[Any] = deque()
    for turn, start in enumerate(range(0, num_jobs, size)):
        if len(under_way) == len(devices):
            parts.append(jax.tree.map(np.asarray, under_way.popleft()))
        index = np.minimum(np.arange(start, start + size), num_jobs - 1)
        piece = jax.tree.map(lambda leaf, index=index: leaf[index], jobs)
        under_way.append(program(jax.device_put(piece, devices[turn % len(devices)]) if len(devices) > 1 else piece))
    parts += [jax.tree.map(np.asarray, result) for result in under_way]
    return jax.tree.map(lambda *part: np.concatenate(part)[:num_jobs], *parts)
