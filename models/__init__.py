"""The agents' parts by their names on the command line. Classes are imported when built: `--help` loads no torch."""

from models import options
from parts import Part

ENCODERS = {
    "VGG16BackboneExtended": Part("models.backbones", "VGG16BackboneExtended", options.add_vgg_options),
    "SqueezeNetBackbone": Part("models.backbones", "SqueezeNetBackbone", options.add_squeezenet_options),
    "SmallCNNEncoder": Part("models.encoders", "SmallCNNEncoder", options.add_latent_options),
    "BetterCNNEncoder": Part("models.encoders", "BetterCNNEncoder", options.add_latent_options),
    "SimpleCNNEncoder": Part("models.encoders", "SimpleCNNEncoder", options.add_latent_options),
    "SimpleMLPEncoder": Part("models.encoders", "SimpleMLPEncoder", options.add_mlp_encoder_options),
}

DECODERS = {
    "SinglePassSimpleLineDecoder": Part("models.decoders", "SinglePassSimpleLineDecoder", options.add_line_options),
}

RECEIVERS = {
    "SimpleReceiverMLP": Part("models.receivers", "SimpleReceiverMLP", options.add_receiver_options),
}
