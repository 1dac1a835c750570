"""The language model in float32, 1.0 million parameters, against `transformers` on torch and this machine's limit.

Both sides hold the same weights (`save_model` writes them, transformers' Llama reads them), get the same token ids and
may use every core. No sequence is padded.

- A training step: forward, backward, AdamW; 32 prompts of 64 tokens with a response of 32; loss on the responses only.
- An update on groups: 16 prompts with 8 responses each. Ours encodes a prompt once; torch gets 128 whole sequences.
- Sampling: 8 responses of 32 tokens to each of 16 prompts at temperature 1, none of which ends early.
- Early exit: the same with a fitted model that answers briefly, against the same with an end token that cannot come.
- A probe of 128 prompts after fitting them; and what a gradient a prompt costs against one gradient of the sum.

"limit" counts the products with matrices of parameters that cannot be left out (`necessary_flops`), three times as many
with gradients, at this machine's rate for large float32 products; attention, norms and softmax are not counted as work.
"error": the greatest difference of a response's log-probability between both sides, after equally many steps where they
train. Without torch and transformers (`make parity` installs them), language_rival.py's rows are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter, process_time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from benchmarks.language_rival import Rival
from benchmarks.machine import Limits, Timing, make_rows, measure
from experiments.language.learning.learners import Groups, GroupSettings, Likelihood
from experiments.language.learning.optimiser import make_transform
from experiments.language.learning.state import start
from experiments.language.model.architecture import Architecture, Parameters, initial_parameters
from experiments.language.model.model import Batch, Model
from experiments.language.model.sample import Sampler
from experiments.language.model.sizes import Sizes
from experiments.language.probes.effort import Effort
from experiments.language.probes.exact import Prober

VOCABULARY, PAD, END, SEPARATOR = 2048, 0, 1, 2
NEVER = VOCABULARY
"""As an end token: no token is."""
PROMPT, RESPONSE, STEP_SIZE = 64, 32, 1e-3
SHORT = 6
"""Tokens of the longest response that is fitted, its end included."""


def necessary_flops(a: Architecture, prompt_tokens: int, response_tokens: int) -> float:
    """Of one forward pass: 2 a parameter and token, without what nobody needs.

    The embedding counts once, as the output matrix, for responses only; of the last layer, prompts need keys and
    values only.

    >>> necessary_flops(Architecture(vocabulary=2048), 0, 1) / 2 + 9 * 128  # all of them but the norms' 9 vectors
    1000576.0
    """
    kv = 2 * a.width * a.num_kv_heads * a.head
    block = kv + 2 * a.width * a.num_heads * a.head + 3 * a.width * a.mlp_width
    prompt = (a.num_layers - 1) * block + kv
    response = a.num_layers * block + a.vocabulary * a.width
    return 2.0 * (prompt * prompt_tokens + response * response_tokens)


def random_batch(num_prompts: int, group_size: int, seed: int) -> Batch:
    """Prompts of 64 and responses of 32 random tokens."""
    rng = np.random.default_rng(seed)
    prompts = rng.integers(3, VOCABULARY, (num_prompts, PROMPT), dtype=np.int32)
    responses = rng.integers(3, VOCABULARY, (num_prompts, group_size, RESPONSE), dtype=np.int32)
    lengths = np.full(num_prompts, PROMPT, np.int32), np.full((num_prompts, group_size), RESPONSE, np.int32)
    arrays = tuple(map(jnp.asarray, (prompts, lengths[0], responses, lengths[1])))
    return Batch(arrays[0], arrays[1], arrays[2], arrays[3])


def short_batch(num_prompts: int, seed: int) -> Batch:
    """Random prompts with a response of 1 to 5 digits, each one of two, and the end token: p is soon far from 0."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, SHORT + 1, (num_prompts, 1), dtype=np.int32)
    places = np.arange(SHORT)
    digits = rng.integers(3, 5, (num_prompts, 1, SHORT), dtype=np.int32)
    last = lengths[..., None] - 1
    responses = np.where(places < last, digits, np.where(places == last, END, PAD)).astype(np.int32)
    prompts = random_batch(num_prompts, 1, seed)
    return Batch(prompts.prompts, prompts.lengths, jnp.asarray(responses), jnp.asarray(lengths))


def benchmark_step(
    limits: Limits,
    model: Model,
    parameters: Parameters,
    batch: Batch,
    rival: Rival | None,
    *,
    step_size: float,
    repeats: int,
    what: str = "AdamW",
) -> list[dict]:
    """Supervised fine-tuning of all parameters, one batch again and again."""
    learner = Likelihood(model, make_transform("adamw"))
    state = start(jax.tree.map(jnp.copy, parameters), make_transform("adamw"))  # the step takes its input's memory

    def ours() -> None:
        nonlocal state
        state, _ = learner.step(state, batch, step_size, batch_size=len(batch), seed=0)

    mine, errors = "learn.Likelihood", {}
    calls: dict[str, Callable[[], Any]] = {mine: ours}
    if rival:
        whole = rival.sequences(batch)
        calls["transformers' Llama, torch's AdamW"] = lambda: rival.step(
            lambda: -rival.log_probabilities(*whole).mean()
        )
    times = measure(calls, repeats)
    if rival:
        errors[mine] = difference(model, state.parameters, batch, rival)
    prompt, response = batch.prompts.shape[-1], batch.responses.shape[-1]
    tokens = len(batch) * prompt, len(batch) * response
    limit = limits.time_limit(3 * necessary_flops(model.architecture, *tokens), 0)
    title = f"training step: {len(batch)} prompts of {prompt} tokens, a response of {response}, {what}"
    return make_rows(title, times, limit=limit, errors=errors, tokens=sum(tokens))


def benchmark_training(
    limits: Limits, model: Model, parameters: Parameters, *, rivals: bool, num_prompts: int = 32, repeats: int = 15
) -> list[dict]:
    """A step of the small model."""
    rival = Rival(model.architecture, parameters, separator=SEPARATOR, step_size=STEP_SIZE) if rivals else None
    batch = random_batch(num_prompts, 1, 1)
    return benchmark_step(limits, model, parameters, batch, rival, step_size=STEP_SIZE, repeats=repeats)


def benchmark_update(
    limits: Limits,
    model: Model,
    parameters: Parameters,
    *,
    rivals: bool,
    num_prompts: int = 16,
    group_size: int = 8,
    repeats: int = 9,
) -> list[dict]:
    """The gradient step of RL on sampled groups, sampling excluded; advantages are random."""
    a, batch = model.architecture, random_batch(num_prompts, group_size, 2)
    A = np.random.default_rng(3).standard_normal((num_prompts, group_size)).astype(np.float32)
    transform = make_transform("adamw")
    groups = Groups(
        model, transform, GroupSettings(prompts_per_step=num_prompts, group_size=group_size), longest=RESPONSE
    )
    state, advantages = start(parameters, transform), jnp.asarray(A)

    def ours() -> None:
        state.parameters, state.optimiser, *measured = groups._step(
            state.parameters, state.optimiser, np.float32(STEP_SIZE), model, batch, advantages, None, None
        )
        jax.block_until_ready(measured)

    mine, errors = "learn.Groups, prompts shared by their group", {}
    calls: dict[str, Callable[[], Any]] = {mine: ours}
    rival = Rival(a, parameters, separator=SEPARATOR, step_size=STEP_SIZE) if rivals else None
    if rival:
        whole, weight = rival.sequences(batch), rival.torch.tensor(A.reshape(-1))

        def loss() -> Any:
            log_π = rival.log_probabilities(*whole)
            ρ = (log_π - log_π.detach()).exp()
            return -(weight[:, None] * ρ).sum(dim=-1).mean()

        calls["transformers' Llama, torch's AdamW, whole sequences"] = lambda: rival.step(loss)
    times = measure(calls, repeats)
    if rival:
        errors[mine] = difference(model, state.parameters, batch, rival)
    responses = num_prompts * group_size * RESPONSE
    limit = limits.time_limit(3 * necessary_flops(a, num_prompts * PROMPT, responses), 0)
    title = (
        f"update on groups: {num_prompts} prompts of {PROMPT} tokens, {group_size} responses of {RESPONSE} each, AdamW"
    )
    return make_rows(title, times, limit=limit, errors=errors, tokens=responses)


def benchmark_sampling(
    limits: Limits,
    model: Model,
    parameters: Parameters,
    *,
    rivals: bool,
    num_prompts: int = 16,
    group_size: int = 8,
    repeats: int = 7,
) -> list[dict]:
    """Groups of responses that do not end."""
    a, batch = model.architecture, random_batch(num_prompts, group_size, 4)
    endless = Sampler(Model(a, separator=SEPARATOR, ends=(NEVER,), pad=PAD), RESPONSE)
    key = jax.random.key(0)
    mine, errors = "learn.Sampler", {}
    calls: dict[str, Callable[[], Any]] = {mine: lambda: endless(parameters, batch, key, group_size)}
    if rivals:
        rival = Rival(a, parameters, separator=SEPARATOR, step_size=STEP_SIZE)
        whole = rival.prompts(batch)
        calls["transformers' generate"] = lambda: rival.sample(whole, group_size, RESPONSE)
        drawn = endless(parameters, batch, key, group_size)
        theirs = rival.totals(Batch(batch.prompts, batch.lengths, drawn.responses, drawn.lengths))
        errors[mine] = float(np.abs(np.asarray(drawn.log_probabilities) - theirs).max())
    times = measure(calls, repeats)
    responses = num_prompts * group_size * RESPONSE
    limit = limits.time_limit(necessary_flops(a, num_prompts * PROMPT, responses), 0)
    title = f"sampling: {num_prompts} prompts of {PROMPT} tokens, {group_size} responses of {RESPONSE} each"
    return make_rows(title, times, limit=limit, errors=errors, tokens=responses)


def difference(model: Model, parameters: Parameters, batch: Batch, rival: Rival) -> float:
    """Between ours and theirs, in the log-probability of a response."""
    ours = jnp.sum(jax.jit(model.token_log_probabilities)(parameters, batch), axis=-1)
    return float(np.abs(np.asarray(ours) - rival.totals(batch)).max())


def fit(model: Model, parameters: Parameters, batch: Batch, num_steps: int) -> Parameters:
    """After that many steps of AdamW on all of the batch."""
    transform = make_transform("adamw")
    learner, state = Likelihood(model, transform), start(parameters, transform)
    for _ in range(num_steps):
        state, _ = learner.step(state, batch, 2 * STEP_SIZE, batch_size=len(batch), seed=0)
    return state.parameters


def benchmark_early_exit(
    model: Model, fitted: Parameters, batch: Batch, *, group_size: int = 8, repeats: int = 7
) -> list[dict]:
    """The loop stops when every response has ended."""
    a, key = model.architecture, jax.random.key(0)
    ending, endless = (Sampler(Model(a, separator=SEPARATOR, ends=(end,), pad=PAD), RESPONSE) for end in (END, NEVER))
    longest = int(np.asarray(ending(fitted, batch, key, group_size).lengths).max())
    times = measure(
        {
            f"they end: the longest after {longest} tokens": lambda: ending(fitted, batch, key, group_size),
            f"they do not: {RESPONSE} tokens": lambda: endless(fitted, batch, key, group_size),
        },
        repeats,
    )
    title = f"early exit: {len(batch)} prompts, {group_size} responses each, at most {RESPONSE} tokens"
    return make_rows(title, times, tokens=None)


def once(call: Callable[[], Any]) -> Timing:
    """One call, its compilation included."""
    begin, begin_cpu = perf_counter(), process_time()
    call()
    return Timing((perf_counter() - begin,), (process_time() - begin_cpu,))


def benchmark_probe(model: Model, fitted: Parameters, batch: Batch) -> list[dict]:
    """The exact probe, whole, as a validation does it."""
    p = np.exp(np.asarray(jax.jit(model.answer_log_probabilities)(fitted, batch)))
    probe = partial(Prober(model, Effort(), longest=SHORT), fitted, batch, step_size=0.01)
    first, second = once(probe), once(probe)
    times = {"Effort(), second call": second, "Effort(), first call (compiles)": first}
    return make_rows(f"probe of {len(batch)} prompts, p from {p.min():.2g} to {p.max():.2g}", times, tokens=None)


def benchmark_gradients(model: Model, fitted: Parameters, batch: Batch, *, repeats: int = 5) -> list[dict]:
    """What a probe pays for every prompt's own gradient."""
    prober = Prober(model, Effort(), longest=SHORT)
    total = jax.jit(jax.grad(lambda θ, b: jnp.sum(model.answer_log_probabilities(θ, b))))
    times = measure(
        {
            "one gradient of the sum": lambda: total(fitted, batch),
            f"a gradient a prompt, {prober.effort.chunk} at once": lambda: prober._scores(fitted, batch),
        },
        repeats,
    )
    each = np.asarray(jnp.sum(prober._scores(fitted, batch)[1], axis=0), np.float64)
    whole = np.asarray(ravel_pytree(total(fitted, batch))[0], np.float64)
    error = float(np.abs(each - whole).max() / np.abs(whole).max())
    title = f"gradients of {len(batch)} prompts' log p"
    return make_rows(title, times, errors={list(times)[1]: error}, tokens=None)


def benchmark_language_model(
    limits: Limits, *, rivals: bool, num_prompts: int = 128, num_steps: int = 40
) -> Iterator[list[dict]]:
    """Rows, a comparison at a time: what, seconds, ratio to the first, share of the limit, error, tokens a second.

    Arguments:
        limits: of this machine in float32.
        rivals: whether torch and transformers take part.
        num_prompts: that are fitted and probed.
        num_steps: of fitting.
    """
    model = Model(Sizes().architecture(VOCABULARY), separator=SEPARATOR, ends=(END,), pad=PAD)
    parameters = initial_parameters(model.architecture, key=jax.random.key(0))
    yield benchmark_training(limits, model, parameters, rivals=rivals)
    yield benchmark_update(limits, model, parameters, rivals=rivals)
    yield benchmark_sampling(limits, model, parameters, rivals=rivals)
    batch = short_batch(num_prompts, 5)
    fitted = fit(model, parameters, batch, num_steps)
    yield benchmark_early_exit(model, fitted, batch[:16])
    yield benchmark_gradients(model, fitted, batch)
    yield benchmark_probe(model, fitted, batch)
