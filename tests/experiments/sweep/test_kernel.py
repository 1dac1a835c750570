"""The numba kernel against the JAX program: the same runs on the same random numbers.

Left out is where the two were seen to part, by up to 1e-6 and more, presumably as rounding grows in runs that are not
stable: steps far too large for prompts that share 20 of 32 directions; power(2) with exact gradients near certainty.
"""

import importlib.metadata

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.sweep import fast
from experiments.sweep.execute import compute_chunk
from experiments.sweep.grid import AXES, Grid
from experiments.sweep.spec import SCALARS, Spec, chunks, settings

needs_numba = pytest.mark.skipif(not fast.installed(), reason="numba is not installed; `make fast` installs it")
RULES = ("none", "group", "power(1.5)", "batch", "pooled", "maxrl", "focal(0.5)", "pass(3)", "leave_one_out")
SIZES = {"num_prompts": 9, "num_arms": 4}
GRIDS = {
    "sampled": Grid(**SIZES, coherence=(0.0, 0.4), group_size=6, conflict=0.5, rule=RULES),
    "one direction": Grid(num_prompts=3, num_arms=2, coherence=1.0, group_size=2, spread=2.0),
    "constant": Grid(**SIZES, coherence=0.4, design="constant", group_size=6, rule=RULES),
    "few directions": Grid(**SIZES, coherence=0.4, dimension=3, group_size=6, conflict=0.0, rule=RULES),
    "many directions": Grid(**SIZES, coherence=0.4, dimension=12, group_size=6, conflict=0.0, rule=RULES),
    "exact": Grid(**SIZES, coherence=(0.0, 0.4), group_size="exact", rule=RULES[:-1]),
    "large groups": Grid(num_prompts=40, num_arms=3, coherence=0.4, group_size=64, rule="group"),
}
SPEC = {"num_steps": 30, "num_curve": 5, "tuning_seeds": 1, "seeds": 2, "steps": (0.5, 4.0)}

NUMBERS = {"area", "final", "lowest", "initial", "curve", "average_std", "largest_kl", "limited_share"}


def both(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> tuple[list[dict], list[dict]]:
    """The rows of every chunk by the kernel, and by the JAX program."""
    assert all(fast.serves(spec, setting) for setting in settings(spec))
    ours = [compute_chunk(spec, chunk, 2**28) for chunk in chunks(spec)]
    monkeypatch.setattr(fast, "serves", lambda *_: False)
    return ours, [compute_chunk(spec, chunk, 2**28) for chunk in chunks(spec)]


@needs_numba
@pytest.mark.parametrize("name", GRIDS)
def test_runs_are_those_of_the_jax_program(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for ours, theirs in zip(*both(Spec(**SPEC, kl_limit=0.01, grid=GRIDS[name]), monkeypatch), strict=True):
        assert ours.keys() == theirs.keys()
        for column, wanted in theirs.items():
            if column in NUMBERS:
                np.testing.assert_allclose(ours[column], wanted, rtol=0, atol=1e-12, err_msg=column)
            elif column.startswith("cross_ratio"):
                np.testing.assert_allclose(ours[column], wanted, rtol=1e-9, err_msg=column)
            else:  # hitting times, steps, whether all was finite
                np.testing.assert_array_equal(ours[column], wanted, err_msg=column)


@needs_numba
def test_the_limit_holds_and_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = Spec(**SPEC | {"steps": (1e3, 1e5)}, kl_limit=0.02, grid=Grid(**SIZES, rule=("none", "power(2)")))
    for ours, theirs in zip(*both(spec, monkeypatch), strict=True):
        assert ours["largest_kl"].max() <= 0.02
        assert ours["largest_kl"].min() > 0.02 * (1 - 1e-12)
        np.testing.assert_allclose(ours["area"], theirs["area"], rtol=0, atol=1e-12)
        assert ours["limited_share"].min() > 0.3


@needs_numba
def test_random_numbers_are_those_of_jax() -> None:
    from experiments.sweep import kernel

    for N, G in ((1, 2), (32, 8), (7, 64)):
        key = jax.random.fold_in(jax.random.key(3), N)
        room, found = np.empty((2, N), np.uint32), np.empty((G, N))
        kernel.uniforms(*np.asarray(jax.random.key_data(key)), *room, found)
        np.testing.assert_array_equal(found, np.asarray(jax.random.uniform(key, (N, G), jnp.float64)).T)


@needs_numba
def test_exponential() -> None:
    from experiments.sweep import kernel

    x = -np.concatenate([np.linspace(0, 3, 4001), np.geomspace(1e-12, 707, 4001), [0.0, 707.9]])
    found = np.array([kernel._exp(each) for each in x])
    np.testing.assert_allclose(found, np.exp(x), rtol=5e-16)  # two units in the last place
    assert kernel._exp(-709.0) == 0
    assert kernel._exp(-np.inf) == 0
    assert np.isnan(kernel._exp(np.nan))


def one(kl_limit: float = 0.05, clip_norm: float = 0.0, **axes: object) -> bool:
    spec = Spec(kl_limit=kl_limit, clip_norm=clip_norm, grid=Grid(**{"rule": "group"} | axes))  # pyright: ignore
    (setting,) = settings(spec)
    return fast.serves(spec, setting)


def test_what_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "installed", lambda: True)
    assert one()
    assert one(design="constant", dimension=3, group_size="exact", rule="batch", labels="teacher", law="rollouts")
    assert not one(rule="decoupled")
    assert not one(design="certified")
    assert not one(policy="autoregressive")
    assert not one(policy="log-bilinear")
    assert not one(optimiser="adam")
    assert not one(prompts_per_update=8)
    assert not one(updates_per_batch=2)
    assert not one(filter=True)
    assert not one(held_out=4)
    assert not one(clip_norm=1.0)
    assert not one(kl_limit=1e-5)
    monkeypatch.setattr(fast, "installed", lambda: False)
    assert not one()


def test_nothing_of_a_sweep_is_unknown_to_it() -> None:
    """Whoever adds an axis or a number has to say in `fast.serves` whether the kernel knows it."""
    assert set(AXES) == {
        "policy", "num_prompts", "num_arms", "horizon", "dimension", "labels", "conflict", "coherence", "law",
        "pass_rate", "spread", "group_size", "design", "optimiser", "prompts_per_update", "updates_per_batch",
        "filter", "held_out", "rule",
    }  # fmt: skip
    assert set(SCALARS) == {
        "name", "seed", "num_steps", "num_curve", "kl_limit", "tuning_seeds", "seeds", "steps", "adam_steps",
        "clip_norm", "ridge", "max_runs",
    }  # fmt: skip


@needs_numba
def test_the_versions_say_that_it_is_there() -> None:
    from experiments import provenance

    assert provenance.versions()["numba"] == importlib.metadata.version("numba")
