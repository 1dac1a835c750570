"""Tables of the page on rollout logs: a real run as `logs report` reads it, and how often replays hold the truth."""

from __future__ import annotations

import json
from statistics import median

from parts import RESULTS, load, number, table


def percent(share: float, digits: int = 1) -> str:
    """6.8%."""
    return f"{100 * share:.{digits}f}%"


def between(value: float, low: float, high: float) -> str:
    """6.8% [6.6%, 7.0%]."""
    return f"{percent(value)} [{percent(low)}, {percent(high)}]"


def _share(found: dict[str, float]) -> str:
    return between(found["value"], found["low"], found["high"])


def _moved(found: dict[str, float]) -> str:
    return between(found["moved"], found["moved_low"], found["moved_high"])


def log_origin(name: str) -> list[str]:
    """What the log holds."""
    s = load(name)
    return [
        f"{s['num_groups']:,} groups of {s['group_size']} answers to {s['num_prompts']:,} prompts, "
        f"{percent(s['dead_share'])} of them dead (all answers have the same reward)."
    ]


def log_rules(name: str) -> list[str]:
    """Which groups each rule's update comes from, and what of it lies elsewhere than without dividing."""
    rows = []
    for rule, found in load(name)["rules"].items():
        moved = _moved(found) if found["moved_high"] > 1e-12 else "0"
        shares = (percent(found[part], 0) for part in ("hard", "middle", "easy"))
        rows.append((f"`{rule}`", *shares, moved, f"{found['step_l1']:.2f}, {found['step_l2']:.2f}"))
    head = ("rule", "from hard groups", "from those between", "from easy ones", "moved", "gradient, L1 and L2")
    return table(head, rows)


def log_windows(name: str) -> list[str]:
    """The same run quarter by quarter."""
    rows = []
    for found in load(name)["windows"]:
        twice = found["dead_share_twice"]
        at_twice = "not said: the quarter changes within" if twice is None else _share(twice)
        visits = f"{found['first_step']} to {found['last_step']}"
        rows.append((visits, percent(found["right"], 0), percent(found["dead_share"]), at_twice, _moved(found)))
    return table(("visits", "right answers", "dead", "dead with twice as many answers", "`group` moves"), rows)


def log_sizes(name: str) -> list[str]:
    """Dead shares at other group sizes."""
    found = load(name)["dead_share_at"]
    rows = [(size, _share(share), number(share["bias"])) for size, share in found.items() if share["resolved"]]
    return table(("answers per prompt", "dead", "bias that no estimator can avoid, at most"), rows)


def covered(name: str) -> list[str]:
    """How many bands of replays hold the true lead: a row for each docs/results/NAME_*.json."""
    rows = []
    every = [json.loads(path.read_text(encoding="utf-8")) for path in RESULTS.glob(f"{name}_*.json")]
    for found in sorted(every, key=lambda found: (found["group_size"], found["optimiser"] != "sgd")):
        told = [case for case in found["cases"] if case["covered"] is not None]
        held = sum(case["low"] <= case["truth"] <= case["high"] for case in told)
        zero = sum(case["low"] <= 0 <= case["high"] for case in told)
        width = 100 * median(case["high"] - case["low"] for case in told)
        prompts = found["prompts_per_update"] or "all"
        rows.append(
            (found["group_size"], found["optimiser"], prompts, f"{held} of {len(told)}", zero, f"{width:.1f} points",
             len(found["cases"]) - len(told))
        )  # fmt: skip
    head = (
        "answers per prompt", "optimiser", "of 64 prompts in an update", "bands that hold the true lead", "that hold 0",
        "width, median", "logs not replayed",
    )  # fmt: skip
    return table(head, rows)


TABLES = (log_origin, log_rules, log_windows, log_sizes, covered)
