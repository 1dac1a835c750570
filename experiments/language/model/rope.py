r"""Rotary positions: by which angle each pair of a head turns from one token to the next, and how that is stretched.

    f_i = s_i θ^(−2i/h)                    pair i of a head of size h
    s_i = 1                                as trained
    s_i = 1/factor                         linear: every position divided by the factor
    s_i = t_i + (1 − t_i)/factor           llama3: only the slow pairs, which have not come round often enough
    t_i = clip((n_i − low)/(high − low), 0, 1),        n_i = L θ^(−2i/h)/2π   turns within the original length L

None of it depends on how long a text is. Parity with `transformers`: tests/parity. Independent checks:
tests/experiments/language/model/test_rope.py.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from curvature.ranges import check_count


@dataclass(frozen=True)
class Linear:
    """Position interpolation.

    Raises:
        ValueError: a factor below 1.

    Reference: Chen et al. 2023, arXiv 2306.15595.
    """

    factor: float

    def __post_init__(self) -> None:
        _check_number("factor", self.factor, 1)

    def scale(self, frequencies: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """By what each frequency is multiplied."""
        return np.full_like(frequencies, 1 / self.factor)


@dataclass(frozen=True)
class Llama3:
    """Llama 3.1 and later: the names are those of their files.

    Raises:
        ValueError: a factor below 1, no two ascending positive frequency factors, or a length below 1.

    Reference: Grattafiori et al. 2024, arXiv 2407.21783.

    >>> llama3 = Llama3(8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192)
    >>> turns = np.array([0.5, 1.0, 2.5, 4.0, 100.0])  # within 8,192 tokens
    >>> llama3.scale(turns * 2 * np.pi / 8192).tolist()
    [0.125, 0.125, 0.5625, 1.0, 1.0]
    """

    factor: float
    low_freq_factor: float
    """Pairs of at most so many turns within the original length are slowed by the whole factor."""
    high_freq_factor: float
    """Pairs of at least so many turns are left as they are."""
    original_max_position_embeddings: int
    """L."""

    def __post_init__(self) -> None:
        _check_number("factor", self.factor, 1)
        for name in ("low_freq_factor", "high_freq_factor"):
            _check_number(name, getattr(self, name), 0, strict=True)
        if not self.low_freq_factor < self.high_freq_factor:
            raise ValueError(
                f"high_freq_factor is {self.high_freq_factor!r}; allowed: numbers above low_freq_factor, "
                f"{self.low_freq_factor!r}"
            )
        check_count("original_max_position_embeddings", self.original_max_position_embeddings, 1)

    def scale(self, frequencies: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """By what each frequency is multiplied."""
        turns = self.original_max_position_embeddings * frequencies / (2 * math.pi)
        kept = np.clip((turns - self.low_freq_factor) / (self.high_freq_factor - self.low_freq_factor), 0, 1)
        return kept + (1 - kept) / self.factor


Stretch = Linear | Llama3
"""How a checkpoint's positions reach further than those it was first trained on."""


def _check_number(name: str, value: float, low: float, *, strict: bool = False) -> None:
    if value > sys.float_info.max or not (value > low if strict else value >= low):
        raise ValueError(f"{name} is {value!r}; allowed: numbers {'above' if strict else 'of at least'} {low}")
