"""Sums, means and deviations over parts against loops over lists."""

import statistics

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curvature.ragged import Parts, parts

GROUPS = st.lists(
    st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=1, max_size=6), min_size=1, max_size=6
)


@given(GROUPS, st.sampled_from([0, 1]))
def test_everything_agrees_with_loops(groups: list[list[float]], ddof: int) -> None:
    flat = np.array([value for group in groups for value in group])
    made = Parts(np.repeat(np.arange(len(groups)), [len(group) for group in groups]), len(groups))
    np.testing.assert_allclose(made.total(flat), [sum(group) for group in groups], atol=1e-11)
    np.testing.assert_allclose(made.mean(flat), [statistics.mean(group) for group in groups], atol=1e-11)
    centred = [value - statistics.mean(group) for group in groups for value in group]
    np.testing.assert_allclose(made.centre(flat), centred, atol=1e-11)
    np.testing.assert_allclose(made.deviation(flat, ddof), [std(group, ddof) for group in groups], atol=1e-10)
    others = [std(group[:i] + group[i + 1 :], ddof) for group in groups for i in range(len(group))]
    np.testing.assert_allclose(made.deviation_of_others(flat, ddof), others, atol=1e-5)  # of differences of squares
    np.testing.assert_array_equal(made.largest(np.abs(flat)), [max(map(abs, group)) for group in groups])


def std(values: list[float], ddof: int) -> float:
    """0 where there are too few."""
    if len(values) <= ddof or not values:
        return 0.0
    return statistics.stdev(values) if ddof else statistics.pstdev(values)


def test_equal_values_have_no_deviation() -> None:
    made = parts(np.array(["a"] * 3 + ["b"] * 3))
    equal = np.array([0.7, 7 * 0.1, 0.7, 0.1, 0.1, 0.1])
    assert made.deviation(equal, 1).max() < 1e-15
    assert (made.deviation_of_others(np.array([1.0, 0.0, 0.0, 0.3, 0.3, 0.3]), 1)[[0, 3, 4, 5]] == 0).all()


def test_a_part_without_rows_is_zero() -> None:
    made = Parts(np.array([0, 2]), 3)
    assert made.mean(np.array([1.0, 2.0])).tolist() == [1.0, 0.0, 2.0]
    assert made.deviation(np.array([1.0, 2.0]), 1).tolist() == [0.0, 0.0, 0.0]
