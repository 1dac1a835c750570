"""How large a validation is: every size in one place, three presets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from experiments.language.model.transformer import Architecture
from experiments.language.probes.exact import Effort
from experiments.language.problems.task import Questions

Preset = Literal["quick", "cpu", "gpu"]


@dataclass(frozen=True)
class Sizes:
    """Of the transformer; the vocabulary comes from the data."""

    width: int = 128
    num_layers: int = 4
    num_heads: int = 4
    num_kv_heads: int = 2
    mlp_width: int = 352

    def architecture(self, vocabulary: int) -> Architecture:
        """With a vocabulary of that size."""
        return Architecture(vocabulary, self.width, self.num_layers, self.num_heads, self.num_kv_heads, self.mlp_width)


@dataclass(frozen=True)
class Leg:
    """One half of a validation: a response mode with its prompts, steps and step sizes."""

    num_prompts: int
    num_test: int
    prompt_length: int
    response_length: int
    target: float
    """SFT stops at this mean pass rate of the training prompts; RL starts there."""
    num_steps: int
    """RL updates a run."""
    step_sizes: tuple[float, ...]
    """Grid for REINFORCE; a rule with exponent α is tried at these times 2^−α, which agree at p = ½. The grid grows
    where its end is best."""
    num_tuning: int
    """Seeds that steps are tuned on; none of them is reported."""
    num_probes: int
    """States a run that are probed, first and last included (0: none)."""
    rules: tuple[str, ...]
    prompts_per_step: int = 16
    group_size: int = 8
    num_samples: int = 8
    """Responses a prompt where pass rates are sampled."""

    def questions(self, mode: Literal["answer", "equations", "text"], base: Questions) -> Questions:
        """The prompts of this leg, from the same source."""
        return Questions(
            base.data,
            base.download,
            mode,
            self.num_prompts,
            self.num_test,
            self.prompt_length,
            self.response_length,
            base.vocabulary_size,
        )


@dataclass(frozen=True)
class Plan:
    """Everything that a preset decides."""

    sizes: Sizes
    num_seeds: int
    """Reported seeds, from `first_seed`."""
    num_sft_seeds: int
    """Seeds, from the first, whose SFT states are probed, at least `num_seeds`; those beyond give the exponent of the
    rule power(α)."""
    answer: Leg
    """Exact: population steps, no sampling."""
    equations: Leg
    """Sampled groups."""
    late: tuple[float, ...]
    """SFT goes on to these mean pass rates, where the probe looks at late states."""
    small_step: float
    """Equal steps of all rules, as in the theorem: this times 2^−α."""
    full: Effort
    """Probes of SFT states."""
    light: Effort = field(default_factory=lambda: Effort(num_spectra=0, num_wrong=0))
    """Probes along RL runs."""
    probe_step: float = 0.0025
    """η of GRPO in the one-step surplus of SFT states, and of runs that are not SGD's."""
    half_samples: int = 32
    """Responses a prompt in each half of the sampled probe."""
    cap_groups: int = 64
    """Groups a prompt that check the finite-group cap."""
    first_seed: int = 0
    optimiser: Literal["sgd", "momentum", "adam"] = "sgd"
    """Of RL; SFT is always AdamW."""
    sft_batch: int = 32
    sft_step: float = 1e-3
    max_sft_steps: int = 3000


STEP_RATIO = {"sgd": 1.0, "momentum": 0.1, "adam": 0.05}
"""Where an optimiser's grid of steps begins, over SGD's: momentum .9 adds up ten steps, adam's have unit entries."""


def with_optimiser(plan: Plan, name: Literal["sgd", "momentum", "adam"]) -> Plan:
    """The plan with another optimiser of RL and its grid of steps."""
    ratio = STEP_RATIO[name]
    legs = (replace(leg, step_sizes=tuple(ratio * s for s in leg.step_sizes)) for leg in (plan.answer, plan.equations))
    answer, equations = legs
    return replace(plan, optimiser=name, answer=answer, equations=equations, small_step=ratio * plan.small_step)


PRESETS: dict[str, Plan] = {
    "quick": Plan(
        Sizes(32, 2, 2, 1, 64),
        2,
        3,
        Leg(12, 16, 40, 6, 0.2, 6, (0.01, 0.02), 1, 2, ("none", "group", "power")),
        Leg(8, 8, 40, 40, 0.15, 3, (0.001, 0.002), 1, 0, ("none", "group"), 4, 4, 4),
        (0.8,),
        0.005,
        Effort(num_spectra=1, num_wrong=4, spectrum_tolerance=0.1),
        half_samples=4,
        cap_groups=8,
        sft_batch=8,
        sft_step=3e-3,
    ),
    "cpu": Plan(
        Sizes(),
        3,
        8,
        Leg(48, 200, 48, 6, 0.15, 40, (0.007, 0.01, 0.014, 0.02, 0.028), 2, 5, ("none", "group", "power")),
        Leg(32, 64, 48, 28, 0.3, 24, (0.0005, 0.001, 0.002), 1, 0, ("none", "group"), 16, 8, 8),
        (0.5, 0.8, 0.95),
        0.005,
        Effort(num_spectra=2),
    ),
    "gpu": Plan(
        Sizes(256, 6, 8, 4, 704),
        5,
        10,
        Leg(256, 512, 96, 6, 0.15, 200, (0.005, 0.01, 0.02, 0.04, 0.08), 3, 11, ("none", "group", "batch", "power")),
        Leg(
            256,
            256,
            96,
            48,
            0.3,
            400,
            (0.0005, 0.001, 0.002, 0.004),
            3,
            0,
            ("none", "group", "batch", "power"),
            32,
            16,
            16,
        ),
        (0.3, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98),
        0.005,
        Effort(chunk=32, num_spectra=16, num_wrong=64),
        half_samples=256,
        cap_groups=256,
        sft_batch=64,
    ),
}
