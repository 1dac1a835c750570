"""What JSON cannot hold becomes what it can."""

import json
from pathlib import Path

from experiments.strict_json import plain


def test_plain_is_strict_json() -> None:
    messy = {"a": [Path("x/y"), float("nan")], "b": (float("inf"), 1.5, None, True), "c": {"d": "nan"}}
    found = plain(messy)
    assert found == {"a": ["x/y", None], "b": [None, 1.5, None, True], "c": {"d": "nan"}}
    json.dumps(found, allow_nan=False)
