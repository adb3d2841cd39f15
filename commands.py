"""The commands beside train, test and crossplay: tools that read what runs have left behind and make pages, pictures
and statistics of it, the paper's tables, and what there is to choose from.

`TOOLS` is the table of them all. Importing this package does not import torch.
"""

from learning_to_draw.analysis.draw import options as draw_options
from learning_to_draw.analysis.draw.options import DrawTool
from learning_to_draw.analysis.measure import options as measure_options
from learning_to_draw.analysis.official import options
from learning_to_draw.analysis.report import options as report_options
from learning_to_draw.analysis.study import options as study_options
from learning_to_draw.experiments import options as reproduce_options
from learning_to_draw.trials.config.tool import Tool

PAPER: dict[str, Tool] = {
    "reproduce": Tool(
        "experiments.reproduce",
        "reproduce",
        "one of the paper's tables, trained and tested anew, beside the paper's numbers",
        """\
Trains and tests every row of one of the paper's tables as far as that is not done
yet in --output (an interrupted run goes on), and prints the table: the paper's
communication rate, ours, and the time. It is written there as table.md and
table.csv, with sketches of every row (sketches.png).
    table1  three games, with and without the perceptual loss
    table2  one layer's feature maps in the perceptual loss
    table3  capacity
    table4  shape bias
The paper's runs take 250 epochs each: days on a GPU. --quick plays the same games
in minutes on a CPU, and ends with exit code 1 where a rate is not within what was
measured when this was written.""",
        reproduce_options.add_reproduce_options,
    ),
}

READING: dict[str, Tool] = {
    "report": Tool(
        "analysis.report.report",
        "report",
        "a run as one web page: curves, sketches over the epochs, games",
        """\
Writes what a training or a test has left behind as a single HTML page that needs no
other file and no network: the result with its interval, learning curves, the sketches
of the same photos epoch after epoch, games to leaf through by class and by right or
wrong, which class is taken for which, options, versions and the command. It can be
made again while the run goes on, and of folders of the official code, which hold less.
Tests of a training's checkpoints are found where they lie beside its folder.""",
        report_options.add_report_options,
    ),
    "draw": DrawTool(
        "analysis.draw.draw",
        "draw",
        "what a trained sender draws of any pictures",
        """\
Shows any pictures to a trained sender, scaled and cropped to what it was trained
with, and writes for every NAME.jpg the photo beside its sketch (NAME.png), the
sketch as lines that stay sharp at any size (NAME.svg) and, with --animate, the
strokes appearing one by one (NAME.gif). The data set need not be there. The
options of test that describe agents are taken too, after the photos; a checkpoint
of the official code needs them:
    python commgame.py draw cat.jpg --weights model_final.pt --dataset MNIST
        --encoder SimpleMLPEncoder --separate-encoders --latent-size 32 --nlines 8""",
        draw_options.add_draw_options,
    ),
    "save-svg": Tool(
        "analysis.draw.save_svg",
        "save_svg",
        "the sketches of a game log as SVG",
        """\
Writes the sketches of a game log, as lines that stay sharp at any size, to a new
folder: NUMBER-MD5.svg, after the game and the picture of its sketch. Needs a log
of this program; those of the official code hold no strokes.""",
        options.add_save_svg_options,
        loads_torch=False,
    ),
    "measure": Tool(
        "analysis.measure.measure",
        "measure",
        "what kind of language a log's sketches are, in numbers",
        """\
Measures the sketched language of a game log, and prints a table in Markdown: the
communication rate, by class too; whether photos that are alike are drawn alike
(topographic similarity, Brighton & Kirby 2006); whether sketches are told by their
class; how much ink and how many strokes are used; what becomes of the rate when a
stroke is erased (with --weights; on a CPU, minutes where the encoder is a large
network); which class CLIP sees (with --clip); and, with several logs of the same
test pictures, how far their runs draw alike. What a log cannot give, such as one of
the official code, is listed with the reason.""",
        measure_options.add_measure_options,
    ),
    "study": Tool(
        "analysis.study.page",
        "study",
        "a page in which a person plays the receiver",
        """\
Writes a web page, one file that needs no other and no network, in which a person
plays the receiver: sees a sketch of a game log and chooses the picture that it
stands for, in games drawn at random. Where the log has classes they take turns, so
that of what the senders saw each class comes as often as any other, as far as the
log has games of it. Candidates are shuffled. At the end the page saves the answers
as a file, which study-results reads. Page, games and order go by the seed.""",
        study_options.add_study_options,
        loads_torch=False,
    ),
    "study-results": Tool(
        "analysis.study.results",
        "study_results",
        "how often people were right who played a study",
        """\
Prints how often the people who played a study (see the command study) chose the
picture that was meant, and one of the class of what the sender saw, each with a
95 % interval (Wilson 1927), for every participant and together, beside the agents
on the same games and chance; and the mean time of an answer. Give it a file of
answers from each participant, all of the same page.""",
        study_options.add_study_results_options,
    ),
}

PARTS: dict[str, Tool] = {
    "list": Tool(
        "trials.components_list",
        "list_parts",
        "the parts that can be chosen: data sets, games, agents, losses",
        """\
Prints the names of all parts by the option that chooses them, each with its own
options; with --plugin those of your own file, too.""",
        options.add_list_options,
        loads_torch=False,
    ),
    "check": Tool(
        "trials.plugin_check",
        "check",
        "whether the parts of your own file are what parts have to be",
        """\
Tries every part that a plugin registers: shapes and ranges of what it gives,
finite gradients, whether it moves with .to() and comes back from its saved state,
and a game that is trained for, saved, loaded and tested (on the Digits, a minute).
Ends with exit code 1 where something is broken, and says what, in which line.""",
        options.add_check_options,
    ),
}

# Named as the official scripts, with their options beside longer ones.
SCRIPTS: dict[str, Tool] = {
    "sample-gamelogs": Tool(
        "analysis.official.sample_gamelogs",
        "sample_gamelogs",
        "a random sample of a game log, with its pictures, as a log of its own",
        """\
Draws games at random from a game log and copies them, in the log's order, into a
new folder that is a game log itself: games.json, games.csv and the pictures that
these games use. The same seed draws the same games.""",
        options.add_sample_options,
        loads_torch=False,
    ),
    "render-game": Tool(
        "analysis.official.render_game",
        "render_game",
        "one game of a log as a web page",
        """\
Writes one game of a log as a single HTML page that needs no other file: the
sketch, the candidates in the order the receiver had them, which one was meant and
which one was guessed. The target is shown as it stood among the candidates; in
"different" games the sender saw another photo of its class, which is not shown.""",
        options.add_render_game_options,
        loads_torch=False,
    ),
    "render-sketches-seeds": Tool(
        "analysis.official.render_sketches_seeds",
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
        "analysis.official.dump_hashes_classes",
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
        "analysis.official.clip_analysis",
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
        "analysis.official.analyse_logs",
        "analyse_logs",
        "the communication rate, and how often CLIP sees what was meant",
        """\
Prints how many games of a log were won, and of how many each of these is true: the
class that CLIP sees in the sketch is the true class, the one it sees in the target
(correct) or in the guess, or two of them; likewise of target and guess; CLIP takes
the sketch for a drawing, target and guess for photos. Without the file that
clip-analysis writes, only the communication rate.""",
        options.add_analyse_options,
        loads_torch=False,
    ),
}

TOOLS: dict[str, Tool] = PAPER | READING | PARTS | SCRIPTS
