"""A simulator of softmax policies with exactly controlled feature coherence, pass rates and reward deviation."""

from bandits.achievable import best_known_value
from bandits.autoregressive import Autoregressive, sequence_problem
from bandits.bilinear import LogBilinear, bilinear_problem, log_bilinear
from bandits.enumeration import Responses, enumerate_responses, unrolled
from bandits.features import (
    Equicorrelated,
    FeatureMap,
    Features,
    Kronecker,
    Move,
    coherent,
    embed,
    equicorrelated,
    equicorrelation,
    from_array,
    random_arms,
    simplex_arms,
)
from bandits.oracle import Exact, Expected, Oracle, Sampled
from bandits.pass_rates import PassRates, read_pass_rates, synthetic_pass_rates, with_prior
from bandits.policy import Local, Policy, Softmax, contract, draw_counts, gradient_norms, kl_divergence
from bandits.problem import Problem, from_pass_rates, locate, problem
from bandits.rewards import draw_labels, offsets_for_pass_rate, one_hot_rewards, realisable, rewards_with_moments
from bandits.run import Run, State, Trajectory, batch_runs, block_size, init, record, run, run_many, simulate, step
from bandits.score import Score, score
from bandits.step import Certified, Constant, KLLimited, StepSize, constant, kl_limited
from bandits.update import NAMES, Batch, Decoupled, Power, Rule, make_rule

__all__ = [
    "NAMES",
    "Autoregressive",
    "Batch",
    "Certified",
    "Constant",
    "Decoupled",
    "Equicorrelated",
    "Exact",
    "Expected",
    "FeatureMap",
    "Features",
    "KLLimited",
    "Kronecker",
    "Local",
    "LogBilinear",
    "Move",
    "Oracle",
    "PassRates",
    "Policy",
    "Power",
    "Problem",
    "Responses",
    "Rule",
    "Run",
    "Sampled",
    "Score",
    "Softmax",
    "State",
    "StepSize",
    "Trajectory",
    "batch_runs",
    "best_known_value",
    "bilinear_problem",
    "block_size",
    "coherent",
    "constant",
    "contract",
    "draw_counts",
    "draw_labels",
    "embed",
    "enumerate_responses",
    "equicorrelated",
    "equicorrelation",
    "from_array",
    "from_pass_rates",
    "gradient_norms",
    "init",
    "kl_divergence",
    "kl_limited",
    "locate",
    "log_bilinear",
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
    "score",
    "sequence_problem",
    "simplex_arms",
    "simulate",
    "step",
    "synthetic_pass_rates",
    "unrolled",
    "with_prior",
]
