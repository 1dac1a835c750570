"""Tables on the paper's three phases, from the summary of `phases`."""

from __future__ import annotations

from collections.abc import Sequence

from parts import load, table

NUMERALS = {1: "I", 2: "II", 3: "III"}


def _short(value: float) -> str:
    """Two decimals, without a leading 0."""
    text = f"{abs(value):.2f}"
    return ("−" if round(value, 2) < 0 else "") + (text[1:] if text.startswith("0") else text)


def _range(found: Sequence[float], scale: float = 1) -> str:
    """A mean with its interval over seeds."""
    mean, low, high = (_short(scale * value) for value in found)
    return f"{mean} [{low}, {high}]"


def phases(name: str) -> list[str]:
    """Means over each phase of the recipe's runs: surpluses of a step in units of 10⁻⁴."""
    rows = []
    for phase in load(name)["recipe"]:
        surpluses = (_range(phase[what], 1e4) for what in ("own", "certified", "realised"))
        start = f"{phase['first_median']:.0f}"
        rows.append((NUMERALS[phase["phase"]], start, _range(phase["cross_ratio"]), *surpluses))
    return table(("phase", "from step (median)", "χ", "U_own", "U_cert", "U_real"), rows)


def phase_verdicts(name: str) -> list[str]:
    """In how many seeds each criterion holds, by configuration."""
    rows = []
    for configuration, found in load(name)["verdicts"].items():
        counts = (found[what] for what in ("reaches_third", "order", "loss", "all"))
        rows.append((configuration, found["num_seeds"], *counts))
    head = (
        "configuration",
        "seeds",
        "phase III comes",
        "surplus falls from phase to phase",
        "at most 0 in III",
        "all hold",
    )
    return table(head, rows)


TABLES = (phases, phase_verdicts)
