"""Counts of dropped groups as trainers print them."""

from pathlib import Path

import pytest

from experiments.logs.report.filtered import read_filtered
from tests.refusals import message


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0:3, 1:1", (3, 1)),
        ("0:3\n1:1\n0:4\n", (7, 1)),
        ('{"0": 3, "1.0": 2}', (3, 2)),
        ("0.0:5", (5, 0)),
    ],
)
def test_sums(tmp_path: Path, text: str, found: tuple[int, int]) -> None:
    (tmp_path / "a.txt").write_text(text)
    assert read_filtered(tmp_path / "a.txt") == found


@pytest.mark.parametrize("text", ["", "0.5:3", "0:", "a:1", "0:-1", "0:1.5", "2:1", "0:0", "0;1"])
def test_refusals(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    assert message(read_filtered, tmp_path / "a.txt").startswith(f"--filtered-counts is {tmp_path / 'a.txt'}, which ")


def test_no_text_file(tmp_path: Path) -> None:
    assert "No such file" in message(read_filtered, tmp_path / "none.txt")
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe0:1")
    assert "not UTF-8" in message(read_filtered, tmp_path / "a.txt")
