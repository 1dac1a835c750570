"""Part "right_or_wrong": T18, T19 and T20 on random problems of any coherence whose rewards are 0 and 1.

|κ| ≤ σ² w² M(|1 − 2p|),   J(θ + δ) between the log-odds' ends,   |∂²F(J)/∂u²| ≤ Λ_α w²,   F′ = σ^(−α)
"""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Array, Float

from curvature import (
    binary_curvature_bound,
    curvature_bound,
    curvature_split,
    deviation_certificate,
    local_curvature,
    log_odds_certificate,
    moments,
    power_curvature_constant,
    tilt,
    width,
)
from experiments.convergence.certificates import draw_steps
from experiments.convergence.own_rates import ALPHAS
from experiments.convergence.tables import Curved
from experiments.rows import Rows, join, where

SHAPES = ((3, 1), (3, 2), (6, 3))
"""(K, d): few arms come close to the bounds, and arms whose features are tied are one arm."""
PER_SHAPE = 5000
ROUNDING = 1e-8
"""Allowed excess, of σ²w², of w² or of J: √(1 − 4σ²) holds |1 − 2p|, and with it T18's bound, to 1e-8 near p = ½."""
FALSE_CURVATURE, FALSE_GAIN, FALSE_OWN = 0.8, 0.5, 0.5
"""The false variants claim four fifths of T18's bound, half of T19's remainder and half of T20's Λ."""


def _draw(random: np.random.Generator, K: int, d: int) -> tuple[np.ndarray, ...]:
    """Logits [B, K], features [B, K, d], rewards [B, K], at least one of each kind, and steps [B, d]."""
    B = PER_SHAPE
    φ = np.round(random.standard_normal((B, K, d)) * 2) / 2  # ties: arms at both ends of the width
    z = random.standard_normal((B, K)) * 2
    order = random.permuted(np.tile(np.arange(K), (B, 1)), axis=1)
    r = (order < random.integers(1, K, (B, 1))).astype(float)
    return z, φ, r, draw_steps(random, B, d)


def _prompt(
    z: Float[Array, " K"], φ: Float[Array, "K d"], r: Float[Array, " K"], δ: Float[Array, " d"]
) -> dict[str, Array]:
    m = moments(z, φ, r, hessian=False)
    split, w = curvature_split(m, δ), width(φ, δ)
    T3, T19 = deviation_certificate(m, φ, δ), log_odds_certificate(m, φ, δ)
    return {
        "value": m.value, "std": m.std, "width": w, "curvature": local_curvature(m, δ),
        "slope_part": split.slope, "bend_part": split.bend, "T1": curvature_bound(m.std, w),
        "T18": binary_curvature_bound(m.std, w), "gain": tilt(z + φ @ δ, r)[0] - m.value,
        "T3_lower": T3.lower, "T3_upper": T3.upper, "T19_lower": T19.lower, "T19_upper": T19.upper,
        "log_odds_slope": m.gradient @ δ / m.std**2,
    }  # fmt: skip


_many = jax.jit(jax.vmap(_prompt))


def rows(seed: int) -> Rows:
    """One row a prompt and direction that moves it: its curvature and gain beside their bounds."""
    parts = []
    for i, (K, d) in enumerate(SHAPES):
        drawn = _draw(np.random.default_rng([seed, 100 + i]), K, d)
        columns = {name: np.asarray(values) for name, values in _many(*drawn).items()}
        parts.append({"num_arms": np.full(PER_SHAPE, K), "num_parameters": np.full(PER_SHAPE, d), **columns})
    joined = join(parts)
    return where(joined, joined["width"] > 0)


def curvature_violations(rows: Rows, factor: float = 1.0) -> np.ndarray:
    """T18, the bound times `factor` (1: the theorem)."""
    return np.abs(rows["curvature"]) > factor * rows["T18"] + ROUNDING * (rows["std"] * rows["width"]) ** 2


def order_violations(rows: Rows) -> np.ndarray:
    """T18 is never worse than T1."""
    return rows["T18"] > rows["T1"] + ROUNDING * (rows["std"] * rows["width"]) ** 2


def split_violations(rows: Rows) -> np.ndarray:
    """T18's identity: the slope's and the bend's part sum to the curvature."""
    error = np.abs(rows["slope_part"] + rows["bend_part"] - rows["curvature"])
    return error > ROUNDING * rows["std"] ** 2 * rows["width"] ** 2


def gain_violations(rows: Rows, share: float = 1.0) -> np.ndarray:
    """T19, both ends, with its remainder w²/8 multiplied by `share` (1: the theorem)."""
    low, high = rows["T19_lower"], rows["T19_upper"]
    if share != 1:
        low, high = _moved(rows, -share), _moved(rows, share)
    return (rows["gain"] < low - ROUNDING) | (rows["gain"] > high + ROUNDING)


def _moved(rows: Rows, share: float) -> Float[np.ndarray, " n"]:
    """The change of J where log-odds move by their slope and this share of w²/8."""
    log_odds = np.log(rows["value"]) - np.log1p(-rows["value"])
    change = rows["log_odds_slope"] + share * rows["width"] ** 2 / 8
    return 1 / (1 + np.exp(-log_odds - change)) - rows["value"]


def own_sum_violations(rows: Rows, factor: float = 1.0) -> np.ndarray:
    """T20, [α, row]: F(J)″ = σ^(−α)(κ − (α/2) · slope's part) against Λ_α w² times `factor` (1: the theorem)."""
    alpha = np.asarray(ALPHAS)[:, None]
    bent = (rows["curvature"] - alpha / 2 * rows["slope_part"]) / rows["std"] ** alpha
    return np.abs(bent) > (factor * np.asarray(power_curvature_constant(alpha)) + ROUNDING) * rows["width"] ** 2


def curved(rows: Rows) -> Curved:
    """How much of T1's and of T18's bound is used at most, and how often T19's lower bound is the better one."""
    seen = rows["T18"] > 0
    used = {name: np.abs(rows["curvature"][seen]) / rows[name][seen] for name in ("T1", "T18")}
    long = rows["width"] > 1
    better = rows["T19_lower"] > rows["T3_lower"]
    return {
        "T1_used": float(used["T1"].max()), "T18_used": float(used["T18"].max()),
        "T18_over_T1": float(np.median(rows["T18"][seen] / rows["T1"][seen])),
        "T19_better": float(better[~long].mean()), "T19_better_long": float(better[long].mean()),
    }  # fmt: skip
