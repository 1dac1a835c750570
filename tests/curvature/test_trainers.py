"""docs/trainers.md, the settings, and what `Estimator` is made of say the same."""

from pathlib import Path

import pytest

from curvature import PRESETS, Estimator
from curvature.trainers import GDPO, SETTINGS, known_estimators

PAGE = Path(__file__).resolve().parents[2] / "docs" / "trainers.md"
DIVIDES = {
    "group": "the group's deviation",
    "none": "nothing",
    "rloo": "nothing",
    "pooled": "the deviation of all rewards of the batch",
    "batch": "the mean of the groups' deviations",
    "leave_one_out": "the deviation of the other G − 1 answers; nothing where those are equal",
    "maxrl": "the group's mean reward; 0 where that is not positive",
    "gdpo": "each function by its deviation in the group, then their sum by its deviation over the batch",
}


def rows() -> dict[str, list[str]]:
    """{name: the other cells} of the page's table."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_the_page_has_every_estimator_and_its_settings() -> None:
    page = rows()
    assert list(page) == list(known_estimators())
    for name, (rule, ddof, epsilon) in known_estimators().items():
        divides, shown_ddof, shown_epsilon, option, source = page[name]
        assert divides == DIVIDES[rule], name
        assert shown_ddof == ("–" if ddof is None else str(ddof)), name
        assert shown_epsilon == ("–" if epsilon is None else "0" if epsilon == 0 else f"{epsilon:g}"), name
        assert option
        assert source


@pytest.mark.parametrize("name", SETTINGS)
def test_presets_are_made_of_the_settings(name: str) -> None:
    assert PRESETS[name] == Estimator(**SETTINGS[name])
    rule, ddof, epsilon = known_estimators()[name]
    made = PRESETS[name]
    assert epsilon in (None, made.epsilon)
    assert ddof in (None, made.ddof)
    assert (made.scale == "none") == (rule in ("none", "rloo"))
    assert (made.baseline == "leave_one_out") == (rule in ("rloo", "leave_one_out"))
    assert made.std == {"maxrl": "mean", "leave_one_out": "leave_one_out"}.get(rule, "group")


def test_gdpo_is_no_preset() -> None:
    assert "gdpo" not in PRESETS
    assert known_estimators()["gdpo"] == GDPO
