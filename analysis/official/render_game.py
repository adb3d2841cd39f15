"""`commgame.py render-game`: shows one game of a log as a self-contained web page."""

from __future__ import annotations

from html import escape
from pathlib import Path

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.atomic import write_text
from learning_to_draw.trials.records.gamelog import GameLog, Turn, read_log
from learning_to_draw.trials.records.output import check_new
from learning_to_draw.trials.records.picture_files import as_uri

SIDE = 112  # CSS pixels of a picture's longer side
STYLE = """\
:root { color-scheme: light dark; --ink: #1d2125; --paper: #fbfbf9; --faint: #6b7280; --edge: #d5d8dc;
        --right: #1a7f37; --wrong: #c02626; --target: #2563c9; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ea; --paper: #16191c; --faint: #9aa2ab; --edge: #3a4047;
          --right: #4cc26b; --wrong: #f0706a; --target: #74a7f7; } }
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: var(--ink); background: var(--paper);
       font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1rem; margin: 1.8rem 0 .6rem; }
.faint { color: var(--faint); margin: 0; overflow-wrap: anywhere; }
.right { color: var(--right); } .wrong { color: var(--wrong); }
.pictures { display: flex; flex-wrap: wrap; gap: .8rem; padding: 0; margin: 0; }
figure { margin: 0; padding: 5px; border: 3px solid var(--edge); border-radius: 6px; text-align: center; }
figure.target { border-color: var(--target); } figure.guess { border-color: var(--wrong); }
figure.target.guess { border-color: var(--right); }
figcaption { font-size: .8rem; color: var(--faint); } figcaption b { color: var(--ink); }
img { display: block; margin: 0 auto; } img.small { image-rendering: pixelated; }
"""


def render_game(log: Path, output: Path, game: int) -> str:
    """Writes game number `game` (from 0) of a log to the page `output`. Returns a message for the user.

    Raises UsageError if there is no such game, if a picture cannot be read, or if the page exists already.
    """
    source = read_log(log)
    if not 0 <= game < len(source.games):
        raise UsageError(
            f"--game {game}: the log in {source.folder} has no game {game}.\n"
            f"Give a number from 0 to {len(source.games) - 1}."
        )
    check_new(output)
    write_text(output, page(source, game), new=True)
    return f"game {game} of {len(source.games)} written to {output}"


def page(log: GameLog, number: int) -> str:
    """Returns the page of a game as HTML. Raises UsageError if one of its pictures cannot be read."""
    game = log.games[number]
    verdict, word = ("right", "Right") if game.correct else ("wrong", "Wrong")
    which = "which is the target" if game.correct else f"but the target is candidate {game.target}"
    candidates = "\n".join(_candidate(log, game, position) for position in range(len(game.candidates)))
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Game {number}</title>
<style>
{STYLE}</style>
</head>
<body>
<h1>Game {number} of {len(log.games)}</h1>
<p class="faint">{escape(str(log.folder))}; games and candidates are counted from 0</p>
<p><b class="{verdict}">{word}:</b> the receiver guessed candidate {game.guess}, {which}.</p>
<h2>The sketch and the target</h2>
<div class="pictures">
{_figure(log, game.sketch, "sketch")}
{_figure(log, game.target_picture, "target", "target")}
</div>
<h2>The {len(game.candidates)} candidates, in the receiver's order</h2>
<div class="pictures">
{candidates}
</div>
</body>
</html>
"""


def _candidate(log: GameLog, game: Turn, position: int) -> str:
    marks = [mark for mark, marked in (("target", game.target), ("guess", game.guess)) if marked == position]
    caption = f"{position} <b>{', '.join(marks)}</b>" if marks else str(position)
    return _figure(log, game.candidates[position], caption, *marks)


def _figure(log: GameLog, name: str, caption: str, *classes: str) -> str:
    path = log.picture(name)
    uri, width, height = as_uri(path)
    scale = SIDE / max(width, height)
    return (
        f'<figure class="{" ".join(classes) or "other"}">'
        f'<img class="{"small" if scale > 1 else "large"}" width="{max(1, round(width * scale))}" '
        f'height="{max(1, round(height * scale))}" alt="{escape(name)}" src="{uri}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
