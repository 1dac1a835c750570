"""What `gsm8k …` reads and checks before anything is computed; what computes is imported only then."""

from __future__ import annotations

from experiments.command import Compute
from experiments.gsm8k.config import ProbeCheckpoint, Sft, Train, Validate
from experiments.study import Study


def prepare_sft(config: Sft) -> Compute:
    """Read and check all input.

    Raises:
        ValueError: bad data, checkpoint or folder.
    """
    from experiments.gsm8k import commands

    return commands.prepare_sft(config)


def prepare_train(config: Train) -> Compute:
    """Read and check all input.

    Raises:
        ValueError: bad data, checkpoint or folder.
    """
    from experiments.gsm8k import commands

    return commands.prepare_train(config)


def prepare_probe(config: ProbeCheckpoint) -> Compute:
    """Read and check all input.

    Raises:
        ValueError: bad data, checkpoint or folder.
    """
    from experiments.gsm8k import commands

    return commands.prepare_probe(config)


def prepare_validate(config: Validate) -> Compute:
    """Read and check all input.

    Raises:
        ValueError: bad data, or a folder that this run may not write to.
    """
    splits = config.questions.read()
    study = Study(config.out, config.identity(), seed=config.seed, inputs=splits.digest().encode())

    def compute() -> int:
        from experiments.gsm8k.validate import validate

        for row in validate(config, splits, study)["predictions"]:
            print(f"{row['verdict']:>12}  {row['name']}: {row['evidence']}")
        return 0

    return compute
