"""A self-contained HTML report: text, tables and pictures in one file that needs no network."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, sans-serif; color: #1a1a1a; max-width: 960px; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.6rem; border-bottom: 1px solid #ccc; padding-bottom: .2rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 14px; display: block; overflow-x: auto; }
th, td { border: 1px solid #ccc; padding: .3rem .6rem; text-align: right; } th { background: #f3f3f3; }
td:first-child, th:first-child { text-align: left; }
figure { margin: 1.4rem 0; } img { max-width: 100%; } figcaption { font-size: 14px; color: #333; }
.verdict { font-size: 1.15rem; padding: .8rem 1rem; border-left: 6px solid #0072B2; background: #eef5fb; }
.bad { border-color: #b00020; background: #fdecef; }
.words td, .words th { text-align: left; vertical-align: top; } .words small { color: #444; }
.confirmed { color: #00583c; } .refuted { color: #a01722; }
code { background: #f3f3f3; padding: 0 .2rem; }
"""


def escape(text: object) -> str:
    """Text made safe for HTML."""
    return html.escape(str(text))


def number(value: object) -> str:
    """Four significant digits for floats, as is for the rest."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """An HTML table."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(number(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def picture(path: Path, caption: str) -> str:
    """A PNG, embedded, with a caption that says what was found."""
    data = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def page(title: str, body: Sequence[str]) -> bytes:
    """The whole file."""
    text = "\n".join(body)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body>\n<h1>{escape(title)}</h1>\n{text}\n</body></html>\n"
    ).encode()


def paragraph(text: str) -> str:
    """A paragraph of HTML that is already safe."""
    return f"<p>{text}</p>"


def origin(run: Mapping[str, Any], rows: str = "rows/*.parquet") -> str:
    """Where a study's numbers come from, for the end of its report; `run` as `Study.publish` gives it."""
    return paragraph(
        f"Run {escape(run['run_id'])}, commit {escape(run['commit'])}, {escape(run['device'])}, "
        f"{_seconds(run)}configuration <code>{escape(run['config'])}</code>, "
        f"versions <code>{escape(run['versions'])}</code>. "
        f"Rows: {rows}; numbers: summary.json; figures: figures/*.png and *.svg."
    )


def _seconds(run: Mapping[str, Any]) -> str:
    return f"{run['wall_time_s']:g} s of computing, " if "wall_time_s" in run else ""
