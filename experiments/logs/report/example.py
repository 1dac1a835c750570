"""An example log: a GRPO run of the simulator with sampled groups, in the files that TRL writes.

Prompts are softmax policies over six answers of which one is right, with overlapping features; a batch of them is
sampled at every step, and one step of `group` follows, on the very answers that are written. From one fixed seed.
Texts say what they are: "prompt 7", "answer 3".
"""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bandits.features import Kronecker
from bandits.geometry import coherent, equicorrelation, simplex_arms
from bandits.rewards import offsets_for_pass_rate, one_hot_rewards
from curvature import advantages
from experiments.store import write_bytes

NUM_PROMPTS, NUM_ARMS, BATCH, GROUP_SIZE, NUM_STEPS = 96, 6, 32, 8, 40
STEP_SIZE, COHERENCE, SEED = 0.02, 0.1, 0


def write_example(out: Path) -> int:
    """Write OUT/completions/completions_{step:05d}.parquet, replacing those of an earlier example.

    Raises:
        OSError: writing failed.
    """
    folder = out / "completions"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("completions_*.parquet"):
        path.unlink()
    for step, (prompts, answers, rewards, advantage) in enumerate(run(), start=1):
        rows = pa.table(
            {
                "step": np.full(rewards.size, step),
                "prompt": pa.array([f"prompt {i}" for i in np.repeat(prompts, GROUP_SIZE)], pa.large_string()),
                "completion": pa.array([f"answer {j}" for j in answers.reshape(-1)], pa.large_string()),
                "accuracy_reward": rewards.reshape(-1).astype(np.float64),
                "advantage": advantage.reshape(-1).astype(np.float64),
            }
        )
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink)
        write_bytes(folder / f"completions_{step:05d}.parquet", sink.getvalue().to_pybytes())
    print(f"an example log of {NUM_STEPS} steps, {BATCH} prompts with {GROUP_SIZE} answers each: {out}")
    return 0


def run() -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """The run: (prompts [B], answers [B, G], rewards [B, G], advantages [B, G] in float32) of each step."""
    rng = np.random.default_rng(SEED)
    features = coherent(equicorrelation(NUM_PROMPTS, COHERENCE), simplex_arms(NUM_ARMS))
    rewards = one_hot_rewards(jnp.asarray(rng.integers(0, NUM_ARMS, NUM_PROMPTS)), NUM_ARMS)
    offsets = offsets_for_pass_rate(rewards, np.clip(rng.beta(0.35, 0.7, NUM_PROMPTS), 0.002, 0.998))
    learn = jax.jit(_learn)
    parameters = features.initial()
    found = []
    for _ in range(NUM_STEPS):
        prompts = rng.permutation(NUM_PROMPTS)[:BATCH]
        probabilities = np.asarray(jax.nn.softmax(offsets + features.logits(parameters)))[prompts]
        cumulative = probabilities.cumsum(axis=1)[:, None, :-1]
        answers = (rng.random((BATCH, GROUP_SIZE, 1)) > cumulative).sum(axis=2)
        right = np.take_along_axis(np.asarray(rewards)[prompts], answers, axis=1)
        A = np.asarray(advantages(right.astype(np.float32), "trl"), np.float32)
        found.append((prompts, answers, right, A))
        counts = np.zeros((NUM_PROMPTS, NUM_ARMS))
        np.add.at(counts, (prompts[:, None], answers), A / GROUP_SIZE)
        parameters = learn(parameters, features, jnp.asarray(counts))
    return found


def _learn(parameters: jax.Array, features: Kronecker, counts: jax.Array) -> jax.Array:
    """One step along Σ_x (1/G) Σ_i A_i φ(x, y_i); advantages of a group sum to 0, so scores need no centring."""
    return parameters + STEP_SIZE * features.gather(features.contract(counts))
