"""Several updates a batch, held against PPO's loss of the same responses, written out and differentiated by JAX."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bandits import (
    Exact,
    Sampled,
    Weight,
    constant,
    draw_counts,
    from_pass_rates,
    init,
    kl_limited,
    locate,
    make_optimiser,
    make_rule,
    run,
    score,
    step,
)
from bandits.autoregressive import sequence_problem
from bandits.epochs import batch_of_epoch
from bandits.redraw import live_counts
from bandits.update import SERVED
from curvature.rule import parse

KEY = jax.random.key(3)
RATES = [0.1, 0.3, 0.5, 0.6, 0.8, 0.9]
G, ETA = 5, 0.4
STEPS = {"none": 2.0, "batch": 1.0, "pooled": 1.0, "maxrl": 1.0}
"""Long enough for the ratio to be cut off; of other rules .5."""
TABLES = ("none", "group", "power(2)", "maxrl", "focal(1)", "leave_one_out")


def made_problem():
    return from_pass_rates(RATES, num_arms=3, coherence=0.4, key=KEY)


def advantages(name: str, counts: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    """A(x, y) of a response y to prompt x, from the counts of a batch: 0 in groups whose rewards are all equal."""
    right = (counts * rewards).sum(axis=1)
    mean, live = right / G, (right > 0) & (right < G)
    std = np.sqrt(mean * (1 - mean))
    if name in TABLES:
        pairs = np.array(parse(name, allowed=SERVED).advantages(G))[right.astype(int)]
        table = np.where(rewards == 1, pairs[:, :1], pairs[:, 1:])
    else:
        every = np.repeat(rewards.ravel(), counts.ravel().astype(int))
        divisor = {"batch": std.mean(), "pooled": every.std()}[name]
        table = (rewards - mean[:, None]) / divisor
    return np.where(live[:, None], table, 0)


def loss(θ, made, chosen, counts, table, old, clip_range):
    """Σ_x (1/G) Σ_i min(ρ A, clip(ρ) A)."""
    log = jax.nn.log_softmax(made.offsets + jnp.asarray(made.features.dense()) @ θ)[chosen]
    ratio = jnp.exp(log - old)
    clipped = jnp.clip(ratio, 1 - clip_range, 1 + clip_range)
    return jnp.sum(counts * jnp.minimum(ratio * table, clipped * table)) / G


def written_out(name, made, step_size, U, B, T, clip_range=0.2, filtered=False):
    """(θ after T updates, the share of responses that the ratio cut off at them)."""
    key, order_key = KEY, init(made, key=KEY).order_key
    φ, N = jnp.asarray(made.features.dense()), made.num_prompts
    θ, cut = jnp.zeros(φ.shape[2]), []
    for t in range(T):
        log = jax.nn.log_softmax(made.offsets + φ @ θ)
        if t % U == 0:
            key, draw = jax.random.split(key)
            chosen = jnp.arange(N) if B == 0 else batch_of_epoch(order_key, jnp.asarray(t / U), N, B)
            old, rewards = log[chosen], np.asarray(made.rewards[chosen])
            if filtered:
                counts = live_counts(jnp.exp(old), made.rewards[chosen], G, key=draw)[0]
            else:
                counts = draw_counts(jnp.exp(old), G, key=draw)
            counts = np.asarray(counts, float)
            table = advantages(name, counts, rewards)
        ratio = np.exp(log[chosen] - old)
        beyond = np.where(table > 0, ratio > 1 + clip_range, ratio < 1 - clip_range) & (table != 0) & (counts > 0)
        cut.append((counts * beyond).sum() / (counts * (table != 0)).sum())
        θ = θ + step_size * jax.grad(loss)(θ, made, chosen, counts, table, old, clip_range)
    return θ, cut


@pytest.mark.parametrize("name", [*TABLES, "batch", "pooled"])
def test_updates_follow_the_gradient_of_the_clipped_loss(name: str) -> None:
    made = made_problem()
    rule = make_rule(name, made.features, group_size=G)
    size = STEPS.get(name, 0.5)
    found = run(made, rule, constant(size), 7, key=KEY, oracle=Sampled(G, updates_per_batch=3)).final
    θ, cut = written_out(name, made, size, 3, 0, 7)
    np.testing.assert_allclose(found.parameters.ravel(), θ, rtol=0, atol=1e-12)
    assert cut[0] == cut[3] == cut[6] == 0  # the first update of a batch has ρ = 1
    assert any(0 < share < 1 for share in cut)  # some responses were cut off, some were not
    unclipped = run(made, rule, constant(size), 7, key=KEY, oracle=Sampled(G)).final
    assert np.abs(found.parameters - unclipped.parameters).max() > 0.01


@pytest.mark.parametrize(("clip_range", "filtered"), [(0.05, False), (0.5, True)])
def test_batches_of_prompts_the_filter_and_other_ranges(clip_range: float, filtered: bool) -> None:
    made = made_problem()
    oracle = Sampled(G, prompts_per_update=2, filter=filtered, updates_per_batch=4, clip_range=clip_range)
    found = run(made, make_rule("group", made.features), constant(1.0), 14, key=KEY, oracle=oracle).final
    θ, cut = written_out("group", made, 1.0, 4, 2, 14, clip_range, filtered)
    np.testing.assert_allclose(found.parameters.ravel(), θ, rtol=0, atol=1e-12)
    assert max(cut) > 0


def test_decoupled_multiplies_the_clipped_sum() -> None:
    made, ridge = made_problem(), 0.1
    rule = make_rule("decoupled", made.features, ridge=ridge)
    found = run(made, rule, constant(ETA), 3, key=KEY, oracle=Sampled(G, updates_per_batch=3)).final
    φ, rewards = jnp.asarray(made.features.dense()), np.asarray(made.rewards)
    projectors = np.array([np.linalg.pinv(each) @ each for each in np.asarray(φ - φ.mean(axis=1, keepdims=True))])
    old = jax.nn.log_softmax(made.offsets)
    counts = np.asarray(draw_counts(jnp.exp(old), G, key=jax.random.split(KEY)[1]), float)
    table = advantages("none", counts, rewards)
    std = np.sqrt((counts * table**2).sum(axis=1) / G)
    matrix = np.einsum("x,xab->ab", std, projectors) + ridge * std.mean() * np.eye(φ.shape[2])
    θ = jnp.zeros(φ.shape[2])
    for _ in range(3):
        θ = θ + ETA * np.linalg.solve(matrix, jax.grad(loss)(θ, made, jnp.arange(6), counts, table, old, 0.2))
    np.testing.assert_allclose(found.parameters.ravel(), θ, rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", ["none", "group", "leave_one_out"])
def test_sequences_are_clipped_token_by_token(name: str) -> None:
    H, V = 3, 2
    made = sequence_problem([0.2, 0.5, 0.7], horizon=H, num_tokens=V, coherence=0.3, key=KEY)
    rule = make_rule(name, made.features, group_size=G)
    size = STEPS.get(name, 0.5)
    found = run(made, rule, constant(size), 6, key=KEY, oracle=Sampled(G, updates_per_batch=3)).final
    φ, S, N = jnp.asarray(made.features.dense()), made.rewards.shape[1] // V, made.num_prompts
    pairs, rows = np.array(parse(name, allowed=SERVED).advantages(G)), np.arange(N)[None, :, None]

    def log_of(θ):
        z = (made.offsets + φ @ θ).reshape(N, S, V)
        return jax.nn.log_softmax(z, axis=-1).reshape(N, S * V)

    def sequence_loss(θ, steps, A, old):
        ratio = jnp.exp(log_of(θ)[rows, steps] - old[rows, steps])  # [H, N, G]
        return jnp.sum(jnp.minimum(ratio * A, jnp.clip(ratio, 0.8, 1.2) * A)) / G

    key, θ, cut = KEY, jnp.zeros(φ.shape[2]), 0
    for t in range(6):
        if t % 3 == 0:
            key, draw = jax.random.split(key)
            old = log_of(θ)
            steps, total, _ = made.policy._draw(locate(made, made.offsets + φ @ θ), made.rewards, G, draw)
            right = np.asarray(total.sum(axis=1)).round().astype(int)
            A = np.where(np.asarray(total) > 0.5, pairs[right][:, :1], pairs[right][:, 1:])
            A = np.where(((right > 0) & (right < G))[:, None], A, 0)
        ratio = np.exp(log_of(θ)[rows, steps] - old[rows, steps])
        cut += int(((A > 0) & (ratio > 1.2)).sum() + ((A < 0) & (ratio < 0.8)).sum())
        θ = θ + size * jax.grad(sequence_loss)(θ, steps, A, old)
    np.testing.assert_allclose(found.parameters.ravel(), θ, rtol=0, atol=1e-12)
    assert cut > 0


def test_one_update_a_batch_is_what_it_was_and_the_first_of_several_is_the_same() -> None:
    made, rule = made_problem(), make_rule("group", made_problem().features)
    plain, one, three = (Sampled(G), Sampled(G, updates_per_batch=1), Sampled(G, updates_per_batch=3))
    a, b, c = (run(made, rule, constant(ETA), 1, key=KEY, oracle=oracle).final for oracle in (plain, one, three))
    np.testing.assert_array_equal(a.parameters, b.parameters)
    np.testing.assert_allclose(a.parameters, c.parameters, rtol=1e-13)
    assert a.drawn is b.drawn is None
    assert c.drawn is not None


def test_groups_are_drawn_and_counted_once_a_batch() -> None:
    made, rule = made_problem(), make_rule("group", made_problem().features)
    for U, batches in ((1, 7), (2, 4), (3, 3), (10, 1)):
        oracle = Sampled(G, prompts_per_update=3, updates_per_batch=U)
        tally = score(made, rule, oracle, constant(ETA), 7, levels=jnp.array([0.9]), key=KEY)
        assert float(tally.answers_drawn) == batches * 3 * G

    def text(U: int) -> str:
        def one(key, size):
            return score(
                made, rule, Sampled(G, updates_per_batch=U), constant(size), 8, levels=jnp.array([0.9]), key=key
            )

        keys = jax.random.split(KEY, 4)
        return str(jax.make_jaxpr(jax.vmap(one))(keys, jnp.full(4, ETA)))

    assert " cond[" in text(4)  # a branch, also in many runs at once: not both sides and a choice
    assert " cond[" not in text(1)


def test_optimisers_and_limits_go_with_it() -> None:
    made, rule = made_problem(), make_rule("group", made_problem().features)
    for size, optimiser in itertools.product((constant(0.1), kl_limited(3.0, 0.01)), ("sgd", "momentum", "adam")):
        found = run(
            made, rule, size, 12, key=KEY, oracle=Sampled(G, updates_per_batch=4), optimiser=make_optimiser(optimiser)
        )
        assert found.final.time == 12
        assert found.trajectory.value[-1] > found.trajectory.value[0]
        assert (found.trajectory.kl <= 0.0101).all() or size.__class__.__name__ == "Constant"


def test_refusals() -> None:
    made, rule = made_problem(), make_rule("group", made_problem().features)
    for wrong in (0, -1, True):
        with pytest.raises(ValueError, match=rf"updates_per_batch is {wrong}; allowed"):
            Sampled(G, updates_per_batch=wrong)
    for wrong in (0.0, 1.0, float("nan")):
        with pytest.raises(ValueError, match=r"clip_range contains (0|1|nan)"):
            Sampled(G, updates_per_batch=2, clip_range=wrong)
    with pytest.raises(ValueError, match="state has no batch; allowed with updates_per_batch above 1"):
        step(made, rule, Sampled(G, updates_per_batch=2), constant(ETA), init(made, key=KEY))
    backwards = Weight(-jnp.ones(G + 1), name="backwards")
    run(made, backwards, constant(0.1), 1, key=KEY, oracle=Sampled(G))
    with pytest.raises(ValueError, match="rule is backwards, whose advantages have another sign than r - mean"):
        run(made, backwards, constant(0.1), 1, key=KEY, oracle=Sampled(G, updates_per_batch=2))
    state = init(made, key=KEY, oracle=Exact())
    assert state.drawn is None
