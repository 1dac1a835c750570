"""A second engine for the commonest chunks, in numba: the runs of the JAX program, one after the other on one core.

    per update   groups (the very numbers of jax.random)  →  weights w(k), or w(p) of exact gradients  →  u = ∂z/∂s
                 →  s, so that KL(z ‖ z + s u) ≤ limit  →  z + s u,   whose softmax the KL at s has given already

Serves what `experiments.sweep.fast` says: one softmax per prompt, simplex arms, one right arm each. Tables are [K, N],
so that inner loops run over prompts and the compiler makes vectors of them; for that exp is a polynomial. A run's
numbers are those of `bandits.score` but for rounding: sums in another order, KL to 1e-16 absolute, 1 − J and
σ = √(J(1−J)) in closed form. All is in one file because numba's cache looks at no other. Independent check against the
JAX program: tests/experiments/sweep/test_kernel.py.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
from llvmlite import ir  # pyright: ignore[reportMissingImports]
from numba import njit, types  # pyright: ignore[reportMissingImports]
from numba.extending import intrinsic  # pyright: ignore[reportMissingImports]

OWN, BATCH, POOLED = 0, 1, 2
"""Whose deviation a rule divides by: the prompt's (or its weight is any other), the mean one, that of all rewards."""
CACHE = os.environ.get("JAX_ENABLE_COMPILATION_CACHE") != "false"
compiled = njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
summed = njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
LOG2_E, LN2_HIGH, LN2_LOW = 1.4426950408889634, 0.693147180369123816490, 1.90821492927058770002e-10
SHIFT = 1.5 * 2**52
"""Added to a number below 2^51 it leaves the nearest integer in the lowest bits."""
TAYLOR = tuple(1 / math.factorial(i) for i in range(14))
ITERATIONS, TOLERANCE = 32, 1e-8
"""As `bandits._step.KLLimited`."""


@intrinsic
def _bits(context: Any, number: Any) -> Any:
    def build(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), build


@intrinsic
def _number(context: Any, bits: Any) -> Any:
    def build(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), build


@compiled
def _exp(x):
    """e^x of x ≤ 0 to 2 units in the last place; 0 below e^−708. e^{x − k ln 2} by Taylor, k added to the exponent."""
    shifted = x * LOG2_E + SHIFT
    k = shifted - SHIFT
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    p = TAYLOR[13]
    p = p * r + TAYLOR[12]
    p = p * r + TAYLOR[11]
    p = p * r + TAYLOR[10]
    p = p * r + TAYLOR[9]
    p = p * r + TAYLOR[8]
    p = p * r + TAYLOR[7]
    p = p * r + TAYLOR[6]
    p = p * r + TAYLOR[5]
    p = p * r + TAYLOR[4]
    p = p * r + TAYLOR[3]
    p = p * r + TAYLOR[2]
    p = p * r + 1.0
    p = p * r + 1.0
    value = p * _number((_bits(shifted) + 1023) << 52)
    return 0.0 if x < -708.0 else value


@compiled
def _turn(x, r):
    return np.uint32(np.uint32(x << np.uint32(r)) | np.uint32(x >> np.uint32(32 - r)))


@compiled
def _four(a, b, r0, r1, r2, r3):
    """Four rounds of threefry."""
    a = np.uint32(a + b)
    b = np.uint32(_turn(b, r0) ^ a)
    a = np.uint32(a + b)
    b = np.uint32(_turn(b, r1) ^ a)
    a = np.uint32(a + b)
    b = np.uint32(_turn(b, r2) ^ a)
    a = np.uint32(a + b)
    b = np.uint32(_turn(b, r3) ^ a)
    return a, b


@compiled
def _threefry(k0, k1, a, b):
    """Threefry-2x32 of 20 rounds, JAX's generator (Salmon et al. 2011)."""
    k2 = np.uint32(np.uint32(k0 ^ k1) ^ np.uint32(0x1BD11BDA))
    a, b = np.uint32(a + k0), np.uint32(b + k1)
    a, b = _four(a, b, 13, 15, 26, 6)
    a, b = np.uint32(a + k1), np.uint32(b + np.uint32(k2 + np.uint32(1)))
    a, b = _four(a, b, 17, 29, 16, 24)
    a, b = np.uint32(a + k2), np.uint32(b + np.uint32(k0 + np.uint32(2)))
    a, b = _four(a, b, 13, 15, 26, 6)
    a, b = np.uint32(a + k0), np.uint32(b + np.uint32(k1 + np.uint32(3)))
    a, b = _four(a, b, 17, 29, 16, 24)
    a, b = np.uint32(a + k1), np.uint32(b + np.uint32(k2 + np.uint32(4)))
    a, b = _four(a, b, 13, 15, 26, 6)
    return np.uint32(a + k2), np.uint32(b + np.uint32(k0 + np.uint32(5)))


@compiled
def uniforms(k0, k1, first, second, out):
    """`jax.random.uniform(key, (N, G))` in float64 into out [G, N]; first and second are room for N numbers each."""
    G, N = out.shape
    for g in range(G):
        row = out[g]
        for n in range(N):
            first[n], second[n] = _threefry(k0, k1, np.uint32(0), np.uint32(n * G + g))
        for n in range(N):
            mantissa = (np.int64(first[n]) << 20) | (np.int64(second[n]) >> 12)
            row[n] = _number(mantissa | 0x3FF0000000000000) - 1.0


@summed
def _sum(x):
    total = 0.0
    for n in range(len(x)):
        total += x[n]
    return total


@summed
def _dot(x, y):
    total = 0.0
    for n in range(len(x)):
        total += x[n] * y[n]
    return total


@summed
def _log_of_product(x, y):
    """Σ log(x/y): one logarithm for 16 ratios, of which each is between 1/K and K."""
    total = 0.0
    for start in range(0, len(x), 16):
        product = 1.0
        for n in range(start, min(start + 16, len(x))):
            product *= x[n] / y[n]
        total += math.log(product)
    return total


@compiled
def _softmax(z, label, top, e, wrong, total):
    """e^{z − top}, its sum over wrong arms (which keeps the digits of 1 − J), and over all."""
    K, N = z.shape
    top[:] = z[0]
    for k in range(1, K):
        row = z[k]
        for n in range(N):
            top[n] = row[n] if row[n] > top[n] else top[n]
    wrong[:] = 0.0
    for k in range(K):
        row, out = z[k], e[k]
        for n in range(N):
            value = _exp(row[n] - top[n])
            out[n] = value
            wrong[n] += 0.0 if label[n] == k else value
    for n in range(N):
        total[n] = wrong[n] + e[label[n], n]


@summed
def _sum_of_ratios(x, y):
    total = 0.0
    for n in range(len(x)):
        total += x[n] / y[n]
    return total


@compiled
def _along(e, u, out):
    """E_π u of each prompt, times the sum of e."""
    out[:] = 0.0
    for k in range(len(e)):
        weight, row = e[k], u[k]
        for n in range(len(out)):
            out[n] += weight[n] * row[n]


@compiled
def _quadratic_step(e, u, first, total, limit):
    """√(2 limit/Var u), about where KL meets the limit; inf where nothing changes. `first`: from `_along`."""
    second = np.zeros_like(first)
    for k in range(len(e)):
        weight, row = e[k], u[k]
        for n in range(len(first)):
            second[n] += weight[n] * row[n] * row[n]
    for n in range(len(first)):
        second[n] = second[n] / total[n] - (first[n] / total[n]) ** 2
    variance = _sum(second) / len(first)
    return math.sqrt(2 * limit / variance) if variance > 0 else math.inf


@compiled
def _take(here, there, u, step, limit, label, along):
    """(s, mean KL of the step); `there` becomes the softmax at z + s u. As `KLLimited`; limit 0: s = step."""
    z, top, e, _, total = here
    z_new, top_new, e_new, wrong_new, total_new = there
    K, N = z.shape
    _along(e, u, along)
    mean = _sum_of_ratios(along, total) / N
    s = min(step, _quadratic_step(e, u, along, total, limit)) if limit > 0 else step
    tolerance = TOLERANCE * limit + 1e-15
    low, high, last, kl = 0.0, step, limit == 0, 0.0
    for _ in range(ITERATIONS):
        for k in range(K):
            old, row, out = z[k], u[k], z_new[k]
            for n in range(N):
                out[n] = old[n] + s * row[n]
        _softmax(z_new, label, top_new, e_new, wrong_new, total_new)
        kl = (_log_of_product(total_new, total) + (_sum(top_new) - _sum(top))) / N - s * mean
        excess = kl - limit
        if last or (excess <= 0 and s >= step):
            break
        last = not abs(excess) > tolerance
        _along(e_new, u, along)
        slope = _sum_of_ratios(along, total_new) / N - mean
        low = max(low, s * limit / kl if excess > 0 else s)
        if slope > 0:
            high = min(high, s - excess / slope)
        root = math.sqrt(max(kl, 0.0))
        s = min(max(s - 2 * root * (root - math.sqrt(limit)) / slope, low), high) if root > 0 and slope > 0 else high
    if limit > 0 and kl > limit:  # by a rounding error
        return s * limit / kl, limit
    return s, kl


@compiled
def _spread(a, coherence, mix, u):
    """What the direction Σ_x e_x ⊗ a_x does to the logits, simplex arms at distance 1: half the Gram matrix times a.

    `mix` has no rows: all inner products are `coherence`; N rows: it is the Gram matrix; r < N: the columns of e.
    """
    K, N = a.shape
    if len(mix) == 0:
        for k in range(K):
            row, out = a[k], u[k]
            common = 0.5 * coherence * _sum(row)
            for n in range(N):
                out[n] = 0.5 * (1 - coherence) * row[n] + common
        return
    u[:] = 0.0
    for j in range(len(mix)):
        column = mix[j]
        for k in range(K):
            share = 0.5 * (a[k, j] if len(mix) == N else _dot(a[k], column))
            out = u[k]
            for n in range(N):
                out[n] += share * column[n]


@compiled
def _draw(here, draws, label, counts, below, before, right):
    """How often each arm is drawn: those u below π_1 + … + π_k, as `bandits.policy.draw_counts`; `right` answers."""
    _, _, e, _, total = here
    (G, N), K = draws.shape, len(e)
    cumulated = np.zeros(N)
    for g in range(G):
        row = draws[g]
        for n in range(N):
            row[n] *= total[n]
    before[:] = 0.0
    for k in range(K - 1):
        row, out = e[k], counts[k]
        for n in range(N):
            cumulated[n] += row[n]
        below[:] = 0.0
        for g in range(G):
            u = draws[g]
            for n in range(N):
                below[n] += 1.0 if u[n] < cumulated[n] else 0.0
        for n in range(N):
            out[n] = below[n] - before[n]
            before[n] = below[n]
    for n in range(N):
        counts[K - 1, n] = G - before[n]
    for n in range(N):
        right[n] = counts[label[n], n]


@compiled
def _power(x, y):
    return 1.0 if y == 0 else 1 / x if y == -1 else 1 / (x * x) if y == -2 else x**y


@compiled
def _from_groups(here, label, weights, shifts, a, right, G):
    """Counts in `a` become Σ over a group of advantages and scores; `right` is replaced by the mean rewards."""
    _, _, e, _, total = here
    K, N = a.shape
    of_count, of_share, of_right = np.empty(N), np.empty(N), np.empty(N)
    for n in range(N):
        m = int(right[n])
        w, b, share = weights[m], shifts[m], m / G
        of_count[n] = (b - w * share) / G
        of_share[n] = b / total[n]
        of_right[n] = (w * (1 - share) + b) * share - of_share[n] * e[label[n], n]
        right[n] = share
    shifted = np.any(shifts != 0)
    for k in range(K):
        row, shares = a[k], e[k]
        for n in range(N):
            row[n] *= of_count[n]
        if shifted:
            for n in range(N):
                row[n] -= shares[n] * of_share[n]
    for n in range(N):
        a[label[n], n] = of_right[n]


@compiled
def _exactly(here, label, value, factor, a):
    """Gradients ∂J/∂z times a factor of each prompt."""
    _, _, e, wrong, total = here
    K, N = a.shape
    each = np.empty(N)
    for n in range(N):
        each[n] = -factor[n] * value[n] / total[n]
    for k in range(K):
        row, out = e[k], a[k]
        for n in range(N):
            out[n] = row[n] * each[n]
    for n in range(N):
        a[label[n], n] = factor[n] * value[n] * (wrong[n] / total[n])


@compiled
def _interference(here, label, value, std, coherence, mix, lengths, a, u):
    """χ, of exact gradients: `bandits.policy.interference`."""
    K, N = a.shape
    inverse = np.zeros(N)
    for n in range(N):
        inverse[n] = 1 / std[n] if std[n] > 0 else 0.0
    _exactly(here, label, value, inverse, a)
    _spread(a, coherence, mix, u)
    top, bottom = 0.0, 0.0
    for k in range(K):
        for n in range(N):
            if std[n] > 0:
                top += u[k, n] * a[k, n] * std[n]
                bottom += 0.5 * lengths[n] * a[k, n] ** 2 * std[n]
    return top / bottom


@compiled
def _one(offsets, label, key, G, rule, way, features, num_steps, out):
    """One run; `out` is filled."""
    numbers, hits, curve, ratios = out
    step, limit, best, shares = way
    k0, k1 = key[0], key[1]
    divisor, weights, shifts = rule
    coherence, mix, lengths = features
    K, N = offsets.shape
    here = (offsets.copy(), np.empty(N), np.empty((K, N)), np.empty(N), np.empty(N))
    there = (np.empty((K, N)), np.empty(N), np.empty((K, N)), np.empty(N), np.empty(N))
    a, u, draws = np.empty((K, N)), np.empty((K, N)), np.empty((G, N))
    value, std, mean, scale = np.empty(N), np.empty(N), np.empty(N), np.empty(N)
    first, second = np.empty(N, np.uint32), np.empty(N, np.uint32)
    _softmax(here[0], label, here[1], here[2], here[3], here[4])
    area, total_std, lowest, largest, limited, start = 0.0, 0.0, math.inf, 0.0, 0, 0.0
    hits[:] = math.inf
    for t in range(num_steps + 1):
        _, _, e, wrong, total = here
        for n in range(N):
            value[n] = e[label[n], n] / total[n]
        for n in range(N):
            std[n] = math.sqrt(value[n] * (wrong[n] / total[n]))
        J = _sum(value) / N
        if t == 0:
            start = J
        lowest = min(lowest, J)
        for i in range(len(hits)):
            level = start + shares[i] * (best - start)
            if hits[i] > t and level <= J:
                hits[i] = t
        if t == num_steps:
            numbers[0] = area / num_steps
            numbers[1] = J
            break
        if t % (num_steps // len(curve)) == 0:
            point = t // (num_steps // len(curve))
            curve[point] = J
            ratios[point] = _interference(here, label, value, std, coherence, mix, lengths, a, u)
        area += J
        total_std += _sum(std) / N
        if G == 0:
            for n in range(N):
                alive = std[n] > 0
                scale[n] = weights[0] * _power(value[n], weights[1]) * _power(std[n], weights[2]) if alive else 0.0
            _exactly(here, label, value, scale, a)
            mean[:] = value
        else:
            after = _threefry(k0, k1, np.uint32(0), np.uint32(0))
            now = _threefry(k0, k1, np.uint32(0), np.uint32(1))
            k0, k1 = after
            uniforms(now[0], now[1], first, second, draws)
            _draw(here, draws, label, a, scale, std, mean)
            _from_groups(here, label, weights, shifts, a, mean, G)
            for n in range(N):
                std[n] = math.sqrt(mean[n] * (1 - mean[n]))
        if divisor != OWN:
            deviation = _sum(std) / N
            if divisor == POOLED:
                centre = _sum(mean) / N
                for n in range(N):
                    scale[n] = std[n] ** 2 + (mean[n] - centre) ** 2
                deviation = math.sqrt(_sum(scale) / N)
            inverse = 1 / deviation if deviation > 0 else 0.0
            for k in range(K):
                for n in range(N):
                    a[k, n] *= inverse
        _spread(a, coherence, mix, u)
        s, kl = _take(here, there, u, step, limit, label, scale)
        largest = largest if largest >= kl else kl
        limited += s < step
        here, there = there, here
    numbers[2] = lowest
    numbers[3] = total_std / num_steps
    numbers[4] = largest
    numbers[5] = limited / num_steps
    numbers[6] = math.isfinite(_sum(here[0].ravel())) and math.isfinite(numbers[0]) and math.isfinite(largest)


@compiled
def score_runs(problems, rules, steps, features, G, num_steps, num_curve):
    """R runs, one after the other; G is 0 for exact gradients.

    Arguments:
        problems: (offsets [R, K, N], right arms [R, N], keys [R, 2]).
        rules: (OWN, BATCH or POOLED; w(k) [R, G+1], or exactly (c, u, v) of c J^u σ^v [R, 3]; b(k) [R, G+1]).
        steps: (sizes [R], limit of KL or 0 for none, best known J [R], shares of the way to it [L]).
        features: (coherence [R], what else mixes prompts [R, rows, N] as in `_spread`, |e|² [R, N]).

    Returns:
        (area, final, lowest, mean σ, largest KL, share of limited steps, finite [R, 7]; hitting times [R, L]; J and χ
        at the points of the curve [R, num_curve] each).
    """
    offsets, labels, keys = problems
    divisor, weights, shifts = rules
    sizes, limit, best, shares = steps
    coherence, mix, lengths = features
    R = len(offsets)
    numbers, hits = np.empty((R, 7)), np.empty((R, len(shares)))
    curve, ratios = np.empty((R, num_curve)), np.empty((R, num_curve))
    for i in range(R):
        rule, here = (divisor, weights[i], shifts[i]), (coherence[i], mix[i], lengths[i])
        way, out = (sizes[i], limit, best[i], shares), (numbers[i], hits[i], curve[i], ratios[i])
        _one(offsets[i], labels[i], keys[i], G, rule, way, here, num_steps, out)
    return numbers, hits, curve, ratios
