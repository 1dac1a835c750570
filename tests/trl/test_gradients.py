"""χ, O and gradients of a softmax policy that is linear in its parameters, against exact values; no trace is left.

Run by `make trl`, which installs torch and trl; nothing here is imported or made without them.
"""

import random
from types import SimpleNamespace

import numpy as np
import pytest

from curvature import cross_ratio, moments, orthogonality
from experiments.watch.gradients import answers, cross_gram, half_gradients, log_probabilities, sketched
from experiments.watch.isolated import isolated
from experiments.watch.watch import Watch

pytestmark = pytest.mark.trl
PROMPTS, ANSWERS, DIMENSION, TEMPERATURE, RIGHT = 24, 5, 9, 0.8, 0


@pytest.fixture(scope="module")
def torch():
    import torch

    torch.set_num_threads(1)
    return torch


class Tokenizer:
    """Prompt number x is the token x; an answer is one token, and decodes to its number."""

    eos_token_id = -1

    def __call__(self, text: str) -> dict:
        return {"input_ids": [int(text)]}

    def decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        return " ".join(map(str, ids))


@pytest.fixture(scope="module")
def policy(torch):
    """logits = φ_x θ, features [N, K, d] overlapping between prompts; the next token depends on the last alone."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(1, ANSWERS, DIMENSION))
    features = shared + 0.4 * rng.normal(size=(PROMPTS, ANSWERS, DIMENSION))

    class Linear(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.θ = torch.nn.Parameter(torch.tensor(rng.normal(size=DIMENSION) * 0.1, dtype=torch.float32))
            self.register_buffer("features", torch.tensor(features, dtype=torch.float32))

        def forward(self, input_ids, use_cache=None, past_key_values=None):
            return SimpleNamespace(logits=self.features[input_ids % PROMPTS] @ self.θ)

    return Linear(), features


def dataset(number: int = PROMPTS) -> list[dict]:
    return [{"prompt": str(x), "right": RIGHT} for x in range(number)]


def reward(prompts, completions, completion_ids, right):
    return [float(int(text) == each) for text, each in zip(completions, right, strict=True)]


def exact(policy) -> tuple[np.ndarray, np.ndarray]:
    """(g [N, d], σ [N]) in closed form."""
    model, features = policy
    θ = model.θ.detach().numpy().astype(float)
    found = [
        moments(features[x] @ θ / TEMPERATURE, features[x] / TEMPERATURE, np.eye(ANSWERS)[RIGHT])
        for x in range(PROMPTS)
    ]
    return np.array([m.gradient for m in found]), np.array([float(m.std) for m in found])


def measured(policy, responses: int, seed: int = 0, **options) -> dict:
    watch = Watch(reward, prompts=PROMPTS, responses=responses, seed=seed, **options)
    return watch.measure(policy[0], Tokenizer(), dataset(), step=1, max_tokens=1, temperature=TEMPERATURE)


@pytest.mark.parametrize("seed", range(4))
def test_indices_are_within_four_errors(policy, seed: int) -> None:
    g, σ = exact(policy)
    found = measured(policy, 400, seed)
    for name, truth in (("chi", cross_ratio(g, σ)), ("o", orthogonality(g))):
        assert abs(found[name] - float(truth)) < 4 * found[f"{name}_std_error"], name
        assert found[f"{name}_std_error"] < 0.5 * abs(float(truth))
    assert found["mean_std"] == pytest.approx(σ.mean(), abs=0.01)
    assert abs(float(cross_ratio(g, σ)) - 1) > 1  # so that a Gram matrix without its cross terms is refused


def test_a_few_noisy_answers_are_not_resolved(policy) -> None:
    """At 8 answers some seeds have no sign of a gradient above the noise: null and not a wild number."""
    found = [measured(policy, 8, seed) for seed in range(12)]
    values = [row["chi"] for row in found if row["chi"] is not None]
    assert all(np.isfinite(values))
    for row in found:
        assert (row["chi"] is None) == (row["chi_std_error"] is None) == (row["chi_low"] is None)


def halves(policy, number: int, seed: int, sketch: int = 0):
    model, _ = policy
    named = dict(model.named_parameters())
    found = []
    for x in range(PROMPTS):
        each = answers(model, Tokenizer(), str(x), number, 1, TEMPERATURE, seed=(seed, x))
        values = np.array([float(int(text) == RIGHT) for text in each.texts])
        found.append(half_gradients(model, named, each, values, TEMPERATURE, sketch=sketch, seed=7))
    return found


def test_both_halves_are_unbiased(policy) -> None:
    g, _ = exact(policy)
    drawn = [halves(policy, 16, seed) for seed in range(60)]
    for side in (0, 1):
        estimates = np.array([[half[side][0].numpy() for half in each] for each in drawn])
        error = estimates.std(axis=0, ddof=1) / np.sqrt(len(drawn))
        z = (estimates.mean(axis=0) - g) / error
        assert np.abs(z).max() < 4.5  # of 216
        factor = (estimates * g).sum(axis=(1, 2)) / (g**2).sum()
        spread = factor.std(ddof=1) / np.sqrt(len(drawn))
        assert abs(factor.mean() - 1) < 4 * spread < 0.08  # the 1/(n − 1) of 8 answers: 1/n would be 12% off


def test_products_across_halves_are_unbiased_and_within_are_not(policy) -> None:
    g, _ = exact(policy)
    drawn = [halves(policy, 16, seed) for seed in range(60)]
    across = np.array([np.trace(cross_gram(each)) for each in drawn])
    within = np.array([np.trace(cross_gram([(a, a) for a, _ in each])) for each in drawn])
    truth, error = (g**2).sum(), across.std(ddof=1) / np.sqrt(len(drawn))
    assert abs(across.mean() - truth) < 4 * error
    assert within.mean() - truth > 4 * error


def test_log_probabilities_are_those_of_the_policy_at_its_temperature(torch, policy) -> None:
    model, features = policy
    found = answers(model, Tokenizer(), "3", 32, 1, TEMPERATURE, seed=(1,))
    logits = features[3] @ model.θ.detach().numpy().astype(float) / TEMPERATURE
    expected = logits - np.log(np.exp(logits).sum())
    said = log_probabilities(model, found, torch.arange(32), TEMPERATURE).detach().numpy()
    np.testing.assert_allclose(said, expected[[int(t) for t in found.texts]], atol=1e-5)  # float32


def test_sampled_as_often_as_the_policy_says(policy) -> None:
    model, features = policy
    found = answers(model, Tokenizer(), "3", 20_000, 1, TEMPERATURE, seed=(1,))
    logits = features[3] @ model.θ.detach().numpy().astype(float) / TEMPERATURE
    p = np.exp(logits) / np.exp(logits).sum()
    share = np.bincount([int(t) for t in found.texts], minlength=ANSWERS) / 20_000
    assert (np.abs(share - p) < 4 * np.sqrt(p * (1 - p) / 20_000)).all()


def test_sketches_keep_products_on_average(policy) -> None:
    plain = cross_gram(halves(policy, 64, 0))
    each = halves(policy, 64, 0)
    small = [[([sketched(a, 4, seed)], [sketched(b, 4, seed)]) for a, b in each] for seed in range(300)]
    products = np.array([cross_gram(one) for one in small])
    error = products.std(axis=0, ddof=1) / np.sqrt(len(products))
    assert plain.shape == (PROMPTS, PROMPTS)
    assert (np.abs(products.mean(axis=0) - plain) < 5 * error + 1e-9).all()
    assert (products.std(axis=0) > 0).mean() > 0.5


def test_whatever_is_drawn_inside_is_put_back(torch) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5))
    model[0].eval()

    def state():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002

    before, modes = state(), [m.training for m in model.modules()]

    def draw():
        assert not any(m.training for m in model.modules())
        random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002

    with isolated(model):
        draw()
    assert state() == before

    def fail():
        with isolated(model):
            draw()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert state() == before
    assert [m.training for m in model.modules()] == modes == [True, False, True]
    torch.rand(1)
    assert state() != before


def test_several_tokens_end_where_they_end(torch) -> None:
    """The ending token counts, what follows it does not."""

    class Fixed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = torch.nn.Parameter(torch.tensor([0.3, -0.2, 0.1]))

        def forward(self, input_ids, use_cache=None, past_key_values=None):
            return SimpleNamespace(logits=self.bias.expand(*input_ids.shape, 3))

    tokenizer = Tokenizer()
    tokenizer.eos_token_id = 2
    found = answers(Fixed(), tokenizer, "0", 50, 6, 1.0, seed=(0,))
    log_p = torch.log_softmax(torch.tensor([0.3, -0.2, 0.1]), 0).numpy()
    said = log_probabilities(Fixed(), found, torch.arange(50), 1.0).detach().numpy()
    for tokens, value in zip(found.token_lists, said, strict=True):
        assert 2 not in tokens[:-1]
        assert len(tokens) == 6 or tokens[-1] == 2
        assert value == pytest.approx(log_p[tokens].sum(), abs=1e-5)
    assert len({len(tokens) for tokens in found.token_lists}) > 2


REFUSED = {
    "prompts": (4, "prompts is 4; allowed: an integer of at least 5"),
    "responses": (6, "responses is 6; allowed: an integer of at least 8"),
    "every": (0, "every is 0"),
    "sketch": (-1, "sketch is -1"),
    "seed": (True, "seed is True"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_arguments_are_refused(name: str) -> None:
    value, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        Watch(reward, **{name: value})
    with pytest.raises(ValueError, match="responses is 9; allowed: an even number"):
        Watch(reward, responses=9)


def test_runs_that_cannot_be_measured_are_refused(policy) -> None:
    loader = SimpleNamespace(dataset=dataset(6))
    alone = SimpleNamespace(world_size=1, deepspeed=None, fsdp=[])

    def begin(args, **options):
        Watch(reward, prompts=5, **options).on_train_begin(args, None, None, model=policy[0], train_dataloader=loader)

    begin(alone)
    for args, message in (
        (SimpleNamespace(world_size=2), "2 processes"),
        (SimpleNamespace(world_size=1, deepspeed="x.json"), "shards its parameters"),
        (SimpleNamespace(world_size=1, deepspeed=None, fsdp=["full_shard"]), "shards its parameters"),
    ):
        with pytest.raises(ValueError, match=message):
            begin(args)
    with pytest.raises(ValueError, match="parameters is 'lora'; allowed"):
        begin(alone, parameters="lora")
    loader.dataset = iter(dataset(6))
    with pytest.raises(ValueError, match="the training set is a stream"):
        begin(alone)
    loader.dataset = dataset(4)
    with pytest.raises(ValueError, match="prompts is 5; allowed: at most 4"):
        begin(alone)


def test_rewards_that_are_none_are_refused(policy) -> None:
    watch = Watch(lambda **_: [None], prompts=5, responses=8)
    with pytest.raises(ValueError, match="a finite number for each of 8 answers"):
        watch.measure(policy[0], Tokenizer(), dataset(), step=1, max_tokens=1, temperature=1.0)
