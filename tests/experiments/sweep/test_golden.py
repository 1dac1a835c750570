"""A small sweep of every rule for real: the same numbers as when it was first written down."""

import json
from pathlib import Path

from experiments.cli import main
from tests import golden

SPEC = """
name = "golden"
num_steps = 12
num_curve = 4
tuning_seeds = 2
seeds = 3
steps = [1.0, 10.0, 100.0]
[grid]
num_prompts = 6
num_arms = 3
coherence = [0.0, 0.6]
group_size = [4, "exact"]
rule = ["none", "group", "batch", "power(2)", "decoupled"]
"""


def test_the_summary_is_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_text(SPEC, encoding="utf-8")
    main(["sweep", str(tmp_path / "spec.toml"), "--out", str(tmp_path / "out"), "--workers", "1"])
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    kept = {k: v for k, v in summary.items() if k != "run"} | {"spec": summary["run"]["spec"]}
    golden.check("sweep", kept, rel=1e-6)  # sums of float64 in another order, through twelve updates
