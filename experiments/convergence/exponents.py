"""Parts "tails", "hitting", "window": the true separation of the rules.

Two arms: the tail exponents and hitting times of T7, and the cap of T13.

1 − p ~ t^{−2/(2−α)} under g/σ^α (α < 2), exponential at α = 2;    groups of G: back to 1/t once 1 − p ≲ 1/G
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bandits import Exact, Expected, Problem, from_pass_rates, simulate
from bandits._step import Constant
from bandits.oracle import Oracle
from bandits.update import Power
from curvature import adaptivity, adaptivity_window, hitting_time, tail_exponent
from experiments.convergence.tables import ExponentialRate, Fit, Fits, GroupFit
from experiments.rows import Rows, join

ALPHAS = (0.0, 0.5, 1.0, 1.5)
GROUP_SIZES = (2, 4, 8, 16, 64, 256)
WINDOW_SIZES = (2, 3, 4, 5, 8, 12, 16, 32, 64, 128, 256)
NUM_STEPS = 100_000
EVERY = 100
FIT_FROM = 1_000
STARTS = (1e-2, 3e-3, 1e-3, 3e-4)


def coin(pass_rate: float) -> Problem:
    """One prompt, two arms, features ±½ (D = 1), initial pass rate exact."""
    return from_pass_rates(jnp.asarray([pass_rate]), num_arms=2, key=jax.random.key(0))


def failure_rate(std: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """1 − p of the branch p ≥ ½ from σ = √(p(1−p)), to full relative accuracy where 1 − J has none left."""
    return 2 * std**2 / (1 + np.sqrt(np.maximum(1 - 4 * std**2, 0)))


@eqx.filter_jit
def _curves(
    p: Problem, oracle: Oracle, alphas: Array, step_size: Array, num_steps: int, every: int
) -> tuple[Array, ...]:
    def one(alpha: Array) -> tuple[Array, ...]:
        path = simulate(
            p, Power(alpha), oracle, Constant(step_size), num_steps, key=jax.random.key(0), record_every=every
        ).trajectory
        return path.time, path.std, path.value

    return jax.vmap(one)(alphas)


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """Least-squares slope of y on x."""
    return float(np.polyfit(x, y, 1)[0])


def tail(t: np.ndarray, failure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-spaced points of the tail, so that each decade weighs the same in a fit."""
    wanted = np.unique(np.searchsorted(t, np.geomspace(FIT_FROM, t[-1], 60)).clip(max=len(t) - 1))
    return np.log(t[wanted]), np.log(failure[wanted])


def curve_rows() -> Rows:
    """1 − p over time: exact rules at every α (and α = 2 on its own, shorter clock), `group` under groups of G."""
    parts: list[Rows] = []

    def add(kind: str, alpha: float, group_size: int, step_size: float, t: Array, std: Array) -> None:
        t_, f = np.asarray(t), failure_rate(np.asarray(std))
        keep = t_ > 0
        n = int(keep.sum())
        parts.append({
            "kind": np.full(n, kind), "alpha": np.full(n, alpha), "group_size": np.full(n, group_size),
            "step_size": np.full(n, step_size), "time": t_[keep], "failure_rate": f[keep],
        })  # fmt: skip

    start = coin(0.5)
    t, std, _ = _curves(start, Exact(), jnp.asarray(ALPHAS), jnp.asarray(1.0), NUM_STEPS, EVERY)
    for i, alpha in enumerate(ALPHAS):
        add("exact", alpha, 0, 1.0, t[i], std[i])
    t, std, _ = _curves(start, Exact(), jnp.asarray([2.0]), jnp.asarray(0.1), 300, 1)
    add("exact", 2.0, 0, 0.1, t[0], std[0])
    for G in GROUP_SIZES:
        t, std, _ = _curves(start, Expected(G), jnp.asarray([1.0]), jnp.asarray(1.0), NUM_STEPS, EVERY)
        add("groups", 1.0, G, 1.0, t[0], std[0])
    return join(parts)


def hitting_rows() -> Rows:
    """Time (steps × step size) from small pass rates to ½, simulated beside the flow's closed form."""
    rows: dict[str, list] = {"alpha": [], "pass_rate": [], "measured": [], "flow": []}
    step_size, num_steps = 0.2, 25_000
    for p0 in STARTS:
        _, _, value = _curves(coin(p0), Exact(), jnp.asarray([0.0, 1.0, 2.0]), jnp.asarray(step_size), num_steps, 1)
        for i, alpha in enumerate((0.0, 1.0, 2.0)):
            J = np.asarray(value[i])
            hit = int(np.argmax(J >= 0.5))
            if J[hit] < 0.5:
                raise RuntimeError(f"pass rate ½ not reached from {p0} at alpha {alpha} in {num_steps} steps")
            before = (0.5 - J[hit - 1]) / (J[hit] - J[hit - 1])  # linear within the step
            rows["alpha"].append(alpha)
            rows["pass_rate"].append(p0)
            rows["measured"].append((hit - 1 + before) * step_size)
            rows["flow"].append(float(hitting_time(p0, alpha)))
    return {name: np.asarray(values) for name, values in rows.items()}


_adaptivity = jax.jit(adaptivity, static_argnums=1)
"""One program a size of groups, where the parts of its sum would be compiled one by one."""


def window_rows() -> Rows:
    """b_G(p) for groups of 2 to 256 and 1,000 pass rates from 1e-6 to 1 − 1e-6, with its window."""
    half = np.geomspace(1e-6, 0.5, 501)[:-1]
    p = np.concatenate([half, 1 - half[::-1]])
    parts = []
    for G in WINDOW_SIZES:
        low, high = adaptivity_window(G)
        b = np.asarray(_adaptivity(p, G))
        parts.append((np.full(p.shape, G), p, b, np.full(p.shape, low), np.full(p.shape, high)))
    names = ("group_size", "pass_rate", "adaptivity", "low", "high")
    return {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(names)}


def window_violations(rows: Rows) -> np.ndarray:
    """Where b_G leaves [2, G/√(G−1)]. It is a mean over up to 255 log-gamma weights, each good to about 1e-13."""
    b = rows["adaptivity"]
    return (b < rows["low"] * (1 - 1e-11)) | (b > rows["high"] * (1 + 1e-11))


def fits(rows: Rows) -> Fits:
    """Fitted and predicted exponents of the exact rules by α, the exponential's rate, the groups' late behaviour."""
    exponents: dict[str, Fit] = {}
    groups: dict[str, GroupFit] = {}
    for alpha in ALPHAS:
        mine = (rows["kind"] == "exact") & (rows["alpha"] == alpha)
        exponents[f"{alpha:g}"] = {
            "fitted": slope(*tail(rows["time"][mine], rows["failure_rate"][mine])),
            "predicted": tail_exponent(alpha),
        }
    mine = (rows["alpha"] == 2.0) & (rows["failure_rate"] < 1e-2)
    rate = -slope(rows["time"][mine], np.log(rows["failure_rate"][mine]))
    exponential: ExponentialRate = {"fitted_rate": rate, "predicted_rate": float(rows["step_size"][mine][0])}
    for G in GROUP_SIZES:
        mine = (rows["kind"] == "groups") & (rows["group_size"] == G)
        t, f = rows["time"][mine], rows["failure_rate"][mine]
        late = t > t[-1] / 10
        groups[str(G)] = {
            "late_exponent": slope(np.log(t[late]), np.log(f[late])),
            # 1/(1−p) grows by b_G (G−1)/G a step once 1 − p ≪ 1/G: its slope against REINFORCE's is the cap
            "late_speedup": slope(t[late], 1 / f[late]) * G / (G - 1),
            "cap": adaptivity_window(G)[1],
        }
    return {"exponents": exponents, "exponential": exponential, "groups": groups}
