"""Several updates on one batch of sampled groups: PPO's clipped ratio, with the groups and advantages that were drawn.

    L(θ) = Σ_x (1/G) Σ_i min(ρ_i A_i, clip(ρ_i, 1 − ε, 1 + ε) A_i),   ρ_i = π_θ(y_i|x)/π_old(y_i|x)
    ∇L = Σ_x (1/G) Σ_i [A_i > 0 ? ρ_i < 1 + ε : ρ_i > 1 − ε] A_i ρ_i ∇log π_θ(y_i|x)

π_old is the policy that drew the batch. At its first update ρ = 1 and ∇L is the rule's own direction. ρ is a token's
where responses are sequences of tokens, as in GRPO. The sign of A_i is taken to be that of r_i − r̄, which it is under
every rule with a name (`decoupled` has no advantage of a response: its matrix multiplies the clipped sum). Reference:
J. Schulman et al. (2017), Proximal policy optimization algorithms, equation 7. Independent checks against the loss
itself, by automatic differentiation: tests/bandits/test_clipped_ratio.py.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from bandits.policy import Group, Local, Policy

CLIP_RANGE = 0.2
"""ε: PPO's, and the default of TRL and verl."""


class Drawn(eqx.Module):
    """Groups, and the policy that drew them; the rows of prompts that were not drawn are 0."""

    group: Group
    pooled: Float[Array, ""]
    """Deviation of all rewards at once, with ε of the estimator."""
    std: Float[Array, " N"]
    """Deviation of each group, with ε of the estimator."""
    probabilities: Float[Array, "N K"]
    """π_old."""
    answers: Float[Array, ""]
    """Responses drawn."""
    batch_size: int | None = eqx.field(static=True, default=None)
    """B prompts of the batch; None: all."""


def clipped_group(policy: Policy, local: Local, drawn: Drawn, clip_range: float) -> Group:
    """The same group with the coefficients and scores of ∇L at the policy where `local` is.

    Arguments:
        policy: draws responses by tables of logits.
        local: of the policy now.
        drawn: the batch.
        clip_range: ε.
    """
    old, group = drawn.probabilities, drawn.group
    ρ = jnp.where(old > 0, local.probabilities / jnp.where(old > 0, old, 1), 1)
    better, worse = group.sides()
    better = jnp.where(ρ < 1 + clip_range, ρ * better, 0)
    worse = jnp.where(ρ > 1 - clip_range, ρ * worse, 0)
    # of right-or-wrong rewards r − r̄ is 1 − r̄ or −r̄: without it, what mean advantages multiply
    live, mean = (group.std > 0)[:, None], group.mean[:, None]
    once = jnp.where(live, better / jnp.where(live, 1 - mean, 1) - worse / jnp.where(live, mean, 1), 0)
    return Group(policy.scores(local, better + worse), group.mean, group.std, policy.scores(local, once))
