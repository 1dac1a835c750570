"""How large a transformer is, as commands are told it. Imports no JAX."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.language.model.transformer import Architecture


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Of the transformer; the vocabulary comes from the data."""

    width: int = 128
    num_layers: int = 4
    num_heads: int = 4
    num_kv_heads: int = 2
    mlp_width: int = 352

    def architecture(self, vocabulary: int) -> Architecture:
        """With a vocabulary of that size.

        Raises:
            ValueError: sizes that make no transformer.
        """
        from experiments.language.model.transformer import Architecture

        return Architecture(vocabulary, **asdict(self))
