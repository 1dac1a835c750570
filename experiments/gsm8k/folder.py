"""The folder of a run that learns: checkpoints and rows, which can be stopped anywhere and go on where they were.

    OUT/rows/steps_00000040.parquet     the steps from 40 on, up to the next checkpoint
    OUT/step_00000060/                  the last checkpoint (`experiments/language/learning/checkpoint.py`)

Rows are written in parts, each before the checkpoint that ends it; on resuming, parts beyond the last checkpoint are
thrown away and made again, the same to the last bit but for the clock.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from experiments import store
from experiments.gsm8k.scaling import stack
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


@dataclass
class Run:
    """A folder with checkpoints and rows of one run."""

    out: Path
    source: store.Provenance
    rows: list[Row] = field(default_factory=list)
    begun: float = field(default_factory=time.perf_counter)

    @property
    def parts(self) -> list[Path]:
        """Finished parts of the rows, in order."""
        return sorted((self.out / "rows").glob("steps_*.parquet"))

    def resume(self) -> int | None:
        """The step of the last checkpoint of this same run, or None; parts beyond it are removed.

        Raises:
            ValueError: the folder holds another run.
        """
        saved = steps_saved(self.out)
        for step in saved:
            path = folder_of(self.out, step) / "state.json"
            try:
                run_id = json.loads(path.read_text(encoding="utf-8"))["run_id"]
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"{path} cannot be read ({error!r}); allowed: what a run writes") from error
            if run_id != self.source.run_id:
                raise ValueError(
                    f"--out is {self.out}, which holds a run of another configuration, data or version; "
                    "allowed: a new folder, or the same command"
                )
        last = saved[-1] if saved else None
        for path in self.parts:
            if last is None or int(path.stem.removeprefix("steps_")) >= last:
                path.unlink()
        return last

    def restore(self, fresh: State) -> State:
        """The last checkpoint's state of this run, or a fresh one.

        Raises:
            ValueError: the folder holds another run, or a damaged one.
        """
        last = self.resume()
        return fresh if last is None else load_checkpoint(folder_of(self.out, last)).resumed(fresh)

    def save(self, state: State, begin: int, model: Model, vocabulary: Vocabulary, about: dict[str, Any]) -> None:
        """Write the rows since `begin`, then the checkpoint, then drop the older ones."""
        if self.rows:
            folder = store.writable_folder(self.out / "rows")
            elapsed = time.perf_counter() - self.begun
            store.write_rows(folder / f"steps_{begin:08d}.parquet", stack(self.rows), self.source, elapsed)
        self.rows, self.begun = [], time.perf_counter()
        save_checkpoint(self.out, state, model, vocabulary, {"run_id": self.source.run_id, **about})
        keep_only(self.out, {state.step})


def follow(
    run: Run,
    state: State,
    step: Step,
    *,
    model: Model,
    task: Task,
    measure: Measure,
    num_steps: int,
    pause_every: int,
    target: float | None,
    about: dict[str, Any],
    bar_name: str,
) -> Row:
    """Steps, looks and checkpoints until the target or the last step; what the last look saw.

    Arguments:
        step: of the learner.
        pause_every: steps between looks, which are also the checkpoints.
        target: stop at this mean pass rate of the training prompts.
        about: for state.json.

    Raises:
        FloatingPointError: the run is lost; nothing of it is saved.
    """
    run.out.mkdir(parents=True, exist_ok=True)
    begin, fresh, seen = state.step, not steps_saved(run.out), {}
    safe = refusing(step)
    with tqdm(total=num_steps, initial=begin, desc=bar_name, unit="step") as bar:

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
                run.rows += [*rows, {"step": float(now.step), **seen}]
                run.save(now, begin, model, task.vocabulary, about | {"finished": finished, "look": seen})
                begin, fresh = now.step, False
            if finished:
                break
    return seen
