"""Certify an update of your own policy: what does a step surely do to the pass rate, before it is taken?

    python docs/tutorials/certify_an_update.py [FOLDER]      # writes certify_an_update.png there

The policy: a softmax over the possible answers to one question, with logits φθ + c. θ may be shared with other
questions; only what an update δ does to this question's logits matters here.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from curvature import certificate, log_odds_certificate, moments

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
folder.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(0)

# 1. The policy at θ: 32 answers with 6 features each, two of which are right.
features = rng.normal(size=(32, 6))
logits = features @ rng.normal(size=6)
rewards = np.zeros(32)
rewards[[3, 17]] = 1

# 2. All that is local: the pass rate J, the deviation σ of its rewards, and the gradient.
m = moments(logits, features, rewards)
print(f"pass rate {m.value:.4f}, deviation {m.std:.4f}, |gradient| {np.linalg.norm(m.gradient):.4f}")

# 3. An update that is no gradient step: signs, as Adam's first step has them.
direction = np.sign(m.gradient)


def pass_rate(delta):
    """Of the updated policy, computed afresh: nothing that a certificate may look at."""
    z = logits + features @ delta
    p = np.exp(z - z.max())
    return float(p @ rewards / p.sum())


# 4. The certificates, for every length of the step. T3 needs σ and how far apart the update moves any two logits; the
#    one through the log-odds (T19) holds for rewards of 0 and 1 and never says more than can be.
lengths = np.geomspace(1e-3, 3, 60)
gains = np.array([pass_rate(s * direction) for s in lengths]) - float(m.value)
t3 = [certificate(m, features, s * direction) for s in lengths]
t19 = [log_odds_certificate(m, features, s * direction) for s in lengths]
for found in (t3, t19):
    assert all(c.lower <= gain + 1e-12 and gain <= c.upper + 1e-12 for c, gain in zip(found, gains, strict=True))

# 5. The longest step that surely does not harm, and the one with the best guarantee.
lower = np.array([max(float(a.lower), float(b.lower)) for a, b in zip(t3, t19, strict=True)])
best, safe = lengths[lower.argmax()], lengths[lower >= 0].max()

figure, axes = plt.subplots(figsize=(7, 4.2))
axes.plot(lengths, gains, color="black", label="what the step does")
for found, label, color in ((t3, "T3", "tab:orange"), (t19, "through the log-odds (T19)", "tab:blue")):
    ends = np.clip([(c.lower, c.upper) for c in found], -float(m.value), 1 - float(m.value))
    axes.fill_between(lengths, *ends.T, alpha=0.25, color=color, label=label)
axes.axvline(safe, color="gray", ls=":", label="longest step that surely does no harm")
axes.set(
    xscale="log", xlabel="length of the step", ylabel="change of the pass rate", ylim=(-float(m.value) - 0.02, 0.4)
)
axes.legend(loc="upper left", frameon=False)
figure.tight_layout()
figure.savefig(folder / "certify_an_update.png", dpi=150)

print(
    f"A step of length {best:.2f} along the signs of the gradient surely gains {lower.max():.3f}, and up to a length "
    f"of {safe:.2f} none can lower the pass rate of {float(m.value):.3f}."
)
