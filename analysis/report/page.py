"""The page around a report's content: its template, style and scripts, in one file.

The content travels as JSON, and page.js writes it into the page as text, never as HTML: whatever a class or a folder
is called, it is shown and not run. The page forbids itself any request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

SCRIPTS = ("charts.js", "games.js", "page.js")  # the last one begins to write the page
GENERATOR = '<meta name="generator" content="commgame.py report">'


def page(content: Mapping[str, Any]) -> str:
    """The whole page. content: JSON-serialisable, with a `title`."""
    parts = {
        "generator": GENERATOR,
        "title": escape(content["title"]),
        "style": _resource("page.css"),
        "script": "\n".join(map(_resource, SCRIPTS)),
        "content": _as_json(content),
    }
    # One pass, so that nothing in a part is taken for another part's place.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _resource("page.html"))


def is_report(path: Path) -> bool:
    """Whether this module has written the file."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return GENERATOR in file.read(1000)


def _as_json(content: Mapping[str, Any]) -> str:
    """Within a script element only "<" could end it, or begin a comment."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _resource(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
