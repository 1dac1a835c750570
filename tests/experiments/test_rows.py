"""Rows as columns, and back."""

import numpy as np

from experiments.rows import join, of, stack, where


def test_rows_become_columns_and_gaps_nan() -> None:
    found = stack([{"a": 1, "b": 2.0}, {"a": 3}], seed=7)
    assert list(found) == ["a", "b", "seed"]
    assert found["a"].tolist() == [1, 3]
    assert np.isnan(found["b"]).tolist() == [False, True]
    assert found["seed"].tolist() == [7, 7]


def test_join_puts_tables_below_each_other() -> None:
    tables = [{"a": np.array([1, 2]), "b": np.array(["x", "y"])}, {"a": np.array([3]), "b": np.array(["zz"])}]
    found = join(tables)
    assert found["a"].tolist() == [1, 2, 3]
    assert found["b"].tolist() == ["x", "y", "zz"]


def test_rows_are_chosen_by_columns_and_by_place() -> None:
    rows = {"rule": np.array(["a", "b", "a"]), "seed": np.array([0, 0, 1]), "x": np.array([1.0, 2.0, 3.0])}
    assert of(rows, rule="a", seed=1)["x"].tolist() == [3]
    assert where(rows, rows["x"] < 2.5)["rule"].tolist() == ["a", "b"]
    assert where(rows, np.array([2, 0]))["x"].tolist() == [3, 1]
