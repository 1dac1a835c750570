"""Columns of the three phases: recorded steps, means over phases, profiles over σ, and the problems themselves."""

from __future__ import annotations

from experiments.columns.table import Table, flag, integer, number, text

CONFIGURATION = {"configuration": text("name of the recipe or control")}
SEED = {"seed_index": integer("which problem")}
SERIES = {
    "value": number("J under GRPO", "mean reward"),
    "value_none": number("J of REINFORCE's own run at the same update", "mean reward"),
    "lead": number("`value` − `value_none`", "mean reward"),
    "std": number("mean of σ_x", "reward"),
    "cross_ratio": number("χ, by which phases are cut"),
    "orthogonality": number("O: 1 where gradients are orthogonal"),
    "relative_gain": number("R: gain predicted for GRPO over REINFORCE's from the prompts' own terms"),
    "own": number(
        "U_own: surplus of one GRPO step over one REINFORCE step, from the prompts' own terms", "mean reward"
    ),
    "certified": number("U_cert: difference of T3's two lower bounds; bounds nothing", "mean reward"),
    "realised": number("U_real: J after GRPO's step − J after REINFORCE's, from this state", "mean reward"),
    "first_order": number("∇J·(δ_group − δ_none)", "mean reward"),
    "lower": number("T3's lower bound on `realised`", "mean reward"),
    "upper": number("T3's upper bound on `realised`", "mean reward"),
    "pass_rate_10": number("10% quantile of J over prompts", "reward"),
    "pass_rate_50": number("median of J over prompts", "reward"),
    "pass_rate_90": number("90% quantile of J over prompts", "reward"),
}
PHASE = {
    "phase": integer("1, 2 or 3"),
    "first": integer("first step of the phase", "updates"),
    "num_steps": integer("its length; all columns of recorded steps are means over them", "updates"),
}
ENDS = {
    "value_first": number("J at the first step of the phase", "mean reward"),
    "value_last": number("J at its last step", "mean reward"),
    "lead_first": number("lead at its first step", "mean reward"),
    "lead_last": number("lead at its last step", "mean reward"),
    "num_checks": integer("how many inequalities of T3 were checked"),
    "largest_share": number("greatest share of T3's remainder that was used"),
    "violated_prompt": integer("steps at which T3 fails for some prompt; 0 by proof"),
    "violated_surplus": integer("steps at which `realised` is outside `lower` to `upper`; 0 by proof"),
    "violated_half_prompt": integer("the first, with half the remainder: a false claim"),
    "violated_half_surplus": integer("the second, with half the remainder: a false claim"),
    "violated_difference": integer("steps with `realised` below `certified`: a false claim"),
}
PROFILE = {
    "std_low": number("lower end of the bin", "reward"),
    "std_high": number("upper end of the bin", "reward"),
    "count": number("prompts in it, over all seeds and steps"),
    "squares": number("Σ|g|² over them"),
    "scaled": number("Σ|g|²/σ"),
    "own": number("Σ|g|²(1/σ − 2)"),
}
TABLES = (
    Table("phases", "*.steps.parquet", "a seed and recorded step (every one to 400, then one in ten)",
          {**CONFIGURATION, **SEED, "time": integer("number of the step", "updates"),
           "phase": integer("1, 2 or 3"), **SERIES}),
    Table("phases", "*.phases.parquet", "a seed and phase that it has",
          {**CONFIGURATION, **SEED, **PHASE, **SERIES, **ENDS}),
    Table("phases", "*.profile.parquet", "a bin of σ", {**CONFIGURATION, **PROFILE}),
    Table("phases", "*.problems.parquet", "a seed",
          {**CONFIGURATION, **SEED, "realisable": flag("whether one parameter makes every right arm the likeliest")}),
)  # fmt: skip
