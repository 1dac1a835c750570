"""Parts "sampled", "starts": what groups of sampled answers reach, counted in answers drawn, against the bounds of T16.

    E q_n ≥ 1/(1/q₀ + (e^w − 1) n),   E n to p = ½  ≥  (1/p₀ − 2)/(1 − e^(−w))

Two arms at distance 1: a group with k right of G moves log-odds by η c(k), c of `curvature.update_lengths`, and nothing
happens between two live groups, so that a run is a walk over its live groups. Expectations are means over runs with
their standard errors; a bound counts as violated where it is missed by more than `ERRORS` of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from curvature import failure_width, group_failure_lower_bound, group_start_lower_bound, start_width, update_lengths
from experiments.convergence.tables import Reached, Started
from experiments.rows import Rows, join, of

RULES = ("none", "group", "power(2)")
SIZES = (2, 3, 4, 8, 16, 64)
WIDTH = 2 * np.log(2)
"""w: what a group moves at most, of all rules at once: e^w = 4. It is T6's step for GRPO and REINFORCE (D = 1)."""
CAPS = {"none": 1 / 4, "group": 1 / 2, "power(2)": 1.0}
"""The greatest c(k) over all G, by which WIDTH is divided for the step."""
PROMPTS = {"one": (1, True), "apart": (4, False), "together": (4, True)}
"""(number of prompts, whether an answer to one moves all alike). One prompt is drawn per update."""
START = 0.0
"""Log-odds of every prompt at the start."""
ANSWERS = 50_000
RUNS = 1000
STARTS = (1e-2, 1e-3, 1e-4)
ERRORS = 5.0
"""Standard errors by which an expectation may miss a bound: met by chance once in a million."""
FALSE_SHARE, FALSE_FACTOR = 0.5, 2.0
"""The false variants claim half of e^w − 1, and twice the answers from a rare start."""

State = tuple[Float[np.ndarray, " R"], Float[np.ndarray, " R"], Float[np.ndarray, "R N"]]
"""Answers drawn when the log-odds came into force, answers drawn when they changed, and the log-odds."""


def moves(rule: str, group_size: int) -> Float[np.ndarray, " counts"]:
    """How far a group with k = 0 … G right answers moves log-odds."""
    return WIDTH / CAPS[rule] * update_lengths(rule, np.ones(group_size + 1))


def live(log_odds: Float[np.ndarray, "*shape"], group_size: int) -> Float[np.ndarray, "*shape"]:
    """1 − p^G − q^G, to full relative accuracy.

    >>> print(live(np.asarray([0.0]), 2))
    [0.5]
    """
    away = np.abs(log_odds)
    return -np.expm1(-group_size * np.log1p(np.exp(-away))) - np.exp(-group_size * np.logaddexp(0, away))


def walk(
    rule: str, group_size: int, log_odds: Float[np.ndarray, "R N"], together: bool, rng: np.random.Generator
) -> Iterator[State]:
    """The states of R runs, one after the other, without end: between two of them lies one live group."""
    z, drawn = log_odds.astype(float), np.zeros(len(log_odds))
    k = np.arange(1, group_size)
    step, choose = moves(rule, group_size)[1:-1], np.cumsum(np.log((group_size - k + 1) / k))
    each = np.arange(len(z))
    while True:
        alive = live(z, group_size)
        chance = np.minimum(alive.mean(axis=1), 1 - 1e-16)
        until = drawn + group_size * np.maximum(np.ceil(np.log(rng.random(len(z))) / np.log1p(-chance)), 1)
        yield drawn, until, z
        x = _draw(alive, rng)
        log_weights = choose + k * z[each, x][:, None]
        right = _draw(np.exp(log_weights - log_weights.max(axis=1, keepdims=True)), rng)
        if together:
            z = z + step[right][:, None]
        else:
            z = z.copy()
            z[each, x] += step[right]
        drawn = until


def _draw(weights: Float[np.ndarray, "R n"], rng: np.random.Generator) -> np.ndarray:
    """One index per row, in proportion to the weights."""
    total = np.cumsum(weights, axis=1)
    return (total < rng.random(len(weights))[:, None] * total[:, -1:]).sum(axis=1).clip(max=weights.shape[1] - 1)


def times(number: int = 30) -> Float[np.ndarray, " n"]:
    """Numbers of answers at which runs are looked at."""
    return np.unique(np.geomspace(64, ANSWERS, number).round())


def failures(
    rule: str, group_size: int, prompts: str, answers: Float[np.ndarray, " n"], rng: np.random.Generator
) -> Float[np.ndarray, "R n"]:
    """The mean failure rate of each run once that many answers have been drawn."""
    number, together = PROMPTS[prompts]
    found = np.empty((RUNS, len(answers)))
    for since, until, z in walk(rule, group_size, np.full((RUNS, number), START), together, rng):
        now = (since[:, None] <= answers) & (answers < until[:, None])
        found = np.where(now, np.exp(-np.logaddexp(0, z)).mean(axis=1)[:, None], found)
        if (until > answers[-1]).all():
            break
    return found


def rows(seed: int) -> Rows:
    """One row a rule, group size, kind of problem and number of answers: means over runs and what bounds them."""
    n, parts = times(), []
    for rule in RULES:
        for G in SIZES:
            for prompts in PROMPTS:
                q = failures(rule, G, prompts, n, _generator(seed, 0, len(parts)))
                widths = moves(rule, G)[1:-1]
                parts.append({
                    "rule": np.full(len(n), rule), "group_size": np.full(len(n), G),
                    "prompts": np.full(len(n), prompts), "num_answers": n,
                    "failure": q.mean(axis=0), "failure_error": error(q),
                    "inverse": (1 / q).mean(axis=0), "inverse_error": error(1 / q),
                    "width": np.full(len(n), widths.max()), "sharp": np.full(len(n), float(failure_width(widths))),
                })  # fmt: skip
    return join(parts)


def start_rows(seed: int) -> Rows:
    """One row a rule, group size and rare start: the answers to p = ½, and what bounds their mean."""
    parts = []
    for rule in RULES:
        for G in SIZES:
            widths = moves(rule, G)[1:-1]
            for p in STARTS:
                n = _answers_to_half(rule, G, p, _generator(seed, 1, len(parts)))
                parts.append({
                    "rule": rule, "group_size": G, "pass_rate": p,
                    "answers": n.mean(), "answers_error": float(error(n)),
                    "width": widths.max(), "sharp": float(start_width(widths)),
                })  # fmt: skip
    return {name: np.asarray([part[name] for part in parts]) for name in parts[0]}


def _answers_to_half(rule: str, group_size: int, pass_rate: float, rng: np.random.Generator) -> np.ndarray:
    n = np.full(RUNS, np.nan)
    start = np.full((RUNS, 1), np.log(pass_rate) - np.log1p(-pass_rate))
    for drawn, _, z in walk(rule, group_size, start, True, rng):
        n = np.where(np.isnan(n) & (z[:, 0] >= 0), drawn, n)
        if not np.isnan(n).any():
            break
    return n


def _generator(seed: int, part: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, part, number])


def error(values: Float[np.ndarray, "R *shape"]) -> Float[np.ndarray, "*shape"]:
    """The standard error of the mean over runs."""
    return np.asarray(values.std(axis=0, ddof=1) / np.sqrt(len(values)))


def lower(rows: Rows, width: str = "sharp", share: float = 1.0) -> np.ndarray:
    """T16's lower bound on the mean failure rate at every row; `share` of e^w − 1 (1: the theorem)."""
    w = np.log1p(share * np.expm1(rows[width]))
    start = np.full(len(w), 1 / (1 + np.exp(START)))
    return np.asarray(group_failure_lower_bound(start, rows["num_answers"], width=w))


def start_lower(rows: Rows, width: str = "sharp") -> np.ndarray:
    """T16's lower bound on the mean number of answers from a rare start at every row."""
    return np.asarray(group_start_lower_bound(rows["pass_rate"], 0.5, width=rows[width]))


def violations(rows: Rows, share: float = 1.0) -> np.ndarray:
    """[2, row]: E q below its bound, E 1/q above 1/q₀ + (e^w − 1) n, beyond the errors of the means."""
    bound = lower(rows, share=share)
    return np.stack([
        rows["failure"] + ERRORS * rows["failure_error"] < bound,
        rows["inverse"] - ERRORS * rows["inverse_error"] > 1 / bound,
    ])  # fmt: skip


def start_violations(rows: Rows, factor: float = 1.0) -> np.ndarray:
    """Where a mean number of answers is below `factor` times its bound (1: the theorem), beyond its error."""
    return rows["answers"] + ERRORS * rows["answers_error"] < factor * start_lower(rows)


def reached(rows: Rows) -> list[Reached]:
    """By rule and G: 1/(n E q) at the last n, of one prompt and of several, with the constants that bound it."""
    entries: list[Reached] = []
    for rule in RULES:
        for G in SIZES:
            last = {name: of(rows, rule=rule, group_size=G, prompts=name, num_answers=rows["num_answers"].max())
                    for name in PROMPTS}  # fmt: skip
            speed = {name: float(1 / (r["num_answers"] * r["failure"])[0]) for name, r in last.items()}
            entries.append({
                "rule": rule, "group_size": G, "speed": speed["one"], "speed_apart": speed["apart"],
                "speed_together": speed["together"], "sharp_constant": float(np.expm1(last["one"]["sharp"][0])),
                "plain_constant": float(np.expm1(last["one"]["width"][0])),
            })  # fmt: skip
    return entries


def started(rows: Rows) -> list[Started]:
    """By rule and G, from the rarest start: answers to p = ½, measured and at least."""
    rare = of(rows, pass_rate=min(STARTS))
    bound, plain = start_lower(rare), start_lower(rare, "width")
    return [
        {"rule": str(rule), "group_size": int(rare["group_size"][i]), "answers": float(rare["answers"][i]),
         "answers_error": float(rare["answers_error"][i]), "sharp_bound": float(bound[i]),
         "plain_bound": float(plain[i])}
        for i, rule in enumerate(rare["rule"])
    ]  # fmt: skip
