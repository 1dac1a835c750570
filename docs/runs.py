"""Five runs and what `grpo-curvature advise` says of each: `python docs/runs.py` writes docs/runs.md, a test compares.

Four logs are made here and read as anybody's; what is said of the real run, whose log is not part of this project, and
the replays, which take minutes, stand in docs/results/advice.json: `python docs/runs.py --measure LOG FIRST_VISITS`.
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
    truth = measured["simulated"]
    return HEAD + "\n".join(
        [
            block(
                "A simulated run, whose truth is known",
                f"{truth['num_prompts']} prompts of the simulator, {truth['group_size']} answers each, most prompts hard; ten "
                "steps are logged. What dividing is worth there was found by training both rules with many steps and seeds: "
                f"it leads by {_points(truth['truth'])} ± {_points(truth['truth_half_width'])} points of mean accuracy at "
                f"overlap {truth['coherence']:g}, which the log does not tell.",
                plain,
                "The sentence is true: a lead of that size takes as many runs as it says. With `--replay` the lead is that of "
                f"these pass rates at every overlap, {truth['lead_low'] * 100:+.2g} to {truth['lead_high'] * 100:+.2g} "
                f"points, which {'holds' if truth['covered'] else 'does not hold'} the truth: "
                f'"{truth["replayed"]["sentence"]}"',
            ),
            block(
                "A real run",
                "GRPO on Qwen2.5-Math-1.5B, 64,000 groups of 8, 1,209 prompts visited 51 to 55 times each, as counted from the "
                "public repository ypwang61/One-Shot-RLVR (the log is not part of this project).",
                measured["real"],
                "Pass rates rose along the run, so the interval is that over its four quarters; dividing moves about as much in "
                "each. No replay is made of a run that changed. "
                f'Of the first visits alone it is: "{measured["real_first_visit"]["sentence"]}"',
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
                "for 3 answers, and up to 7 dividing never moves more than 8.6% of the update.",
            ),
        ]
    )


def _points(accuracy: float) -> str:
    return f"{100 * accuracy:.2g}"


def measure(real: Path, first_visit: Path) -> None:
    """Write what takes minutes or needs the real log."""
    import curvature  # noqa: F401  (64 bits)
    from experiments.logs.replay.leads import leads

    ρ = 0.3
    found = leads(rates(), SIZE, np.array([ρ]), seed=77, seeds=32)
    with tempfile.TemporaryDirectory() as name:
        path = counts(Path(name) / "plain.csv", SIZE, rates(), 10, seed=0)
        replayed = advised(path, "--replay")
    low, high = replayed.pop("lead")
    truth = float(found.mean[0])
    result = {
        "simulated": {
            "num_prompts": len(rates()), "group_size": SIZE, "coherence": ρ, "truth": truth,
            "truth_half_width": float(found.half_width[0]), "lead_low": low, "lead_high": high,
            "covered": low <= truth <= high, "replayed": replayed,
        },
        "real": advised(real, "--step-column", "visit"),
        "real_first_visit": advised(first_visit, "--replay"),
    }  # fmt: skip
    MEASURED.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(*map(Path, sys.argv[2:4]))
    PAGE.write_text(page(), encoding="utf-8")
