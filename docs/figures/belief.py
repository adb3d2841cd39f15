"""Makes belief.gif: sketches appear stroke by stroke, and the receiver's belief in ten photos changes.

    python -m docs.figures.belief RUN [options of test] --output docs/images/belief.gif

RUN is a training. The games are random, and not chosen by hand. The strokes of a sketch have no order; here they appear
in a random one.
"""

import argparse
import random
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont

from learning_to_draw.analysis.play.games import DRAW
from learning_to_draw.analysis.play.play import load_games
from learning_to_draw.trials.records.pictures import to_picture
from learning_to_draw.trials.trained import parse_trained

GAMES, CANDIDATES, STEPS = 3, 10, 12
BIG, SMALL, GAP, BAR = 200, 76, 11, 7  # pixels
STEP_MS, HOLD_MS = 160, 2200
PAPER, INK, EDGE, BELIEF, RIGHT, WRONG = "white", "#1d2125", "#d5d8dc", "#2563c9", "#1a7f37", "#c02626"


@torch.no_grad()
def frames_of(games, number, rng):
    """The pictures of one game: the sketch after more and more strokes, with the receiver's belief."""
    turn, agents = games.turn(DRAW, number), games.agents
    strokes = turn.play.strokes
    drawn = list(range(strokes.points.shape[1]))
    if strokes.intensities is not None:
        drawn = strokes.intensities[0].amax(dim=1).nonzero()[:, 0].tolist()
    rng.shuffle(drawn)
    for step in range(1, STEPS + 1):
        shown = sorted(drawn[: round(len(drawn) * step / STEPS)])
        sketch = agents.render(strokes[:, shown])
        latent = agents.receiver_encoder.encode(sketch, is_sketch=True).latent
        belief = agents.guess(latent, turn.candidates)[0].softmax(dim=0).tolist()
        yield picture(turn, sketch[0], belief, f"{len(shown)} of {len(drawn)} strokes", final=step == STEPS)


def picture(turn, sketch, belief, text, *, final):
    columns = CANDIDATES // 2
    width = 2 * BIG + 3 * GAP + columns * (SMALL + GAP) + GAP
    height = BIG + 3 * GAP + 20
    sheet = Image.new("RGB", (width, height), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for left, pixels, label in ((GAP, turn.play.photos[0], "the sender sees"), (2 * GAP + BIG, sketch, text)):
        tile = to_picture(pixels).convert("RGB").resize((BIG, BIG), Image.Resampling.LANCZOS)
        sheet.paste(tile, (left, GAP))
        pen.rectangle((left, GAP, left + BIG - 1, GAP + BIG - 1), outline=EDGE)
        pen.text((left, 2 * GAP + BIG), label, fill=INK, font=font)
    start, best = 4 * GAP + 2 * BIG, max(range(CANDIDATES), key=belief.__getitem__)
    photos = turn.batch.photos[turn.batch.candidates[0]]
    for place in range(CANDIDATES):
        left, top = start + place % columns * (SMALL + GAP), GAP + place // columns * (SMALL + BAR + 2 * GAP)
        tile = to_picture(photos[place]).convert("RGB").resize((SMALL, SMALL), Image.Resampling.LANCZOS)
        sheet.paste(tile, (left, top))
        if final and place == best:
            colour = RIGHT if place == turn.target else WRONG
            pen.rectangle((left - 3, top - 3, left + SMALL + 2, top + SMALL + 2), outline=colour, width=3)
        bar = top + SMALL + 5
        pen.rectangle((left, bar, left + SMALL - 1, bar + BAR), fill=EDGE)
        if belief[place] > 0.005:
            pen.rectangle((left, bar, left + round(belief[place] * (SMALL - 1)), bar + BAR), fill=BELIEF)
    pen.text((start, 2 * GAP + BIG), "the receiver's belief", fill=INK, font=font)
    return sheet


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    own, rest = parser.parse_known_args()
    config = parse_trained("test", [*rest, f"--weights={own.run}"], own.run)
    games, _ = load_games(config, CANDIDATES, seed=0)
    rng = random.Random(0)
    frames = [frame for number in range(GAMES) for frame in frames_of(games, number, rng)]
    frames = [frame.quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE) for frame in frames]
    times = ([STEP_MS] * (STEPS - 1) + [HOLD_MS]) * GAMES
    frames[0].save(own.output, save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=True)


if __name__ == "__main__":
    main()
