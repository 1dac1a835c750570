r"""What training ascends, as functions of the parameters: likelihood, population policy gradients, sampled groups.

Where one response is right, π(y*|x) is the pass rate and its gradient is exact, so every rule's population direction
is one backward pass through a surrogate with fixed weights:

    ∇ (1/N) Σ_x [p_x/σ_x^α] log π(y*_x|x)  =  (1/N) Σ_x g_x/σ_x^α,      p = π(y*|x), σ = √(p(1−p)), g = p ∇log π(y*|x)

the gradient of mean p (α = 0, REINFORCE), of mean 2 arcsin √p (α = 1, GRPO; T8) and of mean logit p (α = 2).
Steps here are on the MEAN over prompts. Independent checks: tests/experiments/language/learning/test_objective.py.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from curvature import success_std
from curvature.safe import inverse_power
from experiments.language.model.transformer import Architecture, Parameters, encode, log_probabilities


class Batch(eqx.Module):
    """P prompts with G responses each."""

    prompts: Int[Array, "P S"]
    lengths: Int[Array, " P"]
    responses: Int[Array, "P G R"]
    response_lengths: Int[Array, "P G"]

    def __getitem__(self, rows: int | slice | Int[Array, " B"] | np.ndarray | None) -> Batch:
        return jax.tree.map(lambda x: x[rows], self)

    def __len__(self) -> int:
        return self.lengths.shape[0]


class Model(eqx.Module):
    """What stays fixed while parameters change: static under jit."""

    architecture: Architecture = eqx.field(static=True)
    separator: int = eqx.field(static=True)
    end: int = eqx.field(static=True)
    pad: int = eqx.field(static=True)

    def token_log_probabilities(self, parameters: Parameters, batch: Batch) -> Float[Array, "P G R"]:
        """Log π of each response token; 0 beyond the response."""
        a = self.architecture
        cache = encode(parameters, a, batch.prompts, batch.lengths)
        return log_probabilities(
            parameters, a, cache, batch.responses, batch.response_lengths, separator=self.separator
        )

    def answer_log_probabilities(self, parameters: Parameters, batch: Batch) -> Float[Array, " P"]:
        """Log π(y*|x), the first response of each prompt taken as the right one."""
        return jnp.sum(self.token_log_probabilities(parameters, batch)[:, 0], axis=-1)


class Rule(eqx.Module):
    """How prompts are weighed in the population direction: none, group, batch, power(α)."""

    alpha: Float[Array, ""]
    """σ's exponent: 0 REINFORCE, 1 GRPO."""
    shared: bool = eqx.field(static=True, default=False)
    """`batch`: every prompt is divided by the mean deviation. (Static, so that the other rules share one program.)"""

    def coefficients(self, log_p: Float[Array, " P"]) -> Float[Array, " P"]:
        """p_x/σ_x^α, which weighs ∇log π(y*|x); 0 where σ_x = 0.

        Taken together as p^{1−α/2} (1−p)^{−α/2}: apart, σ^{−α} overflows float32 long before the product does.
        """
        σ = success_std(log_p)
        if self.shared:
            return jnp.exp(log_p) * inverse_power(jnp.mean(σ), 1)
        half = (self.alpha / 2).astype(log_p.dtype)
        fail = -jnp.expm1(jnp.minimum(log_p, 0))
        alive = fail > 0
        power = (1 - half) * log_p - half * jnp.log(jnp.where(alive, fail, 1))
        return jnp.where(alive, jnp.exp(power), 0)


RULES = ("none", "group", "batch", "power")


def make_rule(name: str, alpha: float = 2.0) -> Rule:
    """A rule by its name.

    Raises:
        ValueError: an unknown name, or an exponent outside [0, 8].
    """
    if name not in RULES:
        raise ValueError(f"rule is {name!r}; allowed: {', '.join(RULES)}")
    if not 0 <= alpha <= 8:
        raise ValueError(f"alpha is {alpha}; allowed: numbers in [0, 8]")
    exponent = {"none": 0.0, "group": 1.0, "batch": 1.0}.get(name, alpha)
    return Rule(jnp.asarray(exponent, jnp.float32), name == "batch")


def population_loss(
    parameters: Parameters, model: Model, batch: Batch, rule: Rule
) -> tuple[Float[Array, ""], Float[Array, " P"]]:
    """(surrogate whose gradient is MINUS the rule's population direction on the mean over prompts, log p)."""
    log_p = model.answer_log_probabilities(parameters, batch)
    return -jnp.mean(rule.coefficients(jax.lax.stop_gradient(log_p)) * log_p), log_p


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
