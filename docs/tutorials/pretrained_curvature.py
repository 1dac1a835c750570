"""Curvature of one prompt of a pretrained model: is it what theory says of a right-or-wrong reward?

    grpo-curvature gsm8k fetch smollm2 --out smollm2
    python docs/tutorials/pretrained_curvature.py [FOLDER] [MODEL]      # writes pretrained_curvature.png there

MODEL is a folder in the layout of Llama, SmolLM2 or Qwen2.5 (default: smollm2). The reward is 1 for one string and 0
for all others, so J = p, and everything is a derivative of log p: exact, without sampling.
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

from curvature import along
from experiments.language.learning.checkpoint import load_checkpoint
from experiments.language.model.model import Batch, make_model
from experiments.language.model.part import divide

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
folder.mkdir(parents=True, exist_ok=True)
QUESTION = "Question: Natalia sold 48 clips in April and half as many in May. How many in May?\nAnswer: <<48/2"
RIGHT = "24"

# 1. The model; we look at what its last two layers can do, as training only those would.
checkpoint = load_checkpoint(Path(sys.argv[2] if len(sys.argv) > 2 else "smollm2"), mode="step")
θ, part = divide("last:2", checkpoint.parameters)
model = make_model(checkpoint.architecture, checkpoint.vocabulary, part)

# 2. One prompt and its one right response, ended by the first end token; the separator, "=", stands between them.
tokens = checkpoint.vocabulary.tokenizer.encode
prompt, response = tokens(QUESTION).ids, [*tokens(RIGHT).ids, model.ends[0]]
batch = Batch(
    jnp.asarray([prompt], jnp.int32),
    jnp.asarray([len(prompt)], jnp.int32),
    jnp.asarray([[response]], jnp.int32),
    jnp.asarray([[len(response)]], jnp.int32),
)
batch = model.keep_states(θ, batch)  # what the frozen layers make of it


def log_p(θ):
    """Log of the probability of the right response."""
    return model.answer_log_probabilities(θ, batch)[0]


# 3. Slope and curvature of p along its own gradient: κ = p (a² + b), with a and b those of log p.
value, score = jax.jit(jax.value_and_grad(log_p))(θ)
u = optax.tree.scale(1 / optax.tree.norm(score), score)
found = jax.jit(lambda u: along(log_p, θ, u))(u)
p = float(jnp.exp(value))
slope, curvature = p * float(found.slope), p * float(found.statistic)
law = (1 - 2 * p) * slope**2 / (p * (1 - p))  # if the log-odds were straight along u (theory.md, T18)
print(f"p = {p:.4f}, |∇p| = {slope:.4g}, κ = {curvature:.4g}, straight log-odds say {law:.4g}")

# 4. The same along the line itself.
reach = np.linspace(-1, 1, 41) * min(2.0 / max(float(found.slope), 1e-3), 1.0)
move = jax.jit(lambda t: log_p(optax.tree.add_scale(θ, t, u)))
line = np.exp([float(move(jnp.float32(t))) for t in reach])

figure, axes = plt.subplots(figsize=(7, 4.2))
axes.plot(reach, line, "k", label="p along its gradient")
axes.plot(reach, p + slope * reach + curvature * reach**2 / 2, "--", label="slope and curvature")
odds = np.log(p / (1 - p)) + slope * reach / (p * (1 - p))
axes.plot(reach, 1 / (1 + np.exp(-odds)), ":", label="straight log-odds")
axes.set(xlabel="step along the unit gradient", ylabel="pass rate", ylim=(0, min(1.0, 3 * line.max())))
axes.legend(frameon=False)
figure.tight_layout()
figure.savefig(folder / "pretrained_curvature.png", dpi=150)

print(
    f"At p = {p:.3g} the curvature along the prompt's own gradient is {curvature / law:.2f} times what straight "
    f"log-odds say: {'hard' if p < 0.5 else 'easy'} prompts bend {'up' if curvature > 0 else 'down'}."
)
