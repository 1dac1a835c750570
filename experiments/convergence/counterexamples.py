"""Part "counterexamples": where GRPO loses. X1: orthogonal gradients but not orthogonal spans. C6: conflict.

Both are exact, a few lines each, and both are run from the same point with both rules at their theorem steps.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from bandits import Problem, constant, from_array, make_rule, offsets_for_pass_rate, problem, run
from curvature import theorem_step
from curvature.constants import A_PRIORI_STD
from experiments.convergence.tables import Outcome
from experiments.rows import Rows

NUM_STEPS = 2000


def orthogonal_gradients() -> Problem:
    """X1: prompt 1 has arms ±½e₁ and p = 10⁻³; prompt 2 has {0 (right, ½), ±½e₁ (¼ each)}, so g₁·g₂ = 0 at the start.

    Prompt 1's right arm is split in two arms of half its probability, which changes nothing.
    """
    features = jnp.asarray([[[0.5], [0.5], [-0.5]], [[0.0], [0.5], [-0.5]]])
    rewards = jnp.asarray([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    return problem(
        from_array(features), offsets_for_pass_rate(rewards, jnp.asarray([1e-3, 0.5])), rewards, diameter=1.0
    )


def conflict() -> Problem:
    """C6: J₁ = sigmoid(θ/2), J₂ = sigmoid(−θ + ln(1/9)): one parameter that two prompts pull in opposite directions."""
    features = jnp.asarray([[[0.25], [-0.25]], [[-0.5], [0.5]]])
    rewards = jnp.asarray([[1.0, 0.0], [1.0, 0.0]])
    return problem(from_array(features), offsets_for_pass_rate(rewards, jnp.asarray([0.5, 0.1])), rewards, diameter=1.0)


EXAMPLES = {"X1": orthogonal_gradients, "C6": conflict}


def rows() -> Rows:
    """ΣJ over both prompts along runs of both rules, exact gradients, steps on the sum over prompts."""
    columns: dict[str, list] = {
        name: [] for name in ("example", "rule", "time", "total_value", "gain", "cross_ratio", "orthogonality")
    }
    for example, make in EXAMPLES.items():
        p = make()
        for rule in ("none", "group"):
            size = theorem_step(p.diameter) / (A_PRIORI_STD if rule == "none" else 1.0)
            path = run(p, make_rule(rule, p.features), constant(size), NUM_STEPS, key=jax.random.key(0)).trajectory
            columns["example"] += [example] * NUM_STEPS
            columns["rule"] += [rule] * NUM_STEPS
            columns["time"] += np.asarray(path.time).tolist()
            columns["total_value"] += (2 * np.asarray(path.value)).tolist()
            columns["gain"] += (2 * np.asarray(path.gain)).tolist()
            columns["cross_ratio"] += np.asarray(path.cross_ratio).tolist()
            columns["orthogonality"] += np.asarray(path.orthogonality).tolist()
    return {name: np.asarray(values) for name, values in columns.items()}


def outcomes(rows: Rows) -> dict[str, dict[str, Outcome]]:
    """{example: {rule: what ΣJ did}}: in the first step, in how many steps it fell, and in the whole run."""
    answer: dict[str, dict[str, Outcome]] = {}
    for example in EXAMPLES:
        answer[example] = {}
        for rule in ("none", "group"):
            mine = (rows["example"] == example) & (rows["rule"] == rule)
            gain, total = rows["gain"][mine], rows["total_value"][mine]
            answer[example][rule] = {
                "first_gain": float(gain[0]),
                "num_losing_steps": int((gain < -1e-12).sum()),
                "change": float(total[-1] + gain[-1] - total[0]),
                "greatest_change": float(total.max() - total[0]),
            }
    return answer
