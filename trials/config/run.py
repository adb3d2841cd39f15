"""The options that every run has, whatever parts are chosen; those of a part stand with the part. No torch here."""

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
    """The official code has no word for the original game but that nothing is said."""
    return "none" if text == "original" else text


def add_game_options(group):
    group.add_argument("--dataset", choices=DATASETS, help="the pictures that are played with")
    group.add_argument(
        "--object-oriented",
        "--game",
        type=game_name,
        choices=GAMES,
        help="games between classes: the receiver's pool holds the very picture that the sender saw (same), another "
        "one of its class (different), or half and half (mixed); none, or original: the original game between single "
        "pictures",
    )
    group.add_argument("--loss", choices=LOSSES, help="the game's loss; NoLoss trains by the other losses alone")
    group.add_argument(
        "--batch-size",
        type=positive_int,
        default=48,
        metavar="N",
        help="pictures in a batch: one game of N candidates, or as many object-oriented games as fit (at least one)",
    )
    group.add_argument(
        "--num-targets",
        type=non_negative_int,
        metavar="N",
        help="candidates in an object-oriented game, each of another class; 0 or left out: one of every class",
    )
    group.add_argument(
        "--sender-images-per-iter",
        type=positive_int,
        metavar="N",
        help="only the first N pictures of a game have a sender, the others are distractors; left out: all have one",
    )
    add_flag(
        group,
        "--random-transform-sender",
        help="the sender sees a randomly turned, shifted and scaled copy, in training and in testing",
    )


def add_agent_options(group):
    group.add_argument("--encoder", choices=ENCODERS, help="what sender and receiver see with")
    group.add_argument("--decoder", choices=DECODERS, help="what the sender draws with")
    group.add_argument("--receiver", choices=RECEIVERS, help="what the receiver compares with")
    add_flag(group, "--separate-encoders", help="sender and receiver have an encoder each, instead of sharing one")
    add_flag(
        group,
        "--freeze-encoders",
        help="train no weight of the encoders, their projection included; a recurrent decoder's own encoder, which "
        "sees the canvas, is part of the decoder",
    )
    add_flag(group, "--invert", help="draw black on white instead of white on black")
    add_flag(
        group,
        "--imagenet-norm",
        help="normalise photos and sketches with ImageNet's mean and deviation before an encoder sees them",
    )


def add_perceptual_options(group):
    add_flag(
        group,
        "--sort-of-perceptual-loss",
        help="add the distance between photo and sketch over the sender's feature layers (the paper's equation 4)",
    )
    group.add_argument(
        "--sop-weights",
        type=non_negative_float,
        nargs="+",
        metavar="W",
        help="the weight of each feature layer in the perceptual loss and the dog loss; left out: 1 for each",
    )
    add_flag(
        group,
        "--learn-sop-weights",
        help="learn the weights of the feature layers in the perceptual loss, together with everything else",
    )
    group.add_argument(
        "--sop-coef",
        type=non_negative_float,
        default=1.0,
        metavar="X",
        help="the perceptual loss and the dog loss are multiplied by this",
    )


def add_other_loss_options(group):
    add_flag(
        group,
        "--like-a-dog-loss",
        help="add the dog loss: the distance of every sketch from given images, over the sender's feature layers",
    )
    group.add_argument(
        "--like-a-dog-image",
        nargs="+",
        metavar="FILE",
        help="the image that all sketches should look like; of several, the mean of the distances counts",
    )
    add_flag(
        group,
        "--CLIP-loss",
        help="add 1 - cosine between photo and sketch in the sender's deepest feature layer, mean over four random "
        "views of every sketch",
    )
    group.add_argument(
        "--CLIP-coef",
        type=non_negative_float,
        default=1.0,
        metavar="X",
        help="the CLIP loss is multiplied by this; 4 times the senders of a batch gives the official code's sum",
    )
    add_flag(
        group,
        "--reconstruct-loss",
        help="add the mean squared difference between sketch and photo, in training and in testing",
    )


def switch_of(loss):
    """The switch of a plugin's loss of that name."""
    return f"--{loss.replace('_', '-')}-loss"


def add_auxiliary_losses(parser):
    """The switch of each loss that a plugin brings, with its own options."""
    for name, part in AUXILIARY_LOSSES.items():
        group = parser.add_argument_group(f"the loss {name}")
        add_flag(group, switch_of(name), help="add this loss to the game's, in training")
        part.add_options(group)


def add_run_options(group):
    group.add_argument(
        "--output",
        metavar="DIR",
        help="folder for everything that the run writes, made if need be; left out: a fresh one under runs/",
    )
    add_device_option(group)
    group.add_argument(
        "--data-device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where the decoded pictures wait: on the run's CUDA GPU, from where no batch has to be copied, or in the "
        "CPU's memory; auto: on the GPU if they take at most half of its free memory",
    )
    group.add_argument(
        "--data-seed",
        type=seed,
        default=1234,
        metavar="N",
        help="seed of how pictures are dealt into games, in training and in testing",
    )
    group.add_argument(
        "--num-reconstructions",
        type=positive_int,
        default=100,
        metavar="N",
        help="pictures in each grid that is written",
    )
    add_plugin_option(group)
    group.add_argument(
        "--quiet", action="store_true", help="print nothing but what goes wrong; the run's folder has the rest"
    )
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="check and build everything (a missing data set is downloaded), say what would be played, and stop",
    )


def add_speed_options(group):
    group.add_argument(
        "--precision",
        choices=("fp32", "tf32", "bf16"),
        default="fp32",
        help="what backbones compute in: float32; float32 with multiplications in TF32, on newer GPUs; or bfloat16. "
        "Strokes, drawing, projection and losses are always in float32",
    )
    add_flag(
        group,
        "--deterministic",
        help="compute only in ways that give the same bits every time; a CPU does so anyway, a GPU gets slower, and a "
        "computation that has no such way ends the run",
    )
    add_flag(group, "--compile", help="compile the backbone with torch.compile, which takes a minute or more at first")


def add_train_options(group):
    group.add_argument(
        "--epochs", type=positive_int, default=10, metavar="N", help="times through the training pictures"
    )
    group.add_argument(
        "--learning-rate",
        default="0.001",
        metavar="SPEC",
        help="Adam's learning rate: 0.1, or with a schedule 0.1*0.2@every10, 0.1*0.2@[10,30,80], 0.1*0.2@plateau, "
        "0.1*inv0.0001,0.75; with a B at the end it steps after every batch instead of every epoch",
    )
    group.add_argument(
        "--weight-decay", type=non_negative_float, default=0.0, metavar="X", help="Adam's L2 penalty on the weights"
    )
    group.add_argument(
        "--seed",
        type=seed,
        metavar="N",
        help="seed of all that --data-seed does not set: first weights, and the random views that training sees; left "
        "out: --data-seed",
    )
    group.add_argument(
        "--snapshot-interval", type=positive_int, default=10, metavar="N", help="epochs between model_NN.pt snapshots"
    )
    group.add_argument(
        "--keep-last",
        type=non_negative_int,
        default=0,
        metavar="N",
        help="of the snapshots model_NN.pt keep the last N, and remove older ones; 0 keeps all",
    )
    group.add_argument(
        "--config",
        metavar="FILE",
        help="take the options of another run from its config.json, or from what --print-config printed; those given "
        "beside it go before them",
    )
    group.add_argument(
        "--print-config", action="store_true", help="print all options with their values as JSON, and do nothing else"
    )
    group.add_argument(
        "--resume",
        metavar="RUN",
        help="go on with the interrupted training in folder RUN, exactly as if it had never stopped; auto: with the "
        "one in --output if there is one, else begin it: one command for a job that may be killed and started again",
    )
    add_flag(
        group,
        "--tensorboard",
        help="write the log and the played games for TensorBoard, too, into the run's folder (needs the package "
        "tensorboard)",
    )
    add_flag(
        group,
        "--gather-candidates",
        help="of several processes (torchrun), let every sender's game have the candidates of all as one pool: a game "
        "of --batch-size times as many; the original game only, and not the held-out games, which stay as they are",
    )
    group.add_argument(
        "--cache-features",
        choices=("auto", "on", "off"),
        default="auto",
        help="look up what a frozen backbone makes of a photo instead of computing it at every step; auto: where "
        "photos are not augmented and half of the free memory suffices",
    )


def add_test_options(group):
    group.add_argument(
        "--weights",
        metavar="FILE",
        required=True,
        help="the checkpoint to test; it brings the options it was trained with",
    )
    add_flag(
        group,
        "--swap-agents",
        "--swapAgents",
        help="play the sender of --weights with the receiver of --weights-pair2",
    )
    group.add_argument(
        "--weights-pair2", metavar="FILE", help="the checkpoint that the receiver is taken from, with --swap-agents"
    )
    add_trust_option(group)


COMMAND_OPTIONS = {"train": add_train_options, "test": add_test_options, "crossplay": add_trust_option}
