"""How much memory a sweep needs at least, and how sizes of memory are read and shown."""

from __future__ import annotations

import itertools
import math
import re

from experiments.sweep.spec import Spec
from experiments.sweep.values import refuse

UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "kB": 10**3, "MB": 10**6, "GB": 10**9}


def run_bytes(num_prompts: int, num_arms: int, dimension: int) -> int:
    """A lower estimate of what one run needs: offsets, rewards, logits, probabilities, coefficients [N, K]; Θ and e_x.

    >>> run_bytes(10, 4, 0)  # 5 tables of 10 × 4 and Θ of 10 × 3 numbers of 8 bytes
    1840
    """
    directions = dimension or num_prompts
    embedding = num_prompts * dimension
    return 8 * (5 * num_prompts * num_arms + directions * (num_arms - 1) + embedding)


def check_memory(spec: Spec, limit: int) -> None:
    """Refuse a sweep of which one run alone needs more than `limit` bytes.

    Raises:
        ValueError: it says how much, and for which sizes.
    """
    grid = spec.grid
    need, *sizes = max(
        (run_bytes(*sizes), *sizes) for sizes in itertools.product(grid.num_prompts, grid.num_arms, grid.dimension)
    )
    if need > limit:
        what = ", ".join(
            f"{name} = {n}" for name, n in zip(("num_prompts", "num_arms", "dimension"), sizes, strict=True)
        )
        raise ValueError(
            f"memory is {show_bytes(limit)}, but one run with {what} needs at least {show_bytes(need)}; "
            "allowed: smaller sizes, or a larger --memory"
        )


def show_bytes(count: int) -> str:
    """In the largest binary unit that leaves at least 1.

    >>> show_bytes(3 * 2**29)
    '1.5 GiB'
    """
    unit = next((u for u in ("TiB", "GiB", "MiB", "KiB") if count >= UNITS[u]), "B")
    return f"{count / UNITS[unit]:.3g} {unit}"


def parse_memory(text: str) -> int:
    """Bytes of "2GiB", "512 MiB", "1.5GB".

    Raises:
        ValueError: no positive number with a unit.

    >>> parse_memory("1.5KiB")
    1536
    """
    match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([A-Za-z]+)\s*", text)
    count = float(match[1]) * UNITS.get(match[2], math.nan) if match else math.nan
    if not 1 <= count < 2**62:
        raise refuse("--memory", text, f"a positive number with one of the units {', '.join(UNITS)}")
    return int(count)
