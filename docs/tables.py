"""Writes the measured tables of pages from docs/results/*.json. `python docs/tables.py [NAME=summary.json …]`.

With NAME=summary.json the summary of a run of `gsm8k validate`, `sweep` or `reproduce` is taken over first, as
docs/results/NAME.json: what tables and pictures need of it, without the folders of the machine that it ran on. A block
`<!-- TABLE NAME -->` of a page is what the function TABLE makes of docs/results/NAME.json.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))  # tests run this file from elsewhere

import tables_language  # noqa: E402
import tables_simulations  # noqa: E402
from parts import RESULTS, Summary, load  # noqa: E402, F401  # load: for tests

from experiments.phase_diagram.divide import tallies, tally  # noqa: E402
from experiments.phase_diagram.summary import counted  # noqa: E402

KEPT = ("num_parameters", "held_out", "cross_ratio", "curvature_exponent", "final", "tuning", "predictions")
"""What is committed of a validation's summary.json, beside where it comes from."""
REPRODUCED = (
    "num_checks", "num_violations", "exponents", "exponents_predicted", "exponential_rate", "finite_groups", "checks",
    "false_variants_caught", "regimes", "comparison", "where_grpo_loses",
)  # fmt: skip
"""The same of `reproduce`."""


def tuned(summary: Summary) -> Summary:
    """GRPO against REINFORCE where steps are tuned, as a trainer's are: in sampled groups, by their size, and exact."""
    cells = [cell for cell in counted(summary["cells"]) if cell["axes"]["design"] == "kl-limited"]
    sizes = {str(size): [c for c in cells if c["axes"]["group_size"] == size] for size in summary["axes"]["group_size"]}
    sampled = [cell for size, mine in sizes.items() if size != "exact" for cell in mine]
    return {name: tally(mine, "group", "training") for name, mine in {"sampled": sampled, **sizes}.items()}


def take(summary: Summary) -> Summary:
    """What is kept of a run's summary.json."""
    if "overall" in summary:
        spec = summary["run"]["spec"]
        run = {name: summary["run"][name] for name in ("run_id", "commit", "device", "versions", "num_rows")}
        run["spec"] = {name: spec[name] for name in ("name", "seed", "num_steps", "tuning_seeds", "seeds", "grid")}
        kept = {"run": run, "rules": summary["rules"], "overall": summary["overall"]}
        if "certified" in summary["axes"]["design"]:
            kept["tuned"] = tuned(summary)
        return kept | ({"divide": tallies(summary)} if max(summary["axes"]["held_out"]) else {})
    if summary["run"]["config"]["command"] == "reproduce":
        run = {name: summary["run"][name] for name in ("run_id", "commit", "device", "versions", "config")}
        return {"run": run} | {name: summary[name] for name in REPRODUCED}
    run = {name: summary["run"][name] for name in ("run_id", "commit", "device", "wall_time_s", "versions")}
    run["plan"] = summary["run"]["config"]["plan"]
    return {"run": run} | {name: summary[name] for name in KEPT if name in summary}


TABLES = {function.__name__: function for function in (*tables_language.TABLES, *tables_simulations.TABLES)}
BLOCK = re.compile(r"<!-- (\w+) (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def filled(page: str) -> str:
    """The page with every block `<!-- TABLE NAME -->` … `<!-- end -->` written anew."""

    def block(found: re.Match[str]) -> str:
        kind, name = found.groups()
        return "\n".join([f"<!-- {kind} {name} -->", *TABLES[kind](name), "<!-- end -->"])

    return BLOCK.sub(block, page)


def pages() -> list[Path]:
    """Those that have blocks."""
    return [path for path in sorted(DOCS.glob("*.md")) if BLOCK.search(path.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        NAME, _, PATH = argument.partition("=")
        SUMMARY = take(json.loads(Path(PATH).read_text(encoding="utf-8")))
        (RESULTS / f"{NAME}.json").write_text(
            json.dumps(SUMMARY, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    for PAGE in pages():
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
