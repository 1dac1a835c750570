"""Griffe's extension that fences the examples of docstrings, which would else be read as Markdown."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^(?P<indent> *)>>> .*(?:\n(?! *\n| *$).*)*", re.MULTILINE)
"""From the prompt to the next blank line, as doctest reads it."""


def fenced(text: str) -> str:
    r"""The text with a fence around every example.

    >>> print(fenced("Words.\n\n>>> 1 + 1\n2\n\nMore."))
    Words.
    <BLANKLINE>
    ```pycon
    >>> 1 + 1
    2
    ```
    <BLANKLINE>
    More.
    """
    return EXAMPLE.sub(lambda found: f"{found['indent']}```pycon\n{found[0]}\n{found['indent']}```", text)


class Fences(griffe.Extension):
    """Applies `fenced` to every docstring."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for every object that it has read."""
        if obj.docstring and ">>>" in obj.docstring.value:
            obj.docstring.value = fenced(obj.docstring.value)
