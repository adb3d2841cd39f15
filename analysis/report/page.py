"""The page around a report's content: template, style and scripts in one file.

The content is embedded as JSON, and page.js adds it to the page as text, never as HTML: the names of classes and
folders are shown, not executed. The page's content security policy forbids all requests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

SCRIPTS = ("charts.js", "games.js", "page.js")  # the last one builds the page
GENERATOR = '<meta name="generator" content="commgame.py report">'


def page(content: Mapping[str, Any]) -> str:
    """Returns the whole page as HTML. content: JSON-serialisable, with a `title`."""
    parts = {
        "generator": GENERATOR,
        "title": escape(content["title"]),
        "style": _resource("page.css"),
        "script": "\n".join(map(_resource, SCRIPTS)),
        "content": _as_json(content),
    }
    # A single pass: placeholders inside the content are not replaced.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _resource("page.html"))


def is_report(path: Path) -> bool:
    """Whether this module wrote the file."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return GENERATOR in file.read(1000)


def _as_json(content: Mapping[str, Any]) -> str:
    """Returns JSON for a script element, with "<" escaped: it could end the element or begin a comment."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _resource(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
