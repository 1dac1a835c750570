r"""The three phases of a run, by an operational definition on the index χ of `curvature.coherence`.

    phase I until χ stays below .75, II until it stays below .25, III after;     U_own = (η/N) Σ_x |g_x|²(1/σ_x − 2)

"Stays" looks at the whole rest of the run, so one late excursion moves a boundary: the phases are read off a finished
run, they do not forecast. Independent checks: tests/curvature/test_phases.py.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from curvature.check import Numbers, as_float, check_finite, check_interval, check_shape
from curvature.constants import A_PRIORI_STD, PHASE_LEVELS
from curvature.safe import inverse_power


def phase_boundaries(cross_ratio: Numbers) -> tuple[int | None, int | None]:
    """The first t of phase II and the first t of phase III: from there to the end χ is below .75, below .25.

    Arguments:
        cross_ratio: [T] χ_t of the successive states of one run, finite. An unresolved χ (NaN) has to be left out, or
            the steps between averaged, before a run can be cut into phases.

    Returns:
        (end of I, end of II), each None where the run does not get there; 0 where it starts beyond.

    Raises:
        ValueError: NaN or infinite numbers, no steps.

    >>> phase_boundaries([1.0, 0.5, 0.8, 0.6, 0.2, 0.1])  # the .5 does not count: .8 comes after it
    (3, 4)
    """
    χ = as_float("cross_ratio", cross_ratio)
    check_shape("cross_ratio", χ, (None,))
    check_finite("cross_ratio", χ)
    values = np.asarray(χ)
    first, second = (_settles(values < level) for level in PHASE_LEVELS)
    return first, second


def _settles(below: np.ndarray) -> int | None:
    """The first index from which all entries hold, or None."""
    if not below[-1]:
        return None
    above = np.flatnonzero(~below)
    return int(above[-1]) + 1 if above.size else 0


def phases(cross_ratio: Numbers) -> Int[np.ndarray, " T"]:
    """The phase, 1, 2 or 3, of every step of a run. Arguments as `phase_boundaries`.

    Raises:
        ValueError: as `phase_boundaries`.

    >>> print(phases([1.0, 0.5, 0.8, 0.6, 0.2, 0.1]))
    [1 1 1 2 3 3]
    """
    ends = phase_boundaries(cross_ratio)
    T = as_float("cross_ratio", cross_ratio).shape[0]
    return np.searchsorted([T if end is None else end for end in ends], np.arange(T), side="right") + 1


def own_surplus(gradient_norms: Numbers, std: Numbers, step_size: Numbers) -> Float[Array, ""]:
    """U_own: by how much one GRPO step is predicted to raise J above one REINFORCE step, from the prompts' own terms.

    J is the mean over N prompts; steps are on the SUM over prompts, η Σ g_x/σ_x for GRPO and 2η Σ g_x for REINFORCE, so
    that both agree where σ = ½. To first order and without the terms between prompts the difference is
    (η/N) Σ |g_x|²(1/σ_x − 2): never negative for rewards in [0, 1], where σ ≤ ½. For two arms of width 1 |g| = σ², and
    each term is greatest at σ = 3/8.

    Arguments:
        gradient_norms: [N] |g_x| ≥ 0.
        std: [N] σ_x ≥ 0; prompts with σ_x = 0 contribute 0.
        step_size: η ≥ 0, GRPO's.

    Raises:
        ValueError: outside those shapes and ranges.

    >>> print(own_surplus([0.5, 1.0], [0.25, 0.5], 1.0))  # ½ (¼ · 2 + 1 · 0)
    0.25
    """
    norm, σ = as_float("gradient_norms", gradient_norms), as_float("std", std)
    η = as_float("step_size", step_size)
    check_shape("gradient_norms", norm, (None,))
    check_shape("std", σ, norm.shape)
    check_shape("step_size", η, ())
    for name, value in (("gradient_norms", norm), ("std", σ), ("step_size", η)):
        check_interval(name, value, 0, float("inf"), open_ends="h")
    σ, η = σ.astype(norm.dtype), η.astype(norm.dtype)
    excess = jnp.where(σ > 0, inverse_power(σ, 1) - 1 / A_PRIORI_STD, 0)
    return η * jnp.mean(norm**2 * excess)
