"""A simulator of softmax policies with exactly controlled feature coherence, pass rates and reward deviation."""

from bandits.features import Features, coherent, embed, equicorrelation, from_array, random_arms, simplex_arms
from bandits.oracle import Exact, Expected, Oracle, Sampled, draw_counts
from bandits.pass_rates import PassRates, read_pass_rates, synthetic_pass_rates, with_prior
from bandits.policy import Local, contract, gradient_norms, kl_divergence, locate
from bandits.problem import Problem, from_pass_rates, problem
from bandits.rewards import draw_labels, offsets_for_pass_rate, one_hot_rewards, realisable, rewards_with_moments
from bandits.run import Run, State, Trajectory, batch_runs, block_size, init, record, run, run_many, simulate, step
from bandits.step import Certified, Constant, KLLimited, StepSize, constant, kl_limited
from bandits.update import NAMES, Batch, Decoupled, Power, Rule, make_rule

__all__ = [
    "NAMES",
    "Batch",
    "Certified",
    "Constant",
    "Decoupled",
    "Exact",
    "Expected",
    "Features",
    "KLLimited",
    "Local",
    "Oracle",
    "PassRates",
    "Power",
    "Problem",
    "Rule",
    "Run",
    "Sampled",
    "State",
    "StepSize",
    "Trajectory",
    "batch_runs",
    "block_size",
    "coherent",
    "constant",
    "contract",
    "draw_counts",
    "draw_labels",
    "embed",
    "equicorrelation",
    "from_array",
    "from_pass_rates",
    "gradient_norms",
    "init",
    "kl_divergence",
    "kl_limited",
    "locate",
    "make_rule",
    "offsets_for_pass_rate",
    "one_hot_rewards",
    "problem",
    "random_arms",
    "read_pass_rates",
    "realisable",
    "record",
    "rewards_with_moments",
    "run",
    "run_many",
    "simplex_arms",
    "simulate",
    "step",
    "synthetic_pass_rates",
    "with_prior",
]
