"""Makes traced.png: photos, drawings that trace their lines as a person would, and what the receiver guesses.

    python -m docs.figures.traced RUN [options of test] --output docs/images/traced.png

RUN is a training. The games are those that `play` deals. A drawing follows the skeleton of a digit, or with --edges the
Canny edges of a photo, the longest paths first, until all strokes of the agents are used. Prints how many of 10 and of
100 such drawings the receiver understands, and how many of the sender's own sketches in the same games.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.feature import canny
from skimage.morphology import skeletonize

from learning_to_draw.analysis.play.games import DRAW
from learning_to_draw.analysis.play.play import load_games
from learning_to_draw.games.scores import rate_interval
from learning_to_draw.trials.records.pictures import RIGHT, WRONG, to_picture
from learning_to_draw.trials.trained import parse_trained

SHOWN, PLAYED, CANDIDATES = 10, 100, 12
SIDE, FRAME = 80, 4  # pixels
SHORTEST = 4  # pixels of a path


def paths_of(lines):
    """Paths [M, 2], (row, col) from -1 to 1, along the pixels of thin lines, bool [S, S]; the longest first."""
    left = {(int(row), int(col)) for row, col in np.argwhere(lines)}
    paths = []
    while left:
        ends = [place for place in left if len(around(place, left)) <= 1]
        place = min(ends or left)
        path, step = [place], (0, 0)
        left.remove(place)
        while near := around(place, left):
            # The neighbour with the smallest change of direction.
            place = max(near, key=lambda other: (other[0] - path[-1][0]) * step[0] + (other[1] - path[-1][1]) * step[1])
            step = (place[0] - path[-1][0], place[1] - path[-1][1])
            path.append(place)
            left.remove(place)
        paths.append(path)
    paths = [path for path in paths if len(path) >= SHORTEST] or paths
    size = len(lines)
    return [np.array(path) / (size - 1) * 2 - 1 for path in sorted(paths, key=len, reverse=True)]


def around(place, places):
    row, col = place
    return [(row + i, col + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i or j) and (row + i, col + j) in places]


def traced(photo, edges):
    """The paths that trace a photo, float [C, S, S] in 0..1."""
    grey = photo.mean(dim=0).numpy()
    return paths_of(canny(grey, sigma=1.5) if edges else skeletonize(grey > 0.5))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--edges", action="store_true")
    parser.add_argument("--output", type=Path, required=True)
    own, rest = parser.parse_known_args()
    config = parse_trained("test", [*rest, f"--weights={own.run}"], own.run)
    games, _ = load_games(config, CANDIDATES, seed=0)
    sheet = Image.new("RGB", (SHOWN * (SIDE + 2 * FRAME), 3 * (SIDE + 2 * FRAME)), "white")
    right, own_right = [], []
    for number in range(PLAYED):
        turn = games.turn(DRAW, number)
        play, _ = games.sketch(turn, traced(turn.play.photos[0], own.edges))
        guess = int(play.scores[0].argmax())
        right.append(guess == turn.target)
        own_right.append(turn.agents_guess == turn.target)
        if number < SHOWN:
            chosen = turn.batch.photos[turn.batch.candidates[0, guess]]
            for row, pixels in enumerate((turn.play.photos[0], play.sketches[0], chosen)):
                tile = to_picture(pixels).convert("RGB").resize((SIDE, SIDE), Image.Resampling.NEAREST)
                left, top = number * (SIDE + 2 * FRAME), row * (SIDE + 2 * FRAME)
                if row == 2:
                    colour = RIGHT if right[-1] else WRONG
                    sheet.paste(colour, (left, top, left + SIDE + 2 * FRAME, top + SIDE + 2 * FRAME))
                sheet.paste(tile, (left + FRAME, top + FRAME))
    sheet.quantize(128).save(own.output, optimize=True)
    for name, guesses in (("traced", right), ("the sender's own", own_right)):
        low, high = rate_interval(sum(guesses), PLAYED)
        print(f"{name}: {sum(guesses[:SHOWN])} of {SHOWN}, {sum(guesses)} of {PLAYED} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
