"""The table `TOOLS` of all commands other than train, test and crossplay.

They run sweeps and reproduce the paper's tables; turn runs into pages, pictures and statistics; and list and check
components. Importing this module does not import torch.
"""

from learning_to_draw.analysis.compare import options as compare_options
from learning_to_draw.analysis.draw import options as draw_options
from learning_to_draw.analysis.export import options as export_options
from learning_to_draw.analysis.measure import options as measure_options
from learning_to_draw.analysis.official import options
from learning_to_draw.analysis.play import options as play_options
from learning_to_draw.analysis.report import options as report_options
from learning_to_draw.analysis.study import options as study_options
from learning_to_draw.experiments import options as experiment_options
from learning_to_draw.trials import options as trial_options
from learning_to_draw.trials.tool import AgentsTool, Tool

PEOPLE: dict[str, Tool] = {
    "play": AgentsTool(
        "analysis.play.play:play",
        "play with trained agents in the browser: draw for them, or guess what they draw",
        """\
Opens a page on which you play the test games with trained agents. You draw a picture,
with the mouse, a pen or a finger, and see what the receiver guesses while you draw. Or
the agents draw, stroke by stroke, and you guess as soon as you know. The page is for
this machine only, and nothing is sent anywhere. The games are saved as game logs, for
report and measure, and your guesses are saved for study-results. Also accepts the
options of test that describe the pictures, such as --dataset-root, and --agent, which
chooses one pair of a population. Needs the packages starlette and uvicorn.""",
        play_options.add_play_options,
    ),
    "pack": Tool(
        "trials.pack:pack",
        "write trained agents as a folder to share, without pickles",
        """\
Writes the agents of a training to a new folder, which can be shared, for example as a
repository of Hugging Face: model.safetensors (the weights), config.json (the options,
the versions and the ids of the training pictures) and README.md, a model card with
the validation rate and the rates of finished tests whose folders are next to RUN. The
folder contains no code, no pickles, and none of this machine's paths. Commands that
take a checkpoint also take this folder, or the repository's id, as in --weights
hf:user/name or hf:user/name@revision; test needs the pictures, too: --dataset-root.
Agents that need a plugin are refused, because a plugin is code. Needs the package
safetensors.""",
        trial_options.add_pack_options,
    ),
}

EXPERIMENTS: dict[str, Tool] = {
    "sweep": Tool(
        "experiments.sweep:sweep",
        "train and test several settings, each with several seeds",
        """\
Trains and tests every row of a TOML file with every seed, and prints a table of the
communication rates. Skips the runs that --output already holds, and resumes
interrupted ones, so that the same command continues after Ctrl-C or a power cut.
    seeds = [0, 1, 2]
    [common]            # options of every run, named as on the command line
    dataset = "Digits"
    epochs = 2
    [rows.few]          # one row; its folder has the same name
    nlines = 3
    [rows.many]
    title = "many lines"
    nlines = 20
Instead of rows, [grid] with nlines = [1, 5, 20] makes one row for every combination
of its values. [tests.NAME] with game = "same" tests every run also in this game.
The runs are in OUTPUT/ROW/seed-N, OUTPUT/ROW/seed-N-test and OUTPUT/ROW/seed-N-NAME.""",
        experiment_options.add_sweep_options,
        loads_torch=False,
    ),
    "reproduce": Tool(
        "experiments.reproduce:reproduce",
        "train and test the runs of one of the paper's tables, and compare the numbers",
        """\
Trains and tests every row of one of the paper's tables, and prints the table: the
paper's communication rate, ours, and the time. Skips the runs that --output already
holds, and resumes interrupted ones. Also writes table.md, table.csv and sketches of
every row (sketches.png) to --output.
    table1  three games, with and without the perceptual loss
    table2  one layer's feature maps in the perceptual loss
    table3  capacity
    table4  shape bias
    lines   the number of lines (Appendix A)
    shared  encoders and losses of the follow-up paper, and what CLIP sees
    human   table1, with one page on which people play the receiver
    tradeoff  how prices for strokes and for ink change the communication rate
Each of the paper's runs takes 250 epochs: days on a GPU. --quick plays the same games
in minutes on a CPU, and ends with exit code 1 if a rate is outside the range expected
from earlier quick runs.""",
        experiment_options.add_reproduce_options,
        loads_torch=False,
    ),
    "learnability": Tool(
        "experiments.learnability:learnability",
        "train new agents with trained ones: how fast is a language learned?",
        """Trains a new receiver with the frozen sender of a run, and a new sender with its frozen
receiver. A language that is easy to learn reaches a high rate in few epochs (Li &
Bowling 2019, Chaabouni et al. 2022). For comparison, also trains both with untrained,
frozen partners. Prints the final rate, the area under the curve (the mean rate over all
epochs), and the number of epochs until the rate is at least --reach, all on validation
games. Writes the numbers of every learner and the curves to --output. Skips finished
runs, and resumes interrupted ones.""",
        experiment_options.add_learnability_options,
    ),
    "generations": Tool(
        "experiments.generations:generations",
        "hand a language on from one pair to the next (iterated learning)",
        """Trains pairs one after another, with the options of a run. The first pair trains by playing.
Each later pair is new: its sender first learns from drawings of the pair before, and
then the pair trains by playing, too (Kirby 2001; Li & Bowling 2019). Prints, for every
generation, the rate in the test, the area under the curve of validation rates (how
fast it learned), topographic similarity, the distance of its drawings from its
teacher's, and what an independent judge sees, if the packages of measure --judge are
installed. Writes the measures of every pair, the curves, and a sheet of the same photos
drawn by all generations to --output. Skips finished runs, and resumes interrupted ones.""",
        experiment_options.add_generations_options,
    ),
}

READING: dict[str, Tool] = {
    "report": Tool(
        "analysis.report.report:report",
        "show a run as one web page: curves, sketches, games, classes, strokes",
        """\
Writes the results of a training or a test as a single HTML page, which needs no other
file and works offline. The page shows the result with its interval, learning curves,
sketches of the same photos epoch after epoch, games with a wrong guess first, a
lexicon of the classes and their confusions, the roles of strokes, a map of the
sketches, options, versions and the command. Charts can be saved. Also works while
the run is still training, and on folders of the official code, which contain less.
Includes tests of a training's checkpoints if their folders are next to the run's.""",
        report_options.add_report_options,
    ),
    "compare": Tool(
        "analysis.compare.compare:compare",
        "compare settings over several seeds: a table, paired tests, figures, one page",
        """\
Finds trainings and their tests in the given folders. Runs with the same options are
seeds of one setting. Prints a table of the settings (rate as mean ± standard
deviation over seeds, 95 % interval) and tests of their differences in the same games.
Writes the table as Markdown, CSV and LaTeX, the tests as Markdown and CSV, and one
line per run to runs.csv. Also writes figures for a paper, as PNG and PDF (learning
curves, rates, and the same photos drawn by every setting), and all of it as one web
page. Says which runs it leaves out, and why.""",
        compare_options.add_compare_options,
        loads_torch=False,
    ),
    "draw": AgentsTool(
        "analysis.draw.draw:draw",
        "draw any pictures with a trained sender",
        """\
Shows pictures to a trained sender, scaled and cropped to its training size, and
writes for every NAME.jpg the photo next to its sketch (NAME.png), the sketch as a
vector graphic (NAME.svg) and, with --animate, the strokes appearing one by one
(NAME.gif). Does not need the data set. After the photos it also accepts the options
of test that describe agents; a checkpoint of the official code needs them:
    python commgame.py draw cat.jpg --weights model_final.pt --dataset MNIST
        --encoder SimpleMLPEncoder --separate-encoders --latent-size 32
        --nlines 8""",
        draw_options.add_draw_options,
    ),
    "save-svg": Tool(
        "analysis.draw.save_svg:save_svg",
        "save the sketches of a game log as SVG",
        """\
Writes the sketches of a game log as vector graphics to a new folder, as
NUMBER-MD5.svg: the number of the game and the name of the sketch's picture. Needs
a log of this program, because logs of the official code contain no strokes.""",
        draw_options.add_save_svg_options,
        loads_torch=False,
    ),
    "export": Tool(
        "analysis.export.export:export",
        "write the sketches of a game log as a corpus for other tools",
        """\
Writes the sketches of a game log to a new folder, as a corpus that other programs
read, with a description for programs (card.json) and for people (README.md, a data
card as on Hugging Face).
    ndjson   one file per class of the photos, in the simplified format of
             Quick, Draw!, which --dataset QuickDraw also reads
    stroke3  sketches.npz, as sketch-rnn reads it; loading needs allow_pickle
    svg      what save-svg writes
    tokens   one list of whole numbers per sketch (tokens.jsonl), for measures
             of languages such as XferBench, and one row per game (tokens.csv)
Strokes that are not drawn are left out. Needs a log of this program, because logs of
the official code contain no strokes.""",
        export_options.add_export_options,
        loads_torch=False,
    ),
    "measure": Tool(
        "analysis.measure.measure:measure",
        "measure properties of a log's sketches as a language",
        """\
Measures the sketched language of a game log, and prints a table: the communication
rate, overall and by class; whether similar photos have similar sketches
(topographic similarity, Brighton & Kirby 2006); whether sketches reveal their
class; how much ink and how many strokes are used; the rate with a stroke erased
(with --weights; takes minutes on a CPU if the encoder is a large network); which
class CLIP sees (with --clip); and, with several logs of the same test pictures, how
similarly their runs draw. With --judge, a network that had no part in the training
measures iconicity, legibility, symbolicity and semanticity (Qiu et al. 2022); with
--weights, games are also replayed with controls in place of the sketch. Measures
that a log does not allow (a log of the official code, for example) are listed with
the reason.""",
        measure_options.add_measure_options,
    ),
    "study": Tool(
        "analysis.study.page:study",
        "make a page for an experiment with people, who play the receiver or the sender",
        """\
Writes a web page, as one file that needs no other file and works offline, on which a
person plays games of a log. As the receiver, the person sees a sketch and chooses the
picture that it stands for. As the sender (--role sender), the person sees the photo
and the candidates, and draws with at most as many strokes as the agents have; the log
needs strokes.npz. Games are chosen at random. If a log has classes, each class of the
senders' photos appears equally often, as far as the log has games for it. With several
logs, each gives the same number of games; they appear in random order, and the page
does not show which log a game is from. Candidates are shuffled. At the end the page
saves the answers to a file, which study-results reads. The seed determines the games,
their order and the order of candidates. In the page's address,
?participant=CODE&code=COMPLETION names the participant, and gives the code that the
page shows at the end.""",
        study_options.add_study_options,
        loads_torch=False,
    ),
    "study-results": Tool(
        "analysis.study.results:study_results",
        "report how often the people who played a study were right, or were understood",
        """\
Prints how often the people who played a study (see the command study) chose the
correct picture, and a picture of the class that the sender saw, each with a 95 %
interval (Wilson 1927), per participant and in total. For comparison, it prints the
agents' rate on the same games, and chance. It also prints the mean time per answer,
Cohen's kappa of right and wrong between people and agents in the same games and, for
two or more participants, intervals over participants (bootstrap). If the page has
games of several logs, a second table compares people and agents for each log.
Drawings of the sender's page need --logs and --weights: the trained receiver guesses
from what people drew, and the table says how often it was right.
Give it one file per participant, all from the same page.""",
        study_options.add_study_results_options,
        loads_torch=False,
    ),
}

COMPONENTS: dict[str, Tool] = {
    "list": Tool(
        "trials.components_list:list_components",
        "list what can be chosen: data sets, games, agents, losses, presets",
        """\
Prints the names of all components, grouped by the option that chooses them, each with
its own options. With --plugin, includes the components of your own file. Then prints
the presets, with the time and the rate to expect.""",
        trial_options.add_list_options,
        loads_torch=False,
    ),
    "check": Tool(
        "trials.plugin_check:check",
        "check the components of your own file",
        """\
Tests every component that a plugin registers: shapes and ranges of its outputs,
finite gradients, whether it moves with .to() and is restored by its state dict, and
a run that trains, saves, loads and tests it (a minute with Digits). If something is
broken, prints the problem and the line, and ends with exit code 1.""",
        trial_options.add_check_options,
    ),
}

# These have the names of the official scripts. They accept the official short options and longer forms of them.
SCRIPTS: dict[str, Tool] = {
    "sample-gamelogs": Tool(
        "analysis.official.sample_gamelogs:sample_gamelogs",
        "copy a random sample of a game log, with its pictures, to a new log",
        """\
Draws games at random from a game log and copies them, in the log's order, to a new
folder that is itself a game log: games.json, games.csv, the pictures of these games
and, if the log has them, the strokes. The same seed draws the same games.""",
        options.add_sample_options,
        loads_torch=False,
    ),
    "render-game": Tool(
        "analysis.official.render_game:render_game",
        "show one game of a log as a web page",
        """\
Writes one game of a log as a single HTML page that needs no other file: the
sketch, the candidates in the receiver's order, the target and the guess. The page
does not show what the sender saw, if that was not the target itself but another photo
of its class (in "different" games and half of the "mixed" ones).""",
        options.add_render_game_options,
        loads_torch=False,
    ),
    "render-sketches-seeds": Tool(
        "analysis.official.render_sketches_seeds:render_sketches_seeds",
        "average the sketches of the same targets over several logs",
        """\
Averages all sketches of every target that all logs have, and writes the averages as
one picture, ten per row. With logs of runs that differ only in their seeds, the
picture shows what all agents draw alike. Targets are the same if their files have
the same name, so the logs must have the same pictures at the same size.""",
        options.add_average_options,
    ),
    "dump-hashes-classes": Tool(
        "analysis.official.dump_hashes_classes:dump_hashes_classes",
        "list every test picture's name in game logs and its class",
        """\
Prints one line of CSV, md5,class, per test picture of a data set, in the order of
the data set; md5 is the picture's name in game logs. Give the same --dataset,
--image-size and other data set options as for the run. Nothing else goes to
standard output, so the output can be redirected to a file.""",
        options.add_dump_options,
        takes_dataset=True,
    ),
    "clip-analysis": Tool(
        "analysis.official.clip_analysis:clip_analysis",
        "classify the sketches, targets and guesses of a log with CLIP",
        """\
Classifies every sketch, target and guessed picture of a game log with CLIP (Radford
et al. 2021): which class it shows, and whether it is a photo or a drawing. CLIP
chooses the closest of the sentences "a photo of a cat.", "a drawing of a cat.", ...
Reads the log and a list of true classes, made with
  python commgame.py dump-hashes-classes --name --dataset ... --output true.csv
and writes clip-analysis.json, one entry per game. Needs the package open_clip_torch.""",
        options.add_clip_options,
    ),
    "analyse-logs": Tool(
        "analysis.official.analyse_logs:analyse_logs",
        "print the communication rate, and how often CLIP sees the intended class",
        """\
Prints in how many games of a log the receiver was right (commrate). With the file
that clip-analysis writes, also prints in how many games
    CLIP sees the true class in the sketch, the target (correct) or the guess
    CLIP sees the same class in the sketch and the target, or in the sketch and
    the guess (..._and_true: and this is the true class)
    CLIP takes the sketch for a drawing, or the target or the guess for a photo""",
        options.add_analyse_options,
        loads_torch=False,
    ),
}

TOOLS: dict[str, Tool] = PEOPLE | EXPERIMENTS | READING | COMPONENTS | SCRIPTS
