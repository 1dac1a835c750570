"""Every part of `python -m benchmarks` runs, at sizes that say nothing about time: what is compared agrees."""

from dataclasses import replace
from pathlib import Path

import jax
import pytest

from benchmarks import growth, language_model, sweeps
from benchmarks.machine import Limits, measure_limits
from benchmarks.workers import SCALING, benchmark_workers
from experiments.language.model.architecture import initial_parameters
from experiments.language.model.model import Model
from experiments.language.model.sizes import Sizes
from experiments.sweep.grid import Grid
from experiments.sweep.spec import Spec, chunks, num_runs

LIMITS = Limits(1e9, 1e9, 1e9, {})
TINY = Spec(
    num_steps=20, tuning_seeds=1, seeds=2, steps=(1.0, 30.0),
    grid=Grid(num_prompts=(4,), num_arms=(3,), coherence=(0.0, 0.3, 0.6), rule=sweeps.RULES),
)  # fmt: skip


def errors(rows: list[dict]) -> list[float]:
    """Those that a table states."""
    return [row["error"] for row in rows if row["error"] is not None]


def test_limits_are_measured_of_every_kind() -> None:
    limits = measure_limits(size=64, repeats=1)
    assert min(limits.peak_flops, limits.peak_exps, limits.peak_draws) > 0
    assert limits.time_limit(2 * limits.peak_flops, 0, 3 * limits.peak_draws) == pytest.approx(5)


def test_a_setting_of_a_sweep_by_every_way() -> None:
    """Each engine's exact runs are NumPy's; older code, here this one, is timed from its own folder."""
    checkout = Path(__file__).resolve().parents[2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeps, "OLDER", sweeps.OLDER.replace("SWEEP, chunks", "chunks").replace("times = []", SMALLER))
        rows = sweeps.benchmark_settings(LIMITS, TINY, before=checkout, repeats=1, jitted=1)
    found = errors(rows)
    assert len(found) == len(sweeps.engines())
    assert max(found) < 1e-11
    assert any("older" in row["what"] for row in rows)
    with pytest.raises(ValueError, match=r"before is .*; allowed"):
        sweeps.time_older(checkout / "docs", 1)


SMALLER = "from tests.benchmarks.test_benchmarks import TINY as SWEEP\ntimes = []"


def test_an_engine_is_the_one_that_is_named() -> None:
    from experiments.sweep import fast

    installed = fast.installed()
    with sweeps.engine(sweeps.KERNEL):
        assert fast.installed()
    with sweeps.engine(sweeps.PROGRAM):
        assert not fast.installed()
    assert fast.installed() == installed


def test_necessary_work_by_hand() -> None:
    (first, *_) = chunks(TINY)[0].settings  # 4 prompts x 3 arms, groups of 8
    assert sweeps.necessary_work(first, 0.5) == (18.0, 32.0)


@pytest.mark.parametrize("axis", growth.SIZES)
def test_every_axis_of_growth_is_one_chunk(axis: str) -> None:
    for size in growth.SIZES[axis][1]:
        spec = growth.sized(axis, size)
        assert len(chunks(spec)) == 1
    assert growth.arms_and_updates(growth.GROWTH) == num_runs(growth.GROWTH) * 50 * 32 * 8


def test_a_slope_is_that_of_the_logarithms() -> None:
    assert growth.slope((1, 8, 64), [2.0, 16.0, 128.0]) == pytest.approx(1.0)


@pytest.mark.parametrize("name", growth.PRACTICE)
def test_every_axis_of_practice_is_a_sweep(name: str) -> None:
    assert len(chunks(replace(growth.GROWTH, grid=replace(growth.GROWTH.grid, **growth.PRACTICE[name])))) == 1


def test_growth_computes_a_chunk() -> None:
    growth.compute(replace(growth.sized("dimension", 3), num_steps=10, tuning_seeds=1, seeds=2))


@pytest.mark.slow
def test_workers_compute_the_same_rows() -> None:
    found = errors(benchmark_workers(20, replace(SCALING, tuning_seeds=1, seeds=2, max_runs=60)))
    assert found
    assert max(found) == 0


@pytest.mark.parametrize("name", ["training", "update", "sampling"])
def test_steps_of_the_language_model_can_be_made(name: str) -> None:
    """Beside torch's in the benchmark itself."""
    sizes = Sizes()
    model = Model(
        sizes.architecture(language_model.VOCABULARY),
        separator=language_model.SEPARATOR, ends=(language_model.END,), pad=language_model.PAD,
    )  # fmt: skip
    parameters = initial_parameters(model.architecture, key=jax.random.key(0))
    few = {"rivals": False, "num_prompts": 2, "repeats": 1}
    with jax.numpy_dtype_promotion("standard"):
        (row,) = getattr(language_model, f"benchmark_{name}")(LIMITS, model, parameters, **few)
    assert row["seconds"] > 0
