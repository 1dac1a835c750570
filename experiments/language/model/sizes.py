"""How large a transformer is, and what of it is trained, as commands are told it. Imports no JAX."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.language.model.architecture import Architecture


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
        from experiments.language.model.architecture import Architecture

        return Architecture(vocabulary, **asdict(self))


def check_part(train: str) -> tuple[str, int]:
    """What --train asks for: the kind and its number.

    Raises:
        ValueError: another spelling.

    >>> check_part("last:4"), check_part("all")
    (('last', 4), ('all', 0))
    """
    kind, _, number = train.partition(":")
    if train == "all":
        return "all", 0
    if kind in ("last", "lora") and number.isascii() and number.isdigit() and int(number) >= 1:
        return kind, int(number)
    raise ValueError(f"--train is {train}; allowed: all, last:LAYERS (last:4) or lora:RANK (lora:8)")
