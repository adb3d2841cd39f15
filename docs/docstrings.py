"""A Griffe extension for the site: docstrings, which are plain text, become Markdown, with lists of arguments."""

import re
from collections.abc import Collection
from typing import Any

import griffe

# "names: " at the beginning of a line or sentence, or a sentence that ends the list.
ITEM = re.compile(r"(?:^|(?<=\.\s))(?:(\w+(?:, \w+)*): |(?=(?:Raises|Returns)\s))", re.MULTILINE)


class PlainText(griffe.Extension):
    """Changes the docstrings of classes and functions."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        _change(func, [parameter.name for parameter in func.parameters])

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        _change(cls, [*cls.members, *(parameter.name for parameter in cls.parameters)])


def _change(of: griffe.Object, names: Collection[str]) -> None:
    """Escapes the docstring's text, and makes a list of its parts such as `sigma2: squared stroke width`."""

    def item(match: re.Match) -> str:
        if match[1] is None:
            return "\n\n"
        return f"\n\n- `{match[1]}`: " if {*match[1].split(", ")} <= {*names} else match[0]

    if of.docstring:
        text = re.sub(r"(`[^`]*`)|\*", lambda match: match[1] or r"\*", of.docstring.value)  # [*, P, D] is no emphasis
        text = re.sub(r"^(\d+)\. ", r"\1\. ", text, flags=re.MULTILINE)  # nor is "C is 1 or\n3. A batch" a list
        of.docstring.value = ITEM.sub(item, text)
