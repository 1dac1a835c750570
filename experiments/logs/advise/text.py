"""An advice as a page of the terminal, and as the first thing in a report."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence

from experiments.logs.report.tables import Advised
from experiments.logs.text import width


def advice_text(advice: Advised) -> str:
    """The sentence, then reasons and limits as lists."""
    parts = [_filled(advice["sentence"], "")]
    for title, lines in (("Because", advice["reasons"]), ("Limits", advice["limits"])):
        if lines:
            parts.append("\n".join([f"{title}:", *(_filled(line, "  - ") for line in lines)]))
    return "\n".join(parts)


def advice_html(advice: Advised) -> list[str]:
    """The same for the report's first box."""
    return [
        f"<p><b>{html.escape(advice['sentence'])}</b></p>",
        *_list("Because", advice["reasons"]),
        *_list("Limits", advice["limits"]),
    ]


def _filled(line: str, mark: str) -> str:
    return textwrap.fill(line, width(), initial_indent=mark, subsequent_indent=" " * len(mark))


def _list(title: str, lines: Sequence[str]) -> list[str]:
    return [f"{title}:<ul>", *(f"<li>{html.escape(line)}</li>" for line in lines), "</ul>"] if lines else []
