"""The comparison as one self-contained web page, without scripts. All text from files is escaped."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from learning_to_draw.analysis.compare.runs import LeftOut
from learning_to_draw.analysis.compare.settings import Setting
from learning_to_draw.analysis.compare.sketches import Sketches
from learning_to_draw.analysis.compare.table import Table
from learning_to_draw.trials.config.all_options import as_text
from learning_to_draw.trials.records.picture_files import as_uri

STYLE = Path(__file__).parents[1] / "report" / "page.css"
OWN_STYLE = """
.notes { margin-top: 1rem; }
figure.plot { margin: 0; max-width: 60rem; }
figure.plot img { width: 100%; background: #fff; padding: .75rem; margin-bottom: .5rem; }
.drawn td { padding: .3rem; border: 0; } .drawn th { font-weight: 400; text-align: right; vertical-align: middle; }
.drawn img { width: 72px; height: 72px; image-rendering: pixelated; }
.drawn .right img { outline: 3px solid var(--right); } .drawn .wrong img { outline: 3px dashed var(--wrong); }
"""
HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="commgame.py compare">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
"""
CAPTIONS = {
    "figure.png": "Left: validation rate per epoch, mean over seeds, with a band from the lowest to the highest rate. "
    "Right: test rate; small points: single seeds, large points: mean ± standard deviation over seeds. Dotted: chance.",
}


def page(
    title: str,
    tables: Mapping[str, Table],
    notes: Sequence[str],
    settings: Sequence[Setting],
    figures: Mapping[str, bytes],
    sketches: Sketches | None,
    left_out: Sequence[LeftOut],
    command: str,
) -> str:
    """Returns the page as HTML.

    tables: by their headings. notes: what the numbers mean, and what is missing.
    figures: file name -> content; may be empty. sketches: if None, the page has no section with sketches. command: the
    command that makes the page again.
    """
    parts = [HEAD.format(title=escape(title), style=STYLE.read_text(encoding="utf-8") + OWN_STYLE)]
    runs = sum(len(setting.runs) for setting in settings)
    parts.append(f"<h1>{escape(title)}</h1>\n<p class='kind'>{_many(len(settings), 'setting')}, {_many(runs, 'run')}; ")
    parts.append(f"made {time.strftime('%Y-%m-%d %H:%M')} by <code>{escape(command)}</code></p>\n")
    for heading, table in tables.items():
        parts += _section(heading, [_table(*table)])
    said = "".join(f"<p class='faint'>{escape(note)}</p>\n" for note in notes)
    parts.append(f"<div class='notes'>\n{said}</div>\n")
    parts += _section(
        "Figures", [_figure(name, figures[name], text) for name, text in CAPTIONS.items() if name in figures]
    )
    if sketches is not None:
        parts += _section("The same photos, drawn by every setting", _sketches(sketches))
    parts += _section("Options in which the settings differ", _options(settings))
    parts += _section("Runs", _runs(settings))
    if left_out:
        items = "".join(f"<li>{escape(str(entry))}</li>\n" for entry in left_out)
        parts += _section(f"Left out ({len(left_out)})", [f"<ul>\n{items}</ul>\n"])
    return "".join([*parts, "</main>\n</body>\n</html>\n"])


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _section(title: str, parts: Sequence[str]) -> list[str]:
    return [f"<section>\n<h2>{escape(title)}</h2>\n", *parts, "</section>\n"] if parts else []


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = True) -> str:
    """Returns a table as HTML. The first column holds names; the others hold numbers, or text if `numbers` is False."""
    kind = " class='number'" if numbers else ""
    head = "".join(f"<th{kind if column else ''}>{escape(cell)}</th>" for column, cell in enumerate(headings))
    body = "".join(
        f"<tr><th>{escape(row[0])}</th>{''.join(f'<td{kind}>{escape(cell)}</td>' for cell in row[1:])}</tr>\n"
        for row in rows
    )
    return f"<div class='scroll fit'><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"


def _figure(name: str, content: bytes, caption: str) -> str:
    data = base64.b64encode(content).decode("ascii")
    return (
        f"<figure class='plot'><img alt='{escape(caption)}' src='data:image/png;base64,{data}'>"
        f"<figcaption class='faint'>{escape(caption)} Files: {name}, {Path(name).stem}.pdf.</figcaption></figure>\n"
    )


def _sketches(sketches: Sketches) -> Iterator[str]:
    yield (
        "<p class='faint'>Each setting's sketches are from its run with the lowest seed. Solid green frame: guessed "
        "right; dashed red frame: guessed wrong.</p>\n"
    )
    yield "<div class='scroll fit'><table class='drawn'>\n<tr><th>photos</th>"
    for path, name in zip(sketches.photos, sketches.classes, strict=True):
        yield f"<td>{_picture(path, name or 'photo')}</td>"
    for row in sketches.rows:
        yield f"</tr>\n<tr><th>{escape(row.label)}</th>"
        for path, right in zip(row.sketches, row.right, strict=True):
            verdict = "right" if right else "wrong"
            yield f"<td class='{verdict}'>{_picture(path, f'guessed {verdict}')}</td>"
    yield "</tr>\n</table></div>\n"


def _picture(path: Path, text: str) -> str:
    return f"<img alt='{escape(text)}' title='{escape(text)}' src='{as_uri(path)[0]}'>"


def _options(settings: Sequence[Setting]) -> list[str]:
    names = list(settings[0].differing)
    rows = [[setting.label, *map(as_text, setting.differing.values())] for setting in settings]
    return [_table(["setting", *names], rows, numbers=False)] if names else []


def _runs(settings: Sequence[Setting]) -> Iterator[str]:
    rows = [
        [setting.label, str(run.seed[0]), f"{100 * run.rate:.1f}", f"{run.right} of {run.games}", f"{run.minutes:.1f}"]
        for setting in settings
        for run in setting.runs
    ]
    yield _table(["setting", "seed", "rate, %", "guessed right", "minutes"], rows)
    commands = "\n".join(command for setting in settings for run in setting.runs for command in run.commands)
    yield f"<details><summary>Commands</summary><pre class='command'>{escape(commands)}</pre></details>\n"
