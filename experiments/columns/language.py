"""Columns of `gsm8k sft | train | probe | validate | compare`: steps of learning, states and prompts probed."""

from __future__ import annotations

from experiments.columns.table import Column, Table, flag, integer, maybe, number, text

NUMBERED = {"step": number("number of the step, or of the step before which one looked", "updates")}
SEEDED = {"seed": integer("of the run: which set of questions, and their order")}
RATES = {
    "pass_rate": number("mean of p over the training prompts"),
    "pass_rate_10": number("10% quantile of p over prompts"),
    "pass_rate_50": number("median of p"),
    "pass_rate_90": number("90% quantile of p"),
    "std": number("mean of σ over prompts"),
}
NORMS = {
    "update_norm": number("|change of the parameters| of the step"),
    "gradient_norm": number("|gradient| of the step, before the optimiser"),
}
DRAWN = {
    "reward": number("mean of the step's samples", "reward"),
    "std": number("mean deviation of a group's rewards", "reward"),
    "dead_groups": number("share of groups whose rewards are equal"),
    "ended": number("share of responses that end by themselves"),
    "response_length": number("mean", "tokens"),
    **NORMS,
    "kl": number("from the start, where a penalty asks for it", "nats"),
    "clipped": number("share of tokens at which the ratio is clipped"),
}
FINAL = {
    "final_train": number("mean p of the training prompts at the end of the run"),
    "final_test": number("mean p of the held-out prompts at the end"),
}
FIGURES = {
    "start_train": number("mean p of the training prompts at the start"),
    "start_train_figures": number("the same without the end of the answer: figures alone"),
    "start_test": number("mean p of the held-out prompts at the start"),
    "start_test_figures": number("figures alone"),
    "final_train": FINAL["final_train"],
    "final_train_figures": number("figures alone"),
    "final_test": FINAL["final_test"],
    "final_test_figures": number("figures alone"),
}
RUN = {"rule": text("what divides, with its optimiser's leg in the file's name"), "step_size": number("η, on the mean")}
STATE = {
    "test_pass_rate": number("mean p of the held-out prompts"),
    **RATES,
    "num_alive": number("prompts whose σ is above 1e-6", "prompts"),
    "cosine_mean": number("mean cosine between gradients of two prompts"),
    "cosine_std": number("deviation of these cosines"),
    "cosine_90": number("90% quantile of their absolute values"),
    "cross_ratio": number("χ: 0 where prompts' gradients are orthogonal"),
    "orthogonality": number("O: 1 where they are"),
    "relative_gain": number("R: gain predicted for GRPO over REINFORCE's"),
    "curvature_per_std_max": number("greatest |κ|/σ along prompts' own gradients"),
    "curvature_per_std_median": number("median |κ|/σ"),
    "curvature_argmax_p": number("p of the prompt with the greatest"),
    "step_size": number("η of GRPO's step, on the mean, by which gains are asked; REINFORCE steps 2η"),
    "surplus_own": number("surplus of GRPO's step over REINFORCE's, from the prompts' own terms", "mean p"),
    **{
        f"{name}_{rule}": number(f"{meaning} of {words}'s step", unit)
        for rule, words in (("none", "REINFORCE"), ("group", "GRPO"))
        for name, meaning, unit in (
            ("gain_first", "gain to first order", "mean p"), ("gain_second", "gain to second order", "mean p"),
            ("gain_real", "gain", "mean p"), ("step_norm", "length", ""),
        )
    },
    **{f"surplus_{order}": number(f"`gain_{order}_group` − `gain_{order}_none`", "mean p")
       for order in ("first", "second", "real")},
}  # fmt: skip
PROBED_STATE = {name: column for name, column in STATE.items() if name != "test_pass_rate"}
PROMPTS = {
    "prompt": integer("its number in the set"),
    "log_p": number("log π of the right response", "nats"),
    "pass_rate": number("p"),
    "std": number("σ = √(p(1 − p))"),
    "gradient_norm": number("|g|"),
    "score_norm": number("|s|, s = ∇log π of the right response"),
    "curvature_own": number("κ of p along the prompt's own gradient"),
    "slope_none": number("slope of p along REINFORCE's direction for all prompts"),
    "curvature_none": number("κ along it"),
    "slope_group": number("slope along GRPO's direction"),
    "curvature_group": number("κ along it"),
    "correlation": number("of reward and M_u over responses (T5); NaN with fewer than two wrong draws"),
    "spread": number("deviation of M_u, squared slope plus bend of log π, over responses (T5)"),
    "correlation_error": number("standard error"),
    "spread_error": number("standard error"),
    "eigenvalue_least": number("of the Hessian of p; NaN where not asked for"),
    "eigenvalue_greatest": number("of the Hessian of p; NaN where not asked for"),
}
TARGET = {"target": number("mean p at which the state was taken; 0: the start")}
SAMPLED_PROMPTS = {
    "prompt": integer("its number in the set"),
    "pass_rate": number("mean reward of both halves", "reward"),
    "std": number("σ from both halves, without bias in σ²", "reward"),
    "squared_norm": number("|g|² without bias: product of the halves' gradients"),
    "half_cosine": number("cosine between the halves' gradients: 1 where noise is small"),
    "curvature": number("κ along the other half's gradient"),
    "curvature_error": number("its standard error"),
    "curvature_null": number("the error that noise alone would give"),
    "curvature_resolved": flag("whether |κ| is above two of both"),
}
SAMPLED_STATE = {
    "num_alive": number("prompts whose rewards differ", "prompts"),
    "pass_rate": number("mean reward", "reward"),
    "std": number("mean σ", "reward"),
    "half_cosine": number("mean over prompts"),
    "curvature_resolved": number("share of prompts whose curvature is resolved"),
    "cross_ratio": number("χ"),
    "cross_ratio_error": number("its standard error, by the jackknife over prompts"),
    "cross_ratio_resolved": number("1 where what it is divided by is above its noise"),
    "orthogonality": number("O"),
    "orthogonality_error": number("its standard error"),
    "orthogonality_resolved": number("1 where what it is divided by is above its noise"),
}
CAP = {
    "pass_rate": number("p"),
    "factor": number(
        "by how much groups rescale REINFORCE along the prompt's gradient, measured; NaN: no group varies"
    ),
    "factor_error": number("its standard error"),
    "predicted": number("b_G(p) of T13"),
    "group_size": integer("G", "answers"),
    "window_low": number("least b_G"),
    "window_high": number("greatest b_G, G/√(G−1)"),
}
LOOK = {
    "train": number("mean p of the training prompts; at looks"),
    "test": number("of the held-out prompts; at looks"),
}
LOOKS = {
    "train": number("mean p of the training prompts"),
    "train_figures": number("the same without the end of the answer: figures alone"),
    "test": number("mean p of the held-out prompts"),
    "test_figures": number("figures alone"),
}


def _learning(columns: dict[str, Column]) -> dict[str, Column]:
    return NUMBERED | {name: maybe(column) for name, column in (LOOK | columns).items()}


TABLES = (
    Table("gsm8k sft", "steps_*.parquet", "a step, or a look after the last step of a part",
          _learning({"loss": number("mean −log π of the right tokens", "nats"), **NORMS})),
    Table("gsm8k train", "steps_*.parquet", "a step or a look: exact steps have p, sampled ones rewards",
          _learning(RATES | DRAWN)),
    Table("gsm8k probe", "prompts.parquet", "a prompt, exact", PROMPTS),
    Table("gsm8k probe", "prompts.parquet", "a prompt, sampled", SAMPLED_PROMPTS),
    Table("gsm8k probe", "state.parquet", "the state, exact", PROBED_STATE),
    Table("gsm8k probe", "state.parquet", "the state, sampled", SAMPLED_STATE),
    Table("gsm8k validate", "*_start_*.sft.parquet", "a look at the fine-tuning",
          {**NUMBERED, "pass_rate": RATES["pass_rate"], "inside": number("share of prompts with 0 < p < 1"), **SEEDED}),
    Table("gsm8k validate", "*.steps.parquet", "an exact step of a run",
          {**NUMBERED, **RATES, **NORMS, **SEEDED, **FIGURES, **RUN}),
    Table("gsm8k validate", "*.steps.parquet", "a sampled step of a run",
          {**NUMBERED, **DRAWN, **SEEDED, **FINAL, **RUN}),
    Table("gsm8k validate", "*.probes.parquet", "a state along a run",
          {**NUMBERED, **STATE, **SEEDED, "rule": RUN["rule"]}),
    Table("gsm8k validate", "*_late_*.states.parquet", "a state of the exact leg", {**TARGET, **STATE, **SEEDED}),
    Table("gsm8k validate", "*_late_*.prompts.parquet", "a prompt at such a state", {**PROMPTS, **TARGET, **SEEDED}),
    Table("gsm8k validate", "*_sampled_probe_*.states.parquet", "a state, from samples", {**SAMPLED_STATE, **SEEDED}),
    Table("gsm8k validate", "*_sampled_probe_*.prompts.parquet", "a prompt, from samples",
          {**SAMPLED_PROMPTS, **SEEDED}),
    Table("gsm8k validate", "*_cap_*.cap.parquet", "a prompt on which T13 is checked", {**CAP, **SEEDED}),
    Table("gsm8k compare", "*.steps.parquet", "an update of a run", {**NUMBERED, **DRAWN, **SEEDED, **FINAL, **RUN}),
    Table("gsm8k compare", "*.probes.parquet", "a look along a reported run",
          {**NUMBERED, **LOOKS, **SEEDED, "rule": RUN["rule"]}),
)  # fmt: skip
