"""Which random numbers are whose, where several are drawn from one seed.

    Groups at step n:    fold_in(key(seed), n)        wrong responses of the exact probe:    key(seed)
    CAP, SAMPLED_PROBE:  fold_in(key(seed), stream)   PASS_RATES:                            key(seed + stream)

A number here is part of every published result and never changes. (A probe's stream is that of one step of `Groups`
from the same seed. They draw at other parameters, and no result pairs them.)
"""

from __future__ import annotations

from enum import IntEnum


class Stream(IntEnum):
    """Who draws."""

    CAP = 7
    """Groups whose rescaling is compared with b_G(p)."""
    SAMPLED_PROBE = 11
    """The two halves of the sampled probe."""
    PASS_RATES = 1_000_003
    """Responses by which pass rates are measured; far from any seed in use."""
