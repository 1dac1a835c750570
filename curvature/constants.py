"""The numerical constants of the theory, each stated once.

Every module takes its constants from here, so that a proof that checks this file checks the code.
Statement numbers (T1, T2, …) are those of docs/theory.md.
"""

from math import log

CURVATURE = 1 / 4
"""T1: |uᵀ∇²J u| ≤ CURVATURE · σ · w(u)², sharp."""

SLOPE = 1 / 2
"""T2: |∇J·u| ≤ SLOPE · σ · w(u) and |∂_u log σ| ≤ SLOPE · w(u)."""

HALF_WIDTH = 1 / 2
"""T3: |J(θ+δ) − J(θ) − ∇J·δ| ≤ σ ψ(HALF_WIDTH · w(δ)); T4 inherits it."""

STEP = log(2.0)
"""T6: c, the certified step in units of 4/D² (GRPO: 4c/D²; REINFORCE: 4c/(D² σ_max))."""

RATE = 2 * log(2.0) - 1
"""T6: c₀ = 2 ln 2 − 1, the constant in the bound on the average gradient norm."""

A_PRIORI_STD = 1 / 2
"""σ_max before a run: no reward in [0, 1] deviates by more (Popoviciu)."""

STEP_UNIT = 4
"""T4, T6, T9: certified steps are in units of STEP_UNIT/D² (first order of (2/D) ln(1+γ))."""

PHASE_LEVELS = (3 / 4, 1 / 4)
"""Phases: phase I ends where χ stays below the first for the rest of a run, phase II where it stays below the second.
A definition, not a theorem."""
