"""T17 on prompts that overlap: states by loops and by the simulator's moments, runs, and what is refused."""

import math

import numpy as np
import pytest

from curvature import coherent_gain, moments
from experiments.convergence import coherence
from experiments.rows import of, where


@pytest.fixture(scope="module")
def rows():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coherence, "NUM_RANDOM", 300)
        patch.setattr(coherence, "PATH_STEPS", 200)
        return coherence.rows(0)


def arms(e, log_odds, stuck):
    """(logits, features, rewards) of one prompt, its arms written out."""
    if stuck:
        return [log_odds + math.log(2), 0.0, 0.0], np.outer([0, 0.5, -0.5], e), [1.0, 0.0, 0.0]
    return [log_odds, 0.0], np.outer([0.5, -0.5], e), [1.0, 0.0]


def test_a_row_is_what_its_prompts_written_out_say():
    rng = np.random.default_rng(0)
    e = rng.normal(size=(2, 4, 4)) * 0.2 + np.eye(4)
    e /= np.linalg.norm(e, axis=2, keepdims=True)
    L, θ = rng.normal(size=(2, 4)), rng.normal(size=4)
    stuck = np.asarray([[False, False, True, False]] * 2)
    found = coherence._look(e, L, stuck, e @ θ, kind="x", time=3)
    for b in range(2):
        prompts = [arms(e[b, x], L[b, x], stuck[b, x]) for x in range(4)]

        def total(shift, prompts=prompts):
            values = [moments(np.asarray(z) + φ @ (θ + shift), φ, r).value for z, φ, r in prompts]
            return float(np.sum(values))

        ms = [moments(np.asarray(z) + φ @ θ, φ, r) for z, φ, r in prompts]
        g, σ = np.stack([m.gradient for m in ms]), np.asarray([m.std for m in ms])
        M = np.abs(e[b] @ e[b].T)
        assert found["mean_std"][b] == pytest.approx(σ.mean())
        assert found["spread"][b] == pytest.approx(math.sqrt(σ.mean() * (1 / σ).mean()))
        assert found["coherence"][b] == pytest.approx((M - np.eye(4)).max())
        for rule, weights in (("group", 1 / σ), ("none", np.ones(4))):
            for source, how in (("matrix", M), ("number", (M - np.eye(4)).max())):
                c = coherent_gain(g, σ, coherence=how, diameter=1.0, rule=rule)
                name = f"{rule}_{source}"
                assert found[f"{name}_gain"][b] == pytest.approx(float(c.gain), rel=1e-9, abs=1e-14)
                assert found[f"{name}_ascent"][b] == pytest.approx(float(c.ascent), rel=1e-9)
                gained = total(float(c.step) * weights @ g) - total(0 * θ)
                assert found[f"{name}_realised"][b] == pytest.approx(gained, rel=1e-9, abs=1e-13)


def test_products_are_as_asked():
    for sign in (1, -1):
        e = coherence._equal(np.asarray([0.0, 0.1, 1 / 3]), sign)
        for μ, one in zip((0.0, 0.1, 1 / 3), e, strict=True):
            np.testing.assert_allclose(one @ one.T, np.eye(4) + sign * μ * (1 - np.eye(4)), atol=1e-12)


def test_the_map_has_the_spreads_that_it_is_drawn_over(rows):
    found = of(rows, kind="map")
    μ, χ = (x.ravel() for x in np.meshgrid(coherence.COHERENCES, coherence.SPREADS, indexing="ij"))
    np.testing.assert_allclose(found["spread"], χ, rtol=1e-7)
    np.testing.assert_allclose(found["coherence"], μ, atol=1e-12)
    A = 1 - μ * (4 * (1 + χ) / 2 - 1)
    np.testing.assert_allclose(found["group_number_ascent"], A, rtol=1e-6, atol=1e-7)
    even = np.abs(χ - 1) < 1e-12
    np.testing.assert_allclose(coherence.needed(found)[even], 1, rtol=1e-6)  # one spread: the rules are one
    assert (np.diff(coherence.needed(found).reshape(34, 40), axis=1) <= 1e-9).all()


def test_every_step_gains_what_is_guaranteed_and_without_the_spread_not(rows):
    assert not coherence.violations(rows).any()
    assert coherence.false_violations(rows).any()
    assert coherence.num_checks(rows) == sum(
        int((rows[f"{rule}_{source}_gain"] > 0).sum()) for rule in ("group", "none") for source in ("matrix", "number")
    )
    short = rows | {"group_matrix_realised": rows["group_matrix_gain"] / 2}
    assert coherence.violations(short).sum() > 100


def test_a_run_by_moments():
    N, μ = 4, coherence.PATH_COHERENCE
    for stuck in (False, True):
        found = coherence.run(stuck)[:5]
        e, θ = coherence._equal(np.asarray([μ]), 1)[0], np.zeros(N)
        step = 4 * math.log(1 + 0.7 / 1.3) / 1.3
        for move in found:
            np.testing.assert_allclose(move, e @ θ, rtol=1e-9, atol=1e-12)
            prompts = [arms(e[x], coherence.PATH_LOG_ODDS[x], stuck and x == N - 1) for x in range(N)]
            ms = [moments(np.asarray(z) + φ @ θ, φ, r) for z, φ, r in prompts]
            θ = θ + step * np.sum([np.asarray(m.gradient / m.std) for m in ms], axis=0)


def test_the_spread_vanishes_where_all_are_solved_and_grows_beside_a_stuck_one(rows):
    solvable, stuck = (coherence.path(rows, kind) for kind in ("solvable", "stuck"))
    assert solvable["spread_last"] < 1.01 < solvable["spread_greatest"]
    assert stuck["spread_last"] > 2
    assert stuck["ascent_last"] < 0.4 < 0.65 < solvable["ascent_last"]
    assert stuck["share_better"] < solvable["share_better"]


def test_better_is_what_the_two_bounds_of_a_run_say(rows):
    some = where(
        rows, (rows["kind"] == "random") & (rows["none_number_ascent"] > 0) & (rows["group_number_ascent"] > 0)
    )

    def rate(rule, deviation):
        r = some[f"{rule}_number_ascent"] / some[f"{rule}_number_norm"]
        return deviation / ((1 + r) * np.log1p(r) - r)

    np.testing.assert_array_equal(coherence.better(some), rate("group", some["mean_std"]) < rate("none", 0.5))
    said = coherence.coherent(rows)
    assert said["tightest"]["group"] <= said["median"]["group"]
    assert said["tightest"]["none"] > 1
