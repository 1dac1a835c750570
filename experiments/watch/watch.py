"""The callback: every so many steps, χ and O of a few of the run's prompts, from gradients of sampled answers.

    χ = Σ ⟨g_x, g_x'⟩/σ_x' ÷ Σ |g_x|²/σ_x,    O = |Σ g_x|² ÷ Σ |g_x|²

g_x is estimated twice, from disjoint halves of the answers (`curvature.halves`), so noise adds nothing to |g_x|²; where
the denominator is inside its noise, χ and O are null. σ_x is of all answers. The policy is the one that the trainer
samples from at its temperature, whole: top-p and top-k are not applied. Checks: tests/trl/.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.watch.gradients import Answers, answers, cross_gram, half_gradients
from experiments.watch.isolated import isolated

FEWEST_PROMPTS, FEWEST_RESPONSES = 5, 8
"""Fewer equal terms than five are not told from noise (`curvature.halves`)."""
FILE = "curvature.jsonl"
"""In the run's output folder: one line per measurement."""
Reward = Callable[..., Sequence[float]]


class Watch:
    """χ and O of a TRL run, every `every` steps, written to curvature.jsonl in the run's folder and kept in `rows`.

    Arguments:
        reward: as TRL's reward functions: called with prompts=, completions=, completion_ids= and the dataset's other
            columns, each a list with one entry per answer; gives one number each.
        prompts: how many of the training set's prompts, at least 5, drawn once; always the same.
        responses: answers to each, even, at least 8. Its halves estimate the gradient twice.
        every: steps between two measurements, at least 1.
        parameters: "all" that are trained, "lora" (names with lora_), or a regular expression that names have.
        sketch: 0, or the dimension that gradients are projected to at random (CountSketch), which keeps memory small
            and adds noise of relative size 1/√sketch to every product of gradients.
        seed: of the callback's own random numbers.

    Raises:
        ValueError: outside those ranges, and at the start of training: several processes, sharded parameters, no such
            parameter, or a training set with fewer prompts.

    Training is left bit for bit as it would be: own random numbers, every other generator put back, no gradient is
    stored, and modules return to their mode, also where the reward function raises.
    """

    def __init__(
        self,
        reward: Reward,
        *,
        prompts: int = 16,
        responses: int = 32,
        every: int = 50,
        parameters: str = "all",
        sketch: int = 0,
        seed: int = 0,
    ) -> None:
        for name, value, low in (
            ("prompts", prompts, FEWEST_PROMPTS),
            ("responses", responses, FEWEST_RESPONSES),
            ("every", every, 1),
            ("sketch", sketch, 0),
            ("seed", seed, 0),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise ValueError(f"{name} is {value!r}; allowed: an integer of at least {low}")
        if responses % 2:
            raise ValueError(f"responses is {responses}; allowed: an even number, as there are two halves")
        self.reward, self.num_prompts, self.num_responses, self.every = reward, prompts, responses, every
        self.parameters, self.sketch, self.seed = parameters, sketch, seed
        self.rows: list[dict[str, Any]] = []
        """One entry per measurement, as curvature.jsonl has them."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Refuse what cannot be measured before anything is trained."""
        if getattr(args, "world_size", 1) > 1:
            raise ValueError(f"the run has {args.world_size} processes; allowed: one")
        if getattr(args, "deepspeed", None) or getattr(args, "fsdp", None):
            raise ValueError("the run shards its parameters (deepspeed or fsdp); allowed: one process with all of them")
        self._trained(kwargs["model"])
        self._asked(kwargs["train_dataloader"].dataset)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure, where it is time."""
        if state.global_step % self.every:
            return
        with isolated(kwargs["model"]):
            row = self.measure(
                kwargs["model"],
                kwargs["processing_class"],
                kwargs["train_dataloader"].dataset,
                step=state.global_step,
                max_tokens=int(args.max_completion_length or 256),
                temperature=float(args.temperature),
            )
        self.rows.append(row)
        with (Path(args.output_dir) / FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def measure(
        self, model: Any, tokenizer: Any, dataset: Any, *, step: int, max_tokens: int, temperature: float
    ) -> dict[str, Any]:
        """One measurement; the model's mode and all random numbers are the caller's to keep (`isolated`).

        Returns:
            step; chi and chi_std_error, o and o_std_error, null where not resolved; chi_low and chi_high, 95%; the
            mean of pass rates (mean reward) and of σ, and how many prompts have one.
        """
        named = self._trained(model)
        halves, std, means = [], [], []
        for number, example in enumerate(self._asked(dataset)):
            found = answers(
                model, tokenizer, example["prompt"], self.num_responses, max_tokens, temperature,
                seed=(self.seed, step, number),
            )  # fmt: skip
            values = self._rewarded(example, found)
            halves.append(half_gradients(model, named, found, values, temperature, sketch=self.sketch, seed=self.seed))
            std.append(values.std(ddof=1))
            means.append(values.mean())
        return {"step": step} | _indices(cross_gram(halves), np.array(std)) | {
            "mean_reward": float(np.mean(means)),
            "mean_std": float(np.mean(std)),
            "live_prompts": int(np.count_nonzero(std)),
            "prompts": self.num_prompts,
            "responses": self.num_responses,
        }  # fmt: skip

    def _asked(self, dataset: Any) -> list[dict[str, Any]]:
        """The training set's entries that are asked, the same each time.

        Raises:
            ValueError: fewer than are needed, or a stream.
        """
        if not hasattr(dataset, "__len__"):
            raise ValueError(
                "the training set is a stream, whose entries cannot be asked again; allowed: one with a length"
            )
        if len(dataset) < self.num_prompts:
            raise ValueError(f"prompts is {self.num_prompts}; allowed: at most {len(dataset)}, the training set's")
        drawn = np.random.default_rng(self.seed).choice(len(dataset), self.num_prompts, replace=False)
        return [dict(dataset[int(i)]) for i in drawn]

    def _rewarded(self, example: dict[str, Any], found: Answers) -> np.ndarray:
        """[R] rewards of the answers.

        Raises:
            ValueError: not one finite number for each.
        """
        size = len(found.texts)
        columns = {name: [value] * size for name, value in example.items() if name != "prompt"}
        chat = not isinstance(example["prompt"], str)
        completions = [[{"role": "assistant", "content": text}] if chat else text for text in found.texts]
        given = self.reward(
            prompts=[example["prompt"]] * size, completions=completions, completion_ids=found.token_lists, **columns
        )
        values = np.array([np.nan if value is None else value for value in given], float)
        if values.shape != (size,) or not np.isfinite(values).all():
            raise ValueError(
                f"reward gives {values.tolist()[:4]} …; allowed: a finite number for each of {size} answers"
            )
        return values

    def _trained(self, model: Any) -> dict[str, Any]:
        """Names and values of the parameters whose gradients count.

        Raises:
            ValueError: there is none.
        """
        pattern = {"all": "", "lora": "lora_"}.get(self.parameters, self.parameters)
        found = {n: p for n, p in model.named_parameters() if p.requires_grad and re.search(pattern, n)}
        if not found:
            raise ValueError(f"parameters is {self.parameters!r}; allowed: what some trained parameter's name has")
        return found


def _indices(gram: np.ndarray, std: np.ndarray) -> dict[str, float | None]:
    """χ and O with errors."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the card's memory is the trainer's
    from curvature.halves import split_half_indices_of

    found = split_half_indices_of(gram, std)
    rows: dict[str, float | None] = {}
    for name, ratio in (("chi", found.cross_ratio), ("o", found.orthogonality)):
        value, error = float(ratio.value), float(ratio.standard_error)
        known = bool(np.isfinite(value) and np.isfinite(error))
        rows |= {
            name: value if known else None,
            f"{name}_std_error": error if known else None,
            f"{name}_low": value - 1.96 * error if known else None,
            f"{name}_high": value + 1.96 * error if known else None,
        }
    return rows
