"""The folder that a fetched model is: which files it holds and with what content, so that one is recognised as whole.

DIR/fetched.json   the model's hash, this layout's version, and the SHA-256 of every file but README.md
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from experiments.fetch.source import Source
from experiments.store import write_bytes

MARK = "fetched.json"
LAYOUT = 1
"""Rises when other files are made of the same model."""


def seal(made: Path, source: Source) -> None:
    """Write down what the folder holds."""
    content = {"gguf": source.sha256, "layout": LAYOUT, "files": _digests(made)}
    write_bytes(made / MARK, (json.dumps(content, indent=2) + "\n").encode())


def look(out: Path) -> None:
    """Refuse a folder that holds something which `fetch` did not write.

    Raises:
        ValueError: it does.
    """
    found = sorted(path.name for path in out.iterdir()) if out.exists() else []
    if found and MARK not in found:
        raise ValueError(f"--out is {out}, which holds {found[0]}; allowed: an empty folder, or one that is not there")


def is_whole(out: Path, source: Source) -> bool:
    """Whether the folder holds this model, every file as it was written; False where there is none.

    Raises:
        ValueError: a file is missing, changed, or of another model.
    """
    if not (out / MARK).exists():
        return False
    try:
        sealed: Any = json.loads((out / MARK).read_bytes())
        files = dict(sealed["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{out / MARK} cannot be read; allowed: as `fetch` wrote it, or another --out") from error
    if sealed.get("gguf") != source.sha256 or sealed.get("layout") != LAYOUT:
        raise ValueError(f"--out is {out}, which holds another model or layout; allowed: another --out")
    there = _digests(out)
    changed = sorted(name for name in files if there.get(name) != files[name])
    if changed:
        raise ValueError(
            f"--out is {out}, where {changed[0]} is not as `fetch` wrote it; allowed: all files whole, or another --out"
        )
    return True


def _digests(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name not in (MARK, "README.md"):
            with path.open("rb") as file:
                found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
