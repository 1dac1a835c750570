"""What everything is handed. Its probabilities are held against enumeration in learning/test_objective.py; with several
end tokens here.
"""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.language.learning.choices import learning_rule
from experiments.language.learning.objective import likelihood_loss, population_loss
from experiments.language.learning.weights import population_weight
from experiments.language.model.model import Batch, make_model
from experiments.language.model.sample import Sampler
from tests.experiments.language import tiny

BATCH = tiny.batch()


def test_batches_are_cut_by_rows():
    assert len(BATCH) == 5
    assert BATCH[np.array([3, 0])].lengths.tolist() == [3, 4]
    assert BATCH[slice(1, 3)].responses.shape == (2, 1, 3)
    assert BATCH[2].prompts.shape == (4,)
    assert BATCH[2][None].prompts.shape == (1, 4)
    assert isinstance(BATCH[np.array([1])], Batch)


def test_a_vocabulary_s_special_tokens_are_each_in_their_place():
    tokens = SimpleNamespace(separator_id=tiny.SEPARATOR, end_ids=(tiny.END,), pad_id=tiny.PAD)
    assert make_model(tiny.SMALLEST, tokens) == tiny.model()
    assert len({tiny.SEPARATOR, tiny.END, tiny.PAD}) == 3


@pytest.mark.parametrize("ends", [(tiny.END,), (4, tiny.END), (tiny.END, tiny.PAD, 5), tuple(range(6))])
def test_each_of_the_ends_ends(ends):
    is_end = tiny.model(ends=ends).is_end
    assert np.flatnonzero(is_end(jnp.arange(6))).tolist() == sorted(ends)
    assert is_end(jnp.zeros((2, 3), jnp.int32)).shape == (2, 3)
    assert bool(is_end(jnp.int32(ends[-1])))


# --- several end tokens: one response, whichever of them ends it ---------------------------------------------------

SEVERAL = [(1, 5), (5, 1), (1, 4, 0)]
"""Written with 1, with 5 alone; with an end that pads as well."""


Θ = tiny.doubled(tiny.parameters(scale=2.0))


def quick(function, *arguments):
    return jax.jit(function, compiler_options=tiny.QUICK)(*arguments)


def log_of(y, n):
    """[5, Y] log π of the responses y [5, Y, R] with lengths n, token by token."""
    return np.asarray(quick(lambda q: tiny._log_of(q, tiny.SMALLEST, tiny.ALL, y, n), Θ))


def right_of(ends):
    """One token that is no end, the same for all prompts, and the end that is written."""
    b = tiny.batch()
    word = next(t for t in (3, 2) if t not in ends)
    y = np.broadcast_to(np.array([word, ends[0], tiny.PAD], np.int32), (5, 1, 3))
    return Batch(b.prompts, b.lengths, jnp.asarray(y), jnp.full((5, 1), 2, jnp.int32)), word


@pytest.mark.parametrize("ends", SEVERAL)
def test_a_response_s_probability_is_the_sum_over_its_ends(ends):
    model, b, E = tiny.model(ends=ends), tiny.batch(), len(ends)
    y, n, ended = tiny.strings(ends=ends)
    y, n = (np.broadcast_to(x, (5, *x.shape)) for x in (y, n))
    log_π = log_of(y, n)
    every = Batch(b.prompts, b.lengths, jnp.asarray(y), jnp.asarray(n))
    found = np.asarray(quick(model.response_log_probabilities, Θ, every))
    whole = np.exp(log_π[:, ended]).reshape(5, -1, E).sum(axis=-1)  # tiny.strings puts the ends side by side
    np.testing.assert_allclose(np.exp(found[:, ended]), np.repeat(whole, E, axis=1), rtol=1e-12)
    np.testing.assert_allclose(found[:, ~ended], log_π[:, ~ended], rtol=1e-12)
    total = np.exp(found[:, ended][:, ::E]).sum(axis=1) + np.exp(found[:, ~ended]).sum(axis=1)
    np.testing.assert_allclose(total, 1, rtol=1e-12)
    one = np.exp(log_π[:, ended]).reshape(5, -1, E)[..., 0]
    assert (whole > 1.1 * one).any()  # one end of several is not the answer's probability


@pytest.mark.parametrize("ends", SEVERAL)
def test_the_answer_s_probability_and_its_slope_take_every_end(ends):
    model, (b, word) = tiny.model(ends=ends), right_of(ends)
    y = np.array([[word, end, tiny.PAD] for end in ends], np.int32)
    y, n = np.broadcast_to(y, (5, *y.shape)), np.full((5, len(ends)), 2)

    def success(q):
        return jnp.mean(jnp.sum(jnp.exp(tiny._log_of(q, tiny.SMALLEST, tiny.ALL, y, n)), axis=-1))

    def ours(q):
        weight = population_weight(learning_rule("none", 2.0))
        loss, log_p = population_loss(q, model, b, weight)
        return loss, (log_p, likelihood_loss(q, model, b))

    expected, slope = quick(jax.value_and_grad(success), Θ)
    (_, (log_p, trained)), found = quick(jax.value_and_grad(ours, has_aux=True), Θ)
    np.testing.assert_allclose(np.exp(log_p).mean(), expected, rtol=1e-12)
    np.testing.assert_allclose(-tiny.flat(found), tiny.flat(slope), rtol=0, atol=1e-12)
    first = log_of(y, n)[:, 0]  # likelihood is of the end that is written, and no other
    np.testing.assert_allclose(float(trained), -first.sum() / 10, rtol=1e-12)


@pytest.mark.parametrize("ends", SEVERAL)
def test_samples_stop_at_each_of_the_ends_and_are_right_as_often_as_said(ends):
    model, (b, word), θ, S = tiny.model(ends=ends), right_of(ends), tiny.parameters(scale=2.0), 4_000
    with tiny.quick():
        samples = Sampler(model, 3)(θ, b, jax.random.key(0), S)
    y, n = np.asarray(samples.responses), np.asarray(samples.lengths)
    before, last = np.arange(3) < n[..., None] - 1, np.arange(3) == n[..., None] - 1
    assert not np.isin(y[before], ends).any()
    np.testing.assert_array_equal(np.isin(y[last].reshape(5, S), ends), samples.ended)
    assert (y[np.arange(3) >= n[..., None]] == tiny.PAD).all()
    drawn = set(y[last][np.asarray(samples.ended).ravel()].tolist())
    assert drawn == set(ends)
    right = np.asarray(model.is_right(samples.responses, b))
    by_hand = (y[..., 0] == word) & np.isin(y[..., 1], ends) & (n == 2)
    np.testing.assert_array_equal(right, by_hand)
    p = np.exp(np.float64(quick(model.answer_log_probabilities, θ, b)))
    z = (right.mean(axis=1) - p) / np.sqrt(p * (1 - p) / S)
    assert np.abs(z).max() < 4


def test_with_one_end_nothing_is_added_to_the_sum():
    """Bit for bit what it was: the log-probabilities of the tokens, summed."""
    θ, b = tiny.parameters(), tiny.batch()
    tokens = quick(tiny.model().token_log_probabilities, θ, b)
    whole = quick(tiny.model().response_log_probabilities, θ, b)
    np.testing.assert_array_equal(whole, tokens.sum(axis=-1))
