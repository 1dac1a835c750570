import numpy as np
import pytest
from scipy import stats

from experiments.phase_diagram.cell import best_rules, ratio_of_times
from experiments.phase_diagram.summary import summarise
from tests.experiments.phase_diagram.made import JITTER, NOISE, T, made, planted, small

RULES = ("none", "group", "batch")


def summary_of(plant, rules=RULES, **axes):
    spec = small(rule=rules, **axes)
    return summarise(made(spec, plant), rules, T)


def one(plant, rules=RULES):
    (cell,) = summary_of(plant, rules)["cells"]
    return cell


def with_gaps(none=0.0, group=0.0, batch=0.0):
    return planted({"none": none, "group": group, "batch": batch})


def test_a_planted_winner_is_found_though_seeds_differ_more_than_rules() -> None:
    cell = one(with_gaps(group=0.02))
    assert (cell["outcome"], cell["winner"], cell["best"]) == ("win", "group", ["group"])
    entry = cell["rules"]["group"]
    difference = np.roll(JITTER, 1) + 0.02 - np.roll(JITTER, 2)  # batch, group, none in alphabetical order
    found = stats.ttest_1samp(difference, 0).confidence_interval(0.95)
    assert entry["difference"] == pytest.approx((difference.mean(), found.low, found.high), abs=1e-12)
    assert entry["verdict"] == "better"
    assert entry["area"][0] == pytest.approx(0.52, abs=1e-12)
    assert entry["regret"][0] == pytest.approx(1 - 0.52, abs=1e-12)
    # without the pairing nobody could tell: the intervals of the means overlap
    assert entry["area"][1] < cell["rules"]["none"]["area"][2]


def test_a_planted_tie_stays_a_tie_of_the_rules_that_are_not_worse() -> None:
    cell = one(with_gaps(none=0.02, group=0.02, batch=-0.02))
    assert (cell["outcome"], cell["winner"]) == ("tie", None)
    assert set(cell["best"]) == {"none", "group"}
    assert cell["rules"]["group"]["verdict"] == "no difference"
    assert cell["rules"]["batch"]["verdict"] == "worse"


def test_rules_that_differ_by_rounding_alone_tie() -> None:
    def rounding(setting, seed):
        return {"area": 0.5 + NOISE[seed] + 1e-13 * (setting.rule == "group")}

    cell = one(rounding)
    assert cell["outcome"] == "tie"
    assert cell["rules"]["group"]["verdict"] == "no difference"


def test_winning_is_corrected_for_all_pairs() -> None:
    """t = 2.6 with 7 degrees of freedom: beyond 2.36 (95%), within the 3.13 of three pairs (98.3%)."""
    x = (NOISE - NOISE.mean()) / (NOISE.std(ddof=1) / np.sqrt(8))
    areas = {"none": np.zeros(8), "group": (x + 2.6) * 1e-3}
    assert best_rules(areas) == ["group"]
    assert best_rules(areas | {"batch": np.full(8, -1.0)}) == ["group", "none"]


def test_rules_that_rounding_alone_parts_stand_as_given() -> None:
    areas = {"none": NOISE, "group": NOISE * (1 + 2e-16) + 1e-15, "batch": NOISE + 1e-6}
    assert best_rules(areas) == ["batch"]  # the same in every seed, so a difference
    assert best_rules({"none": NOISE, "group": areas["group"]})[0] == "none"


def test_a_run_that_is_not_finite_never_wins_and_is_counted() -> None:
    def plant(setting, seed):
        lost = setting.rule == "group" and seed == 3
        return with_gaps(group=0.3)(setting, seed) | (
            {"finite": False, "area": np.nan, "final": np.nan} if lost else {}
        )

    cell = one(plant)
    assert "group" not in cell["best"]
    entry = cell["rules"]["group"]
    assert (entry["not_finite"], entry["missed_90"], entry["area"], entry["difference"]) == (1, 1, None, None)
    assert entry["verdict"] == "not finite"
    # a number in the row does not make the run finite
    again = one(lambda setting, seed: plant(setting, seed) | {"area": 0.9, "final": 0.9})
    assert "group" not in again["best"]


def test_the_only_rule_that_stayed_finite_wins() -> None:
    lost = {"finite": False, "area": np.nan}
    cell = one(lambda s, seed: {"area": 0.2} | (lost if s.rule != "batch" else {}))
    assert (cell["winner"], cell["rules"]["batch"]["difference"]) == ("batch", None)


def test_no_rule_wins_where_all_failed() -> None:
    cell = one(lambda setting, seed: {"area": np.nan, "finite": False, "final": np.nan})
    assert (cell["outcome"], cell["winner"], cell["best"]) == ("no finite rule", None, [])


def test_times_that_were_never_reached_are_counted_and_not_averaged() -> None:
    def plant(setting, seed):
        late = {"none": 3, "group": 5, "batch": 0}[setting.rule]
        return with_gaps()(setting, seed) | {"hitting_time_90": np.inf if seed < late else 10.0 + seed}

    rules = one(plant)["rules"]
    assert rules["none"]["hitting"]["90"] == {"median": 16.5, "never": 3}  # of 13 … 17 and three times never
    assert rules["group"]["hitting"]["90"] == {"median": np.inf, "never": 5}
    assert rules["group"]["ratio"]["90"]["low"] is None  # 5 of 8 pairs are censored
    assert rules["batch"]["ratio"]["90"] == {"median": 1.0, "low": 0.0, "high": 1.0, "censored": 3}


def test_the_ratio_of_times_by_hand() -> None:
    base = np.array([10.0, 20, 30, 40, 50, 60, 70, 80, 90])
    assert ratio_of_times(base / 2, base, 100) == pytest.approx(
        {"median": 0.5, "low": 0.5, "high": 0.5, "censored": 0}, abs=1e-12
    )
    factors = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, np.inf])
    found = ratio_of_times(base * factors, base, 100)
    # the censored pair is at least 100/90: the median is known, as are the 2nd and the 8th of 9
    assert found == pytest.approx({"median": 0.5, "low": 0.2, "high": 0.8, "censored": 1}, abs=1e-12)
    # censored pairs are at least 100/90, so two of them are the least ratios that are possible
    times = np.array([50.0, 50, 50, 50, 50, 50, np.inf, np.inf, np.inf])
    found = ratio_of_times(times, np.where(np.isinf(times), 90, 10.0), 100)
    assert found == pytest.approx({"median": 5.0, "low": 100 / 90, "high": np.inf, "censored": 3}, abs=1e-12)
    assert ratio_of_times(base, np.where(base > 70, np.inf, base), 100)["low"] == 0
    assert ratio_of_times(np.where(base > 70, np.inf, base), base, 100)["high"] == np.inf
    assert ratio_of_times(np.where(base > 40, np.inf, base), base, 100)["median"] is None


def test_degenerate_cells_are_marked_and_not_counted() -> None:
    def design(setting, seed):
        return with_gaps(group=0.3)(setting, seed) | {"degenerate_design": setting.coherence == 0}

    summary = summary_of(design, coherence=(0.0, 0.5))
    assert [cell["degenerate"] is not None for cell in summary["cells"]] == [True, False]
    total = summary["overall"]
    assert (total["num_cells"], total["num_counted"], total["num_degenerate"]) == (2, 1, 1)
    assert total["wins"] == {"none": 0, "group": 1, "batch": 0}

    def solved(setting, seed):  # by all rules in 6 steps, or by all but one
        slow = 7.0 if setting.coherence == 0.5 and setting.rule == "batch" else 6.0
        return with_gaps()(setting, seed) | {"hitting_time_90": slow}

    assert [c["degenerate"] is None for c in summary_of(solved, coherence=(0.0, 0.5))["cells"]] == [False, True]


def test_a_step_at_the_end_of_its_grid_is_marked_unless_the_limit_shortened_all() -> None:
    def plant(setting, seed):
        edge = setting.rule != "none"
        return with_gaps()(setting, seed) | {
            "step_at_edge": edge,
            "limited_share": 1.0 if setting.rule == "group" else 0.9,
        }

    assert one(plant)["at_edge"] == ["batch"]


def test_best_known_j_is_raised_by_what_any_rule_or_group_reached() -> None:
    def plant(setting, seed):
        high = setting.rule == "group" and setting.group_size == 2
        return {"area": 0.4, "final": 0.8 if high else 0.5, "best_known": 0.6}

    summary = summary_of(plant, group_size=(2, 8), coherence=(0.0,))
    for cell in summary["cells"]:  # G = 2 and G = 8 are the same problems
        assert cell["rules"]["none"]["regret"] == pytest.approx((0.4, 0.4, 0.4), abs=1e-12)
    assert summary["overall"]["problems_passed"] == 8
    # a run that is not finite proves nothing
    lost = summary_of(lambda s, seed: plant(s, seed) | {"finite": s.rule != "group"}, group_size=(2, 8))
    assert lost["cells"][0]["rules"]["none"]["regret"][0] == pytest.approx(0.2, abs=1e-12)


def test_runs_that_end_below_their_start_are_counted() -> None:
    cell = one(lambda s, seed: {"area": 0.2, "final": 0.05 if s.rule == "batch" and seed < 3 else 0.1})
    assert {rule: entry["below_start"] for rule, entry in cell["rules"].items()} == {"none": 0, "group": 0, "batch": 3}


def test_counts_by_axis_and_extremes() -> None:
    def plant(setting, seed):
        gap = {0.0: 0.0, 0.3: -0.05, 0.6: 0.02, 0.9: 0.07}[setting.coherence]
        return with_gaps(group=gap)(setting, seed)

    total = summary_of(plant, coherence=(0.0, 0.3, 0.6, 0.9))["overall"]["against_none"]["group"]
    assert [total[word] for word in ("cells", "better", "no difference", "worse")] == [4, 2, 1, 1]
    by = [(e["value"], e["better"], e["worse"]) for e in total["by_axis"]["coherence"]]
    assert by == [(0.0, 0, 0), (0.3, 0, 1), (0.6, 1, 0), (0.9, 1, 0)]
    assert list(total["by_axis"]) == ["coherence"]
    assert total["largest_gain"]["axes"]["coherence"] == 0.9
    assert total["largest_gain"]["difference"][0] == pytest.approx(0.07, abs=1e-12)
    assert total["largest_loss"]["axes"]["coherence"] == 0.3


def test_the_largest_loss_is_the_largest() -> None:
    gaps = {0.0: -0.02, 0.3: -0.07, 0.6: -0.04}
    total = summary_of(lambda s, seed: with_gaps(group=gaps[s.coherence])(s, seed), coherence=tuple(gaps))["overall"]
    assert total["against_none"]["group"]["largest_loss"]["axes"]["coherence"] == 0.3
    assert total["against_none"]["group"]["largest_gain"] is None


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = made(small(rule=RULES, coherence=(0.0, 0.5)), with_gaps(group=0.02))
    order = np.random.default_rng(0).permutation(len(rows["rule"]))
    mixed = summarise({name: values[order] for name, values in rows.items()}, RULES, T)
    assert mixed == summarise(rows, RULES, T)


def test_a_cell_that_lacks_a_rule_is_not_decided() -> None:
    rows = made(small(rule=RULES, coherence=(0.0, 0.5)), with_gaps(group=0.3))
    keep = ~((rows["rule"] == "batch") & (rows["coherence"] == 0))
    summary = summarise({name: values[keep] for name, values in rows.items()}, RULES, T)
    assert [cell["outcome"] for cell in summary["cells"]] == ["incomplete", "win"]
    assert summary["overall"]["num_counted"] == 1


def test_rules_without_none_have_a_winner_and_no_baseline() -> None:
    cell = one(planted({"group": 0.0, "batch": 0.05}), rules=("group", "batch"))
    assert cell["winner"] == "batch"
    assert cell["rules"]["group"]["verdict"] == "no baseline"


def test_cells_are_in_order_and_exact_groups_come_last() -> None:
    summary = summary_of(with_gaps(), group_size=("exact", 16, 2), design=("certified", "kl-limited"))
    assert summary["axes"]["group_size"] == ["2", "16", "exact"]
    assert summary["axes"]["design"] == ["kl-limited", "certified"]
    assert [c["axes"]["group_size"] for c in summary["cells"]] == ["2", "2", "16", "16", "exact", "exact"]


def test_rows_without_reported_runs_or_with_unpaired_seeds_are_refused() -> None:
    rows = made(small(rule=RULES), with_gaps())
    with pytest.raises(ValueError, match="tuning runs alone"):
        summarise({name: values[rows["stage"] == "tune"] for name, values in rows.items()}, RULES, T)
    keep = ~((rows["rule"] == "group") & (rows["seed_index"] == 2))
    with pytest.raises(ValueError, match="the same for each rule"):
        summarise({name: values[keep] for name, values in rows.items()}, RULES, T)
