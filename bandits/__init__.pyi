from ._problem import Problem, from_pass_rates, locate, problem
from ._run import Run, State, Trajectory, init, record, run, run_many, simulate, step
from ._score import Score, score
from ._step import Certified, Constant, KLLimited, StepSize, constant, kl_limited
from .achievable import best_known_value
from .autoregressive import Autoregressive, sequence_problem
from .batches import batch_runs, block_size
from .bilinear import LogBilinear, bilinear_problem, log_bilinear
from .enumeration import Responses, enumerate_responses, unrolled
from .estimate import Estimate, UpdateRule, Weighted, exact_estimate
from .features import Equicorrelated, FeatureMap, Features, Kronecker, Move, from_array
from .geometry import coherent, embed, equicorrelated, equicorrelation, random_arms, simplex_arms
from .optimiser import SGD, Adam, Clipped, Momentum, Optimiser, make_optimiser
from .oracle import Exact, Expected, Oracle, Sampled
from .pass_rates import PassRates, read_pass_rates, synthetic_pass_rates, with_prior
from .policy import Group, Local, Policy, Softmax, draw_counts, interference
from .rewards import draw_labels, offsets_for_pass_rate, one_hot_rewards, realisable, rewards_with_moments
from .update import Batch, Decoupled, Pooled, Power, make_rule
from .weight import Weight

__all__ = [
    "SGD",
    "Adam",
    "Autoregressive",
    "Batch",
    "Certified",
    "Clipped",
    "Constant",
    "Decoupled",
    "Equicorrelated",
    "Estimate",
    "Exact",
    "Expected",
    "FeatureMap",
    "Features",
    "Group",
    "KLLimited",
    "Kronecker",
    "Local",
    "LogBilinear",
    "Momentum",
    "Move",
    "Optimiser",
    "Oracle",
    "PassRates",
    "Policy",
    "Pooled",
    "Power",
    "Problem",
    "Responses",
    "Run",
    "Sampled",
    "Score",
    "Softmax",
    "State",
    "StepSize",
    "Trajectory",
    "UpdateRule",
    "Weight",
    "Weighted",
    "batch_runs",
    "best_known_value",
    "bilinear_problem",
    "block_size",
    "coherent",
    "constant",
    "draw_counts",
    "draw_labels",
    "embed",
    "enumerate_responses",
    "equicorrelated",
    "equicorrelation",
    "exact_estimate",
    "from_array",
    "from_pass_rates",
    "init",
    "interference",
    "kl_limited",
    "locate",
    "log_bilinear",
    "make_optimiser",
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
