"""Leads over REINFORCE in deviations and seeds, by hand and by simulation, and the answer to the first question."""

import numpy as np
import pytest

from experiments.phase_diagram.divide import rules_table, should_i_divide, tally
from experiments.phase_diagram.lead import answer, held_out, lead_of
from experiments.phase_diagram.summary import summarise
from experiments.statistics import crossed_interval
from tests.experiments.phase_diagram.made import NOISE, made, planted, small


def test_a_lead_by_hand() -> None:
    none, mine = np.array([0.1, 0.3, 0.2, 0.4]), np.array([0.2, 0.3, 0.3, 0.4])
    lead = lead_of(mine, none)
    # differences .1, 0, .1, 0: mean .05, deviation .0577, t_3 = 3.182
    assert lead["difference"] == pytest.approx(
        (0.05, 0.05 - 3.182446305 * 0.0577350269 / 2, 0.05 + 3.182446305 * 0.0577350269 / 2)
    )
    assert lead["verdict"] == "no difference"
    s = np.sqrt((0.05 / 3 + 0.02 / 3) / 2)
    assert lead["deviations"] == pytest.approx(0.05 / s)
    # 2 · 7.849 · (.108/.05)² = 73.3 with the deviation known; Student's quantile asks for one or two more
    assert 74 <= lead["seeds"] <= 76
    assert lead_of(none, none)["seeds"] is None
    flat = lead_of(np.full(3, 0.2), np.full(3, 0.1))
    assert (flat["deviations"], flat["seeds"], flat["verdict"]) == (None, 2, "better")


def unseen(gaps):
    """Held-out areas that are ahead by gaps[rule], whatever training says."""

    def plant(setting, seed):
        shift = sorted(gaps).index(setting.rule)
        area = 0.4 + NOISE[seed] + gaps[setting.rule] + 1e-3 * np.roll(NOISE, shift)[seed]
        return planted({"none": 0.0, "group": 0.05})(setting, seed) | {
            "held_out_area": area,
            "held_out_final": area + 0.1,
            "held_out_curve": np.linspace(0.1, area + 0.1, 5)[:-1],
            "answers_drawn": 100.0 + seed,
        }

    return plant


def test_held_out_prompts_stand_beside_training() -> None:
    spec = small(rule=("none", "group"), held_out=8)
    summary = summarise(made(spec, unseen({"none": 0.0, "group": -0.02})), spec.grid.rule, spec.num_steps)
    (cell,) = summary["cells"]
    entry = cell["rules"]["group"]
    assert entry["verdict"] == "better"
    assert entry["held_out"]["lead"]["verdict"] == "worse"
    assert entry["held_out"]["lead"]["difference"][0] == pytest.approx(-0.02, abs=1e-3)
    assert entry["held_out"]["area"][0] == pytest.approx(0.38, abs=1e-3)
    assert entry["answers_drawn"] == 103.5
    assert len(entry["held_out"]["curve"][0]) == 5
    assert cell["rules"]["none"]["held_out"]["lead"] is None
    assert cell["answer"].startswith("Should I divide? On held-out prompts: no, -0.0")
    assert "On training prompts: yes, +0.05" in cell["answer"]
    assert "deviations of a seed (" in cell["answer"]
    text = should_i_divide(summary)
    assert text.startswith(
        "Should I divide? On held-out prompts: better in 0, worse in 1, no difference in 0 of 1 cell, -0.0200 of mean "
        "reward"
    )
    assert "On training prompts: better in 1, worse in 0, no difference in 0 of 1 cell, +0.0500 of mean reward" in text
    lead = entry["lead"]
    spread = f"typically {lead['deviations']:.2g} of the spread from seed to seed"
    assert f"{spread}, which {lead['seeds']} seeds of each rule would show if seeds were not paired" in text
    page = "".join(rules_table(summary))
    unseen_lead = entry["held_out"]["lead"]
    ends = [" [{:+.4f}, {:+.4f}]".format(*found["difference"][1:]) for found in (unseen_lead, lead)]
    assert f"<td>0 / 0 / 1</td><td>-0.0200{ends[0]}</td><td>1 / 0 / 0</td><td>+0.0500{ends[1]}</td>" in page


def test_a_tally_has_its_interval_over_cells_and_seeds() -> None:
    by_seed = np.random.default_rng(0).normal(0.01, 0.02, (5, 8)) + np.linspace(-0.05, 0.05, 5)[:, None]
    cells = [{"rules": {"group": {"lead": lead_of(each, np.zeros(8)), "held_out": None}}} for each in by_seed]
    found = tally(cells, "group", "training")
    assert found is not None
    assert (found["mean_difference"], found["low"], found["high"]) == crossed_interval(by_seed).ends
    assert found["better"] + found["worse"] + found["no difference"] == 5
    assert tally(cells, "group", "held-out") is None


def test_without_held_out_prompts_training_answers_alone() -> None:
    spec = small(rule=("none", "group"))
    summary = summarise(made(spec, planted({"none": 0.0, "group": 0.05})), spec.grid.rule, spec.num_steps)
    (cell,) = summary["cells"]
    assert cell["rules"]["group"]["held_out"] is None
    assert cell["rules"]["group"]["answers_drawn"] is None
    assert "held-out" not in cell["answer"]
    assert "held-out" not in should_i_divide(summary)
    assert "(held-out)" not in "".join(rules_table(summary))
    assert answer({"none": (None, None)}) is None


def test_runs_that_are_not_finite_have_no_held_out_numbers() -> None:
    spec = small(rule=("none", "group"), held_out=8)
    rows = made(spec, unseen({"none": 0.0, "group": 0.02}))
    mine = {name: column[rows["rule"] == "group"][1:] for name, column in rows.items()}
    assert held_out(mine, mine) is not None
    assert held_out(mine, None)["lead"] is None
    lost = mine | {"finite": np.arange(8) > 0}
    assert held_out(lost, mine) is None
    assert held_out(mine, lost)["lead"] is None
