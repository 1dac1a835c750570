"""Texts as hashes: which prompts are equal is kept, what they say is not.

Eight bytes of BLAKE2b. A chat is hashed by its roles and contents in their order, whatever else a trainer stores of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

import numpy as np

from experiments.logs.groups import UNKNOWN_PROMPT

DIGEST = 8
"""Bytes of a hash: two of a million different prompts agree with probability 3e-8."""


def text_hash(text: str) -> int:
    """A text as a number from 1 to 2^64 − 1.

    >>> text_hash("2+2=") == text_hash("2+2="), text_hash("2+2=") == text_hash("2+3=")
    (True, False)
    """
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST).digest()
    return int.from_bytes(digest, "little") or 1


def prompt_hash(prompt: object) -> int:
    """A prompt, which may be a text, a chat, a list of token ids or nothing, as a number; 0 for nothing.

    >>> chat = [{"role": "user", "content": "2+2="}]
    >>> prompt_hash(chat) == prompt_hash([{"content": "2+2=", "role": "user", "name": None}])
    True
    """
    if prompt is None:
        return UNKNOWN_PROMPT
    return text_hash(prompt if isinstance(prompt, str) else _canonical(prompt))


def prompt_hashes(prompts: Iterable[object]) -> np.ndarray:
    """[n] uint64: `prompt_hash` of each."""
    return np.array([prompt_hash(prompt) for prompt in prompts], np.uint64)


def _canonical(prompt: object) -> str:
    if isinstance(prompt, list) and prompt and all(isinstance(m, Mapping) and "content" in m for m in prompt):
        prompt = [[message.get("role"), message["content"]] for message in prompt]
    return json.dumps(prompt, sort_keys=True, default=str, ensure_ascii=True)
