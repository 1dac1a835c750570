"""Every public function of curvature takes lists, refuses text and NaN by the argument's name, and works under jit."""

import re
from types import FunctionType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import curvature
from tests.refusals import unchecked

Φ, R, U = [[0.5, 0.0], [-0.5, 1.0], [0.0, 2.0]], [1.0, 0.0, 0.0], [0.6, 0.8]
M = curvature.moments([0.1, 0.2, -0.3], Φ, R)
G, STD, BASES = [[1.0, 0.5], [0.2, -1.0], [0.3, 0.3]], [0.3, 0.4, 0.5], [[[1.0], [0.0]], [[0.6], [0.8]], [[0.0], [1.0]]]
EYE = [[1.0, 0.0], [0.0, 1.0]]
TABLE = {"logits": [[0.1, 0.2], [0.3, 0.4]], "rewards": [[1.0, 0.0], [0.5, 0.2]], "transitions": [[0, 1], [1, 0]],
         "horizon": 3, "terminal": [0.0, 1.0]}  # fmt: skip
COUNTS = [3, 1, 2, 1, 5]
RATES = {"initial_failure": [0.5, 0.6], "time": 10, "alpha": 1.0, "step_size": 0.5, "diameter": 1.5}
BOUND = {"std": 0.3, "width": [1.0, 2.0]}
GAIN = {"pass_rate": 0.3, "alignment": 0.5, "trace_right": 1.0, "trace_wrong": 2.0, "group_size": 4, "diameter": 1.5}
COVARIANCES = {"pass_rate": 0.3, "mean_gap": [1.0, 2.0], "covariance_right": EYE, "covariance_wrong": EYE}


def log_prob(θ):
    return jax.nn.log_softmax(jnp.asarray([0.1, 0.2]) + θ)[0]


θ = jnp.asarray([0.3, -0.2])

CALLS: dict[str, dict[str, Any]] = {
    "adaptivity": {"pass_rate": [0.1, 0.3], "group_size": 4},
    "adaptivity_window": {"group_size": 4},
    "advantages": {"rewards": [[1.0, 0.0, 0.5]], "estimator": "trl"},
    "alignment": {"moments": M, "diameter": 1.5},
    "along": {"log_prob": log_prob, "parameters": θ, "direction": np.asarray(U)},
    "ascent_condition": {"coherence": 0.1, "std": STD},
    "ascent_step": {"alpha": [0.5, 1.0], "overlap": 2.0, "diameter": 1.5},
    "best_group_step": GAIN,
    "bias_aware_half_width": {"bias": 0.1, "std_error": 0.2, "level": 0.9},
    "bias_aware_interval": {"histogram": COUNTS, "target": 8, "num_groups": 20},
    "best_step": {"moments": M, "diameter": 1.5},
    "best_step_along": {"slopes": [0.1, 0.2], "std": [0.3, 0.4], "widths": [1.0, 2.0], "iterations": 20},
    "binary_curvature_bound": BOUND,
    "certificate": {"moments": M, "features": Φ, "delta": U},
    "cluster_histograms": {"counts": [0, 2, 1], "group_size": 4, "cluster": [7, 7, 9]},
    "clustered_std_error": {"values": [0.1, 0.3, 0.2], "cluster": [7, 7, 9]},
    "coherent_gain": {"gradients": G, "deviations": STD, "coherence": 0.1, "diameter": 1.5, "rule": "group"},
    "cosines": {"gradients": G},
    "cross_ratio": {"gradients": G, "std": STD},
    "cross_ratio_of_gram": {"gram": EYE, "std": STD[:2]},
    "curvature_bound": BOUND,
    "curvature_parts": {"moments": M, "direction": U},
    "curvature_parts_of": {
        "logits": lambda θ: jnp.asarray(Φ) @ θ,
        "parameters": U,
        "rewards": R,
        "direction": [1.0, 0],
    },
    "curvature_split": {"moments": M, "direction": U},
    "dead_kernel": {"group_size": 4, "new_size": 2},
    "decoupled": {"gradients": G, "std": STD, "bases": BASES, "ridge": 0.1, "cutoff": 1e-9},
    "deviation_certificate": {"moments": M, "features": Φ, "delta": U},
    "diameter": {"features": Φ},
    "diameter_bound": {"features": Φ},
    "effective_groups": {"lengths": [1.0, 2.0], "number": [3, 4]},
    "expected_gain_bound": {**GAIN, "step": 0.7},
    "expected_weight": {"pass_rate": [0.1, 0.3], "weights": [0.0, 2.0, 3.0, 0.0]},
    "extreme_eigenvalues": {"moments": M, "tolerance": 1e-9, "seed": 1},
    "extreme_eigenvalues_of": {
        "product": lambda v: 2 * v,
        "size": 3,
        "tolerance": 1e-9,
        "max_iterations": 9,
        "seed": 1,
    },
    "failure_rate_lower_bound": RATES,
    "failure_rate_upper_bound": {**RATES, "margin": 1.0},
    "failure_width": {"widths": [0.7, 1.0, 0.7]},
    "first_order_step": {"diameter": [1.0, 2.0]},
    "frequencies": {"histogram": COUNTS},
    "gradient_bound": BOUND,
    "gradient_norm_bound": {"scale": 0.3, "diameter": 1.5, "gap": [0.5, 0.6], "num_steps": 100},
    "gram": {"gradients": G},
    "greatest_moved_share": {"group_size": 4},
    "greatest_weight_ratio": {"group_size": 4},
    "group_factor": {"pass_rate": [0.1, 0.3], "group_size": 4},
    "group_failure_lower_bound": {"initial_failure": 0.5, "num_answers": [10, 20], "width": 0.7},
    "group_start_lower_bound": {"initial_pass_rate": 0.1, "level": [0.5, 0.6], "width": 0.7},
    "grpo_statistics": {**COVARIANCES, "group_size": 4},
    "hessian_vector_product": {"moments": M, "vector": U},
    "hitting_time": {"pass_rate": [0.1, 0.3], "alpha": 1.0, "target": 0.5},
    "law_of_counts": {"correct": [0, 3, 1], "samples": [4, 4, 2], "num_rates": 20},
    "law_of_rates": {"histogram": COUNTS, "num_rates": 20},
    "length_constant": {"horizon": 3, "lattice": 8},
    "length_constant_bound": {"horizon": 3},
    "length_constant_lower": {"horizon": 3},
    "length_cosine": {"lengths": [1.0, 2.0], "other": [1.0, 1.0], "number": [3, 4]},
    "local_curvature": {"moments": M, "direction": U},
    "log_odds_certificate": {"moments": M, "features": Φ, "delta": U},
    "log_odds_step": {"moments": M, "diameter": 1.5},
    "log_odds_step_along": {"slopes": [0.1, 0.2], "pass_rates": [0.3, 0.4], "widths": [1.0, 2.0]},
    "log_std_bound": {"width": [1.0, 2.0], "pass_rate": 0.3},
    "margin": {"features": Φ, "rewards": R},
    "mean_failure_lower_bound": {**RATES, "num_prompts": 3},
    "moments": {"logits": [0.1, 0.2, -0.3], "features": Φ, "rewards": R},
    "moved_share": {"lengths": [1.0, 2.0], "other": [1.0, 1.0], "number": [3, 4]},
    "optimality": {"law": curvature.law_of_rates(COUNTS), "histogram": COUNTS, "rates": [0.1, 0.4]},
    "orthogonality": {"gradients": G},
    "orthogonality_of_gram": {"gram": EYE},
    "own_surplus": {"gradient_norms": [0.5, 1.0], "std": [0.25, 0.5], "step_size": 1.0},
    "pairwise_coherence": {"bases": BASES},
    "phase_boundaries": {"cross_ratio": [1.0, 0.5, 0.1]},
    "phases": {"cross_ratio": [1.0, 0.5, 0.1]},
    "polynomial_kernel": {"group_size": 4, "coefficients": [1.0, 2.0]},
    "power_curvature_constant": {"alpha": [0.0, 1.0]},
    "psi": {"a": [0.1, 1.0]},
    "rate_ratio_bound": {"average_std": [0.1, 0.2], "max_std": 0.5},
    "rate_spread": {"histogram": COUNTS},
    "reachable_states": {"transitions": [[0, 1], [1, 0]], "horizon": 3},
    "reinforce_statistics": {**COVARIANCES, "group_size": 4},
    "relative_gain": {"gradient_norms": [0.5, 1.0], "std": [0.25, 0.5]},
    "remainder_bound": BOUND,
    "resampled_histograms": {
        "histograms": [COUNTS, COUNTS],
        "num_resamples": 3,
        "generator": np.random.default_rng(0),
    },
    "rho": {"ratio": [0.5, 1.0]},
    "sampled_curvature": {"rewards": R, "slopes": [0.1, 0.2, 0.5], "bends": [0.3, -0.2, 0.1]},
    "sampled_variance": {"rewards": R},
    "seeds_needed": {"lead": 0.01, "std": 0.02, "power": 0.8, "level": 0.9},
    "sequence_curvature_bound": {**BOUND, "horizon": 3},
    "sequence_gradient_bound": {**BOUND, "horizon": 3},
    "sequence_hessian_vector_product": {**TABLE, "direction": [[1.0, 0.0], [0.0, 1.0]]},
    "sequence_kl": {"occupancy": [1.0, 2.0], "probabilities": [[0.5, 0.5], [0.2, 0.8]], "change": EYE},
    "sequence_log_std_bound": {**BOUND, "horizon": 3},
    "sequence_remainder_bound": {**BOUND, "horizon": 3},
    "sequence_tilt": TABLE,
    "sequence_width": {"change": EYE, "reachable": [True, False]},
    "softmax_kl": {"probabilities": [0.5, 0.5], "change": [1.0, 0.0]},
    "span_basis": {"features": Φ, "tolerance": 1e-9},
    "split_half_gram": {"first": G, "second": G},
    "split_half_indices": {"first": G, "second": G, "std": STD},
    "split_half_indices_of": {"cross_gram": [[2.0, 1.0, 0.0], [0.0, 2.0, 1.0], [1.0, 0.0, 2.0]], "std": STD},
    "split_half_squared_norm": {"first": G, "second": G},
    "spread_factor": {"std": STD},
    "start_width": {"widths": [0.7, 1.0, 0.7]},
    "step_ratios": {"lengths": [1.0, 2.0], "other": [1.0, 1.0], "number": [3, 4]},
    "success": {"log_prob": log_prob, "parameters": θ},
    "success_curvature": {"log_prob": log_prob, "parameters": θ, "direction": np.asarray(U)},
    "success_hessian_vector_product": {"log_prob": log_prob, "parameters": θ, "direction": np.asarray(U)},
    "success_parts": {"log_prob": -0.7, "right": 2.0, "wrong": [-1.0, -3.0]},
    "success_std": {"log_prob": [-0.7, -1.0]},
    "tail_exponent": {"alpha": 1.0},
    "theorem_step": {"diameter": [1.0, 2.0]},
    "tilt": {"logits": [0.1, 0.2, -0.3], "rewards": R},
    "update_lengths": {"rule": "group", "histogram": COUNTS, "ddof": 1, "epsilon": 0.1},
    "update_shares": {"lengths": [1.0, 2.0], "number": [3, 4]},
    "variance_kernel": {"group_size": 4},
    "width": {"features": Φ, "direction": U},
    "worst_bias": {"values": [0.1, 0.2, 0.3], "target": 4},
}
"""A good call of each, all numbers in lists."""

PLAIN = {"best_kernel", "clusters", "count_kernels", "group_update", "law_of_rates", "seeds"}
"""Modules that need no JAX."""
HOST = {"extreme_eigenvalues", "extreme_eigenvalues_of", "margin", "phase_boundaries", "phases", "reachable_states"} | {
    name for name in CALLS if getattr(curvature, name).__module__.rpartition(".")[2] in PLAIN
}
"""They look at values, as their docstrings say."""

NAMES = sorted(name for name in curvature.__all__ if isinstance(getattr(curvature, name), FunctionType))


def numbers(value: Any) -> bool:
    return isinstance(value, (float, list, np.ndarray, jax.Array))


def arguments(kind: str) -> list[tuple[str, str]]:
    """(function, argument): the "numbers", those that are "counts", or the numbers and the counts ("all")."""
    wanted = {"numbers": numbers, "all": lambda v: numbers(v) or type(v) is int or v is M}[kind]
    return [(name, key) for name in NAMES for key, value in CALLS[name].items() if wanted(value)]


def test_every_function_has_a_call():
    assert sorted(CALLS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_lists_are_taken_and_jit_changes_nothing(name):
    function, call = getattr(curvature, name), CALLS[name]
    found = function(**call)
    arrays = {key: jnp.asarray(value) for key, value in call.items() if isinstance(value, (list, np.ndarray))}
    if name in HOST or not arrays:
        return
    rest = {key: value for key, value in call.items() if key not in arrays}
    compiled = jax.jit(lambda arrays: function(**arrays, **rest))(arrays)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(compiled), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(("name", "key"), arguments("all"))
def test_text_is_refused_by_the_name_of_the_argument(name, key):
    with unchecked(), pytest.raises(ValueError, match=rf"^{key}\b.*; allowed: "):
        getattr(curvature, name)(**CALLS[name] | {key: "text"})


def spoilt(value: Any) -> Any:
    """The same with NaN in the place of one number."""
    array = np.asarray(value, float)
    array.flat[array.size // 2] = np.nan
    return array


@pytest.mark.parametrize(("name", "key"), arguments("numbers"))
def test_nan_is_refused_by_the_name_of_the_argument(name, key):
    if key in ("parameters", "transitions", "reachable"):
        return  # their log-probability is refused where it is NaN; integers; booleans
    with unchecked(), pytest.raises(ValueError, match=re.compile(rf"^{key}\b.*; allowed: ")):
        getattr(curvature, name)(**CALLS[name] | {key: spoilt(CALLS[name][key])})


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf"), [1.0, 2.0]])
def test_a_diameter_that_is_none_has_no_alignment(bad):
    with unchecked(), pytest.raises(ValueError, match="diameter "):
        curvature.alignment(M, bad)
