"""How large a validation is: every size in one place, three presets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from experiments.language.model.sizes import Sizes
from experiments.language.probes.effort import Effort
from experiments.language.problems.answers import Mode
from experiments.language.problems.questions import Questions

Preset = Literal["quick", "cpu", "gpu"]
RlOptimiser = Literal["sgd", "momentum", "adam"]
"""Of RL; SFT is always AdamW."""
FIRST_TUNING_SEED = 1000
"""After the first reported seed."""


@dataclass(frozen=True, kw_only=True)
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
    """Names of `curvature.rule`; "power" takes the measured exponent."""
    prompts_per_step: int = 16
    group_size: int = 8
    num_samples: int = 8
    """Responses a prompt where pass rates are sampled."""

    def num_runs(self, reported: int) -> int:
        """Runs with tuned steps on so many reported seeds, those of tuning included, if no grid has to grow."""
        return len(self.rules) * (len(self.step_sizes) * self.num_tuning + reported)

    def questions(self, mode: Mode, base: Questions) -> Questions:
        """The prompts of this leg, from the same source."""
        return replace(
            base,
            mode=mode,
            num_prompts=self.num_prompts,
            num_test=self.num_test,
            prompt_length=self.prompt_length,
            response_length=self.response_length,
        )


@dataclass(frozen=True, kw_only=True)
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
    optimiser: RlOptimiser = "sgd"
    sft_batch: int = 32
    sft_step: float = 1e-3
    max_sft_steps: int = 3000

    @property
    def seeds(self) -> range:
        """Reported."""
        return range(self.first_seed, self.first_seed + self.num_seeds)

    @property
    def sft_seeds(self) -> range:
        """Those, and the further ones whose SFT states are probed."""
        return range(self.first_seed, self.first_seed + self.num_sft_seeds)

    def tuning_seeds(self, leg: Leg) -> range:
        """On which a leg's steps are tuned; never reported."""
        first = self.first_seed + FIRST_TUNING_SEED
        return range(first, first + leg.num_tuning)


STEP_RATIO = {"sgd": 1.0, "momentum": 0.1, "adam": 0.05}
"""Where an optimiser's grid of steps begins, over SGD's: momentum .9 adds up ten steps, adam's have unit entries."""


def with_optimiser(plan: Plan, name: RlOptimiser) -> Plan:
    """The plan with another optimiser of RL and its grid of steps."""
    ratio = STEP_RATIO[name]
    legs = (replace(leg, step_sizes=tuple(ratio * s for s in leg.step_sizes)) for leg in (plan.answer, plan.equations))
    answer, equations = legs
    return replace(plan, optimiser=name, answer=answer, equations=equations, small_step=ratio * plan.small_step)


QUICK = Plan(
    sizes=Sizes(width=32, num_layers=2, num_heads=2, num_kv_heads=1, mlp_width=64),
    num_seeds=2,
    num_sft_seeds=3,
    answer=Leg(
        num_prompts=12,
        num_test=16,
        prompt_length=40,
        response_length=6,
        target=0.2,
        num_steps=6,
        step_sizes=(0.01, 0.02),
        num_tuning=1,
        num_probes=2,
        rules=("none", "group", "power"),
    ),
    equations=Leg(
        num_prompts=8,
        num_test=8,
        prompt_length=40,
        response_length=40,
        target=0.15,
        num_steps=3,
        step_sizes=(0.001, 0.002),
        num_tuning=1,
        num_probes=0,
        rules=("none", "group"),
        prompts_per_step=4,
        group_size=4,
        num_samples=4,
    ),
    late=(0.8,),
    small_step=0.005,
    full=Effort(num_spectra=1, num_wrong=4, spectrum_tolerance=0.1),
    half_samples=4,
    cap_groups=8,
    sft_batch=8,
    sft_step=3e-3,
)
CPU = Plan(
    sizes=Sizes(),
    num_seeds=3,
    num_sft_seeds=8,
    answer=Leg(
        num_prompts=48,
        num_test=200,
        prompt_length=48,
        response_length=6,
        target=0.15,
        num_steps=40,
        step_sizes=(0.007, 0.01, 0.014, 0.02, 0.028),
        num_tuning=2,
        num_probes=5,
        rules=("none", "group", "power"),
    ),
    equations=Leg(
        num_prompts=32,
        num_test=64,
        prompt_length=48,
        response_length=28,
        target=0.3,
        num_steps=24,
        step_sizes=(0.0005, 0.001, 0.002),
        num_tuning=1,
        num_probes=0,
        rules=("none", "group"),
        prompts_per_step=16,
        group_size=8,
        num_samples=8,
    ),
    late=(0.5, 0.8, 0.95),
    small_step=0.005,
    full=Effort(num_spectra=2),
)
GPU = Plan(
    sizes=Sizes(width=256, num_layers=6, num_heads=8, num_kv_heads=4, mlp_width=704),
    num_seeds=5,
    num_sft_seeds=10,
    answer=Leg(
        num_prompts=256,
        num_test=512,
        prompt_length=96,
        response_length=6,
        target=0.15,
        num_steps=200,
        step_sizes=(0.005, 0.01, 0.02, 0.04, 0.08),
        num_tuning=3,
        num_probes=11,
        rules=("none", "group", "batch", "power"),
    ),
    equations=Leg(
        num_prompts=256,
        num_test=256,
        prompt_length=96,
        response_length=48,
        target=0.3,
        num_steps=400,
        step_sizes=(0.0005, 0.001, 0.002, 0.004),
        num_tuning=3,
        num_probes=0,
        rules=("none", "group", "batch", "power"),
        prompts_per_step=32,
        group_size=16,
        num_samples=16,
    ),
    late=(0.3, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98),
    small_step=0.005,
    full=Effort(chunk=32, num_spectra=16, num_wrong=64),
    half_samples=256,
    cap_groups=256,
    sft_batch=64,
)
PRESETS: dict[str, Plan] = {"quick": QUICK, "cpu": CPU, "gpu": GPU}
