"""What the language model is compared with: transformers' Llama with the same weights, run eagerly by torch.

The fastest plain way that we know: fused attention (transformers' default), torch's fused AdamW, and logits only where
a response token is predicted, which transformers' own `labels` do not do. torch and transformers are imported here
alone, when a rival is made.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from experiments.language.model.architecture import Architecture, Parameters
from experiments.language.model.model import Batch
from experiments.language.model.pretrained import save_model

LIBRARIES = ("torch", "transformers")


def missing_libraries() -> list[str]:
    """Those that cannot be imported."""
    missing = []
    for name in LIBRARIES:
        try:
            import_module(name)
        except ImportError:
            missing.append(name)
    return missing


def num_cores() -> int:
    """How many cores this process may use: all, or those that `taskset` leaves it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Rival:
    """The model, and AdamW with the same constants as ours."""

    def __init__(self, architecture: Architecture, parameters: Parameters, *, separator: int, step_size: float):
        self.torch, transformers = map(import_module, LIBRARIES)
        self.separator = separator
        transformers.utils.logging.disable_progress_bar()
        self.torch.set_num_threads(num_cores())
        with TemporaryDirectory() as folder:
            save_model(folder, architecture, parameters)
            self.llama = transformers.LlamaForCausalLM.from_pretrained(folder)
        self.optimiser = self.torch.optim.AdamW(self.llama.parameters(), lr=step_size, weight_decay=0.01, fused=True)

    def tokens(self, x: Any) -> Any:
        """A tensor of 64-bit integers."""
        return self.torch.tensor(np.asarray(x), dtype=self.torch.int64)

    def prompts(self, batch: Batch) -> Any:
        """[P, S + 1] the prompts, none of them padded, and the separator."""
        return self.tokens(np.pad(np.asarray(batch.prompts), [(0, 0), (0, 1)], constant_values=self.separator))

    def sequences(self, batch: Batch) -> tuple[Any, Any]:
        """Input [P·G, S + R] of every response: prompt, separator, all of it but its end; and itself, [P·G, R]."""
        responses = self.tokens(batch.responses)
        prompts = self.prompts(batch).repeat_interleave(responses.shape[1], dim=0)
        responses = responses.flatten(0, 1)
        return self.torch.cat([prompts, responses[:, :-1]], dim=1), responses

    def log_probabilities(self, whole: Any, responses: Any) -> Any:
        """Log π of each response token, [P·G, R]."""
        logits = self.llama(whole, logits_to_keep=responses.shape[1], use_cache=False).logits
        loss = self.torch.nn.functional.cross_entropy(logits.flatten(0, 1), responses.flatten(), reduction="none")
        return -loss.view_as(responses)

    def step(self, loss: Callable[[], Any]) -> None:
        """Forward, backward, AdamW."""
        self.optimiser.zero_grad(set_to_none=True)
        loss().backward()
        self.optimiser.step()

    def totals(self, batch: Batch) -> np.ndarray:
        """[P, G] log π of whole responses."""
        with self.torch.no_grad():
            log_π = self.log_probabilities(*self.sequences(batch)).sum(dim=-1)
        return log_π.numpy().reshape(batch.responses.shape[:2])

    def sample(self, prompts: Any, group_size: int, num_tokens: int) -> Any:
        """`generate` at temperature 1 from the whole vocabulary; [P·G, S + 1 + num_tokens]."""
        found = self.llama.generate(
            prompts,
            attention_mask=self.torch.ones_like(prompts),
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            num_return_sequences=group_size,
            min_new_tokens=num_tokens,
            max_new_tokens=num_tokens,
            use_cache=True,
            pad_token_id=0,
        )
        expected = (len(prompts) * group_size, prompts.shape[1] + num_tokens)
        if tuple(found.shape) != expected:
            raise RuntimeError(f"generate gave {tuple(found.shape)}; expected: {expected}")
        return found
