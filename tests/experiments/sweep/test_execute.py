"""Rows of a chunk against runs made one by one; the same bits on one device and on two."""

import os
import pickle
import subprocess
import sys
from dataclasses import replace

import jax
import numpy as np
import pytest

from bandits import Certified, Exact, Sampled, constant, kl_limited, make_optimiser, make_rule, run
from bandits.held_out import held_out_value
from bandits.optimiser import OPTIMISERS
from experiments.sweep import execute, grid
from experiments.sweep.grid import Grid
from experiments.sweep.problems import Shape, build, build_held_out, numbers_of
from experiments.sweep.spec import Spec, chunks
from tests.experiments.sweep.fakes import SIZES, tuned_in_small_blocks
from tests.experiments.sweep.fakes import TUNED as SPEC


def by_hand(spec, setting, stage, index, step):
    """One run through `bandits.run`."""
    problem_key, run_key = jax.random.split(execute.seed_key(spec, stage, index))
    made = build(Shape.of(setting), jax.tree.map(lambda leaf: leaf[0], numbers_of([setting])), key=problem_key)
    size = None if setting.group_size == "exact" else setting.group_size
    rule = make_rule(setting.rule, made.features, group_size=size)
    B = setting.prompts_per_update
    exact = setting.group_size == "exact"
    oracle = (
        Exact(prompts_per_update=B)
        if exact
        else Sampled(
            setting.group_size,
            prompts_per_update=B,
            filter=setting.filter,
            updates_per_batch=setting.updates_per_batch,
        )
    )
    size = (
        Certified()
        if setting.design == "certified"
        else constant(step)
        if setting.design == "constant"
        else kl_limited(step, spec.kl_limit)
    )
    optimiser = make_optimiser(setting.optimiser, clip_norm=spec.clip_norm or None)
    return run(made, rule, size, spec.num_steps, key=run_key, oracle=oracle, optimiser=optimiser)


def test_rows_are_those_of_runs_one_by_one():
    (chunk,) = chunks(SPEC)
    rows = execute.compute_chunk(SPEC, chunk, 2**28)
    assert len(rows["area"]) == 2 * (3 * 2 + 3)
    for setting in chunk.settings:
        mine = rows["rule"] == setting.rule
        tuned = [[by_hand(SPEC, setting, 0, i, s).trajectory.value.mean() for i in range(2)] for s in SPEC.steps]
        area = rows["area"][mine & (rows["stage"] == "tune")].reshape(3, 2)
        np.testing.assert_allclose(area, tuned, rtol=1e-10)
        best = int(np.argmax(np.mean(tuned, axis=1)))
        report = mine & (rows["stage"] == "report")
        assert set(rows["step_size"][report]) == {SPEC.steps[best]}
        assert set(rows["step_at_edge"][report]) == {best in (0, 2)}
        for i in range(3):
            path = by_hand(SPEC, setting, 1, i, SPEC.steps[best])
            row = {name: column[report][i] for name, column in rows.items()}
            J = np.asarray(path.trajectory.value)
            np.testing.assert_allclose(row["area"], J.mean(), rtol=1e-10)
            np.testing.assert_allclose(row["final"], path.final.local.value.mean(), rtol=1e-10)
            np.testing.assert_allclose(row["curve"], J[::3], rtol=1e-10)
            assert row["best_known"] == 1  # independent directions
            level = J[0] + 0.5 * (1 - J[0])
            reached = np.flatnonzero(np.append(J, row["final"]) >= level)
            assert row["hitting_time_50"] == (reached[0] if reached.size else np.inf)


RULES = ("maxrl", "pass(3)", "focal(0.5)")


@pytest.mark.parametrize(("group_size", "rules"), [(4, (*RULES, "leave_one_out")), ("exact", RULES), (4, ("pooled",))])
def test_rules_of_one_kind_share_a_program_and_keep_their_own_weights(group_size, rules):
    spec = Spec(
        num_steps=6, num_curve=1, tuning_seeds=1, seeds=2, steps=(2.0,),
        grid=Grid(**SIZES | {"coherence": 0.3}, group_size=group_size, rule=rules),
    )  # fmt: skip
    (chunk,) = chunks(spec)
    rows = execute.compute_chunk(spec, chunk, 2**28)
    areas = rows["area"][rows["stage"] == "report"].reshape(len(rules), 2)
    wanted = [by_hand(spec, s, 1, 1, 2.0).trajectory.value.mean() for s in chunk.settings]
    np.testing.assert_allclose(areas[:, 1], wanted, rtol=1e-10)
    assert np.unique(areas[:, 1].round(6)).size == len(rules)


@pytest.mark.parametrize("clip_norm", [0.0, 0.3])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_optimisers_have_steps_of_their_own(optimiser, clip_norm):
    spec = Spec(
        num_steps=6, num_curve=1, tuning_seeds=1, seeds=2, steps=(2.0, 3.0), adam_steps=(0.1,), clip_norm=clip_norm,
        grid=Grid(**SIZES, coherence=0.3, optimiser=optimiser, design="constant", rule="group"),
    )  # fmt: skip
    (chunk,) = chunks(spec)
    rows = execute.compute_chunk(spec, chunk, 2**28)
    report = rows["stage"] == "report"
    steps = {0.1} if optimiser == "adam" else {2.0, 3.0}
    assert set(rows["step_size"][~report]) == steps
    (chosen,) = set(rows["step_size"][report])
    assert set(rows["optimiser"]) == {optimiser}
    wanted = [by_hand(spec, chunk.settings[0], 1, i, chosen).trajectory.value.mean() for i in range(2)]
    np.testing.assert_allclose(rows["area"][report], wanted, rtol=1e-10)
    unclipped = [by_hand(replace(spec, clip_norm=0.0), chunk.settings[0], 1, i, chosen) for i in range(2)]
    assert np.allclose(wanted, [r.trajectory.value.mean() for r in unclipped], rtol=1e-6) == (clip_norm == 0)


@pytest.mark.parametrize("axes", [
    {"prompts_per_update": 2}, {"filter": True}, {"prompts_per_update": 3, "filter": True, "optimiser": "adam"},
    {"prompts_per_update": 2, "group_size": "exact"}, {"updates_per_batch": 4},
    {"prompts_per_update": 3, "filter": True, "optimiser": "adam", "updates_per_batch": 2},
], ids=str)  # fmt: skip
def test_batches_of_prompts_and_the_filter_are_those_of_single_runs(axes):
    spec = Spec(
        num_steps=6, num_curve=1, tuning_seeds=1, seeds=2, steps=(2.0,), adam_steps=(0.1,),
        grid=Grid(**SIZES | {"coherence": 0.3, "group_size": 4, "rule": ("group", "pooled")} | axes),
    )  # fmt: skip
    for chunk in chunks(spec):
        rows = execute.compute_chunk(spec, chunk, 2**28)
        report = rows["stage"] == "report"
        (step,) = set(rows["step_size"])
        runs = [by_hand(spec, chunk.settings[0], 1, i, step) for i in range(2)]
        np.testing.assert_allclose(rows["area"][report], [r.trajectory.value.mean() for r in runs], rtol=1e-10)
        np.testing.assert_array_equal(rows["answers_drawn"][report], [r.final.answers for r in runs])
        for name, value in axes.items():
            assert set(rows[name].tolist()) == {value}
        if axes.get("group_size") == "exact":
            assert not rows["answers_drawn"].any()
        else:
            batches = -(-6 // axes.get("updates_per_batch", 1))
            least = batches * (axes.get("prompts_per_update") or 6) * 4
            assert ((rows["answers_drawn"] > least) == axes.get("filter", False)).all()


@pytest.mark.parametrize(
    "axes", [{}, {"dimension": 3, "labels": "teacher"}, {"policy": "autoregressive", "horizon": 2}]
)
def test_held_out_prompts_change_nothing_in_training(axes):
    base = Spec(
        num_steps=6, num_curve=2, tuning_seeds=1, seeds=2, steps=(2.0, 4.0),
        grid=Grid(**SIZES | {"coherence": 0.5, "conflict": 0.0, "group_size": 4, "rule": "group"} | axes),
    )  # fmt: skip
    with_more = replace(base, grid=replace(base.grid, held_out=5))
    (before,), (chunk,) = chunks(base), chunks(with_more)
    alone, rows = execute.compute_chunk(base, before, 2**28), execute.compute_chunk(with_more, chunk, 2**28)
    of_held_out = {"held_out", "held_out_area", "held_out_final", "held_out_curve"}
    for name in rows.keys() - of_held_out:
        if rows[name].dtype.kind == "f":
            np.testing.assert_allclose(rows[name], alone[name], rtol=1e-12, err_msg=name)
        else:
            np.testing.assert_array_equal(rows[name], alone[name], err_msg=name)
    assert all(np.isnan(alone[name]).all() for name in of_held_out - {"held_out"})
    setting, seed = chunk.settings[0], 1
    (step,) = set(rows["step_size"][rows["stage"] == "report"])
    path = by_hand(with_more, setting, 1, seed, step)
    problem_key, _ = jax.random.split(execute.seed_key(with_more, 1, seed))
    values = jax.tree.map(lambda leaf: leaf[0], numbers_of([setting]))
    unseen = build_held_out(Shape.of(setting), values, key=problem_key)
    wanted = held_out_value(unseen, path.final.parameters)
    np.testing.assert_allclose(rows["held_out_final"][rows["stage"] == "report"][seed], wanted, rtol=1e-10)
    assert rows["held_out_curve"].shape == (2 * 1 + 2, 2)
    assert not np.allclose(rows["held_out_final"], rows["held_out_curve"][:, 0], rtol=1e-6)


@pytest.mark.parametrize("group_size", [2, 3, 8])
def test_group_is_none_under_adam_at_two_and_three(group_size):
    spec = Spec(
        num_steps=30, num_curve=3, tuning_seeds=2, seeds=3, adam_steps=(0.03, 0.3),
        grid=Grid(**SIZES, coherence=0.5, group_size=group_size, optimiser="adam", rule=("none", "group")),
    )  # fmt: skip
    (chunk,) = chunks(spec)
    rows = execute.compute_chunk(spec, chunk, 2**28)
    none, group = (rows["area"][rows["rule"] == rule] for rule in ("none", "group"))
    # ε = 1e-8 over the root mean square of a coordinate that saw gradients: at least 1e-5 of an update
    assert np.allclose(none, group, rtol=0, atol=1e-6) == (group_size < 8)


def test_the_grid_knows_all_optimisers():
    assert grid.OPTIMISERS == OPTIMISERS


def test_tuning_and_reporting_seeds_differ():
    keys = [jax.random.key_data(execute.seed_key(SPEC, stage, i)).tolist() for stage in (0, 1) for i in range(16)]
    assert len({tuple(key) for key in keys}) == 32


def test_certified_steps_are_not_tuned():
    spec = Spec(num_steps=12, num_curve=4, seeds=2, grid=Grid(**SIZES, group_size="exact", design="certified"))
    (chunk,) = chunks(spec)
    rows = execute.compute_chunk(spec, chunk, 2**28)
    assert set(rows["stage"]) == {"report"}
    assert np.isnan(rows["step_size"]).all()
    found = by_hand(spec, chunk.settings[1], 1, 1, None).trajectory.value.mean()
    np.testing.assert_allclose(rows["area"][3], found, rtol=1e-10)


def test_degenerate_designs_are_marked():
    def marks(**axes):
        (chunk,) = chunks(Spec(grid=Grid(**SIZES, rule="none", **axes)))
        return execute.is_degenerate(chunk.settings[0])

    assert marks(design="constant", group_size="exact", coherence=0.0)
    assert marks(design="constant", group_size="exact", coherence=1.0)
    assert not marks(design="constant", group_size="exact", coherence=0.5)
    assert not marks(design="constant", group_size=8, coherence=0.0)
    assert not marks(design="certified", group_size="exact", coherence=0.0)


def test_a_run_that_is_not_finite_is_never_the_tuned_one():
    spec = Spec(
        num_steps=6, num_curve=1, tuning_seeds=2, seeds=2, steps=(1.0, 1e200),
        grid=Grid(**SIZES, policy="log-bilinear", dimension=2, design="constant", group_size="exact", rule="none"),
    )  # fmt: skip
    (chunk,) = chunks(spec)
    rows = execute.compute_chunk(spec, chunk, 2**28)
    tuned = rows["stage"] == "tune"
    assert not rows["finite"][tuned & (rows["step_size"] == 1e200)].any()
    assert set(rows["step_size"][~tuned]) == {1.0}
    assert rows["finite"][~tuned].all()


def test_too_little_memory_is_refused():
    (chunk,) = chunks(SPEC)
    with pytest.raises(ValueError, match=r"memory is 1,000 bytes, but .* runs of 6 prompts with 3 arms need about"):
        execute.compute_chunk(SPEC, chunk, 1000)


SCRIPT = """
import pickle, sys, jax
from tests.experiments.sweep.fakes import tuned_in_small_blocks
pickle.dump((jax.local_device_count(), tuned_in_small_blocks()), sys.stdout.buffer)
"""


def test_devices_do_not_change_a_bit(monkeypatch):
    monkeypatch.setattr(execute, "BLOCK_NUMBERS", 100)
    alone = tuned_in_small_blocks()
    env = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, check=True)
    num_devices, on_two_devices = pickle.loads(done.stdout)
    assert num_devices == 2
    for name, column in alone.items():
        np.testing.assert_array_equal(on_two_devices[name], column)
