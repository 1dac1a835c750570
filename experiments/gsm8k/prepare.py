"""What `gsm8k …` reads and checks before anything is computed; what computes is imported only then."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from experiments import folder
from experiments.command import Compute
from experiments.extras import need
from experiments.gsm8k.compare.config import Compare
from experiments.gsm8k.config import ProbeCheckpoint, Sft, Train, Validate
from experiments.study import Study

if TYPE_CHECKING:
    from experiments.language.problems.rows import Splits


def _look(config: Sft | Train | ProbeCheckpoint) -> None:
    """Refuse at once what can be refused without JAX: no libraries, places that are no folders, another run's folder.

    Whether data and checkpoint are that run's is known once they are read.

    Raises:
        ValueError: one of these.
    """
    need("gsm8k")
    if config.checkpoint is not None and not config.checkpoint.is_dir():
        raise ValueError(
            f"--checkpoint is {config.checkpoint}, which is not a folder; allowed: a checkpoint's or a model's folder"
        )
    data = config.questions.data
    if data is not None and not data.is_dir():
        raise ValueError(
            f"--data is {data}, which is not a folder; allowed: a folder with train.jsonl and test.jsonl (or .parquet)"
        )
    known = config.identity()
    if config.checkpoint is not None:  # by what it holds, wherever it lies
        del known["checkpoint"]
    folder.look(config.out, known, inputs=None)


def digest_of(model: Path) -> str:
    """Sha256 of what a pretrained model's folder holds: configuration, tokenizer and weights.

    Raises:
        ValueError: no such folder, or no model in it.
    """
    if not model.is_dir():
        raise ValueError(
            f"--model is {model}, which is not a folder; allowed: a model's folder, as `gsm8k fetch smollm2` writes one"
        )
    files = sorted([*model.glob("*.json"), *model.glob("*.safetensors")])
    if not any(path.suffix == ".safetensors" for path in files):
        raise ValueError(f"--model is {model}, which holds no *.safetensors; allowed: a pretrained model's folder")
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def prepare_sft(config: Sft) -> Compute:
    """Read and check all input.

    Raises:
        ValueError: bad data, checkpoint or folder.
    """
    _look(config)
    splits = config.questions.read()

    from experiments.gsm8k import commands

    return commands.prepare_sft(config, splits)


def prepare_train(config: Train) -> Compute:
    """Read and check all input.

    Raises:
        ValueError: bad data, checkpoint or folder.
    """
    _look(config)

    from experiments.gsm8k import commands

    return commands.prepare_train(config)


def prepare_probe(config: ProbeCheckpoint) -> Compute:
    """Read and check all input.

    Raises:
        ValueError: bad data, checkpoint or folder.
    """
    _look(config)

    from experiments.gsm8k import commands

    return commands.prepare_probe(config)


def _study(config: Validate | Compare) -> tuple[Splits, Study]:
    """The problems, and the study of them and of the model's content.

    Raises:
        ValueError: bad data or model, a folder that this run may not write to, or libraries of the extra `gsm8k`
            missing.
    """
    need("gsm8k")
    folder.look(config.out, config.identity(), inputs=None)
    model = b"" if config.model is None else digest_of(config.model).encode()
    splits = config.questions.read()
    study = Study(config.out, config.identity(), seed=config.seed, inputs=splits.digest().encode() + model)
    return splits, study


def prepare_validate(config: Validate) -> Compute:
    """Read and check all input.

    Raises:
        ValueError: bad data, a folder that this run may not write to, or libraries of the extra `gsm8k` missing.
    """
    splits, study = _study(config)

    def compute() -> int:
        from experiments.gsm8k.validate import validate

        for row in validate(config, splits, study)["predictions"]:
            print(f"{row['verdict']:>12}  {row['name']}: {row['evidence']}")
        return 0

    return compute


def prepare_compare(config: Compare) -> Compute:
    """Read and check all input.

    Raises:
        ValueError: bad data or model, a folder that this run may not write to, or libraries of the extra `gsm8k`
            missing.
    """
    splits, study = _study(config)

    def compute() -> int:
        from experiments.gsm8k.compare.page import sentences
        from experiments.gsm8k.compare.study import compare

        print("\n".join(sentences(compare(config, splits, study))))
        return 0

    return compute
