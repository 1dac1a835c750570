"""`python -m experiments.logs.replay [NUMBER [G]]`: how many bands of NUMBER replays hold the true lead.

One line of JSON per simulated run, and the count at the end; about a minute for 50 runs on an idle core.
"""

from __future__ import annotations

import json
import sys

import curvature  # noqa: F401  (64 bits)
from experiments.compilation import use_cache
from experiments.logs.replay.coverage import cases, row


def main(number: int, group_size: int) -> None:
    """Simulate, print, count."""
    found = []
    for case in cases(number, group_size):
        found.append(case.covered)
        print(json.dumps(row(case), ensure_ascii=False), flush=True)
    told = [covered for covered in found if covered is not None]
    print(f"{sum(told)} of {len(told)} bands hold the true lead; {len(found) - len(told)} logs were not replayed")


if __name__ == "__main__":
    use_cache()
    main(*(int(argument) for argument in (sys.argv[1:] + ["50", "8"][len(sys.argv) - 1 :])[:2]))
