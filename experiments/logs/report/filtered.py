"""How many groups a trainer dropped before it wrote, as the reader says: "0:3, 1:1", mean reward and number."""

from __future__ import annotations

import re
from pathlib import Path

MOST_FILTERED = 10**7
"""Dropped groups at most: more than any log has."""


def read_filtered(path: Path) -> tuple[int, int]:
    """(all wrong, all right) groups that were dropped, summed over the file.

    Raises:
        ValueError: no text file, another mean reward than 0 and 1, or more groups than any
            log has, or nothing of that form.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise ValueError(f"--filtered-counts is {path}, which cannot be read ({why}); allowed: a text file") from error
    found = [0, 0]
    for part in filter(None, re.split(r"[\s,;{}]+", text.replace('"', "").replace(": ", ":"))):
        match = re.fullmatch(r"([01])(?:\.0*)?:(\d{1,12})", part)
        if not match:
            raise ValueError(
                f"--filtered-counts is {path}, which holds {part[:40]!r}; allowed: pairs such as 0:3, 1:1, the mean "
                "reward of groups without a deviation (0 or 1) and how many were dropped"
            )
        found[int(match[1])] += int(match[2])
    if sum(found) > MOST_FILTERED:
        raise ValueError(f"--filtered-counts names {sum(found)} groups; allowed: at most {MOST_FILTERED}")
    if not any(found):
        raise ValueError(f"--filtered-counts is {path}, which names no group; allowed: pairs such as 0:3, 1:1")
    return found[0], found[1]
