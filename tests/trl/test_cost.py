"""What the callback costs, as a ratio within one run: every other training step is followed by a measurement.

`make trl` prints the line. Both sides sample answers and go back through the model once for each, so the cost of an
answer should be alike; the number of answers is what the reader chooses.
"""

import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.trl, pytest.mark.filterwarnings("default")]  # trl and transformers warn of their own
PROMPTS, RESPONSES, ANSWERS, TOKENS, STEPS, EVERY = 16, 16, 32, 16, 16, 50
WORDS = ["<pad>", "<eos>", *(f"w{i}" for i in range(14))]


def reward(prompts, completions, **_):
    return [float(text.count("w3") % 2 == 0) for text in completions]


def trainer(folder: Path, callback):
    """`ANSWERS` answers of at most `TOKENS` tokens a step; a Llama of 4 layers, width 64."""
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed
    from trl import GRPOConfig, GRPOTrainer

    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="w0"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>", pad_token="<pad>")
    set_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS), hidden_size=64, intermediate_size=128, num_hidden_layers=4, num_attention_heads=2,
        num_key_value_heads=1, eos_token_id=1, pad_token_id=0, bos_token_id=None,
    )  # fmt: skip
    settings = GRPOConfig(
        output_dir=str(folder), per_device_train_batch_size=ANSWERS, num_generations=8, max_steps=STEPS, use_cpu=True,
        max_completion_length=TOKENS, learning_rate=1e-3, logging_steps=STEPS, save_strategy="no", report_to=[], seed=3,
        disable_tqdm=True, bf16=False,
    )  # fmt: skip
    data = Dataset.from_dict({"prompt": [f"w{i} w{j}" for i in range(8) for j in range(8)]})
    return GRPOTrainer(
        model=LlamaForCausalLM(config), reward_funcs=reward, args=settings, train_dataset=data,
        processing_class=tokenizer, callbacks=[callback],
    )  # fmt: skip


def test_the_cost_of_a_measurement_in_training_steps(tmp_path: Path, capsys) -> None:
    import torch

    from experiments.watch import CurvatureCallback

    torch.set_num_threads(1)
    steps, measured = [], []

    class Timed(CurvatureCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            self.began = time.perf_counter()

        def on_step_end(self, args, state, control, **kwargs):
            steps.append(time.perf_counter() - self.began)
            super().on_step_end(args, state, control, **kwargs)
            measured.append(time.perf_counter() - self.began - steps[-1])

    watch = Timed(reward, prompts=PROMPTS, responses=RESPONSES, every=2)
    trainer(tmp_path, watch).train()
    assert len(watch.rows) == STEPS // 2
    step = float(np.median(steps[2:]))  # the first have what is made once
    cost, nothing = (float(np.median(measured[2 + odd :: 2])) for odd in (1, 0))
    assert nothing < 0.05 * step  # between measurements it is not there
    an_answer = cost / (PROMPTS * RESPONSES) / (step / ANSWERS)
    share = cost / step / EVERY
    with capsys.disabled():
        print(
            f"\ncallback: {PROMPTS} × {RESPONSES} answers cost as {cost / step:.1f} steps of {ANSWERS}, "
            f"{100 * share:.0f}% of training at every={EVERY}; an answer costs {an_answer:.2f} of what it does there"
        )
    assert 0.05 < an_answer < 5
