"""How good replays are: `python -m experiments.logs.replay [NUMBER [G]] [--optimiser adam]`, or `--study FOLDER`.

How many bands of NUMBER replays hold the true lead of simulated runs: one line of JSON per run, and the count at the
end; about a minute for 50 runs on an idle core. The runs have 64 prompts, of which `--prompts-per-update` must be a
divisor. `--out` writes all of it into one file. With `--study` the folder of a finished `gsm8k validate --model` run is
replayed from its pass rates, and whether that foretells the order of its rules is written as JSON to `--out`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import curvature  # noqa: F401  (64 bits)
from experiments.compilation import use_cache
from experiments.logs.replay.against import replay_study
from experiments.logs.replay.coverage import TRUE_PROMPTS, cases, row
from experiments.logs.replay.design import Design
from experiments.logs.replay.observed import observe
from experiments.strict_json import plain


def count(number: int, group_size: int, design: Design, out: Path | None) -> None:
    """Simulate, print, count, and write what was printed."""
    found = []
    for case in cases(number, group_size, design):
        found.append(row(case))
        print(json.dumps(found[-1], ensure_ascii=False), flush=True)
    told = [case["covered"] for case in found if case["covered"] is not None]
    print(f"{sum(told)} of {len(told)} bands hold the true lead; {len(found) - len(told)} logs were not replayed")
    if out is not None:
        _write({"group_size": group_size, **asdict(design), "cases": found}, out)


def _write(found: dict[str, Any], out: Path) -> None:
    """As JSON."""
    out.write_text(json.dumps(plain(found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def study(folder: Path, out: Path | None) -> None:
    """Replay a study, print the answers and write what they stand on."""
    found = replay_study(observe(folder))
    for overlap, replayed in found["overlaps"].items():
        for steps, case in replayed["cases"].items():
            numbers = ", ".join(f"{case[what]} {what}" for what in ("predicted", "contradicted", "open"))
            print(f"cosines as {overlap}, steps {steps}: {case['answer']} ({numbers})")
    if out is not None:
        _write(found, out)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m experiments.logs.replay", description=__doc__)
    parser.add_argument("number", nargs="?", type=int, default=50)
    parser.add_argument("group_size", nargs="?", type=int, default=8)
    parser.add_argument("--optimiser", choices=("sgd", "adam"), default="sgd")
    parser.add_argument("--prompts-per-update", type=int, default=0, metavar="B")
    parser.add_argument("--study", type=Path, metavar="FOLDER")
    parser.add_argument("--out", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    use_cache()
    try:
        if arguments.study is None:
            B = arguments.prompts_per_update
            if B < 0 or (B and TRUE_PROMPTS % B):
                raise ValueError(f"--prompts-per-update is {B}; allowed: 0 (all), or a divisor of {TRUE_PROMPTS}")
            count(arguments.number, arguments.group_size, Design(arguments.optimiser, B), arguments.out)
        else:
            study(arguments.study, arguments.out)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
