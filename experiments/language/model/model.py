r"""The policy π(y|x) of a language model: what is fixed while its parameters θ change, and the prompts it is asked.

    log π_θ(y|x) = Σ_t log π_θ(y_t | x, separator, y_<t)         over the tokens of y, its end included

Everything that trains, samples or measures is handed one `Model` and `Batch`es of rows. Independent checks:
tests/experiments/language/learning/test_objective.py sums π over every response.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Integer

from experiments.language.model.transformer import Architecture, Cache, Parameters, encode, log_probabilities


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
    def end_id(self) -> int:
        """Ends a response."""
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
    end: int = eqx.field(static=True, kw_only=True)
    pad: int = eqx.field(static=True, kw_only=True)

    def encode(self, parameters: Parameters, batch: Batch) -> Cache:
        """The prompts' keys and values, which serve all responses to them."""
        return encode(parameters, self.architecture, batch.prompts, batch.lengths)

    def ends(self, tokens: Int[Array, "*batch"]) -> Bool[Array, "*batch"]:
        """Which of the tokens end a response."""
        return tokens == self.end

    def token_log_probabilities(self, parameters: Parameters, batch: Batch) -> Float[Array, "P G R"]:
        """Log π of each response token; 0 beyond the response."""
        cache, separator = self.encode(parameters, batch), self.separator
        return log_probabilities(
            parameters, self.architecture, cache, batch.responses, batch.response_lengths, separator=separator
        )

    def answer_log_probabilities(self, parameters: Parameters, batch: Batch) -> Float[Array, " P"]:
        """Log π(y*|x), the first response of each prompt taken as the right one."""
        return jnp.sum(self.token_log_probabilities(parameters, batch)[:, 0], axis=-1)


def make_model(architecture: Architecture, vocabulary: SpecialTokens) -> Model:
    """An architecture with the tokens that a vocabulary sets apart."""
    v = vocabulary
    return Model(architecture, separator=v.separator_id, end=v.end_id, pad=v.pad_id)
