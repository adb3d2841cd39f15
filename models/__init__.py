"""Encoders, decoders and receivers by command-line name. Classes are imported when built: `--help` loads no torch."""

from learning_to_draw.components import Part
from learning_to_draw.models import options

ENCODERS = {
    "VGG16BackboneExtended": Part("models.encoders.vgg16", "VGG16BackboneExtended", options.add_vgg_options),
    "VGG16Backbone": Part("models.encoders.vgg16", "VGG16Backbone", options.add_pooled_vgg_options),
    "ResNet50Backbone": Part("models.encoders.resnet50", "ResNet50Backbone", options.add_resnet_options),
    "CLIPVisualEncoder": Part("models.encoders.clip_visual", "CLIPVisualEncoder", options.add_clip_options),
    "SqueezeNetBackbone": Part("models.encoders.squeezenet", "SqueezeNetBackbone", options.add_squeezenet_options),
    "SmallCNNEncoder": Part("models.encoders.small", "SmallCNNEncoder", options.add_latent_options),
    "BetterCNNEncoder": Part("models.encoders.small", "BetterCNNEncoder", options.add_latent_options),
    "SimpleCNNEncoder": Part("models.encoders.small", "SimpleCNNEncoder", options.add_latent_options),
    "SimpleMLPEncoder": Part("models.encoders.small", "SimpleMLPEncoder", options.add_mlp_encoder_options),
    "Conv2DEncoder": Part("models.encoders.small", "Conv2DEncoder", options.add_conv2d_options),
    "StrokeNetEncoder": Part("models.encoders.small", "StrokeNetEncoder", options.add_stroke_net_options),
}

DECODERS = {
    "SinglePassSimpleLineDecoder": Part(
        "models.decoders.single_pass", "SinglePassSimpleLineDecoder", options.add_line_options
    ),
    "SinglePassColouredLineDecoder": Part(
        "models.decoders.single_pass", "SinglePassColouredLineDecoder", options.add_line_options
    ),
    "SinglePassPointsDecoder": Part(
        "models.decoders.single_pass", "SinglePassPointsDecoder", options.add_point_options
    ),
    "SinglePassColouredPointsDecoder": Part(
        "models.decoders.single_pass", "SinglePassColouredPointsDecoder", options.add_point_options
    ),
    "SinglePassPolyLineDecoder": Part(
        "models.decoders.single_pass", "SinglePassPolyLineDecoder", options.add_polyline_options
    ),
    "SinglePassCRSDecoder": Part("models.decoders.single_pass", "SinglePassCRSDecoder", options.add_spline_options),
    "SinglePassColouredCRSDecoder": Part(
        "models.decoders.single_pass", "SinglePassColouredCRSDecoder", options.add_spline_options
    ),
    "SinglePassSimpleBezierDecoder": Part(
        "models.decoders.single_pass", "SinglePassSimpleBezierDecoder", options.add_bezier_options
    ),
    "SinglePassPolyConnectDecoder": Part(
        "models.decoders.connect", "SinglePassPolyConnectDecoder", options.add_connect_options
    ),
    "SinglePassBezierConnectDecoder": Part(
        "models.decoders.connect", "SinglePassBezierConnectDecoder", options.add_connect_options
    ),
    "RecurrentSimpleLineDecoder": Part(
        "models.decoders.recurrent", "RecurrentSimpleLineDecoder", options.recurrent(options.add_line_options)
    ),
    "RecurrentPolyLineDecoder": Part(
        "models.decoders.recurrent", "RecurrentPolyLineDecoder", options.recurrent(options.add_polyline_options)
    ),
    "RecurrentPolyConnectDecoder": Part(
        "models.decoders.recurrent",
        "RecurrentPolyConnectDecoder",
        options.recurrent(options.add_connect_options),
    ),
    "RecurrentCRSDecoder": Part(
        "models.decoders.recurrent", "RecurrentCRSDecoder", options.recurrent(options.add_spline_options)
    ),
    "RNNBezierDecoder": Part("models.decoders.recurrent", "RNNBezierDecoder", options.add_rnn_options),
    "RNNAttnBezierDecoder": Part(
        "models.decoders.recurrent", "RNNAttnBezierDecoder", options.add_attention_rnn_options
    ),
}

RECEIVERS = {
    "SimpleReceiverMLP": Part("models.receivers", "SimpleReceiverMLP", options.add_receiver_options),
}
