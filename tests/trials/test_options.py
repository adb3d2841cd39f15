"""The command line: the paper's commands, where values come from, and what is said of calls that make no sense."""

import inspect
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from learning_to_draw.components import keyword_arguments
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.config.resolve import (
    COMMAND_LINE,
    as_json,
    given_value,
    resolve,
    resolve_training,
)
from learning_to_draw.trials.config.tables import PART_TABLES
from learning_to_draw.trials.config.unknown import check_names

COMMON = (
    "--dataset-root ./data --freeze-vgg --imagenet-norm --invert --feature-layer relu5_3 --sigma2 5e-4 --nlines 20 "
    "--data-seed 0 --batch-size 100 --loss HingeLoss"
)
PERCEPTUAL = "--sort-of-perceptual-loss"
STL10 = "--dataset STL10 --imagenet-weights"
UNIT_VECTORS = [" ".join("1" if i == j else "0" for j in range(5)) for i in range(5)]
PAPER = [
    *(
        f"{STL10} {game} {loss}"
        for game in ("", "--object-oriented same", "--object-oriented different")
        for loss in ("", PERCEPTUAL)
    ),
    *(
        f"{STL10} {game} {PERCEPTUAL} --sop-weights {weights}"
        for game in ("", "--object-oriented different")
        for weights in UNIT_VECTORS
    ),
    "--dataset Caltech101 --imagenet-weights --object-oriented different --sort-of-perceptual-loss --latent-size 1024 "
    "--rx-hidden 1024 --decoder-hidden 1024 --decoder-hidden2 1024 --weight-decay 0.0001",
    "--dataset CelebA --sin-weights --sort-of-perceptual-loss --image-size 112",
]
README_EXAMPLE = (
    "--dataset STL10 --output out --imagenet-weights --freeze-vgg --imagenet-norm --invert --sigma2 5e-4 --nlines 20 "
    "--batch-size 100 --learning-rate 0.0001 --epochs 250"
)


def words(text):
    return text.split()


@pytest.mark.parametrize("command", PAPER)
def test_the_papers_training_commands(command):
    arguments = words(f"{COMMON} {command} --learning-rate 0.0001 --epochs 250 --output out")
    check_names("train", arguments)
    options = resolve("train", arguments)
    assert options.freeze_backbone
    assert options.imagenet_norm
    assert options.invert
    assert (options.sigma2, options.nlines, options.batch_size, options.data_seed) == (5e-4, 20, 100, 0)
    assert (options.epochs, options.learning_rate, options.encoder) == (250, "0.0001", "VGG16BackboneExtended")
    assert options.sort_of_perceptual_loss == (PERCEPTUAL in command)
    assert options.object_oriented == (words(command.split("oriented ")[1])[0] if "oriented" in command else "none")


@pytest.mark.parametrize("command", [part for part in PAPER if "weight-decay" not in part])
def test_the_papers_eval_commands(command):
    arguments = words(f"{COMMON} {command} --weights OUTPUT/model_final.pt --output out")
    check_names("test", arguments)
    assert resolve("test", arguments).weights == "OUTPUT/model_final.pt"


def test_every_command_of_commands_md_is_understood():
    text = (Path(__file__).parents[2] / "commands.md").read_text()
    commands = [shlex.split(line)[2:] for line in text.splitlines() if line.startswith("python commgame.py")]
    assert len(commands) >= 2 * len(PAPER)
    played = set()
    for command, *arguments in commands:
        name = {"train": "train", "eval": "test"}[command]
        check_names(name, arguments)
        options = resolve(name, arguments)
        if name == "train":
            played.add(tuple((key, str(value)) for key, value in options.values.items() if key != "output"))
        else:  # the checkpoint that the command above it wrote
            assert options.weights == str(Path(options.output.removesuffix("-test"), "model_final.pt"))
    expected = (resolve("train", words(f"{COMMON} {part} --learning-rate 0.0001 --epochs 250")) for part in PAPER)
    wanted = [
        tuple((key, str(value)) for key, value in options.values.items() if key != "output") for options in expected
    ]
    assert played >= set(wanted)


def test_one_layers_weights_are_read():
    options = resolve("train", words(f"{COMMON} {STL10} {PERCEPTUAL} --sop-weights 0 0 1 0 0 --output out"))
    assert options.sop_weights == [0, 0, 1, 0, 0]


def test_the_official_readmes_example_means_the_same():
    options = resolve("train", words(README_EXAMPLE))
    assert (options.feature_layer, options.loss, options.latent_size) == ("relu3_3", "HingeLoss", 64)
    assert str(options.dataset_root) == "data"
    assert (options.data_seed, options.image_size, options.decoder) == (1234, 96, "SinglePassSimpleLineDecoder")


def test_sources_of_values():
    options = resolve("train", words("--nlines 7"))
    assert options.dataset == "Digits"
    assert options.sources["nlines"] == COMMAND_LINE
    assert options.sources["encoder"] == "data set Digits"
    assert options.encoder == "SmallCNNEncoder"
    assert options.sources["weight_decay"] == "default"
    assert options.values.keys() == options.sources.keys()


def test_a_data_sets_defaults_are_its_own():
    assert resolve("train", words("--dataset STL10")).encoder == "VGG16BackboneExtended"
    assert resolve("train", words("--encoder SimpleMLPEncoder")).encoder_hidden == 64


def test_a_checkpoints_options_hold_unless_overridden():
    saved = {"dataset": "Caltech101", "encoder": "SqueezeNetBackbone", "feature_layer": "fire5", "nlines": 33}
    saved |= {"invert": True, "epochs": 99, "image_size": 48}
    options = resolve("test", words("--weights w.pt --no-invert --image-size 80"), saved, "w.pt")
    assert (options.dataset, options.encoder, options.feature_layer) == ("Caltech101", "SqueezeNetBackbone", "fire5")
    assert (options.nlines, options.image_size, options.invert) == (33, 80, False)
    assert (options.sources["nlines"], options.sources["image_size"]) == ("w.pt", COMMAND_LINE)
    assert "epochs" not in options.values  # training's alone


def test_a_checkpoint_with_parts_of_another_program_is_refused():
    with pytest.raises(UsageError, match=r"the encoder MyEncoder is not known here\.\nKnown: VGG16"):
        resolve("test", words("--weights w.pt"), {"encoder": "MyEncoder"}, "w.pt")


def test_a_checkpoint_goes_before_its_data_sets_defaults():
    options = resolve("test", words("--weights w.pt"), {"dataset": "Digits", "encoder": "SimpleMLPEncoder"}, "w.pt")
    assert options.encoder == "SimpleMLPEncoder"


def test_old_names_and_abbreviations():
    options = resolve("train", words("--init-sigma2 0.3 --ep 3 --encoder SqueezeNetBackbone --freeze-backbone"))
    assert (options.sigma2, options.epochs, options.freeze_backbone) == (0.3, 3, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--nlinez 3", "there is no option --nlinez.\nDid you mean --nlines?"),
        ("--encoder-hidden 3", "--encoder-hidden belongs to the encoder SimpleMLPEncoder, but this run has SmallCNN"),
        ("--feature-layer relu1_2", "belongs to the encoder VGG16BackboneExtended, SqueezeNetBackbone, but"),
        ("--dataset-root x", "belongs to the dataset STL10, MNIST, KMNIST, ScaledMNIST, CIFAR10 and 10 others, but"),
        ("--weights x", "--weights belongs to the command 'test', not to 'train'"),
        ("stray", "'stray' is not an option"),
        ("--encoder Foo", "invalid choice: 'Foo'"),
        ("--nlines many", "'many' is not a whole number, 1 or more"),
        ("--nlines 0", "'0' is not a whole number, 1 or more"),
        ("--sigma2 nan", "'nan' is not a number above 0"),
        ("--data-seed -1", "expected one argument|whole number from 0"),
        ("--data-seed 18446744073709551616", "is not a whole number from 0 to 4294967295"),
        ("--weight-decay 1e39", "is not a number, 0 or more"),
        ("--enc SqueezeNetBackbone --feature-layer fire9", "SqueezeNetBackbone was chosen by a short form"),
        ("--sigma2 -1", "expected one argument|'-1' is not a number above 0"),
        ("--epochs", "expected one argument"),
        ("--e 3", "ambiguous option"),
        ("--enc SimpleMLPEncoder", "SimpleMLPEncoder was chosen by a short form: write --encoder in full"),
        ("--encoder SqueezeNetBackbone --feature-layer relu5_3", "invalid choice: 'relu5_3'"),
    ],
)
def test_calls_that_cannot_be_understood(arguments, told):
    def parse():
        check_names("train", words(arguments))
        resolve("train", words(arguments))

    with pytest.raises(UsageError, match=told) as error:
        parse()
    assert len(str(error.value).splitlines()) <= 5


def test_test_needs_weights():
    assert given_value("weights", []) is None
    assert given_value("weights", ["--weights=a.pt", "--nlines", "3"]) == "a.pt"
    with pytest.raises(UsageError, match="required: --weights"):
        resolve("test", [])


def test_help_explains_every_option_with_its_default_and_source(capsys):
    with pytest.raises(SystemExit) as left:
        resolve("train", ["--help"])
    assert left.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for part in ("the game:", "the agents:", "dataset Digits:", "encoder SmallCNNEncoder:", "training:"):
        assert part in text
    assert "(default: SmallCNNEncoder, from data set Digits)" in text
    assert "(default: 0.01)" in text
    assert "SUPPRESS" not in text
    assert "%(default)s" not in text


def test_every_option_of_every_part_is_an_argument_of_its_class_with_the_same_default():
    parts = [part for table in PART_TABLES.values() for part in table.values()]
    for part in parts:
        parameters = keyword_arguments(part.load())
        for action in part.option_actions():
            assert action.dest in parameters, (part.cls, action.dest)
            default = parameters[action.dest].default
            if default is not inspect.Parameter.empty:
                wanted = type(action.default)(default) if isinstance(action.default, Path | list) else default
                assert wanted == action.default, (part.cls, action.dest)


def test_parsing_loads_no_torch():
    program = (
        "import sys; from learning_to_draw.trials.config.resolve import resolve;"
        "from learning_to_draw.trials.config.unknown import check_names;"
        "check_names('train', ['--nlines', '3']); resolve('train', []);"
        "assert 'torch' not in sys.modules and 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


def test_a_printed_configuration_is_the_same_run_again(tmp_path):
    arguments = ["--dataset", "STL10", "--nlines", "7", "--sop-weights", "1", "0", "0", "0", "1", "--invert"]
    arguments += ["--sort-of-perceptual-loss", "--feature-layer", "relu5_3", "--output", "somewhere"]
    options = resolve("train", arguments)
    (tmp_path / "config.json").write_text(as_json(options))
    again = resolve_training(["--config", str(tmp_path / "config.json")])
    own = ("output", "config", "dataset_root")
    assert {k: v for k, v in again.values.items() if k not in own} == {
        k: v for k, v in options.values.items() if k not in own
    }
    assert str(again.dataset_root) == str(options.dataset_root)
    assert again.output is None
    assert again.sources["nlines"] == "config.json"
    other = resolve_training(["--config", str(tmp_path / "config.json"), "--nlines", "3", "--no-invert"])
    assert (other.nlines, other.invert, other.feature_layer) == (3, False, "relu5_3")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"options": 3}', "cannot be read"),
        ('{"command": "test", "options": {}}', "it is not the configuration of a training"),
        ('{"options": {"nlimes": 3}}', "has 'nlimes', which is not an option"),
        ('{"options": {"nlines": "many"}}', "holds 'many' for --nlines"),
        ('{"options": {"dataset": "Moon"}}', "the dataset Moon is not known"),
    ],
)
def test_a_configuration_that_will_not_do(text, told, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UsageError, match=told):
        resolve_training(["--config", str(tmp_path / "config.json")])
    with pytest.raises(UsageError, match="No such file"):
        resolve_training(["--config", str(tmp_path / "gone.json")])
