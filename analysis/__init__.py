"""Afterwards: tools that read what runs have left behind, and make samples, pages, pictures and statistics of it.

`TOOLS` is the table of the commands, named as the official scripts. Importing this package does not import torch.
"""

from analysis import options
from analysis.tool import Tool

TOOLS: dict[str, Tool] = {
    "sample-gamelogs": Tool(
        "analysis.sample_gamelogs",
        "sample_gamelogs",
        "a random sample of a game log, with its pictures, as a log of its own",
        """\
Draws games at random from a game log and copies them, in the log's order, into a
new folder that is a game log itself: games.json, games.csv and the pictures that
these games use. The same seed draws the same games.""",
        options.add_sample_options,
    ),
    "render-game": Tool(
        "analysis.render_game",
        "render_game",
        "one game of a log as a web page",
        """\
Writes one game of a log as a single HTML page that needs no other file: the
sketch, the candidates in the order the receiver had them, which one was meant and
which one was guessed. The target is shown as it stood among the candidates; in
"different" games the sender saw another photo of its class, which logs do not hold.""",
        options.add_render_game_options,
    ),
    "render-sketches-seeds": Tool(
        "analysis.render_sketches_seeds",
        "render_sketches_seeds",
        "sketches of the same targets, averaged over several logs",
        """\
Averages, for every target that all logs have, all the sketches made of it, and
writes the averages as one picture, ten in a row. With logs of runs that differ in
their seeds only, it shows what the agents of all of them draw alike. Targets are
the same where their files have the same name, so the logs must have been played
with the same pictures at the same size.""",
        options.add_average_options,
    ),
    "dump-hashes-classes": Tool(
        "analysis.dump_hashes_classes",
        "dump_hashes_classes",
        "the name in game logs and the class of every test picture",
        """\
Prints a line of CSV, md5,class, for every test picture of a data set, in the order
of the data set; md5 is the name that the picture has in game logs. Give the same
--dataset, --image-size and other options of the data set as to the run. Nothing
else goes to standard output, so it can be redirected to a file.""",
        options.add_dump_options,
        takes_dataset=True,
    ),
    "clip-analysis": Tool(
        "analysis.clip_analysis",
        "clip_analysis",
        "what CLIP sees in the sketches, targets and guesses of a log",
        """\
Lets CLIP (Radford et al. 2021) say of every sketch, every target and every guessed
picture of a game log which class it shows, and whether as a photo or as a drawing:
the one of all sentences "a photo of a cat.", "a drawing of a cat.", ... that it
finds closest. Reads the log and a list of true classes, made with
    python commgame.py dump-hashes-classes --name --dataset ... --output classes.csv
and writes clip-analysis.json, an entry a game. Needs the package open_clip_torch.""",
        options.add_clip_options,
    ),
    "analyse-logs": Tool(
        "analysis.analyse_logs",
        "analyse_logs",
        "the communication rate, and how often CLIP sees what was meant",
        """\
Prints how many games of a log were won, and of how many each of these is true: the
class that CLIP sees in the sketch is the true class, the one it sees in the target
(correct) or in the guess, or two of them; likewise of target and guess; CLIP takes
the sketch for a drawing, target and guess for photos. Without the file that
clip-analysis writes, only the communication rate.""",
        options.add_analyse_options,
    ),
}
