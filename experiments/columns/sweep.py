"""Columns of a sweep: one row a run, tuning runs included."""

from __future__ import annotations

from experiments.columns.table import Table, flag, integer, number, numbers, text

AXES = {
    "policy": text("`log-linear`: one softmax over the arms; `autoregressive`: a softmax a token; `log-bilinear`: "
                   "features that are learnt"),
    "num_prompts": integer("N", "prompts"),
    "num_arms": integer("K, responses a prompt; the vocabulary of autoregressive policies"),
    "horizon": integer("H, 1 but for autoregressive policies", "tokens"),
    "dimension": integer("0: every prompt has a direction of its own; r: directions in R^r; of log-bilinear policies "
                         "the hidden units"),
    "labels": text("right arms of prompts that do not conflict: `shared` or a `teacher`'s"),
    "conflict": number("share of the prompts whose right arm is drawn at random"),
    "coherence": number("ρ of the features: 0 orthogonal prompts, 1 identical"),
    "law": text("of the pass rates at the start: `normal` logits, or `rollouts`, as a real run had them"),
    "pass_rate": number("of the median prompt at the start"),
    "spread": number("standard deviation of the logits of the pass rates"),
    "group_size": text("G, answers a prompt and update, or `exact`"),
    "design": text("how long steps are: `kl-limited`, `constant` (both tuned) or `certified`"),
    "optimiser": text("`sgd`, `momentum` or `adam`"),
    "prompts_per_update": integer("B; 0: all", "prompts"),
    "updates_per_batch": integer("updates on the groups of one batch, with PPO's clipped ratio", "updates"),
    "filter": flag("whether groups of equal rewards are drawn again"),
    "held_out": integer("M, of the same law, never trained on", "prompts"),
    "rule": text("what divides: a name of `curvature.rule`"),
}  # fmt: skip
RUN = {
    "stage": text("`tune` (chooses the step) or `report`"),
    "seed_index": integer("which seed of the stage: problem and luck are drawn anew"),
    "step_size": number("on the sum over prompts; NaN where the certificate chooses"),
    "degenerate_design": flag("whether every rule solves such a setting in a few steps, so that it is never counted"),
    "initial": number("J before the first step", "mean reward"),
    "final": number("J after the last step", "mean reward"),
    "area": number("mean of J over the states before each step: what rules are compared by", "mean reward"),
    "lowest": number("least J of the run", "mean reward"),
    "best_known": number("a lower bound on the best J that any parameters reach; NaN in tuning", "mean reward"),
    "hitting_time_50": number(
        "to half of the way from `initial` to `best_known`; inf: never; NaN in tuning", "updates"
    ),
    "hitting_time_75": number("the same, three quarters", "updates"),
    "hitting_time_90": number("the same, nine tenths", "updates"),
    "average_std": number("σ̄: mean of σ_x over prompts and steps", "reward"),
    "cross_ratio_start": number("χ at the start: 0 where gradients are orthogonal"),
    "cross_ratio_end": number("χ at the last point of `curve`"),
    "largest_kl": number("of one update, mean over prompts", "nats"),
    "limited_share": number("of the steps that the limit made shorter than `step_size`"),
    "finite": flag("whether all numbers of the run were finite: a run that is not has failed"),
    "step_at_edge": flag("whether the chosen step is the first or last of the grid"),
    "answers_drawn": number("over the run; 0 with exact gradients", "answers"),
    "held_out_area": number("as `area`, of the held-out prompts; NaN without any", "mean reward"),
    "held_out_final": number("as `final`, of the held-out prompts", "mean reward"),
    "held_out_curve": numbers("as `curve`, of the held-out prompts", "mean reward"),
    "curve": numbers("J before steps 0, T/C, 2T/C, …", "mean reward"),
}
RUNS = Table("sweep", "chunk-*.parquet", "a run, in tuning or reported", AXES | RUN)
"""What computing a chunk gives; the file has `chunk` before them."""
TABLES = (RUNS,)
