"""Which problems, and how they are asked: what commands are told. Imports no JAX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curvature.ranges import check_count
from experiments.language.problems.answers import Mode

if TYPE_CHECKING:
    from experiments.language.problems.rows import Splits

RESPONSE_LENGTH = {"answer": 6, "step": 8, "equations": 32, "text": 256}
"""Tokens of the longest response where a command says nothing."""


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Which problems, and how they are asked."""

    data: Path | None = None
    """Folder with train.jsonl and test.jsonl in GSM8K's or MATH's format. Default: an embedded generator of word
    problems."""
    download: bool = False
    """Take openai/gsm8k from the Hugging Face hub (needs the extra `hub` and a network)."""
    mode: Mode = "answer"
    """The response: the final answer alone; one calculator step's result, asked with all that stands before it; all
    calculator steps; or the full solution."""
    num_prompts: int = 96
    """Training prompts, chosen at random among those that fit."""
    num_test: int = 256
    """Test prompts at most."""
    prompt_length: int = 48
    """Longest prompt, tokens; longer ones are left out and counted."""
    response_length: int | None = None
    """Longest response with its end, tokens. Default: 6 (answer), 8 (step), 32 (equations), 256 (text)."""
    vocabulary_size: int = 2048
    """Of a tokenizer trained on the questions; a checkpoint brings its own."""

    def __post_init__(self) -> None:
        if self.data is not None and self.download:
            raise ValueError(f"--download is set and --data is {self.data}; allowed: one of them")
        for name in ("num_prompts", "num_test", "prompt_length", "vocabulary_size"):
            check_count(f"--{name.replace('_', '-')}", getattr(self, name), 1)
        if self.response_length is not None:
            check_count("--response-length", self.response_length, 1)

    @property
    def longest(self) -> int:
        """Tokens of the longest response."""
        return self.response_length or RESPONSE_LENGTH[self.mode]

    def read(self) -> Splits:
        """The problems.

        Raises:
            ValueError: bad files, or nothing to download from.
        """
        from experiments.language.problems.generator import generate
        from experiments.language.problems.rows import download, read_folder
        from experiments.language.problems.steps import step_splits

        if self.data is not None:
            splits = read_folder(self.data)
        else:
            splits = download() if self.download else generate()
        return step_splits(splits) if self.mode == "step" else splits
