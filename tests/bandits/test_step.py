"""Step sizes: the certified one maximises its guarantee on a grid, the limited one meets its limit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bandits import (
    Certified,
    Exact,
    KLLimited,
    Move,
    Softmax,
    StepSize,
    constant,
    from_pass_rates,
    kl_limited,
    locate,
    make_rule,
    problem,
)
from curvature import log_odds_step_along

KEY = jax.random.key(0)
RULES = ("none", "group", "power", "batch", "decoupled")


def make_problem(seed: int, coherence: float = 0.5, real: bool = False):
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.uniform(-9, 6, 8)))
    geometry = ["simplex", "gaussian"][seed % 2]
    made = from_pass_rates(p, coherence=coherence, geometry=geometry, key=jax.random.key(seed))
    return problem(made.features, made.offsets, rng.normal(size=made.rewards.shape)) if real else made


def changes(made, rule: str):
    local = locate(made, made.offsets)
    v = Exact().direction(make_rule(rule, made.features), made, local, key=KEY)
    return local, made.features.logits(v)


def guarantee(local, change, s: np.ndarray) -> np.ndarray:
    """Σ_x [s g·v − σ ψ(s w/2)] of T3, written out."""
    c, σ, u = (np.asarray(a) for a in (local.coefficients, local.std, change))
    slope, h = (c * u).sum(), np.ptp(u, axis=1) / 2
    a = np.asarray(s)[:, None] * h
    return s * slope - (σ * (np.expm1(a) - a)).sum(axis=1)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("real", [False, True])
def test_certified_maximises_the_guarantee(rule, real):
    for seed in range(3):
        local, change = changes(make_problem(seed, real=real), rule)
        s = float(Certified().multiple(local, Move(change), Softmax()))
        assert s > 0
        best = guarantee(local, change, np.array([s]))[0]
        assert best > 0
        grid = guarantee(local, change, np.linspace(0, 5 * s, 4001))
        assert grid.max() <= best * (1 + 1e-12)
        # a maximum, not a plateau: a twentieth to either side is worse, and by the second order's amount
        near = guarantee(local, change, s * np.array([0.95, 1.05]))
        assert (near < best * (1 - 1e-4)).all()


def test_certified_stays_where_the_direction_does_not_ascend():
    local, change = changes(make_problem(0), "none")
    assert float(Certified().multiple(local, Move(-change), Softmax())) == 0
    assert float(Certified().multiple(local, Move(0 * change), Softmax())) == 0
    # it scales inversely with the direction
    np.testing.assert_allclose(
        7 * Certified().multiple(local, Move(7 * change), Softmax()),
        Certified().multiple(local, Move(change), Softmax()),
        rtol=1e-12,
    )


@pytest.mark.parametrize("rule", RULES)
def test_certified_of_right_or_wrong_rewards_is_longer_and_gains_what_is_promised(rule):
    for seed in range(2):
        made = make_problem(seed)
        local, change = changes(made, rule)
        s3 = float(Certified().multiple(local, Move(change), Softmax()))
        s = float(Certified(right_or_wrong=True).multiple(local, Move(change), Softmax()))
        assert s > s3
        slopes = (local.coefficients * change).sum(axis=-1)
        promised = float(log_odds_step_along(slopes, local.value, jnp.ptp(change, axis=-1)).gain)
        assert promised > guarantee(local, change, np.array([s3]))[0]
        after = locate(made, made.offsets + s * change)
        assert float((after.value - local.value).sum()) >= promised


@pytest.mark.parametrize("rule", RULES)
def test_limited_steps_meet_their_limit(rule):
    @jax.jit
    def limited(local, change, size, limit):
        s = KLLimited(size, limit).multiple(local, Move(change), Softmax())
        return s, jnp.mean(Softmax().kl_divergence(local, s * change))

    active = 0
    for seed, coherence in enumerate((0.0, 0.5, 1.0)):
        local, change = changes(make_problem(seed, coherence), rule)
        for limit in (1e-6, 1e-3, 0.05, 1.0):
            for size in (1e-4, 1.0, 1e3, 1e6):
                s, kl = (float(a) for a in limited(local, change, jnp.asarray(size), jnp.asarray(limit)))
                full = float(jnp.mean(Softmax().kl_divergence(local, size * change)))
                assert kl <= limit * (1 + 1e-12)
                assert 0 < s <= size
                if full <= limit:
                    assert s == size
                else:
                    active += 1
                    # Newton ends within rounding; a millionth is what is promised
                    np.testing.assert_allclose(kl, limit, rtol=1e-6)
    assert 12 < active < 48  # both cases were met


def hard_case(seed: int):
    """A direction along which KL is anything but a parabola: arms of any rarity, changes of any size."""
    rng = np.random.default_rng(seed)
    N, K = int(rng.integers(1, 6)), int(rng.integers(2, 6))
    z = rng.choice([1.0, 10.0, 30.0]) * rng.normal(size=(N, K))
    change = rng.normal(size=(N, K)) * 10.0 ** rng.uniform(-3, 3, size=(N, 1))
    return Softmax().locate(jnp.asarray(z), jnp.asarray(rng.normal(size=(N, K)))), jnp.asarray(change)


def limited(iterations: int = 32):
    """(s, KL as it came with s, KL of what was done) of a limited step, compiled."""

    def take(local, change, size, limit):
        taken = KLLimited(size, limit, iterations).take(local, Move(change), Softmax())
        return taken.multiple, taken.kl, jnp.mean(Softmax().kl_divergence(local, taken.change))

    return jax.jit(take)


def misses(iterations: int) -> int:
    """Hard cases in which a limited step ends more than 1e-9 below its limit; above it none may be."""
    take, count, active = limited(iterations), 0, 0
    for seed in range(60):
        local, change = hard_case(seed % 15)
        limit, size = (1e-6, 0.05, 1.0)[seed % 3], (1e-1, 1e2, 1e6)[seed % 7 % 3]
        s, kl, found = map(float, take(local, change, size, limit))
        rounding = 16 * np.finfo(float).eps * s * float(jnp.abs(change).max())  # of the change that KL is computed from
        assert found <= limit * (1 + 1e-12) + rounding
        assert found <= kl * (1 + 1e-9) + rounding
        if s < size:
            active += 1
            count += found < limit * (1 - 1e-9) - rounding
        else:
            assert s == size
    assert 20 < active < 60
    return count


def test_the_limit_is_met_however_kl_bends():
    assert misses(32) == 0


def test_too_few_iterations_fall_short_and_never_over():
    # the false variant: the last chord keeps the limit, but Newton has not come near yet
    assert misses(2) > 5


@pytest.mark.parametrize("size", [kl_limited(1e3, 0.01), kl_limited(1e-3), constant(0.3), Certified()])
def test_the_divergence_comes_with_the_step(size):
    for seed in range(3):
        local, change = changes(make_problem(seed), "group")
        taken = size.take(local, Move(change), Softmax())
        assert float(taken.multiple) == float(size.multiple(local, Move(change), Softmax()))
        np.testing.assert_array_equal(taken.change, taken.multiple * change)
        found = jnp.mean(Softmax().kl_divergence(local, taken.change))
        np.testing.assert_allclose(taken.kl, found, rtol=1e-12)


def test_steps_that_are_limited_do_not_depend_on_what_was_asked():
    # to the bit: step sizes of a grid that are always limited are one and the same
    local, change = changes(make_problem(2), "group")
    assert float(kl_limited(1e3).multiple(local, Move(change), Softmax())) == float(
        kl_limited(1e4).multiple(local, Move(change), Softmax())
    )


def test_limited_steps_are_the_largest_by_bisection():
    local, change = changes(make_problem(4), "none")
    low, high = 0.0, 1e4
    for _ in range(100):
        middle = (low + high) / 2
        inside = float(jnp.mean(Softmax().kl_divergence(local, middle * change))) <= 0.05
        low, high = (middle, high) if inside else (low, middle)
    np.testing.assert_allclose(
        kl_limited(1e4).multiple(local, Move(change), Softmax()), low, rtol=1e-10
    )  # .05 is the default


def test_no_direction_no_limit():
    local, change = changes(make_problem(0), "none")
    assert float(kl_limited(3.0).multiple(local, Move(0 * change), Softmax())) == 3.0


def test_constant():
    local, change = changes(make_problem(0), "none")
    assert float(constant(0.25).multiple(local, Move(change), Softmax())) == 0.25
    assert float(constant(2).step_size) == 2


@pytest.mark.parametrize("bad", [0.0, -1.0, np.inf, np.nan])
def test_refusals(bad):
    with pytest.raises(ValueError, match="step_size contains"):
        constant(bad)
    with pytest.raises(ValueError, match="step_size contains"):
        kl_limited(bad)
    with pytest.raises(ValueError, match="limit contains"):
        kl_limited(1.0, bad)
    with pytest.raises(TypeError, match="abstract"):
        StepSize()
