"""Options of encoders, decoders and receivers, without torch. Each destination is a keyword argument of the class."""

from learning_to_draw.components import add_flag, boolean, non_negative_float, positive_float, positive_int

VGG16_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
SQUEEZENET_LAYERS = ("relu1", "fire3", "fire5", "fire7", "fire9")
CLIP_MODELS = ("RN50", "RN101", "RN50x4", "RN50x16", "ViT-B/32", "ViT-B/16")
CLIP_BLOCKS = tuple(f"resblock{number}" for number in range(12))


def add_latent_options(group):
    group.add_argument(
        "--latent-size", type=positive_int, default=64, metavar="N", help="size of the encoder's latent vector"
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
        help="channels of the encoder's input; grey pictures fit both, colour pictures need 3",
    )


def add_stroke_net_options(group):
    add_conv2d_options(group)
    add_flag(group, "--batchnorm", help="batch normalisation after every convolution of the encoder")


def _add_feature_layer(group, layers, default):
    group.add_argument(
        "--feature-layer",
        choices=layers,
        default=default,
        help="layer that the latent is projected from; the perceptual loss compares the layers up to it",
    )


def _add_imagenet_options(group, *old_name):
    add_flag(
        group,
        "--imagenet-weights",
        help="start from torchvision's ImageNet weights (downloaded once into TORCH_HOME)",
    )
    _add_freeze(group, *old_name)


def _add_freeze(group, *old_name):
    add_flag(group, "--freeze-backbone", *old_name, help="train only the projection to the latent, not the backbone")


def _add_sin_weights(group):
    group.add_argument(
        "--sin-weights",
        nargs="?",
        const="",
        default=None,
        metavar="FILE",
        help="start from VGG16 weights trained on Stylized-ImageNet; without FILE, from the official file under "
        "TORCH_HOME",
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
        help="OpenAI's CLIP network to use (needs open_clip_torch; downloaded once into HF_HOME)",
    )


def add_clip_options(group):
    add_latent_options(group)
    add_clip_model_option(group)
    _add_freeze(group, "--freeze-model")
    group.add_argument(
        "--transformer-resblock",
        choices=CLIP_BLOCKS,
        default=None,
        help="last ViT block that the perceptual loss compares (and always its output); without it, all blocks",
    )


def add_drawing_options(group):
    """The options of every decoder: how strokes become ink."""
    group.add_argument(
        "--contrast",
        type=positive_float,
        default=1.0,
        metavar="X",
        help="multiply the ink by X, before --invert",
    )
    group.add_argument(
        "--sigma2",
        "--init-sigma2",
        dest="sigma2",
        type=positive_float,
        default=0.01,
        metavar="X",
        help="squared stroke width: ink is exp(-d^2/sigma2) on a canvas from -1 to 1",
    )
    group.add_argument(
        "--final-sigma2",
        type=positive_float,
        default=0.01,
        metavar="X",
        help="value of sigma2 at which annealing stops",
    )
    group.add_argument(
        "--sigma2-factor", type=positive_float, default=0.5, metavar="X", help="annealing multiplies sigma2 by X"
    )
    group.add_argument(
        "--sigma2-step",
        type=int,
        default=-1,
        metavar="N",
        help="anneal after every epoch whose number (from 0) is a multiple of N; -1 or 0: never",
    )


def add_single_pass_options(group):
    """The options of every decoder with an MLP."""
    add_drawing_options(group)
    group.add_argument(
        "--stroke-spread",
        type=non_negative_float,
        default=0.0,
        metavar="X",
        help="spread untrained strokes over the canvas: biases before the last tanh are uniform in -X..X; "
        "0 starts all strokes near the centre, like the official code",
    )
    group.add_argument(
        "--decoder-hidden", type=positive_int, default=64, metavar="N", help="units of the decoder's first hidden layer"
    )
    group.add_argument(
        "--decoder-hidden2",
        type=positive_int,
        default=256,
        metavar="N",
        help="units of the decoder's second hidden layer",
    )


def add_line_options(group):
    add_single_pass_options(group)
    _add_count(group, "--nlines", 5, "straight lines per sketch")


def add_point_options(group):
    add_single_pass_options(group)
    _add_count(group, "--npoints", 50, "dots per sketch")


def add_polyline_options(group):
    add_single_pass_options(group)
    _add_count(group, "--npoints", 16, "points that the line passes through")


def add_connect_options(group):
    add_single_pass_options(group)
    _add_count(group, "--npoints", 16, "points; every pair of them may be connected")
    group.add_argument(
        "--allow-points",
        "--allowPoints",
        type=boolean,
        nargs="?",
        const=True,
        default=True,
        metavar="true|false",
        help="also connect points to themselves, which draws dots (or loops, with curves)",
    )
    add_flag(group, "--hard", help="round connections to 0 or 1 in the sketch; gradients ignore the rounding")


def add_spline_options(group):
    add_single_pass_options(group)
    _add_count(group, "--npoints", 16, "points per spline, which passes through all except its first and last")
    _add_count(group, "--nlines", 1, "splines per sketch")
    group.add_argument(
        "--edt-approximation",
        choices=("polyline", "bruteforce"),
        default="polyline",
        help="distance to a curve: to ten straight pieces, or by a search for the nearest point, which is more exact "
        "and many times slower",
    )


def add_bezier_options(group):
    add_single_pass_options(group)
    _add_count(group, "--nlines", 5, "lines per sketch")
    _add_count(group, "--segments", 1, "Bezier curves per line, each starting where the previous one ends")
    add_flag(group, "--smooth", help="join the curves of a line without corners")


def add_rnn_options(group):
    add_drawing_options(group)
    _add_count(group, "--steps", 5, "Bezier curves per sketch, one per step")


def add_attention_rnn_options(group):
    add_rnn_options(group)
    add_flag(
        group,
        "--attention",
        help="attend to eight parts of the latent at every step (--latent-size must be a multiple of 8)",
    )


def recurrent(add_options):
    """The options of a recurrent decoder: those of `add_options`, a single-pass decoder's, and --steps."""

    def add_recurrent_options(group):
        add_options(group)
        _add_count(group, "--steps", 5, "number of times that the decoder looks at its canvas and draws on it")

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
