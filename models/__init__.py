"""Encoders, decoders and receivers by command-line name. Classes are imported when built: `--help` loads no torch."""

from learning_to_draw.components import Component
from learning_to_draw.models import options

ENCODERS = {
    "VGG16BackboneExtended": Component("models.encoders.vgg16", "VGG16BackboneExtended", options.add_vgg_options),
    "VGG16Backbone": Component("models.encoders.vgg16", "VGG16Backbone", options.add_pooled_vgg_options),
    "ResNet50Backbone": Component("models.encoders.resnet50", "ResNet50Backbone", options.add_resnet_options),
    "CLIPVisualEncoder": Component("models.encoders.clip_visual", "CLIPVisualEncoder", options.add_clip_options),
    "SqueezeNetBackbone": Component("models.encoders.squeezenet", "SqueezeNetBackbone", options.add_squeezenet_options),
    "SmallCNNEncoder": Component("models.encoders.small", "SmallCNNEncoder", options.add_latent_options),
    "BetterCNNEncoder": Component("models.encoders.small", "BetterCNNEncoder", options.add_latent_options),
    "SimpleCNNEncoder": Component("models.encoders.small", "SimpleCNNEncoder", options.add_latent_options),
    "SimpleMLPEncoder": Component("models.encoders.small", "SimpleMLPEncoder", options.add_mlp_encoder_options),
    "Conv2DEncoder": Component("models.encoders.small", "Conv2DEncoder", options.add_conv2d_options),
    "StrokeNetEncoder": Component("models.encoders.small", "StrokeNetEncoder", options.add_stroke_net_options),
}

DECODERS = {
    "SinglePassSimpleLineDecoder": Component(
        "models.decoders.single_pass", "SinglePassSimpleLineDecoder", options.add_line_options
    ),
    "SinglePassColouredLineDecoder": Component(
        "models.decoders.single_pass", "SinglePassColouredLineDecoder", options.add_line_options
    ),
    "SinglePassPointsDecoder": Component(
        "models.decoders.single_pass", "SinglePassPointsDecoder", options.add_point_options
    ),
    "SinglePassColouredPointsDecoder": Component(
        "models.decoders.single_pass", "SinglePassColouredPointsDecoder", options.add_point_options
    ),
    "SinglePassPolyLineDecoder": Component(
        "models.decoders.single_pass", "SinglePassPolyLineDecoder", options.add_polyline_options
    ),
    "SinglePassCRSDecoder": Component(
        "models.decoders.single_pass", "SinglePassCRSDecoder", options.add_spline_options
    ),
    "SinglePassColouredCRSDecoder": Component(
        "models.decoders.single_pass", "SinglePassColouredCRSDecoder", options.add_spline_options
    ),
    "SinglePassSimpleBezierDecoder": Component(
        "models.decoders.single_pass", "SinglePassSimpleBezierDecoder", options.add_bezier_options
    ),
    "SinglePassPolyConnectDecoder": Component(
        "models.decoders.connect", "SinglePassPolyConnectDecoder", options.add_connect_options
    ),
    "SinglePassBezierConnectDecoder": Component(
        "models.decoders.connect", "SinglePassBezierConnectDecoder", options.add_connect_options
    ),
    "RecurrentSimpleLineDecoder": Component(
        "models.decoders.recurrent", "RecurrentSimpleLineDecoder", options.recurrent(options.add_line_options)
    ),
    "RecurrentPolyLineDecoder": Component(
        "models.decoders.recurrent", "RecurrentPolyLineDecoder", options.recurrent(options.add_polyline_options)
    ),
    "RecurrentPolyConnectDecoder": Component(
        "models.decoders.recurrent",
        "RecurrentPolyConnectDecoder",
        options.recurrent(options.add_connect_options),
    ),
    "RecurrentCRSDecoder": Component(
        "models.decoders.recurrent", "RecurrentCRSDecoder", options.recurrent(options.add_spline_options)
    ),
    "RNNBezierDecoder": Component("models.decoders.recurrent", "RNNBezierDecoder", options.add_rnn_options),
    "RNNAttnBezierDecoder": Component(
        "models.decoders.recurrent", "RNNAttnBezierDecoder", options.add_attention_rnn_options
    ),
}

RECEIVERS = {
    "SimpleReceiverMLP": Component("models.receivers", "SimpleReceiverMLP", options.add_receiver_options),
}
