r"""What training ascends, as functions of the parameters: likelihood, population policy gradients, sampled groups.

Where one response is right, π(y*|x) is the pass rate and its gradient is exact, so every rule's population direction
is one backward pass through a surrogate with fixed weights:

    ∇ (1/N) Σ_x [p_x/σ_x^α] log π(y*_x|x)  =  (1/N) Σ_x g_x/σ_x^α,      p = π(y*|x), σ = √(p(1−p)), g = p ∇log π(y*|x)

the gradient of mean p (α = 0, REINFORCE), of mean 2 arcsin √p (α = 1, GRPO; T8) and of mean logit p (α = 2).
Steps here are on the MEAN over prompts. Independent checks: tests/experiments/language/learning/test_objective.py.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from experiments.language.learning.weights import PopulationWeight
from experiments.language.model.architecture import Parameters
from experiments.language.model.model import Batch, Model


def population_loss(
    parameters: Parameters, model: Model, batch: Batch, weight: PopulationWeight
) -> tuple[Float[Array, ""], Float[Array, " P"]]:
    """(surrogate whose gradient is MINUS the rule's population direction on the mean over prompts, log p)."""
    log_p = model.answer_log_probabilities(parameters, batch)
    return -jnp.mean(weight.coefficients(jax.lax.stop_gradient(log_p)) * log_p), log_p


def likelihood_loss(parameters: Parameters, model: Model, batch: Batch) -> Float[Array, ""]:
    """Mean −log π a token over the batch's first responses: supervised fine-tuning."""
    log_π = model.token_log_probabilities(parameters, batch)[:, 0]
    tokens = jnp.sum(batch.response_lengths[:, 0])
    return -jnp.sum(log_π) / tokens.astype(log_π.dtype)


def group_loss(
    parameters: Parameters,
    model: Model,
    batch: Batch,
    advantages: Float[Array, "P G"],
    old: Float[Array, "P G R"] | None,
    reference: Float[Array, "P G R"] | None,
    *,
    clip: float | None,
    kl: float,
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """Sampled groups: −(1/PG) Σ [min(ρA, clip(ρ)A) summed over tokens] + β KL, without division by length.

    Arguments:
        batch: the sampled responses.
        advantages: [P, G] fixed numbers.
        old: [P, G, R] log π of the tokens when they were drawn: ρ = exp(log π − old). None: the parameters are those
            that drew, and ρ = 1 with the gradient of log π.
        reference: [P, G, R] log π of the tokens under the reference; None where kl is 0.
        clip: ε of PPO's clipped ratio (arXiv 1707.06347), or None.
        kl: β ≥ 0 of the penalty Σ exp(d) − d − 1, d = reference − log π (DeepSeekMath, arXiv 2402.03300, eq. 4).

    Returns:
        The loss, and {"old": log π [P, G, R], "kl": mean penalty a response before β, "clipped": share of tokens}.
    """
    log_π = model.token_log_probabilities(parameters, batch)
    counts = jnp.arange(log_π.shape[-1], dtype=batch.response_lengths.dtype) < batch.response_lengths[..., None]
    fixed = jax.lax.stop_gradient(log_π)
    ρ = jnp.exp(log_π - (fixed if old is None else old))
    A = advantages[..., None]
    gain, clipped = ρ * A, jnp.zeros_like(counts)
    if clip is not None:
        limited = jnp.clip(ρ, 1 - clip, 1 + clip) * A
        clipped = limited < gain
        gain = jnp.minimum(gain, limited)
    d = jnp.zeros_like(log_π) if reference is None else reference - log_π
    penalty = jnp.mean(jnp.sum(jnp.where(counts, jnp.expm1(d) - d, 0), axis=-1))
    loss = -jnp.mean(jnp.sum(jnp.where(counts, gain, 0), axis=-1))
    share = jnp.sum(clipped & counts) / jnp.sum(counts)
    return loss + kl * penalty, {"old": fixed, "kl": penalty, "clipped": share.astype(log_π.dtype)}
