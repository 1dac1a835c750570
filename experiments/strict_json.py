"""Values as strict JSON can hold them, which has no NaN, and files of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments import store


def plain(value: Any, digits: int | None = None) -> Any:
    """Paths as text, tuples as lists, NaN and infinities as null, NumPy's numbers as Python's.

    Arguments:
        value: tables and lists of numbers, text, paths, None.
        digits: significant digits of floats; all where None.

    >>> plain({"a": (1.0, float("inf")), "b": 0.123456789, "c": Path("x")}, 3)
    {'a': [1.0, None], 'b': 0.123, 'c': 'x'}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(each, digits) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each, digits) for each in value]
    if hasattr(value, "dtype"):
        return plain(value.tolist(), digits)
    if isinstance(value, float):
        return None if not math.isfinite(value) else value if digits is None else float(f"{value:.{digits}g}")
    return str(value) if isinstance(value, Path) else value


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Strict JSON, whole or not at all.

    Raises:
        OSError: writing failed.
    """
    text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    store.write_bytes(path, (text + "\n").encode())
