"""Part "coherence": T17 on prompts that overlap: gains proved and realised, whose guarantee is better, and two runs.

    ΣJ⁺ − ΣJ ≥ (4/D²) ρ(A/L) Σ |g_x|²/σ_x   (GRPO),   (4/(D²σ_max)) ρ(A₁/L₁) Σ |g_x|²   (REINFORCE)

Prompt x has features along one direction e_x, and coherences are |e_x·e_y|. Prompts of two arms, at ±½, can be solved:
log-odds move by e_x·δ. A stuck one has its right arm at 0 between two wrong ones at ±½: log-odds c − ln cosh(e_x·θ/2).
"""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Array, Float

from curvature import CoherentGain, coherent_gain, rho
from curvature.constants import A_PRIORI_STD, STEP_UNIT
from experiments.convergence.tables import Coherent, Path
from experiments.rows import Rows, join, of, where

NUM_PROMPTS = 4
NUM_RANDOM = 4000
COHERENCES = np.linspace(0, 0.33, 34)
"""Below 1/3, where four prompts can all oppose each other."""
RARE = (0.5, 0.01, 0.0004)
"""Pass rates of two of the four prompts, the others have ½: three spreads of σ."""
SPREADS = np.geomspace(1, 10, 40)
"""χ̂ of the map of guarantees."""
PATH_COHERENCE = 0.1
PATH_LOG_ODDS = (-4.0, -2.0, 1.0, 0.0)
"""At the start of both runs; of one the last prompt is stuck."""
PATH_STEPS = 1000
RULES = ("group", "none")
ROUNDING = 1e-12
"""Allowed excess: sums of four pass rates are good to about 1e-15."""

Numbers = Float[np.ndarray, "B N"]


def _state(log_odds: Numbers, stuck: np.ndarray, move: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """(p, σ, slope of the log-odds) where e_x·θ is `move`."""
    now = log_odds + np.where(stuck, -np.log(np.cosh(move / 2)), move)
    p, q = np.exp(-np.logaddexp(0, -now)), np.exp(-np.logaddexp(0, now))
    return p, np.sqrt(p * q), np.where(stuck, -np.tanh(move / 2) / 2, 1.0)


@jax.jit
def _guarantees(
    gradients: Float[Array, "B N d"], std: Float[Array, "B N"], matrices: Float[Array, "B N N"]
) -> dict[str, CoherentGain]:
    """By rule, from all coherences and from the greatest alone."""
    greatest = (matrices * (1 - np.eye(NUM_PROMPTS))).max(axis=(1, 2))
    return {
        f"{rule}_{source}": jax.vmap(
            lambda g, σ, M, rule=rule: coherent_gain(g, σ, coherence=M, diameter=1.0, rule=rule)
        )(gradients, std, coherence)
        for rule in RULES for source, coherence in (("matrix", matrices), ("number", greatest))
    }  # fmt: skip


def _look(
    directions: Float[np.ndarray, "B N d"], log_odds: Numbers, stuck: np.ndarray, move: Numbers, **columns: object
) -> Rows:
    """One row a state: both rules' guarantees beside what their steps gain, and GRPO's with χ̂ = 1, a false claim."""
    p, σ, slope = _state(log_odds, stuck, move)
    g = (σ**2 * slope)[:, :, None] * directions
    M = np.abs(directions @ directions.swapaxes(1, 2))
    found = jax.tree.map(np.asarray, _guarantees(g, σ, M))

    def gained(rule: str, step: Float[np.ndarray, " B"]) -> Float[np.ndarray, " B"]:
        δ = (g / (σ[:, :, None] if rule == "group" else 1)).sum(axis=1) * step[:, None]
        after = _state(log_odds, stuck, move + np.einsum("bnd,bd->bn", directions, δ))[0]
        return (after - p).sum(axis=1)

    A, L = found["none_matrix"].ascent, found["none_matrix"].norm
    share = np.maximum(A, 0) / L
    rows: Rows = {
        "coherence": np.where(np.eye(NUM_PROMPTS), 0, M).max(axis=(1, 2)),
        "spread": np.sqrt(σ.mean(axis=1) * (1 / σ).mean(axis=1)), "mean_std": σ.mean(axis=1),
        "false_gain": STEP_UNIT * np.asarray(rho(share)) * ((g**2).sum(axis=2) / σ).sum(axis=1),
        "false_realised": gained("group", STEP_UNIT * np.log1p(share) / L),
    }  # fmt: skip
    for name, c in found.items():
        rows |= {f"{name}_ascent": c.ascent, f"{name}_norm": c.norm, f"{name}_gain": c.gain,
                 f"{name}_realised": gained(name.split("_")[0], c.step)}  # fmt: skip
    return {name: np.broadcast_to(np.asarray(value), len(p)) for name, value in columns.items()} | rows


def _equal(coherence: Float[np.ndarray, " B"], sign: int) -> Float[np.ndarray, "B N N"]:
    """Unit vectors all of whose products are `sign` times the coherence."""
    eye = np.eye(NUM_PROMPTS)
    wanted = eye + (1 - eye) * sign * coherence[:, None, None]
    values, vectors = np.linalg.eigh(wanted)
    return vectors * np.sqrt(np.maximum(values, 0))[:, None]


def _random(seed: int) -> tuple[np.ndarray, Numbers]:
    rng = np.random.default_rng([seed, 3])
    shape = (NUM_RANDOM, NUM_PROMPTS, NUM_PROMPTS)
    e = np.eye(NUM_PROMPTS) + rng.uniform(0, 0.4, (NUM_RANDOM, 1, 1)) * rng.normal(size=shape)
    return e / np.linalg.norm(e, axis=2, keepdims=True), 2.5 * rng.normal(size=shape[:2])


def run(stuck: bool) -> Numbers:
    """[T, N] e_x·θ along GRPO at one step: T17's where all σ are alike."""
    e, μ, N = _equal(np.asarray([PATH_COHERENCE]), 1)[0], PATH_COHERENCE, NUM_PROMPTS
    step = STEP_UNIT * np.log1p((1 - μ * (N - 1)) / (1 + μ * (N - 1))) / (1 + μ * (N - 1))
    L, which = np.asarray([PATH_LOG_ODDS]), np.asarray([[False] * (N - 1) + [stuck]])
    found, θ = [], np.zeros(N)
    for _ in range(PATH_STEPS):
        found.append(e @ θ)
        _, σ, slope = _state(L, which, found[-1][None])
        θ = θ + step * ((σ * slope)[0] @ e)
    return np.asarray(found)


def rows(seed: int) -> Rows:
    """Random problems; opposed prompts of any coherence; the map of guarantees; and the states of two runs."""
    none = np.zeros((1, NUM_PROMPTS), bool)
    e, L = _random(seed)
    parts = [_look(e, L, none, np.zeros_like(L), kind="random", time=0)]
    for rare in RARE:
        logit = np.log(rare) - np.log1p(-rare)
        L = np.tile([0.0, 0.0, logit, logit], (len(COHERENCES), 1))
        parts.append(_look(_equal(COHERENCES, -1), L, none, np.zeros_like(L), kind="opposed", time=0))
    μ, χ = (x.ravel() for x in np.meshgrid(COHERENCES, SPREADS, indexing="ij"))
    logit = _log_odds_of_spread(χ)
    L = np.stack([0 * logit, 0 * logit, logit, logit], axis=1)
    parts.append(_look(_equal(μ, 1), L, none, np.zeros_like(L), kind="map", time=0))
    for stuck in (False, True):
        X = run(stuck)
        e = np.repeat(_equal(np.asarray([PATH_COHERENCE]), 1), len(X), axis=0)
        which = none | (np.arange(NUM_PROMPTS) == NUM_PROMPTS - 1) & stuck
        L = np.tile(PATH_LOG_ODDS, (len(X), 1))
        parts.append(_look(e, L, which, X, kind="stuck" if stuck else "solvable", time=np.arange(len(X))))
    return join(parts)


def _log_odds_of_spread(spread: Float[np.ndarray, " B"]) -> Float[np.ndarray, " B"]:
    """Of two prompts beside two with p = ½: (s + ½)²/(2s) = χ̂² for their deviation s."""
    b = 2 * spread**2 - 1
    s = (b - np.sqrt(np.maximum(b**2 - 1, 0))) / 2
    return -2 * np.arccosh(1 / (2 * np.minimum(s, 0.5)))


def violations(rows: Rows) -> np.ndarray:
    """[rule and source, row]: where a step gains less than guaranteed; only where something is guaranteed."""
    found = []
    for rule in RULES:
        for source in ("matrix", "number"):
            gain = rows[f"{rule}_{source}_gain"]
            found.append((gain > 0) & (rows[f"{rule}_{source}_realised"] < gain - ROUNDING))
    return np.stack(found)


def num_checks(rows: Rows) -> int:
    """How many guarantees there are."""
    return int(sum((rows[f"{rule}_{source}_gain"] > 0).sum() for rule in RULES for source in ("matrix", "number")))


def false_violations(rows: Rows) -> np.ndarray:
    """Where GRPO gains less than T17 would guarantee if the spread of σ did not matter (χ̂ = 1): a false claim."""
    return rows["false_realised"] < rows["false_gain"] - ROUNDING


def needed(rows: Rows) -> Float[np.ndarray, " n"]:
    """ρ(A/L)/ρ(A₁/L₁): GRPO's guarantee along a run is the better one where σ̄/σ_max is below it."""
    group, none = (np.asarray(rho(np.maximum(rows[f"{rule}_number_ascent"], 0) / rows[f"{rule}_number_norm"]))
                   for rule in RULES)  # fmt: skip
    return np.where(none > 0, group / np.where(none > 0, none, 1), np.nan)


def better(rows: Rows) -> np.ndarray:
    """Where GRPO's guarantee is the better one."""
    return rows["mean_std"] / A_PRIORI_STD < needed(rows)


def path(rows: Rows, kind: str) -> Path:
    """What χ̂ and A do along a run."""
    one = of(rows, kind=kind)
    χ, A = one["spread"], one["group_number_ascent"]
    return {"kind": kind, "spread_first": float(χ[0]), "spread_greatest": float(χ.max()), "spread_last": float(χ[-1]),
            "ascent_first": float(A[0]), "ascent_least": float(A.min()), "ascent_last": float(A[-1]),
            "share_better": float(better(one).mean())}  # fmt: skip


def coherent(rows: Rows) -> Coherent:
    """How tight T17 is, how often it promises something, and the two runs."""
    random = of(rows, kind="random")
    some = where(random, random["group_matrix_gain"] > 0)
    return {
        "tightest": {rule: float(np.min(_ratio(random, rule))) for rule in RULES},
        "median": {rule: float(np.median(_ratio(random, rule))) for rule in RULES},
        "guaranteed": {rule: float((random[f"{rule}_matrix_gain"] > 0).mean()) for rule in RULES},
        "larger_gain": float((some["group_matrix_gain"] > some["none_matrix_gain"]).mean()),
        "paths": [path(rows, kind) for kind in ("solvable", "stuck")],
    }  # fmt: skip


def _ratio(rows: Rows, rule: str) -> np.ndarray:
    some = rows[f"{rule}_matrix_gain"] > 1e-9
    return rows[f"{rule}_matrix_realised"][some] / rows[f"{rule}_matrix_gain"][some]
