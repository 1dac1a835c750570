"""All theorems, in the order of docs/theory.md: T0–T16, T18–T20, then the counterexamples X1 and C6."""

from __future__ import annotations

from proofs import (
    adaptivity_window,
    arcsine,
    ascent_condition,
    binary_curvature,
    certified_step,
    conflict,
    convergence_rate,
    curvature_parts,
    deviation_slope,
    failure_rates,
    group_limits,
    group_moments,
    improvement_certificate,
    length_certificate,
    length_growth,
    log_odds_certificate,
    orthogonal_gradients,
    own_objective,
    sampled_step,
    sharp_curvature,
    tilted_log_partition,
    two_arm_rates,
)
from proofs.theorem import Theorem

THEOREMS: tuple[Theorem, ...] = (
    tilted_log_partition.theorem,
    sharp_curvature.theorem,
    deviation_slope.theorem,
    improvement_certificate.theorem,
    certified_step.theorem,
    curvature_parts.theorem,
    convergence_rate.theorem,
    two_arm_rates.theorem,
    arcsine.theorem,
    ascent_condition.theorem,
    length_growth.theorem,
    length_certificate.theorem,
    group_moments.theorem,
    adaptivity_window.theorem,
    sampled_step.theorem,
    failure_rates.theorem,
    group_limits.theorem,
    binary_curvature.theorem,
    log_odds_certificate.theorem,
    own_objective.theorem,
    orthogonal_gradients.theorem,
    conflict.theorem,
)
