r"""Gradients of a prompt's mean reward in torch, from sampled answers: two estimates from disjoint halves.

    ĝ = 1/(n − 1) Σ_i (r_i − r̄) ∇ log π(y_i | x)

is unbiased for ∇E r: it is the score times the reward less the mean of the other answers'. log π sums over an answer's
tokens, the one that ends it included, of the policy at the trainer's temperature. Checks: tests/trl/test_gradients.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

CHUNK = 8
"""Answers whose logits are held at once."""


@dataclass(frozen=True)
class Answers:
    """R answers to one prompt."""

    tokens: Any
    """[R, P + H] token ids: the prompt, an answer, anything after its end."""
    prompt_length: int
    """P."""
    counted: Any
    """[R, H] booleans: up to the token that ends the answer."""
    texts: list[str]
    token_lists: list[list[int]]
    """The answers' own tokens."""


def answers(
    model: Any, tokenizer: Any, prompt: Any, number: int, max_tokens: int, temperature: float, *, seed: Sequence[int]
) -> Answers:
    """Answers sampled from the whole policy at a temperature, with random numbers of their own.

    Arguments:
        model: gives .logits [R, T, V], and where it can .past_key_values.
        tokenizer: a text's or a chat's tokens and back.
        prompt: a text, or a chat as a list of messages.
        number: R.
        max_tokens: H at most.
        temperature: above 0.
        seed: integers.
    """
    torch: Any = import_module("torch")
    ids = _prompt_ids(tokenizer, prompt)
    device = next(model.parameters()).device
    generator = torch.Generator(device=device)
    generator.manual_seed(int(np.random.SeedSequence(list(seed)).generate_state(1, np.uint64)[0] >> np.uint64(1)))
    tokens = torch.tensor([ids] * number, device=device)
    new, past, going = tokens, None, torch.ones(number, dtype=torch.bool, device=device)
    counted = []
    with torch.no_grad():
        for _ in range(max_tokens):
            cache = {} if past is None else {"past_key_values": past}
            output = model(input_ids=new, use_cache=True, **cache)
            probabilities = torch.softmax(output.logits[:, -1].float() / temperature, dim=-1)
            drawn = torch.multinomial(probabilities, 1, generator=generator)
            counted.append(going)
            tokens = torch.cat([tokens, drawn], dim=1)
            past = getattr(output, "past_key_values", None)
            new = tokens if past is None else drawn
            going = going & (drawn[:, 0] != tokenizer.eos_token_id)
            if not going.any():
                break
    mask = torch.stack(counted, dim=1)
    lists = [row[keep].tolist() for row, keep in zip(tokens[:, len(ids) :], mask, strict=True)]
    texts = [tokenizer.decode(each, skip_special_tokens=True) for each in lists]
    return Answers(tokens, len(ids), mask, texts, lists)


def _prompt_ids(tokenizer: Any, prompt: Any) -> list[int]:
    if isinstance(prompt, str):
        return list(tokenizer(prompt)["input_ids"])
    return list(
        tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=True, return_dict=True)["input_ids"]
    )


def half_gradients(
    model: Any, named: Mapping[str, Any], found: Answers, rewards: np.ndarray, temperature: float, *, sketch: int,
    seed: int,
) -> tuple[list[Any], list[Any]]:  # fmt: skip
    """ĝ from the even and from the odd answers, one tensor per parameter, or one of `sketch` numbers."""
    number = len(rewards)
    first, second = ([i for i in range(number) if i % 2 == part] for part in (0, 1))
    return (
        _gradient(model, named, found, rewards, first, temperature, sketch, seed),
        _gradient(model, named, found, rewards, second, temperature, sketch, seed),
    )


def _gradient(
    model: Any, named: Mapping[str, Any], found: Answers, rewards: np.ndarray, part: list[int], temperature: float,
    sketch: int, seed: int,
) -> list[Any]:  # fmt: skip
    torch: Any = import_module("torch")
    values = list(named.values())
    weight = (rewards[part] - rewards[part].mean()) / (len(part) - 1)
    total = [torch.zeros_like(p, dtype=torch.float32) for p in values]
    for start in range(0, len(part) if weight.any() else 0, CHUNK):
        rows = torch.tensor(part[start : start + CHUNK], device=found.tokens.device)
        log_π = log_probabilities(model, found, rows, temperature)
        scale = torch.tensor(weight[start : start + CHUNK], device=log_π.device, dtype=log_π.dtype)
        for sums, new in zip(total, torch.autograd.grad((scale * log_π).sum(), values, allow_unused=True), strict=True):
            if new is not None:
                sums += new.float()
    return [sketched(total, sketch, seed)] if sketch else [each.flatten() for each in total]


def log_probabilities(model: Any, found: Answers, rows: Any, temperature: float) -> Any:
    """[n] log π(y|x) of some of the answers, with the graph behind it."""
    torch: Any = import_module("torch")
    tokens, start = found.tokens[rows], found.prompt_length
    logits = model(input_ids=tokens[:, :-1], use_cache=False).logits[:, start - 1 :].float() / temperature
    each = torch.log_softmax(logits, dim=-1).gather(2, tokens[:, start:, None])[..., 0]
    return (each * found.counted[rows]).sum(dim=1)


def sketched(gradient: list[Any], size: int, seed: int) -> Any:
    """CountSketch: each number with a random sign into one of `size` places, the same for every gradient."""
    torch: Any = import_module("torch")
    found = torch.zeros(size, dtype=torch.float32, device=gradient[0].device)
    generator = torch.Generator(device=found.device)
    generator.manual_seed(seed)
    for each in gradient:
        place = torch.randint(size, (each.numel(),), generator=generator, device=found.device)
        sign = torch.randint(2, (each.numel(),), generator=generator, device=found.device) * 2 - 1
        found.index_add_(0, place, each.flatten() * sign)
    return found


def cross_gram(halves: Sequence[tuple[list[Any], list[Any]]]) -> np.ndarray:
    """[N, N] ⟨A_x, B_x'⟩, summed in float64."""
    torch: Any = import_module("torch")
    found = np.zeros((len(halves), len(halves)))
    for part in range(len(halves[0][0])):
        A, B = (torch.stack([half[side][part] for half in halves]).double() for side in (0, 1))
        found += (A @ B.T).cpu().numpy()
    return found
