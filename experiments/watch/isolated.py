"""Look at a model in training and leave no trace: every generator and every module's mode is put back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np


@contextmanager
def isolated(model: Any) -> Iterator[None]:
    """The model in evaluation mode; Python's, NumPy's and torch's random numbers, modes of modules and `use_cache` as
    before at the end, whatever happens between.

    Gradients that are stored on parameters are not touched by `torch.autograd.grad`, so there is nothing to put back.
    """
    torch: Any = import_module("torch")
    modes = {module: module.training for module in model.modules()}
    state = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002 - the run's own
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        random.setstate(state[0])
        np.random.set_state(state[1])  # noqa: NPY002
        torch.set_rng_state(state[2])
        if devices is not None:
            torch.cuda.set_rng_state_all(devices)
