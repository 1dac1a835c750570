"""Should I divide, from my pass rates: tune a learning rate for either rule on prompts like mine, then compare.

    python docs/tutorials/should_i_divide.py [FOLDER] [RATES]    # writes should_i_divide.png there

RATES is a CSV or Parquet file with a column pass_rate, or num_correct and num_samples; without it, 24 made-up rates.
The policy is a softmax whose prompts share a part of their features; its groups are sampled, as a trainer's.
"""

import sys
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from bandits import Sampled, constant, from_pass_rates, make_rule, read_pass_rates, run_many

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
folder.mkdir(parents=True, exist_ok=True)
GROUP_SIZE, NUM_STEPS, SEEDS, TUNING = 16, 150, 8, 4

# 1. The prompts: each starts at its own pass rate; ρ = .3 of their features are common.
if len(sys.argv) > 2:
    rates = read_pass_rates(Path(sys.argv[2])).used
else:
    rates = np.random.default_rng(0).beta(0.5, 1.2, 24).clip(0.01, 0.99)
problem = from_pass_rates(rates, num_arms=4, coherence=0.3, key=jax.random.key(0))


def curves(rule, step_size, keys):
    """Mean pass rate before every update, [seed, update]; the step is per prompt."""
    found = run_many(
        problem,
        make_rule(rule, problem.features),
        constant(step_size / len(rates)),
        NUM_STEPS,
        keys=keys,
        oracle=Sampled(GROUP_SIZE),
    )
    return np.asarray(found.trajectory.value)


# 2. A learning rate for each rule, on seeds that are not reported.
keys = jax.random.split(jax.random.key(1), TUNING + SEEDS)
tuning, reported = keys[:TUNING], keys[TUNING:]
steps = np.geomspace(3, 30_000, 9)
best = {rule: max(steps, key=lambda s: curves(rule, s, tuning).mean()) for rule in ("none", "group")}
assert {steps[0], steps[-1]}.isdisjoint(best.values()), "the grid of steps is too short"

# 3. The comparison: both rules draw the same random numbers, so seeds are compared pair by pair.
runs = {rule: curves(rule, best[rule], reported) for rule in best}
lead = (runs["group"] - runs["none"]).mean(axis=1)
half = stats.t.ppf(0.975, SEEDS - 1) * lead.std(ddof=1) / np.sqrt(SEEDS)

figure, axes = plt.subplots(figsize=(7, 4.2))
for rule, label, style in (("none", "not divided", "--"), ("group", "divided by the deviation", "-")):
    axes.plot(runs[rule].mean(axis=0), style, label=f"{label}, step {best[rule]:.3g}")
    axes.fill_between(range(NUM_STEPS), runs[rule].min(axis=0), runs[rule].max(axis=0), alpha=0.15)
axes.set(xlabel="update", ylabel="mean pass rate", title=f"{len(rates)} prompts, groups of {GROUP_SIZE}")
axes.legend(frameon=False)
figure.tight_layout()
figure.savefig(folder / "should_i_divide.png", dpi=150)

verdict = "Divide" if lead.mean() > half else "Do not divide" if lead.mean() < -half else "It makes no difference here"
print(
    f"{verdict}: with tuned steps dividing leads by {100 * lead.mean():.2f} points of pass rate, averaged over "
    f"training (95% interval ± {100 * half:.2f} over {SEEDS} seeds)."
)
