"""Tables of the language model's page, from the summaries of `gsm8k validate` and `gsm8k compare`."""

from __future__ import annotations

import re

from parts import load, number, table


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
        for place, pair in enumerate(case["pairs"]):
            if pair["first"] == "none":
                other = overlaps["advise"]["cases"][steps]["pairs"][place]
                leads = (change(found) for found in (pair["real"], pair["replay"], other["replay"]))
                rows.append((STEPS[steps], pair["second"], *leads))
    return table(("steps", "rule, less none", "the study", "replay, cosines as measured", "as in `advise`"), rows)


def groups_in(name: str) -> list[str]:
    """Which comparison it was."""
    summary = load(name)
    run, config = summary["run"], summary["run"]["config"]
    return [
        f"Run {run['run_id']} of commit {run['commit'][:7]} on {run['device']}: {config['train']}, "
        f"{summary['num_parameters']:,} numbers trained with {config['optimiser']}, {config['num_steps']} updates of "
        f"{config['prompts_per_step']} prompts with {config['group_size']} answers; {config['num_sets']} reported "
        f"sets of {config['num_prompts']} + {config['num_test']} prompts, {config['num_tuning']} for tuning; "
        f"{run['wall_time_s'] / 60:.0f} minutes of computing."
    ]


def groups_by_rule(name: str) -> list[str]:
    """Where the runs of a comparison ended, and who leads."""
    summary, rows = load(name), []
    for rule, found in summary["rules"].items():
        lead = summary["leads"].get(rule)
        leads = (change(lead[side]) for side in ("train", "test")) if lead else ("", "")
        means = (change(found[column]) for column in ("train", "test"))
        rows.append((rule, f"{found['step_size']:.3g}", *means, *leads, found["fell"]))
    first = next(iter(summary["rules"]))
    head = ("rule", "rate", "training p", "held-out p", f"training p, less {first}", f"held-out p, less {first}",
            "runs that fell")  # fmt: skip
    return table(head, rows)


TABLES = (origin, held_out, ends, ratios, exponents, verdicts, both, foretold, replayed, groups_in, groups_by_rule)
