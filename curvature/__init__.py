"""Exact local curvature, certificates and rates of softmax policies under RL updates, in float64.

JAX computes in float32 unless told otherwise, which is too coarse for the theory: importing this package
switches JAX to 64 bits, unless the environment variable JAX_ENABLE_X64 says what you want.
"""

import os as _os

import jax as _jax

if "JAX_ENABLE_X64" not in _os.environ:
    _jax.config.update("jax_enable_x64", True)

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
    decoupled,
    gram,
    orthogonality,
    pairwise_coherence,
    span_basis,
    spread_factor,
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
from curvature.local import (
    CurvatureParts,
    Extremes,
    curvature_parts,
    curvature_parts_of,
    extreme_eigenvalues,
    local_curvature,
)
from curvature.moments import Arms, Moments, hessian_vector_product, moments, tilt
from curvature.rates import gradient_norm_bound, hitting_time, rate_ratio_bound, tail_exponent, theorem_step
from curvature.width import diameter, diameter_bound, width

__all__ = [
    "Arms",
    "Certificate",
    "CertifiedStep",
    "CurvatureParts",
    "Extremes",
    "GroupStatistics",
    "Moments",
    "adaptivity",
    "adaptivity_window",
    "alignment",
    "ascent_condition",
    "best_group_step",
    "best_step",
    "best_step_along",
    "certificate",
    "cosines",
    "cross_ratio",
    "curvature_bound",
    "curvature_parts",
    "curvature_parts_of",
    "decoupled",
    "diameter",
    "diameter_bound",
    "expected_gain_bound",
    "expected_weight",
    "extreme_eigenvalues",
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
    "pairwise_coherence",
    "psi",
    "rate_ratio_bound",
    "reinforce_statistics",
    "remainder_bound",
    "span_basis",
    "spread_factor",
    "tail_exponent",
    "theorem_step",
    "tilt",
    "width",
]
