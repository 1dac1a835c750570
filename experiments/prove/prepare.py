"""What `prove` reads and checks before anything is computed; what computes is imported only then."""

from __future__ import annotations

from experiments.command import Compute
from experiments.extras import need
from experiments.prove.config import Prove
from experiments.study import Study


def prepare(config: Prove) -> Compute:
    """Read and check all input.

    Raises:
        ValueError: statements none of which a chosen method checks, a folder that may not be written to, or libraries
            of the extra `prove` that are not installed.
    """
    need("prove")
    study = None
    if config.out is not None:  # nothing of an earlier start is used: what was proved is proved anew
        study = Study(config.out, config.identity(), seed=0, fresh=True)

    def compute() -> int:
        from experiments.prove.run import prove

        return prove(config, study)

    return compute
