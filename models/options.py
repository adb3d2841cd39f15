"""The options of encoders, decoders and receivers, without torch. A destination is a keyword argument of the class."""

from parts import add_flag, non_negative_float, positive_float, positive_int

VGG16_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
SQUEEZENET_LAYERS = ("relu1", "fire3", "fire5", "fire7", "fire9")


def add_latent_options(group):
    group.add_argument(
        "--latent-size", type=positive_int, default=64, metavar="N", help="numbers that the encoder gives for a picture"
    )


def add_mlp_encoder_options(group):
    add_latent_options(group)
    group.add_argument(
        "--encoder-hidden", type=positive_int, default=64, metavar="N", help="hidden units of the encoder's MLP"
    )


def add_backbone_options(group, layers, default_layer):
    """What the encoders built on a pretrained network share; only their feature layers differ."""
    add_latent_options(group)
    group.add_argument(
        "--feature-layer",
        choices=layers,
        default=default_layer,
        help="the layer that the latent is projected from; the perceptual loss compares all of these up to it",
    )
    add_flag(
        group,
        "--imagenet-weights",
        help="start from torchvision's ImageNet weights (downloaded once into TORCH_HOME, and found there afterwards)",
    )
    add_flag(
        group, "--freeze-backbone", "--freeze-vgg", help="train only the projection to the latent, not the convolutions"
    )


def add_vgg_options(group):
    add_backbone_options(group, VGG16_LAYERS, "relu3_3")
    group.add_argument(
        "--sin-weights",
        nargs="?",
        const="",
        default=None,
        metavar="FILE",
        help="start from VGG16 weights trained on Stylized-ImageNet; without FILE, the official file name is looked "
        "for under TORCH_HOME",
    )


def add_squeezenet_options(group):
    add_backbone_options(group, SQUEEZENET_LAYERS, "fire9")


def add_drawing_options(group):
    """What every decoder has: how strokes become ink."""
    group.add_argument(
        "--contrast",
        type=positive_float,
        default=1.0,
        metavar="X",
        help="the ink is multiplied by this, before --invert",
    )
    group.add_argument(
        "--sigma2",
        "--init-sigma2",
        dest="sigma2",
        type=positive_float,
        default=0.01,
        metavar="X",
        help="squared width of a stroke: ink is exp(-d^2/sigma2), the canvas reaching from -1 to 1",
    )
    group.add_argument(
        "--final-sigma2", type=positive_float, default=0.01, metavar="X", help="where annealing of sigma2 stops"
    )
    group.add_argument(
        "--sigma2-factor", type=positive_float, default=0.5, metavar="X", help="annealing multiplies sigma2 by this"
    )
    group.add_argument(
        "--sigma2-step",
        type=int,
        default=-1,
        metavar="N",
        help="anneal after every epoch whose number (from 0) is a multiple of this; -1 or 0: never",
    )
    group.add_argument(
        "--stroke-spread",
        type=non_negative_float,
        default=0.0,
        metavar="X",
        help="spread untrained strokes over the canvas: biases before the last tanh are drawn from -X to X; "
        "0 starts with all of them at the centre, as the official code does",
    )


def add_line_options(group):
    add_drawing_options(group)
    group.add_argument(
        "--decoder-hidden", type=positive_int, default=64, metavar="N", help="units of the decoder's first hidden layer"
    )
    group.add_argument(
        "--decoder-hidden2", type=positive_int, default=256, metavar="N", help="units of its second hidden layer"
    )
    group.add_argument("--nlines", type=positive_int, default=5, metavar="N", help="straight lines in a sketch")


def add_receiver_options(group):
    group.add_argument(
        "--rx-hidden", type=positive_int, default=64, metavar="N", help="hidden units of the receiver's MLP"
    )
    group.add_argument(
        "--rx-latent-size",
        type=positive_int,
        default=64,
        metavar="N",
        help="size of the vectors whose dot product is a candidate's score",
    )
