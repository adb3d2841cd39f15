"""The options of encoders, decoders and receivers, without torch. A destination is a keyword argument of the class."""

from learning_to_draw.components import add_flag, boolean, non_negative_float, positive_float, positive_int

VGG16_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
SQUEEZENET_LAYERS = ("relu1", "fire3", "fire5", "fire7", "fire9")
CLIP_MODELS = ("RN50", "RN101", "RN50x4", "RN50x16", "ViT-B/32", "ViT-B/16")
CLIP_BLOCKS = tuple(f"resblock{number}" for number in range(12))


def add_latent_options(group):
    group.add_argument(
        "--latent-size", type=positive_int, default=64, metavar="N", help="numbers that the encoder gives for a picture"
    )


def add_mlp_encoder_options(group):
    add_latent_options(group)
    group.add_argument(
        "--encoder-hidden", type=positive_int, default=64, metavar="N", help="hidden units of the encoder's MLP"
    )


def add_conv2d_options(group):
    add_latent_options(group)
    group.add_argument(
        "--encoder-channels",
        type=int,
        choices=(1, 3),
        default=1,
        help="channels of what the encoder sees; grey pictures fit both, pictures in colour need 3",
    )


def add_stroke_net_options(group):
    add_conv2d_options(group)
    add_flag(group, "--batchnorm", help="normalise over the batch after every convolution of the encoder")


def _add_feature_layer(group, layers, default):
    group.add_argument(
        "--feature-layer",
        choices=layers,
        default=default,
        help="the layer that the latent is projected from; the perceptual loss compares all of these up to it",
    )


def _add_imagenet_options(group, *old_name):
    add_flag(
        group,
        "--imagenet-weights",
        help="start from torchvision's ImageNet weights (downloaded once into TORCH_HOME, and found there afterwards)",
    )
    _add_freeze(group, *old_name)


def _add_freeze(group, *old_name):
    add_flag(group, "--freeze-backbone", *old_name, help="train only the projection to the latent, not the network")


def _add_sin_weights(group):
    group.add_argument(
        "--sin-weights",
        nargs="?",
        const="",
        default=None,
        metavar="FILE",
        help="start from VGG16 weights trained on Stylized-ImageNet; without FILE, the official file name is looked "
        "for under TORCH_HOME",
    )


def add_vgg_options(group):
    add_latent_options(group)
    _add_feature_layer(group, VGG16_LAYERS, "relu3_3")
    _add_imagenet_options(group, "--freeze-vgg")
    _add_sin_weights(group)


def add_pooled_vgg_options(group):
    add_latent_options(group)
    _add_imagenet_options(group, "--freeze-vgg")
    _add_sin_weights(group)


def add_squeezenet_options(group):
    add_latent_options(group)
    _add_feature_layer(group, SQUEEZENET_LAYERS, "fire9")
    _add_imagenet_options(group)


def add_resnet_options(group):
    add_latent_options(group)
    _add_imagenet_options(group, "--freeze-resnet50")


def add_clip_model_option(group):
    group.add_argument(
        "--clip-model",
        choices=CLIP_MODELS,
        default="ViT-B/32",
        help="which of OpenAI's CLIP networks to see with (needs open_clip_torch; downloaded once into HF_HOME)",
    )


def add_clip_options(group):
    add_latent_options(group)
    add_clip_model_option(group)
    _add_freeze(group, "--freeze-model")
    group.add_argument(
        "--transformer-resblock",
        choices=CLIP_BLOCKS,
        default=None,
        help="the perceptual loss compares a ViT's blocks up to this one, and its output; left out: all of them",
    )


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


def add_single_pass_options(group):
    """What every decoder with an MLP has, whatever its points are made into."""
    add_drawing_options(group)
    group.add_argument(
        "--stroke-spread",
        type=non_negative_float,
        default=0.0,
        metavar="X",
        help="spread untrained strokes over the canvas: biases before the last tanh are drawn from -X to X; "
        "0 starts with all of them at the centre, as the official code does",
    )
    group.add_argument(
        "--decoder-hidden", type=positive_int, default=64, metavar="N", help="units of the decoder's first hidden layer"
    )
    group.add_argument(
        "--decoder-hidden2", type=positive_int, default=256, metavar="N", help="units of its second hidden layer"
    )


def add_line_options(group):
    add_single_pass_options(group)
    _add_count(group, "--nlines", 5, "straight lines in a sketch")


def add_point_options(group):
    add_single_pass_options(group)
    _add_count(group, "--npoints", 50, "dots in a sketch")


def add_polyline_options(group):
    add_single_pass_options(group)
    _add_count(group, "--npoints", 16, "points that the line goes through")


def add_connect_options(group):
    add_single_pass_options(group)
    _add_count(group, "--npoints", 16, "points, each of which may be connected with every other")
    group.add_argument(
        "--allow-points",
        "--allowPoints",
        type=boolean,
        nargs="?",
        const=True,
        default=True,
        metavar="true|false",
        help="a point may also be connected with itself, which draws a dot (or a loop, with curves)",
    )
    add_flag(group, "--hard", help="draw a connection in full or not at all; it learns as if it had not been rounded")


def add_spline_options(group):
    add_single_pass_options(group)
    _add_count(group, "--npoints", 16, "points of each spline, which goes through all but its first and last")
    _add_count(group, "--nlines", 1, "splines in a sketch")
    group.add_argument(
        "--edt-approximation",
        choices=("polyline", "bruteforce"),
        default="polyline",
        help="how far a pixel is from a curve: in ten straight pieces, or by a search for the nearest point, which is "
        "more exact and many times slower",
    )


def add_bezier_options(group):
    add_single_pass_options(group)
    _add_count(group, "--nlines", 5, "lines in a sketch")
    _add_count(group, "--segments", 1, "Bezier curves in a line, each beginning where the one before ends")
    add_flag(group, "--smooth", help="a line goes on from curve to curve without a corner")


def add_rnn_options(group):
    add_drawing_options(group)
    _add_count(group, "--steps", 5, "Bezier curves in a sketch, one a step")


def add_attention_rnn_options(group):
    add_rnn_options(group)
    add_flag(group, "--attention", help="look at parts of the latent at every step (a multiple of eight numbers)")


def recurrent(add_options):
    """The options of a decoder that draws several times what a single-pass decoder with `add_options` draws once."""

    def add_recurrent_options(group):
        add_options(group)
        _add_count(group, "--steps", 5, "times that it looks at its canvas and draws onto it")

    return add_recurrent_options


def _add_count(group, option, default, text):
    group.add_argument(option, type=positive_int, default=default, metavar="N", help=text)


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
