"""Tokens: lossless, one token a symbol, one sequence a string (by enumeration of the vocabulary)."""

import json
import re
import shutil
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from experiments.language.problems.answers import MODES
from experiments.language.problems.generator import generate
from experiments.language.problems.rows import SYMBOLS, read_folder
from experiments.language.problems.tokens import (
    END,
    PAD,
    SEPARATOR,
    SMALLEST,
    Vocabulary,
    pretrained_vocabulary,
    train_vocabulary,
)

REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "gsm8k"
SPLITS = generate(400, 50)
QUESTIONS = [problem.question for problem in SPLITS.train]
VOCABULARY = train_vocabulary(QUESTIONS, size=600, mode="equations")
ANSWERS = train_vocabulary(QUESTIONS, size=600, mode="answer")
TEXTS = train_vocabulary([*QUESTIONS, *(p.solution for p in SPLITS.train)], size=600, mode="text")


# --- trained vocabularies -----------------------------------------------------------------------------------------


def test_every_symbol_is_one_token_and_is_in_no_other_token():
    assert VOCABULARY.size == 600
    ids = {symbol: VOCABULARY.response(symbol)[0] for symbol in SYMBOLS}
    assert all(len(VOCABULARY.response(symbol)) == 2 for symbol in SYMBOLS)
    assert len({*ids.values(), VOCABULARY.end_id}) == len(SYMBOLS) + 1 == 22
    special = {VOCABULARY.pad_id, VOCABULARY.end_id, VOCABULARY.separator_id}
    assert special == {0, 1, 2}
    texts = {i: VOCABULARY.tokenizer.decode([i], skip_special_tokens=False) for i in range(600) if i not in special}
    for symbol in SYMBOLS:
        assert [i for i, text in texts.items() if symbol in text] == [ids[symbol]]


def test_a_string_has_one_sequence_of_tokens_by_enumeration():
    """All sequences of two tokens whose text is "12" or "3)": one each; decode never hides a token."""
    for text in ("12", "3)"):
        right = VOCABULARY.response(text)
        assert len(right) == len(text) + 1
        pairs = product(range(VOCABULARY.size), repeat=2)
        texts = [VOCABULARY.tokenizer.id_to_token(i) for i in range(VOCABULARY.size)]
        near = [pair for pair in pairs if text[0] in texts[pair[0]] or text[1] in texts[pair[1]]]
        found = [pair for pair in near if VOCABULARY.decode(pair) == text]
        assert found == [tuple(right[:-1])]
        for hidden in (VOCABULARY.pad_id, VOCABULARY.separator_id, VOCABULARY.size + 5):
            assert VOCABULARY.decode([right[0], hidden, right[1]]) != text


@given(st.text(alphabet=SYMBOLS, max_size=30))
def test_responses_go_there_and_back_one_symbol_a_token(text):
    ids = VOCABULARY.response(text)
    assert len(ids) == len(text) + 1
    assert ids[-1] == VOCABULARY.end_id
    assert VOCABULARY.decode(ids) == text
    assert VOCABULARY.response(VOCABULARY.decode(ids)) == ids
    assert VOCABULARY.decode([*ids, ids[0], VOCABULARY.pad_id]) == text  # all after the end is ignored


@given(st.text(max_size=40))
def test_any_text_goes_there_and_back(text):
    ids = VOCABULARY.prompt(text)
    assert VOCABULARY.decode(ids) == text
    assert not {VOCABULARY.pad_id, VOCABULARY.end_id, VOCABULARY.separator_id} & set(ids)
    assert TEXTS.decode(TEXTS.response(text)) == text


def test_special_tokens_written_in_a_question_are_text():
    text = f"{PAD}{END} and {SEPARATOR}?"
    ids = VOCABULARY.prompt(text)
    assert min(ids) > 2
    assert VOCABULARY.decode(ids) == text


def test_training_is_deterministic_and_depends_on_its_arguments():
    assert train_vocabulary(QUESTIONS, size=600, mode="equations").digest == VOCABULARY.digest
    digests = {VOCABULARY.digest, ANSWERS.digest, train_vocabulary(QUESTIONS, size=500, mode="equations").digest}
    assert len(digests | {train_vocabulary(QUESTIONS[1:], size=600, mode="equations").digest}) == 4
    assert train_vocabulary(["a"], mode="answer").size == SMALLEST


def test_longer_tokens_are_learnt():
    text = "How many dollars"
    assert len(VOCABULARY.prompt(text)) < len(text) / 2
    assert len(train_vocabulary(QUESTIONS, size=SMALLEST, mode="answer").prompt(text)) == len(text)


def test_save_and_load(tmp_path):
    path = tmp_path / "vocabulary.json"
    VOCABULARY.save(path)
    again = Vocabulary.load(path)
    assert again.digest == VOCABULARY.digest
    names = ("mode", "trained", "size", "pad_id", "end_id", "separator_id")
    assert [getattr(again, name) for name in names] == [getattr(VOCABULARY, name) for name in names]
    text = QUESTIONS[0] + " <end> é"
    assert again.prompt(text) == VOCABULARY.prompt(text)
    assert [file.name for file in tmp_path.iterdir()] == ["vocabulary.json"]


# --- checkpoints --------------------------------------------------------------------------------------------------


def checkpoint(folder: Path, *, bos: bool = False, **files) -> Path:
    """A byte-level tokenizer as Qwen's: single digits, spaces before words; with a first token as Llama's if asked."""
    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Split(Regex(r"\p{N}| ?[^\s\p{N}]+|\s"), "isolated")
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, plain])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|eos|>", "<|pad|>", "<|bos|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["Question: Answer:\n", *QUESTIONS], trainer)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<|bos|> $A <|eos|>", special_tokens=[("<|bos|>", 2), ("<|eos|>", 0)]
        )
    tokenizer.enable_truncation(5)  # as some files have it: must be undone
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("bos", [False, True])
@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "step"])  # that one: test_steps.py
def test_pretrained_prompt_and_response(tmp_path, mode, bos):
    folder = checkpoint(tmp_path, bos=bos, config={"eos_token_id": 0, "pad_token_id": 1})
    vocabulary = pretrained_vocabulary(folder, mode=mode)
    assert (vocabulary.end_id, vocabulary.pad_id) == (0, 1)
    raw = Tokenizer.from_file(str(folder / "tokenizer.json"))
    raw.no_truncation()
    after = "\nAnswer:" if mode == "text" else "\nAnswer: "
    expected = raw.encode(f"Question: {QUESTIONS[0]}{after}", add_special_tokens=False).ids
    assert [*vocabulary.prompt(QUESTIONS[0]), vocabulary.separator_id] == [2] * bos + expected
    for text in ("72", "48/2=24;48+24=72####72") if mode != "text" else (" It is 5.\n#### 5",):
        ids = vocabulary.response(text)
        assert ids[-1] == 0
        assert vocabulary.decode(ids) == text
    # an answer continues the prompt as the tokenizer itself would go on
    both = raw.encode(f"Question: q{after}72", add_special_tokens=False).ids
    if mode != "text":
        assert [*vocabulary.prompt("q"), vocabulary.separator_id, *vocabulary.response("72")] == [2] * bos + both + [0]


@pytest.mark.parametrize(
    ("files", "end", "pad"),
    [
        ({"generation_config": {"eos_token_id": [2, 0]}, "config": {"eos_token_id": 0}}, (2, 0), 2),
        ({"config": {"eos_token_id": 0, "pad_token_id": -1}}, (0,), 0),
        ({"tokenizer_config": {"eos_token": "<|eos|>", "pad_token": {"content": "<|pad|>"}}}, (0,), 1),
        ({"config": {"eos_token_id": None}, "tokenizer_config": {"eos_token": {"content": "<|bos|>"}}}, (2,), 2),
        ({"config": {"eos_token_id": [0, 1, 2]}}, (0, 1, 2), 0),
        ({"config": {"eos_token_id": [2, 1, 2, 2], "pad_token_id": 1}}, (2, 1), 1),  # named twice, and pads as well
        ({"generation_config": {"eos_token_id": 1}, "config": {"eos_token_id": [0, 1, 2]}}, (1,), 1),
        ({"generation_config": {"pad_token_id": 2}, "config": {"eos_token_id": [1]}}, (1,), 2),
    ],
)
def test_pretrained_special_tokens(tmp_path, files, end, pad):
    vocabulary = pretrained_vocabulary(checkpoint(tmp_path, **files), mode="answer")
    assert (vocabulary.end_ids, vocabulary.end_id, vocabulary.pad_id) == (end, end[0], pad)


@pytest.mark.parametrize("name", ["generation_config", "config"])
def test_an_answer_ended_by_any_of_several_tokens_is_read_to_its_end(tmp_path, name):
    folder = checkpoint(tmp_path, **{name: {"eos_token_id": [0, 1, 2]}})
    vocabulary = pretrained_vocabulary(folder, mode="answer")
    written = vocabulary.response("72")
    assert written[-1] == 0
    for end in (0, 1, 2):
        for after in ([], [0, 1, 2], written):
            assert vocabulary.decode([*written[:-1], end, *after]) == "72"
    assert vocabulary.decode([2, *written]) == ""
    again = Vocabulary.load(saved(vocabulary, tmp_path))
    assert again.end_ids == (0, 1, 2)
    assert again.digest == vocabulary.digest
    one = pretrained_vocabulary(checkpoint(tmp_path, **{name: {"eos_token_id": [0]}}), mode="answer")
    assert one.digest != vocabulary.digest
    assert json.loads(saved(one, tmp_path).read_text())["end_id"] == 0  # as before there were several


def saved(vocabulary, folder):
    vocabulary.save(folder / "saved.json")
    return folder / "saved.json"


@pytest.mark.parametrize(
    "bad", [True, False, -1, -2, 2.0, 0.5, [], "2", [0, True], [0, -1], [0, 2.0], [[0]], {}, [None]]
)
def test_what_is_no_end_is_refused_by_name(tmp_path, bad):
    folder = checkpoint(tmp_path, generation_config={"eos_token_id": bad}, config={"eos_token_id": 0})
    expected = f"generation_config.json: eos_token_id is {bad!r}; allowed: a token id, or a list of at least one"
    with pytest.raises(ValueError, match=re.escape(expected)):
        pretrained_vocabulary(folder, mode="answer")


@pytest.mark.parametrize("bad", [True, -2, 1.0, [1], [], "1"])
def test_what_is_no_padding_is_refused_by_name(tmp_path, bad):
    folder = checkpoint(tmp_path, config={"eos_token_id": 0, "pad_token_id": bad})
    with pytest.raises(ValueError, match=re.escape(f"config.json: pad_token_id is {bad!r}; allowed: a token id")):
        pretrained_vocabulary(folder, mode="answer")


@pytest.mark.parametrize(("name", "bad"), [("end_id", True), ("end_id", []), ("end_id", [1, 2.5]), ("pad_id", True)])
def test_a_vocabulary_s_file_with_other_ids_is_refused_by_name(tmp_path, name, bad):
    content = json.loads(saved(VOCABULARY, tmp_path).read_text())
    (tmp_path / "saved.json").write_text(json.dumps(content | {name: bad}))
    with pytest.raises(ValueError, match=re.escape(f"saved.json: {name} is {bad!r}; allowed: a token id")):
        Vocabulary.load(tmp_path / "saved.json")


def test_pretrained_save_and_load_and_special_tokens_as_text(tmp_path):
    vocabulary = pretrained_vocabulary(checkpoint(tmp_path, bos=True, config={"eos_token_id": 0}), mode="answer")
    vocabulary.save(tmp_path / "saved.json")
    again = Vocabulary.load(tmp_path / "saved.json")
    assert again.digest == vocabulary.digest
    assert again.separator_id == vocabulary.separator_id
    ids = vocabulary.prompt("say <|eos|>")
    assert again.prompt("say <|eos|>") == ids
    assert ids.count(2) == 1
    assert 0 not in ids


def test_bad_checkpoints_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere has no tokenizer.json; allowed: a checkpoint's folder with one"):
        pretrained_vocabulary(tmp_path / "nowhere", mode="answer")
    folder = checkpoint(tmp_path / "a")
    with pytest.raises(
        ValueError, match=r"names no end token; allowed: eos_token_id or eos_token in one of generation"
    ):
        pretrained_vocabulary(folder, mode="answer")
    (folder / "config.json").write_text('{"eos_token_id": 40000}')
    with pytest.raises(ValueError, match=r"end_id is 40000; allowed: ids of the vocabulary, 0 to \d+"):
        pretrained_vocabulary(folder, mode="answer")
    (folder / "config.json").write_text('{"eos_token_id": [0, 1, 50000]}')
    with pytest.raises(ValueError, match=r"end_id is 50000; allowed: ids of the vocabulary, 0 to \d+"):
        pretrained_vocabulary(folder, mode="answer")
    (folder / "config.json").write_text('{"eos_token_id"')
    with pytest.raises(ValueError, match=r"config.json is not JSON \(.*\); allowed: a JSON file"):
        pretrained_vocabulary(folder, mode="answer")
    (folder / "config.json").write_text("[]")
    with pytest.raises(ValueError, match=r"config.json holds list; allowed: a JSON object"):
        pretrained_vocabulary(folder, mode="answer")
    for content in (b"{}", b"\xff\xfe", b"{"):
        (folder / "tokenizer.json").write_bytes(content)
        with pytest.raises(ValueError, match=r"tokenizer.json is not a tokenizer \(.*\); allowed"):
            pretrained_vocabulary(folder, mode="answer")
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: train_vocabulary(QUESTIONS, size=258, mode="answer"),
            "size is 258; allowed: an integer of at least 259",
        ),
        (lambda: train_vocabulary(["", ""], mode="answer"), "texts is 2 empty strings; allowed: at least one text"),
        (lambda: train_vocabulary(QUESTIONS, mode="x"), "mode is 'x'; allowed: answer, step, equations, text"),
        (lambda: ANSWERS.response("1,000"), "text is '1,000'; allowed: the symbols 0123456789"),
        (lambda: ANSWERS.decode([-1]), "ids contains -1; allowed: token ids, at least 0"),
    ],
)
def test_bad_input_is_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{", "is not JSON"),
        ("{}", "has format None; allowed: 1, as Vocabulary.save writes"),
        ('{"format": 1}', "lacks 'tokenizer', or holds it as another type; allowed: what Vocabulary.save writes"),
        ('{"format": 1, "tokenizer": "{}"}', "is not a tokenizer"),
    ],
)
def test_bad_vocabulary_files_are_named(tmp_path, content, text):
    with pytest.raises(ValueError, match=r"absent.json cannot be read \(No such file or directory\); allowed"):
        Vocabulary.load(tmp_path / "absent.json")
    (tmp_path / "v.json").write_text(content)
    with pytest.raises(ValueError, match=text):
        Vocabulary.load(tmp_path / "v.json")


@pytest.mark.skipif(not REAL.is_dir(), reason="GSM8K is not beside the repository")
def test_all_of_gsm8k_goes_there_and_back():
    splits = read_folder(REAL)
    vocabulary = train_vocabulary([p.question for p in splits.train], mode="equations")
    assert vocabulary.size == 2048
    for problem in (*splits.train, *splits.test):
        assert vocabulary.decode(vocabulary.prompt(problem.question)) == problem.question
        for text in (problem.answer, problem.equations or ""):
            ids = vocabulary.response(text)
            assert len(ids) == len(text) + 1
            assert vocabulary.decode(ids) == text
