"""Tables of the pages on sweeps and on the convergence theorem, from the summaries of `sweep` and `reproduce`."""

from __future__ import annotations

from collections.abc import Mapping

from parts import Summary, load, number, signed, table


def sweep_origin(name: str) -> list[str]:
    """Which sweep it was."""
    summary = load(name)
    if "taken_over" in summary:
        return [summary["taken_over"]]
    run, o = summary["run"], summary["overall"]
    spec = run["spec"]
    by_kernel = "numba" in run["versions"] and run.get("kernel_chunks") != 0
    engine = f"numba {run['versions']['numba']} where it serves" if by_kernel else "JAX alone"
    return [
        f"Sweep `{spec['name']}`, seed {spec['seed']}, run {run['run_id']} of commit {run['commit'][:7]} on "
        f"{run['device']} ({engine}): {run['num_rows']:,} runs of {spec['num_steps']} updates, {spec['seeds']} "
        f"reported seeds, {spec['tuning_seeds']} others for tuning. {o['num_cells']} cells, of which "
        f"{o['num_counted']} count."
    ]


def counted(tally: Summary) -> tuple[str, str]:
    """Cells in which a rule is better, not different and worse, and the mean difference, with its interval if known."""
    mean = signed(tally["mean_difference"])
    if "low" in tally:
        mean += f" [{signed(tally['low'])}, {signed(tally['high'])}]"
    return f"{tally['better']} / {tally['no difference']} / {tally['worse']}", mean


AXIS_WORDS = {
    "group_size": "G", "coherence": "coherence", "pass_rate": "median pass rate", "spread": "spread",
    "dimension": "dimension", "design": "design", "policy": "policy", "horizon": "tokens", "conflict": "conflict",
    "law": "law", "optimiser": "optimiser", "prompts_per_update": "prompts an update",
    "updates_per_batch": "updates a batch",
}  # fmt: skip


def against_none(name: str) -> list[str]:
    """GRPO against REINFORCE, over all cells and by axis."""
    tally = load(name)["overall"]["against_none"]["group"]
    rows = [("all", *counted(tally))]
    for axis, values in tally["by_axis"].items():
        rows += [(f"{AXIS_WORDS[axis]} {value['value']}", *counted(value)) for value in values]
    return table(("cells", "better / no difference / worse", "mean difference"), rows)


def tuned_steps(name: str) -> list[str]:
    """GRPO against REINFORCE where steps are tuned, by group size."""
    found = load(name)["tuned"]
    rows = [(size if size in ("sampled", "exact") else f"G {size}", *counted(tally)) for size, tally in found.items()]
    return table(("settings with tuned steps", "better / no difference / worse", "mean difference"), rows)


def rules_against_none(name: str) -> list[str]:
    """Every rule: cells won, against REINFORCE, and how many of its runs do not come 90% of the way."""
    o, rows = load(name)["overall"], []
    for rule in load(name)["rules"]:
        against = ("", "") if rule == "none" else counted(o["against_none"][rule])
        rows.append((f"`{rule}`", o["wins"][rule], *against, f"{100 * missed(o, rule):.0f}%"))
    head = ("rule", "cells won", "against `none`: better / no difference / worse", "mean difference")
    return table((*head, "runs short of 90% of the way"), rows)


def missed(overall: Summary, rule: str) -> float:
    """The share of a rule's runs that never come 90% of the way to the best known J."""
    if "missed_90" in overall:  # of a page that was typed
        return overall["missed_90"][rule]
    failures = overall["failures"][rule]
    return failures["missed_90"] / failures["runs"]


def divided(found: Mapping[str, Summary | None]) -> tuple[str, ...]:
    """Better / not different / worse and the mean lead, on held-out and on training prompts."""
    cells = []
    for where in ("held-out", "training"):
        tally = found[where]
        assert tally is not None
        cells += counted(tally)
    return tuple(cells)


DIVIDED = (
    "held-out: better / no difference / worse", "mean difference",
    "training: better / no difference / worse", "mean difference",
)  # fmt: skip


def should_divide(name: str) -> list[str]:
    """Every rule against REINFORCE, on prompts that were not trained on and on those that were."""
    rows = ((f"`{rule}`", *divided(found)) for rule, found in load(name)["divide"]["rules"].items())
    return table(("rule", *DIVIDED), rows)


def divide_by_axis(name: str) -> list[str]:
    """GRPO against REINFORCE by the values of each axis."""
    axes = load(name)["divide"]["by_axis"]
    rows = (
        (f"{AXIS_WORDS[axis]} {value}", *divided(found)) for axis, values in axes.items()
        for value, found in values.items()
    )  # fmt: skip
    return table(("cells", *DIVIDED), rows)


def divide_by_optimiser(name: str) -> list[str]:
    """GRPO against REINFORCE by optimiser and group size."""
    return _divided_by(load(name)["by_optimiser"], "cells", "G ")


def divide_by_updates(name: str) -> list[str]:
    """GRPO against REINFORCE by the number of updates a batch and group size."""
    return _divided_by(load(name)["by_updates"], "updates a batch, group size", "G ")


def divide_by_rate(name: str) -> list[str]:
    """GRPO against REINFORCE by optimiser and by which of the two has the longer tuned step."""
    return _divided_by(load(name)["by_rate"], "best learning rate with dividing")


def _divided_by(found: Summary, head: str, prefix: str = "") -> list[str]:
    """GRPO against REINFORCE by the values of an axis, and by what `found` splits each of them."""
    rows = (
        (f"{first}, {prefix}{value}", *divided(tallies)) for first, values in found.items()
        for value, tallies in values.items()
    )  # fmt: skip
    return table((head, *DIVIDED), rows)


def by_dimension(name: str) -> list[str]:
    """Every rule against REINFORCE by the number of directions."""
    tallies = load(name)["overall"]["against_none"]
    values = [entry["value"] for entry in tallies["group"]["by_axis"]["dimension"]]
    rows = []
    for i, value in enumerate(values):
        cells = [", ".join(counted(tally["by_axis"]["dimension"][i])) for tally in tallies.values()]
        rows.append((value, *cells))
    return table(("directions", *(f"`{rule}`" for rule in tallies)), rows)


def learning_rates(name: str) -> list[str]:
    """How many times smaller the best step is with dividing than without."""
    found = load(name)["learning_rates"]
    sizes = list(next(iter(found.values())))
    rows = []
    for optimiser, by_size in found.items():
        cells = (f"{middle:.1f} [{low:.1f}, {high:.1f}]" for low, middle, high in by_size.values())
        rows.append((optimiser, *cells))
    return table(("optimiser", *(f"G {size}" for size in sizes)), rows)


def last_values(name: str) -> list[str]:
    """J at the end of runs, beside the best that is known, means over the cells of each value of an axis."""
    summary, rows = load(name), []
    for axis, values in summary["ends"].items():
        for value, found in values.items():
            last = (number(found["last"][rule]) for rule in summary["rules"])
            rows.append((f"{AXIS_WORDS[axis]} {value}", *last, number(found["best"])))
    return table(("mean J at the end", *(f"`{rule}`" for rule in summary["rules"]), "best known"), rows)


def extremes(name: str) -> list[str]:
    """The largest gain and the largest loss of GRPO against REINFORCE in a counted cell."""
    tally, rows = load(name)["overall"]["against_none"]["group"], []
    for what in ("largest_gain", "largest_loss"):
        found = tally[what]
        if found is not None:
            mean, low, high = (signed(value, 3) for value in found["difference"])
            axes = ", ".join(
                f"{AXIS_WORDS[axis]} {found['axes'][axis]}" for axis in tally["by_axis"] if axis in found["axes"]
            )
            rows.append((what.replace("_", " "), f"{mean} [{low}, {high}]", axes))
    return table(("", "difference of mean J", "cell"), rows)


def reproduce_origin(name: str) -> list[str]:
    """Which run of `reproduce` it was."""
    summary = load(name)
    run, config = summary["run"], summary["run"]["config"]
    return [
        f"Run {run['run_id']} of commit {run['commit'][:7]} on {run['device']}, seed {config['seed']}, "
        f"{config['num_seeds']} seeds, {config['num_steps']} steps: {summary['num_checks']:,} checks, "
        f"{summary['num_violations']} violations."
    ]


def proved(name: str) -> list[str]:
    """What was checked, how often, and with how many violations."""
    rows = ((c["statement"], c["what"], f"{c['num_checks']:,}", c["num_violations"]) for c in load(name)["checks"])
    return table(("statement", "where", "checks", "violations"), rows)


def false_variants(name: str) -> list[str]:
    """False claims, and how often the same checks refuse them."""
    found = load(name)["false_variants_caught"].items()
    return table(("a claim that is false", "times refused"), ((claim, f"{times:,}") for claim, times in found))


def tails(name: str) -> list[str]:
    """Exponents of failure rates under exact gradients, and of GRPO under groups."""
    s = load(name)
    rows = [(f"exact, g/σ^{alpha}", f"t^{fitted:.3f}", f"t^{s['exponents_predicted'][alpha]:.3f}", "")
            for alpha, fitted in s["exponents"].items()]  # fmt: skip
    rate = s["exponential_rate"]
    rows.append(("exact, g/σ^2", f"e^(−{rate['fitted_rate']:.4f} t)", f"e^(−{rate['predicted_rate']:.4f} t)", ""))
    for G, group in s["finite_groups"].items():
        ahead = f"{group['late_speedup']:.3f} of at most {group['cap']:.3f}"
        rows.append((f"groups of {G}, g/σ", f"t^{group['late_exponent']:.3f}", "t^−1", ahead))
    return table(("gradients and rule", "1 − p falls like", "predicted", "times as fast as REINFORCE"), rows)


def regimes(name: str) -> list[str]:
    """Measured average gradient norm as a share of its bound, and J, by regime and rule."""
    rows = []
    for r in load(name)["regimes"]:
        for rule in ("none", "group"):
            share = f"{r[f'{rule}_share_low']:.3f} to {r[f'{rule}_share_high']:.3f}"
            rows.append((r["regime"], f"`{rule}`", share, f"{r[f'{rule}_value']:.4f}"))
    return table(("pass rates", "rule", "average gradient norm as a share of its bound", "J at the last step"), rows)


def compared(name: str) -> list[str]:
    """Tuned rules in groups of 8, by coherence."""
    rows = []
    for c in load(name)["comparison"]:
        mean, low, high = (signed(c[key]) for key in ("difference", "difference_low", "difference_high"))
        less = "" if c["verdict"] == "baseline" else f"{mean} [{low}, {high}], {c['verdict']}"
        rows.append((c["coherence"], f"`{c['rule']}`", f"{c['mean']:.4f}", less, "edge" if c["at_edge"] else ""))
    head = ("coherence", "rule", "J averaged over the run", "less `none`", "step at the grid's edge")
    return table(head, rows)


TABLES = (
    sweep_origin, tuned_steps, against_none, rules_against_none, by_dimension, last_values, learning_rates, extremes,
    should_divide, divide_by_axis, divide_by_optimiser, divide_by_updates, divide_by_rate, reproduce_origin, proved,
    false_variants, tails, regimes, compared,
)  # fmt: skip
