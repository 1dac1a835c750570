"""What `grpo-curvature gsm8k compare` can be told: one frozen dataclass, from which the flags are made.

Imports no JAX, so that help is shown and bad flags are refused at once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from experiments.flags import check_integer, check_out, check_positive, check_seed
from experiments.gsm8k.plan import Leg, RlOptimiser
from experiments.gsm8k.set_plan import SetPlan
from experiments.language.learning.choices import learning_rule
from experiments.language.model.sizes import Sizes, check_part
from experiments.language.probes.effort import Effort
from experiments.language.problems.questions import Questions
from experiments.strict_json import plain


@dataclass(frozen=True)
class Compare:
    """To divide or not, on a pretrained model as trainers train it: sampled groups, Adam, every rule at its own rate.

    All rules begin at the pretrained parameters, on the same prompts in the same order. What is repeated is the set of
    questions: disjoint sets, each with training and held-out prompts (mode `step`, where every pass rate is exact).
    Learning rates are tuned on other sets, by the training prompts' pass rate at the end. Writes rows (Parquet),
    summary.json, figures (PNG, SVG) and report.html; finished runs are kept: the same command goes on where it was
    stopped. Best on a GPU: an update of all parameters of SmolLM2-135M takes .13 s on an H200, one of its last two
    layers about 15 s on two cores, and the defaults make a thousand.
    """

    resumes: ClassVar[bool] = True

    model: Path
    """Folder of a pretrained model (Llama, SmolLM2, Qwen2.5), as `gsm8k fetch smollm2` writes one."""
    data: Path | None = None
    """Folder with train.jsonl and test.jsonl in GSM8K's format. Default: an embedded generator of word problems."""
    download: bool = False
    """Take openai/gsm8k from the Hugging Face hub (needs the extra `hub` and a network)."""
    rules: tuple[str, ...] = ("none", "group")
    """By what a group's advantages are divided, two rules or more; all are held against the first. none: nothing;
    group: the group's deviation; batch: that of the batch; power(A): the group's to the power A, A in [0, 8]."""
    train: str = "last:2"
    """Which parameters are trained: all (on a GPU), last:LAYERS or lora:RANK."""
    optimiser: RlOptimiser = "adam"
    """With sgd and momentum a rule's rates are the given ones over 2 for each power of the deviation that it divides
    by, so that all rules' steps agree where p = ½."""
    step_sizes: tuple[float, ...] = (5e-5, 1e-4, 2e-4)
    """Learning rates to choose from, two or more, ascending; the grid grows, up to three times, where its end is
    best."""
    group_size: int = 8
    """G, responses a prompt, at least 2."""
    prompts_per_step: int = 16
    """Prompts an update, each drawn once an epoch."""
    num_steps: int = 64
    """Updates a run."""
    num_prompts: int = 128
    """Training prompts a set."""
    num_test: int = 50
    """Held-out prompts a set."""
    num_sets: int = 5
    """Reported sets, at least 2."""
    num_tuning: int = 2
    """Other sets, on which rates are tuned."""
    num_looks: int = 9
    """Looks at the pass rates along a reported run, first and last included, at least 2."""
    out: Path = Path("gsm8k-comparison")
    """Folder for rows, figures and the report."""
    seed: int = 0
    """Of the shuffle from which sets are cut; seed, seed + 1, … draw the sets' responses."""

    def __post_init__(self) -> None:
        check_out(self.out)
        check_seed(self.seed)
        check_part(self.train)
        for name, least, most in (
            ("group_size", 2, None), ("prompts_per_step", 1, None), ("num_steps", 1, None), ("num_prompts", 1, None),
            ("num_test", 1, None), ("num_sets", 2, 100), ("num_tuning", 1, 100), ("num_looks", 2, self.num_steps + 1),
        ):  # fmt: skip
            check_integer(f"--{name.replace('_', '-')}", getattr(self, name), least, most)
        if self.prompts_per_step > self.num_prompts:
            raise ValueError(
                f"--prompts-per-step is {self.prompts_per_step}; allowed: up to --num-prompts, {self.num_prompts}"
            )
        for size in self.step_sizes:
            check_positive("--step-sizes", size)
        if len(self.step_sizes) < 2 or list(self.step_sizes) != sorted(set(self.step_sizes)):
            given = " ".join(f"{size:g}" for size in self.step_sizes)
            raise ValueError(f"--step-sizes is {given}; allowed: two numbers or more, ascending")
        self._check_rules()
        Questions(data=self.data, download=self.download)

    def _check_rules(self) -> None:
        try:
            rules = [learning_rule(name) for name in self.rules]
        except ValueError as error:
            raise ValueError(f"--rules: {error}") from None
        if any(rule.kind == "maxrl" for rule in rules):
            raise ValueError("--rules has maxrl; allowed: none, group, batch, power(A)")
        if len(rules) < 2 or len({rule.name for rule in rules}) < len(rules):
            raise ValueError(f"--rules is {' '.join(self.rules)}; allowed: two rules or more, each once")

    @property
    def questions(self) -> Questions:
        """Where the problems come from."""
        return Questions(data=self.data, download=self.download, mode="step")

    def plan(self) -> SetPlan:
        """All sizes: one leg of sampled groups, no exact steps and no later states."""
        leg = Leg(
            num_prompts=self.num_prompts,
            num_test=self.num_test,
            prompt_length=96,
            response_length=6,
            target=0.0,
            num_steps=self.num_steps,
            step_sizes=self.step_sizes,
            num_tuning=self.num_tuning,
            num_probes=self.num_looks,
            rules=self.rules,
            prompts_per_step=self.prompts_per_step,
            group_size=self.group_size,
        )
        return SetPlan(
            sizes=Sizes(),
            train=self.train,
            num_seeds=self.num_sets,
            num_sft_seeds=self.num_sets,
            first_seed=self.seed,
            optimiser=self.optimiser,
            answer=leg,
            equations=leg,
            late=(),
            late_step=0.0,
            late_steps=0,
            small_step=0.0,
            sampled=True,
            adam=(),
            full=Effort(num_spectra=0, num_wrong=0),
        )

    def identity(self) -> dict[str, Any]:
        """What decides the results: the content of data and model, not their places."""
        values = plain(asdict(self))
        for name in ("model", "data", "download", "out"):
            del values[name]
        return {"command": "gsm8k compare", **values}
