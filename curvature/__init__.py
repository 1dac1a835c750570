"""Exact local curvature, certificates and rates of softmax policies under RL updates, in float64.

JAX computes in float32 unless told otherwise, which is too coarse for the theory: importing this package
switches JAX to 64 bits, unless the environment variable JAX_ENABLE_X64 says what you want.
"""

import os as _os

import jax as _jax

if "JAX_ENABLE_X64" not in _os.environ:
    _jax.config.update("jax_enable_x64", True)

from curvature.advantages import PRESETS, Estimator, advantages
from curvature.certificate import (
    Certificate,
    CertifiedStep,
    alignment,
    best_step,
    best_step_along,
    certificate,
    curvature_bound,
    first_order_step,
    gradient_bound,
    log_std_bound,
    psi,
    remainder_bound,
)
from curvature.coherence import (
    ascent_condition,
    cosines,
    cross_ratio,
    cross_ratio_of_gram,
    decoupled,
    gram,
    orthogonality,
    orthogonality_of_gram,
    pairwise_coherence,
    relative_gain,
    span_basis,
    spread_factor,
)
from curvature.estimate import (
    Along,
    Estimate,
    Success,
    SuccessParts,
    along,
    sampled_curvature,
    sampled_variance,
    success,
    success_curvature,
    success_hessian_vector_product,
    success_parts,
    success_std,
)
from curvature.groups import (
    GroupStatistics,
    adaptivity,
    adaptivity_window,
    best_group_step,
    expected_gain_bound,
    expected_weight,
    group_factor,
    grpo_statistics,
    reinforce_statistics,
)
from curvature.halves import (
    Ratio,
    SplitHalfIndices,
    split_half_gram,
    split_half_indices,
    split_half_indices_of,
    split_half_squared_norm,
)
from curvature.local import (
    CurvatureParts,
    Extremes,
    curvature_parts,
    curvature_parts_of,
    extreme_eigenvalues,
    extreme_eigenvalues_of,
    local_curvature,
)
from curvature.moments import Arms, Moments, hessian_vector_product, moments, tilt
from curvature.phases import own_surplus, phase_boundaries, phases
from curvature.rates import gradient_norm_bound, hitting_time, rate_ratio_bound, tail_exponent, theorem_step
from curvature.width import diameter, diameter_bound, width

__all__ = [
    "PRESETS",
    "Along",
    "Arms",
    "Certificate",
    "CertifiedStep",
    "CurvatureParts",
    "Estimate",
    "Estimator",
    "Extremes",
    "GroupStatistics",
    "Moments",
    "Ratio",
    "SplitHalfIndices",
    "Success",
    "SuccessParts",
    "adaptivity",
    "adaptivity_window",
    "advantages",
    "alignment",
    "along",
    "ascent_condition",
    "best_group_step",
    "best_step",
    "best_step_along",
    "certificate",
    "cosines",
    "cross_ratio",
    "cross_ratio_of_gram",
    "curvature_bound",
    "curvature_parts",
    "curvature_parts_of",
    "decoupled",
    "diameter",
    "diameter_bound",
    "expected_gain_bound",
    "expected_weight",
    "extreme_eigenvalues",
    "extreme_eigenvalues_of",
    "first_order_step",
    "gradient_bound",
    "gradient_norm_bound",
    "gram",
    "group_factor",
    "grpo_statistics",
    "hessian_vector_product",
    "hitting_time",
    "local_curvature",
    "log_std_bound",
    "moments",
    "orthogonality",
    "orthogonality_of_gram",
    "own_surplus",
    "pairwise_coherence",
    "phase_boundaries",
    "phases",
    "psi",
    "rate_ratio_bound",
    "reinforce_statistics",
    "relative_gain",
    "remainder_bound",
    "sampled_curvature",
    "sampled_variance",
    "span_basis",
    "split_half_gram",
    "split_half_indices",
    "split_half_indices_of",
    "split_half_squared_norm",
    "spread_factor",
    "success",
    "success_curvature",
    "success_hessian_vector_product",
    "success_parts",
    "success_std",
    "tail_exponent",
    "theorem_step",
    "tilt",
    "width",
]
