"""The page around a report's content: template, style and scripts in one file.

The content is embedded as JSON, and page.js adds it to the page as text, never as HTML: the names of classes and
folders are shown, not executed. The page's content security policy forbids all requests.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

SCRIPTS = ("charts.js", "save.js", "views.js", "games.js", "page.js")  # the last one builds the page


def page(content: Mapping[str, Any]) -> str:
    """Returns the whole page as HTML. content: JSON-serialisable, with a `title`."""
    parts = {
        "title": escape(content["title"]),
        "style": _resource("page.css"),
        "script": "\n".join(map(_resource, SCRIPTS)),
        "content": _as_json(content),
    }
    # A single pass: placeholders inside the content are not replaced.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _resource("page.html"))


def signed(page: str, run: str) -> str:
    """Returns the page followed by a comment: `run`, and a hash of page and `run`. `is_unchanged` checks this hash."""
    return f"{page}<!-- {run} {_sha256(run, page.encode('utf-8', 'surrogateescape'))} -->\n"


def is_unchanged(path: Path, run: str) -> bool:
    """Whether the file is a page about `run`, unchanged since `signed` returned it."""
    page, _, end = path.read_bytes().rpartition(b"<!-- ")
    return end == f"{run} {_sha256(run, page)} -->\n".encode()


def _sha256(run: str, page: bytes) -> str:
    return hashlib.sha256(run.encode() + page).hexdigest()


def _as_json(content: Mapping[str, Any]) -> str:
    """Returns JSON for a script element. Escapes each "<", which could end the element or begin a comment."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _resource(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
