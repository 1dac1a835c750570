"""A real GRPOTrainer on a tiny model on the CPU: the run with the callback is, bit for bit, the run without it."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.trl, pytest.mark.filterwarnings("default")]  # trl and transformers warn of their own
WORDS = ["<pad>", "<eos>", *(f"w{i}" for i in range(14))]


@pytest.fixture(scope="module")
def torch():
    import torch

    torch.set_num_threads(1)
    return torch


def reward(prompts, completions, completion_ids, **_):
    """Right where the answer has an even number of a word; uses every generator, as rewards may."""
    import torch

    noise = random.random() + np.random.rand() + float(torch.rand(1))  # noqa: NPY002
    return [float(text.count("w3") % 2 == 0) + 1e-3 * noise * len(text) for text in completions]


def train(folder: Path, callbacks: list, steps: int = 4):
    """(final parameters, logged metrics without times, the trainer) of a run from one seed."""
    import torch
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed
    from trl import GRPOConfig, GRPOTrainer

    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="w0"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>", pad_token="<pad>")
    set_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, eos_token_id=1, pad_token_id=0, bos_token_id=None, attention_dropout=0.1,
    )  # fmt: skip
    settings = GRPOConfig(
        output_dir=str(folder), per_device_train_batch_size=8, num_generations=4, max_steps=steps, use_cpu=True,
        max_completion_length=6, learning_rate=1e-2, logging_steps=1, save_strategy="no", report_to=[], seed=3,
        disable_tqdm=True, temperature=0.9, bf16=False,
    )  # fmt: skip
    data = Dataset.from_dict({"prompt": [f"w{i} w{(3 * i) % 14}" for i in range(14)]})
    trainer = GRPOTrainer(
        model=LlamaForCausalLM(config), reward_funcs=reward, args=settings, train_dataset=data,
        processing_class=tokenizer, callbacks=callbacks,
    )  # fmt: skip
    trainer.train()
    parameters = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}
    logged = [{k: v for k, v in row.items() if "time" not in k and "per_second" not in k} for row in
              trainer.state.log_history]  # fmt: skip
    state = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    return parameters, logged, state, trainer


def same(torch, first, second) -> bool:
    return (
        all(torch.equal(first[0][name], second[0][name]) for name in first[0])
        and json.dumps(first[1]) == json.dumps(second[1])
        and first[2] == second[2]
    )


@pytest.fixture(scope="module")
def plain(torch, tmp_path_factory):
    return train(tmp_path_factory.mktemp("plain"), [])


@pytest.mark.parametrize(
    "options", [{}, {"sketch": 64}, {"parameters": "q_proj|v_proj"}], ids=["all", "sketch", "some"]
)
def test_the_run_is_the_same_bit_for_bit(torch, plain, tmp_path: Path, options: dict) -> None:
    from experiments.watch import CurvatureCallback

    watch = CurvatureCallback(reward, prompts=5, responses=8, every=2, **options)
    watched = train(tmp_path, [watch])
    assert same(torch, plain, watched)
    assert [row["step"] for row in watch.rows] == [2, 4]
    lines = (tmp_path / "curvature.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == watch.rows
    assert all(np.isfinite(row["mean_reward"]) for row in watch.rows)


def test_a_callback_that_draws_from_the_run_is_noticed(torch, plain, tmp_path: Path) -> None:
    """Else the test above could not fail."""
    from transformers import TrainerCallback

    class Careless(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            torch.rand(1)

    assert not same(torch, plain, train(tmp_path, [Careless()]))


def test_what_was_random_stays_after_an_exception(torch, tmp_path: Path) -> None:
    from experiments.watch import CurvatureCallback

    seen = []

    def state():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002

    class Broken(CurvatureCallback):
        def on_step_end(self, args, state_, control, **kwargs):
            before, modes = state(), [m.training for m in kwargs["model"].modules()]
            with pytest.raises(ZeroDivisionError):
                super().on_step_end(args, state_, control, **kwargs)
            seen.append(state() == before and modes == [m.training for m in kwargs["model"].modules()])

    def raises(**_):
        random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002
        return 1 / 0

    train(tmp_path, [Broken(raises, prompts=5, responses=8, every=1)], steps=2)
    assert seen == [True, True]


def test_the_policy_that_is_measured_is_the_one_that_trl_samples(torch, tmp_path: Path) -> None:
    """Log-probabilities of TRL's own completions, at its temperature, equal to those of the callback."""
    from experiments.watch.gradients import Answers, log_probabilities

    *_, trainer = train(tmp_path, [], steps=1)
    model = trainer.model.eval()
    tokens = torch.tensor([[2, 3, 5, 6, 1, 0], [2, 3, 7, 8, 9, 4]])
    counted = torch.tensor([[True, True, True, False], [True] * 4])
    found = log_probabilities(model, Answers(tokens, 2, counted, [], []), torch.arange(2), trainer.temperature)
    theirs, *_ = trainer._get_per_token_logps_and_entropies(model, tokens, torch.ones_like(tokens), 4)
    np.testing.assert_allclose(found.detach(), (theirs * counted).sum(dim=1).detach(), atol=1e-5)  # float32
