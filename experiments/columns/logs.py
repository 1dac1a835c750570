"""Columns of the report on a rollout log: one row a counted group."""

from __future__ import annotations

from experiments.columns.table import Table, flag, integer, maybe, number

LOGGED = "logged"
RULES = ("none", "group", "batch", "pooled", "power(2)", "maxrl", "focal(1)", "pass(4)", "leave_one_out", LOGGED)
"""Those of `experiments.logs.report.measure`, and the log's own column."""
GROUPS = {
    "group": integer("its number in the log"),
    "step": integer("of the trainer; −1 where the log has none"),
    "batch": integer("which batch of the log, as the trainer normalised it"),
    "prompt_hash": integer("of the prompt's text; 0 where the log has none"),
    "group_size": integer("G", "answers"),
    "mean_reward": number("of the group", "reward"),
    "deviation": number("of the group's rewards, population", "reward"),
    "live": flag("whether its rewards differ: only such groups move the policy"),
    "num_correct": maybe(integer("right answers; not where rewards have more than two values", "answers")),
}
LENGTHS = {
    f"length_{rule}": maybe(number(
        "c: how far the log's own advantages move the policy; where the log has them" if rule == LOGGED
        else f"c: how far the group moves the policy under `{rule}`", "Σ|A|/2G"))
    for rule in RULES
}  # fmt: skip
TABLES = (Table("logs report", "groups.parquet", "a counted group", GROUPS | LENGTHS),)
