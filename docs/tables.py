"""Writes the measured tables of pages from docs/results/*.json. `python docs/tables.py [NAME=summary.json …]`.

With NAME=summary.json the summary of a run of `gsm8k validate`, `gsm8k compare`, `sweep`, `reproduce`, `phases` or
`logs report` is taken over first, as docs/results/NAME.json: what tables and pictures need of it, without the folders
of the machine that it ran on. A block `<!-- TABLE NAME -->` of a page is what the function TABLE makes of
docs/results/NAME.json.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from statistics import quantiles
from typing import Any

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))  # tests run this file from elsewhere

import tables_language  # noqa: E402
import tables_logs  # noqa: E402
import tables_phases  # noqa: E402
import tables_simulations  # noqa: E402
from parts import RESULTS, Summary, load  # noqa: E402, F401  # load: for tests

from experiments.phase_diagram.divide import WHERE, WORDS, leads, tallies, tally  # noqa: E402
from experiments.phase_diagram.summary import counted  # noqa: E402

KEPT = {
    "gsm8k validate": (
        "num_parameters", "held_out", "cross_ratio", "curvature_exponent", "final", "tuning", "predictions",
    ),
    "gsm8k compare": ("num_parameters", "start_train", "start_test", "rules", "leads", "final", "tuning"),
    "reproduce": (
        "num_checks", "num_violations", "exponents", "exponents_predicted", "exponential_rate", "finite_groups",
        "checks", "false_variants_caught", "regimes", "comparison", "where_grpo_loses",
    ),
    "phases": ("num_checks", "num_violations", "checks", "recipe", "verdicts", "limits"),
    "logs report": (
        "num_groups", "num_prompts", "group_size", "dead_share", "rules", "dead_share_at", "windows",
    ),
}  # fmt: skip
"""What is committed of a command's summary.json, beside where it comes from."""


def with_tuned_steps(summary: Summary) -> list[Any]:
    """The counted cells whose steps are tuned, as a trainer's are."""
    return [cell for cell in counted(summary["cells"]) if cell["axes"]["design"] == "kl-limited"]


def tuned(summary: Summary) -> Summary:
    """GRPO against REINFORCE where steps are tuned: in sampled groups, by their size, and exact."""
    cells = with_tuned_steps(summary)
    sizes = {str(size): [c for c in cells if c["axes"]["group_size"] == size] for size in summary["axes"]["group_size"]}
    sampled = [cell for size, mine in sizes.items() if size != "exact" for cell in mine]
    return {name: tally(mine, "group", "training") for name, mine in {"sampled": sampled, **sizes}.items()}


def ends(summary: Summary) -> Summary:
    """The best known J and each rule's last, means over the counted cells of each number of directions and policy."""
    cells, found = counted(summary["cells"]), {}
    for axis in ("dimension", "policy"):
        for value in summary["axes"][axis]:
            mine = [cell["rules"] for cell in cells if cell["axes"][axis] == value]
            best = [rules["none"]["area"][0] + rules["none"]["regret"][0] for rules in mine]
            last = {name: sum(rules[name]["final"][0] for rules in mine) / len(mine) for name in summary["rules"]}
            found.setdefault(axis, {})[str(value)] = {
                "best": sum(best) / len(best), "last": last,
            }  # fmt: skip
    return {axis: values for axis, values in found.items() if len(values) > 1}


def _split(summary: Summary, measure: Callable[[list[Any]], Any], axis: str = "optimiser") -> Summary:
    """`measure` of the counted cells with tuned steps, by the values of an axis and by group size."""
    cells, found = with_tuned_steps(summary), {}
    for value, size in product(summary["axes"][axis], summary["axes"]["group_size"]):
        mine = [c for c in cells if (c["axes"][axis], c["axes"]["group_size"]) == (value, size)]
        found.setdefault(str(value), {})[str(size)] = measure(mine)
    return found


def learning_rates(cells: list[Any]) -> list[float]:
    """How many times smaller GRPO's tuned step is than REINFORCE's: quartiles over cells."""
    rules = [cell["rules"] for cell in cells]
    ratios = sorted(rule["none"]["step_size"] / rule["group"]["step_size"] for rule in rules)
    return [float(f"{x:.4g}") for x in quantiles(ratios, n=4)]


RATES = {"the same": (0.9, 1.1), "longer": (1.1, float("inf")), "shorter": (0, 0.9)}
"""GRPO's tuned step over REINFORCE's; steps that were tried are at least 3 apart."""


def rate(cell: Any) -> str:
    """Which of `RATES` a cell's tuned steps have."""
    ratio = cell["rules"]["group"]["step_size"] / cell["rules"]["none"]["step_size"]
    (name,) = (name for name, (low, high) in RATES.items() if low <= ratio < high)
    return name


def both(cells: list[Any]) -> Summary:
    """GRPO against REINFORCE on prompts that are trained on and on others, and the lead of every cell by verdict.

    Cells whose two tuned steps are the same have a tally of their own, and their leads stand apart from the others'.
    """
    found: Summary = {}
    same = [cell for cell in cells if rate(cell) == "the same"]
    parts = {"leads": same, "leads_of_two_rates": [cell for cell in cells if rate(cell) != "the same"]}
    for where in WHERE:
        found[where] = {**(tally(cells, "group", where) or {}), "at_one_rate": tally(same, "group", where)}
        for part, mine in parts.items():
            all_leads = leads(mine, "group", where)
            each = {word: sorted(x["difference"][0] for x in all_leads if x["verdict"] == word) for word in WORDS}
            found[where][part] = {word: [float(f"{x:.4g}") for x in values] for word, values in each.items()}
    return found


def by_rate(summary: Summary) -> Summary:
    """GRPO against REINFORCE by optimiser, where its tuned step is the same, longer and shorter."""
    found: Summary = {optimiser: {name: [] for name in RATES} for optimiser in summary["axes"]["optimiser"]}
    for cell in with_tuned_steps(summary):
        found[cell["axes"]["optimiser"]][rate(cell)].append(cell)
    return {
        optimiser: {name: {where: _farthest(mine, where) for where in WHERE} for name, mine in steps.items()}
        for optimiser, steps in found.items()
    }


def _farthest(cells: list[Any], where: str) -> Summary | None:
    """The tally, with the largest lead or loss of a cell; None without cells."""
    known = tally(cells, "group", where)
    largest = max((abs(lead["difference"][0]) for lead in leads(cells, "group", where)), default=0.0)
    return None if known is None else {**known, "farthest": largest}


def take_sweep(summary: Summary) -> Summary:
    """What is kept of a sweep's summary.json: no cells."""
    spec = summary["run"]["spec"]
    run = {name: summary["run"][name] for name in ("run_id", "commit", "device", "versions", "num_rows")}
    run["kernel_chunks"] = summary["run"].get("kernel_chunks")
    run["spec"] = {name: spec[name] for name in ("name", "seed", "num_steps", "tuning_seeds", "seeds", "grid")}
    kept = {"run": run, "rules": summary["rules"], "overall": summary["overall"], "ends": ends(summary)}
    kept["learning_rates"] = _split(summary, learning_rates)
    if "certified" in summary["axes"]["design"]:
        kept["tuned"] = tuned(summary)
    if max(summary["axes"]["held_out"]):
        kept |= {"divide": tallies(summary), "by_optimiser": _split(summary, both), "by_rate": by_rate(summary)}
    if max(summary["axes"]["updates_per_batch"]) > 1:
        kept["by_updates"] = _split(summary, both, "updates_per_batch")
    return kept


def take(summary: Summary) -> Summary:
    """What is kept of a run's summary.json."""
    if "overall" in summary:
        return take_sweep(summary)
    config = summary["run"]["config"]
    run = {name: summary["run"][name] for name in ("run_id", "commit", "device", "versions")}
    if config["command"] in ("gsm8k validate", "gsm8k compare"):
        run["wall_time_s"] = summary["run"]["wall_time_s"]
    if "plan" in config:
        run["plan"] = config["plan"]
    else:
        run["config"] = config
    return {"run": run} | {name: summary[name] for name in KEPT[config["command"]] if name in summary}


MODULES = (tables_language, tables_logs, tables_phases, tables_simulations)
TABLES = {function.__name__: function for module in MODULES for function in module.TABLES}
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
