"""What a probe found, in words."""

from __future__ import annotations


def describe(state: dict[str, float], *, exact: bool) -> str:
    """What a probe found, a line a quantity; what is inside its noise is said to be."""
    lines = [
        f"pass rate {state['pass_rate']:.3f}, σ {state['std']:.3f}, "
        f"{state['num_alive']:.0f} prompts whose reward varies"
    ]
    if exact:
        lines += [
            f"χ {state['cross_ratio']:.3f} (1 orthogonal, above 1 prompts help), O {state['orthogonality']:.3f}, "
            f"R {state['relative_gain']:.3f}, mean cosine {state['cosine_mean']:.3f}",
            f"|κ|/σ: median {state['curvature_per_std_median']:.3g}, largest {state['curvature_per_std_max']:.3g} "
            f"at p = {state['curvature_argmax_p']:.3f}",
            f"one step of GRPO less one of REINFORCE (twice as long): own terms {state['surplus_own']:.3g}, "
            f"first order {state['surplus_first']:.3g}, second order {state['surplus_second']:.3g}, "
            f"realised {state['surplus_real']:.3g}",
        ]
        return "\n".join(lines)
    for name, label in (("cross_ratio", "χ"), ("orthogonality", "O")):
        if state[f"{name}_resolved"]:
            lines.append(f"{label} {state[name]:.3f} ± {state[f'{name}_error']:.3f}")
        else:
            lines.append(f"{label} not resolved: |g|² is inside its noise; more samples are needed")
    share = state["curvature_resolved"]
    lines.append(
        f"cosine between halves {state['half_cosine']:.3f}; curvature resolved for {share:.0%} of prompts"
        + ("" if share > 0.5 else " (no relation with σ may be read from it)")
    )
    return "\n".join(lines)
