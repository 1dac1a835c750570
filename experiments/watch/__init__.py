"""χ and O inside a TRL run, measured with gradients that leave the run bit for bit as it is.

    from experiments.watch import CurvatureCallback
    GRPOTrainer(..., callbacks=[CurvatureCallback(reward=my_reward, every=50)])

Needs the extra `trl` (torch, transformers, trl), which is imported when the callback is made and not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from experiments.watch.watch import Watch


def __getattr__(name: str) -> Any:
    """`CurvatureCallback`, a `Watch` that transformers' trainers take."""
    if name != "CurvatureCallback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    base = import_module("transformers").TrainerCallback
    globals()[name] = found = type(name, (Watch, base), {"__module__": __name__, "__doc__": Watch.__doc__})
    return found
