"""What `grpo-curvature reproduce` can be told: one frozen dataclass, from which the flags are made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bandits.pass_rates import ASSUMED_SAMPLES
from experiments.flags import check_integer, check_out, check_seed

if TYPE_CHECKING:
    from bandits.pass_rates import PassRates


@dataclass(frozen=True)
class Reproduce:
    """Reproduce the convergence theorem of GRPO against REINFORCE (arXiv 2601.23135) on the simulator.

    Checks every proved bound on a grid of problems and on a distribution of pass rates, fits the exponents of two
    arms, shows where GRPO loses, compares tuned rules under sampled groups, and holds what is proved of right-or-wrong
    rewards (T15 to T20) against runs. Writes rows (Parquet), summary.json, figures (PNG, SVG) and report.html.
    Exit status: 0 all bounds hold, 1 a proved bound is violated, 2 bad input. Finished parts are kept: the same command
    goes on where it was stopped.
    """

    resumes: ClassVar[bool] = True

    out: Path = Path("reproduction")
    """Folder for rows, figures and the report; made if absent."""
    pass_rates: Path | None = None
    """CSV or Parquet with columns num_correct and num_samples, or pass_rate with or without num_samples: one row a
    prompt. Default: an embedded synthetic distribution."""
    assumed_samples: int = ASSUMED_SAMPLES
    """Samples behind each rate of a file that has rates but no counts; the prior for 0 and 1 needs it."""
    seed: int = 0
    """Seed of every random draw, 0 to 2^31 - 1."""
    num_steps: int = 1000
    """Iterations T of the runs that the theorem is checked on, at every T."""
    num_seeds: int = 16
    """Seeds that the tuned comparison reports, at least 2; tuning uses 8 others."""
    fresh: bool = False
    """Compute everything again, finished parts too."""

    def __post_init__(self) -> None:
        check_out(self.out)
        check_seed(self.seed)
        check_integer("--assumed-samples", self.assumed_samples, 1, 10**9)
        check_integer("--num-steps", self.num_steps, 10, 100_000)
        check_integer("--num-seeds", self.num_seeds, 2, 1024)

    def read(self) -> PassRates:
        """The pass rates that the runs of part "pass_rates" start from.

        Raises:
            ValueError: bad pass rates.
        """
        from bandits.pass_rates import read_pass_rates, synthetic_pass_rates

        if self.pass_rates is None:
            return synthetic_pass_rates()
        return read_pass_rates(self.pass_rates, assumed_samples=self.assumed_samples)

    def identity(self) -> dict[str, Any]:
        """What decides the results: everything but where they are put."""
        config = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items() if k not in ("out", "fresh")}
        return {"command": "reproduce", **config}
