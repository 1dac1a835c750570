"""What `grpo-curvature gsm8k …` can be told: one frozen dataclass a command, from which the flags are made.

Imports no JAX, so that help is shown and bad flags are refused at once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import tyro

from curvature.rule import Rule
from experiments.flags import check_integer, check_out, check_positive, check_seed
from experiments.gsm8k.plan import PRESETS, Plan, Preset, RlOptimiser, with_optimiser
from experiments.gsm8k.set_plan import SET_PRESETS, SetPreset
from experiments.language.learning.choices import ESTIMATORS, OptimiserName, ScheduleName, learning_rule
from experiments.language.model.sizes import Sizes, check_part
from experiments.language.problems.questions import Questions
from experiments.strict_json import plain

Flat = tyro.conf.OmitArgPrefixes


def _identity(command: str, config: Any) -> dict[str, Any]:
    """Everything but where results go and where data lie: their content counts, not their place."""
    values = plain(asdict(config))
    del values["out"], values["questions"]["data"], values["questions"]["download"]
    return {"command": command, **values}


@dataclass(frozen=True)
class Sft:
    """Supervised fine-tuning until the mean pass rate of the training prompts reaches a target.

    The target is what decides, not a number of steps, because RL needs prompts that are neither lost nor solved. With
    few prompts this is memorisation of them, and is called so: the pass rate of test prompts stands beside it.
    """

    resumes: ClassVar[bool] = True

    questions: Flat[Questions] = field(default_factory=Questions)
    sizes: Flat[Sizes] = field(default_factory=Sizes)
    """Of the transformer; not used with --checkpoint."""
    checkpoint: Path | None = None
    """Start from this checkpoint or pretrained model's folder (Llama, SmolLM2, Qwen2.5) instead of random numbers."""
    out: Path = Path("gsm8k-sft")
    """Folder for checkpoints and rows; a run that was stopped goes on from its last checkpoint."""
    target: float = 0.15
    """Mean pass rate to stop at, in (0, 1)."""
    step_size: float = 1e-3
    """Of AdamW."""
    schedule: ScheduleName = "constant"
    """Of the step size over --max-steps."""
    warmup: int = 0
    """Steps of linear warm-up."""
    batch_size: int = 32
    """Prompts a step."""
    max_steps: int = 3000
    """Give up after so many."""
    check_every: int = 20
    """Steps between looks at the pass rate, which are also the checkpoints."""
    num_samples: int = 8
    """Responses a prompt by which pass rates are measured (modes `answer` and `step` are exact)."""
    seed: int = 0
    """Seed of the prompts chosen, the initial parameters, and the order."""

    def __post_init__(self) -> None:
        check_out(self.out)
        check_seed(self.seed)
        if not 0 < self.target < 1:
            raise ValueError(f"--target is {self.target}; allowed: numbers between 0 and 1")
        check_positive("--step-size", self.step_size)
        for name in ("batch_size", "max_steps", "check_every", "num_samples"):
            check_integer(f"--{name.replace('_', '-')}", getattr(self, name), 1)
        check_integer("--warmup", self.warmup, 0)

    def identity(self) -> dict[str, Any]:
        """What decides the results."""
        return _identity("gsm8k sft", self)


@dataclass(frozen=True)
class Train:
    """RL on the training prompts of a checkpoint: sampled groups, or exact population steps (modes `answer`, `step`).

    The gradient is that of the sum of token log-probabilities (no division by length), on the mean over prompts.
    """

    resumes: ClassVar[bool] = True

    checkpoint: Path
    """A checkpoint of `gsm8k sft` or `gsm8k train`, or a pretrained model's folder (then give the questions too)."""
    questions: Flat[Questions] = field(default_factory=Questions)
    """A checkpoint of ours brings its own questions; --data only tells where they are now. The rest is for pretrained
    models."""
    out: Path = Path("gsm8k-train")
    """Folder for checkpoints and rows; a run that was stopped goes on from its last checkpoint."""
    rule: str = "group"
    """By what a prompt's gradient is divided. none: nothing, REINFORCE; group: σ, GRPO; batch: the mean of the prompts'
    σ; power(A): σ^A, A a number in [0, 8]; power: σ^α; maxrl: p, with --exact."""
    alpha: float = 2.0
    """α of --rule power."""
    estimator: str | None = None
    """A trainer's advantage estimator in place of --rule: trl, trl_batch, trl_none, verl, skyrl, openrlhf, tunix,
    nemo_rl, ms_swift, open_instruct, slime, dr_grpo, rloo, maxrl, paper."""
    train: str = "all"
    """Which parameters are trained: all, last:LAYERS or lora:RANK."""
    exact: bool = False
    """Population steps: exact gradients of all prompts (modes `answer` and `step`)."""
    num_steps: int = 100
    """Updates, or batches of samples."""
    step_size: float = 0.01
    """Of the optimiser."""
    optimiser: OptimiserName = "sgd"
    schedule: ScheduleName = "constant"
    warmup: int = 0
    """Steps of linear warm-up."""
    max_norm: float | None = None
    """Gradients longer than this are shortened."""
    prompts_per_step: int = 16
    """Prompts a batch (sampled groups)."""
    group_size: int = 8
    """G, responses a prompt, at least 2."""
    num_updates: int = 1
    """Gradient steps on each batch of samples."""
    clip: float | None = None
    """ε of PPO's clipped ratio; matters with more than one update."""
    kl: float = 0.0
    """β of the penalty on the divergence from the starting policy."""
    save_every: int = 20
    """Steps between checkpoints, which are also the looks at training and test pass rates."""
    num_samples: int = 8
    """Responses a prompt by which pass rates are measured (modes `answer` and `step` are exact)."""
    seed: int = 0
    """Seed of the samples and of the order of prompts."""

    def __post_init__(self) -> None:
        check_out(self.out)
        check_seed(self.seed)
        check_part(self.train)
        if self.chosen_rule().kind == "maxrl" and not self.exact:
            raise ValueError("--rule is maxrl; allowed without --exact: none, group, batch, power(A)")
        check_positive("--step-size", self.step_size)
        if self.max_norm is not None:
            check_positive("--max-norm", self.max_norm)
        if self.estimator is not None and self.estimator not in ESTIMATORS:
            raise ValueError(f"--estimator is {self.estimator!r}; allowed: {', '.join(ESTIMATORS)}")
        if self.exact and self.estimator is not None:
            raise ValueError(
                f"--estimator is {self.estimator!r}; allowed with --exact: none, population steps have none"
            )
        for name in ("num_steps", "prompts_per_step", "num_updates", "save_every", "num_samples"):
            check_integer(f"--{name.replace('_', '-')}", getattr(self, name), 1)
        check_integer("--group-size", self.group_size, 2)
        check_integer("--warmup", self.warmup, 0)
        if self.clip is not None and not 0 < self.clip < 1:
            raise ValueError(f"--clip is {self.clip}; allowed: numbers between 0 and 1")
        if not 0 <= self.kl < float("inf"):
            raise ValueError(f"--kl is {self.kl}; allowed: numbers of at least 0")

    def chosen_rule(self) -> Rule:
        """The rule, with the exponent of --alpha where it is "power" alone.

        Raises:
            ValueError: no such rule, or an exponent outside [0, 8].
        """
        try:
            return learning_rule(self.rule, self.alpha)
        except ValueError as error:
            raise ValueError(f"--{error}") from None

    def identity(self) -> dict[str, Any]:
        """What decides the results."""
        return _identity("gsm8k train", self)


@dataclass(frozen=True)
class ProbeCheckpoint:
    """Measure orthogonality, deviation and local curvature at a checkpoint.

    Modes `answer`, `step`: exact, by automatic differentiation of one log-probability a prompt. Other modes: two
    independent halves of samples, every estimate beside its standard error and its noise; what is inside the noise is
    printed so.
    """

    resumes: ClassVar[bool] = True

    checkpoint: Path
    """A checkpoint of ours, or a pretrained model's folder."""
    questions: Flat[Questions] = field(default_factory=Questions)
    """A checkpoint of ours brings its own questions; --data only tells where they are now. The rest is for pretrained
    models."""
    out: Path = Path("gsm8k-probe")
    """Folder for rows (Parquet) and summary.json."""
    step_size: float = 0.002
    """η of one GRPO step on the mean over prompts; REINFORCE's is 2η. For the one-step surplus."""
    num_spectra: int = 4
    """Prompts whose extreme eigenvalues are found (exact mode)."""
    num_wrong: int = 16
    """Responses a prompt for sd(M_u) of T5 (exact mode); 0 leaves it out."""
    half_samples: int = 32
    """Responses a prompt in each half (sampled modes)."""
    train: str = "all"
    """Which parameters' derivatives are measured: all, last:LAYERS or lora:RANK."""
    memory: int = 4
    """GiB of gradients that are held; more of them are kept in half precision, then on disk."""
    sampled: bool = False
    """Use samples in the exact modes too."""
    float64: bool = False
    """Measure in double precision: slower, to see the rounding of float32."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_out(self.out)
        check_seed(self.seed)
        check_positive("--step-size", self.step_size)
        check_part(self.train)
        check_integer("--memory", self.memory, 1)
        check_integer("--num-spectra", self.num_spectra, 0)
        check_integer("--num-wrong", self.num_wrong, 0)
        check_integer("--half-samples", self.half_samples, 2)

    def identity(self) -> dict[str, Any]:
        """What decides the results."""
        return _identity("gsm8k probe", self)


@dataclass(frozen=True)
class Validate:
    """The whole chain: exact probes, RL of every rule with tuned steps, and a verdict on every prediction.

    Writes rows (Parquet), summary.json, figures (PNG, SVG) and report.html. Finished parts are kept: the same command
    goes on where it was stopped. Without --model a small transformer is made and fine-tuned first; presets: cpu (1M
    parameters, 3 seeds, up to 15 minutes on two cores), gpu (5 seeds, larger), quick (a minute or two, to see that the
    chain works; it decides nothing). With --model the replicates are disjoint sets of questions in mode `step`, with
    held-out questions; presets: pretrained (the last 2 layers, 3 sets, up to 20 minutes on two cores), study (5 sets,
    more rules, Adam, sampled groups; an hour or two), gpu (all parameters, 128 prompts a set), quick.
    """

    resumes: ClassVar[bool] = True

    data: Path | None = None
    """Folder with train.jsonl and test.jsonl in GSM8K's format. Default: an embedded generator of word problems."""
    download: bool = False
    """Take openai/gsm8k from the Hugging Face hub (needs the extra `hub` and a network)."""
    model: Path | None = None
    """Folder of a pretrained model (Llama, SmolLM2, Qwen2.5), as `gsm8k fetch smollm2` writes one. Default: a small
    transformer made here."""
    preset: Preset | SetPreset | None = None
    """How much is computed. Default: cpu, with --model pretrained."""
    train: str | None = None
    """Which parameters of --model are trained: all, last:LAYERS or lora:RANK. Default: the preset's."""
    optimiser: RlOptimiser = "sgd"
    """Of RL. With adam all rules share one grid of steps: it takes the scale of a gradient away."""
    num_seeds: int | None = None
    """Reported seeds, or with --model sets of questions, at least 2. Default: the preset's."""
    out: Path = Path("gsm8k-validation")
    """Folder for rows, figures and the report."""
    seed: int = 0
    """The first reported seed; the others follow it, and the tuning seeds come 1000 later."""

    def __post_init__(self) -> None:
        check_out(self.out)
        check_seed(self.seed)
        if self.num_seeds is not None:
            check_integer("--num-seeds", self.num_seeds, 2, 100)
        presets = PRESETS if self.model is None else SET_PRESETS
        if self.preset is not None and self.preset not in presets:
            given = "without" if self.model is None else "with"
            raise ValueError(f"--preset is {self.preset}; allowed {given} --model: {', '.join(presets)}")
        if self.train is not None:
            if self.model is None:
                raise ValueError(f"--train is {self.train}; allowed with --model only: all, last:LAYERS, lora:RANK")
            check_part(self.train)
        Questions(data=self.data, download=self.download)

    @property
    def questions(self) -> Questions:
        """Where the problems come from."""
        return Questions(data=self.data, download=self.download, mode="answer" if self.model is None else "step")

    @property
    def chosen_preset(self) -> str:
        """The preset's name."""
        return self.preset or ("cpu" if self.model is None else "pretrained")

    def plan(self) -> Plan:
        """All sizes."""
        if self.model is not None:
            plan = replace(SET_PRESETS[self.chosen_preset], first_seed=self.seed)
            plan = plan if self.train is None else replace(plan, train=self.train)
            plan = with_optimiser(plan, self.optimiser)
            return (
                plan
                if self.num_seeds is None
                else replace(plan, num_seeds=self.num_seeds, num_sft_seeds=self.num_seeds)
            )
        plan = with_optimiser(PRESETS[self.chosen_preset], self.optimiser)
        plan = replace(plan, first_seed=self.seed)
        if self.num_seeds is None:
            return plan
        return replace(plan, num_seeds=self.num_seeds, num_sft_seeds=max(plan.num_sft_seeds, self.num_seeds + 2))

    def identity(self) -> dict[str, Any]:
        """What decides the results: the content of the data, not its place."""
        return {"command": "gsm8k validate", "preset": self.chosen_preset, "plan": plain(asdict(self.plan()))}
