"""Columns of `reproduce`: one file a part of the experiment, with bounds beside what they bound."""

from __future__ import annotations

from experiments.columns.table import Table, flag, integer, number, text

RULE = {"rule": text("what divides: a name of `curvature.rule`")}
ALPHA = {"alpha": number("α of g/σ^α: 0 REINFORCE, 1 GRPO, 2 power(2)")}
STEP = {"step_size": number("η, on the sum over prompts")}
TIME = {"time": integer("updates made before", "updates")}
FAILURE = {"failure_rate": number("q = 1 − p, to full relative accuracy")}
THEOREM = {
    "num_steps_T": integer("T, over which is averaged", "updates"),
    "measured": number("|g| averaged over prompts and iterations", "reward"),
    "bound": number("T6's upper bound on it", "reward"),
    "average_std": number("σ̄ over prompts and iterations", "reward"),
    "value": number("J before the step", "mean reward"),
    "certificate": number("T3's lower bound on the gain of the step", "mean reward"),
    "gain": number("what the step gains", "mean reward"),
}
SETTING = {
    "regime": text("of the initial pass rates: rare, hard, mixed, easy; graded: real-valued rewards"),
    "num_arms": integer("K"),
    "geometry": text("of the arms: `simplex` or `gaussian`"),
    "problem_seed": integer("which problem of the setting"),
}
SHAPE = {"num_prompts": integer("N"), "num_arms": integer("K"), "num_parameters": integer("d")}
CERTIFICATES = {
    "problem": integer("which problem"),
    "length": number("|δ| of the update"),
    "lower": number("T3's lower bound on the gain of this prompt", "reward"),
    "upper": number("T3's upper bound", "reward"),
    "gain": number("J(θ + δ) − J(θ) of this prompt", "reward"),
    "std": number("σ of this prompt", "reward"),
    "curvature": number("δᵀ∇²J δ of this prompt", "reward"),
    "curvature_bound": number("T1's bound on |δᵀ∇²J δ|", "reward"),
    "slope": number("g·δ", "reward"),
    "slope_bound": number("T2's bound on |g·δ|", "reward"),
}
COMPARISON = {
    "stage": text("`tune` or `report`"),
    "coherence": number("ρ between prompts"),
    "seed_index": integer("which seed of the stage"),
    **STEP,
    "mean_value": number("J averaged over the run", "mean reward"),
    "initial_value": number("J at the start", "mean reward"),
    "final_value": number("J after the last step", "mean reward"),
    "largest_kl": number("of one update", "nats"),
    "limited_share": number("of the updates that the KL limit shortened"),
    "num_certificate_violations": integer("updates that gain less than T3 guarantees; 0 by proof"),
    "at_edge": flag("whether the step is the first or last of the grid"),
}
RIGHT_OR_WRONG = {
    "num_arms": integer("K"),
    "num_parameters": integer("d"),
    "value": number("p"),
    "std": number("σ = √(p(1 − p))"),
    "width": number("w: how far the update moves logits apart", "nats"),
    "curvature": number("δᵀ∇²J δ"),
    "slope_part": number("of it, what the slope gives (T18)"),
    "bend_part": number("of it, what the bend of log π gives"),
    "T1": number("T1's bound on its size"),
    "T18": number("T18's bound on its size"),
    "gain": number("what the update gains"),
    "T3_lower": number("T3's lower bound on the gain"),
    "T3_upper": number("T3's upper bound"),
    "T19_lower": number("T19's lower bound on the gain"),
    "T19_upper": number("T19's upper bound"),
    "log_odds_slope": number("slope of the log-odds along the update", "nats"),
}
SAMPLED = {
    "num_answers": number("n, drawn so far", "answers"),
    "failure": number("E q, mean over runs"),
    "failure_error": number("its standard error"),
}
WIDTHS = {
    "width": number("w of T16: what a group moves the log-odds at most", "nats"),
    "sharp": number("the same, sharpened for this rule and G", "nats"),
}
COHERENCE = {
    "kind": text("random, opposed, map (of guarantees), solvable, stuck (two runs)"),
    "time": integer("updates made before, of the two runs; else 0", "updates"),
    "coherence": number("greatest |e_x·e_y| of two prompts"),
    "spread": number("χ̂: √(mean σ · mean 1/σ)"),
    "mean_std": number("σ̄"),
    "false_gain": number("what T17 would guarantee with χ̂ = 1: a false claim", "sum of rewards"),
    "false_realised": number("what that step gains", "sum of rewards"),
} | {
    f"{rule}_{source}_{name}": number(f"{meaning}; {words}, from {where}", unit)
    for rule, words in (("group", "GRPO"), ("none", "REINFORCE"))
    for source, where in (("matrix", "all coherences"), ("number", "the greatest alone"))
    for name, meaning, unit in (
        ("ascent", "A of T17", ""), ("norm", "L of T17", ""), ("gain", "guaranteed gain", "sum of rewards"),
        ("realised", "gain", "sum of rewards"),
    )
}  # fmt: skip
TABLES = tuple(
    Table("reproduce", f"{part}.parquet", row, columns)
    for part, row, columns in (
        ("theorem", "a problem, rule and T", {**RULE, **SETTING, **THEOREM}),
        ("pass_rates", "a rule and T, on the given pass rates", {**RULE, **THEOREM}),
        ("tails", "a run and time", {
            "kind": text("`exact` gradients or `groups` (expected over groups of G)"), **ALPHA,
            "group_size": integer("G; 0 for exact gradients", "answers"), **STEP,
            "time": number("updates made before", "updates"), **FAILURE}),
        ("hitting", "a rule and rare start", {
            **ALPHA, "pass_rate": number("at the start"), "measured": number("updates × η to p = ½"),
            "flow": number("the same of the gradient flow, in closed form")}),
        ("window", "a group size and pass rate", {
            "group_size": integer("G", "answers"), "pass_rate": number("p"),
            "adaptivity": number("b_G(p): by how much groups rescale REINFORCE (T13)"),
            "low": number("its lower bound, 2"), "high": number("its upper bound, G/√(G−1)")}),
        ("certificates", "a prompt of a random problem", {**SHAPE, **CERTIFICATES}),
        ("counterexamples", "a run and step", {
            "example": text("X1 or C6"), **RULE, "time": number("updates made before", "updates"),
            "total_value": number("ΣJ of both prompts", "sum of rewards"),
            "gain": number("of the step, in ΣJ", "sum of rewards"),
            "cross_ratio": number("χ"), "orthogonality": number("O")}),
        ("comparison", "a run, in tuning or reported", {**RULE, **COMPARISON}),
        ("own_rates", "a prompt, run and step", {
            "num_arms": integer("K"), "geometry": text("of the arms"), "prompt": integer("which"), **ALPHA,
            "share": number("of the longest step that T15's upper bound allows"), **STEP, **TIME,
            "margin": number("m of T15's upper bound"), "initial_failure": number("q at the start"), **FAILURE}),
        ("mean_rates", "a run and step of prompts that overlap", {
            "coherence": number("ρ"), "conflict": number("share of labels drawn at random"),
            "num_prompts": integer("N"), **ALPHA, "share": number("of the longest step, as above"), **STEP, **TIME,
            "initial_failure": number("mean q at the start"), "failure_rate": number("mean q")}),
        ("overtaking", "a run and time", {
            **RULE, **STEP, **TIME, "failure_rate": number("mean q"),
            "bound": number("T15's: from above of GRPO, from below of REINFORCE"),
            "ahead_from": number("update from which GRPO is ahead; NaN: not in this run", "updates"),
            "proved_from": number("the same from the bounds alone", "updates")}),
        ("divisors", "a rule, number of stuck prompts and time", {
            **RULE, "num_stuck": integer("prompts that no update changes", "prompts"), **TIME,
            "failure_rate": number("mean q of the others")}),
        ("rare", "a rule, K and step", {
            **ALPHA, "num_arms": integer("K"), **TIME, **FAILURE,
            "lower": number("T15's lower bound on q"), "upper": number("its upper bound")}),
        ("right_or_wrong", "a prompt and update", RIGHT_OR_WRONG),
        ("own_sums", "a run and step", {
            "example": text("X1 or C6"), **ALPHA, **TIME, "total_value": number("ΣJ", "sum of rewards"),
            "own_sum": number("ΣF(J_x), F′ = σ^(−α), which the rule ascends"),
            "guaranteed": number("what the step adds to it at least (T20)")}),
        ("sampled", "a rule, G, problem and number of answers", {
            **RULE, "group_size": integer("G", "answers"),
            "prompts": text("`one`, four `apart`, or four that move `together`"), **SAMPLED,
            "inverse": number("E 1/q, mean over runs"), "inverse_error": number("its standard error"), **WIDTHS}),
        ("starts", "a rule, G and rare start", {
            **RULE, "group_size": integer("G", "answers"), "pass_rate": number("at the start"),
            "answers": number("to p = ½, mean over runs", "answers"), "answers_error": number("its standard error",
            "answers"), **WIDTHS}),
        ("beyond", "a rule and number of answers", {
            "rule": text("momentum, adam, no_baseline, or exact GRPO, whose updates count as groups"), **SAMPLED}),
        ("coherence", "a state", COHERENCE),
    )
)  # fmt: skip
