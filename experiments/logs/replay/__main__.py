"""`python -m experiments.logs.replay [NUMBER]`: how many bands of NUMBER replays hold the true lead."""

from __future__ import annotations

import json
import sys

import curvature  # noqa: F401  (64 bits)
from experiments.compilation import use_cache
from experiments.logs.replay.coverage import cases, row


def main(number: int) -> None:
    """One line of JSON per simulated run, and the count."""
    found = []
    for case in cases(number):
        found.append(case)
        print(json.dumps(row(case)), flush=True)
    told = [case for case in found if case.low is not None]
    print(
        f"{sum(case.covered for case in told)} of {len(told)} bands hold the true lead; {len(found) - len(told)} logs "
        "were not replayed"
    )


if __name__ == "__main__":
    use_cache()
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
