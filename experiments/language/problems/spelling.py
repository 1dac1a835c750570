r"""What differs only in looks: signs and spaces of other alphabets, and what is put around an answer.

    $\boxed{\mathbf{72}}$.   →   72

Nothing here joins two digits that stood apart. Independent checks: tests/experiments/language/problems/test_numbers.py.
"""

from __future__ import annotations

import re

COMMANDS = r"(?:text(?:bf|it|rm|normal|sf|tt)?|math(?:rm|bf|it|sf|tt|normal)|mbox|hbox)"
"""LaTeX's commands for another type face."""

LAYERS = 20
"""Of marks around an answer; deeper ones are left."""

_MINUS = "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"
_WIDE = "\t\n\r\u00a0\u2002\u2003\u2004\u2005\u2007\u2008"
_NARROW = "\u2006\u2009\u200a\u202f"
_NOTHING = "\u200b\u2060\ufeff"
_ALIKE = str.maketrans(
    dict.fromkeys(_MINUS, "-") | dict.fromkeys(_WIDE, " ") | dict.fromkeys(_NARROW, r"\,") | dict.fromkeys(_NOTHING, "")
)
_SPACE = re.compile(r"(?<!\\)\\[;: ]|\\q?quad(?![A-Za-z])|\\(?:display|text)style(?![A-Za-z])|(?<!\\)~")
_PAIRS = (("**", "**"), ("__", "__"), ("`", "`"), ("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_COMMAND = re.compile(rf"(?:\\(?:boxed|fbox|{COMMANDS})\s*)?\{{")
_BOX = re.compile(r"(?:\\(?:boxed|fbox)\s*)?\{")
_INSIDE = re.compile(
    rf"""(?<![0-9\\])(?:\*\*([^*]+)\*\*|`([^`]+)`|\$([^$]+)(?<!\\)\$|\\\(((?:(?!\\[()]).)+)\\\)
    |\\{COMMANDS}\{{(\s*[-+$0-9\\][^{{}}]*)\}})(?![0-9])""",
    re.VERBOSE,
)


def alike(text: str) -> str:
    r"""One minus sign, one space, and "\," for narrow spaces, which part thousands.

    >>> alike("\u22125\u00a0km")
    '-5 km'
    """
    return " ".join(_SPACE.sub(" ", text.translate(_ALIKE)).split())


def closings(text: str) -> dict[int, int]:
    r"""Where each brace closes, by the place where its inside begins. "\{" and "\}" are no braces.

    >>> closings(r"{a{b}\}}{")
    {3: 4, 1: 7}
    """
    opened, ends = list[int](), dict[int, int]()
    for found in _BRACE.finditer(text):
        if found[0] == "{":
            opened.append(found.end())
        elif found[0] == "}" and opened:
            ends[opened.pop()] = found.start()
    return ends


def unwrap(text: str, *, upright: bool = True) -> str:
    r"""The text without what stands around all of it: \boxed, type faces, $, \( \), markdown, one full stop or comma.

    Arguments:
        upright: whether type faces go as well.

    >>> unwrap(r"**$\boxed{\text{72}}$**."), unwrap("72.."), unwrap("$3$ or $4$")
    ('72', '72..', '$3$ or $4$')
    """
    text = alike(text)
    for _ in range(LAYERS):
        if (inside := _inside(text, upright)) is None:
            break
        text = inside.strip()
    return text


def unwrap_parts(text: str) -> str:
    """`unwrap`, and then the same around parts, as in "**18** dollars": a space takes the place of each mark.

    >>> unwrap_parts("**18** dollars"), unwrap_parts("2**3**")
    ('18 dollars', '2**3**')
    """
    text = unwrap(text)
    while (found := _INSIDE.search(text)) is not None:
        text = f"{text[: found.start()]} {next(filter(None, found.groups()))} {text[found.end() :]}"
    return " ".join(text.split())


def _inside(text: str, upright: bool) -> str | None:
    """One mark less, or None where there is none."""
    if text.endswith((r"\,", r"\!")):
        return text[:-2]
    if text.endswith((".", ",")) and not text[:-1].endswith((".", ",", "\\")):
        return text[:-1]
    for left, right in _PAIRS:
        if text.startswith(left) and text.endswith(right) and len(text) >= len(left) + len(right):
            inside = text[len(left) : len(text) - len(right)]
            plain = inside if left[0] == "\\" else re.sub(r"\\.", "", inside, flags=re.DOTALL)
            if right not in plain and left not in plain and not inside.endswith("\\"):
                return inside
    found = (_COMMAND if upright else _BOX).match(text)
    return text[found.end() : -1] if found and closings(text).get(found.end()) == len(text) - 1 else None
