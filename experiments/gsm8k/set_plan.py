"""How large a study of a pretrained model is: sets of questions in place of seeds, four presets.

Two cores carry the last two layers of SmolLM2-135M; a GPU carries all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from experiments.gsm8k.plan import FIRST_TUNING_SEED, Leg, Plan
from experiments.language.model.sizes import Sizes
from experiments.language.probes.effort import Effort

SetPreset = Literal["quick", "pretrained", "study", "gpu"]
RULES = ("none", "group", "batch", "power(2)", "maxrl")


@dataclass(frozen=True, kw_only=True)
class SetPlan(Plan):
    """Everything that a preset decides. Seeds stand for sets: reported ones, and others for tuning."""

    train: str
    """Which parameters: "all", "last:4", "lora:8"."""
    late_step: float
    """Of the exact GRPO steps that lead to later states."""
    late_steps: int
    """At most."""
    sampled: bool
    """Whether sampled groups are run beside the exact steps."""
    adam: tuple[str, ...]
    """Rules that are run with Adam too."""

    def place(self, seed: int, leg: Leg) -> int:
        """Which cut of the shuffled questions a seed stands for.

        >>> plan = SET_PRESETS["pretrained"]
        >>> [plan.place(seed, plan.answer) for seed in (*plan.seeds, *plan.tuning_seeds(plan.answer))]
        [0, 1, 2, 3]
        """
        number = seed - self.first_seed
        return number if number < FIRST_TUNING_SEED else self.num_seeds + number - FIRST_TUNING_SEED


EXACT = Leg(
    num_prompts=32,
    num_test=60,
    prompt_length=96,
    response_length=6,
    target=0.0,
    num_steps=24,
    step_sizes=(0.04, 0.08),
    num_tuning=1,
    num_probes=2,
    rules=("none", "group", "power(2)"),
)
"""Population steps of the last two layers on two cores: just under a second each."""
SAMPLED = replace(EXACT, num_steps=16, num_probes=0, rules=("none", "group"))


SET_PRESETS: dict[str, SetPlan] = {
    "quick": SetPlan(
        sizes=Sizes(),
        train="last:1",
        num_seeds=2,
        num_sft_seeds=2,
        answer=replace(EXACT, num_prompts=6, num_test=6, num_steps=3, step_sizes=(0.02, 0.04), num_probes=2),
        equations=replace(SAMPLED, num_prompts=6, num_test=6, num_steps=2, step_sizes=(0.02, 0.04), prompts_per_step=4,
                           group_size=4, num_samples=4),
        late=(0.9,),
        late_step=0.02,
        late_steps=5,
        small_step=0.01,
        sampled=True,
        adam=EXACT.rules,
        full=Effort(num_spectra=1, num_wrong=4, spectrum_tolerance=0.1),
        half_samples=4,
        cap_groups=8,
    ),
    "pretrained": SetPlan(
        sizes=Sizes(),
        train="last:2",
        num_seeds=3,
        num_sft_seeds=3,
        answer=EXACT,
        equations=SAMPLED,
        late=(0.5,),
        late_step=0.03,
        late_steps=60,
        small_step=0.02,
        sampled=False,
        adam=(),
        full=Effort(num_spectra=0, num_wrong=0),
        cap_groups=0,
    ),
    "study": SetPlan(
        sizes=Sizes(),
        train="last:2",
        num_seeds=5,
        num_sft_seeds=5,
        answer=replace(EXACT, num_test=50, num_steps=30, num_tuning=2, num_probes=5, rules=RULES),
        equations=replace(SAMPLED, num_test=50, num_steps=24, step_sizes=(0.04, 0.08)),
        late=(0.5, 0.7, 0.9),
        late_step=0.04,
        late_steps=200,
        small_step=0.02,
        sampled=True,
        adam=EXACT.rules,
        full=Effort(num_spectra=2, num_wrong=16),
        cap_groups=64,
    ),
    "gpu": SetPlan(
        sizes=Sizes(),
        train="all",
        num_seeds=5,
        num_sft_seeds=5,
        answer=replace(EXACT, num_prompts=128, num_steps=20, step_sizes=(0.005, 0.01)),
        equations=SAMPLED,
        late=(0.5,),
        late_step=0.01,
        late_steps=40,
        small_step=0.005,
        sampled=False,
        adam=(),
        full=Effort(num_spectra=0, num_wrong=0, memory=36 << 30),
        light=Effort(num_spectra=0, num_wrong=0, memory=36 << 30),
        cap_groups=0,
    ),
}  # fmt: skip
"""By --preset, with --model."""
