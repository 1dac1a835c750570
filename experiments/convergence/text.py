"""The report's words and tables, for a reader who has not seen the paper; every number comes from the summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.convergence import text_binary, text_limits
from experiments.convergence.answer import answer
from experiments.looks import SHORT
from experiments.report import escape, origin, page, paragraph, picture, table


def _verdict(summary: dict[str, Any]) -> str:
    bad = summary["num_violations"] > 0
    exponents = ", ".join(
        f"{fit:.3f} (α = {alpha}; theory {summary['exponents_predicted'][alpha]:.3f})"
        for alpha, fit in summary["exponents"].items()
    )
    holds = "A proved bound is violated: this is a bug, or the proof is wrong." if bad else "Every proved bound held."
    return (
        f'<div class="verdict{" bad" if bad else ""}"><b>{summary["num_checks"]:,} checks, {summary["num_violations"]} '
        f"violations.</b> {holds} Fitted tail exponents: {exponents}.</div>"
    )


def _question() -> list[str]:
    return [
        "<h2>The question</h2>",
        paragraph(
            "When a language model is trained by reinforcement learning, each prompt x is answered G times, each answer "
            "gets a reward, and the policy moves along the gradient g<sub>x</sub> of the expected reward J<sub>x</sub>. "
            "GRPO divides each prompt's gradient by the standard deviation σ<sub>x</sub> of its rewards; REINFORCE and "
            "Dr. GRPO do not. The paper (Ge, Yin, Liang, Zhang 2026, arXiv 2601.23135) argues that the division is an "
            "adaptive gradient, because σ<sub>x</sub> tracks the local curvature of J<sub>x</sub>, and that GRPO converges "
            "strictly faster when prompts do not share features. Here those statements are held against exact simulations "
            "of softmax policies, in which pass rates, feature overlap and curvature are known to machine precision."
        ),
        paragraph(
            "<b>Words.</b> <i>Pass rate</i>: the probability of a right answer. <i>Coherence</i> ρ: overlap of the features "
            "of two prompts, 0 orthogonal, 1 identical. <i>Certificate</i>: a lower bound on the improvement of an update, "
            "computed before it is made. <i>Upper bound</i>: a number that a quantity cannot exceed; the quantity may be far "
            "below. docs/theory.md in the repository states and proves each numbered statement."
        ),
    ]


def _theorem(summary: dict[str, Any], figures: Path) -> list[str]:
    rows = [
        (
            e["regime"], e["none_measured"], e["none_bound"], f"{e['none_share_low']:.3f} – {e['none_share_high']:.3f}",
            e["group_measured"], e["group_bound"], f"{e['group_share_low']:.3f} – {e['group_share_high']:.3f}",
            e["rate_ratio_measured"], e["rate_ratio_bound"],
        )
        for e in summary["regimes"]
    ]  # fmt: skip
    header = (
        "pass rates", "REINFORCE: measured", "bound", "measured/bound, all T", "GRPO: measured", "bound",
        "measured/bound, all T", "ratio² measured", "ratio² of bounds",
    )  # fmt: skip
    measured, bound = summary["rate_ratio_measured"], summary["rate_ratio_bound"]
    below = summary["rate_ratio_measured_below_bound_ratio"]
    loosest = min(
        ((e[f"{rule}_share_low"], name, e["regime"]) for e in summary["regimes"] for rule, name in SHORT.items())
    )
    return [
        "<h2>1. The convergence theorem (T6)</h2>",
        paragraph(
            "For prompts whose feature spans are orthogonal, the average gradient norm after T iterations is at most "
            "√(s·D²Δ/(4c₀T)), where s is the average deviation σ̄ of the run for GRPO (step 4c/D²) and the largest possible "
            "deviation ½ for REINFORCE (step 4c/(D²·½)); c = ln 2, c₀ = 2 ln 2 − 1, D the features' diameter, Δ the gap to the "
            "best J. It was checked at every T, for both rules, on five regimes of pass rates with 2, 4 and 16 arms, regular "
            "and random features; “graded” has real-valued rewards. Values at the last T, means over problems:"
        ),
        table(header, rows),
        paragraph(
            f"<b>What was found.</b> Both are upper bounds and the table says how loose. The ratio of the two squared bounds is "
            f"σ̄/σ<sub>max</sub> = {bound:.3f} on average over the grid; the theorem says that it is below 1. The measured ratio of "
            f"squared averages is {measured:.3f}: GRPO's average gradient is {'smaller' if measured < 1 else 'not smaller'} than "
            f"REINFORCE's, by {'less' if measured > bound else 'more'} than the ratio of squared bounds. The measured ratio was at or below "
            f"the ratio of squared bounds in {100 * below:.0f}% of the problems: a ratio of two upper bounds does not bound the ratio of "
            "what they bound, and should not be read as a speed-up."
        ),
        picture(
            figures / "theorem.png",
            "Average gradient norm (solid) and its bound (dotted) at every T; lines are medians over the problems of a regime, "
            f"bands their full range. The loosest point: {loosest[1]}, pass rates “{loosest[2]}”, measured/bound {loosest[0]:.3f}.",
        ),
    ]


def _pass_rates(summary: dict[str, Any], figures: Path) -> list[str]:
    r = summary["pass_rates"]
    return [
        "<h2>2. The same on a distribution of pass rates</h2>",
        paragraph(
            f"Source: <b>{escape(r['source'])}</b>, {r['num_prompts']:,} prompts. Raw: mean {r['mean_raw']:.3f}, "
            f"{r['num_zero']:,} prompts at 0 and {r['num_one']:,} at 1. Prior: {escape(r['prior'])}; mean after it "
            f"{r['mean_used']:.3f}. Each prompt is a four-armed bandit with exactly its pass rate, orthogonal to the others. "
            "Give your own file with <code>--pass-rates</code>."
        ),
        table(
            ("rule", "average |∇J_x| at the last T", "bound (T6)", "1 − J at the last T"),
            [
                ("REINFORCE (none)", r["none_measured"], r["none_bound"], 1 - r["none_value"]),
                ("GRPO (group)", r["group_measured"], r["group_bound"], 1 - r["group_value"]),
            ],
        ),
        picture(
            figures / "pass_rates.png",
            f"Left: the pass rates as given and as used. Middle: bound and measurement. Right: what is left to gain. "
            f"Measured ratio of squared rates {r['rate_ratio_measured']:.3f}, ratio of bounds {r['rate_ratio_bound']:.3f}.",
        ),
    ]


def _exponents(summary: dict[str, Any], figures: Path) -> list[str]:
    exact = [(f"{a}", summary["exponents_predicted"][a], fit) for a, fit in summary["exponents"].items()]
    groups = [(f"{G}", e["late_exponent"], e["late_speedup"], e["cap"]) for G, e in summary["finite_groups"].items()]
    hits = [(h["pass_rate"], f"{h['alpha']:g}", h["measured"], h["flow"]) for h in summary["hitting_times"]]
    rate = summary["exponential_rate"]
    within = "within" if summary["exponents_within_tolerance"] else "<b>not within</b>"
    return [
        "<h2>3. What truly separates the rules: exponents (T7), and the cap of finite groups (T13)</h2>",
        paragraph(
            "With two arms and updates g/σ<sup>α</sup> the failure rate 1 − p falls like t<sup>−2/(2−α)</sup>: 1/t for "
            "REINFORCE (α = 0), 1/t² for GRPO (α = 1), exponentially at α = 2. Least-squares fits over t from 10³ to 10⁵, "
            f"{within} .02 of the theory:"
        ),
        table(("α", "predicted exponent", "fitted exponent"), exact),
        paragraph(
            f"At α = 2 the fitted rate of the exponential is {rate['fitted_rate']:.5f} per iteration; the theory gives "
            f"{rate['predicted_rate']:.5f}. From rare success the order is the same: times to p = ½ (steps × step size) beside "
            "the flow's closed form:"
        ),
        table(("initial pass rate", "α", "measured time", "flow (closed form)"), hits),
        paragraph(
            "<b>The limit.</b> GRPO cannot divide by σ, only by the deviation of G samples. In expectation a group of G rescales "
            "REINFORCE by b<sub>G</sub>(p), which stays in [2, G/√(G−1)]: G = 2 is exactly twice REINFORCE, and once 1 − p is "
            "below about 1/G the 1/t² is lost. Late exponents and late speed-ups over REINFORCE, measured:"
        ),
        table(("G", "late exponent", "late speed-up over REINFORCE", "cap G/√(G−1)"), groups),
        picture(figures / "tails.png", "Left: exact rules, with the fitted exponent at each line's end. Right: expected groups of G "
                "leave the 1/t² line one after the other and end parallel to REINFORCE."),
        picture(figures / "window.png", "How much a group of G rescales REINFORCE: never below 2, never above its cap (dotted), while "
                "the exact 1/σ (dashed) has no cap."),
    ]  # fmt: skip


def _certificates(summary: dict[str, Any], figures: Path) -> list[str]:
    rows = [(e["statement"], e["what"], f"{e['num_checks']:,}", e["num_violations"]) for e in summary["checks"]]
    false = [(claim, f"{count:,}") for claim, count in summary["false_variants_caught"].items()]
    return [
        "<h2>4. Certificates (T3) and the count of all checks</h2>",
        paragraph(
            "For any update δ, |J(θ+δ) − J(θ) − ∇J·δ| ≤ σ ψ(w/2) with ψ(a) = eᵃ − 1 − a and w the spread of the update over the "
            "arms' logits. No orthogonality is needed. The lower end is a guarantee that can be computed before the step."
        ),
        table(("statement", "where", "checks", "violations"), rows),
        paragraph("Checks that cannot fail prove nothing. The same code finds these claims, wrong on purpose, violated:"),
        table(("false claim", "violations found"), false),
        picture(figures / "certificates.png", "Left: certified lower bound against realised gain of whole problems; no point lies above the "
                "line. Right: how much of the allowed remainder is used; the true limit is never passed, half of it is."),
    ]  # fmt: skip


def _losses(summary: dict[str, Any], figures: Path) -> list[str]:
    facts = summary["where_grpo_loses"]
    names = {"X1": "X1: orthogonal gradients, shared span", "C6": "C6: opposite prompts"}
    rows = [
        (
            names[x],
            SHORT[rule],
            f"{f['first_gain']:+.3g}",
            f["num_losing_steps"],
            f"{f['change']:+.4g}",
            f"{f['greatest_change']:+.4g}",
        )
        for x, by_rule in facts.items()
        for rule, f in by_rule.items()
    ]
    x1, c6 = facts["X1"], facts["C6"]
    ends = "higher" if c6["group"]["change"] > c6["none"]["change"] else "lower"
    return [
        "<h2>5. Where GRPO loses</h2>",
        paragraph(
            "<b>X1.</b> The theorem needs orthogonal <i>spans</i>. Here two prompts' gradients are orthogonal at the start, but "
            "their features share a direction: GRPO's first step, made long by the rare prompt's small σ, costs the other prompt "
            "more than it gains. <b>C6.</b> Dividing by σ means ascending Σ 2 arcsin √J<sub>x</sub> instead of Σ J<sub>x</sub> "
            "(T8); where prompts conflict, the two can point in opposite directions. What ΣJ did, with the theorem's steps:"
        ),
        table(("example", "rule", "first step", "steps that lowered ΣJ", "whole run", "best on the way"), rows),
        paragraph(
            f"<b>What was found.</b> In X1 GRPO's loss is never made up: {x1['group']['change']:+.3g} after the run, REINFORCE "
            f"{x1['none']['change']:+.3g}. In C6 GRPO's first step loses ({c6['group']['first_gain']:+.3g}), since it goes the "
            f"other way; it ends {ends} than REINFORCE ({c6['group']['change']:+.3g} against {c6['none']['change']:+.3g}), because "
            f"that way leads to another basin, and there it lowers ΣJ again for {c6['group']['num_losing_steps']} steps, since ΣJ "
            "is not what it ascends. So C6 is a loss of the first steps, not of the run."
        ),
        picture(figures / "counterexamples.png", "ΣJ relative to the start along both rules (linear axis up to iteration 10, then logarithmic)."),
    ]  # fmt: skip


def _comparison(summary: dict[str, Any], figures: Path) -> list[str]:
    rows = [
        (
            f"{e['coherence']:g}", e["rule"], f"{e['mean']:.4f} [{e['low']:.4f}, {e['high']:.4f}]",
            "" if e["rule"] == "none" else f"{e['difference']:+.4f} [{e['difference_low']:+.4f}, {e['difference_high']:+.4f}]",
            e["verdict"], f"{e['step_size']:.3g}{' (end of the grid)' if e['at_edge'] else ''}", f"{100 * e['limited_share']:.0f}%",
        )
        for e in summary["comparison"]
    ]  # fmt: skip
    group = [e for e in summary["comparison"] if e["rule"] == "group"]
    said = "; ".join(f"ρ = {e['coherence']:g}: {e['verdict']}" for e in group)
    largest = max(abs(e["difference"]) for e in group)
    furthest = max(summary["comparison"], key=lambda e: abs(e["difference"]))
    header = ("ρ", "rule", "mean J [95%]", "minus REINFORCE [95%]", "verdict", "tuned step", "updates at the KL limit")
    return [
        "<h2>6. Tuned rules under sampled groups</h2>",
        paragraph(
            "32 prompts, 8 arms, groups of 8 sampled answers, at most .05 nats of KL per update, 200 updates, random (conflicting) "
            "labels; below ρ = 1 every label can be learnt in the end (J* = 1). Each rule's step is tuned for mean J over the run "
            "on its own tuning seeds and reported on others. A paired difference whose 95% interval contains 0 is called no "
            "difference. “End of the grid” marks a tuned step that a wider grid might move."
        ),
        table(header, rows),
        paragraph(
            f"<b>GRPO against REINFORCE here:</b> {said}. The largest difference of the two means is {largest:.3f}. Against the other "
            f"rules, the one furthest from REINFORCE is <i>{furthest['rule']}</i> at ρ = {furthest['coherence']:g}: "
            f"{furthest['difference']:+.3f} ({furthest['verdict']}). <i>decoupled</i> undoes the overlap of prompts; it needs to know the "
            "features, and forgoes transfer between prompts. ρ = 0 with tuned steps is a degenerate design, solved in a few updates by "
            "every rule: its differences are small and no headline."
        ),
        picture(figures / "comparison.png", "Left: mean J over the run with 95% intervals over seeds. Right: paired difference to REINFORCE; "
                "intervals that cross 0 are no difference. The axis is linear below .01 and logarithmic above."),
    ]  # fmt: skip


def _limits(summary: dict[str, Any]) -> list[str]:
    return [
        "<h2>What this does not show</h2>",
        "<ul><li>T6 is a pair of upper bounds under orthogonal spans and exact gradients. Real prompts share parameters.</li>"
        "<li>Free step tuning with exact gradients and orthogonal features is solved in a few steps by every rule; that is no "
        "evidence for any of them, and is not used here.</li>"
        "<li>Policies here are single softmaxes over arms, not token sequences; no language model was run.</li></ul>",
        origin(summary["run"]),
    ]


def report(summary: dict[str, Any], figures: Path) -> bytes:
    """The whole report.html."""
    body = [
        *answer(summary),
        _verdict(summary),
        *_question(),
        *_theorem(summary, figures),
        *_pass_rates(summary, figures),
        *_exponents(summary, figures),
        *_certificates(summary, figures),
        *_losses(summary, figures),
        *_comparison(summary, figures),
        *text_binary.own_rates(summary, figures),
        *text_limits.sampled(summary, figures),
        *text_limits.coherence(summary, figures),
        *text_binary.right_or_wrong(summary, figures),
        *_limits(summary),
    ]
    return page("GRPO against REINFORCE: the convergence theorem, reproduced", body)
