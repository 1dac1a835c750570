r"""The policy π(y|x) of a language model: what is fixed while its parameters θ change, and the prompts it is asked.

    log π_θ(y|x) = Σ_t log π_θ(y_t | x, separator, y_<t)         over the tokens of y, its end included

Some models have several end tokens. A response is what stands before its end, so that its probability is the sum over
them; what trains on tokens, likelihood and sampled groups, sees those that were written or drawn.

Everything that trains, samples or measures is handed one `Model` and `Batch`es of rows. Independent checks:
tests/experiments/language/learning/test_objective.py sums π over every response.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Integer

from experiments.language.model.architecture import Architecture, Parameters
from experiments.language.model.part import Part, Whole
from experiments.language.model.transformer import (
    Cache,
    encode,
    log_probabilities,
    through_both,
    through_prompts,
    through_responses,
)


class States(eqx.Module):
    """What enters the first layer that is trained."""

    prompts: Float[Array, "P S d"]
    responses: Float[Array, "P G R d"]
    """Of the separator and of each token but the last."""


class Batch(eqx.Module):
    """P prompts with G responses each."""

    prompts: Int[Array, "P S"]
    """Token ids, padded on the right, without the separator."""
    lengths: Int[Array, " P"]
    """Tokens of each prompt."""
    responses: Int[Array, "P G R"]
    """Token ids with their end, padded on the right."""
    response_lengths: Int[Array, "P G"]
    """Tokens that count, the end included."""
    states: States | None = None
    """Kept by `Model.keep_states`."""

    def __getitem__(self, rows: int | slice | Integer[Array, " B"] | Integer[np.ndarray, " B"] | None) -> Batch:
        return jax.tree.map(lambda x: x[rows], self)

    def __len__(self) -> int:
        return self.lengths.shape[0]


@runtime_checkable
class SpecialTokens(Protocol):
    """What a `Model` asks of a vocabulary."""

    @property
    def separator_id(self) -> int:
        """The first token that the model is fed on the response's side."""
        ...

    @property
    def end_ids(self) -> tuple[int, ...]:
        """Each ends a response; the first is the one that is written."""
        ...

    @property
    def pad_id(self) -> int:
        """Fills rows up."""
        ...


class Model(eqx.Module):
    """What stays fixed while parameters change: static under jit."""

    architecture: Architecture = eqx.field(static=True)
    separator: int = eqx.field(static=True, kw_only=True)
    """The token between prompt and response."""
    ends: tuple[int, ...] = eqx.field(static=True, kw_only=True)
    """Each ends a response; the first is the one that right responses are written with."""
    pad: int = eqx.field(static=True, kw_only=True)
    part: Part = eqx.field(default_factory=Whole, kw_only=True)
    """What of the model the parameters are that its functions are handed."""

    def encode(self, parameters: Parameters, batch: Batch) -> Cache:
        """The prompts' keys and values in all layers, which serve all responses to them."""
        return encode(self.part.merged(parameters), self.architecture, batch.prompts, batch.lengths)

    def states(self, parameters: Parameters, batch: Batch) -> States:
        """What enters the first layer that is trained."""
        low, high = self.part.divided(parameters)
        first = jnp.full_like(batch.responses[..., :1], self.separator)
        fed = jnp.concatenate([first, batch.responses[..., :-1]], axis=-1)
        prompts, responses = ((low or high)["embedding"][tokens] for tokens in (batch.prompts, fed))
        if low is None:
            return States(prompts, responses)
        x, cache = through_prompts(low["blocks"], self.architecture, prompts, batch.lengths)
        return States(x, through_responses(low["blocks"], self.architecture, cache, responses))

    def keep_states(self, parameters: Parameters, batch: Batch) -> Batch:
        """The batch with what its frozen layers make of it, so that no step computes that again."""
        if self.part.divided(parameters)[0] is None:
            return batch
        return dataclasses.replace(batch, states=self.states(parameters, batch))

    def is_end(self, tokens: Int[Array, "*batch"]) -> Bool[Array, "*batch"]:
        """Which of the tokens end a response."""
        return jnp.any(tokens[..., None] == jnp.asarray(self.ends, tokens.dtype), axis=-1)

    def is_right(self, responses: Int[Array, "P G R"], batch: Batch) -> Bool[Array, "P G"]:
        """Which responses, padded after their end, are the first of the batch's, whichever token ends them."""

        def written(y: Array) -> Array:
            return jnp.where(self.is_end(y), self.ends[0], y)

        return jnp.all(written(responses) == written(batch.responses[:, :1]), axis=-1)

    def token_log_probabilities(self, parameters: Parameters, batch: Batch) -> Float[Array, "P G R"]:
        """Log π of each response token; 0 beyond the response."""
        a, high = self.architecture, self.part.divided(parameters)[1]
        states = batch.states or self.states(parameters, batch)
        x = through_both(high["blocks"], a, states.prompts, states.responses, batch.lengths)
        return log_probabilities(high, a, x, batch.responses, batch.response_lengths)

    def response_log_probabilities(self, parameters: Parameters, batch: Batch) -> Float[Array, "P G"]:
        """Log π(y|x) of whole responses; one that ended may end by any of the end tokens."""
        if len(self.ends) == 1:
            return jnp.sum(self.token_log_probabilities(parameters, batch), axis=-1)
        y, n = batch.responses, batch.response_lengths
        P, G, R = y.shape
        last = jnp.arange(R, dtype=n.dtype) == n[..., None] - 1
        each = [jnp.where(last & self.is_end(y), jnp.asarray(end, y.dtype), y) for end in self.ends]
        copies = Batch(batch.prompts, batch.lengths, jnp.concatenate(each, axis=1), jnp.tile(n, (1, len(each))))
        if batch.states:  # ends are never fed
            again = jnp.tile(batch.states.responses, (1, len(each), 1, 1))
            copies = dataclasses.replace(copies, states=States(batch.states.prompts, again))
        log_π = jnp.sum(self.token_log_probabilities(parameters, copies), axis=-1).reshape(P, len(each), G)
        ended = jnp.any(last & self.is_end(y), axis=-1)
        return jnp.where(ended, jax.nn.logsumexp(log_π, axis=1), log_π[:, 0])

    def answer_log_probabilities(self, parameters: Parameters, batch: Batch) -> Float[Array, " P"]:
        """Log π(y*|x), the first response of each prompt taken as the right one."""
        states = batch.states and States(batch.states.prompts, batch.states.responses[:, :1])
        first = Batch(batch.prompts, batch.lengths, batch.responses[:, :1], batch.response_lengths[:, :1], states)
        return self.response_log_probabilities(parameters, first)[:, 0]


def make_model(architecture: Architecture, vocabulary: SpecialTokens, part: Part | None = None) -> Model:
    """An architecture with the tokens that a vocabulary sets apart, and what of it is trained (default: all)."""
    v = vocabulary
    return Model(architecture, separator=v.separator_id, ends=v.end_ids, pad=v.pad_id, part=part or Whole())
