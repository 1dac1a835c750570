"""All theorems, in the order of docs/theory.md."""

from __future__ import annotations

from proofs import sharp_curvature
from proofs.theorem import Theorem

THEOREMS: tuple[Theorem, ...] = tuple(module.theorem for module in (sharp_curvature,))
"""T0–T14, then the counterexamples X1 and C6."""
