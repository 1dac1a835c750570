"""`gsm8k sft`, `gsm8k train` and `gsm8k probe`: each reads and checks everything first; what is returned computes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm import tqdm

from curvature import PRESETS as ESTIMATORS
from curvature import Estimator
from experiments import store
from experiments.command import Compute
from experiments.gsm8k.config import ProbeCheckpoint, Sft, Train
from experiments.gsm8k.describe import describe
from experiments.gsm8k.training import Training
from experiments.language.learning.checkpoint import Checkpoint, load_checkpoint
from experiments.language.learning.devices import everywhere
from experiments.language.learning.learners import Groups, GroupSettings, Likelihood, Population
from experiments.language.learning.optimiser import make_schedule, make_transform
from experiments.language.learning.pass_rates import Measure
from experiments.language.learning.state import Row, State, Step, start
from experiments.language.learning.weights import population_weight
from experiments.language.model.architecture import Parameters, initial_parameters, num_parameters
from experiments.language.model.model import Model, make_model
from experiments.language.model.part import divide
from experiments.language.probes.effort import Effort
from experiments.language.probes.exact import Prober
from experiments.language.probes.sampled import SampledProber
from experiments.language.problems.answers import is_exact
from experiments.language.problems.questions import Questions
from experiments.language.problems.rows import Splits
from experiments.language.problems.task import Task, make_task
from experiments.rows import Rows, stack
from experiments.strict_json import plain, write_json
from experiments.study import Study


def _print_notes(notes: Iterable[str]) -> None:
    for note in notes:
        tqdm.write(f"  {note}")


def _about(task: Task, questions: dict[str, Any], seed: int) -> dict[str, Any]:
    """What a checkpoint says of the prompts that it was trained on."""
    return {"mode": task.mode, "task": task.digest, "questions": questions, "seed": seed}


def prepare_sft(config: Sft, splits: Splits) -> Compute:
    """Check everything; what is returned computes.

    Raises:
        ValueError: bad checkpoint or folder, or too few problems that fit.
    """
    base = load_checkpoint(config.checkpoint, mode=config.questions.mode) if config.checkpoint else None
    task = make_task(config.questions, splits, seed=config.seed, vocabulary=base.vocabulary if base else None)
    if base:
        architecture, parameters = base.architecture, base.parameters
    else:
        architecture = config.sizes.architecture(task.vocabulary.size)
        parameters = initial_parameters(architecture, key=jax.random.key(config.seed))
    identity = config.identity() | ({"checkpoint": _content(base)} if base else {})
    study = Study(config.out, identity, seed=config.seed, inputs=task.digest.encode())

    def compute() -> int:
        model, transform = make_model(architecture, task.vocabulary), make_transform("adamw", max_norm=1.0)
        learner = Likelihood(model, transform)
        schedule = make_schedule(config.schedule, config.step_size, config.max_steps, warmup=config.warmup)

        def step(s: State) -> tuple[State, Row]:
            return learner.step(s, task.train, schedule(s.step), batch_size=config.batch_size, seed=config.seed)

        with study:
            training = Training(study)
            state = training.restore(start(parameters, transform))
            _print_notes([*task.notes, f"{num_parameters(parameters):,} parameters"])
            last = training.follow(
                state,
                step,
                model=model,
                task=task,
                measure=Measure(model, task.longest, num_samples=config.num_samples),
                num_steps=config.max_steps,
                pause_every=config.check_every,
                target=config.target,
                about=_about(task, plain(asdict(config.questions)), config.seed),
                name="sft",
            )
        reached = "reached" if last["train"] >= config.target else "NOT reached"
        print(
            f"mean pass rate {last['train']:.3f} on training prompts (target {config.target:g} {reached}), "
            f"{last['test']:.3f} on test prompts; checkpoint in {config.out}"
        )
        return 0

    return compute


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


def prepare_train(config: Train) -> Compute:
    """Read and check everything; what is returned computes.

    Raises:
        ValueError: bad data, checkpoint or folder; population steps in another mode than `answer`.
    """
    found = load_checkpoint(config.checkpoint, mode=config.questions.mode)
    if config.exact and not is_exact(found.vocabulary.mode):
        raise ValueError(
            f"--exact is set and the mode is {found.vocabulary.mode!r}; allowed: modes 'answer' and 'step'"
        )
    task = task_of(found, config.questions, seed=config.seed)
    identity = config.identity() | {"checkpoint": _content(found)}
    study = Study(config.out, identity, seed=config.seed, inputs=task.digest.encode())
    begin, part = divide(config.train, found.parameters, seed=config.seed)
    model = make_model(found.architecture, found.vocabulary, everywhere(part))

    def compute() -> int:
        kept = task.with_states(model, begin)
        step = (_population_step if config.exact else _group_step)(config, model, begin, kept)
        questions = found.state.get("questions", plain(asdict(config.questions)))
        with study:
            training = Training(study)
            state = training.restore(start(begin, _transform(config)))
            _print_notes(task.notes)
            last = training.follow(
                state,
                step,
                model=model,
                task=kept,
                measure=Measure(model, task.longest, num_samples=config.num_samples),
                num_steps=config.num_steps,
                pause_every=config.save_every,
                about=_about(task, questions, found.state.get("seed", config.seed)),
                name=f"train {config.estimator or config.chosen_rule()}",
            )
        print(
            f"mean pass rate {last['train']:.3f} on training prompts, {last['test']:.3f} on test prompts; "
            f"checkpoint in {config.out}"
        )
        return 0

    return compute


def _transform(config: Train) -> optax.GradientTransformation:
    return make_transform(config.optimiser, max_norm=config.max_norm)


def _schedule(config: Train) -> Callable[[int], float]:
    return make_schedule(config.schedule, config.step_size, config.num_steps, warmup=config.warmup)


def _population_step(config: Train, model: Model, begin: Parameters, task: Task) -> Step:
    """Exact: every prompt."""
    population = Population(model, _transform(config))
    schedule, weight = _schedule(config), population_weight(config.chosen_rule())
    return lambda s: population.step(s, task.train, schedule(s.step), weight)


def _group_step(config: Train, model: Model, begin: Parameters, task: Task) -> Step:
    """Sampled groups, the reference being the start."""
    c = config
    settings = GroupSettings(
        prompts_per_step=c.prompts_per_step, group_size=c.group_size, clip=c.clip, kl=c.kl, num_updates=c.num_updates
    )
    groups = Groups(model, _transform(c), settings, longest=task.longest, reference=begin)
    schedule = _schedule(c)
    estimator = Estimator(scale=c.chosen_rule().name) if c.estimator is None else ESTIMATORS[c.estimator]
    return lambda s: groups.step(s, task, schedule(s.step), estimator, seed=c.seed)


def _content(found: Checkpoint) -> str:
    """What a checkpoint holds, for run ids."""
    digest = hashlib.sha256(found.vocabulary.digest.encode())
    for leaf in jax.tree.leaves(found.parameters):
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()


def prepare_probe(config: ProbeCheckpoint) -> Compute:
    """Read and check everything; what is returned computes.

    Raises:
        ValueError: bad data, checkpoint or folder.
    """
    found = load_checkpoint(config.checkpoint, mode=config.questions.mode)
    task = task_of(found, config.questions, seed=config.seed)
    identity = config.identity() | {"checkpoint": _content(found)}
    study = Study(config.out, identity, seed=config.seed, inputs=task.digest.encode())
    exact = is_exact(task.mode) and not config.sampled
    everything = found.parameters
    if config.float64:
        everything = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), everything)
    parameters, part = divide(config.train, everything, seed=config.seed)
    model = make_model(found.architecture, found.vocabulary, part)

    def measure() -> tuple[Rows, Row]:
        if exact:
            effort = Effort(num_spectra=config.num_spectra, num_wrong=config.num_wrong, memory=config.memory << 30)
            prober = Prober(model, effort, longest=task.longest, seed=config.seed)
            probe = prober(parameters, task.with_states(model, parameters).train, step_size=config.step_size)
            return probe.prompts, probe.state
        prober = SampledProber(model, longest=task.longest, half=config.half_samples)
        return prober(parameters, task, seed=config.seed)

    def compute() -> int:
        with study:
            _print_notes(task.notes)
            begun = time.perf_counter()
            prompts, state = measure()
            elapsed = time.perf_counter() - begun
            for name, rows in (("prompts", prompts), ("state", stack([state]))):
                path = study.out / f"{name}.parquet"
                store.write_rows(path, study.declared(path, rows), study.source, elapsed)
            write_json(study.out / "summary.json", {"exact": exact, **state, "wall_time_s": elapsed})
        print(describe(state, exact=exact))
        print(f"{elapsed:.0f} s; rows in {study.out}")
        return 0

    return compute
