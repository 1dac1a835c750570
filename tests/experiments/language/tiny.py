"""A transformer of a few hundred parameters and prompts whose every possible response can be written down.

The oracle of all tests here: log π of ALL responses of at most R tokens (those that end, and those cut off), from
`all_logits` on whole sequences, so neither the prompts' cache, nor padding, nor the loop that samples is shared with
what is tested. Expectations over responses are then sums.
"""

from contextlib import contextmanager
from functools import cache, partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from experiments.language.model.architecture import Architecture, initial_parameters
from experiments.language.model.model import Batch, Model
from experiments.language.problems.rows import Problem
from experiments.language.problems.task import Task
from experiments.language.problems.tokens import Vocabulary
from tests.experiments.language.whole import all_logits

PAD, END, SEPARATOR = 0, 1, 2
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""The oracles run once or twice: compiling them well would take most of the tests' time."""
SMALLEST = Architecture(vocabulary=6, width=8, num_layers=1, num_heads=2, num_kv_heads=1, mlp_width=8)
"""432 parameters: dense Hessians."""
TWO_LAYERS = Architecture(vocabulary=6, width=16, num_layers=2, num_heads=4, num_kv_heads=2, mlp_width=16)


def model(architecture=SMALLEST, ends=(END,)):
    return Model(architecture, separator=SEPARATOR, ends=ends, pad=PAD)


def parameters(architecture=SMALLEST, seed=0, dtype=jnp.float32, scale=1.0):
    """Nothing at its initial value: about scale/√width a weight, so that logits are of size 1 and prompts differ."""
    rng = np.random.default_rng(seed)

    def draw(path, x):
        noise = scale * rng.normal(size=x.shape) * (architecture.width**-0.5 if x.ndim > 1 else 0.3)
        return jnp.asarray(np.float32(noise + ("norm" in jax.tree_util.keystr(path))), dtype)

    return jax.tree_util.tree_map_with_path(draw, initial_parameters(architecture, key=jax.random.key(seed)))


def doubled(tree):
    return jax.tree.map(lambda x: x.astype(jnp.float64), tree)


def flat(tree):
    return np.asarray(ravel_pytree(tree)[0])


def strings(vocabulary=6, longest=3, ends=(END,)):
    """[Y, R] every response, padded, its length, and whether it ended; those of one text and several ends in a row."""
    words = [t for t in range(vocabulary) if t not in ends]
    rows = [(*s, end) for n in range(longest) for s in product(words, repeat=n) for end in ends]
    ended = len(rows)
    rows += list(product(words, repeat=longest))
    lengths = np.array([len(row) for row in rows], np.int32)
    padded = np.array([row + (PAD,) * (longest - len(row)) for row in rows], np.int32)
    return padded, lengths, np.arange(len(rows)) < ended


PROMPTS = np.array([[3, 4, 5, 3], [4, 4, 0, 0], [5, 0, 0, 0], [3, 3, 5, 0], [5, 4, 3, 5]], np.int32)
LENGTHS = np.array([4, 2, 1, 3, 4], np.int32)
RIGHT = ((3,), (4, 4), (), (5, 3), (5,))
"""Right responses without their end: of every length that fits into 3 tokens."""


ALL = (0, 1, 2, 3, 4)


@contextmanager
def quick():
    """What is jitted inside, the constructors of what is tested, is compiled as `QUICK` says."""
    plain = jax.jit
    jax.jit = partial(plain, compiler_options=QUICK)
    try:
        yield
    finally:
        jax.jit = plain


def right(rows=ALL, longest=3):
    """[P, R] the right responses, padded."""
    return np.array([[*RIGHT[x], END, *[PAD] * (longest - 1 - len(RIGHT[x]))] for x in rows], np.int32)


def batch(rows=ALL, longest=3):
    """Prompts of different lengths with their right responses."""
    rows, padded = list(rows), right(rows, longest)
    lengths = np.array([len(RIGHT[x]) + 1 for x in rows], np.int32)
    return Batch(*map(jnp.asarray, (PROMPTS[rows], LENGTHS[rows], padded[:, None], lengths[:, None])))


def every(rows=ALL, longest=3):
    """The prompts, each with every response."""
    b, (y, lengths, _) = batch(rows, longest), strings(longest=longest)
    P = len(rows)
    responses, lengths = np.broadcast_to(y, (P, *y.shape)), np.broadcast_to(lengths, (P, *lengths.shape))
    return Batch(b.prompts, b.lengths, jnp.asarray(responses), jnp.asarray(lengths))


def _log_of(θ, architecture, rows, y, lengths):
    """[P, Y] log π of the responses y [P, Y, R], from whole sequences."""
    P, S, (Y, R) = len(rows), PROMPTS.shape[1], y.shape[1:]
    whole = np.zeros((P, Y, S + R), np.int32)
    for place, x in enumerate(rows):
        n = LENGTHS[x]
        whole[place, :, :n], whole[place, :, n] = PROMPTS[x, :n], SEPARATOR
        whole[place, :, n + 1 : n + R] = y[place, :, :-1]
    logits = all_logits(θ, architecture, jnp.asarray(whole.reshape(P * Y, S + R))).reshape(P, Y, S + R, -1)
    places = LENGTHS[list(rows)][:, None, None, None] + np.arange(R)[:, None]
    log_π = jax.nn.log_softmax(jnp.take_along_axis(logits, jnp.asarray(places), axis=2), axis=-1)
    chosen = jnp.take_along_axis(log_π, jnp.asarray(y)[..., None], axis=-1)[..., 0]
    return jnp.sum(jnp.where(np.arange(R) < lengths[..., None], chosen, 0), axis=-1)


def _log_all(θ, architecture=SMALLEST, rows=ALL, longest=3):
    """[P, Y] log π of every response to each of the prompts."""
    y, lengths, _ = strings(architecture.vocabulary, longest)
    P = len(rows)
    return _log_of(
        θ, architecture, rows, np.broadcast_to(y, (P, *y.shape)), np.broadcast_to(lengths, (P, *lengths.shape))
    )


def _log_right(θ, architecture=SMALLEST, rows=ALL, longest=3):
    """[P] log π of the right responses alone: what second derivatives can afford."""
    lengths = np.array([[len(RIGHT[x]) + 1] for x in rows])
    return _log_of(θ, architecture, rows, right(rows, longest)[:, None], lengths)[:, 0]


log_all = partial(jax.jit, static_argnums=(1, 2, 3), compiler_options=QUICK)(_log_all)


def rewards(rows=ALL, longest=3):
    """[P, Y] 1 at the right response."""
    y, _, _ = strings(longest=longest)
    return (y[None] == right(rows, longest)[:, None]).all(axis=-1).astype(np.float64)


def _success(θ, architecture=SMALLEST, rows=ALL, longest=3):
    """[P] J, as the expectation of the reward over every response."""
    return jnp.sum(jnp.exp(_log_all(θ, architecture, rows, longest)) * rewards(rows, longest), axis=-1)


success = partial(jax.jit, static_argnums=(1, 2, 3), compiler_options=QUICK)(_success)


@partial(jax.jit, static_argnums=(1, 2, 3), compiler_options=QUICK)
def gradients(θ, architecture=SMALLEST, rows=ALL, longest=3):
    """[P, d] g of every prompt."""
    q, unravel = ravel_pytree(θ)
    return jax.jacrev(lambda q: _success(unravel(q), architecture, rows, longest))(q)


def ascent(objective, θ):
    """[d] ∇ objective(J), J [P] and its gradients by enumeration."""
    return np.asarray(jax.grad(objective)(success(θ)) @ gradients(θ))


def mean_score(weights, θ, rows=ALL, longest=3):
    """[d] Σ_{x,y} weight · ∇log π(y|x), weights [P, Y]."""
    q, unravel = ravel_pytree(θ)
    total = jax.grad(lambda q: jnp.sum(_log_all(unravel(q), SMALLEST, rows, longest) * weights))
    return np.asarray(jax.jit(total, compiler_options=QUICK)(q))


@partial(jax.jit, compiler_options=QUICK)
def hessians(θ):
    """[P, d, d] ∇²J of every prompt, dense."""
    q, unravel = ravel_pytree(θ)
    return jax.jacfwd(jax.jacrev(lambda q: jnp.exp(_log_right(unravel(q)))))(q)


@cache
def trained(num_steps=60, dtype=jnp.float32, step_size=0.02):
    """Parameters after gradient steps on the mean log-likelihood: pass rates from small to large."""

    @partial(jax.jit, compiler_options=QUICK)
    def run(θ):
        def step(_, θ):
            slope = jax.grad(lambda q: jnp.mean(_log_right(q)))(θ)
            return jax.tree.map(lambda x, s: x + step_size * s, θ, slope)

        return jax.lax.fori_loop(0, num_steps, step, θ)

    rounded = jax.tree.map(lambda x: x.astype(jnp.float32), run(parameters(dtype=jnp.float64)))
    return jax.tree.map(lambda x: x.astype(dtype), rounded)


class Digits(Vocabulary):
    """Decodes words 3, 4, 5 to "1", "2", "3", without a tokenizer."""

    def __init__(self):
        pass

    def decode(self, ids):
        found = ""
        for token in map(int, ids):
            if token == END:
                break
            found += {PAD: "<pad>", SEPARATOR: "<answer>"}.get(token, str(token - 2))
        return found


def task(rows=ALL, longest=3):
    """`batch` with the problems that it answers, in mode "answer"."""
    problems = tuple(
        Problem(question="?", answer="".join(str(t - 2) for t in RIGHT[x]), equations=None, solution="") for x in rows
    )
    b = batch(rows, longest)
    return Task(
        mode="answer", vocabulary=Digits(), problems=problems, train=b, test=b, test_problems=problems,
        longest=longest, digest="digest",
    )  # fmt: skip
