"""Write a rule and sweep it: weights by the number of right answers, against not dividing and dividing.

    python docs/tutorials/write_a_rule.py [FOLDER]      # writes write_a_rule.png there

With rewards of 0 and 1 a group leaves one number, k right answers of G. So a rule is a table w(k) that multiplies the
group's centred gradient: 1 does not divide, 1/√(p(1−p)) at p = k/G divides. The one below divides hard prompts only.
"""

import sys
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np

from bandits import Sampled, Weight, constant, from_pass_rates, make_rule, run_many
from curvature import expected_weight

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
folder.mkdir(parents=True, exist_ok=True)
GROUP_SIZE, NUM_STEPS, SEEDS, TUNING = 16, 150, 8, 4

# 1. The rule, as a table for k = 0 … G: change `inner` and the name. Ends are not used: equal rewards say nothing.
p = np.arange(1, GROUP_SIZE) / GROUP_SIZE
inner = np.where(p < 0.5, 1 / np.sqrt(p * (1 - p)), 2.0)  # continuous at p = 1/2
mine = Weight(table=np.concatenate([[0], inner, [0]]), name="hard prompts only")

# 2. What a table means at a pass rate p: its average over groups, exactly (theory.md, T12).
divided = np.concatenate([[0], 1 / np.sqrt(p * (1 - p)), [0]])
tables = {"none": np.ones(GROUP_SIZE + 1), "group": divided, mine.name: np.asarray(mine.table)}
rates = np.linspace(0.01, 0.99, 99)
weights = {name: [float(w) for w in expected_weight(rates, table)] for name, table in tables.items()}

# 3. The sweep: how much prompts share × the rules, a step tuned for each on seeds that are not reported.
keys = jax.random.split(jax.random.key(1), TUNING + SEEDS)
tuning, reported = keys[:TUNING], keys[TUNING:]
steps, coherences = np.geomspace(3, 100_000, 10), (0.0, 0.5, 0.9)
starts = np.random.default_rng(0).beta(0.5, 1.2, 16).clip(0.01, 0.99)
found = {name: [] for name in tables}
for coherence in coherences:
    problem = from_pass_rates(starts, num_arms=4, coherence=coherence, key=jax.random.key(0))
    rules = {name: make_rule(name, problem.features) for name in ("none", "group")} | {mine.name: mine}

    def mean_value(rule, step, keys, problem=problem):
        """Pass rate, averaged over prompts and training, a number a seed."""
        size = constant(step / len(starts))
        return np.asarray(
            run_many(problem, rule, size, NUM_STEPS, keys=keys, oracle=Sampled(GROUP_SIZE)).trajectory.value
        ).mean(axis=1)

    for name, rule in rules.items():
        best = max(steps, key=lambda s, rule=rule: mean_value(rule, s, tuning).mean())
        if not steps[0] < best < steps[-1]:
            raise SystemExit(
                f"{name} is best at the grid's end, {best:.3g}: let `steps` go beyond {steps[0]:g} to {steps[-1]:g}"
            )
        found[name].append(mean_value(rule, best, reported))

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
for name in tables:
    left.plot(rates, weights[name], label=name)
    means = np.array([v.mean() for v in found[name]])
    right.errorbar(coherences, means, [v.std(ddof=1) / np.sqrt(SEEDS) for v in found[name]], marker="o", capsize=3)
left.set(xlabel="pass rate", ylabel=f"expected weight, groups of {GROUP_SIZE}", ylim=(0, None))
right.set(xlabel="coherence of the prompts", ylabel="mean pass rate over training, ± 1 standard error")
left.legend(frameon=False)
figure.tight_layout()
figure.savefig(folder / "write_a_rule.png", dpi=150)

ahead = [m - g for m, g in zip(found[mine.name], found["group"], strict=True)]
said = [f"{100 * a.mean():+.2f} ± {100 * a.std(ddof=1) / np.sqrt(SEEDS):.2f}" for a in ahead]
print(
    f"Against dividing every prompt, {mine.name} is ahead by {', '.join(said)} (standard error) points of pass rate at "
    f"coherence {', '.join(map(str, coherences))}."
)
