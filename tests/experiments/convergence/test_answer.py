"""The answer in words says what the numbers say: changed numbers change it."""

import copy

from experiments.convergence.answer import answer


def summary() -> dict:
    entry = {"rule": "group", "verdict": "better", "difference": 0.01}
    return {
        "exponents": {"0": -1.0, "1": -2.0},
        "finite_groups": {"2": {"late_speedup": 2.0}, "8": {"late_speedup": 3.024}, "64": {"late_speedup": 8.06}},
        "comparison": [
            {**entry, "rule": "none", "verdict": "baseline", "difference": 0.0},
            entry,
            {**entry, "verdict": "no difference", "difference": -0.002},
        ],
        "where_grpo_loses": {"X1": {"group": {"first_gain": -1.0}}, "C6": {"group": {"first_gain": -0.1}}},
    }


def test_the_answer_in_words() -> None:
    said = " ".join(answer(summary()))
    for words in (
        "falls like t<sup>-2.00</sup> where it falls like t<sup>-1.00</sup> without",
        "2.00 times as fast in groups of 2, 3.02 times in groups of 8 and 8.1 times in groups of 64",
        "of 2 degrees of overlap between prompts dividing is ahead at 1, no different at 1; its lead in accuracy, "
        "averaged over training, is between -0.20 and +1.00 points",
        "lowers the mean reward in 2 of 2 examples made for it (X1, C6;",
    ):
        assert words in said, words


def test_other_numbers_are_another_answer() -> None:
    other = copy.deepcopy(summary())
    other["comparison"][2]["verdict"] = "worse"
    other["where_grpo_loses"]["C6"]["group"]["first_gain"] = 0.1
    said = " ".join(answer(other))
    assert "ahead at 1, behind at 1;" in said
    assert "1 of 2 examples made for it (X1;" in said
