"""What experiments said on small settings, kept as JSON: a summary that changes is a change of results.

`GOLDEN=write` in the environment writes the files anew; the difference is then read and explained in the commit.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "golden"


def same(found: Any, kept: Any, rel: float, where: str = "") -> list[str]:
    """The places at which two JSON values differ, numbers by more than `rel` (of the larger, or of 1e-3)."""
    if isinstance(kept, bool) or isinstance(found, bool) or not isinstance(kept, (dict, list, int, float)):
        return [] if found == kept and type(found) is type(kept) else [f"{where}: {found!r}, not {kept!r}"]
    if isinstance(kept, dict):
        if not isinstance(found, dict) or list(found) != list(kept):
            names = list(found) if isinstance(found, dict) else found
            return [f"{where}: has {names}, not {list(kept)}"]
        return [line for name in kept for line in same(found[name], kept[name], rel, f"{where}.{name}")]
    if isinstance(kept, list):
        if not isinstance(found, list) or len(found) != len(kept):
            return [f"{where}: {found!r}, not {kept!r}"]
        return [line for i, one in enumerate(kept) for line in same(found[i], one, rel, f"{where}[{i}]")]
    close = isinstance(found, (int, float)) and math.isclose(found, kept, rel_tol=rel, abs_tol=rel * 1e-3)
    return [] if close else [f"{where}: {found!r}, not {kept!r}"]


def check(name: str, found: Any, *, rel: float) -> None:
    """Fail where `found` differs from golden/NAME.json.

    Arguments:
        name: of the file.
        found: what JSON can hold.
        rel: how far numbers may be apart: other processors sum in another order.
    """
    path = FOLDER / f"{name}.json"
    plain = json.loads(json.dumps(found))
    if os.environ.get("GOLDEN") == "write":
        path.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    wrong = same(plain, json.loads(path.read_text(encoding="utf-8")), rel)
    assert not wrong, f"{len(wrong)} differences to {path.name}:\n" + "\n".join(wrong[:20])
