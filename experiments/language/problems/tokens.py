"""Text to token ids and back, such that one string is one sequence of tokens:

    prompt(x) = ids,   separator_id,   response(y) = ids … end_id

In mode "step" of a checkpoint the separator is the token of "=" and the end that of ">>": GSM8K's own text, no more.
In modes "answer" and "equations" of a vocabulary trained here every response symbol is one token and no other token
contains it, so a string has one encoding and π(string) is π(sequence). Vocabularies of checkpoints hold longer tokens
for some strings; there π is that of the tokenizer's own encoding. Independent checks: in
tests/experiments/language/problems/test_tokens.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from curvature.ranges import check_count
from experiments.language.problems.answers import check_mode
from experiments.language.problems.rows import SYMBOLS
from experiments.language.problems.steps import CLOSE

PAD, END, SEPARATOR = "<pad>", "<end>", "<answer>"
SMALLEST = 256 + 3
"""Every byte and the three special tokens, so that any text can be encoded."""

FORMAT = 1
BEFORE, AFTER = "Question: ", "\nAnswer:"
"""What stands around a question for a checkpoint."""


class Vocabulary:
    """A tokenizer with what a run needs to know of it. Made by `train_vocabulary`, `pretrained_vocabulary` or `load`.

    Attributes:
        tokenizer: of the package `tokenizers`.
        mode: one of `answers.MODES`.
        trained: whether made here, with one token a symbol, or taken from a checkpoint.
        size: one more than the largest id (a checkpoint's embedding may have more rows).
        pad_id: padding.
        end_ids: each ends a response.
        end_id: the first of them, which we write.
        separator_id: the first token that the model is fed on the response's side, never part of a prompt's ids.
    """

    def __init__(self, tokenizer: Tokenizer, *, mode: str, trained: bool, pad_id: int, end_ids: Sequence[int]):
        check_mode(mode)
        self.tokenizer, self.mode, self.trained = tokenizer, mode, trained
        self.pad_id, self.end_ids = pad_id, tuple(dict.fromkeys(end_ids))
        if not self.end_ids:
            raise ValueError("end_ids is empty; allowed: at least one token id")
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = True  # "<end>" in a question is text, not the token
        self.size = 1 + max(tokenizer.get_vocab(with_added_tokens=True).values())
        for name, value in (*(("end_id", end) for end in self.end_ids), ("pad_id", pad_id)):
            if not 0 <= value < self.size:
                raise ValueError(f"{name} is {value}; allowed: ids of the vocabulary, 0 to {self.size - 1}")
        separator = tokenizer.token_to_id(SEPARATOR) if trained else self._template("1", "1=")[-1]
        if separator is None:
            raise ValueError(f"tokenizer lacks {SEPARATOR!r}; allowed with trained: what train_vocabulary makes")
        self.separator_id: int = separator

    @property
    def end_id(self) -> int:
        """The end that we write."""
        return self.end_ids[0]

    def prompt(self, question: str, begun: str = "") -> list[int]:
        """Token ids of a question, and in mode "step" of the solution up to "=", without the separator that follows.

        Raises:
            ValueError: a text whose last token is not the separator of a checkpoint's vocabulary.
        """
        if self.trained:
            text = f"{question}\n{begun}" if self.mode == "step" else question
            return self.tokenizer.encode(text, add_special_tokens=False).ids
        ids = self._template(question, begun)
        if ids[-1] != self.separator_id:
            raise ValueError(f"question is {question[:40]!r}; allowed: texts that do not merge with what follows them")
        return ids[:-1]

    def response(self, text: str) -> list[int]:
        """Token ids of a response, the last one `end_id`.

        Raises:
            ValueError: other symbols than SYMBOLS in another mode than "text" of a vocabulary trained here.
        """
        if self.trained and self.mode != "text" and not set(text) <= set(SYMBOLS):
            raise ValueError(f"text is {text[:60]!r}; allowed: the symbols {SYMBOLS}")
        return [*self.tokenizer.encode(text, add_special_tokens=False).ids, self.end_id]

    def decode(self, ids: Iterable[int] | Integer[np.ndarray, " R"]) -> str:
        """The text before the first end token. Other special tokens stay visible, and a row of the embedding without a
        token reads �: what holds one is not the answer.

        Raises:
            ValueError: a negative id.
        """
        runs: list[list[int]] = [[]]
        for token in map(int, ids):
            if token in self.end_ids:
                break
            if token < 0:
                raise ValueError(f"ids contains {token}; allowed: token ids, at least 0")
            if token >= self.size or self.tokenizer.id_to_token(token) is None:
                runs.append([])
            else:
                runs[-1].append(token)
        return "�".join(self.tokenizer.decode(run, skip_special_tokens=False) for run in runs)

    @property
    def digest(self) -> str:
        """Sha256 of everything that decides an encoding, for run ids."""
        return hashlib.sha256(self._content().encode()).hexdigest()

    def save(self, path: str | Path) -> None:
        """Write one JSON file, whole or not at all."""
        path = Path(path)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(self._content(), encoding="utf-8")
        partial.replace(path)

    @staticmethod
    def load(path: str | Path) -> Vocabulary:
        """Read what `save` wrote.

        Raises:
            ValueError: no such file, not a vocabulary, or one of another version.
        """
        content = _json(Path(path))
        if content.get("format") != FORMAT:
            raise ValueError(
                f"{path} has format {content.get('format')!r}; allowed: {FORMAT}, as Vocabulary.save writes"
            )
        try:
            tokenizer, given = _tokenizer(content["tokenizer"], path), {k: content[k] for k in ("mode", "trained")}
            (pad,) = _ids(f"{path}: pad_id", content["pad_id"], several=False)
            return Vocabulary(tokenizer, pad_id=pad, end_ids=_ids(f"{path}: end_id", content["end_id"]), **given)
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"{path} lacks {error}, or holds it as another type; allowed: what Vocabulary.save writes"
            ) from error

    def _content(self) -> str:
        content = {"format": FORMAT, "mode": self.mode, "trained": self.trained}
        ends = self.end_id if len(self.end_ids) == 1 else self.end_ids
        content |= {"pad_id": self.pad_id, "end_id": ends, "tokenizer": self.tokenizer.to_str()}
        return json.dumps(content, sort_keys=True)

    def _template(self, question: str, begun: str) -> list[int]:
        """A checkpoint's prompt with its opening tokens, without closing ones. A space ends it where digits follow;
        a text brings its own space, which belongs to its first word's token; a step's prompt ends with "=".
        """
        after = AFTER if self.mode == "text" else f"{AFTER} {begun}" if self.mode == "step" else AFTER + " "
        encoding = self.tokenizer.encode(BEFORE + question + after)
        ids, special = list(encoding.ids), list(encoding.special_tokens_mask)
        while special and special[-1]:
            ids.pop()
            special.pop()
        return ids


def train_vocabulary(texts: Iterable[str], *, size: int = 2048, mode: str) -> Vocabulary:
    """A byte-level BPE vocabulary of these texts, in which digits and the other response symbols never merge.

    Arguments:
        texts: questions (in mode "text" the solutions as well).
        size: tokens at most, at least SMALLEST; fewer where the texts have fewer pairs that repeat.
        mode: see `Vocabulary`.

    Raises:
        ValueError: no text, no such mode, or a size below SMALLEST.

    Reference: Sennrich, Haddow and Birch 2016, arXiv 1508.07909.
    """
    check_mode(mode)
    check_count("size", size, SMALLEST)
    texts = list(texts)
    if not any(texts):
        raise ValueError(f"texts is {len(texts)} empty strings; allowed: at least one text")
    tokenizer = Tokenizer(models.BPE())
    each = Regex("[" + "".join("\\" + symbol for symbol in SYMBOLS if not symbol.isdigit()) + "0-9]")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(each, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[PAD, END, SEPARATOR],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        min_frequency=2,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    vocabulary = tokenizer.get_vocab()
    return Vocabulary(tokenizer, mode=mode, trained=True, pad_id=vocabulary[PAD], end_ids=[vocabulary[END]])


def pretrained_vocabulary(folder: str | Path, *, mode: str) -> Vocabulary:
    """The vocabulary of a checkpoint: `tokenizer.json`, with the end and padding tokens that its other files name; in
    mode "step" the end is ">>".

    The ends are looked for in generation_config.json, config.json and tokenizer_config.json, and the first file that
    names one decides; of several the first is written. Without a padding token the end pads as well, which is safe
    because lengths are kept apart.

    Raises:
        ValueError: no such mode, folder or tokenizer.json, a file that is not JSON, no end token, or an eos_token_id or
            pad_token_id that is none.
    """
    check_mode(mode)
    folder = Path(folder)
    if not (folder / "tokenizer.json").is_file():
        raise ValueError(f"{folder} has no tokenizer.json; allowed: a checkpoint's folder with one")
    tokenizer = _tokenizer((folder / "tokenizer.json").read_bytes(), folder / "tokenizer.json")
    names = ("generation_config.json", "config.json", "tokenizer_config.json")
    configs = {folder / name: _json(folder / name) for name in names if (folder / name).exists()}
    ends, pads = _special(configs, "eos", tokenizer), _special(configs, "pad", tokenizer)
    if mode == "step":
        close, pads = tokenizer.token_to_id(CLOSE), pads or ends
        ends = () if close is None else (close,)
        if not ends:
            raise ValueError(f"{folder} has no token {CLOSE!r}; allowed with mode 'step': a tokenizer with that token")
    if not ends:
        raise ValueError(
            f"{folder} names no end token; allowed: eos_token_id or eos_token in one of {', '.join(names)}"
        )
    return Vocabulary(tokenizer, mode=mode, trained=False, end_ids=ends, pad_id=(*pads, ends[0])[0])


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); allowed: a JSON file") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({' '.join(str(error).split())}); allowed: a JSON file") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds {type(content).__name__}; allowed: a JSON object")
    return content


def _tokenizer(content: str | bytes, place: str | Path) -> Tokenizer:
    try:
        return Tokenizer.from_str(content.decode("utf-8-sig") if isinstance(content, bytes) else content)
    except Exception as error:  # the package raises plain Exception
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{place} is not a tokenizer ({reason}); allowed: a file of the package tokenizers") from error


def _special(configs: Mapping[Path, Mapping[str, Any]], name: str, tokenizer: Tokenizer) -> tuple[int, ...]:
    """The ids of the "eos" tokens, or of the "pad" token; () where no file names one."""
    for path, config in configs.items():
        value, token = config.get(f"{name}_token_id"), config.get(f"{name}_token")
        if value is not None and not (name == "pad" and value == -1):  # old files say so where there is none
            return _ids(f"{path}: {name}_token_id", value, several=name == "eos")
        if isinstance(token, Mapping):
            token = token.get("content")
        found = tokenizer.token_to_id(token) if isinstance(token, str) else None
        if found is not None:
            return (found,)
    return ()


def _ids(name: str, value: Any, *, several: bool = True) -> tuple[int, ...]:
    """A token id, or where `several` also a list of them."""
    ids: list[Any] = value if isinstance(value, list) and several else [value]
    if not ids or any(isinstance(each, bool) or not isinstance(each, int) or each < 0 for each in ids):
        raise ValueError(f"{name} is {value!r}; allowed: a token id{', or a list of at least one' if several else ''}")
    return tuple(ids)
