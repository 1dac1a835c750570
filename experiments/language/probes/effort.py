"""How much the exact probe computes. Imports no JAX, so that commands can be told of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What a probe computes beyond gradients and curvature along the own gradient."""

    chunk: int = 8
    """Prompts whose gradients are computed together: memory against speed."""
    memory: int = 4 << 30
    """Bytes of gradients that are held; see `gradients.py` for what is done with more."""
    num_spectra: int = 4
    """Prompts, spread over p, whose extreme eigenvalues of ∇²J are found by Lanczos."""
    num_wrong: int = 16
    """Responses drawn a prompt for sd(M_u), T5's third part; 0 leaves the parts out."""
    spectrum_tolerance: float = 1e-2
    """Relative accuracy of those eigenvalues."""


STANDARD = Effort()
