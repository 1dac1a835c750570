"""Every rule of the advice and every abstention, a case each; the order they have; what is never advised."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curvature.seeds import seeds_needed
from experiments.logs.advice import HINDERED, LITTLE, MOST_RUNS, Advice, Evidence, Interval, Lead, advise, runs

SMALL = Interval(0.07, 0.06, 0.08)
LARGE = Interval(0.25, 0.22, 0.28)
SWEEP = Lead(0.0065, 0.0065, "on average in simulations", replayed=False)
NO_LEAD = Lead(-0.0001, -0.0001, "on average in simulations", replayed=False)
BASE = Evidence(group_size=8, binary=True, rule="group", moved=SMALL, lead=SWEEP)


def replayed(low: float, high: float) -> Lead:
    return Lead(low, high, "in the replay of your run", replayed=True)


def shaped(divided: Interval, plain: Interval, **changes) -> Evidence:
    return replace(BASE, binary=False, unanimous=divided, unanimous_plain=plain, **changes)


LITTLE_LOST, MUCH_LOST = Interval(0.02, 0.01, 0.03), Interval(0.43, 0.40, 0.46)
NONE_LOST = Interval(0.005, 0.004, 0.006)
CASES = {
    "pairs": (replace(BASE, group_size=2, moved=None), "nothing to decide", "in groups of 2 with two reward values"),
    "threes": (replace(BASE, group_size=3), "nothing to decide", "a larger learning rate and nothing else"),
    "little moved, lead too small": (
        BASE,
        "no difference",
        "In simulations it gains 0.65 points on training prompts; to see that you need at least 39 runs with",
    ),
    "little moved, no lead": (
        replace(BASE, lead=NO_LEAD, run_std=(1e-5, 1e-5)),
        "no difference",
        "of the total |advantage| between groups, and gains nothing on training prompts in simulations.",
    ),
    "little moved, band holds 0 and neither end is seen": (
        replace(BASE, lead=replayed(-0.002, 0.005)),
        "no difference",
        "the replay lets it lead by -0.2 to +0.5 points of accuracy; to see a lead of 0.5 points you need at least 64",
    ),
    "little moved, band holds 0 and its upper end is seen": (
        replace(BASE, lead=replayed(-0.0007, 0.031)),  # of the real run's first visits
        "not resolved",
        "Not resolved: dividing moves 7.0% [6.0%, 8.0%] of the total |advantage| between groups, and a lead of up to "
        "3.1 points could be seen in 3 runs",
    ),
    "little moved, band holds 0 and its lower end is seen": (
        replace(BASE, lead=replayed(-0.04, 0.002)),
        "not resolved",
        "a loss of up to 4 points could be seen in 3 runs",
    ),
    "little moved, band holds 0 and its lower end is the larger": (
        replace(BASE, lead=replayed(-0.006, 0.002)),
        "no difference",
        "to see a loss of 0.6 points you need",
    ),
    "little moved, band positive and too small": (
        replace(BASE, lead=replayed(0.0005, 0.002)),
        "no difference",
        "you need at least 394 runs",
    ),
    "little moved, lead may be seen": (
        replace(BASE, run_std=(0.001, 0.001)),
        "not resolved",
        "could be seen in 2 runs",
    ),
    "band positive, seen at one end alone": (
        replace(BASE, lead=replayed(0.001, 0.03)),
        "not resolved",
        "a lead of up to 3 points could be seen",
    ),
    "band positive and seen": (
        replace(BASE, lead=replayed(0.05, 0.08), moved=LARGE),
        "divide",
        "lets it lead by +5 to +8 points of accuracy whatever the overlap, and 7 runs",
    ),
    "band positive and seen, χ may be small": (
        replace(BASE, lead=replayed(0.05, 0.08), chi=(0.1, 0.6)),
        "abstains",
        "χ, from 0.1, may be small",
    ),
    "band positive and seen, χ known": (replace(BASE, lead=replayed(0.05, 0.08), chi=(0.5, 0.6)), "divide", "Divide"),
    "band negative": (
        replace(BASE, lead=replayed(-0.08, -0.05), moved=LARGE),
        "abstains",
        "a loss is not advised on without a measured χ",
    ),
    "band negative, little moved": (replace(BASE, lead=replayed(-0.08, -0.05)), "abstains", "trail by -8 to -5"),
    "χ resolved below 0": (
        replace(BASE, chi=(-0.3, -0.1)),
        "do not divide",
        "χ, measured between -0.3 and -0.1, says that the divided update lowers your mean reward",
    ),
    "χ not resolved": (replace(BASE, chi=(-0.3, 0.1)), "no difference", "No reason to stop dividing: it moves"),
    "much moved, no replay": (replace(BASE, moved=LARGE), "abstains", "25.0% [22.0%, 28.0%] of the total |advantage|"),
    "much moved, band holds 0": (
        replace(BASE, moved=LARGE, lead=replayed(-0.01, 0.02)),
        "abstains",
        "worth something or nothing",
    ),
    "little or much moved": (replace(BASE, moved=Interval(0.09, 0.07, 0.11)), "abstains", "may be 10% or more"),
    "nothing simulated": (
        replace(BASE, lead=None, lead_why="in groups of more than 64 nothing was simulated."),
        "abstains",
        "what that is worth is not known",
    ),
    "few live groups": (
        replace(BASE, moved=None, unmoved_why="There are 40 live groups, fewer than 50: give a longer log."),
        "abstains",
        "what dividing moves is not known",
    ),
    "shaping blown up": (
        shaped(MUCH_LOST, NONE_LOST),
        "do not divide",
        "43.0% [40.0%, 46.0%] of the divided update goes into groups whose answers are all right or all wrong, against "
        "0.5%",
    ),
    "shaping as large undivided": (shaped(MUCH_LOST, MUCH_LOST), "no difference", "moves 7.0%"),
    "shaping about as large undivided": (
        shaped(MUCH_LOST, Interval(0.41, 0.38, 0.44)),
        "abstains",
        "43.0% [40.0%, 46.0%] of the divided update goes into groups whose answers are all right or all wrong, against "
        "41.0% [38.0%, 44.0%] of the undivided one: whether that is more, and more than 10%, is not resolved",
    ),
    "shaping larger undivided": (
        shaped(MUCH_LOST, Interval(0.5, 0.48, 0.52)),
        "no difference",
        "moves 7.0%",
    ),
    "shaping about a tenth": (
        shaped(Interval(0.10, 0.08, 0.12), NONE_LOST),
        "abstains",
        "10.0% [8.0%, 12.0%] of the divided update goes into groups",
    ),
    "shaping small": (shaped(LITTLE_LOST, NONE_LOST), "no difference", "moves 7.0%"),
    "shaping not told": (
        replace(BASE, binary=False, unanimous_why="Name the function that says 1 for right, --correct COLUMN."),
        "abstains",
        "whether into groups that are all right or all wrong is not known",
    ),
    "unfit": (
        replace(BASE, unfit=("7% of the groups lack a reward: give the files without them.",)),
        "abstains",
        "the log does not carry an advice",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_rule(name: str) -> None:
    evidence, verdict, words = CASES[name]
    found = advise(evidence)
    assert found.verdict == verdict
    assert words in found.sentence
    assert found.reasons
    assert all(reason.endswith((".", ")")) for reason in (*found.reasons, *found.limits))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"moved": None, "unmoved_why": "There are 40 live groups."}, "There are 40 live groups."),
        ({"lead": None, "lead_why": "nothing was simulated."}, "nothing was simulated."),
        ({"binary": False, "unanimous_why": "--correct COLUMN."}, "--correct COLUMN."),
        ({"unfit": ("7% lack a reward.",)}, "7% lack a reward."),
    ],
)
def test_an_abstention_tells_why(changes: dict, said: str) -> None:
    found = advise(replace(BASE, **changes))
    assert found.verdict == "abstains"
    assert said in found.reasons


def test_who_is_unfit_is_told_nothing_else() -> None:
    """Whatever else holds: two answers per prompt, a resolved χ, a band."""
    sure = replace(BASE, group_size=2, chi=(-0.3, -0.1), lead=replayed(0.05, 0.08), unfit=("why.",))
    assert advise(sure) == Advice("abstains", "No advice: the log does not carry an advice.", ("why.",), ())


def test_pairs_go_before_all_that_is_measured() -> None:
    for changes in ({"chi": (-0.3, -0.1)}, {"lead": replayed(0.05, 0.08)}, {"moved": LARGE}):
        assert advise(replace(BASE, group_size=3, **changes)).verdict == "nothing to decide"
    assert advise(replace(BASE, group_size=3, binary=False)).verdict != "nothing to decide"
    assert advise(replace(BASE, group_size=4)).verdict != "nothing to decide"


def test_shaping_goes_before_a_lead() -> None:
    assert advise(shaped(MUCH_LOST, NONE_LOST, lead=replayed(0.05, 0.08))).verdict == "do not divide"


@pytest.mark.parametrize(
    ("rule", "words"),
    [("group", "to stop dividing: it moves"), ("none", "to begin dividing: it moves"), (None, "see: dividing moves")],
)
def test_the_sentence_is_about_what_is_done_now(rule: str | None, words: str) -> None:
    assert words in advise(replace(BASE, rule=rule)).sentence


def test_batch_and_none_are_one_direction() -> None:
    for evidence, _, _ in CASES.values():
        said = [reason for reason in advise(evidence).reasons if "between batch and none" in reason]
        assert len(said) == (0 if evidence.unfit else 1)


def test_limits_name_what_the_verdict_does_not_know() -> None:
    found = advise(BASE)
    assert any("retune the step" in limit for limit in found.limits)
    assert any("no language model" in limit for limit in found.limits)
    assert any("χ" in limit for limit in found.limits)
    assert not any("is not in a log" in limit for limit in advise(replace(BASE, chi=(0.5, 0.6))).limits)
    assert any(f"χ below {HINDERED}" in limit for limit in advise(replace(BASE, chi=(0.05, 0.2))).limits)
    told = [any("not at tuned ones" in x for x in advise(replace(BASE, lead=lead)).limits) for lead in (None, SWEEP,
            replayed(-0.002, 0.005), replayed(-0.002, 0.05), replayed(0.05, 0.08))]  # fmt: skip
    assert told == [False, False, True, True, True]
    assert any("right-or-wrong" in limit for limit in advise(shaped(LITTLE_LOST, NONE_LOST)).limits)


def test_runs_are_those_of_the_t_test() -> None:
    assert runs(0.0065, 0.02) == seeds_needed(0.0065, 0.02) == 150
    assert runs(0.0, 0.02) == runs(-0.1, 0.02) == 10**6
    reason = next(r for r in advise(BASE).reasons if "80% power" in r)
    numbers = [int(n) for n in re.findall(r"\d{2,}", reason)[:2] if n != "65"]
    assert seeds_needed(0.0065, 0.01) in numbers


shares = st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)).map(
    lambda t: Interval(sorted(t)[1], sorted(t)[0], sorted(t)[2])
)
bands = st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)).map(lambda t: replayed(min(t), max(t)))
intervals = st.tuples(st.floats(-3, 3), st.floats(-3, 3)).map(lambda t: (min(t), max(t)))


@given(
    st.integers(2, 128), st.booleans(), st.none() | shares, st.none() | shares, shares, st.none() | bands,
    st.none() | intervals, st.floats(1e-4, 0.2),
)  # fmt: skip
def test_what_is_never_advised(size, binary, moved, unanimous, plain, lead, chi, std) -> None:
    """Whatever the numbers: a verdict for dividing needs a positive band, one against it χ or shaping."""
    e = Evidence(
        group_size=size, binary=binary, rule=None, moved=moved, unanimous=unanimous, unanimous_plain=plain, lead=lead,
        chi=chi, run_std=(std, std),
    )  # fmt: skip
    found = advise(e)
    if found.verdict == "divide":
        assert lead is not None
        assert lead.low > 0
        assert seeds_needed(lead.low, std) <= MOST_RUNS
        assert chi is None or chi[0] >= HINDERED
    if found.verdict == "do not divide":
        assert (chi is not None and chi[1] < 0) or (not binary and unanimous is not None and unanimous.low > LITTLE)
    if found.verdict == "no difference":
        assert moved is not None
        assert moved.high < LITTLE
        assert lead is not None
        assert seeds_needed(max(abs(lead.low), abs(lead.high), 1e-5), std) > MOST_RUNS
    if found.verdict == "not resolved":
        assert moved is not None
        assert moved.high < LITTLE
        assert lead is not None
        assert seeds_needed(max(abs(lead.low), abs(lead.high)), std) <= MOST_RUNS
    if found.verdict == "nothing to decide":
        assert binary
        assert size <= 3


@pytest.mark.parametrize("runs_needed", [MOST_RUNS, MOST_RUNS + 1])
def test_twenty_runs_are_the_line(runs_needed: int) -> None:
    """The same band: resolvable in 20 runs, or in 21."""
    lead = next(x / 1e5 for x in range(300, 2000) if seeds_needed(x / 1e5, 0.01) == runs_needed)
    found = advise(replace(BASE, lead=replayed(-lead / 2, lead)))
    assert found.verdict == ("not resolved" if runs_needed <= MOST_RUNS else "no difference")


def test_a_band_that_is_not_resolved_without_a_replay_asks_for_one() -> None:
    e = replace(BASE, lead=Lead(0.0359, 0.0359, "in groups of 64", replayed=False))
    found = advise(e)
    assert found.verdict == "not resolved"
    assert any("--replay" in reason for reason in found.reasons)
    assert not any("--replay" in reason for reason in advise(replace(e, lead=replayed(0.001, 0.03))).reasons)
