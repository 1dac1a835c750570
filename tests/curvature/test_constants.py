"""Each constant, derived again from the extremal problem that defines it."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from curvature import constants


def maximum(f, low: float, high: float) -> tuple[float, float]:
    found = minimize_scalar(lambda x: -f(x), bounds=(low, high), method="bounded", options={"xatol": 1e-12})
    return float(found.x), float(-found.fun)


def test_curvature_is_the_sharp_constant_of_two_arms():
    # T1: K = 2, width 1: |H|/σ = pq|1 − 2p|/√(pq), at its greatest at p = (2 ± √2)/4
    p, top = maximum(lambda p: np.sqrt(p * (1 - p)) * (1 - 2 * p), 0.0, 0.5)
    assert p == pytest.approx((2 - np.sqrt(2)) / 4, abs=1e-6)  # a quadratic maximum locates p to √eps only
    assert pytest.approx(top, rel=1e-12) == constants.CURVATURE


def test_slope_is_the_sharp_constant_of_two_arms():
    # T2: g/σ = √(pq) for width 1, and |∂ log σ| = |1 − 2p|/2 → 1/2
    _, top = maximum(lambda p: np.sqrt(p * (1 - p)), 0.0, 1.0)
    assert pytest.approx(top, rel=1e-12) == constants.SLOPE
    assert abs(1 - 2 * 0.0) / 2 == constants.SLOPE


@pytest.mark.parametrize("w", [0.1, 1.0, 3.0])
def test_half_width_integrates_t1_along_the_step(w):
    # T3: σ(tδ) ≤ σ e^{tw/2} and |H| ≤ σ w²/4, so the remainder is ∫ (1−t) w²/4 e^{tw/2} dt
    a = constants.HALF_WIDTH * w
    integral, _ = quad(lambda t: (1 - t) * w**2 / 4 * np.exp(t * w / 2), 0, 1)
    assert np.exp(a) - 1 - a == pytest.approx(integral, rel=1e-9)  # quad's own default accuracy is 1.5e-8


def test_step_and_rate_maximise_the_certified_gain():
    # T6: a step 4c/D² gains σγ²(c − ψ(c)) at least: the best c is ln 2 and c₀ is the value there
    c, top = maximum(lambda c: 2 * c + 1 - np.exp(c), 0.0, 2.0)
    assert c == pytest.approx(constants.STEP, abs=1e-6)  # √eps, as above
    assert top == pytest.approx(constants.RATE, rel=1e-12)
    assert np.exp(constants.STEP) == pytest.approx(2.0, rel=1e-15)
    assert pytest.approx(np.log(4.0 / np.e), rel=1e-14) == constants.RATE


def test_a_priori_deviation():
    # Popoviciu: on [0, 1] the greatest deviation is that of a fair coin
    rng = np.random.default_rng(0)
    samples = rng.beta(0.1, 0.1, size=(2000, 6))
    assert samples.std(axis=1).max() <= constants.A_PRIORI_STD
    assert np.std([0.0, 1.0]) == constants.A_PRIORI_STD


def test_diameter_units_come_from_the_quadratic_form_of_t3():
    # maximise s|g| − σ s² D²/8 at |g| = σ = D = 1: s = 4
    s, _ = maximum(lambda s: s - s**2 / 8, 0.0, 20.0)
    assert s == pytest.approx(constants.STEP_UNIT, abs=1e-6)  # √eps, as above
    assert constants.STEP_UNIT * constants.CURVATURE == 1
    assert isinstance(constants.STEP_UNIT, int)


def test_phase_levels_are_the_definition():
    # not derived: phases are defined by χ staying below three quarters, then below one quarter
    assert constants.PHASE_LEVELS == (0.75, 0.25)
