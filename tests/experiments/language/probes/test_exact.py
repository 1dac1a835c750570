"""The exact probe against dense derivatives of the enumerated J in float64: 456 parameters, five prompts.

J, σ and g come from the sum over all 156 responses; ∇²J, too large for that sum, from whole sequences of the right
response (tiny.py), whose probability is shown here to be the sum. float64: 1e-9. float32: what is stated at its test.
"""

from dataclasses import fields, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from experiments.language.probes.effort import Effort
from experiments.language.probes.exact import FLAT, Prober
from tests.experiments.language import tiny

η = 0.03
BATCH = tiny.batch()
EFFORT = Effort(chunk=2, num_spectra=3, num_wrong=400, spectrum_tolerance=1e-8)
θ = tiny.trained(30, jnp.float64)


@pytest.fixture(scope="module")
def prober():
    with tiny.quick():
        return Prober(tiny.model(), EFFORT, longest=3)


@pytest.fixture(scope="module")
def narrow():
    """For float32: fewer draws and eigenvalues."""
    with tiny.quick():
        effort = replace(EFFORT, num_wrong=4, num_spectra=2, spectrum_tolerance=1e-2)
        return Prober(tiny.model(), effort, longest=3)


@pytest.fixture(scope="module")
def probe(prober):
    return prober(θ, BATCH, step_size=η)


@pytest.fixture(scope="module")
def dense():
    """J [5], σ [5], g [5, d], H [5, d, d], by enumeration."""
    J, g, H = (np.asarray(f(θ)) for f in (tiny.success, tiny.gradients, tiny.hessians))
    p, r = np.exp(np.asarray(tiny.log_all(θ))), tiny.rewards()
    σ = np.sqrt((p * (r - J[:, None]) ** 2).sum(axis=1))
    return J, σ, g, H


def along(H, u):
    return np.einsum("i,xij,j->x", u, H, u)


def test_the_prompts_differ(dense):
    """Otherwise most of what follows would be easy."""
    J, _, g, _ = dense
    assert J.max() > 0.4
    assert J.min() < 0.15
    unit = g / np.linalg.norm(g, axis=1, keepdims=True)
    assert np.abs(unit @ unit.T - np.eye(5)).max() > 0.1


def test_the_dense_hessian_is_that_of_the_enumerated_expectation(dense):
    """Central differences of the enumerated gradient; step 1e-5, error about 1e-10/1e-5 · |∇³J|."""
    _, _, _, H = dense
    q, unravel = ravel_pytree(θ)
    u = np.random.default_rng(0).normal(size=q.size)
    u /= np.linalg.norm(u)
    up, down = (np.asarray(tiny.gradients(unravel(q + s * 1e-5 * u))) for s in (1, -1))
    np.testing.assert_allclose((up - down) / 2e-5, H @ u, rtol=0, atol=1e-6 * np.abs(H @ u).max())


def test_pass_rates_deviations_and_norms(probe, dense):
    J, σ, g, _ = dense
    found = probe.prompts
    np.testing.assert_array_equal(found["prompt"], range(5))
    np.testing.assert_allclose(found["pass_rate"], J, rtol=1e-10)
    np.testing.assert_allclose(found["log_p"], np.log(J), rtol=1e-9)
    np.testing.assert_allclose(found["std"], σ, rtol=1e-10)
    np.testing.assert_allclose(found["gradient_norm"], np.linalg.norm(g, axis=1), rtol=1e-9)
    np.testing.assert_allclose(found["score_norm"], np.linalg.norm(g, axis=1) / J, rtol=1e-9)
    assert probe.state["pass_rate"] == pytest.approx(J.mean(), rel=1e-10)
    assert probe.state["std"] == pytest.approx(σ.mean(), rel=1e-10)
    assert probe.state["num_alive"] == 5


def test_curvature_along_the_own_gradient(probe, dense):
    J, σ, g, H = dense
    unit = g / np.linalg.norm(g, axis=1, keepdims=True)
    κ = np.einsum("xi,xij,xj->x", unit, H, unit)
    np.testing.assert_allclose(probe.prompts["curvature_own"], κ, rtol=0, atol=1e-9 * np.abs(κ).max())
    ratio = np.abs(κ) / σ
    assert probe.state["curvature_per_std_max"] == pytest.approx(ratio.max(), rel=1e-8)
    assert probe.state["curvature_per_std_median"] == pytest.approx(np.median(ratio), rel=1e-8)
    assert probe.state["curvature_argmax_p"] == pytest.approx(J[ratio.argmax()], rel=1e-9)
    squares = np.linalg.norm(g, axis=1) ** 2 / J  # p (u·s)², without the second derivative of log π: refused
    assert np.abs(squares - κ).max() > 0.1 * np.abs(κ).max()


@pytest.mark.parametrize("name", ["none", "group"])
def test_slopes_and_curvatures_along_the_shared_directions(probe, dense, name):
    _, σ, g, H = dense
    u = (g / (σ[:, None] if name == "group" else 1)).sum(axis=0)
    u /= np.linalg.norm(u)
    κ = along(H, u)
    np.testing.assert_allclose(probe.prompts[f"slope_{name}"], g @ u, rtol=0, atol=1e-9 * np.abs(g @ u).max())
    np.testing.assert_allclose(probe.prompts[f"curvature_{name}"], κ, rtol=0, atol=1e-9 * np.abs(κ).max())


def test_the_shared_directions_are_two(probe):
    assert np.abs(probe.prompts["slope_none"] - probe.prompts["slope_group"]).max() > 1e-4


def test_cosines_and_indices(probe, dense):
    _, σ, g, _ = dense
    unit = g / np.linalg.norm(g, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.testing.assert_allclose(probe.cosines, cosines, rtol=0, atol=1e-10)
    off = cosines[~np.eye(5, dtype=bool)]
    s = probe.state
    assert s["cosine_mean"] == pytest.approx(off.mean(), abs=1e-10)
    assert s["cosine_std"] == pytest.approx(off.std(), rel=1e-9)
    assert s["cosine_90"] == pytest.approx(np.quantile(np.abs(off), 0.9), rel=1e-9)
    own = (g**2).sum(axis=1)
    χ = g.sum(axis=0) @ (g / σ[:, None]).sum(axis=0) / (own / σ).sum()
    assert s["cross_ratio"] == pytest.approx(χ, rel=1e-9)
    assert s["orthogonality"] == pytest.approx((g.sum(axis=0) ** 2).sum() / own.sum(), rel=1e-9)
    assert s["relative_gain"] == pytest.approx(0.5 * (own / σ).sum() / own.sum(), rel=1e-9)
    scores = g / np.asarray(probe.prompts["pass_rate"])[:, None]
    wrong = scores.sum(axis=0) @ (scores / σ[:, None]).sum(axis=0) / ((scores**2).sum(axis=1) / σ).sum()
    assert abs(wrong - χ) > 1e-2  # χ of the scores instead of the gradients: refused


def test_extreme_eigenvalues_of_prompts_spread_over_p(probe, dense):
    J, _, _, H = dense
    least, greatest = probe.prompts["eigenvalue_least"], probe.prompts["eigenvalue_greatest"]
    chosen = np.argsort(J)[[0, 2, 4]]
    assert sorted(np.flatnonzero(np.isfinite(least))) == sorted(chosen)
    for x in chosen:
        values = np.linalg.eigvalsh(H[x])
        # ARPACK may stop at a gap of the square root of its tolerance in the vector
        np.testing.assert_allclose([least[x], greatest[x]], values[[0, -1]], rtol=1e-6)
    assert (least[chosen] <= probe.prompts["curvature_own"][chosen]).all()
    assert (greatest[chosen] >= probe.prompts["curvature_own"][chosen]).all()


def test_t5_parts_along_the_own_gradient(probe, dense):
    """M of all 156 responses by dense second differences; the sampled parts within 4 of their standard errors."""
    J, σ, g, H = dense
    unit = g / np.linalg.norm(g, axis=1, keepdims=True)
    q, unravel = ravel_pytree(θ)
    M = np.empty((5, 156))
    for x in range(5):
        h = 1e-4  # log π is O(1): rounding 1e-16/1e-8, truncation 1e-8 |∇⁴|
        up, middle, down = (np.asarray(tiny.log_all(unravel(q + s * h * unit[x])))[x] for s in (1, 0, -1))
        M[x] = ((up - down) / (2 * h)) ** 2 + (up - 2 * middle + down) / h**2
    π = np.exp(np.asarray(tiny.log_all(θ)))
    np.testing.assert_allclose((π * M).sum(axis=1), 0, atol=1e-4)  # T5: E M = 0
    spread = np.sqrt((π * M**2).sum(axis=1))
    κ = np.einsum("xi,xij,xj->x", unit, H, unit)
    found = probe.prompts
    assert np.isfinite(found["spread"]).all()
    assert (np.abs(found["spread"] - spread) < 4 * found["spread_error"]).all()
    assert (np.abs(found["correlation"] - κ / (σ * spread)) < 4 * found["correlation_error"]).all()
    np.testing.assert_allclose(found["correlation"] * found["std"] * found["spread"], κ, rtol=1e-8)
    assert (found["spread_error"] < 0.25 * spread).all()  # the comparison means something
    assert (np.abs(J / (1 - J) * spread - found["spread"]) > 4 * found["spread_error"]).any()


def test_t5_parts_where_two_tokens_end(dense):
    """A response is what stands before its end: the parts are those of the 85 responses so counted, not of the 106."""
    ends, free = (tiny.END, tiny.SEPARATOR), tiny.parameters(dtype=jnp.float64)
    y, n, ended = tiny.strings(ends=ends)
    y, n = (np.broadcast_to(x, (5, *x.shape)) for x in (y, n))
    answers = np.stack([np.where(tiny.right() == tiny.END, end, tiny.right()) for end in ends], axis=1)
    lengths = np.repeat(np.asarray(BATCH.response_lengths), 2, axis=1)
    flat, unravel = ravel_pytree(free)

    @partial(jax.jit, compiler_options=tiny.QUICK)
    def log_all(q):
        log_π = tiny._log_of(unravel(q), tiny.SMALLEST, tiny.ALL, y, n)
        closed = jax.nn.logsumexp(log_π[:, ended].reshape(5, -1, 2), axis=-1)
        return jnp.concatenate([closed, log_π[:, ~ended]], axis=1)

    @partial(jax.jit, compiler_options=tiny.QUICK)
    def success(q):
        def value(q):
            J = jnp.exp(tiny._log_of(unravel(q), tiny.SMALLEST, tiny.ALL, answers, lengths)).sum(axis=1)
            return J, J

        return jax.jacrev(value, has_aux=True)(q)

    g, J = success(flat)
    unit = np.asarray(g) / np.linalg.norm(g, axis=1, keepdims=True)
    π = np.exp(np.asarray(log_all(flat)))
    M = np.empty_like(π)
    for x in range(5):
        h = 1e-4  # as above
        up, middle, down = (np.asarray(log_all(flat + s * h * unit[x]))[x] for s in (1, 0, -1))
        M[x] = ((up - down) / (2 * h)) ** 2 + (up - 2 * middle + down) / h**2
    spread = np.sqrt((π * M**2).sum(axis=1))
    with tiny.quick():
        effort = replace(EFFORT, num_spectra=0)
        found = Prober(tiny.model(ends=ends), effort, longest=3)(free, BATCH, step_size=η).prompts
    np.testing.assert_allclose(found["pass_rate"], J, rtol=1e-9)
    np.testing.assert_allclose(found["gradient_norm"], np.linalg.norm(g, axis=1), rtol=1e-9)
    assert (np.abs(found["spread"] - spread) < 4 * found["spread_error"]).all()
    assert (found["spread_error"] < 0.25 * spread).all()


# --- one step -----------------------------------------------------------------------------------------------------


def steps(dense):
    _, σ, g, _ = dense
    return {"none": 2 * η * g.mean(axis=0), "group": η * (g / σ[:, None]).mean(axis=0)}


@pytest.mark.parametrize("name", ["none", "group"])
def test_gains_of_one_step(probe, dense, name):
    J, _, g, H = dense
    δ = steps(dense)[name]
    s = probe.state
    first = g.mean(axis=0) @ δ
    assert s["step_size"] == η
    assert s[f"step_norm_{name}"] == pytest.approx(np.linalg.norm(δ), rel=1e-9)
    assert s[f"gain_first_{name}"] == pytest.approx(first, rel=1e-9)
    assert s[f"gain_second_{name}"] == pytest.approx(first + along(H, δ).mean() / 2, rel=1e-8)
    q, unravel = ravel_pytree(θ)
    real = float(tiny.success(unravel(q + δ)).mean()) - J.mean()
    assert s[f"gain_real_{name}"] == pytest.approx(real, rel=1e-9)
    assert abs(s[f"gain_second_{name}"] - real) < 0.5 * abs(s[f"gain_first_{name}"] - real)


def test_gains_are_the_taylor_polynomials(prober):
    """Ten times smaller steps: the second-order error falls a thousandfold, the first-order one a hundredfold."""
    errors = []
    for size in (1e-2, 1e-3):
        s = prober(θ, BATCH, step_size=size).state
        errors.append([s[f"gain_{order}_group"] - s["gain_real_group"] for order in ("first", "second")])
    ratio = np.abs(np.array(errors[0]) / errors[1])
    assert 80 < ratio[0] < 120
    assert 600 < ratio[1] < 1_600  # third order, and the fourth still shows at the larger step


def test_surpluses(probe, dense):
    _, σ, g, _ = dense
    s = probe.state
    for order in ("first", "second", "real"):
        assert s[f"surplus_{order}"] == s[f"gain_{order}_group"] - s[f"gain_{order}_none"]
    own = (g**2).sum(axis=1)
    # J and the step are means over N prompts: each own term carries 1/N²
    assert s["surplus_own"] == pytest.approx((η / 25 * own * (1 / σ - 2)).sum(), rel=1e-9)


# --- rounding and ends --------------------------------------------------------------------------------------------


def test_float32_against_float64(probe, narrow):
    """Stated error of the float32 probe: 2e-5 of the largest entry of each column and each number of the state, gains
    by difference (of J to 1e-7 each) apart."""
    found = narrow(jax.tree.map(lambda x: x.astype(jnp.float32), θ), BATCH, step_size=η)
    for name, column in found.prompts.items():
        if name.startswith(("correlation", "spread", "eigenvalue")):  # of other draws, of another tolerance
            continue
        error = np.abs(column - probe.prompts[name]).max()
        assert error <= 2e-5 * np.abs(probe.prompts[name]).max(), (name, error)
    for name, value in found.state.items():
        exact = probe.state[name]
        allowed = 5e-7 if "real" in name else 2e-5 * max(abs(exact), probe.state["gain_first_group"])
        assert abs(value - exact) <= allowed, (name, value, exact)
    np.testing.assert_allclose(found.cosines, probe.cosines, rtol=0, atol=1e-5)
    assert np.abs(found.prompts["log_p"] - probe.prompts["log_p"]).max() > 1e-9  # it was float32


@pytest.mark.parametrize("sharpness", [20.0, 60.0, 1000.0])
def test_certain_and_hopeless_prompts_give_no_nan(narrow, sharpness):
    """float32 logits of tens, hundreds and thousands: p of 1 and of 0, scores of 0, log p ≥ 0 by rounding."""
    trained = tiny.trained(30)
    extreme = {**trained, "final_norm": sharpness * trained["final_norm"]}
    found = narrow(extreme, BATCH, step_size=η)
    p = found.prompts["pass_rate"]
    assert (np.abs(p - 0.5) > 0.499).any()
    for name, column in found.prompts.items():
        if not name.startswith(("correlation", "spread", "eigenvalue")):  # NaN says: not measured
            assert np.isfinite(column).all(), name
    for name, value in found.state.items():
        if not name.startswith(("curvature", "cross", "orthogonality", "relative")):  # NaN where no prompt is alive
            assert np.isfinite(value), name
    assert found.state["num_alive"] == (found.prompts["std"] > FLAT).sum()
    assert np.isfinite(found.cosines).all()


def test_effort_leaves_things_out(prober, probe):
    assert {f.name for f in fields(Effort)} == {"chunk", "memory", "num_spectra", "num_wrong", "spectrum_tolerance"}
    again = prober(θ, BATCH, step_size=η)
    for name, column in again.prompts.items():
        np.testing.assert_array_equal(column, probe.prompts[name])
