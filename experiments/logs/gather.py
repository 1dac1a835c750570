"""Rows that come one by one, gathered into a block: what JSON lines are read with."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping

import numpy as np

from experiments.logs.block import Block
from experiments.logs.groups import UNKNOWN_STEP, Note
from experiments.logs.prompts import prompt_hash, text_hash

NAN = float("nan")


class Gather:
    """A block in the making. Columns that a row lacks are NaN in it."""

    def __init__(self, name: str, step: int = UNKNOWN_STEP) -> None:
        self.name = name
        self.step = step
        self.rewards: dict[str, array[float]] = {}
        self.columns: dict[str, array[float]] = {}
        self.prompt: array[int] = array("Q")
        self.key: array[int] = array("Q")
        self.texts = hashlib.blake2b(digest_size=16)
        self.knows_texts = True
        self.notes: list[Note] = []

    def __len__(self) -> int:
        return len(self.prompt)

    def add(
        self,
        *,
        prompt: object = None,
        rewards: Mapping[str, float] | None = None,
        total: float | None = None,
        advantage: float | None = None,
        key: object = None,
        answer: str | None = None,
    ) -> None:
        """A row.

        Arguments:
            prompt: a text, a chat, or None where the log has none.
            rewards: by function.
            total: the whole reward; None where the log has none.
            advantage: None where the log has none.
            key: what names its group; None where nothing does.
            answer: the answer's text, hashed to know blocks that are written twice; None where the log has none.
        """
        for name, value in (rewards or {}).items():
            self._put(self.rewards, name, value)
        for name, value in (("total", total), ("advantage", advantage)):
            if value is not None:
                self._put(self.columns, name, value)
        hashed = prompt_hash(prompt)
        self.prompt.append(hashed)
        if key is not None:
            self.key.append(text_hash(str(key)))
        if answer is None:
            self.knows_texts = False
        else:
            self.texts.update(f"{hashed} {len(answer)} {answer}".encode("utf-8", "surrogatepass"))

    def _put(self, columns: dict[str, array[float]], name: str, value: float) -> None:
        column = columns.setdefault(name, array("d"))
        column.extend([NAN] * (len(self) - len(column)))
        column.append(value)

    def block(self, *, weights: Mapping[str, float] | None = None) -> Block:
        """All rows so far.

        Raises:
            ValueError: some rows name their group and others do not.
        """
        n = len(self)
        if len(self.key) not in (0, n):
            raise ValueError(f"{self.name}: {n - len(self.key)} of {n} rows name no group; allowed: all or none")

        def numbers(values: array[float] | None) -> np.ndarray | None:
            return None if values is None else np.array([*values, *[NAN] * (n - len(values))])

        return Block(
            name=self.name,
            step=self.step,
            prompt=np.array(self.prompt, np.uint64),
            rewards={name: np.array([*v, *[NAN] * (n - len(v))]) for name, v in self.rewards.items()},
            total=numbers(self.columns.get("total")),
            advantage=numbers(self.columns.get("advantage")),
            key=np.array(self.key, np.uint64) if len(self.key) else None,
            weights=weights,
            texts=self.texts.digest() if self.knows_texts and n else b"",
            notes=tuple(self.notes),
        )
