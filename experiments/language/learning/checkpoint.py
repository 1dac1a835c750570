"""Checkpoints of a run: an ordinary model folder, plus what resuming needs; complete or absent, never half.

    OUT/step_00000040/  config.json, model.safetensors   the model, in the layout that `transformers` reads
                        vocabulary.json                  the tokenizer
                        optimizer.safetensors            the optimizer's state
                        trained.safetensors              what is trained, where that is a part of the model
                        state.json                       step, task, configuration

Written under another name and renamed once everything is on disk. Random numbers come from (seed, step) alone, so a
run that goes on from a checkpoint makes the rows that it would have made without the interruption.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from experiments.language.learning.state import State
from experiments.language.model.architecture import Architecture, Parameters
from experiments.language.model.model import Model, make_model
from experiments.language.model.part import Whole
from experiments.language.model.pretrained import load_model, save_model
from experiments.language.problems.tokens import Vocabulary, pretrained_vocabulary
from experiments.store import write_bytes

PREFIX = "step_"
TRAINED = "trained.safetensors"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A model with its vocabulary; `state` is empty for a folder that this project did not write."""

    folder: Path
    architecture: Architecture
    parameters: Parameters
    vocabulary: Vocabulary
    state: dict[str, Any]

    @property
    def model(self) -> Model:
        """What stays fixed in training."""
        return make_model(self.architecture, self.vocabulary)

    def resumed(self, fresh: State) -> State:
        """The state that was saved, with an optimizer as that of `fresh`.

        Raises:
            ValueError: as `optimizer_state`.
        """
        parameters = self.parameters
        if (self.folder / TRAINED).exists():
            parameters = self._tree(TRAINED, fresh.parameters, "the part of the parameters that this run trains")
        return State(parameters, self.optimizer_state(fresh.optimiser), self.state["step"])

    def optimizer_state(self, like: Any) -> Any:
        """The optimizer's state, shaped as `like` (what `optimizer.init` gives).

        Raises:
            ValueError: none was saved, or another optimizer's.
        """
        return self._tree("optimizer.safetensors", like, "the state of this run's optimizer")

    def _tree(self, name: str, like: Any, allowed: str) -> Any:
        """A file of numbered leaves."""
        path = self.folder / name
        leaves, structure = jax.tree.flatten(like)
        try:
            saved = load_tensors(path.read_bytes())
            found = [saved[f"{i:04d}"] for i in range(len(leaves))]
        except Exception as error:  # safetensors raises its own kinds
            raise ValueError(f"{path} cannot be read ({error}); allowed: {allowed}") from error
        if len(saved) != len(leaves) or [x.shape for x in found] != [np.shape(x) for x in leaves]:
            raise ValueError(f"{path} holds other shapes; allowed: {allowed}")
        return jax.tree.unflatten(structure, [jnp.asarray(x, y.dtype) for x, y in zip(found, leaves, strict=True)])


def folder_of(out: Path, step: int) -> Path:
    """OUT/step_N."""
    return out / f"{PREFIX}{step:08d}"


def save_checkpoint(out: Path, state: State, model: Model, vocabulary: Vocabulary, about: dict[str, Any]) -> Path:
    """Write OUT/step_N; returns it. A folder of that name is replaced.

    Arguments:
        about: what else state.json says: task, configuration.
    """
    folder = folder_of(out, state.step)
    partial = out / f".{folder.name}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        save_model(partial, model.architecture, model.part.merged(state.parameters))
        vocabulary.save(partial / "vocabulary.json")
        trees = {"optimizer.safetensors": state.optimiser}
        if not isinstance(model.part, Whole):
            trees[TRAINED] = state.parameters
        for name, tree in trees.items():
            leaves = [np.asarray(x, order="C") for x in jax.tree.leaves(tree)]
            write_bytes(partial / name, save_tensors({f"{i:04d}": x for i, x in enumerate(leaves)}))
        write_bytes(partial / "state.json", json.dumps({"step": state.step, **about}, indent=1).encode())
        old = _set_aside(folder)
        try:
            partial.replace(folder)
        except BaseException:
            if old:
                old.replace(folder)
            raise
        if old:
            shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _set_aside(folder: Path) -> Path | None:
    """Rename a checkpoint that is to go, so that a crash while its files go leaves nothing that looks whole."""
    if not folder.exists():
        return None
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    shutil.rmtree(old, ignore_errors=True)
    return folder.replace(old)


def steps_saved(out: Path) -> list[int]:
    """Steps of the complete checkpoints in a folder, ascending."""
    names = [path.parent.name for path in out.glob(f"{PREFIX}*/state.json")]
    return sorted(int(name.removeprefix(PREFIX)) for name in names if name.removeprefix(PREFIX).isdigit())


def keep_only(out: Path, steps: set[int]) -> None:
    """Remove the other checkpoints."""
    for step in steps_saved(out):
        if step not in steps:
            old = _set_aside(folder_of(out, step))
            if old:
                shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(folder: str | Path, *, mode: str | None = None) -> Checkpoint:
    """Read a checkpoint of ours, the latest of a run's folder, or a pretrained model's folder.

    Arguments:
        folder: OUT/step_N, OUT itself, or a folder with config.json, tokenizer.json and model*.safetensors.
        mode: response mode for a pretrained model's tokenizer; our checkpoints bring theirs.

    Raises:
        ValueError: no such folder, or nothing of these in it, or a damaged file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"checkpoint is {folder}, which is not a folder; allowed: a checkpoint's or a model's folder")
    saved = steps_saved(folder)
    if saved:
        folder = folder_of(folder, saved[-1])
    architecture, parameters = load_model(folder)
    if not (folder / "state.json").exists():
        if mode is None:
            raise ValueError(f"{folder} is not a checkpoint of this project; allowed with a pretrained model: a --mode")
        return Checkpoint(
            folder=folder,
            architecture=architecture,
            parameters=parameters,
            vocabulary=pretrained_vocabulary(folder, mode=mode),
            state={},
        )
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{folder / 'state.json'} is not JSON ({error}); allowed: what a run writes") from error
    if not isinstance(state, dict):
        raise ValueError(f"{folder / 'state.json'} holds a {type(state).__name__}; allowed: what a run writes")
    return Checkpoint(
        folder=folder,
        architecture=architecture,
        parameters=parameters,
        vocabulary=Vocabulary.load(folder / "vocabulary.json"),
        state=state,
    )
