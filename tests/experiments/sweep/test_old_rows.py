"""Rows that older code (commit dffa832, before the engine was made faster) gave: the present code's, to rounding.

The file was written once with that code. It is not to be written anew where a change means to keep the numbers.
"""

import numpy as np
import pytest

from experiments.sweep.execute import compute_chunk
from experiments.sweep.grid import Grid
from experiments.sweep.spec import Spec, chunks
from tests import golden

SIZES = {"num_prompts": 5, "num_arms": 3, "coherence": (0.0, 0.6), "pass_rate": 0.2}
GRIDS = {
    "sampled": Grid(**SIZES, group_size=4, rule=("none", "group", "batch", "power(2)", "decoupled")),
    "exact": Grid(**SIZES, group_size="exact", rule=("group", "decoupled"), dimension=8),
    "certified": Grid(**SIZES, group_size="exact", rule=("none", "group"), design="certified"),
    "constant": Grid(**SIZES, rule="group", design="constant", conflict=0.5),
}
NAMES = (
    "area", "final", "lowest", "hitting_time_50", "hitting_time_75", "average_std", "cross_ratio_start", "largest_kl",
    "limited_share",
)  # fmt: skip


def rows(grid: Grid) -> list[dict[str, float | str]]:
    """A dictionary a row: of tuning the setting and the area, of what is reported all numbers."""
    spec = Spec(num_steps=15, num_curve=3, tuning_seeds=2, seeds=2, steps=(0.5, 4.0), kl_limit=0.02, grid=grid)
    found = []
    for chunk in chunks(spec):
        columns = compute_chunk(spec, chunk, 2**28)
        for i, stage in enumerate(columns["stage"]):
            names = NAMES if stage == "report" else ("area",)
            row = {name: float(columns[name][i]) for name in names}
            row |= {f"curve_{j}": float(J) for j, J in enumerate(columns["curve"][i])}
            if np.isfinite(columns["step_size"][i]):
                row["step_size"] = float(columns["step_size"][i])
            found.append({"rule": str(columns["rule"][i]), "stage": str(stage)} | row)
    return found


@pytest.mark.parametrize("name", GRIDS)
def test_rows_are_those_of_older_code(name: str) -> None:
    golden.check(f"rows_{name}", rows(GRIDS[name]), rel=1e-9)  # rounding, through fifteen updates
