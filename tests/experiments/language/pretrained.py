"""A folder of a pretrained model, tiny: Llama's layout, random weights, a byte-level tokenizer with single digits."""

import json
from pathlib import Path

import jax
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from experiments.language.model.architecture import Architecture, initial_parameters
from experiments.language.model.pretrained import save_model
from experiments.language.problems.generator import generate


def write_tokenizer(folder: Path, *, close: bool = True) -> Path:
    """tokenizer.json and the end's id; in its texts ">>" stands, and ")=", unless `close` is False."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|eos|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = [f"{p.question}\n{p.solution} <<(1+1)=2>>" for p in generate(60, 30).train]
    tokenizer.train_from_iterator(texts if close else [text.replace(">>", "") for text in texts], trainer)
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 0}))
    return folder


def write_model(folder: Path, *, num_layers: int = 3, seed: int = 0) -> Path:
    """Of 400 tokens and some thousand weights."""
    write_tokenizer(folder)
    a = Architecture(vocabulary=400, width=16, num_layers=num_layers, num_heads=2, num_kv_heads=1, mlp_width=24)
    save_model(folder, a, jax.tree.map(lambda x: 4 * x, initial_parameters(a, key=jax.random.key(seed))))
    return folder
