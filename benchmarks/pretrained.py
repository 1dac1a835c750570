"""A pretrained model, SmolLM2-135M in float32, against `transformers` on torch: what its study spends its time on.

Prompts are word problems with their solution up to the = of a calculator step, cut to their last 64 tokens, so that
none is padded; a response is the 8 tokens that follow. Both sides hold the same weights, and may use every core.

- Sampling: 4 responses of 16 tokens to each of 4 prompts at temperature 1, none of which ends early.
- A training step of all parameters: forward, backward, AdamW; 4 prompts; loss on the responses only.
- A prompt's probe: ∇ log p, and uᵀ∇² log p u along its own direction; torch differentiates twice, with plain attention,
  as its fused one has no second derivative.

"error": of the step, the greatest difference of a response's log-probability after equally many steps; of sampling, the
same of what was drawn; of the probe, the relative one of |∇ log p| and of uᵀ∇² log p u.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.language_model import benchmark_step, necessary_flops
from benchmarks.language_rival import Rival
from benchmarks.machine import Limits, make_rows, measure
from curvature import along
from experiments.language.learning.checkpoint import load_checkpoint
from experiments.language.model.architecture import Parameters
from experiments.language.model.model import Batch, Model
from experiments.language.model.sample import Sampler
from experiments.language.problems.generator import generate
from experiments.language.problems.tokens import Vocabulary

PROMPT, RESPONSE, SAMPLED, STEP_SIZE = 64, 8, 16, 1e-6


def real_batch(vocabulary: Vocabulary, num_prompts: int) -> tuple[Batch, int]:
    """Prompts of 64 tokens without the = that follows, responses of 8; and the token of =."""
    encode = vocabulary.tokenizer.encode
    (equals,) = encode("=").ids
    prompts, responses = [], []
    for row in generate(20 * num_prompts, 1, seed=0).train:
        ids = encode(f"{row.question}\n{row.solution}").ids
        places = [i for i in range(PROMPT, len(ids) - RESPONSE) if ids[i] == equals]
        if places and len(prompts) < num_prompts:
            at = places[0]
            prompts.append(ids[at - PROMPT : at])
            responses.append([ids[at + 1 : at + 1 + RESPONSE]])
    lengths = np.full(num_prompts, PROMPT), np.full((num_prompts, 1), RESPONSE)
    a, b, c, d = (jnp.asarray(x, jnp.int32) for x in (prompts, lengths[0], responses, lengths[1]))
    return Batch(a, b, c, d), equals


def benchmark_sampling(
    limits: Limits,
    model: Model,
    parameters: Parameters,
    batch: Batch,
    rival: Rival | None,
    *,
    group_size: int = 4,
    repeats: int = 3,
) -> list[dict]:
    """Groups of responses that do not end."""
    a, key = model.architecture, jax.random.key(0)
    endless = Sampler(Model(a, separator=model.separator, ends=(a.vocabulary,), pad=0), SAMPLED)
    mine, errors = "learn.Sampler", {}
    calls: dict[str, Callable[[], Any]] = {mine: lambda: endless(parameters, batch, key, group_size)}
    if rival:
        whole = rival.prompts(batch)
        calls["transformers' generate"] = lambda: rival.sample(whole, group_size, SAMPLED)
        drawn = endless(parameters, batch, key, group_size)
        theirs = rival.totals(Batch(batch.prompts, batch.lengths, drawn.responses, drawn.lengths))
        errors[mine] = float(np.abs(np.asarray(drawn.log_probabilities) - theirs).max())
    times = measure(calls, repeats)
    responses = len(batch) * group_size * SAMPLED
    limit = limits.time_limit(necessary_flops(a, len(batch) * PROMPT, responses), 0)
    title = f"sampling: {len(batch)} prompts of {PROMPT} tokens, {group_size} responses of {SAMPLED} each"
    return make_rows(title, times, limit=limit, errors=errors, tokens=responses)


def benchmark_probe(
    model: Model, parameters: Parameters, batch: Batch, rival: Rival | None, *, repeats: int = 3
) -> Iterator[list[dict]]:
    """One prompt's score, and its curvature along that."""
    one = batch[:1]

    def log_p(θ: Parameters, b: Batch) -> Any:
        return model.answer_log_probabilities(θ, b)[0]

    score = jax.jit(jax.grad(log_p))
    bend = jax.jit(lambda θ, b, u: along(partial(log_p, b=b), θ, u).bend)
    s = score(parameters, one)
    u = optax.tree.scale(1 / optax.tree.norm(s), s)
    calls: list[dict[str, Callable[[], Any]]] = [
        {"jax.grad": lambda: score(parameters, one)},
        {"curvature.along": lambda: bend(parameters, one, u)},
    ]
    found = [float(optax.tree.norm(s)), float(bend(parameters, one, u))]
    errors: list[dict[str, float]] = [{}, {}]
    if rival:
        theirs = TheirProbe(rival, one)
        calls[0]["transformers' Llama, torch's backward"] = theirs.score
        calls[1]["transformers' Llama, torch's backward of backward"] = theirs.bend
        expected = theirs.norm, theirs.bend()
        errors = [{next(iter(c)): abs(x - y) / abs(y)} for c, x, y in zip(calls, found, expected, strict=True)]
    titles = "∇ log p of one prompt", "uᵀ∇² log p u of one prompt along its own direction"
    for title, each, error in zip(titles, calls, errors, strict=True):
        yield make_rows(title, measure(each, repeats), errors=error, tokens=None)


class TheirProbe:
    """The same by torch; from then on the rival's attention is the plain one."""

    def __init__(self, rival: Rival, batch: Batch):
        self.rival, self.whole = rival, rival.sequences(batch)
        rival.llama.set_attn_implementation("eager")
        self.parameters = list(rival.llama.parameters())
        s = self.score()
        self.norm = float(sum((x.double() ** 2).sum() for x in s)) ** 0.5
        self.direction = [x / self.norm for x in s]

    def score(self, **options: Any) -> Any:
        """∇ log p, a tensor a parameter."""
        return self.rival.torch.autograd.grad(
            self.rival.log_probabilities(*self.whole).sum(), self.parameters, **options
        )

    def bend(self) -> float:
        """uᵀ∇² log p u."""
        slope = sum((x * u).sum() for x, u in zip(self.score(create_graph=True), self.direction, strict=True))
        again = self.rival.torch.autograd.grad(slope, self.parameters)
        return float(sum((x * u).sum() for x, u in zip(again, self.direction, strict=True)))


def benchmark_pretrained(limits: Limits, folder: Path, *, rivals: bool, num_prompts: int = 4) -> Iterator[list[dict]]:
    """Rows, a comparison at a time.

    Arguments:
        limits: of this machine in float32.
        folder: of `grpo-curvature gsm8k fetch`.
        rivals: whether torch and transformers take part.
        num_prompts: of training and sampling.
    """
    found = load_checkpoint(folder, mode="text")
    batch, equals = real_batch(found.vocabulary, num_prompts)
    model = Model(found.architecture, separator=equals, ends=found.vocabulary.end_ids, pad=found.vocabulary.pad_id)
    θ = found.parameters
    rival = Rival(found.architecture, θ, separator=equals, step_size=STEP_SIZE) if rivals else None
    yield benchmark_sampling(limits, model, θ, batch, rival)  # before the rival's parameters change
    yield from benchmark_probe(model, θ, batch, rival)
    if rival:
        rival.llama.set_attn_implementation("sdpa")
    yield benchmark_step(limits, model, θ, batch, rival, step_size=STEP_SIZE, repeats=3, what="AdamW, all parameters")
