"""Checkpoints bit for bit; crashes at every write; files that are not what they should be."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.language.learning import checkpoint as module
from experiments.language.learning.checkpoint import (
    keep_only,
    load_checkpoint,
    save_checkpoint,
    steps_saved,
)
from experiments.language.learning.optimiser import make_transform
from experiments.language.learning.state import State, start
from experiments.language.model import pretrained
from experiments.language.model.architecture import Architecture
from experiments.language.model.model import make_model
from experiments.language.model.part import divide
from experiments.language.problems.tokens import train_vocabulary
from tests.experiments.language import tiny

VOCABULARY = train_vocabulary(["How many are 3 and 4?"], size=259, mode="answer")
ARCHITECTURE = Architecture(vocabulary=VOCABULARY.size, width=8, num_layers=1, num_heads=2, num_kv_heads=1, mlp_width=8)
MODEL = make_model(ARCHITECTURE, VOCABULARY)
θ = tiny.parameters(ARCHITECTURE)
ADAM = make_transform("adam", max_norm=1.0)


def adam_state(count=7, seed=1):
    """Moments of random numbers: nothing at its initial value."""
    noise = tiny.parameters(ARCHITECTURE, seed=seed)
    state = ADAM.init(θ)
    leaves, structure = jax.tree.flatten(state)
    random = iter(jax.tree.leaves(noise) * 2)
    return jax.tree.unflatten(structure, [jnp.asarray(count, x.dtype) if x.ndim == 0 else next(random) for x in leaves])


def save(out, step=40, parameters=θ, state=None):
    now = State(parameters, adam_state() if state is None else state, step)
    return save_checkpoint(out, now, MODEL, VOCABULARY, {"seed": 3})


def assert_bitwise(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


def test_the_round_trip_is_bit_for_bit(tmp_path):
    folder = save(tmp_path)
    assert folder == tmp_path / "step_00000040"
    for place in (folder, tmp_path, str(tmp_path)):
        found = load_checkpoint(place)
        assert found.folder == folder
        assert found.architecture == ARCHITECTURE
        assert found.state == {"step": 40, "seed": 3}
        assert_bitwise(found.parameters, θ)
        assert_bitwise(found.optimizer_state(ADAM.init(θ)), adam_state())
        assert found.vocabulary.digest == VOCABULARY.digest
        assert found.model == MODEL
        resumed = found.resumed(start(θ, ADAM))
        assert resumed.step == 40
        assert_bitwise((resumed.parameters, resumed.optimiser), (θ, adam_state()))
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name]


@pytest.mark.parametrize("train", ["last:1", "lora:2"])
def test_a_part_of_the_model_comes_back_beside_the_whole(tmp_path, train):
    """LoRA's factors could not be had back from W + A B."""
    a = replace(ARCHITECTURE, num_layers=2)
    begin, part = divide(train, tiny.parameters(a))
    moved = jax.tree.map(lambda x: x + jnp.float32(0.1), begin)
    model = make_model(a, VOCABULARY, part)
    folder = save_checkpoint(tmp_path, State(moved, ADAM.init(moved), 5), model, VOCABULARY, {})
    found = load_checkpoint(tmp_path)
    assert_bitwise(found.parameters, part.merged(moved))
    assert_bitwise(found.resumed(start(begin, ADAM)).parameters, moved)
    (folder / "trained.safetensors").write_bytes(b"")
    assert "allowed: the part of the parameters" in refused(lambda: found.resumed(start(begin, ADAM)))


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "adamw"])
def test_every_optimiser_s_state_comes_back(tmp_path, name):
    state = make_transform(name).init(θ)
    save(tmp_path, state=state)
    assert_bitwise(load_checkpoint(tmp_path).optimizer_state(make_transform(name).init(θ)), state)


def test_the_latest_is_loaded_and_the_others_stay(tmp_path):
    for step in (5, 100, 20):
        save(tmp_path, step)
    assert steps_saved(tmp_path) == [5, 20, 100]
    assert load_checkpoint(tmp_path).state["step"] == 100
    assert load_checkpoint(tmp_path / "step_00000020").state["step"] == 20


def test_a_folder_of_the_same_step_is_replaced(tmp_path):
    save(tmp_path)
    other = tiny.parameters(ARCHITECTURE, seed=9)
    save(tmp_path, parameters=other)
    assert_bitwise(load_checkpoint(tmp_path).parameters, other)
    assert len(list(tmp_path.iterdir())) == 1


class CrashError(Exception):
    pass


@pytest.mark.parametrize("at", range(5))
def test_a_crash_at_any_write_leaves_what_was_there(tmp_path, monkeypatch, at):
    """The model's two files, the optimizer's, the state's, and the rename; of a new step and of one that exists."""
    save(tmp_path)
    calls = []

    def crashing(real):
        def call(*arguments):
            calls.append(arguments)
            if len(calls) == at + 1:
                raise CrashError
            return real(*arguments)

        return call

    for place in (module, pretrained):
        monkeypatch.setattr(place, "write_bytes", crashing(place.write_bytes))
    if at == 4:
        real = Path.replace

        def rename(self, target):
            if self.name.endswith(".partial") and self.name != "vocabulary.json.partial":
                raise CrashError
            return real(self, target)

        monkeypatch.setattr(Path, "replace", rename)
    for step in (40, 41):
        calls.clear()
        with pytest.raises(CrashError):
            save(tmp_path, step, tiny.parameters(ARCHITECTURE, seed=9))
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["step_00000040"]
    assert steps_saved(tmp_path) == [40]
    found = load_checkpoint(tmp_path)
    assert_bitwise(found.parameters, θ)
    assert_bitwise(found.optimizer_state(ADAM.init(θ)), adam_state())


def test_a_crash_while_an_old_checkpoint_is_removed_leaves_no_half(tmp_path, monkeypatch):
    """Its files go one by one; by then it must not be taken for a checkpoint any more."""
    for step in (1, 2):
        save(tmp_path, step)

    def half(path, **_):
        if (Path(path) / "model.safetensors").exists():
            (Path(path) / "model.safetensors").unlink()
            raise CrashError

    monkeypatch.setattr(shutil, "rmtree", half)
    with pytest.raises(CrashError):
        keep_only(tmp_path, {2})
    assert steps_saved(tmp_path) == [2]
    with pytest.raises(CrashError):
        save(tmp_path, 2, tiny.parameters(ARCHITECTURE, seed=9))
    assert steps_saved(tmp_path) == [2]
    load_checkpoint(tmp_path)  # whole


def test_keep_only(tmp_path):
    for step in (1, 2, 3, 4):
        save(tmp_path, step)
    (tmp_path / "rows.parquet").write_bytes(b"")
    keep_only(tmp_path, {2, 4, 9})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.parquet", "step_00000002", "step_00000004"]


def test_unfinished_and_foreign_folders_are_no_checkpoints(tmp_path):
    save(tmp_path, 3)
    (tmp_path / "step_00000009").mkdir()
    (tmp_path / "step_x").mkdir()
    (tmp_path / "step_x" / "state.json").write_text("{}")
    assert steps_saved(tmp_path) == [3]


# --- refusals -----------------------------------------------------------------------------------------------------


def refused(call):
    with pytest.raises(ValueError, match=r"; allowed|allowed with") as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocabulary.json", "state.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "garbage", "list"])
def test_damaged_files_are_refused_by_name(tmp_path, name, damage):
    file = save(tmp_path) / name
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
        text = refused(lambda: load_checkpoint(file.parent))
        assert name in text or name == "state.json"
        return
    file.write_bytes({"truncated": content[: len(content) // 2], "garbage": b"\xff\x00" * 40, "list": b"[1]"}[damage])
    assert name in refused(lambda: load_checkpoint(file.parent))


@pytest.mark.parametrize("damage", ["missing", "truncated", "garbage"])
def test_a_damaged_optimizer_is_refused_when_it_is_asked_for(tmp_path, damage):
    file = save(tmp_path) / "optimizer.safetensors"
    content = file.read_bytes()
    file.unlink()
    if damage != "missing":
        file.write_bytes(content[:-10] if damage == "truncated" else b"\xff" * 100)
    found = load_checkpoint(tmp_path)
    assert "optimizer.safetensors" in refused(lambda: found.optimizer_state(ADAM.init(θ)))


@pytest.mark.parametrize(
    ("saved", "asked"), [("adam", "sgd"), ("sgd", "adam"), ("adam", "momentum"), ("momentum", "adam")]
)
def test_another_optimiser_s_state_is_refused(tmp_path, saved, asked):
    save(tmp_path, state=make_transform(saved).init(θ))
    found = load_checkpoint(tmp_path)
    refused(lambda: found.optimizer_state(make_transform(asked).init(θ)))


def test_another_model_s_state_is_refused(tmp_path):
    save(tmp_path)
    wider = tiny.parameters(replace(ARCHITECTURE, mlp_width=9))
    assert "other shapes" in refused(lambda: load_checkpoint(tmp_path).optimizer_state(ADAM.init(wider)))


def test_places_without_a_checkpoint_are_refused(tmp_path):
    assert "not a folder" in refused(lambda: load_checkpoint(tmp_path / "nowhere"))
    assert "config.json" in refused(lambda: load_checkpoint(tmp_path))
    save(tmp_path)
    assert load_checkpoint(tmp_path, mode="answer").state["step"] == 40


def test_a_model_alone_needs_a_mode_and_a_tokenizer(tmp_path):
    pretrained.save_model(tmp_path, ARCHITECTURE, θ)
    assert "allowed with a pretrained model: a --mode" in refused(lambda: load_checkpoint(tmp_path))
    assert "tokenizer.json" in refused(lambda: load_checkpoint(tmp_path, mode="answer"))
    (tmp_path / "tokenizer.json").write_text(VOCABULARY.tokenizer.to_str())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"eos_token_id": VOCABULARY.end_id}))
    found = load_checkpoint(tmp_path, mode="answer")
    assert found.state == {}
    assert_bitwise(found.parameters, θ)
    assert found.model.ends == (VOCABULARY.end_id,)
