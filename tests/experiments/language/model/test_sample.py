"""Draws against the distributions that they are drawn from, all of them written down.

Frequencies are compared within 4 standard errors of a binomial share (seeds are fixed: no test fails by chance twice).
float32 log-probabilities of at most 4 tokens, summed in two orders: 1e-5.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.language.model.model import Batch
from experiments.language.model.sample import _invert, draw, sample
from experiments.language.model.transformer import encode
from tests.experiments.language import tiny
from tests.experiments.language.whole import all_logits

draw = jax.jit(draw, compiler_options=tiny.QUICK)


@partial(jax.jit, compiler_options=tiny.QUICK, static_argnames=("architecture", "group_size", "max_length", "greedy"))
def rollout(θ, b, key, architecture=tiny.SMALLEST, group_size=4, max_length=3, greedy=False):
    cache = encode(θ, architecture, b.prompts, b.lengths)
    key = None if greedy else key
    return sample(θ, tiny.model(architecture), cache, key=key, group_size=group_size, max_length=max_length)


def assert_frequencies(found, probabilities, sigmas=4.0):
    """Counts [V] of n draws against p [V]: each within `sigmas` binomial deviations (and a draw, where p n < 1)."""
    n = found.sum()
    error = np.sqrt(n * probabilities * (1 - probabilities))
    z = np.abs(found - n * probabilities) / np.maximum(error, 1.0)
    assert z.max() <= sigmas, (z.argmax(), z.max())


# --- one token ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("V", [1, 2, 3, 7, 16, 17, 50])
def test_draw_has_softmax_frequencies(V):
    logits = np.random.default_rng(V).normal(size=V).astype(np.float32) * 1.5
    p = np.exp(np.float64(logits))
    found = np.asarray(draw(jnp.broadcast_to(logits, (200_000, V)), key=jax.random.key(V)))
    assert found.dtype == np.int32
    assert found.min() >= 0
    assert found.max() < V
    counts = np.bincount(found, minlength=V)
    assert_frequencies(counts, p / p.sum())
    if V > 1:
        with pytest.raises(AssertionError):  # another temperature is told apart
            assert_frequencies(counts, p**0.9 / (p**0.9).sum())


def test_draws_of_rows_are_independent():
    """P(both rows draw 0) is the product: neither stage's random number is shared between rows or between stages."""
    logits = jnp.log(jnp.asarray([0.3, 0.1, 0.2, 0.4], jnp.float32))  # two blocks of two
    found = np.asarray(draw(jnp.broadcast_to(logits, (100_000, 2, 4)), key=jax.random.key(0)))
    p = np.array([0.3, 0.1, 0.2, 0.4])
    assert_frequencies(np.bincount(found[:, 0] * 4 + found[:, 1], minlength=16), np.outer(p, p).ravel())


def test_draw_sees_rare_tokens_and_never_impossible_ones():
    """300 tokens of 3e-6 each in the tail; a third of the vocabulary has weight 0 (exp underflows, or −inf)."""
    V = 1_000
    logits = np.full(V, -200.0, np.float32)  # e^{−200} is 0 in float32
    logits[::7] = -np.inf
    rare = np.arange(1, 901, 3)
    logits[rare] = np.log(3e-6)
    logits[502], logits[999] = np.log(0.9), np.log(0.1 - 9e-4)
    alive = np.exp(np.float64(logits)) > 1e-40
    alive[[502, 999]] = True
    found = np.concatenate(
        [np.asarray(draw(jnp.broadcast_to(logits, (10_000, V)), key=jax.random.key(i))) for i in range(20)]
    )
    assert alive[found].all()
    counts = np.bincount(found, minlength=V)
    p = np.exp(np.float64(logits))
    classes = np.array([counts[502], counts[999], np.delete(counts, [502, 999]).sum()])
    share = np.array([p[502], p[999], np.delete(p, [502, 999])[np.delete(p, [502, 999]) > 1e-40].sum()])
    assert_frequencies(classes, share / share.sum())
    assert classes[2] > 100  # of 180 expected: the tail is really drawn


def test_inversion_gives_a_tail_its_share_of_the_uniform_grid():
    """u = k/2²³ at both ends of the grid: a weight of 3e-6 gets 25 of the 2²³ numbers, and none goes to a zero."""
    weights = np.array([0.0, 3e-6, 0.7, 0.0, 0.3 - 4e-6, 1e-6, 0.0], np.float32)
    k = np.concatenate([np.arange(2_000), 2**23 - 2_000 + np.arange(2_000)])
    u = jnp.asarray(k * 2.0**-23, jnp.float32)
    found = np.asarray(_invert(jnp.broadcast_to(weights, (4_000, 7)), u[:, None]))
    counts = np.bincount(found, minlength=7)
    assert abs(counts[1] - 3e-6 * 2**23) <= 1  # of 25.2; to one step of the grid, 1.2e-7
    assert abs(counts[5] - 1e-6 * 2**23) <= 1.5  # of 8.4; the sum before it is rounded to 6e-8
    assert counts[[0, 3, 6]].tolist() == [0, 0, 0]
    assert counts.sum() - counts[1] - counts[5] == counts[2] + counts[4]


@pytest.mark.parametrize("n", [3, 46, 390])
def test_inversion_at_its_steps_gives_no_impossible_index(n):
    """u at, just below and just above every cumulative weight, zeros between and, as padding puts them, at the end."""
    rng = np.random.default_rng(n)
    w = np.where(rng.random(n) < 0.5, 0, rng.exponential(size=n) * 10.0 ** rng.uniform(-6, 0, n)).astype(np.float32)
    w[0], w[1], w[-1] = 0, 1, 0
    edges = np.cumsum(w, dtype=np.float32) / w.sum(dtype=np.float32)
    u = np.unique(np.concatenate([np.nextafter(edges, np.float32(k)) for k in (0, 2)] + [edges, [0, 1 - 2**-23]]))
    u = np.clip(u, 0, np.float32(1 - 2**-23)).astype(np.float32)
    found = np.asarray(_invert(jnp.broadcast_to(w, (len(u), n)), jnp.asarray(u)[:, None]))
    assert (w[found] > 0).all()


# --- whole responses ----------------------------------------------------------------------------------------------


def test_whole_responses_have_the_probabilities_that_enumeration_gives():
    θ, b = tiny.parameters(), tiny.batch()
    rows, lengths, ended = tiny.strings()
    found = rollout(θ, b, jax.random.key(3), group_size=20_000)
    code = 6 ** np.arange(3)
    place = {int(row @ code): i for i, row in enumerate(rows)}
    p = np.exp(np.asarray(tiny.log_all(tiny.doubled(θ))))
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    responses = np.asarray(found.responses)
    index = np.vectorize(place.__getitem__)(responses @ code)  # a response that is none of all strings: KeyError
    np.testing.assert_array_equal(np.asarray(found.lengths), lengths[index])
    np.testing.assert_array_equal(np.asarray(found.ended), ended[index])
    for x in range(5):
        assert_frequencies(np.bincount(index[x], minlength=len(rows)), p[x], sigmas=4.5)  # the largest of 156 · 5
    with pytest.raises(AssertionError):  # another prompt's distribution is told apart
        assert_frequencies(np.bincount(index[0], minlength=len(rows)), p[1])


@pytest.mark.parametrize("architecture", [tiny.SMALLEST, tiny.TWO_LAYERS])
def test_sampled_log_probabilities_are_the_teacher_forced_ones(architecture):
    θ, b = tiny.parameters(architecture), tiny.batch()
    found = rollout(θ, b, jax.random.key(0), architecture=architecture, group_size=7, max_length=4)
    assert 0 < np.asarray(found.ended).mean() < 1
    forced = Batch(b.prompts, b.lengths, found.responses, found.lengths)
    expected = jax.jit(tiny.model(architecture).token_log_probabilities, compiler_options=tiny.QUICK)(θ, forced).sum(
        axis=-1
    )
    np.testing.assert_allclose(found.log_probabilities, expected, rtol=0, atol=1e-5)
    assert found.log_probabilities.dtype == jnp.float32


def test_greedy_is_the_argmax_rollout_of_whole_sequences():
    θ, b = tiny.parameters(tiny.TWO_LAYERS), tiny.batch()
    found = rollout(θ, b, jax.random.key(0), architecture=tiny.TWO_LAYERS, group_size=2, max_length=4, greedy=True)
    logits_of = jax.jit(all_logits, static_argnums=1, compiler_options=tiny.QUICK)
    for x in range(5):
        text, n = np.zeros(9, np.int32), int(b.lengths[x])
        text[:n], text[n] = np.asarray(b.prompts[x, :n]), tiny.SEPARATOR
        expected = []
        for t in range(4):
            logits = logits_of(θ, tiny.TWO_LAYERS, jnp.asarray(text[None]))[0, n + t]
            expected.append(int(jnp.argmax(logits)))
            if expected[-1] == tiny.END:
                break
            text[n + t + 1] = expected[-1]
        expected += [tiny.PAD] * (4 - len(expected))
        for g in range(2):
            assert found.responses[x, g].tolist() == expected


def ends_at_once(margin):
    """All of the output's weight on the end token: e^margin times as likely as any other."""
    θ = tiny.parameters()
    E = jnp.zeros_like(θ["embedding"]).at[:, 0].set(1.0).at[tiny.END, 0].set(1.0 + margin)
    blocks = {name: jnp.zeros_like(w) if w.ndim > 2 else w for name, w in θ["blocks"].items()}
    scale = jnp.zeros(8, jnp.float32).at[0].set(8**-0.5)  # the normalised state is √8 e₀
    return {"embedding": E, "blocks": blocks, "final_norm": scale}


def test_a_model_that_must_end_ends_and_the_loop_stops(monkeypatch):
    from experiments.language.model import sample as module

    steps = []
    real = module.next_logits

    def counted(*arguments):
        jax.debug.callback(lambda _: steps.append(1), arguments[-1])
        return real(*arguments)

    monkeypatch.setattr(module, "next_logits", counted)

    counted_rollout = jax.jit(partial(rollout.__wrapped__, max_length=50), compiler_options=tiny.QUICK)

    def run(θ):
        steps.clear()
        found = counted_rollout(θ, tiny.batch(), jax.random.key(0))
        jax.effects_barrier()
        return found, len(steps)

    found, number = run(ends_at_once(200.0))
    assert number == 1  # not 50
    assert (np.asarray(found.lengths) == 1).all()
    assert np.asarray(found.ended).all()
    assert (np.asarray(found.responses[..., 0]) == tiny.END).all()
    assert (np.asarray(found.responses[..., 1:]) == tiny.PAD).all()
    np.testing.assert_array_equal(found.log_probabilities, 0.0)
    never, number = run(ends_at_once(-200.0))
    assert number == 50
    assert (np.asarray(never.lengths) == 50).all()
    assert not np.asarray(never.ended).any()
    assert not (np.asarray(never.responses) == tiny.END).any()


def test_everything_after_the_end_is_padding():
    found = rollout(tiny.parameters(), tiny.batch(), jax.random.key(1), group_size=200, max_length=6)
    y, n, ended = (np.asarray(x) for x in (found.responses, found.lengths, found.ended))
    after = np.arange(6) >= n[..., None]
    assert (y[after] == tiny.PAD).all()
    last = np.take_along_axis(y, n[..., None] - 1, axis=-1)[..., 0]
    np.testing.assert_array_equal(last == tiny.END, ended)
    assert ((y == tiny.END).sum(axis=-1) == ended).all()
    assert (n[~ended] == 6).all()
    assert (~ended).any()


def test_the_key_decides():
    θ, b = tiny.parameters(), tiny.batch()
    one, same, other = (rollout(θ, b, jax.random.key(k), group_size=50) for k in (0, 0, 1))
    np.testing.assert_array_equal(one.responses, same.responses)
    assert (np.asarray(one.responses) != np.asarray(other.responses)).any()
    for x in range(5):
        assert len(np.unique(np.asarray(one.responses[x]), axis=0)) > 5  # the responses of a group differ
