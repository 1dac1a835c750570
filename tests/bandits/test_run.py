"""Runs against a plain NumPy loop, the theorems along runs, and counterexamples; each bound has a false variant."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import curvature
from bandits import (
    Certified,
    Expected,
    Sampled,
    coherent,
    constant,
    from_array,
    from_pass_rates,
    kl_limited,
    make_rule,
    problem,
    rewards_with_moments,
    run,
    run_many,
    simplex_arms,
)

KEY = jax.random.key(0)
ROWS = [
    "time",
    "value",
    "std",
    "gradient_norm",
    "average_gradient_norm",
    "average_std",
    "multiple",
    "certificate",
    "gain",
    "kl",
    "cross_ratio",
    "orthogonality",
]


def make_problem(seed: int = 0, *, real: bool = False, geometry: str = "gaussian", N: int = 5, coherence: float = 0.6):
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.uniform(-4, 3, N)))
    made = from_pass_rates(
        p, num_arms=3, coherence=coherence, geometry=geometry, diameter=1.5, key=jax.random.key(seed)
    )
    if not real:
        return made
    rewards = rewards_with_moments(made.offsets, rng.normal(size=N), rng.uniform(0.1, 2, N), rng.normal(size=(N, 3)))
    return problem(made.features, made.offsets, rewards)


def numpy_run(made, name: str, step: float, num_steps: int, alpha: float, ridge: float) -> tuple[dict, np.ndarray]:
    """The simulator again, on dense features with explicit loops over prompts; θ [d] alone is carried along."""
    φ, b, r = (np.asarray(a) for a in (made.features.dense(), made.offsets, made.rewards))
    N, _, d = φ.shape
    P = [np.linalg.pinv(φ[x, 1:] - φ[x, 0]) @ (φ[x, 1:] - φ[x, 0]) for x in range(N)]

    def policy(θ):
        z = [b[x] + φ[x] @ θ for x in range(N)]
        return [np.exp(a - a.max()) / np.exp(a - a.max()).sum() for a in z]

    θ, rows, norms, deviations = np.zeros(d), {name: [] for name in ROWS}, [], []
    for t in range(num_steps):
        π = policy(θ)
        J = [π[x] @ r[x] for x in range(N)]
        σ = [np.sqrt(π[x] @ (r[x] - J[x]) ** 2) for x in range(N)]
        g = [(π[x] * (r[x] - J[x])) @ φ[x] for x in range(N)]
        if name == "decoupled":
            S = sum(σ[x] * P[x] for x in range(N)) + ridge * np.mean(σ) * np.eye(d)
            v = np.linalg.pinv(S, rcond=1e-10, hermitian=True) @ sum(g)
        elif name == "batch":
            v = sum(g) / np.mean(σ)
        else:
            exponent = {"none": 0.0, "group": 1.0, "power": alpha}[name]
            v = sum(g[x] / σ[x] ** exponent for x in range(N))
        δ = step * v
        π_new = policy(θ + δ)
        a = [np.ptp(φ[x] @ δ) / 2 for x in range(N)]
        norms.append(np.mean([np.linalg.norm(x) for x in g]))
        deviations.append(np.mean(σ))
        row = {
            "time": t,
            "value": np.mean(J),
            "std": deviations[-1],
            "gradient_norm": norms[-1],
            "average_gradient_norm": np.mean(norms),
            "average_std": np.mean(deviations),
            "multiple": step,
            "certificate": np.mean([g[x] @ δ - σ[x] * (np.exp(a[x]) - 1 - a[x]) for x in range(N)]),
            "gain": np.mean([π_new[x] @ r[x] - J[x] for x in range(N)]),
            "kl": np.mean([π[x] @ np.log(π[x] / π_new[x]) for x in range(N)]),
            "cross_ratio": curvature.cross_ratio(np.array(g), np.array(σ)),
            "orthogonality": curvature.orthogonality(np.array(g)),
        }
        for key, value in row.items():
            rows[key].append(float(value))
        θ = θ + δ
    return {key: np.array(value) for key, value in rows.items()}, θ


@pytest.mark.parametrize("name", ["none", "group", "batch", "power", "decoupled"])
@pytest.mark.parametrize("real", [False, True])
def test_trajectory_is_the_numpy_loop(name, real):
    made = make_problem(1, real=real)
    ridge = 0.2 if real else 0.0
    rule = make_rule(name, made.features, alpha=1.3, ridge=ridge)
    found = run(made, rule, constant(0.4), 20, key=KEY)
    rows, θ = numpy_run(made, name, 0.4, 20, 1.3, ridge)
    for row in ROWS:
        np.testing.assert_allclose(getattr(found.trajectory, row), rows[row], rtol=1e-10, atol=1e-10, err_msg=row)
    np.testing.assert_allclose(found.final.parameters.reshape(-1), θ, rtol=1e-10, atol=1e-10)
    # the logits are accumulated step by step: they still belong to the parameters
    logits = made.offsets + made.features.logits(found.final.parameters)
    np.testing.assert_allclose(found.final.local.logits, logits, rtol=0, atol=1e-10)
    assert float(found.final.time) == 20
    np.testing.assert_allclose(found.final.sum_std / 20, rows["average_std"][-1], rtol=1e-12)


def test_thinned_records_are_rows_of_the_full_run():
    made = make_problem()
    rule = make_rule("group", made.features)
    full = run(made, rule, constant(0.3), 24, key=KEY, oracle=Sampled(4))
    thin = run(made, rule, constant(0.3), 24, key=KEY, oracle=Sampled(4), record_every=6)
    for row in ROWS:
        # two compilations of one computation: rounding may differ
        np.testing.assert_allclose(
            getattr(thin.trajectory, row), getattr(full.trajectory, row)[::6], rtol=1e-11, atol=1e-14, err_msg=row
        )
    np.testing.assert_allclose(thin.final.parameters, full.final.parameters, rtol=1e-11, atol=1e-14)
    assert float(thin.final.time) == 24


def test_many_runs_are_single_runs_and_keys_matter_when_sampling():
    made = make_problem()
    rule = make_rule("group", made.features)
    keys = jax.random.split(KEY, 3)
    many = run_many(made, rule, constant(0.3), 10, keys=keys, oracle=Sampled(4))
    assert many.trajectory.value.shape == (3, 10)
    for i in range(3):
        one = run(made, rule, constant(0.3), 10, key=keys[i], oracle=Sampled(4))
        for row in ROWS:
            np.testing.assert_allclose(
                getattr(many.trajectory, row)[i], getattr(one.trajectory, row), rtol=1e-11, atol=1e-14, err_msg=row
            )
    again = run_many(made, rule, constant(0.3), 10, keys=keys, oracle=Sampled(4))
    np.testing.assert_array_equal(many.trajectory.gain, again.trajectory.gain)
    for i, j in ((0, 1), (1, 2), (0, 2)):
        assert np.abs(many.trajectory.gain[i] - many.trajectory.gain[j]).max() > 1e-4
    # fresh draws at every step: at tiny steps the state hardly moves, so the gains would otherwise repeat
    still = run(made, rule, constant(1e-9), 10, key=KEY, oracle=Sampled(4))
    assert len(np.unique(np.asarray(still.trajectory.gain))) > 5
    exact = run_many(made, rule, constant(0.3), 4, keys=keys)
    np.testing.assert_array_equal(exact.trajectory.gain[0], exact.trajectory.gain[2])


def test_expected_groups_run_and_differ_from_exact_ones():
    made = make_problem()
    none, group = (make_rule(name, made.features) for name in ("none", "group"))
    # T13: at G = 2 GRPO is exactly twice REINFORCE, along the whole run
    twice = run(made, none, constant(0.6), 10, key=KEY, oracle=Expected(2)).trajectory
    once = run(made, group, constant(0.3), 10, key=KEY, oracle=Expected(2)).trajectory
    np.testing.assert_allclose(once.gain, twice.gain, rtol=1e-10)
    exact = run(made, group, constant(0.3), 10, key=KEY).trajectory
    assert np.abs(once.gain - exact.gain).max() > 1e-3


STEPS = {"constant": constant(0.3), "large": constant(4.0), "certified": Certified(), "limited": kl_limited(50.0)}


@pytest.mark.parametrize("size", STEPS)
@pytest.mark.parametrize("real", [False, True])
def test_certificate_is_below_the_gain_at_any_coherence(size, real):
    informative = 0
    # the two ends have shapes of their own, and so a compilation each: once is enough
    for coherence in (0.0, 0.3, 0.9, 1.0) if size == "certified" else (0.3, 0.9):
        made = make_problem(2, real=real, geometry="simplex", coherence=coherence)
        for name in ("none", "group"):
            rows = run(made, make_rule(name, made.features), STEPS[size], 30, key=KEY).trajectory
            assert (rows.certificate <= rows.gain + 1e-12).all()
            informative += int((rows.certificate > 0).sum())
            if size == "limited":
                assert (rows.kl <= 0.05 * (1 + 1e-12)).all()
            if size == "certified":
                assert (rows.certificate >= -1e-15).all()
                assert (rows.multiple >= 0).all()
    assert informative > 0 or size == "large"


def test_half_the_remainder_would_not_be_a_certificate():
    # T1 is sharp at p = (2 + √2)/4 for two arms: there a small step needs the whole remainder
    p = (2 + np.sqrt(2)) / 4
    made = problem(coherent(None, simplex_arms(2), num_prompts=1), [[np.log(p / (1 - p)), 0.0]], [[1.0, 0.0]])
    rows = run(made, make_rule("none", made.features), constant(0.05), 1, key=KEY).trajectory
    slope = rows.multiple * rows.gradient_norm**2
    remainder = slope - rows.certificate
    assert (rows.certificate <= rows.gain).all()
    assert (slope - 0.98 * remainder > rows.gain).all()
    assert (slope - 0.5 * remainder > rows.gain).all()


def theorem_bound(made, rows, scale):
    gap = jnp.mean(made.best_values()) - rows.value[0]
    return curvature.gradient_norm_bound(scale, made.diameter, gap, rows.time + 1)


def theorem_run(made, name: str, num_steps: int):
    """(average gradient norm up to each T, T6's bound at each T)."""
    step = float(curvature.theorem_step(made.diameter))
    rule = make_rule(name, made.features)
    rows = run(made, rule, constant(step if name == "group" else step / 0.5), num_steps, key=KEY).trajectory
    return rows.average_gradient_norm, theorem_bound(made, rows, rows.average_std if name == "group" else 0.5)


@pytest.mark.parametrize("name", ["group", "none"])
def test_theorem_bounds_hold_at_every_time(name):
    # pass rates of one half at the start come closest to the bound
    worst = 0.0
    for rates in ([0.5] * 6, [0.005, 0.05, 0.2, 0.5, 0.9, 0.99]):
        made = from_pass_rates(rates, num_arms=3, diameter=2.0, key=KEY)
        measured, bound = theorem_run(made, name, 300)
        assert (measured <= bound).all()
        worst = max(worst, float((measured / bound).max()))
    assert worst > 0.2  # the false variant, a fifth of the bound, is refused


@pytest.mark.parametrize("name", ["group", "none"])
def test_theorem_needs_orthogonal_spans(name):
    # one feature for all and opposite right arms: the gradients cancel and never vanish
    arms = simplex_arms(2)
    made = problem(coherent(np.ones((2, 2)), arms), np.zeros((2, 2)), [[1.0, 0.0], [0.0, 1.0]])
    measured, bound = theorem_run(made, name, 300)
    assert (measured > bound).any()


def test_orthogonal_gradients_at_a_point_are_not_enough():
    # X1: prompt 1 ±½ at p = 1e-3, prompt 2 {0 right, ±½}; the third arm of prompt 1 is absent
    features = from_array([[[0.5], [-0.5], [-0.5]], [[0.0], [0.5], [-0.5]]])
    p = 1e-3
    offsets = np.log([[p, 1 - p, 1.0], [0.5, 0.25, 0.25]])
    offsets[0, 2] = -np.inf
    made = problem(features, offsets, [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    assert float(made.diameter) == 1
    step = float(curvature.theorem_step(1.0))
    group = run(made, make_rule("group", features), constant(step), 1, key=KEY).trajectory
    none = run(made, make_rule("none", features), constant(2 * step), 1, key=KEY).trajectory
    np.testing.assert_allclose(group.orthogonality, 1, rtol=1e-12)
    np.testing.assert_allclose(group.cross_ratio, 1, rtol=1e-12)  # both indices see nothing
    # the change of the sum in closed form, δ = step · p q / σ (group) and 2 step · p q (none)
    for rows, δ in ((group, step * np.sqrt(p * (1 - p))), (none, 2 * step * p * (1 - p))):
        odds = p / (1 - p) * np.exp(δ)
        wanted = odds / (1 + odds) - p + 1 / (1 + np.cosh(δ / 2)) - 0.5
        np.testing.assert_allclose(2 * rows.gain[0], wanted, rtol=1e-9)  # differences of 1e-6 of numbers near ½
    np.testing.assert_allclose(2 * group.gain[0], -1.48e-4, atol=5e-7)  # theory.md gives three digits
    np.testing.assert_allclose(2 * none.gain[0], 4.6e-6, atol=5e-8)


def test_group_can_descend_where_none_ascends():
    # C6: J₁ = sigmoid(θ/2), J₂ = sigmoid(−θ + ln(1/9)), at any small step
    features = from_array([[[0.25], [-0.25]], [[-0.5], [0.5]]])
    made = problem(features, np.log([[0.5, 0.5], [0.1, 0.9]]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    for step in (1e-4, 1e-2):
        none = run(made, make_rule("none", features), constant(step), 1, key=KEY)
        group = run(made, make_rule("group", features), constant(step), 1, key=KEY)
        np.testing.assert_allclose(none.final.parameters[0, 0], step * 0.035, rtol=1e-12)
        np.testing.assert_allclose(group.final.parameters[0, 0], -step * 0.05, rtol=1e-12)
        assert float(none.trajectory.gain[0]) > 0 > float(group.trajectory.gain[0])
        np.testing.assert_allclose(
            [2 * none.trajectory.gain[0] / step, 2 * group.trajectory.gain[0] / step],
            [0.035**2, -0.035 * 0.05],
            rtol=10 * step,  # first order in the step
        )
    assert float(group.trajectory.cross_ratio[0]) < 0 < float(none.trajectory.orthogonality[0])


@pytest.mark.parametrize(("alpha", "step"), [(0.0, 4.0), (1.0, 0.5)])
def test_tails_have_the_exponents_of_two_arms(alpha, step):
    # T7; simplex arms of D = 1 make the logit move by step · p q / σ^α
    made = problem(coherent(None, simplex_arms(2), num_prompts=1), [[0.0, 0.0]], [[1.0, 0.0]])
    rows = run(
        made, make_rule("power", made.features, alpha=alpha), constant(step), 8192, key=KEY, record_every=64
    ).trajectory
    late = rows.time >= 2048
    slope = np.polyfit(np.log(rows.time[late]), np.log(1 - rows.value[late]), 1)[0]
    assert abs(slope - curvature.tail_exponent(alpha)) < 0.02  # ln t/t corrections, and a fit over two octaves
    assert abs(slope - curvature.tail_exponent(1 - alpha)) > 0.5  # the other rule's exponent is refused


def test_a_prompt_that_cannot_move_leaves_the_run_alone():
    # equal rewards, and right answers only among the present arms: σ = 0, no gradient under any rule
    features = from_array(np.random.default_rng(0).normal(size=(3, 4, 2)))
    offsets = np.random.default_rng(1).normal(size=(3, 4))
    offsets[1, 3] = -np.inf
    rewards = np.array([[1.0, 0, 0, 0], [1, 1, 1, 0], [0.3, 0.3, 0.3, 0.3]])
    whole = problem(features, offsets, rewards)
    alone = problem(from_array(features.arms[:1]), offsets[:1], rewards[:1])
    found, wanted = (
        run(made, make_rule("group", made.features), constant(0.3), 30, key=KEY) for made in (whole, alone)
    )
    np.testing.assert_allclose(found.final.parameters, wanted.final.parameters, rtol=1e-12)
    np.testing.assert_allclose(3 * found.trajectory.certificate, wanted.trajectory.certificate, rtol=1e-9)
    assert np.isfinite(np.asarray(found.trajectory.gain)).all()


def test_nothing_to_learn_records_nan_indices_and_stays():
    made = problem(from_array(np.ones((2, 2, 1))), np.zeros((2, 2)), np.ones((2, 2)))
    rows = run(made, make_rule("group", made.features), constant(1.0), 2, key=KEY).trajectory
    assert np.isnan(rows.cross_ratio).all()
    assert np.isnan(rows.orthogonality).all()
    np.testing.assert_array_equal(rows.gain, 0)
    np.testing.assert_array_equal(rows.certificate, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_steps": 0}, "num_steps is 0"),
        ({"record_every": 0}, "record_every is 0"),
        ({"record_every": 3}, "record_every is 3; allowed: a divisor of num_steps = 10"),
        ({"oracle": Expected(4), "rule": "batch"}, "rule is batch"),
    ],
)
def test_refusals(arguments, message):
    made = make_problem()
    options = {"num_steps": 10, "rule": "group", **arguments}
    rule = make_rule(options.pop("rule"), made.features)
    with pytest.raises(ValueError, match=message):
        run(made, rule, constant(0.1), options.pop("num_steps"), key=KEY, **options)
