"""The configurations of train, test and crossplay: typed values of all options.

A `RunConfig` holds the configuration of every chosen component, and the options that do not depend on a component.
`configure` (configure.py) builds a `RunConfig` from options by name, and `parse` (parse.py) from a command line.
Importing this module does not import torch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from learning_to_draw.components import (
    Chosen,
    Component,
    Config,
    InvalidValueError,
    Option,
    flag,
    non_negative_float,
    non_negative_int,
    option,
    options_of,
    positive_float,
    positive_int,
    seed,
)
from learning_to_draw.datasets import DATASETS
from learning_to_draw.datasets.config import cache_dir_option, no_cache_option
from learning_to_draw.games import GAMES
from learning_to_draw.games.config import GameConfig
from learning_to_draw.games.losses import LOSSES
from learning_to_draw.games.losses.config import AuxiliaryLoss
from learning_to_draw.models import DECODERS, ENCODERS, RECEIVERS
from learning_to_draw.models.config import AgentsConfig
from learning_to_draw.models.encoders.config import EncoderConfig


def game_name(text: str) -> str:
    """Returns "none", the official code's name for the original game, if `text` is "original"; otherwise `text`."""
    return "none" if text == "original" else text


@dataclass(frozen=True)
class Kind:
    """A kind of component, such as the decoders. Every run has one component of each kind; only the receiver's encoder
    may be missing: its default is None.

    title: what messages call the kind. table: its components by name. option: the option that chooses the component.
    prefix: begins the names of the component's options in a run: --receiver-timm-model is the option timm_model of the
    receiver's encoder. common: the options that get no prefix; for them, both encoders have the same values.
    """

    title: str
    table: Mapping[str, Component]
    option: Option
    prefix: str = ""
    common: Collection[str] = ()

    @property
    def default(self) -> str | None:
        return self.option.default

    def in_run(self, name: str) -> str:
        """The name that the component's option `name` has in a run."""
        return name if name in self.common else f"{self.prefix}{name}"

    def options(self, component: str) -> dict[str, Option]:
        """The options of a component, by their names in a run."""
        options = options_of(self.table[component].config)
        if self.prefix:  # no alternative names: they would lack the prefix
            options = {n: option if n in self.common else replace(option, names=()) for n, option in options.items()}
        return {self.in_run(name): option for name, option in options.items()}

    def choose(self, component: str, values: Mapping[str, Any]) -> Chosen:
        """The component with its configuration. values: of all options of the run, by name."""
        entry = self.table[component]
        config = entry.config(**{name: values[self.in_run(name)] for name in options_of(entry.config)})
        return Chosen(component, entry, config)

    def named(self, word: str) -> str:
        """The name in `table` of the component that the user calls `word`: "none" for "original", for example."""
        return self.option.type(word) if self.option.type else word


def _kind(title: str, table: Mapping[str, Component], default: str | None, help: str, **settings: Any) -> Kind:
    return Kind(title, table, Option(default, help, choices=table, metavar="NAME", **settings))


# All kinds, by the option that chooses the component; --object-oriented chooses the game.
KINDS = {
    "dataset": _kind("dataset", DATASETS, "Digits", "the data set; ImageFolder: your own pictures"),
    "object_oriented": _kind(
        "game",
        GAMES,
        "none",
        "the game. original (or none): candidates of any classes. same, different, mixed: candidates of distinct "
        "classes; the target is the sender's own picture (same), another picture of its class (different), or one of "
        "the two, each for half of the senders (mixed)",
        type=game_name,
        names=("--game",),
    ),
    "loss": _kind(
        "loss",
        LOSSES,
        "HingeLoss",
        "the game's loss: HingeLoss, CELoss (cross-entropy), or NoLoss, which trains with the auxiliary losses only",
    ),
    "encoder": _kind(
        "encoder",
        ENCODERS,
        "VGG16BackboneExtended",
        "the network that turns pictures into latents, for sender and receiver; for the sender alone with "
        "--receiver-encoder",
        names=("--sender-encoder",),
    ),
    "receiver_encoder": replace(
        _kind(
            "receiver's encoder",
            ENCODERS,
            None,
            "another encoder for the receiver; its options begin with --receiver-, as in --receiver-freeze-backbone, "
            "except --latent-size, which both encoders share; left out: the encoder of --encoder",
        ),
        prefix="receiver_",
        common=options_of(EncoderConfig),
    ),
    "decoder": _kind(
        "decoder",
        DECODERS,
        "SinglePassSimpleLineDecoder",
        "the network that turns the sender's latent into strokes",
    ),
    "receiver": _kind(
        "receiver",
        RECEIVERS,
        "SimpleReceiverMLP",
        "the network that turns latents into the vectors that the receiver compares",
    ),
}


@dataclass(frozen=True)
class Auxiliary(Chosen[Config]):
    """An auxiliary loss with its configuration. on: whether the run adds this loss to the game's loss."""

    component: AuxiliaryLoss
    on: bool = False


@dataclass(frozen=True, kw_only=True)
class SpeedConfig(Config):
    precision: str = option(
        "fp32",
        "fp32: full float32. tf32: float32 with faster, less exact multiplications (TF32), on newer GPUs. bf16: "
        "bfloat16 in the backbones, and float32 in the projections, strokes, drawing and losses",
        choices=("fp32", "tf32", "bf16"),
    )
    deterministic: bool = flag(
        "use only deterministic algorithms, for bit-identical results every time. Not needed on a CPU. On a GPU it is "
        "slower, and an operation without a deterministic algorithm ends the run"
    )
    compile: bool = flag("compile the backbone with torch.compile; takes a minute or more at the start")


def agent(text: str) -> str:
    """Returns `text`, the value of --agent, if it is one whole number, or two separated by a comma.

    Otherwise raises InvalidValueError.
    """
    numbers = text.split(",")
    if len(numbers) > 2 or not all(number.strip().isdecimal() for number in numbers):
        raise InvalidValueError(f"{text!r} is neither an agent's number, such as 0, nor two such numbers, as in 0,1")
    return text


def meeting_of(agent: str) -> tuple[int, int]:
    """(sender, receiver) of --agent: "2" is (2, 2), and "2,0" is (2, 0)."""
    numbers = [int(number) for number in agent.split(",")]
    return numbers[0], numbers[-1]


AGENT_HELP = (
    "play only one pair of a population: sender K with receiver K or, given K,J, sender K with receiver J, numbered "
    "from 0; left out: every sender plays with every receiver"
)
ALLOW_TRAINED_HELP = "test also on pictures that the agents were trained on; their rate is then too high"
DEVICE_HELP = "cpu, cuda, cuda:1, ...; left out: the first GPU if available, otherwise the CPU"
PLUGIN_HELP = (
    "a file with your own components, which can then be chosen by name; commands that read a checkpoint load the "
    "plugin of its training by default"
)
TRUST_HELP = (
    "also read a checkpoint that contains more than tensors, numbers and text; it can then run any code: use only with "
    "files from a trusted source"
)


@dataclass(frozen=True, kw_only=True, repr=False)
class RunConfig(Config):
    """The options that train, test and crossplay have in common.

    sources: where each value comes from, by the option's name.
    """

    command: ClassVar[str] = ""
    dataset: Chosen[Config]
    game: Chosen[GameConfig]
    loss: Chosen[Config]
    agents: AgentsConfig
    auxiliary: Mapping[str, Auxiliary]
    speed: SpeedConfig
    sources: Mapping[str, str] = field(default_factory=dict)

    output: str | None = option(
        None,
        "folder for everything that the run writes, created if missing; left out: a new one under runs/",
        metavar="DIR",
    )
    device: str | None = option(None, DEVICE_HELP, metavar="NAME")
    data_device: str = option(
        "auto",
        "where decoded pictures are kept: cuda: on the run's GPU, which saves copying each batch; cpu: in main memory; "
        "auto: on the GPU if they take at most half of its free memory",
        choices=("auto", "cpu", "cuda"),
    )
    cache_dir: Path | None = cache_dir_option()
    no_cache: bool = no_cache_option()
    data_seed: int = option(
        1234,
        "seed of the random choice of pictures for games, in training and in testing",
        type=seed,
        metavar="N",
    )
    num_reconstructions: int = option(
        100, "maximum number of pictures in each grid of sketches or photos", type=positive_int, metavar="N"
    )
    plugin: Path | None = option(None, PLUGIN_HELP, type=Path, metavar="FILE.py")
    quiet: bool = flag("print errors and warnings only; everything else is in the run's folder")
    dry_run: bool = flag(
        "check and build everything (downloads a missing data set), describe what would be played, and stop"
    )

    def __repr__(self) -> str:
        """The class, and one line per source of values with the options from this source. Without declared defaults."""
        by_source: dict[str, list[str]] = {}
        for name, value in self.values().items():
            if (source := self.sources.get(name, "default")) != "default":
                by_source.setdefault(source, []).append(f"{name}={value!r}")
        return "\n".join([f"<{type(self).__name__}", *(f"  {s}: {', '.join(o)}" for s, o in by_source.items())]) + ">"

    @property
    def plays_original(self) -> bool:
        """Whether the game is the original one, whose candidates may be of any classes."""
        return self.game.name == KINDS["object_oriented"].default

    @property
    def game_title(self) -> str:
        return "original" if self.plays_original else self.game.name

    @property
    def chosen(self) -> dict[str, Chosen]:
        """Key of `KINDS` -> chosen component. Without --receiver-encoder, the key "receiver_encoder" is missing."""
        chosen = {
            "dataset": self.dataset,
            "object_oriented": self.game,
            "loss": self.loss,
            "encoder": self.agents.encoder,
            "receiver_encoder": self.agents.receiver_encoder,
            "decoder": self.agents.decoder,
            "receiver": self.agents.receiver,
        }
        return {kind: component for kind, component in chosen.items() if component is not None}

    def values(self) -> dict[str, Any]:
        """The values of all options by name."""
        values: dict[str, Any] = dict.fromkeys(KINDS) | {kind: chosen.name for kind, chosen in self.chosen.items()}
        values |= self.agents.values()
        for kind, chosen in self.chosen.items():
            values |= {KINDS[kind].in_run(name): value for name, value in chosen.config.values().items()}
        for loss in self.auxiliary.values():
            values |= {loss.component.switch: loss.on} | loss.config.values()
        return values | self.speed.values() | super().values()


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainConfig(RunConfig):
    command: ClassVar[str] = "train"

    epochs: int = option(10, "passes over the training pictures", type=positive_int, metavar="N")
    learning_rate: str = option(
        "0.001",
        "Adam's learning rate: a constant such as 0.1, or with a schedule: 0.1*0.2@every10, 0.1*0.2@[10,30,80], "
        "0.1*0.2@plateau, 0.1*inv0.0001,0.75, 0.1*cosine; a B at the end counts batches instead of epochs "
        "(not for plateau and cosine)",
        metavar="SPEC",
    )
    decoder_lr_factor: float = option(
        1.0, "multiply the learning rate of the decoder by X", type=positive_float, metavar="X"
    )
    weight_decay: float = option(0.0, "Adam's L2 penalty on the weights", type=non_negative_float, metavar="X")
    seed: int | None = option(
        None,
        "seed of the initial weights and of random augmentation in training; left out: the value of --data-seed",
        type=seed,
        metavar="N",
    )
    snapshot_interval: int = option(10, "epochs between model_NN.pt snapshots", type=positive_int, metavar="N")
    keep_last: int = option(
        0, "keep only the last N snapshots model_NN.pt; 0 keeps all", type=non_negative_int, metavar="N"
    )
    preset: str | None = option(
        None,
        "start from the options of a preset, such as photos (made for your own pictures), or of your own preset file; "
        "the list command shows all presets with their times and rates",
        metavar="NAME|FILE.toml",
    )
    config: str | None = option(
        None,
        "take the options from another run's config.json, or from the output of --print-config; options on the command "
        "line override them",
        metavar="FILE",
    )
    print_config: bool = flag("print the resolved options as JSON, and stop")
    resume: str | None = option(
        None,
        "resume the interrupted training in the folder RUN, with the same results as without the interruption; auto: "
        "resume the run in --output, or start it if that folder holds no run: one command for a job that may be "
        "restarted",
        metavar="RUN",
    )
    tensorboard: bool = flag(
        "also write the log and a picture of games for TensorBoard, in the run's folder (needs the package tensorboard)"
    )
    wandb: str | None = option(
        None,
        "also send the log, all options and a picture of games to this project of Weights & Biases (needs the package "
        "wandb); with WANDB_MODE=offline, keep them in the run's folder for wandb sync",
        nargs="?",
        const="learning-to-draw",
        metavar="PROJECT",
    )
    partners: str = option(
        "random",
        "who plays the next batch in a population: random: any sender with any receiver; ring: sender K with receivers "
        "K and K + 1; fixed: separate pairs; or a file with one line per sender, and in each line one number per "
        "receiver: how often they meet; or the partners of a plugin, by name",
        metavar="random|ring|fixed|FILE",
    )
    callbacks: tuple[str, ...] | None = option(
        None, "callbacks of a plugin that this training calls, by name", nargs="+", metavar="NAME"
    )
    replace_every: int = option(
        0,
        "after every N epochs, replace one pair of a population by a new one, the oldest first; 0: never",
        type=non_negative_int,
        metavar="N",
    )
    senders_from: Path | None = option(
        None,
        "begin with the trained senders (decoders and encoders) of this checkpoint; add --separate-encoders to give "
        "the receivers untrained encoders",
        type=Path,
        metavar="FILE",
    )
    receivers_from: Path | None = option(
        None, "begin with the trained receivers of this checkpoint and their encoders", type=Path, metavar="FILE"
    )
    from_agent: int = option(
        0,
        "agent 0 begins as agent K of the population in --senders-from or --receivers-from, agent 1 as K + 1, ...",
        type=non_negative_int,
        metavar="K",
    )
    teacher: Path | None = option(
        None,
        "before the training, every new sender learns from drawings of the trained sender of this checkpoint "
        "(iterated learning)",
        type=Path,
        metavar="FILE",
    )
    bottleneck: int = option(
        100, "the number of its teacher's drawings that a new sender sees", type=positive_int, metavar="N"
    )
    lesson_steps: int = option(
        500,
        "steps in which a new sender learns from its teacher, each with 32 drawings",
        type=positive_int,
        metavar="N",
    )
    freeze_senders: bool = flag("do not train the senders: neither their decoders nor their encoders")
    freeze_receivers: bool = flag("do not train the receivers and their encoders")
    gather_candidates: bool = flag(
        "train with one large game per step, whose candidates are the pictures of all processes (torchrun), "
        "--batch-size from each. Only for the original game; games of validation and test keep their size"
    )
    cache_features: str = option(
        "auto",
        "compute a frozen backbone's features of each photo once and keep them; auto: if photos are not augmented and "
        "the features take at most half of the free memory",
        choices=("auto", "on", "off"),
    )
    cuda_graph: str = option(
        "off",
        "auto: capture a training step on a CUDA GPU once and replay it, where the step allows it; for small encoders. "
        "It has not been run on a GPU yet",
        choices=("auto", "off"),
    )


@dataclass(frozen=True, kw_only=True, repr=False)
class TestConfig(RunConfig):
    command: ClassVar[str] = "test"
    __test__: ClassVar[bool] = False  # pytest: this is not a test

    weights: str = option(
        None,
        "the checkpoint to test, the folder of a training, a folder that pack wrote, or hf:user/name; the checkpoint "
        "contains the training's options, which describe the agents and the game; options on the command line override "
        "them",
        metavar="FILE",
        required=True,
    )
    swap_agents: bool = flag("play the sender of --weights with the receiver of --weights-pair2", "--swapAgents")
    weights_pair2: str | None = option(None, "the checkpoint of the receiver, with --swap-agents", metavar="FILE")
    agent: str | None = option(None, AGENT_HELP, type=agent, metavar="K[,J]")
    allow_trained: bool = flag(ALLOW_TRAINED_HELP)
    trust_weights: bool = flag(TRUST_HELP)


@dataclass(frozen=True, kw_only=True, repr=False)
class CrossplayConfig(RunConfig):
    command: ClassVar[str] = "crossplay"

    allow_trained: bool = flag(ALLOW_TRAINED_HELP)
    trust_weights: bool = flag(TRUST_HELP)


RUNS: dict[str, type[RunConfig]] = {run.command: run for run in (TrainConfig, TestConfig, CrossplayConfig)}
