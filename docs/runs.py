"""Five runs and what `grpo-curvature advise` says of each: `python docs/runs.py` writes docs/runs.md, a test compares.

Four logs are made here and read as anybody's; what is said of the real run, whose log is not part of this project,
stands in docs/results/advice.json, which `python docs/runs.py --measure LOG` writes.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

from curvature.group_update import greatest_moved_share, moved_share, update_lengths
from experiments import cli

ROOT = Path(__file__).resolve().parent
PAGE, MEASURED = ROOT / "runs.md", ROOT / "results" / "advice.json"
SIZE = 8
HEAD = """# Five runs, and what the tool says of each

Written by `python docs/runs.py` out of the command's own answers; a test compares. [logs.md](logs.md) has the rules.

"""


def advised(path: Path, *options: str) -> dict[str, Any]:
    """What `advise` prints as JSON."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        cli.main(["advise", str(path), "--json", *options])
    return json.loads(printed.getvalue())


def counts(path: Path, size: int, rates: np.ndarray, steps: int, *, seed: int, live_only: bool = False) -> Path:
    """A table of counts: one group per prompt and step, at pass rates [N] or, step by step, [steps, N]."""
    right = np.random.default_rng(seed).binomial(size, np.broadcast_to(rates, (steps, np.shape(rates)[-1])))
    rows = [f"{t},{x},{k},{size}" for t, x in np.ndindex(right.shape) if 0 < (k := right[t, x]) < size or not live_only]
    path.write_text("\n".join(["step,prompt,num_correct,num_samples", *rows]) + "\n", encoding="utf-8")
    return path


def rates(seed: int = 0, number: int = 96) -> np.ndarray:
    """Pass rates as in many runs: most prompts hard, some easy."""
    return np.random.default_rng(seed).beta(0.35, 0.7, number)


def shaped(path: Path) -> Path:
    """Right or wrong plus a hundredth for length, with TRL's advantages."""
    rng = np.random.default_rng(1)
    right = (rng.random((10, 96, SIZE)) < rates()[:, None]).astype(np.float32)
    length = (0.01 * rng.random(right.shape)).astype(np.float32)
    total = right + length
    A = (total - total.mean(-1, keepdims=True)) / (total.std(-1, ddof=1, keepdims=True) + np.float32(1e-4))
    rows = [
        f"{t},{x},{t * 96 + x},{right[t, x, i]},{length[t, x, i]},{A[t, x, i]}" for t, x, i in np.ndindex(right.shape)
    ]
    path.write_text(
        "\n".join(["step,prompt,group,reward_right,reward_length,advantage", *rows]) + "\n", encoding="utf-8"
    )
    return path


def filtered(folder: Path) -> Path:
    """open-instruct's rollouts, whose groups without a deviation were dropped before they were written."""
    right = np.random.default_rng(2).binomial(SIZE, rates(), (10, 96))
    rows = []
    for t, x in np.ndindex(right.shape):
        k = int(right[t, x])
        if 0 < k < SIZE:
            for i in range(SIZE):
                r = float(i < k)
                rows.append(json.dumps({"step": t, "prompt_idx": int(x), "sample_idx": i, "reward": r,
                                        "advantage": r - k / SIZE, "finish_reason": "stop"}))  # fmt: skip
    (folder / "run_rollouts_000000.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def block(title: str, log: str, found: dict[str, Any], why: str) -> str:
    """One run."""
    lines = [f"## {title}", "", log, "", f"> **{found['sentence']}**", ">"]
    lines += [f"> - {reason}" for reason in found["reasons"]]
    lines += [">", "> Limits:", ">", *(f"> - {limit}" for limit in found["limits"])] if found["limits"] else []
    return "\n".join([*lines, "", why, ""])


def page() -> str:
    """The whole page."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        columns = ("--reward-columns", "reward_right", "reward_length")
        path = shaped(folder / "shaped.csv")
        with_column, without = advised(path, *columns, "--correct", "reward_right"), advised(path, *columns)
        (folder / "filtered").mkdir()
        dropped = advised(filtered(folder / "filtered"))
        pairs = advised(counts(folder / "pairs.csv", 2, rates(), 10, seed=3))
        plain = advised(counts(folder / "plain.csv", SIZE, rates(), 10, seed=0))
    return HEAD + "\n".join(
        [
            block(
                "A simulated run, whose truth is known",
                f"96 prompts, {SIZE} answers each, ten steps; their pass rates are known, most of them low. The true share that "
                f"dividing moves is {100 * true_moved():.1f}% of the update.",
                plain,
                "The interval holds the truth. Whether a lead of that size is there the log cannot say, but it could not be seen with "
                "fewer runs.",
            ),
            block(
                "A real run",
                "GRPO on Qwen2.5-Math-1.5B, 64,000 groups of 8, 1,209 prompts visited 44 to 57 times each, as counted from the "
                "public repository ypwang61/One-Shot-RLVR (the log is not part of this project).",
                measured,
                "Pass rates rose along the run, so the interval is that over its four quarters; dividing moves about as much in "
                "each. What follows the run is another matter.",
            ),
            block(
                "Shaped rewards",
                "As the first, with a hundredth of the reward for length beside right or wrong, and TRL's advantages.",
                with_column,
                "A group that is all wrong has rewards that differ by thousandths. Its own deviation blows that up to the size of "
                "right and wrong; one divisor for the batch, or none, leaves it at thousandths. Without `--correct` it cannot be "
                f'told which answers are right, and there is no advice: "{without["sentence"]}"',
            ),
            block(
                "A log whose dead groups were dropped",
                "As the first, in open-instruct's files, which leave out groups whose rewards are all equal.",
                dropped,
                "What dividing moves is said: dead groups take no part in an update. How many there were is not, nor what another "
                "number of answers would do, and no replay is made, since the hard prompts are missing: `--filtered-counts FILE` "
                "gives their number.",
            ),
            block(
                "Two answers per prompt",
                "As the first, in groups of 2.",
                pairs,
                "One right and one wrong is the only live group there is, so there is nothing to weigh against. The same holds "
                f"for 3 answers, and up to 7 dividing never moves more than {100 * greatest_moved_share(7):.1f}% of the update.",
            ),
        ]
    )


def true_moved() -> float:
    """What dividing moves with infinitely many groups of these pass rates."""
    law = binom.pmf(np.arange(SIZE + 1)[:, None], SIZE, rates()).mean(axis=1)
    lengths = (update_lengths(rule, law) for rule in ("group", "none"))
    return float(moved_share(*lengths, law))


def measure(real: Path) -> None:
    """Write what is said of the real run."""
    found = advised(real, "--step-column", "visit")
    MEASURED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]))
    PAGE.write_text(page(), encoding="utf-8")
