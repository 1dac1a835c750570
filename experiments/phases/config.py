"""What `grpo-curvature phases` can be told: one frozen dataclass, from which the flags are made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from experiments.flags import check_integer, check_out, check_seed

QUICK_STEPS, QUICK_SEEDS = 600, 4


@dataclass(frozen=True)
class Phases:
    """Follow GRPO through its three phases on the simulator (docs/theory.md, Phases).

    Runs one recipe with interfering prompts on fresh seeds, three controls and five other configurations, and compares
    one GRPO step with one REINFORCE step from the same state all along: predicted, certified (T3) and realised. Writes
    rows (Parquet), summary.json, figures (PNG, SVG) and report.html. Exit status: 0 T3 holds, 1 it is violated, 2 bad
    input. Finished parts are kept: the same command goes on where it was stopped.
    """

    resumes: ClassVar[bool] = True

    out: Path = Path("phases")
    """Folder for rows, figures and the report; made if absent."""
    seed: int = 0
    """Seed of every random draw, 0 to 2^31 - 1."""
    num_steps: int = 4000
    """Updates T of every run."""
    num_seeds: int = 16
    """Seeds of the recipe, at least 4 and even; controls and other configurations get half as many."""
    quick: bool = False
    """A short look: at most 600 updates and 4 seeds. Phase III is then cut short, and so are its means."""
    fresh: bool = False
    """Compute everything again, finished parts too."""

    def __post_init__(self) -> None:
        check_out(self.out)
        check_seed(self.seed)
        check_integer("--num-steps", self.num_steps, 10, 100_000)
        check_integer("--num-seeds", self.num_seeds, 4, 1024)
        if self.num_seeds % 2:
            raise ValueError(f"--num-seeds is {self.num_seeds}; allowed: even numbers")

    @property
    def steps(self) -> int:
        """T, after `quick`."""
        return min(self.num_steps, QUICK_STEPS) if self.quick else self.num_steps

    @property
    def seeds(self) -> int:
        """Seeds of the recipe, after `quick`."""
        return min(self.num_seeds, QUICK_SEEDS) if self.quick else self.num_seeds

    def identity(self) -> dict[str, Any]:
        """What decides the results: everything but where they are put."""
        config = {k: v for k, v in asdict(self).items() if k not in ("out", "fresh", "quick")}
        return {"command": "phases", **config, "num_steps": self.steps, "num_seeds": self.seeds}
