"""Where jaxtyping's annotations are enforced in tests, and the checker behind them."""

from beartype import BeartypeConf, beartype

CHECKED = (
    "curvature",
    "bandits",
    "experiments.convergence",
    "experiments.gsm8k.compare.summary",
    "experiments.language",
    "experiments.logs.replay.exact",
    "experiments.logs.replay.leads",
    "experiments.phases.measure",
    "experiments.phases.recipe",
    "experiments.sweep.best_known",
    "experiments.sweep.execute",
    "experiments.sweep.fast",
    "experiments.sweep.problems",
    "experiments.sweep.rules",
)
"""Packages and modules. Not the specifications of runs, whose fields take more than what they hold in the end."""

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""Beartype, which takes an int where a float is asked for."""
