"""Audit a trainer's log: which estimator was really used, and where its updates went.

    python docs/tutorials/audit_a_log.py [FOLDER] [LOG]      # writes audit_a_log.png there

LOG is the folder that TRL wrote with `log_completions=True`, with the reward function accuracy_reward; without it the
simulator writes one in the same files. The same from the command line: `grpo-curvature logs report LOG`.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyarrow.parquet as pq

from curvature import moved_share, update_lengths, update_shares
from experiments.cli import main

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
folder.mkdir(parents=True, exist_ok=True)
log = Path(sys.argv[2]) if len(sys.argv) > 2 else folder / "example_log"


def command(*arguments):
    """What `grpo-curvature …` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        main([str(a) for a in arguments])
    return printed.getvalue()


if not log.exists():
    command("logs", "example", "--out", log)

# 1. What the advantages say of the estimator that made them: to the last digit, or not at all.
audit = json.loads(command("logs", "audit", log, "--json"))
G, ddof, epsilon = (audit[name] for name in ("group_size", "ddof", "epsilon"))
print(
    f"{audit['num_groups']} groups of {G}: {audit['rule']}, ddof {ddof}, ε {epsilon:.2g}, as {audit['estimator']} does"
)

# 2. How many groups have k right answers of G. TRL writes the answers to one prompt one after the other.
rewards = np.concatenate(
    [pq.read_table(file)["accuracy_reward"] for file in sorted(log.rglob("completions_*.parquet"))]
)
histogram = np.bincount(rewards.reshape(-1, G).sum(axis=1).astype(int), minlength=G + 1)
dead = (histogram[0] + histogram[G]) / histogram.sum()

# 3. The share of the update that comes from each kind of group, by the sum of its advantages' absolute values.
lengths = {rule: update_lengths(rule, histogram, ddof=ddof) for rule in ("none", "group")}
shares = {rule: update_shares(c, histogram) for rule, c in lengths.items()}
moved = float(moved_share(lengths["group"], lengths["none"], histogram))
gains = np.flatnonzero(shares["group"] > shares["none"] + 1e-9)

figure, axes = plt.subplots(figsize=(7, 4))
k = np.arange(G + 1)
axes.bar(k - 0.2, 100 * shares["none"], 0.4, label="not divided", color="lightgray", edgecolor="black")
axes.bar(k + 0.2, 100 * shares["group"], 0.4, label="divided by the deviation", color="tab:blue")
axes.set(xlabel=f"right answers of {G}", ylabel="share of the update, %", xticks=k)
axes.legend(frameon=False)
figure.tight_layout()
figure.savefig(folder / "audit_a_log.png", dpi=150)

print(
    f"Dividing puts {100 * moved:.1f}% of this run's update elsewhere, to groups with {', '.join(map(str, gains))} "
    f"right of {G}; {100 * dead:.0f}% of the groups are all right or all wrong and teach neither rule anything."
)
