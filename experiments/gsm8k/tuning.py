"""The step of each rule, chosen on seeds that are not reported: a grid that grows where its end is best."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from experiments.gsm8k.arms import Arm
from experiments.gsm8k.tables import Tried
from experiments.parallel import each

MAX_EXTENSIONS = 3
"""Steps at most by which a grid grows."""


def tune(
    score: Callable[[float, int], float], arm: Arm, mode: str, *, step_sizes: Sequence[float], seeds: Sequence[int]
) -> tuple[float, list[Tried]]:
    """The best step of a rule over the tuning seeds, and what was tried.

    Arguments:
        score: of a run with a step size, on a seed; the larger the better.
        arm: the rule.
        mode: what the table calls the leg.
        step_sizes: the grid for REINFORCE, ascending; the arm takes these times `arm.scale`.
        seeds: none of them is reported.
    """
    tried: dict[float, float] = {}

    def attempt(sizes: Sequence[float]) -> None:
        jobs = [(size, seed) for size in sizes for seed in seeds]
        scores = each(lambda job: score(job[0] * arm.scale, job[1]), jobs)
        for size in sizes:
            tried[size] = float(np.mean([value for job, value in zip(jobs, scores, strict=True) if job[0] == size]))

    def best() -> float:
        return max(tried, key=lambda size: tried[size])

    attempt(step_sizes)
    ratio = step_sizes[1] / step_sizes[0] if len(step_sizes) > 1 else 2.0
    for _ in range(MAX_EXTENSIONS):
        if best() not in (min(tried), max(tried)):
            break
        attempt([best() * ratio if best() == max(tried) else best() / ratio])
    table = [
        Tried(mode=mode, rule=arm.name, step_size=size * arm.scale, score=value, best=float(size == best()))
        for size, value in sorted(tried.items())
    ]
    return best() * arm.scale, table
