"""A log, whoever wrote it, as one record: find the files, read their blocks, put the rows into groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from experiments.logs.block import Block
from experiments.logs.detect import find
from experiments.logs.formats import generic, ms_swift, nemo_rl, open_instruct, prime_rl, tinker, trl, verl
from experiments.logs.grouping import assemble
from experiments.logs.groups import Groups, Note
from experiments.logs.history import find_history
from experiments.logs.source import Source

BLOCKS = {
    "verl": verl.blocks,
    "nemo_rl": nemo_rl.blocks,
    "tinker": tinker.blocks,
    "ms_swift": ms_swift.blocks,
    "open_instruct": open_instruct.blocks,
    "prime_rl": prime_rl.blocks,
}


def read(source: Source) -> Groups:
    """The groups of a log.

    Raises:
        ValueError: nothing that can be read, damaged files, or groups that cannot be told; one line that says what is
            allowed.
        OSError: reading failed.
    """
    form, files = find(source.paths, source.format)
    if form == "trl":
        return _read_trl(files, source)
    if form == "generic":
        blocks: Iterator[Block] = chain.from_iterable(generic.blocks(path, _named(source)) for path in files)
    else:
        blocks = iter(BLOCKS[form](files))
    return assemble(blocks, form, size=source.group_size, cut=form == "ms_swift")


class WrongColumnError(ValueError):
    """--correct names no column of this log that says what is right: waiting does not help."""


def read_counted(source: Source, correct: str | None) -> Groups:
    """The groups of a log, whose column `correct`, where one is named, says which answers are right.

    Raises:
        WrongColumnError: it does not.
        ValueError, OSError: as `read`.
    """
    groups = read(source)
    if correct is not None:
        try:
            groups.counts(correct)
        except ValueError as error:
            raise WrongColumnError(f"--correct is {correct}: {error}") from error
    return groups


def _read_trl(files: Sequence[Path], source: Source) -> Groups:
    folders = list(dict.fromkeys(path.parent for path in files))
    histories = {folder: find_history(_run_of(folder)) for folder in folders}
    parts = [trl.blocks([path for path in files if path.parent == folder], histories[folder]) for folder in folders]
    averages: Mapping[str, np.ndarray] = histories[folders[0]].averages if len(folders) == 1 else {}
    groups = assemble(chain.from_iterable(parts), "trl", size=source.group_size, averages=averages)
    if all(history.name for history in histories.values()):
        return groups
    text = (
        "no trainer_state.json beside the files: whether an evaluation overwrote the file of its step cannot be seen, "
        "and the weights are solved without a check"
    )
    found = [Note("other", 0, text)]
    repeated = _asked_again(groups)
    if repeated:
        mixed = (
            f"steps {repeated} ask the same prompts in the same order, as evaluations do, and what the log says may be "
            "theirs: give the run's folder with its trainer_state.json or a checkpoint, or the files of training alone"
        )
        found.append(Note("mixed", 0, mixed))
    return replace(groups, notes=(*groups.notes, *found))


def _run_of(folder: Path) -> Path:
    """The run's folder, which holds the folder completions."""
    return folder.parent if folder.name == "completions" else folder


def _asked_again(groups: Groups) -> str:
    """Steps whose prompts are those of another step in the same order; "" where there are none."""
    first: dict[bytes, int] = {}
    found: list[int] = []
    for batch in np.unique(groups.batch):
        inside = groups.batch == batch
        step = int(groups.step[inside][0])
        before = first.setdefault(groups.prompt[inside].tobytes(), step)
        if before != step:
            found += [before, step]
    steps = sorted(set(found))
    return ", ".join(map(str, steps[:6])) + (" …" if len(steps) > 6 else "")


def _named(source: Source) -> generic.Named:
    def spelt(name: str | None) -> str | None:
        return None if name is None else name.strip().lower()

    return generic.Named(
        group=spelt(source.group_column),
        prompt=spelt(source.prompt_column),
        step=spelt(source.step_column),
        advantage=spelt(source.advantage_column),
        rewards=tuple(name.strip().lower() for name in source.reward_columns),
    )
