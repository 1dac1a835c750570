"""What trainers' advantage estimators are set to, by name, as plain values. Needs no JAX.

`curvature.PRESETS` makes an `Estimator` of each entry; docs/trainers.md tells the same for readers, and
tests/curvature/test_trainers.py holds page, settings and presets to agree. Where each was read:

- paper, reinforce, batch: the rules `group`, `none` and `batch` of docs/theory.md on groups of G; arXiv 2601.23135.
- trl: huggingface/trl 1.10 and 1.16, trl/trainer/grpo_trainer.py, `scale_rewards="group"`, the default, with dr_grpo's
  loss as well. trl_batch: `"batch"`, whose deviation is that of all rewards while the mean stays the group's. trl_none:
  `"none"`.
- verl: verl-project/verl 0.10.0.dev, verl/trainer/ppo/core_algos.py, `compute_grpo_outcome_advantage`. skyrl:
  NovaSky-AI/SkyRL, ppo_utils.py, the same name. Both give a lone response A = r/(1 + ε); it is refused here.
- tunix: google/tunix, tunix/rl/algo_core.py, `compute_advantages` (earlier versions: ε = 1e-4).
- openrlhf: OpenRLHF/OpenRLHF, experience_maker.py, `advantage_estimator="group_norm"`.
- dr_grpo: arXiv 2503.20783, and sail-sg/understand-r1-zero, train_zero_math.py, `critic_type="drgrpo"`: paper and code
  agree, r − r̄. dr_grpo_baseline: the same file's `critic_type="grpo"`, the GRPO that it is compared with.
- nemo_rl: NVIDIA-NeMo/RL 0.6, nemo_rl/algorithms/utils.py and advantage_estimator.py. At G = 2 the other response has
  no deviation, so A = r_i − r_j. There the deviation comes from sums of squares in float32, whose rounding can pass for
  a deviation and blow an advantage up; here equal rewards have deviation 0 exactly.
- rloo: arXiv 2402.14740; trl/trainer/rloo_trainer.py and verl's `compute_rloo_outcome_advantage`: r less the mean of
  the other G − 1, which is G/(G − 1) times r − r̄.
- maxrl: arXiv 2602.02710 and its authors' code: (r − r̄)/(r̄ + 1e-6). prime-rl 0.8, algo/max_rl.py, has no ε.
- ms_swift: modelscope/ms-swift 4.6, swift/rl_core/advantage.py, `scale_rewards="group"`, the default: TRL's numbers.
- open_instruct: allenai/open-instruct (August 2026), data_loader.py, `advantage_normalization_type="standard"`, in
  NumPy, hence ddof 0. Its default is "centered", which is `reinforce`.
- slime: THUDM/slime 0.3.1, slime/ray/rollout.py, `_post_process_rewards`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

SETTINGS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "paper": {},
        "reinforce": {"scale": "none"},
        "batch": {"scale": "batch"},
        "trl": {"ddof": 1, "epsilon": 1e-4},
        "trl_batch": {"scale": "pooled", "ddof": 1, "epsilon": 1e-4},
        "trl_none": {"scale": "none", "ddof": 1, "epsilon": 1e-4},
        "verl": {"ddof": 1, "epsilon": 1e-6},
        "skyrl": {"ddof": 1, "epsilon": 1e-6},
        "tunix": {"ddof": 1, "epsilon": 1e-6},
        "openrlhf": {"ddof": 1, "epsilon": 1e-9},
        "dr_grpo": {"scale": "none"},
        "dr_grpo_baseline": {"ddof": 1, "epsilon": 1e-8},
        "nemo_rl": {
            "ddof": 1,
            "epsilon": 1e-6,
            "baseline": "leave_one_out",
            "std": "leave_one_out",
            "zero_std": "unscaled",
        },
        "rloo": {"scale": "none", "baseline": "leave_one_out"},
        "maxrl": {"epsilon": 1e-6, "std": "mean"},
        "ms_swift": {"ddof": 1, "epsilon": 1e-4},
        "open_instruct": {"epsilon": 1e-8},
        "slime": {"ddof": 1, "epsilon": 1e-6},
    }
)
"""{name: the settings of `curvature.Estimator` that differ from its defaults}."""
GDPO = ("gdpo", 1, 1e-4)
"""arXiv 2601.05242 as TRL does it (`multi_objective_aggregation="normalize_then_sum"`); verl has ε = 1e-6 and ms-swift
(`scale_rewards="gdpo"`) 1e-8. It takes several reward functions, so it is no `Estimator`; see `curvature.estimates`."""


def known_estimators() -> dict[str, tuple[str, int | None, float | None]]:
    """{name: (rule, ddof, ε)} of every preset and of GDPO, in the words of `curvature.estimates`.

    >>> known_estimators()["trl_batch"]
    ('pooled', 1, 0.0001)
    """
    return {name: _in_words(made) for name, made in SETTINGS.items()} | {"gdpo": GDPO}


def _in_words(made: Mapping[str, Any]) -> tuple[str, int | None, float | None]:
    scale, ddof, epsilon = made.get("scale", "group"), made.get("ddof", 0), made.get("epsilon", 0.0)
    if scale == "none":
        return ("rloo" if made.get("baseline") == "leave_one_out" else "none"), None, None
    if made.get("std") == "mean":
        return "maxrl", None, epsilon
    return ("leave_one_out" if made.get("std") == "leave_one_out" else scale), ddof, epsilon
