"""T18 to T20 on random problems: the chain rule written out, checks that find nothing, and false variants found."""

import jax
import numpy as np
import pytest

from experiments.convergence import right_or_wrong
from experiments.convergence.own_rates import ALPHAS


@pytest.fixture(scope="module")
def rows():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(right_or_wrong, "SHAPES", ((3, 1),))
        patch.setattr(right_or_wrong, "PER_SHAPE", 2000)
        return right_or_wrong.rows(0)


def test_every_statement_holds_and_its_false_variant_is_refused(rows):
    r = right_or_wrong
    assert (rows["width"] > 0).all()
    assert not r.curvature_violations(rows).any()
    assert not r.order_violations(rows).any()
    assert not r.split_violations(rows).any()
    assert not r.gain_violations(rows).any()
    assert not r.own_sum_violations(rows).any()
    assert r.own_sum_violations(rows).shape == (len(ALPHAS), len(rows["gain"]))
    assert r.curvature_violations(rows, r.FALSE_CURVATURE).any()
    assert r.gain_violations(rows, r.FALSE_GAIN).any()
    assert r.own_sum_violations(rows, r.FALSE_OWN).any(axis=1).all()


def test_t18_without_its_lower_branch_is_refused(rows):
    """M(k) = k everywhere: false where k < ½."""
    k = np.sqrt(np.maximum(1 - 4 * rows["std"] ** 2, 0))
    assert right_or_wrong.curvature_violations(rows | {"T18": (rows["std"] * rows["width"]) ** 2 * k}).any()
    assert right_or_wrong.order_violations(rows | {"T1": rows["T18"] / 1.001}).all()
    assert right_or_wrong.split_violations(rows | {"slope_part": 2 * rows["slope_part"]}).any()


def test_t19s_ends_are_the_move_of_log_odds_or_the_width(rows):
    wide = rows["width"] ** 2 / 8 + np.abs(rows["log_odds_slope"]) < rows["width"]  # where the width does not cut it
    assert wide.any()
    for name, share in (("T19_lower", -1.0), ("T19_upper", 1.0)):
        wanted = right_or_wrong._moved(rows, share)[wide]
        np.testing.assert_allclose(rows[name][wide], wanted, rtol=1e-7, atol=1e-12)  # 1 − p loses digits near p = 1


def test_the_bend_of_an_own_sum_is_the_chain_rule_written_out():
    drawn = [x[:20] for x in right_or_wrong._draw(np.random.default_rng(3), 3, 2)]
    columns = jax.tree.map(np.asarray, right_or_wrong._many(*drawn))
    p, slope, κ = columns["value"], columns["slope_part"], columns["curvature"]
    σ = np.sqrt(p * (1 - p))
    # F(J)″ = F′J″ + F″J′², F″ = d(p(1 − p))^(−α/2)/dp, J′² from the slope's part (1 − 2p)J′²/σ²
    for alpha in ALPHAS:
        second = -alpha / 2 * (1 - 2 * p) * σ ** (-alpha - 2)
        wanted = σ**-alpha * κ + second * slope * σ**2 / (1 - 2 * p)
        found = (κ - alpha / 2 * slope) / columns["std"] ** alpha
        np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-12)  # 1 − p loses digits near p = 1


def test_shares_of_bounds_are_at_most_1(rows):
    said = right_or_wrong.curved(rows)
    assert said["T1_used"] <= said["T18_used"] + 1e-9 <= 1 + 2e-9
    assert 0 < said["T18_over_T1"] < 1
