"""One step of each learner against the step written out; what compiles; what random numbers depend on.

float32: an update is compared to 1e-5 of its largest entry, some tens of roundings.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from curvature import Estimator
from experiments.language.learning.choices import learning_rule
from experiments.language.learning.learners import Groups, GroupSettings, Likelihood, Population
from experiments.language.learning.optimiser import make_transform
from experiments.language.learning.state import State, epoch_rows, start
from experiments.language.learning.weights import population_weight
from tests.experiments.language import tiny

MODEL, BATCH, TASK = tiny.model(), tiny.batch(), tiny.task()
SGD = make_transform("sgd")
θ = tiny.trained()


def weight(name):
    return population_weight(learning_rule(name))


def make_population():
    with tiny.quick():
        return Population(MODEL, SGD)


def make_groups():
    with tiny.quick():
        return Groups(MODEL, SGD, GroupSettings(prompts_per_step=4, group_size=6), longest=3)


population = pytest.fixture(make_population, scope="module", name="population")
groups = pytest.fixture(make_groups, scope="module", name="groups")


@pytest.fixture
def adam():
    """Optax's own bias correction raises a float to an integer, which strict promotion refuses."""
    with jax.numpy_dtype_promotion("standard"):
        yield make_transform("adam")


def moved(state):
    return tiny.flat(state.parameters).astype(np.float64) - tiny.flat(θ)


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


# --- population ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "alpha"), [("none", 0.0), ("group", 1.0), ("power(2)", 2.0)])
def test_a_population_step_is_η_times_the_direction(population, name, alpha):
    wide = tiny.doubled(θ)
    J, g = np.asarray(tiny.success(wide)), np.asarray(tiny.gradients(wide))
    σ = np.sqrt(J * (1 - J))
    direction = (g / σ[:, None] ** alpha).mean(axis=0)
    state, row = population.step(start(θ, SGD), BATCH, 0.07, weight(name))
    # θ is rounded to 6e-8 when the step is added
    np.testing.assert_allclose(moved(state), 0.07 * direction, rtol=0, atol=3e-7)
    assert state.step == 1
    assert row["gradient_norm"] == pytest.approx(np.linalg.norm(direction), rel=1e-5)
    assert row["update_norm"] == pytest.approx(0.07 * np.linalg.norm(direction), rel=1e-5)
    assert row["pass_rate"] == pytest.approx(J.mean(), rel=1e-5)
    assert row["std"] == pytest.approx(σ.mean(), rel=1e-5)
    assert np.abs(moved(state) - 0.07 * direction * 5).max() > 1e-3  # the sum over prompts: refused


def test_rules_and_step_sizes_share_one_program(population):
    state = start(θ, SGD)
    for name in ("none", "group", "power(1.5)"):
        for η in (0.1, 0.02):
            state, _ = population.step(state, BATCH, η, weight(name))
    assert population._step._cache_size() == 1
    population.step(state, BATCH, 0.1, weight("batch"))
    assert population._step._cache_size() == 2
    assert state.step == 6


def test_certain_and_hopeless_prompts_leave_finite_rows_and_steps(population):
    """Embeddings 40 times as long: log p of 0 to rounding, sometimes above it, and of some −1000."""
    extreme = {**θ, "final_norm": 40 * θ["final_norm"]}
    rows = []
    for name in ("none", "group", "power(2)"):
        state, row = population.step(start(extreme, SGD), BATCH, 1e-3, weight(name))
        assert np.isfinite(tiny.flat(state.parameters)).all()
        rows.append(row)
    for row in rows:
        assert np.isfinite(list(row.values())).all()
        assert 0 <= row["pass_rate_10"] <= row["pass_rate_90"] <= 1 + 1e-5


def test_a_rounding_above_certainty_gives_a_finite_row(population, monkeypatch):
    real = population._step

    def above(*arguments):
        parameters, optimiser, length, slope, (value, log_p) = real(*arguments)
        return parameters, optimiser, length, slope, (value, log_p.at[0].set(3e-7))

    monkeypatch.setattr(population, "_step", above)
    _, row = population.step(start(θ, SGD), BATCH, 0.1, weight("none"))
    assert np.isfinite(list(row.values())).all()
    assert row["std"] > 0.1


# --- likelihood ---------------------------------------------------------------------------------------------------


def test_a_likelihood_step_and_what_resuming_gives(adam):
    with tiny.quick():
        learner = Likelihood(MODEL, adam)
    states, losses = [start(θ, adam)], []
    for _ in range(4):
        state, row = learner.step(states[-1], BATCH, 0.01, batch_size=2, seed=3)
        states.append(state)
        losses.append(row["loss"])
    rows = epoch_rows(5, 2, 3, 0)
    wide = np.log(np.asarray(tiny.success(tiny.doubled(θ))))[rows]
    tokens = np.asarray(BATCH.response_lengths)[rows].sum()
    assert losses[0] == pytest.approx(-wide.sum() / tokens, rel=1e-5)
    resumed = State(states[2].parameters, states[2].optimiser, 2)
    for t in (2, 3):
        resumed, row = learner.step(resumed, BATCH, 0.01, batch_size=2, seed=3)
        assert row["loss"] == losses[t]
    np.testing.assert_array_equal(tiny.flat(resumed.parameters), tiny.flat(states[4].parameters))
    other, _ = learner.step(State(states[2].parameters, states[2].optimiser, 3), BATCH, 0.01, batch_size=2, seed=3)
    assert (tiny.flat(other.parameters) != tiny.flat(states[3].parameters)).any()  # the step's number matters


def test_likelihood_falls(adam):
    with tiny.quick():
        learner = Likelihood(MODEL, adam)
    state, losses = start(tiny.parameters(), adam), []
    for _ in range(60):
        state, row = learner.step(state, BATCH, 0.02, batch_size=5, seed=0)
        losses.append(row["loss"])
    assert losses[-1] < 0.2 * losses[0]


# --- groups -------------------------------------------------------------------------------------------------------


def test_a_group_step_is_η_times_the_mean_of_advantage_times_score(groups):
    """Samples are drawn again from (seed, step); advantages, scores and the step are written out in float64."""
    key = jax.random.fold_in(jax.random.key(4), 0)
    rows = epoch_rows(5, 4, 4, 0)
    samples = groups.sampler(θ, BATCH[rows], key, 6)
    y, _, _ = tiny.strings()
    place = {tuple(s): i for i, s in enumerate(y.tolist())}
    index = [[place[tuple(r)] for r in group] for group in np.asarray(samples.responses).tolist()]
    right = (np.asarray(samples.responses) == tiny.right()[rows][:, None]).all(axis=-1).astype(float)
    σ = right.std(axis=1, keepdims=True)
    A = np.divide(right - right.mean(axis=1, keepdims=True), σ, out=np.zeros_like(right), where=σ > 0)
    assert (σ > 0).any()
    weight = np.zeros((5, len(y)))
    np.add.at(weight, (rows[:, None], np.array(index)), A / 24)
    direction = tiny.mean_score(weight, tiny.doubled(θ))
    state, row = groups.step(start(θ, SGD), TASK, 0.05, Estimator(), seed=4)
    np.testing.assert_allclose(moved(state), 0.05 * direction, rtol=0, atol=3e-7)
    assert row["reward"] == pytest.approx(right.mean(), rel=1e-6)
    assert row["std"] == pytest.approx(σ.mean(), rel=1e-6)
    assert row["dead_groups"] == pytest.approx((σ == 0).mean())
    assert row["response_length"] == pytest.approx(np.asarray(samples.lengths).mean(), rel=1e-6)
    assert row["ended"] == pytest.approx(np.asarray(samples.ended).mean(), rel=1e-6)
    assert row["gradient_norm"] == pytest.approx(np.linalg.norm(direction), rel=1e-5)
    assert row["kl"] == row["clipped"] == 0


def test_group_steps_depend_on_seed_and_step_alone(groups):
    def run(state, number, seed=0):
        rows = []
        for _ in range(number):
            state, row = groups.step(state, TASK, 0.05, Estimator(), seed=seed)
            rows.append(row)
        return state, rows

    end, rows = run(start(θ, SGD), 3)
    middle, _ = run(start(θ, SGD), 1)
    again, later = run(State(middle.parameters, middle.optimiser, 1), 2)
    assert later == rows[1:]
    np.testing.assert_array_equal(tiny.flat(again.parameters), tiny.flat(end.parameters))
    assert run(start(θ, SGD), 3, seed=1)[1] != rows
    assert groups.sampler._draw._cache_size() <= 2  # with the greedy or the wider draws of other tests
    assert groups._step._cache_size() == 1


def test_estimators_share_the_program_and_change_the_step(groups):
    first, _ = groups.step(start(θ, SGD), TASK, 0.05, Estimator(), seed=4)
    other, _ = groups.step(start(θ, SGD), TASK, 0.05, Estimator(scale="none"), seed=4)
    assert np.abs(moved(first) - moved(other)).max() > 1e-3
    assert groups._step._cache_size() == 1


def test_several_updates_clip_and_the_penalty_holds_the_policy():
    """Two updates with clip and β: the second sees ratios off 1 and a distance from the reference."""
    settings = GroupSettings(prompts_per_step=5, group_size=6, clip=0.1, kl=0.5, num_updates=2)
    with tiny.quick():
        learner = Groups(MODEL, SGD, settings, longest=3, reference=θ)
    state, row = learner.step(start(θ, SGD), TASK, 0.5, Estimator(), seed=0)
    assert row["kl"] > 1e-4
    assert 0 < row["clipped"] < 1
    assert state.step == 1
    assert np.abs(moved(state)).max() > 0


# --- several devices ----------------------------------------------------------------------------------------------


def steps(population, groups):
    """What a step of each learner gives, as plain numbers: run here and in a process with two devices."""
    found = {}
    for number in (4, 5):  # 4 divides by two devices, 5 does not
        state, row = population.step(start(θ, SGD), tiny.batch(tuple(range(number))), 0.05, weight("group"))
        found[f"population of {number}"] = [*tiny.flat(state.parameters).tolist(), *row.values()]
    state, row = groups.step(start(θ, SGD), TASK, 0.05, Estimator(), seed=0)
    found["groups"] = [*tiny.flat(state.parameters).tolist(), *row.values()]
    return found


def print_steps():
    assert len(jax.devices()) == 2
    state = start(θ, SGD)
    assert all(len(x.devices()) == 2 for x in jax.tree.leaves(state.parameters))
    print(json.dumps(steps(make_population(), make_groups())))


def test_two_devices_make_the_step_of_one(population, groups):
    root = Path(__file__).parents[4]
    flags = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"  # it compiles faster
    changes = {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(root), "JAX_ENABLE_X64": "true"}
    done = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import print_steps; print_steps()"],
        cwd=root, env=os.environ | changes, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    two, one = json.loads(done.stdout.splitlines()[-1]), steps(population, groups)
    assert two.keys() == one.keys()
    for name, values in one.items():
        np.testing.assert_allclose(two[name], values, rtol=1e-5, atol=1e-5, err_msg=name)
