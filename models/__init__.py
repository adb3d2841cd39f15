"""The agents' parts by their names on the command line. Classes are imported when built: `--help` loads no torch."""

from learning_to_draw.models import options
from learning_to_draw.parts import Part

ENCODERS = {
    "VGG16BackboneExtended": Part("models.backbones", "VGG16BackboneExtended", options.add_vgg_options),
    "VGG16Backbone": Part("models.backbones", "VGG16Backbone", options.add_pooled_vgg_options),
    "ResNet50Backbone": Part("models.resnet", "ResNet50Backbone", options.add_resnet_options),
    "CLIPVisualEncoder": Part("models.clip_encoder", "CLIPVisualEncoder", options.add_clip_options),
    "SqueezeNetBackbone": Part("models.backbones", "SqueezeNetBackbone", options.add_squeezenet_options),
    "SmallCNNEncoder": Part("models.encoders", "SmallCNNEncoder", options.add_latent_options),
    "BetterCNNEncoder": Part("models.encoders", "BetterCNNEncoder", options.add_latent_options),
    "SimpleCNNEncoder": Part("models.encoders", "SimpleCNNEncoder", options.add_latent_options),
    "SimpleMLPEncoder": Part("models.encoders", "SimpleMLPEncoder", options.add_mlp_encoder_options),
    "Conv2DEncoder": Part("models.encoders", "Conv2DEncoder", options.add_conv2d_options),
    "StrokeNetEncoder": Part("models.encoders", "StrokeNetEncoder", options.add_stroke_net_options),
}

DECODERS = {
    "SinglePassSimpleLineDecoder": Part("models.decoders", "SinglePassSimpleLineDecoder", options.add_line_options),
    "SinglePassColouredLineDecoder": Part("models.decoders", "SinglePassColouredLineDecoder", options.add_line_options),
    "SinglePassPointsDecoder": Part("models.decoders", "SinglePassPointsDecoder", options.add_point_options),
    "SinglePassColouredPointsDecoder": Part(
        "models.decoders", "SinglePassColouredPointsDecoder", options.add_point_options
    ),
    "SinglePassPolyLineDecoder": Part("models.decoders", "SinglePassPolyLineDecoder", options.add_polyline_options),
    "SinglePassCRSDecoder": Part("models.decoders", "SinglePassCRSDecoder", options.add_spline_options),
    "SinglePassColouredCRSDecoder": Part("models.decoders", "SinglePassColouredCRSDecoder", options.add_spline_options),
    "SinglePassSimpleBezierDecoder": Part(
        "models.decoders", "SinglePassSimpleBezierDecoder", options.add_bezier_options
    ),
    "SinglePassPolyConnectDecoder": Part(
        "models.connecting", "SinglePassPolyConnectDecoder", options.add_connect_options
    ),
    "SinglePassBezierConnectDecoder": Part(
        "models.connecting", "SinglePassBezierConnectDecoder", options.add_connect_options
    ),
    "RecurrentSimpleLineDecoder": Part(
        "models.recurrent", "RecurrentSimpleLineDecoder", options.recurrent(options.add_line_options)
    ),
    "RecurrentPolyLineDecoder": Part(
        "models.recurrent", "RecurrentPolyLineDecoder", options.recurrent(options.add_polyline_options)
    ),
    "RecurrentPolyConnectDecoder": Part(
        "models.recurrent",
        "RecurrentPolyConnectDecoder",
        options.recurrent(options.add_connect_options),
    ),
    "RecurrentCRSDecoder": Part(
        "models.recurrent", "RecurrentCRSDecoder", options.recurrent(options.add_spline_options)
    ),
    "RNNBezierDecoder": Part("models.recurrent", "RNNBezierDecoder", options.add_rnn_options),
    "RNNAttnBezierDecoder": Part("models.recurrent", "RNNAttnBezierDecoder", options.add_attention_rnn_options),
}

RECEIVERS = {
    "SimpleReceiverMLP": Part("models.receivers", "SimpleReceiverMLP", options.add_receiver_options),
}
