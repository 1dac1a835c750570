"""Rows of a validation that never ran, whose truth is known."""

import numpy as np

from curvature.groups import adaptivity, adaptivity_window
from experiments.gsm8k.plan import PRESETS
from experiments.gsm8k.results import Results
from experiments.gsm8k.scaling import Slope

PLAN = PRESETS["cpu"]
TARGETS = (0.0, 0.5, 0.8, 0.95)
SIZE = 60
"""Prompts a state."""


def gains(surplus):
    """What a probe tells of one step of each rule."""
    names = ("real", "own", "first", "second")
    lengths = {"step_norm_group": 1.2, "step_norm_none": 1.0}
    return {f"surplus_{n}": surplus for n in names} | {"gain_second_group": 1.1, "gain_real_group": 1.0} | lengths


def make(
    *,
    seeds=4,
    κ=lambda p, σ, s, rng: σ**2 * np.sign(0.5 - p),
    top=lambda target, s: 1.0,
    argmax=lambda s, i: 0.15,
    first=lambda s: 1.0,
    last=lambda s: 0.5,
    surplus=lambda s: 1e-3,
    learnt=lambda rule, s: {"none": 0.5, "group": 0.6}.get(rule, 0.7),
    factor=lambda b, s, rng: b,
    resolved=0.9,
    seen=lambda s: True,
    sampled_ratio=lambda s: 2.0,
    key=0,
) -> Results:
    """Rows of a validation that never ran."""
    rng = np.random.default_rng(key)
    N = range(seeds)
    p = rng.uniform(0.01, 0.99, (seeds, len(TARGETS), SIZE))
    σ = np.sqrt(p * (1 - p))
    seed = np.broadcast_to(np.arange(seeds)[:, None, None], p.shape)
    bend = np.stack([κ(p[s], σ[s], s, rng) for s in N])
    target = np.broadcast_to(np.array(TARGETS)[None, :, None], p.shape)
    flat = {"seed": seed, "target": target, "pass_rate": p, "std": σ, "curvature_own": bend, "curvature_none": bend}
    states = [
        {
            "seed": s,
            "target": t,
            "pass_rate": max(t, 0.15),
            "curvature_per_std_max": top(t, s),
            "curvature_argmax_p": argmax(s, i),
            "cross_ratio": 1.0,
            **gains(surplus(s)),
        }
        for s in N
        for i, t in enumerate(TARGETS)
    ]
    probes = [
        {
            "rule": rule,
            "seed": s,
            "step": step,
            # REINFORCE's rows say the opposite: no prediction may read them
            "cross_ratio": (first(s) if step == 0 else last(s)) if rule == "group" else 100.0,
            **gains(surplus(s) if rule == "group" else -100.0),
        }
        for rule in ("none", "group")
        for s in N
        for step in (0.0, 20.0, 40.0)
    ]
    runs = [
        {
            "rule": rule,
            "seed": s,
            "step": t,
            "pass_rate": learnt(rule, s),
            "step_size": 0.01,
            "final_train": learnt(rule, s),
            "final_test": 0.0,
        }
        for rule in ("none", "group", "power(2)")
        for s in N
        for t in range(40)
    ]
    G, q = 8, np.linspace(0.05, 0.95, 10)
    low, high = adaptivity_window(G)
    b = np.asarray(adaptivity(q, G))
    caps = [
        {
            "seed": s,
            "pass_rate": q[i],
            "factor": value,
            "factor_error": 0.05,
            "predicted": b[i],
            "group_size": G,
            "window_low": float(low),
            "window_high": float(high),
        }
        for s in N
        for i, value in enumerate(factor(b, s, rng))
    ]
    seen_states = [
        {"cross_ratio": sampled_ratio(s), "cross_ratio_resolved": float(seen(s)), "half_cosine": 0.2} for s in N
    ]
    return Results(
        late={"states": columns(states), "prompts": {name: value.ravel() for name, value in flat.items()}},
        alpha=2.0,
        exponent=Slope(2.0, 0.1, 50),
        tuning=[],
        answer=columns(runs),
        probes=columns(probes),
        small=columns(runs),
        cap=columns(caps),
        equations=columns([row for row in runs if row["rule"] != "power(2)"]),
        sampled={
            "states": columns(seen_states),
            "prompts": {
                "seed": np.repeat(np.arange(seeds), 40),
                "std": np.full(40 * seeds, 0.4),
                "curvature_resolved": np.tile(np.arange(40) < 40 * resolved, seeds),
            },
        },
        notes={},
        num_parameters=1,
    )


def columns(rows):
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
