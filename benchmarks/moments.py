"""Value, deviation, gradient and Hessian of one prompt, K = d = 256 in float64, against what else one could write.

Ours is `curvature.moments` at θ, i.e. J, σ, ∇J and ∇²J of J(θ) = softmax(b + Φθ)·r. Compared with:

- `jax.hessian(J)`, jitted and not: the Hessian only, without σ and without the gradient;
- the same for 16 prompts at once, both sides under `jax.jit(jax.vmap(...))`;
- a NumPy loop over arms, H += w_y (φ_y − φ̄)(φ_y − φ̄)ᵀ, and the one matrix product that it can be written as;
- for a single curvature or a product H v: `hessian_vector_product` against the Hessian by `jax.hessian` and times v,
  and against the autodiff product (a forward derivative of the gradient), which is the fair rival.

Both the closed form and a jitted `jax.hessian` are bound by products of 256 x 256 matrices: one for us, about two for
autodiff. No formula that writes the Hessian down can be 50 times faster than a compiled `jax.hessian`: the row
"one matrix product" is the floor, and its ratio the ceiling.
"""

from __future__ import annotations

import jax
import numpy as np

from benchmarks.machine import Limits, measure
from curvature import hessian_vector_product, moments


def numpy_loop(
    θ: np.ndarray, b: np.ndarray, Φ: np.ndarray, r: np.ndarray
) -> tuple[float, float, np.ndarray, np.ndarray]:
    """(J, σ, g, H), one arm after the other."""
    z = b + Φ @ θ
    π = np.exp(z - z.max())
    π /= π.sum()
    J = float(π @ r)
    mean = π @ Φ
    variance, g, H = 0.0, np.zeros(len(θ)), np.zeros((len(θ), len(θ)))
    for p, reward, φ in zip(π, r, Φ, strict=True):
        score = φ - mean
        variance += p * (reward - J) ** 2
        g += p * (reward - J) * score
        H += p * (reward - J) * np.outer(score, score)
    return J, variance**0.5, g, H


def numpy_product(θ: np.ndarray, b: np.ndarray, Φ: np.ndarray, r: np.ndarray) -> np.ndarray:
    """The same H as one matrix product."""
    z = b + Φ @ θ
    π = np.exp(z - z.max())
    π /= π.sum()
    scores = Φ - π @ Φ
    return scores.T @ ((π * (r - π @ r))[:, None] * scores)


def benchmark_moments(limits: Limits, *, num_arms: int = 256, dimension: int = 256, repeats: int = 40) -> list[dict]:
    """Rows: what, seconds, ratio to ours, the greatest error of H (or H v) against jitted `jax.hessian`."""
    keys = jax.random.split(jax.random.key(0), 6)
    prompts = 16
    Φs = jax.random.normal(keys[0], (prompts, num_arms, dimension)) / dimension**0.5
    bs, rs = jax.random.normal(keys[1], (prompts, num_arms)), jax.random.uniform(keys[2], (prompts, num_arms))
    θ, v = jax.random.normal(keys[3], (dimension,)), jax.random.normal(keys[4], (dimension,))
    Φ, b, r = Φs[0], bs[0], rs[0]
    host = [np.asarray(a) for a in (θ, b, Φ, r)]

    def J(θ: jax.Array, b: jax.Array, Φ: jax.Array, r: jax.Array) -> jax.Array:
        return jax.nn.softmax(b + Φ @ θ) @ r

    def ours(θ: jax.Array, b: jax.Array, Φ: jax.Array, r: jax.Array):
        m = moments(b + Φ @ θ, Φ, r)
        return m.value, m.std, m.gradient, m.hessian

    def our_product(θ: jax.Array, b: jax.Array, Φ: jax.Array, r: jax.Array, v: jax.Array) -> jax.Array:
        return hessian_vector_product(moments(b + Φ @ θ, Φ, r, hessian=False), v)

    def autodiff_product(θ: jax.Array, b: jax.Array, Φ: jax.Array, r: jax.Array, v: jax.Array) -> jax.Array:
        return jax.jvp(lambda t: jax.grad(J)(t, b, Φ, r), (θ,), (v,))[1]

    one, many, over = (θ, b, Φ, r), (θ, bs, Φs, rs), (None, 0, 0, 0)
    hessian = jax.hessian(J)
    ours_jit, hessian_jit = jax.jit(ours), jax.jit(hessian)
    ours_many, hessian_many = jax.jit(jax.vmap(ours, over)), jax.jit(jax.vmap(hessian, over))
    our_product_jit, autodiff_product_jit = jax.jit(our_product), jax.jit(autodiff_product)
    at_hand, product_at_hand = moments(b + Φ @ θ, Φ, r, hessian=False), jax.jit(hessian_vector_product)
    through_hessian = jax.jit(lambda *a: hessian(*a[:4]) @ a[4])
    gemm = jax.jit(lambda Φ: Φ.T @ Φ)

    H, Hv, Hs = hessian_jit(*one), through_hessian(*one, v), hessian_many(*many)
    groups = {  # the first of each group is ours; every entry: the call and its error
        "J, σ, ∇J and ∇²J, one prompt": (
            repeats,
            {
                "curvature.moments, jitted": (lambda: ours_jit(*one), lambda: ours_jit(*one)[3] - H),
                "curvature.moments, called plainly (checks its input)": (
                    lambda: ours(*one),
                    lambda: ours(*one)[3] - H,
                ),
                "one matrix product (the floor)": (lambda: gemm(Φ), None),
                "jax.hessian, jitted": (lambda: hessian_jit(*one), lambda: hessian_jit(*one) - H),
                "NumPy, one matrix product": (lambda: numpy_product(*host), lambda: numpy_product(*host) - H),
            },
        ),
        "the same, slow rivals": (
            5,
            {
                "curvature.moments, jitted": (lambda: ours_jit(*one), None),
                "jax.hessian, not jitted": (lambda: hessian(*one), lambda: hessian(*one) - H),
                "NumPy, loop over arms": (lambda: numpy_loop(*host), lambda: numpy_loop(*host)[3] - H),
            },
        ),
        f"{prompts} prompts at once": (
            repeats // 3,
            {
                "curvature.moments, jit(vmap)": (lambda: ours_many(*many), lambda: ours_many(*many)[3] - Hs),
                "jax.hessian, jit(vmap)": (lambda: hessian_many(*many), lambda: hessian_many(*many) - Hs),
            },
        ),
        "∇²J v, one prompt": (
            repeats,
            {
                "hessian_vector_product, jitted": (
                    lambda: our_product_jit(*one, v),
                    lambda: our_product_jit(*one, v) - Hv,
                ),
                "the same, moments already at hand (as in Lanczos)": (
                    lambda: product_at_hand(at_hand, v),
                    lambda: product_at_hand(at_hand, v) - Hv,
                ),
                "jax.hessian times v, jitted": (lambda: through_hessian(*one, v), None),
                "jax.jvp of jax.grad, jitted": (
                    lambda: autodiff_product_jit(*one, v),
                    lambda: autodiff_product_jit(*one, v) - Hv,
                ),
            },
        ),
        "∇²J v, one prompt, slow rival": (
            5,
            {
                "hessian_vector_product, jitted": (lambda: our_product_jit(*one, v), None),
                "jax.hessian times v, not jitted": (lambda: hessian(*one) @ v, None),
            },
        ),
    }
    rows = []
    for title, (rounds, calls) in groups.items():
        times = measure({name: call for name, (call, _) in calls.items()}, rounds)
        base = next(iter(times.values()))
        batch = prompts if "prompts" in title else 1
        hessian_flops = 0 if "v" in title.split(",")[0].split() else 2 * num_arms * dimension**2
        limit = limits.time_limit(batch * (hessian_flops + 6 * num_arms * dimension), batch * num_arms)
        for name, (_, error) in calls.items():
            rows.append(
                {
                    "group": title,
                    "what": name,
                    "seconds": times[name].median,
                    "spread": times[name].spread,
                    "ratio": times[name].median / base.median,
                    "cpu_ratio": times[name].cpu / base.cpu,
                    "limit": None if "floor" in name else limit / times[name].median,
                    "error": None if error is None else float(np.abs(np.asarray(error())).max()),
                }
            )
    return rows
