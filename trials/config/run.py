"""The options that do not depend on the chosen components. Each component declares its own. No torch here."""

from learning_to_draw.components import (
    add_device_option,
    add_flag,
    add_plugin_option,
    add_trust_option,
    non_negative_float,
    non_negative_int,
    positive_int,
    seed,
)
from learning_to_draw.datasets import DATASETS
from learning_to_draw.games import AUXILIARY_LOSSES, GAMES, LOSSES
from learning_to_draw.models import DECODERS, ENCODERS, RECEIVERS


def game_name(text: str) -> str:
    """The name of a game in the options: "none" stands for the original game, as in the official code."""
    return "none" if text == "original" else text


def add_game_options(group):
    group.add_argument("--dataset", choices=DATASETS, help="the data set to play with")
    group.add_argument(
        "--object-oriented",
        "--game",
        type=game_name,
        choices=GAMES,
        help="the game. same, different, mixed: object-oriented games, whose candidates have distinct classes; "
        "the target is the sender's own picture (same), another one of its class (different), or each for half of the "
        "senders (mixed). none or original: the original game, between single pictures",
    )
    group.add_argument("--loss", choices=LOSSES, help="the game's loss; NoLoss trains with the auxiliary losses only")
    group.add_argument(
        "--batch-size",
        type=positive_int,
        default=48,
        metavar="N",
        help="pictures per batch: one original game of N candidates, or as many object-oriented games as fit (at least "
        "one)",
    )
    group.add_argument(
        "--num-targets",
        type=non_negative_int,
        metavar="N",
        help="candidates in an object-oriented game, each of a different class; 0 or left out: one of every class",
    )
    group.add_argument(
        "--sender-images-per-iter",
        type=positive_int,
        metavar="N",
        help="give only the first N pictures of a game a sender; the others are distractors; left out: all have one",
    )
    add_flag(
        group,
        "--random-transform-sender",
        help="show the sender a randomly rotated, translated and scaled copy, in training and in testing",
    )


def add_agent_options(group):
    group.add_argument(
        "--encoder", choices=ENCODERS, help="the network that turns pictures into latents, for sender and receiver"
    )
    group.add_argument("--decoder", choices=DECODERS, help="the network that turns the sender's latent into strokes")
    group.add_argument(
        "--receiver",
        choices=RECEIVERS,
        help="the network that turns the receiver's latents into the vectors that it compares",
    )
    add_flag(group, "--separate-encoders", help="give sender and receiver one encoder each, instead of a shared one")
    add_flag(
        group,
        "--freeze-encoders",
        help="do not train the encoders, including their projections; a recurrent decoder's own encoder for the "
        "canvas is part of the decoder",
    )
    add_flag(group, "--invert", help="draw black on white instead of white on black")
    add_flag(
        group,
        "--imagenet-norm",
        help="normalise photos and sketches with ImageNet's mean and standard deviation before they are encoded",
    )


def add_perceptual_options(group):
    add_flag(
        group,
        "--sort-of-perceptual-loss",
        help="add the perceptual loss: the distance between photo and sketch in the sender's feature layers (the "
        "paper's equation 4)",
    )
    group.add_argument(
        "--sop-weights",
        type=non_negative_float,
        nargs="+",
        metavar="W",
        help="weights of the feature layers in the perceptual loss and the dog loss; left out: 1 for each",
    )
    add_flag(
        group,
        "--learn-sop-weights",
        help="learn the weights of the feature layers in the perceptual loss",
    )
    group.add_argument(
        "--sop-coef",
        type=non_negative_float,
        default=1.0,
        metavar="X",
        help="factor of the perceptual loss and of the dog loss",
    )


def add_other_loss_options(group):
    add_flag(
        group,
        "--like-a-dog-loss",
        help="add the dog loss: the distance between every sketch and given images in the sender's feature layers",
    )
    group.add_argument(
        "--like-a-dog-image",
        nargs="+",
        metavar="FILE",
        help="image(s) that all sketches should look like; with several, the mean of the distances is used",
    )
    add_flag(
        group,
        "--CLIP-loss",
        help="add the CLIP loss: 1 - cosine similarity of photo and sketch in the sender's deepest feature layer, mean "
        "over four random views of every sketch",
    )
    group.add_argument(
        "--CLIP-coef",
        type=non_negative_float,
        default=1.0,
        metavar="X",
        help="factor of the CLIP loss; 4 times the number of senders in a batch gives the official code's sum",
    )
    add_flag(
        group,
        "--reconstruct-loss",
        help="add the mean squared difference between sketch and photo, in training and in testing",
    )


def switch_of(loss):
    """The option that turns on a plugin's loss."""
    return f"--{loss.replace('_', '-')}-loss"


def add_auxiliary_losses(parser):
    """Adds the switch and the options of each loss that a plugin registers."""
    for name, part in AUXILIARY_LOSSES.items():
        group = parser.add_argument_group(f"the loss {name}")
        add_flag(group, switch_of(name), help="add this loss to the game's, in training")
        part.add_options(group)


def add_run_options(group):
    group.add_argument(
        "--output",
        metavar="DIR",
        help="folder for everything that the run writes, created if missing; left out: a new one under runs/",
    )
    add_device_option(group)
    group.add_argument(
        "--data-device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where decoded pictures are kept: cuda: on the run's GPU, which saves copying each batch; cpu: in main "
        "memory; auto: on the GPU if they take at most half of its free memory",
    )
    group.add_argument(
        "--data-seed",
        type=seed,
        default=1234,
        metavar="N",
        help="seed of the way pictures are dealt into games, in training and in testing",
    )
    group.add_argument(
        "--num-reconstructions",
        type=positive_int,
        default=100,
        metavar="N",
        help="maximum number of pictures in each grid of sketches or photos",
    )
    add_plugin_option(group)
    group.add_argument(
        "--quiet", action="store_true", help="print errors and warnings only; everything else is in the run's folder"
    )
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="check and build everything (downloads a missing data set), describe what would be played, and stop",
    )


def add_speed_options(group):
    group.add_argument(
        "--precision",
        choices=("fp32", "tf32", "bf16"),
        default="fp32",
        help="precision of the backbones: float32; float32 with TF32 multiplications, on newer GPUs; or bfloat16. "
        "Strokes, drawing, projection and losses are always in float32",
    )
    add_flag(
        group,
        "--deterministic",
        help="use only deterministic algorithms: results are bit-identical every time. Not needed on a CPU; slower on "
        "a GPU, and an operation without a deterministic algorithm ends the run",
    )
    add_flag(group, "--compile", help="compile the backbone with torch.compile; takes a minute or more at the start")


def add_train_options(group):
    group.add_argument("--epochs", type=positive_int, default=10, metavar="N", help="passes over the training pictures")
    group.add_argument(
        "--learning-rate",
        default="0.001",
        metavar="SPEC",
        help="Adam's learning rate: a constant such as 0.1, or with a schedule: 0.1*0.2@every10, 0.1*0.2@[10,30,80], "
        "0.1*0.2@plateau, 0.1*inv0.0001,0.75; a B at the end counts batches instead of epochs",
    )
    group.add_argument(
        "--weight-decay", type=non_negative_float, default=0.0, metavar="X", help="Adam's L2 penalty on the weights"
    )
    group.add_argument(
        "--seed",
        type=seed,
        metavar="N",
        help="seed of the initial weights and of the random views in training; left out: the value of --data-seed",
    )
    group.add_argument(
        "--snapshot-interval", type=positive_int, default=10, metavar="N", help="epochs between model_NN.pt snapshots"
    )
    group.add_argument(
        "--keep-last",
        type=non_negative_int,
        default=0,
        metavar="N",
        help="keep only the last N snapshots model_NN.pt; 0 keeps all",
    )
    group.add_argument(
        "--config",
        metavar="FILE",
        help="take the options from another run's config.json, or from the output of --print-config; options on the "
        "command line override them",
    )
    group.add_argument("--print-config", action="store_true", help="print the resolved options as JSON, and stop")
    group.add_argument(
        "--resume",
        metavar="RUN",
        help="resume the interrupted training in folder RUN exactly; auto: resume the run in --output if there is one, "
        "otherwise start it: one command for a job that may be killed and restarted",
    )
    add_flag(
        group,
        "--tensorboard",
        help="also write the log and a picture of games for TensorBoard, in the run's folder (needs the package "
        "tensorboard)",
    )
    add_flag(
        group,
        "--gather-candidates",
        help="with several processes (torchrun), play one large game per step: its candidates are those of all "
        "processes, --batch-size times their number. For the original game; held-out games do not change",
    )
    group.add_argument(
        "--cache-features",
        choices=("auto", "on", "off"),
        default="auto",
        help="compute a frozen backbone's features of each photo once and keep them; auto: if photos are not augmented "
        "and the features take at most half of the free memory",
    )


def add_test_options(group):
    group.add_argument(
        "--weights",
        metavar="FILE",
        required=True,
        help="the checkpoint to test; the options of its training apply unless overridden",
    )
    add_flag(
        group,
        "--swap-agents",
        "--swapAgents",
        help="play the sender of --weights with the receiver of --weights-pair2",
    )
    group.add_argument("--weights-pair2", metavar="FILE", help="the checkpoint of the receiver, with --swap-agents")
    add_trust_option(group)


COMMAND_OPTIONS = {"train": add_train_options, "test": add_test_options, "crossplay": add_trust_option}

# The option groups that all commands have, by title: those before the chosen components' options, those of the losses,
# and the last ones.
FIRST_OPTIONS = {"the game": add_game_options, "the agents": add_agent_options}
LOSS_OPTIONS = {"the perceptual loss": add_perceptual_options, "the other losses": add_other_loss_options}
LAST_OPTIONS = {"the speed": add_speed_options, "the run": add_run_options}
