"""A training run in its folder: it can be stopped anywhere and goes on where it was.

    OUT/rows/steps_00000040.parquet     the steps from 40 on, up to the next checkpoint
    OUT/step_00000060/                  the last checkpoint (`experiments/language/learning/checkpoint.py`)

Rows are written in parts, each before the checkpoint that ends it, so that a killed run has at most one part beyond
its last checkpoint, which begins at it. On resuming that part is thrown away and made again, the same to the last bit
but for the clock. Anything else was moved by somebody and is refused: nothing is thrown away that would not be made
again.
Independent checks: tests/experiments/gsm8k/test_training.py, and runs that are killed in test_commands.py.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from experiments import store
from experiments.language.learning.checkpoint import (
    folder_of,
    keep_only,
    load_checkpoint,
    save_checkpoint,
    steps_saved,
)
from experiments.language.learning.loop import every, learn, refusing
from experiments.language.learning.lost import refuse_lost
from experiments.language.learning.pass_rates import Measure
from experiments.language.learning.state import Row, State, Step
from experiments.language.model.model import Model
from experiments.language.problems.task import Task
from experiments.language.problems.tokens import Vocabulary
from experiments.rows import stack
from experiments.study import Study


@dataclass
class Training:
    """The checkpoints and rows of a study, which is entered."""

    study: Study
    rows: list[Row] = field(default_factory=list)
    """Not written yet."""
    begun: float = field(default_factory=time.perf_counter)

    @property
    def parts(self) -> list[Path]:
        """Finished parts of the rows, in order."""
        return sorted(self.study.rows.glob("steps_*.parquet"))

    def resume(self) -> int | None:
        """The step of the last checkpoint, or None; parts of the rows beyond it are removed.

        Raises:
            ValueError: a checkpoint or a part of the rows that is damaged, missing, or another run's.
        """
        out = self.study.out
        saved = steps_saved(out)
        for step in saved:
            path = folder_of(out, step) / "state.json"
            try:
                run_id = json.loads(path.read_text(encoding="utf-8"))["run_id"]
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"{path} cannot be read ({error!r}); allowed: what a run writes") from error
            if run_id != self.study.source.run_id:
                raise ValueError(f"{path} is another run's; allowed: the checkpoints that this run wrote")
        last = saved[-1] if saved else None
        for path in self._beyond(last):
            path.unlink()
        return last

    def _beyond(self, last: int | None) -> list[Path]:
        """The part that begins at the checkpoint of step `last` or, before the first, holds the look at the start only.

        Raises:
            ValueError: a part that is damaged or another run's; parts or a checkpoint that somebody moved away.
        """
        out, parts = self.study.out, self.parts
        begins = [int(path.stem.removeprefix("steps_")) for path in parts]
        ends = [self._end(path) for path in parts]
        reached = [0, *ends]
        beyond = [path for path, begin in zip(parts, begins, strict=True) if begin >= (last or 0)]
        gaps = [(end, begin) for end, begin in zip(reached, begins, strict=False) if end != begin]
        if last and last not in ends:
            gaps.append((reached[-1], last))
        if gaps:
            raise ValueError(
                f"--out is {out}, where no rows lead from step {gaps[0][0]} to step {gaps[0][1]}; allowed: all parts "
                "of the rows put back, or another --out"
            )
        if len(beyond) > 1 or (last is None and reached[-1] > 0):  # the look at the start is the only row before step_0
            there = "no checkpoint" if last is None else f"no checkpoint after {folder_of(out, last).name}"
            raise ValueError(
                f"--out is {out}, which holds rows up to step {reached[-1]} and {there}; allowed: the checkpoint that "
                "was moved away put back, or another --out"
            )
        return beyond

    def _end(self, path: Path) -> int:
        """The step of the look that ends a part, and of the checkpoint written after it.

        Raises:
            ValueError: damaged, or another run's.
        """
        if not store.is_finished(path, self.study.source):
            raise ValueError(f"{path} is damaged or another run's; allowed: the rows that this run wrote")
        return int(store.read_rows(path)["step"][-1])

    def restore(self, fresh: State) -> State:
        """The last checkpoint's state, or a fresh one.

        Raises:
            ValueError: as `resume`.
        """
        last = self.resume()
        return fresh if last is None else load_checkpoint(folder_of(self.study.out, last)).resumed(fresh)

    def save(self, state: State, begin: int, model: Model, vocabulary: Vocabulary, about: dict[str, Any]) -> None:
        """Write the rows since `begin`, then the checkpoint, then drop the older ones."""
        study = self.study
        if self.rows:
            study.rows.mkdir(exist_ok=True)
            elapsed = time.perf_counter() - self.begun
            path = study.rows / f"steps_{begin:08d}.parquet"
            store.write_rows(path, study.declared(path, stack(self.rows)), study.source, elapsed)
        self.rows, self.begun = [], time.perf_counter()
        save_checkpoint(study.out, state, model, vocabulary, {"run_id": study.source.run_id, **about})
        keep_only(study.out, {state.step})

    def follow(
        self,
        state: State,
        step: Step,
        *,
        model: Model,
        task: Task,
        measure: Measure,
        num_steps: int,
        pause_every: int,
        target: float | None = None,
        about: dict[str, Any],
        name: str,
    ) -> Row:
        """Steps, looks and checkpoints until the target or the last step; what the last look saw.

        Arguments:
            state: to begin with, as `restore` gives it.
            step: of the learner.
            pause_every: steps between looks, which are also the checkpoints.
            target: stop at this mean pass rate of the training prompts.
            about: for state.json.
            name: of the progress bar.

        Raises:
            FloatingPointError: the run is lost; nothing of it is saved.
        """
        begin, fresh, seen, safe = state.step, not steps_saved(self.study.out), {}, refusing(step)
        with tqdm(total=num_steps, initial=begin, desc=name, unit="step") as bar:

            def counted(state: State) -> tuple[State, Row]:
                found = safe(state)
                bar.update()
                return found

            for now, rows in learn(state, counted, num_steps=num_steps, pause=every(pause_every)):
                seen = {
                    name: float(measure(now.parameters, task, test=name == "test", seed=now.step).mean())
                    for name in ("train", "test")
                }
                bar.set_postfix({k: f"{v:.3f}" for k, v in seen.items()})
                refuse_lost(f"the pass rate at step {now.step}", list(seen.values()))
                finished = now.step >= num_steps or (target is not None and seen["train"] >= target)
                if fresh or now.step > begin:  # else this look is the last one of the run that was stopped
                    self.rows += [*rows, {"step": float(now.step), **seen}]
                    self.save(now, begin, model, task.vocabulary, about | {"finished": finished, "look": seen})
                    begin, fresh = now.step, False
                if finished:
                    break
        return seen
