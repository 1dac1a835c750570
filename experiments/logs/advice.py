"""What a log advises: from numbers to a verdict with its reasons and its limits, or to silence. A pure function.

The question is whether to divide each group's advantages by the group's own deviation. In turn, the first that holds:

    1  the log is unfit as a whole (rows missing, sizes mixed, evaluations among them)      abstains
    2  two reward values and G ≤ 3: dividing is a learning rate (T13)                       nothing to decide
    3  χ < 0, resolved: the divided update lowers the mean reward to first order (T9)       do not divide
    4  more than a tenth of the divided update goes into groups whose answers are all
       right or all wrong, and more than of the undivided one: shaping is blown up          do not divide
    5  no number of what is moved, or none of what is lost to shaping                       abstains
    6  the replay's whole band is positive and can be seen, χ is not known to be small      divide
    7  less than a tenth is moved: neither end of the lead's band could be seen             no difference
                                   one could, in 20 runs of each rule or fewer              not resolved
    8  anything else                                                                        abstains

A band that holds 0 is no sign of no difference where it is wide: what it allows could be seen. A loss is never
predicted from a replay alone: it knows nothing of how prompts overlap. Independent check, case by case:
tests/experiments/logs/test_advice.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from curvature.seeds import seeds_needed
from experiments.logs.report.answer import percent

Verdict = Literal["nothing to decide", "no difference", "not resolved", "do not divide", "divide", "abstains"]
LITTLE = 0.10
"""Share of the update: less is little to move, more is much to lose to shaping."""
MOST_RUNS = 20
"""Runs per rule beyond which nobody looks."""
ALIKE = 3
"""G up to which, with two reward values, every live group is weighed alike."""
HINDERED = 0.25
"""χ below which a run is in the third phase: prompts undo most of each other's gain."""
NOTHING = 0.0005
"""A simulated lead that rounds to 0.0 points of accuracy."""
RUN_STD = (0.01, 0.03)
"""Deviation of a run's accuracy from seed to seed, where the reader does not say: between these."""
REPLAY = "`grpo-curvature advise RUN --replay` simulates your own pass rates"


@dataclass(frozen=True)
class Interval:
    """A number of the log with its 95% interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{percent(self.value)} [{percent(self.low)}, {percent(self.high)}]"


@dataclass(frozen=True)
class Lead:
    """By how much `group` may lead `none` in mean accuracy over a run, each with its own best step."""

    low: float
    high: float
    source: str
    """Where that is known from, in words that go on a sentence: "in the replay of your run"."""
    replayed: bool
    """Whether it is of the reader's own pass rates."""

    @property
    def largest(self) -> float:
        """The greatest difference that it allows, of either sign."""
        return max(self.high, -self.low)

    def __str__(self) -> str:
        if self.low == self.high:
            if self.largest < NOTHING:
                return f"less than {100 * NOTHING:.2g} points of accuracy"
            return f"{100 * self.high:.2g} points of accuracy"
        return f"{100 * self.low:+.2g} to {100 * self.high:+.2g} points of accuracy"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The numbers that decide, and why others are missing."""

    group_size: int
    binary: bool
    """Whether rewards have two values."""
    rule: str | None
    """What the trainer did, of the report's rules; None where the log does not say."""
    moved: Interval | None
    """The share of the update that dividing moves to other groups; over a run that changed, ends over its stretches."""
    unmoved_why: str = ""
    """Why there is no `moved`."""
    unanimous: Interval | None = None
    """Share of the divided update in groups whose answers are all right or all wrong."""
    unanimous_plain: Interval | None = None
    """The same of the undivided one."""
    unanimous_why: str = ""
    """Why there is none, where rewards have more than two values."""
    lead: Lead | None = None
    lead_why: str = ""
    """Why there is no lead, or none of the reader's own pass rates."""
    run_std: tuple[float, float] = RUN_STD
    """Between which the deviation from seed to seed lies."""
    chi: tuple[float, float] | None = None
    """χ's interval, measured with gradients."""
    unfit: tuple[str, ...] = ()
    """Why nothing of this log can be advised on."""
    limits: tuple[str, ...] = ()
    """What the reader should know besides."""


@dataclass(frozen=True)
class Advice:
    """One sentence, what it stands on, and what it does not know."""

    verdict: Verdict
    sentence: str
    reasons: tuple[str, ...]
    limits: tuple[str, ...]


def advise(e: Evidence) -> Advice:
    """The advice that the evidence carries; the rules stand above."""
    verdict, sentence, reasons = _decide(e)
    same = (
        "between batch and none there is nothing to decide: one divisor for a batch leaves its direction as it is.",
    )
    limits = () if e.unfit else (*e.limits, *_limits(e, verdict))
    return Advice(verdict, sentence, (*reasons, *(() if e.unfit else same)), limits)


def _decide(e: Evidence) -> tuple[Verdict, str, tuple[str, ...]]:
    if e.unfit:
        return _abstains("the log does not carry an advice", e.unfit)
    if e.binary and e.group_size <= ALIKE:
        return (
            "nothing to decide",
            f"Nothing to decide: in groups of {e.group_size} with two reward values, dividing weighs every live group "
            "alike, so it is a larger learning rate and nothing else.",
            ("proved for every pass rate and however prompts overlap (docs/theory.md, T13).",),
        )
    if e.chi is not None and e.chi[1] < 0:
        return (
            "do not divide",
            f"Do not divide by each group's own deviation: χ, measured between {e.chi[0]:.2g} and {e.chi[1]:.2g}, says "
            "that the divided update lowers your mean reward, to first order.",
            ("the undivided update follows the mean reward's own gradient, and never lowers it to first order (T9).",),
        )
    if _blown_up(e):
        return (
            "do not divide",
            f"Do not divide by each group's own deviation: {e.unanimous} of the divided update goes into groups whose "
            f"answers are all right or all wrong, against {e.unanimous_plain} of the undivided one.",
            (
                "there only the rest of the reward is learnt, which dividing blows up to the size of right and wrong.",
                "ways out: do not divide, divide a batch at once, normalise the reward functions one by one, or drop "
                "groups that are all right or all wrong.",
            ),
        )
    if e.moved is None:
        return _abstains("what dividing moves is not known", (e.unmoved_why,))
    if not e.binary and e.unanimous is None:
        return _abstains(
            f"dividing moves {e.moved} of the total |advantage|, and whether into groups that are all right or all "
            "wrong is not known",
            (e.unanimous_why,),
        )
    if _spread_out(e):
        return _abstains(
            f"{e.unanimous} of the divided update goes into groups whose answers are all right or all wrong, against "
            f"{e.unanimous_plain} of the undivided one: whether that is more, and more than {percent(LITTLE, 0)}, "
            "is not resolved",
            ("a longer log tells.",),
        )
    return _by_lead(e, e.moved)


def _by_lead(e: Evidence, moved: Interval) -> tuple[Verdict, str, tuple[str, ...]]:
    """What is left: a direction that may be better by a lead."""
    moves = f"moves {moved} of the total |advantage| between groups"
    what = f"dividing {moves}"
    lead = e.lead
    if lead is None:
        return _abstains(f"{what}, and what that is worth is not known", (e.lead_why,))
    size = lead.largest
    least, nothing = runs(size, e.run_std[0]), not lead.replayed and size < NOTHING
    reasons = (
        f"{what} (less than {percent(LITTLE, 0)} is little).",
        f"the lead of dividing is {lead} {lead.source}{_holds_0(lead)}.",
        *([] if nothing else [_runs_words(lead, e.run_std)]),
    )
    if lead.replayed and lead.low > 0 and (most := runs(lead.low, e.run_std[1])) <= MOST_RUNS:
        if e.chi is not None and e.chi[0] < HINDERED:
            return _abstains(
                f"the replay lets dividing lead by {lead}, and χ, from {e.chi[0]:.2g}, may be small, where it loses",
                ("measure χ more closely: more prompts, or more answers of each.",),
            )
        return (
            "divide",
            f"Divide by each group's own deviation: the replay of your run lets it lead by {lead} whatever the "
            f"overlap, and {most} runs of each rule would show that.",
            reasons,
        )
    if lead.replayed and lead.high < 0:
        return _abstains(
            f"the replay lets dividing trail by {lead}, and a loss is not advised on without a measured χ",
            ("measure χ with the callback, and give it with --chi LOW HIGH.",),
        )
    if moved.high >= LITTLE:
        return _abstains(
            f"{what}, which may be {percent(LITTLE, 0)} or more: that can be worth something or nothing",
            (reasons[1] if lead.replayed else f"{REPLAY}.",),
        )
    if nothing:
        return "no difference", f"{_none(e)} {moves}, and gains nothing on training prompts in simulations.", reasons
    if least > MOST_RUNS:
        return "no difference", f"{_none(e)} {moves}{_seen(lead, least)}", reasons
    return (
        "not resolved",
        f"Not resolved: {what}, and {_kind(lead)} of up to {100 * size:.2g} points could be seen in {least} runs of "
        "each rule.",
        (*reasons, *(() if lead.replayed else (f"{REPLAY}.",))),
    )


def _seen(lead: Lead, least: int) -> str:
    """How the sentence goes on where a lead is too small to be seen."""
    points = f"{100 * lead.largest:.2g} points"
    needed = f"you need at least {least:,} runs with dividing and {least:,} without."
    if lead.replayed:
        return f", and the replay lets it lead by {lead}; to see {_kind(lead)} of {points} {needed}"
    return f". In simulations it gains {points} on training prompts; to see that {needed}"


def _kind(lead: Lead) -> str:
    return "a lead" if lead.high >= -lead.low else "a loss"


def runs(lead: float, std: float) -> int:
    """Runs per rule that show a lead at 80% power; 0 and less are never seen, which counts as a million.

    >>> runs(0.0065, 0.02)
    150
    """
    return min(seeds_needed(lead, std), 10**6) if lead > 1e-5 else 10**6


def _runs_words(lead: Lead, std: tuple[float, float]) -> str:
    least, most = (f"{runs(lead.largest, s):,}" for s in std)
    number = least if std[0] == std[1] else f"{least} to {most}"
    spread = " to ".join(dict.fromkeys(f"{100 * s:g}" for s in std))
    return (
        f"{_kind(lead)} of {100 * lead.largest:.2g} points is seen in {number} runs of each rule (80% power, "
        f"two-sided 5%), where runs differ by {spread} points from seed to seed."
    )


def _holds_0(lead: Lead) -> str:
    return ", a band that holds 0" if lead.low <= 0 <= lead.high and lead.low < lead.high else ""


def _none(e: Evidence) -> str:
    """The verdict for what the trainer does now, up to the verb of what dividing does."""
    now = {"group": "No reason to stop dividing: it", "none": "No reason to begin dividing: it"}
    return now.get(e.rule or "", "No difference that you could see: dividing")


def _blown_up(e: Evidence) -> bool:
    u, plain = e.unanimous, e.unanimous_plain
    return not e.binary and u is not None and plain is not None and u.low > LITTLE and u.low > plain.high


def _spread_out(e: Evidence) -> bool:
    """Whether the share lost to shaping lies on both sides of the line, or its excess over not dividing is in doubt."""
    u, plain = e.unanimous, e.unanimous_plain
    if e.binary or u is None or plain is None or u.high <= LITTLE or u.high <= plain.high:
        return False
    return not _blown_up(e)


def _limits(e: Evidence, verdict: Verdict) -> tuple[str, ...]:
    """What stands beside a verdict, whatever the log."""
    found = []
    if verdict in ("no difference", "not resolved", "divide", "nothing to decide"):
        found.append("it is about the direction: retune the step when you switch, or its length is what you compare.")
    if verdict in ("no difference", "not resolved", "divide") and e.lead is not None:
        found.append(
            "the lead is of simulated softmax policies with steps tuned for each rule: no clipping, no KL term, no "
            "language model."
        )
        if not e.binary:
            found.append("and of right-or-wrong rewards, while yours have more values.")
        if e.lead.replayed:
            found.append(
                "held against the study of a pretrained model, such a replay foretold the order of rules at equal "
                "steps, and not at tuned ones (docs/language-model.md)."
            )
    if e.chi is None and verdict in ("no difference", "not resolved", "divide", "abstains"):
        found.append("whether prompts hinder each other (χ) is not in a log of rewards; dividing can lose there.")
    elif e.chi is not None and 0 <= e.chi[1] < HINDERED:
        found.append(
            f"χ below {HINDERED}: prompts undo most of each other's gain; all losses of the sweep lay where they do."
        )
    return tuple(found)


def _abstains(what: str, reasons: tuple[str, ...]) -> tuple[Verdict, str, tuple[str, ...]]:
    return "abstains", f"No advice: {what}.", tuple(reason for reason in reasons if reason)
