"""Writes the tables of docs/language-model.md from docs/results/*.json. `python docs/tables.py [NAME=summary.json …]`.

With NAME=summary.json the summary of a run of `gsm8k validate` is taken over first, as docs/results/NAME.json: without
the folders of the machine that it ran on.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "language-model.md"
RESULTS = DOCS / "results"
KEPT = ("num_parameters", "held_out", "cross_ratio", "curvature_exponent", "final", "tuning", "predictions")
"""What of summary.json is committed, beside where it comes from."""
Summary = dict[str, Any]


def take(summary: Summary) -> Summary:
    """What is kept of a run's summary.json."""
    run = {name: summary["run"][name] for name in ("run_id", "commit", "device", "wall_time_s", "versions")}
    run["plan"] = summary["run"]["config"]["plan"]
    return {"run": run} | {name: summary[name] for name in KEPT if name in summary}


def load(name: str) -> Summary:
    """docs/results/NAME.json."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of Markdown; a bar inside a cell is escaped."""

    def line(cells: Sequence[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    return [line(head), "|" + "---|" * len(head), *map(line, rows)]


def number(value: float | None) -> str:
    """Three decimals, or three figures where that says more; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.3g}"


def change(found: dict[str, float | None]) -> str:
    """A mean with its interval."""
    return f"{number(found['mean'])} [{number(found['low'])}, {number(found['high'])}]"


def origin(name: str) -> list[str]:
    """Which run it was."""
    summary = load(name)
    run = summary["run"]
    return [
        f"Run {run['run_id']} of commit {run['commit'][:7]} on {run['device']}: {run['plan']['train']}, "
        f"{summary['num_parameters']:,} numbers trained, {run['plan']['num_seeds']} reported sets; "
        f"{run['wall_time_s'] / 60:.0f} minutes of computing, parts beside one another added up."
    ]


def held_out(name: str) -> list[str]:
    """Changes of held-out pass rates by rule."""
    return table(
        ("rule", "equal steps", "tuned steps", "tuned, figures alone", "tuned, less none"),
        (
            (rule, *(change(row[column]) for column in ("equal", "tuned", "figures", "against_none")))
            for rule, row in load(name)["held_out"].items()
        ),
    )


def ends(name: str) -> list[str]:
    """Where the reported runs ended, means over sets."""
    final, rows = load(name)["final"], []
    for leg, rule in dict.fromkeys((row["mode"], row["rule"]) for row in final):
        runs = [row for row in final if (row["mode"], row["rule"]) == (leg, rule)]
        means = [sum(row[side] for row in runs) / len(runs) for side in ("train", "test")]
        rows.append((leg, rule, f"{runs[0]['step_size']:.3g}", *map(number, means), len(runs)))
    return table(("leg", "rule", "step", "training p", "held-out p", "sets"), rows)


def ratios(name: str) -> list[str]:
    """χ along tuned runs."""
    found = load(name)["cross_ratio"].items()
    rows = ((rule, change(row["start"]), change(row["end"])) for rule, row in found)
    return table(("rule", "χ at the pretrained state", "χ at the run's end"), rows)


def exponents(name: str) -> list[str]:
    """Of |κ| in σ, by region of p."""
    rows = ((region, change(found)) for region, found in load(name)["curvature_exponent"].items())
    return table(("region of p", "exponent of |κ| in σ, among prompts of one state"), rows)


def verdicts(name: str) -> list[str]:
    """Every prediction with its verdict."""
    rows = ((p["name"], p["verdict"], p["evidence"]) for p in load(name)["predictions"])
    return table(("prediction", "verdict", "evidence (95% intervals)"), rows)


def both(name: str) -> list[str]:
    """Predictions that were asked of both models."""
    small = {same_name(p["name"]): p for p in load("small")["predictions"]}
    rows = []
    for p in load(name)["predictions"]:
        other = small.get(same_name(p["name"]))
        if other is not None:
            differs = {p["verdict"], other["verdict"]} == {"confirmed", "refuted"}
            rows.append((p["name"], other["verdict"], p["verdict"], "contradicts" if differs else ""))
    return table(("prediction", "small model, memorised", "pretrained", ""), rows)


def same_name(name: str) -> str:
    """A prediction's name without the leg that it was judged on, and what the states came from."""
    name = re.sub(r" \((answer|equations|step|step_sampled)\)$", "", name).replace(", the measured exponent,", "")
    return re.sub(r" (SFT|RL) state", " state", name)


STEPS = {
    "equal": "equal small steps",
    "tuned": "the study's tuned steps",
    "own": "steps tuned in the replay",
    "adam": "Adam, steps tuned in the replay",
}
COSINES = {"measured": "as measured", "advise": "as in `advise --replay`"}


def foretold(name: str) -> list[str]:
    """Whether a replay of the study foretells the order of its rules."""
    rows = (
        (
            COSINES[overlap], STEPS[steps], case["predicted"] + case["contradicted"] + case["open"],
            case["predicted"], case["contradicted"], case["open"], case["answer"],
        )
        for overlap, found in load(name)["overlaps"].items()
        for steps, case in found["cases"].items()
    )  # fmt: skip
    head = ("cosines", "steps", "pairs resolved in the study", "predicted", "contradicted", "open", "order predicted")
    return table(head, rows)


def replayed(name: str) -> list[str]:
    """Leads over `none`, of the study and of both replays."""
    overlaps, rows = load(name)["overlaps"], []
    for steps, case in overlaps["measured"]["cases"].items():
        for number, pair in enumerate(case["pairs"]):
            if pair["first"] == "none":
                other = overlaps["advise"]["cases"][steps]["pairs"][number]
                leads = (change(found) for found in (pair["real"], pair["replay"], other["replay"]))
                rows.append((STEPS[steps], pair["second"], *leads))
    return table(("steps", "rule, less none", "the study", "replay, cosines as measured", "as in `advise`"), rows)


TABLES: dict[str, Callable[[str], list[str]]] = {
    function.__name__: function
    for function in (origin, held_out, ends, ratios, exponents, verdicts, both, foretold, replayed)
}
BLOCK = re.compile(r"<!-- (\w+) (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def filled(page: str) -> str:
    """The page with every block `<!-- TABLE NAME -->` … `<!-- end -->` written anew."""

    def block(found: re.Match[str]) -> str:
        kind, name = found.groups()
        return "\n".join([f"<!-- {kind} {name} -->", *TABLES[kind](name), "<!-- end -->"])

    return BLOCK.sub(block, page)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        NAME, _, PATH = argument.partition("=")
        SUMMARY = take(json.loads(Path(PATH).read_text(encoding="utf-8")))
        (RESULTS / f"{NAME}.json").write_text(
            json.dumps(SUMMARY, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
