"""What the groups say: shares, ratios and intervals, each with its error, and what the log cannot say."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from curvature.best_kernel import BiasAware, bias_aware_half_width, bias_aware_interval
from curvature.clusters import clustered_std_error
from curvature.count_kernels import dead_kernel, rate_spread
from curvature.group_update import effective_groups, greatest_weight_ratio, length_cosine, moved_share, step_ratios
from curvature.law_of_rates import law_of_rates
from curvature.seeds import seeds_needed
from experiments.logs.advice import RUN_STD, advise
from experiments.logs.advise.evidence import evidence
from experiments.logs.groups import UNKNOWN_STEP, Groups
from experiments.logs.report.abstain import DRIFT, FEWEST_LAWS, FEWEST_SHARES, WIDEST, abstained, stationary_p
from experiments.logs.report.classes import class_starts, in_classes
from experiments.logs.report.estimator import Estimator
from experiments.logs.report.measure import LOGGED, Measured
from experiments.logs.report.resample import Resamples, resamples
from experiments.logs.report.tables import Advised, DeadShare, RuleRow, Seeds, Summary, Unanimous, Window

LEADS = (0.002, 0.005, 0.01, 0.02, 0.05)
"""Of which the seeds needed are said."""
FEWEST_IN_WINDOW = 20
"""Groups; a shorter log has fewer stretches than were asked for."""
LARGEST_GROUP = 64
"""Up to which other sizes than smaller ones are said: larger groups have no need of it, and take minutes."""
LARGEST_LAW = 512
"""Up to which a law of pass rates is fitted: in larger groups k/G is the pass rate to .02 and less."""


def sizes(group_size: int) -> list[int]:
    """Sizes of groups at which the dead share is said.

    >>> sizes(8)
    [2, 4, 8, 16, 24, 32, 64]
    """
    all_sizes = {2, 4, 8, 16, 32, 64, *(group_size * times for times in (1, 2, 3, 4, 8))}
    return sorted(m for m in all_sizes if m <= (8 * group_size if group_size <= LARGEST_GROUP else group_size))


def summarise(
    groups: Groups,
    measured: Measured,
    estimator: Estimator,
    *,
    correct: str | None,
    filtered: tuple[int, int] | None,
    num_windows: int,
    run_std: float | None,
) -> Summary:
    """Everything that the report says.

    Arguments:
        groups: the log.
        measured: its groups, in the order of steps.
        estimator: what it was trained with.
        correct: the reward function that says what is right.
        filtered: (all wrong, all right) groups that the trainer dropped, where the reader says so.
        num_windows: stretches of the log that are shown apart.
        run_std: deviation of a run's accuracy from seed to seed, where the reader knows it.
    """
    p = stationary_p(measured)
    silent = abstained(groups, measured, p, filtered=filtered is not None)
    draws = resamples(measured)
    wrong, right = filtered or (0, 0)
    number = measured.num_groups + wrong + right
    laws = _laws(measured, (wrong, right), silent)
    rules = _rules(measured, draws) if "moved_share" not in silent else {}
    unanimous = _unanimous(measured, draws) if correct is not None and "unanimous_share" not in silent else None
    whose = LOGGED if LOGGED in measured.lengths else "group"
    dead = (int((~measured.live).sum()) + wrong + right) / number
    counts = measured.counts
    all_right = None if counts is None else (int((counts == measured.group_size).sum()) + right) / number
    found = Summary(
        format=groups.format,
        grouped_by=groups.grouped_by,
        notes=[note.text for note in groups.notes],
        num_groups=groups.num_groups,
        num_prompts=measured.num_prompts,
        num_left_out=measured.num_left_out,
        num_live=int(measured.live.sum()),
        num_filtered=wrong + right,
        group_size=measured.group_size,
        intervals_over="prompts" if measured.by_prompt else "groups",
        rewards="binary" if measured.binary else "real",
        correct=correct,
        estimator=estimator.name,
        rule=estimator.rule,
        ddof=estimator.ddof if estimator.rule else None,
        epsilon=estimator.epsilon if estimator.rule else None,
        reward_weights=dict(estimator.weights) if estimator.weights else None,
        estimator_source=estimator.source,
        right_from=None if counts is None else class_starts(measured.group_size).tolist(),
        histogram=None if counts is None else in_classes(_histogram(measured, (wrong, right))).tolist(),
        share_by_right=_by_right(measured) if rules else None,
        dead_share=None if "dead_share" in silent else dead,
        all_right_share=None if "all_right_share" in silent else all_right,
        moved_share={rule: row["moved"] for rule, row in rules.items()},
        rules=rules,
        greatest_weight_ratio=greatest_weight_ratio(measured.group_size) if measured.binary else None,
        dead_share_at=laws["dead_share_at"],
        mean_deviation=laws["mean_deviation"],
        mean_right=laws["mean_right"],
        rate_variance=laws["rate_variance"],
        reliability=laws["reliability"],
        law=laws["law"],
        unanimous_share=None if unanimous is None else unanimous[whose]["value"],
        unanimous_of=None if unanimous is None else whose,
        unanimous=unanimous,
        stationary_p=p,
        windows=[_window(groups, part) for part in _windows(measured, num_windows)],
        seeds=_seeds(run_std),
        abstained=silent,
        advice=Advised(verdict="", sentence="", reasons=[], limits=[]),
    )
    found["advice"] = Advised(**asdict(advise(evidence(found, groups.notes, run_std=run_std))))
    return found


def _histogram(measured: Measured, filtered: tuple[int, int]) -> np.ndarray:
    found = measured.histogram
    found[0] += filtered[0]
    found[-1] += filtered[1]
    return found


def _rules(measured: Measured, draws: Resamples) -> dict[str, RuleRow]:
    plain, one = measured.lengths["none"], np.ones(measured.num_groups)
    k, G = measured.counts, measured.group_size
    found: dict[str, RuleRow] = {}
    for rule, c in measured.lengths.items():
        total = max(float(c.sum()), 1e-300)
        alive = (plain > 0) & (c > 0)
        weight = c[alive] / plain[alive]
        low, high = draws.interval(lambda number, rows, c=c: moved_share(c[rows], plain[rows], number))
        first, second = step_ratios(c, plain, one)
        found[rule] = RuleRow(
            hard=None if k is None else float(c[4 * k <= G].sum() / total),
            middle=None if k is None else float(c[(4 * k > G) & (4 * k < 3 * G)].sum() / total),
            easy=None if k is None else float(c[4 * k >= 3 * G].sum() / total),
            moved=float(moved_share(c, plain, one)),
            moved_low=low,
            moved_high=high,
            cosine=float(length_cosine(c, plain, one)),
            heaviest=float(weight.max() / weight.min()) if weight.size else float("nan"),
            effective_groups=float(effective_groups(c, one)),
            step_l1=float(first),
            step_l2=float(second),
        )
    return found


def _by_right(measured: Measured) -> dict[str, list[float]] | None:
    if measured.counts is None:
        return None
    k, size = measured.counts, measured.group_size + 1
    by = {rule: in_classes(np.bincount(k, c, size)) for rule, c in measured.lengths.items()}
    return {rule: (sums / max(sums.sum(), 1e-300)).tolist() for rule, sums in by.items()}


def _unanimous(measured: Measured, draws: Resamples) -> dict[str, Unanimous] | None:
    if measured.counts is None:
        return None
    same = (measured.counts == 0) | (measured.counts == measured.group_size)
    found: dict[str, Unanimous] = {}
    for rule, c in measured.lengths.items():

        def share(number: np.ndarray, rows: np.ndarray, c: np.ndarray = c) -> np.ndarray:
            return (number @ (c * same)[rows]) / np.maximum(number @ c[rows], 1e-300)

        low, high = draws.interval(share)
        found[rule] = Unanimous(value=float((c * same).sum() / max(c.sum(), 1e-300)), low=low, high=high)
    return found


def _laws(measured: Measured, filtered: tuple[int, int], silent: dict[str, str]) -> dict:
    """What needs counts of right answers. Where too wide, `silent` learns it."""
    empty = {"dead_share_at": {}, "mean_deviation": None, "mean_right": None, "rate_variance": None}
    if measured.counts is None or not measured.live.any():
        return empty | {"reliability": None, "law": None}
    hard = {name: why for name, why in silent.items() if "distributed differently" not in why}
    histogram = _histogram(measured, filtered)
    spread = rate_spread(histogram) if histogram.sum() > 1 else None
    found = {
        "dead_share_at": {},
        "mean_deviation": None,
        "mean_right": None if spread is None else spread.mean,
        "rate_variance": None if spread is None else spread.between,
        "reliability": None if spread is None else spread.reliability,
        "law": None,
    }
    if "dead_share_at" not in hard:
        drifts = "dead_share_at" in silent
        for m in sizes(measured.group_size):
            row = dead_at(measured, m, filtered)
            found["dead_share_at"][str(m)] = row
            if drifts:
                row["resolved"] = False
            elif not row["resolved"]:
                silent[f"dead_share_at {m}"] = (
                    f"At {m} answers the dead share is known only within ±{row['half_width']:.2f}, more than "
                    f"±{WIDEST:.2f}: draw {m // 2} answers once, for a few hundred prompts."
                )
        if measured.group_size <= LARGEST_GROUP:
            found["mean_deviation"] = _row(_interval(measured, None, filtered), not drifts)
    if "law" not in hard and measured.group_size <= LARGEST_LAW:
        law = law_of_rates(histogram)
        found["law"] = {"rates": law.rates.tolist(), "weights": law.weights.tolist()}
    return found


def _interval(measured: Measured, target: int | None, filtered: tuple[int, int]) -> BiasAware:
    """With errors by prompts; filtered groups are groups of their own."""
    assert measured.counts is not None
    extra = np.repeat([0, measured.group_size], filtered)
    counts = np.concatenate([measured.counts, extra]).astype(np.int64)
    owner = np.unique(measured.cluster, return_inverse=True)[1]
    cluster = np.concatenate([owner, owner.max() + 1 + np.arange(extra.size)])
    if target is not None and target <= measured.group_size:
        x = dead_kernel(measured.group_size, target)[counts]
        error = clustered_std_error(x, cluster)
        half, value = bias_aware_half_width(0.0, error), float(x.mean())
        return BiasAware(value, max(value - half, 0.0), min(value + half, 1.0), half, 0.0, error)
    return bias_aware_interval(
        np.bincount(counts, minlength=measured.group_size + 1),
        target,
        std_error=lambda a: clustered_std_error(a[counts], cluster),
        num_groups=int(cluster.max()) + 1,
    )


def dead_at(measured: Measured, size: int, filtered: tuple[int, int] = (0, 0)) -> DeadShare:
    """The dead share were groups of another size: without bias up to the logged one, beyond with the worst bias."""
    return _row(_interval(measured, size, filtered), True)


def _row(found: BiasAware, resolved: bool) -> DeadShare:
    return DeadShare(
        value=found.value,
        low=found.low,
        high=found.high,
        half_width=found.half_width,
        bias=found.bias,
        std_error=found.std_error,
        resolved=resolved and found.half_width <= WIDEST,
    )


def _windows(measured: Measured, number: int) -> list[Measured]:
    pieces = np.array_split(
        np.arange(measured.num_groups), max(1, min(number, measured.num_groups // FEWEST_IN_WINDOW))
    )
    return [measured.part(piece) for piece in pieces]


def _window(groups: Groups, part: Measured) -> Window:
    steps = groups.step[part.index]
    known = bool((steps != UNKNOWN_STEP).all())
    live = int(part.live.sum())
    enough = live >= FEWEST_SHARES
    c, plain, one = part.lengths["group"], part.lengths["none"], np.ones(part.num_groups)
    low, high = (
        resamples(part).interval(lambda number, rows: moved_share(c[rows], plain[rows], number))
        if enough
        else (None, None)
    )
    p = stationary_p(part)
    told = live >= FEWEST_LAWS and part.counts is not None and part.group_size <= LARGEST_GROUP
    return Window(
        first_step=int(steps.min()) if known else None,
        last_step=int(steps.max()) if known else None,
        num_groups=part.num_groups,
        mean_reward=float(part.mean.mean()),
        right=None if part.counts is None else float(part.counts.mean() / part.group_size),
        dead_share=float((~part.live).mean()),
        moved=float(moved_share(c, plain, one)) if enough else None,
        moved_low=low,
        moved_high=high,
        step_l1=float(step_ratios(c, plain, one)[0]) if enough else None,
        dead_share_twice=dead_at(part, 2 * part.group_size) if told and (p is None or p >= DRIFT) else None,
        stationary_p=p,
    )


def _seeds(run_std: float | None) -> list[Seeds]:
    spread = RUN_STD if run_std is None else (run_std,)
    return [Seeds(lead=lead, std=s, seeds=seeds_needed(lead, s)) for lead in LEADS for s in spread]
