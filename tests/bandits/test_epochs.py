"""Batches of prompts: epochs that see each prompt once, and rules that see the batch only, written out in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bandits import Exact, Expected, Sampled, constant, from_pass_rates, init, locate, make_rule, run, score, step
from bandits.epochs import batch_of_epoch

KEY = jax.random.key(5)
RATES = [0.05, 0.2, 0.4, 0.5, 0.7, 0.9]
RULES = ("none", "group", "power(2)", "batch", "pooled", "decoupled", "maxrl")


def test_each_epoch_sees_every_prompt_once_in_an_order_of_its_own() -> None:
    batches = np.array([batch_of_epoch(KEY, jnp.asarray(float(t)), 6, 2) for t in range(30)])
    epochs = batches.reshape(10, 6)
    assert (np.sort(epochs, axis=1) == np.arange(6)).all()
    assert len({tuple(epoch) for epoch in epochs}) > 5
    # every prompt comes first about as often as any other
    many = jax.vmap(lambda key: batch_of_epoch(key, jnp.asarray(4.0), 6, 2)[0])(jax.random.split(KEY, 6000))
    assert (np.abs(np.bincount(np.asarray(many), minlength=6) - 1000) < 4.5 * np.sqrt(6000 / 6)).all()


def of_batch(made, chosen):
    """The same prompts alone, in the same parameters: the rows of the features."""
    from bandits import Features, problem

    e = made.features.embeddings()[chosen]
    features = Features(made.features.written_arms()[chosen], e)
    return problem(features, made.offsets[chosen], made.rewards[chosen], diameter=1.0)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("oracle", [Exact, Expected])
def test_an_update_is_that_of_the_batch_alone(name: str, oracle) -> None:
    made = from_pass_rates(RATES, num_arms=3, coherence=0.4, key=KEY)
    chosen = jnp.array([4, 1, 2])
    alone = of_batch(made, chosen)
    oracles = (oracle(prompts_per_update=3), oracle()) if oracle is Exact else (Expected(4), Expected(4))
    if oracle is Expected and name in ("batch", "pooled", "decoupled"):
        pytest.skip("not a sum over prompts")
    mine, theirs = (make_rule(name, each.features, ridge=0.1, group_size=4) for each in (made, alone))
    here = locate(made, made.offsets)
    found = oracles[0].update(mine, made, here, key=KEY, chosen=chosen).direction
    wanted = oracles[1].direction(theirs, alone, locate(alone, alone.offsets), key=KEY)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
    assert np.abs(found - oracles[0].direction(mine, made, here, key=KEY)).max() > 1e-3


@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("name", RULES)
def test_sampled_groups_too(name: str, filtered: bool) -> None:
    # the same key draws the same groups: B rows of uniforms
    made = from_pass_rates(RATES, num_arms=3, coherence=0.4, key=KEY)
    chosen = jnp.array([4, 1, 2])
    alone = of_batch(made, chosen)
    oracle = Sampled(4, 1, 0.01, filter=filtered)
    mine, theirs = (
        make_rule(name, each.features, ridge=0.1, group_size=4, ddof=1, epsilon=0.01) for each in (made, alone)
    )
    found = oracle.update(mine, made, locate(made, made.offsets), key=KEY, chosen=chosen)
    wanted = oracle.update(theirs, alone, locate(alone, alone.offsets), key=KEY)
    np.testing.assert_allclose(found.direction, wanted.direction, rtol=0, atol=1e-12)
    assert float(found.answers) == float(wanted.answers) >= 12


def test_a_run_by_batches_is_a_loop_over_epochs() -> None:
    made = from_pass_rates(RATES, num_arms=3, coherence=0.4, key=KEY)
    rule, size, oracle = make_rule("pooled", made.features), constant(0.7), Exact(prompts_per_update=2)
    found = run(made, rule, size, 9, key=KEY, oracle=oracle)
    state = init(made, key=KEY)
    φ = np.asarray(made.features.dense())
    θ = np.zeros(φ.shape[2])
    rewards = np.asarray(made.rewards)
    for t in range(9):
        epoch, place = divmod(t, 3)
        order = jax.random.permutation(jax.random.fold_in(state.order_key, epoch), 6)
        z = np.asarray(made.offsets) + φ @ θ
        π = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        J = (π * rewards).sum(axis=1)
        np.testing.assert_allclose(found.trajectory.value[t], J.mean(), rtol=1e-12)
        total, second, first = 0.0, [], []
        for x in np.asarray(order)[2 * place : 2 * place + 2]:
            total = total + (π[x] * (rewards[x] - J[x])) @ φ[x]
            second.append((π[x] * rewards[x] ** 2).sum())
            first.append(J[x])
        θ = θ + 0.7 * total / np.sqrt(np.mean(second) - np.mean(first) ** 2)
    np.testing.assert_allclose(found.final.parameters.ravel(), θ, rtol=1e-10)


def test_answers_are_those_of_the_batches() -> None:
    made = from_pass_rates(RATES, num_arms=3, coherence=0.4, key=KEY)
    rule = make_rule("group", made.features)
    for oracle, answers in ((Sampled(4, prompts_per_update=2), 9 * 2 * 4), (Sampled(4), 9 * 6 * 4), (Exact(), 0)):
        tally = score(made, rule, oracle, constant(0.1), 9, levels=jnp.array([0.9]), key=KEY)
        assert float(tally.answers_drawn) == answers
    new, _ = step(made, rule, Sampled(4, filter=True), constant(0.1), init(made, key=KEY))
    assert float(new.answers) > 6 * 4


@pytest.mark.parametrize("oracle", [Exact(prompts_per_update=4), Sampled(2, prompts_per_update=12)])
def test_refusals(oracle) -> None:
    made = from_pass_rates(RATES, key=KEY)
    message = r"prompts_per_update is \d+; allowed: 0 \(all\), or a divisor of the number of prompts, 6"
    with pytest.raises(ValueError, match=message):
        run(made, make_rule("none", made.features), constant(0.1), 2, key=KEY, oracle=oracle)
    with pytest.raises(ValueError, match="prompts_per_update is -1"):
        Exact(prompts_per_update=-1).validate(make_rule("none", made.features), made)
