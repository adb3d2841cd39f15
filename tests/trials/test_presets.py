"""Presets: which value wins, where it says it is from, and files that will not do."""

import json
import re
import shlex
from pathlib import Path

import pytest

from learning_to_draw import commgame
from learning_to_draw.errors import UsageError
from learning_to_draw.experiments.rows import Row
from learning_to_draw.reading import read_toml
from learning_to_draw.trials.components_list import list_components
from learning_to_draw.trials.config.config_file import as_json
from learning_to_draw.trials.config.configure import COMMAND_LINE, PYTHON, as_command, configure
from learning_to_draw.trials.config.parse import parse, parse_training
from learning_to_draw.trials.config.presets import FOLDER, preset_names, read_preset

# As `reproduce --quick` had it before it was a preset: begun tables go on.
QUICK = (
    "--dataset Caltech101 --encoder SqueezeNetBackbone --imagenet-weights --freeze-backbone --imagenet-norm --invert "
    "--sigma2 2e-3 --stroke-spread 1 --nlines 20 --latent-size 128 --decoder-hidden 256 --rx-hidden 256 "
    "--rx-latent-size 128 --data-seed 0 --batch-size 50 --loss HingeLoss --learning-rate '0.0003*0.3@[800]B' --epochs 1"
)
# As the README's command for its row of 96 px had it.
TOP = (
    "--dataset Caltech101 --encoder SqueezeNetBackbone --imagenet-weights --imagenet-norm --freeze-backbone --invert "
    "--nlines 20 --sigma2 1e-3 --stroke-spread 1 --latent-size 128 --decoder-hidden 256 --rx-hidden 256 "
    "--rx-latent-size 128 --batch-size 50 --learning-rate '0.0003*0.3@[3,4]' --epochs 5 --sort-of-perceptual-loss "
    "--image-size 96"
)
# As the pairs of docs/legibility.md were trained.
READABLE = (
    "--dataset Caltech101 --encoder SqueezeNetBackbone --imagenet-weights --imagenet-norm --freeze-backbone --invert "
    "--feature-layer fire5 --decoder LocalLineDecoder --stroke-grid 16 --decoder-hidden 64 --sigma2 3e-4 --edge-loss "
    "--edge-coef 4 --latent-size 128 --rx-hidden 256 --rx-latent-size 128 --batch-size 50 --image-size 96 "
    "--learning-rate '0.0005*0.3@[850]B' --decoder-lr-factor 2 --epochs 1"
)

PAGE = (Path(__file__).parents[2] / "docs" / "presets.md").read_text()


@pytest.fixture
def own(tmp_path, monkeypatch):
    """own(text) -> my.toml, a file with this text in the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(text):
        Path("my.toml").write_text(text)
        return "my.toml"

    return write


def values(config):
    return {name: repr(value) for name, value in config.values().items() if name != "preset"}


@pytest.mark.parametrize(("name", "line"), [("quick", QUICK), ("caltech101-96px", TOP), ("readable", READABLE)])
def test_presets_are_the_commands_that_were_measured(name, line):
    assert values(parse("train", ["--preset", name])) == values(parse("train", shlex.split(line)))


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_valid_complete_and_listed(name):
    options = read_toml(FOLDER / f"{name}.toml", dict)["options"]
    Row(name, name, {"preset": name}).check()
    config = configure("train", preset=name)
    for option, value in options.items():
        assert config.values()[option] == (tuple(value) if isinstance(value, list) else value)  # none is dropped
        assert config.sources[option] == f"preset {name}"
    preset = read_preset(name)
    listed = " ".join(list_components(None).split())
    for text in (name, preset.description, preset.time, preset.rate):
        assert text
        assert text in listed


def test_the_page_has_all_presets_and_its_file_is_one(own):
    listed = re.findall(r"^\| `([\w-]+)` \|", PAGE, re.MULTILINE)
    assert listed[:3] == ["photos", "quick", "caltech101-96px"]
    assert sorted(listed) == preset_names()
    [text] = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert configure("train", preset=own(text)).agents.decoder.config.nlines == 40


def test_precedence_and_sources(own, tmp_path):
    options = {"nlines": 5, "latent_size": 32, "epochs": 7, "object_oriented": "mixed"}
    own("[options]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items()))
    (tmp_path / "config.json").write_text(json.dumps({"options": options}))
    for words, source in (
        (["--preset", "my.toml"], "preset my.toml"),
        (["--config", "config.json"], "--config config.json"),
    ):
        config = parse_training([*words, "--epochs", "9"])
        expected = {
            "epochs": (9, COMMAND_LINE),
            "latent_size": (32, source),
            "nlines": (5, source),  # 8 by Digits
            "object_oriented": ("mixed", source),
            "rx_hidden": (256, "data set Digits"),
            "weight_decay": (0.0, "default"),
        }
        assert {name: (config.values()[name], config.sources[name]) for name in expected} == expected
    in_python = configure("train", preset="my.toml", epochs=9)
    assert (in_python.epochs, in_python.sources["epochs"]) == (9, PYTHON)
    assert in_python.agents.decoder.config.nlines == 5
    again = parse("train", as_command(in_python)[3:])
    assert again.values() == in_python.values()


def test_a_file_of_options_is_not_given_with_a_preset(own, tmp_path, capsys):
    """The file would override all of the preset, and the record would name a preset that was not used."""
    name = own("[options]\nnlines = 5\n")
    (tmp_path / "config.json").write_text(as_json(parse_training(["--nlines", "3"])))
    assert commgame.main(["train", "--config", "config.json", f"--pres={name}", "--output", "run"]) == 2
    error = capsys.readouterr().err
    assert "--config config.json and --preset my.toml cannot be combined" in error
    assert len(error.splitlines()) <= 3
    assert not Path("run").exists()


def test_the_original_game_may_be_called_so_in_a_preset(own):
    assert parse("train", ["--preset", own('[options]\ngame = "original"\n')]).plays_original


def test_help_has_the_values_of_the_preset(own, capsys):
    name = own('[options]\nencoder = "SqueezeNetBackbone"\nnlines = 17\n')
    for words in (["--preset", name, "--help-all"], [f"--pres={name}", "--help-all"]):
        with pytest.raises(SystemExit):
            commgame.main(["train", *words])
        text = " ".join(capsys.readouterr().out.split())
        assert "(default: 17, from preset my.toml)" in text
        assert "encoder SqueezeNetBackbone:" in text


def test_a_preset_chooses_components_and_others_lack_its_options(own):
    name = own(
        '[options]\nencoder = "SqueezeNetBackbone"\nfeature_layer = "fire5"\nfreeze_backbone = true\nlatent_size = 16\n'
        'decoder = "SinglePassCRSDecoder"\nnpoints = 5\n'
    )
    config = parse("train", ["--preset", name])
    assert config.agents.encoder.config.feature_layer == "fire5"
    assert config.agents.decoder.config.npoints == 5
    small = parse(
        "train", ["--preset", name, "--encoder", "SmallCNNEncoder", "--decoder", "SinglePassSimpleLineDecoder"]
    )
    assert small.agents.encoder.config.latent_size == 16
    assert not {"feature_layer", "freeze_backbone", "npoints"} & small.values().keys()
    with pytest.raises(UsageError, match="--feature-layer belongs to"):  # on the command line it is an error
        parse("train", ["--preset", name, "--encoder", "SmallCNNEncoder", "--feature-layer", "fire5"])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "fotos",
            "there is no preset 'fotos'.\nDid you mean photos? Choose one of caltech101-96px, ",
        ),
        ("slow.ini", "there is no preset 'slow.ini'.\nChoose one of"),
        ("", "there is no preset ''"),
        ("nowhere.toml", "nowhere.toml cannot be read: No such file"),
    ],
)
def test_a_preset_that_does_not_exist(name, told, own):
    for call in (lambda: parse("train", [f"--preset={name}"]), lambda: configure("train", preset=name)):
        with pytest.raises(UsageError) as error:
            call()
        assert told in str(error.value)
        assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[options]\nnlinez = 3", "--preset my.toml sets nlinez, but train has no such option.\nDid you mean nlines?"),
        ("[options]\nweights = 'a.pt'", "--preset my.toml sets weights, but train has no such option."),
        (
            "[options]\noutput = 'a'",
            "--preset my.toml sets output, but a preset cannot set this option.\nGive --output on the command line.",
        ),
        (
            "[options]\nplugin = 'a.py'",
            "--preset my.toml sets plugin, but a preset cannot set this option.\nGive --plugin on the command line.",
        ),
        ("[options]\npreset = 'quick'", "--preset my.toml sets preset, but a preset cannot set this option."),
        (
            "[options]\nnlines = 'many'",
            "preset my.toml has nlines = 'many': 'many' is not a whole number from 1 to",
        ),
        ("[options]\nnlines = true", "preset my.toml has nlines = True: "),
        ("[options]\nsigma2 = nan", "preset my.toml has sigma2 = nan: "),
        ("[options]\ninvert = 'yes'", "preset my.toml has invert = 'yes': 'yes' is neither True nor False.\n"),
        (
            "[options]\nlearning_rate = [0.001]",
            "has learning_rate = [0.001]: [0.001] is not a single value.\nlearning_rate: Adam's",
        ),
        (
            "[options]\ngame = 'same'\nobject_oriented = 'same'",
            "--preset my.toml: object_oriented is given twice, under two names.\n",
        ),
        ("[options]\nencoder = 'Big'", "there is no encoder Big.\nChoose one of VGG16"),
        (
            "[options]\ndataset = ['Digits']",
            "there is no dataset ['Digits'].\nDid you mean Digits? Choose one of Digits",
        ),
        ("nlines = 3\n[options]", "it has 'nlines' outside [options].\nA preset has options such as"),
        ("nlines = 3", "my.toml cannot be read: "),
        ("[options]\nnlines = 2024-01-01", "my.toml cannot be read: "),
        ("[options", "my.toml cannot be read: "),
        ("description = 3\n[options]", "my.toml cannot be read: "),
    ],
)
def test_a_file_that_will_not_do(text, told, own, capsys):
    assert commgame.main(["train", "--preset", own(text), "--output", "run"]) == 2
    error = capsys.readouterr().err.replace("\n       ", "\n")
    assert told in error
    assert len(error.splitlines()) <= 3
    assert not Path("run").exists()


def test_a_preset_is_for_training(capsys):
    assert commgame.main(["test", "--weights", "a.pt", "--preset", "quick"]) == 2
    with pytest.raises(UsageError, match="--preset belongs to the command 'train', not to 'test'"):
        parse("test", ["--weights", "a.pt", "--preset", "quick"])


def test_a_printed_configuration_does_not_need_the_preset(own, tmp_path):
    config = parse_training(["--preset", own("[options]\nnlines = 5\n")])
    (tmp_path / "config.json").write_text(as_json(config))
    Path("my.toml").unlink()
    again = parse_training(["--config", "config.json"])
    assert again.preset is None
    own_options = ("config", "preset", "dataset_root")
    assert {k: v for k, v in again.values().items() if k not in own_options} == {
        k: v for k, v in config.values().items() if k not in own_options
    }


def test_options_may_be_written_as_on_the_command_line_and_numbers_without_quotes(own):
    config = configure("train", preset=own("[options]\nlearning-rate = 0.0003\nbatch-size = 16\ngame = 'same'\n"))
    assert (config.learning_rate, config.game.config.batch_size, config.game.name) == ("0.0003", 16, "same")


def test_a_run_with_a_preset_is_tested_repeated_and_resumed(own, capsys):
    """Digits has 180 validation pictures, fewer than the preset's batch: it shrinks, once and for all."""
    name = own('time = "soon"\n[options]\nbatch_size = 500\nnlines = 3\nepochs = 1\ndecoder_hidden2 = 16\n')

    def call(*words):
        code = commgame.main([*words, "--device", "cpu"])
        return code, *capsys.readouterr()

    def read(run, file):
        return json.loads(Path(run, file).read_text())

    code, out, err = call("train", "--preset", name, "--output", "run", "--seed", "5")
    assert code == 0, err
    assert "batch size     180 instead of 500: the valid split has 180 pictures\n" in out
    assert "\npreset my.toml --decoder-hidden2 16" in out
    saved = read("run", "config.json")
    assert (saved["options"]["batch_size"], saved["sources"]["batch_size"]) == (180, "shrunk to the valid split")
    assert (saved["options"]["preset"], saved["sources"]["nlines"]) == ("my.toml", "preset my.toml")
    result = read("run", "result.json")
    assert result["seed"] == 5
    expected = {"batch_size": 180, "nlines": 3, "epochs": 1, "decoder_hidden2": 16, "preset": "my.toml", "seed": 5}
    assert result["options"].items() >= {**expected, "encoder": "TinyCNNEncoder", "device": "cpu"}.items()
    assert not {"output", "weight_decay", "dataset", "dry_run", "resume"} & result["options"].keys()

    assert call("train", "--preset", name, "--output", "run", "--resume", "auto")[0] == 0  # it is complete
    code, out, err = call("train", "--resume", "run", "--epochs", "2")
    assert code == 0, err
    assert read("run", "result.json")["options"] == {**result["options"], "epochs": 2}
    own("[options]\nbatch_size = 500\nnlines = 4\nepochs = 1\n")
    code, out, err = call("train", "--preset", name, "--resume", "run", "--epochs", "3")
    assert code == 2
    assert "the run was started with --nlines 3, but this command has --nlines 4" in err
    Path(name).unlink()

    assert call("train", "--config", "run/config.json", "--output", "again", "--seed", "5")[0] == 0
    first = [Path(run, "log.csv").read_text().splitlines()[1] for run in ("run", "again")]
    assert first[0] == first[1]
    assert call("test", "--weights", "run/model_final.pt", "--output", "tested", "--num-reconstructions", "3")[0] == 0
    tested = read("tested", "result.json")
    assert tested["candidates"] == 180
    assert tested["seed"] == 5
    assert tested["options"] == {**result["options"], "epochs": 2, "num_reconstructions": 3}
    own_options = ("--batch-size", "90", "--data-seed", "7", "--deterministic")
    code, _, err = call("test", "--weights", "run/model_final.pt", "--output", "other", *own_options)
    assert code == 0, err
    other = read("other", "result.json")["options"]  # the training's, but for the game that was played
    assert other == {**result["options"], "epochs": 2, "batch_size": 90}
