"""`logs inspect` and `logs audit`: what the log says, printed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from experiments.logs.config import Audit, Inspect
from experiments.logs.groups import Groups
from experiments.logs.text import audit_text, difference, inspection, summary
from experiments.logs.verdict import run, verdict, whole
from experiments.strict_json import plain


def inspect(config: Inspect, groups: Groups) -> int:
    """Print what the log holds."""
    if config.json:
        _print(summary(groups))
    else:
        print(inspection(groups))
    return 0


def audit(config: Audit, groups: Groups) -> int:
    """Print which estimator was used; 1 where it is not the expected one.

    Raises:
        ValueError: advantages that are all 0 or missing.
    """
    groups = whole(groups)
    found = verdict(groups, run(groups), config.expect)
    if config.json:
        _print(found)
    else:
        print(audit_text(found))
        if config.expect is not None:
            print(difference(found))
    return 0 if found.get("as_expected", True) else 1


def _print(found: Mapping[str, Any]) -> None:
    print(json.dumps(plain(found), indent=2, ensure_ascii=False, allow_nan=False))
