"""Options as words and in Python: the paper's commands, where values come from, and calls that make no sense."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from learning_to_draw.components import flag_of
from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses import AUXILIARY_LOSSES
from learning_to_draw.trials.config.config_file import as_json
from learning_to_draw.trials.config.configure import COMMAND_LINE, PYTHON, as_command, configure
from learning_to_draw.trials.config.parse import parse, parse_training, read_early
from learning_to_draw.trials.config.run import KINDS, SpeedConfig

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
    config = parse("train", arguments)
    agents, drawing = config.agents, config.agents.decoder.config
    assert agents.encoder.config.freeze_backbone
    assert agents.imagenet_norm
    assert agents.invert
    assert (drawing.sigma2, drawing.nlines, config.game.config.batch_size, config.data_seed) == (5e-4, 20, 100, 0)
    assert (config.epochs, config.learning_rate, agents.encoder.name) == (250, "0.0001", "VGG16BackboneExtended")
    assert config.auxiliary["perceptual"].on == (PERCEPTUAL in command)
    assert config.game.name == (words(command.split("oriented ")[1])[0] if "oriented" in command else "none")


@pytest.mark.parametrize("command", [part for part in PAPER if "weight-decay" not in part])
def test_the_papers_eval_commands(command):
    arguments = words(f"{COMMON} {command} --weights OUTPUT/model_final.pt --output out")
    assert parse("test", arguments).weights == "OUTPUT/model_final.pt"


def test_every_command_of_commands_md_is_understood():
    text = (Path(__file__).parents[2] / "commands.md").read_text()
    commands = [shlex.split(line)[2:] for line in text.splitlines() if line.startswith("python commgame.py")]
    assert len(commands) >= 2 * len(PAPER)
    played = set()
    for command, *arguments in commands:
        name = {"train": "train", "eval": "test"}[command]
        config = parse(name, arguments)
        if name == "train":
            played.add(tuple((key, str(value)) for key, value in config.values().items() if key != "output"))
        else:  # the checkpoint that the command above it wrote
            assert config.weights == str(Path(config.output.removesuffix("-test"), "model_final.pt"))
    expected = (parse("train", words(f"{COMMON} {part} --learning-rate 0.0001 --epochs 250")) for part in PAPER)
    wanted = [
        tuple((key, str(value)) for key, value in config.values().items() if key != "output") for config in expected
    ]
    assert played >= set(wanted)


def test_one_layers_weights_are_read():
    config = parse("train", words(f"{COMMON} {STL10} {PERCEPTUAL} --sop-weights 0 0 1 0 0 --output out"))
    assert config.auxiliary["perceptual"].config.sop_weights == (0, 0, 1, 0, 0)


def test_the_official_readmes_example_means_the_same():
    config = parse("train", words(README_EXAMPLE))
    encoder = config.agents.encoder.config
    assert (encoder.feature_layer, config.loss.name, encoder.latent_size) == ("relu3_3", "HingeLoss", 64)
    assert str(config.dataset.config.dataset_root) == "data"
    assert (config.data_seed, config.dataset.config.image_size) == (1234, 96)
    assert config.agents.decoder.name == "SinglePassSimpleLineDecoder"


def test_sources_of_values():
    config = parse("train", words("--nlines 7"))
    assert config.dataset.name == "Digits"
    assert config.sources["nlines"] == COMMAND_LINE
    assert config.sources["encoder"] == "data set Digits"
    assert config.agents.encoder.name == "TinyCNNEncoder"
    assert config.sources["weight_decay"] == "default"
    assert config.values().keys() == config.sources.keys()


def test_a_data_sets_defaults_are_its_own():
    assert parse("train", words("--dataset STL10")).agents.encoder.name == "VGG16BackboneExtended"
    assert parse("train", words("--encoder SimpleMLPEncoder")).agents.encoder.config.encoder_hidden == 64


def test_a_checkpoints_options_hold_unless_overridden():
    saved = {"dataset": "Caltech101", "encoder": "SqueezeNetBackbone", "feature_layer": "fire5", "nlines": 33}
    saved |= {"invert": True, "epochs": 99, "image_size": 48}
    config = parse("test", words("--weights w.pt --no-invert --image-size 80"), saved, "w.pt")
    assert (config.dataset.name, config.agents.encoder.name) == ("Caltech101", "SqueezeNetBackbone")
    assert config.agents.encoder.config.feature_layer == "fire5"
    assert (config.agents.decoder.config.nlines, config.dataset.config.image_size) == (33, 80)
    assert config.agents.invert is False
    assert (config.sources["nlines"], config.sources["image_size"]) == ("w.pt", COMMAND_LINE)
    assert "epochs" not in config.values()  # training's alone


def test_a_checkpoint_with_parts_of_another_program_is_refused():
    with pytest.raises(UsageError, match=r"there is no encoder MyEncoder\.\nChoose one of VGG16"):
        parse("test", words("--weights w.pt"), {"encoder": "MyEncoder"}, "w.pt")


def test_a_checkpoint_goes_before_its_data_sets_defaults():
    config = parse("test", words("--weights w.pt"), {"dataset": "Digits", "encoder": "SimpleMLPEncoder"}, "w.pt")
    assert config.agents.encoder.name == "SimpleMLPEncoder"


def test_old_names_and_abbreviations():
    config = parse("train", words("--init-sigma2 0.3 --ep 3 --encoder SqueezeNetBackbone --freeze-backbone"))
    assert (config.agents.decoder.config.sigma2, config.epochs) == (0.3, 3)
    assert config.agents.encoder.config.freeze_backbone is True


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--nlinez 3", "there is no option --nlinez.\nDid you mean --nlines?"),
        ("--encoder-hidden 3", "--encoder-hidden belongs to the encoder SimpleMLPEncoder, but this run has TinyCNN"),
        ("--feature-layer relu1_2", "belongs to the encoder VGG16BackboneExtended, SqueezeNetBackbone, but"),
        ("--dataset-root x", "belongs to the dataset STL10, MNIST, KMNIST, ScaledMNIST, CIFAR10 and 10 others, but"),
        ("--weights x", "--weights belongs to the command 'test', not to 'train'"),
        ("stray", "'stray' is not an option"),
        ("--encoder Foo", r"invalid choice: 'Foo'\.\nChoose from VGG16"),
        ("--encoder squeezenet", r"invalid choice: 'squeezenet'\.\nDid you mean SqueezeNetBackbone\?"),
        ("--dataset Caltech", r"invalid choice: 'Caltech'\.\nDid you mean Caltech101\?"),
        ("--nlines many", "'many' is not a whole number from 1 to"),
        ("--nlines 0", "'0' is not a whole number from 1 to"),
        ("--sigma2 nan", "'nan' is not a number above 0"),
        ("--data-seed -1", "expected one argument|whole number from 0"),
        ("--data-seed 18446744073709551616", "is not a whole number from 0 to 4294967295"),
        ("--weight-decay 1e39", "is not a number from 0 to 1e30"),
        ("--enc SqueezeNetBackbone --feature-layer fire9", "SqueezeNetBackbone was chosen with an abbreviated option"),
        ("--sigma2 -1", "expected one argument|'-1' is not a number above 0"),
        ("--epochs", "expected one argument"),
        ("--e 3", "ambiguous option"),
        ("--enc SimpleMLPEncoder", r"SimpleMLPEncoder was chosen with an abbreviated option.\nWrite --encoder in full"),
        ("--encoder SqueezeNetBackbone --feature-layer relu5_3", "invalid choice: 'relu5_3'"),
    ],
)
def test_calls_that_cannot_be_understood(arguments, told):
    with pytest.raises(UsageError, match=told) as error:
        parse("train", words(arguments))
    assert len(str(error.value).splitlines()) <= 5


def test_test_needs_weights():
    assert "weights" not in read_early([])
    assert read_early(["--weights=a.pt", "--nlines", "3"])["weights"] == "a.pt"
    with pytest.raises(UsageError, match="required: --weights"):
        parse("test", [])


def help_page(capsys, command, *words):
    with pytest.raises(SystemExit) as left:
        parse(command, list(words))
    assert left.value.code == 0
    return capsys.readouterr().out


def words_of(page):
    """The options that a help page shows, without their other names."""
    return [line.split()[0].rstrip(",") for line in page.splitlines() if line.startswith("  --")]


def test_all_options_are_explained_with_default_and_source(capsys):
    page = help_page(capsys, "train", "--help-all")
    assert len(words_of(page)) == len(set(words_of(page)))
    assert {*words_of(page), "--help"} == {flag_of(name) for name in parse("train", []).values()} | {
        "--help",
        "--help-all",
    }
    text = " ".join(page.split())
    for part in ("the game:", "the agents:", "dataset Digits:", "encoder TinyCNNEncoder:", "training:"):
        assert part in text
    assert "(default: TinyCNNEncoder, from data set Digits)" in text
    assert "(default: 0.01)" in text
    assert "SUPPRESS" not in text
    assert "%(default)s" not in text


def test_the_help_shows_the_options_that_people_use_and_those_of_the_components_they_name(capsys):
    short = words_of(help_page(capsys, "train", "--help"))
    assert {"--dataset", "--object-oriented", "--nlines", "--epochs", "--output", "--help-all"} <= set(short)
    assert len(short) < 20
    named = words_of(help_page(capsys, "train", "--dataset", "ImageFolder", "--encoder", "SqueezeNetBackbone", "-h"))
    assert {"--dataset-root", "--val-fraction", "--feature-layer", "--freeze-backbone"} <= set(named) - set(short)
    assert "--rx-hidden" not in named


@pytest.mark.parametrize("command", ["test", "crossplay"])
def test_what_matters_only_in_training_is_not_in_the_help_of_a_test_and_accepted(command, capsys):
    given = "--encoder VGG16Backbone --freeze-backbone --freeze-encoders --imagenet-weights --sop-coef 2 --CLIP-loss"
    given += " --like-a-dog-loss --stroke-spread 1 --sigma2-step 3 --weights m.pt" * (command == "test")
    page = help_page(capsys, command, "--encoder", "VGG16Backbone", "--help-all")
    assert {"--encoder", "--nlines", "--sigma2", "--invert", "--reconstruct-loss", "--output"} <= set(words_of(page))
    shown = [word for word in words(given) if word.startswith("--") and word not in ("--encoder", "--weights")]
    assert not set(shown) & set(words_of(page))
    assert parse(command, words(given)).agents.encoder.config.freeze_backbone


def test_a_switch_can_be_turned_off_and_the_help_says_so_once(capsys):
    page = help_page(capsys, "train", "--help-all")
    assert "  --invert " in page
    assert "--no-invert" not in page
    assert parse("train", ["--invert", "--no-invert"]).agents.invert is False


def test_every_configuration_accepts_its_defaults():
    components = [component for kind in KINDS.values() for component in kind.table.values()]
    for config in {SpeedConfig, *(component.config for component in [*components, *AUXILIARY_LOSSES.values()])}:
        config()  # raises UsageError otherwise


def test_parsing_loads_no_torch():
    program = (
        "import sys; from learning_to_draw.trials.config.configure import configure;"
        "from learning_to_draw.trials.config.parse import parse;"
        "parse('train', ['--nlines', '3']); configure('train');"
        "assert 'torch' not in sys.modules and 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


def test_a_configuration_file_means_the_same_in_python(tmp_path):
    (tmp_path / "config.json").write_text(as_json(parse("train", ["--dataset", "STL10", "--nlines", "7"])))
    file = str(tmp_path / "config.json")
    config = configure("train", config=file, epochs=3)
    assert config.values() == parse_training(["--config", file, "--epochs", "3"]).values()
    assert (config.sources["nlines"], config.sources["epochs"]) == ("--config config.json", "Python")
    assert (config.dataset.name, config.agents.decoder.config.nlines, config.epochs) == ("STL10", 7, 3)
    with pytest.raises(UsageError, match=r"missing\.json cannot be read"):
        configure("train", config="missing.json")
    with pytest.raises(UsageError, match="cannot be combined"):
        configure("train", config=tmp_path / "config.json", preset="quick")


def test_a_configuration_shows_the_values_that_are_not_declared_defaults():
    lines = repr(configure("train", nlines=12, output="runs/twelve")).splitlines()
    assert lines[0] == "<TrainConfig"
    assert "  Python: nlines=12, output='runs/twelve'" in (line.rstrip(">") for line in lines)
    assert any(line.startswith("  data set Digits: ") and "encoder='TinyCNNEncoder'" in line for line in lines)
    assert "sigma2_step" not in "".join(lines)


def test_numbers_of_numpy_and_numbers_for_texts_in_python():
    config = configure("train", nlines=np.int64(3), sigma2=np.float32(0.002), learning_rate=0.0007)
    values = [config.values()[name] for name in ("nlines", "sigma2", "learning_rate")]
    assert values == [3, 0.002, "0.0007"]
    assert [type(value) for value in values] == [int, float, str]
    with pytest.raises(UsageError, match="True is of type bool, not str"):
        configure("train", learning_rate=True)


@pytest.mark.parametrize("option", [{"resume": "auto"}, {"print_config": True}])
def test_options_without_effect_in_python_are_refused(option):
    with pytest.raises(UsageError, match="has an effect on the command line only"):
        configure("train", **option)


def test_a_printed_configuration_is_the_same_run_again(tmp_path):
    arguments = ["--dataset", "STL10", "--nlines", "7", "--sop-weights", "1", "0", "0", "0", "1", "--invert"]
    arguments += ["--sort-of-perceptual-loss", "--feature-layer", "relu5_3", "--output", "somewhere"]
    config = parse("train", arguments)
    (tmp_path / "config.json").write_text(as_json(config))
    again = parse_training(["--config", str(tmp_path / "config.json")])
    values, values_again, own = config.values(), again.values(), ("output", "config", "dataset_root")
    assert {k: v for k, v in values_again.items() if k not in own} == {k: v for k, v in values.items() if k not in own}
    assert str(values_again["dataset_root"]) == str(values["dataset_root"])
    assert again.output is None
    assert again.sources["nlines"] == "--config config.json"
    (tmp_path / "windows.json").write_text(as_json(config), encoding="utf-8-sig", newline="\r\n")
    assert parse_training(["--config", str(tmp_path / "windows.json")]).values() == {
        **values_again,
        "config": str(tmp_path / "windows.json"),
    }
    other = parse_training(["--config", str(tmp_path / "config.json"), "--nlines", "3", "--no-invert"])
    assert (other.agents.decoder.config.nlines, other.agents.invert) == (3, False)
    assert other.agents.encoder.config.feature_layer == "relu5_3"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"options": 3}', "cannot be read"),
        ('{"command": "test", "options": {}}', "Invalid enum value 'test'"),
        ('{"options": {"nlimes": 3}}', "has 'nlimes', which is not an option"),
        ('{"options": {"no_invert": true}}', "has 'no_invert', which is not an option"),
        (
            '{"options": {"nlines": "many"}}',
            "--config config.json has nlines = 'many': 'many' is not a whole number from 1 to",
        ),
        ('{"options": {"dataset": "Moon"}}', "there is no dataset Moon"),
    ],
)
def test_a_configuration_that_will_not_do(text, told, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UsageError, match=told):
        parse_training(["--config", str(tmp_path / "config.json")])
    with pytest.raises(UsageError, match="No such file"):
        parse_training(["--config", str(tmp_path / "gone.json")])


def test_a_configuration_may_have_the_names_that_a_preset_may_have(tmp_path):
    (tmp_path / "config.json").write_text('{"options": {"game": "same", "batch-size": 9}}')
    config = parse_training(["--config", str(tmp_path / "config.json")])
    assert (config.game.name, config.game.config.batch_size) == ("same", 9)


IN_PYTHON = [
    ({}, ""),
    (
        {"dataset": "STL10", "dataset_root": Path("x"), "encoder": "SqueezeNetBackbone", "feature_layer": "fire5"},
        "--dataset STL10 --dataset-root x --encoder SqueezeNetBackbone --feature-layer fire5",
    ),
    (
        {"object_oriented": "mixed", "num_targets": 4, "decoder": "SinglePassCRSDecoder", "nlines": 8, "sigma2": 5e-4},
        "--game mixed --num-targets 4 --decoder SinglePassCRSDecoder --nlines 8 --sigma2 5e-4",
    ),
    (
        {"decoder": "RecurrentPolyConnectDecoder", "allow_points": False, "quiet": False, "output": "-new"},
        "--decoder RecurrentPolyConnectDecoder --allow-points false --output=-new",
    ),
    ({"game": "original", "device": "cpu"}, "--game none --device cpu"),
    ({"wandb": True, "encoder": "VGG16Backbone", "sin_weights": False}, "--wandb --encoder VGG16Backbone"),
    ({"encoder": "VGG16Backbone", "sin_weights": True}, "--encoder VGG16Backbone --sin-weights"),
    (
        {"dataset": "QuickDraw", "group": ["cat", "dog"], "invert": True, "augment": False, "device": "cpu"},
        "--dataset QuickDraw --group cat dog --invert --no-augment --device cpu",
    ),
    (
        {"sort_of_perceptual_loss": True, "sop_weights": (1, 0.5), "loss": "CELoss", "precision": "bf16"},
        "--sort-of-perceptual-loss --sop-weights 1 0.5 --loss CELoss --precision bf16",
    ),
    ({"epochs": 3, "learning_rate": "0.1*0.5@[1,2]", "seed": 0}, "--epochs 3 --learning-rate 0.1*0.5@[1,2] --seed 0"),
    ({"sigma2_step": -1, "output": "a b", "dry_run": True}, "--sigma2-step -1 --output=a\\ b --dry-run"),
]


def test_a_component_without_options_of_its_own_may_be_chosen_by_a_short_form():
    config = parse("train", ["--gam", "same", "--los", "CELoss", "--batch", "9"])
    assert (config.game.name, config.loss.name, config.game.config.batch_size) == ("same", "CELoss", 9)


def test_a_short_form_that_fits_no_other_option_chooses_a_component_with_its_options():
    config = parse("train", ["--sender-enc", "SqueezeNetBackbone", "--feature-layer", "fire5"])
    assert config.agents.encoder.config.feature_layer == "fire5"
    with pytest.raises(UsageError, match="SmallCNNEncoder was chosen with an abbreviated option"):
        parse("train", ["--encoder", "SqueezeNetBackbone", "--enc", "SmallCNNEncoder"])


@pytest.mark.parametrize(("options", "line"), IN_PYTHON)
def test_python_gives_what_the_command_line_gives(options, line):
    in_python, typed = configure("train", **options), parse("train", shlex.split(line))
    assert in_python.values() == typed.values()
    given = {"object_oriented" if name == "game" else name for name in options}
    assert {name for name, source in in_python.sources.items() if source == PYTHON} == given
    for name, source in typed.sources.items():  # a switch cannot be given as off where it has no --no-...
        assert in_python.sources[name].replace(PYTHON, COMMAND_LINE) == source or options[name] is False


@pytest.mark.parametrize("options", [options for options, _ in IN_PYTHON])
def test_the_command_of_a_run_in_python_is_the_same_run(options):
    config = configure("train", **options)
    command = as_command(config)
    assert command[:3] == ["python", "commgame.py", "train"]
    assert parse("train", command[3:]).values() == config.values()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"nlinez": 3}, "there is no option --nlinez.\nDid you mean --nlines?"),
        ({"feature_layer": "fire5"}, "--feature-layer belongs to the encoder VGG16.* but this run has TinyCNNEncoder"),
        ({"dataset_root": "x"}, "--dataset-root belongs to the dataset STL10, .* but this run has Digits"),
        ({"weights": "m.pt"}, "--weights belongs to the command 'test', not to 'train'"),
        ({"encoder": "Foo"}, "there is no encoder Foo.\nChoose one of VGG16"),
        ({"nlines": 0}, "nlines = 0 is not valid: '0' is not a whole number from 1 to"),
        ({"nlines": "7"}, "nlines = '7' is not valid"),
        ({"nlines": True}, "nlines = True is not valid"),
        ({"nlines": None}, "nlines = None is not valid"),
        ({"sigma2": float("nan")}, "sigma2 = nan is not valid"),
        ({"invert": 1}, "invert = 1 is not valid"),
        ({"precision": "fp8"}, "precision = 'fp8' is not valid"),
        ({"sop_weights": []}, r"sop_weights = \[\] is not valid"),
        ({"sop_weights": (1, -1)}, r"sop_weights = \(1, -1\) is not valid"),
    ],
)
def test_options_in_python_that_will_not_do(options, told):
    with pytest.raises(UsageError, match=told) as error:
        configure("train", **options)
    assert len(str(error.value).splitlines()) <= 5


def test_a_run_with_another_s_options_is_not_sent_to_their_project(tmp_path):
    config = configure("train", wandb="theirs", nlines=3)
    assert "wandb" not in json.loads(as_json(config))["options"]
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"command": "train", "options": {"nlines": 3, "wandb": "theirs"}}))
    reused = parse_training(["--config", str(path)])
    assert (reused.wandb, reused.agents.decoder.config.nlines) == (None, 3)
