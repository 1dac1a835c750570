"""`gsm8k sft`, `gsm8k train` and `gsm8k probe`: loops that can be stopped anywhere and go on where they were.

Rows are written in parts, each before the checkpoint that ends it; on resuming, parts beyond the last checkpoint are
thrown away and made again, the same to the last bit but for the clock.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from experiments import store
from experiments.gsm8k.config import ProbeCheckpoint, Sft, Train, plain
from experiments.gsm8k.scaling import stack
from experiments.language.learning.checkpoint import (
    PREFIX,
    Checkpoint,
    keep_only,
    load_checkpoint,
    make_model,
    save_checkpoint,
    steps_saved,
)
from experiments.language.learning.learners import (
    Groups,
    GroupSettings,
    Likelihood,
    Measure,
    Population,
    Row,
    State,
    start,
)
from experiments.language.learning.objective import Model, make_rule
from experiments.language.learning.optimiser import make_schedule, make_transform
from experiments.language.model.transformer import initial_parameters, num_parameters
from experiments.language.probes.exact import Effort, Prober
from experiments.language.probes.sampled import SampledProber
from experiments.language.problems.task import Questions, Task, make_task


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
            path = self.out / f"{PREFIX}{step:08d}" / "state.json"
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

    def save(self, state: State, begin: int, model: Model, vocabulary: Any, extra: dict[str, Any]) -> None:
        """Write the rows since `begin`, then the checkpoint, then drop the older ones."""
        if self.rows:
            folder = store.writable_folder(self.out / "rows")
            elapsed = time.perf_counter() - self.begun
            store.write_rows(folder / f"steps_{begin:08d}.parquet", stack(self.rows), self.source, elapsed)
        self.rows, self.begun = [], time.perf_counter()
        description = {"run_id": self.source.run_id, **extra}
        save_checkpoint(self.out, state.step, model, state.parameters, vocabulary, state.optimiser, description)
        keep_only(self.out, {state.step})


def _print_notes(task: Task) -> None:
    for note in task.notes:
        tqdm.write(f"  {note}")


def _loop(
    run: Run,
    state: State,
    model: Model,
    task: Task,
    *,
    num_steps: int,
    every: int,
    step: Callable[[State], tuple[State, Row]],
    measure: Measure,
    done: Callable[[Row], bool],
    extra: dict[str, Any],
    bar_name: str,
) -> dict[str, float]:
    """Steps, looks and checkpoints until done; the last look."""
    run.out.mkdir(parents=True, exist_ok=True)
    begin, fresh = state.step, not steps_saved(run.out)
    with tqdm(total=num_steps, initial=state.step, desc=bar_name, unit="step") as bar:
        while True:
            seen = {
                name: float(measure(state.parameters, task, test=name == "test", seed=state.step).mean())
                for name in ("train", "test")
            }
            bar.set_postfix({k: f"{v:.3f}" for k, v in seen.items()})
            if not np.isfinite(list(seen.values())).all():
                raise FloatingPointError(
                    f"the pass rate at step {state.step} is not finite; try a smaller --step-size or --max-norm"
                )
            finished = done(seen) or state.step >= num_steps
            if fresh or state.step > begin:  # else this look is the last one of the run that was stopped
                run.rows.append({"step": float(state.step), **seen})
                run.save(state, begin, model, task.vocabulary, extra | {"finished": finished, "look": seen})
                begin, fresh = state.step, False
            if finished:
                return seen
            for _ in range(min(every, num_steps - state.step)):
                before = state.step
                state, row = step(state)
                if not np.isfinite(row["update_norm"]):
                    raise FloatingPointError(
                        f"the update of step {before} is not finite; try a smaller --step-size or --max-norm"
                    )
                run.rows.append({"step": float(before), **row})
                bar.update()


def prepare_sft(config: Sft) -> Callable[[], None]:
    """Read and check everything; what is returned computes.

    Raises:
        ValueError: bad data, checkpoint or folder.
    """
    splits = config.questions.read()
    base = load_checkpoint(config.checkpoint, mode=config.questions.mode) if config.checkpoint else None
    task = make_task(config.questions, splits, seed=config.seed, vocabulary=base.vocabulary if base else None)
    if base:
        architecture, parameters = base.architecture, base.parameters
    else:
        architecture = config.sizes.architecture(task.vocabulary.size)
        parameters = initial_parameters(architecture, key=jax.random.key(config.seed))
    out = store.writable_folder(config.out)
    identity = config.identity() | ({"checkpoint": _content(base)} if base else {})
    run = Run(out, store.provenance(identity, config.seed, task.digest.encode()))
    model = make_model(architecture, task.vocabulary)
    transform = make_transform("adamw", max_norm=1.0)
    state = _restore(run, start(parameters, transform))

    def compute() -> None:
        _print_notes(task)
        tqdm.write(f"  {num_parameters(parameters):,} parameters")
        learner, measure = Likelihood(model, transform), Measure(model, task.longest, num_samples=config.num_samples)
        schedule = make_schedule(config.schedule, config.step_size, config.max_steps, warmup=config.warmup)
        last = _loop(
            run,
            state,
            model,
            task,
            num_steps=config.max_steps,
            every=config.check_every,
            step=lambda s: learner.step(
                s, task.train, schedule(s.step), batch_size=config.batch_size, seed=config.seed
            ),
            measure=measure,
            done=lambda seen: seen["train"] >= config.target,
            extra={
                "mode": task.mode,
                "task": task.digest,
                "questions": plain(asdict(config.questions)),
                "seed": config.seed,
            },
            bar_name="sft",
        )
        reached = "reached" if last["train"] >= config.target else "NOT reached"
        print(
            f"mean pass rate {last['train']:.3f} on training prompts (target {config.target:g} {reached}), "
            f"{last['test']:.3f} on test prompts; checkpoint in {config.out}"
        )

    return compute


def _restore(run: Run, fresh: State) -> State:
    """The last checkpoint's state of this run, or a fresh one."""
    last = run.resume()
    if last is None:
        return fresh
    found = load_checkpoint(run.out / f"{PREFIX}{last:08d}")
    return State(found.parameters, found.optimizer_state(fresh.optimiser), last)


def task_of(found: Checkpoint, questions: Questions, *, seed: int) -> Task:
    """The task of a checkpoint; for one of ours, the very prompts that it was trained on.

    Its own questions are read again, from `questions.data` where that is given; the other flags are for pretrained
    models.

    Raises:
        ValueError: other problems than the checkpoint's.
    """
    if "questions" in found.state:  # the checkpoint's own, from where they are now
        moved = {name: value for name in ("data", "download") if (value := getattr(questions, name))}
        stored = {**found.state["questions"], **moved}
        questions = Questions(**{**stored, "data": Path(stored["data"]) if stored["data"] else None})
    splits = questions.read()
    chosen = found.state.get("seed", seed)
    task = make_task(questions, splits, seed=chosen, vocabulary=found.vocabulary)
    if "task" in found.state and found.state["task"] != task.digest:
        asked = found.state.get("questions", {}).get("data") or "the embedded generator"
        raise ValueError(f"--data is not what {found.folder} was trained on; allowed: the same rows (it read {asked})")
    return task


def prepare_train(config: Train) -> Callable[[], None]:
    """Read and check everything; what is returned computes.

    Raises:
        ValueError: bad data, checkpoint or folder; population steps in another mode than `answer`.
    """
    found = load_checkpoint(config.checkpoint, mode=config.questions.mode)
    if config.exact and found.vocabulary.mode != "answer":
        raise ValueError(f"--exact is set and the mode is {found.vocabulary.mode!r}; allowed: mode 'answer'")
    task = task_of(found, config.questions, seed=config.seed)
    identity = config.identity() | {"checkpoint": _content(found)}
    out = store.writable_folder(config.out)
    run = Run(out, store.provenance(identity, config.seed, task.digest.encode()))
    model, transform = found.model, make_transform(config.optimiser, max_norm=config.max_norm)
    state = _restore(run, start(found.parameters, transform))

    def compute() -> None:
        _print_notes(task)
        measure = Measure(model, task.longest, num_samples=config.num_samples)
        schedule = make_schedule(config.schedule, config.step_size, config.num_steps, warmup=config.warmup)
        if config.exact:
            population, rule = Population(model, transform), make_rule(config.rule, config.alpha)

            def step(s: State) -> tuple[State, Row]:
                return population.step(s, task.train, schedule(s.step), rule)
        else:
            settings = GroupSettings(
                config.prompts_per_step, config.group_size, config.clip, config.kl, config.num_updates
            )
            groups = Groups(model, transform, settings, longest=task.longest, reference=found.parameters)

            def step(s: State) -> tuple[State, Row]:
                return groups.step(s, task, schedule(s.step), config.advantages(), seed=config.seed)

        last = _loop(
            run,
            state,
            model,
            task,
            num_steps=config.num_steps,
            every=config.save_every,
            step=step,
            measure=measure,
            done=lambda seen: False,
            extra={
                "mode": task.mode,
                "task": task.digest,
                "questions": found.state.get("questions", plain(asdict(config.questions))),
                "seed": found.state.get("seed", config.seed),
            },
            bar_name=f"train {config.estimator or config.rule}",
        )
        print(
            f"mean pass rate {last['train']:.3f} on training prompts, {last['test']:.3f} on test prompts; "
            f"checkpoint in {config.out}"
        )

    return compute


def _content(found: Checkpoint) -> str:
    """What a checkpoint holds, for run ids."""
    digest = hashlib.sha256(found.vocabulary.digest.encode())
    for leaf in jax.tree.leaves(found.parameters):
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()


def prepare_probe(config: ProbeCheckpoint) -> Callable[[], None]:
    """Read and check everything; what is returned computes.

    Raises:
        ValueError: bad data, checkpoint or folder.
    """
    found = load_checkpoint(config.checkpoint, mode=config.questions.mode)
    task = task_of(found, config.questions, seed=config.seed)
    out = store.writable_folder(config.out)
    identity = config.identity() | {"checkpoint": _content(found)}
    source = store.provenance(identity, config.seed, task.digest.encode())
    exact = task.mode == "answer" and not config.sampled
    parameters = found.parameters
    if config.float64:
        parameters = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), parameters)

    def compute() -> None:
        _print_notes(task)
        begun = time.perf_counter()
        if exact:
            effort = Effort(num_spectra=config.num_spectra, num_wrong=config.num_wrong)
            prober = Prober(found.model, effort, longest=task.longest, seed=config.seed)
            probe = prober(parameters, task.train, step_size=config.step_size)
            prompts, state = probe.prompts, probe.state
        else:
            sampled = SampledProber(found.model, longest=task.longest, half=config.half_samples)
            prompts, state = sampled(parameters, task, seed=config.seed)
        elapsed = time.perf_counter() - begun
        store.write_rows(out / "prompts.parquet", prompts, source, elapsed)
        store.write_rows(out / "state.parquet", stack([state]), source, elapsed)
        summary = plain({"exact": exact, **state, "wall_time_s": elapsed})
        text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
        store.write_bytes(out / "summary.json", text.encode())
        print(describe(state, exact=exact))
        print(f"{elapsed:.0f} s; rows in {out}")

    return compute


def describe(state: dict[str, float], *, exact: bool) -> str:
    """What a probe found, a line a quantity; what is inside its noise is said to be."""
    lines = [
        f"pass rate {state['pass_rate']:.3f}, σ {state['std']:.3f}, "
        f"{state['num_alive']:.0f} prompts whose reward varies"
    ]
    if exact:
        lines += [
            f"χ {state['cross_ratio']:.3f} (1 orthogonal, above 1 prompts help), O {state['orthogonality']:.3f}, "
            f"R {state['relative_gain']:.3f}, mean cosine {state['cosine_mean']:.3f}",
            f"|κ|/σ: median {state['curvature_per_std_median']:.3g}, largest {state['curvature_per_std_max']:.3g} "
            f"at p = {state['curvature_argmax_p']:.3f}",
            f"one step of GRPO less one of REINFORCE (twice as long): own terms {state['surplus_own']:.3g}, "
            f"first order {state['surplus_first']:.3g}, second order {state['surplus_second']:.3g}, "
            f"realised {state['surplus_real']:.3g}",
        ]
        return "\n".join(lines)
    for name, label in (("cross_ratio", "χ"), ("orthogonality", "O")):
        if state[f"{name}_resolved"]:
            lines.append(f"{label} {state[name]:.3f} ± {state[f'{name}_error']:.3f}")
        else:
            lines.append(f"{label} not resolved: |g|² is inside its noise; more samples are needed")
    share = state["curvature_resolved"]
    lines.append(
        f"cosine between halves {state['half_cosine']:.3f}; curvature resolved for {share:.0%} of prompts"
        + ("" if share > 0.5 else " (no relation with σ may be read from it)")
    )
    return "\n".join(lines)
